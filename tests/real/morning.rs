//! A morning of a contact centre in one piece: three baresips are two agents and a supervisor, SIPp is the gateway,
//! and each party is a tone of its own (R2, R4, R18, R19, R20, R24).
//!
//! ```text
//!  sign-in by keys ─ break ─ a caller waits with music ─ ready ─ rings ─ answered ─ hold ─ transfer ─ wrap-up, break
//!   └ three-way, who was asked goes on alone ─ the next caller ─ listen ─ whisper ─ barge in ─ disconnect ─ sign-out
//! ```
//!
//! What the customer hears is judged on its line, sample by sample; what the recordings have, in their files.

use std::process::Command;
use std::time::Duration;

use belfry::dsp::level::tone_dbm0;
use serde_json::Value;

use super::appliance::{Appliance, Setup};
use super::audio::{self, MS, assert_heard, assert_unheard};
use super::baresip::{Baresip, Phone};
use super::gateway_in::{BYE_COMES, Incoming};
use super::process::{PATIENCE, wait_for};
use super::speech::Line;
use super::tones::{ALICE, BOB, CALLER, CAROL, MUSIC};

/// Long enough to be sure of a tone.
const SURE: Duration = Duration::from_millis(700);
/// What a conference leaves of a tone is louder.
const HEARD_DBM0: f64 = -30.0;
const LINE: &str = "4008005555";

const CENTRE: &str = "[[agent]]\nnumber = \"7001\"\npin = \"4711\"\nteam = \"day\"\n\
    [[agent]]\nnumber = \"7002\"\npin = \"4711\"\nteam = \"day\"\n\
    [[agent]]\nnumber = \"7900\"\npin = \"4711\"\nrole = \"supervisor\"\n\
    [[queue]]\nname = \"care\"\nagents = [\"7001\", \"7002\"]\nstrategy = \"in-order\"\nring = \"30 s\"\n\
    after_call = \"2 min\"\n\
    [[wrap_up]]\ncode = \"17\"\nname = \"a question\"\n";

/// From the gateway into the queue.
const PLAN: &str = "[[route]]\nname = \"to the centre\"\ncontext = \"gateway\"\nwhen = { to = \"4008005555\" }\n\
    steps = [{ queue = { name = \"care\" } }]\n";

/// An agent signs in at this phone: number in the code, PIN by keys in the call.
fn sign_in(phone: &mut Baresip, agent: &str) {
    phone.dial(&format!("*11{agent}"));
    phone.expect("CALL_ESTABLISHED");
    std::thread::sleep(Duration::from_millis(500));
    phone.press("4711#");
    phone.expect("CALL_CLOSED");
}

/// A phone dials a code that is done at once.
fn code(phone: &mut Baresip, code: &str) {
    phone.dial(code);
    phone.expect("CALL_CLOSED");
    // Both may have come before they were waited for.
    while phone.await_event("CALL_ESTABLISHED", Duration::ZERO).is_some() {}
}

/// Waits until an agent is so.
fn await_agent(belfry: &Appliance, agent: &str, state: &str) {
    let mut last = Value::Null;
    let so = wait_for(PATIENCE, || {
        let rows = belfry.console("show agents");
        last = rows.as_array()?.iter().find(|row| row["number"] == agent)?.clone();
        (last["state"] == state).then_some(())
    });
    assert!(so.is_some(), "{agent} is to be {state}: {last}");
}

/// The samples of 100 ms in which a tone is heard, beside others or alone.
fn with(samples: &[i16], hz: f64) -> usize {
    let looks = samples.chunks_exact(100 * MS);
    looks.filter(|look| tone_dbm0(look, hz) > HEARD_DBM0).count() * 100 * MS
}

/// Waits until each of these is heard for a second in all, behind the first `from` samples; gives how many there are then.
fn hears_all(heard: impl Fn() -> Vec<i16>, tones: &[f64], from: usize, whom: &str) -> usize {
    let come = wait_for(PATIENCE, || {
        let samples = heard();
        let new = samples.get(from..)?;
        tones.iter().all(|hz| with(new, *hz) >= 1_000 * MS).then_some(samples.len())
    });
    come.unwrap_or_else(|| {
        let samples = heard();
        panic!("{whom} is to hear {tones:?}: {}", audio::story(samples.get(from..).unwrap_or(&[])))
    })
}

fn incoming<'a>(line: &'a Line) -> Incoming<'a> {
    Incoming { line: Some(line), ..Incoming::new(LINE, BYE_COMES) }
}

#[test]
fn three_phones_and_a_gateway_work_a_morning() {
    let belfry = Appliance::start(Setup { more: CENTRE, plan: PLAN.into(), ..Setup::new() });
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB));
    let mut carol = Baresip::register(&belfry, Phone::new("1003", CAROL));
    std::thread::scope(|at_once| {
        at_once.spawn(|| (sign_in(&mut alice, "7001"), code(&mut alice, "*1402")));
        at_once.spawn(|| (sign_in(&mut bob, "7002"), code(&mut bob, "*14")));
        at_once.spawn(|| sign_in(&mut carol, "7900"));
    });
    await_agent(&belfry, "7001", "break 2");
    await_agent(&belfry, "7002", "break");
    await_agent(&belfry, "7900", "ready");

    first_caller(&belfry, &mut alice, &mut bob);
    second_caller(&belfry, &mut bob, &mut carol);

    for (phone, agent) in [(&mut alice, "7001"), (&mut bob, "7002"), (&mut carol, "7900")] {
        code(phone, "*12");
        await_agent(&belfry, agent, "signed out");
    }
    belfry.await_calls(0);
    what_is_written_down(&belfry);
    belfry.stop();
}

/// Queue, ring, answer, hold, transfer, wrap-up, break, three-way.
fn first_caller(belfry: &Appliance, alice: &mut Baresip, bob: &mut Baresip) {
    let line = Line::of_gateway(belfry);
    let sipp = incoming(&line).start(belfry);
    // Both have a break: it waits with music, until one is back.
    let at = line.hears(MUSIC, SURE, 0);
    assert!(alice.await_event("CALL_INCOMING", Duration::ZERO).is_none(), "she has a break");
    code(alice, "*13");
    alice.expect("CALL_INCOMING");
    await_agent(belfry, "7001", "ringing");
    alice.answer();
    let at = line.hears(ALICE, SURE, at);
    alice.hears(CALLER, SURE, 0);
    await_agent(belfry, "7001", "talking");

    alice.hold();
    let held = line.hears(MUSIC, SURE, at);
    std::thread::sleep(SURE);
    assert_unheard(&line.heard()[held..], ALICE, "by the customer on hold");
    alice.resume();
    let at = line.hears(ALICE, SURE, held);

    alice.press("*11002#");
    bob.expect("CALL_INCOMING");
    bob.answer();
    alice.expect("CALL_CLOSED");
    let at = line.hears(BOB, SURE, at);
    let bobs = bob.hears(CALLER, SURE, 0);

    // Her after-call work ends with what it was about, and a break begins.
    await_agent(belfry, "7001", "after-call work");
    code(alice, "*1517");
    await_agent(belfry, "7001", "ready");
    code(alice, "*1403");
    await_agent(belfry, "7001", "break 3");

    // The customer hears music while she is rung, and then both; Bob goes, and the two talk on.
    bob.press("*31001#");
    alice.expect("CALL_INCOMING");
    let at = line.hears(MUSIC, SURE, at);
    alice.answer();
    let at = hears_all(|| line.heard(), &[ALICE, BOB], at, "the customer");
    hears_all(|| bob.heard(), &[ALICE, CALLER], bobs, "Bob");
    bob.hang_up();
    bob.expect("CALL_CLOSED");
    line.hears(ALICE, SURE, at);
    alice.hang_up();
    alice.expect("CALL_CLOSED");
    sipp.finish();
    belfry.await_calls(0);
}

/// Listens, whispers, barges in, disconnects.
fn second_caller(belfry: &Appliance, bob: &mut Baresip, carol: &mut Baresip) {
    let line = Line::of_gateway(belfry);
    code(bob, "*13");
    let sipp = incoming(&line).start(belfry);
    bob.expect("CALL_INCOMING");
    bob.answer();
    line.hears(BOB, SURE, 0);
    let bobs = bob.heard().len();

    carol.dial("*707002");
    carol.expect("CALL_ESTABLISHED");
    let listens = hears_all(|| carol.heard(), &[CALLER, BOB], 0, "the supervisor");
    assert_unheard(&bob.heard()[bobs..], CAROL, "by the agent who is listened to");
    carol.press("1");
    hears_all(|| bob.heard(), &[CAROL, CALLER], bobs, "the agent who is whispered to");
    let whispered = line.heard();
    assert_unheard(&whispered, CAROL, "by the customer, who is to hear no whisper");
    assert_heard(
        &whispered[whispered.len() - 1_000 * MS..],
        BOB,
        SURE,
        "by the customer meanwhile",
    );
    carol.press("2");
    hears_all(|| line.heard(), &[CAROL, BOB], whispered.len(), "the customer");
    hears_all(|| carol.heard(), &[CALLER, BOB], listens, "who barges in");
    carol.hang_up();
    carol.expect("CALL_CLOSED");

    carol.dial("*737002");
    bob.expect("CALL_CLOSED");
    carol.expect("CALL_CLOSED");
    sipp.finish();
    recorded_without_the_whisper(belfry, &line.heard());
}

/// The talk's recording: on the left the customer alone, on the right what it heard; who whispered is there as long as
/// the customer heard it, and no longer.
fn recorded_without_the_whisper(belfry: &Appliance, customer: &[i16]) {
    let records = belfry.records();
    let talk = wait_for(PATIENCE, || {
        let newest = records.all().into_iter().find(|record| record.call.dialled == LINE)?;
        let whole = newest.call.ended.is_some() && !newest.recordings.is_empty();
        (whole && newest.recordings.iter().all(|own| own.samples.is_some())).then_some(newest)
    });
    let talk = talk.expect("the talk is on record");
    assert_eq!(talk.call.ended_by.as_deref(), Some("supervisor"), "{:?}", talk.call);
    let [recording] = &talk.recordings[..] else { panic!("{:?}", talk.recordings) };
    let channels = audio::read_wav(&belfry.recording(&recording.path));
    let [left, right] = &channels[..] else { panic!("{} channels", channels.len()) };
    assert_heard(left, CALLER, SURE, "in the customer's channel");
    for hz in [BOB, CAROL] {
        assert_unheard(left, hz, "in the customer's channel");
    }
    assert_unheard(right, CALLER, "in the agent's channel");
    assert_heard(right, BOB, SURE, "in the agent's channel");
    let (heard, kept) = (with(customer, CAROL), with(right, CAROL));
    assert!(
        kept >= 1_000 * MS && kept.abs_diff(heard) <= 400 * MS,
        "the customer heard the supervisor for {} ms, and {} ms of her are recorded: {}",
        heard / MS,
        kept / MS,
        audio::story(right)
    );
}

/// The journal has each step, and the figures that follow from it; the database has them a moment later.
fn what_is_written_down(belfry: &Appliance) {
    let acts = ["listen", "whisper", "barge", "end", "disconnect"];
    let mut last = (Vec::new(), Vec::new(), Value::Null);
    let written = wait_for(PATIENCE, || {
        let row = report(belfry)["rows"][0].clone();
        last = (words(belfry, "supervised", "act"), words(belfry, "wrap_up", "code"), row);
        let figures = ["offered", "answered", "abandoned"].map(|name| last.2[name].as_u64());
        let whole = figures == [Some(2), Some(2), Some(0)] && last.1 == ["17"] && last.0 == acts;
        whole.then_some(())
    });
    assert!(written.is_some(), "{last:?}");
}

/// This word of each fact of an event.
fn words(belfry: &Appliance, event: &str, word: &str) -> Vec<String> {
    let facts = belfry.records().facts();
    let bodies = facts.iter().map(|fact| serde_json::to_value(&fact.kind).expect("a fact is text"));
    let of_event = bodies.filter(|body| found(body, "event").as_deref() == Some(event));
    of_event.filter_map(|body| found(&body, word)).collect()
}

fn report(belfry: &Appliance) -> Value {
    let out = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .args(["report", "queue", "--format", "json", "-c"])
        .arg(belfry.beside("belfry.toml"))
        .output()
        .expect("belfry report runs");
    let text = String::from_utf8_lossy(&out.stdout);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The text under this name, wherever it stands.
fn found(body: &Value, name: &str) -> Option<String> {
    let fields = body.as_object()?;
    let own = fields.get(name).and_then(Value::as_str).map(String::from);
    own.or_else(|| fields.values().find_map(|inner| found(inner, name)))
}
