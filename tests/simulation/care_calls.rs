//! Calls on a schedule (R17): a list is called in its hours, each until reached, over a restart and on the next
//! day; alarms go first; a warning is begun by hand.

use belfry::base::{Duration, Wall};
use belfry::care::{Kept, Subscriber, Update};
use belfry::sim::phone::Manner;
use belfry::switch::care::{Began, Called, KeptCalls, KeptCases, State};
use belfry::switch::console::{CareCallOrder, CareCallRow};
use belfry::switch::fact::{CareFact, FactKind};
use belfry::switch::{Input, Reply, Request};

use super::house::{House, SOON};

const PLAN: &str = "[[route]]\nname = \"bells\"\ncontext = \"gateway\"\nwhen = { to = \"95081\" }\n\
    steps = [{ queue = { name = \"care\" } }]\n\
    [[route]]\nname = \"calls\"\ncontext = \"care-call\"\n\
    steps = [{ note = { name = \"said\", value = \"${care_call}/${subscriber_name}/${care_call_text}\" } }, \
    { collect = { into = \"key\", max = 1, tries = 1, timeout = 8 } }, \
    { note = { name = \"care_call\", value = \"${key}\" } }, \
    { if = { when = { var = { key = \"1\" } }, then = [{ accept = {} }] } }]\n";
const CARE: &str = "[care]\nbells = [\"95081\"]\ncall_out = 0\nspeech_within = \"5 s\"\n\
    [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n\
    [[queue]]\nname = \"care\"\njoin = \"nobody\"\nstay = \"nobody\"\n";

/// Phones 1001 and 1002 are homes in the south, 1003 in the north.
fn house(list: &str, seed: u64, calls: KeptCalls) -> House {
    house_with(CARE, list, seed, calls)
}

fn house_with(care: &str, list: &str, seed: u64, calls: KeptCalls) -> House {
    let sections = format!("{care}[[care_call]]\nname = \"own\"\nhours = \"00:00-24:00\"\n{list}");
    let mut house = House::with_sections(PLAN, &sections, seed);
    (0..3).for_each(|n| house.register(n));
    house.world.ask(Request::Status);
    house.world.input(Input::Cases(KeptCases { calls, ..KeptCases::default() }));
    let kept = |(number, name, region): (&str, &str, &str)| {
        let mut subscriber = Subscriber::default();
        for (field, text) in [("number", number), ("name", name), ("region", region)] {
            subscriber.set(field, text).unwrap();
        }
        Kept { subscriber, since: Wall(0) }
    };
    let all = [("1001", "Wang", "south"), ("1002", "Li", "south"), ("1003", "Zhao", "north")];
    let update =
        Update { all: true, put: all.into_iter().map(kept).collect(), ..Update::default() };
    house.world.input(Input::Subscribers(Box::new(update)));
    house
}

/// In so many minutes, as a time of the day in Shanghai, whose time the sample plan keeps: Greenwich's and 8 h.
fn in_minutes(minutes: i64) -> String {
    let probe = house("", 1, KeptCalls::default());
    let minute = (probe.world.facts[0].wall.0.div_euclid(60_000) + 480 + minutes).rem_euclid(1_440);
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn facts(house: &House) -> Vec<(&str, &CareFact)> {
    let all = house.world.facts.iter().filter_map(|fact| match &fact.kind {
        FactKind::Care { account, what } => Some((account.as_str(), what)),
        _ => None,
    });
    all.collect()
}

/// Who is over: account, state, result, answer.
fn over(house: &House) -> Vec<[&str; 4]> {
    let all = facts(house).into_iter().filter_map(|(account, what)| match what {
        CareFact::CareCallOver { state, result, answer, .. } => {
            Some([account, state.as_str(), result.as_str(), answer.as_str()])
        }
        _ => None,
    });
    all.collect()
}

/// What the records hold.
fn kept(house: &House) -> KeptCalls {
    let mut kept = KeptCalls::default();
    for (account, what) in facts(house) {
        match what {
            CareFact::CallsBegan { list, day, due, until, region, text, by, .. } => {
                kept.last.push((list.clone(), Wall(*due)));
                let (list, day, region) = (list.clone(), day.clone(), region.clone());
                let (text, by) = (text.clone(), by.clone());
                let (due, until) = (Wall(*due), Wall(*until));
                kept.open.push(Began { list, day, due, until, region, text, by });
            }
            CareFact::CareCalled { list, nth, .. } => {
                kept.called.retain(|own| own.account != account);
                let (list, account) = (list.clone(), account.to_owned());
                kept.called.push(Called { list, account, attempts: *nth, over: None });
            }
            CareFact::CareCallOver { state, .. } => {
                let own = kept.called.iter_mut().find(|own| own.account == account).unwrap();
                own.over = State::named(state);
            }
            CareFact::CallsOver { .. } => kept.open.clear(),
            _ => {}
        }
    }
    kept
}

fn behaves(house: &mut House, n: usize, manner: Manner) {
    let phone = house.phones[n];
    house.world.with(phone, |phone, _| phone.behave(manner));
}

fn calls(house: &House) -> [u64; 3] {
    [0, 1, 2].map(|n| house.world.phone(house.phones[n]).calls)
}

fn rows(house: &mut House) -> Vec<CareCallRow> {
    match house.world.ask(Request::CareCall(CareCallOrder::List, String::new())) {
        Some(Reply::CareCalls(rows)) => rows,
        other => panic!("{other:?}"),
    }
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

#[test]
fn a_list_is_called_each_day_and_goes_on_after_a_restart() {
    let times = format!("times = \"{}\"\ntext = \"care/birthday\"\nattempts = 3\n", in_minutes(3));
    let mut before = house(&times, 1, KeptCalls::default());
    behaves(&mut before, 0, Manner::AnswerAfter(Duration::from_secs(1)));
    behaves(&mut before, 1, Manner::Refuse(486));
    behaves(&mut before, 2, Manner::Ring);
    let first = before.phones[0];
    assert!(before.world.until(minutes(5), |w| w.phone(first).talks > 0));
    before.world.run(Duration::from_secs(1));
    before.press(first, '1');
    before.world.run(minutes(3));
    assert_eq!(over(&before), [["1001", "done", "confirmed", "1"]]);
    assert_eq!(calls(&before), [1, 0, 1], "a phone does not count what it refuses");
    let tried = |what: &CareFact| matches!(what, CareFact::CareCalled { nth: 1, .. });
    assert_eq!(facts(&before).iter().filter(|(_, what)| tried(what)).count(), 3);
    let said = before.world.facts.iter().find_map(|fact| match &fact.kind {
        FactKind::CallField { name, value, .. } if name == "said" => Some(value.as_str()),
        _ => None,
    });
    assert_eq!(said, Some("own/Wang/care/birthday"));
    // The node goes and comes back, with what it wrote down.
    let mut after = house(&times, 2, kept(&before));
    (0..3).for_each(|n| behaves(&mut after, n, Manner::AnswerAfter(Duration::from_secs(1))));
    after.world.run(minutes(2));
    assert_eq!(calls(&after), [0, 1, 1], "who was reached is not called again");
    let all = [["1002", "done", "answered", ""], ["1003", "done", "answered", ""]];
    assert_eq!(over(&after), all);
    assert!(matches!(facts(&after).last(), Some((_, CareFact::CallsOver { .. }))));
    after.world.run(minutes(20));
    assert_eq!(calls(&after), [0, 1, 1], "nor anybody later on that day");
    let next = rows(&mut after)[0].next.unwrap() - after.world.facts[0].wall.0;
    assert!((23 * 60..24 * 60 + 10).contains(&(next / 60_000)), "the next day: {next}");
    after.ends_clean();
}

/// Nobody is called while an alarm waits; whom a person's order names is called afterwards, by region, with its text.
#[test]
fn a_warning_waits_for_an_alarm_and_can_be_stopped() {
    let mut house = house("attempts = 1\n", 3, KeptCalls::default());
    behaves(&mut house, 0, Manner::AnswerAfter(Duration::from_secs(1)));
    behaves(&mut house, 1, Manner::Ring);
    let caller = house.caller;
    house.world.with(caller, |phone, now| phone.call(now, "95081"));
    house.world.run(Duration::from_secs(3));
    let start = |region: &str| CareCallOrder::Start {
        list: "own".into(),
        region: region.into(),
        text: "wind until ten".into(),
    };
    let order = |house: &mut House, order| house.world.ask(Request::CareCall(order, "li".into()));
    assert!(matches!(order(&mut house, start("west")), Some(Reply::Refused(_))));
    assert!(matches!(order(&mut house, start("south")), Some(Reply::Done(_))));
    house.world.run(Duration::from_secs(20));
    assert_eq!(calls(&house), [0, 0, 0], "an alarm waits for somebody");
    assert!(rows(&mut house)[0].held);
    house.hang_up(caller);
    house.world.run(Duration::from_secs(25));
    assert_eq!(calls(&house), [1, 1, 0]);
    let stop = CareCallOrder::Stop("own".into());
    assert!(matches!(order(&mut house, stop), Some(Reply::Done(_))));
    house.world.run(minutes(2));
    let ends = over(&house);
    assert_eq!(ends, [["1001", "done", "answered", ""], ["1002", "failed", "no answer", ""]]);
    let by = facts(&house).into_iter().find_map(|(_, what)| match what {
        CareFact::CallsBegan { by, text, .. } => Some((by.as_str(), text.as_str())),
        _ => None,
    });
    assert_eq!(by, Some(("li", "wind until ten")));
    house.world.run(SOON);
    house.ends_clean();
}

/// The channels that are kept free for alarms: while a talk has the last of the others, nobody is called.
#[test]
fn calls_leave_channels_free_for_alarms() {
    // The gateway has 1000.
    let care = CARE.replacen("call_out = 0", "call_out = 0\nkeep_free = 999", 1);
    let mut house = house_with(&care, "attempts = 1\n", 4, KeptCalls::default());
    (0..2).for_each(|n| behaves(&mut house, n, Manner::AnswerAfter(Duration::from_secs(1))));
    let (caller, agent) = (house.caller, house.phones[2]);
    house.world.with(agent, |phone, now| phone.call(now, "*117001"));
    house.world.run(Duration::from_millis(600));
    "4711#".chars().for_each(|key| house.press(agent, key));
    house.world.run(Duration::from_secs(5));
    house.talk(caller, "95081", agent);
    let (list, region, text) = ("own".into(), "south".into(), String::new());
    let start = CareCallOrder::Start { list, region, text };
    let begun = house.world.ask(Request::CareCall(start, "li".into()));
    assert!(matches!(begun, Some(Reply::Done(_))));
    house.world.run(Duration::from_secs(20));
    assert_eq!(calls(&house)[..2], [0, 0], "no alarm waits, and the channel is taken");
    assert!(rows(&mut house)[0].held);
    house.hang_up(caller);
    house.world.run(Duration::from_secs(25));
    assert_eq!(calls(&house)[..2], [1, 1]);
    house.world.run(minutes(1));
    house.ends_clean();
}

/// A gateway that takes calls and loses them (503) says nothing of who was to be called: they are made again soon, and count as
/// attempts only when that goes on.
#[test]
fn a_call_that_the_gateway_loses_is_no_attempt() {
    let mut house = house("attempts = 1\n", 6, KeptCalls::default());
    behaves(&mut house, 0, Manner::Refuse(503));
    behaves(&mut house, 1, Manner::Refuse(503));
    let (list, region, text) = ("own".into(), "south".into(), String::new());
    let start = CareCallOrder::Start { list, region, text };
    assert!(matches!(house.world.ask(Request::CareCall(start, "li".into())), Some(Reply::Done(_))));
    house.world.run(Duration::from_secs(40));
    assert_eq!(over(&house).len(), 0, "nobody is given up for it");
    behaves(&mut house, 0, Manner::AnswerAfter(Duration::from_secs(1)));
    house.world.run(minutes(4));
    let ends = over(&house);
    assert_eq!(ends, [["1001", "done", "answered", ""], ["1002", "failed", "failed", ""]]);
    let attempts = facts(&house).into_iter().filter_map(|(_, what)| match what {
        CareFact::CareCallOver { attempts, .. } => Some(*attempts),
        _ => None,
    });
    assert_eq!(attempts.collect::<Vec<_>>(), [1, 1]);
    house.world.run(SOON);
    house.ends_clean();
}

/// A phone that rang was reached by the network, however that ended the call: it is an attempt, and he is not rung again and
/// again for it.
#[test]
fn a_call_that_is_lost_after_it_rang_is_an_attempt() {
    let mut house = house("attempts = 1\n", 7, KeptCalls::default());
    behaves(&mut house, 0, Manner::RefuseAfter(Duration::from_secs(5), 503));
    behaves(&mut house, 1, Manner::AnswerAfter(Duration::from_secs(1)));
    let (list, region, text) = ("own".into(), "south".into(), String::new());
    let start = CareCallOrder::Start { list, region, text };
    assert!(matches!(house.world.ask(Request::CareCall(start, "li".into())), Some(Reply::Done(_))));
    house.world.run(minutes(3));
    let ends = over(&house);
    assert!(ends.contains(&["1001", "failed", "failed", ""]), "{ends:?}");
    assert_eq!(calls(&house)[..2], [1, 1]);
    house.world.run(SOON);
    house.ends_clean();
}

fn starts(house: &mut House, list: &str, text: &str) -> Option<Reply> {
    let (list, region, text) = (list.into(), String::new(), text.into());
    house.world.ask(Request::CareCall(CareCallOrder::Start { list, region, text }, "li".into()))
}

/// Medicine is due and a storm comes: nobody is rung twice at once.
#[test]
fn one_home_on_two_lists_is_called_for_one_after_the_other() {
    let two = "attempts = 1\nnumbers = [\"1001\"]\n[[care_call]]\nname = \"storm\"\n\
               hours = \"00:00-24:00\"\nattempts = 1\nnumbers = [\"1001\"]\n";
    let mut house = house(two, 21, KeptCalls::default());
    behaves(&mut house, 0, Manner::AnswerAfter(Duration::from_secs(20)));
    for list in ["own", "storm"] {
        assert!(matches!(starts(&mut house, list, ""), Some(Reply::Done(_))));
    }
    house.world.run(Duration::from_secs(30));
    assert_eq!(calls(&house), [1, 0, 0]);
    house.world.run(minutes(3));
    assert_eq!(calls(&house), [2, 0, 0]);
    assert_eq!(over(&house).len(), 2, "both are over");
    house.ends_clean();
}

/// Who presses 0 needs help: he is a case, ahead of others, as one who is reminded is.
#[test]
fn who_is_called_on_a_schedule_and_wants_a_person_is_a_case() {
    let plan = PLAN.replace(
        "then = [{ accept = {} }] } }]",
        "then = [{ accept = {} }] } }, { if = { when = { var = { key = \"0\" } }, \
         then = [{ queue = { name = \"care\" } }] } }]",
    );
    assert_ne!(plan, PLAN);
    let sections = format!(
        "{CARE}[[care_call]]\nname = \"own\"\nhours = \"00:00-24:00\"\nattempts = 1\nnumbers = [\"1001\"]\n"
    );
    let mut house = House::with_sections(&plan, &sections, 22);
    house.register(0);
    let phone = house.phones[0];
    assert!(matches!(starts(&mut house, "own", ""), Some(Reply::Done(_))));
    house.until_state(phone, belfry::sim::phone::State::Talking);
    house.world.run(Duration::from_millis(500));
    house.press(phone, '0');
    house.world.run(Duration::from_secs(2));
    let Some(Reply::Cases { cases, .. }) = house.world.ask(Request::Cases) else { panic!() };
    assert_eq!(
        (cases.len(), cases[0].account.as_str(), cases[0].call.is_some()),
        (1, "1001", true)
    );
    let entered = house.facts("queue").into_iter().find_map(|kind| match kind {
        FactKind::Queue {
            what: belfry::switch::fact::QueueFact::Entered { priority, .. }, ..
        } => Some(*priority),
        _ => None,
    });
    assert_eq!(entered, Some(80), "as an alarm");
    house.hang_up(phone);
    let close = Request::CloseCase(cases[0].case, "seen to".into(), String::new());
    assert!(matches!(house.world.ask(close), Some(Reply::Done(_))));
    house.ends_clean();
}

/// A prompt that is not there would be silence for a whole region: nobody is called.
#[test]
fn a_text_that_nobody_has_recorded_calls_nobody() {
    use belfry::dialplan::{File, LoadEnv, Plan};
    use belfry::media::control::Codec;
    use belfry::sim::network::Faults;
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
    let prompts = [
        ("zh-CN".to_owned(), names(&["care/storm", "care/wind"])),
        ("en".to_owned(), names(&["care/storm"])),
    ];
    let env = LoadEnv { prompts: Some(prompts.into()), ..LoadEnv::default() };
    let file = File { path: "house.toml", text: PLAN };
    let plan = Plan::load(&[file], &env).unwrap_or_else(|f| panic!("{f:?}")).plan;
    let sections = format!("{CARE}[[care_call]]\nname = \"own\"\nhours = \"00:00-24:00\"\n");
    let (gateway, _) = belfry::sim::world::World::addresses(100);
    let mut house =
        House::with_plan(plan.into(), Faults::NONE, 23, [&[Codec::Pcma]; 4], |config| {
            *config = super::house::config_with(4, &gateway.to_string(), &sections);
        });
    house.register(0);
    let kept = |number: &str, language: &str| {
        let mut subscriber = Subscriber::default();
        for (field, text) in [("number", number), ("language", language)] {
            subscriber.set(field, text).unwrap();
        }
        Kept { subscriber, since: Wall(0) }
    };
    let put = vec![kept("1001", ""), kept("1002", "en")];
    let update = Update { all: true, put, ..Update::default() };
    house.world.input(Input::Subscribers(Box::new(update)));
    let refused = |reply| match reply {
        Some(Reply::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    let why = refused(starts(&mut house, "own", "care/storm-tonight"));
    assert!(why.contains("no prompt care/storm-tonight in en, zh-CN"), "{why}");
    let why = refused(starts(&mut house, "own", "care/wind"));
    assert!(why.contains("care/wind in en:") && why.contains("en/care/wind.wav"), "{why}");
    house.world.run(SOON);
    assert_eq!(calls(&house)[0], 0);
    assert!(matches!(starts(&mut house, "own", "care/storm"), Some(Reply::Done(_))));
    house.world.run(minutes(3));
    assert_eq!(calls(&house)[0], 1);
}
