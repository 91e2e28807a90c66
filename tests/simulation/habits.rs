//! The sample's care line as other installers set it up, and what happens at real homes: an alarm while its own reminder rings,
//! an agent who passes it on or hangs up on hold, two who take it, a power cut at five hundred homes at once (R10 to R15).

use belfry::base::{Duration, Wall};
use belfry::care::{Kept, Subscriber, Update};
use belfry::config::Config;
use belfry::media::control::Codec;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, State};
use belfry::sim::world::World;
use belfry::switch::console::{CaseRow, TroubleRow};
use belfry::switch::fact::{CareFact, FactKind};
use belfry::switch::{Input, Reply, Request};
use belfry::wire::telecare::scaip;

use super::house::{CALLER_HZ, House, config_with, hz, sample_plan};
use super::queue::{behaves, sign_in};

/// The sample's plan. Bells call a number that it does not name; phones 1002 and 1004 are on duty, 1003 is a unit.
fn house(more: &str, seed: u64) -> House {
    house_with("\"1002\", \"1004\"", more, 1_000, seed)
}

fn house_with(phones: &str, more: &str, channels: u32, seed: u64) -> House {
    let sections = format!(
        "[care]\nnumber = \"900\"\nbells = [\"95081\"]\nphones = [{phones}]\n{more}\
         [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n[[agent]]\nnumber = \"7002\"\npin = \"4711\"\n\
         [[queue]]\nname = \"hotline\"\nafter_call = \"0 s\"\n"
    );
    let change = |config: &mut Config| {
        *config = config_with(4, &World::addresses(100).0.to_string(), &sections);
        config.phones[2].context = config.gateways[0].context.clone();
        config.gateways[0].channels = channels;
    };
    let codecs: [&[Codec]; 4] = [&[Codec::Pcma]; 4];
    House::with_plan(sample_plan(), Faults::NONE, seed, codecs, change)
}

fn lives(house: &mut House, number: &str, fields: &[(&str, &str)]) {
    let mut subscriber = Subscriber::default();
    for (field, text) in [("number", number)].iter().chain(fields) {
        subscriber.set(field, text).unwrap();
    }
    let put = vec![Kept { subscriber, since: Wall(0) }];
    let update = Update { all: true, put, ..Update::default() };
    house.world.ask(Request::Status);
    house.world.input(Input::Subscribers(Box::new(update)));
}

fn open(house: &mut House) -> (Vec<CaseRow>, Vec<TroubleRow>) {
    match house.world.ask(Request::Cases) {
        Some(Reply::Cases { cases, troubles, .. }) => (cases, troubles),
        other => panic!("{other:?}"),
    }
}

fn closes(house: &mut House) {
    for row in open(house).0 {
        let close = Request::CloseCase(row.case, "seen to".into(), String::new());
        assert!(matches!(house.world.ask(close), Some(Reply::Done(_))));
    }
}

fn calls(house: &House, n: usize) -> u64 {
    house.world.phone(house.phones[n]).calls
}

/// A number that no route of the sample names, a home without name and contacts that speaks English: it rings where it should.
#[test]
fn a_bell_of_another_number_rings_the_agent() {
    let mut house = house("", 1);
    let number = house.world.phone(house.caller).setup().number.clone();
    lives(&mut house, &number, &[("language", "en")]);
    sign_in(&mut house, 0, "7001");
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.with(caller, |phone, now| phone.call(now, "95081"));
    house.until_state(agent, State::Talking);
    assert_eq!(house.hears(agent, &[CALLER_HZ, hz(0)]), Some(CALLER_HZ));
    house.hang_up(agent);
    closes(&mut house);
    house.ends_clean();
}

/// The sample's own context for who is on duty, with nobody signed in.
#[test]
fn the_samples_phones_on_duty_have_a_smoke_alarm() {
    let mut house = house("call_out = 0\n", 2);
    (1..4).for_each(|n| house.register(n));
    behaves(&mut house, 1, Manner::Ring);
    let (carer, unit) = (house.phones[3], house.phones[2]);
    let smoke =
        "<mrq><ref>1</ref><cid>1003</cid><dty>23</dty><stc>9</stc><crd>no-voice:</crd></mrq>";
    house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, smoke));
    house.until_state(carer, State::Talking);
    assert_eq!(house.state(house.phones[1]), State::Ringing);
    house.world.run(Duration::from_secs(4));
    house.press(carer, '2');
    house.world.run(Duration::from_secs(4));
    house.press(carer, '1');
    house.until_state(unit, State::Talking);
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(carer, unit);
    house.hang_up(carer);
    closes(&mut house);
    house.ends_clean();
}

/// Its reminder rings, and she presses the bell: the reminder is over, so that her line is free.
#[test]
fn an_alarm_ends_the_reminder_that_rings_at_its_home() {
    let minutes = |own: i64| Duration::from_secs(own as u64 * 60);
    let probe = house("", 3);
    let wall = probe.world.facts.first().map_or(0, |fact| fact.wall.0);
    let minute = (wall.div_euclid(60_000) + 480 + 8).rem_euclid(1_440);
    let time = format!("{:02}:{:02}", minute / 60, minute % 60);
    let mut house = house("call_out = 0\n[check_in]\ngrace = \"1 min\"\nwindow = \"5 min\"\n", 3);
    (0..4).for_each(|n| house.register(n));
    lives(&mut house, "1003", &[("check_in", &time), ("check_in_by", "bell")]);
    let unit = house.phones[2];
    behaves(&mut house, 2, Manner::Ring);
    let rings = house.world.until(minutes(15), |world| world.phone(unit).state == State::Ringing);
    assert!(rings, "{:#?}", house.world.warnings);
    let fall = "<mrq><ref>1</ref><cid>1003</cid><dty>5</dty><stc>9</stc></mrq>";
    house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, fall));
    house.world.run(Duration::from_secs(1));
    assert!(matches!(house.state(unit), State::Ended(_)), "{:?}", house.state(unit));
    let kinds = |house: &House, is: fn(&CareFact) -> bool| {
        let all = house.world.facts.iter();
        all.filter(|fact| matches!(&fact.kind, FactKind::Care { what, .. } if is(what))).count()
    };
    assert_eq!(kinds(&house, |what| matches!(what, CareFact::CheckedIn { .. })), 1);
    closes(&mut house);
    house.world.run(minutes(22));
    assert_eq!(kinds(&house, |what| matches!(what, CareFact::CheckInTask { .. })), 0);
    house.ends_clean();
}

fn alarm_at_agent(seed: u64) -> House {
    let mut house = house("call_out = 3\n", seed);
    let number = house.world.phone(house.caller).setup().number.clone();
    lives(&mut house, &number, &[("name", "Wang"), ("further_numbers", "1003")]);
    (1..4).for_each(|n| house.register(n));
    sign_in(&mut house, 0, "7001");
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.with(caller, |phone, now| phone.call(now, "95081"));
    house.until_state(agent, State::Talking);
    house.world.run(Duration::from_secs(2));
    house
}

/// The agent passes the alarm on by *1: whoever answers talks to the home; where nobody does, the home is not dropped.
#[test]
fn an_alarm_that_is_passed_on_is_not_lost() {
    for answers in [true, false] {
        let mut house = alarm_at_agent(4);
        let (caller, agent, other) = (house.caller, house.phones[0], house.phones[3]);
        behaves(
            &mut house,
            3,
            if answers { Manner::AnswerAfter(Duration::from_secs(1)) } else { Manner::Refuse(486) },
        );
        "*11004#".chars().for_each(|key| house.press(agent, key));
        house.world.run(Duration::from_secs(5));
        match answers {
            true => {
                assert_eq!(house.state(other), State::Talking);
                house.hear_each_other(caller, other);
                house.hang_up(other);
            }
            false => {
                assert_eq!(house.state(caller), State::Talking, "{:#?}", house.world.warnings);
                house.hang_up(caller);
            }
        }
        house.world.run(Duration::from_secs(5));
        assert_eq!(open(&mut house).0.len(), 1, "a person closes it");
        closes(&mut house);
        house.ends_clean();
    }
}

/// Two agents take one case: the home has a second telephone, and talks to both; one case, closed once.
#[test]
fn two_agents_have_one_case() {
    let mut house = alarm_at_agent(5);
    let number = house.world.phone(house.caller).setup().number.clone();
    sign_in(&mut house, 1, "7002");
    let second = house.phones[2];
    house.world.with(second, |phone, now| phone.call(now, "95081"));
    house.until_state(house.phones[1], State::Talking);
    let (cases, _) = open(&mut house);
    assert_eq!((cases.len(), cases[0].account.as_str()), (1, number.as_str()));
    let caller = house.caller;
    [caller, second].into_iter().for_each(|phone| house.hang_up(phone));
    closes(&mut house);
    house.world.run(Duration::from_secs(120));
    assert_eq!(calls(&house, 0) + calls(&house, 1), 4, "two codes, two calls");
}

/// The power fails in a whole quarter: five hundred units say so in some seconds. All are heard, none is a case, and an
/// alarm among them rings at once.
#[test]
fn a_power_cut_at_five_hundred_homes_hides_no_alarm() {
    let mut house = house("any_account = true\ncall_out = 0\n", 6);
    (0..4).for_each(|n| house.register(n));
    behaves(&mut house, 1, Manner::Ring);
    behaves(&mut house, 3, Manner::Ring);
    let units = [house.phones[2], house.phones[0]];
    let mut taken = 0;
    for n in 0..250 {
        for unit in units {
            let text = format!("<mrq><ref>p{n}</ref><cid>5{n:03}{unit}</cid><stc>85</stc></mrq>");
            house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, &text));
        }
        house.world.run(Duration::from_millis(40));
        taken += units.iter().filter(|unit| house.world.phone(**unit).written == Some(200)).count();
    }
    assert_eq!((taken, open(&mut house).1.len(), open(&mut house).0.len()), (500, 500, 0));
    let smoke =
        "<mrq><ref>1</ref><cid>1003</cid><dty>23</dty><stc>9</stc><crd>no-voice:</crd></mrq>";
    house.world.with(units[0], |phone, now| phone.write_as(now, "900", scaip::TYPE, smoke));
    let carer = house.phones[3];
    let rings =
        house.world.until(Duration::from_secs(1), |w| w.phone(carer).state == State::Ringing);
    assert!(rings, "{:#?}", house.world.warnings);
    closes(&mut house);
    house.ends_clean();
}

/// The agent puts the home on hold and hangs up: its call ends as a talk does, the case is a person's to close, and another press
/// rings again.
#[test]
fn a_home_on_hold_whose_agent_goes_may_press_again() {
    let mut house = alarm_at_agent(7);
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.with(agent, |phone, now| phone.hold(now, true));
    house.world.run(Duration::from_secs(3));
    house.hang_up(agent);
    house.world.run(Duration::from_secs(3));
    assert!(matches!(house.state(caller), State::Ended(_)), "{:?}", house.state(caller));
    assert_eq!(open(&mut house).0.len(), 1);
    house.world.with(caller, |phone, now| phone.call(now, "95081"));
    house.until_state(agent, State::Talking);
    house.hang_up(agent);
    closes(&mut house);
    house.ends_clean();
}

/// Who is on duty has a mobile behind a gateway whose only channel is taken: he is rung as soon as there is one.
#[test]
fn who_is_on_duty_outside_is_rung_when_a_channel_is_free() {
    let mut house = house_with("\"13900139000\"", "call_out = 0\n", 1, 8);
    house.register(0);
    house.register(2);
    let (caller, callee, unit) = (house.caller, house.phones[0], house.phones[2]);
    house.talk(caller, "1001", callee);
    let own = house.world.phone(caller).calls;
    let smoke =
        "<mrq><ref>1</ref><cid>1003</cid><dty>23</dty><stc>9</stc><crd>no-voice:</crd></mrq>";
    house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, smoke));
    house.world.run(Duration::from_secs(45));
    assert_eq!((house.state(caller), house.world.phone(caller).calls), (State::Talking, own));
    house.hang_up(callee);
    let rung = house.world.until(Duration::from_secs(40), |w| w.phone(caller).calls > own);
    assert!(rung, "by the gateway: {:#?}", house.world.warnings);
    house.until_state(caller, State::Talking);
    house.world.run(Duration::from_secs(4));
    house.press(caller, '1');
    house.until_state(unit, State::Talking);
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(caller, unit);
    house.hang_up(unit);
    closes(&mut house);
    house.ends_clean();
}
