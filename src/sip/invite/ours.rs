//! Our requests within the dialog other than offers: INFO, REFER, NOTIFY, and what is answered to
//! any of them (RFC 3261 §12.2.1).

use super::refresh::longer;
use super::session::{Because, MOST_OPEN, Session, Setup};
use super::usage::{Input, Usage};
use crate::base::Time;
use crate::sip::command::{CommandError, Hand};
use crate::sip::core::Core;
use crate::sip::digest::client::Challenged;
use crate::sip::event::Event;
use crate::sip::transaction::Tell;
use crate::sip::transactions::{ClientId, Reply, User};
use crate::sip::{Flow, compose};
use crate::wire::sip::{Builder, Message, Method, Name};

/// A first INVITE goes out so often at most for a longer interval.
const MOST_TRIES: u32 = 4;

impl Session {
    /// Sends a request within the dialog of an answered call.
    pub(crate) fn send_within(
        &mut self,
        core: &mut Core,
        now: Time,
        method: &Method,
        fill: impl FnOnce(Builder) -> Builder,
    ) -> Result<(), CommandError> {
        if !self.usage.is_established() {
            return Err(CommandError::WrongState(self.id));
        }
        if self.open >= MOST_OPEN {
            return Err(CommandError::Full);
        }
        let dialog = self.dialog.as_mut().ok_or(CommandError::WrongState(self.id))?;
        let hop = core.hop(dialog.next_hop());
        let request = fill(dialog.request(method, hop)).build()?;
        core.send(now, hop, request, User::Session(self.id));
        self.open += 1;
        Ok(())
    }

    /// Command Remote. In an early dialog, the latest one: a phone that rings is to answer.
    pub(crate) fn remote(
        &mut self,
        core: &mut Core,
        now: Time,
        hand: Hand,
    ) -> Result<(), CommandError> {
        if self.remote.is_some() || self.open >= MOST_OPEN {
            return Err(CommandError::Full);
        }
        let early = match &mut self.setup {
            Setup::Calling(calling) => calling.early.last_mut().map(|early| &mut early.dialog),
            Setup::Called(_) => None,
        };
        let dialog = match self.usage.is_established() {
            true => self.dialog.as_mut(),
            false => early,
        };
        let dialog = dialog.ok_or(CommandError::WrongState(self.id))?;
        let hop = core.hop(dialog.next_hop());
        let request = dialog
            .request(&Method::Notify, hop)
            .header(Name::Contact, &*self.contact)
            .header(Name::Event, hand.event())
            .header(Name::SubscriptionState, "active")
            .build()?;
        self.remote = Some(core.send(now, hop, request, User::Session(self.id)));
        self.open += 1;
        Ok(())
    }

    /// Something came of a request of ours: a response, or nothing (`response` is `None`).
    pub(crate) fn reply(
        &mut self,
        core: &mut Core,
        now: Time,
        flow: Flow,
        reply: &Reply,
        response: Option<&Message>,
    ) {
        if let Some(response) = response
            && (self.log_in(core, now, reply, response)
                || self.offer_otherwise(core, now, reply, response)
                || self.ask_longer(core, now, reply, response))
        {
            return;
        }
        if self.is_first_invite(reply.id) {
            return self.invite_reply(core, now, flow, reply, response);
        }
        let status = response.and_then(Message::status).unwrap_or(match reply.tell {
            Tell::Unreachable => 503,
            _ => 408,
        });
        if self.refreshed(core, now, reply, status, response) {
            return;
        }
        if let (422, Some(response)) = (status, response) {
            self.refresh_later(response, now);
        }
        if status >= 200 {
            self.re_invite.take_if(|(client, _)| *client == reply.id);
        }
        if status >= 200 && self.remote.take_if(|client| *client == reply.id).is_some() {
            // Of a call that is over nothing more is told.
            if !self.usage.has_ended() {
                core.tell(Event::Remoted { session: self.id, status });
            }
            return;
        }
        self.replied(core, now, (&reply.method, status), response);
    }

    /// What came of a request of ours within the dialog.
    fn replied(
        &mut self,
        core: &mut Core,
        now: Time,
        (method, status): (&Method, u16),
        response: Option<&Message>,
    ) {
        match (method, status, response) {
            (Method::Invite | Method::Update, 200..=299, Some(response)) => {
                self.ours_accepted(core, now, response);
            }
            (_, 100..=199, _) => {}
            (Method::Invite | Method::Update, ..) => self.ours_refused(core, now, status),
            (Method::Bye, ..) => {
                let actions = self.usage.handle(Input::ByeDone);
                self.act(core, now, actions, Because::default());
            }
            (Method::Refer, ..) => self.refer_replied(core, status),
            (Method::Notify, 300.., _) => self.referral = None,
            _ => {}
        }
        // A PRACK may come after the final response has ended what it was for; a NOTIFY is of the REFER's
        // subscription, which ends alone (RFC 5057 §5.1).
        if status == 481
            && !matches!(method, Method::Prack | Method::Notify)
            && !self.usage.has_ended()
        {
            let actions = self.usage.handle(Input::Lost);
            self.act(core, now, actions, Because::default());
        }
    }

    fn is_first_invite(&self, id: ClientId) -> bool {
        matches!(&self.setup, Setup::Calling(calling) if calling.client == id)
    }

    /// Answers a challenge by sending the request again with credentials. False when there is none,
    /// or nothing (new) to log in with.
    fn log_in(&mut self, core: &mut Core, now: Time, reply: &Reply, response: &Message) -> bool {
        let (Some(login), Some(request)) = (&mut self.login, &reply.request) else {
            return false;
        };
        if self.usage.has_ended() && reply.method != Method::Bye {
            return false;
        }
        let Challenged::Answer { header, value } =
            login.challenged(request, response, &mut core.rng)
        else {
            return false;
        };
        self.again(core, now, reply, &[(header, &value)], None)
    }

    /// The peer does not take our first INVITE's offer as it is (§21.4.26; some say 415 or 606 instead): it is
    /// sent again with the other one, where there is one, once. False when it is not of that.
    fn offer_otherwise(
        &mut self,
        core: &mut Core,
        now: Time,
        reply: &Reply,
        response: &Message,
    ) -> bool {
        let refused = matches!(response.status(), Some(415 | 488 | 606));
        if !refused || !self.is_first_invite(reply.id) || self.usage.has_ended() {
            return false;
        }
        let Setup::Calling(calling) = &mut self.setup else { return false };
        let Some(sdp) = calling.otherwise.take() else { return false };
        let again = self.anew(core, now, reply, &[], Some(&sdp));
        if again {
            self.refresh.described(&sdp);
        }
        again
    }

    /// Our first INVITE asked for an interval that is too short for the peer (RFC 4028 §7.4): it is
    /// sent again with the peer's, once for each that is longer. False when it is not of that.
    fn ask_longer(
        &mut self,
        core: &mut Core,
        now: Time,
        reply: &Reply,
        response: &Message,
    ) -> bool {
        let number = match &self.setup {
            Setup::Calling(calling) => calling.number,
            Setup::Called(_) => 0,
        };
        let few = number <= MOST_TRIES;
        let first = few && self.is_first_invite(reply.id) && response.status() == Some(422);
        let (true, Some(invite)) = (first && !self.usage.has_ended(), &reply.request) else {
            return false;
        };
        let Some((interval, least)) = longer(invite, response) else { return false };
        self.refresh.least(response);
        let least = least.to_string();
        let replaced = [(Name::SessionExpires, &interval[..]), (Name::MinSe, least.as_bytes())];
        self.anew(core, now, reply, &replaced, None)
    }

    /// Sends our first INVITE again as one that nobody has challenged yet: its credentials were for that one,
    /// and a nonce's count may not come twice (RFC 7616 §3.4).
    fn anew(
        &mut self,
        core: &mut Core,
        now: Time,
        reply: &Reply,
        replaced: &[(Name, &[u8])],
        body: Option<&[u8]>,
    ) -> bool {
        if let Some(login) = &mut self.login {
            login.begin_anew();
        }
        self.again(core, now, reply, replaced, body)
    }

    /// Sends a request of ours again with these headers. False when it cannot be.
    fn again(
        &mut self,
        core: &mut Core,
        now: Time,
        reply: &Reply,
        replaced: &[(Name, &[u8])],
        body: Option<&[u8]>,
    ) -> bool {
        let Some(request) = &reply.request else { return false };
        let number = match &mut self.dialog {
            Some(dialog) => dialog.skip_seq(),
            None => request.cseq().map_or(1, |cseq| cseq.number) + 1,
        };
        // As a datagram that went by a stream for its size would have gone.
        let hop = core.hop(reply.instead_of.unwrap_or(reply.flow));
        let Ok(again) = compose::again(request, hop, number, replaced, body) else {
            return false;
        };
        let client = core.send(now, hop, again.clone(), User::Session(self.id));
        self.open += 1;
        self.refresh.retried(reply.id, client);
        if let Some((open, _)) = self.re_invite.as_mut().filter(|(open, _)| *open == reply.id) {
            *open = client;
        }
        if let Setup::Calling(calling) = &mut self.setup
            && calling.client == reply.id
        {
            calling.client = client;
            calling.number = number;
            calling.invite = Some(again);
            calling.early.clear();
            let _ = self.usage.handle(Input::Retried);
        }
        debug_assert!(self.usage != Usage::Over, "a retry keeps the session");
        true
    }
}
