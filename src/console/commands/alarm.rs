//! The words that follow `alarm ack` and `mail`: which alarm and who sees to it, and to whom a letter goes.

use super::Order;

/// The longest name of who sees to an alarm, bytes.
const LONGEST: usize = 64;

/// Whether somebody may be called so.
fn fits(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST && !name.contains(char::is_control)
}

/// `NUMBER [NAME]`: all that follows the number is the name.
pub(super) fn ack(rest: &str) -> Result<Order, String> {
    let (number, name) = rest.split_once(' ').unwrap_or((rest, "console"));
    let (number, name) = (number.parse().ok(), name.trim());
    match number.filter(|_| fits(name)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_follows_the_number_is_the_name() {
        let named = |rest| match ack(rest) {
            Ok(Order::Ack(number, name)) => format!("{number} {name}"),
            _ => "refused".into(),
        };
        let lines = ["3", "3 li", "3 li wang", "3  王 秀英 ", "li", "3 li\u{7}"];
        let wanted = ["3 console", "3 li", "3 li wang", "3 王 秀英", "refused", "refused"];
        assert_eq!(lines.map(named), wanted);
    }
}
