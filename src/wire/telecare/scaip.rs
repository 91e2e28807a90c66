//! SCAIP (SS 91100:2014, CLC/TS 50134-9): what a unit reports and what it is answered.
//!
//! ```text
//!   unit ─MESSAGE <mrq ref=r>─▶ centre        written down
//!        ◀────────── 200 OK ────
//!        ◀─MESSAGE <mrs ref=r>─ centre        whom to call for speech
//!        ────────── 200 OK ────▶
//!        ─INVITE tnu ──────────▶
//! ```
//!
//! Lengths and ranges are the standard's; each fault has its `snu`, so that a unit's log names it.

use core::fmt;

use super::super::xml::Text;
use super::leaves::Leaves;

/// Content-Type of both.
pub const TYPE: &str = "application/scaip+xml";

/// What a message is (`mty`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MessageType {
    /// ME: something happened.
    #[default]
    Message,
    /// RE: something is over.
    Reset,
    /// IN: for information.
    Information,
    /// PI: the unit lives.
    Heartbeat,
}

/// Over what the unit wants to talk (`crd`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Destination {
    /// Nothing said.
    #[default]
    Unsaid,
    /// `no-voice:`.
    NoVoice,
    /// `sip:`, with the rest, which may be empty.
    Sip(String),
    /// `tel:` or `gsm:`, with the number, which may be empty.
    Telephone(String),
}

/// `<mrq>`: a unit reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// `ref`: 1 to 16 letters and digits.
    pub reference: String,
    /// `mty`.
    pub message_type: MessageType,
    /// `cid`: the controller, at most 16 signs.
    pub controller: String,
    /// `dty`: kind of device. `None`: not said.
    pub device_type: Option<u16>,
    /// `did`: which device, at most 8 signs.
    pub device: Option<String>,
    /// `dco`: part of the device.
    pub component: Option<u16>,
    /// `dte`.
    pub component_text: Option<String>,
    /// `cha` = 1: the unit waits to be called.
    pub call_back: bool,
    /// `crd`.
    pub destination: Destination,
    /// `stc`: status, 10 (manual alarm) where it is not said.
    pub status: u16,
    /// `stt`.
    pub status_text: Option<String>,
    /// `pri`: 0 to 9.
    pub priority: u8,
    /// `lco`.
    pub location: Option<u16>,
    /// `lva`.
    pub location_value: Option<String>,
    /// `lte`.
    pub location_text: Option<String>,
    /// `geo`: WGS 84, "latitude,longitude" as it stands.
    pub position: Option<String>,
    /// `ite`.
    pub information: Option<String>,
    /// `ame`: another message follows.
    pub more: bool,
    /// `mreq` = 4, seen in the field: the unit has no media.
    pub no_media: bool,
}

/// `snu`: how a message was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// 0.
    Ok,
    /// 1: a value is too long.
    TooLong,
    /// 2: it cannot be read.
    InvalidFormat,
    /// 3: a value is none of those that there are.
    WrongData,
    /// 4: the unit holds.
    Hold,
    /// 5: it was not treated.
    NotTreated,
    /// 6: the centre is busy.
    Busy,
    /// 7: a value that must stand there does not.
    TagMissing,
}

/// `mre`: which speech follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Media {
    /// 0: none.
    #[default]
    None,
    /// 1: both ways.
    Duplex,
    /// 2: the unit is only heard.
    MicrophoneOnly,
    /// 3: the unit only hears.
    LoudspeakerOnly,
}

/// `<mrs>`: the centre's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// `ref` of the request.
    pub reference: String,
    /// `snu`.
    pub status: Status,
    /// `ste`, at most 128 signs.
    pub text: String,
    /// `mre`.
    pub media: Media,
    /// `cre` = 62 and `tnu`: whom the unit is to call. `None`: 61, whom it knows.
    pub call: Option<String>,
}

/// Why a message is not read, as the unit is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// `ref`, where it could be read.
    pub reference: Option<String>,
    /// Its `snu`.
    pub status: Status,
    /// The tag at fault.
    pub tag: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.status {
            Status::TooLong => "is too long",
            Status::TagMissing => "is missing",
            Status::WrongData => "has a value that SS 91100 does not know",
            _ => "cannot be read",
        };
        write!(f, "<{}> {why}", self.tag)
    }
}

impl Refused {
    /// What is no document of SCAIP: nothing at all lacks its element, anything else cannot be read.
    pub fn of_no_document(body: &[u8]) -> Refused {
        let status = match body.trim_ascii().is_empty() {
            true => Status::TagMissing,
            false => Status::InvalidFormat,
        };
        Refused { reference: reference_in(body), status, tag: "mrq" }
    }
}

impl Request {
    /// Reads a message.
    pub fn read(body: &[u8]) -> Result<Request, Refused> {
        Request::of(Leaves::read(body).ok().as_ref(), body)
    }

    /// The same of a document and its bytes; `None`: it is none.
    pub(super) fn of(leaves: Option<&Leaves>, body: &[u8]) -> Result<Request, Refused> {
        let leaves = leaves.filter(|leaves| matches!(leaves.root.as_str(), "mrq" | "scaip"));
        let leaves = leaves.ok_or_else(|| Refused::of_no_document(body))?;
        let reference = leaves.get("ref").map(str::to_owned);
        let tags = Tags { leaves };
        tags.request().map_err(|(tag, status)| {
            // A reference that is itself at fault is given back as far as it may be written.
            let reference = reference.map(|own| own.chars().take(16).collect());
            Refused { reference, status, tag }
        })
    }
}

/// The reference of what is no document, where it stands there whole: by it the unit knows what is answered.
fn reference_in(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    // In lower case it has the same length.
    let at = text.to_ascii_lowercase().find("<ref>")? + "<ref>".len();
    let own = text.get(at..)?.split_once('<')?.0.trim().to_owned();
    let fits = (1..=16).contains(&own.len()) && own.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some(own)
}

/// The values of a document, each with the standard's bound.
struct Tags<'a> {
    leaves: &'a Leaves,
}

type Fault = (&'static str, Status);

impl Tags<'_> {
    fn request(&self) -> Result<Request, Fault> {
        let reference = self.text("ref", 16)?.ok_or(("ref", Status::TagMissing))?;
        if !reference.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(("ref", Status::InvalidFormat));
        }
        let controller = self.text("cid", 16)?.ok_or(("cid", Status::TagMissing))?;
        if !controller.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(("cid", Status::InvalidFormat));
        }
        Ok(Request {
            reference,
            message_type: self.message_type()?,
            controller,
            device_type: self.code("dty", 4)?,
            device: self.text("did", 8)?,
            component: self.code("dco", 3)?,
            component_text: self.text("dte", 32)?,
            call_back: self.one_of("cha", 1)? == 1,
            destination: self.destination()?,
            status: self.code("stc", 4)?.unwrap_or(10),
            status_text: self.text("stt", 32)?,
            priority: self.one_of("pri", 9)?,
            location: self.code("lco", 3)?,
            location_value: self.text("lva", 256)?,
            location_text: self.text("lte", 32)?,
            position: self.text("geo", 23)?,
            information: self.text("ite", 128)?,
            more: self.one_of("ame", 1)? == 1,
            no_media: self.leaves.get("mreq").is_some_and(|own| own.parse() == Ok(4u8)),
        })
    }

    /// A text of at most so many signs.
    fn text(&self, tag: &'static str, most: usize) -> Result<Option<String>, Fault> {
        let Some(text) = self.leaves.get(tag) else { return Ok(None) };
        if text.chars().count() > most {
            return Err((tag, Status::TooLong));
        }
        Ok(Some(text.to_owned()))
    }

    /// A number of at most so many digits; units write them with and without leading zeros.
    fn code(&self, tag: &'static str, most: usize) -> Result<Option<u16>, Fault> {
        let Some(text) = self.text(tag, most)? else { return Ok(None) };
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err((tag, Status::InvalidFormat));
        }
        text.parse().map(Some).map_err(|_| (tag, Status::WrongData))
    }

    /// A number up to `last`, 0 where it is not there.
    fn one_of(&self, tag: &'static str, last: u8) -> Result<u8, Fault> {
        let value = self.code(tag, 4)?.unwrap_or(0);
        u8::try_from(value).ok().filter(|v| *v <= last).ok_or((tag, Status::WrongData))
    }

    fn message_type(&self) -> Result<MessageType, Fault> {
        Ok(match self.leaves.get("mty") {
            None => MessageType::Message,
            Some(text) if text.eq_ignore_ascii_case("ME") => MessageType::Message,
            Some(text) if text.eq_ignore_ascii_case("RE") => MessageType::Reset,
            Some(text) if text.eq_ignore_ascii_case("IN") => MessageType::Information,
            Some(text) if text.eq_ignore_ascii_case("PI") => MessageType::Heartbeat,
            Some(_) => return Err(("mty", Status::WrongData)),
        })
    }

    fn destination(&self) -> Result<Destination, Fault> {
        let Some(text) = self.text("crd", 256)? else { return Ok(Destination::Unsaid) };
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(("crd", Status::InvalidFormat));
        };
        Ok(match scheme.trim().to_ascii_lowercase().as_str() {
            "no-voice" => Destination::NoVoice,
            "sip" | "sips" => Destination::Sip(rest.trim().to_owned()),
            "tel" | "gsm" => Destination::Telephone(rest.trim().to_owned()),
            _ => return Err(("crd", Status::WrongData)),
        })
    }
}

impl Status {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Status::Ok => 0,
            Status::TooLong => 1,
            Status::InvalidFormat => 2,
            Status::WrongData => 3,
            Status::Hold => 4,
            Status::NotTreated => 5,
            Status::Busy => 6,
            Status::TagMissing => 7,
        }
    }
}

/// Characters of `ste`.
const LONGEST_TEXT: usize = 128;

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<?xml version=\"1.0\" encoding=\"utf-8\"?><mrs>")?;
        write!(f, "<ref>{}</ref><snu>{}</snu>", Text(&self.reference), self.status.number())?;
        if !self.text.is_empty() {
            let short: String = self.text.chars().take(LONGEST_TEXT).collect();
            write!(f, "<ste>{}</ste>", Text(&short))?;
        }
        let media = match self.media {
            Media::None => 0,
            Media::Duplex => 1,
            Media::MicrophoneOnly => 2,
            Media::LoudspeakerOnly => 3,
        };
        write!(f, "<mre>{media}</mre>")?;
        if let Some(number) = &self.call {
            write!(f, "<cre>62</cre><tnu>{}</tnu>", Text(number))?;
        }
        write!(f, "</mrs>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Request, Refused> {
        Request::read(text.as_bytes())
    }

    fn fault(text: &str) -> (&'static str, u8) {
        let refused = read(text).unwrap_err();
        (refused.tag, refused.status.number())
    }

    #[test]
    fn messages_as_units_in_the_field_send_them() {
        let essence = read(
            "<mrq><ref>00001A85</ref><cha>0</cha><mty>PI</mty><cid>26317</cid><dty>02</dty>\
             <did>00</did><crd>no-voice:</crd><stc>102</stc></mrq>",
        )
        .unwrap();
        assert_eq!(essence.message_type, MessageType::Heartbeat);
        assert_eq!((essence.device_type, essence.status), (Some(2), 102));
        assert_eq!(essence.destination, Destination::NoVoice);
        let possum = read(
            "<mrq><ref>1193308443</ref><cid>10149471</cid><dty>3</dty><stc>10</stc>\
             <crd>gsm:</crd></mrq>",
        )
        .unwrap();
        assert_eq!(possum.destination, Destination::Telephone(String::new()));
        assert_eq!((possum.device_type, possum.status), (Some(3), 10));
        // Leading blank; order of its own; the status that is meant when none is said.
        let doro = read("<mrq><cid> 8031372</cid><ref>1</ref></mrq>").unwrap();
        assert_eq!((doro.controller.as_str(), doro.status), ("8031372", 10));
        let datahub = read("<scaip><ref>1</ref><cid>1</cid></scaip>").unwrap();
        assert_eq!(datahub.message_type, MessageType::Message);
    }

    #[test]
    fn each_fault_has_its_number() {
        assert_eq!(fault("nonsense"), ("mrq", 2));
        assert_eq!(fault("<mrs><ref>1</ref></mrs>"), ("mrq", 2));
        assert_eq!(fault("<mrq><cid>1</cid></mrq>"), ("ref", 7));
        assert_eq!(fault("<mrq><ref>1</ref></mrq>"), ("cid", 7));
        assert_eq!(fault("<mrq><ref>12345678901234567</ref><cid>1</cid></mrq>"), ("ref", 1));
        assert_eq!(fault("<mrq><ref>a b</ref><cid>1</cid></mrq>"), ("ref", 2));
        let with = |tag: &str| fault(&format!("<mrq><ref>1</ref><cid>1</cid>{tag}</mrq>"));
        assert_eq!(with("<mty>XX</mty>"), ("mty", 3));
        assert_eq!(with("<stc>x</stc>"), ("stc", 2));
        assert_eq!(with("<stc>12345</stc>"), ("stc", 1));
        assert_eq!(with("<pri>10</pri>"), ("pri", 3));
        assert_eq!(with("<crd>fax:1</crd>"), ("crd", 3));
        assert_eq!(with("<crd>1</crd>"), ("crd", 2));
        let told = read("<mrq><ref>77</ref><cid>1</cid><pri>x</pri></mrq>").unwrap_err();
        assert_eq!(told.reference.as_deref(), Some("77"));
        assert_eq!(told.to_string(), "<pri> cannot be read");
        let broken = |text: &str| read(text).unwrap_err().reference;
        assert_eq!(broken("<mrq><Ref> a7B </ref><cid>1").as_deref(), Some("a7B"));
        // A reference that is cut off may be another's.
        for text in ["<mrq><ref>12", "<mrq><ref></ref><cid>", "<mrq><ref>a b</ref>", "<mrq><cid>1"]
        {
            assert_eq!(broken(text), None, "{text}");
        }
    }

    #[test]
    fn a_reply() {
        let reply = Reply {
            reference: "77".into(),
            status: Status::Ok,
            text: String::new(),
            media: Media::Duplex,
            call: Some("sip:alarm@h;a=<b>".into()),
        };
        assert_eq!(
            reply.to_string(),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><mrs><ref>77</ref><snu>0</snu><mre>1</mre>\
             <cre>62</cre><tnu>sip:alarm@h;a=&lt;b&gt;</tnu></mrs>"
        );
        let long = Reply { text: "x".repeat(500), call: None, ..reply };
        let read = Leaves::read(long.to_string().as_bytes()).unwrap();
        assert_eq!(read.get("ste").map(str::len), Some(LONGEST_TEXT));
        assert_eq!(read.get("cre"), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Request::read(&body);
        }

        #[test]
        fn values_of_any_kind(tag in "(ref|cid|mty|dty|did|stc|pri|crd|geo|ame|lco)", text in "[ -~]{0,40}") {
            let body = format!("<mrq><ref>1</ref><cid>1</cid><{tag}>{}</{tag}></mrq>", Text(&text));
            let _ = Request::read(body.as_bytes());
        }
    }
}
