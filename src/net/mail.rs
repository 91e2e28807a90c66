//! Letters to a mail server (RFC 5321, submission of RFC 6409): one connection at a time, tried again when the
//! server is away, left out with an error when it refuses for good.
//!
//! ```text
//!  put ─▶ room? ─▶ a task each ─▶ its turn ─▶ server, for each receiver ─┬─ 2xx ─▶ sent
//!                                                                        ├─ 5xx ─▶ refused
//!                                                                        └─ else ─▶ again after 5, 10 … 300 s, until `retry_for`
//! ```
//!
//! Each receiver is asked for alone: an address that is no more keeps no letter from the others.
//!
//! What is put and not sent yet is gone with the process: whoever must know waits for the outcome. Who is
//! written to, and what, is others' business.

use std::net::IpAddr;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use rustls::pki_types::CertificateDer;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

/// Letters that wait at most; a further one is refused.
const WAITING: usize = 256;
/// How long one command's answer, and how long a letter in all, may take.
const ANSWER: Duration = Duration::from_secs(20);
const LETTER: Duration = Duration::from_secs(60);
/// The first pause before another try, and the longest.
pub const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The longest text of a letter, in bytes.
pub const MAX_TEXT: usize = 64 * 1_024;
/// Those who get one letter at most.
pub const MOST_RECEIVERS: usize = 32;

/// The server.
#[derive(Clone)]
pub struct Server {
    /// Its name or address, and its port.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is encrypted.
    pub tls: Encryption,
    /// The CAs that are believed about it; `None`: those of the system.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// As whom we greet it: a domain or an address.
    pub hello: String,
    /// Whom letters are from.
    pub from: String,
    /// Name and password.
    pub login: Option<(String, String)>,
    /// The first pause before another try; each is twice as long as the one before.
    pub pause: Duration,
    /// For how long a letter is tried.
    pub retry_for: Duration,
}

/// How the way to the server is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encryption {
    /// After STARTTLS (RFC 3207); without it nothing is sent.
    StartTls,
    /// From the first byte on (RFC 8314).
    Whole,
    /// Not at all.
    None,
}

/// A letter of plain text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// To whom: addresses, 32 at most.
    pub to: Vec<String>,
    /// Its subject, in any script.
    pub subject: String,
    /// Its text, 64 KiB at most.
    pub text: String,
}

/// A server that can be written to.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    at: String,
    pause: Duration,
    retry_for: Duration,
}

/// Why a letter was not sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotSent {
    /// There is no `[mail] server`.
    NoServer,
    /// Too many wait.
    Full,
    /// It cannot be written like this: no address, too long.
    Unfit(String),
    /// The server refused it for good, for these receivers, with its words.
    Refused(String),
    /// It could not be delivered in time, to these receivers; the last reason.
    GivenUp(String),
}

impl std::fmt::Display for NotSent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotSent::NoServer => f.write_str("no mail server is configured: see [mail] server"),
            NotSent::Full => write!(f, "{WAITING} letters wait already"),
            NotSent::Unfit(why) => f.write_str(why),
            NotSent::Refused(why) => write!(f, "the mail server refuses it: {why}"),
            NotSent::GivenUp(why) => write!(f, "it could not be delivered in time: {why}"),
        }
    }
}
impl std::error::Error for NotSent {}

/// What becomes of a letter. Who does not want to know drops it: it is in the log too.
pub type Outcome = oneshot::Receiver<Result<(), NotSent>>;

impl Mailer {
    /// The error: what of the settings cannot be used.
    pub fn new(server: &Server) -> Result<Mailer, String> {
        let from = mailbox(&server.from)?;
        let tls = match server.tls {
            Encryption::None => Tls::None,
            Encryption::StartTls => Tls::Required(tls(server)?),
            Encryption::Whole => Tls::Wrapper(tls(server)?),
        };
        let hello = match server.hello.trim_matches(['[', ']']).parse() {
            Ok(IpAddr::V4(ip)) => ClientId::Ipv4(ip),
            Ok(IpAddr::V6(ip)) => ClientId::Ipv6(ip),
            Err(_) => ClientId::Domain(server.hello.clone()),
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.clone())
                .port(server.port)
                .tls(tls)
                .hello_name(hello)
                .timeout(Some(ANSWER));
        if let Some((user, password)) = &server.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        let at = format!("{}:{}", server.host, server.port);
        let (pause, retry_for) = (server.pause, server.retry_for);
        Ok(Mailer { transport: builder.build(), from, at, pause, retry_for })
    }

    /// The letter as it goes out, and each to whom, once. An answer is wanted from nobody and by no machine
    /// (RFC 3834 §5).
    fn written(&self, letter: &Letter, id: u128) -> Result<Written, String> {
        let most = MOST_RECEIVERS;
        if letter.to.is_empty() || letter.to.len() > most || letter.text.len() > MAX_TEXT {
            return Err(format!("a letter has 1 to {most} receivers and {MAX_TEXT} bytes"));
        }
        let domain = self.from.email.domain();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .message_id(Some(format!("<{id:032x}@{domain}>")))
            .subject(letter.subject.replace(char::is_control, " "));
        let mut to: Vec<Envelope> = Vec::new();
        for one in &letter.to {
            let one = mailbox(one)?;
            let from = Some(self.from.email.clone());
            let own = Envelope::new(from, vec![one.email.clone()]).map_err(|e| e.to_string())?;
            if !to.contains(&own) {
                to.push(own);
                builder = builder.to(one);
            }
        }
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        builder
            .raw_header(HeaderValue::new(automatic, "auto-generated".into()))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
            .map(|message| Written { bytes: message.formatted(), to })
            .map_err(|e| e.to_string())
    }

    /// Sends it once, to one receiver.
    async fn send(&self, bytes: &[u8], to: &Envelope) -> Result<(), (Trouble, String)> {
        match timeout(LETTER, self.transport.send_raw(to, bytes)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err((trouble(&error), format!("{}: {error}", self.at))),
            Err(_) => Err((Trouble::Server, format!("{}: it does not answer in time", self.at))),
        }
    }
}

/// A letter as it goes out.
struct Written {
    bytes: Vec<u8>,
    /// An envelope for each receiver who has not got it yet.
    to: Vec<Envelope>,
}

/// Whose trouble it is that a letter was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trouble {
    /// The receiver's, for good.
    Refused,
    /// The receiver's, for now: others may get it.
    Later,
    /// The server's: nobody gets it now.
    Server,
}

/// A later try may succeed but where the server has refused the letter itself. A log-in that is refused
/// (RFC 4954 §6) is mended by another password, not by another letter; 421 closes the connection (RFC 5321 §4.2.3).
fn trouble(error: &Error) -> Trouble {
    match error.status().map(u16::from) {
        None | Some(421 | 454 | 530 | 534 | 535 | 538) => Trouble::Server,
        Some(_) if error.is_permanent() => Trouble::Refused,
        Some(_) => Trouble::Later,
    }
}

/// Those of an envelope.
fn names(to: &[Envelope]) -> String {
    let all: Vec<String> = to.iter().flat_map(Envelope::to).map(ToString::to_string).collect();
    all.join(", ")
}

fn mailbox(address: &str) -> Result<Mailbox, String> {
    let parsed: Address = address.parse().map_err(|e| format!("{address}: {e}"))?;
    Ok(Mailbox::new(None, parsed))
}

fn tls(server: &Server) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(server.host.clone());
    if let Some(ca) = &server.ca {
        builder = builder.certificate_store(CertificateStore::None);
        for one in ca {
            let one = Certificate::from_der(one.to_vec()).map_err(|e| e.to_string())?;
            builder = builder.add_root_certificate(one);
        }
    }
    builder.build().map_err(|e| format!("TLS to the mail server: {e}"))
}

/// The way of letters to whichever server is in force; clones share it.
#[derive(Clone)]
pub struct Post(Arc<Office>);

#[allow(clippy::disallowed_types, reason = "tasks of tokio read what a reload writes")]
struct Office {
    runtime: Handle,
    mailer: RwLock<Option<Arc<Mailer>>>,
    room: Arc<Semaphore>,
    /// One letter at a time: a server that is asked for ten connections takes them for an attack.
    turn: Semaphore,
}

impl Post {
    /// Without a server at first.
    pub fn new(runtime: Handle) -> Post {
        let room = Arc::new(Semaphore::new(WAITING));
        Post(Arc::new(Office { runtime, mailer: RwLock::default(), room, turn: Semaphore::new(1) }))
    }

    /// From now on this server takes letters, those that wait too.
    pub fn renew(&self, mailer: Option<Mailer>) {
        *self.0.mailer.write().expect("no holder panics") = mailer.map(Arc::new);
    }

    /// Puts a letter on its way; never waits.
    pub fn put(&self, letter: Letter) -> Result<Outcome, NotSent> {
        self.sent(letter, false)
    }

    /// Puts a letter on its way that is tried once: for who wants to know whether letters arrive.
    pub fn put_once(&self, letter: Letter) -> Result<Outcome, NotSent> {
        self.sent(letter, true)
    }

    fn sent(&self, letter: Letter, once: bool) -> Result<Outcome, NotSent> {
        let mailer = self.0.mailer().ok_or(NotSent::NoServer)?;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|e| NotSent::Unfit(e.to_string()))?;
        let written = mailer.written(&letter, u128::from_ne_bytes(id)).map_err(NotSent::Unfit)?;
        let room = self.0.room.clone().try_acquire_owned().map_err(|_| NotSent::Full)?;
        let (done, outcome) = oneshot::channel();
        let office = self.0.clone();
        self.0.runtime.spawn(async move {
            let sent = office.deliver(written, &letter.subject, once).await;
            drop(room);
            let _ = done.send(sent);
        });
        Ok(outcome)
    }
}

impl Office {
    fn mailer(&self) -> Option<Arc<Mailer>> {
        self.mailer.read().expect("no holder panics").clone()
    }

    /// Until each has taken it, or refused it, or its time is over. The error names those who have not got it.
    async fn deliver(&self, mut letter: Written, subject: &str, once: bool) -> Result<(), NotSent> {
        let (began, mut waits, mut told) = (Instant::now(), 0_u32, false);
        let mut refused: Vec<String> = Vec::new();
        loop {
            let Some(mailer) = self.mailer() else {
                tracing::error!("mail \"{subject}\" is left out: [mail] server is no more");
                return Err(NotSent::NoServer);
            };
            let why = self.round(&mailer, &mut letter, subject, &mut refused).await;
            let Some(why) = why else {
                if told {
                    tracing::info!("mail: {}: it takes letters again", mailer.at);
                }
                return match refused.is_empty() {
                    true => Ok(()),
                    false => Err(NotSent::Refused(refused.join("; "))),
                };
            };
            let pause = mailer.pause.saturating_mul(1 << waits.min(10)).min(LONGEST_PAUSE);
            if once || began.elapsed() + pause > mailer.retry_for {
                let why = format!("{}: {why}", names(&letter.to));
                tracing::error!("mail \"{subject}\" is left out: {why}");
                refused.push(why);
                return Err(NotSent::GivenUp(refused.join("; ")));
            }
            if !std::mem::replace(&mut told, true) {
                tracing::warn!("mail \"{subject}\" waits for {}: {why}", names(&letter.to));
            }
            sleep(pause).await;
            waits += 1;
        }
    }

    /// One try for each who has not got it; who then still has not is left in the letter. Gives why, if there are any.
    async fn round(
        &self,
        mailer: &Mailer,
        letter: &mut Written,
        subject: &str,
        refused: &mut Vec<String>,
    ) -> Option<String> {
        let (mut later, mut last) = (Vec::new(), None);
        let mut all = std::mem::take(&mut letter.to).into_iter();
        for to in all.by_ref() {
            let sent = match self.turn.acquire().await {
                Ok(_mine) => mailer.send(&letter.bytes, &to).await,
                Err(_) => Err((Trouble::Server, "the appliance stops".to_owned())),
            };
            match sent {
                Ok(()) => {}
                Err((Trouble::Refused, why)) => {
                    let why = format!("{}: {why}", names(std::slice::from_ref(&to)));
                    tracing::error!("mail \"{subject}\" is refused: {why}");
                    refused.push(why);
                }
                Err((trouble, why)) => {
                    later.push(to);
                    last = Some(why);
                    if trouble == Trouble::Server {
                        break;
                    }
                }
            }
        }
        later.extend(all);
        letter.to = later;
        last
    }
}

#[cfg(test)]
mod tests;
