//! The care line's cases over HTTP: which are open, whose each is (R10's pop-up), what its unit is told, what its
//! response plan does (R15), how it ended; and the whole record of each, the closed ones' too.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::{Asked, Given, Params};
use super::csta::{Outcome, Shared, Who, done, object, order};
use super::events::Later;
use super::guard::Caller;
use super::routes::{Gives, Param, Route};
use super::{App, Problem, audit};
use crate::access::rights::Role;
use crate::switch::care::{CONFIDENTIAL, unit};
use crate::switch::console::{CaseRow, PlanOrder, TroubleRow};
use crate::switch::cti::Order;
use crate::switch::{Reply, Request};

/// Cases of one answer, at most and unless asked.
const MOST: u32 = 10_000;
const USUAL: u32 = 100;

/// The open cases. While the records of before the start are not read, those that are known are listed, for they ring now;
/// and that there may be more is said.
#[derive(Serialize)]
struct OpenCases {
    records_away: bool,
    cases: Vec<CaseRow>,
}

/// What is wrong with units, in the same way.
#[derive(Serialize)]
struct OpenTroubles {
    records_away: bool,
    troubles: Vec<TroubleRow>,
}

/// The records of cases, as the API sees them.
pub trait Archive: Send + Sync {
    /// Cases, the newest first.
    fn cases(&self, sought: Sought) -> Later<Vec<Value>>;
    /// All that is kept of one: itself, reports, what its plan did, calls with their legs, recordings and facts.
    fn case(&self, case: u64) -> Later<Option<Value>>;
}

/// Which cases.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sought {
    /// Opened from this time on, milliseconds since 1970.
    pub from: Option<i64>,
    /// Opened before this time.
    pub until: Option<i64>,
    /// Of this subscriber or controller.
    pub account: Option<String>,
    /// Only open or only closed ones.
    pub open: Option<bool>,
    /// At most so many.
    pub most: Option<u32>,
}

impl Sought {
    /// At most so many.
    pub fn most(&self) -> u32 {
        self.most.unwrap_or(USUAL).min(MOST)
    }
}

const SEES: &[Role] = &[Role::Read, Role::Agent, Role::Supervisor];
const ACTS: &[Role] = &[Role::Agent, Role::Supervisor];

const CASE: Param = Param {
    name: "case",
    in_path: true,
    about: "The case's number.",
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": 20, "pattern": "^[0-9]+$" }),
};

fn any_object() -> Value {
    json!({ "type": "object" })
}
fn objects() -> Value {
    json!({ "type": "array", "items": { "type": "object" } })
}

/// A list of this name, and whether the records of before the start are read.
fn open_list(name: &str) -> Value {
    let away = "The records of before the start are not read yet: there may be more than these.";
    json!({
        "type": "object",
        "required": ["records_away", name],
        "properties": {
            "records_away": { "type": "boolean", "description": away },
            name: objects(),
        },
    })
}

fn moment() -> Value {
    json!({ "type": "integer", "format": "int64" })
}

const fn behind(name: &'static str, about: &'static str, schema: fn() -> Value) -> Param {
    Param { name, in_path: false, about, schema }
}

const SOUGHT: &[Param] = &[
    behind("from", "Opened from this time on, milliseconds since 1970.", moment),
    behind("until", "Opened before this time.", moment),
    behind(
        "account",
        "Of this subscriber's number, or of what an unknown unit calls itself.",
        || json!({ "type": "string", "maxLength": 64 }),
    ),
    behind(
        "open",
        "Only those that are open, or only closed ones.",
        || json!({ "type": "boolean" }),
    ),
    behind(
        "most",
        "At most so many; 100 unless given.",
        || json!({ "type": "integer", "minimum": 1, "maximum": MOST }),
    ),
];

/// The records of cases, open and closed.
fn records() -> Vec<Route> {
    let case = |route: Route| Route { tag: "care line", roles: ACTS, ..route };
    vec![
        case(Route {
            summary: "Cases, open and closed, the newest first",
            about: "When each was opened, for what, when somebody talked, when, how and by whom it was closed.",
            params: SOUGHT,
            gives: Gives::json(200, objects),
            refuses: &[400, 422, 503],
            ..Route::get("/v1/case-records", "ListCaseRecords", || get(listed))
        }),
        case(Route {
            summary: "All that is kept of a case, open or closed",
            about: "`case` as in the list, `reports` what its units said, as it came, `plan` what its response plan did, `calls` its \
                    calls: the home's, those to it and those to who helps, each with `legs`, `events`, `fields` and \
                    `recordings`, whose audio is at `/v1/recordings/{call}/{nth}`. Of very many calls it has the first 100 and the last, and of \
                    very many reports and events of plans the first: `calls_left_out`, `reports_left_out` and `plan_left_out` say how many more \
                    there are. What is in it last comes some milliseconds after it happened. A call that Belfry has made has the called \
                    party as its `caller`, and what it is for in its event `called_out`.",
            params: &[CASE],
            gives: Gives::json(200, any_object),
            refuses: &[404, 503],
            ..Route::get("/v1/case-records/{case}", "GetCaseRecord", || get(record))
        }),
    ]
}

/// The routes of this file.
pub(super) fn routes() -> Vec<Route> {
    [open_cases(), orders(), records()].into_iter().flatten().collect()
}

fn of_case(route: Route) -> Route {
    Route { tag: "care line", refuses: &[404, 409, 503], ..route }
}

fn open_cases() -> Vec<Route> {
    let case = of_case;
    vec![
        case(Route {
            summary: "The open cases",
            about: "`cases`, the oldest first. `records_away`: what was open before the start is not known yet (the database is away); \
                    those that came since are in the list.",
            roles: SEES,
            gives: Gives::json(200, || open_list("cases")),
            refuses: &[503],
            ..Route::get("/v1/cases", "ListCases", || get(list))
        }),
        case(Route {
            summary: "What is wrong with units: the technical list",
            about: "Of each of the `troubles` `account`, `trouble` (battery, mains, path, ip, mobile, lost, tamper, fault, login, silent), `device` (its number or its \
                    kind; empty: the unit itself; `?`: noted by an earlier version, which did not say), `device_type`, `place` and `since_s`. A trouble is off the \
                    list when that device says that it is over; `silent`, when the unit is heard; `login` (an alarm was refused: wrong password), when it logs in. `records_away` as with the open cases.",
            roles: SEES,
            gives: Gives::json(200, || open_list("troubles")),
            refuses: &[503],
            ..Route::get("/v1/troubles", "ListTroubles", || get(troubles))
        }),
        case(Route {
            summary: "An open case, with all that is known of its subscriber",
            about: "`row` is the case as in the list, `subscriber` its fields (number, name, address, contacts, medical \
                    notes, files, location, flag …) as pairs, `troubles` what is wrong with its unit, `plan` its response plan, \
                    `events` what has happened in that, the last 500 events (`events_left_out` says how many there were before). A \
                    token with the role `read` alone does not get `contacts`, `medical`, `key_holder`, `files` and `notes`.",
            roles: SEES,
            params: &[CASE],
            gives: Gives::json(200, any_object),
            refuses: &[404, 503],
            ..Route::get("/v1/cases/{case}", "GetCase", || get(one))
        }),
    ]
}

fn plan_order() -> Value {
    object(
        &["order"],
        json!({
            "order": { "enum": ["start", "stop", "skip", "step", "send"] },
            "plan": { "type": "string", "minLength": 1, "maxLength": 64 },
            "step": { "type": "integer", "minimum": 1 },
            "resource": { "type": "string", "minLength": 1, "maxLength": 64 },
        }),
    )
}

/// What is done about them.
fn orders() -> Vec<Route> {
    let case = of_case;
    vec![
        case(Route {
            summary: "A case is closed, with its outcome",
            roles: ACTS,
            params: &[CASE],
            asks: Some(|| {
                let outcome = json!({ "type": "string", "minLength": 1, "maxLength": 500 });
                object(&["outcome"], json!({ "outcome": outcome }))
            }),
            gives: Gives::json(200, done),
            ..Route::post("/v1/cases/{case}/close", "CloseCase", || post(close))
        }),
        case(Route {
            summary: "The unit of a case is told something in its call",
            about: "By the keys of the protocol in which it reported: `listen` (the home alone is heard), `talk`, `duplex`, \
                    `louder`, `softer`, `clear` (it ends the call; it is released 10 s later), `door`. A door wants the \
                    role supervisor and `confirm`; each order is an event, with who gave it.",
            roles: ACTS,
            params: &[CASE],
            asks: Some(|| {
                object(
                    &["order"],
                    json!({
                        "order": { "enum": unit::Order::ALL.map(|(_, word)| word) },
                        "confirm": { "type": "boolean", "default": false },
                    }),
                )
            }),
            gives: Gives::json(202, done),
            ..Route::post("/v1/cases/{case}/unit", "TellUnit", || post(tell_unit))
        }),
        case(Route {
            summary: "The response plan of a case is begun, stopped or moved on; its sheet is sent",
            about: "`start` begins the plan named by `plan` (one that runs for the case is over with that), `stop` ends it, `skip` \
                    goes on with the next step, `step` with that of the number `step`, from 1. `send` gives the subscriber's sheet to \
                    `resource`, by all ways that it has. Who gave the order is on the case.",
            roles: ACTS,
            params: &[CASE],
            asks: Some(plan_order),
            gives: Gives::json(200, done),
            ..Route::post("/v1/cases/{case}/plan", "OrderPlan", || post(order_plan))
        }),
        case(Route {
            summary: "The response plans, and the cases for which they run",
            roles: SEES,
            gives: Gives::json(200, objects),
            refuses: &[503],
            ..Route::get("/v1/plans", "ListPlans", || get(plans))
        }),
    ]
}

fn number(case: &str) -> Result<u64, Problem> {
    case.parse().map_err(|_| Problem::not_found("a case is known by its number"))
}

/// The open cases, what is wrong with units, and whether what was so before the start is not known yet.
async fn open(app: &App) -> Result<(Vec<CaseRow>, Vec<TroubleRow>, bool), Problem> {
    match app.ask(Request::Cases).await? {
        Reply::Cases { cases, troubles, records_away } => Ok((cases, troubles, records_away)),
        _ => Err(Problem::unavailable("the exchange answers something else")),
    }
}

async fn list(State(app): Shared) -> Outcome {
    let (cases, _, records_away) = open(&app).await?;
    Ok(Given(StatusCode::OK, OpenCases { records_away, cases }).into_response())
}

async fn troubles(State(app): Shared) -> Outcome {
    let (_, troubles, records_away) = open(&app).await?;
    Ok(Given(StatusCode::OK, OpenTroubles { records_away, troubles }).into_response())
}

fn archive(app: &App) -> Result<std::sync::Arc<dyn Archive>, Problem> {
    app.exchange.archive().ok_or_else(|| Problem::unavailable("the records cannot be had here"))
}

fn away(why: String) -> Problem {
    Problem::unavailable(format!("the records cannot be read: {why}"))
}

async fn listed(State(app): Shared, Params(sought): Params<Sought>) -> Outcome {
    if sought.most == Some(0) || sought.most > Some(MOST) {
        return Err(Problem::unprocessable(format!("`most` is 1 to {MOST}")));
    }
    let cases = archive(&app)?.cases(sought).await.map_err(away)?;
    Ok(Given(StatusCode::OK, cases).into_response())
}

async fn record(State(app): Shared, Path(case): Path<String>) -> Outcome {
    let id = number(&case)?;
    match archive(&app)?.case(id).await.map_err(away)? {
        Some(record) => Ok(Given(StatusCode::OK, record).into_response()),
        None => Err(Problem::not_found(format!("there is no record of a case {id}"))),
    }
}

async fn one(State(app): Shared, Extension(who): Who, Path(case): Path<String>) -> Outcome {
    match app.ask(Request::Case(number(&case)?)).await? {
        Reply::Case(mut view) => {
            if !who.rights.has_any(ACTS) {
                view.subscriber.retain(|(field, _)| !CONFIDENTIAL.contains(&field.as_str()));
            }
            Ok(Given(StatusCode::OK, view).into_response())
        }
        Reply::Refused(why) => Err(Problem::not_found(why)),
        _ => Err(Problem::unavailable("the exchange answers something else")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    outcome: String,
}

async fn close(
    State(app): Shared,
    Extension(who): Who,
    Path(case): Path<String>,
    Asked(Close { outcome }): Asked<Close>,
) -> Outcome {
    let case = number(&case)?;
    let close = Request::CloseCase(case, outcome, who.rights.name.clone());
    carried_out(&app, &who, close, &format!("case {case} is closed")).await
}

/// Has something done; `said`: what, for the audit.
async fn carried_out(app: &App, who: &Caller, request: Request, said: &str) -> Outcome {
    let reply = app.ask(request).await;
    audit::write(&who.rights.name, who.peer, Some(said), reply.as_ref().ok());
    match reply? {
        Reply::Done(text) => Ok(Given(StatusCode::OK, json!({ "done": text })).into_response()),
        Reply::Refused(why) => Err(Problem::conflict(why)),
        _ => Err(Problem::unavailable("the exchange answers something else")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TellUnit {
    order: unit::Order,
    #[serde(default)]
    confirm: bool,
}

async fn tell_unit(
    State(app): Shared,
    Extension(who): Who,
    Path(case): Path<String>,
    Asked(TellUnit { order: told, confirm }): Asked<TellUnit>,
) -> Outcome {
    let case = number(&case)?;
    order(&app, &who, StatusCode::ACCEPTED, Order::Unit { case, order: told, confirm }).await
}

async fn plans(State(app): Shared) -> Outcome {
    match app.ask(Request::Plan(PlanOrder::List, String::new())).await? {
        Reply::Plans(plans) => Ok(Given(StatusCode::OK, plans).into_response()),
        _ => Err(Problem::unavailable("the exchange answers something else")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderPlan {
    order: PlanWord,
    plan: Option<String>,
    step: Option<usize>,
    resource: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum PlanWord {
    Start,
    Stop,
    Skip,
    Step,
    Send,
}

impl OrderPlan {
    /// Of this case; the error says what it lacks.
    fn of(self, case: u64) -> Result<PlanOrder, &'static str> {
        match (self.order, self.resource) {
            (PlanWord::Send, Some(to)) if self.plan.is_none() && self.step.is_none() => {
                return Ok(PlanOrder::Send(case, to));
            }
            (PlanWord::Send, _) => return Err("`send` wants `resource`, and nothing else"),
            (_, Some(_)) => return Err("`resource` is for `send` alone"),
            (_, None) => {}
        }
        match (self.order, self.plan, self.step) {
            (PlanWord::Start, Some(plan), None) => Ok(PlanOrder::Start(case, plan)),
            (PlanWord::Start, ..) => Err("`start` wants `plan`, and no `step`"),
            (PlanWord::Step, None, Some(nth)) => Ok(PlanOrder::Step(case, nth)),
            (PlanWord::Step, ..) => Err("`step` wants the number `step`, and no `plan`"),
            (PlanWord::Stop, None, None) => Ok(PlanOrder::Stop(case)),
            (PlanWord::Skip, None, None) => Ok(PlanOrder::Skip(case)),
            (PlanWord::Stop | PlanWord::Skip | PlanWord::Send, ..) => {
                Err("`stop` and `skip` want nothing else")
            }
        }
    }
}

async fn order_plan(
    State(app): Shared,
    Extension(who): Who,
    Path(case): Path<String>,
    Asked(asked): Asked<OrderPlan>,
) -> Outcome {
    let order = asked.of(number(&case)?).map_err(Problem::unprocessable)?;
    let said = match &order {
        PlanOrder::Start(case, plan) => format!("case {case}: the plan {plan} is begun"),
        PlanOrder::Stop(case) => format!("case {case}: its plan is stopped"),
        PlanOrder::Skip(case) => format!("case {case}: a step of its plan is left out"),
        PlanOrder::Step(case, nth) => format!("case {case}: its plan goes on with step {nth}"),
        PlanOrder::Send(case, to) => format!("case {case}: its sheet goes to {to}"),
        PlanOrder::List => String::new(),
    };
    carried_out(&app, &who, Request::Plan(order, who.rights.name.clone()), &said).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_plans_are_whole_or_refused() {
        let read = |text: &str| {
            let asked: OrderPlan = serde_json::from_str(text).map_err(|e| e.to_string())?;
            asked.of(7).map_err(ToOwned::to_owned)
        };
        let plan = || "bell".to_owned();
        assert_eq!(read(r#"{"order":"start","plan":"bell"}"#), Ok(PlanOrder::Start(7, plan())));
        assert_eq!(read(r#"{"order":"step","step":2}"#), Ok(PlanOrder::Step(7, 2)));
        assert_eq!(read(r#"{"order":"stop"}"#), Ok(PlanOrder::Stop(7)));
        assert_eq!(read(r#"{"order":"skip"}"#), Ok(PlanOrder::Skip(7)));
        let sent = Ok(PlanOrder::Send(7, "ward".into()));
        assert_eq!(read(r#"{"order":"send","resource":"ward"}"#), sent);
        for bad in [
            r#"{"order":"send"}"#,
            r#"{"order":"send","resource":"ward","step":1}"#,
            r#"{"order":"stop","resource":"ward"}"#,
            r#"{"order":"start"}"#,
            r#"{"order":"step"}"#,
            r#"{"order":"stop","plan":"bell"}"#,
            r#"{"order":"start","plan":"bell","step":2}"#,
            r#"{"order":"list"}"#,
            r#"{"plan":"bell"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
