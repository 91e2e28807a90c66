//! Keys about agents and queues (R2, R16, R18). Agents are apart from phones: they sign in at any.

use core::time::Duration;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeValue;

use super::choice::{Formula, Role, Staffing, Strategy};
use super::fault::At;
use super::name::{DialPrefix, Label, Name, Number};
use super::secret::Pin;
use super::setting::{Reader, Setting, Wrong, read_text, section};
use crate::base::week::Window;

/// The best level of a skill.
const BEST: u8 = 9;

section! {
    /// What holds for all agents.
    [acd] struct Acd {
        /// Whether agents are ready for callers as soon as they have signed in.
        ready_at_sign_in: bool = "true", live;
        /// So many callers offered and not answered in a row, and the agent is not ready any more.
        missed: u32 = "2" in ["1", "100"], live;
        /// How long an agent gets no caller after one that it did not answer.
        rest: Duration = "\"5 s\"" in ["\"1 s\"", "\"10 min\""], live;
        /// So many wrong PINs, of an agent or from a phone, and none is looked at for a while.
        pin_tries: u32 = "3" in ["1", "20"], live;
        /// For so long.
        pin_lock: Duration = "\"15 min\"" in ["\"10 s\"", "\"24 h\""], live;
        /// Within what time a caller is to be answered, for the service level. In whole seconds.
        service_level: Duration = "\"20 s\"" in ["\"1 s\"", "\"1 h\""], live;
        /// How the service level is computed.
        service_formula: Formula = "\"SL-3\"", live;
        /// Who hangs up within this time counts as a short abandon, which SL-5 leaves out.
        short_abandon: Duration = "\"5 s\"" in ["\"0 s\"", "\"1 min\""], live;
    }
}

section! {
    /// An agent: who takes callers of queues, at whatever phone.
    [[agent]] struct Agent {
        /// Its number, by which it signs in.
        number: Number = required, live;
        /// Its PIN.
        pin: Pin = required, live;
        /// Its name.
        name: Option<Label> = derived, live;
        /// The team that it belongs to.
        team: Option<Name> = derived, live;
        /// What it may do.
        role: Role = "\"agent\"", live;
        /// What it knows, each with its level from 1 to 9: `["care:5", "english"]`. Without a level: 1.
        skills: Option<Vec<Skill>> = derived, live;
        /// The regions whose callers it takes. Without it: callers of all.
        regions: Option<Vec<Name>> = derived, live;
        /// Its chance where agents are drawn (`weighted-random`).
        weight: u32 = "1" in ["1", "1000"], live;
    }
}

section! {
    /// A queue: where callers wait for an agent. It is served by the agents of `agents` and `teams`
    /// (with neither: by all) who have all of its `skills`.
    [[queue]] struct Queue {
        /// Its name, by which the dialplan sends callers there.
        name: Name = required, live;
        /// Agents by number, in the order of `in-order`.
        agents: Option<Vec<Number>> = derived, live;
        /// Teams.
        teams: Option<Vec<Name>> = derived, live;
        /// What its agents have to know, each with the least level: `["care:3"]`. The first one counts
        /// for `skill-level`.
        skills: Option<Vec<Skill>> = derived, live;
        /// Which agent is next.
        strategy: Strategy = "\"longest-idle\"", live;
        /// How long an agent's phone rings.
        ring: Duration = "\"15 s\"" in ["\"3 s\"", "\"5 min\""], live;
        /// How long an agent may work after a call at most; `"0 s"`: not at all.
        after_call: Duration = "\"30 s\"" in ["\"0 s\"", "\"4 h\""], live;
        /// How much waiting a point of priority is worth. With a day priority goes before everything.
        ageing: Duration = "\"24 h\"" in ["\"1 s\"", "\"24 h\""], live;
        /// How long only agents of the caller's region are tried, when one of them is at work.
        region_overflow: Duration = "\"30 s\"" in ["\"0 s\"", "\"1 h\""], live;
        /// How long a caller waits for the agent who served it last; `"0 s"`: not at all.
        last_agent: Duration = "\"0 s\"" in ["\"0 s\"", "\"10 min\""], live;
        /// The most callers.
        most: u32 = "100" in ["1", "100000"], live;
        /// The longest wait.
        longest: Duration = "\"10 min\"" in ["\"5 s\"", "\"24 h\""], live;
        /// Which agents must be there for a caller to come in.
        join: Staffing = "\"signed-in\"", live;
        /// Which must be there for a caller to stay.
        stay: Staffing = "\"signed-in\"", live;
        /// When callers are let in, in `[node] timezone`. Without it: always. Who comes by an alarm always is.
        open: Option<Vec<Window>> = derived, live;
        /// Whether it is open on holidays: the days of all lists of the dialplan's `[holidays]` and of `[dialplan] holidays`.
        open_on_holidays: bool = "true", live;
        /// Whether those leave who still wait when it closes. Call-backs stay, and so does who came by an alarm.
        leave_at_close: bool = "false", live;
        /// The queue to which those go who are not let in (it is closed, full or without agents), or who have to leave
        /// (`longest` is over, the last agent has gone, it closes). Without it: the step's `on` says what comes.
        overflow: Option<Name> = derived, live;
        /// The class of the music that callers hear.
        music: Name = "\"default\"", live;
        /// How often a caller is told its place and how long it will take; `"0 s"`: never.
        announce: Duration = "\"45 s\"" in ["\"0 s\"", "\"10 min\""], live;
        /// How long after it came in it is told so first.
        announce_first: Duration = "\"15 s\"" in ["\"0 s\"", "\"10 min\""], live;
        /// Whether its place is told.
        announce_place: bool = "true", live;
        /// Whether the expected wait is told, in minutes.
        announce_wait: bool = "true", live;
        /// Whether callers are called back who do not wish to wait: the queue step's `call-back` names the key. They
        /// keep their places.
        call_back: bool = "false", live;
        /// What an agent's phone dials before a number to reach it outside, as its dialplan wants it: `"9"`. Without it: nothing. A number that came with `+` is dialled with it.
        call_back_prefix: Option<DialPrefix> = derived, live;
        /// So many attempts reach nobody, and a call-back is given up.
        call_back_attempts: u32 = "3" in ["1", "20"], live;
        /// Between two attempts.
        call_back_pause: Duration = "\"5 min\"" in ["\"10 s\"", "\"24 h\""], live;
        /// Within what time callers are called back, or it is given up.
        call_back_within: Duration = "\"8 h\"" in ["\"1 min\"", "\"72 h\""], live;
        /// So many callers are to be called back at most; a tenth of them may hide their numbers. A further one is
        /// told that there is no call-back, and waits on.
        call_back_most: u32 = "100" in ["1", "10000"], live;
        /// Whether talks are recorded.
        record: bool = "true", live;
    }
}

section! {
    /// A team of agents: for its queues, its figures and its supervisors. A team that agents name needs no section
    /// of its own.
    [[team]] struct Team {
        /// Its name.
        name: Name = required, live;
        /// Its agents by number, besides those whose `team` it is.
        members: Option<Vec<Number>> = derived, live;
        /// Agents who supervise it, and only such teams. One with `role = "supervisor"` who is listed by no team
        /// supervises all.
        supervisors: Option<Vec<Number>> = derived, live;
    }
}

section! {
    /// What calls of queues are about: the codes that agents dial behind `*15`. Where a queue has none, any is taken.
    [[wrap_up]] struct WrapUp {
        /// What is dialled.
        code: Number = required, live;
        /// What it means.
        name: Label = required, live;
        /// The queues for whose calls it is. Without it: all.
        queues: Option<Vec<Name>> = derived, live;
    }
}

/// A skill with its level.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skill {
    /// Its name.
    pub name: Name,
    /// 1 to 9.
    pub level: u8,
}

impl Setting for Skill {
    const WRITE: &'static str = "a skill with its level from 1 to 9, such as \"care:5\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Skill> {
        read_text(value, reader, Self::WRITE, |text| {
            let (name, level) = text.split_once(':').unwrap_or((text, "1"));
            let level = level.parse().ok().filter(|level| (1..=BEST).contains(level));
            match (Name::new(name), level) {
                (Some(name), Some(level)) => Ok(Skill { name, level }),
                _ => Err(Wrong::not(text, Self::WRITE)),
            }
        })
    }
}

/// The sections about agents and queues, each with its place in the text's order.
#[derive(Clone, Copy)]
pub(super) struct Centre<'d> {
    pub(super) agents: &'d [(usize, Agent)],
    pub(super) queues: &'d [(usize, Queue)],
    pub(super) teams: &'d [(usize, Team)],
    pub(super) wrap_ups: &'d [(usize, WrapUp)],
}

/// Agents and queues are there once, and every agent, team and skill that a queue names is there.
pub(super) fn check(centre: &Centre<'_>, reader: &mut Reader<'_>) {
    let Centre { agents, queues, .. } = *centre;
    let mut numbers = BTreeMap::new();
    for (nth, agent) in agents {
        if let Some(first) = numbers.insert(agent.number.as_str(), agent.at) {
            let what = format!("agent {} stands in line {} already", agent.number, first.line);
            let place = reader.place("agent", *nth, "number");
            reader.faults.error(&place, what, "give it another number");
        }
    }
    check_teams(centre, &numbers, reader);
    check_wrap_ups(centre, reader);
    check_overflow(queues, reader);
    let teams: Vec<&str> = agents
        .iter()
        .filter_map(|(_, a)| Some(a.team.as_ref()?.as_str()))
        .chain(centre.teams.iter().map(|(_, team)| team.name.as_str()))
        .collect();
    let mut names = BTreeMap::new();
    for (nth, queue) in queues {
        if let Some(first) = names.insert(queue.name.as_str(), queue.at) {
            let what = format!("a queue \"{}\" stands in line {} already", queue.name, first.line);
            let place = reader.place("queue", *nth, "name");
            reader.faults.error(&place, what, "give it another name");
        }
        for number in queue.agents.iter().flatten().filter(|n| !numbers.contains_key(n.as_str())) {
            let what = format!("there is no agent {number}");
            let remedy = format!("add an [[agent]] with `number = \"{number}\"`, or leave it out");
            reader.faults.error(&reader.place("queue", *nth, "agents"), what, remedy);
        }
        for team in queue.teams.iter().flatten().filter(|team| !teams.contains(&team.as_str())) {
            let what = format!("no agent belongs to a team \"{team}\"");
            let remedy = format!("give agents `team = \"{team}\"`, or leave it out");
            reader.faults.error(&reader.place("queue", *nth, "teams"), what, remedy);
        }
        for skill in queue.skills.iter().flatten() {
            let fits = |own: &&Skill| own.name == skill.name && own.level >= skill.level;
            let mut known = agents.iter().flat_map(|(_, agent)| agent.skills.iter().flatten());
            if known.any(|own| fits(&own)) {
                continue;
            }
            let what =
                format!("no agent has the skill \"{}\" at level {}", skill.name, skill.level);
            let remedy = "give it to one, or ask for less: callers would wait in vain";
            reader.faults.error(&reader.place("queue", *nth, "skills"), what, remedy);
        }
        if agents.is_empty() {
            let what = format!("queue \"{}\" has no agents", queue.name);
            reader.faults.warn(&reader.place("queue", *nth, ""), what, "add an [[agent]]");
        }
    }
}

/// Callers overflow into queues that are there, and never in a circle.
fn check_overflow(queues: &[(usize, Queue)], reader: &mut Reader<'_>) {
    let next = |name: &Name| queues.iter().find(|(_, q)| q.name == *name)?.1.overflow.as_ref();
    for (nth, queue) in queues {
        let Some(to) = &queue.overflow else { continue };
        let place = reader.place("queue", *nth, "overflow");
        if !queues.iter().any(|(_, other)| other.name == *to) {
            let what = format!("there is no queue \"{to}\"");
            let remedy = format!("add a [[queue]] with `name = \"{to}\"`, or leave it out");
            reader.faults.error(&place, what, remedy);
            continue;
        }
        let way = core::iter::successors(Some(to), |name| next(name));
        if way.take(queues.len()).any(|name| *name == queue.name) {
            let what = format!("who leaves \"{}\" for \"{to}\" comes back to it", queue.name);
            reader.faults.error(&place, what, "let one of them overflow nowhere");
        }
    }
}

/// A team is there once, its people are agents, and nobody is of two.
fn check_teams(centre: &Centre<'_>, numbers: &BTreeMap<&str, At>, reader: &mut Reader<'_>) {
    let mut names = BTreeMap::new();
    let mut of: BTreeMap<&str, &str> = BTreeMap::new();
    let own = |(_, agent): &&(usize, Agent)| agent.team.is_some();
    for (_, agent) in centre.agents.iter().filter(own) {
        of.extend(agent.team.as_ref().map(|team| (agent.number.as_str(), team.as_str())));
    }
    for (nth, team) in centre.teams {
        if let Some(first) = names.insert(team.name.as_str(), team.at) {
            let what = format!("a team \"{}\" stands in line {} already", team.name, first.line);
            let place = reader.place("team", *nth, "name");
            reader.faults.error(&place, what, "put both together, or give it another name");
        }
        for (key, people) in [("members", &team.members), ("supervisors", &team.supervisors)] {
            for number in people.iter().flatten().filter(|n| !numbers.contains_key(n.as_str())) {
                let what = format!("there is no agent {number}");
                let remedy =
                    format!("add an [[agent]] with `number = \"{number}\"`, or leave it out");
                reader.faults.error(&reader.place("team", *nth, key), what, remedy);
            }
        }
        for number in team.members.iter().flatten() {
            let other = of.insert(number.as_str(), team.name.as_str());
            if let Some(other) = other.filter(|other| *other != team.name.as_str()) {
                let what = format!("agent {number} belongs to team \"{other}\" already");
                let place = reader.place("team", *nth, "members");
                reader.faults.error(
                    &place,
                    what,
                    "leave it out of one: figures count an agent once",
                );
            }
        }
    }
}

/// A code means one thing in a queue, and the queues are there.
fn check_wrap_ups(centre: &Centre<'_>, reader: &mut Reader<'_>) {
    let queues = |it: &WrapUp| -> Option<Vec<String>> {
        it.queues.as_ref().map(|queues| queues.iter().map(ToString::to_string).collect())
    };
    for (at, (nth, it)) in centre.wrap_ups.iter().enumerate() {
        for name in it.queues.iter().flatten() {
            if !centre.queues.iter().any(|(_, queue)| queue.name == *name) {
                let what = format!("there is no queue \"{name}\"");
                let remedy = format!("add a [[queue]] with `name = \"{name}\"`, or leave it out");
                reader.faults.error(&reader.place("wrap_up", *nth, "queues"), what, remedy);
            }
        }
        let meets = |(_, other): &&(usize, WrapUp)| {
            let (own, others) = (queues(it), queues(other));
            let both = own.zip(others);
            other.code == it.code && both.is_none_or(|(a, b)| a.iter().any(|name| b.contains(name)))
        };
        if let Some((_, other)) = centre.wrap_ups[..at].iter().find(meets) {
            let what = format!("code {} means \"{}\" already", it.code, other.name);
            let place = reader.place("wrap_up", *nth, "code");
            reader.faults.error(&place, what, "take another code, or other queues");
        }
    }
}
