//! All gateways: whose address this is, which has a channel, which is to be asked whether it is there.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::gateway::{Duty, Gateway, NoChannel, Terms};
use super::health::Turn;
use crate::base::Time;
use crate::sip::locate::Hop;

/// All gateways, by name and by address.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Gateways {
    all: Vec<Gateway>,
    /// Channels of calls in being over gateways that a reload has taken away: should one come back
    /// before they end, they are counted still.
    removed: BTreeMap<String, u32>,
}

impl Gateways {
    /// Takes the gateways of a configuration. Those already known by name keep their channels in use,
    /// their duty and their health, so a reload harms no call. Gives the names of those that were
    /// down and are not known as such any more.
    pub fn configure(&mut self, wanted: impl IntoIterator<Item = Terms>) -> Vec<String> {
        let old = core::mem::take(&mut self.all);
        for terms in wanted {
            let same = old.iter().find(|g| g.name == terms.name);
            let back = self.removed.remove(&terms.name);
            let mut gateway = Gateway::new(terms, same);
            gateway.busy += back.unwrap_or_default();
            self.all.push(gateway);
        }
        let removed = old.iter().filter(|g| g.busy > 0 && self.get(&g.name).is_none());
        let removed: Vec<_> = removed.map(|g| (g.name.clone(), g.busy)).collect();
        self.removed.extend(removed);
        let still = |name: &str| self.get(name).is_some_and(|g| g.watch.is_down());
        let gone = old.iter().filter(|g| g.watch.is_down() && !still(&g.name));
        gone.map(|g| g.name.clone()).collect()
    }

    /// All of them, in the configuration's order.
    pub fn iter(&self) -> impl Iterator<Item = &Gateway> {
        self.all.iter()
    }
    /// A call to it was refused for so long (503 with Retry-After): until then others are asked first.
    pub fn refuses_until(&mut self, name: &str, until: Time) {
        if let Some(gateway) = self.get_mut(name) {
            gateway.refuses_until = gateway.refuses_until.max(until);
        }
    }

    /// By name.
    pub fn get(&self, name: &str) -> Option<&Gateway> {
        self.all.iter().find(|g| g.name == name)
    }
    fn get_mut(&mut self, name: &str) -> Option<&mut Gateway> {
        self.all.iter_mut().find(|g| g.name == name)
    }

    /// Whose address this is: exact address and port first, then the address alone (a gateway may
    /// send from another port than it listens on), which must then be one gateway's only.
    pub fn identify(&self, source: SocketAddr) -> Option<&Gateway> {
        if let Some(exact) = self.all.iter().find(|g| g.hops.is_from(source, true)) {
            return Some(exact);
        }
        let mut here = self.all.iter().filter(|g| g.hops.is_from(source, false));
        match (here.next(), here.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// Where a gateway is reached now, the best first; its requests come from `also` too. True: that is
    /// elsewhere than before.
    pub fn place(&mut self, name: &str, hops: &[Hop], also: Vec<SocketAddr>) -> bool {
        let Some(gateway) = self.get_mut(name) else { return false };
        let before = gateway.hops.clone();
        gateway.hops.set(hops, also);
        !gateway.hops.is_same(&before)
    }
    /// The hop to send to.
    pub fn hop(&self, name: &str, now: Time) -> Option<Hop> {
        self.get(name)?.hops.first(now)
    }
    /// A request to that address of it was not answered, or refused with 503. True: it has another hop
    /// to try.
    pub fn hop_failed(&mut self, name: &str, to: SocketAddr, now: Time) -> bool {
        self.get_mut(name).is_some_and(|gateway| gateway.hops.failed(to, now))
    }
    /// A request to that address of it was answered.
    pub fn hop_answered(&mut self, name: &str, to: SocketAddr) {
        if let Some(gateway) = self.get_mut(name) {
            gateway.hops.answered(to);
        }
    }

    /// Whether a call out would get a channel; see [`NoChannel`].
    pub fn can_seize(&self, name: &str, urgent: bool) -> Result<(), NoChannel> {
        self.get(name).ok_or(NoChannel::Unknown)?.can_seize(urgent)
    }
    /// Takes a channel for a call out; see [`NoChannel`]. An `urgent` one is tried in any case.
    pub fn seize(&mut self, name: &str, urgent: bool) -> Result<(), NoChannel> {
        self.get_mut(name).ok_or(NoChannel::Unknown)?.seize(urgent)
    }
    /// A call comes from it: it is there. Says so when that is news.
    pub fn heard(&mut self, name: &str) -> Option<Turn> {
        self.get_mut(name)?.watch.heard()
    }
    /// A call to it was not answered at all: it is to be asked at once.
    pub fn suspect(&mut self, name: &str, now: Time) {
        if let Some(gateway) = self.get_mut(name) {
            gateway.watch.suspect(now);
        }
    }
    /// Takes a channel for a call that came in; an `urgent` one in any case.
    pub fn arrived(&mut self, name: &str, urgent: bool) -> Result<(), NoChannel> {
        self.get_mut(name).ok_or(NoChannel::Unknown)?.arrived(urgent)
    }
    /// Gives a channel back.
    pub fn release(&mut self, name: &str) {
        if let Some(gateway) = self.get_mut(name) {
            gateway.busy = gateway.busy.saturating_sub(1);
        } else if let Some(busy) = self.removed.get_mut(name) {
            *busy -= 1;
            if *busy == 0 {
                self.removed.remove(name);
            }
        }
    }

    /// An operator takes it out of service or puts it back. `None`: there is none of this name; else
    /// whether that was a change.
    pub fn set_duty(&mut self, name: &str, duty: Duty) -> Option<bool> {
        let gateway = self.get_mut(name)?;
        let refused = core::mem::replace(&mut gateway.refuses_until, Time::ZERO) != Time::ZERO;
        Some(core::mem::replace(&mut gateway.duty, duty) != duty || refused)
    }

    /// A gateway that is down is tried again, and asked at once. True: it was down.
    pub fn forgive(&mut self, name: &str) -> bool {
        self.get_mut(name).is_some_and(|gateway| gateway.watch.forgive())
    }

    /// When the next ping is due, or an answer is overdue.
    pub fn next_wake(&self) -> Option<Time> {
        self.all.iter().filter_map(|g| g.watch.wake()).min()
    }
    /// A gateway to ask now, if one is due; it counts as asked until it [answered](Self::answered).
    pub fn due(&mut self, now: Time) -> Option<&Gateway> {
        let at = self.all.iter_mut().position(|g| g.watch.ask(now))?;
        self.all.get(at)
    }
    /// A gateway whose answer is overdue: its ping [failed](Self::answered).
    pub fn overdue(&self, now: Time) -> Option<&Gateway> {
        self.all.iter().find(|g| g.watch.is_overdue(now))
    }
    /// A ping was answered, or failed. Says how its health turned, if it did.
    pub fn answered(&mut self, name: &str, ok: bool, now: Time) -> Option<Turn> {
        self.get_mut(name)?.watch.answered(ok, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Duration;
    use crate::sip::Transport;
    use crate::trunk::health::Ping;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }
    fn configured(all: &mut Gateways, wanted: Vec<Terms>) -> Vec<String> {
        let gone = all.configure(wanted.clone());
        for Terms { name, place, .. } in wanted {
            let hop = Hop { transport: Transport::Udp, addr: address(&place) };
            all.place(&name, &[hop], vec![]);
        }
        gone
    }
    fn terms(name: &str, at: &str, channels: u32, ping_s: u64) -> Terms {
        Terms {
            name: name.into(),
            place: at.into(),
            channels,
            keep_in: 0,
            weight: 1,
            ping: Ping { every: Duration::from_secs(ping_s), failures: 3, successes: 1 },
        }
    }
    fn seize(all: &mut Gateways, name: &str) -> bool {
        all.seize(name, false).is_ok()
    }
    fn two() -> Gateways {
        let mut all = Gateways::default();
        configured(
            &mut all,
            vec![terms("e1-a", "127.0.0.1:5080", 2, 30), terms("e1-b", "127.0.0.2:5080", 30, 0)],
        );
        all
    }

    #[test]
    fn a_gateway_is_known_by_its_address() {
        let mut all = two();
        let name = |all: &Gateways, a| all.identify(address(a)).map(|g| g.name.clone());
        assert_eq!(name(&all, "127.0.0.1:5080").as_deref(), Some("e1-a"));
        assert_eq!(name(&all, "127.0.0.1:40000").as_deref(), Some("e1-a"));
        assert_eq!(name(&all, "[::ffff:127.0.0.2]:1").as_deref(), Some("e1-b"));
        assert_eq!(name(&all, "127.0.0.3:5080"), None);
        configured(
            &mut all,
            vec![terms("x", "127.0.0.1:5080", 2, 0), terms("y", "127.0.0.1:5081", 2, 0)],
        );
        assert_eq!(name(&all, "127.0.0.1:5081").as_deref(), Some("y"));
        assert_eq!(name(&all, "127.0.0.1:6000"), None, "two share the address: the port must say");
    }

    #[test]
    fn channels_are_counted_both_ways_and_kept_over_a_reload() {
        let mut all = two();
        assert!(all.arrived("e1-a", false).is_ok());
        assert!(all.seize("e1-a", false).is_ok());
        assert_eq!(all.seize("e1-a", false).unwrap_err(), NoChannel::Full);
        assert_eq!(all.arrived("e1-a", false).unwrap_err(), NoChannel::Full);
        assert_eq!(all.seize("e1-c", false).unwrap_err(), NoChannel::Unknown);
        configured(&mut all, vec![terms("e1-a", "127.0.0.1:5080", 3, 0)]);
        assert_eq!(all.get("e1-a").unwrap().busy, 2);
        all.release("e1-a");
        all.release("e1-a");
        all.release("e1-a");
        assert_eq!(all.get("e1-a").unwrap().busy, 0);
    }

    #[test]
    fn a_gateway_that_comes_back_has_the_channels_of_calls_in_being() {
        let mut all = two();
        assert!(seize(&mut all, "e1-a") && seize(&mut all, "e1-a"));
        all.configure([terms("e1-b", "127.0.0.2:5080", 30, 0)]);
        all.release("e1-a");
        all.configure([terms("e1-b", "127.0.0.2:5080", 30, 0)]);
        all.configure([terms("e1-a", "127.0.0.1:5080", 2, 0)]);
        assert_eq!(all.get("e1-a").unwrap().busy, 1);
        assert!(seize(&mut all, "e1-a") && !seize(&mut all, "e1-a"));
        all.configure([]);
        for _ in 0..3 {
            all.release("e1-a");
        }
        assert!(all.removed.is_empty());
        all.configure([terms("e1-a", "127.0.0.1:5080", 2, 0)]);
        assert_eq!(all.get("e1-a").unwrap().busy, 0);
    }

    #[test]
    fn a_gateway_that_names_a_time_is_asked_last_until_then() {
        let mut all = two();
        let at = |s: u64| Time::from_millis(s * 1_000);
        let refuses = |all: &Gateways, s| all.get("e1-a").is_some_and(|g| g.refuses(at(s)));
        all.refuses_until("e1-a", at(30));
        all.refuses_until("e1-a", at(10));
        assert!(refuses(&all, 29) && !refuses(&all, 30));
        assert!(all.seize("e1-a", false).is_ok(), "for want of another");
        all.set_duty("e1-a", Duty::InService);
        assert!(!refuses(&all, 29), "an operator's word lifts it");
    }

    #[test]
    fn calls_out_leave_channels_for_calls_in() {
        let mut all = Gateways::default();
        configured(&mut all, vec![Terms { keep_in: 1, ..terms("e1-a", "127.0.0.1:5080", 3, 0) }]);
        assert!(all.seize("e1-a", false).is_ok() && all.seize("e1-a", false).is_ok());
        assert_eq!(all.seize("e1-a", false).unwrap_err(), NoChannel::Full);
        assert!(all.arrived("e1-a", false).is_ok());
    }

    #[test]
    fn what_an_operator_takes_out_of_service_takes_no_new_calls() {
        let mut all = two();
        assert_eq!(all.set_duty("e1-a", Duty::Draining), Some(true));
        assert_eq!(all.set_duty("e1-a", Duty::Draining), Some(false));
        assert_eq!(all.set_duty("e1-c", Duty::Draining), None);
        assert_eq!(all.seize("e1-a", false).unwrap_err(), NoChannel::OutOfService);
        assert!(all.arrived("e1-a", false).is_ok(), "its own calls come in");
        all.set_duty("e1-a", Duty::BusyOut);
        assert_eq!(all.arrived("e1-a", false).unwrap_err(), NoChannel::OutOfService);
        configured(&mut all, vec![terms("e1-a", "127.0.0.1:5080", 2, 30)]);
        assert_eq!(all.get("e1-a").unwrap().duty, Duty::BusyOut, "a reload is no order");
        all.set_duty("e1-a", Duty::InService);
        assert!(all.seize("e1-a", false).is_ok());
    }

    #[test]
    fn an_emergency_call_takes_a_channel_in_any_case() {
        let mut all = two();
        for _ in 0..2 {
            assert!(all.seize("e1-a", false).is_ok());
        }
        assert_eq!(all.seize("e1-a", false).unwrap_err(), NoChannel::Full);
        assert!(all.seize("e1-a", true).is_ok() && all.arrived("e1-a", true).is_ok());
        assert_eq!(all.get("e1-a").unwrap().busy, 4, "and is counted");
        for s in 0..3 {
            all.answered("e1-b", false, Time::from_millis(s));
        }
        all.set_duty("e1-b", Duty::BusyOut);
        assert!(all.seize("e1-b", true).is_ok() && all.arrived("e1-b", true).is_ok());
    }

    #[test]
    fn each_is_asked_when_due_and_overdue_when_silent() {
        let mut all = two();
        let at = |s: u64| Time::from_millis(s * 1_000);
        assert_eq!(all.next_wake(), Some(Time::ZERO));
        assert_eq!(all.due(at(0)).map(|g| g.name.as_str()), Some("e1-a"));
        assert!(all.due(at(0)).is_none(), "e1-b is never asked");
        assert!(all.overdue(at(4)).is_none());
        assert_eq!(all.overdue(at(5)).map(|g| g.name.as_str()), Some("e1-a"));
        assert_eq!(all.answered("e1-a", false, at(5)), None);
        assert_eq!(all.next_wake(), Some(at(10)));
    }

    #[test]
    fn a_reload_tells_whose_failure_is_nobodys_any_more() {
        let mut all = two();
        for s in 0..3 {
            all.answered("e1-a", false, Time::from_millis(s));
        }
        assert_eq!(
            configured(&mut all, vec![terms("e1-a", "127.0.0.1:5080", 2, 30)]),
            Vec::<String>::new()
        );
        assert_eq!(configured(&mut all, vec![terms("e1-a", "127.0.0.9:5080", 2, 30)]), ["e1-a"]);
    }
}
