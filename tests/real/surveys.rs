//! A questionnaire of ten questions with branches over real DTMF, its figures by `belfry report` and the API, a
//! design by the API, an answer put right (R21, R22).

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use belfry::sim::live::Live;
use belfry::sim::phone::State;
use serde_json::{Value, json};

use super::api::ask;
use super::appliance::{Appliance, Setup};
use super::process::{PATIENCE, wait_for};
use super::scripted::{self, await_state, caller};
use super::tones::CALLER;

const ADMIN: &str = "admin-admin-admin-admin";
const MORE: &str = "\n[http]\nlisten = \"OWN:8080\"\n\
    [[token]]\nname = \"desk\"\ntoken = \"admin-admin-admin-admin\"\nroles = [\"supervisor\"]\n";

/// The same branches as in the simulation.
fn plan() -> String {
    let question = |n: u32| {
        let next = match n {
            2 => ", next = { 2 = \"q5\" }",
            6 => ", next = { 1 = \"q9\" }",
            9 => ", next = { 3 = \"end\" }",
            _ => "",
        };
        format!(
            "{{ name = \"q{n}\", prompt = \"survey/question\", keys = {{ 1 = \"one\", 2 = \"two\", 3 = \"three\" }}{next} }},\n"
        )
    };
    let questions: String = (1..=10).map(question).collect();
    format!(
        "[variables]\nwhich = \"quick\"\n\
         [[route]]\nname = \"ten\"\ncontext = \"gateway\"\nwhen = {{ to = \"9610\" }}\nsteps = [\"answer\", {{ survey = \"ten\" }}]\n\
         [[route]]\nname = \"designed\"\ncontext = \"gateway\"\nwhen = {{ to = \"9611\" }}\nsteps = [\"answer\", {{ survey = \"${{which}}\" }}]\n\
         [survey.ten]\ncomplete = true\nthanks = \"survey/thanks\"\nquestions = [\n{questions}]\n"
    )
}

/// A call to `number` in which these keys are pressed, each when its question is asked.
fn answers(live: &Live, belfry: &Appliance, number: &str, keys: &str) {
    let caller = caller(live, belfry, CALLER);
    live.with(caller, |phone, now| phone.call(now, number));
    await_state(live, caller, "talk", |state| state == State::Talking);
    for key in keys.chars() {
        std::thread::sleep(Duration::from_millis(350));
        live.with(caller, |phone, now| phone.press_at(now, key));
    }
    let over =
        live.wait(caller, scripted::PATIENCE, |phone| matches!(phone.state, State::Ended(_)));
    assert!(over, "the survey ends the call");
}

fn report(belfry: &Appliance, name: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .args(["report", "survey", "--name", name, "--format", "json", "-c"])
        .arg(belfry.beside("belfry.toml"))
        .output()
        .expect("belfry runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The report once so many are valid: the records follow some milliseconds later.
fn settled(belfry: &Appliance, name: &str, valid: u64) -> Value {
    let row = || {
        let row = report(belfry, name)["rows"][0].clone();
        (row["valid"] == valid).then_some(row)
    };
    wait_for(PATIENCE, row).unwrap_or_else(|| panic!("{}", report(belfry, name)))
}

#[test]
fn ten_questions_by_keys_their_figures_and_what_is_put_right() {
    let belfry = Appliance::start(Setup { more: MORE, plan: plan(), ..Setup::new() });
    let at = SocketAddr::new(belfry.sip.ip(), 8080);
    let live = Live::new();
    // All ten; from q2 on to q5, from q6 to q9 and out.
    std::thread::scope(|scope| {
        scope.spawn(|| answers(&live, &belfry, "9610", "1112221312"));
        scope.spawn(|| answers(&live, &belfry, "9610", "32113"));
    });
    let row = settled(&belfry, "ten", 2);
    let key = |row: &Value, name: &str| row[format!("key:{name}")].as_u64().expect("a count");
    for (name, count) in [
        ("q1=1", 1),
        ("q1=3", 1),
        ("q2=1", 1),
        ("q2=2", 1),
        ("q3=1", 1),
        ("q4=2", 1),
        ("q5=1", 1),
        ("q5=2", 1),
        ("q6=2", 1),
        ("q6=1", 1),
        ("q7=1", 1),
        ("q8=3", 1),
        ("q9=1", 1),
        ("q9=3", 1),
        ("q10=2", 1),
        ("q3=2", 0),
    ] {
        assert_eq!(key(&row, name), count, "{name}: {row}");
    }

    let (status, told) = ask(at, ADMIN, "GET", "/v1/surveys/ten/answers", None);
    assert_eq!(status, 200, "{told}");
    let short = told
        .as_array()
        .expect("a list")
        .iter()
        .find(|s| s["answers"].as_array().is_some_and(|a| a.len() == 5));
    let call = short.expect("the short one")["call"].as_str().expect("an id").to_owned();
    let wrong = json!({ "call": call, "question": "q1", "key": "9" });
    assert_eq!(ask(at, ADMIN, "POST", "/v1/surveys/ten/corrections", Some(wrong)).0, 422);
    let right = json!({ "call": call, "question": "q1", "key": "2", "why": "heard" });
    assert_eq!(ask(at, ADMIN, "POST", "/v1/surveys/ten/corrections", Some(right)).0, 200);
    let put_right = wait_for(PATIENCE, || {
        let (_, told) = ask(at, ADMIN, "GET", "/v1/surveys/ten/statistics", None);
        (key(&told["rows"][0], "q1=2") == 1).then_some(told)
    });
    assert_eq!(key(&put_right.expect("it counts")["rows"][0], "q1=3"), 0);
    let (_, trace) = ask(at, ADMIN, "GET", "/v1/surveys/ten/corrections", None);
    assert_eq!(
        (&trace[0]["old_key"], &trace[0]["key"], &trace[0]["by"]),
        (&json!("3"), &json!("2"), &json!("desk"))
    );
    let shown = belfry.console(&format!("survey answers ten {call}"));
    assert!(shown.to_string().contains("corrected"), "{shown}");

    // A design by the API: refused where it is none, in force where it is; a second one keeps the first's meaning.
    let design = |meaning: &str| json!({ "questions": [{ "name": "solved", "prompt": ["survey/question"], "keys": { "1": meaning, "2": "no" } }] });
    let (status, told) =
        ask(at, ADMIN, "PUT", "/v1/surveys/quick", Some(json!({ "questions": [] })));
    assert_eq!(status, 422, "{told}");
    let (status, told) = ask(at, ADMIN, "PUT", "/v1/surveys/ten", Some(design("yes")));
    assert_eq!(status, 409, "a file designs it: {told}");
    let mut versions = Vec::new();
    for meaning in ["yes", "quite"] {
        let (status, told) = ask(at, ADMIN, "PUT", "/v1/surveys/quick", Some(design(meaning)));
        assert_eq!(status, 200, "{told}");
        versions.push(told["version"].clone());
        answers(&live, &belfry, "9611", "1");
    }
    assert_ne!(versions[0], versions[1]);
    let row = settled(&belfry, "quick", 2);
    assert_eq!((key(&row, "solved=1:yes"), key(&row, "solved=1:quite")), (1, 1), "{row}");
    let (_, shown) = ask(at, ADMIN, "GET", "/v1/surveys/quick", None);
    assert_eq!(
        (&shown["version"], &shown["design"]["questions"][0]["keys"]["1"]),
        (&versions[1], &json!("quite"))
    );
    // Taken away, its answers stay; one that a file designs is not.
    let delete = |name: &str| ask(at, ADMIN, "DELETE", &format!("/v1/surveys/{name}"), None).0;
    assert_eq!([delete("quick"), delete("quick"), delete("ten")], [200, 404, 409]);
    assert_eq!(settled(&belfry, "quick", 2)["valid"], 2);
    belfry.stop();
}
