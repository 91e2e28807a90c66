//! `;name=value` parameters, as they follow a URI, a name-addr, a Via (RFC 3261 §25.1
//! `generic-param`).
//!
//! Kept as one byte string in canonical spelling (no white space), so that unknown ones survive
//! in their order and a list costs one allocation. Names compare without case; values are given
//! as written, quotes included.

use std::borrow::Cow;

use super::error::Fault;
use super::lex;
use super::limits::MAX_PARAMS;

/// A list of parameters, perhaps empty.
#[derive(Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Params {
    /// `;a=b;c;d="e"`: each element begins with its semicolon, no white space around anything.
    text: Vec<u8>,
}

/// A byte that may stand in a parameter's name: a token's, or text of an unknown charset.
const fn is_name_byte(byte: u8) -> bool {
    lex::is_token(byte) || byte >= 0x80
}

/// A byte that may stand in an unquoted value. More than the grammar's token and host: peers
/// write bare IPv6 addresses (RFC 5118 §4.5), base64 with `=`, URLs.
const fn is_value_byte(byte: u8) -> bool {
    byte > 0x20 && byte != 0x7f && !matches!(byte, b';' | b',' | b'"' | b'<' | b'>')
}

impl Params {
    /// No parameters.
    pub const fn new() -> Params {
        Params { text: Vec::new() }
    }

    /// None yet, with room for so many bytes of them.
    pub(super) fn with_capacity(bytes: usize) -> Params {
        Params { text: Vec::with_capacity(bytes) }
    }

    /// Parses what follows a header's value: empty, or `;` and parameters, with white space
    /// around `;` and `=`. An empty parameter (`;;`) is a fault.
    pub fn parse(text: &[u8]) -> Result<Params, Fault> {
        let mut params = Params { text: Vec::with_capacity(text.len()) };
        let mut rest = lex::trim(text);
        let mut count = 0;
        while let Some((first, after)) = rest.split_first() {
            if *first != b';' {
                return Err(Fault::Trailing(*first));
            }
            count += 1;
            if count > MAX_PARAMS {
                return Err(Fault::TooManyParams);
            }
            rest = params.take_one(lex::trim_start(after))?;
        }
        Ok(params)
    }

    /// Takes one `name[=value]` off the front of `text`, appends it, gives what follows.
    fn take_one<'a>(&mut self, text: &'a [u8]) -> Result<&'a [u8], Fault> {
        let name_len = text.iter().position(|b| !is_name_byte(*b)).unwrap_or(text.len());
        if name_len == 0 {
            return Err(Fault::Param);
        }
        let (name, rest) = text.split_at(name_len);
        self.text.push(b';');
        self.text.extend_from_slice(name);
        let rest = lex::trim_start(rest);
        let Some(after) = rest.strip_prefix(b"=") else {
            return Ok(rest);
        };
        let after = lex::trim_start(after);
        let value_len = match after.first() {
            Some(b'"') => lex::quoted_len(after).ok_or(Fault::OpenQuote)?,
            _ => after.iter().position(|b| !is_value_byte(*b)).unwrap_or(after.len()),
        };
        if value_len == 0 {
            return Err(Fault::Param);
        }
        self.text.push(b'=');
        self.text.extend_from_slice(&after[..value_len]);
        Ok(lex::trim_start(&after[value_len..]))
    }

    /// Keeps `text` as it is. The caller has checked that it is canonical.
    pub(super) fn from_canonical(text: &[u8]) -> Params {
        Params { text: text.to_vec() }
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The canonical text: empty, or beginning with `;`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Each parameter in its order: name, and value if it has one (quotes included).
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let mut rest = self.text.as_slice();
        core::iter::from_fn(move || {
            let (param, after) = cut(rest.strip_prefix(b";")?);
            rest = after;
            Some(match lex::split_once(param, b'=') {
                Some((name, value)) => (name, Some(value)),
                None => (param, None),
            })
        })
    }

    /// The value of the first parameter of that name; empty when it has none (`;lr`).
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.unwrap_or_default())
    }

    /// The value of that name without its quotes.
    pub fn get_unquoted(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.get(name).map(lex::unquote)
    }

    /// Is there a parameter of that name, with or without value?
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets a parameter, in its old place or at the end. A `value` that is no token, host or
    /// quoted string is written as a quoted string; `None` makes a flag.
    ///
    /// # Panics
    /// When `name` is not a token: names are constants of the caller.
    pub fn set(&mut self, name: &str, value: Option<&[u8]>) {
        assert!(lex::is_token_text(name.as_bytes()), "'{name}' is no parameter name");
        match self.place(name) {
            Some(place) => {
                let mut one = Vec::new();
                write_one(name, value, &mut one);
                drop(self.text.splice(place, one));
            }
            None => write_one(name, value, &mut self.text),
        }
    }

    /// [`Params::set`], for building in one expression.
    pub fn with(mut self, name: &str, value: Option<&[u8]>) -> Params {
        self.set(name, value);
        self
    }

    /// Removes every parameter of that name.
    pub fn remove(&mut self, name: &str) {
        while let Some(place) = self.place(name) {
            self.text.drain(place);
        }
    }

    /// Where the first parameter of that name stands, its semicolon included.
    fn place(&self, name: &str) -> Option<core::ops::Range<usize>> {
        let mut start = 0;
        while start < self.text.len() {
            let (param, _) = cut(&self.text[start + 1..]);
            let end = start + 1 + param.len();
            let found = lex::split_once(param, b'=').map_or(param, |(n, _)| n);
            if found.eq_ignore_ascii_case(name.as_bytes()) {
                return Some(start..end);
            }
            start = end;
        }
        None
    }
}

/// Appends `;name` or `;name=value`.
fn write_one(name: &str, value: Option<&[u8]>, out: &mut Vec<u8>) {
    out.reserve(name.len() + value.map_or(1, |value| value.len() + 2));
    out.push(b';');
    out.extend_from_slice(name.as_bytes());
    let Some(value) = value else { return };
    out.push(b'=');
    let quoted = value.first() == Some(&b'"') && lex::quoted_len(value) == Some(value.len());
    if quoted && !value.iter().any(|b| matches!(b, b'\r' | b'\n'))
        || !value.is_empty() && value.iter().all(|b| is_value_byte(*b))
    {
        out.extend_from_slice(value);
    } else {
        lex::quote(value, out);
    }
}

/// Cuts canonical text (without its first semicolon) before the next semicolon that is not inside
/// quotes.
fn cut(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while at < text.len() && text[at] != b';' {
        // In canonical text every quote that opens also closes.
        at += if text[at] == b'"' { lex::quoted_len(&text[at..]).unwrap_or(1) } else { 1 };
    }
    text.split_at(at.min(text.len()))
}

impl core::fmt::Debug for Params {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Params({})", self.text.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(text: &str) -> Params {
        Params::parse(text.as_bytes()).expect(text)
    }

    #[test]
    fn white_space_goes_and_unknown_parameters_stay() {
        let p = params(" ;\t tag = 98asjd8 ; x ;y=\"a;b\\\"c\"; Z=[::1]");
        assert_eq!(p.as_bytes(), b";tag=98asjd8;x;y=\"a;b\\\"c\";Z=[::1]");
        assert_eq!(p.get("TAG"), Some(&b"98asjd8"[..]));
        assert_eq!(p.get("x"), Some(&b""[..]));
        assert_eq!(p.get_unquoted("y").as_deref(), Some(&b"a;b\"c"[..]));
        assert_eq!(p.get("z"), Some(&b"[::1]"[..]));
        assert!(!p.has("a"));
        assert_eq!(p.iter().count(), 4);
    }

    #[test]
    fn malformed_lists_are_refused() {
        for (text, fault) in [
            (";;", Fault::Param),
            (";", Fault::Param),
            ("; a= ;b", Fault::Param),
            (";=b", Fault::Param),
            (";a=\"open", Fault::OpenQuote),
            ("a=b", Fault::Trailing(b'a')),
            (";a=b c", Fault::Trailing(b'c')),
            (";a=b,c", Fault::Trailing(b',')),
        ] {
            assert_eq!(Params::parse(text.as_bytes()), Err(fault), "{text}");
        }
    }

    #[test]
    fn there_is_a_limit() {
        assert!(Params::parse(";a".repeat(MAX_PARAMS).as_bytes()).is_ok());
        let many = ";a".repeat(MAX_PARAMS + 1);
        assert_eq!(Params::parse(many.as_bytes()), Err(Fault::TooManyParams));
    }

    #[test]
    fn set_replaces_in_place_and_remove_takes_all() {
        let mut p = params(";a=1;rport;b=2;A=3");
        p.set("rport", Some(b"5060"));
        p.set("a", None);
        p.set("c", Some(b"x y\r\nVia: z"));
        assert_eq!(p.as_bytes(), b";a;rport=5060;b=2;A=3;c=\"x y  Via: z\"");
        p.remove("a");
        assert_eq!(p.as_bytes(), b";rport=5060;b=2;c=\"x y  Via: z\"");
        p.set("d", Some(b""));
        assert_eq!(p.get_unquoted("d").as_deref(), Some(&b""[..]));
        assert_eq!(Params::parse(p.as_bytes()).as_ref(), Ok(&p));
    }
}
