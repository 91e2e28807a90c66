//! A response plan on real sockets (R4, R15): a bell is pressed, three contacts and a hospital are called, a contact and the
//! hospital take it on by a key, all who are there hear each other, one leaves and the others go on; the
//! subscriber's sheet is at a mail server and a printer (IPP) of the test's own, and all of it on the case's record.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belfry::sim::live::{Live, Which};
use belfry::sim::phone::{Manner, State};
use serde_json::{Value, json};

use super::appliance::{Appliance, Setup};
use super::audio::{AUDIBLE_DBM0, assert_unheard, trace};
use super::process::{PATIENCE, wait_for};
use super::scripted::{self, await_state, caller, phone};
use super::tones::{ALICE, BOB, CALLER, CAROL, STRANGER};
use super::{address, api};

const BOSS: &str = "boss-boss-boss-boss";
const PLAN: &str = "[[route]]\nname = \"pressed\"\ncontext = \"gateway\"\nwhen = { to = \"95100\" }\n\
    steps = [{ queue = \"care\" }]\n\
    [[route]]\nname = \"plan\"\ncontext = \"care-plan\"\n\
    steps = [{ collect = { into = \"key\", prompt = \"survey/question\", max = 1, tries = 1, timeout = 8 } }, \
    { if = { when = { var = { key = \"1\" } }, then = [{ accept = {} }, { conference = \"${case_room}\" }] } }]\n";

/// Nobody of the centre is there; a printer and a mail server are.
fn more(printer: SocketAddr, mail: SocketAddr) -> &'static str {
    let text = format!(
        "\n[care]\nbells = [\"95100\"]\n[http]\nlisten = \"OWN:8080\"\n\
         [[token]]\nname = \"boss\"\ntoken = \"{BOSS}\"\nroles = [\"supervisor\"]\n\
         [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n\
         [[queue]]\nname = \"care\"\njoin = \"nobody\"\nstay = \"nobody\"\n\
         [mail]\nserver = \"{mail}\"\nfrom = \"belfry@care.example\"\ntls = \"off\"\n\
         [[resource]]\nname = \"ward\"\nkind = \"hospital\"\nnumber = \"1004\"\nregions = [\"south\"]\n\
         mail = [\"ward@care.example\"]\nprinter = \"ipp://{printer}/ipp/print\"\n\
         [[plan]]\nname = \"bell\"\nstart = \"alarm\"\n\
         [[plan_step]]\nplan = \"bell\"\nname = \"contacts\"\ncall = [\"contacts\"]\nat_once = 3\nnext = \"hospital\"\n\
         [[plan_step]]\nplan = \"bell\"\nname = \"hospital\"\ncall = [\"kind:hospital\"]\nsend = [\"kind:hospital\"]\n"
    );
    text.leak()
}

/// Listens, and has each connection answered by `answer`, which writes down what it hears.
fn server(answer: fn(TcpStream, &Mutex<Vec<u8>>)) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind((address::fresh(), 0)).expect("a port of our own address");
    let at = listener.local_addr().expect("it is bound");
    let heard = Arc::<Mutex<Vec<u8>>>::default();
    let book = heard.clone();
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|stream| answer(stream, &book))
    });
    (at, heard)
}

/// A mail server that takes every letter (RFC 5321).
fn takes_letters(stream: TcpStream, book: &Mutex<Vec<u8>>) {
    let mut stream = BufReader::new(stream);
    let _ = stream.get_mut().write_all(b"220 mail.example\r\n");
    let (mut line, mut letter) = (String::new(), false);
    while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
        book.lock().expect("no holder panics").extend(line.as_bytes());
        let said = std::mem::take(&mut line);
        let answer = match said.trim_end() {
            "." => "250 taken",
            _ if letter => continue,
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 well",
        };
        letter = answer.starts_with("354");
        let _ = stream.get_mut().write_all(format!("{answer}\r\n").as_bytes());
    }
}

/// A printer that takes every job (RFC 8010): version 1.1, successful-ok, request 1, no attributes.
fn prints(stream: TcpStream, book: &Mutex<Vec<u8>>) {
    let mut stream = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
        head += &line.to_ascii_lowercase();
        line.clear();
    }
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let Some(length) = length.and_then(|length| length.parse().ok()) else { return };
    let mut body = vec![0; length];
    if stream.read_exact(&mut body).is_ok() {
        let mut book = book.lock().expect("no holder panics");
        book.extend(head.as_bytes());
        book.extend(body);
    }
    let answer =
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x01\x01\x00\x00\x00\x00\x00\x01\x03";
    let _ = stream.get_mut().write_all(answer);
}

fn has(heard: &Mutex<Vec<u8>>, part: &str) -> bool {
    let heard = heard.lock().expect("no holder panics");
    heard.windows(part.len()).any(|own| own == part.as_bytes())
}

/// Who is called answers, hears what it is about, and takes it on by key 1.
fn takes_on(live: &Live, which: Which) {
    await_state(live, which, "talk", |state| state == State::Talking);
    assert!(live.wait(which, scripted::PATIENCE, |phone| phone.ear.packets > 10), "it is heard");
    live.with(which, |phone, now| phone.press_at(now, '1'));
}

/// For a second and a half each of these hears the tones of the others, and of nobody else.
fn hear_each_other(live: &Live, all: &[(Which, f64)], gone: &[f64]) {
    let phones: Vec<Which> = all.iter().map(|(which, _)| *which).collect();
    scripted::listen(live, &phones, Duration::from_millis(1_500));
    for (which, own) in all {
        let samples = scripted::heard(live, *which);
        for (_, hz) in all.iter().filter(|(other, _)| other != which) {
            let level = trace(&samples, *hz);
            assert!(level > AUDIBLE_DBM0 + 12.0, "{hz} Hz at {level:.0} dBm0 by {own}");
        }
        for hz in gone {
            assert_unheard(&samples, *hz, &format!("by {own}"));
        }
    }
}

#[test]
fn three_contacts_and_a_hospital_are_called_and_who_helps_comes_together() {
    let ((printer, printed), (mail, letters)) = (server(prints), server(takes_letters));
    let mut setup = Setup { more: more(printer, mail), plan: PLAN.into(), ..Setup::new() };
    setup.phones.push("1004".into());
    let belfry = Appliance::start(setup);
    let at = SocketAddr::new(belfry.sip.ip(), 8080);
    let home = json!({
        "name": "王秀英", "region": "south", "further_numbers": "13800138000", "medical": "心脏病",
        "contacts": "Li/1001/son; Zhao/1002/daughter; Sun/1003/neighbour",
    });
    let own = "/v1/subscribers/076088881234";
    let (status, done) = api::ask(at, BOSS, "PUT", own, Some(home));
    assert_eq!(status, 200, "{done}");
    let (status, why) = api::ask(at, BOSS, "PUT", own, Some(json!({ "contacts": "Li" })));
    assert_eq!(status, 422, "a contact has a number: {why}");
    let (_, known) = api::ask(at, BOSS, "GET", own, None);
    assert_eq!(
        (&known["subscriber"]["region"], &known["changes"][0]["by"]),
        (&json!("south"), &json!("boss"))
    );
    assert_eq!(api::ask(at, BOSS, "GET", "/v1/subscribers/1", None).0, 404);
    let live = Live::new();
    let li = phone(&live, &belfry, "1001", STRANGER);
    let (zhao, sun) = (phone(&live, &belfry, "1002", BOB), phone(&live, &belfry, "1003", ALICE));
    let ward = phone(&live, &belfry, "1004", CAROL);
    live.with(li, |phone, _| phone.behave(Manner::Refuse(486)));
    live.with(sun, |phone, _| phone.behave(Manner::Ring));

    let home = caller(&live, &belfry, CALLER);
    live.with(home, |phone, now| phone.call(now, "95100"));
    takes_on(&live, zhao);
    takes_on(&live, ward);
    let id = case(at);
    let three = || {
        let room = belfry.ask(&format!("room show case-{id}")).ok()?;
        (room["members"].as_array()?.len() == 3).then_some(())
    };
    assert!(wait_for(PATIENCE, three).is_some(), "home, contact and hospital are together");
    await_state(&live, sun, "end", |state| matches!(state, State::Ended(_)));
    hear_each_other(&live, &[(home, CALLER), (zhao, BOB), (ward, CAROL)], &[]);
    live.with(zhao, |phone, now| phone.hang_up(now));
    await_state(&live, zhao, "end", |state| matches!(state, State::Ended(_)));
    // What he said last is played out.
    std::thread::sleep(Duration::from_millis(500));
    hear_each_other(&live, &[(home, CALLER), (ward, CAROL)], &[BOB]);
    assert!(live.with(sun, |phone, _| phone.calls) > 0, "the third contact was rung");

    // The sheet, in the words of both languages; a letter's subject says nothing medical.
    let there = wait_for(PATIENCE, || {
        (has(&printed, "心脏病") && has(&letters, "RCPT TO:<ward@care.example>")).then_some(())
    });
    assert!(there.is_some(), "the sheet is at the printer and in the post");
    for part in ["post /ipp/print http/1.1", "王秀英", "1002"] {
        assert!(has(&printed, part), "{part}");
    }

    for which in [ward, home] {
        live.with(which, |phone, now| phone.hang_up(now));
    }
    await_state(&live, home, "end", |state| matches!(state, State::Ended(_)));
    let done = |story: &str| {
        let parts = [
            "Li (1001) is called",
            "1001: busy",
            "1002 takes it on",
            "1004 takes it on",
            "the sheet is at ward (mail)",
            "the sheet is at ward (printer)",
            "1002 leaves",
        ];
        parts.iter().find(|part| !story.contains(**part)).map(|part| (*part).to_owned())
    };
    let path = format!("/v1/case-records/{id}");
    let record = || api::ask(at, BOSS, "GET", &path, None).1;
    let whole = wait_for(PATIENCE, || {
        let record = record();
        (done(&record["plan"].to_string()).is_none()).then_some(record)
    });
    let record = whole.unwrap_or_else(|| panic!("{:?}", done(&record()["plan"].to_string())));
    let numbers: Vec<&Value> = record["calls"].as_array().expect("calls").iter().collect();
    assert_eq!(numbers.len(), 5, "the home's call and those to who was called: {numbers:?}");
    let close = Some(json!({ "outcome": "taken to hospital" }));
    let path = format!("/v1/cases/{id}/close");
    let closed = wait_for(PATIENCE, || {
        let (status, _) = api::ask(at, BOSS, "POST", &path, close.clone());
        (status == 200).then_some(())
    });
    assert!(closed.is_some());
    belfry.stop();
}

/// The only open case.
fn case(at: SocketAddr) -> u64 {
    let (_, cases) = api::ask(at, BOSS, "GET", "/v1/cases", None);
    cases["cases"][0]["case"].as_u64().unwrap_or_else(|| panic!("no case: {cases}"))
}
