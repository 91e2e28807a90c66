//! Safety bells on real sockets (R10): by caller ID, by SCAIP, by BS 8521-1 and Contact ID with their keys as tones in
//! real audio; the case, the event on the API, speech, the close. And `kill -9` between alarm and answer.

use std::net::SocketAddr;
use std::time::Duration;

use belfry::base;
use belfry::dsp::level::dominant_tone;
use belfry::sim::live::{Live, Which};
use belfry::sim::phone::{Manner, Setup as Phone, State};
use belfry::sim::unit::{keys, soundings};
use belfry::wire::telecare::contact_id::checksum;
use belfry::wire::telecare::scaip;
use serde_json::{Value, json};

use super::api;
use super::appliance::{Appliance, Setup};
use super::process::{PATIENCE, wait_for};
use super::scripted::{self, await_state, await_talk, caller, phone};
use super::tones::{ALICE, CALLER};

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

struct Line {
    belfry: Appliance,
    live: Live,
    agent: Which,
}

impl Line {
    /// An appliance with a subscriber whose unit calls itself 4715, and an agent at phone 1001.
    fn new(more: &'static str) -> Line {
        let belfry = Appliance::start(Setup { more, ..Setup::new() });
        belfry.console("subscriber add 076088881234 Wang Xiuying");
        belfry.console("subscriber set 076088881234 account 4715");
        belfry.console("subscriber set 076088881234 medical heart");
        let live = Live::new();
        let agent = phone(&live, &belfry, "1001", ALICE);
        Line { belfry, live, agent }
    }

    fn api(&self) -> SocketAddr {
        SocketAddr::new(self.belfry.sip.ip(), 8080)
    }

    /// The first event of a kind.
    fn event(&self, kind: &str) -> Value {
        let found = wait_for(PATIENCE, || {
            let (_, page) = api::ask(
                self.api(),
                READ,
                "GET",
                &format!("/v1/events/page?after=0&kind={kind}"),
                None,
            );
            let events = page["events"].as_array().cloned().unwrap_or_default();
            events.into_iter().find(|event| event["event"] == kind)
        });
        found.unwrap_or_else(|| panic!("no event {kind}"))
    }

    fn cases(&self) -> Vec<Value> {
        let (status, cases) = api::ask(self.api(), READ, "GET", "/v1/cases", None);
        assert_eq!(status, 200, "{cases}");
        cases.as_array().cloned().expect("a list")
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

    /// Its alarm is there, its event, and all that is known of the home; the two hear each other; it is closed.
    fn talks_and_is_closed(self, unit: Which, protocol: &str) {
        await_talk(&self.live, [unit, self.agent]);
        let opened = self.event("CaseOpened");
        assert_eq!(opened["data"]["protocol"], protocol, "{opened}");
        assert_eq!(opened["data"]["meaning"], "alarm", "{opened}");
        let case = opened["case"].as_u64().expect("a case");
        let seen = |token| {
            let path = format!("/v1/cases/{case}");
            let (status, view) = api::ask(self.api(), token, "GET", &path, None);
            assert_eq!((status, &view["row"]["name"]), (200, &json!("Wang Xiuying")), "{view}");
            view["subscriber"].to_string()
        };
        assert!(seen("boss-boss-boss-boss").contains("heart"), "who works on cases sees all");
        assert!(!seen(READ).contains("heart"), "a program that only looks does not");
        std::thread::sleep(Duration::from_millis(700));
        for (who, other) in [(self.agent, CALLER), (unit, ALICE)] {
            let heard = self.live.with(who, |phone, _| {
                let all = phone.ear.samples();
                dominant_tone(&all[all.len().saturating_sub(3_200)..], &[CALLER, ALICE])
            });
            assert_eq!(heard.map(|tone| tone.hz), Some(other), "they hear each other");
        }
        scripted::hang_up(&self.live, [unit, self.agent]);
        let line = wait_for(PATIENCE, || (self.cases()[0]["line"] == "normal").then_some(()));
        assert!(line.is_some(), "{:?}", self.cases());
        let close = Some(json!({ "outcome": "pressed by mistake" }));
        let path = format!("/v1/cases/{case}/close");
        let (status, done) = api::ask(self.api(), "boss-boss-boss-boss", "POST", &path, close);
        assert_eq!(status, 200, "{done}");
        let closed = self.event("CaseClosed");
        assert_eq!((&closed["case"], &closed["data"]["by"]), (&json!(case), &json!("boss")));
        assert_eq!(self.cases().len(), 0);
        self.belfry.stop();
    }
}

/// The subscriber's own number calls, and says no more.
#[test]
fn a_bell_is_known_by_its_number() {
    let line = Line::new(more!(""));
    line.belfry.console("subscriber set 076088881234 further_numbers 13800138000");
    let unit = caller(&line.live, &line.belfry, CALLER);
    line.live.with(unit, |phone, now| phone.call(now, "95081"));
    line.talks_and_is_closed(unit, "voice");
}

/// SCAIP by MESSAGE of a phone, and the speech call that follows.
#[test]
fn a_unit_reports_by_scaip() {
    let line = Line::new(more!(""));
    line.belfry.console("subscriber set 076088881234 further_numbers 1003");
    let unit = phone(&line.live, &line.belfry, "1003", CALLER);
    let report = "<mrq><ref>a1</ref><cid>4715</cid><dty>0005</dty><stc>9</stc></mrq>";
    line.live.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, report));
    let told = line.live.wait(unit, base::Duration::from_secs(10), |phone| {
        phone.messages.iter().any(|(_, text)| text.contains("<mre>1</mre>"))
    });
    assert!(told, "it is told whom to call");
    line.live.with(unit, |phone, now| phone.call(now, "900"));
    line.talks_and_is_closed(unit, "scaip");
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
    line.talks_and_is_closed(unit, "bs8521");
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
    line.talks_and_is_closed(unit, "contact_id");
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
