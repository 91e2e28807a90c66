//! `a=crypto`: the key of what its writer sends (SDP security descriptions, RFC 4568).
//!
//! ```text
//!   a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:4 WSH=64
//!            │ └ suite                        └ key and salt in base64                 │    │   │
//!            └ tag, by which the answer names it                        lifetime ┘  MKI:length ┘ parameters
//! ```
//!
//! Read generously: phones leave out base64's padding, write parameters that mean nothing without
//! what they do not offer, and lifetimes in three ways. What would make us send or take something else
//! than the two agree on makes a line unusable: a suite or a parameter that is not spoken, several keys.
//!
//! The lifetime is read and left at that: who sends has to change its key in time (§6.1).

use core::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::{Zeroize, Zeroizing};

use super::{Attribute, Media};
use crate::wire::srtp::{MasterKey, Mki, Suite};

/// Most `a=crypto` lines of one section that are looked at.
pub const MOST_CRYPTO: usize = 32;
/// Bytes of the longest key and salt.
const MOST_KEY: usize = 46;
/// Digits of a tag (§9.1).
const TAG_DIGITS: usize = 9;

/// Base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// One line that can be used.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Crypto {
    /// Names the line in the answer; up to nine digits.
    pub tag: u32,
    /// The key, its suite and its MKI.
    pub key: MasterKey,
    /// After how many packets the writer changes the key, if it says so.
    pub lifetime: Option<u64>,
}

/// Why a line cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unusable {
    /// Not as RFC 4568 §9.1 has it.
    Malformed,
    /// A suite that is not spoken.
    Suite(Box<str>),
    /// The key and salt are not as long as the suite has them; holds their length.
    KeyLength(usize),
    /// More than one key, or a key that is not in the line.
    Keys,
    /// An MKI of more bytes than are taken; holds their number.
    MkiLength(usize),
    /// A parameter that changes what is sent and is not spoken.
    Parameter(Box<str>),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Malformed => f.write_str("a=crypto is malformed"),
            Unusable::Suite(suite) => write!(f, "the suite {suite} is not spoken"),
            Unusable::KeyLength(bytes) => write!(f, "a key of {bytes} bytes fits no suite"),
            Unusable::Keys => f.write_str("several keys in one a=crypto"),
            Unusable::MkiLength(bytes) => write!(f, "an MKI of {bytes} bytes"),
            Unusable::Parameter(name) => write!(f, "the parameter {name} is not spoken"),
        }
    }
}

impl Crypto {
    /// A line of ours.
    pub fn new(tag: u32, key: MasterKey) -> Crypto {
        Crypto { tag, key, lifetime: None }
    }

    /// Reads what follows `a=crypto:`.
    pub fn parse(value: &[u8]) -> Result<Crypto, Unusable> {
        let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let mut word = || words.next().ok_or(Unusable::Malformed);
        let (tag, suite, keys) = (word()?, word()?, word()?);
        let tag = number(tag).filter(|_| tag.len() <= TAG_DIGITS).ok_or(Unusable::Malformed)?;
        let suite = Suite::of_name(suite).ok_or_else(|| Unusable::Suite(text(suite)))?;
        let (key, lifetime) = key(suite, keys)?;
        match words.find(|word| !is_harmless(word)) {
            Some(word) => Err(Unusable::Parameter(text(word))),
            None => Ok(Crypto { tag: tag as u32, key, lifetime }),
        }
    }

    /// What follows `a=crypto:`.
    pub fn to_value(&self) -> Zeroizing<String> {
        let (suite, mut key) = (self.key.suite().name(), BASE64.encode(self.key.expose()));
        let mut value = Zeroizing::new(String::with_capacity(160));
        value.push_str(&format!("{} {suite} inline:", self.tag));
        value.push_str(&key);
        key.zeroize();
        if let Some(packets) = self.lifetime {
            value.push_str(&match packets.is_power_of_two() {
                true => format!("|2^{}", packets.trailing_zeros()),
                false => format!("|{packets}"),
            });
        }
        if let Some(mki) = self.key.mki() {
            value.push_str(&format!("|{}:{}", mki.value(), mki.len()));
        }
        value
    }
}

/// `inline:key||salt[|lifetime][|MKI:length]`.
fn key(suite: Suite, text: &[u8]) -> Result<(MasterKey, Option<u64>), Unusable> {
    let (method, rest) = text.split_at_checked(7).ok_or(Unusable::Malformed)?;
    if !method.eq_ignore_ascii_case(b"inline:") || rest.contains(&b';') {
        return Err(Unusable::Keys);
    }
    let mut parts = rest.split(|byte| *byte == b'|');
    let encoded = parts.next().unwrap_or_default();
    let mut bytes = Zeroizing::new([0; MOST_KEY + 2]);
    let len = BASE64.decode_slice(encoded, &mut bytes[..]).map_err(|why| match why {
        base64::DecodeSliceError::OutputSliceTooSmall => Unusable::KeyLength(encoded.len() / 4 * 3),
        base64::DecodeSliceError::DecodeError(_) => Unusable::Malformed,
    })?;
    let key = MasterKey::new(suite, &bytes[..len]).ok_or(Unusable::KeyLength(len))?;
    let (mut lifetime, mut mki) = (None, None);
    for part in parts {
        match part.iter().position(|byte| *byte == b':') {
            None => lifetime = Some(packets(part).ok_or(Unusable::Malformed)?),
            Some(colon) => {
                let (value, len) = (number(&part[..colon]), number(&part[colon + 1..]));
                let (value, len) = value.zip(len).ok_or(Unusable::Malformed)?;
                let named = Mki::new(value, len as usize).ok_or(Unusable::MkiLength(len as usize));
                mki = Some(named?);
            }
        }
    }
    Ok((key.with_mki(mki), lifetime.filter(|packets| *packets > 0)))
}

/// `2^20`, or the number itself.
fn packets(text: &[u8]) -> Option<u64> {
    match text.strip_prefix(b"2^") {
        Some(exponent) => 1u64.checked_shl(number(exponent)?.try_into().ok()?),
        None => number(text),
    }
}

/// Whether a session parameter (§6.3) leaves packets as they are without it.
fn is_harmless(word: &[u8]) -> bool {
    let end = word.iter().position(|byte| *byte == b'=').unwrap_or(word.len());
    let (name, value) = (&word[..end], word.get(end + 1..).unwrap_or_default());
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    // The window of replays is the receiver's affair; there is no FEC that could come before or after.
    name.starts_with(b"-")
        || ["WSH", "FEC_ORDER", "FEC_KEY"].into_iter().any(is)
        || is("KDR") && number(value) == Some(0)
}

fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    core::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

fn text(word: &[u8]) -> Box<str> {
    String::from_utf8_lossy(&word[..word.len().min(40)]).into()
}

impl Media {
    /// Its `a=crypto` lines, in their order.
    pub fn crypto(&self) -> impl Iterator<Item = Result<Crypto, Unusable>> {
        let lines = self.attributes.iter().filter(|a| a.is("crypto")).take(MOST_CRYPTO);
        lines.map(|attribute| Crypto::parse(attribute.text()))
    }

    /// Appends an `a=crypto` line.
    pub fn push_crypto(&mut self, crypto: &Crypto) {
        self.attributes.push(Attribute::new("crypto", crypto.to_value().as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sdp;
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

    fn parse(rest: &str) -> Result<Crypto, Unusable> {
        Crypto::parse(rest.as_bytes())
    }

    #[test]
    fn the_examples_of_rfc4568() {
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4");
        let crypto = parse(&line).unwrap();
        assert_eq!((crypto.tag, crypto.lifetime), (1, Some(1 << 20)));
        assert_eq!(crypto.key.mki(), Mki::new(1, 4));
        assert_eq!(crypto.key.suite(), Suite::AesCm128Sha1Tag80);
        assert_eq!(&crypto.key.expose()[..4], b"wDfv");
        assert_eq!(*crypto.to_value(), line);
        assert_eq!(parse(&format!("{line} FEC_ORDER=FEC_SRTP WSH=64")), Ok(crypto));
    }

    #[test]
    fn what_phones_write() {
        let plain = parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")).unwrap();
        let same = [
            format!("  1  aes_cm_128_hmac_sha1_80\tINLINE:{KEY} "),
            format!("0001 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=0"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} -x=y WSH=128"),
        ];
        for line in same {
            assert_eq!(parse(&line).as_ref(), Ok(&plain), "{line}");
        }
        for lifetime in ["2^48", "281474976710656"] {
            let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|{lifetime}");
            assert_eq!(parse(&line).unwrap().lifetime, Some(1 << 48));
        }
        let line = format!("2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|1:1");
        let mki = parse(&line).unwrap();
        assert_eq!((mki.lifetime, mki.key.mki()), (None, Mki::new(1, 1)));
        // 28 bytes end in padding, which some leave out.
        let gcm = format!("1 AEAD_AES_128_GCM inline:{}", &KEY[..38]);
        assert_eq!(parse(&gcm), parse(&format!("{gcm}==")));
        assert!(parse(&gcm).is_ok());
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let suite = "AES_CM_128_HMAC_SHA1_80";
        let table = [
            ("1", Unusable::Malformed),
            ("x AES_CM_128_HMAC_SHA1_80 inline:", Unusable::Malformed),
            ("1234567890 AES_CM_128_HMAC_SHA1_80 inline:", Unusable::Malformed),
            ("1 F8_128_HMAC_SHA1_80 inline:", Unusable::Suite("F8_128_HMAC_SHA1_80".into())),
        ];
        for (line, why) in table {
            assert_eq!(parse(line), Err(why), "{line}");
        }
        let table = [
            (format!("uri:{KEY}{KEY}"), Unusable::Keys),
            (format!("inline:{KEY};inline:{KEY}|1:1"), Unusable::Keys),
            ("inline:abcd".into(), Unusable::KeyLength(3)),
            (format!("inline:{KEY}{KEY}"), Unusable::KeyLength(60)),
            ("inline:a*cd".into(), Unusable::Malformed),
            (format!("inline:{KEY}|2^x"), Unusable::Malformed),
            (format!("inline:{KEY}|2^64"), Unusable::Malformed),
            (format!("inline:{KEY}|1:128"), Unusable::MkiLength(128)),
            (format!("inline:{KEY}|300:1"), Unusable::MkiLength(1)),
            (format!("inline:{KEY} KDR=24"), Unusable::Parameter("KDR=24".into())),
            (
                format!("inline:{KEY} UNENCRYPTED_SRTP"),
                Unusable::Parameter("UNENCRYPTED_SRTP".into()),
            ),
        ];
        for (rest, why) in table {
            assert_eq!(parse(&format!("1 {suite} {rest}")), Err(why), "{rest}");
        }
    }

    #[test]
    fn lines_are_read_in_their_order_and_never_printed() {
        let text = format!(
            "v=0\nm=audio 1 RTP/SAVP 8\na=crypto:1 X inline:{KEY}\n\
             a=Crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\n"
        );
        let sdp = Sdp::parse(text.as_bytes()).unwrap();
        let tags: Vec<_> = sdp.media[0].crypto().map(|c| c.map(|c| c.tag).ok()).collect();
        assert_eq!(tags, [None, Some(2)]);
        let printed = format!("{sdp:?}");
        let bytes = format!("{:?}", KEY.as_bytes());
        assert!(!printed.contains(KEY) && !printed.contains(&bytes[1..20]), "{printed}");
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in "[0-9]{1,3} [A-Z0-9_]{1,30} inline:[ -~]{0,90}") {
            if let Ok(crypto) = parse(&line) {
                prop_assert_eq!(parse(&crypto.to_value()), Ok(crypto));
            }
        }

        #[test]
        fn what_is_written_reads_back(
            suite in prop::sample::select(Suite::ALL.to_vec()),
            tag in 0u32..1_000_000_000,
            lifetime in prop::option::of(1u64..),
            mki in prop::option::of((any::<u32>(), 4usize..=8)),
            key in prop::collection::vec(any::<u8>(), 46),
        ) {
            let key = MasterKey::new(suite, &key[..suite.key_len() + suite.salt_len()]).unwrap();
            let mki = mki.and_then(|(value, len)| Mki::new(value.into(), len));
            let crypto = Crypto { tag, key: key.with_mki(mki), lifetime };
            prop_assert_eq!(parse(&crypto.to_value()), Ok(crypto));
        }
    }
}
