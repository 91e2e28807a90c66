//! What is written down of a binding, so that a phone is reached again after a restart without having
//! registered anew.
//!
//! Only bindings over datagrams are worth keeping: a connection ends with the process, and its phone
//! notices. Their times are not here: the record has the calendar's.

use super::{Binding, Outbound};
use crate::base::Time;
use crate::sip::Flow;
use crate::wire::sip::{Contact, NameAddr, ToWire};

/// A binding as text, but for its times.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
struct Kept {
    /// Its Contact value, with `q` and without `expires`.
    contact: String,
    flow: Flow,
    call_id: String,
    cseq: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    user_agent: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    path: Vec<String>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    savp: bool,
    /// The instance and `reg-id` of a phone with several flows (RFC 5626).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outbound: Option<(String, u32)>,
}

impl Binding {
    /// As a line to be written down. Nothing for a binding over a connection, and for one whose
    /// phone writes bytes that are no text.
    pub fn to_record(&self) -> Option<String> {
        if self.flow.transport.is_reliable() {
            return None;
        }
        let text = |bytes: &[u8]| core::str::from_utf8(bytes).ok().map(str::to_owned);
        let mut params = self.params.clone();
        if self.q < 1000 {
            params.set("q", Some(format!("0.{:03}", self.q).as_bytes()));
        }
        let contact = NameAddr { display: None, uri: self.contact.clone(), params };
        let outbound = match &self.outbound {
            Some(outbound) => Some((text(&outbound.instance)?, outbound.reg_id)),
            None => None,
        };
        let kept = Kept {
            contact: text(&contact.to_bytes())?,
            flow: self.flow,
            call_id: text(&self.call_id)?,
            cseq: self.cseq,
            user_agent: text(&self.user_agent)?,
            path: self.path.iter().map(|path| text(path)).collect::<Option<_>>()?,
            savp: self.savp,
            outbound,
        };
        serde_json::to_string(&kept).ok()
    }

    /// Reads such a line; nothing when it is none. The binding holds until `expires`.
    pub fn from_record(line: &str, now: Time, expires: Time) -> Option<Binding> {
        let kept: Kept = serde_json::from_str(line).ok()?;
        let contact = Contact::parse(kept.contact.as_bytes()).ok()?;
        let mut params = contact.addr.params.clone();
        params.remove("q");
        let boxed = |text: String| text.into_bytes().into_boxed_slice();
        Some(Binding {
            q: contact.q(),
            contact: contact.addr.uri,
            params,
            flow: kept.flow,
            expires,
            refreshed: now,
            told: now,
            call_id: boxed(kept.call_id),
            cseq: kept.cseq,
            user_agent: boxed(kept.user_agent),
            path: kept.path.into_iter().map(boxed).collect(),
            savp: kept.savp,
            outbound: kept
                .outbound
                .map(|(instance, reg_id)| Outbound { instance: boxed(instance), reg_id }),
        })
    }
}
