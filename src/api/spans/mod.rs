//! Calls as spans for OpenTelemetry: from facts, one for each call with one for each of its legs below it.
//!
//! ```text
//!  call_began ─▶ open ─┬─ leg_began … leg_ended ─▶ a span each
//!                      ├─ route_taken, queue      ─▶ events of the call's
//!                      └─ call_ended              ─▶ the call's ─▶ batch ─▶ export (OTLP/HTTP, JSON)
//! ```
//!
//! Ids are made of the node's name and the call's id, so that who knows the one knows the other. No number and no
//! name of a caller is among the attributes. What is written: the protocol's JSON (opentelemetry-proto, `trace/v1`).

pub mod export;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::base::{CallId, LegId};
use crate::switch::fact::{Fact, FactKind, QueueFact, Role, Sound};

/// The most calls that are open; beyond them the oldest is left out.
const MOST_CALLS: usize = 50_000;
/// The most events of a call, and legs.
const MOST_EVENTS: usize = 100;
const MOST_LEGS: usize = 100;
/// `SPAN_KIND_SERVER`, `SPAN_KIND_CLIENT` and `STATUS_CODE_ERROR` of the protocol.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const ERROR: u8 = 2;
/// Causes from here on are failures of ours or of the network (Q.850: temporary failure and above), and clearing as
/// everybody does it is none.
const FAILURES: u8 = 34;

#[derive(Debug)]
struct Leg {
    began: i64,
    answered: Option<i64>,
    caller: bool,
    gateway: Option<String>,
}

#[derive(Debug)]
struct Call {
    began: i64,
    context: String,
    gateway: Option<String>,
    legs: BTreeMap<LegId, Leg>,
    events: Vec<Value>,
}

/// Makes spans of facts.
#[derive(Debug)]
pub struct Spans {
    node: String,
    calls: BTreeMap<CallId, Call>,
}

impl Spans {
    /// Of this node.
    pub fn new(node: &str) -> Spans {
        Spans { node: node.to_owned(), calls: BTreeMap::new() }
    }

    /// Whether a fact is of use, so that others are not handed over.
    pub fn wants(fact: &Fact) -> bool {
        use FactKind::*;
        matches!(
            fact.kind,
            CallBegan { .. }
                | CallEnded { .. }
                | LegBegan { .. }
                | LegAnswered { .. }
                | LegEnded { .. }
                | RouteTaken { .. }
                | Queue { .. }
                | NoRtp { .. }
        )
    }

    /// The span that a fact completes.
    pub fn take(&mut self, fact: &Fact) -> Option<Value> {
        use FactKind::*;
        let wall = fact.wall.0;
        match &fact.kind {
            CallBegan { call, caller, context, .. } => {
                if self.calls.len() >= MOST_CALLS {
                    self.calls.pop_first();
                }
                let gateway = caller.gateway().map(str::to_owned);
                let (context, legs) = (context.clone(), BTreeMap::new());
                let open = Call { began: wall, context, gateway, legs, events: Vec::new() };
                self.calls.insert(*call, open);
            }
            LegBegan { call, leg, party, role, .. } => {
                let open = self.calls.get_mut(call).filter(|c| c.legs.len() < MOST_LEGS)?;
                let (gateway, caller) = (party.gateway().map(str::to_owned), *role == Role::Caller);
                let new = Leg { began: wall, answered: None, caller, gateway };
                open.legs.insert(*leg, new);
            }
            LegAnswered { call, leg } => {
                self.calls.get_mut(call)?.legs.get_mut(leg)?.answered = Some(wall);
            }
            RouteTaken { call, route } => self.event(*call, wall, "route", route),
            NoRtp { call, one_way, .. } => {
                let what = if *one_way { "one way" } else { "none" };
                self.event(*call, wall, "no audio", what);
            }
            Queue { queue, call, what } => {
                let name = match what {
                    QueueFact::Entered { .. } => "queue entered",
                    QueueFact::Offered { .. } => "agent offered",
                    QueueFact::NotTaken { .. } => "agent did not take it",
                    QueueFact::Refused { .. } => "queue refused",
                    _ => return None,
                };
                self.event(*call, wall, name, queue);
            }
            LegEnded { call, leg, cause, status, sound, .. } => {
                return self.leg_ended(wall, (*call, *leg), (*cause, *status), sound.as_ref());
            }
            CallEnded { call, cause, by, talk_ms, .. } => {
                return self.call_ended(wall, *call, *cause, (by.as_str(), *talk_ms));
            }
            _ => {}
        }
        None
    }

    fn leg_ended(
        &mut self,
        wall: i64,
        (call, leg): (CallId, LegId),
        (cause, status): (u8, u16),
        sound: Option<&Sound>,
    ) -> Option<Value> {
        let ended = self.calls.get_mut(&call)?.legs.remove(&leg)?;
        let mut about = vec![
            text("belfry.call", &call.to_string()),
            text("belfry.role", if ended.caller { "caller" } else { "callee" }),
            number("belfry.cause", i64::from(cause)),
            number("sip.status", i64::from(status)),
        ];
        about.extend(ended.gateway.map(|gateway| text("belfry.gateway", &gateway)));
        about.extend(ended.answered.map(|at| number("belfry.ring_ms", at - ended.began)));
        if let Some(sound) = sound {
            let lost = i64::try_from(sound.packets_lost).unwrap_or(i64::MAX);
            about.push(number("rtp.lost", lost));
            about.push(number("rtp.jitter_max_us", i64::from(sound.jitter_max_us)));
            about.extend(sound.mos.map(|mos| number("rtp.mos_hundredths", mos.into())));
        }
        Some(json!({
            "traceId": self.trace(call),
            "spanId": self.leg(call, leg),
            "parentSpanId": self.root(call),
            "name": if ended.caller { "leg of the caller" } else { "leg of a party called" },
            "kind": if ended.caller { SERVER } else { CLIENT },
            "startTimeUnixNano": nanos(ended.began),
            "endTimeUnixNano": nanos(wall),
            "attributes": about,
            "status": status_of(cause),
        }))
    }

    fn call_ended(
        &mut self,
        wall: i64,
        call: CallId,
        cause: u8,
        (by, talk_ms): (&str, u64),
    ) -> Option<Value> {
        let ended = self.calls.remove(&call)?;
        let mut about = vec![
            text("belfry.call", &call.to_string()),
            text("belfry.context", &ended.context),
            number("belfry.cause", i64::from(cause)),
            text("belfry.ended_by", by),
            number("belfry.talk_ms", i64::try_from(talk_ms).unwrap_or(i64::MAX)),
        ];
        about.extend(ended.gateway.map(|gateway| text("belfry.gateway", &gateway)));
        Some(json!({
            "traceId": self.trace(call),
            "spanId": self.root(call),
            "name": "call",
            "kind": SERVER,
            "startTimeUnixNano": nanos(ended.began),
            "endTimeUnixNano": nanos(wall),
            "attributes": about,
            "events": ended.events,
            "status": status_of(cause),
        }))
    }

    fn event(&mut self, call: CallId, wall: i64, name: &str, what: &str) {
        if let Some(open) = self.calls.get_mut(&call).filter(|c| c.events.len() < MOST_EVENTS) {
            open.events.push(json!({
                "timeUnixNano": nanos(wall), "name": name, "attributes": [text("belfry.name", what)],
            }));
        }
    }

    /// A request's body.
    pub fn body(&self, spans: &[Value]) -> Value {
        let about = [
            text("service.name", "belfry"),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", &self.node),
        ];
        json!({ "resourceSpans": [{
            "resource": { "attributes": about },
            "scopeSpans": [{ "scope": { "name": "belfry" }, "spans": spans }],
        }] })
    }

    fn trace(&self, call: CallId) -> String {
        self.id(&call.to_string(), 16)
    }
    fn root(&self, call: CallId) -> String {
        self.id(&format!("{call} root"), 8)
    }
    fn leg(&self, call: CallId, leg: LegId) -> String {
        self.id(&format!("{call} {}", leg.0), 8)
    }

    /// So many bytes in hexadecimal digits, always the same of the same.
    fn id(&self, of: &str, bytes: usize) -> String {
        let hash = Sha256::digest(format!("{}\0{of}", self.node));
        hash.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn nanos(wall_ms: i64) -> String {
    (i128::from(wall_ms.max(0)) * 1_000_000).to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// 64-bit numbers are texts in the protocol's JSON.
fn number(key: &str, value: i64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

fn status_of(cause: u8) -> Value {
    match cause >= FAILURES {
        true => json!({ "code": ERROR, "message": format!("Q.850 cause {cause}") }),
        false => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;
    use crate::switch::fact::{EndedBy, Party};

    fn fact(wall: i64, kind: FactKind) -> Fact {
        Fact { seq: 1, wall: Wall(wall), kind }
    }

    fn facts(cause: u8) -> Vec<Fact> {
        let (call, leg) = (CallId::new(Wall(1), 1), LegId(7));
        let caller = || Party::Trunk { gateway: "e1-a".into(), number: "13800138000".into() };
        let (by, talk_ms, total_ms) = (EndedBy::Caller, 1_500, 2_000);
        vec![
            fact(
                1_000,
                FactKind::CallBegan {
                    call,
                    caller: caller(),
                    dialled: "4008001234".into(),
                    caller_name: "Wang".into(),
                    context: "gateway".into(),
                },
            ),
            fact(
                1_000,
                FactKind::LegBegan {
                    call,
                    leg,
                    party: caller(),
                    role: Role::Caller,
                    outgoing: Some(false),
                },
            ),
            fact(1_010, FactKind::RouteTaken { call, route: "care line".into() }),
            fact(1_500, FactKind::LegAnswered { call, leg }),
            fact(
                3_000,
                FactKind::LegEnded {
                    call,
                    leg,
                    cause,
                    status: 0,
                    by,
                    ring_ms: 500,
                    talk_ms,
                    busy_ms: None,
                    sound: None,
                },
            ),
            fact(3_000, FactKind::CallEnded { call, cause, by, total_ms, talk_ms }),
        ]
    }

    #[test]
    fn a_call_is_a_span_with_one_for_each_leg_and_no_number_is_in_it() {
        let mut spans = Spans::new("care-1");
        let all = facts(16);
        assert!(all.iter().all(Spans::wants));
        let made: Vec<Value> = all.iter().filter_map(|fact| spans.take(fact)).collect();
        let [leg, call] = &made[..] else { panic!("{made:#?}") };
        assert_eq!(
            (leg["parentSpanId"].as_str(), leg["traceId"].as_str()),
            (call["spanId"].as_str(), call["traceId"].as_str())
        );
        assert_eq!(call["traceId"].as_str().unwrap().len(), 32);
        assert_eq!(call["spanId"].as_str().unwrap().len(), 16);
        assert_eq!(call["startTimeUnixNano"], "1000000000");
        assert_eq!(call["endTimeUnixNano"], "3000000000");
        assert_eq!(call["events"][0]["attributes"][0]["value"]["stringValue"], "care line");
        assert_eq!(call["status"], json!({}));
        let body = spans.body(&made).to_string();
        for private in ["13800138000", "4008001234", "Wang"] {
            assert!(!body.contains(private), "{private}: {body}");
        }
        assert!(spans.calls.is_empty());
        let failed = facts(41).iter().filter_map(|fact| spans.take(fact)).last().unwrap();
        assert_eq!(failed["status"]["code"], 2);
    }

    #[test]
    fn calls_that_never_end_are_bounded() {
        let mut spans = Spans::new("care-1");
        for n in 0..MOST_CALLS as u64 + 100 {
            let mut began = facts(16).remove(0);
            if let FactKind::CallBegan { call, .. } = &mut began.kind {
                *call = CallId::new(Wall(1), n);
            }
            spans.take(&began);
        }
        assert_eq!(spans.calls.len(), MOST_CALLS);
    }
}
