//! Reloads of good and bad files in turn while somebody talks: all or nothing, and no call is harmed (R28). By
//! hand, 500 of them with a hundred calls up: docs/operating.md.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use belfry::sim::live::Live;
use belfry::switch::fact::FactKind;

use super::appliance::{Appliance, Setup};
use super::audio::{longest_gap, share};
use super::process::{PATIENCE, wait_for};
use super::scripted::{await_talk, caller, hang_up, heard, listen, phone};
use super::tones::{ALICE, CALLER};

/// Rounds, each of two good files and four bad ones.
const ROUNDS: usize = 4;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("it was written by the appliance")
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("it can be written");
}

/// Why a reload is refused, as people read it.
fn refused(belfry: &Appliance) -> String {
    let reload = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .args(["console", "-e", "reload", "-c"])
        .arg(belfry.beside("console.toml"))
        .output()
        .expect("belfry runs");
    assert!(!reload.status.success(), "a bad file is refused");
    String::from_utf8_lossy(&reload.stderr).into_owned()
}

#[test]
fn reloads_of_good_and_bad_files_in_turn_harm_no_call() {
    let belfry = Appliance::start(Setup::new());
    let (config, plan) = (belfry.beside("belfry.toml"), belfry.beside("dialplan/plan.toml"));
    let (good_config, good_plan) = (read(&config), read(&plan));
    // Where the console's socket is, whatever becomes of the other.
    write(&belfry.beside("console.toml"), &good_config);
    let live = Live::new();
    let agent = phone(&live, &belfry, "1001", ALICE);
    let customer = caller(&live, &belfry, CALLER);
    live.with(customer, |phone, now| phone.call(now, "1001"));
    await_talk(&live, [customer, agent]);
    listen(&live, &[customer, agent], Duration::ZERO);

    let routes = belfry.console("reload")["routes"].as_u64().expect("how many routes");
    let more = "\n[[route]]\nname = \"one more\"\ncontext = \"gateway\"\nwhen = { to = \"5551234\" }\n\
                steps = [{ answer = {} }]\n";
    let bad = [
        (&plan, format!("{good_plan}\n[[route]\n"), "plan.toml"),
        (&plan, format!("{good_plan}{}", more.replace("answer", "anser")), "anser"),
        (&config, format!("{good_config}\n[nodes]\n"), "nodes"),
        (&config, good_config.replace("[media]\n", "[media]\nworkers = 1\n"), "workers"),
        // What `belfry check` calls an error, in files that hold.
        (
            &plan,
            format!("{good_plan}{}", more.replace("{ answer = {} }", "{ queue = \"gone\" }")),
            "gone",
        ),
    ];
    for round in 0..ROUNDS {
        write(&plan, &format!("{good_plan}{more}"));
        assert_eq!(belfry.console("reload")["routes"], routes + 1, "round {round}");
        for (path, text, culprit) in &bad {
            write(path, text);
            let why = refused(&belfry);
            assert!(why.contains(culprit) && why.contains("nothing was changed"), "{why}");
            write(&plan, &good_plan);
            write(&config, &good_config);
        }
        assert_eq!(belfry.console("reload")["routes"], routes, "round {round}");
    }
    for (which, hz) in [(customer, ALICE), (agent, CALLER)] {
        let heard = heard(&live, which);
        let gap = longest_gap(&heard);
        assert!(gap <= Duration::from_millis(60), "{gap:?} of silence meanwhile");
        assert!(share(&heard, hz) > 0.9, "the talk goes on");
    }
    hang_up(&live, [customer, agent]);
    belfry.await_empty();
    // Each is on the record, for whatever reason it was refused.
    let refusals = wait_for(PATIENCE, || {
        let facts = belfry.records().facts().into_iter();
        let told = facts.filter(|fact| matches!(fact.kind, FactKind::ReloadRefused { .. })).count();
        (told == ROUNDS * bad.len()).then_some(())
    });
    assert!(refusals.is_some(), "each refusal is a fact");
    belfry.stop();
}
