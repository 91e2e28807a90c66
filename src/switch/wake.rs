//! What falls due by time: the agent's timers, calls' waits, registrations, gateways' health.

use crate::base::{CallId, Duration, Now, Time};
use crate::call::collect::Progress;
use crate::dialplan::effect::Happening;
use crate::wire::q850::Cause;

use super::active::Doing;
use super::effects::taken;
use super::fact::{EndedBy, Unregistered};
use super::leg::Stage;
use super::{Level, Switch};

/// An emergency call may stand unanswered for so long at least: a queue of those who need help.
const EMERGENCY_RINGS: Duration = Duration::from_secs(30 * 60);

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
        self.held_keys_due(now);
        for (number, binding) in self.registrar.wake(now.at) {
            self.unbound(now, &number, &binding, Unregistered::Expired);
        }
        self.verifier.expire(now.at);
        self.names_due(now);
        self.ping_due(now);
        self.outside_due(now);
        self.registrations_due(now);
        self.alarms_due(now);
        self.traces_due(now);
        self.messages_due(now);
        self.care_due(now);
        if self.centre.wants_clock(now.at) {
            self.tell_clock(now);
        }
        self.centre.wake(now.at);
    }

    /// Something of a call is due: which, its step says.
    fn call_due(&mut self, now: Now, id: CallId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        if active.deadline <= now.at {
            active.deadline = Time::NEVER;
            return self.too_long(now, id);
        }
        self.release(now, id);
        self.announce_due(now, id);
        self.back_due(now, id);
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
            Doing::Receiving(until) if *until <= now.at => self.reception_due(now, id),
            Doing::Dialling(_) => self.dial_wake(now, id),
            Doing::Asking(_) => self.asking_due(now, id),
            Doing::BackNoting { until, .. } if *until <= now.at => self.back_too_late(now, id),
            Doing::BackSaid { until, .. } if *until <= now.at => self.back_said(now, id),
            Doing::Summoning(until) | Doing::SummoningBack(until) if *until <= now.at => {
                let cause = Cause::NO_ANSWER;
                self.release_call(now, id, cause, EndedBy::Limit);
            }
            Doing::Parked { until, .. } if *until <= now.at => self.park_over(now, id),
            Doing::SigningIn(_) => self.sign_in_due(now, id),
            Doing::Confirming(until) if *until <= now.at => {
                let cause = Cause::NORMAL_CLEARING;
                self.release_call(now, id, cause, EndedBy::Plan);
            }
            _ => {}
        }
    }

    /// A call has gone on for as long as it may, or nobody has answered it for as long as that may take.
    fn too_long(&mut self, now: Now, id: CallId) {
        let Some(active) = self.calls.get(&id) else { return };
        let subject = self.legs.get(&active.subject());
        if subject.is_none_or(|leg| leg.stage != Stage::Early) {
            let cause = Cause::RECOVERY_ON_TIMER_EXPIRE;
            return self.release_call(now, id, cause, EndedBy::Limit);
        }
        let patient = active.call.began + EMERGENCY_RINGS;
        if now.at < patient && self.is_for_help(id) {
            if let Some(active) = self.calls.get_mut(&id) {
                active.deadline = patient;
            }
            return;
        }
        let waited = now.at.since(active.call.began).as_secs();
        let (unanswered, whole) =
            (self.config.sip.max_unanswered, self.config.limits.call_duration);
        let limit = match () {
            () if now.at >= patient && unanswered.min(whole) < EMERGENCY_RINGS => {
                "the most for an emergency call"
            }
            () if whole < unanswered => "[limits] call_duration",
            () => "[sip] max_unanswered",
        };
        self.log(
            Level::Warning,
            format!("call {id}: nobody answered it for {waited} s ({limit}): it is ended"),
        );
        self.release_call(now, id, Cause::NO_ANSWER, EndedBy::Limit);
    }

    /// Whether it is an emergency call, by what was dialled or by what it dials now.
    fn is_for_help(&self, id: CallId) -> bool {
        let dialled = self.calls.get(&id).is_some_and(|a| self.config.is_emergency(&a.to));
        let dialing = self.dialing(id);
        dialled
            || self.care.cases.of_call(id).is_some()
            || dialing
                .is_some_and(|d| d.dial.emergency || d.ways.iter().any(|way| way.left.is_urgent()))
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
