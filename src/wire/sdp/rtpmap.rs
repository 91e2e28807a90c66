//! What a payload type number means: `a=rtpmap`, `a=fmtp`, and RFC 3551's fixed numbers.

use super::Media;
use super::parse::number;

/// `a=rtpmap:pt encoding/clock[/channels]` (RFC 8866 §6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpMap {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// `PCMA`, `telephone-event` …; compares without case, so use [`RtpMap::is`].
    pub encoding: Box<str>,
    /// RTP clock in Hz.
    pub clock_hz: u32,
    /// Channels; 1 when not written.
    pub channels: u8,
}

/// Payload types of RFC 3551 §6 that audio peers use without an `rtpmap`.
const FIXED: [(u8, &str, u32); 8] = [
    (0, "PCMU", 8000),
    (3, "GSM", 8000),
    (4, "G723", 8000),
    (8, "PCMA", 8000),
    (9, "G722", 8000),
    (13, "CN", 8000),
    (15, "G728", 8000),
    (18, "G729", 8000),
];

impl RtpMap {
    /// A mono codec.
    pub fn new(payload_type: u8, encoding: &str, clock_hz: u32) -> RtpMap {
        RtpMap { payload_type, encoding: encoding.into(), clock_hz, channels: 1 }
    }

    /// Is it this encoding at this clock?
    pub fn is(&self, encoding: &str, clock_hz: u32) -> bool {
        self.encoding.eq_ignore_ascii_case(encoding) && self.clock_hz == clock_hz
    }

    /// Parses the value of an `rtpmap` attribute.
    pub fn parse(text: &[u8]) -> Option<RtpMap> {
        let text = core::str::from_utf8(text).ok()?;
        let (payload_type, rest) = text.trim().split_once([' ', '\t'])?;
        let payload_type: u8 = number(payload_type.as_bytes()).filter(|pt| *pt < 128)?;
        let mut parts = rest.trim().split('/');
        let encoding = parts.next()?.trim();
        let clock_hz = number(parts.next()?.trim().as_bytes())?;
        let channels = match parts.next() {
            Some(text) => number(text.trim().as_bytes())?,
            None => 1,
        };
        if encoding.is_empty() || clock_hz == 0 || channels == 0 {
            return None;
        }
        Some(RtpMap { payload_type, encoding: encoding.into(), clock_hz, channels })
    }

    /// The value of an `rtpmap` attribute.
    pub fn to_text(&self) -> String {
        let RtpMap { payload_type, encoding, clock_hz, channels } = self;
        match channels {
            1 => format!("{payload_type} {encoding}/{clock_hz}"),
            _ => format!("{payload_type} {encoding}/{clock_hz}/{channels}"),
        }
    }
}

impl Media {
    /// What this payload type means: by its `rtpmap`, else by RFC 3551's table. `None` for a number
    /// that is not among the formats.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap> {
        if !self.payload_types().any(|pt| pt == payload_type) {
            return None;
        }
        // Only those of this number are taken apart.
        let map = self.values_of("rtpmap", payload_type).find_map(RtpMap::parse);
        map.or_else(|| {
            let fixed = FIXED.iter().find(|(pt, ..)| *pt == payload_type);
            fixed.map(|(pt, encoding, clock_hz)| RtpMap::new(*pt, encoding, *clock_hz))
        })
    }

    /// The format parameters of this payload type (`a=fmtp`).
    pub fn fmtp(&self, payload_type: u8) -> Option<&[u8]> {
        let text = self.values_of("fmtp", payload_type).next()?;
        let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
        Some(text[end..].trim_ascii())
    }

    /// The values of such attributes that begin with this payload type.
    fn values_of(&self, name: &'static str, payload_type: u8) -> impl Iterator<Item = &[u8]> {
        let ours = move |text: &&[u8]| {
            let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
            number::<u8>(&text[..end]) == Some(payload_type)
        };
        let named = self.attributes.iter().filter(move |a| a.is(name));
        named.map(|a| a.text().trim_ascii()).filter(ours)
    }

    /// The formats that are payload types, in order of preference.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.formats.iter().filter_map(|f| number(f.as_bytes()).filter(|pt| *pt < 128))
    }

    /// The formats with what they mean, in order of preference; unknown ones left out.
    pub fn codecs(&self) -> impl Iterator<Item = RtpMap> {
        self.payload_types().filter_map(|pt| self.rtpmap(pt))
    }

    /// Adds a format with its `rtpmap` and, unless empty, its `fmtp`.
    pub fn add_codec(&mut self, map: &RtpMap, fmtp: &str) {
        self.formats.push(map.payload_type.to_string().into());
        self.push("rtpmap", map.to_text());
        if !fmtp.is_empty() {
            self.push("fmtp", format!("{} {fmtp}", map.payload_type));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sdp;
    use super::*;

    #[test]
    fn maps_are_found_by_number_whatever_their_case_and_place() {
        let text = "v=0\nm=audio 4000 RTP/AVP 8 0 96 97 18 x 200\na=fmtp:96 0-15\n\
                    a=rtpmap:8 pcma/8000\na=rtpmap:96 telephone-event/8000\na=rtpmap:97 opus/48000/2\n\
                    a=rtpmap:98 gone/8000\n";
        let m = Sdp::parse(text.as_bytes()).unwrap().media.remove(0);
        assert!(m.rtpmap(8).unwrap().is("PCMA", 8000));
        assert!(m.rtpmap(0).unwrap().is("PCMU", 8000), "fixed, without rtpmap");
        assert!(m.rtpmap(96).unwrap().is("Telephone-Event", 8000));
        assert_eq!(m.fmtp(96), Some(&b"0-15"[..]));
        assert_eq!(m.rtpmap(97).unwrap().channels, 2);
        assert_eq!(m.rtpmap(98), None, "mapped but not offered");
        assert_eq!(m.payload_types().collect::<Vec<_>>(), [8, 0, 96, 97, 18]);
        assert_eq!(m.codecs().count(), 5);
        assert_eq!(m.fmtp(8), None);
    }

    #[test]
    fn maps_print_as_they_read() {
        for text in ["8 PCMA/8000", "111 opus/48000/2"] {
            assert_eq!(RtpMap::parse(text.as_bytes()).unwrap().to_text(), text);
        }
        for bad in ["8", "8 PCMA", "8 PCMA/x", "128 X/8000", "8 /8000", "8 X/0", "8 X/8000/0"] {
            assert_eq!(RtpMap::parse(bad.as_bytes()), None, "{bad}");
        }
        let mut m = Media::new("audio", 4000, "RTP/AVP");
        m.add_codec(&RtpMap::new(101, "telephone-event", 8000), "0-16");
        assert_eq!(m.fmtp(101), Some(&b"0-16"[..]));
    }
}
