//! Names, numbers, codes and paths: texts with a shape of their own.

use core::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeValue;

use super::setting::{Reader, Setting, Wrong, read_text};

/// A text type with a rule; `or none`: a list of them may be empty.
macro_rules! text_type {
    ($(#[doc = $doc:literal])+ $Type:ident, $write:literal, $holds:expr) => {
        text_type! { $(#[doc = $doc])+ $Type, $write, $holds, false }
    };
    ($(#[doc = $doc:literal])+ $Type:ident, $write:literal, $holds:expr, or none) => {
        text_type! { $(#[doc = $doc])+ $Type, $write, $holds, true }
    };
    ($(#[doc = $doc:literal])+ $Type:ident, $write:literal, $holds:expr, $none:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $Type(Box<str>);

        impl $Type {
            /// Checks a text; `None` when it breaks the type's rule.
            pub fn new(text: &str) -> Option<$Type> {
                let holds: fn(&str) -> bool = $holds;
                holds(text).then(|| $Type(text.into()))
            }
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl Setting for $Type {
            const WRITE: &'static str = $write;
            const NONE_IS_FINE: bool = $none;
            fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<$Type> {
                read_text(value, reader, Self::WRITE, |text| {
                    $Type::new(text).ok_or_else(|| Wrong::not(text, $write))
                })
            }
        }
    };
}

/// 1 to `longest` bytes that all satisfy `allowed`.
fn made_of(text: &str, longest: usize, allowed: impl Fn(char) -> bool) -> bool {
    (1..=longest).contains(&text.len()) && text.chars().all(allowed)
}

text_type! {
    /// The name of a node, a gateway or a dialplan context.
    Name, "a name of 1 to 63 letters, digits, '-', '_' or '.'",
    |text| made_of(text, 63, |c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

text_type! {
    /// The number of a phone.
    Number, "a number of 1 to 20 digits, such as \"1001\"",
    |text| made_of(text, 20, |c| c.is_ascii_digit())
}

text_type! {
    /// An agent's PIN.
    PinDigits, "a PIN of 3 to 12 digits, such as \"4711\"",
    |text| text.len() >= 3 && made_of(text, 12, |c| c.is_ascii_digit())
}

text_type! {
    /// A number as it is shown to the other side, in national form or with `+`.
    CallerNumber, "a number of 1 to 20 digits, with or without '+', such as \"02088886666\"",
    |text| made_of(text.strip_prefix('+').unwrap_or(text), 20, |c| c.is_ascii_digit())
}

text_type! {
    /// A country's code (ITU-T E.164 §6.2.1).
    CountryCode, "a country's code, such as \"86\"",
    |text| made_of(text, 3, |c| c.is_ascii_digit()) && !text.starts_with('0')
}

text_type! {
    /// An area's code as it stands behind the country's.
    AreaCode, "an area's code without its leading 0, such as \"20\"",
    |text| made_of(text, 6, |c| c.is_ascii_digit()) && !text.starts_with('0')
}

text_type! {
    /// How numbers of a kind begin, as they are dialled.
    DialPrefix, "the beginning of numbers, such as \"00\" or \"+\"",
    |text| text == "+" || made_of(text.strip_prefix('+').unwrap_or(text), 20, |c| {
        c.is_ascii_digit() || matches!(c, '*' | '#')
    }),
    or none
}

text_type! {
    /// Words by which a scanner gives itself away.
    Signature, "3 to 64 printable ASCII characters, such as \"friendly-scanner\"",
    |text| text.len() >= 3 && made_of(text, 64, |c| c == ' ' || c.is_ascii_graphic()),
    or none
}

text_type! {
    /// What people read in a line: a question of a form.
    Line, "a text of 1 to 200 bytes without line breaks",
    |text| (1..=200).contains(&text.len()) && text.trim() == text && !text.contains(char::is_control)
}

text_type! {
    /// A name that is shown to people, in any script.
    Label, "a name of 1 to 64 bytes without line breaks",
    |text| made_of(text, 64, |c| !c.is_control()) && text.trim() == text
}

text_type! {
    /// A web site as browsers name it in Origin (RFC 6454 §6.2).
    Origin, "the origin of a web site, such as \"https://desk.example\"",
    |text| made_of(text, 255, |c| c.is_ascii_graphic()) && !text.ends_with('/')
        && text.split_once("://").is_some_and(|(scheme, host)| {
            matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('/')
        })
}

text_type! {
    /// Headers of applications that go on from the caller to who is called: one, or all of a beginning.
    RelayHeader, "a header such as \"User-to-User\" or \"X-Case\", or the beginning of such as \"X-*\"",
    |text| {
        let name = text.strip_suffix('*').unwrap_or(text);
        let own = name.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("x-"));
        made_of(name, 64, |c| c.is_ascii_alphanumeric() || "-._".contains(c))
            && (own || text.eq_ignore_ascii_case("User-to-User"))
    },
    or none
}

text_type! {
    /// What goes into User-Agent and Server (RFC 3261 §20.41): printable ASCII.
    Product, "1 to 64 printable ASCII characters, such as \"Belfry\"",
    |text| made_of(text, 64, |c| c == ' ' || c.is_ascii_graphic()) && text.trim() == text
}

text_type! {
    /// A host name or an IP address, as the right side of a SIP address (RFC 3261 §25.1 `host`).
    Host, "a domain or an IP address, such as \"care.example\"",
    |text| text.parse::<core::net::Ipv4Addr>().is_ok()
        || text.strip_prefix('[').and_then(|t| t.strip_suffix(']'))
            .is_some_and(|t| t.parse::<core::net::Ipv6Addr>().is_ok())
        || made_of(text, 253, |c| c.is_ascii_alphanumeric() || "-.".contains(c))
            && text.split('.').all(|label| {
                made_of(label, 63, |_| true) && !label.starts_with('-') && !label.ends_with('-')
            })
            // What ends in a number is an address, and this one is none.
            && !text.rsplit('.').next().unwrap_or("").starts_with(|c: char| c.is_ascii_digit())
}

text_type! {
    /// The name under which Belfry answers a gateway's challenge.
    UserName, "a user name of 1 to 64 bytes without line breaks",
    |text| made_of(text, 64, |c| !c.is_control())
}

text_type! {
    /// An address of mail (RFC 5321 §4.1.2), of ASCII without quotes.
    MailAddress, "an address of mail, such as \"night@care.example\"",
    |text| text.rsplit_once('@').is_some_and(|(local, domain)| {
        let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        made_of(local, 64, atom)
            && !local.starts_with('.') && !local.ends_with('.') && !local.contains("..")
            && text.len() <= 254 && Host::new(domain).is_some() && !domain.starts_with('[')
            && domain.parse::<core::net::IpAddr>().is_err()
    })
}

text_type! {
    /// The name of an environment variable.
    EnvName, "the name of an environment variable, such as \"BELFRY_PHONE_1001\"",
    |text| made_of(text, 128, |c| c.is_ascii_alphanumeric() || c == '_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

text_type! {
    /// A code dialled for a service, or pressed in a call.
    FeatureCode, "a code of '*' or '#' and 1 to 4 digits or stars, such as \"*11\"",
    |text| text.strip_prefix(['*', '#'])
        .is_some_and(|t| made_of(t, 4, |c| c.is_ascii_digit() || c == '*') && !t.ends_with('*'))
}

impl Setting for PathBuf {
    const WRITE: &'static str = "a path, such as \"/var/lib/belfry\"";
    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<PathBuf> {
        read_text(value, reader, Self::WRITE, |text| {
            let fits = made_of(text, 4_000, |c| c != '\0' && c != '\n');
            fits.then(|| PathBuf::from(text)).ok_or_else(|| Wrong::not(text, "a path"))
        })
    }
}

/// Where the records are stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreUrl {
    /// An SQLite file.
    Sqlite(PathBuf),
}

impl StoreUrl {
    /// The file that holds the records.
    pub fn path(&self) -> &Path {
        let StoreUrl::Sqlite(path) = self;
        path
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite://{}", self.path().display())
    }
}

impl Setting for StoreUrl {
    const WRITE: &'static str = "a store, such as \"sqlite:///var/lib/belfry/belfry.db\"";
    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<StoreUrl> {
        read_text(value, reader, Self::WRITE, |text| {
            match text.split_once("://") {
                Some(("sqlite", path)) if path.is_empty() || path.ends_with('/') => {
                    Err(Wrong::new("the URL names no file"))
                }
                Some(("sqlite", path)) => Ok(StoreUrl::Sqlite(path.into())),
                // Not quoted: such a URL holds a password.
                Some(("postgres" | "postgresql", _)) => {
                    Err(Wrong::new("PostgreSQL is not in this version"))
                }
                _ => Err(Wrong::new("not the URL of a store")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_hold() {
        assert!(Name::new("e1-a").is_some() && Name::new("护理").is_none());
        assert!(Number::new("1001").is_some() && Number::new("+1").is_none());
        assert!(Number::new("").is_none() && Number::new(&"1".repeat(21)).is_none());
        assert!(CallerNumber::new("+862088886666").is_some() && CallerNumber::new("+").is_none());
        assert!(Label::new("护理一").is_some() && Label::new(" x").is_none());
        assert!(Product::new("Belfry/1 (care)").is_some() && Product::new("a\r\nb").is_none());
        assert!(EnvName::new("A_1").is_some() && EnvName::new("1A").is_none());
    }

    #[test]
    fn addresses_of_mail() {
        for good in ["a@b.example", "night.care+1@mail.care.example", "root@localhost"] {
            assert!(MailAddress::new(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b",
            "a b@c.d",
            "a@b@c",
            ".a@b.c",
            "a..b@c.d",
            "<a@b.c>",
            "a@[10.0.0.1]",
            "a@10.0.0.1",
            "a@b.c\r\nBcc: x@y.z",
        ] {
            assert!(MailAddress::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn hosts() {
        for good in ["care.example", "10.0.0.5", "[::1]", "localhost", "a-b.c3"] {
            assert!(Host::new(good).is_some(), "{good}");
        }
        for bad in ["", ".", "a..b", "-a.b", "10.0.0.256", "a b", "a:5060", "::1", "sip:a", "é.fr"]
        {
            assert!(Host::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn feature_codes() {
        assert!(FeatureCode::new("*11").is_some() && FeatureCode::new("#9").is_some());
        assert!(FeatureCode::new("**9").is_some());
        for bad in ["11", "*", "**", "*1#", "*12345", "*1a", ""] {
            assert!(FeatureCode::new(bad).is_none(), "{bad}");
        }
    }
}
