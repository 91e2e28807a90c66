//! Keys about HTTP: where it is answered, and who may ask what.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::acd::Agent;
use super::choice::TokenRole;
use super::keys::{Certificate, Phone};
use super::name::{EnvName, Name, Number};
use super::secret::Secret;
use super::setting::{Reader, section};

/// The shortest token that is taken, in bytes: what can be guessed is no token.
pub const MIN_TOKEN: usize = 16;

section! {
    /// The API for programs: calls, agents, events; and whether Belfry is well (`/health`, `/ready`). Who may ask
    /// is said by `[[token]]`.
    [http] struct Http {
        /// Where it is answered, such as `"127.0.0.1:8080"`. Without it: nowhere.
        listen: Option<SocketAddr> = derived, restart;
        /// Whether it is HTTPS, with the certificates of `[[certificate]]`.
        tls: bool = "false", restart;
        /// Connections at once; a further one is closed. Each event stream is one.
        connections: u32 = "500" in ["1", "10000"], restart;
    }
}

section! {
    /// The same services and events in CSTA's own XML over TCP (ECMA-323 Annex J). Who may is said by `[[token]]`, which
    /// `StartApplicationSession` shows.
    [csta] struct Csta {
        /// Where it is answered, such as `"127.0.0.1:3721"`. Without it: nowhere.
        listen: Option<SocketAddr> = derived, restart;
        /// Whether it is over TLS, with the certificates of `[[certificate]]`.
        tls: bool = "false", restart;
        /// Sessions at once; a further connection is closed.
        connections: u32 = "100" in ["1", "10000"], restart;
    }
}

section! {
    /// A program that may use the API, known by what it shows: `Authorization: Bearer …`.
    [[token]] struct Token {
        /// Its name, as the log and records have it.
        name: Name = required, live;
        /// What it shows, of 16 bytes at least. Each has a token, a file or a variable.
        token: Option<Secret> = derived, live;
        /// A file whose first line is the token.
        token_file: Option<PathBuf> = derived, live;
        /// An environment variable that holds the token.
        token_env: Option<EnvName> = derived, live;
        /// What it may: `"read"` sees calls, agents and events; `"agent"` acts for one agent and the phone at which
        /// it is signed in, and sees what concerns them; `"supervisor"` sees all, acts for all agents and
        /// phones, listens in; `"admin"` may do everything.
        roles: Vec<TokenRole> = required, live;
        /// Whether it gets outside numbers masked, such as `138******00`. Without it: one that may `"read"` and nothing
        /// else does.
        mask_numbers: Option<bool> = derived, live;
        /// The agent for whom it acts, with `"agent"`.
        agent: Option<Number> = derived, live;
        /// The phones at which it may sign its agent in, with `"agent"`. Without it: at none; the agent does that
        /// at a phone, or another program for it.
        phones: Option<Vec<Number>> = derived, live;
    }
}

/// The agents and phones that tokens may name, with their places.
pub(super) type Whose<'a> = (&'a [(usize, Agent)], &'a [(usize, Phone)]);

/// A token is there once, is long enough, and has an agent where it acts for one.
pub(super) fn check(
    http: Option<&Http>,
    csta: Option<&Csta>,
    tokens: &[(usize, Token)],
    (agents, phones): Whose<'_>,
    certificates: &[(usize, Certificate)],
    reader: &mut Reader<'_>,
) {
    let mut names = BTreeMap::new();
    for (nth, token) in tokens {
        if let Some(first) = names.insert(token.name.as_str(), token.at) {
            let what = format!("a token \"{}\" stands in line {} already", token.name, first.line);
            reader.faults.error(&reader.place("token", *nth, "name"), what, "give it another name");
        }
        value(*nth, token, reader);
        let same = |(other, t): &&(usize, Token)| {
            other < nth && t.token.is_some() && t.token == token.token
        };
        if let Some((_, other)) = tokens.iter().find(same) {
            let what = format!("the token \"{}\" shows the same", other.name);
            reader.faults.error(&reader.place("token", *nth, "token"), what, "give it another");
        }
        whom(*nth, token, agents, reader);
        sign_in(*nth, token, phones, reader);
    }
    let http = http.and_then(|http| Some(("http", http.listen?, http.tls)));
    let csta = csta.and_then(|csta| Some(("csta", csta.listen?, csta.tls)));
    for (section, listen, tls) in http.into_iter().chain(csta) {
        if tls && certificates.is_empty() && !reader.given("certificate", 0, "") {
            let what = "TLS has no certificate to show";
            let remedy = "add a [[certificate]] with its files `chain` and `key`";
            reader.faults.error(&reader.place(section, 0, "tls"), what, remedy);
        }
        if !tls && !listen.ip().is_loopback() && !tokens.is_empty() {
            let what = "tokens are sent in the clear over the network";
            let remedy = "write `tls = true`, or listen on loopback behind a proxy that has TLS";
            reader.faults.warn(&reader.place(section, 0, "listen"), what, remedy);
        }
    }
}

/// What it shows.
fn value(nth: usize, token: &Token, reader: &mut Reader<'_>) {
    let ways = [
        (token.token.is_some(), "token"),
        (token.token_file.is_some(), "token_file"),
        (token.token_env.is_some(), "token_env"),
    ];
    let mut given = ways.into_iter().filter(|(used, _)| *used).map(|(_, key)| key);
    match (given.next(), given.next()) {
        (Some(first), Some(second)) => {
            let what = format!("`{first}` and `{second}` exclude each other");
            reader.faults.error(&reader.place("token", nth, second), what, "keep one of them");
        }
        (None, _) => {
            let what = format!("the token \"{}\" shows nothing", token.name);
            let remedy = "add `token`, `token_file` or `token_env`";
            reader.faults.error(&reader.place("token", nth, ""), what, remedy);
        }
        _ => {}
    }
    if token.token.as_ref().is_some_and(|t| t.expose().len() < MIN_TOKEN) {
        let what = "the token is short";
        let remedy =
            format!("write at least {MIN_TOKEN} bytes, such as `openssl rand -hex 32` gives");
        reader.faults.error(&reader.place("token", nth, "token"), what, remedy);
    }
}

/// Where it may sign its agent in.
fn sign_in(nth: usize, token: &Token, phones: &[(usize, Phone)], reader: &mut Reader<'_>) {
    let Some(own) = &token.phones else { return };
    if !token.roles.contains(&TokenRole::Agent) {
        let what = "`phones` is for the role \"agent\"";
        let remedy = "add that role, or leave `phones` out";
        reader.faults.error(&reader.place("token", nth, "phones"), what, remedy);
    }
    for number in own {
        if !phones.iter().any(|(_, phone)| phone.number == *number) {
            let what = format!("there is no phone {number}");
            let remedy = format!("add a [[phone]] with `number = \"{number}\"`");
            reader.faults.error(&reader.place("token", nth, "phones"), what, remedy);
        }
    }
}

/// For whom it acts.
fn whom(nth: usize, token: &Token, agents: &[(usize, Agent)], reader: &mut Reader<'_>) {
    let acts = token.roles.contains(&TokenRole::Agent);
    match &token.agent {
        None if acts => {
            let what = "it acts for an agent and says not for which";
            let remedy = "add `agent = \"…\"`, the agent's number";
            reader.faults.error(&reader.place("token", nth, "roles"), what, remedy);
        }
        Some(_) if !acts => {
            let what = "`agent` is for the role \"agent\"";
            let remedy = "add that role, or leave `agent` out";
            reader.faults.error(&reader.place("token", nth, "agent"), what, remedy);
        }
        Some(number) if !agents.iter().any(|(_, agent)| agent.number == *number) => {
            let what = format!("there is no agent {number}");
            let remedy = format!("add an [[agent]] with `number = \"{number}\"`");
            reader.faults.error(&reader.place("token", nth, "agent"), what, remedy);
        }
        _ => {}
    }
}
