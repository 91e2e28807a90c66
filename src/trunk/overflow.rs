//! A call out on its way over the gateways of a trunk: which is tried next, and whether.
//!
//! ```text
//!  order: e1-a e1-b e1-c
//!    e1-a: no channel free ─▶ e1-b: 503, no circuit ─▶ e1-c: rings … busy: that is the answer
//!                             │ after `within`, or the called party's own word: no further one
//! ```
//!
//! What decides is the Q.850 cause, whether it came in a Reason header or is what the gateway's
//! table makes of its SIP status: a status that shall lead on, or shall not, is mapped so.

use std::collections::VecDeque;

use crate::base::{Duration, Time};
use crate::wire::q850::Cause;

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

/// The way of one call.
#[derive(Clone, PartialEq, Debug)]
pub struct Overflow {
    left: VecDeque<String>,
    /// The one that was tried last.
    tried: Option<String>,
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
        let left = order.into();
        Overflow { left, tried: None, again: false, within, until: None, urgent, charged: false }
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
    pub fn next(&mut self, now: Time) -> Option<String> {
        if core::mem::take(&mut self.again) {
            return self.tried.clone();
        }
        let until = *self.until.get_or_insert(now + self.within);
        if now > until && !self.urgent {
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
        assert_eq!(way.next(at(100)).as_deref(), Some("a"), "nothing was tried");
        way.again();
        assert_eq!(way.next(at(150)).as_deref(), Some("a"), "late as it is");
        assert_eq!(way.next(at(105)).as_deref(), Some("b"));
    }

    #[test]
    fn each_is_tried_once_and_only_for_a_time() {
        let mut calm = way(false);
        assert_eq!(calm.next(at(100)).as_deref(), Some("a"));
        assert!(calm.goes_on(Cause::NORMAL_CIRCUIT_CONGESTION, false));
        assert!(!calm.goes_on(Cause::NORMAL_CIRCUIT_CONGESTION, true), "it rang there");
        assert!(!calm.goes_on(Cause::USER_BUSY, false));
        assert_eq!(calm.next(at(110)).as_deref(), Some("b"));
        assert_eq!(calm.next(at(111)), None, "too late");
        let mut two = way(false);
        for name in ["a", "b", "c"] {
            assert_eq!(two.next(at(0)).as_deref(), Some(name));
        }
        assert!(!two.goes_on(Cause::NETWORK_OUT_OF_ORDER, false));
        assert_eq!(two.next(at(0)), None);
    }

    #[test]
    fn an_emergency_call_goes_on_whatever_is_said() {
        let mut urgent = way(true);
        assert_eq!(urgent.next(at(0)).as_deref(), Some("a"));
        assert!(urgent.goes_on(Cause::CALL_REJECTED, false));
        assert_eq!(urgent.next(at(60)).as_deref(), Some("b"));
        assert!(!urgent.goes_on(Cause::NO_ANSWER, true), "but not once it was put through");
    }
}
