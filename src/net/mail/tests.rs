//! Against a server of our own on loopback, which says what a script says and keeps what it hears.

use std::sync::Mutex;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::tls::self_signed::self_signed;
use super::*;

/// What the server heard, and answers to come instead of the usual one: to commands that begin so, each once.
#[derive(Default)]
struct Book {
    heard: Mutex<Vec<String>>,
    answers: Mutex<Vec<(&'static str, &'static str)>>,
}

impl Book {
    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
    fn answer(&self, to: &str, usual: &'static str) -> &'static str {
        let mut answers = self.answers.lock().unwrap();
        match answers.iter().position(|(verb, _)| to.starts_with(verb)) {
            Some(at) => answers.remove(at).1,
            None => usual,
        }
    }
}

/// One connection. True: it goes on over TLS.
async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, book: &Book, greet: bool) -> bool {
    let mut stream = BufReader::new(stream);
    if greet {
        stream.write_all(b"220 mail.example\r\n").await.unwrap();
    }
    let (mut line, mut letter) = (String::new(), false);
    while stream.read_line(&mut line).await.is_ok_and(|n| n > 0) {
        let said = std::mem::take(&mut line).trim_end().to_owned();
        book.heard.lock().unwrap().push(said.clone());
        let usual = match said.split(' ').next().unwrap_or_default() {
            "." if letter => {
                letter = false;
                "250 taken"
            }
            _ if letter => continue,
            "EHLO" if greet => "250-mail.example\r\n250-STARTTLS\r\n250 AUTH PLAIN",
            "EHLO" => "250-mail.example\r\n250 AUTH PLAIN",
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").await.unwrap();
                return true;
            }
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            "AUTH" => "235 welcome",
            _ => "250 well",
        };
        let answer = book.answer(&said, usual);
        letter |= answer.starts_with("354");
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
    }
    false
}

/// A server, and the settings that reach it.
async fn server(book: Arc<Book>, tls: Encryption) -> Server {
    let made = self_signed(&["localhost".to_owned()], 2).unwrap();
    let certificate = CertificateDer::from_pem_slice(made.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes()).unwrap();
    let provider = Arc::new(super::super::tls::provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            match tls {
                Encryption::Whole => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        talk(stream, &book, true).await;
                    }
                }
                _ => {
                    if talk(&mut stream, &book, true).await
                        && let Ok(stream) = acceptor.accept(stream).await
                    {
                        talk(stream, &book, false).await;
                    }
                }
            }
        }
    });
    Server {
        host: "localhost".into(),
        port,
        tls,
        ca: Some(vec![certificate]),
        hello: "care.example".into(),
        from: "belfry@care.example".into(),
        login: None,
        pause: Duration::from_millis(5),
        retry_for: Duration::from_secs(3_600),
    }
}

fn letter() -> Letter {
    Letter {
        to: vec!["night@care.example".into(), "boss@care.example".into()],
        subject: "告警: disk full\r\nBcc: x@y.z".into(),
        text: "92 % of /var\n.\nend".into(),
    }
}

fn post(server: &Server) -> Post {
    let post = Post::new(Handle::current());
    post.renew(Some(Mailer::new(server).unwrap()));
    post
}

async fn sent(server: &Server) -> Result<(), NotSent> {
    post(server).put(letter()).unwrap().await.unwrap()
}

#[tokio::test]
async fn a_letter_goes_out_over_each_kind_of_way() {
    for tls in [Encryption::None, Encryption::StartTls, Encryption::Whole] {
        let book = Arc::new(Book::default());
        let mut server = server(book.clone(), tls).await;
        server.login = Some(("belfry".into(), "tea-leaf-7".into()));
        assert_eq!(sent(&server).await, Ok(()), "{tls:?}");
        let heard = book.heard();
        for line in [
            "EHLO care.example",
            "MAIL FROM:<belfry@care.example>",
            "RCPT TO:<night@care.example>",
            "RCPT TO:<boss@care.example>",
            "From: belfry@care.example",
            "Auto-Submitted: auto-generated",
            "92 % of /var",
            "..",
            "end",
        ] {
            assert!(heard.iter().any(|l| l == line), "{tls:?}: {line}: {heard:#?}");
        }
        let logged_in = heard.iter().any(|line| line.starts_with("AUTH PLAIN"));
        assert!(logged_in, "{tls:?}");
        assert!(!heard.iter().any(|l| l.starts_with("Bcc")), "a subject is one line: {heard:#?}");
        assert_eq!(heard.iter().any(|l| l == "STARTTLS"), tls == Encryption::StartTls);
    }
}

#[tokio::test]
async fn without_starttls_or_with_an_unknown_certificate_nothing_is_sent() {
    let book = Arc::new(Book::default());
    book.answers.lock().unwrap().push(("EHLO", "250 mail.example"));
    let mut server = server(book.clone(), Encryption::StartTls).await;
    server.retry_for = Duration::ZERO;
    let why = sent(&server).await.unwrap_err();
    assert!(matches!(why, NotSent::GivenUp(_)), "{why}");
    server.ca = Some(vec![]);
    let why = sent(&server).await.unwrap_err();
    assert!(why.to_string().contains("certificate"), "{why}");
    assert!(!book.heard().iter().any(|line| line.starts_with("MAIL")), "{:?}", book.heard());
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again_and_the_rest_is() {
    let book = Arc::new(Book::default());
    book.answers.lock().unwrap().push(("RCPT TO:<night", "550 no such user"));
    let server = server(book.clone(), Encryption::None).await;
    let why = sent(&server).await.unwrap_err();
    let names = |why: &str| why.contains("night@") && !why.contains("boss@");
    assert!(matches!(&why, NotSent::Refused(w) if w.contains("no such user") && names(w)), "{why}");
    assert_eq!(asked(&book), ["night", "boss"], "one who is no more keeps it from nobody");
    assert_eq!(taken(&book), 1);
    // Greylisting: the same letter is taken a little later, and not twice by those who have it.
    book.heard.lock().unwrap().clear();
    book.answers.lock().unwrap().push(("RCPT TO:<night", "451 later"));
    let waiting = post(&server).put(letter()).unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(()));
    assert_eq!(asked(&book), ["night", "boss", "night"]);
    assert_eq!(taken(&book), 2);
}

/// Who tries whether letters arrive wants to know why they do not, and not in an hour.
#[tokio::test]
async fn a_letter_that_is_tried_once_says_at_once_why_it_was_not_taken() {
    let mut server = server(Arc::new(Book::default()), Encryption::None).await;
    server.port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let why = post(&server).put_once(letter()).unwrap().await.unwrap().unwrap_err();
    assert!(matches!(&why, NotSent::GivenUp(_)), "{why}");
    assert!(why.to_string().contains(&server.port.to_string()), "{why}");
}

/// For whom the server was asked, in order.
fn asked(book: &Book) -> Vec<String> {
    let heard = book.heard();
    let to = heard.iter().filter_map(|line| line.strip_prefix("RCPT TO:<"));
    to.filter_map(|to| to.split('@').next()).map(str::to_owned).collect()
}

/// Letters that came whole.
fn taken(book: &Book) -> usize {
    book.heard().iter().filter(|line| *line == ".").count()
}

/// A server that takes nothing now is asked once, not once for each receiver; a receiver who stands there twice gets
/// one letter.
#[tokio::test]
async fn a_server_that_is_busy_is_not_asked_for_everybody() {
    let book = Arc::new(Book::default());
    book.answers.lock().unwrap().push(("MAIL", "421 closing"));
    let server = server(book.clone(), Encryption::None).await;
    let mut twice = letter();
    twice.to.push("night@care.example".into());
    assert_eq!(post(&server).put(twice).unwrap().await.unwrap(), Ok(()));
    assert_eq!(asked(&book), ["night", "boss"]);
    assert_eq!(book.heard().iter().filter(|l| l.starts_with("MAIL")).count(), 3);
}

#[tokio::test]
async fn what_some_refuse_and_others_never_take_names_both() {
    let book = Arc::new(Book::default());
    let answers = [("RCPT TO:<night", "550 no such user"), ("RCPT TO:<boss", "451 later")];
    book.answers.lock().unwrap().extend(answers);
    let mut server = server(book.clone(), Encryption::None).await;
    server.retry_for = Duration::ZERO;
    let why = sent(&server).await.unwrap_err();
    assert!(matches!(&why, NotSent::GivenUp(w) if w.contains("night@") && w.contains("boss@")));
}

#[tokio::test]
async fn a_log_in_that_is_refused_is_tried_again_with_what_is_in_force_then() {
    let book = Arc::new(Book::default());
    book.answers.lock().unwrap().push(("AUTH", "535 no"));
    let mut server = server(book.clone(), Encryption::None).await;
    server.login = Some(("belfry".into(), "wrong".into()));
    // Long enough that the other log-in is in force by then.
    server.pause = Duration::from_millis(500);
    let post = post(&server);
    let outcome = post.put(letter()).unwrap();
    while !book.heard().iter().any(|line| line.starts_with("AUTH")) {
        tokio::task::yield_now().await;
    }
    server.login = None;
    post.renew(Some(Mailer::new(&server).unwrap()));
    assert_eq!(outcome.await.unwrap(), Ok(()));
    assert_eq!(book.heard().iter().filter(|l| l.starts_with("AUTH")).count(), 1);
}

#[tokio::test]
async fn too_many_letters_and_unfit_ones_are_refused_at_once() {
    let post = Post::new(Handle::current());
    assert_eq!(post.put(letter()).unwrap_err(), NotSent::NoServer);
    let server = server(Arc::default(), Encryption::None).await;
    post.renew(Some(Mailer::new(&server).unwrap()));
    let unfit = |change: fn(&mut Letter)| {
        let mut letter = letter();
        change(&mut letter);
        matches!(post.put(letter), Err(NotSent::Unfit(_)))
    };
    assert!(unfit(|l| l.to.clear()));
    assert!(unfit(|l| l.to = vec!["nobody".into()]));
    assert!(unfit(|l| l.to = vec!["a@b.c\r\nRCPT TO:<x@y.z>".into()]));
    assert!(unfit(|l| l.to = vec!["a@b.c".into(); MOST_RECEIVERS + 1]));
    assert!(unfit(|l| l.text = "x".repeat(MAX_TEXT + 1)));
    let outcomes: Vec<_> = (0..WAITING).map(|_| post.put(letter()).unwrap()).collect();
    assert_eq!(post.put(letter()).unwrap_err(), NotSent::Full);
    drop(outcomes);
}
