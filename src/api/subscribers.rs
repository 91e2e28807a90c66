//! The care line's subscribers over HTTP (R10): those there are, one with all that is known of it, and changes, which are a
//! supervisor's alone and noted with who made them (R26).

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{delete, get, put};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{Asked, Given, Params};
use super::csta::{Outcome, Shared, Who, done};
use super::guard::Caller;
use super::routes::{Gives, Param, Route};
use super::{App, Problem, audit};
use crate::access::rights::Role;
use crate::switch::Reply;

/// What is wanted of the subscribers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Those whose number, name, address or region holds this text; all, where it is empty.
    List {
        /// The text.
        text: String,
        /// So many are left out.
        skip: usize,
        /// So many at most.
        most: usize,
    },
    /// One, by any of its numbers or its account.
    Show(String),
    /// These fields of one; it is a new one, if there is none of this number.
    Put {
        /// Its number.
        number: String,
        /// Name and text of each.
        fields: Vec<(String, String)>,
        /// Who says so.
        by: String,
    },
    /// One goes.
    Remove {
        /// Its number.
        number: String,
        /// Who says so.
        by: String,
    },
}

/// Of one answer, at most and unless asked.
const MOST: usize = 1_000;
const USUAL: usize = 100;

const SEES: &[Role] = &[Role::Agent, Role::Supervisor];
const CHANGES: &[Role] = &[Role::Supervisor];

const NUMBER: Param = Param {
    name: "number",
    in_path: true,
    about: "The subscriber's number.",
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": 21 }),
};
const fn behind(name: &'static str, about: &'static str, schema: fn() -> Value) -> Param {
    Param { name, in_path: false, about, schema }
}
const PAGE: &[Param] = &[
    behind(
        "text",
        "Those whose number, name, address or region holds it.",
        || json!({ "type": "string", "maxLength": 100 }),
    ),
    behind("skip", "So many are left out.", || json!({ "type": "integer", "minimum": 0 })),
    behind(
        "most",
        "At most so many; 100 unless given.",
        || json!({ "type": "integer", "minimum": 1, "maximum": MOST }),
    ),
];

fn any_object() -> Value {
    json!({ "type": "object" })
}
fn objects() -> Value {
    json!({ "type": "array", "items": { "type": "object" } })
}

/// The routes of this file.
pub(super) fn routes() -> Vec<Route> {
    let of = |route: Route| Route { tag: "care line", ..route };
    vec![
        of(Route {
            summary: "The subscribers, by their numbers",
            about: "Each with its fields, as `belfry subscriber` names them.",
            roles: SEES,
            params: PAGE,
            gives: Gives::json(200, objects),
            refuses: &[400, 422, 503],
            ..Route::get("/v1/subscribers", "ListSubscribers", || get(list))
        }),
        of(Route {
            summary: "A subscriber, with all that is known of it",
            about: "`subscriber` its fields, `last_seen` when its unit was heard (milliseconds since 1970), `troubles` what is wrong with it, \
                    `changes` who changed what when, the last ones.",
            roles: SEES,
            params: &[NUMBER],
            gives: Gives::json(200, any_object),
            refuses: &[404, 422, 503],
            ..Route::get("/v1/subscribers/{number}", "GetSubscriber", || get(one))
        }),
        of(Route {
            method: "put",
            summary: "A subscriber is added, or fields of it are changed",
            about: "Fields by name, each a text as `belfry subscriber set` takes it; those that are not named stay. All of it or nothing, in \
                    force at once, and noted with who did it.",
            roles: CHANGES,
            params: &[NUMBER],
            asks: Some(
                || json!({ "type": "object", "additionalProperties": { "type": "string", "maxLength": 4_000 } }),
            ),
            gives: Gives::json(200, done),
            refuses: &[404, 422, 503],
            ..Route::get("/v1/subscribers/{number}", "PutSubscriber", || put(change))
        }),
        of(Route {
            method: "delete",
            summary: "A subscriber is taken out",
            roles: CHANGES,
            params: &[NUMBER],
            gives: Gives::json(200, done),
            refuses: &[404, 422, 503],
            ..Route::get("/v1/subscribers/{number}", "RemoveSubscriber", || delete(remove))
        }),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default)]
    text: String,
    #[serde(default)]
    skip: usize,
    most: Option<usize>,
}

async fn list(State(app): Shared, Params(page): Params<Page>) -> Outcome {
    let Page { text, skip, most } = page;
    let most = most.unwrap_or(USUAL);
    if !(1..=MOST).contains(&most) {
        return Err(Problem::unprocessable(format!("`most` is 1 to {MOST}")));
    }
    let rows = app.exchange.clone().subscribers(Wanted::List { text, skip, most }).await?;
    Ok(Given(StatusCode::OK, rows).into_response())
}

async fn one(State(app): Shared, Path(number): Path<String>) -> Outcome {
    let found = app.exchange.clone().subscribers(Wanted::Show(number)).await?;
    Ok(Given(StatusCode::OK, found).into_response())
}

async fn change(
    State(app): Shared,
    Extension(who): Who,
    Path(number): Path<String>,
    Asked(fields): Asked<BTreeMap<String, String>>,
) -> Outcome {
    let said = format!("subscriber {number} is changed: {}", names(&fields));
    let by = who.rights.name.clone();
    let fields = fields.into_iter().collect();
    carried_out(&app, &who, Wanted::Put { number, fields, by }, &said).await
}

async fn remove(State(app): Shared, Extension(who): Who, Path(number): Path<String>) -> Outcome {
    let (said, by) = (format!("subscriber {number} is taken out"), who.rights.name.clone());
    carried_out(&app, &who, Wanted::Remove { number, by }, &said).await
}

/// Which fields: what stands in them is nobody's who reads the log.
fn names(fields: &BTreeMap<String, String>) -> String {
    fields.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

async fn carried_out(app: &App, who: &Caller, wanted: Wanted, said: &str) -> Outcome {
    let told = app.exchange.clone().subscribers(wanted).await;
    let reply = match &told {
        Ok(_) => Reply::Done(String::new()),
        Err(problem) => Reply::Refused(problem.detail.clone()),
    };
    audit::write(&who.rights.name, who.peer, Some(said), Some(&reply));
    Ok(Given(StatusCode::OK, told?).into_response())
}
