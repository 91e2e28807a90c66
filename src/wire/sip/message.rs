//! A SIP message: one owned buffer and an index of where things stand in it (RFC 3261 §7).
//!
//! ```text
//! bytes   INVITE sip:… SIP/2.0␍␊ Via: SIP/2.0/UDP …␍␊ From : "A" <sip:…>;tag=1␍␊ … ␍␊ v=0…
//! index          └uri┘           └n┘  └── value ──┘   └n─┘   └──── value ─────┘       └ body
//! ```
//!
//! Between `net` and everything that reads SIP. Header values are bytes in an unknown charset,
//! looked up in the index and parsed into types when somebody asks (see `typed`). A message never
//! changes: it is shared by counting, and its bytes hold no fold and no bare CR in the head, so
//! that a value can be copied into another message as it stands.
//!
//! Not here: reading (`parse`, `frame`), writing (`builder`), the rules of §8.1.1 (`check`).

use core::fmt;
use core::ops::Range;
use std::sync::Arc;

use super::error::UriFault;
use super::list::Elements;
use super::method::Method;
use super::name::Name;
use super::uri::Uri;

/// A parsed or built message. Cloning counts a reference.
#[derive(Clone)]
pub struct Message(Arc<Inner>);

pub(super) struct Inner {
    /// The whole message; nothing follows the body.
    pub bytes: Vec<u8>,
    pub start: Start,
    pub lines: Vec<Line>,
    /// Where the body begins.
    pub body: usize,
}

/// The start line.
#[derive(Clone)]
pub(super) enum Start {
    Request {
        method: Method,
        uri: Range<u32>,
    },
    /// `method` is the CSeq's.
    Response {
        status: u16,
        reason: Range<u32>,
        method: Method,
    },
}

/// One header line.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub name: Name,
    /// Where the line begins, which is where its name begins.
    pub start: u32,
    pub name_end: u32,
    /// The value without white space around it.
    pub value: (u32, u32),
}

impl Line {
    pub(super) fn value_range(&self) -> Range<usize> {
        self.value.0 as usize..self.value.1 as usize
    }
    pub(super) fn name_range(&self) -> Range<usize> {
        self.start as usize..self.name_end as usize
    }
}

impl Message {
    pub(super) fn from_inner(inner: Inner) -> Message {
        Message(Arc::new(inner))
    }
    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    /// A request, as opposed to a response.
    pub fn is_request(&self) -> bool {
        matches!(self.0.start, Start::Request { .. })
    }

    /// The request's method; of a response, its CSeq's.
    pub fn method(&self) -> &Method {
        match &self.0.start {
            Start::Request { method, .. } | Start::Response { method, .. } => method,
        }
    }

    /// A response's code, 100 to 699.
    pub fn status(&self) -> Option<u16> {
        match self.0.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// A response's phrase, perhaps empty; empty for a request.
    pub fn reason_phrase(&self) -> &[u8] {
        match &self.0.start {
            Start::Request { .. } => b"",
            Start::Response { reason, .. } => {
                &self.0.bytes[reason.start as usize..reason.end as usize]
            }
        }
    }

    /// A request's Request-URI as it stands.
    pub fn request_uri(&self) -> Option<&[u8]> {
        match &self.0.start {
            Start::Request { uri, .. } => Some(&self.0.bytes[uri.start as usize..uri.end as usize]),
            Start::Response { .. } => None,
        }
    }

    /// A request's Request-URI; `Empty` for a response, which has none.
    pub fn uri(&self) -> Result<Uri, UriFault> {
        Uri::parse(self.request_uri().unwrap_or_default())
    }

    /// The first value of a header; of a list header, its first element. Headers unknown to
    /// [`Name`] are found by [`Message::header_named`].
    pub fn header(&self, name: Name) -> Option<&[u8]> {
        self.headers(name).next()
    }

    /// Every value of a header in order. Where the grammar has a list, each element is one.
    pub fn headers(&self, name: Name) -> impl Iterator<Item = &[u8]> + Clone {
        let lines = self.0.lines.iter().filter(move |line| line.name == name);
        lines.flat_map(move |line| {
            let value = &self.0.bytes[line.value_range()];
            if name.is_list() { Elements::list(value) } else { Elements::whole(value) }
        })
    }

    /// The first value of a header by its spelling, known to [`Name`] or not; case does not count.
    pub fn header_named(&self, name: &str) -> Option<&[u8]> {
        match Name::parse(name.as_bytes()) {
            Name::Other => {
                let mut raw = self.raw_headers();
                raw.find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
            }
            known => self.header(known),
        }
    }

    /// Every header line as it stands: name and value, lists not split.
    pub fn raw_headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let bytes = &self.0.bytes;
        self.0.lines.iter().map(|line| (&bytes[line.name_range()], &bytes[line.value_range()]))
    }

    /// How many lines carry this header.
    pub(super) fn line_count(&self, name: Name) -> usize {
        self.0.lines.iter().filter(|line| line.name == name).count()
    }

    /// The body; empty when there is none.
    pub fn body(&self) -> &[u8] {
        &self.0.bytes[self.0.body..]
    }

    /// The whole message. Of a received one: folds replaced by spaces, nothing else changed.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The start line, for logs.
    pub fn start_line(&self) -> &[u8] {
        let bytes = &self.0.bytes;
        &bytes[..super::lex::line_end(bytes, 0).unwrap_or(bytes.len())]
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Message) -> bool {
        self.0.bytes == other.0.bytes
    }
}
impl Eq for Message {}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({})", self.start_line().escape_ascii())
    }
}

/// The whole message as text, for traces; bytes that are not UTF-8 show as replacement signs.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0.bytes))
    }
}

impl serde::Serialize for Message {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0.bytes)
    }
}
impl<'de> serde::Deserialize<'de> for Message {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Message, D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        Message::parse(&bytes).map_err(serde::de::Error::custom)
    }
}
