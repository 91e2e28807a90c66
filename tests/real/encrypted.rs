//! baresip with SRTP (its keys in SDP): with one that has none, with one that has, and refused.

use std::time::Duration;

use super::appliance::{Appliance, Setup};
use super::baresip::{Baresip, Phone};
use super::tones::{ALICE, BOB, CLOSED, MENU};

/// Long enough to be sure of a tone, and of a talk from which a recording has that much.
const SURE: Duration = Duration::from_secs(1);
const TALK: Duration = Duration::from_secs(2);

fn phone<'a>(number: &'a str, hz: f64, encryption: Option<&'a str>) -> Phone<'a> {
    Phone { encryption, ..Phone::new(number, hz).answering() }
}

/// What Belfry's and the phone's own last descriptions in `printed` were carried by.
fn carried(printed: &str, proto: &str) -> bool {
    printed.lines().any(|line| line.starts_with("m=audio") && line.contains(proto))
}

#[test]
fn who_must_encrypt_talks_with_one_who_cannot() {
    let srtp = &["required", "off"];
    let belfry = Appliance::start(Setup { srtp, ..Setup::new() });
    let alice = phone("1001", ALICE, Some("srtp-mand"));
    let mut alice = Baresip::register(&belfry, alice);
    let mut bob = Baresip::register(&belfry, phone("1002", BOB, None));
    prompts_and_keys(&mut alice);
    talk(&belfry, &mut alice, &mut bob);
    assert!(carried(&alice.printed(), "RTP/SAVP") && !carried(&bob.printed(), "RTP/SAVP"));
    belfry.await_empty();
    belfry.stop();
}

#[test]
fn two_who_may_encrypt_do() {
    let srtp = &["preferred", "preferred"];
    let belfry = Appliance::start(Setup { srtp, ..Setup::new() });
    let mut alice = Baresip::register(&belfry, phone("1001", ALICE, Some("srtp")));
    let mut bob = Baresip::register(&belfry, phone("1002", BOB, Some("srtp")));
    prompts_and_keys(&mut alice);
    talk(&belfry, &mut alice, &mut bob);
    for printed in [alice.printed(), bob.printed()] {
        let keys = printed.matches("a=crypto:").count();
        assert!(keys >= 2 && !carried(&printed, "RTP/SAVP"), "{printed}");
    }
    belfry.await_empty();
    belfry.stop();
}

#[test]
fn who_does_not_encrypt_though_it_must_is_refused() {
    let belfry = Appliance::start(Setup { srtp: &["required"], ..Setup::new() });
    let mut alice = Baresip::register(&belfry, phone("1001", ALICE, None));
    alice.dial("8000");
    alice.expect("CALL_CLOSED");
    assert!(alice.printed().contains("SIP/2.0 488"), "{}", alice.printed());
    belfry.await_empty();
    belfry.stop();
}

fn prompts_and_keys(alice: &mut Baresip) {
    alice.dial("8000");
    alice.hears(MENU, SURE, 0);
    alice.press("42");
    alice.hears(CLOSED, Duration::from_millis(600), 0);
    alice.expect("CALL_CLOSED");
}

/// She calls him and he calls her; both hear each other, and both are recorded.
fn talk(belfry: &Appliance, alice: &mut Baresip, bob: &mut Baresip) {
    let from = alice.heard().len();
    alice.dial("1002");
    let at_alice = alice.hears(BOB, TALK, from);
    let at_bob = bob.hears(ALICE, TALK, 0);
    alice.hang_up();
    bob.expect("CALL_CLOSED");
    belfry.recorded("1002", ALICE, BOB);

    bob.dial("1001");
    alice.hears(BOB, SURE, at_alice);
    bob.hears(ALICE, SURE, at_bob);
    bob.hang_up();
}
