//! A gateway's other side: takes calls at one address, as many as come, each with what its number asks
//! for, in the words of an AudioCodes Mediant. It speaks no audio.
//!
//! It may die: then it hears and says nothing, and has forgotten all calls when it is back.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use crate::base::{Duration, Rng, Time};
use crate::sip::{Action, Agent, AgentConfig, Command, Event, Flow, Prack, SessionId, TxnId};
use crate::wire::q850::Cause;
use crate::wire::sip::{Message, Name};

/// What becomes of a call to a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It rings, is answered after a while, and the far end hangs up after another.
    Answered(Duration, Duration),
    /// The network refuses it: SIP status and Q.850 cause.
    Refused(u16, u8),
}

/// The gateway.
pub struct Gateway {
    sip: SocketAddr,
    server: SocketAddr,
    agent: Agent,
    rng: Rng,
    fate: fn(&str) -> Fate,
    calls: BTreeMap<SessionId, Due>,
    out: VecDeque<Vec<u8>>,
    dead: bool,
    /// Calls that came.
    pub came: u64,
    /// The most channels that were in use at once.
    pub most: usize,
}

/// What a call waits for.
#[derive(Clone, Copy)]
enum Due {
    Answer(Time, Duration),
    End(Time),
}

impl Due {
    fn at(&self) -> Time {
        let (Due::Answer(at, _) | Due::End(at)) = self;
        *at
    }
}

impl Gateway {
    /// A gateway at `sip`.
    pub fn new(
        sip: SocketAddr,
        server: SocketAddr,
        fate: fn(&str) -> Fate,
        mut rng: Rng,
    ) -> Gateway {
        let agent = Gateway::agent(&mut rng);
        let (calls, out) = (BTreeMap::new(), VecDeque::new());
        Gateway { sip, server, agent, rng, fate, calls, out, dead: false, came: 0, most: 0 }
    }

    fn agent(rng: &mut Rng) -> Agent {
        let product = "Audiocodes-Sip-Gateway/Mediant 2000/v.5.40.010.006".into();
        Agent::new(AgentConfig { product, ..AgentConfig::default() }, rng.split())
    }

    /// Where it is.
    pub fn at(&self) -> SocketAddr {
        self.sip
    }
    /// Channels in use.
    pub fn busy(&self) -> usize {
        self.calls.len()
    }
    /// Its power fails.
    pub fn die(&mut self) {
        self.dead = true;
        self.calls.clear();
        self.out.clear();
    }
    /// Its power is back.
    pub fn revive(&mut self) {
        self.dead = false;
        self.agent = Gateway::agent(&mut self.rng);
    }

    /// A datagram came.
    pub fn receive(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        if self.dead {
            return;
        }
        let flow = Flow { transport: crate::sip::Transport::Udp, local: self.sip, remote: from };
        match Message::parse(bytes) {
            Ok(message) => self.agent.receive(now, flow, message),
            Err(error) => self.agent.receive_bad(now, flow, &error),
        }
        self.drain(now);
    }

    /// When something is due.
    pub fn next_wake(&self) -> Time {
        if self.dead {
            return Time::NEVER;
        }
        let due = self.calls.values().map(Due::at);
        let agent = self.agent.next_wake().map(|(at, _)| at);
        due.chain(agent).min().unwrap_or(Time::NEVER)
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Time) {
        if self.dead {
            return;
        }
        self.agent.wake(now);
        let due: Vec<SessionId> = (self.calls.iter())
            .filter(|(_, due)| due.at() <= now)
            .map(|(session, _)| *session)
            .collect();
        for session in due {
            match self.calls.get(&session).copied() {
                Some(Due::Answer(_, stays)) => {
                    self.calls.insert(session, Due::End(now + stays));
                    let sdp = Some(self.sdp());
                    self.command(now, Command::Answer { session, sdp, headers: vec![] });
                }
                Some(Due::End(_)) => {
                    self.calls.remove(&session);
                    let reason = Some(Cause::NORMAL_CLEARING);
                    self.command(now, Command::Hangup { session, reason });
                }
                None => {}
            }
        }
        self.drain(now);
    }

    /// What is to be sent to Belfry.
    pub fn poll(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.out.pop_front().map(|bytes| (self.server, bytes))
    }

    fn drain(&mut self, now: Time) {
        while let Some(action) = self.agent.poll() {
            match action {
                Action::Send { message, .. } => self.out.push_back(message.bytes().to_vec()),
                Action::Event(Event::Invite { session, message, .. }) => {
                    self.called(now, session, &message)
                }
                Action::Event(Event::Request { txn, .. }) => self.welcome(now, txn),
                Action::Event(Event::Ended { session, .. }) => {
                    self.calls.remove(&session);
                }
                Action::Event(_) => {}
            }
        }
    }

    fn called(&mut self, now: Time, session: SessionId, invite: &Message) {
        self.came += 1;
        let number =
            invite.uri().ok().and_then(|uri| Some(uri.to_string().split_once(':')?.1.to_owned()));
        let number = number.unwrap_or_default();
        match (self.fate)(number.split(['@', ';']).next().unwrap_or_default()) {
            Fate::Answered(after, stays) => {
                self.calls.insert(session, Due::Answer(now + after, stays));
                self.most = self.most.max(self.calls.len());
                let prack = Prack::default();
                self.command(now, Command::Ring { session, status: 180, sdp: None, prack });
            }
            Fate::Refused(status, cause) => {
                // The blank before the semicolon is theirs.
                let reason = format!("Q.850 ;cause={cause} ;text=\"local\"").into_bytes();
                let headers = vec![(Name::Reason, reason)];
                self.command(now, Command::Reject { session, status, reason: None, headers });
            }
        }
    }

    fn welcome(&mut self, now: Time, txn: TxnId) {
        self.command(now, Command::Respond { txn, status: 200, headers: vec![], body: None });
    }

    fn command(&mut self, now: Time, command: Command) {
        // What it comes too late for is over.
        let _ = self.agent.command(now, command);
    }

    /// As older units write it: names in lower case, telephone-event as 96.
    fn sdp(&self) -> Vec<u8> {
        let ip = self.sip.ip();
        format!(
            "v=0\r\no=AudiocodesGW 18132 74003 IN IP4 {ip}\r\ns=Phone-Call\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:8 pcma/8000\r\na=ptime:20\r\na=sendrecv\r\n\
             a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n"
        )
        .into_bytes()
    }
}
