//! What a called party is shown of the caller: From and Contact of our INVITE, and what a gateway is
//! told beside.
//!
//! A caller without a number (withheld, or a dialplan's `caller-id` that came out empty) is
//! anonymous (RFC 3323 §4.1); a URI with an empty user part is none (RFC 3261 §25.1). One who hides
//! is anonymous too, and only a gateway that is asked for the network's own header gets his number,
//! marked as private (RFC 3325 §9.3).

use crate::config::{SendDiversion, SendIdentity};
use crate::sip::{self, Flow, Headers};
use crate::wire::sip::{Host, Name, NameAddr, ToWire, Uri};

/// The user part and host of somebody who is not to be known.
const ANONYMOUS: &str = "anonymous";
const NOWHERE: &str = "anonymous.invalid";

/// The caller as he is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    /// His number; `None`: it is not to be known, or there is none.
    number: Option<String>,
    name: Option<String>,
    /// He does not want to be shown.
    private: bool,
}

impl Shown {
    /// The first of `numbers` that says anything; and the name, if it does.
    pub(super) fn new<'a>(
        numbers: impl IntoIterator<Item = Option<&'a str>>,
        name: Option<&str>,
    ) -> Shown {
        let says = |text: &&str| !text.is_empty();
        let number = numbers.into_iter().flatten().find(says);
        Shown {
            number: number.map(str::to_owned),
            name: name.filter(says).map(str::to_owned),
            private: false,
        }
    }

    /// The caller does not want to be shown.
    pub(super) fn hidden(self, private: bool) -> Shown {
        Shown { private, ..self }
    }

    /// His number, rewritten as a gateway wants it.
    pub(super) fn rewritten(self, rewrite: impl Fn(&str) -> String) -> Shown {
        let number = self.number.map(|number| rewrite(&number)).filter(|n| !n.is_empty());
        Shown { number, ..self }
    }

    /// The number and the name that may be seen.
    fn open(&self) -> (Option<&str>, Option<&str>) {
        match self.private {
            true => (None, None),
            false => (self.number.as_deref(), self.name.as_deref()),
        }
    }

    /// Him with his number, for the network alone. `None`: he has none, or the domain is no host.
    fn identity(&self, domain: &str) -> Option<NameAddr> {
        let host = Host::parse(domain.as_bytes())?;
        let identity = NameAddr::new(Uri::sip(Some(self.number.as_deref()?), host, None));
        Some(match &self.name {
            Some(name) => identity.with_display(name.as_bytes()),
            None => identity,
        })
    }

    /// The headers by which a gateway is told who calls.
    pub(super) fn headers(&self, how: SendIdentity, domain: &str) -> Headers {
        let Some(mut identity) = self.identity(domain) else { return vec![] };
        match how {
            SendIdentity::From => vec![],
            SendIdentity::Pai => {
                let mut headers = vec![(Name::PAssertedIdentity, identity.to_bytes())];
                if self.private {
                    headers.push((Name::Privacy, b"id".to_vec()));
                }
                headers
            }
            SendIdentity::Rpid => {
                let privacy: &[u8] = if self.private { b"full" } else { b"off" };
                for (name, value) in
                    [("party", &b"calling"[..]), ("screen", b"yes"), ("privacy", privacy)]
                {
                    identity.params.set(name, Some(value));
                }
                vec![(Name::RemotePartyId, identity.to_bytes())]
            }
        }
    }

    /// The From, at `domain`. `None`: the domain is no host.
    pub(super) fn from(&self, domain: &str) -> Option<NameAddr> {
        let (number, name) = self.open();
        let uri = match number {
            Some(number) => Uri::sip(Some(number), Host::parse(domain.as_bytes())?, None),
            None => Uri::sip(Some(ANONYMOUS), Host::parse(NOWHERE.as_bytes())?, None),
        };
        let from = NameAddr::new(uri);
        Some(match name {
            Some(name) => from.with_display(name.as_bytes()),
            None => from,
        })
    }

    /// Our Contact on `flow`, as its peer sees it, towards `target`: a SIPS URI where that is one
    /// (RFC 3261 §8.1.1.8).
    pub(super) fn contact(&self, flow: Flow, target: &Uri) -> Uri {
        let host = Host::from(flow.local.ip());
        let contact = Uri::sip(self.open().0, host, Some(flow.local.port()));
        let secure = target.as_sip().is_some_and(|sip| sip.secure);
        sip::reached_by(contact, flow.transport, secure)
    }
}

/// For whom a call was that now goes elsewhere.
pub(super) struct Diverted<'a> {
    /// Whose it was.
    pub(super) by: &'a str,
    /// Why it goes on: RFC 5806's word.
    pub(super) why: &'a str,
    /// The status that stands for it in History-Info (RFC 7044 §8.1).
    pub(super) status: u16,
}

/// The header by which the next party is told that a call was for somebody else.
pub(super) fn diversion(
    how: SendDiversion,
    before: &Diverted<'_>,
    now: &Uri,
    domain: &str,
) -> Headers {
    let Some(host) = Host::parse(domain.as_bytes()).filter(|_| !before.by.is_empty()) else {
        return vec![];
    };
    let mut was = NameAddr::new(Uri::sip(Some(before.by), host, None));
    match how {
        SendDiversion::None => vec![],
        SendDiversion::Diversion => {
            was.params.set("reason", Some(before.why.as_bytes()));
            was.params.set("counter", Some(b"1"));
            vec![(Name::Diversion, was.to_bytes())]
        }
        SendDiversion::HistoryInfo => {
            was.params.set("index", Some(b"1"));
            let cause = before.status.to_string();
            let mut is = NameAddr::new(now.clone().with_param("cause", Some(&cause)));
            is.params.set("index", Some(b"1.1"));
            let value = [was.to_bytes(), is.to_bytes()].join(&b", "[..]);
            vec![(Name::HistoryInfo, value)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    fn flow(transport: Transport) -> Flow {
        let at = |text: &str| text.parse().expect("an address");
        Flow { transport, local: at("10.0.0.5:5060"), remote: at("10.0.0.9:5060") }
    }

    fn written(shown: &Shown) -> (String, String) {
        let from = shown.from("care.example").expect("a host").to_bytes();
        let target = Uri::parse(b"sip:1001@10.0.0.9").expect("a URI");
        let contact = shown.contact(flow(Transport::Tcp), &target).to_string();
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
    fn who_hides_is_told_to_the_network_alone() {
        let shown = Shown::new([Some("13800138000")], Some("Ann"));
        let text = |headers: Headers| -> Vec<String> {
            let line = |(name, value): (Name, Vec<u8>)| {
                format!("{}: {}", name.as_str(), String::from_utf8_lossy(&value))
            };
            headers.into_iter().map(line).collect()
        };
        let by = |shown: &Shown, how| text(shown.headers(how, "care.example"));
        let asserted = "P-Asserted-Identity: \"Ann\" <sip:13800138000@care.example>";
        assert_eq!(by(&shown, SendIdentity::From), Vec::<String>::new());
        assert_eq!(by(&shown, SendIdentity::Pai), [asserted]);
        let hidden = shown.clone().hidden(true).rewritten(|number| format!("0{number}"));
        assert_eq!(written(&hidden).0, "<sip:anonymous@anonymous.invalid>");
        assert_eq!(written(&hidden).1, "sip:10.0.0.5:5060;transport=tcp");
        assert_eq!(by(&hidden, SendIdentity::Pai), [&asserted.replace(":1", ":01"), "Privacy: id"]);
        assert_eq!(
            by(&hidden, SendIdentity::Rpid),
            ["Remote-Party-ID: \"Ann\" <sip:013800138000@care.example>;party=calling;screen=yes;\
              privacy=full"]
        );
        assert_eq!(by(&Shown::new([None], None), SendIdentity::Pai), Vec::<String>::new());
        let now = Uri::parse(b"sip:5@10.0.0.9").expect("a URI");
        let was = |by| Diverted { by, why: "unconditional", status: 302 };
        let sent = |how| text(diversion(how, &was("4008001234"), &now, "care.example"));
        assert_eq!(sent(SendDiversion::None), Vec::<String>::new());
        assert_eq!(
            sent(SendDiversion::Diversion),
            ["Diversion: <sip:4008001234@care.example>;reason=unconditional;counter=1"]
        );
        assert_eq!(
            sent(SendDiversion::HistoryInfo),
            ["History-Info: <sip:4008001234@care.example>;index=1, \
              <sip:5@10.0.0.9;cause=302>;index=1.1"]
        );
    }

    #[test]
    fn a_sips_target_is_shown_a_sips_contact() {
        let shown = Shown::new([Some("1002")], None);
        for (transport, target, contact) in [
            (Transport::Tls, "sips:1001@h", "sips:1002@10.0.0.5:5060"),
            (Transport::Tls, "sip:1001@h;transport=tls", "sip:1002@10.0.0.5:5060;transport=tls"),
            (Transport::Wss, "sips:1001@h.invalid", "sips:1002@10.0.0.5:5060;transport=ws"),
            (Transport::Wss, "sip:1001@h.invalid", "sip:1002@10.0.0.5:5060;transport=ws"),
            // It cannot be kept; the call is not refused for that.
            (Transport::Tcp, "sips:1001@h", "sip:1002@10.0.0.5:5060;transport=tcp"),
        ] {
            let target = Uri::parse(target.as_bytes()).expect("a URI");
            assert_eq!(shown.contact(flow(transport), &target).to_string(), contact);
        }
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
