//! A contact centre's floor on a bad day: calls that go to the wrong device, people who walk to another desk,
//! phones that vanish, callers who are sent on, supervisors in between. Each ends with every agent free, each
//! caller counted once, and nobody in silence (R2, R18, R20).

use belfry::base::Duration;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, State};
use belfry::sim::world::World;
use belfry::switch::console::{AgentOrder, AgentRow, SuperviseOrder};
use belfry::switch::fact::{AgentFact, FactKind, QueueFact};
use belfry::switch::{Input, Reply, Request};
use belfry::wire::sip::Replaces;

use super::house::{CALLER_HZ, House, MUSIC_HZ, config_with, hz, plan};
use super::queue::{behaves, caller_calls, code, dials, sign_in, until_word, words};

const PLAN: &str = "
[[route]]
name = \"line\"
context = \"gateway\"
when = { to = \"800\" }
steps = [{ queue = { name = \"care\", exit = \"2\", on = { key-2 = [{ queue = { name = \"sales\" } }] } } }]
[[route]]
name = \"queues\"
context = \"agents\"
when = { to = \"801\" }
steps = [{ queue = { name = \"sales\" } }]
[[route]]
name = \"own queue\"
context = \"agents\"
when = { to = \"802\" }
steps = [{ queue = { name = \"care\" } }]
[[route]]
name = \"phones\"
context = \"agents\"
when = { to = \"1xxx\" }
steps = [{ dial = { phones = \"${to}\" } }]
";

fn agent(number: &str, more: &str) -> String {
    format!("[[agent]]\nnumber = \"{number}\"\npin = \"4711\"\n{more}")
}

/// Agents 7001 and 7002 for care, 7003 for sales, 7900 supervises; care has these settings.
fn sections(care: &str) -> String {
    [
        agent("7001", ""),
        agent("7002", ""),
        agent("7003", ""),
        agent("7900", "role = \"supervisor\"\n"),
        format!("[[queue]]\nname = \"care\"\nagents = [\"7001\", \"7002\"]\nafter_call = \"0 s\"\n{care}"),
        "[[queue]]\nname = \"sales\"\nagents = [\"7003\"]\nafter_call = \"0 s\"\n".to_owned(),
    ]
    .concat()
}

fn house(care: &str, seed: u64) -> House {
    House::with_sections(PLAN, &sections(care), seed)
}

fn reload(house: &mut House, sections: &str) {
    let config = config_with(4, &World::addresses(100).0.to_string(), sections);
    let plan = plan(&[("house.toml".into(), PLAN.into())]);
    house.world.input(Input::Reload(Box::new(config), plan));
}

fn row(house: &mut House, agent: &str) -> AgentRow {
    let Some(Reply::Agents(rows)) = house.world.ask(Request::Agents) else { panic!("no agents") };
    rows.into_iter().find(|row| row.number == agent).expect("there")
}

fn state(house: &mut House, agent: &str) -> String {
    row(house, agent).state
}

fn until_agent(house: &mut House, agent: &str, wanted: &str) {
    for _ in 0..400 {
        if state(house, agent) == wanted {
            return;
        }
        house.world.run(Duration::from_millis(50));
    }
    panic!("{agent} is {}, not {wanted}: {:?}", state(house, agent), words(house));
}

/// Who answered a queue's callers, in their order.
fn answered_by(house: &House) -> Vec<String> {
    let by = |kind: &&FactKind| match kind {
        FactKind::Queue { what: QueueFact::Answered { agent, .. }, .. } => Some(agent.clone()),
        _ => None,
    };
    house.facts("queue").iter().filter_map(by).collect()
}

fn count(house: &House, word: &str) -> usize {
    words(house).iter().filter(|own| **own == word).count()
}

/// Every wait has one end, every talk one.
fn counts_add_up(house: &House) {
    let [entered, answered, left, back] =
        ["entered", "answered", "left", "back_wanted"].map(|word| count(house, word));
    assert_eq!(entered, answered + left + back, "{:?}", words(house));
    assert_eq!(answered, count(house, "talk_over"), "{:?}", words(house));
}

/// The caller hears something all the time: no silence of three seconds.
fn hears_something(house: &mut House, who: usize, span: Duration) {
    let mut quiet = 0;
    for _ in 0..span.as_millis() / 250 {
        house.world.with(who, |phone, _| phone.ear.forget());
        house.world.run(Duration::from_millis(250));
        let loud = house.world.phone(who).ear.samples().iter().any(|s| s.unsigned_abs() > 300);
        quiet = if loud { 0 } else { quiet + 250 };
        assert!(quiet < 3_000, "silence: {:?}", words(house));
    }
}

/// Signs in where a caller may wait: the phone rings as soon as it has hung up.
fn signs_in(house: &mut House, n: usize, agent: &str) {
    house.register(n);
    dials(house, n, &format!("*11{agent}"));
    house.world.run(Duration::from_millis(600));
    let phone = house.phones[n];
    "4711#".chars().for_each(|key| house.press(phone, key));
}

const RING_ALL: &str = "strategy = \"ring-all\"\nring = \"8 s\"\n";

/// 7002's phone is busy and sends the call to 1003, which has two devices: at whichever it is taken, it is taken for 7002.
#[test]
fn who_answers_at_a_second_device_to_which_a_busy_phone_forwards_is_its_agent() {
    for answers in [2, 4] {
        let mut house = house(RING_ALL, 1);
        sign_in(&mut house, 0, "7001");
        sign_in(&mut house, 1, "7002");
        code(&mut house, 1, "*221003");
        house.second_line(2);
        for n in [2, 4] {
            house.register(n);
            behaves(&mut house, n, Manner::Ring);
        }
        behaves(&mut house, 0, Manner::Ring);
        behaves(&mut house, 1, Manner::Refuse(486));
        behaves(&mut house, answers, Manner::AnswerAfter(Duration::from_secs(1)));
        caller_calls(&mut house);
        let device = house.phones[answers];
        house.until_state(device, State::Talking);
        house.world.run(Duration::from_millis(300));
        house.hear_each_other(house.caller, device);
        assert_eq!(answered_by(&house), ["7002"]);
        let states = ["7001", "7002"].map(|agent| state(&mut house, agent));
        assert_eq!(states, ["ready", "talking"]);
        house.hang_up(house.caller);
        house.until_state(device, State::Ended(0));
        until_agent(&mut house, "7002", "ready");
        house.ends_clean();
        counts_add_up(&house);
    }
}

/// Nobody answers, and 7002's phone sends the call on then: what rings there is 7002's, not 7001's whose phone fell
/// silent first.
#[test]
fn who_answers_where_an_unanswered_phone_forwards_to_is_its_agent() {
    let mut house = house(RING_ALL, 2);
    sign_in(&mut house, 0, "7001");
    sign_in(&mut house, 1, "7002");
    code(&mut house, 1, "*231003");
    let second = house.second_line(2);
    house.register(2);
    house.register(4);
    behaves(&mut house, 0, Manner::Ring);
    behaves(&mut house, 1, Manner::Ring);
    behaves(&mut house, 2, Manner::Ring);
    house.world.with(second, |phone, _| phone.behave(Manner::AnswerAfter(Duration::from_secs(3))));
    caller_calls(&mut house);
    house.until_state(second, State::Talking);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(house.caller, second);
    assert_eq!(answered_by(&house), ["7002"]);
    assert_eq!(state(&mut house, "7002"), "talking");
    assert_ne!(state(&mut house, "7001"), "ringing");
    house.hang_up(second);
    until_agent(&mut house, "7002", "ready");
    until_agent(&mut house, "7001", "ready");
    house.hang_up(house.caller);
    house.ends_clean();
    counts_add_up(&house);
}

/// He forwards to nobody who is there: then nobody has answered, and the next one is asked.
#[test]
fn a_phone_that_forwards_to_nobody_has_not_answered() {
    let mut house = house("strategy = \"in-order\"\nring = \"6 s\"\n", 3);
    sign_in(&mut house, 0, "7001");
    sign_in(&mut house, 1, "7002");
    code(&mut house, 0, "*231004");
    behaves(&mut house, 0, Manner::Ring);
    caller_calls(&mut house);
    until_word(&mut house, "answered", 1);
    assert_eq!(answered_by(&house), ["7002"]);
    assert_eq!(state(&mut house, "7001"), "ready");
    house.hang_up(house.caller);
    house.ends_clean();
    counts_add_up(&house);
}

/// The phones of the first two are of one group.
fn grouped(care: &str, seed: u64) -> House {
    let text = "[sip]\nlisten = [\"udp:10.0.0.1:5060\"]\n[media]\naddress = \"10.0.0.1\"\n\
                [[phone]]\nnumber = \"1\"\npassword = \"x\"\ngroups = [\"care\"]\n";
    let group = belfry::config::Config::parse(text).expect("a configuration").0;
    let sections = sections(care);
    let change = |config: &mut belfry::config::Config| {
        *config = config_with(4, &World::addresses(100).0.to_string(), &sections);
        for phone in &mut config.phones[..2] {
            phone.groups = group.phones[0].groups.clone();
        }
    };
    let plan = plan(&[("house.toml".into(), PLAN.into())]);
    let codecs = [&[belfry::media::control::Codec::Pcma][..]; 4];
    House::with_plan(plan, Faults::NONE, seed, codecs, change)
}

/// A colleague picks up what rings at an agent's phone (R4, R23): nobody's reservation is left, and the caller is answered.
#[test]
fn a_colleague_who_picks_a_caller_up_leaves_no_agent_ringing() {
    let mut house = grouped("ring = \"20 s\"\n", 4);
    sign_in(&mut house, 0, "7001");
    house.register(1);
    behaves(&mut house, 0, Manner::Ring);
    caller_calls(&mut house);
    until_agent(&mut house, "7001", "ringing");
    house.world.run(Duration::from_millis(500));
    let (caller, colleague) = (house.caller, house.phones[1]);
    house.world.with(colleague, |phone, now| phone.call(now, "*811001"));
    house.until_state(colleague, State::Talking);
    house.hear_each_other(caller, colleague);
    assert_eq!(state(&mut house, "7001"), "ready");
    house.hang_up(colleague);
    house.hang_up(caller);
    house.ends_clean();
    assert_eq!(words(&house), ["entered", "offered", "not_taken", "left"]);
    let Some(Reply::Queues(rows)) = house.world.ask(Request::Queues) else { panic!("no answer") };
    let day = &rows[0].today;
    assert_eq!((day.entered, day.answered, day.abandoned), (1, 1, 0));
    assert_eq!(day.service_level, Some(1.0));
}

fn line(house: &House, n: usize) -> Replaces {
    house.world.phone(house.phones[n]).line().expect("a dialog")
}

/// An agent has his desk phone and a soft one: he takes at one what rings at the other, and takes his talk there.
#[test]
fn an_agents_talk_is_one_on_whichever_device_he_has_it() {
    let mut house = house("ring = \"20 s\"\n", 5);
    sign_in(&mut house, 0, "7001");
    let soft = house.second_line(0);
    house.register(4);
    behaves(&mut house, 0, Manner::Ring);
    house.world.with(soft, |phone, _| phone.behave(Manner::Refuse(486)));
    caller_calls(&mut house);
    let (caller, desk) = (house.caller, house.phones[0]);
    house.until_state(desk, State::Ringing);
    house.world.run(Duration::from_millis(300));
    let early = Replaces { early_only: true, ..line(&house, 0) };
    house.world.with(soft, |phone, now| phone.call_replacing(now, "1001", &early));
    house.until_state(soft, State::Talking);
    house.hear_each_other(caller, soft);
    assert_eq!(
        (state(&mut house, "7001").as_str(), answered_by(&house)),
        ("talking", vec!["7001".into()])
    );
    // And back to the desk.
    let talk = line(&house, 4);
    house.world.with(desk, |phone, now| phone.call_replacing(now, "1001", &talk));
    house.until_state(desk, State::Talking);
    house.until_state(soft, State::Ended(0));
    house.hear_each_other(caller, desk);
    assert_eq!(state(&mut house, "7001"), "talking", "the same talk");
    house.hang_up(caller);
    until_agent(&mut house, "7001", "ready");
    house.ends_clean();
    counts_add_up(&house);
    assert_eq!(count(&house, "talk_over"), 1);
}

/// His phone rings while he walks to another desk and signs in there: it rings there.
#[test]
fn who_signs_in_at_another_desk_while_his_phone_rings_has_the_caller_there() {
    let mut house = house("ring = \"20 s\"\n", 6);
    sign_in(&mut house, 0, "7001");
    behaves(&mut house, 0, Manner::Ring);
    caller_calls(&mut house);
    house.until_state(house.phones[0], State::Ringing);
    signs_in(&mut house, 1, "7001");
    let (old, new) = (house.phones[0], house.phones[1]);
    house.until_state(old, State::Ended(0));
    until_word(&mut house, "answered", 1);
    house.until_state(new, State::Talking);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(house.caller, new);
    assert_eq!(row(&mut house, "7001").phone.as_deref(), Some("1002"));
    // While he talks nobody signs in in his place, and he nowhere else.
    signs_in(&mut house, 2, "7001");
    assert_eq!(state(&mut house, "7001"), "talking");
    house.hang_up(house.caller);
    until_agent(&mut house, "7001", "ready");
    house.ends_clean();
    counts_add_up(&house);
}

/// Signing in where one is signed in already is no other shift.
#[test]
fn signing_in_again_at_the_same_desk_is_being_back() {
    let mut house = house("", 7);
    sign_in(&mut house, 0, "7001");
    caller_calls(&mut house);
    until_word(&mut house, "answered", 1);
    house.hang_up(house.caller);
    until_agent(&mut house, "7001", "ready");
    code(&mut house, 0, "*14");
    sign_in(&mut house, 0, "7001");
    let row = row(&mut house, "7001");
    assert_eq!((row.state.as_str(), row.calls), ("ready", 1), "what he has done today stands");
    house.ends_clean();
}

/// A key leads a caller from one queue into another, while a phone rings for it in the first.
#[test]
fn a_caller_goes_to_another_queue_by_key() {
    let mut house = house("ring = \"20 s\"\n", 8);
    sign_in(&mut house, 0, "7001");
    sign_in(&mut house, 2, "7003");
    behaves(&mut house, 0, Manner::Ring);
    caller_calls(&mut house);
    house.until_state(house.phones[0], State::Ringing);
    house.world.run(Duration::from_secs(1));
    house.press(house.caller, '2');
    let sales = house.phones[2];
    house.until_state(sales, State::Talking);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(house.caller, sales);
    assert_eq!(state(&mut house, "7001"), "ready");
    assert_eq!(answered_by(&house), ["7003"]);
    house.hang_up(sales);
    house.hang_up(house.caller);
    house.ends_clean();
    counts_add_up(&house);
}

/// An agent sends his caller to another queue, and is free at once; then to his own, where he is the only one.
#[test]
fn an_agent_sends_a_caller_to_a_queue_and_is_free() {
    for (to, by_key) in [("801", true), ("801", false), ("802", true), ("802", false)] {
        let mut house = house("", 9);
        sign_in(&mut house, 0, "7001");
        sign_in(&mut house, 2, "7003");
        let (caller, first, sales) = (house.caller, house.phones[0], house.phones[2]);
        house
            .world
            .with(sales, |phone, _| phone.behave(Manner::AnswerAfter(Duration::from_secs(4))));
        house.talk(caller, "800", first);
        house.world.run(Duration::from_millis(500));
        match by_key {
            true => format!("*1{to}#").chars().for_each(|key| house.press(first, key)),
            false => house.world.with(first, |phone, now| phone.refer(now, to)),
        }
        hears_something(&mut house, caller, Duration::from_secs(2));
        let (again, agent) = if to == "801" { (sales, "7003") } else { (first, "7001") };
        if to == "801" {
            assert_eq!(state(&mut house, "7001"), "ready", "he need not wait for it");
            assert_ne!(house.state(sales), State::Talking);
        }
        house.until_state(again, State::Talking);
        house.world.run(Duration::from_secs(1));
        house.hear_each_other(caller, again);
        assert_eq!(answered_by(&house), ["7001", agent]);
        house.hang_up(caller);
        until_agent(&mut house, agent, "ready");
        house.ends_clean();
        counts_add_up(&house);
    }
}

/// Someone listens while the caller is parked, and while it is sent on: he is released, and nobody is left.
#[test]
fn a_talk_that_is_taken_apart_lets_the_supervisor_go() {
    for parks in [true, false] {
        let mut house = house("", 10);
        sign_in(&mut house, 0, "7001");
        sign_in(&mut house, 2, "7003");
        sign_in(&mut house, 3, "7900");
        let (caller, agent, boss) = (house.caller, house.phones[0], house.phones[3]);
        house.talk(caller, "800", agent);
        house.world.run(Duration::from_millis(300));
        dials(&mut house, 3, "*707001");
        house.world.run(Duration::from_millis(500));
        let keys = if parks { "*71#" } else { "*11003#" };
        keys.chars().for_each(|key| house.press(agent, key));
        house.until_state(boss, State::Ended(0));
        house.until_state(agent, State::Ended(0));
        until_agent(&mut house, "7001", "ready");
        match parks {
            true => {
                assert_eq!(house.hears(caller, &[MUSIC_HZ, hz(0)]), Some(MUSIC_HZ));
                dials(&mut house, 2, "*851");
            }
            false => house.until_state(house.phones[2], State::Talking),
        }
        house.world.run(Duration::from_millis(300));
        house.hear_each_other(caller, house.phones[2]);
        house.hang_up(caller);
        house.ends_clean();
        counts_add_up(&house);
        assert_eq!(state(&mut house, "7900"), "ready");
    }
}

/// A supervisor takes a caller over: the agent's talk is over, once.
#[test]
fn a_caller_who_is_taken_over_leaves_the_agent_free() {
    let mut house = house("", 11);
    sign_in(&mut house, 0, "7001");
    sign_in(&mut house, 3, "7900");
    let (caller, agent, boss) = (house.caller, house.phones[0], house.phones[3]);
    house.talk(caller, "800", agent);
    house.world.run(Duration::from_millis(300));
    dials(&mut house, 3, "*747001");
    house.until_state(agent, State::Ended(0));
    house.hear_each_other(caller, boss);
    until_agent(&mut house, "7001", "ready");
    assert_eq!(state(&mut house, "7900"), "other call");
    house.hang_up(boss);
    house.ends_clean();
    counts_add_up(&house);
    assert_eq!(state(&mut house, "7900"), "ready");
}

/// A supervisor forces a break while the agent's phone rings: the caller is the next one's, at once.
#[test]
fn who_is_given_a_break_while_ringing_rings_no_more() {
    let mut house = house("strategy = \"in-order\"\nring = \"30 s\"\n", 12);
    sign_in(&mut house, 0, "7001");
    sign_in(&mut house, 1, "7002");
    behaves(&mut house, 0, Manner::Ring);
    caller_calls(&mut house);
    house.until_state(house.phones[0], State::Ringing);
    let order = SuperviseOrder::State(AgentOrder::Break(0));
    let done = Request::Supervise { order, whom: "7001".into(), by: "7900".into() };
    assert!(matches!(house.world.ask(done), Some(Reply::Done(_))));
    house.until_state(house.phones[0], State::Ended(0));
    house.until_state(house.phones[1], State::Talking);
    assert_eq!(state(&mut house, "7001"), "not ready: forced");
    house.hang_up(house.caller);
    house.ends_clean();
    counts_add_up(&house);
}

/// A reload takes away the agent whose phone rings, the one who talks, and the queue in which a caller waits.
#[test]
fn what_a_reload_takes_away_leaves_nobody_behind() {
    let mut house = house("strategy = \"in-order\"\nring = \"30 s\"\n", 13);
    sign_in(&mut house, 0, "7001");
    sign_in(&mut house, 1, "7002");
    behaves(&mut house, 0, Manner::Ring);
    caller_calls(&mut house);
    house.until_state(house.phones[0], State::Ringing);
    let without = |house: &mut House, number: &str| {
        let all = sections("strategy = \"in-order\"\nring = \"30 s\"\n");
        let all = all.replace(&agent(number, ""), "").replace(&format!("\"{number}\", "), "");
        reload(house, &all);
    };
    without(&mut house, "7001");
    house.until_state(house.phones[0], State::Ended(0));
    house.until_state(house.phones[1], State::Talking);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(house.caller, house.phones[1]);
    // Another strategy, and the one who talks is not in the configuration any more: he finishes.
    let all = sections("strategy = \"ring-all\"\nmost = 5\n");
    let all = all.replace(&agent("7002", ""), "").replace("\"7001\", \"7002\"", "\"7001\"");
    reload(&mut house, &all);
    house.world.run(Duration::from_secs(1));
    house.hear_each_other(house.caller, house.phones[1]);
    house.hang_up(house.caller);
    house.world.run(Duration::from_secs(1));
    let Some(Reply::Agents(rows)) = house.world.ask(Request::Agents) else { panic!("no agents") };
    assert!(rows.iter().all(|row| row.number != "7002"), "{rows:?}");
    counts_add_up(&house);
    // Who waits in a queue that is taken away goes on in his plan.
    sign_in(&mut house, 0, "7001");
    code(&mut house, 0, "*14");
    caller_calls(&mut house);
    house.world.run(Duration::from_secs(1));
    let none = all.replace("name = \"care\"\n", "name = \"other\"\n");
    let plan = plan(&[("house.toml".into(), PLAN.replace("\"care\"", "\"other\""))]);
    let config = config_with(4, &World::addresses(100).0.to_string(), &none);
    house.world.input(Input::Reload(Box::new(config), plan));
    house.until_state(house.caller, State::Ended(0));
    house.ends_clean();
    counts_add_up(&house);
    let closed = |kind: &&FactKind| matches!(kind, FactKind::Queue { what: QueueFact::Left { why, .. }, .. } if why == "closed");
    assert_eq!(house.facts("queue").into_iter().filter(closed).count(), 1);
}

/// Over a network of 30 ms each way the caller gives up about when the agent answers: whoever was first, the caller
/// has one end and the agent is free.
#[test]
fn a_caller_who_goes_as_the_agent_answers_is_counted_once() {
    let far = Faults { delay: Duration::from_millis(30), ..Faults::NONE };
    let sections = sections("ring = \"10 s\"\n");
    let change = |config: &mut belfry::config::Config| {
        *config = config_with(4, &World::addresses(100).0.to_string(), &sections);
    };
    let all = plan(&[("house.toml".into(), PLAN.into())]);
    let codecs = [&[belfry::media::control::Codec::Pcma][..]; 4];
    let mut house = House::with_plan(all, far, 15, codecs, change);
    sign_in(&mut house, 0, "7001");
    for ms in (420..=660).step_by(20) {
        house.world.with(house.caller, |phone, now| phone.call(now, "800"));
        house.until_state(house.phones[0], State::Ringing);
        let after = Duration::from_millis(ms);
        house.world.with(house.caller, |phone, now| phone.hang_up_at(now + after));
        house.world.run(Duration::from_secs(2));
        assert!(matches!(house.state(house.caller), State::Ended(_)), "{ms} ms");
        assert_eq!(state(&mut house, "7001"), "ready", "{ms} ms: {:?}", words(&house));
    }
    house.ends_clean();
    counts_add_up(&house);
    let (answered, left) = (count(&house, "answered"), count(&house, "left"));
    assert!(answered > 0 && left > 0, "both came: {answered} and {left}");
}

/// An agent calls somebody as a caller comes for him: the caller waits, and has him after that.
#[test]
fn an_agent_who_dials_as_a_caller_comes_has_him_after_that() {
    let mut house = house("ring = \"10 s\"\n", 16);
    sign_in(&mut house, 0, "7001");
    house.register(2);
    let (caller, agent, other) = (house.caller, house.phones[0], house.phones[2]);
    house.world.with(caller, |phone, now| phone.call(now, "800"));
    house.world.with(agent, |phone, now| phone.call(now, "1003"));
    house.until_state(other, State::Talking);
    assert_eq!(state(&mut house, "7001"), "other call");
    hears_something(&mut house, caller, Duration::from_secs(8));
    house.hang_up(agent);
    until_word(&mut house, "answered", 1);
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(caller, agent);
    house.hang_up(caller);
    until_agent(&mut house, "7001", "ready");
    house.ends_clean();
    counts_add_up(&house);
}

const MOBILE: &str = "13900139000";

/// An agent signs in from his mobile, by the gateway, takes a caller there and goes again.
#[test]
fn an_agent_works_from_his_mobile() {
    let (gateway, rtp) = World::addresses(40);
    let more = format!(
        "[[gateway]]\nname = \"gsm\"\naddress = \"udp:{gateway}\"\nchannels = 2\nping = \"0 s\"\n\
         [[trunk]]\nname = \"out\"\ngateways = [\"gsm\"]\n\
         [[phone]]\nnumber = \"1005\"\nmobile = \"{MOBILE}\"\nmobile_calls = true\nmobile_trunk = \"out\"\n{}",
        sections("ring = \"15 s\"\n")
    );
    let mut house = House::with_sections(PLAN, &more, 17);
    let mut setup = house.world.phone(house.caller).setup().clone();
    (setup.sip, setup.rtp, setup.hz, setup.number) = (gateway, rtp, 2_200.0, MOBILE.into());
    let mobile = house.world.add(setup, belfry::base::Rng::from_seed(17));
    let dials = |house: &mut House, number: &str| {
        house.world.with(mobile, |phone, now| phone.call(now, number));
        house.until_state(mobile, State::Talking);
    };
    dials(&mut house, "*117001");
    house.world.run(Duration::from_millis(600));
    "4711#".chars().for_each(|key| house.press(mobile, key));
    house.until_state(mobile, State::Ended(0));
    assert_eq!(row(&mut house, "7001").phone.as_deref(), Some("1005"));
    for _ in 0..2 {
        caller_calls(&mut house);
        house.until_state(mobile, State::Talking);
        assert_eq!(state(&mut house, "7001"), "ringing", "he is asked whether he takes it");
        house.press(mobile, '1');
        until_agent(&mut house, "7001", "talking");
        house.world.run(Duration::from_millis(300));
        house.hear_each_other(house.caller, mobile);
        house.hang_up(house.caller);
        until_agent(&mut house, "7001", "ready");
        house.until_state(mobile, State::Ended(0));
    }
    dials(&mut house, "*12");
    house.until_state(mobile, State::Ended(0));
    assert_eq!(state(&mut house, "7001"), "signed out");
    house.ends_clean();
    counts_add_up(&house);
}

/// Two are with one talk; its agent hangs up, and both go.
#[test]
fn two_supervisors_go_with_the_talk() {
    let two = [sections(""), agent("7901", "role = \"supervisor\"\n")].concat();
    let mut house = House::with_sections(PLAN, &two, 18);
    for (n, agent) in [(0, "7001"), (2, "7900"), (3, "7901")] {
        sign_in(&mut house, n, agent);
    }
    let (caller, agent) = (house.caller, house.phones[0]);
    house.talk(caller, "800", agent);
    house.world.run(Duration::from_millis(300));
    dials(&mut house, 2, "*717001");
    dials(&mut house, 3, "*707001");
    house.world.run(Duration::from_millis(500));
    house.hang_up(agent);
    [2, 3].into_iter().for_each(|n| house.until_state(house.phones[n], State::Ended(0)));
    for number in ["7001", "7900", "7901"] {
        until_agent(&mut house, number, "ready");
    }
    house.hang_up(caller);
    house.ends_clean();
    counts_add_up(&house);
}

/// With ring-all, an agent who is back from his break while another's phone rings is rung as well.
#[test]
fn who_is_back_while_others_ring_rings_too() {
    let mut house = house("strategy = \"ring-all\"\nring = \"20 s\"\n", 19);
    sign_in(&mut house, 0, "7001");
    sign_in(&mut house, 1, "7002");
    code(&mut house, 1, "*14");
    behaves(&mut house, 0, Manner::Ring);
    caller_calls(&mut house);
    house.until_state(house.phones[0], State::Ringing);
    house.world.run(Duration::from_secs(2));
    dials(&mut house, 1, "*13");
    house.world.run(Duration::from_secs(5));
    assert_eq!(answered_by(&house), ["7002"], "long before the other's ringing is over");
    house.hear_each_other(house.caller, house.phones[1]);
    let states = ["7001", "7002"].map(|agent| state(&mut house, agent));
    assert_eq!(states, ["ready", "talking"]);
    house.hang_up(house.caller);
    house.ends_clean();
    counts_add_up(&house);
    assert_eq!(count(&house, "offered"), 2);
}

/// An agent's phone sends his callers on to a colleague's: the colleague, who has one of those, gets none of his own.
#[test]
fn who_has_a_colleagues_caller_gets_none_of_his_own() {
    let mut house = house("", 20);
    sign_in(&mut house, 0, "7001");
    sign_in(&mut house, 2, "7003");
    code(&mut house, 0, "*211003");
    let (caller, colleague) = (house.caller, house.phones[2]);
    behaves(&mut house, 2, Manner::AnswerAfter(Duration::from_secs(2)));
    caller_calls(&mut house);
    house.until_state(colleague, State::Ringing);
    let states = |house: &mut House| ["7001", "7003"].map(|agent| state(house, agent));
    assert_eq!(states(&mut house), ["ringing", "other call"]);
    house.until_state(colleague, State::Talking);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(caller, colleague);
    assert_eq!(states(&mut house), ["talking", "other call"]);
    // A caller of sales waits for him.
    house.register(3);
    let second = house.phones[3];
    house.world.with(second, |phone, now| phone.call(now, "801"));
    house.until_state(second, State::Talking);
    house.world.run(Duration::from_secs(3));
    assert_eq!(count(&house, "offered"), 1);
    house.hang_up(caller);
    until_word(&mut house, "answered", 2);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(second, colleague);
    assert_eq!(
        (states(&mut house), answered_by(&house)),
        (["ready", "talking"].map(String::from), vec!["7001".into(), "7003".into()])
    );
    house.hang_up(second);
    house.ends_clean();
    counts_add_up(&house);
}

/// The caller gives up, or the agent signs out, while the agent's leg waits for its port: his phone never rings, and
/// nobody is left behind.
#[test]
fn nobody_rings_for_a_caller_who_has_gone() {
    for caller_goes in [true, false] {
        let mut house = house("", 21);
        sign_in(&mut house, 0, "7001");
        code(&mut house, 0, "*14");
        caller_calls(&mut house);
        let (caller, agent) = (house.caller, house.phones[0]);
        let calls = house.world.phone(agent).calls;
        house.world.ports_are_slow = true;
        let order = |order| Request::AgentOrder("7001".into(), order);
        assert!(matches!(house.world.ask(order(AgentOrder::Ready)), Some(Reply::Done(_))));
        assert_eq!(state(&mut house, "7001"), "ringing");
        match caller_goes {
            true => house.hang_up(caller),
            false => _ = house.world.ask(order(AgentOrder::SignOut)),
        }
        house.world.run(Duration::from_millis(500));
        house.world.open_ports();
        house.world.run(Duration::from_secs(2));
        assert_eq!(house.world.phone(agent).calls, calls, "it never rang");
        let left = if caller_goes { "ready" } else { "signed out" };
        assert_eq!(state(&mut house, "7001"), left);
        house.hang_up(caller);
        house.ends_clean();
        counts_add_up(&house);
    }
}

/// Who overflows into another queue is before those who have waited there for less.
#[test]
fn who_overflows_keeps_the_time_that_he_has_waited() {
    let mut house = house("longest = \"6 s\"\noverflow = \"sales\"\n", 22);
    sign_in(&mut house, 0, "7001");
    code(&mut house, 0, "*14");
    sign_in(&mut house, 2, "7003");
    code(&mut house, 2, "*14");
    house.register(3);
    caller_calls(&mut house);
    house.world.run(Duration::from_secs(3));
    let (caller, later, sales) = (house.caller, house.phones[3], house.phones[2]);
    house.world.with(later, |phone, now| phone.call(now, "801"));
    hears_something(&mut house, caller, Duration::from_secs(5));
    assert_eq!(count(&house, "overflowed"), 1);
    dials(&mut house, 2, "*13");
    until_word(&mut house, "answered", 1);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(caller, sales);
    house.hang_up(caller);
    until_word(&mut house, "answered", 2);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(later, sales);
    house.hang_up(later);
    house.ends_clean();
    counts_add_up(&house);
}

/// An agent's phone sends his callers on to one at which nobody is signed in: a supervisor is with his talk there.
#[test]
fn who_talks_at_another_phone_is_supervised_there() {
    let mut house = house("", 23);
    sign_in(&mut house, 0, "7001");
    sign_in(&mut house, 3, "7900");
    house.register(2);
    code(&mut house, 0, "*211003");
    let (caller, there, boss) = (house.caller, house.phones[2], house.phones[3]);
    caller_calls(&mut house);
    house.until_state(there, State::Talking);
    house.world.run(Duration::from_millis(300));
    dials(&mut house, 3, "*727001");
    let refused = |kind: &&FactKind| match kind {
        FactKind::Agent { what: AgentFact::Supervised { refused, .. }, .. } => {
            Some(refused.clone())
        }
        _ => None,
    };
    let uses: Vec<String> = house.facts("agent").iter().filter_map(refused).collect();
    assert_eq!(uses, [""], "it may, and does");
    assert_eq!(house.hears(caller, &[CALLER_HZ, hz(2)]), None, "both speak");
    house.hang_up(boss);
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(caller, there);
    house.hang_up(caller);
    until_agent(&mut house, "7001", "ready");
    house.ends_clean();
    counts_add_up(&house);
}
