//! Several networks at once, of IPv4 and IPv6, and behind a NAT: each peer is shown the address of its own.

use belfry::base::Duration;
use belfry::sim::live::Live;

use super::appliance::{Appliance, Setup};
use super::audio::share;
use super::namespaces::{AGENT, HOME, LAN, Namespaces, PUBLIC, run_inside};
use super::scripted::{await_talk, hang_up, heard, listen, phone, phone_at};
use super::tones::{ALICE, BOB};

#[test]
fn a_phone_in_ipv6_talks_with_one_in_ipv4() {
    // ::1 has one set of ports for all processes; only this test uses it.
    let port = 30_000 + (std::process::id() % 20_000) as u16;
    let belfry = Appliance::start(Setup { ipv6: Some(port), ..Setup::new() });
    let live = Live::new();
    let there = format!("[::1]:{port}").parse().expect("an address");
    let six = phone_at(&live, &belfry, "1001", ALICE, there, "::1".parse().expect("an address"));
    let four = phone(&live, &belfry, "1002", BOB);
    for (caller, called, number) in [(six, four, "1002"), (four, six, "1001")] {
        live.with(caller, |phone, now| phone.call(now, number));
        await_talk(&live, [caller, called]);
        listen(&live, &[caller, called], Duration::from_secs(2));
        assert!(share(&heard(&live, six), BOB) > 0.9, "IPv6 hears IPv4");
        assert!(share(&heard(&live, four), ALICE) > 0.9, "IPv4 hears IPv6");
        hang_up(&live, [caller, called]);
    }
    let log = belfry.log();
    assert!(!log.contains("panicked"), "{log}");
    belfry.await_empty();
    belfry.stop();
}

const NETWORKS: &str = r#"
[[network]]
name    = "office"
address = "192.168.77.5"
inside  = ["192.168.77.0/24"]

[[network]]
name    = "internet"
address = "10.0.0.5"
public  = "203.0.113.7"
inside  = ["0.0.0.0/0"]
"#;

#[test]
fn a_phone_at_home_talks_with_one_in_the_office_through_two_nats() {
    if !run_inside("real::networks::inside_namespaces") {
        eprintln!("left out: no rights for network namespaces (root, or user namespaces)");
    }
}

/// Belfry's own address in the Internet is not the one that it is bound to; the phone's is not the one that
/// it names.
#[test]
#[ignore = "is run by the test above, in a network namespace"]
fn inside_namespaces() {
    let namespaces = Namespaces::new();
    let ip = Some(LAN.parse().expect("an address"));
    let within = Some(namespaces.belfry());
    let belfry = Appliance::start(Setup { ip, within, more: NETWORKS, ..Setup::new() });
    let live = Live::new();
    let at = |ip: &str| format!("{ip}:5060").parse().expect("an address");
    let own = |ip: &str| ip.parse().expect("an address");
    let home = phone_at(&live, &belfry, "1001", ALICE, at(PUBLIC), own(HOME));
    let agent = phone_at(&live, &belfry, "1002", BOB, at(LAN), own(AGENT));
    for (caller, called, number) in [(home, agent, "1002"), (agent, home, "1001")] {
        live.with(caller, |phone, now| phone.call(now, number));
        await_talk(&live, [caller, called]);
        listen(&live, &[caller, called], Duration::from_secs(2));
        assert!(share(&heard(&live, home), BOB) > 0.9, "home hears the office");
        assert!(share(&heard(&live, agent), ALICE) > 0.9, "the office hears home");
        for (phone, ip) in [(home, PUBLIC), (agent, LAN)] {
            let far = live.with(phone, |phone, _| phone.far_rtp());
            assert_eq!(far.map(|at| at.ip().to_string()).as_deref(), Some(ip));
        }
        hang_up(&live, [caller, called]);
    }
    belfry.await_empty();
    belfry.stop();
}
