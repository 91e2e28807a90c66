//! Printing over the network: IPP's Print-Job (RFC 8010 for the bytes, RFC 8011 §4.2.1 for their meaning).
//!
//! ```text
//!  POST /ipp/print   version 1.1 ┃ operation ┃ request id ┃ 01 charset, language, printer-uri … 03 ┃ the document
//!  200               version     ┃ status    ┃ request id ┃ 01 charset … 02 job-id … 03
//! ```
//!
//! Place: the body of an HTTP request and of its answer, `application/ipp`. Not here: HTTP, discovery of printers,
//! any operation but Print-Job, attributes of the answer beside the printer's own words and the job's number.

/// The media type of requests and answers.
pub const MEDIA_TYPE: &str = "application/ipp";
/// The port of printers (RFC 8010 §3.4).
pub const PORT: u16 = 631;
/// The longest address of a printer, in bytes (RFC 8011 §5.1.6).
pub const MAX_URI: usize = 1_023;
/// The longest name, of a person or a job, in bytes (RFC 8011 §5.1.3).
pub const MAX_NAME: usize = 255;

/// IPP/1.1: each printer takes it.
const VERSION: [u8; 2] = [1, 1];
const PRINT_JOB: u16 = 0x0002;
const OPERATION_ATTRIBUTES: u8 = 0x01;
const END_OF_ATTRIBUTES: u8 = 0x03;
/// Tags below this part groups; the others are of values.
const FIRST_VALUE: u8 = 0x10;

/// The tags of values that are written or read (RFC 8010 §3.5.2).
mod tag {
    pub(super) const INTEGER: u8 = 0x21;
    pub(super) const TEXT: u8 = 0x41;
    pub(super) const NAME: u8 = 0x42;
    pub(super) const URI: u8 = 0x45;
    pub(super) const CHARSET: u8 = 0x47;
    pub(super) const LANGUAGE: u8 = 0x48;
    pub(super) const MEDIA_TYPE: u8 = 0x49;
}

/// A document for a printer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrintJob<'a> {
    /// Comes back in the answer.
    pub id: u32,
    /// The printer's own address, such as `ipp://10.0.0.7/ipp/print`.
    pub printer: &'a str,
    /// Who prints; cut off at [`MAX_NAME`].
    pub user: &'a str,
    /// What it is called in the printer's list; cut off at [`MAX_NAME`].
    pub name: &'a str,
    /// What the document is, such as `text/plain; charset=utf-8`.
    pub format: &'a str,
    /// The document.
    pub document: &'a [u8],
}

impl PrintJob<'_> {
    /// As it goes out; none: the address or the format is longer than any may be.
    pub fn write(&self) -> Option<Vec<u8>> {
        if self.printer.len() > MAX_URI || self.format.len() > MAX_NAME {
            return None;
        }
        let mut out = Vec::with_capacity(512 + self.document.len());
        out.extend(VERSION);
        out.extend(PRINT_JOB.to_be_bytes());
        out.extend(self.id.to_be_bytes());
        out.push(OPERATION_ATTRIBUTES);
        // These three come first, in this order (RFC 8011 §4.1.4 and §4.1.5).
        attribute(&mut out, tag::CHARSET, "attributes-charset", "utf-8");
        attribute(&mut out, tag::LANGUAGE, "attributes-natural-language", "en");
        attribute(&mut out, tag::URI, "printer-uri", self.printer);
        attribute(&mut out, tag::NAME, "requesting-user-name", within(self.user, MAX_NAME));
        attribute(&mut out, tag::NAME, "job-name", within(self.name, MAX_NAME));
        attribute(&mut out, tag::MEDIA_TYPE, "document-format", self.format);
        out.push(END_OF_ATTRIBUTES);
        out.extend(self.document);
        Some(out)
    }
}

/// Names and values are shorter than 1,024 bytes: their lengths fit.
fn attribute(out: &mut Vec<u8>, tag: u8, name: &str, value: &str) {
    out.push(tag);
    for part in [name, value] {
        out.extend((part.len() as u16).to_be_bytes());
        out.extend(part.as_bytes());
    }
}

/// As much of a text as fits, by whole characters.
fn within(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// What a printer says to a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// How it went (RFC 8011 appendix B).
    pub status: u16,
    /// The request's.
    pub id: u32,
    /// The printer's own words; empty: none.
    pub message: String,
    /// The number of the job, where there is one.
    pub job: Option<i32>,
}

/// What follows from a status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The printer has the document. Whether it comes out of it, with paper and ink, is another thing.
    Taken,
    /// Not now: later, perhaps.
    Later,
    /// Not this one, however often.
    Never,
}

impl Answer {
    /// Reads one.
    ///
    /// # Errors
    /// What of it is none.
    pub fn read(bytes: &[u8]) -> Result<Answer, &'static str> {
        let mut rest = bytes;
        let [major, _] = take(&mut rest)?;
        if !(1..=2).contains(&major) {
            return Err("it is of a version that is not known");
        }
        let status = u16::from_be_bytes(take(&mut rest)?);
        let id = u32::from_be_bytes(take(&mut rest)?);
        let mut answer = Answer { status, id, message: String::new(), job: None };
        loop {
            match take::<1>(&mut rest)? {
                [END_OF_ATTRIBUTES] => return Ok(answer),
                [..FIRST_VALUE] => {}
                [tag] => {
                    let name = counted(&mut rest)?;
                    answer.has(tag, name, counted(&mut rest)?);
                }
            }
        }
    }

    fn has(&mut self, tag: u8, name: &[u8], value: &[u8]) {
        match (tag, name) {
            (tag::TEXT, b"status-message") => {
                self.message = String::from_utf8_lossy(value).replace(char::is_control, " ");
            }
            (tag::INTEGER, b"job-id") => {
                self.job = value.try_into().ok().map(i32::from_be_bytes);
            }
            _ => {}
        }
    }

    /// What follows from it.
    pub fn outcome(&self) -> Outcome {
        match self.status {
            0x0000..=0x00ff => Outcome::Taken,
            // Internal error, unavailable, device error, temporary error, takes no jobs, busy.
            0x0500 | 0x0502 | 0x0504..=0x0507 => Outcome::Later,
            _ => Outcome::Never,
        }
    }

    /// Why not, in words: those of the printer, else of RFC 8011 appendix B.
    pub fn why(&self) -> String {
        let known = match self.status {
            0x0400 => "bad request",
            0x0401 => "forbidden",
            0x0402 => "not authenticated",
            0x0403 => "not authorized",
            0x0406 => "there is no such printer",
            0x0408 => "the document is too large",
            0x040a => "it does not print plain text",
            0x0411 => "it does not know UTF-8",
            0x0504 => "device error",
            0x0506 => "it accepts no jobs",
            0x0507 => "busy",
            _ => "",
        };
        let words = if self.message.is_empty() { known } else { &self.message };
        let status = format!("the printer answers {:04x}", self.status);
        if words.is_empty() { status } else { format!("{status}: {words}") }
    }
}

const SHORT: &str = "it ends too early";

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(SHORT)?;
    *rest = tail;
    Ok(*head)
}

fn counted<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let length = usize::from(u16::from_be_bytes(take(rest)?));
    let (head, tail) = rest.split_at_checked(length).ok_or(SHORT)?;
    *rest = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The request of RFC 8010 appendix A.1, as far as it has the same attributes.
    #[test]
    fn a_job_as_the_standard_shows_it() {
        let job = PrintJob {
            id: 1,
            printer: "ipp://printer.example.com/ipp/print/pinetree",
            user: "belfry",
            name: "foobar",
            format: "text/plain",
            document: b"%!PDF...",
        };
        let bytes = job.write().unwrap();
        assert_eq!(bytes[..9], [1, 1, 0, 2, 0, 0, 0, 1, 1]);
        let charset = b"\x47\x00\x12attributes-charset\x00\x05utf-8";
        assert_eq!(bytes[9..9 + charset.len()], charset[..]);
        let has = |part: &[u8]| bytes.windows(part.len()).any(|own| own == part);
        assert!(has(b"\x48\x00\x1battributes-natural-language\x00\x02en"));
        assert!(has(
            b"\x45\x00\x0bprinter-uri\x00\x2cipp://printer.example.com/ipp/print/pinetree"
        ));
        assert!(has(b"\x42\x00\x08job-name\x00\x06foobar"));
        assert!(has(b"\x49\x00\x0fdocument-format\x00\x0atext/plain"));
        assert!(bytes.ends_with(b"\x03%!PDF..."));
        let long = "i".repeat(MAX_URI + 1);
        assert_eq!(PrintJob { printer: &long, ..job }.write(), None);
        // A name in Chinese is cut off between two characters.
        let chinese = "单".repeat(100);
        let cut = PrintJob { name: &chinese, ..job }.write().unwrap();
        assert!(String::from_utf8(cut).is_err(), "lengths are no text");
        assert_eq!(within(&chinese, MAX_NAME).chars().count(), 85);
    }

    /// Appendix A.2 and A.3 of RFC 8010: a job that is taken, one that is not.
    #[test]
    fn answers_of_printers() {
        let mut taken = b"\x01\x01\x00\x00\x00\x00\x00\x07\x01".to_vec();
        attribute(&mut taken, tag::CHARSET, "attributes-charset", "utf-8");
        attribute(&mut taken, tag::TEXT, "status-message", "successful-ok");
        taken.push(0x02);
        taken.extend(b"\x21\x00\x06job-id\x00\x04\x00\x00\x00\x93");
        taken.push(END_OF_ATTRIBUTES);
        let answer = Answer::read(&taken).unwrap();
        assert_eq!((answer.id, answer.job, answer.outcome()), (7, Some(147), Outcome::Taken));
        assert_eq!(answer.message, "successful-ok");
        let of = |status: u16| {
            let mut bytes = vec![1, 1];
            bytes.extend(status.to_be_bytes());
            bytes.extend(b"\x00\x00\x00\x01\x03");
            Answer::read(&bytes).unwrap()
        };
        assert_eq!(of(0x0507).outcome(), Outcome::Later);
        assert_eq!(of(0x040a).outcome(), Outcome::Never);
        assert!(of(0x040a).why().contains("plain text"));
        assert_eq!(Answer::read(&taken[..taken.len() - 1]), Err(SHORT));
        assert!(Answer::read(b"HTTP/1.1 200 OK").is_err());
    }

    proptest! {
        /// Any bytes are read or refused; what was cut off is refused.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(answer) = Answer::read(&bytes) {
                prop_assert!((1..=2).contains(&bytes[0]));
                prop_assert!(!answer.why().is_empty());
            }
        }

        /// What is written has the shape that is read: its head is that of an answer with the status 2.
        #[test]
        fn what_is_written_can_be_read(id: u32, user in ".*", name in ".*", cut: prop::sample::Index) {
            let job = PrintJob {
                id, printer: "ipp://a/", user: &user, name: &name, format: "text/plain",
                document: b"",
            };
            let bytes = job.write().unwrap();
            prop_assert_eq!(Answer::read(&bytes).map(|read| (read.id, read.status)), Ok((id, PRINT_JOB)));
            prop_assert!(Answer::read(&bytes[..cut.index(bytes.len())]).is_err());
        }
    }
}
