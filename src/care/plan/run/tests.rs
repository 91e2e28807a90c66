use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::super::{Filter, Resource, Start, Step, Whom};
use super::*;
use crate::base::week::Window;
use crate::care::report::Need;
use crate::care::subscriber::Flag;

const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Now {
    Now { at: Time::ZERO + Duration::from_secs(seconds), wall: Wall(seconds as i64 * 1_000) }
}

fn step(name: &str, call: Vec<Whom>) -> Step {
    Step {
        name: name.into(),
        when: Filter::default(),
        call,
        at_once: 1,
        want: 1,
        rounds: 1,
        pause: MINUTE,
        ring: Duration::from_secs(30),
        within: MINUTE * 10,
        say: "care/plan".into(),
        send: vec![],
        next: Next::End,
        otherwise: Next::Following,
    }
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan { name: "fall".into(), start: Start::Alarm, when: Filter::default(), steps }
}

fn resource(name: &str, kind: &str, number: &str, regions: &[&str]) -> Resource {
    Resource {
        name: name.into(),
        kind: kind.into(),
        number: (!number.is_empty()).then(|| number.into()),
        regions: regions.iter().map(ToString::to_string).collect(),
        ways: vec![Channel::Mail, Channel::Printer],
        hours: vec![],
    }
}

fn subject(contacts: &[&str]) -> Subject {
    let person = |number: &&str| Person { name: format!("N{number}"), number: number.to_string() };
    Subject {
        account: "77".into(),
        need: Need::Fall,
        region: "south".into(),
        flag: Flag::None,
        contacts: contacts.iter().map(person).collect(),
        home: vec!["77".into()],
    }
}

fn runs(plan: Plan) -> Runs {
    let mut runs = Runs::default();
    let all = vec![
        resource("north", "hospital", "800", &["north"]),
        resource("south", "hospital", "801", &["south"]),
        resource("desk", "office", "", &[]),
    ];
    runs.configure(vec![plan], all, TimeZone::UTC);
    runs
}

/// What is done, in words; what is written down apart.
fn done(runs: &mut Runs) -> (Vec<String>, Vec<Event>) {
    let (mut done, mut events) = (Vec::new(), Vec::new());
    while let Some(action) = runs.poll() {
        match action {
            Action::Write { event, .. } => events.push(event),
            Action::Call { case, person, .. } => {
                done.push(format!("call {}", person.number));
                runs.called(at(0), case, &person.number);
            }
            Action::Drop { number, .. } => done.push(format!("drop {number}")),
            Action::Join { .. } => done.push("join".into()),
            Action::Send { to, by, .. } => done.push(format!("{} to {to}", by.as_str())),
        }
    }
    (done, events)
}

fn does(runs: &mut Runs) -> Vec<String> {
    done(runs).0
}

#[test]
fn contacts_one_after_the_other_and_then_the_hospital_of_the_region() {
    let mut last = step("hospital", vec![Whom::Kind("hospital".into())]);
    last.send = vec![Whom::Resource("desk".into())];
    let mut runs = runs(plan(vec![step("contacts", vec![Whom::Contacts]), last]));
    runs.begin(at(0), 5, subject(&["1", "2", "1"]), "fall", "").unwrap();
    assert_eq!(does(&mut runs), ["call 1"]);
    runs.call_over(at(20), 5, "1", Outcome::Busy);
    assert_eq!(does(&mut runs), ["call 2"], "each number once");
    runs.call_over(at(60), 5, "2", Outcome::Unconfirmed);
    assert_eq!(does(&mut runs), ["mail to desk", "printer to desk", "call 801"]);
    assert!(runs.accept(at(70), 5, "801"));
    let (actions, events) = done(&mut runs);
    assert_eq!(actions, ["join"]);
    assert!(matches!(events.last(), Some(Event::Ended { .. })));
    assert_eq!(runs.next_wake(), None);
    // A sheet that comes late is noted; so is the end of the talk.
    runs.sent(at(80), 5, "desk", Channel::Mail, "");
    runs.sent(at(80), 5, "desk", Channel::Mail, "");
    runs.call_over(at(90), 5, "801", Outcome::Unconfirmed);
    assert_eq!(done(&mut runs).1.len(), 2);
}

#[test]
fn several_at_once_until_as_many_as_wanted_have_taken_it_on() {
    let mut all = step("all", vec![Whom::Contacts]);
    (all.at_once, all.want) = (3, 2);
    let mut runs = runs(plan(vec![all]));
    runs.begin(at(0), 5, subject(&["1", "2", "3", "4"]), "fall", "").unwrap();
    assert_eq!(does(&mut runs), ["call 1", "call 2", "call 3"]);
    assert!(runs.accept(at(5), 5, "2"));
    assert_eq!(does(&mut runs), ["join", "call 4"]);
    assert!(runs.accept(at(6), 5, "4"));
    assert_eq!(does(&mut runs), ["join", "drop 1", "drop 3"]);
    assert!(!runs.accept(at(7), 5, "9"), "nobody called it");
}

#[test]
fn rounds_have_pauses_and_a_step_has_its_time() {
    let mut own = step("contacts", vec![Whom::Contact(1)]);
    (own.rounds, own.within) = (2, MINUTE * 3);
    let mut runs = runs(plan(vec![own]));
    runs.begin(at(0), 5, subject(&["1"]), "fall", "").unwrap();
    assert_eq!(does(&mut runs), ["call 1"]);
    runs.call_over(at(30), 5, "1", Outcome::NoAnswer);
    assert_eq!(does(&mut runs), [""; 0]);
    assert_eq!(runs.next_wake(), Some(at(90).at));
    runs.wake(at(90));
    assert_eq!(does(&mut runs), ["call 1"]);
    runs.wake(at(180));
    let (actions, events) = done(&mut runs);
    assert_eq!(actions, ["drop 1"]);
    assert!(matches!(events.last(), Some(Event::Ended { why }) if why.contains("nobody")));
}

#[test]
fn who_is_called_for_one_case_is_called_for_another_after_it() {
    let mut runs = runs(plan(vec![step("contacts", vec![Whom::Contacts])]));
    runs.begin(at(0), 5, subject(&["1"]), "fall", "").unwrap();
    runs.begin(at(0), 6, subject(&["1"]), "fall", "").unwrap();
    assert_eq!(does(&mut runs), ["call 1"]);
    runs.call_over(at(30), 5, "1", Outcome::NoAnswer);
    assert_eq!(does(&mut runs), ["call 1"]);
    // One whose case is closed is still in the call.
    runs.close(at(31), 6);
    assert_eq!(does(&mut runs), ["drop 1"]);
    runs.begin(at(32), 7, subject(&["1"]), "fall", "").unwrap();
    assert_eq!(does(&mut runs), [""; 0]);
    runs.call_over(at(33), 6, "1", Outcome::Dropped);
    assert_eq!(does(&mut runs), ["call 1"]);
}

#[test]
fn a_person_takes_over() {
    let steps = ["a", "b", "c"].map(|name| step(name, vec![Whom::Contacts]));
    let mut runs = runs(plan(steps.into()));
    assert!(runs.order(at(0), 5, Order::Stop, "1001").unwrap_err().contains("has no plan"));
    assert!(runs.begin(at(0), 5, subject(&["1"]), "fal", "").unwrap_err().contains("are fall"));
    runs.begin(at(0), 5, subject(&["1"]), "fall", "1001").unwrap();
    does(&mut runs);
    runs.order(at(1), 5, Order::Step(3), "1001").unwrap();
    assert_eq!(runs.of(5), Some(("fall", Some("c"))));
    assert_eq!(does(&mut runs), ["drop 1"]);
    runs.call_over(at(2), 5, "1", Outcome::Dropped);
    assert_eq!(does(&mut runs), ["call 1"]);
    assert!(runs.order(at(3), 5, Order::Step(4), "1001").unwrap_err().contains("no step 4"));
    runs.order(at(3), 5, Order::Stop, "1001").unwrap();
    assert_eq!((does(&mut runs), runs.of(5)), (vec!["drop 1".into()], Some(("fall", None))));
    assert!(runs.order(at(3), 5, Order::Stop, "1001").is_err());
}

#[test]
fn conditions_leave_steps_out_and_circles_end() {
    let mut only = step("north", vec![Whom::Contacts]);
    only.when.regions = vec!["north".into()];
    let mut again = step("again", vec![]);
    again.next = Next::Step("again".into());
    let mut runs = runs(plan(vec![only, again]));
    runs.begin(at(0), 5, subject(&["1"]), "fall", "").unwrap();
    let (actions, events) = done(&mut runs);
    assert_eq!(actions, [""; 0]);
    assert!(matches!(events.last(), Some(Event::Ended { why }) if why.contains("circles")));
}

/// Who is in a call for another case comes after the others; where nobody else is left, he is waited for as long as a call
/// rings, and not until the step is over.
#[test]
fn one_who_is_called_for_another_case_keeps_nobody_from_being_called() {
    let contacts = step("contacts", vec![Whom::Contacts]);
    let mut runs = runs(plan(vec![contacts, step("ward", vec![Whom::Kind("hospital".into())])]));
    runs.begin(at(0), 5, subject(&["1"]), "fall", "").unwrap();
    assert_eq!(does(&mut runs), ["call 1"]);
    assert!(runs.accept(at(5), 5, "1"));
    does(&mut runs);
    // The daughter talks to her first home.
    runs.begin(at(10), 6, subject(&["1", "2"]), "fall", "").unwrap();
    assert_eq!(does(&mut runs), ["call 2"]);
    let events: Vec<_> = runs.history(6).cloned().collect();
    runs.call_over(at(40), 6, "2", Outcome::NoAnswer);
    assert_eq!(does(&mut runs), [""; 0]);
    assert_eq!(runs.next_wake(), Some(at(100).at));
    runs.wake(at(100));
    assert_eq!(does(&mut runs), ["call 801"]);
    let told = |event: &Event| matches!(event, Event::NotCalled { why, .. } if why.contains("another case"));
    assert!(runs.history(6).any(|(.., event)| told(event)));
    // After a restart she is still to be called, and who was being called is again.
    let mut after = self::runs(runs.plans[0].clone());
    after.restore(at(50), 6, subject(&["1", "2"]), "fall", events);
    assert_eq!(does(&mut after), ["call 2"]);
    after.call_over(at(60), 6, "2", Outcome::NoAnswer);
    assert_eq!(does(&mut after), ["call 1"]);
}

/// Of a plan that goes on for hours the last events are shown, and how many were before them, over a restart as well.
#[test]
fn what_is_not_shown_of_a_long_plan_is_counted() {
    let contacts = step("contacts", vec![Whom::Contacts]);
    let mut runs = runs(plan(vec![contacts]));
    let mut events = Vec::new();
    for n in 0..300 {
        runs.begin(at(n), 5, subject(&["1"]), "fall", "").unwrap();
        let all = std::iter::from_fn(|| runs.poll());
        events.extend(all.filter_map(|action| match action {
            Action::Write { step, event, .. } => Some((Wall(0), step, event)),
            _ => None,
        }));
    }
    let shown = |runs: &Runs| (runs.history(5).count(), runs.forgotten(5));
    let all = (MOST_SHOWN, (events.len() - MOST_SHOWN) as u64);
    assert!(shown(&runs) == all && all.1 > 0, "{:?} of {}", shown(&runs), events.len());
    let mut after = self::runs(runs.plans[0].clone());
    after.restore(at(400), 5, subject(&["1"]), "fall", events);
    assert_eq!(shown(&after), all);
    assert_eq!(shown(&self::runs(runs.plans[0].clone())), (0, 0));
}

/// Without a channel nobody has been called: the contacts are, as soon as there is one, and the hospital is not called
/// instead. A gateway that takes calls and loses them is tried again, and not for ever.
#[test]
fn a_call_that_cannot_be_placed_is_no_call() {
    let steps = ["contacts", "ward"].map(|name| match name {
        "ward" => step(name, vec![Whom::Kind("hospital".into())]),
        _ => step(name, vec![Whom::Contacts]),
    });
    let mut runs = runs(plan(steps.into()));
    runs.begin(at(0), 5, subject(&["1", "2"]), "fall", "").unwrap();
    let mut now = 0;
    for n in 0..20 {
        let Some(Action::Call { person, .. }) =
            std::iter::from_fn(|| runs.poll()).find(|action| matches!(action, Action::Call { .. }))
        else {
            panic!("nobody is called at {now}");
        };
        assert_eq!(person.number, if n % 2 == 0 { "1" } else { "2" });
        runs.held(at(now), 5, &person.number, "all channels are taken");
        now += 3;
        assert_eq!(runs.next_wake(), Some(at(now).at));
        runs.wake(at(now));
    }
    let held = |event: &Event| matches!(event, Event::NotCalled { nobody: false, .. });
    assert_eq!(runs.history(5).filter(|(.., event)| held(event)).count(), 1, "told once");
    assert_eq!(does(&mut runs), ["call 1"]);
    let mut called = Vec::new();
    let mut up = "1".to_owned();
    while up != "801" {
        runs.lost(at(now), 5, &up);
        called = does(&mut runs);
        if called.is_empty() {
            now = runs.next_wake().unwrap().since(Time::ZERO).as_secs();
            runs.wake(at(now));
            called = does(&mut runs);
        }
        up = called[0].trim_start_matches("call ").to_owned();
    }
    assert_eq!(called, ["call 801"]);
    let times = |own: &str| {
        let is = |event: &Event| matches!(event, Event::Called { number, .. } if number == own);
        runs.history(5).filter(|(.., event)| is(event)).count()
    };
    assert_eq!((times("1"), times("2")), (4, 4));
    assert!((100..200).contains(&now), "{now}");
}

/// As many as wanted are so many people, over a restart as well.
#[test]
fn one_who_was_being_called_at_a_restart_counts_once() {
    let mut all = step("all", vec![Whom::Contacts]);
    (all.at_once, all.want) = (1, 2);
    let own = plan(vec![all]);
    let mut before = runs(own.clone());
    before.begin(at(0), 5, subject(&["1", "2", "3"]), "fall", "").unwrap();
    assert_eq!(does(&mut before), ["call 1"]);
    let events: Vec<_> = before.history(5).cloned().collect();
    let mut after = runs(own);
    after.restore(at(10), 5, subject(&["1", "2", "3"]), "fall", events);
    assert_eq!(does(&mut after), ["call 1"]);
    assert!(after.accept(at(20), 5, "1"));
    assert_eq!(does(&mut after), ["join", "call 2"], "one more is wanted");
}

/// What is written down makes the same plan in another process, which calls again whoever was being called.
#[test]
fn a_plan_goes_on_after_a_restart() {
    let mut all = step("all", vec![Whom::Contacts]);
    (all.at_once, all.want, all.send) = (2, 2, vec![Whom::Resource("desk".into())]);
    let own = plan(vec![all, step("hospital", vec![Whom::Kind("hospital".into())])]);
    let mut before = runs(own.clone());
    before.begin(at(0), 5, subject(&["1", "2", "3", "4"]), "fall", "").unwrap();
    does(&mut before);
    before.call_over(at(5), 5, "2", Outcome::Busy);
    does(&mut before);
    before.accept(at(6), 5, "1");
    does(&mut before);
    before.sent(at(7), 5, "desk", Channel::Printer, "");
    let events: Vec<_> = before.history(5).cloned().collect();
    let mut after = runs(own.clone());
    after.restore(at(60), 5, subject(&["1", "2", "3", "4"]), "fall", events.clone());
    assert_eq!(does(&mut after), ["mail to desk", "call 3", "call 4"]);
    assert_eq!(after.next_wake(), Some(at(600).at), "the step's time has gone on");
    after.accept(at(61), 5, "3");
    assert_eq!(does(&mut after), ["join", "drop 4"]);
    // Its plan is not in the configuration any more.
    let mut other = runs(Plan { name: "other".into(), ..own });
    other.restore(at(60), 5, subject(&["1"]), "fall", events);
    let (_, events) = done(&mut other);
    assert!(matches!(events.last(), Some(Event::Ended { why }) if why.contains("no more")));
}

proptest! {
    /// Whatever comes: nobody is called twice at once, what runs has a time at which it is looked at, what is written
    /// down makes the same plan again, and each plan ends.
    #[test]
    fn plans_end_and_call_nobody_twice(
        shape in prop::collection::vec((0usize..4, 1usize..3, 1usize..3, 1u32..3, 0usize..5), 1..5),
        inputs in prop::collection::vec((0u8..9, 0u64..4, 0usize..6, 0u64..200), 0..120),
    ) {
        let whom = [
            vec![], vec![Whom::Contacts], vec![Whom::Kind("hospital".into()), Whom::Contact(1)],
            vec![Whom::Resource("south".into())],
        ];
        let steps = shape.iter().enumerate().map(|(n, (calls, at_once, want, rounds, to))| Step {
            at_once: *at_once, want: *want, rounds: *rounds,
            otherwise: if to % 2 == 0 { Next::Following } else { Next::Step(format!("s{to}")) },
            next: if *to == 4 { Next::End } else { Next::Step(format!("s{to}")) },
            ..step(&format!("s{n}"), whom[*calls].clone())
        });
        let own = plan(steps.collect());
        let mut runs = runs(own);
        let (mut now, mut up) = (0, BTreeMap::<String, u64>::new());
        let numbers = ["1", "2", "3", "801", "800", "9"];
        let follow = |runs: &mut Runs, up: &mut BTreeMap<String, u64>| {
            while let Some(action) = runs.poll() {
                if let Action::Call { case, person, .. } = action {
                    let twice = up.insert(person.number.clone(), case);
                    prop_assert_eq!(twice, None, "{} is called twice", person.number);
                    runs.called(at(0), case, &person.number);
                }
            }
            Ok(())
        };
        for (what, case, number, later) in inputs {
            now += later;
            runs.wake(at(now));
            follow(&mut runs, &mut up)?;
            let number = numbers[number];
            match what {
                0 => _ = runs.begin(at(now), case, subject(&["1", "2", "3"]), "fall", ""),
                1 => _ = runs.accept(at(now), case, number),
                2 => runs.close(at(now), case),
                3 => _ = runs.order(at(now), case, Order::Skip, "x"),
                4 => _ = runs.order(at(now), case, Order::Stop, "x"),
                5 => {
                    // What was written down makes the same.
                    let events: Vec<_> = runs.history(case).cloned().collect();
                    if let (Some((_, step)), true) = (runs.of(case), events.len() < MOST_SHOWN) {
                        let mut again = Runs::default();
                        again.configure(runs.plans.clone(), runs.resources.clone(), TimeZone::UTC);
                        again.restore(at(now), case, subject(&["1", "2", "3"]), "fall", events);
                        // A step that was all but over may be over with that.
                        let same = again.of(case).map(|(_, step)| step.is_some());
                        prop_assert!(same == Some(step.is_some()) || again.of(case) == Some(("fall", None)));
                    }
                }
                other => {
                    if let Some(case) = up.remove(number) {
                        match other {
                            6 => runs.lost(at(now), case, number),
                            7 => runs.held(at(now), case, number, "all channels are taken"),
                            _ if later % 2 == 0 => runs.call_over(at(now), case, number, Outcome::Busy),
                            _ => runs.call_over(at(now), case, number, Outcome::NoAnswer),
                        }
                    }
                }
            }
            follow(&mut runs, &mut up)?;
            for case in runs.running().collect::<Vec<_>>() {
                prop_assert!(runs.wakes.iter().any(|(_, own)| *own == case), "{} stalls", case);
            }
        }
        // Nobody does anything any more: plans end, but for those that lead back, and those go on slowly.
        let begun = now;
        for _ in 0..3 * MOST_STEPS {
            while let Some((number, case)) = up.pop_first() {
                runs.call_over(at(now), case, &number, Outcome::NoAnswer);
                follow(&mut runs, &mut up)?;
            }
            let Some(wake) = runs.next_wake() else { break };
            now = now.max(wake.since(Time::ZERO).as_secs());
            runs.wake(at(now));
            follow(&mut runs, &mut up)?;
        }
        let leads_back = shape.iter().any(|(.., to)| *to < 4);
        prop_assert!(runs.running().count() == 0 || leads_back && now > begun + 600);
        for case in runs.running().collect::<Vec<_>>() {
            runs.close(at(now), case);
        }
        prop_assert_eq!(runs.running().count(), 0);
    }
}

/// Whoever has taken it on is enough where the step says nothing; a step that calls nobody goes on.
#[test]
fn without_a_word_acceptance_is_the_end() {
    let mut first = step("contacts", vec![Whom::Contacts]);
    first.next = Next::Following;
    let mut papers = step("papers", vec![]);
    (papers.next, papers.send) = (Next::Following, vec![Whom::Resource("desk".into())]);
    let last = step("hospital", vec![Whom::Kind("hospital".into())]);
    let mut runs = runs(plan(vec![papers, first.clone(), last]));
    runs.begin(at(0), 5, subject(&["1"]), "fall", "").unwrap();
    assert_eq!(does(&mut runs), ["mail to desk", "printer to desk", "call 1"]);
    assert!(runs.accept(at(5), 5, "1"));
    let (actions, events) = done(&mut runs);
    assert_eq!(actions, ["join"]);
    assert!(matches!(events.last(), Some(Event::Ended { .. })));
}

/// A step has its hours, and so has a resource; both are of the node's time zone, and looked at again in each round.
#[test]
fn hours_of_steps_and_duty_times_of_resources() {
    let night = vec![Window::parse("22:00-06:00").unwrap()];
    let mut only = step("night watch", vec![Whom::Resource("watch".into())]);
    (only.when.hours, only.next, only.otherwise) = (night.clone(), Next::End, Next::Following);
    let mut ward = step("ward", vec![Whom::Kind("hospital".into())]);
    ward.rounds = 2;
    let day = Resource {
        hours: vec![Window::parse("06:00-22:00").unwrap()],
        ..resource("day", "hospital", "1", &[])
    };
    let dark = Resource { hours: night, ..resource("dark", "hospital", "2", &[]) };
    let watch = resource("watch", "office", "3", &[]);
    let begin = |zone: &str, seconds: u64| {
        let mut runs = Runs::default();
        let (plan, zone) = (plan(vec![only.clone(), ward.clone()]), TimeZone::get(zone).unwrap());
        runs.configure(vec![plan], vec![day.clone(), dark.clone(), watch.clone()], zone);
        runs.begin(at(seconds), 5, subject(&[]), "fall", "").unwrap();
        runs
    };
    // 1970-01-01 13:00 UTC is 21:00 in Shanghai; an hour later the night watch begins there.
    assert_eq!(does(&mut begin("UTC", 13 * 3_600)), ["call 1"]);
    assert_eq!(does(&mut begin("Asia/Shanghai", 14 * 3_600)), ["call 3"]);
    let mut runs = begin("Asia/Shanghai", 14 * 3_600 - 30);
    assert_eq!(does(&mut runs), ["call 1"]);
    runs.call_over(at(14 * 3_600), 5, "1", Outcome::NoAnswer);
    runs.wake(at(14 * 3_600 + 60));
    assert_eq!(does(&mut runs), ["call 2"], "the second round calls who is on duty then");
    let (told, plans) = (runs.history(5).cloned().collect(), runs.plans.clone());
    let mut again = Runs::default();
    again.configure(plans, runs.resources.clone(), runs.zone.clone());
    again.restore(at(14 * 3_600 + 90), 5, subject(&[]), "fall", told);
    assert_eq!(does(&mut again), ["call 2"], "so it does after a restart");
    let mut plan = plan(vec![ward.clone()]);
    plan.when.hours = vec![Window::parse("mon").unwrap()];
    let mut runs = Runs::default();
    runs.configure(vec![plan], vec![], TimeZone::UTC);
    assert_eq!(runs.begins(at(0).wall, Start::Alarm, &subject(&[])), None, "a Thursday");
    let monday = at(4 * 86_400).wall;
    assert_eq!(runs.begins(monday, Start::Alarm, &subject(&[])).as_deref(), Some("fall"));
}

/// A step that calls nobody says why, and the plan goes on to its next way at once; at the end it says that nobody was called.
#[test]
fn a_plan_that_calls_nobody_says_why() {
    let mut wards =
        step("wards", vec![Whom::Kind("hospital".into()), Whom::Resource("desk".into())]);
    wards.send = vec![Whom::Resource("night".into()), Whom::Resource("mute".into())];
    let mut last = step("watch", vec![Whom::Contact(2), Whom::Resource("night".into())]);
    last.rounds = 3;
    let mut runs = runs(plan(vec![step("contacts", vec![Whom::Contacts]), wards, last]));
    let mut all = runs.resources.clone();
    let night = vec![Window::parse("22:00-06:00").unwrap()];
    all.push(Resource { hours: night, ..resource("night", "office", "3", &[]) });
    all.push(Resource { ways: vec![], ..resource("mute", "office", "4", &[]) });
    let noon = 12 * 3_600;
    let plans = runs.plans.clone();
    runs.configure(plans, all, TimeZone::UTC);
    let unknown = Subject { region: "west".into(), ..subject(&[]) };
    runs.begin(at(noon), 5, unknown.clone(), "fall", "").unwrap();
    let (actions, events) = done(&mut runs);
    assert_eq!(actions, [""; 0], "nobody is called, and nothing is waited for");
    let whys: Vec<String> =
        events.iter().filter(|own| own.word().starts_with("not_")).map(Event::in_words).collect();
    let wanted = [
        "nobody is called: no contacts are known",
        "the sheet does not go out: night is not on duty; mute has no way for a sheet",
        "nobody is called: no hospital serves the region west; desk has no number",
        "nobody is called: no contact 2 is known; night is not on duty",
    ];
    assert_eq!(whys, wanted);
    let over = "fall: over, nobody was called: no contacts are known; no hospital serves the region \
        west; desk has no number; no contact 2 is known; night is not on duty";
    assert_eq!(runs.standing(5).as_deref(), Some(over));
    // Some are there: they are called, the others are told.
    let known = Subject { region: "south".into(), ..unknown };
    runs.begin(at(noon), 6, known, "fall", "").unwrap();
    let (actions, events) = done(&mut runs);
    assert_eq!(actions, ["call 801"]);
    let last = events.iter().rev().find(|own| matches!(own, Event::NotCalled { .. }));
    assert_eq!(last.map(Event::in_words).as_deref(), Some("not called: desk has no number"));
    assert_eq!(runs.standing(6).as_deref(), Some("fall: wards"));
    // One who cannot be called is so with the reason.
    runs.not_called(at(noon + 1), 6, "801", "there is no gateway");
    let (_, events) = done(&mut runs);
    let outcome = events.iter().find(|own| matches!(own, Event::Outcome { .. }));
    let said = outcome.map(Event::in_words);
    assert_eq!(said.as_deref(), Some("801: could not be called: there is no gateway"));
    assert_eq!(
        runs.standing(6).as_deref(),
        Some("fall: over, all is done, nobody has taken it on")
    );
}

/// A second round with nobody on duty any more says so, and is the last.
#[test]
fn a_round_for_which_nobody_is_left_says_why() {
    let mut only = step("day", vec![Whom::Resource("day".into())]);
    (only.rounds, only.otherwise) = (3, Next::End);
    let mut runs = runs(plan(vec![only]));
    let hours = vec![Window::parse("06:00-12:00").unwrap()];
    let all = vec![Resource { hours, ..resource("day", "office", "3", &[]) }];
    let plans = runs.plans.clone();
    runs.configure(plans, all, TimeZone::UTC);
    let noon = 12 * 3_600;
    runs.begin(at(noon - 10), 5, subject(&[]), "fall", "").unwrap();
    assert_eq!(does(&mut runs), ["call 3"]);
    runs.call_over(at(noon), 5, "3", Outcome::Busy);
    let (_, events) = done(&mut runs);
    let words: Vec<&str> = events.iter().map(Event::word).collect();
    assert_eq!(words, ["outcome", "round", "not_called", "ended"]);
}

/// A sheet by hand goes by all ways, whatever the region; the case need have no plan, and may get one still.
#[test]
fn a_sheet_is_sent_by_hand() {
    let mut runs = runs(plan(vec![step("contacts", vec![Whom::Contacts])]));
    let refused = |sent: Result<Vec<Channel>, String>| sent.unwrap_err();
    let unknown = refused(runs.send(at(0), 5, subject(&[]), "nobody", "li"));
    assert!(unknown.contains("there are north, south, desk"), "{unknown}");
    assert!(runs.of(5).is_none());
    runs.send(at(0), 5, subject(&[]), "north", "li").unwrap();
    let (actions, events) = done(&mut runs);
    assert_eq!(actions, ["mail to north", "printer to north"]);
    assert_eq!(events[0].in_words(), "the sheet goes to north (mail), by li");
    assert!(refused(runs.send(at(1), 5, subject(&[]), "north", "li")).contains("already"));
    assert!(runs.sent(at(2), 5, "north", Channel::Mail, ""));
    runs.send(at(3), 5, subject(&[]), "north", "li").unwrap();
    let (actions, _) = done(&mut runs);
    assert_eq!(actions, ["mail to north"], "the printer has not answered yet");
    // What is on its way is sent again after a restart, and a plan may still begin.
    let told = runs.history(5).cloned().collect();
    let mut again = Runs::default();
    again.configure(runs.plans.clone(), runs.resources.clone(), TimeZone::UTC);
    again.restore(at(4), 5, subject(&["1"]), "", told);
    assert_eq!(does(&mut again), ["mail to north", "printer to north"]);
    assert!(!again.has(5) && again.standing(5).is_none());
    assert!(again.order(at(5), 5, Order::Stop, "li").unwrap_err().contains("has no plan"));
    again.begin(at(5), 5, subject(&["1"]), "fall", "").unwrap();
    assert_eq!(does(&mut again), ["call 1"]);
    assert!(again.has(5) && again.history(5).count() > 4, "what was sent stays on the case");
}

/// A plan that leads back is meant to go on until somebody comes: it does, each step after its pause, over a restart too.
#[test]
fn a_plan_that_goes_round_does_so_until_somebody_takes_it_on() {
    let mut hospital = step("hospital", vec![Whom::Kind("hospital".into())]);
    (hospital.otherwise, hospital.send) =
        (Next::Step("contacts".into()), vec![Whom::Resource("desk".into())]);
    let own = plan(vec![step("contacts", vec![Whom::Contacts]), hospital]);
    let mut runs = runs(own.clone());
    runs.begin(at(0), 5, subject(&["1", "2"]), "fall", "").unwrap();
    let (mut now, mut calls, mut sheets) = (0, Vec::new(), 0);
    // All answer at once that they are busy.
    while now < 3_600 {
        let mut did = does(&mut runs);
        while !did.is_empty() {
            for own in did {
                match own.strip_prefix("call ") {
                    Some(number) => {
                        calls.push((now, number.to_owned()));
                        runs.call_over(at(now), 5, number, Outcome::Busy);
                    }
                    None => sheets += 1,
                }
            }
            did = does(&mut runs);
        }
        now = runs.next_wake().expect("it goes on").since(Time::ZERO).as_secs();
        runs.wake(at(now));
    }
    let of = |own: &str| -> Vec<u64> {
        calls.iter().filter(|(_, to)| to == own).map(|(at, _)| *at).collect()
    };
    assert_eq!(of("1")[..3], [0, 60, 120]);
    assert!((30..45).contains(&of("1").len()), "slower after a while: {}", of("1").len());
    assert_eq!((of("801")[1], sheets), (60, 2), "the sheet is there");
    // In another process as well.
    let events: Vec<_> = runs.history(5).cloned().collect();
    let mut after = self::runs(own);
    after.restore(at(now), 5, subject(&["1", "2"]), "fall", events);
    let calls = |runs: &mut Runs| {
        let did = does(runs);
        did.iter().find_map(|own| own.strip_prefix("call ").map(str::to_owned))
    };
    let mut up = calls(&mut after);
    for _ in 0..6 {
        if let Some(number) = up {
            after.call_over(at(now), 5, &number, Outcome::NoAnswer);
        } else {
            let wake = after.next_wake().expect("it goes on").since(Time::ZERO).as_secs();
            assert!(wake > now && wake <= now + 600, "not at once, and soon");
            now = wake;
            after.wake(at(now));
        }
        up = calls(&mut after);
    }
    while up.is_none() {
        now = after.next_wake().expect("it goes on").since(Time::ZERO).as_secs();
        after.wake(at(now));
        up = calls(&mut after);
    }
    assert!(up.is_some_and(|number| after.accept(at(now + 1), 5, &number)));
    assert_eq!((does(&mut after), after.next_wake()), (vec!["join".to_owned()], None));
}

/// One busy contact is no reason to give up; and one who is busy for good is none to go on.
#[test]
fn who_was_busy_is_called_once_more_before_all_is_done() {
    let steps = vec![
        step("contacts", vec![Whom::Contacts]),
        step("hospital", vec![Whom::Kind("hospital".into())]),
    ];
    let mut runs = runs(plan(steps));
    runs.begin(at(0), 5, subject(&["1", "2"]), "fall", "").unwrap();
    assert_eq!(does(&mut runs), ["call 1"]);
    runs.call_over(at(1), 5, "1", Outcome::Busy);
    runs.call_over(at(31), 5, "2", Outcome::NoAnswer);
    assert_eq!(does(&mut runs), ["call 2", "call 801"], "the hospital does not wait for it");
    runs.call_over(at(61), 5, "801", Outcome::NoAnswer);
    assert_eq!((does(&mut runs), runs.next_wake()), (vec![], Some(at(91).at)));
    assert_eq!(runs.of(5), Some(("fall", Some("contacts"))));
    runs.wake(at(91));
    assert_eq!(does(&mut runs), ["call 1"], "he alone");
    runs.call_over(at(92), 5, "1", Outcome::Busy);
    assert_eq!((does(&mut runs), runs.of(5)), (vec![], Some(("fall", None))), "once");
}

/// A plan that has ended in vain, and that a person begins again by one of its steps, has all its rounds and steps again; so it has
/// in the midst of the second call, and after a restart.
#[test]
fn a_step_that_is_ordered_after_the_end_is_as_new() {
    let mut contacts = step("contacts", vec![Whom::Contacts]);
    contacts.rounds = 2;
    let own = plan(vec![contacts, step("hospital", vec![Whom::Kind("hospital".into())])]);
    let whole = |runs: &mut Runs, now: u64| {
        assert_eq!(does(runs), ["call 1"]);
        runs.call_over(at(now), 5, "1", Outcome::Busy);
        runs.wake(at(now + 60));
        assert_eq!(does(runs), ["call 1"], "its second round");
        runs.call_over(at(now + 61), 5, "1", Outcome::Busy);
        assert_eq!(does(runs), ["call 801"]);
        runs.call_over(at(now + 62), 5, "801", Outcome::NoAnswer);
        runs.wake(at(now + 92));
        assert_eq!(does(runs), ["call 1"], "who was busy, once more");
    };
    let mut before = runs(own.clone());
    before.begin(at(0), 5, subject(&["1"]), "fall", "").unwrap();
    whole(&mut before, 0);
    before.call_over(at(93), 5, "1", Outcome::NoAnswer);
    assert_eq!((does(&mut before), before.of(5)), (vec![], Some(("fall", None))));
    before.order(at(200), 5, Order::Step(1), "1001").unwrap();
    let events: Vec<_> = before.history(5).cloned().collect();
    whole(&mut before, 200);
    before.order(at(300), 5, Order::Step(1), "1001").unwrap();
    assert_eq!(does(&mut before), ["drop 1"]);
    before.call_over(at(300), 5, "1", Outcome::Dropped);
    whole(&mut before, 300);
    let mut after = runs(own);
    after.restore(at(201), 5, subject(&["1"]), "fall", events);
    whole(&mut after, 201);
}

/// The pause before the second call is none of the step's time.
#[test]
fn who_was_busy_is_called_once_more_in_a_short_step_too() {
    let mut short = step("contacts", vec![Whom::Contacts]);
    short.within = Duration::from_secs(20);
    let mut runs = runs(plan(vec![short]));
    runs.begin(at(0), 5, subject(&["1"]), "fall", "").unwrap();
    assert_eq!(does(&mut runs), ["call 1"]);
    runs.call_over(at(1), 5, "1", Outcome::Busy);
    runs.wake(at(22));
    assert_eq!((does(&mut runs), runs.of(5)), (vec![], Some(("fall", Some("contacts")))));
    runs.wake(at(31));
    assert_eq!(does(&mut runs), ["call 1"]);
}

#[test]
fn a_plan_without_steps_never_begins() {
    let mut runs = runs(plan(vec![]));
    let real = Plan { name: "real".into(), ..plan(vec![step("all", vec![Whom::Contacts])]) };
    runs.plans.push(real);
    let begins = runs.begins(Wall(0), Start::Alarm, &subject(&["1"]));
    assert_eq!(begins.as_deref(), Some("real"));
}

/// A wife who lives with him: her number is the home's, which is engaged by his call for help.
#[test]
fn a_contact_with_the_homes_own_number_is_not_called_for_it() {
    let mut runs = runs(plan(vec![step("contacts", vec![Whom::Contacts])]));
    runs.begin(at(0), 5, subject(&["77", "2"]), "fall", "").unwrap();
    let (actions, events) = done(&mut runs);
    assert_eq!(actions, ["call 2"]);
    let told = |event: &Event| matches!(event, Event::NotCalled { why, nobody: false } if why.contains("home's own number 77"));
    assert!(events.iter().any(told), "{events:?}");
}
