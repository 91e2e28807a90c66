//! REFER within a call (RFC 3515), both ways, with the implicit subscription whose NOTIFYs carry
//! the new call's status as `message/sipfrag`.
//!
//! ```text
//!   phone                Belfry                          Belfry              peer
//!     │──REFER──────────────>│  Event::Refer               │──REFER────────────>│  Command::Refer
//!     │<─────────202─────────│  Command::Respond           │<───────202─────────│
//!     │<──NOTIFY 100 Trying──│  at once (§2.4.4)           │<──NOTIFY 180───────│  ReferProgress
//!     │<──NOTIFY 200 OK──────│  Command::NotifyRefer       │<──NOTIFY 200───────│  ReferProgress
//! ```
//!
//! One REFER at a time in each direction of a call: a second one gets 491. Not here: placing the
//! call that is asked for; REFER outside a call, which is [`Event::Request`].

use super::command::CommandError;
use super::core::Core;
use super::event::Event;
use super::invite::session::Session;
use super::transactions::TxnId;
use crate::base::Time;
use crate::wire::sip::{Message, Method, Name, NameAddr, Replaces, ToWire, status};

/// How long the subscription lasts unless renewed, in seconds: longer than anybody rings.
const EXPIRES_S: u32 = 300;

/// A REFER of the peer's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Referral {
    /// Its transaction, while the user has not answered.
    pub(crate) txn: Option<TxnId>,
    /// Its CSeq number: the `id` of the subscription.
    pub(crate) number: u32,
}

impl Session {
    /// REFER of the peer's.
    pub(crate) fn refer_asked(
        &mut self,
        core: &mut Core,
        now: Time,
        txn: TxnId,
        request: &Message,
    ) {
        let (Ok(refer_to), Ok(referred_by)) = (request.refer_to(), request.referred_by()) else {
            return core.answer(now, txn, 400);
        };
        // Another method than INVITE (RFC 3515 §2.1) is nothing that we would do for a peer.
        let method =
            refer_to.uri.as_sip().and_then(|sip| sip.params.get("method").map(<[u8]>::to_vec));
        if method.is_some_and(|method| !method.eq_ignore_ascii_case(b"INVITE")) {
            return core.answer(now, txn, 403);
        }
        if self.referral.is_some() {
            return core.answer(now, txn, 491);
        }
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        self.referral = Some(Referral { txn: Some(txn), number });
        let replaces = replaces_of(&refer_to);
        let session = self.id;
        core.tell(Event::Refer { session, txn, refer_to, replaces, referred_by });
    }

    /// The user answered the peer's REFER: after 2xx the subscription lives and is told at once.
    pub(crate) fn refer_answered(&mut self, core: &mut Core, now: Time, txn: TxnId, status: u16) {
        let Some(referral) = self.referral.as_mut().filter(|r| r.txn == Some(txn)) else {
            return;
        };
        referral.txn = None;
        let lives =
            (200..=299).contains(&status) && self.notify_refer(core, now, 100, false).is_ok();
        if !lives {
            self.referral = None;
        }
    }

    /// Command NotifyRefer.
    pub(crate) fn notify_refer(
        &mut self,
        core: &mut Core,
        now: Time,
        code: u16,
        last: bool,
    ) -> Result<(), CommandError> {
        if !(100..=699).contains(&code) {
            return Err(CommandError::BadStatus(code));
        }
        let waiting = self.referral.filter(|r| r.txn.is_none());
        let referral = waiting.ok_or(CommandError::WrongState(self.id))?;
        let state = match last {
            true => "terminated;reason=noresource".to_owned(),
            false => format!("active;expires={EXPIRES_S}"),
        };
        let event = format!("refer;id={}", referral.number);
        let fragment = format!("SIP/2.0 {code} {}\r\n", status::phrase(code));
        let contact = self.contact.clone();
        self.send_within(core, now, &Method::Notify, |builder| {
            builder
                .header(Name::Contact, &*contact)
                .header(Name::Event, event.as_str())
                .header(Name::SubscriptionState, state.as_str())
                .body("message/sipfrag;version=2.0", fragment.as_bytes())
        })?;
        if last {
            self.referral = None;
        }
        Ok(())
    }

    /// Command Refer.
    pub(crate) fn refer(
        &mut self,
        core: &mut Core,
        now: Time,
        refer_to: &NameAddr,
        referred_by: Option<&NameAddr>,
    ) -> Result<(), CommandError> {
        if self.our_refer {
            return Err(CommandError::WrongState(self.id));
        }
        let contact = self.contact.clone();
        self.send_within(core, now, &Method::Refer, |builder| {
            let builder = builder
                .header(Name::Contact, &*contact)
                .header(Name::ReferTo, &refer_to.to_bytes());
            match referred_by {
                Some(by) => builder.header(Name::ReferredBy, &by.to_bytes()),
                None => builder,
            }
        })?;
        self.our_refer = true;
        Ok(())
    }

    /// Our REFER was answered: 2xx starts the reports, anything else is the last one.
    pub(crate) fn refer_replied(&mut self, core: &mut Core, status: u16) {
        if status >= 300 && core::mem::take(&mut self.our_refer) {
            core.tell(Event::ReferProgress { session: self.id, status, terminated: true });
        }
    }

    /// NOTIFY within the call: news of our REFER; any other event was never subscribed to.
    pub(crate) fn notified(&mut self, core: &mut Core, now: Time, txn: TxnId, request: &Message) {
        let event = request.token_with_params(Name::Event).ok().flatten();
        if !event.is_some_and(|(event, _)| event.eq_ignore_ascii_case(b"refer")) {
            return core.answer(now, txn, 489);
        }
        if !self.our_refer {
            return core.answer(now, txn, 481);
        }
        let state = request.token_with_params(Name::SubscriptionState).ok().flatten();
        let terminated = state.is_some_and(|(state, _)| state.eq_ignore_ascii_case(b"terminated"));
        let Some(status) = fragment_status(request.body()) else {
            return core.answer(now, txn, 400);
        };
        core.answer(now, txn, 200);
        self.our_refer = !terminated;
        core.tell(Event::ReferProgress { session: self.id, status, terminated });
    }
}

/// The Replaces header inside a Refer-To's URI: `<sip:b@h?Replaces=id%3Bto-tag%3D…>`.
fn replaces_of(refer_to: &NameAddr) -> Option<Replaces> {
    let uri = refer_to.uri.as_sip()?;
    let mut fields = uri.header_fields();
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case(b"Replaces"))?;
    Replaces::parse(&value).ok()
}

/// The status in a `message/sipfrag` body: `SIP/2.0 180 Ringing`.
fn fragment_status(body: &[u8]) -> Option<u16> {
    let rest = body.strip_prefix(b"SIP/2.0 ")?;
    let digits = core::str::from_utf8(rest.get(..3)?).ok()?;
    let status: u16 = digits.parse().ok()?;
    let ends = rest.get(3).is_none_or(|byte| !byte.is_ascii_digit());
    (ends && (100..=699).contains(&status)).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments() {
        assert_eq!(fragment_status(b"SIP/2.0 180 Ringing\r\n"), Some(180));
        assert_eq!(fragment_status(b"SIP/2.0 603"), Some(603));
        for bad in [
            &b""[..],
            b"SIP/2.0",
            b"SIP/2.0 18",
            b"SIP/2.0 1800 x",
            b"SIP/2.0 +18 x",
            b"SIP/2.0 099 x",
        ] {
            assert_eq!(fragment_status(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn replaces_is_found_inside_the_uri() {
        let text = b"<sip:b@h?Replaces=c%40x%3Bto-tag%3D1%3Bfrom-tag%3D2>";
        let refer_to = NameAddr::parse(text).expect("an address");
        let replaces = replaces_of(&refer_to).expect("a Replaces");
        assert_eq!((&*replaces.call_id, &*replaces.to_tag), (&b"c@x"[..], &b"1"[..]));
        let plain = NameAddr::parse(b"<sip:b@h>").expect("an address");
        assert_eq!(replaces_of(&plain), None);
    }
}
