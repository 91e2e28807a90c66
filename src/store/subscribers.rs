//! Subscribers in the records: read whole, changed in one transaction with the note of who changed what (R26).
//!
//! What is administered comes straight here, not by way of the journal: it is no fact of a call, an operator
//! waits for it, and one who cannot be answered is told so. All of a change or nothing of it.

use std::path::Path;

use serde_json::{Map, Value};
use sqlx::{Connection, Row, SqliteConnection};

use crate::base::Wall;
use crate::switch::care::{Directory, Kept, Subscriber, Update};

use super::database::{Database, Trouble, sort};
use super::query::Records;

/// What is to become of the subscribers.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Change {
    /// These stand in the place of what bears their numbers.
    pub put: Vec<Subscriber>,
    /// These go.
    pub gone: Vec<String>,
}

/// Why nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotChanged {
    /// The database could not be had.
    Trouble(Trouble),
    /// What was wanted cannot be; one cause a line.
    Refused(String),
}

impl From<Trouble> for NotChanged {
    fn from(trouble: Trouble) -> NotChanged {
        NotChanged::Trouble(trouble)
    }
}

/// Who changes, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct By {
    /// The name.
    pub who: String,
    /// The time.
    pub wall: Wall,
}

/// Changes what `wanted` makes of those who are there. Gives what the running exchange has to hear.
pub async fn change(
    path: &Path,
    by: &By,
    wanted: impl FnOnce(&Directory) -> Result<Change, String>,
) -> Result<Update, NotChanged> {
    let mut database = Database::open_beside(path).await?;
    let sorted = |error: sqlx::Error| NotChanged::Trouble(sort(path, &error));
    let mut step = database.connection.begin_with("BEGIN IMMEDIATE").await.map_err(sorted)?;
    let there = directory(&mut step).await.map_err(sorted)?;
    let change = wanted(&there).map_err(NotChanged::Refused)?;
    let mut update = Update::default();
    for number in change.gone {
        let Some(kept) = there.get(&number) else { continue };
        remove(&mut step, by, &kept.subscriber).await.map_err(sorted)?;
        update.gone.push(number);
    }
    for subscriber in change.put {
        if let Some(kept) = put(&mut step, by, &there, subscriber).await.map_err(sorted)? {
            update.put.push(kept);
        }
    }
    update.version = Some(version(&mut step).await.map_err(sorted)?);
    step.commit().await.map_err(sorted)?;
    Ok(update)
}

/// Puts those of a copy into records that never had a subscriber, as `version` of them: of a store that was begun anew.
/// Gives how many; none, where the records have had one: they stand.
pub async fn put_back(
    path: &Path,
    by: &By,
    (kept, of): (Vec<Kept>, i64),
) -> Result<usize, Trouble> {
    let mut database = Database::open_beside(path).await?;
    let sorted = |error: sqlx::Error| sort(path, &error);
    let mut step = database.connection.begin_with("BEGIN IMMEDIATE").await.map_err(sorted)?;
    let there = directory(&mut step).await.map_err(sorted)?;
    if !there.is_empty() || version(&mut step).await.map_err(sorted)? > 0 {
        return Ok(0);
    }
    // Changes are counted on from there: a running exchange takes what is of an earlier one for old.
    let insert = "INSERT INTO subscriber_changes (id, wall, \"by\", number, what, before, after) \
                  VALUES (?, ?, ?, '', 'put back', '{}', '{}')";
    let first = sqlx::query(insert).bind(of.max(1)).bind(by.wall.0).bind(&by.who);
    first.execute(&mut *step).await.map_err(sorted)?;
    let count = kept.len();
    for one in kept {
        put(&mut step, by, &there, one.subscriber).await.map_err(sorted)?;
    }
    step.commit().await.map_err(sorted)?;
    Ok(count)
}

/// The last change of all.
async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let select = "SELECT coalesce(max(id), 0) FROM subscriber_changes";
    sqlx::query_scalar(select).fetch_one(connection).await
}

/// `None`: it is as it was.
async fn put(
    step: &mut SqliteConnection,
    by: &By,
    there: &Directory,
    subscriber: Subscriber,
) -> Result<Option<Kept>, sqlx::Error> {
    let old = there.get(&subscriber.number);
    let nobody = Subscriber::default();
    let differences = subscriber.differences(old.map_or(&nobody, |kept| &kept.subscriber));
    if differences.is_empty() {
        return Ok(None);
    }
    let waits = |(name, ..): &(&str, String, String)| {
        name.starts_with("check_in")
            || matches!(*name, "time_zone" | "served_from" | "served_until")
    };
    let since = match old {
        Some(kept) if !differences.iter().any(waits) => kept.since,
        _ => by.wall,
    };
    let upsert = "INSERT INTO subscribers (number, name, region, since, body) VALUES (?, ?, ?, ?, ?) \
                  ON CONFLICT DO UPDATE SET name = excluded.name, region = excluded.region, \
                  since = excluded.since, body = excluded.body";
    let statement = sqlx::query(upsert)
        .bind(&subscriber.number)
        .bind(&subscriber.name)
        .bind(&subscriber.region)
        .bind(since.0)
        .bind(body(&subscriber));
    statement.execute(&mut *step).await?;
    let what = if old.is_some() { "changed" } else { "added" };
    let (mut before, mut after) = (Map::new(), Map::new());
    for (name, was, is) in differences {
        before.insert(name.to_owned(), was.into());
        after.insert(name.to_owned(), is.into());
    }
    let (before, after) = (Value::Object(before).to_string(), Value::Object(after).to_string());
    note(step, by, &subscriber.number, what, [before, after]).await?;
    Ok(Some(Kept { subscriber, since }))
}

async fn remove(
    step: &mut SqliteConnection,
    by: &By,
    subscriber: &Subscriber,
) -> Result<(), sqlx::Error> {
    let delete = "DELETE FROM subscribers WHERE number = ?";
    sqlx::query(delete).bind(&subscriber.number).execute(&mut *step).await?;
    note(step, by, &subscriber.number, "removed", [body(subscriber), "{}".into()]).await
}

async fn note(
    step: &mut SqliteConnection,
    by: &By,
    number: &str,
    what: &str,
    [before, after]: [String; 2],
) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO subscriber_changes (wall, \"by\", number, what, before, after) \
                  VALUES (?, ?, ?, ?, ?, ?)";
    let statement = sqlx::query(insert).bind(by.wall.0).bind(&by.who).bind(number).bind(what);
    statement.bind(before).bind(after).execute(step).await?;
    Ok(())
}

/// The fields that say something, by their names.
pub fn body(subscriber: &Subscriber) -> String {
    let none = Subscriber::default();
    let differences = subscriber.differences(&none);
    let pairs = differences.into_iter().map(|(name, _, here)| (name.to_owned(), here.into()));
    Value::Object(pairs.collect()).to_string()
}

/// From what [`body`] made. A field of a later version, or that says what this one does not take, is left out
/// and told.
pub fn read(number: &str, body: &str) -> Subscriber {
    let mut subscriber = Subscriber { number: number.to_owned(), ..Subscriber::default() };
    let fields: Map<String, Value> = serde_json::from_str(body).unwrap_or_default();
    for (name, value) in fields {
        let text = value.as_str().unwrap_or_default();
        if let Err(why) = subscriber.set(&name, text) {
            tracing::warn!("subscriber {number}: {why}: the field is left out");
        }
    }
    number.clone_into(&mut subscriber.number);
    subscriber
}

async fn directory(connection: &mut SqliteConnection) -> Result<Directory, sqlx::Error> {
    let mut all = Directory::default();
    for kept in all_of(connection).await? {
        let number = kept.subscriber.number.clone();
        if let Err(why) = all.put(kept) {
            tracing::error!("subscriber {number}: {why}: it is not known by that");
        }
    }
    Ok(all)
}

async fn all_of(connection: &mut SqliteConnection) -> Result<Vec<Kept>, sqlx::Error> {
    let select = "SELECT number, since, body FROM subscribers ORDER BY number";
    let rows = sqlx::query(select).fetch_all(connection).await?;
    let kept = |row: &sqlx::sqlite::SqliteRow| {
        let (number, body) = (row.try_get::<String, _>(0)?, row.try_get::<String, _>(2)?);
        Ok(Kept { subscriber: read(&number, &body), since: Wall(row.try_get(1)?) })
    };
    rows.iter().map(kept).collect()
}

/// What is known of a subscriber besides its fields.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Known {
    /// When its unit was heard last, milliseconds since 1970.
    pub seen: Option<i64>,
    /// What is wrong with its unit: what, with which device, of what kind, where, and since when.
    pub troubles: Vec<(String, String, String, String, i64)>,
    /// Who changed what of it when: time, name, what, before, after. The latest first.
    pub changes: Vec<(i64, String, String, String, String)>,
}

/// Changes that are shown of one.
const SHOWN: u32 = 20;

impl Records {
    /// All subscribers. A database that was not brought to this version's schema yet has none.
    pub async fn subscribers(&self) -> Result<Vec<Kept>, Trouble> {
        let mut connection = self.pool.acquire().await.map_err(self.sorted())?;
        all_of(&mut connection).await.map_err(self.sorted())
    }

    /// The last change of the subscribers.
    pub async fn subscribers_version(&self) -> Result<i64, Trouble> {
        let mut connection = self.pool.acquire().await.map_err(self.sorted())?;
        version(&mut connection).await.map_err(self.sorted())
    }

    /// All subscribers, for the running exchange.
    pub async fn all_subscribers(&self) -> Result<Update, Trouble> {
        let mut connection = self.pool.acquire().await.map_err(self.sorted())?;
        // The version first: what changes in between is told once more, and not held for old.
        let version = version(&mut connection).await.map_err(self.sorted())?;
        let put = all_of(&mut connection).await.map_err(self.sorted())?;
        Ok(Update { all: true, put, version: Some(version), ..Update::default() })
    }

    /// What is known of one besides its fields.
    pub async fn known_of(&self, number: &str) -> Result<Known, Trouble> {
        let select = "SELECT wall FROM units_seen WHERE account = ?";
        let seen = sqlx::query_scalar(select).bind(number).fetch_optional(&self.pool).await;
        let select = "SELECT trouble, device, device_type, place, since FROM unit_troubles \
                      WHERE account = ? ORDER BY since";
        let troubles = sqlx::query_as(select).bind(number).fetch_all(&self.pool).await;
        let select = "SELECT wall, \"by\", what, before, after FROM subscriber_changes \
                      WHERE number = ? ORDER BY id DESC LIMIT ?";
        let changes = sqlx::query_as(select).bind(number).bind(SHOWN).fetch_all(&self.pool).await;
        Ok(Known {
            seen: seen.map_err(self.sorted())?,
            troubles: troubles.map_err(self.sorted())?,
            changes: changes.map_err(self.sorted())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    fn one(number: &str, fields: &[(&str, &str)]) -> Subscriber {
        let mut subscriber = Subscriber { number: number.into(), ..Subscriber::default() };
        for (name, text) in fields {
            subscriber.set(name, text).unwrap();
        }
        subscriber
    }

    #[test]
    fn changes_are_kept_with_who_and_when_and_all_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        let by = |who: &str, wall| By { who: who.into(), wall: Wall(wall) };
        block(async {
            let put = |all: Vec<Subscriber>| |_: &Directory| Ok(Change { put: all, gone: vec![] });
            let wang = one("100", &[("name", "王秀英"), ("check_in", "08:00")]);
            let update = change(&path, &by("li", 5), put(vec![wang.clone()])).await.unwrap();
            assert_eq!(update.version, Some(1));
            assert_eq!(update.put, [Kept { subscriber: wang.clone(), since: Wall(5) }]);
            // The same again changes nothing; another address does not begin its check-ins anew.
            assert_eq!(change(&path, &by("li", 6), put(vec![wang.clone()])).await.unwrap().put, []);
            let moved =
                one("100", &[("name", "王秀英"), ("check_in", "08:00"), ("address", "3-2")]);
            let update = change(&path, &by("zhao", 7), put(vec![moved.clone()])).await.unwrap();
            assert_eq!(update.put[0].since, Wall(5));
            let refused = |_: &Directory| Err::<Change, _>("no".to_owned());
            let why = change(&path, &by("zhao", 8), refused).await.unwrap_err();
            assert_eq!(why, NotChanged::Refused("no".into()));
            let records = Records::open(&path).await.unwrap();
            assert_eq!(records.subscribers().await.unwrap()[0].subscriber, moved);
            let all = records.all_subscribers().await.unwrap();
            assert_eq!((all.all, all.put.len(), all.version), (true, 1, Some(2)));
            let known = records.known_of("100").await.unwrap();
            let said: Vec<(i64, &str, &str)> =
                known.changes.iter().map(|c| (c.0, c.1.as_str(), c.2.as_str())).collect();
            assert_eq!(said, [(7, "zhao", "changed"), (5, "li", "added")]);
            assert_eq!(
                (known.changes[0].3.as_str(), known.changes[0].4.as_str()),
                ("{\"address\":\"\"}", "{\"address\":\"3-2\"}")
            );
            let gone = |_: &Directory| Ok(Change { put: vec![], gone: vec!["100".into()] });
            assert_eq!(change(&path, &by("li", 9), gone).await.unwrap().gone, ["100"]);
            assert_eq!(records.subscribers().await.unwrap(), []);
            assert_eq!(records.known_of("100").await.unwrap().changes[0].2, "removed");
        });
    }
}
