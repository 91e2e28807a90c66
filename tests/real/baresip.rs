//! baresip as a telephone: Debian's baresip-core, headless, driven over its control port.
//!
//! Its microphone is a WAV with the phone's tone; what it hears it keeps in a WAV of its own
//! (module `sndfile`), which the tests judge. Its RTP sockets are bound to no address, so on the
//! loopback its packets come from 127.0.0.1.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::appliance::Appliance;
use super::process::{Folder, PATIENCE, Running, wait_for};
use super::{address, audio};

const CONFIG: &str = include_str!("../data/clients/baresip.config");
/// The length of its microphone's WAV; a call of a test must end before.
const VOICE_SECONDS: f64 = 90.0;

/// What a phone is.
pub struct Phone<'a> {
    /// Its number.
    pub number: &'a str,
    /// The tone that it speaks.
    pub hz: f64,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'a str,
    /// Whether it answers at once; else on [`Baresip::answer`].
    pub answers: bool,
    /// The address that its SDP names. Its packets come from 127.0.0.1 whatever stands here.
    pub media_ip: Ipv4Addr,
    /// Its password; none: the right one.
    pub password: Option<&'a str>,
    /// Its codecs, as baresip writes them.
    pub codecs: &'a str,
    /// Its encryption, as baresip writes it (`srtp`, `srtp-mand`); none: plain RTP.
    pub encryption: Option<&'a str>,
}

impl<'a> Phone<'a> {
    /// A phone over UDP that answers by hand.
    pub fn new(number: &'a str, hz: f64) -> Phone<'a> {
        let media_ip = Ipv4Addr::LOCALHOST;
        let codecs = "PCMA/8000/1,PCMU/8000/1";
        let (transport, answers, password) = ("udp", false, None);
        Phone { number, hz, transport, answers, media_ip, password, codecs, encryption: None }
    }
    /// The same, answering at once.
    pub fn answering(self) -> Phone<'a> {
        Phone { answers: true, ..self }
    }
}

/// A running phone.
pub struct Baresip {
    running: Running,
    control: TcpStream,
    heard: Arc<Mutex<Inbox>>,
    /// What stands behind the `@` of whom it calls.
    server: String,
    dir: Folder,
}

/// What came over the control port.
#[derive(Default)]
struct Inbox {
    /// Events that no test has waited for yet.
    events: Vec<Value>,
    /// Answers to commands.
    answers: Vec<Value>,
}

impl Baresip {
    /// Starts the phone and waits until it is registered.
    pub fn register(belfry: &Appliance, phone: Phone<'_>) -> Baresip {
        let number = phone.number.to_owned();
        let baresip = Baresip::start(belfry, phone);
        let done = wait_for(PATIENCE, || {
            let phones = belfry.console("show phones");
            let own = phones.as_array()?.iter().find(|row| row["number"] == number.as_str())?;
            (!own["contacts"].as_array()?.is_empty()).then_some(())
        });
        assert!(done.is_some(), "phone {number} registers");
        baresip
    }

    /// Starts the phone.
    pub fn start(belfry: &Appliance, phone: Phone<'_>) -> Baresip {
        let dir = Folder::new("baresip-");
        let control = SocketAddr::from((address::fresh(), 4444));
        let own = belfry.setup.password(phone.number);
        let port = if phone.transport == "tls" { 5061 } else { belfry.sip.port() };
        let server = SocketAddr::new(belfry.sip.ip(), port);
        configure(dir.path(), server, &phone, &own, control);
        let mut command = Command::new("baresip");
        command.args(["-s", "-f"]).arg(dir.path()).env("HOME", dir.path());
        let running =
            Running::start(&mut command, &dir.path().join("log"), "Debian's baresip-core");
        let stream = wait_for(PATIENCE, || TcpStream::connect(control).ok());
        let Some(stream) = stream else { panic!("baresip is up: {}", running.printed()) };
        let heard = Arc::new(Mutex::new(Inbox::default()));
        listen(stream.try_clone().expect("a second handle"), heard.clone());
        let server = match phone.transport {
            "tls" => format!("{server};transport=tls"),
            _ => server.to_string(),
        };
        Baresip { running, control: stream, heard, server, dir }
    }

    /// Does a command; gives its answer's text.
    pub fn command(&mut self, command: &str, parameters: &str) -> String {
        static TOKEN: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let token = TOKEN.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
        let message = json!({ "command": command, "params": parameters, "token": token });
        let message = message.to_string();
        let sent = write!(self.control, "{}:{message},", message.len());
        sent.unwrap_or_else(|error| panic!("baresip takes '{command}': {error}"));
        let answer = wait_for(PATIENCE, || {
            let mut inbox = self.heard.lock().expect("no holder panics");
            let at = inbox.answers.iter().position(|a| a["token"] == token.as_str())?;
            Some(inbox.answers.remove(at))
        });
        let answer = answer.unwrap_or_else(|| panic!("baresip answers '{command}'"));
        assert_eq!(answer["ok"], true, "baresip does '{command} {parameters}': {answer}");
        answer["data"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits for an event (`CALL_INCOMING`, `CALL_ESTABLISHED`, `CALL_CLOSED` …); each is given once.
    pub fn expect(&self, kind: &str) -> Value {
        self.await_event(kind, PATIENCE).unwrap_or_else(|| {
            let inbox = self.heard.lock().expect("no holder panics");
            panic!("baresip reports {kind}; it reported {:#?}", inbox.events)
        })
    }

    /// As [`Baresip::expect`], for an event that may not come.
    pub fn await_event(&self, kind: &str, patience: Duration) -> Option<Value> {
        wait_for(patience, || {
            let mut inbox = self.heard.lock().expect("no holder panics");
            let at = inbox.events.iter().position(|event| event["type"] == kind)?;
            Some(inbox.events.remove(at))
        })
    }

    /// Calls a number.
    pub fn dial(&mut self, number: &str) {
        let uri = format!("sip:{number}@{}", self.server);
        self.command("dial", &uri);
    }
    /// Answers.
    pub fn answer(&mut self) {
        self.command("accept", "");
    }
    /// Hangs up, or refuses.
    pub fn hang_up(&mut self) {
        self.command("hangup", "");
    }
    /// Puts the other side on hold.
    pub fn hold(&mut self) {
        self.command("hold", "");
    }
    /// Takes it back.
    pub fn resume(&mut self) {
        self.command("resume", "");
    }
    /// Sends the other party on to a number, by REFER.
    pub fn transfer(&mut self, number: &str) {
        let uri = format!("sip:{number}@{}", self.server);
        self.command("transfer", &uri);
    }
    /// Presses keys, each held for a tenth of a second and more.
    pub fn press(&mut self, digits: &str) {
        for digit in digits.chars() {
            self.command("sndcode", &digit.to_string());
            std::thread::sleep(Duration::from_millis(150));
            // The key goes up.
            self.command("sndcode", "\u{4}");
            std::thread::sleep(Duration::from_millis(150));
        }
    }

    /// All that was heard so far, call by call.
    pub fn heard(&self) -> Vec<i16> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.dir.path().join("heard"))
            .expect("its folder")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .filter(|path| path.metadata().is_ok_and(|about| about.len() > 44))
            .collect();
        files.sort();
        files.iter().flat_map(|path| audio::read_wav(path).remove(0)).collect()
    }

    /// Waits until `hz` alone was heard for `time` at a stretch, behind the first `from` samples;
    /// gives the number of samples heard until then.
    pub fn hears(&self, hz: f64, time: Duration, from: usize) -> usize {
        audio::await_tone(|| self.heard(), hz, time, from)
    }

    /// Waits until A-law arrives at its full rate, by the phone's own count: once it was on hold,
    /// baresip 1.0 keeps no more of what it hears.
    pub fn receives(&self) {
        let full = wait_for(PATIENCE, || {
            let printed = self.printed();
            // `[0:00:07] audio=64000/64000 (bit/s)`: sent and received.
            let rates = printed.rsplit("audio=").next()?.split(' ').next()?.to_owned();
            let received: u32 = rates.split('/').nth(1)?.parse().ok()?;
            (received >= 60_000).then_some(())
        });
        assert!(full.is_some(), "RTP arrives");
    }

    /// What it printed: its SIP, both ways.
    pub fn printed(&self) -> String {
        self.running.printed()
    }
}

fn configure(
    dir: &Path,
    server: SocketAddr,
    phone: &Phone<'_>,
    password: &str,
    control: SocketAddr,
) {
    let voice = dir.join("voice.wav");
    audio::write_wav(&voice, &audio::tone(phone.hz, VOICE_SECONDS));
    std::fs::create_dir(dir.join("heard")).expect("a folder for what it hears");
    let text = CONFIG
        .replace("{sip_ip}", &Ipv4Addr::LOCALHOST.to_string())
        .replace("{media_ip}", &IpAddr::from(phone.media_ip).to_string())
        .replace("{number}", phone.number)
        .replace("{voice}", &voice.to_string_lossy())
        .replace("{control}", &control.to_string())
        .replace("{modules}", &modules().to_string_lossy())
        .replace("{folder}", &dir.to_string_lossy());
    std::fs::write(dir.join("config"), text).expect("baresip's configuration");
    let Phone { number, transport, codecs, .. } = phone;
    let encryption = phone.encryption.map_or_else(String::new, |how| format!(";mediaenc={how}"));
    let account = format!(
        "<sip:{number}@{server};transport={transport}>;auth_user={number};auth_pass={};regint=600;\
         audio_codecs={codecs};dtmfmode=rtpevent;answermode={}{encryption}\n",
        phone.password.unwrap_or(password),
        if phone.answers { "auto" } else { "manual" },
    );
    std::fs::write(dir.join("accounts"), account).expect("baresip's account");
}

/// Where the distribution keeps baresip's modules.
fn modules() -> PathBuf {
    ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.join("sndfile.so").exists())
        .expect("baresip's modules: install Debian's baresip-core")
}

/// Reads netstrings of JSON until the connection ends.
fn listen(mut stream: TcpStream, inbox: Arc<Mutex<Inbox>>) {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut piece = [0; 4_096];
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            bytes.extend_from_slice(&piece[..count]);
            while let Some(message) = netstring(&mut bytes) {
                let mut inbox = inbox.lock().expect("no holder panics");
                match message["event"] == true {
                    true => inbox.events.push(message),
                    false => inbox.answers.push(message),
                }
            }
        }
    });
}

/// Takes one `length:json,` off the front.
fn netstring(bytes: &mut Vec<u8>) -> Option<Value> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
    let end = colon + 1 + length;
    if bytes.len() <= end {
        return None;
    }
    let message = String::from_utf8_lossy(&bytes[colon + 1..end]).into_owned();
    bytes.drain(..=end);
    Some(serde_json::from_str(&message).unwrap_or(Value::Null))
}
