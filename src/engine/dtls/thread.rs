//! The thread of the handshakes, and the ends of its rings.
//!
//! Nobody waits for it: what finds no room in a ring is dropped and sent again by the handshake's own timers;
//! keys, which are sent once, wait here until there is room.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rtrb::{Consumer, Producer, RingBuffer};

use super::Identity;
use super::set::{Handshakes, Outcome};
use crate::base::LegId;
use crate::engine::backend::DATAGRAM_BYTES;
use crate::engine::worker::Deliver;
use crate::media::control::Event;
use crate::media::dtls::{Fault, Terms};
use crate::media::srtp::Keys;

/// Datagrams that a ring holds: those of some thirty handshakes that begin in the same turn.
const RING: usize = 256;
/// Orders that may wait.
const ORDERS: usize = 8_192;
/// The longest sleep, and the longest while something waits for room.
const IDLE: Duration = Duration::from_secs(1);
const CROWDED: Duration = Duration::from_millis(5);

/// A datagram on its way between a worker and the handshakes.
pub(in crate::engine) struct Datagram {
    leg: LegId,
    len: usize,
    bytes: [u8; DATAGRAM_BYTES],
}

impl Datagram {
    fn new(leg: LegId, datagram: &[u8]) -> Option<Datagram> {
        let mut bytes = [0; DATAGRAM_BYTES];
        bytes.get_mut(..datagram.len())?.copy_from_slice(datagram);
        Some(Datagram { leg, len: datagram.len(), bytes })
    }
}

/// What comes back to a worker.
enum Answer {
    Send(Datagram),
    Keys(LegId, Terms, Keys),
}

/// One worker's ends.
#[derive(Default)]
pub(in crate::engine) struct Line(Option<Ends>);

struct Ends {
    to: Producer<Datagram>,
    from: Consumer<Answer>,
    thread: Thread,
}

/// Who takes what comes back.
pub(in crate::engine) trait Take {
    /// To be sent to the leg's peer.
    fn datagram(&mut self, leg: LegId, datagram: &[u8]);
    /// The leg's keys by a handshake on `terms`.
    fn keys(&mut self, leg: LegId, terms: &Terms, keys: Keys);
}

impl Line {
    /// Hands a datagram to the handshakes.
    pub(in crate::engine) fn send(&mut self, leg: LegId, datagram: &[u8]) {
        let Some(ends) = &mut self.0 else { return };
        if let Some(datagram) = Datagram::new(leg, datagram)
            && ends.to.push(datagram).is_ok()
        {
            ends.thread.unpark();
        }
    }

    /// Takes what has come back.
    pub(in crate::engine) fn receive(&mut self, to: &mut impl Take) {
        let Some(ends) = &mut self.0 else { return };
        while let Ok(answer) = ends.from.pop() {
            match answer {
                Answer::Send(Datagram { leg, len, bytes }) => to.datagram(leg, &bytes[..len]),
                Answer::Keys(leg, terms, keys) => to.keys(leg, &terms, keys),
            }
        }
    }
}

enum Order {
    Agree { leg: LegId, worker: usize, terms: Terms, checked: bool },
    Forget(LegId),
}

/// The thread; when dropped, it has ended.
pub(in crate::engine) struct Desk {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Desk {
    /// Starts the thread; gives each of `workers` its ends.
    pub(in crate::engine) fn start(
        identity: Identity,
        workers: usize,
        deliver: Deliver,
    ) -> io::Result<(Desk, Vec<Line>)> {
        let (orders, from_switch) = bounded(ORDERS);
        let stop = Arc::new(AtomicBool::new(false));
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for _ in 0..workers {
            let (to, from_worker) = RingBuffer::new(RING);
            let (to_worker, from) = RingBuffer::new(RING);
            near.push((to, from));
            far.push(WorkerEnds { from: from_worker, to: to_worker, waiting: VecDeque::new() });
        }
        let clerk = Clerk {
            handshakes: Handshakes::new(identity),
            orders: from_switch,
            workers: far,
            at: HashMap::new(),
            deliver,
            failures: VecDeque::new(),
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new().name("dtls".into()).spawn(|| clerk.run())?;
        let ends = |(to, from)| Line(Some(Ends { to, from, thread: thread.thread().clone() }));
        let lines = near.into_iter().map(ends).collect();
        Ok((Desk { orders, thread: Some(thread), stop }, lines))
    }

    /// A leg of that worker has agreed on `terms`; `checked`: with ICE.
    pub(in crate::engine) fn agree(
        &self,
        leg: LegId,
        worker: usize,
        terms: Terms,
        checked: bool,
    ) -> Result<(), Fault> {
        self.order(Order::Agree { leg, worker, terms, checked })
    }

    /// A leg is over, or has no handshake any more. Whether there was room for the order: else to be said again.
    #[must_use]
    pub(in crate::engine) fn forget(&self, leg: LegId) -> bool {
        self.order(Order::Forget(leg)).is_ok()
    }

    fn order(&self, order: Order) -> Result<(), Fault> {
        self.orders.try_send(order).map_err(|_| Fault::Overloaded)?;
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The far ends of one worker's rings, and what found no room.
struct WorkerEnds {
    from: Consumer<Datagram>,
    to: Producer<Answer>,
    waiting: VecDeque<Answer>,
}

impl WorkerEnds {
    fn flush(&mut self) {
        while let Some(answer) = self.waiting.pop_front() {
            if let Err(rtrb::PushError::Full(answer)) = self.to.push(answer) {
                return self.waiting.push_front(answer);
            }
        }
    }
}

/// What the thread owns.
struct Clerk {
    handshakes: Handshakes,
    orders: Receiver<Order>,
    workers: Vec<WorkerEnds>,
    /// Each leg's worker.
    at: HashMap<LegId, usize>,
    deliver: Deliver,
    /// What the switch could not take yet.
    failures: VecDeque<Event>,
    stop: Arc<AtomicBool>,
}

impl Clerk {
    fn run(mut self) {
        while !self.stop.load(Relaxed) {
            let now = Instant::now();
            // Orders first: a leg's terms are there before its first datagram.
            while let Ok(order) = self.orders.try_recv() {
                self.order(now, order);
            }
            for worker in &mut self.workers {
                while let Ok(Datagram { leg, len, bytes }) = worker.from.pop() {
                    self.handshakes.datagram(Instant::now(), leg, &bytes[..len]);
                }
            }
            self.handshakes.wake(Instant::now());
            self.hand_out();
            std::thread::park_timeout(self.patience());
        }
    }

    fn order(&mut self, now: Instant, order: Order) {
        match order {
            Order::Agree { leg, worker, terms, checked } => {
                self.at.insert(leg, worker);
                self.handshakes.agree(now, leg, terms, checked);
            }
            Order::Forget(leg) => {
                self.at.remove(&leg);
                self.handshakes.forget(leg);
            }
        }
    }

    fn hand_out(&mut self) {
        while let Some(outcome) = self.handshakes.poll() {
            let (leg, answer) = match outcome {
                Outcome::Send(leg, bytes) => (leg, Datagram::new(leg, &bytes).map(Answer::Send)),
                Outcome::Keys(leg, terms, keys) => (leg, Some(Answer::Keys(leg, terms, keys))),
                Outcome::Failed(leg, why) => {
                    self.failures.push_back(Event::HandshakeFailed { leg, why });
                    continue;
                }
            };
            let worker = self.at.get(&leg).and_then(|worker| self.workers.get_mut(*worker));
            if let (Some(worker), Some(answer)) = (worker, answer) {
                // Keys are sent once; a datagram that finds no room will be again.
                let room = worker.waiting.is_empty() && worker.to.slots() > 0;
                if room || matches!(answer, Answer::Keys(..)) {
                    worker.waiting.push_back(answer);
                }
                worker.flush();
            }
        }
        self.workers.iter_mut().for_each(WorkerEnds::flush);
        while let Some(event) = self.failures.pop_front() {
            if let Err(event) = (self.deliver)(event) {
                self.failures.push_front(event);
                break;
            }
        }
    }

    fn patience(&self) -> Duration {
        let waits = self.workers.iter().any(|worker| !worker.waiting.is_empty());
        if waits || !self.failures.is_empty() {
            return CROWDED;
        }
        let next = self.handshakes.next_wake();
        let until = next.map(|next| next.saturating_duration_since(Instant::now()));
        until.map_or(IDLE, |until| until.min(IDLE))
    }
}
