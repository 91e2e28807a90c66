//! All handshakes, sans I/O: orders, datagrams and time go in; datagrams, keys and faults come out.
//!
//! ```text
//!            order                first datagram, or: we begin          keys
//!   (none) ───────▶ Waiting ──────────────────────────────▶ Running ─────────▶ Keyed ── LINGER ──▶ Over
//!                                                             │ another certificate, time, fault      ▲
//!                                                             └───────────────────────────────────────┘
//! ```
//!
//! A handshake that gave its keys stays a while: the peer may have missed our last flight and ask for it
//! again. One that is over hears nothing any more until its leg agrees on other terms.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, Error, KeyingMaterial, Output, SrtpProfile};

use super::Identity;
use crate::base::LegId;
use crate::media::dtls::{Fault, Terms, is_client_hello};
use crate::media::srtp::Keys;
use crate::wire::sdp::{Fingerprint, Hash};
use crate::wire::srtp::{MasterKey, Suite};

/// A handshake that takes longer has failed: four flights at the worst round trip, each lost twice.
pub const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Who is to begin has so long for it before it is told of, and again. A browser whose user has not
/// answered yet, or that hears no early audio, may be late with good reason: the switch judges.
pub const BEGINS_WITHIN: Duration = Duration::from_secs(30);
/// The first wait before a flight is sent again. RFC 6347 §4.2.4.1 has 1 s; a call's first word waits for it,
/// and a home agent's round trip is a quarter of that (R6).
const FIRST_WAIT: Duration = Duration::from_millis(400);
/// How long a handshake is kept after its keys.
const LINGER: Duration = Duration::from_secs(60);
/// Handshakes that run at once.
const MOST_RUNNING: usize = 1_000;
/// Bytes of the longest datagram of ours.
const MTU: usize = 1_200;

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// This goes to the leg's peer.
    Send(LegId, Vec<u8>),
    /// The leg's keys, and the terms of which they are.
    Keys(LegId, Terms, Keys),
    /// The leg gets none, or not yet ([`Fault::NotBegun`]).
    Failed(LegId, Fault),
}

/// All handshakes.
pub struct Handshakes {
    identity: Identity,
    /// For peers that have shown by ICE where they are, and for others: these prove it by a cookie first
    /// (RFC 6347 §4.2.1).
    checked: Arc<Config>,
    unchecked: Arc<Config>,
    legs: HashMap<LegId, Handshake>,
    out: VecDeque<Outcome>,
}

struct Handshake {
    terms: Terms,
    checked: bool,
    stage: Stage,
    wake: Option<Instant>,
}

enum Stage {
    Waiting,
    Running { dtls: Box<Dtls>, verified: bool, until: Instant },
    Keyed { dtls: Box<Dtls>, until: Instant },
    Over,
}

impl Handshakes {
    /// Of legs that show `identity`.
    pub fn new(identity: Identity) -> Handshakes {
        let config = |cookie: bool| {
            let config = Config::builder()
                .mtu(MTU)
                .flight_start_rto(FIRST_WAIT)
                .flight_retries(6)
                .handshake_timeout(TIME_LIMIT)
                .use_server_cookie(cookie);
            Arc::new(config.build().expect("these are within what dimpl takes"))
        };
        let (checked, unchecked) = (config(false), config(true));
        Handshakes { identity, checked, unchecked, legs: HashMap::new(), out: VecDeque::new() }
    }

    /// A leg has agreed, again maybe: on the same terms what runs goes on. `checked`: its peer shows by ICE
    /// where it is, and until an empty datagram says so there is no way to it.
    pub fn agree(&mut self, now: Instant, leg: LegId, terms: Terms, checked: bool) {
        let before = self.legs.get(&leg);
        if before.is_some_and(|before| before.terms == terms) {
            return;
        }
        // To another device a way is to be found anew.
        let found = before.is_some_and(|before| before.terms.fingerprint == terms.fingerprint);
        let has_way = !checked || found;
        let begins = terms.active && has_way;
        let stage = Stage::Waiting;
        let wake = Some(now + BEGINS_WITHIN);
        self.legs.insert(leg, Handshake { terms, checked, stage, wake });
        if begins {
            self.begin(now, leg);
            self.advance(now, leg);
        }
    }

    /// A leg is over, or has its keys otherwise from now on.
    pub fn forget(&mut self, leg: LegId) {
        self.legs.remove(&leg);
    }

    /// A datagram of a leg's peer; an empty one: there is a way to it.
    pub fn datagram(&mut self, now: Instant, leg: LegId, datagram: &[u8]) {
        let Some(handshake) = self.legs.get(&leg) else { return };
        let waits = matches!(handshake.stage, Stage::Waiting);
        // Before a ClientHello says what is spoken, the library would keep whatever comes.
        let hears = handshake.terms.active || handshake.has_begun() || is_client_hello(datagram);
        if !hears {
            return;
        }
        if waits && (handshake.terms.active == datagram.is_empty()) {
            self.begin(now, leg);
        }
        let Some(handshake) = self.legs.get_mut(&leg) else { return };
        let Some(dtls) = handshake.dtls() else { return };
        let taken = match datagram.is_empty() {
            true => Ok(()),
            false => dtls.handle_timeout(now).and_then(|()| dtls.handle_packet(datagram)),
        };
        self.went(leg, taken);
        self.advance(now, leg);
    }

    /// When [`Handshakes::wake`] wants to be called.
    pub fn next_wake(&self) -> Option<Instant> {
        self.legs.values().filter_map(|handshake| handshake.wake).min()
    }

    /// Sends again what was lost, and gives up what takes too long.
    pub fn wake(&mut self, now: Instant) {
        let due = |handshake: &Handshake| handshake.wake.is_some_and(|at| at <= now);
        let due: Vec<LegId> =
            self.legs.iter().filter(|(_, h)| due(h)).map(|(leg, _)| *leg).collect();
        for leg in due {
            let Some(handshake) = self.legs.get_mut(&leg) else { continue };
            match handshake.stage {
                Stage::Keyed { until, .. } if until <= now => {
                    (handshake.stage, handshake.wake) = (Stage::Over, None);
                    continue;
                }
                Stage::Waiting => {
                    handshake.wake = Some(now + BEGINS_WITHIN);
                    self.out.push_back(Outcome::Failed(leg, Fault::NotBegun));
                    continue;
                }
                Stage::Running { until, .. } if until <= now => {
                    self.fail(leg, Fault::TimedOut);
                    continue;
                }
                _ => {}
            }
            let Some(dtls) = handshake.dtls() else { continue };
            let went = dtls.handle_timeout(now);
            self.went(leg, went);
            self.advance(now, leg);
        }
    }

    /// What came of it so far.
    pub fn poll(&mut self) -> Option<Outcome> {
        self.out.pop_front()
    }

    fn begin(&mut self, now: Instant, leg: LegId) {
        let running = |handshake: &&Handshake| matches!(handshake.stage, Stage::Running { .. });
        if self.legs.values().filter(running).count() >= MOST_RUNNING {
            return self.fail(leg, Fault::Overloaded);
        }
        let Some(handshake) = self.legs.get_mut(&leg) else { return };
        let config = if handshake.checked { &self.checked } else { &self.unchecked };
        let mut dtls = Dtls::new_auto(config.clone(), self.identity.certificate.clone(), now);
        dtls.set_active(handshake.terms.active);
        let until = now + TIME_LIMIT;
        handshake.stage = Stage::Running { dtls: Box::new(dtls), verified: false, until };
        let begun = handshake.dtls().map_or(Ok(()), |dtls| dtls.handle_timeout(now));
        self.went(leg, begun);
    }

    /// An error of the library ends a handshake; after the keys nobody needs it any more. What it has no room
    /// for is lost, as long as the peer has not shown its certificate: a stranger may have sent it.
    fn went(&mut self, leg: LegId, result: Result<(), Error>) {
        let Err(error) = result else { return };
        match self.legs.get_mut(&leg) {
            Some(handshake) if is_loss(&error) && handshake.is_unverified() => {}
            Some(handshake) if matches!(handshake.stage, Stage::Keyed { .. }) => {
                (handshake.stage, handshake.wake) = (Stage::Over, None);
            }
            Some(_) => self.fail(leg, fault(&error)),
            None => {}
        }
    }

    fn fail(&mut self, leg: LegId, fault: Fault) {
        if let Some(handshake) = self.legs.get_mut(&leg) {
            (handshake.stage, handshake.wake) = (Stage::Over, None);
            self.out.push_back(Outcome::Failed(leg, fault));
        }
    }

    /// Takes out what the library has for us.
    fn advance(&mut self, now: Instant, leg: LegId) {
        let mut buffer = [0; 2 * MTU];
        let (mut connected, mut keys) = (false, None);
        loop {
            let Some(handshake) = self.legs.get_mut(&leg) else { return };
            let expected = &handshake.terms.fingerprint;
            let ((dtls, until), verified) = match &mut handshake.stage {
                Stage::Running { dtls, verified, until } => ((dtls, *until), verified),
                Stage::Keyed { dtls, until } => ((dtls, *until), &mut true),
                Stage::Waiting | Stage::Over => return,
            };
            match dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => self.out.push_back(Outcome::Send(leg, packet.to_vec())),
                Output::PeerCert(shown) if expected.is_of(shown) => *verified = true,
                Output::PeerCert(shown) => {
                    let shown = Fingerprint::of(Hash::Sha256, shown);
                    return self.fail(leg, Fault::Fingerprint(shown));
                }
                Output::KeyingMaterial(material, profile) if *verified => {
                    keys = split(&material, profile, handshake.terms.active);
                }
                Output::Connected => connected = true,
                Output::Timeout(at) => {
                    handshake.wake = Some(at.min(until));
                    break;
                }
                Output::BufferTooSmall { .. } => {
                    return self.fail(leg, Fault::Broken("a datagram is too long".into()));
                }
                // Nobody speaks to us through DTLS; signalling says when a call is over.
                _ => {}
            }
        }
        if connected {
            self.connected(now, leg, keys);
        }
    }

    /// The handshake has come to its end: its keys hold.
    fn connected(&mut self, now: Instant, leg: LegId, keys: Option<Keys>) {
        let Some(handshake) = self.legs.get_mut(&leg) else { return };
        let Stage::Running { .. } = handshake.stage else { return };
        let Some(keys) = keys else {
            return self.fail(leg, Fault::Profile);
        };
        let until = now + LINGER;
        if let Stage::Running { dtls, .. } = std::mem::replace(&mut handshake.stage, Stage::Over) {
            handshake.stage = Stage::Keyed { dtls, until };
            handshake.wake = Some(handshake.wake.map_or(until, |wake| wake.min(until)));
        }
        let terms = handshake.terms.clone();
        self.out.push_back(Outcome::Keys(leg, terms, keys));
    }
}

impl Handshake {
    /// Whether a ClientHello has been taken, so that the version is known.
    fn has_begun(&self) -> bool {
        match &self.stage {
            Stage::Running { dtls, .. } => dtls.protocol_version().is_some(),
            Stage::Keyed { .. } => true,
            Stage::Waiting | Stage::Over => false,
        }
    }

    /// Whether it runs, and the peer has not shown the certificate that was named.
    fn is_unverified(&self) -> bool {
        matches!(self.stage, Stage::Running { verified: false, .. })
    }

    fn dtls(&mut self) -> Option<&mut Dtls> {
        match &mut self.stage {
            Stage::Running { dtls, .. } | Stage::Keyed { dtls, .. } => Some(dtls),
            Stage::Waiting | Stage::Over => None,
        }
    }
}

/// The exported secret as master keys (RFC 5764 §4.2): both keys, then both salts, the client's first.
fn split(material: &KeyingMaterial, profile: SrtpProfile, client: bool) -> Option<Keys> {
    let suite = match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Suite::AesCm128Sha1Tag80,
        SrtpProfile::AEAD_AES_128_GCM => Suite::AeadAes128Gcm,
        SrtpProfile::AEAD_AES_256_GCM => Suite::AeadAes256Gcm,
        _ => return None,
    };
    let (keys, salts) = material.split_at_checked(2 * suite.key_len())?;
    let (of_client, of_server) = keys.split_at(suite.key_len());
    let (salt_of_client, salt_of_server) = salts.split_at_checked(suite.salt_len())?;
    let key = |key: &[u8], salt: &[u8]| {
        let whole = zeroize::Zeroizing::new([key, salt].concat());
        MasterKey::new(suite, &whole)
    };
    let from_client = key(of_client, salt_of_client)?;
    let from_server = key(of_server, salt_of_server)?;
    Some(match client {
        true => Keys { send: from_client, receive: from_server },
        false => Keys { send: from_server, receive: from_client },
    })
}

/// Whether all that has happened is that a datagram found no room.
fn is_loss(error: &Error) -> bool {
    matches!(error, Error::ReceiveQueueFull | Error::TooManyClientHelloFragments)
}

fn fault(error: &Error) -> Fault {
    match error {
        Error::Timeout(_) => Fault::TimedOut,
        other => Fault::Broken(other.to_string().into()),
    }
}
