//! Requests outside calls: REGISTER, OPTIONS and the rest; and our own pings of gateways.

use crate::base::{Duration, Now, Rng};
use crate::config::{Config, Digest};
use crate::sip::digest::Algorithm;
use crate::sip::digest::verifier::{Role, Verdict, Verifier};
use crate::sip::registrar::{Binding, Change, Refused, Registered, RegistrarConfig};
use crate::sip::{ClientTxn, Command, Flow, Headers, TxnId};
use crate::wire::sip::{Host, Message, Method, Name, NameAddr, Uri};

use super::arrival::user;
use super::dial::sip_transport;
use super::fact::{AlarmWhat, FactKind, Unregistered};
use super::{Level, Switch};

/// What we understand in a call, as OPTIONS and 405 list it.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, REGISTER";

/// What a request without the right password gets.
pub(super) struct Challenge {
    pub(super) headers: Headers,
    /// How long to wait before it is sent; zero unless a password was wrong.
    pub(super) after: Duration,
}

impl Switch {
    pub(super) fn request(&mut self, now: Now, txn: TxnId, flow: Flow, message: &Message) {
        match message.method() {
            Method::Register => self.register(now, txn, flow, message),
            Method::Options => {
                let headers = vec![
                    (Name::Allow, ALLOW.into()),
                    (Name::Accept, b"application/sdp".to_vec()),
                    (Name::Supported, b"".to_vec()),
                ];
                let status = if self.draining { 503 } else { 200 };
                self.respond(now, txn, status, headers);
            }
            // A message that nobody keeps must not be confirmed: terminals take 200 for "written".
            Method::Message => self.respond(now, txn, 405, vec![(Name::Allow, ALLOW.into())]),
            Method::Subscribe | Method::Publish => self.respond(now, txn, 489, vec![]),
            Method::Refer => self.respond(now, txn, 603, vec![]),
            _ => self.respond(now, txn, 405, vec![(Name::Allow, ALLOW.into())]),
        }
    }

    pub(super) fn respond(&mut self, now: Now, txn: TxnId, status: u16, headers: Headers) {
        self.ask(now, Command::Respond { txn, status, headers, body: None });
    }

    /// Whether the request carries the password of one of our phones: `Ok` names it, `Err` is the
    /// challenge to be sent.
    pub(super) fn verify(
        &mut self,
        now: Now,
        flow: Flow,
        request: &Message,
    ) -> Result<String, Challenge> {
        let config = &self.config;
        let password = |user: &str| Some(config.phone(user)?.password.as_ref()?.expose());
        let verdict =
            self.verifier.verify(now.at, flow.remote.ip(), request, Role::Server, password);
        let (stale, after) = match verdict {
            Verdict::Accepted { user } => return Ok(user),
            Verdict::Missing => (false, Duration::ZERO),
            Verdict::Stale => (true, Duration::ZERO),
            // The first one waits too: guessing must be slow from the beginning (R29).
            Verdict::Wrong { delay, .. } => (false, delay.max(self.config.sip.auth_delay)),
        };
        let headers = self.verifier.challenge(now.at, Role::Server, stale);
        Err(Challenge { headers, after })
    }

    fn register(&mut self, now: Now, txn: TxnId, flow: Flow, message: &Message) {
        let number = message.to().ok().and_then(|to| user(&to.uri)).unwrap_or_default();
        let who = match self.verify(now, flow, message) {
            Ok(user) => user,
            Err(Challenge { headers, after }) => {
                if !after.is_zero() {
                    let why = "wrong password or unknown number".to_owned();
                    self.fact(
                        now,
                        FactKind::PhoneRefused { number, from: flow.remote.to_string(), why },
                    );
                }
                let answer = Command::Respond { txn, status: 401, headers, body: None };
                return self.later(now, after, answer);
            }
        };
        if who != number {
            // The password is one phone's, the number another's (or nobody's).
            return self.respond(now, txn, 403, vec![]);
        }
        let most = self.config.phone(&number).map_or(1, |phone| phone.max_contacts as usize);
        match self.registrar.register(now.at, &number, flow, message, most) {
            Ok(Registered { headers, changes }) => {
                for change in changes {
                    self.binding_changed(now, &number, change);
                }
                self.respond(now, txn, 200, headers);
            }
            Err(Refused { status, headers }) => self.respond(now, txn, status, headers),
        }
    }

    fn binding_changed(&mut self, now: Now, number: &str, change: Change) {
        match change {
            Change::Added(binding) | Change::Moved(binding) => {
                let kind = FactKind::PhoneRegistered {
                    number: number.into(),
                    contact: binding.contact.to_string(),
                    from: binding.flow.remote.to_string(),
                    expires_s: u32::try_from(binding.expires.since(now.at).as_secs())
                        .unwrap_or(u32::MAX),
                    user_agent: String::from_utf8_lossy(&binding.user_agent).into_owned(),
                };
                self.fact(now, kind);
            }
            Change::Removed(binding) => self.unbound(now, number, &binding, Unregistered::Asked),
        }
    }

    /// A phone's contact is gone.
    pub(super) fn unbound(&mut self, now: Now, number: &str, binding: &Binding, why: Unregistered) {
        let (number, contact) = (number.to_owned(), binding.contact.to_string());
        self.fact(now, FactKind::PhoneUnregistered { number, contact, why });
    }

    /// Asks the gateways that are due whether they are there (R1).
    pub(super) fn ping_due(&mut self, now: Now) {
        while let Some((name, address)) =
            self.gateways.due(now.at).map(|g| (g.name.clone(), g.address))
        {
            let transport =
                self.config.gateway(&name).map(|g| sip_transport(g.address.0.transport));
            let Some(flow) = transport.and_then(|t| self.flow_to(t, address)) else {
                self.gateways.answered(&name, false, now.at);
                continue;
            };
            let txn = self.agent.new_request();
            let target = Uri::sip(None, Host::from(address.ip()), Some(address.port()));
            let from = NameAddr::new(Uri::sip(
                Some("belfry"),
                Host::from(flow.local.ip()),
                Some(flow.local.port()),
            ));
            let to = NameAddr::new(target.clone());
            self.pings.insert(txn, name.clone());
            let ping = Command::Request {
                txn,
                flow,
                method: Method::Options,
                target,
                from,
                to,
                headers: vec![],
                body: None,
                credentials: None,
            };
            if !self.ask(now, ping) {
                self.pong(now, txn, false);
            }
        }
    }

    /// A ping was answered (any answer counts as alive), or not.
    pub(super) fn pong(&mut self, now: Now, txn: ClientTxn, ok: bool) {
        let Some(gateway) = self.pings.remove(&txn) else { return };
        match self.gateways.answered(&gateway, ok, now.at) {
            Some(true) => {
                self.log(Level::Info, format!("gateway {gateway} answers"));
                self.fact(now, FactKind::GatewayUp { gateway });
            }
            Some(false) => {
                self.log(
                    Level::Error,
                    format!("gateway {gateway} does not answer: calls go elsewhere"),
                );
                let detail = gateway.clone();
                self.fact(
                    now,
                    FactKind::Alarm {
                        what: AlarmWhat::GatewayDown,
                        raised: true,
                        detail,
                        call: None,
                    },
                );
                self.fact(
                    now,
                    FactKind::GatewayDown { gateway, why: "no answer to OPTIONS".into() },
                );
            }
            None => {}
        }
    }
}

/// The gateways of a configuration, as `trunk` takes them.
pub(super) fn gateways(config: &Config) -> Vec<(String, std::net::SocketAddr, u32, Duration)> {
    config
        .gateways
        .iter()
        .map(|g| (g.name.to_string(), g.address.0.addr, g.channels, g.ping))
        .collect()
}

/// Who checks the phones' passwords.
pub(super) fn verifier(config: &Config, rng: &mut Rng) -> Verifier {
    let algorithm = |digest: &Digest| match digest {
        Digest::Md5 => Algorithm::Md5,
        Digest::Sha256 => Algorithm::Sha256,
    };
    let algorithms: Vec<Algorithm> = config.sip.digest.iter().map(algorithm).collect();
    Verifier::new(&config.domain(), config.sip.nonce_lifetime, &algorithms, rng)
}

pub(super) fn registrar_config(config: &Config) -> RegistrarConfig {
    let seconds = |d: Duration| u32::try_from(d.as_secs()).unwrap_or(u32::MAX);
    RegistrarConfig {
        min_expires: seconds(config.sip.min_expires),
        default_expires: seconds(config.sip.default_expires),
        max_expires: seconds(config.sip.max_expires),
        addresses: config.limits.registrations as usize,
    }
}
