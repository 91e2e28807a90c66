//! What a called party is shown of the caller: From and Contact of our INVITE.
//!
//! A caller without a number (withheld, or a dialplan's `caller-id` that came out empty) is
//! anonymous (RFC 3323 §4.1); a URI with an empty user part is none (RFC 3261 §25.1).

use crate::sip::Flow;
use crate::wire::sip::{Host, NameAddr, Uri};

/// The user part and host of somebody who is not to be known.
const ANONYMOUS: &str = "anonymous";
const NOWHERE: &str = "anonymous.invalid";

/// The caller as he is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    /// His number; `None`: it is not to be known, or there is none.
    number: Option<String>,
    name: Option<String>,
}

impl Shown {
    /// The first of `numbers` that says anything; and the name, if it does.
    pub(super) fn new<'a>(
        numbers: impl IntoIterator<Item = Option<&'a str>>,
        name: Option<&str>,
    ) -> Shown {
        let says = |text: &&str| !text.is_empty();
        let number = numbers.into_iter().flatten().find(says);
        Shown { number: number.map(str::to_owned), name: name.filter(says).map(str::to_owned) }
    }

    /// The From, at `domain`. `None`: the domain is no host.
    pub(super) fn from(&self, domain: &str) -> Option<NameAddr> {
        let uri = match &self.number {
            Some(number) => Uri::sip(Some(number), Host::parse(domain.as_bytes())?, None),
            None => Uri::sip(Some(ANONYMOUS), Host::parse(NOWHERE.as_bytes())?, None),
        };
        let from = NameAddr::new(uri);
        Some(match &self.name {
            Some(name) => from.with_display(name.as_bytes()),
            None => from,
        })
    }

    /// Our Contact on `flow`.
    pub(super) fn contact(&self, flow: Flow) -> Uri {
        let host = Host::from(flow.local.ip());
        let contact = Uri::sip(self.number.as_deref(), host, Some(flow.local.port()));
        match flow.transport.uri_param() {
            Some(transport) => contact.with_param("transport", Some(transport)),
            None => contact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;
    use crate::wire::sip::ToWire;

    fn flow(transport: Transport) -> Flow {
        let at = |text: &str| text.parse().expect("an address");
        Flow { transport, local: at("10.0.0.5:5060"), remote: at("10.0.0.9:5060") }
    }

    fn written(shown: &Shown) -> (String, String) {
        let from = shown.from("care.example").expect("a host").to_bytes();
        let contact = shown.contact(flow(Transport::Tcp)).to_string();
        (String::from_utf8(from).expect("text"), contact)
    }

    #[test]
    fn the_first_number_that_says_anything_is_shown() {
        let shown = Shown::new([None, Some(""), Some("4008001234")], Some("Care"));
        let (from, contact) = written(&shown);
        assert_eq!(from, "\"Care\" <sip:4008001234@care.example>");
        assert_eq!(contact, "sip:4008001234@10.0.0.5:5060;transport=tcp");
    }

    #[test]
    fn a_caller_without_a_number_is_anonymous_and_no_empty_user_is_written() {
        let (from, contact) = written(&Shown::new([None, Some("")], Some("")));
        assert_eq!(from, "<sip:anonymous@anonymous.invalid>");
        assert_eq!(contact, "sip:10.0.0.5:5060;transport=tcp");
        for text in [from.trim_matches(['<', '>']), &contact] {
            assert!(Uri::parse(text.as_bytes()).is_ok(), "{text}");
        }
    }
}
