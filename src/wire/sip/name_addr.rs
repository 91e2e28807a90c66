//! `name-addr` and `addr-spec` with their header parameters: the value of From, To, Route,
//! Refer-To, P-Asserted-Identity (RFC 3261 §20.10, §25.1).
//!
//! ```text
//! "Display" <sip:user@host;uri-param>;header-param      Display <sip:…>      sip:user@host;header-param
//! ```
//! Without angle brackets every parameter belongs to the header, and a `?` may not occur (§20).

use super::error::{Fault, UriFault};
use super::lex;
use super::params::Params;
use super::uri::Uri;
use super::write::ToWire;

/// An address with perhaps a display name and parameters.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NameAddr {
    /// The display name as people read it: quotes and backslashes resolved, charset unknown. Not
    /// empty.
    pub display: Option<Box<[u8]>>,
    /// The address.
    pub uri: Uri,
    /// Parameters of the header: `;tag=…`.
    pub params: Params,
}

impl NameAddr {
    /// Just an address.
    pub fn new(uri: Uri) -> NameAddr {
        NameAddr { display: None, uri, params: Params::new() }
    }

    /// Parses one value. An unquoted display name may hold any byte but quotes and brackets: peers
    /// write `Bell, Alexander <sip:…>` and Latin-1, and no reader is misled by it.
    pub fn parse(text: &[u8]) -> Result<NameAddr, Fault> {
        let text = lex::trim(text);
        let (display, rest) = match text.first() {
            None => return Err(Fault::Empty),
            Some(b'"') => {
                let len = lex::quoted_len(text).ok_or(Fault::OpenQuote)?;
                (Some(lex::unquote(&text[..len])), lex::trim_start(&text[len..]))
            }
            Some(_) => match text.iter().position(|b| *b == b'<') {
                None => return NameAddr::parse_bare(text),
                Some(at) => {
                    let display = lex::trim(&text[..at]);
                    if display.iter().any(|b| matches!(b, b'"' | b'>')) {
                        return Err(Fault::Bracket);
                    }
                    (Some(display.into()).filter(|_| !display.is_empty()), &text[at..])
                }
            },
        };
        let inside = rest.strip_prefix(b"<").ok_or(Fault::Bracket)?;
        let (uri, after) = lex::split_once(inside, b'>').ok_or(Fault::Bracket)?;
        Ok(NameAddr {
            display: display.map(|d| d.into_owned().into_boxed_slice()).filter(|d| !d.is_empty()),
            uri: Uri::parse(uri).map_err(Fault::Uri)?,
            params: Params::parse(after)?,
        })
    }

    /// A value's parameters, its address unread: for who wants the tag of one that was checked before. `None`
    /// when they cannot be read.
    pub fn params_of(text: &[u8]) -> Option<Params> {
        let text = lex::trim(text);
        let quoted = if text.first() == Some(&b'"') { lex::quoted_len(text)? } else { 0 };
        let rest = &text[quoted..];
        let params = match rest.iter().position(|b| *b == b'<') {
            Some(at) => lex::split_once(&rest[at..], b'>')?.1,
            None => &rest[rest.iter().position(|b| *b == b';').unwrap_or(rest.len())..],
        };
        Params::parse(params).ok()
    }

    /// `addr-spec *( SEMI param )`.
    fn parse_bare(text: &[u8]) -> Result<NameAddr, Fault> {
        let end = text.iter().position(|b| *b == b';').unwrap_or(text.len());
        let (uri, params) = text.split_at(end);
        let uri = lex::trim(uri);
        if uri.contains(&b'?') {
            return Err(Fault::Uri(UriFault::Headers));
        }
        Ok(NameAddr {
            display: None,
            uri: Uri::parse(uri).map_err(Fault::Uri)?,
            params: Params::parse(params)?,
        })
    }

    /// The tag, empty tags counted as none.
    pub fn tag(&self) -> Option<&[u8]> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The same address with this tag.
    pub fn with_tag(mut self, tag: &[u8]) -> NameAddr {
        self.params.set("tag", Some(tag));
        self
    }

    /// The same address with this display name.
    pub fn with_display(mut self, display: &[u8]) -> NameAddr {
        self.display = Some(display.into());
        self
    }
}

impl ToWire for NameAddr {
    fn to_wire(&self, out: &mut Vec<u8>) {
        if let Some(display) = self.display.as_deref().filter(|d| !d.is_empty()) {
            lex::quote(display, out);
            out.push(b' ');
        }
        out.push(b'<');
        self.uri.to_wire(out);
        out.push(b'>');
        out.extend_from_slice(self.params.as_bytes());
    }
}

impl core::fmt::Display for NameAddr {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms() {
        let n = NameAddr::parse(b"\"J Rosenberg \\\\\\\"\"  <sip:jd@h>  ;  tag = 98").unwrap();
        assert_eq!(n.display.as_deref(), Some(&b"J Rosenberg \\\""[..]));
        assert_eq!(n.tag(), Some(&b"98"[..]));
        assert_eq!(n.to_bytes(), b"\"J Rosenberg \\\\\\\"\" <sip:jd@h>;tag=98");
        let n = NameAddr::parse(b"caller<sip:c@h;x>;y").unwrap();
        assert_eq!(n.display.as_deref(), Some(&b"caller"[..]));
        assert!(n.uri.param("x").is_some() && n.params.has("y") && !n.params.has("x"));
        let n = NameAddr::parse(b" sip:+1@gw;unknownparam ").unwrap();
        assert!(n.uri.param("unknownparam").is_none() && n.params.has("unknownparam"));
        assert_eq!(n.display, None);
    }

    #[test]
    fn parameters_are_found_without_the_address() {
        for text in [
            "\"J <sip:x@y>;tag=no\"  <sip:jd@h;tag=no>  ;  tag = 98",
            "caller<sip:c@h;x>;y;tag=1",
            " sip:+1@gw;tag=7;z ",
            "<sip:a@h>",
            "sip:a@h",
        ] {
            let all = NameAddr::parse(text.as_bytes()).unwrap().params;
            assert_eq!(NameAddr::params_of(text.as_bytes()), Some(all), "{text}");
        }
        for broken in ["\"open <sip:a@h>;tag=1", "<sip:a@h;tag=1", "<sip:a@h>;;"] {
            assert_eq!(NameAddr::params_of(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn a_display_name_in_any_charset_survives() {
        let n = NameAddr::parse(b"M\xfcller, B\xe4rbel <sip:m@h>;tag=1").unwrap();
        assert_eq!(n.display.as_deref(), Some(&b"M\xfcller, B\xe4rbel"[..]));
        assert_eq!(NameAddr::parse(&n.to_bytes()), Ok(n));
    }

    #[test]
    fn malformed_ones_say_why() {
        for (text, fault) in [
            (&b"\"Mr. J. User <sip:j@h>"[..], Fault::OpenQuote),
            (b"", Fault::Empty),
            (b"\"x\" sip:a@h", Fault::Bracket),
            (b"<sip:a@h", Fault::Bracket),
            (b"a>b <sip:a@h>", Fault::Bracket),
            (b"< sip:a@h >", Fault::Uri(UriFault::Scheme)),
            (b"sip:a@h?Route=x", Fault::Uri(UriFault::Headers)),
            (b"<sip:a@h>;;", Fault::Param),
            (b"<sip:a@h> x", Fault::Trailing(b'x')),
        ] {
            assert_eq!(NameAddr::parse(text), Err(fault), "{}", text.escape_ascii());
        }
    }
}
