//! A call out on its way over the gateways of a trunk: which is tried next, and whether.
//!
//! ```text
//!  order: e1-a e1-b e1-c
//!    e1-a: no channel free ─▶ e1-b: 503, no circuit ─▶ e1-c: rings … busy: that is the answer
//!                             │ after `within`, or the called party's own word: no further one
//!    e1-a: 302, elsewhere at e1-b ─▶ there, before all others
//! ```
//!
//! What decides is the Q.850 cause, whether it came in a Reason header or is what the gateway's
//! table makes of its SIP status: a status that shall lead on, or shall not, is mapped so.

use std::collections::VecDeque;

use crate::base::{Duration, Time};
use crate::wire::q850::Cause;
use crate::wire::sip::Uri;

/// Places that a call is sent on to by gateways (3xx), all told.
pub const MOST_SENT_ON: usize = 5;

/// Whether another gateway may do better than one that failed with this cause: it is the network's
/// or the gateway's, not the called party's and not the number's.
pub fn leads_on(cause: Cause) -> bool {
    match cause {
        Cause::NO_ROUTE_TRANSIT_NET
        | Cause::CHANNEL_UNACCEPTABLE
        | Cause::PRE_EMPTED
        | Cause::EXCHANGE_ROUTING_ERROR => true,
        // What the network refuses for who calls or for what the call is, it refuses everywhere.
        Cause::FACILITY_NOT_SUBSCRIBED
        | Cause::CALLS_OUT_BARRED
        | Cause::OUTGOING_CALL_BARRED
        | Cause::INCOMING_CALL_BARRED
        | Cause::USER_NOT_MEMBER_OF_CUG
        | Cause::INCOMPATIBLE_DESTINATION
        | Cause::NON_EXISTENT_CUG => false,
        // Classes 2 (no resource), 3 and 4 (no such service there), 5 and 6 (protocol), 7.
        other => other.value() >= 32,
    }
}

/// One to be tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Try {
    /// The gateway's name.
    pub gateway: String,
    /// Where a 3xx has sent the call; `None`: to the number that was dialled.
    pub sent_on: Option<SentOn>,
}

/// A place at a gateway, as a 3xx names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SentOn {
    /// The number there, by which it is seen who may call it.
    pub number: String,
    /// What is asked for: its Contact.
    pub target: Uri,
}

/// The way of one call.
#[derive(Clone, PartialEq, Debug)]
pub struct Overflow {
    left: VecDeque<Try>,
    /// The one that was tried last.
    tried: Option<Try>,
    /// Where it was sent so far.
    sent_on: Vec<Try>,
    /// It is to be tried once more.
    again: bool,
    within: Duration,
    until: Option<Time>,
    urgent: bool,
    charged: bool,
}

impl Overflow {
    /// Over these gateways, the next one begun within `within` of the first. An `urgent` call goes
    /// on whatever the failure, and whenever.
    pub fn new(order: Vec<String>, within: Duration, urgent: bool) -> Overflow {
        let dialled = |gateway| Try { gateway, sent_on: None };
        Overflow {
            left: order.into_iter().map(dialled).collect(),
            tried: None,
            sent_on: Vec::new(),
            again: false,
            within,
            until: None,
            urgent,
            charged: false,
        }
    }

    /// Whether it is an emergency call.
    pub fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Whether an account has been asked for the call already: it is one call, however many gateways are
    /// tried.
    pub fn is_charged(&self) -> bool {
        self.charged
    }

    /// An account was asked for it.
    pub fn charge(&mut self) {
        self.charged = true;
    }

    /// The next gateway to try.
    pub fn next(&mut self, now: Time) -> Option<Try> {
        if core::mem::take(&mut self.again) {
            return self.tried.clone();
        }
        let until = *self.until.get_or_insert(now + self.within);
        let named = self.left.front().is_some_and(|next| next.sent_on.is_some());
        if now > until && !self.urgent && !named {
            return None;
        }
        self.tried = self.left.pop_front();
        self.tried.clone()
    }

    /// The one that was tried has not answered, or refused for want of resources, and has another hop: it is
    /// the next once more, whatever the time.
    pub fn again(&mut self) {
        self.again = self.tried.is_some();
    }

    /// The one that was tried sends the call on: to these places, of which none was named before, before all that is
    /// left. False: to none.
    pub fn send_on(&mut self, places: impl IntoIterator<Item = Try>) -> bool {
        let before = self.sent_on.len();
        for place in places {
            if self.sent_on.len() < MOST_SENT_ON && !self.sent_on.contains(&place) {
                self.sent_on.push(place);
            }
        }
        for place in self.sent_on[before..].iter().rev() {
            self.left.push_front(place.clone());
        }
        self.sent_on.len() > before
    }

    /// Whether the one that was tried is a place to which a 3xx sent the call.
    pub fn was_sent_on(&self) -> bool {
        self.tried.as_ref().is_some_and(|tried| tried.sent_on.is_some())
    }

    /// Whether there is another to try.
    pub fn has_more(&self) -> bool {
        !self.left.is_empty()
    }

    /// The one that was tried has failed; `reached`: the called party had been alerted, or its network
    /// had spoken to the caller. Whether the next is to be tried.
    pub fn goes_on(&self, cause: Cause, reached: bool) -> bool {
        !self.left.is_empty() && !reached && (self.urgent || leads_on(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::q850::Mapping;

    fn at(s: u64) -> Time {
        Time::from_millis(s * 1_000)
    }
    fn next(way: &mut Overflow, s: u64) -> Option<String> {
        way.next(at(s)).map(|next| next.gateway)
    }
    fn way(urgent: bool) -> Overflow {
        Overflow::new(["a", "b", "c"].map(str::to_owned).into(), Duration::from_secs(10), urgent)
    }

    #[test]
    fn the_networks_failures_lead_on_and_the_called_partys_do_not() {
        let by_status = |status| leads_on(Mapping::RFC_3398.cause_of(status));
        for status in [408, 500, 502, 503, 504, 505, 513, 580] {
            assert!(by_status(status), "{status}");
        }
        for status in [403, 404, 410, 480, 484, 486, 487, 488, 600, 603, 604, 606] {
            assert!(!by_status(status), "{status}");
        }
        let by_cause = |value| leads_on(Cause::new(value).unwrap());
        for cause in [34, 38, 41, 42, 44, 47, 58, 102, 127] {
            assert!(by_cause(cause), "{cause}");
        }
        // 18 and 27 came through: the called party's exchange says so, as 408 and 502.
        for cause in [1, 3, 16, 17, 18, 19, 20, 21, 22, 27, 28, 55, 87, 88] {
            assert!(!by_cause(cause), "{cause}");
        }
    }

    #[test]
    fn one_with_another_hop_is_tried_once_more() {
        let mut way = way(false);
        way.again();
        assert_eq!(next(&mut way, 100).as_deref(), Some("a"), "nothing was tried");
        way.again();
        assert_eq!(next(&mut way, 150).as_deref(), Some("a"), "late as it is");
        assert_eq!(next(&mut way, 105).as_deref(), Some("b"));
    }

    #[test]
    fn each_is_tried_once_and_only_for_a_time() {
        let mut calm = way(false);
        assert_eq!(next(&mut calm, 100).as_deref(), Some("a"));
        assert!(calm.goes_on(Cause::NORMAL_CIRCUIT_CONGESTION, false));
        assert!(!calm.goes_on(Cause::NORMAL_CIRCUIT_CONGESTION, true), "it rang there");
        assert!(!calm.goes_on(Cause::USER_BUSY, false));
        assert_eq!(next(&mut calm, 110).as_deref(), Some("b"));
        assert_eq!(next(&mut calm, 111), None, "too late");
        let mut two = way(false);
        for name in ["a", "b", "c"] {
            assert_eq!(next(&mut two, 0).as_deref(), Some(name));
        }
        assert!(!two.goes_on(Cause::NETWORK_OUT_OF_ORDER, false));
        assert_eq!(next(&mut two, 0), None);
    }

    #[test]
    fn an_emergency_call_goes_on_whatever_is_said() {
        let mut urgent = way(true);
        assert_eq!(next(&mut urgent, 0).as_deref(), Some("a"));
        assert!(urgent.goes_on(Cause::CALL_REJECTED, false));
        assert_eq!(next(&mut urgent, 60).as_deref(), Some("b"));
        assert!(!urgent.goes_on(Cause::NO_ANSWER, true), "but not once it was put through");
    }

    fn place(gateway: &str, number: &str) -> Try {
        let host = std::net::IpAddr::from([127, 0, 0, 1]);
        let target = Uri::sip(Some(number), host, None);
        Try { gateway: gateway.into(), sent_on: Some(SentOn { number: number.into(), target }) }
    }

    #[test]
    fn a_call_that_is_sent_on_goes_there_first_and_nowhere_twice() {
        let mut way = way(false);
        assert_eq!(next(&mut way, 0).as_deref(), Some("a"));
        assert!(way.send_on([place("b", "1"), place("a", "2"), place("b", "1")]));
        assert_eq!(way.next(at(99)), Some(place("b", "1")), "whatever the time");
        assert!(!way.send_on([place("a", "2"), place("b", "1")]), "round in circles");
        way.again();
        assert_eq!(way.next(at(99)), Some(place("b", "1")));
        assert_eq!(way.next(at(99)), Some(place("a", "2")));
        assert!(way.has_more());
        assert_eq!(next(&mut way, 9).as_deref(), Some("b"), "the number that was dialled");
        assert!(way.send_on((3..9).map(|n| place("c", &n.to_string()))));
        let numbers = core::iter::from_fn(|| way.next(at(9))?.sent_on.map(|place| place.number));
        assert_eq!(numbers.collect::<String>(), "345", "five all told");
        assert!(!way.has_more(), "c was the last");
    }
}
