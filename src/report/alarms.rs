//! The alarms that stand, for people (R28): each is told once when it is raised and once when it is over, by letters
//! that are gathered and bounded, and somebody says that it is seen to.
//!
//! ```text
//!  raised ─▶ standing ─▶ over ─▶ kept for a look      told: GATHER after the first line, then a letter;
//!              └─ ack ─▶ seen to, by whom                   at most `per_hour`, what comes meanwhile waits for the next
//! ```
//!
//! Everything is bounded for each kind by itself: five hundred homes without power must not hide a gateway. Beyond its
//! bound a kind says how many more there are, and these move up.
//!
//! What raises and clears them are facts; [`rules`] has those that no single fact shows. Knows no
//! mail and no words.

pub mod rules;
pub mod watch;

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::base::{CallId, Duration, Now, Time, Wall};

/// Alarms of one kind that stand with all that is known of them, and those beyond them.
const MOST_STANDING: usize = 500;
const MOST_MORE: usize = 10_000;
/// Those that are over: how many are kept.
const MOST_PAST: usize = 50;
/// Lines of one kind that wait for a letter; beyond them they are counted.
const MOST_LINES: usize = 100;
/// How long lines are gathered before they go out together.
pub const GATHER: Duration = Duration::from_secs(10);
/// The longest detail, bytes.
const MAX_DETAIL: usize = 500;

/// An alarm.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Alarm {
    /// Its number, which no other has had since the last thousand starts.
    pub number: u32,
    /// What it is: a word such as `gateway_down`.
    pub what: String,
    /// Of which thing, where there are several of the kind; else empty.
    pub about: String,
    /// What is known of it.
    pub detail: String,
    /// Since when.
    pub since: Wall,
    /// A call that shows it.
    pub call: Option<CallId>,
    /// Who sees to it, and since when.
    pub acked: Option<(String, Wall)>,
    /// When it was over.
    pub over: Option<Wall>,
}

/// One line of a letter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The alarm as it was then.
    pub alarm: Alarm,
    /// It is over; else it was raised.
    pub over: bool,
}

/// What a letter tells.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Told {
    /// In their order.
    pub lines: Vec<Line>,
    /// Lines for which there was no room, by kind.
    pub left_out: BTreeMap<String, u64>,
}

/// An alarm for which its kind has no room.
#[derive(Debug)]
struct More {
    detail: String,
    since: Wall,
    call: Option<CallId>,
}

/// All alarms.
#[derive(Debug)]
pub struct Board {
    standing: BTreeMap<(String, String), Alarm>,
    /// How many stand, by kind.
    kinds: BTreeMap<String, usize>,
    /// Those beyond them, by kind, each by what it is of.
    more: BTreeMap<String, BTreeMap<String, More>>,
    past: VecDeque<Alarm>,
    last: u32,
    waiting: Told,
    /// When what waits may go out; none: nothing waits.
    due: Option<Time>,
    /// When letters of the last hour went out.
    sent: VecDeque<Time>,
}

/// Numbers that one start gives before those of the next begin.
const OF_A_START: u32 = 1_000;
/// Starts after which numbers come again.
const STARTS: u32 = 1_000_000;

impl Told {
    /// What is told behind this; of what there is no room for it is counted how much.
    pub fn add(&mut self, more: Told) {
        for line in more.lines {
            let same = self.lines.iter().filter(|one| one.alarm.what == line.alarm.what);
            match same.count() < MOST_LINES {
                true => self.lines.push(line),
                false => *self.left_out.entry(line.alarm.what).or_default() += 1,
            }
        }
        for (what, count) in more.left_out {
            *self.left_out.entry(what).or_default() += count;
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.left_out.is_empty()
    }
}

impl Board {
    /// None stands, in the `nth` start, which gives its alarms numbers of its own: a letter of before names none of them.
    pub fn of_start(nth: u32) -> Board {
        let last = nth.saturating_sub(1) % STARTS * OF_A_START;
        Board { last, ..Board::new() }
    }

    /// None stands.
    pub fn new() -> Board {
        Board {
            standing: BTreeMap::new(),
            kinds: BTreeMap::new(),
            more: BTreeMap::new(),
            past: VecDeque::new(),
            last: 0,
            waiting: Told::default(),
            due: None,
            sent: VecDeque::new(),
        }
    }

    /// One is raised. One that stands already is told of no more.
    pub fn raise(
        &mut self,
        now: Now,
        (what, about): (&str, &str),
        detail: &str,
        call: Option<CallId>,
    ) {
        let key = (what.to_owned(), about.to_owned());
        if self.standing.contains_key(&key) {
            return;
        }
        let detail = detail[..detail.floor_char_boundary(MAX_DETAIL)].to_owned();
        let one = More { detail, since: now.wall, call };
        if self.kinds.get(what).is_some_and(|count| *count >= MOST_STANDING) {
            let more = self.more.entry(key.0).or_default();
            if more.len() < MOST_MORE && !more.contains_key(about) {
                more.insert(key.1, one);
                self.left_out(now, what);
            }
            return;
        }
        self.stand(now, key, one);
    }

    fn stand(&mut self, now: Now, key: (String, String), one: More) {
        self.last += 1;
        let More { detail, since, call } = one;
        let (what, about) = key.clone();
        let (acked, over) = (None, None);
        let alarm = Alarm { number: self.last, what, about, detail, since, call, acked, over };
        self.line(now, Line { alarm: alarm.clone(), over: false });
        *self.kinds.entry(key.0.clone()).or_default() += 1;
        self.standing.insert(key, alarm);
    }

    /// One is over. One that did not stand was raised before the start.
    pub fn clear(&mut self, now: Now, (what, about): (&str, &str)) {
        let key = (what.to_owned(), about.to_owned());
        let Some(mut alarm) = self.standing.remove(&key) else {
            let more = self.more.get_mut(what).and_then(|more| more.remove(about));
            return if more.is_some() {
                self.left_out(now, what)
            };
        };
        if let Some(count) = self.kinds.get_mut(what) {
            *count -= 1;
        }
        alarm.over = Some(now.wall);
        if self.past.len() >= MOST_PAST {
            self.past.pop_front();
        }
        self.past.push_back(alarm.clone());
        self.line(now, Line { alarm, over: true });
        // Its place is another's of the kind.
        if let Some((about, one)) = self.more.get_mut(what).and_then(BTreeMap::pop_first) {
            self.stand(now, (what.to_owned(), about), one);
        }
    }

    fn line(&mut self, now: Now, line: Line) {
        let same = self.waiting.lines.iter().filter(|one| one.alarm.what == line.alarm.what);
        if same.count() >= MOST_LINES {
            return self.left_out(now, &line.alarm.what);
        }
        self.waiting.lines.push(line);
        self.due.get_or_insert(now.at + GATHER);
    }

    /// A line of this kind for which there is no room.
    fn left_out(&mut self, now: Now, what: &str) {
        *self.waiting.left_out.entry(what.to_owned()).or_default() += 1;
        self.due.get_or_insert(now.at + GATHER);
    }

    /// Somebody sees to it. `None`: no alarm of that number stands.
    pub fn ack(&mut self, now: Now, number: u32, by: &str) -> Option<&Alarm> {
        let alarm = self.standing.values_mut().find(|alarm| alarm.number == number)?;
        alarm.acked.get_or_insert((by.to_owned(), now.wall));
        Some(alarm)
    }

    /// Those that stand, the oldest first.
    pub fn standing(&self) -> Vec<&Alarm> {
        let mut all: Vec<&Alarm> = self.standing.values().collect();
        all.sort_by_key(|alarm| alarm.number);
        all
    }

    /// How many more stand than are shown, by kind.
    pub fn more(&self) -> impl Iterator<Item = (&str, usize)> {
        let more = self.more.iter().filter(|(_, more)| !more.is_empty());
        more.map(|(what, more)| (what.as_str(), more.len()))
    }

    /// Those that are over, the last first.
    pub fn past(&self) -> impl Iterator<Item = &Alarm> {
        self.past.iter().rev()
    }

    /// What is to be told now, with at most so many letters within any hour; 0: none is ever due.
    pub fn letter(&mut self, now: Time, per_hour: usize) -> Option<Told> {
        const HOUR: Duration = Duration::from_secs(3_600);
        self.sent.retain(|at| now.since(*at) < HOUR);
        if self.due.is_none_or(|due| now < due) || self.sent.len() >= per_hour {
            return None;
        }
        self.due = None;
        self.sent.push_back(now);
        Some(std::mem::take(&mut self.waiting))
    }
}

impl Default for Board {
    fn default() -> Board {
        Board::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: (&str, &str) = ("gateway_down", "e1-a");

    fn at(seconds: u64) -> Now {
        Now { at: Time::from_millis(seconds * 1_000), wall: Wall(seconds as i64 * 1_000) }
    }

    fn told(told: Option<Told>) -> Vec<(u32, bool)> {
        let lines = told.into_iter().flat_map(|told| told.lines);
        lines.map(|line| (line.alarm.number, line.over)).collect()
    }

    #[test]
    fn each_is_told_once_when_it_is_raised_and_once_when_it_is_over() {
        let mut board = Board::new();
        board.raise(at(0), DOWN, "no answer", None);
        board.raise(at(1), DOWN, "no answer", None);
        board.raise(at(2), ("gateway_down", "e1-b"), "", None);
        assert_eq!(board.letter(at(9).at, 12), None, "lines are gathered");
        assert_eq!(told(board.letter(at(10).at, 12)), [(1, false), (2, false)]);
        assert_eq!(board.letter(at(100).at, 12), None, "nothing new");
        board.clear(at(200), DOWN);
        board.clear(at(201), DOWN);
        assert_eq!(told(board.letter(at(210).at, 12)), [(1, true)]);
        assert_eq!(board.standing().len(), 1);
        assert_eq!(board.past().next().and_then(|alarm| alarm.over), Some(Wall(200_000)));
        board.raise(at(300), DOWN, "again", None);
        assert_eq!(told(board.letter(at(310).at, 12)), [(3, false)], "a number of its own");
    }

    /// `alarm ack 3` of last night's letter must not see to another alarm.
    #[test]
    fn numbers_of_before_a_start_are_no_other_s() {
        let number = |nth: u32| {
            let mut board = Board::of_start(nth);
            board.raise(at(0), DOWN, "", None);
            board.standing()[0].number
        };
        assert_eq!([number(1), number(2), number(17)], [1, 1_001, 16_001]);
        assert_eq!(number(u32::MAX) % OF_A_START, 1);
        let mut board = Board::of_start(2);
        board.raise(at(0), DOWN, "", None);
        assert!(board.ack(at(1), 1, "li").is_none());
    }

    #[test]
    fn what_waits_for_a_receiver_is_bounded_by_kind() {
        let mut waits = Told::default();
        assert!(waits.is_empty());
        for n in 0..MOST_LINES + 5 {
            let mut board = Board::new();
            board.raise(at(0), ("gateway_down", &n.to_string()), "", None);
            waits.add(board.letter(at(10).at, 12).unwrap());
        }
        assert_eq!((waits.lines.len(), waits.left_out["gateway_down"]), (MOST_LINES, 5));
        assert_eq!(waits.lines[0].alarm.about, "0", "the first stay");
        waits.add(Told { lines: vec![], left_out: BTreeMap::from([("disk_full".into(), 2)]) });
        assert_eq!(waits.left_out["disk_full"], 2);
    }

    #[test]
    fn letters_are_bounded_and_what_waits_goes_with_the_next() {
        let mut board = Board::new();
        let (mut letters, mut lines) = (0, 0);
        for second in 0..7_200 {
            match second % 2 {
                0 => board.raise(at(second), DOWN, "", None),
                _ => board.clear(at(second), DOWN),
            }
            if let Some(told) = board.letter(at(second).at, 3) {
                letters += 1;
                lines += told.lines.len() as u64 + told.left_out.values().sum::<u64>();
            }
        }
        assert_eq!(letters, 6, "three an hour");
        let left_out: u64 = board.waiting.left_out.values().sum();
        let rest = board.waiting.lines.len() as u64 + left_out;
        assert_eq!(lines + rest, 7_200, "each line is told or counted");
        assert!(board.waiting.lines.len() <= MOST_LINES);
        assert_eq!(Board::new().letter(at(0).at, 0), None);
    }

    #[test]
    fn one_that_stands_is_acknowledged_by_the_first_who_does() {
        let mut board = Board::new();
        board.raise(at(0), DOWN, "x", None);
        assert!(board.ack(at(1), 2, "li").is_none());
        assert_eq!(board.ack(at(1), 1, "li").unwrap().acked, Some(("li".into(), Wall(1_000))));
        assert_eq!(board.ack(at(2), 1, "wang").unwrap().acked, Some(("li".into(), Wall(1_000))));
        board.clear(at(3), DOWN);
        assert!(board.ack(at(4), 1, "li").is_none(), "it is over");
    }

    /// A power cut in a region: what is of another kind has room, and a letter.
    #[test]
    fn many_of_a_kind_hide_no_other_and_say_how_many_more_there_are() {
        let mut board = Board::new();
        let unheard = |n: usize| format!("case {n:03}");
        for n in 0..MOST_STANDING + 2 {
            board.raise(at(0), ("alarm_unheard", &unheard(n)), "", None);
        }
        board.raise(at(1), ("alarm_unheard", &unheard(MOST_STANDING)), "", None);
        board.raise(at(1), ("disk_full", ""), "92 %", None);
        let letter = board.letter(at(20).at, 12).unwrap();
        assert!(letter.lines.iter().any(|line| line.alarm.what == "disk_full"));
        let left_out = (MOST_STANDING + 2 - MOST_LINES) as u64;
        assert_eq!(letter.left_out, BTreeMap::from([("alarm_unheard".into(), left_out)]));
        assert_eq!(board.standing().len(), MOST_STANDING + 1);
        assert_eq!(board.more().collect::<Vec<_>>(), [("alarm_unheard", 2)]);
        // One beyond is over, and one that stands: the last moves up, and is told.
        board.clear(at(30), ("alarm_unheard", &unheard(MOST_STANDING)));
        assert_eq!(board.more().collect::<Vec<_>>(), [("alarm_unheard", 1)]);
        board.clear(at(30), ("alarm_unheard", &unheard(7)));
        assert_eq!(board.more().count(), 0);
        let letter = board.letter(at(60).at, 12).unwrap();
        let about: Vec<(&str, bool)> =
            letter.lines.iter().map(|line| (line.alarm.about.as_str(), line.over)).collect();
        assert_eq!(about, [("case 007", true), ("case 501", false)]);
        let last = board.standing().pop().map(|alarm| (alarm.about.as_str(), alarm.since));
        assert_eq!(last, Some(("case 501", Wall(0))), "it stands since it was raised");
        for n in 0..MOST_STANDING + 2 {
            board.clear(at(70), ("alarm_unheard", &unheard(n)));
        }
        assert_eq!(board.standing().len(), 1);
    }

    #[test]
    fn what_does_not_end_is_bounded() {
        let mut board = Board::new();
        for n in 0..12_000 {
            board.raise(at(n), ("gateway_down", &n.to_string()), &"护".repeat(400), None);
        }
        assert_eq!(board.more().collect::<Vec<_>>(), [("gateway_down", MOST_MORE)]);
        assert_eq!(board.standing().len(), MOST_STANDING);
        assert!(board.standing().iter().all(|alarm| alarm.detail.len() <= MAX_DETAIL));
        for n in 0..12_000 {
            board.clear(at(n), ("gateway_down", &n.to_string()));
        }
        assert_eq!(board.past().count(), MOST_PAST);
    }
}
