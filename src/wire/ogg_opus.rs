//! The two header packets of an Opus stream in Ogg (RFC 7845 §5). Pages are the `ogg` crate's.
//!
//! ```text
//!   OpusHead │ version 1 │ channels │ pre-skip │ rate of the source │ gain 0 │ family 1 │ table
//!   OpusTags │ vendor │ "NAME=value" …
//! ```
//!
//! Two channels here are two streams of one channel each: coded as a stereo pair, at few bits one
//! party would be heard in the other's channel.

/// Granule positions count at this rate, whatever the stream's (§4).
pub const GRANULE_HZ: u32 = 48_000;

/// What the head says of a file of two separate channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Samples at [`GRANULE_HZ`] that a player leaves out at the beginning.
    pub pre_skip: u16,
    /// Rate of what was coded, for information.
    pub rate_hz: u32,
}

/// Left and right, in the order of family 1 (§5.1.1.2): two streams, none of them a pair.
const TWO_STREAMS: [u8; 4] = [2, 0, 0, 1];

impl Head {
    /// Its packet.
    pub fn write(self) -> Vec<u8> {
        let mut out = b"OpusHead\x01\x02".to_vec();
        out.extend(self.pre_skip.to_le_bytes());
        out.extend(self.rate_hz.to_le_bytes());
        out.extend([0, 0, 1]); // no gain; family 1
        out.extend(TWO_STREAMS);
        out
    }

    /// From its packet; `None`: it is not one that [`Head::write`] made.
    pub fn parse(packet: &[u8]) -> Option<Head> {
        let rest = packet.strip_prefix(b"OpusHead\x01\x02")?;
        let (skip, rest) = rest.split_first_chunk()?;
        let (rate, rest) = rest.split_first_chunk()?;
        let table = rest.strip_prefix(&[0, 0, 1])?;
        let head = Head { pre_skip: u16::from_le_bytes(*skip), rate_hz: u32::from_le_bytes(*rate) };
        (table == TWO_STREAMS).then_some(head)
    }
}

/// The packet of comments, each a name and its value.
pub fn tags(vendor: &str, comments: &[(&str, &str)]) -> Vec<u8> {
    let mut out = b"OpusTags".to_vec();
    out.extend((vendor.len() as u32).to_le_bytes());
    out.extend(vendor.as_bytes());
    out.extend((comments.len() as u32).to_le_bytes());
    for (name, value) in comments {
        let comment = format!("{name}={value}");
        out.extend((comment.len() as u32).to_le_bytes());
        out.extend(comment.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_as_the_rfc_draws_it() {
        let head = Head { pre_skip: 312, rate_hz: 8_000 };
        let bytes = head.write();
        assert_eq!(bytes.len(), 23);
        assert_eq!(bytes[..8], *b"OpusHead");
        assert_eq!(bytes[8..12], [1, 2, 0x38, 1]);
        assert_eq!(bytes[12..], [0x40, 0x1f, 0, 0, 0, 0, 1, 2, 0, 0, 1]);
        assert_eq!(Head::parse(&bytes), Some(head));
        for cut in 0..bytes.len() {
            assert_eq!(Head::parse(&bytes[..cut]), None);
        }
    }

    #[test]
    fn tags_hold_the_vendor_and_what_is_said() {
        let bytes = tags("v", &[("A", "b"), ("CALL", "7")]);
        let expected = b"OpusTags\x01\0\0\0v\x02\0\0\0\x03\0\0\0A=b\x06\0\0\0CALL=7";
        assert_eq!(bytes, expected);
    }
}
