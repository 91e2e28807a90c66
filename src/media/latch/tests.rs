//! Streams of one's own and of strangers, in virtual time.

use super::*;
use crate::base::seq::{diff16, diff32};
use proptest::prelude::*;

const NAMED: &str = "192.0.2.1:4000";
const NAT: &str = "198.51.100.7:61000";
const OTHER: &str = "198.51.100.7:62000";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A sender of 20 ms packets.
#[derive(Clone)]
struct Stream {
    from: SocketAddr,
    mark: Mark,
}

impl Stream {
    /// Its numbers begin near their wrap, each SSRC's elsewhere.
    fn new(from: &str, ssrc: u32) -> Stream {
        let mark = Mark {
            ssrc,
            sequence: 65_430u16.wrapping_add(100 * ssrc as u16),
            timestamp: (u32::MAX - 500).wrapping_add((ssrc - 1) << 28),
            known: true,
            ticks_per_ms: 8,
            authentic: false,
        };
        Stream { from: addr(from), mark }
    }
    fn at(&self, from: &str) -> Stream {
        Stream { from: addr(from), mark: self.mark }
    }
    fn send(&mut self, latch: &mut Latch, ms: u64) -> Verdict {
        self.mark.sequence = self.mark.sequence.wrapping_add(1);
        self.mark.timestamp = self.mark.timestamp.wrapping_add(160);
        latch.check(Time::from_millis(ms), self.from, self.mark)
    }
}

/// A latch that was negotiated and holds `stream` since `ms` 0.
fn holding(stream: &mut Stream) -> Latch {
    let mut latch = Latch::default();
    latch.negotiated(Some(stream.from));
    assert_eq!(stream.send(&mut latch, 0), Verdict::Learned);
    latch
}

#[test]
fn a_peer_that_receives_elsewhere_is_sent_to_where_sdp_says() {
    let mut latch = Latch::default();
    latch.keep_to(Some(addr(NAMED)));
    latch.negotiated(Some(addr(NAMED)));
    assert_eq!(latch.destination(), Some(addr(NAMED)));
    let mut stream = Stream::new("192.0.2.1:5002", 1);
    let verdicts: Vec<_> = (0..4).map(|n| stream.send(&mut latch, n * 20)).collect();
    assert_eq!(verdicts[2..], [Verdict::Learned, Verdict::Ours], "it is heard as anybody");
    assert_eq!(latch.destination(), Some(addr(NAMED)));
    let mut moved = stream.at(NAT);
    (0..4).for_each(|n| _ = moved.send(&mut latch, 200 + n * 20));
    assert_eq!(latch.held().map(|held| held.addr), Some(addr(NAT)));
    assert_eq!(latch.destination(), Some(addr(NAMED)));
    // On hold it may name no place at all.
    latch.keep_to(Some(addr("0.0.0.0:4000")));
    assert_eq!(latch.destination(), None);
    latch.unchecked();
    assert_eq!(latch.destination(), Some(addr(NAT)));
}

#[test]
fn nothing_is_taken_before_the_negotiation() {
    let mut latch = Latch::default();
    assert_eq!(Stream::new(NAMED, 1).send(&mut latch, 0), Verdict::Early);
    assert_eq!((latch.destination(), latch.foreign().0), (None, 0));
}

#[test]
fn the_named_source_is_learned_at_once() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    assert_eq!(ours.send(&mut latch, 20), Verdict::Ours);
    assert_eq!(latch.held(), Some(Source { addr: addr(NAMED), ssrc: 1 }));
}

#[test]
fn behind_nat_a_source_is_learned_by_packets_in_a_row_and_sent_to() {
    let mut latch = Latch::default();
    latch.negotiated(Some(addr(NAMED)));
    assert_eq!(latch.destination(), Some(addr(NAMED)));
    let mut ours = Stream::new(NAT, 1);
    assert_eq!(ours.send(&mut latch, 0), Verdict::Unproven);
    ours.mark.sequence += 1; // one is lost: begin to count again
    assert_eq!(ours.send(&mut latch, 40), Verdict::Unproven);
    assert_eq!(ours.send(&mut latch, 60), Verdict::Unproven);
    assert_eq!(ours.clone().send(&mut latch, 60), Verdict::Learned);
    assert_eq!(latch.destination(), Some(addr(NAT)));
    assert_eq!(latch.foreign().0, 0);
}

#[test]
fn an_unknown_payload_type_proves_nothing() {
    let mut latch = Latch::default();
    latch.negotiated(Some(addr(NAMED)));
    let mut odd = Stream::new(NAMED, 1);
    odd.mark.known = false;
    assert_eq!(odd.send(&mut latch, 0), Verdict::Unproven);
    assert_eq!(latch.held(), None);
}

#[test]
fn the_named_source_replaces_one_learned_in_its_absence() {
    let mut latch = Latch::default();
    latch.negotiated(Some(addr(NAMED)));
    let mut stranger = Stream::new(NAT, 1);
    let _ = [0, 20, 40].map(|ms| stranger.send(&mut latch, ms));
    let mut ours = Stream::new(NAMED, 2);
    let verdicts =
        [50, 70, 90].map(|ms| (stranger.send(&mut latch, ms), ours.send(&mut latch, ms)));
    assert_eq!(verdicts[1], (Verdict::Ours, Verdict::Unproven));
    assert_eq!(verdicts[2], (Verdict::Ours, Verdict::Moved(addr(NAT))));
    assert_eq!(stranger.send(&mut latch, 100), Verdict::Foreign);
}

#[test]
fn a_host_that_sdp_names_replaces_one_that_it_does_not() {
    let mut latch = Latch::default();
    latch.negotiated(Some(addr(NAMED)));
    let mut stranger = Stream::new(NAT, 1);
    let _ = [0, 20, 40].map(|ms| stranger.send(&mut latch, ms));
    let mut ours = Stream::new("192.0.2.1:61000", 2);
    let verdicts = [50, 70, 90].map(|ms| ours.send(&mut latch, ms));
    assert_eq!(verdicts[2], Verdict::Moved(addr(NAT)));
}

#[test]
fn who_was_sending_before_is_never_learned() {
    let mut stray = Stream::new(NAT, 9);
    let mut latch = Latch::new(Some(Source { addr: stray.from, ssrc: 9 }));
    latch.negotiated(Some(addr("10.1.1.1:4000"))); // a private address: our peer is behind NAT
    for ms in (0..1_000).step_by(20) {
        assert_eq!(stray.send(&mut latch, ms), Verdict::Foreign);
    }
    let mut ours = Stream::new(OTHER, 1);
    let verdicts = [1_000, 1_020, 1_040].map(|ms| ours.send(&mut latch, ms));
    assert_eq!(verdicts[2], Verdict::Learned);
    assert_eq!(stray.send(&mut latch, 1_050), Verdict::Foreign);
}

#[test]
fn a_foreign_stream_is_counted_and_never_heard() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    let mut foreign = Stream::new(OTHER, 9);
    for ms in (20..2_000).step_by(20) {
        assert_eq!(foreign.send(&mut latch, ms), Verdict::Foreign);
    }
    assert_eq!(ours.send(&mut latch, 2_000), Verdict::Ours, "though silent for long");
    assert_eq!(latch.foreign(), (99, Some(addr(OTHER))));
}

#[test]
fn a_remapped_port_is_followed_when_the_stream_goes_on() {
    let mut ours = Stream::new(NAT, 1);
    let mut latch = holding(&mut ours);
    let mut moved = ours.at(OTHER);
    assert_eq!(moved.send(&mut latch, 20), Verdict::Unproven);
    assert_eq!(moved.send(&mut latch, 40), Verdict::Unproven);
    assert_eq!(moved.send(&mut latch, 60), Verdict::Moved(addr(NAT)));
    assert_eq!(moved.send(&mut latch, 80), Verdict::Ours);
    assert_eq!(latch.destination(), Some(addr(OTHER)));
}

/// The usual cause of a new mapping: the old one expired while our peer was silent.
#[test]
fn a_stream_that_comes_back_from_elsewhere_after_a_long_silence_is_followed() {
    for counted_on in [true, false] {
        let mut ours = Stream::new(NAT, 1);
        let mut latch = holding(&mut ours);
        let mut moved = ours.at(OTHER);
        if counted_on {
            moved.mark.timestamp = moved.mark.timestamp.wrapping_add(90 * 8_000);
        }
        let verdicts = [90_000, 90_020, 90_040].map(|ms| moved.send(&mut latch, ms));
        assert_eq!(verdicts[2], Verdict::Moved(addr(NAT)), "{counted_on}");
    }
}

/// The fault of R8: the firewall gives the old mapping to another call at the same moment.
#[test]
fn a_stream_that_takes_over_the_old_address_is_never_heard() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    let (mut moved, mut foreign) = (ours.at(OTHER), Stream::new(NAMED, 9));
    for ms in (20..60_000).step_by(20) {
        assert!(!foreign.send(&mut latch, ms).is_ours(), "at {ms}");
        let verdict = moved.send(&mut latch, ms + 7);
        assert!(verdict.is_ours() || ms < 60, "{verdict:?} at {ms}");
    }
    latch.negotiated(Some(addr(NAMED))); // a session refresh changes nothing
    assert!(!foreign.send(&mut latch, 60_000).is_ours());
    assert_eq!(moved.send(&mut latch, 60_007), Verdict::Ours);
}

#[test]
fn our_stream_regains_the_leg_from_one_that_took_its_address_first() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    let (mut moved, mut foreign) = (ours.at(OTHER), Stream::new(NAMED, 9));
    let taken = (20..400).step_by(20).map(|ms| foreign.send(&mut latch, ms)).last();
    assert_eq!(taken, Some(Verdict::Ours), "nothing tells it from a restart yet");
    moved.mark.sequence = moved.mark.sequence.wrapping_add(19);
    moved.mark.timestamp = moved.mark.timestamp.wrapping_add(19 * 160);
    let verdicts = [400, 420, 440].map(|ms| moved.send(&mut latch, ms));
    assert_eq!(verdicts[2], Verdict::Moved(addr(NAMED)));
    assert_eq!(foreign.send(&mut latch, 450), Verdict::Foreign);
}

#[test]
fn two_senders_of_one_ssrc_leave_the_old_in_place() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    for ms in (20..5_000).step_by(20) {
        let mut spoof = ours.at(OTHER); // always one ahead of the real one
        assert_eq!(spoof.send(&mut latch, ms), Verdict::Unproven);
        assert_eq!(ours.send(&mut latch, ms + 10), Verdict::Ours);
    }
    assert_eq!(latch.foreign().0, 249);
}

#[test]
fn packets_in_a_burst_do_not_move_a_stream_that_is_not_silent() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    let mut spoof = ours.at(OTHER);
    let verdicts = [5, 6, 7, 8].map(|ms| spoof.send(&mut latch, ms));
    assert_eq!(verdicts, [Verdict::Unproven; 4]);
    assert_eq!(ours.send(&mut latch, 20), Verdict::Ours);
    assert_eq!(latch.foreign().0, 4, "which they now are known to be");
}

#[test]
fn a_stream_that_was_left_long_ago_does_not_return() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    let mut again = Stream::new(NAMED, 2);
    let _ = (20..=6_000).step_by(20).map(|ms| again.send(&mut latch, ms)).last();
    let mut old = ours.at(OTHER);
    let verdicts = [6_010, 6_030, 6_050].map(|ms| old.send(&mut latch, ms));
    assert_eq!(verdicts, [Verdict::Foreign; 3]);
}

#[test]
fn a_copier_cannot_keep_the_leg_while_the_real_one_lives() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    let mut spoof = ours.at(OTHER);
    let _ = [20, 40, 60].map(|ms| spoof.send(&mut latch, ms)); // while ours was held up
    assert_eq!(latch.destination(), Some(addr(OTHER)));
    let verdicts =
        [80, 100, 120].map(|ms| (spoof.send(&mut latch, ms), ours.send(&mut latch, ms)).1);
    assert_eq!(verdicts[2], Verdict::Moved(addr(OTHER)));
    assert_eq!(latch.destination(), Some(addr(NAMED)));
}

#[test]
fn a_restart_is_taken_once_the_old_stream_is_silent() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    let mut again = Stream::new(NAMED, 2);
    let verdicts: Vec<_> = (20..=120).step_by(20).map(|ms| again.send(&mut latch, ms)).collect();
    assert_eq!(verdicts[3], Verdict::Unproven);
    assert_eq!(verdicts[4..], [Verdict::Restarted, Verdict::Ours]);
    assert_eq!((latch.spent(), latch.foreign().0), (4, 0), "what its proof cost is told");
    // Both at once: the holder stays.
    let mut third = Stream::new(NAMED, 3);
    for ms in (140..1_000).step_by(20) {
        assert_eq!(again.send(&mut latch, ms), Verdict::Ours);
        assert!(!third.send(&mut latch, ms).is_ours());
    }
}

#[test]
fn who_changes_only_its_ssrc_goes_on_at_once() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    for (ssrc, ms) in (2..10).zip((20..).step_by(40)) {
        let late = ours.clone();
        ours.mark.ssrc = ssrc;
        assert_eq!(ours.send(&mut latch, ms), Verdict::Restarted);
        assert_eq!(ours.send(&mut latch, ms + 20), Verdict::Ours);
        // What was still under way of the stream before turns nothing back.
        let straggler = latch.check(Time::from_millis(ms + 21), late.from, late.mark);
        assert!(!straggler.is_ours(), "{straggler:?}");
        assert_eq!(latch.held().map(|held| held.ssrc), Some(ssrc));
    }
    // The same numbers from elsewhere prove nothing.
    let mut elsewhere = ours.at(OTHER);
    elsewhere.mark.ssrc = 99;
    assert_eq!(elsewhere.send(&mut latch, 400), Verdict::Foreign);
    // Nor does a step that is too wide.
    let mut wide = ours.clone();
    wide.mark.ssrc = 98;
    wide.mark.sequence = wide.mark.sequence.wrapping_add(20);
    assert_eq!(wide.send(&mut latch, 2_000), Verdict::Unproven);
}

#[test]
fn whom_its_key_shows_to_be_ours_starts_anew_at_once() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    let mut again = Stream::new(NAMED, 5);
    let before = ours.clone();
    again.mark.authentic = true;
    assert_eq!(again.send(&mut latch, 20), Verdict::Restarted);
    let mut straggler = Mark { authentic: true, ..before.mark };
    straggler.sequence = straggler.sequence.wrapping_sub(3);
    assert!(!latch.check(Time::from_millis(21), before.from, straggler).is_ours());
    assert_eq!(again.send(&mut latch, 40), Verdict::Ours);
}

#[test]
fn another_address_and_ssrc_at_once_need_the_key() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    let mut moved = Stream::new("192.0.2.1:4002", 5);
    for ms in 500..520 {
        assert_eq!(moved.send(&mut latch, ms * 20), Verdict::Foreign);
    }
    moved.mark.authentic = true;
    assert_eq!(moved.send(&mut latch, 10_400), Verdict::Moved(addr(NAMED)));
    assert_eq!(latch.destination(), Some(addr("192.0.2.1:4002")));
    assert_eq!(ours.send(&mut latch, 10_420), Verdict::Foreign, "the old one has no key");
    assert_eq!(moved.send(&mut latch, 10_440), Verdict::Ours);
}

#[test]
fn a_new_address_in_sdp_opens_the_learning_anew() {
    let mut ours = Stream::new(NAMED, 1);
    let mut latch = holding(&mut ours);
    latch.negotiated(Some(addr("0.0.0.0:4000"))); // hold in the old style: no address
    assert_eq!(ours.send(&mut latch, 20), Verdict::Ours);
    latch.negotiated(Some(addr("203.0.113.5:7000")));
    assert_eq!(latch.destination(), Some(addr("203.0.113.5:7000")));
    assert_eq!(ours.send(&mut latch, 40), Verdict::Unproven);
    assert_eq!(Stream::new("203.0.113.5:7000", 5).send(&mut latch, 45), Verdict::Learned);
    assert_eq!(ours.send(&mut latch, 60), Verdict::Foreign);
}

/// One scripted packet: address and SSRC of few, the step of the sequence, the pause before it,
/// whether its payload type is known.
fn any_step() -> impl Strategy<Value = (usize, u32, i16, u64, bool)> {
    let step = prop_oneof![6 => Just(1i16), 1 => -3..=3i16, 1 => any::<i16>()];
    (0..4usize, 1..4u32, step, prop_oneof![Just(20u64), 0..200u64], prop::bool::weighted(0.95))
}

/// What came so far, seen from outside: the judge of a take-over.
#[derive(Default)]
struct Log {
    packets: Vec<(u64, Source, Mark)>,
    heard: Option<u64>,
    named: Option<SocketAddr>,
    holders: Vec<Source>,
    /// With which packet the holder took hold.
    hold: usize,
}

impl Log {
    /// Whether the newest packet ends a run of `n` consecutive ones of its source.
    fn in_a_row(&self, n: usize) -> bool {
        let (_, source, mark) = *self.packets.last().unwrap();
        let known = self.packets.iter().rev().filter(|p| p.1 == source && p.2.known);
        let mut wanted = mark.sequence;
        let mut found = 0;
        for (_, _, m) in known {
            if m.sequence == wanted {
                wanted = wanted.wrapping_sub(1);
                found += 1;
            }
        }
        found >= n
    }
    /// Whether what the header's table asks for is fulfilled.
    fn justifies(&self, old: Source, verdict: Verdict) -> bool {
        let (now, new, mark) = *self.packets.last().unwrap();
        let silent = now - self.heard.unwrap();
        let returns = self.holders.iter().any(|h| h.ssrc == new.ssrc);
        // How far the holder has come since it took hold; a late packet does not turn it back.
        let of_old = self.packets[self.hold..].iter().filter(|p| p.1 == old).map(|p| p.2);
        let newest = of_old.reduce(|at, m| {
            let late = (-100..=0).contains(&diff16(m.sequence, at.sequence));
            if late { at } else { m }
        });
        let follows = newest.is_some_and(|m| {
            (1..=10).contains(&diff16(mark.sequence, m.sequence))
                && diff32(mark.timestamp, m.timestamp) >= 0
        });
        if verdict == Verdict::Restarted && follows {
            return true;
        }
        self.in_a_row(3)
            && match verdict {
                Verdict::Restarted => silent >= 100 || returns,
                _ if nearness(self.named, new.addr) > nearness(self.named, old.addr) => true,
                _ if new.ssrc == old.ssrc => silent >= 50 || returns,
                _ => returns,
            }
    }
}

/// A leg with ICE: sent is where was nominated, taken from wherever the key fits.
#[test]
fn ice_says_where_to_send_and_the_key_who_is_heard() {
    let mut latch = Latch::default();
    let mut ours = Stream::new(NAMED, 1);
    latch.checked(None);
    assert_eq!(ours.send(&mut latch, 0), Verdict::Early);
    latch.negotiated(None);
    assert_eq!((ours.send(&mut latch, 20), latch.destination()), (Verdict::Learned, None));
    latch.checked(Some(addr(NAT)));
    assert_eq!((ours.send(&mut latch, 40), latch.destination()), (Verdict::Ours, Some(addr(NAT))));
    let mut moved = ours.at(OTHER);
    assert_eq!(moved.send(&mut latch, 60), Verdict::Moved(addr(NAMED)));
    let mut other = Stream::new(OTHER, 2);
    assert_eq!(other.send(&mut latch, 80), Verdict::Restarted);
    other.mark.known = false;
    other.mark.ssrc = 3;
    assert_eq!(other.send(&mut latch, 100), Verdict::Unproven);
    // Without ICE again, the latch is what it was.
    latch.unchecked();
    assert_eq!(ours.send(&mut latch, 120), Verdict::Foreign);
    assert_eq!(latch.destination(), Some(addr(OTHER)));
}

proptest! {
    /// Whatever is interleaved: who takes over has proven a claim.
    #[test]
    fn nobody_takes_over_without_proof(
        steps in prop::collection::vec(any_step(), 1..400),
        negotiations in prop::collection::vec((0..400usize, 0..4usize), 0..4),
    ) {
        let addrs = [NAMED, NAT, OTHER, "203.0.113.5:7000"].map(addr);
        let (mut latch, mut log, mut now) = (Latch::default(), Log::default(), 0);
        let mut heads = [[(1_000u16, 0u32); 4]; 4];
        for (i, (from, ssrc, step, wait, known)) in steps.into_iter().enumerate() {
            for (_, named) in negotiations.iter().filter(|(at, _)| *at == i) {
                log.named = Some(addrs[*named]);
                latch.negotiated(log.named);
            }
            now += wait;
            let head = &mut heads[from][ssrc as usize];
            head.0 = head.0.wrapping_add(step as u16);
            head.1 = head.1.wrapping_add((i32::from(step) * 160) as u32);
            let (sequence, timestamp) = *head;
            let mark =
                Mark { ssrc, sequence, timestamp, known, ticks_per_ms: 8, authentic: false };
            let source = Source { addr: addrs[from], ssrc };
            log.packets.push((now, source, mark));
            let before = latch.held();
            let verdict = latch.check(Time::from_millis(now), source.addr, mark);
            match (verdict, before) {
                (Verdict::Ours, Some(held)) => prop_assert_eq!(held, source),
                (Verdict::Learned, None) => {
                    prop_assert!(log.named == Some(source.addr) || log.in_a_row(3));
                }
                (Verdict::Moved(old), Some(held)) => {
                    prop_assert!(held.addr == old && old != source.addr);
                    prop_assert!(log.justifies(held, verdict));
                }
                (Verdict::Restarted, Some(held)) => {
                    prop_assert!(held.addr == source.addr && held.ssrc != ssrc);
                    prop_assert!(log.justifies(held, verdict));
                }
                (Verdict::Unproven | Verdict::Foreign | Verdict::Early, _) => {
                    prop_assert_eq!(before, latch.held(), "who is not taken changes nothing");
                }
                impossible => prop_assert!(false, "{:?}", impossible),
            }
            if verdict.is_ours() {
                if verdict != Verdict::Ours {
                    log.hold = log.packets.len() - 1;
                }
                log.heard = Some(now);
                log.holders.push(source);
                prop_assert_eq!(latch.held(), Some(source));
            }
        }
    }

    /// A stranger that knows neither SSRC nor SDP's address is never heard, however it mixes in.
    #[test]
    fn a_stranger_is_never_heard(
        mix in prop::collection::vec((any::<bool>(), any::<u16>(), any::<u32>(), 0..40u64), 1..500),
    ) {
        let mut ours = Stream::new(NAMED, 1);
        let mut latch = holding(&mut ours);
        let mut now = 0;
        for (mine, sequence, timestamp, wait) in mix {
            now += wait;
            if mine {
                prop_assert_eq!(ours.send(&mut latch, now), Verdict::Ours);
            } else {
                let (ssrc, known, authentic) = (2 | timestamp, true, false);
                let mark = Mark { ssrc, sequence, timestamp, known, ticks_per_ms: 8, authentic };
                let verdict = latch.check(Time::from_millis(now), addr(OTHER), mark);
                prop_assert_eq!(verdict, Verdict::Foreign);
            }
        }
    }
}
