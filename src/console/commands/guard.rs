//! The words that follow `guard`: who is locked out, and who never is.

use super::Order;
use crate::switch::Request;
use crate::switch::console::GuardOrder;

const WRITE: &str =
    "write guard list, guard lock NUMBER [DAYS], guard lift NUMBER, or guard white NUMBER on|off";

/// `list`, `lock NUMBER [DAYS]`, `lift NUMBER`, `white NUMBER on|off`.
pub(super) fn order(rest: &str) -> Result<Order, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let order = match words[..] {
        ["list"] => GuardOrder::List,
        ["lock", number] => GuardOrder::Lock(number.into(), None),
        ["lock", number, days] => {
            let days = days.parse().ok().filter(|days| *days > 0);
            let days = days.ok_or_else(|| format!("write the days as a number: {WRITE}"))?;
            GuardOrder::Lock(number.into(), Some(days))
        }
        ["lift", number] => GuardOrder::Lift(number.into()),
        ["white", number, "on"] => GuardOrder::White(number.into(), true),
        ["white", number, "off"] => GuardOrder::White(number.into(), false),
        _ => return Err(WRITE.to_owned()),
    };
    Ok(Order::Ask(Request::Guard(order, String::new())))
}
