//! Calls that Belfry makes by itself, to somebody who is the caller in what follows: units, contacts, customers.
//!
//! ```text
//!  number ─▶ phone of ours, or the trunk ─▶ 200 ─▶ what the call was made for
//! ```
//!
//! Who is called, when and how often is said by the floors below; what begins when he answers, by who asks.

use crate::base::{CallId, Duration, Now};
use crate::call::Call;
use crate::config::Phone;
use crate::trunk::NoChannel;
use crate::wire::q850::Cause;

use super::Switch;
use super::active::{Active, Doing, Outside};
use super::fact::{EndedBy, FactKind, Party};

/// Why a call is not made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NotPlaced {
    /// It cannot be now, and may be soon: no gateway or channel, or too much to do. Nobody was rung: it is no attempt.
    Now(String),
    /// It cannot be, as things are set up or as the called phone stands.
    Never(String),
}

impl NotPlaced {
    /// Why, for a person.
    pub(super) fn why(&self) -> &str {
        match self {
            NotPlaced::Now(why) | NotPlaced::Never(why) => why,
        }
    }
}

/// Whether a call that ended so before anybody rang found no way to him: that says nothing of him.
pub(super) fn found_no_way(cause: Cause) -> bool {
    const NO_WAY: [Cause; 6] = [
        Cause::NORMAL_CIRCUIT_CONGESTION,
        Cause::NETWORK_OUT_OF_ORDER,
        Cause::NORMAL_TEMPORARY_FAILURE,
        Cause::SWITCH_CONGESTION,
        Cause::REQUESTED_CHAN_UNAVAIL,
        Cause::RECOVERY_ON_TIMER_EXPIRE,
    ];
    NO_WAY.contains(&cause)
}

/// A call to be made.
#[derive(Clone, Debug)]
pub(super) struct Placing {
    /// Whom.
    pub(super) number: String,
    /// The number that he is shown, and that stands as dialled in the record.
    pub(super) to: String,
    /// The plan's context, or what the call is for.
    pub(super) context: String,
    /// The phone of ours that it is.
    pub(super) phone: Option<Phone>,
    /// Else by this trunk or gateway; none: by the first.
    pub(super) trunk: Option<String>,
    /// How long it rings.
    pub(super) rings: Duration,
    /// It is for an alarm: no limit of calls keeps it back that yields to emergencies, and it takes channels that
    /// ordinary calls leave free.
    pub(super) urgent: bool,
    /// What the plan begins with.
    pub(super) variables: Vec<(String, String)>,
}

impl Switch {
    /// Whether the exchange may make a call now; `urgent`: it is not held back for load. Err: why not.
    pub(super) fn may_call_out(&mut self, now: Now, urgent: bool) -> Result<(), String> {
        if self.draining {
            return Err("the exchange is about to stop".into());
        }
        match self.admission.call(now.at, &self.load()) {
            Err(refusal) if !(refusal.yields_to_emergency() && urgent) => Err(refusal.to_string()),
            _ => Ok(()),
        }
    }

    /// Makes a call; `told` puts to it what it needs before anybody rings. Err: why there is none.
    pub(super) fn place_out(
        &mut self,
        now: Now,
        own: Placing,
        told: impl FnOnce(&mut Switch, CallId),
    ) -> Result<CallId, NotPlaced> {
        let Placing { number, to, context, phone, trunk, rings, urgent, variables } = own;
        self.may_call_out(now, urgent).map_err(NotPlaced::Now)?;
        let trunk = trunk.or_else(|| self.config.trunk_names().next().map(str::to_owned));
        let of = number.clone();
        let caller = match (&phone, &trunk) {
            (Some(_), _) => Party::Phone { number: of },
            (None, Some(gateway)) => Party::Trunk { gateway: gateway.clone(), number: of },
            (None, None) => return Err(NotPlaced::Never("there is no gateway".into())),
        };
        // Before anything is written down of it: what is held is tried often.
        if let (None, Some(name)) = (&phone, &trunk) {
            self.has_a_way(name, urgent).map_err(NotPlaced::Now)?;
        }
        let id = self.new_call_id(now.wall);
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
        let mut active = Active {
            doing: Doing::Summoning(now.at + rings),
            for_alarm: urgent,
            ..self.new_call(now, Call::for_phone(id, now), [number.clone(), to, context])
        };
        active.origin.signalled.extend(variables);
        self.calls.insert(id, Box::new(active));
        told(self, id);
        let placed = match phone {
            Some(phone) => self.ring_last_device(now, id, &phone),
            None => {
                let way = self.way(now.at, id, &trunk.unwrap_or_default(), &number);
                let outside = Outside { number, phone: None };
                self.ring_next(now, id, way, outside).is_ok()
            }
        };
        self.rearm(id);
        match placed {
            true => Ok(id),
            false => {
                self.release_call(now, id, Cause::NORMAL_TEMPORARY_FAILURE, EndedBy::Fault);
                Err(NotPlaced::Never("no way to it is open".into()))
            }
        }
    }

    /// Whether one of the gateways of a trunk would take a call, or why none would. A name that is none is found out later.
    fn has_a_way(&self, trunk: &str, urgent: bool) -> Result<(), String> {
        let mut why = Ok(());
        for name in self.gateways_of(trunk) {
            match self.gateways.can_seize(name, urgent) {
                Ok(()) | Err(NoChannel::Unknown) => return Ok(()),
                Err(NoChannel::Full) => why = Err("all channels are taken".to_owned()),
                Err(NoChannel::Down) => why = Err(format!("gateway {name} does not answer")),
                Err(NoChannel::OutOfService) => {
                    why = Err(format!("gateway {name} is out of service"));
                }
            }
        }
        why
    }

    /// The gateways of a trunk, or the one of that name.
    fn gateways_of<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        let group = self.config.trunks.iter().find(|trunk| trunk.name.as_str() == name);
        match group {
            Some(trunk) => trunk.gateways.iter().map(|name| name.as_str()).collect(),
            None => vec![name],
        }
    }

    /// How many calls may begin on a trunk or gateway (none: the first) without taking the channels that are to stay
    /// free: none while an alarm waits for somebody, and none by a gateway that takes none.
    pub(super) fn room_on(&self, trunk: Option<&str>, keep_free: u32) -> usize {
        let waits = self.care.cases.open().any(crate::care::Case::waits);
        if self.draining || self.journal_full || waits {
            return 0;
        }
        let Some(name) = trunk.or_else(|| self.config.trunk_names().next()) else {
            return usize::MAX;
        };
        let names = self.gateways_of(name);
        let gateways = names.iter().filter(|name| self.gateways.can_seize(name, false).is_ok());
        let gateways = gateways.filter_map(|name| self.gateways.get(name));
        let free = |gateway: &crate::trunk::Gateway| {
            gateway.channels.saturating_sub(gateway.busy.saturating_add(gateway.keep_in))
        };
        let free: u32 = gateways.map(free).fold(0, u32::saturating_add);
        free.saturating_sub(keep_free) as usize
    }
}
