//! Recordings encrypted at rest, with the real binary: without a key calls go on and nothing is kept; with one nothing that
//! was said lies on the disk, not after kill -9 in mid-call either (R5), and who may hear it hears it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use belfry::sim::live::Live;
use belfry::store::query::CallRecord;
use belfry::wire::wav;

use super::appliance::{Appliance, Setup};
use super::audio::{assert_heard, assert_unheard, read_wav};
use super::process::{PATIENCE, wait_for};
use super::quality::part;
use super::scripted::{await_talk, caller, hang_up, phone};
use super::tones::{ALICE, BOB, CALLER};

const MORE: &str = "\n[http]\nlisten = \"OWN:8080\"\n\
    [[token]]\nname = \"boss\"\ntoken = \"boss-boss-boss-boss\"\nroles = [\"supervisor\"]\n";
const RECORD: &str = "encrypt = true\nkey_file = \"DIR/keys\"\n";
/// What a recording in progress must at least have on the disk after five seconds.
const AT_LEAST: Duration = Duration::from_secs(1);

/// `belfry recording …`: what it says, and whether all was well.
fn recording(belfry: &Appliance, words: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    command.arg("recording").args(words);
    if words[0] != "key" {
        command.arg("-c").arg(belfry.beside("belfry.toml"));
    }
    let out = command.output().expect("belfry recording runs");
    let said = [out.stdout, out.stderr].concat();
    (out.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// A call's only recording, decrypted for an operator; its file holds none of it.
fn exported(belfry: &Appliance, record: &CallRecord) -> PathBuf {
    let [own] = &record.recordings[..] else { panic!("{:?}", record.recordings) };
    assert!(own.path.ends_with(".wav.enc"), "{}", own.path);
    let (call, out) = (&record.call.call, belfry.beside("out"));
    let (done, said) = recording(belfry, &["export", call, "--out", out.to_str().expect("a path")]);
    assert!(done, "{said}");
    let copy = out.join(format!("{call}.wav"));
    let (plain, lies) = (read(&copy), read(&belfry.recording(&own.path)));
    assert_eq!(wav::repair(&plain, plain.len() as u64), Ok(None), "its header fits its length");
    assert!(lies.starts_with(b"BELFREC") && lies.len() > plain.len());
    for said in plain.chunks_exact(32).step_by(7) {
        assert!(!lies.windows(32).any(|own| own == said), "{}: something plain", own.path);
    }
    copy
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn hears(copy: &Path, left: f64, right: f64) {
    let channels = read_wav(copy);
    assert_heard(&channels[0], left, AT_LEAST, "in the customer's channel");
    assert_heard(&channels[1], right, AT_LEAST, "in the agent's channel");
    assert_unheard(&channels[0], right, "in the customer's channel");
}

#[test]
fn nothing_that_was_said_lies_on_the_disk_and_who_may_hears_it() {
    let mut belfry = Appliance::start(Setup { more: MORE, record: RECORD, ..Setup::new() });
    let live = Live::new();
    let alice = phone(&live, &belfry, "1001", ALICE);
    let bob = phone(&live, &belfry, "1002", BOB);
    // Without a key: told, the call is as any other, and nothing of it is kept.
    assert!(belfry.log().contains("no call is recorded until then"), "{}", belfry.log());
    let first = caller(&live, &belfry, CALLER);
    live.with(first, |phone, now| phone.call(now, "1002"));
    await_talk(&live, [first, bob]);
    hang_up(&live, [first, bob]);
    let record = belfry.record_of("1002");
    assert!(!belfry.recording(&record.recordings[0].path).exists());
    let why = record.recordings[0].fault.clone().unwrap_or_default();
    assert!(why.contains("no key is known"), "{why}");

    let keys = belfry.beside("keys");
    let (done, said) = recording(&belfry, &["key", keys.to_str().expect("a path")]);
    assert!(done && said.contains("is made"), "{said}");
    belfry.console("reload");

    // One talk that ends, and one in which the power goes.
    let second = caller(&live, &belfry, CALLER);
    live.with(second, |phone, now| phone.call(now, "1001"));
    await_talk(&live, [second, alice]);
    let third = caller(&live, &belfry, 800.0);
    live.with(third, |phone, now| phone.call(now, "1002"));
    await_talk(&live, [third, bob]);
    std::thread::sleep(Duration::from_secs(2));
    hang_up(&live, [third, bob]);
    std::thread::sleep(Duration::from_secs(3));
    let ended = ended(&belfry, "1002");
    hears(&exported(&belfry, &ended), 800.0, BOB);
    belfry.crash_and_restart();
    let cut = exported(&belfry, &ended_by_restart(&belfry));
    hears(&cut, CALLER, ALICE);

    // Programs hear it as ever, in parts.
    let at = std::net::SocketAddr::new(belfry.sip.ip(), 8080);
    let plain = read(&cut);
    let file = format!("/v1/recordings/{}/1", ended_by_restart(&belfry).call.call);
    let (status, head, whole) = part(at, &file, "");
    assert_eq!((status, whole == plain), (200, true), "{head}");
    assert!(head.contains("content-type: audio/wav"), "{head}");
    let (status, head, some) = part(at, &file, "Range: bytes=16000-33999\r\n");
    assert_eq!((status, some == plain[16_000..34_000]), (206, true), "{head}");

    // Nobody without the key.
    std::fs::rename(&keys, belfry.beside("elsewhere")).expect("the key is put away");
    let out = belfry.beside("none");
    let words = ["export", &ended.call.call, "--out", out.to_str().expect("a path")];
    let (done, said) = recording(&belfry, &words);
    assert!(!done && said.contains("which is not known"), "{said}");
    assert_eq!(std::fs::read_dir(&out).expect("it was made").count(), 0);
    let (done, said) = recording(&belfry, &["verify", &ended.call.call]);
    assert!(done, "its file is what it was: {said}");
    belfry.stop();
}

/// The record of the second call to `dialled`, once it has ended and its file is whole.
fn ended(belfry: &Appliance, dialled: &str) -> CallRecord {
    let whole = |record: &CallRecord| record.recordings.iter().any(|r| r.samples > Some(8_000));
    let all = || belfry.records().all().into_iter();
    let found = wait_for(PATIENCE, || all().find(|r| r.call.dialled == dialled && whole(r)));
    found.expect("a whole recording")
}

fn ended_by_restart(belfry: &Appliance) -> CallRecord {
    let by_restart = |record: &CallRecord| record.call.ended_by.as_deref() == Some("restart");
    let whole = |record: &CallRecord| record.recordings.iter().any(|r| r.samples.is_some());
    let all = || belfry.records().all().into_iter();
    wait_for(PATIENCE, || all().find(|r| by_restart(r) && whole(r))).expect("made whole")
}
