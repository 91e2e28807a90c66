//! The random names that we give: tags, branches, Call-IDs (RFC 3261 §8.1.1, §19.3).
//!
//! Each is 64 bits of the agent's generator in 16 hexadecimal digits (a Call-ID twice that), so
//! what comes back is found again by number, without a lookup by text, and a stranger cannot guess
//! one, however many he has seen: the generator is keyed. Nothing in them tells of our host.

use crate::base::Rng;
use crate::wire::sip::{MAGIC_COOKIE, ToWire};

/// Our tag in a dialog, or our branch in a Via.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct Token(pub u64);

impl Token {
    /// A new one.
    pub fn new(rng: &mut Rng) -> Token {
        Token(rng.next_u64())
    }

    /// The 16 digits.
    pub fn text(self) -> [u8; 16] {
        core::array::from_fn(|i| b"0123456789abcdef"[(self.0 >> (60 - 4 * i)) as usize & 15])
    }

    /// Reads the 16 digits back, in any case (tags and branches are compared without).
    pub fn parse(text: &[u8]) -> Option<Token> {
        if text.len() != 16 {
            return None;
        }
        let digit =
            |value: u64, byte: &u8| Some(value << 4 | u64::from(char::from(*byte).to_digit(16)?));
        text.iter().try_fold(0, digit).map(Token)
    }

    /// As a branch: behind the magic cookie.
    pub fn branch(self) -> [u8; 23] {
        let mut text = [0; 23];
        text[..7].copy_from_slice(MAGIC_COOKIE);
        text[7..].copy_from_slice(&self.text());
        text
    }

    /// Reads a branch of ours.
    pub fn parse_branch(text: &[u8]) -> Option<Token> {
        let (cookie, token) = text.split_at_checked(MAGIC_COOKIE.len())?;
        cookie.eq_ignore_ascii_case(MAGIC_COOKIE).then(|| Token::parse(token))?
    }
}

impl ToWire for Token {
    fn to_wire(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text());
    }
}

/// A new Call-ID.
pub fn call_id(rng: &mut Rng) -> Box<[u8]> {
    let mut text = Vec::with_capacity(32);
    Token::new(rng).to_wire(&mut text);
    Token::new(rng).to_wire(&mut text);
    text.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_strangers_do_not() {
        let token = Token(0x0123_4567_89ab_cdef);
        assert_eq!(&token.text(), b"0123456789abcdef");
        assert_eq!(Token::parse(b"0123456789ABCDEF"), Some(token));
        assert_eq!(Token::parse_branch(&token.branch()), Some(token));
        for bad in
            [&b""[..], b"123", b"0123456789abcdeg", b"+123456789abcdef", b"0123456789abcdef0"]
        {
            assert_eq!(Token::parse(bad), None, "{}", bad.escape_ascii());
        }
        assert_eq!(Token::parse_branch(b"z9hG4bK"), None);
        assert_eq!(Token::parse_branch(b"0123456789abcdef"), None);
    }
}
