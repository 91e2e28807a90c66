//! The table of routes: method, path, who may, what comes and goes. The router and the OpenAPI document are
//! made of it, so that neither has what the other lacks.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::MethodRouter;
use serde_json::Value;

use super::App;
use super::guard::guard;
use super::problem::{as_problems, no_method, no_route};
use crate::access::rights::Role;

/// A schema of JSON (OpenAPI 3.1: JSON Schema 2020-12).
pub type Schema = fn() -> Value;

/// One route.
pub struct Route {
    /// Its method, lower case as OpenAPI has it.
    pub method: &'static str,
    /// Its path, with `{name}` for what varies.
    pub path: &'static str,
    /// Its name, unlike any other's.
    pub operation: &'static str,
    /// Under which heading it stands.
    pub tag: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// More about it.
    pub about: &'static str,
    /// Who may: one of these, or admin. Empty: whoever asks.
    pub roles: &'static [Role],
    /// What varies in the path and stands behind the `?`.
    pub params: &'static [Param],
    /// The body that it wants.
    pub asks: Option<Schema>,
    /// What it answers when all is well.
    pub gives: Gives,
    /// The statuses of its problems, beside those that any route with its traits has.
    pub refuses: &'static [u16],
    /// What carries it out.
    pub handler: fn() -> MethodRouter<Arc<App>>,
}

/// A parameter.
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Whether it stands in the path; else behind the `?`, where it may be left out.
    pub in_path: bool,
    /// What it says.
    pub about: &'static str,
    /// What it looks like.
    pub schema: Schema,
}

/// An answer.
pub struct Gives {
    /// Its status.
    pub status: u16,
    /// Its media type; empty: it has no body.
    pub kind: &'static str,
    /// What that looks like.
    pub schema: Schema,
}

impl Gives {
    /// JSON.
    pub const fn json(status: u16, schema: Schema) -> Gives {
        Gives { status, kind: "application/json", schema }
    }
}

impl Route {
    const fn bare(
        method: &'static str,
        path: &'static str,
        operation: &'static str,
        handler: fn() -> MethodRouter<Arc<App>>,
    ) -> Route {
        Route {
            method,
            path,
            operation,
            tag: "system",
            summary: "",
            about: "",
            roles: &[],
            params: &[],
            asks: None,
            gives: Gives::json(200, || Value::Bool(true)),
            refuses: &[],
            handler,
        }
    }
    /// A question.
    pub const fn get(
        path: &'static str,
        operation: &'static str,
        handler: fn() -> MethodRouter<Arc<App>>,
    ) -> Route {
        Route::bare("get", path, operation, handler)
    }
    /// An order.
    pub const fn post(
        path: &'static str,
        operation: &'static str,
        handler: fn() -> MethodRouter<Arc<App>>,
    ) -> Route {
        Route::bare("post", path, operation, handler)
    }
}

/// All routes: a line for each file that has some.
pub fn all() -> Vec<Route> {
    let files = [
        super::health::routes(),
        super::metrics::routes(),
        super::openapi::routes(),
        super::csta::routes(),
        super::cases::routes(),
        super::subscribers::routes(),
        super::campaigns::routes(),
        super::events::routes(),
        super::surveys::routes(),
        super::quality::routes(),
        super::reports::routes(),
        super::forms::routes(),
    ];
    files.into_iter().flatten().collect()
}

/// The router that the table makes.
pub(super) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for route in all() {
        let guarded = from_fn_with_state((app.clone(), route.roles), guard);
        router = router.route(route.path, (route.handler)().route_layer(guarded));
    }
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn(as_problems))
        .with_state(app)
}
