//! One packet of a compound: which it is, and the kinds that are no report (RFC 3550 §6.6, §6.7).

use super::report::{ReceiverReport, SenderReport};
use super::sdes::SourceDescription;
use super::xr::ExtendedReport;
use super::{HEADER_LEN, be32, packet_type};

/// One packet, checked and without padding.
#[derive(Debug, Clone, Copy)]
pub enum Packet<'a> {
    /// SR: what a sender sent, and what it received from others.
    SenderReport(SenderReport<'a>),
    /// RR: what a receiver received.
    ReceiverReport(ReceiverReport<'a>),
    /// SDES: who is who.
    SourceDescription(SourceDescription<'a>),
    /// BYE: somebody leaves.
    Bye(Bye<'a>),
    /// APP.
    App(App<'a>),
    /// XR: more about what a receiver received.
    ExtendedReport(ExtendedReport<'a>),
    /// Any other type: kept as bytes.
    Other(Other<'a>),
}

impl<'a> Packet<'a> {
    /// Lays the view over a packet without padding; `None` when its counts do not fit its length.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Packet<'a>> {
        Some(match *bytes.get(1)? {
            packet_type::SR => Packet::SenderReport(SenderReport::new(bytes)?),
            packet_type::RR => Packet::ReceiverReport(ReceiverReport::new(bytes)?),
            packet_type::SDES => Packet::SourceDescription(SourceDescription::new(bytes)?),
            packet_type::BYE => Packet::Bye(Bye::new(bytes)?),
            packet_type::XR => Packet::ExtendedReport(ExtendedReport::new(bytes)?),
            packet_type::APP => Packet::App(App::new(bytes)?),
            _ => Packet::Other(Other { bytes }),
        })
    }
}

/// The five bits beside version and padding.
pub(super) fn count(bytes: &[u8]) -> usize {
    usize::from(bytes[0] & 0x1f)
}

/// A goodbye.
#[derive(Debug, Clone, Copy)]
pub struct Bye<'a> {
    bytes: &'a [u8],
}

impl<'a> Bye<'a> {
    fn new(bytes: &'a [u8]) -> Option<Bye<'a>> {
        let after = bytes.get(HEADER_LEN + 4 * count(bytes)..)?;
        if let Some((len, text)) = after.split_first()
            && usize::from(*len) > text.len()
        {
            return None;
        }
        Some(Bye { bytes })
    }

    /// Who leaves.
    pub fn sources(&self) -> impl Iterator<Item = u32> + 'a {
        let bytes = self.bytes;
        (0..count(bytes)).map(move |n| be32(bytes, HEADER_LEN + 4 * n))
    }

    /// Why, in words; empty when nothing is said.
    pub fn reason(&self) -> &'a [u8] {
        let after = &self.bytes[HEADER_LEN + 4 * count(self.bytes)..];
        match after.split_first() {
            Some((len, text)) => &text[..usize::from(*len)],
            None => b"",
        }
    }
}

/// An application-defined packet.
#[derive(Debug, Clone, Copy)]
pub struct App<'a> {
    bytes: &'a [u8],
}

impl<'a> App<'a> {
    fn new(bytes: &'a [u8]) -> Option<App<'a>> {
        (bytes.len() >= HEADER_LEN + 8).then_some(App { bytes })
    }

    /// The five bits of subtype.
    pub fn subtype(&self) -> u8 {
        self.bytes[0] & 0x1f
    }
    /// From whom.
    pub fn ssrc(&self) -> u32 {
        be32(self.bytes, HEADER_LEN)
    }
    /// Four characters that name the application.
    pub fn name(&self) -> [u8; 4] {
        be32(self.bytes, HEADER_LEN + 4).to_be_bytes()
    }
    /// Its data.
    pub fn data(&self) -> &'a [u8] {
        &self.bytes[HEADER_LEN + 8..]
    }
}

/// A packet of a type that is not looked into.
#[derive(Debug, Clone, Copy)]
pub struct Other<'a> {
    bytes: &'a [u8],
}

impl<'a> Other<'a> {
    /// Packet type.
    pub fn packet_type(&self) -> u8 {
        self.bytes[1]
    }
    /// The five bits beside version and padding.
    pub fn count(&self) -> u8 {
        self.bytes[0] & 0x1f
    }
    /// What follows the header.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_LEN..]
    }
}

#[cfg(test)]
mod tests {
    use super::super::Compound;
    use super::*;

    fn only(bytes: &[u8]) -> Option<Packet<'_>> {
        Compound::parse_reduced(bytes).ok()?.packets().next()
    }

    #[test]
    fn goodbyes() {
        let bye = [0x82, 203, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 5, b'l', b'e', b'a', b'v', b'e', 0, 0];
        let Some(Packet::Bye(b)) = only(&bye) else { panic!("a BYE") };
        assert!(b.sources().eq([1, 2]));
        assert_eq!(b.reason(), b"leave");
        let none = [0x80, 203, 0, 0];
        let Some(Packet::Bye(b)) = only(&none) else { panic!("a BYE") };
        assert_eq!((b.sources().count(), b.reason()), (0, &b""[..]));
        assert!(only(&[0x80, 203, 0, 1, 4, b'a', b'b', b'c']).is_none(), "reason too long");
        assert!(only(&[0x81, 203, 0, 0]).is_none(), "a source that is not there");
    }

    #[test]
    fn others_are_kept_as_bytes() {
        let app = [0x83, 204, 0, 3, 0, 0, 0, 7, b'B', b'e', b'l', b'f', 1, 2, 3, 4];
        let Some(Packet::App(a)) = only(&app) else { panic!("an APP") };
        assert_eq!(
            (a.subtype(), a.ssrc(), &a.name(), a.data()),
            (3, 7, b"Belf", &[1, 2, 3, 4][..])
        );
        assert!(only(&app[..12]).is_none());
        let feedback = [0x81, 205, 0, 1, 0, 0, 0, 7];
        let Some(Packet::Other(o)) = only(&feedback) else { panic!("feedback") };
        assert_eq!((o.packet_type(), o.count(), o.body()), (205, 1, &[0, 0, 0, 7][..]));
    }
}
