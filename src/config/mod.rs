//! Floor 1, `config`: text to a checked [`Config`], with line, column and remedy for every fault.
//!
//! ```text
//! belfry.toml ─► toml (spans) ─► setting: keys.rs' table ─► cross checks ─► Config
//!     text        syntax faults     unknown keys, types,      twice, too       │
//!                                   limits, defaults          small, clash     ├─► resolve_secrets
//!                                                                              └─► needs_restart
//! ```
//!
//! All faults are collected, in the order of the text, not only the first. Nothing here reads a
//! file, the environment or a clock: the daemon reads the file, fetches the passwords that lie
//! elsewhere ([`Config::resolve_secrets`]) and asks the system for its time zone when the text
//! names none. Whether an address is really this machine's, a port free or a directory writable is
//! the daemon's to find out at start.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;
use std::path::PathBuf;

pub mod acd;
pub mod address;
mod alarm;
pub mod calendar;
mod campaign;
mod care;
mod care_call;
pub mod causes;
pub mod choice;
mod cross;
pub mod fault;
pub mod fingerprint;
pub mod fort;
pub mod http;
pub mod keys;
pub mod list;
mod mail;
mod mobile;
pub mod name;
pub mod network;
pub mod plan;
mod quality;
pub mod quantity;
pub mod recorder;
mod reference;
mod report;
pub mod rewrite;
pub mod secret;
mod sections;
pub mod setting;
mod syntax;
mod telemetry;
pub mod trace;
mod trunk;
pub mod webhook;

pub use acd::{Acd, Agent, Queue, Team, WrapUp};
pub use address::{Collector, DnsServer, Named, Peer, PortRange, SipAddress, Transport};
pub use alarm::Alarm;
pub use calendar::{Holiday, Zone};
pub use campaign::Campaign;
pub use care::{Care, CheckIn, Guard, Heartbeat, Receiver};
pub use care_call::CareCall;
pub use choice::{
    Backend, BellCalls, CampaignKind, CareFlag, CareNeed, Codec, Country, Digest, Dtmf, Language,
    LogFormat, LogLevel, MailTls, Make, Pack, Ping503, PlanStart, Prack, RecordFormat,
    SendDiversion, SendIdentity, Srtp, Strangers, TokenRole, TrunkChoice, UnitKeys, WhenFull,
};
pub use choice::{ReportFormat, ReportKind, ReportRows, ReportSpan};
pub use fault::{At, Fault, Severity};
pub use fingerprint::Fingerprint;
pub use fort::Fort;
pub use http::{Csta, Http, Token};
pub use keys::{
    Certificate, Console, Dialplan, FeatureCodes, Gateway, Limits, Log, Media, Node, Phone, Record,
    SECTIONS, Sip, Store, Tls,
};
pub use list::Workers;
pub use mail::{MOST_RECEIVERS, Mail, MailServer};
pub use name::MailAddress;
pub use network::Network;
pub use plan::{Called, Plan, PlanStep, Printer, Resource, SheetTo};
pub use quality::{ScoreForm, ScoreQuestion};
pub use quantity::{Percent, Period, Size};
pub use recorder::Recorder;
pub use reference::reference_markdown;
pub use report::Report;
pub use rewrite::Rules;
pub use secret::{Secret, SecretSource};
pub use telemetry::Telemetry;
pub use trace::Trace;
pub use trunk::{Numbers, Trunk};
pub use webhook::Webhook;

use crate::base::Networks;
use fault::Places;
use setting::Reader;

/// Longest configuration text, in bytes: room for some 20,000 phones.
pub const MAX_TEXT: usize = 4 << 20;

/// Calls at once when `[limits] calls` says nothing and the ports carry them.
const DEFAULT_CALLS: u32 = 1_000;

/// The embedded default, which is also the sample to copy.
pub const EMBEDDED: &str = include_str!("embedded.toml");

/// The console's socket where the configuration names no other.
pub const USUAL_SOCKET: &str = "/run/belfry/console.sock";

/// A checked configuration. Fields are as the text gives them; where a key may be left out in
/// favour of another, the methods say what holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// `[node]`
    pub node: Node,
    /// `[sip]`
    pub sip: Sip,
    /// `[tls]`
    pub tls: Tls,
    /// Each `[[certificate]]`, in the order of the text.
    pub certificates: Vec<Certificate>,
    /// Each `[[network]]`, in the order of the text.
    pub networks: Vec<Network>,
    /// `[media]`
    pub media: Media,
    /// Each `[[gateway]]`, in the order of the text.
    pub gateways: Vec<Gateway>,
    /// Each `[[trunk]]`, in the order of the text.
    pub trunks: Vec<Trunk>,
    /// `[numbers]`
    pub numbers: Numbers,
    /// Each `[[phone]]`, in the order of the text.
    pub phones: Vec<Phone>,
    /// `[acd]`
    pub acd: Acd,
    /// Units' reports.
    pub care: Care,
    /// `[receiver]`.
    pub receiver: Receiver,
    /// `[check_in]`.
    pub check_in: CheckIn,
    /// `[guard]`.
    pub guard: Guard,
    /// Each `[[campaign]]`, in the order of the text.
    pub campaigns: Vec<Campaign>,
    /// Each `[[report]]`.
    pub reports: Vec<Report>,
    /// Each `[[heartbeat]]`, in the order of the text.
    pub heartbeats: Vec<Heartbeat>,
    /// Each `[[care_call]]`, in the order of the text.
    pub care_calls: Vec<CareCall>,
    /// Each `[[resource]]`, in the order of the text.
    pub resources: Vec<Resource>,
    /// Each `[[plan]]`, in the order of the text.
    pub plans: Vec<Plan>,
    /// Each `[[plan_step]]`, in the order of the text.
    pub plan_steps: Vec<PlanStep>,
    /// Each `[[agent]]`, in the order of the text.
    pub agents: Vec<Agent>,
    /// Each `[[team]]`, in the order of the text.
    pub teams: Vec<Team>,
    /// Each `[[wrap_up]]`, in the order of the text.
    pub wrap_ups: Vec<WrapUp>,
    /// Each `[[score_form]]`, in the order of the text.
    pub score_forms: Vec<ScoreForm>,
    /// Each `[[score_question]]`, in the order of the text.
    pub score_questions: Vec<ScoreQuestion>,
    /// Each `[[queue]]`, in the order of the text.
    pub queues: Vec<Queue>,
    /// `[dialplan]`
    pub dialplan: Dialplan,
    /// `[record]`
    pub record: Record,
    /// Each `[[recorder]]`, in the order of the text.
    pub recorders: Vec<Recorder>,
    /// `[store]`
    pub store: Store,
    /// `[http]`
    pub http: Http,
    /// `[csta]`
    pub csta: Csta,
    /// Each `[[token]]`, in the order of the text.
    pub tokens: Vec<Token>,
    /// Each `[[webhook]]`, in the order of the text.
    pub webhooks: Vec<Webhook>,
    /// `[alarm]`
    pub alarm: Alarm,
    /// `[mail]`
    pub mail: Mail,
    /// `[console]`
    pub console: Console,
    /// `[log]`
    pub log: Log,
    /// `[trace]`
    pub trace: Trace,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// `[limits]`
    pub limits: Limits,
    /// `[fort]`
    pub fort: Fort,
    /// `[feature_codes]`
    pub feature_codes: FeatureCodes,
    /// Where in `phones` each number stands: thousands of phones are looked up with each request.
    by_number: BTreeMap<String, usize>,
    /// Where the keys stand in the text.
    places: Places,
}

/// A file that the configuration names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedFile {
    /// As it is written.
    pub path: PathBuf,
    /// Whether it holds a password, a token or a private key.
    pub secret: bool,
}

/// Everybody who has a secret: place, whose it is, the secret, its file, its variable. One list for whoever fetches
/// the secrets and for whoever names their files, so that none is in one and not in the other.
macro_rules! secrets {
    ($config:expr, $iter:ident $(, $mutable:tt)?) => {{
        let phones = $config.phones.$iter().map(|p| {
            let whose = format!("phone {}", p.number);
            (p.at, whose, &$($mutable)? p.password, &p.password_file, &p.password_env)
        });
        let gateways = $config.gateways.$iter().map(|g| {
            let whose = format!("gateway \"{}\"", g.name);
            (g.at, whose, &$($mutable)? g.password, &g.password_file, &g.password_env)
        });
        let recorders = $config.recorders.$iter().map(|r| {
            let whose = format!("recorder \"{}\"", r.name);
            (r.at, whose, &$($mutable)? r.password, &r.password_file, &r.password_env)
        });
        let tokens = $config.tokens.$iter().map(|t| {
            let whose = format!("token \"{}\"", t.name);
            (t.at, whose, &$($mutable)? t.token, &t.token_file, &t.token_env)
        });
        let hooks = $config.webhooks.$iter().map(|h| {
            let whose = format!("web hook \"{}\"", h.name);
            (h.at, whose, &$($mutable)? h.secret, &h.secret_file, &h.secret_env)
        });
        let mail = core::iter::once(&$($mutable)? $config.mail).map(|m| {
            let whose = "the mail server".to_owned();
            (m.at, whose, &$($mutable)? m.password, &m.password_file, &m.password_env)
        });
        let sheets = $config.resources.$iter().map(|r| {
            let whose = format!("resource \"{}\"", r.name);
            let (file, env) = (&r.hook_secret_file, &r.hook_secret_env);
            (r.at, whose, &$($mutable)? r.hook_secret, file, env)
        });
        let all = phones.chain(gateways).chain(recorders).chain(tokens);
        all.chain(hooks).chain(mail).chain(sheets)
    }};
}

impl Config {
    /// Reads and checks a text. `Ok` holds the warnings too; `Err` holds all faults, warnings
    /// among them, in the order of the text.
    pub fn parse(text: &str) -> Result<(Config, Vec<Fault>), Vec<Fault>> {
        if text.len() > MAX_TEXT {
            let what = format!("the text has {} bytes", text.len());
            let remedy = format!("write at most {MAX_TEXT}");
            return Err(vec![Fault {
                line: 1,
                column: 1,
                severity: Severity::Error,
                what,
                remedy,
            }]);
        }
        let root = syntax::parse(text)?;
        let mut reader = Reader::new(text);
        let draft = sections::read(&root, &mut reader);
        cross::check(&draft, &mut reader);
        let (refused, places) = (reader.faults.fatal(), reader.places());
        let faults = reader.faults.finish();
        match sections::finish(draft, places) {
            Some(config) if !refused => Ok((config, faults)),
            _ => Err(faults),
        }
    }

    /// The configuration without a file: loopback, phones 1001 to 1004 with the passwords of
    /// [`EMBEDDED`], a gateway on loopback.
    pub fn embedded() -> Config {
        let (config, _) = Config::parse(EMBEDDED).expect("a test reads it");
        config
    }

    /// The keys (`section.key`) in which `new` differs and which take effect only at the next
    /// start. Empty: `new` can be put in force by a reload.
    pub fn needs_restart(&self, new: &Config) -> Vec<&'static str> {
        let mut changed = self.changed_sections(new);
        changed.extend(network::changed(&self.networks, &new.networks));
        changed.extend(self.changed_entries(new));
        changed.extend(plan::changed(self, new));
        for (old, new) in self.certificates.iter().zip(&new.certificates) {
            changed.extend(old.changed_for_restart(new));
        }
        for (old, new) in self.heartbeats.iter().zip(&new.heartbeats) {
            changed.extend(old.changed_for_restart(new));
        }
        if self.webhooks.len() != new.webhooks.len() {
            changed.push("webhook");
        }
        for (old, new) in self.webhooks.iter().zip(&new.webhooks) {
            changed.extend(old.changed_for_restart(new));
        }
        changed.dedup();
        changed
    }

    /// Of the sections that stand once.
    fn changed_sections(&self, new: &Config) -> Vec<&'static str> {
        [
            self.node.changed_for_restart(&new.node),
            self.sip.changed_for_restart(&new.sip),
            self.tls.changed_for_restart(&new.tls),
            self.media.changed_for_restart(&new.media),
            self.numbers.changed_for_restart(&new.numbers),
            self.acd.changed_for_restart(&new.acd),
            self.care.changed_for_restart(&new.care),
            self.receiver.changed_for_restart(&new.receiver),
            self.check_in.changed_for_restart(&new.check_in),
            self.guard.changed_for_restart(&new.guard),
            self.dialplan.changed_for_restart(&new.dialplan),
            self.record.changed_for_restart(&new.record),
            self.store.changed_for_restart(&new.store),
            self.http.changed_for_restart(&new.http),
            self.csta.changed_for_restart(&new.csta),
            self.alarm.changed_for_restart(&new.alarm),
            self.mail.changed_for_restart(&new.mail),
            self.console.changed_for_restart(&new.console),
            self.log.changed_for_restart(&new.log),
            self.trace.changed_for_restart(&new.trace),
            self.telemetry.changed_for_restart(&new.telemetry),
            self.limits.changed_for_restart(&new.limits),
            self.fort.changed_for_restart(&new.fort),
            self.feature_codes.changed_for_restart(&new.feature_codes),
        ]
        .concat()
    }

    /// Of the sections that stand several times: each compared with the one of the same name.
    fn changed_entries(&self, new: &Config) -> Vec<&'static str> {
        let mut changed = Vec::new();
        macro_rules! compare {
            ($($list:ident by $($key:ident),+;)+) => {$(
                for old in &self.$list {
                    let same = new.$list.iter().find(|own| $(own.$key == old.$key)&&+);
                    changed.extend(same.into_iter().flat_map(|same| old.changed_for_restart(same)));
                }
            )+};
        }
        compare! {
            gateways by name;
            trunks by name;
            recorders by name;
            phones by number;
            agents by number;
            teams by name;
            wrap_ups by code;
            score_forms by name;
            score_questions by form, name;
            queues by name;
            campaigns by name;
            reports by name;
            care_calls by name;
            tokens by name;
        }
        changed
    }

    /// Where the value of a key is written, of a section that stands once: else the section's
    /// header, else the start of the text. For faults that only the machine shows.
    pub fn place(&self, section: &'static str, key: &'static str) -> At {
        self.places.of(section, key)
    }

    /// Whether the text says anything in a section.
    pub fn is_written(&self, section: &'static str) -> bool {
        self.places.has(section)
    }

    /// The phone with that number.
    pub fn phone(&self, number: &str) -> Option<&Phone> {
        self.phones.get(*self.by_number.get(number)?)
    }

    /// Whether two phones have a group in common, or are one.
    pub fn are_grouped(&self, one: &str, other: &str) -> bool {
        let groups = |number: &str| self.phone(number)?.groups.as_deref();
        let (Some(mine), Some(theirs)) = (groups(one), groups(other)) else { return one == other };
        one == other || mine.iter().any(|group| theirs.contains(group))
    }

    /// The gateway with that name.
    pub fn gateway(&self, name: &str) -> Option<&Gateway> {
        self.gateways.iter().find(|gateway| gateway.name.as_str() == name)
    }

    /// The recorder outside with that name.
    pub fn recorder(&self, name: &str) -> Option<&Recorder> {
        self.recorders.iter().find(|recorder| recorder.name.as_str() == name)
    }

    /// The recorders outside that get the calls of a phone, or of nobody in particular, the first choice first.
    pub fn recorders_in_order<'c>(
        &'c self,
        phone: Option<&'c Phone>,
    ) -> impl Iterator<Item = &'c Recorder> {
        let own = phone.and_then(|phone| phone.recorders.as_ref());
        let names = own.or(self.record.recorders.as_ref()).into_iter().flatten();
        names.filter_map(|name| self.recorder(name.as_str()))
    }

    /// Streams that a call may have: its own two, and their copies where a recorder outside gets them.
    pub fn streams_a_call(&self) -> u32 {
        if self.recorders.is_empty() { 2 } else { 4 }
    }

    /// The names that the dialplan may dial as gateways: trunks' and gateways'.
    pub fn trunk_names(&self) -> impl Iterator<Item = &str> {
        let trunks = self.trunks.iter().map(|trunk| trunk.name.as_str());
        trunks.chain(self.gateways.iter().map(|gateway| gateway.name.as_str()))
    }

    /// Whether `number`, as it is dialled to a gateway, is an emergency number.
    pub fn is_emergency(&self, number: &str) -> bool {
        self.numbers.emergency.iter().any(|own| own.as_str() == number)
    }

    /// The numbers for which nobody is held back: emergency numbers, and those of the care line.
    pub fn urgent(&self) -> impl Iterator<Item = &str> {
        let bells = self.care.bells.iter().flatten();
        let care = bells.chain(&self.care.number).chain(&self.care.call);
        self.numbers.emergency.iter().chain(care).map(|number| number.as_str())
    }

    /// Whether `number` is one of them.
    pub fn is_urgent(&self, number: &str) -> bool {
        self.urgent().any(|own| own == number)
    }

    /// The codecs of a gateway or a phone: its own, else those of `[media]`.
    pub fn codecs<'c>(&'c self, own: &'c Option<Vec<Codec>>) -> &'c [Codec] {
        own.as_deref().unwrap_or(&self.media.codecs)
    }

    /// The addresses that SDP may offer, the first by default; never empty, never `0.0.0.0`.
    pub fn media_addresses(&self) -> Vec<IpAddr> {
        match &self.media.address {
            Some(given) => given.clone(),
            None => {
                let listen = self.sip.listen.iter().map(|listener| listener.addr.ip());
                let networks = self.networks.iter().map(|network| network.address);
                let mut own: Vec<IpAddr> = networks.chain(listen).collect();
                own.retain(|ip| !ip.is_unspecified());
                let mut seen = Vec::new();
                own.retain(|ip| {
                    !seen.contains(ip) && {
                        seen.push(*ip);
                        true
                    }
                });
                own
            }
        }
    }

    /// The networks that we are on.
    pub fn networks(&self) -> Networks {
        network::attached(&self.networks)
    }

    /// What is bound, and as what it is shown where no network says otherwise: the listeners as they
    /// stand, but for one on all addresses those of the networks of its family, where there are any.
    pub fn listeners(&self) -> Vec<(SipAddress, IpAddr)> {
        let mut bound: Vec<(SipAddress, IpAddr)> = Vec::new();
        for listener in &self.sip.listen {
            let any = listener.addr.ip().is_unspecified();
            let fits =
                |network: &&Network| any && network.address.is_ipv4() == listener.addr.is_ipv4();
            let mut networks = self.networks.iter().filter(fits).peekable();
            if networks.peek().is_none() {
                bound.push((*listener, self.advertised(listener.addr).ip()));
            }
            for network in networks {
                let addr = SocketAddr::new(network.address, listener.addr.port());
                let one = (SipAddress { addr, ..*listener }, network.address);
                if !bound.contains(&one) {
                    bound.push(one);
                }
            }
        }
        bound
    }

    /// What Via and Contact show for a listener bound to `local`.
    pub fn advertised(&self, local: SocketAddr) -> SocketAddr {
        let ip = match self.sip.advertise {
            Some(ip) => ip,
            None if local.ip().is_unspecified() => {
                let same_family = |ip: &IpAddr| ip.is_ipv4() == local.is_ipv4();
                let addresses = self.media_addresses();
                let fit = addresses.iter().copied().find(same_family);
                fit.or(addresses.first().copied()).unwrap_or(local.ip())
            }
            None => local.ip(),
        };
        SocketAddr::new(ip, local.port())
    }

    /// The domain of phones' addresses and the realm of their passwords.
    pub fn domain(&self) -> String {
        match (&self.sip.domain, self.sip.listen.first()) {
            (Some(domain), _) => domain.to_string(),
            (None, Some(first)) => match self.advertised(first.addr).ip() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            },
            (None, None) => "localhost".into(),
        }
    }

    /// Where recordings go.
    pub fn recordings_dir(&self) -> PathBuf {
        self.record.dir.clone().unwrap_or_else(|| self.node.data_dir.join("recordings"))
    }

    /// The SQLite file of the records.
    pub fn database(&self) -> PathBuf {
        let given = self.store.url.as_ref().map(|url| url.path().to_owned());
        given.unwrap_or_else(|| self.node.data_dir.join("belfry.db"))
    }

    /// Where reports are kept.
    pub fn reports_dir(&self) -> PathBuf {
        self.node.data_dir.join("reports")
    }

    /// Where the journal is kept.
    pub fn journal_dir(&self) -> PathBuf {
        self.node.data_dir.join("journal")
    }

    /// Most calls at once: what `[limits]` says, else what the ports carry, up to 1000.
    pub fn max_calls(&self) -> u32 {
        self.limits
            .calls
            .unwrap_or_else(|| DEFAULT_CALLS.min(self.media.ports.pairs() / self.streams_a_call()))
    }

    /// Every file that it names, but for the dialplan, prompts, records and recordings: what a back-up must have
    /// and, where it is secret, what others must not read.
    pub fn files(&self) -> Vec<NamedFile> {
        let secret = |path: &PathBuf| NamedFile { path: path.clone(), secret: true };
        let shown = |path: &PathBuf| NamedFile { path: path.clone(), secret: false };
        let secrets = secrets!(self, iter).filter_map(|(.., file, _)| file.as_ref().map(secret));
        let keys = self.certificates.iter().map(|c| secret(&c.key));
        let chains = self.certificates.iter().map(|c| shown(&c.chain));
        let recordings = self.record.key_file.iter().map(secret);
        let trusted =
            [&self.tls.ca, &self.tls.client_ca, &self.mail.ca].into_iter().flatten().map(shown);
        secrets.chain(keys).chain(recordings).chain(chains).chain(trusted).collect()
    }

    /// Fetches the passwords that lie in files or in the environment. `fetch` gives the text found
    /// there, or why there is none; of a file the first line counts. What cannot be had is a fault
    /// at the phone's or the gateway's place.
    pub fn resolve_secrets(
        &mut self,
        mut fetch: impl FnMut(&SecretSource) -> Result<String, String>,
    ) -> Result<(), Vec<Fault>> {
        let mut faults = Vec::new();
        let all = secrets!(self, iter_mut, mut);
        for (at, whose, password, file, env) in all {
            let source = match (&password, file, env) {
                (None, Some(path), _) => SecretSource::File(path.clone()),
                (None, None, Some(name)) => SecretSource::Env(name.as_str().into()),
                _ => continue,
            };
            let first_line = |text: String| text.lines().next().unwrap_or("").to_owned();
            let found = fetch(&source).map(first_line);
            let secret = found.and_then(|text| {
                Secret::new(text).ok_or_else(|| "its first line is not a password".to_owned())
            });
            match secret {
                Ok(secret) => *password = Some(secret),
                Err(why) => faults.push(Fault {
                    line: at.line,
                    column: at.column,
                    severity: Severity::Error,
                    what: format!("the password of {whose} cannot be had from {source}: {why}"),
                    remedy: "put the password there, readable by Belfry's user alone".into(),
                }),
            }
        }
        let short =
            |t: &&Token| t.token.as_ref().is_some_and(|t| t.expose().len() < http::MIN_TOKEN);
        faults.extend(self.tokens.iter().filter(short).map(|t| Fault {
            line: t.at.line,
            column: t.at.column,
            severity: Severity::Error,
            what: format!("the token \"{}\" is short", t.name),
            remedy: format!("let it have {} bytes at least", http::MIN_TOKEN),
        }));
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

#[cfg(test)]
mod tests;
