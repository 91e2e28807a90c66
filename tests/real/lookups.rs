//! Menus bound to the business (R3): real requests over loopback to a program that is good, slow, failing and
//! hostile by turns, and queries to the real store.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belfry::sim::live::Live;

use super::appliance::{Appliance, Setup};
use super::audio;
use super::scripted::{PATIENCE, await_state, caller, heard};
use super::tones::CALLER;
use belfry::sim::phone::State;

/// How long the slow one takes.
const SLOW: Duration = Duration::from_secs(4);

/// What a program of the business was asked: method, path, secret, body.
type Asked = Arc<Mutex<Vec<[String; 4]>>>;

/// A program that answers by the path.
fn program() -> (SocketAddr, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (at, asked) = (listener.local_addr().expect("an address"), Asked::default());
    let kept = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let kept = kept.clone();
            std::thread::spawn(move || drop(serve(stream, &kept)));
        }
    });
    (at, asked)
}

fn serve(mut stream: TcpStream, asked: &Asked) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut secret, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => secret = value.to_owned(),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let body = String::from_utf8_lossy(&body).into_owned();
    asked.lock().expect("no holder panics").push([method, path.clone(), secret, body]);
    let good = "{\"member\":{\"name\":\"Li\",\"points\":1250}}";
    let whole = |status: &str, more: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let answer = match path.split('/').nth(1).unwrap_or_default() {
        "good" => whole("200 OK", "", good),
        "slow" => {
            std::thread::sleep(SLOW);
            whole("200 OK", "", good)
        }
        "silent" => {
            std::thread::sleep(SLOW);
            return Ok(());
        }
        "gone" => whole("404 Not Found", "", ""),
        "loop" => whole("302 Found", "Location: /loop\r\n", ""),
        "html" => whole("200 OK", "", "<html>points: 1250</html>"),
        "less" => whole("200 OK", "", "{\"member\":{}}"),
        "endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"member\":\"")?;
            while stream.write_all(&[b'x'; 4_096]).is_ok() {}
            return Ok(());
        }
        "header" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
            while stream.write_all(&[b'x'; 4_096]).is_ok() {}
            return Ok(());
        }
        // Closed without a word.
        _ => return Ok(()),
    };
    stream.write_all(answer.as_bytes())
}

const CASES: [(&str, &str); 9] = [
    ("good", "ok 200"),
    ("gone", "not-found 404"),
    ("less", "missing 200"),
    ("loop", "refused 302"),
    ("html", "failed 200"),
    ("endless", "failed"),
    ("header", "failed"),
    ("closed", "failed"),
    ("silent", "timeout"),
];

fn plan(at: SocketAddr, secret: &str) -> String {
    let mut steps = String::new();
    for (path, _) in CASES {
        steps += &format!(
            "{{ http = {{ service = \"crm\", path = \"/{path}/${{caller_name}}\", timeout = \"1 s\", \
             take = {{ name = \"member.name\", points = \"member.points\" }} }} }},\n\
             {{ note = {{ name = \"{path}\", value = \"${{http_result}} ${{http_status}} ${{points}}\" }} }},\n"
        );
    }
    format!(
        r#"
[service.crm]
url         = "http://{at}"
secret-file = "{secret}"
[query.yuan]
sql = "SELECT yuan FROM own_accounts WHERE number = :number"
[query.pay]
sql   = "UPDATE own_accounts SET yuan = 0 WHERE number = :number"
write = true
[query.harm]
sql   = "DELETE FROM calls"
write = true
[[route]]
name    = "business"
context = "gateway"
when    = {{ to = "95511" }}
steps   = ["answer",
{{ http = {{ service = "crm", path = "/slow", method = "POST", timeout = "10 s", body = {{ number = "${{from}}", count = 2 }}, take = {{ points = "member.points" }} }} }},
{{ note = {{ name = "slow", value = "${{points}}" }} }},
{steps}
{{ sql = {{ query = "yuan", with = {{ number = "${{from}}" }}, take = {{ yuan = "yuan" }} }} }},
{{ note = {{ name = "before", value = "${{yuan}}" }} }},
{{ sql = {{ query = "pay", with = {{ number = "${{from}}" }} }} }},
{{ sql = {{ query = "yuan", with = {{ number = "${{from}}" }}, take = {{ yuan = "yuan" }} }} }},
{{ note = {{ name = "after", value = "${{yuan}}" }} }},
{{ sql = "harm" }},
{{ note = {{ name = "harm", value = "${{sql_result}}" }} }},
]
"#
    )
}

#[test]
fn a_menu_asks_programs_and_the_store_and_survives_all_that_they_say() {
    let (at, asked) = program();
    let folder = super::process::Folder::new("belfry-secret-");
    let secret = folder.path().join("crm");
    std::fs::write(&secret, "Bearer s3cret-word\n").expect("a file");
    let plan = plan(at, &secret.display().to_string());
    let belfry = Appliance::start(Setup { plan, ..Setup::new() });
    let store = rusqlite::Connection::open(belfry.beside("data/belfry.db")).expect("the store");
    store.busy_timeout(Duration::from_secs(10)).expect("patience");
    let own = "CREATE TABLE own_accounts (number TEXT, yuan REAL); \
               INSERT INTO own_accounts VALUES ('13800138000', 12.5);";
    store.execute_batch(own).expect("a table of the business");

    let live = Live::new();
    let caller = caller(&live, &belfry, CALLER);
    live.with(caller, |phone, now| phone.call(now, "95511"));
    await_state(&live, caller, "talk", |state| state == State::Talking);
    let ended = live.wait(caller, PATIENCE, |phone| matches!(phone.state, State::Ended(_)));
    assert!(ended, "the plan ends the call");
    // The slow one was waited for with the ringing tone, from the second second on.
    audio::assert_heard(&heard(&live, caller), 450.0, Duration::from_millis(700), "while it waits");

    let record = belfry.record_of("95511");
    let shown = belfry.console(&format!("show record {}", record.call.call));
    let events = shown["events"].as_array().expect("events");
    let said = |name: &str, value: &str| {
        let is_it = |event: &serde_json::Value| {
            let body = &event["body"];
            body["name"] == name && body["value"].as_str().is_some_and(|v| v.starts_with(value))
        };
        assert!(events.iter().any(is_it), "{name}: {value}: {events:?}");
    };
    said("slow", "1250");
    for (path, wanted) in CASES {
        said(path, wanted);
    }
    said("good", "ok 200 1250");
    said("before", "12.5");
    said("sql pay", "ok, ");
    said("after", "0");
    said("harm", "failed");
    let calls: i64 = store.query_row("SELECT count(*) FROM calls", [], |row| row.get(0)).unwrap();
    assert_eq!(calls, 1, "no query harms the records");

    let asked = asked.lock().expect("no holder panics").clone();
    let times = |path: &str| asked.iter().filter(|a| a[1].starts_with(path)).count();
    assert_eq!((times("/loop"), times("/closed"), times("/slow")), (1, 2, 1), "{asked:?}");
    assert!(asked.iter().all(|a| a[2] == "Bearer s3cret-word"), "{asked:?}");
    let slow = asked.iter().find(|a| a[1] == "/slow").expect("asked");
    let body: serde_json::Value = serde_json::from_str(&slow[3]).expect("JSON");
    assert_eq!(body, serde_json::json!({ "number": "13800138000", "count": 2 }));
    assert!(!belfry.log().contains("s3cret-word"), "a secret in the log");
    belfry.stop();
}
