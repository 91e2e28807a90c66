//! A recorder outside without hands: takes sessions by SIPREC (RFC 7866) as it is told, and keeps what it is
//! sent. It is a judge: it answers by its own few lines and shares no code with Belfry's agent or media plane
//! but the reading of messages.
//!
//! Pure, like the phones: datagrams come in, datagrams go out, so that the same recorder serves the simulator
//! and real sockets.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use crate::base::Time;
use crate::dsp::g711;
use crate::wire::rs_metadata::{self, RsMetadata};
use crate::wire::rtp::Packet;
use crate::wire::sdp::{Media, Sdp};
use crate::wire::sip::{Builder, Message, Method, Name};

/// What it does with an INVITE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// Takes it.
    Takes,
    /// Refuses with this status.
    Refuses(u16),
    /// Says that it tries, and nothing more.
    Tries,
    /// Takes the first of the two streams alone.
    TakesHalf,
    /// Answers with no description that could be read.
    Babbles,
    /// Says nothing to anything.
    Silent,
}

/// A session that it has.
#[derive(Default, Debug)]
pub struct Taken {
    /// The INVITE.
    pub invite: Option<Message>,
    /// What it was told, one document after the other.
    pub told: Vec<RsMetadata>,
    /// The latest description that it was offered.
    pub offered: Option<Sdp>,
    /// Its ports, by stream.
    pub ports: Vec<u16>,
    /// A BYE came.
    pub over: bool,
}

/// What one of its ports has heard.
#[derive(Default, Debug)]
pub struct Heard {
    /// G.711's samples, in the order in which they came.
    pub samples: Vec<i16>,
    /// When each packet came, its sequence number, payload type and source.
    pub packets: Vec<(Time, u16, u8, u32)>,
}

/// A recorder.
pub struct Recorder {
    /// Its SIP address; its RTP ports are there too.
    pub sip: SocketAddr,
    /// What it does.
    pub manner: Manner,
    /// The payload types that it takes, in its order.
    pub takes: Vec<u8>,
    /// Its sessions, by Call-ID.
    pub sessions: BTreeMap<String, Taken>,
    /// By port.
    pub heard: BTreeMap<u16, Heard>,
    /// OPTIONS that came.
    pub asked: usize,
    next_port: u16,
    answers: BTreeMap<(String, u32), Message>,
    out: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Recorder {
    /// One that takes A-law and µ-law and keys, with RTP ports from `first_port` on.
    pub fn new(sip: SocketAddr, first_port: u16) -> Recorder {
        Recorder {
            sip,
            manner: Manner::Takes,
            takes: vec![8, 0, 101],
            sessions: BTreeMap::new(),
            heard: BTreeMap::new(),
            asked: 0,
            next_port: first_port,
            answers: BTreeMap::new(),
            out: VecDeque::new(),
        }
    }

    /// What it sends next, from its SIP address.
    pub fn poll(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.out.pop_front()
    }

    /// The one session that it has or had.
    pub fn only(&self) -> &Taken {
        assert_eq!(self.sessions.len(), 1, "{:?}", self.sessions.keys());
        self.sessions.values().next().expect("there is one")
    }

    /// What the port of a stream of a session has heard.
    pub fn stream(&self, session: &Taken, stream: usize) -> Option<&Heard> {
        self.heard.get(session.ports.get(stream)?)
    }

    /// RTP came to one of its ports.
    pub fn rtp(&mut self, now: Time, port: u16, bytes: &[u8]) {
        let Ok(packet) = Packet::parse(bytes) else { return };
        let heard = self.heard.entry(port).or_default();
        let kind = packet.payload_type();
        heard.packets.push((now, packet.sequence(), kind, packet.ssrc()));
        let mut samples = vec![0; packet.payload().len()];
        match kind {
            0 => g711::ulaw_decode(packet.payload(), &mut samples),
            8 => g711::alaw_decode(packet.payload(), &mut samples),
            _ => return,
        }
        heard.samples.extend(samples);
    }

    /// A SIP datagram came.
    pub fn sip(&mut self, from: SocketAddr, bytes: &[u8]) {
        let Ok(message) = Message::parse(bytes) else { return };
        if !message.is_request() || self.manner == Manner::Silent {
            return;
        }
        let name = String::from_utf8_lossy(message.call_id().unwrap_or_default()).into_owned();
        let number = message.cseq().map_or(0, |cseq| cseq.number);
        match message.method() {
            Method::Options => {
                self.asked += 1;
                self.answer(from, &message, 200, None);
            }
            Method::Invite => {
                if let Some(before) = self.answers.get(&(name.clone(), number)) {
                    return self.out.push_back((from, before.bytes().to_vec()));
                }
                self.invited(from, name, number, &message);
            }
            Method::Bye => {
                if let Some(session) = self.sessions.get_mut(&name) {
                    session.over = true;
                }
                self.answer(from, &message, 200, None);
            }
            Method::Ack => {}
            _ => drop(self.answer(from, &message, 200, None)),
        }
    }

    fn invited(&mut self, from: SocketAddr, name: String, number: u32, invite: &Message) {
        if let Manner::Refuses(status) = self.manner {
            drop(self.answer(from, invite, status, None));
            return;
        }
        let known = self.sessions.entry(name.clone()).or_default();
        if known.invite.is_none() {
            known.invite = Some(invite.clone());
        }
        let metadata = invite.body_of(rs_metadata::TYPE).map(RsMetadata::parse);
        known.told.extend(metadata.and_then(Result::ok));
        known.offered = invite.body_of("application/sdp").and_then(|sdp| Sdp::parse(sdp).ok());
        if self.manner == Manner::Tries {
            drop(self.answer(from, invite, 100, None));
            return;
        }
        while known.ports.len() < 2 {
            known.ports.push(self.next_port);
            self.next_port += 2;
        }
        let (offered, ports) = (known.offered.clone(), known.ports.clone());
        let described = match (self.manner, offered) {
            (Manner::Babbles, _) | (_, None) => b"babble".to_vec(),
            (_, Some(offer)) => self.description(&offer, &ports),
        };
        if let Some(answer) = self.answer(from, invite, 200, Some(&described)) {
            self.answers.insert((name, number), answer);
        }
    }

    /// Its answer: each stream under the first of the payload types that it takes.
    fn description(&self, offer: &Sdp, ports: &[u16]) -> Vec<u8> {
        let mut sdp = Sdp::new("recorder", 1, 1, self.sip.ip());
        for ((n, media), port) in offer.media.iter().enumerate().zip(ports) {
            let refused = n > 0 && self.manner == Manner::TakesHalf;
            let mut own = Media::new("audio", if refused { 0 } else { *port }, &media.proto);
            let offered: Vec<u8> = media.payload_types().collect();
            let audio = self.takes.iter().find(|pt| **pt < 96 && offered.contains(pt));
            let event = self.takes.iter().find(|pt| **pt == 101 && offered.contains(pt));
            own.formats = audio.into_iter().chain(event).map(|pt| pt.to_string().into()).collect();
            if event.is_some() {
                own.push("rtpmap", "101 telephone-event/8000");
            }
            let sends = offer.direction_of(media).sends();
            own.set_direction(crate::wire::sdp::Direction::new(false, sends));
            sdp.media.push(own);
        }
        sdp.to_bytes()
    }

    fn answer(
        &mut self,
        from: SocketAddr,
        request: &Message,
        status: u16,
        sdp: Option<&[u8]>,
    ) -> Option<Message> {
        let contact = format!("<sip:recorder@{}>;+sip.srs", self.sip);
        let builder = Builder::response_to(request, status, "");
        let builder = if status > 100 { builder.to_tag("recorder") } else { builder };
        let builder = builder.header(Name::Contact, contact.as_str());
        let builder = match sdp {
            Some(sdp) => builder.body("application/sdp", sdp),
            None => builder,
        };
        let answer = builder.build().ok()?;
        self.out.push_back((from, answer.bytes().to_vec()));
        Some(answer)
    }
}
