//! Units that fall silent, as [`care::silence`](crate::care::silence) finds them: a report of the centre's own that a trouble
//! began, and one that it is over.

use crate::base::Now;
use crate::care::silence::Rule;
use crate::care::trouble::Troubled;
use crate::care::{Meaning, Protocol, Report, Speech, Subscriber, Trouble};
use crate::switch::console::Reply;
use crate::switch::{Level, Switch};

impl Switch {
    /// What the configuration says of units that report by themselves.
    pub(in crate::switch) fn configure_silence(&mut self, now: Now) {
        let rule = |own: &crate::config::Heartbeat| Rule {
            kind: own.terminal_type.as_ref().map(ToString::to_string).unwrap_or_default(),
            numbers: own.numbers.iter().flatten().map(ToString::to_string).collect(),
            every: own.every,
            missed: own.missed,
        };
        let rules: Vec<Rule> = self.config.heartbeats.iter().map(rule).collect();
        if self.care.silence.rules() == rules {
            return;
        }
        self.care.silence.configure(rules);
        let all: Vec<_> = self.care.directory.all().cloned().collect();
        all.iter().for_each(|kept| self.unit_watched(now, &kept.subscriber));
        self.silence_ends_due(now);
    }

    /// A subscriber is there: whether its unit is watched says the configuration.
    pub(super) fn unit_watched(&mut self, now: Now, of: &Subscriber) {
        let told = self.care.cases.has_trouble(&of.number, Trouble::Silent);
        let seen = self.care.seen.get(&of.number).copied();
        if !self.care.silence.put(now, of, seen, told) && told {
            self.care.silence.ends(&of.number);
        }
    }

    /// It is there no more.
    pub(super) fn unit_unwatched(&mut self, account: &str) {
        self.care.silence.remove(account);
        if self.care.cases.has_trouble(account, Trouble::Silent) {
            self.care.silence.ends(account);
        }
    }

    /// All subscribers are known: whoever was silent and is none any more is in no list. The last run may have ended while
    /// it was telling so.
    pub(super) fn silent_strangers(&mut self) {
        let silent = self.care.cases.troubles().filter(|own| own.trouble == Trouble::Silent);
        let gone = silent.filter(|own| self.care.directory.get(&own.account).is_none());
        let gone: Vec<String> = gone.map(|own| own.account.clone()).collect();
        gone.iter().for_each(|account| self.care.silence.ends(account));
    }

    /// Of whom it is over because he is watched no more. Who was heard meanwhile has ended it himself.
    pub(super) fn silence_ends_due(&mut self, now: Now) {
        if self.journal_full {
            return self.care.silence.later(now.at);
        }
        for account in self.care.silence.over_due(now.at) {
            if self.care.cases.has_trouble(&account, Trouble::Silent) {
                self.centre_says(now, &account, Meaning::Over(Trouble::Silent));
            }
        }
    }

    /// A unit gives a sign of life.
    pub(super) fn unit_heard(&mut self, now: Now, account: &str) {
        self.care.silence.heard(now.at, account);
        if self.care.cases.has_trouble(account, Trouble::Silent) {
            let line = format!("unit {} is heard again", self.care.who(account));
            self.log(Level::Info, line);
            self.centre_says(now, account, Meaning::Over(Trouble::Silent));
        }
    }

    /// Who has fallen silent, and of whom that is over.
    pub(super) fn silence_due(&mut self, now: Now) {
        self.silence_ends_due(now);
        if self.journal_full {
            return self.care.silence.later(now.at);
        }
        for account in self.care.silence.due(now.at) {
            if let Some(more) = self.care.silent.may(now.at) {
                let line = format!(
                    "unit {} has not reported for as long as [[heartbeat]] says: `show cases` lists those that are \
                     silent ({more} more since the last line)",
                    self.care.who(&account)
                );
                self.log(Level::Warning, line);
            }
            self.centre_says(now, &account, Meaning::Began(Trouble::Silent));
        }
    }

    /// Written down like what a unit says of itself: it stands in the technical list, or does no more.
    pub(super) fn centre_says(&mut self, now: Now, account: &str, meaning: Meaning) {
        self.centre_reports(now, account, (account, String::new()), meaning);
    }

    fn centre_reports(
        &mut self,
        now: Now,
        account: &str,
        (by, device): (&str, String),
        meaning: Meaning,
    ) {
        let report = Report {
            account: account.to_owned(),
            device,
            device_type: String::new(),
            protocol: Protocol::Centre,
            reference: format!("centre {}", self.facts),
            meaning,
            code: 0,
            priority: 0,
            speech: Speech::None,
            place: String::new(),
        };
        if let Some(place) = self.take_report(now, by, &report) {
            self.write_report(now, by, report, String::new(), place);
        }
    }

    /// A person takes off the technical list what no device will end: it was replaced, or has gone.
    pub(in crate::switch) fn trouble_over(
        &mut self,
        now: Now,
        [unit, trouble, device]: [String; 3],
        by: &str,
    ) -> Reply {
        let account = self.care.home(&unit).to_owned();
        let own = |own: &&Troubled| {
            own.account == account && own.trouble.as_str() == trouble && own.device == device
        };
        let Some(stands) = self.care.cases.troubles().find(own).map(|own| own.trouble) else {
            let of = if device.is_empty() { String::new() } else { format!(" of device {device}") };
            return Reply::Refused(format!(
                "the technical list has no '{}' of unit {}{of}: `show cases` has what stands",
                trouble.escape_debug(),
                unit.escape_debug()
            ));
        };
        let by = if by.is_empty() { "console" } else { by };
        self.log(Level::Info, format!("unit {account}: {trouble} {device} is over, says {by}"));
        self.centre_reports(now, &account, (by, device), Meaning::Over(stands));
        Reply::Done(format!("unit {account}: {trouble} is off the technical list"))
    }
}
