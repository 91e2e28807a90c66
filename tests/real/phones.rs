//! Phones call phones: two and three baresips, registered by digest (R2, R5).

use std::net::Ipv4Addr;
use std::time::Duration;

use belfry::sim::live::Live;
use belfry::sim::phone::State;

use super::appliance::{Appliance, Setup};
use super::audio::{assert_heard, assert_unheard};
use super::baresip::{Baresip, Phone};
use super::scripted;
use super::tones::{ALICE, BOB, CAROL, CLOSED, MENU, MUSIC};

/// Long enough to be sure of a tone.
const SURE: Duration = Duration::from_secs(1);

#[test]
fn two_phones_talk_hold_and_part() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB));

    alice.dial("1002");
    bob.expect("CALL_INCOMING");
    alice.expect("CALL_RINGING");
    bob.answer();
    let at = alice.hears(BOB, SURE, 0);
    bob.hears(ALICE, SURE, 0);

    // The held side hears music, and nothing of the other's room.
    bob.hold();
    let at = alice.hears(MUSIC, SURE, at);
    let from = alice.heard().len();
    std::thread::sleep(SURE);
    assert_unheard(&alice.heard()[from..], BOB, "by the held side");
    bob.resume();
    alice.hears(BOB, SURE, at);
    bob.receives();

    alice.hang_up();
    bob.expect("CALL_CLOSED");
    let record = belfry.recorded("1002", ALICE, BOB);
    assert_eq!(record.call.caller, "1001");
    assert_eq!(record.call.route.as_deref(), Some("internal"));
    assert_eq!(record.call.agent.as_deref(), Some("1002"));
    assert_eq!((record.call.cause, record.call.ended_by.as_deref()), (Some(16), Some("caller")));
    assert!(record.call.talk_ms.is_some_and(|ms| ms >= 3_000), "{:?}", record.call);
    assert_eq!(record.legs.len(), 2);

    belfry.await_empty();
    belfry.stop();
}

/// The same where the holder's own hearing can be judged: a phone of ours holds, baresip is held.
#[test]
fn who_holds_hears_again_after_it() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let live = Live::new();
    let bob = scripted::phone(&live, &belfry, "1002", BOB);
    alice.dial("1002");
    let at = alice.hears(BOB, SURE, 0);
    for round in 0..2 {
        live.with(bob, |phone, now| phone.hold(now, true));
        let at = alice.hears(MUSIC, SURE, at);
        scripted::listen(&live, &[bob], SURE);
        assert_unheard(&scripted::heard(&live, bob), ALICE, "by the holder");
        live.with(bob, |phone, now| phone.hold(now, false));
        alice.hears(BOB, SURE, at);
        scripted::listen(&live, &[bob], 2 * SURE);
        assert_heard(&scripted::heard(&live, bob), ALICE, SURE, &format!("after hold {round}"));
    }
    alice.hang_up();
    scripted::await_state(&live, bob, "end", |state| matches!(state, State::Ended(_)));
    belfry.await_empty();
}

#[test]
fn the_called_phone_hangs_up_then_calls_and_the_console_ends_it() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE).answering());
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB).answering());

    alice.dial("1002");
    bob.hears(ALICE, SURE, 0);
    bob.hang_up();
    alice.expect("CALL_CLOSED");
    bob.expect("CALL_CLOSED");
    let record = belfry.record_of("1002");
    // The plan had the last word: it goes on with the caller when the called party leaves.
    assert_eq!(record.legs[1].ended_by.as_deref(), Some("callee"), "{:#?}", record.legs);
    assert_eq!(record.call.ended_by.as_deref(), Some("plan"), "{:?}", record.call);

    // The same two the other way round, with the same sockets; the console ends it.
    let (at_alice, at_bob) = (alice.heard().len(), bob.heard().len());
    bob.dial("1001");
    alice.hears(BOB, SURE, at_alice);
    bob.hears(ALICE, SURE, at_bob);
    let calls = belfry.console("show calls");
    let id = calls[0]["call"].as_str().unwrap_or_else(|| panic!("one call: {calls}"));
    belfry.console(&format!("hangup {id}"));
    alice.expect("CALL_CLOSED");
    bob.expect("CALL_CLOSED");
    let record = belfry.record_of("1001");
    assert_eq!(record.call.ended_by.as_deref(), Some("console"), "{:?}", record.call);
    belfry.await_empty();
}

#[test]
fn blind_transfer_by_refer_of_either_side() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE).answering());
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB).answering());
    let carol = Baresip::register(&belfry, Phone::new("1003", CAROL).answering());

    // Bob, who was called, sends Alice on to Carol.
    alice.dial("1002");
    alice.hears(BOB, SURE, 0);
    bob.hears(ALICE, SURE, 0);
    let from = bob.heard().len();
    bob.transfer("1003");
    let alices = alice.hears(CAROL, SURE, 0);
    let carols = carol.hears(ALICE, SURE, 0);
    bob.expect("CALL_CLOSED");
    assert_unheard(&bob.heard()[from..], CAROL, "by him who left");
    assert_unheard(&carol.heard(), BOB, "by Carol");
    alice.hang_up();
    carol.expect("CALL_CLOSED");
    let record = belfry.record_of("1002");
    assert_eq!(record.legs.len(), 3, "{:#?}", record.legs);

    // Alice, who calls, sends Bob on to Carol.
    let bobs = bob.heard().len();
    alice.dial("1002");
    let alices = alice.hears(BOB, SURE, alices);
    bob.hears(ALICE, SURE, bobs);
    alice.transfer("1003");
    bob.hears(CAROL, SURE, bobs);
    carol.hears(BOB, SURE, carols);
    assert_unheard(&alice.heard()[alices..], CAROL, "by her who left");
    bob.hang_up();
    carol.expect("CALL_CLOSED");
    belfry.await_empty();
}

#[test]
fn keys_of_a_phone_run_a_menu_and_transfer_a_call() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB).answering());
    let carol = Baresip::register(&belfry, Phone::new("1003", CAROL).answering());

    // RFC 4733 as baresip sends it; the first key stops the prompt.
    alice.dial("8000");
    alice.hears(MENU, SURE, 0);
    alice.press("42");
    let at = alice.hears(CLOSED, Duration::from_millis(600), 0);
    alice.expect("CALL_CLOSED");

    alice.dial("8000");
    alice.hears(MENU, SURE, at);
    alice.press("1");
    alice.hears(BOB, SURE, at);
    bob.hears(ALICE, SURE, 0);
    bob.press("*11003#");
    alice.hears(CAROL, SURE, at);
    carol.hears(ALICE, SURE, 0);
    bob.expect("CALL_CLOSED");
    alice.hang_up();
    carol.expect("CALL_CLOSED");
    belfry.await_empty();
}

/// Bob asks Carol by keys while Alice waits, changes between the two and hands over.
#[test]
fn keys_of_a_phone_ask_a_third_and_hand_over() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB).answering());
    let carol = Baresip::register(&belfry, Phone::new("1003", CAROL).answering());

    alice.dial("1002");
    let alices = alice.hears(BOB, SURE, 0);
    let bobs = bob.hears(ALICE, SURE, 0);
    bob.press("*21003#");
    let alices = alice.hears(MUSIC, SURE, alices);
    let bobs = bob.hears(CAROL, SURE, bobs);
    let carols = carol.hears(BOB, SURE, 0);
    assert_unheard(&carol.heard(), ALICE, "by Carol, who is asked");
    bob.press("*2");
    alice.hears(BOB, SURE, alices);
    bob.hears(ALICE, SURE, bobs);
    let carols = carol.hears(MUSIC, SURE, carols);
    bob.press("*2");
    let carols = carol.hears(BOB, SURE, carols);
    bob.press("*1");
    bob.expect("CALL_CLOSED");
    carol.hears(ALICE, SURE, carols);
    alice.hears(CAROL, SURE, alices);
    alice.hang_up();
    carol.expect("CALL_CLOSED");
    belfry.await_empty();
    let record = belfry.record_of("1002");
    assert_eq!(record.legs.len(), 3, "{:#?}", record.legs);
    belfry.stop();
}

#[test]
fn refusals_reach_the_caller() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB));

    // Nobody is registered under 1003.
    alice.dial("1003");
    let closed = alice.expect("CALL_CLOSED");
    assert!(closed["param"].to_string().contains("480"), "{closed}");

    // Bob refuses.
    alice.dial("1002");
    bob.expect("CALL_INCOMING");
    bob.hang_up();
    let closed = alice.expect("CALL_CLOSED");
    assert!(closed["param"].to_string().contains("486"), "{closed}");

    // Alice gives up while it rings: Bob's phone falls silent.
    alice.dial("1002");
    bob.expect("CALL_CLOSED");
    bob.expect("CALL_INCOMING");
    alice.hang_up();
    bob.expect("CALL_CLOSED");
    belfry.await_empty();
    belfry.stop();
}

/// The phone's SDP names an address from which its RTP never comes, as behind a router.
#[test]
fn a_phone_behind_a_router_is_heard() {
    let belfry = Appliance::start(Setup::new());
    let hidden = Ipv4Addr::new(127, 1, 2, 3);
    let phone = Phone { media_ip: hidden, ..Phone::new("1001", ALICE) };
    let mut alice = Baresip::register(&belfry, phone);
    let bob = Baresip::register(&belfry, Phone::new("1002", BOB).answering());
    alice.dial("1002");
    alice.hears(BOB, SURE, 0);
    bob.hears(ALICE, SURE, 0);
    assert!(alice.printed().contains("c=IN IP4 127.1.2.3"), "its SDP hides where it is");
    alice.hang_up();
    belfry.await_empty();
}
