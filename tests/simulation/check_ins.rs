//! R10 to R12, many homes over weeks: each check-in that nobody made is raised once and in its time, none that was
//! made is; each press of a bell is a case, once, until a person closes it; nobody is locked out who called less than the
//! rule says; over holidays, power cuts with the records away (signs come all the while), changes of clocks and clocks that are set.
//!
//! The whole of it: `BELFRY_CARE_HOMES=20000 BELFRY_CARE_DAYS=60 cargo test --test simulation check_ins -- --nocapture`.

use std::collections::{BTreeMap, BTreeSet};

use belfry::base::{Duration, Now, Rng, Time, Wall};
use belfry::care::cases::{Case, Cases, Taken};
use belfry::care::check_in::{Action, CheckIns, Missed, Terms};
use belfry::care::early::EarlySigns;
use belfry::care::guard::{self, Guard};
use belfry::care::{Kept, Report, Subscriber, Way};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// 2026-10-01: the clocks of Europe and America change within the sixty days.
const BEGIN: i64 = 1_790_812_800_000;
const ZONES: [&str; 3] = ["Asia/Shanghai", "Europe/Berlin", "America/New_York"];
const WINDOW: i64 = 4 * 60 * MINUTE;
const GRACE: i64 = 15 * MINUTE;

fn terms() -> Terms {
    Terms {
        window: Duration::from_millis(WINDOW as u64),
        grace: Duration::from_millis(GRACE as u64),
        reminders: 2,
        every: Duration::from_secs(600),
        escalate: Duration::from_secs(1_200),
        calls: 50,
    }
}

fn holiday(day: Date) -> bool {
    (1..=7).contains(&day.day()) && day.month() == 10
}

/// By zone: which instant each day's each minute is, found by walking through the minutes.
struct Calendar(BTreeMap<(Date, i16), i64>);

impl Calendar {
    fn walk(zone: &str, days: i64) -> Calendar {
        let zone = TimeZone::get(zone).unwrap();
        let mut all = BTreeMap::new();
        for minute in -1_440..(days + 3) * 1_440 {
            let at = BEGIN + minute * MINUTE;
            let civil = Timestamp::from_millisecond(at).unwrap().to_zoned(zone.clone());
            let of_day = i16::from(civil.hour()) * 60 + i16::from(civil.minute());
            all.entry((civil.date(), of_day)).or_insert(at);
        }
        Calendar(all)
    }

    /// What the clocks leave out is an hour later.
    fn at(&self, day: Date, minute: i16) -> Option<i64> {
        self.0.get(&(day, minute)).or_else(|| self.0.get(&(day, minute + 60))).copied()
    }
}

/// One home, and what it ought to come to.
struct Home {
    kept: Kept,
    due: Vec<i64>,
    next: usize,
    missed: BTreeSet<i64>,
    reported: BTreeSet<i64>,
    settled_ahead: i64,
}

impl Home {
    fn new(n: usize, rng: &mut Rng, calendars: &[Calendar], days: i64) -> Home {
        let zone = rng.below(ZONES.len() as u64) as usize;
        let mut subscriber = Subscriber::default();
        let times: Vec<i16> = (0..=rng.below(3))
            .map(|_| [150, 480, 719, 1_200, 1_439, 0][rng.below(6) as usize])
            .collect();
        let text: Vec<String> =
            times.iter().map(|t| format!("{:02}:{:02}", t / 60, t % 60)).collect();
        let (weekdays, holidays, paused) =
            (rng.below(4) == 0, rng.below(2) == 0, rng.below(5) == 0);
        let fields = [
            ("number", format!("{}", 100_000 + n)),
            ("time_zone", ZONES[zone].to_owned()),
            ("check_in", text.join(" ")),
            ("check_in_days", if weekdays { "mon-fri" } else { "daily" }.to_owned()),
            ("check_in_holidays", if holidays { "yes" } else { "no" }.to_owned()),
            ("check_in_pauses", if paused { "2026-10-20..2026-10-27" } else { "" }.to_owned()),
            ("contacts", "Li/1".to_owned()),
        ];
        for (name, text) in fields {
            subscriber.set(name, &text).unwrap();
        }
        let mut due = BTreeSet::new();
        let first: Date = "2026-09-30".parse().unwrap();
        for day in first.series(jiff::Span::new().days(1)).take(days as usize + 3) {
            let week_end = day.weekday().to_monday_zero_offset() > 4;
            let pause = paused && day.month() == 10 && (20..=27).contains(&day.day());
            if weekdays && week_end || !holidays && holiday(day) || pause {
                continue;
            }
            due.extend(times.iter().filter_map(|minute| calendars[zone].at(day, *minute)));
        }
        let due = due.into_iter().filter(|at| *at > BEGIN).collect();
        let kept = Kept { subscriber, since: Wall(BEGIN) };
        let (missed, reported) = (BTreeSet::new(), BTreeSet::new());
        Home { kept, due, next: 0, missed, reported, settled_ahead: BEGIN }
    }

    fn look(&mut self, wall: i64) {
        while self.due.get(self.next).is_some_and(|due| due + GRACE <= wall) {
            self.settled_ahead = self.due[self.next];
            self.missed.insert(self.settled_ahead);
            self.next += 1;
        }
    }

    fn sign(&mut self, wall: i64) {
        let Some(due) = self.due.get(self.next).copied() else { return };
        if wall >= (due - WINDOW).max(self.settled_ahead) {
            self.reported.insert(due);
            self.settled_ahead = due;
            self.next += 1;
        }
    }
}

/// What the records keep: up to where each is settled, and what is open.
#[derive(Default)]
struct Records {
    settled: BTreeMap<String, i64>,
    open: BTreeMap<String, Missed>,
    raised: BTreeMap<(String, i64), u32>,
    late: Vec<(String, i64)>,
    tasks: u64,
}

impl Records {
    /// Asks until nothing is due: so much is given at once.
    fn all_due(&mut self, wall: i64, all: &mut CheckIns, now: Now) {
        loop {
            let actions = all.due(now, 200);
            if actions.is_empty() {
                return;
            }
            self.take(actions, wall, all, now);
        }
    }

    fn take(&mut self, actions: Vec<Action>, wall: i64, all: &mut CheckIns, now: Now) {
        for action in actions {
            match action {
                Action::Missed { account, due } => {
                    *self.raised.entry((account.clone(), due.0)).or_default() += 1;
                    if wall > due.0 + GRACE + 2 * MINUTE {
                        self.late.push((account.clone(), due.0));
                    }
                    self.settled.insert(account.clone(), due.0);
                    let missed = Missed { due, reminders: 0, task: false, contacts: 0 };
                    self.open.entry(account).or_insert(missed);
                }
                Action::Remind { account, nth, .. } => {
                    self.open.get_mut(&account).expect("it is open").reminders = nth;
                    all.call_over(now, &account);
                }
                Action::Task { account, .. } => {
                    self.open.get_mut(&account).expect("it is open").task = true;
                    self.tasks += 1;
                    // A person sees to half of them.
                    if self.tasks.is_multiple_of(2) {
                        assert!(all.closed(&account).is_some());
                        self.open.remove(&account);
                    }
                }
                Action::DueAgain { .. } | Action::Left { .. } => {
                    panic!("the clock is not set as far as that");
                }
                Action::Contact { account, nth, .. } => {
                    self.open.get_mut(&account).expect("it is open").contacts = nth + 1;
                    all.call_over(now, &account);
                }
            }
        }
    }
}

/// Bells and the guard: what the exchange holds, and what the records have of it.
struct Bells {
    cases: Cases,
    guard: Guard,
    /// Open cases: whose, and how many alarms.
    open: BTreeMap<u64, (String, u32)>,
    /// When each pressed of late, milliseconds of the clock that does not jump, since it was locked.
    calls: BTreeMap<String, Vec<i64>>,
    locked: usize,
    pressed: u64,
    closed: u64,
}

const CALLS: u32 = 3;
const CALLS_WITHIN: Duration = Duration::from_secs(3_600);

impl Bells {
    fn new() -> Bells {
        let (cases, guard) = Bells::empty();
        let (open, calls) = Default::default();
        Bells { cases, guard, open, calls, locked: 0, pressed: 0, closed: 0 }
    }

    fn empty() -> (Cases, Guard) {
        let minute = Duration::from_secs(60);
        let cases = Cases::new(belfry::care::cases::Terms {
            number: None,
            call: None,
            bells: vec!["95081".into()],
            any_account: false,
            priority: 80,
            speech_within: minute,
            repeats_within: minute,
        });
        let mut guard = Guard::default();
        guard.set_terms(guard::Terms { calls: CALLS, within: CALLS_WITHIN, lock: minute });
        (cases, guard)
    }

    /// A bell is pressed: one case for a home, whatever was before; the guard counts.
    fn press(&mut self, now: Now, account: &str) {
        self.pressed += 1;
        let report = Report::voice(account, self.pressed.to_string(), 0);
        let id = self.pressed;
        match self.cases.report(now.at, now.wall, id, account, &report) {
            Taken::Opened => {
                let known = self.open.values().any(|(whose, _)| whose == account);
                assert!(!known, "{account} has a case");
                self.open.insert(id, (account.to_owned(), 1));
            }
            Taken::Joined(case) => self.open.get_mut(&case).expect("it is open").1 += 1,
            other => panic!("{account}: {other:?}"),
        }
        let times = self.calls.entry(account.to_owned()).or_default();
        let at = now.at.as_millis() as i64;
        times.push(at);
        times.retain(|then| at - then <= CALLS_WITHIN.as_millis() as i64);
        // A lock of a minute holds for longer where the clock was set back.
        let held = self.guard.is_locked(now.wall, account, account);
        let locked = self.guard.called(now, account, account).is_some();
        assert_eq!(locked, times.len() >= CALLS as usize && !held, "{account}: {times:?}");
        if locked {
            times.clear();
            self.locked += 1;
        }
    }

    /// The power goes and comes back: all that is known is what the records have.
    fn restart(&mut self, now: Now) {
        (self.cases, self.guard) = Bells::empty();
        for (id, (account, alarms)) in &self.open {
            let mut case = Case::kept(*id, account.clone());
            case.alarms = *alarms;
            self.cases.restore(now.at, case, false);
        }
        for (account, times) in &self.calls {
            for at in times {
                let ago = (now.at.as_millis() as i64 - at).max(0) as u64;
                self.guard.restore_call(now.at, Duration::from_millis(ago), account, account);
            }
        }
    }

    /// A person closes the oldest.
    fn close(&mut self) {
        if let Some((id, (account, alarms))) = self.open.pop_first() {
            let case = self.cases.close(id).expect("the records have it open");
            assert_eq!((case.account, case.alarms), (account, alarms));
            self.closed += 1;
        }
    }
}

impl Records {
    /// A home says something; what is overdue of it comes first.
    fn sign(&mut self, wall: i64, all: &mut CheckIns, now: Now, account: String) {
        let overdue = all.overdue(now, &account);
        self.take(overdue, wall, all, now);
        let Some(signed) = all.sign(now, &account, Way::Bell) else { return };
        if !signed.late {
            self.settled.insert(account, signed.due.0);
            return;
        }
        self.open.remove(&account);
        // What it settled besides is kept as what it is: settled.
        if let Some(settled) = all.settled(&account) {
            self.settled.insert(account, settled.0);
        }
    }
}

fn begin(homes: &[Home], records: &Records, now: Now) -> CheckIns {
    let mut all = CheckIns::new(terms());
    all.configure(terms(), TimeZone::UTC, holiday);
    for home in homes {
        let account = &home.kept.subscriber.number;
        all.put(now, &home.kept, records.settled.get(account).map(|at| Wall(*at)));
        if let Some(missed) = records.open.get(account) {
            all.restore(now, account, missed.clone());
        }
    }
    all
}

fn weeks(homes: usize, days: i64, seed: u64) {
    let mut rng = Rng::from_seed(seed);
    let calendars = ZONES.map(|zone| Calendar::walk(zone, days));
    let mut homes: Vec<Home> =
        (0..homes).map(|n| Home::new(n, &mut rng, &calendars, days)).collect();
    let mut records = Records::default();
    let (mut at, mut offset) = (0i64, 0i64);
    let now = |at: i64, offset: i64| Now {
        at: Time::from_millis(at as u64),
        wall: Wall(BEGIN + at + offset),
    };
    let mut all = begin(&homes, &records, now(0, 0));
    let mut bells = Bells::new();
    let (mut away_for, mut early) = (0, EarlySigns::default());
    while at < days * DAY {
        at += MINUTE;
        // Each home says something every five hours or so.
        let (time, wall) = (now(at, offset), BEGIN + at + offset);
        let one_more = rng.below(300) < (homes.len() % 300) as u64;
        for _ in 0..homes.len() / 300 + usize::from(one_more) {
            let n = rng.below(homes.len() as u64) as usize;
            let account = homes[n].kept.subscriber.number.clone();
            if away_for == 0 {
                bells.press(time, &account);
            }
            homes[n].look(wall);
            homes[n].sign(wall);
            match away_for {
                0 => records.sign(wall, &mut all, time, account),
                // Whose it is nobody knows yet.
                _ => assert!(early.hold(time.at, &account, Way::Bell)),
            }
        }
        if away_for > 0 {
            away_for -= 1;
            if away_for == 0 {
                // Back after a restart, with what the records have; what fell due is missed now.
                all = begin(&homes, &records, time);
                bells.restart(time);
                for (at, account, way) in early.take() {
                    assert_eq!(way, Way::Bell);
                    let ago = time.at.since(at).as_millis() as i64;
                    records.sign(0, &mut all, Now { at, wall: Wall(wall - ago) }, account);
                }
                records.all_due(0, &mut all, time);
            }
            continue;
        }
        // People close what they have seen to; some stay for a day.
        while bells.open.first_key_value().is_some_and(|(id, _)| id + 200 < bells.pressed) {
            bells.close();
        }
        bells.cases.due(time.at);
        records.all_due(wall, &mut all, time);
        assert!(all.next_wake(time).is_some_and(|wake| wake <= time.at + Duration::from_secs(60)));
        match rng.below(6_000) {
            // A restart, and the records may be away for hours.
            0..2 => away_for = 1 + rng.below(300) as i64,
            // The clock is set.
            2 => {
                // What was missed by the calendar as it was, was missed.
                homes.iter_mut().for_each(|home| home.look(wall));
                offset = rng.below(60) as i64 * MINUTE - 30 * MINUTE;
            }
            _ => {}
        }
    }
    let open: BTreeSet<u64> = bells.cases.open().map(|case| case.id).collect();
    assert!(open.iter().eq(bells.open.keys()), "what is open is what the records have as open");
    assert!(bells.closed > 0 && bells.pressed > 100);
    assert!(homes.len() > 1_000 || bells.locked > 0, "who presses often is locked out");
    let wall = BEGIN + at + offset;
    let mut raised = 0;
    for home in &mut homes {
        home.look(wall);
        let account = &home.kept.subscriber.number;
        let own: BTreeSet<i64> = records
            .raised
            .range((account.clone(), i64::MIN)..=(account.clone(), i64::MAX))
            .map(|((_, due), times)| {
                assert_eq!(*times, 1, "{account} of {due}");
                *due
            })
            .collect();
        raised += own.len();
        // What fell due within the last minute of an absence is raised a minute later.
        if away_for == 0 {
            assert_eq!(own, home.missed, "{account}");
        }
        assert!(own.is_disjoint(&home.reported), "{account}");
    }
    let reported: usize = homes.iter().map(|home| home.reported.len()).sum();
    assert!(raised > homes.len() && reported > homes.len(), "{raised} and {reported}");
    // Late are those alone that fell due while a clock was set ahead.
    assert!(records.late.len() * 20 < raised, "{} of {raised}", records.late.len());
}

/// A number that the environment gives, for who wants the whole of it.
fn wanted(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn each_missed_check_in_is_raised_once() {
    let (homes, days) = (wanted("BELFRY_CARE_HOMES", 40), wanted("BELFRY_CARE_DAYS", 45));
    let seeds = if homes > 1_000 { 7..=7 } else { 1..=3 };
    for seed in seeds {
        weeks(homes as usize, days as i64, seed);
    }
}
