//! Text messages (RFC 3428): confirmed when they are on the disk, held while the phone is away.

use belfry::base::{Duration, Wall};
use belfry::sim::network::Faults;
use belfry::switch::Input;
use belfry::switch::fact::FactKind;
use belfry::switch::messages::Held;

use super::house::{House, SOON};

fn write(house: &mut House, from: usize, to: &str, text: &str) -> Option<u16> {
    let phone = house.phones[from];
    house.world.with(phone, |phone, now| phone.write(now, to, text));
    house.world.until(SOON, |w| w.phone(phone).written.is_some());
    house.world.phone(phone).written
}

fn texts(house: &House, n: usize) -> Vec<&str> {
    house.world.phone(house.phones[n]).messages.iter().map(|(_, text)| text.as_str()).collect()
}

/// Why each message that has ended was given up.
fn ends(house: &House) -> Vec<&str> {
    fn why(fact: &FactKind) -> &str {
        match fact {
            FactKind::MessageEnded { why, .. } => why,
            _ => "?",
        }
    }
    house.facts("message_ended").into_iter().map(why).collect()
}

#[test]
fn a_message_is_confirmed_and_reaches_the_phone() {
    let mut house = House::new(Faults::NONE, 1);
    house.register(0);
    house.register(1);
    assert_eq!(write(&mut house, 0, "1002", "您好"), Some(202));
    house.world.run(Duration::from_secs(1));
    let (from, text) = &house.world.phone(house.phones[1]).messages[0];
    assert_eq!((from.as_str(), text.as_str()), ("sip:1001@10.0.0.1", "您好"));
    assert_eq!(ends(&house), [""]);
    assert_eq!(write(&mut house, 0, "4711", "nobody"), Some(404));
    assert_eq!(write(&mut house, 0, "1002", &"x".repeat(20_000)), Some(413));
    house.ends_clean();
}

#[test]
fn nothing_is_confirmed_that_is_not_on_the_disk() {
    let mut house = House::new(Faults::NONE, 2);
    house.register(0);
    house.register(1);
    house.world.disk_is_well = false;
    assert_eq!(write(&mut house, 0, "1002", "lost?"), Some(503));
    assert!(texts(&house, 1).is_empty(), "nor handed on");
    // A later one says nothing about it.
    house.world.disk_is_well = true;
    assert_eq!(write(&mut house, 0, "1002", "again"), Some(202));
    let taken =
        |house: &House| house.world.facts.iter().find(|f| f.kind.awaits_disk()).map(|f| f.seq);
    let seq = taken(&house).expect("taken");
    house.world.run(Duration::from_secs(1));
    assert_eq!(texts(&house, 1), ["again"]);
    // It is written after all: nobody waits for it any more, and no restart delivers it.
    house.world.input(Input::Durable(seq));
    house.world.run(Duration::from_secs(1));
    assert_eq!(texts(&house, 1), ["again"]);
    assert_eq!(ends(&house).len(), 2);
    assert!(ends(&house)[1].contains("not on the disk in time"));
    house.ends_clean();
}

#[test]
fn a_message_for_which_the_journal_has_no_room_is_refused_at_once() {
    let mut house = House::new(Faults::NONE, 7);
    house.register(0);
    house.register(1);
    house.world.disk_is_well = false;
    let phone = house.phones[0];
    house.world.with(phone, |phone, now| phone.write(now, "1002", "no room"));
    house.world.run(Duration::from_millis(500));
    let taken = house.world.facts.iter().find(|f| f.kind.awaits_disk()).expect("taken").seq;
    house.world.input(Input::NotWritten(taken));
    house.world.run(Duration::from_millis(500));
    assert_eq!(house.world.phone(phone).written, Some(503));
    house.ends_clean();
}

#[test]
fn what_comes_while_the_phone_is_away_is_held_in_its_order() {
    let mut house = House::new(Faults::NONE, 3);
    house.register(0);
    for text in ["one", "two", "three"] {
        assert_eq!(write(&mut house, 0, "1002", text), Some(202));
    }
    house.world.run(Duration::from_secs(600));
    house.register(1);
    house.world.run(Duration::from_secs(1));
    assert_eq!(texts(&house, 1), ["one", "two", "three"]);
    assert_eq!(ends(&house), ["", "", ""]);
    house.ends_clean();
}

#[test]
fn a_phone_that_cannot_take_it_now_gets_it_later_and_one_that_never_will_does_not() {
    let mut house = House::new(Faults::NONE, 4);
    house.register(0);
    house.register(1);
    let phone = house.phones[1];
    house.world.with(phone, |phone, _| phone.takes_messages = 486);
    write(&mut house, 0, "1002", "busy");
    house.world.run(Duration::from_secs(10));
    assert!(ends(&house).is_empty());
    house.world.with(phone, |phone, _| phone.takes_messages = 200);
    house.world.run(Duration::from_secs(300));
    assert_eq!(texts(&house, 1), ["busy"]);
    house.world.with(phone, |phone, _| phone.takes_messages = 405);
    write(&mut house, 0, "1002", "never");
    house.world.run(Duration::from_secs(1));
    assert_eq!(ends(&house), ["", "the phone refuses it with 405"]);
    house.ends_clean();
}

#[test]
fn messages_are_bounded_and_grow_old() {
    let keep = Duration::from_secs(3_600);
    let mut house = House::set(|config| config.limits.message_keep = keep, 5);
    house.register(0);
    for _ in 0..200 {
        assert_eq!(write(&mut house, 0, "1002", "x"), Some(202));
    }
    assert_eq!(write(&mut house, 0, "1002", "one too many"), Some(503));
    house.register(2);
    let elsewhere = write(&mut house, 0, "1003", "one too many of its sender, to anybody");
    assert_eq!(elsewhere, Some(503));
    assert_eq!(write(&mut house, 2, "1001", "another sender's"), Some(202));
    house.world.run(Duration::from_secs(4_200));
    assert_eq!(write(&mut house, 0, "1003", "there is room again"), Some(202));
    let old = |why: &&&str| **why == "nobody was there in its time";
    assert_eq!(ends(&house).iter().filter(old).count(), 200);
    house.ends_clean();
}

#[test]
fn what_was_held_before_a_restart_goes_out_first() {
    let mut house = House::new(Faults::NONE, 6);
    house.register(0);
    write(&mut house, 0, "1002", "new");
    let held = |id: u64, body: &str| Held {
        id,
        from: "1003".into(),
        to: "1002".into(),
        content_type: "text/plain".into(),
        body: body.into(),
        taken: Wall(0),
        expires: Wall(i64::MAX),
    };
    // Restored rows may hold what was taken since the start too.
    let FactKind::MessageTaken { .. } = house.facts("message_taken")[0] else { unreachable!() };
    let taken = house.world.facts.iter().find(|f| f.kind.awaits_disk()).expect("taken").seq;
    let rows = vec![held(taken, "new"), held(0, "old")];
    house.world.input(Input::Messages(rows));
    house.register(1);
    house.world.run(Duration::from_secs(1));
    assert_eq!(texts(&house, 1), ["old", "new"]);
    // Nor is one of those delivered again that were taken and delivered since the start.
    house.world.input(Input::Messages(vec![held(taken, "new")]));
    house.world.run(Duration::from_secs(1));
    assert_eq!(texts(&house, 1), ["old", "new"]);
    house.ends_clean();
}
