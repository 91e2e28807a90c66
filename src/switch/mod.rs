//! Floor 4: THE state machine. All of the exchange meets here, and only meets: what a message, a
//! digit or a number means is decided on the floors below.
//!
//! ```text
//!   Input ──▶ handle(now) ─┬─ sip::Agent ──▶ sip_in ─┬─ arrival   a new call: who, may it, its port
//!                          │                         ├─ replacing a device in the place of another
//!   Input ──▶ handle(now) ─┬─ fort ▶ sip::Agent ▶ sip_in ─┬─ arrival   a new call: who, may it, its port
//!                          │                         ├─ offers    hold, re-negotiation
//!                          │                         ├─ requests  REGISTER, OPTIONS, MESSAGE
//!                          │                         └─ watching  SUBSCRIBE: lamps, presence
//!                          ├─ media events ▶ media_in   ports, keys, playbacks, recordings
//!                          ├─ operator ────▶ console_in; programs: cti
//!                          └─ time ────────▶ wake       pings, registering: gateways and providers
//!                                   │
//!                     effects  the plan's next step  ─▶ dial, trunks ─▶ talk ─▶ transfer, ending
//!                                                    ─▶ rooms   conferences; parking, forwarding
//!                     outside  recorders outside get a copy of what is recorded
//!                                                    ─▶ queueing, agents, signing  queues of agents
//!                                                    ─▶ supervising  listen, whisper, barge in
//!                                   │
//!   Output ◀── poll_output() ◀──────┘  messages, media commands, facts, answers
//! ```
//!
//! One owner, no I/O: a run replays from its inputs.

pub mod active;
mod agents;
mod alarm;
mod announcing;
mod arrival;
pub mod asking;
mod auto_answer;
mod caller_id;
pub mod calling_back;
pub mod campaigns;
pub mod care;
mod census;
mod charging;
pub mod console;
mod console_in;
mod consult;
mod consulting;
pub mod cti;
mod desk;
mod dial;
mod dialled;
mod effects;
mod ending;
pub mod fact;
mod features;
mod figures;
mod finding;
mod fort;
mod forwarding;
mod holding;
mod house;
mod identity;
mod in_turn;
mod info_keys;
pub mod io;
mod keeping;
pub mod leg;
mod linking;
mod meanwhile;
mod media_in;
pub mod messages;
mod mobile;
mod offers;
mod outbound;
mod outside;
mod parking;
mod pings;
mod placing;
pub mod quality;
mod queueing;
pub mod recovery;
mod registering;
mod replacing;
mod requests;
mod rooms;
mod sent_on;
mod signalled;
pub mod signing;
mod sip_in;
mod sound;
mod sparing;
mod supervising;
mod surveys;
mod talk;
#[cfg(test)]
pub(crate) mod tests;
mod tones;
pub mod tracing;
mod transfer;
mod trunks;
mod wake;
mod watching;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::access::{Admission, Bans, Deed, Sources, Tolls};
use crate::acd::{AgentId, Centre};
use crate::base::{
    CallId, Duration, LegId, Network, Networks, Now, PlayId, RecordingId, Rng, RoomId, Time, Wall,
};
use crate::call::Lines;
use crate::call::feature::Feature;
use crate::config::Config;
use crate::dialplan::Plan;
use crate::sip::digest::Verifier;
use crate::sip::registrar::Registrar;
use crate::sip::{Agent, Flow, SessionId, Transport};
use crate::trunk::{Gateways, Names};
use crate::wire::sdp::Fingerprint;
use crate::wire::sip::Message;
use crate::wire::srtp::KeySource;

use active::Active;
pub use console::{Reply, Request};
use fact::{Fact, FactKind};
pub use figures::DaySoFar;
pub use finding::wanted;
pub use io::{DiskCommand, DiskEvent, Gate, Input, Level, Output, RequestId};
use leg::Leg;
pub use outbound::sip_transport;
pub use outside::health::known_as;

/// What the switch needs to know besides the configuration.
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// The plan.
    pub plan: Arc<Plan>,
    /// Where SIP is listened on, as peers see it.
    pub listening: Vec<(Transport, SocketAddr)>,
    /// RTP workers: calls of different ones meet in a conference only.
    pub workers: usize,
    /// Sequence number of the last fact in the journal.
    pub last_fact: u64,
    /// The node's time zone: the configuration's, or the system's.
    pub zone: TimeZone,
    /// The source of tags, nonces and ids.
    pub rng: Rng,
    /// The source of SRTP's keys.
    pub keys: KeySource,
    /// Of the certificate that DTLS handshakes show; `None`: there are none.
    pub fingerprint: Option<Fingerprint>,
}

/// The exchange.
pub struct Switch {
    config: Config,
    plan: Arc<Plan>,
    listening: Vec<(Transport, SocketAddr)>,
    /// The networks that we are on, since the start.
    networks: Networks,
    workers: usize,
    agent: Agent,
    registrar: Registrar,
    verifier: Verifier,
    gateways: Gateways,
    features: Vec<(String, Feature)>,
    /// Those of a party that asks a third.
    asking_features: Vec<(String, Feature)>,
    dialled_codes: Vec<(String, crate::call::codes::Code)>,
    /// What phones' users wish of their calls.
    forwarding: forwarding::Forwarding,
    // Boxed: a tree's nodes keep room for eleven, and half of it is empty where keys rise.
    calls: BTreeMap<CallId, Box<Active>>,
    legs: BTreeMap<LegId, Box<Leg>>,
    sessions: BTreeMap<SessionId, LegId>,
    /// The phones' legs.
    lines: Lines,
    /// Calls by the time at which they want to be woken.
    due: BTreeSet<(Time, CallId)>,
    /// Keys on their way to parties by INFO.
    info_keys: info_keys::InfoKeys,
    holding: holding::Holding,
    /// Pings under way: which gateway a transaction asks.
    pings: BTreeMap<crate::sip::ClientTxn, (String, SocketAddr)>,
    /// The names of gateways.
    names: Names,
    /// Recorders outside and what they have.
    outside: outside::Outside,
    /// Our registrations with providers.
    registering: registering::Registering,
    /// Orders to desk phones that have not said anything to them yet.
    desks: BTreeMap<SessionId, desk::Told>,
    /// Consultations that a phone has not taken yet, and the phone.
    consults: BTreeMap<CallId, String>,
    alarms: alarm::Alarms,
    /// Whose calls an operator watches.
    tracing: crate::call::traced::Traced,
    /// Text messages on their way.
    messages: messages::Messages,
    /// Units' reports and cases.
    care: care::Care,
    /// Who watches whom.
    watching: watching::Watching,
    /// Of callers that are no phone and no gateway.
    strangers: sparing::Sparing,
    /// Of agents' wrong PINs.
    locks: sparing::Sparing,
    /// Prompts of which it was told that they are not there.
    missing_clips: std::collections::BTreeSet<String>,
    /// Of floods that are dropped unread.
    floods: sparing::Sparing,
    /// The call that was parked last in each slot.
    slots: BTreeMap<u32, CallId>,
    /// Questions to programs and the store.
    asked: asking::Asked,
    /// Designs of surveys, by survey and version, that the facts of this run tell.
    designs: BTreeSet<(String, String)>,
    /// Conferences by name.
    rooms: BTreeMap<String, rooms::Room>,
    /// Homes whose last company has left their conference, until the input is dealt with.
    left_alone: Vec<LegId>,
    /// Calls of cases that wait in a queue while somebody who helps waits for them, until the input is dealt with.
    awaited_by_helpers: Vec<CallId>,
    /// Talks that supervisors are with.
    supervising: supervising::Supervising,
    /// Agents and queues.
    centre: Centre,
    /// What is counted of the day.
    figures: figures::Live,
    /// Legs that are no calls of their phones' own: they ring or talk for a queue's caller (whose, and
    /// which agent, from the answer on), or dial an agent's code.
    offered: BTreeMap<LegId, Option<(CallId, AgentId)>>,
    /// Call-backs that are made or being written down.
    backs: calling_back::CallingBack,
    outbound: campaigns::Outbound,
    /// Scores that are being written down.
    scoring: quality::Noting,
    /// Recordings whose files are being closed.
    recordings: BTreeMap<RecordingId, CallId>,
    zone: TimeZone,
    rng: Rng,
    keys: KeySource,
    fingerprint: Option<Fingerprint>,
    out: VecDeque<Output>,
    facts: u64,
    count: Counts,
    draining: bool,
    journal_full: bool,
    /// The records have been read: what was before the start is known.
    restored: bool,
    /// The disk is above `[record] max_disk`, and by how much: no recording begins.
    disk_full: Option<String>,
    admission: Admission,
    /// What each source outside has done, and who is banned for it.
    sources: Sources,
    bans: Bans,
    /// From where nobody is counted.
    known: Vec<Network>,
    /// Where gateways listen.
    peers: Vec<SocketAddr>,
    /// The emergency numbers, as the sockets know them.
    urgent: Vec<String>,
    /// Calls out by account, and what numbers cost.
    tolls: Tolls,
    prices: charging::Prices,
    /// How long the inputs wait that are taken now.
    behind: Duration,
    started: Now,
}

/// Running numbers.
#[derive(Default)]
struct Counts {
    calls: u64,
    refused: u64,
    legs: u64,
    plays: u64,
    recordings: u64,
    rooms: u64,
    asked: u64,
}

impl Switch {
    /// An exchange without calls.
    pub fn new(setup: Setup, now: Now) -> Switch {
        let Setup { config, plan, listening, workers, last_fact, zone, mut rng, keys, fingerprint } =
            setup;
        let sources = Sources::new(&mut rng);
        let mut switch = Switch {
            agent: Agent::new(Switch::agent_config(&config, &listening), rng.split()),
            registrar: Registrar::new(requests::registrar_config(&config)),
            verifier: requests::verifier(&config, &mut rng),
            gateways: Gateways::default(),
            features: features::table(&config),
            asking_features: features::asking(&config),
            dialled_codes: features::dialled(&config),
            forwarding: forwarding::Forwarding::default(),
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            sessions: BTreeMap::new(),
            lines: Lines::default(),
            due: BTreeSet::new(),
            info_keys: info_keys::InfoKeys::default(),
            holding: holding::Holding::new(),
            pings: BTreeMap::new(),
            names: Names::default(),
            outside: outside::Outside::default(),
            registering: registering::Registering::default(),
            desks: BTreeMap::new(),
            consults: BTreeMap::new(),
            alarms: alarm::Alarms::default(),
            tracing: crate::call::traced::Traced::default(),
            messages: messages::Messages::since(last_fact),
            care: care::Care::new(&config, last_fact),
            watching: watching::Watching::default(),
            strangers: sparing::Sparing::default(),
            locks: sparing::Sparing::default(),
            missing_clips: Default::default(),
            floods: sparing::Sparing::default(),
            slots: BTreeMap::new(),
            asked: asking::Asked::new(),
            designs: BTreeSet::new(),
            rooms: BTreeMap::new(),
            left_alone: Vec::new(),
            awaited_by_helpers: Vec::new(),
            supervising: supervising::Supervising::default(),
            centre: Centre::new(rng.split()),
            figures: figures::Live::default(),
            offered: BTreeMap::new(),
            backs: calling_back::CallingBack::default(),
            outbound: campaigns::Outbound::default(),
            scoring: quality::Noting::default(),
            recordings: BTreeMap::new(),
            zone,
            rng,
            keys,
            fingerprint,
            out: VecDeque::new(),
            facts: last_fact,
            count: Counts::default(),
            draining: false,
            journal_full: false,
            restored: false,
            disk_full: None,
            admission: Admission::new(now.at, config.limits.calls_per_second),
            sources,
            bans: Bans::default(),
            known: Vec::new(),
            peers: Vec::new(),
            urgent: Vec::new(),
            tolls: Tolls::default(),
            prices: charging::Prices::new(&config),
            behind: Duration::ZERO,
            started: now,
            networks: config.networks(),
            config,
            plan,
            listening,
            workers,
        };
        switch.come_up(now);
        switch
    }

    /// Puts the configuration in force, and tells the start.
    fn come_up(&mut self, now: Now) {
        self.gateways.configure(pings::gateways(&self.config));
        self.configure_recorders();
        self.want_names(now);
        let node = self.config.node.name.to_string();
        let version = env!("CARGO_PKG_VERSION").into();
        self.fact(now, FactKind::Started { version, node, lived_ms: 0 });
        self.names_due(now);
        self.configure_fort(now);
        self.keep_recordings();
        self.configure_registrations(now);
        self.configure_centre(now);
        self.configure_callers(now);
    }

    /// What Belfry calls people for by itself, and whom it lets in: at the start, and anew with each reload.
    fn configure_callers(&mut self, now: Now) {
        self.configure_check_ins();
        self.configure_silence(now);
        self.configure_care_calls(now);
        self.configure_campaigns();
        self.configure_guard();
        self.configure_plans();
    }

    /// Takes one input; the outputs that follow wait for [`Self::poll_output`].
    pub fn handle(&mut self, now: Now, input: Input) {
        self.handle_shown(now, input, &mut |_, _| {});
    }

    /// Takes one input; `heard` is shown a message that is not turned away unheard, for who keeps copies.
    pub fn handle_shown(&mut self, now: Now, input: Input, heard: &mut dyn FnMut(Flow, &Message)) {
        match input {
            Input::Sip(flow, message) => {
                if self.passes(now, flow, &message) {
                    heard(flow, &message);
                    self.agent.receive(now.at, flow, message);
                }
            }
            Input::BadSip(flow, error) if self.passes_malformed(now, flow) => {
                self.agent.receive_bad(now.at, flow, &error);
            }
            Input::BadSip(..) => {}
            Input::FlowFailed(flow) => self.flow_failed(now, flow),
            Input::Silent(flow) => {
                self.judge(now, flow, Deed::Silent);
            }
            Input::Media(event) => self.media(now, event),
            Input::Disk(event) => self.disk(now, event),
            Input::Dns(question, answer) => self.dns_answered(now, &question, &answer),
            Input::Told(id, told) => self.looked_up(now, id, *told),
            Input::SheetSent(of, why) => self.sheet_sent(now, *of, why),
            Input::Names(known) => self.names_known(now, known),
            Input::JournalFull(full) => self.journal_full = full,
            Input::Reload(config, plan) => self.reload(now, *config, plan),
            Input::ReloadRefused(faults) => {
                self.fact(now, FactKind::ReloadRefused { by: "console".into(), faults });
            }
            Input::Wishes(rows) => self.wishes_restored(rows),
            Input::Messages(rows) => self.messages_restored(now, rows),
            Input::Cases(rows) => self.cases_restored(now, rows),
            Input::Homes(homes) => self.homes_known(now, homes),
            Input::Campaigns(told) => self.campaigns_told(now, *told),
            Input::Subscribers(update) => self.subscribers_changed(now, *update),
            Input::SignedIn(rows) => self.agents_restored(now, rows),
            Input::Day(day) => self.figures.told(*day),
            Input::Served(rows) => self.centre.served_restored(rows),
            Input::CallBacks(rows) => self.restored_all(now, rows),
            Input::Registrations(rows) => self.registrations_restored(now, rows),
            Input::Durable(seq) => self.fact_kept(now, seq),
            Input::NotWritten(seq) => self.fact_lost(now, seq),
            Input::Alarm { what, raised, detail } => {
                self.fact(now, FactKind::Alarm { what, raised, detail, call: None });
            }
            Input::Console(id, request) => {
                let reply = self.console(now, id, request);
                self.out.extend(reply.map(|reply| Output::Reply(id, reply)));
            }
            Input::Wake => self.wake(now),
            Input::Drain => self.drain(now),
            Input::EndCalls => self.end_calls(now),
            Input::Stopped { why } => self.stopped(now, why),
        }
        self.settle(now);
    }

    /// No new calls: the exchange is about to stop.
    fn drain(&mut self, now: Now) {
        self.draining = true;
        self.end_registrations(now);
    }

    fn stopped(&mut self, now: Now, why: String) {
        self.keep_registrations(now);
        self.fact(now, FactKind::Stopped { why });
    }

    /// Call-backs are the last that the records tell at the start.
    fn restored_all(&mut self, now: Now, rows: Vec<calling_back::KeptBack>) {
        self.restored = true;
        self.backs_restored(now, rows);
    }

    /// A fact is on the disk: whoever waited for that goes on.
    fn fact_kept(&mut self, now: Now, seq: u64) {
        self.durable(now, seq);
        self.care_durable(now, seq);
        self.back_durable(now, seq);
        self.campaign_durable(now, seq);
        self.score_written(seq, true);
    }

    /// A fact could not be written: whoever waited for it is told.
    fn fact_lost(&mut self, now: Now, seq: u64) {
        self.not_written(now, seq);
        self.care_not_written(now, seq);
        self.back_not_written(now, seq);
        self.campaign_not_written(now, seq);
        self.score_written(seq, false);
    }

    /// What follows of an input: agents and homes get what waits for them, campaigns dial, whoever watches is told.
    fn settle(&mut self, now: Now) {
        self.drain_agent(now);
        self.review_outside(now);
        let mut moved = false;
        while self.drain_centre(now) || self.homes_go_on(now) {
            moved = true;
            self.drain_agent(now);
        }
        if self.outbound.is_due(now.at) || moved && self.outbound.any() {
            self.campaigns_due(now);
            self.drain_agent(now);
            while self.drain_centre(now) {
                self.drain_agent(now);
            }
        }
        self.tell_watchers(now);
        self.care.wake = self.care.next_wake(now);
    }

    /// How long the inputs have waited that come now: told by the driver from time to time.
    pub fn is_behind(&mut self, by: Duration) {
        self.behind = by;
    }

    /// What is to be done next; `None`: nothing until the next input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to come with [`Input::Wake`].
    pub fn next_wake(&self) -> Option<Time> {
        let agent = self.agent.next_wake().map(|(at, _)| at);
        let call = self.due.first().map(|(at, _)| *at);
        [
            agent,
            call,
            self.registrar.next_wake(),
            self.gateways.next_wake(),
            self.names.next_wake(),
            self.registering.next_wake(),
            self.outside.next_wake(),
            self.alarms.next_wake(),
            self.tracing.next_wake(),
            self.info_keys.next_wake(),
            self.holding.first().map(|(at, _)| *at),
            self.messages.next_wake(),
            self.care.wake,
            self.outbound.wake,
            self.centre.next_wake(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What is in being: `(calls, legs, sessions and transactions)`. All zero after the last call
    /// and the last timer, or something leaks.
    pub fn in_being(&self) -> (usize, usize, usize) {
        let counts = self.agent.counts();
        (
            self.calls.len(),
            self.legs.len() + self.outside.legs(),
            counts.server_txns + counts.client_txns + counts.dialogs + counts.sessions,
        )
    }

    /// Writes a fact down.
    fn fact(&mut self, now: Now, kind: FactKind) {
        self.facts += 1;
        self.touched_by(&kind);
        if let Some(call) = kind.call() {
            self.touch_outside(call);
        }
        let fact = Fact { seq: self.facts, wall: now.wall, kind };
        self.figures.take(&fact, &self.zone);
        self.out.push_back(Output::Fact(fact));
    }

    /// Writes a line for the log: one line, whatever a peer has put into a name or a number.
    fn log(&mut self, level: Level, text: impl Into<String>) {
        let mut text = text.into();
        if text.contains(char::is_control) {
            text = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        }
        self.out.push_back(Output::Log(level, text));
    }

    /// Asks the agent for something. That the session is over is ordinary: its end is on the way.
    fn ask(&mut self, now: Now, command: crate::sip::Command) -> bool {
        match self.agent.command(now.at, command) {
            Ok(()) => true,
            Err(crate::sip::CommandError::NoSession(_)) => false,
            Err(error) => {
                self.log(Level::Warning, format!("SIP: {error}"));
                false
            }
        }
    }

    fn new_leg_id(&mut self) -> LegId {
        self.count.legs += 1;
        LegId(self.count.legs)
    }
    fn new_play_id(&mut self) -> PlayId {
        self.count.plays += 1;
        PlayId(self.count.plays)
    }
    fn new_room_id(&mut self) -> RoomId {
        self.count.rooms += 1;
        RoomId(self.count.rooms)
    }
    fn new_recording_id(&mut self) -> RecordingId {
        self.count.recordings += 1;
        RecordingId(self.count.recordings)
    }
    fn new_call_id(&mut self, wall: Wall) -> CallId {
        self.count.calls += 1;
        CallId::new(wall, self.count.calls)
    }
}
