//! The sample: the embedded configuration with the dialplan and the prompts of this repository,
//! as `belfry serve` runs them without a file. Its prompts are speech, so it is the parties' tones
//! that are judged, and that somebody speaks.

use std::time::Duration;

use super::appliance::{Appliance, Setup};
use super::audio::{assert_heard, loudest, read_wav};
use super::baresip::{Baresip, Phone};
use super::gateway_in::{BYE_COMES, Incoming};
use super::process::{PATIENCE, wait_for};
use super::speech::Line;
use super::tones::{ALICE, BOB, CALLER};

const CARE: &str = "4008001234";
const SURE: Duration = Duration::from_secs(1);

#[test]
fn the_care_line_as_it_comes() {
    let belfry = Appliance::start(Setup::sample());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let bob = Baresip::register(&belfry, Phone::new("1002", BOB));
    let caller = Line::of_gateway(&belfry);
    let sipp = Incoming { line: Some(&caller), ..Incoming::new(CARE, BYE_COMES) }.start(&belfry);

    // Who knows the menu presses before it is read out.
    caller.hears_speech(0);
    caller.press("1");
    bob.expect("CALL_INCOMING");
    alice.expect("CALL_INCOMING");
    alice.answer();
    bob.expect("CALL_CLOSED");
    let at = caller.hears(ALICE, SURE, 0);
    alice.hears(CALLER, SURE, 0);
    std::thread::sleep(2 * SURE);
    alice.hang_up();
    // Both questions of the survey.
    for _ in 0..2 {
        let at = caller.heard().len().max(at);
        caller.hears_speech(at + 8_000);
        caller.press("1");
        std::thread::sleep(SURE);
    }
    sipp.finish();

    let record = belfry.record_of(CARE);
    assert_eq!(record.call.agent.as_deref(), Some("1001"));
    let answers: Vec<_> = record.answers.iter().map(|a| (&a.question[..], &a.key[..])).collect();
    assert_eq!(answers, [("satisfaction", "1"), ("solved", "1")]);
    let [recording] = &record.recordings[..] else { panic!("{:?}", record.recordings) };
    let channels = read_wav(&belfry.recording(&recording.path));
    assert_heard(&channels[0], CALLER, SURE, "in the customer's channel");
    assert_heard(&channels[1], ALICE, SURE, "in the agent's channel");
    belfry.stop();
}

/// What a phone hears when it tries itself out: its number, date and time, all prompts there.
#[test]
fn every_prompt_of_the_test_call_is_there() {
    let belfry = Appliance::start(Setup::sample());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    alice.dial("*99");
    alice.expect("CALL_ESTABLISHED");
    let heard = wait_for(PATIENCE, || (loudest(&alice.heard()) > -30.0).then_some(()));
    assert!(heard.is_some(), "it speaks");
    alice.expect("CALL_CLOSED");
    let log = belfry.log();
    assert!(!log.contains("missing") && !log.contains("cannot be played"), "{log}");
    belfry.stop();
}
