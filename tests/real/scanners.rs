//! Scanners, guessers and floods against the binary (R29): they find nothing, scanners and guessers are
//! banned, and calls in being hear nothing of it.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use belfry::base::Rng;
use belfry::sim::live::Live;

use super::address;
use super::appliance::{Appliance, Setup};
use super::audio::{longest_gap, share};
use super::datagrams::Rough;
use super::process::{Folder, PATIENCE, Running};
use super::scripted::{await_talk, caller, hang_up, heard, listen, phone};
use super::tones::{ALICE, CALLER};

/// Nobody on loopback is known but the gateway, and a scanner is not known by its name alone.
const STRANGERS: &str = "[fort]\nallow = []\nscanners = []\n";
/// And whoever leaves one challenge unanswered is one.
const IMPATIENT: &str = "[fort]\nallow = []\nscanners = []\nunanswered = 1\n";

/// Runs one of sipvicious's tools to its end and gives what it printed.
fn tool(name: &str, arguments: &[&str], belfry: &Appliance) -> String {
    let dir = Folder::new("sipvicious-");
    let mut command = Command::new(name);
    // It keeps its sessions in its home.
    command.args(arguments).arg(belfry.sip.ip().to_string()).env("HOME", dir.path());
    let mut running = Running::start(&mut command, &dir.path().join("log"), "sipvicious");
    if running.ended(PATIENCE).is_none() {
        running.terminate();
    }
    running.printed()
}

#[test]
fn sipvicious_finds_no_phone_and_no_password_and_is_banned() {
    // The very password is in the range that is tried.
    let phones = vec!["1001".to_owned()];
    let setup = |more| Setup { phones: phones.clone(), more, ..Setup::new() };
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        let belfry = Appliance::start(setup(STRANGERS));
        // It gives up by itself at the first answers, which are the same for all numbers.
        let printed = tool("svwar", &["-e990-1100", "-m", method, "--force"], &belfry);
        assert!(printed.contains("found nothing"), "{method}:\n{printed}");
        belfry.stop();
    }
    // Where it asks more often than a site would.
    let belfry = Appliance::start(setup(IMPATIENT));
    let printed = tool("svwar", &["-e990-1100", "-m", "INVITE", "--force"], &belfry);
    assert!(printed.contains("found nothing"), "{printed}");
    assert_eq!(whys(&belfry), ["requests without a password, again and again"], "{printed}");
    belfry.stop();
    let belfry = Appliance::start(setup(STRANGERS));
    let printed = tool("svcrack", &["-u", "1001", "-r", "1000-1300"], &belfry);
    assert!(!printed.contains("| 1001"), "svcrack found it:\n{printed}");
    assert_eq!(whys(&belfry), ["wrong passwords"], "{printed}");
    belfry.stop();
}

/// Why somebody is banned.
fn whys(belfry: &Appliance) -> Vec<String> {
    let bans = belfry.console("show bans");
    let bans = bans.as_array().expect("a list").iter();
    bans.map(|ban| ban["why"].as_str().expect("a reason").to_owned()).collect()
}

#[test]
fn a_scanner_by_its_name_gets_no_answer_at_all() {
    let belfry = Appliance::start(Setup { more: "[fort]\nallow = []\n", ..Setup::new() });
    let printed = tool("svmap", &[], &belfry);
    assert!(printed.contains("found nothing"), "{printed}");
    let bans = belfry.console("show bans");
    assert!(bans[0]["why"].as_str().is_some_and(|why| why.contains("scanner")), "{bans}");
    // By order it is heard again.
    let source = bans[0]["source"].as_str().expect("an address").to_owned();
    belfry.console(&format!("unban {source}"));
    assert_eq!(belfry.console("show bans").as_array().map(Vec::len), Some(0));
    belfry.stop();
}

/// Five thousand broken messages a second, of many sources and of one, while a call is up.
#[test]
fn a_flood_of_rubbish_does_not_reach_a_call() {
    const SECONDS: u64 = 10;
    const PER_SECOND: u64 = 5_000;
    let belfry = Appliance::start(Setup { more: STRANGERS, ..Setup::new() });
    let live = Live::new();
    let agent = phone(&live, &belfry, "1001", ALICE);
    let customer = caller(&live, &belfry, CALLER);
    live.with(customer, |phone, now| phone.call(now, "1001"));
    await_talk(&live, [customer, agent]);
    listen(&live, &[customer, agent], Duration::ZERO);

    // A network of its own, beside the one from which the test's addresses are.
    let [_, x, y, _] = address::fresh().octets();
    let from = |n: u8| Ipv4Addr::new(127, x.wrapping_add(100).max(2), y, n);
    let sources: Vec<Rough> = (1..=200).map(|n| Rough::new(from(n), belfry.sip)).collect();
    let mut rng = Rng::from_seed(5_000);
    let (begun, mut memory) = (Instant::now(), 0);
    for n in 0..SECONDS * PER_SECOND {
        // Half of it comes from one address alone.
        let source = &sources[if n % 2 == 0 { 0 } else { rng.below(200) as usize }];
        match n % 5 {
            0 => source.send(b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK\r\n\r\n"),
            1 => source.send(&rng.next_u64().to_le_bytes()),
            2 => source.send(source.request("REGISTER", "1001", "", "").0.as_bytes()),
            3 => source.send(source.request("OPTIONS", "1001", "Bad Header\r\n", "").0.as_bytes()),
            _ => source.send(source.request("INVITE", "1001", "", "").0.as_bytes()),
        }
        if n == SECONDS * PER_SECOND / 5 {
            memory = belfry.resident_bytes();
        }
        let due = begun + Duration::from_micros(n * 1_000_000 / PER_SECOND);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let grown = belfry.resident_bytes().saturating_sub(memory);
    assert!(grown < 16 << 20, "{grown} bytes more than after a fifth of it");
    for (which, hz) in [(customer, ALICE), (agent, CALLER)] {
        let heard = heard(&live, which);
        let gap = longest_gap(&heard);
        assert!(gap <= Duration::from_millis(60), "{gap:?} of silence meanwhile");
        assert!(share(&heard, hz) > 0.9, "the talk goes on");
    }
    assert_eq!(whys(&belfry), [""; 0], "each may have been forged");
    let sip = belfry.console("show sip");
    let banned = sip["banned"].as_u64().unwrap_or_default();
    // Of the one address's half, two seconds of each two and a half.
    assert!(banned > SECONDS * PER_SECOND / 4, "a flood is dropped unread: {sip}");
    // Calls go on, and come.
    hang_up(&live, [customer, agent]);
    live.with(customer, |phone, now| phone.call(now, "1001"));
    await_talk(&live, [customer, agent]);
    hang_up(&live, [customer, agent]);
    belfry.await_empty();
    belfry.stop();
}
