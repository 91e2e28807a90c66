//! Feature codes that a phone dials instead of a number: `*20` do not disturb, `*211002` forward all to
//! 1002, `*851` park slot 1. Codes pressed in a call are [`feature`](super::feature)'s.

use serde::{Deserialize, Serialize};

use super::supervise::Act;
use super::wishes::Wish;

/// The longest code of a break, in digits.
const MOST_BREAK: usize = 4;
/// The longest number of an agent, and code of a call's subject.
const MOST_DIGITS: usize = 20;

/// What a dialled code asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Code {
    /// Do not disturb: on, or off when it was on.
    DoNotDisturb,
    /// Calls go to the number that follows; with none they do not any more.
    Forward(Wish),
    /// Take a call that rings at a phone of the group.
    GroupPickup,
    /// Take the call that rings at the phone whose number follows.
    Pickup,
    /// The parking slot that follows.
    Park,
    /// Sign an agent in: the number that follows, or one that is asked for.
    SignIn,
    /// Sign the agent out.
    SignOut,
    /// The agent takes callers.
    Ready,
    /// The agent takes a break, with the code that follows or none.
    Break,
    /// The agent has finished after-call work; the code that follows says what the call was about.
    Finish,
    /// A supervisor does this about the talk of the agent whose number follows.
    Supervise(Act),
}

impl Code {
    /// Whether this may stand behind it.
    fn takes(self, rest: &str) -> bool {
        match self {
            Code::DoNotDisturb | Code::GroupPickup => rest.is_empty(),
            Code::SignOut | Code::Ready => rest.is_empty(),
            Code::Break => rest.len() <= MOST_BREAK && rest.chars().all(|c| c.is_ascii_digit()),
            Code::SignIn | Code::Finish => {
                rest.len() <= MOST_DIGITS && rest.chars().all(|c| c.is_ascii_digit())
            }
            Code::Forward(_) => rest.chars().all(|c| c.is_ascii_digit() || c == '+'),
            Code::Supervise(_) => {
                (1..=MOST_DIGITS).contains(&rest.len()) && rest.chars().all(|c| c.is_ascii_digit())
            }
            Code::Pickup => !rest.is_empty(),
            Code::Park => !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()),
        }
    }
}

/// The codes come from the configuration; none begins with another.
pub type Table = [(String, Code)];

/// Reads a dialled number: the code, and what stands behind it.
pub fn read<'a>(number: &'a str, table: &Table) -> Option<(Code, &'a str)> {
    let of = |(code, means): &(String, Code)| Some((*means, number.strip_prefix(code.as_str())?));
    table.iter().find_map(of).filter(|(code, rest)| code.takes(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_what_follows() {
        let table = [
            ("*20".to_owned(), Code::DoNotDisturb),
            ("*21".to_owned(), Code::Forward(Wish::Always)),
            ("*81".to_owned(), Code::Pickup),
            ("*85".to_owned(), Code::Park),
        ];
        let always = Code::Forward(Wish::Always);
        for (number, means) in [
            ("*20", Some((Code::DoNotDisturb, ""))),
            ("*201", None),
            ("*21", Some((always, ""))),
            ("*211002", Some((always, "1002"))),
            ("*21+8610", Some((always, "+8610"))),
            ("*21*99", None),
            ("*811001", Some((Code::Pickup, "1001"))),
            ("*81", None),
            ("*851", Some((Code::Park, "1"))),
            ("*85x", None),
            ("1001", None),
            ("", None),
        ] {
            assert_eq!(read(number, &table), means, "{number}");
        }
    }
}
