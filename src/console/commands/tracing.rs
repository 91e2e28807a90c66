//! `trace`: the messages of a call, and calls that are watched.

use super::{Order, call};
use crate::base::{CallId, Duration};
use crate::switch::Request;
use crate::switch::console::TraceWhom;

/// `trace CALL [FILE]`.
pub(super) fn trace(rest: &str) -> Result<Order, String> {
    let mut words = rest.split_whitespace();
    let id = call(words.next().unwrap_or_default())?;
    let file = words.next().map(str::to_owned);
    match words.next() {
        Some(more) => Err(format!("one file is enough: leave out '{more}'")),
        None => Ok(Order::Trace(id, file)),
    }
}

/// The longest watch of calls, minutes, and the usual one.
const LONGEST_TRACE: u32 = 120;
const USUAL_TRACE: u32 = 10;

/// `trace on NUMBER|CALL [MINUTES | --for 30 s]`.
pub(super) fn trace_on(rest: &str) -> Result<Order, String> {
    let mut words = rest.split_whitespace();
    let whom = words.next().unwrap_or_default();
    let long: Vec<&str> = words.collect();
    let longest = Duration::from_secs(u64::from(LONGEST_TRACE) * 60);
    let time = trace_time(&long).filter(|time| *time > Duration::ZERO && *time <= longest);
    let number = |c: char| c.is_ascii_digit() || "+*#".contains(c);
    let whom = match whom.parse::<CallId>() {
        // A number is no call's id, be it as long as one.
        Ok(call) if !whom.chars().all(number) => Some(TraceWhom::Call(call)),
        _ if whom.len() <= 64 && !whom.is_empty() => Some(TraceWhom::Number(whom.to_owned())),
        _ => None,
    };
    match (whom, time) {
        (Some(whom), Some(time)) => Ok(Order::Ask(Request::TraceOn(whom, time))),
        _ => Err(format!(
            "write a number or a call's id, and minutes (1 to {LONGEST_TRACE}) or a time if you like: \
             trace on 013800138000; trace on 013800138000 --for 30 s"
        )),
    }
}

/// How long calls are watched: minutes, or `--for` and a number with `s` or `min`.
fn trace_time(words: &[&str]) -> Option<Duration> {
    let (number, seconds) = match *words {
        [] => return Some(Duration::from_secs(u64::from(USUAL_TRACE) * 60)),
        [minutes] => (minutes, 60),
        ["--for", number, "s"] => (number, 1),
        ["--for", number, "min"] => (number, 60),
        ["--for", written] => match (written.strip_suffix("min"), written.strip_suffix('s')) {
            (Some(number), _) => (number, 60),
            (None, Some(number)) => (number, 1),
            (None, None) => return None,
        },
        _ => return None,
    };
    Some(Duration::from_secs(u64::from(number.parse::<u32>().ok()?) * seconds))
}
