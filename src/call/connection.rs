//! One party's connection to a call: the local connection state of CSTA (ECMA-269 §6.1.5).
//!
//! ```text
//!            originate                    deliver
//!  Null ───────────────▶ Initiated ◀─────────────── Null
//!                         │     │ alerting
//!                answered │     ▼
//!                         │  Alerting ──── answered ───┐
//!                         ▼                            ▼
//!                      Connected ◀── retrieve ──── Held
//!                         │     ─── hold ─────────▶
//!                         ▼
//!                       (gone)        refused, no answer: Failed, then gone
//! ```

use serde::{Deserialize, Serialize};

use crate::base::{LegId, Time};

/// How far one party's connection has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ConnectionState {
    /// The party dials, or is being reached and does not ring yet.
    Initiated,
    /// The party's device rings.
    Alerting,
    /// The party talks, or listens to the plan.
    Connected,
    /// The party put the call on hold.
    Held,
    /// The party could not be reached; it is about to go.
    Failed,
}

/// What the party is reached by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Device {
    /// A registered phone, by its number.
    Phone {
        /// Its number.
        number: String,
    },
    /// Someone behind a gateway.
    Trunk {
        /// The gateway's name.
        gateway: String,
        /// The outside number: the caller's, or the one dialled.
        number: String,
    },
    /// A phone of ours that is a number behind a gateway (R7): an agent's mobile.
    Mobile {
        /// The phone's number here.
        number: String,
        /// The gateway's name.
        gateway: String,
        /// Its outside number.
        outside: String,
    },
}

impl Device {
    /// The number by which people know the party.
    pub fn number(&self) -> &str {
        match self {
            Device::Phone { number }
            | Device::Trunk { number, .. }
            | Device::Mobile { number, .. } => number,
        }
    }
    /// The gateway behind which it is.
    pub fn gateway(&self) -> Option<&str> {
        match self {
            Device::Phone { .. } => None,
            Device::Trunk { gateway, .. } | Device::Mobile { gateway, .. } => Some(gateway),
        }
    }
    /// Whether the party is one of ours (an agent, R5) and not a customer.
    pub fn is_phone(&self) -> bool {
        matches!(self, Device::Phone { .. } | Device::Mobile { .. })
    }
}

/// Whether the party began the call or was added to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Role {
    /// Its INVITE opened the call.
    Caller,
    /// We called it.
    Callee,
}

/// One party of a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Connection {
    /// The leg that carries it.
    pub leg: LegId,
    /// By what the party is reached.
    pub device: Device,
    /// Began it or was added.
    pub role: Role,
    /// Where it stands.
    pub state: ConnectionState,
    /// Since when.
    pub since: Time,
    /// When it was answered, if it was.
    pub answered: Option<Time>,
    /// The leg it talks with.
    pub peer: Option<LegId>,
}

impl Connection {
    /// A new connection, Initiated.
    pub fn new(leg: LegId, device: Device, role: Role, now: Time) -> Connection {
        Connection {
            leg,
            device,
            role,
            state: ConnectionState::Initiated,
            since: now,
            answered: None,
            peer: None,
        }
    }

    /// Moves to `state`; says whether that was a change. A connection never goes back to ringing
    /// once it was answered.
    pub(super) fn enter(&mut self, state: ConnectionState, now: Time) -> bool {
        let backwards = self.answered.is_some()
            && matches!(state, ConnectionState::Initiated | ConnectionState::Alerting);
        if self.state == state || backwards {
            return false;
        }
        if state == ConnectionState::Connected && self.answered.is_none() {
            self.answered = Some(now);
        }
        self.state = state;
        self.since = now;
        true
    }
}
