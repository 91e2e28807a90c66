//! The jitter buffer: from packets that come when they like to samples whenever they are wanted.
//!
//! Stands on the sample path between a leg's received stream and whoever hears it; the relay path has
//! none. Samples are laid on a tape by timestamp and taken off it by the hearer's clock. Between a
//! sample's timestamp and the moment it is played lies the playout delay:
//!
//! ```text
//!   lateness of packets (delay.rs)
//!   │ least              │ least + spread + SAFETY = needed
//!   ▼                    ▼
//! ──┼────────────────────┼────────────────────────────── delay ──▶
//!        too little: ◀───┤ stretch: a pitch period is played twice
//!                        ├── at least a packet too much ──▶ shrink: a pitch period is left out
//! ```
//!
//! | Where the next sample should be | What is played |
//! |---|---|
//! | it is there | it |
//! | missing, later ones are there | concealment, as long as the hole |
//! | nothing is there (dry), and the delay was enough | concealment, for one pull: what is late alone counts as lost |
//! | dry for longer, or the delay too little | concealment, and time stands still: when just that packet comes, it is still played, so that the delay has grown by its lateness; when another comes, the hole was already filled |
//! | dry for [`DRY_LIMIT`] | silence, until a packet begins it anew |
//!
//! Packets of any length and order go in, any number of samples comes out; drift of the two clocks
//! is one pitch period now and then. Its memory is fixed at creation. Not here: order and duplicates
//! by number ([`rtp_rx`](super::rtp_rx)), decoding.

mod changed;
mod delay;
mod tape;
#[cfg(test)]
mod tests;

use self::changed::{Changed, Wish};
use self::delay::{Delay, samples};
use self::tape::Tape;
use crate::base::Time;
use crate::base::seq::extend32;
use crate::dsp::conceal::Concealer;
use crate::dsp::stretch::{GENTLE, URGENT};

/// Longest packet that is taken, samples: 200 ms.
pub const LONGEST_PACKET: usize = 1_600;
/// Most samples that can be pulled at once: 60 ms.
pub const LONGEST_PULL: usize = 480;
/// Added to what the statistics ask for, samples: 2 ms for the clock's own accuracy.
const SAFETY: i64 = 16;
/// Spread that is supposed while there are few statistics, samples: 10 ms.
const FIRST_SPREAD: i64 = 80;
/// Packets after which the statistics are believed alone.
const FEW: u64 = 50;
/// The delay does not grow beyond the least by more than this (400 ms).
const MOST_DELAY: i64 = 3_200;
/// After so many samples (400 ms) without a packet the stream counts as silent.
pub const DRY_LIMIT: i64 = 3_200;
/// A delay that could be less by so much (8 ms) without any packet coming late is shrunk.
const WORTH_IT: i64 = 64;
/// Samples between two changes of the delay: 100 ms.
const REST: i64 = 800;
/// After so many pulls in vain a change may be heard a little.
const PATIENCE: u32 = 25;
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
    /// Times that a pitch period was left out.
    pub shrunk: u64,
    /// Times that one was played twice.
    pub stretched: u64,
}

/// One leg's jitter buffer.
#[derive(Debug)]
pub struct Jitter {
    tape: Tape,
    delay: Delay,
    state: State,
    /// Packets since the stream began.
    packets: u64,
    /// Samples in the newest packet.
    packet: i64,
    concealer: Concealer,
    /// Samples since nothing was there any more.
    dry: i64,
    /// Delay beyond what is needed, when last looked at.
    excess: i64,
    /// Samples of silence before the tape's next, at the beginning of a stream.
    lead: usize,
    /// Samples to be played before the tape's next: the rest of a changed block.
    changed: Changed,
    /// Samples until the delay may be changed again.
    rest: i64,
    /// Pulls since a change was wished for.
    waited: u32,
    figures: Figures,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No stream.
    Silent,
    /// A stream begins at this position with the next pull.
    Starting(u64),
    /// Position of the next sample, and samples concealed there while time stood still.
    Playing { next: u64, owed: usize },
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
            concealer: Concealer::new(),
            dry: 0,
            excess: 0,
            lead: 0,
            changed: Changed::new(),
            rest: 0,
            waited: 0,
            figures: Figures::default(),
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
        let mut at = self.extend(timestamp);
        if !self.fits(at, pcm.len()) {
            // The timestamps leapt: nothing that is here belongs to them.
            self.begin();
            at = self.extend(timestamp);
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
            State::Playing { next, .. } if at < next => {
                match pcm.get((next - at) as usize..).filter(|rest| !rest.is_empty()) {
                    Some(rest) => self.tape.write(next, rest),
                    None => self.figures.late += 1,
                }
                return;
            }
            State::Playing { .. } => {}
        }
        self.tape.write(at, pcm);
    }

    /// Lays down what was made up for lost packets. It says nothing of how late packets come, and
    /// without a stream it has no place.
    pub fn fill(&mut self, timestamp: u32, pcm: &[i16]) {
        let at = self.extend(timestamp);
        if self.packets == 0 || pcm.len() > LONGEST_PACKET || !self.fits(at, pcm.len()) {
            return;
        }
        match self.state {
            State::Silent => {}
            State::Playing { next, .. } if at < next => {
                if let Some(rest) = pcm.get((next - at) as usize..).filter(|r| !r.is_empty()) {
                    self.tape.write(next, rest);
                }
            }
            State::Starting(_) | State::Playing { .. } => self.tape.write(at, pcm),
        }
    }

    /// The next samples, for a hearer whose clock says `now`. At most [`LONGEST_PULL`]; silence when
    /// there is no stream.
    pub fn pull(&mut self, now: Time, out: &mut [i16]) {
        if let State::Starting(first) = self.state {
            self.start(now, first, out.len() as i64);
        }
        let mut wish = self.wish(now, out.len() as i64);
        let mut filled = self.changed.take(out);
        if self.lead > 0 {
            let silent = self.lead.min(out.len() - filled);
            self.concealer.lost(&mut out[filled..filled + silent]);
            self.lead -= silent;
            filled += silent;
        }
        while let State::Playing { next, owed } = self.state
            && filled < out.len()
        {
            let wanted = out.len() - filled;
            if wish != Wish::None && self.change(next, core::mem::replace(&mut wish, Wish::None)) {
                filled += self.changed.take(&mut out[filled..]);
                continue;
            }
            let run = self.tape.run(next, wanted);
            if run == 0 {
                filled += self.bridge(now, next, owed, &mut out[filled..]);
                continue;
            }
            let place = &mut out[filled..filled + run];
            self.tape.copy(next, place);
            self.tape.erase(next, run);
            self.concealer.good(place);
            self.state = State::Playing { next: next + run as u64, owed: 0 };
            self.dry = 0;
            filled += run;
        }
        self.figures.played += filled as u64;
        out[filled..].fill(0);
        self.rest -= out.len() as i64;
    }

    /// What happened so far.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// A new stream: nothing of the old one is played or remembered.
    fn begin(&mut self) {
        self.tape.clear();
        self.delay.clear();
        self.state = State::Silent;
        (self.lead, self.packets) = (0, 0);
    }

    fn extend(&self, timestamp: u32) -> u64 {
        extend32(timestamp, if self.packets == 0 { FIRST } else { self.tape.end() })
    }

    /// Whether the tape can hold samples there without losing what is still to be played.
    fn fits(&self, at: u64, length: usize) -> bool {
        let (State::Starting(next) | State::Playing { next, .. }) = self.state else {
            return true;
        };
        let end = at + length as u64;
        end <= next + tape::LENGTH as u64 && end + tape::LENGTH as u64 >= next
    }

    /// Something is missing at `next`; says how many samples were made up for it.
    fn bridge(&mut self, now: Time, next: u64, owed: usize, out: &mut [i16]) -> usize {
        if self.tape.end() > next {
            let gap = self.tape.gap(next, tape::LENGTH);
            // What was made up while dry stood for the beginning of this hole.
            let skipped = owed.min(gap);
            let made = (gap - skipped).min(out.len());
            self.conceal(&mut out[..made]);
            self.state = State::Playing { next: next + (skipped + made) as u64, owed: 0 };
            return made;
        }
        if self.dry >= DRY_LIMIT {
            self.state = State::Silent;
            return 0;
        }
        let made = out.len();
        self.conceal(out);
        // Lateness so far, were it to end now.
        let late = samples(now) - next as i64 - self.delay.least().unwrap_or(0);
        let stand = (self.dry > 0 || self.excess < 0) && late < MOST_DELAY;
        self.state = match stand {
            true => State::Playing { next, owed: owed + made },
            false => State::Playing { next: next + made as u64, owed: 0 },
        };
        self.dry += made as i64;
        made
    }

    fn conceal(&mut self, out: &mut [i16]) {
        self.concealer.lost(out);
        self.figures.concealed += out.len() as u64;
    }

    /// Begins to play so that a packet's edge falls on a pull's and packets as late as expected come in
    /// time: after whole pulls of silence, or behind `first` when a stall has delivered much at once.
    fn start(&mut self, now: Time, first: u64, pull: i64) {
        let delay = samples(now) - first as i64;
        let needed = self.needed() + pull - common(pull, self.packet);
        let wait = (needed - delay + pull - 1).div_euclid(pull) * pull;
        self.lead = wait.max(0) as usize;
        let next = first + wait.min(0).unsigned_abs();
        self.state = State::Playing { next, owed: 0 };
        self.dry = 0;
        // Whatever was heard before goes over into it without a step.
        self.concealer.lost(&mut [0]);
    }

    /// The delay that lets all but rare packets come in time, when their edges fall on pulls'.
    fn needed(&self) -> i64 {
        let spread = match self.packets {
            ..FEW => self.delay.spread().max(FIRST_SPREAD),
            _ => self.delay.spread(),
        };
        self.delay.least().unwrap_or(0) + spread.min(MOST_DELAY) + SAFETY
    }

    /// Whether the delay should change before a pull of `pull` samples.
    ///
    /// Packets and pulls both come in steps. Where a packet's edge falls `k` samples into a pull, it
    /// has to be there that much before its first sample is played. So the delay that counts is
    /// the one less `k`; and as long as shrinking only moves the edge towards the pull's beginning,
    /// it costs nothing. For the same reason stretching wins nothing before the edge reaches the pull
    /// after.
    fn wish(&mut self, now: Time, pull: i64) -> Wish {
        let State::Playing { next, .. } = self.state else {
            return Wish::None;
        };
        let before = self.lead + self.changed.left();
        let position = next as i64 - before as i64;
        let step = common(pull, self.packet);
        let edge = (self.tape.end() as i64 - position).rem_euclid(step);
        self.excess = samples(now) - position - (pull - step + edge) - self.needed();
        let steps = (self.excess - SAFETY).max(0) / step;
        let wish = match edge + steps * step {
            // Nothing is won before the edge has come to the next pull.
            _ if self.excess < 0 => Wish::Stretch((step - edge) as usize),
            most @ WORTH_IT.. => Wish::Shrink(most as usize),
            _ => Wish::None,
        };
        self.waited = if wish == Wish::None { 0 } else { self.waited + 1 };
        if self.rest > 0 || self.dry > 0 || self.packets < 2 {
            return Wish::None;
        }
        wish
    }

    /// Plays a block with a pitch period more or less; whether there was one that lends itself.
    fn change(&mut self, next: u64, wish: Wish) -> bool {
        if self.lead > 0 || self.concealer.is_concealing() {
            return false;
        }
        let similarity = if self.waited > PATIENCE { URGENT } else { GENTLE };
        let Some(length) = self.changed.make(&self.tape, next, wish, similarity) else {
            return false;
        };
        match wish {
            Wish::Stretch(_) => self.figures.stretched += 1,
            Wish::Shrink(_) | Wish::None => self.figures.shrunk += 1,
        }
        self.concealer.good(self.changed.samples());
        self.tape.erase(next, length);
        self.state = State::Playing { next: next + length as u64, owed: 0 };
        (self.rest, self.waited) = (REST, 0);
        true
    }
}

/// Greatest common divisor: the step by which packets' edges move within pulls.
fn common(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.max(1), b.max(1));
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
