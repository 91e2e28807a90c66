//! Whom an account may call outside, how many at once and in an hour; and what looks like a stolen
//! password that earns somebody money (R29).
//!
//! ```text
//!  a call out ─▶ emergency? ─▶ never asked here
//!                  │ no
//!                  ▼
//!  Class: abroad, premium? permitted ─▶ at once ─▶ in this hour ─▶ costly ones in this hour ─▶ it goes
//!                  └───────────────────────┴──────────────┴──────────────────┴─▶ Barred
//!  its end: a costly call of a few seconds, the tenth in an hour ─▶ no costly ones for an hour
//! ```
//!
//! Who earns by calls to a number of his own lets many be made, short ones where each pays, and at once
//! where each minute does: both are bounded by the account, whichever phone or route they come by.
//!
//! The account is a phone, or the gateway by which the caller has come. Not here: what an emergency number
//! is, whose account a call is on (the switch).

use std::collections::BTreeMap;
use std::fmt;

use crate::base::{Duration, LegId, Time};

/// A costly call that talks for less is a short one.
const SHORT: Duration = Duration::from_secs(15);
/// Short costly calls in an hour that are a pattern.
const MOST_SHORT: u32 = 10;
/// For how long an account with such a pattern makes no costly call.
const BARRED_FOR: Duration = Duration::from_secs(3_600);
/// Parts of the hour that are counted apart.
const PARTS: usize = 6;
const PART_MS: u64 = 3_600_000 / PARTS as u64;

/// What a number costs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// A call within the country.
    Ordinary,
    /// A call abroad.
    International,
    /// A number whose price goes to who is called.
    Premium,
}

/// By what a number's class is told.
#[derive(Clone, Copy, Debug)]
pub struct Prefixes<'a> {
    /// With which numbers abroad begin, before the country's code.
    pub international: &'a [String],
    /// The own country's code, which is not abroad.
    pub country: &'a str,
    /// With which premium numbers begin.
    pub premium: &'a [String],
}

impl Prefixes<'_> {
    /// The class of a number as it is dialled.
    pub fn class(&self, number: &str) -> Class {
        // Visual separators (RFC 3966 §5.1.1) make no other number of it.
        let number: String = number.chars().filter(|c| !"-.() ".contains(*c)).collect();
        let begins = |prefix: &&String| number.starts_with(prefix.as_str());
        if self.premium.iter().any(|prefix| begins(&prefix)) {
            return Class::Premium;
        }
        match self.international.iter().filter(begins).max_by_key(|prefix| prefix.len()) {
            Some(prefix) if !number[prefix.len()..].starts_with(self.country) => {
                Class::International
            }
            _ => Class::Ordinary,
        }
    }
}

/// Who pays.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Account {
    /// The phone of that number.
    Phone(String),
    /// Who came by that gateway.
    Gateway(String),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Account::Phone(number) => write!(f, "phone {number}"),
            Account::Gateway(name) => write!(f, "gateway {name}"),
        }
    }
}

/// What an account may do; 0 is without bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Calls abroad.
    pub international: bool,
    /// Calls to premium numbers.
    pub premium: bool,
    /// Calls out at once.
    pub at_once: u32,
    /// Calls out in an hour.
    pub per_hour: u32,
    /// Those of them that are abroad or premium.
    pub costly_per_hour: u32,
}

impl Grant {
    /// Whether calls of this class are permitted at all.
    pub fn permits(&self, class: Class) -> Result<(), Barred> {
        match class {
            Class::International if !self.international => Err(Barred::International),
            Class::Premium if !self.premium => Err(Barred::Premium),
            _ => Ok(()),
        }
    }
}

/// Why a call does not go out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Barred {
    /// It may not call abroad.
    International,
    /// It may not call premium numbers.
    Premium,
    /// It has as many calls out as it may.
    AtOnce,
    /// It has made as many in this hour as it may.
    PerHour,
    /// It has made as many costly ones in this hour as it may.
    CostlyPerHour,
    /// It has made many short costly calls.
    Pattern,
}

impl Barred {
    /// Whether somebody should look: nobody has merely dialled what he may not.
    pub const fn is_alarming(self) -> bool {
        !matches!(self, Barred::International | Barred::Premium)
    }
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Barred::International => "it may not call abroad (`international`)",
            Barred::Premium => "it may not call premium numbers (`premium`)",
            Barred::AtOnce => "it has as many calls out as it may (`calls_out`)",
            Barred::PerHour => "it has made as many calls this hour as it may (`calls_out_per_hour`)",
            Barred::CostlyPerHour => {
                "it has called abroad or premium as often this hour as it may ([fort] costly_per_hour)"
            }
            Barred::Pattern => "many short calls abroad or to premium numbers: barred for an hour",
        })
    }
}

/// How often something happened in the last hour, give or take ten minutes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Hour {
    parts: [u32; PARTS],
    newest: u64,
}

impl Hour {
    /// Forgets what is longer ago.
    fn at(&mut self, now: Time) -> &mut Hour {
        let part = now.as_millis() / PART_MS;
        let gone = part.saturating_sub(self.newest).min(PARTS as u64);
        for ahead in 1..=gone {
            self.parts[((self.newest + ahead) % PARTS as u64) as usize] = 0;
        }
        if gone == PARTS as u64 {
            self.parts = [0; PARTS];
        }
        self.newest = self.newest.max(part);
        self
    }
    fn count(&mut self, now: Time) -> u32 {
        self.at(now).parts.iter().sum()
    }
    fn add(&mut self, now: Time) {
        let hour = self.at(now);
        hour.parts[(hour.newest % PARTS as u64) as usize] += 1;
    }
}

/// What one account has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Use {
    up: u32,
    calls: Hour,
    costly: Hour,
    short: Hour,
    barred_until: Time,
}

/// What all accounts have done: as many as are configured.
#[derive(Clone, Debug, Default)]
pub struct Tolls {
    accounts: BTreeMap<Account, Use>,
    legs: BTreeMap<LegId, (Vec<Account>, Class)>,
}

impl Tolls {
    /// Calls out that are under way.
    pub fn under_way(&self) -> usize {
        self.legs.len()
    }

    /// Whether all these accounts may make a call of this class now; it then counts from now on. Gives the
    /// account that may not.
    pub fn ask<'a>(
        &mut self,
        now: Time,
        accounts: &'a [(Account, Grant)],
        class: Class,
    ) -> Result<(), (&'a Account, Barred)> {
        for (account, grant) in accounts {
            self.may(now, account, class, grant).map_err(|why| (account, why))?;
        }
        for (account, _) in accounts {
            let own = self.accounts.entry(account.clone()).or_default();
            own.calls.add(now);
            if class != Class::Ordinary {
                own.costly.add(now);
            }
        }
        Ok(())
    }

    fn may(
        &mut self,
        now: Time,
        account: &Account,
        class: Class,
        grant: &Grant,
    ) -> Result<(), Barred> {
        grant.permits(class)?;
        let own = self.accounts.entry(account.clone()).or_default();
        let full = |most: u32, count: u32| most > 0 && count >= most;
        if full(grant.at_once, own.up) {
            return Err(Barred::AtOnce);
        }
        if full(grant.per_hour, own.calls.count(now)) {
            return Err(Barred::PerHour);
        }
        if class == Class::Ordinary {
            return Ok(());
        }
        if now < own.barred_until {
            return Err(Barred::Pattern);
        }
        match full(grant.costly_per_hour, own.costly.count(now)) {
            true => Err(Barred::CostlyPerHour),
            false => Ok(()),
        }
    }

    /// The call that was asked for goes out on `leg`, on these accounts.
    pub fn begin(&mut self, leg: LegId, accounts: Vec<Account>, class: Class) {
        for account in &accounts {
            self.accounts.entry(account.clone()).or_default().up += 1;
        }
        self.legs.insert(leg, (accounts, class));
    }

    /// `leg` is over, after it talked for so long. Gives the accounts that are barred now for their pattern.
    pub fn end(&mut self, now: Time, leg: LegId, talked: Option<Duration>) -> Vec<Account> {
        let Some((accounts, class)) = self.legs.remove(&leg) else { return Vec::new() };
        let ended = accounts.into_iter();
        ended.filter_map(|account| self.ended(now, account, class, talked)).collect()
    }

    fn ended(
        &mut self,
        now: Time,
        account: Account,
        class: Class,
        talked: Option<Duration>,
    ) -> Option<Account> {
        let own = self.accounts.get_mut(&account)?;
        own.up = own.up.saturating_sub(1);
        if class == Class::Ordinary || talked.is_none_or(|talked| talked >= SHORT) {
            return None;
        }
        own.short.add(now);
        if own.short.count(now) < MOST_SHORT || now < own.barred_until {
            return None;
        }
        own.barred_until = now + BARRED_FOR;
        Some(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Grant =
        Grant { international: true, premium: true, at_once: 3, per_hour: 20, costly_per_hour: 12 };

    fn at(s: u64) -> Time {
        Time::from_millis(s * 1_000)
    }
    fn account() -> Account {
        Account::Phone("1001".into())
    }

    fn ask(
        tolls: &mut Tolls,
        now: Time,
        account: &Account,
        class: Class,
        grant: &Grant,
    ) -> Result<(), Barred> {
        tolls.ask(now, &[(account.clone(), *grant)], class).map_err(|(_, why)| why)
    }

    #[test]
    fn a_call_that_one_of_its_accounts_may_not_make_counts_for_none() {
        let mut tolls = Tolls::default();
        let other = Account::Phone("1002".into());
        let once = Grant { per_hour: 1, ..FREE };
        let none = Grant { international: false, ..FREE };
        let both = [(account(), once), (other.clone(), none)];
        let asked = tolls.ask(at(0), &both, Class::International);
        assert_eq!(asked, Err((&other, Barred::International)));
        assert_eq!(tolls.ask(at(0), &both, Class::Ordinary), Ok(()));
        assert_eq!(tolls.ask(at(0), &both, Class::Ordinary), Err((&account(), Barred::PerHour)));
    }

    /// A call that is over at once, having talked for so many seconds.
    fn call(tolls: &mut Tolls, s: u64, class: Class, talk_s: u64) -> Result<bool, Barred> {
        ask(tolls, at(s), &account(), class, &FREE)?;
        tolls.begin(LegId(9), vec![account()], class);
        let talked = Some(Duration::from_secs(talk_s));
        Ok(tolls.end(at(s), LegId(9), talked) == [account()])
    }

    #[test]
    fn a_class_is_told_by_the_number_as_it_is_dialled() {
        let (international, premium) = (["00".to_owned(), "+".into()], ["0900".to_owned()]);
        let prefixes = Prefixes { international: &international, country: "86", premium: &premium };
        for (number, class) in [
            ("13800138000", Class::Ordinary),
            ("02088886666", Class::Ordinary),
            ("+8613800138000", Class::Ordinary),
            ("008613800138000", Class::Ordinary),
            ("+37060112345", Class::International),
            ("0037060112345", Class::International),
            ("00", Class::International),
            ("09001234567", Class::Premium),
            ("", Class::Ordinary),
            // Separators make no other number of it (RFC 3966 §5.1.1).
            ("0-0 (370) 601.12345", Class::International),
            ("(0900) 1234567", Class::Premium),
            ("-+86 138-0013-8000", Class::Ordinary),
        ] {
            assert_eq!(prefixes.class(number), class, "{number}");
        }
    }

    #[test]
    fn abroad_and_premium_take_permission() {
        let mut tolls = Tolls::default();
        let none = Grant { international: false, premium: false, ..FREE };
        let mut ask = |class| ask(&mut tolls, at(0), &account(), class, &none);
        assert_eq!(ask(Class::International), Err(Barred::International));
        assert_eq!(ask(Class::Premium), Err(Barred::Premium));
        assert_eq!(ask(Class::Ordinary), Ok(()));
        assert!(!Barred::International.is_alarming() && Barred::AtOnce.is_alarming());
    }

    #[test]
    fn calls_at_once_and_by_the_hour_are_bounded_by_account() {
        let mut tolls = Tolls::default();
        for leg in 0..3 {
            assert_eq!(ask(&mut tolls, at(0), &account(), Class::Ordinary, &FREE), Ok(()));
            tolls.begin(LegId(leg), vec![account()], Class::Ordinary);
        }
        let refused = ask(&mut tolls, at(0), &account(), Class::Ordinary, &FREE);
        assert_eq!(refused, Err(Barred::AtOnce));
        let other = Account::Gateway("1001".into());
        assert_eq!(ask(&mut tolls, at(0), &other, Class::Ordinary, &FREE), Ok(()));
        for leg in 0..3 {
            tolls.end(at(1), LegId(leg), None);
        }
        for n in 0..17 {
            assert_eq!(call(&mut tolls, 60 + n, Class::Ordinary, 0), Ok(false), "{n}");
        }
        assert_eq!(call(&mut tolls, 100, Class::Ordinary, 0), Err(Barred::PerHour));
        assert_eq!(call(&mut tolls, 3_599, Class::Ordinary, 0), Err(Barred::PerHour));
        assert_eq!(call(&mut tolls, 3_600, Class::Ordinary, 0), Ok(false), "the hour is over");
        assert_eq!(call(&mut tolls, 90_000, Class::Ordinary, 0), Ok(false));
        let without = Grant { at_once: 0, per_hour: 0, ..FREE };
        assert!((0..1_000).all(|_| {
            ask(&mut tolls, at(90_000), &account(), Class::Ordinary, &without).is_ok()
        }));
    }

    #[test]
    fn many_short_costly_calls_are_a_pattern_and_long_ones_have_a_bound_too() {
        let mut tolls = Tolls::default();
        for n in 0..9 {
            assert_eq!(call(&mut tolls, n, Class::Premium, 3), Ok(false));
        }
        assert_eq!(call(&mut tolls, 9, Class::International, 14), Ok(true), "the tenth");
        assert_eq!(call(&mut tolls, 10, Class::International, 14), Err(Barred::Pattern));
        assert_eq!(call(&mut tolls, 10, Class::Ordinary, 14), Ok(false), "others go on");
        assert_eq!(call(&mut tolls, 3_608, Class::Premium, 60), Err(Barred::Pattern));
        for n in 0..12 {
            assert_eq!(call(&mut tolls, 7_200 + n, Class::Premium, 60), Ok(false));
        }
        assert_eq!(call(&mut tolls, 7_300, Class::Premium, 60), Err(Barred::CostlyPerHour));
    }

    #[test]
    fn a_leg_that_is_not_known_ends_nothing() {
        let mut tolls = Tolls::default();
        assert_eq!(tolls.end(at(0), LegId(1), None), []);
        assert!(tolls.accounts.is_empty());
    }
}
