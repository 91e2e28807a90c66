//! `belfry serve`, and the appliance as the demo starts it: what begins after what, and ends before
//! what.
//!
//! ```text
//! start: files ─▶ store ─▶ RTP workers ─▶ SIP sockets ─▶ switch ─▶ console ─▶ ready
//! stop:  no new calls ─▶ calls end ─▶ console, switch ─▶ SIP ─▶ workers, recordings ─▶ store
//! ```

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tokio::runtime::Runtime;

use super::alarms::Alarms;
use super::certificates::InForce;
use super::cli::{Serve, fail};
use super::clock::Clock;
use super::dns::Dns;
use super::exchange::{self, Hands, Inputs};
use super::fallback::{self, Instead};
pub(super) use super::files::Source;
use super::files::{self, Fault, Loaded, lines};
use super::known_names::{self, KnownNames};
use super::live::{Live, Zone};
use super::lookups::Lookups;
use super::metrics::Tally;
use super::orders::{Figures, Operator, Pending};
use super::restoring::{restore, seal_the_rest};
use super::sample::Place;
use super::sheets::Sheets;
use super::watch::Watch;
use super::{check, copies, first, homes, log, notify, recording_keys};
use crate::base::Rng;
use crate::config::{Backend, Config, SipAddress, Workers};
use crate::console::server::{Operators, Server};
use crate::dialplan::Plan;
use crate::engine::disk::keys::Keys;
use crate::engine::disk::seal::Sealer;
use crate::engine::{self, Choice, Clips, Engine, EngineConfig};
use crate::net::dns::Resolver;
use crate::net::mail::Post;
use crate::net::tls::Tls;
use crate::net::{Inbound, Listen, Sip, Streams};
use crate::sip::Transport;
use crate::store::{Awaited, Records, Settings, Store, Trouble};
use crate::switch::fact::Fact;
use crate::switch::{DiskEvent, Input, Request, Setup, Switch, sip_transport};
use crate::trace::{self, Trace};
use crate::wire::srtp::KeySource;

/// How long calls in being may go on after the stop was asked for.
const CALLS_MAY_END: Duration = Duration::from_secs(3);
/// How long a database that takes facts may take to have the last ones.
const STORE_MAY_DRAIN: Duration = Duration::from_secs(10);
/// How long one that is away is waited for; its facts are safe in the journal.
const DATABASE_MAY_BE_AWAY: Duration = Duration::from_secs(2);
/// How long the store's thread may take to leave the database.
const STORE_MAY_CLOSE: Duration = Duration::from_millis(500);
/// How often it is noted that Belfry lives, for the figures of what is up when it does not any more.
const ALIVE: Duration = Duration::from_secs(1);
/// How often the store's reports and room for facts are looked at.
pub(super) const STORE_LOOK: Duration = Duration::from_millis(200);

/// The exit code when the files are at fault (sysexits.h, EX_CONFIG): the unit does not start Belfry again
/// and again then.
const WRONG_FILES: u8 = 78;

/// How often the files of certificates are looked at.
const CERTIFICATES_LOOK: Duration = Duration::from_secs(60);

/// How often the absence of a leg's RTP is told to the switch, which compares it with `[media]
/// rtp_timeout`: a reload may change that.
const RTP_LOOK: Duration = Duration::from_secs(1);

/// Who is told what happens: consoles that look, and programs.
type Events = tokio::sync::broadcast::Sender<Arc<str>>;
type Told = tokio::sync::mpsc::Sender<(Fact, Awaited)>;

/// A running appliance.
pub(super) struct Appliance {
    listening: Vec<(Transport, SocketAddr)>,
    operator: Arc<Operator>,
    inputs: Inputs,
    switch: JoinHandle<Hands>,
    console: Server,
    doors: super::api::Doors,
    store: Store,
    watch: Watch,
    database: PathBuf,
    runtime: Runtime,
}

impl Appliance {
    /// Starts everything, or nothing; the error has one cause a line.
    pub(super) fn start(source: Source) -> Result<Appliance, String> {
        let loaded = files::load(&source).map_err(|faults| lines(&faults))?;
        Appliance::begin(source, loaded, None)
    }

    /// `instead`: why it begins with copies of files.
    fn begin(
        source: Source,
        loaded: Loaded,
        instead: Option<Instead>,
    ) -> Result<Appliance, String> {
        let (without, from_copies) = (loaded.without_sounds(), instead.is_some());
        let losses = tell_faults(&loaded, without.clone(), instead);
        let Loaded { config, plan, zone, sounds, tls: material, mail, written, noted, .. } = loaded;
        let clock = Clock::start();
        let runtime = start_runtime()?;
        let post = Post::new(runtime.handle().clone());
        post.renew(mail);
        let store = open_store(&config)?;
        let (inputs, queue) = Inputs::new();
        let keys = recording_keys::at_start(&config);
        let engine = start_engine(&config, prompts(&sounds, without), &inputs, keys.clone())?;
        let tls = Tls::default();
        let web = tls.clone();
        tls.renew(&material).map_err(|e| format!("TLS: {e}"))?;
        let sip = start_sip(&config, &runtime, &inputs, tls.clone())?;
        let listening = sip.listening().to_vec();
        let told_in = Zone::new(zone.clone());
        let setup = setup(&config, (plan, zone), &sip, &engine, &store)?;
        let (events, _) = tokio::sync::broadcast::channel(4_096);
        let pending = Pending::default();
        let (trace, sealer) = (start_trace(&config), engine.sealer());
        let told = super::api::told(&config);
        let alarms = Alarms::new(clock, &config, store.run());
        match losses.first() {
            Some(first) if from_copies => alarms.refused(losses.len(), &first.to_string()),
            _ => alarms.files(&losses),
        }
        let figures = figures((&sip, &engine, &store, trace.as_ref()), told_in, alarms);
        let senders = (events.clone(), told.as_ref().map(|(sender, _)| sender.clone()));
        let own = (sip, engine, trace);
        let around = (&config, &runtime, &inputs, &post);
        let hands = hands(around, own, &figures, &pending, senders)?;
        inputs.tell(Input::Names(known_names::read(&config.node.data_dir)));
        let switch = exchange::start(Switch::new(setup, clock.now()), hands, queue, clock)
            .map_err(|e| format!("switch: {e}"))?;
        let operator = Arc::new(Operator::new(
            source,
            config.clone(),
            inputs.clone(),
            pending,
            events,
            figures,
            (InForce::new(tls, written), post, keys),
        ));
        tend(&runtime, &operator, &store, sealer);
        let watch = Watch::start(&store, inputs.clone());
        let console = start_console(&config, &runtime, operator.clone())?;
        let told = told.map(|(_, receiver)| receiver);
        let doors = super::api::start(&config, &runtime, operator.clone(), web, (told, &store))?;
        noted.iter().for_each(|noted| keep(&config, noted));
        let database = config.database();
        #[rustfmt::skip]
        let appliance = Appliance {
            listening, operator, inputs, switch, console, doors, store, watch, database, runtime,
        };
        Ok(appliance)
    }

    /// Its first SIP address over UDP.
    pub(super) fn sip(&self) -> SocketAddr {
        let udp = self.listening.iter().find(|(transport, _)| *transport == Transport::Udp);
        udp.or(self.listening.first())
            .map_or_else(|| SocketAddr::from(([127, 0, 0, 1], 5060)), |(_, at)| *at)
    }

    /// The ids of the calls in being.
    pub(super) fn calls(&self) -> Vec<crate::base::CallId> {
        match self.operator.ask(Request::Calls) {
            Some(crate::switch::Reply::Calls(rows)) => rows.into_iter().map(|row| row.id).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a call is up, or a recording is not whole on the disk yet.
    fn is_busy(&self) -> bool {
        match self.operator.ask(Request::Status) {
            Some(crate::switch::Reply::Status(status)) => status.calls + status.recordings > 0,
            _ => false,
        }
    }

    /// Ends everything in order, for `why`; `last` may look at what was written before the store
    /// closes.
    pub(super) fn stop<R>(self, why: &str, last: impl FnOnce(&Runtime, &Path) -> R) -> R {
        self.inputs.tell(Input::Drain);
        let until = Instant::now() + CALLS_MAY_END;
        while !self.calls().is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.inputs.tell(Input::EndCalls);
        while self.is_busy() && Instant::now() < until + CALLS_MAY_END {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.inputs.tell(Input::Stopped { why: why.into() });
        drop(self.console);
        self.runtime.block_on(self.doors.close());
        self.watch.stop();
        self.inputs.stop();
        if let Ok(hands) = self.switch.join() {
            let Hands { sip, engine, trace, .. } = hands;
            drop(sip);
            drop(trace);
            engine.stop();
        }
        if !drained(&self.store) {
            tracing::warn!("the database has not taken all facts; they wait in the journal");
        }
        let result = last(&self.runtime, &self.database);
        self.store.close_within(STORE_MAY_CLOSE);
        self.runtime.shutdown_timeout(Duration::from_secs(1));
        result
    }
}

/// Keeps copies of what is in force now. Calls do not hang on it.
pub(super) fn keep(config: &Config, noted: &copies::Noted) {
    if let Err(why) = copies::keep(&config.node.data_dir, noted) {
        tracing::warn!(
            "the files in force could not be copied: {why}; a start that finds faulty files would not have them"
        );
    }
}

/// Says what is wrong in files that hold, or why they are copies: all of it goes to the log, and what does not work is
/// given back.
fn tell_faults(loaded: &Loaded, without: Option<Fault>, instead: Option<Instead>) -> Vec<Fault> {
    for warning in loaded.warnings.iter().filter(|warning| !warning.error) {
        tracing::warn!("{warning}");
    }
    let losses = check::losses(loaded);
    for loss in &losses {
        tracing::error!("{loss}; the rest is in force");
    }
    let mut all = Vec::new();
    if let Some(instead) = instead {
        instead.tell(loaded);
        all.extend(instead.faults.into_iter().filter(|fault| fault.error));
    }
    all.extend(losses);
    all.extend(without);
    // Of its own line in the log.
    all.extend(check::without_key(&loaded.config, &loaded.name));
    all
}

/// What operators ask beside the switch.
fn figures(
    (sip, engine, store, trace): (&Sip, &Engine, &Store, Option<&Trace>),
    zone: Zone,
    alarms: Arc<Alarms>,
) -> Figures {
    Figures {
        workers: engine.figures(),
        sip: sip.figures(),
        trace: trace.map(Trace::reader),
        journal: store.journal(),
        tally: Arc::new(Tally::new()),
        traced: tokio::sync::broadcast::channel(4_096).0,
        zone,
        alarms,
    }
}

/// What the switch's thread works with.
fn hands(
    (config, runtime, inputs, post): (&Config, &Runtime, &Inputs, &Post),
    (sip, engine, trace): (Sip, Engine, Option<Trace>),
    figures: &Figures,
    pending: &Pending,
    (events, told): (Events, Option<Told>),
) -> Result<Hands, String> {
    Ok(Hands {
        sip,
        dns: start_dns(config, runtime, inputs),
        lookups: Lookups::new(runtime.handle().clone(), inputs.clone(), config.database()),
        sheets: Sheets::new(runtime.handle().clone(), inputs.clone(), post.clone()),
        names: KnownNames::start(&config.node.data_dir, runtime.handle()),
        trace,
        engine,
        journal: figures.journal.clone(),
        pending: pending.clone(),
        events,
        told,
        spans: super::api::spans(config, runtime)?,
        awaited: Default::default(),
        tally: figures.tally.clone(),
        alarms: figures.alarms.clone(),
        live: Live::new(figures.traced.clone(), figures.zone.clone()),
    })
}

/// With what the switch begins.
fn setup(
    config: &Config,
    (plan, zone): (Arc<Plan>, TimeZone),
    sip: &Sip,
    engine: &Engine,
    store: &Store,
) -> Result<Setup, String> {
    Ok(Setup {
        config: config.clone(),
        plan,
        listening: sip.listening().to_vec(),
        workers: engine.workers(),
        last_fact: store.next_seq() - 1,
        zone,
        rng: Rng::from_entropy(entropy()?),
        keys: KeySource::from_seed(entropy()?),
        fingerprint: engine.fingerprint(),
    })
}

pub(super) fn start_runtime() -> Result<Runtime, String> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().map_err(|e| format!("tokio: {e}"))
}

/// What goes on beside calls: certificates, alarms, what the records know of before, checksums.
fn tend(runtime: &Runtime, operator: &Arc<Operator>, store: &Store, sealer: Sealer) {
    let database = operator.config().database();
    runtime.spawn(renew_certificates(operator.clone()));
    runtime.spawn(super::alarms::run(operator.clone()));
    runtime.spawn(super::keeping::run(operator.clone(), store.journal()));
    runtime.spawn(super::report::kept::run(operator.clone(), store.journal()));
    let alarms = operator.figures.alarms.clone();
    let copy = homes::path(&operator.config().node.data_dir);
    let inputs = operator.inputs().clone();
    let day = super::day::tell(store.journal(), database.clone(), store.next_seq(), inputs.clone());
    runtime.spawn(day);
    runtime.spawn(restore(store.journal(), (database.clone(), copy), inputs, alarms));
    runtime.spawn(seal_the_rest(store.journal(), database, sealer));
}

/// The prompts; `without`: why there are none. Calls go on without those that cannot be played.
fn prompts(sounds: &Place, without: Option<Fault>) -> Clips {
    if let Some(fault) = without {
        tracing::error!("{fault}");
        return Clips::default();
    }
    let (clips, faults) = sounds.clips();
    for fault in faults {
        let path = fault.path.display();
        tracing::error!("{path}: {}: this prompt cannot be played", fault.why);
    }
    clips
}

fn start_console(
    config: &Config,
    runtime: &Runtime,
    operator: Arc<Operator>,
) -> Result<Server, String> {
    let _runtime = runtime.enter();
    let socket = &config.console.socket;
    let operators = match config.console.group.as_ref().map(|name| first::group(name.as_str())) {
        None => Operators::Own,
        Some(Ok(gid)) => Operators::Group(gid),
        // Calls do not hang on it.
        Some(Err(why)) => {
            let socket = socket.display();
            tracing::error!(
                "{why}; and then: belfry console -e reload. Until then the console ({socket}) is for Belfry's user and root alone"
            );
            Operators::Nobody
        }
    };
    Server::start(socket, operators, operator)
        .map_err(|e| format!("console: {}: {e}; correct [console] socket", socket.display()))
}

/// The trace; without it calls go on all the same.
fn start_trace(config: &Config) -> Option<Trace> {
    let dir = config.node.data_dir.join("trace");
    let settings = trace::Settings {
        dir: dir.clone(),
        keep: config.trace.keep,
        max_bytes: config.trace.max_size.0,
        hep: config.trace.hep.map(|to| (to.0, config.trace.hep_node)),
    };
    let started = config.trace.enabled.then(|| Trace::start(settings))?;
    let told = started.map_err(|error| {
        tracing::error!("trace: {}: {error}: SIP messages are not kept", dir.display());
    });
    told.ok()
}

fn start_dns(config: &Config, runtime: &Runtime, inputs: &Inputs) -> Dns {
    let _runtime = runtime.enter();
    let servers: Vec<_> = config.sip.dns_servers.iter().flatten().map(|server| server.0).collect();
    Dns::new(Resolver::new(&servers), runtime.handle().clone(), inputs.clone())
}

/// Waits until the database has every fact; whether it has.
fn drained(store: &Store) -> bool {
    let begun = Instant::now();
    loop {
        if store.drain(STORE_LOOK) {
            return true;
        }
        if gives_up(begun.elapsed(), store.health().database_away) {
            return false;
        }
    }
}

/// Whether a database that was waited for so long is waited for no longer.
fn gives_up(waited: Duration, away: bool) -> bool {
    waited >= if away { DATABASE_MAY_BE_AWAY } else { STORE_MAY_DRAIN }
}

/// `belfry serve`.
pub(super) fn main(args: Serve) -> ExitCode {
    let source = Source::from(&args.file);
    let made = first::certificates(&args.file);
    let loaded = files::load(&source).map(|loaded| fallback::unless_deaf(&source, loaded));
    let loaded = loaded.or_else(|faults| {
        fallback::load(&source, faults).map(|(loaded, instead)| (loaded, Some(instead)))
    });
    let (loaded, instead) = match loaded {
        Ok(loaded) => loaded,
        Err((faults, why)) => {
            let why = why.map_or_else(String::new, |why| format!("{why}\n"));
            fail(&format!("{}{why}", lines(&faults)));
            return ExitCode::from(WRONG_FILES);
        }
    };
    let log = log::to_stderr(&loaded.config, args.log_format, args.log_level.as_deref());
    let _log = match log {
        Ok(log) => log,
        Err(why) => return fail(&format!("there is no thread for the log: {why}")),
    };
    made.iter().for_each(|line| tracing::warn!("{line}"));
    let database = loaded.config.database();
    let appliance = match Appliance::begin(source, loaded, instead) {
        Ok(appliance) => appliance,
        Err(causes) => {
            let code = fail(&causes);
            // Started again it would find the same.
            return check::newer_store(&database).map_or(code, |_| ExitCode::from(WRONG_FILES));
        }
    };
    let shown = |(transport, at): &(Transport, SocketAddr)| {
        format!("{}:{at}", transport.via_name().to_lowercase())
    };
    let listening: Vec<String> = appliance.listening.iter().map(shown).collect();
    listening.iter().for_each(|at| tracing::info!("SIP on {at}"));
    tracing::info!("Belfry {} is ready", env!("CARGO_PKG_VERSION"));
    notify::ready(&format!("SIP on {}", listening.join(", ")));
    let feeding = appliance.runtime.spawn(notify::feed(appliance.operator.clone()));
    let why = appliance.runtime.block_on(stop_signal(&appliance.operator));
    tracing::info!("{why}: stopping");
    notify::stopping(why);
    // An exchange that has ended answers no more, and systemd does not wait for it then.
    feeding.abort();
    appliance.stop(why, |_, _| ());
    ExitCode::SUCCESS
}

/// Waits for the signal to stop; SIGHUP reloads meanwhile, as the console's `reload` does.
async fn stop_signal(operator: &Arc<Operator>) -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::hangup()),
    ) else {
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = term.recv() => return "SIGTERM",
            _ = int.recv() => return "SIGINT",
            _ = hup.recv() => {
                let operator = operator.clone();
                let reload = tokio::task::spawn_blocking(move || operator.hang_up());
                if let Some(why) = or_stop(term.recv(), int.recv(), reload).await {
                    return why;
                }
            }
        }
    }
}

/// Waits for the end of some work; the signal to stop does not: it says which came first.
async fn or_stop<T, I, W>(term: T, int: I, work: W) -> Option<&'static str>
where
    T: Future,
    I: Future,
    W: Future,
{
    tokio::select! {
        _ = term => Some("SIGTERM"),
        _ = int => Some("SIGINT"),
        _ = work => None,
    }
}

fn entropy() -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| format!("the system gives no random numbers: {e}"))?;
    Ok(bytes)
}

fn open_store(config: &Config) -> Result<Store, String> {
    let database = config.database();
    for dir in [Some(config.node.data_dir.as_path()), database.parent()].into_iter().flatten() {
        std::fs::create_dir_all(dir).map_err(|e| {
            format!("{}: {e}; correct [node] data_dir, or make it Belfry's", dir.display())
        })?;
    }
    let settings = Settings {
        max_backlog: config.store.max_backlog.0,
        alive: Some(ALIVE),
        ..Settings::new(config.journal_dir(), database)
    };
    let store = Store::open(settings).map_err(|e| e.to_string())?;
    if let Some(trouble @ Trouble::NewerSchema { .. }) = store.first_look() {
        // An older version must not take calls whose records a newer one keeps otherwise.
        let trouble = trouble.to_string();
        store.close_within(STORE_MAY_CLOSE);
        return Err(trouble);
    }
    if let Some(trouble) = store.first_look() {
        tracing::error!("{trouble}; calls go on, their facts wait in the journal");
    }
    Ok(store)
}

/// Pairs of RTP ports on each address: two legs a call, and some that rest or ring in parallel.
pub(super) fn port_pairs(config: &Config) -> usize {
    (config.max_calls() as usize * 5 / 2).clamp(16, config.media.ports.pairs() as usize)
}

fn start_engine(
    config: &Config,
    clips: Clips,
    inputs: &Inputs,
    keys: Keys,
) -> Result<Engine, String> {
    let (to_switch, disk) = (inputs.clone(), inputs.clone());
    let addresses = config.media_addresses();
    if addresses.is_empty() {
        let missing =
            "[media] address is missing: write the address that phones and gateways reach";
        return Err(missing.into());
    }
    let dtls = engine::dtls::Identity::generate();
    let dtls = dtls.map_err(|e| format!("no certificate for DTLS can be made: {e}"))?;
    let setup = EngineConfig {
        addresses,
        ports: (config.media.ports.first, config.media.ports.last),
        pairs: port_pairs(config),
        workers: match config.media.workers {
            Workers::Auto => None,
            Workers::Count(count) => Some(usize::from(count)),
        },
        backend: match config.media.backend {
            Backend::Auto => Choice::Auto,
            Backend::Steered => Choice::Steered,
            Backend::IoUring => Choice::IoUring,
            Backend::Mio => Choice::Epoll,
        },
        recordings: config.recordings_dir(),
        keys,
        dtls: Some(dtls),
        clips,
        rtp_lost_after: RTP_LOOK,
    };
    let deliver = move |event| match to_switch.offer(Input::Media(event)) {
        Ok(()) => Ok(()),
        Err(Input::Media(event)) => Err(event),
        Err(_) => unreachable!("it is what was offered"),
    };
    let tell = move |event| {
        disk.tell(Input::Disk(disk_event(event)));
    };
    let engine =
        Engine::start(setup, Arc::new(deliver), Arc::new(tell), Rng::from_entropy(entropy()?))
            .map_err(|e| e.to_string())?;
    if engine.taken_ports() > 0 {
        tracing::warn!(
            "{} RTP port pairs belong to other programs and are left out",
            engine.taken_ports()
        );
    }
    tell_mended(&engine, inputs);
    Ok(engine)
}

/// Recordings that a crash had left, made whole now: what the store has to know of them.
fn tell_mended(engine: &Engine, inputs: &Inputs) {
    let mut sealed = Vec::new();
    for repaired in engine.repaired() {
        match &repaired.result {
            Ok(samples) => {
                let (path, seconds) = (&repaired.path, samples / 8_000);
                tracing::warn!("recording {path}: made whole after a crash, {seconds} s");
                let (path, samples) = (path.clone(), *samples);
                sealed.push(path.clone());
                let _ = inputs.offer(Input::Disk(DiskEvent::Mended { path, samples }));
            }
            Err(why) => {
                tracing::error!("recording {}: could not be made whole: {why}", repaired.path)
            }
        }
    }
    // What finds no room gets its checksum at the next start.
    let sealer = engine.sealer();
    let _ = sealed.iter().all(|path| sealer.seal(path));
}

/// The engine's word for the switch: neither floor knows the other.
pub(super) fn disk_event(event: engine::DiskEvent) -> DiskEvent {
    match event {
        engine::DiskEvent::Closed { recording, samples, fault, .. } => {
            DiskEvent::Closed { recording, samples, fault }
        }
        engine::DiskEvent::NotOpened { recording, why } => DiskEvent::NotOpened { recording, why },
        engine::DiskEvent::Failed { recording, why } => DiskEvent::Failed { recording, why },
        engine::DiskEvent::Removed { path } => DiskEvent::Removed { path },
        engine::DiskEvent::Packed { path, packed, bytes } => {
            DiskEvent::Packed { path, packed, bytes }
        }
        engine::DiskEvent::Sealed { path, sha256, bytes } => {
            DiskEvent::Sealed { path, sha256, bytes }
        }
        engine::DiskEvent::NotPacked { path, why } => DiskEvent::NotPacked { path, why },
        engine::DiskEvent::Level { full, used_percent, max_percent } => {
            DiskEvent::Level { full, used_percent, max_percent }
        }
        engine::DiskEvent::NotRemoved { why } => DiskEvent::NotRemoved { why },
    }
}

/// Looks after the files of certificates: each new one is shown within a minute.
async fn renew_certificates(operator: Arc<Operator>) {
    loop {
        tokio::time::sleep(CERTIFICATES_LOOK).await;
        let operator = operator.clone();
        let _ = tokio::task::spawn_blocking(move || operator.renew_certificates()).await;
    }
}

fn start_sip(config: &Config, runtime: &Runtime, inputs: &Inputs, tls: Tls) -> Result<Sip, String> {
    let _runtime = runtime.enter();
    let listen = |(at, shown): (SipAddress, IpAddr)| Listen {
        transport: sip_transport(at.transport),
        address: at.addr,
        shown,
    };
    let listen: Vec<Listen> = config.listeners().into_iter().map(listen).collect();
    let inputs = inputs.clone();
    let deliver = move |inbound| {
        let input = match inbound {
            Inbound::Message(flow, message) => Input::Sip(flow, message),
            Inbound::Bad(flow, error) => Input::BadSip(flow, error),
            Inbound::FlowFailed(flow) => Input::FlowFailed(flow),
            Inbound::Silent(flow) => Input::Silent(flow),
        };
        inputs.offer(input).map_err(|back| match back {
            Input::Sip(flow, message) => Inbound::Message(flow, message),
            Input::BadSip(flow, error) => Inbound::Bad(flow, error),
            Input::FlowFailed(flow) => Inbound::FlowFailed(flow),
            Input::Silent(flow) => Inbound::Silent(flow),
            _ => unreachable!("it is what was offered"),
        })
    };
    let origins = config.sip.web_origins.iter().flatten().map(ToString::to_string);
    let streams = Streams {
        most: config.limits.tcp_connections as usize,
        most_of_source: config.limits.tcp_per_source as usize,
        tls,
        origins: origins.collect(),
    };
    Sip::start(&listen, streams, Arc::new(deliver)).map_err(|e| e.to_string())
}

/// Opens the records for reading.
pub(super) fn records(runtime: &Runtime, database: &Path) -> Result<Records, String> {
    runtime.block_on(Records::open(database)).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reload that hangs must not keep the service from being stopped.
    #[tokio::test]
    async fn a_stop_does_not_wait_for_a_reload() {
        use std::future::{pending, ready};
        assert_eq!(or_stop(ready(()), pending::<()>(), pending::<()>()).await, Some("SIGTERM"));
        assert_eq!(or_stop(pending::<()>(), ready(()), pending::<()>()).await, Some("SIGINT"));
        assert_eq!(or_stop(pending::<()>(), pending::<()>(), ready(())).await, None);
    }

    #[test]
    fn a_database_that_is_away_is_given_two_seconds_and_a_slow_one_ten() {
        let after = |ms: u64, away| gives_up(Duration::from_millis(ms), away);
        assert_eq!([after(1_999, true), after(2_000, true)], [false, true]);
        assert_eq!([after(9_999, false), after(10_000, false)], [false, true]);
    }
}
