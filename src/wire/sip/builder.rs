//! Values to a message (RFC 3261 §7, responses by §8.2.6).
//!
//! Header lines are written straight into the message's buffer and indexed on the way: what is
//! built need not be parsed again. Nothing that is given as a value can start a line of its own:
//! CR and LF are refused. Content-Length is always there and always right.

use core::fmt;

use super::lex;
use super::limits::Limits;
use super::message::{Inner, Line, Message, Start};
use super::method::Method;
use super::name::Name;
use super::name_addr::NameAddr;
use super::write::ToWire;

/// A message in the making.
pub struct Builder {
    bytes: Vec<u8>,
    start: Start,
    lines: Vec<Line>,
    body: Vec<u8>,
    fault: Option<BuildError>,
}

/// Why a message cannot be built: somebody gave text that would not be read back as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildError {
    /// The request's URI is empty or holds white space or control characters.
    Uri,
    /// Not a header name, or one that the builder writes itself (Content-Length).
    Name(String),
    /// The value of this header holds a CR or LF.
    Value(String),
    /// The status is not within 100 to 699, or the reason phrase holds a CR or LF.
    Status(u16),
    /// A tag that is not a token.
    Tag,
    /// Longer than [`Limits::message_bytes`]; holds the length.
    TooLong(usize),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Uri => f.write_str("the request URI is empty or holds white space"),
            BuildError::Name(name) => {
                write!(f, "'{}' cannot be set as header", name.escape_debug())
            }
            BuildError::Value(name) => write!(f, "the value of {name} holds a line end"),
            BuildError::Status(status) => write!(f, "status {status} or its phrase is malformed"),
            BuildError::Tag => f.write_str("the tag is not a token"),
            BuildError::TooLong(bytes) => write!(f, "message of {bytes} bytes is too long"),
        }
    }
}
impl std::error::Error for BuildError {}

/// A header's name: one of ours or any other.
#[derive(Debug, Clone, Copy)]
pub enum HeaderName<'a> {
    /// Known to [`Name`].
    Known(Name),
    /// By its spelling.
    Text(&'a str),
}
impl From<Name> for HeaderName<'_> {
    fn from(name: Name) -> Self {
        HeaderName::Known(name)
    }
}
impl<'a> From<&'a str> for HeaderName<'a> {
    fn from(name: &'a str) -> Self {
        HeaderName::Text(name)
    }
}

impl Builder {
    /// Begins a request. `uri` is a [`super::Uri`] or the bytes of another message's.
    pub fn request(method: Method, uri: &(impl ToWire + ?Sized)) -> Builder {
        let mut bytes = Vec::with_capacity(1024);
        method.to_wire(&mut bytes);
        bytes.push(b' ');
        let uri_start = bytes.len() as u32;
        uri.to_wire(&mut bytes);
        let uri = uri_start..bytes.len() as u32;
        let text = &bytes[uri_start as usize..];
        let bad = text.is_empty() || text.iter().any(|b| *b <= 0x20 || *b == 0x7f);
        bytes.extend_from_slice(b" SIP/2.0\r\n");
        let mut builder = Builder::new(bytes, Start::Request { method, uri });
        builder.fault = bad.then_some(BuildError::Uri);
        builder
    }

    /// Begins a response: Vias, From, To, Call-ID, CSeq as the request has them, Timestamp in a
    /// 100 (§8.2.6.1), Record-Route in what may make a dialog (§12.1.1). `reason` may be empty
    /// for the usual phrase. A tag is added by [`Builder::to_tag`].
    pub fn response_to(request: &Message, status: u16, reason: &str) -> Builder {
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend_from_slice(b"SIP/2.0 ");
        status.to_wire(&mut bytes);
        bytes.push(b' ');
        let phrase = if reason.is_empty() { super::status::phrase(status) } else { reason };
        let at = bytes.len() as u32;
        bytes.extend_from_slice(phrase.as_bytes());
        let reason = at..bytes.len() as u32;
        bytes.extend_from_slice(b"\r\n");
        let method = request.method().clone();
        let mut builder = Builder::new(bytes, Start::Response { status, reason, method });
        if !(100..700).contains(&status) || has_line_end(phrase.as_bytes()) {
            builder.fault = Some(BuildError::Status(status));
        }
        let makes_dialog = (101..300).contains(&status)
            && matches!(request.method(), Method::Invite | Method::Subscribe | Method::Refer);
        for line in &request.inner().lines {
            let copied = match line.name {
                Name::Via | Name::From | Name::To | Name::CallId | Name::CSeq => true,
                Name::Timestamp => status == 100,
                Name::RecordRoute => makes_dialog,
                _ => false,
            };
            if copied {
                builder.push(line.name.as_str(), line.name, &request.bytes()[line.value_range()]);
            }
        }
        builder
    }

    fn new(bytes: Vec<u8>, start: Start) -> Builder {
        Builder { bytes, start, lines: Vec::with_capacity(16), body: Vec::new(), fault: None }
    }

    /// Appends a header line.
    pub fn header<'a>(
        mut self,
        name: impl Into<HeaderName<'a>>,
        value: &(impl ToWire + ?Sized),
    ) -> Builder {
        let (text, name) = match name.into() {
            HeaderName::Known(name) => (name.as_str(), name),
            HeaderName::Text(text) => (text, Name::parse(text.as_bytes())),
        };
        if name == Name::ContentLength || !lex::is_token_text(text.as_bytes()) || text == "?" {
            self.fault.get_or_insert_with(|| BuildError::Name(text.into()));
            return self;
        }
        self.push(text, name, value);
        self
    }

    /// Appends every line of that header which another message has, as it stands.
    pub fn copy(mut self, from: &Message, name: Name) -> Builder {
        for line in from.inner().lines.iter().filter(|line| line.name == name) {
            let bytes = from.bytes();
            let text = String::from_utf8_lossy(&bytes[line.name_range()]);
            self = self.header(&*text, &bytes[line.value_range()]);
        }
        self
    }

    /// Adds a tag to the To header, unless it has one (§8.2.6.2).
    pub fn to_tag(mut self, tag: &(impl ToWire + ?Sized)) -> Builder {
        let tag = tag.to_bytes();
        if !lex::is_token_text(&tag) {
            self.fault.get_or_insert(BuildError::Tag);
            return self;
        }
        let Some(at) = self.lines.iter().position(|line| line.name == Name::To) else {
            return self;
        };
        let value = &self.bytes[self.lines[at].value_range()];
        let tagged = match NameAddr::params_of(value) {
            Some(to) => to.get("tag").is_some_and(|tag| !tag.is_empty()),
            // A To that cannot be read is sent back as it came, in a 400.
            None => value.windows(5).any(|w| w.eq_ignore_ascii_case(b";tag=")),
        };
        if tagged {
            return self;
        }
        let end = self.lines[at].value.1 as usize;
        let added = (b";tag=".len() + tag.len()) as u32;
        self.bytes.splice(end..end, b";tag=".iter().copied().chain(tag));
        self.lines[at].value.1 += added;
        for line in &mut self.lines[at + 1..] {
            line.start += added;
            line.name_end += added;
            line.value = (line.value.0 + added, line.value.1 + added);
        }
        self
    }

    /// Sets the body and appends its Content-Type.
    pub fn body(self, content_type: &str, body: &[u8]) -> Builder {
        let mut builder = self.header(Name::ContentType, content_type);
        builder.body = body.to_vec();
        builder
    }

    /// The message, or the first thing that was wrong with what it was built from.
    pub fn build(mut self) -> Result<Message, BuildError> {
        let length = self.body.len() as u64;
        self.push(Name::ContentLength.as_str(), Name::ContentLength, &length);
        self.bytes.extend_from_slice(b"\r\n");
        let body = self.bytes.len();
        self.bytes.append(&mut self.body);
        if self.bytes.len() > Limits::DEFAULT.message_bytes {
            self.fault.get_or_insert(BuildError::TooLong(self.bytes.len()));
        }
        // Many a message is kept to be sent again: not with the room that it was made in.
        self.bytes.shrink_to_fit();
        self.lines.shrink_to_fit();
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(Message::from_inner(Inner {
                bytes: self.bytes,
                start: self.start,
                lines: self.lines,
                body,
            })),
        }
    }

    /// Writes and indexes one line.
    fn push(&mut self, text: &str, name: Name, value: &(impl ToWire + ?Sized)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text.as_bytes());
        let name_end = self.bytes.len();
        self.bytes.extend_from_slice(b": ");
        let at = self.bytes.len();
        value.to_wire(&mut self.bytes);
        let written = &self.bytes[at..];
        if has_line_end(written) {
            self.bytes.truncate(start);
            self.fault.get_or_insert_with(|| BuildError::Value(text.into()));
            return;
        }
        let lead = written.len() - lex::trim_start(written).len();
        let kept = lex::trim(written).len();
        self.lines.push(Line {
            name,
            start: start as u32,
            name_end: name_end as u32,
            value: ((at + lead) as u32, (at + lead + kept) as u32),
        });
        self.bytes.extend_from_slice(b"\r\n");
    }
}

fn has_line_end(text: &[u8]) -> bool {
    lex::line_end(text, 0).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sip::{CSeq, Host, Uri};

    fn uri() -> Uri {
        Uri::sip(Some("1001"), Host::parse(b"192.0.2.1").unwrap(), None)
    }

    #[test]
    fn what_is_built_reads_back() {
        let m = Builder::request(Method::Invite, &uri())
            .header(Name::CSeq, &CSeq { number: 1, method: Method::Invite })
            .header("X-Case", " padded ")
            .header(Name::Subject, "")
            .body("application/sdp", b"v=0\r\n")
            .build()
            .unwrap();
        let text = "INVITE sip:1001@192.0.2.1 SIP/2.0\r\nCSeq: 1 INVITE\r\nX-Case:  padded \r\n\
                    Subject: \r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n";
        assert_eq!(m.to_string(), text);
        let read = Message::parse(m.bytes()).unwrap();
        assert!(read.raw_headers().eq(m.raw_headers()));
        assert_eq!(read.body(), m.body());
        assert_eq!(read.request_uri(), m.request_uri());
        assert_eq!(m.cseq().unwrap().number, 1);
    }

    #[test]
    fn no_value_starts_a_line() {
        let build = |name: &str, value: &str| {
            Builder::request(Method::Info, &uri()).header(name, value).build()
        };
        for value in ["a\r\nVia: x", "a\nb", "a\rb", "\r\n"] {
            assert_eq!(build("X", value), Err(BuildError::Value("X".into())));
        }
        for name in ["a b", "", "a:b", "a\r\nb", "?", "Content-Length", "l", "M\u{fc}"] {
            assert_eq!(build(name, "1"), Err(BuildError::Name(name.into())), "{name:?}");
        }
        let bad = |uri: &str| Builder::request(Method::Info, uri).build();
        assert_eq!(bad("sip:a b"), Err(BuildError::Uri));
        assert_eq!(bad("sip:a\r\nVia: x"), Err(BuildError::Uri));
        assert_eq!(bad(""), Err(BuildError::Uri));
        let big = vec![b'x'; 65_536];
        let m = Builder::request(Method::Info, &uri()).body("text/plain", &big).build();
        assert!(matches!(m, Err(BuildError::TooLong(n)) if n > 65_536));
    }

    fn request() -> Message {
        Message::parse(
            b"INVITE sip:b@h SIP/2.0\r\nv: SIP/2.0/UDP p;branch=z9hG4bK2, SIP/2.0/UDP q\r\n\
              Via: SIP/2.0/TCP r\r\nRecord-Route: <sip:p;lr>\r\nTimestamp: 54\r\nt: sip:b@h\r\n\
              f: \"M\xfcller\" <sip:a@h>;tag=1\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n\r\n",
        )
        .unwrap()
    }

    #[test]
    fn a_response_takes_what_section_8_2_6_says() {
        let m = Builder::response_to(&request(), 180, "").to_tag("x1").build().unwrap();
        assert_eq!((m.status(), m.reason_phrase()), (Some(180), &b"Ringing"[..]));
        assert_eq!(m.headers(Name::Via).count(), 3);
        assert_eq!(m.to().unwrap().tag(), Some(&b"x1"[..]));
        assert_eq!(m.from().unwrap().display.as_deref(), Some(&b"M\xfcller"[..]));
        assert_eq!(m.header(Name::RecordRoute), Some(&b"<sip:p;lr>"[..]));
        assert_eq!(m.header_named("Timestamp"), None);
        assert_eq!(m.method(), &Method::Invite);
        let read = Message::parse(m.bytes()).unwrap();
        assert!(read.raw_headers().eq(m.raw_headers()), "the index moved with the tag");

        let m = Builder::response_to(&request(), 100, "").build().unwrap();
        assert_eq!(m.header_named("Timestamp"), Some(&b"54"[..]));
        assert_eq!(m.header(Name::RecordRoute), None);
        assert_eq!(m.to().unwrap().tag(), None);
        let m = Builder::response_to(&request(), 486, "No").to_tag("x").build().unwrap();
        assert_eq!((m.reason_phrase(), m.header(Name::RecordRoute)), (&b"No"[..], None));
        assert!(Builder::response_to(&request(), 200, "a\r\nb").build().is_err());
        assert!(Builder::response_to(&request(), 99, "").build().is_err());
        assert!(Builder::response_to(&request(), 200, "").to_tag("a b").build().is_err());
    }

    #[test]
    fn a_tag_that_is_there_stays() {
        let text = request().to_string().replace("t: sip:b@h", "t: <sip:b@h>;tag=theirs");
        let m = Message::parse(text.as_bytes()).unwrap();
        let m = Builder::response_to(&m, 200, "").to_tag("ours").build().unwrap();
        assert_eq!(m.to().unwrap().tag(), Some(&b"theirs"[..]));
    }

    #[test]
    fn copied_lines_stand_as_they_were() {
        let m = Builder::request(Method::Cancel, request().request_uri().unwrap())
            .copy(&request(), Name::Via)
            .copy(&request(), Name::From)
            .copy(&request(), Name::Route)
            .build()
            .unwrap();
        assert!(m.headers(Name::Via).eq(request().headers(Name::Via)));
        assert_eq!(m.header(Name::From), request().header(Name::From));
    }
}
