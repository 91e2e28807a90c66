//! What a phone's user wishes of calls to it: not to be disturbed, or that they go elsewhere.
//!
//! ```text
//!   always? ──▶ there, and the phone does not ring
//!   do not disturb? ──▶ busy ─┐
//!   rings ─┬─ busy ───────────┴─▶ the number for busy, if there is one
//!          └─ no answer, out of reach ─▶ the number for that, if there is one
//! ```

use serde::{Deserialize, Serialize};

use super::dialling::Why;

/// The most diversions of a call one after the other: a chain that is longer goes round in circles, or costs more than it
/// helps.
pub const MOST_DIVERSIONS: usize = 5;

/// One thing that can be wished.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Wish {
    /// Not to be disturbed.
    DoNotDisturb,
    /// Every call goes to a number.
    Always,
    /// A call that finds the phone busy does.
    Busy,
    /// A call that nobody answers does.
    NoAnswer,
}

impl Wish {
    /// Each with its name in records.
    pub const ALL: [(Wish, &'static str); 4] = [
        (Wish::DoNotDisturb, "do-not-disturb"),
        (Wish::Always, "forward-always"),
        (Wish::Busy, "forward-busy"),
        (Wish::NoAnswer, "forward-no-answer"),
    ];
    /// Its name in records.
    pub fn name(self) -> &'static str {
        Wish::ALL.iter().find(|(wish, _)| *wish == self).map_or("", |(_, name)| name)
    }
    /// The one of that name.
    pub fn named(name: &str) -> Option<Wish> {
        Wish::ALL.iter().find(|(_, own)| *own == name).map(|(wish, _)| *wish)
    }
}

/// The wishes of one phone.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Wishes {
    do_not_disturb: bool,
    always: Option<String>,
    busy: Option<String>,
    no_answer: Option<String>,
}

/// What becomes of a call before anything rings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First<'a> {
    /// The phone rings.
    Ring,
    /// It counts as busy.
    Busy,
    /// It goes to this number.
    Forward(&'a str),
}

impl Wishes {
    /// Wishes, or with an empty value does not any more.
    pub fn set(&mut self, wish: Wish, value: &str) {
        let number = Some(value.to_owned()).filter(|value| !value.is_empty());
        match wish {
            Wish::DoNotDisturb => self.do_not_disturb = number.is_some(),
            Wish::Always => self.always = number,
            Wish::Busy => self.busy = number,
            Wish::NoAnswer => self.no_answer = number,
        }
    }

    /// The user does not want to be disturbed.
    pub fn do_not_disturb(&self) -> bool {
        self.do_not_disturb
    }
    /// Nothing is wished.
    pub fn is_empty(&self) -> bool {
        *self == Wishes::default()
    }

    /// What becomes of a call of `caller`. Who is forwarded to reaches the phone all the same.
    pub fn first(&self, caller: &str) -> First<'_> {
        match &self.always {
            Some(number) if number != caller => First::Forward(number),
            _ => self.here(),
        }
    }

    /// What becomes of a call that goes nowhere else.
    pub fn here(&self) -> First<'_> {
        if self.do_not_disturb { First::Busy } else { First::Ring }
    }

    /// Where a call goes that came to nothing for this reason.
    pub fn after(&self, why: Why) -> Option<&str> {
        match why {
            Why::Busy => self.busy.as_deref(),
            Why::NoAnswer | Why::Failed => self.no_answer.as_deref(),
            Why::Rejected => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(wishes: &[(Wish, &str)]) -> Wishes {
        let mut all = Wishes::default();
        for (wish, value) in wishes {
            all.set(*wish, value);
        }
        all
    }

    #[test]
    fn a_number_for_all_calls_goes_before_do_not_disturb() {
        let both = with(&[(Wish::DoNotDisturb, "on"), (Wish::Always, "1002")]);
        assert_eq!(both.first("1003"), First::Forward("1002"));
        assert_eq!(both.first("1002"), First::Busy, "who is forwarded to is not sent to himself");
        assert_eq!(with(&[(Wish::Always, "1002")]).first("1002"), First::Ring);
        assert_eq!(with(&[]).first("1003"), First::Ring);
    }

    #[test]
    fn each_outcome_has_its_number() {
        let all = with(&[(Wish::Busy, "1"), (Wish::NoAnswer, "2")]);
        let whys = [Why::Busy, Why::NoAnswer, Why::Failed, Why::Rejected];
        assert_eq!(whys.map(|why| all.after(why)), [Some("1"), Some("2"), Some("2"), None]);
    }

    #[test]
    fn an_empty_value_takes_a_wish_back() {
        let mut all = with(&[(Wish::Busy, "1"), (Wish::DoNotDisturb, "on")]);
        assert!(!all.is_empty() && all.do_not_disturb());
        all.set(Wish::Busy, "");
        all.set(Wish::DoNotDisturb, "");
        assert!(all.is_empty());
        for (wish, name) in Wish::ALL {
            assert_eq!(Wish::named(name), Some(wish));
        }
    }
}
