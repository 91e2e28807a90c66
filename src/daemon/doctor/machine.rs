//! Clock, cores, rights and limits.

use std::io;
use std::thread;

use super::Finding;
use crate::daemon::files::Loaded;
use crate::engine::backend::{Steered, Uring, works};
use crate::engine::{pinning, pool};

/// Files beside those of the RTP ports: SIP, recordings, database.
const OTHER_FILES: u64 = 256;

pub(super) fn look(loaded: &Loaded) -> Vec<Finding> {
    let pairs = super::super::serve::port_pairs(&loaded.config);
    let networks = loaded.config.media_addresses().len().max(1);
    vec![
        clock(synchronised(), loaded.zone.iana_name().unwrap_or("of the machine")),
        cores(pinning::cores().len()),
        pinned(in_a_thread(|| pinning::pin(*pinning::cores().last().unwrap_or(&0)))),
        real_time(in_a_thread(pinning::real_time), pinning::cores().len()),
        packets(works::<Steered>(), works::<Uring>()),
        files(pool::raise_file_limit(), (pairs * networks) as u64),
    ]
}

/// What `try_it` comes to; the calling thread stays as it is.
fn in_a_thread(try_it: fn() -> io::Result<()>) -> io::Result<()> {
    thread::spawn(try_it).join().unwrap_or_else(|_| Err(io::Error::other("it panicked")))
}

fn clock(synchronised: io::Result<bool>, zone: &str) -> Finding {
    match synchronised {
        Ok(true) => Finding::ok("clock", format!("synchronised; time zone {zone}")),
        Ok(false) => Finding::warning(
            "clock",
            format!("not synchronised, so that records may tell wrong times; time zone {zone}"),
            "install chrony, or wait until it has found its time: chronyc tracking",
        ),
        Err(error) => Finding::warning(
            "clock",
            format!("whether it is synchronised cannot be known: {error}; time zone {zone}"),
            "compare `date` with a clock that you trust",
        ),
    }
}

/// Whether the kernel's clock follows another (adjtimex(2)).
#[allow(unsafe_code, reason = "adjtimex has no safe wrapper in std")]
fn synchronised() -> io::Result<bool> {
    // SAFETY: a plain structure of numbers for which all zero is valid, and asks for no change.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is ours and lives until the call returns.
    match unsafe { libc::adjtimex(&raw mut clock) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(clock.status & libc::STA_UNSYNC == 0),
    }
}

fn cores(count: usize) -> Finding {
    match count {
        0 | 1 => Finding::warning(
            "cores",
            "1: audio and signalling share it",
            "give the machine a second core if it carries more than a few calls",
        ),
        _ => Finding::ok("cores", format!("{count}, of which audio has {}", count - 1)),
    }
}

fn pinned(tried: io::Result<()>) -> Finding {
    match tried {
        Ok(()) => Finding::ok("pinning", "RTP workers can be kept on their cores"),
        Err(error) => Finding::warning(
            "pinning",
            format!("RTP workers cannot be kept on their cores: {error}"),
            "permit sched_setaffinity, which a container's profile may forbid",
        ),
    }
}

fn real_time(tried: io::Result<()>, cores: usize) -> Finding {
    match tried {
        _ if cores < 2 => {
            Finding::ok("real time", "not used on one core: a flood would starve the signalling")
        }
        Ok(()) => Finding::ok("real time", "RTP workers may go before other programs"),
        Err(error) => Finding::warning(
            "real time",
            format!("RTP workers may not go before other programs, which can delay audio: {error}"),
            format!(
                "give Belfry CAP_SYS_NICE, or write LimitRTPRIO={} in its systemd unit",
                pinning::PRIORITY
            ),
        ),
    }
}

fn packets(steered: io::Result<()>, uring: io::Result<()>) -> Finding {
    match (steered, uring) {
        (Ok(()), _) => Finding::ok("RTP", "all ports by one socket (steered)"),
        (Err(steered), uring) => {
            let instead = match uring {
                Ok(()) => "io-uring".into(),
                Err(error) => format!("epoll, for io_uring is not to be had: {error}"),
            };
            Finding::warning(
                "RTP",
                format!("ports cannot be steered to one socket ({steered}); instead: {instead}"),
                "give Belfry CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF: a packet costs a third less then",
            )
        }
    }
}

fn files(limit: u64, pairs: u64) -> Finding {
    let wanted = 2 * pairs + OTHER_FILES;
    match limit >= wanted {
        true => Finding::ok("open files", format!("{limit} permitted, {wanted} wanted")),
        false => Finding::error(
            "open files",
            format!("{limit} permitted, {wanted} wanted: not all RTP ports can be opened"),
            format!("write LimitNOFILE={wanted} in Belfry's systemd unit, or lower [limits] calls"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::doctor::State;

    fn refused() -> io::Error {
        io::ErrorKind::PermissionDenied.into()
    }

    #[test]
    fn what_is_withheld_is_a_warning_with_a_remedy() {
        let found = [
            clock(Ok(false), "Asia/Shanghai"),
            clock(Err(refused()), "Asia/Shanghai"),
            cores(1),
            pinned(Err(refused())),
            real_time(Err(refused()), 2),
            packets(Err(refused()), Ok(())),
            packets(Err(refused()), Err(refused())),
        ];
        for finding in found {
            assert_eq!(finding.state, State::Warning, "{finding:?}");
            assert!(!finding.remedy.is_empty(), "{finding:?}");
        }
        assert_eq!(real_time(Err(refused()), 1).state, State::Ok);
    }

    #[test]
    fn too_few_files_are_an_error_that_says_how_many() {
        assert_eq!(files(1_024, 384).state, State::Ok);
        let short = files(1_023, 384);
        assert_eq!(short.state, State::Error);
        assert!(short.remedy.contains("LimitNOFILE=1024"), "{short:?}");
    }
}
