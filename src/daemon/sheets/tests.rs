//! Against a mail server, a printer and a program of our own on loopback, which keep what they hear.

use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::base::Wall;
use crate::care::plan::Channel;
use crate::net::mail::{Encryption, Mailer, Server};
use crate::switch::care::sheets::SheetOf;
use crate::switch::console::{CaseRow, CaseView};

const TEXT: &str = "求助单 / Subscriber's sheet\n姓名 name: 王\n病史 medical: heart\n";

fn sheet(way: Way, by: Channel) -> SheetOut {
    let row = CaseRow {
        case: 4_711,
        account: "02155".into(),
        name: "王".into(),
        address: "Nanjing Rd 1".into(),
        region: String::new(),
        flag: String::new(),
        need: "fall".into(),
        priority: 9,
        place: "bath".into(),
        alarms: 1,
        open_s: 3,
        call: None,
        awaited: false,
        call_back: None,
        line: String::new(),
        plan: String::new(),
    };
    let subscriber = vec![("medical".into(), "heart".into())];
    let view = CaseView {
        row,
        subscriber,
        troubles: vec![],
        plan: None,
        events: vec![],
        events_left_out: 0,
    };
    let of = SheetOf {
        case: 4_711,
        account: "02155".into(),
        plan: "bell".into(),
        to: "ward".into(),
        by,
    };
    SheetOut {
        of,
        way,
        retry_for: Duration::from_secs(60),
        made: Wall(7),
        subject: "[care-1] 求助单 sheet 4711".into(),
        text: TEXT.into(),
        view,
    }
}

/// Answers HTTP requests one after the other, each by what the script says, and keeps head and body of each.
async fn web(script: Vec<(u16, Vec<u8>)>) -> (u16, Arc<Mutex<Vec<(String, Vec<u8>)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::<Mutex<Vec<(String, Vec<u8>)>>>::default();
    let book = heard.clone();
    tokio::spawn(async move {
        for (status, answer) in script {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let (mut head, mut line) = (String::new(), String::new());
            while stream.read_line(&mut line).await.is_ok_and(|n| n > 2) {
                head += &line.to_ascii_lowercase();
                line.clear();
            }
            let length = head.split("content-length: ").nth(1).unwrap();
            let length = length.split("\r\n").next().unwrap().parse().unwrap();
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            book.lock().unwrap().push((head, body));
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", answer.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    (port, heard)
}

/// A mail server in the clear, which takes one letter and keeps what it hears.
async fn mail_server() -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::<Mutex<String>>::default();
    let book = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            smtp(stream, &book).await;
        }
    });
    (port, heard)
}

async fn smtp(stream: TcpStream, book: &Mutex<String>) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.example\r\n").await.unwrap();
    let (mut line, mut letter) = (String::new(), false);
    while stream.read_line(&mut line).await.is_ok_and(|n| n > 0) {
        book.lock().unwrap().push_str(&line);
        let said = std::mem::take(&mut line);
        let answer = match said.trim_end() {
            "." => "250 taken",
            _ if letter => continue,
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 well",
        };
        letter = answer.starts_with("354");
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
    }
}

fn sender() -> Sender {
    let short = Duration::from_millis(5);
    Sender::new(Post::new(Handle::current()), (short, short))
}

fn one() -> Semaphore {
    Semaphore::new(1)
}

/// A storm with the hospital's printer off: the fire brigade's sheets go, and so do the hospital's letters.
#[test]
fn a_dead_printer_takes_up_no_other_s_room() {
    let doors = Doors::default();
    let paper = sheet(printer(9), Channel::Printer);
    let room = doors.of(&paper).room;
    let held: Vec<_> = std::iter::from_fn(|| room.clone().try_acquire_owned().ok()).collect();
    assert_eq!((held.len(), doors.of(&paper).room.available_permits()), (WAITING, 0));
    let mut other = sheet(printer(9), Channel::Printer);
    other.of.to = "brigade".into();
    let letter = sheet(Way::Mail(vec!["ward@care.example".into()]), Channel::Mail);
    for free in [other, letter] {
        let door = doors.of(&free);
        assert_eq!(door.room.available_permits(), WAITING);
        assert_eq!(door.turns.available_permits(), REQUESTS);
    }
}

fn said(status: u16) -> Vec<u8> {
    let mut bytes = vec![1, 1];
    bytes.extend(status.to_be_bytes());
    bytes.extend(b"\x00\x00\x00\x01\x03");
    bytes
}

fn printer(port: u16) -> Way {
    Way::Printer(Printer::new(&format!("ipp://127.0.0.1:{port}/ipp/print")).unwrap())
}

#[tokio::test]
async fn a_sheet_comes_as_a_letter() {
    let (port, heard) = mail_server().await;
    let sender = sender();
    let letter = sheet(Way::Mail(vec!["ward@care.example".into()]), Channel::Mail);
    let why = sender.deliver(&letter, &one()).await.unwrap_err();
    assert!(why.contains("no mail server"), "{why}");
    let mailer = Mailer::new(&Server {
        host: "127.0.0.1".into(),
        port,
        tls: Encryption::None,
        ca: None,
        hello: "care.example".into(),
        from: "belfry@care.example".into(),
        login: None,
        pause: Duration::from_millis(5),
        retry_for: Duration::from_secs(60),
    });
    sender.post.renew(Some(mailer.unwrap()));
    assert_eq!(sender.deliver(&letter, &one()).await, Ok(()));
    let heard = heard.lock().unwrap().clone();
    assert!(heard.contains("RCPT TO:<ward@care.example>"), "{heard}");
    assert!(heard.contains("Subject: ") && heard.contains("text/plain"), "{heard}");
}

/// A printer that is busy is asked again; one that has never heard of plain text is not.
#[tokio::test]
async fn a_sheet_is_printed() {
    let (port, heard) =
        web(vec![(503, vec![]), (200, said(0x0507)), (200, said(0)), (200, said(0x040a))]).await;
    let sender = sender();
    let paper = sheet(printer(port), Channel::Printer);
    assert_eq!(sender.deliver(&paper, &one()).await, Ok(()));
    let why = sender.deliver(&paper, &one()).await.unwrap_err();
    assert!(why.contains("040a") && why.contains("plain text"), "{why}");
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 4);
    let (head, body) = &heard[2];
    assert!(head.starts_with("post /ipp/print http/1.1"), "{head}");
    assert!(head.contains("content-type: application/ipp"), "{head}");
    assert_eq!(body[..4], [1, 1, 0, 2], "Print-Job of IPP/1.1");
    let has = |part: &[u8]| body.windows(part.len()).any(|own| own == part);
    assert!(has(format!("ipp://127.0.0.1:{port}/ipp/print").as_bytes()));
    assert!(has(b"text/plain; charset=utf-8") && body.ends_with(TEXT.as_bytes()));
}

/// A program has the case and the text, signed; what it refuses for good is not sent again.
#[tokio::test]
async fn a_sheet_comes_to_a_program() {
    let (port, heard) = web(vec![(500, vec![]), (204, vec![]), (404, vec![])]).await;
    let sender = sender();
    let url = Url::new(&format!("http://127.0.0.1:{port}/sheets")).unwrap();
    let hook = sheet(Way::Hook { url, secret: Secret::new("Jefe") }, Channel::Hook);
    assert_eq!(sender.deliver(&hook, &one()).await, Ok(()));
    assert_eq!(sender.deliver(&hook, &one()).await, Err("it answers 404".to_owned()));
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 3);
    let (head, body) = &heard[1];
    assert!(head.contains("belfry-delivery: ward-4711-7\r\n"), "{head}");
    let text = std::str::from_utf8(body).unwrap();
    let time = head.split("belfry-signature: t=").nth(1).unwrap().split(',').next().unwrap();
    assert!(head.contains(&signature("Jefe", time.parse().unwrap(), text)), "{head}");
    let read: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(read["case"]["row"]["case"], 4_711);
    assert_eq!(read["case"]["subscriber"][0][1], "heart");
    assert_eq!((&read["to"], &read["text"]), (&json!("ward"), &json!(TEXT)));
}

/// Nobody is there: it is tried for its time, and then told.
#[tokio::test]
async fn a_sheet_that_nobody_takes_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut paper = sheet(printer(port), Channel::Printer);
    paper.retry_for = Duration::from_millis(30);
    let why = sender().deliver(&paper, &one()).await.unwrap_err();
    assert!(why.starts_with("not taken in time"), "{why}");
}
