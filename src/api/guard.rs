//! Who asks: bearer tokens (RFC 6750) and what they may.
//!
//! Of a token only its hash is kept, and it is compared with all of them in the same time, whichever is the
//! right one. Refusals go to the log, without what was shown.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::server::PeerAddress;
use super::{App, Problem};
use crate::access::rights::{Rights, Role};

/// The longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 256;
/// How often the log speaks of refusals.
const COMPLAIN_EVERY: Duration = Duration::from_secs(1);

/// A token's hash, and what it may.
type Known = ([u8; 32], Rights);

/// The tokens in force; clones share them.
#[derive(Clone, Default)]
pub struct Tokens(Arc<RwLock<Arc<Vec<Known>>>>);

impl Tokens {
    /// Puts these in force, and no others.
    pub fn put<'t>(&self, tokens: impl Iterator<Item = (&'t str, Rights)>) {
        let known = tokens.map(|(token, rights)| (hash(token), rights)).collect();
        *self.0.write().expect("no holder panics") = Arc::new(known);
    }

    /// Whose token it is.
    pub fn whose(&self, shown: &str) -> Option<Rights> {
        let known = self.0.read().expect("no holder panics").clone();
        let shown = hash(shown);
        let mut found = None;
        for (own, rights) in known.iter() {
            if bool::from(own.ct_eq(&shown)) {
                found = Some(rights);
            }
        }
        found.cloned()
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Who asks, for handlers: an `Extension`.
#[derive(Clone, Debug)]
pub struct Caller(pub Rights);

/// One line a second about who was refused.
#[derive(Default)]
pub struct Complaints(Mutex<(Option<Instant>, u64)>);

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
    let rights = match bearer(request.headers()) {
        Ok(token) => app.tokens.whose(token).ok_or("the token is not known here"),
        Err(why) => Err(why),
    };
    let rights = match rights {
        Ok(rights) if rights.has_any(roles) => rights,
        Ok(rights) => {
            complain(&app, &request, &format!("\"{}\" may not", rights.name));
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
    request.extensions_mut().insert(Caller(rights));
    next.run(request).await
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
    if let Some(left_out) = app.complaints.may_tell() {
        let from =
            request.extensions().get::<PeerAddress>().map_or_else(String::new, |at| at.to_string());
        let more = if left_out > 0 { format!(" (and {left_out} more)") } else { String::new() };
        let (method, path) = (request.method(), request.uri().path());
        let path: String = path.chars().take(200).collect();
        tracing::warn!("API: {from}: {method} {path}: {why}{more}");
    }
}

impl std::fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        SocketAddr::fmt(&self.0, f)
    }
}
