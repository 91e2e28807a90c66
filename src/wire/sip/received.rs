//! What a server notes in the topmost Via when a request arrives: where it really came from
//! (RFC 3261 §18.2.1, RFC 3581 §4). Done once, before anything else; every response then copies
//! the Via and finds its way back by it.

use std::net::SocketAddr;

use super::list::Elements;
use super::message::{Inner, Line, Message};
use super::name::Name;
use super::via::{Rport, Via};
use super::write::ToWire;

impl Message {
    /// The request with `received` and `rport` of its topmost Via filled in: `received` when the
    /// sender's own idea of its host is a name or another address, or when it asks for `rport`.
    /// What the sender itself wrote into them is not believed. A message whose Via cannot be read
    /// comes back as it is.
    pub fn with_received(&self, from: SocketAddr) -> Message {
        match self.top_via() {
            Ok(via) => self.received(via, from).0,
            Err(_) => self.clone(),
        }
    }

    /// The same where its topmost Via was read; with it, as it is then.
    pub fn received(&self, mut via: Via, from: SocketAddr) -> (Message, Via) {
        let before = via.params.clone();
        let source = from.ip().to_canonical();
        let asked = via.rport() != Rport::Absent;
        via.params.remove("received");
        if asked || via.host.ip().map(|ip| ip.to_canonical()) != Some(source) {
            via.params.set("received", Some(source.to_string().as_bytes()));
        }
        if asked {
            via.params.set("rport", Some(&from.port().to_bytes()));
        }
        let message = if via.params == before { self.clone() } else { self.with_top_via(&via) };
        (message, via)
    }

    /// The message with another topmost Via.
    fn with_top_via(&self, via: &Via) -> Message {
        let inner = self.inner();
        let line = inner.lines.iter().find(|line| line.name == Name::Via);
        let Some(place) = line.map(Line::value_range) else {
            return self.clone();
        };
        let value = &inner.bytes[place.clone()];
        let Some(old) = Elements::list(value).next() else {
            return self.clone();
        };
        // The element is a slice of `value`, so the difference of addresses is its offset.
        let at = place.start + (old.as_ptr() as usize - value.as_ptr() as usize);
        let new = via.to_bytes();
        let mut bytes = Vec::with_capacity(inner.bytes.len() + new.len());
        bytes.extend_from_slice(&inner.bytes[..at]);
        bytes.extend_from_slice(&new);
        bytes.extend_from_slice(&inner.bytes[at + old.len()..]);
        let moved = |offset: u32| {
            if offset as usize <= at {
                offset
            } else {
                offset + new.len() as u32 - old.len() as u32
            }
        };
        let lines = inner.lines.iter().map(|line| Line {
            name: line.name,
            start: moved(line.start),
            name_end: moved(line.name_end),
            value: (moved(line.value.0), moved(line.value.1)),
        });
        Message::from_inner(Inner {
            lines: lines.collect(),
            start: inner.start.clone(),
            body: moved(inner.body as u32) as usize,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(via: &str, from: &str) -> String {
        let text = format!(
            "OPTIONS sip:a@h SIP/2.0\r\nSubject: x\r\nVia: {via}\r\nCall-ID: c\r\nl: 4\r\n\r\nbody"
        );
        let m = Message::parse(text.as_bytes()).unwrap().with_received(from.parse().unwrap());
        assert_eq!(m.body(), b"body");
        assert_eq!(m.header(Name::CallId), Some(&b"c"[..]));
        assert_eq!(m.header(Name::Subject), Some(&b"x"[..]));
        let again = Message::parse(m.bytes()).expect("still a message");
        assert_eq!(again.headers(Name::Via).count(), m.headers(Name::Via).count());
        let all: Vec<_> = m.headers(Name::Via).map(|v| String::from_utf8_lossy(v)).collect();
        all.join("|")
    }

    #[test]
    fn only_what_the_rfcs_ask_for() {
        let same = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1";
        assert_eq!(received(same, "192.0.2.1:9999"), same);
        assert_eq!(
            received("SIP/2.0/UDP h:5060;branch=z9hG4bK1", "192.0.2.9:5060"),
            "SIP/2.0/UDP h:5060;branch=z9hG4bK1;received=192.0.2.9"
        );
        assert_eq!(
            received("SIP/2.0/UDP 192.0.2.1 ; rport;branch=z9hG4bK1, SIP/2.0/TCP p", "192.0.2.1:7"),
            "SIP/2.0/UDP 192.0.2.1;rport=7;branch=z9hG4bK1;received=192.0.2.1|SIP/2.0/TCP p"
        );
        assert_eq!(
            received("SIP/2.0/UDP h;rport=1;received=203.0.113.5", "[2001:db8::9]:5070"),
            "SIP/2.0/UDP h;rport=5070;received=2001:db8::9"
        );
        assert_eq!(received("garbage", "192.0.2.1:7"), "garbage");
    }

    #[test]
    fn a_shorter_via_moves_everything_back() {
        let via = "SIP/2.0/UDP   192.0.2.1  ;  received = 203.0.113.200 ;branch=z9hG4bK1";
        assert_eq!(received(via, "192.0.2.1:7"), "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
    }
}
