//! A dial step: legs are made for targets, rung, and the first that answers is connected.

use std::net::SocketAddr;

use crate::base::{CallId, Duration, LegId, Now};
use crate::call::dialling::Why;
use crate::call::{ConnectionState, Device, Dialling, Failure, Step};
use crate::config::{Dtmf, Phone};
use crate::dialplan::effect::{Dial, DialEnd, DialFailure, Happening, Meanwhile, Target};
use crate::dsp::tone::Kind;
use crate::media::control::Codec;
use crate::media::negotiate;
use crate::sip::{self, Flow, Transport};
use crate::wire::q850::Cause;
use crate::wire::sdp::Sdp;
use crate::wire::sip::{Host, Name, NameAddr, Uri};

use super::active::{Dialing, Doing};
use super::arrival::{media_codecs, no_channel};
use super::effects::{music, q850, tone_plan};
use super::fact::{EndedBy, FactKind};
use super::identity::Shown;
use super::leg::{Ending, Leg, Stage};
use super::{Level, Output, Switch};

impl Switch {
    /// Begins to dial. `Some`: it has come to nothing already.
    pub(super) fn dial(&mut self, now: Now, id: CallId, dial: Dial) -> Option<Happening> {
        let active = self.calls.get_mut(&id)?;
        let hunt =
            Dialling::new(dial.groups.clone(), Duration::from_millis(u64::from(dial.ring_ms)));
        active.doing =
            Doing::Dialling(Box::new(Dialing { hunt, dial, legs: Vec::new(), early: None }));
        let lost = self.next_group(now, id);
        if lost.is_none() {
            self.meanwhile(now, id, false);
        }
        lost
    }

    /// Rings the next group that has somebody to ring; when there is none, the dial is lost.
    fn next_group(&mut self, now: Now, id: CallId) -> Option<Happening> {
        loop {
            let Doing::Dialling(dialing) = &mut self.calls.get_mut(&id)?.doing else { return None };
            let targets = match dialing.hunt.next_group(now.at) {
                Ok(targets) => targets,
                Err(failure) => return Some(self.lost(id, failure)),
            };
            for target in targets {
                self.ring_target(now, id, target);
            }
            let Doing::Dialling(dialing) = &self.calls.get(&id)?.doing else { return None };
            if dialing.hunt.settled() == Step::Wait {
                return None;
            }
        }
    }

    /// Nobody answered: what the plan hears.
    fn lost(&mut self, id: CallId, failure: Failure) -> Happening {
        if let Some(active) = self.calls.get_mut(&id) {
            active.last_cause = Some(failure.cause);
            let subject = active.subject();
            self.stop_play(subject);
        }
        let why = match failure.why {
            Why::Busy => DialFailure::Busy,
            Why::NoAnswer => DialFailure::NoAnswer,
            Why::Rejected => DialFailure::Rejected,
            Why::Failed => DialFailure::of(crate::dialplan::Cause(failure.cause.value())),
        };
        Happening::Dialed(DialEnd::Failed {
            why,
            cause: crate::dialplan::Cause(failure.cause.value()),
        })
    }

    /// Makes the legs of one target, or notes why there is none.
    fn ring_target(&mut self, now: Now, id: CallId, target: Target) {
        let made = match &target {
            Target::Phone { number } => self.ring_phone(now, id, number),
            Target::Gateway { name, number } => self.ring_gateway(now, id, name, number),
            Target::Fail { cause } => Err(failure(q850(*cause), 0)),
        };
        let Some(Doing::Dialling(dialing)) = self.calls.get_mut(&id).map(|a| &mut a.doing) else {
            return;
        };
        match made {
            Ok(legs) => {
                for leg in legs {
                    dialing.hunt.attempt(leg);
                    dialing.legs.push((leg, target.clone()));
                }
            }
            Err(failure) => dialing.hunt.refused(failure),
        }
    }

    /// One leg for each device of a phone.
    fn ring_phone(&mut self, now: Now, id: CallId, number: &str) -> Result<Vec<LegId>, Failure> {
        let Some(phone) = self.config.phone(number).cloned() else {
            return Err(failure(Cause::UNALLOCATED_NUMBER, 404));
        };
        let bindings: Vec<_> = self.registrar.lookup(now.at, number).into_iter().cloned().collect();
        if bindings.is_empty() {
            return Err(failure(Cause::SUBSCRIBER_ABSENT, 404));
        }
        let legs = bindings.into_iter().filter_map(|binding| {
            let device = Device::Phone { number: number.into() };
            self.ring_device(now, id, device, binding.contact, binding.flow, Carrier::Phone(&phone))
        });
        Ok(legs.collect())
    }

    /// A leg through a gateway, on one of its channels.
    fn ring_gateway(
        &mut self,
        now: Now,
        id: CallId,
        name: &str,
        number: &str,
    ) -> Result<Vec<LegId>, Failure> {
        let urgent = self.dialing(id).is_some_and(|d| d.dial.emergency);
        let Some(config) = self.config.gateway(name).cloned() else {
            return Err(failure(Cause::NO_ROUTE_DESTINATION, 404));
        };
        let peer = config.address.0;
        let transport = sip_transport(peer.transport);
        let Some(flow) = self.flow_to(transport, peer.addr) else {
            self.log(
                Level::Error,
                format!("gateway {name}: nothing in [sip] listen reaches {peer}"),
            );
            return Err(failure(Cause::NETWORK_OUT_OF_ORDER, 503));
        };
        self.gateways.seize(name, urgent).map_err(|why| failure(no_channel(why), 503))?;
        let target = Uri::sip(Some(number), Host::from(peer.addr.ip()), Some(peer.addr.port()));
        let device = Device::Trunk { gateway: name.into(), number: number.into() };
        match self.ring_device(now, id, device, target, flow, Carrier::Gateway(&config)) {
            Some(leg) => Ok(vec![leg]),
            None => {
                self.gateways.release(name);
                Err(failure(Cause::SWITCH_CONGESTION, 503))
            }
        }
    }

    fn dialing(&self, id: CallId) -> Option<&Dialing> {
        match &self.calls.get(&id)?.doing {
            Doing::Dialling(dialing) => Some(dialing),
            _ => None,
        }
    }

    /// The flow from one of our sockets to `remote`.
    pub(super) fn flow_to(&self, transport: Transport, remote: SocketAddr) -> Option<Flow> {
        let fits = |local: &SocketAddr| local.is_ipv4() == remote.is_ipv4();
        let own = self.listening.iter().filter(|(t, local)| *t == transport && fits(local));
        // A socket on loopback is the last choice for a peer outside, and the first for one inside.
        let far = |local: &SocketAddr| local.ip().is_loopback() != remote.ip().is_loopback();
        let best = own.min_by_key(|(_, local)| far(local));
        best.map(|(_, local)| Flow { transport, local: *local, remote })
    }

    /// Makes one leg; its INVITE goes out as soon as it has a port.
    fn ring_device(
        &mut self,
        now: Now,
        id: CallId,
        device: Device,
        target: Uri,
        flow: Flow,
        carrier: Carrier<'_>,
    ) -> Option<LegId> {
        let leg_id = self.new_leg_id();
        let number = device.number().to_owned();
        let active = self.calls.get_mut(&id)?;
        if !active.call.add(leg_id, device, now.at) {
            return None;
        }
        let Doing::Dialling(dialing) = &active.doing else { return None };
        let own = carrier.caller_id();
        let numbers = [dialing.dial.caller_number.as_deref(), own.as_deref(), Some(&active.from)];
        let name = dialing.dial.caller_name.as_deref().or(active.from_name.as_deref());
        let shown = Shown::new(numbers, name);
        let emergency = dialing.dial.emergency;
        let session = self.agent.new_session();
        let from = shown.from(&self.config.domain())?;
        let contact = shown.contact(flow);
        let to = match target.as_sip() {
            Some(sip) => NameAddr::new(Uri::sip(Some(&number), sip.host.clone(), sip.port)),
            None => NameAddr::new(target.clone()),
        };
        let headers =
            if emergency { vec![(Name::Priority, b"emergency".to_vec())] } else { vec![] };
        let invite = sip::Command::Invite {
            session,
            flow,
            target,
            from,
            to,
            contact,
            sdp: None,
            headers,
            credentials: carrier.credentials(),
            routes: vec![],
        };
        let (codecs, dtmf) = carrier.media(&self.config);
        let gateway = carrier.gateway();
        let leg = Leg::new(leg_id, id, session, flow, gateway, dtmf, codecs);
        self.add_leg(now, Leg { invite: Some(Box::new(invite)), ..leg });
        Some(leg_id)
    }

    /// The called leg's port is there: our offer goes out.
    pub(super) fn callee_opened(&mut self, now: Now, leg_id: LegId) {
        // The caller's codec first, so that the two can be joined without recoding.
        let preferred = self.peer_codec(leg_id);
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let Some(mut invite) = leg.invite.take() else { return };
        let Some(local) = leg.local.as_mut() else { return };
        local.prefer(preferred);
        let offer = negotiate::offer(local);
        if let sip::Command::Invite { sdp, .. } = invite.as_mut() {
            *sdp = Some(offer.to_bytes());
        }
        leg.stage = Stage::Early;
        if !self.ask(now, *invite) {
            // It never went out: there is no session whose end would end the leg.
            let (cause, by) = (Cause::NORMAL_TEMPORARY_FAILURE, EndedBy::Fault);
            self.leg_over(now, leg_id, Ending { cause, status: 503, by, at: now.at });
        }
    }

    /// The codec of the party for whom the leg's call was dialled.
    fn peer_codec(&self, leg_id: LegId) -> Option<Codec> {
        let call = self.calls.get(&self.legs.get(&leg_id)?.call)?;
        Some(self.legs.get(&call.subject())?.params.as_ref()?.codec)
    }

    /// 101 to 199 from a called leg.
    pub(super) fn progress(&mut self, now: Now, leg_id: LegId, status: u16, sdp: Option<Vec<u8>>) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let id = leg.call;
        let first = leg.ringing.is_none() && matches!(status, 180 | 183);
        if first {
            leg.ringing = Some(now.at);
            self.fact(now, FactKind::LegRinging { call: id, leg: leg_id });
        }
        let Some(active) = self.calls.get_mut(&id) else { return };
        active.call.enter(leg_id, ConnectionState::Alerting, now.at);
        let Doing::Dialling(dialing) = &mut active.doing else { return };
        let passes = matches!(dialing.dial.meanwhile, Meanwhile::EarlyMedia | Meanwhile::Ringback);
        let speaks = sdp.filter(|_| passes && dialing.early.is_none_or(|early| early == leg_id));
        match speaks {
            Some(sdp) => self.early_answer(now, id, leg_id, &sdp),
            None => self.meanwhile(now, id, true),
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
        if dialing.early.replace(leg_id).is_none() {
            self.stop_play(subject);
            self.early_media(now, subject);
            self.bridge(subject, leg_id);
        }
    }

    /// What the caller hears while others are rung. `rings`: somebody is known to ring.
    fn meanwhile(&mut self, now: Now, id: CallId, rings: bool) {
        let Some(active) = self.calls.get(&id) else { return };
        let subject = active.subject();
        let Doing::Dialling(dialing) = &active.doing else { return };
        let Some(leg) = self.legs.get(&subject) else { return };
        if leg.play.is_some() || dialing.early.is_some() {
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
    }

    /// A called leg answered.
    pub(super) fn answered(&mut self, now: Now, leg_id: LegId, sdp: Option<Vec<u8>>) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let id = leg.call;
        leg.stage = Stage::Answered;
        leg.answered = Some(now.at);
        let fits = sdp.is_none_or(|sdp| self.accept_answer(leg_id, &sdp))
            && self.legs.get(&leg_id).is_some_and(|leg| leg.params.is_some());
        if !fits {
            // Its answer is none, or not to our offer: the call cannot be heard.
            self.log(
                Level::Warning,
                format!("call {id}: {leg_id} answered without a usable session description"),
            );
            let incompatible = Cause::INCOMPATIBLE_DESTINATION;
            self.hang_up(now, leg_id, incompatible, EndedBy::Fault);
            return self.leg_failed(now, leg_id, failure(incompatible, 488));
        }
        self.fact(now, FactKind::LegAnswered { call: id, leg: leg_id });
        let Some(active) = self.calls.get_mut(&id) else { return };
        active.call.enter(leg_id, ConnectionState::Connected, now.at);
        let step = match &mut active.doing {
            Doing::Dialling(dialing) => dialing.hunt.answered(leg_id),
            _ => Step::Stray,
        };
        match step {
            Step::Won { leg, cancel } => {
                self.cancel(now, &cancel, Cause::NON_SELECTED_USER_CLEARING, EndedBy::Plan);
                self.connect(now, id, leg);
            }
            _ => self.hang_up(now, leg_id, Cause::NON_SELECTED_USER_CLEARING, EndedBy::Plan),
        }
    }

    /// A called leg is out: refused, unreachable, or of no use.
    pub(super) fn leg_failed(&mut self, now: Now, leg_id: LegId, failure: Failure) {
        let Some(id) = self.legs.get(&leg_id).map(|leg| leg.call) else { return };
        let Some(active) = self.calls.get_mut(&id) else { return };
        let Doing::Dialling(dialing) = &mut active.doing else { return };
        if dialing.early == Some(leg_id) {
            dialing.early = None;
        }
        let step = dialing.hunt.failed(leg_id, failure);
        self.step(now, id, step);
    }

    /// The group's time is over.
    pub(super) fn dial_wake(&mut self, now: Now, id: CallId) {
        let Some(Doing::Dialling(dialing)) = self.calls.get_mut(&id).map(|a| &mut a.doing) else {
            return;
        };
        let step = dialing.hunt.wake(now.at);
        self.step(now, id, step);
    }

    fn step(&mut self, now: Now, id: CallId, step: Step) {
        if let Step::Next { cancel } = step {
            self.early_over(id, &cancel);
            self.cancel(now, &cancel, Cause::NO_ANSWER, EndedBy::Limit);
            if let Some(lost) = self.next_group(now, id) {
                self.run(now, id, lost);
            }
        }
        self.rearm(id);
    }

    /// Legs that still ring are not wanted any more.
    fn cancel(&mut self, now: Now, legs: &[LegId], cause: Cause, by: EndedBy) {
        for leg in legs {
            self.hang_up(now, *leg, cause, by);
        }
    }

    /// The caller hears no more of a leg that is given up: the next may speak.
    fn early_over(&mut self, id: CallId, given_up: &[LegId]) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let leg = active.subject();
        let Doing::Dialling(dialing) = &mut active.doing else { return };
        if dialing.early.take_if(|early| given_up.contains(early)).is_some() {
            self.out.push_back(Output::Media(crate::media::control::Command::Unbridge { leg }));
        }
    }

    /// The answer to our offer: `false` when it fits nothing.
    pub(super) fn accept_answer(&mut self, leg_id: LegId, sdp: &[u8]) -> bool {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return false };
        let Some(local) = leg.local.as_mut() else { return false };
        let Ok(answer) = Sdp::parse(sdp) else { return false };
        match negotiate::accept_answer(local, &answer) {
            Ok(params) => {
                leg.params = Some(params);
                self.set_media(leg_id);
                true
            }
            Err(_) => false,
        }
    }
}

/// By what a leg goes out.
enum Carrier<'a> {
    Phone(&'a Phone),
    Gateway(&'a crate::config::Gateway),
}

impl Carrier<'_> {
    fn caller_id(&self) -> Option<String> {
        match self {
            Carrier::Phone(_) => None,
            Carrier::Gateway(gateway) => gateway.caller_id.as_ref().map(|id| id.to_string()),
        }
    }
    fn gateway(&self) -> Option<String> {
        match self {
            Carrier::Phone(_) => None,
            Carrier::Gateway(gateway) => Some(gateway.name.to_string()),
        }
    }
    fn credentials(&self) -> Option<sip::Credentials> {
        let Carrier::Gateway(gateway) = self else { return None };
        let (user, password) = (gateway.username.as_ref()?, gateway.password.as_ref()?);
        Some(sip::Credentials { user: user.to_string(), password: password.expose().to_owned() })
    }
    fn media(&self, config: &crate::config::Config) -> (Vec<Codec>, Dtmf) {
        let (codecs, dtmf) = match self {
            Carrier::Phone(phone) => (&phone.codecs, phone.dtmf),
            Carrier::Gateway(gateway) => (&gateway.codecs, gateway.dtmf),
        };
        (media_codecs(config.codecs(codecs)), dtmf.unwrap_or(config.media.dtmf))
    }
}

/// A failure by its cause, with the status that goes with it.
pub(super) fn failure(cause: Cause, status: u16) -> Failure {
    let why = match cause {
        Cause::USER_BUSY => Why::Busy,
        Cause::NO_USER_RESPONSE | Cause::NO_ANSWER => Why::NoAnswer,
        Cause::CALL_REJECTED => Why::Rejected,
        _ => Why::Failed,
    };
    Failure { why, status, cause }
}

/// The configuration's transport as the agent's.
pub(super) fn sip_transport(transport: crate::config::Transport) -> Transport {
    match transport {
        crate::config::Transport::Udp => Transport::Udp,
        crate::config::Transport::Tcp => Transport::Tcp,
    }
}
