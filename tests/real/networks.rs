//! Two networks at once, one in IPv4 and one in IPv6: each peer is shown the address of its own.

use belfry::base::Duration;
use belfry::sim::live::Live;

use super::appliance::{Appliance, Setup};
use super::audio::share;
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
