//! Gateways that send a call on by 3xx (RFC 3261 §8.1.3.4), as carriers and border controllers with a routing of
//! their own do.
//!
//! ```text
//!  INVITE ─▶ e1-a: 302, Contact: sip:777@e1-b;q=0.9, sip:777@e1-a;q=0.5
//!              └─▶ e1-b: 777 ─▶ (503) ─▶ e1-a: 777 ─▶ (503) ─▶ the trunk's next, with the number that was dialled
//! ```
//!
//! A Contact counts where its host is a gateway's (its address, `domain` or `outbound_proxy`): to it goes what is asked
//! for, with that gateway's channels, credentials and headers; its number is asked for as it stands, no rule rewrites
//! it. Who may call is asked again for the new number. Contacts of any other host, ours among them, are nobody whom a
//! gateway may have called at our cost. No Contact is tried twice in a call, five all told
//! ([`Overflow::send_on`]); after the last the call goes on as after any failure of its gateway's.
//!
//! 305 names a proxy: the number that was asked for is asked for there. A phone's mobile may be called without its
//! permission, so that a 3xx may send that call to no dearer number. Not here: a phone's 3xx
//! ([`forwarding`](super::forwarding)).

use crate::base::LegId;
use crate::sip::Flow;
use crate::trunk::overflow::MOST_SENT_ON;
use crate::trunk::{Overflow, SentOn, Try};
use crate::wire::sip::{Contacts, Message, SipUri, Uri};

use super::active::Outside;
use super::arrival::user;
use super::forwarding::Whose;
use super::{Level, Switch, registering};

/// The 3xx that names a proxy instead of whom to call.
const USE_PROXY: u16 = 305;
/// The 3xx that names other services (RFC 3261 §21.3.5): nobody whom the same call reaches.
const ALTERNATIVE_SERVICE: u16 = 380;

impl Switch {
    /// Keeps where its gateway sends a leg's call, until the leg is over.
    pub(super) fn note_sent_on(&mut self, leg_id: LegId, status: u16, response: &Message) {
        let Ok(Contacts::List(mut list)) = response.contacts() else { return };
        // We write whom we ask for into To.
        let Ok(asked) = response.to() else { return };
        if status == ALTERNATIVE_SERVICE {
            return;
        }
        list.sort_by_key(|contact| core::cmp::Reverse(contact.q()));
        let mut all = Vec::new();
        for contact in list.into_iter().take(MOST_SENT_ON) {
            let uri = match status {
                USE_PROXY => by_proxy(&asked.uri, contact.addr.uri),
                _ => contact.addr.uri,
            };
            let place = user(&uri).filter(|number| !number.is_empty());
            let host = self.host_of_redirect(leg_id, &uri);
            match (place, host) {
                (Some(number), Some(Whose::Gateway(gateway))) => {
                    let Some(config) = self.config.gateway(&gateway) else { continue };
                    let target = target(uri, || registering::address(config, Some(&number)));
                    all.push(Try { gateway, sent_on: Some(SentOn { number, target }) });
                }
                _ => self.log(
                    Level::Warning,
                    format!(
                        "{}: its {status} sends the call to {uri}: that is no number at a gateway's address, \
                         domain or outbound proxy, so nobody is called there",
                        self.who(leg_id)
                    ),
                ),
            }
        }
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.sent_on = all;
        }
    }

    /// A leg has failed: the places to which its gateway sends the call come first on its way. False: it names none
    /// that is new.
    pub(super) fn goes_where_sent(
        &mut self,
        leg_id: LegId,
        left: &mut Overflow,
        to: &Outside,
    ) -> bool {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return false };
        let mut places = core::mem::take(&mut leg.sent_on);
        if to.phone.is_some() {
            places.retain(|place| !self.is_dearer(place, &to.number));
        }
        let line = |place: &Try| match &place.sent_on {
            Some(at) => format!("{} at {}", at.target, place.gateway),
            None => place.gateway.clone(),
        };
        let named: Vec<String> = places.iter().map(line).collect();
        let (who, named) = (self.who(leg_id), named.join(", "));
        let some = !places.is_empty();
        let new = left.send_on(places);
        if new {
            self.log(Level::Info, format!("{who}: its gateway sends the call on to {named}"));
        } else if some {
            let text = format!("{who}: its gateway sends the call to {named}: round in circles");
            self.log(Level::Warning, text);
        }
        new
    }

    /// Whether a place costs more than the number that was to be called.
    fn is_dearer(&self, place: &Try, number: &str) -> bool {
        let dearer = |at: &SentOn| {
            self.prices.class(&at.number, &at.number) > self.prices.class(number, number)
        };
        place.sent_on.as_ref().is_some_and(dearer)
    }

    /// The flow to a place that has an address and port of its own, by the transport of its gateway; a secure one
    /// stays the gateway's, whose certificate is known.
    pub(super) fn flow_sent_on(&self, flow: Flow, next: &Try) -> Flow {
        let place = next.sent_on.as_ref().and_then(|place| place.target.as_sip());
        let at = place.and_then(|sip| sip.host.socket_addr(sip.port?));
        match at.filter(|_| !flow.transport.is_secure()) {
            Some(at) => self.flow_to(flow.transport, at).unwrap_or(flow),
            None => flow,
        }
    }
}

/// A Contact as what is asked for: without what was meant for its own request. A number without a host is `here`.
fn target(uri: Uri, here: impl FnOnce() -> Uri) -> Uri {
    match uri {
        Uri::Sip(sip) => Uri::Sip(SipUri { headers: None, password: None, ..sip }),
        Uri::Tel(_) | Uri::Other(_) => here(),
    }
}

/// What was asked for, at a proxy.
fn by_proxy(asked: &Uri, proxy: Uri) -> Uri {
    match (asked, proxy) {
        (Uri::Sip(asked), Uri::Sip(proxy)) => {
            Uri::Sip(SipUri { user: asked.user.clone(), params: asked.params.clone(), ..proxy })
        }
        (_, proxy) => proxy,
    }
}
