//! An event as programs get it: CSTA phase III's call and agent events (ECMA-269 §15, §22) as JSON.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kinds of events, with what each says. The order is the documentation's.
pub const KINDS: &[(&str, &str)] = &[
    (
        "ServiceInitiated",
        "A call has begun: a phone dials, is called so that it may dial, or a call comes in.",
    ),
    ("Originated", "The calling device is connected and its call goes on to `called`."),
    ("NetworkReached", "The call has left by a gateway: `device` is behind it."),
    ("Queued", "The caller waits in `queue`."),
    ("Offered", "An agent is chosen for the caller of `queue`: its phone will ring."),
    ("Delivered", "`device` rings."),
    ("Established", "`device` has answered, or Belfry for the caller (`cause` is `ivr`)."),
    ("Diverted", "The call goes elsewhere than to `device`: to `to`."),
    ("Held", "`device` has put the call on hold."),
    ("Retrieved", "`device` has taken the call back."),
    (
        "Conferenced",
        "`device` is in a conference, or a supervisor is with a talk (`participation`).",
    ),
    ("Transferred", "`device` has sent the other party on to `to`."),
    ("Failed", "`device` could not be reached, or refused (`cause`)."),
    ("ConnectionCleared", "`device` is in the call no more."),
    ("CallCleared", "The call is over."),
    ("CallInformation", "Data of the call has changed (`data`)."),
    ("DigitsGenerated", "`device` has pressed keys; one that is secret is `?`."),
    (
        "CaseOpened",
        "An alarm has opened `case`: whose it is and what help is wanted for is in `data`; all that is known of the \
         subscriber gives `GET /v1/cases/{case}`. Events of a unit's call have the case in `data` as well.",
    ),
    (
        "CaseChanged",
        "Something has happened to `case` (`cause`): `reported` by its unit, `talked`, `no_call` by which its unit was \
         heard, `unit_told` (`code`: what, `reason`: by whom), `line_normal` or `line_fault` at the end of its call; of its \
         response plan (`plan` and `step` in `data`, with what belongs to it: `name`, `number`, `outcome`, `to`, `channel`, `why`, \
         `nth`, `by`) `plan_begun`, `plan_step`, `plan_round`, `plan_called`, `plan_not_called` (`why`; `nobody`: the step calls none), `plan_accepted`, `plan_outcome`, `plan_left`, \
         `plan_sending`, `plan_not_sent` and `plan_sent` (the sheet; with `why` it is not there), `plan_ended`.",
    ),
    ("CaseClosed", "A person has closed `case`."),
    (
        "CareCall",
        "Whom a list of scheduled calls names (`device`: the number) has been called, or is not called any more (`cause`): `done`, \
         `failed`, `given_up` or `stopped`. In `data`: `list`, `day` (the round), `attempts`, `result` of the last call, \
         `answer` (what the dialplan noted).",
    ),
    ("CampaignStatus", "A campaign (`data`) was begun, held or ended (`reason`)."),
    (
        "CampaignOffered",
        "`agent` is shown whom he is to call: `campaign` and `number` in `data`, with what is known of him.",
    ),
    (
        "CampaignOfferOver",
        "`agent` is shown him no more (`reason`: `taken`, `skipped`, `expired`, `withdrawn`).",
    ),
    (
        "CampaignResult",
        "A number of a campaign was called for `agent`: `campaign`, `number`, `outcome`, `state` and `attempt` in `data`.",
    ),
    ("AgentLoggedOn", "The agent is signed in at `device`."),
    ("AgentLoggedOff", "The agent is signed out."),
    ("AgentReady", "The agent takes callers."),
    ("AgentNotReady", "The agent takes none (`reason`, `code`)."),
    ("AgentBusy", "The agent has a call (`reason`: ringing, talking, other_call)."),
    ("AgentWorkingAfterCall", "The agent finishes what the call was about."),
    ("AgentPending", "The agent will be in `pending` when its talk is over."),
    (
        "AgentWrapUp",
        "The agent has said what the call was about (`code`, and `text`, which a token of the role read alone does not get).",
    ),
    ("DoNotDisturb", "`device` wants no calls, or wants some again (`to`)."),
    ("Forwarding", "`device` has its calls sent to `to`, or no more."),
    ("BackInService", "`device` is registered, or the gateway answers."),
    ("OutOfService", "`device` is registered no more, or the gateway does not answer."),
    (
        "SystemStatus",
        "Belfry has started (`initializing`: no call of before is up), stops (`disabled`) or has read its configuration anew (`normal`).",
    ),
    (
        "Alarm",
        "Something is wrong with Belfry or what it needs (`state`: `raised`, `cleared`; `reason`: which alarm; `cause`: more of it).",
    ),
];

/// One event. What does not apply is left out.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Event {
    /// The number of the fact that it tells: events of later facts have higher ones. To go on after it:
    /// `after=seq`.
    pub seq: u64,
    /// When, milliseconds since 1970.
    pub wall: i64,
    /// Its kind: one of [`KINDS`].
    pub event: String,
    /// The call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The case of the care line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<u64>,
    /// The device that it is about: a phone's or an outside number, a gateway's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// Its local connection state from now on: `initiated`, `alerting`, `connected`, `hold`, `queued`, `fail`,
    /// `null`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// Who calls.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub calling: String,
    /// The name that the caller gave.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub calling_name: String,
    /// The number dialled.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub called: String,
    /// The gateway by which the call came.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway: String,
    /// The queue.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub queue: String,
    /// How long the caller had waited there, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// What is known of the call: fields that the dialplan or a program has set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
    /// Keys that the caller has pressed so far, the last ones; a secret one is `?`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digits: String,
    /// Why: of CSTA's words where it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cause: String,
    /// The Q.850 cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q850: Option<u8>,
    /// Whereto.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// How a supervisor is with a talk: `silent`, `coaching`, `active`, `none`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub participation: String,
    /// The agent that it is about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// More about the agent's state.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The code of a break, or of what a call was about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// What the agent has noted of a call.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The state that an agent will be in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pending: String,
    /// The devices in the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// The agents in the call, and the one that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
}

/// Which events are wanted; of what is empty all.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Filter {
    /// Of these agents.
    pub agents: Vec<String>,
    /// Of these devices, or calls in which one of them is.
    pub devices: Vec<String>,
    /// Of these queues.
    pub queues: Vec<String>,
    /// Of these calls.
    pub calls: Vec<String>,
    /// Of these kinds.
    pub kinds: Vec<String>,
    /// Of this agent alone, whatever else is wanted: what a token of its own may see.
    pub only: Option<String>,
}

impl Filter {
    /// Whether it is wanted.
    pub fn wants(&self, event: &Event) -> bool {
        let any = |wanted: &[String], has: &dyn Fn(&String) -> bool| {
            wanted.is_empty() || wanted.iter().any(has)
        };
        self.only.as_ref().is_none_or(|own| event.agents.contains(own))
            && any(&self.agents, &|a| event.agents.contains(a))
            && any(&self.devices, &|d| event.device == *d || event.devices.contains(d))
            && any(&self.queues, &|q| event.queue == *q)
            && any(&self.calls, &|c| event.call.as_ref() == Some(c))
            && any(&self.kinds, &|k| event.event == *k)
    }
}
