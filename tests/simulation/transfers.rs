//! Blind transfer by REFER (R2): to a phone, to the survey, to nobody; who is recorded, who hears whom.

use belfry::base::Duration;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, State};
use belfry::switch::fact::FactKind;

use super::house::{CALLER_HZ, House, MUSIC_HZ, channels, hz, tone_of};

/// A caller in talk with 1001; 1003 and 1004 are there, too.
fn house(seed: u64) -> (House, usize, usize) {
    let mut house = House::new(Faults::NONE, seed);
    for n in [0, 2, 3] {
        house.register(n);
    }
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    house.hear_each_other(caller, agent);
    (house, caller, agent)
}

#[test]
fn the_caller_goes_on_with_the_new_agent_and_both_are_recorded() {
    let (mut house, caller, agent) = house(1);
    let third = house.phones[2];
    house.world.with(agent, |phone, now| phone.refer(now, "1003"));
    house.until_state(third, State::Talking);
    house.until_state(agent, State::Ended(0));
    house.hear_each_other(caller, third);
    house.hang_up(caller);
    house.ends_clean();
    let recording = house.world.recordings.values().next().expect("recorded");
    let [left, right] = channels(recording);
    let tones = [CALLER_HZ, hz(0), hz(2)];
    let end = left.len() - 2_400;
    assert_eq!(tone_of(&left[4_000..6_400], &tones), Some(CALLER_HZ));
    assert_eq!(tone_of(&right[4_000..6_400], &tones), Some(hz(0)));
    assert_eq!(tone_of(&left[end - 2_400..end], &tones), Some(CALLER_HZ));
    assert_eq!(tone_of(&right[end - 2_400..end], &tones), Some(hz(2)), "the new agent");
    assert_eq!(house.world.recordings.len(), 1, "one file");
}

#[test]
fn to_the_survey_the_agent_is_free_at_once() {
    let (mut house, caller, agent) = house(2);
    house.world.with(agent, |phone, now| phone.refer(now, "*4"));
    house.until_state(agent, State::Ended(0));
    assert_eq!(house.state(caller), State::Talking);
    house.press(caller, '2');
    house.press(caller, '1');
    house.until_state(caller, State::Ended(0));
    house.ends_clean();
    assert_eq!(house.facts("survey_answer").len(), 2);
    let FactKind::CallEnded { talk_ms, .. } = house.facts("call_ended")[0] else { unreachable!() };
    assert!((3_000..6_000).contains(talk_ms), "{talk_ms}");
}

#[test]
fn by_key_to_the_survey_the_talk_counts() {
    let (mut house, caller, agent) = house(3);
    house.press(agent, '*');
    house.press(agent, '4');
    house.until_state(agent, State::Ended(0));
    house.press(caller, '1');
    house.press(caller, '1');
    house.until_state(caller, State::Ended(0));
    house.ends_clean();
    assert_eq!(house.facts("survey_answer").len(), 2);
    let FactKind::CallEnded { talk_ms, .. } = house.facts("call_ended")[0] else { unreachable!() };
    assert!(*talk_ms >= 3_000, "{talk_ms}");
}

#[test]
fn whom_nobody_takes_comes_back() {
    for (seed, number) in [(4, "1004"), (5, "1999")] {
        let (mut house, caller, agent) = house(seed);
        let busy = house.phones[3];
        house.world.with(busy, |phone, _| phone.behave(Manner::Refuse(486)));
        house.world.with(agent, |phone, now| phone.refer(now, number));
        house.world.run(Duration::from_secs(3));
        assert_eq!(house.state(agent), State::Talking, "{number}");
        house.hear_each_other(caller, agent);
        house.hang_up(agent);
        house.world.run(Duration::from_secs(1));
        assert_eq!(house.state(caller), State::Talking, "on to the survey");
        house.hang_up(caller);
        house.ends_clean();
    }
}

/// Each agent sends the caller on to the next, round and round; the last one to itself.
#[test]
fn transfers_in_circles_leave_nothing() {
    let (mut house, caller, _) = house(12);
    let agents = [0, 2, 3].map(|n| (house.phones[n], ["1001", "1002", "1003", "1004"][n]));
    for round in 0..9 {
        let ((from, _), (to, number)) = (agents[round % 3], agents[(round + 1) % 3]);
        house.world.with(from, |phone, now| phone.refer(now, number));
        house.until_state(to, State::Talking);
        house.until_state(from, State::Ended(0));
        house.hear_each_other(caller, to);
        let (calls, legs, _) = house.world.switch.in_being();
        assert_eq!((calls, legs), (1, 2), "round {round}");
    }
    let (last, number) = agents[0];
    house.world.with(last, |phone, now| phone.refer(now, number));
    house.world.run(Duration::from_secs(5));
    house.hear_each_other(caller, last);
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn who_hangs_up_in_mid_transfer_is_gone_and_the_rest_follows() {
    let (mut house, caller, agent) = house(6);
    let third = house.phones[2];
    house.world.with(third, |phone, _| phone.behave(Manner::Ring));
    house.world.with(agent, |phone, now| phone.refer(now, "1003"));
    house.until_state(third, State::Ringing);
    assert_eq!(house.hears(agent, &[MUSIC_HZ, CALLER_HZ]), Some(MUSIC_HZ), "who waits hears music");
    house.hang_up(caller);
    house.until_state(agent, State::Ended(0));
    house.ends_clean();
}

const INSIDE: &str = r#"
[[route]]
name    = "inside"
context = "agents"
when    = { to = "1xxx" }
steps   = [{ dial = { phones = "${to}", record = true } }]
"#;

/// The caller transfers the one whom it called: that one is recorded on.
#[test]
fn the_called_party_sent_on_by_the_caller_is_recorded_on() {
    let mut house = House::of(INSIDE, 7);
    (0..3).for_each(|n| house.register(n));
    let [one, two, three] = [0, 1, 2].map(|n| house.phones[n]);
    house.talk(one, "1002", two);
    house.world.run(Duration::from_secs(2));
    house.world.with(one, |phone, now| phone.refer(now, "1003"));
    house.until_state(three, State::Talking);
    house.hear_each_other(two, three);
    house.hang_up(two);
    house.ends_clean();
    let [left, right] = channels(house.world.recordings.values().next().expect("recorded"));
    let tones = [hz(0), hz(1), hz(2)];
    let at = |side: &[i16], at: usize| tone_of(&side[at..at + 2_400], &tones);
    assert_eq!((at(&left, 6_000), at(&right, 6_000)), (Some(hz(0)), Some(hz(1))));
    let end = left.len() - 4_800;
    let mut last = [at(&left, end), at(&right, end)];
    last.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
    assert_eq!(last, [Some(hz(1)), Some(hz(2))]);
}

/// Whoever is called through a gateway would dial by our plan, at our cost: it is refused.
#[test]
fn a_party_behind_a_gateway_sends_nobody_on() {
    let (mut house, caller, agent) = house(8);
    house.world.with(caller, |phone, now| phone.refer(now, "1003"));
    house.world.run(Duration::from_secs(2));
    assert!(house.facts("transferred").is_empty());
    house.hear_each_other(caller, agent);
    house.hang_up(caller);
    house.ends_clean();
}
