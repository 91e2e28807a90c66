//! What goes of the care line's records, and when: cases that are closed with `[care] keep`, what belongs to no case with
//! the records of calls (`[store] keep`).
//!
//! ```text
//!  [care] keep    case, closed ─ its reports, what its plan did
//!  [store] keep   check-ins that are settled ─ reports of no case ─ calls on a schedule ─ their rounds ─ when strangers called
//! ```
//!
//! However old it is there stays: a case that is open, a check-in to which nobody has seen, one whose case is kept, a round
//! that is in progress and each list's last one, and of each unit the last report that tells which protocol it speaks:
//! by that no key of an agent's reaches a door. What a unit has, is locked or white-listed for is now, and no record of the past.

/// With which key something goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    /// `[store] keep`.
    Calls,
    /// `[care] keep`.
    Cases,
}

/// Records that go together.
#[derive(Debug)]
pub(super) struct Part {
    /// With which key.
    pub(super) by: By,
    /// When the oldest was made of those that may go.
    pub(super) oldest: &'static str,
    /// What removes those of before `?1`, `?2` at a time, in this order.
    pub(super) deletes: &'static [&'static str],
}

/// A case that may go; a check-in that still waits for a person holds its own.
macro_rules! cases {
    ($before:literal) => {
        concat!(
            "SELECT id FROM cases WHERE closed IS NOT NULL ",
            $before,
            " AND NOT EXISTS (SELECT 1 FROM check_ins WHERE state = 'missed' AND task = cases.id) ORDER BY closed "
        )
    };
}

/// Of reports those by which nobody need know a unit's protocol.
macro_rules! no_last_word {
    () => {
        " AND id <> coalesce((SELECT own.id FROM reports AS own WHERE own.account = reports.account \
         AND own.protocol NOT IN ('voice', 'unknown', 'centre') \
         ORDER BY own.wall DESC, own.id DESC LIMIT 1), -1) "
    };
}

/// Of check-ins those that are settled, and whose case, if there is one, is no more.
macro_rules! settled {
    () => {
        " state <> 'missed' AND (coalesce(task, 0) = 0 OR NOT EXISTS (SELECT 1 FROM cases WHERE cases.id = task)) "
    };
}

/// Of rounds those that are over, but of each list the last: by it is known that it was begun.
macro_rules! not_last {
    () => {
        " over IS NOT NULL AND due < (SELECT max(due) FROM care_rounds AS own WHERE own.list = care_rounds.list) "
    };
}

/// Of calls on a schedule those that are over, with their round.
macro_rules! with_round {
    () => {
        " over IS NOT NULL AND NOT EXISTS (SELECT 1 FROM care_rounds AS own WHERE own.list = care_calls.list \
         AND own.day = care_calls.day AND own.over IS NULL) "
    };
}

/// Of those whom something was heard from nobody's who is known: strangers' numbers, callers without one.
macro_rules! nobodys {
    () => {
        " NOT EXISTS (SELECT 1 FROM subscribers WHERE subscribers.number = units_seen.account) \
         AND NOT EXISTS (SELECT 1 FROM reports WHERE reports.account = units_seen.account) "
    };
}

/// A case has so many rows of its own that fewer of them go at once.
macro_rules! few {
    () => {
        "LIMIT (?2 + 9) / 10"
    };
}

/// All of it.
pub(super) const PARTS: &[Part] = &[
    Part {
        by: By::Cases,
        oldest: concat!("SELECT closed FROM cases WHERE id IN (", cases!(""), "LIMIT 1)"),
        deletes: &[
            concat!(
                "DELETE FROM reports WHERE \"case\" IN (",
                cases!("AND closed < ?1"),
                few!(),
                ")",
                no_last_word!()
            ),
            // One that stays belongs to no case any more.
            concat!(
                "UPDATE reports SET \"case\" = NULL, place = '', raw = '' WHERE \"case\" IN (",
                cases!("AND closed < ?1"),
                few!(),
                ")"
            ),
            concat!(
                "DELETE FROM plan_events WHERE \"case\" IN (",
                cases!("AND closed < ?1"),
                few!(),
                ")"
            ),
            concat!("DELETE FROM cases WHERE id IN (", cases!("AND closed < ?1"), few!(), ")"),
        ],
    },
    Part {
        by: By::Calls,
        oldest: concat!("SELECT due FROM check_ins WHERE", settled!(), "ORDER BY due LIMIT 1"),
        deletes: &[concat!(
            "DELETE FROM check_ins WHERE rowid IN (SELECT rowid FROM check_ins WHERE",
            settled!(),
            "AND due < ?1 ORDER BY due LIMIT ?2)"
        )],
    },
    Part {
        by: By::Calls,
        oldest: concat!(
            "SELECT wall FROM reports WHERE \"case\" IS NULL",
            no_last_word!(),
            "ORDER BY wall LIMIT 1"
        ),
        deletes: &[concat!(
            "DELETE FROM reports WHERE id IN (SELECT id FROM reports WHERE \"case\" IS NULL AND wall < ?1",
            no_last_word!(),
            "ORDER BY wall LIMIT ?2)"
        )],
    },
    Part {
        by: By::Calls,
        oldest: concat!(
            "SELECT over FROM care_calls WHERE",
            with_round!(),
            "ORDER BY over LIMIT 1"
        ),
        deletes: &[concat!(
            "DELETE FROM care_calls WHERE rowid IN (SELECT rowid FROM care_calls WHERE",
            with_round!(),
            "AND over < ?1 ORDER BY over LIMIT ?2)"
        )],
    },
    Part {
        by: By::Calls,
        oldest: concat!("SELECT over FROM care_rounds WHERE", not_last!(), "ORDER BY over LIMIT 1"),
        deletes: &[concat!(
            "DELETE FROM care_rounds WHERE rowid IN (SELECT rowid FROM care_rounds WHERE",
            not_last!(),
            "AND over < ?1 ORDER BY over LIMIT ?2)"
        )],
    },
    Part {
        by: By::Calls,
        oldest: concat!("SELECT wall FROM units_seen WHERE", nobodys!(), "ORDER BY wall LIMIT 1"),
        deletes: &[concat!(
            "DELETE FROM units_seen WHERE account IN (SELECT account FROM units_seen WHERE wall < ?1 AND",
            nobodys!(),
            "ORDER BY wall LIMIT ?2)"
        )],
    },
];
