//! INVITE with Replaces (RFC 3891): a call taken to another device, a ringing one picked up.

use belfry::base::Duration;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, State};
use belfry::wire::q850::Cause;
use belfry::wire::sip::Replaces;

use super::house::{House, SOON};

/// 1001 to 1003; 1001 and 1002 are of one group.
fn house(seed: u64) -> House {
    let mut house = House::set(
        |config| {
            let group: belfry::config::Config = belfry::config::Config::parse(
                "[sip]\nlisten = [\"udp:10.0.0.1:5060\"]\n[media]\naddress = \"10.0.0.1\"\n\
                 [[phone]]\nnumber = \"1\"\npassword = \"x\"\ngroups = [\"care\"]\n",
            )
            .expect("a configuration")
            .0;
            for phone in &mut config.phones[..2] {
                phone.groups = group.phones[0].groups.clone();
            }
        },
        seed,
    );
    for n in 0..3 {
        house.register(n);
    }
    house
}

fn ring(house: &mut House, n: usize) {
    let phone = house.phones[n];
    house.world.with(phone, |phone, _| phone.behave(Manner::Ring));
}

/// The dialog of phone `n`, as Belfry has it, or as the phone has it.
fn line(house: &House, n: usize, as_the_phone: bool) -> Replaces {
    let line = house.world.phone(house.phones[n]).line().expect("a dialog");
    match as_the_phone {
        false => line,
        true => Replaces { to_tag: line.from_tag, from_tag: line.to_tag, ..line },
    }
}

fn take(house: &mut House, phone: usize, line: &Replaces) {
    house.world.with(phone, |phone, now| phone.call_replacing(now, "1001", line));
}

#[test]
fn a_ringing_call_is_picked_up_by_a_phone_of_the_group() {
    for as_the_phone in [false, true] {
        let mut house = house(1);
        ring(&mut house, 0);
        let (first, second, caller) = (house.phones[0], house.phones[1], house.phones[2]);
        house.world.with(caller, |phone, now| phone.call(now, "1001"));
        house.until_state(first, State::Ringing);
        house.world.run(Duration::from_millis(100));
        let line = Replaces { early_only: true, ..line(&house, 0, as_the_phone) };
        take(&mut house, second, &line);
        house.until_state(second, State::Talking);
        house.until_state(first, State::Ended(0));
        let cause = house.world.phone(first).cancelled;
        assert_eq!(cause, Some(Cause::NON_SELECTED_USER_CLEARING));
        house.hear_each_other(caller, second);
        assert_eq!(house.facts("replaced").len(), 1);
        house.hang_up(second);
        house.until_state(caller, State::Ended(0));
        house.ends_clean();
    }
}

#[test]
fn a_call_goes_to_the_phones_other_device_from_either_end() {
    for from_caller in [true, false] {
        let mut house = house(2);
        let (one, other) = if from_caller { (0, 2) } else { (2, 0) };
        let (mine, peer) = (house.phones[one], house.phones[other]);
        let (caller, callee) = if from_caller { (mine, peer) } else { (peer, mine) };
        let number = house.world.phone(callee).setup().number.clone();
        house.talk(caller, &number, callee);
        house.hear_each_other(mine, peer);
        let mobile = house.second_line(one);
        let line = line(&house, one, false);
        take(&mut house, mobile, &line);
        house.until_state(mobile, State::Talking);
        house.until_state(mine, State::Ended(0));
        house.hear_each_other(mobile, peer);
        house.hang_up(if from_caller { peer } else { mobile });
        assert!(house.world.until(SOON, |w| w.phone(peer).state == State::Ended(0)
            && w.phone(mobile).state == State::Ended(0)));
        house.ends_clean();
    }
}

#[test]
fn what_may_not_be_replaced_is_refused_and_goes_on() {
    let mut house = house(3);
    let (first, second, third) = (house.phones[0], house.phones[1], house.phones[2]);
    house.talk(first, "1003", third);
    let talk = line(&house, 0, false);
    let refused = |house: &mut House, phone: usize, line: &Replaces, status: u16| {
        take(house, phone, line);
        house.until_state(phone, State::Ended(status));
    };
    // Of its group, but it talks already.
    refused(&mut house, second, &talk, 403);
    let early = Replaces { early_only: true, ..talk.clone() };
    refused(&mut house, second, &early, 486);
    let nobody = Replaces { call_id: b"of nobody"[..].into(), ..talk.clone() };
    refused(&mut house, second, &nobody, 481);
    let caller = house.caller;
    house.world.with(caller, |phone, _| phone.behave(Manner::Ring));
    refused(&mut house, caller, &talk, 403);
    house.hear_each_other(first, third);
    house.hang_up(first);
    house.until_state(third, State::Ended(0));
    house.world.run(Duration::from_secs(60));
    refused(&mut house, second, &talk, 481);
    house.ends_clean();
    assert!(house.facts("replaced").is_empty());
}

#[test]
fn a_phone_of_no_group_picks_up_nothing() {
    let mut house = house(4);
    ring(&mut house, 0);
    let (first, third) = (house.phones[0], house.phones[2]);
    let caller = house.phones[1];
    house.world.with(caller, |phone, now| phone.call(now, "1001"));
    house.until_state(first, State::Ringing);
    house.world.run(Duration::from_millis(100));
    let line = line(&house, 0, false);
    take(&mut house, third, &line);
    house.until_state(third, State::Ended(403));
    assert_eq!(house.state(first), State::Ringing);
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn whoever_goes_in_the_middle_leaves_nothing_behind() {
    for seed in 0..12 {
        let mut house = House::new(Faults::NONE, seed);
        for n in 0..3 {
            house.register(n);
        }
        let (first, third) = (house.phones[0], house.phones[2]);
        house.talk(first, "1003", third);
        let mobile = house.second_line(0);
        let line = line(&house, 0, false);
        take(&mut house, mobile, &line);
        house.world.run(Duration::from_millis(seed * 5));
        house.hang_up([first, third, mobile][seed as usize % 3]);
        house.world.run(Duration::from_secs(2));
        for phone in [first, third, mobile] {
            house.hang_up(phone);
        }
        house.ends_clean();
    }
}
