//! Legs that we call: which devices a target has, by what they are reached, and the INVITE that goes
//! to each as soon as its port is there.

use std::net::SocketAddr;

use crate::base::{CallId, LegId, Now};
use crate::call::{Device, Failure};
use crate::config::{Dtmf, Gateway, Phone, SendDiversion};
use crate::media::control::Codec;
use crate::media::negotiate::{self, Protection};
use crate::sip::{self, Binding, Flow, Transport};
use crate::trunk::{Overflow, Try};
use crate::wire::q850::Cause;
use crate::wire::sip::{Name, NameAddr, Uri};

use super::active::{Dialing, Doing, Outside};
use super::arrival::{media_codecs, no_channel, protection};
use super::dial::failure;
use super::fact::EndedBy;
use super::identity::{Diverted, Shown, diversion};
use super::leg::{Ending, Leg, Stage};
use super::{Level, Output, Switch, auto_answer, registering, signalled};

impl Switch {
    /// One leg for each device of a phone, and one for its mobile.
    pub(super) fn ring_devices(
        &mut self,
        now: Now,
        id: CallId,
        number: &str,
    ) -> Result<Vec<LegId>, Failure> {
        let Some(phone) = self.config.phone(number).cloned() else {
            return Err(failure(Cause::UNALLOCATED_NUMBER, 404));
        };
        let bindings: Vec<_> = self.registrar.lookup(now.at, number).into_iter().cloned().collect();
        let mobile = self.ring_mobile(now, id, &phone);
        if bindings.is_empty() {
            let absent = Err(failure(Cause::SUBSCRIBER_ABSENT, 480));
            return mobile.unwrap_or(absent).map(|leg| vec![leg]);
        }
        let bindings = self.first_devices(now, id, &phone, bindings);
        let mut legs = self.ring_bindings(now, id, &phone, bindings);
        if legs.is_empty() {
            let others = self.later_devices(id, number);
            legs = self.ring_bindings(now, id, &phone, others);
        }
        Ok(legs.into_iter().chain(mobile.and_then(Result::ok)).collect())
    }

    /// A leg to each of these devices of a phone.
    pub(super) fn ring_bindings(
        &mut self,
        now: Now,
        id: CallId,
        phone: &Phone,
        bindings: Vec<Binding>,
    ) -> Vec<LegId> {
        let legs = bindings.into_iter().filter_map(|binding| {
            let device = Device::Phone { number: phone.number.to_string() };
            let carrier = Carrier::Phone(phone, &binding);
            self.ring_device(now, id, device, binding.contact.clone(), binding.way(), carrier)
        });
        legs.collect()
    }

    /// A leg to the device of a phone that registered last. `false`: there is none, or no place for it.
    pub(super) fn ring_last_device(&mut self, now: Now, id: CallId, phone: &Phone) -> bool {
        let number = phone.number.to_string();
        let bindings = self.registrar.lookup(now.at, &number);
        let Some(binding) = bindings.into_iter().max_by_key(|b| b.expires).cloned() else {
            return false;
        };
        let carrier = Carrier::Phone(phone, &binding);
        let device = Device::Phone { number };
        self.ring_device(now, id, device, binding.contact.clone(), binding.way(), carrier).is_some()
    }

    /// Nothing of ours reaches a gateway: says so in the log.
    fn not_reached(&mut self, now: Now, gateway: &Gateway) -> Failure {
        let why = match self.gateways.hop(gateway.name.as_str(), now.at) {
            Some(_) => "nothing in [sip] listen reaches it".to_owned(),
            None => format!("{} is not found", gateway.first_hop().host()),
        };
        self.log(Level::Error, format!("gateway {}: {why}", gateway.name));
        failure(Cause::NETWORK_OUT_OF_ORDER, 503)
    }

    /// A leg through a gateway, on one of its channels, on its way over several.
    pub(super) fn ring_gateway(
        &mut self,
        now: Now,
        id: CallId,
        next: &Try,
        to: &Outside,
        way: &mut Overflow,
    ) -> Result<LegId, Failure> {
        let name = next.gateway.as_str();
        let (number, urgent) = (to.number.as_str(), way.is_urgent());
        let Some(config) = self.config.gateway(name).cloned() else {
            return Err(failure(Cause::NO_ROUTE_DESTINATION, 404));
        };
        let called = match &next.sent_on {
            Some(place) => place.number.clone(),
            None => config.out_called.apply(number),
        };
        if called.is_empty() {
            return Err(failure(Cause::INVALID_NUMBER_FORMAT, 484));
        }
        let flow = self.flow_to_gateway(now, &config);
        let Some(flow) = flow.map(|flow| self.flow_sent_on(flow, next)) else {
            return Err(self.not_reached(now, &config));
        };
        let ahead = urgent || self.calls.get(&id).is_some_and(|active| active.for_alarm);
        self.gateways.can_seize(name, ahead).map_err(|why| failure(no_channel(why), 503))?;
        // That a phone's mobile is called is the configuration's will, and needs nobody's permission.
        let charged = match to.phone {
            None => self.charge(now, id, number, &called, way)?,
            Some(_) => None,
        };
        self.gateways.seize(name, ahead).map_err(|why| failure(no_channel(why), 503))?;
        let target = match &next.sent_on {
            Some(place) => place.target.clone(),
            None => registering::address(&config, Some(&called)),
        };
        let (gateway, outside) = (name.to_owned(), number.to_owned());
        let device = match to.phone.clone() {
            None => Device::Trunk { gateway, number: outside },
            Some(number) => Device::Mobile { number, gateway, outside },
        };
        let carrier = Carrier::Gateway { config: &config, urgent };
        match self.ring_device(now, id, device, target, flow, carrier) {
            Some(leg) => {
                if let Some((accounts, class)) = charged {
                    self.tolls.begin(leg, accounts, class);
                }
                Ok(leg)
            }
            None => {
                self.gateways.release(name);
                Err(failure(Cause::SWITCH_CONGESTION, 503))
            }
        }
    }

    pub(super) fn dialing(&self, id: CallId) -> Option<&Dialing> {
        match &self.calls.get(&id)?.doing {
            Doing::Dialling(dialing) => Some(dialing),
            _ => None,
        }
    }

    /// A flow as its peer sees it: with the address that its network knows us by.
    pub(super) fn seen(&self, flow: Flow) -> Flow {
        let ip = self.networks.shown(flow.local.ip(), flow.remote.ip());
        Flow { local: SocketAddr::new(ip, flow.local.port()), ..flow }
    }

    /// The flow from one of our sockets to `remote`: the one on its network, where it is of one.
    pub(super) fn flow_to(&self, transport: Transport, remote: SocketAddr) -> Option<Flow> {
        let fits = |local: &SocketAddr| local.is_ipv4() == remote.is_ipv4();
        let own = self.listening.iter().filter(|(t, local)| *t == transport && fits(local));
        // A socket on loopback is the last choice for a peer outside, and the first for one inside.
        let far = |local: &SocketAddr| local.ip().is_loopback() != remote.ip().is_loopback();
        let network = self.networks.of(remote.ip());
        let other = |local: &SocketAddr| network.is_some_and(|n| n.address != local.ip());
        let best = own.min_by_key(|(_, local)| (other(local), far(local)));
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
        let confirm = self.confirmation(&device);
        if !self.calls.get_mut(&id)?.call.add(leg_id, device, now.at) {
            return None;
        }
        let session = self.agent.new_session();
        let shown = self.shown(id, &carrier)?;
        let headers = self.told(id, &number, &shown, &target, &carrier)?;
        let extras = self.of_applications(id);
        let to = match (&carrier, target.as_sip()) {
            (Carrier::Phone(..), Some(sip)) => {
                NameAddr::new(Uri::sip(Some(&number), sip.host.clone(), sip.port))
            }
            _ => NameAddr::new(target.clone()),
        };
        let contact = shown.contact(self.seen(flow), &target);
        let invite = sip::Command::Invite {
            session,
            flow,
            target,
            from: shown.from(&carrier.domain(&self.config))?,
            to,
            contact,
            sdp: None,
            otherwise: None,
            headers,
            extras,
            credentials: carrier.credentials(),
            routes: carrier.routes(),
            prack: sip_prack(carrier.prack().unwrap_or(self.config.sip.prack)),
            metadata: None,
        };
        let (codecs, dtmf) = carrier.media(&self.config);
        let gateway = carrier.gateway();
        let leg = Leg::new(leg_id, id, session, flow, gateway, dtmf, codecs);
        let (srtp, savp) = (carrier.srtp(flow), carrier.savp());
        self.add_leg(now, Leg { invite: Some(Box::new(invite)), srtp, savp, confirm, ..leg });
        Some(leg_id)
    }

    /// The caller as the called party is shown him: as the plan says, else the gateway's own number,
    /// else himself, unless he hides.
    fn shown(&self, id: CallId, carrier: &Carrier<'_>) -> Option<Shown> {
        let active = self.calls.get(&id)?;
        let own = carrier.caller_id();
        // A phone that is to call somebody is shown whom.
        let (number, name, from) = match self.dialing(id).map(|dialing| &dialing.dial) {
            Some(dial) => {
                (dial.caller_number.as_deref(), dial.caller_name.as_deref(), &active.from)
            }
            None => (self.outbound.caller_id(id), None, &active.to),
        };
        let said = [number, own.as_deref()];
        let is_said = said.into_iter().flatten().any(|number| !number.is_empty());
        let numbers = said.into_iter().chain([Some(from.as_str())]);
        let is_called = self.dialing(id).is_some();
        let name = name.or(active.from_name.as_deref().filter(|_| is_called));
        let shown = Shown::new(numbers, name).hidden(active.origin.private && !is_said);
        Some(match carrier {
            Carrier::Phone(..) => shown,
            Carrier::Gateway { config, .. } => shown.rewritten(|n| config.out_caller.apply(n)),
        })
    }

    /// What the called side is told beside: an emergency; for whom the call was that comes to it; a gateway,
    /// who calls.
    fn told(
        &self,
        id: CallId,
        number: &str,
        shown: &Shown,
        target: &Uri,
        carrier: &Carrier<'_>,
    ) -> Option<sip::Headers> {
        let active = self.calls.get(&id)?;
        let mut headers = vec![];
        let domain = carrier.domain(&self.config);
        let dial = self.dialing(id).map(|dialing| &dialing.dial);
        // An agent is asked before it calls somebody back.
        let asks = matches!(active.doing, Doing::SummoningBack(_));
        if let Carrier::Phone(phone, binding) = carrier
            && dial.map_or(!asks, |dial| dial.auto_answer)
        {
            headers.extend(auto_answer::headers(phone.make, &binding.user_agent, &domain));
        }
        let Some(dial) = dial else {
            if let Carrier::Gateway { config, .. } = carrier {
                headers.extend(shown.headers(config.send_identity, &domain));
            }
            return Some(headers);
        };
        if let Some(hops) = active.origin.hops {
            let left = hops.saturating_sub(1).to_string();
            headers.push((Name::MaxForwards, left.into_bytes()));
        }
        if dial.emergency || carrier.is_urgent() {
            headers.push((Name::Priority, b"emergency".to_vec()));
        }
        let how = match carrier {
            Carrier::Phone(..) => SendDiversion::Diversion,
            Carrier::Gateway { config, .. } => {
                headers.extend(shown.headers(config.send_identity, &domain));
                config.send_diversion
            }
        };
        let caller = active.call.get(active.subject());
        let passes = caller.is_some_and(|caller| !caller.device.is_phone());
        if let Some(diverted) = self.diverted_header(id, number, target, how, &domain) {
            headers.extend(diverted);
        } else if passes && matches!(carrier, Carrier::Gateway { .. }) {
            let was = Diverted { by: &active.to, why: "unconditional", status: 302 };
            headers.extend(diversion(how, &was, target, &domain));
        }
        Some(headers)
    }

    /// Headers of applications for who is called: the plan's, and those of the caller's INVITE that the
    /// configuration lets through.
    fn of_applications(&self, id: CallId) -> Vec<(String, String)> {
        let dial = self.dialing(id).map(|dialing| &dialing.dial);
        let (Some(active), Some(dial)) = (self.calls.get(&id), dial) else { return Vec::new() };
        let passes = &self.config.sip.relay_headers;
        let mut all: Vec<(String, String)> = dial
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), signalled::text(value.as_bytes())))
            .collect();
        for (name, value) in signalled::headers(&active.origin.signalled) {
            let is_named = passes.iter().any(|pattern| signalled::matches(pattern.as_str(), name));
            if is_named && !all.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
                all.push((name.to_owned(), value.to_owned()));
            }
        }
        all
    }

    /// The called leg's port is there: our offer goes out.
    pub(super) fn callee_opened(&mut self, now: Now, leg_id: LegId) {
        // The caller's codec first, so that the two can be joined without recoding. A browser keeps its
        // account's order: across the Internet Opus is worth a recoding.
        let preferred = self.peer_codec(leg_id).filter(|_| !self.is_browser(leg_id));
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let Some(mut invite) = leg.invite.take() else { return };
        let Some(local) = leg.local.as_mut() else { return };
        if preferred.is_some() {
            local.prefer(preferred);
        }
        let offer = negotiate::offer(local);
        if let sip::Command::Invite { sdp, otherwise, .. } = invite.as_mut() {
            *sdp = Some(offer.to_bytes());
            *otherwise = negotiate::otherwise(local).map(|offer| offer.to_bytes());
        }
        leg.stage = Stage::Early;
        if !self.ask(now, *invite) {
            // It never went out: there is no session whose end would end the leg.
            let (cause, by) = (Cause::NORMAL_TEMPORARY_FAILURE, EndedBy::Fault);
            return self.leg_over(now, leg_id, Ending { cause, status: 503, by, at: now.at });
        }
        self.traced(leg_id);
    }

    /// Says which dialog a leg is, so that its messages are found with its call.
    pub(super) fn traced(&mut self, leg_id: LegId) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        if let Some(call_id) = self.agent.call_id(leg.session) {
            self.out.push_back(Output::Dialog { call: leg.call, leg: leg_id, call_id });
        }
    }

    /// Its audio is agreed on, by an offer `of_ours` or of its own: a phone that shows how it wants SRTP is
    /// called so from now on.
    pub(super) fn learn_savp(&mut self, leg_id: LegId, of_ours: bool) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        let Some(local) = leg.local.as_ref() else { return };
        // Whoever calls and offers both could take either; whom we offer both has chosen.
        let chosen = of_ours && leg.srtp == Protection::Preferred;
        let (flow, session, savp) = (leg.flow, leg.session, local.is_savp());
        if (savp || chosen)
            && let Some(number) = self.phone_of(leg_id)
        {
            let contact = self.agent.contact(session);
            self.registrar.learn_savp(&number, flow, contact.as_ref(), savp);
        }
    }

    /// Whether a leg is called by WebSocket.
    fn is_browser(&self, leg_id: LegId) -> bool {
        self.legs.get(&leg_id).is_some_and(|leg| is_web(leg.flow))
    }

    /// The codec of the party for whom the leg's call was dialled.
    fn peer_codec(&self, leg_id: LegId) -> Option<Codec> {
        let call = self.calls.get(&self.legs.get(&leg_id)?.call)?;
        self.legs.get(&call.subject())?.codec()
    }
}

/// Whether a flow is a browser's.
fn is_web(flow: Flow) -> bool {
    matches!(flow.transport, Transport::Ws | Transport::Wss)
}

/// By what a leg goes out.
enum Carrier<'a> {
    /// With one of the devices that it has registered.
    Phone(&'a Phone, &'a Binding),
    Gateway {
        config: &'a crate::config::Gateway,
        urgent: bool,
    },
}

impl Carrier<'_> {
    fn is_urgent(&self) -> bool {
        matches!(self, Carrier::Gateway { urgent: true, .. })
    }
    fn caller_id(&self) -> Option<String> {
        match self {
            Carrier::Phone(..) => None,
            Carrier::Gateway { config, .. } => config.caller_id.as_ref().map(|id| id.to_string()),
        }
    }
    fn gateway(&self) -> Option<String> {
        match self {
            Carrier::Phone(..) => None,
            Carrier::Gateway { config, .. } => Some(config.name.to_string()),
        }
    }
    fn credentials(&self) -> Option<sip::Credentials> {
        match self {
            Carrier::Phone(..) => None,
            Carrier::Gateway { config, .. } => credentials(config),
        }
    }
    /// The host of the caller's address.
    fn domain(&self, config: &crate::config::Config) -> String {
        let own = match self {
            Carrier::Phone(..) => None,
            Carrier::Gateway { config, .. } => config.domain.as_ref().map(ToString::to_string),
        };
        own.unwrap_or_else(|| config.domain())
    }
    fn routes(&self) -> Vec<Uri> {
        match self {
            Carrier::Phone(_, binding) => binding.routes(),
            Carrier::Gateway { config, .. } => registering::routes(config),
        }
    }
    fn prack(&self) -> Option<crate::config::Prack> {
        match self {
            Carrier::Phone(..) => None,
            Carrier::Gateway { config, .. } => config.prack,
        }
    }
    /// A phone that is reached by WebSocket is a browser, and browsers take nothing but DTLS-SRTP.
    fn srtp(&self, flow: Flow) -> Protection {
        protection(match self {
            Carrier::Phone(..) if is_web(flow) => return Protection::Dtls,
            Carrier::Phone(phone, _) => phone.srtp,
            Carrier::Gateway { config, .. } => config.srtp,
        })
    }
    fn savp(&self) -> bool {
        matches!(self, Carrier::Phone(_, binding) if binding.savp)
    }
    fn media(&self, config: &crate::config::Config) -> (Vec<Codec>, Dtmf) {
        let (codecs, dtmf) = match self {
            Carrier::Phone(phone, _) => (&phone.codecs, phone.dtmf),
            Carrier::Gateway { config, .. } => (&config.codecs, config.dtmf),
        };
        (media_codecs(config.codecs(codecs)), dtmf.unwrap_or(config.media.dtmf))
    }
}

/// The configuration's word as the agent's.
pub(super) fn sip_prack(prack: crate::config::Prack) -> sip::Prack {
    match prack {
        crate::config::Prack::Off => sip::Prack::Off,
        crate::config::Prack::Supported => sip::Prack::Supported,
        crate::config::Prack::Required => sip::Prack::Required,
    }
}

/// By what a gateway's challenges are answered.
pub(super) fn credentials(gateway: &crate::config::Gateway) -> Option<sip::Credentials> {
    let (user, password) = (gateway.username.as_ref()?, gateway.password.as_ref()?);
    Some(sip::Credentials {
        user: user.to_string(),
        password: password.expose().to_owned(),
        least: super::requests::algorithm(gateway.digest_least),
    })
}

/// The configuration's transport as the agent's.
pub fn sip_transport(transport: crate::config::Transport) -> Transport {
    match transport {
        crate::config::Transport::Udp => Transport::Udp,
        crate::config::Transport::Tcp => Transport::Tcp,
        crate::config::Transport::Tls => Transport::Tls,
        crate::config::Transport::Ws => Transport::Ws,
        crate::config::Transport::Wss => Transport::Wss,
    }
}
