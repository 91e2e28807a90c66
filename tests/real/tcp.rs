//! A phone over TCP: registration, calls both ways on its own connection.

use std::time::Duration;

use super::appliance::{Appliance, Setup};
use super::baresip::{Baresip, Phone};
use super::tones::{ALICE, BOB};

const SURE: Duration = Duration::from_secs(1);

#[test]
fn a_phone_over_tcp_registers_and_calls() {
    let belfry = Appliance::start(Setup::new());
    let over_tcp = Phone { transport: "tcp", ..Phone::new("1001", ALICE).answering() };
    let mut alice = Baresip::register(&belfry, over_tcp);
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB).answering());
    let phones = belfry.console("show phones");
    assert!(phones[0]["contacts"].to_string().contains("transport=tcp"), "{phones}");

    alice.dial("1002");
    let at = alice.hears(BOB, SURE, 0);
    bob.hears(ALICE, SURE, 0);
    alice.hang_up();
    bob.expect("CALL_CLOSED");

    bob.dial("1001");
    alice.hears(BOB, SURE, at);
    bob.hang_up();
    alice.expect("CALL_CLOSED");
    let printed = alice.printed();
    assert!(printed.contains("INVITE sip:1001"), "the call came to it:\n{printed}");
    assert!(!printed.contains("Via: SIP/2.0/UDP"), "all of its SIP went over TCP");
    belfry.await_empty();
}
