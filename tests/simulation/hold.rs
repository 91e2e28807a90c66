//! Hold by re-INVITE: the other hears music, and the talk goes on after it (R2).

use belfry::base::{Duration, Now, Wall};
use belfry::sim::network::Faults;
use belfry::switch::console::CallRow;
use belfry::switch::{Input, Output, Reply, Request, RequestId};

use super::house::{CALLER_HZ, House, MUSIC_HZ, hz};

fn hold(house: &mut House, phone: usize, hold: bool) {
    house.world.with(phone, |phone, now| phone.hold(now, hold));
    house.world.run(Duration::from_millis(200));
    assert_eq!(house.world.phone(phone).offer_status, 200);
}

/// What `show calls` says of the only call.
pub(super) fn shown(house: &mut House) -> CallRow {
    let now = Now { at: house.world.now(), wall: Wall(0) };
    let switch = &mut house.world.switch;
    switch.handle(now, Input::Console(RequestId(1), Request::Calls));
    match switch.poll_output() {
        Some(Output::Reply(_, Reply::Calls(mut rows))) if rows.len() == 1 => rows.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_console_shows_who_holds_and_the_route() {
    let mut house = House::new(Faults::NONE, 1);
    house.register(0);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.run(Duration::from_millis(500));
    let row = shown(&mut house);
    assert_eq!((row.state.as_str(), row.route.as_deref()), ("talks with 1001", Some("care line")));
    hold(&mut house, agent, true);
    assert_eq!(shown(&mut house).state, "talks with 1001, held by 1001");
    hold(&mut house, caller, true);
    let both = format!("talks with 1001, held by {} and 1001", row.from);
    assert_eq!(shown(&mut house).state, both);
    hold(&mut house, agent, false);
    hold(&mut house, caller, false);
    assert_eq!(shown(&mut house).state, "talks with 1001");
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn either_side_holds_and_takes_back() {
    let mut house = House::new(Faults::NONE, 1);
    house.register(0);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    let tones = [CALLER_HZ, hz(0), MUSIC_HZ];
    for (holds, waits) in [(agent, caller), (caller, agent)] {
        hold(&mut house, holds, true);
        assert_eq!(house.hears(waits, &tones), Some(MUSIC_HZ));
        hold(&mut house, holds, false);
        house.hear_each_other(caller, agent);
    }
    assert_eq!((house.facts("held").len(), house.facts("retrieved").len()), (2, 2));
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn both_at_once_and_a_hang_up_on_hold() {
    let mut house = House::new(Faults::NONE, 2);
    house.register(0);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    for phone in [caller, agent] {
        house.world.with(phone, |phone, now| phone.hold(now, true));
    }
    house.world.run(Duration::from_secs(5));
    for phone in [caller, agent] {
        hold(&mut house, phone, false);
    }
    house.hear_each_other(caller, agent);
    hold(&mut house, agent, true);
    house.hang_up(agent);
    house.world.run(Duration::from_secs(1));
    house.press(caller, '1');
    house.press(caller, '1');
    house.world.run(Duration::from_secs(5));
    house.ends_clean();
    assert_eq!(house.facts("survey_answer").len(), 2, "nothing of the hold is left to the caller");
}
