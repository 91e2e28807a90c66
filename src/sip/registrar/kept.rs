//! What is written down of a binding, so that a phone is reached again after a restart without having
//! registered anew.
//!
//! Only bindings over datagrams are worth keeping: a connection ends with the process, and its phone
//! notices. Their times are not here: the record has the calendar's.

use super::{Binding, Outbound, RENEWALS};
use crate::base::{Duration, Time};
use crate::sip::Flow;
use crate::wire::sip::{Contact, NameAddr, ToWire};

/// A binding as text, but for its times.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
struct Kept {
    /// Its Contact value, with `q` and without `expires`.
    contact: String,
    flow: Flow,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    elsewhere: Option<core::net::SocketAddr>,
    call_id: String,
    cseq: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    user_agent: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    path: Vec<String>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    savp: bool,
    /// Seconds that were given to it: it holds no longer than these from now, whenever it was renewed. Zero in
    /// records of before.
    #[serde(default)]
    given: u32,
    /// Its record tells of every renewal: it was the last word of a process that stopped in good order. The
    /// records write it ([`SURE`]).
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    sure: bool,
    /// The instance and `reg-id` of a phone with several flows (RFC 5626).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outbound: Option<(String, u32)>,
}

/// What the records set in a line when they know that its time is the last: the process before stopped in good
/// order.
pub const SURE: &str = "sure";

/// How long the binding of such a line holds, whose written time ends in `left`, negative where it is over;
/// nothing: it is over, or no line. One that may have been renewed since without being written holds for
/// [`RENEWALS`] more, and no longer than it would, had it been renewed just now.
pub fn holds(line: &str, left_ms: i64) -> Option<Duration> {
    let kept: Kept = serde_json::from_str(line).ok()?;
    let left = match (kept.sure, kept.given) {
        (true, _) => left_ms,
        (false, given) => {
            let renewed = left_ms.saturating_add(RENEWALS.as_millis() as i64);
            match given {
                0 => renewed,
                given => renewed.min(i64::from(given) * 1_000),
            }
        }
    };
    u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_millis)
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
            elsewhere: self.elsewhere,
            call_id: text(&self.call_id)?,
            cseq: self.cseq,
            user_agent: text(&self.user_agent)?,
            path: self.path.iter().map(|path| text(path)).collect::<Option<_>>()?,
            savp: self.savp,
            given: self.given,
            sure: false,
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
            elsewhere: kept.elsewhere,
            expires,
            refreshed: now,
            told: now,
            call_id: boxed(kept.call_id),
            cseq: kept.cseq,
            user_agent: boxed(kept.user_agent),
            path: kept.path.into_iter().map(boxed).collect(),
            savp: kept.savp,
            given: kept.given,
            outbound: kept
                .outbound
                .map(|(instance, reg_id)| Outbound { instance: boxed(instance), reg_id }),
        })
    }
}
