//! Outbound campaigns over HTTP (R19): how far each is, its start and end, what became of its numbers, figures; whom an
//! agent is to call (preview), and his wish about him.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{Asked, Given, Params};
use super::csta::{Outcome, Shared, Who, done, object};
use super::guard::Caller;
use super::routes::{Gives, Param, Route};
use super::{App, Problem, audit};
use crate::access::rights::{Deed, Role};
use crate::switch::console::CampaignOrder;
use crate::switch::{Reply, Request};

const SEES: &[Role] = &[Role::Read, Role::Supervisor];
const ORDERS: &[Role] = &[Role::Supervisor];
const SHOWN: &[Role] = &[Role::Read, Role::Agent, Role::Supervisor];
const ACTS: &[Role] = &[Role::Agent, Role::Supervisor];
/// Results in one answer at most.
pub const MOST_RESULTS: usize = 2_000;
/// Days of figures at most.
pub const MOST_DAYS: u32 = 400;

const CAMPAIGN: Param = Param {
    name: "campaign",
    in_path: true,
    about: "The campaign's name.",
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": 64 }),
};
const AGENT: Param = Param {
    name: "agent",
    in_path: true,
    about: "The agent's number.",
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": 32 }),
};
const fn count(name: &'static str, about: &'static str) -> Param {
    Param { name, in_path: false, about, schema: || json!({ "type": "integer", "minimum": 0 }) }
}

const PAGE: &[Param] = &[
    CAMPAIGN,
    count("skip", "So many of the first are left out."),
    count("most", "So many at most: 1 to 2000; 500 without it."),
];
const SPAN: &[Param] = &[
    CAMPAIGN,
    count("days", "Of so many days, today with them: 1 to 400; 7 without it."),
    Param {
        name: "agents",
        in_path: false,
        about: "Of each agent.",
        schema: || json!({ "type": "boolean", "default": false }),
    },
];

/// What is wanted of the records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// What became of a campaign's numbers, so many behind the first ones.
    Results {
        /// The campaign.
        campaign: String,
        /// So many are left out.
        skip: usize,
        /// So many at most.
        most: usize,
    },
    /// Its list taken away.
    Clear {
        /// The campaign.
        campaign: String,
        /// Who wants it.
        by: String,
    },
    /// Figures by day.
    Figures {
        /// The campaign.
        campaign: String,
        /// Of so many days, today with them.
        days: u32,
        /// Of each agent.
        agents: bool,
    },
}

fn any_object() -> Value {
    json!({ "type": "object" })
}
fn objects() -> Value {
    json!({ "type": "array", "items": { "type": "object" } })
}

/// The routes of this file.
pub(super) fn routes() -> Vec<Route> {
    campaign_routes().into_iter().chain(preview_routes()).collect()
}

fn of(route: Route) -> Route {
    Route { tag: "campaigns", refuses: &[404, 409, 503], ..route }
}

fn campaign_routes() -> Vec<Route> {
    vec![
        of(Route {
            summary: "The outbound campaigns, and how far each is",
            roles: SEES,
            gives: Gives::json(200, objects),
            refuses: &[503],
            ..Route::get("/v1/campaigns", "ListCampaigns", || get(list))
        }),
        of(Route {
            summary: "A campaign is begun, held or ended",
            about: "`start` begins it or goes on with it, within its hours; `pause` and `stop` begin no call more. Lists come by \
                    `belfry campaign import`.",
            roles: ORDERS,
            params: &[CAMPAIGN],
            asks: Some(|| {
                object(&["order"], json!({ "order": { "enum": ["start", "pause", "stop"] } }))
            }),
            gives: Gives::json(200, done),
            ..Route::post("/v1/campaigns/{campaign}", "OrderCampaign", || post(order))
        }),
        of(Route {
            summary: "What became of a campaign's numbers, in the order of its list",
            about: "Each with `number`, its `fields`, `state` (waiting, calling, done, failed), `attempts`, the last `outcome`, \
                    `agent`, `wrap_up`, and when it was dialled `last` and is at the earliest `next` (milliseconds since 1970).",
            roles: SEES,
            params: PAGE,
            gives: Gives::json(200, objects),
            refuses: &[400, 404, 503],
            ..Route::get("/v1/campaigns/{campaign}/results", "ListCampaignResults", || get(results))
        }),
        of(Route {
            method: "delete",
            summary: "A campaign's list is taken away",
            about: "Once it is stopped and its calls are over. The figures of its attempts stay.",
            roles: ORDERS,
            params: &[CAMPAIGN],
            gives: Gives::json(200, done),
            ..Route::get("/v1/campaigns/{campaign}/numbers", "ClearCampaign", || delete(clear))
        }),
        of(Route {
            summary: "Figures of a campaign by day",
            about: "`dialled`, `reached`, `unserved` (answered, and no agent came), `no_answer`, `busy`, `wrong_number`, \
                    `voice_mail`, `other`, and `talk_ms`.",
            roles: SEES,
            params: SPAN,
            gives: Gives::json(200, objects),
            refuses: &[400, 404, 503],
            ..Route::get("/v1/campaigns/{campaign}/figures", "GetCampaignFigures", || get(figures))
        }),
    ]
}

/// For the agent whom a campaign shows somebody before he is called.
fn preview_routes() -> Vec<Route> {
    vec![
        of(Route {
            summary: "Whom an agent is shown by a preview campaign",
            about: "`entry` is none, or `campaign`, `number`, what is known of it (`fields`), how often it was dialled \
                    (`tried`) and for how long the agent has it (`left_ms`). The event `CampaignOffered` says when there is one.",
            roles: SHOWN,
            params: &[AGENT],
            gives: Gives::json(200, any_object),
            ..Route::get("/v1/agents/{agent}/preview", "GetPreview", || get(preview))
        }),
        of(Route {
            summary: "An agent has whom he is shown dialled, or skips him",
            about: "`dial`: his phone rings, or answers by itself, and then calls him. `skip`: his turn comes again.",
            roles: ACTS,
            params: &[AGENT],
            asks: Some(|| object(&["order"], json!({ "order": { "enum": ["dial", "skip"] } }))),
            gives: Gives::json(200, done),
            ..Route::post("/v1/agents/{agent}/preview", "OrderPreview", || post(wish))
        }),
    ]
}

fn elsewhere() -> Problem {
    Problem::unavailable("the exchange answers something else")
}

async fn list(State(app): Shared) -> Outcome {
    let list = Request::Campaign(CampaignOrder::List, String::new());
    match app.ask(list).await? {
        Reply::Campaigns(rows) => Ok(Given(StatusCode::OK, rows).into_response()),
        _ => Err(elsewhere()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ordered {
    order: Word,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Word {
    Start,
    Pause,
    Stop,
}

async fn order(
    State(app): Shared,
    Extension(who): Who,
    Path(campaign): Path<String>,
    Asked(Ordered { order }): Asked<Ordered>,
) -> Outcome {
    let (order, said) = match order {
        Word::Start => (CampaignOrder::Start(campaign.clone()), "begun"),
        Word::Pause => (CampaignOrder::Pause(campaign.clone()), "held"),
        Word::Stop => (CampaignOrder::Stop(campaign.clone()), "ended"),
    };
    carried_out(&app, &who, order, &format!("campaign {campaign} is {said}")).await
}

async fn clear(State(app): Shared, Extension(who): Who, Path(campaign): Path<String>) -> Outcome {
    let said = format!("campaign {}: its list is taken away", campaign.escape_debug());
    let by = who.rights.name.clone();
    let told = app.exchange.clone().campaigns(Wanted::Clear { campaign, by }).await;
    audit::told(&who, &said, &told);
    Ok(Given(StatusCode::OK, told?).into_response())
}

/// Has something done; `said`: what, for the audit.
async fn carried_out(app: &App, who: &Caller, order: CampaignOrder, said: &str) -> Outcome {
    let reply = app.ask(Request::Campaign(order, who.rights.name.clone())).await;
    audit::write(&who.rights.name, who.peer, Some(said), reply.as_ref().ok());
    match reply? {
        Reply::Done(text) => Ok(Given(StatusCode::OK, json!({ "done": text })).into_response()),
        Reply::Refused(why) if why.starts_with("there is no") => Err(Problem::not_found(why)),
        Reply::Refused(why) => Err(Problem::conflict(why)),
        _ => Err(elsewhere()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default)]
    skip: usize,
    most: Option<usize>,
}

async fn results(
    State(app): Shared,
    Path(campaign): Path<String>,
    Params(Page { skip, most }): Params<Page>,
) -> Outcome {
    let most = most.unwrap_or(500);
    if !(1..=MOST_RESULTS).contains(&most) {
        return Err(Problem::bad_request(format!("`most` is 1 to {MOST_RESULTS}")));
    }
    told(&app, Wanted::Results { campaign, skip, most }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    days: Option<u32>,
    #[serde(default)]
    agents: bool,
}

async fn figures(
    State(app): Shared,
    Path(campaign): Path<String>,
    Params(Span { days, agents }): Params<Span>,
) -> Outcome {
    let days = days.unwrap_or(7);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Problem::bad_request(format!("`days` is 1 to {MOST_DAYS}")));
    }
    told(&app, Wanted::Figures { campaign, days, agents }).await
}

async fn told(app: &App, wanted: Wanted) -> Outcome {
    let value = app.exchange.clone().campaigns(wanted).await?;
    Ok(Given(StatusCode::OK, value).into_response())
}

/// Whether a program may see or act for this agent.
fn may(who: &Caller, deed: Deed, agent: &str) -> Result<(), Problem> {
    let own = who.rights.agent.as_deref() == Some(agent);
    match who.rights.may(deed, own) {
        true => Ok(()),
        false => Err(Problem::forbidden("the token is another agent's")),
    }
}

/// A supervising agent's token has the agents of his teams alone.
async fn in_its_teams(app: &App, who: &Caller, agent: &str) -> Result<(), Problem> {
    let by = who.rights.agent.as_ref().filter(|by| *by != agent);
    let Some(by) = by.filter(|_| !who.rights.may(Deed::Administer, false)) else { return Ok(()) };
    match app.ask(Request::Supervises(by.clone(), vec![agent.to_owned()])).await? {
        Reply::Done(_) => Ok(()),
        Reply::Refused(why) => {
            let said = format!("agent {} of a campaign is commanded", agent.escape_debug());
            let reply = Reply::Refused(why.clone());
            audit::write(&who.rights.name, who.peer, Some(&said), Some(&reply));
            Err(Problem::forbidden(why))
        }
        _ => Err(elsewhere()),
    }
}

async fn preview(State(app): Shared, Extension(who): Who, Path(agent): Path<String>) -> Outcome {
    may(&who, Deed::SeeOwn, &agent)?;
    let offer = Request::Campaign(CampaignOrder::Offer(agent), String::new());
    match app.ask(offer).await? {
        Reply::CampaignOffer(row) => {
            let entry = row.map(|row| {
                let fields: serde_json::Map<String, Value> =
                    row.fields.into_iter().map(|(name, text)| (name, text.into())).collect();
                json!({
                    "campaign": row.campaign, "number": row.number, "fields": fields, "tried": row.tried,
                    "left_ms": row.left_ms,
                })
            });
            Ok(Given(StatusCode::OK, json!({ "entry": entry })).into_response())
        }
        Reply::Refused(why) => Err(Problem::not_found(why)),
        _ => Err(elsewhere()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    order: WishWord,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum WishWord {
    Dial,
    Skip,
}

async fn wish(
    State(app): Shared,
    Extension(who): Who,
    Path(agent): Path<String>,
    Asked(Wish { order }): Asked<Wish>,
) -> Outcome {
    may(&who, Deed::Act, &agent)?;
    in_its_teams(&app, &who, &agent).await?;
    let (order, said) = match order {
        WishWord::Dial => (CampaignOrder::Take(agent.clone()), "dials whom a campaign shows"),
        WishWord::Skip => (CampaignOrder::Skip(agent.clone()), "skips whom a campaign shows"),
    };
    carried_out(&app, &who, order, &format!("agent {agent} {said}")).await
}
