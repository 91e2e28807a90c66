//! One gateway: its channels, whether it is in service, whether it answers.
//!
//! Each call to or from it takes one of its channels and gives it back at the end; the 31st call on
//! an E1 is refused here and not by the gateway. `keep_in` channels are never taken for a call out,
//! which is what keeps both sides from seizing the last one at once (glare): SIP has no word for
//! which B channel a call shall take, so the opposite search order is the gateway's own setting.

use serde::{Deserialize, Serialize};

use super::health::{Health, Ping, Watch};
use super::hops::Hops;
use crate::base::Time;

/// What the configuration says of a gateway.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Its name.
    pub name: String,
    /// Where its SIP is, as the configuration says it: what is known of it holds while this is the same.
    pub place: String,
    /// Its channels; 30 for an E1.
    pub channels: u32,
    /// Channels that calls out leave free.
    pub keep_in: u32,
    /// Its share of calls, beside the other gateways of its trunk.
    pub weight: u32,
    /// How it is watched.
    pub ping: Ping,
}

/// Whether an operator lets calls through it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub enum Duty {
    /// Calls go both ways.
    #[default]
    InService,
    /// No new call goes out; calls in being and calls that come from it go on.
    Draining,
    /// No new call either way; calls in being go on.
    BusyOut,
}

/// Why a gateway takes no call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoChannel {
    /// No gateway of this name.
    Unknown,
    /// It does not answer.
    Down,
    /// An operator has taken it out of service.
    OutOfService,
    /// All its channels are in use, or those that are not are kept for calls from it.
    Full,
}

/// One gateway.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Gateway {
    /// Its name in the configuration.
    pub name: String,
    /// Where its SIP is, as the configuration says it.
    pub place: String,
    /// Where that is.
    pub hops: Hops,
    /// Its channels; 30 for an E1.
    pub channels: u32,
    /// Channels that calls out leave free.
    pub keep_in: u32,
    /// Its share of calls.
    pub weight: u32,
    /// Channels in use, both ways together.
    pub busy: u32,
    /// Whether an operator lets calls through.
    pub duty: Duty,
    /// Until when it wants no calls, by its own word (503 with Retry-After, RFC 3261 §21.5.4): others are
    /// asked before it. It is asked all the same where no other takes the call, for what was said to one
    /// call need not hold for the next: some gateways say it when their channels are full.
    pub refuses_until: Time,
    /// Whether it answers.
    pub watch: Watch,
}

impl Gateway {
    /// As configured, with what is known of `old`, the one that had its name: its channels in use
    /// and its duty, and its health and hops where its place is the same.
    pub(super) fn new(terms: Terms, old: Option<&Gateway>) -> Gateway {
        let Terms { name, place, channels, keep_in, weight, ping } = terms;
        let (mut watch, hops, refuses_until) = match old.filter(|old| old.place == place) {
            Some(old) => (old.watch.clone(), old.hops.clone(), old.refuses_until),
            None => (Watch::new(ping), Hops::default(), Time::ZERO),
        };
        watch.set(ping);
        let (busy, duty) = old.map_or_else(Default::default, |old| (old.busy, old.duty));
        Gateway { name, place, hops, channels, keep_in, weight, busy, duty, refuses_until, watch }
    }

    /// How its health stands.
    pub fn health(&self) -> Health {
        self.watch.health()
    }

    /// Whether it wants no calls now, by its own word.
    pub fn refuses(&self, now: Time) -> bool {
        now < self.refuses_until
    }

    /// Channels in use, in thousandths of all.
    pub(super) fn load(&self) -> u64 {
        u64::from(self.busy) * 1_000 / u64::from(self.channels.max(1))
    }

    /// Takes a channel for a call out. `urgent` (an emergency call) asks a gateway that is down, full
    /// or out of service all the same: nothing is lost by trying, and the gateway may make room.
    pub(super) fn seize(&mut self, urgent: bool) -> Result<(), NoChannel> {
        self.can_seize(urgent)?;
        self.busy += 1;
        Ok(())
    }

    /// Whether it would take a call out.
    pub(super) fn can_seize(&self, urgent: bool) -> Result<(), NoChannel> {
        if !urgent {
            if self.duty != Duty::InService {
                return Err(NoChannel::OutOfService);
            }
            if self.watch.is_down() {
                return Err(NoChannel::Down);
            }
            if self.busy.saturating_add(self.keep_in) >= self.channels {
                return Err(NoChannel::Full);
            }
        }
        Ok(())
    }

    /// Takes a channel for a call that came in.
    pub(super) fn arrived(&mut self, urgent: bool) -> Result<(), NoChannel> {
        if self.duty == Duty::BusyOut && !urgent {
            return Err(NoChannel::OutOfService);
        }
        if self.busy >= self.channels && !urgent {
            return Err(NoChannel::Full);
        }
        self.busy += 1;
        Ok(())
    }
}
