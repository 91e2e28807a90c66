//! An agent's mobile is the extension 1005 (R7): SIPp is the gateway that reaches it, baresip the caller.

use std::time::Duration;

use super::appliance::{Appliance, Setup};
use super::audio::assert_unheard;
use super::baresip::{Baresip, Phone};
use super::gateway_out::{ANSWERS, gateway, offered};
use super::process::{PATIENCE, wait_for};
use super::speech::Line;
use super::tones::{ALICE, CALLER, TAKE_CALL};

const SURE: Duration = Duration::from_secs(1);

#[test]
fn the_mobile_takes_the_call_by_a_key() {
    let more = "[[phone]]\nnumber = \"1005\"\nmobile = \"13900139000\"\nlanguage = \"en\"\n";
    let belfry = Appliance::start(Setup { more, ..Setup::new() });
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let line = Line::of_gateway(&belfry);
    let words = [("port", line.at.port().to_string()), ("ring", "500".into())];
    let sipp = gateway(&belfry, ANSWERS, &words);

    alice.dial("1005");
    let invite = wait_for(PATIENCE, || Some(sipp.messages()).filter(|m| m.contains("m=audio")));
    let invite = invite.expect("the gateway gets an offer");
    assert!(invite.contains("INVITE sip:13900139000@"), "{invite}");
    line.speak_to(offered(&invite, belfry.sip.ip()));
    // Whoever answered is asked, and the caller knows nothing of it.
    let asked = line.hears(TAKE_CALL, SURE, 0);
    assert!(alice.await_event("CALL_ESTABLISHED", Duration::ZERO).is_none(), "not taken yet");
    // The offerer's number is what it wants to receive (RFC 3264 §5.1), whatever the answer says.
    let events = invite.split(" telephone-event/8000").next().and_then(|s| s.rsplit(':').next());
    line.press_as("1", events.and_then(|n| n.parse().ok()).expect("events in the offer"));
    alice.expect("CALL_ESTABLISHED");
    line.hears(ALICE, SURE, asked);
    alice.hears(CALLER, SURE, 0);
    assert_unheard(&alice.heard(), TAKE_CALL, "by the caller");
    alice.hang_up();
    sipp.finish();
    let record = belfry.record_of("1005");
    assert_eq!(record.call.agent.as_deref(), Some("1005"), "{:?}", record.call);
    assert!(record.events.iter().any(|event| event.body["kind"] == "leg_asked"));
    belfry.await_empty();
}
