//! All subscribers, and whose a number or an account is.
//!
//! Handed over at the start and at each change; nothing here reads a file. Each number and account
//! belongs to one subscriber: who has to be known by it within a second must not be two.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::Wall;

use super::subscriber::Subscriber;

/// Subscribers.
pub const MOST: usize = 200_000;

/// A subscriber, and since when its check-ins are as they are.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept {
    /// The subscriber.
    pub subscriber: Subscriber,
    /// When it was added, or its check-ins last changed.
    pub since: Wall,
}

/// What changes.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Update {
    /// These are all that there are.
    pub all: bool,
    /// New, or other than before.
    pub put: Vec<Kept>,
    /// Numbers of those that are gone.
    pub gone: Vec<String>,
}

/// All subscribers.
#[derive(Clone, Default, Debug)]
pub struct Directory {
    subscribers: BTreeMap<String, Arc<Kept>>,
    /// Whose each further number and account is.
    also: BTreeMap<String, String>,
}

impl Directory {
    /// How many.
    pub fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// The one of this terminal's number.
    pub fn get(&self, number: &str) -> Option<&Arc<Kept>> {
        self.subscribers.get(number)
    }

    /// Whose a number or an account is.
    pub fn find(&self, number: &str) -> Option<&Subscriber> {
        let own = self.subscribers.get(number);
        let also = || self.subscribers.get(self.also.get(number)?);
        own.or_else(also).map(|kept| &kept.subscriber)
    }

    /// All, by their numbers.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Kept>> {
        self.subscribers.values()
    }

    /// Puts one in the place of what bears its number. The error names what is another's.
    pub fn put(&mut self, kept: Kept) -> Result<(), String> {
        let subscriber = &kept.subscriber;
        if subscriber.number.is_empty() {
            return Err("number: it is empty: write digits".into());
        }
        let new = !self.subscribers.contains_key(&subscriber.number);
        if new && self.subscribers.len() >= MOST {
            return Err(format!("there are {MOST} subscribers, and may not be more"));
        }
        for (own, field) in names(subscriber) {
            if let Some(other) = self.find(own).filter(|s| s.number != subscriber.number) {
                return Err(format!(
                    "{field}: {own} is that of subscriber {} ({})",
                    other.number, other.name
                ));
            }
        }
        self.remove(&kept.subscriber.number.clone());
        for (own, _) in names(&kept.subscriber).skip(1) {
            self.also.insert(own.to_owned(), kept.subscriber.number.clone());
        }
        self.subscribers.insert(kept.subscriber.number.clone(), Arc::new(kept));
        Ok(())
    }

    /// Takes one out. `None`: there is none of this number.
    pub fn remove(&mut self, number: &str) -> Option<Arc<Kept>> {
        let gone = self.subscribers.remove(number)?;
        for (own, _) in names(&gone.subscriber).skip(1) {
            if self.also.get(own).is_some_and(|owner| owner == number) {
                self.also.remove(own);
            }
        }
        Some(gone)
    }
}

/// What a subscriber is known by, its own number first, and in which fields it stands.
fn names(subscriber: &Subscriber) -> impl Iterator<Item = (&str, &'static str)> {
    let account = Some(subscriber.terminal.account.as_str()).filter(|own| !own.is_empty());
    core::iter::once((subscriber.number.as_str(), "number"))
        .chain(subscriber.further.iter().map(|own| (own.as_str(), "further_numbers")))
        .chain(account.map(|own| (own, "account")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(fields: &[(&str, &str)]) -> Kept {
        let mut subscriber = Subscriber::default();
        for (name, text) in fields {
            subscriber.set(name, text).unwrap();
        }
        Kept { subscriber, since: Wall(0) }
    }

    #[test]
    fn a_number_belongs_to_one() {
        let mut all = Directory::default();
        all.put(one(&[("number", "100"), ("further_numbers", "101"), ("account", "7")])).unwrap();
        for own in ["100", "101", "7"] {
            assert_eq!(all.find(own).map(|s| s.number.as_str()), Some("100"));
        }
        let why = all.put(one(&[("number", "200"), ("further_numbers", "101")])).unwrap_err();
        assert!(why.contains("further_numbers: 101 is that of subscriber 100"), "{why}");
        assert!(all.put(one(&[("number", "101")])).is_err());
        // Its own may change; what it had is free then.
        all.put(one(&[("number", "100"), ("further_numbers", "102")])).unwrap();
        assert_eq!(all.find("101"), None);
        assert_eq!(all.find("7"), None);
        all.put(one(&[("number", "200"), ("account", "7")])).unwrap();
        assert!(all.remove("100").is_some() && all.find("102").is_none());
    }

    proptest! {
        #[test]
        fn the_index_says_what_the_subscribers_say(steps in proptest::collection::vec(
            (0u8..6, 0u8..6, 0u8..6, any::<bool>()), 1..40)) {
            let mut all = Directory::default();
            for (number, further, account, removed) in steps {
                let number = number.to_string();
                match removed {
                    true => _ = all.remove(&number),
                    false => _ = all.put(one(&[("number", &number),
                        ("further_numbers", &further.to_string()), ("account", &account.to_string())])),
                }
                let named: BTreeMap<String, String> = all.all().flat_map(|kept| {
                    let owner = &kept.subscriber.number;
                    names(&kept.subscriber).skip(1)
                        .map(|(own, _)| (own.to_owned(), owner.clone())).collect::<Vec<_>>()
                }).collect();
                prop_assert_eq!(&named, &all.also);
            }
        }
    }
}
