//! Challenges and credentials on the wire (RFC 3261 §22, §25.1; RFC 7616; RFC 8760): the values of
//! WWW-Authenticate, Authorization, their Proxy- twins, and Authentication-Info.
//!
//! ```text
//! Digest realm="care.example", nonce="…", algorithm=SHA-256, qop="auth"
//! └scheme┘└ name ┘└── value ──┘
//! ```
//!
//! Quoted or not makes no difference when reading; writing follows RFC 7616 §3.3 and §3.4.
//! Unknown parameters are kept. [`Auth`] is any scheme; [`Challenge`] and [`Credentials`] are
//! Digest's. Not here: hashes, nonces, who may in (`sip::digest`).

mod digest;

pub use digest::{Algorithm, Challenge, Credentials, Qop};

use std::borrow::Cow;

use core::fmt;

use super::sip::{Message, Name, lex};

/// Parameters of one challenge.
const MAX_PARAMS: usize = 32;

/// Parameters of usual credentials.
const USUAL_PARAMS: usize = 12;

/// Challenges or credentials of one header line.
const MAX_VALUES: usize = 8;

/// One challenge, or one set of credentials, of any scheme: a view of the line that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth<'a> {
    /// `Digest`, `Basic` …, as written; compares without case, so use [`Auth::is`].
    pub scheme: Cow<'a, str>,
    /// A scheme's single token instead of parameters (`Basic QWxhZGRpbg==`).
    pub token: Option<&'a [u8]>,
    /// Name and value (unquoted) in order.
    pub params: Vec<(&'a str, Cow<'a, [u8]>)>,
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

impl<'a> Auth<'a> {
    /// Parses one header line, which may hold several challenges separated by commas (RFC 7235
    /// §4.1; SIP has one a line, but peers differ).
    pub fn parse(value: &'a [u8]) -> Result<Vec<Auth<'a>>, AuthError> {
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
    pub fn parse_info(value: &'a [u8]) -> Result<Auth<'a>, AuthError> {
        let mut auth = Auth { scheme: "".into(), token: None, params: Vec::new() };
        let rest = auth.take_params(skip_commas(value))?;
        if rest.is_empty() { Ok(auth) } else { Err(AuthError::Param) }
    }

    /// Takes one `scheme param, param…` or `scheme token` off the front.
    fn take(text: &'a [u8]) -> Result<(Auth<'a>, &'a [u8]), AuthError> {
        let (scheme, rest) = lex::take_token(text);
        if scheme.is_empty() || rest.first().is_some_and(|b| !matches!(b, b' ' | b'\t' | b',')) {
            return Err(AuthError::Scheme);
        }
        let scheme = String::from_utf8_lossy(scheme);
        let mut auth = Auth { scheme, token: None, params: Vec::with_capacity(USUAL_PARAMS) };
        let rest = lex::trim_start(rest);
        // `token68` of RFC 7235 §2.1: up to a comma, `=` only at its end.
        let end = rest.iter().position(|b| *b == b',').unwrap_or(rest.len());
        let word = lex::trim(&rest[..end]);
        let stem = word.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1);
        let legal = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(b);
        if stem > 0 && word[..stem].iter().all(legal) {
            auth.token = Some(word);
            return Ok((auth, &rest[end..]));
        }
        let rest = auth.take_params(rest)?;
        Ok((auth, rest))
    }

    /// Takes `name=value, …` until the end or the next scheme.
    fn take_params(&mut self, text: &'a [u8]) -> Result<&'a [u8], AuthError> {
        let mut rest = text;
        loop {
            let (name, after) = lex::take_token(rest);
            let after = lex::trim_start(after);
            let Some(value) = after.strip_prefix(b"=") else {
                // A token without `=` begins the next challenge, but not where a first parameter
                // must stand.
                let next = !self.params.is_empty() && !name.is_empty() && !after.is_empty();
                return if next || rest.is_empty() { Ok(rest) } else { Err(AuthError::Param) };
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
            self.params.push((name, value));
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
        let found = self.params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &value[..])
    }

    fn required(&self, name: &'static str) -> Result<Box<[u8]>, AuthError> {
        self.get(name).map(Box::from).ok_or(AuthError::Missing(name))
    }

    /// Parameters beside those that a Digest type has fields for.
    fn others(&self, known: &[&str]) -> Vec<(Box<str>, Box<[u8]>)> {
        let unknown = |name: &str| !known.iter().any(|k| k.eq_ignore_ascii_case(name));
        let other = self.params.iter().filter(|(name, _)| unknown(name));
        other.map(|(name, value)| (Box::from(*name), Box::from(&**value))).collect()
    }
}

/// A quoted string, unquoted, or what stands up to a comma or white space.
fn take_value(text: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), AuthError> {
    if text.first() == Some(&b'"') {
        let len = lex::quoted_len(text).ok_or(AuthError::OpenQuote)?;
        return Ok((lex::unquote(&text[..len]), &text[len..]));
    }
    let end = text.iter().position(|b| matches!(b, b',' | b' ' | b'\t' | b'"'));
    let (value, rest) = text.split_at(end.unwrap_or(text.len()));
    Ok((value.into(), rest))
}

fn skip_commas(text: &[u8]) -> &[u8] {
    let skip = text.iter().position(|b| !matches!(b, b',' | b' ' | b'\t'));
    &text[skip.unwrap_or(text.len())..]
}

/// Every challenge or set of credentials in the lines of one header; lines that cannot be read
/// are left out.
pub fn values(message: &Message, name: Name) -> Vec<Auth<'_>> {
    message.headers(name).filter_map(|line| Auth::parse(line).ok()).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_in_a_line_and_schemes_we_do_not_know() {
        let text = b"Digest realm=\"a, Basic\", nonce=1,, Basic realm=\"c\" , Foo YWJj==, \
                     NoOne opaque-data=here,Negotiate ab";
        let all = Auth::parse(text).unwrap();
        let schemes: Vec<_> = all.iter().map(|a| &*a.scheme).collect();
        assert_eq!(schemes, ["Digest", "Basic", "Foo", "NoOne", "Negotiate"]);
        assert_eq!(all[0].get("REALM"), Some(&b"a, Basic"[..]));
        assert_eq!(all[2].token, Some(&b"YWJj=="[..]));
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
        assert_eq!((all.len(), algorithm(0), algorithm(1)), (2, Algorithm::Sha256, Algorithm::Md5));
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
        assert_eq!(Auth::parse(format!("D {many}").as_bytes()), Err(AuthError::TooMany));
    }

    #[test]
    fn authentication_info_has_no_scheme() {
        let info = Auth::parse_info(b"nextnonce=\"n\", rspauth=\"0a\", qop=auth").unwrap();
        assert_eq!(info.get("nextnonce"), Some(&b"n"[..]));
        assert_eq!(Auth::parse_info(b"Digest a=b"), Err(AuthError::Param));
    }
}
