//! `application/rs-metadata+xml` (RFC 7865): who speaks on which stream of a recording session.
//!
//! ```text
//!  group ◀── session ◀── stream ── label ──▶ a=label of an m= line
//!               ▲          ▲ ▲
//!               │  send/recv │   participantstreamassoc
//!  participantsessionassoc   │
//!               └─ participant ┘  nameID: address and name
//! ```
//!
//! Written for a recorder; read by those who play one. A reader gets what was written and leaves out what it
//! does not know: other elements, other namespaces.

use core::fmt::{self, Write as _};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::xml::Text;

/// Its Content-Type.
pub const TYPE: &str = "application/rs-metadata+xml";
/// The Content-Disposition of its part (RFC 7866 §9.1).
pub const DISPOSITION: &str = "recording-session";
/// Its namespace (§10).
const NAMESPACE: &str = "urn:ietf:params:xml:ns:recording:1";
/// The namespace of Belfry's own element in a session: the call's name, as its record has it.
const CALL_NAMESPACE: &str = "urn:belfry:call";
/// Elements, attributes counted as such, that are read of one document.
const MAX_ELEMENTS: usize = 1_000;

/// The name of a group, session, participant or stream: a UUID (§6.10), of our own making (version 8, RFC
/// 9562), so that one thing has one name in all documents about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// The `n`th thing of its `kind` (0 to 15) of a call; of `n` the lower 54 bits count.
    pub fn new(call: u64, kind: u8, n: u64) -> Id {
        let (high, low) = (call >> 16, call & 0xffff);
        let first = high << 16 | 0x8000 | low >> 4;
        let kind = u64::from(kind & 0xf);
        let second = 1 << 63 | (low & 0xf) << 58 | kind << 54 | n & ((1 << 54) - 1);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&first.to_be_bytes());
        id[8..].copy_from_slice(&second.to_be_bytes());
        Id(id)
    }

    /// As 32 digits, the way in which a Session-ID has it (RFC 7989 §4.1).
    pub fn hex(self) -> String {
        self.0.iter().fold(String::with_capacity(32), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    fn parse(text: &str) -> Option<Id> {
        BASE64.decode(text.trim()).ok()?.try_into().ok().map(Id)
    }
}

/// In base 64, as the documents have it.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0))
    }
}

/// What is told of a recording session.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RsMetadata {
    /// What differs from what was told before, rather than all (§5.1).
    pub partial: bool,
    /// What belongs together: its name, and since when, as RFC 3339 has it.
    pub group: Option<(Id, String)>,
    /// What is recorded.
    pub session: Option<Session>,
    /// Who takes part.
    pub participants: Vec<Participant>,
    /// The streams, one for each `m=` line.
    pub streams: Vec<Stream>,
}

/// What is recorded: a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Its name.
    pub id: Id,
    /// The call's name in its record.
    pub call: String,
    /// Since when it is recorded.
    pub start: String,
    /// Until when, at the end.
    pub stop: Option<String>,
}

/// Somebody who takes part, or took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Participant {
    /// Its name in these documents.
    pub id: Id,
    /// Its address.
    pub aor: String,
    /// Its name among people.
    pub name: Option<String>,
    /// Since when.
    pub since: String,
    /// Until when; `None`: still.
    pub until: Option<String>,
    /// The streams that it speaks on.
    pub sends: Vec<Id>,
    /// Those that it hears.
    pub hears: Vec<Id>,
}

/// One stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Its name.
    pub id: Id,
    /// The `a=label` of its `m=` line (RFC 4574).
    pub label: String,
}

impl fmt::Display for RsMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.partial { "partial" } else { "complete" };
        writeln!(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(f, "<recording xmlns=\"{NAMESPACE}\">")?;
        writeln!(f, "<datamode>{mode}</datamode>")?;
        if let Some((id, since)) = &self.group {
            let since = Text(since);
            writeln!(
                f,
                "<group group_id=\"{id}\"><associate-time>{since}</associate-time></group>"
            )?;
        }
        let group = self.group.as_ref().map(|(id, _)| *id);
        if let Some(session) = &self.session {
            session.write(f, group)?;
        }
        for Participant { id, aor, name, .. } in &self.participants {
            let aor = Text(aor);
            write!(f, "<participant participant_id=\"{id}\"><nameID aor=\"{aor}\">")?;
            if let Some(name) = name {
                write!(f, "<name>{}</name>", Text(name))?;
            }
            writeln!(f, "</nameID></participant>")?;
        }
        let session = self.session.as_ref().map_or(Id([0; 16]), |session| session.id);
        for Stream { id, label } in &self.streams {
            let label = Text(label);
            writeln!(
                f,
                "<stream stream_id=\"{id}\" session_id=\"{session}\"><label>{label}</label></stream>"
            )?;
        }
        if let Some(session) = &self.session {
            write!(f, "<sessionrecordingassoc session_id=\"{}\">", session.id)?;
            times(f, &session.start, session.stop.as_deref())?;
            writeln!(f, "</sessionrecordingassoc>")?;
        }
        for participant in &self.participants {
            participant.write_associations(f, session)?;
        }
        writeln!(f, "</recording>")
    }
}

impl Session {
    fn write(&self, f: &mut fmt::Formatter<'_>, group: Option<Id>) -> fmt::Result {
        let Session { id, call, start, stop } = self;
        writeln!(f, "<session session_id=\"{id}\">")?;
        // The other side of ours has told us none.
        writeln!(f, "<sipSessionID>{};remote={:032}</sipSessionID>", id.hex(), 0)?;
        if let Some(group) = group {
            writeln!(f, "<group-ref>{group}</group-ref>")?;
        }
        writeln!(f, "<start-time>{}</start-time>", Text(start))?;
        if let Some(stop) = stop {
            writeln!(f, "<stop-time>{}</stop-time>", Text(stop))?;
        }
        writeln!(f, "<call xmlns=\"{CALL_NAMESPACE}\">{}</call>", Text(call))?;
        writeln!(f, "</session>")
    }
}

impl Participant {
    fn write_associations(&self, f: &mut fmt::Formatter<'_>, session: Id) -> fmt::Result {
        let id = self.id;
        let until = self.until.as_deref();
        write!(f, "<participantsessionassoc participant_id=\"{id}\" session_id=\"{session}\">")?;
        times(f, &self.since, until)?;
        writeln!(f, "</participantsessionassoc>")?;
        write!(f, "<participantstreamassoc participant_id=\"{id}\">")?;
        for stream in &self.sends {
            write!(f, "<send>{stream}</send>")?;
        }
        for stream in &self.hears {
            write!(f, "<recv>{stream}</recv>")?;
        }
        times(f, &self.since, until)?;
        writeln!(f, "</participantstreamassoc>")
    }
}

fn times(f: &mut fmt::Formatter<'_>, since: &str, until: Option<&str>) -> fmt::Result {
    write!(f, "<associate-time>{}</associate-time>", Text(since))?;
    match until {
        Some(until) => write!(f, "<disassociate-time>{}</disassociate-time>", Text(until)),
        None => Ok(()),
    }
}

/// Why a document cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadMetadata {
    /// It is no well-formed XML, or not in UTF-8.
    Xml,
    /// It is no `recording` of the namespace.
    NotRecording,
    /// It has more elements than are read.
    TooLong,
}

impl fmt::Display for BadMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadMetadata::Xml => "not well-formed XML",
            BadMetadata::NotRecording => "no recording of urn:ietf:params:xml:ns:recording:1",
            BadMetadata::TooLong => "more elements than are read",
        })
    }
}
impl std::error::Error for BadMetadata {}

impl RsMetadata {
    /// Reads a document. Elements that name no id that could be one are left out.
    pub fn parse(text: &[u8]) -> Result<RsMetadata, BadMetadata> {
        let text = core::str::from_utf8(text).map_err(|_| BadMetadata::Xml)?;
        let mut reader = Reader::from_str(text);
        let (mut read, mut path, mut value) =
            (Read::default(), Vec::<String>::new(), String::new());
        for _ in 0..MAX_ELEMENTS * 3 {
            match reader.read_event().map_err(|_| BadMetadata::Xml)? {
                Event::Start(start) => {
                    read.begin(&path, &start)?;
                    path.push(local(start.name().as_ref()));
                    value.clear();
                }
                Event::Empty(start) => {
                    read.begin(&path, &start)?;
                    let name = local(start.name().as_ref());
                    read.end(&path, &name, "");
                }
                Event::Text(text) => {
                    value.push_str(&text);
                }
                Event::GeneralRef(reference) => {
                    value.push_str(named(&reference));
                }
                Event::End(_) => {
                    let name = path.pop().ok_or(BadMetadata::Xml)?;
                    read.end(&path, &name, value.trim());
                    value.clear();
                }
                Event::Eof if path.is_empty() && read.is_recording => return Ok(read.metadata),
                Event::Eof if path.is_empty() => return Err(BadMetadata::NotRecording),
                Event::Eof => return Err(BadMetadata::Xml),
                _ => {}
            }
        }
        Err(BadMetadata::TooLong)
    }

    /// The participant who speaks on the stream of that label.
    pub fn speaker(&self, label: &str) -> Option<&Participant> {
        let stream = self.streams.iter().find(|stream| stream.label == label)?.id;
        self.participants.iter().find(|who| who.until.is_none() && who.sends.contains(&stream))
    }
}

/// What a reference inside a text stands for; nothing, where it is none of XML's own.
fn named(reference: &str) -> &'static str {
    match reference {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => "",
    }
}

/// A name without its prefix.
fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

/// The value of an attribute of that name.
fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = start.attributes().flatten().find(|a| local(a.key.as_ref()) == name)?;
    quick_xml::escape::unescape(&attribute.value).ok().map(|text| text.into_owned())
}

/// A document as far as it has been read.
#[derive(Default)]
struct Read {
    metadata: RsMetadata,
    is_recording: bool,
    /// The participant whose association is being read.
    of: Option<Id>,
}

impl Read {
    /// An element begins inside those of `path`.
    fn begin(&mut self, path: &[String], start: &BytesStart<'_>) -> Result<(), BadMetadata> {
        let name = local(start.name().as_ref());
        let id = |key| attribute(start, key).and_then(|id| Id::parse(&id));
        match (path, name.as_str()) {
            ([], "recording") => {
                let is_it = start.attributes().flatten().any(|a| &*a.value == NAMESPACE);
                self.is_recording = is_it;
                return is_it.then_some(()).ok_or(BadMetadata::NotRecording);
            }
            ([_], "group") => {
                self.metadata.group = id("group_id").map(|id| (id, String::new()));
            }
            ([_], "session") => {
                let session =
                    |id| Session { id, call: String::new(), start: String::new(), stop: None };
                self.metadata.session = id("session_id").map(session);
            }
            ([_], "participant") => {
                let participant = id("participant_id").map(Participant::unknown);
                self.metadata.participants.extend(participant);
            }
            ([_, .., last], "nameID") if last == "participant" => {
                if let Some(participant) = self.metadata.participants.last_mut() {
                    participant.aor = attribute(start, "aor").unwrap_or_default();
                }
            }
            ([_], "stream") => {
                let stream = id("stream_id").map(|id| Stream { id, label: String::new() });
                self.metadata.streams.extend(stream);
            }
            ([_], "participantsessionassoc" | "participantstreamassoc") => {
                self.of = id("participant_id");
            }
            _ => {}
        }
        Ok(())
    }

    /// An element inside those of `path` ends; `value` is its text.
    fn end(&mut self, path: &[String], name: &str, value: &str) {
        let metadata = &mut self.metadata;
        let within = path.last().map_or("", String::as_str);
        let who = self.of.and_then(|of| metadata.participants.iter_mut().find(|p| p.id == of));
        match (within, name) {
            ("recording", "datamode") => metadata.partial = value == "partial",
            ("group", "associate-time") => {
                metadata.group.iter_mut().for_each(|group| group.1 = value.into());
            }
            ("session", what) => {
                let Some(session) = &mut metadata.session else { return };
                match what {
                    "start-time" => session.start = value.into(),
                    "stop-time" => session.stop = Some(value.into()),
                    "call" => session.call = value.into(),
                    _ => {}
                }
            }
            ("nameID", "name") => {
                metadata.participants.iter_mut().last().into_iter().for_each(|participant| {
                    participant.name = Some(value.into());
                });
            }
            ("stream", "label") => {
                metadata.streams.iter_mut().last().into_iter().for_each(|stream| {
                    stream.label = value.into();
                });
            }
            ("participantsessionassoc", what) => {
                let Some(who) = who else { return };
                match what {
                    "associate-time" => who.since = value.into(),
                    "disassociate-time" => who.until = Some(value.into()),
                    _ => {}
                }
            }
            ("participantstreamassoc", what) => {
                let (Some(who), Some(stream)) = (who, Id::parse(value)) else { return };
                match what {
                    "send" => who.sends.push(stream),
                    "recv" => who.hears.push(stream),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

impl Participant {
    fn unknown(id: Id) -> Participant {
        Participant {
            id,
            aor: String::new(),
            name: None,
            since: String::new(),
            until: None,
            sends: Vec::new(),
            hears: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn metadata(names: [&str; 2]) -> RsMetadata {
        let id = |kind, n| Id::new(0x0123_4567_89ab_cdef, kind, n);
        let (one, other) = (id(3, 1), id(3, 2));
        let since = "2026-11-22T21:00:00Z".to_owned();
        let person = |n, name: &str, sends, hears, until| Participant {
            id: id(2, n),
            aor: format!("sip:{n}@belfry"),
            name: (!name.is_empty()).then(|| name.to_owned()),
            since: since.clone(),
            until,
            sends: vec![sends],
            hears: vec![hears],
        };
        RsMetadata {
            partial: true,
            group: Some((id(0, 0), since.clone())),
            session: Some(Session {
                id: id(1, 0),
                call: "0ABC".into(),
                start: since.clone(),
                stop: None,
            }),
            participants: vec![
                person(7, names[0], one, other, None),
                person(8, names[1], other, one, Some("2026-11-22T21:05:00Z".into())),
            ],
            streams: vec![
                Stream { id: one, label: "1".into() },
                Stream { id: other, label: "2".into() },
            ],
        }
    }

    #[test]
    fn a_document() {
        let text = metadata(["王", ""]).to_string();
        for part in [
            "<recording xmlns=\"urn:ietf:params:xml:ns:recording:1\">\n<datamode>partial</datamode>",
            "<sipSessionID>0123456789ab8cdebc40000000000000;remote=00000000000000000000000000000000<",
            "<nameID aor=\"sip:7@belfry\"><name>王</name></nameID>",
            "<label>2</label></stream>",
            "<call xmlns=\"urn:belfry:call\">0ABC</call>",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let read = RsMetadata::parse(text.as_bytes()).unwrap();
        assert_eq!(read.speaker("1").unwrap().name.as_deref(), Some("王"));
        assert_eq!(read.speaker("2"), None, "who has gone speaks no more");
    }

    #[test]
    fn names_differ_and_are_uuids() {
        let mut all: Vec<Id> = Vec::new();
        for call in [0, 1, 0xf, 0x10, 0xffff, 0x1_0000, u64::MAX] {
            for (kind, n) in [(0, 0), (1, 0), (2, 1), (2, 2), (3, 1)] {
                all.push(Id::new(call, kind, n));
            }
        }
        let count = all.len();
        assert!(all.iter().all(|id| id.0[6] >> 4 == 8 && id.0[8] >> 6 == 2));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn what_is_none() {
        for (text, why) in [
            ("", BadMetadata::NotRecording),
            ("<a/>", BadMetadata::NotRecording),
            ("<recording/>", BadMetadata::NotRecording),
            ("<recording xmlns='urn:ietf:params:xml:ns:recording:1'>", BadMetadata::Xml),
            ("<recording xmlns='urn:ietf:params:xml:ns:recording:1'></x>", BadMetadata::Xml),
        ] {
            assert_eq!(RsMetadata::parse(text.as_bytes()), Err(why), "{text}");
        }
        let deep = "<a>".repeat(4 * MAX_ELEMENTS);
        assert_eq!(RsMetadata::parse(deep.as_bytes()), Err(BadMetadata::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(one in "[ -~王]{0,20}", other in "[a-z<>&\"']{0,20}") {
            let written = metadata([one.trim(), other.trim()]);
            prop_assert_eq!(RsMetadata::parse(written.to_string().as_bytes()), Ok(written));
        }

        #[test]
        fn nothing_panics(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            cut in any::<prop::sample::Index>(),
        ) {
            let _ = RsMetadata::parse(&bytes);
            let text = metadata(["a", "b"]).to_string();
            let at = cut.index(text.len());
            let _ = RsMetadata::parse(&[&text.as_bytes()[..at], &bytes, &text.as_bytes()[at..]].concat());
        }
    }
}
