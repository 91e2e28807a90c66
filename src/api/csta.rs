//! CSTA's services over HTTP: calls, devices, agents (ECMA-269), each as a route.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::body::{Asked, Given};
use super::guard::Caller;
use super::routes::{Gives, Param, Route, Schema};
use super::{App, Problem, audit};
use crate::access::rights::Role;
use crate::base::CallId;
use crate::switch::console::DeskOrder;
use crate::switch::cti::{Answer, How, LONGEST_NOTE, Order, Why, Wish};
use crate::switch::{Reply, Request};

const SEES: &[Role] = &[Role::Read, Role::Agent, Role::Supervisor];
const ACTS: &[Role] = &[Role::Agent, Role::Supervisor];
const SUPERVISES: &[Role] = &[Role::Supervisor];

const CALL: Param = Param {
    name: "call",
    in_path: true,
    about: "The call's id.",
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": 40 }),
};
const DEVICE: Param = Param {
    name: "device",
    in_path: true,
    about: "The phone's number.",
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": 40 }),
};
const AGENT: Param = Param {
    name: "agent",
    in_path: true,
    about: "The agent's number.",
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": 40 }),
};

/// The schema of an object with these properties.
pub(super) fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}
fn call_id() -> Value {
    json!({ "type": "string", "description": "The call's id; without it: the one that is meant." })
}
fn to() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": 40, "pattern": "^[0-9A-Za-z*#+._-]+$",
        "description": "The number, as the phone would dial it."
    })
}
fn with_call() -> Value {
    object(&[], json!({ "call": call_id() }))
}
fn with_call_to() -> Value {
    object(&["to"], json!({ "call": call_id(), "to": to() }))
}
fn with_to() -> Value {
    object(&["to"], json!({ "to": to() }))
}
fn from_to() -> Value {
    let device =
        json!({ "type": "string", "minLength": 1, "maxLength": 40, "description": "The phone." });
    object(&["device", "to"], json!({ "device": device, "to": to() }))
}
fn call_data() -> Value {
    json!({
        "type": "object", "minProperties": 1, "maxProperties": crate::switch::cti::MOST_DATA,
        "propertyNames": { "pattern": "^[0-9A-Za-z_.-]{1,64}$" },
        "additionalProperties": { "type": "string", "maxLength": 1024 },
    })
}
fn agent_state() -> Value {
    object(
        &["state"],
        json!({
            "state": { "enum": ["logged_on", "logged_off", "ready", "not_ready", "working_after_call"] },
            "device": { "type": "string", "minLength": 1, "maxLength": 40, "description": "With `logged_on`: the phone." },
            "pin": { "type": "string", "minLength": 1, "maxLength": 20, "description": "With `logged_on`." },
            "code": { "type": "integer", "minimum": 0, "maximum": 9999, "description": "With `not_ready`: of the break." },
        }),
    )
}
fn what_it_was_about() -> Value {
    object(
        &[],
        json!({
            "code": { "type": "string", "minLength": 1, "maxLength": 64 },
            "text": { "type": "string", "maxLength": LONGEST_NOTE, "description": "At most 2,000 bytes in UTF-8." },
            "call": call_id(),
            "done": { "type": "boolean" },
        }),
    )
}
fn who_supervises() -> Value {
    object(
        &["by", "how"],
        json!({
            "by": { "type": "string", "minLength": 1, "maxLength": 40 },
            "how": { "enum": ["listen", "whisper", "barge_in", "disconnect", "take_over"] },
        }),
    )
}
fn wrap_up_codes() -> Value {
    let code = object(
        &["code", "name", "queues"],
        json!({
            "code": { "type": "string" },
            "name": { "type": "string" },
            "queues": { "type": "array", "items": { "type": "string" } },
        }),
    );
    json!({ "type": "array", "items": code })
}
pub(super) fn done() -> Value {
    object(&["done"], json!({ "done": { "type": "string" } }))
}
fn made() -> Value {
    object(&["call"], json!({ "call": { "type": "string" } }))
}
fn calls() -> Value {
    json!({ "type": "array", "items": { "$ref": "#/components/schemas/Call" } })
}
fn agents() -> Value {
    json!({ "type": "array", "items": { "$ref": "#/components/schemas/Agent" } })
}
fn queues() -> Value {
    json!({ "type": "array", "items": { "$ref": "#/components/schemas/Queue" } })
}

/// The routes of this file.
pub(super) fn routes() -> Vec<Route> {
    let calls = [calls_routes(), device_routes(), transfer_routes(), two_call_routes()];
    let centre = [agent_routes(), wrap_up_routes(), floor_routes()];
    calls.into_iter().chain(centre).flatten().collect()
}

fn calls_routes() -> Vec<Route> {
    let call = |route: Route| Route { tag: "calls", refuses: &[404, 409, 503], ..route };
    vec![
        call(Route {
            summary: "The calls in being, as far as the token sees them",
            roles: SEES,
            gives: Gives::json(200, calls),
            refuses: &[503],
            ..Route::get("/v1/calls", "ListCalls", || get(list_calls))
        }),
        call(Route {
            summary: "A phone calls a number (MakeCall)",
            about: "The phone answers by itself or rings, and the number is then called as if it had dialled it. Events tell \
                    how it goes on.",
            roles: ACTS,
            asks: Some(from_to),
            gives: Gives::json(202, made),
            ..Route::post("/v1/calls", "MakeCall", || post(make_call))
        }),
        call(Route {
            summary: "A call with its connections (SnapshotCall)",
            roles: SEES,
            params: &[CALL],
            gives: Gives::json(200, || json!({ "$ref": "#/components/schemas/Call" })),
            ..Route::get("/v1/calls/{call}", "SnapshotCall", || get(snapshot_call))
        }),
        call(Route {
            method: "delete",
            summary: "All parties of a call are released (ClearCall)",
            roles: SUPERVISES,
            params: &[CALL],
            gives: Gives::json(202, done),
            ..Route::get("/v1/calls/{call}", "ClearCall", || delete(clear_call))
        }),
        call(Route {
            summary: "Data is put to a call (AssociateData)",
            about: "It is on the call's record and in the `data` of its events. An empty value takes one away.",
            roles: ACTS,
            params: &[CALL],
            asks: Some(call_data),
            gives: Gives::json(200, done),
            ..Route::post("/v1/calls/{call}/data", "AssociateData", || post(associate))
        }),
    ]
}

fn device_routes() -> Vec<Route> {
    let desk = |path, operation, summary, handler| Route {
        tag: "devices",
        summary,
        roles: ACTS,
        params: &[DEVICE],
        asks: Some(with_call),
        gives: Gives::json(200, done),
        refuses: &[404, 409, 503],
        ..Route::post(path, operation, handler)
    };
    vec![
        Route {
            tag: "devices",
            summary: "A phone with its calls (SnapshotDevice)",
            roles: SEES,
            params: &[DEVICE],
            gives: Gives::json(200, || json!({ "$ref": "#/components/schemas/Device" })),
            refuses: &[404, 503],
            ..Route::get("/v1/devices/{device}", "SnapshotDevice", || get(snapshot_device))
        },
        Route {
            about: "By `Event: talk` (NOTIFY), which the phone's settings must allow.",
            ..desk(
                "/v1/devices/{device}/answer",
                "AnswerCall",
                "The phone answers what rings (AnswerCall)",
                || post(answer),
            )
        },
        desk(
            "/v1/devices/{device}/hold",
            "HoldCall",
            "The phone puts its call on hold (HoldCall)",
            || post(hold),
        ),
        desk(
            "/v1/devices/{device}/retrieve",
            "RetrieveCall",
            "The phone takes its call back (RetrieveCall)",
            || post(retrieve),
        ),
        desk(
            "/v1/devices/{device}/clear",
            "ClearConnection",
            "The phone is released from its call (ClearConnection)",
            || post(clear),
        ),
    ]
}

/// A phone's call goes elsewhere.
fn sends(
    path: &'static str,
    operation: &'static str,
    summary: &'static str,
    asks: Option<Schema>,
    handler: fn() -> MethodRouter<Arc<App>>,
) -> Route {
    Route {
        tag: "devices",
        summary,
        roles: ACTS,
        params: &[DEVICE],
        asks,
        gives: Gives::json(202, done),
        refuses: &[404, 409, 503],
        ..Route::post(path, operation, handler)
    }
}

fn transfer_routes() -> Vec<Route> {
    vec![
        sends(
            "/v1/devices/{device}/deflect",
            "DeflectCall",
            "A call that rings goes to another number (DeflectCall)",
            Some(with_call_to),
            || post(deflect),
        ),
        sends(
            "/v1/devices/{device}/transfer",
            "SingleStepTransferCall",
            "The other party is sent to a number (SingleStepTransfer, blind)",
            Some(with_call_to),
            || post(transfer),
        ),
    ]
}

/// Of a phone with two calls, or with a call and another to be made.
fn two_call_routes() -> Vec<Route> {
    vec![
        Route {
            about: "A phone that does not take the second call takes the first back.",
            gives: Gives::json(202, made),
            ..sends(
                "/v1/devices/{device}/consult",
                "ConsultationCall",
                "The call is held and another number called (ConsultationCall)",
                Some(with_to),
                || post(consult),
            )
        },
        Route {
            about: "The phone is released from both.",
            ..sends(
                "/v1/devices/{device}/complete",
                "TransferCall",
                "Those with whom the phone talks on two lines talk with each other (TransferCall, attended)",
                None,
                || post(complete),
            )
        },
        Route {
            about: "The phone's line that is not on hold stays, in the call of the other; with one line, whom it asks by \
                    keys (`*2`) comes in. Any of the three may leave. The answer names the call that goes on.",
            gives: Gives::json(202, made),
            ..sends(
                "/v1/devices/{device}/conference",
                "ConferenceCall",
                "The phone's two calls become a conference (ConferenceCall)",
                None,
                || post(conference),
            )
        },
    ]
}

fn of_agents(route: Route) -> Route {
    Route { tag: "agents", refuses: &[404, 409, 503], ..route }
}
fn one_agent() -> Value {
    json!({ "$ref": "#/components/schemas/Agent" })
}

fn agent_routes() -> Vec<Route> {
    vec![
        of_agents(Route {
            summary: "The agents, as far as the token sees them",
            roles: SEES,
            gives: Gives::json(200, agents),
            ..Route::get("/v1/agents", "ListAgents", || get(list_agents))
        }),
        of_agents(Route {
            summary: "An agent's state (GetAgentState)",
            roles: SEES,
            params: &[AGENT],
            gives: Gives::json(200, one_agent),
            ..Route::get("/v1/agents/{agent}", "GetAgentState", || get(get_agent))
        }),
        of_agents(Route {
            method: "put",
            summary: "An agent is signed in or out, ready or not (SetAgentState)",
            about: "Signing in wants the phone and the agent's PIN. While the agent talks, the state is pending. \
                    `working_after_call` is for who talks for a queue (it follows the talk) or has after-call work (its \
                    time begins anew): for the queue's `after_call`, 30 s where that is none.",
            roles: ACTS,
            params: &[AGENT],
            asks: Some(agent_state),
            gives: Gives::json(200, one_agent),
            ..Route::get("/v1/agents/{agent}/state", "SetAgentState", || put(set_agent))
        }),
    ]
}

/// After-call work.
fn wrap_up_routes() -> Vec<Route> {
    vec![
        of_agents(Route {
            summary: "An agent says what a call was about: its wrap-up",
            about: "In a talk for a queue, in after-call work or later, until the agent's next call: once a call. `code` is one \
                    of `GET /v1/wrap-ups` for the call's queue, or its name; `text` a note; `call` says which call is meant \
                    (409 where the agent had another since). With `done`, which is true unless given, after-call work ends, \
                    or does not begin, as by `*15`; alone it ends that and says nothing. It is answered when it is on the disk.",
            roles: ACTS,
            params: &[AGENT],
            asks: Some(what_it_was_about),
            gives: Gives::json(200, one_agent),
            ..Route::post("/v1/agents/{agent}/wrap-up", "WrapUp", || post(wrap_up))
        }),
        of_agents(Route {
            summary: "What calls can have been about: the wrap-up codes",
            about: "`queues` has the queues for whose calls it is; empty: all.",
            roles: SEES,
            gives: Gives::json(200, wrap_up_codes),
            refuses: &[503],
            ..Route::get("/v1/wrap-ups", "ListWrapUps", || get(list_wrap_ups))
        }),
    ]
}

/// What a supervisor does and sees.
fn floor_routes() -> Vec<Route> {
    vec![
        of_agents(Route {
            summary: "A supervisor comes to an agent's talk, ends it or takes it over (SingleStepConference)",
            about: "The supervisor's phone is called for it. `listen` is silent participation; `whisper` is heard by the agent \
                    alone, `barge_in` by both; with `take_over` he talks in the agent's place. `disconnect` ends the call. \
                    `by` is an agent who is a supervisor, and signed in.",
            roles: SUPERVISES,
            params: &[AGENT],
            asks: Some(who_supervises),
            gives: Gives::json(202, done),
            ..Route::post("/v1/agents/{agent}/supervise", "SingleStepConferenceCall", || {
                post(watch)
            })
        }),
        of_agents(Route {
            summary: "The queues",
            roles: &[Role::Read, Role::Supervisor],
            gives: Gives::json(200, queues),
            refuses: &[503],
            ..Route::get("/v1/queues", "ListQueues", || get(list_queues))
        }),
    ]
}

/// What a handler gets of who asks.
pub(super) type Who = Extension<Caller>;
pub(super) type Shared = State<Arc<App>>;
pub(super) type Outcome = Result<Response, Problem>;

/// Asks the exchange; `status`: of an order that was carried out.
pub(super) async fn order(app: &App, who: &Caller, status: StatusCode, order: Order) -> Outcome {
    let said = audit::said(&order);
    let reply = app.ask(Request::Cti(who.rights.clone(), order)).await;
    audit::write(&who.rights.name, who.peer, said.as_deref(), reply.as_ref().ok());
    match reply? {
        Reply::Cti(answer) => shown(*answer, status),
        Reply::Queues(rows) => Ok(Given(StatusCode::OK, rows).into_response()),
        Reply::Done(text) => Ok(Given(status, json!({ "done": text })).into_response()),
        Reply::Refused(why) => Err(Problem::conflict(why)),
        _ => Err(Problem::unavailable("the exchange answers something else")),
    }
}

fn shown(answer: Answer, status: StatusCode) -> Outcome {
    Ok(match answer {
        Answer::Device(device) => Given(StatusCode::OK, device).into_response(),
        Answer::Call(call) => Given(StatusCode::OK, call).into_response(),
        Answer::Calls(calls) => Given(StatusCode::OK, calls).into_response(),
        Answer::Agents(agents) => Given(StatusCode::OK, agents).into_response(),
        Answer::Agent(agent) => Given(StatusCode::OK, agent).into_response(),
        Answer::WrapUpCodes(codes) => Given(StatusCode::OK, codes).into_response(),
        Answer::Made(call) => Given(status, json!({ "call": call })).into_response(),
        Answer::Done(text) => Given(status, json!({ "done": text })).into_response(),
        Answer::Refused(why, text) => {
            return Err(match why {
                Why::NotFound => Problem::not_found(text),
                Why::Forbidden => Problem::forbidden(text),
                Why::Conflict => Problem::conflict(text),
                Why::Invalid => Problem::unprocessable(text),
            });
        }
    })
}

fn id(text: &str) -> Result<CallId, Problem> {
    text.parse().map_err(|e| Problem::not_found(format!("{e}")))
}

fn maybe(text: Option<String>) -> Result<Option<CallId>, Problem> {
    text.as_deref().map(id).transpose()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MakeCall {
    device: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithCall {
    call: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithCallTo {
    call: Option<String>,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithTo {
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentState {
    state: String,
    device: Option<String>,
    pin: Option<String>,
    code: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrapUp {
    code: Option<String>,
    #[serde(default)]
    text: String,
    call: Option<String>,
    #[serde(default = "yes")]
    done: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Supervise {
    by: String,
    how: How,
}

async fn list_calls(State(app): Shared, Extension(who): Who) -> Outcome {
    order(&app, &who, StatusCode::OK, Order::Calls).await
}

async fn make_call(
    State(app): Shared,
    Extension(who): Who,
    Asked(MakeCall { device, to }): Asked<MakeCall>,
) -> Outcome {
    order(&app, &who, StatusCode::ACCEPTED, Order::Make { device, to }).await
}

async fn snapshot_call(
    State(app): Shared,
    Extension(who): Who,
    Path(call): Path<String>,
) -> Outcome {
    order(&app, &who, StatusCode::OK, Order::Call(id(&call)?)).await
}

async fn clear_call(State(app): Shared, Extension(who): Who, Path(call): Path<String>) -> Outcome {
    order(&app, &who, StatusCode::ACCEPTED, Order::ClearCall(id(&call)?)).await
}

async fn associate(
    State(app): Shared,
    Extension(who): Who,
    Path(call): Path<String>,
    Asked(data): Asked<BTreeMap<String, String>>,
) -> Outcome {
    if data.is_empty() {
        return Err(Problem::unprocessable("there is no data"));
    }
    let data = Order::Data(id(&call)?, data.into_iter().collect());
    order(&app, &who, StatusCode::OK, data).await
}

async fn snapshot_device(
    State(app): Shared,
    Extension(who): Who,
    Path(device): Path<String>,
) -> Outcome {
    order(&app, &who, StatusCode::OK, Order::Device(device)).await
}

async fn desk(
    app: &App,
    who: &Caller,
    device: String,
    call: Option<String>,
    what: DeskOrder,
) -> Outcome {
    let call = maybe(call)?;
    order(app, who, StatusCode::OK, Order::Desk { device, call, order: what }).await
}

async fn answer(
    State(app): Shared,
    Extension(who): Who,
    Path(device): Path<String>,
    Asked(asked): Asked<WithCall>,
) -> Outcome {
    desk(&app, &who, device, asked.call, DeskOrder::Answer).await
}

async fn hold(
    State(app): Shared,
    Extension(who): Who,
    Path(device): Path<String>,
    Asked(asked): Asked<WithCall>,
) -> Outcome {
    desk(&app, &who, device, asked.call, DeskOrder::Hold).await
}

async fn retrieve(
    State(app): Shared,
    Extension(who): Who,
    Path(device): Path<String>,
    Asked(asked): Asked<WithCall>,
) -> Outcome {
    desk(&app, &who, device, asked.call, DeskOrder::Resume).await
}

async fn clear(
    State(app): Shared,
    Extension(who): Who,
    Path(device): Path<String>,
    Asked(asked): Asked<WithCall>,
) -> Outcome {
    let call = maybe(asked.call)?;
    order(&app, &who, StatusCode::OK, Order::Clear { device, call }).await
}

async fn deflect(
    State(app): Shared,
    Extension(who): Who,
    Path(device): Path<String>,
    Asked(WithCallTo { call, to }): Asked<WithCallTo>,
) -> Outcome {
    let call = maybe(call)?;
    order(&app, &who, StatusCode::ACCEPTED, Order::Deflect { device, call, to }).await
}

async fn transfer(
    State(app): Shared,
    Extension(who): Who,
    Path(device): Path<String>,
    Asked(WithCallTo { call, to }): Asked<WithCallTo>,
) -> Outcome {
    let call = maybe(call)?;
    order(&app, &who, StatusCode::ACCEPTED, Order::Transfer { device, call, to }).await
}

/// The call is held, then the other is made: each by the phone's own word.
async fn consult(
    State(app): Shared,
    Extension(who): Who,
    Path(device): Path<String>,
    Asked(WithTo { to }): Asked<WithTo>,
) -> Outcome {
    let hold = Order::Desk { device: device.clone(), call: None, order: DeskOrder::Hold };
    order(&app, &who, StatusCode::OK, hold).await?;
    let consult = Order::Consult { device: device.clone(), to };
    let made = order(&app, &who, StatusCode::ACCEPTED, consult).await;
    if made.is_err() {
        // Nobody is asked: whoever waits is not left on hold. How that went is in the log.
        let back = Order::Desk { device, call: None, order: DeskOrder::Resume };
        let _ = order(&app, &who, StatusCode::OK, back).await;
    }
    made
}

async fn complete(State(app): Shared, Extension(who): Who, Path(device): Path<String>) -> Outcome {
    order(&app, &who, StatusCode::ACCEPTED, Order::Join(device)).await
}

async fn conference(
    State(app): Shared,
    Extension(who): Who,
    Path(device): Path<String>,
) -> Outcome {
    let confer = Order::Confer { device, held: None, active: None };
    order(&app, &who, StatusCode::ACCEPTED, confer).await
}

async fn list_agents(State(app): Shared, Extension(who): Who) -> Outcome {
    order(&app, &who, StatusCode::OK, Order::Agents).await
}

async fn get_agent(State(app): Shared, Extension(who): Who, Path(agent): Path<String>) -> Outcome {
    order(&app, &who, StatusCode::OK, Order::Agent(agent)).await
}

async fn set_agent(
    State(app): Shared,
    Extension(who): Who,
    Path(agent): Path<String>,
    Asked(asked): Asked<AgentState>,
) -> Outcome {
    let to = match (asked.state.as_str(), asked.device, asked.pin) {
        ("logged_on", Some(device), Some(pin)) => Wish::LogOn { device, pin },
        ("logged_on", _, _) => {
            return Err(Problem::unprocessable("logged_on wants `device` and `pin`"));
        }
        (_, Some(_), _) | (_, _, Some(_)) => {
            return Err(Problem::unprocessable("`device` and `pin` are for logged_on"));
        }
        ("logged_off", ..) => Wish::LogOff,
        ("ready", ..) => Wish::Ready,
        ("not_ready", ..) => Wish::NotReady(asked.code.unwrap_or(0)),
        ("working_after_call", ..) => Wish::AfterCall,
        (other, ..) => {
            let why = format!(
                "there is no state '{}': write logged_on, logged_off (what an agent is shown as 'null'), ready, not_ready or \
                 working_after_call",
                other.escape_debug()
            );
            return Err(Problem::unprocessable(why));
        }
    };
    order(&app, &who, StatusCode::OK, Order::SetAgent { agent, to }).await
}

async fn wrap_up(
    State(app): Shared,
    Extension(who): Who,
    Path(agent): Path<String>,
    Asked(WrapUp { code, text, call, done }): Asked<WrapUp>,
) -> Outcome {
    let code = code.unwrap_or_default();
    if code.is_empty() && text.is_empty() && !done {
        return Err(Problem::unprocessable("a wrap-up has a `code`, a `text` or `done`"));
    }
    let call = maybe(call)?;
    order(&app, &who, StatusCode::OK, Order::WrapUp { agent, code, text, call, done }).await
}

async fn list_wrap_ups(State(app): Shared, Extension(who): Who) -> Outcome {
    order(&app, &who, StatusCode::OK, Order::WrapUpCodes).await
}

async fn watch(
    State(app): Shared,
    Extension(who): Who,
    Path(agent): Path<String>,
    Asked(Supervise { by, how }): Asked<Supervise>,
) -> Outcome {
    order(&app, &who, StatusCode::ACCEPTED, Order::Watch { agent, by, how }).await
}

async fn list_queues(State(app): Shared, Extension(who): Who) -> Outcome {
    order(&app, &who, StatusCode::OK, Order::Queues).await
}
