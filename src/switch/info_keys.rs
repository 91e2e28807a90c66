//! Keys that go to a party as SIP INFO: one after the other, as a finger would press them.
//!
//! ```text
//!  send_digits ─▶ queue ─ due ─▶ INFO ─ length and pause later ─▶ INFO … ─▶ the plan goes on
//! ```
//!
//! An INFO that overtakes another over UDP makes its peer refuse the older one (RFC 3261 §12.2.2), so
//! none goes out before the key before it is over. Keys as telephone-events and tones are the media
//! plane's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::base::{Duration, LegId, Now, Time};
use crate::sip::Command;
use crate::wire::{dtmf_info, telephone_event};

use super::Switch;
use super::leg::Stage;

/// Keys that wait for one party; further ones are dropped.
const MOST_WAITING: usize = 128;
/// Shortest and longest key and pause, milliseconds, as for telephone-events.
const LENGTH_MS: (u32, u32) = (40, 20_000);

/// All keys that wait to be sent.
#[derive(Debug, Default)]
pub(super) struct InfoKeys {
    waiting: BTreeMap<LegId, VecDeque<Key>>,
    /// When the next key of each goes out, or its last one is over.
    due: BTreeSet<(Time, LegId)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key {
    digit: char,
    on_ms: u32,
    off_ms: u32,
}

impl InfoKeys {
    /// Parties with keys on their way.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
    /// Lets `digits` be sent to `leg` after those that wait.
    pub(super) fn push(&mut self, now: Time, leg: LegId, digits: &str, on_ms: u32, off_ms: u32) {
        let (least, most) = LENGTH_MS;
        let (on_ms, off_ms) = (on_ms.clamp(least, most), off_ms.clamp(least, most));
        let idle = !self.waiting.contains_key(&leg);
        let waiting = self.waiting.entry(leg).or_default();
        let room = MOST_WAITING.saturating_sub(waiting.len());
        let keys = digits.chars().filter(|digit| telephone_event::code_of(*digit).is_some());
        waiting.extend(keys.take(room).map(|digit| Key { digit, on_ms, off_ms }));
        if idle {
            self.due.insert((now, leg));
        }
    }

    /// When something is due.
    pub(super) fn next_wake(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What is due: the next key of a leg, or `None` when its last one is over.
    fn take_due(&mut self, now: Time) -> Option<(LegId, Option<Key>)> {
        let (_, leg) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.pop_first();
        let key = self.waiting.get_mut(&leg).and_then(VecDeque::pop_front);
        match key {
            Some(key) => {
                let lasts = Duration::from_millis(u64::from(key.on_ms + key.off_ms));
                self.due.insert((now + lasts, leg));
            }
            None => _ = self.waiting.remove(&leg),
        }
        Some((leg, key))
    }
}

impl Switch {
    /// Sends the keys whose time has come.
    pub(super) fn info_keys_due(&mut self, now: Now) {
        while let Some((leg_id, key)) = self.info_keys.take_due(now.at) {
            let session = match self.legs.get(&leg_id) {
                Some(leg) if leg.stage != Stage::Over => leg.session,
                // Nobody waits for the rest any more.
                _ => {
                    self.info_keys.waiting.entry(leg_id).and_modify(VecDeque::clear);
                    continue;
                }
            };
            let Some(key) = key else {
                self.digits_sent(now, leg_id);
                continue;
            };
            let (content_type, body) = dtmf_info::relay(key.digit, key.on_ms);
            let content_type = content_type.into();
            self.ask(now, Command::Info { session, content_type, body });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_wait_for_each_other_and_the_end_is_told_once() {
        let (mut keys, leg) = (InfoKeys::default(), LegId(1));
        let at = Time::from_millis;
        keys.push(at(10), leg, "1x2", 100, 50);
        let mut told = Vec::new();
        while let Some(due) = keys.next_wake() {
            let (_, key) = keys.take_due(due).unwrap();
            told.push((due.as_millis(), key.map(|k| k.digit)));
            if told.len() == 1 {
                keys.push(due, leg, "3", 0, u32::MAX);
            }
        }
        let third = 310 + 40 + 20_000;
        assert_eq!(told, [(10, Some('1')), (160, Some('2')), (310, Some('3')), (third, None)]);
        assert!(keys.waiting.is_empty() && keys.take_due(Time::NEVER).is_none());
    }

    #[test]
    fn nothing_to_send_is_over_at_once_and_too_much_is_bounded() {
        let (mut keys, leg) = (InfoKeys::default(), LegId(1));
        keys.push(Time::ZERO, leg, "", 100, 100);
        assert_eq!(keys.take_due(Time::ZERO), Some((leg, None)));
        keys.push(Time::ZERO, leg, &"5".repeat(1_000), 100, 100);
        assert_eq!(keys.waiting[&leg].len(), MOST_WAITING);
    }
}
