//! A network that says by tones what others say by causes: busy in early media, congestion behind an
//! answer, ringing that is none of both (R1).

use belfry::base::{Duration, Rng};
use belfry::sim::phone::{Manner, State};
use belfry::sim::world::World;
use belfry::switch::fact::FactKind;

use super::house::House;

/// China's cadences of 450 Hz.
const BUSY: [u32; 2] = [350, 350];
const CONGESTION: [u32; 2] = [700, 700];
const RINGBACK: [u32; 2] = [1_000, 4_000];

const PLAN: &str = r#"
[[route]]
name = "out"
context = "agents"
when = { to = "0(.)" }
steps = [{ dial = { gateway = "far", number = "$1", timeout = 20, ring = "RING", on = { busy = [{ dial = "1002" }] } } }]
"#;

/// Phones 1001 and 1002 registered, and a far network that answers with 183 and plays 450 Hz.
fn house(seed: u64, ring: &str, cadence: [u32; 2], manner: Manner) -> (House, usize) {
    let (gateway, rtp) = World::addresses(40);
    let sections = format!(
        "[[gateway]]\nname = \"far\"\naddress = \"udp:{gateway}\"\ntones = \"cn\"\nping = \"0 s\"\n"
    );
    let mut house = House::with_sections(&PLAN.replace("RING", ring), &sections, seed);
    let mut setup = house.world.phone(house.caller).setup().clone();
    (setup.sip, setup.rtp, setup.manner) = (gateway, rtp, manner);
    let far = house.world.add(setup, Rng::from_seed(seed));
    house.world.with(far, |phone, _| phone.plays = Some((450.0, cadence)));
    for n in [0, 1] {
        house.register(n);
    }
    (house, far)
}

fn heard(house: &House) -> Vec<(String, Option<u8>)> {
    let tone = |kind: &&FactKind| match kind {
        FactKind::ToneHeard { tone, cause, .. } => (tone.clone(), *cause),
        _ => unreachable!(),
    };
    house.facts("tone_heard").iter().map(tone).collect()
}

#[test]
fn busy_in_early_media_is_busy_whether_the_caller_hears_it_or_music() {
    for (seed, ring) in [(1, "early-media"), (2, "music")] {
        let (mut house, far) = house(seed, ring, BUSY, Manner::Ring);
        let (caller, next) = (house.phones[0], house.phones[1]);
        house.world.with(caller, |phone, now| phone.call(now, "0123"));
        house.until_state(next, State::Talking);
        assert!(matches!(house.state(far), State::Ended(_)), "{:?}", house.state(far));
        house.hear_each_other(caller, next);
        house.hang_up(caller);
        house.ends_clean();
        assert_eq!(heard(&house), [("busy".to_owned(), Some(17))]);
        let ended = house.facts("leg_ended");
        assert!(ended.iter().any(|kind| matches!(kind, FactKind::LegEnded { cause: 17, .. })));
    }
}

#[test]
fn the_ringing_tone_is_noted_and_the_call_goes_on() {
    let (mut house, far) = house(3, "early-media", RINGBACK, Manner::Ring);
    let caller = house.phones[0];
    house.world.with(caller, |phone, now| phone.call(now, "0123"));
    house.world.run(Duration::from_secs(12));
    assert_eq!(house.state(far), State::Ringing);
    house.hang_up(caller);
    house.ends_clean();
    assert_eq!(heard(&house), [("ringback".to_owned(), None)]);
}

#[test]
fn congestion_behind_an_answer_ends_the_call() {
    let answers = Manner::AnswerAfter(Duration::from_millis(300));
    let (mut house, far) = house(4, "ringback", CONGESTION, answers);
    let caller = house.phones[0];
    house.world.with(caller, |phone, now| phone.call(now, "0123"));
    house.until_state(caller, State::Talking);
    assert!(
        house
            .world
            .until(Duration::from_secs(9), |w| { matches!(w.phone(far).state, State::Ended(_)) })
    );
    house.world.run(Duration::from_secs(2));
    house.ends_clean();
    assert_eq!(heard(&house), [("congestion".to_owned(), Some(34))]);
}
