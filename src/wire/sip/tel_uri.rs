//! `tel:` URIs (RFC 3966): a number with visual separators and parameters.

use super::error::UriFault;
use super::escape::{check_escapes, escape_rest, is_params_byte, is_user_byte};
use super::params::Params;
use super::uri::parse_params;
use super::write::ToWire;

/// A `tel:` URI (RFC 3966).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TelUri {
    /// The number as written, `+` and visual separators included.
    pub number: Box<str>,
    /// `;phone-context=…`, `;ext=…`.
    pub params: Params,
}

impl TelUri {
    /// Parses what follows `tel:`; the bytes are known to be possible in a URI.
    pub(super) fn parse(text: &[u8]) -> Result<TelUri, UriFault> {
        check_escapes(text)?;
        let end = text.iter().position(|b| *b == b';').unwrap_or(text.len());
        let (number, params) = text.split_at(end);
        let legal = |b: &u8| b.is_ascii_hexdigit() || b"+-.()*#".contains(b);
        if !number.iter().all(legal) || !number.iter().any(|b| !b"+-.()".contains(b)) {
            return Err(UriFault::Number);
        }
        let number = number.iter().map(|b| char::from(*b)).collect::<String>().into();
        Ok(TelUri { number, params: parse_params(params)? })
    }

    /// The number without visual separators: `+86-20-1234` is `+86201234`.
    pub fn digits(&self) -> String {
        self.number.chars().filter(|c| !"-.()".contains(*c)).collect()
    }
}

impl ToWire for TelUri {
    fn to_wire(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"tel:");
        escape_rest(self.number.as_bytes(), |b| is_user_byte(b) || b == b'#', out);
        escape_rest(self.params.as_bytes(), is_params_byte, out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::uri::Uri;
    use super::*;

    #[test]
    fn numbers_with_separators_and_context() {
        let text = "tel:+86-(20)-1234.5;phone-context=+1";
        let Ok(Uri::Tel(tel)) = Uri::parse(text.as_bytes()) else { panic!("tel") };
        assert_eq!(tel.digits(), "+862012345");
        let uri = Uri::Tel(tel);
        assert_eq!(uri.param("phone-context").as_deref(), Some(&b"+1"[..]));
        assert_eq!(uri.to_string(), text);
        assert_eq!(Uri::parse(b"tel:*72#").unwrap().to_string(), "tel:*72#");
        for bad in ["tel:+-", "tel:", "tel:12x", "tel:;ext=1"] {
            assert_eq!(Uri::parse(bad.as_bytes()), Err(UriFault::Number), "{bad}");
        }
    }
}
