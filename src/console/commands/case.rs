//! The words that follow `close` and `show case`: which case, and how it ended.

use super::Order;
use crate::switch::Request;
use crate::switch::care::unit;

/// `CASE OUTCOME`.
pub(super) fn close(rest: &str) -> Result<Order, String> {
    let read = rest.trim().split_once(char::is_whitespace);
    let read = read.and_then(|(case, outcome)| Some((case.parse().ok()?, outcome.trim())));
    let (case, outcome) =
        read.ok_or("write a case's number and how it ended: close 4711 pressed by mistake")?;
    Ok(Order::Ask(Request::CloseCase(case, outcome.into(), String::new())))
}

/// `UNIT TROUBLE [DEVICE]`; a device may be named by its kind, of several words.
pub(super) fn trouble_over(rest: &str) -> Result<Order, String> {
    let mut words = rest.split_whitespace();
    let (Some(unit), Some(trouble)) = (words.next(), words.next()) else {
        return Err(
            "write a unit, what is wrong, and with which device of it, as `show cases` has them: \
                    trouble over 26317 battery 0002"
                .into(),
        );
    };
    let device = words.collect::<Vec<_>>().join(" ");
    Ok(Order::Ask(Request::TroubleOver([unit.into(), trouble.into(), device], String::new())))
}

/// `CASE ORDER [confirm]`.
pub(super) fn unit(rest: &str) -> Result<Order, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let all = || unit::Order::ALL.map(|(_, word)| word).join(", ");
    let (case, word, confirmed) = match words[..] {
        [case, word] => (case, word, false),
        [case, word, "confirm"] => (case, word, true),
        _ => {
            return Err(format!(
                "write a case's number and what its unit is told ({}): unit 4711 listen",
                all()
            ));
        }
    };
    let number = case.parse().map_err(|_| {
        format!("'{}' is no case's number; 'show cases' lists the open ones", case.escape_debug())
    })?;
    let order = unit::Order::named(word)
        .ok_or_else(|| format!("'{}' is none of {}", word.escape_debug(), all()))?;
    Ok(Order::Ask(Request::Unit { case: number, order, confirmed, by: String::new() }))
}

/// `CASE`.
pub(super) fn show(rest: &str) -> Result<Order, String> {
    let case = rest.trim().parse().map_err(|_| {
        format!("'{}' is no case's number; 'show cases' lists the open ones", rest.trim())
    })?;
    Ok(Order::Ask(Request::Case(case)))
}
