//! Bytes to [`Message`] in one pass (RFC 3261 §7, §18.3).
//!
//! The bytes are copied once; folds are overwritten with spaces in the copy, so that every value
//! is one slice; the index is filled line by line. A fault does not stop the pass: what can still
//! be found is found, so that a broken request gets its 400 ([`ParseError::salvage`]).
//!
//! Lines end with CRLF; a lone LF is taken too, a lone CR is a fault.

use core::ops::Range;

use super::cseq::CSeq;
use super::error::{Fault, ParseError, What};
use super::lex;
use super::limits::Limits;
use super::message::{Inner, Line, Message, Start};
use super::method::Method;
use super::name::Name;

/// Header lines of a usual message; the index grows beyond them.
const USUAL_LINES: usize = 24;

impl Message {
    /// Parses one UDP datagram (or WebSocket message) with the default limits. The body is what
    /// Content-Length says, or the rest of the datagram when there is no Content-Length; bytes
    /// beyond it are dropped (§18.3).
    pub fn parse(datagram: &[u8]) -> Result<Message, ParseError> {
        Message::parse_with(datagram, &Limits::DEFAULT)
    }

    /// [`Message::parse`] with other limits.
    pub fn parse_with(datagram: &[u8], limits: &Limits) -> Result<Message, ParseError> {
        let newlines = datagram.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let text = &datagram[newlines..];
        if text.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return Err(ParseError::new(What::KeepAlive, 0, None));
        }
        let kept = text.len().min(limits.message_bytes);
        let mut head = Head::parse(&text[..kept], limits);
        if kept < text.len() {
            head.fault(What::MessageTooLong, kept);
        }
        let present = head.bytes.len() - head.body;
        match head.content_length {
            Ok(Some(announced)) if announced > present => {
                head.fault(What::BodyShort { announced, present }, head.body);
            }
            Ok(Some(announced)) => head.bytes.truncate(head.body + announced),
            Ok(None) | Err(_) => {}
        }
        head.finish().map_err(|mut error| {
            error.offset += newlines;
            error
        })
    }
}

/// A message's head, parsed; its bytes may go on with the body.
pub(super) struct Head {
    pub bytes: Vec<u8>,
    /// Where the body begins.
    pub body: usize,
    /// `None` when the start line is of no use.
    start: Option<Start>,
    lines: Vec<Line>,
    /// What Content-Length says: nothing, a number, or what is wrong with it.
    pub content_length: Result<Option<usize>, What>,
    /// The first fault and where.
    first_fault: Option<(What, usize)>,
}

impl Head {
    /// Parses the head at the front of `text`, which begins with the start line. A head that ends
    /// with the last line's end instead of an empty line is taken as complete.
    pub(super) fn parse(text: &[u8], limits: &Limits) -> Head {
        let mut head = Head {
            bytes: text.to_vec(),
            body: text.len(),
            start: None,
            lines: Vec::with_capacity(USUAL_LINES),
            content_length: Ok(None),
            first_fault: None,
        };
        let mut from = 0;
        while from < head.bytes.len() {
            let Some((end, next)) = head.take_line(from) else {
                head.fault(What::Truncated, from);
                break;
            };
            if next > limits.head_bytes {
                head.fault(What::HeadTooLong, from);
                break;
            }
            if end == from && from > 0 {
                head.body = next;
                break;
            }
            if end - from > limits.line_bytes {
                head.fault(What::LineTooLong, from);
            }
            if from == 0 {
                head.start_line(end);
            } else if head.lines.len() < limits.headers {
                head.header_line(from..end);
            } else {
                head.fault(What::TooManyHeaders, from);
                break;
            }
            from = next;
        }
        head
    }

    /// Notes a fault; the first one counts.
    pub(super) fn fault(&mut self, what: What, offset: usize) {
        self.first_fault.get_or_insert((what, offset));
    }

    /// Finds the end of the line that begins at `from` and the start of the next, unfolding on the
    /// way. `None` when the bytes end first.
    fn take_line(&mut self, from: usize) -> Option<(usize, usize)> {
        let mut at = from;
        loop {
            let end = lex::line_end(&self.bytes, at)?;
            let next = match &self.bytes[end..] {
                [b'\r', b'\n', ..] => end + 2,
                [b'\n', ..] => end + 1,
                _ => {
                    // It must not travel on into a message of ours.
                    self.bytes[end] = b' ';
                    self.fault(What::BareCr, end);
                    at = end + 1;
                    continue;
                }
            };
            if end == from || !matches!(self.bytes.get(next), Some(b' ' | b'\t')) {
                return Some((end, next));
            }
            self.bytes[end..next].fill(b' ');
            at = next;
        }
    }

    /// `METHOD SP uri SP SIP/2.0` or `SIP/2.0 SP code SP phrase` in `0..end`.
    fn start_line(&mut self, end: usize) {
        let line = &self.bytes[..end];
        let start = if line.get(..4).is_some_and(|s| s.eq_ignore_ascii_case(b"SIP/")) {
            status_line(line).map(|start| (start, None))
        } else {
            request_line(line)
        };
        match start {
            Ok((start, None)) => self.start = Some(start),
            Ok((start, Some(what))) => {
                self.start = Some(start);
                self.fault(what, 0);
            }
            Err(what) => self.fault(what, 0),
        }
    }

    /// `name: value` in `at`, already unfolded.
    fn header_line(&mut self, at: Range<usize>) {
        let line = &self.bytes[at.clone()];
        let Some((name, value)) = lex::split_once(line, b':') else {
            return self.fault(What::HeaderLine, at.start);
        };
        let spaces = name.iter().rev().take_while(|b| lex::is_space(**b)).count();
        let name_len = name.len() - spaces;
        let value_at = at.start + name.len() + 1;
        let legal = |b: &u8| lex::is_token(*b) || *b >= 0x80;
        if name_len == 0 || !name[..name_len].iter().all(legal) {
            return self.fault(What::HeaderLine, at.start);
        }
        let lead = value.len() - lex::trim_start(value).len();
        let trimmed = lex::trim(value);
        let name = Name::parse(&name[..name_len]);
        let length = (name == Name::ContentLength).then(|| lex::number(trimmed, u32::MAX));
        let value_start = value_at + lead;
        let value_end = value_start + trimmed.len();
        self.lines.push(Line {
            name,
            start: at.start as u32,
            name_end: (at.start + name_len) as u32,
            value: (value_start as u32, value_end as u32),
        });
        let said = match (length, self.content_length) {
            (None, _) | (Some(_), Err(_)) => return,
            (Some(Err(_)), _) => Err(What::ContentLength),
            (Some(Ok(new)), Ok(Some(old))) if new as usize != old => Err(What::ContentLengthTwice),
            (Some(Ok(new)), Ok(_)) => Ok(Some(new as usize)),
        };
        if let Err(what) = said {
            self.fault(what, value_start);
        }
        self.content_length = said;
    }

    /// The message, or the first fault with what can be saved.
    pub(super) fn finish(mut self) -> Result<Message, ParseError> {
        if let Some(Start::Response { .. }) = self.start {
            self.take_cseq_method();
        }
        let Some((what, offset)) = self.first_fault else {
            // Without a fault there is a start line: an empty text has no other way out.
            let start = self.start.ok_or_else(|| ParseError::new(What::StartLine, 0, None))?;
            let (bytes, lines, body) = (self.bytes, self.lines, self.body);
            return Ok(Message::from_inner(Inner { bytes, start, lines, body }));
        };
        Err(ParseError::new(what, offset, self.salvage()))
    }

    /// A response's method is in its CSeq; without it, it belongs to nothing.
    fn take_cseq_method(&mut self) {
        let mut lines = self.lines.iter().filter(|line| line.name == Name::CSeq);
        let cseq = match (lines.next(), lines.next()) {
            (None, _) => Err(Fault::Missing),
            (_, Some(_)) => Err(Fault::Repeated),
            (Some(line), None) => CSeq::parse(&self.bytes[line.value_range()]),
        };
        match (cseq, &mut self.start) {
            (Ok(cseq), Some(Start::Response { method, .. })) => *method = cseq.method,
            (Ok(_), _) => {}
            (Err(fault), _) => self.fault(What::CSeq(fault), 0),
        }
    }

    /// What was found of a request that can be answered.
    fn salvage(mut self) -> Option<Message> {
        let start = self.start?;
        match &start {
            Start::Request { method, .. } if *method != Method::Ack => {}
            _ => return None,
        }
        if !self.lines.iter().any(|line| line.name == Name::Via) {
            return None;
        }
        self.bytes.truncate(self.body);
        let body = self.bytes.len();
        Some(Message::from_inner(Inner { bytes: self.bytes, start, lines: self.lines, body }))
    }
}

/// A request line; with a method it is worth keeping even when something follows that is wrong.
fn request_line(line: &[u8]) -> Result<(Start, Option<What>), What> {
    let (method, rest) = lex::split_once(line, b' ').ok_or(What::StartLine)?;
    let known = Method::parse(method).ok_or(What::StartLine)?;
    let uri_at = method.len() + 1;
    let (uri_len, version) = match rest.iter().rposition(|b| *b == b' ') {
        Some(at) => (at, &rest[at + 1..]),
        None => (rest.len(), &b""[..]),
    };
    let uri = &rest[..uri_len];
    let what = if uri.is_empty() || uri.iter().any(|b| *b <= 0x20 || *b == 0x7f) {
        Some(What::StartLine)
    } else if version.eq_ignore_ascii_case(b"SIP/2.0") {
        None
    } else if version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case(b"SIP/")) {
        Some(What::Version)
    } else {
        Some(What::StartLine)
    };
    let uri = uri_at as u32..(uri_at + uri_len) as u32;
    Ok((Start::Request { method: known, uri }, what))
}

/// A status line. Its phrase, and the space before it, may be missing.
fn status_line(line: &[u8]) -> Result<Start, What> {
    let (version, rest) = lex::split_once(line, b' ').ok_or(What::StartLine)?;
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(What::Version);
    }
    let (code, phrase) = lex::split_once(rest, b' ').unwrap_or((rest, b""));
    let status = lex::number(code, 699).map_err(|_| What::Status)?;
    if code.len() != 3 || status < 100 {
        return Err(What::Status);
    }
    let reason = (line.len() - phrase.len()) as u32..line.len() as u32;
    // The method is filled in from the CSeq before the message is handed out.
    Ok(Start::Response { status: status as u16, reason, method: Method::Options })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n";

    fn parse(text: &str) -> Result<Message, What> {
        Message::parse(text.as_bytes()).map_err(|e| e.what)
    }

    #[test]
    fn folds_become_spaces_and_values_are_trimmed() {
        let text = format!("{OPTIONS}Subject :\r\n a\r\n\t b \r\nX:\r\ns:\r\n\r\n");
        let m = parse(&text).unwrap();
        assert_eq!(m.header(Name::Subject), Some(&b"a  \t b"[..]));
        assert_eq!(m.header_named("x"), Some(&b""[..]));
        assert_eq!(m.headers(Name::Subject).count(), 2);
        assert!(!m.bytes()[..m.bytes().len() - 2].windows(3).any(|w| w == b"\r\n "));
    }

    #[test]
    fn the_body_of_a_datagram() {
        let m = parse(&format!("{OPTIONS}\r\nbody")).unwrap();
        assert_eq!(m.body(), b"body", "no Content-Length: the rest");
        let m = parse(&format!("{OPTIONS}l: 2\r\n\r\nbody")).unwrap();
        assert_eq!((m.body(), m.bytes().ends_with(b"bo")), (&b"bo"[..], true));
        let m = parse(&format!("{OPTIONS}l: 2\r\nContent-Length: 02\r\n\r\nbody")).unwrap();
        assert_eq!(m.body(), b"bo");
        for (length, what) in [
            ("l: 5\r\n", What::BodyShort { announced: 5, present: 4 }),
            ("l: -1\r\n", What::ContentLength),
            ("l: 4294967296\r\n", What::ContentLength),
            ("l: 4x\r\n", What::ContentLength),
            ("l:\r\n", What::ContentLength),
            ("l: 1\r\nl: 2\r\n", What::ContentLengthTwice),
        ] {
            assert_eq!(parse(&format!("{OPTIONS}{length}\r\nbody")), Err(what), "{length}");
        }
    }

    #[test]
    fn line_ends() {
        let m = parse("\r\n\nOPTIONS sip:a@h SIP/2.0\nVia: x\n y\nl: 1\n\nbody").unwrap();
        assert_eq!(m.header(Name::Via), Some(&b"x  y"[..]));
        assert_eq!(m.body(), b"b");
        let error = Message::parse(format!("{OPTIONS}X: a\rY: b\r\n\r\n").as_bytes()).unwrap_err();
        assert_eq!(error.what, What::BareCr);
        let kept = error.salvage().unwrap();
        assert_eq!(kept.header_named("X"), Some(&b"a Y: b"[..]), "no CR travels on");
        assert_eq!(parse(&format!("{OPTIONS}X: cut")), Err(What::Truncated));
        assert!(parse(&format!("{OPTIONS}X: cut\r\n")).is_ok(), "the empty line may be missing");
    }

    #[test]
    fn start_lines() {
        for (line, what) in [
            ("INVITE  sip:a@h  SIP/2.0", What::StartLine),
            ("INVITE sip:a@h; lr SIP/2.0", What::StartLine),
            ("INVITE sip:a@h SIP/2.0 ", What::StartLine),
            ("INVITE sip:a@h", What::StartLine),
            ("INVITE", What::StartLine),
            ("INV(TE sip:a@h SIP/2.0", What::StartLine),
            ("GET / HTTP/1.1", What::StartLine),
            ("INVITE sip:a@h SIP/7.0", What::Version),
            ("SIP/7.0 200 OK", What::Version),
            ("SIP/2.0 4294967301 x", What::Status),
            ("SIP/2.0 99 x", What::Status),
            ("SIP/2.0 700 x", What::Status),
            ("SIP/2.0 0200 x", What::Status),
            ("SIP/2.0", What::StartLine),
        ] {
            let text = format!("{line}\r\nVia: x\r\nCSeq: 1 INVITE\r\n\r\n");
            assert_eq!(parse(&text), Err(what), "{line}");
        }
        let m = parse("sip/2.0 200\r\nCSeq: 1 BYE\r\n\r\n").unwrap();
        assert_eq!((m.status(), m.reason_phrase()), (Some(200), &b""[..]));
        assert_eq!(m.method(), &Method::Bye);
        assert_eq!(parse("SIP/2.0 200 OK\r\n\r\n"), Err(What::CSeq(Fault::Missing)));
        assert_eq!(parse("\r\n\r\n"), Err(What::KeepAlive));
        assert_eq!(parse("\0\0\0\0"), Err(What::KeepAlive));
        assert_eq!(parse(""), Err(What::KeepAlive));
    }

    #[test]
    fn header_lines() {
        for bad in ["no colon\r\n", ": x\r\n", "a b: x\r\n", "a\0: x\r\n", "(c): x\r\n"] {
            assert_eq!(parse(&format!("{OPTIONS}{bad}\r\n")), Err(What::HeaderLine), "{bad:?}");
        }
        let mut bytes = OPTIONS.as_bytes().to_vec();
        bytes.extend_from_slice(b"Gr\xfc\xdfe: K\xf6ln\r\n\r\n");
        let m = Message::parse(&bytes).expect("Latin-1 loses nothing");
        let raw: Vec<_> = m.raw_headers().collect();
        assert_eq!(raw[1], (&b"Gr\xfc\xdfe"[..], &b"K\xf6ln"[..]));
        // The first header line cannot be a continuation: it makes the start line malformed.
        assert_eq!(parse("OPTIONS sip:a@h SIP/2.0\r\n Via: x\r\n\r\n"), Err(What::StartLine));
    }

    #[test]
    fn limits_hold_and_leave_enough_for_an_answer() {
        let limits = Limits { message_bytes: 300, head_bytes: 200, line_bytes: 80, headers: 5 };
        let what = |text: String| {
            let error = Message::parse_with(text.as_bytes(), &limits).unwrap_err();
            assert!(error.salvage().is_some(), "{:?}", error.what);
            error.what
        };
        let long = "x".repeat(90);
        assert_eq!(what(format!("{OPTIONS}X: {long}\r\n\r\n")), What::LineTooLong);
        let two = format!("X: {}\r\n", "x".repeat(70));
        assert_eq!(what(format!("{OPTIONS}{two}{two}\r\n")), What::HeadTooLong);
        assert_eq!(what(format!("{OPTIONS}{}\r\n", "X: y\r\n".repeat(5))), What::TooManyHeaders);
        assert_eq!(what(format!("{OPTIONS}\r\n{}", long.repeat(3))), What::MessageTooLong);
    }

    #[test]
    fn salvage_is_for_requests_that_can_be_answered() {
        let salvage = |text: &str| Message::parse(text.as_bytes()).unwrap_err().salvage().cloned();
        let tail = "Via: SIP/2.0/UDP h\r\nCall-ID: c\r\nl: -1\r\n\r\nbody";
        let kept = salvage(&format!("BYE sip:a@h SIP/2.0\r\n{tail}")).unwrap();
        assert_eq!(kept.header(Name::CallId), Some(&b"c"[..]));
        assert_eq!(kept.body(), b"");
        assert_eq!(salvage(&format!("ACK sip:a@h SIP/2.0\r\n{tail}")), None);
        assert_eq!(salvage(&format!("SIP/2.0 200 OK\r\n{tail}")), None);
        assert_eq!(salvage("BYE sip:a@h SIP/2.0\r\nl: -1\r\n\r\n"), None);
    }
}
