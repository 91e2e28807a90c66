//! rtpengine as the other of the two peers: Debian's `rtpengine-daemon`, in user space, told of its
//! calls by its own control protocol (ng: a cookie and a bencoded dictionary in a datagram).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::bencode::{Value, map};
use crate::process::Program;
use crate::row::Row;
use crate::sdp::{self, Speech};

/// Where it is told of calls.
const CONTROL: u16 = 2_223;
const PATIENCE: Duration = Duration::from_millis(500);
const TRIES: usize = 20;
/// What our own encoder is set to, said as rtpengine takes it: codec, rate, channels, bit rate.
const OPUS: &str = "opus/48000/1/24000";

/// A running rtpengine.
pub struct RtpEngine {
    pub program: Program,
    control: UdpSocket,
    cookie: u64,
    /// Its log.
    _dir: TempDir,
}

/// Whether it is installed; `Err` says how to have it.
pub fn installed() -> Result<(), &'static str> {
    let found = Command::new("rtpengine")
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match found {
        Ok(_) => Ok(()),
        Err(_) => Err("rtpengine is not installed, so there is nothing to compare with: \
             apt-get install --no-install-recommends rtpengine-daemon"),
    }
}

impl RtpEngine {
    /// Starts one at `ip`: one thread, on `core` alone, before all that is not real time, as our own
    /// worker.
    pub fn start(ip: Ipv4Addr, core: usize) -> io::Result<RtpEngine> {
        let dir = tempfile::Builder::new().prefix("rtpengine-box-").tempdir()?;
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string(), "rtpengine", "--config-file=none", "--foreground"]);
        command.args(["--table=-1", "--num-threads=1", "--log-stderr", "--log-level=3"]);
        command.args(["--scheduling=fifo", "--priority=40", "--endpoint-learning=immediate"]);
        command.args(["--port-min=30000", "--port-max=40000", "--timeout=0", "--silent-timeout=0"]);
        command.arg(format!("--interface={ip}"));
        command.arg(format!("--listen-ng={ip}:{CONTROL}"));
        let program = Program::start(&mut command, &dir.path().join("log"))?;
        let control = UdpSocket::bind((ip, 0))?;
        control.connect((ip, CONTROL))?;
        control.set_read_timeout(Some(PATIENCE))?;
        let mut engine = RtpEngine { program, control, cookie: 0, _dir: dir };
        match engine.ask(&map([("command", "ping".into())])) {
            Ok(_) => Ok(engine),
            Err(error) => Err(io::Error::new(error.kind(), said(engine._dir.path()))),
        }
    }

    /// As [`Belfry::place`](crate::belfry::Belfry::place).
    pub fn place(&mut self, rtp: &[SocketAddr], row: &Row) -> io::Result<Vec<(SocketAddr, u8)>> {
        let mut ways = Vec::new();
        for (call, pair) in rtp.chunks_exact(2).enumerate() {
            ways.extend(self.call(call, [pair[0], pair[1]], row)?);
        }
        Ok(ways)
    }

    fn call(
        &mut self,
        call: usize,
        [a, b]: [SocketAddr; 2],
        row: &Row,
    ) -> io::Result<[(SocketAddr, u8); 2]> {
        let [from, to] = row.speech;
        // Where it transcodes, events would only give it more to do.
        let events = row.relayed();
        let session = |command: &str, at, speech, pt| {
            map([
                ("command", command.into()),
                ("call-id", Value::Text(format!("call-{call}"))),
                ("from-tag", "a".into()),
                ("ICE", "remove".into()),
                ("sdp", Value::Text(sdp::write(at, speech, pt, events))),
            ])
        };
        let offer = session("offer", a, from, from.payload_type())
            .with("replace", ["origin"][..].into())
            .with("rtcp-mux", ["demux"][..].into());
        let other = match to {
            Speech::Opus => OPUS,
            Speech::Pcmu => "PCMU",
            Speech::Pcma => "PCMA",
        };
        let offer = match row.relayed() {
            true => offer,
            false => {
                let codecs = [("transcode", [other][..].into()), ("mask", ["PCMA"][..].into())];
                offer.with("codec", map(codecs))
            }
        };
        let offered = self.sdp(&offer)?;
        // Mono is written opus/48000/1 by rtpengine, which no standard knows; only the type counts.
        let pt = match to {
            Speech::Opus => first_type(&offered),
            _ => sdp::payload_type(&offered, to),
        };
        let pt = pt.ok_or_else(|| unusable(&offered))?;
        let near_b = sdp::destination(&offered).ok_or_else(|| unusable(&offered))?;
        let mut answer = session("answer", b, to, pt).with("to-tag", "b".into());
        if to == Speech::Opus {
            let own = sdp::write(b, to, pt, events);
            let name = offered.lines().find(|line| line.starts_with(&format!("a=rtpmap:{pt} ")));
            let line = format!("a=rtpmap:{pt} opus/48000/2");
            answer = answer
                .with("sdp", Value::Text(own.replace(&line, name.unwrap_or(&line).trim_end())));
        }
        let answered = self.sdp(&answer)?;
        let near_a = sdp::destination(&answered).ok_or_else(|| unusable(&answered))?;
        Ok([(near_a, from.payload_type()), (near_b, pt)])
    }

    fn sdp(&mut self, request: &Value) -> io::Result<String> {
        let answer = self.ask(request)?;
        let sdp = answer.text("sdp").map(str::to_owned);
        sdp.ok_or_else(|| io::Error::other(format!("rtpengine: {answer:?}")))
    }

    fn ask(&mut self, request: &Value) -> io::Result<Value> {
        self.cookie += 1;
        let cookie = format!("{} ", self.cookie);
        let mut buffer = [0; 65_535];
        for _ in 0..TRIES {
            let _ = self.control.send(format!("{cookie}{}", request.write()).as_bytes());
            let answered = self.control.recv(&mut buffer);
            if answered.is_err() {
                // Not up yet, or slow.
                std::thread::sleep(PATIENCE / 10);
            }
            let text = answered.ok().and_then(|len| str::from_utf8(&buffer[..len]).ok());
            let value = text.and_then(|text| Value::read(text.strip_prefix(&cookie)?));
            if let Some((value, _)) = value {
                return Ok(value);
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Drop for RtpEngine {
    fn drop(&mut self) {
        self.program.stop();
    }
}

fn first_type(sdp: &str) -> Option<u8> {
    let line = sdp.lines().find(|line| line.starts_with("m=audio "))?;
    line.split(' ').nth(3)?.trim().parse().ok()
}

fn unusable(sdp: &str) -> io::Error {
    io::Error::other(format!("no use for rtpengine's SDP:\n{sdp}"))
}

fn said(dir: &Path) -> String {
    let log = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
    format!("rtpengine does not answer:\n{log}")
}
