//! Text messages in pager mode (RFC 3428): taken, written down, handed on, held while nobody is there.
//!
//! ```text
//!  phone ─MESSAGE─▶ password, bounds ─▶ fact ─▶ journal ─▶ durable ─▶ 202
//!                                                            │
//!            held ◀── the phone is away, does not answer ◀───┴─▶ MESSAGE to the phone ─▶ 2xx: delivered
//!              └─ it registers ─▶ again, in their order           4xx: dropped, with a fact
//! ```
//!
//! 202 is said when the message is on the disk and not before ([`Input::Durable`](super::Input::Durable)):
//! care terminals rely on it. A message is named by the number of its fact, which is unique over restarts;
//! what was held comes back from the records ([`Input::Messages`](super::Input::Messages)).
//!
//! One at a time goes to a phone, in the order in which they came. Not here: what a message says.
//! Units' reports (SCAIP, NOW-IP) go to [`care`](super::care) before they are looked up among the phones.

use std::collections::{BTreeMap, VecDeque};

use crate::base::{Duration, Now, Time, Wall};
use crate::sip::{Binding, ClientTxn, Command, Flow, Headers, TxnId};
use crate::wire::sip::{Host, Message, Method, Name, NameAddr, ToWire, Uri};

use super::arrival::user;
use super::fact::FactKind;
use super::requests::Challenge;
use super::{Level, Switch};

/// Bytes of the longest number of somebody behind a gateway.
const LONGEST_NUMBER: usize = 64;
/// Bytes of a message's body: more does not belong into signalling.
pub(super) const MOST_BYTES: usize = 16_384;
/// Messages that wait for one phone.
const MOST_OF_ONE: usize = 200;
/// Messages of one sender that wait: nobody fills all places, whoever's password it is.
const MOST_FROM_ONE: usize = 200;
/// A journal that has not taken a message for so long: the sender is told to try again.
const PATIENCE: Duration = Duration::from_secs(10);
/// After how many seconds it may.
const RETRY_AFTER_S: &str = "30";
/// A phone that did not answer is tried again after so long, if it has not registered before.
const AGAIN: Duration = Duration::from_secs(300);

/// A message that has not reached its phone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Its name: the number of its fact.
    pub id: u64,
    /// Who wrote it: a phone's number.
    pub from: String,
    /// For whom it is.
    pub to: String,
    /// Content-Type of its body.
    pub content_type: String,
    /// Its body.
    pub body: String,
    /// When it came.
    pub taken: Wall,
    /// Until when it is held.
    pub expires: Wall,
}

/// The messages of one phone.
#[derive(Default)]
struct Inbox {
    waiting: VecDeque<Held>,
    /// The one on its way, and the contacts that were tried.
    under_way: Option<(ClientTxn, usize)>,
    /// Not tried before.
    not_before: Time,
}

/// A message that is not known to be on the disk.
struct Unconfirmed {
    /// Who waits for 202, and until when. `None`: it was told to try again.
    asked: Option<(TxnId, Time)>,
    held: Held,
}

/// All messages.
#[derive(Default)]
pub(super) struct Messages {
    /// Not durable yet, by the number of the fact.
    unconfirmed: BTreeMap<u64, Unconfirmed>,
    boxes: BTreeMap<String, Inbox>,
    sent: BTreeMap<ClientTxn, String>,
    /// How many of each sender there are.
    by_sender: BTreeMap<String, usize>,
    /// The last fact before the start: what has a later number is not restored.
    start: u64,
}

impl Messages {
    /// None yet; the last fact before the start has this number.
    pub(super) fn since(start: u64) -> Messages {
        Messages { start, ..Messages::default() }
    }

    /// How many wait for `number`.
    pub(super) fn waiting_for(&self, number: &str) -> usize {
        self.boxes.get(number).map_or(0, |own| own.waiting.len())
    }

    fn len(&self) -> usize {
        self.unconfirmed.len() + self.boxes.values().map(|own| own.waiting.len()).sum::<usize>()
    }

    /// There is one more of `sender`'s.
    fn begun(&mut self, sender: &str) {
        *self.by_sender.entry(sender.to_owned()).or_default() += 1;
    }

    /// There is one less of `sender`'s.
    fn over(&mut self, sender: &str) {
        let Some(own) = self.by_sender.get_mut(sender) else { return };
        *own -= 1;
        if *own == 0 {
            self.by_sender.remove(sender);
        }
    }

    /// When something is due.
    pub(super) fn next_wake(&self) -> Option<Time> {
        let confirm = self.unconfirmed.values().filter_map(|own| Some(own.asked?.1)).min();
        let again = self.boxes.values().filter(|own| own.under_way.is_none());
        let again = again.filter(|own| !own.waiting.is_empty()).map(|own| own.not_before).min();
        confirm.into_iter().chain(again).min()
    }
}

impl Switch {
    /// MESSAGE of a phone, or of somebody behind a gateway that may send such.
    pub(super) fn message(&mut self, now: Now, txn: TxnId, flow: Flow, message: &Message) {
        let from = match self.writes_by_gateway(flow, message) {
            Some(number) => Ok(number),
            None => self.verify(now, flow, message),
        };
        let from = match from {
            Ok(user) => user,
            Err(Challenge { headers, after }) => {
                let answer = Command::Respond { txn, status: 401, headers, body: None };
                return self.later(now, after, answer);
            }
        };
        let to = message.uri().ok().and_then(|uri| user(&uri)).unwrap_or_default();
        // Whatever comes to the care line's number is somebody's alarm, be it as long as it is.
        if message.body().len() > MOST_BYTES && !self.is_care_number(&to) {
            return self.respond(now, txn, 413, vec![]);
        }
        if self.care_message(now, txn, flow, [&from, &to], message) {
            return;
        }
        if self.config.phone(&to).is_none() {
            return self.respond(now, txn, 404, vec![]);
        }
        let again = || vec![(Name::RetryAfter, RETRY_AFTER_S.into())];
        let full = self.messages.len() >= self.config.limits.messages as usize
            || self.messages.waiting_for(&to) >= MOST_OF_ONE
            || self.messages.by_sender.get(&from).is_some_and(|own| *own >= MOST_FROM_ONE);
        if self.draining || self.journal_full || full {
            return self.respond(now, txn, 503, again());
        }
        let kind = message.header(Name::ContentType).unwrap_or(b"text/plain");
        let text = |bytes: &[u8]| core::str::from_utf8(bytes).map(str::to_owned);
        let (Ok(body), Ok(content_type)) = (text(message.body()), text(kind)) else {
            let accepted = (Name::Accept, b"text/plain;charset=utf-8".to_vec());
            return self.respond(now, txn, 415, vec![accepted]);
        };
        let wished = message.expires().ok().flatten().map(|s| Duration::from_secs(s.into()));
        let keep = self.config.limits.message_keep;
        let keep = wished.map_or(keep, |wished| wished.min(keep));
        let expires = Wall(now.wall.0.saturating_add(keep.as_millis() as i64));
        let held = Held { id: 0, from, to, content_type, body, taken: now.wall, expires };
        self.taken(now, txn, held);
    }

    /// Who wrote a message that comes by a gateway whose messages are taken; one without a number is the
    /// gateway's own.
    fn writes_by_gateway(&self, flow: Flow, message: &Message) -> Option<String> {
        let name = &self.gateways.identify(flow.remote)?.name;
        let gateway = self.config.gateway(name).filter(|gateway| gateway.messages)?;
        let number = message.from().ok().and_then(|from| user(&from.uri));
        let number = number.filter(|number| (1..=LONGEST_NUMBER).contains(&number.len()));
        // A phone of ours says who it is with its password, wherever it comes from.
        let ours = number.as_ref().is_some_and(|number| self.config.phone(number).is_some());
        let believed = self.is_believed(flow, name) && !ours;
        believed.then(|| number.unwrap_or_else(|| gateway.name.to_string()))
    }

    /// Writes a message down; 202 follows when it is on the disk.
    fn taken(&mut self, now: Now, txn: TxnId, held: Held) {
        let Held { from, to, content_type, body, expires, .. } = held.clone();
        self.fact(now, FactKind::MessageTaken { from, to, content_type, body, expires });
        let id = self.facts;
        let held = Held { id, ..held };
        let asked = Some((txn, now.at + PATIENCE));
        self.messages.begun(&held.from);
        self.messages.unconfirmed.insert(id, Unconfirmed { asked, held });
    }

    /// The fact of this number is on the disk.
    pub(super) fn durable(&mut self, now: Now, seq: u64) {
        let Some(Unconfirmed { asked, held }) = self.messages.unconfirmed.remove(&seq) else {
            return;
        };
        let Some((txn, _)) = asked else {
            // The sender was told to send it again: this one is nobody's any more.
            self.messages.over(&held.from);
            let why = "it was not on the disk in time, and its sender was told so".to_owned();
            return self.fact(now, FactKind::MessageEnded { id: held.id, to: held.to, why });
        };
        self.respond(now, txn, 202, vec![]);
        let to = held.to.clone();
        self.hold(held);
        self.deliver(now, &to);
    }

    /// The journal has no room for the fact of this number: it is written down nowhere.
    pub(super) fn not_written(&mut self, now: Now, seq: u64) {
        let Some(lost) = self.messages.unconfirmed.remove(&seq) else { return };
        self.messages.over(&lost.held.from);
        if let Some((txn, _)) = lost.asked {
            self.respond(now, txn, 503, vec![(Name::RetryAfter, RETRY_AFTER_S.into())]);
        }
    }

    fn hold(&mut self, held: Held) {
        self.watching.touch(&held.to);
        self.messages.boxes.entry(held.to.clone()).or_default().waiting.push_back(held);
    }

    /// What the records say was held before the start.
    pub(super) fn messages_restored(&mut self, now: Now, mut rows: Vec<Held>) {
        rows.sort_by_key(|held| held.id);
        for held in rows {
            let to = held.to.clone();
            let known = |own: &Inbox| own.waiting.iter().any(|other| other.id == held.id);
            // What came since is here already, or has been delivered.
            if held.id > self.messages.start {
                continue;
            }
            if !self.messages.boxes.get(&to).is_some_and(known) {
                self.messages.begun(&held.from);
                self.hold(held);
            }
            if let Some(own) = self.messages.boxes.get_mut(&to) {
                // The one on its way stays in front: its answer is about the first.
                let first = usize::from(own.under_way.is_some());
                own.waiting.make_contiguous()[first..].sort_by_key(|held| held.id);
            }
            self.deliver(now, &to);
        }
    }

    /// The phone may be there: its first message goes out, if none is on its way.
    pub(super) fn deliver(&mut self, now: Now, number: &str) {
        self.attempt(now, number, 0);
    }

    /// Sends the first message of `number` to its `nth` contact.
    fn attempt(&mut self, now: Now, number: &str, nth: usize) {
        self.forget_old(now, number);
        let Some(own) = self.messages.boxes.get_mut(number) else { return };
        if own.under_way.is_some() {
            return;
        }
        let Some(held) = own.waiting.front().cloned() else {
            self.messages.boxes.remove(number);
            return;
        };
        own.not_before = now.at + AGAIN;
        let bindings = self.registrar.lookup(now.at, number);
        let Some(binding) = bindings.get(nth) else { return };
        let (flow, target, routes) = (binding.way(), binding.contact.clone(), routes(binding));
        let Some(host) = Host::parse(self.config.domain().as_bytes()) else { return };
        let address = |number: &str| NameAddr::new(Uri::sip(Some(number), host.clone(), None));
        let txn = self.agent.new_request();
        let request = Command::Request {
            txn,
            flow,
            method: Method::Message,
            target,
            from: address(&held.from),
            to: address(number),
            headers: [routes, vec![(Name::Date, date(held.taken).into_bytes())]].concat(),
            body: Some((held.content_type, held.body.into_bytes())),
            credentials: None,
        };
        if self.ask(now, request) {
            self.messages.sent.insert(txn, number.to_owned());
            if let Some(own) = self.messages.boxes.get_mut(number) {
                own.under_way = Some((txn, nth));
            }
        }
    }

    /// The answer to a request outside calls, if it is a message's: `true`. `None`: there was none.
    pub(super) fn message_answered(
        &mut self,
        now: Now,
        txn: ClientTxn,
        status: Option<u16>,
    ) -> bool {
        let Some(number) = self.messages.sent.remove(&txn) else { return false };
        let Some(own) = self.messages.boxes.get_mut(&number) else { return true };
        let tried = own.under_way.take().map_or(0, |(_, nth)| nth);
        match status {
            Some(200..300) => self.message_over(now, &number, String::new()),
            // It will not take it next time either, unless another of its devices does.
            Some(status @ (400..=403 | 405..=407 | 410..=439 | 489 | 501 | 600..)) => {
                let more = self.registrar.lookup(now.at, &number).len() > tried + 1;
                match more {
                    true => self.attempt(now, &number, tried + 1),
                    false => {
                        let why = format!("the phone refuses it with {status}");
                        self.message_over(now, &number, why);
                    }
                }
            }
            _ => self.attempt(now, &number, tried + 1),
        }
        true
    }

    /// The first message of `number` is delivered, or dropped for this reason; the next one goes out.
    fn message_over(&mut self, now: Now, number: &str, why: String) {
        let Some(own) = self.messages.boxes.get_mut(number) else { return };
        let Some(held) = own.waiting.pop_front() else { return };
        self.messages.over(&held.from);
        self.watching.touch(number);
        if !why.is_empty() {
            let line =
                format!("message {} of {} to {number} is dropped: {why}", held.id, held.from);
            self.log(Level::Warning, line);
        }
        let (id, to) = (held.id, held.to);
        self.fact(now, FactKind::MessageEnded { id, to, why });
        self.deliver(now, number);
    }

    /// What is due: journals that do not answer, messages past their time, phones to be tried again.
    pub(super) fn messages_due(&mut self, now: Now) {
        let late = |own: &mut Unconfirmed| own.asked.take_if(|(_, until)| *until <= now.at);
        let late: Vec<_> = self.messages.unconfirmed.values_mut().filter_map(late).collect();
        for (txn, _) in late {
            // It may still be written, and is ended then: the sender sends it again.
            self.respond(now, txn, 503, vec![(Name::RetryAfter, RETRY_AFTER_S.into())]);
        }
        let due =
            |(_, own): &(&String, &Inbox)| own.under_way.is_none() && own.not_before <= now.at;
        let due: Vec<String> =
            self.messages.boxes.iter().filter(due).map(|(number, _)| number.clone()).collect();
        for number in due {
            self.deliver(now, &number);
        }
    }

    /// Messages of `number` whose time is over are given up.
    fn forget_old(&mut self, now: Now, number: &str) {
        let Some(own) = self.messages.boxes.get_mut(number).filter(|b| b.under_way.is_none())
        else {
            return;
        };
        let (old, kept): (VecDeque<Held>, VecDeque<Held>) =
            std::mem::take(&mut own.waiting).into_iter().partition(|held| held.expires <= now.wall);
        own.waiting = kept;
        for Held { id, from, to, .. } in old {
            self.messages.over(&from);
            self.watching.touch(&to);
            let why = "nobody was there in its time".to_owned();
            self.fact(now, FactKind::MessageEnded { id, to, why });
        }
    }
}

/// The Route headers of a request to a phone: the proxies that its REGISTER came through (RFC 3327 §5.3).
pub(super) fn routes(binding: &Binding) -> Headers {
    let route = |uri| (Name::Route, NameAddr::new(uri).to_bytes());
    binding.routes().into_iter().map(route).collect()
}

/// A time as the Date header has it (RFC 3261 §20.17).
fn date(wall: Wall) -> String {
    let at = jiff::Timestamp::from_millisecond(wall.0).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_as_the_rfc_has_it() {
        assert_eq!(date(Wall(1_290_000_000_000)), "Wed, 17 Nov 2010 13:20:00 GMT");
    }
}
