//! The recorder's way through a worker: where each payload of a leg lies on the call's own clock, and
//! how both parties' payloads become pieces of one file.
//!
//! The tap stands beside both packet paths. What the latch took for the leg's own is placed
//! ([`Placer`]), brought into the file's samples ([`Unpacker`], which puts them in order and makes up
//! what is lost where the codec calls for it) and laid beside the other party's ([`Layout`]), some
//! packets at a time where it has to be decoded ([`batch`]); what leaves the worker is whole pieces
//! ([`Recorded`]). Of a steady stream of G.711 all that is known before its packets come ([`run`]).
//!
//! The call's clock counts samples of 8 kHz since the recording began, by *our* monotonic
//! clock; a peer's timestamps run by the peer's crystal, which may be 500 ppm off: 1.8 s an hour.
//!
//! ```text
//!  arrival, in samples
//!    │                 x   x             position = timestamp + offset
//!    │         x    x     x   _,-'       a packet can be late (jitter) but never early, so the
//!    │   x   x   x    _,-'x              least delay of the last seconds shows how the two clocks
//!    │  x    x _,-' x                    lie (the line); `offset` follows it one sample at a time:
//!    │   _,-'x      \ least delay        the block that is a sample longer or shorter says so
//!    └──────────────────── timestamp     in `adjust`
//! ```
//!
//! So jitter moves nothing, and drift is taken up sample by sample, spread out. The stream jumps
//! only when it jumps itself:
//!
//! | What comes | What is believed |
//! |---|---|
//! | the next packets of a steady stream | the timestamp (RFC 3550 §5.1) |
//! | a gap over which timestamps went on (DTX, RFC 3551 §4.1, hold) | the timestamp, and the drift known by then |
//! | a gap over which they stood still | the arrival |
//! | a new SSRC, a sequence restart, a timestamp that leaps or runs back | the arrival |
//! | a late or repeated packet | the timestamp, with the offset of its own time |
//!
//! Not here: whose packet it is (latch), writing (engine).

pub mod batch;
mod clock;
mod decode;
pub mod layout;
pub mod piece;
pub mod run;
mod stream;
mod stretch;
#[cfg(test)]
mod tests;
mod unpack;

use crate::base::seq::diff16;
use crate::base::{RecordingId, Time};
use run::{Came, Run};
use stream::Stream;

pub use layout::Layout;
pub use piece::{Pieces, TwoChannels};
pub use unpack::{Block, Scratch, Unpacker, is_recoded, recoded};

pub use crate::media::control::Channel;
use crate::media::control::Codec;

/// Samples a second of the call's clock and of the file.
pub const CLOCK_HZ: u64 = 8_000;
/// Nanoseconds a sample.
const SAMPLE_NS: u64 = 1_000_000_000 / CLOCK_HZ;
/// Samples a millisecond.
const MS: i64 = CLOCK_HZ as i64 / 1_000;
/// Most samples by which one block is stretched or shortened.
pub const MOST_ADJUST: i8 = 4;

/// Older than this many packets is no straggler but a restart (RFC 3550 §A.1, MAX_MISORDER).
const MAX_MISORDER: i16 = 100;
/// Newer than this many is a restart too (MAX_DROPOUT).
const MAX_DROPOUT: i16 = 3_000;

/// What of a recording is on its way to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded<'a> {
    /// Both channels of a stretch. Each piece of a recording lies behind the one before; between them
    /// is silence.
    Piece {
        /// Which recording.
        recording: RecordingId,
        /// Where it begins: samples of one channel since the recording began.
        position: u64,
        /// The file's sample data.
        samples: TwoChannels<'a>,
    },
    /// The recording is over; silence from its last piece to its end.
    End {
        /// Which recording.
        recording: RecordingId,
        /// Its length in samples of one channel.
        samples: u64,
        /// Samples of one channel that came too late to be laid.
        late: u64,
    },
}

/// Where a leg's packets are recorded.
#[derive(Clone, Copy, Debug)]
pub struct TapPoint {
    /// Slot of the recording.
    pub recording: u32,
    /// On which side.
    pub channel: Channel,
    /// Nothing has been heard of it yet.
    pub anew: bool,
    /// Nothing is to be kept of it now.
    pub paused: bool,
    /// Something else than audio came since its last packet of audio: a key, comfort noise.
    pub aside: bool,
}

impl TapPoint {
    /// Whether it is that recording's, on that side.
    pub fn is(&self, recording: u32, channel: Channel) -> bool {
        self.recording == recording && self.channel == channel
    }
}

/// What the placer needs to know of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Synchronisation source.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, brought to 8 kHz.
    pub timestamp: u32,
    /// Samples that the payload holds.
    pub samples: u32,
}

/// Where a block lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placement {
    /// Its first sample, in samples since the recording began.
    pub position: u64,
    /// Samples to be put in somewhere inside the block, so that it fills more than it holds; or to
    /// be left out of it, when negative. Nearly always -1, 0 or +1, at most [`MOST_ADJUST`].
    pub adjust: i8,
    /// The stream began, or broke off and was set anew by arrival: what lies before does not
    /// continue here. Only then can the position of an in-order packet lie before the last end.
    pub jump: bool,
    /// Counts the jumps: within one of these positions follow the order of speech.
    pub run: u32,
}

/// Places the packets of one leg on one recording's clock.
#[derive(Clone, Debug)]
pub struct Placer {
    began: Time,
    stream: Option<Stream>,
    run: u32,
}

impl Placer {
    /// For a recording whose clock shows 0 at `began`.
    pub fn new(began: Time) -> Placer {
        Placer { began, stream: None, run: 0 }
    }

    /// What the recording's clock shows at `at`.
    pub fn clock(&self, at: Time) -> u64 {
        at.since(self.began).as_nanos() as u64 / SAMPLE_NS
    }

    /// Forgets the stream: the leg speaks from another device now, or was silent on purpose.
    pub fn reset(&mut self) {
        self.stream = None;
    }

    /// What is known of the packets that follow `newest`, of G.711 in `codec`, which came at `arrival` and was
    /// placed: a steady stream's.
    pub fn run(&self, arrival: Time, newest: Heard, codec: Codec) -> Option<Run> {
        let stream = self.stream.as_ref().filter(|s| s.ssrc == newest.ssrc)?;
        Run::after(newest, codec, arrival, stream.punctual(newest)?)
    }

    /// Whether what comes at `arrival` begins a stream, or follows a gap of more than a second.
    pub fn begins(&self, arrival: Time) -> bool {
        let clock = self.clock(arrival) as i64;
        self.stream.as_ref().is_none_or(|stream| stream.has_gap(clock))
    }

    /// Where the next packet of a steady stream belongs.
    pub fn end(&self) -> u64 {
        self.stream.as_ref().map_or(0, |stream| stream.end().max(0) as u64)
    }

    /// A run is over. Nothing else was placed while it lasted.
    pub fn went_on(&mut self, came: Came) {
        let Came { packets, arrival, least } = came;
        let [clock, least] = [arrival, least].map(|at| self.clock(at) as i64);
        if let Some(stream) = &mut self.stream {
            stream.went_on(packets, clock, least);
        }
    }

    /// Where the packet that came at `arrival` belongs. `None`: nowhere, it is a straggler from
    /// before a jump or from before the recording began.
    pub fn place(&mut self, arrival: Time, heard: Heard) -> Option<Placement> {
        let placed = self.find(arrival, heard)?;
        self.run = self.run.wrapping_add(u32::from(placed.jump));
        Some(Placement { run: self.run, ..placed })
    }

    fn find(&mut self, arrival: Time, heard: Heard) -> Option<Placement> {
        let clock = self.clock(arrival) as i64;
        let known = self.stream.as_mut().filter(|s| s.ssrc == heard.ssrc);
        let Some(stream) = known else {
            return self.begin(clock, heard);
        };
        match diff16(heard.sequence, stream.sequence as u16) {
            1..=MAX_DROPOUT => stream.next(clock, heard),
            late if (-MAX_MISORDER..=0).contains(&late) => stream.straggler(clock, heard),
            _ => self.begin(clock, heard),
        }
    }

    /// A new stream: its first packet lies where it arrived, or behind what just ended.
    fn begin(&mut self, clock: i64, heard: Heard) -> Option<Placement> {
        let end = self.stream.as_ref().map_or(0, Stream::end);
        let stream = self.stream.insert(Stream::new(clock, heard, end));
        stream.placement(0, true)
    }
}
