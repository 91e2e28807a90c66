//! Response plans (R4, R15): a case calls who helps, brings them together with the home and its agent, and goes on
//! after a restart.

use std::collections::BTreeMap;

use belfry::base::{Duration, Wall};
use belfry::care::{Kept, Subscriber, Update};
use belfry::config::Config;
use belfry::media::control::Codec;
use belfry::sim::phone::{Manner, State};
use belfry::sim::world::World;
use belfry::switch::care::sheets::Way;
use belfry::switch::care::{Case, KeptCases, Need, PlanEvent};
use belfry::switch::console::{CaseView, PlanOrder};
use belfry::switch::fact::{CareFact, FactKind, QueueFact};
use belfry::switch::{Input, Reply, Request};

use super::house::{CALLER_HZ, House, SOON, channels, config_with, hz, sample_plan, tone_of};

const PLAN: &str = "[[route]]\nname = \"bells\"\ncontext = \"gateway\"\nwhen = { to = \"95081\" }\n\
    steps = [{ queue = { name = \"care\" } }]\n\
    [[route]]\nname = \"from phones\"\ncontext = \"agents\"\nwhen = { to = \"95081\" }\n\
    steps = [{ queue = { name = \"care\" } }]\n\
    [[route]]\nname = \"plan\"\ncontext = \"care-plan\"\n\
    steps = [{ collect = { into = \"key\", max = 1, tries = 1, timeout = 8 } }, \
    { if = { when = { var = { key = \"1\" } }, \
    then = [{ accept = {} }, { conference = { name = \"${case_room}\" } }] } }]\n";
const CARE: &str = "[care]\nbells = [\"95081\"]\ncall_out = 0\n\
    [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n\
    [[queue]]\nname = \"care\"\njoin = \"nobody\"\nstay = \"nobody\"\n\
    [[resource]]\nname = \"ward\"\nkind = \"hospital\"\nnumber = \"1004\"\nregions = [\"south\"]\n";
const STEPS: &str = "[[plan]]\nname = \"bell\"\nstart = \"alarm\"\nregions = [\"south\"]\n\
    [[plan_step]]\nplan = \"bell\"\nname = \"contacts\"\ncall = [\"contacts\"]\nring = \"10 s\"\n\
    say = \"care/plan\"\n\
    [[plan_step]]\nplan = \"bell\"\nname = \"hospital\"\ncall = [\"kind:hospital\"]\nnext = \"end\"\n";

/// A home in the south whose contacts are the phones 1002 and 1003; its number is the caller's.
fn house(steps: &str, seed: u64) -> House {
    let mut house = House::with_sections(PLAN, &format!("{CARE}{steps}"), seed);
    (0..4).for_each(|n| house.register(n));
    subscribers(&mut house);
    house
}

fn subscribers(house: &mut House) {
    // The first facts are told with the first input.
    house.world.ask(Request::Status);
    let put = vec![wang(house)];
    let update = Update { all: true, put, ..Update::default() };
    house.world.input(Input::Subscribers(Box::new(update)));
}

fn wang(house: &House) -> Kept {
    let mut subscriber = Subscriber::default();
    let number = house.world.phone(house.caller).setup().number.clone();
    let fields = [
        ("number", number.as_str()),
        ("name", "Wang"),
        ("region", "south"),
        ("contacts", "Li/1002; Zhao/1003"),
    ];
    for (name, text) in fields {
        subscriber.set(name, text).unwrap();
    }
    Kept { subscriber, since: Wall(0) }
}

fn behaves(house: &mut House, n: usize, manner: Manner) {
    let phone = house.phones[n];
    house.world.with(phone, |phone, _| phone.behave(manner));
}

fn signs_in(house: &mut House, n: usize) {
    let phone = house.phones[n];
    house.world.with(phone, |phone, now| phone.call(now, "*117001"));
    house.world.run(Duration::from_millis(600));
    "4711#".chars().for_each(|key| house.press(phone, key));
    house.world.run(Duration::from_secs(5));
}

/// What happened in plans.
fn events(house: &House) -> Vec<(Wall, String, PlanEvent)> {
    let of = |fact: &belfry::switch::fact::Fact| match &fact.kind {
        FactKind::Care { what: CareFact::Plan { step, happened, .. }, .. } => {
            Some((fact.wall, step.clone(), happened.clone()))
        }
        _ => None,
    };
    house.world.facts.iter().filter_map(of).collect()
}

fn words(house: &House) -> Vec<&'static str> {
    events(house).iter().map(|(.., event)| event.word()).collect()
}

fn case(house: &mut House) -> u64 {
    match house.world.ask(Request::Cases) {
        Some(Reply::Cases { cases, .. }) => cases[0].case,
        other => panic!("{other:?}"),
    }
}

fn view(house: &mut House, case: u64) -> CaseView {
    match house.world.ask(Request::Case(case)) {
        Some(Reply::Case(view)) => *view,
        other => panic!("{other:?}"),
    }
}

/// Who is in the case's conference.
fn together(house: &mut House, case: u64) -> Vec<String> {
    match house.world.ask(Request::Room(format!("case-{case}"))) {
        Some(Reply::Room(view)) => view.members.iter().map(|own| own.number.clone()).collect(),
        _ => vec![],
    }
}

fn takes_on(house: &mut House, n: usize) {
    let phone = house.phones[n];
    house.until_state(phone, State::Talking);
    house.world.run(Duration::from_millis(600));
    house.press(phone, '1');
    house.world.run(Duration::from_secs(1));
}

/// Home and agent talk; one contact is busy, the other takes it on, a person calls the hospital in: all four are together.
/// Whoever leaves, the others go on, to the last two.
#[test]
fn those_who_help_come_together_and_any_one_may_leave() {
    let mut house = house(STEPS, 1);
    signs_in(&mut house, 0);
    behaves(&mut house, 1, Manner::Refuse(486));
    let (caller, agent, zhao, ward) =
        (house.caller, house.phones[0], house.phones[2], house.phones[3]);
    house.world.with(caller, |phone, now| phone.call(now, "95081"));
    house.until_state(agent, State::Talking);
    takes_on(&mut house, 2);
    let id = case(&mut house);
    let own = house.world.phone(caller).setup().number.clone();
    assert_eq!(together(&mut house, id).len(), 3, "home, agent, contact");
    let order = Request::Plan(PlanOrder::Start(id, "bell".into()), "7001".into());
    assert!(matches!(house.world.ask(order), Some(Reply::Done(_))));
    let order = Request::Plan(PlanOrder::Step(id, 2), "7001".into());
    assert!(matches!(house.world.ask(order), Some(Reply::Done(_))));
    takes_on(&mut house, 3);
    assert_eq!(together(&mut house, id), ["1003", own.as_str(), "1001", "1004"]);
    // The agent goes: the home stays with those who help.
    house.hang_up(agent);
    house.world.run(Duration::from_secs(2));
    assert_eq!(together(&mut house, id), ["1003", own.as_str(), "1004"]);
    assert_eq!(house.state(caller), State::Talking);
    house.hang_up(ward);
    house.world.run(Duration::from_secs(2));
    house.hear_each_other(caller, zhao);
    house.hang_up(caller);
    house.world.run(Duration::from_secs(2));
    assert_eq!(together(&mut house, id), ["1003"]);
    house.hang_up(zhao);
    house.world.run(SOON);
    let seen = view(&mut house, id);
    assert_eq!(seen.plan.as_deref(), Some("bell"));
    for part in ["Li (1002) is called", "1002: busy", "1003 takes it on", "1004 leaves"] {
        assert!(seen.events.iter().any(|row| row.what == part), "{part} in {:?}", seen.events);
    }
    house.ends_clean();
}

/// The home hangs up first: its agent talks on with who has come.
#[test]
fn the_agent_stays_when_the_home_goes() {
    let mut house = house(STEPS, 2);
    signs_in(&mut house, 0);
    house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
    let (agent, li) = (house.phones[0], house.phones[1]);
    house.until_state(agent, State::Talking);
    takes_on(&mut house, 1);
    house.hang_up(house.caller);
    house.world.run(Duration::from_secs(2));
    house.hear_each_other(agent, li);
    house.hang_up(li);
    house.world.run(Duration::from_secs(2));
    house.hang_up(agent);
    house.world.run(SOON);
    house.ends_clean();
}

/// No agent is there: who takes it on talks to the home, which waits in the queue. A machine that answers is none.
#[test]
fn who_takes_it_on_talks_to_a_home_that_waits() {
    let mut house = house(STEPS, 3);
    house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
    let (caller, li, zhao) = (house.caller, house.phones[1], house.phones[2]);
    // Li's phone answers and says nothing.
    house.until_state(li, State::Talking);
    takes_on(&mut house, 2);
    house.hear_each_other(caller, zhao);
    let outcomes: Vec<_> = events(&house)
        .into_iter()
        .filter_map(|(.., event)| match event {
            PlanEvent::Outcome { number, outcome, .. } => Some((number, outcome.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes, [("1002".to_owned(), "answered, and did not take it on")]);
    // Zhao is on the way, and goes. The home waits for an agent again, ahead of others, and is not left in silence.
    house.hang_up(zhao);
    house.world.run(Duration::from_secs(2));
    let id = case(&mut house);
    assert_eq!(together(&mut house, id), Vec::<String>::new());
    assert_eq!(entries(&house), [80, 80]);
    signs_in(&mut house, 0);
    let agent = house.phones[0];
    house.until_state(agent, State::Talking);
    house.hear_each_other(caller, agent);
    house.hang_up(caller);
    house.world.run(SOON);
    house.ends_clean();
}

/// Who helped has gone, and nobody comes for the home that waits anew: its line is given back after its two minutes as any, and
/// that nobody talks with it is told.
#[test]
fn a_home_that_waits_again_is_missed_again() {
    let mut house = house(STEPS, 25);
    house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
    takes_on(&mut house, 1);
    let (caller, li) = (house.caller, house.phones[1]);
    house.hear_each_other(caller, li);
    house.hang_up(li);
    house.world.run(Duration::from_secs(110));
    let told = |house: &House| {
        let is =
            |kind: &&FactKind| matches!(kind, FactKind::Care { what: CareFact::NoCall { .. }, .. });
        house.facts("care").into_iter().filter(is).count()
    };
    assert_eq!((told(&house), house.state(caller)), (0, State::Talking));
    house.world.run(Duration::from_secs(20));
    assert!(matches!(house.state(caller), State::Ended(_)), "its line is released");
    assert_eq!(told(&house), 1, "{:#?}", house.world.warnings);
    house.ends_clean();
}

/// What the home and who helps say is on the record of both their calls (R5, R15), whose talk is as long as they were together;
/// what the home hears when he has gone is on neither.
#[test]
fn what_home_and_helper_say_is_recorded_for_the_case() {
    let wanted = "{ conference = { name = \"${case_room}\", record = true } }";
    let plan = PLAN.replace("{ conference = { name = \"${case_room}\" } }", wanted);
    assert_ne!(plan, PLAN);
    recorded_for_the_case(House::with_sections(&plan, &format!("{CARE}{STEPS}"), 23), "95081");
}

/// And so it is with the plan that is shipped.
#[test]
fn the_sample_records_what_is_said_for_a_case() {
    let sections =
        format!("{CARE}{STEPS}").replace("95081", "8009000").replace("care\"", "hotline\"");
    let (gateway, _) = World::addresses(100);
    let change = |config: &mut Config| *config = config_with(4, &gateway.to_string(), &sections);
    let house = House::recorded(sample_plan(), 24, [&[Codec::Pcma]; 4], change);
    recorded_for_the_case(house, "8009000");
}

fn recorded_for_the_case(mut house: House, bell: &str) {
    (0..4).for_each(|n| house.register(n));
    subscribers(&mut house);
    house.world.with(house.caller, |phone, now| phone.call(now, bell));
    let li = house.phones[1];
    takes_on(&mut house, 1);
    house.world.run(Duration::from_secs(5));
    house.hang_up(li);
    house.world.run(Duration::from_secs(8));
    assert_eq!(house.state(house.caller), State::Talking, "it waits for an agent");
    let began: Vec<_> = house
        .facts("recording_began")
        .into_iter()
        .filter_map(|fact| match fact {
            FactKind::RecordingBegan { call, path, .. } => Some((*call, path.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(began.len(), 2, "the helper's and the home's");
    for ((_, path), tones) in began.iter().zip([[hz(1), CALLER_HZ], [CALLER_HZ, hz(1)]]) {
        let recording = &house.world.recordings[path];
        assert!((6..8).contains(&(recording.bytes.len() / 16_000)), "{}", recording.bytes.len());
        for (side, tone) in channels(recording).iter().zip(tones) {
            assert_eq!(tone_of(&side[16_000..32_000], &[hz(1), CALLER_HZ]), Some(tone));
        }
    }
    house.hang_up(house.caller);
    house.world.run(SOON);
    let talks = house.facts("call_ended").into_iter().filter_map(|fact| match fact {
        FactKind::CallEnded { call, talk_ms, .. } => Some((*call, *talk_ms)),
        _ => None,
    });
    let talks: BTreeMap<_, _> = talks.collect();
    for (call, _) in &began {
        assert!((5_500..7_500).contains(&talks[call]), "{talks:?}");
    }
    house.ends_clean();
}

/// Who says by a key that he does not take it on has declined, and the next is called; the case has it so.
#[test]
fn who_declines_is_told_from_a_machine() {
    let note = "] } }, { if = { when = { var = { key = \"2\" } }, \
        then = [{ note = { name = \"case_answer\", value = \"declined\" } }] } }]\n";
    let plan = format!("{}{note}", PLAN.strip_suffix("] } }]\n").expect("a list of steps"));
    let mut house = House::with_sections(&plan, &format!("{CARE}{STEPS}"), 17);
    (0..4).for_each(|n| house.register(n));
    subscribers(&mut house);
    house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
    let li = house.phones[1];
    house.until_state(li, State::Talking);
    house.world.run(Duration::from_millis(600));
    house.press(li, '2');
    takes_on(&mut house, 2);
    let id = case(&mut house);
    let seen = view(&mut house, id);
    assert!(seen.events.iter().any(|row| row.what == "1002: declined"), "{:?}", seen.events);
    house.hang_up(house.phones[2]);
    house.hang_up(house.caller);
    let close = Request::CloseCase(id, "all is well".into(), String::new());
    assert!(matches!(house.world.ask(close), Some(Reply::Done(_))));
    house.world.run(SOON);
    house.ends_clean();
}

/// With which priority calls came into the queue, in their order.
fn entries(house: &House) -> Vec<i32> {
    let entered = house.facts("queue").into_iter().filter_map(|fact| match fact {
        FactKind::Queue { what: QueueFact::Entered { priority, .. }, .. } => Some(*priority),
        _ => None,
    });
    entered.collect()
}

/// Who takes a case on and then does not come into its conference has nobody taken out of the queue: nobody has talked to
/// the home, and nothing says that somebody has.
#[test]
fn a_home_waits_in_the_queue_until_somebody_is_there_for_it() {
    let plan = PLAN.replace("{ conference = { name = \"${case_room}\" } }", "{ wait = \"20 s\" }");
    assert_ne!(plan, PLAN);
    let mut house = House::with_sections(&plan, &format!("{CARE}{STEPS}"), 15);
    (0..4).for_each(|n| house.register(n));
    subscribers(&mut house);
    house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
    takes_on(&mut house, 1);
    house.world.run(Duration::from_secs(5));
    assert!(words(&house).contains(&"accepted"), "{:?}", words(&house));
    let talked = |house: &House| {
        let all = house.world.facts.iter().map(|fact| &fact.kind);
        all.filter(|kind| matches!(kind, FactKind::Care { what: CareFact::Talked { .. }, .. }))
            .count()
    };
    assert_eq!(talked(&house), 0);
    signs_in(&mut house, 0);
    let agent = house.phones[0];
    house.until_state(agent, State::Talking);
    house.hear_each_other(house.caller, agent);
    assert_eq!((talked(&house), entries(&house).len()), (1, 1), "it kept its place");
    house.hang_up(house.caller);
    house.world.run(Duration::from_secs(30));
    house.ends_clean();
}

/// Nobody answers: each is called, the hospital at last, and the plan is over.
#[test]
fn a_chain_that_nobody_answers_ends() {
    let mut house = house(STEPS, 4);
    (1..4).for_each(|n| behaves(&mut house, n, Manner::Ring));
    house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
    house.world.run(Duration::from_secs(120));
    let calls: Vec<u64> = (1..4).map(|n| house.world.phone(house.phones[n]).calls).collect();
    assert_eq!(calls, [1, 1, 1]);
    let wanted = ["begun", "step", "called", "outcome", "called", "outcome", "step", "called"];
    assert_eq!(words(&house)[..8], wanted);
    assert_eq!(words(&house).last(), Some(&"ended"));
    house.hang_up(house.caller);
    house.world.run(SOON);
    house.ends_clean();
}

/// What was written down before a restart makes the plan go on: who was being called is called again.
#[test]
fn a_plan_goes_on_after_a_restart() {
    let steps = STEPS.replacen("ring =", "next = \"hospital\"\nring =", 1);
    let mut before = house(&steps, 5);
    behaves(&mut before, 1, Manner::Refuse(486));
    behaves(&mut before, 2, Manner::Ring);
    before.world.with(before.caller, |phone, now| phone.call(now, "95081"));
    before.world.run(Duration::from_secs(4));
    let told = events(&before);
    assert_eq!(words(&before), ["begun", "step", "called", "outcome", "called"]);
    let mut after = House::with_sections(PLAN, &format!("{CARE}{steps}"), 6);
    (0..4).for_each(|n| after.register(n));
    let number = after.world.phone(after.caller).setup().number.clone();
    let mut case = Case::kept(0, number);
    case.need = Need::Personal;
    let plans = vec![(0, "bell".to_owned(), told)];
    let kept = KeptCases { cases: vec![(case, false)], plans, ..KeptCases::default() };
    after.world.input(Input::Cases(kept));
    subscribers(&mut after);
    takes_on(&mut after, 2);
    let calls: Vec<u64> = (1..4).map(|n| after.world.phone(after.phones[n]).calls).collect();
    assert_eq!(calls, [0, 1, 1], "of the contacts Zhao alone, and then the hospital");
    assert_eq!(words(&after), ["called", "accepted", "step", "called"]);
    let close = Request::CloseCase(0, "her son is there".into(), String::new());
    assert!(matches!(after.world.ask(close), Some(Reply::Done(_))));
    assert_eq!(words(&after).last(), Some(&"ended"), "a closed case's plan is over");
    after.hang_up(after.phones[2]);
    after.world.run(SOON);
    after.ends_clean();
}

const SHEETS: &str = "[mail]\nserver = \"localhost\"\nfrom = \"belfry@care.example\"\ntls = \"off\"\n\
    [[resource]]\nname = \"desk\"\nkind = \"office\"\nmail = [\"desk@care.example\"]\n\
    printer = \"ipp://127.0.0.1/ipp/print\"\n\
    [[resource]]\nname = \"far\"\nkind = \"office\"\nregions = [\"north\"]\n\
    mail = [\"far@care.example\"]\n\
    [[plan]]\nname = \"bell\"\nstart = \"alarm\"\n\
    [[plan_step]]\nplan = \"bell\"\nname = \"papers\"\nsend = [\"kind:office\"]\n\
    [[plan_step]]\nplan = \"bell\"\nname = \"contacts\"\ncall = [\"contacts\"]\nring = \"10 s\"\n";

/// A step sends the sheet by each way of the resource that serves the region, and waits for none; what came of it is
/// on the case, also when that was closed meanwhile.
#[test]
fn a_sheet_goes_out_and_what_came_of_it_is_on_the_case() {
    let mut house = house(SHEETS, 11);
    house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
    house.world.run(SOON);
    let id = case(&mut house);
    let sheets = core::mem::take(&mut house.world.sheets);
    let ways: Vec<_> = sheets.iter().map(|own| (own.of.to.as_str(), own.of.by.as_str())).collect();
    assert_eq!(ways, [("desk", "mail"), ("desk", "printer")]);
    let [letter, paper] = &sheets[..] else { panic!("{ways:?}") };
    assert!(matches!(&letter.way, Way::Mail(to) if to == &["desk@care.example"]));
    for part in ["姓名 name: Wang", "contacts: Li/1002; Zhao/1003", "plan: bell", "the plan begins"]
    {
        assert!(letter.text.contains(part), "{part} in {}", letter.text);
    }
    assert_eq!(letter.view.row.case, id);
    assert!(words(&house).contains(&"called"), "the plan has gone on: {:?}", words(&house));
    house.world.input(Input::SheetSent(Box::new(letter.of.clone()), String::new()));
    let seen = view(&mut house, id);
    assert!(seen.events.iter().any(|row| row.what == "the sheet is at desk (mail)"), "{seen:?}");
    house.hang_up(house.caller);
    house.world.run(SOON);
    let close = Request::CloseCase(id, "well".into(), "7001".into());
    assert!(matches!(house.world.ask(close), Some(Reply::Done(_))));
    house.world.input(Input::SheetSent(Box::new(paper.of.clone()), "no paper".into()));
    let last = events(&house).pop().map(|(.., event)| event);
    assert!(matches!(last, Some(PlanEvent::Sent { why, .. }) if why == "no paper"));
    assert!(house.world.warnings.iter().any(|line| line.contains("no paper")));
}

/// An alarm from before the subscribers are known: its plan waits a little for them, for it calls the contacts.
#[test]
fn a_plan_waits_for_the_subscribers() {
    let anywhere = STEPS.replace("regions = [\"south\"]\n", "");
    // One that fits whoever it is does not wait for ever; one for a region begins when that is known.
    for (steps, known_after, before) in [(STEPS, 10, 0), (STEPS, 60, 0), (&*anywhere, 60, 1)] {
        let mut house = House::before_the_records(PLAN, &format!("{CARE}{steps}"), 12);
        (0..4).for_each(|n| house.register(n));
        (1..4).for_each(|n| behaves(&mut house, n, Manner::Ring));
        house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
        house.world.run(Duration::from_secs(known_after));
        let begun =
            |house: &House| words(house).into_iter().filter(|word| *word == "begun").count();
        assert_eq!(begun(&house), before, "{:?}", words(&house));
        house.world.input(Input::Cases(KeptCases::default()));
        subscribers(&mut house);
        house.world.run(Duration::from_secs(2));
        assert_eq!(begun(&house), 1, "{:?}", words(&house));
        let contact = house.world.phone(house.phones[1]).calls > 0;
        assert_eq!(contact, before == 0, "{:?}", words(&house));
    }
}

/// The database is away, and a copy says who the homes are: an alarm is its home's, and its plan calls the contacts at once. When
/// the records come, no second plan begins, and what they say holds.
#[test]
fn a_copy_of_the_subscribers_stands_in_for_the_records() {
    let mut house = House::before_the_records(PLAN, &format!("{CARE}{STEPS}"), 16);
    (0..4).for_each(|n| house.register(n));
    (1..4).for_each(|n| behaves(&mut house, n, Manner::Ring));
    house.world.ask(Request::Status);
    house.world.input(Input::Homes(vec![wang(&house)]));
    house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
    house.world.run(Duration::from_secs(3));
    let id = case(&mut house);
    let seen = view(&mut house, id);
    assert_eq!((seen.row.name.as_str(), seen.row.region.as_str()), ("Wang", "south"));
    assert_eq!(words(&house)[..3], ["begun", "step", "called"]);
    assert!(house.world.phone(house.phones[1]).calls > 0, "the first contact rings");
    house.world.input(Input::Cases(KeptCases::default()));
    subscribers(&mut house);
    house.world.run(Duration::from_secs(2));
    assert_eq!(words(&house).iter().filter(|word| **word == "begun").count(), 1);
    // What comes after the records is no copy's any more.
    house.world.input(Input::Homes(vec![]));
    assert_eq!(view(&mut house, id).row.name, "Wang");
    house.hang_up(house.caller);
    let close = Request::CloseCase(id, "all is well".into(), String::new());
    assert!(matches!(house.world.ask(close), Some(Reply::Done(_))));
    house.world.run(SOON);
    house.ends_clean();
}

/// An alarm between the records of cases and those of subscribers begins no second plan beside the one that goes on.
#[test]
fn an_alarm_before_the_subscribers_are_known_begins_no_second_plan() {
    let mut before = house(STEPS, 7);
    behaves(&mut before, 2, Manner::Ring);
    before.world.with(before.caller, |phone, now| phone.call(now, "95081"));
    before.world.run(Duration::from_secs(4));
    let told = events(&before);
    let mut after = House::with_sections(PLAN, &format!("{CARE}{STEPS}"), 8);
    (0..4).for_each(|n| after.register(n));
    (1..4).for_each(|n| behaves(&mut after, n, Manner::Ring));
    let number = after.world.phone(after.caller).setup().number.clone();
    let mut case = Case::kept(0, number);
    case.need = Need::Personal;
    let plans = vec![(0, "bell".to_owned(), told)];
    let kept = KeptCases { cases: vec![(case, false)], plans, ..KeptCases::default() };
    after.world.input(Input::Cases(kept));
    after.world.with(after.caller, |phone, now| phone.call(now, "95081"));
    after.world.run(Duration::from_secs(1));
    subscribers(&mut after);
    after.world.run(Duration::from_secs(1));
    assert!(!words(&after).contains(&"begun"), "{:?}", words(&after));
    assert!(words(&after).contains(&"called"), "{:?}", words(&after));
    after.hang_up(after.caller);
    let close = Request::CloseCase(0, "all is well".into(), String::new());
    assert!(matches!(after.world.ask(close), Some(Reply::Done(_))));
    after.world.run(SOON);
    after.ends_clean();
}

/// The home's own call rings somebody who does not answer: who takes the case on talks to the home, and nobody rings.
#[test]
fn a_home_that_is_ringing_somebody_comes_together_with_who_takes_it_on() {
    let dial = PLAN.replacen("queue = { name = \"care\" }", "dial = { phones = \"1001\" }", 1);
    let mut house = House::with_sections(&dial, &format!("{CARE}{STEPS}"), 9);
    (0..4).for_each(|n| house.register(n));
    subscribers(&mut house);
    behaves(&mut house, 0, Manner::Ring);
    let (caller, li) = (house.caller, house.phones[1]);
    house.world.with(caller, |phone, now| phone.call(now, "95081"));
    takes_on(&mut house, 1);
    let id = case(&mut house);
    let own = house.world.phone(caller).setup().number.clone();
    let mut there = together(&mut house, id);
    there.sort();
    assert_eq!(there, ["1002", own.as_str()]);
    assert!(!matches!(house.world.phone(house.phones[0]).state, State::Ringing));
    house.hear_each_other(caller, li);
    house.hang_up(li);
    house.hang_up(caller);
    house.world.run(SOON);
    house.ends_clean();
}

/// Nobody can be called: the case says why, and so do the list of cases, a fact and the log; the plan does not wait.
#[test]
fn a_plan_that_can_call_nobody_says_why() {
    let steps = "[[plan]]\nname = \"bell\"\nstart = \"alarm\"\n\
        [[plan_step]]\nplan = \"bell\"\nname = \"third\"\ncall = [\"contact:3\"]\n\
        [[plan_step]]\nplan = \"bell\"\nname = \"office\"\ncall = [\"kind:office\"]\n\
        [[resource]]\nname = \"desk\"\nkind = \"office\"\nnumber = \"1004\"\nregions = [\"north\"]\n";
    let mut house = house(steps, 12);
    house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
    house.world.run(SOON);
    assert_eq!(words(&house), ["begun", "step", "not_called", "step", "not_called", "ended"]);
    let id = case(&mut house);
    let seen = view(&mut house, id);
    let why = "no contact 3 is known; no office serves the region south";
    assert_eq!(seen.row.plan, format!("bell: over, nobody was called: {why}"));
    for part in ["nobody is called: no contact 3", "nobody is called: no office serves"] {
        assert!(seen.events.iter().any(|row| row.what.starts_with(part)), "{seen:?}");
        let told =
            |line: &&String| line.contains(&part.replace("nobody is called", "calls nobody"));
        assert_eq!(house.world.warnings.iter().filter(told).count(), 1, "{part}");
    }
    house.hang_up(house.caller);
    house.world.run(SOON);
    house.ends_clean();
}

/// `show calls` has a plan's call as one that Belfry makes, to whom it calls, with what for.
#[test]
fn a_call_of_a_plan_is_shown_as_what_it_is() {
    let mut house = house(STEPS, 13);
    behaves(&mut house, 1, Manner::Ring);
    house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
    house.world.run(Duration::from_secs(2));
    let id = case(&mut house);
    let Some(Reply::Calls(rows)) = house.world.ask(Request::Calls) else { panic!("no calls") };
    let [bell, out] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((bell.to.as_str(), bell.purpose.as_str()), ("95081", ""));
    assert_eq!([&out.from, &out.to, &out.state], ["95081", "1002", "rings 1002"]);
    assert_eq!(out.purpose, format!("plan bell, contacts: Li for case {id}"));
    house.hang_up(house.caller);
    let close = Request::CloseCase(id, "all is well".into(), String::new());
    assert!(matches!(house.world.ask(close), Some(Reply::Done(_))));
    house.world.run(SOON);
    house.ends_clean();
}

/// A person sends the sheet of a case that has no plan: it goes out, what came of it is on the case, and it may go again.
#[test]
fn a_sheet_by_hand_needs_no_plan() {
    let hand = SHEETS.replacen("start = \"alarm\"", "start = \"hand\"", 1);
    let mut house = house(&hand, 14);
    house.world.with(house.caller, |phone, now| phone.call(now, "95081"));
    house.world.run(SOON);
    let id = case(&mut house);
    let send = |house: &mut House, to: &str| {
        house.world.ask(Request::Plan(PlanOrder::Send(id, to.into()), "7001".into()))
    };
    let Some(Reply::Refused(why)) = send(&mut house, "ward") else { panic!("it gets none") };
    assert!(why.contains("ward gets no sheets"), "{why}");
    assert!(matches!(send(&mut house, "far"), Some(Reply::Done(_))), "whatever its region");
    let sheets = core::mem::take(&mut house.world.sheets);
    let [letter] = &sheets[..] else { panic!("{} sheets", sheets.len()) };
    assert!(matches!(&letter.way, Way::Mail(to) if to == &["far@care.example"]));
    assert!(letter.text.contains("Wang"), "{}", letter.text);
    assert!(matches!(send(&mut house, "far"), Some(Reply::Refused(_))), "it is on its way");
    house.world.input(Input::SheetSent(Box::new(letter.of.clone()), "no such box".into()));
    assert!(matches!(send(&mut house, "far"), Some(Reply::Done(_))), "once more");
    let seen = view(&mut house, id);
    let told: Vec<&str> = seen.events.iter().map(|row| row.what.as_str()).collect();
    let failed = "the sheet does not come to far (mail): no such box";
    let sent = "the sheet goes to far (mail), by 7001";
    assert_eq!((told, seen.row.plan.as_str()), (vec![sent, failed, sent], ""));
    house.hang_up(house.caller);
    house.world.run(SOON);
    house.ends_clean();
}
