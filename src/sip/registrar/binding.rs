//! One binding: a Contact, how long it holds, and the way to it.

use core::net::SocketAddr;

use super::way;
use crate::base::Time;
use crate::sip::Flow;
use crate::sip::command::Headers;
use crate::wire::sip::{Contact, Message, Name, NameAddr, Params, ToWire, Uri};

/// An address under which an address-of-record can be reached.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Binding {
    /// The Request-URI of a request to it: as the phone gave it, without what may not stand there (RFC 3261
    /// §19.1.1).
    pub contact: Uri,
    /// Parameters of its Contact header beside `expires` and `q` (`+sip.instance`, `reg-id`).
    pub params: Params,
    /// Preference in thousandths; 1000 is best.
    pub q: u16,
    /// The flow that the REGISTER came over: the way to a phone behind NAT.
    pub flow: Flow,
    /// The address that requests go to, where it is another than the flow's ([`way`]).
    #[serde(default)]
    pub elsewhere: Option<SocketAddr>,
    /// Until when it holds.
    pub expires: Time,
    /// Seconds that it was given when it was bound or refreshed last.
    #[serde(default)]
    pub given: u32,
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
    /// It wants SRTP as `RTP/SAVP`, as it has shown in a call.
    #[serde(default)]
    pub savp: bool,
    /// Which flow of which phone it is, where the phone keeps several (RFC 5626).
    pub outbound: Option<Outbound>,
}

/// One of the flows of one phone (RFC 5626 §4.2).
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Outbound {
    /// The phone: `+sip.instance`, unquoted.
    pub instance: Box<[u8]>,
    /// Which of its flows: `reg-id`.
    pub reg_id: u32,
}

impl Outbound {
    /// Of a Contact, in a request whose sender knows `outbound` (§6); a `reg-id` without the phone's
    /// instance means nothing.
    fn of(contact: &Contact, request: &Message) -> Option<Outbound> {
        let params = &contact.addr.params;
        let digits = core::str::from_utf8(params.get("reg-id")?).ok()?;
        let reg_id = digits.parse().ok().filter(|id| (1..=i32::MAX as u32).contains(id))?;
        let instance = params.get_unquoted("+sip.instance")?;
        let known = request.lists(Name::Supported, "outbound");
        (known && instance.len() <= INSTANCE_BYTES)
            .then(|| Outbound { instance: (*instance).into(), reg_id })
    }
}

/// Seconds within which a phone that keeps flows is to be heard over a stream (RFC 5626 §4.4.1): NATs forget
/// silent connections after some minutes. The kernel asks sooner; this is so that the phone notices too.
const FLOW_TIMER: u32 = 120;
/// Longest instance that is told apart.
const INSTANCE_BYTES: usize = 256;
/// Bytes kept of a User-Agent, and Path values kept.
const USER_AGENT_BYTES: usize = 128;
const MOST_PATHS: usize = 8;

impl Binding {
    /// From one Contact of a REGISTER.
    pub(super) fn new(
        contact: Contact,
        flow: Flow,
        expires: Time,
        request: &Message,
        now: Time,
    ) -> Binding {
        let (q, outbound) = (contact.q(), Outbound::of(&contact, request));
        let NameAddr { uri, mut params, .. } = contact.addr;
        params.remove("expires");
        params.remove("q");
        let agent = request.header(Name::UserAgent).unwrap_or_default();
        let path: Vec<_> = request.headers(Name::Path).take(MOST_PATHS).map(Box::from).collect();
        let uri = requested(uri);
        Binding {
            elsewhere: way::elsewhere(&uri, &path, outbound.is_some(), flow, request),
            contact: uri,
            params,
            q,
            flow,
            expires,
            given: u32::try_from(expires.since(now).as_secs()).unwrap_or(u32::MAX),
            refreshed: now,
            told: now,
            call_id: request.header(Name::CallId).unwrap_or_default().into(),
            cseq: request.cseq().map_or(0, |cseq| cseq.number),
            user_agent: agent[..agent.len().min(USER_AGENT_BYTES)].into(),
            path,
            savp: false,
            outbound,
        }
    }

    /// The route set of a request to it: the proxies that its REGISTER came through and that want to see what
    /// goes to it (RFC 3327 §5.3). The first of them is where [`way`](Self::way) leads.
    pub fn routes(&self) -> Vec<Uri> {
        self.path.iter().filter_map(|path| Some(NameAddr::parse(path).ok()?.uri)).collect()
    }

    /// Where a request to it goes.
    pub fn way(&self) -> Flow {
        Flow { remote: self.elsewhere.unwrap_or(self.flow.remote), ..self.flow }
    }

    /// Whether `newer` takes this one's place: the same flow of the same phone, whatever its Contact
    /// says now (RFC 5626 §6); else the same Contact (§10.3).
    pub(super) fn is_replaced_by(&self, newer: &Binding) -> bool {
        match (&self.outbound, &newer.outbound) {
            (Some(own), Some(newer)) => own == newer,
            _ => self.contact.equivalent(&newer.contact),
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
        let mut value = Vec::with_capacity(128);
        value.push(b'<');
        self.contact.to_wire(&mut value);
        value.push(b'>');
        value.extend_from_slice(self.params.as_bytes());
        if self.q < 1000 {
            value.extend_from_slice(format!(";q=0.{:03}", self.q).as_bytes());
        }
        value.extend_from_slice(b";expires=");
        seconds.to_wire(&mut value);
        value
    }
}

/// A Contact's URI as a Request-URI.
fn requested(mut uri: Uri) -> Uri {
    if let Uri::Sip(sip) = &mut uri {
        sip.headers = None;
        sip.params.remove("method");
    }
    uri
}

/// The headers of the 200 over `flow`: all bindings; Path as it came, so that the phone knows (RFC 3327
/// §5.3).
pub(super) fn headers(bindings: &[Binding], now: Time, flow: Flow, request: &Message) -> Headers {
    let contacts = bindings.iter().map(|binding| (Name::Contact, binding.to_contact(now)));
    let paths = request.headers(Name::Path).map(|path| (Name::Path, path.to_vec()));
    // The phone learns that its flows are told apart (RFC 5626 §6).
    let asked = request.lists(Name::Supported, "outbound");
    let outbound = asked && bindings.iter().any(|binding| binding.outbound.is_some());
    let require = outbound.then(|| (Name::Require, b"outbound".to_vec()));
    let timed = outbound && flow.transport.is_reliable();
    let timer = timed.then(|| (Name::FlowTimer, FLOW_TIMER.to_bytes()));
    contacts.chain(paths).chain(require).chain(timer).collect()
}
