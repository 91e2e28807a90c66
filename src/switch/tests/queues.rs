//! Agents and queues with real messages: sign-in by keys, a caller from entry to wrap-up, and each
//! way in which an offer comes to nothing.

use super::watching::{PHONE, request};
use super::*;
use crate::media::control::DigitBy;
use crate::sip::Credentials;
use crate::sip::digest::client::{Challenged, Login};
use crate::switch::console::AgentOrder;
use crate::switch::fact::{AgentFact, QueueFact};
use crate::switch::signing::SignedIn;

const OTHER: &str = "10.0.0.23:5060";

fn rig() -> Rig {
    rig_with("")
}

/// With more sections in the configuration.
fn rig_with(more: &str) -> Rig {
    let toml = "[[route]]\nname = \"line\"\ncontext = \"gateway\"\nwhen = { to = \"800\" }\n\
                steps = [{ queue = { name = \"care\", exit = \"0\", on = { else = [{ hangup = \"busy\" }] } } }]\n\
                [[route]]\nname = \"phones\"\ncontext = \"agents\"\nwhen = { to = \"1xxx\" }\n\
                steps = [{ dial = { phones = \"${to}\" } }]\n";
    let file = File { path: "plan.toml", text: toml };
    let env = LoadEnv { zone: TimeZone::UTC, ..LoadEnv::default() };
    let plan = Plan::load(&[file], &env).unwrap_or_else(|f| panic!("{f:#?}")).plan;
    let phone = |n: u32| format!("[[phone]]\nnumber = \"{n}\"\npassword = \"secret\"\n");
    let agent = |n: u32| format!("[[agent]]\nnumber = \"{n}\"\npin = \"4711\"\n");
    let text = format!(
        "[sip]\nlisten = [\"udp:{BELFRY}\"]\ndomain = \"10.0.0.1\"\n[media]\naddress = \"10.0.0.1\"\n\
         [[gateway]]\nname = \"e1-a\"\naddress = \"udp:{A}\"\nping = \"0 s\"\n{}{}{}{}\
         [[queue]]\nname = \"care\"\nring = \"10 s\"\nafter_call = \"20 s\"\nstrategy = \"in-order\"\n\
         agents = [\"7001\", \"7002\"]\n{more}",
        phone(1001),
        phone(1002),
        agent(7001),
        agent(7002),
    );
    let config = Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}")).0;
    let mut rig = Rig::new("");
    rig.input(Input::Reload(Box::new(config), Arc::new(plan)));
    for (at, number) in [(PHONE, "1001"), (OTHER, "1002")] {
        let to = format!("{number}@10.0.0.1");
        let done = request(&mut rig, at, number, "REGISTER sip:10.0.0.1", &to, "");
        assert_eq!(done.status(), Some(200));
    }
    rig
}

/// A phone calls `to`, with its password: the leg of it.
fn call(rig: &mut Rig, at: &str, from: &str, to: &str) -> LegId {
    let mut login = Login::new(Credentials {
        user: from.into(),
        password: "secret".into(),
        least: Default::default(),
    });
    let mut credentials = String::new();
    let sdp = "v=0\r\no=a 1 1 IN IP4 10.0.0.22\r\ns=-\r\nc=IN IP4 10.0.0.22\r\nt=0 0\r\n\
               m=audio 4000 RTP/AVP 8\r\n";
    for _ in 0..2 {
        rig.invites += 1;
        let n = rig.invites;
        let text = format!(
            "INVITE sip:{to}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKq{n}\r\n\
             From: <sip:{from}@10.0.0.1>;tag=q{n}\r\nTo: <sip:{to}@10.0.0.1>\r\nCall-ID: q{n}\r\n\
             CSeq: {n} INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{from}@{at}>\r\n{credentials}\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        let before = rig.sent.len();
        rig.receive(at, &text);
        let sent: Vec<Message> = rig.sent[before..].iter().map(|(_, m)| m.clone()).collect();
        let refused = sent.into_iter().find(|m| matches!(m.status(), Some(401 | 407)));
        let Some(refused) = refused else { break };
        let message = Message::parse(text.as_bytes()).expect("a message");
        let Challenged::Answer { header, value } =
            login.challenged(&message, &refused, &mut Rng::from_seed(3))
        else {
            panic!("not challenged");
        };
        credentials = format!("{}: {}\r\n", header.as_str(), String::from_utf8_lossy(&value));
    }
    *rig.switch.legs.keys().last().expect("a leg")
}

fn press(rig: &mut Rig, leg: LegId, keys: &str) {
    for digit in keys.chars() {
        rig.run(Duration::from_millis(300));
        rig.input(Input::Media(Event::Digit { leg, digit, by: DigitBy::Rfc4733, held: false }));
    }
}

fn sign_in(rig: &mut Rig, at: &str, phone: &str, agent: &str) {
    let leg = call(rig, at, phone, &format!("*11{agent}"));
    press(rig, leg, "4711#");
    rig.run(Duration::from_secs(40));
    rig.sent.clear();
}

fn state(rig: &mut Rig, agent: &str) -> String {
    let now = Now { at: rig.now, wall: Wall(0) };
    let rows = rig.switch.agent_rows(now);
    rows.into_iter().find(|row| row.number == agent).expect("there").state
}

/// The words of the queue's facts.
fn queue_facts(rig: &Rig) -> Vec<&'static str> {
    let word = |fact: &FactKind| match fact {
        FactKind::Queue { what, .. } => Some(what.word()),
        _ => None,
    };
    rig.facts.iter().filter_map(word).collect()
}

fn bye(rig: &mut Rig, at: &str, invite: &Message) {
    let text =
        |name: Name| String::from_utf8_lossy(invite.header(name).unwrap_or_default()).into_owned();
    let bye = format!(
        "BYE sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKbye{}\r\nFrom: {};tag=gw\r\n\
         To: {}\r\nCall-ID: {}\r\nCSeq: 900 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        rig.invites,
        text(Name::To),
        text(Name::From),
        text(Name::CallId)
    );
    rig.receive(at, &bye);
}

#[test]
fn signing_in_by_keys_and_the_codes() {
    let mut rig = rig();
    assert_eq!(state(&mut rig, "7001"), "signed out");
    let leg = call(&mut rig, PHONE, "1001", "*11");
    press(&mut rig, leg, "7001#");
    press(&mut rig, leg, "4711#");
    assert_eq!(state(&mut rig, "7001"), "ready");
    rig.run(Duration::from_secs(40));
    let pressed = |fact: &&FactKind| matches!(fact, FactKind::Digit { digit: Some(_), .. });
    assert_eq!(rig.facts.iter().filter(pressed).count(), 0, "the keys stand in no record");
    for (code, then) in
        [("*1402", "break 2"), ("*13", "ready"), ("*14", "break"), ("*12", "signed out")]
    {
        call(&mut rig, PHONE, "1001", code);
        assert_eq!(state(&mut rig, "7001"), then);
        rig.run(Duration::from_secs(40));
    }
    call(&mut rig, PHONE, "1001", "*13");
    assert_eq!(state(&mut rig, "7001"), "signed out", "and of no use");
    rig.run(Duration::from_secs(60));
    assert_eq!(rig.switch.in_being().0, 0);
}

#[test]
fn a_wrong_pin_three_times_locks() {
    let mut rig = rig();
    let leg = call(&mut rig, PHONE, "1001", "*117001");
    press(&mut rig, leg, "1#");
    for _ in 0..2 {
        press(&mut rig, leg, "7001#");
        press(&mut rig, leg, "1#");
    }
    rig.run(Duration::from_secs(60));
    let leg = call(&mut rig, PHONE, "1001", "*117001");
    press(&mut rig, leg, "4711#");
    assert_eq!(state(&mut rig, "7001"), "signed out", "even by the right one");
    let refused: Vec<&str> = rig
        .facts
        .iter()
        .filter_map(|fact| match fact {
            FactKind::Agent { what: AgentFact::SignInRefused { why, .. }, .. } => {
                Some(why.as_str())
            }
            _ => None,
        })
        .collect();
    assert_eq!(refused, ["wrong", "wrong", "locked", "locked"]);
    let told = rig.log.iter().filter(|line| line.contains("agent 7001 at phone 1001: locked"));
    assert_eq!(told.count(), 2, "once a minute: {:?}", rig.log);
}

#[test]
fn a_caller_is_offered_answered_and_wrapped_up() {
    let mut rig = rig();
    sign_in(&mut rig, PHONE, "1001", "7001");
    rig.invite(A, "13900000001@", "800");
    let offer = rig.invites_to(PHONE)[0].clone();
    assert_eq!(state(&mut rig, "7001"), "ringing");
    rig.accept(PHONE, &offer);
    assert_eq!(state(&mut rig, "7001"), "talking");
    assert_eq!(rig.facts("bridged").len(), 1);
    rig.run(Duration::from_secs(30));
    bye(&mut rig, PHONE, &offer);
    assert_eq!(state(&mut rig, "7001"), "after-call work");
    call(&mut rig, PHONE, "1001", "*1517");
    assert_eq!(state(&mut rig, "7001"), "ready");
    let wrap_up = |fact: &&FactKind| matches!(fact, FactKind::Agent { what: AgentFact::WrapUp { code, .. }, .. } if code == "17");
    assert_eq!(rig.facts.iter().filter(wrap_up).count(), 1);
    assert_eq!(queue_facts(&rig), ["entered", "offered", "answered", "talk_over"]);
    rig.run(Duration::from_secs(60));
    assert_eq!(rig.switch.centre.in_being(), (0, 0));
}

#[test]
fn who_does_not_answer_is_passed_over_and_the_next_is_rung() {
    let mut rig = rig();
    sign_in(&mut rig, PHONE, "1001", "7001");
    sign_in(&mut rig, OTHER, "1002", "7002");
    rig.invite(A, "13900000001@", "800");
    let first = rig.invites_to(PHONE)[0].clone();
    rig.answer(PHONE, &first, 180, "");
    rig.run(Duration::from_secs(11));
    assert!(!rig.invites_to(OTHER).is_empty(), "the next one");
    let second = rig.invites_to(OTHER)[0].clone();
    rig.answer(OTHER, &second, 603, "");
    assert_eq!(state(&mut rig, "7002"), "ready");
    // Both rest; then the first is rung again, and does not answer: not ready any more.
    rig.run(Duration::from_secs(5));
    let third = rig.invites_to(PHONE).last().map(|m| (*m).clone()).expect("again");
    rig.answer(PHONE, &third, 180, "");
    rig.run(Duration::from_secs(11));
    assert_eq!(state(&mut rig, "7001"), "not ready: no answer");
    assert_eq!(queue_facts(&rig)[..5], ["entered", "offered", "not_taken", "offered", "not_taken"]);
}

#[test]
fn a_caller_who_goes_frees_the_agent_and_a_key_leads_out() {
    let mut rig = rig();
    sign_in(&mut rig, PHONE, "1001", "7001");
    rig.invite(A, "13900000001@", "800");
    assert_eq!(state(&mut rig, "7001"), "ringing");
    let leg = *rig.switch.legs.keys().next().expect("the caller's");
    press(&mut rig, leg, "0");
    assert_eq!(state(&mut rig, "7001"), "ready");
    assert_eq!(queue_facts(&rig), ["entered", "offered", "not_taken", "left"]);
    rig.run(Duration::from_secs(60));
    assert_eq!(rig.switch.centre.in_being(), (0, 0));
}

/// R18: each upgrade would spoil the day's service level otherwise.
#[test]
fn who_waits_when_belfry_is_stopped_has_not_hung_up() {
    let mut rig = rig();
    sign_in(&mut rig, PHONE, "1001", "7001");
    rig.invite(A, "13900000001@", "800");
    rig.input(Input::Drain);
    rig.input(Input::EndCalls);
    let left: Vec<&str> = rig
        .facts("queue")
        .into_iter()
        .filter_map(|fact| match fact {
            FactKind::Queue { what: QueueFact::Left { why, .. }, .. } => Some(why.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(left, ["restart"]);
}

#[test]
fn a_phone_that_is_gone_makes_its_agent_not_ready_and_nobody_waits_in_vain() {
    let mut rig = rig();
    sign_in(&mut rig, PHONE, "1001", "7001");
    let line = "REGISTER sip:10.0.0.1";
    request(&mut rig, PHONE, "1001", line, "1001@10.0.0.1", "Expires: 0\r\n");
    assert_eq!(state(&mut rig, "7001"), "not ready: phone gone");
    request(&mut rig, PHONE, "1001", line, "1001@10.0.0.1", "Expires: 600\r\n");
    assert_eq!(state(&mut rig, "7001"), "ready");
    let now = Now { at: rig.now, wall: Wall(0) };
    rig.switch.agent_order(now, "7001", AgentOrder::SignOut);
    rig.input(Input::Wake);
    rig.invite(A, "13900000001@", "800");
    assert_eq!(queue_facts(&rig), ["refused"]);
    assert!(matches!(rig.switch.agent_order(now, "7001", AgentOrder::Ready), Reply::Refused(_)));
}

/// The phone that rings for a caller goes away: the next agent has him at once, and its own is back with the phone.
#[test]
fn a_phone_that_goes_while_it_rings_gives_the_caller_on() {
    let mut rig = rig();
    sign_in(&mut rig, PHONE, "1001", "7001");
    sign_in(&mut rig, OTHER, "1002", "7002");
    rig.invite(A, "13900000001@", "800");
    let first = rig.invites_to(PHONE)[0].clone();
    rig.answer(PHONE, &first, 180, "");
    let line = "REGISTER sip:10.0.0.1";
    request(&mut rig, PHONE, "1001", line, "1001@10.0.0.1", "Expires: 0\r\n");
    let states = ["7001", "7002"].map(|agent| state(&mut rig, agent));
    assert_eq!(states, ["not ready: phone gone", "ringing"]);
    // It answers all the same, before it has seen our CANCEL: the caller is the other's.
    rig.accept(PHONE, &first);
    assert_eq!(state(&mut rig, "7002"), "ringing");
    let second = rig.invites_to(OTHER)[0].clone();
    rig.accept(OTHER, &second);
    assert_eq!(state(&mut rig, "7002"), "talking");
    request(&mut rig, PHONE, "1001", line, "1001@10.0.0.1", "Expires: 600\r\n");
    assert_eq!(state(&mut rig, "7001"), "ready");
    let words = ["entered", "offered", "not_taken", "offered", "answered"];
    assert_eq!(queue_facts(&rig), words);
}

#[test]
fn an_agent_with_a_call_of_its_own_gets_no_caller() {
    let mut rig = rig();
    sign_in(&mut rig, PHONE, "1001", "7001");
    call(&mut rig, PHONE, "1001", "1002");
    assert_eq!(state(&mut rig, "7001"), "other call");
    rig.invite(A, "13900000001@", "800");
    assert_eq!(queue_facts(&rig), ["entered"]);
    rig.run(Duration::from_secs(90));
    // The other phone never answered: the call of its own is over, and the caller is offered.
    assert!(queue_facts(&rig).contains(&"offered"));
}

/// Where there are several RTP workers, a supervisor's leg is opened on that of the talk.
#[test]
fn a_supervisor_comes_to_the_worker_of_the_talk() {
    let mut rig = rig();
    rig.switch.workers = 2;
    sign_in(&mut rig, PHONE, "1001", "7001");
    rig.invite(A, "13900000001@", "800");
    let offer = rig.invites_to(PHONE)[0].clone();
    rig.accept(PHONE, &offer);
    let group = |rig: &Rig, leg: LegId| {
        let opened = rig.media.iter().find_map(|command| match command {
            control::Command::Open { leg: opened, group, .. } if *opened == leg => Some(*group),
            _ => None,
        });
        opened.expect("its port was asked for")
    };
    let agents = *rig.switch.legs.keys().last().expect("the agent's");
    let supervisor = call(&mut rig, OTHER, "1002", "*707001");
    assert_eq!(group(&rig, supervisor), group(&rig, agents));
}

#[test]
fn agents_are_signed_in_over_a_restart() {
    let mut rig = rig();
    let row = |agent: &str, phone: &str, state: &str, reason: &str| SignedIn {
        agent: agent.into(),
        phone: phone.into(),
        state: state.into(),
        reason: reason.into(),
        code: 2,
    };
    rig.input(Input::SignedIn(vec![
        row("7001", "1001", "talking", ""),
        row("7002", "1002", "not_ready", "break"),
        // Nobody of this number; a phone that another has.
        row("7009", "1002", "ready", ""),
        row("7002", "1001", "ready", ""),
    ]));
    let states: Vec<_> = rig
        .facts
        .iter()
        .filter_map(|fact| match fact {
            FactKind::Agent { agent, what: AgentFact::State { phone, state, reason, .. } } => {
                Some((agent.as_str(), phone.as_deref(), state.as_str(), reason.as_str()))
            }
            _ => None,
        })
        .collect();
    let last = |number| states.iter().rfind(|(agent, ..)| *agent == number).copied();
    assert_eq!(last("7001"), Some(("7001", Some("1001"), "ready", "")));
    assert_eq!(last("7002"), Some(("7002", Some("1002"), "not_ready", "break")));
    assert_eq!(last("7009"), None);
}

/// Who wished to be signed out after his talk is so when a restart has ended it, and has no row any more.
#[test]
fn who_was_to_go_after_his_talk_does_not_come_back() {
    let mut rig = rig();
    sign_in(&mut rig, OTHER, "1002", "7002");
    rig.facts.clear();
    let row = |agent: &str, phone: &str| SignedIn {
        agent: agent.into(),
        phone: phone.into(),
        state: "null".into(),
        reason: String::new(),
        code: 0,
    };
    // One who has signed in since stays.
    rig.input(Input::SignedIn(vec![row("7001", "1001"), row("7002", "1002"), row("7009", "1")]));
    assert_eq!([state(&mut rig, "7001"), state(&mut rig, "7002")], ["signed out", "ready"]);
    let out: Vec<_> = rig
        .facts
        .iter()
        .filter_map(|fact| match fact {
            FactKind::Agent { agent, what: AgentFact::State { state, phone: None, cause, .. } } => {
                Some((agent.as_str(), state.as_str(), cause.as_str()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(out, [("7001", "null", "restart")]);
}

/// A wish during a talk is told with all that it needs to be had again.
#[test]
fn what_is_pending_is_told_with_the_breaks_code() {
    let mut rig = rig();
    sign_in(&mut rig, PHONE, "1001", "7001");
    rig.invite(A, "13900000001@", "800");
    let offer = rig.invites_to(PHONE)[0].clone();
    rig.accept(PHONE, &offer);
    call(&mut rig, PHONE, "1001", "*1402");
    let pending = |fact: &FactKind| match fact {
        FactKind::Agent { what: AgentFact::Pending { state, reason, code, .. }, .. } => {
            Some((state.clone(), reason.clone(), *code))
        }
        _ => None,
    };
    let told: Vec<_> = rig.facts.iter().filter_map(pending).collect();
    assert_eq!(told, [("not_ready".to_owned(), "break".to_owned(), 2)]);
    assert_eq!(state(&mut rig, "7001"), "talking");
}

/// Who is not let in has not been answered: an exchange before us sees busy, and the caller does not pay.
#[test]
fn a_caller_who_is_not_let_in_is_not_answered() {
    let mut rig = rig();
    rig.invite(A, "13900000001@", "800");
    rig.run(Duration::from_secs(5));
    // Nobody acknowledges here, so that each final goes out again and again.
    let finals = |rig: &Rig| {
        let mut finals = rig.finals_to(A);
        finals.dedup();
        finals
    };
    assert_eq!(finals(&rig), [486]);
    assert_eq!(queue_facts(&rig), ["refused"]);
    sign_in(&mut rig, PHONE, "1001", "7001");
    rig.invite(A, "13900000002@", "800");
    rig.run(Duration::from_secs(5));
    assert_eq!(finals(&rig), [200]);
}

/// A code that the queue does not have is refused in words, and changes nothing.
#[test]
fn an_unknown_wrap_up_code_is_refused_by_a_prompt() {
    let mut rig = rig_with("[[wrap_up]]\ncode = \"17\"\nname = \"complaint\"\n");
    sign_in(&mut rig, PHONE, "1001", "7001");
    rig.invite(A, "13900000001@", "800");
    let offer = rig.invites_to(PHONE)[0].clone();
    rig.accept(PHONE, &offer);
    rig.run(Duration::from_secs(30));
    bye(&mut rig, PHONE, &offer);
    let said = |rig: &Rig, leg: LegId| {
        let prompt = |item: &control::Item<String>| match item {
            control::Item::Clip(name) => Some(name.clone()),
            _ => None,
        };
        rig.media.iter().rev().find_map(|command| match command {
            control::Command::Play { leg: of, items, .. } if *of == leg => {
                items.first().and_then(prompt)
            }
            _ => None,
        })
    };
    let leg = call(&mut rig, PHONE, "1001", "*1599");
    assert_eq!(said(&rig, leg).as_deref(), Some("zh-CN/agent/unknown-code"));
    assert_eq!(state(&mut rig, "7001"), "after-call work");
    rig.run(Duration::from_secs(8));
    call(&mut rig, PHONE, "1001", "*1517");
    assert_eq!(state(&mut rig, "7001"), "ready");
    let names: Vec<(&str, &str)> = rig
        .facts
        .iter()
        .filter_map(|fact| match fact {
            FactKind::Agent { what: AgentFact::WrapUp { code, name, .. }, .. } => {
                Some((code.as_str(), name.as_str()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(names, [("17", "complaint")]);
}

#[test]
fn a_supervisor_of_a_team_is_refused_at_another() {
    let team = "[[team]]\nname = \"day\"\nmembers = [\"7001\"]\nsupervisors = [\"7002\"]\n\
                [[team]]\nname = \"night\"\nsupervisors = [\"7002\"]\nmembers = [\"7002\"]\n";
    let rig = rig_with(team);
    assert_eq!(rig.switch.centre.may_supervise(Some("7002"), "7001"), Ok(()));
    assert_eq!(rig.switch.centre.team("7001").as_deref(), Some("day"));
    // A recording is heard like the talk itself: one of those who talked is enough.
    let of = |rig: &Rig, whom: &[&str]| {
        let whom: Vec<String> = whom.iter().map(|own| (*own).to_owned()).collect();
        matches!(rig.switch.supervises("7002", &whom), super::super::Reply::Done(_))
    };
    assert_eq!(
        [of(&rig, &["7001"]), of(&rig, &["7099", "7001"]), of(&rig, &["7099"]), of(&rig, &[])],
        [true, true, false, false]
    );
    let rig = rig_with("[[team]]\nname = \"night\"\nsupervisors = [\"7002\"]\n");
    assert_eq!(rig.switch.centre.may_supervise(Some("7002"), "7001"), Err("not of its team"));
}

/// Music that is not there must not leave silence: the ringing tone is heard instead.
#[test]
fn a_caller_whose_music_is_missing_hears_the_ringing_tone() {
    let mut rig = rig();
    sign_in(&mut rig, PHONE, "1001", "7001");
    call(&mut rig, PHONE, "1001", "*14");
    rig.run(Duration::from_secs(5));
    rig.invite(A, "13900000001@", "800");
    let played = |rig: &Rig| {
        rig.media.iter().rev().find_map(|command| match command {
            control::Command::Play { leg, play, items, .. } => Some((*leg, *play, items.clone())),
            _ => None,
        })
    };
    let (leg, play, items) = played(&rig).expect("music");
    assert_eq!(items, [control::Item::Clip("music/default".into())]);
    let end = control::PlayEnd::Missing("music/default".into());
    rig.input(Input::Media(Event::PlayDone { leg, play, end }));
    let (_, _, items) = played(&rig).expect("something");
    assert!(matches!(items[..], [control::Item::Tone(_)]), "{items:?}");
}
