//! Gateways and their channels.
//!
//! A gateway is known by its address: a call that comes from it needs no password. Each call to or
//! from it takes one of its channels and gives it back at the end; the 31st call on an E1 is
//! refused here and not by the gateway. Health follows OPTIONS: one failure makes it doubtful, three
//! take it out, one good answer brings it back.
//!
//! ```text
//!        ping failed        failed ×3
//!  Up ───────────────▶ Up(1..2) ─────▶ Down
//!   ▲                     │ answered     │ answered, or a call comes from it
//!   └─────────────────────┴──────────────┘
//! ```

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::base::{Duration, Time};

/// Failed pings in a row that take a gateway out.
pub const FAILURES_TO_DOWN: u8 = 3;

/// Whether a gateway answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Health {
    /// Not asked yet, or not to be asked: calls are tried.
    Unknown,
    /// It answers; holds how many pings failed since.
    Up(u8),
    /// It does not: calls go elsewhere at once.
    Down,
}

/// One gateway.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Gateway {
    /// Its name in the configuration.
    pub name: String,
    /// Where its SIP is.
    pub address: SocketAddr,
    /// Its channels; 30 for an E1.
    pub channels: u32,
    /// Channels in use.
    pub busy: u32,
    /// Whether it answers.
    pub health: Health,
    /// How often to ask; zero: never.
    pub ping_every: Duration,
    next_ping: Time,
    asked: bool,
}

/// How a gateway's health turned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It answers, for the first time.
    Up,
    /// It answers again after it was down.
    Back,
    /// It does not answer any more.
    Down,
}

/// Why a gateway takes no call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoChannel {
    /// No gateway of this name.
    Unknown,
    /// It does not answer.
    Down,
    /// All its channels are in use.
    Full,
}

/// All gateways, by name and by address.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Gateways(Vec<Gateway>);

impl Gateways {
    /// Takes the gateways of a configuration: `(name, address, channels, ping)`. Those already
    /// known by name keep their channels in use and their health, so a reload harms no call. Gives
    /// the names of those that were down and are not known as such any more.
    pub fn configure(
        &mut self,
        wanted: impl IntoIterator<Item = (String, SocketAddr, u32, Duration)>,
    ) -> Vec<String> {
        let old = core::mem::take(&mut self.0);
        self.0 = wanted
            .into_iter()
            .map(|(name, address, channels, ping_every)| {
                let same = old.iter().find(|g| g.name == name);
                let kept = same.filter(|g| g.address == address);
                Gateway {
                    busy: same.map_or(0, |g| g.busy),
                    health: kept.map_or(Health::Unknown, |g| g.health),
                    next_ping: kept.map_or(Time::ZERO, |g| g.next_ping),
                    asked: kept.is_some_and(|g| g.asked),
                    name,
                    address,
                    channels,
                    ping_every,
                }
            })
            .collect();
        let down = |all: &[Gateway], name: &str| {
            all.iter().any(|g| g.name == name && g.health == Health::Down)
        };
        let gone = old.iter().filter(|g| down(&old, &g.name) && !down(&self.0, &g.name));
        gone.map(|g| g.name.clone()).collect()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Gateway> {
        self.0.iter()
    }
    /// By name.
    pub fn get(&self, name: &str) -> Option<&Gateway> {
        self.0.iter().find(|g| g.name == name)
    }

    /// Whose address this is: exact address and port first, then the address alone (a gateway may
    /// send from another port than it listens on), which must then be one gateway's only.
    pub fn identify(&self, source: SocketAddr) -> Option<&Gateway> {
        if let Some(exact) = self
            .0
            .iter()
            .find(|g| same_ip(g.address.ip(), source.ip()) && g.address.port() == source.port())
        {
            return Some(exact);
        }
        let mut here = self.0.iter().filter(|g| same_ip(g.address.ip(), source.ip()));
        match (here.next(), here.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// Takes a channel for a call out. `urgent` (an emergency number) asks a gateway that is down or
    /// full all the same: nothing is lost by trying, and the gateway may make room.
    pub fn seize(&mut self, name: &str, urgent: bool) -> Result<&Gateway, NoChannel> {
        let gateway = self.0.iter_mut().find(|g| g.name == name).ok_or(NoChannel::Unknown)?;
        if urgent {
            gateway.busy += 1;
            return Ok(gateway);
        }
        if gateway.health == Health::Down {
            return Err(NoChannel::Down);
        }
        gateway.take()
    }
    /// A call comes from it: it is there. Says so when that is news.
    pub fn heard(&mut self, name: &str) -> Option<Turn> {
        let gateway = self.0.iter_mut().find(|g| g.name == name)?;
        gateway.turn(Health::Up(0))
    }
    /// Takes a channel for a call that came in.
    pub fn arrived(&mut self, name: &str) -> Result<&Gateway, NoChannel> {
        let gateway = self.0.iter_mut().find(|g| g.name == name).ok_or(NoChannel::Unknown)?;
        gateway.take()
    }
    /// Gives a channel back.
    pub fn release(&mut self, name: &str) {
        if let Some(gateway) = self.0.iter_mut().find(|g| g.name == name) {
            gateway.busy = gateway.busy.saturating_sub(1);
        }
    }

    /// When the next ping is due.
    pub fn next_ping(&self) -> Option<Time> {
        self.0.iter().filter(|g| !g.ping_every.is_zero() && !g.asked).map(|g| g.next_ping).min()
    }
    /// A gateway to ask now, if one is due; it counts as asked until it [answered](Self::answered).
    pub fn due(&mut self, now: Time) -> Option<&Gateway> {
        let gateway = self
            .0
            .iter_mut()
            .find(|g| !g.ping_every.is_zero() && !g.asked && g.next_ping <= now)?;
        gateway.asked = true;
        Some(gateway)
    }
    /// The answer to a ping, `ok` for any SIP answer at all. Says how its health turned, if it did.
    pub fn answered(&mut self, name: &str, ok: bool, now: Time) -> Option<Turn> {
        let gateway = self.0.iter_mut().find(|g| g.name == name)?;
        gateway.asked = false;
        gateway.next_ping = now + gateway.ping_every;
        gateway.turn(match (ok, gateway.health) {
            (true, _) => Health::Up(0),
            (false, Health::Up(failed)) if failed + 1 < FAILURES_TO_DOWN => Health::Up(failed + 1),
            (false, Health::Unknown) => Health::Up(1),
            (false, _) => Health::Down,
        })
    }
}

impl Gateway {
    /// Its health is `now`; what that means to whoever watches it.
    fn turn(&mut self, now: Health) -> Option<Turn> {
        match (core::mem::replace(&mut self.health, now), now) {
            (Health::Down, Health::Up(_)) => Some(Turn::Back),
            (Health::Unknown, Health::Up(0)) => Some(Turn::Up),
            (Health::Unknown | Health::Up(_), Health::Down) => Some(Turn::Down),
            _ => None,
        }
    }

    fn take(&mut self) -> Result<&Gateway, NoChannel> {
        if self.busy >= self.channels {
            return Err(NoChannel::Full);
        }
        self.busy += 1;
        Ok(self)
    }
}

/// Equal addresses, an IPv4 one also in its IPv6-mapped form (a dual-stack socket shows it so).
fn same_ip(a: IpAddr, b: IpAddr) -> bool {
    a.to_canonical() == b.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }
    fn two() -> Gateways {
        let mut all = Gateways::default();
        let ping = Duration::from_secs(30);
        all.configure([
            ("e1-a".into(), address("127.0.0.1:5080"), 2, ping),
            ("e1-b".into(), address("127.0.0.2:5080"), 30, Duration::ZERO),
        ]);
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
        all.configure([
            ("x".into(), address("127.0.0.1:5080"), 2, Duration::ZERO),
            ("y".into(), address("127.0.0.1:5081"), 2, Duration::ZERO),
        ]);
        assert_eq!(name(&all, "127.0.0.1:5081").as_deref(), Some("y"));
        assert_eq!(name(&all, "127.0.0.1:6000"), None, "two share the address: the port must say");
    }

    #[test]
    fn channels_are_counted_both_ways_and_kept_over_a_reload() {
        let mut all = two();
        assert!(all.arrived("e1-a").is_ok());
        assert!(all.seize("e1-a", false).is_ok());
        assert_eq!(all.seize("e1-a", false).unwrap_err(), NoChannel::Full);
        assert_eq!(all.seize("e1-c", false).unwrap_err(), NoChannel::Unknown);
        all.configure([("e1-a".into(), address("127.0.0.1:5080"), 3, Duration::ZERO)]);
        assert_eq!(all.get("e1-a").unwrap().busy, 2);
        all.release("e1-a");
        all.release("e1-a");
        all.release("e1-a");
        assert_eq!(all.get("e1-a").unwrap().busy, 0);
    }

    #[test]
    fn three_failures_take_it_out_and_one_answer_brings_it_back() {
        let mut all = two();
        let at = |s: u64| Time::from_millis(s * 1000);
        assert_eq!(all.next_ping(), Some(Time::ZERO));
        assert_eq!(all.due(at(0)).map(|g| g.name.as_str()), Some("e1-a"));
        assert!(all.due(at(0)).is_none(), "asked once");
        assert_eq!(all.answered("e1-a", true, at(0)), Some(Turn::Up));
        assert_eq!(all.next_ping(), Some(at(30)));
        assert_eq!(all.answered("e1-a", false, at(30)), None);
        assert_eq!(all.answered("e1-a", false, at(60)), None);
        assert_eq!(all.answered("e1-a", false, at(90)), Some(Turn::Down));
        assert_eq!(all.seize("e1-a", false).unwrap_err(), NoChannel::Down);
        assert!(all.seize("e1-a", true).is_ok(), "an emergency call is tried");
        assert_eq!(all.answered("e1-a", true, at(120)), Some(Turn::Back));
        for s in [150, 180, 210] {
            all.answered("e1-a", false, at(s));
        }
        assert_eq!(all.heard("e1-a"), Some(Turn::Back), "a call comes from it");
        assert_eq!(all.heard("e1-a"), None);
    }

    #[test]
    fn an_emergency_call_is_tried_on_a_full_gateway() {
        let mut all = two();
        for _ in 0..2 {
            assert!(all.seize("e1-a", false).is_ok());
        }
        assert_eq!(all.seize("e1-a", false).unwrap_err(), NoChannel::Full);
        assert!(all.seize("e1-a", true).is_ok());
        assert_eq!(all.get("e1-a").unwrap().busy, 3, "and is counted");
    }

    #[test]
    fn a_reload_tells_whose_failure_is_nobodys_any_more() {
        let mut all = two();
        for s in 0..3 {
            all.answered("e1-a", false, Time::from_millis(s));
        }
        let same = ("e1-a".to_owned(), address("127.0.0.1:5080"), 2, Duration::ZERO);
        assert_eq!(all.configure([same.clone()]), Vec::<String>::new());
        let moved = (same.0, address("127.0.0.9:5080"), 2, Duration::ZERO);
        assert_eq!(all.configure([moved]), ["e1-a"]);
    }
}
