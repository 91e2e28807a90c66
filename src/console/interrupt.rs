//! Ctrl-C in a session: what runs is ended, and the session goes on.
//!
//! The connection of what runs is shut down: whoever reads from it, or waits at it, comes to its end at once, and the
//! session attaches anew. At the prompt Ctrl-C is a key and no signal.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// What runs, and whether it was ended.
#[derive(Default)]
struct Running {
    stream: Option<UnixStream>,
    ended: bool,
}

/// Watches for Ctrl-C from now on.
pub(super) struct Interrupts(Arc<Mutex<Running>>);

impl Interrupts {
    pub(super) fn watch() -> io::Result<Interrupts> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut pressed = {
            let _inside = runtime.enter();
            signal(SignalKind::interrupt())?
        };
        let interrupts = Interrupts(Arc::default());
        let running = Interrupts(interrupts.0.clone());
        std::thread::Builder::new().name("ctrl-c".into()).spawn(move || {
            runtime.block_on(async move {
                while pressed.recv().await.is_some() {
                    running.end();
                }
            });
        })?;
        Ok(interrupts)
    }

    fn with<R>(&self, act: impl FnOnce(&mut Running) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this is what runs.
    pub(super) fn begin(&self, stream: &UnixStream) -> io::Result<()> {
        let stream = Some(stream.try_clone()?);
        self.with(|running| *running = Running { stream, ended: false });
        Ok(())
    }

    /// Nothing runs any more; whether it was ended from outside.
    pub(super) fn over(&self) -> bool {
        self.with(|running| {
            running.stream = None;
            running.ended
        })
    }

    fn end(&self) {
        self.with(|running| {
            if let Some(stream) = running.stream.take() {
                let _ = stream.shutdown(Shutdown::Both);
                running.ended = true;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_runs_comes_to_its_end_and_nothing_else() {
        let interrupts = Interrupts(Arc::default());
        let (mut ours, _theirs) = UnixStream::pair().unwrap();
        interrupts.end();
        interrupts.begin(&ours).unwrap();
        assert!(!interrupts.over(), "it came before");
        interrupts.begin(&ours).unwrap();
        interrupts.end();
        assert_eq!(ours.read(&mut [0]).unwrap(), 0, "who waits at it is let go");
        assert!(interrupts.over());
    }
}
