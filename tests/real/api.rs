//! The API of the real binary: calls made and steered over HTTP, events by all three ways, what is missed (R9).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use belfry::sim::live::Live;
use belfry::sim::phone::State;
use belfry::wire::csta::{Element, Frame};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::appliance::{Appliance, Setup};
use super::process::{PATIENCE, wait_for};
use super::scripted;
use super::tones::{ALICE, BOB};

const PORT: u16 = 8080;
const ADMIN: &str = "admin-admin-admin-admin";
const READ: &str = "read-read-read-read";
const OWN: &str = "agent-7001-agent-7001";

const MORE: &str = "\n[http]\nlisten = \"OWN:8080\"\n\
    [[token]]\nname = \"admin\"\ntoken = \"admin-admin-admin-admin\"\nroles = [\"admin\"]\n\
    [[token]]\nname = \"wall\"\ntoken = \"read-read-read-read\"\nroles = [\"read\"]\n\
    [[token]]\nname = \"desk\"\ntoken = \"agent-7001-agent-7001\"\nroles = [\"agent\"]\nagent = \"7001\"\nphones = [\"1002\"]\n\
    [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n[[queue]]\nname = \"care\"\n";

/// An appliance whose API is at its own address.
pub fn belfry() -> (Appliance, SocketAddr) {
    let belfry = Appliance::start(Setup { more: MORE, ..Setup::new() });
    let at = SocketAddr::new(belfry.sip.ip(), PORT);
    (belfry, at)
}

/// One request; its status and what came, as JSON.
pub fn ask(
    at: SocketAddr,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let mut stream = TcpStream::connect(at).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let body = body.map_or_else(String::new, |body| body.to_string());
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: belfry\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         {kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// A stream of server-sent events: each as its kind and its data.
struct Sse(BufReader<TcpStream>);

impl Sse {
    fn open(at: SocketAddr, token: &str, query: &str) -> Sse {
        let mut stream = TcpStream::connect(at).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        let request = format!(
            "GET /v1/events{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).expect("a head");
        assert!(line.contains(" 200 "), "{line}");
        Sse(reader)
    }

    /// The next event that is no heartbeat.
    fn next(&mut self) -> Option<(String, Value)> {
        let mut kind = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(name) = line.strip_prefix("event: ") {
                kind = name.trim().to_owned();
            }
            if let Some(data) = line.strip_prefix("data: ")
                && kind != "heartbeat"
            {
                return Some((kind, serde_json::from_str(data).expect("JSON")));
            }
        }
    }

    fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        while let Some((name, event)) = self.next() {
            seen.push(event);
            if name == kind {
                return seen;
            }
        }
        panic!("no {kind}: {seen:?}");
    }
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).collect()
}

/// All events after a number, a page at a time, until one of a kind.
fn pages(at: SocketAddr, after: u64, until: &str) -> Vec<Value> {
    let (mut after, mut all) = (after, Vec::new());
    let done = wait_for(PATIENCE, || {
        let (status, page) = ask(at, READ, "GET", &format!("/v1/events/page?after={after}"), None);
        if status != 200 {
            return None;
        }
        after = page["next"].as_u64().expect("a number");
        all.extend(page["events"].as_array().expect("a list").clone());
        kinds(&all).contains(&until).then_some(())
    });
    assert!(done.is_some(), "no {until}: {all:?}");
    all
}

#[test]
fn a_program_makes_a_call_steers_it_and_sees_all_of_it() {
    let (belfry, at) = belfry();
    let live = Live::new();
    let (alice, bob) = (
        scripted::phone(&live, &belfry, "1001", ALICE),
        scripted::phone(&live, &belfry, "1002", BOB),
    );
    live.with(alice, |phone, _| phone.obeys = true);
    assert_eq!(ask(at, "", "GET", "/ready", None).0, 200);
    assert_eq!(ask(at, "", "GET", "/v1/calls", None).0, 401);
    assert_eq!(ask(at, READ, "POST", "/v1/calls", Some(json!({}))).0, 403);
    let mut events = Sse::open(at, READ, "?device=1001");

    let make = json!({ "device": "1001", "to": "1002" });
    let (status, made) = ask(at, ADMIN, "POST", "/v1/calls", Some(make));
    assert_eq!(status, 202, "{made}");
    let call = made["call"].as_str().expect("a call").to_owned();
    scripted::await_talk(&live, [alice, bob]);
    for (order, state) in [("hold", "hold"), ("retrieve", "connected")] {
        let path = format!("/v1/devices/1001/{order}");
        let (status, done) = ask(at, ADMIN, "POST", &path, Some(json!({ "call": call })));
        assert_eq!(status, 200, "{done}");
        let so = || {
            let (_, shown) = ask(at, READ, "GET", &format!("/v1/calls/{call}"), None);
            (shown["connections"][0]["state"] == state).then_some(())
        };
        assert!(wait_for(PATIENCE, so).is_some(), "{state}");
    }
    let data = json!({ "policy": "P-7" });
    assert_eq!(ask(at, ADMIN, "POST", &format!("/v1/calls/{call}/data"), Some(data)).0, 200);
    let (status, device) = ask(at, READ, "GET", "/v1/devices/1002", None);
    assert_eq!((status, device["calls"][0]["call"].as_str()), (200, Some(call.as_str())));
    let (status, done) = ask(at, ADMIN, "POST", "/v1/devices/1002/clear", Some(json!({})));
    assert_eq!(status, 200, "{done}");
    scripted::await_state(&live, alice, "end", |state| matches!(state, State::Ended(_)));

    let seen = events.until("CallCleared");
    let wanted = [
        "ServiceInitiated",
        "Originated",
        "Delivered",
        "Established",
        "Held",
        "Retrieved",
        "CallInformation",
        "ConnectionCleared",
        "CallCleared",
    ];
    let mut names = kinds(&seen).into_iter();
    for kind in wanted {
        assert!(names.any(|name| name == kind), "no {kind} in its place: {:?}", kinds(&seen));
    }
    let last = seen.last().expect("events");
    assert_eq!((last["calling"].as_str(), last["called"].as_str()), (Some("1001"), Some("1002")));
    assert_eq!(last["data"]["policy"], "P-7");
    let refused = ask(at, ADMIN, "POST", "/v1/devices/1001/conference", Some(json!({})));
    assert_eq!((refused.0, refused.1["code"].as_str()), (409, Some("conflict")), "it has no calls");
    belfry.await_empty();
    belfry.stop();
    // The stream is told that it ends, and where to go on.
    let (kind, end) = events.next().expect("the end is said");
    assert_eq!(kind, "end", "{end}");
    assert!(end["seq"].as_u64() >= last["seq"].as_u64());
}

#[test]
fn who_drops_and_resumes_misses_nothing_over_a_crash_too() {
    let (mut belfry, at) = belfry();
    let live = Live::new();
    let (alice, bob) = (
        scripted::phone(&live, &belfry, "1001", ALICE),
        scripted::phone(&live, &belfry, "1002", BOB),
    );
    let call = |live: &Live| {
        live.with(alice, |phone, now| phone.call(now, "1002"));
        scripted::await_talk(live, [alice, bob]);
        scripted::hang_up(live, [alice, bob]);
    };
    let mut stream = Sse::open(at, READ, "?after=0");
    call(&live);
    let seen = stream.until("CallCleared");
    drop(stream);
    // Each place at which it may have been cut off.
    for cut in 0..seen.len() {
        let after = seen[cut]["seq"].as_u64().expect("a number");
        let mut again = Sse::open(at, READ, &format!("?after={after}"));
        for wanted in &seen[cut + 1..] {
            assert_eq!(
                again.next().map(|(_, event)| event).as_ref(),
                Some(wanted),
                "after {after}"
            );
        }
    }
    let last = seen.last().and_then(|event| event["seq"].as_u64()).expect("a number");
    // A call that nobody watched, and a crash.
    call(&live);
    let all = pages(at, 0, "CallCleared");
    assert_eq!(all[..seen.len()], seen[..], "a page has what the stream had");
    belfry.await_empty();
    std::thread::sleep(Duration::from_millis(500));
    belfry.crash_and_restart();
    let ready = || (ask(at, "", "GET", "/ready", None).0 == 200).then_some(());
    assert!(wait_for(PATIENCE, ready).is_some());
    let after = pages(at, last, "SystemStatus");
    let names = kinds(&after);
    let cleared = names.iter().filter(|name| **name == "CallCleared").count();
    assert_eq!(cleared, 1, "the call that nobody watched is there once: {names:?}");
    let system: Vec<&Value> =
        after.iter().filter(|event| event["event"] == "SystemStatus").collect();
    assert_eq!(system[0]["state"], "initializing", "{system:?}");
    let numbers: Vec<u64> = after.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "each once, in order: {numbers:?}");
    // From the very beginning: from the records what was live before.
    let again = pages(at, 0, "CallCleared");
    assert_eq!(again[..seen.len()], seen[..], "the records tell it as it was told");
    let future = ask(at, READ, "GET", "/v1/events/page?after=999999999", None);
    assert_eq!((future.0, future.1["code"].as_str()), (409, Some("conflict")));
}

#[test]
fn a_web_socket_of_an_agents_page_sees_its_own_alone() {
    let (belfry, at) = belfry();
    let live = Live::new();
    let alice = scripted::phone(&live, &belfry, "1001", ALICE);
    let bob = scripted::phone(&live, &belfry, "1002", BOB);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut socket = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(at).await.expect("it listens");
        let mut request =
            format!("ws://{at}/v1/events/socket").into_client_request().expect("a request");
        // As a browser has to: it sets no header but this.
        let offers = format!("belfry, bearer.{OWN}").parse().expect("a header's value");
        request.headers_mut().insert("sec-websocket-protocol", offers);
        client_async(request, stream).await.expect("a web socket").0
    });
    // A call without the agent, then the agent at Bob's phone and a call to it.
    live.with(alice, |phone, now| phone.call(now, "1002"));
    scripted::await_talk(&live, [alice, bob]);
    scripted::hang_up(&live, [alice, bob]);
    let on = json!({ "state": "logged_on", "device": "1002", "pin": "4711" });
    let (status, agent) = ask(at, OWN, "PUT", "/v1/agents/7001/state", Some(on));
    assert_eq!((status, agent["device"].as_str()), (200, Some("1002")), "{agent}");
    let wrong = json!({ "state": "logged_on", "device": "1002", "pin": "1" });
    assert_eq!(ask(at, OWN, "PUT", "/v1/agents/7001/state", Some(wrong)).0, 403);
    assert_eq!(ask(at, OWN, "GET", "/v1/devices/1001", None).0, 403, "another's phone");
    live.with(alice, |phone, now| phone.call(now, "1002"));
    scripted::await_talk(&live, [alice, bob]);
    scripted::hang_up(&live, [alice, bob]);
    let seen = runtime.block_on(async {
        let mut seen: Vec<Value> = Vec::new();
        while kinds(&seen).last() != Some(&"CallCleared") {
            let frame =
                tokio::time::timeout(PATIENCE, socket.next()).await.expect("it comes in time");
            let text = frame.expect("it comes").expect("a frame").into_text().expect("text");
            seen.push(serde_json::from_str(&text).expect("JSON"));
        }
        seen
    });
    let names = kinds(&seen);
    assert_eq!(names[0], "AgentLoggedOn", "nothing of the call before: {names:?}");
    let popup = seen.iter().find(|event| event["event"] == "Delivered").expect("the pop-up");
    assert_eq!((popup["device"].as_str(), popup["agent"].as_str()), (Some("1002"), Some("7001")));
    assert_eq!((popup["calling"].as_str(), popup["called"].as_str()), (Some("1001"), Some("1002")));
    belfry.await_empty();
    belfry.stop();
}

/// A program with a web hook: refuses the first `refuse` requests, keeps the others.
fn receiver(
    listener: std::net::TcpListener,
    refuse: usize,
) -> std::sync::mpsc::Receiver<(String, Value)> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut nth = 0;
        for stream in listener.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            loop {
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).unwrap_or(0) == 0 {
                        break;
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                        length = value.trim().parse().unwrap_or(0);
                    }
                    if line == "\r\n" {
                        break;
                    }
                    head += &line;
                }
                let mut body = vec![0; length];
                if head.is_empty() || stream.read_exact(&mut body).is_err() {
                    break;
                }
                nth += 1;
                let status = if nth <= refuse { "500 No" } else { "204 Yes" };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.get_mut().write_all(answer.as_bytes());
                if nth > refuse {
                    let event = serde_json::from_slice(&body).expect("JSON");
                    if sender.send((head, event)).is_err() {
                        return;
                    }
                }
            }
        }
    });
    receiver
}

#[test]
fn a_web_hook_gets_each_event_once_in_order_though_it_was_away_and_belfry_was() {
    let own = SocketAddr::from((super::address::fresh(), 9_000));
    let hook = format!(
        "[[webhook]]\nname = \"crm\"\nurl = \"http://{own}/belfry\"\nsecret = \"s3cret\"\n\
         events = [\"ServiceInitiated\", \"Delivered\", \"CallCleared\"]\n"
    );
    let more: &'static str = format!("{MORE}{hook}").leak();
    let mut belfry = Appliance::start(Setup { more, ..Setup::new() });
    let live = Live::new();
    let (alice, bob) = (
        scripted::phone(&live, &belfry, "1001", ALICE),
        scripted::phone(&live, &belfry, "1002", BOB),
    );
    // Nobody is there yet; then the program refuses two times, and takes all.
    live.with(alice, |phone, now| phone.call(now, "1002"));
    scripted::await_talk(&live, [alice, bob]);
    scripted::hang_up(&live, [alice, bob]);
    let inbox = receiver(std::net::TcpListener::bind(own).expect("the port"), 2);
    let take = || inbox.recv_timeout(PATIENCE).expect("an event comes");
    let wanted = ["ServiceInitiated", "Delivered", "CallCleared"];
    let first: Vec<(String, Value)> = (0..3).map(|_| take()).collect();
    for ((head, event), kind) in first.iter().zip(wanted) {
        assert_eq!(event["event"], kind);
        assert!(head.starts_with("POST /belfry HTTP/1.1"), "{head}");
        let head = head.to_lowercase();
        assert!(head.contains(&format!("belfry-delivery: crm-{}", event["seq"])), "{head}");
        assert!(head.contains("belfry-signature: t="), "{head}");
    }
    belfry.await_empty();
    std::thread::sleep(Duration::from_millis(500));
    belfry.crash_and_restart();
    for phone in [alice, bob] {
        live.with(phone, |phone, now| {
            phone.registered = None;
            phone.register(now);
        });
        assert!(live.wait(phone, PATIENCE, |phone| phone.registered == Some(200)));
    }
    live.with(alice, |phone, now| phone.call(now, "1002"));
    scripted::await_talk(&live, [alice, bob]);
    scripted::hang_up(&live, [alice, bob]);
    let second: Vec<Value> = (0..3).map(|_| take().1).collect();
    let kinds: Vec<&Value> = second.iter().map(|event| &event["event"]).collect();
    assert_eq!(kinds, wanted, "none twice, none missing");
    assert!(second[0]["seq"].as_u64() > first[2].1["seq"].as_u64());
    belfry.await_empty();
    belfry.stop();
}

/// A session of CSTA in XML over TCP.
struct Csta {
    stream: TcpStream,
    bytes: Vec<u8>,
    events: Vec<Element>,
    next: u16,
}

impl Csta {
    fn open(at: SocketAddr) -> Csta {
        let stream = TcpStream::connect(at).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        Csta { stream, bytes: Vec::new(), events: Vec::new(), next: 1 }
    }

    fn frame(&mut self) -> Option<(u16, Element)> {
        loop {
            if let Some((frame, length)) = Frame::read(&self.bytes).expect("a frame") {
                let read = (frame.invoke, Element::read(frame.xml).expect("XML"));
                self.bytes.drain(..length);
                return Some(read);
            }
            let mut some = [0; 4_096];
            let read = self.stream.read(&mut some).ok().filter(|read| *read > 0)?;
            self.bytes.extend(&some[..read]);
        }
    }

    /// Asks; events that come before the answer are kept.
    fn ask(&mut self, request: Element) -> Element {
        let invoke = self.next;
        self.next += 1;
        let frame = Frame::bytes(invoke, &request.document("x")).expect("it fits");
        self.stream.write_all(&frame).expect("it reads");
        loop {
            match self.frame().expect("it answers") {
                (own, answer) if own == invoke => return answer,
                (_, event) => self.events.push(event),
            }
        }
    }

    fn until(&mut self, name: &str) -> Vec<String> {
        while !self.events.iter().any(|event| event.name == name) {
            let (invoke, event) =
                self.frame().unwrap_or_else(|| panic!("no {name}: {:?}", self.events));
            assert_eq!(invoke, 9_999);
            self.events.push(event);
        }
        self.events.drain(..).map(|event| event.name).collect()
    }
}

fn begin(token: &str) -> Element {
    let info = Element::new("applicationInfo")
        .text("applicationID", "crm")
        .text("applicationSpecificInfo", token);
    Element::new("StartApplicationSession").with(info)
}

fn of(name: &str, what: &str, call: &str, device: &str) -> Element {
    Element::new(name).with(Element::new(what).text("callID", call).text("deviceID", device))
}

#[test]
fn csta_in_xml_over_tcp_monitors_calls_and_steers_them() {
    let more: &'static str = format!("{MORE}[csta]\nlisten = \"OWN:3721\"\n").leak();
    let belfry = Appliance::start(Setup { more, ..Setup::new() });
    let at = SocketAddr::new(belfry.sip.ip(), 3721);
    let live = Live::new();
    let (alice, bob) = (
        scripted::phone(&live, &belfry, "1001", ALICE),
        scripted::phone(&live, &belfry, "1002", BOB),
    );
    live.with(alice, |phone, _| phone.obeys = true);
    // Without a token there is no session.
    let mut stranger = Csta::open(at);
    assert_eq!(
        stranger.ask(begin("nobody-nobody-nobody")).name,
        "StartApplicationSessionNegResponse"
    );
    assert!(stranger.frame().is_none(), "and the connection is closed");
    let mut nonsense = Csta::open(at);
    nonsense.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it reads");
    assert!(nonsense.frame().is_none());

    let mut crm = Csta::open(at);
    assert_eq!(crm.ask(begin(ADMIN)).name, "StartApplicationSessionPosResponse");
    let object = |device: &str| Element::new("monitorObject").text("deviceObject", device);
    let none = crm.ask(Element::new("MonitorStart").with(object("1999")));
    assert_eq!(
        (none.name.as_str(), none.said("operation")),
        ("CSTAErrorCode", Some("invalidDeviceID"))
    );
    let started = crm.ask(Element::new("MonitorStart").with(object("1002")));
    let monitor = started.said("monitorCrossRefID").expect("a monitor").to_owned();
    let make = Element::new("MakeCall")
        .text("callingDevice", "1001")
        .text("calledDirectoryNumber", "1002");
    let made = crm.ask(make);
    let call = made.said("callID").unwrap_or_else(|| panic!("a call: {made:?}")).to_owned();
    scripted::await_talk(&live, [alice, bob]);
    assert_eq!(crm.ask(of("HoldCall", "callToBeHeld", &call, "1001")).name, "HoldCallResponse");
    crm.until("HeldEvent");
    let shown = crm.ask(Element::new("SnapshotDevice").text("snapshotObject", "1001"));
    assert_eq!(shown.said("localConnectionState"), Some("hold"), "{shown:?}");
    let line = |name: &str| Element::new(name).text("callID", &call).text("deviceID", "1001");
    let both = Element::new("ConferenceCall").with(line("heldCall")).with(line("activeCall"));
    let refused = crm.ask(both);
    assert_eq!(refused.name, "CSTAErrorCode", "it has one call: {refused:?}");
    assert_ne!(refused.said("operation"), Some("serviceNotSupported"), "{refused:?}");
    let back = of("RetrieveCall", "callToBeRetrieved", &call, "1001");
    assert_eq!(crm.ask(back).name, "RetrieveCallResponse");
    crm.until("RetrievedEvent");
    let clear = of("ClearConnection", "connectionToBeCleared", &call, "1001");
    assert_eq!(crm.ask(clear).name, "ClearConnectionResponse");
    let names = crm.until("CallClearedEvent");
    assert!(names.contains(&"ConnectionClearedEvent".to_owned()), "{names:?}");
    let on = Element::new("SetAgentState").text("device", "1002").text("agentID", "7001");
    let on = on.text("requestedAgentState", "loggedOn").text("password", "4711");
    assert_eq!(crm.ask(on).name, "SetAgentStateResponse");
    crm.until("AgentLoggedOnEvent");
    let state = crm.ask(Element::new("GetAgentState").text("device", "1002"));
    assert_eq!(
        (state.said("agentID"), state.said("agentState")),
        (Some("7001"), Some("agentReady"))
    );
    let stop = Element::new("MonitorStop").text("monitorCrossRefID", &monitor);
    assert_eq!(crm.ask(stop.clone()).name, "MonitorStopResponse");
    let refused = |answer: Element, category: &str, value: &str| {
        assert_eq!((&*answer.name, answer.said(category)), ("CSTAErrorCode", Some(value)));
    };
    refused(crm.ask(stop), "operation", "invalidMonitorCrossRefID");
    refused(crm.ask(Element::new("CampOnCall")), "operation", "serviceNotSupported");
    let nobody = Element::new("MakeCall").text("callingDevice", "1999");
    let nobody = nobody.text("calledDirectoryNumber", "1002");
    refused(crm.ask(nobody), "operation", "invalidCallingDeviceID");
    let answer = Element::new("callToBeAnswered").text("deviceID", "1001");
    refused(
        crm.ask(Element::new("AnswerCall").with(answer)),
        "stateIncompatibility",
        "noCallToAnswer",
    );
    let on = Element::new("SetAgentState").text("device", "1002").text("agentID", "7001");
    let on = on.text("requestedAgentState", "loggedOn").text("password", "4712");
    refused(crm.ask(on), "operation", "invalidAgentPassword");
    assert_eq!(
        crm.ask(Element::new("StopApplicationSession")).name,
        "StopApplicationSessionPosResponse"
    );
    assert!(crm.frame().is_none());
    belfry.await_empty();
    belfry.stop();
}
