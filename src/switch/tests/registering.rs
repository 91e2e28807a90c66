//! Registrations with a provider: challenge, renewal, 423, its calls, and the end.

use super::*;

const PROVIDER: &str = "register = true\nregister_expires = \"10 min\"\ndomain = \"voip.example\"\n\
                        username = \"4008001234\"\npassword = \"secret\"\nping = \"0 s\"\n";

fn provider(more: &str) -> Config {
    let text = format!(
        "[sip]\nlisten = [\"udp:{BELFRY}\"]\ndomain = \"10.0.0.1\"\n\
         [[gateway]]\nname = \"e1-b\"\naddress = \"udp:{B}\"\nping = \"0 s\"\n\
         [[gateway]]\nname = \"e1-a\"\naddress = \"udp:{A}\"\n{more}\n"
    );
    Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}")).0
}

fn rig() -> Rig {
    let mut rig = Rig::new("");
    rig.input(Input::Reload(Box::new(provider(PROVIDER)), plan(TimeZone::UTC)));
    rig.run(Duration::from_secs(2));
    rig
}

/// The REGISTERs that A got, each transaction once.
fn registers(rig: &Rig) -> Vec<Message> {
    let to_a = rig.sent.iter().filter(|(at, m)| at == A && *m.method() == Method::Register);
    let mut all: Vec<Message> = to_a.map(|(_, m)| m.clone()).filter(Message::is_request).collect();
    all.dedup_by_key(|m| header(m, Name::Via));
    all
}
fn header(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}
/// The user of the contact.
fn token(register: &Message) -> String {
    let contact = header(register, Name::Contact);
    contact.trim_start_matches("<sip:").split('@').next().unwrap_or_default().to_owned()
}
fn accept(rig: &mut Rig, register: &Message, seconds: u32) {
    let contact = format!("Contact: {};expires={seconds}\r\n", header(register, Name::Contact));
    let other = "Contact: <sip:4008001234@10.7.7.7>;expires=9\r\n";
    rig.answer(A, register, 200, &format!("{other}{contact}Expires: 7\r\n"));
}
fn turns(rig: &Rig) -> Vec<bool> {
    let of = |fact: &FactKind| match fact {
        FactKind::GatewayRegistration { registered, .. } => Some(*registered),
        _ => None,
    };
    rig.facts.iter().filter_map(of).collect()
}

#[test]
fn it_proves_the_password_and_renews_in_time() {
    let mut rig = rig();
    let first = registers(&rig)[0].clone();
    assert_eq!(first.request_uri(), Some(&b"sip:voip.example"[..]));
    assert_eq!(header(&first, Name::To), "<sip:4008001234@voip.example>");
    assert_eq!(header(&first, Name::Expires), "600");
    let challenge =
        "WWW-Authenticate: Digest realm=\"voip.example\", nonce=\"n\", qop=\"auth\"\r\n";
    rig.answer(A, &first, 401, challenge);
    let second = registers(&rig)[1].clone();
    assert!(header(&second, Name::Authorization).contains("username=\"4008001234\""));
    assert_eq!(turns(&rig), [] as [bool; 0]);
    accept(&mut rig, &second, 120);
    assert_eq!(turns(&rig), [true]);
    rig.run(Duration::from_secs(110));
    let third = registers(&rig).last().cloned().expect("a renewal");
    assert_eq!(registers(&rig).len(), 3);
    let number = |m: &Message| m.cseq().expect("a CSeq").number;
    assert_eq!(header(&third, Name::CallId), header(&first, Name::CallId));
    assert!(number(&third) > number(&second) && number(&second) > number(&first));
    assert_eq!(token(&third), token(&first));
    // Nobody answers any more: it holds to its end, and not longer.
    rig.run(Duration::from_secs(5));
    assert_eq!(turns(&rig), [true]);
    rig.run(Duration::from_secs(10));
    assert_eq!(turns(&rig), [true, false]);
}

#[test]
fn a_longer_time_is_taken_and_a_refusal_is_not_repeated_at_once() {
    let mut rig = rig();
    let first = registers(&rig)[0].clone();
    rig.answer(A, &first, 423, "Min-Expires: 1800\r\n");
    rig.run(Duration::from_millis(1));
    let second = registers(&rig)[1].clone();
    assert_eq!(header(&second, Name::Expires), "1800");
    rig.answer(A, &second, 403, "");
    rig.run(Duration::from_secs(4));
    assert_eq!(registers(&rig).len(), 2);
    rig.run(Duration::from_secs(5));
    assert_eq!(registers(&rig).len(), 3);
    assert!(rig.log.iter().any(|line| line.contains("refused with 403")), "{:?}", rig.log);
}

#[test]
fn a_call_to_our_contact_is_the_providers_whatever_its_address() {
    let mut rig = rig();
    let first = registers(&rig)[0].clone();
    accept(&mut rig, &first, 600);
    let invite = |to: &str, n: u32| {
        format!(
            "INVITE sip:{to}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {STRANGER};branch=z9hG4bKp{n}\r\n\
             From: <sip:13800138000@voip.example>;tag=p{n}\r\nTo: <sip:1@voip.example>\r\n\
             Call-ID: p{n}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{STRANGER}>\r\n\
             Content-Length: 0\r\n\r\n"
        )
    };
    rig.receive(STRANGER, &invite("0123456789abcdef", 1));
    assert_eq!(rig.finals_to(STRANGER), [401], "not the contact that we gave");
    rig.receive(STRANGER, &invite(&token(&first), 2));
    assert_eq!(rig.invites_to(B).len(), 1, "the number dialled is To's");
    assert_eq!(rig.switch.gateways.get("e1-a").map(|gateway| gateway.busy), Some(1));
}

#[test]
fn calls_out_go_to_the_providers_domain_by_its_proxy() {
    let mut rig = Rig::new("");
    let proxied = format!("{PROVIDER}outbound_proxy = \"udp:{C}\"\n");
    rig.input(Input::Reload(Box::new(provider(&proxied)), plan(TimeZone::UTC)));
    rig.invite(B, "5@", "4");
    let invite = rig.invites_to(C)[0].clone();
    assert_eq!(invite.request_uri(), Some(&b"sip:5@voip.example"[..]));
    assert_eq!(header(&invite, Name::Route), "<sip:10.0.0.4:5060;lr>");
    assert_eq!(header(&invite, Name::From).split(';').next(), Some("<sip:5@voip.example>"));
    rig.run(Duration::from_secs(2));
    let register = rig.sent.iter().find(|(at, m)| at == C && *m.method() == Method::Register);
    assert_eq!(
        header(&register.expect("it goes there too").1, Name::Route),
        "<sip:10.0.0.4:5060;lr>"
    );
}

#[test]
fn who_is_taken_out_of_the_configuration_or_stops_unregisters() {
    for stop in [false, true] {
        let mut rig = rig();
        let first = registers(&rig)[0].clone();
        accept(&mut rig, &first, 600);
        match stop {
            true => rig.input(Input::Drain),
            false => rig.input(Input::Reload(Box::new(config("")), plan(TimeZone::UTC))),
        }
        let last = registers(&rig).last().cloned().expect("a REGISTER");
        assert_eq!((registers(&rig).len(), header(&last, Name::Expires).as_str()), (2, "0"));
        rig.answer(A, &last, 200, "");
        rig.run(Duration::from_secs(1_000));
        assert_eq!(registers(&rig).len(), 2, "and no more");
    }
}
