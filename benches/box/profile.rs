//! How much of the user time is libopus's own, by perf, where it is there.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A profile that is being taken.
pub struct Profile(std::process::Child);

impl Profile {
    /// Begins one of process `id` in user mode. `None`: there is no perf, or it may not.
    pub fn begin(id: u32, span: Duration, file: &Path) -> Option<Profile> {
        let child = Command::new("perf")
            .args(["record", "-q", "-e", "cpu-clock:u", "-F", "2999", "-p", &id.to_string(), "-o"])
            .arg(file)
            .args(["--", "sleep", &span.as_secs_f64().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        child.ok().map(Profile)
    }

    /// The share of the samples that lie in C code of the binary itself. libopus is the only C in it
    /// that runs while calls talk; Rust's functions are told by their names.
    pub fn end(mut self, file: &Path) -> io::Result<f64> {
        self.0.wait()?;
        let report = Command::new("perf")
            .args(["report", "--stdio", "-q", "--no-children", "-F", "overhead,dso,sym", "-i"])
            .arg(file)
            .stderr(Stdio::null())
            .output()?;
        let (mut libopus, mut all) = (0.0, 0.0);
        for line in String::from_utf8_lossy(&report.stdout).lines() {
            let mut words = line.split_whitespace();
            let share = words.next().and_then(|share| share.trim_end_matches('%').parse().ok());
            let (Some(share), Some(object)) = (share, words.next()) else { continue };
            let share: f64 = share;
            all += share;
            let symbol = words.skip(1).collect::<Vec<_>>().join(" ");
            let rust = ["::", "<", "_R", "0x"].iter().any(|mark| symbol.contains(mark));
            if object == "belfry" && !rust {
                libopus += share;
            }
        }
        match all > 0.0 {
            true => Ok(libopus / all),
            false => Err(io::Error::other("perf saw nothing")),
        }
    }
}
