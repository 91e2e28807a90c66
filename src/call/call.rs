//! One call: its parties, who talks with whom, and on whose behalf the dialplan runs.
//!
//! ```text
//!   subject (plan runs for it)          peer
//!      leg-1  ◀────── join ──────▶  leg-2        leg-3 (rings, not joined)
//! ```
//!
//! The *subject* is the party that the plan serves: the caller at first; after a transfer by the
//! caller, the party that was transferred. When the subject goes, the call is over; when its peer
//! goes, the plan goes on (survey).

use serde::{Deserialize, Serialize};

use crate::base::{CallId, LegId, Now, Time};

use super::connection::{Connection, ConnectionState, Device, Role};

/// The most parties of one call: a serial hunt over a large group stays below it, since parties
/// that could not be reached leave.
pub const MAX_CONNECTIONS: usize = 64;

/// A call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Its name, also the recording's and the record's.
    pub id: CallId,
    /// When its first INVITE came, by the monotonic clock.
    pub began: Time,
    /// For whom the plan runs.
    pub subject: LegId,
    connections: Vec<Connection>,
}

/// What is left when a party has gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cleared {
    /// The connection that went, as it was.
    pub connection: Connection,
    /// Whom it talked with.
    pub peer: Option<LegId>,
    /// It was the one for whom the plan runs.
    pub was_subject: bool,
}

impl Call {
    /// A call begun by `device` on `leg`.
    pub fn new(id: CallId, leg: LegId, device: Device, now: Now) -> Call {
        let caller = Connection::new(leg, device, Role::Caller, now.at);
        Call { id, began: now.at, subject: leg, connections: vec![caller] }
    }

    /// A call that we begin for a phone of ours, which is yet to be reached.
    pub fn for_phone(id: CallId, now: Now) -> Call {
        Call { id, began: now.at, subject: LegId(0), connections: vec![] }
    }

    /// Adds a party that we call: the caller, where there was nobody yet. `false`: the call is full.
    pub fn add(&mut self, leg: LegId, device: Device, now: Time) -> bool {
        if self.connections.is_empty() {
            self.subject = leg;
            self.connections.push(Connection::new(leg, device, Role::Caller, now));
            return true;
        }
        if self.connections.len() >= MAX_CONNECTIONS || self.get(leg).is_some() {
            return false;
        }
        self.connections.reserve_exact(1);
        self.connections.push(Connection::new(leg, device, Role::Callee, now));
        true
    }

    /// All parties, the caller first, then in the order in which they were added.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }
    /// The party on `leg`.
    pub fn get(&self, leg: LegId) -> Option<&Connection> {
        self.connections.iter().find(|c| c.leg == leg)
    }
    /// With whom `leg` talks.
    pub fn peer(&self, leg: LegId) -> Option<LegId> {
        self.get(leg)?.peer
    }
    /// Whether the party on `leg` may send others on: our phones may. Whoever came or was called by a
    /// gateway would dial by our plan, and at our cost: its configuration says whether it may.
    pub fn may_transfer(&self, leg: LegId) -> bool {
        self.get(leg).is_some_and(|party| party.device.is_phone())
    }
    /// Who is transferred when the party on `first` joins this call with its line `second` in `other`:
    /// one device has both lines, of two calls, and talks on the first.
    pub fn joined_with(&self, first: LegId, other: &Call, second: LegId) -> Option<LegId> {
        let same = self.get(first)?.device == other.get(second)?.device;
        self.peer(first).filter(|_| same && self.id != other.id)
    }
    /// Whether anyone is left.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// The party on `leg` has come to `state`; says whether that is news.
    pub fn enter(&mut self, leg: LegId, state: ConnectionState, now: Time) -> bool {
        self.get_mut(leg).is_some_and(|c| c.enter(state, now))
    }

    /// Joins two parties; each leaves its earlier peer. `false`: one of them is not here.
    pub fn join(&mut self, a: LegId, b: LegId) -> bool {
        if a == b || self.get(a).is_none() || self.get(b).is_none() {
            return false;
        }
        self.part(a);
        self.part(b);
        for (one, other) in [(a, b), (b, a)] {
            self.get_mut(one).expect("looked up above").peer = Some(other);
        }
        true
    }

    /// Takes `leg` and its peer apart; gives the peer.
    pub fn part(&mut self, leg: LegId) -> Option<LegId> {
        let peer = self.get_mut(leg)?.peer.take()?;
        if let Some(other) = self.get_mut(peer) {
            other.peer = None;
        }
        Some(peer)
    }

    /// The party on `leg`, which talks with nobody, goes over to another call.
    pub fn give_up(&mut self, leg: LegId) -> Option<Connection> {
        let at = self.connections.iter().position(|c| c.leg == leg && c.peer.is_none())?;
        Some(self.connections.remove(at))
    }

    /// Whether one party more may come.
    pub fn has_room(&self) -> bool {
        self.connections.len() < MAX_CONNECTIONS
    }

    /// Whether so many parties more may come.
    pub fn has_room_for(&self, more: usize) -> bool {
        self.connections.len() + more <= MAX_CONNECTIONS
    }

    /// Takes a party of another call in, as one that we called. `false`: the call is full.
    pub fn adopt(&mut self, connection: Connection) -> bool {
        if self.connections.len() >= MAX_CONNECTIONS || self.get(connection.leg).is_some() {
            return false;
        }
        self.connections.push(Connection { role: Role::Callee, ..connection });
        true
    }

    /// The party on `leg` has gone.
    pub fn clear(&mut self, leg: LegId) -> Option<Cleared> {
        let peer = self.part(leg);
        let at = self.connections.iter().position(|c| c.leg == leg)?;
        let connection = self.connections.remove(at);
        Some(Cleared { connection, peer, was_subject: leg == self.subject })
    }

    /// Customer and agent of a joined pair, in this order (R5: left and right channel). A trunk
    /// party is the customer; between two of a kind, the caller is.
    pub fn sides(&self, a: LegId, b: LegId) -> (LegId, LegId) {
        let (Some(one), Some(other)) = (self.get(a), self.get(b)) else { return (a, b) };
        let swap = match (one.device.is_phone(), other.device.is_phone()) {
            (true, false) => true,
            (false, true) => false,
            _ => other.role == Role::Caller,
        };
        if swap { (b, a) } else { (a, b) }
    }

    fn get_mut(&mut self, leg: LegId) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|c| c.leg == leg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;
    use proptest::prelude::*;

    const NOW: Now = Now { at: Time::from_millis(5), wall: Wall(1) };

    fn phone(number: &str) -> Device {
        Device::Phone { number: number.into() }
    }
    fn trunk(number: &str) -> Device {
        Device::Trunk { gateway: "e1-a".into(), number: number.into() }
    }
    fn call() -> Call {
        Call::new(CallId::new(Wall(1), 1), LegId(1), trunk("13800000000"), NOW)
    }

    #[test]
    fn the_plan_outlives_the_agent_and_not_the_caller() {
        let mut call = call();
        assert!(call.add(LegId(2), phone("1001"), NOW.at));
        assert!(call.join(LegId(1), LegId(2)));
        let agent = call.clear(LegId(2)).unwrap();
        assert_eq!((agent.peer, agent.was_subject), (Some(LegId(1)), false));
        assert_eq!(call.peer(LegId(1)), None);
        assert!(call.clear(LegId(1)).unwrap().was_subject);
        assert!(call.is_empty() && call.clear(LegId(1)).is_none());
    }

    #[test]
    fn the_customer_is_left_and_the_agent_right_whoever_calls() {
        let mut inbound = call();
        inbound.add(LegId(2), phone("1001"), NOW.at);
        assert_eq!(inbound.sides(LegId(2), LegId(1)), (LegId(1), LegId(2)));
        let mut outbound = Call::new(CallId::new(Wall(1), 2), LegId(1), phone("1001"), NOW);
        outbound.add(LegId(2), trunk("110"), NOW.at);
        assert_eq!(outbound.sides(LegId(1), LegId(2)), (LegId(2), LegId(1)));
        let mut inner = Call::new(CallId::new(Wall(1), 3), LegId(1), phone("1001"), NOW);
        inner.add(LegId(2), phone("1002"), NOW.at);
        assert_eq!(inner.sides(LegId(2), LegId(1)), (LegId(1), LegId(2)));
    }

    #[test]
    fn a_phone_joins_its_own_two_lines_and_nobody_elses() {
        let mut one = call();
        one.add(LegId(2), phone("1001"), NOW.at);
        let mut other = Call::new(CallId::new(Wall(1), 2), LegId(3), phone("1001"), NOW);
        other.add(LegId(4), phone("1002"), NOW.at);
        assert_eq!(one.joined_with(LegId(2), &other, LegId(3)), None, "nobody talks yet");
        one.join(LegId(1), LegId(2));
        assert_eq!(one.joined_with(LegId(2), &other, LegId(3)), Some(LegId(1)));
        assert_eq!(one.joined_with(LegId(2), &other, LegId(4)), None, "another's line");
        assert_eq!(one.joined_with(LegId(2), &one, LegId(2)), None, "one call");
        assert!(one.may_transfer(LegId(2)) && !one.may_transfer(LegId(1)));
        assert!(!one.may_transfer(LegId(9)));
    }

    #[test]
    fn an_answered_party_does_not_ring_again() {
        let mut call = call();
        assert!(call.enter(LegId(1), ConnectionState::Connected, NOW.at));
        assert!(!call.enter(LegId(1), ConnectionState::Alerting, NOW.at));
        assert!(call.enter(LegId(1), ConnectionState::Held, NOW.at));
        assert!(!call.enter(LegId(1), ConnectionState::Held, NOW.at));
        assert_eq!(call.get(LegId(1)).unwrap().answered, Some(NOW.at));
    }

    proptest! {
        /// Whatever is done, peers name each other and are there.
        #[test]
        fn peers_are_mutual(ops in prop::collection::vec((0u8..4, 0u64..6, 0u64..6), 0..60)) {
            let mut call = call();
            for (op, a, b) in ops {
                let (a, b) = (LegId(a), LegId(b));
                match op {
                    0 => { call.add(a, phone("1"), NOW.at); }
                    1 => { call.join(a, b); }
                    2 => { call.part(a); }
                    _ => { call.clear(a); }
                }
                for c in call.connections() {
                    if let Some(peer) = c.peer {
                        prop_assert_eq!(call.peer(peer), Some(c.leg));
                    }
                }
            }
        }
    }
}
