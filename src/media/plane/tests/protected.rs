//! Legs with SRTP: what is relayed, mixed and reported is protected, and only what is authentic counts.

use super::*;
use crate::media::control::Membership;
use crate::media::srtp::{Fault, Keys, Srtp};
use crate::wire::srtp::{KeySource, MOST_TAIL, Suite};

/// A phone with SRTP, and its own end of it.
struct Secure {
    phone: Phone,
    srtp: Srtp,
}

const SUITES: [Suite; 2] = [Suite::AesCm128Sha1Tag80, Suite::AeadAes128Gcm];

impl World {
    fn secure(&mut self, n: u8, codec: Codec, suite: Suite) -> Secure {
        let phone = self.phone(n, codec);
        let mut source = KeySource::from_seed([n; 32]);
        let (ours, theirs) = (source.next(suite), source.next(suite));
        let own = Keys { send: theirs.clone(), receive: ours.clone() };
        let keys = Keys { send: ours, receive: theirs };
        self.set(&phone, |params| params.srtp = Some(keys));
        Secure { phone, srtp: Srtp::new(own) }
    }

    /// The next packet of a phone, sealed as it says.
    fn say_sealed(&mut self, from: &mut Secure, seal: bool) -> (Vec<u8>, Disposition) {
        let mut packet = packet_of(&mut from.phone);
        if seal {
            let len = packet.len();
            packet.resize(len + MOST_TAIL, 0);
            let len = from.srtp.send(&mut packet, len).unwrap();
            packet.truncate(len);
        }
        let given = self.datagram(from.phone.port, from.phone.addr, &packet);
        (packet, given)
    }
}

impl Secure {
    /// What it heard, decrypted; everything must be.
    fn opened(&mut self, world: &mut World) -> Vec<Vec<u8>> {
        let heard = world.heard_by(&self.phone);
        let open = |sent: Sent| {
            let mut bytes = sent.bytes;
            let len = self.srtp.receive(sent.at, &mut bytes).expect("sealed for it");
            bytes.truncate(len);
            bytes
        };
        heard.into_iter().map(open).collect()
    }
}

/// 20 ms of a level that changes with the sequence number.
fn packet_of(phone: &mut Phone) -> Vec<u8> {
    let mut head = [0; HEADER_LEN];
    let Phone { ssrc, sequence, timestamp, codec, .. } = *phone;
    let header = Header { marker: false, payload_type: pt(codec), sequence, timestamp, ssrc };
    write_header(&mut head, header);
    phone.sequence = sequence.wrapping_add(1);
    phone.timestamp = timestamp.wrapping_add(160);
    [&head[..], &[sequence as u8; 160]].concat()
}

#[test]
fn packets_are_relayed_from_key_to_key_in_place() {
    for suite in SUITES {
        let mut world = world();
        let mut a = world.secure(1, Codec::Pcma, suite);
        let mut b = world.secure(2, Codec::Pcma, Suite::AesCm128Sha1Tag32);
        let plain = world.phone(3, Codec::Pcma);
        world.bridge(&a.phone, &b.phone);
        // Over the wrap of the phone's numbers.
        for _ in 0..1_000 {
            let expected = [a.phone.sequence as u8; 160];
            let (_, given) = world.say_sealed(&mut a, true);
            assert!(matches!(given, Disposition::Forward { .. }), "{given:?}");
            let heard = b.opened(&mut world);
            assert_eq!(heard.len(), 1);
            assert_eq!(Packet::parse(&heard[0]).unwrap().payload(), expected);
            world.pass(20);
        }
        world.bridge(&a.phone, &plain);
        world.pass(20);
        world.heard_by(&plain);
        let expected = [a.phone.sequence as u8; 160];
        world.say_sealed(&mut a, true);
        let heard = world.heard_by(&plain);
        assert_eq!(Packet::parse(&heard[0].bytes).unwrap().payload(), expected);
        let stats = world.close(&a.phone);
        assert_eq!((stats.packets_forged, stats.packets_duplicate), (0, 0));
        assert_eq!(stats.packets_received, 1_001);
    }
}

#[test]
fn what_is_said_mixed_and_told_by_keys_is_sealed_too() {
    for suite in SUITES {
        let mut world = world();
        let mut a = world.secure(1, Codec::Pcma, suite);
        let mut b = world.secure(2, Codec::G722, suite);
        world.play(&a.phone, 1, vec![Item::Silence(200)], false);
        world.pass(300);
        assert!(a.opened(&mut world).len() >= 9, "a playback");
        world.bridge(&a.phone, &b.phone);
        for _ in 0..20 {
            world.say_sealed(&mut a, true);
            world.pass(20);
        }
        assert!(b.opened(&mut world).len() > 15, "coded anew");
        let (leg, digits) = (a.phone.leg, "5".to_owned());
        world.command(Command::SendDigits { leg, digits, on_ms: 100, off_ms: 50 });
        world.pass(300);
        let types: Vec<_> = a.opened(&mut world).iter().map(|p| p[1] & 0x7f).collect();
        assert!(types.contains(&TO_PHONE), "{types:?}");
    }
}

#[test]
fn a_room_is_sealed_for_each_of_its_members() {
    let mut world = world();
    let mut parties = [
        world.secure(1, Codec::Pcma, SUITES[0]),
        world.secure(2, Codec::Pcma, SUITES[1]),
        world.secure(3, Codec::Pcma, Suite::AesCm256Sha1Tag80),
    ];
    let plain = world.phone(4, Codec::Pcma);
    let legs = parties.iter().map(|p| p.phone.leg).chain([plain.leg]).collect::<Vec<_>>();
    for leg in legs {
        let (room, membership) = (crate::base::RoomId(1), Membership::PARTY);
        world.command(Command::Join { leg, room, membership });
    }
    for _ in 0..30 {
        world.say_sealed(&mut parties[0], true);
        world.pass(20);
    }
    for party in &mut parties[1..] {
        assert!(party.opened(&mut world).len() > 20);
    }
    assert!(world.heard_by(&plain).iter().all(|sent| sent.bytes.len() == 172));
}

#[test]
fn a_forged_packet_moves_nothing() {
    let mut world = world();
    let mut a = world.secure(1, Codec::Pcma, SUITES[0]);
    let b = world.phone(2, Codec::Pcma);
    world.bridge(&a.phone, &b);
    // Plain RTP of the very first packet, from where SDP says.
    let (_, given) = world.say_sealed(&mut a, false);
    assert_eq!(given, Disposition::Foreign);
    for _ in 0..20 {
        world.say_sealed(&mut a, true);
        world.pass(20);
    }
    // The phone falls silent, and somebody else goes on with its numbers and its SSRC.
    let stranger = SocketAddr::from(([203, 0, 113, 9], 7_000));
    for _ in 0..50 {
        world.pass(20);
        let mut forged = packet_of(&mut a.phone);
        forged.extend([0; 10]);
        assert_eq!(world.datagram(a.phone.port, stranger, &forged), Disposition::Foreign);
    }
    world.take_events();
    world.play(&a.phone, 1, vec![Item::Silence(100)], false);
    world.pass(200);
    assert!(!a.opened(&mut world).is_empty(), "still sent to the phone");
    // With the key it may move.
    a.phone.addr = stranger;
    for _ in 0..5 {
        world.say_sealed(&mut a, true);
        world.pass(20);
    }
    let moved = |e: &Event| matches!(e, Event::SourceMoved { to, .. } if *to == stranger);
    assert!(world.take_events().iter().any(moved));
    let stats = world.close(&a.phone);
    assert_eq!((stats.packets_forged, stats.packets_foreign), (1, 50), "each is counted once");
}

#[test]
fn what_cannot_be_heard_is_told_once_and_says_why() {
    for (seal, fault) in [(false, Fault::Plain), (true, Fault::Key)] {
        let mut world = world();
        let mut a = world.secure(1, Codec::Pcma, SUITES[0]);
        if seal {
            let mut wrong = KeySource::from_seed([99; 32]);
            let (send, receive) = (wrong.next(SUITES[0]), wrong.next(SUITES[0]));
            a.srtp = Srtp::new(Keys { send, receive });
        }
        for _ in 0..100 {
            world.say_sealed(&mut a, seal);
            world.pass(20);
        }
        let told: Vec<_> = world
            .take_events()
            .into_iter()
            .filter_map(|e| match e {
                Event::SrtpRefused { leg, fault, .. } => Some((leg, fault)),
                _ => None,
            })
            .collect();
        assert_eq!(told, [(a.phone.leg, fault)]);
        assert_eq!(world.close(&a.phone).packets_forged, 100);
    }
}

#[test]
fn a_stranger_before_the_first_packet_is_not_taken_for_the_peer() {
    let mut world = world();
    let mut a = world.secure(1, Codec::Pcma, SUITES[0]);
    let stranger = SocketAddr::from(([203, 0, 113, 9], 7_000));
    for _ in 0..100 {
        let plain = packet_of(&mut Phone { ssrc: 77, ..a.phone.clone() });
        world.datagram(a.phone.port, stranger, &plain);
        world.pass(20);
    }
    for _ in 0..10 {
        world.say_sealed(&mut a, true);
        world.pass(20);
    }
    let told = world.take_events();
    assert!(!told.iter().any(|e| matches!(e, Event::SrtpRefused { .. })), "{told:?}");
    // When nobody else comes, it may be the peer behind NAT: that is told, though later.
    let b = world.secure(2, Codec::Pcma, SUITES[0]);
    for _ in 0..300 {
        let plain = packet_of(&mut Phone { ssrc: 77, ..b.phone.clone() });
        world.datagram(b.phone.port, stranger, &plain);
        world.pass(20);
    }
    let told = world.take_events();
    let refused = |e: &&Event| matches!(e, Event::SrtpRefused { fault: Fault::Plain, .. });
    assert_eq!(told.iter().filter(refused).count(), 1);
}

#[test]
fn another_ssrc_under_the_key_is_heard_from_its_first_packet() {
    let mut world = world();
    let mut a = world.secure(1, Codec::Pcma, SUITES[0]);
    let b = world.phone(2, Codec::Pcma);
    world.bridge(&a.phone, &b);
    for ssrc in 1..5 {
        a.phone.ssrc = ssrc;
        a.phone.sequence = 1_000 * ssrc as u16;
        // As a sender would that begins anew under the keys that it has.
        let mut source = KeySource::from_seed([1; 32]);
        let (ours, theirs) = (source.next(SUITES[0]), source.next(SUITES[0]));
        a.srtp = Srtp::new(Keys { send: theirs, receive: ours });
        for _ in 0..10 {
            let (_, given) = world.say_sealed(&mut a, true);
            assert!(matches!(given, Disposition::Forward { .. }), "{ssrc}: {given:?}");
            world.pass(20);
        }
    }
}

#[test]
fn reports_from_elsewhere_are_a_strangers_and_no_forgeries() {
    let mut world = world();
    let mut a = world.secure(1, Codec::Pcma, SUITES[1]);
    for _ in 0..10 {
        world.say_sealed(&mut a, true);
        world.pass(20);
    }
    let mut report = [0; 100];
    let mut writer = crate::wire::rtcp::Writer::new(&mut report);
    writer.receiver_report(a.phone.ssrc, &[]).unwrap();
    let len = writer.finish();
    for (host, times) in [([203, 0, 113, 9], 7), ([192, 0, 2, 1], 3)] {
        for _ in 0..times {
            let (now, from) = (world.now, SocketAddr::from((host, 5_001)));
            let (plane, out) = (&mut world.plane, &mut world.out);
            let given = plane.receive(now, a.phone.port, Kind::Rtcp, from, &mut report, len, out);
            assert_eq!(given, Disposition::Foreign);
        }
    }
    let stats = world.close(&a.phone);
    assert_eq!((stats.packets_foreign, stats.packets_forged), (7, 3));
}

#[test]
fn replays_are_dropped_before_anything_hears_them() {
    let mut world = world();
    let mut a = world.secure(1, Codec::Pcma, SUITES[1]);
    let b = world.phone(2, Codec::Pcma);
    world.bridge(&a.phone, &b);
    let mut packets = Vec::new();
    for _ in 0..50 {
        packets.push(world.say_sealed(&mut a, true).0);
        world.pass(20);
    }
    world.heard_by(&b);
    for packet in &packets {
        assert_eq!(world.datagram(a.phone.port, a.phone.addr, packet), Disposition::Foreign);
    }
    assert!(world.heard_by(&b).is_empty());
    assert_eq!(world.close(&a.phone).packets_duplicate, 50);
}

#[test]
fn reports_are_sealed_and_only_sealed_ones_are_believed() {
    let mut world = world();
    let mut a = world.secure(1, Codec::Pcma, SUITES[1]);
    for _ in 0..400 {
        world.say_sealed(&mut a, true);
        world.pass(20);
    }
    let reports: Vec<_> = core::mem::take(&mut world.out.sent)
        .into_iter()
        .filter(|sent| sent.kind == Kind::Rtcp)
        .collect();
    assert!(!reports.is_empty());
    for report in &reports {
        let mut bytes = report.bytes.clone();
        let len = a.srtp.receive_rtcp(report.at, &mut bytes).expect("sealed for it");
        assert!(crate::wire::rtcp::Compound::parse(&bytes[..len]).is_ok());
    }
    // A plain report of the phone's counts for nothing, a sealed one does; also on the RTP port.
    let mut buf = [0; 100];
    let mut writer = crate::wire::rtcp::Writer::new(&mut buf);
    writer.receiver_report(a.phone.ssrc, &[]).unwrap();
    writer.cname(a.phone.ssrc, b"phone").unwrap();
    let len = writer.finish();
    let report = buf[..len].to_vec();
    let give = |world: &mut World, bytes: &[u8]| {
        let mut buf = [0; 300];
        buf[..bytes.len()].copy_from_slice(bytes);
        let (now, from) = (world.now, SocketAddr::new(a.phone.addr.ip(), a.phone.addr.port() + 1));
        let (plane, out) = (&mut world.plane, &mut world.out);
        plane.receive(now, a.phone.port, Kind::Rtcp, from, &mut buf, bytes.len(), out)
    };
    assert_eq!(give(&mut world, &report), Disposition::Foreign);
    let mut sealed = report.clone();
    sealed.resize(report.len() + MOST_TAIL, 0);
    let len = a.srtp.send_rtcp(&mut sealed, report.len()).unwrap();
    assert_eq!(give(&mut world, &sealed[..len]), Disposition::Consumed);
    assert_eq!(give(&mut world, &sealed[..len]), Disposition::Foreign, "a replay");
}

#[test]
fn another_key_takes_another_ssrc() {
    let mut world = world();
    let mut a = world.secure(1, Codec::Pcma, SUITES[0]);
    let mut b = world.phone(2, Codec::Pcma);
    world.bridge(&a.phone, &b);
    let mut sources = std::collections::BTreeSet::new();
    let rekey = |world: &mut World, a: &mut Secure, n: u8| {
        let mut source = KeySource::from_seed([100 + n; 32]);
        let (ours, theirs) = (source.next(SUITES[0]), source.next(SUITES[0]));
        let own = Keys { send: theirs.clone(), receive: ours.clone() };
        a.srtp.agree(world.now, own);
        world.set(&a.phone, |p| p.srtp = Some(Keys { send: ours, receive: theirs }));
    };
    for n in 0..3 {
        for _ in 0..100 {
            let packet = packet_of(&mut b);
            world.datagram(b.port, b.addr, &packet);
            world.now += Duration::from_millis(5);
        }
        for packet in a.opened(&mut world) {
            sources.insert(Packet::parse(&packet).unwrap().ssrc());
        }
        rekey(&mut world, &mut a, n);
    }
    assert_eq!(sources.len(), 3);
}

/// Of two phones that ring each has chosen a key of ours, and the answers come by turns.
#[test]
fn a_key_that_comes_back_seals_nothing_under_a_number_that_it_has_used() {
    let mut world = world();
    let suite = Suite::AeadAes128Gcm;
    let phone = world.secure(1, Codec::Pcma, suite).phone;
    let mut source = KeySource::from_seed([1; 32]);
    let one = Keys { send: source.next(suite), receive: source.next(suite) };
    let other = Keys { send: source.next(suite), receive: source.next(suite) };
    let mut used = Vec::new();
    for keys in [Some(&one), Some(&other), Some(&one), None, Some(&one)] {
        world.set(&phone, |params| params.srtp = keys.cloned());
        world.out.sent.clear();
        world.pass(20_000);
        if keys == Some(&one) {
            let reports = world.out.sent.iter().filter(|sent| sent.kind == Kind::Rtcp);
            let index = |sent: &Sent| sent.bytes[sent.bytes.len() - 4..].to_vec();
            used.extend(reports.map(|sent| (sent.bytes[4..8].to_vec(), index(sent))));
        }
    }
    assert!(used.len() >= 6, "{used:?}");
    let all = used.len();
    used.sort();
    used.dedup();
    assert_eq!(used.len(), all, "an SSRC and an index twice");
}
