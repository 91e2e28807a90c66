//! The rules of alarms that no single fact shows, as one machine: what happens goes in, what is to be said comes out.
//!
//! ```text
//!  Happening ─▶ bursts, times that run ─┐
//!  second by second: clock, backlog ────┼─▶ Said ─▶ a fact (elsewhere) ─▶ Board
//!  files, certificates ─────────────────┘
//! ```
//!
//! Place: fed by whoever reads facts, drained by whoever writes them. Knows no switch, no files and no words for people.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::watch::{Backlog, Burst, Clock, ClockWatch, LateAudio, Ticks, Unattended};
use crate::base::{Duration, Now, Time};

/// Legs that send no audio and are an alarm, within this: one alone may be a phone that is muted by not sending.
const SILENT: (usize, Duration) = (3, Duration::from_secs(600));
/// Facts that wait for the database, and for how long, before that is an alarm.
const BEHIND: (u64, Duration) = (10_000, Duration::from_secs(60));
/// What is to be said and waits for room at most; and what is kept free for all but those of which there may be
/// thousands.
const MOST_SAID: usize = 1_000;
const KEPT_FREE: usize = 500;
/// Closed cases that are remembered: as many as may be open.
const MOST_CLOSED: usize = 10_000;
/// The longest fault of a file that an alarm names, characters.
pub const LONGEST: usize = 300;

/// What the rules raise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Several legs send no audio.
    OneWayAudio,
    /// A missed check-in to which nobody sees.
    CheckInUnattended,
    /// An alarm's case in which nobody has talked.
    AlarmUnheard,
    /// A subscriber's sheet that could not be sent.
    SheetUnsent,
    /// The calendar leapt.
    ClockStepped,
    /// Facts wait for the database.
    JournalBehind,
    /// A certificate that ends, or cannot be used.
    CertificateEnds,
    /// Errors in the files that are in force.
    FilesFaulty,
    /// Audio is late second after second.
    WorkersLate,
}

/// What happens and these rules are about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening<'h> {
    /// A leg sends no audio.
    Silent,
    /// Somebody has to see to a missed check-in by then.
    Task {
        /// Whose.
        account: &'h str,
        /// Its case, where it has one.
        case: Option<u64>,
        /// By when.
        until: Time,
    },
    /// A check-in is there, or closed.
    CheckedIn(&'h str),
    /// The time for a talk about an alarm is over.
    Unheard(u64),
    /// A sheet went out, or could not.
    Sheet {
        /// Of which case.
        case: u64,
        /// Which, and to whom.
        whose: &'h str,
        /// Whether it is there.
        sent: bool,
    },
    /// Somebody has talked with the home of that case.
    Talked(u64),
    /// The case is closed.
    Closed(u64),
}

/// What is to be said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// Which alarm.
    pub what: What,
    /// It is raised, or over.
    pub raised: bool,
    /// What is known of it.
    pub detail: String,
}

/// The rules with their state.
#[derive(Debug)]
pub struct Rules {
    silent: Burst,
    unattended: Unattended,
    /// Cases of alarms that nobody has talked in.
    unheard: Unattended,
    /// Sheets that could not be sent.
    unsent: Unattended,
    /// Cases that were closed, the last [`MOST_CLOSED`]: their sheets may be on the way still.
    closed: BTreeSet<u64>,
    /// The same in the order in which they were closed: the first is forgotten first, whatever its number.
    closed_in_order: VecDeque<u64>,
    clock: ClockWatch,
    behind: Backlog,
    late: LateAudio,
    /// Certificates that end, or cannot be used: of which file, whether it cannot be used, and how its alarm is told.
    ending: BTreeMap<String, (bool, String)>,
    /// Whether the files in force have errors.
    faulty: bool,
    to_say: VecDeque<Said>,
    left_out: u64,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            silent: Burst::new(SILENT.0, SILENT.1),
            unattended: Unattended::default(),
            unheard: Unattended::default(),
            unsent: Unattended::default(),
            closed: BTreeSet::new(),
            closed_in_order: VecDeque::new(),
            clock: ClockWatch::default(),
            behind: Backlog::new(BEHIND.0, BEHIND.1),
            late: LateAudio::default(),
            ending: BTreeMap::new(),
            faulty: false,
            to_say: VecDeque::new(),
            left_out: 0,
        }
    }
}

impl Rules {
    fn say(&mut self, what: What, raised: bool, detail: impl Into<String>) {
        match self.to_say.len() >= MOST_SAID {
            true => self.left_out += 1,
            false => self.to_say.push_back(Said { what, raised, detail: detail.into() }),
        }
    }

    /// How many may be raised now of those that come in thousands; further ones a little later.
    fn room(&self) -> usize {
        (MOST_SAID - KEPT_FREE).saturating_sub(self.to_say.len())
    }

    /// Something happened.
    pub fn take(&mut self, now: Time, happening: Happening<'_>) {
        match happening {
            Happening::Silent => self.silent.seen(now),
            Happening::Task { account, case, until } => {
                self.unattended.expect(account, case, until);
            }
            Happening::CheckedIn(account) => {
                if self.unattended.over(account) {
                    self.say(What::CheckInUnattended, false, account);
                }
            }
            Happening::Unheard(case) => self.unheard.expect(&named(case), Some(case), now),
            // Nobody could do anything about it; the log and the case's record have it.
            Happening::Sheet { case, sent: false, .. } if self.closed.contains(&case) => {}
            Happening::Sheet { case, whose, sent: false } => {
                self.unsent.expect(whose, Some(case), now);
            }
            Happening::Sheet { whose, .. } => {
                if self.unsent.over(whose) {
                    self.say(What::SheetUnsent, false, whose);
                }
            }
            Happening::Talked(case) => self.seen_to(case),
            Happening::Closed(case) => {
                self.close(case);
                for whose in self.unsent.settled(case) {
                    self.say(What::SheetUnsent, false, whose);
                }
                self.seen_to(case);
            }
        }
    }

    fn close(&mut self, case: u64) {
        if !self.closed.insert(case) {
            return;
        }
        self.closed_in_order.push_back(case);
        if self.closed_in_order.len() > MOST_CLOSED
            && let Some(first) = self.closed_in_order.pop_front()
        {
            self.closed.remove(&first);
        }
    }

    fn seen_to(&mut self, case: u64) {
        if let Some(whose) = self.unattended.seen_to(case) {
            self.say(What::CheckInUnattended, false, whose);
        }
        if let Some(whose) = self.unheard.seen_to(case) {
            self.say(What::AlarmUnheard, false, whose);
        }
    }

    /// What time alone brings, second by second; `waiting`: facts that the database has not.
    pub fn look(&mut self, now: Now, waiting: u64) {
        if let Some(raised) = self.silent.look(now.at) {
            let detail = format!("{} legs within ten minutes: events no_rtp", SILENT.0);
            self.say(What::OneWayAudio, raised, detail);
        }
        for account in self.unattended.due(now.at, self.room()) {
            self.say(What::CheckInUnattended, true, account);
        }
        for case in self.unheard.due(now.at, self.room()) {
            self.say(What::AlarmUnheard, true, case);
        }
        for sheet in self.unsent.due(now.at, self.room()) {
            self.say(What::SheetUnsent, true, sheet);
        }
        match self.clock.look(now) {
            Some(Clock::Stepped(ms)) => self.say(What::ClockStepped, true, by(ms)),
            // The alarm stands, and goes on with its first detail: this one is a notice.
            Some(Clock::SteppedAgain(ms)) => {
                self.say(What::ClockStepped, true, format!("again {}", by(ms)));
            }
            Some(Clock::Calm) => self.say(What::ClockStepped, false, ""),
            None => {}
        }
        if let Some(raised) = self.behind.look(now.at, waiting) {
            self.say(What::JournalBehind, raised, format!("{waiting} facts wait"));
        }
    }

    /// What the RTP workers have counted, second by second.
    pub fn workers(&mut self, now: Time, workers: &[Ticks]) {
        if let Some((raised, detail)) = self.late.look(now, workers) {
            self.say(What::WorkersLate, raised, detail);
        }
    }

    /// Certificates that end soon or cannot be used: an alarm for each file, and another when one that ends cannot be
    /// used at all. For each file whether it is unusable, and how its alarm is told.
    pub fn certificates(&mut self, now: BTreeMap<String, (bool, String)>) {
        let before = std::mem::take(&mut self.ending);
        let same = |all: &BTreeMap<String, (bool, String)>, file: &str, unusable: bool| {
            all.get(file).is_some_and(|(known, _)| *known == unusable)
        };
        for (file, (unusable, detail)) in &before {
            if !same(&now, file, *unusable) {
                self.say(What::CertificateEnds, false, detail);
            }
        }
        for (file, (unusable, detail)) in &now {
            if !same(&before, file, *unusable) {
                self.say(What::CertificateEnds, true, detail);
            }
        }
        self.ending = now;
    }

    /// How many errors the files in force have, and the first.
    pub fn files(&mut self, faults: usize, first: &str) {
        let faulty = faults > 0;
        if faulty != self.faulty {
            self.faulty = faulty;
            let mut detail: String = first.chars().take(LONGEST).collect();
            if faults > 1 {
                detail += &format!(" (+{})", faults - 1);
            }
            self.say(What::FilesFaulty, faulty, detail);
        }
    }

    /// What is to be said next.
    pub fn next_said(&mut self) -> Option<Said> {
        self.to_say.pop_front()
    }

    /// There was no room for it: it is said first the next time.
    pub fn put_back(&mut self, said: Said) {
        self.to_say.push_front(said);
    }

    /// How many alarms found no room since the last time this was asked.
    pub fn left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

/// How far a clock was set.
fn by(ms: i64) -> String {
    format!("by {:+.1} s", ms as f64 / 1_000.0)
}

/// How an alarm names a case.
fn named(case: u64) -> String {
    format!("case {case}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;

    fn at(s: u64) -> Now {
        Now { at: Time::from_millis(s * 1_000), wall: Wall(s as i64 * 1_000) }
    }

    fn said(rules: &mut Rules) -> Vec<(What, bool, String)> {
        let next = || rules.next_said().map(|said| (said.what, said.raised, said.detail));
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn what_somebody_has_to_see_to_is_raised_once_and_is_over_when_he_does() {
        let mut rules = Rules::default();
        let until = Time::from_millis(60_000);
        rules.take(at(0).at, Happening::Task { account: "0760", case: Some(7), until });
        rules.take(at(0).at, Happening::Unheard(7));
        let whose = "case 7: hospital (mail)";
        rules.take(at(0).at, Happening::Sheet { case: 7, whose, sent: false });
        rules.look(at(1), 0);
        let soon = [(What::AlarmUnheard, "case 7"), (What::SheetUnsent, whose)];
        let told = |all: &[(What, &str)], raised: bool| -> Vec<(What, bool, String)> {
            all.iter().map(|(what, of)| (*what, raised, (*of).to_owned())).collect()
        };
        assert_eq!(said(&mut rules), told(&soon, true));
        rules.look(at(61), 0);
        rules.look(at(62), 0);
        assert_eq!(said(&mut rules), told(&[(What::CheckInUnattended, "0760")], true));
        rules.take(at(63).at, Happening::Talked(7));
        let over = [(What::CheckInUnattended, "0760"), (What::AlarmUnheard, "case 7")];
        assert_eq!(said(&mut rules), told(&over, false));
        rules.take(at(64).at, Happening::Closed(7));
        assert_eq!(said(&mut rules), told(&[(What::SheetUnsent, whose)], false));
        rules.take(at(65).at, Happening::CheckedIn("0760"));
        assert_eq!(said(&mut rules), []);
    }

    /// R23: who looks for the reason of odd times finds each step, not the first alone.
    #[test]
    fn each_further_step_of_the_clock_is_said() {
        let mut rules = Rules::default();
        for (s, wall) in [(0, 0), (1, 12_541_000), (2, 5_342_000), (3, 5_343_000)] {
            rules.look(Now { at: Time::from_millis(s * 1_000), wall: Wall(wall) }, 0);
        }
        let step = |detail: &str| (What::ClockStepped, true, detail.to_owned());
        assert_eq!(said(&mut rules), [step("by +12540.0 s"), step("again by -7200.0 s")]);
    }

    /// The case that was closed last is remembered, however old it is.
    #[test]
    fn closed_cases_are_forgotten_in_the_order_in_which_they_were_closed() {
        let mut rules = Rules::default();
        let fails = |rules: &mut Rules, case: u64| {
            let whose = format!("case {case}: hospital (mail)");
            rules.take(at(0).at, Happening::Sheet { case, whose: &whose, sent: false });
            rules.look(at(1), 0);
            said(rules).len()
        };
        for case in 100..100 + MOST_CLOSED as u64 {
            rules.take(at(0).at, Happening::Closed(case));
            rules.take(at(0).at, Happening::Closed(case));
        }
        rules.take(at(0).at, Happening::Closed(7));
        assert_eq!(fails(&mut rules, 7), 0, "closed a moment ago");
        assert_eq!(fails(&mut rules, 101), 0);
        assert_eq!(fails(&mut rules, 100), 1, "the first that was closed is forgotten");
    }

    #[test]
    fn what_waits_to_be_said_is_bounded_and_counted_and_leaves_room_for_others() {
        let mut rules = Rules::default();
        for nth in 0..MOST_SAID as u64 {
            rules.take(at(0).at, Happening::Unheard(nth));
        }
        rules.look(at(1), 0);
        assert_eq!(rules.to_say.len(), MOST_SAID - KEPT_FREE, "the rest a little later");
        rules.files(3, "plan.toml:1:1: error");
        assert_eq!(rules.to_say.back().unwrap().detail, "plan.toml:1:1: error (+2)");
        for nth in 0..MOST_SAID {
            rules.files(nth % 2, "again");
        }
        assert_eq!(rules.to_say.len(), MOST_SAID);
        assert!(rules.left_out() > 0 && rules.left_out() == 0);
        let first = rules.next_said().unwrap();
        rules.put_back(first.clone());
        assert_eq!(rules.next_said(), Some(first));
    }
}
