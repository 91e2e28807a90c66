//! Facts as [`report`](crate::report) counts them.

use super::{AgentFact, Fact, FactKind, Party, QueueFact, Role};
use crate::base::LegId;
use crate::report::Happened;

/// The kinds of facts that are counted, by name. All others say only that Belfry was there.
pub const COUNTED: &[&str] = &[
    "started",
    "agent",
    "queue",
    "held",
    "retrieved",
    "transferred",
    "bridged",
    "leg_began",
    "leg_answered",
    "leg_ended",
    "survey_answer",
];

impl Fact {
    /// What it counts for.
    pub fn happened(&self) -> Happened<'_> {
        match &self.kind {
            FactKind::Started { lived_ms, .. } => Happened::Started { lived_ms: *lived_ms },
            FactKind::Agent { agent, what } => of_agent(agent, what),
            FactKind::Queue { queue, call, what } => of_queue(queue, *call, what),
            FactKind::Held { call, leg, up_ms } => {
                Happened::Held { call: *call, leg: *leg, up_ms: *up_ms }
            }
            FactKind::Retrieved { call, leg, up_ms } => {
                Happened::Retrieved { call: *call, leg: *leg, up_ms: *up_ms }
            }
            FactKind::Transferred { call, by, by_caller: false, .. } => {
                Happened::Transferred { call: *call, by: *by }
            }
            FactKind::Bridged { call, a, b } => Happened::Bridged { call: *call, a: *a, b: *b },
            FactKind::LegBegan { leg, party, role, outgoing, .. } => {
                of_line(*leg, party, *role, *outgoing)
            }
            FactKind::LegAnswered { leg, .. } => Happened::LegAnswered { leg: *leg },
            FactKind::LegEnded { leg, talk_ms, busy_ms, .. } => {
                Happened::LegEnded { leg: *leg, talk_ms: *talk_ms, busy_ms: *busy_ms }
            }
            FactKind::SurveyAnswer { agent: Some(agent), survey, question, key, .. } => {
                Happened::Survey { agent, survey, question, key }
            }
            _ => Happened::Nothing,
        }
    }
}

/// A gateway's channel was seized, by which side. An earlier version did not write that: then a caller came in, unless
/// it is a mobile phone of ours, which only Belfry calls.
fn of_line(leg: LegId, party: &Party, role: Role, outgoing: Option<bool>) -> Happened<'_> {
    let (gateway, ours) = match party {
        Party::Phone { .. } => return Happened::Nothing,
        Party::Trunk { gateway, .. } => (gateway, false),
        Party::Mobile { gateway, .. } => (gateway, true),
    };
    let came_in = outgoing.map_or(role == Role::Caller && !ours, |outgoing| !outgoing);
    Happened::LegBegan { leg, gateway, came_in }
}

fn of_agent<'a>(agent: &'a str, what: &'a AgentFact) -> Happened<'a> {
    match what {
        AgentFact::State { state, reason, code, cause, was_ms, queue, team, .. } => {
            Happened::State {
                agent,
                team: team.as_deref(),
                state,
                reason,
                code: *code,
                cause,
                was_ms: *was_ms,
                queue: queue.as_deref(),
            }
        }
        AgentFact::Previewed { queue, before_ms, .. } => {
            Happened::Previewed { queue, agent, before_ms: *before_ms }
        }
        // A note alone says nothing that can be counted.
        AgentFact::WrapUp { queue, code, .. } if !code.is_empty() => {
            Happened::WrapUp { queue, agent, code }
        }
        _ => Happened::Nothing,
    }
}

fn of_queue<'a>(queue: &'a str, call: crate::base::CallId, what: &'a QueueFact) -> Happened<'a> {
    match what {
        QueueFact::Entered { .. } => Happened::Entered { queue, call },
        QueueFact::Refused { .. } => Happened::Refused { queue },
        QueueFact::Overflowed { into } => Happened::Overflowed { queue, into },
        QueueFact::Offered { agent, .. } => Happened::Offered { queue, agent },
        QueueFact::NotTaken { agent, why, .. } => Happened::NotTaken { queue, agent, why },
        QueueFact::Answered { agent, back: true, by, .. } => {
            Happened::CalledBack { queue, call, agent, by: *by }
        }
        QueueFact::Answered { agent, waited_ms, rang_ms, back: false, .. } => {
            let (waited_ms, rang_ms) = (*waited_ms, *rang_ms);
            Happened::Answered { queue, call, agent, waited_ms, rang_ms }
        }
        QueueFact::BackWanted { waited_ms, .. } => {
            Happened::BackWanted { queue, call, waited_ms: *waited_ms }
        }
        QueueFact::BackFailed { .. } => Happened::BackFailed { queue },
        QueueFact::BackTried { .. } => Happened::Nothing,
        QueueFact::TalkOver { agent, talk_ms, up_ms } => {
            Happened::TalkOver { queue, call, agent, talk_ms: *talk_ms, up_ms: *up_ms }
        }
        QueueFact::Left { why, waited_ms } => {
            Happened::Left { queue, call, why, waited_ms: *waited_ms }
        }
    }
}
