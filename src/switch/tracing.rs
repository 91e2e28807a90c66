//! Calls that an operator watches as they go: what their plans note down goes to whoever asked, and which dialogs are
//! theirs. Whose they are is said by [`call::traced`](crate::call::traced).

use crate::base::{CallId, Duration, LegId, Now};
use crate::call::traced::{Traced, Who, Whom};

use super::console::{Reply, TraceWhom};
use super::{Output, Switch};

/// The line behind which nothing follows.
pub const TRACE_OVER: &str = "trace is off";

impl Switch {
    /// Watches calls from now on, those in being too.
    pub(super) fn trace_on(&mut self, now: Now, whom: TraceWhom, time: Duration) -> Reply {
        let (whom, said) = match whom {
            TraceWhom::Number(number) => (Whom::Number(number.clone()), number),
            TraceWhom::Call(call) if !self.calls.contains_key(&call) => {
                return Reply::Refused(format!(
                    "there is no call {call}; 'show calls' lists those in being"
                ));
            }
            TraceWhom::Call(call) => (Whom::Call(call), call.to_string()),
        };
        if !self.tracing.begin(now.at, whom, time) {
            return Reply::Refused("too many are watched already: trace off".into());
        }
        self.out.push_back(Output::Tracing(true));
        let up: Vec<CallId> = self.calls.keys().copied().filter(|id| self.is_traced(*id)).collect();
        for id in up {
            let Some(active) = self.calls.get_mut(&id) else { continue };
            let (from, to) = (active.from.clone(), active.to.clone());
            if let Some(interp) = &mut active.interp {
                interp.note_down(true);
            }
            let at = active.interp.as_ref().and_then(|i| i.position(&active.plan));
            let at = at.map(|at| format!(", its plan at {at}")).unwrap_or_default();
            let legs: Vec<LegId> =
                self.legs.values().filter(|leg| leg.call == id).map(|leg| leg.id).collect();
            legs.into_iter().for_each(|leg| self.traced(leg));
            self.tell_trace(id, vec![format!("from {from} to {to} is up{at}")]);
        }
        let time = match time.as_secs() {
            whole if whole % 60 == 0 => format!("{} min", whole / 60),
            seconds => format!("{seconds} s"),
        };
        Reply::Done(format!(
            "calls of {said} are shown for {time}, as they go; Ctrl-C leaves before that, 'trace off' ends it for all"
        ))
    }

    /// Watches none any more.
    pub(super) fn trace_off(&mut self) -> Reply {
        self.tracing.end();
        self.out.push_back(Output::Tracing(false));
        Reply::Done(TRACE_OVER.into())
    }

    /// Whether a call is watched.
    pub(super) fn is_traced(&self, id: CallId) -> bool {
        self.who_traced(id, |traced, who| traced.is(who))
    }

    fn who_traced<R: Default>(&self, id: CallId, ask: impl FnOnce(&Traced, Who<'_>) -> R) -> R {
        let Some(active) = self.calls.get(&id) else { return R::default() };
        let legs = self.legs.values().filter(|leg| leg.call == id);
        let called = legs.filter_map(|leg| Some(active.call.get(leg.id)?.device.number()));
        let own = [active.from.as_str(), active.to.as_str()];
        let numbers: Vec<&str> = own.into_iter().chain(called).collect();
        ask(&self.tracing, Who { call: id, numbers: &numbers })
    }

    /// What a plan has noted down goes to who watches.
    pub(super) fn tell_trace(&mut self, id: CallId, notes: Vec<String>) {
        if notes.is_empty() {
            return;
        }
        let mut traced = std::mem::take(&mut self.tracing);
        let mut shown = notes.into_iter();
        let room = self.who_traced(id, |_, who| {
            let fits: Vec<String> = shown.by_ref().take_while(|_| traced.line(who)).collect();
            fits
        });
        self.tracing = traced;
        if room.is_empty()
            && let Some(interp) = self.calls.get_mut(&id).and_then(|a| a.interp.as_mut())
        {
            // Nobody watches it any more.
            return interp.note_down(false);
        }
        self.out.extend(room.into_iter().map(|line| Output::Traced(id, line)));
    }

    /// Those whose time is over.
    pub(super) fn traces_due(&mut self, now: Now) {
        if self.tracing.due(now.at) {
            self.out.push_back(Output::Tracing(false));
        }
    }
}
