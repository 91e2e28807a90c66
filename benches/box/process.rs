//! A program under test, and what it has spent so far: time on the CPUs and memory.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(10);

/// A running program; it is ended with this.
pub struct Program(Child);

impl Program {
    /// Starts it, both outputs to `log`.
    pub fn start(command: &mut Command, log: &Path) -> io::Result<Program> {
        let file = File::create(log)?;
        command.stdin(Stdio::null()).stderr(file.try_clone()?).stdout(file);
        Ok(Program(command.spawn()?))
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it still runs.
    pub fn alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Its time on the CPUs so far, by the scheduler's account, to the nanosecond: all threads, user
    /// and system together. (How much of it was in user mode only the kernel's ticks would say, and they
    /// come in step with a turn.)
    pub fn spent(&self) -> io::Result<Duration> {
        let mut spent = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            // A thread that has just ended takes its account with it.
            let Ok(stat) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            spent += Duration::from_nanos(field(&stat, 0)?);
        }
        Ok(spent)
    }

    /// Bytes of memory that it holds.
    pub fn resident(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(field(line.unwrap_or_default(), 0)? * 1_024)
    }

    /// Asks it to end, and waits.
    pub fn stop(&mut self) {
        // SAFETY: a signal to a child of ours that was not waited for yet; no memory is touched.
        #[allow(unsafe_code, reason = "std has no signal but SIGKILL")]
        unsafe {
            libc::kill(self.id() as libc::pid_t, libc::SIGTERM);
        }
        let until = Instant::now() + GRACE;
        while self.alive() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many threads of the whole machine were running or ready, mean of the last minute.
pub fn load() -> io::Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}

fn field(text: &str, n: usize) -> io::Result<u64> {
    let word = text.split_whitespace().nth(n).and_then(|word| word.parse().ok());
    word.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc says {text:?}")))
}
