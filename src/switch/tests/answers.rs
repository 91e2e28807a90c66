//! What gateways, session border controllers and phones of many makes send that differs from the plain call: each gets
//! the answer that its RFC says, and no call is lost over it. Headers as the makes write them, their addresses ours.

use super::watching::{PHONE, request, rig};
use super::*;
use crate::sip::abilities;

/// G.711 with telephone-event 101.
const SDP: &str = "v=0\r\no=a 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

/// A request of the gateway `A`, its final answer. `line`: method and Request-URI; `to`: To with its tag.
fn ask(rig: &mut Rig, line: &str, to: &str, more: &str, body: (&str, &str)) -> Message {
    rig.invites += 1;
    let n = rig.invites;
    let method = line.split(' ').next().unwrap_or_default().to_owned();
    let (kind, body) = body;
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    let before = rig.sent.len();
    let text = format!(
        "{line} SIP/2.0\r\nVia: SIP/2.0/UDP {A};branch=z9hG4bKa{n}\r\nFrom: <sip:5@10.0.0.2>;tag=own\r\n\
         To: {to}\r\nCall-ID: answers\r\nCSeq: {n} {method}\r\nMax-Forwards: 70\r\nContact: <sip:5@{A}>\r\n\
         {more}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    rig.receive(A, &text);
    let answers = rig.sent[before..].iter().filter(|(at, m)| at == A && !m.is_request());
    let last = answers.map(|(_, m)| m.clone()).rfind(|m| m.status() >= Some(200));
    last.unwrap_or_else(|| panic!("no answer to {line} {more}"))
}

const SDP_TYPE: &str = "application/sdp";
const ANSWERED: &str = "INVITE sip:2@10.0.0.1";
const NOBODY: &str = "<sip:2@10.0.0.1>";

/// A call that is answered and confirmed: its To.
fn talk(rig: &mut Rig) -> String {
    let ok = ask(rig, ANSWERED, NOBODY, "", (SDP_TYPE, SDP));
    assert_eq!(ok.status(), Some(200));
    let to = String::from_utf8_lossy(ok.header(Name::To).expect("a To")).into_owned();
    rig.receive(
        A,
        &format!(
            "ACK sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {A};branch=z9hG4bKack\r\nFrom: <sip:5@10.0.0.2>;tag=own\r\n\
             To: {to}\r\nCall-ID: answers\r\nCSeq: {} ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            rig.invites
        ),
    );
    to
}

fn told(message: &Message, name: Name) -> String {
    let all: Vec<&[u8]> = message.headers(name).collect();
    String::from_utf8_lossy(&all.join(&b", "[..])).into_owned()
}

#[test]
fn options_within_a_call_is_told_what_one_outside_is() {
    let mut rig = Rig::new("");
    let to = talk(&mut rig);
    let within = ask(&mut rig, "OPTIONS sip:10.0.0.1", &to, "", ("", ""));
    let mut other = Rig::new("");
    let outside = ask(&mut other, "OPTIONS sip:10.0.0.1", "<sip:10.0.0.1>", "", ("", ""));
    for (name, value) in abilities() {
        let value = String::from_utf8_lossy(&value).into_owned();
        assert_eq!((told(&within, name), told(&outside, name)), (value.clone(), value), "{name:?}");
    }
    assert_eq!((within.status(), outside.status()), (Some(200), Some(200)));
}

#[test]
fn a_description_beyond_our_limits_gets_488_and_says_which() {
    let formats = (0..70).map(|n| format!(" {}", n % 96)).collect::<String>();
    let many = SDP.replace(" 8 101", &format!(" 8{formats}"));
    let sections = format!("{SDP}{}", "m=audio 0 RTP/AVP 8\r\n".repeat(16));
    for (sdp, status, word) in [
        (many.as_str(), 488, "64 formats"),
        (&sections, 488, "16 m= lines"),
        ("v=0\r\nm=audio\r\n", 400, "line 2"),
        // Nothing that both speak.
        (&SDP.replace(" 8 101", " 18 4 101"), 488, "codec"),
    ] {
        let mut rig = Rig::new("");
        let refused = ask(&mut rig, ANSWERED, NOBODY, "", (SDP_TYPE, sdp));
        let warning = told(&refused, Name::Warning);
        assert_eq!(refused.status(), Some(status), "{word}");
        assert!(warning.starts_with("399 belfry \"") && warning.contains(word), "{warning}");
        assert_eq!(rig.switch.calls.len(), 0);

        let mut rig = Rig::new("");
        let to = talk(&mut rig);
        let refused = ask(&mut rig, "INVITE sip:10.0.0.1", &to, "", (SDP_TYPE, sdp));
        assert_eq!(refused.status(), Some(status), "{word}, within a call");
        assert!(told(&refused, Name::Warning).contains(word));
        assert_eq!(rig.switch.calls.len(), 1, "the call goes on as it stood");
    }
}

/// First INVITEs as the makes write them: headers, Content-Type and body.
fn makes() -> Vec<(&'static str, &'static str, String, String)> {
    let plain = |extra: &str| (SDP_TYPE.to_owned(), format!("{SDP}{extra}"));
    let mixed = |kind: &str, part: &str| {
        let body = format!(
            "--b1\r\nContent-Type: application/sdp\r\nContent-Disposition: session\r\n\r\n{SDP}\r\n--b1\r\n\
             Content-Type: {kind}\r\nContent-Disposition: signal;handling=optional\r\n\r\n{part}\r\n--b1--\r\n"
        );
        ("multipart/mixed;boundary=b1".to_owned(), body)
    };
    let own_c = "v=0\r\no=CiscoSystemsSIP-GW-UserAgent 5 9 IN IP4 10.0.0.2\r\ns=SIP Call\r\nt=0 0\r\n\
                 m=audio 4000 RTP/AVP 18 8 101 19\r\nc=IN IP4 10.0.0.2\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n\
                 a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=rtpmap:19 CN/8000\r\n";
    let video = "v=0\r\no=Polycom 1 1 IN IP4 10.0.0.2\r\ns=Polycom\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\na=sendrecv\r\n\
                 m=audio 4000 RTP/AVP 9 0 8 18 127\r\na=rtpmap:127 telephone-event/8000\r\na=rtcp:4001\r\na=rtcp-mux\r\n\
                 m=video 4002 RTP/AVP 109 34\r\na=rtpmap:109 H264/90000\r\n\
                 m=application 4004 UDP/BFCP *\r\na=floorctrl:c-only\r\nm=image 4006 udptl t38\r\n";
    let case = |name, more, (kind, body): (String, String)| (name, more, kind, body);
    vec![
        case(
            "Cisco CUBE",
            "Supported: 100rel,timer,resource-priority,replaces,sdp-anat\r\nMin-SE: 1800\r\nCisco-Guid: 1-2-3-4\r\n\
             Allow: INVITE, OPTIONS, BYE, CANCEL, ACK, PRACK, UPDATE, REFER, SUBSCRIBE, NOTIFY, INFO, REGISTER\r\n\
             Session-Expires: 1800\r\nCall-Info: <sip:10.0.0.2:5060>;method=\"NOTIFY;Event=telephone-event;Duration=2000\"\r\n\
             Expires: 180\r\nAllow-Events: telephone-event\r\nContent-Disposition: session;handling=required\r\n\
             Remote-Party-ID: \"A\" <sip:5@10.0.0.2>;party=calling;screen=yes;privacy=off\r\n",
            (SDP_TYPE.to_owned(), own_c.to_owned()),
        ),
        case(
            "Huawei, as carriers in China have it",
            "P-Early-Media: supported\r\nP-Charging-Vector: icid-value=x;orig-ioi=gd.cn\r\nP-Asserted-Identity: <tel:+8675512345678>\r\n\
             Diversion: <sip:95511@10.0.0.2;user=phone>;reason=unconditional;counter=1,<sip:400@10.0.0.2>;reason=no-answer;counter=2\r\n\
             Supported: 100rel,precondition,histinfo,early-session,norefersub\r\nAllow: INVITE,ACK,BYE,CANCEL,PRACK,INFO\r\n",
            plain("a=ptime:20\r\na=curr:qos local none\r\n"),
        ),
        case(
            "ISUP beside it",
            "MIME-Version: 1.0\r\n",
            mixed("application/ISUP;version=itu-t92+", "\u{1}\u{2}\u{3}"),
        ),
        case(
            "a place beside it",
            "Geolocation: <cid:a@10.0.0.2>\r\n",
            mixed("application/pidf+xml", "<presence/>"),
        ),
        case(
            "Polycom, with video, slides and fax",
            "Allow-Events: conference,talk,hold\r\nAccept-Language: en\r\nSupported: replaces,100rel\r\n",
            (SDP_TYPE.to_owned(), video.to_owned()),
        ),
        case(
            "Mitel",
            "Supported: gruu,path,timer,from-change,histinfo,replaces\r\nP-Preferred-Identity: <sip:5@10.0.0.2>\r\n\
             Session-Expires: 90;refresher=uac\r\nMin-SE: 90\r\nUser-Agent: Mitel-3300-ICP\r\n",
            plain(""),
        ),
        case(
            "Yealink and Grandstream",
            "Allow-Events: talk,hold,conference,refer,check-sync\r\nSupported: replaces, path, timer\r\nP-Access-Network-Info: x\r\n\
             X-Grandstream-PBX: true\r\nPrivacy: none\r\nJoin: x@y;to-tag=1;from-tag=2\r\n",
            plain("a=ptime:20\r\na=maxptime:60\r\nm=video 0 RTP/AVP 99\r\n"),
        ),
        case(
            "AudioCodes behind a carrier",
            "Supported: em,100rel,timer,replaces,path,resource-priority,sdp-anat\r\nX-RTP-Stat: PS=0;;OS=0\r\n\
             Require: timer\r\nSession-Expires: 600\r\nAllow: REGISTER,OPTIONS,INVITE,ACK,CANCEL,BYE,NOTIFY,PRACK,REFER,INFO\r\n",
            plain("a=silenceSupp:off - - - -\r\n"),
        ),
    ]
}

#[test]
fn first_invites_of_all_makes_are_answered() {
    for (make, more, kind, body) in makes() {
        for line in [
            ANSWERED,
            "INVITE sip:2;phone-context=+86@10.0.0.1;user=phone",
            "INVITE tel:2;phone-context=+86",
        ] {
            let mut rig = Rig::new("");
            let ok = ask(&mut rig, line, NOBODY, more, (&kind, &body));
            assert_eq!(ok.status(), Some(200), "{make}: {line}");
            let sdp = String::from_utf8_lossy(ok.body()).into_owned();
            assert!(sdp.contains("m=audio 16384 RTP/AVP "), "{make}: {sdp}");
            let sections = |text: &str| text.matches("m=").count();
            assert_eq!(sections(&sdp), sections(&body), "{make}: each line has its answer");
        }
    }
}

#[test]
fn within_a_call_makes_ask_for_this_and_that_and_it_goes_on() {
    let event96 = SDP.replace("101", "96").replace("o=a 1 1", "o=a 1 2");
    let flash = "Signal=hf\r\nDuration=160\r\n";
    let held = format!("{SDP}a=sendonly\r\n").replace("o=a 1 1", "o=a 1 3");
    for (line, more, body, status) in [
        // Connected identity (RFC 4916) and the same as the carriers have it.
        ("UPDATE", "P-Asserted-Identity: \"B\" <sip:6@10.0.0.2>\r\n", ("", ""), 200),
        ("UPDATE", "Supported: from-change\r\n", (SDP_TYPE, SDP), 200),
        ("INVITE", "", (SDP_TYPE, event96.as_str()), 200),
        ("INVITE", "", (SDP_TYPE, &held), 200),
        ("INVITE", "Session-Expires: 1800\r\nSupported: timer\r\n", (SDP_TYPE, SDP), 200),
        ("INVITE", "Session-Expires: 30\r\nSupported: timer\r\n", (SDP_TYPE, SDP), 422),
        ("INFO", "", ("application/dtmf-relay", flash), 200),
        ("INFO", "", ("application/hook-flash", ""), 200),
        ("INFO", "", ("application/media_control+xml", "<media_control/>"), 415),
        (
            "NOTIFY",
            "Event: telephone-event\r\nSubscription-State: active\r\n",
            ("audio/telephone-event", "\u{5}"),
            489,
        ),
        ("SUBSCRIBE", "Event: telephone-event\r\nExpires: 60\r\n", ("", ""), 489),
        (
            "REFER",
            "Refer-To: <tel:1002>\r\nRefer-Sub: false\r\nSupported: norefersub\r\n",
            ("", ""),
            603,
        ),
        ("PUBLISH", "Event: presence\r\n", ("", ""), 405),
    ] {
        let mut rig = Rig::new("");
        let to = talk(&mut rig);
        let answer = ask(&mut rig, &format!("{line} sip:10.0.0.1"), &to, more, body);
        assert_eq!(answer.status(), Some(status), "{line} {more}{}", body.0);
        assert_eq!(rig.switch.calls.len(), 1, "{line}: the call goes on");
        if body.1 == event96 {
            let set = rig.media.iter().rev().find_map(|command| match command {
                control::Command::Set { params, .. } => Some(params),
                _ => None,
            });
            let set = set.expect("it was negotiated");
            assert_eq!(set.dtmf_send_pt, Some(96));
        }
        rig.input(Input::EndCalls);
        assert_eq!(rig.switch.calls.len(), 0);
    }
}

#[test]
fn provisional_responses_of_any_kind_are_borne() {
    const TRUNK: &str = "[[trunk]]\nname = \"pstn\"\ngateways = [\"e1-b\", \"e1-c\"]\n";
    for status in [181, 182, 199] {
        let mut rig = Rig::new(TRUNK);
        rig.invite(A, "5@", "3");
        let invite = rig.invites_to(B)[0].clone();
        let more =
            "Contact: <sip:10.0.0.3>\r\nReason: SIP;cause=404\r\nP-Early-Media: inactive\r\n";
        rig.answer(B, &invite, status, more);
        assert!(rig.finals_to(A).is_empty(), "{status}");
        rig.answer(
            B,
            &invite,
            180,
            "Contact: <sip:10.0.0.3>\r\nAlert-Info: <urn:alert:service:call-waiting>\r\n",
        );
        rig.accept(B, &invite);
        assert_eq!(rig.finals_to(A), [200], "{status}");
    }
    // Nobody has been alerted by a queue's or a dead fork's word: another gateway may do better.
    for status in [182, 199] {
        let mut rig = Rig::new(TRUNK);
        rig.invite(A, "5@", "3");
        let invite = rig.invites_to(B)[0].clone();
        rig.answer(B, &invite, status, "Contact: <sip:10.0.0.3>\r\n");
        rig.answer(B, &invite, 503, "");
        assert_eq!(rig.invites_to(C).len(), 1, "{status}");
    }
}

#[test]
fn a_gateways_cancel_with_a_reason_ends_the_call() {
    for reason in [
        "SIP;cause=200;text=\"Call completed elsewhere\"",
        "Q.850;cause=16",
        "X.int ;reasoncode=0x0",
    ] {
        let mut rig = Rig::new("");
        let n = rig.invite(A, "5@", "1");
        let invite = rig.invites_to(B)[0].clone();
        rig.answer(B, &invite, 180, "Contact: <sip:10.0.0.3>\r\n");
        let text = format!(
            "CANCEL sip:1@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {A};branch=z9hG4bK{n}\r\nFrom: <sip:5@10.0.0.2>;tag={n}\r\n\
             To: <sip:1@10.0.0.1>\r\nCall-ID: c{n}\r\nCSeq: 1 CANCEL\r\nMax-Forwards: 70\r\nReason: {reason}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        rig.receive(A, &text);
        assert_eq!(rig.finals_to(A), [200, 487], "{reason}");
        assert!(
            rig.sent.iter().any(|(at, m)| at == B && *m.method() == Method::Cancel),
            "{reason}"
        );
    }
}

#[test]
fn what_is_asked_outside_a_call_and_is_not_ours_is_refused_by_name() {
    for (event, status) in
        [("as-feature-event", 489), ("call-completion", 489), ("conference", 489), ("kpml", 489)]
    {
        let mut rig = rig();
        let more = format!("Event: {event}\r\nExpires: 3600\r\n");
        let answer =
            request(&mut rig, PHONE, "1001", "SUBSCRIBE sip:1002@10.0.0.1", "1002@10.0.0.1", &more);
        assert_eq!(answer.status(), Some(status), "{event}");
        assert!(
            told(&answer, Name::AllowEvents).contains("dialog"),
            "{event}: {}",
            answer.status().unwrap_or(0)
        );
    }
    let mut rig = rig();
    let list = "Event: dialog\r\nSupported: eventlist\r\nAccept: application/dialog-info+xml, multipart/related\r\nExpires: 600\r\n";
    let answer =
        request(&mut rig, PHONE, "1001", "SUBSCRIBE sip:1002@10.0.0.1", "1002@10.0.0.1", list);
    assert_eq!(answer.status(), Some(200), "a list is not needed");
    let list = format!("{list}Require: eventlist\r\n");
    let answer =
        request(&mut rig, PHONE, "1001", "SUBSCRIBE sip:1003@10.0.0.1", "1003@10.0.0.1", &list);
    assert_eq!(
        (answer.status(), told(&answer, Name::Unsupported)),
        (Some(420), "eventlist".into())
    );
    let answer = ask(
        &mut rig,
        "REFER sip:1001@10.0.0.1",
        "<sip:1001@10.0.0.1>",
        "Refer-To: <sip:1002@10.0.0.1>\r\n",
        ("", ""),
    );
    assert_eq!(answer.status(), Some(603), "no call is made for whoever asks from outside one");
}
