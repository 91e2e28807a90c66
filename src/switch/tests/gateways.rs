//! Gateways and trunks: overflow, channels, orders of the console, emergency calls, health.

use super::*;
use crate::switch::care::calls::Why;
use crate::switch::console::GatewayOrder;
use crate::switch::placing::NotPlaced;
use crate::trunk::Health;
use crate::wire::q850::Cause;

const TRUNK: &str = "[[trunk]]\nname = \"pstn\"\ngateways = [\"e1-b\", \"e1-c\"]\n";

fn busy(rig: &Rig, name: &str) -> u32 {
    rig.switch.gateways.get(name).map_or(0, |gateway| gateway.busy)
}
fn order(rig: &mut Rig, name: &str, order: GatewayOrder) {
    rig.input(Input::Console(RequestId(1), Request::GatewayOrder(name.into(), order)));
}
/// Causes and statuses of the legs that ended.
fn ended(rig: &Rig) -> Vec<(u8, u16)> {
    let of = |fact: &FactKind| match fact {
        FactKind::LegEnded { cause, status, .. } => Some((*cause, *status)),
        _ => None,
    };
    rig.facts.iter().filter_map(of).collect()
}

#[test]
fn the_networks_failure_goes_to_the_next_gateway_and_the_called_partys_does_not() {
    for (status, reason, on) in [
        (503, "", true),
        (500, "", true),
        (408, "", true),
        (480, "Reason: Q.850 ;cause=34 ;text=\"local\"\r\n", true),
        (486, "", false),
        (404, "", false),
        (603, "", false),
        (503, "Reason: Q.850;cause=17\r\n", false),
    ] {
        let mut rig = Rig::new(TRUNK);
        rig.invite(A, "5@", "3");
        let invite = rig.invites_to(B)[0].clone();
        rig.answer(B, &invite, status, reason);
        assert_eq!(rig.invites_to(C).len(), usize::from(on), "{status} {reason}");
        assert_eq!((busy(&rig, "e1-b"), busy(&rig, "e1-c")), (0, u32::from(on)));
        assert_eq!(rig.finals_to(A).len(), usize::from(!on));
        rig.input(Input::EndCalls);
        assert_eq!(busy(&rig, "e1-c"), 0);
    }
}

#[test]
fn a_gateways_own_table_translates_both_ways_behind_its_reason_header() {
    let mut rig = Rig::new(TRUNK);
    let mut own = config(TRUNK);
    let table = |text: &str| {
        let text = format!("[[gateway]]\nname = \"x\"\naddress = \"udp:10.0.0.9\"\n{text}\n");
        let text = format!("[sip]\nlisten = [\"udp:{BELFRY}\"]\n{text}");
        Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}")).0.gateways.remove(0)
    };
    own.gateways[1].status_to_cause = table("status_to_cause = { 480 = 34 }").status_to_cause;
    own.gateways[0].cause_to_status =
        table("cause_to_status = { 17 = 600, SUBSCRIBER_ABSENT = 480 }").cause_to_status;
    rig.input(Input::Reload(Box::new(own), plan(TimeZone::UTC)));
    rig.invite(A, "5@", "3");
    let invite = rig.invites_to(B)[0].clone();
    rig.answer(B, &invite, 480, "");
    let invite = rig.invites_to(C)[0].clone();
    rig.answer(C, &invite, 486, "");
    assert_eq!(rig.finals_to(A), [600]);
    let (_, refusal) = rig.sent.iter().rev().find(|(at, _)| at == A).expect("a refusal");
    assert_eq!(refusal.header(Name::Reason), Some(&b"Q.850;cause=17;text=\"User busy\""[..]));
    assert_eq!(ended(&rig), [(34, 480), (17, 486), (17, 600)], "both codes of each leg");
}

#[test]
fn no_further_gateway_is_tried_once_the_called_party_was_alerted_or_too_late() {
    let mut rig = Rig::new(TRUNK);
    rig.invite(A, "5@", "3");
    let invite = rig.invites_to(B)[0].clone();
    rig.answer(B, &invite, 180, "Contact: <sip:10.0.0.3>\r\n");
    rig.answer(B, &invite, 503, "");
    assert_eq!(rig.invites_to(C).len(), 0);
    assert_eq!(ended(&rig)[0], (41, 503), "both codes");

    let mut rig = Rig::new(&format!("{TRUNK}overflow = \"2 s\"\n"));
    rig.invite(A, "5@", "3");
    let invite = rig.invites_to(B)[0].clone();
    rig.answer(B, &invite, 100, "");
    rig.run(Duration::from_secs(3));
    rig.answer(B, &invite, 503, "");
    assert_eq!((rig.invites_to(C).len(), rig.finals_to(A).len()), (0, 1));
}

#[test]
fn a_full_gateway_and_one_out_of_service_are_passed_over() {
    let mut rig = Rig::new(TRUNK);
    for user in ["5@", "6@"] {
        rig.invite(A, user, "3");
    }
    assert_eq!((rig.invites_to(B).len(), busy(&rig, "e1-b")), (2, 2));
    order(&mut rig, "e1-a", GatewayOrder::Up);
    // e1-a has two channels, which its own calls take.
    rig.switch.gateways.release("e1-a");
    rig.invite(A, "7@", "3");
    assert_eq!((rig.invites_to(B).len(), rig.invites_to(C).len()), (2, 1));
    order(&mut rig, "e1-c", GatewayOrder::Drain);
    order(&mut rig, "e1-c", GatewayOrder::Drain);
    rig.switch.gateways.release("e1-a");
    rig.invite(A, "8@", "3");
    assert_eq!(rig.invites_to(C).len(), 1);
    assert_eq!(rig.finals_to(A), [503]);
    assert_eq!(rig.facts("gateway_service").len(), 1, "what changes nothing is no news");
}

#[test]
fn a_gateway_that_is_busied_out_gets_503_for_its_calls_and_its_options() {
    let mut rig = Rig::new(TRUNK);
    order(&mut rig, "e1-a", GatewayOrder::Busy);
    rig.invite(A, "5@", "3");
    assert_eq!(rig.finals_to(A), [503]);
    let options = format!(
        "OPTIONS sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {A};branch=z9hG4bKo\r\n\
         From: <sip:10.0.0.2>;tag=o\r\nTo: <sip:10.0.0.1>\r\nCall-ID: o\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    rig.receive(A, &options);
    assert_eq!(rig.finals_to(A), [503, 503]);
    order(&mut rig, "e1-a", GatewayOrder::Up);
    rig.invite(A, "6@", "3");
    assert_eq!(rig.invites_to(B).len(), 1);
}

#[test]
fn an_emergency_number_goes_out_whatever_is_full_and_over_every_gateway() {
    let mut rig = Rig::new(&format!("{TRUNK}[limits]\ncalls = 2\n"));
    for user in ["5@", "6@"] {
        rig.invite(A, user, "3");
    }
    order(&mut rig, "e1-c", GatewayOrder::Busy);
    rig.switch.gateways.release("e1-a");
    rig.switch.gateways.release("e1-a");
    rig.input(Input::Reload(
        Box::new(config(&format!("{TRUNK}[limits]\ncalls = 9\n"))),
        plan(TimeZone::UTC),
    ));
    rig.invite(A, "7@", "9119");
    // e1-a has a channel, but is not of the trunk: it comes after the two that have none.
    let asked = rig.invites_to(B).last().map(|m| (*m).clone()).expect("e1-b is asked");
    assert_eq!(asked.header(Name::Priority), Some(&b"emergency"[..]));
    assert_eq!(busy(&rig, "e1-b"), 3);
    rig.answer(B, &asked, 486, "");
    let asked = rig.invites_to(C)[0].clone();
    rig.answer(C, &asked, 503, "");
    let asked = rig.invites_to(A)[0].clone();
    assert_eq!(asked.header(Name::Priority), Some(&b"emergency"[..]));
    rig.answer(A, &asked, 503, "");
    assert_eq!(rig.finals_to(A), [486], "there is no further one; busy says most");
}

/// A smoke alarm behind the caller may sound like busy.
#[test]
fn tones_end_no_call_for_help() {
    let listens = |from: &str, to: &str, numbers: &str| {
        let mut rig = Rig::new(&format!("{TRUNK}{numbers}"));
        let mut listening = config(&format!("{TRUNK}{numbers}"));
        for gateway in &mut listening.gateways {
            gateway.tones = Some(crate::config::Country::Cn);
        }
        rig.input(Input::Reload(Box::new(listening), plan(TimeZone::UTC)));
        rig.invite(A, from, to);
        let asked = rig.invites_to(B)[0].clone();
        rig.progress(B, &asked, 183);
        rig.accept(B, &asked);
        let hears = |command: &&control::Command<String>| {
            matches!(command, control::Command::HearTones { .. })
        };
        rig.media.iter().filter(hears).count()
    };
    assert_eq!(listens("5@", "3", ""), 2, "any other call: before the answer and after it");
    assert_eq!(listens("5@", "9119", ""), 0, "by its number at the gateway");
    assert_eq!(listens("5@", "110", ""), 0, "by the plan's word");
    assert_eq!(listens("5@", "1", "[numbers]\nemergency = [\"1\"]\n"), 0, "as it was dialled");
}

#[test]
fn a_gateway_that_is_silent_is_down_within_seconds_and_back_when_it_answers() {
    let mut rig = Rig::new("");
    let mut pinged = config("");
    pinged.gateways[1].ping = Duration::from_secs(30);
    rig.input(Input::Reload(Box::new(pinged), plan(TimeZone::UTC)));
    let pings = |rig: &Rig| {
        let to_b = rig.sent.iter().filter(|(at, m)| at == B && *m.method() == Method::Options);
        let mut all: Vec<Message> = to_b.map(|(_, m)| m.clone()).collect();
        all.dedup_by_key(|m| m.header(Name::CallId).map(<[u8]>::to_vec));
        all
    };
    rig.run(Duration::from_secs(1));
    let first = pings(&rig)[0].clone();
    rig.answer(B, &first, 404, "");
    assert_eq!(rig.facts("gateway_up").len(), 1, "any answer is one");
    // Due at 30 s; the first failure is known at 36 s, the third at 56 s.
    rig.run(Duration::from_secs(52));
    assert_eq!(rig.facts("gateway_down").len(), 0);
    rig.run(Duration::from_secs(5));
    assert_eq!(rig.facts("gateway_down").len(), 1);
    rig.run(Duration::from_secs(30));
    let last = pings(&rig).last().cloned().expect("a ping");
    rig.answer(B, &last, 503, "");
    assert_eq!(rig.facts("gateway_up").len(), 2, "503 is an answer");
    rig.run(Duration::from_secs(70));
    assert_eq!(rig.switch.pings.len(), 0, "{:?}", rig.switch.pings);
}

#[test]
fn a_503_is_no_answer_where_the_configuration_says_so() {
    let mut rig = Rig::new("");
    let mut strict = config("");
    strict.gateways[1].ping = Duration::from_secs(30);
    strict.gateways[1].ping_503 = crate::config::Ping503::Down;
    strict.gateways[1].ping_failures = 1;
    rig.input(Input::Reload(Box::new(strict), plan(TimeZone::UTC)));
    rig.run(Duration::from_secs(1));
    let ping = rig.sent.iter().find(|(_, m)| *m.method() == Method::Options);
    let ping = ping.map(|(_, m)| m.clone()).expect("a ping");
    rig.answer(B, &ping, 503, "");
    assert_eq!(rig.facts("gateway_down").len(), 1);
}

#[test]
fn who_waits_hears_our_ringing_tone_until_the_network_speaks() {
    let mut rig = Rig::new(TRUNK);
    rig.invite(A, "5@", "6");
    let played = |rig: &Rig| {
        let of = |c: &&control::Command<String>| matches!(c, control::Command::Play { .. });
        rig.media.iter().filter(of).count()
    };
    let has =
        |rig: &Rig, wanted: fn(&control::Command<String>) -> bool| rig.media.iter().any(wanted);
    assert_eq!(played(&rig), 1, "from the first moment: the caller is answered");
    let plan = crate::dsp::tone::plan("cn", crate::dsp::tone::Kind::Ringback);
    let tone = rig.media.iter().find_map(|command| match command {
        control::Command::Play { items, repeat: true, .. } => items.first().cloned(),
        _ => None,
    });
    assert_eq!(tone, plan.map(control::Item::Tone));
    let invite = rig.invites_to(B)[0].clone();
    rig.answer(B, &invite, 180, "Contact: <sip:10.0.0.3>\r\n");
    assert_eq!((played(&rig), rig.finals_to(A)), (1, vec![200]), "180 without SDP: it goes on");
    let bridges =
        |command: &control::Command<String>| matches!(command, control::Command::Bridge { .. });
    assert!(!has(&rig, bridges));
    rig.progress(B, &invite, 183);
    assert!(has(&rig, |command| matches!(command, control::Command::StopPlay { .. })));
    assert!(has(&rig, bridges), "183 with SDP: the network's own voice");
    rig.answer(B, &invite, 180, "Contact: <sip:10.0.0.3>\r\n");
    assert_eq!(played(&rig), 1, "and a 180 behind it changes nothing");
    rig.answer(B, &invite, 503, "");
    assert_eq!(rig.invites_to(C).len(), 0, "the caller has heard it");
}

#[test]
fn a_fax_offer_within_a_call_is_refused_and_the_call_goes_on() {
    let mut rig = Rig::new("");
    let n = rig.invite(A, "5@", "2");
    let ok = rig.sent.iter().rev().find(|(_, m)| m.status() == Some(200)).map(|(_, m)| m.clone());
    let ok = ok.expect("it is answered");
    let to = String::from_utf8_lossy(ok.header(Name::To).expect("a To")).into_owned();
    let sdp = "v=0\r\no=a 1 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n\
               m=image 4002 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n";
    let head = format!(
        "From: <sip:5@10.0.0.2>;tag={n}\r\nTo: {to}\r\nCall-ID: c{n}\r\nMax-Forwards: 70\r\n\
         Contact: <sip:{A}>\r\n"
    );
    rig.receive(
        A,
        &format!(
            "ACK sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {A};branch=z9hG4bKack\r\nCSeq: 1 ACK\r\n\
             {head}Content-Length: 0\r\n\r\n"
        ),
    );
    rig.receive(
        A,
        &format!(
            "INVITE sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {A};branch=z9hG4bKfax\r\n\
             CSeq: 2 INVITE\r\n{head}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        ),
    );
    assert_eq!(rig.finals_to(A), [200, 488]);
    assert_eq!(rig.switch.calls.len(), 1, "{}", Cause::NORMAL_CLEARING.name());
}

#[test]
fn a_gateway_that_is_down_is_tried_again_on_order_and_where_it_is_asked_no_more() {
    let pinged = |every: u64| {
        let mut own = config(TRUNK);
        own.gateways[1].ping = Duration::from_secs(every);
        own.gateways[1].ping_failures = 1;
        Input::Reload(Box::new(own), plan(TimeZone::UTC))
    };
    let health = |rig: &Rig| rig.switch.gateways.get("e1-b").map(|g| g.health());
    for by_order in [false, true] {
        let mut rig = Rig::new(TRUNK);
        rig.input(pinged(30));
        rig.run(Duration::from_secs(10));
        assert_eq!(rig.alarms().last(), Some(&(AlarmWhat::GatewayDown, true)));
        rig.invite(A, "5@", "1");
        assert_eq!(rig.invites_to(B).len(), 0, "calls go elsewhere");
        match by_order {
            true => order(&mut rig, "e1-b", GatewayOrder::Up),
            false => rig.input(pinged(0)),
        }
        assert_eq!(health(&rig), Some(Health::Unknown));
        assert_eq!(rig.alarms().last(), Some(&(AlarmWhat::GatewayDown, false)));
        rig.invite(A, "6@", "1");
        assert_eq!(rig.invites_to(B).len(), 1, "it is tried");
    }
    // A question under way when the asking ends is nobody's.
    let mut rig = Rig::new(TRUNK);
    rig.input(pinged(30));
    rig.run(Duration::from_secs(1));
    rig.input(pinged(0));
    rig.run(Duration::from_secs(60));
    assert_eq!(health(&rig), Some(Health::Unknown));
}

/// R11, R13: a home that is called for its alarm is called over the next gateway where the first fails, and on a channel
/// that ordinary calls leave free.
#[test]
fn a_call_for_an_alarm_goes_on_to_the_next_gateway_and_takes_what_is_kept_free() {
    let care = format!("{TRUNK}[care]\nbells = [\"95081\"]\ntrunk = \"pstn\"\n");
    let mut rig = Rig::new(&care);
    let mut own = config(&care);
    own.gateways[1].keep_in = 2;
    rig.input(Input::Reload(Box::new(own), plan(TimeZone::UTC)));
    let now = Now { at: rig.now, wall: Wall(0) };
    let home = ("100", "13800138000");
    rig.switch.call_out(now, home, Why::Unit { case: 1 }, 1).expect("it is called");
    rig.drain();
    let invite = rig.invites_to(B)[0].clone();
    assert_eq!(busy(&rig, "e1-b"), 1, "though both are kept for calls in");
    rig.answer(B, &invite, 503, "");
    let invite = rig.invites_to(C)[0].clone();
    assert_eq!((busy(&rig, "e1-b"), busy(&rig, "e1-c")), (0, 1));
    rig.accept(C, &invite);
    assert_eq!(rig.facts("leg_answered").len(), 1);
    assert_eq!(rig.switch.calls.len(), 1, "it is one call");
    // Its own word is the end of it.
    rig.switch.call_out(now, home, Why::Unit { case: 1 }, 2).expect("it is called");
    rig.drain();
    let invite = rig.invites_to(B)[1].clone();
    rig.answer(B, &invite, 486, "");
    assert_eq!((rig.invites_to(C).len(), rig.switch.calls.len()), (1, 1));
    rig.input(Input::EndCalls);
    assert_eq!((rig.switch.calls.len(), busy(&rig, "e1-c")), (0, 0));
}

/// R11: a reminder for which no channel is free is held: no call is written down of it, and one is made when one is free.
#[test]
fn what_cannot_be_placed_now_is_told_from_what_never_can() {
    let care = format!("{TRUNK}[care]\nbells = [\"95081\"]\ntrunk = \"pstn\"\n");
    let mut rig = Rig::new(&care);
    let now = Now { at: rig.now, wall: Wall(0) };
    let home = ("100", "13800138000");
    for gateway in ["e1-a", "e1-b", "e1-c"] {
        _ = rig.switch.gateway_order(now, gateway, GatewayOrder::Drain);
    }
    let (why, began) = (Why::Reminder { due: 0 }, rig.facts("call_began").len());
    let placed = rig.switch.call_out(now, home, why.clone(), 1);
    assert!(matches!(placed, Err(NotPlaced::Now(why)) if why.contains("out of service")));
    rig.drain();
    assert_eq!((rig.switch.calls.len(), rig.facts("call_began").len()), (0, began));
    let placed = rig.switch.call_out(now, home, Why::Contact { due: 0 }, 1);
    assert!(matches!(placed, Err(NotPlaced::Never(why)) if why.contains("care-contact")));
    for gateway in ["e1-a", "e1-b", "e1-c"] {
        _ = rig.switch.gateway_order(now, gateway, GatewayOrder::Up);
    }
    assert!(rig.switch.call_out(now, home, why, 1).is_ok());
    rig.input(Input::EndCalls);
}

/// R1: audio of a gateway goes to where its description says, where the configuration says so.
#[test]
fn an_account_says_whether_its_audio_goes_to_where_it_comes_from() {
    for symmetric in [true, false] {
        let mut own = config(TRUNK);
        own.gateways[1].symmetric = symmetric;
        let mut rig = Rig::new(TRUNK);
        rig.input(Input::Reload(Box::new(own), plan(TimeZone::UTC)));
        rig.invite(A, "5@", "3");
        let invite = rig.invites_to(B)[0].clone();
        rig.accept(B, &invite);
        let set: Vec<bool> = rig
            .media
            .iter()
            .filter_map(|command| match command {
                control::Command::Set { params, .. } => Some(params.carriage.asymmetric),
                _ => None,
            })
            .collect();
        assert_eq!(set.iter().filter(|asymmetric| **asymmetric).count() > 0, !symmetric);
        assert!(set.contains(&false), "e1-a's own");
    }
}
