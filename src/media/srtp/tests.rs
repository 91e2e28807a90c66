//! Tests of a leg's [`Srtp`](super): order, loss, replay, wraps, changes of keys.

use super::*;
use crate::base::Rng;
use crate::wire::rtp::{HEADER_LEN, Header, write_header};
use crate::wire::srtp::{KeySource, MOST_TAIL, Suite};
use proptest::prelude::*;
use std::collections::BTreeSet;

const NOW: Time = Time::from_millis(1_000);
const PAYLOAD: usize = 40;

/// Two ends that have agreed: what `a` sends `b` receives.
struct Pair {
    source: KeySource,
    a: Srtp,
    b: Srtp,
}

fn keys(source: &mut KeySource, suite: Suite) -> (Keys, Keys) {
    let (one, other) = (source.next(suite), source.next(suite));
    let back = Keys { send: other.clone(), receive: one.clone() };
    (Keys { send: one, receive: other }, back)
}

fn pair(suite: Suite) -> Pair {
    let mut source = KeySource::from_seed([9; 32]);
    let (ours, theirs) = keys(&mut source, suite);
    Pair { source, a: Srtp::new(ours), b: Srtp::new(theirs) }
}

fn plain(sequence: u64, ssrc: u32) -> Vec<u8> {
    let mut head = [0; HEADER_LEN];
    let (payload_type, timestamp) = (8, sequence as u32 * 160);
    let header = Header { marker: false, payload_type, sequence: sequence as u16, timestamp, ssrc };
    write_header(&mut head, header);
    [&head[..], &[sequence as u8; PAYLOAD]].concat()
}

fn sealed(from: &mut Srtp, sequence: u64, ssrc: u32) -> Vec<u8> {
    let mut buf = plain(sequence, ssrc);
    let len = buf.len();
    buf.resize(len + MOST_TAIL, 0);
    let len = from.send(&mut buf, len).expect("a number that was not used");
    buf.truncate(len);
    buf
}

fn opens(to: &mut Srtp, packet: &[u8]) -> bool {
    let mut buf = packet.to_vec();
    to.receive(NOW, &mut buf).inspect_err(|why| to.refuse(*why)).is_ok()
}

#[test]
fn a_number_is_sent_once() {
    let mut pair = pair(Suite::AeadAes128Gcm);
    sealed(&mut pair.a, 5, 1);
    sealed(&mut pair.a, 7, 1);
    let mut send = |sequence, ssrc| {
        let mut buf = plain(sequence, ssrc);
        buf.resize(100, 0);
        pair.a.send(&mut buf, HEADER_LEN + PAYLOAD)
    };
    assert_eq!(send(5, 1), None, "the key stream was used");
    assert!(send(6, 1).is_some(), "late, but new");
    assert_eq!(send(8, 2), None, "one SSRC under one key");
    assert_eq!(pair.a.figures().unsealed, 2);
}

#[test]
fn replays_and_forgeries_are_counted_apart() {
    let mut pair = pair(Suite::AesCm128Sha1Tag80);
    let packet = sealed(&mut pair.a, 1, 1);
    assert!(opens(&mut pair.b, &packet));
    assert!(!opens(&mut pair.b, &packet));
    let mut forged = sealed(&mut pair.a, 2, 1);
    forged[20] ^= 1;
    assert!(!opens(&mut pair.b, &forged));
    assert!(!opens(&mut pair.b, &plain(3, 1)));
    assert_eq!(pair.b.figures(), Figures { forged: 2, replayed: 1, unsealed: 0 });
}

#[test]
fn what_cannot_be_heard_is_told_once_for_each_key() {
    let mut pair = pair(Suite::AesCm128Sha1Tag80);
    let tell = |b: &mut Srtp, packets: u64| {
        (0..packets).filter(|n| !opens(b, &plain(*n, 1)) && b.misses(true)).count()
    };
    assert_eq!(tell(&mut pair.b, 9), 0);
    let good = sealed(&mut pair.a, 1, 1);
    assert!(opens(&mut pair.b, &good));
    assert_eq!(tell(&mut pair.b, 100), 1);
    let (_, theirs) = keys(&mut pair.source, Suite::AesCm128Sha1Tag80);
    pair.b.agree(NOW, theirs);
    assert_eq!(tell(&mut pair.b, 100), 1);
}

#[test]
fn a_stream_that_begins_before_a_wrap_is_found_whatever_was_lost() {
    for suite in [Suite::AesCm128Sha1Tag80, Suite::AeadAes128Gcm] {
        let mut pair = pair(suite);
        let packets: Vec<_> = (65_530..65_560).map(|n| sealed(&mut pair.a, n, 1)).collect();
        assert!(opens(&mut pair.b, &packets[20]), "rollover counter 1 at once");
        assert!(packets[..20].iter().chain(&packets[21..]).all(|p| opens(&mut pair.b, p)));
    }
}

#[test]
fn another_stream_begins_at_0_and_the_first_goes_on_after_it() {
    let mut source = KeySource::from_seed([9; 32]);
    let (ours, theirs) = keys(&mut source, Suite::AesCm128Sha1Tag80);
    let (mut first, mut second) = (Srtp::new(ours.clone()), Srtp::new(ours));
    let mut b = Srtp::new(theirs);
    for n in 65_500..65_600 {
        assert!(opens(&mut b, &sealed(&mut first, n, 1)));
    }
    for n in 100..110 {
        assert!(opens(&mut b, &sealed(&mut second, n, 2)));
    }
    assert!(opens(&mut b, &sealed(&mut first, 65_600, 1)), "its counter is 1 still");
}

#[test]
fn a_change_of_keys_loses_nothing() {
    for suite in [Suite::AesCm128Sha1Tag80, Suite::AeadAes128Gcm] {
        let mut pair = pair(suite);
        let before: Vec<_> = (0..20).map(|n| sealed(&mut pair.a, n, 1)).collect();
        assert!(before[..10].iter().all(|p| opens(&mut pair.b, p)));
        let (ours, theirs) = keys(&mut pair.source, suite);
        assert!(pair.b.agree(NOW, theirs.clone()), "another key, another SSRC");
        assert!(pair.a.agree(NOW, ours));
        let after: Vec<_> = (20..40).map(|n| sealed(&mut pair.a, n, 1)).collect();
        assert!(opens(&mut pair.b, &after[0]));
        assert!(before[10..].iter().all(|p| opens(&mut pair.b, p)), "under way");
        assert!(!opens(&mut pair.b, &before[0]), "a replay all the same");
        assert!(after[1..].iter().all(|p| opens(&mut pair.b, p)));
        // Later the old key is no key any more.
        let late = sealed(&mut { Srtp::new(Keys { send: theirs.send.clone(), ..theirs }) }, 41, 1);
        assert!(!opens(&mut pair.b, &late));
        let mut old = before[19].clone();
        assert!(pair.b.receive(NOW + GRACE, &mut old).is_err());
    }
}

#[test]
fn the_same_keys_again_change_nothing() {
    let mut source = KeySource::from_seed([9; 32]);
    let (ours, theirs) = keys(&mut source, Suite::AesCm128Sha1Tag80);
    let (mut a, mut b) = (Srtp::new(ours.clone()), Srtp::new(theirs.clone()));
    let packet = sealed(&mut a, 1, 1);
    assert!(opens(&mut b, &packet));
    assert!(!a.agree(NOW, ours) && !b.agree(NOW, theirs));
    assert!(!opens(&mut b, &packet), "still known");
    let mut buf = plain(1, 1);
    buf.resize(100, 0);
    assert_eq!(a.send(&mut buf, HEADER_LEN + PAYLOAD), None, "still used");
}

/// Some peers count on over a change of keys, some begin at 0 (RFC 3711 §3.3.1).
#[test]
fn a_peer_may_count_on_or_begin_anew() {
    for suite in [Suite::AesCm128Sha1Tag80, Suite::AeadAes128Gcm] {
        for counts_on in [true, false] {
            let mut pair = pair(suite);
            for n in (65_000..66_000).step_by(7) {
                assert!(opens(&mut pair.b, &sealed(&mut pair.a, n, 1)));
            }
            let (ours, theirs) = keys(&mut pair.source, suite);
            pair.b.agree(NOW, theirs);
            assert!(pair.a.agree(NOW, ours), "ours takes another SSRC");
            if counts_on {
                // As if the packets before had been under the new key.
                sealed(&mut pair.a, 65_000, 1);
                sealed(&mut pair.a, 66_000, 1);
            }
            assert!(opens(&mut pair.b, &sealed(&mut pair.a, 66_001, 1)), "{suite:?} {counts_on}");
            assert!(opens(&mut pair.b, &sealed(&mut pair.a, 66_002, 1)));
        }
    }
}

#[test]
fn reports_are_numbered_and_taken_once() {
    let mut pair = pair(Suite::AeadAes128Gcm);
    let report = |a: &mut Srtp| {
        let mut buf = [0; 60];
        buf[..8].copy_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 1]);
        let len = a.send_rtcp(&mut buf, 8).unwrap();
        buf[..len].to_vec()
    };
    let (first, second) = (report(&mut pair.a), report(&mut pair.a));
    assert_ne!(first, second);
    for packet in [&second, &first] {
        assert_eq!(pair.b.receive_rtcp(NOW, &mut packet.clone()), Ok(8));
        assert_eq!(pair.b.receive_rtcp(NOW, &mut packet.clone()), Err(Unfit::Replayed));
    }
    let (ours, theirs) = keys(&mut pair.source, Suite::AeadAes128Gcm);
    let under_way = report(&mut pair.a);
    pair.a.agree(NOW, ours);
    pair.b.agree(NOW, theirs);
    assert_eq!(pair.b.receive_rtcp(NOW, &mut under_way.clone()), Ok(8));
    assert_eq!(pair.b.receive_rtcp(NOW, &mut report(&mut pair.a)), Ok(8));
}

#[test]
fn a_standby_goes_on_where_it_was() {
    let mut pair = pair(Suite::AesCm256Sha1Tag32);
    let packets: Vec<_> = (65_000..66_000).map(|n| sealed(&mut pair.a, n, 1)).collect();
    assert!(packets[..900].iter().all(|p| opens(&mut pair.b, p)));
    let stored = serde_json::to_string(&pair.b).unwrap();
    let mut b: Srtp = serde_json::from_str(&stored).unwrap();
    assert!(!opens(&mut b, &packets[899]) && opens(&mut b, &packets[900]));
    let mut a: Srtp = serde_json::from_str(&serde_json::to_string(&pair.a).unwrap()).unwrap();
    let mut buf = plain(65_999, 1);
    buf.resize(100, 0);
    assert_eq!(a.send(&mut buf, HEADER_LEN + PAYLOAD), None);
    assert!(opens(&mut b, &sealed(&mut a, 66_000, 1)));
    let printed = format!("{a:?}");
    let key = a.sender.key().expose();
    assert!(!printed.contains(&format!("{:?}", &key[..4])[1..]), "{printed}");
}

proptest! {
    /// A network that loses, reorders and repeats, over several wraps: each packet is taken once,
    /// and each that is not more than the window late is taken.
    #[test]
    fn every_packet_is_taken_once_over_wraps(seed in any::<u64>(), gcm in any::<bool>()) {
        let suite = if gcm { Suite::AeadAes256Gcm } else { Suite::AesCm128Sha1Tag32 };
        let mut pair = pair(suite);
        let mut rng = Rng::from_seed(seed);
        let mut sequence = rng.below(1 << 16);
        let mut under_way: Vec<(u64, u64, Vec<u8>)> = Vec::new();
        let (mut taken, mut highest) = (BTreeSet::new(), 0);
        for step in 0..600u64 {
            sequence += 1 + if rng.chance(0.05) { rng.below(5_000) } else { 0 };
            let packet = sealed(&mut pair.a, sequence, 1);
            // Of what was before the first that comes the receiver knows nothing.
            let copies = match step {
                0 => 1,
                _ if rng.chance(0.05) => 0,
                _ => 1 + usize::from(rng.chance(0.1)),
            };
            for _ in 0..copies {
                let late = if step == 0 { 0 } else { rng.below(6) };
                under_way.push((step + late, sequence, packet.clone()));
            }
            under_way.sort_by_key(|(at, ..)| *at);
            let arrived = under_way.iter().take_while(|(at, ..)| *at <= step).count();
            for (_, sequence, packet) in under_way.drain(..arrived) {
                let mut buf = packet.clone();
                let old = highest >= sequence + index::WINDOW;
                match pair.b.receive(NOW, &mut buf) {
                    Ok(len) => {
                        prop_assert!(taken.insert(sequence));
                        prop_assert_eq!(&buf[..len], &plain(sequence, 1)[..]);
                        highest = highest.max(sequence);
                    }
                    Err(why) => {
                        prop_assert_eq!(why, Unfit::Replayed);
                        prop_assert!(old || taken.contains(&sequence));
                    }
                }
            }
        }
    }
}
