//! Who asks: bearer tokens (RFC 6750) and what they may.
//!
//! Of a token only its hash is kept, and it is compared with all of them in the same time, whichever is the
//! right one. Refusals go to the log, without what was shown.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use super::server::PeerAddress;
use super::{App, Problem};
use crate::access::mask;
use crate::access::rights::{Rights, Role};

/// The longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 256;
/// The longest answer in which numbers are masked, in bytes; ours have bounds far below.
const MAX_ANSWER: usize = 64 << 20;
/// Refusals that differ of which the log speaks at once; one more each second.
const BURST: u32 = 20;
/// How often the log speaks of other refusals.
const COMPLAIN_EVERY: Duration = Duration::from_secs(1);

/// A token's hash, and what it may.
type Known = ([u8; 32], Rights);

/// The tokens in force; clones share them.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    known: RwLock<Arc<Vec<Known>>>,
    /// How often others were put in force.
    generation: watch::Sender<u64>,
}

impl Default for Tokens {
    fn default() -> Tokens {
        Tokens(Arc::new(Inner { known: RwLock::default(), generation: watch::Sender::new(0) }))
    }
}

impl Tokens {
    /// Puts these in force, and no others.
    pub fn put<'t>(&self, tokens: impl Iterator<Item = (&'t str, Rights)>) {
        let known = tokens.map(|(token, rights)| (hash(token), rights)).collect();
        *self.0.known.write().expect("no holder panics") = Arc::new(known);
        self.0.generation.send_modify(|nth| *nth += 1);
    }

    /// Whose token it is.
    pub fn whose(&self, shown: &str) -> Option<Rights> {
        self.of(&hash(shown))
    }

    /// The same, for who stays: it can be asked later whether it still holds.
    pub fn pass(&self, shown: &str) -> Option<Pass> {
        let (hash, generation) = (hash(shown), self.0.generation.subscribe());
        let rights = self.of(&hash)?;
        Some(Pass { tokens: self.clone(), hash, rights, generation })
    }

    fn of(&self, shown: &[u8; 32]) -> Option<Rights> {
        let known = self.0.known.read().expect("no holder panics").clone();
        let mut found = None;
        for (own, rights) in known.iter() {
            if bool::from(own.ct_eq(shown)) {
                found = Some(rights);
            }
        }
        found.cloned()
    }
}

/// A token that was shown, of a session or a stream that stays open.
#[derive(Clone)]
pub struct Pass {
    tokens: Tokens,
    hash: [u8; 32],
    rights: Rights,
    generation: watch::Receiver<u64>,
}

impl Pass {
    /// What it may.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Whether it is in force still, and may the same.
    pub fn holds(&self) -> bool {
        self.tokens.of(&self.hash).as_ref() == Some(&self.rights)
    }

    /// Waits until it holds no more. It can be given up.
    pub async fn gone(&mut self) {
        while self.holds() {
            // The sender lives in `tokens`.
            let _ = self.generation.changed().await;
        }
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Who asks, for handlers: an `Extension`.
#[derive(Clone)]
pub struct Caller {
    /// What it may.
    pub rights: Rights,
    /// Its token, for what stays open.
    pub pass: Pass,
    /// From where it asks.
    pub peer: Option<SocketAddr>,
}

/// One line a second about who was refused.
#[derive(Default)]
pub struct Complaints(Mutex<(Option<Instant>, u64)>);

/// Lines about refusals that differ: a burst of them is named, who goes on and on gets a line a second.
#[derive(Default)]
pub struct Refusals(Mutex<Refused>);

#[derive(Default)]
struct Refused {
    /// Lines that were written and not made up for by seconds since.
    written: u32,
    /// Since when, or when it was made up for last.
    since: Option<Instant>,
    /// The last line.
    line: String,
    /// Refusals since the last line.
    left_out: u64,
}

impl Refusals {
    /// How many were left out since the last line, if this one may be written now.
    fn may_tell(&self, line: &str, now: Instant) -> Option<u64> {
        let mut said = self.0.lock().expect("no holder panics");
        let since = said.since.unwrap_or(now);
        let seconds = now.saturating_duration_since(since).as_secs();
        said.written = said.written.saturating_sub(u32::try_from(seconds).unwrap_or(u32::MAX));
        said.since = Some(since + Duration::from_secs(seconds));
        // The same thing once more in this second says nothing new.
        if said.written >= BURST || (said.written > 0 && said.line == line && seconds == 0) {
            said.left_out += 1;
            return None;
        }
        said.written += 1;
        said.line.clear();
        said.line.push_str(line);
        Some(std::mem::take(&mut said.left_out))
    }
}

impl Complaints {
    /// How many were left out since the last line, if one may be written now.
    pub(super) fn may_tell(&self) -> Option<u64> {
        let mut said = self.0.lock().expect("no holder panics");
        if said.0.is_some_and(|at| at.elapsed() < COMPLAIN_EVERY) {
            said.1 += 1;
            return None;
        }
        let left_out = said.1;
        *said = (Some(Instant::now()), 0);
        Some(left_out)
    }
}

/// Lets in who may: of a route with these roles.
pub async fn guard(
    State((app, roles)): State<(Arc<App>, &'static [Role])>,
    mut request: Request,
    next: Next,
) -> Response {
    if roles.is_empty() {
        return next.run(request).await;
    }
    let pass = match bearer(request.headers()) {
        Ok(token) => app.tokens.pass(token).ok_or("the token is not known here"),
        Err(why) => Err(why),
    };
    let pass = match pass {
        Ok(pass) if pass.rights.has_any(roles) => pass,
        Ok(pass) => {
            complain(&app, &request, &format!("\"{}\" may not", pass.rights.name));
            let wanted: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            let detail = format!("this needs one of the roles {}", wanted.join(", "));
            return Problem::forbidden(detail).into_response();
        }
        Err(why) => {
            complain(&app, &request, why);
            let detail = format!("{why}; show one of [[token]]: Authorization: Bearer …");
            return Problem::unauthorized(detail).into_response();
        }
    };
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    let rights = pass.rights.clone();
    let masked = rights.masked;
    request.extensions_mut().insert(Caller { rights, pass, peer });
    let response = next.run(request).await;
    if masked { without_numbers(response).await } else { response }
}

/// The answer with outside numbers masked, where it is JSON: a stream masks its events by itself.
async fn without_numbers(response: Response) -> Response {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let wrong = || Problem::unavailable("the answer could not be made").into_response();
    let Ok(bytes) = to_bytes(body, MAX_ANSWER).await else { return wrong() };
    let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(&bytes) else { return wrong() };
    mask::in_json(&mut value);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(value.to_string()))
}

/// The token that a request shows.
fn bearer(headers: &HeaderMap) -> Result<&str, &'static str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else { return of_socket(headers).ok_or("no token is shown") };
    if all.next().is_some() {
        return Err("two tokens are shown");
    }
    let text = value.to_str().map_err(|_| "the token is not known here")?;
    let (scheme, token) = text.split_once(' ').ok_or("no bearer token is shown")?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err("no bearer token is shown");
    }
    let token = token.trim();
    if token.len() > MAX_TOKEN { Err("the token is not known here") } else { Ok(token) }
}

/// A browser's WebSocket sets no header but its sub-protocols: `bearer.TOKEN` is one.
fn of_socket(headers: &HeaderMap) -> Option<&str> {
    let offers = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|o| o.to_str().ok());
    let mut offers = offers.flat_map(|offer| offer.split(',')).map(str::trim);
    offers.find_map(|offer| offer.strip_prefix("bearer.")).filter(|token| token.len() <= MAX_TOKEN)
}

/// A line in the log.
pub(super) fn complain(app: &App, request: &Request, why: &str) {
    let at = request.extensions().get::<PeerAddress>();
    let (method, path) = (request.method(), request.uri().path());
    let path: String = path.chars().take(200).collect();
    // Each request of a program may come from another port.
    let of = at.map_or_else(String::new, |at| at.0.ip().to_string());
    let line = format!("{of}: {method} {path}: {why}");
    if let Some(left_out) = app.refusals.may_tell(&line, Instant::now()) {
        let from = at.map_or_else(String::new, ToString::to_string);
        let more = if left_out > 0 { format!(" (and {left_out} more)") } else { String::new() };
        tracing::warn!("API: {from}: {method} {path}: {why}{more}");
    }
}

impl std::fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        SocketAddr::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_refusals_is_named_and_a_flood_is_not() {
        let (refusals, begun) = (Refusals::default(), Instant::now());
        let at = |ms| begun + Duration::from_millis(ms);
        // Two tokens, several paths, in one second.
        let lines = ["crm may not: /a", "crm may not: /b", "wall may not: /a"];
        for (nth, line) in lines.into_iter().enumerate() {
            let before = if nth == 0 { 0 } else { 1 };
            assert_eq!(refusals.may_tell(line, at(1)), Some(before), "{line}");
            assert_eq!(refusals.may_tell(line, at(2)), None, "once");
        }
        assert_eq!(refusals.may_tell("crm may not: /a", at(3)), Some(1));
        let told = (0..1_000).filter(|n| refusals.may_tell(&n.to_string(), at(4)).is_some());
        assert_eq!(told.count(), BURST as usize - 4);
        // Whoever goes on gets a line a second, which says how many there were.
        assert_eq!(refusals.may_tell("x", at(1_003)), Some(1_000 - u64::from(BURST) + 4));
        assert_eq!(refusals.may_tell("y", at(1_004)), None);
        assert_eq!(refusals.may_tell("z", at(60_000)), Some(1));
    }
}
