//! Whether the gateways are there: our OPTIONS to each, and what follows from the answers (R1).

use crate::base::{Duration, Now};
use crate::config::Config;
use crate::sip::{ClientTxn, Command};
use crate::trunk::Turn;
use crate::wire::sip::{Host, Method, NameAddr, Uri};

use super::fact::{AlarmWhat, FactKind};
use super::outbound::sip_transport;
use super::{Level, Switch};

impl Switch {
    /// Asks the gateways that are due whether they are there (R1).
    pub(super) fn ping_due(&mut self, now: Now) {
        while let Some((name, address)) =
            self.gateways.due(now.at).map(|g| (g.name.clone(), g.address))
        {
            let transport =
                self.config.gateway(&name).map(|g| sip_transport(g.address.0.transport));
            let Some(flow) = transport.and_then(|t| self.flow_to(t, address)) else {
                if let Some(turn) = self.gateways.answered(&name, false, now.at) {
                    self.gateway_turned(now, &name, turn);
                }
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
        if let Some(turn) = self.gateways.answered(&gateway, ok, now.at) {
            self.gateway_turned(now, &gateway, turn);
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

/// The gateways of a configuration, as `trunk` takes them.
pub(super) fn gateways(config: &Config) -> Vec<(String, std::net::SocketAddr, u32, Duration)> {
    config
        .gateways
        .iter()
        .map(|g| (g.name.to_string(), g.address.0.addr, g.channels, g.ping))
        .collect()
}
