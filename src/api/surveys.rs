//! Surveys and questionnaires over HTTP (R21, R22): designs, answers, figures, corrections.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{Asked, Given, Params};
use super::guard::Caller;
use super::routes::{Gives, Param, Route};
use super::{App, Problem, audit};
use crate::access::rights::Role;
use crate::base::CallId;
use crate::switch::console::Correction;

/// What is wanted of surveys.
#[derive(Clone, PartialEq, Debug)]
pub enum Wanted {
    /// Which there are.
    List,
    /// The design of one.
    Design(String),
    /// Another design of one.
    Put(String, Value),
    /// The design of one taken away.
    Delete(String),
    /// Who answered what.
    Answers(String, Span),
    /// What that comes to.
    Statistics(String, Span),
    /// What was put right.
    Corrections(String),
    /// Put an answer right; what its key means is looked up.
    Correct(Correction),
}

/// Of which time, and how it is cut.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// From when; this day's midnight without it.
    pub from: Option<String>,
    /// Until when; now without it.
    pub to: Option<String>,
    /// Into which periods.
    pub by: Option<String>,
    /// And by what else.
    pub across: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Right {
    call: String,
    question: String,
    key: String,
    #[serde(default)]
    why: String,
}

const SEES: &[Role] = &[Role::Supervisor];

const SURVEY: Param = Param {
    name: "survey",
    in_path: true,
    about: "The survey's name.",
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": 40 }),
};
const fn behind(name: &'static str, about: &'static str) -> Param {
    Param { name, in_path: false, about, schema: || json!({ "type": "string" }) }
}
const SPAN: &[Param] = &[
    SURVEY,
    behind(
        "from",
        "From when, in the node's time zone: `2026-11-01`; this day's midnight without it.",
    ),
    behind("to", "Until when; now without it."),
];
const CUT: &[Param] = &[
    SURVEY,
    behind(
        "from",
        "From when, in the node's time zone: `2026-11-01`; this day's midnight without it.",
    ),
    behind("to", "Until when; now without it."),
    behind("by", "A row for each hour, day, week, month, quarter, year; one in all without it."),
    behind("across", "And for each agent, team, queue, or answer to a question (`question:NAME`)."),
];

fn anything() -> Value {
    json!({ "type": "object" })
}
fn list() -> Value {
    json!({ "type": "array", "items": { "type": "object" } })
}

/// The routes of this file.
pub(super) fn routes() -> Vec<Route> {
    design_routes().into_iter().chain(answer_routes()).collect()
}

fn route(route: Route) -> Route {
    Route { tag: "surveys", roles: SEES, ..route }
}

fn design_routes() -> Vec<Route> {
    vec![
        route(Route {
            summary: "The surveys there are",
            gives: Gives::json(200, list),
            refuses: &[503],
            ..Route::get("/v1/surveys", "ListSurveys", || get(surveys))
        }),
        route(Route {
            summary: "A survey's design",
            about: "`design` has the keys of `[survey.NAME]`; it can be changed and put back.",
            params: &[SURVEY],
            gives: Gives::json(200, anything),
            refuses: &[503],
            ..Route::get("/v1/surveys/{survey}", "GetSurvey", || get(one))
        }),
        route(Route {
            method: "put",
            summary: "Another design of a survey",
            about: "The keys of `[survey.NAME]`. It is in force at once, all or nothing; answers to former designs keep \
                    what their keys meant. One that a file of the dialplan designs is changed there.",
            params: &[SURVEY],
            asks: Some(anything),
            gives: Gives::json(200, anything),
            refuses: &[409, 503],
            ..Route::get("/v1/surveys/{survey}", "PutSurvey", || put(put_design))
        }),
        route(Route {
            method: "delete",
            summary: "Take a survey away",
            about: "Nobody is asked it any more; its answers and their figures stay. 409 where the dialplan uses it, or a file of \
                    the dialplan designs it.",
            params: &[SURVEY],
            gives: Gives::json(200, super::csta::done),
            refuses: &[404, 409, 503],
            ..Route::get("/v1/surveys/{survey}", "DeleteSurvey", || delete(delete_design))
        }),
    ]
}

fn answer_routes() -> Vec<Route> {
    vec![
        route(Route {
            summary: "Who answered what, and whether it counts",
            params: SPAN,
            gives: Gives::json(200, list),
            refuses: &[422, 503],
            ..Route::get("/v1/surveys/{survey}/answers", "ListSurveyAnswers", || get(answers))
        }),
        route(Route {
            summary: "Figures of the answers that count",
            params: CUT,
            gives: Gives::json(200, anything),
            refuses: &[422, 503],
            ..Route::get("/v1/surveys/{survey}/statistics", "GetSurveyStatistics", || {
                get(statistics)
            })
        }),
        route(Route {
            summary: "Answers that were put right: who, when, what before",
            params: &[SURVEY],
            gives: Gives::json(200, list),
            refuses: &[503],
            ..Route::get("/v1/surveys/{survey}/corrections", "ListSurveyCorrections", || {
                get(corrections)
            })
        }),
        route(Route {
            summary: "Put an answer right",
            about: "The call was asked by a design that has this question and key. What was answered stays on the record.",
            params: &[SURVEY],
            asks: Some(|| {
                json!({
                    "type": "object", "required": ["call", "question", "key"], "additionalProperties": false,
                    "properties": {
                        "call": { "type": "string" }, "question": { "type": "string" },
                        "key": { "type": "string" }, "why": { "type": "string" },
                    },
                })
            }),
            gives: Gives::json(200, anything),
            refuses: &[409, 503],
            ..Route::post("/v1/surveys/{survey}/corrections", "CorrectSurveyAnswer", || {
                post(correct)
            })
        }),
    ]
}

type Shared = State<Arc<App>>;
type Who = Extension<Caller>;
type Outcome = Result<Response, Problem>;

async fn told(app: &App, wanted: Wanted) -> Outcome {
    let told = app.exchange.clone().surveys(wanted).await?;
    Ok(Given(StatusCode::OK, told).into_response())
}

async fn surveys(State(app): Shared) -> Outcome {
    told(&app, Wanted::List).await
}

async fn one(State(app): Shared, Path(survey): Path<String>) -> Outcome {
    told(&app, Wanted::Design(survey)).await
}

async fn put_design(
    State(app): Shared,
    Extension(who): Who,
    Path(survey): Path<String>,
    Asked(design): Asked<Value>,
) -> Outcome {
    let said = format!("survey {}: another design", survey.escape_debug());
    let told = app.exchange.clone().surveys(Wanted::Put(survey, design)).await;
    audit::told(&who, &said, &told);
    Ok(Given(StatusCode::OK, told?).into_response())
}

async fn delete_design(
    State(app): Shared,
    Extension(who): Who,
    Path(survey): Path<String>,
) -> Outcome {
    let said = format!("survey {}: taken away", survey.escape_debug());
    let told = app.exchange.clone().surveys(Wanted::Delete(survey)).await;
    audit::told(&who, &said, &told);
    Ok(Given(StatusCode::OK, told?).into_response())
}

async fn answers(
    State(app): Shared,
    Path(survey): Path<String>,
    Params(span): Params<Span>,
) -> Outcome {
    told(&app, Wanted::Answers(survey, span)).await
}

async fn statistics(
    State(app): Shared,
    Path(survey): Path<String>,
    Params(span): Params<Span>,
) -> Outcome {
    told(&app, Wanted::Statistics(survey, span)).await
}

async fn corrections(State(app): Shared, Path(survey): Path<String>) -> Outcome {
    told(&app, Wanted::Corrections(survey)).await
}

async fn correct(
    State(app): Shared,
    Extension(who): Who,
    Path(survey): Path<String>,
    Asked(Right { call, question, key, why }): Asked<Right>,
) -> Outcome {
    let call: CallId =
        call.parse().map_err(|_| Problem::unprocessable("`call` is no call's id"))?;
    let said = format!("survey {}: call {call}", survey.escape_debug());
    let by = who.rights.name.clone();
    let meaning = String::new();
    let asked = Correction { call, survey, question, key, meaning, by, why };
    let told = app.exchange.clone().surveys(Wanted::Correct(asked)).await;
    audit::told(&who, &said, &told);
    Ok(Given(StatusCode::OK, told?).into_response())
}
