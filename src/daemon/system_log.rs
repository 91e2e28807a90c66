//! Lines of the audit from commands that work beside the appliance: to the system's log, where the appliance's own go too.
//!
//! A datagram each to `/dev/log` (RFC 3164 §4.1, as syslog(3) writes it). Not here: what the appliance itself writes
//! down (`log`).

use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Where the system's log listens.
const SOCKET: &str = "/dev/log";
/// Facility 10 (security), severity 6 (informational).
const PRIORITY: u8 = 10 * 8 + 6;
/// The longest line, bytes: what every log takes (RFC 3164 §4.1).
const MAX_LINE: usize = 1_024;

/// The way there.
pub(super) struct Audit {
    socket: Option<UnixDatagram>,
    who: String,
}

impl Audit {
    /// Where there is no such log, that is told once, on standard error: what is done then is not written down.
    pub(super) fn begin() -> Audit {
        Audit::at(Path::new(SOCKET)).unwrap_or_else(|error| {
            eprintln!("belfry: {SOCKET}: {error}: who does this is written down nowhere");
            Audit { socket: None, who: String::new() }
        })
    }

    fn at(path: &Path) -> std::io::Result<Audit> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        // A log that is full must not hold anybody up for ever.
        socket.set_write_timeout(Some(std::time::Duration::from_secs(2)))?;
        Ok(Audit { socket: Some(socket), who: super::subscribers::who() })
    }

    /// Who did what; without line breaks.
    pub(super) fn line(&self, what: &str) {
        let Some(socket) = &self.socket else { return };
        let (pid, who) = (std::process::id(), &self.who);
        let line = format!("<{PRIORITY}>belfry[{pid}]: belfry::audit: {who}: {what}");
        let line = line.replace(char::is_control, " ");
        let line = &line[..line.floor_char_boundary(MAX_LINE)];
        if let Err(error) = socket.send(line.as_bytes()) {
            eprintln!("belfry: {SOCKET}: {error}: not written down: {what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_log_hears_who_did_what() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        assert!(Audit::at(&path).is_err(), "nobody listens");
        let log = UnixDatagram::bind(&path).unwrap();
        let audit = Audit::at(&path).unwrap();
        let heard = || {
            let mut bytes = [0; 4_096];
            let n = log.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..n].to_vec()).unwrap()
        };
        audit.line("recording export: call 01K: a.wav copied to /tmp/x\ny");
        let said = heard();
        assert!(said.starts_with("<86>belfry["), "{said}");
        let end = ": recording export: call 01K: a.wav copied to /tmp/x y";
        assert!(said.contains("belfry::audit: ") && said.ends_with(end), "{said}");
        audit.line(&"长".repeat(2_000));
        assert!(heard().len() <= MAX_LINE);
    }
}
