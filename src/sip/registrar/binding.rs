//! One binding: a Contact, how long it holds, and the way to it.

use crate::base::Time;
use crate::sip::Flow;
use crate::sip::command::Headers;
use crate::wire::sip::{Contact, Message, Name, NameAddr, Params, ToWire, Uri};

/// An address under which an address-of-record can be reached.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Binding {
    /// The Request-URI of a request to it, as the phone gave it.
    pub contact: Uri,
    /// Parameters of its Contact header beside `expires` and `q` (`+sip.instance`, `reg-id`).
    pub params: Params,
    /// Preference in thousandths; 1000 is best.
    pub q: u16,
    /// The flow that the REGISTER came over: the way to a phone behind NAT.
    pub flow: Flow,
    /// Until when it holds.
    pub expires: Time,
    /// When it was bound or refreshed last.
    pub refreshed: Time,
    /// When that was last told as a change.
    pub(super) told: Time,
    /// Call-ID of that REGISTER.
    pub call_id: Box<[u8]>,
    /// CSeq number of that REGISTER.
    pub cseq: u32,
    /// User-Agent of that REGISTER, as it came.
    pub user_agent: Box<[u8]>,
    /// Its Path values (RFC 3327), nearest to us first.
    pub path: Vec<Box<[u8]>>,
}

/// Bytes kept of a User-Agent, and Path values kept.
const USER_AGENT_BYTES: usize = 128;
const MOST_PATHS: usize = 8;

impl Binding {
    /// From one Contact of a REGISTER.
    pub(super) fn new(
        contact: &Contact,
        flow: Flow,
        expires: Time,
        request: &Message,
        now: Time,
    ) -> Binding {
        let mut params = contact.addr.params.clone();
        params.remove("expires");
        params.remove("q");
        let agent = request.header(Name::UserAgent).unwrap_or_default();
        Binding {
            contact: contact.addr.uri.clone(),
            params,
            q: contact.q(),
            flow,
            expires,
            refreshed: now,
            told: now,
            call_id: request.header(Name::CallId).unwrap_or_default().into(),
            cseq: request.cseq().map_or(0, |cseq| cseq.number),
            user_agent: agent[..agent.len().min(USER_AGENT_BYTES)].into(),
            path: request.headers(Name::Path).take(MOST_PATHS).map(Box::from).collect(),
        }
    }

    /// Was it made by a later request of the same Call-ID (§10.3 steps 6 and 7)?
    pub(super) fn is_newer_than(&self, call_id: &[u8], cseq: u32) -> bool {
        *self.call_id == *call_id && cseq <= self.cseq
    }

    /// Its Contact value in a 200, with the seconds that remain, rounded up.
    fn to_contact(&self, now: Time) -> Vec<u8> {
        let left = self.expires.since(now);
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        let mut params = self.params.clone();
        if self.q < 1000 {
            params.set("q", Some(format!("0.{:03}", self.q).as_bytes()));
        }
        params.set("expires", Some(&seconds.to_bytes()));
        NameAddr { display: None, uri: self.contact.clone(), params }.to_bytes()
    }
}

/// The headers of the 200: all bindings; Path as it came, so that the phone knows (RFC 3327 §5.3).
pub(super) fn headers(bindings: &[Binding], now: Time, request: &Message) -> Headers {
    let contacts = bindings.iter().map(|binding| (Name::Contact, binding.to_contact(now)));
    let paths = request.headers(Name::Path).map(|path| (Name::Path, path.to_vec()));
    contacts.chain(paths).collect()
}
