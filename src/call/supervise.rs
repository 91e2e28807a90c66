//! Supervision of a talk (R4, R20): who listens, who speaks to the agent alone, who joins in.
//!
//! ```text
//!                    customer ═════ agent          the talk, each hears the other
//!                        │            ▲
//!   listens  ◀───────────┴────────────┤            heard by nobody
//!   whispers ◀───────────┴───────── coach's line   heard by the agent, never by the customer
//!   barges in ◀══════════╧════════════╧═══▶        a call of three
//! ```
//!
//! Says for each party what it is, and nothing of audio: that is `media::room`'s, whose lines these places
//! become. Nothing of who may do so either: that is the exchange's, which knows the roles.

use serde::{Deserialize, Serialize};

use crate::base::LegId;

/// The most supervisors with one talk.
pub const MOST_WATCHERS: usize = 8;
/// The most of them that speak to the agent at a time: each has a line of its own.
pub const MOST_COACHES: usize = 3;

/// What a supervisor does about a talk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Is with it.
    Watch(Manner),
    /// Ends the call.
    Disconnect,
    /// Takes the agent's place.
    TakeOver,
}

/// How a supervisor is with a talk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// Hears both, is heard by nobody.
    Listen,
    /// Is heard by the agent alone.
    Whisper,
    /// Is heard by both.
    Barge,
}

impl Act {
    /// The word for it in records.
    pub fn word(self) -> &'static str {
        match self {
            Act::Watch(Manner::Listen) => "listen",
            Act::Watch(Manner::Whisper) => "whisper",
            Act::Watch(Manner::Barge) => "barge",
            Act::Disconnect => "disconnect",
            Act::TakeOver => "take_over",
        }
    }

    /// What a key of one who is with a talk means: the last digit of the code that would do it.
    pub fn of_key(key: char) -> Option<Act> {
        Some(match key {
            '0' => Act::Watch(Manner::Listen),
            '1' => Act::Watch(Manner::Whisper),
            '2' => Act::Watch(Manner::Barge),
            '3' => Act::Disconnect,
            '4' => Act::TakeOver,
            _ => return None,
        })
    }
}

/// What somebody is in a talk that is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Speaks to all, hears all but the coaches.
    Party,
    /// Speaks to all, hears all, and these coaches besides.
    Coached([bool; MOST_COACHES]),
    /// Hears the talk, is heard by nobody.
    Listener,
    /// Hears the talk, is heard on this coach's line.
    Coach(u8),
}

/// Why somebody cannot be with a talk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// There are [`MOST_WATCHERS`].
    Watchers,
    /// There are [`MOST_COACHES`].
    Coaches,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Watcher {
    leg: LegId,
    manner: Manner,
    /// Its line, while it whispers.
    coach: Option<u8>,
}

/// A talk and who watches it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Supervision {
    customer: LegId,
    agent: LegId,
    watchers: Vec<Watcher>,
}

impl Supervision {
    /// Of a talk that nobody watches yet.
    pub fn of(customer: LegId, agent: LegId) -> Supervision {
        Supervision { customer, agent, watchers: Vec::new() }
    }

    /// The two who talk: the customer, and the agent who is watched.
    pub fn talk(&self) -> (LegId, LegId) {
        (self.customer, self.agent)
    }
    /// Whether nobody watches.
    pub fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }
    /// Who watches.
    pub fn watchers(&self) -> impl Iterator<Item = LegId> {
        self.watchers.iter().map(|watcher| watcher.leg)
    }
    /// How somebody is with it; `None`: it is not.
    pub fn manner(&self, leg: LegId) -> Option<Manner> {
        self.watchers.iter().find(|watcher| watcher.leg == leg).map(|watcher| watcher.manner)
    }
    /// Whether the customer hears anybody besides the agent.
    pub fn is_joined(&self) -> bool {
        self.watchers.iter().any(|watcher| watcher.manner == Manner::Barge)
    }

    /// A supervisor comes, or is with the talk in another manner from now on. An error changes nothing.
    pub fn watch(&mut self, leg: LegId, manner: Manner) -> Result<(), Full> {
        let coach = match manner {
            Manner::Whisper => Some(self.line_for(leg).ok_or(Full::Coaches)?),
            Manner::Listen | Manner::Barge => None,
        };
        let watcher = Watcher { leg, manner, coach };
        match self.watchers.iter().position(|watcher| watcher.leg == leg) {
            Some(at) => self.watchers[at] = watcher,
            None if self.watchers.len() >= MOST_WATCHERS => return Err(Full::Watchers),
            None => self.watchers.push(watcher),
        }
        Ok(())
    }

    /// The line on which somebody whispers, or could.
    fn line_for(&self, leg: LegId) -> Option<u8> {
        let own = self.watchers.iter().find(|watcher| watcher.leg == leg).and_then(|w| w.coach);
        let taken = |line: &u8| self.watchers.iter().any(|w| w.coach == Some(*line));
        own.or_else(|| (0..MOST_COACHES as u8).find(|line| !taken(line)))
    }

    /// A supervisor has gone; `false`: it was not here.
    pub fn leave(&mut self, leg: LegId) -> bool {
        let before = self.watchers.len();
        self.watchers.retain(|watcher| watcher.leg != leg);
        self.watchers.len() < before
    }

    /// What each is: the two who talk first.
    pub fn places(&self) -> Vec<(LegId, Place)> {
        let mut coached = [false; MOST_COACHES];
        for line in self.watchers.iter().filter_map(|watcher| watcher.coach) {
            coached[usize::from(line)] = true;
        }
        let of = |watcher: &Watcher| match (watcher.manner, watcher.coach) {
            (Manner::Whisper, Some(line)) => Place::Coach(line),
            (Manner::Barge, _) => Place::Party,
            _ => Place::Listener,
        };
        let talk = [(self.customer, Place::Party), (self.agent, Place::Coached(coached))];
        talk.into_iter().chain(self.watchers.iter().map(|w| (w.leg, of(w)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CUSTOMER: LegId = LegId(1);
    const AGENT: LegId = LegId(2);

    #[test]
    fn places_follow_the_manner() {
        let mut talk = Supervision::of(CUSTOMER, AGENT);
        talk.watch(LegId(3), Manner::Listen).unwrap();
        talk.watch(LegId(4), Manner::Whisper).unwrap();
        talk.watch(LegId(5), Manner::Barge).unwrap();
        let coached = Place::Coached([true, false, false]);
        let places = [Place::Party, coached, Place::Listener, Place::Coach(0), Place::Party];
        assert_eq!(talk.places().iter().map(|(_, place)| *place).collect::<Vec<_>>(), places);
        assert!(talk.is_joined());
        talk.watch(LegId(5), Manner::Listen).unwrap();
        assert!(!talk.is_joined() && talk.leave(LegId(4)) && !talk.leave(LegId(4)));
        assert_eq!(talk.places()[1].1, Place::Coached([false; MOST_COACHES]));
    }

    #[test]
    fn so_many_lines_and_no_more() {
        let mut talk = Supervision::of(CUSTOMER, AGENT);
        for n in 0..MOST_COACHES as u64 {
            talk.watch(LegId(10 + n), Manner::Whisper).unwrap();
        }
        assert_eq!(talk.watch(LegId(20), Manner::Whisper), Err(Full::Coaches));
        assert_eq!(talk.manner(LegId(20)), None);
        talk.watch(LegId(10), Manner::Whisper).expect("it has its line already");
        for n in MOST_COACHES..MOST_WATCHERS {
            talk.watch(LegId(30 + n as u64), Manner::Listen).unwrap();
        }
        assert_eq!(talk.watch(LegId(20), Manner::Listen), Err(Full::Watchers));
    }

    proptest! {
        /// The customer never hears a coach, and no two coaches share a line.
        #[test]
        fn a_whisper_is_the_agents_alone(steps in prop::collection::vec((3u64..14, 0u8..4), 0..60)) {
            let mut talk = Supervision::of(CUSTOMER, AGENT);
            for (leg, step) in steps {
                let manner = [Manner::Listen, Manner::Whisper, Manner::Barge].get(usize::from(step));
                match manner {
                    Some(manner) => _ = talk.watch(LegId(leg), *manner),
                    None => _ = talk.leave(LegId(leg)),
                }
                let places = talk.places();
                prop_assert_eq!(places[0], (CUSTOMER, Place::Party));
                let mut lines: Vec<u8> = places.iter().filter_map(|(_, place)| match place {
                    Place::Coach(line) => Some(*line),
                    _ => None,
                }).collect();
                let coaches = lines.len();
                lines.sort_unstable();
                lines.dedup();
                prop_assert_eq!(lines.len(), coaches);
                let Place::Coached(hears) = places[1].1 else { panic!("the agent") };
                prop_assert_eq!(hears.iter().filter(|line| **line).count(), coaches);
            }
        }
    }
}
