//! The jitter buffer: from packets that come when they like to samples whenever they are wanted.
//!
//! Stands on the sample path between a leg's received stream and whoever hears it; the relay path has
//! none. Samples are laid on a [`tape`] by timestamp and taken off it by the hearer's clock. Between a
//! sample's timestamp and the moment it is played lies the playout *delay*:
//!
//! ```text
//!   lateness of packets (delay.rs)
//!   │ least              │ least + spread + SAFETY = needed
//!   ▼                    ▼
//! ──┼────────────────────┼──────────── delay ──▶
//!        too little:  ◀──┤  expand: a pitch period is played twice
//!                        ├──▶  too much by a packet: accelerate, a pitch period is left out
//! ```
//!
//! | Where the next sample should be | What is played |
//! |---|---|
//! | it is there | it |
//! | missing, later ones are there | concealment, as long as the hole |
//! | nothing is there (dry) | concealment; and if just that packet comes now, it is still played, so that the delay grows by its lateness. If it does not, the hole was already filled |
//! | dry for [`DRY_LIMIT`] | silence, until a packet begins it anew |
//!
//! Packets of any length and order go in, any number of samples comes out. Its memory is fixed at
//! creation. Not here: order and duplicates by number ([`rtp_rx`](super::rtp_rx)), decoding.

mod delay;
mod tape;

use self::delay::{Delay, samples};
use self::tape::Tape;
use crate::base::Time;
use crate::base::seq::extend32;

/// Longest packet that is taken, samples: 200 ms.
pub const LONGEST_PACKET: usize = 1_600;
/// Most samples that can be pulled at once: 60 ms.
pub const LONGEST_PULL: usize = 480;
/// Added to what the statistics ask for, samples: 2 ms for the clock's own accuracy.
const SAFETY: i64 = 16;
/// Delay while there are no statistics yet, samples: 10 ms.
const FIRST_SPREAD: i64 = 80;
/// Packets after which the statistics are believed alone.
const FEW: u64 = 50;
/// The delay is not let grow beyond what the least would need by more than this (400 ms).
const MOST_DELAY: i64 = 3_200;
/// After so many samples (400 ms) without a packet the stream counts as silent.
const DRY_LIMIT: i64 = 3_200;
/// Where extended timestamps begin: so far from zero that nothing runs below it.
const FIRST: u64 = 1 << 40;

/// What happened so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Figures {
    /// Packets whose time had been played when they came.
    pub late: u64,
    /// Samples made up.
    pub concealed: u64,
    /// Samples played in all, silence between streams not counted.
    pub played: u64,
    /// Times that a pitch period was left out, and that one was played twice.
    pub stretched: (u64, u64),
}

/// One leg's jitter buffer.
#[derive(Debug)]
pub struct Jitter {
    tape: Tape,
    delay: Delay,
    state: State,
    /// Packets since the stream began.
    packets: u64,
    /// Samples in the latest packet.
    packet: i64,
    figures: Figures,
    last: i16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No stream.
    Silent,
    /// A stream begins at this position with the next pull.
    Starting(u64),
    /// Position of the next sample, and samples concealed while nothing was there.
    Playing { next: u64, dry: i64 },
}

impl Default for Jitter {
    fn default() -> Jitter {
        Jitter::new()
    }
}

impl Jitter {
    /// An empty buffer: about 30 kB, and never more.
    pub fn new() -> Jitter {
        Jitter {
            tape: Tape::new(),
            delay: Delay::new(),
            state: State::Silent,
            packets: 0,
            packet: 160,
            figures: Figures::default(),
            last: 0,
        }
    }

    /// Lays down a packet that came at `now`. `first`: it begins a new stream. Empty packets and
    /// ones of more than [`LONGEST_PACKET`] samples are dropped.
    pub fn insert(&mut self, now: Time, first: bool, timestamp: u32, pcm: &[i16]) {
        if pcm.is_empty() || pcm.len() > LONGEST_PACKET {
            return;
        }
        if first || self.packets == 0 {
            self.begin();
        }
        let near = if self.packets == 0 {
            FIRST
        } else {
            self.tape.end()
        };
        let mut at = extend32(timestamp, near);
        let end = at + pcm.len() as u64;
        let playing = match self.state {
            State::Silent => None,
            State::Starting(next) | State::Playing { next, .. } => Some(next),
        };
        if let Some(next) = playing
            && (end > next + tape::LENGTH as u64 || end + (tape::LENGTH as u64) < next)
        {
            // The timestamps leapt: nothing here belongs to them.
            self.begin();
            at = extend32(timestamp, FIRST);
        }
        self.packets += 1;
        self.packet = pcm.len() as i64;
        self.delay.note(now, at);
        match self.state {
            State::Silent => {
                self.tape.clear();
                self.state = State::Starting(at);
            }
            State::Starting(next) => self.state = State::Starting(next.min(at)),
            State::Playing { next, .. } if end <= next => {
                self.figures.late += 1;
                return;
            }
            State::Playing { next, .. } if at < next => {
                let played = (next - at) as usize;
                self.tape.write(next, &pcm[played..]);
                return;
            }
            State::Playing { .. } => {}
        }
        self.tape.write(at, pcm);
    }

    /// The next samples, for a hearer whose clock says `now`. At most [`LONGEST_PULL`]; silence when
    /// there is no stream.
    pub fn pull(&mut self, now: Time, out: &mut [i16]) {
        if let State::Starting(first) = self.state {
            let next = self.start(now, first, out.len() as i64);
            self.state = State::Playing { next, dry: 0 };
        }
        let mut filled = 0;
        while filled < out.len() {
            let State::Playing { next, dry } = self.state else {
                out[filled..].fill(0);
                return;
            };
            let wanted = out.len() - filled;
            let run = self.tape.run(next, wanted);
            if run > 0 {
                let place = &mut out[filled..filled + run];
                self.tape.copy(next, place);
                self.last = place[run - 1];
                self.tape.erase(next, run);
                self.state = State::Playing {
                    next: next + run as u64,
                    dry: 0,
                };
                filled += run;
            } else {
                filled += self.bridge(now, next, dry, &mut out[filled..]);
            }
        }
        self.figures.played += out.len() as u64;
    }

    /// Something is missing at `next`; says how many samples were made up for it.
    fn bridge(&mut self, now: Time, next: u64, dry: i64, out: &mut [i16]) -> usize {
        if self.tape.end() > next {
            let gap = self.tape.gap(next, tape::LENGTH);
            // What was made up while dry stood for the beginning of this hole.
            let skipped = (dry as usize).min(gap);
            let made = (gap - skipped).min(out.len());
            self.conceal(&mut out[..made]);
            self.state = State::Playing {
                next: next + (skipped + made) as u64,
                dry: 0,
            };
            return made;
        }
        if dry >= DRY_LIMIT {
            self.state = State::Silent;
            return 0;
        }
        let made = out.len();
        self.conceal(out);
        // Let the delay grow by the wait, as far as is sensible.
        let delay = samples(now) - next as i64;
        let may_grow = delay - self.delay.least().unwrap_or(delay) < MOST_DELAY;
        self.state = match may_grow {
            true => State::Playing {
                next,
                dry: dry + made as i64,
            },
            false => State::Playing {
                next: next + made as u64,
                dry: dry + made as i64,
            },
        };
        made
    }

    fn conceal(&mut self, out: &mut [i16]) {
        for sample in out.iter_mut() {
            self.last = (i32::from(self.last) * 15 / 16) as i16;
            *sample = self.last;
        }
        self.figures.concealed += out.len() as u64;
    }

    /// Where to begin, so that a packet's edge falls on a pull's and packets as late as expected come
    /// in time: at `first` or whole pulls of silence before it.
    fn start(&self, now: Time, first: u64, pull: i64) -> u64 {
        let delay = samples(now) - first as i64;
        let wait = (self.needed() - delay).max(0);
        let pulls = (wait + pull - 1) / pull;
        first - (pulls * pull) as u64
    }

    /// The delay that lets all but rare packets come in time.
    fn needed(&self) -> i64 {
        let spread = match self.packets {
            ..FEW => self.delay.spread().max(FIRST_SPREAD),
            _ => self.delay.spread(),
        };
        self.delay.least().unwrap_or(0) + spread + SAFETY
    }

    /// A new stream: nothing of the old one is played or remembered.
    fn begin(&mut self) {
        self.tape = Tape::new();
        self.delay.clear();
        self.state = State::Silent;
        self.packets = 0;
    }

    /// What happened so far.
    pub fn figures(&self) -> Figures {
        self.figures
    }
}
