//! `application/pidf+xml` (RFC 3863): whether a phone can be reached, and with RFC 4480 whether somebody
//! talks on it. Written, not read.

use core::fmt;

use super::xml::Text;

/// Its Content-Type.
pub const TYPE: &str = "application/pidf+xml";

/// Whether a phone can be reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Presence {
    /// Its URI.
    pub entity: String,
    /// Calls reach it.
    pub open: bool,
    /// What its user does.
    pub activity: Option<Activity>,
}

/// What a phone's user does (RFC 4480 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// Talks.
    OnThePhone,
    /// Does not want to be disturbed.
    Busy,
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entity = Text(&self.entity);
        writeln!(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(
            f,
            "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
             xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{entity}\">"
        )?;
        let basic = if self.open { "open" } else { "closed" };
        writeln!(f, "<tuple id=\"phone\"><status><basic>{basic}</basic></status>")?;
        writeln!(f, "<contact>{entity}</contact>")?;
        let (note, word) = match self.activity {
            Some(Activity::OnThePhone) => ("On the phone", "<rpid:on-the-phone/>"),
            Some(Activity::Busy) => ("Do not disturb", "<rpid:busy/>"),
            None => ("", ""),
        };
        if !note.is_empty() {
            writeln!(f, "<note>{note}</note>")?;
        }
        writeln!(f, "</tuple>")?;
        if !word.is_empty() {
            writeln!(
                f,
                "<dm:person id=\"user\"><rpid:activities>{word}</rpid:activities></dm:person>"
            )?;
        }
        writeln!(f, "</presence>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_closed_and_busy() {
        let text =
            |open, activity| Presence { entity: "sip:1@h".into(), open, activity }.to_string();
        assert!(text(true, None).contains("<basic>open</basic>"));
        assert!(!text(true, None).contains("note"));
        assert!(text(false, None).contains("<basic>closed</basic>"));
        let talks = text(true, Some(Activity::OnThePhone));
        assert!(talks.contains("<rpid:on-the-phone/>") && talks.contains("<note>On the phone"));
        assert!(text(true, Some(Activity::Busy)).contains("<rpid:busy/>"));
    }
}
