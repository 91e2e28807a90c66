//! What is asked of the kernel for the workers, and of it by whoever looks at the machine: where and how a
//! worker's thread runs, on one core, at real-time priority, with exact sleeps. Each
//! needs a right that a container may withhold; without it audio still flows, less evenly.

#![allow(unsafe_code, reason = "scheduling has no safe wrapper in std")]

use std::io;
use std::mem::{size_of, zeroed};

/// SCHED_FIFO priority: above all that is not real time, below the kernel's own threads (50).
pub const PRIORITY: i32 = 40;
/// How late the kernel may make a sleep of ours for the sake of others', nanoseconds.
const SLACK_NS: libc::c_ulong = 10_000;

/// The cores that this process may use, lowest first.
pub fn cores() -> Vec<usize> {
    // SAFETY: a plain bit set for which all zero is valid.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: the set is ours and of the size given.
    let asked = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) };
    if asked != 0 {
        return vec![0];
    }
    let all = 0..libc::CPU_SETSIZE as usize;
    // SAFETY: the index is below the set's size.
    all.filter(|core| unsafe { libc::CPU_ISSET(*core, &set) }).collect()
}

/// Keeps the calling thread on `core`.
pub fn pin(core: usize) -> io::Result<()> {
    // SAFETY: a plain bit set for which all zero is valid.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    if core >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the index is below the set's size, the set is ours and of the size given.
    check(unsafe {
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
    })
}

/// Puts the calling thread before all that is not real time (SCHED_FIFO).
pub fn real_time() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: PRIORITY };
    // SAFETY: the structure is ours; 0 is the calling thread.
    check(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &parameters) })
}

/// Lets the calling thread run only where nothing else wants the processor (SCHED_IDLE).
pub fn background() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the structure is ours; 0 is the calling thread.
    check(unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &parameters) })
}

/// Makes the calling thread's sleeps exact to some microseconds.
pub fn exact_sleep() -> io::Result<()> {
    // SAFETY: the option takes one number and no pointer.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, SLACK_NS) })
}

/// Whether the kernel's clock follows another (adjtimex(2)).
pub fn clock_is_synchronised() -> io::Result<bool> {
    // SAFETY: a plain structure of numbers for which all zero is valid, and asks for no change.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is ours and lives until the call returns.
    match unsafe { libc::adjtimex(&raw mut clock) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(clock.status & libc::STA_UNSYNC == 0),
    }
}

fn check(result: i32) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_goes_where_it_is_put() {
        let cores = cores();
        assert!(!cores.is_empty());
        let last = *cores.last().unwrap();
        let there = std::thread::spawn(move || pin(last).map(|()| super::cores()));
        if let Ok(there) = there.join().unwrap() {
            assert_eq!(there, [last]);
        }
        assert!(pin(1 << 20).is_err());
        assert!(exact_sleep().is_ok());
        assert!(std::thread::spawn(background).join().unwrap().is_ok(), "everybody may");
    }
}
