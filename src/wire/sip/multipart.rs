//! Bodies of several parts (RFC 2046 §5.1, RFC 5621): SIP-I and QSIG gateways put SDP and the
//! tunnelled ISUP message into one INVITE; a session with a recorder has SDP and metadata (RFC 7866).

use super::lex;
use super::message::Message;
use super::name::Name;
use super::params::Params;
use super::typed::is_media_type;

/// Parts that are looked at in one body.
const MAX_PARTS: usize = 16;

/// The longest boundary that RFC 2046 allows, in bytes.
const MAX_BOUNDARY_BYTES: usize = 70;

impl Message {
    /// The body of this type (`application/sdp`): the whole one, or the first such part of a
    /// multipart body. Multipart inside multipart is not opened.
    pub fn body_of(&self, media_type: &str) -> Option<&[u8]> {
        let value = self.header(Name::ContentType)?;
        if is_media_type(value, media_type) {
            return Some(self.body());
        }
        if !value.get(..10)?.eq_ignore_ascii_case(b"multipart/") {
            return None;
        }
        let params_at = value.iter().position(|b| *b == b';')?;
        let params = Params::parse(&value[params_at..]).ok()?;
        let boundary = params.get_unquoted("boundary")?;
        if boundary.is_empty() || boundary.len() > MAX_BOUNDARY_BYTES {
            return None;
        }
        Parts { rest: self.body(), boundary: &boundary }
            .take(MAX_PARTS)
            .find_map(|part| part_of_type(part, media_type))
    }
}

/// A part of a body that is written.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Its Content-Type.
    pub content_type: &'a str,
    /// Its Content-Disposition, where that is not what the type stands for.
    pub disposition: Option<&'a str>,
    /// Its content.
    pub content: &'a [u8],
}

/// A body of these parts: its Content-Type and its bytes. The boundary occurs in none of them.
pub fn mixed(parts: &[Part<'_>]) -> (String, Vec<u8>) {
    let occurs = |delimiter: &str| {
        let is_it = |w: &[u8]| w == delimiter.as_bytes();
        parts.iter().any(|part| part.content.windows(delimiter.len()).any(is_it))
    };
    // Each of so many candidates can occur only where the content has bytes for it.
    let mut candidates = (0u32..).map(|n| format!("belfry-{n}"));
    let boundary = candidates.find(|boundary| !occurs(&format!("--{boundary}")));
    let boundary = boundary.expect("a content of finite length has not all of them");
    let mut body = Vec::new();
    for Part { content_type, disposition, content } in parts {
        let disposition =
            disposition.map_or_else(String::new, |what| format!("Content-Disposition: {what}\r\n"));
        let head = format!("--{boundary}\r\nContent-Type: {content_type}\r\n{disposition}\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/mixed;boundary={boundary}"), body)
}

/// The content of a part, when it has the type.
fn part_of_type<'a>(part: &'a [u8], media_type: &str) -> Option<&'a [u8]> {
    let mut rest = part;
    let mut is_it = false;
    loop {
        let (line, after) = take_line(rest)?;
        rest = after;
        if line.is_empty() {
            return is_it.then_some(rest);
        }
        if let Some((name, value)) = lex::split_once(line, b':')
            && Name::parse(lex::trim(name)) == Name::ContentType
        {
            is_it = is_media_type(lex::trim(value), media_type);
        }
    }
}

/// A line without its end, and what follows.
fn take_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == b'\n')?;
    let line = &text[..at];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &text[at + 1..]))
}

/// What stands between the delimiter lines.
struct Parts<'a, 'b> {
    rest: &'a [u8],
    boundary: &'b [u8],
}

impl<'a> Parts<'a, '_> {
    /// The next delimiter line: where it begins and where the line after it begins.
    fn delimiter(&self) -> Option<(usize, usize)> {
        let mut at = 0;
        loop {
            let line = &self.rest[at..];
            if line.strip_prefix(b"--").is_some_and(|l| l.starts_with(self.boundary)) {
                let end = line.iter().position(|b| *b == b'\n').map_or(line.len(), |n| n + 1);
                return Some((at, at + end));
            }
            at += line.iter().position(|b| *b == b'\n')? + 1;
        }
    }
}

impl<'a> Iterator for Parts<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (_, start) = self.delimiter()?;
        self.rest = &self.rest[start..];
        let (end, _) = self.delimiter()?;
        let part = &self.rest[..end];
        self.rest = &self.rest[end..];
        // The line end before a delimiter belongs to the delimiter.
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Some(part.strip_suffix(b"\r").unwrap_or(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(content_type: &str, body: &str) -> Message {
        let text = format!("INVITE sip:a@h SIP/2.0\r\nc: {content_type}\r\n\r\n{body}");
        Message::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn finds_the_sdp_beside_something_else() {
        let body = "preamble\r\n--b1\r\nContent-Type: application/ISUP\r\n\r\n\0\n\r\n--b1\r\n\
                    Content-Disposition: session\r\nc: Application/SDP; x=y\r\n\r\nv=0\r\nt=0 0\r\n\
                    \r\n--b1--\r\nepilogue";
        let m = message("multipart/mixed;boundary=\"b1\"", body);
        assert_eq!(m.body_of("application/sdp"), Some(&b"v=0\r\nt=0 0\r\n"[..]));
        assert_eq!(m.body_of("application/isup"), Some(&b"\0\n"[..]));
        assert_eq!(m.body_of("text/plain"), None);
        let m = message("application/sdp", "v=0\r\n");
        assert_eq!(m.body_of("application/sdp"), Some(&b"v=0\r\n"[..]));
    }

    proptest! {
        /// What is written is read again, whatever it holds: also a line that looks like a delimiter.
        #[test]
        fn what_is_written_is_read(
            sdp in "([a-z=\r\n]|--belfry-[0-2]|-){0,30}",
            other in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let parts = [
                Part { content_type: "application/sdp", disposition: None, content: sdp.as_bytes() },
                Part {
                    content_type: "application/rs-metadata+xml",
                    disposition: Some("recording-session"),
                    content: &other,
                },
            ];
            let (content_type, body) = mixed(&parts);
            let head = format!("INVITE sip:a@h SIP/2.0\r\nc: {content_type}\r\n\r\n");
            let m = Message::parse(&[head.as_bytes(), &body].concat()).unwrap();
            prop_assert_eq!(m.body_of("application/sdp"), Some(sdp.as_bytes()));
            prop_assert_eq!(m.body_of("application/rs-metadata+xml"), Some(&other[..]));
        }
    }

    #[test]
    fn what_is_not_closed_is_not_there() {
        let part = "--b\r\nc: application/sdp\r\n\r\nv=0\r\n";
        for (content_type, body) in [
            ("multipart/mixed;boundary=b", part.to_string()),
            ("multipart/mixed", format!("{part}--b--")),
            ("multipart/mixed;boundary=\"\"", format!("{part}--b--")),
            ("multipart/mixed;boundary=b", String::new()),
            ("multipart/mixed;boundary=b", "--b\r\nc: application/sdp\r\n--b--".into()),
        ] {
            assert_eq!(message(content_type, &body).body_of("application/sdp"), None, "{body}");
        }
    }
}
