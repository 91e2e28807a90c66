//! The jitter buffer: from packets that come when they like to samples whenever they are wanted.
//!
//! Stands on the sample path between a leg's received stream and whoever hears it; the relay path has
//! none. Packets are kept as they came and decoded, in order, when the hearer's clock asks for their
//! samples: so one that was overtaken is of use, and a hole is filled when as much as possible is known
//! of what lies round it.
//!
//! ```text
//!   packet ─▶ store (by timestamp) ─▶ voice: decode, or make up ─▶ ready ─▶ hearer
//!      └────▶ delay (how late)                                      └ a pitch period more or less
//! ```
//!
//! Positions are extended timestamps in slots of an eighth of a millisecond, whatever the rate. Between
//! a sample's timestamp and the moment it is played lies the playout delay:
//!
//! ```text
//!   lateness of packets (delay.rs)
//!   │ least              │ least + spread + SAFETY = needed; a packet more while some are lost
//!   ▼                    ▼
//! ──┼────────────────────┼────────────────────────────── delay ──▶
//!        too little: ◀───┤ stretch: a pitch period is played twice
//!                        ├── at least a packet too much ──▶ shrink: a pitch period is left out
//! ```
//!
//! | Where the next sample should be | What is played |
//! |---|---|
//! | its packet is there | it |
//! | missing, a later one is there | what leads from the one side to the other ([`voice`]) |
//! | nothing is there (dry), and the delay was enough | concealment, for one pull: what is late alone counts as lost |
//! | dry for longer, or the delay too little | concealment, and time stands still: when just that packet comes, it is still played, so that the delay has grown by its lateness; when another comes, the hole was already filled |
//! | dry for [`DRY_LIMIT`] | silence, until a packet begins it anew |
//! | nothing is there, and nobody speaks (Opus DTX, RFC 3389) | noise, until a packet begins it anew |
//!
//! Packets of any length and order go in, any number of samples comes out; drift of the two clocks
//! is one pitch period now and then. Its memory is fixed at creation. Not here: order and duplicates
//! by number ([`rtp_rx`](super::rtp_rx)).
//!
//! Here: what comes in and what goes out. The second picture is [`pace`], the table is [`fill`].

mod delay;
mod fill;
mod losses;
mod pace;
mod ready;
mod store;
#[cfg(test)]
mod tests;
pub(super) mod voice;

use self::delay::Delay;
use self::losses::Losses;
use self::ready::{Ready, Wish};
use self::store::{Kind, Store};
use self::voice::Voice;
use crate::base::seq::extend32;
use crate::base::{Duration, Time};
use crate::dsp::codec::{Codec, OpenError};
use crate::dsp::rate::Rate;

/// Longest packet that is taken, slots: 200 ms.
pub const LONGEST_PACKET: usize = 1_600;
/// Most slots that can be pulled at once: 60 ms.
pub const LONGEST_PULL: usize = 480;
/// Room for what is decoded or made up at once, slots: a hole filled from both sides and the packet
/// behind it.
const AT_ONCE: usize = LONGEST_PACKET + 960;
/// No packet is kept further from the next sample than this, slots: 1.024 s.
const WINDOW: u64 = 8_192;
/// The delay does not grow beyond the least by more than this (400 ms).
const MOST_DELAY: i64 = 3_200;
/// After so many slots (400 ms) without a packet the stream counts as silent.
pub const DRY_LIMIT: i64 = 3_200;
/// Where extended timestamps begin: so far from zero that nothing runs below it.
const FIRST: u64 = 1 << 40;

/// What happened so far, in slots: samples of 8 kHz.
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

impl Figures {
    /// These and `more`.
    pub fn and(self, more: Figures) -> Figures {
        Figures {
            late: self.late + more.late,
            concealed: self.concealed + more.concealed,
            played: self.played + more.played,
            shrunk: self.shrunk + more.shrunk,
            stretched: self.stretched + more.stretched,
        }
    }
}

/// What a pull gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Silence: there is no stream.
    Nothing,
    /// Noise: the sender says that nobody speaks.
    Noise,
    /// Sound, received or made up.
    Sound,
}

/// What a packet is to the others of its stream, by its sequence number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// It begins a stream.
    Begins,
    /// Newer than all before it.
    Newest,
    /// Others overtook it.
    Overtaken,
}

/// One packet of audio as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// What it is to the others of its stream.
    pub order: Order,
    /// Its timestamp and length, slots.
    pub timestamp: u32,
    /// Its length.
    pub slots: u32,
    /// What it holds.
    pub payload: &'a [u8],
}

/// One leg's jitter buffer.
#[derive(Debug)]
pub struct Jitter {
    rate: Rate,
    store: Store,
    voice: Voice,
    ready: Ready,
    delay: Delay,
    state: State,
    /// Packets since the stream began, and where the newest ends.
    packets: u64,
    end: u64,
    /// Slots in the newest packet.
    packet: i64,
    /// Slots since nothing was there any more.
    dry: i64,
    losses: Losses,
    /// Delay beyond what is needed, when last looked at, and how much of the need is for losses.
    excess: i64,
    ahead: i64,
    /// Slots of silence before the first packet, at the beginning of a stream.
    lead: usize,
    /// Slots until the delay may be changed again.
    rest: i64,
    /// Slots since a change was wished for.
    waited: i64,
    figures: Figures,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No stream, or nobody speaks.
    Silent,
    /// A stream begins at this position with the next pull.
    Starting(u64),
    /// Position after the last sample that is ready, and slots concealed there while time stood still.
    Playing { next: u64, owed: usize },
}

impl Jitter {
    /// Bytes that it holds beside its own place; what libopus holds is not in it.
    pub fn held(&self) -> usize {
        self.store.held() + self.ready.held() + self.delay.held()
    }

    /// An empty buffer for packets of `codec`, heard at `rate` or, where that is none of the codec's, at
    /// its own; `seed` for its comfort noise. About 30 kB at 8 kHz, and never more.
    pub fn new(codec: Codec, rate: Rate, seed: u64) -> Result<Jitter, OpenError> {
        let rate = codec.rate_beside(rate);
        Ok(Jitter {
            rate,
            store: Store::new(),
            voice: Voice::new(codec, rate, seed)?,
            ready: Ready::new(rate, AT_ONCE),
            delay: Delay::new(),
            state: State::Silent,
            packets: 0,
            end: FIRST,
            packet: 160,
            dry: 0,
            losses: Losses::default(),
            excess: 0,
            ahead: 0,
            lead: 0,
            rest: 0,
            waited: 0,
            figures: Figures::default(),
        })
    }

    /// The rate of the samples that it gives.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Whether there is time for Opus' neural concealment from the next pull on; not before this was said.
    pub fn set_deep(&mut self, deep: bool) {
        self.voice.set_deep(deep);
    }

    /// About how long that took since this was last asked.
    pub fn deep_cost(&mut self) -> Duration {
        self.voice.deep_cost()
    }

    /// Keeps a packet that came at `now`. Empty packets and ones of more than [`LONGEST_PACKET`] are
    /// dropped.
    pub fn insert(&mut self, now: Time, packet: Arrived<'_>) {
        let Arrived { order, timestamp, slots, payload } = packet;
        if slots == 0 || slots as usize > LONGEST_PACKET {
            return;
        }
        if order == Order::Begins {
            self.begin();
            self.voice.restart();
        }
        // One so old is no leap of the stream: those that overtook it tell where that is.
        if order == Order::Overtaken && !self.fits(self.extend(timestamp), slots) {
            self.figures.late += 1;
            return;
        }
        let at = self.place(timestamp, slots);
        let end = at + u64::from(slots);
        self.end = if self.packets == 0 { end } else { self.end.max(end) };
        self.packets += 1;
        self.packet = i64::from(slots);
        if self.state == State::Silent && self.delay.lateness(now, at) > MOST_DELAY {
            // Its clock stood still with the stream: what comes now is not late.
            self.delay.clear();
        }
        self.delay.note(now, at);
        self.losses.came(at, end);
        match self.state {
            State::Silent => {
                self.store.clear();
                self.state = State::Starting(at);
            }
            State::Starting(next) => self.state = State::Starting(next.min(at)),
            State::Playing { next, .. } if end <= next => {
                self.figures.late += 1;
                return;
            }
            State::Playing { .. } => {}
        }
        self.store.insert(at, slots, Kind::Audio, payload);
    }

    /// Keeps a packet of comfort noise (RFC 3389): from its timestamp on nobody speaks.
    pub fn insert_noise(&mut self, timestamp: u32, payload: &[u8]) {
        if self.packets == 0 || self.state == State::Silent {
            return self.voice.quiet(payload);
        }
        let at = self.place(timestamp, 0);
        self.store.insert(at, 0, Kind::Noise, payload);
    }

    /// The position of a packet. Where it can be none of this stream's, a new one has begun.
    fn place(&mut self, timestamp: u32, slots: u32) -> u64 {
        let at = self.extend(timestamp);
        if self.fits(at, slots) {
            return at;
        }
        // The timestamps leapt: nothing that is here belongs to them.
        self.begin();
        self.voice.join();
        self.extend(timestamp)
    }

    /// The next samples, for a hearer whose clock says `now`. At most [`LONGEST_PULL`] slots, whole
    /// ones; silence when there is no stream.
    pub fn pull(&mut self, now: Time, out: &mut [i16]) -> Heard {
        let k = self.rate.per_slot();
        let pull = (out.len() / k) as i64;
        if let State::Starting(first) = self.state {
            self.start(now, first, pull);
        }
        let mut wish = self.wish(now, pull);
        let mut filled = self.ready.take(out);
        while filled < out.len() {
            let room = &mut out[filled..];
            if self.lead > 0 {
                let silent = (self.lead * k).min(room.len());
                self.voice.noise(&mut room[..silent]);
                self.lead -= silent / k;
                filled += silent;
                continue;
            }
            if wish != Wish::None {
                self.change(core::mem::replace(&mut wish, Wish::None));
            }
            if self.ready.is_empty() && !self.fetch(now, room.len() / k) {
                break;
            }
            filled += self.ready.take(&mut out[filled..]);
        }
        self.rest -= pull;
        self.figures.played += (filled / k) as u64;
        let rests = self.voice.rests();
        if filled < out.len() {
            self.voice.noise(&mut out[filled..]);
        }
        match (filled > 0, rests) {
            (_, true) => Heard::Noise,
            (true, false) => Heard::Sound,
            (false, false) => Heard::Nothing,
        }
    }

    /// What happened so far.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// A new stream: what waits of the old one is not played, what is remembered of it not used.
    fn begin(&mut self) {
        self.store.clear();
        self.delay.clear();
        self.state = State::Silent;
        (self.lead, self.packets, self.losses) = (0, 0, Losses::default());
        self.end = FIRST;
    }

    fn extend(&self, timestamp: u32) -> u64 {
        extend32(timestamp, self.end)
    }

    /// Whether a packet there can be kept without losing what is still to be played.
    fn fits(&self, at: u64, slots: u32) -> bool {
        let (State::Starting(next) | State::Playing { next, .. }) = self.state else {
            return true;
        };
        let end = at + u64::from(slots);
        end <= next + WINDOW && end + WINDOW >= next
    }
}
