//! The gateway calls in and the caller presses through the menu: keys as telephone-event, as SIP
//! INFO and as tones in the speech (R1, R3). SIPp signals as an AudioCodes Mediant does.

use std::net::SocketAddr;
use std::time::Duration;

use super::appliance::{Appliance, Setup};
use super::audio::{self, assert_heard, assert_unheard, keys, tone};
use super::baresip::{Baresip, Phone};
use super::sipp::{Scenario, Sipp};
use super::speech::Line;
use super::tones::{ALICE, CALLER, MENU, QUESTION, THANKS};

const CALL: &str = include_str!("../data/clients/sipp/gateway_calls.xml");
const STREAM: &str = include_str!("../data/clients/sipp/acts_stream.xml");
const INFO: &str = include_str!("../data/clients/sipp/acts_info.xml");
pub const BYE_COMES: &str = include_str!("../data/clients/sipp/acts_bye_comes.xml");
const BYE_GOES: &str = include_str!("../data/clients/sipp/acts_bye_goes.xml");
/// The care line's number.
const CARE: &str = "4008001234";
const SURE: Duration = Duration::from_secs(1);

/// A call of SIPp's.
pub struct Incoming<'a> {
    /// The number it dials.
    pub number: &'a str,
    /// What it does in the call.
    pub acts: String,
    /// Where it wants RTP; none: SIPp streams, and hears nothing.
    pub line: Option<&'a Line>,
    /// The words of `acts`.
    pub words: &'a [(&'a str, String)],
    /// What it streams.
    pub sounds: &'a [(&'a str, Vec<i16>)],
    /// Whether it offers telephone-event.
    pub events: bool,
}

impl<'a> Incoming<'a> {
    pub fn new(number: &'a str, acts: &str) -> Incoming<'a> {
        let acts = acts.to_owned();
        Incoming { number, acts, line: None, words: &[], sounds: &[], events: true }
    }

    pub fn start(self, belfry: &Appliance) -> Sipp {
        let port = self.line.map(|line| line.at.port().to_string());
        let (kind, lines) = match self.events {
            true => (" 96", "\na=rtpmap:96 telephone-event/8000\na=fmtp:96 0-15"),
            false => ("", ""),
        };
        let mut words = vec![
            ("acts", self.acts),
            ("port", port.unwrap_or("[rtpstream_audio_port]".into())),
            ("event_type", kind.into()),
            ("event_lines", lines.into()),
        ];
        words.extend(self.words.iter().map(|(word, text)| (*word, text.clone())));
        let own = SocketAddr::new(belfry.setup.gateway.ip(), 5060);
        Sipp::start(Scenario {
            xml: CALL,
            own,
            peer: Some(belfry.sip),
            number: self.number,
            words: &words,
            sounds: self.sounds,
        })
    }
}

/// How the key 1 came, as the call's events tell.
fn key_came_by(belfry: &Appliance) -> Vec<String> {
    let record = belfry.record_of(CARE);
    let keys = record.events.iter().filter(|event| event.body["digit"] == "1");
    keys.filter_map(|event| event.body["by"].as_str().map(String::from)).collect()
}

#[test]
fn menu_by_telephone_event_talk_and_survey() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let caller = Line::of_gateway(&belfry);
    let sipp = Incoming { line: Some(&caller), ..Incoming::new(CARE, BYE_COMES) }.start(&belfry);

    caller.hears(MENU, SURE, 0);
    caller.press("1");
    alice.expect("CALL_INCOMING");
    alice.answer();
    let at = caller.hears(ALICE, SURE, 0);
    alice.hears(CALLER, SURE, 0);
    std::thread::sleep(SURE);
    alice.hang_up();
    let at = caller.hears(QUESTION, SURE, at);
    caller.press("5");
    caller.hears(THANKS, Duration::from_millis(600), at);
    let messages = sipp.finish();
    assert!(messages.contains("RTP/AVP 8 96"), "the answer keeps the offer's payload types");

    let record = belfry.record_of(CARE);
    assert_eq!(record.call.caller, "13800138000");
    assert_eq!(record.call.gateway.as_deref(), Some("e1"));
    assert_eq!(record.call.agent.as_deref(), Some("1001"));
    let answers: Vec<_> = record.answers.iter().map(|a| (&a.question[..], &a.key[..])).collect();
    assert_eq!(answers, [("satisfied", "5")]);
    let [recording] = &record.recordings[..] else { panic!("{:?}", record.recordings) };
    let channels = audio::read_wav(&belfry.recording(&recording.path));
    assert_heard(&channels[0], CALLER, SURE, "in the customer's channel");
    assert_heard(&channels[1], ALICE, SURE, "in the agent's channel");
    assert_unheard(&channels[0], ALICE, "in the customer's channel");
    assert_unheard(&channels[1], CALLER, "in the agent's channel");
    // Not from the menu and not into the survey: from the agent's answer to the talk's end (R5).
    for (hz, name) in [(MENU, "the menu"), (QUESTION, "the survey")] {
        channels.iter().for_each(|channel| assert_unheard(channel, hz, name));
    }
    belfry.await_empty();
    belfry.stop();
}

#[test]
fn menu_by_info() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE).answering());
    let caller = Line::of_gateway(&belfry);
    let acts = [INFO, BYE_COMES].concat();
    let sipp = Incoming { line: Some(&caller), ..Incoming::new(CARE, &acts) }.start(&belfry);

    alice.hears(CALLER, SURE, 0);
    let at = caller.hears(ALICE, SURE, 0);
    alice.hang_up();
    caller.hears(THANKS, Duration::from_millis(600), at);
    sipp.finish();
    assert_eq!(key_came_by(&belfry), ["info"]);
    belfry.await_empty();
}

/// The keys are tones in SIPp's own A-law stream, of a gateway that knows no telephone-event.
#[test]
fn menu_by_tones_in_the_speech() {
    let belfry = Appliance::start(Setup::new());
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE).answering());
    let mut sound = vec![0; 1_500 * audio::MS];
    sound.extend(keys("1"));
    sound.extend(vec![0; 500 * audio::MS]);
    sound.extend(tone(CALLER, 60.0));
    let acts = [STREAM, BYE_COMES].concat();
    let words = [("sound", "caller.al".to_owned())];
    let sounds = [("caller.al", sound)];
    let incoming = Incoming::new(CARE, &acts);
    let incoming = Incoming { words: &words, sounds: &sounds, events: false, ..incoming };
    let sipp = incoming.start(&belfry);

    alice.hears(CALLER, SURE, 0);
    alice.hang_up();
    sipp.finish();
    assert_eq!(key_came_by(&belfry), ["in_band"]);
    belfry.await_empty();
}

#[test]
fn the_gateway_hangs_up() {
    let belfry = Appliance::start(Setup::new());
    let alice = Baresip::register(&belfry, Phone::new("1001", ALICE).answering());
    let caller = Line::of_gateway(&belfry);
    let words = [("stay", "3000".to_owned())];
    let incoming = Incoming::new("1001", BYE_GOES);
    let sipp = Incoming { line: Some(&caller), words: &words, ..incoming }.start(&belfry);
    alice.hears(CALLER, SURE, 0);
    caller.hears(ALICE, SURE, 0);
    alice.expect("CALL_CLOSED");
    sipp.finish();
    let record = belfry.record_of("1001");
    assert_eq!((record.call.cause, record.call.ended_by.as_deref()), (Some(16), Some("caller")));
    belfry.await_empty();
}
