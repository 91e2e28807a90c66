//! What each source outside has done lately, and what that earns it (R29).
//!
//! ```text
//!  message ─▶ known (gateway, allowed network)? of a call in being? ─▶ not counted
//!                 │ no
//!                 ▼                within its rate ─▶ passes
//!  Deed ─▶ the source's own buckets ─ over its rate ─▶ dropped ─ far over ─┐
//!                                   └ too many offences ───────────────────┤
//!            proven: dropped at most ◀─────────────────────────────────────┤
//!            a datagram: dropped, or banned until proven ◀─────────────────┴─▶ banned
//! ```
//!
//! Each kind of deed fills a bucket that leaks. A source from which a password was right has *proven*
//! itself for a day: a whole site may be behind it, so nothing that comes from there bans it. It is held to
//! its rate, and may be asked for passwords as often as its phones come.
//!
//! What a datagram says of its source may be forged, so it keeps nobody out: at most its source is not
//! answered any more until somebody there gives a right password. Only a wrong password over UDP is as good
//! as over a connection, for it takes a challenge of ours, which nobody but the source has heard.
//!
//! Wrong passwords are counted by user: a phone with an old one tries day and night and is one user. Where
//! the source is proven they ban nobody: who fails too often there is not tried any more for a while, nor
//! are ever new users unless they are at home there.
//!
//! The table is bounded and costs the same however full it is: a set of places for each value of a
//! keyed hash, of which the one not heard of for longest goes first, proven ones last.
//!
//! Not here: for how long somebody is banned ([`bans`](super::bans)), who is known (the switch).

use std::hash::BuildHasher;

use crate::base::hash::Keyed;
use crate::base::{Duration, Rng, Source, Time};

use super::bans::Strength;

/// Sets of the table, and places in each: 32,768 sources. So many places that ten thousand proven sources
/// do not drive out each other.
const SETS: usize = 2_048;
const PLACES: usize = 16;
/// How long a right password counts.
const PROVEN: Duration = Duration::from_secs(24 * 3_600);
/// At a proven source so many times as many users may fail before further ones are not tried.
const PROVEN_TIMES: u32 = 4;
/// One user may fail so many times as often as there may be users who do, before that is a ban.
const ONE_USER_TIMES: u32 = 3;
/// Users of one source that are remembered for having failed.
const FAILED: usize = 16;
/// Seconds' worth of messages that may be dropped before it is a flood.
const FLOOD_SECONDS: u32 = 10;

/// How much a source may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Requests outside calls a second; within calls as many again.
    pub requests: u32,
    /// REGISTERs among them a second.
    pub registrations: u32,
    /// Users that gave a wrong password in `window`; one user may fail three times as often.
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
    /// A call to an emergency number.
    Emergency,
    /// Something that is no message.
    Malformed,
    /// A request without a password that fits: it was asked for one, or got no answer.
    Challenged,
    /// A message by which a scanner gives itself away.
    Scanner,
    /// A connection whose handshake failed, or over which nothing was said.
    Silent,
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
    /// Connections again and again that come to nothing.
    Silent,
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
            Why::Silent => "connections that come to nothing, again and again",
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
    /// It is dropped, and what comes of its source is for a moment: a flood that may be forged.
    Hush,
    /// It is dropped, and its source is to be banned.
    Ban(Why, Strength),
}

/// What a source is taken for while a password from there is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Home {
    /// Nothing is known of the user there.
    Elsewhere,
    /// The user is registered from there.
    Here,
}

/// A bucket that leaks: how full it was, and when that was.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Bucket {
    filled: f32,
    at: Time,
}

impl Bucket {
    /// Nothing in it.
    fn empty(now: Time) -> Bucket {
        Bucket { filled: 0.0, at: now }
    }

    /// What is in it still, where `most` leak out in `window`.
    fn left(&self, now: Time, most: u32, window: Duration) -> f32 {
        let since = now.since(self.at).as_secs_f32();
        (self.filled - since / window.as_secs_f32().max(0.001) * most as f32).max(0.0)
    }

    /// Whether one more has room.
    fn has_room(&self, now: Time, most: u32, window: Duration) -> bool {
        self.left(now, most, window) + 1.0 <= most as f32
    }

    /// One more. `false`: there is no room.
    fn add(&mut self, now: Time, most: u32, window: Duration) -> bool {
        let filled = self.left(now, most, window);
        let room = filled + 1.0 <= most as f32;
        *self = Bucket { filled: if room { filled + 1.0 } else { filled }, at: now };
        room
    }
}

/// Who gave wrong passwords at one source.
#[derive(Clone, Copy, Debug)]
struct Guesses {
    /// Users that failed; in a ban each failure.
    users: Bucket,
    /// Those who failed last, by their hash, and how often; the next takes the oldest one's place.
    failed: [(u32, Bucket); FAILED],
}

/// One source.
#[derive(Clone, Debug)]
struct Record {
    source: Source,
    heard: Time,
    proven_until: Time,
    requests: Bucket,
    registrations: Bucket,
    within: Bucket,
    dropped: Bucket,
    malformed: Bucket,
    emergencies: Bucket,
    challenged: Bucket,
    /// Apart, for few have any, and nobody by a forged datagram.
    guesses: Option<Box<Guesses>>,
}

impl Guesses {
    /// The place of a user who has failed in the window.
    fn of(&self, user: u32, now: Time, window: Duration) -> Option<usize> {
        let lately = |tries: &Bucket| tries.filled > 0.0 && now.since(tries.at) < window;
        self.failed.iter().position(|(own, tries)| *own == user && lately(tries))
    }

    /// The place of the user who has not failed for longest.
    fn oldest(&self) -> usize {
        let last = |(_, (_, tries)): &(usize, &(u32, Bucket))| (tries.filled > 0.0, tries.at);
        self.failed.iter().enumerate().min_by_key(last).map_or(0, |(at, _)| at)
    }
}

impl Record {
    fn new(source: Source, now: Time) -> Record {
        let empty = Bucket::empty(now);
        Record {
            source,
            heard: now,
            proven_until: Time::ZERO,
            requests: empty,
            registrations: empty,
            within: empty,
            dropped: empty,
            malformed: empty,
            emergencies: empty,
            challenged: empty,
            guesses: None,
        }
    }

    fn is_proven(&self, now: Time) -> bool {
        now < self.proven_until
    }

    /// Counts a deed: `Err` says of what it is too much, if it is more than one message too many.
    fn count(&mut self, now: Time, deed: Deed, terms: &Terms) -> Result<(), Option<Why>> {
        const SECOND: Duration = Duration::from_secs(1);
        let room = |room: bool, why: Option<Why>| if room { Ok(()) } else { Err(why) };
        let within_rate = match deed {
            Deed::Request | Deed::Malformed | Deed::Silent => {
                self.requests.add(now, terms.requests, SECOND)
            }
            Deed::Register => {
                self.registrations.add(now, terms.registrations, SECOND)
                    && self.requests.add(now, terms.requests, SECOND)
            }
            Deed::Within => self.within.add(now, terms.requests, SECOND),
            // Apart from all else that comes from there, and never more than dropped.
            Deed::Emergency => {
                return room(self.emergencies.add(now, terms.requests, SECOND), None);
            }
            Deed::Challenged | Deed::Scanner => true,
        };
        if !within_rate {
            let most = terms.requests.saturating_mul(FLOOD_SECONDS);
            let flood = !self.dropped.add(now, most, SECOND * FLOOD_SECONDS);
            return Err(flood.then_some(Why::Flood));
        }
        match deed {
            Deed::Request | Deed::Register | Deed::Within | Deed::Emergency => Ok(()),
            Deed::Malformed => {
                let some = self.malformed.add(now, terms.malformed, terms.window);
                room(some, Some(Why::Malformed))
            }
            Deed::Challenged => {
                let some = self.challenged.add(now, terms.unanswered, terms.window);
                room(some, Some(Why::Scan))
            }
            // As good as a request that never gave a password.
            Deed::Silent => {
                let some = self.challenged.add(now, terms.unanswered, terms.window);
                room(some, Some(Why::Silent))
            }
            Deed::Scanner => Err(Some(Why::Scanner)),
        }
    }

    /// A user failed; `false`: he has too often, or too many have.
    fn failed(&mut self, now: Time, user: u32, banned: bool, terms: &Terms) -> bool {
        let (users, tries) = self.patience(now, terms);
        let window = terms.window;
        let empty = Bucket::empty(now);
        let none = || Box::new(Guesses { users: empty, failed: [(0, empty); FAILED] });
        let guesses = self.guesses.get_or_insert_with(none);
        if let Some(at) = guesses.of(user, now, window) {
            let counted = !banned || guesses.users.add(now, users, window);
            return guesses.failed[at].1.add(now, tries, window) && counted;
        }
        let at = guesses.oldest();
        guesses.failed[at] = (user, Bucket { filled: 1.0, at: now });
        guesses.users.add(now, users, window)
    }

    /// How many users may fail in the window, and how often one may.
    fn patience(&self, now: Time, terms: &Terms) -> (u32, u32) {
        match self.is_proven(now) {
            true => (terms.failures.saturating_mul(PROVEN_TIMES), terms.failures),
            false => (terms.failures, terms.failures.saturating_mul(ONE_USER_TIMES)),
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
        let proven = record.is_proven(now);
        if proven && matches!(deed, Deed::Challenged | Deed::Silent) {
            return Judgement::Pass;
        }
        match record.count(now, deed, terms) {
            Ok(()) => Judgement::Pass,
            Err(None) => Judgement::Drop,
            Err(Some(_)) if proven => Judgement::Drop,
            Err(Some(why)) if !forgeable => Judgement::Ban(why, Strength::Full),
            Err(Some(Why::Flood)) => {
                record.dropped = Bucket::empty(now);
                Judgement::Hush
            }
            Err(Some(why @ (Why::Scan | Why::Scanner))) => {
                Judgement::Ban(why, Strength::UntilProven)
            }
            Err(Some(_)) => Judgement::Drop,
        }
    }

    /// `user` at `source` gave a wrong password under a challenge that it was given: nobody forges that.
    /// `banned`: in a call to an emergency number, which is heard all the same.
    pub fn wrong_password(
        &mut self,
        now: Time,
        source: Source,
        user: &str,
        banned: bool,
        terms: &Terms,
    ) -> Judgement {
        let user = self.keyed.hash_one(user) as u32;
        let record = self.record(now, source);
        match record.failed(now, user, banned, terms) || record.is_proven(now) {
            true => Judgement::Pass,
            false => Judgement::Ban(Why::Guessing, Strength::Full),
        }
    }

    /// Whether a password of `user` from `source` is worth a look. Where nobody has logged in and nobody is
    /// banned it always is: who fails too often there is banned.
    pub fn may_try(
        &mut self,
        now: Time,
        source: Source,
        user: &str,
        home: impl FnOnce() -> Home,
        banned: bool,
        terms: &Terms,
    ) -> bool {
        let user = self.keyed.hash_one(user) as u32;
        let record = self.record(now, source);
        let (users, tries) = record.patience(now, terms);
        let Some(guesses) = record.guesses.as_deref() else { return true };
        let new = guesses.users.has_room(now, users, terms.window);
        if banned || !record.is_proven(now) {
            return new || !banned;
        }
        match guesses.of(user, now, terms.window) {
            Some(at) => guesses.failed[at].1.has_room(now, tries, terms.window),
            None => new || home() == Home::Here,
        }
    }

    /// Whether somebody at `source`, which is banned until it proves itself, is asked for his password all
    /// the same: once a second, so that whoever is really there gets in.
    pub fn is_asked_again(&mut self, now: Time, source: Source) -> bool {
        self.record(now, source).challenged.add(now, 1, Duration::from_secs(1))
    }

    /// A password of `source` was right.
    pub fn logged_in(&mut self, now: Time, source: Source) {
        let record = self.record(now, source);
        record.proven_until = now + PROVEN;
        record.challenged = Bucket::empty(now);
    }

    /// Whether a password of `source` was right within a day.
    pub fn is_proven(&mut self, now: Time, source: Source) -> bool {
        self.record(now, source).is_proven(now)
    }

    /// What it did is forgotten: its ban begins, or was ended by order. That it has proven itself is not.
    pub fn forget(&mut self, now: Time, source: Source) {
        let set = &mut self.sets[self.keyed.hash_one(source) as usize % SETS];
        set.retain(|record| record.source != source || record.is_proven(now));
        for record in set.iter_mut().filter(|record| record.source == source) {
            let proven_until = record.proven_until;
            *record = Record { proven_until, ..Record::new(source, now) };
        }
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
    /// So many times the same at one moment over a connection: how many passed, and the last judgement.
    fn many(all: &mut Sources, ms: u64, deed: Deed, times: usize) -> (usize, Judgement) {
        count(times, || all.heard(at(ms), source(ONE), deed, false, &TERMS))
    }
    /// The same in datagrams.
    fn by_udp(all: &mut Sources, ms: u64, deed: Deed, times: usize) -> (usize, Judgement) {
        count(times, || all.heard(at(ms), source(ONE), deed, true, &TERMS))
    }
    /// How many pass, and the last judgement, which is the first ban if there is one.
    fn count(times: usize, mut judge: impl FnMut() -> Judgement) -> (usize, Judgement) {
        let (mut passed, mut last) = (0, Judgement::Pass);
        for _ in 0..times {
            last = judge();
            passed += usize::from(last == Judgement::Pass);
            if matches!(last, Judgement::Ban(..) | Judgement::Hush) {
                break;
            }
        }
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
        assert_eq!(flood, (20, Judgement::Ban(Why::Flood, Strength::Full)));
        assert_eq!(many(&mut all, 3_000, Deed::Emergency, 5_000), (20, Judgement::Drop), "apart");
    }

    /// Attacks, by whatever they come, against a source that has not logged in and one that has: how many
    /// messages pass, and what the last earns.
    #[test]
    fn each_attack_earns_what_it_proves() {
        use Judgement::{Ban, Drop, Hush};
        use Strength::{Full, UntilProven};
        let pass = Judgement::Pass;
        #[rustfmt::skip]
        let table = [
            // deed            connection                     datagram                             proven, both
            (Deed::Malformed,  (6, Ban(Why::Malformed, Full)), (6, Hush),                           (6, Drop)),
            (Deed::Challenged, (4, Ban(Why::Scan, Full)),      (4, Ban(Why::Scan, UntilProven)),    (5_000, pass)),
            (Deed::Silent,     (4, Ban(Why::Silent, Full)),    (4, Hush),                           (5_000, pass)),
            (Deed::Scanner,    (0, Ban(Why::Scanner, Full)),   (0, Ban(Why::Scanner, UntilProven)), (0, Drop)),
            (Deed::Request,    (20, Ban(Why::Flood, Full)),    (20, Hush),                          (20, Drop)),
            (Deed::Register,   (5, Ban(Why::Flood, Full)),     (5, Hush),                           (5, Drop)),
            (Deed::Within,     (20, Ban(Why::Flood, Full)),    (20, Hush),                          (20, Drop)),
            (Deed::Emergency,  (20, Drop),                     (20, Drop),                          (20, Drop)),
        ];
        for (deed, connection, datagram, proven) in table {
            assert_eq!(many(&mut sources(), 0, deed, 5_000), connection, "{deed:?}");
            assert_eq!(by_udp(&mut sources(), 0, deed, 5_000), datagram, "{deed:?} by UDP");
            for heard in [many, by_udp] {
                let mut all = sources();
                all.logged_in(at(0), source(ONE));
                assert_eq!(heard(&mut all, 0, deed, 5_000), proven, "{deed:?}, proven");
            }
        }
        let mut all = sources();
        by_udp(&mut all, 0, Deed::Request, 5_000);
        assert_eq!(by_udp(&mut all, 0, Deed::Request, 10), (0, Drop), "hushed once");
    }

    #[test]
    fn offences_are_forgiven_in_time() {
        let mut all = sources();
        for n in 0..100 {
            assert_eq!(many(&mut all, n * 151_000, Deed::Challenged, 1), (1, Judgement::Pass));
            assert_eq!(many(&mut all, n * 151_000, Deed::Malformed, 1), (1, Judgement::Pass));
        }
    }

    const GUESSING: Judgement = Judgement::Ban(Why::Guessing, Strength::Full);

    fn guess(all: &mut Sources, ms: u64, user: &str) -> Judgement {
        all.wrong_password(at(ms), source(ONE), user, false, &TERMS)
    }
    fn may_try(all: &mut Sources, ms: u64, user: &str, home: Home, banned: bool) -> bool {
        all.may_try(at(ms), source(ONE), user, || home, banned, &TERMS)
    }

    #[test]
    fn who_tries_many_users_is_banned_soon_and_a_phone_with_an_old_password_is_not() {
        let mut all = sources();
        for user in ["1001", "1002", "1003"] {
            assert_eq!(guess(&mut all, 0, user), Judgement::Pass);
        }
        assert_eq!(guess(&mut all, 0, "1004"), GUESSING);
        let mut all = sources();
        for n in 0..1_000 {
            // Three phones that try again every three and a half minutes.
            let user = ["1001", "1002", "1003"][n as usize % 3];
            assert_eq!(guess(&mut all, n * 70_000, user), Judgement::Pass, "{n}");
        }
        let mut all = sources();
        let guessed = count(50, || guess(&mut all, 0, "1001"));
        assert_eq!(guessed, (9, GUESSING), "one account, again and again");
        assert!(may_try(&mut all, 0, "1001", Home::Elsewhere, false), "a ban is what stops it");
    }

    #[test]
    fn a_proven_site_is_not_banned_for_wrong_passwords_but_they_are_not_looked_at() {
        let mut all = sources();
        all.logged_in(at(0), source(ONE));
        let guessed = count(5_000, || guess(&mut all, 0, "1001"));
        assert_eq!(guessed, (5_000, Judgement::Pass));
        let tried = |all: &mut Sources, ms, user| may_try(all, ms, user, Home::Elsewhere, false);
        assert!(!tried(&mut all, 0, "1001"), "a guesser is not told if he is right");
        assert!(tried(&mut all, 0, "1002"), "nobody else suffers");
        assert!(tried(&mut all, 201_000, "1001"), "his phone is set right");
        for user in 0..50 {
            guess(&mut all, 0, &user.to_string());
        }
        assert!(!tried(&mut all, 0, "1002"), "many users are tried, some are right by chance");
        assert!(may_try(&mut all, 0, "1002", Home::Here, false), "not so who is at home there");
        assert!(tried(&mut all, 60_000, "1002"));
    }

    #[test]
    fn a_banned_source_guesses_nothing_by_calls_for_help() {
        let mut all = sources();
        let guessed = (0..100)
            .filter(|n| {
                let tried = may_try(&mut all, *n, "1001", Home::Elsewhere, true);
                all.wrong_password(at(*n), source(ONE), "1001", true, &TERMS);
                tried
            })
            .count();
        assert_eq!(guessed, 3, "all together as many as may fail");
    }

    #[test]
    fn a_right_password_makes_up_for_challenges_for_a_day_and_a_ban_does_not_take_it_away() {
        let mut all = sources();
        assert_eq!(many(&mut all, 0, Deed::Challenged, 4), (4, Judgement::Pass));
        all.logged_in(at(0), source(ONE));
        all.forget(at(1), source(ONE));
        let day = 24 * 3_600_000;
        assert_eq!(many(&mut all, day - 1, Deed::Challenged, 1_000), (1_000, Judgement::Pass));
        let scan = Judgement::Ban(Why::Scan, Strength::Full);
        assert_eq!(many(&mut all, day, Deed::Challenged, 9), (4, scan));
    }

    #[test]
    fn who_is_banned_until_proven_is_asked_once_a_second() {
        let mut all = sources();
        let mut asked = |ms| (0..9).filter(|_| all.is_asked_again(at(ms), source(ONE))).count();
        assert_eq!([0, 999, 1_000, 5_000].map(&mut asked), [1, 0, 1, 1]);
    }

    #[test]
    fn a_crowd_of_sources_is_bounded_and_drives_out_no_proven_one() {
        let mut all = sources();
        let at_net = |net: u32, n: u32| Source::of(std::net::Ipv4Addr::from_bits(net + n).into());
        for n in 0..10_000 {
            all.logged_in(at(0), at_net(0x0b00_0000, n));
        }
        for n in 0..200_000 {
            all.heard(at(1), at_net(0x0a00_0000, n), Deed::Request, true, &TERMS);
        }
        assert!(all.len() <= SETS * PLACES, "{}", all.len());
        assert!(all.len() > SETS * PLACES * 9 / 10, "and it is used");
        let left = (0..10_000).filter(|n| all.is_proven(at(2), at_net(0x0b00_0000, *n))).count();
        assert!(left >= 9_990, "{left}");
        let other = source("10.0.0.1");
        all.heard(at(3), other, Deed::Request, true, &TERMS);
        let before = all.len();
        all.forget(at(3), other);
        assert_eq!(all.len(), before - 1);
    }
}
