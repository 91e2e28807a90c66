//! ICE in offers and answers (RFC 8839), as a lite agent with one address: our credentials, our candidate,
//! the peer's credentials. Its candidates we need not know: its checks come from where it is.
//!
//! Spoken with who offers it together with SRTP and `a=rtcp-mux`: nothing else proves that the packets behind
//! a checked address are the peer's (R8), and a second port would want checks of its own. To everybody else
//! it is as if ICE had not been offered (RFC 8839 §4.2.5). A peer that is lite itself asks nothing, so that
//! there its description is believed as without ICE.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::media::ice::{Credentials, Terms};
use crate::wire::sdp::{Attribute, Media, Sdp};
use crate::wire::srtp::KeySource;

/// Characters of ours: 48 and 144 random bits (RFC 8445 §5.3 wants 24 and 128).
const FRAGMENT: usize = 8;
const PASSWORD: usize = 24;
/// The least and the most of a peer's (RFC 8839 §5.4).
const FRAGMENTS: core::ops::RangeInclusive<usize> = 4..=256;
const PASSWORDS: core::ops::RangeInclusive<usize> = 22..=256;
/// Of a host candidate, the only one of its kind (RFC 8445 §5.1.2.1).
const PRIORITY: u32 = 126 << 24 | 65_535 << 8 | 255;

/// One leg's.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(super) struct Ice {
    /// Ours, once they were needed.
    ours: Option<Credentials>,
    /// The peer's, if ICE was agreed on.
    theirs: Option<Credentials>,
}

impl Ice {
    /// What holds now.
    pub(super) fn terms(&self) -> Option<Terms> {
        let (ours, theirs) = (self.ours.clone()?, self.theirs.clone()?);
        Some(Terms { ours, theirs })
    }

    /// Whether our description has them.
    pub(super) fn is_ours(&self) -> bool {
        self.ours.is_some()
    }

    /// Whether the peer speaks it.
    pub(super) fn has_peer(&self) -> bool {
        self.theirs.is_some()
    }

    /// The peer's description holds. Other credentials than before are
    /// a restart, and call for others of ours in an answer (§9).
    pub(super) fn settle(&mut self, theirs: Option<Credentials>, answering: bool) {
        let restarts = self.theirs.is_some() && theirs.is_some() && self.theirs != theirs;
        if answering && restarts {
            self.ours = None;
        }
        self.theirs = theirs;
    }

    /// Says in our section where we are.
    pub(super) fn write(&mut self, media: &mut Media, rtp: SocketAddr, source: &mut KeySource) {
        let ours = self.ours.get_or_insert_with(|| Credentials {
            fragment: source.letters(FRAGMENT),
            password: source.letters(PASSWORD),
        });
        media.push("ice-ufrag", ours.fragment.as_bytes());
        media.push("ice-pwd", ours.password.as_bytes());
        let (ip, port) = (rtp.ip(), rtp.port());
        media.push("candidate", format!("1 1 udp {PRIORITY} {ip} {port} typ host"));
        media.attributes.push(Attribute::flag("end-of-candidates"));
    }
}

/// The peer's credentials, if ICE can be spoken with it.
pub(super) fn credentials(sdp: &Sdp, media: &Media) -> Option<Credentials> {
    let text = |name: &str| core::str::from_utf8(sdp.attribute_of(media, name)?.text()).ok();
    let (fragment, password) = (text("ice-ufrag")?.trim(), text("ice-pwd")?.trim());
    let fits = FRAGMENTS.contains(&fragment.len()) && PASSWORDS.contains(&password.len());
    let asks = sdp.attribute("ice-lite").is_none();
    (fits && asks && media.has("rtcp-mux"))
        .then(|| Credentials { fragment: fragment.into(), password: password.into() })
}
