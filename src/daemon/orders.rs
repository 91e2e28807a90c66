//! What operators order, carried out: questions go to the switch, files are read here.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use crossbeam_channel::bounded;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::alarms::Alarms;
use super::certificates;
use super::certificates::InForce;
use super::exchange::Inputs;
use super::files::{self, Fault, Loaded, Source, lines};
use super::library::Shelf;
use super::live::Zone;
use super::metrics::{self, Tally};
use super::report::kept;
use super::{
    api, campaigns, check, copies, first, playback, recording_keys, records, serve, subscribers,
};
use crate::api::subscribers::Wanted;
use crate::api::{Problem, Tokens};
use crate::base::CallId;
use crate::config::Config;
use crate::console::commands::Order;
use crate::console::commands::subscriber::SubscriberOrder;
use crate::console::server::{Orders, give};
use crate::console::{Answer, File, render};
use crate::engine::disk::keys::Keys;
use crate::engine::{Clips, WorkerRow};
use crate::net::mail::{Letter, Post};
use crate::store::Journal;
use crate::switch::console::CampaignOrder;
use crate::switch::{Input, Reply, Request, RequestId};
use crate::trace::{self, Reader};
use crate::{engine, net};

/// The longest wait for the switch.
const PATIENCE: Duration = Duration::from_secs(3);

/// The longest wait for the mail server, at the console.
const MAIL_PATIENCE: Duration = Duration::from_secs(10);

/// Questions that wait for the switch's answer.
#[derive(Clone, Default)]
pub(super) struct Pending(Arc<Mutex<HashMap<u64, Then>>>);

/// What becomes of an answer.
type Then = Box<dyn FnOnce(Reply) + Send>;

impl Pending {
    /// The switch has answered.
    pub(super) fn answered(&self, id: RequestId, reply: Reply) {
        let waiting = self.0.lock().expect("no holder panics").remove(&id.0);
        if let Some(then) = waiting {
            then(reply);
        }
    }
}

/// What changes the log's level; set once by `serve`.
type LogHandle = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;
static LOG: OnceLock<LogHandle> = OnceLock::new();

pub(super) fn keep_log_handle(handle: LogHandle) {
    let _ = LOG.set(handle);
}

/// What others count.
pub(super) struct Figures {
    /// The RTP workers.
    pub(super) workers: engine::Figures,
    /// The SIP sockets.
    pub(super) sip: net::Figures,
    /// The messages of calls; none: they are not kept.
    pub(super) trace: Option<Reader>,
    /// Facts on their way to the database.
    pub(super) journal: Journal,
    /// What facts come to.
    pub(super) tally: Arc<Tally>,
    /// Lines about calls that an operator watches.
    pub(super) traced: broadcast::Sender<Arc<str>>,
    /// The zone in which these lines tell the time.
    pub(super) zone: Zone,
    /// The alarms that stand.
    pub(super) alarms: Arc<Alarms>,
}

/// Carries out orders.
pub(super) struct Operator {
    source: Source,
    config: Mutex<Config>,
    inputs: Inputs,
    pending: Pending,
    next: AtomicU64,
    events: broadcast::Sender<Arc<str>>,
    pub(super) figures: Figures,
    certificates: InForce,
    /// The way of letters.
    pub(super) post: Post,
    /// Who may use the API.
    tokens: Tokens,
    /// The records, for the API.
    shelf: Shelf,
    /// With which recordings are read.
    keys: Keys,
    /// Held from reading to telling, so that what was read last is what is in force last.
    changing: Changing,
    began: Instant,
}

/// One order at a time that changes what is in force.
#[derive(Default)]
struct Changing {
    /// With the mark of those that are in force.
    files: Mutex<u64>,
    subscribers: Mutex<()>,
}

impl Operator {
    pub(super) fn new(
        source: Source,
        config: Config,
        inputs: Inputs,
        pending: Pending,
        events: broadcast::Sender<Arc<str>>,
        figures: Figures,
        (certificates, post, keys): (InForce, Post, Keys),
    ) -> Operator {
        let (next, began) = (AtomicU64::new(1), Instant::now());
        let tokens = Tokens::default();
        api::put_tokens(&tokens, &config);
        let files = Mutex::new(files::mark(&source, &config));
        let changing = Changing { files, ..Changing::default() };
        Operator {
            source,
            config: Mutex::new(config),
            inputs,
            pending,
            next,
            events,
            figures,
            certificates,
            post,
            tokens,
            shelf: Shelf::default(),
            keys,
            changing,
            began,
        }
    }

    /// What people have edited since it came into force comes into force by their own order, never by a program's: whether
    /// there is any.
    pub(super) fn is_edited(&self) -> bool {
        let config = self.config();
        *self.changing.files.lock().expect("no holder panics") != files::mark(&self.source, &config)
    }

    /// The tokens in force.
    pub(super) fn tokens(&self) -> Tokens {
        self.tokens.clone()
    }

    /// The records.
    pub(super) fn shelf(&self) -> Shelf {
        self.shelf.clone()
    }

    /// The keys of recordings.
    pub(super) fn keys(&self) -> Keys {
        self.keys.clone()
    }

    /// Asks the switch without waiting for it here.
    pub(super) fn ask_later(&self, request: Request) -> crate::api::Answer {
        self.ask_within(request, PATIENCE)
    }

    /// The same, with another patience.
    pub(super) fn ask_within(&self, request: Request, patience: Duration) -> crate::api::Answer {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = tokio::sync::oneshot::channel();
        let then: Then = Box::new(move |reply| drop(sender.send(reply)));
        self.pending.0.lock().expect("no holder panics").insert(id, then);
        let told = self.inputs.offer(Input::Console(RequestId(id), request)).is_ok();
        let pending = self.pending.clone();
        Box::pin(async move {
            let reply = match told {
                true => tokio::time::timeout(patience, answer).await.ok().and_then(Result::ok),
                false => None,
            };
            pending.0.lock().expect("no holder panics").remove(&id);
            reply
        })
    }

    /// Asks the switch; `None` when it does not answer in time.
    pub(super) fn ask(&self, request: Request) -> Option<Reply> {
        self.ask_by(request, |input| self.inputs.tell(input))
    }

    /// The same for who must not wait for room, either: a hung exchange's queue is full.
    pub(super) fn ask_if_room(&self, request: Request) -> Option<Reply> {
        self.ask_by(request, |input| self.inputs.offer(input).is_ok())
    }

    fn ask_by(&self, request: Request, tell: impl FnOnce(Input) -> bool) -> Option<Reply> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = bounded(1);
        let then: Then = Box::new(move |reply| drop(sender.send(reply)));
        self.pending.0.lock().expect("no holder panics").insert(id, then);
        let told = tell(Input::Console(RequestId(id), request));
        let reply = if told { answer.recv_timeout(PATIENCE).ok() } else { None };
        self.pending.0.lock().expect("no holder panics").remove(&id);
        reply
    }

    /// Everything read anew, if `belfry check` has nothing against it; else how many faults there are, and which.
    fn whole(&self) -> Result<(Loaded, Clips), (usize, String)> {
        let loaded = files::load(&self.source).map_err(|faults| {
            (faults.iter().filter(|fault| fault.error).count(), lines(&faults))
        })?;
        let mut losses = check::losses(&loaded);
        losses.extend(loaded.without_sounds());
        // Where one is known already it stays in use.
        if self.keys.ring().ids().next().is_none() {
            losses.extend(check::without_key(&loaded.config, &loaded.name));
        }
        if !losses.is_empty() {
            return Err((losses.len(), lines(&losses)));
        }
        let (clips, bad) = loaded.sounds.clips();
        match bad.first() {
            Some(fault) => Err((bad.len(), format!("{}: {}; ", fault.path.display(), fault.why))),
            None => Ok((loaded, clips)),
        }
    }

    /// Reads everything anew and puts it in force, or nothing of it. Files with faults are an alarm until they are mended: what
    /// runs goes on without them, and a start would not. A campaign that comes by it may have numbers, and others that
    /// nobody may call: the exchange is told. Called on a thread of the runtime that may block.
    pub(super) fn reload(&self) -> Answer {
        let names = || -> BTreeSet<String> {
            self.config().campaigns.iter().map(|own| own.name.to_string()).collect()
        };
        let before = names();
        let answer = self.put_files_in_force(|count, why| {
            let first = why.lines().next().unwrap_or_default();
            self.figures.alarms.refused(count, first.trim_end_matches("; nothing was changed"));
        });
        if answer.ok && !names().is_subset(&before) {
            // Refused, as long as the records tell what is from before the start: that brings all of it.
            let told = self.campaign_reload();
            if !told.ok {
                tracing::warn!("campaigns' lists were not read after the reload: {}", told.text);
            }
        }
        answer
    }

    /// The same for a program's design, which is taken back when it is refused.
    pub(super) fn reload_for_program(&self) -> Answer {
        self.put_files_in_force(|_, _| {})
    }

    /// `faulty`: how many faults there are, and which.
    fn put_files_in_force(&self, faulty: impl FnOnce(usize, &str)) -> Answer {
        let mut mark = self.changing.files.lock().expect("no holder panics");
        // Before they are read: what is edited meanwhile counts as an edit.
        let source = &self.source;
        let marked = |config: &Config| files::mark(source, config);
        let before = marked(&self.config());
        let refused = |faults: usize, why: String| {
            self.inputs.tell(Input::ReloadRefused(u32::try_from(faults).unwrap_or(u32::MAX)));
            Answer::refused(why)
        };
        let (loaded, clips) = match self.whole() {
            Ok(whole) => whole,
            Err((count, why)) => {
                faulty(count, &why);
                return refused(count, format!("{why}nothing was changed"));
            }
        };
        let mut config = self.config.lock().expect("no holder panics");
        let restart = config.needs_restart(&loaded.config);
        if !restart.is_empty() {
            let keys = restart.join(", ");
            let why = format!(
                "these keys take effect only at the next start: {keys}; nothing was changed"
            );
            return refused(restart.len(), why);
        }
        if let Err(why) = self.certificates.put(&loaded.tls, loaded.written) {
            return refused(1, format!("TLS: {why}; nothing was changed"));
        }
        // Where the level was set at the console, or by the command line, a reload that does not
        // change it leaves it alone.
        let level = loaded.config.log.level;
        if level != config.log.level
            && let Some(Err(why)) = LOG.get().map(|set| set(level.as_str()))
        {
            return refused(1, format!("[log] level: {why}; nothing was changed"));
        }
        let without_keys = recording_keys::renew(&self.keys, &loaded.config);
        let was = config.dialplan.dir.clone();
        *config = loaded.config.clone();
        self.figures.zone.put(files::zone_of(&config));
        api::put_tokens(&self.tokens, &config);
        self.post.renew(loaded.mail);
        let count = clips.len();
        let reload = Input::Reload(Box::new(loaded.config), loaded.plan.clone());
        if !(self.inputs.clips(clips) && self.inputs.tell(reload)) {
            return Answer::refused("the exchange is about to stop");
        }
        // Of another folder of the dialplan there is none from before.
        let same = config.dialplan.dir == was;
        *mark = if same { before } else { marked(&config) };
        self.figures.alarms.files(&[]);
        let notes = [without_keys, open_console(&config)];
        let now = config.clone();
        drop(config);
        loaded.noted.iter().for_each(|noted| serve::keep(&now, noted));
        in_force(loaded.plan.route_count(), count, &loaded.warnings, notes)
    }
}

/// What a reload that was done says: warnings of the files first, then what there is to say of keys and the console.
fn in_force(
    routes: usize,
    prompts: usize,
    warnings: &[Fault],
    notes: [Option<String>; 2],
) -> Answer {
    let mut text: String = warnings.iter().map(|w| format!("{w}\n")).collect();
    for note in notes.iter().flatten() {
        tracing::warn!("{note}");
        let _ = writeln!(text, "{note}");
    }
    let _ = write!(
        text,
        "in force: {routes} routes, {prompts} prompts; calls in being keep their plan"
    );
    let data = serde_json::json!({ "routes": routes, "prompts": prompts, "warnings": warnings });
    Answer::done(text, data)
}

/// Gives the console to its group, which may have been missing when Belfry was started; what there is to say of it.
fn open_console(config: &Config) -> Option<String> {
    let (socket, group) = (&config.console.socket, config.console.group.as_ref()?);
    match first::group(group.as_str()).and_then(|gid| give(socket, gid)) {
        Ok(true) => {
            Some(format!("the console ({}) is open to the group {group}", socket.display()))
        }
        Ok(false) => None,
        Err(why) => Some(why),
    }
}

impl Operator {
    /// The messages of a call: as a ladder, or as a file for Wireshark.
    fn trace(&self, call: CallId, file: Option<&str>) -> Answer {
        let Some(tracer) = &self.figures.trace else {
            return Answer::refused(
                "nothing is traced: see [trace] enabled, and the log at the start",
            );
        };
        let found = match tracer.find(call) {
            Ok(found) => found,
            Err(error) => return Answer::refused(format!("the trace cannot be read: {error}")),
        };
        if found.messages.is_empty() && found.notes.is_empty() {
            let why = format!(
                "nothing is known of call {call}, or not any more: see [trace] keep and max_size"
            );
            return Answer::refused(why);
        }
        match file {
            None => Answer::done(trace::ladder(&found, &self.zone()), &found),
            Some(name) => {
                let recordings = self.config.lock().expect("no holder panics").recordings_dir();
                let (audio, missing) = playback::audio(&recordings, &self.keys.ring(), &found);
                let capture = trace::pcap(&found, &audio);
                let mut text = format!("{} messages", found.messages.len());
                if capture.packets > 0 {
                    let _ = write!(
                        text,
                        ", {} RTP packets (made from the recording, not captured)",
                        capture.packets
                    );
                }
                let _ = write!(text, ": {name}");
                // Without audio a leg's figures are what there is of it.
                let figures = found.notes.iter().filter(|_| capture.packets == 0);
                for line in missing.iter().chain(figures.map(|note| &note.text)) {
                    let _ = write!(text, "\n{line}");
                }
                let file = File { name: name.to_owned(), base64: BASE64.encode(&capture.file) };
                Answer { file: Some(file), ..Answer::done(text, &found) }
            }
        }
    }

    /// The configuration in force.
    pub(super) fn config(&self) -> Config {
        self.config.lock().expect("no holder panics").clone()
    }

    /// Something about subscribers: the records change, and the exchange hears of it.
    fn subscribers(&self, order: SubscriberOrder, by: &str) -> Answer {
        let _one = self.changing.subscribers.lock().expect("no holder panics");
        let (database, zone) = (self.database(), self.zone());
        let by = if by.is_empty() { "console" } else { by };
        let work = subscribers::carry_out(&database, &zone, order, by);
        let (answer, update) = tokio::runtime::Handle::current().block_on(work);
        let told = update.is_none_or(|u| self.inputs.tell(Input::Subscribers(Box::new(u))));
        match told {
            true => answer,
            false => Answer::refused("it is in the records, but the exchange is about to stop"),
        }
    }

    /// What a program wants of the subscribers. Called on a thread of the runtime that may block.
    pub(super) fn subscribers_wanted(&self, wanted: Wanted) -> Result<Value, Problem> {
        let refused = |answer: &Answer| {
            let why = answer.text.clone();
            match why.starts_with("there is no subscriber") {
                true => Problem::not_found(why),
                false if why.starts_with("the database") => Problem::unavailable(why),
                false => Problem::unprocessable(why),
            }
        };
        let carried_out = |order, by: &str| {
            let answer = self.subscribers(order, by);
            if answer.ok { Ok(answer) } else { Err(refused(&answer)) }
        };
        Ok(match wanted {
            Wanted::List { text, skip, most } => {
                let rows = carried_out(SubscriberOrder::List(text), "")?.data;
                let rows = rows.as_array().into_iter().flatten().skip(skip).take(most);
                rows.cloned().collect()
            }
            Wanted::Show(number) => carried_out(SubscriberOrder::Show(number), "")?.data,
            Wanted::Put { number, fields, by } => {
                let there = self.subscribers(SubscriberOrder::Show(number.clone()), "");
                let order = match there.data["subscriber"]["number"] == number.as_str() {
                    true => SubscriberOrder::Set(number, fields),
                    false => SubscriberOrder::Add(number, fields),
                };
                json!({ "done": carried_out(order, &by)?.text })
            }
            Wanted::Remove { number, by } => {
                json!({ "done": carried_out(SubscriberOrder::Remove(number), &by)?.text })
            }
        })
    }

    /// Campaigns' lists, and whom nobody may call, are read anew: the exchange hears of what it does not know.
    pub(super) fn campaign_reload(&self) -> Answer {
        // Before the records have all from before the start, they have numbers as waiting that were reached.
        match self.ask(Request::Campaign(CampaignOrder::Reload, String::new())) {
            Some(Reply::Done(_)) => {}
            Some(Reply::Refused(why)) => return Answer::refused(why),
            _ => return Answer::refused("the exchange does not answer"),
        }
        let database = self.database();
        let work = campaigns::tell(&database, self.inputs.clone(), false);
        match tokio::runtime::Handle::current().block_on(work) {
            Ok(numbers) => Answer::done(format!("{numbers} numbers"), numbers),
            Err(why) => Answer::refused(why),
        }
    }

    /// The reports that are made by themselves.
    fn kept_reports(&self) -> Answer {
        let config = self.config();
        match (kept::rows(&config), kept::shown(&config)) {
            (Ok(text), Ok(all)) => Answer::done(text, all),
            (Err(why), _) | (_, Err(why)) => Answer::refused(why),
        }
    }

    /// The way of letters.
    pub(super) fn post(&self) -> &Post {
        &self.post
    }

    pub(super) fn zone(&self) -> jiff::tz::TimeZone {
        files::zone_of(&self.config.lock().expect("no holder panics"))
    }

    /// From where configuration and dialplan are read.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn database(&self) -> PathBuf {
        self.config.lock().expect("no holder panics").database()
    }

    /// The way to the switch.
    pub(super) fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// A letter, and what becomes of it within a while.
    fn mail(&self, to: String) -> Answer {
        let node = self.config().node.name.to_string();
        let subject = format!("[{node}] 测试邮件 test letter");
        let text = "Belfry 的邮件可以送达。\nLetters of Belfry arrive.\n".to_owned();
        let outcome = match self.post.put_once(Letter { to: vec![to.clone()], subject, text }) {
            Ok(outcome) => outcome,
            Err(why) => return Answer::refused(why.to_string()),
        };
        let sent = async { tokio::time::timeout(MAIL_PATIENCE, outcome).await };
        match tokio::runtime::Handle::current().block_on(sent) {
            Ok(Ok(Ok(()))) => {
                Answer::done(format!("the mail server has taken a letter to {to}"), to)
            }
            Ok(Ok(Err(why))) => Answer::refused(why.to_string()),
            Ok(Err(_)) => Answer::refused("the appliance is about to stop"),
            Err(_) => {
                let why =
                    "the mail server has not said anything yet: the log tells what comes of it";
                Answer::refused(why)
            }
        }
    }

    /// SIGHUP: a reload, of which the log tells.
    pub(super) fn hang_up(&self) {
        super::notify::reloading();
        let answer = self.reload();
        super::notify::reloaded(answer.text.lines().last().unwrap_or_default());
        for line in answer.text.lines() {
            match answer.ok {
                true => tracing::info!("SIGHUP: {line}"),
                false => tracing::error!("SIGHUP: {line}"),
            }
        }
    }

    /// Puts certificates in force whose files have changed. Connections stay up.
    pub(super) fn renew_certificates(&self) {
        let config = self.config();
        if !self.certificates.renew(&config) {
            return;
        }
        // A reload keeps copies, too.
        let _one = self.changing.files.lock().expect("no holder panics");
        let now = self.config();
        if let Err(why) = copies::keep_too(&now.node.data_dir, certificates::files(&now)) {
            tracing::warn!("the certificates in force could not be copied: {why}");
        }
    }
}

/// The RTP workers with their figures.
fn workers(rows: &[WorkerRow]) -> Answer {
    let cells = rows.iter().map(|w| {
        let mode = match (w.pinned, w.real_time) {
            (true, true) => "pinned, real time",
            (true, false) => "pinned",
            (false, true) => "real time",
            (false, false) => "",
        };
        let counts = [
            w.ports as u64,
            w.legs,
            w.received,
            w.receive_errors,
            w.kernel_drops,
            w.sent,
            w.send_errors,
            w.late_ticks,
            w.late_p99_us,
            w.taps_dropped,
            w.events_dropped + w.commands_dropped,
            w.staged_dropped,
        ];
        let counts = counts.into_iter().map(|n| n.to_string());
        [w.name.clone(), w.backend.into(), mode.into()].into_iter().chain(counts).collect()
    });
    let head = [
        "WORKER",
        "BACKEND",
        "",
        "PORTS",
        "LEGS",
        "RECEIVED",
        "NOT READ",
        "KERNEL DROPS",
        "SENT",
        "REFUSED",
        "LATE",
        "P99 µs",
        "TAPS DROPPED",
        "WORDS DROPPED",
        "COPIES DROPPED",
    ];
    Answer::done(render::table(&head, cells, "no workers"), rows)
}

fn log_level(level: String) -> Answer {
    match LOG.get().map(|set| set(&level)) {
        Some(Ok(())) => Answer::done(format!("the log's level is {level}"), level),
        Some(Err(why)) => Answer::refused(why),
        None => Answer::refused("this appliance keeps no log"),
    }
}

impl Operator {
    /// What the exchange answers, as text and as data.
    fn of_exchange(&self, request: Request) -> Answer {
        match self.ask(request) {
            Some(Reply::Refused(why)) => Answer::refused(why),
            Some(reply) => {
                let mut text = render::text(&reply, &self.zone());
                if matches!(reply, Reply::Status(_))
                    && let Some(first) = self.figures.alarms.not_in_force()
                {
                    text += &format!("files on disk are not what is in force: {first}\n");
                }
                Answer { data: render::data(&reply), ..Answer::done(text, ()) }
            }
            None => {
                Answer::refused("the exchange does not answer: it is overloaded or about to stop")
            }
        }
    }
}

impl Orders for Operator {
    fn carry_out(&self, order: Order) -> Answer {
        match order {
            Order::Ask(request) => self.of_exchange(request),
            Order::Reload => {
                let answer = self.reload();
                if !answer.ok {
                    answer.text.lines().for_each(|line| tracing::error!("reload refused: {line}"));
                }
                answer
            }
            Order::LogLevel(level) => log_level(level),
            Order::Version => Answer::done(
                format!("belfry {}", env!("CARGO_PKG_VERSION")),
                env!("CARGO_PKG_VERSION"),
            ),
            Order::Metrics => {
                let text = metrics::text(self);
                Answer::done(text.clone(), text)
            }
            Order::Uptime => {
                let ms = self.began.elapsed().as_millis() as u64;
                Answer::done(render::span(ms), serde_json::json!({ "uptime_ms": ms }))
            }
            Order::Trace(call, file) => self.trace(call, file.as_deref()),
            Order::Subscriber(order, by) => self.subscribers(order, &by),
            Order::CampaignReload => self.campaign_reload(),
            Order::Reports => self.kept_reports(),
            Order::CampaignClear(name) => self.campaign_clear(&name, String::new()),
            Order::Alarms => self.figures.alarms.show(&self.zone()),
            Order::Ack(number, by) => self.figures.alarms.ack(number, &by),
            Order::Mail(to) => self.mail(to),
            Order::Survey(order) => self.survey_order(order),
            Order::Records(count) => {
                let health = self.figures.journal.health();
                let waiting = if health.database_away { health.not_applied } else { 0 };
                records::list(&self.database(), &self.zone(), count, waiting)
            }
            Order::Record(call) => records::one(&self.database(), &self.zone(), call),
            Order::Sip => {
                let now = self.figures.sip.now();
                Answer::done(now.to_string(), &now)
            }
            Order::Workers => workers(&self.figures.workers.rows()),
            Order::Attached(what) => Answer::refused(format!("'{what}' is for 'belfry console'")),
            Order::Events(_) | Order::Columns(_) | Order::Help(_) | Order::Quit => {
                Answer::refused("the connection does that itself")
            }
        }
    }

    fn events(&self) -> broadcast::Receiver<Arc<str>> {
        self.events.subscribe()
    }

    fn traced(&self) -> broadcast::Receiver<Arc<str>> {
        self.figures.traced.subscribe()
    }
}
