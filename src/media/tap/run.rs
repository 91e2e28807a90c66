//! The packets that a steady stream is about to send, known before they come: what their headers will say,
//! when they will come, where their payloads lie.
//!
//! ```text
//!   laid with all care │ known beforehand: 320 ms                   │ laid with all care
//!   placer, layout     │ compared with one cache line, copied once  │ placer told of it, layout …
//! ```
//!
//! With hundreds of calls nothing of a recording is in a cache when its next packet comes, and all that the
//! [`Placer`](super::Placer) and the [`Layout`](super::Layout) would look at has to be fetched from far: nine
//! lines and more. Nearly always the packet is the one that was expected. Then one line is looked at, and
//! the payload is copied to where it belongs.
//!
//! What is not as expected ends the run: what comes early or late, another stream, a gap, a pause, another
//! codec or length. The placer hears of all that came before it, and decides.

use core::ops::Range;

use super::{Heard, MS, SAMPLE_NS};
use crate::base::{Duration, Time};
use crate::media::control::Codec;

/// Samples of the longest run, 320 ms: by as much the placer's corrections and the layout's pieces are late.
pub const LONGEST_RUN: u64 = 320 * MS as u64;
/// A packet of a run comes this long before its time at most, samples of the clock: what comes earlier is to be
/// corrected at once.
pub(super) const EARLIEST: i64 = MS;
/// And this long after it. No packet of a run follows a gap, or is one that calls for a look whether there
/// was one.
pub(super) const LATEST: i64 = 60 * MS;
/// How long the span between the two is, nanoseconds.
const SPAN: u64 = (EARLIEST + LATEST) as u64 * SAMPLE_NS;

/// The next packets of a stream. Small, for each packet meets it.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The next packet's.
    ssrc: u32,
    timestamp: u32,
    sequence: u16,
    /// Of each packet.
    samples: u16,
    codec: Codec,
    /// Where in its channel's memory the next payload lies.
    at: u32,
    /// How many more may come, and how many came.
    left: u16,
    came: u16,
    /// Nanoseconds after its earliest time: of the one that came with the least delay, and of the last one.
    least: u32,
    last: u32,
    /// When the next one comes at the earliest.
    from: Time,
}

/// What came of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Came {
    /// How many packets.
    pub packets: u64,
    /// When the last one came.
    pub arrival: Time,
    /// When it would have come with the least delay of them.
    pub least: Time,
}

impl Run {
    /// No packet is known beforehand.
    pub const NONE: Run = Run {
        ssrc: 0,
        timestamp: 0,
        sequence: 0,
        samples: 0,
        codec: Codec::Pcma,
        at: 0,
        left: 0,
        came: 0,
        least: u32::MAX,
        last: 0,
        from: Time::ZERO,
    };

    /// What follows `newest`, which came at `arrival`, `late` samples after its time; samples of G.711 in
    /// `codec`.
    pub fn after(newest: Heard, codec: Codec, arrival: Time, late: i64) -> Option<Run> {
        let samples = u16::try_from(newest.samples).ok().filter(|samples| *samples > 0)?;
        let before = u64::try_from(late + EARLIEST).ok()?;
        let from = arrival + Duration::from_nanos(u64::from(samples) * SAMPLE_NS);
        let from = from.as_nanos().checked_sub(before * SAMPLE_NS)?;
        Some(Run {
            ssrc: newest.ssrc,
            timestamp: newest.timestamp.wrapping_add(newest.samples),
            sequence: newest.sequence.wrapping_add(1),
            samples,
            codec,
            left: (LONGEST_RUN / u64::from(samples)) as u16,
            from: Time::from_nanos(from),
            ..Run::NONE
        })
    }

    /// For no more packets than find room in so many bytes of memory, from `at` on.
    pub fn within(self, at: usize, room: u64) -> Run {
        let left = room.checked_div(self.samples.into()).unwrap_or(0).min(self.left.into());
        Run { at: at as u32, left: left as u16, ..self }
    }

    /// Where in its channel's memory the next payload lies; its bytes are as many as its samples.
    #[inline]
    pub fn place(&self) -> Range<usize> {
        self.at as usize..self.at as usize + usize::from(self.samples)
    }

    /// Takes a packet, if it is the one that is known; says whether.
    #[inline]
    pub fn takes(&mut self, arrival: Time, heard: Heard, codec: Codec, bytes: usize) -> bool {
        let after = arrival.as_nanos().wrapping_sub(self.from.as_nanos());
        let known = self.left > 0
            && (heard.ssrc, heard.sequence, heard.timestamp)
                == (self.ssrc, self.sequence, self.timestamp)
            && heard.samples == u32::from(self.samples)
            && bytes == usize::from(self.samples)
            && codec == self.codec
            && after <= SPAN;
        if known {
            self.timestamp = self.timestamp.wrapping_add(heard.samples);
            self.sequence = self.sequence.wrapping_add(1);
            self.at += heard.samples;
            (self.left, self.came) = (self.left - 1, self.came + 1);
            (self.least, self.last) = (self.least.min(after as u32), after as u32);
            self.from = Time::from_nanos(self.from.as_nanos() + self.step());
        }
        known
    }

    /// Nothing more is taken.
    pub fn stop(&mut self) {
        self.left = 0;
    }

    /// Whether more may come.
    #[inline]
    pub fn goes_on(&self) -> bool {
        self.left > 0
    }

    /// Whether all that were known have come: the next one is laid with all care, and others are known after it.
    #[inline]
    pub fn is_used_up(&self) -> bool {
        self.left == 0 && self.came > 0
    }

    /// It is over: what came of it, if anything.
    pub fn end(&mut self) -> Option<Came> {
        let over = core::mem::replace(self, Run::NONE);
        let Run { came, least, last, .. } = over;
        if came == 0 {
            return None;
        }
        let from = over.from.as_nanos() - over.step();
        let at = |after: u32| Time::from_nanos(from + u64::from(after));
        Some(Came { packets: came.into(), arrival: at(last), least: at(least) })
    }

    /// Nanoseconds from packet to packet.
    fn step(&self) -> u64 {
        u64::from(self.samples) * SAMPLE_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEWEST: Heard =
        Heard { ssrc: 7, sequence: u16::MAX, timestamp: u32::MAX - 59, samples: 160 };
    const NEXT: Heard = Heard { sequence: 0, timestamp: 100, ..NEWEST };
    /// When the newest one came, and the next one should.
    const CAME: Time = Time::from_millis(1_000);
    const DUE: Time = Time::from_millis(1_020);

    fn run(late: i64) -> Run {
        Run::after(NEWEST, Codec::Pcma, CAME, late).unwrap().within(64, u64::MAX)
    }

    #[test]
    fn only_the_packet_that_is_known_is_taken() {
        let run = run(0);
        let takes = |at: Time, heard: Heard, codec: Codec, bytes: usize| {
            let mut run = run;
            let taken = run.takes(at, heard, codec, bytes);
            assert_eq!(
                (run.place().start, run.end().is_some()),
                (64 + 160 * usize::from(taken), taken)
            );
            taken
        };
        assert!(takes(DUE, NEXT, Codec::Pcma, 160));
        for other in [
            Heard { ssrc: 8, ..NEXT },
            Heard { sequence: 1, ..NEXT },
            Heard { timestamp: 101, ..NEXT },
            Heard { samples: 80, ..NEXT },
            NEWEST,
        ] {
            assert!(!takes(DUE, other, Codec::Pcma, 160), "{other:?}");
        }
        assert!(!takes(DUE, NEXT, Codec::Pcmu, 160) && !takes(DUE, NEXT, Codec::Pcma, 0));
        for (ms, taken) in
            [(1_018, false), (1_019, true), (1_080, true), (1_081, false), (0, false)]
        {
            assert_eq!(takes(Time::from_millis(ms), NEXT, Codec::Pcma, 160), taken, "{ms}");
        }
    }

    #[test]
    fn it_ends_after_320_ms_and_tells_what_came() {
        let mut run = run(40);
        let (mut heard, mut due) = (NEXT, DUE);
        for n in 0..16u64 {
            // 5 ms of lateness are the newest one's own; the sixth comes with the least delay.
            let late = if n == 5 { 0 } else { n % 3 + 5 };
            let at = Time::from_nanos(due.as_nanos() + late * 1_000_000 - 5_000_000);
            assert!(run.goes_on() && run.takes(at, heard, Codec::Pcma, 160), "{n}");
            heard.sequence += 1;
            heard.timestamp += 160;
            due += Duration::from_millis(20);
        }
        assert!(!run.goes_on() && run.is_used_up() && !run.takes(due, heard, Codec::Pcma, 160));
        let ms = Time::from_millis;
        assert_eq!(run.end(), Some(Came { packets: 16, arrival: ms(1_320), least: ms(1_315) }));
        assert!(run.end().is_none() && !run.is_used_up());
    }

    #[test]
    fn it_is_no_longer_than_memory_has_room() {
        assert!(!run(0).within(0, 159).goes_on());
        let mut short = run(0).within(0, 319);
        assert!(short.takes(DUE, NEXT, Codec::Pcma, 160) && !short.goes_on());
        assert!(Run::after(Heard { samples: 0, ..NEWEST }, Codec::Pcma, CAME, 0).is_none());
        assert!(Run::after(NEWEST, Codec::Pcma, CAME, -EARLIEST - 1).is_none());
    }
}
