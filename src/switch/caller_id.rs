//! Where a call comes from, as the plan and the call's record get it.
//!
//! ```text
//!  INVITE ─▶ sip::caller_id ─▶ number ─▶ in_caller rules ─▶ `from`   E.164 of it ─▶ `caller_e164`
//!                                 └──────── raw ─▶ `caller_raw`
//! ```
//!
//! A private number is known to the plan, where the network asserts it, and shown to nobody.

use crate::config::Config;
use crate::trunk::Numbering;

/// What is known of where a call comes from, beside the number that the plan sees.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Origin {
    /// The caller's number as it came; empty when it was withheld.
    pub raw: String,
    /// It in E.164, where that can be told.
    pub e164: Option<String>,
    /// The caller does not want to be shown.
    pub private: bool,
    /// The number called, as it came.
    pub called_raw: String,
    /// Who was called before us and sent the call on, and why.
    pub diverted: Option<(String, String)>,
    /// How many hops its INVITE could still make (Max-Forwards): those of ours that go on for it can
    /// make one less.
    pub hops: Option<u8>,
    /// What else its INVITE says, for the plan alone: [`signalled`](super::signalled).
    pub signalled: Vec<(String, String)>,
}

impl Origin {
    /// What the plan gets of it.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        let (from, why) = self.diverted.clone().unwrap_or_default();
        [
            ("caller_raw", self.raw.clone()),
            ("caller_e164", self.e164.clone().unwrap_or_default()),
            ("caller_private", if self.private { "true".into() } else { String::new() }),
            ("called_raw", self.called_raw.clone()),
            ("diverted_from", from),
            ("diversion_reason", why),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// What the call's record gets of it, beside the numbers `from` and `to` that it has.
    pub(super) fn fields(&self, from: &str, to: &str) -> Vec<(String, String)> {
        let mut fields = self.variables();
        fields.retain(|(name, value)| match name.as_str() {
            "caller_raw" | "caller_e164" => value != from,
            "called_raw" => value != to,
            _ => true,
        });
        fields
    }
}

/// How numbers are read here.
pub(super) fn numbering(config: &Config) -> Numbering {
    Numbering {
        country: config.numbers.country_code.to_string(),
        area: config.numbers.area_code.as_ref().map(|area| area.to_string()),
    }
}
