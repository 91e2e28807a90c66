//! Legs of browsers: found by checks, keyed by a handshake that stands elsewhere.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::*;
use crate::media::control::Carriage;
use crate::media::dtls;
use crate::media::ice::{Credentials, Terms};
use crate::media::srtp::{Keys, Srtp};
use crate::wire::sdp::{Fingerprint, Hash};
use crate::wire::srtp::{KeySource, MOST_TAIL, Suite};
use crate::wire::stun::check::{Key, request};

/// How a datagram of a DTLS handshake begins.
const DTLS: &[u8] = &[22, 0xfe, 0xfd, 0];
const PASSWORD: &str = "our password of 22 or so";

fn ice() -> Terms {
    let side = |fragment: &str, password: &str| Credentials {
        fragment: fragment.into(),
        password: password.into(),
    };
    Terms { ours: side("ours", PASSWORD), theirs: side("theirs", "x") }
}

fn dtls(active: bool) -> dtls::Terms {
    dtls::Terms { fingerprint: Fingerprint::of(Hash::Sha256, b"theirs"), active, id: None }
}

fn check(nominate: bool) -> Vec<u8> {
    static NTH: AtomicU64 = AtomicU64::new(0);
    request("ours:theirs", &Key::new(PASSWORD), nominate, NTH.fetch_add(1, Relaxed))
}

fn keys() -> (Keys, Keys) {
    let mut source = KeySource::from_seed([5; 32]);
    let suite = Suite::AeadAes128Gcm;
    let (send, receive) = (source.next(suite), source.next(suite));
    (Keys { send: send.clone(), receive: receive.clone() }, Keys { send: receive, receive: send })
}

/// The beginning of a ClientHello.
fn hello() -> Vec<u8> {
    let mut bytes = vec![0; 60];
    bytes[..DTLS.len()].copy_from_slice(DTLS);
    bytes[13] = 1;
    bytes
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 7], port))
}

impl World {
    /// A browser's leg; with ICE nothing is known of where it is.
    fn browser(&mut self, n: u8, with_ice: bool, active: bool) -> Phone {
        let phone = self.phone(n, Codec::Pcma);
        self.set(&phone, |params| {
            params.carriage = Carriage {
                rtcp_mux: true,
                ice: with_ice.then(ice),
                dtls: Some(dtls(active)),
                asymmetric: false,
            };
            if with_ice {
                (params.remote, params.remote_rtcp) = (None, None);
            }
        });
        phone
    }

    fn sent_to(&mut self, to: SocketAddr) -> Vec<Sent> {
        let (to, rest) = self.out.sent.drain(..).partition(|sent| sent.to == to);
        self.out.sent = rest;
        to
    }
}

/// A packet of the phone's, sealed with `srtp`.
fn sealed(phone: &mut Phone, srtp: &mut Srtp) -> Vec<u8> {
    let mut packet = vec![0; HEADER_LEN + 160];
    let Phone { ssrc, sequence, timestamp, .. } = *phone;
    let header = Header { marker: false, payload_type: 8, sequence, timestamp, ssrc };
    write_header(packet.first_chunk_mut().expect("it is longer"), header);
    phone.sequence = sequence.wrapping_add(1);
    phone.timestamp = timestamp.wrapping_add(160);
    let len = packet.len();
    packet.resize(len + MOST_TAIL, 0);
    let len = srtp.send(&mut packet, len).expect("sealed");
    packet.truncate(len);
    packet
}

#[test]
fn a_check_that_is_right_is_answered_and_says_where_to_send() {
    let mut world = world();
    let mut browser = world.browser(1, true, false);
    let plain = world.phone(2, Codec::Pcma);
    world.bridge(&browser, &plain);
    assert_eq!(world.datagram(browser.port, at(1), &check(false)), Disposition::Consumed);
    let answers = world.sent_to(at(1));
    assert_eq!((answers.len(), answers[0].kind, answers[0].bytes[0]), (1, Kind::Rtp, 1));
    assert_eq!(world.datagram(browser.port, at(2), b"\x00\x01\x00\x00torn"), Disposition::Foreign);
    assert!(world.sent_to(at(2)).is_empty());

    // A handshake is taken from where a check came from, and from nobody else.
    assert_eq!(world.datagram(browser.port, at(1), DTLS), Disposition::Consumed);
    assert_eq!(world.datagram(browser.port, at(9), DTLS), Disposition::Foreign);
    assert_eq!(world.out.shaken, [(browser.leg, DTLS.to_vec())]);
    world.plane.handshake(browser.leg, b"flight", &mut world.out);
    assert_eq!(world.sent_to(at(1))[0].bytes, b"flight");

    // Nothing goes either way before there are keys, and all of it afterwards.
    let mut speaker = plain.clone();
    let head = |phone: &mut Phone| {
        let mut none = Srtp::new(keys().1);
        sealed(phone, &mut none)[..HEADER_LEN + 160].to_vec()
    };
    let packet = head(&mut speaker);
    assert_eq!(world.datagram(plain.port, plain.addr, &packet), Disposition::Consumed);
    let (ours, theirs) = keys();
    let mut far = Srtp::new(theirs);
    let early = sealed(&mut browser, &mut far);
    assert_eq!(world.datagram(browser.port, at(1), &early), Disposition::Consumed);
    assert!(world.out.sent.is_empty());
    world.plane.keyed(world.now, browser.leg, &dtls(false), ours);
    world.datagram(browser.port, at(3), &check(true));
    let answered = world.sent_to(at(3)).len();
    let packet = head(&mut speaker);
    world.datagram(plain.port, plain.addr, &packet);
    let to_browser = world.sent_to(at(3));
    assert_eq!((answered, to_browser.len()), (1, 1), "to the address that was nominated");
    let mut heard = to_browser[0].bytes.clone();
    assert!(far.receive(world.now, &mut heard).is_ok());
    let packet = sealed(&mut browser, &mut far);
    let given = world.datagram(browser.port, at(1), &packet);
    assert!(matches!(given, Disposition::Forward { .. }), "authentic, from wherever: {given:?}");

    // The browser moves to another network: its next check says so, its audio follows.
    world.datagram(browser.port, at(4), &check(true));
    world.out.sent.clear();
    let packet = head(&mut speaker);
    world.datagram(plain.port, plain.addr, &packet);
    assert_eq!(world.sent_to(at(4)).len(), 1);
}

#[test]
fn reports_go_by_the_rtp_port_and_only_under_the_keys() {
    let mut world = world();
    let browser = world.browser(1, true, false);
    world.datagram(browser.port, at(1), &check(true));
    world.out.sent.clear();
    world.pass(20_000);
    assert!(world.out.sent.is_empty(), "there are no keys");
    let (ours, theirs) = keys();
    world.plane.keyed(world.now, browser.leg, &dtls(false), ours);
    world.pass(20_000);
    let reports = world.sent_to(at(1));
    assert!(reports.len() >= 2 && reports.iter().all(|sent| sent.kind == Kind::Rtp));
    let mut far = Srtp::new(theirs);
    for sent in reports {
        let mut bytes = sent.bytes;
        assert!(far.receive_rtcp(sent.at, &mut bytes).is_ok());
    }
}

#[test]
fn without_rtcp_mux_there_are_no_reports() {
    let mut world = world();
    let phone = world.browser(1, false, false);
    world.set(&phone, |params| params.carriage.dtls = Some(dtls(false)));
    world.plane.keyed(world.now, phone.leg, &dtls(false), keys().0);
    world.pass(20_000);
    world.command(Command::Close { leg: phone.leg });
    world.pass(1_000);
    assert!(world.out.sent.is_empty(), "the other port has no keys");
}

#[test]
fn who_begins_is_told_when_there_is_a_way() {
    let mut world = world();
    let browser = world.browser(1, true, true);
    world.datagram(browser.port, at(1), &check(false));
    world.datagram(browser.port, at(1), &check(true));
    let nudge = (browser.leg, Vec::new());
    assert_eq!(world.out.shaken, [nudge.clone(), nudge.clone()], "each time, for one may be lost");
    world.plane.keyed(world.now, browser.leg, &dtls(true), keys().0);
    world.datagram(browser.port, at(1), &check(true));
    assert_eq!(world.out.shaken.len(), 2, "there are keys");
}

#[test]
fn another_device_of_the_same_offer_begins_anew_and_the_first_hears_nothing_more() {
    let mut world = world();
    let browser = world.browser(1, true, false);
    world.play(&browser, 1, vec![Item::Silence(60_000)], false);
    world.datagram(browser.port, at(1), &check(true));
    let first = dtls(false);
    world.plane.keyed(world.now, browser.leg, &first, keys().0);
    world.pass(200);
    assert!(world.sent_to(at(1)).len() > 5);
    let fingerprint = Fingerprint::of(Hash::Sha256, b"the other's");
    let second = dtls::Terms { fingerprint, ..dtls(false) };
    world.set(&browser, |params| {
        let mut terms = ice();
        terms.theirs.fragment = "others".into();
        let carriage = Carriage {
            rtcp_mux: true,
            ice: Some(terms),
            dtls: Some(second.clone()),
            asymmetric: false,
        };
        params.carriage = carriage;
        (params.remote, params.remote_rtcp) = (None, None);
    });
    world.out.sent.clear();
    assert_eq!(world.datagram(browser.port, at(1), &check(true)), Disposition::Foreign);
    assert_eq!(world.datagram(browser.port, at(1), DTLS), Disposition::Foreign);
    world.plane.keyed(world.now, browser.leg, &first, keys().0);
    world.pass(200);
    assert!(world.out.sent.is_empty(), "neither there nor under its keys");
    let asks = request("ours:others", &Key::new(PASSWORD), true, 0);
    world.datagram(browser.port, at(2), &asks);
    world.plane.keyed(world.now, browser.leg, &second, keys().1);
    world.pass(200);
    assert!(world.sent_to(at(2)).len() > 5);
    assert!(world.out.sent.is_empty());
}

#[test]
fn the_port_of_rtcp_takes_no_handshake() {
    let mut world = world();
    let phone = world.browser(1, false, false);
    let mut buf = DTLS.to_vec();
    let (now, len) = (world.now, buf.len());
    let port = phone.port;
    let given =
        world.plane.receive(now, port, Kind::Rtcp, phone.addr, &mut buf, len, &mut world.out);
    assert_eq!(given, Disposition::Malformed);
    assert!(world.out.shaken.is_empty());
}

#[test]
fn without_ice_the_handshake_comes_from_where_sdp_says_or_from_who_is_first() {
    let mut world = world();
    let phone = world.browser(1, false, false);
    let hello = &hello()[..];
    assert_eq!(world.datagram(phone.port, at(3), DTLS), Disposition::Foreign, "begins nothing");
    assert_eq!(world.datagram(phone.port, at(1), hello), Disposition::Consumed, "behind NAT");
    assert_eq!(world.datagram(phone.port, at(1), DTLS), Disposition::Consumed);
    assert_eq!(world.datagram(phone.port, at(2), hello), Disposition::Foreign);
    world.pass(2_000);
    assert_eq!(world.datagram(phone.port, at(2), hello), Disposition::Consumed, "the next");
    assert_eq!(world.datagram(phone.port, at(1), hello), Disposition::Foreign);
    world.plane.handshake(phone.leg, b"flight", &mut world.out);
    assert_eq!(world.sent_to(at(2)).len(), 1);
    assert_eq!(world.datagram(phone.port, phone.addr, hello), Disposition::Consumed, "named");
    world.plane.handshake(phone.leg, b"flight", &mut world.out);
    let named = phone.addr;
    assert_eq!(world.sent_to(named).len(), 1);
    let taken =
        (0..1_000).filter(|_| world.datagram(phone.port, named, DTLS) == Disposition::Consumed);
    assert!(taken.count() <= 52, "no more than a handshake has");
}

#[test]
fn legs_that_have_agreed_on_nothing_of_it_take_nothing_of_it() {
    let mut world = world();
    let phone = world.phone(1, Codec::Pcma);
    assert_eq!(world.datagram(phone.port, phone.addr, DTLS), Disposition::Malformed);
    assert_eq!(world.datagram(phone.port, phone.addr, &check(true)), Disposition::Malformed);
    world.plane.keyed(world.now, phone.leg, &dtls(false), keys().0);
    world.plane.handshake(phone.leg, b"flight", &mut world.out);
    world.plane.handshake(LegId(99), b"flight", &mut world.out);
    assert!(world.out.sent.is_empty() && world.out.shaken.is_empty());
    assert_eq!(world.plane.counts().commands_dropped, 1);
}

#[test]
fn whom_we_ask_answers_and_nobody_else() {
    let mut world = world();
    let phone = world.browser(1, false, true);
    assert_eq!(world.datagram(phone.port, at(1), &hello()), Disposition::Foreign);
    assert_eq!(world.datagram(phone.port, at(1), DTLS), Disposition::Foreign);
    world.plane.handshake(phone.leg, b"flight", &mut world.out);
    assert_eq!(world.sent_to(phone.addr).len(), 1);
    assert_eq!(world.datagram(phone.port, phone.addr, DTLS), Disposition::Consumed);
}

#[test]
fn a_greeting_begins_when_there_are_keys() {
    let mut world = world();
    let browser = world.browser(1, true, false);
    world.datagram(browser.port, at(1), &check(true));
    world.play(&browser, 1, vec![Item::Silence(400)], false);
    world.out.sent.clear();
    world.pass(1_000);
    let done = |event: &Event| matches!(event, Event::PlayDone { .. });
    assert!(world.out.sent.is_empty() && !world.take_events().iter().any(done));
    world.plane.keyed(world.now, browser.leg, &dtls(false), keys().0);
    world.pass(300);
    assert!(world.sent_to(at(1)).len() >= 14 && !world.take_events().iter().any(done));
    world.pass(200);
    assert!(world.take_events().iter().any(done), "whole");
}

#[test]
fn a_browser_that_only_listens_reports_all_the_same() {
    let mut world = world();
    let browser = world.browser(1, true, false);
    world.datagram(browser.port, at(1), &check(true));
    let (ours, theirs) = keys();
    world.plane.keyed(world.now, browser.leg, &dtls(false), ours);
    let mut report = vec![0; 8 + MOST_TAIL];
    report[..8].copy_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 1]);
    let len = Srtp::new(theirs).send_rtcp(&mut report, 8).expect("sealed");
    report.truncate(len);
    assert_eq!(world.datagram(browser.port, at(2), &report), Disposition::Foreign);
    assert_eq!(world.datagram(browser.port, at(1), &report), Disposition::Consumed);
}

#[test]
fn a_peer_of_two_ports_by_turns_is_not_told_of_with_each_packet() {
    let mut world = world();
    let mut browser = world.browser(1, true, false);
    world.datagram(browser.port, at(1), &check(true));
    let (ours, theirs) = keys();
    world.plane.keyed(world.now, browser.leg, &dtls(false), ours);
    let mut far = Srtp::new(theirs);
    for n in 0..100 {
        let packet = sealed(&mut browser, &mut far);
        world.datagram(browser.port, at(n % 2), &packet);
        world.pass(20);
    }
    let moved = |event: &&Event| matches!(event, Event::SourceMoved { .. });
    assert_eq!(world.take_events().iter().filter(moved).count(), 2, "once a second");
}
