//! A back-up put back on a machine that knows nothing: what was open is there, and no number is given twice (R5, R10).
//! And the same with the journal's directory taken away by hand.

use std::path::Path;
use std::process::Command;

use belfry::sim::live::{Live, Which};
use belfry::wire::telecare::scaip;

use super::appliance::{Appliance, Setup};
use super::process::{PATIENCE, wait_for};
use super::scripted::phone;
use super::tones::CALLER;

/// An alarm of a home by SCAIP; gives its case once the board has it.
fn alarm(belfry: &Appliance, live: &Live, unit: Which, account: &str) -> u64 {
    let report =
        format!("<mrq><ref>{account}</ref><cid>{account}</cid><dty>0005</dty><stc>9</stc></mrq>");
    live.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, &report));
    case_of(belfry, account)
}

fn case_of(belfry: &Appliance, account: &str) -> u64 {
    let found = wait_for(PATIENCE, || {
        let shown = belfry.console("show cases");
        let cases = shown["cases"].as_array().cloned().unwrap_or_default();
        let own = cases.into_iter().find(|case| case["account"] == account)?;
        own["case"].as_u64()
    });
    found.unwrap_or_else(|| panic!("{account}: {}", belfry.console("show cases")))
}

fn belfry(words: &[&str], config: &Path, last: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    let output = command.args(words).arg("-c").arg(config).arg(last).output().expect("belfry runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    told
}

#[test]
fn a_restored_appliance_has_its_cases_and_gives_new_ones_other_numbers() {
    let more = "\n[care]\nnumber = \"900\"\nbells = [\"95081\"]\nspeech_within = \"5 s\"\n";
    let mut own = Appliance::start(Setup { more, ..Setup::new() });
    let live = Live::new();
    let units = ["1001", "1002", "1003"].map(|number| phone(&live, &own, number, CALLER));
    let first = alarm(&own, &live, units[0], "1001");

    let (config, tar, data) = (own.beside("belfry.toml"), own.beside("b.tar"), own.beside("data"));
    let told = belfry(&["backup"], &config, &tar);
    assert!(!told.contains("not in it:") && tar.exists(), "{told}");
    own.restart_after(|| {
        std::fs::remove_dir_all(&data).expect("the machine is gone");
        belfry(&["restore", "--yes"], &config, &tar);
    });
    assert_eq!(case_of(&own, "1001"), first, "what was open is open");
    let second = alarm(&own, &live, units[1], "1002");
    assert!(second > first + 100_000, "{first}, {second}");

    let settled = wait_for(PATIENCE, || {
        own.records().facts().iter().any(|fact| fact.seq == second).then_some(())
    });
    assert!(settled.is_some(), "it is in the database");
    own.restart_after(|| {
        std::fs::remove_dir_all(data.join("journal")).expect("taken away");
    });
    assert_eq!((case_of(&own, "1001"), case_of(&own, "1002")), (first, second));
    let third = alarm(&own, &live, units[2], "1003");
    assert!(third > second + 100_000, "{second}, {third}");
    own.stop();
}
