//! The power goes in mid-call: the recording and the record are whole after the next start (R5), and the
//! phones can be called at once.

use std::process::Command;

use belfry::base::Duration;
use belfry::sim::live::Live;
use belfry::wire::wav;

use super::appliance::{Appliance, Setup};
use super::audio::{assert_heard, read_wav};
use super::process::{self, wait_for};
use super::scripted::{await_talk, caller, hang_up, phone};
use super::tones::{ALICE, CALLER};

#[test]
fn kill_9_in_a_recorded_call() {
    let mut belfry = Appliance::start(Setup::new());
    let live = Live::new();
    let agent = phone(&live, &belfry, "1001", ALICE);
    let bob = phone(&live, &belfry, "1002", 1_750.0);
    let first = caller(&live, &belfry, CALLER);
    live.with(first, |phone, now| phone.call(now, "1001"));
    await_talk(&live, [first, agent]);
    std::thread::sleep(Duration::from_secs(7));
    belfry.crash_and_restart();

    let closed = wait_for(process::PATIENCE, || {
        let record = belfry.records().all().into_iter().find(|r| r.call.dialled == "1001")?;
        record.call.ended.is_some().then_some(record)
    });
    let record = closed.expect("the call's record is closed after the restart");
    assert_eq!(record.call.ended_by.as_deref(), Some("restart"), "{:?}", record.call);
    let ended = record.call.ended.expect("it was waited for");
    assert!(ended >= record.call.begun, "{:?}", record.call);
    assert!(record.legs.iter().all(|leg| leg.ended.is_some()), "{:#?}", record.legs);

    let [recording] = &record.recordings[..] else { panic!("{:?}", record.recordings) };
    let path = belfry.recording(&recording.path);
    let file = std::fs::read(&path).expect("the recording is there");
    assert_eq!(wav::repair(&file, file.len() as u64), Ok(None), "its header fits its length");
    let channels = read_wav(&path);
    // What was in the writer's hands may be lost (three seconds at most), the time before not.
    let at_least = Duration::from_secs(3);
    assert_heard(&channels[0], CALLER, at_least, "in the customer's channel");
    assert_heard(&channels[1], ALICE, at_least, "in the agent's channel");

    // Life goes on: a phone that registered before the crash and not since is called. (The two of the
    // call know nothing yet.)
    let second = caller(&live, &belfry, 800.0);
    live.with(second, |phone, now| phone.call(now, "1002"));
    await_talk(&live, [second, bob]);
    hang_up(&live, [second, bob]);
    let next = belfry.record_of("1002");
    assert!(next.call.call > record.call.call, "ids go on");
    belfry.stop();
}

/// Half an edit lies on the disk, and the power goes: what was in force takes calls, and says so until the files are
/// mended (R28).
#[test]
fn kill_9_over_a_half_written_file() {
    let mut belfry = Appliance::start(Setup::new());
    let half = belfry.beside("dialplan/zz.toml");
    let alarms = |belfry: &Appliance| belfry.console("show alarms")["standing"].to_string();
    let run = |belfry: &Appliance, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
        let config = belfry.beside("belfry.toml");
        let done = command.args(arguments).arg("-c").arg(config).output().expect("belfry runs");
        let out = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8_lossy(&out).into_owned())
    };
    let shown = |belfry: &Appliance| run(belfry, &["console", "-e", "show status"]).1;
    assert!(!alarms(&belfry).contains("files_faulty"), "{}", alarms(&belfry));
    std::fs::write(&half, "[[route\n").expect("written");
    assert!(belfry.ask("reload").is_err(), "it is half");
    let raised = wait_for(process::PATIENCE, || {
        Some(alarms(&belfry))
            .filter(|all| all.contains("files_faulty") && all.contains("zz.toml:1"))
    });
    assert!(raised.is_some(), "{}", alarms(&belfry));
    assert!(shown(&belfry).contains("not what is in force"), "{}", shown(&belfry));

    // The configuration, too.
    let config = belfry.beside("belfry.toml");
    let whole = std::fs::read_to_string(&config).expect("it is there");
    belfry
        .restart_after(|| std::fs::write(&config, format!("{whole}\n[[half\n")).expect("written"));
    let log = belfry.log();
    assert!(log.contains("belfry.toml:") && log.contains("that were in force last"), "{log}");
    let live = Live::new();
    let agent = phone(&live, &belfry, "1001", ALICE);
    let first = caller(&live, &belfry, CALLER);
    live.with(first, |phone, now| phone.call(now, "1001"));
    await_talk(&live, [first, agent]);
    hang_up(&live, [first, agent]);
    let raised = wait_for(process::PATIENCE, || {
        Some(alarms(&belfry)).filter(|all| all.contains("files_faulty"))
    });
    assert!(raised.is_some(), "{}", alarms(&belfry));
    let (code, doctor) = run(&belfry, &["doctor"]);
    assert_eq!(code, Some(1), "{doctor}");
    assert!(doctor.contains("belfry.toml:") && doctor.contains("appliance    runs"), "{doctor}");

    // Mended.
    std::fs::write(&config, whole).expect("written");
    assert!(belfry.ask("reload").is_err(), "the dialplan is half yet");
    std::fs::remove_file(&half).expect("it was there");
    belfry.console("reload");
    let over =
        wait_for(process::PATIENCE, || (!alarms(&belfry).contains("files_faulty")).then_some(()));
    assert!(over.is_some(), "{}", alarms(&belfry));
    assert!(!shown(&belfry).contains("not what is in force"), "{}", shown(&belfry));
    belfry.stop();
}
