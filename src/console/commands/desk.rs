//! The words that follow `call`, `answer`, `hold` and `resume`: which phone, and whom it calls.

use super::Order;
use crate::switch::Request;
use crate::switch::console::DeskOrder;

/// `PHONE NUMBER`.
pub(super) fn call(rest: &str) -> Result<Order, String> {
    let mut words = rest.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(phone), Some(number), None) => {
            Ok(Order::Ask(Request::Dial { phone: phone.into(), number: number.into() }))
        }
        _ => Err("write a phone and the number that it is to call: call 1001 013800138000".into()),
    }
}

/// `PHONE`.
pub(super) fn order(rest: &str, order: DeskOrder) -> Result<Order, String> {
    let mut words = rest.split_whitespace();
    match (words.next(), words.next()) {
        (Some(phone), None) => Ok(Order::Ask(Request::Desk(phone.into(), order))),
        _ => Err("write the number of a phone, as 'show phones' lists it: answer 1001".into()),
    }
}
