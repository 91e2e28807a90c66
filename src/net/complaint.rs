//! How often the log speaks of one source: a scanner that fails a thousand times is one line.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// One source is spoken of once in so long.
const PAUSE: Duration = Duration::from_secs(60);
/// Sources that are kept in mind; beyond them a new one waits until one has paused.
const SOURCES: usize = 1_024;

/// What was said of whom.
#[derive(Debug, Default)]
#[allow(clippy::disallowed_types, reason = "connections of all listeners share it")]
pub(super) struct Complaints(Mutex<HashMap<IpAddr, Said>>);

#[derive(Debug)]
struct Said {
    at: Instant,
    left_out: u64,
}

impl Complaints {
    /// Whether `source` may be spoken of at `now`: then how often it has failed unsaid since it was
    /// last.
    pub(super) fn of(&self, source: IpAddr, now: Instant) -> Option<u64> {
        let mut said = self.0.lock().expect("no holder panics");
        let pauses = |said: &Said| now.duration_since(said.at) < PAUSE;
        if let Some(known) = said.get_mut(&source) {
            if pauses(known) {
                known.left_out += 1;
                return None;
            }
            let left_out = known.left_out;
            *known = Said { at: now, left_out: 0 };
            return Some(left_out);
        }
        if said.len() >= SOURCES {
            said.retain(|_, said| pauses(said));
        }
        if said.len() >= SOURCES {
            return None;
        }
        said.insert(source, Said { at: now, left_out: 0 });
        Some(0)
    }
}

/// `, and 12 times since the last such line`, or nothing.
pub(super) fn and_more(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        1 => " (and once more since it was last told)".into(),
        many => format!(" (and {many} times more since it was last told)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_spoken_of_once_a_minute_and_counted_meanwhile() {
        let complaints = Complaints::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(complaints.of(one, after(0)), Some(0));
        assert_eq!(complaints.of(one, after(1)), None);
        assert_eq!(complaints.of(other, after(1)), Some(0));
        assert_eq!(complaints.of(one, after(59)), None);
        assert_eq!(complaints.of(one, after(60)), Some(2));
        assert_eq!(complaints.of(one, after(61)), None);
        assert_eq!([0, 1].map(and_more), ["", " (and once more since it was last told)"]);
    }

    #[test]
    fn a_crowd_of_sources_holds_bounded_memory() {
        let complaints = Complaints::default();
        let source = |n: usize| IpAddr::from(std::net::Ipv4Addr::from_bits(n as u32));
        let begun = Instant::now();
        let told = (0..5_000).filter(|n| complaints.of(source(*n), begun).is_some()).count();
        assert_eq!(told, SOURCES);
        assert_eq!(complaints.of(source(5_000), begun + PAUSE), Some(0), "the old ones are gone");
    }
}
