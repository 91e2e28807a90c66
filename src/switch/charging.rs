//! Calls out on whose account they are, and whether it may make them (R29): asked of `access::tolls`
//! before a gateway is.
//!
//! The account is who sends the call outside: the phone that transfers it there, else the party for whom
//! the plan runs; beside it the phone that forwards it there. Emergency calls are not asked for, and a call
//! is asked for once, however many gateways are tried.

use crate::access::tolls::{Account, Barred, Class, Grant, Prefixes};
use crate::base::{CallId, Duration, LegId, Now};
use crate::call::{Device, Failure};
use crate::config::Config;
use crate::dialplan::effect::Target;
use crate::trunk::Overflow;
use crate::wire::q850::Cause;

use super::dial::failure;
use super::fact::{AlarmWhat, FactKind};
use super::forwarding::Diversion;
use super::{Level, Switch};

/// How numbers are told apart by their price.
pub(super) struct Prices {
    international: Vec<String>,
    premium: Vec<String>,
    country: String,
}

impl Prices {
    pub(super) fn new(config: &Config) -> Prices {
        let text = |all: &[crate::config::name::DialPrefix]| {
            all.iter().map(|prefix| prefix.as_str().to_owned()).collect()
        };
        Prices {
            international: text(&config.fort.international),
            premium: text(&config.fort.premium),
            country: config.numbers.country_code.to_string(),
        }
    }

    /// The dearer class of a number as the plan dials it and as the gateway gets it.
    pub(super) fn class(&self, number: &str, rewritten: &str) -> Class {
        let prefixes = Prefixes {
            international: &self.international,
            country: &self.country,
            premium: &self.premium,
        };
        prefixes.class(number).max(prefixes.class(rewritten))
    }
}

impl Switch {
    /// Whether call `id` may go out to `number`, which the gateway gets as `rewritten`: on which accounts,
    /// and of which class it is.
    pub(super) fn charge(
        &mut self,
        now: Now,
        id: CallId,
        number: &str,
        rewritten: &str,
        way: &mut Overflow,
    ) -> Result<Option<(Vec<Account>, Class)>, Failure> {
        if way.is_urgent() {
            return Ok(None);
        }
        let diverts = self.diverter(id, number).map(|by| Account::Phone(by.to_owned()));
        let account = self.account(id).filter(|account| Some(account) != diverts.as_ref());
        let accounts = diverts.into_iter().chain(account);
        let accounts: Vec<(Account, Grant)> =
            accounts.map(|account| (account.clone(), self.grant(&account))).collect();
        let class = self.prices.class(number, rewritten);
        // The next gateway may make a dearer number of it; it is no further call.
        let permits = |(account, grant): &(Account, Grant)| match grant.permits(class) {
            Ok(()) => Ok(()),
            Err(barred) => Err((account.clone(), barred)),
        };
        let asked = match way.is_charged() {
            true => accounts.iter().try_for_each(permits),
            false => self
                .tolls
                .ask(now.at, &accounts, class)
                .map_err(|(account, barred)| (account.clone(), barred)),
        };
        if let Err((account, barred)) = asked {
            self.barred(now, id, &account, number, barred);
            return Err(failure(Cause::CALLS_OUT_BARRED, 403));
        }
        way.charge();
        Ok(Some((accounts.into_iter().map(|(account, _)| account).collect(), class)))
    }

    /// The phone that last sent the call on to `number`.
    fn diverter(&self, id: CallId, number: &str) -> Option<&str> {
        let sent =
            |d: &&Diversion| matches!(&d.to, Target::Gateway { number: to, .. } if to == number);
        let diverted = self.dialing(id)?.diverted.iter().rev().find(sent)?;
        Some(&diverted.by)
    }

    fn account(&self, id: CallId) -> Option<Account> {
        let active = self.calls.get(&id)?;
        let sends_on = active.transfer.as_ref().map(|transfer| &transfer.payer);
        let own = || active.call.get(active.subject()).map(|party| &party.device);
        Some(match sends_on.filter(|device| device.is_phone()).or_else(own)? {
            Device::Phone { number } | Device::Mobile { number, .. } => {
                Account::Phone(number.clone())
            }
            Device::Trunk { gateway, .. } => Account::Gateway(gateway.clone()),
        })
    }

    /// Whether the party for whom call `id`'s plan runs may itself call `number`, dialled by others as `dialled`:
    /// its class, whatever else its account has used up.
    pub(super) fn may_have_called(&self, id: CallId, number: &str, dialled: &str) -> bool {
        let class = self.prices.class(number, dialled);
        self.account(id).is_some_and(|account| self.grant(&account).permits(class).is_ok())
    }

    fn grant(&self, account: &Account) -> Grant {
        let costly_per_hour = self.config.fort.costly_per_hour;
        let none = Grant {
            international: false,
            premium: false,
            at_once: 1,
            per_hour: 1,
            costly_per_hour,
        };
        match account {
            Account::Phone(number) => self.config.phone(number).map_or(none, |phone| Grant {
                international: phone.international,
                premium: phone.premium,
                at_once: phone.calls_out,
                per_hour: phone.calls_out_per_hour,
                costly_per_hour,
            }),
            Account::Gateway(name) => self.config.gateway(name).map_or(none, |gateway| Grant {
                international: gateway.international,
                premium: gateway.premium,
                at_once: gateway.calls_out,
                per_hour: gateway.calls_out_per_hour,
                costly_per_hour,
            }),
        }
    }

    fn barred(&mut self, now: Now, call: CallId, account: &Account, number: &str, why: Barred) {
        let line = format!("call {call}: {account} does not get {number}: {why}");
        self.log(Level::Warning, line);
        let (account, number) = (account.to_string(), number.to_owned());
        let detail = format!("{account} to {number}: {why}");
        let why_text = why.to_string();
        self.fact(now, FactKind::DialBarred { call, account, number, why: why_text });
        if why.is_alarming() {
            self.alarm(now, AlarmWhat::Tolls, detail, Some(call));
        }
    }

    /// A leg is over that may have gone out on somebody's account, after it talked for so long.
    pub(super) fn charged(&mut self, now: Now, leg: LegId, talked: Option<Duration>) {
        for account in self.tolls.end(now.at, leg, talked) {
            let detail = format!("{account}: {}", Barred::Pattern);
            self.alarm(now, AlarmWhat::Tolls, detail, None);
        }
    }
}
