//! SIPp as the gateway: Debian's sip-tester, one scenario for each run. It does not listen to the
//! RTP it gets, so where the gateway's side must hear, its SDP names a [`Line`](super::speech::Line).

use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use super::audio;
use super::process::{Folder, PATIENCE, Running, wait_for};

/// One run.
pub struct Scenario<'a> {
    /// The scenario's XML.
    pub xml: &'a str,
    /// SIPp's own SIP address.
    pub own: SocketAddr,
    /// Whom it calls; none: it waits for a call.
    pub peer: Option<SocketAddr>,
    /// What stands for `[service]`: the number dialled.
    pub number: &'a str,
    /// More words of the scenario: `[name]` and its text.
    pub words: &'a [(&'a str, String)],
    /// Headerless A-law files that it streams, by name.
    pub sounds: &'a [(&'a str, Vec<i16>)],
}

/// SIPp at work.
pub struct Sipp {
    running: Running,
    own: SocketAddr,
    dir: Folder,
}

impl Sipp {
    /// Starts it.
    pub fn start(scenario: Scenario<'_>) -> Sipp {
        let dir = Folder::new("sipp-");
        let mut xml = scenario.xml.to_owned();
        for (word, text) in scenario.words {
            xml = xml.replace(&format!("[{word}]"), text);
        }
        std::fs::write(dir.path().join("scenario.xml"), xml).expect("the scenario is written");
        for (name, samples) in scenario.sounds {
            audio::write_alaw(&dir.path().join(name), samples);
        }
        let ip: IpAddr = scenario.own.ip();
        let mut command = Command::new("sipp");
        if let Some(peer) = scenario.peer {
            command.arg(peer.to_string());
        }
        command.current_dir(dir.path()).env("TERM", "xterm");
        command.args(["-sf", "scenario.xml", "-s", scenario.number, "-m", "1", "-nostdin"]);
        command.args(["-i", &ip.to_string(), "-p", &scenario.own.port().to_string()]);
        command.args(["-mi", &ip.to_string(), "-trace_msg", "-message_file", "messages"]);
        command.args(["-trace_err", "-error_file", "errors", "-timeout", "60", "-timeout_error"]);
        let output = dir.path().join("screen");
        let running = Running::start(&mut command, &output, "Debian's sip-tester");
        Sipp { running, own: scenario.own, dir }
    }

    /// Waits until its socket is there; it says nothing when it is up. (To try whether its port is
    /// taken could take it away from it.)
    pub fn await_listening(&self) {
        let IpAddr::V4(ip) = self.own.ip() else { unreachable!("the tests' addresses are IPv4") };
        // As the kernel's table has it: the address in the machine's order, the port.
        let line = format!("{:08X}:{:04X} ", u32::from_ne_bytes(ip.octets()), self.own.port());
        let up = wait_for(PATIENCE, || {
            std::fs::read_to_string("/proc/net/udp").ok()?.contains(&line).then_some(())
        });
        assert!(up.is_some(), "SIPp listens at {}", self.own);
    }

    /// The messages so far, both ways.
    pub fn messages(&self) -> String {
        self.file("messages")
    }
    fn file(&self, name: &str) -> String {
        let bytes = std::fs::read(self.dir.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for its end, which must be the scenario's; gives the messages.
    pub fn finish(mut self) -> String {
        let status = self.running.ended(PATIENCE * 2);
        let messages = self.messages();
        let errors = self.file("errors");
        let well = status.is_some_and(|status| status.success());
        assert!(
            well,
            "SIPp ended with {status:?}\n──── errors\n{errors}\n──── messages\n{messages}"
        );
        messages
    }
}
