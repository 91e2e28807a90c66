//! What can be wrong with a SIP message.
//!
//! ```text
//! ParseError  the bytes are no message: start line, line structure, Content-Length
//! Defect      a message, but not one that RFC 3261 §8.1.1 lets us act on (Message::check)
//! HeaderError one header field that somebody asked for is missing or malformed
//! Fault       what exactly, small and Copy
//! ```
//!
//! A request that failed keeps what was found of it ([`ParseError::salvage`]), so that the
//! sender hears 400 instead of nothing. A response that failed is dropped (§16.7, §18.1.2).

use core::fmt;

use super::message::Message;
use super::name::Name;

/// What is wrong with one header field's value, or with a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The header is mandatory and not there.
    Missing,
    /// The header may occur once and occurs several times.
    Repeated,
    /// There is nothing where a value must stand.
    Empty,
    /// A quoted string has no closing quote.
    OpenQuote,
    /// A `<` has no `>`, or the other way round.
    Bracket,
    /// A parameter is empty, or its name or value has a byte that does not belong there.
    Param,
    /// More than 64 parameters.
    TooManyParams,
    /// Not a decimal number.
    NotNumber,
    /// A number above what the header or 32 bits allow.
    TooLarge,
    /// Not a method token.
    Method,
    /// Not `SIP/2.0/transport` at the start of a Via.
    Protocol,
    /// Neither host name nor address.
    Host,
    /// Not a port number.
    Port,
    /// Text after the end of the value.
    Trailing(u8),
    /// The URI inside is malformed.
    Uri(UriFault),
}

/// What is wrong with a URI (RFC 3261 §19.1.1, RFC 3966).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UriFault {
    /// No text at all.
    Empty,
    /// No `scheme:` at the start.
    Scheme,
    /// A byte that cannot stand in a URI: white space, control character, quote, bracket.
    Byte(u8),
    /// A `%` without two hexadecimal digits.
    Escape,
    /// An `@` with nothing before it.
    User,
    /// Neither host name nor address.
    Host,
    /// Not a port number.
    Port,
    /// An empty parameter.
    Param,
    /// A `?` with nothing or something malformed after it, or headers where none may stand.
    Headers,
    /// More than 64 parameters or header fields.
    TooMany,
    /// Not a telephone number (RFC 3966).
    Number,
}

/// A header field that somebody asked for is missing or malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderError {
    /// Which header.
    pub name: Name,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Why a well-framed message cannot be acted on; from [`Message::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// The Request-URI is malformed, or carries `?headers` (§19.1.1 forbids them there).
    RequestUri(UriFault),
    /// A header of §8.1.1 is missing, repeated or malformed.
    Header(HeaderError),
    /// The CSeq names another method than the request line (§8.1.1.5).
    MethodMismatch,
}

/// What is wrong with the bytes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Nothing but CR, LF or NUL bytes: a keep-alive, not an error to answer.
    KeepAlive,
    /// Neither a request line nor a status line.
    StartLine,
    /// A request line or status line of another version than SIP/2.0.
    Version,
    /// A status line whose code is not three digits from 100 to 699.
    Status,
    /// A header line without colon, with a malformed name, or a fold before the first header.
    HeaderLine,
    /// A CR that no LF follows.
    BareCr,
    /// The bytes end in the middle of a header line.
    Truncated,
    /// One line above [`super::Limits::line_bytes`].
    LineTooLong,
    /// The head above [`super::Limits::head_bytes`].
    HeadTooLong,
    /// The message above [`super::Limits::message_bytes`].
    MessageTooLong,
    /// More header lines than [`super::Limits::headers`].
    TooManyHeaders,
    /// Content-Length is no number, or above 2^32 - 1.
    ContentLength,
    /// Several Content-Length headers that differ.
    ContentLengthTwice,
    /// No Content-Length on a stream, where the end of the body cannot be known (§18.3).
    ContentLengthMissing,
    /// Content-Length announces more than the datagram holds (§18.3).
    BodyShort {
        /// Bytes that Content-Length announces.
        announced: usize,
        /// Bytes that are there.
        present: usize,
    },
    /// A response's CSeq is missing or malformed: it belongs to nothing.
    CSeq(Fault),
}

/// Bytes that are not a SIP message.
#[derive(Debug, Clone)]
pub struct ParseError {
    /// What is wrong.
    pub what: What,
    /// Where in the received bytes.
    pub offset: usize,
    salvage: Option<Message>,
}

impl ParseError {
    pub(super) fn new(what: What, offset: usize, salvage: Option<Message>) -> ParseError {
        ParseError { what, offset, salvage }
    }

    /// What was found of a request, with an empty body: enough to answer it. `None` when it was a
    /// response, an ACK (never answered), or has no Via to send an answer to.
    pub fn salvage(&self) -> Option<&Message> {
        self.salvage.as_ref()
    }

    /// The status code for the answer.
    pub fn status(&self) -> u16 {
        match self.what {
            What::Version => 505,
            What::LineTooLong | What::HeadTooLong | What::MessageTooLong => 513,
            What::TooManyHeaders => 513,
            _ => 400,
        }
    }

    /// True when the end of the message is unknown, so that a stream cannot go on.
    pub fn ends_stream(&self) -> bool {
        matches!(
            self.what,
            What::HeadTooLong
                | What::MessageTooLong
                | What::ContentLength
                | What::ContentLengthTwice
                | What::ContentLengthMissing
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing => f.write_str("missing"),
            Fault::Repeated => f.write_str("repeated"),
            Fault::Empty => f.write_str("empty"),
            Fault::OpenQuote => f.write_str("quoted string without end"),
            Fault::Bracket => f.write_str("unbalanced angle bracket"),
            Fault::Param => f.write_str("malformed parameter"),
            Fault::TooManyParams => f.write_str("too many parameters"),
            Fault::NotNumber => f.write_str("not a number"),
            Fault::TooLarge => f.write_str("number too large"),
            Fault::Method => f.write_str("malformed method"),
            Fault::Protocol => f.write_str("not SIP/2.0 over a transport"),
            Fault::Host => f.write_str("malformed host"),
            Fault::Port => f.write_str("malformed port"),
            Fault::Trailing(byte) => write!(f, "unexpected '{}'", byte.escape_ascii()),
            Fault::Uri(fault) => write!(f, "URI: {fault}"),
        }
    }
}

impl fmt::Display for UriFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UriFault::Empty => f.write_str("empty"),
            UriFault::Scheme => f.write_str("no scheme"),
            UriFault::Byte(byte) => write!(f, "unexpected '{}'", byte.escape_ascii()),
            UriFault::Escape => f.write_str("malformed % escape"),
            UriFault::User => f.write_str("empty user"),
            UriFault::Host => f.write_str("malformed host"),
            UriFault::Port => f.write_str("malformed port"),
            UriFault::Param => f.write_str("malformed parameter"),
            UriFault::Headers => f.write_str("header part not allowed or malformed"),
            UriFault::TooMany => f.write_str("too many parameters"),
            UriFault::Number => f.write_str("not a telephone number"),
        }
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.fault)
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Defect::RequestUri(fault) => write!(f, "Request-URI: {fault}"),
            Defect::Header(error) => fmt::Display::fmt(error, f),
            Defect::MethodMismatch => f.write_str("CSeq: another method than the request's"),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::KeepAlive => f.write_str("keep-alive"),
            What::StartLine => f.write_str("malformed start line"),
            What::Version => f.write_str("not SIP/2.0"),
            What::Status => f.write_str("malformed status code"),
            What::HeaderLine => f.write_str("malformed header line"),
            What::BareCr => f.write_str("CR without LF"),
            What::Truncated => f.write_str("truncated header"),
            What::LineTooLong => f.write_str("header line too long"),
            What::HeadTooLong => f.write_str("header part too long"),
            What::MessageTooLong => f.write_str("message too long"),
            What::TooManyHeaders => f.write_str("too many headers"),
            What::ContentLength => f.write_str("malformed Content-Length"),
            What::ContentLengthTwice => f.write_str("contradicting Content-Length"),
            What::ContentLengthMissing => f.write_str("missing Content-Length"),
            What::BodyShort { announced, present } => {
                write!(f, "Content-Length {announced} but {present} bytes of body")
            }
            What::CSeq(fault) => write!(f, "CSeq: {fault}"),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.what, self.offset)
    }
}

impl std::error::Error for HeaderError {}
impl std::error::Error for UriFault {}
impl std::error::Error for Defect {}
impl std::error::Error for ParseError {}
