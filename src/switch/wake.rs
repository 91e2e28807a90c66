//! What falls due by time: the agent's timers, calls' waits, registrations, gateways' health.

use crate::base::{CallId, Now, Time};
use crate::call::collect::Progress;
use crate::dialplan::effect::Happening;

use super::Switch;
use super::active::Doing;
use super::effects::taken;
use super::fact::{EndedBy, Unregistered};

impl Switch {
    pub(super) fn wake(&mut self, now: Now) {
        self.agent.wake(now.at);
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now.at) {
            self.due.remove(&(at, id));
            if let Some(active) = self.calls.get_mut(&id) {
                active.wake = Time::NEVER;
                self.call_due(now, id);
                self.rearm(id);
            }
        }
        self.info_keys_due(now);
        for (number, binding) in self.registrar.wake(now.at) {
            self.unbound(now, &number, &binding, Unregistered::Expired);
        }
        self.verifier.expire(now.at);
        self.names_due(now);
        self.ping_due(now);
        self.outside_due(now);
        self.registrations_due(now);
        self.alarms_due(now);
        self.messages_due(now);
        self.centre.wake(now.at);
    }

    /// Something of a call is due: which, its step says.
    fn call_due(&mut self, now: Now, id: CallId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        if active.deadline <= now.at {
            active.deadline = Time::NEVER;
            self.release_call(
                now,
                id,
                crate::wire::q850::Cause::RECOVERY_ON_TIMER_EXPIRE,
                EndedBy::Limit,
            );
            return;
        }
        self.release(now, id);
        let Some(active) = self.calls.get_mut(&id) else { return };
        match &mut active.doing {
            Doing::Waiting(until) | Doing::Echoing { until, .. } if *until <= now.at => {
                self.run(now, id, Happening::Done)
            }
            Doing::Collecting { collect, .. } => {
                if let Progress::Done { digits, ended } = collect.wake(now.at)
                    && let Some(happening) = taken(Progress::Done { digits, ended })
                {
                    self.run(now, id, happening);
                }
            }
            Doing::Dialling(_) => self.dial_wake(now, id),
            Doing::Summoning(until) if *until <= now.at => {
                let cause = crate::wire::q850::Cause::NO_ANSWER;
                self.release_call(now, id, cause, EndedBy::Limit);
            }
            Doing::Parked { until, .. } if *until <= now.at => self.park_over(now, id),
            Doing::Queued(until) if *until <= now.at => self.announce_wait(now, id),
            Doing::SigningIn(_) => self.sign_in_due(now, id),
            Doing::Confirming(until) if *until <= now.at => {
                let cause = crate::wire::q850::Cause::NORMAL_CLEARING;
                self.release_call(now, id, cause, EndedBy::Plan);
            }
            _ => {}
        }
    }

    /// Notes anew when the call wants to be woken.
    pub(super) fn rearm(&mut self, id: CallId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let due = active.due();
        if due != active.wake {
            self.due.remove(&(active.wake, id));
            active.wake = due;
            if due != Time::NEVER {
                self.due.insert((due, id));
            }
        }
    }
}
