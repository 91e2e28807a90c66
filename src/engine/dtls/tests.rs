//! Two sets of handshakes, and a lossy way between them, in time of their own.

use std::time::{Duration, Instant};

use super::Identity;
use super::set::{BEGINS_WITHIN, Handshakes, Outcome, TIME_LIMIT};
use crate::base::LegId;
use crate::media::dtls::{Fault, Terms};
use crate::media::srtp::Keys;
use crate::wire::sdp::Fingerprint;
use crate::wire::srtp::Suite;

const LEG: LegId = LegId(1);

fn identity() -> Identity {
    Identity::generate().expect("a certificate")
}

fn terms(fingerprint: &Fingerprint, active: bool) -> Terms {
    Terms { fingerprint: fingerprint.clone(), active, id: None }
}

/// What came of both sides, the one that begins first.
#[derive(Default)]
struct Came {
    keys: [Option<Keys>; 2],
    faults: [Option<Fault>; 2],
    sent: usize,
}

/// Runs until both have come to something, or `span` is over; `lost` says of each datagram by number
/// whether it is.
fn run(
    mut sides: [Handshakes; 2],
    mut now: Instant,
    span: Duration,
    lost: impl Fn(usize) -> bool,
) -> (Came, [Handshakes; 2]) {
    let (mut came, end) = (Came::default(), now + span);
    while now < end {
        let mut quiet = true;
        for n in 0..2 {
            while let Some(outcome) = sides[n].poll() {
                quiet = false;
                match outcome {
                    Outcome::Send(leg, bytes) => {
                        came.sent += 1;
                        if !lost(came.sent) {
                            sides[1 - n].datagram(now, leg, &bytes);
                        }
                    }
                    Outcome::Keys(_, _, keys) => came.keys[n] = Some(keys),
                    Outcome::Failed(_, fault) => came.faults[n] = Some(fault),
                }
            }
        }
        let over = |n: usize| came.keys[n].is_some() || came.faults[n].is_some();
        if quiet && over(0) && over(1) {
            break;
        }
        if quiet {
            let next = sides.iter().filter_map(Handshakes::next_wake).min();
            now = next.unwrap_or(end).max(now + Duration::from_millis(1));
            sides.iter_mut().for_each(|side| side.wake(now));
        }
    }
    (came, sides)
}

fn pair() -> ([Handshakes; 2], [Fingerprint; 2]) {
    let (a, b) = (identity(), identity());
    let prints = [a.fingerprint().clone(), b.fingerprint().clone()];
    ([Handshakes::new(a), Handshakes::new(b)], prints)
}

#[test]
fn both_sides_have_each_others_keys() {
    for checked in [false, true] {
        let ([mut a, mut b], [of_a, of_b]) = pair();
        let now = Instant::now();
        b.agree(now, LEG, terms(&of_a, false), checked);
        a.agree(now, LEG, terms(&of_b, true), checked);
        if checked {
            assert!(a.poll().is_none(), "there is no way yet");
            a.datagram(now, LEG, &[]);
        }
        let (came, _) = run([a, b], now, TIME_LIMIT, |_| false);
        let [a, b] = came.keys.map(|keys| keys.expect("keys"));
        assert_eq!((&a.send, &a.receive), (&b.receive, &b.send));
        assert_ne!(a.send, a.receive);
        assert!([Suite::AeadAes128Gcm, Suite::AeadAes256Gcm].contains(&a.send.suite()));
    }
}

#[test]
fn lost_datagrams_are_sent_again() {
    // With every other one lost a flight of two would lose the same one for ever.
    for each in 3..6 {
        let ([mut a, mut b], [of_a, of_b]) = pair();
        let now = Instant::now();
        b.agree(now, LEG, terms(&of_a, false), true);
        a.agree(now, LEG, terms(&of_b, true), false);
        let (came, _) = run([a, b], now, TIME_LIMIT, |n| n % each == 0);
        assert!(came.keys.iter().all(Option::is_some), "one in {each} lost: {:?}", came.faults);
    }
}

#[test]
fn another_certificate_than_was_named_ends_it() {
    let ([mut a, mut b], [of_a, of_b]) = pair();
    let other = identity();
    let now = Instant::now();
    b.agree(now, LEG, terms(other.fingerprint(), false), true);
    a.agree(now, LEG, terms(&of_b, true), false);
    let (came, [_, mut b]) = run([a, b], now, Duration::from_secs(3), |_| false);
    assert_eq!(came.faults[1], Some(Fault::Fingerprint(of_a.clone())));
    assert!(came.keys[1].is_none());
    let said = came.faults[1].as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(said.contains(&of_a.to_string()), "{said}");
    // Over is over, until the leg agrees on something else.
    b.datagram(now, LEG, &[22; 40]);
    assert!(b.poll().is_none() && b.next_wake().is_none());
}

#[test]
fn a_peer_that_never_answers_is_given_up() {
    let ([mut a, _], [_, of_b]) = pair();
    let mut now = Instant::now();
    let began = now;
    a.agree(now, LEG, terms(&of_b, true), false);
    let mut fault = None;
    while fault.is_none() && now < began + 2 * TIME_LIMIT {
        while let Some(outcome) = a.poll() {
            if let Outcome::Failed(_, why) = outcome {
                fault = Some(why);
            }
        }
        if let Some(next) = a.next_wake() {
            now = next;
            a.wake(now);
        }
    }
    assert_eq!(fault, Some(Fault::TimedOut));
    assert!(now <= began + TIME_LIMIT + Duration::from_secs(1), "{:?}", now - began);
    assert!(a.next_wake().is_none());
}

#[test]
fn the_same_terms_again_begin_nothing_and_others_do() {
    let ([mut a, mut b], [of_a, of_b]) = pair();
    let now = Instant::now();
    b.agree(now, LEG, terms(&of_a, false), true);
    a.agree(now, LEG, terms(&of_b, true), false);
    let (first, [mut a, mut b]) = run([a, b], now, TIME_LIMIT, |_| false);
    a.agree(now, LEG, terms(&of_b, true), false);
    assert!(a.poll().is_none(), "a refresh");
    let named = |fingerprint: &Fingerprint, active| Terms {
        id: Some(b"another"[..].into()),
        ..terms(fingerprint, active)
    };
    b.agree(now, LEG, named(&of_a, false), true);
    a.agree(now, LEG, named(&of_b, true), false);
    let (second, [mut a, _]) = run([a, b], now, TIME_LIMIT, |_| false);
    assert!(second.keys[0].is_some() && second.keys[0] != first.keys[0]);
    a.forget(LEG);
    assert!(a.next_wake().is_none());
}

#[test]
fn what_is_no_dtls_harms_nothing() {
    let ([mut a, mut b], [of_a, of_b]) = pair();
    let now = Instant::now();
    b.agree(now, LEG, terms(&of_a, false), true);
    for first in 20..64u8 {
        for len in [1, 13, 14, 60, 1_500] {
            b.datagram(now, LEG, &vec![first; len]);
        }
    }
    a.agree(now, LEG, terms(&of_b, true), false);
    let (came, _) = run([a, b], now, TIME_LIMIT, |_| false);
    assert!(came.keys.iter().all(Option::is_some), "{:?}", came.faults);
}

#[test]
fn one_that_does_not_begin_is_told_of_again_and_again_and_may_still_begin() {
    let ([mut a, mut b], [of_a, of_b]) = pair();
    let mut now = Instant::now();
    b.agree(now, LEG, terms(&of_a, false), true);
    for _ in 0..2 {
        now += BEGINS_WITHIN;
        assert!(b.next_wake().is_some_and(|at| at <= now));
        b.wake(now - Duration::from_millis(1));
        assert!(b.poll().is_none());
        b.wake(now);
        assert!(matches!(b.poll(), Some(Outcome::Failed(_, Fault::NotBegun))));
    }
    a.agree(now, LEG, terms(&of_b, true), false);
    let (came, _) = run([a, b], now, TIME_LIMIT, |_| false);
    assert!(came.keys.iter().all(Option::is_some), "{:?}", came.faults);
}

#[test]
fn handshakes_of_nobody_are_not_begun() {
    let ([mut a, _], _) = pair();
    a.datagram(Instant::now(), LEG, &[22; 40]);
    assert!(a.poll().is_none() && a.next_wake().is_none());
}

#[test]
fn more_than_there_is_room_for_is_lost_and_no_end() {
    let ([mut a, mut b], [of_a, of_b]) = pair();
    let now = Instant::now();
    b.agree(now, LEG, terms(&of_a, false), true);
    a.agree(now, LEG, terms(&of_b, true), false);
    let Some(Outcome::Send(_, hello)) = a.poll() else { panic!("it begins") };
    // A part of the message, again and again: the first byte of its body.
    let mut part = hello[..26].to_vec();
    part[11..13].copy_from_slice(&13u16.to_be_bytes());
    part[22..25].copy_from_slice(&[0, 0, 1]);
    for _ in 0..200 {
        b.datagram(now, LEG, &part);
    }
    let failed = std::iter::from_fn(|| b.poll()).find(|o| matches!(o, Outcome::Failed(..)));
    assert!(failed.is_none(), "{failed:?}");
}
