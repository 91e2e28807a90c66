//! Calls out over trunks: which gateway takes one, which the next, and what an operator orders (R1).
//!
//! ```text
//!  dial target ─▶ way: trunk? gateway? emergency? ─▶ seize, INVITE ─▶ failed: does it lead on?
//!                                                        ▲ next gateway      │ yes     │ no
//!                                                        └───────────────────┘    the dial's failure
//! ```
//!
//! Where a gateway itself says whereto (3xx): [`sent_on`](super::sent_on).

use crate::base::{CallId, Duration, LegId, Now, Time};
use crate::call::Failure;
use crate::config::{Config, TrunkChoice};
use crate::trunk::{Choice, Duty, Health, Overflow, Trunk, urgent_order};
use crate::wire::q850::Cause;

use super::active::{Doing, Outside, Way};
use super::console::{GatewayOrder, GatewayRow, Reply};
use super::dial::failure;
use super::fact::{FactKind, GatewayService};
use super::{Level, Switch};

impl Switch {
    /// A leg through the trunk or gateway of that name, on the first of its gateways that takes it.
    pub(super) fn ring_trunk(
        &mut self,
        now: Now,
        id: CallId,
        name: &str,
        number: &str,
    ) -> Result<LegId, Failure> {
        let way = self.way(now.at, id, name, number);
        self.ring_next(now, id, way, Outside { number: number.into(), phone: None })
    }

    /// The gateways over which a call to `number` by `name` goes.
    pub(super) fn way(&mut self, now: Time, id: CallId, name: &str, number: &str) -> Overflow {
        let urgent =
            self.dialing(id).is_some_and(|d| d.dial.emergency) || self.config.is_emergency(number);
        let (order, within) = match trunk(&self.config, name) {
            Some(trunk) => (trunk.order(&self.gateways, now, &mut self.rng), trunk.within),
            None => (vec![name.to_owned()], Duration::ZERO),
        };
        let dialled = |gateway: &String| {
            let config = self.config.gateway(gateway)?;
            Some(self.config.is_emergency(&config.out_called.apply(number)))
        };
        let urgent = urgent || order.iter().any(|gateway| dialled(gateway) == Some(true));
        let ahead = urgent || self.calls.get(&id).is_some_and(|active| active.for_alarm);
        let order = if ahead { urgent_order(order, &self.gateways) } else { order };
        Overflow::new(order, within, urgent)
    }

    /// A leg through the next gateway of the way that takes it; else why the last did not.
    pub(super) fn ring_next(
        &mut self,
        now: Now,
        id: CallId,
        mut left: Overflow,
        to: Outside,
    ) -> Result<LegId, Failure> {
        let mut why = failure(Cause::NO_ROUTE_DESTINATION, 404);
        while let Some(next) = left.next(now.at) {
            match self.ring_gateway(now, id, &next, &to, &mut left) {
                Ok(leg) => {
                    if let Some(active) = self.calls.get_mut(&id) {
                        match &mut active.doing {
                            Doing::Dialling(dialing) => dialing.ways.push(Way { leg, left, to }),
                            Doing::Summoning(_) => active.way = Some(Way { leg, left, to }),
                            _ => {}
                        }
                    }
                    return Ok(leg);
                }
                Err(failure) => {
                    why = failure;
                    // No other gateway may carry what the account may not call; that a 3xx names such says nothing of
                    // the number that was dialled.
                    if why.cause == Cause::CALLS_OUT_BARRED && next.sent_on.is_none() {
                        break;
                    }
                }
            }
        }
        Err(why)
    }

    /// A leg has failed: where its gateway or network is to blame, the gateway's next hop or the next
    /// gateway of its trunk takes its place. True: one does.
    pub(super) fn overflows(&mut self, now: Now, leg_id: LegId, failed: Failure) -> bool {
        let Some(leg) = self.legs.get(&leg_id) else { return false };
        let (id, reached, another_hop) = (leg.call, leg.alerted, leg.another_hop);
        let Some(active) = self.calls.get_mut(&id) else { return false };
        let Doing::Dialling(dialing) = &mut active.doing else { return false };
        let Some(at) = dialing.ways.iter().position(|way| way.leg == leg_id) else {
            return false;
        };
        let Way { mut left, to, .. } = dialing.ways.swap_remove(at);
        if !dialing.hunt.rings(leg_id) {
            return false;
        }
        let sent = self.goes_where_sent(leg_id, &mut left, &to);
        if !(sent || onward(&mut left, failed, reached, another_hop)) {
            return false;
        }
        let Some(dialing) = self.dialing(id) else { return false };
        let Some((_, target)) = dialing.legs.iter().find(|(leg, _)| *leg == leg_id) else {
            return false;
        };
        let target = target.clone();
        let Ok(next) = self.ring_next(now, id, left, to) else { return false };
        let Some(Doing::Dialling(dialing)) =
            self.calls.get_mut(&id).map(|active| &mut active.doing)
        else {
            return false;
        };
        for (leg, _) in dialing.instead.iter_mut().filter(|(leg, _)| *leg == leg_id) {
            *leg = next;
        }
        dialing.hunt.attempt(next);
        dialing.legs.push((next, target));
        self.rings_instead(now, id, leg_id, &[next]);
        true
    }

    /// The same for the leg of whoever is to call, which is the only one of its call.
    pub(super) fn summons_onward(&mut self, now: Now, leg_id: LegId, failed: Failure) -> bool {
        let Some(leg) = self.legs.get(&leg_id) else { return false };
        let (id, reached, another_hop) = (leg.call, leg.alerted, leg.another_hop);
        let Some(active) = self.calls.get_mut(&id) else { return false };
        if !matches!(active.doing, Doing::Summoning(_)) || active.ended.is_some() {
            return false;
        }
        let Some(Way { mut left, to, .. }) = active.way.take_if(|way| way.leg == leg_id) else {
            return false;
        };
        let sent = self.goes_where_sent(leg_id, &mut left, &to);
        (sent || onward(&mut left, failed, reached, another_hop))
            && self.ring_next(now, id, left, to).is_ok()
    }

    /// An operator takes a gateway out of service, or puts it back.
    pub(super) fn gateway_order(&mut self, now: Now, name: &str, order: GatewayOrder) -> Reply {
        let (duty, service, means) = match order {
            GatewayOrder::Drain => {
                (Duty::Draining, GatewayService::Draining, "no new call goes out by it")
            }
            GatewayOrder::Busy => {
                (Duty::BusyOut, GatewayService::BusyOut, "it takes no new call either way")
            }
            GatewayOrder::Up => (Duty::InService, GatewayService::InService, "it takes calls"),
        };
        let changed = match self.gateways.set_duty(name, duty) {
            None => {
                let why = format!("there is no gateway {name}; 'show gateways' lists them");
                return Reply::Refused(why);
            }
            Some(changed) => changed,
        };
        if order == GatewayOrder::Up && self.gateways.forgive(name) {
            let text = format!("gateway {name} did not answer: it is tried again, by order");
            self.log(Level::Warning, text);
            self.gateway_alarm(now, name, false);
        }
        let busy = self.gateways.get(name).map_or(0, |gateway| gateway.busy);
        let done = format!("gateway {name}: {means}; {busy} calls in being go on");
        if changed {
            self.log(Level::Warning, format!("{done}, by order of the console"));
            self.fact(now, FactKind::GatewayService { gateway: name.into(), service });
        }
        Reply::Done(done)
    }

    /// Where a gateway is: its address, or its name and the hop that is used.
    fn reached(&self, gateway: &crate::trunk::Gateway, now: Time) -> String {
        let named =
            self.config.gateway(&gateway.name).is_some_and(|c| c.first_hop().fixed().is_none());
        match gateway.hops.first(now) {
            Some(hop) if named => {
                format!("{} ({} {})", gateway.place, hop.transport.via_name(), hop.addr)
            }
            None => format!("{} (not found)", gateway.place),
            Some(hop) => hop.addr.to_string(),
        }
    }

    /// The gateways as the console shows them.
    pub(super) fn gateway_rows(&self, now: Now) -> Vec<GatewayRow> {
        let row = |gateway: &crate::trunk::Gateway| {
            let service = match (gateway.duty, gateway.busy) {
                (Duty::InService, _) if gateway.refuses(now.at) => "wants no calls",
                (Duty::InService, _) => "in service",
                (Duty::Draining, 0) => "drained",
                (Duty::Draining, _) => "draining",
                (Duty::BusyOut, _) => "busy",
            };
            let holds = |trunk: &&crate::config::Trunk| {
                trunk.gateways.iter().any(|name| name.as_str() == gateway.name)
            };
            let trunks = self.config.trunks.iter().filter(holds);
            GatewayRow {
                name: gateway.name.clone(),
                address: self.reached(gateway, now.at),
                health: health(gateway.health()).into(),
                service: service.into(),
                registered: self.registering.words(&gateway.name, now.at),
                registration_fails: self.registering.fails(&gateway.name),
                trunks: trunks.map(|trunk| trunk.name.to_string()).collect(),
                busy: gateway.busy,
                channels: gateway.channels,
            }
        };
        self.gateways.iter().map(row).collect()
    }
}

/// Whether a gateway answers, in a word.
pub(super) fn health(health: Health) -> &'static str {
    match health {
        Health::Unknown => "unknown",
        Health::Up(0) => "up",
        Health::Up(_) => "doubtful",
        Health::Down(0) => "down",
        Health::Down(_) => "recovering",
    }
}

/// The trunk of that name, as `trunk` takes it.
fn trunk(config: &Config, name: &str) -> Option<Trunk> {
    let trunk = config.trunks.iter().find(|trunk| trunk.name.as_str() == name)?;
    Some(Trunk {
        name: name.to_owned(),
        gateways: trunk.gateways.iter().map(|gateway| gateway.to_string()).collect(),
        choice: match trunk.choice {
            TrunkChoice::InOrder => Choice::InOrder,
            TrunkChoice::LeastUsed => Choice::LeastUsed,
            TrunkChoice::Weighted => Choice::Weighted,
        },
        within: trunk.overflow,
    })
}

/// Whether a call that has failed so goes on: to another hop of the same gateway, or to another gateway.
fn onward(left: &mut Overflow, failed: Failure, reached: bool, another_hop: bool) -> bool {
    let again = another_hop && !reached && !left.was_sent_on();
    if again {
        left.again();
    }
    // Who sends a call on to where it cannot go has not said that it cannot be carried.
    let elsewhere = (300..400).contains(&failed.status) && !reached && left.has_more();
    again || elsewhere || left.goes_on(failed.cause, reached)
}
