//! Attended transfer: a phone joins those with whom it talks on two lines (R2).

use belfry::base::Duration;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, State};
use belfry::switch::fact::FactKind;

use super::house::{CALLER_HZ, House, MUSIC_HZ, channels, hz, tone_of};

/// A caller in talk with 1001, who holds it and calls 1003 on a second line: caller, both lines, 1003.
fn house(seed: u64, manner: Manner) -> (House, usize, [usize; 2], usize) {
    let mut house = House::new(Faults::NONE, seed);
    for n in [0, 2] {
        house.register(n);
    }
    house.caller_to_agent();
    let (caller, first, third) = (house.caller, house.phones[0], house.phones[2]);
    house.hear_each_other(caller, first);
    house.world.with(first, |phone, now| phone.hold(now, true));
    assert_eq!(house.hears(caller, &[MUSIC_HZ, hz(0)]), Some(MUSIC_HZ));
    let second = house.second_line(0);
    house.world.with(third, |phone, _| phone.behave(manner));
    house.world.with(second, |phone, now| phone.call(now, "1003"));
    (house, caller, [first, second], third)
}

fn answers() -> Manner {
    Manner::AnswerAfter(Duration::from_millis(500))
}

fn transfer(house: &mut House, [first, second]: [usize; 2]) {
    let line = house.world.phone(second).line().expect("a dialog");
    house.world.with(first, |phone, now| phone.refer_to_line(now, "1003", &line));
}

#[test]
fn the_caller_and_the_colleague_talk_and_the_call_is_the_callers() {
    let (mut house, caller, lines, third) = house(1, answers());
    house.until_state(third, State::Talking);
    house.hear_each_other(lines[1], third);
    transfer(&mut house, lines);
    for line in lines {
        house.until_state(line, State::Ended(0));
    }
    house.hear_each_other(caller, third);
    assert_eq!(house.facts("leg_moved").len(), 1);
    // When the colleague hangs up, the caller's own plan goes on: the survey.
    house.hang_up(third);
    house.world.run(Duration::from_secs(2));
    assert_eq!(house.state(caller), State::Talking);
    house.hang_up(caller);
    house.ends_clean();
    assert_eq!(house.facts("call_ended").len(), 2);
    let FactKind::Transferred { call, to, .. } = house.facts("transferred")[0] else {
        unreachable!()
    };
    let FactKind::CallBegan { call: first, .. } = house.facts("call_began")[0] else {
        unreachable!()
    };
    assert_eq!((call, to.as_str()), (first, "1003"));
    let recording = house.world.recordings.values().next().expect("recorded");
    let [left, right] = channels(recording);
    let tones = [CALLER_HZ, hz(0), hz(2), MUSIC_HZ];
    let heard: Vec<_> = (0..right.len() / 8_000)
        .filter_map(|s| tone_of(&right[s * 8_000..s * 8_000 + 4_000], &tones))
        .collect();
    assert!(
        heard.contains(&hz(0)) && heard.contains(&hz(2)),
        "both agents on the right: {heard:?}"
    );
    assert_eq!(tone_of(&left[4_000..6_400], &tones), Some(CALLER_HZ));
}

#[test]
fn while_the_colleague_rings_the_caller_is_sent_on() {
    let (mut house, caller, lines, third) = house(2, Manner::AnswerAfter(Duration::from_secs(4)));
    house.until_state(third, State::Ringing);
    house.world.run(Duration::from_millis(200));
    transfer(&mut house, lines);
    house.until_state(third, State::Talking);
    house.world.run(Duration::from_secs(4));
    for line in lines {
        assert!(matches!(house.state(line), State::Ended(_)), "{:?}", house.state(line));
    }
    house.hear_each_other(caller, third);
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn what_cannot_be_joined_leaves_both_calls_as_they_are() {
    let (mut house, caller, lines, third) = house(3, answers());
    house.until_state(lines[1], State::Talking);
    let mut line = house.world.phone(lines[1]).line().expect("a dialog");
    line.call_id = b"of nobody"[..].into();
    house.world.with(lines[0], |phone, now| phone.refer_to_line(now, "1003", &line));
    // Somebody else's line: 1003 may not take part in what 1001 talks.
    let foreign = house.world.phone(third).line().expect("a dialog");
    house.world.with(lines[0], |phone, now| phone.refer_to_line(now, "1003", &foreign));
    house.world.run(Duration::from_secs(2));
    house.hear_each_other(lines[1], third);
    house.world.with(lines[0], |phone, now| phone.hold(now, false));
    house.hear_each_other(caller, lines[0]);
    assert!(house.facts("leg_moved").is_empty());
    for phone in [caller, third] {
        house.hang_up(phone);
    }
    house.ends_clean();
}

#[test]
fn whoever_hangs_up_in_the_middle_leaves_nothing_behind() {
    for who in 0..4 {
        let (mut house, caller, lines, third) = house(10 + who, answers());
        house.until_state(lines[1], State::Talking);
        transfer(&mut house, lines);
        let phones = [caller, lines[0], lines[1], third];
        house.hang_up(phones[who as usize]);
        house.world.run(Duration::from_secs(10));
        for phone in [caller, third] {
            house.hang_up(phone);
        }
        house.ends_clean();
    }
}
