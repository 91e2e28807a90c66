//! Whether a recording begins when two parties are joined (R5): every call with an agent, inbound
//! or outbound, from the moment the agent has answered, never the IVR before it.

use crate::base::LegId;
use crate::call::{Call, ConnectionState};

/// What the configuration and the disk allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// `[record] enabled`.
    pub enabled: bool,
    /// The share of `[record] max_disk` is used up; see [`retention`](super::retention).
    pub disk_full: bool,
}

/// What comes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Record.
    Record {
        /// The customer.
        left: LegId,
        /// The agent.
        right: LegId,
    },
    /// Do not, and why not.
    Not(WhyNot),
}

/// Why a call is not recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhyNot {
    /// The configuration says so.
    SwitchedOff,
    /// The dialplan did not ask for it.
    NotAsked,
    /// None of the two is an agent.
    NoAgent,
    /// The agent has not answered.
    NotAnswered,
    /// The disk is full: an alarm, not a choice.
    DiskFull,
}

/// Whether to record `a` and `b` of `call`, who are about to hear each other. `asked`: the dialplan
/// wants this call recorded.
pub fn decide(policy: Policy, asked: bool, call: &Call, a: LegId, b: LegId) -> Decision {
    let (left, right) = call.sides(a, b);
    let answered = |c: &&crate::call::Connection| {
        matches!(c.state, ConnectionState::Connected | ConnectionState::Held)
    };
    let agent = call.get(right).filter(|c| c.device.is_phone());
    match agent {
        _ if !policy.enabled => Decision::Not(WhyNot::SwitchedOff),
        _ if !asked => Decision::Not(WhyNot::NotAsked),
        None => Decision::Not(WhyNot::NoAgent),
        Some(agent) if !answered(&agent) => Decision::Not(WhyNot::NotAnswered),
        Some(_) if policy.disk_full => Decision::Not(WhyNot::DiskFull),
        Some(_) => Decision::Record { left, right },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Now, Time, Wall};
    use crate::call::Device;

    const NOW: Now = Now { at: Time::ZERO, wall: Wall(0) };
    const OPEN: Policy = Policy { enabled: true, disk_full: false };

    fn call(callee: Device) -> Call {
        let caller = Device::Trunk { gateway: "e1-a".into(), number: "13800000000".into() };
        let mut call = Call::new(CallId::new(Wall(1), 1), LegId(1), caller, NOW);
        assert!(call.add(LegId(2), callee, NOW.at));
        call
    }
    fn agent() -> Device {
        Device::Phone { number: "1001".into() }
    }

    #[test]
    fn an_agent_call_is_recorded_once_the_agent_has_answered() {
        let mut call = call(agent());
        let decide_for =
            |policy, asked, call: &Call| decide(policy, asked, call, LegId(2), LegId(1));
        assert_eq!(decide_for(OPEN, true, &call), Decision::Not(WhyNot::NotAnswered));
        call.enter(LegId(2), ConnectionState::Connected, NOW.at);
        let sides = Decision::Record { left: LegId(1), right: LegId(2) };
        assert_eq!(decide_for(OPEN, true, &call), sides);
        assert_eq!(decide_for(OPEN, false, &call), Decision::Not(WhyNot::NotAsked));
        let off = Policy { enabled: false, ..OPEN };
        assert_eq!(decide_for(off, true, &call), Decision::Not(WhyNot::SwitchedOff));
        let full = Policy { disk_full: true, ..OPEN };
        assert_eq!(decide_for(full, true, &call), Decision::Not(WhyNot::DiskFull));
    }

    #[test]
    fn two_outside_parties_are_not_recorded() {
        let outside = Device::Trunk { gateway: "e1-b".into(), number: "120".into() };
        let mut call = call(outside);
        call.enter(LegId(2), ConnectionState::Connected, NOW.at);
        let decision = decide(OPEN, true, &call, LegId(1), LegId(2));
        assert_eq!(decision, Decision::Not(WhyNot::NoAgent));
    }
}
