//! A telephone without hands: registers, calls, answers, presses keys, speaks a tone and listens,
//! as told. With no registration it plays a gateway's caller.
//!
//! Pure like the rest: time and datagrams come in, datagrams go out, so that the same phone serves
//! the simulator and real sockets. Its RTP is its own ([`voice`](super::voice)); its SIP is
//! Belfry's agent, which real clients cross-check elsewhere.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::browser::{Browser, Done};
use super::voice::{Ear, Mouth};
use crate::base::{Duration, Rng, Time};
use crate::media::control::{Codec, StreamParams};
use crate::media::dtls::Fault;
use crate::media::negotiate::{self, LocalMedia, Protection};
use crate::media::srtp::{Keys, Srtp};
use crate::sip::{
    Action, Agent, AgentConfig, ClientTxn, Command, End, Event, Flow, Prack, SessionId, Transport,
    TxnId,
};
use crate::wire::dtmf_info;
use crate::wire::q850::Cause;
use crate::wire::rtp::looks_like_rtcp;
use crate::wire::sdp::Sdp;
use crate::wire::sip::{Host, Message, Method, Name, NameAddr, Uri};
use crate::wire::srtp::{KeySource, MOST_TAIL};

mod deeds;

/// How a phone is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its SIP address.
    pub sip: SocketAddr,
    /// Its RTP address.
    pub rtp: SocketAddr,
    /// Belfry's SIP address.
    pub server: SocketAddr,
    /// Its number.
    pub number: String,
    /// Its password; none for a gateway's caller.
    pub password: Option<String>,
    /// The tone that it speaks, in hertz.
    pub hz: f64,
    /// Its codecs, the preferred first.
    pub codecs: Vec<Codec>,
    /// Whether its audio is encrypted.
    pub srtp: Protection,
    /// What it does with a call.
    pub manner: Manner,
}

/// What a phone does with a call that comes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// Rings and answers after so long.
    AnswerAfter(Duration),
    /// Rings until the caller gives up.
    Ring,
    /// Refuses with this status.
    Refuse(u16),
    /// Rings, and refuses with this status after so long.
    RefuseAfter(Duration, u16),
}

/// How a phone gets SRTP wrong, though it has agreed on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blunder {
    /// It sends under a key that it has told nobody.
    WrongKey,
    /// It sends plain RTP.
    Plain,
    /// It shows another certificate than its description names.
    Masquerade,
    /// It answers and never begins its handshake.
    NoHandshake,
}

/// Where its call stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// No call.
    Idle,
    /// It calls, nothing heard yet.
    Calling,
    /// It calls and was told that it rings there (the status).
    Progress(u16),
    /// It is called and rings.
    Ringing,
    /// It talks.
    Talking,
    /// Its last call ended: refused with a status, or 0.
    Ended(u16),
}

/// What it wants to be sent.
#[derive(Debug)]
pub enum Sent {
    /// SIP from its SIP address.
    Sip(SocketAddr, Vec<u8>),
    /// RTP from its RTP address.
    Rtp(SocketAddr, Vec<u8>),
}

/// The phone.
pub struct Phone {
    setup: Setup,
    agent: Agent,
    rng: Rng,
    session: Option<SessionId>,
    registering: Option<(ClientTxn, bool)>,
    /// Whether the last registration was accepted, and with what status.
    pub registered: Option<u16>,
    /// Where its call stands.
    pub state: State,
    local: LocalMedia,
    offer: Option<Sdp>,
    params: Option<StreamParams>,
    keys: KeySource,
    srtp: Option<Box<Srtp>>,
    /// Where its keys come by DTLS.
    browser: Option<Box<Browser>>,
    /// The number of the first packet that it sends in a call, where that matters.
    pub first_sequence: Option<u16>,
    /// What it does wrong.
    pub blunder: Option<Blunder>,
    /// Packets that came and could not be decrypted.
    pub unheard: u64,
    /// Speaks, while it talks.
    pub mouth: Option<Mouth>,
    /// Of so many packets of its calls to come it sends one, as who suppresses silence; then nobody listens either.
    pub one_of: u32,
    /// Hears.
    pub ear: Ear,
    answer_at: Time,
    digits: VecDeque<(Time, char)>,
    hang_up_at: Time,
    out: VecDeque<Sent>,
    /// Calls that it made or took.
    pub calls: u64,
    /// Calls that it talked in.
    pub talks: u64,
    /// The keys that came to it by SIP INFO, and when.
    pub info_keys: Vec<(Time, char)>,
    /// The Reason of the latest CANCEL that it got.
    pub cancelled: Option<Cause>,
    writing: Option<ClientTxn>,
    /// The final status of the latest message that it wrote; 408 when there was none.
    pub written: Option<u16>,
    /// It is a network that speaks before it answers: this tone in hertz, in this cadence (183, and on
    /// after an answer).
    pub plays: Option<(f64, [u32; 2])>,
    /// It answers by itself when Call-Info says so, and does what NOTIFY talk and hold tell it.
    pub obeys: bool,
    /// It takes audio that is offered as this, and refuses any other at once: a phone whose user wants
    /// SRTP or nothing.
    pub only: Option<&'static str>,
    /// Calls that it refused for that.
    pub refusals: u64,
    /// How it answers messages.
    pub takes_messages: u16,
    /// Messages that came, each with its sender's URI.
    pub messages: Vec<(String, String)>,
    /// The final status of its latest offer within a call; 0 while it waits.
    pub offer_status: u16,
}

/// How long a key is held, in packets of 20 ms.
const KEY_PACKETS: u16 = 6;

impl Phone {
    /// A phone that does nothing yet.
    pub fn new(setup: Setup, mut rng: Rng) -> Phone {
        let config = AgentConfig { product: "Belfry test phone".into(), ..AgentConfig::default() };
        let agent = Agent::new(config, rng.split());
        let name = setup.rtp.to_string();
        let byte = |n| name.as_bytes().get(n).copied().unwrap_or(0);
        let mut keys = KeySource::from_seed(core::array::from_fn(byte));
        let local = LocalMedia::new(setup.rtp, setup.codecs.clone(), rng.next_u64() >> 2);
        let browser = (setup.srtp == Protection::Dtls).then(|| Box::new(Browser::new()));
        let local = local.protected(setup.srtp, keys.split());
        let local = local.certified(browser.as_ref().map(|browser| browser.fingerprint()));
        Phone {
            agent,
            rng,
            session: None,
            registering: None,
            registered: None,
            state: State::Idle,
            local,
            offer: None,
            params: None,
            keys,
            srtp: None,
            browser,
            first_sequence: None,
            blunder: None,
            unheard: 0,
            mouth: None,
            one_of: 1,
            ear: Ear::default(),
            answer_at: Time::NEVER,
            digits: VecDeque::new(),
            hang_up_at: Time::NEVER,
            out: VecDeque::new(),
            calls: 0,
            talks: 0,
            info_keys: Vec::new(),
            cancelled: None,
            writing: None,
            written: None,
            plays: None,
            obeys: false,
            only: None,
            refusals: 0,
            takes_messages: 200,
            messages: Vec::new(),
            offer_status: 0,
            setup,
        }
    }

    /// How it was set up.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }
    /// Its manner from now on.
    pub fn behave(&mut self, manner: Manner) {
        self.setup.manner = manner;
    }
    /// Its RTP comes from and is offered at another address from now on (a NAT re-mapped it); what
    /// SDP said stays.
    pub fn moved(&mut self, rtp: SocketAddr) {
        self.setup.rtp = rtp;
    }
    /// Whether its audio is encrypted.
    pub fn is_protected(&self) -> bool {
        self.srtp.is_some()
    }
    /// A phone with DTLS finds its way by ICE from now on, as browsers do.
    pub fn use_ice(&mut self) {
        if let Some(browser) = &mut self.browser {
            browser.ice = true;
        }
    }
    /// Why its handshake gave no keys.
    pub fn handshake_fault(&self) -> Option<&Fault> {
        self.browser.as_ref()?.fault.as_ref()
    }
    /// The keys that it has agreed on.
    pub fn keys(&self) -> Option<Keys> {
        self.params.as_ref()?.srtp.clone()
    }
    /// Where its RTP goes.
    pub fn far_rtp(&self) -> Option<SocketAddr> {
        self.params.as_ref()?.remote
    }
    fn flow(&self) -> Flow {
        Flow { transport: Transport::Udp, local: self.setup.sip, remote: self.setup.server }
    }
    fn address(&self, number: &str) -> NameAddr {
        let server = self.setup.server;
        NameAddr::new(Uri::sip(Some(number), Host::from(server.ip()), None))
    }
    fn contact(&self) -> Uri {
        let own = self.setup.sip;
        Uri::sip(Some(&self.setup.number), Host::from(own.ip()), Some(own.port()))
    }

    /// A SIP datagram came.
    pub fn sip(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        let flow = Flow { remote: from, ..self.flow() };
        match Message::parse(bytes) {
            Ok(message) if self.obeys && self.is_told(now, from, &message) => {}
            Ok(message) => self.agent.receive(now, flow, message),
            Err(error) => self.agent.receive_bad(now, flow, &error),
        }
        self.drain(now);
    }

    /// NOTIFY talk or hold: done, and answered with 200.
    fn is_told(&mut self, now: Time, from: SocketAddr, message: &Message) -> bool {
        let event = message.header(Name::Event).unwrap_or_default();
        let hold = event == b"hold";
        if *message.method() != Method::Notify || !message.is_request() || !hold && event != b"talk"
        {
            return false;
        }
        let text = String::from_utf8_lossy(message.bytes()).into_owned();
        let named = |line: &&str| {
            ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name))
        };
        let same: String =
            text.lines().filter(named).map(|line| format!("{}\r\n", line.trim_end())).collect();
        let ok = format!("SIP/2.0 200 OK\r\n{same}Content-Length: 0\r\n\r\n");
        self.out.push_back(Sent::Sip(from, ok.into_bytes()));
        match self.state {
            State::Ringing => self.answer_at = now,
            _ => self.hold(now, hold),
        }
        true
    }

    /// An RTP datagram came.
    pub fn rtp(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        let Some(params) = &self.params else { return };
        if let (Some(browser), Some(0..0x80)) = (&mut self.browser, bytes.first()) {
            browser.datagram(now, bytes);
            return self.browse(now);
        }
        let handshakes = params.carriage.dtls.is_some();
        // Reports come by the same port; and what comes before its own keys nobody can read.
        if handshakes && (looks_like_rtcp(bytes) || self.srtp.is_none()) {
            return;
        }
        let mut bytes = bytes.to_vec();
        if self.one_of > 1 {
            return;
        }
        let opened = match &mut self.srtp {
            None => Ok(bytes.len()),
            Some(srtp) => srtp.receive(now, &mut bytes),
        };
        match opened {
            Ok(len) => {
                let events = params.dtmf_recv_pt.unwrap_or(101);
                self.ear.hear(now, from, &bytes[..len], params.codec, events);
            }
            Err(_) => self.unheard += 1,
        }
    }

    /// When something is due.
    pub fn next_wake(&self) -> Time {
        let agent = self.agent.next_wake().map_or(Time::NEVER, |(at, _)| at);
        let digit = self.digits.front().map_or(Time::NEVER, |(at, _)| *at);
        let voice = self.mouth.as_ref().map_or(Time::NEVER, Mouth::next);
        let browser = self.browser.as_ref().map_or(Time::NEVER, |browser| browser.next_wake());
        agent.min(browser).min(self.answer_at).min(digit).min(self.hang_up_at).min(voice)
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Time) {
        self.agent.wake(now);
        if let Some(browser) = &mut self.browser {
            browser.wake(now);
        }
        self.browse(now);
        if self.answer_at <= now {
            self.answer_at = Time::NEVER;
            match (self.setup.manner, self.session) {
                (Manner::RefuseAfter(_, status), Some(session)) => self.command(
                    now,
                    Command::Reject { session, status, reason: None, headers: vec![] },
                ),
                _ => self.answer(now),
            }
        }
        if self.hang_up_at <= now {
            self.hang_up(now);
        }
        while self.digits.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, digit)) = self.digits.pop_front() else { break };
            let events = self.params.as_ref().and_then(|p| p.dtmf_send_pt).unwrap_or(101);
            if let Some(mouth) = &mut self.mouth {
                mouth.press(digit, KEY_PACKETS, events);
            }
        }
        self.speak(now);
        self.drain(now);
    }

    /// Does what its handshake and its checks call for.
    fn browse(&mut self, now: Time) {
        let Some(browser) = &mut self.browser else { return };
        let remote = browser.way().or(self.params.as_ref().and_then(|params| params.remote));
        while let Some(done) = browser.poll(now) {
            match (done, remote) {
                (Done::Send(_), _) if self.blunder == Some(Blunder::NoHandshake) => {}
                (Done::Send(bytes), Some(to)) => self.out.push_back(Sent::Rtp(to, bytes)),
                (Done::Send(_), None) => {}
                (Done::Keys(keys), _) => self.srtp = Some(Box::new(Srtp::new(keys))),
            }
        }
    }

    fn speak(&mut self, now: Time) {
        let Some((params, mouth)) = self.params.as_ref().zip(self.mouth.as_mut()) else { return };
        while mouth.next() <= now {
            let mut packet = mouth.speak();
            if let (Some(srtp), true) = (&mut self.srtp, self.blunder != Some(Blunder::Plain)) {
                let len = packet.len();
                packet.resize(len + MOST_TAIL, 0);
                let sealed = srtp.send(&mut packet, len);
                packet.truncate(sealed.unwrap_or(0));
            }
            let awaits_keys = params.carriage.dtls.is_some() && self.srtp.is_none();
            if let (Some(to), true) = (params.remote, params.send && !awaits_keys) {
                self.out.push_back(Sent::Rtp(to, packet));
            }
        }
    }

    /// What is to be sent.
    pub fn poll(&mut self) -> Option<Sent> {
        self.out.pop_front()
    }

    /// Sessions and transactions in being: zero when all is over.
    pub fn in_being(&self) -> usize {
        let counts = self.agent.counts();
        counts.server_txns + counts.client_txns + counts.dialogs + counts.sessions
    }

    fn command(&mut self, now: Time, command: Command) {
        // A refusal shows as the state that does not come.
        let _ = self.agent.command(now, command);
        self.drain(now);
    }

    fn drain(&mut self, now: Time) {
        while let Some(action) = self.agent.poll() {
            match action {
                Action::Send { flow, message } => {
                    self.out.push_back(Sent::Sip(flow.remote, message.bytes().to_vec()))
                }
                Action::Event(event) => self.event(now, event),
            }
        }
    }

    /// A request outside a call.
    fn requested(&mut self, now: Time, txn: TxnId, message: &Message) {
        let status = match message.method() {
            Method::Message => self.takes_messages,
            _ => 200,
        };
        if *message.method() == Method::Message && status == 200 {
            let from = message.from().map(|from| from.uri.to_string());
            let text = String::from_utf8_lossy(message.body()).into_owned();
            self.messages.push((from.unwrap_or_default(), text));
        }
        self.command(now, Command::Respond { txn, status, headers: vec![], body: None });
    }

    /// What came of its MESSAGE or REGISTER.
    fn responded(&mut self, txn: ClientTxn, status: u16) {
        if self.writing == Some(txn) {
            self.written = Some(status);
        } else if self.registering.is_some_and(|(own, _)| own == txn) {
            self.registering = None;
            self.registered = Some(status);
        }
    }

    fn event(&mut self, now: Time, event: Event) {
        match event {
            Event::Invite { session, message, .. } => self.called(now, session, &message),
            Event::Progress { status, sdp, .. } => {
                self.state = State::Progress(status);
                if let Some(sdp) = sdp {
                    self.agreed(now, &sdp);
                }
            }
            Event::Answered { sdp, .. } => {
                if let Some(sdp) = sdp {
                    self.agreed(now, &sdp);
                }
                self.state = State::Talking;
                self.talks += 1;
            }
            Event::Offer { session, sdp, .. } => self.offered(now, session, &sdp),
            Event::OfferAnswered { sdp, .. } => {
                self.offer_status = 200;
                self.agreed(now, &sdp);
            }
            Event::Info { content_type, body, .. } => {
                self.info_keys.extend(dtmf_info::parse(&content_type, &body).map(|d| (now, d)));
            }
            Event::OfferRefused { status, .. } => self.offer_status = status,
            Event::Request { txn, message, .. } => self.requested(now, txn, &message),
            Event::Response { txn, status, .. } => self.responded(txn, status),
            Event::ResponseTimeout { txn } => self.responded(txn, 408),
            Event::ReferProgress { status, terminated: true, .. }
                if (200..300).contains(&status) =>
            {
                self.hang_up(now)
            }
            Event::Ended { session, end } if self.session == Some(session) => {
                if let End::Cancelled { cause } = &end {
                    self.cancelled = *cause;
                }
                self.session = None;
                self.mouth = None;
                self.answer_at = Time::NEVER;
                self.hang_up_at = Time::NEVER;
                self.digits.clear();
                self.state = State::Ended(match end {
                    End::Rejected { status, .. } => status,
                    _ => 0,
                });
            }
            _ => {}
        }
    }

    fn called(&mut self, now: Time, session: SessionId, invite: &Message) {
        let refuse = match self.setup.manner {
            _ if self.session.is_some() => Some(486),
            Manner::Refuse(status) => Some(status),
            _ if !self.likes(invite) => {
                self.refusals += 1;
                Some(488)
            }
            _ => None,
        };
        if let Some(status) = refuse {
            return self
                .command(now, Command::Reject { session, status, reason: None, headers: vec![] });
        }
        self.session = Some(session);
        self.state = State::Ringing;
        self.calls += 1;
        self.ear = Ear::default();
        self.forget_keys();
        self.offer = Sdp::parse(invite.body()).ok();
        if let Manner::AnswerAfter(pause) | Manner::RefuseAfter(pause, _) = self.setup.manner {
            self.answer_at = now + pause;
        }
        let told = invite.header(Name::CallInfo).unwrap_or_default();
        if self.obeys && told.ends_with(b"answer-after=0") {
            self.answer_at = now;
        }
        let (mut status, mut sdp) = (180, None);
        if let (Some((hz, cadence)), Some(offer)) = (self.plays, self.offer.clone())
            && let Ok((answer, params)) = negotiate::answer(&mut self.local, &offer)
        {
            self.talk(now, &offer, params);
            (status, sdp) = (183, Some(self.worded(answer.to_bytes())));
            if let Some(mouth) = &mut self.mouth {
                (mouth.hz, mouth.cadence) = (hz, Some(cadence));
            }
        }
        self.command(now, Command::Ring { session, status, sdp, prack: Prack::default() });
    }

    /// Whether it takes what an INVITE offers, by how that is carried.
    fn likes(&self, invite: &Message) -> bool {
        let offer = Sdp::parse(invite.body()).ok();
        let proto = offer.and_then(|offer| Some(offer.media.first()?.proto.clone()));
        self.only.is_none_or(|only| proto.as_deref() == Some(only))
    }

    fn answer(&mut self, now: Time) {
        let Some(session) = self.session else { return };
        let Some(offer) = self.offer.take() else { return };
        match negotiate::answer(&mut self.local, &offer) {
            Ok((answer, params)) => {
                self.talk(now, &offer, params);
                self.state = State::Talking;
                self.talks += 1;
                let sdp = Some(self.worded(answer.to_bytes()));
                self.command(now, Command::Answer { session, sdp, headers: vec![] });
            }
            Err(_) => self.command(
                now,
                Command::Reject { session, status: 488, reason: None, headers: vec![] },
            ),
        }
    }

    fn offered(&mut self, now: Time, session: SessionId, sdp: &[u8]) {
        let answered = Sdp::parse(sdp).ok().and_then(|offer| {
            let (answer, params) = negotiate::answer(&mut self.local, &offer).ok()?;
            Some((offer, answer, params))
        });
        match answered {
            Some((offer, answer, params)) => {
                self.talk(now, &offer, params);
                let sdp = self.worded(answer.to_bytes());
                self.command(now, Command::AcceptOffer { session, sdp });
            }
            None => {
                let headers = Vec::new();
                self.command(now, Command::RejectOffer { session, status: 488, headers });
            }
        }
    }

    fn agreed(&mut self, now: Time, sdp: &[u8]) {
        let Ok(answer) = Sdp::parse(sdp) else { return };
        if let Ok(params) = negotiate::accept_answer(&mut self.local, &answer) {
            self.talk(now, &answer, params);
        }
    }

    fn talk(&mut self, now: Time, theirs: &Sdp, params: StreamParams) {
        if self.mouth.is_none() {
            let ssrc = self.rng.next_u32();
            let mut mouth = Mouth::new(now, ssrc, self.setup.hz, params.codec, params.send_pt);
            mouth.set_event_clock(params.event_clock_hz);
            mouth.one_of = self.one_of;
            if let Some(first) = self.first_sequence {
                mouth.begin_at(first);
            }
            self.mouth = Some(mouth);
        }
        let keys = params.srtp.clone().map(|keys| match self.blunder {
            Some(Blunder::WrongKey) => Keys { send: self.keys.next(keys.send.suite()), ..keys },
            _ => keys,
        });
        if let Some(browser) = &mut self.browser {
            browser.agree(now, theirs, params.carriage.dtls.clone());
        }
        match (&mut self.srtp, keys) {
            (_, None) if params.carriage.dtls.is_some() => {}
            (Some(srtp), Some(keys)) => {
                if srtp.agree(now, keys)
                    && let Some(mouth) = &mut self.mouth
                {
                    mouth.ssrc = self.rng.next_u32();
                }
            }
            (srtp, keys) => *srtp = keys.map(|keys| Box::new(Srtp::new(keys))),
        }
        self.params = Some(params);
        self.browse(now);
    }
}
