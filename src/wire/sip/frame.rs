//! Messages out of a byte stream (RFC 3261 §18.3; keep-alives by RFC 5626 §4.4.1).
//!
//! ```text
//! ␍␊␍␊  INVITE … Content-Length: 142 ␍␊␍␊ <142 bytes>  ␍␊  BYE …
//! ping  └───────────────── message ─────────────────┘ (pong)
//! ```
//!
//! For TCP and TLS: `net` pushes what a read gave and takes frames until there are none. How the
//! bytes were cut into reads makes no difference. Once the end of a message cannot be known the
//! stream is over: one error, then nothing more; the connection must be closed.

use super::error::{ParseError, What};
use super::limits::Limits;
use super::message::Message;
use super::parse::Head;

/// What a stream carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// CRLF CRLF: the peer asks whether we live; answer with one CRLF.
    Ping,
}

/// Cuts a stream into frames; holds at most one unfinished message and what the last push brought
/// beyond it.
pub struct Framer {
    limits: Limits,
    /// Bytes not yet given out.
    buffer: Vec<u8>,
    /// How much of `buffer` is given out.
    taken: usize,
    /// Up to where, from `taken` on, the end of the head was looked for.
    searched: usize,
    /// The head of the message at `taken`, once it is whole, and its length.
    head: Option<(Head, usize)>,
    /// One CRLF between messages has been seen, which a second one makes a ping.
    newline: bool,
    over: bool,
}

impl Framer {
    /// An empty stream.
    pub fn new(limits: Limits) -> Framer {
        Framer {
            limits,
            buffer: Vec::new(),
            taken: 0,
            searched: 0,
            head: None,
            newline: false,
            over: false,
        }
    }

    /// Appends what was received. Take all frames before pushing more: only then is the memory
    /// held bounded by the limits and one read.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.over {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// True once the stream cannot go on.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Bytes that wait for the rest of their message.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// Passes over line ends between messages. True when they made a ping.
    fn skip_newlines(&mut self) -> bool {
        loop {
            match &self.buffer[self.taken..] {
                [b'\r', b'\n', ..] => self.taken += 2,
                [b'\n', ..] => {
                    self.taken += 1;
                    continue;
                }
                _ => return false,
            }
            self.newline = !self.newline;
            if !self.newline {
                return true;
            }
        }
    }

    /// Looks for the empty line that ends the head; gives the head's length with it.
    fn find_head(&mut self) -> Option<usize> {
        let text = &self.buffer[self.taken..];
        let mut from = self.searched;
        while let Some(n) = text[from..].iter().position(|b| *b == b'\n') {
            let at = from + n;
            if text[..at].ends_with(b"\n") || text[..at].ends_with(b"\n\r") {
                return Some(at + 1);
            }
            from = at + 1;
        }
        self.searched = text.len();
        None
    }

    /// The head at `taken`, as soon as it is whole. An error ends the stream.
    fn take_head(&mut self) -> Result<bool, What> {
        if self.head.is_some() {
            return Ok(true);
        }
        let found = self.find_head();
        let text = &self.buffer[self.taken..];
        let most = self.limits.head_bytes;
        if found.unwrap_or(text.len()) > most {
            // The same bytes are looked at however the stream was cut into reads.
            self.head = Some((Head::parse(&text[..most], &self.limits), most));
            return Err(What::HeadTooLong);
        }
        let Some(length) = found else {
            return Ok(false);
        };
        let head = Head::parse(&text[..length], &self.limits);
        let body = head.content_length;
        self.head = Some((head, length));
        match body? {
            None => Err(What::ContentLengthMissing),
            Some(body) if length.saturating_add(body) > self.limits.message_bytes => {
                Err(What::MessageTooLong)
            }
            Some(_) => Ok(true),
        }
    }

    /// Ends the stream with what is known of the message that broke it.
    fn end(&mut self, what: What) -> ParseError {
        self.over = true;
        self.buffer = Vec::new();
        self.taken = 0;
        let Some((mut head, length)) = self.head.take() else {
            return ParseError::new(what, 0, None);
        };
        head.fault(what, length);
        match head.finish() {
            Err(error) => ParseError::new(what, error.offset, error.salvage().cloned()),
            // A head with a fault does not finish as a message.
            Ok(_) => ParseError::new(what, 0, None),
        }
    }

    /// The next whole frame; `None` when more bytes are needed.
    fn advance(&mut self) -> Option<Result<Frame, ParseError>> {
        if self.head.is_none() && self.searched == 0 && self.skip_newlines() {
            return Some(Ok(Frame::Ping));
        }
        let rest = &self.buffer[self.taken..];
        if rest.is_empty() || rest == b"\r" {
            return None;
        }
        self.newline = false;
        match self.take_head() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(what) => return Some(Err(self.end(what))),
        }
        let (mut head, length) = self.head.take()?;
        let total = length + head.content_length.ok().flatten().unwrap_or(0);
        if self.pending() < total {
            self.head = Some((head, length));
            return None;
        }
        head.bytes.extend_from_slice(&self.buffer[self.taken + length..self.taken + total]);
        self.taken += total;
        self.searched = 0;
        Some(head.finish().map(Frame::Message))
    }
}

impl Iterator for Framer {
    type Item = Result<Frame, ParseError>;

    /// The next whole frame; `None` until more is pushed. An error that
    /// [`ParseError::ends_stream`] is the last item.
    fn next(&mut self) -> Option<Result<Frame, ParseError>> {
        if self.over {
            return None;
        }
        let frame = self.advance();
        if frame.is_none() {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYE: &str = "BYE sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nl: 4\r\n\r\nbody";

    fn frames(text: &str, chunk: usize) -> (Vec<String>, bool) {
        let mut framer = Framer::new(Limits::DEFAULT);
        let mut seen = Vec::new();
        for bytes in text.as_bytes().chunks(chunk) {
            framer.push(bytes);
            for frame in &mut framer {
                seen.push(match frame {
                    Ok(Frame::Ping) => "ping".into(),
                    Ok(Frame::Message(m)) => {
                        format!("{} {}", m.method(), String::from_utf8_lossy(m.body()))
                    }
                    Err(e) => format!("{:?} {}", e.what, e.salvage().is_some()),
                });
            }
        }
        (seen, framer.is_over())
    }

    #[test]
    fn messages_pings_and_stray_newlines() {
        let text = format!("\r\n\r\n{BYE}\r\n{BYE}{BYE}\r\n\r\n\r\n\r\n\r\n{BYE}");
        for chunk in 1..40 {
            let (seen, over) = frames(&text, chunk);
            let want = ["ping", "BYE body", "BYE body", "BYE body", "ping", "ping", "BYE body"];
            assert_eq!(seen, want, "chunks of {chunk}");
            assert!(!over);
        }
    }

    #[test]
    fn what_cannot_be_framed_ends_the_stream() {
        for (text, want) in [
            (BYE.replace("l: 4\r\n", ""), "ContentLengthMissing true"),
            (BYE.replace("l: 4", "l: -4"), "ContentLength true"),
            (BYE.replace("l: 4", "l: 4\r\nl: 5"), "ContentLengthTwice true"),
            (BYE.replace("l: 4", "l: 4294967295"), "MessageTooLong true"),
            (BYE.replace("l: 4", &format!("X: {}\r\n", "x".repeat(40_000))), "HeadTooLong true"),
        ] {
            for chunk in [1, 7, 100_000] {
                let (seen, over) = frames(&format!("{BYE}{text}{BYE}"), chunk);
                assert_eq!(seen, ["BYE body", want], "chunks of {chunk}");
                assert!(over);
            }
        }
    }

    #[test]
    fn a_broken_message_with_a_known_end_does_not_end_the_stream() {
        let broken = BYE.replace("Via", "no colon\r\nVia");
        let version = BYE.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia");
        for chunk in [1, 7, 1000] {
            let (seen, over) = frames(&format!("{broken}{version}{BYE}"), chunk);
            assert_eq!(seen, ["HeaderLine true", "Version true", "BYE body"]);
            assert!(!over);
        }
    }

    #[test]
    fn a_second_fault_in_content_length_still_ends_the_stream() {
        for bad in ["no colon\r\nl: 4\r\nl: 5", "no colon\r\nl: x\r\nl: 4", "no colon"] {
            let (seen, over) = frames(&format!("{}{BYE}", BYE.replace("l: 4", bad)), 9);
            assert_eq!((seen.len(), over), (1, true), "{bad} {seen:?}");
        }
    }

    #[test]
    fn nothing_is_held_that_was_given_out() {
        let mut framer = Framer::new(Limits::DEFAULT);
        let stream = BYE.repeat(100);
        let mut frames = 0;
        // Reads that always end within a message.
        for bytes in stream.as_bytes().chunks(BYE.len() - 1) {
            framer.push(bytes);
            frames += framer.by_ref().count();
            assert!(framer.buffer.len() < BYE.len(), "{}", framer.buffer.len());
        }
        assert_eq!((frames, framer.pending()), (100, 0));
    }
}
