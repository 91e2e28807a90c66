//! The words that follow `alarm ack` and `mail`: which alarm and who sees to it, and to whom a letter goes.

use super::Order;

/// The longest name of who sees to an alarm, bytes.
const LONGEST: usize = 64;

/// `NUMBER [NAME]`.
pub(super) fn ack(rest: &str) -> Result<Order, String> {
    let (number, name) = rest.split_once(' ').unwrap_or((rest, "console"));
    let (number, name) = (number.parse().ok(), name.trim());
    match number.filter(|_| !name.is_empty() && name.len() <= LONGEST) {
        Some(number) => Ok(Order::Ack(number, name.into())),
        None => Err("write the number of an alarm, as 'show alarms' lists it, and a name if you \
                     like: alarm ack 3 li"
            .into()),
    }
}

/// `ADDRESS`.
pub(super) fn mail(rest: &str) -> Result<Order, String> {
    match rest.contains('@') && !rest.contains(char::is_whitespace) {
        true => Ok(Order::Mail(rest.into())),
        false => Err("write an address of mail: mail night@care.example".into()),
    }
}
