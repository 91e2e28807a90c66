//! Who ordered what by the API: a line in the log for each order that changes something (`belfry::audit`), as
//! the console has them. A PIN is never in it, nor what is put to a call: its names alone.

use std::fmt;
use std::net::SocketAddr;

use super::Problem;
use super::guard::Caller;
use crate::base::CallId;
use crate::switch::Reply;
use crate::switch::console::DeskOrder;
use crate::switch::cti::{Answer, How, Order, Why, Wish};

/// The most that is written of a text that a program gave, in characters.
const LONGEST: usize = 64;

/// Writes down what was ordered and how it went; a question is not.
pub(super) fn write(
    who: &str,
    peer: Option<SocketAddr>,
    said: Option<&str>,
    reply: Option<&Reply>,
) {
    let Some(said) = said else { return };
    let peer = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
    let outcome = outcome(reply);
    // Who tries what it may not is looked for in the log as those are whom the guard turns away.
    match is_forbidden(reply) {
        true => tracing::warn!(target: "belfry::audit", "API: {who} at {peer}: {said}: {outcome}"),
        false => tracing::info!(target: "belfry::audit", "API: {who} at {peer}: {said}: {outcome}"),
    }
}

/// The same of an order to the records, or about a design.
pub(super) fn told(who: &Caller, said: &str, told: &Result<serde_json::Value, Problem>) {
    let peer = who.peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
    let how = told.as_ref().map_or_else(|problem| problem.detail.as_str(), |_| "done");
    let how = how.escape_debug();
    tracing::info!(target: "belfry::audit", "API: {} at {peer}: {said}: {how}", who.rights.name);
}

fn supervises(how: How) -> &'static str {
    match how {
        How::Listen => "listens to",
        How::Whisper => "whispers to",
        How::BargeIn => "barges in on",
        How::Disconnect => "ends the call of",
        How::TakeOver => "takes over the call of",
    }
}

/// The state in which an agent is put.
fn state(to: &Wish) -> String {
    match to {
        Wish::LogOn { device, .. } => format!("logged on at phone {}", Short(device)),
        Wish::LogOff => "logged off".to_owned(),
        Wish::Ready => "ready".to_owned(),
        Wish::AfterCall => "in after-call work".to_owned(),
        Wish::NotReady(code) => format!("not ready, code {code}"),
    }
}

/// The order without what is secret; `None`: it changes nothing.
pub(super) fn said(order: &Order) -> Option<String> {
    let of =
        |call: &Option<CallId>| call.map_or_else(String::new, |call| format!(" in call {call}"));
    Some(match order {
        Order::Device(_)
        | Order::Call(_)
        | Order::Calls
        | Order::Agents
        | Order::Agent(_)
        | Order::WrapUpCodes
        | Order::Queues => return None,
        Order::Make { device, to } => format!("phone {} calls {}", Short(device), Short(to)),
        Order::Consult { device, to } => {
            format!("phone {} calls {} meanwhile", Short(device), Short(to))
        }
        Order::Desk { device, call, order } => {
            let what = match order {
                DeskOrder::Answer => "answers",
                DeskOrder::Hold => "holds",
                DeskOrder::Resume => "takes back",
            };
            format!("phone {} {what}{}", Short(device), of(call))
        }
        Order::Clear { device, call } => format!("phone {} is cleared{}", Short(device), of(call)),
        Order::ClearCall(call) => format!("call {call} is cleared"),
        Order::Transfer { device, call, to } => {
            format!("phone {} transfers to {}{}", Short(device), Short(to), of(call))
        }
        Order::Confer { device, .. } => {
            format!("phone {} makes a conference of its two calls", Short(device))
        }
        Order::Join(device) => format!("phone {} joins its two calls", Short(device)),
        Order::Deflect { device, call, to } => {
            format!("phone {} deflects to {}{}", Short(device), Short(to), of(call))
        }
        Order::Watch { agent, by, how } => {
            format!("supervisor {} {} agent {}", Short(by), supervises(*how), Short(agent))
        }
        Order::SetAgent { agent, to } => format!("agent {} is {}", Short(agent), state(to)),
        Order::WrapUp { agent, code, call, done, .. } => {
            let done = if *done { ", and has done with it" } else { "" };
            format!("agent {} wraps up{}: code '{}'{done}", Short(agent), of(call), Short(code))
        }
        Order::Unit { case, order, confirm } => {
            let confirmed = if *confirm { ", confirmed" } else { "" };
            format!("the unit of case {case} is told: {}{confirmed}", order.as_str())
        }
        Order::Data(call, data) => {
            let mut names: Vec<String> = Vec::new();
            names.extend(data.iter().map(|(name, _)| Short(name).to_string()));
            format!("data of call {call}: {}", names.join(", "))
        }
    })
}

fn is_forbidden(reply: Option<&Reply>) -> bool {
    let Some(Reply::Cti(answer)) = reply else { return false };
    matches!(**answer, Answer::Refused(Why::Forbidden, _))
}

fn outcome(reply: Option<&Reply>) -> String {
    match reply {
        None => "no answer".to_owned(),
        Some(Reply::Refused(why)) => format!("refused: {why}"),
        Some(Reply::Cti(answer)) => match &**answer {
            Answer::Refused(_, why) => format!("refused: {why}"),
            Answer::Made(call) => format!("done: call {call}"),
            _ => "done".to_owned(),
        },
        Some(_) => "done".to_owned(),
    }
}

/// What a program gave, in a line and not too long.
struct Short<'t>(&'t str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().take(LONGEST).try_for_each(|c| write!(f, "{}", c.escape_debug()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_written_down_without_what_is_secret_and_questions_are_not() {
        let order = |to| said(&Order::SetAgent { agent: "7001".into(), to }).unwrap();
        let on = order(Wish::LogOn { device: "1001".into(), pin: "4711".into() });
        assert_eq!(on, "agent 7001 is logged on at phone 1001");
        let make = |to: &str| said(&Order::Make { device: "1001".into(), to: to.into() }).unwrap();
        assert_eq!(make("0085\nAPI: done"), "phone 1001 calls 0085\\nAPI: done", "one line");
        assert!(make(&"9".repeat(5_000)).len() < 100);
        assert_eq!(said(&Order::Calls), None);
        assert_eq!(said(&Order::Device("1001".into())), None);
    }

    #[test]
    fn how_it_went_is_said() {
        let refused = Answer::Refused(Why::Conflict, "it rings".into());
        assert_eq!(outcome(Some(&Reply::Cti(Box::new(refused)))), "refused: it rings");
        assert_eq!(outcome(Some(&Reply::Done("x".into()))), "done");
        assert_eq!(outcome(None), "no answer");
        let forbidden = |why| Reply::Cti(Box::new(Answer::Refused(why, String::new())));
        assert!(is_forbidden(Some(&forbidden(Why::Forbidden))));
        assert!(!is_forbidden(Some(&forbidden(Why::Conflict))) && !is_forbidden(None));
    }
}
