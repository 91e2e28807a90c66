//! `watch [SECONDS] COMMAND`: a command again and again, at the attaching side.

use std::time::Duration;

/// The shortest and longest time between two answers, and the usual one, seconds.
const EVERY: (u64, u64, u64) = (1, 3_600, 2);

/// How often, and which command; `None`: it is not this command.
pub(super) fn parse(line: &str) -> Option<Result<(Duration, &str), String>> {
    let rest = line.trim().strip_prefix("watch")?;
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let rest = rest.trim_start();
    let (first, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (seconds, command) = match first.parse::<u64>() {
        Ok(seconds) => (seconds, behind.trim_start()),
        Err(_) => (EVERY.2, rest),
    };
    Some(if command.is_empty() {
        Err("'watch' needs a command: watch 5 show queues".into())
    } else if !(EVERY.0..=EVERY.1).contains(&seconds) {
        Err(format!("every {} to {} seconds", EVERY.0, EVERY.1))
    } else if !command.starts_with("show ") && command != "uptime" && command != "metrics" {
        // What has an effect is not done again and again by mistake.
        Err("only what shows something can be watched: watch 5 show queues".into())
    } else {
        Ok((Duration::from_secs(seconds), command))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_shows_is_watched() {
        let every =
            |line| parse(line).map(|read| read.map(|(every, what)| (every.as_secs(), what)));
        assert_eq!(every("watch show calls"), Some(Ok((2, "show calls"))));
        assert_eq!(every(" watch 5  show queues"), Some(Ok((5, "show queues"))));
        assert_eq!(every("watches"), None);
        assert_eq!(every("show calls"), None);
        for wrong in ["watch", "watch 5", "watch 0 show calls", "watch 5 reload", "watch hangup X"]
        {
            assert!(matches!(every(wrong), Some(Err(_))), "{wrong}");
        }
    }
}
