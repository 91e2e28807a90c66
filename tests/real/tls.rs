//! Phones over TLS, certificates that change, and peers that do not keep to TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use super::address;
use super::appliance::{Appliance, Setup};
use super::baresip::{Baresip, Phone};
use super::process::{PATIENCE, wait_for};
use super::tones::{ALICE, BOB};

const SURE: Duration = Duration::from_secs(1);

fn secure() -> Appliance {
    Appliance::start(Setup { secure: true, ..Setup::new() })
}

/// The SHA-256 of the certificate that is shown at `at`, as openssl sees it.
fn shown(at: SocketAddr) -> String {
    let script = format!(
        "openssl s_client -connect {at} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256"
    );
    let output = Command::new("sh").args(["-c", &script]).output().expect("Debian's openssl");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let hex = printed.trim().split_once('=').map(|(_, hex)| hex.replace(':', "").to_lowercase());
    hex.unwrap_or_else(|| panic!("a certificate at {at}: {printed}"))
}

fn hex(fingerprint: [u8; 32]) -> String {
    fingerprint.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_phone_over_tls_registers_and_calls_and_a_new_certificate_cuts_nobody() {
    let belfry = secure();
    let over_tls = Phone { transport: "tls", ..Phone::new("1001", ALICE).answering() };
    let mut alice = Baresip::register(&belfry, over_tls);
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB).answering());
    let phones = belfry.console("show phones");
    assert!(phones[0]["contacts"].to_string().contains("transport=tls"), "{phones}");

    alice.dial("1002");
    let at = alice.hears(BOB, SURE, 0);
    bob.hears(ALICE, SURE, 0);

    // While they talk the certificate is renewed.
    let tls = SocketAddr::new(belfry.sip.ip(), 5061);
    let new = hex(belfry.new_certificate());
    assert_ne!(shown(tls), new);
    belfry.console("reload");
    assert_eq!(shown(tls), new);
    alice.hears(BOB, SURE, at);
    alice.hang_up();
    bob.expect("CALL_CLOSED");

    bob.dial("1001");
    bob.hears(ALICE, SURE, 0);
    bob.hang_up();
    alice.expect("CALL_CLOSED");
    let printed = alice.printed();
    assert!(printed.contains("INVITE sip:1001"), "the call came to it:\n{printed}");
    assert!(!printed.contains("Via: SIP/2.0/UDP"), "all of its SIP went over TLS");
    belfry.await_empty();
    belfry.stop();
}

/// One Belfry is the other's gateway, and each knows the other: by certificate, by address.
#[test]
fn a_gateway_is_called_over_tls_and_only_with_the_right_certificate() {
    let caller = address::fresh();
    let far = Appliance::start(Setup {
        secure: true,
        gateway: SocketAddr::from((caller, 5060)),
        ..Setup::new()
    });
    let gateway = SocketAddr::new(far.sip.ip(), 5061);
    let right = shown(gateway);
    let near = |ip, pin: String| {
        let tls =
            Setup { ip: Some(ip), gateway, gateway_pin: Some(pin), secure: true, ..Setup::new() };
        Appliance::start(tls)
    };
    let belfry = near(caller, right);
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let bob = Baresip::register(&far, Phone::new("1002", BOB).answering());
    alice.dial("01002");
    alice.hears(BOB, SURE, 0);
    bob.hears(ALICE, SURE, 0);
    alice.hang_up();
    bob.expect("CALL_CLOSED");
    assert_eq!(far.console("show sip")["handshakes"], 0);

    let misled = near(address::fresh(), "00".repeat(32));
    let mut alice = Baresip::register(&misled, Phone::new("1001", ALICE));
    alice.dial("01002");
    alice.expect("CALL_CLOSED");
    let line = "gateway e1: its certificate is not the one of tls_pin but sha256:";
    assert!(misled.log().contains(line), "{}", misled.log());
    [belfry, misled, far].into_iter().for_each(Appliance::stop);
}

#[test]
fn peers_that_do_not_keep_to_tls_are_one_line_each_and_nobody_else_notices() {
    let belfry = secure();
    let tls = SocketAddr::new(belfry.sip.ip(), 5061);
    let connect = || TcpStream::connect(tls).expect("a connection");
    // Hands that are never shaken, from the beginning to the end of all this.
    let silent: Vec<TcpStream> = (0..50).map(|_| connect()).collect();
    for n in 0..200_u32 {
        let mut client = connect();
        let sent = match n % 4 {
            0 => client.write_all(b"OPTIONS sip:a@h SIP/2.0\r\nContent-Length: 0\r\n\r\n"),
            1 => client.write_all(b"GET / HTTP/1.1\r\n\r\n"),
            2 => client.write_all(&[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3]),
            _ => client.write_all(&n.to_be_bytes().repeat(500)),
        };
        // Whoever is told that it is no TLS may be cut off in the middle.
        let _ = sent;
    }
    let over_tls = Phone { transport: "tls", ..Phone::new("1001", ALICE).answering() };
    let _alice = Baresip::register(&belfry, over_tls);
    let told = || belfry.log().lines().filter(|line| line.contains("TLS from")).count();
    assert!(wait_for(PATIENCE, || (told() > 0).then_some(())).is_some(), "a line tells of it");
    assert!(told() <= 3, "the log is not flooded: {} lines", told());
    let mut silent = silent;
    let begun = Instant::now();
    silent[0].set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let end = silent[0].read(&mut [0; 16]);
    assert!(end.is_ok_and(|len| len == 0) && begun.elapsed() < PATIENCE, "it has its time");
    let sip = belfry.console("show sip");
    assert!(sip["handshakes"].as_u64().is_some_and(|count| count >= 100), "{sip}");
    assert!(!belfry.log().contains("panicked"));
    belfry.stop();
}

#[test]
fn the_hangup_signal_reloads() {
    let mut belfry = secure();
    let tls = SocketAddr::new(belfry.sip.ip(), 5061);
    let new = hex(belfry.new_certificate());
    belfry.signal("HUP");
    assert!(wait_for(PATIENCE, || (shown(tls) == new).then_some(())).is_some(), "{}", belfry.log());
    belfry.stop();
}
