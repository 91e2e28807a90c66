//! SIP and SIPS URIs (RFC 3261 §19.1); tel URIs are in `tel_uri`, any other scheme is kept as it
//! came.
//!
//! ```text
//! sip:user:password@host:port;uri-parameters?headers
//!     └── userinfo ──┘└ hostport ┘
//! ```
//!
//! User, password, parameters and headers are kept as on the wire, escapes included; the accessors
//! unescape. What is written out again is valid whatever was put in: a byte that may not stand
//! where it stands goes out as `%XX`. That makes the fields safe to fill from anywhere.
//!
//! Not here: comparison (`uri_equal`), resolution, what a URI means to us.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use super::error::UriFault;
use super::escape::{
    check_escapes, escape_all, escape_rest, is_headers_byte, is_param_byte, is_params_byte,
    is_password_byte, is_possible, is_user_byte, unescape,
};
use super::host::{Host, HostPortFault, parse_host_port};
use super::lex;
use super::limits::MAX_PARAMS;
use super::params::Params;
use super::tel_uri::TelUri;
use super::write::ToWire;

/// A URI as it stands in a request line, between angle brackets, or in a Contact.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Uri {
    /// `sip:` or `sips:`.
    Sip(SipUri),
    /// `tel:`.
    Tel(TelUri),
    /// Any other scheme: kept, carried, answered with 416 where it cannot be acted on.
    Other(OtherUri),
}

/// A `sip:` or `sips:` URI. Equality here is of the parts; RFC 3261's is [`Uri::equivalent`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SipUri {
    /// True for `sips:`.
    pub secure: bool,
    /// The user part with its escapes.
    pub user: Option<Box<[u8]>>,
    /// The password with its escapes.
    pub password: Option<Box<[u8]>>,
    /// Where: a name or an address.
    pub host: Host,
    /// The port, when one is written. Absent is not the same as 5060 (§19.1.4).
    pub port: Option<u16>,
    /// `;transport=tcp;lr` and the like, with their escapes.
    pub params: Params,
    /// What follows `?`, with its escapes.
    pub headers: Option<Box<[u8]>>,
}

/// A URI of a scheme that Belfry does not act on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OtherUri {
    /// The scheme without its colon, as written.
    pub scheme: Box<str>,
    /// Everything after the colon.
    pub rest: Box<[u8]>,
}

impl Uri {
    /// A `sip:` URI. `user` is plain text and is escaped here.
    pub fn sip(user: Option<&str>, host: impl Into<Host>, port: Option<u16>) -> Uri {
        let escaped = |text: &str| {
            let mut out = Vec::with_capacity(text.len());
            escape_all(text.as_bytes(), is_user_byte, &mut out);
            out.into_boxed_slice()
        };
        Uri::Sip(SipUri {
            secure: false,
            user: user.map(escaped),
            password: None,
            host: host.into(),
            port,
            params: Params::new(),
            headers: None,
        })
    }

    /// Parses one URI and nothing else around it.
    pub fn parse(text: &[u8]) -> Result<Uri, UriFault> {
        if text.is_empty() {
            return Err(UriFault::Empty);
        }
        let (scheme, rest) = lex::split_once(text, b':').ok_or(UriFault::Scheme)?;
        let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !scheme.first().is_some_and(u8::is_ascii_alphabetic) || !scheme.iter().all(legal) {
            return Err(UriFault::Scheme);
        }
        if let Some(bad) = rest.iter().find(|b| !is_possible(**b)) {
            return Err(UriFault::Byte(*bad));
        }
        if scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips") {
            return SipUri::parse(scheme.len() == 4, rest).map(Uri::Sip);
        }
        if scheme.eq_ignore_ascii_case(b"tel") {
            return TelUri::parse(rest).map(Uri::Tel);
        }
        let scheme = scheme.iter().map(|b| char::from(*b)).collect::<String>().into();
        Ok(Uri::Other(OtherUri { scheme, rest: rest.into() }))
    }

    /// The SIP or SIPS URI, when it is one.
    pub fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Uri::Sip(sip) => Some(sip),
            _ => None,
        }
    }

    /// Whom it names: the user part of a SIP URI or the number of a tel URI, unescaped, without
    /// parameters inside the user part (`;tgrp=…`, RFC 4904).
    pub fn user(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Uri::Sip(sip) => sip.user_name(),
            Uri::Tel(tel) => Some(Cow::Borrowed(tel.number.as_bytes())),
            Uri::Other(_) => None,
        }
    }

    /// The host of a SIP URI.
    pub fn host(&self) -> Option<&Host> {
        self.as_sip().map(|sip| &sip.host)
    }

    /// The port of a SIP URI, when one is written.
    pub fn port(&self) -> Option<u16> {
        self.as_sip().and_then(|sip| sip.port)
    }

    /// The value of a URI parameter, unescaped; empty for one without value.
    pub fn param(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        match self {
            Uri::Sip(SipUri { params, .. }) | Uri::Tel(TelUri { params, .. }) => {
                param_of(params, name)
            }
            Uri::Other(_) => None,
        }
    }

    /// The same as `sips:`; does nothing to another scheme.
    pub fn secured(mut self) -> Uri {
        if let Uri::Sip(sip) = &mut self {
            sip.secure = true;
        }
        self
    }

    /// Adds or replaces a URI parameter of a SIP or tel URI; does nothing to another.
    pub fn with_param(mut self, name: &str, value: Option<&str>) -> Uri {
        if let Uri::Sip(SipUri { params, .. }) | Uri::Tel(TelUri { params, .. }) = &mut self {
            let mut text = Vec::new();
            escape_all(value.unwrap_or_default().as_bytes(), is_param_byte, &mut text);
            params.set(name, value.map(|_| text.as_slice()));
        }
        self
    }

    /// The socket address, when host is an address; port 5060, or 5061 for `sips:`, unless one is
    /// written.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let sip = self.as_sip()?;
        sip.host.socket_addr(sip.port.unwrap_or(if sip.secure { 5061 } else { 5060 }))
    }
}

impl SipUri {
    /// Parses what follows `sip:` or `sips:`; the bytes are known to be possible in a URI.
    fn parse(secure: bool, text: &[u8]) -> Result<SipUri, UriFault> {
        check_escapes(text)?;
        let (userinfo, rest) = match lex::split_once(text, b'@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, text),
        };
        if rest.contains(&b'@') {
            return Err(UriFault::Byte(b'@'));
        }
        let (user, password) = match userinfo.map(|u| (u, lex::split_once(u, b':'))) {
            None => (None, None),
            Some((user, None)) => (Some(user), None),
            Some((_, Some((user, password)))) => (Some(user), Some(password)),
        };
        if user.is_some_and(<[u8]>::is_empty) {
            return Err(UriFault::User);
        }
        let (rest, headers) = match lex::split_once(rest, b'?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        headers.map_or(Ok(()), parse_headers)?;
        let host_end = rest.iter().position(|b| *b == b';').unwrap_or(rest.len());
        let (host_port, params) = rest.split_at(host_end);
        if host_port.iter().any(|b| lex::is_space(*b)) {
            return Err(UriFault::Host);
        }
        let (host, port) = parse_host_port(host_port).map_err(|fault| match fault {
            HostPortFault::Host => UriFault::Host,
            HostPortFault::Port => UriFault::Port,
        })?;
        Ok(SipUri {
            secure,
            user: user.map(Box::from),
            password: password.map(Box::from),
            host,
            port,
            params: parse_params(params)?,
            headers: headers.map(Box::from),
        })
    }

    /// The whole user part, unescaped.
    pub fn user_text(&self) -> Option<Cow<'_, [u8]>> {
        self.user.as_deref().map(unescape)
    }

    /// The user part up to its first `;`, unescaped: the number or name without the parameters of
    /// RFC 4904 and RFC 3966 that gateways put into it.
    pub fn user_name(&self) -> Option<Cow<'_, [u8]>> {
        let user = self.user.as_deref()?;
        let end = user.iter().position(|b| *b == b';').unwrap_or(user.len());
        Some(unescape(&user[..end]))
    }

    /// A URI parameter, unescaped on both sides; empty for one without value.
    pub fn param(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        param_of(&self.params, name)
    }

    /// Each header after `?`: name and value, unescaped.
    pub fn header_fields(&self) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
        let text = self.headers.as_deref().unwrap_or_default();
        let fields = text.split(|b| *b == b'&').filter_map(|one| lex::split_once(one, b'='));
        fields.map(|(name, value)| (unescape(name), unescape(value)))
    }
}

/// `;name[=value]…`, no white space, no empty parameter.
pub(super) fn parse_params(text: &[u8]) -> Result<Params, UriFault> {
    for (count, param) in text.split(|b| *b == b';').skip(1).enumerate() {
        if count == MAX_PARAMS {
            return Err(UriFault::TooMany);
        }
        if param.is_empty() || param[0] == b'=' {
            return Err(UriFault::Param);
        }
    }
    Ok(Params::from_canonical(text))
}

/// `name=value`, at least one, parted by `&`.
fn parse_headers(text: &[u8]) -> Result<(), UriFault> {
    for (count, field) in text.split(|b| *b == b'&').enumerate() {
        if count == MAX_PARAMS {
            return Err(UriFault::TooMany);
        }
        if !field.contains(&b'=') {
            return Err(UriFault::Headers);
        }
    }
    Ok(())
}

fn param_of<'a>(params: &'a Params, name: &str) -> Option<Cow<'a, [u8]>> {
    let is_it = |n: &[u8]| unescape(n).eq_ignore_ascii_case(name.as_bytes());
    let (_, value) = params.iter().find(|(n, _)| is_it(n))?;
    Some(unescape(value.unwrap_or_default()))
}

impl ToWire for Uri {
    fn to_wire(&self, out: &mut Vec<u8>) {
        match self {
            Uri::Sip(sip) => sip.to_wire(out),
            Uri::Tel(tel) => tel.to_wire(out),
            Uri::Other(other) => {
                out.extend_from_slice(other.scheme.as_bytes());
                out.push(b':');
                let legal = |b| is_possible(b) && b < 0x80;
                escape_rest(&other.rest, legal, out);
            }
        }
    }
}

impl ToWire for SipUri {
    fn to_wire(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.secure { b"sips:" } else { b"sip:" });
        if let Some(user) = &self.user {
            escape_rest(user, is_user_byte, out);
            if let Some(password) = &self.password {
                out.push(b':');
                escape_rest(password, is_password_byte, out);
            }
            out.push(b'@');
        }
        self.host.to_wire(out);
        if let Some(port) = self.port {
            out.push(b':');
            port.to_wire(out);
        }
        escape_rest(self.params.as_bytes(), is_params_byte, out);
        if let Some(headers) = &self.headers {
            out.push(b'?');
            escape_rest(headers, is_headers_byte, out);
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.to_bytes();
        // Escaping leaves ASCII only; a scheme or number that somebody filled with other text is
        // shown as well as can be.
        f.write_str(&String::from_utf8_lossy(&bytes))
    }
}

impl From<SipUri> for Uri {
    fn from(sip: SipUri) -> Uri {
        Uri::Sip(sip)
    }
}
impl From<Uri> for String {
    fn from(uri: Uri) -> String {
        uri.to_string()
    }
}
impl TryFrom<String> for Uri {
    type Error = UriFault;
    fn try_from(text: String) -> Result<Uri, UriFault> {
        Uri::parse(text.as_bytes())
    }
}
impl core::str::FromStr for Uri {
    type Err = UriFault;
    fn from_str(text: &str) -> Result<Uri, UriFault> {
        Uri::parse(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sip(text: &str) -> SipUri {
        match Uri::parse(text.as_bytes()) {
            Ok(Uri::Sip(sip)) => sip,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn all_parts() {
        let u = sip("sips:alice:secret@[2001:db8::1]:5062;transport=tcp;lr?Subject=a%20b&X=1");
        assert!(u.secure);
        assert_eq!(u.user_text().as_deref(), Some(&b"alice"[..]));
        assert_eq!(u.password.as_deref(), Some(&b"secret"[..]));
        assert_eq!(u.host.to_string(), "[2001:db8::1]");
        assert_eq!(u.port, Some(5062));
        assert_eq!(u.param("TRANSPORT").as_deref(), Some(&b"tcp"[..]));
        assert_eq!(u.param("lr").as_deref(), Some(&b""[..]));
        let headers: Vec<_> = u.header_fields().collect();
        assert_eq!(headers[0], (b"Subject"[..].into(), b"a b"[..].into()));
        assert_eq!(headers.len(), 2);
        let text = "sips:alice:secret@[2001:db8::1]:5062;transport=tcp;lr?Subject=a%20b&X=1";
        assert_eq!(Uri::Sip(u).to_string(), text);
    }

    #[test]
    fn escapes_name_the_same_thing() {
        let u = sip("sip:cal%6Cer@h;%6C%72;n%61me=v%61lue%25%34%31");
        assert_eq!(u.user_text().as_deref(), Some(&b"caller"[..]));
        assert!(u.param("lr").is_some());
        assert_eq!(u.param("name").as_deref(), Some(&b"value%41"[..]));
        let u = sip("sip:user;par=u%40example.net@example.com");
        assert_eq!(u.user_text().as_deref(), Some(&b"user;par=u@example.net"[..]));
        assert_eq!(u.user_name().as_deref(), Some(&b"user"[..]));
        assert_eq!(sip("sip:%00%00@h").user_text().as_deref(), Some(&[0, 0][..]));
    }

    #[test]
    fn what_goes_out_is_valid_whatever_was_put_in() {
        let u = Uri::sip(Some("a b@c#%41\r\n;x"), Host::parse(b"h").unwrap(), None);
        assert_eq!(u.to_string(), "sip:a%20b%40c%23%2541%0D%0A;x@h");
        assert_eq!(u.as_sip().unwrap().user_text().as_deref(), Some(&b"a b@c#%41\r\n;x"[..]));
        let u = u.with_param("note", Some("x;y\u{e9}"));
        assert!(u.to_string().ends_with(";note=x%3By%C3%A9"), "{u}");
        let mut raw = sip("sip:1@h");
        raw.user = Some(b"1\r\nVia: x\xff"[..].into());
        assert_eq!(Uri::Sip(raw).to_string(), "sip:1%0D%0AVia%3A%20x%FF@h");
        // A '#' or a raw Latin-1 byte is read, and escaped when written.
        assert_eq!(Uri::parse(b"sip:*72#@h").unwrap().to_string(), "sip:*72%23@h");
        assert_eq!(Uri::parse(b"sip:M\xfcller@h").unwrap().to_string(), "sip:M%FCller@h");
    }

    #[test]
    fn other_schemes_are_kept() {
        for text in ["nobodyKnowsThisScheme:opaque", "soap.beep://192.0.2.103:3002", "isbn:29"] {
            let uri = Uri::parse(text.as_bytes()).unwrap();
            assert!(matches!(uri, Uri::Other(_)));
            assert_eq!(uri.to_string(), text);
        }
    }

    #[test]
    fn malformed_ones_say_why() {
        for (text, fault) in [
            ("", UriFault::Empty),
            ("alice", UriFault::Scheme),
            (":x", UriFault::Scheme),
            ("<sip:user@example.com>", UriFault::Scheme),
            ("sip:", UriFault::Host),
            ("sip:@h", UriFault::User),
            ("sip:a@b@c", UriFault::Byte(b'@')),
            ("sip:a@h; lr", UriFault::Byte(b' ')),
            ("sip:a@h;;lr", UriFault::Param),
            ("sip:a@h;", UriFault::Param),
            ("sip:a@h:x", UriFault::Port),
            ("sip:a@h:70000", UriFault::Port),
            ("sip:a%4@h", UriFault::Escape),
            ("sip:a@h?", UriFault::Headers),
            ("sip:a@h?x", UriFault::Headers),
            ("sip:2001:db8::10", UriFault::Port),
            ("sip:a@\"h\"", UriFault::Byte(b'"')),
            (&format!("sip:a@h{}", ";x".repeat(65)), UriFault::TooMany),
            (&format!("sip:a@h?x={}", "&x=".repeat(64)), UriFault::TooMany),
        ] {
            assert_eq!(Uri::parse(text.as_bytes()), Err(fault), "{text}");
        }
    }
}
