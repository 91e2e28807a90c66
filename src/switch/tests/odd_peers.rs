//! Peers that do what few do: forks with descriptions of their own, answers after a CANCEL, offers and answers of odd
//! shapes, strict routers, contacts and payload types that change in mid-call. Each ends in the state that its RFC
//! says; no call, channel or transaction is left behind.

use super::*;
use crate::media::control::StreamParams;

/// One side of a dialog with Belfry, played by the test.
struct Party {
    at: &'static str,
    call_id: String,
    /// Its own From.
    own: String,
    /// Its To.
    other: String,
    cseq: u32,
}

fn text_of(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

impl Party {
    /// Who answers Belfry's INVITE under `tag`.
    fn called(at: &'static str, invite: &Message, tag: &str) -> Party {
        let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
        Party {
            at,
            call_id: text_of(invite, Name::CallId),
            own: text_of(invite, Name::To) + &tag,
            other: text_of(invite, Name::From),
            cseq: 0,
        }
    }

    /// Calls Belfry from gateway `A`; what it got at once.
    fn dials(rig: &mut Rig, to: &str, more: &str, sdp: &str) -> (Party, Vec<Message>) {
        rig.invites += 1;
        let n = rig.invites;
        let mut party = Party {
            at: A,
            call_id: format!("odd{n}"),
            own: format!("<sip:5@10.0.0.2>;tag=o{n}"),
            other: format!("<sip:{to}@10.0.0.1>"),
            cseq: 0,
        };
        let answers = party.asks(rig, &format!("INVITE sip:{to}@10.0.0.1"), more, sdp);
        (party, answers)
    }

    /// The same where the plan answers; the last answer.
    fn calls(rig: &mut Rig, to: &str, more: &str, sdp: &str) -> (Party, Message) {
        let (mut party, mut answers) = Party::dials(rig, to, more, sdp);
        let last = answers.pop().expect("an answer");
        party.other = text_of(&last, Name::To);
        (party, last)
    }

    /// Sends a request with the next CSeq; the responses to it so far.
    fn asks(&mut self, rig: &mut Rig, line: &str, more: &str, body: &str) -> Vec<Message> {
        self.cseq += 1;
        let kind = if body.starts_with("v=0") { "Content-Type: application/sdp\r\n" } else { "" };
        self.says(
            rig,
            line,
            self.cseq,
            &format!("Contact: <sip:own@{}>\r\n{more}{kind}", self.at),
            body,
        )
    }

    fn says(&self, rig: &mut Rig, line: &str, cseq: u32, more: &str, body: &str) -> Vec<Message> {
        let method = line.split(' ').next().unwrap_or_default();
        let Party { at, call_id, own, other, .. } = self;
        let text = format!(
            "{line} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{call_id}{cseq}{method}\r\nFrom: {own}\r\nTo: {other}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let before = rig.sent.len();
        rig.receive(at, &text);
        let is_its = |m: &Message| {
            m.cseq().is_ok_and(|c| c.number == cseq && c.method.to_string() == method)
        };
        let sent = rig.sent[before..].iter().filter(|(to, m)| to == at && m.status().is_some());
        sent.map(|(_, m)| m.clone()).filter(is_its).collect()
    }

    fn acknowledges(&self, rig: &mut Rig, body: &str) {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        self.says(rig, "ACK sip:10.0.0.1", self.cseq, kind, body);
    }
}

/// Answers Belfry's request.
fn reply(rig: &mut Rig, at: &str, asked: &Message, status: u16, tag: &str, more: &str, sdp: &str) {
    let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
    let [via, from, to, call, cseq] = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq]
        .map(|name| text_of(asked, name));
    let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let text = format!(
        "SIP/2.0 {status} X\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to}{tag}\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\n\
         {more}{kind}Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    rig.receive(at, &text);
}

/// A description: version, media lines.
fn sdp(version: u32, media: &str) -> String {
    format!(
        "v=0\r\no=a 1 {version} IN IP4 10.0.0.3\r\ns=-\r\nc=IN IP4 10.0.0.3\r\nt=0 0\r\n{media}"
    )
}

const ALAW: &str = "m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// What was negotiated last.
fn agreed(rig: &Rig) -> StreamParams {
    let set = rig.media.iter().rev().find_map(|command| match command {
        control::Command::Set { params, .. } => Some(params.clone()),
        _ => None,
    });
    set.expect("something was negotiated")
}

fn requests_to<'r>(rig: &'r Rig, at: &str, method: &Method) -> Vec<&'r Message> {
    let sent = rig.sent.iter().filter(|(to, m)| to == at && m.is_request() && m.method() == method);
    sent.map(|(_, message)| message).collect()
}

/// No call is left, and after the transactions' time nothing is.
fn is_over(rig: &mut Rig, what: &str) {
    assert_eq!(rig.switch.calls.len(), 0, "{what}");
    rig.run(Duration::from_secs(120));
    let counts = rig.switch.agent.counts();
    assert_eq!((counts.sessions, counts.server_txns, counts.client_txns), (0, 0, 0), "{what}");
}

fn contact(at: &str) -> String {
    format!("Contact: <sip:{at}>\r\n")
}

#[test]
fn forks_bring_their_own_media_and_the_second_answer_is_left() {
    let mut rig = Rig::new("");
    let n = rig.invite(A, "5@", "1");
    let asked = rig.invites_to(B)[0].clone();
    let of = |port: u16| sdp(1, &ALAW.replace("4000", &port.to_string()));
    for (tag, port) in [("f1", 4_000), ("f2", 4_200)] {
        let at = contact(&format!("{tag}@10.0.0.3"));
        reply(&mut rig, B, &asked, 183, tag, &at, &of(port));
    }
    reply(&mut rig, B, &asked, 200, "f2", &contact("f2@10.0.0.3"), &of(4_200));
    reply(&mut rig, B, &asked, 200, "f1", &contact("f1@10.0.0.3"), &of(4_000));
    assert_eq!(rig.finals_to(A), [200]);
    rig.within(A, n, "ACK", "1", "", "");
    let remotes: Vec<u16> = rig
        .media
        .iter()
        .filter_map(|command| match command {
            control::Command::Set { params, .. } => params.remote.map(|at| at.port()),
            _ => None,
        })
        .collect();
    assert!(remotes.contains(&4_200), "{remotes:?}");
    let acks = requests_to(&rig, B, &Method::Ack);
    let byes = requests_to(&rig, B, &Method::Bye);
    assert_eq!((acks.len(), byes.len()), (2, 1));
    assert_eq!(byes[0].request_uri(), Some(&b"sip:f1@10.0.0.3"[..]), "the second answer is left");
    let bye = byes[0].clone();
    reply(&mut rig, B, &bye, 200, "", "", "");
    assert_eq!(rig.switch.calls.len(), 1, "the first talks");
    let mut second = Party::called(B, &asked, "f2");
    assert_eq!(second.asks(&mut rig, "BYE sip:10.0.0.1", "", "")[0].status(), Some(200));
    let bye = requests_to(&rig, A, &Method::Bye)[0].clone();
    reply(&mut rig, A, &bye, 200, "", "", "");
    is_over(&mut rig, "forks");
}

#[test]
fn who_answers_after_the_cancel_is_thanked_and_left() {
    for contacts in [contact(B), String::new()] {
        let mut rig = Rig::new("");
        let n = rig.invite(A, "5@", "1");
        let asked = rig.invites_to(B)[0].clone();
        rig.answer(B, &asked, 180, &contact(B));
        rig.cancel(A, n, "1");
        let cancel = requests_to(&rig, B, &Method::Cancel)[0].clone();
        reply(&mut rig, B, &cancel, 200, "gw", "", "");
        // It was picked up in that moment; one make leaves Contact out of such an answer.
        reply(&mut rig, B, &asked, 200, "gw", &contacts, &sdp(1, ALAW));
        assert_eq!(rig.finals_to(A), [200, 487]);
        let acks = requests_to(&rig, B, &Method::Ack).len();
        let byes = requests_to(&rig, B, &Method::Bye);
        assert_eq!((acks, byes.len()), (1, 1), "{contacts}");
        let bye = byes[0].clone();
        reply(&mut rig, B, &bye, 200, "", "", "");
        let ack = format!(
            "ACK sip:1@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {A};branch=z9hG4bK{n}\r\nFrom: <sip:10.0.0.2>;tag={n}\r\n\
             To: {}\r\nCall-ID: c{n}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
            text_of(
                &rig.sent.iter().rfind(|(_, m)| m.status() == Some(487)).expect("one").1.clone(),
                Name::To
            )
        );
        rig.receive(A, &ack);
        is_over(&mut rig, "late answer");
    }
}

#[test]
fn an_answer_that_answers_nothing_ends_that_leg_cleanly() {
    // No description at all; a codec that was not offered; the only line refused; rubbish.
    let nothing = sdp(1, "m=audio 0 RTP/AVP 8\r\n");
    let foreign = sdp(1, "m=audio 4000 RTP/AVP 18\r\n");
    for body in ["", nothing.as_str(), foreign.as_str(), "v=0\r\nrubbish"] {
        let mut rig = Rig::new("");
        rig.invite(A, "5@", "1");
        let asked = rig.invites_to(B)[0].clone();
        reply(&mut rig, B, &asked, 200, "gw", &contact(B), body);
        assert_eq!(requests_to(&rig, B, &Method::Ack).len(), 1, "{body}");
        let byes = requests_to(&rig, B, &Method::Bye);
        assert_eq!(byes.len(), 1, "{body}");
        let bye = byes[0].clone();
        reply(&mut rig, B, &bye, 200, "", "", "");
        let next = rig.invites_to(C)[0].clone();
        rig.answer(C, &next, 503, "");
        let finals = rig.finals_to(A);
        assert!(finals.len() == 1 && finals[0] >= 400, "{body}: {finals:?}");
        is_over(&mut rig, body);
    }
}

#[test]
fn more_lines_than_offered_and_answers_that_change_their_mind_are_borne() {
    let mut rig = Rig::new("");
    let n = rig.invite(A, "5@", "1");
    let asked = rig.invites_to(B)[0].clone();
    let early = sdp(1, &ALAW.replace("4000", "4100"));
    // RFC 6337 §3.1.2: the 200 should say what the 183 said; media servers that take over say something else.
    let more = sdp(2, &format!("{ALAW}m=video 4002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"));
    reply(&mut rig, B, &asked, 183, "gw", &contact(B), &early);
    assert_eq!(agreed(&rig).remote.map(|at| at.port()), Some(4_100));
    reply(&mut rig, B, &asked, 200, "gw", &contact(B), &more);
    rig.within(A, n, "ACK", "1", "", "");
    assert_eq!(rig.finals_to(A), [200]);
    let ports: Vec<u16> = rig
        .media
        .iter()
        .filter_map(|command| match command {
            control::Command::Set { params, .. } => params.remote.map(|at| at.port()),
            _ => None,
        })
        .collect();
    assert!(ports.contains(&4_000) && rig.switch.calls.len() == 1, "{ports:?}");
}

#[test]
fn lines_with_port_zero_stay_refused_and_in_their_places() {
    let video = "m=video 0 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n";
    for (media, answers) in [
        (format!("m=audio 0 RTP/AVP 8\r\n{ALAW}"), [0, 1]),
        (format!("{video}{ALAW}"), [0, 1]),
        (format!("{ALAW}{video}"), [1, 0]),
        (format!("{ALAW}m=audio 4002 RTP/AVP 8\r\n"), [1, 0]),
        (format!("{ALAW}m=image 4004 udptl t38\r\n"), [1, 0]),
    ] {
        let mut rig = Rig::new("");
        let (_, ok) = Party::calls(&mut rig, "2", "", &sdp(1, &media));
        assert_eq!(ok.status(), Some(200), "{media}");
        let answer = String::from_utf8_lossy(ok.body()).into_owned();
        let ports: Vec<u16> = answer
            .lines()
            .filter_map(|line| line.strip_prefix("m=")?.split(' ').nth(1)?.parse().ok())
            .collect();
        let taken: Vec<u8> = ports.iter().map(|port| u8::from(*port != 0)).collect();
        assert_eq!(taken, answers, "{media}\n{answer}");
    }
}

#[test]
fn hold_in_every_form_and_back_again() {
    let mut rig = Rig::new("");
    let (mut party, _) = Party::calls(&mut rig, "8", "", &sdp(1, ALAW));
    party.acknowledges(&mut rig, "");
    let old = sdp(0, ALAW).replace("c=IN IP4 10.0.0.3", "c=IN IP4 0.0.0.0");
    let steps = [
        (old, "", (false, None)),
        (sdp(0, &format!("{ALAW}a=sendonly\r\n")), "recvonly", (false, Some(true))),
        (sdp(0, &format!("{ALAW}a=inactive\r\n")), "inactive", (false, Some(false))),
        (sdp(0, &format!("{ALAW}a=recvonly\r\n")), "sendonly", (true, Some(false))),
        (sdp(0, &format!("a=sendrecv\r\n{ALAW}")), "", (true, Some(true))),
        (sdp(0, &format!("a=inactive\r\n{ALAW}a=sendrecv\r\n")), "", (true, Some(true))),
    ];
    for (version, (offer, direction, (sends, receives))) in steps.into_iter().enumerate() {
        let offer = offer.replace("o=a 1 0", &format!("o=a 1 {}", version + 2));
        let answers = party.asks(&mut rig, "INVITE sip:10.0.0.1", "", &offer);
        let answer = answers.last().expect("an answer");
        assert_eq!(answer.status(), Some(200), "{offer}");
        party.acknowledges(&mut rig, "");
        let answer = String::from_utf8_lossy(answer.body()).into_owned();
        if !direction.is_empty() {
            assert!(answer.contains(&format!("a={direction}\r\n")), "{offer}\n{answer}");
        }
        let set = agreed(&rig);
        assert_eq!(set.send && set.remote.is_some(), sends, "{offer}");
        if let Some(receives) = receives {
            assert_eq!(set.receive, receives, "{offer}");
        }
    }
}

#[test]
fn codec_key_events_and_address_may_change_in_mid_call() {
    let mut rig = Rig::new("");
    let (mut party, _) = Party::calls(&mut rig, "8", "", &sdp(1, ALAW));
    party.acknowledges(&mut rig, "");
    let ulaw = "m=audio 4300 RTP/AVP 0 8 96\r\na=rtpmap:96 telephone-event/8000\r\n";
    for (version, media, port, payload, keys) in [
        (2, ulaw, 4_300, None, Some(96)),
        (3, "m=audio 4400 RTP/AVP 0\r\n", 4_400, Some(0), None),
        (4, ALAW, 4_000, Some(8), Some(101)),
    ] {
        let answers = party.asks(&mut rig, "INVITE sip:10.0.0.1", "", &sdp(version, media));
        assert_eq!(answers.last().and_then(Message::status), Some(200), "{media}");
        party.acknowledges(&mut rig, "");
        let set = agreed(&rig);
        assert_eq!(set.remote.map(|at| at.port()), Some(port));
        assert_eq!(set.dtmf_send_pt, keys, "{media}");
        assert!(payload.is_none_or(|payload| set.send_pt == payload), "{media}");
    }
    // The same version again, after our answer was lost: no new one of ours either (RFC 3264 §8).
    let origin = |m: &Message| {
        let text = String::from_utf8_lossy(m.body()).into_owned();
        text.lines().find(|line| line.starts_with("o=")).unwrap_or_default().to_owned()
    };
    let [first, second] = [0, 1].map(|_| {
        let mut answers = party.asks(&mut rig, "INVITE sip:10.0.0.1", "", &sdp(4, ALAW));
        party.acknowledges(&mut rig, "");
        origin(&answers.pop().expect("an answer"))
    });
    assert_eq!(first, second);
}

#[test]
fn an_offerless_call_or_change_whose_ack_has_no_answer_is_not_left_hanging() {
    let mut rig = Rig::new("");
    let (mut party, ok) = Party::calls(&mut rig, "2", "", "");
    assert_eq!(ok.status(), Some(200));
    assert!(!ok.body().is_empty(), "our offer");
    party.acknowledges(&mut rig, &sdp(1, ALAW));
    assert_eq!(rig.switch.calls.len(), 1);
    // In mid-call: the old terms stand where the answer does not come.
    let answers = party.asks(&mut rig, "INVITE sip:10.0.0.1", "", "");
    assert!(!answers.last().expect("an answer").body().is_empty(), "our offer");
    party.acknowledges(&mut rig, "");
    assert!(rig.switch.calls.len() == 1 && agreed(&rig).remote.is_some());
    let answers = party.asks(&mut rig, "INVITE sip:10.0.0.1", "", &sdp(2, ALAW));
    assert_eq!(answers.last().and_then(Message::status), Some(200), "and further changes go on");
    party.acknowledges(&mut rig, "");
    party.asks(&mut rig, "BYE sip:10.0.0.1", "", "");
    is_over(&mut rig, "offerless");
    // At the start there are none: the call ends.
    let mut rig = Rig::new("");
    let (party, _) = Party::calls(&mut rig, "2", "", "");
    party.acknowledges(&mut rig, "");
    let byes = requests_to(&rig, A, &Method::Bye);
    assert_eq!(byes.len(), 1);
    let bye = byes[0].clone();
    reply(&mut rig, A, &bye, 200, "", "", "");
    is_over(&mut rig, "no answer");
}

#[test]
fn a_strict_router_on_the_way_gets_what_it_expects() {
    for (record, uri, route) in [
        ("<sip:10.0.0.8>", "sip:10.0.0.8", "<sip:far@10.0.0.3>"),
        ("<sip:10.0.0.8;lr>", "sip:far@10.0.0.3", "<sip:10.0.0.8;lr>"),
        ("<sip:10.0.0.8;lr=on>", "sip:far@10.0.0.3", "<sip:10.0.0.8;lr=on>"),
    ] {
        let mut rig = Rig::new("");
        let n = rig.invite(A, "5@", "1");
        let asked = rig.invites_to(B)[0].clone();
        let more = format!("Record-Route: {record}\r\nContact: <sip:far@10.0.0.3>\r\n");
        reply(&mut rig, B, &asked, 200, "gw", &more, &sdp(1, ALAW));
        rig.within(A, n, "ACK", "1", "", "");
        rig.within(A, n, "BYE", "1", "", "");
        for method in [Method::Ack, Method::Bye] {
            let sent = requests_to(&rig, B, &method);
            assert_eq!(sent.len(), 1, "{record} {method}");
            let line =
                String::from_utf8_lossy(sent[0].request_uri().unwrap_or_default()).into_owned();
            assert_eq!(
                (line.as_str(), text_of(sent[0], Name::Route).as_str()),
                (uri, route),
                "{record}"
            );
        }
    }
}

#[test]
fn a_contact_that_changes_in_mid_call_is_whom_the_bye_names() {
    for method in ["INVITE", "UPDATE"] {
        let mut rig = Rig::new("");
        let (mut party, _) = Party::calls(&mut rig, "2", "", &sdp(1, ALAW));
        party.acknowledges(&mut rig, "");
        party.cseq += 1;
        let more = "Contact: <sip:moved@10.0.0.2:5099>\r\nContent-Type: application/sdp\r\n";
        let line = format!("{method} sip:10.0.0.1");
        let answers = party.says(&mut rig, &line, party.cseq, more, &sdp(2, ALAW));
        assert_eq!(answers.last().and_then(Message::status), Some(200), "{method}");
        if method == "INVITE" {
            party.acknowledges(&mut rig, "");
        }
        rig.input(Input::EndCalls);
        // It talks from where it did, which is known to work; whom it wants there stands in the request line.
        let bye = requests_to(&rig, A, &Method::Bye);
        assert_eq!(bye.len(), 1, "{method}");
        assert_eq!(bye[0].request_uri(), Some(&b"sip:moved@10.0.0.2:5099"[..]));
    }
}

#[test]
fn an_update_before_the_answer_changes_where_early_audio_goes() {
    let mut rig = Rig::new("");
    let n = rig.invite(A, "5@", "1");
    let asked = rig.invites_to(B)[0].clone();
    let more = format!("Require: 100rel\r\nRSeq: 7\r\nAllow: UPDATE\r\n{}", contact(B));
    reply(&mut rig, B, &asked, 183, "gw", &more, &sdp(1, ALAW));
    let prack = requests_to(&rig, B, &Method::Prack)[0].clone();
    // It crosses our PRACK: the answer to the INVITE's offer is there, so a new offer may come (RFC 3311 §5.1).
    let mut party = Party::called(B, &asked, "gw");
    let moved = sdp(2, &ALAW.replace("4000", "4600"));
    let answers = party.asks(&mut rig, "UPDATE sip:10.0.0.1", "", &moved);
    assert_eq!(answers.last().and_then(Message::status), Some(200));
    assert_eq!(agreed(&rig).remote.map(|at| at.port()), Some(4_600));
    reply(&mut rig, B, &prack, 200, "", "", "");
    // The same 183 once more, whose PRACK was on the way: it is not told twice.
    reply(&mut rig, B, &asked, 183, "gw", &more, &sdp(1, ALAW));
    assert_eq!(agreed(&rig).remote.map(|at| at.port()), Some(4_600), "the old answer is over");
    reply(&mut rig, B, &asked, 200, "gw", &contact(B), "");
    assert_eq!(rig.finals_to(A), [200]);
    rig.within(A, n, "ACK", "1", "", "");
    rig.within(A, n, "BYE", "1", "", "");
    let bye = requests_to(&rig, B, &Method::Bye)[0].clone();
    reply(&mut rig, B, &bye, 200, "", "", "");
    is_over(&mut rig, "UPDATE");
}

#[test]
fn replaces_of_a_dialog_that_is_not_there_is_481_and_touches_nothing() {
    let mut rig = Rig::new("");
    let (mut party, ok) = Party::calls(&mut rig, "2", "", &sdp(1, ALAW));
    party.acknowledges(&mut rig, "");
    let tag = |name: Name| text_of(&ok, name).split("tag=").nth(1).unwrap_or_default().to_owned();
    let (ours, theirs) = (tag(Name::To), tag(Name::From));
    for replaces in [
        format!("{};to-tag=wrong;from-tag={theirs}", party.call_id),
        format!("{};to-tag={ours};from-tag=wrong", party.call_id),
        format!("nobody;to-tag={ours};from-tag={theirs}"),
    ] {
        let more = format!("Replaces: {replaces}\r\nRequire: replaces\r\n");
        let (_, answer) = Party::calls(&mut rig, "2", &more, &sdp(1, ALAW));
        assert_eq!(answer.status(), Some(481), "{replaces}");
        assert_eq!(rig.switch.calls.len(), 1, "{replaces}");
    }
    for broken in [
        "",
        ";to-tag=a;from-tag=b",
        "a;to-tag=b",
        "a;to-tag=b;from-tag=c\r\nReplaces: d;to-tag=e;from-tag=f",
    ] {
        let (_, answer) =
            Party::calls(&mut rig, "2", &format!("Replaces: {broken}\r\n"), &sdp(1, ALAW));
        assert_eq!(answer.status(), Some(400), "{broken}");
    }
    party.asks(&mut rig, "BYE sip:10.0.0.1", "", "");
    assert_eq!(rig.switch.calls.len(), 0);
}

#[test]
fn a_re_invite_while_ours_is_under_way_gets_491_and_ours_comes_again() {
    let timed = "Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n";
    let mut rig = Rig::new("");
    let (mut party, _) = Party::dials(&mut rig, "1", timed, &sdp(1, ALAW));
    let asked = rig.invites_to(B)[0].clone();
    rig.accept(B, &asked);
    let ok = rig.sent.iter().rfind(|(at, m)| at == A && m.status() == Some(200));
    let ok = ok.expect("an answer").1.clone();
    party.other = text_of(&ok, Name::To);
    assert!(text_of(&ok, Name::SessionExpires).contains("uas"), "we refresh");
    party.acknowledges(&mut rig, "");
    rig.run(Duration::from_secs(310));
    let ours = requests_to(&rig, A, &Method::Invite);
    let ours = ours.last().copied().or_else(|| requests_to(&rig, A, &Method::Update).pop());
    let ours = ours.expect("a refresh").clone();
    // Theirs crosses ours.
    let theirs = party.asks(&mut rig, "INVITE sip:10.0.0.1", "", &sdp(2, ALAW));
    let status = theirs.last().and_then(Message::status);
    let plain_update = *ours.method() == Method::Update && ours.body().is_empty();
    assert_eq!(status, Some(if plain_update { 200 } else { 491 }));
    if plain_update {
        party.acknowledges(&mut rig, "");
    } else {
        party.says(&mut rig, "ACK sip:10.0.0.1", party.cseq, "", "");
    }
    reply(&mut rig, A, &ours, 491, "", "", "");
    rig.run(Duration::from_secs(5));
    let again = requests_to(&rig, A, ours.method());
    let again = (*again.last().expect("one")).clone();
    let number = |m: &Message| m.cseq().map_or(0, |c| c.number);
    assert!(number(&again) > number(&ours), "ours comes again");
    reply(
        &mut rig,
        A,
        &again,
        200,
        "",
        &format!("Session-Expires: 600;refresher=uac\r\n{}", contact(A)),
        if again.body().is_empty() { "" } else { ANSWER },
    );
    rig.run(Duration::from_secs(200));
    assert_eq!(rig.switch.calls.len(), 1, "the call goes on");
}

const ANSWER: &str = "v=0\r\no=a 1 3 IN IP4 10.0.0.3\r\ns=-\r\nc=IN IP4 10.0.0.3\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

#[test]
fn keys_in_the_bodies_that_makes_write() {
    for (kind, body, key) in [
        ("application/dtmf-relay", "Signal= 5\r\nDuration= 160\r\n", true),
        ("Application/DTMF-Relay;charset=utf-8", "signal=5\nduration=160", true),
        ("application/dtmf", "5", true),
        // The one kind's name over the other's body.
        ("application/dtmf", "Signal=5\r\nDuration=160\r\n", true),
        ("application/dtmf-relay", "5\r\n", true),
        (
            "application/vnd.nortelnetworks.digits",
            "p=Digit-Collection\r\ny=Digits\r\nd=5\r\n",
            false,
        ),
        ("text/plain", "5", false),
    ] {
        let mut rig = Rig::new("");
        let (mut party, _) = Party::calls(&mut rig, "2", "", &sdp(1, ALAW));
        party.acknowledges(&mut rig, "");
        let more = format!("Content-Type: {kind}\r\n");
        let answers = party.asks(&mut rig, "INFO sip:10.0.0.1", &more, body);
        let status = answers.last().and_then(Message::status);
        let wanted = if key { 200 } else { 415 };
        assert_eq!(status, Some(wanted), "{kind} {body}");
        assert_eq!(rig.facts("digit").len(), usize::from(key), "{kind} {body}");
        assert_eq!(rig.switch.calls.len(), 1, "{kind}");
    }
}
