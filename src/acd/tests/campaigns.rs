//! Campaigns against what may never happen: a number dialled twice for one attempt, more customers than agents, an agent
//! kept while somebody waits for him, a number without a result.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::agent::{Input, Reason};
use super::super::campaign::{
    Action, Campaigns, Gate, HELD_LONG, Kept, OfferEnd, Outcome, Over, State, Status, Terms,
};
use super::super::centre::{Action as Do, Centre};
use super::super::event::Cause;
use super::{SECOND, entry, house};
use crate::acd::AgentId;
use crate::base::{CallId, Duration, Now, Rng, Time, Wall};

const OPEN: Gate = Gate { open: true, room: 9 };

fn terms(preview: bool) -> Terms {
    Terms {
        name: "spring".into(),
        preview,
        queue: "care".into(),
        attempts: 2,
        pauses: [SECOND * 60, SECOND * 120, SECOND * 180, SECOND * 90],
        ring: SECOND * 20,
        most: 9,
        offer: SECOND * 30,
        done: Vec::new(),
        again: vec!["later".into()],
        machine: vec!["machine".into()],
    }
}

fn rows(numbers: usize) -> Vec<Kept> {
    let row = |n| Kept {
        number: format!("139{n:04}"),
        fields: format!("name: {n}"),
        state: State::Waiting,
        tried: 0,
        counted: 0,
        next: None,
    };
    (0..numbers).map(row).collect()
}

fn at(now: Time) -> Now {
    Now { at: now, wall: Wall(1_000_000 + now.as_millis() as i64) }
}

fn campaigns(preview: bool, rows: Vec<Kept>, now: Time) -> (Campaigns, Vec<Action>) {
    let mut all = Campaigns::default();
    all.configure(vec![terms(preview)], str::to_owned);
    let (over, left_out) = all.add(at(now), "spring", rows);
    assert_eq!(left_out, 0);
    all.restore("spring", Status::Running);
    all.restored();
    (all, over)
}

/// Two agents of care, ready.
fn centre(now: Time, agents: &[usize]) -> Centre {
    let mut centre = Centre::new(Rng::from_seed(7));
    centre.configure(now, house(agents));
    for n in agents {
        centre.sign_in(now, &format!("70{n:02}"), "1234", &format!("10{n:02}")).unwrap();
    }
    while centre.poll().is_some() {}
    centre
}

fn dialled(actions: &[Action]) -> Vec<(String, AgentId)> {
    let own = actions.iter().filter_map(|action| match action {
        Action::Dial { number, agent, .. } => Some((number.clone(), *agent)),
        _ => None,
    });
    own.collect()
}

#[test]
fn a_customer_for_each_agent_who_is_free_and_none_more() {
    let now = Time::ZERO + SECOND;
    let mut centre = centre(now, &[0, 3]);
    let (mut all, _) = campaigns(false, rows(5), now);
    let actions = all.due(now, &mut centre, |_| OPEN);
    let calls = dialled(&actions);
    assert_eq!(calls.len(), 2);
    assert_ne!(calls[0].1, calls[1].1);
    assert_eq!(all.due(now, &mut centre, |_| OPEN), []);
    // A caller comes: an agent is his, and the customer is let go.
    centre.enter(now, "care", entry(1, "100")).unwrap();
    let actions = all.due(now, &mut centre, |_| OPEN);
    let [Action::LetGo { number, .. }] = &actions[..] else { panic!("{actions:?}") };
    let number = number.clone();
    let over = all.over(now, &mut centre, ("spring", &number), Outcome::LetGo).unwrap();
    assert_eq!((over.state, over.counted, over.nth), (State::Waiting, 0, 1));
    let offered = std::iter::from_fn(|| centre.poll()).any(|own| matches!(own, Do::Offer { .. }));
    assert!(offered, "the caller has the agent");
    // The other one is kept until his time is over, and no longer.
    let late = now + SECOND * 31;
    centre.wake(late);
    let actions = all.due(late, &mut centre, |_| OPEN);
    let again = matches!(&actions[..], [Action::Moved { .. }, ..]);
    assert!(again, "he is ready still, and kept anew: {actions:?}");
}

#[test]
fn what_an_agent_says_has_a_number_called_again_or_not() {
    let now = Time::ZERO + SECOND;
    let mut centre = centre(now, &[0]);
    let (mut all, _) = campaigns(false, rows(1), now);
    let agent = dialled(&all.due(now, &mut centre, |_| OPEN))[0].1;
    let number = "1390000";
    let call = CallId::new(Wall(5), 5);
    assert_eq!(all.answered("spring", number), Some(agent));
    centre.meets(now, agent);
    all.talks(agent, call, "spring", number);
    let over = all.over(now, &mut centre, ("spring", number), Outcome::Reached).unwrap();
    assert_eq!((over.state, over.rests), (State::Done, None));
    let coded = all.coded(now, agent, call, "machine").unwrap();
    assert_eq!((coded.state, coded.machine), (State::Waiting, true));
    assert_eq!(coded.rests, Some(SECOND * 180));
    assert_eq!(all.coded(now, agent, call, "sold").unwrap().state, State::Done);
    assert_eq!(all.coded(now, agent, call, "later").unwrap().state, State::Waiting);
    assert!(all.coded(now, agent, CallId::new(Wall(5), 6), "sold").is_none(), "another call");
}

#[test]
fn an_agent_is_shown_whom_he_is_to_call() {
    let now = Time::ZERO + SECOND;
    let mut centre = centre(now, &[0]);
    let (mut all, _) = campaigns(true, rows(3), now);
    let actions = all.due(now, &mut centre, |_| OPEN);
    let [Action::Offer(offer)] = &actions[..] else { panic!("{actions:?}") };
    let agent = offer.agent;
    assert_eq!((offer.number.as_str(), offer.fields.as_str()), ("1390000", "name: 0"));
    assert_eq!(all.offer_of(now, agent).unwrap().number, "1390000");
    assert!(matches!(all.skip(now, agent), Some(Action::OfferOver { why: OfferEnd::Skipped, .. })));
    let actions = all.due(now, &mut centre, |_| OPEN);
    assert!(matches!(&actions[..], [Action::Offer(offer)] if offer.number == "1390001"));
    // He looks too long: it is shown again, and then he takes it.
    let late = now + SECOND * 30;
    let actions = all.due(late, &mut centre, |_| OPEN);
    assert!(
        matches!(&actions[..], [Action::OfferOver { why: OfferEnd::Expired, .. }, Action::Offer(offer)]
        if offer.number == "1390001")
    );
    let taken = all.take(agent);
    assert!(matches!(taken, Some(Action::Dial { nth: 1, preview: true, .. })), "{taken:?}");
    assert!(all.take(agent).is_none());
    let over = all.over(late, &mut centre, ("spring", "1390001"), Outcome::NotTried).unwrap();
    assert_eq!((over.state, over.counted), (State::Waiting, 0));
    // A caller takes an agent's time: what he is shown is another's.
    _ = all.due(late, &mut centre, |_| OPEN);
    assert!(all.offer_of(late, agent).is_some());
    centre.enter(late, "care", entry(1, "100")).unwrap();
    let actions = all.due(late, &mut centre, |_| OPEN);
    assert!(matches!(&actions[..], [Action::OfferOver { why: OfferEnd::Withdrawn, .. }]));
}

#[test]
fn a_list_is_cleared_when_nobody_is_called_any_more() {
    let now = Time::ZERO + SECOND;
    let mut centre = centre(now, &[0]);
    let (mut all, _) = campaigns(false, rows(3), now);
    let number = dialled(&all.due(now, &mut centre, |_| OPEN))[0].0.clone();
    assert!(all.clear("spring").unwrap_err().contains("is running: stop it first"));
    assert_eq!(all.order("spring", Status::Stopped), Ok(true));
    assert!(all.clear("spring").unwrap_err().contains("are up"));
    all.over(now, &mut centre, ("spring", &number), Outcome::Reached).unwrap();
    let (numbers, forgotten) = all.clear("spring").expect("nobody is called");
    assert_eq!((numbers, forgotten.len()), (3, 3), "it is dropped by who asked");
    assert_eq!(all.shown().next().map(|own| (own.numbers, own.done, own.left)), Some((0, 0, 0)));
    assert!(all.order("spring", Status::Running).unwrap_err().contains("has no numbers"));
    // Another list has its place.
    assert_eq!(all.add(at(now), "spring", rows(1)), (Vec::new(), 0));
    assert_eq!(all.order("spring", Status::Running), Ok(true));
    assert_eq!(dialled(&all.due(now, &mut centre, |_| OPEN)).len(), 1);
    assert!(
        all.clear("autumn").is_ok_and(|(numbers, forgotten)| numbers == 0 && forgotten.is_empty())
    );
}

#[test]
fn whom_nobody_may_call_any_more_is_shown_and_dialled_no_more() {
    let now = Time::ZERO + SECOND;
    for due_first in [true, false] {
        let mut centre = centre(now, &[0]);
        let (mut all, _) = campaigns(true, rows(2), now);
        let actions = all.due(now, &mut centre, |_| OPEN);
        let [Action::Offer(offer)] = &actions[..] else { panic!("{actions:?}") };
        let agent = offer.agent;
        assert_eq!(all.withdraw_barred(now, agent), None);
        assert!(all.bar(BTreeSet::from([offer.number.clone()])).is_empty());
        let over = Action::OfferOver {
            campaign: "spring".into(),
            number: offer.number.clone(),
            agent,
            why: OfferEnd::Withdrawn,
        };
        // He looks at somebody else, or has not been told yet when he takes him.
        match due_first {
            true => {}
            false => {
                assert_eq!(all.withdraw_barred(now, agent), Some(over.clone()));
                assert_eq!(all.take(agent), None);
            }
        }
        let actions = all.due(now, &mut centre, |_| OPEN);
        let rest = if due_first { &actions[1..] } else { &actions[..] };
        assert!(!due_first || actions[0] == over, "{actions:?}");
        let [Action::Over(settled), Action::Offer(next)] = rest else { panic!("{actions:?}") };
        assert_eq!((settled.outcome, settled.number.as_str()), (Outcome::Barred, "1390000"));
        assert_eq!(next.number, "1390001");
        assert_eq!(all.bar(BTreeSet::new()).len(), 1, "what was there is given back");
    }
}

#[test]
fn lists_are_not_read_anew_before_the_records_of_before_the_start() {
    let mut all = Campaigns::default();
    all.configure(vec![terms(false)], str::to_owned);
    assert!(all.may_reload().unwrap_err().contains("not read yet"));
    all.restored();
    assert_eq!(all.may_reload(), Ok(()));
}

#[test]
fn numbers_that_nobody_may_call_and_a_campaign_that_is_held() {
    let now = Time::ZERO + SECOND;
    let mut centre = centre(now, &[0]);
    let (mut all, _) = campaigns(false, rows(2), now);
    all.bar(BTreeSet::from(["1390000".to_owned()]));
    let actions = all.due(now, &mut centre, |_| Gate { open: false, room: 9 });
    assert_eq!(actions, []);
    assert_eq!(all.due(now, &mut centre, |_| Gate { open: true, room: 0 }), []);
    assert!(all.shown().next().unwrap().held);
    // It is told once that it is so for long, and once that it is over.
    let shut = |_: &Terms| Gate { open: true, room: 0 };
    let long = now + HELD_LONG;
    let told = |held| vec![Action::Held { campaign: "spring".into(), held }];
    assert_eq!(all.due(long, &mut centre, shut), told(true));
    assert_eq!(all.due(long + SECOND, &mut centre, shut), []);
    assert_eq!(all.due(long, &mut centre, |_| Gate { open: false, room: 0 }), told(false));
    let actions = all.due(now, &mut centre, |_| OPEN);
    let [Action::Over(over), Action::Dial { number, .. }] = &actions[..] else {
        panic!("{actions:?}")
    };
    assert_eq!((over.outcome, over.state, over.nth), (Outcome::Barred, State::Failed, 0));
    assert_eq!(number, "1390001");
    assert_eq!(all.order("spring", Status::Paused), Ok(true));
    assert!(all.order("summer", Status::Running).unwrap_err().contains("[[campaign]] has spring"));
    // A restart in the call: that attempt counts, and is not made again before its pause.
    let mut kept = rows(2);
    (kept[0].state, kept[0].tried, kept[0].counted) = (State::Calling, 1, 0);
    let (mut all, over) = campaigns(false, kept, now);
    let [Action::Over(over)] = &over[..] else { panic!("{over:?}") };
    assert_eq!((over.outcome, over.nth, over.counted), (Outcome::Cut, 1, 1));
    assert_eq!(over.rests, Some(SECOND * 90));
    let mut centre = super::campaigns::centre(now, &[0]);
    assert_eq!(dialled(&all.due(now, &mut centre, |_| OPEN))[0].0, "1390001");
    // The calendar was set back by a year meanwhile: nobody waits longer than his pause.
    let mut kept = rows(1);
    (kept[0].tried, kept[0].next) = (1, Some(Wall(i64::MAX / 2)));
    let (mut all, _) = campaigns(false, kept, now);
    assert_eq!(all.due(now, &mut centre, |_| OPEN), []);
    let mut centre = super::campaigns::centre(now + SECOND * 180, &[0]);
    assert_eq!(dialled(&all.due(now + SECOND * 180, &mut centre, |_| OPEN)).len(), 1);
}

/// What the records and the network know.
#[derive(Default)]
struct World {
    rows: BTreeMap<String, Kept>,
    up: BTreeMap<String, AgentId>,
    attempts: BTreeSet<(String, u32)>,
    talks: BTreeMap<CallId, String>,
}

impl World {
    fn take(&mut self, now: Time, centre: &mut Centre, all: &mut Campaigns, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Dial { number, nth, agent, .. } => {
                    assert!(self.attempts.insert((number.clone(), nth)), "{number} {nth} twice");
                    let row = self.rows.get_mut(&number).unwrap();
                    assert_eq!(row.state, State::Waiting);
                    assert!(row.counted < 2);
                    (row.state, row.tried) = (State::Calling, nth);
                    assert!(self.up.insert(number, agent).is_none());
                }
                Action::Moved { number, agent, .. } => {
                    self.up.insert(number, agent).expect("it is up");
                }
                Action::LetGo { number, .. } => {
                    self.over(now, centre, all, &number, Outcome::LetGo);
                }
                Action::Over(over) => self.write(now, over),
                Action::Offer(_) | Action::OfferOver { .. } | Action::Held { .. } => {}
            }
        }
    }

    fn over(
        &mut self,
        now: Time,
        centre: &mut Centre,
        all: &mut Campaigns,
        number: &str,
        outcome: Outcome,
    ) {
        self.up.remove(number);
        let over = all.over(now, centre, ("spring", number), outcome);
        self.write(now, over.expect("it was up"));
    }

    fn write(&mut self, now: Time, over: Over) {
        let row = self.rows.get_mut(&over.number).unwrap();
        assert!(matches!(row.state, State::Calling | State::Waiting));
        (row.state, row.counted) = (over.state, over.counted);
        row.next = over.rests.map(|rests| at(now + rests).wall);
        assert!(over.counted <= 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn nobody_twice_nobody_lost_and_callers_first(
        seed in any::<u64>(),
        restarts in proptest::collection::btree_set(0u64..600, 0..3),
    ) {
        let mut rng = Rng::from_seed(seed);
        let mut now = Time::ZERO + SECOND;
        let agents = [0, 3, 4];
        let mut centre = centre(now, &agents);
        let (mut all, _) = campaigns(false, rows(12), now);
        let list = rows(12).into_iter().map(|row| (row.number.clone(), row)).collect();
        let mut world = World { rows: list, ..World::default() };
        let mut next_call = 1_000;
        for step in 0..700u64 {
            now += Duration::from_millis(1_000 + rng.below(4_000));
            centre.wake(now);
            if restarts.contains(&step) {
                world.up.clear();
                world.talks.clear();
                centre = super::campaigns::centre(now, &agents);
                let (anew, over) = campaigns(false, world.rows.values().cloned().collect(), now);
                all = anew;
                world.take(now, &mut centre, &mut all, over);
            }
            for (number, _) in world.up.clone() {
                match rng.below(8) {
                    0 => world.over(now, &mut centre, &mut all, &number, Outcome::Busy),
                    1 => world.over(now, &mut centre, &mut all, &number, Outcome::NoAnswer),
                    2 => {
                        let agent = all.answered("spring", &number).unwrap();
                        next_call += 1;
                        let mut caller = entry(next_call, &number);
                        caller.priority = super::super::queue::MOST_PRIORITY;
                        let call = caller.call;
                        centre.meets(now, agent);
                        centre.enter(now, "care", caller).unwrap();
                        world.talks.insert(call, number.clone());
                        world.up.remove(&number);
                    }
                    _ => {}
                }
            }
            match rng.below(12) {
                0 => {
                    next_call += 1;
                    _ = centre.enter(now, "care", entry(next_call, "100"));
                }
                1 => {
                    let agent = centre.numbered("7000").unwrap();
                    _ = centre.wish(now, agent, Input::NotReady(Reason::Break(1)), Cause::Agent);
                }
                2 => {
                    let agent = centre.numbered("7000").unwrap();
                    _ = centre.wish(now, agent, Input::Ready, Cause::Agent);
                }
                _ => {}
            }
            while let Some(action) = centre.poll() {
                if let Do::Offer { call, agent, .. } = action {
                    _ = centre.answered(now, call, agent);
                }
            }
            let over: Vec<CallId> = world.talks.keys().copied().filter(|_| rng.chance(0.5)).collect();
            for call in over {
                centre.call_over(now, call);
                let number = world.talks.remove(&call).unwrap();
                world.over(now, &mut centre, &mut all, &number, Outcome::Reached);
            }
            // Callers who were not ours hang up.
            for n in 1_000..=next_call {
                let call = entry(n, "").call;
                if !world.talks.contains_key(&call) && rng.chance(0.3) {
                    centre.call_over(now, call);
                }
            }
            let actions = all.due(now, &mut centre, |_| OPEN);
            world.take(now, &mut centre, &mut all, actions);
            let kept: BTreeSet<AgentId> = world.up.values().copied().collect();
            prop_assert_eq!(kept.len(), world.up.len(), "an agent for each customer");
            for agent in kept {
                prop_assert!(centre.holds(now, agent) && !centre.is_wanted(agent));
            }
            prop_assert!(all.next_wake(now).is_none_or(|at| at >= now));
        }
        let open = world.rows.values().filter(|row| row.state == State::Waiting).count();
        let shown = all.shown().next().unwrap();
        prop_assert_eq!(shown.left, open + world.up.len() + world.talks.len());
        prop_assert!(shown.done + shown.failed >= 8, "it gets on: {:?}", shown);
    }
}

/// Who is barred when his second turn comes was not dialled again: his first attempt stays what it was.
#[test]
fn whom_nobody_may_call_any_more_at_his_second_turn_was_not_dialled() {
    let now = Time::ZERO + SECOND;
    let mut centre = centre(now, &[0]);
    let (mut all, _) = campaigns(false, rows(1), now);
    let calls = dialled(&all.due(now, &mut centre, |_| OPEN));
    assert_eq!(calls.len(), 1);
    let over = all.over(now, &mut centre, ("spring", "1390000"), Outcome::NoAnswer).unwrap();
    assert_eq!((over.nth, over.counted, over.state), (1, 1, State::Waiting));
    assert!(all.bar(BTreeSet::from(["1390000".to_owned()])).is_empty());
    let late = now + SECOND * 121;
    let actions = all.due(late, &mut centre, |_| OPEN);
    let [Action::Over(over)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((over.outcome, over.state, over.nth), (Outcome::Barred, State::Failed, 0));
    assert_eq!(over.counted, 1);
}
