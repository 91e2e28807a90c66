//! One RTP worker: a pinned thread around a [`Plane`] and its sockets.
//!
//! ```text
//!  commands (ring) ─▶ plane ─▶ wait: to the next 1 ms, 5 ms under load or in silence, until woken when idle
//!      ▲                │                    │
//!      └── next turn ◀──┴── tick, events ◀── harvest: datagrams in, forwarded from the same buffer
//! ```
//!
//! Never waits for another thread: an event that the switch cannot take now is offered again in the
//! next turn; a piece of a recording that finds no room is dropped and counted. Only when it has been
//! told to end it waits, for as long as [`LAST_PIECES`], until the disk has taken what is recorded.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer};

use super::backend::{Backend, Forward, Hint, Receive, Wait};
use super::disk::ring::TapSender;
use super::dtls::thread::{Line, Take};
use super::figures::Counters;
use super::links::Links;
use super::prefetch::prefetch;
use super::staged::Staged;
use super::start::BUFFERS;
use crate::base::{LegId, Time};
use crate::media::control::{Command, Event};
use crate::media::dtls::Terms;
use crate::media::srtp::Keys;
use crate::media::{Clip, Disposition, Kind, Partial, Plane, PortIndex, Recorded, Transmit};

/// Turns lie on multiples of this with few legs.
const SHORT_TURN: Duration = Duration::from_millis(1);
/// Of this with many. The plane's clocks tick on the same grid.
const LONG_TURN: Duration = Duration::from_millis(5);
/// So many legs are many: 50 calls.
const MANY_LEGS: usize = 100;
/// After so many turns without a datagram the legs ring, or are held: turns are as with many.
const QUIET_TURNS: u32 = 100;
/// A turn without legs: until woken, at most this long.
const IDLE: Duration = Duration::from_millis(500);
/// A tick that comes this much too late is counted.
const LATE: Duration = Duration::from_millis(10);
/// How long a worker that ends waits for the disk at most, and how long at once.
const LAST_PIECES: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_millis(1);
/// How often it is looked at what is held.
const WEIGHED_EACH: Duration = Duration::from_secs(1);
/// Coders of Opus that the commands of one turn may make, about 0.1 ms each: packets of other calls wait
/// for no more than that when many calls are answered together, and the last of a hundred such calls waits for
/// some tens of turns.
const MOST_CODERS_A_TURN: u64 = 16;
/// Events that may wait for the switch.
const MOST_WAITING: usize = 65_536;

/// Hands an event to the switch, or gives it back when it cannot be taken now.
pub type Deliver = Arc<dyn Fn(Event) -> Result<(), Event> + Send + Sync>;

/// What a worker's thread owns.
pub(super) struct Worker<B: Backend> {
    pub(super) backend: B,
    pub(super) plane: Plane,
    pub(super) commands: Consumer<Command<Arc<Clip>>>,
    /// Legs that got no port, so that the handle forgets them.
    pub(super) failed: Producer<LegId>,
    pub(super) deliver: Deliver,
    pub(super) tap: TapSender,
    pub(super) links: Links,
    /// To the thread of DTLS handshakes.
    pub(super) line: Line,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) began: Instant,
    pub(super) waiting: VecDeque<Event>,
    /// Turns since the last datagram.
    pub(super) quiet: u32,
    /// When what it holds is looked at next.
    pub(super) weigh_at: Time,
}

impl<B: Backend> Worker<B> {
    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        let mut staged = Staged::new();
        while !self.stop.load(Relaxed) {
            let now = self.now();
            self.obey(now);
            self.handshakes(now);
            self.tick(now);
            let legs = self.plane.leg_count();
            let before = self.now();
            let patience = self.patience(before, legs);
            self.backend.wait(patience);
            let now = self.now();
            if let Wait::Time(span) = patience {
                self.counters.lateness.note(now, now.since(before + span));
            }
            let mut harvest = Harvest {
                plane: &mut self.plane,
                tap: &mut self.tap,
                line: &mut self.line,
                staged: &mut staged,
                now,
            };
            self.backend.harvest(&mut harvest);
            staged.send(&mut self.backend);
            self.tick(now);
            self.collect();
            self.tell();
            self.tap.flush();
            self.counters.staged_dropped.store(staged.dropped(), Relaxed);
            self.count(legs);
            self.weigh(now);
        }
        self.end_recordings();
    }

    /// Takes what the handshakes have for the legs.
    fn handshakes(&mut self, now: Time) {
        let Worker { backend, plane, tap, links, line, .. } = self;
        let mut out = Out { backend, tap, links };
        line.receive(&mut Shaken { plane, now, out: &mut out });
    }

    /// Carries out the commands, as many as a turn may.
    fn obey(&mut self, now: Time) {
        let Worker { plane, commands, tap, .. } = self;
        by_turns(plane, |plane| match commands.pop() {
            Ok(command) => {
                carry_out(plane, tap, now, command);
                true
            }
            Err(_) => false,
        });
    }

    /// What is still recorded goes to the disk.
    fn end_recordings(&mut self) {
        let began = self.began;
        self.plane.end_recordings(self.now());
        let mut out = Last { tap: &mut self.tap };
        let until = Instant::now() + LAST_PIECES;
        while (self.plane.is_ending() || !out.takes_ends()) && Instant::now() < until {
            self.plane.tick(Time::from_nanos(began.elapsed().as_nanos() as u64), &mut out);
            std::thread::sleep(MOMENT);
        }
    }

    /// How long to wait: to the next turn while there are legs, else until something happens.
    fn patience(&self, now: Time, legs: usize) -> Wait {
        let turn = match legs {
            0 if self.waiting.is_empty() => {
                return Wait::Event(self.plane.next_tick().since(now).min(IDLE));
            }
            0..MANY_LEGS if self.quiet < QUIET_TURNS => SHORT_TURN,
            _ => LONG_TURN,
        };
        let grid = turn.as_nanos() as u64;
        Wait::Time(Duration::from_nanos(grid - now.as_nanos() % grid))
    }

    fn now(&self) -> Time {
        Time::from_nanos(self.began.elapsed().as_nanos() as u64)
    }

    fn tick(&mut self, now: Time) {
        self.links.receive(|partial| self.plane.partial(partial));
        let due = self.plane.next_tick();
        if due > now {
            return;
        }
        if now.since(due) > LATE {
            self.counters.late_ticks.fetch_add(1, Relaxed);
        }
        let (backend, tap, links) = (&mut self.backend, &mut self.tap, &mut self.links);
        self.plane.tick(now, &mut Out { backend, tap, links });
    }

    /// Takes what happened from the plane.
    fn collect(&mut self) {
        while let Some(event) = self.plane.poll_event() {
            if let Event::OpenFailed { leg, .. } = &event {
                // Full only when the switch is stuck; then the leg is forgotten when it is closed.
                let _ = self.failed.push(*leg);
            }
            match self.waiting.len() < MOST_WAITING {
                true => self.waiting.push_back(event),
                false => _ = self.counters.events_dropped.fetch_add(1, Relaxed),
            }
        }
    }

    /// Tells the switch what happened, in order.
    fn tell(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            if let Err(event) = (self.deliver)(event) {
                return self.waiting.push_front(event);
            }
        }
    }

    /// Looks at what it holds, once a second: each leg for some ten nanoseconds.
    fn weigh(&mut self, now: Time) {
        if now < self.weigh_at {
            return;
        }
        self.weigh_at = now + WEIGHED_EACH;
        self.counters.held.buffers.store(BUFFERS as u64, Relaxed);
        let (legs, jitter) = self.plane.held();
        self.counters.held.legs.store(legs as u64, Relaxed);
        self.counters.held.jitter.store(jitter as u64, Relaxed);
        self.counters.held.pieces.store(self.tap.held() as u64, Relaxed);
    }

    fn count(&mut self, legs: usize) {
        let counts = self.backend.counts();
        let is_quiet = counts.received == self.counters.received.load(Relaxed);
        self.quiet = if is_quiet { self.quiet.saturating_add(1) } else { 0 };
        self.counters.legs.store(legs as u64, Relaxed);
        self.counters.received.store(counts.received, Relaxed);
        self.counters.receive_errors.store(counts.receive_errors + counts.oversize, Relaxed);
        self.counters.kernel_drops.store(counts.kernel_drops, Relaxed);
        self.counters.sent.store(counts.sent, Relaxed);
        self.counters.send_errors.store(counts.send_errors, Relaxed);
        self.counters.calls.store(counts.calls, Relaxed);
        self.counters.taps_dropped.store(self.tap.dropped(), Relaxed);
        self.counters.partials_dropped.store(self.links.dropped(), Relaxed);
        let dropped = self.plane.dropped();
        self.counters.untold.store(dropped.events, Relaxed);
        self.counters.commands_dropped.store(dropped.commands, Relaxed);
        self.counters.strays.store(dropped.strays, Relaxed);
        self.counters.turns.fetch_add(1, Relaxed);
    }
}

/// Carries out commands as long as there are any, and they have not made more coders than a turn may: the rest
/// waits for the next turn.
fn by_turns(plane: &mut Plane, mut next: impl FnMut(&mut Plane) -> bool) {
    let most = plane.coders_made() + MOST_CODERS_A_TURN;
    while plane.coders_made() < most && next(plane) {}
}

fn carry_out(plane: &mut Plane, tap: &mut TapSender, now: Time, command: Command<Arc<Clip>>) {
    if let Command::StopRecord { recording } = command
        && !plane.records(recording)
    {
        // It never began here, because its leg was gone by then; there is a file of it.
        tap.record(Recorded::End { recording, samples: 0, late: 0 });
    }
    plane.command(now, command);
}

/// A port's RTP socket is the even one of its pair.
fn socket_of(port: PortIndex, kind: Kind) -> u32 {
    port.0 * 2 + u32::from(kind == Kind::Rtcp)
}

/// Takes what was received to the plane.
struct Harvest<'a> {
    plane: &'a mut Plane,
    tap: &'a mut TapSender,
    line: &'a mut Line,
    staged: &'a mut Staged,
    now: Time,
}

impl Receive for Harvest<'_> {
    fn hint(&mut self, hint: Hint, socket: u32) {
        let port = PortIndex(socket / 2);
        let places = match hint {
            Hint::Soon => self.plane.leg_places(port),
            Hint::Next => self.plane.next_places(port),
            Hint::Last => self.plane.tap_room(port),
        };
        places.into_iter().flatten().for_each(prefetch);
        if let Hint::Next = hint {
            self.plane.tap_place(port).into_iter().for_each(prefetch);
        }
    }

    fn datagram(
        &mut self,
        socket: u32,
        from: SocketAddr,
        buf: &mut [u8],
        len: usize,
    ) -> Option<Forward> {
        let kind = if socket & 1 == 0 { Kind::Rtp } else { Kind::Rtcp };
        let mut out = Aside { tap: self.tap, line: self.line, staged: self.staged };
        match self.plane.receive(self.now, PortIndex(socket / 2), kind, from, buf, len, &mut out) {
            Disposition::Forward { port, to, len } => {
                Some(Forward { socket: socket_of(port, Kind::Rtp), to, len })
            }
            _ => None,
        }
    }
}

/// Where a receive's pieces of recordings go, and packets of the plane's own, which wait until the harvest is over.
struct Aside<'a> {
    tap: &'a mut TapSender,
    line: &'a mut Line,
    staged: &'a mut Staged,
}

impl Transmit for Aside<'_> {
    fn send(&mut self, port: PortIndex, kind: Kind, to: SocketAddr, bytes: &[u8]) {
        self.staged.push(socket_of(port, kind), to, bytes);
    }
    fn record(&mut self, part: Recorded<'_>) {
        self.tap.record(part);
    }
    fn takes_ends(&mut self) -> bool {
        self.tap.has_room()
    }
    fn handshake(&mut self, leg: LegId, datagram: &[u8]) {
        self.line.send(leg, datagram);
    }
}

/// Where datagrams and keys of handshakes go.
struct Shaken<'a> {
    plane: &'a mut Plane,
    now: Time,
    out: &'a mut dyn Transmit,
}

impl Take for Shaken<'_> {
    fn datagram(&mut self, leg: LegId, datagram: &[u8]) {
        self.plane.handshake(leg, datagram, self.out);
    }
    fn keys(&mut self, leg: LegId, terms: &Terms, keys: Keys) {
        self.plane.keyed(self.now, leg, terms, keys);
    }
}

/// Where the tick's packets and pieces of recordings go.
struct Out<'a, B: Backend> {
    backend: &'a mut B,
    tap: &'a mut TapSender,
    links: &'a mut Links,
}

impl<B: Backend> Transmit for Out<'_, B> {
    fn ahead(&mut self, place: Range<*const u8>) {
        prefetch(place);
    }
    fn send(&mut self, port: PortIndex, kind: Kind, to: SocketAddr, bytes: &[u8]) {
        self.backend.send(socket_of(port, kind), to, bytes);
    }
    fn record(&mut self, part: Recorded<'_>) {
        self.tap.record(part);
    }
    fn takes_ends(&mut self) -> bool {
        self.tap.has_room()
    }
    fn partial(&mut self, workers: u64, partial: &Partial) {
        self.links.send(workers, partial);
    }
}

/// Where recordings go when the worker has ended: nothing is sent any more.
struct Last<'a> {
    tap: &'a mut TapSender,
}

impl Transmit for Last<'_> {
    fn send(&mut self, _: PortIndex, _: Kind, _: SocketAddr, _: &[u8]) {}
    fn record(&mut self, part: Recorded<'_>) {
        self.tap.record(part);
    }
    fn takes_ends(&mut self) -> bool {
        self.tap.has_room()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Rng, Wall};
    use crate::media::PlaneConfig;
    use crate::media::control::{Codec, OpusTerms, StreamParams};

    fn params(codec: Codec) -> StreamParams {
        StreamParams {
            remote: None,
            remote_rtcp: None,
            codec,
            send_pt: 96,
            recv_pt: 96,
            others: Default::default(),
            carriage: Default::default(),
            noise: false,
            max_ptime_ms: None,
            dtmf_send_pt: None,
            key_tones: false,
            dtmf_recv_pt: None,
            event_clock_hz: 8_000,
            opus: OpusTerms::default(),
            xr: false,
            ptime_ms: 20,
            send: true,
            receive: true,
            inband_dtmf: true,
            inband_until_event: false,
            srtp: None,
        }
    }

    /// How many turns it takes to answer so many calls of which each leg is listened to.
    fn turns(codec: Codec, calls: u64) -> Vec<u64> {
        let near = SocketAddr::from(([127, 0, 0, 1], 20_000));
        let mut plane = Plane::new(PlaneConfig::default(), Rng::from_seed(1));
        let mut commands = VecDeque::new();
        for n in 0..calls {
            plane.add_port(PortIndex(n as u32), near);
            let (leg, group) = (LegId(n), CallId::new(Wall(0), n));
            commands.push_back(Command::Open { leg, group, near: near.ip() });
            commands.push_back(Command::Set { leg, params: params(codec) });
        }
        let mut turns = Vec::new();
        while !commands.is_empty() {
            let before = plane.coders_made();
            by_turns(&mut plane, |plane| {
                let command = commands.pop_front();
                command.map(|command| plane.command(Time::ZERO, command)).is_some()
            });
            turns.push(plane.coders_made() - before);
        }
        assert_eq!(plane.leg_count() as u64, calls);
        turns
    }

    #[test]
    fn calls_that_are_answered_together_make_their_coders_by_turns() {
        let opus = turns(Codec::Opus, 100);
        assert_eq!(opus.iter().sum::<u64>(), 200, "an encoder and an ear each");
        assert!(opus.iter().all(|made| *made <= MOST_CODERS_A_TURN + 1), "{opus:?}");
        assert_eq!(turns(Codec::Pcma, 100), [0], "what costs nothing does not wait");
    }
}
