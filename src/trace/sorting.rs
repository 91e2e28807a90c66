//! Which messages are kept: those of calls. What belongs to no dialog of a call yet waits a moment, for an INVITE
//! is seen before anybody knows that it becomes one; what strangers and scanners send is forgotten so,
//! and pushes no call out of the ring.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long a message waits for its dialog: an INVITE that is asked for a password comes again within this.
const WAIT: Duration = Duration::from_secs(10);
/// Messages that wait at most, and their bytes.
const MOST_WAITING: usize = 2_000;
const MOST_BYTES: usize = 4 << 20;
/// Dialogs that are known at most; those unheard of the longest are forgotten first, half of them at once.
const MOST_KNOWN: usize = 100_000;

/// One message that waits: `T` is what is kept of it.
struct Waiting<T> {
    since: Instant,
    hash: u64,
    bytes: usize,
    kept: T,
}

pub(super) struct Sorting<T> {
    /// When a message of each dialog was last seen.
    known: HashMap<u64, Instant>,
    waiting: VecDeque<Waiting<T>>,
    bytes: usize,
}

impl<T> Default for Sorting<T> {
    fn default() -> Sorting<T> {
        // All at once: what grows by doubling looks like a leak to whoever watches the process for an hour.
        let known = HashMap::with_capacity(MOST_KNOWN);
        Sorting { known, waiting: VecDeque::new(), bytes: 0 }
    }
}

impl<T> Sorting<T> {
    /// A message of `bytes` bytes came: given back if it is a call's, else it waits.
    pub(super) fn message(&mut self, now: Instant, hash: u64, bytes: usize, kept: T) -> Option<T> {
        self.forget(now);
        if let Some(seen) = self.known.get_mut(&hash) {
            *seen = now;
            return Some(kept);
        }
        self.bytes += bytes;
        self.waiting.push_back(Waiting { since: now, hash, bytes, kept });
        while self.waiting.len() > MOST_WAITING || self.bytes > MOST_BYTES {
            self.drop_first();
        }
        None
    }

    /// The dialog is a call's: its messages so far, in their order.
    pub(super) fn dialog(&mut self, now: Instant, hash: u64) -> Vec<T> {
        self.forget(now);
        if self.known.len() >= MOST_KNOWN {
            let mut seen: Vec<Instant> = self.known.values().copied().collect();
            let middle = seen.len() / 2;
            let (_, oldest_kept, _) = seen.select_nth_unstable(middle);
            let oldest_kept = *oldest_kept;
            self.known.retain(|_, seen| *seen > oldest_kept);
        }
        self.known.insert(hash, now);
        let (its, others): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.waiting).into_iter().partition(|one| one.hash == hash);
        self.waiting = others.into();
        self.bytes = self.waiting.iter().map(|one| one.bytes).sum();
        its.into_iter().map(|one| one.kept).collect()
    }

    fn forget(&mut self, now: Instant) {
        while self.waiting.front().is_some_and(|first| now.duration_since(first.since) > WAIT) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(first) = self.waiting.pop_front() {
            self.bytes -= first.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_wait_for_their_dialog_and_strangers_are_forgotten() {
        let (mut sorting, now) = (Sorting::default(), Instant::now());
        assert_eq!(sorting.message(now, 1, 10, "invite"), None);
        assert_eq!(sorting.message(now, 2, 10, "scan"), None);
        assert_eq!(sorting.message(now, 1, 10, "again"), None);
        assert_eq!(sorting.dialog(now, 1), ["invite", "again"]);
        assert_eq!(sorting.message(now, 1, 10, "bye"), Some("bye"));
        let later = now + WAIT + Duration::from_millis(1);
        assert_eq!(sorting.dialog(later, 2), [] as [&str; 0], "it waited too long");
        assert_eq!((sorting.waiting.len(), sorting.bytes), (0, 0));
    }

    #[test]
    fn a_flood_is_bounded() {
        let (mut sorting, now) = (Sorting::default(), Instant::now());
        for n in 0..10_000 {
            sorting.message(now, n, 4_000, n);
        }
        assert!(sorting.waiting.len() <= MOST_WAITING && sorting.bytes <= MOST_BYTES);
        assert_eq!(sorting.dialog(now, 9_999), [9_999], "the newest wait");
        for n in 0..3 * MOST_KNOWN as u64 {
            sorting.dialog(now + Duration::from_micros(n), n);
        }
        assert!(sorting.known.len() <= MOST_KNOWN);
        let newest = 3 * MOST_KNOWN as u64 - 1;
        assert!(sorting.known.contains_key(&newest));
    }
}
