//! What a caller who waits in a queue is told: its place, and how long it will take. Said over the music, which
//! goes on where it was, whether phones ring for the caller or not.
//!
//! ```text
//!  join ── announce_first ──▶ "you are number 3 in line; about 4 minutes" ── announce ──▶ … again
//! ```
//!
//! The place and the wait are [`acd`](crate::acd)'s; numbers are spoken by `dialplan::say`.

use crate::base::{CallId, Duration, LegId, Now, PlayId, Time};
use crate::config;
use crate::dialplan::calendar::Civil;
use crate::dialplan::effect::Item;
use crate::dialplan::say;
use crate::dsp::tone::Kind;
use crate::media::control::PlayEnd;

use super::Switch;
use super::active::Doing;

/// Shorter waits are called "less than a minute".
const MINUTE: Duration = Duration::from_secs(60);

/// What the plan has said to who waits is said to its end first; so soon it is looked at again.
const AFTER_WORDS: Duration = Duration::from_secs(2);

/// When somebody who comes into a queue now is told its place first.
pub(super) fn first(queue: &config::Queue, now: Time) -> Time {
    let says = queue.announce_place || queue.announce_wait;
    match says && queue.announce > Duration::ZERO {
        true => now + queue.announce_first,
        false => Time::NEVER,
    }
}

impl Switch {
    /// It may be time to tell a caller its place.
    pub(super) fn announce_due(&mut self, now: Now, id: CallId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let waits = matches!(active.doing, Doing::Queued | Doing::Dialling(_));
        let speaks = active.over.is_some();
        let Some(queued) = active.queued.as_mut().filter(|q| q.announced_at <= now.at) else {
            return;
        };
        if speaks {
            queued.announced_at = now.at + AFTER_WORDS;
            return;
        }
        let every = self.config.queues.iter().find(|queue| *queue.name.as_str() == *queued.name);
        queued.announced_at = match every.map_or(Duration::ZERO, |queue| queue.announce) {
            Duration::ZERO => Time::NEVER,
            every => now.at + every,
        };
        if waits && queued.said.is_none() && queued.asks.is_none() {
            self.tell_place(now, id);
        }
    }

    fn tell_place(&mut self, now: Now, id: CallId) {
        let Some(active) = self.calls.get(&id) else { return };
        let Some(queued) = &active.queued else { return };
        let leg = active.subject();
        let terms = self.config.queues.iter().find(|queue| *queue.name.as_str() == *queued.name);
        let (place, wait) = terms.map_or((true, true), |q| (q.announce_place, q.announce_wait));
        let mut items = Vec::new();
        if place && let Some(ahead) = self.centre.ahead(id) {
            items.extend(self.spoken_place(leg, ahead + 1));
        }
        if wait && let Some(wait) = self.centre.expected(id).filter(|wait| *wait > Duration::ZERO) {
            items.extend(self.spoken_wait(leg, wait));
        }
        items.push(self.prompt(leg, "please-wait"));
        let key = queued.call_back.first().filter(|key| key.is_ascii_digit());
        if let Some(key) = key.filter(|_| self.centre.offers_call_back(id)) {
            items.push(self.prompt(leg, "queue/call-back-press"));
            items.extend(self.spoken(leg, say::Kind::Number, &key.to_string()));
        }
        let said = self.play_aside(now, leg, items);
        if let Some(queued) = self.calls.get_mut(&id).and_then(|a| a.queued.as_mut()) {
            queued.said = said;
        }
    }

    fn spoken_place(&self, leg: LegId, place: usize) -> Vec<Item> {
        if place == 1 {
            return vec![self.prompt(leg, "queue/you-are-next")];
        }
        let mut items = vec![self.prompt(leg, "queue/you-are-number")];
        items.extend(self.spoken(leg, say::Kind::Number, &place.to_string()));
        items.push(self.prompt(leg, "queue/in-line"));
        items
    }

    /// In whole minutes.
    fn spoken_wait(&self, leg: LegId, wait: Duration) -> Vec<Item> {
        if wait < MINUTE {
            return vec![self.prompt(leg, "queue/wait-short")];
        }
        let seconds = wait.as_secs().div_ceil(60) * 60;
        let mut items = vec![self.prompt(leg, "queue/wait-about")];
        items.extend(self.spoken(leg, say::Kind::Duration, &seconds.to_string()));
        items
    }

    /// A value that is spoken without a look at the clock, in the language of a leg's call.
    pub(super) fn spoken(&self, leg: LegId, kind: say::Kind, value: &str) -> Vec<Item> {
        let never = Civil::of(jiff::civil::DateTime::default());
        let spoken = say::say(kind, value, self.language_of(leg), never, &|_| never);
        spoken.unwrap_or_default().iter().map(|name| self.prompt(leg, name)).collect()
    }

    /// A playback to a caller who waits is over. Music that is missing must not leave silence: the ringing tone
    /// is heard instead.
    pub(super) fn queue_played(
        &mut self,
        now: Now,
        id: CallId,
        leg: LegId,
        play: PlayId,
        end: &PlayEnd,
    ) {
        if *end != PlayEnd::Stopped {
            self.back_prompt_over(now, id, play);
        }
        let Some(queued) = self.calls.get_mut(&id).and_then(|a| a.queued.as_mut()) else { return };
        let said = queued.said.take_if(|said| *said == play).is_some();
        if !said && matches!(end, PlayEnd::Missing(_)) {
            self.hear_tone(now, leg, Kind::Ringback);
        }
    }
}
