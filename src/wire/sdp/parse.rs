//! Text to [`Sdp`], generously.
//!
//! Lines end with CRLF, LF or CR; lines before the first `m=` belong to the session whatever
//! their order. What is not `letter=…` is passed over. Only what would make us send to the wrong
//! place is an error: a malformed `m=` or `c=`.

use core::fmt;
use std::net::IpAddr;

use super::{Address, Attribute, Connection, Line, Media, Origin, Sdp};

/// Bytes of one description.
pub const MAX_BYTES: usize = 32_768;
/// Lines of one description.
pub const MAX_LINES: usize = 512;
/// `m=` sections of one description.
pub const MAX_MEDIA: usize = 16;
/// Formats of one `m=` line.
pub const MAX_FORMATS: usize = 64;

/// Why a text is no session description for us. `line` counts from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SdpError {
    /// No `v=` line.
    NoVersion,
    /// A version other than 0.
    Version {
        /// Where.
        line: usize,
    },
    /// An `m=` line without kind, port and protocol, or with a port above 65,535.
    Media {
        /// Where.
        line: usize,
    },
    /// A `c=` line that is no `IN IP4 …` or `IN IP6 …`.
    Connection {
        /// Where.
        line: usize,
    },
    /// More than [`MAX_BYTES`]; holds how many.
    TooLong(usize),
    /// More than [`MAX_LINES`].
    TooManyLines,
    /// More than [`MAX_MEDIA`].
    TooManyMedia,
    /// More than [`MAX_FORMATS`] in one line.
    TooManyFormats {
        /// Where.
        line: usize,
    },
}

impl SdpError {
    /// Whether it may be a description, of more than we look at.
    pub fn is_of_limits(self) -> bool {
        use SdpError::*;
        matches!(self, TooLong(_) | TooManyLines | TooManyMedia | TooManyFormats { .. })
    }
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SdpError::NoVersion => f.write_str("no v= line"),
            SdpError::Version { line } => write!(f, "line {line}: version is not 0"),
            SdpError::Media { line } => write!(f, "line {line}: malformed m="),
            SdpError::Connection { line } => write!(f, "line {line}: malformed c="),
            SdpError::TooLong(bytes) => write!(f, "{bytes} bytes, more than {MAX_BYTES}"),
            SdpError::TooManyLines => write!(f, "more than {MAX_LINES} lines"),
            SdpError::TooManyMedia => write!(f, "more than {MAX_MEDIA} m= lines"),
            SdpError::TooManyFormats { line } => {
                write!(f, "line {line}: more than {MAX_FORMATS} formats")
            }
        }
    }
}
impl std::error::Error for SdpError {}

impl Sdp {
    /// Parses a description.
    pub fn parse(text: &[u8]) -> Result<Sdp, SdpError> {
        if text.len() > MAX_BYTES {
            return Err(SdpError::TooLong(text.len()));
        }
        let mut sdp = Sdp {
            origin: None,
            name: Box::default(),
            connection: None,
            attributes: Vec::new(),
            other: Vec::new(),
            media: Vec::new(),
        };
        let mut version = false;
        for (index, bytes) in lines(text).enumerate() {
            if index >= MAX_LINES {
                return Err(SdpError::TooManyLines);
            }
            let line = index + 1;
            let Some((letter, value)) = letter_and_value(bytes) else {
                continue;
            };
            match letter {
                b'v' if value != b"0" => return Err(SdpError::Version { line }),
                b'v' => version = true,
                b'm' if sdp.media.len() >= MAX_MEDIA => return Err(SdpError::TooManyMedia),
                b'm' => sdp.media.push(media_line(value, line)?),
                b'c' => {
                    let c = connection(value).ok_or(SdpError::Connection { line })?;
                    // Several c= lines in one section are legal for layered multicast only: the
                    // first one counts.
                    sdp.current_connection().get_or_insert(c);
                }
                b'a' => sdp.current_attributes().push(attribute(value)),
                _ => sdp.other_line(letter, value),
            }
        }
        if version { Ok(sdp) } else { Err(SdpError::NoVersion) }
    }

    fn current_connection(&mut self) -> &mut Option<Connection> {
        match self.media.last_mut() {
            Some(media) => &mut media.connection,
            None => &mut self.connection,
        }
    }

    fn current_attributes(&mut self) -> &mut Vec<Attribute> {
        match self.media.last_mut() {
            Some(media) => &mut media.attributes,
            None => &mut self.attributes,
        }
    }

    fn other_line(&mut self, letter: u8, value: &[u8]) {
        let line = Line { letter, value: value.into() };
        match (self.media.last_mut(), letter) {
            (Some(media), _) => media.other.push(line),
            (None, b's') => self.name = line.value,
            (None, b'o') if self.origin.is_none() => match origin(value) {
                Some(origin) => self.origin = Some(origin),
                None => self.other.push(line),
            },
            (None, _) => self.other.push(line),
        }
    }
}

/// The lines that are not empty. CR, LF and CRLF all end one, and NUL, which some peers leave at the
/// end of a body.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| matches!(b, b'\r' | b'\n' | 0)).filter(|line| !line.trim_ascii().is_empty())
}

/// `x=value`, white space around either passed over.
fn letter_and_value(line: &[u8]) -> Option<(u8, &[u8])> {
    let (letter, rest) = line.trim_ascii().split_first()?;
    let value = rest.trim_ascii_start().strip_prefix(b"=")?;
    letter.is_ascii_alphabetic().then(|| (letter.to_ascii_lowercase(), value.trim_ascii()))
}

/// Decimal digits and nothing else, within the type.
pub(super) fn number<T: core::str::FromStr>(text: &[u8]) -> Option<T> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(text).ok()?.parse().ok()
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn token(word: &[u8]) -> Box<str> {
    String::from_utf8_lossy(word).into()
}

/// `kind port[/count] proto format…`.
fn media_line(value: &[u8], line: usize) -> Result<Media, SdpError> {
    let error = SdpError::Media { line };
    let mut words = words(value);
    let kind = words.next().ok_or(error)?.to_ascii_lowercase();
    let ports = words.next().ok_or(error)?;
    let proto = words.next().ok_or(error)?;
    let (port, count) = match ports.iter().position(|b| *b == b'/') {
        Some(at) => (&ports[..at], number(&ports[at + 1..]).ok_or(error)?),
        None => (ports, 1),
    };
    let formats: Vec<Box<str>> = words.take(MAX_FORMATS + 1).map(token).collect();
    if formats.len() > MAX_FORMATS {
        return Err(SdpError::TooManyFormats { line });
    }
    Ok(Media {
        port: number(port).ok_or(error)?,
        port_count: count,
        formats,
        ..Media::new(&token(&kind), 0, &token(proto))
    })
}

/// `IN IP4 192.0.2.1[/ttl[/count]]`.
fn connection(value: &[u8]) -> Option<Connection> {
    let (address, multicast) = address(value)?;
    Some(Connection { address, multicast })
}

/// `IN IP4|IP6 address`, and what follows a slash after it.
pub(super) fn address(text: &[u8]) -> Option<(Address, Option<Box<str>>)> {
    let mut words = words(text);
    if !words.next()?.eq_ignore_ascii_case(b"IN") {
        return None;
    }
    let v6 = match words.next()? {
        kind if kind.eq_ignore_ascii_case(b"IP4") => false,
        kind if kind.eq_ignore_ascii_case(b"IP6") => true,
        _ => return None,
    };
    let word = core::str::from_utf8(words.next()?).ok()?;
    let (host, multicast) = match word.split_once('/') {
        Some((host, multicast)) => (host, Some(multicast.into())),
        None => (word, None),
    };
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let address = match bare.parse::<IpAddr>() {
        Ok(ip) => Address::Ip(ip),
        Err(_) if is_name(host) => Address::Name { v6, name: host.into() },
        Err(_) => return None,
    };
    Some((address, multicast))
}

fn is_name(host: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    !host.is_empty() && host.bytes().all(legal)
}

/// `user session version IN IP4 address`.
fn origin(value: &[u8]) -> Option<Origin> {
    let mut fields = words(value);
    let user = fields.next()?.into();
    let session = number(fields.next()?)?;
    let version = number(fields.next()?)?;
    let rest: Vec<&[u8]> = fields.collect();
    let (address, _) = address(&rest.join(&b' '))?;
    Some(Origin { user, session, version, address })
}

fn attribute(value: &[u8]) -> Attribute {
    match value.iter().position(|b| *b == b':') {
        Some(at) => {
            Attribute { name: value[..at].trim_ascii().into(), value: Some(value[at + 1..].into()) }
        }
        None => Attribute { name: value.into(), value: None },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Direction;
    use super::*;

    /// As an AudioCodes Mediant sends it (manual LTRT-68805 p. 223, addresses changed).
    const MEDIANT: &str = "v=0\r\no=AudiocodesGW 18132 74003 IN IP4 192.0.2.20\r\ns=Phone-Call\r\n\
        c=IN IP4 192.0.2.20\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 96\r\na=rtpmap:8 pcma/8000\r\n\
        a=ptime:20\r\na=sendrecv\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n";

    #[test]
    fn a_gateways_offer() {
        let sdp = Sdp::parse(MEDIANT.as_bytes()).unwrap();
        let origin = sdp.origin.as_ref().unwrap();
        assert_eq!((origin.session, origin.version), (18_132, 74_003));
        assert_eq!(&*sdp.name, b"Phone-Call");
        let audio = sdp.audio().unwrap();
        assert_eq!((audio.port, audio.ptime_ms()), (4000, Some(20)));
        assert!(audio.rtpmap(8).unwrap().is("PCMA", 8000));
        assert_eq!(audio.fmtp(96), Some(&b"0-15"[..]));
        assert_eq!(sdp.direction_of(audio), Direction::SendRecv);
        let c = sdp.connection_of(audio).unwrap();
        assert_eq!(c.address.ip(), Some("192.0.2.20".parse().unwrap()));
    }

    #[test]
    fn order_line_ends_and_missing_lines_do_not_matter() {
        let reference = Sdp::parse(MEDIANT.as_bytes()).unwrap();
        assert_eq!(Sdp::parse(MEDIANT.replace("\r\n", "\n").as_bytes()).unwrap(), reference);
        assert_eq!(Sdp::parse(MEDIANT.replace("\r\n", "\r").as_bytes()).unwrap(), reference);
        let shuffled = MEDIANT
            .replace("v=0\r\n", "v=0\r\nt=0 0\r\ns=Phone-Call\r\n")
            .replacen("\r\ns=Phone-Call\r\nc=", "\r\nc=", 1)
            .replacen("\r\nt=0 0\r\nm=", "\r\nm=", 1);
        assert!(shuffled.find("s=") < shuffled.find("o="), "{shuffled}");
        assert_eq!(Sdp::parse(shuffled.as_bytes()).unwrap(), reference);
        let bare = "m=audio 4000 RTP/AVP 8\nc = IN IP4 192.0.2.1\njunk\n\n v=0";
        let sdp = Sdp::parse(bare.as_bytes()).unwrap();
        assert_eq!((sdp.origin.clone(), sdp.name.len(), sdp.media.len()), (None, 0, 1));
        assert!(sdp.connection_of(&sdp.media[0]).is_some());
    }

    #[test]
    fn hold_ipv6_names_and_multicast() {
        let c = |text: &str| {
            let text = format!("v=0\r\nc={text}\r\n");
            Sdp::parse(text.as_bytes()).map(|sdp| sdp.connection.unwrap())
        };
        assert!(c("IN IP4 0.0.0.0").unwrap().is_hold());
        assert!(c("IN IP6 ::").unwrap().is_hold());
        assert!(!c("IN IP6 2001:db8::1").unwrap().is_hold());
        assert_eq!(c("IN IP6 [2001:db8::1]"), c("in ip6 2001:db8::1"));
        let name = Address::Name { v6: false, name: "host.example".into() };
        assert_eq!(c("IN IP4 host.example").unwrap().address, name);
        assert_eq!(c("IN IP4 233.252.0.1/127/3").unwrap().multicast.as_deref(), Some("127/3"));
        for bad in ["IN IP4", "IN IP5 x", "IP4 1.2.3.4", "IN IP4 a b:c/", "IN IP4 1:2", ""] {
            let expected = bad == "IN IP4 a b:c/";
            assert_eq!(c(bad).is_ok(), expected, "{bad}");
        }
    }

    #[test]
    fn media_lines() {
        let m = |text: &str| Sdp::parse(format!("v=0\nm={text}\n").as_bytes());
        let image = m("IMAGE 49170/2 udptl t38").unwrap().media.remove(0);
        assert_eq!((&*image.kind, image.port, image.port_count), ("image", 49_170, 2));
        assert!(m("audio 0 RTP/AVP").unwrap().audio().is_none(), "refused, no formats");
        for bad in ["audio", "audio 1", "audio x RTP/AVP 0", "audio 65536 RTP/AVP 0", "a 1/x y"] {
            assert_eq!(m(bad), Err(SdpError::Media { line: 2 }), "{bad}");
        }
        assert_eq!(image.refusal().port, 0);
        assert_eq!(image.refusal().formats, image.formats);
    }

    #[test]
    fn limits_and_versions() {
        assert_eq!(Sdp::parse(b"s=-\r\n"), Err(SdpError::NoVersion));
        assert_eq!(Sdp::parse(b""), Err(SdpError::NoVersion));
        assert_eq!(Sdp::parse(b"v=1\r\n"), Err(SdpError::Version { line: 1 }));
        let long = vec![b'x'; MAX_BYTES + 1];
        assert_eq!(Sdp::parse(&long), Err(SdpError::TooLong(MAX_BYTES + 1)));
        let many = "a=x\n".repeat(MAX_LINES + 1);
        assert_eq!(Sdp::parse(many.as_bytes()), Err(SdpError::TooManyLines));
        let many = format!("v=0\n{}", "m=audio 1 RTP/AVP 0\n".repeat(MAX_MEDIA + 1));
        assert_eq!(Sdp::parse(many.as_bytes()), Err(SdpError::TooManyMedia));
        let many = format!("v=0\nm=audio 1 RTP/AVP {}", "0 ".repeat(MAX_FORMATS + 1));
        assert_eq!(Sdp::parse(many.as_bytes()), Err(SdpError::TooManyFormats { line: 2 }));
    }
}
