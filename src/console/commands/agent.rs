//! The words that follow `agent`: which one, and what is ordered.

use super::Order;
use crate::switch::Request;
use crate::switch::console::AgentOrder;

/// `NUMBER ready|break|signout|unlock`.
pub(super) fn order(rest: &str) -> Result<Order, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let order = match words[..] {
        [number, "ready"] => Some((number, AgentOrder::Ready)),
        [number, "break"] => Some((number, AgentOrder::Break(0))),
        [number, "signout"] => Some((number, AgentOrder::SignOut)),
        [number, "unlock"] => Some((number, AgentOrder::Unlock)),
        _ => None,
    };
    let (number, order) =
        order.ok_or("write an agent and ready, break, signout or unlock: agent 7001 break")?;
    Ok(Order::Ask(Request::AgentOrder(number.into(), order)))
}
