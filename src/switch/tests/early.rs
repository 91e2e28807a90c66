//! What a caller is told before the answer and at the end: ringing behind early media, no early media without
//! an offer, a limit on what nobody answers, and the cause of an end handed to the other side.

use super::*;

impl Rig {
    /// An INVITE without description.
    fn invite_without_offer(&mut self, at: &str, to: &str) {
        self.invites += 1;
        let n = self.invites;
        self.receive(
            at,
            &format!(
                "INVITE sip:{to}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{n}\r\n\
                 From: <sip:5@10.0.0.2>;tag={n}\r\nTo: <sip:{to}@10.0.0.1>\r\nCall-ID: c{n}\r\n\
                 CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{at}>\r\nContent-Length: 0\r\n\r\n"
            ),
        );
    }

    /// A request within the dialog of the caller's INVITE `n`, which was answered.
    pub(super) fn within(
        &mut self,
        at: &str,
        n: u32,
        method: &str,
        to: &str,
        headers: &str,
        body: &str,
    ) {
        let answers = self.sent.iter().rev().filter(|(whom, m)| whom == at && m.status().is_some());
        let of_call = |m: &&Message| m.header(Name::CallId) == Some(format!("c{n}").as_bytes());
        let answer = answers.map(|(_, m)| m).find(of_call).expect("an answer");
        let to_tagged = answer.header(Name::To).expect("a To");
        let to_tagged = String::from_utf8_lossy(to_tagged).into_owned();
        let from = String::from_utf8_lossy(answer.header(Name::From).expect("a From")).into_owned();
        let number = if method == "ACK" { 1 } else { 2 };
        self.receive(
            at,
            &format!(
                "{method} sip:{to}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKw{n}{method}\r\n\
                 From: {from}\r\nTo: {to_tagged}\r\nCall-ID: c{n}\r\nCSeq: {number} {method}\r\n\
                 Max-Forwards: 70\r\nContact: <sip:{at}>\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
    }

    /// What was last sent to `to` of a method's requests.
    fn last_to(&self, to: &str, method: &Method) -> &Message {
        let sent = self.sent.iter().rev().filter(|(at, m)| at == to && m.method() == method);
        sent.map(|(_, message)| message).find(|m| m.is_request()).expect("one was sent")
    }

    fn provisional_to(&self, to: &str) -> Vec<u16> {
        let sent = self.sent.iter().filter(|(at, _)| at == to);
        sent.filter_map(|(_, m)| m.status()).filter(|s| (101..200).contains(s)).collect()
    }
}

#[test]
fn ringing_behind_early_media_is_told() {
    let mut rig = Rig::new("");
    rig.invite(A, "5@", "1");
    let asked = rig.invites_to(B)[0].clone();
    rig.progress(B, &asked, 183);
    assert_eq!(rig.provisional_to(A), [183]);
    rig.answer(B, &asked, 180, "");
    rig.answer(B, &asked, 180, "");
    assert_eq!(rig.provisional_to(A), [183, 180], "once");
}

#[test]
fn a_caller_without_an_offer_hears_that_it_rings() {
    let mut rig = Rig::new("");
    rig.invite_without_offer(A, "1");
    let asked = rig.invites_to(B)[0].clone();
    rig.progress(B, &asked, 183);
    assert_eq!(rig.provisional_to(A), [180], "our offer goes out in the 200");
}

#[test]
fn what_nobody_answers_ends() {
    let ended = |rig: &Rig| {
        let ended = rig.facts("call_ended");
        ended.first().map(|fact| match fact {
            FactKind::CallEnded { cause, by, .. } => (*cause, *by),
            other => panic!("{other:?}"),
        })
    };
    // A dial of an hour: to a gateway, and one for help.
    let plan = "[[route]]\nname = \"long\"\ncontext = \"gateway\"\nwhen = { to = \"X\" }\n\
                steps = [{ wait = 3600 }]\n\
                [[route]]\nname = \"help\"\ncontext = \"gateway\"\nwhen = { to = \"110\" }\n\
                steps = [{ early-media = {} }, { wait = 3600 }]\n";
    let cases = [("5", 59, 60, "60 s ([sip] max_unanswered)"), ("110", 1_799, 1_800, "emergency")];
    for (to, before, limit, why) in cases {
        let mut rig = Rig::new("[numbers]\nemergency = [\"110\"]");
        let mut changed = config("[numbers]\nemergency = [\"110\"]");
        changed.sip.max_unanswered = Duration::from_secs(60);
        let file = File { path: "plan.toml", text: plan };
        let loaded = Plan::load(&[file], &LoadEnv::default()).expect("a plan").plan;
        rig.input(Input::Reload(Box::new(changed), Arc::new(loaded)));
        rig.invite(A, "5@", to);
        rig.run(Duration::from_secs(before));
        assert_eq!((ended(&rig), rig.finals_to(A)), (None, vec![]), "{to}");
        rig.run(Duration::from_secs(limit - before));
        assert_eq!(ended(&rig), Some((19, EndedBy::Limit)), "{to}");
        assert_eq!(rig.finals_to(A), [480]);
        let said = rig.log.iter().any(|line| line.contains(why));
        assert!(said, "{:?}", rig.log);
    }
    // An answered one does not.
    let mut rig = Rig::new("");
    rig.invite(A, "5@", "2");
    rig.within(A, 1, "ACK", "2", "", "");
    rig.run(Duration::from_secs(59));
    assert_eq!(ended(&rig), None);
}

/// A browser that hears no early audio may begin its handshake when it has answered: the time before is not
/// held against it.
#[test]
fn who_has_just_answered_is_not_late_with_its_handshake() {
    let mut rig = Rig::new("");
    rig.invite(A, "5@", "1");
    let asked = rig.invites_to(B)[0].clone();
    let leg = *rig.switch.legs.keys().last().expect("the called one");
    rig.progress(B, &asked, 183);
    let why = crate::media::dtls::Fault::NotBegun;
    for (waits, ends) in [(0, false), (29, false), (1, false), (30, true)] {
        if waits == 1 {
            rig.accept(B, &asked);
        }
        rig.run(Duration::from_secs(waits));
        rig.input(Input::Media(Event::HandshakeFailed { leg, why: why.clone() }));
        let failed = rig.alarms().contains(&(AlarmWhat::HandshakeFailed, true));
        assert_eq!(failed, ends, "after {waits} s more");
    }
}

#[test]
fn the_cause_of_an_end_is_handed_on() {
    // By the caller.
    let mut rig = Rig::new("");
    let n = rig.invite(A, "5@", "1");
    let asked = rig.invites_to(B)[0].clone();
    rig.accept(B, &asked);
    rig.within(A, n, "ACK", "1", "", "");
    rig.within(A, n, "BYE", "1", "Reason: Q.850;cause=41\r\n", "");
    let reason = rig.last_to(B, &Method::Bye).header(Name::Reason).expect("a reason");
    assert!(reason.starts_with(b"Q.850;cause=41"), "{}", String::from_utf8_lossy(reason));
    // By who was called: the plan has nothing more to do.
    let mut rig = Rig::new("");
    let n = rig.invite(A, "5@", "1");
    let asked = rig.invites_to(B)[0].clone();
    rig.accept(B, &asked);
    rig.within(A, n, "ACK", "1", "", "");
    let head =
        |name: Name| String::from_utf8_lossy(asked.header(name).expect("it has")).into_owned();
    let bye = format!(
        "BYE sip:5@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {B};branch=z9hG4bKbye\r\nFrom: {};tag=gw\r\n\
         To: {}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\nReason: Q.850;cause=31\r\n\
         Content-Length: 0\r\n\r\n",
        head(Name::To),
        head(Name::From),
        head(Name::CallId)
    );
    rig.receive(B, &bye);
    let reason = rig.last_to(A, &Method::Bye).header(Name::Reason).expect("a reason");
    assert!(reason.starts_with(b"Q.850;cause=31"), "{}", String::from_utf8_lossy(reason));
}

#[test]
fn keys_by_info_are_taken_as_fast_as_they_can_be_pressed() {
    let mut rig = Rig::new("");
    let n = rig.invite(A, "5@", "2");
    rig.within(A, n, "ACK", "2", "", "");
    for number in 0..200 {
        let answer = rig.sent.iter().find(|(_, m)| m.status() == Some(200)).expect("answered");
        let to = String::from_utf8_lossy(answer.1.header(Name::To).expect("a To")).into_owned();
        let body = "Signal=5\r\nDuration=100\r\n";
        rig.receive(
            A,
            &format!(
                "INFO sip:2@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {A};branch=z9hG4bKi{number}\r\n\
                 From: <sip:5@10.0.0.2>;tag={n}\r\nTo: {to}\r\nCall-ID: c{n}\r\n\
                 CSeq: {} INFO\r\nMax-Forwards: 70\r\nContent-Type: application/dtmf-relay\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                number + 2,
                body.len()
            ),
        );
    }
    let keys = rig.facts("digit").len();
    assert!((25..=27).contains(&keys), "a second's worth at once, and {keys} were taken");
}

#[test]
fn a_refused_change_says_what_is_wrong() {
    let mut rig = Rig::new("");
    let n = rig.invite(A, "5@", "2");
    rig.within(A, n, "ACK", "2", "", "");
    let sdp = "v=0\r\no=a 1 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n\
               m=audio 4000 RTP/AVP 18\r\n";
    rig.within(A, n, "INVITE", "2", "Content-Type: application/sdp\r\n", sdp);
    let refused = rig.sent.iter().rev().find(|(_, m)| m.status() == Some(488)).expect("a 488");
    let warning = String::from_utf8_lossy(refused.1.header(Name::Warning).expect("a Warning"));
    assert!(warning.starts_with("399 belfry \""), "{warning}");
    assert!(rig.facts("call_ended").is_empty(), "the call goes on");
}
