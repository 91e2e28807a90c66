//! Digits sent as telephone-events (RFC 4733 §2.5): a queue of presses, one step a packet time.
//!
//! ```text
//!   step      1     2     3         n    n+1   n+2
//!           ┌─────┬─────┬─────┬───┬─────┬─────┬─────┬ · · · · ┬─────┬───
//!           │M    │     │     │ … │ end │ end │ end │  pause  │M    │     next digit
//!           └─────┴─────┴─────┴───┴─────┴─────┴─────┴ · · · · ┴─────┴───
//!            └ one timestamp, duration grows by ─┘
//!              the packet time (by our clock)
//! ```
//!
//! A press longer than 65,535 ticks goes on in further segments (§2.5.1.3). The end packet is sent
//! three times (§2.5.1.4), in the pause after the digit, which is made long enough for them.
//!
//! Not here: headers ([`rtp_tx`](super::rtp_tx)) and the same digits as tones
//! ([`dsp::dtmf`](crate::dsp::dtmf)): [`DtmfTx::take`] gives those away press by press.

use std::collections::VecDeque;

use crate::wire::telephone_event::code_of;

/// Most digits that wait on one leg; further ones are dropped.
pub const MAX_QUEUED: usize = 128;
/// Shortest press and pause, milliseconds: what ITU-T Q.24 asks every receiver to take.
pub const SHORTEST_MS: u16 = 40;
/// Longest press and pause, milliseconds.
pub const LONGEST_MS: u16 = 20_000;
/// How often the end is sent again after its first time.
const END_COPIES: u8 = 2;
/// A segment is full before its duration can overflow.
const FULL: u32 = u16::MAX as u32;

/// One press that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Press {
    /// Event code, 0 to 15.
    pub code: u8,
    /// Samples that it sounds.
    pub on: u32,
    /// Samples of pause after it.
    pub off: u32,
}

/// What is to be sent in one packet time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nothing waits, nothing sounds.
    Idle,
    /// Nothing: between two digits.
    Pause,
    /// An event packet.
    Event {
        /// Event code.
        code: u8,
        /// The end bit.
        end: bool,
        /// Ticks since the segment began.
        duration: u16,
        /// What its timestamp is.
        begins: Begins,
    },
}

/// Whether a packet has the timestamp of the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begins {
    /// A press begins: the time of now, and the marker.
    Press,
    /// A segment begins: the last timestamp and 65,535.
    Segment,
    /// Neither: the last timestamp.
    No,
}

/// The digits that one leg still has to send.
#[derive(Clone, Default, Debug)]
pub struct DtmfTx {
    queue: VecDeque<Press>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum State {
    #[default]
    Idle,
    /// A press sounds; samples of its segment so far, and those still to come.
    Sounding { press: Press, sent: u32, left: u32 },
    /// It is over; `ends` more end packets, then the rest of the pause.
    Ending { press: Press, duration: u16, ends: u8, pause: u32 },
}

impl DtmfTx {
    /// Room for all that can wait, so that nothing allocates later.
    pub fn new() -> DtmfTx {
        DtmfTx { queue: VecDeque::with_capacity(MAX_QUEUED), state: State::Idle }
    }

    /// Lets `digits` wait, each for `on_ms` and followed by `off_ms` of pause; characters that are
    /// no digits are skipped. Says how many were taken.
    pub fn push(&mut self, digits: &str, on_ms: u16, off_ms: u16) -> usize {
        let samples = |ms: u16| u32::from(ms.clamp(SHORTEST_MS, LONGEST_MS)) * 8;
        let room = MAX_QUEUED - self.queue.len();
        let before = self.queue.len();
        let codes = digits.chars().filter_map(code_of).take(room);
        self.queue.extend(codes.map(|code| Press {
            code,
            on: samples(on_ms),
            off: samples(off_ms),
        }));
        self.queue.len() - before
    }

    /// Whether anything waits or sounds.
    pub fn is_active(&self) -> bool {
        self.state != State::Idle || !self.queue.is_empty()
    }

    /// The next press, for one who sends it as tones; none while an event of ours sounds.
    pub fn take(&mut self) -> Option<Press> {
        (self.state == State::Idle).then(|| self.queue.pop_front()).flatten()
    }

    /// What to send in the next `samples`, told in ticks of an event clock of so many `ticks` a sample
    /// of 8 kHz.
    pub fn step(&mut self, samples: u32, ticks: u32) -> Step {
        let samples = samples * ticks;
        match self.state {
            State::Idle => match self.queue.pop_front() {
                None => Step::Idle,
                Some(press) => {
                    let Press { code, on, off } = press;
                    let press = Press { code, on: on * ticks, off: off * ticks };
                    self.sound(press, 0, press.on, Begins::Press, samples)
                }
            },
            State::Sounding { press, sent, left } if sent >= FULL => {
                // What did not fit into the full packet counts for the next segment.
                self.sound(press, sent - FULL, left, Begins::Segment, samples)
            }
            State::Sounding { press, sent, left } => {
                self.sound(press, sent, left, Begins::No, samples)
            }
            State::Ending { press, duration, ends, pause } => {
                let pause = pause.saturating_sub(samples);
                let ending = State::Ending { press, duration, ends: ends.saturating_sub(1), pause };
                let over = ends <= 1 && pause == 0;
                self.state = if over { State::Idle } else { ending };
                match ends {
                    0 => Step::Pause,
                    _ => Step::Event { code: press.code, end: true, duration, begins: Begins::No },
                }
            }
        }
    }

    fn sound(&mut self, press: Press, sent: u32, left: u32, begins: Begins, samples: u32) -> Step {
        let step = samples.min(left);
        let (sent, left) = (sent + step, left - step);
        let duration = sent.min(FULL) as u16;
        self.state = match left {
            0 => State::Ending { press, duration, ends: END_COPIES, pause: press.off },
            _ => State::Sounding { press, sent, left },
        };
        Step::Event { code: press.code, end: left == 0, duration, begins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;
    use crate::media::dtmf_rx::{DtmfRx, EventPacket};
    use crate::wire::telephone_event::Event;
    use proptest::prelude::*;

    /// All steps until idle.
    fn steps(tx: &mut DtmfTx, samples: u32) -> Vec<Step> {
        core::iter::from_fn(|| Some(tx.step(samples, 1)).filter(|s| *s != Step::Idle)).collect()
    }

    fn event(duration: u16, end: bool, begins: Begins) -> Step {
        Step::Event { code: 1, end, duration, begins }
    }

    #[test]
    fn a_press_grows_and_ends_three_times() {
        let mut tx = DtmfTx::new();
        tx.push("1", 60, 80);
        let expected = [
            event(160, false, Begins::Press),
            event(320, false, Begins::No),
            event(480, true, Begins::No),
            event(480, true, Begins::No),
            event(480, true, Begins::No),
            Step::Pause,
            Step::Pause,
        ];
        assert_eq!(steps(&mut tx, 160), expected);
        assert!(!tx.is_active());
    }

    #[test]
    fn what_is_no_digit_is_skipped_and_the_queue_is_bounded() {
        let mut tx = DtmfTx::new();
        assert_eq!(tx.push("1-2 x#", 100, 100), 3);
        assert_eq!(tx.push(&"9".repeat(500), 100, 100), MAX_QUEUED - 3);
    }

    #[test]
    fn a_short_pause_is_stretched_for_the_ends() {
        let mut tx = DtmfTx::new();
        tx.push("11", 1, 1); // 40 ms each, at 60 ms a packet
        let one = [
            event(320, true, Begins::Press),
            event(320, true, Begins::No),
            event(320, true, Begins::No),
        ];
        assert_eq!(steps(&mut tx, 480), [one, one].concat());
    }

    #[test]
    fn a_long_press_goes_on_in_segments() {
        let mut tx = DtmfTx::new();
        tx.push("1", 9_000, 40);
        let steps = steps(&mut tx, 160);
        let segment =
            steps.iter().position(|s| matches!(s, Step::Event { begins: Begins::Segment, .. }));
        let full = steps[segment.unwrap() - 1];
        assert_eq!(full, event(65_535, false, Begins::No));
        let last = steps.iter().rfind(|s| matches!(s, Step::Event { .. })).unwrap();
        assert_eq!(*last, event((72_000 - 65_535) as u16, true, Begins::No));
    }

    #[test]
    fn a_faster_clock_counts_the_same_time_and_needs_segments_sooner() {
        let mut tx = DtmfTx::new();
        tx.push("1", 1_500, 40); // 72,000 ticks of 48 kHz
        let of = |tx: &mut DtmfTx| Some(tx.step(160, 6)).filter(|s| *s != Step::Idle);
        let steps: Vec<Step> = core::iter::from_fn(|| of(&mut tx)).collect();
        assert_eq!(steps[0], event(960, false, Begins::Press));
        let segment = |s: &Step| matches!(s, Step::Event { begins: Begins::Segment, .. });
        assert_eq!(steps.iter().position(segment), Some(69));
        assert_eq!(steps[74], event(72_000u32.wrapping_sub(65_535) as u16, true, Begins::No));
    }

    #[test]
    fn presses_can_be_taken_away_as_tones() {
        let mut tx = DtmfTx::new();
        tx.push("12", 50, 60);
        assert_eq!(tx.take(), Some(Press { code: 1, on: 400, off: 480 }));
        tx.step(160, 1);
        assert_eq!(tx.take(), None, "an event sounds");
    }

    proptest! {
        /// What is sent is heard, whatever the packet time.
        #[test]
        fn our_own_receiver_hears_the_digits(
            digits in "[0-9*#A-D]{1,20}", on in 0u16..20_000, off in 0u16..2_000, ptime in 1u32..7,
        ) {
            let mut tx = DtmfTx::new();
            tx.push(&digits, on, off);
            let (mut rx, mut heard, mut timestamp, mut clock) = (DtmfRx::default(), String::new(), 0u32, 0u32);
            let samples = ptime * 80;
            loop {
                match tx.step(samples, 1) {
                    Step::Idle => break,
                    Step::Pause => {}
                    Step::Event { code, end, duration, begins } => {
                        timestamp = match begins {
                            Begins::Press => clock,
                            Begins::Segment => timestamp.wrapping_add(65_535),
                            Begins::No => timestamp,
                        };
                        let marker = begins == Begins::Press;
                        let event = Event { code, end, volume: 10, duration };
                        let packet = EventPacket { timestamp, marker, event };
                        heard.extend(rx.packet(Time::from_millis(u64::from(clock / 8)), packet).began);
                    }
                }
                clock += samples;
            }
            prop_assert_eq!(heard, digits);
        }
    }
}
