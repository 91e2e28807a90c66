//! What is told and learnt of talks: how long a phone rang, how long callers take, one code of each agent.

use super::super::agent::{Input, Reason};
use super::super::centre::Centre;
use super::super::event::{Cause, What};
use super::super::wrap_up::NoWrapUp;
use super::{SECOND, entry, events, house};
use crate::base::{CallId, Duration, Rng, Time, Wall};

fn at(s: u64) -> Time {
    Time::ZERO + SECOND * s as u32
}
fn call(n: u64) -> CallId {
    CallId::new(Wall(1), n)
}
fn with(agents: &[usize]) -> Centre {
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(agents));
    for n in agents {
        centre.sign_in(at(1), &format!("70{n:02}"), "1234", &format!("10{n:02}")).expect("right");
    }
    _ = events(&mut centre);
    centre
}

/// With ring-all, whose phone began to ring later rang for as long as it rang.
#[test]
fn who_joins_the_ringing_late_rang_since_then() {
    let mut centre = with(&[1, 2]);
    let second = centre.numbered("7002").expect("there");
    centre.wish(at(1), second, Input::NotReady(Reason::Break(0)), Cause::Agent).expect("a break");
    centre.enter(at(2), "alarm", entry(1, "1")).expect("let in");
    centre.wish(at(7), second, Input::Ready, Cause::Agent).expect("back");
    assert!(centre.answered(at(9), call(1), second));
    let rang = events(&mut centre).into_iter().find_map(|what| match what {
        What::Answered { waited_ms, rang_ms, .. } => Some((waited_ms, rang_ms)),
        _ => None,
    });
    assert_eq!(rang, Some((7_000, 2_000)));
}

/// A preview is no queue's caller: its after-call work says nothing of how long callers take.
#[test]
fn what_follows_a_preview_is_not_how_long_callers_take() {
    let mut centre = with(&[1]);
    let agent = centre.numbered("7001").expect("there");
    let guess = |centre: &Centre| {
        let queue = centre.by_name["care"];
        centre.queues[&queue].handling.wait(0, 0, 1)
    };
    centre.enter(at(2), "care", entry(1, "1")).expect("let in");
    assert!(centre.answered(at(2), call(1), agent));
    centre.call_over(at(602), call(1));
    centre.wake(at(622));
    let learnt = guess(&centre);
    assert_eq!(learnt, Some(Duration::from_secs(224)), "180 s, and a tenth of 620");
    centre.engaged(at(700), "1001", true);
    centre.previewed(at(701), agent, call(9), "care");
    centre.engaged(at(710), "1001", false);
    assert_eq!(centre.agent(at(711), agent).expect("there").state.name(), "after-call work");
    centre.wake(at(740));
    assert_eq!(centre.agent(at(741), agent).expect("there").state.name(), "ready");
    assert_eq!(guess(&centre), learnt);
}

/// R24: a caller who comes to the same agent twice in one call has one code of him, as the figures and the records have.
#[test]
fn a_call_that_comes_twice_has_one_code_of_its_agent() {
    let mut centre = with(&[1]);
    let agent = centre.numbered("7001").expect("there");
    let mut talk = |n: u64, s: u64| {
        centre.enter(at(s), "care", entry(n, "139")).expect("let in");
        assert!(centre.answered(at(s + 1), call(n), agent));
        centre.talk_over(at(s + 2), call(n));
        let done = centre.wrap_up(at(s + 3), agent, "17");
        centre.wake(at(s + 60));
        done
    };
    assert_eq!(talk(1, 10), Ok(()));
    assert_eq!(talk(2, 100), Ok(()));
    assert_eq!(talk(1, 200), Err(NoWrapUp::NothingToFinish), "it has one");
    assert_eq!(talk(3, 300), Ok(()));
    let codes = |what: &What| matches!(what, What::WrapUp { .. });
    assert_eq!(events(&mut centre).iter().filter(|what| codes(what)).count(), 3);
}

/// A phone that sends a caller on, or a mobile that is asked whether it takes him, has its whole time; a driver that is
/// silent then loses the reservation all the same.
#[test]
fn a_reservation_lasts_as_long_as_it_rings() {
    let mut centre = with(&[1]);
    let agent = centre.numbered("7001").expect("there");
    centre.enter(at(2), "care", entry(1, "1")).expect("let in");
    _ = events(&mut centre);
    centre.rings_on(at(17), call(1), agent, at(77));
    centre.rings_on(at(20), call(1), agent, at(40));
    centre.rings_on(at(20), call(2), agent, at(400));
    assert!(events(&mut centre).is_empty(), "it rings on: no other state");
    centre.wake(at(106));
    assert_eq!(centre.agent(at(106), agent).expect("there").state.name(), "ringing");
    centre.wake(at(107));
    let expired = |what: &What| matches!(what, What::NotTaken { rang_ms: 105_000, .. });
    assert!(events(&mut centre).iter().any(expired));
    centre.rings_on(at(108), call(1), agent, at(200));
    assert_eq!(centre.agent(at(108), agent).expect("there").state.name(), "ready");
}
