//! The console's socket with clients that leave, that stay, and that write too much.

use std::io::{BufRead, BufReader as Reader, Write};
use std::os::unix::net::UnixStream as Client;
use std::time::{Duration, Instant};

use super::super::client;
use super::*;

/// How long the running side may take to note that somebody has gone.
const PATIENCE: Duration = Duration::from_secs(60);

struct Quiet(broadcast::Sender<Arc<str>>);

impl Orders for Quiet {
    fn carry_out(&self, _: Order) -> Answer {
        Answer::done("carried out", ())
    }
    fn events(&self) -> broadcast::Receiver<Arc<str>> {
        self.0.subscribe()
    }
    fn traced(&self) -> broadcast::Receiver<Arc<str>> {
        self.0.subscribe()
    }
}

struct Console {
    dir: tempfile::TempDir,
    events: broadcast::Sender<Arc<str>>,
    _server: Server,
}

impl Console {
    fn open() -> Console {
        Console::open_for(Operators::Own)
    }
    fn open_for(operators: Operators) -> Console {
        let dir = tempfile::tempdir().unwrap();
        let (events, _) = broadcast::channel(16);
        let server =
            Server::start(&dir.path().join("s"), operators, Arc::new(Quiet(events.clone())))
                .unwrap();
        Console { dir, events, _server: server }
    }
    fn path(&self) -> PathBuf {
        self.dir.path().join("s")
    }
    /// Somebody who says this; his connection, and the answer.
    fn say(&self, line: &str) -> (Reader<Client>, Answer) {
        let mut client = Client::connect(self.path()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = client.write_all(format!("{line}\n").as_bytes());
        let mut client = Reader::new(client);
        let answer = next(&mut client);
        (client, answer)
    }
    /// The same, when there is a place.
    fn say_soon(&self, line: &str) -> (Reader<Client>, Answer) {
        let began = Instant::now();
        loop {
            let (client, answer) = self.say(line);
            if !answer.is_full() {
                return (client, answer);
            }
            assert!(began.elapsed() < PATIENCE, "no place comes free: {answer:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn next(client: &mut Reader<Client>) -> Answer {
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_live_lines_frees_his_place_though_nothing_happens() {
    let console = Console::open();
    for command in ["events alarm", "trace on 1001"] {
        for nth in 0..2 * MAX_CONNECTIONS {
            let (client, answer) = console.say_soon(command);
            assert!(answer.live, "{command}, {nth}: {answer:?}");
            drop(client);
        }
    }
    assert_eq!(console.say_soon("version").1.text, "carried out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_lines_go_on_whatever_is_typed_meanwhile() {
    let console = Console::open();
    let (mut client, _) = console.say("events");
    client.get_mut().write_all(b"what\n").unwrap();
    let line = "{\"event\":\"X\"}";
    console.events.send(line.into()).unwrap();
    let mut shown = String::new();
    client.read_line(&mut shown).unwrap();
    assert_eq!(shown.trim(), line);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_no_place_is_told_so_at_once() {
    let console = Console::open();
    let mut there: Vec<_> = (0..MAX_CONNECTIONS).map(|_| console.say("version")).collect();
    assert!(there.iter().all(|(_, answer)| answer.ok));
    let answer = client::ask(&console.path(), "show status").expect("an answer");
    assert!(answer.is_full() && answer.text.contains("places of the console"), "{answer:?}");
    there.pop();
    assert!(console.say_soon("version").1.ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_no_command_is_refused_and_the_next_one_is_heard() {
    let console = Console::open();
    let (mut client, first) = console.say(&"x".repeat(MAX_LINE * 3));
    assert!(!first.ok && first.text.contains("4096 bytes"), "{first:?}");
    client.get_mut().write_all(b"version\n\xff\xfe\nversion\n").unwrap();
    assert!(next(&mut client).ok);
    assert!(next(&mut client).text.contains("UTF-8"));
    assert!(next(&mut client).ok);
    let (_, most) = console.say(&format!("version {}", " ".repeat(MAX_LINE - 8)));
    assert!(most.ok, "the longest: {most:?}");
}

/// What cannot be given to the group that was meant must not be anybody else's.
#[tokio::test]
async fn the_socket_is_for_whom_it_is_said_to_be() {
    use std::os::unix::fs::MetadataExt;
    let of = |operators| {
        let console = Console::open_for(operators);
        let meta = std::fs::metadata(console.path()).unwrap();
        (meta.mode() & 0o777, meta.gid())
    };
    let own = of(Operators::Own);
    assert_eq!(own.0, 0o660);
    assert_eq!(of(Operators::Nobody), (0o600, own.1));
    assert_eq!(of(Operators::Group(own.1)), own);
}

/// A group that is made after the start gets the console with the next reload.
#[test]
fn the_socket_is_given_to_a_group_later() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("console.sock");
    let missing = give(&path, 0).expect_err("there is none");
    assert!(missing.contains("console.sock") && missing.contains("restart Belfry"), "{missing}");
    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
    mode(0o600).unwrap();
    let gid = std::fs::metadata(&path).unwrap().gid();
    assert_eq!(give(&path, gid), Ok(true));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(give(&path, gid), Ok(false), "it is its already");
}
