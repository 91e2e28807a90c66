//! Calls that Belfry makes for the care line: to a unit that waits for one or whose own does not come, to a
//! terminal as a reminder, to a contact.
//!
//! ```text
//!  number ─▶ phone of ours, or the trunk ─▶ 200 ─▶ the plan of the context, in which the called party is the caller
//!                                       └─ no answer ─▶ care's rule says what is next
//! ```

use crate::base::{CallId, Duration, Now};
use crate::call::Call;
use crate::switch::active::{Active, Doing, Outside};
use crate::switch::fact::{CareFact, EndedBy, FactKind, Party};
use crate::switch::{Level, Switch};
use crate::wire::q850::Cause;

/// How long whoever is called rings.
const RINGS: Duration = Duration::from_secs(45);

/// Why somebody is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::switch) enum Why {
    /// A unit, in this case.
    Unit {
        /// The case.
        case: u64,
    },
    /// A reminder of this check-in, milliseconds since 1970.
    Reminder {
        /// Which.
        due: i64,
    },
    /// A contact, because of this check-in.
    Contact {
        /// Which.
        due: i64,
    },
}

impl Why {
    fn word(&self) -> &'static str {
        match self {
            Why::Unit { .. } => "unit",
            Why::Reminder { .. } => "reminder",
            Why::Contact { .. } => "contact",
        }
    }

    /// The context of the dialplan that such a call runs.
    fn context(&self) -> &'static str {
        match self {
            Why::Unit { .. } => "care-unit",
            Why::Reminder { .. } => "care-reminder",
            Why::Contact { .. } => "care-contact",
        }
    }
}

/// A call of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::switch) struct CallOut {
    /// For whom.
    pub(in crate::switch) account: String,
    /// Why.
    pub(in crate::switch) why: Why,
}

impl Switch {
    /// Calls `number` for `account`, the `nth` time. `None`: it cannot be called now, which the log says.
    pub(in crate::switch) fn call_out(
        &mut self,
        now: Now,
        (account, number): (&str, &str),
        why: Why,
        nth: u32,
    ) -> Option<CallId> {
        let id = match self.place_call(now, account, number, &why) {
            Ok(id) => id,
            Err(reason) => {
                let (who, why) = (self.care.who(account), why.word());
                self.log(Level::Error, format!("{who}: {number} is not called ({why}): {reason}"));
                return None;
            }
        };
        let (case, due) = match why {
            Why::Unit { case } => (Some(case), None),
            Why::Reminder { due } | Why::Contact { due } => (None, Some(due)),
        };
        let (word, number) = (why.word().to_owned(), number.to_owned());
        let what = CareFact::CalledOut { why: word, number, call: id, case, due, nth };
        self.care.calls.insert(id, CallOut { account: account.to_owned(), why });
        self.fact(now, FactKind::Care { account: account.to_owned(), what });
        Some(id)
    }

    /// Whom we have called takes on what that was for.
    pub(in crate::switch) fn call_accepted(&mut self, now: Now, call: CallId) {
        let number = self.calls.get(&call).map(|active| active.from.clone()).unwrap_or_default();
        match self.care.calls.get(&call).cloned() {
            Some(CallOut { account, why: Why::Contact { .. } }) => {
                self.check_in_accepted(now, account, number);
            }
            _ => {
                let line = format!("call {call}: {number} accepts, and was asked for nothing");
                self.log(Level::Warning, line);
            }
        }
    }

    fn place_call(
        &mut self,
        now: Now,
        account: &str,
        number: &str,
        why: &Why,
    ) -> Result<CallId, String> {
        if self.draining {
            return Err("the exchange is about to stop".into());
        }
        // Nobody is called who would hear nothing.
        let context = why.context();
        if !self.plan.has_context(context) {
            return Err(format!("the dialplan has no context '{context}'"));
        }
        let urgent = matches!(why, Why::Unit { .. });
        if let Err(refusal) = self.admission.call(now.at, &self.load())
            && !(refusal.yields_to_emergency() && urgent)
        {
            return Err(refusal.to_string());
        }
        let phone = self.config.phone(number).cloned();
        let trunk = self.config.care.trunk.as_ref().map(ToString::to_string);
        let trunk = trunk.or_else(|| self.config.trunk_names().next().map(str::to_owned));
        let caller = match (&phone, &trunk) {
            (Some(_), _) => Party::Phone { number: number.to_owned() },
            (None, Some(gateway)) => {
                Party::Trunk { gateway: gateway.clone(), number: number.to_owned() }
            }
            (None, None) => return Err("there is no gateway".into()),
        };
        let id = self.new_call_id(now.wall);
        // Whoever is called is shown the number that he would call himself.
        let terms = self.care.cases.terms();
        let own = [terms.bells.first(), terms.call.as_ref(), terms.number.as_ref()];
        let to = own.into_iter().flatten().next().cloned().unwrap_or_else(|| number.to_owned());
        let context = why.context().to_owned();
        self.fact(
            now,
            FactKind::CallBegan {
                call: id,
                caller,
                dialled: to.clone(),
                caller_name: String::new(),
                context: context.clone(),
            },
        );
        let active = Active {
            doing: Doing::Summoning(now.at + RINGS),
            ..self.new_call(now, Call::for_phone(id, now), [number.to_owned(), to, context])
        };
        self.calls.insert(id, Box::new(active));
        self.tell_plan_of_subscriber(id, account);
        let placed = match phone {
            Some(phone) => self.ring_last_device(now, id, &phone),
            None => {
                let way = self.way(now.at, id, &trunk.unwrap_or_default(), number);
                let outside = Outside { number: number.to_owned(), phone: None };
                self.ring_next(now, id, way, outside).is_ok()
            }
        };
        self.rearm(id);
        match placed {
            true => Ok(id),
            false => {
                self.release_call(now, id, Cause::NORMAL_TEMPORARY_FAILURE, EndedBy::Fault);
                Err("no way to it is open".into())
            }
        }
    }
}
