//! The DNS: puts the questions of `sip::locate` to the servers and gives back what they say.
//!
//! The servers are those of the configuration, else the system's (`/etc/resolv.conf`); what
//! `/etc/hosts` says comes first. Names are whole ones: the system's search list is not tried.
//! Answers are kept for their time to live, and so is a name's absence, for [`ABSENT`] where the zone
//! says no time.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::wire::dns::{Answer, DnsName, Kind, Question, Record};

/// How long one server has for one answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a question is put to it.
const ATTEMPTS: usize = 2;
/// For how long a name is absent whose zone does not say.
const ABSENT: Duration = Duration::from_secs(30);
/// The most records looked at in one answer.
const MOST_RECORDS: usize = 64;

/// Who answers questions.
pub struct Resolver {
    /// Or why there is nobody to ask.
    servers: Result<TokioResolver, String>,
}

impl Resolver {
    /// Asks these servers; none: the system's. Must be called within a tokio runtime.
    pub fn new(servers: &[SocketAddr]) -> Resolver {
        let builder = match servers {
            [] => TokioResolver::builder_tokio(),
            own => {
                let own = own.iter().map(|at| name_server(*at)).collect();
                let config = ResolverConfig::from_name_servers(own);
                Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
            }
        };
        let built = builder.and_then(|mut builder| {
            let options = builder.options_mut();
            options.timeout = PATIENCE;
            options.attempts = ATTEMPTS;
            builder.build()
        });
        let remedy = "correct /etc/resolv.conf, or write [sip] dns_servers";
        Resolver { servers: built.map_err(|error| format!("no DNS: {error}; {remedy}")) }
    }

    /// The answer to a question; comes within some seconds in any case.
    pub async fn ask(&self, question: &Question) -> Answer {
        let servers = match &self.servers {
            Ok(servers) => servers,
            Err(why) => return Answer::Failed { why: why.clone() },
        };
        let Ok(name) = Name::from_ascii(format!("{}.", question.name)) else {
            return Answer::Failed { why: format!("{} is no name", question.name) };
        };
        let kind = match question.kind {
            Kind::Naptr => RecordType::NAPTR,
            Kind::Srv => RecordType::SRV,
            Kind::A => RecordType::A,
            Kind::Aaaa => RecordType::AAAA,
        };
        match servers.lookup(name, kind).await {
            Ok(found) => {
                let holds =
                    found.valid_until().saturating_duration_since(std::time::Instant::now());
                let records = found.answers().iter().filter_map(|one| record(&one.data));
                Answer::Records { records: records.take(MOST_RECORDS).collect(), ttl: holds }
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let said = none.negative_ttl.map(|s| Duration::from_secs(s.into()));
                Answer::Records { records: vec![], ttl: said.unwrap_or(ABSENT) }
            }
            Err(error) => Answer::Failed { why: format!("DNS, {question}: {error}") },
        }
    }
}

/// A server that is asked by datagram, and over TCP where an answer does not fit into one.
fn name_server(at: SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = at.port();
    }
    NameServerConfig::new(at.ip(), true, connections)
}

/// A record as `sip::locate` takes it; `None`: it has no use for it.
fn record(data: &RData) -> Option<Record> {
    let name = |name: &Name| DnsName::parse(&name.to_ascii());
    let text = |bytes: &[u8]| core::str::from_utf8(bytes).ok().map(Box::from);
    match data {
        RData::A(a) => Some(Record::Address(a.0.into())),
        RData::AAAA(aaaa) => Some(Record::Address(aaaa.0.into())),
        RData::SRV(srv) => Some(Record::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: match srv.target.is_root() {
                true => None,
                false => Some(name(&srv.target)?),
            },
        }),
        RData::NAPTR(naptr) => Some(Record::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags)?,
            services: text(&naptr.services)?,
            replacement: name(&naptr.replacement)?,
        }),
        _ => None,
    }
}
