//! Whom a list of care calls names, on which day.

use jiff::civil::Date;

use crate::care::subscriber::{Flag, Subscriber};

/// Whom a list names.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Whom {
    /// Those alone whose birthday it is.
    pub birthday: bool,
    /// Of these regions; none: of all.
    pub regions: Vec<String>,
    /// Of these flags; none: of all.
    pub flags: Vec<Flag>,
    /// These and nobody else; none: subscribers.
    pub numbers: Vec<String>,
}

impl Whom {
    /// Whether it names a subscriber on that day.
    pub(super) fn names(&self, own: &Subscriber, day: Date) -> bool {
        let served = own.served_from.is_none_or(|from| from <= day)
            && own.served_until.is_none_or(|until| day <= until);
        served
            && (self.regions.is_empty() || self.regions.contains(&own.region))
            && (self.flags.is_empty() || self.flags.contains(&own.flag))
            && (!self.birthday || own.birthday.is_some_and(|born| is_birthday(born, day)))
    }
}

/// Who was born on 29 February has his birthday on the 28th where there is no 29th.
fn is_birthday(born: Date, day: Date) -> bool {
    let of = |date: Date| (date.month(), date.day());
    of(born) == of(day) || (of(born) == (2, 29) && of(day) == (2, 28) && !day.in_leap_year())
}
