//! Contacts and whether they were repeated: for first contact resolution and repeat callers (R25).
//!
//! A contact is a caller from outside whom an agent of a queue has answered. It is repeated when the same number comes
//! into the same queue again; whether an agent answers then is all the same. Whom Belfry called (a campaign, a round) came
//! neither the first time nor again. Read from calls and their events: what comes
//! days later cannot stand in a sum of the quarter in which the contact was.

use super::database::Trouble;
use super::query::Records;
use super::row::from_row;

/// What a quarter of an hour's contacts of a queue came to. One counts where its call began.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Contacts {
    /// When it begins, milliseconds since 1970.
    pub start: i64,
    /// The queue.
    pub name: String,
    /// Contacts.
    pub contacts: i64,
    /// Of these, those whose caller came again within 24 hours.
    pub day: i64,
    /// Within 48 hours.
    pub two_days: i64,
    /// Within seven days.
    pub week: i64,
}
from_row!(Contacts { start, name, contacts, day, two_days, week });

/// Its caller called us. Earlier versions did not write which side called; they named the context of campaigns' calls.
const CAME: &str = "NOT EXISTS (SELECT 1 FROM events b WHERE b.call = CALL.call AND b.kind = 'leg_began' \
                    AND json_extract(b.body, '$.role') = 'caller' \
                    AND coalesce(json_extract(b.body, '$.outgoing'), CALL.context = 'campaign'))";

impl Records {
    /// The contacts of calls that began within a span, milliseconds since 1970. Callers who hide their numbers are none.
    pub async fn contacts(&self, from: i64, until: i64) -> Result<Vec<Contacts>, Trouble> {
        let select = format!(
            "WITH contact AS ( \
                        SELECT DISTINCT c.call, c.caller, c.begun, json_extract(e.body, '$.queue') AS queue \
                        FROM calls c JOIN events e ON e.call = c.call AND e.kind = 'queue' \
                        AND json_extract(e.body, '$.event') = 'answered' \
                        WHERE c.begun >= ?1 AND c.begun < ?2 AND c.gateway IS NOT NULL AND c.caller GLOB '*[0-9]*' \
                        AND {came_c}), \
                      seen AS ( \
                        SELECT o.begun, o.queue, (SELECT min(n.begun) FROM calls n \
                          JOIN events x ON x.call = n.call AND x.kind = 'queue' \
                          AND json_extract(x.body, '$.event') = 'entered' AND json_extract(x.body, '$.queue') = o.queue \
                          WHERE n.caller = o.caller AND n.begun > o.begun AND n.begun <= o.begun + 604800000 \
                          AND {came_n}) - o.begun AS again \
                        FROM contact o) \
                      SELECT begun / 900000 * 900000 AS start, queue AS name, count(*) AS contacts, \
                      coalesce(sum(again <= 86400000), 0) AS day, coalesce(sum(again <= 172800000), 0) AS two_days, \
                      coalesce(sum(again IS NOT NULL), 0) AS week FROM seen GROUP BY 1, 2 ORDER BY 1, 2",
            came_c = CAME.replace("CALL", "c"),
            came_n = CAME.replace("CALL", "n"),
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(select)).bind(from).bind(until);
        rows.fetch_all(&self.pool).await.map_err(self.sorted())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::block;
    use super::*;
    use crate::base::{CallId, LegId, Wall};
    use crate::store::{Settings, Store};
    use crate::switch::fact::{Fact, FactKind, Party, QueueFact, Role};

    const HOUR: i64 = 3_600_000;
    /// The context, and which side called.
    type Way = (&'static str, Option<bool>);

    #[test]
    fn a_caller_who_comes_again_was_not_helped_the_first_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        let store = Store::open(Settings::new(dir.path().join("journal"), &path)).unwrap();
        let (mut seq, mut calls) = (0, 0);
        let mut tell = |hour: i64, kind| {
            seq += 1;
            store.journal().submit(Fact { seq, wall: Wall(hour * HOUR), kind }).unwrap();
        };
        let mut call_of = |hour: i64, number: &str, queue: &str, answered: bool, way: Way| {
            calls += 1;
            let call = CallId::new(Wall(1_000), calls);
            let (context, outgoing) = way;
            let (dialled, context) = ("800".to_owned(), context.to_owned());
            let caller = Party::Trunk { gateway: "e1".into(), number: number.into() };
            let party = caller.clone();
            tell(
                hour,
                FactKind::CallBegan { call, caller, dialled, caller_name: String::new(), context },
            );
            let (leg, role) = (LegId(1), Role::Caller);
            tell(hour, FactKind::LegBegan { call, leg, party, role, outgoing });
            let mut of = |what| tell(hour, FactKind::Queue { queue: queue.into(), call, what });
            of(QueueFact::Entered { position: 1, priority: 0 });
            if answered {
                let agent = "7001".to_owned();
                of(QueueFact::Answered { agent, waited_ms: 5, rang_ms: 5, back: false, by: None });
            }
        };
        // A campaign's customer, as earlier versions wrote it and as this one does, and one of a round of calls; then he
        // calls himself, and a campaign calls him again.
        call_of(0, "136", "care", true, ("campaign", None));
        call_of(3, "136", "care", true, ("campaign", Some(true)));
        call_of(4, "136", "care", true, ("care-call", Some(true)));
        call_of(5, "136", "care", true, ("campaign", Some(false)));
        call_of(6, "136", "care", true, ("campaign", Some(true)));
        let mut call = |hour: i64, number: &str, queue: &str, answered: bool| {
            call_of(hour, number, queue, answered, ("gateway", None));
        };
        // Again within a day, and within two; the second time nobody answers: no contact, but a repetition.
        call(0, "138", "care", true);
        call(20, "138", "care", true);
        call(60, "138", "care", false);
        // In another queue, after more than a week, with a hidden number: none.
        call(0, "139", "care", true);
        call(5, "139", "sales", true);
        call(200, "139", "care", true);
        call(0, "anonymous", "care", true);
        call(1, "anonymous", "care", true);
        assert!(store.drain(Duration::from_secs(10)));
        store.close();
        let of = |from, until| {
            block(async {
                let records = Records::open(&path).await.unwrap();
                records.contacts(from * HOUR, until * HOUR).await.unwrap()
            })
        };
        let all = of(0, 1_000);
        let sum = |queue: &str| {
            let own = all.iter().filter(|own| own.name == queue);
            own.fold([0; 4], |s, o| {
                [s[0] + o.contacts, s[1] + o.day, s[2] + o.two_days, s[3] + o.week]
            })
        };
        // Of 136 the fifth hour's alone, in a plan's own context of that name.
        assert_eq!((sum("care"), sum("sales")), ([5, 1, 2, 2], [1, 0, 0, 0]));
        let first = of(0, 1);
        assert_eq!(first.iter().map(|own| (own.contacts, own.day)).collect::<Vec<_>>(), [(2, 1)]);
        assert!(all.iter().all(|own| own.start % 900_000 == 0));
    }
}
