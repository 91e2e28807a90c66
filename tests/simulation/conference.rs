//! Conferences from the dialplan: phones with a tone each, so that whoever hears whom shows.

use belfry::base::Duration;
use belfry::call::conference::Change;
use belfry::dsp::level::tone_dbm0;
use belfry::media::control::Codec;
use belfry::sim::phone::State;
use belfry::switch::console::{RoomOrder, Who};
use belfry::switch::fact::{FactKind, RoomLeft};
use belfry::switch::{Reply, Request};

use super::house::{House, MUSIC_HZ, channels, hz, tone_of};

const PLAN: &str = "
[[route]]
name = \"open\"
context = \"agents\"
when = { to = \"3000\" }
steps = [
  { conference = { name = \"open\", music = \"default\", most = 3, leave = \"#\", on = { full = [{ hangup = \"busy\" }], locked = [{ hangup = 21 }] } } },
  { note = { name = \"came back\", value = \"${conference_result}\" } },
]
[[route]]
name = \"closed\"
context = \"agents\"
when = { to = \"3001\" }
steps = [{ conference = { name = \"closed\", pin = \"4711\", tries = 2, tones = true, on = { pin = [{ hangup = 21 }] } } }]
[[route]]
name = \"hash\"
context = \"agents\"
when = { to = \"3003\" }
steps = [{ conference = { name = \"hash\", pin = \"4711\", leave = \"#\" } }]
[[route]]
name = \"recorded\"
context = \"agents\"
when = { to = \"3004\" }
steps = [{ conference = { name = \"recorded\", record = true, leave = \"#\" } }, { wait = \"4 s\" }]
[[route]]
name = \"plain\"
context = \"agents\"
when = { to = \"3002\" }
steps = [{ conference = { name = \"open\", most = 3, agc = true } }]
";

/// A tone that comes through one codec and mixing is louder than this.
const HEARD_DBM0: f64 = -30.0;

fn house(codecs: [&[Codec]; 4]) -> House {
    let mut house = House::of_codecs(PLAN, codecs, 1);
    (0..4).for_each(|n| house.register(n));
    house
}

fn alaw() -> House {
    house([&[Codec::Pcma]; 4])
}

fn call(house: &mut House, n: usize, number: &str) {
    let phone = house.phones[n];
    house.world.with(phone, |phone, now| phone.call(now, number));
    house.until_state(phone, State::Talking);
}

/// Which of the four phones (and music, as 9) phone `n` hears.
fn hears(house: &mut House, n: usize) -> Vec<usize> {
    let phone = house.phones[n];
    house.world.run(Duration::from_millis(1_200));
    house.world.with(phone, |phone, _| phone.ear.forget());
    house.world.run(Duration::from_secs(1));
    let samples = house.world.phone(phone).ear.samples().to_vec();
    let inner = samples.get(800..samples.len().saturating_sub(800)).unwrap_or(&[]);
    let tones = (0..4).map(|n| (n, hz(n))).chain([(9, MUSIC_HZ)]);
    tones.filter(|(_, hz)| tone_dbm0(inner, *hz) > HEARD_DBM0).map(|(n, _)| n).collect()
}

fn order(house: &mut House, order: RoomOrder) -> bool {
    let reply = house.world.ask(Request::RoomOrder("open".into(), order));
    matches!(reply, Some(Reply::Done(_)))
}

fn member(n: usize) -> Who {
    Who::Number(format!("{}", 1001 + n))
}

#[test]
fn three_in_three_codecs_hear_the_others_and_music_until_the_second_comes() {
    let mut house = house([&[Codec::Pcma], &[Codec::Opus], &[Codec::Pcmu], &[Codec::Pcma]]);
    call(&mut house, 0, "3000");
    assert_eq!(hears(&mut house, 0), [9], "alone with the music");
    call(&mut house, 1, "3000");
    assert_eq!(hears(&mut house, 0), [1]);
    call(&mut house, 2, "3000");
    assert_eq!(hears(&mut house, 0), [1, 2]);
    assert_eq!(hears(&mut house, 1), [0, 2]);
    assert_eq!(hears(&mut house, 2), [0, 1]);
    house.hang_up(house.phones[1]);
    assert_eq!(hears(&mut house, 0), [2]);
    house.hang_up(house.phones[2]);
    assert_eq!(hears(&mut house, 0), [9], "alone again");
    house.hang_up(house.phones[0]);
    house.ends_clean();
    assert_eq!((house.facts("room_joined").len(), house.facts("room_left").len()), (3, 3));
}

#[test]
fn an_operator_mutes_deafens_kicks_and_locks() {
    let mut house = alaw();
    (0..3).for_each(|n| call(&mut house, n, "3000"));
    assert!(order(&mut house, RoomOrder::Change(member(0), Change::Muted(true))));
    assert!(order(&mut house, RoomOrder::Change(member(2), Change::Deaf(true))));
    assert_eq!(hears(&mut house, 0), [1, 2]);
    assert_eq!(hears(&mut house, 1), [2], "the muted one is heard by nobody");
    assert_eq!(hears(&mut house, 2), [] as [usize; 0]);
    let Some(Reply::Room(view)) = house.world.ask(Request::Room("open".into())) else {
        panic!("the conference")
    };
    let marks: Vec<_> = view.members.iter().map(|m| (m.muted, m.deaf, m.speaks)).collect();
    assert_eq!(marks, [(true, false, false), (false, false, true), (false, true, true)]);
    assert!(order(&mut house, RoomOrder::Change(Who::All, Change::Muted(false))));
    assert!(order(&mut house, RoomOrder::Lock(true)));

    assert!(order(&mut house, RoomOrder::Kick(member(2))));
    assert!(!order(&mut house, RoomOrder::Kick(member(2))), "it is gone");
    assert_eq!(hears(&mut house, 1), [0]);
    house.until_state(house.phones[2], State::Ended(0));
    let kicked =
        |fact: &&FactKind| matches!(fact, FactKind::RoomLeft { why: RoomLeft::Kicked, .. });
    assert_eq!(house.facts("room_left").iter().filter(|f| kicked(f)).count(), 1);

    let phone = house.phones[3];
    house.world.with(phone, |phone, now| phone.call(now, "3000"));
    assert!(
        house
            .world
            .until(super::house::SOON, |w| { matches!(w.phone(phone).state, State::Ended(_)) })
    );
    assert_eq!(house.facts("room_refused").len(), 1);
    house.hang_up(house.phones[0]);
    house.hang_up(house.phones[1]);
    house.ends_clean();
}

#[test]
fn who_is_sent_out_or_may_not_join_is_told_why() {
    const TOLD: [(&str, f64); 3] = [("kicked", 2_000.0), ("locked", 2_400.0), ("full", 2_800.0)];
    let mut house = alaw();
    for (name, hz) in TOLD {
        house.world.clip(&format!("zh-CN/conference/{name}"), super::house::sine(hz));
    }
    // What a phone heard last, once its call is over.
    let told = |house: &mut House, n: usize| {
        let phone = house.phones[n];
        house.until_state(phone, State::Ended(0));
        let samples = house.world.phone(phone).ear.samples().to_vec();
        let last = &samples[samples.len().saturating_sub(4_000)..];
        TOLD.iter().find(|(_, hz)| tone_dbm0(last, *hz) > HEARD_DBM0).map(|(name, _)| *name)
    };
    (0..3).for_each(|n| call(&mut house, n, "3002"));
    assert_eq!(hears(&mut house, 0), [1, 2], "with automatic gain, too");
    call(&mut house, 3, "3002");
    assert_eq!(told(&mut house, 3), Some("full"));
    assert!(order(&mut house, RoomOrder::Kick(member(2))));
    assert_eq!(told(&mut house, 2), Some("kicked"));
    assert!(order(&mut house, RoomOrder::Lock(true)));
    call(&mut house, 2, "3002");
    assert_eq!(told(&mut house, 2), Some("locked"));
    house.hang_up(house.phones[0]);
    house.hang_up(house.phones[1]);
    house.ends_clean();
}

#[test]
fn a_full_one_refuses_and_a_key_leaves_with_the_plan_going_on() {
    let mut house = alaw();
    (0..3).for_each(|n| call(&mut house, n, "3000"));
    let phone = house.phones[3];
    house.world.with(phone, |phone, now| phone.call(now, "3000"));
    assert!(
        house
            .world
            .until(super::house::SOON, |w| { matches!(w.phone(phone).state, State::Ended(_)) })
    );
    house.press(house.phones[0], '5');
    assert_eq!(hears(&mut house, 0), [1, 2], "other keys do nothing");
    house.press(house.phones[0], '#');
    house.until_state(house.phones[0], State::Ended(0));
    let noted = |f: &&FactKind| matches!(f, FactKind::CallField { value, .. } if value == "left");
    assert!(house.facts("call_field").iter().any(noted));
    house.hang_up(house.phones[1]);
    house.hang_up(house.phones[2]);
    house.ends_clean();
}

/// Each call has its own recording, itself on the left and the others on the right, for as long as it is in (R5); and only
/// with others in it its time is a talk's.
#[test]
fn a_recorded_one_is_on_the_record_of_each_call_until_it_leaves() {
    let mut house = alaw();
    call(&mut house, 0, "3004");
    house.world.run(Duration::from_secs(10));
    call(&mut house, 1, "3004");
    house.world.run(Duration::from_secs(6));
    house.press(house.phones[0], '#');
    house.world.run(Duration::from_secs(2));
    assert_eq!(house.facts("recording_ended").len(), 1, "the plan goes on, the recording does not");
    assert_eq!(house.state(house.phones[0]), State::Talking);
    house.world.run(Duration::from_secs(3));
    house.hang_up(house.phones[1]);
    house.ends_clean();
    let recordings: Vec<_> = house.world.recordings.values().collect();
    assert_eq!(recordings.len(), 2);
    for (n, recording) in recordings.into_iter().enumerate() {
        let [left, right] = channels(recording).map(|side| {
            // Of the first one's, what was before the second came is music and itself.
            let from = if n == 0 { 12 * 8_000 } else { 16_000 };
            tone_of(&side[from..from + 16_000], &[hz(0), hz(1), MUSIC_HZ])
        });
        assert_eq!([left, right], [Some(hz(n)), Some(hz(1 - n))], "the call of phone {n}");
    }
    let talks = house.facts("call_ended").into_iter().filter_map(|fact| match fact {
        FactKind::CallEnded { talk_ms, .. } => Some(*talk_ms),
        _ => None,
    });
    let talks: Vec<u64> = talks.collect();
    assert!(talks.len() == 2 && talks.iter().all(|ms| (6_000..6_500).contains(ms)), "{talks:?}");
}

#[test]
fn the_pin_opens_and_stands_in_no_record() {
    let mut house = alaw();
    call(&mut house, 0, "3001");
    house.world.run(Duration::from_secs(1));
    "4711".chars().for_each(|key| house.press(house.phones[0], key));
    call(&mut house, 1, "3001");
    house.world.run(Duration::from_secs(1));
    "4712".chars().for_each(|key| house.press(house.phones[1], key));
    house.world.run(Duration::from_secs(1));
    assert_eq!(house.facts("room_joined").len(), 1, "the wrong PIN does not open");
    "4711".chars().for_each(|key| house.press(house.phones[1], key));
    assert_eq!(hears(&mut house, 0), [1]);
    assert_eq!(hears(&mut house, 1), [0]);
    call(&mut house, 2, "3001");
    house.world.run(Duration::from_secs(1));
    for _ in 0..2 {
        "0000".chars().for_each(|key| house.press(house.phones[2], key));
        house.world.run(Duration::from_secs(1));
    }
    house.until_state(house.phones[2], State::Ended(0));
    let kept = |fact: &&FactKind| matches!(fact, FactKind::Digit { digit: Some(_), .. });
    assert_eq!(house.facts("digit").iter().filter(|f| kept(f)).count(), 0);
    house.hang_up(house.phones[0]);
    house.hang_up(house.phones[1]);
    house.ends_clean();
}

#[test]
fn a_pin_that_is_closed_with_the_key_that_leaves_opens_all_the_same() {
    let mut house = alaw();
    call(&mut house, 0, "3003");
    house.world.run(Duration::from_secs(1));
    "4711#".chars().for_each(|key| house.press(house.phones[0], key));
    house.world.run(Duration::from_secs(3));
    assert_eq!((house.facts("room_joined").len(), house.facts("room_left").len()), (1, 0));
    house.press(house.phones[0], '#');
    house.until_state(house.phones[0], State::Ended(0));
    house.ends_clean();
}

#[test]
fn announcements_reach_one_or_all_and_a_held_phone_is_not_heard() {
    let mut house = alaw();
    house.world.clip("zh-CN/notice", super::house::sine(MUSIC_HZ));
    house.world.clip("en/notice", super::house::sine(MUSIC_HZ));
    (0..2).for_each(|n| call(&mut house, n, "3000"));
    assert!(order(&mut house, RoomOrder::Announce(member(0), "notice".into())));
    house.world.run(Duration::from_millis(200));
    let mut heard = |n: usize| {
        let phone = house.phones[n];
        house.world.with(phone, |phone, _| phone.ear.forget());
        house.world.run(Duration::from_millis(600));
        let samples = house.world.phone(phone).ear.samples().to_vec();
        tone_dbm0(&samples[800..4_000], MUSIC_HZ)
    };
    assert!(heard(0) > HEARD_DBM0);
    assert!(heard(1) < -50.0, "to one only");
    house.world.run(Duration::from_secs(5));
    assert!(order(&mut house, RoomOrder::Announce(Who::All, "notice".into())));
    house.world.run(Duration::from_secs(5));
    assert_eq!(hears(&mut house, 0), [1]);

    let phone = house.phones[1];
    house.world.with(phone, |phone, now| phone.hold(now, true));
    house.world.run(Duration::from_secs(1));
    assert_eq!(hears(&mut house, 0), [] as [usize; 0], "what a held phone plays is for nobody");
    house.world.with(phone, |phone, now| phone.hold(now, false));
    house.world.run(Duration::from_secs(1));
    assert_eq!(hears(&mut house, 0), [1]);
    house.hang_up(house.phones[0]);
    house.hang_up(phone);
    house.ends_clean();
}
