//! One session with a recorder: two ports, an INVITE that offers two streams to be sent, what is answered, and
//! its end (RFC 7866 §6.1, §7.1).

use std::net::SocketAddr;

use crate::base::{CallId, LegId, Now, Time};
use crate::config::Recorder;
use crate::media::control::{Codec, Command};
use crate::media::negotiate::LocalMedia;
use crate::media::negotiate::copies::TwoStreams;
use crate::sip::{self, End, Event, Flow, SessionId};
use crate::switch::arrival::{media_codecs, protection};
use crate::switch::fact::FactKind;
use crate::switch::registering::host_of;
use crate::switch::{Level, Output, Switch};
use crate::wire::sdp::Sdp;
use crate::wire::sip::{Host, NameAddr, Uri};

use super::told::Told;
use super::{ANSWERS_WITHIN, Blame, Speaks};

/// The user part of our address towards recorders.
const OURSELVES: &str = "belfry";

/// How far a session has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It waits for its ports.
    Opening,
    /// The INVITE is out.
    Calling,
    /// It stands.
    Up,
}

/// A session with a recorder.
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) recorder: String,
    flow: Flow,
    pub(super) stage: Stage,
    /// By which the copies go out: the customer's, the agent's.
    pub(super) legs: [LegId; 2],
    /// Beside whose legs those are: a copy is made on the RTP worker where its party lives.
    pub(super) beside: [CallId; 2],
    /// Their ports.
    rtp: [Option<SocketAddr>; 2],
    /// Our side of offers and answers, once the ports are there.
    pub(super) media: Option<TwoStreams>,
    /// What each gets.
    pub(super) copied: [Speaks; 2],
    /// What the recorder knows.
    pub(super) told: Told,
    /// What it is just being told.
    pub(super) telling: Option<Told>,
    /// When it was begun.
    pub(super) began: Time,
    /// Until when the INVITE has to be answered.
    pub(super) until: Time,
}

impl Switch {
    /// Begins a session with the recorder whose turn it is.
    pub(super) fn begin_outside(&mut self, now: Now, id: CallId) {
        let wanted = self.recorders_of(id);
        let copied = self.outside.calls.entry(id).or_default();
        if copied.turns.waits(now.at) {
            return;
        }
        let turns = copied.turns.clone();
        let names = wanted.iter().map(String::as_str);
        let takes = |name: &str| self.can_take(now, name);
        let Some(name) = turns.next(now.at, names, takes).map(str::to_owned) else {
            if let Some(copied) = self.outside.calls.get_mut(&id) {
                copied.turns.nobody(now.at);
            }
            return self.outside_alarm(now, id, "none takes it now");
        };
        let Some(flow) = self.flow_to_recorder(now, &name) else { return };
        let (left, right) = self.sides_live(id);
        let beside = [left, right.unwrap_or(left)];
        if self.outside.recorders.seize(&name, false).is_err() {
            return; // it could be a moment ago
        }
        let legs = [self.new_leg_id(), self.new_leg_id()];
        let session = Session {
            id: self.agent.new_session(),
            recorder: name,
            flow,
            stage: Stage::Opening,
            legs,
            beside,
            rtp: [None; 2],
            media: None,
            copied: [Speaks::Nobody; 2],
            told: Told::default(),
            telling: None,
            began: now.at,
            until: Time::NEVER,
        };
        for (leg, group) in legs.into_iter().zip(beside) {
            self.outside.legs.insert(leg, id);
            let near = flow.local.ip();
            self.out.push_back(Output::Media(Command::Open { leg, group, near }));
        }
        self.outside.sessions.insert(session.id, id);
        if let Some(copied) = self.outside.calls.get_mut(&id) {
            copied.session = Some(session);
        }
    }

    /// With whose legs those that a call is recorded of share an RTP worker.
    pub(super) fn sides_live(&self, id: CallId) -> (CallId, Option<CallId>) {
        let Some(active) = self.calls.get(&id) else { return (id, None) };
        let (left, right) = active.sides();
        let of = |leg| self.group_of_leg(leg);
        (of(left).unwrap_or(active.group), right.and_then(of))
    }

    /// Whether a recorder can be called now.
    fn can_take(&self, now: Now, name: &str) -> bool {
        let refuses = self.outside.recorders.get(name).is_some_and(|own| own.refuses(now.at));
        !refuses
            && self.outside.recorders.can_seize(name, false).is_ok()
            && self.flow_to_recorder(now, name).is_some()
    }

    pub(super) fn flow_to_recorder(&self, now: Now, name: &str) -> Option<Flow> {
        let hop = self.outside.recorders.hop(name, now.at)?;
        self.flow_to(hop.transport, hop.addr)
    }

    /// A port of a session is there; with both, its INVITE goes out.
    pub(in crate::switch) fn outside_opened(&mut self, now: Now, leg: LegId, rtp: SocketAddr) {
        let Some(id) = self.outside.call_of_leg(leg) else { return };
        let Some(session) = self.outside.session(id) else { return };
        for (own, at) in session.legs.iter().zip(&mut session.rtp) {
            if *own == leg {
                *at = Some(rtp);
            }
        }
        if let (Stage::Opening, [Some(one), Some(other)]) = (session.stage, session.rtp) {
            self.call_recorder(now, id, [one, other]);
        }
        self.rearm_outside(id);
    }

    /// There is no port for a session.
    pub(in crate::switch) fn outside_no_port(&mut self, now: Now, leg: LegId) {
        if let Some(id) = self.outside.call_of_leg(leg) {
            self.outside_failed(now, id, "no RTP port is free: widen [media] ports", Blame::Us);
        }
    }

    fn call_recorder(&mut self, now: Now, id: CallId, rtp: [SocketAddr; 2]) {
        let wanted = self.calls.get(&id).and_then(|active| active.copying);
        let recorder = self.outside.session(id).map(|session| session.recorder.clone());
        let config = recorder.and_then(|name| self.config.recorder(&name).cloned());
        let told = wanted.and_then(|wanted| self.to_be_told(now, id, wanted));
        let (Some(config), Some(told)) = (config, told) else {
            // The call is over, or a reload has taken the recorder away.
            return self.outside_failed(now, id, "it is configured no more", Blame::Recorder);
        };
        let Some(flow) = self.outside.session(id).map(|session| session.flow) else { return };
        let seen = self.seen(flow);
        let shown = |at: SocketAddr| {
            SocketAddr::new(self.networks.shown(at.ip(), flow.remote.ip()), at.port())
        };
        let mut media = self.streams_to(id, &config, rtp.map(shown));
        media.send(!told.paused);
        let domain = self.config.domain();
        let metadata = told.document(id, &domain, None).to_string().into_bytes();
        let sdp = media.offer().to_bytes();
        let Some(session) = self.outside.session(id) else { return };
        session.media = Some(media);
        (session.told, session.until) = (told, now.at + ANSWERS_WITHIN);
        session.stage = Stage::Calling;
        let name = session.id;
        let (host, port) = host_of(&config.address);
        let target = Uri::sip(Some(config.name.as_str()), host, port);
        let contact = Uri::sip(Some(OURSELVES), seen.local.ip(), Some(seen.local.port()));
        let host = Host::parse(domain.as_bytes()).unwrap_or_else(|| Host::from(seen.local.ip()));
        let invite = sip::Command::Invite {
            session: name,
            flow,
            to: NameAddr::new(target.clone()),
            target,
            from: NameAddr::new(Uri::sip(Some(OURSELVES), host, None)),
            contact: sip::reached_by(contact, flow.transport, false),
            sdp: Some(sdp),
            otherwise: None,
            headers: vec![],
            extras: vec![],
            credentials: credentials(&config),
            routes: vec![],
            prack: sip::Prack::Off,
            metadata: Some(metadata),
        };
        if !self.ask(now, invite) {
            return self.outside_failed(now, id, "the INVITE could not be sent", Blame::Us);
        }
        let leg = self.outside.session(id).map(|session| session.legs[0]);
        if let (Some(leg), Some(call_id)) = (leg, self.agent.call_id(name)) {
            self.out.push_back(Output::Dialog { call: id, leg, call_id });
        }
    }

    /// The two streams: of each first the codec that its party speaks, so that its payload goes on as it is.
    fn streams_to(&mut self, id: CallId, config: &Recorder, rtp: [SocketAddr; 2]) -> TwoStreams {
        let sides = self.calls.get(&id).map(|active| active.sides());
        let [left, right] = sides.map_or([None; 2], |(left, right)| [Some(left), right]);
        let coded = media_codecs(&config.codecs);
        let codecs = [left, right.or(left)].map(|leg| {
            let spoken = leg.and_then(|leg| self.legs.get(&leg)?.codec());
            let mut codecs: Vec<Codec> = spoken.into_iter().collect();
            codecs.extend(coded.iter().filter(|codec| Some(**codec) != spoken));
            codecs
        });
        let number = self.rng.next_u64() >> 2;
        let [first, second] = codecs;
        TwoStreams::new([(rtp[0], first), (rtp[1], second)].map(|(rtp, codecs)| {
            let keys = self.keys.split();
            LocalMedia::new(rtp, codecs, number).protected(protection(config.srtp), keys)
        }))
    }

    /// What the agent tells of a session with a recorder; gives back what is of none.
    pub(in crate::switch) fn outside_said(&mut self, now: Now, event: Event) -> Option<Event> {
        let Some((id, _)) =
            event.session().and_then(|name| Some((*self.outside.sessions.get(&name)?, name)))
        else {
            return Some(event);
        };
        match event {
            Event::Answered { sdp, .. } => self.recorder_answered(now, id, sdp.as_deref()),
            Event::OfferAnswered { sdp, .. } => {
                let known = self.outside.session(id).and_then(|session| session.telling.take());
                if self.take_answer(now, id, &sdp) {
                    self.recorder_knows(id, known);
                }
            }
            Event::OfferRefused { status, .. } => {
                let known = self.outside.session(id).and_then(|session| session.telling.take());
                // One that an offer of its own displaced is told again.
                self.recorder_knows(id, known.filter(|_| status != 491));
            }
            Event::Offer { session, sdp, .. } => self.recorder_offers(now, id, session, &sdp),
            Event::OfferWanted { session } => {
                let media = self.outside.session(id).and_then(|session| session.media.as_mut());
                let command = match media {
                    Some(media) => {
                        sip::Command::AcceptOffer { session, sdp: media.offer().to_bytes() }
                    }
                    None => sip::Command::RejectOffer { session, status: 500, headers: vec![] },
                };
                self.ask(now, command);
            }
            Event::Refer { txn, .. } => self.answer_refer(now, txn, 603),
            Event::Ended { end, .. } => self.recorder_ended(now, id, &end),
            _ => {}
        }
        self.rearm_outside(id);
        None
    }

    /// The recorder has taken the call.
    fn recorder_answered(&mut self, now: Now, id: CallId, sdp: Option<&[u8]>) {
        if !self.take_answer(now, id, sdp.unwrap_or_default()) {
            return;
        }
        let Some(session) = self.outside.session(id) else { return };
        session.stage = Stage::Up;
        session.began = now.at;
        let (recorder, name, remote) = (session.recorder.clone(), session.id, session.flow.remote);
        self.outside.recorders.hop_answered(&recorder, remote);
        let session = self.agent.call_id(name).unwrap_or_default();
        self.log(Level::Debug, format!("call {id}: recorder {recorder} takes it"));
        self.fact(now, FactKind::RecorderBegan { call: id, recorder, session });
        self.outside.touched.insert(id);
    }

    /// An answer to an offer of ours. `false`: it is none, and the session is over.
    fn take_answer(&mut self, now: Now, id: CallId, sdp: &[u8]) -> bool {
        let Some(session) = self.outside.session(id) else { return false };
        let (name, legs) = (session.id, session.legs);
        let Some(media) = &mut session.media else { return false };
        let why = match Sdp::parse(sdp).map(|answer| media.accept_answer(&answer)) {
            Ok(Ok(params)) => {
                self.set_copies(legs, params);
                return true;
            }
            Ok(Err(why)) => format!("its answer: {why}"),
            Err(_) => "its answer has no description that can be read".to_owned(),
        };
        self.ask(now, sip::Command::Hangup { session: name, reason: None });
        self.outside_failed(now, id, &why, Blame::Recorder);
        false
    }

    /// The recorder offers: it moves, or wants nothing for a while.
    fn recorder_offers(&mut self, now: Now, id: CallId, name: SessionId, sdp: &[u8]) {
        let Some(session) = self.outside.session(id) else { return };
        let legs = session.legs;
        let Some(media) = &mut session.media else { return };
        let answer = Sdp::parse(sdp).ok().and_then(|offer| media.answer(&offer).ok());
        let Some((answer, params)) = answer else {
            let headers = vec![];
            self.ask(now, sip::Command::RejectOffer { session: name, status: 488, headers });
            return;
        };
        self.ask(now, sip::Command::AcceptOffer { session: name, sdp: answer.to_bytes() });
        self.set_copies(legs, params);
        self.outside.touched.insert(id);
    }

    /// A session is over and we did not end it.
    fn recorder_ended(&mut self, now: Now, id: CallId, end: &End) {
        let Some(session) = self.outside.session(id) else { return };
        let (recorder, remote, stage) =
            (session.recorder.clone(), session.flow.remote, session.stage);
        let mut blame = Blame::Recorder;
        let why = match end {
            End::Bye { .. } => "it ended the session".to_owned(),
            End::Rejected { status, message, .. } => {
                if *status == 503 {
                    self.recorder_refuses(now, &recorder, message.retry_after().ok().flatten());
                }
                format!("it refused the session with {status}")
            }
            End::Timeout => "it does not answer".to_owned(),
            End::FlowFailed => "it cannot be reached".to_owned(),
            End::Cancelled { .. } | End::Ours | End::AckMissing => {
                "the session broke off".to_owned()
            }
        };
        let silent =
            matches!(end, End::Timeout | End::FlowFailed | End::Rejected { status: 503, .. });
        if silent {
            if stage != Stage::Up && self.outside.recorders.hop_failed(&recorder, remote, now.at) {
                blame = Blame::Hop;
            }
            self.outside.recorders.suspect(&recorder, now.at);
        }
        self.outside_failed(now, id, &why, blame);
    }
}

/// By what its challenges are answered.
fn credentials(recorder: &Recorder) -> Option<sip::Credentials> {
    let (user, password) = (recorder.username.as_ref()?, recorder.password.as_ref()?);
    Some(sip::Credentials {
        user: user.to_string(),
        password: password.expose().to_owned(),
        least: sip::digest::Algorithm::Md5,
    })
}
