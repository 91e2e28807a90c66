//! A called party's network that says by a tone what others say by a cause: busy, congestion, no such
//! number (R1), in early media or behind an answer that is none.
//!
//! ```text
//!  183 with SDP ─▶ HearTones ─▶ busy ─▶ CANCEL, cause 17 ─▶ the dial's next target, the plan's branch
//!  200          ─▶ HearTones for `tones_after` ─▶ busy ─▶ BYE, cause 17
//! ```
//!
//! Only where the gateway's `tones` names a country: what is listened to is decoded. Never on a call for help:
//! what sounds behind the caller or in the rescuers' hall must not end it. Not here: telling the tones apart ([`dsp::tone`](crate::dsp::tone)).

use crate::base::{LegId, Now};
use crate::dsp::tone::Kind;
use crate::media::control::Command;
use crate::wire::q850::Cause;

use super::fact::{EndedBy, FactKind};
use super::leg::Stage;
use super::{Output, Switch};

impl Switch {
    /// A called leg's network speaks before it answers: its tones are listened for, if they are to be. The
    /// caller may hear it, or music instead.
    pub(super) fn hears_tones(&mut self, leg_id: LegId, sdp: &[u8]) {
        let Some(country) = self.tones_of(leg_id) else { return };
        let known = self.legs.get(&leg_id).is_some_and(|leg| leg.params.is_some());
        if known || self.accept_answer(leg_id, sdp) {
            let hear = Command::HearTones { leg: leg_id, country: Some(country), ms: None };
            self.out.push_back(Output::Media(hear));
        }
    }

    /// It has answered: the tones are listened for a while yet.
    pub(super) fn tones_after_answer(&mut self, leg_id: LegId) {
        let Some(country) = self.tones_of(leg_id) else { return };
        let gateway = self.legs.get(&leg_id).and_then(|leg| leg.gateway.as_deref());
        let after = gateway.and_then(|name| self.config.gateway(name)).map(|g| g.tones_after);
        let ms = after.map_or(0, |after| after.as_millis() as u32);
        let country = (ms > 0).then_some(country);
        let hear = Command::HearTones { leg: leg_id, country, ms: Some(ms) };
        self.out.push_back(Output::Media(hear));
    }

    /// The country whose tones a called leg's network plays, where it is listened to.
    fn tones_of(&self, leg_id: LegId) -> Option<String> {
        let leg = self.legs.get(&leg_id)?;
        let gateway = self.config.gateway(leg.gateway.as_deref()?)?;
        let dialled = self.calls.get(&leg.call).is_some_and(|a| self.config.is_emergency(&a.to));
        let urgent = self.dialing(leg.call).is_some_and(|dialing| {
            let mut ways = dialing.ways.iter();
            dialing.dial.emergency || ways.any(|way| way.leg == leg_id && way.left.is_urgent())
        });
        if dialled || urgent {
            return None;
        }
        gateway.tones.map(|country| country.as_str().to_owned())
    }

    /// A tone is known.
    pub(super) fn tone_heard(&mut self, now: Now, leg_id: LegId, kind: Kind) {
        let Some(leg) = self.legs.get_mut(&leg_id).filter(|leg| leg.stage != Stage::Over) else {
            return;
        };
        let (tone, cause) = match kind {
            Kind::Busy => ("busy", Some(Cause::USER_BUSY)),
            Kind::Congestion => ("congestion", Some(Cause::NORMAL_CIRCUIT_CONGESTION)),
            Kind::Unobtainable => ("unobtainable", Some(Cause::UNALLOCATED_NUMBER)),
            Kind::Ringback => ("ringback", None),
            // Nothing that a called party's network says of a call.
            Kind::Dial | Kind::CallWaiting | Kind::Howler | Kind::Record | Kind::Beep => return,
        };
        // Who is told that there is no way has not been reached: another gateway may do better.
        if cause == Some(Cause::NORMAL_CIRCUIT_CONGESTION) {
            leg.alerted = false;
        }
        let call = leg.call;
        self.campaign_toned(call, leg_id, kind);
        let value = cause.map(Cause::value);
        self.fact(now, FactKind::ToneHeard { call, leg: leg_id, tone: tone.into(), cause: value });
        if let Some(cause) = cause {
            self.hang_up(now, leg_id, cause, EndedBy::Callee);
        }
    }
}
