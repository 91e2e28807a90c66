//! A phone that is a number behind a gateway (R7): an agent's mobile, beside the registered phone or in
//! its place.
//!
//! ```text
//!  customer ─▶ dial 1005 ─┬─▶ 1005's registered devices
//!   hears ringing         └─▶ trunk ─▶ mobile: 200 ─▶ "press 1" ─┬─ 1: the two are joined
//!                                       (a voice mail, too)      ├─ nothing in time: BYE, no answer
//!                                                                └─ caller gone: a word, BYE
//! ```
//!
//! The mobile's leg is an agent's leg: its feature codes work, it is on the recording's right channel, and
//! its network's announcements are not for the caller. It holds a channel of its gateway until it is over.
//!
//! Not here: which gateway of the trunk takes it, and the next where one fails (`trunks`).

use crate::base::{CallId, Duration, LegId, Now};
use crate::call::{Device, Failure};
use crate::config::Phone;
use crate::media::control::{DigitSet, Item};
use crate::wire::q850::Cause;

use super::Switch;
use super::active::{Doing, Outside};
use super::arrival::Caller;
use super::caller_id::numbering;
use super::fact::{EndedBy, FactKind};
use super::leg::{Confirm, Stage};

/// How long whoever answered is asked.
const ASKING: Duration = Duration::from_secs(20);
/// The pause behind each asking, in milliseconds.
const PAUSE_MS: u32 = 2_500;
/// The key that takes the call.
const TAKES: char = '1';
/// How long the word may take with which a mobile is released.
const FAREWELL: Duration = Duration::from_secs(6);

impl Switch {
    /// A leg to the phone's mobile. `None`: it has none.
    pub(super) fn ring_mobile(
        &mut self,
        now: Now,
        id: CallId,
        phone: &Phone,
    ) -> Option<Result<LegId, Failure>> {
        let number = phone.mobile.as_ref()?.to_string();
        let trunk = match &phone.mobile_trunk {
            Some(name) => name.to_string(),
            None => self.config.trunk_names().next()?.to_owned(),
        };
        let way = self.way(now.at, id, &trunk, &number);
        let to = Outside { number, phone: Some(phone.number.to_string()) };
        Some(self.ring_next(now, id, way, to))
    }

    /// Whether who answers `device` has to confirm that.
    pub(super) fn confirmation(&self, device: &Device) -> Confirm {
        let Device::Mobile { number, .. } = device else { return Confirm::No };
        match self.config.phone(number).is_none_or(|phone| phone.mobile_confirm) {
            true => Confirm::Wanted,
            false => Confirm::No,
        }
    }

    /// A mobile has answered: whoever it is, is asked. `false`: nothing has to be.
    pub(super) fn asks_to_confirm(&mut self, now: Now, leg_id: LegId) -> bool {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return false };
        if leg.confirm != Confirm::Wanted {
            return false;
        }
        let id = leg.call;
        let until = now.at + ASKING;
        let asked = match self.calls.get_mut(&id).map(|active| &mut active.doing) {
            Some(Doing::Dialling(dialing)) => dialing.hunt.asked(leg_id, until),
            Some(Doing::Summoning(limit) | Doing::SummoningBack(limit)) => {
                *limit = until;
                true
            }
            _ => false,
        };
        if !asked {
            return false;
        }
        leg.confirm = Confirm::Asked;
        self.offer_asked(now, id, leg_id, until);
        self.fact(now, FactKind::LegAsked { call: id, leg: leg_id });
        let items = vec![self.agent_prompt(leg_id, "agent/take-call"), Item::Silence(PAUSE_MS)];
        self.play_items(now, leg_id, items, true, DigitSet::NONE);
        self.rearm(id);
        true
    }

    /// A key of one that talks with nobody. `true`: it was for the question.
    pub(super) fn confirms(&mut self, now: Now, leg_id: LegId, digit: char) -> bool {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return false };
        if leg.confirm != Confirm::Asked || digit != TAKES {
            return leg.confirm != Confirm::No;
        }
        leg.confirm = Confirm::No;
        self.stop_play(leg_id);
        self.takes_call(now, leg_id);
        true
    }

    /// A leg is to be hung up: one that is asked is told first that the call has gone. `true`: it is
    /// being told. Who has not confirmed in time is told nothing, nor does anybody wait for it when all
    /// is to end.
    pub(super) fn says_goodbye(
        &mut self,
        now: Now,
        leg_id: LegId,
        cause: Cause,
        by: EndedBy,
    ) -> bool {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return false };
        let waits =
            matches!(by, EndedBy::Plan | EndedBy::Caller | EndedBy::Callee | EndedBy::Program);
        if leg.stage == Stage::Over || !waits {
            return false;
        }
        match leg.confirm {
            Confirm::No | Confirm::Wanted => return false,
            Confirm::Farewell => return true,
            Confirm::Asked => leg.confirm = Confirm::Farewell,
        }
        leg.ours.get_or_insert((cause, 0, by));
        let id = leg.call;
        let items = vec![self.agent_prompt(leg_id, "agent/call-gone")];
        self.play_items(now, leg_id, items, false, DigitSet::NONE);
        self.release_after(now, id, leg_id, FAREWELL);
        self.rearm(id);
        true
    }

    /// What was played to a leg is over: `true` when it was the last word.
    pub(super) fn farewell_said(&mut self, now: Now, leg_id: LegId) -> bool {
        let Some(leg) = self.legs.get(&leg_id) else { return false };
        // The end of the asking comes before the word's own.
        let said = leg.confirm == Confirm::Farewell && leg.play.is_none();
        if said {
            self.hang_up_now(now, leg_id, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
        said
    }

    /// A prompt in the language of the phone whose leg it is.
    fn agent_prompt(&self, leg_id: LegId, name: &str) -> Item<String> {
        let call = self.legs.get(&leg_id).and_then(|leg| self.calls.get(&leg.call));
        let device = call.and_then(|active| active.call.get(leg_id)).map(|party| &party.device);
        let phone = device.and_then(|device| self.config.phone(device.number()));
        let language = phone.and_then(|phone| phone.language).unwrap_or(self.config.node.language);
        Item::Clip(format!("{}/{name}", language.as_str()))
    }

    /// A caller behind a gateway is the phone whose mobile he calls from, where the configuration says
    /// that such a call is the phone's.
    pub(super) fn of_mobile(&self, caller: Caller) -> Caller {
        let Device::Trunk { gateway, number: outside } = &caller.device else { return caller };
        let numbering = numbering(&self.config);
        let same = |own: &str| {
            let full = numbering.e164(own);
            own == outside || full.is_some() && full == numbering.e164(outside)
        };
        let calls = |phone: &&Phone| {
            phone.mobile_calls && phone.mobile.as_ref().is_some_and(|own| same(own.as_str()))
        };
        let Some(phone) = self.config.phones.iter().find(calls) else { return caller };
        Caller {
            device: Device::Mobile {
                number: phone.number.to_string(),
                gateway: gateway.clone(),
                outside: outside.clone(),
            },
            name: phone.name.as_ref().map(ToString::to_string),
            context: phone.context.to_string(),
            language: phone.language.unwrap_or(self.config.node.language),
            ..caller
        }
    }
}
