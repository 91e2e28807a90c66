//! `a=` lines: the generic ones of RFC 8866 §6, `rtcp` of RFC 3605.

use core::fmt;

use super::parse::{address, number};
use super::{Address, Media};

/// `a=name` or `a=name:value`. `Debug` leaves out the value of
/// `crypto` and `ice-pwd`, which are secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name, as written.
    pub name: Box<[u8]>,
    /// What follows the colon; `None` when there is no colon.
    pub value: Option<Box<[u8]>>,
}

impl Attribute {
    /// A property: `a=name`.
    pub fn flag(name: &str) -> Attribute {
        Attribute { name: name.as_bytes().into(), value: None }
    }

    /// `a=name:value`.
    pub fn new(name: &str, value: impl AsRef<[u8]>) -> Attribute {
        Attribute { name: name.as_bytes().into(), value: Some(value.as_ref().into()) }
    }

    /// Is this its name? Without regard to case, though the grammar has it otherwise.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value, empty when there is none.
    pub fn text(&self) -> &[u8] {
        self.value.as_deref().unwrap_or_default()
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = (self.is("crypto") || self.is("ice-pwd")) && self.value.is_some();
        let value = if secret { Some(&b"..."[..]) } else { self.value.as_deref() };
        write!(f, "a={}", self.name.escape_ascii())?;
        value.map_or(Ok(()), |value| write!(f, ":{}", value.escape_ascii()))
    }
}

/// The first attribute of that name.
pub(super) fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.is(name))
}

/// Who sends, from the point of view of whoever wrote the description (RFC 8866 §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    SendRecv,
    /// Only the writer.
    SendOnly,
    /// Only the reader.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    const ALL: [Direction; 4] =
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

    /// As written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// From what the writer does.
    pub const fn new(send: bool, receive: bool) -> Direction {
        match (send, receive) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// Does the writer send?
    pub const fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Does the writer receive?
    pub const fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same, from the other side.
    pub const fn reversed(self) -> Direction {
        Direction::new(self.receives(), self.sends())
    }

    /// The direction among these attributes; the last one, when a peer writes several.
    pub(super) fn of(attributes: &[Attribute]) -> Option<Direction> {
        let known = |a: &Attribute| Direction::ALL.into_iter().find(|d| a.is(d.as_str()));
        attributes.iter().rev().find_map(known)
    }
}

/// `a=rtcp:port [IN IP4 address]` (RFC 3605).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rtcp {
    /// The port.
    pub port: u16,
    /// The address, when it is not the media's.
    pub address: Option<Address>,
}

impl Media {
    /// The first attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find(&self.attributes, name)
    }

    /// Is there an attribute of that name?
    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// Appends `a=name:value`.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.attributes.push(Attribute::new(name, value));
    }

    /// Writes the direction, in place of any that was there.
    pub fn set_direction(&mut self, direction: Direction) {
        self.attributes.retain(|a| !Direction::ALL.iter().any(|d| a.is(d.as_str())));
        self.attributes.push(Attribute::flag(direction.as_str()));
    }

    /// `a=ptime`: milliseconds of media that the writer wants in a packet. Fractions, which some
    /// write, are cut off.
    pub fn ptime_ms(&self) -> Option<u32> {
        self.milliseconds("ptime")
    }

    /// `a=maxptime`: the most milliseconds that the writer takes in a packet.
    pub fn maxptime_ms(&self) -> Option<u32> {
        self.milliseconds("maxptime")
    }

    fn milliseconds(&self, name: &str) -> Option<u32> {
        let text = self.attribute(name)?.text().trim_ascii();
        let whole = text.iter().position(|b| *b == b'.').unwrap_or(text.len());
        number(&text[..whole]).filter(|ms| *ms > 0)
    }

    /// `a=rtcp`; malformed counts as absent.
    pub fn rtcp(&self) -> Option<Rtcp> {
        let text = self.attribute("rtcp")?.text().trim_ascii();
        let end = text.iter().position(|b| *b == b' ').unwrap_or(text.len());
        let port = number(&text[..end])?;
        let rest = text[end..].trim_ascii();
        let address = if rest.is_empty() { None } else { Some(address(rest)?.0) };
        Some(Rtcp { port, address })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sdp;
    use super::*;

    fn media(lines: &str) -> (Sdp, Media) {
        let text = format!("v=0\r\na=recvonly\r\nm=audio 4000 RTP/AVP 8\r\n{lines}");
        let sdp = Sdp::parse(text.as_bytes()).unwrap();
        (sdp.clone(), sdp.media[0].clone())
    }

    #[test]
    fn directions() {
        let (sdp, m) = media("");
        assert_eq!(sdp.direction_of(&m), Direction::RecvOnly, "the session's");
        let (sdp, mut m) = media("a=sendonly\r\na=INACTIVE\r\n");
        assert_eq!(sdp.direction_of(&m), Direction::Inactive);
        m.set_direction(Direction::SendOnly);
        assert_eq!(m.attributes.len(), 1);
        for d in Direction::ALL {
            assert_eq!(d.reversed().reversed(), d);
            assert_eq!(Direction::new(d.sends(), d.receives()), d);
            assert_eq!(d.reversed().sends(), d.receives());
        }
    }

    #[test]
    fn times_and_rtcp() {
        let (_, m) = media("a=ptime:20\r\na=maxptime: 60 \r\na=rtcp:53020 IN IP6 2001:db8::1\r\n");
        assert_eq!((m.ptime_ms(), m.maxptime_ms()), (Some(20), Some(60)));
        let address = Some(Address::Ip("2001:db8::1".parse().unwrap()));
        assert_eq!(m.rtcp(), Some(Rtcp { port: 53020, address }));
        let (_, m) = media("a=ptime:22.5\r\na=maxptime:0\r\na=rtcp:53020\r\n");
        assert_eq!((m.ptime_ms(), m.maxptime_ms()), (Some(22), None));
        assert_eq!(m.rtcp(), Some(Rtcp { port: 53020, address: None }));
        for bad in ["a=rtcp\r\n", "a=rtcp:70000\r\n", "a=rtcp:1 IN IP4\r\n", "a=rtcp:x\r\n"] {
            assert_eq!(media(bad).1.rtcp(), None, "{bad}");
        }
    }
}
