//! The table of routes as an OpenAPI 3.1 document: `/openapi.json`.

use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Map, Value, json};

use super::body::Given;
use super::events::event::KINDS;
use super::problem::PROBLEM_JSON;
use super::routes::{Gives, Route, all};

/// The routes of this file.
pub(super) fn routes() -> Vec<Route> {
    vec![Route {
        summary: "This document",
        gives: Gives::json(200, || json!({ "type": "object" })),
        ..Route::get("/openapi.json", "OpenApi", || get(serve))
    }]
}

async fn serve() -> impl IntoResponse {
    Given(axum::http::StatusCode::OK, document())
}

/// The document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in all() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(&route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Belfry",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Calls, devices and agents by the model of CSTA phase III (ECMA-269), and what happens to them.",
        },
        "tags": [
            { "name": "calls", "description": "Calls and their data." },
            { "name": "devices", "description": "What phones do." },
            { "name": "agents", "description": "Agents, queues, supervision." },
            { "name": "campaigns", "description": "Outbound campaigns: how far they are, whom an agent is to call." },
            { "name": "quality", "description": "Recorded talks and their scores." },
            { "name": "events", "description": "What happens, as it happens and since." },
            { "name": "surveys", "description": "Surveys and questionnaires: designs, answers, figures." },
            { "name": "system", "description": "Belfry itself." },
        ],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.operation,
        "tags": [route.tag],
        "summary": route.summary,
        "responses": responses(route),
    });
    let mut about = route.about.to_owned();
    if !route.roles.is_empty() {
        let roles: Vec<&str> = route.roles.iter().map(|role| role.as_str()).collect();
        let who = format!("Roles: {}, admin.", roles.join(", "));
        about = if about.is_empty() { who } else { format!("{about}\n\n{who}") };
        operation["security"] = json!([{ "token": [] }]);
    }
    if !about.is_empty() {
        operation["description"] = about.into();
    }
    if !route.params.is_empty() {
        let param = |param: &super::routes::Param| {
            json!({
                "name": param.name,
                "in": if param.in_path { "path" } else { "query" },
                "required": param.in_path,
                "description": param.about,
                "schema": (param.schema)(),
            })
        };
        operation["parameters"] = route.params.iter().map(param).collect();
    }
    if let Some(asks) = route.asks {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": asks() } } });
    }
    operation
}

fn responses(route: &Route) -> Value {
    let mut responses = Map::new();
    let mut good = json!({ "description": "Done." });
    if !route.gives.kind.is_empty() {
        good["content"] = json!({ route.gives.kind: { "schema": (route.gives.schema)() } });
    }
    responses.insert(route.gives.status.to_string(), good);
    let guarded: &[u16] = if route.roles.is_empty() { &[] } else { &[401, 403] };
    // The path of a route with a parameter may hold what is no text.
    let path: &[u16] =
        if route.params.iter().any(|param| param.in_path) { &[400, 404] } else { &[] };
    let body: &[u16] = if route.asks.is_some() { &[400, 408, 413, 415, 422] } else { &[] };
    for status in [guarded, path, body, route.refuses].concat() {
        let problem = json!({
            "description": why(status),
            "content": { PROBLEM_JSON: { "schema": { "$ref": "#/components/schemas/Problem" } } },
        });
        responses.insert(status.to_string(), problem);
    }
    responses.into()
}

fn why(status: u16) -> &'static str {
    match status {
        400 => "It cannot be understood.",
        401 => "No token is shown, or an unknown one.",
        403 => "The token may not.",
        404 => "There is no such thing.",
        408 => "The body came too slowly.",
        409 => "Not as things stand.",
        413 => "The body is too large.",
        415 => "The body is not JSON.",
        422 => "It is understood and makes no sense.",
        426 => "It is to be a WebSocket.",
        501 => "Belfry cannot do that yet.",
        503 => "Not now.",
        _ => "A problem.",
    }
}

fn text() -> Value {
    json!({ "type": "string" })
}
fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// An object of these; those with a `?` may be missing.
fn object(fields: &[(&str, Value)]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, schema) in fields {
        let bare = name.trim_end_matches('?');
        if bare == *name {
            required.push(bare);
        }
        properties.insert(bare.to_owned(), schema.clone());
    }
    json!({ "type": "object", "required": required, "properties": properties })
}

fn refers(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

fn connection() -> Value {
    object(&[
        ("device", text()),
        ("gateway?", text()),
        (
            "state",
            json!({ "enum": ["initiated", "alerting", "connected", "hold", "queued", "fail"] }),
        ),
        ("with?", text()),
        ("agent?", text()),
    ])
}
fn call() -> Value {
    object(&[
        ("call", text()),
        ("calling", text()),
        ("calling_name?", text()),
        ("called", text()),
        ("ms", count()),
        ("connections", list(refers("Connection"))),
    ])
}
fn device() -> Value {
    object(&[
        ("device", text()),
        ("registered", json!({ "type": "boolean" })),
        ("agent?", text()),
        ("calls", list(refers("Call"))),
    ])
}
fn agent() -> Value {
    object(&[
        ("agent", text()),
        ("name", text()),
        ("team?", text()),
        ("device?", text()),
        ("state", json!({ "enum": ["null", "not_ready", "ready", "busy", "working_after_call"] })),
        ("reason?", text()),
        ("code", count()),
        ("pending?", text()),
        ("ms", count()),
        ("call?", text()),
        ("queues", list(text())),
    ])
}
fn queue() -> Value {
    object(&[
        ("name", text()),
        ("waiting", count()),
        ("offered", count()),
        ("longest_ms", count()),
        ("signed_in", count()),
        ("working", count()),
        ("ready", count()),
        ("expected_ms", json!({ "type": ["integer", "null"] })),
        ("today", json!({ "type": "object" })),
    ])
}
fn problem() -> Value {
    object(&[
        ("type", text()),
        ("title", text()),
        ("status", count()),
        ("code", text()),
        ("detail", text()),
    ])
}

fn schemas() -> Value {
    json!({
        "Health": object(&[("status", json!({ "const": "ok" }))]),
        "SystemStatus": object(&[
            ("node", text()), ("uptime_s", count()), ("calls", count()), ("legs", count()),
            ("calls_total", count()), ("calls_refused", count()), ("registered", count()),
        ]),
        "Connection": connection(),
        "Call": call(),
        "Device": device(),
        "Agent": agent(),
        "Queue": queue(),
        "Event": event(),
        "Problem": problem(),
    })
}

fn event() -> Value {
    let kinds: Vec<Value> =
        KINDS.iter().map(|(name, about)| json!({ "const": name, "description": about })).collect();
    let texts = [
        "call?",
        "device?",
        "state?",
        "calling?",
        "calling_name?",
        "called?",
        "gateway?",
        "queue?",
        "digits?",
        "cause?",
        "to?",
        "participation?",
        "agent?",
        "reason?",
        "code?",
        "text?",
        "pending?",
    ];
    let list = || json!({ "type": "array", "items": { "type": "string" } });
    let mut fields = vec![
        ("seq", count()),
        ("wall", json!({ "type": "integer", "description": "Milliseconds since 1970." })),
        ("event", json!({ "oneOf": kinds })),
        ("case?", count()),
        ("waited_ms?", count()),
        ("q850?", count()),
        ("data?", json!({ "type": "object", "additionalProperties": { "type": "string" } })),
        ("devices?", list()),
        ("agents?", list()),
    ];
    fields.extend(texts.map(|name| (name, text())));
    object(&fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_operation_has_a_name_of_its_own_and_what_it_refers_to_is_there() {
        let document = document();
        let routes = all();
        let names: BTreeSet<&str> = routes.iter().map(|route| route.operation).collect();
        assert_eq!(names.len(), routes.len());
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        for route in &routes {
            let named = route.path.matches('{').count();
            let given = route.params.iter().filter(|param| param.in_path).count();
            assert_eq!(named, given, "{}", route.path);
            assert!(!route.summary.is_empty(), "{}", route.operation);
        }
    }
}
