//! What the SIP agent tells, handed to the file that knows what to do with it.

use std::net::SocketAddr;

use crate::base::{Duration, LegId, Now};
use crate::config::Config;
use crate::dialplan::effect::Dial;
use crate::sip::transaction::Timing;
use crate::sip::{Action, AgentConfig, ClientTxn, Event, SessionId, SessionTimer, Transport};
use crate::wire::sip::Message;

use super::{Output, Switch};

/// A gateway or phone that has not said anything to an INVITE after so many T1 (5 s; it was sent four
/// times by then) is not there: the next one is tried, instead of waiting for timer B.
const FIRST_RESPONSE: u32 = 10;

/// The plan's own ring time ends a call that rings; the agent's is for one that it forgot.
const RING_GRACE: Duration = Duration::from_secs(60);

impl Switch {
    pub(super) fn agent_config(
        config: &Config,
        listening: &[(Transport, SocketAddr)],
    ) -> AgentConfig {
        let tcp = listening.iter().filter(|(transport, _)| *transport == Transport::Tcp);
        AgentConfig {
            networks: config.networks(),
            tcp: tcp.map(|(_, at)| *at).collect(),
            product: config.sip.user_agent.to_string(),
            timing: Timing { t1: config.sip.t1, t2: config.sip.t2, t4: config.sip.t4 },
            first_response: config.sip.t1 * FIRST_RESPONSE,
            ring_max: Duration::from_millis(u64::from(Dial::MAX_RING_MS)) + RING_GRACE,
            session_timer: SessionTimer {
                ask: Some(config.sip.session_expires).filter(|ask| *ask > Duration::ZERO),
                least: config.sip.min_session_expires,
            },
            ..AgentConfig::default()
        }
    }

    /// Carries out what the agent has to do and to say, until it is silent: an event may make the
    /// switch ask for more.
    pub(super) fn drain_agent(&mut self, now: Now) {
        while let Some(action) = self.agent.poll() {
            match action {
                Action::Send { flow, message } => self.out.push_back(Output::Sip(flow, message)),
                Action::Event(event) => self.sip(now, event),
            }
        }
    }

    /// What came of a request of ours outside calls; `None`: nothing in time.
    fn responded(&mut self, now: Now, txn: ClientTxn, answer: Option<(u16, &Message)>) {
        let status = answer.map(|(status, _)| status);
        if !self.register_answered(now, txn, answer.map(|(_, message)| message))
            && !self.message_answered(now, txn, status)
            && !self.care_answered(txn, status)
        {
            self.pong(now, txn, status);
        }
    }

    fn sip(&mut self, now: Now, event: Event) {
        let Some(event) = self.outside_said(now, event) else { return };
        match event {
            Event::Invite { session, flow, message } => self.arrival(now, session, flow, &message),
            Event::Request { txn, flow, message } => self.request(now, txn, flow, &message),
            Event::Response { txn, status, message } => {
                self.responded(now, txn, Some((status, &message)));
            }
            Event::ResponseTimeout { txn } => self.responded(now, txn, None),
            Event::StateWanted { subscription } => self.state_wanted(now, subscription),
            Event::SubscriptionOver { subscription } => self.subscription_over(subscription),
            Event::Progress { session, status, sdp, .. } => {
                self.with_leg(session, |s, leg| s.progress(now, leg, status, sdp));
            }
            Event::Answered { session, sdp, .. } => {
                self.with_leg(session, |s, leg| s.answered(now, leg, sdp));
            }
            Event::Offer { session, sdp, .. } => {
                self.with_leg(session, |s, leg| s.offered(now, leg, &sdp))
            }
            Event::OfferWanted { session } => {
                self.with_leg(session, |s, leg| s.offer_wanted(now, leg))
            }
            Event::OfferAnswered { session, sdp } => {
                self.with_leg(session, |s, leg| s.offer_answered(now, leg, &sdp));
            }
            // What was agreed before goes on; nothing was changed before the answer.
            Event::OfferWithdrawn { .. } | Event::OfferRefused { .. } => {}
            Event::Confirmed { session } => {
                self.with_leg(session, |s, leg| s.confirmed(now, leg));
            }
            Event::Info { session, content_type, body } => {
                self.with_leg(session, |s, leg| s.info(now, leg, &content_type, &body));
            }
            Event::Refer { session, txn, refer_to, replaces, .. } => {
                self.with_leg(session, |s, leg| match &replaces {
                    _ if !s.may_transfer(leg) => s.answer_refer(now, txn, 603),
                    Some(replaces) => s.consulted(now, leg, txn, replaces),
                    None => s.refer(now, leg, txn, &refer_to),
                });
            }
            Event::Remoted { session, status } => self.desk_answered(session, status),
            // We send no REFER yet.
            Event::ReferProgress { .. } => {}
            Event::Ended { session, end } => {
                self.with_leg(session, |s, leg| s.session_ended(now, leg, end))
            }
        }
    }

    /// An event of a session whose leg is gone is nobody's.
    fn with_leg(&mut self, session: SessionId, act: impl FnOnce(&mut Switch, LegId)) {
        if let Some(leg) = self.sessions.get(&session).copied() {
            act(self, leg);
        }
    }
}
