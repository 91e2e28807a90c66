//! Gateways by name: which names are looked up, and where their gateways are once an answer is there
//! (RFC 3263).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::base::Now;
use crate::config::{Gateway, Named, Peer, Recorder};
use crate::sip::locate::{Hop, Means, Wanted};
use crate::trunk::{Known, News};
use crate::wire::dns::{Answer, DnsName, Question};

use super::{Level, Output, Switch, sip_transport};

impl Switch {
    /// The names of a configuration from now on; each gateway by address is placed at once.
    pub(super) fn want_names(&mut self, now: Now) {
        let peers = self.config.gateways.iter().flat_map(|gateway| {
            let proxy = gateway.outbound_proxy.as_ref();
            core::iter::once(&gateway.address).chain(proxy)
        });
        let recorders = self.config.recorders.iter().map(|recorder| &recorder.address);
        let names: BTreeSet<Wanted> = peers.chain(recorders).filter_map(wanted).collect();
        self.names.want(names);
        self.place(now, |_| true, |_| true);
    }

    /// Looks up what is due.
    pub(super) fn names_due(&mut self, now: Now) {
        if self.names.next_wake().is_none_or(|at| at > now.at) {
            return;
        }
        let has = |v4: bool| self.listening.iter().any(|(_, local)| local.is_ipv4() == v4);
        let mut transports: Vec<_> = self.listening.iter().map(|(t, _)| *t).collect();
        let mut seen = BTreeSet::new();
        transports.retain(|transport| seen.insert(*transport));
        let means = Means { transports, v4: has(true), v6: has(false) };
        let (questions, news) = self.names.due(now.at, &means);
        self.ask_dns(now, questions, news);
    }

    /// The DNS has answered.
    pub(super) fn dns_answered(&mut self, now: Now, question: &Question, answer: &Answer) {
        let (questions, news) = self.names.answered(now.at, question, answer, &mut self.rng);
        self.ask_dns(now, questions, news);
    }

    fn ask_dns(&mut self, now: Now, questions: Vec<Question>, news: Vec<News>) {
        self.out.extend(questions.into_iter().map(Output::Dns));
        for news in news {
            match news {
                News::Found { name } => self.found(now, &name),
                News::NotFound { name, why, held, times } => {
                    let stands = match held {
                        true => "what was known of it holds on",
                        false => "its gateway cannot be called",
                    };
                    let name = name.name;
                    let line = format!("{name} is not found: {why} ({times} in a row); {stands}");
                    let level = if held { Level::Warning } else { Level::Error };
                    self.log(level, line);
                }
            }
        }
    }

    /// Where names were found before the start: it holds until the DNS says more.
    pub(super) fn names_known(&mut self, now: Now, known: Vec<Known>) {
        for name in self.names.recall(known) {
            self.located(now, &name, "was at");
        }
    }

    fn found(&mut self, now: Now, name: &Wanted) {
        self.located(now, name, "is at");
        self.out.push_back(Output::Names(self.names.known()));
    }

    fn located(&mut self, now: Now, name: &Wanted, verb: &str) {
        let shown = |hop: &Hop| format!("{} {}", hop.transport.via_name(), hop.addr);
        let hops: Vec<String> = self.names.hops(name).iter().map(shown).collect();
        self.log(Level::Info, format!("{} {verb} {}", name.name, hops.join(", ")));
        let is_it = |peer: Option<&Peer>| peer.and_then(wanted).as_ref() == Some(name);
        let gateway = |g: &Gateway| is_it(Some(&g.address)) || is_it(g.outbound_proxy.as_ref());
        self.place(now, gateway, |recorder| is_it(Some(&recorder.address)));
    }

    /// Puts the gateways and the recorders outside that it concerns where they are.
    fn place(
        &mut self,
        now: Now,
        which: impl Fn(&Gateway) -> bool,
        recorder: impl Fn(&Recorder) -> bool,
    ) {
        let mut moved = self.place_recorders(recorder);
        for gateway in self.config.gateways.iter().filter(|gateway| which(gateway)) {
            let hops = self.hops_of(gateway.first_hop());
            // Calls of a gateway that is called by a proxy may come from its own address.
            let also = match gateway.outbound_proxy {
                Some(_) => self.hops_of(&gateway.address).iter().map(|hop| hop.addr).collect(),
                None => vec![],
            };
            if self.gateways.place(gateway.name.as_str(), &hops, also) {
                let addresses: Vec<SocketAddr> = hops.iter().map(|hop| hop.addr).collect();
                let gateway = gateway.name.to_string();
                self.out.push_back(Output::Located { gateway, addresses });
                moved = true;
            }
        }
        if moved {
            self.configure_fort(now);
        }
    }

    pub(super) fn hops_of(&self, peer: &Peer) -> Vec<Hop> {
        match (peer.fixed(), wanted(peer)) {
            (Some(at), _) => {
                vec![Hop { transport: sip_transport(at.transport), addr: at.addr }]
            }
            (None, Some(name)) => self.names.hops(&name).to_vec(),
            (None, None) => vec![],
        }
    }
}

/// The name to look up; `None`: it is at an address.
pub fn wanted(peer: &Peer) -> Option<Wanted> {
    let Peer::Named(Named { name, port, transport }) = peer else { return None };
    let name: DnsName = name.clone();
    Some(Wanted { name, port: *port, transport: transport.map(sip_transport) })
}
