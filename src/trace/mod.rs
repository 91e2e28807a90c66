//! Floor 5: the SIP messages of all calls, kept for a day or so in a ring of files, so that what went
//! wrong in a call can be seen after it (and while it goes on); a copy to a collector, if one is named.
//!
//! ```text
//!  switch's thread ─ seen, dialog ─▶ bounded queue ─▶ trace thread ─▶ segments, oldest removed
//!                                                        └─▶ HEP, a datagram a message
//!  console ── find(call) ─▶ flush, then reads the segments in its own thread
//! ```
//!
//! Messages of no call are left out: registrations, OPTIONS, subscriptions, scanners. A
//! queue that is full drops and counts; the exchange never waits. SRTP's keys are masked.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this floor owns the trace's thread and files"
)]

mod audio;
mod find;
mod ladder;
mod mask;
mod note;
mod record;
mod ring;
mod sorting;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use crate::base::{CallId, LegId};
use crate::sip::flow::{Flow, Transport};
use crate::wire::hep;
use crate::wire::sip::{Message, Method};

pub use audio::{Audio, Capture, pcap};
pub use find::{Found, Recorded};
pub use ladder::{ladder, said};
pub use note::note;
use record::{Record, Seen};
use ring::Ring;
use sorting::Sorting;

/// What waits for the thread at most: some seconds of a busy exchange.
const QUEUE: usize = 8_192;
/// How long what was seen may lie in memory.
const IDLE: Duration = Duration::from_secs(1);
/// How long messages gather once all that waited are kept: to wake a thread for each costs more than the
/// keeping. The queue holds ten times of what comes in meanwhile at 1,000 calls a second.
const GATHER: Duration = Duration::from_millis(50);
/// How long a reader waits for what lies in memory to be written.
const FLUSH: Duration = Duration::from_secs(2);

/// How the trace is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where its files are.
    pub dir: PathBuf,
    /// How long messages are kept.
    pub keep: Duration,
    /// How many bytes they take at most.
    pub max_bytes: u64,
    /// A collector that gets a copy of each, by UDP, and the number under which it knows us.
    pub hep: Option<(SocketAddr, u32)>,
}

/// The running trace.
pub struct Trace {
    jobs: Sender<Job>,
    dropped: Arc<AtomicU64>,
    queued: Arc<AtomicU64>,
    dir: PathBuf,
    thread: Option<JoinHandle<()>>,
}

/// What the console reads with.
#[derive(Clone)]
pub struct Reader {
    jobs: Sender<Job>,
    dropped: Arc<AtomicU64>,
    /// Bytes of the messages that wait for the thread.
    queued: Arc<AtomicU64>,
    dir: PathBuf,
}

/// A message as it was handed over.
struct Kept {
    at_us: u64,
    ours: bool,
    flow: Flow,
    message: Message,
}

enum Job {
    Message(Kept),
    Dialog { call: CallId, leg: LegId, call_id: String },
    Recorded { at_us: u64, call: CallId, left: LegId, right: Option<LegId>, path: String },
    Note { at_us: u64, call: CallId, text: String },
    Over { at_us: u64, call: CallId },
    Flush(Sender<()>),
    Stop,
}

impl Trace {
    /// Begins a new segment in the folder, which is made if it is not there.
    pub fn start(settings: Settings) -> io::Result<Trace> {
        let (jobs, queue) = bounded(QUEUE);
        let (dropped, queued) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let taken = queued.clone();
        let dir = settings.dir.clone();
        let ring = Ring::open(&settings.dir, settings.keep, settings.max_bytes)?;
        let collector = settings.hep.map(|(to, node)| Collector::new(to, node)).transpose()?;
        let thread = std::thread::Builder::new()
            .name("trace".into())
            .spawn(move || keep(&queue, ring, collector.as_ref(), &taken))?;
        Ok(Trace { jobs, dropped, queued, dir, thread: Some(thread) })
    }

    /// For who reads.
    pub fn reader(&self) -> Reader {
        let (jobs, dropped, queued) =
            (self.jobs.clone(), self.dropped.clone(), self.queued.clone());
        Reader { jobs, dropped, queued, dir: self.dir.clone() }
    }

    /// A message came (`ours`: goes) by this flow.
    pub fn seen(&self, ours: bool, flow: Flow, message: &Message) {
        if matches!(message.method(), Method::Register | Method::Options | Method::Subscribe) {
            return;
        }
        let bytes = message.bytes().len() as u64;
        self.queued.fetch_add(bytes, Ordering::Relaxed);
        if !self.put(Job::Message(Kept { at_us: now_us(), ours, flow, message: message.clone() })) {
            self.queued.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// A dialog with this Call-ID is that leg of this call.
    pub fn dialog(&self, call: CallId, leg: LegId, call_id: String) {
        let _ = self.put(Job::Dialog { call, leg, call_id });
    }

    /// A recording of the call, the file at `path`, has these legs in its channels from now on.
    pub fn recorded(&self, call: CallId, path: String, left: LegId, right: Option<LegId>) {
        let _ = self.put(Job::Recorded { at_us: now_us(), call, left, right, path });
    }

    /// A line beside the messages of a call, such as a leg's figures at its end.
    pub fn note(&self, call: CallId, text: String) {
        let _ = self.put(Job::Note { at_us: now_us(), call, text });
    }

    /// The call is over: whoever looks for it need not read on to the newest message.
    pub fn over(&self, call: CallId) {
        let _ = self.put(Job::Over { at_us: now_us(), call });
    }

    /// Whether there was room for it.
    fn put(&self, job: Job) -> bool {
        match self.jobs.try_send(job) {
            Ok(()) => true,
            Err(why) => {
                let full = matches!(why, TrySendError::Full(_));
                self.dropped.fetch_add(u64::from(full), Ordering::Relaxed);
                false
            }
        }
    }
}

fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = self.jobs.send(Job::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Reader {
    /// Bytes that what waits to be written holds.
    pub fn held(&self) -> u64 {
        let places = QUEUE * (size_of::<Job>() + size_of::<usize>());
        places as u64 + self.queued.load(Ordering::Relaxed)
    }

    /// The messages of a call, in the order in which they were seen. None: it is unknown here, or its
    /// messages are older than is kept.
    pub fn find(&self, call: CallId) -> io::Result<Found> {
        let (done, written) = bounded(1);
        // What is dropped for a full queue will not be found; the rest is.
        if self.jobs.send_timeout(Job::Flush(done), FLUSH).is_ok() {
            let _ = written.recv_timeout(FLUSH);
        }
        let mut found = find::find(&self.dir, call)?;
        found.dropped = self.dropped.load(Ordering::Relaxed);
        Ok(found)
    }
}

/// The thread.
fn keep(queue: &Receiver<Job>, mut ring: Ring, collector: Option<&Collector>, queued: &AtomicU64) {
    let mut sorting = Sorting::default();
    let mut written = Instant::now();
    loop {
        // By the clock, not by a pause: a message now and then would put it off until a chunk is full.
        if written.elapsed() >= IDLE {
            ring.flush();
            written = Instant::now();
        }
        match queue.recv_timeout(IDLE) {
            Ok(Job::Message(kept)) => {
                queued.fetch_sub(kept.message.bytes().len() as u64, Ordering::Relaxed);
                keep_message(kept, &mut sorting, &mut ring, collector);
                if queue.is_empty() {
                    std::thread::sleep(GATHER);
                }
            }
            Ok(Job::Dialog { call, leg, call_id }) => {
                let (call, call_id) = (call.as_u64(), call_id.as_bytes());
                ring.put(&Record::Dialog { call, call_id });
                ring.put(&Record::Leg { call, leg: leg.0, hash: record::hash(call_id) });
                for kept in sorting.dialog(Instant::now(), record::hash(call_id)) {
                    write(&mut ring, collector, kept);
                }
            }
            Ok(Job::Note { at_us, call, text }) => {
                let (call, text) = (call.as_u64(), text.as_bytes());
                ring.put(&Record::Note { at_us, call, text });
            }
            Ok(Job::Over { at_us, call }) => {
                ring.put(&Record::Over { at_us, call: call.as_u64() });
            }
            Ok(Job::Recorded { at_us, call, left, right, path }) => {
                let (call, path) = (call.as_u64(), path.as_bytes());
                let right = right.map(|leg| leg.0);
                ring.put(&Record::Recorded { at_us, call, left: left.0, right, path });
            }
            Ok(Job::Flush(done)) => {
                ring.flush();
                let _ = done.send(());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return ring.flush(),
        }
    }
}

/// A message is written if it is a call's, else it waits until it is known for one. One without a Call-ID is
/// nobody's.
fn keep_message(
    kept: Kept,
    sorting: &mut Sorting<Kept>,
    ring: &mut Ring,
    collector: Option<&Collector>,
) {
    let Ok(hash) = kept.message.call_id().map(record::hash) else { return };
    let bytes = kept.message.bytes().len();
    if let Some(kept) = sorting.message(Instant::now(), hash, bytes, kept) {
        write(ring, collector, kept);
    }
}

/// A message of a call goes into the ring, and to the collector.
fn write(ring: &mut Ring, collector: Option<&Collector>, kept: Kept) {
    let Kept { at_us, ours, flow, message } = kept;
    let call_id = message.call_id().unwrap_or_default();
    let hash = record::hash(call_id);
    let bytes = mask::masked(message.bytes());
    let (transport, local, remote) = (flow.transport, flow.local, flow.remote);
    let seen = Seen { at_us, ours, transport, hash, local, remote, bytes: &bytes };
    ring.put(&Record::Message(seen));
    if let Some(collector) = collector {
        collector.send(&seen, call_id);
    }
}

/// A collector of captured messages (Homer, heplify).
struct Collector {
    socket: UdpSocket,
    node: u32,
}

impl Collector {
    fn new(to: SocketAddr, node: u32) -> io::Result<Collector> {
        let any: SocketAddr = match to {
            SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
            SocketAddr::V6(_) => ([0; 16], 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(to)?;
        socket.set_nonblocking(true)?;
        Ok(Collector { socket, node })
    }

    /// Sends a copy; one that cannot be sent is lost.
    fn send(&self, seen: &Seen<'_>, call_id: &[u8]) {
        let (from, to) = seen.ends();
        let packet = hep::Captured {
            from,
            to,
            datagram: seen.transport == Transport::Udp,
            at_us: seen.at_us,
            node: self.node,
            correlation: call_id,
            payload: seen.bytes,
        };
        if let Some(packet) = packet.packet() {
            let _ = self.socket.send(&packet);
        }
    }
}

impl Seen<'_> {
    /// Who sent it, and to whom.
    pub fn ends(&self) -> (SocketAddr, SocketAddr) {
        if self.ours { (self.local, self.remote) } else { (self.remote, self.local) }
    }
}

#[cfg(test)]
mod tests;
