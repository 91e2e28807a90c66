//! Offers within a call: hold and resume, a peer that moves or changes its codec.

use crate::base::{CallId, LegId, Now};
use crate::dialplan::effect::Happening;
use crate::media::negotiate;
use crate::sip::{Command, Headers, SessionId};
use crate::wire::sdp::Sdp;

use super::active::Doing;
use super::arrival::{not_acceptable, unusable};
use super::leg::Stage;
use super::{Level, Switch};

impl Switch {
    /// The peer offers anew.
    pub(super) fn offered(&mut self, now: Now, leg_id: LegId, sdp: &[u8]) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let session = leg.session;
        let Some(local) = leg.local.as_mut() else {
            return self.reject_offer(now, session, 500, vec![]);
        };
        let offer = match Sdp::parse(sdp) {
            Ok(offer) => offer,
            Err(why) => {
                let (status, warning) = unusable(why);
                let line =
                    format!("{}: its offer is refused with {status}: {why}", self.who(leg_id));
                self.log(Level::Warning, line);
                return self.reject_offer(now, session, status, vec![warning]);
            }
        };
        let (answer, params) = match negotiate::answer(local, &offer) {
            Ok(agreed) => agreed,
            Err(why) => {
                let warning = not_acceptable(&why);
                let line = format!("{}: its offer is refused with 488: {why}", self.who(leg_id));
                self.log(Level::Warning, line);
                return self.reject_offer(now, session, 488, vec![warning]);
            }
        };
        let held = !params.send;
        leg.params = Some(params);
        self.ask(now, Command::AcceptOffer { session, sdp: answer.to_bytes() });
        self.set_media(leg_id);
        self.held(now, leg_id, held);
    }

    /// Refuses the peer's offer: the call goes on as it stood.
    fn reject_offer(&mut self, now: Now, session: SessionId, status: u16, headers: Headers) {
        self.ask(now, Command::RejectOffer { session, status, headers });
    }

    /// A re-INVITE without description asks for ours.
    pub(super) fn offer_wanted(&mut self, now: Now, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let session = leg.session;
        let Some(local) = leg.local.as_mut() else {
            return self.reject_offer(now, session, 500, vec![]);
        };
        let sdp = negotiate::offer(local).to_bytes();
        self.ask(now, Command::AcceptOffer { session, sdp });
    }

    /// The answer to an offer of ours that went out in a 2xx.
    pub(super) fn offer_answered(&mut self, now: Now, leg_id: LegId, sdp: &[u8]) {
        if !self.accept_answer(leg_id, sdp) {
            let cause = crate::wire::q850::Cause::INCOMPATIBLE_DESTINATION;
            self.hang_up(now, leg_id, cause, super::fact::EndedBy::Fault);
            return;
        }
        let held =
            self.legs.get(&leg_id).and_then(|leg| leg.params.as_ref()).is_some_and(|p| !p.send);
        self.held(now, leg_id, held);
    }

    /// Whether the plan has to wait for the caller's answer to the offer in our 200: what is played
    /// before it goes nowhere.
    pub(super) fn awaits_answer(&mut self, id: CallId, leg_id: LegId) -> bool {
        let leg = self.legs.get(&leg_id);
        let awaits = leg.is_some_and(|leg| leg.stage == Stage::Answered && leg.params.is_none());
        if let Some(active) = self.calls.get_mut(&id).filter(|_| awaits) {
            active.doing = Doing::Answering;
        }
        awaits
    }

    /// The ACK of our 200 came, with an answer where one was awaited or without one: nothing more
    /// will come.
    pub(super) fn confirmed(&mut self, now: Now, leg_id: LegId) {
        let Some(id) = self.legs.get(&leg_id).map(|leg| leg.call) else { return };
        let Some(active) = self.calls.get(&id) else { return };
        if matches!(active.doing, Doing::Answering) && active.subject() == leg_id {
            match active.interp.is_some() {
                true => self.run(now, id, Happening::Done),
                // A unit that is asked before the plan.
                false => self.begin_plan(now, leg_id),
            }
        }
    }
}
