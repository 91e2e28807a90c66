//! What the caller hears while others are rung: the ringing tone, music, a prompt, or the called
//! network's own voice (early media).

use crate::base::{CallId, LegId, Now};
use crate::call::{ConnectionState, Device};
use crate::dialplan::effect::Meanwhile;
use crate::dsp::tone::Kind;

use super::Switch;
use super::active::Doing;
use super::fact::FactKind;
use super::leg::Stage;
use super::sound::{music, tone_plan};

impl Switch {
    /// 101 to 199 from a called leg.
    pub(super) fn progress(&mut self, now: Now, leg_id: LegId, status: u16, sdp: Option<Vec<u8>>) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let id = leg.call;
        let first = leg.ringing.is_none() && matches!(status, 180 | 183);
        if first {
            leg.ringing = Some(now.at);
        }
        leg.alerted |= status == 180;
        if first {
            self.fact(now, FactKind::LegRinging { call: id, leg: leg_id });
            self.back_rings(id);
            self.campaign_rings(id);
        }
        // 183 alone is as well what an exchange says that has no way.
        if status == 180 {
            self.care_call_rings(id);
        }
        let Some(active) = self.calls.get_mut(&id) else { return };
        active.call.enter(leg_id, ConnectionState::Alerting, now.at);
        let Doing::Dialling(dialing) = &mut active.doing else {
            if let Some(sdp) = &sdp {
                self.hears_tones(leg_id, sdp);
            }
            return;
        };
        let passes = matches!(dialing.dial.meanwhile, Meanwhile::EarlyMedia | Meanwhile::Ringback);
        // What an agent's mobile network says is nothing for the caller.
        let is_mobile = |leg| {
            let party = active.call.get(leg);
            party.is_some_and(|party| matches!(party.device, Device::Mobile { .. }))
        };
        let passes = passes && !is_mobile(leg_id);
        if let Some(sdp) = &sdp {
            self.hears_tones(leg_id, sdp);
        }
        let Some(active) = self.calls.get_mut(&id) else { return };
        let subject = active.subject();
        let Doing::Dialling(dialing) = &mut active.doing else { return };
        let speaks = sdp.filter(|_| passes && dialing.early.is_none_or(|early| early == leg_id));
        let is_early = dialing.early == Some(leg_id);
        match speaks {
            Some(sdp) => self.early_answer(now, id, leg_id, &sdp),
            // Whose voice is heard already says now that it rings: the caller's device may show it.
            None if is_early && status == 180 => {}
            None => self.meanwhile(now, id, true),
        }
        if is_early && status == 180 {
            self.ring(now, subject);
        }
    }

    /// A called network speaks before it answers: an announcement, its own ringing tone.
    fn early_answer(&mut self, now: Now, id: CallId, leg_id: LegId, sdp: &[u8]) {
        if !self.accept_answer(leg_id, sdp) {
            return;
        }
        let Some(active) = self.calls.get_mut(&id) else { return };
        let subject = active.subject();
        let Doing::Dialling(dialing) = &mut active.doing else { return };
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.alerted = true;
        }
        if dialing.early.replace(leg_id).is_none() {
            self.stop_play(subject);
            self.early_media(now, subject);
            self.bridge(subject, leg_id);
        }
    }

    /// What the caller hears while others are rung. `rings`: somebody is known to ring.
    pub(super) fn meanwhile(&mut self, now: Now, id: CallId, rings: bool) {
        let Some(active) = self.calls.get(&id) else { return };
        let subject = active.subject();
        let Doing::Dialling(dialing) = &active.doing else { return };
        let Some(leg) = self.legs.get(&subject) else { return };
        let own =
            leg.play.filter(|play| active.over.as_ref().is_none_or(|over| over.play != *play));
        if own.is_some() || dialing.early.is_some() {
            return;
        }
        let answered = leg.stage == Stage::Answered || leg.early;
        match dialing.dial.meanwhile.clone() {
            // An unanswered caller's own exchange makes the ringing tone from our 180.
            Meanwhile::Ringback | Meanwhile::EarlyMedia if !answered => {
                if rings {
                    self.ring(now, subject);
                }
            }
            Meanwhile::Ringback | Meanwhile::EarlyMedia => {
                self.hear_tone(now, subject, Kind::Ringback)
            }
            Meanwhile::Tone(tone) => {
                let plan = tone_plan(&tone, self.config.node.country);
                let items = vec![crate::media::control::Item::Tone(plan)];
                self.play_items(now, subject, items, true, crate::media::control::DigitSet::NONE);
            }
            Meanwhile::Prompt(item) => {
                self.play(now, subject, vec![item], true, crate::media::control::DigitSet::NONE);
            }
            Meanwhile::Music(class) => self.hear_clip(now, subject, music(&class)),
        }
        self.says_on(now, id, subject);
    }

    /// The caller hears no more of a leg that is given up: the next may speak.
    pub(super) fn early_over(&mut self, id: CallId, given_up: &[LegId]) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let leg = active.subject();
        let Doing::Dialling(dialing) = &mut active.doing else { return };
        if dialing.early.take_if(|early| given_up.contains(early)).is_some() {
            self.unbridge(leg);
        }
    }
}
