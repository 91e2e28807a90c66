//! The words that follow `gateway`: which one, and what is ordered.

use super::Order;
use crate::switch::Request;
use crate::switch::console::GatewayOrder;

/// `GATEWAY drain|busy|up`.
pub(super) fn order(rest: &str) -> Result<Order, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let order = match words[..] {
        [name, "drain"] => Some((name, GatewayOrder::Drain)),
        [name, "busy"] => Some((name, GatewayOrder::Busy)),
        [name, "up"] => Some((name, GatewayOrder::Up)),
        _ => None,
    };
    let (name, order) = order.ok_or("write GATEWAY and drain, busy or up: gateway e1-a drain")?;
    Ok(Order::Ask(Request::GatewayOrder(name.into(), order)))
}
