//! Who calls by a gateway: what its INVITE says of the caller and of who was called before us.
//!
//! ```text
//!  trusted:  P-Asserted-Identity (RFC 3325) ─ else Remote-Party-ID ─ else From   ─▶ number, name
//!            Diversion (RFC 5806) ─ else History-Info (RFC 7044)                 ─▶ diverted from, why
//!  any:      Privacy (RFC 3323), From anonymous                                  ─▶ private
//! ```
//!
//! Not here: what becomes of the number (the switch rewrites it by the gateway's rules).

use crate::wire::sip::{Message, Name, NameAddr, Uri};

/// Users of a From that are nobody.
const NOBODY: [&str; 6] =
    ["anonymous", "unavailable", "unknown", "restricted", "withheld", "private"];
/// The host of such a From (RFC 3323 §4.1.1.3).
const NOWHERE: &[u8] = b"anonymous.invalid";

/// What an INVITE says of its caller.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CallerId {
    /// As written; empty: nobody's.
    pub number: String,
    /// The name that goes with it.
    pub name: Option<String>,
    /// The caller does not want to be shown.
    pub private: bool,
    /// Who sent the call on, and why.
    pub diverted: Option<(String, String)>,
}

/// Reads it; of a gateway that is not `trusted` only what anybody may say.
pub fn read(invite: &Message, trusted: bool) -> CallerId {
    let from = invite.from().ok();
    let shown = from.as_ref().filter(|from| !is_nobody(&from.uri));
    let rpid = trusted.then(|| remote_party(invite)).flatten();
    let asserted = trusted.then(|| first(invite, Name::PAssertedIdentity)).flatten();
    let asserted = asserted.or_else(|| rpid.as_ref().map(|(who, _)| who.clone()));
    let asserted = asserted.filter(|who| !is_nobody(&who.uri));
    let number_of = |who: &NameAddr| user(&who.uri).filter(|number| !number.is_empty());
    let number = asserted.as_ref().and_then(number_of).or_else(|| shown.and_then(number_of));
    let display = asserted.and_then(|who| who.display);
    let display = display.or_else(|| shown.and_then(|from| from.display.clone()));
    CallerId {
        number: number.unwrap_or_default(),
        name: display.map(|name| String::from_utf8_lossy(&name).into_owned()),
        private: from.is_some() && shown.is_none()
            || rpid.is_some_and(|(_, private)| private)
            || asks_for_privacy(invite),
        diverted: if trusted { diversion(invite).or_else(|| history(invite)) } else { None },
    }
}

/// The first value of a header that can be read.
fn first(invite: &Message, name: Name) -> Option<NameAddr> {
    invite.headers(name).find_map(|value| NameAddr::parse(value).ok())
}

fn is_nobody(uri: &Uri) -> bool {
    let named = user(uri).is_some_and(|user| NOBODY.iter().any(|n| n.eq_ignore_ascii_case(&user)));
    let host = uri.host().map(ToString::to_string).unwrap_or_default();
    named || host.as_bytes().eq_ignore_ascii_case(NOWHERE)
}

/// `Privacy: id` and its like; `none` says that there is none.
pub fn asks_for_privacy(invite: &Message) -> bool {
    let value = invite.header(Name::Privacy).unwrap_or_default();
    let words = || value.split(|b| matches!(b, b';' | b',')).map(<[u8]>::trim_ascii);
    let has = |word: &str| words().any(|own| own.eq_ignore_ascii_case(word.as_bytes()));
    !has("none") && ["id", "user", "header"].into_iter().any(has)
}

/// Remote-Party-ID (draft-ietf-sip-privacy-04, which gateways still write): the calling party, and
/// whether it is to be shown.
fn remote_party(invite: &Message) -> Option<(NameAddr, bool)> {
    let all = invite.headers(Name::RemotePartyId).filter_map(|value| NameAddr::parse(value).ok());
    let is = |who: &NameAddr, param: &str, words: &[&str]| {
        let value = who.params.get_unquoted(param);
        value.is_some_and(|own| words.iter().any(|word| own.eq_ignore_ascii_case(word.as_bytes())))
    };
    let calling = |who: &NameAddr| !who.params.has("party") || is(who, "party", &["calling"]);
    let who = all.into_iter().find(calling)?;
    let private = is(&who, "privacy", &["full", "uri"]);
    Some((who, private))
}

/// The latest diversion is written first (RFC 5806 §4.1).
fn diversion(invite: &Message) -> Option<(String, String)> {
    let latest = first(invite, Name::Diversion)?;
    let from = user(&latest.uri).filter(|number| !number.is_empty())?;
    let reason = latest.params.get_unquoted("reason").unwrap_or_default();
    Some((from, String::from_utf8_lossy(&reason).to_ascii_lowercase()))
}

/// The last entry is the present target, the one before it who sent the call on (RFC 7044 §9); why, the
/// target's `cause` says (RFC 4458).
fn history(invite: &Message) -> Option<(String, String)> {
    let entries: Vec<NameAddr> =
        invite.headers(Name::HistoryInfo).filter_map(|value| NameAddr::parse(value).ok()).collect();
    let [.., before, target] = entries.as_slice() else { return None };
    let from = user(&before.uri).filter(|number| !number.is_empty())?;
    let reason = match target.uri.param("cause").as_deref() {
        Some(b"302") => "unconditional",
        Some(b"486") => "user-busy",
        Some(b"408") => "no-answer",
        Some(b"480" | b"487") => "deflection",
        Some(b"503") => "unavailable",
        _ => "unknown",
    };
    Some((from, reason.into()))
}

/// The number of a URI: the user part without its parameters (`;tgrp=…`, RFC 4904), or the digits
/// of a tel URI.
pub fn user(uri: &Uri) -> Option<String> {
    match uri {
        Uri::Sip(sip) => sip.user_name().map(|u| String::from_utf8_lossy(&u).into_owned()),
        Uri::Tel(tel) => Some(tel.digits()),
        Uri::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(headers: &str, trusted: bool) -> CallerId {
        let text = format!("INVITE sip:4008001234@10.0.0.1 SIP/2.0\r\n{headers}\r\n");
        read(&Message::parse(text.as_bytes()).expect("a message"), trusted)
    }
    fn trusted(headers: &str) -> CallerId {
        read_as(headers, true)
    }
    const FROM: &str = "From: \"Ann\" <sip:88886666@10.0.0.2;user=phone>;tag=1\r\n";

    #[test]
    fn what_the_network_asserts_comes_before_what_the_caller_says() {
        let plain = trusted(FROM);
        assert_eq!((plain.number.as_str(), plain.name.as_deref()), ("88886666", Some("Ann")));
        let asserted = "P-Asserted-Identity: <sip:02012345678@gw>, <tel:+862012345678>\r\n\
                        Privacy: none\r\n";
        let found = trusted(&format!("{FROM}{asserted}"));
        assert_eq!((found.number.as_str(), found.private), ("02012345678", false));
        assert_eq!(found.name.as_deref(), Some("Ann"), "asserted without a name");
        let found = read_as(&format!("{FROM}{asserted}"), false);
        assert_eq!(found.number, "88886666", "not believed");
        let rpid = "Remote-Party-ID: <sip:99@gw>;party=called, \"Bo\" <sip:13800138000@gw>;\
                    party=calling;screen=yes;privacy=full\r\n";
        let found = trusted(&format!("{FROM}{rpid}"));
        assert_eq!((found.number.as_str(), found.private), ("13800138000", true));
        assert_eq!(found.name.as_deref(), Some("Bo"));
        let broken = trusted(&format!("{FROM}P-Asserted-Identity: <sip:\r\n"));
        assert_eq!(broken.number, "88886666");
    }

    #[test]
    fn a_caller_who_hides_is_nobody_or_known_to_the_network_alone() {
        for from in [
            "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1\r\n",
            "From: <sip:Unavailable@10.0.0.2>;tag=1\r\n",
            "From: <sip:c8oqz84zk7z@Anonymous.Invalid>;tag=1\r\n",
        ] {
            let found = trusted(from);
            assert_eq!((found.number.as_str(), found.name, found.private), ("", None, true));
            let known = trusted(&format!("{from}P-Asserted-Identity: <tel:+8613800138000>\r\n"));
            assert_eq!((known.number.as_str(), known.private), ("+8613800138000", true));
        }
        assert!(trusted(&format!("{FROM}Privacy: id;critical\r\n")).private);
        assert!(!trusted(&format!("{FROM}Privacy: session\r\n")).private);
    }

    #[test]
    fn who_sent_the_call_on_is_told_by_either_header() {
        let by = |header: &str| trusted(&format!("{FROM}{header}\r\n")).diverted;
        let number = |number: &str, why: &str| Some((number.to_owned(), why.to_owned()));
        let latest = "Diversion: <sip:1002@gw>;reason=user-busy;counter=2, <sip:1001@gw>";
        assert_eq!(by(latest), number("1002", "user-busy"));
        let history = "History-Info: <sip:1001@gw>;index=1, <sip:1002@gw;cause=302>;index=1.1, \
                       <sip:4008001234@10.0.0.1;cause=408>;index=1.1.1";
        assert_eq!(by(history), number("1002", "no-answer"));
        assert_eq!(by("History-Info: <sip:1001@gw>;index=1"), None, "nobody before us");
        assert_eq!(read_as(&format!("{FROM}{latest}\r\n"), false).diverted, None);
    }
}
