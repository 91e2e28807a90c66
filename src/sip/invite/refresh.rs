//! The session timer (RFC 4028): a call whose peer has gone without a word ends by itself.
//!
//! ```text
//!            2xx with Session-Expires: 1800;refresher=…
//!  ├──────────────────────┼──────────────────────────────┼──────┤
//!  0                     900                           1768   1800 s
//!                         who refreshes does so here      whoever has heard nothing says BYE
//! ```
//!
//! A refresh is an UPDATE without description where the peer takes UPDATE (§7.4), else a re-INVITE
//! with the description that stands. Any re-INVITE or UPDATE that is answered with 2xx, by whichever
//! side, begins the time anew (§7.2, §9). Where we may choose we refresh ourselves: a peer that
//! forgets to is common, and the call of an old person must not end by it.
//!
//! A timer runs only with a peer that names `timer` in Supported. Not here: when the call is over by
//! silence on its media, which is the switch's.

use super::offer::{Carrier, Exchange};
use super::session::{Because, MOST_OPEN, OurOffer, Session};
use super::usage::{Input, Usage};
use crate::base::{Duration, Time};
use crate::sip::compose;
use crate::sip::core::{Core, with_abilities};
use crate::sip::timers::WakeReason;
use crate::sip::transactions::{ClientId, Reply, User};
use crate::wire::sip::{Builder, Message, Method, Name, Refresher, SessionExpires, ToWire};

/// No interval may be shorter (§4, §5), in seconds.
const LEAST_S: u32 = 90;
/// Whoever does not refresh says BYE this long before the end, or a third of the interval (§10).
const BYE_BEFORE: Duration = Duration::from_secs(32);
/// A refresh that was refused is tried again after so long at least.
const AGAIN: Duration = Duration::from_secs(5);

/// What the daemon sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionTimer {
    /// The interval that we ask for; `None`: we take part when the peer asks.
    pub ask: Option<Duration>,
    /// The shortest interval that we take, 90 s at least; a shorter one gets 422.
    pub least: Duration,
}

impl Default for SessionTimer {
    fn default() -> SessionTimer {
        SessionTimer { ask: None, least: Duration::from_secs(u64::from(LEAST_S)) }
    }
}

/// The interval that the peer asks for is below our least, which it holds: 422 (§9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooSmall(pub u32);

/// What the two have agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Terms {
    seconds: u32,
    /// We refresh.
    ours: bool,
    /// The peer knows the timer, so that it may be required to.
    known: bool,
}

impl SessionTimer {
    fn least_s(&self) -> u32 {
        (self.least.as_secs() as u32).max(LEAST_S)
    }

    /// What a request of the peer's (INVITE, re-INVITE, UPDATE) comes to if it is accepted. A
    /// Session-Expires that cannot be read is none.
    pub fn answer(&self, request: &Message) -> Result<Option<Terms>, TooSmall> {
        let known =
            request.lists(Name::Supported, "timer") || request.lists(Name::Require, "timer");
        let asked = request.session_expires().ok().flatten();
        let least = request.min_se().ok().flatten().unwrap_or(0).max(self.least_s());
        let Some(SessionExpires { seconds, refresher }) = asked else {
            let own = self.ask.filter(|_| known);
            let seconds = own.map(|ask| (ask.as_secs() as u32).max(least));
            return Ok(seconds.map(|seconds| Terms { seconds, ours: true, known }));
        };
        if seconds < self.least_s() && known {
            return Err(TooSmall(self.least_s()));
        }
        // A proxy has asked for a caller that does not know the timer: it is ours alone (§9).
        let ours = !known || refresher != Some(Refresher::Uac);
        Ok(Some(Terms { seconds: seconds.max(LEAST_S), ours, known }))
    }

    /// What our first INVITE asks for.
    pub(crate) fn on_invite(&self, builder: Builder) -> Builder {
        let Some(ask) = self.ask else { return builder };
        let seconds = (ask.as_secs() as u32).max(self.least_s());
        let asked = SessionExpires { seconds, refresher: None };
        builder.header(Name::SessionExpires, &asked.to_bytes())
    }
}

impl Terms {
    /// What our 2xx says.
    pub(crate) fn on_success(self, builder: Builder) -> Builder {
        let refresher = Some(if self.ours { Refresher::Uas } else { Refresher::Uac });
        let agreed = SessionExpires { seconds: self.seconds, refresher };
        let builder = builder.header(Name::SessionExpires, &agreed.to_bytes());
        if self.known { builder.header(Name::Require, "timer") } else { builder }
    }

    /// What a re-INVITE or UPDATE of ours says: the roles stay as they are (§7.4).
    fn on_request(self, builder: Builder) -> Builder {
        let refresher = Some(if self.ours { Refresher::Uac } else { Refresher::Uas });
        let asked = SessionExpires { seconds: self.seconds, refresher };
        builder.header(Name::SessionExpires, &asked.to_bytes())
    }

    /// What the peer's 2xx to a request of ours says; without the header no timer runs (§7.2).
    fn of_success(response: &Message) -> Option<Terms> {
        let SessionExpires { seconds, refresher } = response.session_expires().ok().flatten()?;
        let ours = refresher != Some(Refresher::Uas);
        Some(Terms { seconds: seconds.max(LEAST_S), ours, known: true })
    }
}

/// The running timer.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Running {
    terms: Terms,
    /// When we refresh.
    next: Option<Time>,
    /// When the call is over.
    end: Time,
}

/// One leg's timer.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Refresh {
    running: Option<Running>,
    /// Our UPDATE that refreshes.
    update: Option<ClientId>,
    /// The peer's Allow names UPDATE.
    takes_update: bool,
    /// The largest Min-SE that the peer, or somebody on the way, has named in this call: our own requests
    /// name it from then on (§7.4).
    least: u32,
    /// Our description that stands, for a re-INVITE.
    description: Option<Box<[u8]>>,
}

impl Refresh {
    /// The call begins, or goes on, on these terms.
    pub(crate) fn agree(&mut self, now: Time, terms: Option<Terms>) {
        self.running = terms.map(|terms| {
            let interval = Duration::from_secs(u64::from(terms.seconds));
            Running {
                terms,
                next: terms.ours.then(|| now + interval / 2),
                end: now + interval - BYE_BEFORE.min(interval / 3),
            }
        });
    }

    /// The peer has accepted a request of ours.
    pub(crate) fn accepted(&mut self, now: Time, response: &Message) {
        self.agree(now, Terms::of_success(response));
    }

    /// What the peer can do, from its INVITE or its 2xx. Without Allow nothing is known, and nothing
    /// changes.
    pub(crate) fn peer(&mut self, message: &Message) {
        if message.header(Name::Allow).is_some() {
            self.takes_update = message.lists(Name::Allow, "UPDATE");
        }
    }

    /// A request of the peer's, or its 422, names the shortest interval that is taken (§7.4).
    pub(crate) fn least(&mut self, message: &Message) {
        self.least = self.least.max(message.min_se().ok().flatten().unwrap_or(0));
    }

    /// A description of ours stands.
    pub(crate) fn described(&mut self, sdp: &[u8]) {
        self.description = Some(sdp.into());
    }

    /// Adds what a re-INVITE or UPDATE of ours says.
    pub(crate) fn on_request(&self, builder: Builder) -> Builder {
        let Some(running) = &self.running else { return builder };
        let seconds = running.terms.seconds.max(self.least);
        let builder = Terms { seconds, ..running.terms }.on_request(builder);
        if self.least > 0 { builder.header(Name::MinSe, &self.least) } else { builder }
    }

    /// When to look again, while the call stands.
    pub(crate) fn wake(&self) -> Option<(Time, WakeReason)> {
        let running = self.running?;
        let end = (running.end, WakeReason::SessionExpired);
        let next = running.next.map(|at| (at, WakeReason::Refresh));
        Some(next.filter(|(at, _)| *at < running.end).unwrap_or(end))
    }

    /// Our UPDATE goes out again with credentials.
    pub(crate) fn retried(&mut self, old: ClientId, new: ClientId) {
        if self.update == Some(old) {
            self.update = Some(new);
        }
    }
}

impl Session {
    /// A request of the peer's with an interval that is too short (§9).
    pub(crate) fn refuse_interval(
        core: &mut Core,
        now: Time,
        txn: crate::sip::transactions::TxnId,
        least: TooSmall,
    ) {
        if let Some(builder) = core.response(txn, 422) {
            core.respond(now, txn, builder.header(Name::MinSe, &least.0));
        }
    }

    /// Refreshes, or ends what nobody has refreshed.
    pub(crate) fn wake_refresh(&mut self, core: &mut Core, now: Time) {
        if self.usage != Usage::Confirmed {
            return;
        }
        let Some(running) = &mut self.refresh.running else { return };
        if now >= running.end {
            self.refresh.running = None;
            let actions = self.usage.handle(Input::Lost);
            return self.act(core, now, actions, Because::default());
        }
        if running.next.is_some_and(|at| now >= at) {
            // Should this one come to nothing.
            running.next = Some(now + (running.end.since(now) / 3).max(AGAIN));
            self.send_refresh(core, now);
        }
    }

    fn send_refresh(&mut self, core: &mut Core, now: Time) {
        let busy = self.exchange != Exchange::Stable
            || self.our_offer.is_some()
            || self.unacked.is_some()
            || self.refresh.update.is_some()
            || self.open >= MOST_OPEN;
        if busy {
            return;
        }
        if !self.refresh.takes_update {
            let Some(sdp) = self.refresh.description.as_deref() else { return };
            let (sdp, by) = (sdp.to_vec(), Carrier::Invite);
            self.our_offer = Some(OurOffer {
                sdp,
                metadata: None,
                by,
                sent: false,
                not_before: None,
                glares: 0,
            });
            return self.try_offer(core, now);
        }
        let Some(dialog) = &mut self.dialog else { return };
        let hop = core.hop(dialog.next_hop());
        let builder = with_abilities(
            dialog.request(&Method::Update, hop),
            &self.contact,
            compose::WITHOUT_PRACK,
        );
        if let Ok(update) = self.refresh.on_request(builder).build() {
            self.refresh.update = Some(core.send(now, hop, update, User::Session(self.id)));
            self.open += 1;
        }
    }

    /// Our refreshing UPDATE was answered, or nothing came. `false`: it is not of that.
    pub(crate) fn refreshed(
        &mut self,
        core: &mut Core,
        now: Time,
        reply: &Reply,
        status: u16,
        response: Option<&Message>,
    ) -> bool {
        if self.refresh.update != Some(reply.id) {
            return false;
        }
        if status < 200 {
            return true;
        }
        self.refresh.update = None;
        if self.usage.has_ended() {
            return true;
        }
        match (status, response) {
            (200..=299, Some(response)) => {
                if let Some(dialog) = &mut self.dialog {
                    dialog.refresh_target(response);
                }
                self.refresh.accepted(now, response);
                self.try_offer(core, now);
            }
            (408 | 481, _) => {
                let actions = self.usage.handle(Input::Lost);
                self.act(core, now, actions, Because::default());
            }
            (422, Some(response)) => self.refresh_later(response, now),
            (405 | 501, _) => {
                self.refresh.takes_update = false;
                self.refresh_at(now);
            }
            // It is tried again until the end.
            _ => {}
        }
        true
    }

    /// The interval has become too short for somebody on the way (§7.4): once more with theirs.
    pub(crate) fn refresh_later(&mut self, response: &Message, now: Time) {
        self.refresh.least(response);
        let least = self.refresh.least;
        if let Some(running) = &mut self.refresh.running
            && least > running.terms.seconds
        {
            running.terms.seconds = least;
            running.next = running.next.map(|_| now);
        }
    }

    fn refresh_at(&mut self, now: Time) {
        if let Some(running) = &mut self.refresh.running {
            running.next = Some(now);
        }
    }
}

/// Our first INVITE once more, with an interval that the peer takes (§7.4): its Session-Expires and
/// Min-SE. `None`: it names none that is more than we asked for.
pub(crate) fn longer(invite: &Message, response: &Message) -> Option<(Vec<u8>, u32)> {
    let asked = invite.session_expires().ok().flatten()?.seconds;
    let least = response.min_se().ok().flatten().filter(|least| *least > asked)?;
    Some((SessionExpires { seconds: least, refresher: None }.to_bytes(), least))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(headers: &str) -> Message {
        let text = format!("INVITE sip:a@h SIP/2.0\r\n{headers}\r\n");
        Message::parse(text.as_bytes()).expect("a message")
    }

    /// RFC 4028 §9, table 2, and where it leaves us the choice.
    #[test]
    fn what_a_request_comes_to() {
        let minutes = |n: u64| Some(Duration::from_secs(60 * n));
        let asks = SessionTimer { ask: minutes(30), ..SessionTimer::default() };
        let waits = SessionTimer::default();
        let terms = |seconds, ours, known| Ok(Some(Terms { seconds, ours, known }));
        for (timer, headers, result) in [
            (asks, "", Ok(None)),
            (waits, "Supported: timer\r\n", Ok(None)),
            (asks, "Supported: timer\r\n", terms(1800, true, true)),
            (asks, "Supported: timer\r\nMin-SE: 3600\r\n", terms(3600, true, true)),
            (waits, "k: timer\r\nx: 600\r\n", terms(600, true, true)),
            (waits, "k: timer\r\nx: 600;refresher=uac\r\n", terms(600, false, true)),
            (waits, "k: timer\r\nx: 600;refresher=uas\r\n", terms(600, true, true)),
            (waits, "Require: timer\r\nx: 600;refresher=uac\r\n", terms(600, false, true)),
            (waits, "x: 600;refresher=uac\r\n", terms(600, true, false)),
            (waits, "k: timer\r\nx: 60\r\n", Err(TooSmall(90))),
            (waits, "x: 60\r\n", terms(90, true, false)),
            (waits, "k: timer\r\nx: soon\r\n", Ok(None)),
        ] {
            assert_eq!(timer.answer(&invite(headers)), result, "{headers:?}");
        }
        let strict = SessionTimer { least: Duration::from_secs(300), ..waits };
        assert_eq!(strict.answer(&invite("k: timer\r\nx: 299\r\n")), Err(TooSmall(300)));
    }

    #[test]
    fn the_times_of_both_sides() {
        let mut refresh = Refresh::default();
        let at = |s: u64| Time::from_millis(s * 1_000);
        for (seconds, ours, wake) in [
            (1800, true, (at(900), WakeReason::Refresh)),
            (1800, false, (at(1768), WakeReason::SessionExpired)),
            (90, false, (at(60), WakeReason::SessionExpired)),
        ] {
            refresh.agree(Time::ZERO, Some(Terms { seconds, ours, known: true }));
            assert_eq!(refresh.wake(), Some(wake));
        }
        refresh.agree(Time::ZERO, None);
        assert_eq!(refresh.wake(), None);
    }

    #[test]
    fn an_invite_is_tried_again_with_a_longer_interval_only() {
        let asked = invite("x: 1800\r\n");
        let refused = |least| {
            let text = format!("SIP/2.0 422 x\r\nCSeq: 1 INVITE\r\nMin-SE: {least}\r\n\r\n");
            Message::parse(text.as_bytes()).expect("a message")
        };
        assert_eq!(longer(&asked, &refused(3600)), Some((b"3600".to_vec(), 3600)));
        assert_eq!(longer(&asked, &refused(1800)), None);
        assert_eq!(longer(&invite(""), &refused(3600)), None);
    }
}
