//! Service level by each of the formulas that are in use, by name: they differ by what they do with callers
//! who hung up, so that a figure without its formula's name says little.

use super::measure::{Measure, Tally};

/// How the service level is computed, from callers whose wait has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Formula {
    /// (answered ≤ T + abandoned ≤ T) / (answered + abandoned).
    Sl1,
    /// answered ≤ T / answered.
    Sl2,
    /// answered ≤ T / (answered + abandoned).
    #[default]
    Sl3,
    /// answered ≤ T / (answered + abandoned > T).
    Sl4,
    /// As SL-3, without those who hung up within the short time.
    Sl5,
    /// As Avaya's BCMS prints it: answered ≤ T / (answered + abandoned + flowed out).
    Bcms,
}

/// A ratio as it is kept: summed first, divided last. Nothing where the denominator is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ratio {
    /// Of what.
    pub of: u64,
    /// How much.
    pub part: u64,
}

impl Ratio {
    /// `part` of `of`.
    pub fn new(part: u64, of: u64) -> Ratio {
        Ratio { of, part }
    }
    /// Its value.
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.part as f64 / self.of as f64)
    }
}

impl Formula {
    /// All of them, with their names.
    pub const ALL: &[(Formula, &str)] = &[
        (Formula::Sl1, "SL-1"),
        (Formula::Sl2, "SL-2"),
        (Formula::Sl3, "SL-3"),
        (Formula::Sl4, "SL-4"),
        (Formula::Sl5, "SL-5"),
        (Formula::Bcms, "BCMS"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Formula::ALL.iter().find(|(formula, _)| *formula == self).map_or("", |(_, name)| name)
    }
    /// By its name, in letters of either case.
    pub fn named(name: &str) -> Option<Formula> {
        let is = |known: &&(Formula, &str)| known.1.eq_ignore_ascii_case(name);
        Formula::ALL.iter().find(is).map(|(formula, _)| *formula)
    }

    /// The service level for a threshold of `seconds`; `short`: up to how many seconds one who hangs up does not
    /// count, by SL-5.
    pub fn level(self, tally: &Tally, seconds: u32, short: u32) -> Ratio {
        let (answered, abandoned) = (tally.get(Measure::Answered), tally.get(Measure::Abandoned));
        let within = tally.answered_within(seconds);
        let gone_within = tally.abandoned_within(seconds);
        match self {
            Formula::Sl1 => Ratio::new(within + gone_within, answered + abandoned),
            Formula::Sl2 => Ratio::new(within, answered),
            Formula::Sl3 => Ratio::new(within, answered + abandoned),
            Formula::Sl4 => Ratio::new(within, answered + abandoned.saturating_sub(gone_within)),
            Formula::Sl5 => {
                let long = abandoned.saturating_sub(tally.abandoned_within(short));
                Ratio::new(within, answered + long)
            }
            Formula::Bcms => {
                Ratio::new(within, answered + abandoned + super::figures::flowed_out(tally))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// callcentrehelper.com 206890: 1000 answered, 860 of them within 20 s; 60 abandoned, 20 within 20 s.
    #[test]
    fn the_worked_example() {
        let mut tally = Tally::default();
        tally.add(Measure::Answered, 1_000);
        tally.add(Measure::AnsweredIn(20), 860);
        tally.add(Measure::AnsweredIn(21), 140);
        tally.add(Measure::Abandoned, 60);
        tally.add(Measure::AbandonedIn(4), 12);
        tally.add(Measure::AbandonedIn(20), 8);
        tally.add(Measure::AbandonedIn(300), 40);
        let level = |formula: Formula| {
            let value = formula.level(&tally, 20, 5).value().expect("there were calls");
            (value * 1_000.0).round() / 10.0
        };
        let all = [Formula::Sl1, Formula::Sl2, Formula::Sl3, Formula::Sl4, Formula::Sl5];
        assert_eq!(all.map(level), [83.0, 86.0, 81.1, 82.7, 82.1]);
        tally.add(Measure::TimedOut, 15);
        assert_eq!(Formula::Bcms.level(&tally, 20, 5), Ratio::new(860, 1_075));
    }

    #[test]
    fn of_nothing_there_is_no_level() {
        for (formula, name) in Formula::ALL {
            assert_eq!(formula.level(&Tally::default(), 20, 5).value(), None);
            assert_eq!(Formula::named(&name.to_lowercase()), Some(*formula));
        }
        assert_eq!(Formula::named("SL-9"), None);
    }
}
