//! How calls end: the plan's last steps, and what the record says (R21): cause, by whom.

use belfry::base::Duration;
use belfry::media::control::Codec;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, State};
use belfry::switch::Input;
use belfry::switch::console::Request;
use belfry::switch::fact::{EndedBy, FactKind};
use belfry::switch::io::RequestId;

use super::house::{CALLER_HZ, House, channels, hz, plan, tone_of};

const NOTED: &str = r#"
[[route]]
name      = "noted"
context   = "gateway"
on-hangup = [{ note = { name = "how", value = "${dial_result}" } }]
steps     = [
  { answer = {} },
  { record = "on" },
  { wait = "1 s" },
  { if = { when = { to = "7" }, then = [{ hangup = {} }] } },
  { dial = { phones = "1001", timeout = 5 } },
  { wait = "2 s" },
]
"#;

fn noted(seed: u64) -> House {
    let mut house = House::of(NOTED, seed);
    house.register(0);
    house
}

/// What the plan noted at the end; once, or not as it should be.
fn note(house: &House) -> String {
    let noted =
        |fact: &&FactKind| matches!(fact, FactKind::CallField { name, .. } if name == "how");
    let all: Vec<&FactKind> = house.facts("call_field").into_iter().filter(noted).collect();
    match all[..] {
        [FactKind::CallField { value, .. }] => value.clone(),
        ref other => panic!("{other:?}"),
    }
}

fn ended(house: &House) -> (u8, EndedBy) {
    match house.facts("call_ended")[..] {
        [FactKind::CallEnded { cause, by, .. }] => (*cause, *by),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn the_last_steps_are_done_whoever_ends_the_call() {
    // The plan.
    let mut house = noted(1);
    house.world.with(house.caller, |phone, now| phone.call(now, "7"));
    house.until_state(house.caller, State::Talking);
    house.until_state(house.caller, State::Ended(0));
    house.ends_clean();
    assert_eq!((note(&house).as_str(), ended(&house)), ("", (16, EndedBy::Plan)));

    // The caller, in the talk.
    let mut house = noted(2);
    house.talk(house.caller, "8", house.phones[0]);
    house.world.run(Duration::from_secs(2));
    house.hang_up(house.caller);
    house.ends_clean();
    assert_eq!((note(&house).as_str(), ended(&house)), ("answered", (16, EndedBy::Caller)));

    // The agent, and then the plan comes to its end.
    let mut house = noted(3);
    house.talk(house.caller, "8", house.phones[0]);
    house.hang_up(house.phones[0]);
    house.until_state(house.caller, State::Ended(0));
    house.ends_clean();
    assert_eq!((note(&house).as_str(), ended(&house)), ("answered", (16, EndedBy::Plan)));

    // An operator.
    let mut house = noted(4);
    house.talk(house.caller, "8", house.phones[0]);
    let FactKind::CallBegan { call, .. } = house.facts("call_began")[0] else { unreachable!() };
    let call = *call;
    house.world.input(Input::Console(RequestId(1), Request::Hangup(call)));
    house.until_state(house.caller, State::Ended(0));
    house.ends_clean();
    assert_eq!((note(&house).as_str(), ended(&house)), ("", (16, EndedBy::Console)));
}

/// `record` before `dial`, as FreeSWITCH's plans do it: both parties are on it, to the plan's end.
#[test]
fn what_the_plan_records_has_both_parties() {
    let mut house = noted(5);
    house.talk(house.caller, "8", house.phones[0]);
    house.world.run(Duration::from_secs(3));
    house.hang_up(house.phones[0]);
    house.until_state(house.caller, State::Ended(0));
    house.ends_clean();
    let [left, right] = channels(house.world.recordings.values().next().expect("recorded"));
    let tones = [CALLER_HZ, hz(0)];
    let middle = 16_000..20_000;
    assert_eq!(tone_of(&left[middle.clone()], &tones), Some(CALLER_HZ));
    assert_eq!(tone_of(&right[middle], &tones), Some(hz(0)));
    let end = left.len() - 4_000..left.len() - 1_600;
    assert_eq!(tone_of(&left[end.clone()], &tones), Some(CALLER_HZ), "the plan did not stop it");
    assert_eq!(tone_of(&right[end], &tones), None);
}

#[test]
fn the_record_says_why_a_call_was_refused_or_nobody_answered() {
    // An unknown number.
    let mut house = House::of(NOTED, 6);
    house.register(0);
    house.world.with(house.phones[0], |phone, now| phone.call(now, "4711"));
    house.until_state(house.phones[0], State::Ended(404));
    house.ends_clean();
    assert_eq!(ended(&house).0, 1);
    assert!(matches!(
        house.facts("leg_ended")[..],
        [FactKind::LegEnded { cause: 1, status: 404, by: EndedBy::Plan, .. }]
    ));

    // A phone that rings in vain.
    let mut house = noted(7);
    house.world.with(house.phones[0], |phone, _| phone.behave(Manner::Ring));
    house.world.with(house.caller, |phone, now| phone.call(now, "8"));
    house.until_state(house.phones[0], State::Ringing);
    house.until_state(house.caller, State::Ended(0));
    house.ends_clean();
    let FactKind::LegEnded { cause, by, ring_ms, .. } = house.facts("leg_ended")[0] else {
        unreachable!()
    };
    assert_eq!((*cause, *by), (19, EndedBy::Limit));
    assert!((4_900..=5_000).contains(ring_ms), "{ring_ms}");
    assert_eq!(note(&house), "no-answer");
}

/// FreeSWITCH's `respond` and its CALL_REJECTED.
#[test]
fn a_plan_in_xml_refuses_by_the_very_status() {
    let route = |to: &str, step: &str| {
        format!(
            "<extension name='{to}'><condition field='destination_number' expression='^{to}$'>\
             <action {step}/></condition></extension>"
        )
    };
    for (to, status, step) in [
        ("480", 480, "application='respond' data='480 Go Away'"),
        ("500", 500, "application='respond' data='500'"),
        ("603", 603, "application='respond' data='603'"),
        ("21", 603, "application='hangup' data='CALL_REJECTED'"),
    ] {
        let text =
            format!("<include><context name='agents'>{}</context></include>", route(to, step));
        let plan = plan(&[("a.xml".into(), text)]);
        let mut house = House::with_plan(plan, Faults::NONE, 9, [&[Codec::Pcma]; 4], |_| ());
        house.register(0);
        house.world.with(house.phones[0], |phone, now| phone.call(now, to));
        house.until_state(house.phones[0], State::Ended(status));
        house.ends_clean();
    }
}

/// FreeSWITCH's `[leg_timeout=4]` is of one leg.
#[test]
fn a_leg_with_a_time_of_its_own_ends_alone() {
    let text = "<include><context name='gateway'><extension name='r'><condition>\
        <action application='bridge' data='{call_timeout=10}user/1001,[leg_timeout=4]user/1002'/>\
        </condition></extension></context></include>";
    let plan = plan(&[("a.xml".into(), text.into())]);
    let mut house = House::with_plan(plan, Faults::NONE, 10, [&[Codec::Pcma]; 4], |_| ());
    (0..2).for_each(|n| house.register(n));
    for n in 0..2 {
        house.world.with(house.phones[n], |phone, _| phone.behave(Manner::Ring));
    }
    house.world.with(house.caller, |phone, now| phone.call(now, "600"));
    house.until_state(house.phones[1], State::Ringing);
    house.world.run(Duration::from_secs(5));
    let state = |n: usize| &house.world.phone(house.phones[n]).state;
    assert_eq!((state(0), state(1)), (&State::Ringing, &State::Ended(0)));
    house.until_state(house.phones[0], State::Ended(0));
    house.ends_clean();
}

/// Each rings, one takes it: the others' records say that another did (Q.850 cause 26).
#[test]
fn whoever_was_too_late_is_told_so() {
    let mut house = House::new(Faults::NONE, 8);
    (0..2).for_each(|n| house.register(n));
    house.world.with(house.phones[1], |phone, _| phone.behave(Manner::Ring));
    house.caller_to_agent();
    house.until_state(house.phones[1], State::Ended(0));
    assert!(
        house
            .facts("leg_ended")
            .iter()
            .any(|fact| matches!(fact, FactKind::LegEnded { cause: 26, by: EndedBy::Plan, .. }))
    );
    house.hang_up(house.caller);
    house.ends_clean();
}

/// RFC 3261 §16.7 step 5: a subscriber's second device does not ring on after he has pressed "reject" at the first.
#[test]
fn who_refuses_for_everywhere_is_rung_at_no_other_device() {
    for (status, rings_on) in [(603, false), (486, true)] {
        let mut house = noted(3);
        let (first, second) = (house.phones[0], house.second_line(0));
        house.register(house.phones.len() - 1);
        house.world.with(first, |phone, _| phone.behave(Manner::Ring));
        house.world.with(second, |phone, _| phone.behave(Manner::Refuse(status)));
        house.world.with(house.caller, |phone, now| phone.call(now, "8"));
        house.world.run(Duration::from_secs(3));
        assert_eq!(house.state(first) == State::Ringing, rings_on, "{status}");
        house.until_state(house.caller, State::Ended(0));
        house.ends_clean();
        assert_eq!(note(&house), if rings_on { "no-answer" } else { "rejected" }, "{status}");
    }
}
