//! Legs and calls end: who goes with whom, and what is written down.
//!
//! ```text
//!  session over ─▶ leg Over ─▶ Close its port ─▶ Closed with figures ─▶ leg gone
//!       │ it was the one for whom the plan runs: the plan's last steps, all others go
//!       │ it was the agent:   the plan goes on with the caller (survey)
//!       │ it rang:            the dial goes on without it
//!  last leg gone ─▶ CallEnded ─▶ call gone ─▶ RecordingEnded of what the disk still had to write
//! ```

use crate::acd::event::Departure;
use crate::base::{CallId, Duration, LegId, Now};
use crate::call::Device;
use crate::dialplan::effect::{self, DialEnd, Happening, Target};
use crate::media::control::{self, LegStats};
use crate::sip::{Command, End};
use crate::wire::q850::{Cause, Mapping};

use super::active::Doing;
use super::dial::failure;
use super::fact::{EndedBy, FactKind, RoomLeft, Sound};
use super::leg::{Confirm, Ending, Stage};
use super::{Level, Output, Switch};

/// A gateway's 503 is believed for so long at most, whatever Retry-After it names: one that is wrong by
/// hours must not lose its calls for hours.
const LONGEST_REFUSAL: Duration = Duration::from_secs(300);

impl Switch {
    /// Ends a leg by whatever its state asks for, on the account of `by`: a mobile that is asked whether
    /// it takes the call with a word, others at once.
    pub(super) fn hang_up(&mut self, now: Now, leg_id: LegId, cause: Cause, by: EndedBy) {
        if !self.says_goodbye(now, leg_id, cause, by) {
            self.hang_up_now(now, leg_id, cause, by);
        }
    }

    pub(super) fn hang_up_now(&mut self, now: Now, leg_id: LegId, cause: Cause, by: EndedBy) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.stage == Stage::Over {
            return;
        }
        let (session, sent) = (leg.session, leg.invite.is_none());
        let called_us = leg.stage == Stage::Early && sent && leg.description.is_some();
        let gateway = leg.gateway.clone().filter(|_| called_us);
        let told = self.calls.get(&leg.call).and_then(|active| active.last_refusal);
        let told = told.filter(|(why, _)| *why == cause).map(|(_, status)| status);
        let by_plan = self.calls.get(&leg.call).and_then(|active| active.refused_by);
        let refusal = called_us.then(|| {
            by_plan.unwrap_or_else(|| refusal(&self.mapping(gateway.as_deref()), cause, told))
        });
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        leg.ours.get_or_insert((cause, refusal.unwrap_or(0), by));
        self.quit_room(now, leg_id, RoomLeft::HungUp);
        self.unwatch(now, leg_id);
        let command = match refusal {
            Some(status) => {
                Command::Reject { session, status, reason: Some(cause), headers: vec![] }
            }
            None => Command::Hangup { session, reason: Some(cause) },
        };
        let own = self.ask(now, command);
        // One that never went out has no session that could end.
        if !own && !sent {
            self.leg_over(now, leg_id, Ending { cause, status: 0, by, at: now.at });
        }
    }

    /// How a gateway's codes are translated; a phone's by RFC 3398.
    pub(super) fn mapping(&self, gateway: Option<&str>) -> Mapping {
        let config = gateway.and_then(|name| self.config.gateway(name));
        config.map_or(Mapping::RFC_3398, crate::config::Gateway::mapping)
    }

    /// The agent says that a leg's signalling is over.
    pub(super) fn session_ended(&mut self, now: Now, leg_id: LegId, end: End) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        if let (End::Timeout | End::FlowFailed, Some(gateway), None) =
            (&end, &leg.gateway, leg.ringing)
        {
            self.gateways.suspect(gateway, now.at);
        }
        if let (End::Rejected { status: 503, message, .. }, Some(gateway)) = (&end, &leg.gateway)
            && let Ok(Some(seconds)) = message.retry_after()
        {
            let pause = Duration::from_secs(u64::from(seconds)).min(LONGEST_REFUSAL);
            let text = format!(
                "gateway {gateway}: 503, by its own word for {seconds} s: others are asked first"
            );
            self.gateways.refuses_until(gateway, now.at + pause);
            self.log(Level::Warning, text);
        }
        self.hop_ended(now, leg_id, &end);
        let Some(leg) = self.legs.get(&leg_id) else { return };
        let party = match self.calls.get(&leg.call).and_then(|a| a.call.get(leg_id)).map(|c| c.role)
        {
            Some(crate::call::Role::Callee) => EndedBy::Callee,
            _ => EndedBy::Caller,
        };
        let ours = leg.ours.unwrap_or((Cause::NORMAL_CLEARING, 0, EndedBy::Plan));
        let absent = self.is_absent(leg_id, &end);
        let (cause, status, by) = match end {
            End::Bye { cause } => (cause.unwrap_or(Cause::NORMAL_CLEARING), 0, party),
            End::Cancelled { cause } => (cause.unwrap_or(Cause::NORMAL_CLEARING), 487, party),
            End::Rejected { status, cause, message } => {
                let device = self.calls.get(&leg.call).and_then(|a| a.call.get(leg_id));
                let is_ours = device.is_some_and(|c| matches!(c.device, Device::Phone { .. }));
                if (300..400).contains(&status) {
                    match is_ours {
                        true => self.redirects(leg_id, &message),
                        false => self.note_sent_on(leg_id, status, &message),
                    }
                }
                if status >= 600 && is_ours {
                    self.refused_everywhere(now, leg_id);
                }
                let Some(leg) = self.legs.get(&leg_id) else { return };
                let meant = || self.mapping(leg.gateway.as_deref()).cause_of(status);
                (cause.unwrap_or_else(meant), status, party)
            }
            End::Timeout | End::FlowFailed if absent => {
                (Cause::SUBSCRIBER_ABSENT, 480, EndedBy::Fault)
            }
            End::Timeout => (Cause::RECOVERY_ON_TIMER_EXPIRE, 408, EndedBy::Fault),
            End::FlowFailed => (Cause::NETWORK_OUT_OF_ORDER, 503, EndedBy::Fault),
            End::Ours => ours,
            End::AckMissing => (Cause::RECOVERY_ON_TIMER_EXPIRE, 0, EndedBy::Fault),
        };
        self.leg_over(now, leg_id, Ending { cause, status, by, at: now.at });
    }

    /// Who refuses for everywhere (6xx) is rung no longer at his other devices (RFC 3261 §16.7 step 5); others, whom the
    /// same call rings, are.
    fn refused_everywhere(&mut self, now: Now, leg_id: LegId) {
        let Some(dialing) = self.legs.get(&leg_id).and_then(|leg| self.dialing(leg.call)) else {
            return;
        };
        let target = |of: LegId| dialing.legs.iter().find(|(leg, _)| *leg == of).map(|(_, to)| to);
        let own = target(leg_id);
        let same = |(leg, to): &&(LegId, Target)| {
            *leg != leg_id && dialing.hunt.rings(*leg) && Some(to) == own
        };
        let others: Vec<LegId> = dialing.legs.iter().filter(same).map(|(leg, _)| *leg).collect();
        for other in others {
            self.hang_up(now, other, Cause::CALL_REJECTED, EndedBy::Callee);
        }
    }

    /// Whether a leg ends so because the phone that it calls is off, or its network gone: that says nothing
    /// of us or of a gateway, and whoever calls must not take it for that. One that rang and is silent since
    /// is not off.
    fn is_absent(&self, leg_id: LegId, end: &End) -> bool {
        let Some(leg) = self.legs.get(&leg_id) else { return false };
        let connection = self.calls.get(&leg.call).and_then(|active| active.call.get(leg_id));
        let is_called_phone = connection.is_some_and(|c| {
            c.role == crate::call::Role::Callee && matches!(c.device, Device::Phone { .. })
        });
        let rings_on = matches!(end, End::Timeout) && leg.ringing.is_some();
        is_called_phone && leg.answered.is_none() && !rings_on
    }

    /// What the end of a leg says of the hop by which its gateway was called (RFC 3263 §4.3).
    fn hop_ended(&mut self, now: Now, leg_id: LegId, end: &End) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let connection = self.calls.get(&leg.call).and_then(|a| a.call.get(leg_id));
        let called = connection.is_some_and(|c| c.role == crate::call::Role::Callee);
        let (Some(gateway), None, true) = (&leg.gateway, leg.ringing, called) else { return };
        match end {
            End::Timeout | End::FlowFailed | End::Rejected { status: 503, .. } => {
                leg.another_hop = self.gateways.hop_failed(gateway, leg.flow.remote, now.at);
            }
            End::Rejected { .. } => self.gateways.hop_answered(gateway, leg.flow.remote),
            _ => {}
        }
    }

    /// A leg is over: its port is closed, its channel given back, and whoever depended on it told.
    pub(super) fn leg_over(&mut self, now: Now, leg_id: LegId, ending: Ending) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.stage == Stage::Over {
            return;
        }
        self.quit_room(now, leg_id, RoomLeft::HungUp);
        self.unwatch(now, leg_id);
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let unanswered = leg.answered.is_none();
        let unconfirmed = leg.confirm == Confirm::Asked;
        let talked = leg.answered.map(|at| ending.at.since(at));
        leg.stage = Stage::Over;
        leg.ending = Some(ending);
        let id = leg.call;
        self.leg_given_back(now, leg_id, talked);
        let Some(active) = self.calls.get_mut(&id) else { return };
        if active.release.is_some_and(|(leg, _)| leg == leg_id) {
            active.release = None;
        }
        if let Some(transfer) = &mut active.transfer
            && transfer.by == Some(leg_id)
        {
            transfer.by = None;
        }
        self.touch_party(id, leg_id);
        let Some(active) = self.calls.get_mut(&id) else { return };
        let Some(cleared) = active.call.clear(leg_id) else { return };
        if let Some(peer) = cleared.peer {
            self.fact(now, FactKind::Unbridged { call: id, a: leg_id, b: peer });
            self.talk_unwatched(now, id);
        }
        if self.consulting_party_gone(now, id, leg_id, ending) {
            return;
        }
        if self.gathered_party_gone(now, id, cleared.peer) {
            return;
        }
        if cleared.was_subject {
            let failed = failure(ending.cause, ending.status);
            if unanswered && self.summons_onward(now, leg_id, failed) {
                return;
            }
            return self.subject_gone(now, id, ending);
        }
        match cleared.peer {
            Some(peer) => self.talk_over(now, id, [leg_id, peer], ending.cause),
            None if unanswered => {
                self.leg_failed(now, leg_id, failure(ending.cause, ending.status))
            }
            None if unconfirmed => self.leg_failed(now, leg_id, failure(Cause::NO_ANSWER, 0)),
            None => {}
        }
        self.forget_if_over(now, id);
    }

    /// What a leg had is free again: its session, line, channel and port; `talked`: for what it is charged.
    fn leg_given_back(&mut self, now: Now, leg_id: LegId, talked: Option<Duration>) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let (session, gateway) = (leg.session, leg.gateway.take());
        self.sessions.remove(&session);
        let phone = self.phone_of(leg_id);
        self.desk_answered(session, 481);
        self.lines.end(leg_id);
        self.agent_leg_over(now, leg_id);
        if let Some(phone) = phone {
            self.line_changed(now, &phone);
        }
        self.charged(now, leg_id, talked);
        if let Some(gateway) = gateway {
            self.gateways.release(&gateway);
        }
        self.unlink(leg_id);
        self.out.push_back(Output::Media(control::Command::Close { leg: leg_id }));
    }

    /// The party for whom the plan runs has gone.
    fn subject_gone(&mut self, now: Now, id: CallId, ending: Ending) {
        // Whom a stop puts out has not hung up: his wait is lost, as a crash loses it.
        let why = match ending.by {
            EndedBy::Restart => Departure::Restart,
            _ => Departure::Abandoned,
        };
        self.quit_queue(now, id, why);
        self.centre.talk_over(now.at, id);
        let Some(active) = self.calls.get_mut(&id) else { return };
        active.ended.get_or_insert((ending.cause, ending.by));
        active.transfer = None;
        let talk = active.talk_ms;
        let (left, rung) = active.leave_step(now.at);
        let talk_ms = active.talk_ms - talk;
        if let Doing::Parked { slot, .. } = left {
            self.touch_slot(slot);
        }
        let Some(active) = self.calls.get_mut(&id) else { return };
        let plan_goes_on = active.interp.as_ref().is_some_and(|interp| !interp.is_ended());
        // Why it went is told to whom it talked with or called (RFC 3326).
        self.hang_up_all(now, id, rung, ending.cause, ending.by);
        if plan_goes_on {
            let happening = match left {
                Doing::Talking { target, .. } => Happening::Dialed(DialEnd::Answered {
                    by: target,
                    talk_ms,
                    ended_by: effect::EndedBy::Caller,
                }),
                _ => Happening::Hangup,
            };
            // What is said to a survey's question is in the recording that ends now.
            self.run(now, id, happening);
        }
        self.stop_recording(id);
        self.forget_if_over(now, id);
    }

    /// Ends every leg of a call, those that `rung` names with them.
    pub(super) fn hang_up_all(
        &mut self,
        now: Now,
        id: CallId,
        rung: Vec<LegId>,
        cause: Cause,
        by: EndedBy,
    ) {
        let Some(active) = self.calls.get(&id) else { return };
        let legs: Vec<LegId> =
            active.call.connections().iter().map(|c| c.leg).chain(rung).collect();
        for leg in legs {
            self.hang_up(now, leg, cause, by);
        }
    }

    /// A leg's port is closed: its last fact, and the leg is gone.
    pub(super) fn leg_closed(&mut self, now: Now, leg_id: LegId, stats: &LegStats) {
        let Some(leg) = self.legs.remove(&leg_id) else { return };
        let id = leg.call;
        if let Some(active) = self.calls.get_mut(&id) {
            active.legs = active.legs.saturating_sub(1);
        }
        let Some(ending) = leg.ending else { return };
        let rang_until = leg.answered.unwrap_or(ending.at);
        let ring_ms = leg.ringing.map_or(0, |at| rang_until.since(at).as_millis() as u64);
        let talk_ms = leg.answered.map_or(0, |at| ending.at.since(at).as_millis() as u64);
        self.fact(
            now,
            FactKind::LegEnded {
                call: id,
                leg: leg_id,
                cause: ending.cause.value(),
                status: ending.status,
                by: ending.by,
                ring_ms,
                talk_ms,
                busy_ms: Some(ending.at.since(leg.begun).as_millis() as u64),
                sound: Some(sound(stats)),
            },
        );
        self.forget_if_over(now, id);
    }

    /// A call without legs is over. Its recordings may still be on their way to the disk, which tells
    /// of each: a disk that hangs must not take the place of calls.
    pub(super) fn forget_if_over(&mut self, now: Now, id: CallId) {
        let Some(active) = self.calls.get(&id) else { return };
        if active.legs > 0 || !active.call.is_empty() {
            return;
        }
        self.stop_recording(id);
        self.centre.call_over(now.at, id);
        self.care_call_over(now, id);
        self.campaign_call_over(now, id);
        let Some(active) = self.calls.remove(&id) else { return };
        self.due.remove(&(active.wake, id));
        self.back_over(now, id, active.ended);
        self.consult_over(now, id);
        let (cause, by) = active.ended.unwrap_or((Cause::NORMAL_CLEARING, EndedBy::Plan));
        let total_ms = now.at.since(active.call.began).as_millis() as u64;
        self.fact(
            now,
            FactKind::CallEnded {
                call: id,
                cause: cause.value(),
                by,
                total_ms,
                talk_ms: active.talk_ms,
            },
        );
    }

    /// The exchange stops: whatever is still up goes.
    pub(super) fn end_calls(&mut self, now: Now) {
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            self.end_call(now, id, EndedBy::Restart);
        }
    }

    /// An operator ends a call.
    pub(super) fn end_call(&mut self, now: Now, id: CallId, by: EndedBy) -> bool {
        if !self.calls.contains_key(&id) {
            return false;
        }
        self.release_call(now, id, Cause::NORMAL_CLEARING, by);
        true
    }
}

/// The status that refuses a caller for this cause.
///
/// A called party's own status goes on to the caller as it came, where it speaks of that party: a cause
/// has fewer words (480 and 408 are both 18). A gateway with a status of its own for the cause gets that.
fn refusal(mapping: &Mapping, cause: Cause, told: Option<u16>) -> u16 {
    let status = mapping.status_of(cause);
    let usual = status == Mapping::RFC_3398.status_of(cause);
    told.filter(|told| usual && goes_on(*told)).unwrap_or(status)
}

/// Whether a refusal of a called party says something of that party, and not of our own request to it
/// (its digest, its sequence, its proxies), which is nothing to the caller.
fn goes_on(status: u16) -> bool {
    matches!(status, 403 | 404 | 408 | 410 | 480 | 484 | 485 | 486 | 488 | 600 | 603 | 604 | 606)
}

/// A leg's party as facts name it.
pub(super) fn party(device: &Device) -> super::fact::Party {
    match device.clone() {
        Device::Phone { number } => super::fact::Party::Phone { number },
        Device::Trunk { gateway, number } => super::fact::Party::Trunk { gateway, number },
        Device::Mobile { number, gateway, outside } => {
            super::fact::Party::Mobile { number, gateway, outside }
        }
    }
}

pub(super) fn sound(stats: &LegStats) -> Sound {
    Sound {
        packets_received: stats.packets_received,
        packets_sent: stats.packets_sent,
        packets_lost: stats.packets_lost,
        packets_late: stats.packets_late,
        packets_foreign: stats.packets_foreign,
        packets_forged: stats.packets_forged,
        packets_unsealed: stats.packets_unsealed,
        packets_duplicate: stats.packets_duplicate,
        packets_malformed: stats.packets_malformed,
        packets_unagreed: stats.packets_unagreed,
        packets_dropped: stats.packets_dropped,
        jitter_max_us: stats.jitter_max_us,
        rtt_us: stats.rtt_us,
        samples_concealed: stats.samples_concealed,
        mos: stats.mos,
        peer_mos: stats.peer_mos,
    }
}
