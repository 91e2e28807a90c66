//! Which dialog a Replaces header names (RFC 3891 §3), and what name one of ours has.
//!
//! ```text
//!   INVITE, Replaces: call-id;to-tag=ours;from-tag=theirs ──▶ named ─┬─ Confirmed  200, BYE to the old
//!                                                                    ├─ Early      200, CANCEL of the old
//!                                                                    ├─ Ended      603
//!                                                                    └─ Nothing    481
//! ```
//!
//! A watcher of a phone's lamp (RFC 4235) knows the dialog as the phone has it, where our tag is the
//! remote one; it sends the name to us, who stand between the two. So a name the other way round is
//! understood too: it holds the same three random values.
//!
//! Not here: who may replace what, and how; that is the switch's.

use super::Agent;
use crate::sip::event::SessionId;
use crate::sip::invite::session::{Session, Setup};
use crate::sip::token::Token;
use crate::wire::sip::{Message, Replaces, Uri};

/// What a Replaces header names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// No dialog of ours, or one that must not be replaced: early, and the INVITE was the peer's.
    Nothing,
    /// A dialog that is over and still being taken leave of.
    Ended,
    /// A call of ours that rings.
    Early(SessionId),
    /// A call in being.
    Confirmed(SessionId),
}

impl Agent {
    /// What `replaces` names.
    pub fn named(&self, replaces: &Replaces) -> Named {
        let Some(session) = self.found(replaces) else { return Named::Nothing };
        match (&session.setup, session.usage) {
            (_, usage) if usage.has_ended() => Named::Ended,
            (_, usage) if usage.is_established() => Named::Confirmed(session.id),
            (Setup::Calling(_), _) => Named::Early(session.id),
            (Setup::Called(_), _) => Named::Nothing,
        }
    }

    /// The session that is named so, whichever side began it and however far it has come, as long as
    /// it has not ended: what a REFER may name.
    pub fn replaced(&self, replaces: &Replaces) -> Option<SessionId> {
        self.found(replaces).filter(|session| !session.usage.has_ended()).map(|session| session.id)
    }

    fn found(&self, replaces: &Replaces) -> Option<&Session> {
        let Replaces { call_id, to_tag, from_tag, .. } = replaces;
        self.by_name(call_id, to_tag, from_tag).or_else(|| self.by_name(call_id, from_tag, to_tag))
    }

    /// The session with a dialog of these tags, its own first.
    fn by_name(&self, call_id: &[u8], own: &[u8], peer: &[u8]) -> Option<&Session> {
        let session = self.sessions.get(self.by_tag.get(&Token::parse(own)?)?)?;
        let early = match &session.setup {
            Setup::Calling(calling) => calling.early.as_slice(),
            Setup::Called(_) => &[],
        };
        let mut dialogs = session.dialog.iter().chain(early.iter().map(|early| &early.dialog));
        // A peer of RFC 2543 has no tag; `0` stands for it (§3).
        let same = |tag: &[u8]| tag == peer || tag.is_empty() && peer == b"0";
        let named = |dialog: &crate::sip::dialog::Dialog| {
            dialog.call_id() == call_id && same(dialog.remote_tag())
        };
        dialogs.any(named).then_some(&**session)
    }

    /// The Contact by which the peer of a session was called, or by which it calls.
    pub fn contact(&self, id: SessionId) -> Option<Uri> {
        let session = self.sessions.get(&id)?;
        let called = match &session.setup {
            Setup::Calling(calling) => calling.invite.as_ref().and_then(Message::request_uri),
            Setup::Called(_) => None,
        };
        match called {
            Some(uri) => Uri::parse(uri).ok(),
            None => Some(session.dialog.as_ref()?.target().clone()),
        }
    }

    /// The Call-ID of a session's dialog, or of the INVITE that shall make one.
    pub fn call_id(&self, id: SessionId) -> Option<String> {
        let session = self.sessions.get(&id)?;
        let call_id = match (&session.dialog, &session.setup) {
            (Some(dialog), _) => dialog.call_id(),
            (None, Setup::Calling(calling)) => calling.invite.as_ref()?.call_id().ok()?,
            (None, Setup::Called(_)) => return None,
        };
        Some(String::from_utf8_lossy(call_id).into_owned())
    }

    /// The name of a session's dialog as its peer knows it, of the first fork while it rings: for a
    /// REFER of ours that is to take the dialog's place, and for who watches the peer.
    pub fn replaces(&self, id: SessionId) -> Option<Replaces> {
        let session = self.sessions.get(&id)?;
        let dialog = session.dialog.as_ref().or_else(|| session.early())?;
        Some(Replaces {
            call_id: dialog.call_id().into(),
            to_tag: dialog.remote_tag().into(),
            from_tag: session.tag.text().into(),
            early_only: false,
        })
    }
}
