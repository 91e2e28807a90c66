//! A unit whose password is wrong: its alarm gets 401 and is gone, and whoever has mistyped the password would never know. It is
//! a notice in the technical list, until the unit logs in.
//!
//! Only of numbers that are somebody's (a phone's, a subscriber's), and once an hour each: who guesses passwords fills no list.

use crate::base::{Duration, Now};
use crate::care::{Meaning, Trouble};
use crate::sip::Flow;
use crate::switch::arrival::user;
use crate::switch::{Level, Switch};
use crate::wire::sip::{Message, Method, Name};
use crate::wire::telecare::Said;

/// Of each number once in so long.
const ONCE_IN: Duration = Duration::from_secs(3_600);
/// Numbers of which it was said within that.
const MOST: usize = 10_000;

impl Switch {
    /// A request whose password is wrong: if it says an alarm of somebody who is known, people are told.
    pub(in crate::switch) fn alarm_refused(
        &mut self,
        now: Now,
        number: &str,
        flow: Flow,
        request: &Message,
    ) {
        let known =
            self.config.phone(number).is_some() || self.care.directory.find(number).is_some();
        if !known || !self.says_alarm(request) {
            return;
        }
        let refused = &mut self.care.refused;
        if refused.len() >= MOST {
            refused.retain(|_, until| *until > now.at);
        }
        let of_late = refused.get(number).is_some_and(|until| *until > now.at);
        if of_late || refused.len() >= MOST {
            return;
        }
        refused.insert(number.to_owned(), now.at + ONCE_IN);
        let who = self.care.who(number);
        let line = format!(
            "unit {who} ({}) says an alarm, and its password is wrong: it is refused and nobody hears of it; write the same password \
             in the unit and in its [[phone]]",
            flow.remote
        );
        self.log(Level::Error, line);
        let account = self.care.home(number).to_owned();
        self.centre_says(now, &account, Meaning::Began(Trouble::Login));
    }

    /// A report, or a call to where alarms go.
    fn says_alarm(&self, request: &Message) -> bool {
        let to = request.uri().ok().and_then(|uri| user(&uri)).unwrap_or_default();
        if self.care.cases.terms().is_ours(&to) {
            return matches!(request.method(), Method::Message | Method::Invite);
        }
        let kind = request.header(Name::ContentType).unwrap_or_default();
        *request.method() == Method::Message && Said::read(kind, request.body()).is_some()
    }

    /// A phone has logged in: if its password was wrong, it is right now.
    pub(in crate::switch) fn unit_logs_in(&mut self, now: Now, number: &str) {
        if self.care.cases.troubles().next().is_none() {
            return;
        }
        let account = self.care.home(number);
        if self.care.cases.has_trouble(account, Trouble::Login) {
            let account = account.to_owned();
            self.care.refused.remove(number);
            self.centre_says(now, &account, Meaning::Over(Trouble::Login));
        }
    }
}
