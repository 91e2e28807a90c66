//! A new INVITE: from whom, may it come in, and its port; then the plan begins.
//!
//! ```text
//!  INVITE ─▶ gateway by address? phone by password? ─▶ limits ─▶ offer readable? ─▶ port asked for
//!                401, 403                              503         400, 488            │
//!  plan's first step ◀─ answer made (488 when nothing is common) ◀─ Opened ◀────────────┘
//! ```

use crate::access::{Load, Refusal};
use crate::base::{CallId, Duration, LegId, Now};
use crate::call::{Call, Device, Role};
use crate::config::{Dtmf, Language};
use crate::dialplan::effect::Happening;
use crate::dialplan::{Entry, Interp};
use crate::media::control::{self, Codec};
use crate::media::negotiate::Protection;
pub(super) use crate::sip::caller_id::user;
use crate::sip::caller_id::{self, asks_for_privacy};
use crate::sip::{Command, Flow, SessionId, described};
use crate::trunk::NoChannel;
use crate::wire::q850::{Cause, Mapping};
use crate::wire::sdp::{Sdp, SdpError};
use crate::wire::sip::{Message, Name};

use super::active::{Active, Doing};
use super::caller_id::{Origin, numbering};
use super::ending::party;
use super::fact::{self, AlarmWhat, FactKind};
use super::leg::{Leg, Stage};
use super::requests::Challenge;
use super::{Output, Switch, signalled};

/// After how many seconds a refused caller may try again.
const RETRY_AFTER_S: &str = "5";

/// Who asks for a call, before anything of it is believed.
pub(super) struct Asks {
    pub(super) session: SessionId,
    pub(super) flow: Flow,
    /// The number of its From.
    pub(super) from: String,
    /// The number dialled.
    pub(super) to: String,
}

/// What is known of a caller before there is a call.
pub(super) struct Caller {
    pub(super) device: Device,
    /// The number dialled, as the plan sees it.
    pub(super) to: String,
    pub(super) origin: Origin,
    pub(super) name: Option<String>,
    pub(super) context: String,
    pub(super) codecs: Vec<Codec>,
    pub(super) dtmf: Dtmf,
    pub(super) srtp: Protection,
    pub(super) language: Language,
}

impl Switch {
    pub(super) fn arrival(&mut self, now: Now, session: SessionId, flow: Flow, invite: &Message) {
        let number = invite.from().ok().and_then(|from| user(&from.uri)).unwrap_or_default();
        let to = dialled(invite).unwrap_or_default();
        let who = Asks { session, flow, from: number, to };
        if self.draining {
            return self.hold_back(now, &who, Refusal::Stopping);
        }
        let Some(mut caller) = self.identify(now, &who, invite) else { return };
        caller.origin.signalled = signalled::variables(invite);
        if let Ok(Some(replaces)) = invite.replaces() {
            return self.replacing(now, &who, &caller, invite, &replaces);
        }
        if self.takes_a_call(now, &who, &caller, invite) {
            return;
        }
        if caller.to.is_empty() {
            let cause = Some(Cause::UNALLOCATED_NUMBER);
            return self.turn_away(now, &who, 404, cause, "no number is dialled");
        }
        let who_calls = [caller.device.number(), &caller.to, &caller.context];
        // One who has raised an alarm calls for help as much as one who dials 120.
        let urgent = self.is_emergency(now, caller.device.is_phone(), who_calls)
            || self.is_bell(caller.device.number(), &caller.to);
        if let Err(why) = self.admission.call(now.at, &self.load())
            && !(why.yields_to_emergency() && urgent)
        {
            return self.hold_back(now, &who, why);
        }
        let number = caller.device.number();
        if !urgent && self.is_locked_out(now, number) {
            let cause = Some(Cause::CALL_REJECTED);
            return self.turn_away(now, &who, 603, cause, "the guard has locked the caller out");
        }
        // Whoever calls for help calls as often as that takes.
        let counts = caller.device.gateway().is_some() || self.is_subscriber(number);
        if counts && !urgent {
            self.guard_counts(now, number);
        }
        let Some(offer) = self.offer_of(now, &who, invite) else { return };
        if let Some(gateway) = caller.device.gateway()
            && let Err(why) = self.gateways.arrived(gateway, urgent)
        {
            let cause = Some(no_channel(why));
            let what = match why {
                NoChannel::OutOfService => "its gateway is out of service",
                _ => "its gateway has no channel left",
            };
            return self.turn_away(now, &who, 503, cause, what);
        }
        self.open_call(now, session, flow, caller, offer);
    }

    /// The offer of an INVITE, if it makes one. `None`: it is unreadable, and was answered.
    pub(super) fn offer_of(
        &mut self,
        now: Now,
        who: &Asks,
        invite: &Message,
    ) -> Option<Option<Sdp>> {
        let Some(body) = described(invite) else { return Some(None) };
        match Sdp::parse(body) {
            Ok(offer) => Some(Some(offer)),
            Err(why) => {
                let (status, warning) = unusable(why);
                self.note_refused(now, who, status, &format!("its description: {why}"));
                self.refuse(now, who.session, status, None, vec![warning]);
                None
            }
        }
    }

    /// How it stands, for `access` to judge by.
    pub(super) fn load(&self) -> Load {
        Load {
            journal_full: self.journal_full,
            calls: self.calls.len(),
            most_calls: self.config.max_calls() as usize,
            calls_per_second: self.config.limits.calls_per_second,
            behind: self.behind,
        }
    }

    /// Whether it is an emergency call, which is never held back: a phone that dials such a number, or
    /// a route of the dialplan that makes one of it. `from` whom, `to` whom, in which context.
    pub(super) fn is_emergency(
        &self,
        now: Now,
        is_phone: bool,
        [from, to, context]: [&str; 3],
    ) -> bool {
        if is_phone && self.config.is_emergency(to) {
            return true;
        }
        let entry =
            Entry { context: context.into(), to: to.into(), from: from.into(), ..Entry::default() };
        Interp::is_emergency(&self.plan, now, entry)
    }

    /// Refuses a call because there are too many, or because the exchange stops.
    fn hold_back(&mut self, now: Now, who: &Asks, why: Refusal) {
        self.count.refused += 1;
        let words = self.load().words(why);
        if !matches!(why, Refusal::Stopping | Refusal::JournalFull) {
            self.alarm(now, AlarmWhat::Overload, words.clone(), None);
        }
        self.note_refused(now, who, 503, &words);
        let again = vec![(Name::RetryAfter, RETRY_AFTER_S.into())];
        self.refuse(now, who.session, 503, Some(Cause::SWITCH_CONGESTION), again);
    }

    /// Refuses a call for what it is.
    pub(super) fn turn_away(
        &mut self,
        now: Now,
        who: &Asks,
        status: u16,
        cause: Option<Cause>,
        why: &str,
    ) {
        self.note_refused(now, who, status, why);
        self.refuse(now, who.session, status, cause, vec![]);
    }

    /// Writes a refused call down, unless there are too many; nothing is while the journal is full.
    fn note_refused(&mut self, now: Now, who: &Asks, status: u16, why: &str) {
        if self.journal_full || !self.admission.is_written(now.at) {
            return;
        }
        let remote = who.flow.remote;
        self.log(super::Level::Warning, format!("call from {remote} refused: {why}"));
        let from = match who.from.as_str() {
            "" => remote.to_string(),
            number => format!("{number} at {remote}"),
        };
        self.fact(now, FactKind::CallRefused { from, to: who.to.clone(), status, why: why.into() });
    }

    /// Who calls: a gateway by its address, a phone by its password. `None`: it was answered.
    fn identify(&mut self, now: Now, who: &Asks, invite: &Message) -> Option<Caller> {
        let (session, flow, number) = (who.session, who.flow, who.from.clone());
        let is_phone = self.config.phone(&number).is_some();
        let registered = is_phone && self.registered_from(now, &number, flow);
        // A phone on the gateway's own address (a test bench, one host) is asked for its password.
        if (!is_phone || invite.header(Name::Authorization).is_none() && !registered)
            && let Some((name, to)) = self.gateway_of(flow, invite, &who.to)
        {
            if let Some(turn) = self.gateways.heard(&name) {
                self.gateway_turned(now, &name, turn);
            }
            let caller = self.gateway_caller(&name, invite, &to);
            return Some(self.of_mobile(caller));
        }
        let per_second = self.config.limits.calls_per_second;
        let urgent = self.config.is_urgent(&who.to);
        if !registered && let Err(why) = self.admission.stranger(now.at, per_second, urgent) {
            self.hold_back(now, who, why);
            return None;
        }
        match self.verify(now, flow, invite) {
            Ok(user) => match self.config.phone(&user) {
                Some(phone) if user == number => Some(Caller {
                    device: Device::Phone { number },
                    to: who.to.clone(),
                    origin: Origin {
                        private: asks_for_privacy(invite),
                        hops: hops(invite),
                        ..Origin::default()
                    },
                    name: phone.name.as_ref().map(|n| n.to_string()),
                    context: phone.context.to_string(),
                    codecs: media_codecs(self.config.codecs(&phone.codecs)),
                    dtmf: phone.dtmf.unwrap_or(self.config.media.dtmf),
                    srtp: protection(phone.srtp),
                    language: phone.language.unwrap_or(self.config.node.language),
                }),
                _ => {
                    let why = "the password is another phone's";
                    self.turn_away(now, who, 403, Some(Cause::CALL_REJECTED), why);
                    None
                }
            },
            Err(Challenge { headers, after }) => {
                if !is_phone {
                    self.stranger(now, flow, &number);
                }
                let refusal = Command::Reject { session, status: 401, reason: None, headers };
                self.later(now, after, refusal);
                None
            }
        }
    }

    /// A call from an address that is no gateway's, with a number that is no phone's: asked for a
    /// password like everybody, and told to the one who mistyped a gateway's address.
    fn stranger(&mut self, now: Now, flow: Flow, number: &str) {
        if let Some(more) = self.strangers.may(now.at) {
            let line = format!(
                "call from {} as '{}' is neither a gateway's nor a phone's and is asked for a \
                 password ({more} more since the last such line)",
                flow.remote,
                number.escape_debug()
            );
            self.log(super::Level::Warning, line);
        }
    }

    /// Whether the phone is registered over this very flow.
    fn registered_from(&self, now: Now, number: &str, flow: Flow) -> bool {
        self.registrar.lookup(now.at, number).iter().any(|binding| binding.flow == flow)
    }

    /// Whose gateway's call it is, by the contact that we registered with it or by its address; and the
    /// number dialled, which at such a contact is To's.
    fn gateway_of(&self, flow: Flow, invite: &Message, to: &str) -> Option<(String, String)> {
        if let Some(name) = self.registering.by_contact(to)
            && self.is_believed(flow, name)
        {
            let dialled = invite.to().ok().and_then(|to| user(&to.uri)).unwrap_or_default();
            return Some((name.to_owned(), dialled));
        }
        // A provider that calls a number at our address, itself or by its proxy.
        let name = self.gateways.identify(flow.remote)?.name.clone();
        self.is_believed(flow, &name).then(|| (name, to.to_owned()))
    }

    /// A gateway that is reached over TLS is believed over TLS only: a datagram's source proves nothing.
    pub(super) fn is_believed(&self, flow: Flow, gateway: &str) -> bool {
        let Some(config) = self.config.gateway(gateway) else { return false };
        let secure = match config.first_hop().transport() {
            Some(transport) => transport.is_secure(),
            None => self.gateways.get(gateway).is_some_and(|gateway| gateway.hops.are_secure()),
        };
        flow.transport.is_secure() || !secure
    }

    /// A call of a gateway: its numbers as its rules make them, the raw ones beside.
    fn gateway_caller(&self, gateway: &str, invite: &Message, to: &str) -> Caller {
        let config = self.config.gateway(gateway);
        let said = caller_id::read(invite, config.is_none_or(|g| g.trusted));
        let from = config.map_or_else(|| said.number.clone(), |g| g.in_caller.apply(&said.number));
        Caller {
            to: config.map_or_else(|| to.to_owned(), |g| g.in_called.apply(to)),
            origin: Origin {
                e164: numbering(&self.config).e164(&from),
                raw: said.number,
                private: said.private,
                called_raw: to.to_owned(),
                diverted: said.diverted,
                hops: hops(invite),
                signalled: Vec::new(),
            },
            device: Device::Trunk { gateway: gateway.into(), number: from },
            name: said.name,
            context: config.map_or_else(|| "gateway".into(), |g| g.context.to_string()),
            codecs: media_codecs(
                config.map_or(&self.config.media.codecs[..], |g| self.config.codecs(&g.codecs)),
            ),
            dtmf: config.and_then(|g| g.dtmf).unwrap_or(self.config.media.dtmf),
            srtp: config.map_or(Protection::Offered, |g| protection(g.srtp)),
            language: self.config.node.language,
        }
    }

    fn open_call(
        &mut self,
        now: Now,
        session: SessionId,
        flow: Flow,
        caller: Caller,
        offer: Option<Sdp>,
    ) {
        let (id, leg) = (self.new_call_id(now.wall), self.new_leg_id());
        let gateway = caller.device.gateway().map(str::to_owned);
        self.call_began(now, id, &caller);
        let (from, to) = (caller.device.number().to_owned(), caller.to);
        let group = self.watched_group(now, &to);
        let group = group.unwrap_or_else(|| self.group_of(id, &caller.device));
        let limits = &self.config.limits;
        let call = Call::new(id, leg, caller.device, now);
        let active = Active {
            group,
            from_name: caller.name,
            origin: caller.origin,
            language: caller.language,
            deadline: now.at + limits.call_duration.min(self.config.sip.max_unanswered),
            ..self.new_call(now, call, [from, to, caller.context])
        };
        let dialled = [active.from.clone(), active.to.clone()];
        self.calls.insert(id, Box::new(active));
        self.care_call(now, id, dialled.each_ref().map(String::as_str));
        let new = Leg::new(leg, id, session, flow, gateway, caller.dtmf, caller.codecs);
        self.add_leg(now, Leg { offer, srtp: caller.srtp, ..new });
        self.traced(leg);
        self.rearm(id);
    }

    /// A call that does nothing yet, `from` whom, `to` whom, in which context.
    pub(super) fn new_call(
        &self,
        now: Now,
        call: Call,
        [from, to, context]: [String; 3],
    ) -> Active {
        Active {
            group: call.id,
            call,
            legs: 0,
            plan: self.plan.clone(),
            interp: None,
            planless: false,
            gathered: false,
            doing: Doing::Opening,
            from,
            origin: Origin::default(),
            from_name: None,
            to,
            context,
            route: None,
            language: self.config.node.language,
            recording: None,
            copying: None,
            recordings: 0,
            agent: None,
            served_in: None,
            for_alarm: false,
            way: None,
            transfer: None,
            rung: None,
            consulting: None,
            release: None,
            queued: None,
            over: None,
            last_cause: None,
            talk_cause: None,
            last_refusal: None,
            refused_by: None,
            ended: None,
            deadline: now.at + self.config.limits.call_duration,
            talk_ms: 0,
            wake: crate::base::Time::NEVER,
        }
    }

    /// Writes down that a call began, with all that is known of where it comes from.
    fn call_began(&mut self, now: Now, call: CallId, caller: &Caller) {
        let fields = caller.origin.fields(caller.device.number(), &caller.to);
        let began = FactKind::CallBegan {
            call,
            caller: party(&caller.device),
            dialled: caller.to.clone(),
            caller_name: caller.name.clone().unwrap_or_default(),
            context: caller.context.clone(),
        };
        self.fact(now, began);
        for (name, value) in fields {
            self.fact(now, FactKind::CallField { call, name, value });
        }
    }

    /// Enters a leg everywhere and asks for its port.
    pub(super) fn add_leg(&mut self, now: Now, leg: Leg) {
        let connection = self.calls.get(&leg.call).and_then(|active| active.call.get(leg.id));
        if let Some(connection) = connection {
            let role = match connection.role {
                Role::Caller => fact::Role::Caller,
                Role::Callee => fact::Role::Callee,
            };
            let device = &connection.device;
            if device.is_phone() {
                self.lines.begin(device.number(), leg.id);
            }
            let party = party(device);
            let (call, leg, outgoing) = (leg.call, leg.id, Some(leg.invite.is_some()));
            self.fact(now, FactKind::LegBegan { call, leg, party, role, outgoing });
        }
        let mut group = leg.call;
        if let Some(active) = self.calls.get_mut(&leg.call) {
            active.legs += 1;
            // Beside the party for whom the plan runs, which may have come over from another call.
            group = self.legs.get(&active.subject()).map_or(active.group, |subject| subject.group);
        }
        self.sessions.insert(leg.session, leg.id);
        let near = leg.flow.local.ip();
        let open = control::Command::Open { leg: leg.id, group, near };
        self.out.push_back(Output::Media(open));
        self.legs.insert(leg.id, Box::new(Leg { group, begun: now.at, ..leg }));
    }

    /// The caller's port is there: its offer is answered, and the plan begins.
    pub(super) fn caller_opened(&mut self, now: Now, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let session = leg.session;
        if let Err(why) = leg.negotiate_invite() {
            let warning = not_acceptable(&why);
            let line = format!("{}: its offer is refused with 488: {why}", self.who(leg_id));
            self.log(super::Level::Warning, line);
            let cause = Some(Cause::INCOMPATIBLE_DESTINATION);
            self.refuse(now, session, 488, cause, vec![warning]);
            return;
        }
        self.learn_savp(leg_id, false);
        self.set_media(leg_id);
        if let Some(old) = self.legs.get_mut(&leg_id).and_then(|leg| leg.takes.take()) {
            return self.take_over(now, leg_id, old);
        }
        self.begin_plan(now, leg_id);
    }

    /// The caller can be spoken to: what it dialled is done.
    pub(super) fn begin_plan(&mut self, now: Now, leg_id: LegId) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        let (session, call) = (leg.session, leg.call);
        let (network_addr, via) = (leg.flow.remote.ip().to_string(), leg.gateway.clone());
        let answered = leg.stage == Stage::Answered;
        if self.receives_first(now, call, leg_id) || self.code_dialled(now, leg_id) {
            return;
        }
        if let Some(phone) = self.phone_of(leg_id) {
            self.line_changed(now, &phone);
        }
        let Some(active) = self.calls.get_mut(&call) else { return };
        let via = via.unwrap_or_else(|| active.from.clone());
        let mut variables = active.origin.variables();
        variables.push(("language".to_owned(), active.language.as_str().to_owned()));
        variables.extend(active.origin.signalled.iter().cloned());
        if active.call.get(leg_id).is_some_and(|caller| caller.device.is_phone()) {
            variables.push(("user_name".to_owned(), active.from.clone()));
        }
        let entry = Entry {
            context: active.context.clone(),
            to: active.to.clone(),
            from: active.from.clone(),
            caller_name: active.from_name.clone().unwrap_or_default(),
            via,
            call_id: call.to_string(),
            network_addr,
            variables: variables.into_iter().collect(),
        };
        let noted = self.tracing.any() && self.is_traced(call);
        let Some(active) = self.calls.get_mut(&call) else { return };
        match Interp::start_noted(&active.plan, now, entry, noted) {
            Ok(interp) => {
                active.interp = Some(Box::new(interp));
                self.run(now, call, Happening::Started);
            }
            Err(no_route) => {
                self.tell_trace(call, no_route.notes.clone());
                let why = match no_route.context_exists {
                    true => {
                        format!("no route of context '{}' takes {}", no_route.context, no_route.to)
                    }
                    false => format!("there is no context '{}' in the dialplan", no_route.context),
                };
                self.log(super::Level::Warning, format!("call {call}: {why}"));
                let cause = Cause::UNALLOCATED_NUMBER;
                match answered {
                    true => self.hang_up(now, leg_id, cause, fact::EndedBy::Plan),
                    false => self.refuse(now, session, 404, Some(cause), vec![]),
                }
            }
        }
    }

    /// Refuses an INVITE.
    pub(super) fn refuse(
        &mut self,
        now: Now,
        session: SessionId,
        status: u16,
        reason: Option<Cause>,
        headers: crate::sip::Headers,
    ) {
        let leg = self.sessions.get(&session).and_then(|leg| self.legs.get_mut(leg));
        if let Some(leg) = leg {
            let cause = reason.unwrap_or_else(|| Mapping::RFC_3398.cause_of(status));
            leg.ours.get_or_insert((cause, status, super::fact::EndedBy::Plan));
        }
        self.ask(now, Command::Reject { session, status, reason, headers });
    }

    /// Does a command now, or after a pause.
    pub(super) fn later(&mut self, now: Now, after: Duration, command: Command) {
        let command = match after {
            Duration::ZERO => command,
            after => Command::Later { after, command: Box::new(command) },
        };
        self.ask(now, command);
    }
}

/// Its Max-Forwards.
fn hops(invite: &Message) -> Option<u8> {
    invite.max_forwards().ok().flatten()
}

/// The number that the INVITE asks for: the user of its Request-URI.
fn dialled(invite: &Message) -> Option<String> {
    invite.uri().ok().as_ref().and_then(user).filter(|n| !n.is_empty())
}

/// By what a description is refused that cannot be read: one beyond our limits may be right for all that.
pub(super) fn unusable(why: SdpError) -> (u16, (Name, Vec<u8>)) {
    (if why.is_of_limits() { 488 } else { 400 }, not_acceptable(&why))
}

/// What a 488 says to the peer (RFC 3261 §20.43: 399, any other reason).
pub(super) fn not_acceptable(why: &impl ToString) -> (Name, Vec<u8>) {
    let said: String = why.to_string().chars().filter(|c| !matches!(c, '"' | '\\')).collect();
    (Name::Warning, format!("399 belfry \"{}\"", said.escape_debug()).into_bytes())
}

/// The configuration's word for SRTP as the negotiation's.
pub(super) fn protection(srtp: crate::config::Srtp) -> Protection {
    match srtp {
        crate::config::Srtp::Off => Protection::Off,
        crate::config::Srtp::Offered => Protection::Offered,
        crate::config::Srtp::Preferred => Protection::Preferred,
        crate::config::Srtp::Required => Protection::Required,
        crate::config::Srtp::Dtls => Protection::Dtls,
    }
}

/// The configuration's codecs as the media plane names them.
pub(super) fn media_codecs(codecs: &[crate::config::Codec]) -> Vec<Codec> {
    let name = |codec: &crate::config::Codec| match codec {
        crate::config::Codec::Pcma => Codec::Pcma,
        crate::config::Codec::Pcmu => Codec::Pcmu,
        crate::config::Codec::G722 => Codec::G722,
        crate::config::Codec::Opus => Codec::Opus,
    };
    codecs.iter().map(name).collect()
}

/// What a missing channel means to a caller.
pub(super) fn no_channel(why: NoChannel) -> Cause {
    match why {
        NoChannel::Full => Cause::NORMAL_CIRCUIT_CONGESTION,
        NoChannel::OutOfService => Cause::REQUESTED_CHAN_UNAVAIL,
        NoChannel::Down => Cause::NETWORK_OUT_OF_ORDER,
        NoChannel::Unknown => Cause::NO_ROUTE_DESTINATION,
    }
}
