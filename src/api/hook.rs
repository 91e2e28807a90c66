//! Web hooks: events sent to a program, each by a POST, in their order, again until it has them.
//!
//! ```text
//!  Feed ─▶ Reader ─▶ POST ─┬─ 2xx ─▶ the cursor goes on, and is kept in a file ─▶ the next
//!                          └─ else ─▶ again after 1, 2, 4 … 60 s, until `retry_for` is over
//! ```
//!
//! At least once: what was delivered just before a crash may come again, with the same `Belfry-Delivery`.
//! Nothing waits in memory but a batch: what is not delivered yet is in the records.
//!
//! The file with the place is made whole at the start and then written over by as many digits, always: after a power
//! cut it holds a place, the last or one before, without a wait for the disk at each event.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::hmac;
use axum::body::Body;
use tokio::time::{sleep, timeout};

use super::client::{Kept, Peer};
use super::events::feed::Reader;
use super::events::{Event, Feed, Filter};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(15);
/// The first and the longest pause before a try.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How often the place is kept while nothing is to be sent.
const KEEP_EACH: Duration = Duration::from_secs(30);

/// A web hook.
pub struct Hook {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub peer: Peer,
    /// What requests are signed with.
    pub secret: Option<String>,
    /// Which events it gets.
    pub filter: Filter,
    /// For how long one is tried.
    pub retry_for: Duration,
    /// The file that keeps up to where it has had them.
    pub place: PathBuf,
}

/// Sends events for as long as it runs.
pub async fn run(hook: Hook, feed: Feed) {
    let begins = begin(&hook, feed.last()).await;
    let mut place = Some(begins);
    let mut connection = None;
    loop {
        let mut reader = match feed.reader(place, hook.filter.clone()) {
            Some(reader) => reader,
            None => {
                tracing::error!(
                    "web hook {}: its place lies beyond the journal: it begins now",
                    hook.name
                );
                place = Some(feed.last());
                continue;
            }
        };
        while let Ok(next) = deliver_next(&hook, &mut reader, &mut connection).await {
            if let Some(seq) = next {
                place = Some(seq);
                keep_place(&hook, seq).await;
            }
        }
        place = place.or(Some(reader.cursor()));
        sleep(PAUSE.0).await;
    }
}

/// Sends the next batch; up to where all was sent. An error: the reader cannot go on.
async fn deliver_next(
    hook: &Hook,
    reader: &mut Reader,
    connection: &mut Kept,
) -> Result<Option<u64>, ()> {
    let before = reader.cursor();
    let events = match timeout(KEEP_EACH, reader.next()).await {
        Ok(Ok(events)) => events,
        Ok(Err(_)) => return Err(()),
        Err(_) if reader.cursor() == before => return Ok(None),
        Err(_) => return Ok(Some(reader.cursor())),
    };
    for event in &events {
        deliver(hook, event, connection).await;
        keep_place(hook, event.seq).await;
    }
    Ok(Some(reader.cursor()))
}

/// Sends one event until it is taken, or its time is over.
async fn deliver(hook: &Hook, event: &Event, connection: &mut Kept) {
    let body = serde_json::to_string(event).unwrap_or_default();
    let (began, mut pause, mut told) = (Instant::now(), PAUSE.0, false);
    loop {
        let why = match timeout(ANSWER, send(hook, event.seq, &body, connection)).await {
            Ok(Ok(status)) if (200..300).contains(&status) => {
                if told {
                    tracing::info!("web hook {}: it takes events again", hook.name);
                }
                return;
            }
            Ok(Ok(status)) => format!("it answers {status}"),
            Ok(Err(why)) => why,
            Err(_) => "it does not answer".to_owned(),
        };
        *connection = None;
        if began.elapsed() + pause > hook.retry_for {
            let (name, seq) = (&hook.name, event.seq);
            tracing::error!("web hook {name}: event {seq} was not taken ({why}) and is left out");
            return;
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!("web hook {}: {why}; events wait", hook.name);
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

async fn send(hook: &Hook, seq: u64, body: &str, connection: &mut Kept) -> Result<u16, String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut request = hook.peer.post().header("Belfry-Delivery", format!("{}-{seq}", hook.name));
    if let Some(secret) = &hook.secret {
        request = request.header("Belfry-Signature", signature(secret, now.as_secs(), body));
    }
    let request = request.body(Body::from(body.to_owned())).map_err(|e| e.to_string())?;
    hook.peer.send(request, connection).await
}

/// `t=…,v1=…`: the HMAC-SHA256 of the time, a dot and the body.
pub fn signature(secret: &str, seconds: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

/// From where it has events; a new one has none of before.
async fn begin(hook: &Hook, last: u64) -> u64 {
    let place = read_place(&hook.place).await.unwrap_or_else(|why| {
        let (name, path) = (&hook.name, hook.place.display());
        tracing::error!(
            "web hook {name}: {path}: {why}: it begins with event {} now, and does not get those before; to send them \
             write the number of the last that it has into that file and start again",
            last.saturating_add(1)
        );
        None
    });
    let place = place.unwrap_or(last);
    if let Err(error) = make_place(&hook.place, place).await {
        tracing::error!("web hook {}: {}: {error}", hook.name, hook.place.display());
    }
    place
}

/// What a file of a place says; `None`: there is none yet.
async fn read_place(path: &Path) -> Result<Option<u64>, String> {
    match tokio::fs::read_to_string(path).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
        Ok(text) if text.trim().is_empty() => Err("it is empty".into()),
        Ok(text) => text.trim().parse().map(Some).map_err(|_| "it holds no number".to_owned()),
    }
}

/// A place as it is written: each as long as any other.
fn digits(seq: u64) -> String {
    format!("{seq:020}\n")
}

/// A whole file in the place of the old one, on the disk before it gets its name.
async fn make_place(path: &Path, seq: u64) -> std::io::Result<()> {
    use tokio::io::AsyncWriteExt;
    let new = path.with_extension("new");
    let mut file = tokio::fs::File::create(&new).await?;
    file.write_all(digits(seq).as_bytes()).await?;
    file.sync_all().await?;
    tokio::fs::rename(&new, path).await?;
    let dir = path.parent().unwrap_or(Path::new("."));
    tokio::fs::File::open(dir).await?.sync_all().await
}

async fn keep_place(hook: &Hook, seq: u64) {
    if let Err(error) = write_over(&hook.place, seq).await {
        tracing::error!("web hook {}: {}: {error}", hook.name, hook.place.display());
    }
}

/// Writes a place over the one before; one that somebody took away is made anew.
async fn write_over(path: &Path, seq: u64) -> std::io::Result<()> {
    use tokio::io::AsyncWriteExt;
    let mut file = match tokio::fs::OpenOptions::new().write(true).open(path).await {
        Err(error) if error.kind() == ErrorKind::NotFound => return make_place(path, seq).await,
        opened => opened?,
    };
    file.write_all(digits(seq).as_bytes()).await?;
    file.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_is_read_back_and_one_that_is_none_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("crm.place");
        assert_eq!(read_place(&path).await, Ok(None), "a new hook");
        // As an earlier version wrote it.
        std::fs::write(&path, "17\n").unwrap();
        assert_eq!(read_place(&path).await, Ok(Some(17)));
        make_place(&path, 17).await.unwrap();
        let long = std::fs::metadata(&path).unwrap().len();
        for seq in [18, 1_000_000, u64::MAX, 3] {
            write_over(&path, seq).await.unwrap();
            assert_eq!(read_place(&path).await, Ok(Some(seq)));
            assert_eq!(std::fs::metadata(&path).unwrap().len(), long, "no byte of it moves");
        }
        std::fs::write(&path, "").unwrap();
        assert_eq!(read_place(&path).await, Err("it is empty".into()));
        std::fs::write(&path, "\0\0\0").unwrap();
        assert_eq!(read_place(&path).await, Err("it holds no number".into()));
        std::fs::remove_file(&path).unwrap();
        write_over(&path, 5).await.unwrap();
        assert_eq!(read_place(&path).await, Ok(Some(5)));
    }

    #[test]
    fn the_signature_is_hmac_sha_256_of_time_and_body() {
        // By `printf '1.{}' | openssl dgst -sha256 -hmac Jefe`.
        let wanted = "t=1,v1=dc7943cccf20f64327d263db5e2aca27c2b8175e8e6e7ea04f482091bf456b0f";
        let signed = signature("Jefe", 1, "{}");
        assert_eq!(signed, wanted);
        assert_ne!(signed, signature("Jefe", 2, "{}"), "the time is signed too");
        assert_ne!(signed, signature("jefe", 1, "{}"));
    }
}
