//! Received packets as they came, kept by timestamp until they are due.
//!
//! ```text
//!   kept, by timestamp   │ 160 │ 320 │ ─ ─ │ 640 │            in any order in
//!                           │     │           │               in the order of speech out
//!   bytes, by arrival   ▒▒▒▒│██████│██████████│▒▒▒▒▒▒▒▒       a ring: the oldest is written over
//! ```
//!
//! Memory is fixed at creation. When a sender fills it faster than it is played (which takes more
//! than 64 kbit/s for a second, or [`MOST`] packets), what came first goes.
//!
//! Not here: duplicates by number ([`rtp_rx`](crate::media::rtp_rx)), what a packet holds.

/// Packets that are kept: more than a second of 10 ms each.
const MOST: usize = 128;
/// Bytes of payload that are kept: a second of 128 kbit/s.
const BYTES: usize = 16_384;

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Audio.
    Audio,
    /// Comfort noise (RFC 3389): from here on nobody speaks.
    Noise,
}

/// One packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// Its timestamp, extended, and its length, in slots.
    pub(super) at: u64,
    pub(super) slots: u32,
    pub(super) kind: Kind,
    /// Where its payload lies.
    from: u32,
    bytes: u32,
}

const NONE: Kept = Kept { at: 0, slots: 0, kind: Kind::Audio, from: 0, bytes: 0 };

/// The packets that wait.
#[derive(Debug)]
pub(super) struct Store {
    kept: Box<[Kept; MOST]>,
    count: usize,
    bytes: Box<[u8; BYTES]>,
    /// Where the next payload is written.
    write: usize,
}

impl Store {
    pub(super) fn new() -> Store {
        Store { kept: Box::new([NONE; MOST]), count: 0, bytes: Box::new([0; BYTES]), write: 0 }
    }

    /// Bytes of its boxes.
    pub(super) fn held(&self) -> usize {
        size_of_val(&*self.kept) + size_of_val(&*self.bytes)
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Keeps a packet. One of the same kind and timestamp as another, or too long for the ring, is not
    /// kept.
    pub(super) fn insert(&mut self, at: u64, slots: u32, kind: Kind, payload: &[u8]) -> bool {
        let key = (at, kind == Kind::Audio);
        let later = |kept: &Kept| (kept.at, kept.kind == Kind::Audio) > key;
        let mut place = self.place(later);
        let twice = place > 0 && {
            let before = self.kept[place - 1];
            before.at == at && before.kind == kind
        };
        if twice || payload.len() > BYTES {
            return false;
        }
        let from = self.room(payload.len());
        if self.count == MOST {
            self.remove(0);
        }
        place = self.place(later);
        self.bytes[from..from + payload.len()].copy_from_slice(payload);
        self.kept.copy_within(place..self.count, place + 1);
        let (from, bytes) = (from as u32, payload.len() as u32);
        self.kept[place] = Kept { at, slots, kind, from, bytes };
        self.count += 1;
        true
    }

    /// The earliest.
    pub(super) fn first(&self) -> Option<Kept> {
        self.kept[..self.count].first().copied()
    }

    /// Takes the earliest out; its payload can be read until the next one is kept.
    pub(super) fn pop(&mut self) {
        if self.count > 0 {
            self.remove(0);
        }
    }

    /// A packet's payload.
    pub(super) fn payload(&self, kept: Kept) -> &[u8] {
        &self.bytes[kept.from as usize..][..kept.bytes as usize]
    }

    /// Behind all that are not later than what is to be put there: mostly the end.
    fn place(&self, later: impl Fn(&Kept) -> bool) -> usize {
        let behind = self.kept[..self.count].iter().rev().take_while(|kept| later(kept)).count();
        self.count - behind
    }

    /// Finds room for so many bytes behind the last payload; what lies there goes.
    fn room(&mut self, bytes: usize) -> usize {
        // From the start whenever nothing is kept, so that a short queue stays in the same few cache lines.
        let from = if self.count == 0 || self.write + bytes > BYTES { 0 } else { self.write };
        let mut n = 0;
        while n < self.count {
            let kept = self.kept[n];
            let (start, end) = (kept.from as usize, (kept.from + kept.bytes) as usize);
            if start < from + bytes && from < end {
                self.remove(n);
            } else {
                n += 1;
            }
        }
        self.write = from + bytes;
        from
    }

    fn remove(&mut self, n: usize) {
        self.kept.copy_within(n + 1..self.count, n);
        self.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn any_order_in_order_out() {
        let mut store = Store::new();
        for n in [3u8, 1, 2, 1, 5, 4, 4] {
            let fresh = store.first().is_none_or(|_| true);
            assert!(fresh);
            store.insert(u64::from(n) * 160, 160, Kind::Audio, &[n; 10]);
        }
        assert!(store.insert(320, 0, Kind::Noise, &[70]), "noise beside audio of its time");
        let mut out = Vec::new();
        while let Some(kept) = store.first() {
            out.push((kept.kind, store.payload(kept)[0]));
            store.pop();
        }
        let audio: Vec<u8> = out.iter().filter(|o| o.0 == Kind::Audio).map(|o| o.1).collect();
        assert_eq!(audio, [1, 2, 3, 4, 5]);
        assert_eq!(out[1], (Kind::Noise, 70), "before the audio of its time");
    }

    #[test]
    fn a_flood_costs_what_came_first() {
        let mut store = Store::new();
        for n in 0..1_000u64 {
            assert!(store.insert(n * 20, 20, Kind::Audio, &[n as u8; 20]));
        }
        assert_eq!(store.first().unwrap().at, (1_000 - MOST as u64) * 20);
        for n in 0..100u64 {
            assert!(store.insert(100_000 + n * 160, 160, Kind::Audio, &[n as u8; 1_000]));
        }
        let mut left = 0;
        while let Some(kept) = store.first() {
            let value = store.payload(kept)[0];
            assert!(store.payload(kept).iter().all(|b| *b == value));
            left += 1;
            store.pop();
        }
        assert_eq!(left, BYTES / 1_000);
        assert!(!store.insert(0, 160, Kind::Audio, &[0; BYTES + 1]));
    }

    proptest! {
        /// As a map by timestamp, as long as there is room.
        #[test]
        fn agrees_with_a_map(steps in prop::collection::vec((0u64..3_000, 1usize..120, any::<bool>()), 0..120)) {
            let (mut store, mut map) = (Store::new(), BTreeMap::new());
            for (n, (at, bytes, pop)) in steps.into_iter().enumerate() {
                let payload = vec![n as u8; bytes];
                let fresh = !map.contains_key(&at);
                prop_assert_eq!(store.insert(at, 1, Kind::Audio, &payload), fresh);
                map.entry(at).or_insert(payload);
                if pop {
                    let kept = store.first().unwrap();
                    let (first, payload) = map.pop_first().unwrap();
                    prop_assert_eq!(kept.at, first);
                    prop_assert_eq!(store.payload(kept), &payload[..]);
                    store.pop();
                }
            }
        }
    }
}
