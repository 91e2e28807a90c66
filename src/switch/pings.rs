//! Whether the gateways are there: our OPTIONS to each, and what follows from the answers (R1).

use std::net::SocketAddr;

use crate::base::Now;
use crate::config::{Config, Ping503};
use crate::sip::{ClientTxn, Command, Flow};
use crate::trunk::{Ping, Terms, Turn};
use crate::wire::sip::{Host, Method, Name, NameAddr, ToWire, Uri};

use super::fact::{AlarmWhat, FactKind};
use super::{Level, Switch, registering};

impl Switch {
    /// Asks the gateways that are due whether they are there (R1).
    pub(super) fn ping_due(&mut self, now: Now) {
        while let Some(name) = self.gateways.overdue(now.at).map(|g| g.name.clone()) {
            // What still comes of that ping is too late.
            let asked = self.pings.extract_if(.., |_, (asked, _)| *asked == name);
            let silent: Vec<_> = asked.map(|(_, (_, to))| to).collect();
            for to in silent {
                self.gateways.hop_failed(&name, to, now.at);
            }
            self.pinged(now, &name, false);
        }
        while let Some(name) = self.gateways.due(now.at).map(|g| g.name.clone()) {
            let config = self.config.gateway(&name).cloned();
            let flow = config.as_ref().and_then(|config| self.flow_to_gateway(now, config));
            let (Some(config), Some(flow)) = (config, flow) else {
                self.pinged(now, &name, false);
                continue;
            };
            let txn = self.agent.new_request();
            let target = registering::address(&config, None);
            self.pings.insert(txn, (name.clone(), flow.remote));
            let own = self.seen(flow).local;
            if !self.ask(now, options(txn, flow, own, target, registering::routes(&config))) {
                self.pong(now, txn, None);
            }
        }
    }

    /// A ping was answered with this status, or not at all. Any answer counts as alive, but a 503
    /// where the configuration says otherwise.
    pub(super) fn pong(&mut self, now: Now, txn: ClientTxn, status: Option<u16>) {
        let Some((gateway, to)) = self.pings.remove(&txn) else {
            return self.recorder_pong(now, txn, status);
        };
        let refuses = |config: &crate::config::Gateway| config.ping_503 == Ping503::Down;
        let ok = match status {
            None => false,
            Some(503) => !self.config.gateway(&gateway).is_some_and(refuses),
            Some(_) => true,
        };
        match ok {
            true => self.gateways.hop_answered(&gateway, to),
            false => drop(self.gateways.hop_failed(&gateway, to, now.at)),
        }
        self.pinged(now, &gateway, ok);
    }

    fn pinged(&mut self, now: Now, gateway: &str, ok: bool) {
        if let Some(turn) = self.gateways.answered(gateway, ok, now.at) {
            self.gateway_turned(now, gateway, turn);
        }
    }

    /// A gateway's health has turned: its facts, and its alarm raised or cleared.
    pub(super) fn gateway_turned(&mut self, now: Now, name: &str, turn: Turn) {
        let gateway = name.to_owned();
        if turn == Turn::Down {
            self.log(Level::Error, format!("gateway {name} does not answer: calls go elsewhere"));
            self.gateway_alarm(now, name, true);
            let why = "no answer to OPTIONS".into();
            return self.fact(now, FactKind::GatewayDown { gateway, why });
        }
        self.log(Level::Info, format!("gateway {name} answers"));
        if turn == Turn::Back {
            self.gateway_alarm(now, name, false);
        }
        self.fact(now, FactKind::GatewayUp { gateway });
    }

    /// Raises or clears the alarm of one gateway.
    pub(super) fn gateway_alarm(&mut self, now: Now, name: &str, raised: bool) {
        let (what, detail) = (AlarmWhat::GatewayDown, name.to_owned());
        self.fact(now, FactKind::Alarm { what, raised, detail, call: None });
    }
}

/// The question whether somebody is there, who knows us as `own`.
pub(super) fn options(
    txn: ClientTxn,
    flow: Flow,
    own: SocketAddr,
    target: Uri,
    routes: Vec<Uri>,
) -> Command {
    let route = |uri: Uri| (Name::Route, NameAddr::new(uri).to_bytes());
    let host = Host::from(own.ip());
    Command::Request {
        txn,
        flow,
        method: Method::Options,
        to: NameAddr::new(target.clone()),
        target,
        from: NameAddr::new(Uri::sip(Some("belfry"), host, Some(own.port()))),
        headers: routes.into_iter().map(route).collect(),
        body: None,
        credentials: None,
    }
}

/// The gateways of a configuration, as `trunk` takes them.
pub(super) fn gateways(config: &Config) -> Vec<Terms> {
    let times = |n: u32| u8::try_from(n).unwrap_or(u8::MAX);
    let terms = |g: &crate::config::Gateway| Terms {
        name: g.name.to_string(),
        place: g.first_hop().to_string(),
        channels: g.channels,
        keep_in: g.keep_in,
        weight: g.weight,
        ping: Ping {
            every: g.ping,
            failures: times(g.ping_failures),
            successes: times(g.ping_successes),
        },
    };
    config.gateways.iter().map(terms).collect()
}
