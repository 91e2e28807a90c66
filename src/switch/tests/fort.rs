//! What scanners, guessers and thieves of calls get (R29), and what a gateway sees of the other.

use super::*;
use crate::base::Source;
use crate::call::wishes::Wish;
use crate::sip::digest::client::{Challenged, Credentials, Login};

/// A request of somebody outside any call.
fn request(method: &str, n: u32, number: &str, more: &str) -> String {
    format!(
        "{method} sip:{number}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKs{n}\r\n\
         From: <sip:{number}@10.0.0.1>;tag={n}\r\nTo: <sip:{number}@10.0.0.1>\r\nCall-ID: s{n}\r\n\
         CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContact: <sip:{number}@10.9.9.9>\r\n{more}\
         Content-Length: 0\r\n\r\n"
    )
}

fn source(address: &str) -> Source {
    let at: SocketAddr = address.parse().expect("an address");
    Source::of(at.ip())
}

impl Rig {
    fn is_banned(&self, address: &str) -> bool {
        self.switch.bans.of(self.now, source(address)).is_some()
    }
    /// What the sockets were told to drop.
    fn gates_shut(&self) -> Vec<Gate> {
        let shut = |gate: &&Gate| matches!(gate, Gate::Ban(..) | Gate::Hush(..));
        self.gates.iter().filter(shut).cloned().collect()
    }
    fn ask(&mut self, request: Request) -> Reply {
        let now = Now { at: self.now, wall: Wall(0) };
        self.switch.console(now, RequestId(0), request).expect("answered at once")
    }
    /// 1001 calls from `at` with its password.
    fn phone_calls(&mut self, at: &str, to: &str) -> u32 {
        self.phone_says(at, to, "secret")
    }
    fn phone_says(&mut self, at: &str, to: &str, password: &str) -> u32 {
        let n = self.invite(at, "1001@", to);
        let asked = self.sent.last().expect("an answer").1.clone();
        assert_eq!(asked.status(), Some(401));
        let mut login = Login::new(Credentials {
            user: "1001".into(),
            password: password.into(),
            least: Default::default(),
        });
        let invite = format!("INVITE sip:{to}@10.0.0.1 SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n");
        let invite = Message::parse(invite.as_bytes()).expect("a message");
        let Challenged::Answer { value, .. } =
            login.challenged(&invite, &asked, &mut Rng::from_seed(u64::from(n)))
        else {
            panic!("it can be answered")
        };
        let value = String::from_utf8(value).expect("text");
        self.invites += 1;
        let n = self.invites;
        let text = format!(
            "INVITE sip:{to}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{n}\r\n\
             From: <sip:1001@10.0.0.1>;tag={n}\r\nTo: <sip:{to}@10.0.0.1>\r\nCall-ID: c{n}\r\n\
             CSeq: 2 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{at}>\r\n\
             Authorization: {value}\r\nContent-Length: 0\r\n\r\n"
        );
        self.receive(at, &text);
        n
    }
}

/// What an answer says, without what differs from one to the next.
fn shape(message: &Message, number: &str) -> String {
    let text = String::from_utf8_lossy(message.bytes()).replace(number, "NUMBER");
    let cut = |line: &str| match line.split_once("nonce=\"").or_else(|| line.split_once(";tag=")) {
        Some((before, _)) if !line.starts_with("From") => before.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_scanner_learns_nothing_and_is_banned() {
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        let shapes: Vec<String> = ["1001", "9999"]
            .map(|number| {
                let mut rig = Rig::new("");
                rig.receive(STRANGER, &request(method, 7, number, ""));
                let (_, answer) = rig.sent.pop().expect("an answer");
                assert_eq!(answer.status(), Some(401), "{method}");
                shape(&answer, number)
            })
            .into();
        assert_eq!(shapes[0], shapes[1], "{method}");
    }
    for method in ["REGISTER", "INVITE"] {
        let mut rig = Rig::new("[fort]\nunanswered = 30\n");
        for n in 0..100 {
            rig.receive(STRANGER, &request(method, n, &n.to_string(), ""));
        }
        assert!(rig.is_banned(STRANGER));
        // One more was asked already when it was too much; the next after a second.
        assert_eq!(rig.finals_to(STRANGER), [401; 32], "{method}");
        assert_eq!(rig.facts("source_banned").len(), 1);
        rig.run(Duration::from_secs(601));
        rig.receive(STRANGER, &request(method, 1_000, "100", ""));
        assert!(!rig.is_banned(STRANGER), "its time is over");
    }
    // By OPTIONS phones keep their NATs open.
    let mut rig = Rig::new("[fort]\nunanswered = 30\n");
    for n in 0..100 {
        rig.receive(STRANGER, &request("OPTIONS", n, "1001", ""));
    }
    assert_eq!(rig.finals_to(STRANGER), [401; 100]);
}

#[test]
fn who_was_banned_by_datagrams_gets_in_with_his_password() {
    let mut rig = Rig::new("[fort]\nunanswered = 30\n");
    for n in 0..100 {
        rig.receive(STRANGER, &request("REGISTER", n, &n.to_string(), ""));
    }
    rig.run(Duration::from_secs(2));
    assert!(rig.is_banned(STRANGER));
    assert_eq!(rig.gates_shut(), [], "the sockets go on reading: it may have been forged");
    rig.phone_calls(STRANGER, "8");
    assert_eq!((rig.is_banned(STRANGER), rig.invites_to(B).len()), (false, 1));
    assert_eq!(rig.facts("source_freed").len(), 1);
    // And who has logged in is not banned by any such thing.
    for n in 0..2_000 {
        rig.receive(STRANGER, &request("REGISTER", 1_000 + n, "7", "User-Agent: sipcli/1\r\n"));
        let error = Message::parse(b"rubbish\r\n\r\n").expect_err("it is none");
        rig.input(Input::BadSip(Rig::flow(STRANGER), error));
    }
    assert!(!rig.is_banned(STRANGER) && rig.gates_shut().is_empty());
}

#[test]
fn a_flood_of_datagrams_is_silence_for_two_seconds() {
    let mut rig = Rig::new("[fort]\nrequests = 20\n");
    for n in 0..300 {
        rig.receive(STRANGER, &request("OPTIONS", n, "1001", ""));
    }
    assert!(!rig.is_banned(STRANGER));
    let hush = Gate::Hush(source(STRANGER), Duration::from_secs(2));
    assert_eq!(rig.gates_shut(), [hush]);
    let told = |rig: &Rig| rig.log.iter().filter(|line| line.contains("flood")).count();
    assert_eq!(told(&rig), 1, "{:?}", rig.log);
    for n in 300..900 {
        rig.receive(STRANGER, &request("OPTIONS", n, "1001", ""));
    }
    assert_eq!((rig.gates_shut().len() > 1, told(&rig)), (true, 1), "no flood of lines");
}

#[test]
fn who_guesses_passwords_is_banned_and_who_knows_his_is_not() {
    let mut rig = Rig::new("");
    let mut guesses = 0;
    while !rig.is_banned(STRANGER) {
        rig.phone_says(STRANGER, "8", &format!("guess{guesses}"));
        rig.run(Duration::from_secs(9));
        guesses += 1;
    }
    assert!((31..60).contains(&guesses), "{guesses}");
    let ban = Gate::Ban(source(STRANGER), Duration::from_secs(600));
    assert_eq!(rig.gates_shut(), [ban], "the sockets know it");
    let sent = rig.sent.len();
    rig.invite(STRANGER, "1001@", "5");
    assert_eq!(rig.sent.len(), sent, "he hears nothing more");
    let mut rig = Rig::new("");
    for n in 0..200 {
        rig.phone_calls(STRANGER, "8");
        rig.run(Duration::from_secs(2));
        assert!(!rig.is_banned(STRANGER), "{n}");
    }
}

#[test]
fn at_a_site_that_has_logged_in_an_old_password_bans_nobody_and_a_guess_tells_nothing() {
    let calls = |rig: &Rig| {
        let ids = rig.invites_to(B).into_iter().filter_map(|m| m.header(Name::CallId));
        ids.collect::<std::collections::BTreeSet<_>>().len()
    };
    let mut rig = Rig::new("");
    rig.phone_calls(STRANGER, "8");
    for n in 0..300 {
        rig.phone_says(STRANGER, "8", &format!("guess{n}"));
        rig.run(Duration::from_secs(1));
    }
    assert!(!rig.is_banned(STRANGER) && rig.gates_shut().is_empty());
    assert_eq!(calls(&rig), 1);
    rig.phone_calls(STRANGER, "8");
    assert_eq!(calls(&rig), 1, "even the right one is not looked at");
    rig.run(Duration::from_secs(121));
    rig.phone_calls(STRANGER, "8");
    assert_eq!(calls(&rig), 2, "for a while");
}

#[test]
fn a_call_for_help_comes_through_a_ban_and_ends_it() {
    let mut rig = Rig::new("");
    while !rig.is_banned(STRANGER) {
        rig.phone_says(STRANGER, "110", "guess");
    }
    rig.phone_calls(STRANGER, "110");
    assert_eq!((rig.invites_to(B).len(), rig.is_banned(STRANGER)), (1, false));
    assert!(rig.gates.contains(&Gate::Unban(source(STRANGER))), "its ACK is read");
    // Not so what an operator has ordered.
    let address = "10.9.9.9".parse().expect("an address");
    rig.ask(Request::Ban(address, None));
    let sent = rig.sent.len();
    rig.invite(STRANGER, "1001@", "110");
    assert_eq!(rig.sent.len(), sent);
}

#[test]
fn a_flood_keeps_out_no_call_for_help_and_no_call_in_being() {
    let mut rig = Rig::new("[fort]\nrequests = 5\n[limits]\ncalls_per_second = 1\n");
    rig.phone_calls(STRANGER, "8");
    let invite = rig.invites_to(B)[0].clone();
    rig.accept(B, &invite);
    let ok = rig.sent.iter().rfind(|(to, m)| to == STRANGER && m.status() == Some(200));
    let ok = ok.expect("it talks").1.clone();
    for n in 0..1_000 {
        rig.receive(STRANGER, &request("INVITE", n, "7", ""));
    }
    rig.phone_calls(STRANGER, "110");
    assert_eq!(rig.invites_to(B).len(), 2);
    let header = |name| String::from_utf8_lossy(ok.header(name).expect("it has it")).into_owned();
    let (from, to, call_id) = (header(Name::From), header(Name::To), header(Name::CallId));
    rig.receive(
        STRANGER,
        &format!(
            "BYE sip:5@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {STRANGER};branch=z9hG4bKbye\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: 9 BYE\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ),
    );
    assert_eq!(rig.finals_to(STRANGER).last(), Some(&200), "the BYE is heard");
}

#[test]
fn a_gateway_and_an_allowed_network_are_not_counted() {
    let mut rig = Rig::new("[fort]\nallow = [\"10.9.0.0/16\"]\nrequests = 5\nmalformed = 1\n");
    let rubbish = |from| {
        let error = Message::parse(b"rubbish\r\n\r\n").expect_err("it is none");
        Input::BadSip(from, error)
    };
    for (which, from) in [A, STRANGER].into_iter().enumerate() {
        for n in 0..100 {
            let n = n + which as u32 * 1_000;
            rig.receive(from, &request("OPTIONS", n, "1", "User-Agent: friendly-scanner\r\n"));
            rig.input(rubbish(Rig::flow(from)));
        }
        assert!(!rig.is_banned(from), "{from}");
        assert_eq!(rig.finals_to(from), [200; 100], "{from}");
    }
    let other = "10.8.0.1:5060";
    for _ in 0..2 {
        rig.input(rubbish(Rig::flow(other)));
    }
    assert!(!rig.is_banned(other), "it may be forged");
    for _ in 0..2 {
        rig.input(rubbish(Flow { transport: Transport::Tcp, ..Rig::flow(other) }));
    }
    assert!(rig.is_banned(other));
}

#[test]
fn a_scanner_by_its_own_words_gets_no_answer_at_all() {
    let mut rig = Rig::new("");
    rig.receive(STRANGER, &request("OPTIONS", 1, "100", "User-Agent: Friendly-Scanner/1.8\r\n"));
    assert!(rig.sent.is_empty() && rig.is_banned(STRANGER));
    // Who says no such thing there is asked for his password all the same.
    rig.phone_calls(STRANGER, "8");
    assert!(!rig.is_banned(STRANGER));
}

#[test]
fn who_is_turned_away_is_not_shown_to_those_who_keep_copies() {
    let mut rig = Rig::new("[fort]\nrequests = 5\n");
    let now = Now { at: rig.now, wall: Wall(0) };
    let mut shown = 0;
    for n in 0..100 {
        let text = request("INVITE", n, "1001", "");
        let message = Message::parse(text.as_bytes()).expect("a message");
        let input = Input::Sip(Rig::flow(STRANGER), message);
        rig.switch.handle_shown(now, input, &mut |_, _| shown += 1);
    }
    assert_eq!(shown, 5);
}

#[test]
fn connections_that_come_to_nothing_are_a_ban_unless_somebody_has_logged_in() {
    let mut rig = Rig::new("[fort]\nunanswered = 30\n");
    let silent = || Input::Silent(Flow { transport: Transport::Tls, ..Rig::flow(STRANGER) });
    for _ in 0..30 {
        rig.input(silent());
    }
    assert!(!rig.is_banned(STRANGER));
    rig.input(silent());
    assert!(rig.is_banned(STRANGER));
    let mut rig = Rig::new("[fort]\nunanswered = 30\n");
    rig.phone_calls(STRANGER, "8");
    for _ in 0..1_000 {
        rig.input(silent());
    }
    assert!(!rig.is_banned(STRANGER));
}

#[test]
fn who_forwards_abroad_must_be_allowed_to_and_it_is_one_call() {
    let phones = "[[phone]]\nnumber = \"1002\"\npassword = \"secret\"\n";
    let mut rig = Rig::new(phones);
    rig.switch.wish(Now { at: rig.now, wall: Wall(0) }, "1002", Wish::Always, "0037060112345");
    rig.drain();
    rig.invite(A, "5@", "1002");
    assert_eq!(rig.invites_to(B).len(), 0);
    let facts = rig.facts("dial_barred");
    assert!(
        matches!(facts[..], [FactKind::DialBarred { account, .. }] if account == "phone 1002"),
        "{facts:?}"
    );
}

#[test]
fn strangers_get_what_the_policy_says() {
    for (policy, finals) in [("refuse", vec![403; 4]), ("silent", vec![])] {
        let mut rig = Rig::new(&format!("[fort]\nstrangers = \"{policy}\"\n"));
        for (n, method) in ["REGISTER", "INVITE", "OPTIONS", "MESSAGE"].into_iter().enumerate() {
            rig.receive(STRANGER, &request(method, n as u32, "1001", ""));
        }
        let bye =
            request("BYE", 9, "1001", "").replace("To: <sip:1001@10.0.0.1>", "To: <sip:b@h>;tag=x");
        rig.receive(STRANGER, &bye.replace("Call-ID: s9", "Call-ID: x"));
        let mut expected = finals.clone();
        if policy == "refuse" {
            expected.push(403);
        }
        assert_eq!(rig.finals_to(STRANGER), expected, "{policy}");
        assert_eq!(rig.switch.in_being(), (0, 0, 0), "{policy}: and it costs nothing");
        rig.invite(A, "5@", "1");
        assert_eq!(rig.invites_to(B).len(), 1, "gateways are heard");
    }
}

#[test]
fn an_operator_bans_and_frees() {
    let mut rig = Rig::new("");
    let address = "10.9.9.9".parse().expect("an address");
    assert!(matches!(rig.ask(Request::Ban(address, Some(5))), Reply::Done(_)));
    assert!(rig.is_banned(STRANGER));
    let Reply::Bans(rows) = rig.ask(Request::Bans) else { panic!("the list") };
    assert_eq!((rows[0].source.as_str(), rows[0].left_s), ("10.9.9.9", 300));
    assert!(matches!(rig.ask(Request::Unban(Some(address))), Reply::Done(_)));
    assert!(matches!(rig.ask(Request::Unban(Some(address))), Reply::Refused(_)));
    assert!(!rig.is_banned(STRANGER));
    let gateway = "10.0.0.2".parse().expect("an address");
    assert!(matches!(rig.ask(Request::Ban(gateway, None)), Reply::Refused(_)));
    // A reload that allows a network frees who was banned in it.
    rig.ask(Request::Ban(address, None));
    let allowed = config("[fort]\nallow = [\"10.9.0.0/16\"]\n");
    rig.input(Input::Reload(Box::new(allowed), plan(TimeZone::UTC)));
    assert!(!rig.is_banned(STRANGER));
    assert_eq!(rig.facts("source_freed").len(), 2);
}

#[test]
fn abroad_takes_permission_and_calls_out_are_bounded() {
    let abroad = "0037060112345";
    let mut rig = Rig::new("");
    rig.phone_calls(STRANGER, abroad);
    assert_eq!((rig.finals_to(STRANGER), rig.invites_to(B).len()), (vec![401, 403], 0));
    let facts = rig.facts("dial_barred");
    assert!(
        matches!(facts[..], [FactKind::DialBarred { account, .. }] if account == "phone 1001"),
        "{facts:?}"
    );
    assert_eq!(rig.alarms(), [], "to dial what one may not is no alarm");
    assert!(rig.switch.gateways.iter().all(|gateway| gateway.busy == 0));
    // Allowed, once at a time.
    let granted = config("").phones.remove(0);
    let mut config = config("");
    config.phones = vec![crate::config::Phone { international: true, calls_out: 1, ..granted }];
    rig.input(Input::Reload(Box::new(config), plan(TimeZone::UTC)));
    rig.phone_calls(STRANGER, abroad);
    assert_eq!(rig.invites_to(B).len(), 1);
    rig.phone_calls(STRANGER, abroad);
    assert_eq!(rig.invites_to(B).len(), 1);
    assert_eq!(rig.alarms(), [(AlarmWhat::Tolls, true)]);
    rig.phone_calls(STRANGER, "110");
    assert_eq!(rig.invites_to(B).len(), 2, "an emergency call is never bounded");
    // Who comes by a gateway is bounded by the gateway's word.
    rig.invite(A, "5@", "7");
    assert_eq!((rig.finals_to(A), rig.invites_to(C).len()), (vec![403], 0));
}

#[test]
fn a_call_that_goes_round_ends() {
    let mut rig = Rig::new("");
    rig.invite(A, "5@", "1");
    let invite = rig.invites_to(B)[0].clone();
    assert_eq!(invite.header(Name::MaxForwards), Some(&b"69"[..]), "RFC 7332");
    // It comes back by a proxy, with our Via below its own.
    let text = String::from_utf8_lossy(invite.bytes());
    let back = text.replacen("Via: ", "Via: SIP/2.0/UDP 10.0.0.3;branch=z9hG4bKproxy\r\nVia: ", 1);
    rig.receive(B, &back);
    assert_eq!(rig.finals_to(B), [482]);
    assert_eq!(rig.switch.calls.len(), 1);
}

#[test]
fn one_side_sees_nothing_of_the_other() {
    let mut rig = Rig::new("");
    let n = rig.invites + 1;
    let more = "User-Agent: SecretGW/7\r\nRecord-Route: <sip:proxy.inner;lr>\r\nX-Inner: 10.0.0.2\r\n\
                Server: SecretGW/7\r\nCall-ID: c";
    rig.invites += 1;
    let sdp = "v=0\r\no=SecretGW 1 1 IN IP4 10.0.0.2\r\ns=inner\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n\
               m=audio 4000 RTP/AVP 8\r\na=X-inner:10.0.0.2\r\n";
    let text = format!(
        "INVITE sip:1@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK{n}\r\n\
         Via: SIP/2.0/UDP host.inner;branch=z9hG4bKinner\r\nFrom: <sip:5@10.0.0.2>;tag={n}\r\n\
         To: <sip:1@10.0.0.1>\r\n{more}{n}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
         Contact: <sip:10.0.0.2>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    rig.receive(A, &text);
    let invite = rig.invites_to(B)[0].clone();
    rig.progress(B, &invite, 183);
    rig.accept(B, &invite);
    let hidden = |rig: &Rig, to: &str, own: &str, inner: &[&str]| {
        let sent = rig.sent.iter().filter(|(at, m)| at == to && m.header(Name::CallId).is_some());
        let mut count = 0;
        for (_, message) in sent {
            // What the peer itself has sent comes back in Via and Record-Route.
            let text = String::from_utf8_lossy(message.bytes());
            let lines: Vec<&str> = text
                .lines()
                .filter(|line| {
                    !(own == A && (line.starts_with("Via") || line.starts_with("Record")))
                })
                .collect();
            for word in inner {
                assert!(!lines.iter().any(|line| line.contains(word)), "{word} in\n{text}");
            }
            count += 1;
        }
        assert!(count > 0);
    };
    hidden(&rig, B, B, &["10.0.0.2", "inner", "SecretGW", "z9hG4bK1", "c1\r\n"]);
    hidden(&rig, A, A, &["10.0.0.3", "AudiocodesGW", "tag=gw"]);
}

#[test]
fn when_there_is_too_much_to_do_new_calls_wait_and_emergencies_do_not() {
    let mut rig = Rig::new("");
    rig.switch.is_behind(Duration::from_secs(1));
    rig.invite(A, "5@", "1");
    assert_eq!((rig.finals_to(A), rig.invites_to(B).len()), (vec![503], 0));
    let refused = &rig.sent.last().expect("an answer").1;
    assert_eq!(refused.retry_after(), Ok(Some(5)));
    rig.invite(A, "5@", "110");
    assert_eq!(rig.invites_to(B).len(), 1);
    rig.switch.is_behind(Duration::from_millis(100));
    rig.invite(A, "5@", "1");
    assert_eq!(rig.invites_to(B).len(), 2);
}

#[test]
fn a_gateway_that_names_a_time_is_left_alone_until_then() {
    let mut rig = Rig::new("[[trunk]]\nname = \"pstn\"\ngateways = [\"e1-b\", \"e1-c\"]\n");
    rig.invite(A, "5@", "3");
    let invite = rig.invites_to(B)[0].clone();
    rig.answer(B, &invite, 503, "Retry-After: 20\r\n");
    assert_eq!(rig.invites_to(B).len(), 1);
    rig.cancel(A, 1, "3");
    rig.run(Duration::from_secs(10));
    let n = rig.invite(A, "5@", "3");
    assert_eq!(rig.invites_to(B).len(), 1, "its time is not over");
    rig.cancel(A, n, "3");
    rig.run(Duration::from_secs(11));
    rig.invite(A, "5@", "3");
    assert_eq!(rig.invites_to(B).len(), 2);
}

/// R10: the units of a region may share one address (a mobile network's): whatever comes from there besides, alarms
/// are read, by call and by message.
#[test]
fn the_care_line_is_reached_from_an_address_that_is_banned() {
    let mut rig = Rig::new("[care]\nnumber = \"900\"\nbells = [\"95081\"]\n");
    let urgent = ["95081", "900"].map(str::to_owned);
    let read =
        |gate: &Gate| matches!(gate, Gate::Urgent(all) if urgent.iter().all(|n| all.contains(n)));
    assert!(rig.gates.iter().any(read), "{:?}", rig.gates);
    for n in 0..5_000 {
        rig.receive(STRANGER, &request("OPTIONS", n, "1001", "User-Agent: friendly-scanner\r\n"));
    }
    let before = rig.sent.len();
    rig.receive(STRANGER, &request("MESSAGE", 9_001, "1001", ""));
    assert_eq!(rig.sent.len(), before, "nothing else of it is answered");
    rig.receive(STRANGER, &request("MESSAGE", 9_002, "900", ""));
    rig.receive(STRANGER, &request("INVITE", 9_003, "95081", ""));
    assert!(rig.sent.len() >= before + 2, "{:?}", &rig.sent[before..]);
}
