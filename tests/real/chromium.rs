//! A browser agent (R6): Chromium with JsSIP registers over secure WebSocket, calls a G.711 phone and is
//! called by it, in Opus under DTLS-SRTP. Its microphone is a file with a tone; what it hears it measures
//! itself (WebAudio) and tells by HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belfry::sim::live::{Live, Which};
use serde_json::Value;

use super::appliance::{Appliance, Setup};
use super::audio::{assert_heard, tone, write_wav};
use super::process::{Folder, PATIENCE, Running, wait_for};
use super::scripted::{await_state, await_talk, heard, listen, phone};
use super::tones::{ALICE, BOB};
use belfry::sim::phone::State;

const PAGE: &str = include_str!("../data/clients/browser.html");
/// JsSIP 3.13.8: see tests/data/clients/README.md.
const JSSIP: &str = include_str!("../data/clients/jssip-3.13.8.min.js");
/// Width of one of the page's frequencies, Hz: 48 kHz by 8,192.
const BIN_HZ: f64 = 6.0;
/// What is heard is above this, dB of full scale in one of the page's frequencies.
const LOUD_DB: f64 = -40.0;
/// Long enough to be sure of a tone.
const SURE: Duration = Duration::from_secs(2);

/// What passes between the page and the test.
#[derive(Default)]
struct Desk {
    told: Vec<Value>,
    orders: Vec<String>,
}

/// A running browser with the page.
struct Browser {
    desk: Arc<Mutex<Desk>>,
    _running: Running,
    _dir: Folder,
}

impl Browser {
    /// Starts one that registers as `number` and speaks a tone.
    fn start(belfry: &Appliance, number: &str, hz: f64) -> Browser {
        let dir = Folder::new("chromium-");
        let voice = dir.path().join("voice.wav");
        write_wav(&voice, &tone(hz, 4.0));
        let desk = Arc::new(Mutex::new(Desk::default()));
        let at = serve(desk.clone());
        let ip = belfry.sip.ip();
        let password = belfry.setup.password(number);
        let page =
            format!("http://{at}/?wss=wss://{ip}:5067/&uri=sip:{number}@{ip}&password={password}");
        let mut command = Command::new("chromium");
        command
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-proxy-server",
                // Belfry has signed its certificate itself.
                "--ignore-certificate-errors",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                "--autoplay-policy=no-user-gesture-required",
                "--allow-loopback-in-peer-connection",
                "--disable-features=WebRtcHideLocalIpsWithMdns",
            ])
            .arg(format!("--use-file-for-fake-audio-capture={}", voice.display()))
            .arg(format!("--user-data-dir={}", dir.path().join("profile").display()))
            .arg(page)
            .env("HOME", dir.path());
        let running = Running::start(&mut command, &dir.path().join("log"), "chromium");
        let browser = Browser { desk, _running: running, _dir: dir };
        browser.expect("registered");
        browser
    }

    fn order(&self, order: &str) {
        self.desk.lock().expect("no holder panics").orders.push(order.into());
    }

    /// Forgets what it told so far.
    fn forget(&self) {
        self.desk.lock().expect("no holder panics").told.clear();
    }

    /// Waits until it tells something of which `is` holds.
    fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let found = wait_for(PATIENCE, || {
            let desk = self.desk.lock().expect("no holder panics");
            let fault = desk.told.iter().find(|told| told["what"] == "fault");
            assert!(fault.is_none(), "the page: {fault:?}");
            desk.told.iter().find(|told| is(told)).cloned()
        });
        found.unwrap_or_else(|| {
            let told = &self.desk.lock().expect("no holder panics").told;
            panic!("not {what}; the page told {:#?}", &told[told.len().saturating_sub(5)..])
        })
    }

    fn expect(&self, what: &str) {
        self.until(what, |told| told["what"] == what);
    }

    /// Waits until it hears a tone, from now on.
    fn hears(&self, hz: f64) -> Value {
        self.forget();
        self.until(&format!("hearing {hz} Hz"), |told| {
            let (at, db) = (told["hz"].as_f64().unwrap_or(0.0), told["db"].as_f64());
            (at - hz).abs() <= 2.0 * BIN_HZ && db.is_some_and(|db| db > LOUD_DB)
        })
    }
}

/// Serves the page at an address of its own for as long as the test lasts.
fn serve(desk: Arc<Mutex<Desk>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = listener.local_addr().expect("it has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let desk = desk.clone();
            std::thread::spawn(move || while answer(&stream, &desk).is_some() {});
        }
    });
    at
}

/// One request and its answer; `None`: there are no more.
fn answer(stream: &TcpStream, desk: &Mutex<Desk>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|bytes| *bytes > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = first.split(' ').nth(1)?;
    let mut desk = desk.lock().expect("no holder panics");
    let (kind, answer) = match path {
        "/told" => {
            desk.told.extend(serde_json::from_slice::<Value>(&body));
            ("text/plain", String::new())
        }
        "/order" if desk.orders.is_empty() => ("text/plain", String::new()),
        "/order" => ("text/plain", desk.orders.remove(0)),
        "/jssip.js" => ("text/javascript", JSSIP.into()),
        _ => ("text/html; charset=utf-8", PAGE.into()),
    };
    drop(desk);
    let length = answer.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
    (&mut &*stream).write_all((head + &answer).as_bytes()).ok()
}

/// Both hear each other, the browser in Opus under SRTP.
fn talk(browser: &Browser, live: &Live, bob: Which) {
    browser.expect("talks");
    let heard_there = browser.hears(BOB);
    assert_eq!(heard_there["codec"], "audio/opus", "{heard_there}");
    assert_eq!(heard_there["dtlsState"], "connected", "{heard_there}");
    assert!(heard_there["srtpCipher"].is_string(), "{heard_there}");
    listen(live, &[bob], SURE + Duration::from_secs(1));
    assert_heard(&heard(live, bob), ALICE, SURE, "at the phone");
}

#[test]
fn a_browser_talks_with_a_g711_phone_both_ways() {
    let setup = Setup { secure: true, codecs: Some("[\"opus\", \"PCMA\"]"), ..Setup::new() };
    let belfry = Appliance::start(setup);
    let browser = Browser::start(&belfry, "1001", ALICE);
    let live = Live::new();
    let bob = phone(&live, &belfry, "1002", BOB);

    browser.order("call 1002");
    await_talk(&live, [bob, bob]);
    talk(&browser, &live, bob);
    // A re-INVITE of the browser's, and another: the same keys go on.
    browser.order("hold");
    std::thread::sleep(Duration::from_secs(1));
    browser.order("resume");
    std::thread::sleep(Duration::from_secs(1));
    browser.hears(BOB);
    listen(&live, &[bob], SURE + Duration::from_secs(1));
    assert_heard(&heard(&live, bob), ALICE, SURE, "at the phone after a hold");
    browser.order("hangup");
    await_state(&live, bob, "end", |state| matches!(state, State::Ended(_)));

    browser.forget();
    live.with(bob, |phone, now| phone.call(now, "1001"));
    await_talk(&live, [bob, bob]);
    talk(&browser, &live, bob);
    live.with(bob, |phone, now| phone.hang_up(now));
    browser.expect("ended");
    belfry.await_empty();
    belfry.stop();
}
