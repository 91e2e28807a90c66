//! The whole appliance in virtual time, with phones around it.
//!
//! ```text
//!        earliest of: arrival · switch's wake · media tick · phones' wakes
//!                              │ now = that time
//!   Network ──▶ Belfry: SIP ─▶ Switch ◀─ events, commands ─▶ Plane ◀─ RTP
//!      ▲        phones: Phone                                  │
//!      └──────────────────── datagrams ◀───────────────────────┘
//! ```
//!
//! Belfry's addresses are those of the configuration. A network with a public address is behind a NAT that
//! translates one to one: its peers reach the public address alone, and hear from it.
//!
//! Everything follows from the seed: the trace (a hash over every datagram sent and every fact) is
//! the same for the same seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::gateway::Gateway;
use super::network::{Faults, Network};
use super::phone::{Phone, Sent, Setup};
use super::recorder::Recorder;
use crate::base::{Duration, LegId, Networks, Now, RecordingId, Rng, Time, Wall};
use crate::config::{self, Config, SipAddress, Workers};
use crate::dialplan::Plan;
use crate::dialplan::lookup::Lookup;
use crate::engine::dtls::Identity;
use crate::engine::dtls::set::{Handshakes, Outcome};
use crate::media::control::{Command, Event, RecordFormat};
use crate::media::{
    Clip, Disposition, Kind, Plane, PlaneConfig, PortIndex, Recorded as Part, Transmit,
};
use crate::sip::{Flow, Transport};
use crate::switch::asking::LookupId;
use crate::switch::care::sheets::SheetOut;
use crate::switch::fact::Fact;
use crate::switch::{
    DiskCommand, DiskEvent, Input, Level, Output, Reply, Request, RequestId, Switch,
};
use crate::wire::dns::{Answer, Question};
use crate::wire::sdp::Fingerprint;
use crate::wire::sip::Message;
use crate::wire::srtp::{KeySource, MOST_TAIL};

/// Belfry's own address, where a configuration names no other.
pub const BELFRY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
/// Its SIP address.
pub const SIP: SocketAddr = SocketAddr::new(BELFRY, 5060);
/// First RTP port.
const FIRST_PORT: u16 = 16_384;
/// Wall clock at the virtual clock's zero: 2026-01-05T09:00:00+08:00, a Monday.
const BEGIN: i64 = 1_767_574_800_000;

/// A recording as the disk would have it.
#[derive(Debug)]
pub struct Recorded {
    /// Its path.
    pub path: String,
    /// Interleaved A-law, left first.
    pub bytes: Vec<u8>,
    /// Samples of each channel, once it is closed.
    pub samples: Option<u64>,
}

impl Recorded {
    fn new(path: String) -> Recorded {
        Recorded { path, bytes: Vec::new(), samples: None }
    }

    /// Silence up to that sample, if there is less.
    fn silence(&mut self, samples: u64) {
        let bytes = samples as usize * RecordFormat::Alaw.frame_bytes();
        self.bytes.resize(bytes.max(self.bytes.len()), RecordFormat::Alaw.silence());
    }

    fn take(&mut self, part: Part<'_>) {
        match part {
            Part::Piece { position, samples, .. } => {
                self.silence(position);
                self.bytes.extend(samples.to_vec());
            }
            Part::End { samples, .. } => {
                self.silence(samples);
                self.samples = Some(samples);
            }
        }
    }
}

/// Belfry and what is around it.
pub struct World {
    now: Time,
    /// The appliance.
    pub switch: Switch,
    plane: Plane,
    handshakes: Handshakes,
    /// Datagrams for them.
    shaken: Vec<(LegId, Vec<u8>)>,
    /// Zero of the virtual clock.
    began: Instant,
    network: Network,
    phones: Vec<Phone>,
    /// Gateways' other sides.
    pub gateways: Vec<Gateway>,
    /// Recorders outside, by their address.
    pub recorders: BTreeMap<IpAddr, Recorder>,
    wakes: BinaryHeap<Reverse<(Time, usize)>>,
    doors: HashMap<SocketAddr, Door>,
    ports: HashMap<SocketAddr, (PortIndex, Kind)>,
    own: Vec<SocketAddr>,
    /// Where it takes SIP.
    sip: Vec<SocketAddr>,
    networks: Networks,
    clips: HashMap<String, Arc<Clip>>,
    /// Stands for every prompt that has no clip of its own.
    prompt: Arc<Clip>,
    running: BTreeMap<RecordingId, Recorded>,
    /// Finished recordings by path.
    pub recordings: BTreeMap<String, Recorded>,
    /// Everything that happened.
    pub facts: Vec<Fact>,
    /// What the DNS knows.
    pub zone: BTreeMap<Question, Answer>,
    answers: Vec<(Question, Answer)>,
    /// What plans ask of programs and the store: answered by whoever tests, with [`Input::Told`].
    pub lookups: Vec<(LookupId, Lookup)>,
    /// Sheets that were sent, for whoever takes them in the test.
    pub sheets: Vec<SheetOut>,
    reply: Option<Reply>,
    /// What is written down reaches the disk at once; else never.
    pub disk_is_well: bool,
    /// Ports that are opened wait until [`World::open_ports`].
    pub ports_are_slow: bool,
    slow_ports: Vec<Event>,
    trace: u64,
    /// What Belfry has sent, from where and to whom as its receiver sees it, while it is kept.
    pub sent: Option<Vec<(SocketAddr, SocketAddr, Message)>>,
    /// Warnings and errors of the log.
    pub warnings: Vec<String>,
    /// What was shown of calls that an operator watches.
    pub traced: Vec<String>,
}

/// Which phone an address belongs to, and which of its doors it is.
#[derive(Clone, Copy)]
struct Door {
    phone: usize,
    rtp: bool,
}

/// How many RTP workers the switch believes in; here one plane does the work of all.
fn workers(config: &Config) -> usize {
    match config.media.workers {
        Workers::Auto => 1,
        Workers::Count(n) => usize::from(n),
    }
}

/// Where it listens for SIP over UDP.
fn udp_listeners(config: &Config) -> Vec<SocketAddr> {
    let udp = |(at, shown): (SipAddress, IpAddr)| {
        (at.transport == config::Transport::Udp).then_some(SocketAddr::new(shown, at.addr.port()))
    };
    config.listeners().into_iter().filter_map(udp).collect()
}

/// A switch that listens for `sip`, in the time of China, without a past.
fn setup(
    config: Config,
    plan: Arc<Plan>,
    sip: &[SocketAddr],
    (seed, rng): (u64, Rng),
    fingerprint: Fingerprint,
) -> crate::switch::Setup {
    crate::switch::Setup {
        plan,
        listening: sip.iter().map(|at| (Transport::Udp, *at)).collect(),
        workers: workers(&config),
        config,
        last_fact: 0,
        zone: jiff::tz::TimeZone::fixed(jiff::tz::offset(8)),
        rng,
        keys: KeySource::from_seed(core::array::from_fn(|n| seed.rotate_left(n as u32) as u8)),
        fingerprint: Some(fingerprint),
    }
}

/// A plane with `pairs` RTP ports at each address: what each is to it, and those of RTP in order.
fn plane(
    addresses: &[IpAddr],
    pairs: u16,
    rng: Rng,
) -> (Plane, HashMap<SocketAddr, (PortIndex, Kind)>, Vec<SocketAddr>) {
    // As the daemon sets it.
    let config = PlaneConfig { rtp_lost_after: Duration::from_secs(1), ..PlaneConfig::default() };
    let mut plane = Plane::new(config, rng);
    let (mut ports, mut own) = (HashMap::new(), Vec::new());
    let pairs = addresses.iter().flat_map(|ip| (0..pairs).map(|pair| (*ip, pair)));
    for (index, (ip, pair)) in pairs.enumerate() {
        let rtp = SocketAddr::new(ip, FIRST_PORT + 2 * pair);
        let port = PortIndex(index as u32);
        plane.add_port(port, rtp);
        ports.insert(rtp, (port, Kind::Rtp));
        ports.insert(SocketAddr::new(ip, rtp.port() + 1), (port, Kind::Rtcp));
        own.push(rtp);
    }
    (plane, ports, own)
}

impl World {
    /// An appliance with `port_pairs` RTP ports, over a network with `faults`.
    pub fn new(
        config: Config,
        plan: Arc<Plan>,
        port_pairs: u16,
        faults: Faults,
        seed: u64,
    ) -> World {
        let mut rng = Rng::from_seed(seed);
        let sip = udp_listeners(&config);
        let (networks, addresses) = (config.networks(), config.media_addresses());
        let identity = Identity::generate().expect("a certificate can be made");
        let fingerprint = identity.fingerprint().clone();
        let setup = setup(config, plan, &sip, (seed, rng.split()), fingerprint);
        let now = Now { at: Time::ZERO, wall: Wall(BEGIN) };
        let (plane, ports, own) = plane(&addresses, port_pairs, rng.split());
        World {
            now: Time::ZERO,
            switch: Switch::new(setup, now),
            plane,
            handshakes: Handshakes::new(identity),
            shaken: Vec::new(),
            began: Instant::now(),
            network: Network::new(faults, rng.split()),
            phones: Vec::new(),
            gateways: Vec::new(),
            recorders: BTreeMap::new(),
            wakes: BinaryHeap::new(),
            doors: HashMap::new(),
            ports,
            own,
            sip,
            networks,
            clips: HashMap::new(),
            prompt: Arc::new(Clip::new(vec![0i16; 800])),
            running: BTreeMap::new(),
            recordings: BTreeMap::new(),
            facts: Vec::new(),
            zone: BTreeMap::new(),
            answers: Vec::new(),
            lookups: Vec::new(),
            sheets: Vec::new(),
            reply: None,
            disk_is_well: true,
            ports_are_slow: false,
            slow_ports: Vec::new(),
            sent: None,
            trace: 0xcbf2_9ce4_8422_2325,
            warnings: Vec::new(),
            traced: Vec::new(),
        }
    }

    /// The virtual clock.
    pub fn now(&self) -> Time {
        self.now
    }
    /// The trace so far.
    pub fn trace(&self) -> u64 {
        self.trace
    }
    /// Gives a prompt its sound.
    pub fn clip(&mut self, name: &str, samples: Vec<i16>) {
        self.clips.insert(name.into(), Arc::new(Clip::new(samples)));
    }

    /// Adds a phone; its addresses must be its own.
    pub fn add(&mut self, setup: Setup, rng: Rng) -> usize {
        let index = self.phones.len();
        self.doors.insert(setup.sip, Door { phone: index, rtp: false });
        self.doors.insert(setup.rtp, Door { phone: index, rtp: true });
        self.phones.push(Phone::new(setup, rng));
        index
    }
    /// Addresses for the `n`-th phone: SIP and RTP.
    pub fn addresses(n: u16) -> (SocketAddr, SocketAddr) {
        let ip = IpAddr::V4(Ipv4Addr::new(10, 1, (n >> 8) as u8, n as u8));
        (SocketAddr::new(ip, 5060), SocketAddr::new(ip, 4000))
    }
    /// A phone.
    pub fn phone(&self, index: usize) -> &Phone {
        &self.phones[index]
    }
    /// Does something with a phone, now.
    pub fn with<R>(&mut self, index: usize, act: impl FnOnce(&mut Phone, Time) -> R) -> R {
        let done = act(&mut self.phones[index], self.now);
        self.touched(index);
        done
    }
    /// A phone's RTP goes through another address from now on (its NAT re-mapped it).
    pub fn remap(&mut self, index: usize, rtp: SocketAddr) {
        self.doors.remove(&self.phones[index].setup().rtp);
        self.doors.insert(rtp, Door { phone: index, rtp: true });
        self.phones[index].moved(rtp);
    }
    /// Somebody else sends a datagram to Belfry.
    pub fn stranger(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.network.send(self.now, from, to, bytes);
    }
    /// Whether no leg and no port is in use in the media plane.
    pub fn plane_is_empty(&self) -> bool {
        let counts = self.plane.counts();
        counts.legs == 0 && counts.recordings == 0 && counts.ports == 0 && counts.rooms == 0
    }
    /// Belfry's address that a phone sends its RTP to.
    pub fn rtp_of(&self, index: usize) -> Option<SocketAddr> {
        self.phones[index].far_rtp()
    }

    /// Runs for `span`, or until nothing is left to happen.
    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }
    /// Runs until `done`, at most `patience`; says whether it came to be.
    pub fn until(&mut self, patience: Duration, mut done: impl FnMut(&mut World) -> bool) -> bool {
        let end = self.now + patience;
        while !done(self) {
            let Some(next) = self.next().filter(|next| *next <= end) else {
                self.now = end;
                return done(self);
            };
            self.now = self.now.max(next);
            self.step();
        }
        true
    }

    fn next(&mut self) -> Option<Time> {
        while let Some(Reverse((at, phone))) = self.wakes.peek().copied() {
            if self.phones[phone].next_wake() == at {
                break;
            }
            self.wakes.pop();
        }
        let phone = self.wakes.peek().map(|Reverse((at, _))| *at);
        let since = |at: Instant| Time::ZERO + at.saturating_duration_since(self.began);
        let handshake = self.handshakes.next_wake().map(since);
        let gateway = self.gateways.iter().map(Gateway::next_wake).min();
        let gateway = gateway.filter(|at| *at != Time::NEVER);
        let own = [self.switch.next_wake(), Some(self.plane.next_tick()), handshake, gateway];
        [self.network.next_arrival(), phone].into_iter().chain(own).flatten().min()
    }

    fn step(&mut self) {
        while let Some(datagram) = self.network.arrival(self.now) {
            self.deliver(datagram.from, datagram.to, datagram.bytes);
        }
        while let Some(Reverse((at, phone))) =
            self.wakes.peek().copied().filter(|Reverse((at, _))| *at <= self.now)
        {
            self.wakes.pop();
            if self.phones[phone].next_wake() == at {
                let now = self.now;
                self.phones[phone].wake(now);
                self.touched(phone);
            }
        }
        for index in 0..self.gateways.len() {
            if self.gateways[index].next_wake() <= self.now {
                self.gateways[index].wake(self.now);
                self.gateway_says(index);
            }
        }
        if self.plane.next_tick() <= self.now {
            let mut out = Out {
                network: &mut self.network,
                now: self.now,
                own: &self.own,
                networks: &self.networks,
                running: &mut self.running,
                shaken: &mut self.shaken,
                trace: &mut self.trace,
            };
            self.plane.tick(self.now, &mut out);
            self.media_events();
        }
        if self.switch.next_wake().is_some_and(|at| at <= self.now) {
            self.input(Input::Wake);
        }
        self.handshakes.wake(self.began + self.now.since(Time::ZERO));
        self.shake();
    }

    /// What handshakes call for, as the engine's thread and the workers do it.
    fn shake(&mut self) {
        let instant = self.began + self.now.since(Time::ZERO);
        for (leg, datagram) in std::mem::take(&mut self.shaken) {
            self.handshakes.datagram(instant, leg, &datagram);
        }
        while let Some(outcome) = self.handshakes.poll() {
            match outcome {
                Outcome::Send(leg, bytes) => {
                    let mut out = Out {
                        network: &mut self.network,
                        now: self.now,
                        own: &self.own,
                        networks: &self.networks,
                        running: &mut self.running,
                        shaken: &mut self.shaken,
                        trace: &mut self.trace,
                    };
                    self.plane.handshake(leg, &bytes, &mut out);
                }
                Outcome::Keys(leg, terms, keys) => {
                    self.plane.keyed(self.now, leg, &terms, keys);
                }
                Outcome::Failed(leg, why) => {
                    self.input(Input::Media(Event::HandshakeFailed { leg, why }));
                }
            }
        }
    }

    /// A leg's handshake begins or ends, as the engine sees to it.
    fn arrange_handshake(&mut self, command: &Command<String>) {
        let instant = self.began + self.now.since(Time::ZERO);
        match command {
            Command::Set { leg, params } => match &params.carriage.dtls {
                Some(terms) => {
                    let checked = params.carriage.ice.is_some();
                    self.handshakes.agree(instant, *leg, terms.clone(), checked);
                }
                None => self.handshakes.forget(*leg),
            },
            Command::Close { leg } => self.handshakes.forget(*leg),
            _ => {}
        }
    }

    /// Where a datagram ends after the NAT. `None`: a peer outside has sent to an address that only the
    /// inside knows.
    fn translated(&self, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        let Some(network) = self.networks.of(from.ip()) else { return Some(to) };
        match to.ip() {
            ip if ip == network.public => Some(SocketAddr::new(network.address, to.port())),
            ip if ip == network.address => None,
            _ => Some(to),
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, mut bytes: Vec<u8>) {
        let Some(to) = self.translated(from, to) else { return };
        if self.sip.contains(&to) {
            let flow = Flow { transport: Transport::Udp, local: to, remote: from };
            return self.input(match Message::parse(&bytes) {
                Ok(message) => Input::Sip(flow, message),
                Err(error) => Input::BadSip(flow, error),
            });
        }
        if let Some((port, kind)) = self.ports.get(&to).copied() {
            let len = bytes.len();
            bytes.resize(len + MOST_TAIL, 0);
            let mut out = Out {
                network: &mut self.network,
                now: self.now,
                own: &self.own,
                networks: &self.networks,
                running: &mut self.running,
                shaken: &mut self.shaken,
                trace: &mut self.trace,
            };
            if let Disposition::Forward { port, to, len } =
                self.plane.receive(self.now, port, kind, from, &mut bytes, len, &mut out)
            {
                out.send(port, kind, to, &bytes[..len]);
            }
            self.shake();
            return self.media_events();
        }
        if let Some(index) = self.gateways.iter().position(|gateway| gateway.at() == to) {
            self.gateways[index].receive(self.now, from, &bytes);
            return self.gateway_says(index);
        }
        if let Some(recorder) = self.recorders.get_mut(&to.ip()) {
            match to == recorder.sip {
                true => recorder.sip(from, &bytes),
                false => recorder.rtp(self.now, to.port(), &bytes),
            }
            while let Some((far, bytes)) = recorder.poll() {
                self.network.send(self.now, to, far, &bytes);
            }
            return;
        }
        let Some(door) = self.doors.get(&to).copied() else { return };
        let phone = &mut self.phones[door.phone];
        match door.rtp {
            true => phone.rtp(self.now, from, &bytes),
            false => phone.sip(self.now, from, &bytes),
        }
        self.touched(door.phone);
    }

    fn gateway_says(&mut self, index: usize) {
        let gateway = &mut self.gateways[index];
        while let Some((to, bytes)) = gateway.poll() {
            self.network.send(self.now, gateway.at(), to, &bytes);
        }
    }

    /// Sends what a phone has to send and notes when it wants to be woken.
    fn touched(&mut self, index: usize) {
        let phone = &mut self.phones[index];
        let (sip, rtp) = (phone.setup().sip, phone.setup().rtp);
        while let Some(sent) = phone.poll() {
            let (from, to, bytes) = match sent {
                Sent::Sip(to, bytes) => (sip, to, bytes),
                Sent::Rtp(to, bytes) => (rtp, to, bytes),
            };
            self.network.send(self.now, from, to, &bytes);
        }
        let wake = phone.next_wake();
        if wake != Time::NEVER {
            self.wakes.push(Reverse((wake, index)));
        }
    }

    fn wall(&self) -> Now {
        Now { at: self.now, wall: Wall(BEGIN + self.now.as_millis() as i64) }
    }

    /// Tells the switch something and carries out what follows.
    pub fn input(&mut self, input: Input) {
        self.switch.handle(self.wall(), input);
        let mut durable = Vec::new();
        while let Some(output) = self.switch.poll_output() {
            self.carry_out(output, &mut durable);
        }
        for (question, answer) in core::mem::take(&mut self.answers) {
            self.input(Input::Dns(question, answer));
        }
        if self.disk_is_well {
            durable.into_iter().for_each(|seq| self.input(Input::Durable(seq)));
        }
        self.media_events();
    }

    /// An operator asks, now.
    pub fn ask(&mut self, request: Request) -> Option<Reply> {
        self.reply = None;
        self.input(Input::Console(RequestId(1), request));
        self.reply.take()
    }

    /// The answer to the last question that was not answered at once.
    pub fn late_reply(&mut self) -> Option<Reply> {
        self.reply.take()
    }

    /// The ports that were waited for are there, in their order.
    pub fn open_ports(&mut self) {
        self.ports_are_slow = false;
        for event in core::mem::take(&mut self.slow_ports) {
            self.input(Input::Media(event));
        }
    }

    /// Carries out one output; the numbers of facts that somebody waits for go to `durable`.
    fn carry_out(&mut self, output: Output, durable: &mut Vec<u64>) {
        match output {
            Output::Sip(flow, message) => {
                self.trace = hash(self.trace, message.bytes());
                let from = outside(&self.networks, flow.local, flow.remote);
                self.network.send(self.now, from, flow.remote, message.bytes());
                self.sent.iter_mut().for_each(|all| all.push((from, flow.remote, message.clone())));
            }
            Output::Media(command) => {
                self.arrange_handshake(&command);
                let command = self.resolved(command);
                self.plane.command(self.now, command);
            }
            Output::Disk(DiskCommand::Open { recording, path, .. }) => {
                self.running.insert(recording, Recorded::new(path));
            }
            Output::Dns(question) => {
                let answer = self.zone.get(&question).cloned();
                let answer = answer
                    .unwrap_or(Answer::Records { records: vec![], ttl: Duration::from_secs(30) });
                self.answers.push((question, answer));
            }
            Output::Lookup(id, lookup) => self.lookups.push((id, *lookup)),
            Output::Sheet(sheet) => self.sheets.push(*sheet),
            // Nothing here is told apart by certificates, nor traced.
            Output::Names(_)
            | Output::Located { .. }
            | Output::Dialog { .. }
            | Output::Recorded { .. }
            | Output::Tracing(_)
            | Output::Forgotten(_) => {}
            Output::Traced(_, line) => self.traced.push(line),
            Output::Fact(fact) => {
                self.trace = hash(self.trace, fact.kind.name().as_bytes());
                if fact.kind.awaits_disk() {
                    durable.push(fact.seq);
                }
                self.facts.push(fact);
            }
            // Nothing grows old here.
            Output::Disk(DiskCommand::Keep(_) | DiskCommand::TrustClock | DiskCommand::Pack(_)) => {
            }
            Output::Log(Level::Error | Level::Warning, line) => self.warnings.push(line),
            Output::Log(..) | Output::Gate(_) => {}
            Output::Reply(_, reply) => self.reply = Some(reply),
        }
    }

    fn media_events(&mut self) {
        while let Some(event) = self.plane.poll_event() {
            if let Event::RecordStopped { recording, .. } = event {
                self.close(recording);
            }
            match event {
                Event::Opened { .. } if self.ports_are_slow => self.slow_ports.push(event),
                event => self.input(Input::Media(event)),
            }
        }
    }

    fn close(&mut self, recording: RecordingId) {
        let Some(recorded) = self.running.remove(&recording) else { return };
        let samples = recorded.samples.unwrap_or(0);
        self.recordings.insert(recorded.path.clone(), recorded);
        self.input(Input::Disk(DiskEvent::Closed { recording, samples, fault: None }));
    }

    fn resolved(&self, command: Command<String>) -> Command<Arc<Clip>> {
        let clip = |name: String| {
            Ok::<_, std::convert::Infallible>(self.clips.get(&name).unwrap_or(&self.prompt).clone())
        };
        match command.map_clips(clip) {
            Ok(command) => command,
            Err(never) => match never {},
        }
    }
}

/// Where the plane's packets and recordings go.
struct Out<'a> {
    network: &'a mut Network,
    now: Time,
    own: &'a [SocketAddr],
    networks: &'a Networks,
    running: &'a mut BTreeMap<RecordingId, Recorded>,
    shaken: &'a mut Vec<(LegId, Vec<u8>)>,
    trace: &'a mut u64,
}

impl Transmit for Out<'_> {
    fn send(&mut self, port: PortIndex, kind: Kind, to: SocketAddr, bytes: &[u8]) {
        let mut from = self.own[port.0 as usize];
        if kind == Kind::Rtcp {
            from.set_port(from.port() + 1);
        }
        *self.trace = hash(*self.trace, &bytes[..bytes.len().min(16)]);
        let from = outside(self.networks, from, to);
        self.network.send(self.now, from, to, bytes);
    }
    fn handshake(&mut self, leg: LegId, datagram: &[u8]) {
        self.shaken.push((leg, datagram.to_vec()));
    }
    fn record(&mut self, part: Part<'_>) {
        let (Part::Piece { recording, .. } | Part::End { recording, .. }) = part;
        if let Some(recorded) = self.running.get_mut(&recording) {
            recorded.take(part);
        }
    }
}

/// The address that a datagram of ours comes from, as its receiver sees it.
fn outside(networks: &Networks, own: SocketAddr, to: SocketAddr) -> SocketAddr {
    SocketAddr::new(networks.shown(own.ip(), to.ip()), own.port())
}

/// FNV-1a.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3))
}
