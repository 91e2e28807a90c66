//! Clock, cores, rights and limits.

use std::io;
use std::net::IpAddr;
use std::thread;

use super::Finding;
use crate::config::Backend;
use crate::daemon::files::Loaded;
use crate::engine::backend::{Steered, Uring, works};
use crate::engine::{clock_is_synchronised, pinning, pool};

pub(super) fn look(loaded: &Loaded) -> Vec<Finding> {
    let pairs = crate::daemon::serve::port_pairs(&loaded.config);
    let networks = loaded.config.media_addresses().len().max(1);
    vec![
        clock(clock_is_synchronised(), loaded.zone.iana_name().unwrap_or("of the machine")),
        cores(pinning::cores().len()),
        pinned(in_a_thread(|| pinning::pin(*pinning::cores().last().unwrap_or(&0)))),
        real_time(in_a_thread(pinning::real_time), pinning::cores().len()),
        packets(
            loaded.config.media.backend,
            steered(&loaded.config.media_addresses()),
            works::<Uring>(),
        ),
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

/// Whether the ports of these addresses can be steered.
fn steered(addresses: &[IpAddr]) -> io::Result<()> {
    match addresses.iter().find(|ip| ip.is_ipv6()) {
        Some(ip) => Err(io::Error::other(format!("{ip} is of IPv6"))),
        None => works::<Steered>(),
    }
}

fn packets(choice: Backend, steered: io::Result<()>, uring: io::Result<()>) -> Finding {
    match (choice, steered, uring) {
        (Backend::Auto | Backend::Steered, Ok(()), _) => {
            Finding::ok("RTP", "all ports by one socket (steered), with the rights of who asks")
        }
        (Backend::Mio, ..) => Finding::ok("RTP", "epoll, as [media] backend says"),
        (Backend::IoUring, _, Ok(())) => Finding::ok("RTP", "io-uring, as [media] backend says"),
        (Backend::IoUring, _, Err(error)) => Finding::error(
            "RTP",
            format!("io-uring is not to be had: {error}"),
            "write backend = \"auto\" in [media]",
        ),
        (Backend::Steered, Err(error), _) => Finding::error(
            "RTP",
            format!("ports cannot be steered: {error}"),
            "write backend = \"auto\" in [media], or give Belfry CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF",
        ),
        (Backend::Auto, Err(steered), uring) => {
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
    let wanted = pool::files_for(pairs);
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
            packets(Backend::Auto, Err(refused()), Ok(())),
            packets(Backend::Auto, Err(refused()), Err(refused())),
        ];
        for finding in found {
            assert_eq!(finding.state, State::Warning, "{finding:?}");
            assert!(!finding.remedy.is_empty(), "{finding:?}");
        }
        assert_eq!(real_time(Err(refused()), 1).state, State::Ok);
    }

    #[test]
    fn too_few_files_are_an_error_that_says_how_many() {
        assert_eq!(files(1_024, 256).state, State::Ok);
        let short = files(1_023, 256);
        assert_eq!(short.state, State::Error);
        assert!(short.remedy.contains("LimitNOFILE=1024"), "{short:?}");
    }
}
