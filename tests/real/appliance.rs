//! The binary under test: `belfry serve` with a configuration and prompts of the test's own.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use belfry::store::Records;
use belfry::store::query::CallRecord;
use belfry::switch::fact::Fact;
use serde_json::Value;

use super::process::{Folder, PATIENCE, Running, wait_for};
use super::{address, audio, tones};

/// The tests' plan: see there.
const PLAN: &str = include_str!("../data/clients/plan.toml");

/// An appliance with this queue has a route to it: 7700.
const QUEUE: &str = "[[queue]]\nname = \"care\"";
const TO_QUEUE: &str = "[[route]]\nname = \"to the queue\"\ncontext = \"agents\"\nwhen = { to = \"7700\" }\n\
                        steps = [{ queue = { name = \"care\" } }]\n";

/// The folder of the whole project.
const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// The name of a gateway by name.
pub const NAMED: &str = "trunk.belfry.test";

/// How an appliance is to be.
#[derive(Clone)]
pub struct Setup {
    /// Its own address; none: a fresh one.
    pub ip: Option<Ipv4Addr>,
    /// Where its gateway is.
    pub gateway: SocketAddr,
    /// Its gateway is [`NAMED`], which this DNS server knows; none: it is at its address.
    pub named: Option<SocketAddr>,
    /// The fingerprint of the gateway's certificate, which is then called over TLS.
    pub gateway_pin: Option<String>,
    /// The numbers of its phones.
    pub phones: Vec<String>,
    /// Whether the sample configuration is taken, with the sample dialplan and prompts; only
    /// addresses and folders are the test's.
    pub sample: bool,
    /// `[media] codecs`; none: the usual ones.
    pub codecs: Option<&'static str>,
    /// `srtp` of the phones, in their order; none: off.
    pub srtp: &'static [&'static str],
    /// `[media] workers`; none: as many as the machine has cores for.
    pub workers: Option<u8>,
    /// Whether it listens over TLS (5061), WebSocket (5066) and secure WebSocket (5067) too, with a
    /// certificate that it has signed itself.
    pub secure: bool,
    /// Whether it has a second network, in IPv6: this port of `::1`, UDP and TCP.
    pub ipv6: Option<u16>,
    /// The process in whose network namespace it runs; it then listens on all addresses, and `more` has its
    /// networks.
    pub within: Option<u32>,
    /// Recorders outside, the first choice first.
    pub recorders: Vec<SocketAddr>,
    /// More of the configuration: whole sections; `OWN` is its address.
    pub more: &'static str,
    /// More of `[record]`; `DIR` is the folder of the test.
    pub record: &'static str,
    /// A further file of its dialplan.
    pub plan: String,
}

impl Setup {
    /// Phones 1001 to 1003; a gateway at an address of its own.
    pub fn new() -> Setup {
        let gateway = SocketAddr::from((address::fresh(), 5060));
        let phones = ["1001", "1002", "1003"].map(String::from).to_vec();
        let (sample, secure) = (false, false);
        let (ip, gateway_pin, codecs, workers, ipv6) = (None, None, None, None, None);
        let (named, srtp, within, more) = (None, &[], None, "");
        Setup {
            ip,
            gateway,
            named,
            gateway_pin,
            phones,
            sample,
            codecs,
            srtp,
            workers,
            secure,
            ipv6,
            within,
            recorders: Vec::new(),
            more,
            record: "",
            plan: String::new(),
        }
    }

    /// What is served without a configuration file.
    pub fn sample() -> Setup {
        Setup { sample: true, ..Setup::new() }
    }

    /// The password of a phone.
    pub fn password(&self, number: &str) -> String {
        let word = if self.sample { "belfry" } else { "secret" };
        format!("{word}-{number}")
    }
}

/// A running appliance.
pub struct Appliance {
    running: Running,
    /// Its SIP address, UDP and TCP.
    pub sip: SocketAddr,
    /// How it was set up.
    pub setup: Setup,
    dir: Folder,
}

impl Appliance {
    /// Starts one and waits until it answers.
    pub fn start(setup: Setup) -> Appliance {
        let dir = Folder::new("belfry-");
        let ip = setup.ip.unwrap_or_else(address::fresh);
        prepare(dir.path(), ip, &setup);
        let sip = SocketAddr::from((ip, 5060));
        let running = serve(dir.path(), setup.within);
        let mut appliance = Appliance { running, sip, setup, dir };
        appliance.await_ready();
        appliance
    }

    fn await_ready(&mut self) {
        let answers = wait_for(PATIENCE, || {
            let dead = !self.running.alive();
            (dead || self.ask("version").is_ok()).then_some(dead)
        });
        assert_eq!(answers, Some(false), "belfry serve is up");
    }

    /// Ends it as `kill -9` does and starts it anew on the same data.
    pub fn crash_and_restart(&mut self) {
        self.restart_after(|| ());
    }

    /// Ends it as `kill -9` does, has something done, and starts it anew.
    pub fn restart_after(&mut self, meanwhile: impl FnOnce()) {
        self.running.kill();
        meanwhile();
        self.running = serve(self.dir.path(), self.setup.within);
        self.await_ready();
    }

    /// A path in the folder of the test.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `belfry console -e … --json`.
    pub fn ask(&self, command: &str) -> Result<Value, String> {
        let output = Command::new(env!("CARGO_BIN_EXE_belfry"))
            .args(["console", "--json", "-e", command, "-c"])
            .arg(self.dir.path().join("belfry.toml"))
            .output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
    }

    /// Puts a new certificate in the place of its own, and gives the fingerprint. It is not shown
    /// before a reload.
    pub fn new_certificate(&self) -> [u8; 32] {
        certificate(self.dir.path(), self.sip.ip())
    }

    /// As [`Appliance::ask`]; a refusal fails the test.
    pub fn console(&self, command: &str) -> Value {
        self.ask(command).unwrap_or_else(|error| panic!("console '{command}': {error}"))
    }

    /// Waits until all is over: no call, leg or transaction is left. The slowest is an INVITE's
    /// transaction, 64·T1: 13 s here, 32 s in the sample.
    pub fn await_empty(&self) {
        let mut last = Value::Null;
        let empty = wait_for(PATIENCE + Duration::from_secs(10), || {
            last = self.console("show status");
            ["calls", "legs", "transactions"].iter().all(|key| last[key] == 0).then_some(())
        });
        assert!(empty.is_some(), "left over: {last}");
    }

    /// Waits until there are `count` calls.
    pub fn await_calls(&self, count: usize) {
        let mut last = Value::Null;
        let reached = wait_for(PATIENCE, || {
            last = self.console("show status");
            (last["calls"] == count).then_some(())
        });
        assert!(reached.is_some(), "not {count} calls: {last}");
    }

    /// The record of the call to `dialled`, once it has ended and all of it is in the store.
    pub fn record_of(&self, dialled: &str) -> CallRecord {
        let records = self.records();
        let matches = |record: &CallRecord| record.call.dialled == dialled;
        let found =
            wait_for(PATIENCE, || records.all().into_iter().find(|r| matches(r) && whole(r)));
        found.unwrap_or_else(|| panic!("no ended call to {dialled} in {:#?}", records.all()))
    }

    /// Reads the store.
    pub fn records(&self) -> Reader {
        Reader::open(&self.dir.path().join("data/belfry.db"))
    }

    /// A recording's file.
    pub fn recording(&self, path: &str) -> PathBuf {
        self.dir.path().join("data/recordings").join(path)
    }

    /// The record of the call to `dialled`, once it has ended. Its only recording has `left` alone in its left
    /// channel and `right` alone in its right one, each for a second at a stretch.
    pub fn recorded(&self, dialled: &str, left: f64, right: f64) -> CallRecord {
        let record = self.record_of(dialled);
        let [recording] = &record.recordings[..] else { panic!("{:?}", record.recordings) };
        let channels = audio::read_wav(&self.recording(&recording.path));
        assert_eq!(channels.len(), 2);
        let sides = [("left", left, right), ("right", right, left)];
        for (samples, (side, own, other)) in channels.iter().zip(sides) {
            let place = format!("in the {side} channel");
            audio::assert_heard(samples, own, Duration::from_secs(1), &place);
            audio::assert_unheard(samples, other, &place);
        }
        record
    }

    /// Its memory that is in RAM, bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.running.resident_bytes()
    }

    /// Its open files and sockets.
    pub fn handles(&self) -> usize {
        self.running.handles()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.running.printed()
    }

    /// Sends it a signal, such as `HUP`.
    pub fn signal(&mut self, name: &str) {
        self.running.signal(name);
    }

    /// Stops it as systemd does; it must go in peace.
    pub fn stop(mut self) {
        self.running.terminate();
        let status = self.running.ended(PATIENCE).expect("belfry ends on SIGTERM");
        assert!(status.success(), "belfry ended with {status}");
        let log = self.log();
        assert!(!log.contains("panicked"), "a panic in the log");
    }
}

/// Whether a call and its recordings have ended in the store.
fn whole(record: &CallRecord) -> bool {
    record.call.ended.is_some() && record.recordings.iter().all(|r| r.samples.is_some())
}

/// Writes configuration, plan and prompts.
pub fn prepare(dir: &Path, ip: Ipv4Addr, setup: &Setup) {
    std::fs::create_dir_all(dir.join("data")).expect("a folder for data");
    let mut text = if setup.sample { sample(dir, ip, setup) } else { own(dir, ip, setup) };
    // What else fills the disk of the machine is not what is tested.
    text.push_str("[record]\nmax_disk = \"100 %\"\n");
    text.push_str(&setup.record.replace("DIR", &dir.to_string_lossy()));
    if !setup.recorders.is_empty() {
        let names: Vec<String> =
            (0..setup.recorders.len()).map(|n| format!("\"recorder-{n}\"")).collect();
        let _ = writeln!(text, "recorders = [{}]", names.join(", "));
    }
    for (n, at) in setup.recorders.iter().enumerate() {
        let _ = writeln!(text, "[[recorder]]\nname = \"recorder-{n}\"\naddress = \"udp:{at}\"");
    }
    std::fs::write(dir.join("belfry.toml"), text).expect("the configuration is written");
    std::fs::create_dir_all(dir.join("dialplan")).expect("a folder for the plan");
    std::fs::write(dir.join("dialplan/plan.toml"), PLAN).expect("the plan is written");
    std::fs::write(dir.join("dialplan/more.toml"), &setup.plan).expect("the plan is written");
    if setup.more.contains(QUEUE) {
        std::fs::write(dir.join("dialplan/queue.toml"), TO_QUEUE).expect("the plan is written");
    }
    for (name, hz, seconds) in tones::PROMPTS {
        let path = dir.join("sounds").join(format!("{name}.wav"));
        audio::write_wav(&path, &audio::tone(hz, seconds));
    }
}

/// The embedded configuration with other addresses and folders.
fn sample(dir: &Path, ip: Ipv4Addr, setup: &Setup) -> String {
    belfry::config::EMBEDDED
        .replace("127.0.0.1:5080", &setup.gateway.to_string())
        .replace("127.0.0.1", &ip.to_string())
        .replace("./belfry-data", &dir.join("data").to_string_lossy())
        .replace("\"./dialplan\"", &format!("\"{PROJECT}/dialplan\""))
        .replace("\"./sounds\"", &format!("\"{PROJECT}/sounds\""))
}

/// A configuration for the tests' own plan and prompts.
fn own(dir: &Path, ip: Ipv4Addr, setup: &Setup) -> String {
    let mut text = format!(
        "[node]\nname = \"test\"\ndata_dir = \"{dir}/data\"\nlanguage = \"en\"\ncountry = \"cn\"\n\
         [sip]\nlisten = [\"udp:{ip}:5060\", \"tcp:{ip}:5060\"]\ndomain = \"{ip}\"\nt1 = \"200 ms\"\n\
         [media]\naddress = \"{ip}\"\nports = \"20000-20399\"\n\
         [[gateway]]\nname = \"e1\"\naddress = \"udp:{gateway}\"\nping = \"0 s\"\n\
         [dialplan]\ndir = \"{dir}/dialplan\"\nsounds = \"{dir}/sounds\"\n\
         [console]\nsocket = \"{dir}/console\"\n[log]\nlevel = \"debug\"\n",
        dir = dir.display(),
        gateway = setup.gateway,
    );
    if let Some(server) = setup.named {
        text = text.replace(&format!("\"udp:{}\"", setup.gateway), &format!("\"udp:{NAMED}\""));
        text = text.replace("[sip]\n", &format!("[sip]\ndns_servers = [\"{server}\"]\n"));
    }
    if let Some(pin) = &setup.gateway_pin {
        let udp = format!("\"udp:{}\"", setup.gateway);
        let tls = format!("\"tls:{}\"\ntls_pin = \"sha256:{pin}\"", setup.gateway);
        text = text.replace(&udp, &tls);
    }
    if let Some(port) = setup.ipv6 {
        let more = format!("\"udp:[::1]:{port}\", \"tcp:[::1]:{port}\"");
        text = text.replace(":5060\"]\n", &format!(":5060\", {more}]\n"));
        let own = format!("address = \"{ip}\"\nports");
        text = text.replace(&own, &format!("address = [\"{ip}\", \"::1\"]\nports"));
    }
    if setup.within.is_some() {
        text = text.replace(&format!(":{ip}:5060"), ":0.0.0.0:5060");
        text = text.replace(&format!("address = \"{ip}\"\n"), "");
    }
    if setup.secure {
        let more = format!("\"tls:{ip}:5061\", \"ws:{ip}:5066\", \"wss:{ip}:5067\"");
        text = text.replace(":5060\"]\n", &format!(":5060\", {more}]\n"));
        let _ = writeln!(
            text,
            "[[certificate]]\nchain = \"{0}/own.pem\"\nkey = \"{0}/own.key\"",
            dir.display()
        );
        certificate(dir, ip.into());
    }
    if let Some(codecs) = setup.codecs {
        text = text.replace("[media]\n", &format!("[media]\ncodecs = {codecs}\n"));
    }
    if let Some(workers) = setup.workers {
        text = text.replace("[media]\n", &format!("[media]\nworkers = {workers}\n"));
    }
    for (n, number) in setup.phones.iter().enumerate() {
        let password = setup.password(number);
        let srtp = setup.srtp.get(n).unwrap_or(&"off");
        let _ = write!(text, "[[phone]]\nnumber = \"{number}\"\npassword = \"{password}\"\n");
        let _ = writeln!(text, "srtp = \"{srtp}\"");
    }
    text + &setup.more.replace("OWN", &ip.to_string())
}

/// Writes a certificate for `ip` and its key; gives its fingerprint.
fn certificate(dir: &Path, ip: IpAddr) -> [u8; 32] {
    let made = belfry::net::tls::self_signed::self_signed(&[ip.to_string()], 90);
    let made = made.expect("a certificate is made");
    std::fs::write(dir.join("own.key"), made.key).expect("the key is written");
    std::fs::write(dir.join("own.pem"), made.certificate).expect("the certificate is written");
    made.fingerprint
}

fn serve(dir: &Path, within: Option<u32>) -> Running {
    let own = env!("CARGO_BIN_EXE_belfry");
    let mut command = Command::new(if within.is_some() { "nsenter" } else { own });
    if let Some(process) = within {
        command.args(["-t", &process.to_string(), "-n", own]);
    }
    command.arg("serve").arg("-c").arg(dir.join("belfry.toml")).env("NO_COLOR", "1");
    // The output of an earlier run is kept for the report of a failure.
    let _ = std::fs::rename(dir.join("log"), dir.join("log-before"));
    Running::start(&mut command, &dir.join("log"), "Rust")
}

/// The store, read as the reports read it.
pub struct Reader {
    runtime: tokio::runtime::Runtime,
    records: Records,
}

impl Reader {
    fn open(database: &Path) -> Reader {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let records = runtime.block_on(Records::open(database)).expect("the store opens");
        Reader { runtime, records }
    }

    /// All facts, in their order.
    pub fn facts(&self) -> Vec<Fact> {
        self.runtime.block_on(self.records.facts_after(0, 10_000)).expect("facts are read")
    }

    /// All calls, the newest first.
    pub fn all(&self) -> Vec<CallRecord> {
        self.runtime.block_on(async {
            let mut all = Vec::new();
            for row in self.records.last_calls(1_000).await.expect("calls are read") {
                let id = row.call.parse().expect("a call's id");
                all.extend(self.records.call(id).await.expect("a call is read"));
            }
            all
        })
    }
}
