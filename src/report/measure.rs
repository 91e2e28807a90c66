//! What is counted: each measure with its name in the records and the way in which two of it become one.

use core::fmt;
use std::collections::BTreeMap;

/// Names measures once, for the records and for who reads them.
macro_rules! measures {
    ($( $Variant:ident = $name:literal: $doc:literal, )+) => {
        /// A measure of a queue, an agent, a team or a trunk in one interval. Those that end in `_ms` are times.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Measure {
            $( #[doc = $doc] $Variant, )+
            /// Callers answered after more than so many seconds less one, and at most so many: with these
            /// the service level for any threshold of whole seconds is known.
            AnsweredIn(u32),
            /// Callers who hung up after as long.
            AbandonedIn(u32),
            /// Milliseconds not ready for this reason, `break:2` and the like.
            NotReadyFor(Box<str>),
            /// Answers of a survey's question with a key, `care/solved=1`.
            SurveyKey(Box<str>),
            /// Answers of a survey's question, `care/solved`, with a digit.
            SurveyAnswers(Box<str>),
            /// Their digits, added up.
            SurveyPoints(Box<str>),
            /// Calls that were about this, by the code that the agent gave.
            WrapUp(Box<str>),
        }

        impl Measure {
            fn plain(name: &str) -> Option<Measure> {
                Some(match name {
                    $( $name => Measure::$Variant, )+
                    _ => return None,
                })
            }
        }

        impl fmt::Display for Measure {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $( Measure::$Variant => f.write_str($name), )+
                    Measure::AnsweredIn(seconds) => write!(f, "answered_in:{seconds}"),
                    Measure::AbandonedIn(seconds) => write!(f, "abandoned_in:{seconds}"),
                    Measure::NotReadyFor(reason) => write!(f, "not_ready_for:{reason}"),
                    Measure::SurveyKey(key) => write!(f, "survey_key:{key}"),
                    Measure::SurveyAnswers(of) => write!(f, "survey_answers:{of}"),
                    Measure::SurveyPoints(of) => write!(f, "survey_points:{of}"),
                    Measure::WrapUp(code) => write!(f, "wrap_up:{code}"),
                }
            }
        }

        #[cfg(test)]
        const PLAIN: &[Measure] = &[$( Measure::$Variant, )+];
    };
}

measures! {
    Entered = "entered": "Callers who came into the queue.",
    Refused = "refused": "Callers whom the queue did not let in.",
    Answered = "answered": "Calls answered, of those that ended.",
    PickedUp = "picked_up": "Of these, those that a phone outside the queue picked up, in no talk of the queue's.",
    Abandoned = "abandoned": "Callers who hung up while they waited.",
    TimedOut = "timed_out": "Callers who had waited as long as they may.",
    NoAgents = "no_agents": "Callers put out since the last agent had gone.",
    Key = "key": "Callers who left by a key.",
    Moved = "moved": "Callers who were sent elsewhere while they waited.",
    Closed = "closed": "Callers whose queue was no more.",
    BackWanted = "back_wanted": "Callers who asked to be called back, or are owed that by an alarm.",
    CalledBack = "called_back": "Of these, those whom an agent has talked with; the talk has ended.",
    Previewed = "previewed": "Calls of preview campaigns in which the agent talked with whom it was shown.",
    BackFailed = "back_failed": "Attempts to call back that reached nobody.",
    GivenUp = "given_up": "Call-backs that were given up.",
    CalledAgain = "called_again": "Call-backs whose caller called again and had its place.",
    Overflowed = "overflowed": "Callers who were not let in or were put out, and waited in another queue.",
    FlowedIn = "flowed_in": "Of those who came into the queue, callers of another one that overflowed.",
    Lost = "lost": "Callers who waited when Belfry went away.",
    WaitMs = "wait_ms": "From entry to answer, of those answered.",
    MaxWaitMs = "max_wait_ms": "The longest wait, whatever its end.",
    AbandonMs = "abandon_ms": "From entry to the end of the wait, of those who hung up.",
    RingMs = "ring_ms": "How long the agent's phone rang that answered.",
    TalkMs = "talk_ms": "From answer to the end of the talk, without hold.",
    HoldMs = "hold_ms": "On hold during talks.",
    Transferred = "transferred": "Talks that an agent sent on, each once, and not those that came back.",
    Offers = "offers": "Times that an agent's phone was rung.",
    NotTaken = "not_taken": "Of these, those that came to nothing for a reason of the agent's or its phone's.",
    NoAnswer = "no_answer": "Of these, those that rang until the time was over.",
    SignIns = "sign_ins": "Sign-ins.",
    ReadyMs = "ready_ms": "Ready.",
    RingingMs = "ringing_ms": "Ringing for a queue's caller.",
    TalkingMs = "talking_ms": "Talking with a queue's caller, hold with it.",
    OtherMs = "other_ms": "With a call of no queue.",
    AfterMs = "after_ms": "In after-call work.",
    NotReadyMs = "not_ready_ms": "Signed in and not ready.",
    OtherCalls = "other_calls": "Calls of no queue.",
    CallsIn = "calls_in": "Calls that came in over the trunk.",
    CallsOut = "calls_out": "Calls that went out over it.",
    CallsAnswered = "calls_answered": "Of these, those that were answered.",
    BusyMs = "busy_ms": "Channels in use, time by time.",
    MaxBusy = "max_busy": "The most channels in use at a time.",
}

/// How two values of a measure become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Merge {
    /// Added.
    Sum,
    /// The larger one.
    Most,
}

impl Measure {
    /// How two of it become one.
    pub fn merge(&self) -> Merge {
        match self {
            Measure::MaxWaitMs | Measure::MaxBusy => Merge::Most,
            _ => Merge::Sum,
        }
    }

    /// By its name in the records; `None`: it is a later version's.
    pub fn named(name: &str) -> Option<Measure> {
        let Some((name, of)) = name.split_once(':') else { return Measure::plain(name) };
        Some(match name {
            "answered_in" => Measure::AnsweredIn(of.parse().ok()?),
            "abandoned_in" => Measure::AbandonedIn(of.parse().ok()?),
            "not_ready_for" => Measure::NotReadyFor(of.into()),
            "survey_key" => Measure::SurveyKey(of.into()),
            "survey_answers" => Measure::SurveyAnswers(of.into()),
            "survey_points" => Measure::SurveyPoints(of.into()),
            "wrap_up" => Measure::WrapUp(of.into()),
            _ => return None,
        })
    }
}

/// Measures with their values: of one interval, or of any span when such are merged.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    values: BTreeMap<Measure, u64>,
}

impl Tally {
    /// Takes a value in, as its measure is merged.
    pub fn add(&mut self, measure: Measure, value: u64) {
        let merge = measure.merge();
        let own = self.values.entry(measure).or_default();
        *own = match merge {
            Merge::Sum => own.saturating_add(value),
            Merge::Most => value.max(*own),
        };
    }
    /// Takes another one in.
    pub fn merge(&mut self, other: &Tally) {
        other.values.iter().for_each(|(measure, value)| self.add(measure.clone(), *value));
    }
    /// A measure's value; 0 where there is none.
    pub fn get(&self, measure: Measure) -> u64 {
        self.values.get(&measure).copied().unwrap_or(0)
    }
    /// The sum of several.
    pub fn sum(&self, measures: &[Measure]) -> u64 {
        measures.iter().map(|measure| self.get(measure.clone())).sum()
    }
    /// All of them.
    pub fn values(&self) -> impl Iterator<Item = (&Measure, u64)> {
        self.values.iter().map(|(measure, value)| (measure, *value))
    }
    /// Calls answered within so many seconds.
    pub fn answered_within(&self, seconds: u32) -> u64 {
        let range = Measure::AnsweredIn(0)..=Measure::AnsweredIn(seconds);
        self.values.range(range).map(|(_, count)| count).sum()
    }
    /// Callers who hung up within so many seconds.
    pub fn abandoned_within(&self, seconds: u32) -> u64 {
        let range = Measure::AbandonedIn(0)..=Measure::AbandonedIn(seconds);
        self.values.range(range).map(|(_, count)| count).sum()
    }
}

/// Whole seconds, rounded up: a wait of 20,000 ms is within 20 s, one of 20,001 ms is not.
pub fn seconds_up(ms: u64) -> u32 {
    u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let more = [
            Measure::AnsweredIn(17),
            Measure::AbandonedIn(0),
            Measure::NotReadyFor("break:2".into()),
            Measure::SurveyKey("care/solved=*".into()),
            Measure::SurveyAnswers("care/solved".into()),
            Measure::SurveyPoints("care/solved".into()),
            Measure::WrapUp("17".into()),
        ];
        for measure in PLAIN.iter().chain(&more) {
            assert_eq!(Measure::named(&measure.to_string()).as_ref(), Some(measure));
        }
        assert_eq!(Measure::named("answered_in:x"), None);
        assert_eq!(Measure::named("of a later version"), None);
    }

    #[test]
    fn within_is_within() {
        let mut tally = Tally::default();
        for ms in [0, 1, 20_000, 20_001, 90_000] {
            tally.add(Measure::AnsweredIn(seconds_up(ms)), 1);
        }
        assert_eq!([0, 1, 19, 20, 21, 90].map(|s| tally.answered_within(s)), [1, 2, 2, 3, 4, 5]);
        assert_eq!(tally.abandoned_within(90), 0);
        tally.add(Measure::MaxWaitMs, 5);
        tally.add(Measure::MaxWaitMs, 3);
        assert_eq!(tally.get(Measure::MaxWaitMs), 5);
    }
}
