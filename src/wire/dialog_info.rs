//! `application/dialog-info+xml` (RFC 4235): which calls a phone is in, for busy lamps. Written, not
//! read; always the full state.

use core::fmt::{self, Write as _};

use super::xml::Text;

/// Its Content-Type.
pub const TYPE: &str = "application/dialog-info+xml";

/// What is told of one phone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialogInfo {
    /// One higher in each document of a subscription (§4.1).
    pub version: u32,
    /// The phone's URI.
    pub entity: String,
    /// Its dialogs.
    pub dialogs: Vec<Dialog>,
}

/// One dialog, from the phone's side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dialog {
    /// Its name in the documents of a subscription: the same while it lasts.
    pub id: String,
    /// Call-ID and tags, as far as there are: Call-ID, the phone's, ours.
    pub names: Option<[String; 3]>,
    /// The phone called, rather than was called.
    pub initiator: bool,
    /// How far it has come.
    pub state: State,
    /// The phone does not listen: it holds the call (RFC 4235 §5.2, `+sip.rendering`).
    pub held: bool,
    /// The other party's URI, and name.
    pub remote: (String, Option<String>),
}

/// How far a dialog has come (§3.7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The INVITE is out.
    Trying,
    /// It was answered with a 1xx without a tag: the phone calls.
    Proceeding,
    /// It rings.
    Early,
    /// They talk.
    Confirmed,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Trying => "trying",
            State::Proceeding => "proceeding",
            State::Early => "early",
            State::Confirmed => "confirmed",
        }
    }
}

impl fmt::Display for DialogInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, entity) = (self.version, Text(&self.entity));
        writeln!(f, "<?xml version=\"1.0\"?>")?;
        writeln!(
            f,
            "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
             state=\"full\" entity=\"{entity}\">"
        )?;
        for dialog in &self.dialogs {
            dialog.write(f, &self.entity)?;
        }
        writeln!(f, "</dialog-info>")
    }
}

impl Dialog {
    fn write(&self, f: &mut fmt::Formatter<'_>, entity: &str) -> fmt::Result {
        write!(f, "<dialog id=\"{}\"", Text(&self.id))?;
        if let Some(names) = &self.names {
            for (name, value) in ["call-id", "local-tag", "remote-tag"].iter().zip(names) {
                if !value.is_empty() {
                    write!(f, " {name}=\"{}\"", Text(value))?;
                }
            }
        }
        let direction = if self.initiator { "initiator" } else { "recipient" };
        writeln!(f, " direction=\"{direction}\">")?;
        writeln!(f, "<state>{}</state>", self.state.word())?;
        let own = Text(entity);
        write!(f, "<local><identity>{own}</identity><target uri=\"{own}\">")?;
        if self.held {
            write!(f, "<param pname=\"+sip.rendering\" pval=\"no\"/>")?;
        }
        writeln!(f, "</target></local>")?;
        let (uri, name) = (Text(&self.remote.0), self.remote.1.as_deref());
        f.write_str("<remote><identity")?;
        if let Some(name) = name {
            write!(f, " display=\"{}\"", Text(name))?;
        }
        writeln!(f, ">{uri}</identity><target uri=\"{uri}\"/></remote>")?;
        f.write_str("</dialog>")?;
        f.write_char('\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ringing_phone() {
        let dialog = Dialog {
            id: "leg-7".into(),
            names: Some(["c@h".into(), "1".into(), "2".into()]),
            initiator: false,
            state: State::Early,
            held: false,
            remote: ("sip:1002@h".into(), Some("A \"B\"".into())),
        };
        let info = DialogInfo { version: 3, entity: "sip:1001@h".into(), dialogs: vec![dialog] };
        assert_eq!(
            info.to_string(),
            "<?xml version=\"1.0\"?>\n\
             <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"3\" state=\"full\" \
             entity=\"sip:1001@h\">\n\
             <dialog id=\"leg-7\" call-id=\"c@h\" local-tag=\"1\" remote-tag=\"2\" \
             direction=\"recipient\">\n\
             <state>early</state>\n\
             <local><identity>sip:1001@h</identity><target uri=\"sip:1001@h\"></target></local>\n\
             <remote><identity display=\"A &quot;B&quot;\">sip:1002@h</identity>\
             <target uri=\"sip:1002@h\"/></remote>\n\
             </dialog>\n</dialog-info>\n"
        );
    }

    #[test]
    fn a_phone_at_rest_has_no_dialog() {
        let info = DialogInfo { version: 0, entity: "sip:1001@h".into(), dialogs: vec![] };
        assert!(!info.to_string().contains("<dialog id"));
    }
}
