//! Quality checks with the real binary (R23): a talk with an agent is recorded, drawn, played in parts, scored by a
//! supervisor, corrected, and counted; nobody else may.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use belfry::sim::live::Live;
use serde_json::{Value, json};

use super::api::ask;
use super::appliance::{Appliance, Setup};
use super::process::{PATIENCE, wait_for};
use super::scripted;
use super::tones::{ALICE, BOB};

const BOSS: &str = "boss-boss-boss-boss";
const LEAD: &str = "lead-lead-lead-lead";
const OWN: &str = "agent-7001-agent-7001";

const MORE: &str = "\n[http]\nlisten = \"OWN:8080\"\n\
    [[token]]\nname = \"boss\"\ntoken = \"boss-boss-boss-boss\"\nroles = [\"supervisor\"]\n\
    [[token]]\nname = \"lead\"\ntoken = \"lead-lead-lead-lead\"\nroles = [\"agent\", \"supervisor\"]\nagent = \"7900\"\n\
    [[agent]]\nnumber = \"7900\"\npin = \"4711\"\nrole = \"supervisor\"\n\
    [[team]]\nname = \"night\"\nsupervisors = [\"7900\"]\n\
    [[token]]\nname = \"desk\"\ntoken = \"agent-7001-agent-7001\"\nroles = [\"agent\"]\nagent = \"7001\"\nphones = [\"1002\"]\n\
    [[agent]]\nnumber = \"7001\"\npin = \"4711\"\nteam = \"day\"\n\
    [[score_form]]\nname = \"service\"\ntitle = \"服务质量\"\nversion = 3\npass = 70\n\
    [[score_question]]\nform = \"service\"\nname = \"greets\"\nsection = \"开场\"\ntext = \"问候并报工号\"\nmost = 5\n\
    [[score_question]]\nform = \"service\"\nname = \"solves\"\ntext = \"解决问题\"\nweight = 3\n\
    [[score_question]]\nform = \"service\"\nname = \"data\"\ntext = \"核对身份\"\nmost = 1\nfatal = true\n\
    [[report]]\nname = \"daily\"\nof = \"queue\"\nformats = [\"csv\", \"xlsx\"]\n\
    [[queue]]\nname = \"care\"\n";

/// A part of a file: the answer's status, head and body.
pub fn part(at: SocketAddr, path: &str, range: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(at).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {BOSS}\r\n{range}\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, head, answer[end..].to_vec())
}

fn report(belfry: &Appliance, kind: &str) -> Value {
    let out = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .args(["report", kind, "--format", "json", "-c"])
        .arg(belfry.beside("belfry.toml"))
        .output()
        .expect("belfry report runs");
    let text = String::from_utf8_lossy(&out.stdout);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}{out:?}"))
}

/// R25: at the first start the last day's report is made, once and in both forms; supervisors of all fetch it.
fn reports_are_kept(belfry: &Appliance, at: SocketAddr) {
    let (_, all) = wait_for(PATIENCE, || {
        let (status, all) = ask(at, BOSS, "GET", "/v1/reports", None);
        (all[0]["kept"].as_array().map(Vec::len) == Some(2)).then_some((status, all))
    })
    .expect("two files are kept");
    assert_eq!((&all[0]["name"], &all[0]["of"]), (&"daily".into(), &"queue".into()));
    for kept in all[0]["kept"].as_array().expect("a list") {
        let file = kept["file"].as_str().expect("a name");
        let path = format!("/v1/reports/daily/{file}");
        let (status, head, bytes) = part(at, &path, "");
        assert_eq!(
            (status, bytes.len() as u64),
            (200, kept["bytes"].as_u64().unwrap_or(0)),
            "{head}"
        );
        let begins: &[u8] = if file.ends_with(".csv") { "\u{feff}".as_bytes() } else { b"PK" };
        assert!(bytes.starts_with(begins), "{file}");
        // Of a supervisor of one team, of an agent.
        assert_eq!([LEAD, OWN].map(|token| ask(at, token, "GET", &path, None).0), [403, 403]);
    }
    assert_eq!(part(at, "/v1/reports/daily/..%2F..%2Fbelfry.db", "").0, 404);
    let said = belfry.console("show reports").to_string();
    assert!(said.contains("daily") && said.contains("day"), "{said}");
    let listed = Command::new(env!("CARGO_BIN_EXE_belfry"))
        .args(["report", "kept", "-c"])
        .arg(belfry.beside("belfry.toml"))
        .output()
        .expect("belfry report runs");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert_eq!(listed.matches("reports/daily/").count(), 2, "{listed}");
}

/// A form by the API: designed, used, designed anew, taken away; those of the configuration are not.
fn forms_are_designed(at: SocketAddr, call: &str) {
    let ask = |method, form: &str, body| {
        ask(at, BOSS, method, &format!("/v1/quality/forms/{form}"), body)
    };
    let form = |text: &str| {
        let question = json!({ "name": "calm", "text": text, "most": 5 });
        Some(json!({ "title": "试听", "pass": 60, "questions": [question] }))
    };
    assert_eq!(ask("PUT", "service", form("?")).0, 409, "it stands in the configuration");
    assert_eq!(ask("DELETE", "service", None).0, 409);
    assert_eq!(ask("DELETE", "trial", None).0, 404);
    let (status, why) = ask("PUT", "trial", Some(json!({ "questions": [] })));
    assert_eq!(status, 422, "{why}");
    assert!(
        why["detail"].as_str().is_some_and(|why| why.contains("one question at least")),
        "{why}"
    );
    for (text, version) in [("安静?", 1), ("安静?", 1), ("耐心?", 2)] {
        let (status, made) = ask("PUT", "trial", form(text));
        assert_eq!((status, &made["version"]), (200, &version.into()), "{made}");
    }
    let (_, forms) = super::api::ask(at, BOSS, "GET", "/v1/quality/forms", None);
    let listed = forms[1].clone();
    assert_eq!(
        (&listed["name"], &listed["questions"][0]["text"]),
        (&"trial".into(), &"耐心?".into())
    );
    assert_eq!(ask("PUT", "trial", Some(listed)).0, 200, "what is listed can be put back");
    let score = json!({ "call": call, "form": "trial", "answers": { "calm": 4 } });
    let scored = super::api::ask(at, BOSS, "POST", "/v1/quality/scores", Some(score.clone()));
    assert_eq!((scored.0, &scored.1["share"]), (201, &8_000.into()), "{}", scored.1);
    assert_eq!(ask("DELETE", "trial", None).0, 200);
    assert_eq!(super::api::ask(at, BOSS, "POST", "/v1/quality/scores", Some(score)).0, 422);
}

#[test]
fn a_talk_is_drawn_played_scored_corrected_and_counted() {
    let belfry = Appliance::start(Setup { more: MORE, ..Setup::new() });
    let at = SocketAddr::new(belfry.sip.ip(), 8080);
    let live = Live::new();
    let caller = scripted::phone(&live, &belfry, "1001", ALICE);
    let agent = scripted::phone(&live, &belfry, "1002", BOB);
    let on = json!({ "state": "logged_on", "device": "1002", "pin": "4711" });
    assert_eq!(ask(at, OWN, "PUT", "/v1/agents/7001/state", Some(on)).0, 200);
    live.with(caller, |phone, now| phone.call(now, "7700"));
    scripted::await_talk(&live, [caller, agent]);
    std::thread::sleep(Duration::from_millis(500));
    scripted::hang_up(&live, [caller, agent]);
    belfry.await_empty();

    // It is drawn, of the team as well; nobody but supervisors may.
    let sample = "/v1/quality/sample?team=day&most=1";
    let drawn = wait_for(PATIENCE, || {
        let (status, drawn) = ask(at, BOSS, "GET", sample, None);
        assert_eq!(status, 200, "{drawn}");
        drawn[0]["agent"].as_str().is_some().then_some(drawn)
    });
    let drawn = drawn.expect("a talk to score");
    assert_eq!(
        (drawn[0]["agent"].as_str(), drawn[0]["queue"].as_str()),
        (Some("7001"), Some("care"))
    );
    let call = drawn[0]["call"].as_str().expect("a call").to_owned();
    assert_eq!(ask(at, OWN, "GET", sample, None).0, 403);
    assert_eq!(ask(at, BOSS, "GET", "/v1/quality/sample?team=night", None).1, json!([]));
    for list in ["/v1/quality/sample", "/v1/recordings"] {
        assert_eq!(ask(at, LEAD, "GET", list, None).1, json!([]), "of its own team alone");
    }

    // It is played, in parts.
    let file = format!("/v1/recordings/{call}/1");
    let (status, head, whole) = part(at, &file, "");
    assert_eq!(status, 200, "{head}");
    assert!(head.contains("content-type: audio/") && whole.len() > 4_000, "{head}");
    let (status, head, some) = part(at, &file, "Range: bytes=100-299\r\n");
    assert_eq!((status, &some[..]), (206, &whole[100..300]), "{head}");
    assert!(head.contains(&format!("content-range: bytes 100-299/{}", whole.len())), "{head}");
    assert_eq!(part(at, &file, "Range: bytes=99999999-\r\n").0, 416);
    assert_eq!(ask(at, OWN, "GET", &file, None).0, 403);
    assert_eq!(ask(at, BOSS, "GET", &format!("/v1/recordings/{call}/2"), None).0, 404);

    // It is scored; what does not fit the form is named.
    let (status, forms) = ask(at, BOSS, "GET", "/v1/quality/forms", None);
    assert_eq!((status, forms[0]["questions"][0]["text"].as_str()), (200, Some("问候并报工号")));
    let score = |answers: Value, corrects: Option<&str>| {
        let mut body =
            json!({ "call": call, "form": "service", "answers": answers, "comment": "听过" });
        if let Some(id) = corrects {
            body["corrects"] = id.into();
        }
        body
    };
    let post = |token, body| ask(at, token, "POST", "/v1/quality/scores", Some(body));
    let good = json!({ "greets": 5, "solves": 8, "data": 1 });
    assert_eq!(post(OWN, score(good.clone(), None)).0, 403);
    let (status, why) = post(BOSS, score(json!({ "greets": 9, "solves": 8, "data": 1 }), None));
    assert_eq!(status, 422);
    assert!(
        why["detail"].as_str().is_some_and(|why| why.contains("'greets' has 5 points")),
        "{why}"
    );
    let (status, first) = post(BOSS, score(json!({ "greets": 5, "solves": 8, "data": 0 }), None));
    assert_eq!(
        (status, &first["fatal"], &first["share"]),
        (201, &true.into(), &0.into()),
        "{first}"
    );
    let id = first["score"].as_str().expect("an id").to_owned();
    let listed = |count: usize| {
        wait_for(PATIENCE, || {
            let (_, all) = ask(at, BOSS, "GET", &format!("/v1/quality/scores?call={call}"), None);
            (all.as_array().map(Vec::len) == Some(count)).then_some(all)
        })
    };
    // What is confirmed can be corrected at once (R18), whether the records have it yet or not. An id of the program's
    // own: asked twice, as after an answer that never came, it is one score; and it is corrected once.
    let mut corrected = score(good, Some(&id));
    corrected["id"] = "crm-17".into();
    let (status, second) = post(BOSS, corrected.clone());
    assert_eq!((status, &second["share"], &second["passed"]), (201, &8_800.into(), &true.into()));
    assert_eq!(post(BOSS, corrected.clone()), (201, second.clone()), "at once");
    let unknown = score(json!({ "greets": 5, "solves": 8, "data": 1 }), Some("nobody-s"));
    assert_eq!(post(BOSS, unknown).0, 422);
    let mut other = corrected.clone();
    other["comment"] = "another".into();
    assert_eq!(post(BOSS, other.clone()).0, 409, "the id is taken");
    other["id"] = "crm-18".into();
    assert_eq!(post(BOSS, other.clone()).0, 409, "it is corrected");
    other["id"] = "no id".into();
    assert_eq!(post(BOSS, other).0, 422);
    let all = listed(2).expect("both are kept");
    assert_eq!(all[1]["corrected_by"], second["score"], "{all}");
    assert_eq!(
        (post(BOSS, corrected), &second["score"]),
        ((201, second.clone()), &"crm-17".into())
    );
    assert_eq!(
        (&all[0]["version"], &all[0]["scorer"], &all[0]["comment"]),
        (&3.into(), &"boss".into(), &"听过".into())
    );
    assert_eq!(all[0]["answers"][1]["points"], 8);
    assert_eq!(
        post(BOSS, score(json!({ "greets": 5, "solves": 8, "data": 1 }), Some(&id))).0,
        409,
        "once"
    );
    assert_eq!(ask(at, BOSS, "GET", sample, None).1, json!([]), "it is scored");

    let none = ask(at, LEAD, "GET", "/v1/quality/figures?by=agent", None).1;
    assert_eq!((none, ask(at, LEAD, "GET", "/v1/quality/scores", None).1), (json!([]), json!([])));

    // Figures, by the API and as a report.
    let (_, figures) = ask(at, BOSS, "GET", "/v1/quality/figures?by=team", None);
    assert_eq!(
        (&figures[0]["name"], &figures[0]["scores"], &figures[0]["mean"]),
        (&"day".into(), &1.into(), &8_800.0.into())
    );
    let rows = report(&belfry, "quality")["rows"].clone();
    assert_eq!(
        (&rows[0]["name"], &rows[0]["scores"], &rows[0]["mean"]),
        (&"7001".into(), &1.into(), &0.88.into()),
        "{rows}"
    );
    assert_eq!(rows[0]["question:service/solves"], 0.8, "{rows}");
    assert_eq!(report(&belfry, "quality-team")["rows"][0]["name"], "day");
    forms_are_designed(at, &call);
    reports_are_kept(&belfry, at);
    let log = belfry.log();
    for said in [
        "is scored on form service",
        "is played",
        "form trial: another design: done",
        "\"desk\" may not",
    ] {
        assert!(log.contains(said), "{said}");
    }
    belfry.stop();
}
