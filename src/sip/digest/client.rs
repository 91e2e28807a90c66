//! The client half: answering 401 and 407 (RFC 3261 §22.2, §22.3; RFC 8760 §2.4).
//!
//! Of several challenges the one of the strongest hash is taken whose qop is known here, the topmost of equal
//! ones: RFC 8760 has the topmost unless "local policy dictates otherwise", and ours is that the server's
//! order weakens nothing (§4). None weaker than the credentials allow is answered, nor one weaker than an
//! answer before in the same call. A request is answered for once; again only when the server says that just
//! the nonce was too old.

use super::{Algorithm, Computation};
use crate::base::Rng;
use crate::sip::token::Token;
use crate::wire::auth::{self, Challenge, Qop};
use crate::wire::sip::{Message, Method, Name, ToWire};

/// `stale=true` in a row before we believe that the server only plays with us.
const MOST_STALE: u8 = 3;

/// A user name and its password.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// The weakest hash that a challenge may have.
    #[serde(default)]
    pub least: Algorithm,
}

/// The password is nobody's business, not even a log's.
impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Credentials({})", self.user)
    }
}

/// Credentials, and what an INVITE was sent with last.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Login {
    credentials: Credentials,
    last: Option<Last>,
    stale: u8,
    /// The strongest hash answered with.
    #[serde(default)]
    best: Algorithm,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Last {
    proxy: bool,
    value: Vec<u8>,
}

/// What to do about a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Challenged {
    /// Send the request again with this header.
    Answer {
        /// Authorization or Proxy-Authorization.
        header: Name,
        /// Its value.
        value: Vec<u8>,
    },
    /// Not a challenge, or none that can be answered: the response is final.
    No,
}

/// The headers of 401 and of 407.
const fn headers(proxy: bool) -> (Name, Name) {
    match proxy {
        true => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
        false => (Name::WwwAuthenticate, Name::Authorization),
    }
}

impl Login {
    /// Nothing answered yet.
    pub fn new(credentials: Credentials) -> Login {
        Login { credentials, last: None, stale: 0, best: Algorithm::Md5 }
    }

    /// The next INVITE goes out without credentials.
    pub fn begin_anew(&mut self) {
        self.last = None;
    }

    /// What was sent with the last INVITE: the ACK of its 2xx repeats it (§22.1).
    pub fn last(&self) -> Option<(Name, &[u8])> {
        self.last.as_ref().map(|last| (headers(last.proxy).1, last.value.as_slice()))
    }

    /// Reads a response to `request`.
    pub fn challenged(
        &mut self,
        request: &Message,
        response: &Message,
        rng: &mut Rng,
    ) -> Challenged {
        let proxy = match response.status() {
            Some(401) => false,
            Some(407) => true,
            _ => return Challenged::No,
        };
        let (asks, answers) = headers(proxy);
        let challenges = auth::values(response, asks);
        let known = challenges.iter().filter_map(|auth| Challenge::parse(auth).ok());
        let least = self.credentials.least.max(self.best);
        let usable = known.filter_map(usable).filter(|(_, algorithm)| *algorithm >= least);
        // Of equal ones the topmost: it comes first, and only a stronger one takes its place.
        let strongest = usable.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let Some((challenge, algorithm)) = strongest else {
            return Challenged::No;
        };
        if request.header(answers).is_none() {
            self.stale = 0;
        } else if !challenge.stale || self.stale == MOST_STALE {
            return Challenged::No;
        } else {
            self.stale += 1;
        }
        self.best = algorithm;
        let value = self.answer(&challenge, algorithm, request, Token::new(rng));
        if *request.method() == Method::Invite {
            self.last = Some(Last { proxy, value: value.clone() });
        }
        Challenged::Answer { header: answers, value }
    }

    fn answer(
        &self,
        challenge: &Challenge,
        algorithm: Algorithm,
        request: &Message,
        cnonce: Token,
    ) -> Vec<u8> {
        let cnonce = cnonce.text();
        let auth = challenge.offers("auth").then_some((&b"00000001"[..], &cnonce[..]));
        let uri = request.request_uri().unwrap_or_default();
        let method = request.method().to_bytes();
        let response = Computation {
            algorithm,
            user: self.credentials.user.as_bytes(),
            realm: &challenge.realm,
            password: self.credentials.password.as_bytes(),
            nonce: &challenge.nonce,
            auth,
            method: &method,
            uri,
        }
        .response();
        let qop = auth.map(|_| Qop { qop: "auth".into(), cnonce: cnonce.as_slice().into(), nc: 1 });
        auth::Credentials {
            username: self.credentials.user.as_bytes().into(),
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uri: uri.into(),
            response: response.as_bytes().into(),
            algorithm: challenge.algorithm.clone(),
            opaque: challenge.opaque.clone(),
            qop,
            other: Vec::new(),
        }
        .to_bytes()
    }
}

/// A challenge that can be answered here, with its hash.
fn usable(challenge: Challenge) -> Option<(Challenge, Algorithm)> {
    let algorithm = Algorithm::parse(challenge.algorithm.as_str().as_bytes())?;
    let qop = challenge.qop.is_empty() || challenge.offers("auth");
    qop.then_some((challenge, algorithm))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login_of(least: Algorithm) -> Login {
        Login::new(Credentials { user: "bob".into(), password: "zanzibar".into(), least })
    }

    fn login() -> Login {
        login_of(Algorithm::Md5)
    }

    fn request(more: &str) -> Message {
        let text = format!(
            "INVITE sip:bob@biloxi.com SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{more}\r\n"
        );
        Message::parse(text.as_bytes()).expect("a message")
    }

    fn response(status: u16, more: &str) -> Message {
        let text = format!(
            "SIP/2.0 {status} x\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{more}\r\n"
        );
        Message::parse(text.as_bytes()).expect("a message")
    }

    const OLD: &str = "WWW-Authenticate: Digest realm=\"biloxi.com\", \
                       nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"x\"\r\n";

    fn answer(login: &mut Login, request: &Message, response: &Message) -> Option<(Name, String)> {
        match login.challenged(request, response, &mut Rng::from_seed(1)) {
            Challenged::Answer { header, value } => {
                Some((header, String::from_utf8(value).expect("ASCII")))
            }
            Challenged::No => None,
        }
    }

    #[test]
    fn a_challenge_without_qop_is_answered_by_the_old_rule() {
        let (header, value) = answer(&mut login(), &request(""), &response(401, OLD)).expect("one");
        assert_eq!(header, Name::Authorization);
        // draft-smith-sipping-auth-examples §3.1
        assert!(value.contains("response=\"bf57e4e0d0bffc0fbaedce64d59add5e\""), "{value}");
        assert!(value.contains("opaque=\"x\"") && !value.contains("qop"), "{value}");
    }

    #[test]
    fn the_strongest_known_challenge_is_taken() {
        let more = "Proxy-Authenticate: Digest realm=\"r\", nonce=\"1\", algorithm=SHA-512-256-sess\r\n\
                    Proxy-Authenticate: Digest realm=\"r\", nonce=\"0\", algorithm=MD5, qop=\"auth\"\r\n\
                    Proxy-Authenticate: Digest realm=\"r\", nonce=\"2\", algorithm=MD5, qop=\"auth-int\"\r\n\
                    Proxy-Authenticate: Basic realm=\"r\"\r\n\
                    Proxy-Authenticate: Digest realm=\"r\", nonce=\"3\", algorithm=SHA-256, qop=\"auth-int,auth\"\r\n\
                    Proxy-Authenticate: Digest realm=\"r\", nonce=\"4\", algorithm=SHA-256, qop=\"auth\"\r\n";
        let mut login = login();
        let (header, value) = answer(&mut login, &request(""), &response(407, more)).expect("one");
        assert_eq!(header, Name::ProxyAuthorization);
        assert!(value.contains("nonce=\"3\"") && value.contains("algorithm=SHA-256"), "{value}");
        assert!(value.contains("qop=auth") && value.contains("nc=00000001"), "{value}");
        assert_eq!(login.last(), Some((Name::ProxyAuthorization, value.as_bytes())));
    }

    #[test]
    fn what_is_too_weak_is_not_answered() {
        let ask = |algorithm: &str| {
            format!(
                "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\", algorithm={algorithm}, qop=\"auth\"\r\n"
            )
        };
        let (md5, sha) = (ask("MD5"), ask("SHA-256"));
        let mut strict = login_of(Algorithm::Sha256);
        assert_eq!(answer(&mut strict, &request(""), &response(401, &md5)), None);
        let (_, value) = answer(&mut strict, &request(""), &response(401, &sha)).expect("one");
        assert!(value.contains("algorithm=SHA-256"), "{value}");
        let both = format!("{md5}{sha}{}", ask("SHA-512-256"));
        let mut login = login();
        let (_, value) = answer(&mut login, &request(""), &response(401, &both)).expect("one");
        assert!(value.contains("algorithm=SHA-512-256"), "{value}");
        assert_eq!(
            answer(&mut login, &request(""), &response(401, &sha)),
            None,
            "weaker than before"
        );
    }

    #[test]
    fn a_wrong_password_is_not_tried_twice_but_a_stale_nonce_is() {
        let mut login = login();
        let again = request("Authorization: Digest username=\"bob\"\r\n");
        assert_eq!(answer(&mut login, &again, &response(401, OLD)), None);
        let stale = OLD.replace("opaque=\"x\"", "stale=TRUE");
        for _ in 0..MOST_STALE {
            assert!(answer(&mut login, &again, &response(401, &stale)).is_some());
        }
        assert_eq!(answer(&mut login, &again, &response(401, &stale)), None, "not for ever");
        assert_eq!(answer(&mut login, &request(""), &response(403, OLD)), None);
        assert_eq!(answer(&mut login, &request(""), &response(401, "")), None);
    }
}
