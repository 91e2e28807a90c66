//! The appliance as one of the two peers: the real binary with a configuration of the bench's own,
//! and calls placed through its dialplan from one gateway to another.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use ::belfry::wire::srtp::MasterKey;
use tempfile::TempDir;

use crate::process::Program;
use crate::row::Row;
use crate::sdp;
use crate::sip::{self, Gateways};

const PATIENCE: Duration = Duration::from_secs(10);

/// A running appliance.
pub struct Belfry {
    pub program: Program,
    gateways: Option<Gateways>,
    sip: SocketAddr,
    /// Where the callers are, and the called.
    sides: [UdpSocket; 2],
    /// Under which it sends to each party, where that is SRTP.
    pub keys: Vec<Option<MasterKey>>,
    dir: TempDir,
}

impl Belfry {
    /// Starts one at `ip`, with gateways at `a` and `b`.
    pub fn start(ip: Ipv4Addr, [a, b]: [Ipv4Addr; 2], row: &Row) -> io::Result<Belfry> {
        let dir = tempfile::Builder::new().prefix("belfry-box-").tempdir()?;
        let sides = [UdpSocket::bind((a, 5060))?, UdpSocket::bind((b, 5060))?];
        let path = dir.path();
        for folder in ["data", "dialplan", "sounds"] {
            std::fs::create_dir_all(path.join(folder))?;
        }
        std::fs::write(path.join("dialplan/plan.toml"), plan(row))?;
        std::fs::write(path.join("belfry.toml"), config(ip, [a, b], row, &path.display()))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_belfry"));
        command.arg("serve").arg("-c").arg(path.join("belfry.toml")).env("NO_COLOR", "1");
        let program = Program::start(&mut command, &path.join("log"))?;
        let sip = SocketAddr::from((ip, 5060));
        let mut belfry = Belfry { program, gateways: None, sip, sides, keys: Vec::new(), dir };
        belfry.await_up()?;
        Ok(belfry)
    }

    fn await_up(&mut self) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.program.alive() && Instant::now() < until {
            if self.ask("version").is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(io::Error::other(format!("belfry is not up:\n{}", self.log())))
    }

    /// Places calls between parties at `rtp`, two a call. Gives for each party where it is to send
    /// and as which payload type.
    pub fn place(&mut self, rtp: &[SocketAddr], row: &Row) -> io::Result<Vec<(SocketAddr, u8)>> {
        let session = |side: usize| {
            let speech = row.speech[side];
            let write = |(n, at): (usize, &SocketAddr)| {
                let sdp = sdp::write(*at, speech, speech.payload_type(), true);
                if row.srtp { sdp::protected(&sdp, sdp::key(n)) } else { sdp }
            };
            rtp.iter().enumerate().skip(side).step_by(2).map(write).collect::<Vec<_>>()
        };
        let [a, b] = &self.sides;
        let sockets = (a.try_clone()?, b.try_clone()?);
        let (gateways, answered) = sip::place(sockets, self.sip, &session(0), session(1))?;
        self.gateways = Some(gateways);
        let way = |side: usize, text: &str| {
            let to = sdp::destination(text);
            let pt = sdp::payload_type(text, row.speech[side]);
            let way = to.zip(pt);
            way.ok_or_else(|| io::Error::other(format!("no use for the SDP:\n{text}")))
        };
        let mut ways = Vec::new();
        for (to_caller, to_callee) in &answered {
            self.keys.extend([to_caller, to_callee].map(|sdp| sdp::key_of(sdp)));
            ways.extend([way(0, to_caller)?, way(1, to_callee)?]);
        }
        Ok(ways)
    }

    /// What the console says to `command`.
    pub fn ask(&self, command: &str) -> Option<serde_json::Value> {
        let output = Command::new(env!("CARGO_BIN_EXE_belfry"))
            .args(["console", "--json", "-e", command, "-c"])
            .arg(self.dir.path().join("belfry.toml"))
            .output()
            .ok()?;
        output.status.success().then(|| serde_json::from_slice(&output.stdout).ok())?
    }

    /// The sum of a figure over the workers.
    pub fn figure(&self, name: &str) -> Option<u64> {
        let workers = self.ask("show workers")?;
        workers.as_array()?.iter().map(|worker| worker[name].as_u64()).sum()
    }

    /// The recordings' files so far, and the bytes in them; marks of what is being written (in a folder
    /// of their own, by the same names) are none.
    pub fn recordings(&self) -> (usize, u64) {
        let mut folders = vec![self.dir.path().join("data/recordings")];
        let (mut files, mut bytes) = (0, 0);
        while let Some(entries) = folders.pop().map(std::fs::read_dir) {
            for entry in entries.into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(_) if entry.file_name().as_encoded_bytes().starts_with(b".") => {}
                    Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                    Ok(meta) if meta.is_file() => {
                        (files, bytes) = (files + 1, bytes + meta.len());
                    }
                    _ => {}
                }
            }
        }
        (files, bytes)
    }

    /// Where perf may write.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Belfry {
    fn drop(&mut self) {
        self.gateways = None;
        self.program.stop();
    }
}

fn plan(row: &Row) -> String {
    let record = if row.record { ", record = true" } else { "" };
    format!(
        "[[route]]\nname = \"through\"\ncontext = \"gateway\"\nwhen = {{ to = \"{}.\" }}\n\
         steps = [{{ dial = {{ gateway = \"b\", number = \"${{to}}\"{record} }} }}]\n",
        sip::PREFIX
    )
}

fn config(ip: Ipv4Addr, gateways: [Ipv4Addr; 2], row: &Row, dir: &dyn std::fmt::Display) -> String {
    let (calls, backend) = (row.calls.max(20), row.backend);
    let mut text = format!(
        "[node]\nname = \"box\"\ndata_dir = \"{dir}/data\"\nlanguage = \"en\"\n\
         [sip]\nlisten = [\"udp:{ip}:5060\"]\ndomain = \"{ip}\"\n\
         [media]\naddress = \"{ip}\"\nports = \"20000-39999\"\nrtp_timeout = \"0 s\"\n\
         workers = 1\nbackend = \"{backend}\"\ncodecs = [\"PCMA\", \"PCMU\", \"opus\"]\n\
         [limits]\ncalls = {calls}\ncalls_per_second = 10000\n\
         [dialplan]\ndir = \"{dir}/dialplan\"\nsounds = \"{dir}/sounds\"\n\
         [console]\nsocket = \"{dir}/console\"\n"
    );
    for ((name, ip), speech) in ["a", "b"].iter().zip(gateways).zip(row.speech) {
        let codec = match speech {
            sdp::Speech::Pcma => "PCMA",
            sdp::Speech::Pcmu => "PCMU",
            sdp::Speech::Opus => "opus",
        };
        text += &format!(
            "[[gateway]]\nname = \"{name}\"\naddress = \"udp:{ip}:5060\"\nchannels = {calls}\n\
             codecs = [\"{codec}\"]\nping = \"0 s\"\n"
        );
        if row.srtp {
            text += "srtp = \"required\"\n";
        }
    }
    text
}
