//! When two URIs are the same resource (RFC 3261 §19.1.4, addresses by RFC 5954). Not an
//! equivalence relation in the mathematical sense: a parameter that only one side has is mostly
//! ignored, so `a` may equal `b` and `b` equal `c` while `a` differs from `c`.

use super::escape::unescape;
use super::params::Params;
use super::uri::{SipUri, Uri};

/// Parameters that count even when only one URI has them (§19.1.4, `transport` by its examples).
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

impl Uri {
    /// Do both name the same resource? SIP and SIPS URIs by §19.1.4, tel URIs by RFC 3966 §4,
    /// others byte for byte.
    pub fn equivalent(&self, other: &Uri) -> bool {
        match (self, other) {
            (Uri::Sip(a), Uri::Sip(b)) => sip_equivalent(a, b),
            (Uri::Tel(a), Uri::Tel(b)) => {
                a.digits().eq_ignore_ascii_case(&b.digits())
                    && a.params.iter().count() == b.params.iter().count()
                    && params_agree(&a.params, &b.params)
            }
            (Uri::Other(a), Uri::Other(b)) => {
                a.scheme.eq_ignore_ascii_case(&b.scheme) && a.rest == b.rest
            }
            _ => false,
        }
    }
}

fn sip_equivalent(a: &SipUri, b: &SipUri) -> bool {
    let same = |a: Option<&[u8]>, b: Option<&[u8]>| a.map(unescape) == b.map(unescape);
    a.secure == b.secure
        && same(a.user.as_deref(), b.user.as_deref())
        && same(a.password.as_deref(), b.password.as_deref())
        && a.host == b.host
        && a.port == b.port
        && NEVER_IGNORED.iter().all(|name| a.param(name).is_some() == b.param(name).is_some())
        && params_agree(&a.params, &b.params)
        && headers_agree(a, b)
}

/// Every parameter that both have has the same value, compared without case. Of a parameter that a
/// URI has several times, which it must not, the first counts.
fn params_agree(a: &Params, b: &Params) -> bool {
    let first = |params: &Params, name: &[u8]| {
        let found = params.iter().find(|(n, _)| unescape(n).eq_ignore_ascii_case(name));
        found.map(|(_, value)| unescape(value.unwrap_or_default()).to_ascii_lowercase())
    };
    a.iter().all(|(name, _)| {
        let name = unescape(name);
        first(b, &name).is_none_or(|theirs| first(a, &name) == Some(theirs))
    })
}

/// Headers are never ignored; their order does not count.
fn headers_agree(a: &SipUri, b: &SipUri) -> bool {
    let within = |a: &SipUri, b: &SipUri| {
        a.header_fields().all(|(name, value)| {
            b.header_fields().any(|(n, v)| n.eq_ignore_ascii_case(&name) && v == value)
        })
    };
    within(a, b) && within(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equal(a: &str, b: &str) -> bool {
        let (a, b) = (a.parse::<Uri>().expect(a), b.parse::<Uri>().expect(b));
        assert_eq!(a.equivalent(&b), b.equivalent(&a), "{a} and {b}: symmetric");
        assert!(a.equivalent(&a) && b.equivalent(&b));
        a.equivalent(&b)
    }

    #[test]
    fn examples_of_section_19_1_4_that_are_equivalent() {
        for (a, b) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("sip:a@[2001:db8::9:1]", "sip:a@[2001:db8:0:0:0:0:9:01]"),
            ("tel:+86-20-1234", "TEL:+86201234"),
            ("sip:a@h;x=1;x=2", "sip:a@h;X=1;x=3"),
        ] {
            assert!(equal(a, b), "{a} = {b}");
        }
    }

    #[test]
    fn examples_of_section_19_1_4_that_differ() {
        for (a, b) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:a@h", "sips:a@h"),
            ("sip:a@h", "sip:h"),
            ("sip:a@h;maddr=192.0.2.1", "sip:a@h"),
            ("sip:%00@h", "sip:%00%00@h"),
            ("sip:1@h", "tel:1"),
            ("tel:1;ext=2", "tel:1"),
        ] {
            assert!(!equal(a, b), "{a} != {b}");
        }
    }
}
