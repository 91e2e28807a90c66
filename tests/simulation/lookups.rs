//! Menus bound to the business (R3): what plans ask of programs and the store, in virtual time.

use belfry::base::Duration;
use belfry::dialplan::lookup::{Outcome, Told};
use belfry::media::control::Codec;
use belfry::sim::network::Faults;
use belfry::sim::phone::State;
use belfry::switch::Input;
use belfry::switch::fact::FactKind;

use super::house::{House, plan, tone_of};

const PLAN: &str = r#"
[service.crm]
url = "https://crm.example"
[[route]]
name = "points"
context = "gateway"
when = { to = "1" }
steps = ["answer", { http = { service = "crm", path = "/${from}", timeout = "10 s", take = { points = "p" }, on = {
    ok = [{ note = { name = "points", value = "${points}" } }, { hangup = "busy" }],
    timeout = [{ hangup = "rejected" }],
} } }]
[[route]]
name = "music"
context = "gateway"
when = { to = "2" }
steps = ["answer", { http = { service = "crm", timeout = "10 s", say = "please-wait", music = "default" } }]
[[route]]
name = "unanswered"
context = "gateway"
when = { to = "3" }
steps = [{ http = { service = "crm", timeout = "10 s" } }, { hangup = "busy" }]
"#;

fn house() -> House {
    let plan = plan(&[("lookups.toml".into(), PLAN.into())]);
    House::with_plan(plan, Faults::NONE, 7, [&[Codec::Pcma]; 4], |_| ())
}

fn dials(house: &mut House, to: &str) {
    house.world.with(house.caller, |phone, now| phone.call(now, to));
    house.world.run(Duration::from_millis(300));
    assert_eq!(house.world.lookups.len(), 1, "the plan asks");
}

/// Answers the oldest question.
fn answer(house: &mut House, told: Told) {
    let (id, _) = house.world.lookups.remove(0);
    house.world.input(Input::Told(id, Box::new(told)));
}

fn field(house: &House, wanted: &str) -> Option<String> {
    house.world.facts.iter().rev().find_map(|fact| match &fact.kind {
        FactKind::CallField { name, value, .. } if name == wanted => Some(value.clone()),
        _ => None,
    })
}

#[test]
fn an_answer_in_time_leads_on_and_stands_on_the_record() {
    let mut house = house();
    dials(&mut house, "1");
    let mut told = Told { status: Some(200), ms: 35, ..Told::of(Outcome::Ok, "") };
    told.values.push(("points".into(), "1250".into()));
    answer(&mut house, told);
    house.until_state(house.caller, State::Ended(0));
    assert_eq!(field(&house, "http crm").as_deref(), Some("ok 200, 35 ms"));
    assert_eq!(field(&house, "points").as_deref(), Some("1250"));
    house.ends_clean();
}

#[test]
fn nobody_who_answers_is_waited_for_longer_than_the_step_says() {
    let mut house = house();
    dials(&mut house, "1");
    house.world.run(Duration::from_secs(11));
    assert_eq!(house.world.phone(house.caller).state, State::Talking);
    house.until_state(house.caller, State::Ended(0));
    // Not even that its time is over was heard: what came of the question is not known.
    assert!(field(&house, "http crm").is_some_and(|told| told.starts_with("failed")));
    // What comes after all is for nobody.
    answer(&mut house, Told::of(Outcome::Ok, ""));
    house.ends_clean();
}

#[test]
fn a_caller_is_not_left_in_silence() {
    for (to, hz) in [("1", 450.0), ("2", super::house::MUSIC_HZ)] {
        let mut house = house();
        dials(&mut house, to);
        house.world.run(Duration::from_secs(7));
        let heard = house.world.phone(house.caller).ear.samples().to_vec();
        let loud = |samples: &[i16]| samples.iter().any(|s| s.unsigned_abs() > 300);
        // From the second second on, no two seconds are silent but for the ringing tone's own pause of four.
        let first = heard.chunks(8_000).position(loud).expect("something is heard");
        assert!(first <= 1, "silent for {first} s");
        let tones = heard.chunks(800).filter(|part| tone_of(part, &[hz, 1_000.0]) == Some(hz));
        assert!(tones.count() >= 8, "{hz} Hz for {to}");
        answer(&mut house, Told::of(Outcome::Failed, "no"));
        house.until_state(house.caller, State::Ended(0));
        house.ends_clean();
    }
}

#[test]
fn an_unanswered_caller_hears_that_it_rings_and_is_not_answered() {
    let mut house = house();
    dials(&mut house, "3");
    house.world.run(Duration::from_secs(2));
    assert_eq!(house.world.phone(house.caller).state, State::Progress(180));
    answer(&mut house, Told::of(Outcome::NotFound, ""));
    house.until_state(house.caller, State::Ended(486));
    house.ends_clean();
}

#[test]
fn who_hangs_up_meanwhile_has_the_outcome_on_its_record_all_the_same() {
    let mut house = house();
    dials(&mut house, "1");
    house.world.with(house.caller, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(1));
    answer(&mut house, Told { ms: 1_300, ..Told::of(Outcome::Ok, "") });
    assert_eq!(field(&house, "http crm").as_deref(), Some("ok, 1300 ms"));
    house.ends_clean();
}
