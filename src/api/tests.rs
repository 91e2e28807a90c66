//! The floor by itself: an exchange that only says how it is, real sockets on loopback.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::events::{Feed, History, Later};
use super::{Answer, Door, Exchange, Settings, Tokens, open};
use crate::access::rights::{Rights, Role};
use crate::base::CallId;
use crate::switch::care::CONFIDENTIAL;
use crate::switch::console::CaseView;
use crate::switch::fact::Fact;
use crate::switch::{Reply, Request};

struct Nobody;

impl Exchange for Nobody {
    fn ask(&self, _: Request) -> Answer {
        Box::pin(async { None })
    }
}

struct Empty;

impl History for Empty {
    fn after(&self, _: u64, _: usize) -> Later<Vec<Fact>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn of_call(&self, _: CallId, _: u64) -> Later<Vec<Fact>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn agents(&self, _: u64) -> Later<Vec<Fact>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn tokens() -> Tokens {
    let tokens = Tokens::default();
    let rights =
        |name: &str, role| Rights { name: name.into(), roles: vec![role], ..Rights::default() };
    tokens.put(
        [
            ("read-read-read-read", rights("wall", Role::Read)),
            ("lead-lead-lead-lead", rights("lead", Role::Supervisor)),
            ("anna-anna-anna-anna", rights("anna", Role::Agent)),
            ("none-none-none-none", Rights { name: "none".into(), ..Rights::default() }),
            ("admin-admin-admin-admin", rights("boss", Role::Admin)),
        ]
        .into_iter(),
    );
    tokens
}

fn serve(connections: usize) -> Door {
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), connections, tls: None };
    let feed = Feed::new(0, Arc::new(Empty));
    open(settings, Arc::new(Nobody), tokens(), feed).expect("a free port")
}

/// One request on a connection of its own; the whole answer.
async fn ask(server: &Door, head: &str) -> String {
    let mut stream = TcpStream::connect(server.local()).await.expect("it listens");
    let request = format!("{head}\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

#[tokio::test]
async fn health_needs_no_token_and_what_is_not_there_is_a_problem() {
    let server = serve(8);
    let live = ask(&server, "GET /health HTTP/1.1").await;
    assert!(live.starts_with("HTTP/1.1 200") && live.ends_with("{\"status\":\"ok\"}"), "{live}");
    let ready = ask(&server, "GET /ready HTTP/1.1").await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("problem+json"), "{ready}");
    assert!(ready.to_lowercase().contains("retry-after: 1"), "{ready}");
    let nothing = ask(&server, "GET /nothing HTTP/1.1").await;
    assert!(nothing.starts_with("HTTP/1.1 404") && nothing.contains("problem+json"), "{nothing}");
    let method = ask(&server, "DELETE /health HTTP/1.1").await;
    assert!(method.starts_with("HTTP/1.1 405") && method.contains("problem+json"), "{method}");
    assert!(method.to_lowercase().contains("allow: get"), "{method}");
    server.stop().await;
}

#[tokio::test]
async fn who_may_not_is_told_and_the_right_one_gets_through() {
    let server = serve(8);
    let with = async |token: &str| {
        ask(&server, &format!("GET /v1/system HTTP/1.1\r\nAuthorization: {token}")).await
    };
    let none = ask(&server, "GET /v1/system HTTP/1.1").await;
    assert!(none.starts_with("HTTP/1.1 401") && none.contains("problem+json"), "{none}");
    assert!(none.to_lowercase().contains("www-authenticate: bearer"), "{none}");
    for wrong in ["Bearer nobody-nobody-nobody", "Basic cmVhZA==", "Bearer", "read-read-read-read"]
    {
        let refused = with(wrong).await;
        assert!(refused.starts_with("HTTP/1.1 401"), "{wrong}: {refused}");
        assert!(!refused.contains("nobody-nobody"), "what was shown is not told on: {refused}");
    }
    // The exchange of this test answers nothing: 503 is what lies behind the guard.
    assert!(with("Bearer read-read-read-read").await.starts_with("HTTP/1.1 503"));
    assert!(with("bearer admin-admin-admin-admin").await.starts_with("HTTP/1.1 503"));
    assert!(with("Bearer none-none-none-none").await.starts_with("HTTP/1.1 403"));
}

#[test]
fn a_token_is_known_by_all_of_it() {
    let tokens = tokens();
    assert_eq!(tokens.whose("read-read-read-read").unwrap().name, "wall");
    for wrong in ["", "read-read-read-rea", "read-read-read-read ", "READ-READ-READ-READ"] {
        assert_eq!(tokens.whose(wrong), None, "{wrong:?}");
    }
    tokens.put(std::iter::empty());
    assert_eq!(tokens.whose("read-read-read-read"), None, "a reload takes it away");
}

#[tokio::test]
async fn who_stays_hears_when_its_token_holds_no_more() {
    let tokens = tokens();
    let wait = |pass: &super::Pass| {
        let mut pass = pass.clone();
        async move {
            tokio::time::timeout(std::time::Duration::from_secs(20), pass.gone()).await.is_ok()
        }
    };
    let pass = tokens.pass("read-read-read-read").unwrap();
    assert!(tokens.pass("nobody-nobody-nobody").is_none());
    let rights = pass.rights().clone();
    // A reload that leaves it as it was ends nothing.
    tokens.put([("read-read-read-read", rights.clone())].into_iter());
    assert!(pass.holds());
    let gone = tokio::spawn(wait(&pass));
    let less = Rights { roles: Vec::new(), ..rights.clone() };
    tokens.put([("read-read-read-read", less)].into_iter());
    assert!(!pass.holds(), "it may something else");
    assert!(gone.await.unwrap());
    tokens.put([("other-other-other-other", rights)].into_iter());
    assert!(!pass.holds() && wait(&pass).await);
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_taken_away() {
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), connections: 8, tls: None };
    let (tokens, feed) = (tokens(), Feed::new(0, Arc::new(Empty)));
    let server = open(settings, Arc::new(Nobody), tokens.clone(), feed).unwrap();
    let mut stream = TcpStream::connect(server.local()).await.unwrap();
    let head =
        "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer read-read-read-read\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut some = [0; 1_024];
    while !seen.contains("events after") {
        let read = stream.read(&mut some).await.unwrap();
        assert!(read > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    tokens.put(std::iter::empty());
    while !seen.contains("event: end") {
        let read = stream.read(&mut some).await.unwrap();
        assert!(read > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    assert!(seen.contains("in force no more"), "{seen}");
}

/// Counts what it is asked, and answers when it is let.
struct Counting(std::sync::atomic::AtomicUsize, Arc<tokio::sync::Semaphore>);

impl Exchange for Counting {
    fn ask(&self, _: Request) -> Answer {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let free = self.1.clone();
        Box::pin(async move {
            let _ = free.acquire().await;
            None
        })
    }
}

#[tokio::test]
async fn the_exchange_is_asked_little_at_once_and_seldom_by_who_shows_no_token() {
    let asked = |counting: &Counting| counting.0.load(std::sync::atomic::Ordering::SeqCst);
    let free = Arc::new(tokio::sync::Semaphore::new(0));
    let counting = Arc::new(Counting(Default::default(), free.clone()));
    let limited = super::Limited::new(counting.clone());
    let tasks: Vec<_> = (0..50).map(|_| tokio::spawn(limited.ask(Request::Status))).collect();
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(asked(&counting), 8);
    free.add_permits(1_000);
    for task in tasks {
        let _ = task.await;
    }
    assert_eq!(asked(&counting), 50);
    // Ready or not is asked once a second at most: far fewer than it is wanted.
    let counting = Arc::new(Counting(Default::default(), free));
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), connections: 8, tls: None };
    let feed = Feed::new(0, Arc::new(Empty));
    let began = std::time::Instant::now();
    let server = open(settings, counting.clone(), tokens(), feed).unwrap();
    for _ in 0..30 {
        assert!(ask(&server, "GET /ready HTTP/1.1").await.starts_with("HTTP/1.1 503"));
    }
    let most = 1 + began.elapsed().as_secs() as usize;
    assert!(asked(&counting) <= most, "{} in {:?}", asked(&counting), began.elapsed());
}

#[tokio::test]
async fn connections_have_a_limit_and_give_their_place_back() {
    let server = serve(1);
    let first = TcpStream::connect(server.local()).await.unwrap();
    // The first has its place once an answer comes over it.
    let mut first = first;
    first.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut some = [0; 16];
    first.read_exact(&mut some).await.unwrap();
    assert_eq!(ask(&server, "GET /health HTTP/1.1").await, "", "the second is turned away");
    drop(first);
    for _ in 0..200 {
        if ask(&server, "GET /health HTTP/1.1").await.starts_with("HTTP/1.1 200") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the place did not come free");
}

#[tokio::test]
async fn what_is_no_http_is_answered_or_closed() {
    let server = serve(8);
    for bad in ["\u{0}\u{1}\u{2}", "GET", "GET /\u{7f} HTTP/9.9", "\r\n\r\n\r\n"] {
        let answer = ask(&server, bad).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{bad:?}: {answer}");
    }
    let long = format!("GET /health HTTP/1.1\r\nX: {}", "x".repeat(64 * 1_024));
    let answer = ask(&server, &long).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(ask(&server, "GET /health HTTP/1.1").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn figures_are_for_who_may_see_and_are_said_not_to_be_had() {
    let server = serve(8);
    let none = ask(&server, "GET /metrics HTTP/1.1").await;
    assert!(none.starts_with("HTTP/1.1 401"), "{none}");
    let head = "GET /metrics HTTP/1.1\r\nAuthorization: Bearer read-read-read-read";
    let behind = ask(&server, head).await;
    assert!(behind.starts_with("HTTP/1.1 503"), "the test's exchange has none: {behind}");
    // Who sees all sees the figures; who acts for one agent does not.
    for (token, status) in [("lead-lead-lead-lead", "503"), ("anna-anna-anna-anna", "403")] {
        let head = format!("GET /metrics HTTP/1.1\r\nAuthorization: Bearer {token}");
        let told = ask(&server, &head).await;
        assert!(told.starts_with(&format!("HTTP/1.1 {status}")), "{token}: {told}");
    }
    server.stop().await;
}

/// Has one case.
struct Home;

impl Exchange for Home {
    fn ask(&self, _: Request) -> Answer {
        let field = |name: &str| (name.to_owned(), format!("the {name}"));
        let row = serde_json::json!({
            "case": 7, "account": "02155", "need": "fall", "priority": 9, "place": "bath, 13800138000",
            "alarms": 1,
            "open_s": 3, "call": null, "awaited": false, "call_back": null,
        });
        let view = CaseView {
            row: serde_json::from_value(row).expect("a row"),
            subscriber: crate::switch::care::FIELDS.iter().map(|own| field(own.name)).collect(),
            troubles: vec![],
            plan: None,
            events: vec![],
            events_left_out: 0,
        };
        Box::pin(async { Some(Reply::Case(Box::new(view))) })
    }
}

/// An exchange whose records are away since the start: what has rung since is all that it knows.
struct Started;

impl Exchange for Started {
    fn ask(&self, _: Request) -> Answer {
        let row = serde_json::json!({
            "case": 8, "account": "02156", "need": "fall", "priority": 9, "place": "", "alarms": 1,
            "open_s": 3, "call": null, "awaited": false, "call_back": null,
        });
        let trouble = serde_json::json!({ "account": "02157", "trouble": "battery", "since_s": 9 });
        let cases = vec![serde_json::from_value(row).expect("a row")];
        let troubles = vec![serde_json::from_value(trouble).expect("a row")];
        Box::pin(async { Some(Reply::Cases { cases, troubles, records_away: true }) })
    }
}

/// R10: a screen lists the bells that ring now, though what was open before the start is not known; and it is told that.
#[tokio::test]
async fn what_rings_is_listed_while_the_records_are_away() {
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), connections: 8, tls: None };
    let feed = Feed::new(0, Arc::new(Empty));
    let server = open(settings, Arc::new(Started), tokens(), feed).expect("a free port");
    for (path, own) in [("cases", "\"case\":8"), ("troubles", "\"trouble\":\"battery\"")] {
        let head = format!("GET /v1/{path} HTTP/1.1\r\nAuthorization: Bearer read-read-read-read");
        let answer = ask(&server, &head).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let list = format!("\"{path}\":[");
        assert!(answer.contains("\"records_away\":true") && answer.contains(&list), "{answer}");
        assert!(answer.contains(own), "{answer}");
    }
    server.stop().await;
}

/// What only those need to know who work on cases, nobody else gets.
#[tokio::test]
async fn medical_notes_and_keys_are_for_those_who_work_on_cases() {
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), connections: 8, tls: None };
    let feed = Feed::new(0, Arc::new(Empty));
    let own = |role| Rights { name: "desk".into(), roles: vec![role], ..Rights::default() };
    let tokens = Tokens::default();
    let roles = [Role::Read, Role::Agent, Role::Supervisor, Role::Admin];
    let names = roles.map(|role| format!("{0}-{0}-{0}-{0}", role.as_str()));
    tokens.put(names.iter().map(String::as_str).zip(roles.map(own)));
    let server = open(settings, Arc::new(Home), tokens, feed).expect("a free port");
    for (name, role) in names.iter().zip(roles) {
        let head = format!("GET /v1/cases/7 HTTP/1.1\r\nAuthorization: Bearer {name}");
        let answer = ask(&server, &head).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("the address"), "{answer}");
        for field in CONFIDENTIAL {
            let there = answer.contains(&format!("the {field}"));
            assert_eq!(there, role != Role::Read, "{field} for {name}");
        }
    }
    let head = "GET /v1/cases/7 HTTP/1.1\r\nAuthorization: Bearer none";
    assert!(ask(&server, head).await.starts_with("HTTP/1.1 401"));
    server.stop().await;
}

/// R29: who only looks on gets nobody's number.
#[tokio::test]
async fn outside_numbers_are_masked_for_whom_it_is_said() {
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), connections: 8, tls: None };
    let feed = Feed::new(0, Arc::new(Empty));
    let own = |masked| Rights { roles: vec![Role::Read], masked, ..Rights::default() };
    let tokens = Tokens::default();
    tokens
        .put([("wall-wall-wall-wall", own(true)), ("desk-desk-desk-desk", own(false))].into_iter());
    let server = open(settings, Arc::new(Home), tokens, feed).expect("a free port");
    for (name, number) in [("wall", "bath, 138******00"), ("desk", "bath, 13800138000")] {
        let head = format!(
            "GET /v1/cases/7 HTTP/1.1\r\nAuthorization: Bearer {name}-{name}-{name}-{name}"
        );
        let answer = ask(&server, &head).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(number), "{answer}");
    }
    server.stop().await;
}

/// Says what it was asked.
struct Register;

impl Exchange for Register {
    fn ask(&self, _: Request) -> Answer {
        Box::pin(async { None })
    }
    fn subscribers(self: Arc<Self>, wanted: super::subscribers::Wanted) -> super::Told {
        Box::pin(async move { Ok(serde_json::json!({ "done": format!("{wanted:?}") })) })
    }
}

/// R10: only a supervisor changes subscribers, and it is noted who that was.
#[tokio::test]
async fn a_supervisor_alone_changes_subscribers() {
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), connections: 8, tls: None };
    let feed = Feed::new(0, Arc::new(Empty));
    let server = open(settings, Arc::new(Register), tokens(), feed).expect("a free port");
    let ask = async |token: &str, method: &str, body: &str| {
        let mut head =
            format!("{method} /v1/subscribers/100 HTTP/1.1\r\nAuthorization: Bearer {token}");
        if !body.is_empty() {
            head +=
                &format!("\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
        }
        let mut stream = TcpStream::connect(server.local()).await.expect("it listens");
        let request = format!("{head}\r\nHost: x\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    };
    let (anna, lead) = ("anna-anna-anna-anna", "lead-lead-lead-lead");
    assert!(ask(anna, "GET", "").await.starts_with("HTTP/1.1 200"));
    assert!(ask("read-read-read-read", "GET", "").await.starts_with("HTTP/1.1 403"));
    for (method, body) in [("PUT", "{\"name\":\"Wang\"}"), ("DELETE", "")] {
        assert!(ask(anna, method, body).await.starts_with("HTTP/1.1 403"), "{method}");
        let done = ask(lead, method, body).await;
        assert!(done.starts_with("HTTP/1.1 200") && done.contains("by: \\\"lead\\\""), "{done}");
    }
    let wrong = ask(lead, "PUT", "{\"name\":7}").await;
    assert!(wrong.starts_with("HTTP/1.1 422"), "{wrong}");
    server.stop().await;
}
