//! What each source outside has done lately, and what that earns it (R29).
//!
//! ```text
//!  message ─▶ known (gateway, allowed network)? ─▶ not counted
//!                 │ no
//!                 ▼                within its rate ─▶ passes
//!  Deed ─▶ the source's own buckets ─ over its rate ─▶ dropped ─ far over ─┐
//!                                   └ too many offences ───────────────────┴─▶ banned
//! ```
//!
//! Each kind of deed fills a bucket that leaks. A phone whose password is right empties the bucket of
//! challenges that it left unanswered, and its source has *proven* itself for a day: what a forged
//! datagram could bring about, a ban for a flood, for rubbish or for looking around, does not hit it any
//! more, and it may mistype more passwords, for many phones may be behind its address.
//!
//! The table is bounded and costs the same however full it is: a set of four places for each value of a
//! keyed hash, of which the one not heard of for longest goes first, proven ones last.
//!
//! Not here: for how long somebody is banned ([`bans`](super::bans)), who is known (the switch).

use std::hash::BuildHasher;

use crate::base::hash::Keyed;
use crate::base::{Duration, Rng, Source, Time};

/// Sets of the table, and places in each: 32,768 sources.
const SETS: usize = 8_192;
const PLACES: usize = 4;
/// How long a right password counts.
const PROVEN: Duration = Duration::from_secs(24 * 3_600);
/// A proven source may give so many times as many wrong passwords.
const PROVEN_TIMES: u32 = 4;
/// Seconds' worth of messages that may be dropped before it is a flood.
const FLOOD_SECONDS: u32 = 10;

/// How much a source may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Requests outside calls a second; within calls as many again.
    pub requests: u32,
    /// REGISTERs among them a second.
    pub registrations: u32,
    /// Wrong passwords in `window`.
    pub failures: u32,
    /// Challenges in `window` that it left unanswered.
    pub unanswered: u32,
    /// Messages in `window` that are none.
    pub malformed: u32,
    /// In which the three above are forgiven.
    pub window: Duration,
}

/// What came of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// A request outside calls.
    Request,
    /// A REGISTER.
    Register,
    /// A request within a call, or a response.
    Within,
    /// Something that is no message.
    Malformed,
    /// A request without a password that fits: it was asked for one, or got no answer.
    Challenged,
    /// A wrong password, under a challenge that it was given.
    WrongPassword,
    /// A message by which a scanner gives itself away.
    Scanner,
}

/// Why a source is banned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Far more messages than it may send.
    Flood,
    /// Too much that is no message.
    Malformed,
    /// Asked for a password again and again and never gave one.
    Scan,
    /// Too many wrong passwords.
    Guessing,
    /// A scanner by its own words.
    Scanner,
    /// An operator's order.
    Operator,
}

impl Why {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Why::Flood => "a flood of messages",
            Why::Malformed => "messages that are none",
            Why::Scan => "requests without a password, again and again",
            Why::Guessing => "wrong passwords",
            Why::Scanner => "a scanner, by its own words",
            Why::Operator => "by order of the console",
        }
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// It goes on.
    Pass,
    /// It is dropped.
    Drop,
    /// It is dropped, and its source is to be banned.
    Ban(Why),
}

/// A bucket that leaks: how full it was, and when that was.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Bucket {
    filled: f32,
    at: Time,
}

impl Bucket {
    /// One more, where `most` leak out in `window`. `false`: there is no room.
    fn add(&mut self, now: Time, most: u32, window: Duration) -> bool {
        let most = most as f32;
        let leaked = now.since(self.at).as_secs_f32() / window.as_secs_f32().max(0.001) * most;
        let filled = (self.filled - leaked).max(0.0);
        let room = filled + 1.0 <= most;
        *self = Bucket { filled: if room { filled + 1.0 } else { filled }, at: now };
        room
    }
}

/// One source.
#[derive(Clone, Copy, Debug)]
struct Record {
    source: Source,
    heard: Time,
    proven_until: Time,
    requests: Bucket,
    registrations: Bucket,
    within: Bucket,
    dropped: Bucket,
    malformed: Bucket,
    challenged: Bucket,
    failures: Bucket,
}

impl Record {
    fn new(source: Source, now: Time) -> Record {
        let empty = Bucket { filled: 0.0, at: now };
        Record {
            source,
            heard: now,
            proven_until: Time::ZERO,
            requests: empty,
            registrations: empty,
            within: empty,
            dropped: empty,
            malformed: empty,
            challenged: empty,
            failures: empty,
        }
    }

    fn judge(&mut self, now: Time, deed: Deed, terms: &Terms) -> Judgement {
        const SECOND: Duration = Duration::from_secs(1);
        let proven = now < self.proven_until;
        let over = |room: bool, why: Why| if room { Judgement::Pass } else { Judgement::Ban(why) };
        let within_rate = match deed {
            Deed::Request | Deed::Malformed => self.requests.add(now, terms.requests, SECOND),
            Deed::Register => {
                self.registrations.add(now, terms.registrations, SECOND)
                    && self.requests.add(now, terms.requests, SECOND)
            }
            Deed::Within => self.within.add(now, terms.requests, SECOND),
            Deed::Challenged | Deed::WrongPassword | Deed::Scanner => true,
        };
        if !within_rate {
            let most = terms.requests.saturating_mul(FLOOD_SECONDS);
            let room = self.dropped.add(now, most, SECOND * FLOOD_SECONDS);
            return if room { Judgement::Drop } else { Judgement::Ban(Why::Flood) };
        }
        match deed {
            Deed::Request | Deed::Register | Deed::Within => Judgement::Pass,
            Deed::Malformed => {
                over(self.malformed.add(now, terms.malformed, terms.window), Why::Malformed)
            }
            Deed::Challenged => {
                over(self.challenged.add(now, terms.unanswered, terms.window), Why::Scan)
            }
            Deed::WrongPassword => {
                let times = if proven { PROVEN_TIMES } else { 1 };
                let most = terms.failures.saturating_mul(times);
                over(self.failures.add(now, most, terms.window), Why::Guessing)
            }
            Deed::Scanner => Judgement::Ban(Why::Scanner),
        }
    }
}

/// All sources that were heard of lately.
#[derive(Debug)]
pub struct Sources {
    sets: Vec<Vec<Record>>,
    keyed: Keyed,
}

impl Sources {
    /// Nothing was heard of anybody. `rng` gives the secret of the table, so that nobody aims at a place.
    pub fn new(rng: &mut Rng) -> Sources {
        Sources { sets: vec![Vec::new(); SETS], keyed: Keyed::new(rng) }
    }

    /// The place of a source, which may be somebody else's: his who was not heard of for longest.
    fn record(&mut self, now: Time, source: Source) -> &mut Record {
        let set = &mut self.sets[self.keyed.hash_one(source) as usize % SETS];
        let at = match set.iter().position(|record| record.source == source) {
            Some(at) => at,
            None if set.len() < PLACES => {
                set.push(Record::new(source, now));
                set.len() - 1
            }
            None => {
                let oldest = |(_, r): &(usize, &Record)| (r.proven_until > now, r.heard);
                let at = set.iter().enumerate().min_by_key(oldest).map_or(0, |(at, _)| at);
                set[at] = Record::new(source, now);
                at
            }
        };
        let record = &mut set[at];
        record.heard = now;
        record
    }

    /// Something came of `source`; `forgeable`: in a datagram, whose source proves nothing.
    pub fn heard(
        &mut self,
        now: Time,
        source: Source,
        deed: Deed,
        forgeable: bool,
        terms: &Terms,
    ) -> Judgement {
        let record = self.record(now, source);
        let proven = now < record.proven_until;
        match record.judge(now, deed, terms) {
            // A challenge goes out only to who sends a wrong password under one of ours: it was heard
            // there, so this cannot be forged.
            Judgement::Ban(why) if proven && forgeable && why != Why::Guessing => match deed {
                Deed::Challenged => Judgement::Pass,
                _ => Judgement::Drop,
            },
            judgement => judgement,
        }
    }

    /// A password of `source` was right.
    pub fn logged_in(&mut self, now: Time, source: Source) {
        let record = self.record(now, source);
        record.proven_until = now + PROVEN;
        record.challenged = Bucket { filled: 0.0, at: now };
    }

    /// Whether a password of `source` was right within a day.
    pub fn is_proven(&mut self, now: Time, source: Source) -> bool {
        self.record(now, source).proven_until > now
    }

    /// What it did is forgotten: its ban begins, or was ended by order.
    pub fn forget(&mut self, source: Source) {
        let set = &mut self.sets[self.keyed.hash_one(source) as usize % SETS];
        set.retain(|record| record.source != source);
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.sets.iter().map(Vec::len).sum()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms {
        requests: 20,
        registrations: 5,
        failures: 3,
        unanswered: 4,
        malformed: 6,
        window: Duration::from_secs(600),
    };
    const ONE: &str = "203.0.113.9";

    fn source(text: &str) -> Source {
        Source::of(text.parse().expect("an address"))
    }
    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }
    fn sources() -> Sources {
        Sources::new(&mut Rng::from_seed(1))
    }
    /// So many times the same at one moment: how many passed, and the last judgement.
    fn many(all: &mut Sources, ms: u64, deed: Deed, times: usize) -> (usize, Judgement) {
        let judged: Vec<Judgement> = (0..times)
            .map(|_| all.heard(at(ms), source(ONE), deed, true, &TERMS))
            .take_while(|j| !matches!(j, Judgement::Ban(_)))
            .collect();
        let passed = judged.iter().filter(|j| **j == Judgement::Pass).count();
        let last = match judged.len() < times {
            true => all.heard(at(ms), source(ONE), deed, true, &TERMS),
            false => judged[times - 1],
        };
        (passed, last)
    }

    #[test]
    fn what_is_over_the_rate_is_dropped_and_a_flood_is_banned() {
        let mut all = sources();
        assert_eq!(many(&mut all, 0, Deed::Request, 30), (20, Judgement::Drop));
        assert_eq!(many(&mut all, 500, Deed::Request, 30), (10, Judgement::Drop), "half a second");
        assert_eq!(many(&mut all, 500, Deed::Within, 30), (20, Judgement::Drop), "calls go on");
        assert_eq!(many(&mut all, 2_000, Deed::Register, 9), (5, Judgement::Drop));
        let flood = many(&mut all, 3_000, Deed::Request, 5_000);
        assert_eq!(flood, (20, Judgement::Ban(Why::Flood)));
    }

    #[test]
    fn each_offence_has_its_measure_and_is_forgiven_in_time() {
        for (deed, most, why) in [
            (Deed::Malformed, 6, Why::Malformed),
            (Deed::Challenged, 4, Why::Scan),
            (Deed::WrongPassword, 3, Why::Guessing),
            (Deed::Scanner, 0, Why::Scanner),
        ] {
            let mut all = sources();
            assert_eq!(many(&mut all, 0, deed, 50), (most, Judgement::Ban(why)));
        }
        let mut all = sources();
        for n in 0..100 {
            let (_, judged) = many(&mut all, n * 201_000, Deed::WrongPassword, 1);
            assert_eq!(judged, Judgement::Pass, "three in ten minutes are no guessing");
        }
    }

    #[test]
    fn a_right_password_makes_up_for_challenges() {
        let mut all = sources();
        for n in 0..1_000 {
            let challenged = all.heard(at(n), source(ONE), Deed::Challenged, true, &TERMS);
            assert_eq!(challenged, Judgement::Pass);
            all.logged_in(at(n), source(ONE));
        }
    }

    #[test]
    fn a_forged_datagram_bans_nobody_who_has_proven_himself() {
        let mut all = sources();
        all.logged_in(at(0), source(ONE));
        assert_eq!(many(&mut all, 1, Deed::Challenged, 50), (50, Judgement::Pass));
        assert_eq!(many(&mut all, 1, Deed::Malformed, 50), (6, Judgement::Drop));
        assert_eq!(many(&mut all, 1, Deed::Scanner, 1), (0, Judgement::Drop));
        assert_eq!(many(&mut all, 2_000, Deed::Request, 5_000), (20, Judgement::Drop));
        // Over a connection nothing is forged; and a wrong password takes a challenge of ours.
        let by_tcp = all.heard(at(9), source(ONE), Deed::Scanner, false, &TERMS);
        assert_eq!(by_tcp, Judgement::Ban(Why::Scanner));
        let guessed = many(&mut all, 9, Deed::WrongPassword, 50);
        assert_eq!(guessed, (12, Judgement::Ban(Why::Guessing)));
        let next_day = 24 * 3_600_000 + 10;
        assert_eq!(many(&mut all, next_day, Deed::Scanner, 1), (0, Judgement::Ban(Why::Scanner)));
    }

    #[test]
    fn a_crowd_of_sources_is_bounded_and_drives_out_no_proven_one() {
        let mut all = sources();
        let proven = source(ONE);
        all.logged_in(at(0), proven);
        for n in 0..200_000_u32 {
            let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n);
            all.heard(at(1), Source::of(address.into()), Deed::Request, true, &TERMS);
        }
        assert!(all.len() <= SETS * PLACES, "{}", all.len());
        assert!(all.len() > SETS * PLACES * 9 / 10, "and it is used");
        assert!(all.is_proven(at(2), proven));
        all.forget(proven);
        assert!(!all.is_proven(at(2), proven));
    }
}
