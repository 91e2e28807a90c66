//! What the switch asks of the media plane and what it is told: plain types, no behaviour.
//!
//! ```text
//! switch ── Command<String> ──▶ engine: resolves clip names ── Command<Arc<Clip>> ──▶ Plane
//! switch ◀────────────────────────────── Event ────────────────────────────────────── Plane
//! ```
//!
//! A command names its leg and never fails loudly: one for a leg that is gone is counted and
//! dropped, since the two sides are a queue apart.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::base::{CallId, LegId, PlayId, RecordingId, RoomId};
use crate::media::dtls;
use crate::media::srtp::Fault;

mod params;
mod room;

pub use self::params::{Agreed, Carriage, MOST_OTHERS, OpusTerms, StreamParams};
pub use self::room::{LINES, Line, Lines, Membership};

/// What a leg's audio is coded in.
pub use crate::dsp::codec::Codec;

/// A set of the sixteen DTMF digits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct DigitSet(u16);

impl DigitSet {
    /// No digit.
    pub const NONE: DigitSet = DigitSet(0);
    /// All sixteen.
    pub const ALL: DigitSet = DigitSet(u16::MAX);

    /// The digits named in `text`; characters that are not DTMF digits are left out.
    pub fn of(text: &str) -> DigitSet {
        DigitSet(text.chars().filter_map(position).fold(0, |bits, p| bits | 1 << p))
    }
    /// Whether `digit` is in the set.
    pub fn contains(self, digit: char) -> bool {
        position(digit).is_some_and(|p| self.0 & 1 << p != 0)
    }
    /// Whether there is none in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The event code of RFC 4733 §3.2: 0 to 9, `*` 10, `#` 11, A to D 12 to 15.
fn position(digit: char) -> Option<u32> {
    "0123456789*#ABCD".find(digit.to_ascii_uppercase()).map(|p| p as u32)
}

/// One thing to be heard.
#[derive(Clone, PartialEq, Debug)]
pub enum Item<C> {
    /// A recorded clip: its name at the switch, its samples at the plane.
    Clip(C),
    /// A call-progress tone of the country's plan, until its plan ends or the play is stopped.
    Tone(crate::dsp::tone::Plan),
    /// Milliseconds of silence.
    Silence(u32),
}

/// The channel of a recording.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Channel {
    /// The customer.
    Left,
    /// The agent.
    Right,
}

impl Channel {
    /// Its place among the two: left first.
    pub const fn side(self) -> usize {
        match self {
            Channel::Left => 0,
            Channel::Right => 1,
        }
    }
}

/// How a recording's file holds its samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RecordFormat {
    /// A-law, one byte a sample: 12 months of 30 channels fit 2 TB.
    Alaw,
    /// 16-bit linear.
    Pcm16,
}

/// What the switch asks for. `C` is how a clip is named: `String` at the switch,
/// `Arc<Clip>` at the plane.
#[derive(Clone, PartialEq, Debug)]
pub enum Command<C> {
    /// Take a port for `leg`. All legs of one `group` (the call) live on one worker. Answered by
    /// [`Event::Opened`] or [`Event::OpenFailed`].
    Open {
        /// The new leg.
        leg: LegId,
        /// The call it belongs to.
        group: CallId,
        /// Our address in the network that the leg's signalling goes through: the port is at this
        /// one, else at one of its family, else at any.
        near: IpAddr,
    },
    /// The leg's stream was negotiated, for the first time or again.
    Set {
        /// Whose.
        leg: LegId,
        /// The outcome.
        params: StreamParams,
    },
    /// Join two legs: each hears the other. Each leaves an earlier bridge first; a playback on one
    /// of them goes on and is heard instead of the other. A leg that is joined with itself hears what
    /// it says, packet by packet.
    Bridge {
        /// One.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// What comes from `of`'s party goes to `leg`'s party too, under `leg`'s own numbers, for a recorder
    /// outside (RFC 7866); `None`: nothing does any more. A leg's audio is copied to one leg at most: the
    /// latest.
    Copy {
        /// Who gets it; itself in no bridge.
        leg: LegId,
        /// Whose.
        of: Option<LegId>,
    },
    /// Take `leg` and its partner apart.
    Unbridge {
        /// Either of the two.
        leg: LegId,
    },
    /// Play `items` in order to the leg's party, instead of an earlier playback (which ends as
    /// [`PlayEnd::Stopped`]).
    Play {
        /// To whom.
        leg: LegId,
        /// Names this playback in [`Event::PlayDone`].
        play: PlayId,
        /// What.
        items: Vec<Item<C>>,
        /// Begin again at the end, until stopped.
        repeat: bool,
        /// Any of these digits from the party stops it.
        stop_on: DigitSet,
    },
    /// Play `items` to the leg's party over what is being played to it, which waits and goes on where it was
    /// when they are over. [`Command::StopPlay`] and [`Command::Play`] end both.
    Aside {
        /// To whom.
        leg: LegId,
        /// Names this playback in [`Event::PlayDone`].
        play: PlayId,
        /// What.
        items: Vec<Item<C>>,
    },
    /// End the playback, if there is one.
    StopPlay {
        /// Whose.
        leg: LegId,
    },
    /// Listen for the tones of a country's network in what comes from the party: busy, congestion and so
    /// on, told by [`Event::Tone`]. Its audio is decoded for that, relayed or not.
    HearTones {
        /// From whom.
        leg: LegId,
        /// Whose tones, by the country's code; `None`: for none any more.
        country: Option<String>,
        /// For so many milliseconds; `None`: until told otherwise.
        ms: Option<u32>,
    },
    /// Send DTMF to the party, after what is still being sent: as telephone-event where
    /// `dtmf_send_pt` says so, else as tones.
    SendDigits {
        /// To whom.
        leg: LegId,
        /// `0-9 * # A-D`; others are skipped.
        digits: String,
        /// Length of each, milliseconds.
        on_ms: u16,
        /// Pause after each, milliseconds.
        off_ms: u16,
    },
    /// Keys of `first`, as telephone-events from the party, are not passed to its partner from now on, and
    /// once one came none is until this is said again: they may be a feature code. They are told with
    /// `held`.
    HoldKeys {
        /// Whose.
        leg: LegId,
        /// Which begin a code; none: all are passed on.
        first: DigitSet,
    },
    /// Record what is heard from `left`'s party on the left channel and from `right`'s on the
    /// right, on one clock that begins now. A leg that is closed leaves silence behind. While there is
    /// nobody on the right and `left` is in a room, what it hears there is on the right.
    Record {
        /// Names it in later commands and on its way to the disk.
        recording: RecordingId,
        /// How its file holds samples.
        format: RecordFormat,
        /// What both parties hear, besides each other, while they are recorded.
        beep: Option<crate::dsp::tone::Plan>,
        /// The customer.
        left: LegId,
        /// The agent, if already there.
        right: Option<LegId>,
    },
    /// These legs speak on the two channels from now on (answer, transfer); silence for none.
    SetRecordLegs {
        /// Which recording.
        recording: RecordingId,
        /// The customer.
        left: Option<LegId>,
        /// The agent.
        right: Option<LegId>,
    },
    /// Silence instead of samples while `paused`; the clock goes on.
    PauseRecord {
        /// Which.
        recording: RecordingId,
        /// On or off.
        paused: bool,
    },
    /// End a recording; answered by [`Event::RecordStopped`].
    StopRecord {
        /// Which.
        recording: RecordingId,
    },
    /// The leg is in this room from now on, or is something else there than before. It leaves its
    /// bridge or another room first. What it hears goes on while a playback to it lasts.
    Join {
        /// Who.
        leg: LegId,
        /// Where: the room is made if there is none.
        room: RoomId,
        /// As what.
        membership: Membership,
    },
    /// The leg leaves its room.
    Leave {
        /// Who.
        leg: LegId,
    },
    /// All in the room hear `items`, besides each other, instead of what was played to them before.
    PlayRoom {
        /// To whom.
        room: RoomId,
        /// Names this playback in [`Event::RoomPlayDone`].
        play: PlayId,
        /// What.
        items: Vec<Item<C>>,
        /// Begin again at the end, until stopped.
        repeat: bool,
    },
    /// Stop what is played to all in the room.
    StopPlayRoom {
        /// Which.
        room: RoomId,
    },
    /// These workers have members of the room and exchange their mixes: the engine's own command,
    /// which alone knows.
    RoomParts {
        /// Which.
        room: RoomId,
        /// The workers, bit by bit.
        workers: u64,
    },
    /// The room is over. Whoever is still in it hears nothing any more.
    CloseRoom {
        /// Which.
        room: RoomId,
    },
    /// The leg is over: playback, bridge, room and its part in recordings end, its port rests before it
    /// is given out again. Answered by [`Event::Closed`].
    Close {
        /// Which.
        leg: LegId,
    },
}

impl<C> Command<C> {
    /// Takes clips that are not there out of what is to be played, where something else of it can be heard: the others are not
    /// silent for their sake. Gives them; where nothing is left, the command stays as it is.
    pub fn take_missing(&mut self, is_there: impl Fn(&C) -> bool) -> Vec<C> {
        let (Command::Play { items, .. }
        | Command::Aside { items, .. }
        | Command::PlayRoom { items, .. }) = self
        else {
            return Vec::new();
        };
        let misses = |item: &Item<C>| matches!(item, Item::Clip(clip) if !is_there(clip));
        let heard = |item: &Item<C>| !misses(item) && !matches!(item, Item::Silence(_));
        if !items.iter().any(heard) {
            return Vec::new();
        }
        let gone = items.extract_if(.., |item| misses(item));
        gone.filter_map(|item| if let Item::Clip(clip) = item { Some(clip) } else { None })
            .collect()
    }

    /// The same command with its clips resolved: names become sounds. The first clip that `resolve`
    /// cannot give ends it with that error; commands without clips pass as they are.
    pub fn map_clips<D, E>(
        self,
        mut resolve: impl FnMut(C) -> Result<D, E>,
    ) -> Result<Command<D>, E> {
        let item = |item| {
            Ok(match item {
                Item::Clip(clip) => Item::Clip(resolve(clip)?),
                Item::Tone(plan) => Item::Tone(plan),
                Item::Silence(ms) => Item::Silence(ms),
            })
        };
        Ok(match self {
            Command::Play { leg, play, items, repeat, stop_on } => {
                let items = items.into_iter().map(item).collect::<Result<_, E>>()?;
                Command::Play { leg, play, items, repeat, stop_on }
            }
            Command::Aside { leg, play, items } => {
                let items = items.into_iter().map(item).collect::<Result<_, E>>()?;
                Command::Aside { leg, play, items }
            }
            Command::PlayRoom { room, play, items, repeat } => {
                let items = items.into_iter().map(item).collect::<Result<_, E>>()?;
                Command::PlayRoom { room, play, items, repeat }
            }
            Command::Join { leg, room, membership } => Command::Join { leg, room, membership },
            Command::Leave { leg } => Command::Leave { leg },
            Command::StopPlayRoom { room } => Command::StopPlayRoom { room },
            Command::RoomParts { room, workers } => Command::RoomParts { room, workers },
            Command::CloseRoom { room } => Command::CloseRoom { room },
            Command::Open { leg, group, near } => Command::Open { leg, group, near },
            Command::Set { leg, params } => Command::Set { leg, params },
            Command::Bridge { a, b } => Command::Bridge { a, b },
            Command::Copy { leg, of } => Command::Copy { leg, of },
            Command::Unbridge { leg } => Command::Unbridge { leg },
            Command::StopPlay { leg } => Command::StopPlay { leg },
            Command::HearTones { leg, country, ms } => Command::HearTones { leg, country, ms },
            Command::SendDigits { leg, digits, on_ms, off_ms } => {
                Command::SendDigits { leg, digits, on_ms, off_ms }
            }
            Command::HoldKeys { leg, first } => Command::HoldKeys { leg, first },
            Command::Record { recording, format, beep, left, right } => {
                Command::Record { recording, format, beep, left, right }
            }
            Command::SetRecordLegs { recording, left, right } => {
                Command::SetRecordLegs { recording, left, right }
            }
            Command::PauseRecord { recording, paused } => {
                Command::PauseRecord { recording, paused }
            }
            Command::StopRecord { recording } => Command::StopRecord { recording },
            Command::Close { leg } => Command::Close { leg },
        })
    }
}

/// Why a leg got no port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum NoPort {
    /// Each port is in use or resting: the range of `[media] ports` is too small for the load.
    Exhausted,
    /// The leg is open already.
    Duplicate,
    /// The worker's queue is full or it is gone.
    Overloaded,
}

/// How a playback ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PlayEnd {
    /// All was played.
    Finished,
    /// By [`Command::StopPlay`], another playback, or the leg's end.
    Stopped,
    /// By this digit, which is also reported as [`Event::Digit`] (before this event).
    Digit(char),
    /// This clip is not there or not audio; nothing of the rest was played.
    Missing(String),
}

/// Where a digit was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DigitBy {
    /// A telephone-event, RFC 4733.
    Rfc4733,
    /// Tones in the audio.
    InBand,
    /// SIP INFO (reported by the switch's own signalling, never by the plane).
    Info,
}

/// What the switch is told.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The leg has a port; `rtp` is what SDP shall offer (RTCP is the port plus one).
    Opened {
        /// Which leg.
        leg: LegId,
        /// Its address.
        rtp: SocketAddr,
    },
    /// The leg has none.
    OpenFailed {
        /// Which leg.
        leg: LegId,
        /// Why.
        why: NoPort,
    },
    /// The party pressed a digit; told once, at its beginning.
    Digit {
        /// Whose.
        leg: LegId,
        /// `0-9 * # A-D`.
        digit: char,
        /// Where it was found.
        by: DigitBy,
        /// It was not passed to the partner ([`Command::HoldKeys`]).
        held: bool,
    },
    /// The party's network plays a tone; told when it is known which, once until another sounds.
    Tone {
        /// Whose.
        leg: LegId,
        /// Which.
        kind: crate::dsp::tone::Kind,
    },
    /// A clip is not there or not audio: the others that were to be played with it are, and its playback ends as they do.
    ClipMissing {
        /// Which.
        name: String,
    },
    /// A playback is over; told exactly once for each.
    PlayDone {
        /// Whose.
        leg: LegId,
        /// Which.
        play: PlayId,
        /// How.
        end: PlayEnd,
    },
    /// [`Command::SendDigits`] has sent its last.
    DigitsSent {
        /// To whom.
        leg: LegId,
    },
    /// The first packet that the latch took for the leg's own.
    FirstRtp {
        /// Whose.
        leg: LegId,
        /// Its source.
        from: SocketAddr,
    },
    /// Nothing has come for this long although the stream should flow; told again each
    /// [`PlaneConfig::rtp_lost_after`](super::PlaneConfig::rtp_lost_after) while that lasts.
    RtpLost {
        /// Whose.
        leg: LegId,
        /// Milliseconds since the last packet.
        silent_ms: u32,
        /// Whether the leg that it is bridged with is heard meanwhile, or anybody else in its room: audio goes
        /// one way only.
        one_way: bool,
        /// The payload type of what comes instead, which was not agreed on.
        unagreed: Option<u8>,
    },
    /// How the leg's stream stands; told every few seconds, with each report to the peer.
    Figures {
        /// Which.
        leg: LegId,
        /// The source held.
        from: Option<SocketAddr>,
        /// The codec in use: another than was agreed on first, when the peer has changed to it.
        codec: Option<Codec>,
        /// Its figures so far.
        stats: LegStats,
    },
    /// The stream went on from another address (a NAT re-mapped it) and was followed (R8).
    SourceMoved {
        /// Whose.
        leg: LegId,
        /// Before.
        from: SocketAddr,
        /// Now.
        to: SocketAddr,
    },
    /// Packets of another stream hit the leg's port and were not heard (R8); told at the first and
    /// then at most once a second.
    ForeignSource {
        /// Whose port.
        leg: LegId,
        /// The latest stranger.
        from: SocketAddr,
        /// How many so far.
        packets: u64,
    },
    /// Nothing of what comes to the leg's port can be taken under the keys that were agreed on; told once
    /// for each key.
    SrtpRefused {
        /// Whose port.
        leg: LegId,
        /// Where it comes from.
        from: SocketAddr,
        /// Why it is not taken.
        fault: Fault,
    },
    /// A leg's DTLS handshake has failed: it has no keys, and gets none.
    HandshakeFailed {
        /// Whose.
        leg: LegId,
        /// Why.
        why: dtls::Fault,
    },
    /// A recording has ended and its last piece was handed to the disk.
    RecordStopped {
        /// Which.
        recording: RecordingId,
        /// Samples a channel that it holds: all of the call while it ran, but no more than a file
        /// can hold. What finds no room on the disk is silence among them, told by the engine.
        samples: u64,
    },
    /// A member of a room has begun to speak, or has been silent for a second.
    Speaking {
        /// Who.
        leg: LegId,
        /// Where.
        room: RoomId,
        /// Which of the two.
        speaks: bool,
    },
    /// A playback to all in a room is over; told exactly once for each.
    RoomPlayDone {
        /// Where.
        room: RoomId,
        /// Which.
        play: PlayId,
        /// How.
        end: PlayEnd,
    },
    /// The leg is gone.
    Closed {
        /// Which.
        leg: LegId,
        /// Its figures.
        stats: LegStats,
    },
}

/// The figures of one leg, from [`Command::Open`] to its end (R25, quality).
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct LegStats {
    /// Packets that were the leg's own.
    pub packets_received: u64,
    /// Their payload bytes.
    pub bytes_received: u64,
    /// Packets sent to the peer.
    pub packets_sent: u64,
    /// Their payload bytes, and those of the ones that were not sent.
    pub bytes_sent: u64,
    /// Not sent, since SRTP could not protect them (something else went out under their number, or the key
    /// is used up).
    pub packets_unsealed: u64,
    /// Expected but never seen (RFC 3550 §A.3).
    pub packets_lost: u64,
    /// Came after the jitter buffer had played their time.
    pub packets_late: u64,
    /// Came more than once; with SRTP also: too old to know whether it did.
    pub packets_duplicate: u64,
    /// Came from a stranger and were dropped (R8).
    pub packets_foreign: u64,
    /// Not RTP, RTCP or a key at all, or no audio of the codec that they say they are.
    pub packets_malformed: u64,
    /// Of a payload type that was not agreed on.
    pub packets_unagreed: u64,
    /// The leg's own, but not taken: before a new source had proven itself (R8), of numbers that leapt,
    /// more than the stream may have, keys faster than any can be pressed.
    pub packets_dropped: u64,
    /// On a leg with SRTP: without a tag that its key made.
    pub packets_forged: u64,
    /// The interarrival jitter now (RFC 3550 §6.4.1), microseconds.
    pub jitter_us: u32,
    /// The worst so far, microseconds.
    pub jitter_max_us: u32,
    /// Round trip by RTCP, microseconds; `None`: the peer sent no report.
    pub rtt_us: Option<u32>,
    /// How good what it sent was, by the E-model ([`quality`](super::quality)): MOS in hundredths.
    /// `None`: nothing came.
    pub mos: Option<u16>,
    /// The same of what we sent to it, by its own reports. `None`: it sent none.
    pub peer_mos: Option<u16>,
    /// Samples that were made up by concealment.
    pub samples_concealed: u64,
    /// Samples that were played.
    pub samples_played: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digit_sets_know_all_sixteen() {
        let set = DigitSet::of("12#a");
        assert!(set.contains('1') && set.contains('#') && set.contains('A'));
        assert!(!set.contains('3') && !set.contains('x') && !DigitSet::NONE.contains('1'));
        assert!("0123456789*#ABCD".chars().all(|d| DigitSet::ALL.contains(d)));
        assert!(DigitSet::of("xyz").is_empty());
    }
}
