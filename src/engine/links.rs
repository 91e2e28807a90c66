//! The rings on which workers hand each other their parts of rooms, one for each pair and direction.
//!
//! ```text
//!           rtp-0   rtp-1   rtp-2
//!   rtp-0     –   ────▶   ────▶      each worker owns the ends in its row (it sends)
//!   rtp-1   ────▶   –     ────▶      and the ends in its column (it receives)
//!   rtp-2   ────▶ ────▶     –
//! ```
//!
//! A ring that is full belongs to a worker that hangs: what finds no room is dropped and counted, and
//! the room has a gap on that worker alone.

use rtrb::{Consumer, Producer, RingBuffer};

use crate::media::Partial;

/// Partial mixes that a ring holds: those of 40 rooms with wide-band talk (three each) in a turn, and
/// as many once more.
const RING: usize = 256;

/// One worker's ends.
#[derive(Default)]
pub(super) struct Links {
    /// By worker; `None` for itself.
    to: Vec<Option<Producer<Partial>>>,
    from: Vec<Consumer<Partial>>,
    dropped: u64,
}

impl Links {
    /// The ends of so many workers.
    pub(super) fn between(workers: usize) -> Vec<Links> {
        let mut all: Vec<Links> = (0..workers).map(|_| Links::default()).collect();
        for sender in 0..workers {
            for receiver in 0..workers {
                let ring = (sender != receiver).then(|| RingBuffer::new(RING));
                let (to, from) = ring.unzip();
                all[sender].to.push(to);
                all[receiver].from.extend(from);
            }
        }
        all
    }

    /// Hands a partial mix to each of `workers`, bit by bit.
    pub(super) fn send(&mut self, workers: u64, partial: &Partial) {
        for (n, to) in self.to.iter_mut().enumerate() {
            if let Some(to) = to.as_mut().filter(|_| workers & 1 << n != 0) {
                self.dropped += u64::from(to.push(partial.clone()).is_err());
            }
        }
    }

    /// Takes what the others have handed over.
    pub(super) fn receive(&mut self, mut take: impl FnMut(&Partial)) {
        for from in &mut self.from {
            while let Ok(partial) = from.pop() {
                take(&partial);
            }
        }
    }

    /// Partial mixes that found no room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RoomId;
    use crate::media::control::Line;
    use crate::media::room::FRAME;
    use crate::media::room::mixer::Piece;

    #[test]
    fn each_worker_reaches_each_other_and_a_full_ring_drops() {
        let mut links = Links::between(3);
        let partial = |from, index| Partial {
            room: RoomId(1),
            from,
            index,
            line: Line::TALK,
            piece: Piece::Narrow,
            voices: 1,
            heard: true,
            seated: [0.0; 4],
            sums: [0; FRAME],
        };
        links[0].send(0b111, &partial(0, 1));
        links[1].send(0b101, &partial(1, 2));
        let mut got = |n: usize| {
            let mut from = Vec::new();
            links[n].receive(|p| from.push((p.from, p.index)));
            from
        };
        assert_eq!((got(0), got(1), got(2)), (vec![(1, 2)], vec![(0, 1)], vec![(0, 1), (1, 2)]));
        (0..RING as u64 + 5).for_each(|n| links[0].send(0b10, &partial(0, n)));
        assert_eq!(links[0].dropped(), 5);
    }
}
