//! What the appliance tells systemd, on a socket that stands in for it (sd_notify(3), R31).

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use super::address;
use super::appliance::{Setup, prepare};
use super::process::{Folder, PATIENCE, Running};

/// Reads what is told until one of it has `line`; all that came.
fn until(socket: &UnixDatagram, line: &str) -> String {
    let (mut all, mut told) = (String::new(), [0; 4_096]);
    loop {
        let len = socket.recv(&mut told).unwrap_or_else(|e| panic!("no {line}: {e}: {all}"));
        let text = String::from_utf8_lossy(&told[..len]).into_owned();
        all.push_str(&text);
        if text.lines().any(|one| one == line) {
            return all;
        }
    }
}

#[test]
fn ready_alive_reloading_and_stopping_are_told() {
    let dir = Folder::new("belfry-");
    prepare(dir.path(), address::fresh(), &Setup::new());
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    command.arg("serve").arg("-c").arg(dir.path().join("belfry.toml"));
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1500000");
    let mut serve = Running::start(&mut command, &dir.path().join("log"), "Rust");
    let ready = until(&socket, "READY=1");
    assert!(ready.contains("STATUS=SIP on udp:"), "{ready}");
    // Its console is open by then: who is told may ask.
    assert!(dir.path().join("console").exists());
    until(&socket, "WATCHDOG=1");
    serve.signal("HUP");
    let reloading = until(&socket, "RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    until(&socket, "READY=1");
    serve.terminate();
    until(&socket, "STOPPING=1");
    assert!(serve.ended(PATIENCE).is_some_and(|status| status.success()), "it ends");
}
