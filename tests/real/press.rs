//! From the press of a bell to the agent's phone ringing, by the sample's own dialplan (`dialplan/care-full.toml`), with an E1 full
//! of talk beside it (R10): measured with real sockets against a running appliance, and said; a slow machine fails nothing.
//!
//! ```text
//!  30 calls of ordinary callers talk      bell ── INVITE ──▶ belfry ── INVITE ──▶ the agent's phone
//!                                         unit ── MESSAGE ─▶        ◀─ … INVITE    └─ from the first to the last
//! ```
//!
//! `BELFRY_PRESSES=200 cargo test --release --test real_clients press -- --ignored --nocapture` is the figure of docs/performance.md.

use std::time::{Duration, Instant};

use belfry::base;
use belfry::sim::live::{Live, Which};
use belfry::sim::phone::{Manner, State};
use belfry::wire::telecare::scaip;

use super::appliance::{Appliance, Setup};
use super::scripted::{PATIENCE, await_state, await_talk, caller, hang_up, phone};
use super::tones::{ALICE, CALLER};

const BUSY: usize = 30;
/// Presses in the suite, half of each kind; the environment says how many for a figure.
const PRESSES: usize = 10;
const MORE: &str = "\n[limits]\ncalls_per_second = 1000\n[care]\nnumber = \"900\"\nbells = [\"8009000\"]\ncall_out = 0\n\
    [[queue]]\nname = \"hotline\"\n";
/// The sample's care line as an installer takes it: what it does before a phone rings is in the figure.
const SAMPLE: &str = include_str!("../../dialplan/care-full.toml");
const UNIT: &str = "[[route]]\nname = \"unit\"\ncontext = \"agents\"\nwhen = { to = \"900\" }\n\
    steps = [{ goto = { context = \"gateway\" } }]\n";

/// The sample's way of an alarm, and the unit's to it.
fn plan() -> String {
    let part = |from: &str, to: &str| {
        let (_, whole) = SAMPLE.split_once(from).expect("the sample has it");
        let (part, _) = whole.split_once(to).expect("the sample has what follows");
        format!("{from}{part}")
    };
    let route = part("[[route]]\nname    = \"alarm\"", "[[route]]");
    let steps = part("[sub.alarm]", "[sub.");
    format!("{route}{steps}{UNIT}")
}

/// From here until the agent's phone rings; then the call is given up.
fn rings(live: &Live, unit: Which, agent: Which, number: &str, begun: Instant) -> Duration {
    live.with(unit, |phone, now| phone.call(now, number));
    await_state(live, agent, "ring", |state| state == State::Ringing);
    let took = begun.elapsed();
    live.with(unit, |phone, now| phone.hang_up(now));
    for which in [unit, agent] {
        await_state(live, which, "end", |state| matches!(state, State::Ended(_)));
    }
    took
}

/// A unit reports, hears whom to call, and calls.
fn reports(live: &Live, unit: Which, agent: Which, nth: usize) -> Duration {
    let report = format!("<mrq><ref>p{nth}</ref><cid>1003</cid><dty>3</dty></mrq>");
    let told = |phone: &mut belfry::sim::phone::Phone| {
        let own = format!("<ref>p{nth}</ref>");
        phone.messages.iter().any(|(_, text)| text.contains(&own))
    };
    let begun = Instant::now();
    live.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, &report));
    assert!(live.wait(unit, base::Duration::from_secs(10), told), "it is told whom to call");
    rings(live, unit, agent, "900", begun)
}

fn story(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)].as_millis();
    let longest = took.last().map_or(0, Duration::as_millis);
    format!("{} presses, p50 {} ms, p99 {} ms, longest {longest} ms", took.len(), at(50), at(99))
}

#[test]
#[ignore = "a measure"]
fn from_the_press_to_the_agents_phone() {
    let wanted = std::env::var("BELFRY_PRESSES").ok().and_then(|text| text.parse().ok());
    let presses: usize = wanted.unwrap_or(PRESSES).max(2);
    let mut setup = Setup { more: MORE, plan: plan(), ..Setup::new() };
    let busy: Vec<String> = (0..BUSY).map(|n| (2_001 + n).to_string()).collect();
    setup.phones.extend(busy.iter().cloned().chain(["1004".to_owned()]));
    let belfry = Appliance::start(setup.clone());
    let live = Live::new();
    let pairs: Vec<[Which; 2]> = busy
        .iter()
        .map(|number| {
            let agent = phone(&live, &belfry, number, ALICE);
            let talker = caller(&live, &belfry, CALLER);
            live.with(talker, |phone, now| phone.call(now, number));
            [talker, agent]
        })
        .collect();
    pairs.iter().for_each(|pair| await_talk(&live, *pair));
    belfry.await_calls(BUSY);
    let agent = phone(&live, &belfry, "1001", ALICE);
    live.with(agent, |phone, _| phone.behave(Manner::Ring));
    let (bell, unit) = (caller(&live, &belfry, CALLER), phone(&live, &belfry, "1003", CALLER));
    let by_number: Vec<Duration> =
        (0..presses / 2).map(|_| rings(&live, bell, agent, "8009000", Instant::now())).collect();
    let by_report: Vec<Duration> =
        (0..presses / 2).map(|nth| reports(&live, unit, agent, nth)).collect();
    println!("press to ring, {BUSY} calls up: by number {}", story(by_number));
    println!("press to ring, {BUSY} calls up: by SCAIP and call {}", story(by_report));
    let talk = |[a, b]: &[Which; 2]| {
        [*a, *b]
            .into_iter()
            .all(|which| live.wait(which, PATIENCE, |phone| phone.state == State::Talking))
    };
    assert!(pairs.iter().all(talk), "nobody's talk has suffered");
    pairs.iter().for_each(|pair| hang_up(&live, *pair));
    belfry.stop();
}
