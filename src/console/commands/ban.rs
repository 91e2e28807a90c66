//! The words that follow `ban` and `unban`: whom, and for how long.

use std::net::IpAddr;

use super::Order;
use crate::switch::Request;

/// The longest ban by order, minutes: 30 days.
const LONGEST: u32 = 30 * 24 * 60;

/// `ADDRESS [MINUTES]`.
pub(super) fn ban(rest: &str) -> Result<Order, String> {
    let mut words = rest.split_whitespace();
    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
    let minutes = words.next().map(|word| {
        word.parse().ok().filter(|minutes| (1..=LONGEST).contains(minutes)).ok_or(word)
    });
    match (address, minutes.transpose(), words.next()) {
        (Some(address), Ok(minutes), None) => Ok(Order::Ask(Request::Ban(address, minutes))),
        (_, Err(word), _) => Err(format!("'{word}' is no time: write minutes, 1 to {LONGEST}")),
        _ => Err("write an address, and minutes if you like: ban 203.0.113.9 60".into()),
    }
}

/// `ADDRESS|all`.
pub(super) fn unban(rest: &str) -> Result<Order, String> {
    match (rest, rest.parse::<IpAddr>()) {
        ("all", _) => Ok(Order::Ask(Request::Unban(None))),
        (_, Ok(address)) => Ok(Order::Ask(Request::Unban(Some(address)))),
        _ => Err("write an address as 'show bans' lists it, or all: unban 203.0.113.9".into()),
    }
}
