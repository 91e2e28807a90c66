//! The RTP ports, opened once at start: RTP on the even one, RTCP on the odd one above (RFC 3550
//! §11), so that no call waits for the kernel and no other program takes a port in between.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// What the kernel may hold for a port, bytes: 300 packets, six seconds of one call.
const BUFFER_BYTES: usize = 128 << 10;

/// DSCP "expedited forwarding" (RFC 3246) at its place in the IP header.
pub(super) const EXPEDITED: u32 = 46 << 2;

/// A port's two sockets.
#[derive(Debug)]
pub struct Pair {
    /// The RTP address.
    pub rtp: SocketAddr,
    /// RTP and RTCP.
    pub sockets: [UdpSocket; 2],
}

/// The open ports, and how many of the range others have.
#[derive(Debug)]
pub struct Pool {
    /// All that could be opened.
    pub pairs: Vec<Pair>,
    /// Pairs of which a port was taken by another program.
    pub taken: usize,
}

/// Why there are no ports.
#[derive(Debug)]
pub enum PoolError {
    /// The address is not this machine's.
    NoAddress(IpAddr, io::Error),
    /// The range holds too few free pairs; holds how many.
    TooFew {
        /// The range's first port.
        first: u16,
        /// Its last.
        last: u16,
        /// Pairs that are free.
        free: usize,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::NoAddress(ip, error) => write!(
                f,
                "RTP cannot be had on {ip}: {error}; correct [media] address ('ip address' lists this machine's)"
            ),
            PoolError::TooFew { first, last, free } => write!(
                f,
                "of the RTP ports {first}-{last} only {free} pairs are free: widen or move [media] ports"
            ),
        }
    }
}
impl std::error::Error for PoolError {}

/// The fewest pairs with which it is worth to start.
const FEWEST: usize = 2;

/// How long ports may take to come free at start, and how often they are tried meanwhile.
const COME_FREE: Duration = Duration::from_secs(3);
const TRIED_EVERY: Duration = Duration::from_millis(50);

/// As [`open`], with patience while ports are taken that are wanted. The kernel takes an io-uring
/// apart some time after its process died, and holds the ring's sockets until then: whoever is
/// started again at once after a crash finds its own ports taken at first.
pub fn await_free(address: IpAddr, first: u16, last: u16, most: usize) -> Result<Pool, PoolError> {
    let until = Instant::now() + COME_FREE;
    loop {
        let pool = open(address, first, last, most);
        let waits = match &pool {
            Ok(pool) => pool.taken > 0 && pool.pairs.len() < most,
            Err(PoolError::TooFew { .. }) => true,
            Err(PoolError::NoAddress(..)) => false,
        };
        if !waits || Instant::now() >= until {
            return pool;
        }
        drop(pool);
        std::thread::sleep(TRIED_EVERY);
    }
}

/// Opens up to `most` pairs of `first..=last` on `address`.
pub fn open(address: IpAddr, first: u16, last: u16, most: usize) -> Result<Pool, PoolError> {
    let mut pool = Pool { pairs: Vec::new(), taken: 0 };
    let start = first.checked_next_multiple_of(2).unwrap_or(last);
    for port in (start..last).step_by(2) {
        if pool.pairs.len() >= most {
            break;
        }
        match bind(address, port).and_then(|rtp| Ok([rtp, bind(address, port + 1)?])) {
            Ok(sockets) => pool.pairs.push(Pair { rtp: SocketAddr::new(address, port), sockets }),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                return Err(PoolError::NoAddress(address, error));
            }
            // Out of file handles: what there is must do.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                break;
            }
            Err(_) => pool.taken += 1,
        }
    }
    if pool.pairs.len() < FEWEST {
        return Err(PoolError::TooFew { first, last, free: pool.pairs.len() });
    }
    Ok(pool)
}

fn bind(address: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let at = SocketAddr::new(address, port);
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Less than asked for is no error: the kernel caps it.
    let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
    // A router that heeds it forwards voice first; one that does not forwards it all the same.
    let _ = match address {
        IpAddr::V4(_) => socket.set_tos_v4(EXPEDITED),
        IpAddr::V6(_) => socket.set_tclass_v6(EXPEDITED),
    };
    socket.bind(&SockAddr::from(at))?;
    Ok(socket.into())
}

/// Files that SIP, recordings and the database may need beside the ports.
const OTHER_FILES: u64 = 512;

/// How many files a process needs that opens so many pairs.
pub fn files_for(pairs: u64) -> u64 {
    2 * pairs + OTHER_FILES
}

/// How many pairs a process can open that may have so many files; a few in any case.
pub fn affordable(files: u64) -> usize {
    usize::try_from(files.saturating_sub(OTHER_FILES) / 2).unwrap_or(usize::MAX).max(16)
}

/// Raises the number of files that this process may have open as far as it may be; gives it.
#[allow(unsafe_code, reason = "getrlimit and setrlimit have no safe wrapper in std")]
pub fn raise_file_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls read or write one rlimit, which lives until they return.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return 1_024;
        }
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        match libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) {
            0 => raised.rlim_cur,
            _ => limit.rlim_cur,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_at_the_edge_are_no_fault_of_ours() {
        let ip: IpAddr = "127.0.7.2".parse().unwrap();
        for (first, last) in [(65_535, 65_535), (9, 3), (30_000, 30_002)] {
            let error = open(ip, first, last, 100).unwrap_err();
            assert!(matches!(error, PoolError::TooFew { .. }), "{error}");
        }
        let pool = open(ip, 65_531, 65_535, 100).unwrap();
        let ports: Vec<_> = pool.pairs.iter().map(|p| p.rtp.port()).collect();
        assert_eq!(ports, [65_532, 65_534]);
    }

    #[test]
    fn ports_that_come_free_late_are_waited_for() {
        let ip: IpAddr = "127.0.7.2".parse().unwrap();
        let held = open(ip, 30_000, 30_007, 4).unwrap();
        let gone = std::thread::spawn(move || {
            std::thread::sleep(3 * TRIED_EVERY);
            drop(held);
        });
        let pool = await_free(ip, 30_000, 30_007, 4).unwrap();
        assert_eq!((pool.pairs.len(), pool.taken), (4, 0));
        gone.join().unwrap();
    }

    #[test]
    fn taken_ports_are_left_out_and_a_narrow_range_is_told() {
        let ip: IpAddr = "127.0.7.1".parse().unwrap();
        let held = UdpSocket::bind((ip, 0)).unwrap();
        let at = held.local_addr().unwrap().port() & !1;
        let pool = open(ip, at.saturating_sub(20), at.saturating_add(19), 100).unwrap();
        assert!(
            pool.taken >= 1
                && pool.pairs.iter().all(|p| p.rtp.port() % 2 == 0 && p.rtp.port() != at)
        );
        drop(pool);
        let error = open(ip, at, at + 1, 100).unwrap_err();
        assert!(error.to_string().contains("widen"), "{error}");
        let error = open("192.0.2.1".parse().unwrap(), 30_000, 30_100, 4).unwrap_err();
        assert!(error.to_string().contains("[media] address"), "{error}");
    }
}
