//! Where the jitter buffer's next samples come from: the packet that is due, what leads over a hole, what is made
//! up while nothing is there (the table of [`jitter`](super)).

use super::delay::samples;
use super::store::{Kept, Kind};
use super::{DRY_LIMIT, Jitter, MOST_DELAY, State};
use crate::base::Time;

impl Jitter {
    /// Makes the next samples ready, `wanted` slots if they have to be made up; whether there is
    /// anything.
    pub(super) fn fetch(&mut self, now: Time, wanted: usize) -> bool {
        let State::Playing { next, owed } = self.state else {
            return false;
        };
        let Some(kept) = self.store.first() else {
            return self.dry(now, next, owed, wanted);
        };
        match kept {
            Kept { at, kind: Kind::Noise, .. } if at <= next => {
                self.voice.quiet(self.store.payload(kept));
                self.store.pop();
            }
            Kept { at, slots, .. } if at + u64::from(slots) <= next => self.store.pop(),
            Kept { at, .. } if at <= next => self.decode(kept, next),
            Kept { at, .. } => self.cross((at - next) as usize, next, owed, wanted, kept),
        }
        true
    }

    /// Decodes the packet that is due. One that is none of the codec's counts as lost.
    pub(super) fn decode(&mut self, kept: Kept, next: u64) {
        self.store.pop();
        let k = self.rate.per_slot();
        let room = self.ready.room(kept.slots as usize * k);
        let Some(slots) = self.voice.decode(self.store.payload(kept), room) else {
            return;
        };
        let skipped = ((next - kept.at) as usize).min(slots);
        self.voice.heard(&mut room[skipped * k..slots * k]);
        self.ready.push(skipped * k, slots * k);
        let next = next + (slots - skipped) as u64;
        self.state = State::Playing { next, owed: 0 };
        self.dry = 0;
    }

    /// Fills a hole of `gap` slots before the packet `kept`, or its beginning.
    fn cross(&mut self, gap: usize, next: u64, owed: usize, wanted: usize, kept: Kept) {
        let k = self.rate.per_slot();
        // What was made up while dry stood for the beginning of this hole.
        let skipped = owed.min(gap);
        let (gap, next) = (gap - skipped, next + skipped as u64);
        if gap == 0 {
            self.state = State::Playing { next, owed: 0 };
            return;
        }
        let made = match kept.kind {
            _ if self.voice.rests() => {
                let made = gap.min(wanted);
                let room = self.ready.room(made * k);
                self.voice.noise(room);
                self.ready.push(0, made * k);
                self.state = State::Playing { next: next + made as u64, owed: 0 };
                return;
            }
            Kind::Noise => gap.min(wanted),
            Kind::Audio => self.voice.before_bridge(gap, kept.slots as usize, wanted),
        };
        self.missed(next);
        if made > 0 {
            self.make_up(made);
            self.state = State::Playing { next: next + made as u64, owed: 0 };
            return;
        }
        self.store.pop();
        let room = self.ready.room((gap + kept.slots as usize) * k);
        let packet = kept.slots as usize;
        match self.voice.bridge(gap, packet, self.store.payload(kept), room) {
            None => self.make_up(gap),
            Some(slots) => {
                self.ready.push(0, (gap + slots) * k);
                self.figures.concealed += gap as u64;
                self.state = State::Playing { next: next + (gap + slots) as u64, owed: 0 };
                self.dry = 0;
                return;
            }
        }
        self.state = State::Playing { next: next + gap as u64, owed: 0 };
    }

    /// Nothing is there at `next`. Whether anything was made up for it.
    fn dry(&mut self, now: Time, next: u64, owed: usize, wanted: usize) -> bool {
        if self.dry >= DRY_LIMIT || self.voice.rests() {
            self.state = State::Silent;
            return false;
        }
        let made = self.voice.portion(wanted, self.packet as usize);
        self.make_up(made);
        self.missed(next);
        // Lateness so far, were it to end now.
        let late = samples(now) - next as i64 - self.delay.least().unwrap_or(0);
        let stand = (self.dry > 0 || self.excess + self.ahead < 0) && late < MOST_DELAY;
        self.state = match stand {
            true => State::Playing { next, owed: owed + made },
            false => State::Playing { next: next + made as u64, owed: 0 },
        };
        self.dry += made as i64;
        true
    }

    /// So many slots are made up from what was heard before.
    fn make_up(&mut self, slots: usize) {
        let samples = slots * self.rate.per_slot();
        let room = self.ready.room(samples);
        self.voice.lost(room);
        self.ready.push(0, samples);
        self.figures.concealed += slots as u64;
    }

    /// A packet is missing at `next`: if it stays away, it is well to have the one after it in time.
    fn missed(&mut self, next: u64) {
        if self.voice.looks_ahead() {
            self.losses.missed(next);
        }
    }
}
