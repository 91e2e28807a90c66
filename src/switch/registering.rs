//! Our registrations with providers: the REGISTER of each, what its answer means, and whose call it is
//! that comes to the contact that we gave (RFC 3261 §10.2). When to ask `trunk::registration` says.
//!
//! ```text
//!  REGISTER sip:provider        ──▶ 401 (answered by the agent) ──▶ 200, Contact …;expires=600
//!    Contact: <sip:TOKEN@us>          provider: INVITE sip:TOKEN@us, To: the number dialled
//! ```
//!
//! The contact's user is a token of chance: who calls it, from whatever address of the provider's, has it
//! from the registrar, and is the gateway. One that was given over TLS was read by nobody else, so over
//! anything else it is not believed.

use std::collections::BTreeMap;

use crate::base::{Now, Rng, Time};
use crate::config::{Config, Gateway, Peer};
use crate::sip::{ClientTxn, Command, Flow, Headers};
use crate::trunk::registration::{Answer, Registration, Turn};
use crate::wire::sip::{CSeq, Contacts, Host, Message, Method, Name, NameAddr, ToWire, Uri};

use super::arrival::user;
use super::fact::FactKind;
use super::identity::Shown;
use super::outbound::{credentials, sip_transport};
use super::{Level, Switch};

/// The first registrations after a start are spread over so many milliseconds.
const SPREAD_MS: u64 = 2_000;
/// CSeq numbers that one REGISTER may take: itself, and again for each challenge.
const CSEQS: u32 = 8;

/// One registration under way or in being.
struct One {
    /// As configured: what differs begins anew.
    gateway: Gateway,
    registration: Registration,
    /// The user of our contact.
    token: String,
    /// Of all its REGISTERs (§10.2.4).
    call_id: String,
    cseq: u32,
}

/// Our registrations.
#[derive(Default)]
pub(super) struct Registering {
    all: BTreeMap<String, One>,
    asked: BTreeMap<ClientTxn, String>,
}

impl Registering {
    /// When the first is due.
    pub(super) fn next_wake(&self) -> Option<Time> {
        self.all.values().filter_map(|one| one.registration.wake()).min()
    }
    /// The gateway to which we gave this contact.
    pub(super) fn by_contact(&self, token: &str) -> Option<&str> {
        let mut all = self.all.iter();
        all.find(|(_, one)| one.token == token).map(|(name, _)| name.as_str())
    }
    /// How the one of that gateway stands, in words for people; empty: it has none.
    pub(super) fn words(&self, gateway: &str, now: Time) -> String {
        let Some(one) = self.all.get(gateway) else { return String::new() };
        let failing = one.registration.failing().map(|(times, status)| match status {
            0 => format!("no answer, {times} times"),
            status => format!("{status}, {times} times"),
        });
        let holds = one.registration.until().filter(|_| one.registration.is_registered(now));
        match (holds, failing) {
            (Some(until), None) => format!("for {} s", until.since(now).as_secs()),
            (Some(until), Some(why)) => format!("for {} s ({why})", until.since(now).as_secs()),
            (None, Some(why)) => format!("no ({why})"),
            (None, None) => "not yet".into(),
        }
    }

    /// Whether the last try of that gateway's came to nothing.
    pub(super) fn fails(&self, gateway: &str) -> bool {
        self.all.get(gateway).is_some_and(|one| one.registration.failing().is_some())
    }

    /// The registrations of a configuration; those that it does not change go on. Gives those that are
    /// no more and still hold.
    fn configure(&mut self, config: &Config, now: Time, rng: &mut Rng) -> Vec<One> {
        let mut old = core::mem::take(&mut self.all);
        for gateway in config.gateways.iter().filter(|gateway| gateway.register) {
            let name = gateway.name.to_string();
            let same = old.get(&name).is_some_and(|one| is_same(&one.gateway, gateway));
            let kept = if same { old.remove(&name) } else { None };
            let one = kept.unwrap_or_else(|| One {
                gateway: gateway.clone(),
                registration: Registration::new(
                    gateway.register_expires,
                    now + core::time::Duration::from_millis(rng.below(SPREAD_MS)),
                ),
                token: format!("{:016x}", rng.next_u64()),
                call_id: format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64()),
                cseq: 1,
            });
            self.all.insert(name, one);
        }
        self.asked.retain(|_, name| !old.contains_key(name));
        old.retain(|_, one| one.registration.is_registered(now));
        old.into_values().collect()
    }
}

/// Whether two configurations of a gateway ask for the same registration.
fn is_same(a: &Gateway, b: &Gateway) -> bool {
    let of = |g: &Gateway| {
        let password = g.password.as_ref().map(|p| p.expose().to_owned());
        let login = (g.username.clone(), password, g.digest_least);
        (g.address.clone(), g.outbound_proxy.clone(), g.domain.clone(), g.register_expires, login)
    };
    of(a) == of(b)
}

impl Switch {
    /// Puts a configuration's registrations in force.
    pub(super) fn configure_registrations(&mut self, now: Now) {
        if self.draining {
            return;
        }
        for mut gone in self.registering.configure(&self.config, now.at, &mut self.rng) {
            // Its answer is nobody's: the binding ends by itself if it does not come.
            self.send_register(now, &mut gone, 0);
        }
    }

    /// The exchange is about to stop: providers send their calls elsewhere.
    pub(super) fn end_registrations(&mut self, now: Now) {
        for (_, mut one) in core::mem::take(&mut self.registering.all) {
            if one.registration.is_registered(now.at) {
                self.send_register(now, &mut one, 0);
            }
        }
    }

    /// What is due: first and renewed REGISTERs, bindings whose time is over.
    pub(super) fn registrations_due(&mut self, now: Now) {
        let names: Vec<String> = self.registering.all.keys().cloned().collect();
        for name in names {
            let Some(one) = self.registering.all.get_mut(&name) else { continue };
            let (turn, ask) = (one.registration.expire(now.at), one.registration.ask(now.at));
            if let Some(turn) = turn {
                self.registration_turned(now, &name, turn, "it was not renewed");
            }
            if ask {
                self.register_with(now, &name);
            }
        }
    }

    fn register_with(&mut self, now: Now, name: &str) {
        let Some(mut one) = self.registering.all.remove(name) else { return };
        let seconds = u32::try_from(one.registration.expires().as_secs()).unwrap_or(u32::MAX);
        let sent = self.send_register(now, &mut one, seconds);
        self.registering.all.insert(name.to_owned(), one);
        match sent {
            Some(txn) => {
                self.registering.asked.insert(txn, name.to_owned());
            }
            None => self.registered(now, name, Answer::Silent),
        }
    }

    fn send_register(&mut self, now: Now, one: &mut One, seconds: u32) -> Option<ClientTxn> {
        let flow = self.flow_to_gateway(now, &one.gateway)?;
        let txn = self.agent.new_request();
        let username = one.gateway.username.as_ref().map(|name| name.as_str());
        let aor = NameAddr::new(address(&one.gateway, username));
        let contact =
            Shown::new([Some(one.token.as_str())], None).contact(self.seen(flow), &aor.uri);
        let cseq = CSeq { number: one.cseq, method: Method::Register };
        one.cseq = one.cseq.wrapping_add(CSEQS) & 0x7fff_ffff;
        let mut headers: Headers = vec![
            (Name::CallId, one.call_id.clone().into_bytes()),
            (Name::CSeq, cseq.to_bytes()),
            (Name::Contact, NameAddr::new(contact).to_bytes()),
            (Name::Expires, seconds.to_string().into_bytes()),
        ];
        let routes = routes(&one.gateway);
        headers.extend(routes.into_iter().map(|uri| (Name::Route, NameAddr::new(uri).to_bytes())));
        let register = Command::Request {
            txn,
            flow,
            method: Method::Register,
            target: address(&one.gateway, None),
            from: aor.clone(),
            to: aor,
            headers,
            body: None,
            credentials: credentials(&one.gateway),
        };
        self.ask(now, register).then_some(txn)
    }

    /// The answer to a request outside calls, if it is a REGISTER's: `true`.
    pub(super) fn register_answered(
        &mut self,
        now: Now,
        txn: ClientTxn,
        response: Option<&Message>,
    ) -> bool {
        let Some(name) = self.registering.asked.remove(&txn) else { return false };
        let answer = match (response, self.registering.all.get(&name)) {
            (Some(response), Some(one)) => meaning(response, one),
            _ => Answer::Silent,
        };
        self.registered(now, &name, answer);
        true
    }

    fn registered(&mut self, now: Now, name: &str, answer: Answer) {
        let Some(one) = self.registering.all.get_mut(name) else { return };
        let why = match &answer {
            Answer::Refused { status, .. } => format!("REGISTER is refused with {status}"),
            Answer::TooBrief(_) => "423 asks for no longer time".into(),
            Answer::Silent => "REGISTER is not answered".into(),
            Answer::Given(_) => String::new(),
        };
        let turn = one.registration.answered(now.at, answer, &mut self.rng);
        let failing = one.registration.failing();
        match turn {
            Some(turn) => self.registration_turned(now, name, turn, &why),
            // The first failure is worth a line, and then one that says how many there were.
            None if failing.is_some_and(|(times, _)| times.is_power_of_two()) => {
                let times = failing.map_or(0, |(times, _)| times);
                self.log(Level::Warning, format!("gateway {name}: {why} ({times} in a row)"));
            }
            None => {}
        }
    }

    fn registration_turned(&mut self, now: Now, name: &str, turn: Turn, why: &str) {
        let (gateway, registered) = (name.to_owned(), turn == Turn::Registered);
        match registered {
            true => self.log(Level::Info, format!("gateway {name}: registered")),
            false => self.log(Level::Error, format!("gateway {name}: not registered: {why}")),
        }
        let why = if registered { String::new() } else { why.to_owned() };
        self.fact(now, FactKind::GatewayRegistration { gateway, registered, why });
    }

    /// The flow to a gateway: by its outbound proxy, where it has one.
    pub(super) fn flow_to_gateway(&self, now: Now, gateway: &Gateway) -> Option<Flow> {
        let hop = self.gateways.hop(gateway.name.as_str(), now.at)?;
        self.flow_to(hop.transport, hop.addr)
    }
}

/// The route set of requests to a gateway: its outbound proxy (§8.1.2).
pub(super) fn routes(gateway: &Gateway) -> Vec<Uri> {
    let Some(proxy) = &gateway.outbound_proxy else { return vec![] };
    let (host, port) = host_of(proxy);
    let uri = Uri::sip(None, host, port);
    let transport = proxy.transport().and_then(|transport| sip_transport(transport).uri_param());
    let uri = match transport {
        Some(transport) => uri.with_param("transport", Some(transport)),
        None => uri,
    };
    vec![uri.with_param("lr", None)]
}

/// An address at a gateway: at the provider's domain, or where its SIP is.
pub(super) fn address(gateway: &Gateway, user: Option<&str>) -> Uri {
    let own = gateway.domain.as_ref().and_then(|domain| Host::parse(domain.as_str().as_bytes()));
    match (own, host_of(&gateway.address)) {
        (Some(domain), _) => Uri::sip(user, domain, None),
        (None, (host, port)) => Uri::sip(user, host, port),
    }
}

/// A peer's host as a URI names it, with the port where one is written.
pub(super) fn host_of(peer: &Peer) -> (Host, Option<u16>) {
    match peer {
        Peer::At(at) => (Host::from(at.addr.ip()), Some(at.addr.port())),
        Peer::Named(named) => {
            let host = Host::parse(named.name.as_str().as_bytes());
            (host.expect("a DNS name is a host name"), named.port)
        }
    }
}

/// What a final response to our REGISTER means.
fn meaning(response: &Message, one: &One) -> Answer {
    let retry_after = response.retry_after().ok().flatten();
    match response.status().unwrap_or(0) {
        200..300 => Answer::Given(given(response, one)),
        423 => Answer::TooBrief(response.min_expires().ok().flatten().unwrap_or(0)),
        status => Answer::Refused { status, retry_after },
    }
}

/// The seconds that a 200 gives to our contact: its own, else the response's, else what we asked for.
fn given(response: &Message, one: &One) -> u32 {
    let own = match response.contacts() {
        Ok(Contacts::List(list)) => {
            list.into_iter().find(|contact| user(&contact.addr.uri).as_ref() == Some(&one.token))
        }
        _ => None,
    };
    let asked = u32::try_from(one.registration.expires().as_secs()).unwrap_or(u32::MAX);
    own.and_then(|contact| contact.expires())
        .or_else(|| response.expires().ok().flatten())
        .unwrap_or(asked)
}
