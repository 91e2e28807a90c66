//! What a caller's INVITE says beside numbers, as its plan gets it: who it names, by what device, and the
//! headers that are applications' own.
//!
//! ```text
//!   From, To, Request-URI, Call-ID, User-Agent ─▶ sip_from_host, sip_to_user, sip_req_user …  (FreeSWITCH's names)
//!   X-…, User-to-User, Subject, Priority …     ─▶ sip_h_NAME
//! ```
//!
//! All of it is the caller's word, which nobody has proven. A private caller's number is not among it:
//! `from` is made elsewhere ([`caller_id`](super::caller_id)).

use crate::dialplan::template::truncate;
use crate::wire::sip::{Message, Name, Uri};

/// What the name of a header's variable begins with.
const HEADER: &str = "sip_h_";
/// The most headers that a plan gets; the first count.
const MOST_HEADERS: usize = 20;
/// The longest name of one, and the longest value of anything here, in bytes; a longer name is left out,
/// a longer value is cut.
const MOST_NAME: usize = 64;
const MOST_VALUE: usize = 512;

/// Headers that are for who is called, not for the exchange, besides those whose names begin with `X-`.
const HEADERS: [Name; 5] =
    [Name::UserToUser, Name::Subject, Name::Priority, Name::CallInfo, Name::AlertInfo];

/// The variables that an INVITE gives its plan.
pub(super) fn variables(invite: &Message) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let from = invite.from().ok().map(|from| from.uri);
    let to = invite.to().ok().map(|to| to.uri);
    let request = invite.uri().ok();
    let host = |uri: &Option<Uri>| uri.as_ref().and_then(Uri::host).map(ToString::to_string);
    let user = |uri: &Option<Uri>| uri.as_ref().and_then(Uri::user).map(|user| text(&user));
    let header = |name| invite.header(name).map(text);
    for (name, value) in [
        ("sip_from_host", host(&from)),
        ("sip_to_user", user(&to)),
        ("sip_to_host", host(&to)),
        ("sip_req_user", user(&request)),
        ("sip_req_host", host(&request)),
        ("sip_call_id", header(Name::CallId)),
        ("sip_user_agent", header(Name::UserAgent)),
    ] {
        all.extend(value.filter(|value| !value.is_empty()).map(|value| (name.to_owned(), value)));
    }
    let headers = invite.raw_headers().filter_map(|(name, value)| Some((header_of(name)?, value)));
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in headers {
        if seen.len() >= MOST_HEADERS {
            break;
        }
        // Of several of one name the first counts, as with FreeSWITCH.
        if !seen.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            all.push((format!("{HEADER}{name}"), text(value)));
            seen.push(name);
        }
    }
    all
}

/// The headers among the variables of a call: name and value.
pub(super) fn headers(variables: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    variables.iter().filter_map(|(name, value)| Some((name.strip_prefix(HEADER)?, value.as_str())))
}

/// Whether `pattern` of the configuration, a name or a beginning with `*`, names a header.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.get(..start.len()).is_some_and(|n| n.eq_ignore_ascii_case(start)),
        None => name.eq_ignore_ascii_case(pattern),
    }
}

/// The name of a header that is a plan's to know, as it is written in full.
fn header_of(name: &[u8]) -> Option<String> {
    match Name::parse(name) {
        known if HEADERS.contains(&known) => Some(known.as_str().to_owned()),
        Name::Other if name.len() <= MOST_NAME && name.get(..2)?.eq_ignore_ascii_case(b"x-") => {
            Some(String::from_utf8_lossy(name).into_owned())
        }
        _ => None,
    }
}

/// A value of a bounded length, without control characters.
pub(super) fn text(value: &[u8]) -> String {
    let value = String::from_utf8_lossy(&value[..value.len().min(MOST_VALUE)]);
    let mut value: String = value.chars().filter(|c| !c.is_control()).collect();
    truncate(&mut value, MOST_VALUE);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &str) -> Vec<(String, String)> {
        let text = format!(
            "INVITE sip:8001@pbx.example;x=1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
             From: <sip:1001@home.example>;tag=1\r\nTo: <sip:9%38@to.example>\r\nCall-ID: c1\r\n\
             CSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        variables(&Message::parse(text.as_bytes()).expect("a message"))
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn what_freeswitch_names_has_its_names() {
        let wanted = [
            pair("sip_from_host", "home.example"),
            pair("sip_to_user", "98"),
            pair("sip_to_host", "to.example"),
            pair("sip_req_user", "8001"),
            pair("sip_req_host", "pbx.example"),
            pair("sip_call_id", "c1"),
            pair("sip_user_agent", "Phone/1.0 (x)"),
        ];
        assert_eq!(of("User-Agent: Phone/1.0 (x)\r\n"), wanted);
    }

    #[test]
    fn headers_of_applications_are_known_and_others_are_not() {
        let all = of("X-Case: 7\r\nx-case: 8\r\ns: hello\r\nUser-to-User: 00;encoding=hex\r\n\
                      Authorization: Digest x\r\nP-Asserted-Identity: <sip:1@h>\r\nXY: 1\r\n");
        let headers: Vec<_> = all.into_iter().filter(|(n, _)| n.starts_with("sip_h_")).collect();
        let wanted = [
            pair("sip_h_X-Case", "7"),
            pair("sip_h_Subject", "hello"),
            pair("sip_h_User-to-User", "00;encoding=hex"),
        ];
        assert_eq!(headers, wanted);
    }

    #[test]
    fn headers_are_bounded_in_number_and_length() {
        let mut headers: String = (0..40).map(|n| format!("X-{n}: {n}\r\n")).collect();
        headers += &format!("X-{}: 1\r\n", "n".repeat(100));
        assert_eq!(of(&headers).iter().filter(|(n, _)| n.starts_with("sip_h_")).count(), 20);
        let long = of(&format!("X-Long: {}\r\nX-Tab: a\tb\r\n", "é".repeat(400)));
        assert!(long.iter().all(|(_, value)| value.len() <= 512), "cut");
        assert!(long.contains(&pair("sip_h_X-Tab", "ab")));
    }
}
