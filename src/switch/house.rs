//! The configuration's agents, teams and queues as the contact centre knows them.

use crate::acd::agent::Patience;
use crate::acd::centre::WrapUp;
use crate::acd::hours::Hours;
use crate::acd::queue::{BackTerms, Members, Terms};
use crate::acd::{House, Person, Pin, Strategy};
use crate::base::Rng;
use crate::config::name::{Name, Number};
use crate::config::{self, Config};

/// All of it.
pub(super) fn house(config: &Config, rng: &mut Rng) -> House {
    let wrap_up = |it: &config::WrapUp| WrapUp {
        code: it.code.to_string(),
        name: it.name.to_string(),
        queues: names(&it.queues),
    };
    House {
        agents: config.agents.iter().map(|agent| person(config, agent, rng)).collect(),
        queues: config.queues.iter().map(terms).collect(),
        wrap_ups: config.wrap_ups.iter().map(wrap_up).collect(),
        patience: Patience {
            missed_most: config.acd.missed,
            rest: config.acd.rest,
            ready_at_sign_in: config.acd.ready_at_sign_in,
        },
        pin_tries: config.acd.pin_tries,
        pin_lock: config.acd.pin_lock,
    }
}

/// The team that an agent belongs to: by its own word, else by a team's.
pub(super) fn team(config: &Config, agent: &config::Agent) -> Option<String> {
    let lists =
        |team: &&config::Team| team.members.iter().flatten().any(|number| *number == agent.number);
    let own = config.teams.iter().find(lists).map(|team| &team.name);
    agent.team.as_ref().or(own).map(ToString::to_string)
}

fn person(config: &Config, agent: &config::Agent, rng: &mut Rng) -> Person {
    let listed = |people: &Option<Vec<Number>>| {
        people.iter().flatten().any(|number| *number == agent.number)
    };
    let supervised = config.teams.iter().filter(|team| listed(&team.supervisors));
    let supervises: Vec<String> = supervised.map(|team| team.name.to_string()).collect();
    Person {
        number: agent.number.to_string(),
        name: agent.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        pin: Pin::new(agent.pin.expose(), rng),
        team: team(config, agent),
        supervisor: agent.role == config::choice::Role::Supervisor || !supervises.is_empty(),
        supervises,
        skills: skills(&agent.skills),
        regions: names(&agent.regions),
        weight: agent.weight,
    }
}

fn terms(queue: &config::Queue) -> Terms {
    Terms {
        name: queue.name.to_string(),
        members: Members {
            agents: queue.agents.iter().flatten().map(ToString::to_string).collect(),
            teams: names(&queue.teams),
            skills: skills(&queue.skills),
        },
        strategy: strategy(queue.strategy),
        ring: queue.ring,
        after_call: queue.after_call,
        ageing: queue.ageing,
        region_overflow: queue.region_overflow,
        last_agent: queue.last_agent,
        most: queue.most as usize,
        longest: queue.longest,
        join: staffing(queue.join),
        stay: staffing(queue.stay),
        back: queue.call_back.then_some(BackTerms {
            attempts: queue.call_back_attempts,
            pause: queue.call_back_pause,
            within: queue.call_back_within,
            most: queue.call_back_most as usize,
        }),
        hours: Hours {
            windows: queue.open.clone().unwrap_or_default(),
            no_holidays: !queue.open_on_holidays,
            leave: queue.leave_at_close,
        },
        overflow: queue.overflow.as_ref().map(ToString::to_string),
    }
}

fn skills(skills: &Option<Vec<config::acd::Skill>>) -> Vec<(String, u8)> {
    let skill = |skill: &config::acd::Skill| (skill.name.to_string(), skill.level);
    skills.iter().flatten().map(skill).collect()
}

fn names(names: &Option<Vec<Name>>) -> Vec<String> {
    names.iter().flatten().map(ToString::to_string).collect()
}

fn strategy(strategy: config::choice::Strategy) -> Strategy {
    use config::choice::Strategy as From;
    match strategy {
        From::RingAll => Strategy::RingAll,
        From::LongestIdle => Strategy::LongestIdle,
        From::FewestCalls => Strategy::FewestCalls,
        From::LeastTalk => Strategy::LeastTalk,
        From::RoundRobin => Strategy::RoundRobin,
        From::InOrder => Strategy::InOrder,
        From::WeightedRandom => Strategy::WeightedRandom,
        From::SkillLevel => Strategy::SkillLevel,
    }
}

fn staffing(staffing: config::choice::Staffing) -> crate::acd::queue::Staffing {
    use config::choice::Staffing as From;
    match staffing {
        From::Nobody => crate::acd::queue::Staffing::Nobody,
        From::SignedIn => crate::acd::queue::Staffing::SignedIn,
        From::Working => crate::acd::queue::Staffing::Working,
    }
}
