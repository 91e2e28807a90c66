//! Subscribers' sheets, carried out (R15): by mail, to a program, to a printer.
//!
//! ```text
//!  Output::Sheet ─▶ door? ─▶ a task each ─┬─ mail ─▶ Post, with its own tries ───────┐
//!                                         └─ POST ─┬─ taken, or refused for good ────┼─▶ Input::SheetSent
//!                                                  └─ again after 1, 2, 4 … 60 s ────┘
//! ```
//!
//! At least once: what was taken just before a crash may come again, for the journal is what knows what was sent.
//! Calls never wait for any of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::exchange::Inputs;
use super::lookups::system_tls;
use crate::api::hook::signature;
use crate::base::Url;
use crate::config::{Printer, Secret};
use crate::net::http::{self, Failure, Request, Response};
use crate::net::mail::{Letter, NotSent, Post};
use crate::switch::Input;
use crate::switch::care::sheets::{SheetOut, Way};
use crate::wire::ipp::{self, Outcome, PrintJob};

/// Sheets on their way through one door at most; a further one is told as not sent.
const WAITING: usize = 256;
/// Requests at once through one door; further ones wait.
const REQUESTS: usize = 4;
/// Doors that are known at most: what is configured has far fewer. With none left, all further ones share one.
const DOORS: usize = 1_024;
/// How long a connection, and how long one request in all, may take.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(20);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1_024;
/// The first and the longest pause before another try.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Before a full switch is told again.
const FULL: Duration = Duration::from_millis(50);

/// What sheets are printed as.
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// The way of sheets out of the house.
#[derive(Clone)]
pub(super) struct Sheets {
    runtime: Handle,
    inputs: Inputs,
    sender: Sender,
    doors: Arc<Doors>,
}

/// One resource's printer, program or mail: a dead one takes up no other's room.
#[derive(Clone)]
struct Door {
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Door {
    fn new() -> Door {
        let of = |places| Arc::new(Semaphore::new(places));
        Door { room: of(WAITING), turns: of(REQUESTS) }
    }
}

impl Sheets {
    pub(super) fn new(runtime: Handle, inputs: Inputs, post: Post) -> Sheets {
        let sender = Sender::new(post, PAUSE);
        Sheets { runtime, inputs, sender, doors: Arc::default() }
    }

    /// Puts a sheet on its way; never waits. What comes of it is told, whatever it is.
    pub(super) fn put(&self, sheet: SheetOut) {
        let (sender, inputs) = (self.sender.clone(), self.inputs.clone());
        let Door { room, turns } = self.doors.of(&sheet);
        let room = room.try_acquire_owned();
        self.runtime.spawn(async move {
            let why = match room {
                Ok(_mine) => sender.deliver(&sheet, &turns).await,
                Err(_) => Err(format!("{WAITING} sheets are on their way to it already")),
            };
            let mut input = Input::SheetSent(Box::new(sheet.of), why.err().unwrap_or_default());
            while let Err(back) = inputs.offer(input) {
                input = back;
                sleep(FULL).await;
            }
        });
    }
}

/// All of them, by whose it is and the way.
#[derive(Default)]
struct Doors(Mutex<HashMap<(String, &'static str), Door>>);

impl Doors {
    fn of(&self, sheet: &SheetOut) -> Door {
        let way = match sheet.way {
            Way::Mail(_) => "mail",
            Way::Hook { .. } => "hook",
            Way::Printer(_) => "printer",
        };
        let mut doors = self.0.lock().expect("no holder panics");
        let own = (sheet.of.to.to_string(), way);
        let has_room = doors.len() < DOORS || doors.contains_key(&own);
        let key = if has_room { own } else { (String::new(), way) };
        doors.entry(key).or_insert_with(Door::new).clone()
    }
}

/// What sends one.
#[derive(Clone)]
struct Sender {
    post: Post,
    jobs: Arc<AtomicU32>,
    pause: (Duration, Duration),
}

/// Why one try came to nothing.
enum Not {
    /// Another may be better.
    Now(String),
    /// It never will.
    Ever(String),
}

impl Sender {
    fn new(post: Post, pause: (Duration, Duration)) -> Sender {
        Sender { post, jobs: Arc::default(), pause }
    }

    /// Until it is there, refused, or its time is over; the error says why.
    async fn deliver(&self, sheet: &SheetOut, turns: &Semaphore) -> Result<(), String> {
        if let Way::Mail(to) = &sheet.way {
            return self.by_mail(to, sheet).await;
        }
        let (began, mut pause, mut told) = (Instant::now(), self.pause.0, false);
        loop {
            let why = match self.once(sheet, turns).await {
                Ok(()) => return Ok(()),
                Err(Not::Ever(why)) => return Err(why),
                Err(Not::Now(why)) => why,
            };
            if began.elapsed() + pause > sheet.retry_for {
                return Err(format!("not taken in time: {why}"));
            }
            if !std::mem::replace(&mut told, true) {
                let (case, to) = (sheet.of.case, &sheet.of.to);
                tracing::warn!("case {case}: the sheet for {to} waits: {why}");
            }
            sleep(pause).await;
            pause = (pause * 2).min(self.pause.1);
        }
    }

    async fn by_mail(&self, to: &[String], sheet: &SheetOut) -> Result<(), String> {
        let (began, mut pause) = (Instant::now(), self.pause.0);
        let put = loop {
            let (subject, text) = (sheet.subject.clone(), sheet.text.clone());
            match self.post.put(Letter { to: to.to_vec(), subject, text }) {
                // Others' letters wait for a server that is away: there may be room in time.
                Err(NotSent::Full) if began.elapsed() + pause <= sheet.retry_for => {
                    sleep(pause).await;
                    pause = (pause * 2).min(self.pause.1);
                }
                put => break put.map_err(|why| why.to_string())?,
            }
        };
        match put.await {
            Ok(sent) => sent.map_err(|why| why.to_string()),
            // The exchange stops: nothing is known of it, and it is sent again at the start.
            Err(_) => std::future::pending().await,
        }
    }

    async fn once(&self, sheet: &SheetOut, turns: &Semaphore) -> Result<(), Not> {
        let Ok(_turn) = turns.acquire().await else {
            return Err(Not::Now("the exchange stops".to_owned()));
        };
        match &sheet.way {
            Way::Mail(_) => Ok(()),
            Way::Hook { url, secret } => by_hook(url, secret.as_ref(), sheet).await,
            Way::Printer(printer) => {
                let id = self.jobs.fetch_add(1, Ordering::Relaxed) % 0x7fff_ffff + 1;
                print(printer, id, sheet).await
            }
        }
    }
}

/// To a program: the case as `GET /v1/cases/{case}` gives it, to whom it goes, and the text.
async fn by_hook(url: &Url, secret: Option<&Secret>, sheet: &SheetOut) -> Result<(), Not> {
    let body = json!({
        "to": sheet.of.to,
        "case": sheet.view,
        "subject": sheet.subject,
        "text": sheet.text,
    })
    .to_string();
    let delivery = format!("{}-{}-{}", sheet.of.to, sheet.of.case, sheet.made.0);
    let mut headers = vec![("Belfry-Delivery".to_owned(), delivery)];
    if let Some(secret) = secret {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let signed = signature(secret.expose(), now.as_secs(), &body);
        headers.push(("Belfry-Signature".to_owned(), signed));
    }
    let response = ask(url, &headers, ("application/json", body.as_bytes())).await?;
    match response.status {
        200..300 => Ok(()),
        status @ (408 | 425 | 429 | 500..) => Err(Not::Now(format!("it answers {status}"))),
        status => Err(Not::Ever(format!("it answers {status}"))),
    }
}

/// To a printer: once it has it, the rest is the paper's.
async fn print(printer: &Printer, id: u32, sheet: &SheetOut) -> Result<(), Not> {
    let name = format!("{} {}", sheet.of.to, sheet.of.case);
    let job = PrintJob {
        id,
        printer: &printer.uri,
        user: "belfry",
        name: &name,
        format: PLAIN_TEXT,
        document: sheet.text.as_bytes(),
    };
    let body = job.write().ok_or_else(|| Not::Ever("its address is too long".to_owned()))?;
    let response = ask(&printer.url, &[], (ipp::MEDIA_TYPE, &body)).await?;
    match response.status {
        200..300 => {}
        status @ (408 | 425 | 429 | 500..) => {
            return Err(Not::Now(format!("the printer answers {status} of HTTP")));
        }
        status => return Err(Not::Ever(format!("the printer answers {status} of HTTP"))),
    }
    let answer = ipp::Answer::read(&response.body)
        .map_err(|why| Not::Ever(format!("its answer is no IPP: {why}")))?;
    match answer.outcome() {
        Outcome::Taken => Ok(()),
        Outcome::Later => Err(Not::Now(answer.why())),
        Outcome::Never => Err(Not::Ever(answer.why())),
    }
}

async fn ask(
    url: &Url,
    headers: &[(String, String)],
    body: (&str, &[u8]),
) -> Result<Response, Not> {
    let tls = match url.secure {
        true => Some(system_tls().await.map_err(Not::Now)?),
        false => None,
    };
    let request = Request {
        method: "POST",
        url,
        headers,
        body: Some(body),
        connect: CONNECT,
        longest: MAX_ANSWER,
    };
    match timeout(ANSWER, http::ask(request, tls)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(Failure::NotAsked(why) | Failure::NoAnswer(why))) => Err(Not::Now(why)),
        Ok(Err(Failure::TooLong)) => {
            Err(Not::Ever(format!("its answer is longer than {MAX_ANSWER} bytes")))
        }
        Ok(Err(Failure::Wrong(why))) => Err(Not::Ever(why)),
        Err(_) => Err(Not::Now("it does not answer in time".to_owned())),
    }
}

#[cfg(test)]
mod tests;
