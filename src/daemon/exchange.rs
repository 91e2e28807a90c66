//! The switch's thread: inputs in, time told, outputs carried out in their order.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use tokio::sync::{broadcast, mpsc};

use super::alarms::Alarms;
use super::clock::Clock;
use super::dns::Dns;
use super::known_names::KnownNames;
use super::live::Live;
use super::lookups::Lookups;
use super::metrics::Tally;
use super::orders::Pending;
use super::serve::disk_event;
use super::sheets::Sheets;
use crate::api::spans::Spans;
use crate::base::Time;
use crate::engine::{Clips, Engine, OpenRecording};
use crate::net::pace::Pace;
use crate::net::{Sip, gate};
use crate::store::{Awaited, Full, Journal};
use crate::switch::campaigns::Forgotten;
use crate::switch::fact::{Fact, FactKind};
use crate::switch::{DiskCommand, Gate, Input, Level, Output, Switch};
use crate::trace::{self, Trace};

/// Inputs that may wait for the switch: more, and senders are told that it is full.
pub(super) const QUEUE: usize = 65_536;
/// Inputs that are taken before time and outputs are looked at again.
const BATCH: usize = 256;
/// How often it is looked whether a fact that somebody waits for is on the disk.
const DISK_LOOK: Duration = Duration::from_millis(2);
/// What falls due is done on this grid: of the thousands of transactions that linger out each second at 500
/// calls, none wakes the thread for itself.
const GRID: Duration = Duration::from_millis(4);
/// Numbers that are dropped at once.
const FEW: usize = 1_000;
/// The longest sleep when nothing is due.
const IDLE: Duration = Duration::from_secs(1);

/// Everything that carries out what the switch asks for.
pub(super) struct Hands {
    pub(super) sip: Sip,
    pub(super) dns: Dns,
    pub(super) lookups: Lookups,
    pub(super) sheets: Sheets,
    /// Where gateways' names were found, for the next start.
    pub(super) names: KnownNames,
    /// None: nothing is traced.
    pub(super) trace: Option<Trace>,
    pub(super) engine: Engine,
    pub(super) journal: Journal,
    pub(super) pending: Pending,
    pub(super) events: broadcast::Sender<Arc<str>>,
    /// To whoever tells programs what happens; none: there is no API.
    pub(super) told: Option<mpsc::Sender<(Fact, Awaited)>>,
    /// To whoever makes spans of them; none: nobody does.
    pub(super) spans: Option<mpsc::Sender<Fact>>,
    /// Facts that the switch waits for until they are on the disk.
    pub(super) awaited: VecDeque<(u64, Awaited)>,
    /// What facts come to.
    pub(super) tally: Arc<Tally>,
    /// What alarms they make.
    pub(super) alarms: Arc<Alarms>,
    /// Calls that an operator watches.
    pub(super) live: Live,
}

/// The way to the switch, for all who have something to tell it.
#[derive(Clone)]
pub(super) struct Inputs {
    queue: Sender<Message>,
    bell: Arc<Bell>,
}

/// Wakes the switch's thread. A channel that is waited for spins first, for longer than most inputs take.
#[derive(Default)]
struct Bell {
    sleeps: AtomicBool,
    thread: OnceLock<Thread>,
    /// How many inputs the switch's thread has gone through.
    taken: AtomicU64,
}

impl Bell {
    /// Something was put into the queue.
    fn ring(&self) {
        // Either the sleeper sees what was put there, or we see that it sleeps.
        fence(Ordering::SeqCst);
        if self.sleeps.swap(false, Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}

/// What goes through the queue.
enum Message {
    /// With when it was put there.
    Input(Box<Input>, Instant),
    Clips(Clips),
    Stop,
}

impl Inputs {
    /// A queue, and its far end.
    pub(super) fn new() -> (Inputs, Queue) {
        let (sender, receiver) = bounded(QUEUE);
        let bell = Arc::<Bell>::default();
        (Inputs { queue: sender, bell: bell.clone() }, Queue { messages: receiver, bell })
    }
    /// Tells the switch, or gives it back when the queue is full.
    pub(super) fn offer(&self, input: Input) -> Result<(), Input> {
        match self.queue.try_send(Message::Input(Box::new(input), Instant::now())) {
            Ok(()) => {
                self.bell.ring();
                Ok(())
            }
            Err(
                TrySendError::Full(Message::Input(input, _))
                | TrySendError::Disconnected(Message::Input(input, _)),
            ) => Err(*input),
            Err(_) => unreachable!("an input was sent"),
        }
    }
    /// How many inputs the switch has gone through: of one that hangs it stays.
    pub(super) fn taken(&self) -> u64 {
        self.bell.taken.load(Ordering::Relaxed)
    }
    /// Tells the switch, however long that takes. `false`: there is no switch any more.
    pub(super) fn tell(&self, input: Input) -> bool {
        self.put(Message::Input(Box::new(input), Instant::now()))
    }
    /// Other prompts from now on. `false`: there is no switch any more.
    pub(super) fn clips(&self, clips: Clips) -> bool {
        self.put(Message::Clips(clips))
    }
    /// Ends the switch's thread once all before it is done.
    pub(super) fn stop(&self) {
        self.put(Message::Stop);
    }

    fn put(&self, message: Message) -> bool {
        let sent = self.queue.send(message).is_ok();
        self.bell.ring();
        sent
    }
}

/// The far end of the queue.
pub(super) struct Queue {
    messages: Receiver<Message>,
    bell: Arc<Bell>,
}

impl Queue {
    /// The next message; waits for it so long. An error: there are no senders any more.
    fn wait(&self, patience: Duration) -> Result<Option<Message>, TryRecvError> {
        let taken = |queue: &Queue| match queue.messages.try_recv() {
            Ok(message) => Ok(Some(message)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(gone) => Err(gone),
        };
        if let Some(message) = taken(self)? {
            return Ok(Some(message));
        }
        self.bell.thread.get_or_init(std::thread::current);
        self.bell.sleeps.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let mut message = taken(self)?;
        if message.is_none() {
            std::thread::park_timeout(patience);
            message = taken(self)?;
        }
        self.bell.sleeps.store(false, Ordering::SeqCst);
        Ok(message)
    }
}

/// Starts the thread. It gives its hands back when it ends, so that they can be closed in order.
pub(super) fn start(
    mut switch: Switch,
    hands: Hands,
    queue: Queue,
    clock: Clock,
) -> std::io::Result<JoinHandle<Hands>> {
    std::thread::Builder::new().name("switch".into()).spawn(move || {
        let mut hands = hands;
        drain(&mut switch, &mut hands, clock);
        hands.engine.flush();
        let mut pace = Pace::new(Instant::now());
        while turn(&mut switch, &mut hands, &queue, clock, &mut pace) {}
        hands
    })
}

/// Waits for something, takes what there is, carries out what follows. `false`: stop.
fn turn(
    switch: &mut Switch,
    hands: &mut Hands,
    queue: &Queue,
    clock: Clock,
    pace: &mut Pace,
) -> bool {
    let rest = pace.rest(Instant::now());
    if !rest.is_zero() {
        std::thread::sleep(rest);
    }
    let due = switch.next_wake().unwrap_or(Time::NEVER);
    let idle = if hands.awaited.is_empty() { IDLE } else { DISK_LOOK };
    let patience = on_grid(due).since(clock.at()).min(idle);
    let Ok(mut next) = queue.wait(patience) else { return false };
    let mut taken = 0;
    while let Some(message) = next.take() {
        match message {
            Message::Input(input, since) => {
                // Once a batch: the others have waited about as long.
                if taken == 0 {
                    switch.is_behind(since.elapsed());
                }
                let (trace, live) = (hands.trace.as_ref(), &mut hands.live);
                switch.handle_shown(clock.now(), *input, &mut |flow, message| {
                    if let Some(trace) = trace {
                        trace.seen(false, flow, message);
                    }
                    live.seen(false, flow, message);
                });
                drain(switch, hands, clock);
            }
            Message::Clips(clips) => hands.engine.set_clips(clips),
            Message::Stop => return false,
        }
        taken += 1;
        queue.bell.taken.fetch_add(1, Ordering::Relaxed);
        if taken < BATCH {
            next = queue.messages.try_recv().ok();
        }
    }
    pace.found(Instant::now(), taken);
    if switch.next_wake().is_some_and(|due| due <= clock.at()) {
        switch.handle(clock.now(), Input::Wake);
        drain(switch, hands, clock);
    }
    while let Some(seq) = durable(hands) {
        switch.handle(clock.now(), Input::Durable(seq));
        drain(switch, hands, clock);
    }
    hands.engine.flush();
    true
}

/// When that is done which is due at `due`.
fn on_grid(due: Time) -> Time {
    let grid = GRID.as_nanos() as u64;
    Time::from_nanos(due.as_nanos().div_ceil(grid).saturating_mul(grid))
}

/// Carries out what the switch asks for, until it asks for nothing more.
fn drain(switch: &mut Switch, hands: &mut Hands, clock: Clock) {
    while let Some(output) = switch.poll_output() {
        match output {
            Output::Sip(flow, message) => {
                hands.sip.send(flow, &message);
                if let Some(trace) = &hands.trace {
                    trace.seen(true, flow, &message);
                }
                hands.live.seen(true, flow, &message);
            }
            Output::Media(command) => hands.engine.send(command),
            Output::Disk(DiskCommand::Open { recording, path, format }) => {
                let open = OpenRecording { recording, path, format };
                if let Some(event) = hands.engine.open_recording(open) {
                    switch.handle(clock.now(), Input::Disk(disk_event(event)));
                }
            }
            Output::Disk(DiskCommand::Pack(after)) => hands.engine.pack_recordings(after),
            Output::Disk(DiskCommand::TrustClock) => hands.engine.trust_clock(),
            Output::Disk(DiskCommand::Keep(retention)) => hands.engine.keep_recordings(retention),
            Output::Dns(question) => hands.dns.ask(question),
            Output::Lookup(id, lookup) => hands.lookups.ask(id, *lookup),
            Output::Sheet(sheet) => hands.sheets.put(*sheet),
            Output::Tracing(on) => hands.live.turn(on),
            Output::Traced(call, line) => hands.live.line(call, &line),
            Output::Dialog { call, leg, call_id } => {
                hands.live.dialog(call, &call_id);
                if let Some(trace) = &hands.trace {
                    trace.dialog(call, leg, call_id);
                }
            }
            Output::Recorded { call, path, left, right } => {
                if let Some(trace) = &hands.trace {
                    trace.recorded(call, path, left, right);
                }
            }
            Output::Names(known) => hands.names.keep(known),
            Output::Located { gateway, addresses } => hands.sip.located(&gateway, &addresses),
            Output::Fact(fact) => {
                if let Some(lost) = write_down(fact, hands) {
                    switch.handle(clock.now(), Input::NotWritten(lost));
                }
            }
            Output::Reply(id, reply) => hands.pending.answered(id, reply),
            Output::Log(level, text) => log(level, &text),
            Output::Gate(order) => hands.sip.order(gate_order(order)),
            Output::Forgotten(forgotten) if forgotten.len() > FEW => drop_elsewhere(forgotten),
            Output::Forgotten(_) => {}
        }
    }
}

/// To take hundreds of thousands of texts apart takes a tenth of a second, in which no call would be heard.
fn drop_elsewhere(forgotten: Forgotten) {
    // Where no thread is to be had it is dropped here all the same.
    let _ = std::thread::Builder::new().name("forget".into()).spawn(move || drop(forgotten));
}

/// The first fact that is waited for, if it is on the disk by now.
fn durable(hands: &mut Hands) -> Option<u64> {
    let on_disk = |(_, awaited): &mut (u64, Awaited)| hands.journal.has(*awaited);
    hands.awaited.pop_front_if(on_disk).map(|(seq, _)| seq)
}

/// A fact goes to the journal, and to whoever watches. The ring has room for the facts of thousands
/// of calls, and new calls are refused long before it is full: a fact that finds none is a fault. Gives
/// its number if it is waited for.
fn write_down(fact: Fact, hands: &mut Hands) -> Option<u64> {
    hands.tally.take(&fact);
    hands.alarms.take(&fact);
    if let Some(spans) = hands.spans.as_ref().filter(|_| Spans::wants(&fact)) {
        // A collector that is slow costs spans.
        let _ = spans.try_send(fact.clone());
    }
    if let (Some(trace), Some(call)) = (&hands.trace, fact.kind.call()) {
        if let Some(note) = trace::note(&fact.kind) {
            trace.note(call, note);
        }
        if matches!(fact.kind, FactKind::CallEnded { .. }) {
            trace.over(call);
        }
    }
    if hands.events.receiver_count() > 0
        && let Ok(line) = serde_json::to_string(&fact)
    {
        let _ = hands.events.send(line.into());
    }
    let (seq, awaited) = (fact.seq, fact.kind.awaits_disk());
    let copy = hands.told.as_ref().map(|_| fact.clone());
    match hands.journal.submit(fact) {
        Ok(()) => {
            let mark = hands.journal.submitted();
            // One that finds no room is found missing there, and read from the records.
            if let (Some(told), Some(copy)) = (&hands.told, copy) {
                let _ = told.try_send((copy, mark));
            }
            if awaited {
                hands.awaited.push_back((seq, mark));
            }
        }
        Err(Full(fact)) => {
            let kind = fact.kind.name();
            tracing::error!("the journal's ring is full: fact {seq} ({kind}) is lost");
            return awaited.then_some(seq);
        }
    }
    None
}

/// The sockets' word for the switch: neither floor knows the other.
fn gate_order(order: Gate) -> gate::Order {
    match order {
        Gate::Ban(source, time) => gate::Order::Ban(source, time),
        Gate::Hush(source, time) => gate::Order::Hush(source, time),
        Gate::Unban(source) => gate::Order::Unban(source),
        Gate::Allow(networks) => gate::Order::Allow(networks),
        Gate::Peers(addresses) => gate::Order::Peers(addresses),
        Gate::Urgent(numbers) => gate::Order::Urgent(numbers),
    }
}

fn log(level: Level, text: &str) {
    match level {
        Level::Error => tracing::error!(target: "belfry", "{text}"),
        Level::Warning => tracing::warn!(target: "belfry", "{text}"),
        Level::Info => tracing::info!(target: "belfry", "{text}"),
        Level::Debug => tracing::debug!(target: "belfry", "{text}"),
    }
}
