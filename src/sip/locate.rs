//! Where a SIP system of a given name is reached: transports, addresses and ports, the best first (RFC 3263
//! §4). Asks for nothing itself: it says which questions are to be put to the DNS and takes the answers.
//!
//! ```text
//!  name ┬─ port written ───────────────────────────────────────────────▶ addresses of the name
//!       ├─ transport written ─▶ SRV of that ───────┬─ some ─▶ addresses of their hosts
//!       └─ neither ─▶ NAPTR ┬─ some ─▶ their SRV ──┤
//!                           └─ none ─▶ SRV of each ┴─ none ─▶ addresses of the name
//! ```
//!
//! What is found comes with the time for which it holds. Not here: what is kept meanwhile, and which of
//! the hops is tried after one that failed.

use core::net::{IpAddr, SocketAddr};

use crate::base::{Duration, Rng};
use crate::wire::dns::{Answer, DnsName, Kind, Question, Record};

use super::flow::Transport;

/// The most services asked after, hosts asked after and hops found: a zone with more is cut.
const MOST_SERVICES: usize = 6;
const MOST_HOSTS: usize = 16;
const MOST_HOPS: usize = 32;

/// What is to be found.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct Wanted {
    /// The domain or host.
    pub name: DnsName,
    /// The port, where one is written: then there is nothing to choose.
    pub port: Option<u16>,
    /// The transport, where one is written.
    pub transport: Option<Transport>,
}

/// By what we can reach anybody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Means {
    /// The transports on which we have a socket, the preferred first.
    pub transports: Vec<Transport>,
    /// Whether one of them has an IPv4 address.
    pub v4: bool,
    /// Whether one of them has an IPv6 address.
    pub v6: bool,
}

/// One place where it is reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Hop {
    /// How.
    pub transport: Transport,
    /// Address and port.
    pub addr: SocketAddr,
}

/// What came of the answers so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Answers are still missing.
    Waiting,
    /// These are to be asked now.
    Ask(Vec<Question>),
    /// It is reached here, the best first.
    Found {
        /// At least one.
        hops: Vec<Hop>,
        /// For how long that holds.
        ttl: Duration,
    },
    /// It is not reached.
    Nothing {
        /// Why, in words.
        why: String,
    },
}

/// One search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Locate {
    wanted: Wanted,
    means: Means,
    stage: Stage,
    ttl: Duration,
    /// The first failure: it is why, where nothing is found.
    failed: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    Naptr,
    Services(Vec<Service>),
    Hosts(Vec<Host>),
}

/// The SRV records of one transport.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Service {
    transport: Transport,
    name: DnsName,
    answer: Option<Answer>,
}

/// A host with one of its kinds of address.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Host {
    transport: Transport,
    question: Question,
    port: u16,
    answer: Option<Answer>,
}

impl Locate {
    /// Begins a search; the step is [`Step::Ask`], or [`Step::Nothing`] when we have no transport for it.
    pub fn new(wanted: Wanted, means: Means) -> (Locate, Step) {
        let ttl = Duration::MAX;
        let mut search = Locate { wanted, means, stage: Stage::Naptr, ttl, failed: None };
        let step = match (search.wanted.port, search.wanted.transport) {
            (Some(_), transport) => search.plain(transport.unwrap_or(Transport::Udp)),
            (None, Some(transport)) => search.services(vec![transport]),
            (None, None) => {
                let name = search.wanted.name.clone();
                Step::Ask(vec![Question { name, kind: Kind::Naptr }])
            }
        };
        (search, step)
    }

    /// An answer has come; one to a question that this search has not put changes nothing.
    pub fn answered(&mut self, question: &Question, answer: &Answer, rng: &mut Rng) -> Step {
        match &mut self.stage {
            Stage::Naptr => {
                if question.kind != Kind::Naptr || question.name != self.wanted.name {
                    return Step::Waiting;
                }
                self.heed(answer);
                self.naptr(answer)
            }
            Stage::Services(services) => {
                let open = |service: &&mut Service| {
                    question.kind == Kind::Srv
                        && service.answer.is_none()
                        && service.name == question.name
                };
                let mut fits = false;
                for service in services.iter_mut().filter(open) {
                    service.answer = Some(answer.clone());
                    fits = true;
                }
                let done = services.iter().all(|service| service.answer.is_some());
                if fits {
                    self.heed(answer);
                }
                if fits && done { self.hosts(rng) } else { Step::Waiting }
            }
            Stage::Hosts(hosts) => {
                let open = |host: &&mut Host| host.answer.is_none() && host.question == *question;
                let mut fits = false;
                for host in hosts.iter_mut().filter(open) {
                    host.answer = Some(answer.clone());
                    fits = true;
                }
                let done = hosts.iter().all(|host| host.answer.is_some());
                if fits {
                    self.heed(answer);
                }
                if fits && done { self.found() } else { Step::Waiting }
            }
        }
    }

    /// What every answer says besides its records.
    fn heed(&mut self, answer: &Answer) {
        match answer {
            Answer::Records { ttl, .. } => self.ttl = self.ttl.min(*ttl),
            Answer::Failed { why } => {
                self.failed.get_or_insert_with(|| why.clone());
            }
        }
    }

    /// §4.1: the services of the domain that we can use, in its order. A server that cannot say leaves
    /// the SRV records to be asked; when those fail too, the search has failed.
    fn naptr(&mut self, answer: &Answer) -> Step {
        let Answer::Records { records, .. } = answer else { return self.every_service() };
        let mut usable: Vec<(u16, u16, Transport, DnsName)> = (records.iter())
            .filter_map(|record| match record {
                Record::Naptr { order, preference, flags, services, replacement } => {
                    let transport = transport_of(services)?;
                    let usable = flags.eq_ignore_ascii_case("s")
                        && self.means.transports.contains(&transport);
                    usable.then(|| (*order, *preference, transport, replacement.clone()))
                }
                _ => None,
            })
            .collect();
        if usable.is_empty() {
            return self.every_service();
        }
        usable.sort();
        usable.truncate(MOST_SERVICES);
        let service = |(_, _, transport, name)| Service { transport, name, answer: None };
        self.ask_services(usable.into_iter().map(service).collect())
    }

    fn every_service(&mut self) -> Step {
        self.services(self.means.transports.clone())
    }

    /// SRV of the name, for these transports.
    fn services(&mut self, transports: Vec<Transport>) -> Step {
        let service = |transport: Transport| {
            let name = self.wanted.name.service(service_of(transport)?)?;
            Some(Service { transport, name, answer: None })
        };
        let services: Vec<Service> = transports.into_iter().filter_map(service).collect();
        self.ask_services(services)
    }

    fn ask_services(&mut self, services: Vec<Service>) -> Step {
        if services.is_empty() {
            let transport = self.wanted.transport.or(self.means.transports.first().copied());
            return self.plain(transport.unwrap_or(Transport::Udp));
        }
        let question = |service: &Service| Question { name: service.name.clone(), kind: Kind::Srv };
        let questions = services.iter().map(question).collect();
        self.stage = Stage::Services(services);
        Step::Ask(questions)
    }

    /// §4.2: the hosts of the services, each service's by priority and drawn by weight; the name itself
    /// where there is no SRV record.
    fn hosts(&mut self, rng: &mut Rng) -> Step {
        let Stage::Services(services) = &self.stage else { return Step::Waiting };
        let mut wanted = Vec::new();
        let (mut denied, mut silent) = (false, false);
        for service in services {
            match &service.answer {
                Some(Answer::Records { records, .. }) => {
                    denied |= records.iter().any(|r| matches!(r, Record::Srv { target: None, .. }));
                    let drawn = drawn(records, rng).into_iter();
                    wanted.extend(drawn.map(|(host, port)| (service.transport, host, port)));
                }
                _ => silent = true,
            }
        }
        if !wanted.is_empty() {
            wanted.truncate(MOST_HOSTS);
            return self.ask_hosts(&wanted);
        }
        if denied || silent {
            // The address of the name would be another machine than the one that SRV records name.
            let denied = format!("{} says that it has no SIP", self.wanted.name);
            return Step::Nothing { why: self.failed.take().unwrap_or(denied) };
        }
        let has_udp = self.means.transports.contains(&Transport::Udp);
        let first = if has_udp { Some(Transport::Udp) } else { None };
        let any = first.or(self.means.transports.first().copied()).unwrap_or(Transport::Udp);
        self.plain(self.wanted.transport.unwrap_or(any))
    }

    /// The addresses of the name itself.
    fn plain(&mut self, transport: Transport) -> Step {
        let port = self.wanted.port.unwrap_or(transport.default_port());
        let name = self.wanted.name.clone();
        self.ask_hosts(&[(transport, name, port)])
    }

    fn ask_hosts(&mut self, wanted: &[(Transport, DnsName, u16)]) -> Step {
        let kinds = [(Kind::A, self.means.v4), (Kind::Aaaa, self.means.v6)];
        let kinds = kinds.into_iter().filter(|(_, have)| *have).map(|(kind, _)| kind);
        let host = |(transport, name, port): &(Transport, DnsName, u16), kind| Host {
            transport: *transport,
            question: Question { name: name.clone(), kind },
            port: *port,
            answer: None,
        };
        let hosts: Vec<Host> = (wanted.iter())
            .filter(|(transport, ..)| self.means.transports.contains(transport))
            .flat_map(|one| kinds.clone().map(move |kind| host(one, kind)))
            .collect();
        if hosts.is_empty() {
            let why = format!("nothing in [sip] listen reaches {}", self.wanted.name);
            return Step::Nothing { why };
        }
        let mut questions: Vec<Question> = hosts.iter().map(|h| h.question.clone()).collect();
        questions.sort();
        questions.dedup();
        self.stage = Stage::Hosts(hosts);
        Step::Ask(questions)
    }

    fn found(&mut self) -> Step {
        let Stage::Hosts(hosts) = &self.stage else { return Step::Waiting };
        let mut hops: Vec<Hop> = Vec::new();
        for host in hosts {
            let Some(Answer::Records { records, .. }) = &host.answer else { continue };
            for record in records {
                let Record::Address(ip) = record else { continue };
                let hop = Hop { transport: host.transport, addr: SocketAddr::new(*ip, host.port) };
                if is_a_machine(*ip) && !hops.contains(&hop) && hops.len() < MOST_HOPS {
                    hops.push(hop);
                }
            }
        }
        if hops.is_empty() {
            let none = format!("{} has no address", self.wanted.name);
            return Step::Nothing { why: self.failed.take().unwrap_or(none) };
        }
        Step::Found { hops, ttl: self.ttl }
    }
}

/// Whether a packet can be sent there.
fn is_a_machine(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

/// The transport of a NAPTR service field (§4.1).
fn transport_of(services: &str) -> Option<Transport> {
    let known =
        [("SIP+D2U", Transport::Udp), ("SIP+D2T", Transport::Tcp), ("SIPS+D2T", Transport::Tls)];
    let found = known.into_iter().find(|(name, _)| services.eq_ignore_ascii_case(name));
    found.map(|(_, transport)| transport)
}

/// The prefix of a transport's SRV records; none for WebSocket, which browsers alone speak.
fn service_of(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::Udp => Some("_sip._udp"),
        Transport::Tcp => Some("_sip._tcp"),
        Transport::Tls => Some("_sips._tcp"),
        Transport::Ws | Transport::Wss => None,
    }
}

/// The hosts of SRV records: by priority, and among equals drawn by weight (RFC 2782).
fn drawn(records: &[Record], rng: &mut Rng) -> Vec<(DnsName, u16)> {
    let mut left: Vec<(u16, u16, DnsName, u16)> = (records.iter())
        .filter_map(|record| match record {
            Record::Srv { priority, weight, port, target: Some(target) } if *port != 0 => {
                Some((*priority, *weight, target.clone(), *port))
            }
            _ => None,
        })
        .collect();
    // Those of weight 0 first, so that they are drawn now and then.
    left.sort();
    let mut order = Vec::with_capacity(left.len());
    while let Some(&(priority, ..)) = left.first() {
        let equal = left.iter().take_while(|one| one.0 == priority).count();
        let sum: u64 = left.iter().take(equal).map(|one| u64::from(one.1)).sum();
        let lot = rng.below(sum + 1);
        let mut running = 0;
        let reached = left.iter().take(equal).position(|one| {
            running += u64::from(one.1);
            running >= lot
        });
        let (.., target, port) = left.remove(reached.unwrap_or(0));
        order.push((target, port));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DnsName {
        DnsName::parse(text).unwrap()
    }
    fn wanted(port: Option<u16>, transport: Option<Transport>) -> Wanted {
        Wanted { name: name("example.cn"), port, transport }
    }
    fn means(v6: bool) -> Means {
        let transports = vec![Transport::Udp, Transport::Tcp, Transport::Tls];
        Means { transports, v4: true, v6 }
    }
    fn records(records: Vec<Record>, ttl_s: u64) -> Answer {
        Answer::Records { records, ttl: Duration::from_secs(ttl_s) }
    }
    fn failed() -> Answer {
        Answer::Failed { why: "no server answers".into() }
    }
    fn a(ip: &str) -> Record {
        Record::Address(ip.parse().unwrap())
    }
    fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Record {
        Record::Srv { priority, weight, port, target: DnsName::parse(target) }
    }
    fn naptr(order: u16, preference: u16, services: &str, replacement: &str) -> Record {
        let (flags, services) = ("s".into(), services.into());
        Record::Naptr { order, preference, flags, services, replacement: name(replacement) }
    }

    /// The whole search against a zone; what the zone has not is certainly not there.
    fn search(wanted: Wanted, means: Means, zone: &[(Kind, &str, Answer)]) -> (Vec<String>, Step) {
        let mut rng = Rng::from_seed(7);
        let (mut search, mut step) = Locate::new(wanted, means);
        let mut asked = Vec::new();
        while let Step::Ask(questions) = step {
            step = Step::Waiting;
            for question in questions {
                asked.push(question.to_string());
                let there = |(k, n, _): &&(Kind, &str, Answer)| {
                    (*k, *n) == (question.kind, question.name.as_str())
                };
                let answer = zone.iter().find(there).map(|(.., answer)| answer.clone());
                let answer = answer.unwrap_or(records(vec![], 300));
                assert_eq!(step, Step::Waiting, "no step before the last answer");
                step = search.answered(&question, &answer, &mut rng);
                assert_eq!(search.answered(&question, &answer, &mut rng), Step::Waiting, "twice");
            }
        }
        (asked, step)
    }
    fn hops(step: &Step) -> Vec<String> {
        let Step::Found { hops, .. } = step else { panic!("{step:?}") };
        hops.iter().map(|hop| format!("{} {}", hop.transport.via_name(), hop.addr)).collect()
    }

    #[test]
    fn the_domain_says_which_transport_and_which_hosts() {
        let zone = [
            (
                Kind::Naptr,
                "example.cn",
                records(
                    vec![
                        naptr(50, 50, "sip+d2u", "_sip._udp.example.cn"),
                        naptr(10, 50, "SIPS+D2T", "_sips._tcp.other.cn"),
                        naptr(5, 5, "SIP+D2S", "_sip._sctp.example.cn"),
                        naptr(5, 5, "E2U+sip", "x.example.cn"),
                    ],
                    3_600,
                ),
            ),
            (
                Kind::Srv,
                "_sips._tcp.other.cn",
                records(vec![srv(20, 0, 5061, "b.other.cn"), srv(10, 0, 5062, "a.other.cn")], 60),
            ),
            (Kind::Srv, "_sip._udp.example.cn", records(vec![srv(1, 1, 5070, "b.other.cn")], 600)),
            (Kind::A, "a.other.cn", records(vec![a("192.0.2.1"), a("0.0.0.0")], 600)),
            (Kind::A, "b.other.cn", records(vec![a("192.0.2.2")], 600)),
            (Kind::Aaaa, "a.other.cn", records(vec![a("2001:db8::1")], 600)),
        ];
        let (asked, step) = search(wanted(None, None), means(true), &zone);
        assert_eq!(
            asked[..3],
            ["NAPTR example.cn", "SRV _sips._tcp.other.cn", "SRV _sip._udp.example.cn"]
        );
        let found = [
            "TLS 192.0.2.1:5062",
            "TLS [2001:db8::1]:5062",
            "TLS 192.0.2.2:5061",
            "UDP 192.0.2.2:5070",
        ];
        assert_eq!(hops(&step), found);
        assert!(matches!(step, Step::Found { ttl, .. } if ttl == Duration::from_secs(60)));
        let (asked, step) = search(wanted(None, None), means(false), &zone);
        assert!(!asked.iter().any(|question| question.starts_with("AAAA")));
        assert_eq!(hops(&step).len(), 3);
    }

    #[test]
    fn what_is_written_is_not_asked() {
        let zone = [
            (Kind::Srv, "_sip._tcp.example.cn", records(vec![srv(1, 1, 5070, "b.other.cn")], 600)),
            (Kind::A, "b.other.cn", records(vec![a("192.0.2.2")], 600)),
            (Kind::A, "example.cn", records(vec![a("192.0.2.9")], 600)),
        ];
        let tcp = Some(Transport::Tcp);
        let (asked, step) = search(wanted(None, tcp), means(false), &zone);
        assert_eq!(asked, ["SRV _sip._tcp.example.cn", "A b.other.cn"]);
        assert_eq!(hops(&step), ["TCP 192.0.2.2:5070"]);
        let (asked, step) = search(wanted(Some(5080), tcp), means(false), &zone);
        assert_eq!((asked.len(), hops(&step)), (1, vec!["TCP 192.0.2.9:5080".to_owned()]));
        let (_, step) = search(wanted(Some(5080), None), means(false), &zone);
        assert_eq!(hops(&step), ["UDP 192.0.2.9:5080"]);
        let (_, step) = search(wanted(None, Some(Transport::Tls)), means(false), &zone);
        assert_eq!(hops(&step), ["TLS 192.0.2.9:5061"], "no SRV: the name itself");
    }

    #[test]
    fn without_naptr_each_transport_is_asked_and_without_srv_the_name() {
        let zone = [(Kind::A, "example.cn", records(vec![a("192.0.2.9")], 600))];
        let (asked, step) = search(wanted(None, None), means(false), &zone);
        let services = ["_sip._udp", "_sip._tcp", "_sips._tcp"];
        assert_eq!(asked[1..4], services.map(|s| format!("SRV {s}.example.cn")));
        assert_eq!(hops(&step), ["UDP 192.0.2.9:5060"]);
    }

    #[test]
    fn a_silent_or_denying_zone_gives_no_guess() {
        let address = (Kind::A, "example.cn", records(vec![a("192.0.2.9")], 600));
        let silent = [(Kind::Srv, "_sip._tcp.example.cn", failed()), address.clone()];
        let (_, step) = search(wanted(None, Some(Transport::Tcp)), means(false), &silent);
        assert_eq!(step, Step::Nothing { why: "no server answers".into() });
        let denies =
            [(Kind::Srv, "_sip._tcp.example.cn", records(vec![srv(0, 0, 5060, ".")], 60)), address];
        let (_, step) = search(wanted(None, Some(Transport::Tcp)), means(false), &denies);
        assert_eq!(step, Step::Nothing { why: "example.cn says that it has no SIP".into() });
        let (_, step) = search(wanted(Some(5060), None), means(false), &[]);
        assert_eq!(step, Step::Nothing { why: "example.cn has no address".into() });
        let none = Means { transports: vec![Transport::Udp], v4: true, v6: false };
        let (_, step) = search(wanted(Some(5061), Some(Transport::Tls)), none, &[]);
        assert_eq!(
            step,
            Step::Nothing { why: "nothing in [sip] listen reaches example.cn".into() }
        );
    }

    #[test]
    fn hosts_of_one_priority_share_by_weight() {
        let records = [
            srv(2, 9, 5060, "later.cn"),
            srv(1, 0, 5060, "never.cn"),
            srv(1, 3, 5060, "three.cn"),
            srv(1, 1, 5060, "one.cn"),
        ];
        let mut rng = Rng::from_seed(1);
        let mut first = std::collections::BTreeMap::<String, u32>::new();
        for _ in 0..4_000 {
            let order = drawn(&records, &mut rng);
            assert_eq!(order.len(), 4);
            assert_eq!(order[3].0.as_str(), "later.cn");
            *first.entry(order[0].0.to_string()).or_default() += 1;
        }
        // The lot falls on 0, 1, 2 … of five places: RFC 2782's own small share for weight 0.
        for (name, share) in [("never.cn", 800), ("one.cn", 800), ("three.cn", 2_400)] {
            let seen = first[name];
            assert!(seen.abs_diff(share) < 150, "{name}: {seen}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_zone_ends_the_search(
            seed in 0u64..1_000,
            kinds in proptest::collection::vec(0u8..5, 1..60),
        ) {
            let mut rng = Rng::from_seed(seed);
            let (mut search, mut step) = Locate::new(wanted(None, None), means(true));
            let mut open: Vec<Question> = Vec::new();
            let mut kinds = kinds.into_iter().cycle();
            for _ in 0..200 {
                if let Step::Ask(questions) = &step { open.extend(questions.iter().cloned()); }
                if matches!(step, Step::Found { .. } | Step::Nothing { .. }) { break; }
                let question = open.swap_remove(rng.below(open.len() as u64) as usize);
                let answer = match kinds.next().unwrap_or(0) {
                    0 => failed(),
                    1 => records(vec![], 1),
                    2 => records((0..40).map(|n| srv(n % 3, n, n, "h.cn")).collect(), 9),
                    3 => records((0..40).map(|n| naptr(n, n, "SIP+D2T", "h.cn")).collect(), 9),
                    _ => records((0..40).map(|n| a(&format!("192.0.2.{n}"))).collect(), 9),
                };
                step = search.answered(&question, &answer, &mut rng);
            }
            let ended = matches!(step, Step::Found { .. } | Step::Nothing { .. });
            proptest::prop_assert!(ended);
        }
    }
}
