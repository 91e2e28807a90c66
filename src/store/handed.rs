//! Durable facts on their way to the database without a look at the disk.
//!
//! ```text
//!   thread "journal" ── appended and synced ──► Hand ──► bounded ring ──► Taken ──► reader
//!                                                └ full: dropped            └ gap: reads the journal
//! ```
//!
//! To write a record, read it back and parse it anew costs more than all else that the database's thread does
//! with it. The journal stays the truth: a batch is handed on only once it is on the disk, it says which bytes
//! of which segment it is, and whatever is missing here (the ring was full, a former process wrote it) is read
//! from there.

use crossbeam_channel::{Receiver, Sender, TrySendError};

use super::journal::Tip;
use super::reader::Record;
use super::segment::SegmentName;

/// Batches that wait for the database, of 10 or 20 ms each: as long as it gathers, and as long again.
const RING_BATCHES: usize = 48;

/// A batch as it stands in the journal.
#[derive(Debug)]
pub(super) struct Handed {
    /// Its first byte in the tip's segment.
    pub(super) start: u64,
    /// Its segment, and the byte behind its last.
    pub(super) tip: Tip,
    pub(super) records: Vec<Record>,
}

/// The journal's end.
pub(super) struct Hand(Sender<Handed>);

/// The database's end.
pub(super) struct Taken {
    ring: Receiver<Handed>,
    /// Seen and not yet taken.
    next: Option<Handed>,
}

/// Both ends.
pub(super) fn way() -> (Hand, Taken) {
    let (sender, ring) = crossbeam_channel::bounded(RING_BATCHES);
    (Hand(sender), Taken { ring, next: None })
}

impl Hand {
    /// Hands a durable batch on, and gives back room for the next one.
    pub(super) fn give(&self, batch: Handed) -> Vec<Record> {
        let room = batch.records.capacity();
        match self.0.try_send(batch) {
            Ok(()) => Vec::with_capacity(room),
            // The database is slow or gone: it reads the journal.
            Err(TrySendError::Full(mut batch) | TrySendError::Disconnected(mut batch)) => {
                batch.records.clear();
                batch.records
            }
        }
    }
}

impl Taken {
    /// Appends what follows byte `at` of segment `name` without a gap, up to the tip, until it is `most` bytes;
    /// gives the byte behind it.
    pub(super) fn follow(
        &mut self,
        name: SegmentName,
        at: u64,
        (tip, most): (Tip, u64),
        records: &mut Vec<Record>,
    ) -> u64 {
        let mut reached = at;
        while reached < at.saturating_add(most) {
            let Some(next) = self.ahead(name, reached) else { break };
            let durable = (next.tip.name, next.tip.len) <= (tip.name, tip.len);
            if next.tip.name != name || next.start != reached || !durable {
                break;
            }
            reached = next.tip.len;
            records.append(&mut next.records);
            self.next = None;
        }
        reached
    }

    /// Where the next one begins in segment `name`, for who reads that one from byte `at`.
    pub(super) fn begins(&mut self, name: SegmentName, at: u64) -> Option<u64> {
        self.ahead(name, at).filter(|next| next.tip.name == name).map(|next| next.start)
    }

    /// The next that does not lie before byte `at` of segment `name`.
    fn ahead(&mut self, name: SegmentName, at: u64) -> Option<&mut Handed> {
        let behind = |batch: &Handed| (batch.tip.name, batch.start) < (name, at);
        while self.next.as_ref().is_none_or(behind) {
            self.next = Some(self.ring.try_recv().ok()?);
        }
        self.next.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::Position;
    use super::*;
    use crate::base::Wall;
    use crate::switch::fact::{Fact, FactKind};

    const NAME: SegmentName = SegmentName { run: 1, first: 1 };
    const LATER: SegmentName = SegmentName { run: 1, first: 9 };

    fn batch(name: SegmentName, start: u64, len: u64) -> Handed {
        let fact = Fact { seq: start, wall: Wall(0), kind: FactKind::Stopped { why: "".into() } };
        let at = Position { journal: 1, run: 1, seq: start };
        Handed {
            start,
            tip: Tip { name, len },
            records: vec![Record { at, fact, json: String::new() }],
        }
    }

    fn follow(taken: &mut Taken, name: SegmentName, at: u64, tip: Tip) -> (u64, Vec<u64>) {
        let mut records = Vec::new();
        let reached = taken.follow(name, at, (tip, 1_000), &mut records);
        (reached, records.iter().map(|record| record.at.seq).collect())
    }

    #[test]
    fn what_follows_without_a_gap_is_taken_up_to_the_tip() {
        let (hand, mut taken) = way();
        for batch in [batch(NAME, 0, 10), batch(NAME, 10, 30), batch(NAME, 30, 40)] {
            hand.give(batch);
        }
        hand.give(batch(LATER, 0, 10));
        let tip = |name, len| Tip { name, len };
        assert_eq!(follow(&mut taken, NAME, 0, tip(NAME, 30)), (30, vec![0, 10]));
        assert_eq!(follow(&mut taken, NAME, 30, tip(NAME, 30)), (30, vec![]), "not durable yet");
        assert_eq!(follow(&mut taken, NAME, 30, tip(LATER, 10)), (40, vec![30]));
        assert_eq!(follow(&mut taken, NAME, 40, tip(LATER, 10)), (40, vec![]), "another segment's");
        assert_eq!(follow(&mut taken, LATER, 0, tip(LATER, 10)), (10, vec![0]));
        assert_eq!(taken.begins(LATER, 10), None);
    }

    #[test]
    fn a_gap_is_named_and_what_lies_behind_is_dropped() {
        let (hand, mut taken) = way();
        for batch in [batch(NAME, 10, 20), batch(NAME, 20, 30), batch(NAME, 50, 60)] {
            hand.give(batch);
        }
        let tip = Tip { name: NAME, len: 60 };
        assert_eq!(follow(&mut taken, NAME, 0, tip), (0, vec![]));
        assert_eq!(taken.begins(NAME, 0), Some(10));
        // The reader went on into the middle of the second.
        assert_eq!(follow(&mut taken, NAME, 25, tip), (25, vec![]));
        assert_eq!(taken.begins(NAME, 25), Some(50));
        assert_eq!(follow(&mut taken, NAME, 50, tip), (60, vec![50]));
    }

    #[test]
    fn a_full_ring_costs_nothing_but_a_look_at_the_journal() {
        let (hand, mut taken) = way();
        for n in 0..RING_BATCHES as u64 + 5 {
            let given = hand.give(batch(NAME, n, n + 1));
            assert!(given.is_empty() && given.capacity() > 0);
        }
        let tip = Tip { name: NAME, len: 1_000 };
        let (reached, taken) = follow(&mut taken, NAME, 0, tip);
        assert_eq!((reached, taken.len()), (RING_BATCHES as u64, RING_BATCHES));
    }
}
