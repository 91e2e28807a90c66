//! Queues that open and close, and where their callers go then.

use super::*;
use crate::acd::event::Refusal;
use crate::acd::hours::{Civil, Hours};
use crate::base::week::{Moment, Window};

/// Monday at this time.
fn monday(hour: u32, minute: u32) -> Civil {
    let moment = Moment { weekday: 1, second: hour * 3_600 + minute * 60 };
    Civil { moment, holiday: false }
}

fn at(s: u64) -> Time {
    Time::from_millis(s * 1_000)
}

/// "care" is open from 8 to 18 and overflows into "night", which takes two.
fn centre(leave: bool) -> Centre {
    let mut rules = house(&[1, 2]);
    let windows = vec![Window::parse("mon-fri 08:00-18:00").expect("hours")];
    rules.queues[0].hours = Hours { windows, no_holidays: true, leave };
    rules.queues[0].overflow = Some("night".into());
    rules.queues[2].most = 2;
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, rules);
    centre
}

#[test]
fn a_closed_queue_lets_nobody_in_but_who_comes_by_an_alarm() {
    let mut centre = centre(false);
    assert!(centre.has_hours());
    centre.clock(at(1), monday(7, 59));
    assert_eq!(centre.next_wake(), Some(at(61)), "the clock is asked for when it opens");
    assert_eq!(centre.enter(at(1), "care", entry(1, "1")), Err(Refusal::Closed));
    let urgent = Entry { urgent: true, ..entry(2, "2") };
    assert_eq!(centre.enter(at(1), "care", urgent), Ok(1));
    centre.clock(at(61), monday(8, 0));
    assert_eq!(centre.enter(at(61), "care", entry(1, "1")), Ok(2));
    centre.clock(at(62), Civil { holiday: true, ..monday(9, 0) });
    assert_eq!(centre.enter(at(62), "care", entry(3, "3")), Err(Refusal::Closed));
    assert_eq!(centre.queues(at(62)).iter().filter(|queue| queue.closed).count(), 1);
    centre.clock(at(63), Civil { moment: Moment { weekday: 6, second: 40_000 }, holiday: false });
    assert_eq!(centre.enter(at(63), "care", entry(3, "3")), Err(Refusal::Closed), "a Saturday");
    assert_eq!(centre.in_being().0, 2, "who is in stays in");
}

#[test]
fn who_waits_when_it_closes_leaves_if_it_is_so_wished() {
    let mut centre = centre(true);
    centre.clock(at(1), monday(17, 59));
    assert!(centre.enter(at(1), "care", entry(1, "1")).is_ok());
    assert!(centre.enter(at(1), "care", Entry { urgent: true, ..entry(2, "2") }).is_ok());
    assert!(centre.enter(at(1), "care", entry(3, "3")).is_ok());
    centre.call_back(at(2), CallId::new(Wall(1), 3), "138").expect("a call-back");
    assert!(!centre.wants_clock(at(60)) && centre.wants_clock(at(61)));
    centre.clock(at(61), monday(18, 0));
    let out: Vec<CallId> = std::iter::from_fn(|| centre.poll())
        .filter_map(|action| match action {
            Action::Out { call, why: Departure::Closed } => Some(call),
            _ => None,
        })
        .collect();
    assert_eq!(out, [CallId::new(Wall(1), 1)], "neither an alarm's caller nor a call-back");
    assert_eq!(centre.in_being().0, 2);
    centre.clock(at(62), monday(18, 0));
    assert!(std::iter::from_fn(|| centre.poll()).next().is_none(), "it closes once");
}

#[test]
fn callers_overflow_as_long_as_somebody_lets_them_in() {
    let mut centre = centre(false);
    centre.clock(at(1), monday(20, 0));
    for call in [1, 2] {
        assert!(centre.admits("care", &entry(call, "1")));
        let number = call.to_string();
        assert_eq!(centre.admit(at(1), "care", entry(call, &number)), Ok("night".into()));
    }
    let told = events(&mut centre);
    let refused =
        told.iter().filter(|what| matches!(what, What::Refused { queue, .. } if queue == "care"));
    assert_eq!(refused.count(), 2, "each is told of the queue that did not let it in");
    let flows = |what: &&What| matches!(what, What::Overflowed { queue, into, .. } if queue == "care" && into == "night");
    assert_eq!(told.iter().filter(flows).count(), 2, "and into which it went instead");
    assert!(!centre.admits("care", &entry(3, "3")));
    assert_eq!(
        centre.admit(at(2), "care", entry(3, "3")),
        Err(Refusal::Closed),
        "the first no counts"
    );
    assert_eq!(centre.admit(at(2), "care", entry(1, "1")), Err(Refusal::Waits));
    // A circle, which no configuration has, ends.
    let mut rules = house(&[1]);
    rules.queues.iter_mut().for_each(|queue| queue.most = 0);
    (rules.queues[0].overflow, rules.queues[1].overflow) =
        (Some("sales".into()), Some("care".into()));
    centre.configure(at(3), rules);
    assert!(!centre.wants_clock(at(9_000)), "no queue has hours any more");
    assert_eq!(centre.admit(at(3), "care", entry(9, "9")), Err(Refusal::Full));
}
