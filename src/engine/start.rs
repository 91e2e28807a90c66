//! How a worker comes up: its ports, its thread, and the backend that the thread opens itself.

use std::collections::VecDeque;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crossbeam_channel::bounded;
use rtrb::{Consumer, Producer, RingBuffer};

use super::backend::{Backend, Epoll, Steered, Uring, Wake};
use super::choice::Settled;
use super::disk::ring;
use super::dtls::thread::Line;
use super::figures::{Counters, Running};
use super::links::Links;
use super::pinning::{PRIORITY, exact_sleep, pin, real_time};
use super::pool::Pair;
use super::staged::STAGED_BYTES;
use super::worker::{Deliver, Worker};
use super::{Handle, RING, StartError};
use crate::base::{Duration, LegId, Rng, Time};
use crate::media::control::Command;
use crate::media::{Clip, Plane, PlaneConfig, PortIndex};

/// Deals the pairs out to `count` workers, one each in turn.
pub(super) fn shared_out(pairs: Vec<Pair>, count: usize) -> Vec<Vec<Pair>> {
    let mut shares: Vec<Vec<Pair>> = (0..count).map(|_| Vec::new()).collect();
    for (n, pair) in pairs.into_iter().enumerate() {
        shares[n % count].push(pair);
    }
    shares
}

/// What all workers have in common before they run.
pub(super) struct Nursery {
    /// The cores that this process may use.
    pub(super) cores: Vec<usize>,
    pub(super) links: std::vec::IntoIter<Links>,
    pub(super) lines: std::vec::IntoIter<Line>,
    /// Zero of the workers' clock.
    pub(super) began: Instant,
    pub(super) rtp_lost_after: Duration,
    pub(super) deliver: Deliver,
    pub(super) stop: Arc<AtomicBool>,
}

impl Nursery {
    /// Worker `n`, with these ports.
    pub(super) fn seed(
        &mut self,
        n: usize,
        pairs: Vec<Pair>,
        taps: ring::TapSender,
        rng: Rng,
    ) -> Seed {
        let config = PlaneConfig {
            rtp_lost_after: self.rtp_lost_after,
            worker: n as u8,
            ..PlaneConfig::default()
        };
        let several = self.cores.len() > 1;
        Seed {
            name: format!("rtp-{n}"),
            // The first core is left to everything else where there are several.
            core: self.cores[if several { 1 + n % (self.cores.len() - 1) } else { 0 }],
            // On a single core a flood of packets would starve the signalling.
            first: several,
            pairs,
            plane: Plane::new(config, rng),
            taps,
            links: self.links.next().unwrap_or_default(),
            line: self.lines.next().unwrap_or_default(),
            began: self.began,
            deliver: self.deliver.clone(),
            stop: self.stop.clone(),
        }
    }
}

/// What a worker is made of, before its thread runs.
pub(super) struct Seed {
    pub(super) name: String,
    pub(super) core: usize,
    /// Whether it shall go before all that is not real time.
    pub(super) first: bool,
    pub(super) pairs: Vec<Pair>,
    pub(super) plane: Plane,
    pub(super) taps: ring::TapSender,
    pub(super) links: Links,
    pub(super) line: Line,
    /// Zero of the workers' clock.
    pub(super) began: Instant,
    pub(super) deliver: Deliver,
    pub(super) stop: Arc<AtomicBool>,
}

/// A worker's name, how it runs, and its counters.
pub(super) type Shown = (String, Running, Arc<Counters>);

type Grown = (Handle, Shown);

/// Bytes of a worker's rings and buffers, those of its backend not counted.
pub(super) const BUFFERS: usize = RING * (size_of::<Command<Arc<Clip>>>() + size_of::<LegId>())
    + STAGED_BYTES
    + size_of::<Plane>();

impl Seed {
    /// Starts the thread, which opens its backend itself; waits for that. A backend that was asked for
    /// by name has no substitute.
    pub(super) fn grow(mut self, settled: Settled, by_name: bool) -> Result<Grown, StartError> {
        let wake = Wake::new().map_err(StartError::Backend)?;
        let (commands, from) = RingBuffer::new(RING);
        let (failed, failures) = RingBuffer::new(RING);
        let counters = Arc::new(Counters::default());
        let ports = self.pairs.len();
        let mut sockets: Vec<UdpSocket> = Vec::with_capacity(2 * ports);
        for (n, pair) in std::mem::take(&mut self.pairs).into_iter().enumerate() {
            self.plane.add_port(PortIndex(n as u32), pair.rtp);
            sockets.extend(pair.sockets);
        }
        let (up, came_up) = bounded(1);
        let (name, core) = (self.name.clone(), self.core);
        let thread = std::thread::Builder::new()
            .name(name.clone())
            .spawn({
                let (wake, counters) = (wake.clone(), counters.clone());
                move || {
                    let _fate = AllOrNothing;
                    let pinned = pin(core).is_ok();
                    if !pinned {
                        tracing::info!("{} is not pinned to core {core}: not permitted", self.name);
                    }
                    let real_time = self.first && first(&self.name);
                    // Where it is refused, sleeps end 50 µs later.
                    let _ = exact_sleep();
                    let parts = Parts { seed: self, commands: from, failed, counters };
                    parts.run(settled, by_name, sockets, wake, |result| {
                        let _ = up.send(result.map(|backend| Running {
                            backend,
                            pinned,
                            real_time,
                            ports,
                        }));
                    });
                }
            })
            .map_err(StartError::Thread)?;
        let running = match came_up.recv() {
            Ok(Ok(running)) => running,
            Ok(Err(error)) => return Err(StartError::Backend(error)),
            Err(_) => {
                return Err(StartError::Backend(io::Error::other("the worker ended at once")));
            }
        };
        let handle = Handle {
            commands,
            waiting: VecDeque::new(),
            failed: failures,
            told: false,
            wake,
            thread: Some(thread),
        };
        Ok((handle, (name, running, counters)))
    }
}

/// A worker that panicked takes the process with it. Its calls are silent from then on and its ports
/// answer nobody, which nothing else would notice; a process that ends is started again by the system.
struct AllOrNothing;

impl Drop for AllOrNothing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("an RTP worker has panicked: Belfry ends, so that it is started again");
            std::process::abort();
        }
    }
}

/// Puts the calling thread before all that is not real time; says whether it may be there.
fn first(name: &str) -> bool {
    let put = real_time();
    if let Err(error) = &put {
        tracing::info!(
            "{name} is not real time ({error}), so that other programs may delay audio: give Belfry \
             CAP_SYS_NICE, or LimitRTPRIO={PRIORITY} in its systemd unit"
        );
    }
    put.is_ok()
}

/// A worker's parts within its own thread.
struct Parts {
    seed: Seed,
    commands: Consumer<Command<Arc<Clip>>>,
    failed: Producer<LegId>,
    counters: Arc<Counters>,
}

impl Parts {
    fn run(
        self,
        settled: Settled,
        by_name: bool,
        sockets: Vec<UdpSocket>,
        wake: Wake,
        up: impl FnOnce(io::Result<&'static str>),
    ) {
        let sockets: Arc<[UdpSocket]> = sockets.into();
        let refused = |what: &str, error: &io::Error| {
            tracing::warn!("{} goes without {what}: {error}", self.seed.name);
        };
        if let Settled::Steered(steering) = &settled {
            match Steered::by(steering.clone(), sockets.clone(), wake.clone()) {
                Ok(backend) => {
                    up(Ok("steered"));
                    return self.with(backend);
                }
                Err(error) if by_name => return up(Err(error)),
                Err(error) => refused("steered ports", &error),
            }
        }
        if !matches!(settled, Settled::Epoll) {
            match Uring::open(sockets.clone(), wake.clone()) {
                Ok(backend) => {
                    up(Ok("io-uring"));
                    return self.with(backend);
                }
                Err(error) if by_name => return up(Err(error)),
                Err(error) => refused("io_uring", &error),
            }
        }
        match Epoll::open(sockets, wake) {
            Ok(backend) => {
                up(Ok("mio"));
                self.with(backend);
            }
            Err(error) => up(Err(error)),
        }
    }

    fn with<B: Backend>(self, backend: B) {
        let Seed { plane, taps, links, line, began, deliver, stop, .. } = self.seed;
        let worker = Worker {
            backend,
            plane,
            commands: self.commands,
            failed: self.failed,
            deliver,
            tap: taps,
            links,
            line,
            counters: self.counters,
            stop,
            began,
            waiting: VecDeque::new(),
            quiet: 0,
            weigh_at: Time::ZERO,
        };
        worker.run();
    }
}
