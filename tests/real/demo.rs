//! The first of README's two commands: its set-up is its own, and it shows the main job on real SIP and RTP.

use std::process::{Command, Stdio};

use super::process::Folder;

#[test]
fn the_demo_verifies_every_step() {
    let dir = Folder::new("belfry-demo-test-");
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    command.arg("demo").env("TMPDIR", dir.path()).stdin(Stdio::null());
    let output = command.output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for step in [
        "key 1 (telephone-event) rings the agent",
        "the survey's answers",
        "the recording's two channels",
    ] {
        let told = said.lines().any(|line| line.contains(" ok ") && line.contains(step));
        assert!(told, "{step} is missing: {said}");
    }
    assert!(said.trim_end().ends_with("all steps verified"), "{said}");
}
