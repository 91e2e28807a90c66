//! What a phone with DTLS-SRTP does besides: its handshake and, like a browser, ICE's checks. Its
//! descriptions are those of Belfry's own negotiation, which is lite, made into a full agent's.
//!
//! Keys and certificates come from the system: what such a call sends is not the same in the next run.

use std::net::SocketAddr;
use std::time::Instant;

use crate::base::{Duration, LegId, Time};
use crate::engine::dtls::Identity;
use crate::engine::dtls::set::{Handshakes, Outcome};
use crate::media::dtls::{Fault, Terms};
use crate::media::srtp::Keys;
use crate::wire::sdp::{Fingerprint, Sdp};
use crate::wire::stun::check::{Key, request};

/// The only leg of its kind.
const OWN: LegId = LegId(0);
/// Between two checks before there is a way, and after.
const SEEK: Duration = Duration::from_millis(50);
const CONSENT: Duration = Duration::from_millis(2_500);
/// Its credentials.
const FRAGMENT: &str = "phon";
const PASSWORD: &str = "a-phone-has-no-secrets-1";

/// A phone's browser.
pub(super) struct Browser {
    handshakes: Handshakes,
    fingerprint: Fingerprint,
    /// Zero of the phone's clock.
    began: Instant,
    /// Whether it finds its way by ICE.
    pub(super) ice: bool,
    peer: Option<Peer>,
    next_check: Time,
    /// Why it got no keys.
    pub(super) fault: Option<Fault>,
}

struct Peer {
    at: SocketAddr,
    username: String,
    key: Key,
    answered: bool,
}

/// What comes of something.
pub(super) enum Done {
    Send(Vec<u8>),
    Keys(Keys),
}

impl Browser {
    pub(super) fn new() -> Browser {
        let identity = Identity::generate().expect("a certificate can be made");
        Browser {
            fingerprint: identity.fingerprint().clone(),
            handshakes: Handshakes::new(identity),
            began: Instant::now(),
            ice: false,
            peer: None,
            next_check: Time::NEVER,
            fault: None,
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.clone()
    }

    /// Shows another certificate from now on than its descriptions name.
    pub(super) fn masquerade(&mut self) {
        let other = Identity::generate().expect("a certificate can be made");
        self.handshakes = Handshakes::new(other);
    }

    fn instant(&self, now: Time) -> Instant {
        self.began + now.since(Time::ZERO)
    }

    /// Another call.
    pub(super) fn forget(&mut self) {
        self.handshakes.forget(OWN);
        (self.peer, self.next_check, self.fault) = (None, Time::NEVER, None);
    }

    /// Its description, as a full agent writes it.
    pub(super) fn worded(&self, text: Vec<u8>) -> Vec<u8> {
        if !self.ice {
            return text;
        }
        let text = String::from_utf8(text).expect("its own description");
        let foreign = ["a=ice-", "a=candidate", "a=end-of-candidates"];
        let kept = text.split_inclusive('\n').filter(|l| !foreign.iter().any(|f| l.starts_with(f)));
        let own = format!("a=ice-ufrag:{FRAGMENT}\r\na=ice-pwd:{PASSWORD}\r\n");
        // The audio is its last section.
        (kept.collect::<String>() + &own).into_bytes()
    }

    /// Belfry's description holds.
    pub(super) fn agree(&mut self, now: Time, sdp: &Sdp, terms: Option<Terms>) {
        let Some(terms) = terms else { return };
        let word = |name: &str| {
            let attribute = sdp.media.first().and_then(|media| sdp.attribute_of(media, name))?;
            Some(String::from_utf8_lossy(attribute.text()).into_owned())
        };
        let credentials = word("ice-ufrag").zip(word("ice-pwd")).filter(|_| self.ice);
        let address = sdp.media.first().and_then(|media| {
            Some(SocketAddr::new(sdp.connection_of(media)?.address.ip()?, media.port))
        });
        let checked = credentials.is_some();
        if let (Some((fragment, password)), Some(at)) = (credentials, address) {
            let username = format!("{fragment}:{FRAGMENT}");
            if self.peer.as_ref().is_none_or(|peer| peer.username != username) {
                let key = Key::new(&password);
                self.peer = Some(Peer { at, username, key, answered: false });
                self.next_check = now;
            }
        }
        self.handshakes.agree(self.instant(now), OWN, terms, checked);
    }

    /// A datagram that is no RTP.
    pub(super) fn datagram(&mut self, now: Time, bytes: &[u8]) {
        let instant = self.instant(now);
        if bytes.first().is_some_and(|first| *first > 3) {
            return self.handshakes.datagram(instant, OWN, bytes);
        }
        // A success; which of its checks it answers is all the same.
        if let Some(peer) = self.peer.as_mut().filter(|peer| bytes[0] == 1 && !peer.answered) {
            peer.answered = true;
            self.handshakes.datagram(instant, OWN, &[]);
        }
    }

    pub(super) fn next_wake(&self) -> Time {
        let handshake = self
            .handshakes
            .next_wake()
            .map_or(Time::NEVER, |at| Time::ZERO + at.saturating_duration_since(self.began));
        handshake.min(self.next_check)
    }

    pub(super) fn wake(&mut self, now: Time) {
        self.handshakes.wake(self.instant(now));
    }

    /// What is to be done.
    pub(super) fn poll(&mut self, now: Time) -> Option<Done> {
        if self.next_check <= now
            && let Some(peer) = &self.peer
        {
            self.next_check = now + if peer.answered { CONSENT } else { SEEK };
            let nth = now.since(Time::ZERO).as_nanos() as u64;
            return Some(Done::Send(request(&peer.username, &peer.key, true, nth)));
        }
        match self.handshakes.poll()? {
            Outcome::Send(_, bytes) => Some(Done::Send(bytes)),
            Outcome::Keys(_, _, keys) => Some(Done::Keys(keys)),
            Outcome::Failed(_, fault) => {
                self.fault = Some(fault);
                None
            }
        }
    }

    /// Where its datagrams go, where ICE says it.
    pub(super) fn way(&self) -> Option<SocketAddr> {
        self.peer.as_ref().map(|peer| peer.at)
    }
}
