//! Units that have reported by MESSAGE wait for their answer: until the report is on the disk, and no longer than PATIENCE.
//!
//! ```text
//!  report ─▶ begun ─▶ the disk has it ─▶ 200 ─▶ MESSAGE: whom to call ─▶ its answer
//!                └──▶ it has no room, or does not say ─▶ 503, try again
//! ```

use super::{Answer, Asked, Care, MOST_FROM_ONE, MOST_WAITING, RETRY_AFTER_S, Unit};
use crate::base::Now;
use crate::sip::{ClientTxn, Command, Headers};
use crate::switch::messages::routes;
use crate::switch::{Level, Switch};
use crate::wire::sip::{Host, Method, Name, NameAddr, Uri};

impl Care {
    /// A unit waits for the fact of this number.
    pub(super) fn begun(&mut self, seq: u64, asked: Asked) {
        *self.by_sender.entry(asked.unit.user.clone()).or_default() += 1;
        self.unconfirmed.insert(seq, asked);
    }

    /// It waits no more.
    pub(super) fn over(&mut self, seq: u64) -> Option<Asked> {
        let asked = self.unconfirmed.remove(&seq)?;
        if let Some(own) = self.by_sender.get_mut(&asked.unit.user) {
            *own -= 1;
            if *own == 0 {
                self.by_sender.remove(&asked.unit.user);
            }
        }
        Some(asked)
    }

    /// There is no room for one more of `sender`'s.
    pub(super) fn is_full(&self, sender: &str) -> bool {
        self.unconfirmed.len() >= MOST_WAITING
            || self.by_sender.get(sender).is_some_and(|own| *own >= MOST_FROM_ONE)
    }
}

impl Switch {
    /// The fact of this number is on the disk: if a unit waits for it, it hears so.
    pub(in crate::switch) fn care_durable(&mut self, now: Now, seq: u64) {
        self.reception_written(now, seq, true);
        let Some(Asked { txn, unit, answer, .. }) = self.care.over(seq) else {
            return;
        };
        self.respond(now, txn, 200, vec![]);
        self.tell_unit(now, &unit, answer);
    }

    /// The journal has no room for it. The case stands, for a person was in need; the unit tries again.
    pub(in crate::switch) fn care_not_written(&mut self, now: Now, seq: u64) {
        self.reception_written(now, seq, false);
        if let Some(asked) = self.care.over(seq) {
            self.respond(now, asked.txn, 503, vec![(Name::RetryAfter, RETRY_AFTER_S.into())]);
        }
    }

    /// A MESSAGE to a unit: as it is reached otherwise, else over the flow by which its own came.
    fn tell_unit(&mut self, now: Now, unit: &Unit, (kind, body): Answer) {
        if self.care.sent.len() >= MOST_WAITING {
            let line = format!("unit {} is not told whom to call: too many are", unit.user);
            return self.log(Level::Error, line);
        }
        let Some(host) = Host::parse(self.config.domain().as_bytes()) else { return };
        let address = |number: &str| NameAddr::new(Uri::sip(Some(number), host.clone(), None));
        let bindings = self.registrar.lookup(now.at, &unit.user);
        let own = bindings.iter().find(|binding| binding.flow == unit.flow);
        let remote = unit.flow.remote;
        let there = Host::from(remote.ip());
        let (flow, target, headers) = match own {
            Some(binding) => (binding.way(), binding.contact.clone(), routes(binding)),
            None => {
                let target = Uri::sip(Some(&unit.user), there, Some(remote.port()));
                (unit.flow, target, Headers::new())
            }
        };
        let txn = self.agent.new_request();
        let request = Command::Request {
            txn,
            flow,
            method: Method::Message,
            target,
            from: address(&unit.to),
            to: address(&unit.user),
            headers,
            body: Some((kind.to_owned(), body.into_bytes())),
            credentials: None,
        };
        if self.ask(now, request) {
            self.care.sent.insert(txn, unit.user.clone());
        }
    }

    /// The answer to a request outside calls, if it was about a report: `true`.
    pub(in crate::switch) fn care_answered(&mut self, txn: ClientTxn, status: Option<u16>) -> bool {
        let Some(user) = self.care.sent.remove(&txn) else { return false };
        let how = match status {
            Some(200..300) => return true,
            Some(status) => format!("with {status}"),
            None => "not at all".to_owned(),
        };
        self.log(Level::Warning, format!("unit {user} answers what it is told {how}"));
        true
    }
}
