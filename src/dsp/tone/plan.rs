//! A tone as data: a cadence of segments, each silence or up to four frequencies.
//!
//! Plans are written in one line, in the form that Asterisk's `indications.conf` made common:
//!
//! ```text
//! 450/350,0/350                busy in China: 450 Hz for 350 ms, 350 ms silence, again and again
//! 350+440                      North American dial tone: two frequencies until stopped
//! !1400/400,!0/600,450         "!": played once; the rest loops
//! ```
//!
//! Not here: modulated tones (`400*25`), which no plan that we ship needs.

use core::fmt;

/// Most segments in one plan.
pub const MAX_SEGMENTS: usize = 12;
/// Most frequencies that sound at once: a North American howler has four.
pub const MAX_PARTIALS: usize = 4;
/// Longest segment in milliseconds: an hour.
pub const LONGEST_MS: u32 = 3_600_000;

/// One frequency of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partial {
    /// Frequency, 1 to 3,999 Hz; 0 marks an unused place.
    pub hz: u16,
    /// Its level in dBm0.
    pub dbm0: i8,
}

impl Partial {
    /// An unused place.
    const UNUSED: Partial = Partial { hz: 0, dbm0: 0 };
}

/// One piece of a cadence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// What sounds; all unused: silence.
    pub partials: [Partial; MAX_PARTIALS],
    /// How long in milliseconds; 0: until stopped.
    pub ms: u32,
}

impl Segment {
    /// `ms` of silence, 0 for no end.
    pub const fn silence(ms: u32) -> Segment {
        Segment { partials: [Partial::UNUSED; MAX_PARTIALS], ms }
    }
    /// Two frequencies for `ms`, as a DTMF digit has.
    pub const fn pair(a: Partial, b: Partial, ms: u32) -> Segment {
        Segment { partials: [a, b, Partial::UNUSED, Partial::UNUSED], ms }
    }
}

/// How often the looping part of a plan is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repeat {
    /// Until it is stopped.
    Forever,
    /// This many times.
    Times(u16),
}

/// A tone: some segments played once, then some that loop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    segments: [Segment; MAX_SEGMENTS],
    /// How many of `segments` there are, at least 1.
    len: u8,
    /// The first that loops; `len` when none does.
    looped_from: u8,
    repeat: Repeat,
}

/// What is wrong with a plan's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlanFault {
    /// A number should stand here.
    NumberExpected,
    /// A frequency of 4,000 Hz or more: 8 kHz sampling cannot carry it.
    FrequencyTooHigh,
    /// A segment that lasts longer than [`LONGEST_MS`], or 0 ms.
    Duration,
    /// 0 Hz (silence) added to a frequency.
    SilenceInMix,
    /// More than [`MAX_PARTIALS`] frequencies in one segment.
    TooManyFrequencies,
    /// More than [`MAX_SEGMENTS`] segments.
    TooManySegments,
    /// `!` after a segment that loops.
    OnceAfterLoop,
    /// A segment without duration never ends, so what follows is never heard.
    Unreachable,
    /// Something other than `,` `+` `/` or a digit.
    Unexpected,
}

/// A plan's text that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlanError {
    /// What is wrong.
    pub fault: PlanFault,
    /// Where, in bytes from the start.
    pub offset: usize,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            PlanFault::NumberExpected => "a number is expected",
            PlanFault::FrequencyTooHigh => "frequencies go up to 3999 Hz",
            PlanFault::Duration => "a duration is 1 to 3600000 ms",
            PlanFault::SilenceInMix => "0 (silence) cannot be mixed with a frequency",
            PlanFault::TooManyFrequencies => "at most 4 frequencies sound at once",
            PlanFault::TooManySegments => "a tone has at most 12 segments",
            PlanFault::OnceAfterLoop => "\"!\" comes before the segments that loop",
            PlanFault::Unreachable => "the segment before has no duration, so this is never heard",
            PlanFault::Unexpected => "expected \",\", \"+\" or \"/\"",
        };
        write!(f, "tone, character {}: {what}", self.offset + 1)
    }
}
impl core::error::Error for PlanError {}

impl Plan {
    /// Reads `text`; every frequency gets `dbm0` as its level. `const`, so that a mistake in a
    /// built-in plan does not compile.
    pub const fn parse(text: &str, dbm0: i8) -> Result<Plan, PlanError> {
        let mut reader = Reader { text: text.as_bytes(), at: 0 };
        let mut plan = Plan {
            segments: [Segment::silence(0); MAX_SEGMENTS],
            len: 0,
            looped_from: 0,
            repeat: Repeat::Forever,
        };
        loop {
            reader.skip_blanks();
            if plan.len > 0 && plan.segments[plan.len as usize - 1].ms == 0 {
                return Err(reader.error(PlanFault::Unreachable));
            }
            if plan.len as usize == MAX_SEGMENTS {
                return Err(reader.error(PlanFault::TooManySegments));
            }
            let offset = reader.at;
            if reader.take(b'!') {
                if plan.looped_from < plan.len {
                    return Err(PlanError { fault: PlanFault::OnceAfterLoop, offset });
                }
                plan.looped_from += 1;
            }
            match reader.segment(dbm0) {
                Ok(segment) => plan.segments[plan.len as usize] = segment,
                Err(error) => return Err(error),
            }
            plan.len += 1;
            reader.skip_blanks();
            if reader.at == reader.text.len() {
                return Ok(plan);
            }
            if !reader.take(b',') {
                return Err(reader.error(PlanFault::Unexpected));
            }
        }
    }

    /// One segment and then, unless it has no end, silence for `gap_ms` (0: none), once.
    pub const fn once(segment: Segment, gap_ms: u32) -> Plan {
        let mut segments = [Segment::silence(0); MAX_SEGMENTS];
        segments[0] = segment;
        segments[1] = Segment::silence(gap_ms);
        let len = if segment.ms > 0 && gap_ms > 0 { 2 } else { 1 };
        Plan { segments, len, looped_from: len, repeat: Repeat::Forever }
    }

    /// The same plan, its loop played `repeat` times.
    pub const fn repeated(mut self, repeat: Repeat) -> Plan {
        self.repeat = repeat;
        self
    }

    /// The same plan with every frequency at `dbm0`.
    pub const fn at_level(mut self, dbm0: i8) -> Plan {
        let mut s = 0;
        while s < MAX_SEGMENTS {
            let mut p = 0;
            while p < MAX_PARTIALS {
                self.segments[s].partials[p].dbm0 = dbm0;
                p += 1;
            }
            s += 1;
        }
        self
    }

    /// The segments in order; at least one.
    pub fn segments(&self) -> &[Segment] {
        &self.segments[..usize::from(self.len)]
    }
    /// Index of the first segment that loops; as many as there are when none does.
    pub fn looped_from(&self) -> usize {
        usize::from(self.looped_from)
    }
    /// How often the loop is played.
    pub fn repeat(&self) -> Repeat {
        self.repeat
    }

    /// How long the whole plays in milliseconds; `None`: until stopped.
    pub fn duration_ms(&self) -> Option<u64> {
        if self.segments().iter().any(|s| s.ms == 0) {
            return None;
        }
        let sum = |part: &[Segment]| part.iter().map(|s| u64::from(s.ms)).sum::<u64>();
        let (once, looped) = self.segments().split_at(self.looped_from());
        match (looped.is_empty(), self.repeat) {
            (true, _) => Some(sum(once)),
            (false, Repeat::Times(n)) => Some(sum(once) + u64::from(n) * sum(looped)),
            (false, Repeat::Forever) => None,
        }
    }
}

/// The text form, without levels and number of repeats; [`Plan::parse`] reads it back.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments().iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let once = if index < self.looped_from() { "!" } else { "" };
            write!(f, "{comma}{once}{}", segment.partials[0].hz)?;
            for partial in segment.partials[1..].iter().filter(|p| p.hz != 0) {
                write!(f, "+{}", partial.hz)?;
            }
            if segment.ms > 0 {
                write!(f, "/{}", segment.ms)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({self} {} dBm0 {:?})", self.segments[0].partials[0].dbm0, self.repeat)
    }
}

/// A place in the text.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    const fn error(&self, fault: PlanFault) -> PlanError {
        PlanError { fault, offset: self.at }
    }

    const fn skip_blanks(&mut self) {
        while self.at < self.text.len() && self.text[self.at] == b' ' {
            self.at += 1;
        }
    }

    const fn take(&mut self, byte: u8) -> bool {
        let found = self.at < self.text.len() && self.text[self.at] == byte;
        if found {
            self.at += 1;
        }
        found
    }

    /// A decimal number; too many digits give `u32::MAX`, which every limit here refuses.
    const fn number(&mut self) -> Result<u32, PlanError> {
        let start = self.at;
        let mut value = 0u32;
        while self.at < self.text.len() && self.text[self.at].is_ascii_digit() {
            value = value.saturating_mul(10).saturating_add((self.text[self.at] - b'0') as u32);
            self.at += 1;
        }
        if self.at == start { Err(self.error(PlanFault::NumberExpected)) } else { Ok(value) }
    }

    /// `hz[+hz…][/ms]`.
    const fn segment(&mut self, dbm0: i8) -> Result<Segment, PlanError> {
        let mut segment = Segment::silence(0);
        let mut count = 0;
        loop {
            let offset = self.at;
            let hz = match self.number() {
                Ok(hz) => hz,
                Err(error) => return Err(error),
            };
            if hz > 3999 {
                return Err(PlanError { fault: PlanFault::FrequencyTooHigh, offset });
            }
            if count == MAX_PARTIALS {
                return Err(PlanError { fault: PlanFault::TooManyFrequencies, offset });
            }
            segment.partials[count] = Partial { hz: hz as u16, dbm0 };
            count += 1;
            let more = self.take(b'+');
            if hz == 0 && (more || count > 1) {
                return Err(PlanError { fault: PlanFault::SilenceInMix, offset });
            }
            if !more {
                break;
            }
        }
        let offset = self.at;
        if self.take(b'/') {
            segment.ms = match self.number() {
                Ok(ms) if ms > 0 && ms <= LONGEST_MS => ms,
                Ok(_) => {
                    return Err(PlanError { fault: PlanFault::Duration, offset: offset + 1 });
                }
                Err(error) => return Err(error),
            };
        }
        Ok(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plan_reads_as_it_is_written() {
        let plan = Plan::parse("!1400/400, !0/600,350+440/2000 ,0/4000", -13).unwrap();
        assert_eq!(plan.segments().len(), 4);
        assert_eq!(plan.looped_from(), 2);
        assert_eq!(plan.segments()[2].partials[1], Partial { hz: 440, dbm0: -13 });
        assert_eq!(plan.to_string(), "!1400/400,!0/600,350+440/2000,0/4000");
        assert_eq!(plan.duration_ms(), None);
        assert_eq!(plan.repeated(Repeat::Times(2)).duration_ms(), Some(13_000));
        assert_eq!(Plan::parse("!950/330,!1400/330", -10).unwrap().duration_ms(), Some(660));
        assert_eq!(Plan::parse("!950/330,!1400", -10).unwrap().duration_ms(), None);
        assert_eq!(plan.at_level(-20).segments()[0].partials[0].dbm0, -20);
    }

    #[test]
    fn each_fault_is_named_where_it_is() {
        let thirteen = ["450/100"; 13].join(",");
        for (text, fault, offset) in [
            ("", PlanFault::NumberExpected, 0),
            ("450/", PlanFault::NumberExpected, 4),
            ("450,", PlanFault::Unreachable, 4),
            ("450/1,", PlanFault::NumberExpected, 6),
            ("4000", PlanFault::FrequencyTooHigh, 0),
            ("99999999999", PlanFault::FrequencyTooHigh, 0),
            ("450/0", PlanFault::Duration, 4),
            ("450/3600001", PlanFault::Duration, 4),
            ("450+0", PlanFault::SilenceInMix, 4),
            ("0+450", PlanFault::SilenceInMix, 0),
            ("1+2+3+4+5", PlanFault::TooManyFrequencies, 8),
            (&thirteen, PlanFault::TooManySegments, 96),
            ("450/1,!450/1", PlanFault::OnceAfterLoop, 6),
            ("450/1;450/1", PlanFault::Unexpected, 5),
            ("400*25", PlanFault::Unexpected, 3),
            ("a", PlanFault::NumberExpected, 0),
            ("450/350,四", PlanFault::NumberExpected, 8),
        ] {
            assert_eq!(Plan::parse(text, 0), Err(PlanError { fault, offset }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9!+/, x]{0,60}") {
            if let Ok(plan) = Plan::parse(&text, -10) {
                prop_assert_eq!(Plan::parse(&plan.to_string(), -10), Ok(plan));
            }
        }
    }
}
