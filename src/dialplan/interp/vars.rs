//! What a plan can know of its call: the call's entry, variables, civil time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::tz::{TimeZone, offset};
use serde::{Deserialize, Serialize};

use super::{Interp, MAX_FRAMES};
use crate::base::Wall;
use crate::dialplan::calendar::Civil;
use crate::dialplan::condition::Facts;
use crate::dialplan::hunt::Hunter;
use crate::dialplan::model::{Op, Plan, Step};
use crate::dialplan::template::{Scope, truncate};

/// The most variables of a call.
pub const MAX_VARIABLES: usize = 500;
/// The longest name of a variable, in bytes.
const MAX_NAME: usize = 128;
/// The longest value of a variable, in bytes.
pub const MAX_VALUE: usize = 4_096;

/// What came with a call.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Entry {
    /// The context it enters: its gateway's or phone's.
    pub context: String,
    /// The number called.
    pub to: String,
    /// The caller's number; empty when withheld.
    pub from: String,
    /// The caller's name.
    pub caller_name: String,
    /// The gateway or phone it came by.
    pub via: String,
    /// The call's id.
    pub call_id: String,
    /// The address it came from.
    pub network_addr: String,
    /// Variables it begins with (a subscriber's `vip`, say).
    pub variables: BTreeMap<String, String>,
}

impl Entry {
    /// What its variables say of the call itself stands in its fields, as it does of a call that comes in: for calls that
    /// somebody makes up.
    pub fn made_up(mut self) -> Entry {
        for (name, field) in [
            ("via", &mut self.via),
            ("caller_name", &mut self.caller_name),
            ("network_addr", &mut self.network_addr),
        ] {
            if let Some(value) = self.variables.remove(name) {
                *field = value;
            }
        }
        self
    }

    /// A field of the call by the name that conditions use.
    fn profile<'a>(&'a self, name: &str) -> Option<Cow<'a, str>> {
        Some(Cow::Borrowed(match name {
            "to" => &self.to,
            "from" => &self.from,
            "caller_name" => &self.caller_name,
            "via" => &self.via,
            "context" => &self.context,
            "call_id" => &self.call_id,
            "network_addr" => &self.network_addr,
            // What FreeSWITCH files ask to tell SIP calls from others.
            "source" => "mod_sofia",
            "dialplan" => "XML",
            "chan_name" => return Some(Cow::Owned(format!("sofia/internal/{}", self.from))),
            _ => return None,
        }))
    }
}

/// FreeSWITCH's names of what a call brings, with the names here.
pub(in crate::dialplan) const ALIASES: [(&str, &str); 14] = [
    ("destination_number", "to"),
    ("caller_id_number", "from"),
    ("ani", "from"),
    ("sip_from_user", "from"),
    ("caller_id_name", "caller_name"),
    ("uuid", "call_id"),
    ("sip_gateway_name", "via"),
    ("sip_received_ip", "network_addr"),
    ("sip_network_ip", "network_addr"),
    ("rdnis", "diverted_from"),
    ("last_bridge_hangup_cause", "bridge_hangup_cause"),
    ("username", "user_name"),
    ("sip_auth_username", "user_name"),
    ("channel_name", "chan_name"),
];

/// What a call may bring and what the steps set, by the names here; each may be read without being set
/// by the plan. Headers of the INVITE are `sip_h_NAME`.
pub(in crate::dialplan) const KNOWN: &[&str] = &[
    "to",
    "from",
    "caller_name",
    "via",
    "context",
    "call_id",
    "network_addr",
    "source",
    "dialplan",
    "chan_name",
    "domain",
    "domain_name",
    "language",
    "default_language",
    "date",
    "time",
    "weekday",
    "caller_raw",
    "caller_e164",
    "caller_private",
    "called_raw",
    "diverted_from",
    "diversion_reason",
    "user_name",
    "sip_from_host",
    "sip_to_user",
    "sip_to_host",
    "sip_req_user",
    "sip_req_host",
    "sip_call_id",
    "sip_user_agent",
    "menu_digits",
    "menu_status",
    "ivr_menu_status",
    "collect_status",
    "read_result",
    "read_terminator_used",
    "conference_result",
    "alarm_result",
    "queue_result",
    "http_result",
    "http_status",
    "sql_result",
    "sql_rows",
    "curl_response_code",
    "curl_response_data",
    "dial_result",
    "dial_cause",
    "dialed_by",
    "talk_seconds",
    "originate_disposition",
    "hangup_cause",
    "bridge_hangup_cause",
    "case",
    "case_need",
    "case_priority",
    "case_place",
    "case_need_prompt",
    "case_number",
    "case_place_prompt",
    "case_room",
    "care_call",
    "care_call_text",
    "plan",
    "plan_step",
    "plan_say",
    "plan_person",
    "subscriber",
    "subscriber_name",
    "subscriber_region",
    "subscriber_flag",
    "subscriber_address",
];

/// The beginning of the names of headers.
pub(in crate::dialplan) const HEADER: &str = "sip_h_";

/// A call as its plan sees it, with the groups that stand for `$0` to `$9`.
pub(in crate::dialplan) struct View<'a> {
    interp: &'a Interp,
    plan: &'a Plan,
    captures: Option<&'a [String]>,
}

impl<'a> View<'a> {
    pub fn new(interp: &'a Interp, plan: &'a Plan, captures: Option<&'a [String]>) -> View<'a> {
        View { interp, plan, captures }
    }

    /// The language of prompts.
    pub fn language(&self) -> String {
        let set =
            ["language", "default_language"].iter().find_map(|n| self.interp.variables.get(*n));
        set.filter(|l| !l.is_empty()).cloned().unwrap_or_else(|| self.plan.language.clone())
    }
}

impl Scope for View<'_> {
    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        let own = ALIASES.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, own)| own);
        let variables = &self.interp.variables;
        if let Some(value) = variables.get(name).or_else(|| variables.get(own)) {
            return Some(Cow::Borrowed(value));
        }
        // Headers are written by their senders in any case.
        if name.starts_with(HEADER) {
            let mut all = variables.iter();
            let found = all.find(|(header, _)| header.eq_ignore_ascii_case(name));
            return found.map(|(_, value)| Cow::Borrowed(value.as_str()));
        }
        self.interp.entry.profile(own).or_else(|| {
            let civil = self.civil();
            Some(Cow::Owned(match own {
                "domain" | "domain_name" => return Some(Cow::Borrowed(&self.plan.domain)),
                "language" | "default_language" => self.language(),
                "date" => civil.format("%Y-%m-%d"),
                "time" => civil.format("%H:%M"),
                "weekday" => civil.weekday().to_string(),
                _ => {
                    return self.plan.globals.get(name).map(|value| Cow::Borrowed(value.as_str()));
                }
            }))
        })
    }
    fn capture(&self, n: u8) -> Option<Cow<'_, str>> {
        let captures = self.captures?;
        Some(Cow::Borrowed(captures.get(usize::from(n)).map_or("", String::as_str)))
    }
    fn civil(&self) -> Civil {
        self.civil_at(self.interp.wall)
    }
    /// By the node's zone, or by `tod_tz_offset` (hours, FreeSWITCH's).
    fn civil_at(&self, wall: Wall) -> Civil {
        let shifted =
            self.interp.variables.get("tod_tz_offset").and_then(|v| v.trim().parse::<i8>().ok());
        match shifted.filter(|hours| (-14..=14).contains(hours)) {
            Some(hours) => Civil::at(wall, &TimeZone::fixed(offset(hours))),
            None => Civil::at(wall, &self.plan.zone),
        }
    }
}

impl Facts for View<'_> {
    fn scope(&self) -> &dyn Scope {
        self
    }
    fn profile(&self, name: &str) -> String {
        match name {
            // FreeSWITCH's field; who sent the call on is a variable here.
            "rdnis" => self.interp.variables.get("diverted_from").cloned().unwrap_or_default(),
            _ => self.interp.entry.profile(name).unwrap_or_default().into_owned(),
        }
    }
    fn is_holiday(&self, list: &str) -> bool {
        self.plan.is_holiday(list, self.civil().date())
    }
}

/// A call that looks for its route.
pub(in crate::dialplan) struct Looking<'a> {
    pub interp: &'a mut Interp,
    pub plan: &'a Plan,
}

impl Hunter for Looking<'_> {
    fn facts(&self) -> Box<dyn Facts + '_> {
        Box::new(View::new(self.interp, self.plan, None))
    }
    fn run_inline(&mut self, step: &Step, captures: Option<&[String]>) {
        match &step.op {
            Op::Set(pairs) => self.interp.set_pairs(self.plan, pairs, captures),
            Op::Unset(names) => {
                for name in names {
                    let name = name.expand(&View::new(self.interp, self.plan, captures));
                    self.interp.unset(&name);
                }
            }
            Op::Log { level, text } => {
                let text = text.expand(&View::new(self.interp, self.plan, captures));
                self.interp.log(*level, text);
            }
            _ => {}
        }
    }
}

impl Interp {
    /// Sets a variable within bounds; one too many is dropped, a value too long is cut.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        let full = self.variables.len() >= MAX_VARIABLES && !self.variables.contains_key(name);
        if name.is_empty() || name.len() > MAX_NAME || full {
            return;
        }
        let mut value = value.into();
        truncate(&mut value, MAX_VALUE);
        self.jot(|_| format!("set {name} = '{value}'"));
        if name.starts_with(HEADER) {
            self.written.insert(name.to_owned());
        }
        self.variables.insert(name.to_owned(), value);
    }

    /// Removes a variable.
    pub(super) fn unset(&mut self, name: &str) {
        self.jot(|_| format!("unset {name}"));
        self.variables.remove(name);
        self.written.remove(name);
    }

    pub(super) fn set_pairs(
        &mut self,
        plan: &Plan,
        pairs: &[(crate::dialplan::template::Template, crate::dialplan::template::Template)],
        captures: Option<&[String]>,
    ) {
        for (name, value) in pairs {
            let view = View::new(self, plan, captures);
            let (name, value) = (name.expand(&view), value.expand(&view));
            // FreeSWITCH's word for "remove it".
            if value == "_undef_" {
                self.unset(&name);
            } else {
                self.set(&name, value);
            }
        }
    }

    /// Puts a frame on the stack; past [`MAX_FRAMES`] the call is cleared.
    pub(super) fn push(&mut self, frame: super::Frame) {
        if self.stack.len() >= MAX_FRAMES {
            self.log(
                crate::dialplan::effect::Level::Error,
                format!("the plan is more than {MAX_FRAMES} levels deep"),
            );
            self.hangup(crate::dialplan::cause::Cause::TEMPORARY_FAILURE);
            return;
        }
        self.stack.push(frame);
    }
}
