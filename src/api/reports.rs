//! Reports that are kept (R25) over HTTP: which there are, and each as a file. Figures of all queues and agents: no token
//! of one agent gets them, nor one of a supervisor of some teams.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::body::Given;
use super::csta::{Outcome, Shared, Who};
use super::events::Later;
use super::guard::Caller;
use super::routes::{Gives, Param, Route};
use super::{App, Problem, audit};
use crate::access::rights::{Deed, Role};
use crate::switch::{Reply, Request};

const SUPERVISES: &[Role] = &[Role::Supervisor];

/// The kept reports, as the API sees them.
pub trait Reports: Send + Sync {
    /// Each report of the configuration, with what is kept of it.
    fn list(&self) -> Later<Vec<Value>>;
    /// A kept one's bytes; `None`: there is no such.
    fn file(&self, report: String, file: String) -> Later<Option<Vec<u8>>>;
}

const NAMES: &[Param] = &[
    Param {
        name: "report",
        in_path: true,
        about: "The name of a `[[report]]`.",
        schema: || json!({ "type": "string", "minLength": 1, "maxLength": 64 }),
    },
    Param {
        name: "file",
        in_path: true,
        about: "The file, as the list names it: `2026-11-22.csv`.",
        schema: || json!({ "type": "string", "minLength": 1, "maxLength": 64 }),
    },
];

/// The routes of this file.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route {
            tag: "quality",
            summary: "The reports that are made by themselves, and what is kept of each",
            about: "`next`: when the next one is due, milliseconds since 1970. `kept` has `period`, `file`, `made` and `bytes`.",
            roles: SUPERVISES,
            gives: Gives::json(200, || json!({ "type": "array", "items": { "type": "object" } })),
            refuses: &[503],
            ..Route::get("/v1/reports", "ListReports", || get(list))
        },
        Route {
            tag: "quality",
            summary: "A report that is kept: CSV, or a workbook",
            roles: SUPERVISES,
            params: NAMES,
            gives: Gives {
                status: 200,
                kind: "*/*",
                schema: || json!({ "type": "string", "format": "binary" }),
            },
            refuses: &[404, 503],
            ..Route::get("/v1/reports/{report}/{file}", "FetchReport", || get(file))
        },
    ]
}

fn reports(app: &App) -> Result<Arc<dyn Reports>, Problem> {
    app.exchange.reports().ok_or_else(|| Problem::unavailable("there are no reports here"))
}

fn away(why: String) -> Problem {
    Problem::unavailable(format!("the reports cannot be read: {why}"))
}

/// Whether a token sees all agents' figures: one that acts for a supervisor does where that one supervises all.
async fn sees_all(app: &App, who: &Caller) -> Result<(), Problem> {
    let Some(by) = &who.rights.agent else { return Ok(()) };
    if who.rights.may(Deed::Administer, false) {
        return Ok(());
    }
    match app.ask(Request::SupervisesAll(by.clone())).await? {
        Reply::Done(_) => Ok(()),
        Reply::Refused(why) => Err(Problem::forbidden(why)),
        _ => Err(Problem::unavailable("the exchange answers something else")),
    }
}

async fn list(State(app): Shared, Extension(who): Who) -> Outcome {
    sees_all(&app, &who).await?;
    let all = reports(&app)?.list().await.map_err(away)?;
    Ok(Given(StatusCode::OK, all).into_response())
}

async fn file(
    State(app): Shared,
    Extension(who): Who,
    Path((report, file)): Path<(String, String)>,
) -> Outcome {
    sees_all(&app, &who).await?;
    let found = reports(&app)?.file(report.clone(), file.clone()).await.map_err(away)?;
    let none = || Problem::not_found("no such report is kept; see GET /v1/reports");
    let bytes = found.ok_or_else(none)?;
    let said = format!("report {} is fetched: {}", report.escape_debug(), file.escape_debug());
    let done = Reply::Done(String::new());
    audit::write(&who.rights.name, who.peer, Some(&said), Some(&done));
    let kind = match file.ends_with(".xlsx") {
        true => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        false => "text/csv; charset=utf-8",
    };
    // What is listed is a plain name.
    let name = format!("attachment; filename=\"{report}-{file}\"");
    let response = Response::builder()
        .header(CONTENT_TYPE, kind)
        .header(CONTENT_DISPOSITION, name)
        .body(Body::from(bytes));
    response.map_err(|error| Problem::unavailable(error.to_string()))
}
