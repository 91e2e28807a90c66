//! A computer has desk phones call, answer, hold and take back (R2).

use belfry::base::Duration;
use belfry::sim::phone::{Manner, State};
use belfry::switch::console::{DeskOrder, Reply, Request};
use belfry::switch::fact::{FactKind, Role};

use super::house::{House, MUSIC_HZ, hz};

const PLAN: &str = r#"
[[route]]
name = "page"
context = "agents"
when = { to = "7(xxx)" }
steps = [{ dial = { phones = ["1$1"], auto-answer = true } }]
[[route]]
name = "inside"
context = "agents"
when = { to = "100X" }
steps = [{ dial = { phones = ["${to}"], timeout = 10 } }]
"#;

/// Phones 1001 to 1004 that ring on, of which the first two obey.
fn house(seed: u64) -> House {
    let mut house = House::of(PLAN, seed);
    for n in 0..4 {
        house.register(n);
        let phone = house.phones[n];
        house.world.with(phone, |phone, _| {
            phone.behave(Manner::Ring);
            phone.obeys = n < 2;
        });
    }
    house
}

fn order(house: &mut House, phone: &str, order: DeskOrder) -> Reply {
    let reply = house.world.ask(Request::Desk(phone.into(), order));
    if let Some(reply) = reply {
        return reply;
    }
    house.world.run(Duration::from_millis(500));
    house.world.late_reply().expect("an answer")
}

fn call(house: &mut House, phone: &str, number: &str) -> Reply {
    let request = Request::Dial { phone: phone.into(), number: number.into() };
    house.world.ask(request).expect("an answer at once")
}

/// An emergency number that a computer dials for a phone passes the limits, as one that is dialled there does.
#[test]
fn a_call_for_help_passes_the_limits() {
    let set = |config: &mut belfry::config::Config| {
        config.limits.calls = Some(1);
        config.numbers.emergency =
            vec![belfry::config::name::Number::new("1004").expect("a number")];
    };
    let mut house = House::set(set, 9);
    (0..4).for_each(|n| house.register(n));
    let (first, second) = (house.phones[0], house.phones[2]);
    house.talk(first, "1002", house.phones[1]);
    let reply = call(&mut house, "1003", "1002");
    assert!(matches!(reply, Reply::Refused(_)), "{reply:?}");
    let reply = call(&mut house, "1003", "1004");
    assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
    house.until_state(second, State::Talking);
    for phone in [first, second] {
        house.hang_up(phone);
    }
    house.ends_clean();
}

#[test]
fn a_computer_answers_holds_and_takes_back() {
    let mut house = house(1);
    let (caller, phone) = (house.phones[2], house.phones[0]);
    house.world.with(caller, |phone, now| phone.call(now, "1001"));
    house.until_state(phone, State::Ringing);
    house.world.run(Duration::from_millis(200));
    let reply = order(&mut house, "1001", DeskOrder::Answer);
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    house.until_state(caller, State::Talking);
    house.hear_each_other(caller, phone);
    assert!(matches!(order(&mut house, "1001", DeskOrder::Hold), Reply::Done(_)));
    assert_eq!(house.hears(caller, &[MUSIC_HZ, hz(0)]), Some(MUSIC_HZ));
    assert!(matches!(order(&mut house, "1001", DeskOrder::Resume), Reply::Done(_)));
    house.hear_each_other(caller, phone);
    // A phone that knows nothing of it says so, and its call goes on.
    let Reply::Refused(why) = order(&mut house, "1003", DeskOrder::Hold) else { unreachable!() };
    assert!(why.contains("489"), "{why}");
    house.hear_each_other(caller, phone);
    for (phone, order_) in [("1001", DeskOrder::Answer), ("1002", DeskOrder::Hold)] {
        assert!(matches!(order(&mut house, phone, order_), Reply::Refused(_)));
    }
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn a_computer_dials_for_a_phone_which_answers_by_itself() {
    let mut house = house(2);
    let (phone, other) = (house.phones[0], house.phones[2]);
    house.world.with(other, |phone, _| {
        phone.behave(Manner::AnswerAfter(Duration::from_millis(500)));
    });
    assert!(matches!(call(&mut house, "1001", "1003"), Reply::Done(_)));
    house.until_state(phone, State::Talking);
    house.until_state(other, State::Talking);
    house.hear_each_other(phone, other);
    house.hang_up(other);
    house.until_state(phone, State::Ended(0));
    house.ends_clean();
    let FactKind::CallBegan { caller, dialled, .. } = house.facts("call_began")[0] else {
        unreachable!()
    };
    assert_eq!((caller.number(), dialled.as_str()), ("1001", "1003"));
    let FactKind::LegBegan { role, .. } = house.facts("leg_began")[0] else { unreachable!() };
    assert_eq!(*role, Role::Caller);
}

#[test]
fn a_phone_that_is_to_call_and_is_not_answered_calls_nobody() {
    let mut house = house(3);
    // 1003 does not answer by itself: it rings, and then no more.
    assert!(matches!(call(&mut house, "1003", "1001"), Reply::Done(_)));
    house.until_state(house.phones[2], State::Ringing);
    house.world.run(Duration::from_secs(31));
    assert_eq!(house.state(house.phones[2]), State::Ended(0));
    assert_eq!(house.world.phone(house.phones[0]).calls, 0);
    // One who answers and dials what nobody has, one who hangs up before, one who refuses.
    assert!(matches!(call(&mut house, "1001", "999"), Reply::Done(_)));
    house.until_state(house.phones[0], State::Ended(0));
    let refuses = house.phones[3];
    house.world.with(refuses, |phone, _| phone.behave(Manner::Refuse(486)));
    assert!(matches!(call(&mut house, "1004", "1001"), Reply::Done(_)));
    house.world.run(Duration::from_secs(1));
    for (phone, number) in [("1009", "1001"), ("1001", ""), ("1001", "a b")] {
        assert!(matches!(call(&mut house, phone, number), Reply::Refused(_)), "{phone} {number}");
    }
    house.ends_clean();
    assert_eq!(house.facts("call_ended").len(), 3);
}

#[test]
fn a_dial_that_asks_for_it_is_answered_by_the_phone_itself() {
    let mut house = house(4);
    let (caller, phone) = (house.phones[2], house.phones[1]);
    house.world.with(caller, |phone, now| phone.call(now, "7002"));
    house.until_state(phone, State::Talking);
    house.hear_each_other(caller, phone);
    house.hang_up(caller);
    house.ends_clean();
}
