//! The fingerprint of a certificate: by it one is known that no CA has signed.

use core::fmt;

use toml::Spanned;
use toml::de::DeValue;

use super::setting::{Reader, Setting, Wrong, read_text};

/// The SHA-256 of a certificate as it goes over the wire (its DER).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Fingerprint {
    /// `sha256:` and 64 hexadecimal digits, in pairs divided by colons or not, as openssl prints them.
    pub fn parse(text: &str) -> Option<Fingerprint> {
        let digits: Vec<u8> =
            text.strip_prefix("sha256:")?.bytes().filter(|b| *b != b':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |b: u8| char::from(b).to_digit(16);
            *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
        }
        Some(Fingerprint(bytes))
    }
}

impl Setting for Fingerprint {
    const WRITE: &'static str =
        "\"sha256:\" and 64 hexadecimal digits, as `openssl x509 -fingerprint -sha256` prints them";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Fingerprint> {
        read_text(value, reader, Self::WRITE, |text| {
            Fingerprint::parse(text).ok_or_else(|| Wrong::not(text, "a fingerprint"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_with_and_without_colons() {
        let plain = format!("sha256:{}", "0aF1".repeat(16));
        let read = Fingerprint::parse(&plain).expect("a fingerprint");
        assert_eq!(read.to_string(), plain.to_lowercase());
        let colons = format!("sha256:{}", ["0A", "F1"].repeat(16).join(":"));
        assert_eq!(Fingerprint::parse(&colons), Some(read));
        for wrong in ["", "sha256:", &plain[7..], &plain[..70], &format!("{plain}0"), "sha1:00"] {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Fingerprint::parse(&plain.replace('F', "g")), None);
    }
}
