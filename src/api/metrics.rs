//! `/metrics`: all figures, as Prometheus reads them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

use super::routes::{Gives, Route};
use super::{App, Problem};
use crate::access::rights::Role;

/// The text format's name (Prometheus, exposition formats).
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The routes of this file.
pub(super) fn routes() -> Vec<Route> {
    vec![Route {
        summary: "All figures, in Prometheus' text format",
        about: "No number of a caller, an agent or a subscriber is in it.",
        roles: &[Role::Read, Role::Supervisor],
        gives: Gives { status: 200, kind: "text/plain", schema: || json!({ "type": "string" }) },
        refuses: &[503],
        ..Route::get("/metrics", "Metrics", || get(metrics))
    }]
}

async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    let text = app.exchange.clone().metrics().await;
    let text = text.ok_or_else(|| Problem::unavailable("the figures cannot be had"))?;
    Ok(([(CONTENT_TYPE, TEXT)], text))
}
