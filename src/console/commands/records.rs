//! The words that follow `show records` and `show record`: how many, and which.

use super::{Order, call};

/// Calls that are shown without a word of how many.
const USUAL: u32 = 20;
/// The most that are shown.
const MOST: u32 = 1_000;

/// `[N]`.
pub(super) fn list(rest: &str) -> Result<Order, String> {
    let count = if rest.is_empty() { Some(USUAL) } else { rest.parse().ok() };
    match count.filter(|count| (1..=MOST).contains(count)) {
        Some(count) => Ok(Order::Records(count)),
        None => Err(format!(
            "'{rest}' is no number of calls: write 1 to {MOST}, or nothing for {USUAL}"
        )),
    }
}

/// `CALL`.
pub(super) fn one(id: &str) -> Result<Order, String> {
    let id = call(id).map_err(|why| format!("{why}, 'show records' those that are over"))?;
    Ok(Order::Record(id))
}
