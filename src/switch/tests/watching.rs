//! Who may watch whom, and what a lamp shows while a phone is called.

use super::*;
use crate::sip::Credentials;
use crate::sip::digest::client::{Challenged, Login};

/// The watcher's address, and that of the watched phone.
const WATCHER: &str = "10.0.0.21:5060";
pub(super) const PHONE: &str = "10.0.0.22:5060";

fn configured() -> Config {
    let phone = |number: u32, group: &str| {
        format!("[[phone]]\nnumber = \"{number}\"\npassword = \"secret\"\ngroups = [\"{group}\"]\n")
    };
    let text = format!(
        "[sip]\nlisten = [\"udp:{BELFRY}\"]\ndomain = \"10.0.0.1\"\n[media]\naddress = \"10.0.0.1\"\n\
         [[gateway]]\nname = \"e1-a\"\naddress = \"udp:{A}\"\nping = \"0 s\"\n{}{}{}",
        phone(1001, "care"),
        phone(1002, "care"),
        phone(1003, "night")
    );
    Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}")).0
}

pub(super) fn rig() -> Rig {
    let toml = "[[route]]\nname = \"phones\"\ncontext = \"agents\"\nwhen = { to = \"1xxx\" }\n\
                steps = [{ dial = { phones = \"${to}\" } }]\n[[route]]\nname = \"in\"\ncontext = \"gateway\"\nwhen = { to = \"1001\" }\n\
                steps = [{ dial = { phones = \"1001\" } }]\n";
    let file = File { path: "plan.toml", text: toml };
    let env = LoadEnv { zone: TimeZone::UTC, ..LoadEnv::default() };
    let plan = Plan::load(&[file], &env).unwrap_or_else(|f| panic!("{f:#?}")).plan;
    let mut rig = Rig::new("");
    rig.input(Input::Reload(Box::new(configured()), Arc::new(plan)));
    rig
}

/// A request of phone `from`, with its password where it is asked for: the final answer.
pub(super) fn request(
    rig: &mut Rig,
    at: &str,
    from: &str,
    line: &str,
    to: &str,
    more: &str,
) -> Message {
    let mut login = Login::new(Credentials {
        user: from.into(),
        password: "secret".into(),
        least: Default::default(),
    });
    let mut credentials = String::new();
    let method = line.split(' ').next().unwrap_or_default().to_owned();
    for _ in 0..2 {
        rig.invites += 1;
        let n = rig.invites;
        let text = format!(
            "{line} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKr{n}\r\n\
             From: <sip:{from}@10.0.0.1>;tag=t{from}\r\nTo: <sip:{to}>\r\nCall-ID: c{from}{method}\r\n\
             CSeq: {n} {method}\r\nMax-Forwards: 70\r\nContact: <sip:{from}@{at}>\r\n\
             {credentials}{more}Content-Length: 0\r\n\r\n"
        );
        let before = rig.sent.len();
        rig.receive(at, &text);
        let sent: Vec<Message> = rig.sent[before..].iter().map(|(_, m)| m.clone()).collect();
        let answer = sent.into_iter().find(|m| m.status().is_some()).expect("an answer");
        let message = Message::parse(text.as_bytes()).expect("a message");
        match login.challenged(&message, &answer, &mut Rng::from_seed(3)) {
            Challenged::Answer { header, value } => {
                let value = String::from_utf8_lossy(&value).into_owned();
                credentials = format!("{}: {value}\r\n", header.as_str());
            }
            _ => return answer,
        }
    }
    panic!("challenged again and again");
}

fn subscribe(rig: &mut Rig, from: &str, to: &str, more: &str) -> Message {
    let line = format!("SUBSCRIBE sip:{to}@10.0.0.1");
    request(rig, WATCHER, from, &line, &format!("{to}@10.0.0.1"), more)
}

/// Bodies of the NOTIFYs that have come since, each of which is answered.
fn told(rig: &mut Rig) -> Vec<String> {
    let notifies: Vec<Message> = rig
        .sent
        .iter()
        .filter(|(at, m)| at == WATCHER && m.is_request() && *m.method() == Method::Notify)
        .map(|(_, m)| m.clone())
        .collect();
    rig.sent.retain(|(at, m)| at != WATCHER || *m.method() != Method::Notify);
    for notify in &notifies {
        rig.answer(WATCHER, notify, 200, "");
    }
    notifies.iter().map(|m| String::from_utf8_lossy(m.body()).into_owned()).collect()
}

#[test]
fn a_lamp_shows_ringing_talking_and_rest() {
    let mut rig = rig();
    let line = "REGISTER sip:10.0.0.1";
    assert_eq!(request(&mut rig, PHONE, "1001", line, "1001@10.0.0.1", "").status(), Some(200));
    assert_eq!(subscribe(&mut rig, "1002", "1001", "Event: dialog\r\n").status(), Some(200));
    let first = told(&mut rig);
    assert_eq!(first.len(), 1);
    assert!(first[0].contains("version=\"0\" state=\"full\" entity=\"sip:1001@10.0.0.1\""));
    assert!(!first[0].contains("<dialog "), "{}", first[0]);
    rig.run(Duration::from_secs(2));
    rig.invite(A, "5@", "1001");
    let invite = rig.invites_to(PHONE)[0].clone();
    let trying = told(&mut rig);
    assert!(trying[0].contains("<state>trying</state>"), "{trying:?}");
    rig.answer(PHONE, &invite, 180, "");
    assert!(told(&mut rig).is_empty(), "once a second");
    rig.run(Duration::from_secs(1));
    let early = told(&mut rig);
    assert!(early[0].contains("<state>early</state>") && early[0].contains("version=\"2\""));
    assert!(early[0].contains("local-tag=\"gw\" remote-tag=\""), "{early:?}");
    assert!(early[0].contains("<identity>sip:5@10.0.0.1</identity>"), "{early:?}");
    rig.accept(PHONE, &invite);
    rig.run(Duration::from_secs(1));
    let talks = told(&mut rig);
    assert!(talks[0].contains("<state>confirmed</state>"), "{talks:?}");
    rig.input(Input::EndCalls);
    rig.run(Duration::from_secs(1));
    let rest = told(&mut rig);
    assert!(!rest[0].contains("<dialog "), "{rest:?}");
}

#[test]
fn each_package_has_its_rule() {
    let mut rig = rig();
    for (from, to, more, status) in [
        ("1002", "1001", "Event: presence\r\n", 200),
        ("1002", "1002", "Event: message-summary\r\nAccept: application/*\r\n", 200),
        ("1002", "1002", "Event: reg\r\n", 200),
        ("1003", "1001", "Event: dialog\r\n", 403),
        ("1002", "1001", "Event: reg\r\n", 403),
        ("1002", "1001", "Event: message-summary\r\n", 403),
        ("1002", "4711", "Event: dialog\r\n", 404),
        ("1002", "1001", "Event: dialog\r\nAccept: text/plain\r\n", 406),
        ("1002", "1001", "Event: dialog\r\nExpires: 5\r\n", 423),
        ("1002", "1001", "Event: weather\r\n", 489),
        ("1002", "1001", "", 489),
    ] {
        let answer = subscribe(&mut rig, from, to, more);
        assert_eq!(answer.status(), Some(status), "{from} {to} {more}");
        if status == 489 {
            let known = answer.header(Name::AllowEvents);
            assert_eq!(known, Some(&b"dialog"[..]), "the first of them");
        }
    }
    let bodies = told(&mut rig).concat();
    for part in ["<basic>closed</basic>", "Messages-Waiting: no", "state=\"terminated\""] {
        assert!(bodies.contains(part), "{part}: {bodies}");
    }
}

#[test]
fn whoever_loses_the_right_to_watch_is_told() {
    let mut rig = rig();
    assert_eq!(subscribe(&mut rig, "1002", "1001", "Event: dialog\r\n").status(), Some(200));
    told(&mut rig);
    rig.run(Duration::from_secs(1));
    let mut config = configured();
    config.phones[1].groups = None;
    rig.input(Input::Reload(Box::new(config), plan(TimeZone::UTC)));
    let last = rig.sent.iter().rev().find(|(at, _)| at == WATCHER).expect("a NOTIFY");
    let state = last.1.header(Name::SubscriptionState);
    assert_eq!(state, Some(&b"terminated;reason=rejected"[..]));
    assert_eq!(rig.switch.watching.len(), 0);
}

#[test]
fn watchers_are_bounded_and_leave_nothing() {
    let mut rig = rig();
    let mut refused = 0;
    for _ in 0..310 {
        let answer = subscribe(&mut rig, "1002", "1001", "Event: dialog\r\nExpires: 60\r\n");
        refused += u32::from(answer.status() == Some(503));
        // No faster than one source may ask.
        rig.run(Duration::from_millis(40));
    }
    assert_eq!((refused, rig.switch.watching.len()), (10, 300));
    // Nobody answers the NOTIFYs: all are forgotten.
    rig.run(Duration::from_secs(120));
    assert_eq!(rig.switch.watching.len(), 0);
    assert_eq!(rig.switch.in_being(), (0, 0, 0));
}
