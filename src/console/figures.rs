//! What `metrics` says (Prometheus' text), read back: by `doctor`, and by `top` for how calls have sounded of late.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// How many readings `top` keeps, one each [`EVERY`]: the last ten minutes.
const MOST: usize = 120;
/// Seconds between two readings.
pub(super) const EVERY: u64 = 5;
/// At or below this the sound of a leg is poor (ITU-T G.107: many users dissatisfied).
const POOR: &str = "belfry_leg_mos_bucket{le=\"3.5\"}";

/// The figures by name, with their labels as they are written.
pub(crate) fn read(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
        .collect()
}

/// What stands in one reading of how calls sound; sums since the start.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Sums {
    legs: f64,
    mos: f64,
    poor: f64,
    received: f64,
    lost: f64,
    silent: f64,
    one_way: f64,
}

impl Sums {
    fn of(text: &str) -> Sums {
        let all = read(text);
        let of = |name: &str| all.get(name).copied().unwrap_or(0.0);
        Sums {
            legs: of("belfry_leg_mos_count"),
            mos: of("belfry_leg_mos_sum"),
            poor: of(POOR),
            received: of("belfry_rtp_packets_total"),
            lost: of("belfry_rtp_packets_lost_total"),
            silent: of("belfry_legs_silent_total"),
            one_way: of("belfry_legs_one_way_total"),
        }
    }

    fn less(self, before: Sums) -> Sums {
        Sums {
            legs: self.legs - before.legs,
            mos: self.mos - before.mos,
            poor: self.poor - before.poor,
            received: self.received - before.received,
            lost: self.lost - before.lost,
            silent: self.silent - before.silent,
            one_way: self.one_way - before.one_way,
        }
    }
}

/// How the calls of the last minutes sounded.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Quality {
    readings: VecDeque<Sums>,
}

impl Quality {
    /// One reading more.
    pub(super) fn take(&mut self, text: &str) {
        let now = Sums::of(text);
        // Started anew: what was before is of another's.
        if self.readings.back().is_some_and(|last| now.legs < last.legs || now.silent < last.silent)
        {
            self.readings.clear();
        }
        if self.readings.len() == MOST {
            self.readings.pop_front();
        }
        self.readings.push_back(now);
    }

    /// Whether callers of late were not heard, or sounded poor.
    pub(super) fn is_bad(&self) -> bool {
        let (sums, of_late) = self.sums();
        of_late && (sums.one_way > 0.0 || sums.poor > 0.0)
    }

    /// What came since the first reading that is kept; where no leg has ended since, all since the start. Which it is.
    fn sums(&self) -> (Sums, bool) {
        let (Some(first), Some(last)) = (self.readings.front(), self.readings.back()) else {
            return (Sums::default(), false);
        };
        let of_late = last.less(*first);
        match of_late.legs > 0.0 || of_late.silent > 0.0 {
            true => (of_late, true),
            false => (*last, false),
        }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sums, of_late) = self.sums();
        if sums.legs == 0.0 && sums.silent == 0.0 {
            return f.write_str("quality: no leg has ended yet");
        }
        write!(f, "quality: {} legs", sums.legs)?;
        if sums.legs > 0.0 {
            write!(f, ", MOS {:.1}, {} of them 3.5 or less", sums.mos / sums.legs, sums.poor)?;
        }
        let sent = sums.received + sums.lost;
        if sent > 0.0 {
            write!(f, "; {:.1} % lost", 100.0 * sums.lost / sent)?;
        }
        write!(f, "; {} silent, {} one way", sums.silent, sums.one_way)?;
        let minutes = (self.readings.len() as u64 * EVERY).div_ceil(60);
        match of_late {
            true => write!(f, " (last {minutes} min)"),
            false => f.write_str(" (since the start)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(legs: u32, poor: u32, silent: u32) -> String {
        format!(
            "# HELP belfry_leg_mos What came of legs.\nbelfry_leg_mos_bucket{{le=\"3.5\"}} {poor}\n\
             belfry_leg_mos_sum {}\nbelfry_leg_mos_count {legs}\nbelfry_rtp_packets_total {}\n\
             belfry_rtp_packets_lost_total {}\nbelfry_legs_silent_total {silent}\nbelfry_legs_one_way_total 0\n",
            f64::from(legs) * 4.2,
            legs * 990,
            legs * 10,
        )
    }

    #[test]
    fn figures_are_read_with_their_labels() {
        let text = page(2, 1, 0);
        let all = read(&text);
        assert_eq!(all[POOR], 1.0);
        assert_eq!(all["belfry_leg_mos_count"], 2.0);
        assert_eq!(all.len(), 7);
    }

    #[test]
    fn quality_is_that_of_the_last_minutes() {
        let mut quality = Quality::default();
        assert_eq!(quality.to_string(), "quality: no leg has ended yet");
        quality.take(&page(100, 7, 2));
        let all = "quality: 100 legs, MOS 4.2, 7 of them 3.5 or less; 1.0 % lost; 2 silent, 0 one way (since the start)";
        assert_eq!(quality.to_string(), all);
        assert!(!quality.is_bad(), "it may be long ago");
        quality.take(&page(110, 7, 2));
        let late = "quality: 10 legs, MOS 4.2, 0 of them 3.5 or less; 1.0 % lost; 0 silent, 0 one way (last 1 min)";
        assert_eq!(quality.to_string(), late);
        assert!(!quality.is_bad());
        let mut poor = quality.clone();
        poor.take(&page(111, 8, 2));
        assert!(poor.is_bad());
        for _ in 0..MOST {
            quality.take(&page(110, 7, 2));
        }
        assert_eq!(quality.readings.len(), MOST);
        assert!(quality.to_string().ends_with("(since the start)"), "{quality}");
        quality.take(&page(1, 0, 0));
        assert!(quality.to_string().starts_with("quality: 1 legs"), "another run: {quality}");
    }
}
