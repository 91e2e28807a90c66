//! Two agents, a clock, and a network that delays, loses, repeats and reorders as told.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::base::{Duration, Rng, Time};
use crate::sip::{
    Action, Agent, AgentConfig, Command, Counts, Credentials, End, Event, Flow, Prack, SessionId,
    Transport,
};
use crate::wire::sip::{Builder, Message, Name, NameAddr, Uri};

/// Which of the two.
pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;

pub(crate) const SDP: &[u8] = b"v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n";
pub(crate) const SDP2: &[u8] = b"v=0\r\no=b 2 2 IN IP4 192.0.2.2\r\ns=-\r\nt=0 0\r\n";

/// What the network does to datagrams.
pub(crate) struct Network {
    pub rng: Rng,
    /// One-way delay, least and most.
    pub delay: (Duration, Duration),
    /// Probabilities.
    pub loss: f64,
    pub twice: f64,
    /// A scripted loss: true drops the message.
    #[allow(clippy::type_complexity)]
    pub drop: Box<dyn FnMut(usize, &Message) -> bool>,
}

pub(crate) struct Side {
    pub agent: Agent,
    pub addr: SocketAddr,
    pub events: Vec<Event>,
    /// What it was sent while `deaf`.
    pub heard_raw: Vec<Message>,
    /// Its agent receives nothing: the test plays the peer.
    pub deaf: bool,
}

pub(crate) struct Pair {
    pub now: Time,
    pub sides: [Side; 2],
    pub net: Network,
    pub transport: Transport,
    /// Every message sent: when (ms), by whom, start line.
    pub trace: Vec<(u64, usize, String)>,
    messages: Vec<(usize, Message)>,
    flying: BTreeMap<(Time, u64), (usize, SocketAddr, Vec<u8>)>,
    sent: u64,
}

impl Pair {
    pub(crate) fn new() -> Pair {
        Pair::with(AgentConfig::default(), 1)
    }

    pub(crate) fn with(config: AgentConfig, seed: u64) -> Pair {
        let mut rng = Rng::from_seed(seed);
        let mut side = |addr: &str| Side {
            agent: Agent::new(config.clone(), rng.split()),
            addr: addr.parse().expect("an address"),
            events: Vec::new(),
            heard_raw: Vec::new(),
            deaf: false,
        };
        let sides = [side("192.0.2.1:5060"), side("192.0.2.2:5060")];
        let delay = Duration::from_millis(10);
        let net = Network {
            rng,
            delay: (delay, delay),
            loss: 0.0,
            twice: 0.0,
            drop: Box::new(|_, _| false),
        };
        Pair {
            now: Time::ZERO,
            sides,
            net,
            transport: Transport::Udp,
            trace: Vec::new(),
            messages: Vec::new(),
            flying: BTreeMap::new(),
            sent: 0,
        }
    }

    pub(crate) fn flow(&self, from: usize) -> Flow {
        let (local, remote) = (self.sides[from].addr, self.sides[1 - from].addr);
        Flow { transport: self.transport, local, remote }
    }

    pub(crate) fn command(&mut self, who: usize, command: Command) {
        let done = self.sides[who].agent.command(self.now, command.clone());
        assert_eq!(done, Ok(()), "{command:?}");
        self.flush();
    }

    pub(crate) fn try_command(&mut self, who: usize, command: Command) -> bool {
        let done = self.sides[who].agent.command(self.now, command).is_ok();
        self.flush();
        done
    }

    /// A calls B (or the other way round) with this offer.
    pub(crate) fn call(&mut self, from: usize, sdp: Option<&[u8]>) -> SessionId {
        self.call_with(from, sdp, None)
    }

    pub(crate) fn call_with(
        &mut self,
        from: usize,
        sdp: Option<&[u8]>,
        credentials: Option<Credentials>,
    ) -> SessionId {
        self.call_or(from, sdp, None, credentials)
    }

    /// The same with another offer, where the first is not taken.
    pub(crate) fn call_or(
        &mut self,
        from: usize,
        sdp: Option<&[u8]>,
        otherwise: Option<&[u8]>,
        credentials: Option<Credentials>,
    ) -> SessionId {
        let session = self.sides[from].agent.new_session();
        let uri = |user: &str, side: usize| {
            let addr = self.sides[side].addr;
            Uri::sip(Some(user), addr.ip(), Some(addr.port()))
        };
        let (caller, callee) = (uri("caller", from), uri("callee", 1 - from));
        let command = Command::Invite {
            session,
            flow: self.flow(from),
            target: callee.clone(),
            from: NameAddr::new(caller.clone()),
            to: NameAddr::new(callee),
            contact: caller,
            otherwise: otherwise.map(<[u8]>::to_vec),
            sdp: sdp.map(<[u8]>::to_vec),
            headers: Vec::new(),
            extras: vec![],
            credentials,
            routes: Vec::new(),
            prack: Prack::default(),
            metadata: None,
        };
        self.command(from, command);
        session
    }

    /// Moves what the agents want sent onto the wire, and their events into the lists.
    pub(crate) fn flush(&mut self) {
        for who in [A, B] {
            while let Some(action) = self.sides[who].agent.poll() {
                match action {
                    Action::Event(event) => self.sides[who].events.push(event),
                    Action::Send { flow, message } => self.transmit(who, flow, &message),
                }
            }
        }
    }

    fn transmit(&mut self, who: usize, flow: Flow, message: &Message) {
        let line = String::from_utf8_lossy(message.start_line()).into_owned();
        self.trace.push((self.now.as_millis(), who, line));
        self.messages.push((who, message.clone()));
        let again = Message::parse(message.bytes()).expect("what we send can be read");
        // A 400 repeats the headers that were wrong.
        let acceptable = message.status() == Some(400) || again.check().is_ok();
        assert!(acceptable, "what we send can be acted on: {message}");
        if (self.net.drop)(who, message) || self.net.rng.chance(self.net.loss) {
            return;
        }
        let copies = if self.net.rng.chance(self.net.twice) { 2 } else { 1 };
        for _ in 0..copies {
            let (least, most) = self.net.delay;
            let spread = (most - least).as_nanos() as u64;
            let delay = least + Duration::from_nanos(self.net.rng.below(spread + 1));
            self.sent += 1;
            let packet = (who, flow.remote, message.bytes().to_vec());
            self.flying.insert((self.now + delay, self.sent), packet);
        }
    }

    /// Puts bytes on the wire as if `who` had sent them.
    pub(crate) fn inject(&mut self, who: usize, bytes: &[u8]) {
        self.sent += 1;
        let to = self.sides[1 - who].addr;
        self.flying.insert((self.now, self.sent), (who, to, bytes.to_vec()));
    }

    fn next_event(&self) -> Option<Time> {
        let flying = self.flying.first_key_value().map(|((at, _), _)| *at);
        let wakes = self.sides.iter().filter_map(|side| side.agent.next_wake().map(|(at, _)| at));
        wakes.chain(flying).min()
    }

    fn step(&mut self) {
        let Some(at) = self.next_event() else { return };
        self.now = self.now.max(at);
        while let Some(entry) = self.flying.first_entry()
            && entry.key().0 <= self.now
        {
            let (who, to, bytes) = entry.remove();
            let receiver = 1 - who;
            if to != self.sides[receiver].addr {
                continue;
            }
            let (local, remote) = (self.sides[receiver].addr, self.sides[who].addr);
            let flow = Flow { transport: self.transport, local, remote };
            if self.sides[receiver].deaf {
                let message = Message::parse(&bytes).expect("a message");
                self.sides[receiver].heard_raw.push(message);
                continue;
            }
            match Message::parse(&bytes) {
                Ok(message) => self.sides[receiver].agent.receive(self.now, flow, message),
                Err(error) => self.sides[receiver].agent.receive_bad(self.now, flow, &error),
            }
            self.flush();
        }
        for who in [A, B] {
            let due = self.sides[who].agent.next_wake();
            if due.is_some_and(|(at, _)| at <= self.now) {
                self.sides[who].agent.wake(self.now);
                let again = self.sides[who].agent.next_wake();
                assert!(again.is_none_or(|(at, _)| at > self.now), "{again:?} does not move on");
                self.flush();
            }
        }
    }

    /// Lets so much time pass.
    pub(crate) fn run(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while self.next_event().is_some_and(|at| at <= until) {
            self.step();
        }
        self.now = until;
    }

    /// Answers a request as `who` would by hand: with this To tag and more headers.
    pub(crate) fn answer_raw(
        &mut self,
        who: usize,
        request: &Message,
        status: u16,
        tag: &str,
        sdp: Option<&[u8]>,
    ) {
        let addr = self.sides[who].addr;
        let contact = format!("<sip:{tag}@{addr}>");
        let mut builder = Builder::response_to(request, status, "");
        if !tag.is_empty() {
            builder = builder.to_tag(tag).header(Name::Contact, contact.as_str());
        }
        if let Some(sdp) = sdp {
            builder = builder.body("application/sdp", sdp);
        }
        let response = builder.build().expect("writable");
        self.inject(who, response.bytes());
    }

    /// Lets time pass until nothing is left to happen.
    pub(crate) fn run_out(&mut self) {
        for _ in 0..100_000 {
            if self.next_event().is_none() {
                break;
            }
            self.step();
        }
        for side in &self.sides {
            assert_eq!(side.agent.counts(), Counts::default(), "something is left over");
        }
    }

    /// Takes the events that `who` has heard.
    pub(crate) fn heard(&mut self, who: usize) -> Vec<Event> {
        core::mem::take(&mut self.sides[who].events)
    }

    /// The session that the last INVITE opened at `who`.
    pub(crate) fn invited(&self, who: usize) -> SessionId {
        let invite = self.sides[who].events.iter().rev().find_map(|event| match event {
            Event::Invite { session, .. } => Some(*session),
            _ => None,
        });
        invite.expect("a call came in")
    }

    /// How many messages with this start went out from `who`.
    pub(crate) fn sent(&self, who: usize, start: &str) -> usize {
        self.trace.iter().filter(|(_, by, line)| *by == who && line.starts_with(start)).count()
    }

    /// The last message of `who` that fits.
    pub(crate) fn last(&self, who: usize, fits: impl Fn(&Message) -> bool) -> &Message {
        let found = self.messages.iter().rev().find(|(by, message)| *by == who && fits(message));
        &found.expect("such a message was sent").1
    }

    /// When they went out, in milliseconds.
    pub(crate) fn sent_at(&self, who: usize, start: &str) -> Vec<u64> {
        let matching =
            |(_, by, line): &&(u64, usize, String)| *by == who && line.starts_with(start);
        self.trace.iter().filter(matching).map(|(at, ..)| *at).collect()
    }

    /// A call from A to B, answered and confirmed. Events are taken.
    pub(crate) fn talking(&mut self) -> (SessionId, SessionId) {
        let a = self.call(A, Some(SDP));
        self.run(100);
        let b = self.invited(B);
        self.command(B, Command::Answer { session: b, sdp: Some(SDP2.to_vec()), headers: vec![] });
        self.run(100);
        self.heard(A);
        self.heard(B);
        (a, b)
    }

    pub(crate) fn hang_up(&mut self, who: usize, session: SessionId) {
        self.command(who, Command::Hangup { session, reason: None });
    }
}

/// The names of events, for comparing sequences.
pub(crate) fn names(events: &[Event]) -> Vec<String> {
    let name = |event: &Event| {
        let text = format!("{event:?}");
        let end = text.find([' ', '{', '(']).unwrap_or(text.len());
        match event {
            Event::Ended { end, .. } => format!("Ended {}", end_name(end)),
            Event::Progress { status, .. } => format!("Progress {status}"),
            Event::OfferRefused { status, .. } => format!("OfferRefused {status}"),
            _ => text[..end].to_owned(),
        }
    };
    events.iter().map(name).collect()
}

fn end_name(end: &End) -> String {
    match end {
        End::Rejected { status, .. } => format!("Rejected {status}"),
        other => {
            let text = format!("{other:?}");
            text[..text.find([' ', '{']).unwrap_or(text.len())].to_owned()
        }
    }
}
