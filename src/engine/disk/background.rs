//! A thread that works beside the one that writes, a bounded piece at a time, and hears of each change
//! of the configuration: what removes old recordings, what packs those of calls that are over.
//!
//! ```text
//!   switch ─ order ─▶ the newest order ─▶ turn ─▶ rest as long as it says ─┐
//!                            ▲                                             │
//!                            └─────────── or until the next order ◀────────┘
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

/// Changes of the configuration that may wait.
const ORDERS: usize = 16;

/// The running thread; it ends when this is dropped.
pub(in crate::engine) struct Background<T> {
    name: &'static str,
    orders: Option<Sender<T>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Background<T> {
    /// Starts a thread of that name. It does nothing before the first order.
    pub(super) fn start(
        name: &'static str,
        work: impl FnOnce(Orders<T>) + Send + 'static,
    ) -> io::Result<Background<T>> {
        let (orders, changes) = bounded(ORDERS);
        let stop = Arc::new(AtomicBool::new(false));
        let heard = Orders { changes, stop: stop.clone() };
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || work(heard))?;
        Ok(Background { name, orders: Some(orders), stop, thread: Some(thread) })
    }

    /// From now on this is how it works. Never waits.
    pub(in crate::engine) fn order(&self, order: T) {
        let sent = self.orders.as_ref().map(|orders| orders.try_send(order));
        if let Some(Err(error)) = sent {
            tracing::error!("[record]: the {} thread does not take the change: {error}", self.name);
        }
    }
}

impl<T> Drop for Background<T> {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread hears.
pub(super) struct Orders<T> {
    changes: Receiver<T>,
    stop: Arc<AtomicBool>,
}

impl<T> Orders<T> {
    /// Until the end: each `turn` works by the newest order and gives the time until the next; it leaves
    /// off when its second argument says so. At first `rest` passes.
    pub(super) fn obey(
        self,
        rest: Duration,
        mut turn: impl FnMut(&T, &dyn Fn() -> bool) -> Duration,
    ) {
        let stop = || self.stop.load(Relaxed);
        let (mut newest, mut rest) = (None, rest);
        loop {
            match self.changes.recv_timeout(rest) {
                Ok(order) => newest = Some(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if let Some(order) = &newest {
                rest = turn(order, &stop);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn each_turn_works_by_the_newest_order_and_the_last_one_leaves_off() {
        let (done, turns) = channel();
        let background = Background::start("test", move |orders: Orders<u32>| {
            orders.obey(Duration::ZERO, |order, stop| {
                while *order == 3 && !stop() {
                    std::thread::yield_now();
                }
                let _ = done.send(*order);
                Duration::from_millis(1)
            });
        })
        .unwrap();
        let mut heard = Vec::new();
        for order in 1..=3 {
            background.order(order);
            while order < 3 && heard.last() != Some(&order) {
                heard.push(turns.recv_timeout(PATIENCE).unwrap());
            }
        }
        drop(background);
        heard.extend(turns.iter());
        assert!(heard.is_sorted() && heard.first() == Some(&1) && heard.last() == Some(&3));
    }
}
