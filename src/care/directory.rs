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
    /// The last change of the records that it has: what is older than another is told after it in vain. `None`: it is
    /// as new as it comes.
    pub version: Option<i64>,
}

/// Changes that are remembered one by one, from one telling of all to the next.
const MOST_CHANGES: usize = 20_000;

/// What was told last of whom, so that what is older does not undo it: who reads all the records and who changes one are
/// not the same, and tell it in no order.
#[derive(Default, Debug)]
pub struct Told {
    /// All of what is not newer than this.
    all: i64,
    /// By number, the change that was told by itself.
    each: BTreeMap<String, i64>,
}

impl Told {
    /// Takes out of an update what is older than what was told, and remembers the rest.
    pub fn take(&mut self, update: &mut Update) {
        let Some(version) = update.version else { return };
        let (all, floor) = (update.all, self.all);
        let fresh = |number: &String| {
            version >= floor && self.each.get(number).is_none_or(|own| *own <= version)
        };
        update.put.retain(|kept| fresh(&kept.subscriber.number));
        update.gone.retain(fresh);
        if all && version >= floor {
            self.all = version;
            self.each.retain(|_, own| *own > version);
            return;
        }
        update.all = false;
        for kept in &update.put {
            self.each.insert(kept.subscriber.number.clone(), version);
        }
        for number in &update.gone {
            self.each.insert(number.clone(), version);
        }
        if self.each.len() > MOST_CHANGES {
            // Whoever reads since before half of them is not heard of any more.
            let mut versions: Vec<i64> = self.each.values().copied().collect();
            versions.sort_unstable();
            let middle = versions[versions.len() / 2];
            self.each.retain(|_, own| *own > middle);
        }
    }

    /// Whether a number was told of after the last telling of all.
    pub fn is_newer(&self, number: &str) -> bool {
        self.each.contains_key(number)
    }
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
    fn what_was_read_before_a_change_does_not_undo_it() {
        let number = |n: &str| one(&[("number", n)]);
        let mut told = Told::default();
        let put = |n: &str, version| Update {
            put: vec![number(n)],
            version: Some(version),
            ..Update::default()
        };
        let all = |told: &mut Told, numbers: &[&str], version| {
            let put = numbers.iter().copied().map(number).collect();
            let mut update = Update { all: true, put, gone: vec![], version: Some(version) };
            told.take(&mut update);
            let left: Vec<String> =
                update.put.into_iter().map(|kept| kept.subscriber.number).collect();
            (update.all, left.join(" "))
        };
        // All are read; 200 is added and 100 goes; then what was read is told.
        told.take(&mut put("200", 6));
        let mut gone = Update { gone: vec!["100".into()], version: Some(7), ..Update::default() };
        told.take(&mut gone);
        assert_eq!(gone.gone, ["100"]);
        assert_eq!(all(&mut told, &["100", "150"], 5), (true, "150".to_owned()));
        assert!(told.is_newer("200") && told.is_newer("100"));
        // The next reading has both; one from before it says nothing any more.
        assert_eq!(all(&mut told, &["150", "200"], 7), (true, "150 200".to_owned()));
        assert_eq!(all(&mut told, &["100"], 5), (false, String::new()));
        let mut late = put("200", 6);
        told.take(&mut late);
        assert_eq!(late.put, []);
        let mut next = put("200", 8);
        told.take(&mut next);
        assert_eq!(next.put.len(), 1);
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
