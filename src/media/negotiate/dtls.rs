//! DTLS-SRTP in offers and answers (RFC 5763, RFC 8842): whose certificate, and who begins the handshake.
//!
//! | Their `a=setup` | Ours in answer | |
//! |---|---|---|
//! | `actpass`, `active`, none | `passive` | what a browser expects of a server: it comes to us through its NAT |
//! | `passive` | `active` | |
//!
//! Our offers say `actpass`, and an answer that says so too (it may not) is taken as `active`. Once a role is
//! taken it stays: it changes only if a later description of the peer rules it out.

use serde::{Deserialize, Serialize};

use super::NoCommon;
use crate::media::dtls::Terms;
use crate::wire::sdp::{Fingerprint, Media, Sdp, Setup};

/// How audio of a browser is carried, with and without feedback (RFC 5764 §8).
const PROTOCOLS: [&str; 2] = ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP"];

/// Whether audio is carried as SRTP whose keys come by DTLS.
pub(super) fn is_dtls(proto: &str) -> bool {
    PROTOCOLS.iter().any(|dtls| proto.eq_ignore_ascii_case(dtls))
}

/// One leg's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Dtls {
    /// Of our own certificate; `None`: there is none, and DTLS is not spoken.
    own: Option<Fingerprint>,
    /// What was agreed on.
    terms: Option<Terms>,
}

impl Dtls {
    pub(super) fn new(own: Option<Fingerprint>) -> Dtls {
        Dtls { own, terms: None }
    }

    /// Whether it can be spoken at all.
    pub(super) fn is_spoken(&self) -> bool {
        self.own.is_some()
    }

    /// What holds now.
    pub(super) fn terms(&self) -> Option<Terms> {
        self.terms.clone()
    }

    /// The protocol of an offer, where the section had `before`.
    pub(super) fn protocol(before: &str) -> Box<str> {
        if is_dtls(before) { before.into() } else { PROTOCOLS[0].into() }
    }

    /// What a section of the peer's comes to.
    pub(super) fn read(&self, sdp: &Sdp, media: &Media) -> Result<Terms, NoCommon> {
        if !self.is_spoken() {
            return Err(NoCommon::Protocol(media.proto.clone()));
        }
        let proto = media.proto.clone();
        let fingerprint = match sdp.fingerprint_of(media) {
            Some(Ok(fingerprint)) => fingerprint,
            Some(Err(why)) => return Err(NoCommon::NoFingerprint { proto, why: Some(why) }),
            None => return Err(NoCommon::NoFingerprint { proto, why: None }),
        };
        let held = self.terms.as_ref().map(|terms| terms.active);
        let active = match sdp.setup_of(media) {
            Some(Setup::Passive) => true,
            Some(Setup::ActPass) => held.unwrap_or(false),
            Some(Setup::Active) | None => false,
        };
        let id = sdp.attribute_of(media, "tls-id").map(|id| id.text().into());
        Ok(Terms { fingerprint, active, id })
    }

    /// The exchange that was [read](Self::read) holds; `None`: the audio has other keys, or none.
    pub(super) fn settle(&mut self, terms: Option<Terms>) {
        self.terms = terms;
    }

    /// Says in our section who we are, and with `terms` who begins.
    pub(super) fn write(&self, media: &mut Media, terms: Option<&Terms>) {
        let Some(own) = &self.own else { return };
        let setup = match terms {
            None => Setup::ActPass,
            Some(Terms { active: true, .. }) => Setup::Active,
            Some(Terms { active: false, .. }) => Setup::Passive,
        };
        media.push("fingerprint", own.to_string());
        media.push("setup", setup.as_str());
    }
}
