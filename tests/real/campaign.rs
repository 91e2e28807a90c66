//! A campaign dials a customer for an agent (R19): SIPp is the gateway, baresip the agent's phone, the list comes by the
//! command line in GB 18030.

use std::process::Command;
use std::time::Duration;

use super::appliance::{Appliance, Setup};
use super::baresip::{Baresip, Phone};
use super::gateway_out::{ANSWERS, gateway, offered};
use super::process::{PATIENCE, wait_for};
use super::speech::Line;
use super::tones::{ALICE, CALLER};

const SURE: Duration = Duration::from_secs(1);
const CENTRE: &str = "[[agent]]\nnumber = \"7001\"\npin = \"4711\"\n\
    [[queue]]\nname = \"outbound\"\nrecord = false\nafter_call = \"0 s\"\n\
    [[campaign]]\nname = \"spring\"\nqueue = \"outbound\"\ntrunk = \"e1\"\ncaller_id = \"4008001234\"\nkeep_free = 0\n";
/// 号码,姓名 and 王: two rows, the second with a number that is none.
const LIST: &[u8] = b"\xba\xc5\xc2\xeb,\xd0\xd5\xc3\xfb\r\n139-0013-9000,\xcd\xf5\r\n1x3,Li\r\n";

fn campaign(belfry: &Appliance, words: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .arg("campaign")
        .arg("-c")
        .arg(belfry.beside("belfry.toml"))
        .args(words)
        .output()
        .expect("belfry runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, faults) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{words:?}: {said}{faults}");
    (said, faults)
}

#[test]
fn a_customer_is_dialled_for_an_agent_and_they_hear_each_other() {
    let belfry = Appliance::start(Setup { more: CENTRE, ..Setup::new() });
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE).answering());
    alice.dial("*117001");
    alice.expect("CALL_ESTABLISHED");
    std::thread::sleep(Duration::from_millis(600));
    alice.press("4711#");
    alice.expect("CALL_CLOSED");

    let file = belfry.beside("list.csv");
    std::fs::write(&file, LIST).expect("a list");
    let path = file.to_str().expect("a path");
    let (said, faults) = campaign(&belfry, &["import", "spring", path]);
    assert!(said.contains("GB 18030; 1 are added"), "{said}");
    assert!(faults.contains("row 3: '1x3' is no number"), "{faults}");

    let line = Line::of_gateway(&belfry);
    let words = [("port", line.at.port().to_string()), ("ring", "500".into())];
    let sipp = gateway(&belfry, ANSWERS, &words);
    campaign(&belfry, &["start", "spring"]);
    let invite = wait_for(PATIENCE, || Some(sipp.messages()).filter(|m| m.contains("m=audio")));
    let invite = invite.expect("the gateway gets an offer");
    assert!(invite.contains("INVITE sip:13900139000@"), "{invite}");
    assert!(invite.contains("4008001234"), "the campaign's number is shown: {invite}");
    line.speak_to(offered(&invite, belfry.sip.ip()));
    alice.expect("CALL_ESTABLISHED");
    alice.hears(CALLER, SURE, 0);
    line.hears(ALICE, SURE, 0);
    alice.hang_up();
    sipp.finish();
    belfry.await_calls(0);

    let results = belfry.beside("results.csv");
    let path = results.to_str().expect("a path");
    let whole = wait_for(PATIENCE, || {
        campaign(&belfry, &["export", "spring", path, "--force"]);
        let text = std::fs::read_to_string(&results).expect("results");
        text.contains("13900139000,done,1,reached,7001").then_some(text)
    });
    let text = whole.expect("the result is in the records");
    assert!(text.contains("姓名") && text.contains("王"), "{text}");
    let (figures, _) = campaign(&belfry, &["report", "--agents"]);
    assert!(figures.contains("spring") && figures.contains("7001"), "{figures}");
    let at_once = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .args(["campaign", "clear", "spring", "-c"])
        .arg(belfry.beside("belfry.toml"))
        .output()
        .expect("belfry runs");
    assert!(!at_once.status.success(), "it runs: {at_once:?}");
    campaign(&belfry, &["stop", "spring"]);
    let (said, _) = campaign(&belfry, &["clear", "spring"]);
    assert!(said.contains("1 numbers of campaign spring are taken away"), "{said}");
    let (figures, _) = campaign(&belfry, &["report"]);
    assert!(figures.contains("spring"), "they stay: {figures}");
}
