//! Two calls that live on different RTP workers are joined: their parties hear each other, are recorded and
//! press keys, and each may leave (R2).

use belfry::base::Duration;
use belfry::sim::phone::State;
use belfry::switch::fact::FactKind;

use super::house::{CALLER_HZ, House, channels, hz, tone_of};

const PLAN: &str = r#"
[[route]]
name = "agent"
context = "gateway"
when = { to = "4008001234" }
steps = [{ dial = { phones = ["1001"], record = true } }, { wait = 60 }]
[[route]]
name = "inside"
context = "agents"
when = { to = "100X" }
steps = [{ dial = { phones = ["${to}"], timeout = 10 } }]
"#;

/// A caller by the gateway talks with 1001, and so does 1003, each in a call of its own: the caller, both
/// lines of 1001, 1003.
fn house(seed: u64) -> (House, usize, [usize; 2], usize) {
    let mut house = House::of_two_workers(PLAN, seed);
    let (caller, first, third) = (house.caller, house.phones[0], house.phones[2]);
    for n in [0, 2] {
        house.register(n);
    }
    house.talk(caller, "4008001234", first);
    let second = house.second_line(0);
    let nth = house.phones.len() - 1;
    house.register(nth);
    house.talk(third, "1001", second);
    (house, caller, [first, second], third)
}

fn join(house: &mut House, [first, second]: [usize; 2]) {
    let line = house.world.phone(second).line().expect("a dialog");
    house.world.with(first, |phone, now| phone.refer_to_line(now, "1003", &line));
    for line in [first, second] {
        house.until_state(line, State::Ended(0));
    }
}

#[test]
fn those_of_two_workers_hear_each_other_and_are_recorded() {
    let (mut house, caller, lines, third) = house(1);
    house.hear_each_other(caller, lines[0]);
    join(&mut house, lines);
    house.hear_each_other(caller, third);
    house.world.run(Duration::from_secs(2));
    // Hold and back.
    house.world.with(third, |phone, now| phone.hold(now, true));
    assert_eq!(house.hears(caller, &[super::house::MUSIC_HZ, hz(2)]), Some(super::house::MUSIC_HZ));
    house.world.with(third, |phone, now| phone.hold(now, false));
    house.hear_each_other(caller, third);
    house.hang_up(third);
    house.world.run(Duration::from_secs(1));
    assert_eq!(house.state(caller), State::Talking, "the caller's plan goes on");
    house.hang_up(caller);
    house.ends_clean();
    assert_eq!(house.facts("leg_moved").len(), 1);
    let recording = house.world.recordings.values().next().expect("recorded");
    let [left, right] = channels(recording);
    let tones = [CALLER_HZ, hz(0), hz(2)];
    let of = |side: &[i16]| -> Vec<f64> {
        side.chunks_exact(8_000).filter_map(|second| tone_of(second, &tones)).collect()
    };
    assert!(of(&left).contains(&CALLER_HZ) && !of(&left).contains(&hz(2)));
    assert!(of(&right).contains(&hz(0)) && of(&right).contains(&hz(2)), "{:?}", of(&right));
}

#[test]
fn a_key_reaches_the_other_worker_and_who_leaves_leaves_nothing() {
    for leaves in 0..2 {
        let (mut house, caller, lines, third) = house(10 + leaves);
        join(&mut house, lines);
        house.hear_each_other(caller, third);
        let keys = house.world.phone(third).ear.digits.len();
        house.press(caller, '5');
        house.world.run(Duration::from_secs(1));
        assert!(house.world.phone(third).ear.digits.len() > keys, "the key is heard");
        house.hang_up([caller, third][leaves as usize]);
        house.world.run(Duration::from_secs(2));
        house.hang_up(caller);
        house.ends_clean();
        let all = house.facts("call_ended");
        assert!(all.iter().all(|kind| matches!(kind, FactKind::CallEnded { .. })));
        assert_eq!(all.len(), 2);
    }
}
