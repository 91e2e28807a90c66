//! What peers answer, and what happens when nobody does.

use super::{Agent, Own};
use crate::base::Time;
use crate::sip::Flow;
use crate::sip::command::ClientTxn;
use crate::sip::compose::{self, Hop};
use crate::sip::core::Core;
use crate::sip::digest::client::Challenged;
use crate::sip::event::Event;
use crate::sip::transactions::{Received, Reply, User};
use crate::wire::sip::Message;

impl Agent {
    /// A response from the wire. One that cannot be read, or belongs to nothing, is dropped and
    /// counted (§16.7, RFC 6026 §7.3).
    pub(super) fn response(&mut self, now: Time, flow: Flow, response: &Message) {
        let core = &mut self.core;
        let via = response.top_via();
        let (Ok(via), Ok(())) = (via, response.check()) else {
            core.stats.unreadable += 1;
            return;
        };
        match core.transactions.receive(now, response, &via, &mut core.out) {
            Received::Stray => core.stats.stray_responses += 1,
            Received::Absorbed => {}
            Received::News(reply) => {
                let flow = reply.instead_of.unwrap_or(flow);
                self.replied(now, flow, reply, Some(response));
            }
        }
    }

    /// A flow failed (connection refused or closed, ICMP): requests that wait on it are answered
    /// as by 503 (RFC 3261 §8.1.3.1, §17.1.4), unless they can be sent another way; responses take
    /// theirs (§18.2.2). Dialogs stay: their next request tries anew.
    pub fn flow_failed(&mut self, now: Time, flow: Flow) {
        let core = &mut self.core;
        core.transactions.answer_elsewhere(flow, &mut core.out);
        for reply in core.transactions.flow_failed(now, flow, &mut core.out) {
            self.replied(now, flow, reply, None);
        }
        self.reap();
    }

    /// Hands news of a request of ours to whose it is.
    pub(super) fn replied(
        &mut self,
        now: Time,
        flow: Flow,
        reply: Reply,
        response: Option<&Message>,
    ) {
        match reply.user {
            User::Session(id) => {
                self.with_session(id, |session, core| {
                    session.reply(core, now, flow, &reply, response);
                });
            }
            User::Farewell(_) => {}
            User::Watch(id) => self.notified(now, id, response.and_then(Message::status)),
            User::Own(txn) => self.own_replied(now, txn, &reply, response),
        }
    }

    /// News of a request of the user's own.
    fn own_replied(
        &mut self,
        now: Time,
        txn: ClientTxn,
        reply: &Reply,
        response: Option<&Message>,
    ) {
        let Some(own) = self.own.get_mut(&txn) else {
            return;
        };
        let Some((response, status)) = response.zip(response.and_then(Message::status)) else {
            self.own.remove(&txn);
            return self.core.tell(Event::ResponseTimeout { txn });
        };
        if status < 200 {
            return;
        }
        if let Some((request, hop)) = log_in(&mut self.core, own, reply, response) {
            self.core.send(now, hop, request, User::Own(txn));
            return;
        }
        self.own.remove(&txn);
        self.core.tell(Event::Response { txn, status, message: response.clone() });
    }
}

/// The request again with credentials, when the response is a challenge that we can answer.
fn log_in(
    core: &mut Core,
    own: &mut Own,
    reply: &Reply,
    response: &Message,
) -> Option<(Message, Hop)> {
    let (login, request) = (own.login.as_mut()?, reply.request.as_ref()?);
    let Challenged::Answer { header, value } = login.challenged(request, response, &mut core.rng)
    else {
        return None;
    };
    let number = request.cseq().map_or(1, |cseq| cseq.number).wrapping_add(1);
    let hop = core.hop(reply.instead_of.unwrap_or(reply.flow));
    let again = compose::again(request, hop, number, &[(header, &value)], None).ok()?;
    Some((again, hop))
}
