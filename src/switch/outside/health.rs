//! Whether the recorders outside are there: OPTIONS as to gateways, and what follows when one dies or comes
//! back.

use std::net::SocketAddr;

use crate::base::{CallId, Duration, Now};
use crate::config::{Config, Recorder};
use crate::sip::locate::Hop;
use crate::sip::{self, ClientTxn};
use crate::switch::console::RecorderRow;
use crate::switch::pings::options;
use crate::switch::registering::host_of;
use crate::switch::trunks::health;
use crate::switch::{Level, Output, Switch};
use crate::trunk::{Ping, Terms, Turn};
use crate::wire::sip::Uri;

use super::Blame;

/// A recorder's 503 is believed for so long at most, as a gateway's.
const LONGEST_REFUSAL: Duration = Duration::from_secs(300);

impl Switch {
    /// The recorders of a configuration from now on.
    pub(in crate::switch) fn configure_recorders(&mut self) {
        self.outside.recorders.configure(terms(&self.config));
        let asked = |name: &str| self.config.recorder(name).is_some_and(|r| !r.ping.is_zero());
        self.outside.pings.retain(|_, (name, _)| asked(name));
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        calls.into_iter().for_each(|id| self.touch_outside(id));
    }

    /// Puts the recorders that it concerns where they are. True: one is elsewhere than before.
    pub(in crate::switch) fn place_recorders(&mut self, which: impl Fn(&Recorder) -> bool) -> bool {
        let mut moved = false;
        for recorder in self.config.recorders.iter().filter(|recorder| which(recorder)) {
            let hops = self.hops_of(&recorder.address);
            if self.outside.recorders.place(recorder.name.as_str(), &hops, vec![]) {
                let addresses: Vec<SocketAddr> = hops.iter().map(|hop: &Hop| hop.addr).collect();
                let gateway = known_as(recorder.name.as_str());
                self.out.push_back(Output::Located { gateway, addresses });
                moved = true;
            }
        }
        moved
    }

    /// From where recorders say something within their sessions.
    pub(in crate::switch) fn recorder_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.outside.recorders.iter().flat_map(|recorder| recorder.hops.addresses())
    }

    /// Asks those that are due whether they are there.
    pub(super) fn recorders_ping_due(&mut self, now: Now) {
        while let Some(name) = self.outside.recorders.overdue(now.at).map(|r| r.name.clone()) {
            // What still comes of that ping is too late.
            let asked = self.outside.pings.extract_if(.., |_, (asked, _)| *asked == name);
            let silent: Vec<SocketAddr> = asked.map(|(_, (_, to))| to).collect();
            for to in silent {
                self.outside.recorders.hop_failed(&name, to, now.at);
            }
            self.recorder_pinged(now, &name, false);
        }
        while let Some(name) = self.outside.recorders.due(now.at).map(|r| r.name.clone()) {
            let config = self.config.recorder(&name);
            let target = config.map(|config| {
                let (host, port) = host_of(&config.address);
                Uri::sip(Some(&name), host, port)
            });
            let way = target.zip(self.flow_to_recorder(now, &name));
            let Some((target, flow)) = way else {
                self.recorder_pinged(now, &name, false);
                continue;
            };
            let txn = self.agent.new_request();
            self.outside.pings.insert(txn, (name, flow.remote));
            let own = self.seen(flow).local;
            if !self.ask(now, options(txn, flow, own, target, vec![])) {
                self.recorder_pong(now, txn, None);
            }
        }
    }

    /// A ping was answered with this status, or not at all: any answer counts.
    pub(in crate::switch) fn recorder_pong(
        &mut self,
        now: Now,
        txn: ClientTxn,
        status: Option<u16>,
    ) {
        let Some((name, to)) = self.outside.pings.remove(&txn) else { return };
        match status {
            Some(_) => self.outside.recorders.hop_answered(&name, to),
            None => drop(self.outside.recorders.hop_failed(&name, to, now.at)),
        }
        self.recorder_pinged(now, &name, status.is_some());
    }

    fn recorder_pinged(&mut self, now: Now, name: &str, ok: bool) {
        match self.outside.recorders.answered(name, ok, now.at) {
            None => {}
            Some(Turn::Down) => self.recorder_down(now, name),
            Some(Turn::Up | Turn::Back) => {
                self.log(Level::Info, format!("recorder {name} answers"));
                self.recorder_back();
            }
        }
    }

    /// A recorder does not answer any more: what it has of calls the next one gets.
    fn recorder_down(&mut self, now: Now, name: &str) {
        self.log(Level::Error, format!("recorder {name} does not answer: calls go to the next"));
        let sessions = self.outside.calls.iter().filter_map(|(id, copied)| {
            let session = copied.session.as_ref().filter(|session| session.recorder == name)?;
            Some((*id, session.id))
        });
        for (id, session) in sessions.collect::<Vec<_>>() {
            self.ask(now, sip::Command::Hangup { session, reason: None });
            self.outside_failed(now, id, "it does not answer any more", Blame::Recorder);
        }
    }

    /// One answers again: calls that wait for a recorder have it at once.
    fn recorder_back(&mut self) {
        for (id, copied) in &mut self.outside.calls {
            if copied.session.is_none() {
                copied.turns.anew();
                self.outside.touched.insert(*id);
            }
        }
    }

    /// A recorder wants no sessions for so many seconds.
    pub(super) fn recorder_refuses(&mut self, now: Now, name: &str, seconds: Option<u32>) {
        let Some(seconds) = seconds else { return };
        let pause = Duration::from_secs(u64::from(seconds)).min(LONGEST_REFUSAL);
        self.outside.recorders.refuses_until(name, now.at + pause);
    }

    /// The recorders as the console shows them, and how many sessions have failed.
    pub(in crate::switch) fn recorder_rows(&self) -> (Vec<RecorderRow>, u64) {
        let row = |recorder: &crate::trunk::Gateway| RecorderRow {
            name: recorder.name.clone(),
            address: recorder.place.clone(),
            health: health(recorder.health()).into(),
            sessions: recorder.busy,
        };
        (self.outside.recorders.iter().map(row).collect(), self.outside.failed)
    }
}

/// The name under which the transports know a recorder; no gateway has one with a space.
pub fn known_as(recorder: &str) -> String {
    format!("recorder {recorder}")
}

/// The recorders of a configuration, as `trunk` takes what is asked by OPTIONS.
fn terms(config: &Config) -> Vec<Terms> {
    let times = |n: u32| u8::try_from(n).unwrap_or(u8::MAX);
    let terms = |recorder: &Recorder| Terms {
        name: recorder.name.to_string(),
        place: recorder.address.to_string(),
        channels: u32::MAX,
        keep_in: 0,
        weight: 1,
        ping: Ping {
            every: recorder.ping,
            failures: times(recorder.ping_failures),
            successes: times(recorder.ping_successes),
        },
    };
    config.recorders.iter().map(terms).collect()
}
