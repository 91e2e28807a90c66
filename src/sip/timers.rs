//! All timers of the agent in one ordered queue: the earliest is one look away.
//!
//! Whoever wants to be woken has one entry at most and remembers its time ([`Slot`]), so setting
//! it anew removes the old one without a search, and a removed owner leaves nothing behind.

use std::collections::BTreeMap;

use super::transaction::Timer;
use super::transactions::{ClientId, TxnId};
use crate::base::Time;
use crate::sip::event::SessionId;
use crate::sip::subscription::SubscriptionId;

/// Why the agent wants to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WakeReason {
    /// A transaction's timer.
    Transaction(Timer),
    /// Our 2xx to an INVITE goes out again, or is given up (RFC 3261 §13.3.1.4).
    SuccessAgain,
    /// The 100 to a new INVITE is due, or the last 18x goes out again, so that proxies on the way do not
    /// give up (§13.3.1.1).
    RingAgain,
    /// The INVITE's Expires, or the limit on ringing.
    RungOut,
    /// After a CANCEL no final response came (§9.1).
    CancelUnanswered,
    /// A re-INVITE of ours got a 100 and nothing more.
    ReInviteUnanswered,
    /// An offer is due again after glare (§14.1), or one was held back.
    OfferAgain,
    /// A provisional response goes out again until its PRACK comes (RFC 3262 §3).
    ProvisionalAgain,
    /// The session is to be refreshed (RFC 4028 §7.4).
    Refresh,
    /// Nobody has refreshed the session (RFC 4028 §10).
    SessionExpired,
    /// News for a watcher is due, or its subscription is over (RFC 6665).
    Subscription,
    /// A command put off by [`super::Command::Later`].
    Later,
}

/// Who is to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Owner {
    /// A server transaction.
    Server(TxnId),
    /// A client transaction.
    Client(ClientId),
    /// A session.
    Session(SessionId),
    /// A watcher's subscription.
    Watch(SubscriptionId),
    /// A command put off.
    Later(u64),
}

/// The owner's side of its entry: when it stands in the queue.
pub type Slot = Option<Time>;

/// The queue.
#[derive(Debug, Default)]
pub struct Timers {
    queue: BTreeMap<(Time, Owner), WakeReason>,
}

impl Timers {
    /// Makes `next` the owner's only entry; `None` removes it.
    pub fn set(&mut self, owner: Owner, slot: &mut Slot, next: Option<(Time, WakeReason)>) {
        if let Some(old) = *slot
            && next.is_none_or(|(at, _)| at != old)
        {
            self.queue.remove(&(old, owner));
        }
        if let Some((at, why)) = next {
            self.queue.insert((at, owner), why);
        }
        *slot = next.map(|(at, _)| at);
    }

    /// The earliest entry.
    pub fn next(&self) -> Option<(Time, WakeReason)> {
        self.queue.first_key_value().map(|((at, _), why)| (*at, *why))
    }

    /// Takes the earliest entry if it is due. Its owner's slot must be emptied.
    pub fn pop_due(&mut self, now: Time) -> Option<Owner> {
        let entry = self.queue.first_entry()?;
        let (at, owner) = *entry.key();
        (at <= now).then(|| {
            entry.remove();
            owner
        })
    }

    /// How many are set.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Is none set?
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_one_entry_and_the_earliest_comes_first() {
        let mut timers = Timers::default();
        let (mut a, mut b) = (None, None);
        let (at, why) = (Time::from_millis, WakeReason::RingAgain);
        timers.set(Owner::Later(1), &mut a, Some((at(30), why)));
        timers.set(Owner::Later(2), &mut b, Some((at(20), WakeReason::RungOut)));
        assert_eq!(timers.next(), Some((at(20), WakeReason::RungOut)));
        timers.set(Owner::Later(1), &mut a, Some((at(10), why)));
        assert_eq!((timers.len(), a), (2, Some(at(10))));
        timers.set(Owner::Later(1), &mut a, Some((at(10), WakeReason::Later)));
        assert_eq!(timers.next(), Some((at(10), WakeReason::Later)), "same time, other reason");
        assert_eq!(timers.pop_due(at(9)), None);
        assert_eq!(timers.pop_due(at(10)), Some(Owner::Later(1)));
        timers.set(Owner::Later(2), &mut b, None);
        assert!(timers.is_empty() && b.is_none());
    }
}
