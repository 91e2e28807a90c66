//! SRTP's keys in offers and answers (SDES, RFC 4568): whether the audio is protected, and by which.
//!
//! | The account's SRTP | We offer | Offered `RTP/SAVP` | `RTP/AVP` with `a=crypto` | `RTP/AVP` alone |
//! |---|---|---|---|---|
//! | off | `RTP/AVP` | 488 | plain | plain |
//! | offered | `RTP/AVP` | SRTP | SRTP | plain |
//! | preferred | `RTP/AVP` with `a=crypto` (RFC 8643), or first `RTP/SAVP` | SRTP | SRTP | plain |
//! | required | `RTP/SAVP` | SRTP | SRTP | 488 |
//! | dtls | `UDP/TLS/RTP/SAVPF` ([`dtls`](super::dtls)) | 488 | 488 | 488 |
//!
//! Which of the two "preferred" offers first is the device's: there are such as refuse `RTP/AVP` and such as refuse
//! `RTP/SAVP`, and each gets the other one after its refusal ([`super::otherwise`]).
//!
//! Each direction has its own key. As long as a peer's descriptions repeat its key, ours repeat ours,
//! and both streams go on; a new key of the peer's gets a new one of ours. Keys of a session that
//! goes on in the clear are forgotten: none is ever used for a second stream.

use serde::{Deserialize, Serialize};

use super::NoCommon;
use super::peer::spoken;
use crate::media::srtp::Keys;
use crate::wire::sdp::{Crypto, Media};
use crate::wire::srtp::{KeySource, Suite};

/// What we offer, the preferred first: GCM costs least, the other is what every peer knows. Whatever
/// suite is offered to us is taken.
const OFFERED: [Suite; 2] = [Suite::AeadAes128Gcm, Suite::AesCm128Sha1Tag80];
/// How protected audio is carried, with and without feedback (RFC 3711 §12, RFC 5124).
const SECURE: [&str; 2] = ["RTP/SAVP", "RTP/SAVPF"];

/// Whether an account's audio is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Protection {
    /// Never.
    Off,
    /// Where the other side offers it.
    Offered,
    /// Where the other side can.
    Preferred,
    /// Always, or there is no call.
    Required,
    /// Always, by keys that DTLS gives: what browsers speak.
    Dtls,
}

/// The keys of one leg's session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Sdes {
    policy: Protection,
    /// Of the two ways in which "preferred" is offered, `RTP/SAVP` is the one of our latest offer.
    #[serde(default)]
    insists: bool,
    source: KeySource,
    /// The lines of our latest description.
    ours: Vec<Crypto>,
    /// What was agreed on, if the audio is protected.
    keys: Option<Keys>,
}

impl Sdes {
    pub(super) fn new(policy: Protection, source: KeySource) -> Sdes {
        Sdes { policy, insists: false, source, ours: Vec::new(), keys: None }
    }

    /// What holds now.
    pub(super) fn keys(&self) -> Option<Keys> {
        self.keys.clone()
    }

    /// The lines of an offer of ours; none where the audio is, or shall be, plain. `agreed`: an
    /// exchange has come to its end.
    pub(super) fn offer(&mut self, agreed: bool) -> &[Crypto] {
        let plain = match self.policy {
            Protection::Off | Protection::Dtls => true,
            Protection::Offered => self.keys.is_none(),
            Protection::Preferred => agreed && self.keys.is_none(),
            Protection::Required => false,
        };
        if plain {
            self.ours.clear();
        } else if let (true, Some(keys)) = (agreed, &self.keys) {
            // Of several lines the one that was agreed on; none, where the key is to change.
            self.ours.retain(|line| line.key == keys.send);
        }
        if !plain && self.ours.is_empty() {
            let lines = OFFERED.iter().zip(1..);
            self.ours =
                lines.map(|(suite, tag)| Crypto::new(tag, self.source.next(*suite))).collect();
        }
        if plain { &[] } else { &self.ours }
    }

    /// The protocol of an offer with `lines` or without, where the section had `before`.
    pub(super) fn protocol(&self, before: &str, protected: bool) -> Box<str> {
        let insists = self.insists || self.policy == Protection::Required;
        let secure = protected && (is_secure(before) || insists);
        match secure {
            true if is_secure(before) => before.into(),
            true => SECURE[0].into(),
            false if spoken(before) => before.into(),
            false => "RTP/AVP".into(),
        }
    }

    /// By which of its lines an offered section is to be protected; `None`: not at all.
    pub(super) fn choose(&self, media: &Media) -> Result<Option<Crypto>, NoCommon> {
        let secure = is_secure(&media.proto);
        if self.policy == Protection::Dtls {
            return Err(NoCommon::NotDtls(media.proto.clone()));
        }
        if !spoken(&media.proto) && (!secure || self.policy == Protection::Off) {
            return Err(NoCommon::Protocol(media.proto.clone()));
        }
        if self.policy == Protection::Off {
            return Ok(None);
        }
        // One without an MKI if there is one: those are what all make alike.
        let usable = || media.crypto().flatten();
        let chosen = usable().find(|c| c.key.mki().is_none()).or_else(|| usable().next());
        match (chosen, secure, self.policy) {
            (Some(chosen), ..) => Ok(Some(chosen)),
            (None, false, Protection::Preferred | Protection::Offered | Protection::Off) => {
                Ok(None)
            }
            (None, false, Protection::Required | Protection::Dtls) => Err(no_key(media)),
            (None, true, _) => Err(no_key(media)),
        }
    }

    /// We answer with a key for `theirs`, or in the clear.
    pub(super) fn answer(&mut self, theirs: Option<Crypto>) -> &[Crypto] {
        let Some(theirs) = theirs else {
            self.forget();
            return &[];
        };
        let suite = theirs.key.suite();
        let same = self.keys.take().filter(|keys| keys.receive == theirs.key);
        let send = match same {
            Some(keys) => keys.send,
            None => self.source.next(suite),
        };
        self.ours = vec![Crypto::new(theirs.tag, send.clone())];
        self.keys = Some(Keys { send, receive: theirs.key });
        &self.ours
    }

    /// What an answer to our latest offer agrees on: our line and the peer's. `None`: the audio is
    /// plain.
    pub(super) fn accepted(&self, media: &Media) -> Result<Option<(Crypto, Crypto)>, NoCommon> {
        let secure = is_secure(&media.proto);
        let offered = !self.ours.is_empty();
        if !(spoken(&media.proto) || secure && offered) {
            return Err(NoCommon::Protocol(media.proto.clone()));
        }
        if !offered {
            return Ok(None);
        }
        // By its tag (§7.1.3), and where a peer counts its own, by its suite.
        let ours = |theirs: &Crypto| {
            let fit = |c: &&Crypto| c.key.suite() == theirs.key.suite();
            let tagged = self.ours.iter().filter(fit).find(|c| c.tag == theirs.tag);
            tagged.or_else(|| self.ours.iter().find(fit)).cloned()
        };
        let agreed = media.crypto().flatten().find_map(|theirs| Some((ours(&theirs)?, theirs)));
        match agreed {
            Some(agreed) => Ok(Some(agreed)),
            // Another fork's choice, or one that we never offered: what it sends is not plain.
            None if secure || media.crypto().next().is_some() => Err(no_key(media)),
            None if self.policy == Protection::Required => Err(no_key(media)),
            None => Ok(None),
        }
    }

    /// The exchange that was [`accepted`](Self::accepted) holds. Our lines stay as they were offered until
    /// the next offer: another fork may answer the same one (RFC 3261 §13.2.2.4), and with another line.
    pub(super) fn settle(&mut self, agreed: Option<(Crypto, Crypto)>) {
        self.keys = agreed.map(|(ours, theirs)| Keys { send: ours.key, receive: theirs.key });
    }

    /// What the audio is to be protected by is no key of ours.
    pub(super) fn forget(&mut self) {
        (self.ours, self.keys) = (Vec::new(), None);
    }

    /// Offers `RTP/SAVP` first where both ways are open.
    pub(super) fn insist(&mut self, insists: bool) {
        self.insists = insists && self.policy == Protection::Preferred;
    }

    /// Goes over to the other way of offering the same lines. False: there is none.
    pub(super) fn turn(&mut self) -> bool {
        let both = self.policy == Protection::Preferred && !self.ours.is_empty();
        self.insists ^= both;
        both
    }

    /// What was agreed on is carried as `proto`: our next offer keeps to it.
    pub(super) fn carried_as(&mut self, proto: &str) {
        self.insist(is_secure(proto));
    }

    /// The next offer has new keys.
    pub(super) fn change(&mut self) {
        self.ours.clear();
    }

    /// What the account has.
    pub(super) fn policy(&self) -> Protection {
        self.policy
    }

    /// Where this leg's secrets come from.
    pub(super) fn source(&mut self) -> &mut KeySource {
        &mut self.source
    }

    /// Whether protected sections come before plain ones.
    pub(super) fn is_wanted(&self) -> bool {
        self.policy != Protection::Off
    }
}

/// Whether audio is carried as SRTP.
pub(super) fn is_secure(proto: &str) -> bool {
    SECURE.iter().any(|secure| proto.eq_ignore_ascii_case(secure))
}

/// Why there is no key in a section that needs one.
fn no_key(media: &Media) -> NoCommon {
    NoCommon::NoKey { proto: media.proto.clone(), why: media.crypto().find_map(Result::err) }
}
