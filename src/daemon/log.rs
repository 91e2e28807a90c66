//! The log: lines for standard error, written by a thread of their own, so that whoever reads them slowly (a full
//! pipe, a journald that is stopped) holds up no call.
//!
//! ```text
//!   any thread ── a line ──► queue of 8,192 ──► thread "log" ──► standard error
//!                   └ full: counted, and told when there is room again
//! ```

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt};

use crate::access::mask;
use crate::config::{Config, LogFormat};

/// Lines that wait; of some 200 bytes each, some megabytes.
const QUEUE: usize = 8_192;
/// Lines that are written at once, bytes.
const AT_ONCE: usize = 64 * 1_024;
/// How long the last lines may take when the process ends.
const LAST: Duration = Duration::from_secs(2);

/// What goes through the queue.
enum Job {
    Line(Vec<u8>),
    /// All before it is to be written, and said so.
    Written(Sender<()>),
}

/// Where lines are put, by any thread, without waiting.
#[derive(Clone)]
struct Lines {
    /// Outside numbers are masked (R29).
    masked: bool,
    queue: Sender<Job>,
    lost: Arc<AtomicU64>,
}

impl Write for Lines {
    /// One line, whole: `tracing_subscriber` writes each by one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let own = match std::str::from_utf8(line) {
            Ok(text) if self.masked => mask::in_text(text).into_owned().into_bytes(),
            _ => line.to_vec(),
        };
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Job::Line(own)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Lines;

    fn make_writer(&self) -> Lines {
        self.clone()
    }
}

/// Writes the last lines when it is dropped, within some seconds.
pub(super) struct Log(Sender<Job>);

impl Drop for Log {
    fn drop(&mut self) {
        let (done, written) = bounded(1);
        if self.0.send_timeout(Job::Written(done), LAST).is_ok() {
            let _ = written.recv_timeout(LAST);
        }
    }
}

/// Logs go to standard error; RUST_LOG, where set, says more finely what is logged.
///
/// # Errors
/// No thread can be had.
pub(super) fn to_stderr(
    config: &Config,
    format: Option<LogFormat>,
    level: Option<&str>,
) -> io::Result<Log> {
    let level = level.unwrap_or(config.log.level.as_str());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let (filter, handle) = reload::Layer::new(with_audit(filter));
    super::orders::keep_log_handle(Box::new(move |level| {
        handle.reload(with_audit(EnvFilter::new(level))).map_err(|e| e.to_string())
    }));
    let (lines, log) = start(io::stderr(), config.log.mask_numbers)?;
    let registry = tracing_subscriber::registry().with(filter);
    match format.unwrap_or(config.log.format) {
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(lines)).init(),
        LogFormat::Text => {
            let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let layer = fmt::layer().with_target(false).with_ansi(colours);
            registry.with(layer.with_writer(lines)).init();
        }
    }
    Ok(log)
}

/// Who ordered what is written down at any level of the log.
fn with_audit(filter: EnvFilter) -> EnvFilter {
    match "belfry::audit=info".parse() {
        Ok(audit) => filter.add_directive(audit),
        Err(_) => filter,
    }
}

fn start(to: impl Write + Send + 'static, masked: bool) -> io::Result<(Lines, Log)> {
    let (queue, jobs) = bounded(QUEUE);
    let lines = Lines { masked, queue: queue.clone(), lost: Arc::default() };
    let lost = lines.lost.clone();
    std::thread::Builder::new().name("log".into()).spawn(move || keep(to, &jobs, &lost))?;
    Ok((lines, Log(queue)))
}

/// The thread: what lies in the queue is written together.
fn keep(mut to: impl Write, jobs: &Receiver<Job>, lost: &AtomicU64) {
    let mut text = Vec::with_capacity(AT_ONCE);
    while let Ok(job) = jobs.recv() {
        let (mut next, mut wait) = (Some(job), None);
        while let Some(job) = next.take() {
            match job {
                Job::Line(line) => text.extend(line),
                Job::Written(done) => wait = Some(done),
            }
            if wait.is_none() && text.len() < AT_ONCE {
                next = jobs.try_recv().ok();
            }
        }
        // Nobody reads it any more: there is nobody to tell.
        let _ = to.write_all(&text).and_then(|()| to.flush());
        text.clear();
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!("{lost} lines of the log are lost: whoever reads it was too slow");
        }
        if let Some(done) = wait {
            let _ = done.send(());
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests of threads")]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Takes nothing while somebody holds it.
    #[derive(Clone, Default)]
    struct Slow(Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_in_their_order_and_the_last_before_the_end() {
        let to = Slow::default();
        let (mut lines, log) = start(to.clone(), true).unwrap();
        for n in 0..1_000 {
            writeln!(lines, "{n}").unwrap();
        }
        lines.write_all(b"call 1001 13800138000\n").unwrap();
        drop(log);
        let text = String::from_utf8(to.0.lock().unwrap().clone()).unwrap();
        let mut all: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
        all.push("call 1001 138******00".into());
        assert_eq!(text.lines().collect::<Vec<_>>(), all);
    }

    #[test]
    fn who_reads_nothing_holds_nobody_up_and_what_is_lost_is_counted() {
        let to = Slow::default();
        let (mut lines, log) = start(to.clone(), true).unwrap();
        let held = to.0.lock().unwrap();
        for n in 0..20_000 {
            assert_eq!(lines.write(format!("{n:099}\n").as_bytes()).unwrap(), 100);
        }
        let lost = lines.lost.load(Ordering::Relaxed);
        drop(held);
        drop(log);
        let written = to.0.lock().unwrap().iter().filter(|byte| **byte == b'\n').count();
        assert!(lost > 10_000, "{lost} of 20,000");
        assert_eq!(written as u64 + lost, 20_000);
    }
}
