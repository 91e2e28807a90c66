//! Keys of a talk on their way to the other party, but those of a feature code.
//!
//! ```text
//!   telephone-event ─ the media plane ─┬─ begins no code ──────────────▶ the other party
//!                                      └─ held ─┐
//!   INFO, or a talk that is mixed ──────────────┴▶ key_to ─ held_keys ─▶ send_digits, or nobody
//! ```
//!
//! A tone in the audio is heard as it comes: to take it out, all audio would have to wait until it is known
//! for one. What a key means is [`feature`](crate::call::feature)'s, which are passed on
//! [`held_keys`](crate::call::held_keys)'.

use std::collections::BTreeSet;

use crate::base::{Duration, LegId, Now, Time};
use crate::call::feature::{Dialled, Progress};
use crate::media::control::{Command, DigitBy, DigitSet};

use super::leg::Stage;
use super::{Output, Switch};

/// Length of a key that is passed on, and the pause after it, in milliseconds.
const KEY_MS: u32 = 120;
const PAUSE_MS: u32 = 80;
const EACH: Duration = Duration::from_millis((KEY_MS + PAUSE_MS) as u64);

/// A key as it was told.
#[derive(Clone, Copy)]
pub(super) struct Pressed {
    pub(super) digit: char,
    pub(super) by: DigitBy,
    /// The media plane has kept it back.
    pub(super) held: bool,
}

/// Whose keys are kept back, by when something is to be done.
pub(super) type Holding = BTreeSet<(Time, LegId)>;

impl Switch {
    /// Lets the media plane keep the keys back with which a code of a phone's user may begin.
    pub(super) fn hold_keys(&mut self, leg_id: LegId) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        let party = self.calls.get(&leg.call).and_then(|active| active.call.get(leg_id));
        if !party.is_some_and(|party| party.device.is_phone()) {
            return;
        }
        let codes = self.features.iter().chain(&self.asking_features);
        let mut first: String = codes.filter_map(|(code, _)| code.chars().next()).collect();
        first.push_str(self.withheld_keys(leg_id));
        let first = DigitSet::of(&first);
        self.out.push_back(Output::Media(Command::HoldKeys { leg: leg_id, first }));
    }

    /// A key of one party for the other: telephone-events and tones travel in the audio; INFO has to be turned
    /// into what the other side takes, and the other way round. What may be a code of a phone's user is
    /// kept back.
    pub(super) fn key_to(
        &mut self,
        now: Now,
        (from, to): (LegId, LegId),
        key: Pressed,
        (dialled, progress): (&Dialled, Progress),
    ) {
        let takes_info =
            self.legs.get(&to).is_some_and(|leg| leg.dtmf == crate::config::Dtmf::Info);
        let Some(call) = self.legs.get(&from).map(|leg| leg.call) else { return };
        // Of a talk that is mixed no packet goes on as it came, and a room of two carries sound alone.
        let mixed = self.is_watched(call) || self.is_together(call);
        let apart = key.by == DigitBy::Rfc4733 && (mixed || self.is_linked(to));
        if !(key.held || key.by == DigitBy::Info || takes_info || apart) {
            return;
        }
        let party = self.calls.get(&call).and_then(|active| active.call.get(from));
        if !party.is_some_and(|party| party.device.is_phone()) {
            return self.send_digits(now, to, key.digit.to_string(), KEY_MS, PAUSE_MS);
        }
        let Some(leg) = self.legs.get_mut(&from) else { return };
        let before = leg.held_keys.due();
        let progress = (*dialled == Dialled::Nothing).then_some(progress);
        let on = leg.held_keys.key(key.digit, now.at, progress, EACH);
        let after = leg.held_keys.due();
        self.wait_for_keys(from, before, after);
        if !on.is_empty() {
            self.send_digits(now, to, on, KEY_MS, PAUSE_MS);
        }
    }

    /// Keys that were kept back long enough go on, and where none is left they are kept back no more.
    pub(super) fn held_keys_due(&mut self, now: Now) {
        while let Some((_, from)) = self.holding.first().copied().filter(|(at, _)| *at <= now.at) {
            self.holding.pop_first();
            let Some(leg) = self.legs.get_mut(&from).filter(|leg| leg.stage != Stage::Over) else {
                continue;
            };
            let Some(on) = leg.held_keys.wake(now.at, EACH) else { continue };
            if !on.is_empty() {
                // What the other party hears begins no code.
                leg.keys.forget();
            }
            let (call, after) = (leg.call, leg.held_keys.due());
            self.wait_for_keys(from, None, after);
            if on.is_empty() {
                self.hold_keys(from);
            } else if let Some(to) = self.calls.get(&call).and_then(|a| a.call.peer(from)) {
                self.send_digits(now, to, on, KEY_MS, PAUSE_MS);
            }
        }
    }

    fn wait_for_keys(&mut self, leg: LegId, before: Option<Time>, after: Option<Time>) {
        if let Some(before) = before {
            self.holding.remove(&(before, leg));
        }
        self.holding.extend(after.map(|at| (at, leg)));
    }
}
