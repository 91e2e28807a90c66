//! Queues that close, and callers who overflow into another one (R18).

use belfry::base::Duration;
use belfry::sim::phone::{Manner, State};
use belfry::switch::fact::{FactKind, QueueFact};

use super::house::House;
use super::queue::{PLAN, behaves, caller_calls, code, sign_in, until_word};

/// The simulated world begins on a Monday at 09:00.
const SECTIONS: &str = "[[agent]]
number = \"7001\"
pin = \"4711\"
[[agent]]
number = \"7002\"
pin = \"4711\"
[[queue]]
name = \"care\"
agents = [\"7001\"]
open = [\"mon 09:00-09:01\"]
leave_at_close = true
overflow = \"night\"
[[queue]]
name = \"night\"
agents = [\"7002\"]
";

/// Each queue's facts, by word.
fn told(house: &House) -> Vec<(String, &'static str)> {
    let word = |kind: &&FactKind| match kind {
        FactKind::Queue { queue, what, .. } => Some((queue.clone(), what.word())),
        _ => None,
    };
    house.facts("queue").iter().filter_map(word).collect()
}

#[test]
fn who_waits_when_a_queue_closes_is_served_by_the_one_it_overflows_into() {
    let mut house = House::with_sections(PLAN, SECTIONS, 41);
    sign_in(&mut house, 0, "7001");
    code(&mut house, 0, "*14");
    sign_in(&mut house, 1, "7002");
    caller_calls(&mut house);
    house.world.run(Duration::from_secs(5));
    assert_eq!(told(&house), [("care".to_owned(), "entered")], "nobody of care is ready");
    // It closes at 09:01.
    house.world.run(Duration::from_secs(40));
    until_word(&mut house, "answered", 1);
    let agent = house.phones[1];
    house.until_state(agent, State::Talking);
    house.hear_each_other(house.caller, agent);
    house.hang_up(house.caller);
    house.until_state(agent, State::Ended(0));
    let words: Vec<_> =
        told(&house).into_iter().map(|(queue, word)| format!("{queue} {word}")).collect();
    assert_eq!(
        words[..6],
        [
            "care entered",
            "care left",
            "care overflowed",
            "night entered",
            "night offered",
            "night answered"
        ]
    );
    let left = house.facts("queue").into_iter().find_map(|kind| match kind {
        FactKind::Queue { what: QueueFact::Left { why, .. }, .. } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(left.as_deref(), Some("closed"));
    house.ends_clean();
}

#[test]
fn who_comes_when_a_queue_is_closed_is_served_by_the_one_it_overflows_into() {
    let mut house = House::with_sections(PLAN, SECTIONS, 42);
    sign_in(&mut house, 0, "7001");
    sign_in(&mut house, 1, "7002");
    house.world.run(Duration::from_secs(60));
    behaves(&mut house, 1, Manner::AnswerAfter(Duration::from_millis(100)));
    caller_calls(&mut house);
    until_word(&mut house, "answered", 1);
    let words: Vec<_> =
        told(&house).into_iter().map(|(queue, word)| format!("{queue} {word}")).collect();
    assert_eq!(words[..2], ["care refused", "care overflowed"]);
    assert_eq!(words[2..4], ["night entered", "night offered"]);
    house.hang_up(house.caller);
    house.ends_clean();
}

/// With nobody to overflow to, the plan hears that it is closed, before the caller is answered.
#[test]
fn without_another_queue_the_plan_goes_on() {
    let plan = PLAN.replace(
        "[{ queue = { name = \"care\" } }]",
        "[{ queue = { name = \"care\", on = { closed = [{ hangup = \"busy\" }] } } }]",
    );
    let sections = SECTIONS.replace("overflow = \"night\"\n", "");
    let mut house = House::with_sections(&plan, &sections, 43);
    sign_in(&mut house, 0, "7001");
    house.world.run(Duration::from_secs(60));
    house.world.with(house.caller, |phone, now| phone.call(now, "800"));
    house.until_state(house.caller, State::Ended(486));
    house.ends_clean();
}
