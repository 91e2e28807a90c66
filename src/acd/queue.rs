//! One queue: on which terms callers wait, in which order, and who may come in.
//!
//! ```text
//!  rank = entered − priority × ageing      the smallest is next
//! ```
//!
//! A point of priority is worth so much waiting ([`Terms::ageing`]); with a day, priority goes before
//! everything, with 30 s a caller of priority 0 who has waited five minutes goes before one of
//! priority 10 who has just come. The order of two callers never changes while they wait, so that
//! they stand in ordered sets; and it compares callers of several queues.
//!
//! ```text
//!            entered      + last_agent        + region_overflow      + longest
//!  bin:      │ Held(agent) │ Region(r)         │ Open                 │ out: TimedOut
//! ```

use serde::{Deserialize, Serialize};

use super::agent::AgentId;
use super::hours::Hours;
use super::strategy::Strategy;
use crate::base::{CallId, Duration, Time};

/// The most priority, either way.
pub const MOST_PRIORITY: i32 = 100;
/// What VIP adds to the priority.
pub const VIP: i32 = 50;

/// A queue, as long as it is configured.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct QueueId(pub u32);

/// A region, by the order in which the configuration names them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Region(pub u16);

/// Which agents must be there for a caller to come in, or to stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Staffing {
    /// None.
    Nobody,
    /// One who is signed in, on a break maybe.
    #[default]
    SignedIn,
    /// One who works: is ready, has a call or writes.
    Working,
}

impl Staffing {
    /// All, with their names in the configuration.
    pub const ALL: [(&'static str, Staffing); 3] = [
        ("nobody", Staffing::Nobody),
        ("signed-in", Staffing::SignedIn),
        ("working", Staffing::Working),
    ];
}

/// Who serves a queue: of those named (nobody named: of all) who has the skills.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Members {
    /// Agents by number, in the order of [`Strategy::InOrder`].
    pub agents: Vec<String>,
    /// Teams.
    pub teams: Vec<String>,
    /// Skills, all of them, each with the least level.
    pub skills: Vec<(String, u8)>,
}

/// How callers are called back who do not wish to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BackTerms {
    /// So many attempts fail, and it is given up.
    pub attempts: u32,
    /// Between two attempts.
    pub pause: Duration,
    /// Within so long after it was asked for, or it is given up.
    pub within: Duration,
    /// So many are to be called back at most.
    pub most: usize,
}

impl BackTerms {
    /// How many of them may hide their numbers.
    pub fn most_hidden(&self) -> usize {
        (self.most / 10).max(1)
    }
}

/// A call-back that a caller has asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Back {
    /// The number to be called: the caller's own, or another one that it has given.
    pub number: String,
    /// So many attempts failed.
    pub failed: u32,
    /// What its caller had waited before the clock began: before a restart.
    #[serde(default)]
    pub before: Duration,
}

/// A queue's terms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// Its name.
    pub name: String,
    /// Who serves it.
    pub members: Members,
    /// Which agent is next.
    pub strategy: Strategy,
    /// How long an agent's phone rings.
    pub ring: Duration,
    /// How long after-call work may take; zero: there is none.
    pub after_call: Duration,
    /// How much waiting a point of priority is worth.
    pub ageing: Duration,
    /// How long only agents of the caller's region are tried.
    pub region_overflow: Duration,
    /// How long the agent is waited for who served the caller last.
    pub last_agent: Duration,
    /// The most callers.
    pub most: usize,
    /// The longest wait.
    pub longest: Duration,
    /// Who must be there for a caller to come in.
    pub join: Staffing,
    /// Who must be there for a caller to stay.
    pub stay: Staffing,
    /// How callers are called back; `None`: they are not.
    pub back: Option<BackTerms>,
    /// When it is open.
    #[serde(default)]
    pub hours: Hours,
    /// The queue into which its callers overflow.
    #[serde(default)]
    pub overflow: Option<String>,
}

/// Who comes into a queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The call.
    pub call: CallId,
    /// Its number.
    pub number: String,
    /// The higher, the earlier its turn.
    pub priority: i32,
    /// It follows an alarm: no limit of the queue's length keeps it out.
    pub urgent: bool,
    /// More still.
    pub vip: bool,
    /// Its region, by name.
    pub region: Option<String>,
    /// How long this one waits at most, where that is shorter than the queue's.
    pub longest: Option<Duration>,
    /// Since when it waits, where that was in another call or queue before: its place is of that time.
    pub since: Option<Time>,
}

/// A caller's place among others: the smallest is next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Rank(i64, CallId);

impl Rank {
    /// Of a caller who entered then.
    pub fn new(entered: Time, priority: i32, ageing: Duration, call: CallId) -> Rank {
        let millis = |ms: u128| i64::try_from(ms).unwrap_or(i64::MAX / 1_000);
        let worth = millis(ageing.as_millis()).saturating_mul(i64::from(priority));
        let entered = i64::try_from(entered.as_millis()).unwrap_or(i64::MAX);
        Rank(entered.saturating_sub(worth), call)
    }
    /// Of a call-back from before a restart, which has waited for so long at `now`.
    pub fn kept(
        now: Time,
        waited: Duration,
        priority: i32,
        ageing: Duration,
        call: CallId,
    ) -> Rank {
        let millis = |ms: u128| i64::try_from(ms).unwrap_or(i64::MAX / 1_000);
        let Rank(rank, call) = Rank::new(now, priority, ageing, call);
        Rank(rank.saturating_sub(millis(waited.as_millis())), call)
    }
    /// The place of another call: its own, so much of priority further ahead.
    pub fn taken_over(self, more: i32, ageing: Duration, call: CallId) -> Rank {
        let ms = i64::try_from(ageing.as_millis()).unwrap_or(i64::MAX / 1_000);
        Rank(self.0.saturating_sub(ms.saturating_mul(i64::from(more))), call)
    }
    /// Whose.
    pub fn call(self) -> CallId {
        self.1
    }
}

/// Who may take a waiting caller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Bin {
    /// This agent.
    Held(AgentId),
    /// Agents of this region, and those of none.
    Region(Region),
    /// Every agent of the queue.
    Open,
}

/// Where a caller stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Stage {
    /// Waits for one of these.
    Waiting(Bin),
    /// These agents' phones ring.
    Offered {
        /// Who.
        agents: Vec<AgentId>,
        /// Since when.
        since: Time,
        /// Who was asked in this round, those who ring among them: nobody is asked twice.
        asked: Vec<AgentId>,
    },
    /// A call-back that nobody answered is tried again at this time.
    Resting(Time),
    /// This agent has taken a call-back, and the caller is being called.
    Calling(AgentId),
    /// Whoever is to be called back is on the line: until that call is over nobody does.
    Suspended {
        /// The call: the one in which it was asked for, or a later one, which has its place.
        by: CallId,
        /// It rested until then; zero: it did not.
        rests: Time,
    },
}

impl Stage {
    /// Nobody is being rung for it.
    pub fn is_idle(&self) -> bool {
        matches!(self, Stage::Waiting(_) | Stage::Resting(_))
    }
}

/// A caller in a queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Caller {
    /// In which.
    pub queue: QueueId,
    /// Its number.
    pub number: String,
    /// Its priority, VIP added.
    pub priority: i32,
    /// When it came; who takes over the place of its call-back: when that was asked for.
    pub entered: Time,
    /// When this call came: what figures say of its wait begins here.
    pub came: Time,
    /// Its place.
    pub rank: Rank,
    /// Its region, unless every agent may take it.
    pub region: Option<Region>,
    /// The agent who served it last, as long as that one is waited for.
    pub favourite: Option<AgentId>,
    /// Where it stands.
    pub stage: Stage,
    /// When it has waited long enough.
    pub until: Time,
    /// It follows an alarm.
    #[serde(default)]
    pub urgent: bool,
    /// It has hung up and is to be called.
    pub back: Option<Back>,
}

impl Caller {
    /// Who may take it now.
    pub fn bin(&self, now: Time, terms: &Terms) -> Bin {
        match (self.favourite, self.region) {
            (Some(agent), _) if now < self.entered + terms.last_agent => Bin::Held(agent),
            (_, Some(region)) if now < self.entered + terms.region_overflow => Bin::Region(region),
            _ => Bin::Open,
        }
    }

    /// When something about its wait changes by itself.
    pub fn due(&self, now: Time, terms: &Terms) -> Time {
        let opens = match self.stage {
            Stage::Resting(until) => return until.min(self.until),
            Stage::Offered { .. } => Time::NEVER,
            Stage::Calling(_) => return Time::NEVER,
            Stage::Suspended { .. } => Time::NEVER,
            Stage::Waiting(_) => [
                self.favourite.map(|_| self.entered + terms.last_agent),
                self.region.map(|_| self.entered + terms.region_overflow),
            ]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min()
            .unwrap_or(Time::NEVER),
        };
        opens.min(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;

    const DAY: Duration = Duration::from_secs(86_400);

    fn rank(s: u64, priority: i32, ageing: Duration) -> Rank {
        let (at, call) = (Time::from_millis(s * 1_000), CallId::new(Wall(1), s));
        Rank::new(at, priority, ageing, call)
    }

    #[test]
    fn priority_first_then_who_waits_longer_and_age_counts() {
        assert!(rank(5, 0, DAY) < rank(6, 0, DAY));
        assert!(rank(60, 1, DAY) < rank(5, 0, DAY));
        let ageing = Duration::from_secs(30);
        assert!(rank(0, 0, ageing) < rank(301, 10, ageing), "five minutes outweigh ten points");
        assert!(rank(299, 10, ageing) < rank(0, 0, ageing));
        assert!(rank(5, MOST_PRIORITY + VIP, DAY) < rank(0, MOST_PRIORITY, DAY));
        assert!(rank(0, -MOST_PRIORITY, DAY) > rank(80_000, 0, DAY));
    }

    #[test]
    fn a_caller_is_held_then_of_its_region_then_anybodys() {
        let at = |s: u64| Time::from_millis(s * 1_000);
        let terms = Terms {
            name: "care".into(),
            members: Members::default(),
            strategy: Strategy::LongestIdle,
            ring: Duration::from_secs(15),
            after_call: Duration::ZERO,
            ageing: DAY,
            region_overflow: Duration::from_secs(30),
            last_agent: Duration::from_secs(10),
            most: 10,
            longest: Duration::from_secs(600),
            join: Staffing::Nobody,
            stay: Staffing::Nobody,
            back: None,
            hours: Hours::default(),
            overflow: None,
        };
        let mut caller = Caller {
            queue: QueueId(0),
            number: "13900001111".into(),
            priority: 0,
            entered: at(100),
            came: at(100),
            rank: rank(100, 0, DAY),
            region: Some(Region(3)),
            favourite: Some(AgentId(7)),
            stage: Stage::Waiting(Bin::Open),
            until: at(700),
            urgent: false,
            back: None,
        };
        let bins = [100, 109, 110, 129, 130].map(|s| caller.bin(at(s), &terms));
        let (held, region) = (Bin::Held(AgentId(7)), Bin::Region(Region(3)));
        assert_eq!(bins, [held, held, region, region, Bin::Open]);
        let due = [100, 110, 130].map(|s| caller.due(at(s), &terms));
        assert_eq!(due, [at(110), at(130), at(700)]);
        caller.favourite = None;
        assert_eq!(caller.bin(at(100), &terms), region);
    }
}
