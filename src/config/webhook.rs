//! Keys about web hooks: events that are sent to a program instead of being fetched by it.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::fault::quoted;
use super::name::{EnvName, Name, Number};
use super::secret::Secret;
use super::setting::{Reader, Setting, Wrong, nearest, read_text, section};
pub use crate::base::Url;

/// The kinds of events; what each says stands in the API's own documentation.
pub const KINDS: [&str; 39] = [
    "ServiceInitiated",
    "Originated",
    "NetworkReached",
    "Queued",
    "Offered",
    "Delivered",
    "Established",
    "Diverted",
    "Held",
    "Retrieved",
    "Conferenced",
    "Transferred",
    "Failed",
    "ConnectionCleared",
    "CallCleared",
    "CallInformation",
    "DigitsGenerated",
    "CaseOpened",
    "CaseChanged",
    "CaseClosed",
    "CareCall",
    "CampaignStatus",
    "CampaignOffered",
    "CampaignOfferOver",
    "CampaignResult",
    "AgentLoggedOn",
    "AgentLoggedOff",
    "AgentReady",
    "AgentNotReady",
    "AgentBusy",
    "AgentWorkingAfterCall",
    "AgentPending",
    "AgentWrapUp",
    "DoNotDisturb",
    "Forwarding",
    "BackInService",
    "OutOfService",
    "SystemStatus",
    "Alarm",
];

section! {
    /// A program that is sent events: each by a POST with the event as JSON, one after the other. Until one is
    /// answered by 2xx it is sent again, at growing intervals, and those behind it wait. After a restart it goes on where
    /// it was.
    [[webhook]] struct Webhook {
        /// Its name, in the log and in `data_dir`.
        name: Name = required, restart;
        /// Where it is, such as `"https://crm.example/belfry"`.
        url: Url = required, restart;
        /// With this each request is signed (HMAC-SHA256): `Belfry-Signature: t=…,v1=…` of `t`, a dot and the body.
        secret: Option<Secret> = derived, restart;
        /// A file whose first line is the secret.
        secret_file: Option<PathBuf> = derived, restart;
        /// An environment variable that holds the secret.
        secret_env: Option<EnvName> = derived, restart;
        /// The kinds of events that it gets. Without it: all.
        events: Option<Vec<EventKind>> = derived, restart;
        /// The queues whose events it gets. Without it: all, and what concerns no queue.
        queues: Option<Vec<Name>> = derived, restart;
        /// The agents whose events it gets. Without it: all, and what concerns no agent.
        agents: Option<Vec<Number>> = derived, restart;
        /// For how long an event is sent again; then it is left out, with an error in the log.
        retry_for: Duration = "\"24 h\"" in ["\"10 s\"", "\"30 days\""], restart;
    }
}

impl Setting for Url {
    const WRITE: &'static str = "an address such as \"https://crm.example/belfry\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Url> {
        read_text(value, reader, Self::WRITE, |text| {
            Url::new(text).ok_or_else(|| Wrong::not(text, Self::WRITE))
        })
    }
}

/// A kind of event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventKind(pub &'static str);

impl Setting for EventKind {
    const WRITE: &'static str = "a kind of event, such as \"Delivered\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<EventKind> {
        read_text(value, reader, Self::WRITE, |text| {
            let known = KINDS.iter().find(|kind| kind.eq_ignore_ascii_case(text));
            let what = || format!("there is no event {}", quoted(text));
            known.map(|kind| EventKind(kind)).ok_or_else(|| {
                match nearest(text, KINDS.into_iter()) {
                    Some(near) => Wrong::write(what(), format!("write \"{near}\"")),
                    None => Wrong::new(what()),
                }
            })
        })
    }
}

/// Each is there once, and has at most one secret.
pub(super) fn check(hooks: &[(usize, Webhook)], reader: &mut Reader<'_>) {
    let mut names = BTreeMap::new();
    for (nth, hook) in hooks {
        if let Some(first) = names.insert(hook.name.as_str(), hook.at) {
            let what =
                format!("a web hook \"{}\" stands in line {} already", hook.name, first.line);
            reader.faults.error(
                &reader.place("webhook", *nth, "name"),
                what,
                "give it another name",
            );
        }
        let ways = [
            (hook.secret.is_some(), "secret"),
            (hook.secret_file.is_some(), "secret_file"),
            (hook.secret_env.is_some(), "secret_env"),
        ];
        let mut given = ways.into_iter().filter(|(used, _)| *used).map(|(_, key)| key);
        if let (Some(first), Some(second)) = (given.next(), given.next()) {
            let what = format!("`{first}` and `{second}` exclude each other");
            reader.faults.error(&reader.place("webhook", *nth, second), what, "keep one of them");
        }
        open_to_others(*nth, hook, reader);
    }
}

/// Who calls whom is nobody else's business, and nobody else's to tell.
fn open_to_others(nth: usize, hook: &Webhook, reader: &mut Reader<'_>) {
    if !hook.url.secure && !hook.url.is_here() {
        let what = "events go to another machine in the clear";
        let remedy = "write `https://`, or send them to a program here that has TLS";
        reader.faults.warn(&reader.place("webhook", nth, "url"), what, remedy);
    }
    if hook.secret.is_none() && hook.secret_file.is_none() && hook.secret_env.is_none() {
        let what = "requests are not signed: who gets them cannot tell that they are Belfry's";
        let remedy = "add `secret`, `secret_file` or `secret_env`";
        reader.faults.warn(&reader.place("webhook", nth, ""), what, remedy);
    }
}
