use super::*;
use crate::sip::Transport;

/// Bindings that an address may have.
const MOST: usize = 10;

const AT: fn(u64) -> Time = |s| Time::from_millis(s * 1_000);

fn flow(port: u16) -> Flow {
    let local = "192.0.2.1:5060".parse().expect("an address");
    let remote = std::net::SocketAddr::new([198, 51, 100, 7].into(), port);
    Flow { transport: Transport::Udp, local, remote }
}

fn request(call_id: &str, cseq: u32, more: &str) -> Message {
    let text = format!(
        "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK{cseq}\r\nTo: <sip:1001@h>\r\n\
         From: <sip:1001@h>;tag=1\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n{more}\r\n"
    );
    Message::parse(text.as_bytes()).expect("a message")
}

fn register(r: &mut Registrar, s: u64, cseq: u32, more: &str) -> Result<Vec<String>, u16> {
    register_as(r, s, "c", cseq, more)
}

fn register_as(
    r: &mut Registrar,
    s: u64,
    call_id: &str,
    cseq: u32,
    more: &str,
) -> Result<Vec<String>, u16> {
    let done = r.register(AT(s), "1001", flow(5060), &request(call_id, cseq, more), MOST);
    let text = |(_, value): &(Name, Vec<u8>)| String::from_utf8_lossy(value).into_owned();
    done.map(|done| done.headers.iter().map(text).collect()).map_err(|refused| refused.status)
}

fn found(r: &Registrar, s: u64) -> Vec<String> {
    r.lookup(AT(s), "1001").iter().map(|b| b.contact.to_string()).collect()
}

/// Two devices of one number behind one proxy: what one of them wants is not the other's wish.
#[test]
fn of_two_devices_on_one_way_the_contact_says_which_wants_savp() {
    let mut r = Registrar::new(RegistrarConfig::default());
    register(&mut r, 0, 1, "Contact: <sip:a@p1>, <sip:b@p2>\r\n").expect("taken");
    let savp = |r: &Registrar| -> Vec<String> {
        let wish = r.lookup(AT(1), "1001").into_iter().filter(|b| b.savp);
        wish.map(|b| b.contact.to_string()).collect()
    };
    r.learn_savp("1001", flow(5060), None, true);
    assert!(savp(&r).is_empty(), "it may be either");
    r.learn_savp("1001", flow(5060), Uri::parse(b"sip:b@p2").ok().as_ref(), true);
    assert_eq!(savp(&r), ["sip:b@p2"]);
    // Alone it needs no Contact that is the same.
    register(&mut r, 2, 2, "Contact: <sip:b@p2>;expires=0\r\n").expect("taken");
    r.learn_savp("1001", flow(5060), Uri::parse(b"sip:x@nat").ok().as_ref(), true);
    assert_eq!(savp(&r), ["sip:a@p1"]);
}

#[test]
fn several_contacts_are_bound_and_found_best_first() {
    let mut r = Registrar::new(RegistrarConfig::default());
    let more = "Contact: <sip:a@p1>;q=0.5, <sip:b@p2;x=1>;expires=60;+sip.instance=\"<urn:1>\"\r\n\
                Contact: sip:c@p3;q=0.5;unknownparam\r\nExpires: 600\r\n";
    let contacts = register(&mut r, 0, 1, more).expect("taken");
    assert_eq!(
        contacts,
        [
            "<sip:a@p1>;q=0.500;expires=600",
            "<sip:b@p2;x=1>;+sip.instance=\"<urn:1>\";expires=60",
            "<sip:c@p3>;unknownparam;q=0.500;expires=600"
        ]
    );
    assert_eq!(found(&r, 1), ["sip:b@p2;x=1", "sip:c@p3", "sip:a@p1"]);
    assert_eq!(register(&mut r, 10, 2, "").expect("a query").len(), 3);
    assert_eq!(r.next_wake(), Some(AT(60)));
    assert_eq!(r.wake(AT(59)).len(), 0);
    assert_eq!(found(&r, 60), ["sip:c@p3", "sip:a@p1"], "expired though not swept yet");
    let gone = r.wake(AT(60));
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].1.contact.to_string(), "sip:b@p2;x=1");
    assert_eq!(r.wake(AT(600)).len(), 2);
    assert_eq!((r.counts(), r.next_wake()), ((0, 0), None));
}

#[test]
fn an_older_or_repeated_request_changes_nothing() {
    let mut r = Registrar::new(RegistrarConfig::default());
    register(&mut r, 0, 5, "Contact: <sip:a@p>\r\n").expect("taken");
    let both = "Contact: <sip:new@p>\r\nContact: <sip:a@p>;expires=0\r\n";
    for cseq in [5, 4] {
        assert_eq!(register(&mut r, 1, cseq, both), Err(500), "whole or not at all");
        assert_eq!(register(&mut r, 1, cseq, "Contact: *\r\nExpires: 0\r\n"), Err(500));
    }
    assert_eq!(found(&r, 1), ["sip:a@p"]);
    assert!(register_as(&mut r, 1, "rebooted", 1, both).is_ok(), "another Call-ID counts anew");
    assert_eq!(found(&r, 1), ["sip:new@p"]);
}

/// A refresh leaves the table of times as it is; what is looked at too early stays, and expires in its time.
#[test]
fn a_refreshed_binding_is_looked_at_early_and_goes_late() {
    let mut r = Registrar::new(RegistrarConfig::default());
    let contact = "Contact: <sip:a@p>;expires=60\r\n";
    register(&mut r, 0, 1, contact).expect("taken");
    register(&mut r, 40, 2, contact).expect("refreshed");
    assert_eq!(register(&mut r, 41, 2, contact), Err(500), "an old one takes nothing away");
    assert_eq!(register(&mut r, 41, 3, "Contact: <sip:a@p>;expires=3\r\n"), Err(423));
    assert_eq!(found(&r, 41), ["sip:a@p"]);
    assert_eq!(r.next_wake(), Some(AT(60)));
    assert!(r.wake(AT(60)).is_empty());
    assert_eq!((found(&r, 99), r.next_wake()), (vec!["sip:a@p".to_owned()], Some(AT(100))));
    // A shorter wish is looked at in time.
    register(&mut r, 61, 4, "Contact: <sip:a@p>;expires=30\r\n").expect("refreshed");
    assert_eq!(r.next_wake(), Some(AT(91)));
    assert_eq!(r.wake(AT(91)).len(), 1);
    assert_eq!((r.counts(), r.next_wake()), ((0, 0), None));
}

#[test]
fn the_star_needs_expires_0() {
    let mut r = Registrar::new(RegistrarConfig::default());
    register(&mut r, 0, 1, "Contact: <sip:a@p>, <sip:b@p>\r\n").expect("taken");
    assert_eq!(register(&mut r, 1, 2, "Contact: *\r\n"), Err(400));
    assert_eq!(register(&mut r, 1, 2, "Contact: *\r\nExpires: 1\r\n"), Err(400));
    assert_eq!(register(&mut r, 1, 2, "Contact: *\r\nExpires: 0\r\n"), Ok(vec![]));
    assert_eq!((r.counts(), r.next_wake()), ((0, 0), None));
}

#[test]
fn expires_is_bounded_on_both_sides() {
    let mut r = Registrar::new(RegistrarConfig::default());
    let done = r.register(
        AT(0),
        "1001",
        flow(1),
        &request("c", 1, "m: <sip:a@p>\r\nExpires: 5\r\n"),
        MOST,
    );
    let refused = done.expect_err("too brief");
    assert_eq!(refused, Refused::with(423, Name::MinExpires, 30));
    let contacts = register(&mut r, 0, 2, "m: <sip:a@p>\r\nExpires: 99999999\r\n").expect("taken");
    assert_eq!(contacts, ["<sip:a@p>;expires=7200"]);
    let contacts = register(&mut r, 0, 3, "m: <sip:a@p>\r\n").expect("taken");
    assert_eq!(contacts, ["<sip:a@p>;expires=3600"], "the default");
    let contacts = register(&mut r, 0, 4, "m: <sip:a@p>;expires=99999999999\r\n").expect("taken");
    assert_eq!(contacts, ["<sip:a@p>;expires=3600"], "unreadable counts as an hour (§10.3)");
    assert_eq!(register(&mut r, 1, 5, "m: <sip:a@p>;expires=0\r\n"), Ok(vec![]));
    assert_eq!(register(&mut r, 1, 6, "m: <sip:a@p>;expires=0\r\n"), Ok(vec![]), "not there");
}

#[test]
fn a_full_address_forgets_the_oldest_and_a_full_registrar_refuses() {
    let config = RegistrarConfig { addresses: 1, ..RegistrarConfig::default() };
    let mut r = Registrar::new(config);
    let mut two = |s: u64, cseq, more: &str| {
        let done = r.register(AT(s), "1001", flow(5060), &request("c", cseq, more), 2);
        done.map(|_| found(&r, s)).map_err(|refused| refused.status)
    };
    two(0, 1, "m: <sip:a@p>\r\n").expect("taken");
    two(1, 2, "m: <sip:b@p>\r\n").expect("taken");
    two(2, 3, "m: <sip:a@p>\r\n").expect("refreshed");
    assert_eq!(two(3, 4, "m: <sip:c@p>\r\n").expect("taken"), ["sip:c@p", "sip:a@p"]);
    assert_eq!(two(4, 5, "m: <sip:d@p>,<sip:e@p>,<sip:f@p>\r\n"), Err(403));
    let moves = "m: <sip:a@p>;expires=0,<sip:c@p>;expires=0,<sip:d@p>,<sip:e@p>\r\n";
    assert_eq!(two(4, 6, moves).expect("only two stay"), ["sip:e@p", "sip:d@p"]);
    let other = r.register(AT(4), "1002", flow(1), &request("c", 1, "m: <sip:a@p>\r\n"), MOST);
    assert_eq!(other.expect_err("full").status, 503);
    assert!(
        r.register(AT(4), "1002", flow(1), &request("c", 1, ""), MOST).is_ok(),
        "a query binds nothing"
    );
    assert_eq!(r.counts(), (1, 2));
}

#[test]
fn each_address_has_the_bound_that_its_request_brings() {
    let mut r = Registrar::new(RegistrarConfig::default());
    let mut bind = |aor: &str, cseq: u32, most: usize| {
        let more = format!("m: <sip:{cseq}@p>\r\n");
        let done = r.register(AT(0), aor, flow(5060), &request("c", cseq, &more), most);
        let gone = done.expect("taken").changes.len() - 1;
        (r.lookup(AT(0), aor).len(), gone)
    };
    let one: Vec<_> = (1..4).map(|cseq| bind("1001", cseq, 1)).collect();
    assert_eq!(one, [(1, 0), (1, 1), (1, 1)]);
    let three: Vec<_> = (1..5).map(|cseq| bind("1002", cseq, 3)).collect();
    assert_eq!(three, [(1, 0), (2, 0), (3, 0), (3, 1)]);
    assert_eq!(bind("1002", 5, 2), (2, 2), "the bound was lowered meanwhile");
}

#[test]
fn a_new_flow_is_told_and_used() {
    let mut r = Registrar::new(RegistrarConfig::default());
    let first =
        r.register(AT(0), "1001", flow(1000), &request("c", 1, "m: <sip:a@10.0.0.2>\r\n"), MOST);
    assert!(matches!(first.expect("taken").changes[..], [Change::Added(_)]));
    let same =
        r.register(AT(9), "1001", flow(1000), &request("c", 2, "m: <sip:a@10.0.0.2>\r\n"), MOST);
    assert!(same.expect("taken").changes.is_empty());
    let moved =
        r.register(AT(9), "1001", flow(1001), &request("c", 3, "m: <sip:a@10.0.0.2>\r\n"), MOST);
    assert!(matches!(moved.expect("taken").changes[..], [Change::Moved(_)]));
    assert_eq!(r.lookup(AT(9), "1001")[0].flow, flow(1001));
}

#[test]
fn a_connection_takes_its_bindings_along_and_no_others() {
    let mut r = Registrar::new(RegistrarConfig::default());
    let tcp = |port| Flow { transport: Transport::Tcp, ..flow(port) };
    let mut bind = |aor: &str, flow: Flow, cseq, contact: &str| {
        let more = format!("m: <sip:{contact}>\r\n");
        r.register(AT(0), aor, flow, &request(contact, cseq, &more), MOST).expect("taken");
    };
    bind("1001", tcp(1), 1, "desk@p");
    bind("1001", tcp(2), 1, "soft@p");
    bind("1001", flow(1), 1, "udp@p");
    bind("1002", tcp(1), 1, "other@p");
    bind("1003", tcp(1), 1, "moves@p");
    bind("1003", tcp(3), 2, "moves@p");
    let gone = |gone: Vec<(Box<str>, Binding)>| {
        gone.iter().map(|(aor, b)| format!("{aor} {}", b.contact)).collect::<Vec<_>>()
    };
    assert_eq!(gone(r.flow_failed(tcp(1))), ["1001 sip:desk@p", "1002 sip:other@p"]);
    assert_eq!(gone(r.flow_failed(tcp(1))), [""; 0], "told once");
    assert_eq!(gone(r.flow_failed(flow(1))), [""; 0], "datagrams have no end");
    assert_eq!(found(&r, 1), ["sip:udp@p", "sip:soft@p"]);
    assert_eq!(gone(r.flow_failed(tcp(3))), ["1003 sip:moves@p"]);
    assert_eq!(gone(r.flow_failed(tcp(2))), ["1001 sip:soft@p"]);
    assert_eq!((r.counts(), r.connections.len()), ((1, 1), 0));
    r.wake(AT(3_600));
    assert_eq!((r.counts(), r.next_wake()), ((0, 0), None));
}

#[test]
fn escaped_and_nul_users_are_bindings_of_their_own() {
    let mut r = Registrar::new(RegistrarConfig::default());
    let more = "Contact: <sip:%00@h>, <sip:%00%00@h>, <sip:user@h?Route=%3Csip:x%3E>\r\n";
    let contacts = register(&mut r, 0, 1, more).expect("taken");
    assert_eq!(contacts.len(), 3, "{contacts:?}");
}

#[test]
fn the_state_survives_being_written_down() {
    let mut r = Registrar::new(RegistrarConfig::default());
    register(&mut r, 0, 1, "m: <sip:a@p>;q=0.2;x=\"y\"\r\nPath: <sip:edge;lr>\r\n").expect("taken");
    let text = serde_json::to_string(&r).expect("plain data");
    let again: Registrar = serde_json::from_str(&text).expect("readable");
    assert_eq!(again.lookup(AT(1), "1001"), r.lookup(AT(1), "1001"));
    assert_eq!(again.next_wake(), r.next_wake());
}

#[test]
fn a_renewal_is_told_now_and_then() {
    let mut r = Registrar::new(RegistrarConfig::default());
    let told = (0..=20u64).filter(|minute| {
        let request = request("c", *minute as u32 + 1, "m: <sip:a@10.0.0.2>\r\nExpires: 60\r\n");
        let done = r.register(AT(minute * 60 - minute), "1001", flow(1), &request, MOST);
        !done.expect("taken").changes.is_empty()
    });
    assert_eq!(told.collect::<Vec<_>>(), [0, 11], "of one each minute");
}

#[test]
fn what_had_to_make_room_is_told_as_replaced() {
    let mut r = Registrar::new(RegistrarConfig::default());
    for (n, replaced) in [(1, 0), (2, 1)] {
        let request = request("c", n, &format!("m: <sip:{n}@10.0.0.2>\r\n"));
        let changes = r.register(AT(0), "1001", flow(1), &request, 1).expect("taken").changes;
        let gone = changes.iter().filter(|change| matches!(change, Change::Replaced(_)));
        assert_eq!(gone.count(), replaced);
    }
}

/// RFC 5626 §3.3's phone with two flows.
#[test]
fn the_flows_of_one_phone_are_told_apart_and_it_rings_once() {
    let mut r = Registrar::new(RegistrarConfig::default());
    let tcp = |port| Flow { transport: Transport::Tcp, ..flow(port) };
    let mut take = |s: u64, cseq: u32, port: u16, contact: &str, reg_id: u32, supported: &str| {
        let more = format!(
            "Supported: path, {supported}\r\nContact: <sip:a@{contact}>;reg-id={reg_id};\
             +sip.instance=\"<urn:uuid:1>\"\r\n"
        );
        let call = format!("call-{reg_id}");
        let done = r.register(AT(s), "1001", tcp(port), &request(&call, cseq, &more), MOST);
        let headers = done.expect("taken").headers;
        let required =
            headers.iter().any(|(name, value)| *name == Name::Require && value == b"outbound");
        let timed = headers.iter().any(|(name, value)| *name == Name::FlowTimer && value == b"120");
        assert_eq!(timed, required, "over a stream, and only who keeps flows");
        let all = r.all().map(|(_, all)| all.len()).sum::<usize>();
        let called: Vec<u16> =
            r.lookup(AT(s), "1001").iter().map(|b| b.flow.remote.port()).collect();
        (required, all, called)
    };
    assert_eq!(take(0, 1, 1, "10.0.0.2:1", 1, "outbound"), (true, 1, vec![1]));
    assert_eq!(take(1, 1, 2, "10.0.0.2:2", 2, "outbound"), (true, 2, vec![2]));
    // Its first flow anew, from elsewhere and with another Contact: it takes the old one's place.
    assert_eq!(take(2, 2, 3, "10.0.0.9:3", 1, "outbound"), (true, 2, vec![3]));
    // A sender that does not know `outbound` is bound by its Contact.
    assert_eq!(take(3, 3, 4, "10.0.0.7:4", 3, "gruu"), (false, 3, vec![4, 3]));
    r.flow_failed(tcp(3));
    let called: Vec<u16> = r.lookup(AT(4), "1001").iter().map(|b| b.flow.remote.port()).collect();
    assert_eq!(called, [4, 2], "the other flow is called when one has ended");
}

#[test]
fn a_reg_id_that_is_none_is_nothing() {
    let mut r = Registrar::new(RegistrarConfig::default());
    for (n, params) in
        ["reg-id=0", "reg-id=x", "reg-id", "reg-id=1", "reg-id=99999999999"].into_iter().enumerate()
    {
        let instance = if n == 3 { "" } else { ";+sip.instance=\"<urn:1>\"" };
        let more = format!("Supported: outbound\r\nContact: <sip:a@p{n}>;{params}{instance}\r\n");
        register(&mut r, 0, 1 + n as u32, &more).expect("taken");
    }
    assert_eq!(r.counts(), (1, 5));
    assert_eq!(r.lookup(AT(1), "1001").len(), 5);
}

#[test]
fn a_binding_over_datagrams_comes_back_from_its_record_and_one_over_a_connection_does_not() {
    let now = AT(100);
    let more = "Contact: <sip:1001@10.0.0.7:5062;ob>;q=0.5;+sip.instance=\"<urn:uuid:1>\";reg-id=2\r\n\
                Supported: outbound, path\r\nPath: <sip:edge.example;lr>\r\nUser-Agent: tester/1\r\n";
    let mut registrar = Registrar::new(RegistrarConfig::default());
    let message = request("c", 7, more);
    registrar.register(now, "1001", flow(5060), &message, MOST).expect("taken");
    let binding = registrar.lookup(now, "1001")[0].clone();
    let record = binding.to_record().expect("it can be written");
    let later = AT(5);
    let back = Binding::from_record(&record, later, binding.expires).expect("it can be read");
    assert_eq!(back, Binding { refreshed: later, told: later, ..binding.clone() });
    let over =
        Binding { flow: Flow { transport: Transport::Tcp, ..flow(5060) }, ..binding.clone() };
    assert_eq!(over.to_record(), None);
    assert_eq!(Binding::from_record("{}", later, later), None);
    // 3,600 s were given. A renewal may not have been written; after a stop in good order all were.
    let s = |seconds: u64| Some(crate::base::Duration::from_secs(seconds));
    let sure = record.replacen('{', &format!("{{\"{SURE}\":true,"), 1);
    assert_eq!([holds(&record, 60_000), holds(&sure, 60_000)], [s(660), s(60)]);
    assert_eq!([holds(&record, 3_500_000), holds(&sure, 3_500_000)], [s(3_600), s(3_500)]);
    assert_eq!([holds(&record, -599_000), holds(&sure, -1)], [s(1), None]);
    assert_eq!([holds(&record, -600_000), holds("{}", 60_000)], [None, None]);

    // What the phone has said since is the newer; and there may be no place.
    assert!(!registrar.restore(now, "1001", back.clone(), 3), "it is there");
    let mut fresh = Registrar::new(RegistrarConfig::default());
    assert!(
        fresh.restore(now, "1001", back.clone(), 1) && !fresh.restore(now, "1001", back.clone(), 1)
    );
    assert!(!fresh.restore(back.expires, "1002", back, 1), "it is over");
    assert_eq!(fresh.lookup(now, "1001").len(), 1);
}

#[test]
fn a_contact_that_cannot_be_called_is_refused_and_what_no_request_may_bear_is_left_out() {
    let mut r = Registrar::new(RegistrarConfig::default());
    for contact in ["<tel:+8613800138000>", "<mailto:a@h>", "<sip:a@h>, <tel:1>"] {
        let message = request("c", 1, &format!("Contact: {contact}\r\n"));
        let refused = r.register(AT(0), "1001", flow(5060), &message, MOST).expect_err(contact);
        let said = String::from_utf8_lossy(&refused.headers[0].1).into_owned();
        assert!(refused.status == 400 && said.contains("sip:"), "{said}");
    }
    assert!(found(&r, 1).is_empty());
    register(&mut r, 1, 2, "Contact: <sip:a@h;method=BYE;ob?X-H=1>\r\n").expect("taken");
    assert_eq!(found(&r, 2), ["sip:a@h;ob"]);
    register(&mut r, 2, 3, "Contact: <sip:a@h;ob?X-H=2>;expires=0\r\n").expect("taken");
    assert!(found(&r, 3).is_empty(), "by the same Contact it is taken back");
}

#[test]
fn proxies_on_the_path_are_the_route_and_told() {
    let mut r = Registrar::new(RegistrarConfig::default());
    let more = "Contact: <sip:1001@10.0.0.7>\r\nPath: <sip:edge.example;lr;ob>, <sip:10.9.9.9;lr>\r\n\
                Path: <sip:inner@10.8.8.8;lr>\r\n";
    let told = register(&mut r, 0, 1, more).expect("taken");
    let paths = ["<sip:edge.example;lr;ob>", "<sip:10.9.9.9;lr>", "<sip:inner@10.8.8.8;lr>"];
    assert_eq!(told[1..], paths);
    let routes = r.lookup(AT(1), "1001")[0].routes();
    let routes: Vec<String> = routes.iter().map(|uri| format!("<{uri}>")).collect();
    assert_eq!(routes, paths);
}
