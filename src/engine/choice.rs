//! Which backend the workers use: what the configuration asks for, and what that comes to on this machine.

use std::io;
use std::sync::Arc;

use super::backend::steered::Steering;
use super::backend::{Steered, Uring, works};

/// By what the workers get their packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Steered where Belfry has the rights, else io-uring where the kernel permits it, else epoll.
    Auto,
    /// All ports by one socket, steered by the kernel.
    Steered,
    /// io-uring.
    IoUring,
    /// epoll, by mio.
    Epoll,
}

/// What a [`Choice`] comes to on this machine.
#[derive(Clone, Debug)]
pub(super) enum Settled {
    Steered(Arc<Steering>),
    IoUring,
    Epoll,
}

impl Choice {
    /// Settles it by trying, for `sockets` sockets. An error where what is asked for by name is not to
    /// be had.
    pub(super) fn settle(self, sockets: usize) -> io::Result<Settled> {
        let steered = || works::<Steered>().and_then(|()| Steering::new(sockets).map(Arc::new));
        match self {
            Choice::Epoll => Ok(Settled::Epoll),
            Choice::IoUring => works::<Uring>().map(|()| Settled::IoUring),
            Choice::Steered => steered().map(Settled::Steered),
            Choice::Auto => Ok(steered().map(Settled::Steered).unwrap_or_else(|error| {
                tracing::info!(
                    "RTP ports are not steered to one socket ({error}), so that each packet costs a third \
                     more: give Belfry CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF"
                );
                next_best()
            })),
        }
    }
}

/// What needs no rights.
fn next_best() -> Settled {
    match works::<Uring>() {
        Ok(()) => Settled::IoUring,
        Err(error) => {
            tracing::info!("RTP workers use epoll: io_uring is not to be had here: {error}");
            Settled::Epoll
        }
    }
}
