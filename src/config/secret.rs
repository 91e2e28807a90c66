//! Passwords: where they come from, and a wrapper that never prints one.

use core::fmt;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::name::PinDigits;
use super::setting::{Reader, Setting, Wrong, read_text};

/// Longest password, in bytes.
pub const MAX_SECRET: usize = 128;

/// A text that must not reach a log, a fault or a console: neither `Debug` nor any other trait
/// prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text. `None` when it is empty, too long or holds a control character (a password
    /// file's line break must be cut off first).
    pub fn new(text: impl Into<String>) -> Option<Secret> {
        let text = text.into();
        let fits = !text.is_empty() && text.len() <= MAX_SECRET;
        (fits && !text.chars().any(char::is_control)).then_some(Secret(text))
    }
    /// The text itself, for the one who checks or answers a challenge.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Setting for Secret {
    const WRITE: &'static str = "a password of 1 to 128 bytes without line breaks";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Secret> {
        read_text(value, reader, Self::WRITE, |text| {
            let what = if text.is_empty() { "the password is empty" } else { "not a password" };
            Secret::new(text).ok_or_else(|| Wrong::new(what))
        })
    }
}

/// An agent's PIN, which nothing prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(PinDigits);

impl Pin {
    /// Its digits, for the one who hashes them.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

impl Setting for Pin {
    const WRITE: &'static str = PinDigits::WRITE;

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Pin> {
        // What was written is not repeated in the fault.
        read_text(value, reader, Self::WRITE, |text| {
            PinDigits::new(text).map(Pin).ok_or_else(|| Wrong::new("not a PIN"))
        })
    }
}

/// Where a password is to be had. The files and the environment are read by the daemon
/// ([`Config::resolve_secrets`](super::Config::resolve_secrets)), not here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretSource {
    /// Known: written in the configuration, or resolved.
    Given(Secret),
    /// The first line of this file.
    File(PathBuf),
    /// This environment variable.
    Env(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::Given(_) => f.write_str("the configuration"),
            SecretSource::File(path) => write!(f, "the file {}", path.display()),
            SecretSource::Env(name) => write!(f, "the environment variable {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("tea-leaf-7").unwrap();
        assert!(!format!("{secret:?} {:?}", SecretSource::Given(secret.clone())).contains("tea"));
        assert_eq!(secret.expose(), "tea-leaf-7");
    }

    #[test]
    fn what_is_no_password() {
        assert_eq!(Secret::new(""), None);
        assert_eq!(Secret::new("a\n"), None);
        assert_eq!(Secret::new("a".repeat(MAX_SECRET + 1)), None);
    }
}
