//! Safety bells on real sockets (R10): by caller ID of a SIPp terminal, by SCAIP and NOW-IP, by BS 8521-1 and Contact ID
//! with their keys as tones in real audio; the case, the pop-up on a WebSocket with all that is known of the home, speech
//! both ways, commands to the unit, the recording and the events on the case's record, the close. And `kill -9` between
//! alarm and answer.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belfry::base;
use belfry::dsp::level::dominant_tone;
use belfry::sim::live::{Live, Which};
use belfry::sim::phone::{Manner, Setup as Phone, State};
use belfry::sim::unit::{keys, soundings};
use belfry::wire::telecare::contact_id::checksum;
use belfry::wire::telecare::{now_ip, scaip};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::appliance::{Appliance, Setup};
use super::audio::{assert_heard, assert_unheard, read_wav};
use super::gateway_in::{BYE_COMES, Incoming};
use super::process::{PATIENCE, wait_for};
use super::scripted::{self, await_state, await_talk, caller, phone};
use super::tones::{ALICE, CALLER};
use super::{api, speech};

const BOSS: &str = "boss-boss-boss-boss";
const READ: &str = "read-read-read-read";
/// What all of them have; a test puts `[receiver]` behind it.
macro_rules! more {
    ($receiver:literal) => {
        concat!(
            "\n[care]\nnumber = \"900\"\nbells = [\"95081\"]\nspeech_within = \"5 s\"\n\
             [http]\nlisten = \"OWN:8080\"\n\
             [[token]]\nname = \"wall\"\ntoken = \"read-read-read-read\"\nroles = [\"read\"]\n\
             [[token]]\nname = \"boss\"\ntoken = \"boss-boss-boss-boss\"\nroles = [\"supervisor\"]\n",
            $receiver
        )
    };
}

const HOME: &str = "076088881234";
/// What R10 has on the agent's screen.
const KNOWN: [(&str, &str); 8] = [
    ("name", "Wang Xiuying"),
    ("address", "Nanjing Rd 1, 3-201"),
    ("account", "4715"),
    ("contacts", "Li Wei/13900139000/daughter"),
    ("medical", "heart"),
    ("flag", "vip"),
    ("files", "plan-3-201.png"),
    ("location", "31.2304,121.4737"),
];

struct Line {
    belfry: Appliance,
    live: Live,
    agent: Which,
    /// What has come on the WebSocket of the agent's page.
    page: Arc<Mutex<Vec<Value>>>,
}

impl Line {
    /// An appliance with a subscriber whose unit calls itself 4715, and an agent at phone 1001 with a page.
    fn new(more: &'static str) -> Line {
        let belfry = Appliance::start(Setup { more, ..Setup::new() });
        let fields = KNOWN.map(|(name, text)| format!("{name}={text}"));
        let numbers = "further_numbers=13800138000 1003".to_owned();
        belfry_says(&belfry, &["subscriber", "add", HOME], fields.into_iter().chain([numbers]));
        let live = Live::new();
        let agent = phone(&live, &belfry, "1001", ALICE);
        let page = page(SocketAddr::new(belfry.sip.ip(), 8080));
        Line { belfry, live, agent, page }
    }

    fn api(&self) -> SocketAddr {
        SocketAddr::new(self.belfry.sip.ip(), 8080)
    }

    fn get(&self, token: &str, path: &str) -> Value {
        let (status, answer) = api::ask(self.api(), token, "GET", path, None);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// The first event on the page that is so.
    fn event(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let found = wait_for(PATIENCE, || {
            let seen = self.page.lock().expect("no holder panics");
            seen.iter().find(|event| event["event"] == what && is(event)).cloned()
        });
        found.unwrap_or_else(|| panic!("no event {what}: {:?}", self.page))
    }

    fn cases(&self) -> Vec<Value> {
        self.get(READ, "/v1/cases")["cases"].as_array().cloned().expect("a list")
    }

    /// The unit waits until it has heard a sounding of these frequencies that is so long.
    fn hears(&self, unit: Which, hz: &[f64], ms: std::ops::Range<u32>) {
        let heard = wait_for(PATIENCE, || {
            let heard = self.live.with(unit, |phone, _| soundings(phone.ear.samples(), hz));
            heard.iter().any(|(long, _)| ms.contains(long)).then_some(())
        });
        assert!(heard.is_some(), "{hz:?} of {ms:?} ms was not heard");
    }

    /// The unit says keys, as tones.
    fn says(&self, unit: Which, text: &str) {
        let samples = keys(text, 50, 50);
        self.live.with(unit, |phone, _| phone.say(&samples));
    }

    /// Its alarm has opened a case, and the page of the agent whose phone rings knows which: with it comes all that is known
    /// of the home, to whom it may be told.
    fn pops_up(&self, protocol: &str) -> u64 {
        let opened = self.event("CaseOpened", |_| true);
        assert_eq!(opened["data"]["protocol"], protocol, "{opened}");
        assert_eq!(opened["data"]["meaning"], "alarm", "{opened}");
        let case = opened["case"].as_u64().expect("a case");
        let own = |event: &Value| event["device"] == "1001";
        let rings = self.event("Delivered", own);
        assert_eq!(rings["data"]["case"], case.to_string(), "{rings}");
        let path = format!("/v1/cases/{case}");
        let view = self.get(BOSS, &path);
        let known = view["subscriber"].as_array().expect("pairs");
        for (name, text) in KNOWN.into_iter().chain([("number", HOME)]) {
            assert!(known.contains(&json!([name, text])), "{name} in {view}");
        }
        assert_eq!(view["row"]["name"], "Wang Xiuying");
        let less = self.get(READ, &path).to_string();
        assert!(!less.contains("heart") && less.contains("Nanjing"), "who only looks on: {less}");
        case
    }

    fn order(&self, token: &str, case: u64, order: Value) -> (u16, String) {
        let path = format!("/v1/cases/{case}/unit");
        let (status, said) = api::ask(self.api(), token, "POST", &path, Some(order));
        (status, said.to_string())
    }

    /// `POST /v1/cases/{case}/unit`: whoever supervises may, a door wants a second word, and the unit hears `keys`.
    fn is_steered(&self, unit: Which, case: u64, keys: &str) {
        let (status, said) = self.order(READ, case, json!({ "order": "listen" }));
        assert_eq!(status, 403, "who only reads: {said}");
        let (status, said) = self.order(BOSS, case, json!({ "order": "dance" }));
        assert_eq!(status, 422, "{said}");
        let (status, said) = self.order(BOSS, case, json!({ "order": "door" }));
        assert_eq!(status, 409, "a door wants a second word: {said}");
        let confirmed = json!({ "order": "door", "confirm": true });
        for order in [json!({ "order": "listen" }), confirmed, json!({ "order": "duplex" })] {
            let (status, said) = self.order(BOSS, case, order);
            assert_eq!(status, 202, "{said}");
        }
        let digits = || self.live.with(unit, |phone, _| phone.ear.digits.clone());
        let heard = wait_for(PATIENCE, || digits().ends_with(keys).then_some(()));
        assert!(heard.is_some(), "{keys} of {}", digits());
    }

    /// Home and agent hear each other, the unit is steered where it can be, and all of it is on the case's record.
    fn talks_and_is_closed(self, unit: Which, protocol: &str, keys: Option<&str>) {
        await_talk(&self.live, [unit, self.agent]);
        let case = self.pops_up(protocol);
        match keys {
            Some(keys) => self.is_steered(unit, case, keys),
            None => assert_eq!(self.order(BOSS, case, json!({ "order": "talk" })).0, 409),
        }
        scripted::listen(&self.live, &[unit, self.agent], Duration::from_millis(1_300));
        for (who, other) in [(self.agent, CALLER), (unit, ALICE)] {
            let heard = self.live.with(who, |phone, _| {
                let all = phone.ear.samples();
                dominant_tone(&all[all.len().saturating_sub(3_200)..], &[CALLER, ALICE])
            });
            assert_eq!(heard.map(|tone| tone.hz), Some(other), "they hear each other");
        }
        scripted::hang_up(&self.live, [unit, self.agent]);
        self.closed_and_on_record(case, protocol, keys.is_some());
    }

    /// The line ended well; a person closes the case; its record has the reports, the talk with its recording in two
    /// channels, what the unit was told and by whom, and the outcome.
    fn closed_and_on_record(self, case: u64, protocol: &str, steered: bool) {
        let line = wait_for(PATIENCE, || (self.cases()[0]["line"] == "normal").then_some(()));
        assert!(line.is_some(), "{:?}", self.cases());
        let close = Some(json!({ "outcome": "pressed by mistake" }));
        let path = format!("/v1/cases/{case}/close");
        let (status, done) = api::ask(self.api(), BOSS, "POST", &path, close);
        assert_eq!(status, 200, "{done}");
        let closed = self.event("CaseClosed", |event| event["case"] == case);
        assert_eq!(closed["data"]["by"], "boss", "{closed}");
        assert_eq!(self.cases().len(), 0);
        let path = format!("/v1/case-records/{case}");
        let whole = wait_for(PATIENCE, || {
            let record = self.get(BOSS, &path);
            let recording = &record["calls"][0]["recordings"][0];
            (record["case"]["closed"].is_i64() && recording["samples"].is_i64()).then_some(record)
        });
        let record = whole.unwrap_or_else(|| panic!("{}", self.get(BOSS, &path)));
        let of = &record["case"];
        let ended = [&of["outcome"], &of["closed_by"], &of["name"], &of["account"]];
        assert_eq!(ended, ["pressed by mistake", "boss", "Wang Xiuying", HOME]);
        assert!(of["talked"].is_i64(), "{of}");
        assert_eq!(record["reports"][0]["protocol"], protocol, "{record}");
        let recording = &record["calls"][0]["recordings"][0];
        let sound = recording["path"].as_str().expect("a path");
        let channels = read_wav(&self.belfry.recording(sound));
        for (samples, own, other) in [(&channels[0], CALLER, ALICE), (&channels[1], ALICE, CALLER)]
        {
            assert_heard(samples, own, Duration::from_millis(500), "in its channel");
            assert_unheard(samples, other, "in the other's channel");
        }
        let listed = self.get(BOSS, &format!("/v1/case-records?account={HOME}&open=false"));
        assert_eq!(listed[0], record["case"], "{listed}");
        assert_eq!(api::ask(self.api(), READ, "GET", &path, None).0, 403);
        let told = belfry_says(&self.belfry, &["report", "case", "--name", &case.to_string()], []);
        let mut wanted =
            vec!["(Wang Xiuying)", "1001 answers", sound, "closed by boss: pressed by mistake"];
        if steered {
            wanted.extend(["the unit is told listen, by boss", "the unit is told door, by boss"]);
        }
        for part in wanted {
            assert!(told.contains(part), "{part} in {told}");
        }
        self.belfry.stop();
    }
}

/// A command on the appliance's configuration; what it prints.
fn belfry_says(
    belfry: &Appliance,
    words: &[&str],
    more: impl IntoIterator<Item = String>,
) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
    command.args(words).args(more).arg("-c").arg(belfry.beside("belfry.toml"));
    let output = command.output().expect("belfry runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    told
}

/// An agent's page: a WebSocket as a browser opens it, and what comes on it.
fn page(at: SocketAddr) -> Arc<Mutex<Vec<Value>>> {
    let seen = Arc::<Mutex<Vec<Value>>>::default();
    let (book, (open, opened)) = (seen.clone(), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let stream = tokio::net::TcpStream::connect(at).await.expect("it listens");
            let mut request =
                format!("ws://{at}/v1/events/socket").into_client_request().expect("a request");
            let offers = format!("belfry, bearer.{BOSS}").parse().expect("a header's value");
            request.headers_mut().insert("sec-websocket-protocol", offers);
            let mut socket = client_async(request, stream).await.expect("a web socket").0;
            open.send(()).expect("somebody waits");
            while let Some(Ok(frame)) = socket.next().await {
                let text = frame.into_text().unwrap_or_default();
                if let Ok(event) = serde_json::from_str(&text) {
                    book.lock().expect("no holder panics").push(event);
                }
            }
        });
    });
    opened.recv_timeout(PATIENCE).expect("the page is open");
    seen
}

/// The subscriber's own number calls from a SIPp terminal, and says no more.
#[test]
fn a_bell_is_known_by_its_number() {
    let line = Line::new(more!(""));
    let unit = speech::Line::of_gateway(&line.belfry);
    let own = Incoming { line: Some(&unit), ..Incoming::new("95081", BYE_COMES) };
    let sipp = own.start(&line.belfry);
    await_state(&line.live, line.agent, "talk", |state| state == State::Talking);
    let case = line.pops_up("voice");
    unit.hears(ALICE, Duration::from_millis(700), 0);
    let heard = || line.live.with(line.agent, |phone, _| phone.ear.samples().to_vec());
    super::audio::await_tone(heard, CALLER, Duration::from_millis(700), 0);
    line.live.with(line.agent, |phone, now| phone.hang_up(now));
    sipp.finish();
    line.closed_and_on_record(case, "voice", false);
}

/// SCAIP by MESSAGE of a phone, and the speech call that follows.
#[test]
fn a_unit_reports_by_scaip() {
    let line = Line::new(more!(""));
    let unit = phone(&line.live, &line.belfry, "1003", CALLER);
    let report = "<mrq><ref>a1</ref><cid>4715</cid><dty>0005</dty><stc>9</stc></mrq>";
    line.live.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, report));
    let told = line.live.wait(unit, base::Duration::from_secs(10), |phone| {
        phone.messages.iter().any(|(_, text)| text.contains("<mre>1</mre>"))
    });
    assert!(told, "it is told whom to call");
    line.live.with(unit, |phone, now| phone.call(now, "900"));
    line.talks_and_is_closed(unit, "scaip", Some("794"));
}

/// NOW-IP by MESSAGE of a phone, which is told so by type A, and the speech call that follows.
#[test]
fn a_unit_reports_by_now_ip() {
    let line = Line::new(more!(""));
    let unit = phone(&line.live, &line.belfry, "1003", CALLER);
    let digits = "020100004715000102107540";
    let report = format!(
        "<ATM><version>1.5</version><type>1</type><data>{digits}</data><time>10:11:12</time><mac>0011AA</mac></ATM>"
    );
    line.live.with(unit, |phone, now| phone.write_as(now, "900", now_ip::TYPE, &report));
    let told = line.live.wait(unit, base::Duration::from_secs(10), |phone| {
        phone.messages.iter().any(|(_, text)| text.contains("<type>A</type>"))
    });
    assert!(told, "it is told that its alarm is known");
    line.live.with(unit, |phone, now| phone.call(now, "900"));
    line.talks_and_is_closed(unit, "now_ip", Some("8A20001#A38#"));
}

/// BS 8521-1: asked by key B, its digits as tones of 50 ms in A-law audio.
#[test]
fn a_unit_reports_by_bs_8521() {
    let line = Line::new(more!("[receiver]\ncalls = \"bs8521\"\n"));
    let unit = caller(&line.live, &line.belfry, CALLER);
    line.live.with(unit, |phone, now| phone.call(now, "95081"));
    let asked = line.live.wait(unit, base::Duration::from_secs(10), |p| p.ear.digits == "B");
    assert!(asked, "it is asked by key B");
    // The request is 600 ms long; the unit waits for its end.
    std::thread::sleep(Duration::from_millis(700));
    line.says(unit, "A02010000471500010190740042#");
    let told = line.live.wait(unit, base::Duration::from_secs(10), |p| p.ear.digits == "BB");
    assert!(told, "it is acknowledged");
    line.talks_and_is_closed(unit, "bs8521", Some("8A20001#A38#"));
}

/// Contact ID: handshake and kiss-off heard in the audio, the event said as tones.
#[test]
fn a_panel_reports_by_contact_id() {
    let line = Line::new(more!("[receiver]\ncalls = \"contact_id\"\n"));
    let unit = caller(&line.live, &line.belfry, CALLER);
    line.live.with(unit, |phone, now| phone.call(now, "95081"));
    line.hears(unit, &[2_300.0], 80..130);
    std::thread::sleep(Duration::from_millis(280));
    let event = "471518110101015";
    line.says(unit, &format!("{event}{}", checksum(event).expect("keys")));
    line.hears(unit, &[1_400.0], 700..1_000);
    line.talks_and_is_closed(unit, "contact_id", None);
}

/// The power goes when the panel has its kiss-off and nobody has answered: the alarm is there after the start, and
/// the unit is called.
#[test]
fn kill_9_between_alarm_and_answer() {
    let mut line = Line::new(more!(
        "[receiver]\ncalls = \"contact_id\"\nsettle = \"500 ms\"\ncontact_id_answer = \"500 ms\"\n"
    ));
    line.live.with(line.agent, |phone, _| phone.behave(Manner::Ring));
    let gateway = line.belfry.setup.gateway;
    let own = scripted::setup(&line.belfry, gateway.ip(), "13800138000", None, CALLER);
    let own = Phone { sip: gateway, ..own };
    let unit = line.live.add(own, base::Rng::from_seed(4711)).expect("the gateway's address");
    line.live.with(unit, |phone, now| phone.call(now, "95081"));
    line.hears(unit, &[2_300.0], 80..130);
    std::thread::sleep(Duration::from_millis(280));
    let event = "471518110101015";
    line.says(unit, &format!("{event}{}", checksum(event).expect("keys")));
    line.hears(unit, &[1_400.0], 700..1_000);
    line.belfry.crash_and_restart();
    let there = wait_for(PATIENCE, || {
        let shown = line.belfry.console("show cases");
        let cases = shown["cases"].as_array().cloned().unwrap_or_default();
        cases.into_iter().find(|case| case["name"] == "Wang Xiuying")
    });
    assert_eq!(there.expect("the alarm is there")["need"], "personal");
    // The unit hangs up, as it hears nothing any more; it is called, and talks with the agent.
    line.live.with(line.agent, |phone, _| phone.behave(Manner::AnswerAfter(base::Duration::ZERO)));
    line.live.with(unit, |phone, now| phone.hang_up(now));
    await_state(&line.live, unit, "be called", |state| state == State::Talking);
    await_state(&line.live, line.agent, "talk", |state| state == State::Talking);
    line.belfry.stop();
}

/// A start with the database away: whose the bell is, and who is to be called, is known by the copy; when the database is back,
/// its records hold, and the case is in them.
#[test]
fn a_start_with_the_database_away_knows_the_homes() {
    let mut line = Line::new(more!(""));
    let copy = line.belfry.beside("data/subscribers.copy");
    let there = wait_for(PATIENCE, || {
        std::fs::read_to_string(&copy).ok().filter(|text| text.contains(HOME)).map(drop)
    });
    assert!(there.is_some(), "the copy follows the records");
    let (database, aside) = (line.belfry.beside("data/belfry.db"), line.belfry.beside("aside"));
    let files = ["belfry.db", "belfry.db-wal", "belfry.db-shm"];
    let data = line.belfry.beside("data");
    line.belfry.restart_after(|| {
        std::fs::create_dir(&aside).expect("a directory");
        for name in files {
            let _ = std::fs::rename(data.join(name), aside.join(name));
        }
        std::fs::create_dir(&database).expect("a directory in its place");
    });
    let known = wait_for(PATIENCE, || {
        line.belfry.log().contains("subscribers are known by the copy").then_some(())
    });
    assert!(known.is_some(), "the copy is taken");
    let unit = caller(&line.live, &line.belfry, CALLER);
    line.live.with(unit, |phone, now| phone.call(now, "95081"));
    let case = wait_for(PATIENCE, || {
        let shown = line.belfry.console("show cases");
        let case = shown["cases"][0].clone();
        (case["name"] == "Wang Xiuying").then_some(case)
    });
    let case = case.unwrap_or_else(|| panic!("{}", line.belfry.console("show cases")));
    assert_eq!((&case["account"], &case["flag"]), (&json!(HOME), &json!("vip")));
    let (status, shown) = api::ask(line.api(), READ, "GET", "/v1/cases", None);
    assert_eq!((status, &shown["records_away"]), (200, &json!(true)), "others may be open");
    assert_eq!(shown["cases"][0]["case"], case["case"]);
    line.live.with(unit, |phone, now| phone.hang_up(now));
    std::fs::remove_dir(&database).expect("it goes");
    for name in files {
        let _ = std::fs::rename(aside.join(name), data.join(name));
    }
    let back = wait_for(PATIENCE, || {
        let (_, shown) = api::ask(line.api(), READ, "GET", "/v1/cases", None);
        let known = shown["records_away"] == false;
        (known && shown["cases"][0]["case"] == case["case"]).then_some(())
    });
    assert!(back.is_some(), "{}", line.belfry.console("show cases"));
    line.belfry.stop();
}
