//! Everything of one RTP worker, without its threads and sockets: commands and datagrams go in,
//! datagrams and events come out.
//!
//! ```text
//!  engine                                      Plane
//!  commands ───────────────▶ command()  ─┐
//!  datagrams ──────────────▶ receive()  ─┼─▶ legs, bridges, recordings
//!     ◀── Forward (same buffer) ──┘      │
//!  clock ──────────────────▶ tick()     ─┘
//!     ◀── Transmit::send, record ┘
//!  events ◀──────────────── poll_event()
//! ```
//!
//! Time is an argument of each call and never goes back. `receive` and `tick` allocate nothing once
//! warm: rings and buffers have their sizes from the commands that called for them. A tick makes coders for
//! a party that has changed its codec, at most once a second.
//!
//! | File | Holds |
//! |---|---|
//! | [`commands`] | what the switch asks |
//! | [`receive`] | the way of a datagram |
//! | [`protected`] | what SRTP adds to it |
//! | [`handshake`] | ICE's checks and DTLS, which come by the same port |
//! | [`copies`] | packets that go to a recorder outside too |
//! | [`lengths`] | packets that are of another length than who hears them wants |
//! | [`turn`] | a peer that changes to another codec of its answer |
//! | [`keys`] | telephone-events, told and passed on |
//! | [`tick`] | the clocks of the legs that speak |
//! | [`rooms`] | rooms and their ticks |
//! | [`heard`] | what their members hear, on recordings |
//! | [`chores`] | what is due now and then: reports, absence, ends that were lost |
//! | [`ahead`] | where the memory lies that comes next |
//! | [`ports`], [`legs`], [`recordings`] | what there is |

mod ahead;
mod chores;
mod commands;
mod copies;
mod handshake;
mod heard;
mod keys;
mod legs;
mod lengths;
mod ports;
mod protected;
mod receive;
mod recordings;
mod rooms;
#[cfg(test)]
mod tests;
mod tick;
mod turn;

use std::collections::VecDeque;
use std::net::SocketAddr;

use self::legs::Legs;
use self::ports::Ports;
use self::recordings::Recordings;
use self::rooms::Rooms;
use super::bridge::Paths;
use super::control::{DigitBy, Event, PlayEnd};
use super::deep::Deep;
use super::jitter::LONGEST_PULL;
use super::rtcp::MOST_BYTES;
use super::{Kind, PortIndex};
use crate::base::{Duration, RecordingId, Rng, Time};
use crate::dsp::rate::Rate;
use crate::wire::rtp::HEADER_LEN;
use crate::wire::srtp::MOST_TAIL;

/// Legs start their clocks on this grid, so that a turn of the engine finds many due at once.
const GRID: Duration = Duration::from_millis(5);
/// Longest payload that is made: 60 ms of 16-bit samples at 8 kHz; Opus keeps within its line.
const MOST_PAYLOAD: usize = 960;
/// Longest payload that is copied as it came: what a datagram on an Ethernet has room for, by IPv6 and with
/// what SRTP adds.
const MOST_COPIED: usize = 1_500 - 40 - 8 - HEADER_LEN - MOST_TAIL;
/// Bytes of the longest packet that is made, and of the longest report, with what SRTP adds.
const MOST_PACKET: usize = HEADER_LEN + MOST_COPIED + MOST_TAIL;
const MOST_REPORT: usize = MOST_BYTES + MOST_TAIL;
/// Samples of the longest packet at the highest rate.
const MOST_SAMPLES: usize = LONGEST_PULL * Rate::Khz48.per_slot();
/// How often the chores are done.
const CHORES: Duration = Duration::from_millis(100);
/// Events that can wait without an allocation.
const EVENTS: usize = 1_024;
/// Events that can wait at all; who never polls loses the newest.
const MOST_EVENTS: usize = 65_536;

/// How one worker's plane behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlaneConfig {
    /// How long a port rests between two legs.
    pub quarantine: Duration,
    /// Without a packet for this long [`Event::RtpLost`] is told, and each such time again.
    pub rtp_lost_after: Duration,
    /// Which of the workers it is, from 0.
    pub worker: u8,
}

impl Default for PlaneConfig {
    fn default() -> PlaneConfig {
        let (quarantine, rtp_lost_after) = (Duration::from_secs(5), Duration::from_secs(5));
        PlaneConfig { quarantine, rtp_lost_after, worker: 0 }
    }
}

/// What became of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// Send `buf[..len]`, which was rewritten in place.
    Forward {
        /// From this port's RTP socket.
        port: PortIndex,
        /// To there.
        to: SocketAddr,
        /// That much of it.
        len: usize,
    },
    /// It was ours, and needs nothing more.
    Consumed,
    /// It was nobody's or a stranger's.
    Foreign,
    /// It was no RTP or RTCP that was negotiated.
    Malformed,
}

/// One worker's plane.
#[derive(Debug)]
pub struct Plane {
    config: PlaneConfig,
    rng: Rng,
    ports: Ports,
    legs: Legs,
    recordings: Recordings,
    /// When what they have heard is laid next.
    lay_at: Time,
    /// Since when recordings are over of which something is still to be handed on.
    ending_at: Time,
    rooms: Rooms,
    /// When the first of them is due.
    next_room: Time,
    /// The legs whose clocks run, and some whose clocks have stopped.
    clocks: Vec<Clock>,
    /// When the first of them is due.
    next_clock: Time,
    /// Slots of those that are due in the tick in hand.
    due: Vec<u32>,
    chores_at: Time,
    /// Legs that are to change their codecs, and when the first of them is.
    turning: Vec<u32>,
    turn_at: Time,
    /// Goodbyes of closed legs, sent with the next tick.
    goodbyes: VecDeque<Goodbye>,
    events: VecDeque<Event>,
    counts: Counts,
    /// Coders of Opus, by commands and by parties that changed their codecs.
    coders_made: u64,
    /// Time that Opus' neural concealment may take.
    deep: Deep,
    /// Samples of one packet that is to be sent, and the packet.
    pcm: [i16; MOST_SAMPLES],
    packet: [u8; MOST_PACKET],
}

/// What a plane holds and has dropped.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Open legs.
    pub legs: usize,
    /// Ports that are a leg's.
    pub ports: usize,
    /// Running recordings.
    pub recordings: usize,
    /// Rooms.
    pub rooms: usize,
    /// Packets that rooms have coded; one for all who hear the same.
    pub room_codings: u64,
    /// Mixes of other workers that came too late to be heard.
    pub partials_missed: u64,
    /// Legs whose clocks run.
    pub clocks: usize,
    /// Commands for what is not there.
    pub commands_dropped: u64,
    /// Datagrams to ports that are nobody's.
    pub strays: u64,
    /// Events that nobody polled in time.
    pub events_dropped: u64,
}

/// What a plane has dropped since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Dropped {
    /// Commands for what is not there.
    pub commands: u64,
    /// Datagrams to ports that are nobody's.
    pub strays: u64,
    /// Events that nobody polled in time.
    pub events: u64,
}

/// When a leg's next packet time begins, beside the others': a tick looks at all of them, and the legs
/// themselves lie far apart.
#[derive(Clone, Copy, Debug)]
struct Clock {
    at: Time,
    slot: u32,
}

/// A last report that waits to be sent.
#[derive(Debug)]
struct Goodbye {
    port: PortIndex,
    kind: Kind,
    to: SocketAddr,
    bytes: [u8; MOST_REPORT],
    len: usize,
}

impl Plane {
    /// A plane without ports; `rng` gives SSRCs, first numbers and the like.
    pub fn new(config: PlaneConfig, rng: Rng) -> Plane {
        Plane {
            config,
            rng,
            ports: Ports::default(),
            legs: Legs::default(),
            recordings: Recordings::default(),
            lay_at: Time::NEVER,
            ending_at: Time::NEVER,
            rooms: Rooms::default(),
            next_room: Time::NEVER,
            clocks: Vec::new(),
            next_clock: Time::NEVER,
            due: Vec::new(),
            chores_at: Time::NEVER,
            turning: Vec::new(),
            turn_at: Time::NEVER,
            goodbyes: VecDeque::new(),
            events: VecDeque::with_capacity(EVENTS),
            counts: Counts::default(),
            coders_made: 0,
            deep: Deep::new(),
            pcm: [0; MOST_SAMPLES],
            packet: [0; MOST_PACKET],
        }
    }

    /// Adds a port that is open at `rtp_addr`, RTCP at the next port number.
    pub fn add_port(&mut self, port: PortIndex, rtp_addr: SocketAddr) {
        self.ports.add(port, rtp_addr);
    }

    /// When [`Plane::tick`] wants to be called next.
    pub fn next_tick(&self) -> Time {
        let recordings = self.lay_at.min(self.ending_at);
        let legs = self.next_clock.min(self.chores_at).min(self.turn_at);
        legs.min(self.next_room).min(recordings)
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether a recording of that name runs, or is over and still to be handed on.
    pub fn records(&self, recording: RecordingId) -> bool {
        self.recordings.has(recording)
    }

    /// Whether recordings are over of which something is still to be handed on, by [`Plane::tick`].
    pub fn is_ending(&self) -> bool {
        self.recordings.are_ending()
    }

    /// How many legs are open.
    pub fn leg_count(&self) -> usize {
        self.legs.len()
    }

    /// Bytes that its legs hold, and those of their jitter buffers. Looks at each leg: for once a second.
    pub fn held(&self) -> (usize, usize) {
        self.legs.held()
    }

    /// How many coders of Opus were made so far, each of which takes as long as a hundred packets: who gives
    /// commands can keep to so many at a time.
    pub fn coders_made(&self) -> u64 {
        self.coders_made
    }

    /// What it holds and has dropped.
    pub fn counts(&self) -> Counts {
        let leg = |clock: &Clock| self.legs.get(clock.slot);
        let running = |clock: &&Clock| leg(clock).is_some_and(|leg| leg.clock.is_some());
        let (room_codings, partials_missed) = self.rooms.figures();
        Counts {
            rooms: self.rooms.len(),
            room_codings,
            partials_missed,
            legs: self.legs.len(),
            ports: self.ports.taken(),
            recordings: self.recordings.len(),
            clocks: self.clocks.iter().filter(running).count(),
            ..self.counts
        }
    }

    /// What it has dropped since the start; asked for each turn.
    pub fn dropped(&self) -> Dropped {
        let Counts { commands_dropped, strays, events_dropped, .. } = self.counts;
        Dropped { commands: commands_dropped, strays, events: events_dropped }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < MOST_EVENTS {
            self.events.push_back(event);
        } else {
            self.counts.events_dropped += 1;
        }
    }

    /// A party pressed a key: told, and what it stops is stopped.
    fn digit(&mut self, now: Time, slot: u32, digit: char, by: DigitBy, held: bool) {
        let Some(leg) = self.legs.get_mut(slot) else {
            return;
        };
        let id = leg.id;
        let stopped = match leg.mouth.player.stops_on(digit) {
            true => leg.mouth.player.stop(),
            false => None,
        };
        self.tell(Event::Digit { leg: id, digit, by, held });
        if let Some(play) = stopped {
            self.tell(Event::PlayDone { leg: id, play, end: PlayEnd::Digit(digit) });
            self.rewire(now, slot);
        }
    }

    /// Decides anew how a leg, its partner and who gets a copy hear each other, and whether their clocks
    /// run.
    fn rewire(&mut self, now: Time, slot: u32) {
        let Some(leg) = self.legs.get(slot) else { return };
        if leg.copies.is_some() {
            return self.rewire_copy(now, slot);
        }
        let copy = leg.copy;
        self.rewire_bridge(now, slot);
        if let Some(copy) = copy {
            self.rewire_copy(now, copy);
        }
    }

    fn rewire_bridge(&mut self, now: Time, slot: u32) {
        let Some((leg, partner)) = self.legs.with_partner(slot) else {
            return;
        };
        let Some(other) = partner else {
            // Who has a partner and yet none beside itself is joined with itself.
            let back = leg.partner.and_then(|_| leg.side()).map(Paths::back);
            leg.paths = back.unwrap_or(Paths::NONE);
            leg.hears = leg.paths.audio;
            self.wind(now, slot);
            return;
        };
        (leg.paths, other.paths) = match (leg.side(), other.side()) {
            (Some(a), Some(b)) => (Paths::between(a, b), Paths::between(b, a)),
            _ => (Paths::NONE, Paths::NONE),
        };
        (leg.hears, other.hears) = (other.paths.audio, leg.paths.audio);
        let partner = leg.partner;
        self.wind(now, slot);
        if let Some(partner) = partner {
            self.wind(now, partner);
        }
    }

    /// Starts or stops a leg's clock.
    fn wind(&mut self, now: Time, slot: u32) {
        let Some(leg) = self.legs.get_mut(slot) else {
            return;
        };
        match (leg.wants_clock(), leg.clock) {
            (false, _) => leg.clock = None,
            (true, Some(_)) => {}
            (true, None) => {
                // What was relayed is heard out before our own begins.
                let at = on_grid(now.max(leg.tx.due().min(now + GRID * 12)));
                leg.clock = Some(at);
                self.next_clock = self.next_clock.min(at);
                let listed = core::mem::replace(&mut leg.listed, true);
                match self.clocks.iter_mut().find(|clock| listed && clock.slot == slot) {
                    Some(clock) => clock.at = at,
                    None => self.clocks.push(Clock { at, slot }),
                }
                // All may be due at once, and a tick allocates nothing.
                self.due.reserve(self.clocks.len().saturating_sub(self.due.len()));
            }
        }
    }
}

/// The first time on the grid that is not before `at`.
fn on_grid(at: Time) -> Time {
    let grid = GRID.as_nanos() as u64;
    Time::from_nanos(at.as_nanos().div_ceil(grid).saturating_mul(grid))
}
