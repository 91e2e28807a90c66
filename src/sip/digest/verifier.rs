//! The server half: challenges, and the check of what comes back (RFC 3261 §22.4, RFC 7616,
//! RFC 8760).
//!
//! ```text
//!   nonce = issued (ms, 8 bytes) | number (8 bytes) | HMAC of both, realm and source (16 bytes), in hex
//! ```
//!
//! A nonce is good for the source alone that it was given to: what is said under it was heard there, so a
//! wrong password cannot be laid at another's door by forging his address. It carries its own proof, so one that never comes back costs nothing. One that was used is
//! remembered with a window of nonce counts: a count is good once. The table is bounded; what it
//! forgot first is refused as stale from then on, never accepted again.
//!
//! The `uri` parameter is not compared with the Request-URI: proxies rewrite that one (§22.4 says
//! so), and the nonce count already stops a captured answer from being used again.
//!
//! A wrong password earns a delay that grows with each failure from the same source; the caller
//! keeps the 401 back for so long ([`crate::sip::Command::Later`]). Not here: who may log in, bans.

use std::collections::BTreeMap;
use std::net::IpAddr;

use subtle::ConstantTimeEq;

use super::failures::{Failed, Failures};
use super::{Algorithm, Computation, Hex, hmac};
use crate::base::{Duration, Rng, Source, Time};
use crate::sip::command::Headers;
use crate::wire::auth::{self, Challenge};
use crate::wire::sip::{Message, Name, ToWire};

/// Nonces whose use is remembered.
const MOST_NONCES: usize = 65_536;
/// Bytes of the tag that proves a nonce ours.
const TAG_BYTES: usize = 16;

/// As what we challenge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// User agent server or registrar: 401, WWW-Authenticate.
    Server,
    /// Proxy: 407, Proxy-Authenticate.
    Proxy,
}

impl Role {
    /// The status of the challenge.
    pub const fn status(self) -> u16 {
        match self {
            Role::Server => 401,
            Role::Proxy => 407,
        }
    }
    const fn asks(self) -> Name {
        match self {
            Role::Server => Name::WwwAuthenticate,
            Role::Proxy => Name::ProxyAuthenticate,
        }
    }
    const fn answers(self) -> Name {
        match self {
            Role::Server => Name::Authorization,
            Role::Proxy => Name::ProxyAuthorization,
        }
    }
}

/// What a request's credentials are worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Right: it is this user.
    Accepted {
        /// User name as sent.
        user: String,
    },
    /// None for our realm, or such as cannot be read: challenge.
    Missing,
    /// The password is right, but the nonce too old or used up: challenge with stale.
    Stale,
    /// Unknown user or wrong password: challenge after a while.
    Wrong {
        /// User name as sent.
        user: String,
        /// How long to keep the answer back.
        delay: Duration,
        /// Which one of its source it is, from 1; from [`GUESSING`](super::GUESSING) on it is no
        /// slip of the finger.
        nth: u32,
    },
}

/// The verifier of one realm.
#[derive(Debug)]
pub struct Verifier {
    realm: String,
    /// What is offered, and nothing else accepted: who can be talked down to MD5 gains nothing.
    algorithms: Vec<Algorithm>,
    key: [u8; 32],
    life: Duration,
    issued: u64,
    used: BTreeMap<(Time, u64), Window>,
    /// What was issued up to here and is not in `used` is not believed any more.
    forgotten: Option<(Time, u64)>,
    failures: Failures,
}

/// Which counts of a nonce were used: the highest, and which of the 64 up to it.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    highest: u32,
    seen: u64,
}

impl Window {
    /// Takes a count. False when it was used, or is too far back to tell.
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            let ahead = count - self.highest;
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let bit = 1u64.checked_shl(self.highest - count).unwrap_or(0);
        let fresh = bit != 0 && self.seen & bit == 0 && count != 0;
        self.seen |= bit;
        fresh
    }
}

impl Verifier {
    /// For a realm, with nonces that live for `life`, and these algorithms, the preferred first.
    pub fn new(realm: &str, life: Duration, algorithms: &[Algorithm], rng: &mut Rng) -> Verifier {
        let mut key = [0; 32];
        rng.fill(&mut key);
        Verifier {
            realm: realm.to_owned(),
            algorithms: algorithms.to_vec(),
            key,
            life,
            issued: 0,
            used: BTreeMap::new(),
            forgotten: None,
            failures: Failures::new(rng),
        }
    }

    /// The headers of a 401 or 407: one for each algorithm, the preferred first (RFC 8760 §2.4),
    /// with one nonce for all, which `source` may use.
    pub fn challenge(&mut self, now: Time, source: IpAddr, role: Role, stale: bool) -> Headers {
        self.issued += 1;
        let nonce = self.nonce(now, self.issued, Source::of(source));
        let value = |algorithm: &Algorithm| {
            let challenge = Challenge {
                realm: self.realm.as_bytes().into(),
                nonce: nonce.as_bytes().into(),
                opaque: None,
                stale,
                algorithm: algorithm.wire(),
                qop: vec!["auth".into()],
                other: Vec::new(),
            };
            (role.asks(), challenge.to_bytes())
        };
        self.algorithms.iter().map(value).collect()
    }

    fn nonce(&self, at: Time, number: u64, source: Source) -> Hex {
        let mut bytes = [0; 16 + TAG_BYTES];
        bytes[..8].copy_from_slice(&at.as_millis().to_be_bytes());
        bytes[8..16].copy_from_slice(&number.to_be_bytes());
        let parts = [&bytes[..16], &source.octets(), self.realm.as_bytes()];
        let tag = hmac::sign(&self.key, &parts);
        bytes[16..].copy_from_slice(&tag[..TAG_BYTES]);
        Hex::of(&bytes)
    }

    /// When a nonce of ours was issued to `source`, and its number; `None` for any other.
    fn read_nonce(&self, nonce: &[u8], source: Source) -> Option<(Time, u64)> {
        let number = |range: core::ops::Range<usize>| {
            let text = core::str::from_utf8(nonce.get(range)?).ok()?;
            u64::from_str_radix(text, 16).ok()
        };
        let (at, number) = (Time::from_millis(number(0..16)? % MOST_MS), number(16..32)?);
        bool::from(self.nonce(at, number, source).as_bytes().ct_eq(nonce)).then_some((at, number))
    }

    /// Whether the request answers a challenge that `source` was given: so it comes from there.
    pub fn is_answer(&self, source: IpAddr, request: &Message, role: Role) -> bool {
        let credentials = self.credentials(request, role);
        credentials.is_some_and(|c| self.read_nonce(&c.nonce, Source::of(source)).is_some())
    }

    /// A request's answer to a challenge of our realm.
    fn credentials(&self, request: &Message, role: Role) -> Option<auth::Credentials> {
        let given = auth::values(request, role.answers());
        let mut given = given.iter().filter_map(|auth| auth::Credentials::parse(auth).ok());
        given.find(|c| *c.realm == *self.realm.as_bytes())
    }

    /// Checks a request's credentials. `password` gives the password of a user, if there is one.
    pub fn verify<'p>(
        &mut self,
        now: Time,
        source: IpAddr,
        request: &Message,
        role: Role,
        password: impl FnOnce(&str) -> Option<&'p str>,
    ) -> Verdict {
        let Some(credentials) = self.credentials(request, role) else { return Verdict::Missing };
        let Some(nonce) = self.read_nonce(&credentials.nonce, Source::of(source)) else {
            return Verdict::Stale;
        };
        let user = String::from_utf8_lossy(&credentials.username).into_owned();
        let password = password(&user);
        // An unknown user costs the same time as a known one.
        let right = Algorithm::parse(credentials.algorithm.as_str().as_bytes())
            .filter(|algorithm| self.algorithms.contains(algorithm))
            .is_some_and(|algorithm| {
                matches(&credentials, algorithm, request, password.unwrap_or_default())
            });
        if !right || password.is_none() {
            let Failed { delay, nth } = self.failures.failed(now, source);
            return Verdict::Wrong { user, delay, nth };
        }
        let count = credentials.qop.as_ref().map_or(1, |qop| qop.nc);
        if now.since(nonce.0) > self.life || !self.take(nonce, count) {
            return Verdict::Stale;
        }
        Verdict::Accepted { user }
    }

    /// Uses up one count of a nonce.
    fn take(&mut self, nonce: (Time, u64), count: u32) -> bool {
        if let Some(window) = self.used.get_mut(&nonce) {
            return window.take(count);
        }
        if self.forgotten.is_some_and(|last| nonce <= last) {
            return false;
        }
        if self.used.len() >= MOST_NONCES {
            self.forgotten = self.used.pop_first().map(|(oldest, _)| oldest).max(self.forgotten);
        }
        let mut window = Window::default();
        let fresh = window.take(count);
        self.used.insert(nonce, window);
        fresh
    }

    /// Other challenges' nonces are good for so long from now on, and those given too.
    pub fn set_life(&mut self, life: Duration) {
        self.life = life;
    }

    /// Forgets nonces that are too old anyway. To be called now and then.
    pub fn expire(&mut self, now: Time) {
        let life = self.life;
        while let Some(entry) = self.used.first_entry()
            && now.since(entry.key().0) > life
        {
            entry.remove();
        }
        self.failures.expire(now);
    }
}

/// Milliseconds that [`Time`] can hold: a stranger's nonce may say more.
const MOST_MS: u64 = u64::MAX / 1_000_000;

/// Is the response right under this password?
fn matches(
    given: &auth::Credentials,
    algorithm: Algorithm,
    request: &Message,
    password: &str,
) -> bool {
    let qop = given.qop.as_ref();
    if qop.is_some_and(|qop| !qop.qop.eq_ignore_ascii_case("auth")) {
        return false;
    }
    let count = qop.map(|qop| format!("{:08x}", qop.nc));
    let auth = count.as_ref().zip(qop).map(|(nc, qop)| (nc.as_bytes(), &*qop.cnonce));
    let expected = Computation {
        algorithm,
        user: &given.username,
        realm: &given.realm,
        password: password.as_bytes(),
        nonce: &given.nonce,
        auth,
        method: &request.method().to_bytes(),
        uri: &given.uri,
    }
    .response();
    // Hexadecimal in either case; lengths differ only when the algorithm does.
    expected.as_bytes().ct_eq(&given.response.to_ascii_lowercase()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::digest::client::{Challenged, Credentials, Login};

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));
    const LIFE: Duration = Duration::from_secs(300);
    const AT: fn(u64) -> Time = Time::from_millis;

    const BOTH: &[Algorithm] = &[Algorithm::Sha512_256, Algorithm::Sha256, Algorithm::Md5];

    fn verifier() -> Verifier {
        Verifier::new("care.example", LIFE, BOTH, &mut Rng::from_seed(1))
    }

    fn register(more: &str) -> Message {
        let text = format!(
            "REGISTER sip:care.example SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:1001@h>;tag=1\r\n\
             To: <sip:1001@h>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n{more}\r\n"
        );
        Message::parse(text.as_bytes()).expect("a message")
    }

    /// What our own client answers to this challenge, cut to one of its headers.
    fn credentials(challenge: &Headers, which: usize, password: &str) -> String {
        let (name, value) = &challenge[which];
        let value = String::from_utf8(value.clone()).expect("ASCII");
        let text = format!(
            "SIP/2.0 401 x\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
             Call-ID: c\r\nCSeq: 1 REGISTER\r\n{name}: {value}\r\n\r\n"
        );
        let response = Message::parse(text.as_bytes()).expect("a message");
        let mut login = Login::new(Credentials {
            user: "1001".into(),
            password: password.into(),
            least: Default::default(),
        });
        match login.challenged(&register(""), &response, &mut Rng::from_seed(2)) {
            Challenged::Answer { value, .. } => {
                format!("Authorization: {}\r\n", String::from_utf8(value).expect("ASCII"))
            }
            Challenged::No => panic!("our own challenge can be answered"),
        }
    }

    fn verify(v: &mut Verifier, at: u64, more: &str) -> Verdict {
        let known = |user: &str| (user == "1001").then_some("secret");
        v.verify(AT(at), SOURCE, &register(more), Role::Server, known)
    }

    fn accepted() -> Verdict {
        Verdict::Accepted { user: "1001".into() }
    }

    #[test]
    fn all_algorithms_are_offered_in_order_and_accepted_once_a_count() {
        let mut v = verifier();
        assert_eq!(verify(&mut v, 0, ""), Verdict::Missing);
        for which in [0, 1, 2] {
            let challenge = v.challenge(AT(0), SOURCE, Role::Server, false);
            let value = String::from_utf8(challenge[which].1.clone()).expect("ASCII");
            assert!(
                value.contains(
                    ["algorithm=SHA-512-256", "algorithm=SHA-256", "algorithm=MD5"][which]
                ),
                "{value}"
            );
            let answer = credentials(&challenge, which, "secret");
            assert_eq!(verify(&mut v, 1_000, &answer), accepted());
            assert_eq!(verify(&mut v, 1_001, &answer), Verdict::Stale, "replayed");
        }
    }

    #[test]
    fn what_was_not_offered_is_not_accepted() {
        let mut v = verifier();
        let answer = credentials(&v.challenge(AT(0), SOURCE, Role::Server, false), 2, "secret");
        assert!(answer.contains("algorithm=MD5"));
        v.algorithms = vec![Algorithm::Sha256];
        let challenge = v.challenge(AT(0), SOURCE, Role::Server, false);
        assert_eq!(challenge.len(), 1);
        assert!(matches!(verify(&mut v, 1_000, &answer), Verdict::Wrong { .. }));
        let answer = credentials(&challenge, 0, "secret");
        assert_eq!(verify(&mut v, 1_000, &answer), accepted());
    }

    #[test]
    fn a_nonce_dies_of_age_and_a_foreign_one_is_stale() {
        let mut v = verifier();
        let challenge = v.challenge(AT(0), SOURCE, Role::Server, false);
        let answer = credentials(&challenge, 0, "secret");
        assert_eq!(verify(&mut v, 300_001, &answer), Verdict::Stale);
        let mut other = Verifier::new("care.example", LIFE, BOTH, &mut Rng::from_seed(9));
        assert_eq!(verify(&mut other, 0, &answer), Verdict::Stale);
        let challenge = v.challenge(AT(300_000), SOURCE, Role::Server, true);
        assert!(String::from_utf8_lossy(&challenge[0].1).contains("stale=true"));
    }

    #[test]
    fn wrong_passwords_wait_longer_each_time() {
        let mut v = verifier();
        let mut delays = Vec::new();
        for (at, user) in [(0, "1001"), (1, "1001"), (2, "9999")] {
            let challenge = v.challenge(AT(at), SOURCE, Role::Server, false);
            let answer = credentials(&challenge, 0, "wrong").replace("1001", user);
            match verify(&mut v, at, &answer) {
                Verdict::Wrong { user: given, delay, .. } => {
                    assert_eq!(given, user);
                    delays.push(delay.as_millis());
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(delays, [500, 1_000, 2_000]);
        let challenge = v.challenge(AT(5), SOURCE, Role::Server, false);
        let answer = credentials(&challenge, 0, "secret");
        assert_eq!(verify(&mut v, 5, &answer), accepted(), "the right one is not delayed");
    }

    #[test]
    fn hostile_credentials_are_refused_quietly() {
        let mut v = verifier();
        let challenge = v.challenge(AT(0), SOURCE, Role::Server, false);
        let good = credentials(&challenge, 0, "secret");
        for (from, to) in [
            ("algorithm=SHA-512-256", "algorithm=SHA-512-256-sess"),
            ("qop=auth", "qop=auth-int"),
            ("nc=00000001", "nc=00000002"),
            ("uri=\"sip:care.example\"", "uri=\"sip:other\""),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good);
            assert!(matches!(verify(&mut v, 1, &bad), Verdict::Wrong { .. }), "{to}");
        }
        for unread in [
            "Authorization: NoOneKnowsThisScheme opaque-data=here\r\n",
            "Authorization: Digest username=\"1001\"\r\n",
            "Authorization: \r\n",
            "Authorization: Digest username=\"1001\", realm=\"elsewhere\", nonce=\"1\", uri=\"x\", response=\"1\"\r\n",
        ] {
            assert_eq!(verify(&mut v, 1, unread), Verdict::Missing, "{unread}");
        }
        for nonce in ["", "zz", &"f".repeat(64), &"f".repeat(65), "\u{e4}\u{e4}"] {
            let text = format!(
                "Authorization: Digest username=\"1001\", realm=\"care.example\", nonce=\"{nonce}\", \
                 uri=\"x\", response=\"1\"\r\n"
            );
            assert_eq!(verify(&mut v, 1, &text), Verdict::Stale, "{nonce}");
        }
        assert_eq!(verify(&mut v, 1, &good), accepted(), "none of that used it up");
    }

    #[test]
    fn counts_may_come_in_any_order_but_once() {
        let mut window = Window::default();
        let taken: Vec<bool> = [1, 3, 2, 2, 3, 0, 70, 6, 7, 71].map(|n| window.take(n)).into();
        assert_eq!(taken, [true, true, true, false, false, false, true, false, true, true]);
        assert!(window.take(u32::MAX) && !window.take(u32::MAX));
    }

    #[test]
    fn what_the_table_forgot_is_not_believed() {
        let mut v = verifier();
        let first = v.challenge(AT(0), SOURCE, Role::Server, false);
        let answer = credentials(&first, 0, "secret");
        assert_eq!(verify(&mut v, 0, &answer), accepted());
        for number in 0..MOST_NONCES as u64 {
            assert!(v.take((AT(1), number), 1));
        }
        assert_eq!(verify(&mut v, 2, &answer), Verdict::Stale);
        v.expire(AT(600_000));
        assert!(v.used.is_empty());
    }
}
