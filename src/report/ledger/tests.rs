//! What each thing that happens counts, and that a ledger taken down and set up anew counts the same.

use super::*;
use crate::report::book::Book;
use crate::report::{INTERVAL_MS, Tally};
use proptest::prelude::*;

fn call(n: u64) -> CallId {
    CallId::new(Wall(1_000), n)
}

fn state<'a>(agent: &'a str, state: &'a str, was_ms: u64) -> Happened<'a> {
    let queue = (state == "after_call").then_some("care");
    let reason = if state == "not_ready" { "break" } else { "" };
    let code = if state == "not_ready" { 2 } else { 0 };
    let (team, cause) = (Some("day"), "agent");
    Happened::State { agent, team, state, reason, code, cause, was_ms, queue }
}

fn run(steps: &[(i64, Happened<'_>)]) -> Book {
    let (mut ledger, mut book) = (Ledger::default(), Book::default());
    for (at, happened) in steps {
        ledger.take(Wall(*at), *happened);
        ledger.drain().for_each(|delta| book.add(delta));
    }
    book
}

fn of(book: &Book, kind: Kind, name: &str) -> Tally {
    book.since(&Subject::new(kind, name), i64::MIN)
}

fn answered(n: u64, agent: &'static str) -> Happened<'static> {
    let (queue, waited_ms, rang_ms) = ("care", 12_000, 4_000);
    Happened::Answered { queue, call: call(n), agent, waited_ms, rang_ms }
}

fn called_back(n: u64, by: Option<u64>) -> Happened<'static> {
    Happened::CalledBack { queue: "care", call: call(n), agent: "7001", by: by.map(call) }
}

#[test]
fn a_call_counts_where_it_ends_with_all_that_it_had() {
    let over = |n| Happened::TalkOver {
        queue: "care",
        call: call(n),
        agent: "7001",
        talk_ms: 60_000,
        up_ms: None,
    };
    let steps = [
        (0, state("7001", "ready", 0)),
        (1_000, Happened::Entered { queue: "care", call: call(1) }),
        (9_000, Happened::Offered { queue: "care", agent: "7001" }),
        (13_000, answered(1, "7001")),
        (20_000, Happened::Held { call: call(1), leg: LegId(3), up_ms: None }),
        (30_000, Happened::Retrieved { call: call(1), leg: LegId(3), up_ms: None }),
        (INTERVAL_MS + 5, over(1)),
        (INTERVAL_MS + 6, over(9)), // of which nothing is known
    ];
    let book = run(&steps);
    let queue = of(&book, Kind::Queue, "care");
    assert_eq!([M::Answered, M::WaitMs, M::RingMs].map(|m| queue.get(m)), [1, 12_000, 4_000]);
    assert_eq!([M::TalkMs, M::HoldMs].map(|m| queue.get(m)), [50_000, 10_000]);
    assert_eq!(queue.answered_within(12), 1);
    assert_eq!(queue.answered_within(11), 0);
    let later = book.since(&Subject::new(Kind::Queue, "care"), INTERVAL_MS);
    assert_eq!((later.get(M::Answered), later.get(M::Entered)), (1, 0));
    assert_eq!(of(&book, Kind::Team, "day").get(M::TalkMs), 50_000);
    assert_eq!(of(&book, Kind::Agent, "7001").get(M::Offers), 1);
}

#[test]
fn states_are_split_and_reasons_told_apart() {
    let book = run(&[
        (0, state("7001", "not_ready", 0)),
        (INTERVAL_MS + 60_000, state("7001", "ready", INTERVAL_MS as u64 + 60_000)),
        (INTERVAL_MS + 61_000, state("7001", "after_call", 1_000)),
        (INTERVAL_MS + 63_000, state("7001", "null", 2_000)),
        (INTERVAL_MS + 99_000, state("7001", "ready", 36_000)),
    ]);
    let agent = of(&book, Kind::Agent, "7001");
    assert_eq!(agent.get(M::NotReadyMs), INTERVAL_MS as u64 + 60_000);
    assert_eq!(agent.get(M::NotReadyFor("break:2".into())), INTERVAL_MS as u64 + 60_000);
    assert_eq!(
        (agent.get(M::ReadyMs), agent.get(M::AfterMs), agent.get(M::SignIns)),
        (1_000, 2_000, 2)
    );
    let later = book.since(&Subject::new(Kind::Agent, "7001"), INTERVAL_MS);
    assert_eq!(later.get(M::NotReadyMs), 60_000);
    assert_eq!(of(&book, Kind::Queue, "care").get(M::AfterMs), 2_000);
}

#[test]
fn a_restart_ends_what_was_open_when_belfry_lived_last() {
    let book = run(&[
        (0, state("7001", "talking", 0)),
        (0, answered(1, "7001")),
        (2_000, Happened::Entered { queue: "care", call: call(2) }),
        (3_000, Happened::LegBegan { leg: LegId(1), gateway: "e1-a", came_in: true }),
        (10_000, Happened::Nothing),
        (999_000, Happened::Started { lived_ms: 5_000 }),
        (999_500, Happened::Started { lived_ms: 0 }),
    ]);
    let (queue, agent) = (of(&book, Kind::Queue, "care"), of(&book, Kind::Agent, "7001"));
    assert_eq!((queue.get(M::Answered), queue.get(M::TalkMs), queue.get(M::Lost)), (1, 15_000, 1));
    assert_eq!((queue.get(M::MaxWaitMs), agent.get(M::TalkingMs)), (13_000, 15_000));
    let trunk = of(&book, Kind::Trunk, "e1-a");
    assert_eq!(
        (trunk.get(M::BusyMs), trunk.get(M::CallsIn), trunk.get(M::MaxBusy)),
        (12_000, 1, 1)
    );
}

#[test]
fn ways_out_misses_lines_and_surveys() {
    let left = |n, why, waited_ms| Happened::Left { queue: "care", call: call(n), why, waited_ms };
    let missed = |why| Happened::NotTaken { queue: "care", agent: "7001", why };
    let asked = |agent, question, key| Happened::Survey { agent, survey: "care", question, key };
    let (team, queue, was_ms, code) = (None, None, 0, 0);
    let (agent, state, reason) = ("7001", "ready", "");
    let cause = "agent";
    let signs_in = Happened::State { agent, team, state, reason, code, cause, was_ms, queue };
    let book = run(&[
        (1, left(1, "abandoned", 3_500)),
        (1, left(2, "timed_out", 60_000)),
        (1, Happened::Refused { queue: "care" }),
        (1, Happened::Overflowed { queue: "care", into: "night" }),
        (2, missed("no_answer")),
        (2, missed("rejected")),
        (2, missed("withdrawn")),
        (3, Happened::LegBegan { leg: LegId(1), gateway: "e1-a", came_in: true }),
        (3, Happened::LegBegan { leg: LegId(2), gateway: "e1-a", came_in: false }),
        (4, Happened::LegAnswered { leg: LegId(2) }),
        (1_003, Happened::LegEnded { leg: LegId(2), talk_ms: 900, busy_ms: None }),
        (2_003, Happened::LegEnded { leg: LegId(1), talk_ms: 0, busy_ms: None }),
        (4, signs_in),
        (5, asked("7001", "helpful", "4")),
        (5, asked("7001", "helpful", "*")),
        (5, asked("7001", "solved", "1")),
        (5, asked("1001", "solved", "1")),
    ]);
    let queue = of(&book, Kind::Queue, "care");
    assert_eq!([M::Abandoned, M::TimedOut, M::Refused].map(|m| queue.get(m)), [1, 1, 1]);
    let night = of(&book, Kind::Queue, "night");
    assert_eq!((queue.get(M::Overflowed), night.get(M::FlowedIn)), (1, 1));
    assert_eq!((queue.abandoned_within(3), queue.abandoned_within(4)), (0, 1));
    assert_eq!((queue.get(M::NotTaken), queue.get(M::NoAnswer)), (2, 1));
    let trunk = of(&book, Kind::Trunk, "e1-a");
    let lines = [M::CallsIn, M::CallsOut, M::CallsAnswered, M::BusyMs, M::MaxBusy, M::TalkMs];
    assert_eq!(lines.map(|m| trunk.get(m)), [1, 1, 1, 3_000, 2, 900]);
    let agent = of(&book, Kind::Agent, "7001");
    let of_question = |question: &str| {
        let answers = agent.get(M::SurveyAnswers(question.into()));
        (answers, agent.get(M::SurveyPoints(question.into())))
    };
    assert_eq!((of_question("care/helpful"), of_question("care/solved")), ((1, 4), (1, 1)));
    assert_eq!(agent.get(M::SurveyKey("care/helpful=*".into())), 1);
    assert_eq!(of(&book, Kind::Agent, "1001"), Tally::default(), "a phone is no agent");
}

/// A step of a random morning.
fn step(n: u64, agent: &'static str, kind: u8, ms: u64) -> Happened<'static> {
    let (queue, call) = ("care", call(n));
    match kind {
        0 => Happened::Entered { queue, call },
        1 => Happened::Answered { queue, call, agent, waited_ms: ms, rang_ms: ms / 2 },
        2 => Happened::TalkOver { queue, call, agent, talk_ms: ms, up_ms: None },
        3 => Happened::Left { queue, call, why: "abandoned", waited_ms: ms },
        4 => Happened::Held { call, leg: LegId(n), up_ms: None },
        5 => Happened::Retrieved { call, leg: LegId(n), up_ms: None },
        6 => Happened::LegBegan { leg: LegId(n), gateway: "e1-a", came_in: n < 3 },
        7 => Happened::LegEnded { leg: LegId(n), talk_ms: ms, busy_ms: None },
        8 => state(agent, "ready", ms),
        9 => state(agent, "after_call", ms),
        10 => Happened::Started { lived_ms: 0 },
        11 => Happened::CalledBack { queue, call, agent, by: None },
        12 => Happened::CalledBack { queue, call, agent, by: Some(self::call(5 - n)) },
        _ => Happened::Nothing,
    }
}

proptest! {
    /// A ledger that is put down and taken up after each step counts what one counts that never stops.
    #[test]
    fn what_is_kept_is_all_that_matters(
        steps in prop::collection::vec((0u64..6, 0usize..2, 0u8..14, 0u64..2_000_000), 0..80)
    ) {
        let (mut whole, mut one) = (Ledger::default(), Book::default());
        let (mut kept, mut other) = (BTreeMap::<String, String>::new(), Book::default());
        let mut at = 0;
        for (n, agent, kind, ms) in steps {
            at += ms as i64;
            let happened = step(n, ["7001", "7002"][agent], kind, ms);
            whole.take(Wall(at), happened);
            whole.drain().for_each(|delta| one.add(delta));
            let mut again = Ledger::restore(kept.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            again.take(Wall(at), happened);
            again.drain().for_each(|delta| other.add(delta));
            for (key, text) in again.changed() {
                match text {
                    Some(text) => _ = kept.insert(key, text),
                    None => _ = kept.remove(&key),
                }
            }
        }
        prop_assert_eq!(one, other);
    }
}

/// Who asks for a call-back flows out then, with the wait on the line; the talk that comes of it is handled, and in no
/// service level. A restart loses nobody who is to be called back.
#[test]
fn a_call_back_is_no_wait_and_its_talk_is_handled() {
    let wanted = |n| Happened::BackWanted { queue: "care", call: call(n), waited_ms: 30_000 };
    let entered = |n| Happened::Entered { queue: "care", call: call(n) };
    let over = |n| Happened::TalkOver {
        queue: "care",
        call: call(n),
        agent: "7001",
        talk_ms: 60_000,
        up_ms: None,
    };
    let left = |n, why| Happened::Left { queue: "care", call: call(n), why, waited_ms: 9_000_000 };
    let steps = [
        (0, state("7001", "ready", 0)),
        (1_000, entered(1)),
        (1_000, entered(2)),
        (1_000, entered(3)),
        (31_000, wanted(1)),
        (31_000, wanted(2)),
        (32_000, Happened::Started { lived_ms: 0 }),
        (40_000, Happened::BackFailed { queue: "care" }),
        (50_000, called_back(1, None)),
        (110_000, over(1)),
        (120_000, left(2, "given_up")),
        (130_000, Happened::WrapUp { queue: "care", agent: "7001", code: "17" }),
    ];
    let book = run(&steps);
    let care = of(&book, Kind::Queue, "care");
    let of_care = [M::BackWanted, M::CalledBack, M::BackFailed, M::GivenUp, M::Lost, M::Answered];
    assert_eq!(of_care.map(|measure| care.get(measure)), [2, 1, 1, 1, 1, 0]);
    assert_eq!((care.get(M::MaxWaitMs), care.get(M::TalkMs)), (30_000, 60_000));
    assert_eq!(crate::report::figures::offered(&care), 3, "each caller once");
    let handling = crate::report::figures::handling(&care);
    assert_eq!((handling.part, handling.of), (60_000, 1));
    assert_eq!(of(&book, Kind::Team, "day").get(M::WrapUp("17".into())), 1);
    assert_eq!(care.get(M::WrapUp("17".into())), 1);
}

/// Call-backs whose queue offers none any more are over as those are that nobody reached: each is one given up.
#[test]
fn call_backs_that_are_offered_no_more_are_given_up() {
    let entered = |n| Happened::Entered { queue: "care", call: call(n) };
    let wanted = |n| Happened::BackWanted { queue: "care", call: call(n), waited_ms: 30_000 };
    let left = |n, why| Happened::Left { queue: "care", call: call(n), why, waited_ms: 9_000_000 };
    let steps = [
        (1_000, entered(1)),
        (1_000, entered(2)),
        (1_000, entered(3)),
        (31_000, wanted(1)),
        (31_000, wanted(2)),
        (40_000, left(1, "not_offered")),
        (41_000, left(2, "given_up")),
        (42_000, left(3, "abandoned")),
    ];
    let book = run(&steps);
    let care = of(&book, Kind::Queue, "care");
    assert_eq!((care.get(M::BackWanted), care.get(M::GivenUp), care.get(M::Abandoned)), (2, 2, 1));
    assert_eq!((care.get(M::Closed), care.get(M::Moved)), (0, 0));
    assert_eq!(crate::report::figures::offered(&care), 3, "each caller once");
}

/// An alarm without a call is owed one: it comes into the queue and never says that it wants to be called back. Whatever
/// becomes of it, nothing of it stays open, and it is one of those offered.
#[test]
fn an_alarm_that_is_called_back_leaves_nothing_open() {
    const DAY: i64 = 24 * 3_600_000;
    let entered = |n| Happened::Entered { queue: "care", call: call(n) };
    let back = |n| called_back(n, None);
    let left = |n, why| Happened::Left { queue: "care", call: call(n), why, waited_ms: 9_000_000 };
    let (mut ledger, mut book) = (Ledger::default(), Book::default());
    let mut kept = BTreeMap::new();
    let mut take = |at: i64, happened: Happened<'_>| {
        ledger.take(Wall(at), happened);
        ledger.drain().for_each(|delta| book.add(delta));
        kept.extend(ledger.changed());
        kept.retain(|_, text| text.is_some());
        let waits = kept.keys().filter(|key| key.starts_with("wait")).count();
        (book.since(&Subject::new(Kind::Queue, "care"), i64::MIN), waits)
    };
    take(0, state("7001", "ready", 0));
    take(1_000, entered(1));
    take(1_000, entered(2));
    assert_eq!(take(1_000, entered(3)).1, 3);
    assert_eq!(take(9_000, back(1)).1, 2);
    take(9_000, left(2, "given_up"));
    let over = Happened::TalkOver {
        queue: "care",
        call: call(1),
        agent: "7001",
        talk_ms: 60_000,
        up_ms: None,
    };
    take(69_000, over);
    take(90_000, Happened::Nothing);
    // The third is open when Belfry goes away; it has waited for 89 s.
    let (care, waits) = take(30 * DAY, Happened::Started { lived_ms: 0 });
    let counts = [M::Entered, M::BackWanted, M::CalledBack, M::GivenUp, M::Lost];
    assert_eq!(counts.map(|measure| care.get(measure)), [3, 2, 1, 1, 1]);
    assert_eq!((waits, care.get(M::MaxWaitMs)), (0, 89_000));
    assert_eq!(crate::report::figures::offered(&care), 3, "each once");
    // What an earlier version left open for ever is forgotten, and no wait of weeks.
    take(31 * DAY, entered(4));
    take(60 * DAY, Happened::Nothing);
    let (care, waits) = take(60 * DAY, Happened::Started { lived_ms: 0 });
    assert_eq!((waits, care.get(M::Lost), care.get(M::MaxWaitMs)), (0, 1, 89_000));
}

/// An hour that the clock is set forward or back by is in no hold and in no channel's time.
#[test]
fn a_clock_that_is_set_lengthens_neither_a_hold_nor_a_line() {
    const HOUR: i64 = 3_600_000;
    for step in [HOUR, -HOUR] {
        let leg = LegId(3);
        let (began, over) = (5 * HOUR, 5 * HOUR + step + 60_000);
        let up = |s: u64| Some(900_000 + s * 1_000);
        let talk_ms = 60_000;
        let ends = Happened::TalkOver {
            queue: "care",
            call: call(1),
            agent: "7001",
            talk_ms,
            up_ms: up(60),
        };
        let book = run(&[
            (began, Happened::LegBegan { leg: LegId(1), gateway: "e1-a", came_in: true }),
            (began, state("7001", "talking", 0)),
            (began, answered(1, "7001")),
            (began + 10_000, Happened::Held { call: call(1), leg, up_ms: up(10) }),
            (over - 35_000, Happened::Retrieved { call: call(1), leg, up_ms: up(25) }),
            // Held again, and hung up meanwhile.
            (over - 20_000, Happened::Held { call: call(1), leg, up_ms: up(40) }),
            (over, ends),
            (over, Happened::LegEnded { leg: LegId(1), talk_ms, busy_ms: Some(61_000) }),
        ]);
        let (care, trunk) = (of(&book, Kind::Queue, "care"), of(&book, Kind::Trunk, "e1-a"));
        assert_eq!([M::TalkMs, M::HoldMs].map(|m| care.get(m)), [25_000, 35_000], "{step}");
        assert_eq!(trunk.get(M::BusyMs), 61_000, "{step}");
    }
}

/// A preview's talk is a talk of its queue, not a call of the agent's own; a call of its own is none of a queue's.
#[test]
fn a_previews_talk_is_handled() {
    let previewed = Happened::Previewed { queue: "care", agent: "7001", before_ms: 8_000 };
    let late = Happened::Previewed { queue: "care", agent: "7002", before_ms: 8_000 };
    let book = run(&[
        (0, state("7001", "ready", 0)),
        (10_000, state("7001", "other_call", 10_000)),
        (18_000, previewed),
        (78_000, state("7001", "after_call", 68_000)),
        (98_000, state("7001", "ready", 20_000)),
        (98_000, state("7001", "other_call", 0)),
        (99_000, state("7001", "ready", 1_000)),
        // Who has hung up by then talks with nobody.
        (99_000, state("7002", "ready", 0)),
        (99_000, late),
        (99_500, state("7002", "null", 500)),
    ]);
    let (agent, care) = (of(&book, Kind::Agent, "7001"), of(&book, Kind::Queue, "care"));
    for own in [&agent, &care, &of(&book, Kind::Team, "day")] {
        assert_eq!([M::Previewed, M::TalkMs, M::AfterMs].map(|m| own.get(m)), [1, 60_000, 20_000]);
        let handling = crate::report::figures::handling(own);
        assert_eq!((handling.part, handling.of), (80_000, 1));
    }
    let times = [M::RingingMs, M::TalkingMs, M::OtherMs, M::OtherCalls];
    assert_eq!(times.map(|m| agent.get(m)), [8_000, 60_000, 1_000, 1]);
    let occupancy = crate::report::figures::occupancy(&agent);
    assert_eq!((occupancy.part, occupancy.of), (80_000, 90_000));
}

/// A transfer that nobody takes is none; one that follows it is one, as is the second of two.
#[test]
fn a_talk_is_transferred_once_and_when_it_does_not_come_back() {
    let (agent, customer, third) = (LegId(3), LegId(1), LegId(5));
    let sent = |n| Happened::Transferred { call: call(n), by: agent };
    let bridged = |n, a, b| Happened::Bridged { call: call(n), a, b };
    let over = |n| {
        let (queue, agent, talk_ms, up_ms) = ("care", "7001", 60_000, None);
        Happened::TalkOver { queue, call: call(n), agent, talk_ms, up_ms }
    };
    let book = run(&[
        (0, state("7001", "talking", 0)),
        (0, answered(1, "7001")),
        (0, answered(2, "7001")),
        (0, answered(3, "7001")),
        // Back for good.
        (1_000, sent(1)),
        (9_000, bridged(1, customer, agent)),
        (60_000, over(1)),
        // Back, and sent on again.
        (1_000, sent(2)),
        (9_000, bridged(2, customer, agent)),
        (10_000, sent(2)),
        (11_000, bridged(2, customer, third)),
        (60_000, over(2)),
        (61_000, sent(3)),
        (62_000, over(3)),
    ]);
    let care = of(&book, Kind::Queue, "care");
    assert_eq!((care.get(M::Answered), care.get(M::Transferred)), (3, 2));
    assert_eq!(of(&book, Kind::Agent, "7001").get(M::Transferred), 2);
}

/// A quarter of an hour in which lines stay busy and none begins has them at a time.
#[test]
fn the_most_at_a_time_of_a_quarter_in_which_no_line_begins() {
    let line = |n| Happened::LegBegan { leg: LegId(n), gateway: "e1-a", came_in: true };
    let ends = |n, minutes: u64| {
        let busy_ms = Some(minutes * 60_000);
        Happened::LegEnded { leg: LegId(n), talk_ms: 0, busy_ms }
    };
    let at = |minutes: i64| minutes * 60_000;
    let book = run(&[
        (at(1), line(1)),
        (at(2), line(2)),
        (at(10), line(3)),
        (at(12), ends(3, 2)),
        (at(40), line(4)),
        (at(50), ends(2, 48)),
        (at(52), ends(1, 51)),
        (at(53), ends(4, 13)),
    ]);
    let most = |quarter: i64| {
        let rows = book
            .rows()
            .filter(|(own, start, _)| own.kind == Kind::Trunk && *start == quarter * INTERVAL_MS);
        rows.map(|(_, _, tally)| tally.get(M::MaxBusy)).sum::<u64>()
    };
    assert_eq!([0, 1, 2, 3, 4].map(most), [3, 2, 3, 3, 0]);
}

/// R18: what happens in the talk of a call-back is told of the call by which it was made, and its end of the call in which
/// it was wanted: both are of one talk. One that an earlier version told has its end still.
#[test]
fn a_call_backs_talk_has_its_holds_and_its_transfer() {
    let (agent, customer, third) = (LegId(3), LegId(1), LegId(5));
    let over = |n| {
        let (queue, agent, talk_ms, up_ms) = ("care", "7001", 60_000, None);
        Happened::TalkOver { queue, call: call(n), agent, talk_ms, up_ms }
    };
    let book = run(&[
        (0, state("7001", "ringing", 0)),
        (0, called_back(1, Some(9))),
        (10_000, Happened::Held { call: call(9), leg: agent, up_ms: None }),
        (25_000, Happened::Retrieved { call: call(9), leg: agent, up_ms: None }),
        (50_000, Happened::Transferred { call: call(9), by: agent }),
        (51_000, Happened::Bridged { call: call(9), a: customer, b: third }),
        (60_000, over(1)),
        (61_000, over(1)),
        // In the same call the agent has the customer again, from a queue.
        (70_000, answered(9, "7001")),
        (130_000, over(9)),
        // As it was told before: nothing says by which call.
        (200_000, called_back(2, None)),
        (260_000, over(2)),
    ]);
    for own in [of(&book, Kind::Queue, "care"), of(&book, Kind::Agent, "7001")] {
        let measures = [M::CalledBack, M::Answered, M::Transferred, M::HoldMs, M::TalkMs];
        assert_eq!(measures.map(|m| own.get(m)), [2, 1, 1, 15_000, 165_000]);
    }
}

/// Who is signed in again since a restart has not signed in; who does so later has.
#[test]
fn a_restart_signs_nobody_in() {
    let since = |state, cause| {
        let (agent, team, reason, code, was_ms, queue) = ("7001", Some("day"), "", 0, 0, None);
        Happened::State { agent, team, state, reason, code, cause, was_ms, queue }
    };
    let book = run(&[
        (0, since("ready", "agent")),
        (10_000, Happened::Started { lived_ms: 0 }),
        (11_000, since("ready", "restart")),
        (21_000, since("talking", "call")),
        (31_000, since("null", "agent")),
        (41_000, since("ready", "agent")),
    ]);
    assert_eq!(of(&book, Kind::Agent, "7001").get(M::SignIns), 2);
}
