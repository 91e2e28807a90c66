//! What plans ask of programs and of the store, carried out: each question is a task of its own with its time,
//! its tries and its secret; its answer is an input of the switch.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::api::trusting_the_system;
use super::exchange::Inputs;
use super::files::plain;
use crate::base::Url;
use crate::dialplan::lookup::{
    self, Ask, Http, Kept, Lookup, MAX_ANSWER, OWN_TABLES, Outcome, Secret, Sql, Told,
};
use crate::net::http::{self, Failure, Request, Response};
use crate::store::asked::{self, Decision, Query, Refused};
use crate::switch::Input;
use crate::switch::asking::LookupId;

/// Requests at once; further ones wait, within their time.
const REQUESTS: usize = 64;
/// Queries at once, each on a thread of tokio's.
const QUERIES: usize = 4;
/// Before a request is sent again.
const PAUSE: Duration = Duration::from_millis(200);
/// So much longer a change is waited for that is on its way to the disk; the switch gives up
/// [two seconds](crate::switch::asking) after the question's time.
const DISK_MAY_TAKE: Duration = Duration::from_millis(1_500);
/// Before a full switch is told again.
const FULL: Duration = Duration::from_millis(50);

/// Where questions go.
pub(super) struct Lookups {
    runtime: Handle,
    inputs: Inputs,
    requests: Arc<Semaphore>,
    queries: Arc<Semaphore>,
    database: PathBuf,
}

impl Lookups {
    pub(super) fn new(runtime: Handle, inputs: Inputs, database: PathBuf) -> Lookups {
        let (requests, queries) =
            (Arc::new(Semaphore::new(REQUESTS)), Arc::new(Semaphore::new(QUERIES)));
        Lookups { runtime, inputs, requests, queries, database }
    }

    /// Puts a question; its answer comes, whatever happens.
    pub(super) fn ask(&self, id: LookupId, lookup: Lookup) {
        let room = match lookup.ask {
            Ask::Http(_) => self.requests.clone(),
            Ask::Sql(_) => self.queries.clone(),
        };
        let (inputs, database) = (self.inputs.clone(), self.database.clone());
        self.runtime.spawn(async move {
            let began = Instant::now();
            let longest = Duration::from_millis(u64::from(lookup.longest_ms));
            let decision = Arc::new(Decision::default());
            let to_disk = decision.clone();
            let carried_out = async {
                let Ok(_place) = room.acquire().await else {
                    return Told::failed("the exchange stops");
                };
                let left = longest.saturating_sub(began.elapsed());
                match lookup.ask {
                    Ask::Http(request) => by_http(&request, left).await,
                    Ask::Sql(query) => by_sql(database, *query, began + longest, to_disk).await,
                }
            };
            let mut told = in_time(longest, &decision, carried_out).await;
            told.ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
            if !told.why.is_empty() {
                told.why = format!("{}: {}", lookup.name, told.why);
            }
            let mut input = Input::Told(id, Box::new(told));
            while let Err(back) = inputs.offer(input) {
                input = back;
                sleep(FULL).await;
            }
        });
    }
}

/// What comes of a question within its time. A change that is being made good when that is over is waited for a little
/// longer: "timeout" says that nothing was changed, and nothing will be.
async fn in_time(
    longest: Duration,
    decision: &Decision,
    asked: impl Future<Output = Told>,
) -> Told {
    let mut asked = std::pin::pin!(asked);
    if let Ok(told) = timeout(longest, &mut asked).await {
        return told;
    }
    if decision.give_up() {
        return Told::of(Outcome::Timeout, "no answer in time");
    }
    let unknown = || {
        Told::failed("the disk has not taken the change in time: whether it was made is not known")
    };
    timeout(DISK_MAY_TAKE, asked).await.unwrap_or_else(|_| unknown())
}

/// Asks a program, again where that can do no harm.
async fn by_http(asked: &Http, longest: Duration) -> Told {
    let Some(url) = Url::new(&asked.url) else {
        return Told::failed("what it was given makes no address");
    };
    let mut headers = asked.headers.clone();
    if let Some(secret) = &asked.secret {
        match read(secret).await {
            Ok(value) => headers.push((secret.header.clone(), value)),
            Err(why) => return Told::failed(why),
        }
    }
    let tls = match url.secure {
        true => match system_tls().await {
            Ok(tls) => Some(tls),
            Err(why) => return Told::failed(why),
        },
        false => None,
    };
    let mut left = asked.retries;
    loop {
        let request = Request {
            method: asked.method.name(),
            url: &url,
            headers: &headers,
            body: asked.body.as_deref().map(|body| ("application/json", body.as_bytes())),
            connect: longest / (u32::from(asked.retries) + 1),
            longest: MAX_ANSWER,
        };
        let why = match http::ask(request, tls.clone()).await {
            Ok(response) => return answered(asked, &response),
            Err(Failure::TooLong) => {
                return Told::failed(format!("its answer is longer than {MAX_ANSWER} bytes"));
            }
            Err(Failure::Wrong(why)) => return Told::failed(why),
            Err(Failure::NotAsked(why)) if left == 0 => return Told::failed(why),
            Err(Failure::NoAnswer(why)) if left == 0 || !asked.method.is_idempotent() => {
                return Told::failed(why);
            }
            Err(Failure::NotAsked(why) | Failure::NoAnswer(why)) => why,
        };
        tracing::debug!("{}: {why}: once more", url.host);
        left -= 1;
        sleep(PAUSE).await;
    }
}

/// What an answer means, and what is taken from it.
fn answered(asked: &Http, response: &Response) -> Told {
    let outcome = Outcome::of_status(response.status);
    let mut told = Told { status: Some(response.status), ..Told::of(outcome, "") };
    if let Some(whole) = &asked.whole {
        let text = String::from_utf8_lossy(&response.body).into_owned();
        told.values.push((whole.clone(), text));
    }
    if outcome != Outcome::Ok {
        if outcome == Outcome::Refused {
            told.why = format!("it answers {}", response.status);
        }
        return told;
    }
    match lookup::taken(&response.body, &asked.take) {
        Ok((found, missing)) => {
            told.values.extend(found);
            if !missing.is_empty() {
                told.outcome = Outcome::Missing;
                told.why = format!("its answer has no {}", missing.join(", "));
            }
            told
        }
        Err(why) => Told { status: told.status, ..Told::failed(why) },
    }
}

async fn by_sql(database: PathBuf, asked: Sql, until: Instant, decision: Arc<Decision>) -> Told {
    let query = move || query(&database, &asked, until, &decision);
    let done = tokio::task::spawn_blocking(query).await;
    done.unwrap_or_else(|_| Told::failed("the query came to a sudden end"))
}

fn query(database: &Path, asked: &Sql, until: Instant, decision: &Decision) -> Told {
    let query = Query {
        sql: &asked.sql,
        own: asked.write.then_some(OWN_TABLES),
        values: &asked.values,
        rows: usize::from(asked.rows),
    };
    let given = match asked::ask(database, &query, until, decision) {
        Ok(given) => given,
        Err(Refused::Timeout) => return Told::of(Outcome::Timeout, "no answer in time"),
        Err(Refused::Failed(why)) => return Told::failed(why),
    };
    let rows = given.rows.len().max(given.changed);
    let outcome = if rows == 0 { Outcome::NotFound } else { Outcome::Ok };
    let mut told = Told { rows: rows as u32, ..Told::of(outcome, "") };
    for (variable, column) in &asked.take {
        let Some(at) = given.columns.iter().position(|name| name.eq_ignore_ascii_case(column))
        else {
            return Told::failed(format!("the query gives no column '{column}'"));
        };
        for (nth, row) in given.rows.iter().enumerate() {
            let name = match nth {
                0 => variable.clone(),
                nth => format!("{variable}_{}", nth + 1),
            };
            match row.get(at).cloned().flatten() {
                Some(value) => told.values.push((name, value)),
                None if nth == 0 => {
                    told.outcome = Outcome::Missing;
                    told.why = format!("the column '{column}' is empty");
                }
                None => {}
            }
        }
    }
    told
}

/// The secret as it is now: a file may be changed while the exchange runs.
async fn read(secret: &Secret) -> Result<String, String> {
    let value = match &secret.kept {
        Kept::File(path) => {
            let text = match plain(Path::new(path)) {
                Ok(()) => tokio::fs::read_to_string(path).await,
                Err(error) => Err(error),
            };
            let text = text.map_err(|error| format!("its secret: {path}: {error}"))?;
            text.lines().next().unwrap_or_default().trim().to_owned()
        }
        Kept::Env(name) => {
            std::env::var(name).map_err(|_| format!("its secret: {name} is not set"))?
        }
    };
    match value.is_empty() {
        true => Err("its secret is empty".into()),
        false => Ok(value),
    }
}

/// What is wrong with where a secret is kept, as far as can be told beforehand.
pub(super) fn unreadable(secret: &Secret) -> Option<String> {
    match &secret.kept {
        Kept::File(path) => {
            match plain(Path::new(path)).and_then(|()| std::fs::read_to_string(path)) {
                Ok(text) if text.trim().is_empty() => Some(format!("{path} is empty")),
                Ok(_) => None,
                Err(error) => Some(format!("{path}: {error}")),
            }
        }
        Kept::Env(name) => {
            std::env::var(name).is_err().then(|| format!("the variable {name} is not set"))
        }
    }
}

/// TLS to whom the system believes; its list is read once.
pub(super) async fn system_tls() -> Result<Arc<ClientConfig>, String> {
    static TLS: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    if let Some(known) = TLS.get() {
        return known.clone();
    }
    let read = tokio::task::spawn_blocking(|| TLS.get_or_init(trusting_the_system).clone()).await;
    read.unwrap_or_else(|error| Err(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(1);

    /// A change that the disk takes this long for, and what is told of it.
    async fn made_good(takes: Duration) -> Told {
        let decision = Decision::default();
        let change = async {
            assert!(decision.make_good());
            sleep(takes).await;
            Told::of(Outcome::Ok, "")
        };
        in_time(LONGEST, &decision, change).await
    }

    #[tokio::test(start_paused = true)]
    async fn timeout_says_that_nothing_was_changed_and_nothing_will_be() {
        let decision = Decision::default();
        let slow = async {
            sleep(LONGEST * 2).await;
            Told::of(Outcome::Ok, "nobody waits for it")
        };
        assert_eq!(in_time(LONGEST, &decision, slow).await.outcome, Outcome::Timeout);
        assert!(!decision.make_good(), "whoever comes late with a change leaves it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_on_its_way_to_the_disk_is_told_of_as_it_ends() {
        assert_eq!(made_good(LONGEST / 2).await.outcome, Outcome::Ok);
        assert_eq!(made_good(LONGEST + DISK_MAY_TAKE / 2).await.outcome, Outcome::Ok);
        let told = made_good(LONGEST + DISK_MAY_TAKE * 2).await;
        assert_eq!(told.outcome, Outcome::Failed);
        assert!(told.why.contains("not known"), "{}", told.why);
    }
}
