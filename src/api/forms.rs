//! Score forms over HTTP (R23): a supervisor's program designs them, and takes them away. What is scored on them is
//! `quality.rs`'s.

use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{delete, put};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::{Asked, Given};
use super::csta::{Outcome, Shared, Who, done};
use super::routes::{Gives, Param, Route};
use super::{Problem, audit};
use crate::access::rights::Role;

/// What is wanted of forms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Another design of one, or a new one.
    Put(String, Design),
    /// One is taken away.
    Delete(String),
}

/// A form as a program designs it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// Its name, as it is listed; none: that of the path.
    #[serde(default, skip_serializing)]
    pub name: Option<String>,
    /// Its title.
    #[serde(default)]
    pub title: Option<String>,
    /// Its version; none: one more than that which is there, if anything else is new.
    #[serde(default)]
    pub version: Option<u32>,
    /// The least score of a talk that has passed, percent.
    #[serde(default)]
    pub pass: Option<u32>,
    /// What it asks, in its order.
    pub questions: Vec<Question>,
}

/// A question of it; what is not said is as in `[[score_question]]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "the names are those of the configuration's keys, which document them"
)]
pub struct Question {
    pub name: String,
    #[serde(default)]
    pub section: Option<String>,
    pub text: String,
    #[serde(default)]
    pub most: Option<u32>,
    #[serde(default)]
    pub weight: Option<u32>,
    #[serde(default)]
    pub fatal: Option<bool>,
}

const SUPERVISES: &[Role] = &[Role::Supervisor];

const FORM: Param = Param {
    name: "form",
    in_path: true,
    about: "The form's name.",
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": 40 }),
};

/// The routes of this file.
pub(super) fn routes() -> Vec<Route> {
    let of = |route: Route| Route { tag: "quality", roles: SUPERVISES, params: &[FORM], ..route };
    vec![
        of(Route {
            method: "put",
            summary: "Design a form, or design it anew",
            about: "It is in force at once, all or nothing. Scores keep the questions and the version that they were made \
                    with; `version` counts up by itself. What is listed can be changed and put back. One that the \
                    configuration designs (`[[score_form]]`) is changed there: 409.",
            asks: Some(design),
            gives: Gives::json(200, || {
                super::csta::object(
                    &["form", "version"],
                    json!({ "form": { "type": "string" }, "version": { "type": "integer" } }),
                )
            }),
            refuses: &[409, 503],
            ..Route::get("/v1/quality/forms/{form}", "PutForm", || put(put_form))
        }),
        of(Route {
            method: "delete",
            summary: "Take a form away",
            about: "No talk is scored on it any more; the scores that are there stay.",
            gives: Gives::json(200, done),
            refuses: &[404, 409, 503],
            ..Route::get("/v1/quality/forms/{form}", "DeleteForm", || delete(delete_form))
        }),
    ]
}

fn design() -> Value {
    let question = super::csta::object(
        &["name", "text"],
        json!({
            "name": { "type": "string", "minLength": 1, "maxLength": 40, "pattern": "^[0-9A-Za-z_-]+$" },
            "section": { "type": "string", "maxLength": 64 },
            "text": { "type": "string", "minLength": 1, "maxLength": 200 },
            "most": { "type": "integer", "minimum": 1, "maximum": 100, "description": "Points; 10 unless given." },
            "weight": { "type": "integer", "minimum": 1, "maximum": 100, "description": "1 unless given." },
            "fatal": { "type": "boolean", "description": "Without a point here the talk has failed." },
        }),
    );
    super::csta::object(
        &["questions"],
        json!({
            "name": { "type": "string", "description": "That of the path, or nothing." },
            "title": { "type": "string", "maxLength": 64 },
            "version": { "type": "integer", "minimum": 1, "maximum": 9_999 },
            "pass": { "type": "integer", "minimum": 0, "maximum": 100, "description": "Percent; 80 unless given." },
            "questions": { "type": "array", "minItems": 1, "maxItems": 200, "items": question },
        }),
    )
}

async fn put_form(
    State(app): Shared,
    Extension(who): Who,
    Path(form): Path<String>,
    Asked(design): Asked<Design>,
) -> Outcome {
    if design.name.as_ref().is_some_and(|name| *name != form) {
        return Err(Problem::unprocessable("`name` is another form's than the path's"));
    }
    let said = format!("form {}: another design", form.escape_debug());
    let told = app.exchange.clone().forms(Wanted::Put(form, design)).await;
    audit::told(&who, &said, &told);
    Ok(Given(StatusCode::OK, told?).into_response())
}

async fn delete_form(State(app): Shared, Extension(who): Who, Path(form): Path<String>) -> Outcome {
    let said = format!("form {}: taken away", form.escape_debug());
    let told = app.exchange.clone().forms(Wanted::Delete(form)).await;
    audit::told(&who, &said, &told);
    Ok(Given(StatusCode::OK, told?).into_response())
}
