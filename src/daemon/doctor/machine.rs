//! Clock, cores, who waits for them, rights and limits: of the service that runs, else of who asks.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::thread;

use super::Finding;
use super::running::Worker;
use crate::config::Backend;
use crate::daemon::files::Loaded;
use crate::engine::backend::{Steered, Uring, works};
use crate::engine::{clock_is_synchronised, pinning, pool};

/// So many of a hundred moments of the last minute somebody waited for a core: from here on audio without real time, and
/// signalling, come late.
const BUSY_PERCENT: f64 = 40.0;

/// `workers`: those of the service that runs; none: the rights of who asks are looked at.
pub(super) fn look(loaded: &Loaded, workers: &[Worker]) -> Vec<Finding> {
    let pairs = crate::daemon::serve::port_pairs(&loaded.config);
    let networks = loaded.config.media_addresses().len().max(1);
    let count = pinning::cores().len();
    let choice = loaded.config.media.backend;
    let mut findings = vec![
        clock(clock_is_synchronised(), loaded.zone.iana_name().unwrap_or("of the machine")),
        cores(count),
    ];
    let pressure = std::fs::read_to_string("/proc/pressure/cpu");
    findings.extend(pressure.ok().and_then(|text| busy(&text)));
    findings.extend(match workers {
        [] => [
            pinned(in_a_thread(|| pinning::pin(*pinning::cores().last().unwrap_or(&0)))),
            real_time(in_a_thread(pinning::real_time), count),
            packets(choice, steered(&loaded.config.media_addresses()), works::<Uring>()),
        ],
        workers => of_workers(workers, choice, count),
    });
    findings.push(files(pool::raise_file_limit(), (pairs * networks) as u64));
    findings
}

/// What the service's own workers have. Who asks may have other rights than the service.
fn of_workers(workers: &[Worker], choice: Backend, cores: usize) -> [Finding; 3] {
    let without = |has: fn(&Worker) -> bool| -> io::Result<()> {
        let names: Vec<&str> =
            workers.iter().filter(|w| !has(w)).map(|w| w.name.as_str()).collect();
        match names.is_empty() {
            true => Ok(()),
            false => {
                Err(io::Error::other(format!("{} of the service that runs", names.join(", "))))
            }
        }
    };
    let backends: BTreeSet<&str> = workers.iter().map(|w| w.backend.as_str()).collect();
    let backends: Vec<&str> = backends.into_iter().collect();
    let used = match (choice, backends.join(", ")) {
        (Backend::Auto, used) if used != "steered" => Finding::warning(
            "RTP",
            format!("ports are not steered to one socket; the service runs with {used}"),
            NOT_STEERED,
        ),
        (_, used) => Finding::ok("RTP", format!("the service runs with {used}")),
    };
    [pinned(without(|w| w.pinned)), real_time(without(|w| w.real_time), cores), used]
}

/// Whether programs wait for a core, by the kernel's pressure figures (Documentation/accounting/psi.rst); none: hardly.
fn busy(pressure: &str) -> Option<Finding> {
    let some = pressure.lines().find_map(|line| line.strip_prefix("some "))?;
    let share = some.split_whitespace().find_map(|part| part.strip_prefix("avg60="))?;
    let share: f64 = share.parse().ok()?;
    (share >= BUSY_PERCENT).then(|| {
        Finding::warning(
            "processor",
            format!("in {share:.0} % of the last minute programs waited for it"),
            "top -H names what takes it: end that, or give it less (systemctl set-property NAME CPUWeight=20)",
        )
    })
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

/// What is to be done where packets cost more than they could.
const NOT_STEERED: &str =
    "give Belfry CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF: a packet costs a third less then";

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
                NOT_STEERED,
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

    /// What the service has counts, whatever root could have who asks.
    #[test]
    fn rights_are_those_of_the_service_that_runs() {
        let worker = |name: &str, real_time, backend: &str| Worker {
            name: name.into(),
            backend: backend.into(),
            pinned: true,
            real_time,
        };
        let of = |workers: &[Worker], choice| of_workers(workers, choice, 4).map(|one| one.state);
        let good = [worker("rtp-0", true, "steered"), worker("rtp-1", true, "steered")];
        assert_eq!(of(&good, Backend::Auto), [State::Ok; 3]);
        let bad = [worker("rtp-0", true, "mio"), worker("rtp-1", false, "mio")];
        assert_eq!(of(&bad, Backend::Auto), [State::Ok, State::Warning, State::Warning]);
        assert_eq!(of(&bad, Backend::Mio)[2].clone(), State::Ok);
        let [_, late, _] = of_workers(&bad, Backend::Mio, 4);
        assert!(late.found.contains("rtp-1 of the service that runs"), "{late:?}");
        assert!(late.remedy.contains("LimitRTPRIO"), "{late:?}");
    }

    #[test]
    fn a_processor_that_is_waited_for_is_told() {
        let text = |avg60: &str| {
            format!(
                "some avg10=99.00 avg60={avg60} avg300=1.00 total=3\nfull avg10=0.00 avg60=90.00 total=0\n"
            )
        };
        assert_eq!(busy(&text("12.00")), None);
        assert_eq!(busy("another form"), None);
        let found = busy(&text("71.30")).unwrap();
        assert!(found.state == State::Warning && found.found.contains("71 %"), "{found:?}");
    }

    #[test]
    fn too_few_files_are_an_error_that_says_how_many() {
        assert_eq!(files(1_024, 256).state, State::Ok);
        let short = files(1_023, 256);
        assert_eq!(short.state, State::Error);
        assert!(short.remedy.contains("LimitNOFILE=1024"), "{short:?}");
    }
}
