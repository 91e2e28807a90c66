//! A phone calls out through the gateway: what the far end sends before it answers is heard, and
//! how it refuses reaches the phone (R1). SIPp is the gateway, baresip the phone.

use std::time::Duration;

use super::appliance::{Appliance, Setup};
use super::audio::assert_unheard;
use super::baresip::{Baresip, Phone};
use super::process::{PATIENCE, wait_for};
use super::sipp::{Scenario, Sipp};
use super::speech::Line;
use super::tones::{ALICE, CALLER, EXCHANGE};

pub const ANSWERS: &str = include_str!("../data/clients/sipp/gateway_answers.xml");
const REFUSES: &str = include_str!("../data/clients/sipp/gateway_refuses.xml");
const RINGS: &str = include_str!("../data/clients/sipp/gateway_rings.xml");
const SURE: Duration = Duration::from_secs(1);

pub fn gateway(belfry: &Appliance, xml: &str, words: &[(&str, String)]) -> Sipp {
    let own = belfry.setup.gateway;
    let sipp = Sipp::start(Scenario { xml, own, peer: None, number: "x", words, sounds: &[] });
    sipp.await_listening();
    sipp
}

#[test]
fn early_media_of_the_far_end_is_heard() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let line = Line::of_gateway(&belfry);
    let port = line.at.port().to_string();
    let sipp = gateway(&belfry, ANSWERS, &[("port", port), ("ring", "2500".into())]);

    alice.dial("013900139000");
    let invite = wait_for(PATIENCE, || Some(sipp.messages()).filter(|m| m.contains("m=audio")));
    let invite = invite.expect("the gateway gets an offer");
    assert!(invite.contains("INVITE sip:13900139000@"), "the leading 0 is taken off:\n{invite}");
    line.speak_to(offered(&invite, belfry.sip.ip()));
    // Before the answer: the far end's own sound, and no ringing tone of ours on top of it.
    let early = alice.hears(CALLER, SURE, 0);
    assert!(alice.await_event("CALL_ESTABLISHED", Duration::ZERO).is_none(), "not answered yet");
    alice.expect("CALL_ESTABLISHED");
    alice.hears(CALLER, SURE, early);
    line.hears(ALICE, SURE, 0);
    assert_unheard(&alice.heard(), EXCHANGE, "by the phone");
    alice.hang_up();
    sipp.finish();
    let record = belfry.record_of("013900139000");
    assert_eq!(record.legs[1].gateway.as_deref(), Some("e1"), "{:#?}", record.legs);
    assert!(record.call.answered > Some(record.call.begun + 2_000), "early media is no answer");
    belfry.await_empty();
}

/// The address that the offer in SIPp's trace names.
pub fn offered(messages: &str, ip: std::net::IpAddr) -> std::net::SocketAddr {
    let port = messages.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next());
    (ip, port.and_then(|port| port.parse().ok()).expect("a port in the offer")).into()
}

#[test]
fn busy_is_busy_and_the_cause_goes_with_it() {
    let refusals = [("486 Busy Here", "17", "486"), ("404 Not Found", "1", "404")];
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    for (answer, cause, status) in refusals {
        let number = format!("01390013900{cause}");
        let words = [("status", answer.to_owned()), ("cause", cause.to_owned())];
        let sipp = gateway(&belfry, REFUSES, &words);
        alice.dial(&number);
        let closed = alice.expect("CALL_CLOSED");
        assert!(closed["param"].to_string().contains(status), "{answer}: {closed}");
        sipp.finish();
        let reason = format!("cause={cause}");
        let printed = alice.printed();
        let reasons = printed.lines().filter(|l| l.starts_with("Reason") && l.contains(&reason));
        assert!(reasons.count() > 0, "Reason: Q.850;{reason} reaches the phone:\n{printed}");
        let record = belfry.record_of(&number);
        assert_eq!(record.call.cause.map(|c| c.to_string()).as_deref(), Some(cause));
    }
    belfry.await_empty();
}

#[test]
fn nobody_answers() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let sipp = gateway(&belfry, RINGS, &[]);
    alice.dial("013900139000");
    alice.expect("CALL_RINGING");
    let closed = alice.expect("CALL_CLOSED");
    let status = closed["param"].to_string();
    assert!(status.contains("480") || status.contains("408"), "no answer: {closed}");
    sipp.finish();
    let record = belfry.record_of("013900139000");
    assert!(matches!(record.call.cause, Some(18 | 19)), "{:?}", record.call);
    assert_eq!(record.call.answered, None);
    belfry.await_empty();
}
