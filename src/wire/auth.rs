//! Challenges and credentials on the wire (RFC 3261 §22, §25.1; RFC 7616; RFC 8760): the values of
//! WWW-Authenticate, Authorization, their Proxy- twins, and Authentication-Info.
//!
//! ```text
//! Digest realm="care.example", nonce="…", algorithm=SHA-256, qop="auth"
//! └scheme┘└ name ┘└── value ──┘
//! ```
//!
//! Quoted or not makes no difference when reading; writing follows RFC 7616 §3.3 and §3.4.
//! Unknown parameters are kept. Not here: hashes, nonces, who may in (`sip::digest`).

use core::fmt;

use super::sip::{Message, Name, ToWire, lex};

/// Parameters of one challenge.
const MAX_PARAMS: usize = 32;

/// Challenges or credentials of one header line.
const MAX_VALUES: usize = 8;

/// One challenge, or one set of credentials, of any scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// `Digest`, `Basic` …, as written; compares without case, so use [`Auth::is`].
    pub scheme: Box<str>,
    /// A scheme's single token instead of parameters (`Basic QWxhZGRpbg==`).
    pub token: Option<Box<[u8]>>,
    /// Name and value (unquoted) in order.
    pub params: Vec<(Box<str>, Box<[u8]>)>,
}

/// What is wrong with such a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthError {
    /// There is nothing.
    Empty,
    /// No scheme at the start.
    Scheme,
    /// A parameter without name or `=`.
    Param,
    /// A quoted string without end.
    OpenQuote,
    /// A parameter twice (two user names would be a way to smuggle one past a check).
    Repeated,
    /// More than 32 parameters or 8 challenges in a line.
    TooMany,
    /// A Digest parameter that must be there is not.
    Missing(&'static str),
    /// A Digest parameter with a value that cannot be.
    Value(&'static str),
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthError::Empty => f.write_str("empty"),
            AuthError::Scheme => f.write_str("no scheme"),
            AuthError::Param => f.write_str("malformed parameter"),
            AuthError::OpenQuote => f.write_str("quoted string without end"),
            AuthError::Repeated => f.write_str("repeated parameter"),
            AuthError::TooMany => f.write_str("too many parameters or challenges"),
            AuthError::Missing(name) => write!(f, "{name} is missing"),
            AuthError::Value(name) => write!(f, "{name} has an impossible value"),
        }
    }
}
impl std::error::Error for AuthError {}

impl Auth {
    /// Parses one header line, which may hold several challenges separated by commas (RFC 7235
    /// §4.1; SIP has one a line, but peers differ).
    pub fn parse(value: &[u8]) -> Result<Vec<Auth>, AuthError> {
        let mut all = Vec::new();
        let mut rest = skip_commas(value);
        if rest.is_empty() {
            return Err(AuthError::Empty);
        }
        while !rest.is_empty() {
            if all.len() == MAX_VALUES {
                return Err(AuthError::TooMany);
            }
            let (auth, after) = Auth::take(rest)?;
            all.push(auth);
            rest = skip_commas(after);
        }
        Ok(all)
    }

    /// Parses the parameters of Authentication-Info, which has no scheme.
    pub fn parse_info(value: &[u8]) -> Result<Auth, AuthError> {
        let mut auth = Auth {
            scheme: "".into(),
            token: None,
            params: Vec::new(),
        };
        let rest = auth.take_params(skip_commas(value))?;
        if rest.is_empty() {
            Ok(auth)
        } else {
            Err(AuthError::Param)
        }
    }

    /// Takes one `scheme param, param…` or `scheme token` off the front.
    fn take(text: &[u8]) -> Result<(Auth, &[u8]), AuthError> {
        let (scheme, rest) = lex::take_token(text);
        if scheme.is_empty()
            || rest
                .first()
                .is_some_and(|b| !matches!(b, b' ' | b'\t' | b','))
        {
            return Err(AuthError::Scheme);
        }
        let scheme = String::from_utf8_lossy(scheme).into();
        let mut auth = Auth {
            scheme,
            token: None,
            params: Vec::new(),
        };
        let rest = lex::trim_start(rest);
        // `token68` of RFC 7235 §2.1: up to a comma, `=` only at its end.
        let end = rest.iter().position(|b| *b == b',').unwrap_or(rest.len());
        let word = lex::trim(&rest[..end]);
        let stem = word
            .iter()
            .rposition(|b| *b != b'=')
            .map_or(0, |last| last + 1);
        let legal = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(b);
        if stem > 0 && word[..stem].iter().all(legal) {
            auth.token = Some(word.into());
            return Ok((auth, &rest[end..]));
        }
        let rest = auth.take_params(rest)?;
        Ok((auth, rest))
    }

    /// Takes `name=value, …` until the end or the next scheme.
    fn take_params<'a>(&mut self, text: &'a [u8]) -> Result<&'a [u8], AuthError> {
        let mut rest = text;
        loop {
            let (name, after) = lex::take_token(rest);
            let after = lex::trim_start(after);
            let Some(value) = after.strip_prefix(b"=") else {
                // A token without `=` begins the next challenge, but not where a first parameter
                // must stand.
                let next = !self.params.is_empty() && !name.is_empty() && !after.is_empty();
                return if next || rest.is_empty() {
                    Ok(rest)
                } else {
                    Err(AuthError::Param)
                };
            };
            if name.is_empty() {
                return Err(AuthError::Param);
            }
            let name = core::str::from_utf8(name).map_err(|_| AuthError::Param)?;
            let (value, after) = take_value(lex::trim_start(value))?;
            if self.get(name).is_some() {
                return Err(AuthError::Repeated);
            }
            if self.params.len() == MAX_PARAMS {
                return Err(AuthError::TooMany);
            }
            self.params.push((name.into(), value));
            let after = lex::trim_start(after);
            if !after.is_empty() && after[0] != b',' {
                return Err(AuthError::Param);
            }
            rest = skip_commas(after);
        }
    }

    /// Is it of this scheme?
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The value of a parameter, unquoted.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self
            .params
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &value[..])
    }

    fn required(&self, name: &'static str) -> Result<Box<[u8]>, AuthError> {
        self.get(name)
            .map(Box::from)
            .ok_or(AuthError::Missing(name))
    }

    /// Parameters beside those that a Digest type has fields for.
    fn others(&self, known: &[&str]) -> Vec<(Box<str>, Box<[u8]>)> {
        let unknown = |name: &str| !known.iter().any(|k| k.eq_ignore_ascii_case(name));
        self.params
            .iter()
            .filter(|(name, _)| unknown(name))
            .cloned()
            .collect()
    }
}

/// A quoted string, unquoted, or what stands up to a comma or white space.
fn take_value(text: &[u8]) -> Result<(Box<[u8]>, &[u8]), AuthError> {
    if text.first() == Some(&b'"') {
        let len = lex::quoted_len(text).ok_or(AuthError::OpenQuote)?;
        return Ok((lex::unquote(&text[..len]).into_owned().into(), &text[len..]));
    }
    let end = text
        .iter()
        .position(|b| matches!(b, b',' | b' ' | b'\t' | b'"'));
    let (value, rest) = text.split_at(end.unwrap_or(text.len()));
    Ok((value.into(), rest))
}

fn skip_commas(text: &[u8]) -> &[u8] {
    let skip = text.iter().position(|b| !matches!(b, b',' | b' ' | b'\t'));
    &text[skip.unwrap_or(text.len())..]
}

/// Every challenge or set of credentials in the lines of one header; lines that cannot be read
/// are left out.
pub fn values(message: &Message, name: Name) -> Vec<Auth> {
    message
        .headers(name)
        .filter_map(|line| Auth::parse(line).ok())
        .flatten()
        .collect()
}

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
        ];
        let found = known
            .into_iter()
            .find(|a| text.eq_ignore_ascii_case(a.as_str().as_bytes()));
        found.unwrap_or_else(|| Algorithm::Other(String::from_utf8_lossy(text).into()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
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
    pub fn parse(auth: &Auth) -> Result<Challenge, AuthError> {
        if !auth.is("Digest") {
            return Err(AuthError::Scheme);
        }
        let qop = String::from_utf8_lossy(auth.get("qop").unwrap_or_default()).into_owned();
        let qop = qop
            .split(',')
            .map(str::trim)
            .filter(|q| !q.is_empty())
            .map(Box::from);
        Ok(Challenge {
            realm: auth.required("realm")?,
            nonce: auth.required("nonce")?,
            opaque: auth.get("opaque").map(Box::from),
            stale: auth
                .get("stale")
                .is_some_and(|s| s.eq_ignore_ascii_case(b"true")),
            algorithm: auth
                .get("algorithm")
                .map_or(Algorithm::Md5, Algorithm::parse),
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
    pub fn parse(auth: &Auth) -> Result<Credentials, AuthError> {
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
            algorithm: auth
                .get("algorithm")
                .map_or(Algorithm::Md5, Algorithm::parse),
            opaque: auth.get("opaque").map(Box::from),
            qop: auth
                .get("qop")
                .map(|qop| Qop::parse(qop, auth))
                .transpose()?,
            other: auth.others(&known),
        })
    }
}

impl Qop {
    fn parse(qop: &[u8], auth: &Auth) -> Result<Qop, AuthError> {
        let nc = auth.get("nc").ok_or(AuthError::Missing("nc"))?;
        // from_str_radix alone would take a sign.
        let hex = nc.len() <= 8 && nc.iter().all(u8::is_ascii_hexdigit);
        let nc = core::str::from_utf8(nc).ok().filter(|_| hex);
        let nc = nc
            .and_then(|nc| u32::from_str_radix(nc, 16).ok())
            .ok_or(AuthError::Value("nc"))?;
        Ok(Qop {
            qop: String::from_utf8_lossy(qop).into(),
            cnonce: auth.required("cnonce")?,
            nc,
        })
    }
}

/// Writes `name="value"` or `name=value` with the comma before it.
struct Params<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Params<'_> {
    fn begin(&mut self, name: &str) {
        self.out
            .extend_from_slice(if self.first { b" " } else { b", " });
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

    fn one(text: &str) -> Auth {
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
    fn several_in_a_line_and_schemes_we_do_not_know() {
        let text = b"Digest realm=\"a, Basic\", nonce=1,, Basic realm=\"c\" , Foo YWJj==, \
                     NoOne opaque-data=here,Negotiate ab";
        let all = Auth::parse(text).unwrap();
        let schemes: Vec<_> = all.iter().map(|a| &*a.scheme).collect();
        assert_eq!(schemes, ["Digest", "Basic", "Foo", "NoOne", "Negotiate"]);
        assert_eq!(all[0].get("REALM"), Some(&b"a, Basic"[..]));
        assert_eq!(all[2].token.as_deref(), Some(&b"YWJj=="[..]));
        assert_eq!(all[3].get("opaque-data"), Some(&b"here"[..]));
        assert_eq!(Challenge::parse(&all[1]), Err(AuthError::Scheme));
    }

    #[test]
    fn lines_of_a_message() {
        let m = Message::parse(
            b"SIP/2.0 401 x\r\nCSeq: 1 REGISTER\r\nWWW-Authenticate: Digest realm=\"r\",\
              algorithm=SHA-256,nonce=n\r\nWWW-Authenticate: \"junk\r\nWWW-Authenticate: \
              Digest realm=\"r\", nonce=n\r\n\r\n",
        )
        .unwrap();
        let all = values(&m, Name::WwwAuthenticate);
        let algorithm = |n: usize| Challenge::parse(&all[n]).unwrap().algorithm;
        assert_eq!(
            (all.len(), algorithm(0), algorithm(1)),
            (2, Algorithm::Sha256, Algorithm::Md5)
        );
    }

    #[test]
    fn malformed_ones_say_why() {
        for (text, error) in [
            ("", AuthError::Empty),
            (" ,, ", AuthError::Empty),
            ("\"x\"", AuthError::Scheme),
            ("Digest=x", AuthError::Scheme),
            ("Digest realm=\"open", AuthError::OpenQuote),
            ("Digest realm=\"a\" nonce=b", AuthError::Param),
            ("Digest ;", AuthError::Param),
            ("Digest a=1, A=2", AuthError::Repeated),
        ] {
            assert_eq!(Auth::parse(text.as_bytes()), Err(error), "{text}");
        }
        let many: String = (0..40).map(|n| format!("p{n}=1,")).collect();
        assert_eq!(
            Auth::parse(format!("D {many}").as_bytes()),
            Err(AuthError::TooMany)
        );
        let c = |text: &str| Credentials::parse(&one(text)).unwrap_err();
        assert_eq!(c("Digest username=a"), AuthError::Missing("realm"));
        let base = "Digest username=a,realm=b,nonce=c,uri=d,response=e,qop=auth,cnonce=f";
        assert_eq!(c(base), AuthError::Missing("nc"));
        assert_eq!(c(&format!("{base},nc=+1")), AuthError::Value("nc"));
        assert_eq!(c(&format!("{base},nc=123456789")), AuthError::Value("nc"));
    }

    #[test]
    fn authentication_info_has_no_scheme() {
        let info = Auth::parse_info(b"nextnonce=\"n\", rspauth=\"0a\", qop=auth").unwrap();
        assert_eq!(info.get("nextnonce"), Some(&b"n"[..]));
        assert_eq!(Auth::parse_info(b"Digest a=b"), Err(AuthError::Param));
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
        assert!(
            !challenge
                .to_bytes()
                .iter()
                .any(|b| matches!(b, b'\r' | b'\n'))
        );
    }
}
