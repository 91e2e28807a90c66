//! The words that follow `supervise`: what is done, about whom, by which supervisor.

use super::Order;
use crate::call::supervise::{Act, Manner};
use crate::switch::Request;
use crate::switch::console::{AgentOrder, SuperviseOrder};

/// What can be done.
const WORDS: &[(&str, SuperviseOrder)] = &[
    ("listen", SuperviseOrder::Talk(Act::Watch(Manner::Listen))),
    ("whisper", SuperviseOrder::Talk(Act::Watch(Manner::Whisper))),
    ("barge", SuperviseOrder::Talk(Act::Watch(Manner::Barge))),
    ("disconnect", SuperviseOrder::Talk(Act::Disconnect)),
    ("takeover", SuperviseOrder::Talk(Act::TakeOver)),
    ("ready", SuperviseOrder::State(AgentOrder::Ready)),
    ("break", SuperviseOrder::State(AgentOrder::Break(0))),
    ("signout", SuperviseOrder::State(AgentOrder::SignOut)),
    ("unlock", SuperviseOrder::State(AgentOrder::Unlock)),
];

/// `listen|… AGENT|CALL SUPERVISOR`.
pub(super) fn order(rest: &str) -> Result<Order, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let wrong =
        "write what is done, an agent or a call, and the supervisor: supervise listen 7001 7900";
    let [word, whom, by] = words[..] else { return Err(wrong.into()) };
    let known = WORDS.iter().find(|(known, _)| *known == word);
    let (_, order) = known.ok_or_else(|| {
        let all: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
        format!("'{}' is none of {}", word.escape_debug(), all.join(", "))
    })?;
    let (order, whom, by) = (*order, whom.to_owned(), by.to_owned());
    Ok(Order::Ask(Request::Supervise { order, whom, by }))
}
