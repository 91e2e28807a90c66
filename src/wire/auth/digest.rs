//! Digest challenges and credentials (RFC 7616 §3.3, §3.4; RFC 8760) as values.

use super::{Auth, AuthError};
use crate::wire::sip::{ToWire, lex};

/// Digest algorithms (RFC 7616 §3.3, RFC 8760).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5; also when nothing is said.
    Md5,
    /// MD5-sess.
    Md5Sess,
    /// SHA-256.
    Sha256,
    /// SHA-256-sess.
    Sha256Sess,
    /// SHA-512-256: SHA-512 cut to 256 bits (FIPS 180-4 §5.3.6), with an initial value of its own.
    Sha512_256,
    /// SHA-512-256-sess.
    Sha512_256Sess,
    /// Any other.
    Other(Box<str>),
}

impl Algorithm {
    /// Recognises a name in any case.
    pub fn parse(text: &[u8]) -> Algorithm {
        let known = [
            Algorithm::Md5,
            Algorithm::Md5Sess,
            Algorithm::Sha256,
            Algorithm::Sha256Sess,
            Algorithm::Sha512_256,
            Algorithm::Sha512_256Sess,
        ];
        let found = known.into_iter().find(|a| text.eq_ignore_ascii_case(a.as_str().as_bytes()));
        found.unwrap_or_else(|| Algorithm::Other(String::from_utf8_lossy(text).into()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
            Algorithm::Sha512_256 => "SHA-512-256",
            Algorithm::Sha512_256Sess => "SHA-512-256-sess",
            Algorithm::Other(name) => name,
        }
    }
}

/// A Digest challenge (RFC 7616 §3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Whose passwords are meant.
    pub realm: Box<[u8]>,
    /// What the answer must hash in.
    pub nonce: Box<[u8]>,
    /// Comes back as it is.
    pub opaque: Option<Box<[u8]>>,
    /// The nonce was too old, the password right.
    pub stale: bool,
    /// Which hash.
    pub algorithm: Algorithm,
    /// `auth`, `auth-int` …; empty for a server of RFC 2069.
    pub qop: Vec<Box<str>>,
    /// Everything else.
    pub other: Vec<(Box<str>, Box<[u8]>)>,
}

impl Challenge {
    /// The Digest challenge in this value; `Scheme` when it is of another scheme.
    pub fn parse(auth: &Auth<'_>) -> Result<Challenge, AuthError> {
        if !auth.is("Digest") {
            return Err(AuthError::Scheme);
        }
        let qop = String::from_utf8_lossy(auth.get("qop").unwrap_or_default()).into_owned();
        let qop = qop.split(',').map(str::trim).filter(|q| !q.is_empty()).map(Box::from);
        Ok(Challenge {
            realm: auth.required("realm")?,
            nonce: auth.required("nonce")?,
            opaque: auth.get("opaque").map(Box::from),
            stale: auth.get("stale").is_some_and(|s| s.eq_ignore_ascii_case(b"true")),
            algorithm: auth.get("algorithm").map_or(Algorithm::Md5, Algorithm::parse),
            qop: qop.collect(),
            other: auth.others(&["realm", "nonce", "opaque", "stale", "algorithm", "qop"]),
        })
    }

    /// Does the server offer this quality of protection?
    pub fn offers(&self, qop: &str) -> bool {
        self.qop.iter().any(|q| q.eq_ignore_ascii_case(qop))
    }
}

/// Digest credentials (RFC 7616 §3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub username: Box<[u8]>,
    /// The challenge's realm.
    pub realm: Box<[u8]>,
    /// The challenge's nonce.
    pub nonce: Box<[u8]>,
    /// The digest-uri, which should be the Request-URI.
    pub uri: Box<[u8]>,
    /// The hash, in hexadecimal.
    pub response: Box<[u8]>,
    /// Which hash.
    pub algorithm: Algorithm,
    /// The challenge's opaque.
    pub opaque: Option<Box<[u8]>>,
    /// With a `qop`: which, the client's nonce, and how often this nonce was used.
    pub qop: Option<Qop>,
    /// Everything else.
    pub other: Vec<(Box<str>, Box<[u8]>)>,
}

/// The part of credentials that comes with a `qop`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qop {
    /// `auth` or `auth-int`.
    pub qop: Box<str>,
    /// The client's nonce.
    pub cnonce: Box<[u8]>,
    /// Nonce count; eight hexadecimal digits on the wire.
    pub nc: u32,
}

impl Credentials {
    /// The Digest credentials in this value; `Scheme` when it is of another scheme.
    pub fn parse(auth: &Auth<'_>) -> Result<Credentials, AuthError> {
        if !auth.is("Digest") {
            return Err(AuthError::Scheme);
        }
        let known = [
            "username",
            "realm",
            "nonce",
            "uri",
            "response",
            "algorithm",
            "opaque",
            "qop",
            "cnonce",
            "nc",
        ];
        Ok(Credentials {
            username: auth.required("username")?,
            realm: auth.required("realm")?,
            nonce: auth.required("nonce")?,
            uri: auth.required("uri")?,
            response: auth.required("response")?,
            algorithm: auth.get("algorithm").map_or(Algorithm::Md5, Algorithm::parse),
            opaque: auth.get("opaque").map(Box::from),
            qop: auth.get("qop").map(|qop| Qop::parse(qop, auth)).transpose()?,
            other: auth.others(&known),
        })
    }
}

impl Qop {
    fn parse(qop: &[u8], auth: &Auth<'_>) -> Result<Qop, AuthError> {
        let nc = auth.get("nc").ok_or(AuthError::Missing("nc"))?;
        // from_str_radix alone would take a sign.
        let hex = nc.len() <= 8 && nc.iter().all(u8::is_ascii_hexdigit);
        let nc = core::str::from_utf8(nc).ok().filter(|_| hex);
        let nc =
            nc.and_then(|nc| u32::from_str_radix(nc, 16).ok()).ok_or(AuthError::Value("nc"))?;
        Ok(Qop { qop: String::from_utf8_lossy(qop).into(), cnonce: auth.required("cnonce")?, nc })
    }
}

/// Writes `name="value"` or `name=value` with the comma before it.
struct Params<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Params<'_> {
    fn begin(&mut self, name: &str) {
        self.out.extend_from_slice(if self.first { b" " } else { b", " });
        self.first = false;
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'=');
    }
    fn quoted(&mut self, name: &str, value: &[u8]) {
        self.begin(name);
        lex::quote(value, self.out);
    }
    /// For values of ours that are tokens; anything else is quoted after all.
    fn plain(&mut self, name: &str, value: &[u8]) {
        if lex::take_token(value).1.is_empty() && !value.is_empty() {
            self.begin(name);
            self.out.extend_from_slice(value);
        } else {
            self.quoted(name, value);
        }
    }
}

impl ToWire for Challenge {
    fn to_wire(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Digest");
        let mut params = Params { out, first: true };
        params.quoted("realm", &self.realm);
        params.quoted("nonce", &self.nonce);
        if let Some(opaque) = &self.opaque {
            params.quoted("opaque", opaque);
        }
        if self.stale {
            params.plain("stale", b"true");
        }
        params.plain("algorithm", self.algorithm.as_str().as_bytes());
        if !self.qop.is_empty() {
            params.quoted("qop", self.qop.join(",").as_bytes());
        }
        for (name, value) in &self.other {
            params.quoted(name, value);
        }
    }
}

impl ToWire for Credentials {
    fn to_wire(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Digest");
        let mut params = Params { out, first: true };
        params.quoted("username", &self.username);
        params.quoted("realm", &self.realm);
        params.quoted("nonce", &self.nonce);
        params.quoted("uri", &self.uri);
        params.quoted("response", &self.response);
        params.plain("algorithm", self.algorithm.as_str().as_bytes());
        if let Some(opaque) = &self.opaque {
            params.quoted("opaque", opaque);
        }
        if let Some(Qop { qop, cnonce, nc }) = &self.qop {
            params.plain("qop", qop.as_bytes());
            params.quoted("cnonce", cnonce);
            params.plain("nc", format!("{nc:08x}").as_bytes());
        }
        for (name, value) in &self.other {
            params.quoted(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Auth<'_> {
        let mut all = Auth::parse(text.as_bytes()).expect(text);
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0)
    }

    #[test]
    fn a_challenge_both_ways() {
        let text = "Digest realm=\"care\", nonce=\"a\\\"b\", opaque=\"\", stale=true, \
                    algorithm=SHA-256, qop=\"auth,auth-int\", userhash=\"x\"";
        let challenge = Challenge::parse(&one(text)).unwrap();
        assert_eq!(&*challenge.nonce, b"a\"b");
        assert!(challenge.stale && challenge.offers("AUTH") && !challenge.offers("x"));
        assert_eq!(challenge.algorithm, Algorithm::Sha256);
        assert_eq!(challenge.other.len(), 1);
        assert_eq!(String::from_utf8(challenge.to_bytes()).unwrap(), text);
    }

    #[test]
    fn credentials_both_ways_and_quotes_do_not_matter() {
        let text = "digest username=\"100 1\",realm=care,nonce=n , uri=\"sip:care\",response=\"0a\",\
                    algorithm=\"MD5\",cnonce=\"c\",qop=\"auth\",nc=0000002F,x=y";
        let c = Credentials::parse(&one(text)).unwrap();
        assert_eq!((&*c.username, &*c.realm), (&b"100 1"[..], &b"care"[..]));
        assert_eq!(c.qop.as_ref().map(|q| q.nc), Some(47));
        let written = c.to_bytes();
        let read = Auth::parse(&written).unwrap().remove(0);
        assert_eq!(Credentials::parse(&read), Ok(c));
        assert!(String::from_utf8(written).unwrap().contains("nc=0000002f"));
    }

    #[test]
    fn values_cannot_end_a_line() {
        let challenge = Challenge {
            realm: b"a\r\nb"[..].into(),
            nonce: b"n"[..].into(),
            opaque: None,
            stale: false,
            algorithm: Algorithm::Other("x\r\ny".into()),
            qop: vec!["auth\n".into()],
            other: Vec::new(),
        };
        assert!(!challenge.to_bytes().iter().any(|b| matches!(b, b'\r' | b'\n')));
    }

    #[test]
    fn what_must_be_there() {
        let c = |text: &str| Credentials::parse(&one(text)).unwrap_err();
        assert_eq!(c("Digest username=a"), AuthError::Missing("realm"));
        let base = "Digest username=a,realm=b,nonce=c,uri=d,response=e,qop=auth,cnonce=f";
        assert_eq!(c(base), AuthError::Missing("nc"));
        assert_eq!(c(&format!("{base},nc=+1")), AuthError::Value("nc"));
        assert_eq!(c(&format!("{base},nc=123456789")), AuthError::Value("nc"));
    }
}
