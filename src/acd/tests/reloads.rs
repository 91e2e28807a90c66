//! What another configuration does to those who wait, and to who was taken out of it and is in it again.

use super::super::agent::{Input, Reason};
use super::super::centre::{Action, Centre, House};
use super::super::event::{Cause, Departure, What};
use super::super::queue::Staffing;
use super::{SECOND, entry, events, house};
use crate::base::{CallId, Rng, Time, Wall};

fn at(s: u64) -> Time {
    Time::ZERO + SECOND * s as u32
}
fn call(n: u64) -> CallId {
    CallId::new(Wall(1), n)
}
/// Agents 7001 and 7002, signed in; a queue of `care` that wants somebody for who stays.
fn staffed(stay: Staffing) -> (Centre, House) {
    let mut rules = house(&[1, 2]);
    rules.queues[0].stay = stay;
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, rules.clone());
    for (number, phone) in [("7001", "1001"), ("7002", "1002")] {
        centre.sign_in(at(1), number, "1234", phone).expect("right");
    }
    (centre, rules)
}
fn out(centre: &mut Centre) -> Vec<(CallId, Departure)> {
    let all = std::iter::from_fn(|| centre.poll());
    let own = |action| match action {
        Action::Out { call, why } => Some((call, why)),
        _ => None,
    };
    all.filter_map(own).collect()
}

/// R19: a queue whose last agent serves others after a reload has nobody wait for nobody; nor has one that wants more of
/// those who are there.
#[test]
fn a_reload_that_leaves_a_queue_without_agents_puts_its_callers_out() {
    let (mut centre, rules) = staffed(Staffing::SignedIn);
    for n in ["7001", "7002"] {
        let agent = centre.numbered(n).expect("there");
        let a_break = Input::NotReady(Reason::Break(0));
        centre.wish(at(1), agent, a_break, Cause::Agent).expect("a break");
    }
    centre.enter(at(2), "care", entry(1, "1")).expect("let in");
    centre.enter(at(2), "care", entry(2, "2")).expect("let in");
    centre.call_back(at(3), call(2), "2").expect("noted");
    centre.enter(at(3), "alarm", entry(3, "3")).expect("let in");
    assert!(out(&mut centre).is_empty());
    let mut other = rules.clone();
    for agent in &mut other.agents {
        agent.skills.retain(|(skill, _)| skill != "care");
    }
    centre.configure(at(4), other);
    assert_eq!(out(&mut centre), [(call(1), Departure::NoAgents)], "whoever can, stays");
    assert!(centre.position(call(2)).is_some() || centre.back_number(call(2)).is_some());
    // The same where a reload asks for more.
    let (mut centre, mut rules) = staffed(Staffing::Nobody);
    for n in ["7001", "7002"] {
        let agent = centre.numbered(n).expect("there");
        let a_break = Input::NotReady(Reason::Break(0));
        centre.wish(at(1), agent, a_break, Cause::Agent).expect("a break");
    }
    centre.enter(at(2), "care", entry(1, "1")).expect("let in");
    rules.queues[0].stay = Staffing::Working;
    centre.configure(at(3), rules);
    assert_eq!(out(&mut centre), [(call(1), Departure::NoAgents)]);
    assert_eq!(centre.in_being().0, 0);
}

/// R16: who is taken out while talking and put back before the talk ends stays, with what he himself had wished.
#[test]
fn an_agent_who_is_put_back_while_talking_stays() {
    for (wish, after) in [
        (None, "after-call work"),
        (Some(Input::NotReady(Reason::Break(2))), "after-call work"),
        (Some(Input::SignOut), "signed out"),
    ] {
        let (mut centre, rules) = staffed(Staffing::Nobody);
        let agent = centre.numbered("7001").expect("there");
        centre.enter(at(2), "care", entry(1, "1")).expect("let in");
        assert!(centre.answered(at(3), call(1), agent));
        if let Some(wish) = wish {
            centre.wish(at(4), agent, wish, Cause::Agent).expect("pending");
        }
        let without = House { agents: rules.agents[1..].to_vec(), ..rules.clone() };
        centre.configure(at(5), without.clone());
        // He is no agent any more: what he wishes now is nothing.
        assert!(centre.wish(at(6), agent, Input::Ready, Cause::Agent).is_err(), "{wish:?}");
        centre.configure(at(7), rules.clone());
        _ = events(&mut centre);
        centre.call_over(at(9), call(1));
        let view = centre.agent(at(9), agent).expect("there still");
        assert_eq!(view.state.name(), after, "{wish:?}");
        let deleted = |what: &What| matches!(what, What::Agent { cause: Cause::Deleted, .. });
        assert!(!events(&mut centre).iter().any(deleted));
        if after == "after-call work" {
            centre.wake(at(29));
            let name = centre.agent(at(29), agent).expect("there").state.name();
            assert_eq!(name, if wish.is_some() { "break" } else { "ready" });
        }
    }
}
