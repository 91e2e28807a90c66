//! Whether Belfry is well, for who starts it anew and who sends calls to it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

use super::body::Given;
use super::routes::{Gives, Route};
use super::{App, Problem};
use crate::access::rights::Role;
use crate::switch::{Reply, Request};

/// The routes of this file.
pub(super) fn routes() -> Vec<Route> {
    let health = Route {
        summary: "Whether Belfry lives: it answers",
        gives: Gives::json(200, || json!({ "$ref": "#/components/schemas/Health" })),
        ..Route::get("/health", "Health", || get(live))
    };
    let ready = Route {
        summary: "Whether Belfry takes calls",
        gives: Gives::json(200, || json!({ "$ref": "#/components/schemas/Health" })),
        refuses: &[503],
        ..Route::get("/ready", "Ready", || get(ready))
    };
    let system = Route {
        summary: "How Belfry is as a whole (CSTA SystemStatus)",
        roles: &[Role::Read, Role::Agent, Role::Supervisor],
        gives: Gives::json(200, || json!({ "$ref": "#/components/schemas/SystemStatus" })),
        refuses: &[503],
        ..Route::get("/v1/system", "SystemStatus", || get(system))
    };
    vec![health, ready, system]
}

async fn live() -> impl IntoResponse {
    Given(StatusCode::OK, json!({ "status": "ok" }))
}

async fn system(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    match app.ask(Request::Status).await? {
        Reply::Status(status) => Ok(Given(StatusCode::OK, status)),
        _ => Err(Problem::unavailable("the exchange does not say how it is")),
    }
}

async fn ready(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    match app.refusing().await {
        Some(why) => Err(Problem::unavailable(why)),
        None => Ok(Given(StatusCode::OK, json!({ "status": "ok" }))),
    }
}
