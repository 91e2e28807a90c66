//! Faults at start: one clear line on standard error for each, and an exit code that is not zero.

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::address;
use super::appliance::{Setup, prepare};
use super::process::{Folder, PATIENCE, Running, wait_for};

/// What a run of the binary printed on standard error, and whether it succeeded.
struct Outcome {
    success: bool,
    code: Option<i32>,
    errors: String,
    printed: String,
}

fn run(dir: &Path, arguments: &[&str]) -> Outcome {
    let errors = std::fs::File::create(dir.join("errors")).expect("a file");
    let printed = std::fs::File::create(dir.join("printed")).expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .args(arguments)
        .arg("-c")
        .arg(dir.join("belfry.toml"))
        .stdin(Stdio::null())
        .stdout(printed)
        .stderr(errors)
        .spawn()
        .expect("the binary runs");
    let status = wait_for(PATIENCE, || child.try_wait().expect("our own child"));
    let _ = child.kill();
    let _ = child.wait();
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect("what it printed");
    let status = status.unwrap_or_else(|| panic!("it runs on: {}", read("errors")));
    let (success, code) = (status.success(), status.code());
    Outcome { success, code, errors: read("errors"), printed: read("printed") }
}

/// A configuration with faults of `change`'s making.
fn folder(change: impl FnOnce(&Path, &mut String)) -> Folder {
    let dir = Folder::new("belfry-");
    prepare(dir.path(), address::fresh(), &Setup::new());
    let path = dir.path().join("belfry.toml");
    let mut text = std::fs::read_to_string(&path).expect("the configuration");
    // The log would stand between the lines of the fault.
    text = text.replace("level = \"debug\"", "level = \"error\"");
    change(dir.path(), &mut text);
    std::fs::write(path, text).expect("the configuration is written");
    dir
}

/// `serve` ends with one line on standard error that holds all of `words`.
fn refuses(dir: &Folder, words: &[&str]) {
    let Outcome { success, errors, .. } = run(dir.path(), &["serve"]);
    assert!(!success, "it is refused: {errors}");
    let lines: Vec<&str> = errors.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1, "one line: {errors}");
    for word in words {
        assert!(lines[0].contains(word), "'{word}' in: {}", lines[0]);
    }
}

/// The SIP address of a configuration.
fn listens_at(text: &str) -> String {
    let from = text.find("udp:").expect("a listener") + 4;
    text[from..].split('"').next().expect("its end").to_owned()
}

#[test]
fn a_port_in_use() {
    let mut taken = None;
    let dir = folder(|_, text| taken = Some(UdpSocket::bind(listens_at(text)).expect("a port")));
    let at = taken.as_ref().expect("it is bound").local_addr().expect("it is bound").to_string();
    refuses(&dir, &[&at, "in use"]);
}

#[test]
fn an_address_that_is_not_there() {
    let dir = folder(|_, text| *text = text.replacen(&listens_at(text), "192.0.2.1:5060", 1));
    refuses(&dir, &["192.0.2.1", "not"]);
    // The same for audio.
    let dir = folder(|_, text| {
        let at = text.find("address = ").expect("[media] address");
        let end = at + text[at..].find('\n').expect("a line's end");
        text.replace_range(at..end, "address = \"192.0.2.1\"");
    });
    refuses(&dir, &["192.0.2.1", "not"]);
}

#[test]
fn a_port_range_that_is_too_small() {
    let dir = folder(|_, text| *text = text.replace("20000-20399", "20000-20001"));
    refuses(&dir, &["belfry.toml:12:9", "the range holds 1", "write at least"]);
}

#[test]
fn an_unknown_key() {
    let dir = folder(|_, text| *text = text.replace("domain =", "domian ="));
    refuses(&dir, &["domian", "domain", "belfry.toml:"]);
}

#[test]
fn a_configuration_that_is_not_there() {
    let dir = folder(|_, _| {});
    std::fs::remove_file(dir.path().join("belfry.toml")).expect("it was there");
    refuses(&dir, &["belfry.toml"]);
}

/// Calls that need no prompt go on being served, so a prompt that is missing or no sound does not
/// keep Belfry from starting: `check` and `serve` name it.
#[test]
fn a_prompt_that_is_missing_or_not_audio() {
    let prompt = |dir: &Path| dir.join("sounds/en/survey/thanks.wav");
    let missing = folder(|dir, text| {
        *text = text.replace("level = \"error\"", "level = \"warn\"");
        std::fs::remove_file(prompt(dir)).expect("it was there");
    });
    let no_audio = folder(|dir, _| std::fs::write(prompt(dir), b"#!/bin/sh\n").expect("written"));
    for (dir, checks) in [(missing, true), (no_audio, false)] {
        let outcome = run(dir.path(), &["check"]);
        let all = format!("{}{}", outcome.printed, outcome.errors);
        let named = all.lines().filter(|line| line.contains("survey/thanks")).count();
        assert_eq!(named, 1, "check names it once: {all}");
        assert_eq!(outcome.success, checks, "what is no sound is an error: {all}");

        let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
        command.arg("serve").arg("-c").arg(dir.path().join("belfry.toml"));
        let mut serve = Running::start(&mut command, &dir.path().join("log"), "Rust");
        let named = wait_for(PATIENCE, || serve.printed().contains("survey/thanks").then_some(()));
        assert!(named.is_some(), "serve names it: {}", serve.printed());
        let lines = serve.printed();
        let lines: Vec<&str> = lines.lines().filter(|l| l.contains("survey/thanks")).collect();
        assert_eq!(lines.len(), 1, "once: {lines:?}");
        assert!(serve.alive(), "it serves: {lines:?}");
        // It may not listen for signals yet.
        let ended = wait_for(PATIENCE, || {
            serve.terminate();
            serve.ended(Duration::from_millis(500))
        });
        assert!(ended.is_some(), "it ends");
    }
}

#[test]
fn a_configuration_that_is_half_written() {
    let dir = folder(|_, text| text.truncate(text.find("listen =").expect("a listener") + 9));
    refuses(&dir, &["belfry.toml:", "error"]);
    assert_eq!(run(dir.path(), &["serve"]).code, Some(78), "it is the files (EX_CONFIG)");
}

#[test]
fn a_directory_that_cannot_be_written() {
    // As on a disk that is mounted for reading alone.
    let dir = folder(|dir, text| {
        *text = text.replace(&format!("{}/data\"", dir.display()), "/proc/belfry/data\"");
    });
    refuses(&dir, &["/proc/belfry", "[node] data_dir"]);
}

#[test]
fn a_password_that_cannot_be_read() {
    let dir = folder(|_, text| {
        text.push_str("[[phone]]\nnumber = \"1099\"\npassword_file = \"/proc/1/mem\"\n");
    });
    refuses(&dir, &["1099", "/proc/1/mem", "readable by Belfry's user"]);
}

#[test]
fn a_store_of_a_later_version() {
    let dir = folder(|_, _| {});
    let path = dir.path().join("data/belfry.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let made = belfry::store::database::Database::open(&path);
    drop(runtime.expect("a runtime").block_on(made).expect("a store"));
    let later = rusqlite::Connection::open(&path).expect("it is SQLite's");
    later.execute("INSERT INTO schema_version VALUES (99, 0)", ()).expect("written");
    drop(later);
    refuses(&dir, &["belfry.db has schema 99 of a later version", "start that version"]);
}

/// Half a report is no report: a disk that is full is told.
#[test]
fn output_that_cannot_be_written() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    command.args(["help", "app"]).stdin(Stdio::null()).stdout(full);
    let done = command.output().expect("the binary runs");
    let errors = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{errors}");
    assert!(errors.contains("No space left") && errors.contains("not whole"), "{errors}");
}

/// A right that only the console needs keeps no call from being taken: the socket is Belfry's own then.
#[test]
fn a_group_that_is_not_there() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder(|_, text| {
        *text = text.replace("[console]\n", "[console]\ngroup = \"no-such-group\"\n");
    });
    let checked = run(dir.path(), &["check"]);
    assert!(!checked.success && checked.errors.contains("groupadd --system no-such-group"));
    assert!(run(dir.path(), &["check", "--starts"]).success, "an upgrade restarts on it");
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    command.arg("serve").arg("-c").arg(dir.path().join("belfry.toml"));
    let mut serve = Running::start(&mut command, &dir.path().join("log"), "Rust");
    let ask = |order: &str| run(dir.path(), &["console", "-e", order]);
    let answers = || Some(ask("show alarms")).filter(|answer| answer.success);
    let alarms = wait_for(PATIENCE, answers).unwrap_or_else(|| panic!("{}", serve.printed()));
    assert!(alarms.printed.contains("files_faulty"), "{}", alarms.printed);
    assert!(serve.printed().contains("is for Belfry's user and root alone"), "{}", serve.printed());
    let text = std::fs::read_to_string(dir.path().join("belfry.toml")).expect("it is there");
    let socket = text.split("socket = \"").nth(1).and_then(|rest| rest.split('"').next());
    let mode = std::fs::metadata(socket.expect("[console] socket")).expect("it is there");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let refused = ask("reload");
    let said = format!("{}{}", refused.printed, refused.errors);
    assert!(!refused.success && said.contains("groupadd"), "{said}");
    serve.terminate();
    assert!(serve.ended(PATIENCE).is_some(), "it ends");
}

/// A damaged store is kept as it is, calls go on, and a new one is begun when it is moved away.
#[test]
fn a_damaged_store() {
    let dir = folder(|_, _| {});
    let path = dir.path().join("data/belfry.db");
    std::fs::write(&path, "this is no database".repeat(200)).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    command.arg("serve").arg("-c").arg(dir.path().join("belfry.toml"));
    let mut serve = Running::start(&mut command, &dir.path().join("log"), "Rust");
    let told = |serve: &Running| serve.printed().contains("is damaged").then_some(());
    assert!(wait_for(PATIENCE, || told(&serve)).is_some(), "{}", serve.printed());
    assert!(serve.printed().contains("move it away"), "{}", serve.printed());
    assert!(serve.alive(), "it serves");
    let damaged = || Some(alarms(dir.path())?.contains("database_damaged"));
    let raised = wait_for(PATIENCE, || damaged().filter(|stands| *stands));
    assert!(raised.is_some(), "{}", serve.printed());
    let there = std::fs::read(&path).expect("it is kept");
    assert!(there.starts_with(b"this is no database"));
    std::fs::rename(&path, dir.path().join("data/damaged.db")).expect("moved away");
    let begun = || std::fs::read(&path).ok().filter(|b| b.starts_with(b"SQLite format 3"));
    assert!(wait_for(PATIENCE, begun).is_some(), "a new one is begun: {}", serve.printed());
    let over = wait_for(PATIENCE, || damaged().filter(|stands| !*stands));
    assert!(over.is_some(), "{}", serve.printed());
    serve.terminate();
    assert!(serve.ended(PATIENCE).is_some(), "it ends");
}

/// The alarms that stand, as JSON.
fn alarms(dir: &Path) -> Option<String> {
    let asked = run(dir, &["console", "--json", "-e", "show alarms"]);
    let all: serde_json::Value = serde_json::from_str(&asked.printed).ok()?;
    Some(all["standing"].to_string())
}

/// A port that programs are served at costs no call: the start goes on, says so, and has it when it is free.
#[test]
fn a_port_of_the_api_in_use() {
    let mut taken = None;
    let dir = folder(|_, text| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let at = listener.local_addr().expect("it is bound");
        *text = text.replace("level = \"error\"", "level = \"info\"");
        text.push_str(&format!("[http]\nlisten = \"{at}\"\n"));
        taken = Some(listener);
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    command.arg("serve").arg("-c").arg(dir.path().join("belfry.toml"));
    let mut serve = Running::start(&mut command, &dir.path().join("log"), "Rust");
    let standing = || Some(alarms(dir.path())?.contains("api_shut"));
    let raised = wait_for(PATIENCE, || standing().filter(|stands| *stands));
    assert!(raised.is_some(), "{}", serve.printed());
    assert!(serve.printed().contains("correct [http] listen"), "{}", serve.printed());
    drop(taken);
    let over = wait_for(PATIENCE, || standing().filter(|stands| !*stands));
    assert!(over.is_some() && serve.printed().contains("API on "), "{}", serve.printed());
    serve.terminate();
    assert!(serve.ended(PATIENCE).is_some(), "it ends");
}
