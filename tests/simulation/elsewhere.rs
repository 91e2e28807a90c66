//! Calls that go elsewhere: do not disturb, forward, a phone's 302, pickup, park (feature codes).

use belfry::base::Duration;
use belfry::sim::phone::{Manner, State};
use belfry::switch::Input;
use belfry::switch::fact::FactKind;

use super::house::{House, MUSIC_HZ, hz};

/// 1001 to 1004, of whom 1001, 1002 and 1003 are of one group.
fn house(seed: u64) -> House {
    let mut house = House::set(
        |config| {
            let text = "[sip]\nlisten = [\"udp:10.0.0.1:5060\"]\n[media]\naddress = \"10.0.0.1\"\n\
                        [[phone]]\nnumber = \"1\"\npassword = \"x\"\ngroups = [\"care\"]\n";
            let grouped = belfry::config::Config::parse(text).expect("a configuration").0;
            for phone in &mut config.phones[..3] {
                phone.groups = grouped.phones[0].groups.clone();
            }
        },
        seed,
    );
    for n in 0..4 {
        house.register(n);
    }
    house
}

fn call(house: &mut House, from: usize, number: &str) {
    let phone = house.phones[from];
    house.world.with(phone, |phone, now| phone.call(now, number));
}

fn behave(house: &mut House, n: usize, manner: Manner) {
    let phone = house.phones[n];
    house.world.with(phone, |phone, _| phone.behave(manner));
}

/// Phone `n` dials a code and hears that it is done.
fn dial(house: &mut House, n: usize, code: &str) {
    call(house, n, code);
    let phone = house.phones[n];
    house.until_state(phone, State::Talking);
    house.until_state(phone, State::Ended(0));
}

/// Phone `from` calls `number`, and `to` answers.
fn reaches(house: &mut House, from: usize, number: &str, to: usize) {
    call(house, from, number);
    let (caller, callee) = (house.phones[from], house.phones[to]);
    house.until_state(callee, State::Talking);
    house.hear_each_other(caller, callee);
    house.hang_up(caller);
    house.until_state(callee, State::Ended(0));
}

#[test]
fn do_not_disturb_is_on_until_it_is_dialled_again() {
    let mut house = house(1);
    call(&mut house, 0, "*20");
    let phone = house.phones[0];
    house.until_state(phone, State::Talking);
    house.until_state(phone, State::Ended(0));
    let calls = house.world.phone(phone).calls;
    call(&mut house, 2, "1001");
    house.world.run(Duration::from_secs(3));
    assert_eq!(house.world.phone(phone).calls, calls, "it does not ring");
    house.hang_up(house.phones[2]);
    house.world.run(Duration::from_secs(1));
    dial(&mut house, 0, "*20");
    reaches(&mut house, 2, "1001", 0);
    let wishes = house.facts("phone_wish");
    assert_eq!(wishes.len(), 2);
    assert!(matches!(wishes[1], FactKind::PhoneWish { value, .. } if value.is_empty()));
    house.ends_clean();
}

#[test]
fn calls_go_where_the_user_wishes() {
    let mut house = house(2);
    dial(&mut house, 0, "*211002");
    reaches(&mut house, 2, "1001", 1);
    // Who is forwarded to still reaches the phone.
    reaches(&mut house, 1, "1001", 0);
    dial(&mut house, 0, "*21");
    reaches(&mut house, 2, "1001", 0);
    dial(&mut house, 0, "*221002");
    behave(&mut house, 0, Manner::Refuse(486));
    reaches(&mut house, 2, "1001", 1);
    dial(&mut house, 0, "*231004");
    behave(&mut house, 0, Manner::Ring);
    call(&mut house, 2, "1001");
    let (caller, last) = (house.phones[2], house.phones[3]);
    assert!(house.world.until(Duration::from_secs(40), |w| w.phone(last).state == State::Talking));
    house.hear_each_other(caller, last);
    house.hang_up(caller);
    house.ends_clean();
    let whys: Vec<&str> = house
        .facts("diverted")
        .iter()
        .map(|fact| match fact {
            FactKind::Diverted { why, .. } => why.as_str(),
            _ => "",
        })
        .collect();
    assert_eq!(whys, ["unconditional", "user-busy", "no-answer"]);
}

#[test]
fn forwards_that_go_round_in_circles_ring_at_the_phone_that_was_called() {
    let mut house = house(3);
    for (n, code) in [(0, "*211002"), (1, "*211003"), (2, "*211001")] {
        dial(&mut house, n, code);
    }
    reaches(&mut house, 3, "1001", 0);
    for n in 1..3 {
        let phone = house.phones[n];
        assert_eq!(house.world.phone(phone).calls, 1, "only its own code");
    }
    assert_eq!(house.facts("diverted").len(), 3);
    house.ends_clean();
}

#[test]
fn nobody_forwards_to_where_he_reaches_nobody() {
    let mut house = house(11);
    for code in ["*21000", "*211001"] {
        call(&mut house, 0, code);
        house.until_state(house.phones[0], State::Ended(404));
    }
    assert!(house.facts("phone_wish").is_empty());
    // Set while it could be dialled, or restored: the phone rings itself then.
    let row = |value: &str| ("1001".into(), "forward-always".into(), value.into());
    house.world.input(Input::Wishes(vec![row("000")]));
    reaches(&mut house, 2, "1001", 0);
    house.ends_clean();
}

#[test]
fn what_was_wished_before_a_restart_holds_unless_it_was_changed_since() {
    let mut house = house(4);
    dial(&mut house, 1, "*211003");
    let row = |number: &str, wish: &str, value: &str| (number.into(), wish.into(), value.into());
    house.world.input(Input::Wishes(vec![
        row("1001", "forward-always", "1004"),
        row("1002", "forward-always", "1001"),
        row("1002", "of a later version", "x"),
    ]));
    reaches(&mut house, 2, "1001", 3);
    reaches(&mut house, 3, "1002", 2);
    house.ends_clean();
}

#[test]
fn a_ringing_call_is_picked_up_by_code() {
    for code in ["*80", "*811001"] {
        let mut house = house(5);
        behave(&mut house, 0, Manner::Ring);
        let (first, second, caller) = (house.phones[0], house.phones[1], house.phones[2]);
        call(&mut house, 2, "1001");
        house.until_state(first, State::Ringing);
        house.world.run(Duration::from_millis(200));
        // 1004 is of no group with it.
        call(&mut house, 3, code);
        let stranger = house.phones[3];
        house.until_state(stranger, State::Ended(404));
        call(&mut house, 1, code);
        house.until_state(second, State::Talking);
        house.until_state(first, State::Ended(0));
        house.hear_each_other(caller, second);
        house.hang_up(caller);
        house.ends_clean();
    }
}

#[test]
fn a_parked_call_waits_with_music_and_is_taken_back() {
    for by_refer in [true, false] {
        let mut house = house(6);
        house.caller_to_agent();
        let (caller, agent, other) = (house.caller, house.phones[0], house.phones[3]);
        house.hear_each_other(caller, agent);
        if by_refer {
            house.world.with(agent, |phone, now| phone.refer(now, "*851"));
        } else {
            for digit in "*71#".chars() {
                house.press(agent, digit);
            }
        }
        house.until_state(agent, State::Ended(0));
        assert_eq!(house.hears(caller, &[MUSIC_HZ, hz(0)]), Some(MUSIC_HZ));
        call(&mut house, 3, "*852");
        house.until_state(other, State::Ended(404));
        call(&mut house, 3, "*851");
        house.until_state(other, State::Talking);
        house.hear_each_other(caller, other);
        // The agent hangs up: the caller's own plan goes on.
        house.hang_up(other);
        house.world.run(Duration::from_secs(2));
        assert_eq!(house.state(caller), State::Talking, "the survey");
        house.hang_up(caller);
        house.ends_clean();
        assert_eq!((house.facts("parked").len(), house.facts("unparked").len()), (1, 1));
    }
}

#[test]
fn of_two_phones_that_take_one_call_at_once_the_second_is_refused() {
    // The code, and whether the call is parked or rings at 1001.
    for (code, is_parked) in [("*851", true), ("*80", false)] {
        let mut house = house(9);
        let (agent, caller) = match is_parked {
            true => {
                house.caller_to_agent();
                let agent = house.phones[0];
                house.world.with(agent, |phone, now| phone.refer(now, "*851"));
                house.until_state(agent, State::Ended(0));
                (agent, house.caller)
            }
            false => {
                behave(&mut house, 0, Manner::Ring);
                call(&mut house, 3, "1001");
                house.until_state(house.phones[0], State::Ringing);
                (house.phones[0], house.phones[3])
            }
        };
        house.world.run(Duration::from_millis(200));
        house.world.ports_are_slow = true;
        let (first, second) = (house.phones[1], house.phones[2]);
        call(&mut house, 1, code);
        house.world.run(Duration::from_millis(100));
        call(&mut house, 2, code);
        house.world.run(Duration::from_millis(400));
        house.world.open_ports();
        house.until_state(first, State::Talking);
        house.world.run(Duration::from_secs(1));
        assert!(
            matches!(house.state(second), State::Ended(481 | 486)),
            "{:?}",
            house.state(second)
        );
        house.hear_each_other(caller, first);
        assert_eq!(house.state(agent), State::Ended(0));
        house.hang_up(caller);
        house.hang_up(first);
        house.ends_clean();
    }
}

#[test]
fn whoever_answers_while_a_pickup_gets_its_port_keeps_the_call() {
    let mut house = house(10);
    behave(&mut house, 0, Manner::AnswerAfter(Duration::from_secs(2)));
    let (called, picker, caller) = (house.phones[0], house.phones[1], house.phones[2]);
    call(&mut house, 2, "1001");
    house.until_state(called, State::Ringing);
    house.world.run(Duration::from_millis(200));
    house.world.ports_are_slow = true;
    call(&mut house, 1, "*80");
    house.world.run(Duration::from_millis(400));
    house.until_state(called, State::Talking);
    house.world.run(Duration::from_millis(200));
    house.world.open_ports();
    house.until_state(picker, State::Ended(486));
    house.hear_each_other(caller, called);
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn nobody_takes_a_parked_call_and_whoever_parked_it_is_rung() {
    let mut house = house(7);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.with(agent, |phone, now| phone.refer(now, "*853"));
    house.until_state(agent, State::Ended(0));
    let back = |w: &mut belfry::sim::world::World| w.phone(agent).state == State::Talking;
    assert!(house.world.until(Duration::from_secs(130), back));
    house.hear_each_other(caller, agent);
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn whoever_was_called_and_parked_has_no_plan_and_is_not_left_alone() {
    let mut house = house(8);
    let (agent, other) = (house.phones[0], house.phones[3]);
    house.talk(agent, "1004", other);
    house.world.with(agent, |phone, now| phone.refer(now, "*851"));
    house.until_state(agent, State::Ended(0));
    assert_eq!(house.hears(other, &[MUSIC_HZ, hz(0)]), Some(MUSIC_HZ));
    behave(&mut house, 0, Manner::Refuse(486));
    let gone = |w: &mut belfry::sim::world::World| w.phone(other).state == State::Ended(0);
    assert!(house.world.until(Duration::from_secs(180), gone));
    house.ends_clean();
    // And one who hangs up while it waits frees the slot.
    house.talk(agent, "1004", other);
    house.world.with(agent, |phone, now| phone.refer(now, "*851"));
    house.until_state(agent, State::Ended(0));
    house.hang_up(other);
    house.ends_clean();
    assert_eq!(house.facts("parked").len(), 2);
}
