//! What goes into the switch and what comes out of it.
//!
//! The whole seam between the pure exchange and the machine it runs on: a driver (the daemon, the
//! simulator) feeds [`Input`]s with a time and carries out [`Output`]s in their order.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::base::{CallId, Duration, LegId, Network, RecordingId, Source};
use crate::config::Config;
use crate::dialplan::Plan;
use crate::dialplan::lookup::{Lookup, Told};
use crate::media::control;
use crate::media::control::RecordFormat;
use crate::record::retention::Retention;
use crate::sip::Flow;
use crate::trunk::Known;
use crate::wire::dns::{Answer, Question};
use crate::wire::sip::{Message, ParseError};

use super::asking::LookupId;
use super::calling_back::KeptBack;
use super::campaigns::Forgotten;
use super::care::sheets::{SheetOf, SheetOut};
use super::care::{Kept, KeptCases, Update};
use super::console::{Reply, Request};
use super::fact::{AlarmWhat, Fact};
use super::figures::DaySoFar;
use super::messages::Held;
use super::recovery::KeptBinding;
use super::signing::SignedIn;

/// Names a console's question, so that the answer finds back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestId(pub u64);

/// What has happened.
#[derive(Debug)]
pub enum Input {
    /// A message came over `Flow`.
    Sip(Flow, Message),
    /// Something came that is no SIP message.
    BadSip(Flow, ParseError),
    /// A connection is gone or could not be made.
    FlowFailed(Flow),
    /// A peer's connection came to nothing: its handshake failed, or it said nothing.
    Silent(Flow),
    /// The media plane has something to say.
    Media(control::Event),
    /// The disk has.
    Disk(DiskEvent),
    /// What the DNS says to a question of [`Output::Dns`], or that it says nothing.
    Dns(Question, Answer),
    /// What came of a question of [`Output::Lookup`].
    Told(LookupId, Box<Told>),
    /// What came of a sheet of [`Output::Sheet`]: why it could not be sent, or nothing.
    SheetSent(Box<SheetOf>, String),
    /// Where names were found before the start ([`Output::Names`]). Comes once, first of all.
    Names(Vec<Known>),
    /// The journal can take no more (`true`), or can again: new calls are refused meanwhile, since
    /// a call that leaves no record must not begin.
    JournalFull(bool),
    /// A new configuration and plan, checked: calls in being keep their plan.
    Reload(Box<Config>, Arc<Plan>),
    /// A reload was refused for so many faults; everything is as it was.
    ReloadRefused(u32),
    /// What the records say that phones' users wish: number, wish, value. Comes once, some time after
    /// the start; what was wished since then stays.
    Wishes(Vec<(String, String, String)>),
    /// The messages that the records say are held. Comes once, like [`Input::Wishes`].
    Messages(Vec<Held>),
    /// The cases that the records say are open, and the units' troubles. Comes once, like [`Input::Wishes`].
    Cases(KeptCases),
    /// The subscribers, as the records have them: all at the start, and what changes after it.
    Subscribers(Box<Update>),
    /// Whom a copy of the subscribers has, where the records could not be read in time: for as long as they are not.
    Homes(Vec<Kept>),
    /// What the records say of outbound campaigns: all at the start, and what an operator adds later.
    Campaigns(Box<super::campaigns::Told>),
    /// The agents that the records say are signed in. Comes once, like [`Input::Wishes`].
    SignedIn(Vec<SignedIn>),
    /// Whom agents answered before the start, by the agents' numbers, the last first. Comes once, like [`Input::Wishes`].
    Served(Vec<(String, String)>),
    /// The call-backs that the records say are owed. Comes once, like [`Input::Wishes`].
    CallBacks(Vec<KeptBack>),
    /// What the records have counted for queues today. Comes once, like [`Input::Wishes`].
    Day(Box<DaySoFar>),
    /// The phones that the records say were registered. Comes once, like [`Input::Wishes`].
    Registrations(Vec<KeptBinding>),
    /// The fact of this number is on the disk. Told of each that is waited for
    /// ([`FactKind::awaits_disk`](super::fact::FactKind::awaits_disk)).
    Durable(u64),
    /// The journal has no room for the fact of this number, which was waited for.
    NotWritten(u64),
    /// The store or the daemon raises an alarm, or says that it is over.
    Alarm {
        /// What it is about.
        what: AlarmWhat,
        /// Raised, or over.
        raised: bool,
        /// Which, and why.
        detail: String,
    },
    /// An operator asks.
    Console(RequestId, Request),
    /// The time of [`Switch::next_wake`](super::Switch::next_wake) has come.
    Wake,
    /// No new calls from here on (a stop is near).
    Drain,
    /// The stop is here: calls that are still up are ended.
    EndCalls,
    /// The exchange stops in good order: the last input.
    Stopped {
        /// Why: a signal, the console.
        why: String,
    },
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Send this message.
    Sip(Flow, Message),
    /// For the media plane.
    Media(control::Command<String>),
    /// For the disk. Comes before the [`control::Command::Record`] of the same recording.
    Disk(DiskCommand),
    /// For the DNS; the answer comes as [`Input::Dns`].
    Dns(Question),
    /// A question to a program or the store; what comes of it comes as [`Input::Told`], in its time.
    Lookup(LookupId, Box<Lookup>),
    /// A subscriber's sheet is to be sent; what comes of it comes as [`Input::SheetSent`], in its time.
    Sheet(Box<SheetOut>),
    /// Where names are found, all of them: to be kept for the next start.
    Names(Vec<Known>),
    /// A gateway is reached at these addresses from now on: a connection to one of them is to that
    /// gateway, and has to bear its name.
    Located {
        /// Which gateway.
        gateway: String,
        /// Where.
        addresses: Vec<SocketAddr>,
    },
    /// A dialog with this Call-ID is a leg of this call, for who traces.
    Dialog {
        /// The call.
        call: CallId,
        /// Which leg.
        leg: LegId,
        /// As its messages name it.
        call_id: String,
    },
    /// A recording has these legs in its channels from now on, for who traces.
    Recorded {
        /// The call.
        call: CallId,
        /// Its file, below the directory of recordings.
        path: String,
        /// The customer's leg: the left channel.
        left: LegId,
        /// The agent's: the right one.
        right: Option<LegId>,
    },
    /// Whether calls are watched from now on: then messages are shown as they come and go.
    Tracing(bool),
    /// A line about a call that is watched.
    Traced(CallId, String),
    /// For the journal, in this order.
    Fact(Fact),
    /// The answer to an operator.
    Reply(RequestId, Reply),
    /// A line for the log.
    Log(Level, String),
    /// For the sockets.
    Gate(Gate),
    /// To be dropped, by somebody who has the time.
    Forgotten(Forgotten),
}

/// What the sockets are to keep to, before anything is parsed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Gate {
    /// Drop what comes from this source for so long, and end its connections.
    Ban(Source, Duration),
    /// Drop its datagrams for so long: a flood, which may be another's.
    Hush(Source, Duration),
    /// It is heard again.
    Unban(Source),
    /// From here nobody is counted: gateways and configured networks. Comes at the start and when it
    /// changes.
    Allow(Vec<Network>),
    /// Where gateways listen: over a connection of theirs requests to there may go. Comes like `Allow`.
    Peers(Vec<SocketAddr>),
    /// INVITEs to these numbers are read whoever sends them. Comes like `Allow`.
    Urgent(Vec<String>),
}

/// How grave a log line is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Something is broken; somebody has to act.
    Error,
    /// Something is odd.
    Warning,
    /// Worth knowing.
    Info,
    /// For whoever looks for a fault.
    Debug,
}

/// What the disk is asked to do.
#[derive(Clone, PartialEq, Debug)]
pub enum DiskCommand {
    /// A recording is about to begin.
    Open {
        /// Its name.
        recording: RecordingId,
        /// Its file, below the directory of recordings.
        path: String,
        /// How it holds its samples.
        format: RecordFormat,
    },
    /// Recordings are kept so long from now on. Comes at the start and at each reload.
    Keep(Retention),
    /// An operator says that the clock is right, by which recordings' ages are judged.
    TrustClock,
    /// Recordings are packed so long after their end, or not at all. Comes with [`DiskCommand::Keep`].
    Pack(Option<Duration>),
}

/// What the disk has to say.
#[derive(Clone, PartialEq, Debug)]
pub enum DiskEvent {
    /// The file is whole and on the disk.
    Closed {
        /// Which recording.
        recording: RecordingId,
        /// Samples of one channel.
        samples: u64,
        /// What is wrong with it, in words: samples that could not be kept (full disk, full queue), an end
        /// that is missing, no file at all.
        fault: Option<String>,
    },
    /// The recording could not even be asked for: it has no file, and nothing more is told of it.
    NotOpened {
        /// Which recording.
        recording: RecordingId,
        /// Why, in words.
        why: String,
    },
    /// Nothing can be written: the call goes on, its recording has a hole from here.
    Failed {
        /// Which recording.
        recording: RecordingId,
        /// Why, in words.
        why: String,
    },
    /// A recording that a crash had left was made whole at the start.
    Mended {
        /// Its path below the directory of recordings.
        path: String,
        /// Samples of one channel.
        samples: u64,
    },
    /// A recording was past its time: its file is gone.
    Removed {
        /// Its path below the directory of recordings.
        path: String,
    },
    /// A recording of a call that is over was packed and read back; the file it was is about to go.
    Packed {
        /// What it was, below the directory of recordings.
        path: String,
        /// What it is now.
        packed: String,
        /// The packed file's size.
        bytes: u64,
    },
    /// What a whole file is, to know it by later.
    Sealed {
        /// Its path below the directory of recordings.
        path: String,
        /// Its SHA-256, in hexadecimal digits.
        sha256: String,
        /// Its size.
        bytes: u64,
    },
    /// A recording could not be packed: it stays as it is.
    NotPacked {
        /// Its path below the directory of recordings.
        path: String,
        /// Why, in words.
        why: String,
    },
    /// The disk is now above `[record] max_disk`, or below it again.
    Level {
        /// Above.
        full: bool,
        /// The share in use, percent.
        used_percent: u8,
        /// The share that may be.
        max_percent: u8,
    },
    /// Recordings past their time cannot be removed, or all could again (`None`).
    NotRemoved {
        /// Which first, and why.
        why: Option<String>,
    },
}
