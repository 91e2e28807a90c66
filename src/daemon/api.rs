//! The API's wiring: its tokens from the configuration, its questions to the switch.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Runtime;
use tokio::sync::{OnceCell, mpsc};
use tokio::task::JoinHandle;

use super::campaigns;
use super::library;
use super::metrics;
use super::orders::Operator;
use super::report::kept;
use crate::access::rights::{Rights, Role};
use crate::api::cases::Archive;
use crate::api::client::Peer;
use crate::api::events::{Filter, History, Later};
use crate::api::hook::{self, Hook};
use crate::api::quality::Library;
use crate::api::reports::Reports;
use crate::api::spans::export;
use crate::api::{Answer, Door, Exchange, Feed, Figures, Problem, Settings, Tokens, xml};
use crate::base::CallId;
use crate::config::webhook::Url;
use crate::config::{Config, TokenRole};
use crate::net::tls::Tls;
use crate::store::{Awaited, Journal, Records, Store, Trouble};
use crate::switch::fact::{AlarmWhat, Fact};
use crate::switch::{Input, Request};

impl Exchange for Operator {
    fn ask(&self, request: Request) -> Answer {
        self.ask_later(request)
    }

    fn metrics(self: Arc<Self>) -> Figures {
        // It asks the switch several things, one after the other.
        let made = tokio::task::spawn_blocking(move || metrics::text(&self));
        Box::pin(async { made.await.ok() })
    }

    fn surveys(self: Arc<Self>, wanted: crate::api::surveys::Wanted) -> crate::api::Told {
        Box::pin(self.survey_wanted(wanted))
    }

    fn forms(self: Arc<Self>, wanted: crate::api::forms::Wanted) -> crate::api::Told {
        Box::pin(self.form_wanted(wanted))
    }

    fn campaigns(self: Arc<Self>, wanted: crate::api::campaigns::Wanted) -> crate::api::Told {
        Box::pin(campaigns::wanted(self, wanted))
    }

    fn subscribers(self: Arc<Self>, wanted: crate::api::subscribers::Wanted) -> crate::api::Told {
        let done = tokio::task::spawn_blocking(move || self.subscribers_wanted(wanted));
        Box::pin(async {
            done.await
                .unwrap_or_else(|_| Err(Problem::unavailable("the order came to a sudden end")))
        })
    }

    fn library(&self) -> Option<Arc<dyn Library>> {
        Some(Arc::new(library::Kept {
            shelf: self.shelf(),
            config: self.config(),
            keys: self.keys(),
        }))
    }

    fn reports(&self) -> Option<Arc<dyn Reports>> {
        Some(Arc::new(OnDisk(self.config())))
    }

    fn archive(&self) -> Option<Arc<dyn Archive>> {
        Some(Arc::new(library::Kept {
            shelf: self.shelf(),
            config: self.config(),
            keys: self.keys(),
        }))
    }
}

/// The kept reports of the configuration in force.
struct OnDisk(Config);

impl Reports for OnDisk {
    fn list(&self) -> Later<Vec<serde_json::Value>> {
        let config = self.0.clone();
        read_files(move || kept::shown(&config))
    }
    fn file(&self, report: String, file: String) -> Later<Option<Vec<u8>>> {
        let config = self.0.clone();
        read_files(move || kept::read(&config, &report, &file))
    }
}

fn read_files<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Later<T> {
    let read = tokio::task::spawn_blocking(read);
    Box::pin(async { read.await.unwrap_or_else(|error| Err(error.to_string())) })
}

/// Puts the configured tokens in force.
pub(super) fn put_tokens(tokens: &Tokens, config: &Config) {
    let role = |role: &TokenRole| match role {
        TokenRole::Read => Role::Read,
        TokenRole::Agent => Role::Agent,
        TokenRole::Supervisor => Role::Supervisor,
        TokenRole::Admin => Role::Admin,
    };
    tokens.put(config.tokens.iter().filter_map(|token| {
        let looks_on = token.roles.iter().all(|role| *role == TokenRole::Read);
        let rights = Rights {
            masked: token.mask_numbers.unwrap_or(looks_on),
            name: token.name.to_string(),
            roles: token.roles.iter().map(role).collect(),
            agent: token.agent.as_ref().map(ToString::to_string),
            phones: token.phones.iter().flatten().map(ToString::to_string).collect(),
        };
        Some((token.token.as_ref()?.expose(), rights))
    }));
}

/// Facts that may wait to be told to programs; one beyond them is read from the records later.
const TOLD: usize = 65_536;
/// How often it is looked whether a fact is on the disk.
const LOOK: Duration = Duration::from_millis(5);

/// Facts on their way to programs, each with its mark in the journal.
pub(super) type Told = (mpsc::Sender<(Fact, Awaited)>, mpsc::Receiver<(Fact, Awaited)>);

/// The way of facts to programs, where there is an API.
pub(super) fn told(config: &Config) -> Option<Told> {
    let listens = config.http.listen.is_some() || config.csta.listen.is_some();
    let wanted = listens || !config.webhooks.is_empty();
    wanted.then(|| mpsc::channel(TOLD))
}

/// How long until a door that could not be opened is tried again.
const OPEN_AGAIN: Duration = Duration::from_secs(5);

/// The doors that are open to programs, or are tried until they are.
#[derive(Default)]
pub(super) struct Doors(Vec<Kept>);

/// One of them.
struct Kept {
    /// Open by now.
    door: Arc<Mutex<Option<Door>>>,
    /// What opens it later.
    later: Option<JoinHandle<()>>,
}

impl Doors {
    /// Opens one. Calls do not hang on it: where its port is taken the start goes on, it is tried again until it opens, and an
    /// alarm stands meanwhile. `name`: what it is; `section`: whose `listen` says where.
    fn open(
        &mut self,
        (name, section, listen): (&'static str, &'static str, SocketAddr),
        operator: &Arc<Operator>,
        open: impl Fn() -> std::io::Result<Door> + Send + 'static,
    ) {
        let error = match open() {
            Ok(opened) => {
                tracing::info!("{name} on {}", opened.local());
                let door = Arc::new(Mutex::new(Some(opened)));
                return self.0.push(Kept { door, later: None });
            }
            Err(error) => error,
        };
        let detail = format!("[{section}] listen: {listen}");
        tracing::error!(
            "{name}: {listen}: {error}; end who has the port (ss -lnp), or correct [{section}] listen and start again; \
             calls go on without, and it is tried again every {} s",
            OPEN_AGAIN.as_secs()
        );
        let alarm =
            |raised| Input::Alarm { what: AlarmWhat::ApiShut, raised, detail: detail.clone() };
        operator.inputs().tell(alarm(true));
        let over = alarm(false);
        let (door, inputs) = (Arc::new(Mutex::new(None)), operator.inputs().clone());
        let slot = door.clone();
        let later = tokio::spawn(async move {
            let opened = loop {
                tokio::time::sleep(OPEN_AGAIN).await;
                if let Ok(opened) = open() {
                    break opened;
                }
            };
            tracing::info!("{name} on {}", opened.local());
            *slot.lock().expect("no holder panics") = Some(opened);
            inputs.tell(over);
        });
        self.0.push(Kept { door, later: Some(later) });
    }

    /// Ends streams and sessions, and waits a moment for the last answers.
    pub(super) async fn close(self) {
        for Kept { door, later } in self.0 {
            if let Some(later) = later {
                later.abort();
            }
            let open = door.lock().expect("no holder panics").take();
            if let Some(open) = open {
                open.stop().await;
            }
        }
    }
}

/// Opens the API where the configuration has one.
pub(super) fn start(
    config: &Config,
    runtime: &Runtime,
    operator: Arc<Operator>,
    tls: Tls,
    (told, store): (Option<mpsc::Receiver<(Fact, Awaited)>>, &Store),
) -> Result<Doors, String> {
    let Some(told) = told else { return Ok(Doors::default()) };
    let _runtime = runtime.enter();
    let kept = Facts { database: config.database(), records: Arc::default() };
    let feed = Feed::new(store.next_seq() - 1, Arc::new(kept));
    runtime.spawn(tell(told, store.journal(), feed.clone()));
    for hook in hooks(config)? {
        runtime.spawn(hook::run(hook, feed.clone()));
    }
    let web: crate::api::Tls = Arc::new(move || tls.web());
    let settings = |listen, connections: u32, secure: bool| {
        let tls = secure.then(|| web.clone());
        move || Settings { listen, connections: connections as usize, tls: tls.clone() }
    };
    let mut doors = Doors::default();
    if let Some(listen) = config.http.listen {
        let settings = settings(listen, config.http.connections, config.http.tls);
        let (exchange, feed) = (operator.clone(), feed.clone());
        let open =
            move || crate::api::open(settings(), exchange.clone(), exchange.tokens(), feed.clone());
        doors.open(("API", "http", listen), &operator, open);
    }
    if let Some(listen) = config.csta.listen {
        let settings = settings(listen, config.csta.connections, config.csta.tls);
        let exchange = operator.clone();
        let open = move || xml::open(settings(), exchange.clone(), exchange.tokens(), feed.clone());
        doors.open(("CSTA in XML", "csta", listen), &operator, open);
    }
    Ok(doors)
}

/// The directory in which it stands up to where each web hook has had events.
pub(super) fn places(config: &Config) -> PathBuf {
    config.node.data_dir.join("webhooks")
}

/// The web hooks, with a directory for their places.
fn hooks(config: &Config) -> Result<Vec<Hook>, String> {
    if config.webhooks.is_empty() {
        return Ok(Vec::new());
    }
    let dir = places(config);
    std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let secure = config.webhooks.iter().any(|hook| hook.url.secure);
    let tls = secure.then(trusting_the_system).transpose()?;
    let hook = |hook: &crate::config::Webhook| {
        let list = |of: Option<Vec<String>>| of.unwrap_or_default();
        Hook {
            name: hook.name.to_string(),
            peer: peer(&hook.url, &tls),
            secret: hook.secret.as_ref().map(|secret| secret.expose().to_owned()),
            filter: Filter {
                kinds: hook.events.iter().flatten().map(|kind| kind.0.to_owned()).collect(),
                queues: list(
                    hook.queues.as_ref().map(|q| q.iter().map(|q| q.to_string()).collect()),
                ),
                agents: list(
                    hook.agents.as_ref().map(|a| a.iter().map(|a| a.to_string()).collect()),
                ),
                ..Filter::default()
            },
            retry_for: hook.retry_for,
            place: dir.join(format!("{}.place", hook.name)),
        }
    };
    Ok(config.webhooks.iter().map(hook).collect())
}

fn peer(url: &Url, tls: &Option<Arc<ClientConfig>>) -> Peer {
    Peer {
        tls: tls.clone().filter(|_| url.secure),
        host: url.host.clone(),
        port: url.port,
        path: url.path.clone(),
    }
}

/// Facts that may wait to become spans; beyond them they are left out.
const SPANS: usize = 16_384;

/// The way of facts to a collector of spans, where there is one.
pub(super) fn spans(
    config: &Config,
    runtime: &Runtime,
) -> Result<Option<mpsc::Sender<Fact>>, String> {
    let Some(url) = &config.telemetry.url else { return Ok(None) };
    let tls = url.secure.then(trusting_the_system).transpose()?;
    let (sender, facts) = mpsc::channel(SPANS);
    let node = config.node.name.to_string();
    runtime.spawn(export::run(peer(url, &tls), node, facts));
    Ok(Some(sender))
}

/// TLS to those whom the system believes.
pub(super) fn trusting_the_system() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let client = client.map_err(|e| format!("TLS: {e}"))?;
    Ok(Arc::new(client.with_root_certificates(roots).with_no_client_auth()))
}

/// Tells each fact once it is on the disk: what is told is never told otherwise after a crash.
async fn tell(mut told: mpsc::Receiver<(Fact, Awaited)>, journal: Journal, feed: Feed) {
    while let Some((fact, mark)) = told.recv().await {
        while !journal.has(mark) {
            tokio::time::sleep(LOOK).await;
        }
        feed.take(fact).await;
    }
}

/// The records, opened when they are first asked.
struct Facts {
    database: PathBuf,
    records: Arc<OnceCell<Records>>,
}

impl Facts {
    fn with<T, F>(&self, ask: impl FnOnce(Records) -> F + Send + 'static) -> Later<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Trouble>> + Send + 'static,
    {
        let (cell, path) = (self.records.clone(), self.database.clone());
        Box::pin(async move {
            let opened = cell.get_or_try_init(|| async { Records::open(&path).await }).await;
            let records = opened.map_err(|e| e.to_string())?.clone();
            ask(records).await.map_err(|e| e.to_string())
        })
    }
}

impl History for Facts {
    fn after(&self, seq: u64, most: usize) -> Later<Vec<Fact>> {
        self.with(move |records| async move { records.facts_after(seq, most).await })
    }
    fn of_call(&self, call: CallId, until: u64) -> Later<Vec<Fact>> {
        self.with(move |records| async move { records.facts_of_call(call, until).await })
    }
    fn agents(&self, until: u64) -> Later<Vec<Fact>> {
        self.with(move |records| async move { records.agents_before(until).await })
    }
}

#[cfg(test)]
mod tests {
    use crate::api::events::event::KINDS;

    #[test]
    fn the_configuration_knows_the_same_kinds_of_events() {
        let told: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        assert_eq!(told, crate::config::webhook::KINDS);
    }
}
