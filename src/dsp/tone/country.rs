//! Each country's call-progress tones.
//!
//! Frequencies and cadences follow ITU-T E.180 Supplement 2 (the national lists), China's
//! GB/T 3380 and YD/T texts, and North America's precise tone plan; levels
//! are per frequency at the E1. Where a national list names none: −10 dBm0 for one frequency,
//! −13 dBm0 each for two. A tone that a country does not publish is taken from the row `etsi`.

use super::plan::{Plan, PlanError};

/// Which tone of a country's plan.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Go ahead and dial.
    Dial,
    /// The other side's phone rings.
    Ringback,
    /// The other side is busy.
    Busy,
    /// No way through: all trunks busy.
    Congestion,
    /// No such number, or it cannot be reached: the special information tone in most countries.
    Unobtainable,
    /// A second call is waiting.
    CallWaiting,
    /// The handset was left off hook.
    Howler,
    /// This call is being recorded, repeated all along.
    Record,
    /// Speak after this: one beep.
    Beep,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 9] = [
        Kind::Dial,
        Kind::Ringback,
        Kind::Busy,
        Kind::Congestion,
        Kind::Unobtainable,
        Kind::CallWaiting,
        Kind::Howler,
        Kind::Record,
        Kind::Beep,
    ];

    /// The name in configuration and dialplan.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Dial => "dial",
            Kind::Ringback => "ringback",
            Kind::Busy => "busy",
            Kind::Congestion => "congestion",
            Kind::Unobtainable => "unobtainable",
            Kind::CallWaiting => "call-waiting",
            Kind::Howler => "howler",
            Kind::Record => "record",
            Kind::Beep => "beep",
        }
    }

    /// The kind called `name`.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The tone `kind` of `country` (ISO 3166 two letters in either case, or `etsi`); `None` for a
/// country that is not in [`countries`].
pub fn plan(country: &str, kind: Kind) -> Option<Plan> {
    let of = |country: &str| {
        TABLE.iter().find(|row| row.kind == kind && row.country.eq_ignore_ascii_case(country))
    };
    countries().find(|known| known.eq_ignore_ascii_case(country))?;
    of(country).or_else(|| of("etsi")).map(|row| row.plan)
}

/// The countries that have a plan.
pub fn countries() -> impl Iterator<Item = &'static str> {
    ["cn", "de", "etsi", "gb", "us"].into_iter()
}

struct Row {
    country: &'static str,
    kind: Kind,
    plan: Plan,
}

/// A row; a mistake in `text` does not compile.
const fn row(country: &'static str, kind: Kind, dbm0: i8, text: &str) -> Row {
    let plan: Result<Plan, PlanError> = Plan::parse(text, dbm0);
    match plan {
        Ok(plan) => Row { country, kind, plan },
        Err(_) => panic!("a built-in tone plan is wrong"),
    }
}

static TABLE: &[Row] = &[
    row("cn", Kind::Dial, -10, "450"),
    row("cn", Kind::Ringback, -10, "450/1000,0/4000"),
    row("cn", Kind::Busy, -10, "450/350,0/350"),
    row("cn", Kind::Congestion, -10, "450/700,0/700"),
    row("cn", Kind::Unobtainable, -10, "450/100,0/100,450/100,0/100,450/100,0/100,450/400,0/400"),
    row("cn", Kind::CallWaiting, -10, "450/400,0/4000"),
    row("cn", Kind::Howler, 0, "950"),
    // As the YD texts have it. Asterisk's table says 950 Hz; which one a site wants is its setting.
    row("cn", Kind::Record, -20, "1400/400,0/10000"),
    row("etsi", Kind::Dial, -10, "425"),
    row("etsi", Kind::Ringback, -10, "425/1000,0/4000"),
    row("etsi", Kind::Busy, -10, "425/500,0/500"),
    row("etsi", Kind::Congestion, -10, "425/200,0/200"),
    row("etsi", Kind::Unobtainable, -10, "950/330,1400/330,1800/330,0/1000"),
    row("etsi", Kind::CallWaiting, -10, "425/200,0/200,425/200,0/5000"),
    // No European list has one; North America's is the best known.
    row("etsi", Kind::Howler, -6, "1400+2060+2450+2600/100,0/100"),
    row("etsi", Kind::Record, -20, "1400/400,0/15000"),
    row("etsi", Kind::Beep, -10, "!1000/300"),
    row("de", Kind::Busy, -10, "425/480,0/480"),
    row("de", Kind::Congestion, -10, "425/240,0/240"),
    row("de", Kind::Record, -20, "1400/80,0/15000"),
    row("gb", Kind::Dial, -13, "350+440"),
    row("gb", Kind::Ringback, -13, "400+450/400,0/200,400+450/400,0/2000"),
    row("gb", Kind::Busy, -10, "400/375,0/375"),
    row("gb", Kind::Congestion, -10, "400/400,0/350,400/225,0/525"),
    row("gb", Kind::Unobtainable, -10, "400"),
    row("gb", Kind::CallWaiting, -10, "400/100,0/4000"),
    row("gb", Kind::Record, -20, "1400/500,0/60000"),
    row("us", Kind::Dial, -13, "350+440"),
    row("us", Kind::Ringback, -19, "440+480/2000,0/4000"),
    row("us", Kind::Busy, -24, "480+620/500,0/500"),
    row("us", Kind::Congestion, -24, "480+620/250,0/250"),
    // The special information tone "intercept", in the nearest whole Hz (985.2, 1370.6, 1776.7).
    row("us", Kind::Unobtainable, -24, "985/380,1371/274,1777/380,0/1000"),
    row("us", Kind::CallWaiting, -13, "440/300,0/9700"),
    row("us", Kind::Howler, -6, "1400+2060+2450+2600/100,0/100"),
    row("us", Kind::Record, -20, "1400/500,0/15000"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_every_tone() {
        for country in countries() {
            for kind in Kind::ALL {
                let plan = plan(country, kind).expect("the etsi row is whole");
                assert_eq!(Kind::from_name(kind.name()), Some(kind));
                assert!(plan.segments()[0].partials[0].hz > 0, "{country} {kind:?}");
            }
        }
        assert_eq!(TABLE.iter().filter(|r| !countries().any(|c| c == r.country)).count(), 0);
        assert_eq!(plan("xx", Kind::Busy), None);
        assert_eq!(plan("CN", Kind::Busy), plan("cn", Kind::Busy));
        assert_eq!(Kind::from_name("nonsense"), None);
    }

    #[test]
    fn the_tones_people_know() {
        for (country, kind, text) in [
            ("cn", Kind::Busy, "450/350,0/350"),
            ("us", Kind::Ringback, "440+480/2000,0/4000"),
            ("gb", Kind::Busy, "400/375,0/375"),
            ("de", Kind::Busy, "425/480,0/480"),
            ("de", Kind::Ringback, "425/1000,0/4000"),
        ] {
            assert_eq!(plan(country, kind).unwrap().to_string(), text);
        }
    }
}
