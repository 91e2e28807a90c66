//! The words that follow `close` and `show case`: which case, and how it ended.

use super::Order;
use crate::switch::Request;

/// `CASE OUTCOME`.
pub(super) fn close(rest: &str) -> Result<Order, String> {
    let read = rest.trim().split_once(char::is_whitespace);
    let read = read.and_then(|(case, outcome)| Some((case.parse().ok()?, outcome.trim())));
    let (case, outcome) =
        read.ok_or("write a case's number and how it ended: close 4711 pressed by mistake")?;
    Ok(Order::Ask(Request::CloseCase(case, outcome.into(), String::new())))
}

/// `CASE`.
pub(super) fn show(rest: &str) -> Result<Order, String> {
    let case = rest.trim().parse().map_err(|_| {
        format!("'{}' is no case's number; 'show cases' lists the open ones", rest.trim())
    })?;
    Ok(Order::Ask(Request::Case(case)))
}
