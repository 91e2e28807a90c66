//! baresip in G.722 and in Opus, called with and by one that speaks A-law.

use std::time::Duration;

use super::appliance::{Appliance, Setup};
use super::baresip::{Baresip, Phone};
use super::tones::{ALICE, BOB, CLOSED, MENU};

/// Long enough to be sure of a tone.
const SURE: Duration = Duration::from_secs(1);

#[test]
fn a_phone_in_g722_talks_with_one_in_a_law() {
    talks("G722/16000/1", "G722");
}

#[test]
fn a_phone_in_opus_talks_with_one_in_a_law() {
    talks("opus/48000/2", "opus");
}

fn talks(codec: &str, name: &str) {
    let codecs = Some("[\"opus\", \"G722\", \"PCMA\"]");
    let belfry = Appliance::start(Setup { codecs, ..Setup::new() });
    let wide = Phone { codecs: codec, ..Phone::new("1001", ALICE) };
    let mut alice = Baresip::register(&belfry, wide.answering());
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB).answering());

    // A prompt is heard, and keys are.
    alice.dial("8000");
    alice.hears(MENU, SURE, 0);
    alice.press("42");
    let at = alice.hears(CLOSED, Duration::from_millis(600), 0);
    alice.expect("CALL_CLOSED");

    // She calls: both hear each other, and both are recorded.
    alice.dial("1002");
    let at_alice = alice.hears(BOB, SURE, at);
    let at_bob = bob.hears(ALICE, SURE, 0);
    let calls = belfry.console("show calls");
    let id = calls[0]["call"].as_str().unwrap_or_else(|| panic!("one call: {calls}"));
    let call = belfry.console(&format!("show call {id}"));
    assert!(call.to_string().contains(&format!("\"{name}\"")), "{call}");
    alice.hang_up();
    bob.expect("CALL_CLOSED");
    belfry.recorded("1002", ALICE, BOB);

    // She is called: our offer names all codecs.
    bob.dial("1001");
    alice.hears(BOB, SURE, at_alice);
    bob.hears(ALICE, SURE, at_bob);
    bob.hang_up();
    belfry.await_empty();
    belfry.stop();
}
