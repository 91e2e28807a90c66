//! Alarms that bring no call (R10): an agent's phone rings, hears what it is, and has the home; never silent.

use belfry::base::{Duration, Wall};
use belfry::care::unit::Order;
use belfry::care::{Kept, Subscriber, Update};
use belfry::dsp::level::tone_dbm0;
use belfry::sim::phone::{Manner, State};
use belfry::switch::care::{Case, KeptCases, Need};
use belfry::switch::console::CaseRow;
use belfry::switch::fact::{CareFact, FactKind};
use belfry::switch::{Input, Reply, Request};
use belfry::wire::telecare::scaip;

use super::house::{House, SOON, sine};
use super::queue::{behaves, centre, sign_in, until_word};

const CASE_HZ: f64 = 1_700.0;
const YOURS_HZ: f64 = 1_300.0;
const PLAN: &str = "[[route]]\nname = \"bells\"\ncontext = \"agents\"\nwhen = { to = \"900\" }\n\
    steps = [{ queue = { name = \"care\" } }]\n\
    [[route]]\nname = \"unit\"\ncontext = \"care-unit\"\nsteps = [{ queue = { name = \"care\" } }]\n";

/// The unit is phone 1002, agents come to phones 1001 and 1003.
fn house(care: &str, seed: u64) -> House {
    let sections = format!(
        "[care]\nnumber = \"900\"\n{care}{}",
        centre("join = \"nobody\"\nstay = \"nobody\"\nafter_call = \"0 s\"\nring = \"8 s\"\n")
    );
    let mut house = House::with_sections(PLAN, &sections, seed);
    house.world.clip("zh-CN/care/case", sine(CASE_HZ));
    house.register(1);
    house
}

fn reports(house: &mut House, tags: &str) {
    reports_as(house, "a1", "1002", tags);
}

fn reports_as(house: &mut House, reference: &str, account: &str, tags: &str) {
    let text = format!("<mrq><ref>{reference}</ref><cid>{account}</cid>{tags}</mrq>");
    house.world.with(house.phones[1], |phone, now| phone.write_as(now, "900", scaip::TYPE, &text));
    house.world.run(Duration::from_millis(500));
}

/// Its phone rings as soon as the code's call is over.
fn signs_in_where_it_waits(house: &mut House) {
    house.register(0);
    let agent = house.phones[0];
    house.world.with(agent, |phone, now| phone.call(now, "*117001"));
    house.until_state(agent, State::Talking);
    house.world.run(Duration::from_millis(600));
    "4711#".chars().for_each(|key| house.press(agent, key));
}

const SMOKE: &str = "<dty>23</dty><stc>9</stc><crd>no-voice:</crd>";

fn cases(house: &mut House) -> Vec<CaseRow> {
    match house.world.ask(Request::Cases) {
        Some(Reply::Cases { cases, .. }) => cases,
        other => panic!("{other:?}"),
    }
}

fn count(house: &House, is: impl Fn(&CareFact) -> bool) -> usize {
    let all = house.world.facts.iter();
    all.filter(|fact| matches!(&fact.kind, FactKind::Care { what, .. } if is(what))).count()
}

fn no_calls(house: &House) -> usize {
    count(house, |what| matches!(what, CareFact::NoCall { .. }))
}

fn calls(house: &House, n: usize) -> u64 {
    house.world.phone(house.phones[n]).calls
}

fn closes(house: &mut House) {
    let case = cases(house)[0].case;
    let close = Request::CloseCase(case, "seen to".into(), String::new());
    assert!(matches!(house.world.ask(close), Some(Reply::Done(_))));
}

/// A smoke detector: an agent is rung at once, hears what it is, then the home is called; who talks is the case's.
#[test]
fn an_alarm_without_speech_rings_an_agent_who_then_has_the_home() {
    let mut house = house("call_out = 0\n", 1);
    sign_in(&mut house, 0, "7001");
    let (agent, unit) = (house.phones[0], house.phones[1]);
    house.world.with(agent, |phone, _| phone.ear.forget());
    reports(&mut house, SMOKE);
    house.until_state(agent, State::Talking);
    assert_eq!(house.state(unit), State::Idle, "not before it knows what it is");
    let hears = |world: &mut belfry::sim::world::World| {
        let samples = world.phone(agent).ear.samples();
        samples.chunks_exact(2_000).any(|part| tone_dbm0(part, CASE_HZ) > -30.0)
    };
    let told = house.world.until(Duration::from_secs(5), |world| hears(world));
    assert!(told, "{:#?}", house.world.warnings);
    let up = house
        .world
        .until(Duration::from_secs(10), |world| world.phone(unit).state == State::Talking);
    assert!(up, "{:#?} {:?}", house.world.warnings, house.state(unit));
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(agent, unit);
    let row = cases(&mut house).remove(0);
    assert!(row.call.is_some() && !row.awaited, "{row:?}");
    assert_eq!(count(&house, |what| matches!(what, CareFact::Talked { .. })), 1);
    // The unit can be steered: what is told goes to the unit, and not to the agent.
    let order =
        Request::Unit { case: row.case, order: Order::Listen, confirmed: false, by: String::new() };
    assert!(matches!(house.world.ask(order), Some(Reply::Done(_))));
    house.world.run(Duration::from_secs(1));
    assert_eq!(house.world.phone(unit).ear.digits, "7");
    assert_eq!(house.world.phone(agent).ear.digits, "");
    house.hang_up(agent);
    house.world.run(Duration::from_secs(200));
    assert_eq!(
        (calls(&house, 0), no_calls(&house)),
        (2, 0),
        "it was the code's call, and one offer"
    );
    closes(&mut house);
    house.ends_clean();
}

/// Nobody is there, and then an agent is: the alarm has waited. The home does not answer: people are told, the agent is
/// asked again, until the case is closed.
#[test]
fn it_waits_for_an_agent_and_is_tried_until_it_is_closed() {
    let mut house = house("call_out = 0\n", 2);
    behaves(&mut house, 1, Manner::Refuse(486));
    reports(&mut house, SMOKE);
    house.world.run(Duration::from_secs(70));
    assert_eq!(no_calls(&house), 1, "the board has it meanwhile");
    let case = cases(&mut house)[0].case;
    let Some(Reply::CallBacks(rows)) = house.world.ask(Request::CallBacks) else { panic!() };
    assert_eq!(rows.iter().map(|row| row.case).collect::<Vec<_>>(), [Some(case)]);
    signs_in_where_it_waits(&mut house);
    let rung = |house: &House| {
        let tried = |kind: &&FactKind| matches!(kind, FactKind::Queue { what, .. } if what.word() == "back_tried");
        house.facts("queue").iter().filter(|kind| tried(kind)).count()
    };
    house.world.run(Duration::from_secs(60));
    assert!(rung(&house) >= 1, "{:?}", super::queue::words(&house));
    house.world.run(Duration::from_secs(400));
    let times = rung(&house);
    assert!((3..=12).contains(&times), "again, and not without a pause: {times}");
    let failed = |kind: &&FactKind| matches!(kind, FactKind::Queue { what, .. } if what.word() == "back_failed");
    assert!(
        house.facts("queue").iter().copied().filter(failed).count() >= 3,
        "{:#?}",
        house.world.warnings
    );
    closes(&mut house);
    house.world.run(Duration::from_secs(30));
    let closed = rung(&house);
    house.world.run(Duration::from_secs(400));
    assert_eq!(rung(&house), closed, "a closed case rings nobody");
    house.ends_clean();
}

/// A unit whose call does not come is called, and where it does not answer an agent has it.
#[test]
fn a_unit_that_is_called_in_vain_is_an_agents() {
    let mut house = house("call_out = 1\nspeech_within = \"20 s\"\n", 3);
    sign_in(&mut house, 0, "7001");
    behaves(&mut house, 1, Manner::Refuse(486));
    reports(&mut house, "<dty>3</dty><crd>sip:</crd>");
    house.world.run(Duration::from_secs(10));
    assert_eq!(calls(&house, 0), 1, "its call is expected");
    house.world.run(Duration::from_secs(15));
    behaves(&mut house, 1, Manner::AnswerAfter(Duration::from_secs(1)));
    assert_eq!(count(&house, |what| matches!(what, CareFact::CalledOut { .. })), 1);
    let (agent, unit) = (house.phones[0], house.phones[1]);
    // The agent may have met the refusal as well: it is asked again.
    let up = |world: &mut belfry::sim::world::World| world.phone(unit).state == State::Talking;
    assert!(house.world.until(Duration::from_secs(90), up), "{:#?}", house.world.warnings);
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(agent, unit);
    house.hang_up(unit);
    house.world.run(SOON);
    closes(&mut house);
    house.ends_clean();
}

/// The home calls by itself before an agent has taken the offer: one talk, and nobody is asked again.
#[test]
fn who_calls_meanwhile_is_that_cases_call() {
    let mut house = house("call_out = 0\n", 4);
    reports(&mut house, SMOKE);
    house.world.run(Duration::from_secs(5));
    let unit = house.phones[1];
    house.world.with(unit, |phone, now| phone.call(now, "900"));
    house.until_state(unit, State::Talking);
    signs_in_where_it_waits(&mut house);
    let agent = house.phones[0];
    until_word(&mut house, "answered", 1);
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(agent, unit);
    house.hang_up(unit);
    let before = calls(&house, 0);
    house.world.run(Duration::from_secs(200));
    assert_eq!(calls(&house, 0), before);
    closes(&mut house);
    house.ends_clean();
}

/// On duty are phones 1003 and 1004.
const DUTY: &str = "phones = [\"1003\", \"1004\"]\n";

/// Key 1 takes it on.
fn duty_house(care: &str, seed: u64) -> House {
    let plan = format!(
        "{PLAN}[[route]]\nname = \"duty\"\ncontext = \"care-duty\"\n\
         steps = [{{ set = {{ said = \"${{case_need_prompt}} ${{case_place_prompt}} ${{case_number}}\" }} }}, \
         {{ note = {{ name = \"said\", value = \"${{said}}\" }} }}, \
         {{ collect = {{ into = \"key\", max = 1, tries = 1, timeout = 8 }} }}, \
         {{ if = {{ when = {{ var = {{ key = \"1\" }} }}, then = [{{ accept = {{}} }}, {{ conference = \"${{case_room}}\" }}] }} }}]\n"
    );
    let queue = "join = \"nobody\"\nstay = \"nobody\"\nafter_call = \"0 s\"\nring = \"8 s\"\n";
    let sections = format!("[care]\nnumber = \"900\"\ncall_out = 0\n{care}{DUTY}{}", centre(queue));
    let mut house = House::with_sections(&plan, &sections, seed);
    (1..4).for_each(|n| house.register(n));
    house
}

fn field(house: &House, name: &str) -> Vec<String> {
    let of = |kind: &&FactKind| match kind {
        FactKind::CallField { name: own, value, .. } if own == name => Some(value.clone()),
        _ => None,
    };
    house.facts("call_field").iter().filter_map(of).collect()
}

/// Nobody is signed in: the phones on duty ring, again and again, through a machine that takes nothing on, until one does by
/// key; he has the home, and nobody is rung any more.
#[test]
fn phones_on_duty_ring_until_somebody_takes_it_on() {
    let mut house = duty_house("", 11);
    behaves(&mut house, 2, Manner::Refuse(486));
    let (machine, carer, unit) = (house.phones[2], house.phones[3], house.phones[1]);
    reports(&mut house, &format!("{SMOKE}<lco>21</lco>"));
    house.until_state(carer, State::Talking);
    house.world.run(Duration::from_millis(500));
    assert_eq!(
        field(&house, "said"),
        ["care/need-fire care/place-kitchen 1002"],
        "what, where, whose"
    );
    // It presses nothing: a machine. The round is over, and there is another.
    house.world.run(Duration::from_secs(15));
    assert_eq!(house.state(unit), State::Idle);
    behaves(&mut house, 2, Manner::Ring);
    house.world.run(Duration::from_secs(20));
    assert_eq!((calls(&house, 2), calls(&house, 3)), (1, 2), "{:#?}", house.world.warnings);
    assert_eq!(house.state(machine), State::Ringing, "all phones at once");
    house.press(carer, '1');
    house.until_state(unit, State::Talking);
    house.world.run(Duration::from_millis(500));
    assert!(matches!(house.state(machine), State::Ended(_)), "called off");
    house.hear_each_other(carer, unit);
    let row = cases(&mut house).remove(0);
    assert!(row.call.is_some(), "{row:?}");
    house.hang_up(carer);
    house.world.run(Duration::from_secs(600));
    assert_eq!((calls(&house, 2), calls(&house, 3)), (1, 2));
    closes(&mut house);
    house.ends_clean();
}

/// For what calls are made, as `show calls` says it.
fn purposes(house: &mut House) -> Vec<String> {
    match house.world.ask(Request::Calls) {
        Some(Reply::Calls(rows)) => rows.into_iter().map(|row| row.purpose).collect(),
        other => panic!("{other:?}"),
    }
}

/// Who takes it on hears that it is his while the home rings, and whoever looks sees for what he calls.
#[test]
fn who_takes_it_on_hears_that_the_case_is_his() {
    let mut house = duty_house("", 25);
    house.world.clip("zh-CN/care/duty-taken", sine(YOURS_HZ));
    behaves(&mut house, 1, Manner::Ring);
    behaves(&mut house, 2, Manner::Refuse(486));
    let (carer, unit) = (house.phones[3], house.phones[1]);
    reports(&mut house, SMOKE);
    house.until_state(carer, State::Talking);
    let case = cases(&mut house)[0].case;
    assert_eq!(purposes(&mut house), [format!("rings who is on duty for case {case}")]);
    house.world.with(carer, |phone, _| phone.ear.forget());
    house.press(carer, '1');
    let hears = |world: &mut belfry::sim::world::World| {
        let samples = world.phone(carer).ear.samples();
        samples.chunks_exact(2_000).any(|part| tone_dbm0(part, YOURS_HZ) > -30.0)
    };
    assert!(house.world.until(Duration::from_secs(3), hears), "{:#?}", house.world.warnings);
    assert_eq!(house.state(unit), State::Ringing, "it is said while the home rings");
    assert_eq!(purposes(&mut house), [format!("calls the home of case {case}")]);
    house.hang_up(carer);
    closes(&mut house);
    house.ends_clean();
}

/// An agent who is rung for a case is no caller like others.
#[test]
fn an_agents_call_to_a_home_says_for_what_it_is() {
    let mut house = house("call_out = 0\n", 26);
    sign_in(&mut house, 0, "7001");
    behaves(&mut house, 0, Manner::Ring);
    reports(&mut house, SMOKE);
    house.until_state(house.phones[0], State::Ringing);
    let case = cases(&mut house)[0].case;
    assert_eq!(purposes(&mut house), [format!("rings an agent for case {case}")]);
    closes(&mut house);
    house.ends_clean();
}

/// Who takes it on and does not reach the home knows of it: nobody else is rung, until there is a new alarm. With a close all
/// is over, in the middle of ringing too.
#[test]
fn who_takes_it_on_has_it_until_a_new_alarm() {
    let mut house = duty_house("", 12);
    behaves(&mut house, 1, Manner::Refuse(486));
    behaves(&mut house, 2, Manner::Ring);
    let (other, carer) = (house.phones[2], house.phones[3]);
    reports(&mut house, SMOKE);
    house.until_state(carer, State::Talking);
    house.press(carer, '1');
    house.world.run(Duration::from_secs(600));
    assert_eq!((calls(&house, 2), calls(&house, 3)), (1, 1));
    let again = SMOKE.replace("<dty>23</dty>", "<dty>26</dty>");
    let text = format!("<mrq><ref>a2</ref><cid>1002</cid>{again}</mrq>");
    let unit = house.phones[1];
    house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, &text));
    house.until_state(other, State::Ringing);
    closes(&mut house);
    house.world.run(Duration::from_secs(1));
    assert!(matches!(house.state(other), State::Ended(_)));
    house.world.run(Duration::from_secs(300));
    assert_eq!((calls(&house, 2), calls(&house, 3)), (2, 2));
    house.ends_clean();
}

/// An agent who is there comes first; the phones on duty have it when he has not in time. A home that calls meanwhile has the
/// plan of its call.
#[test]
fn agents_come_before_phones_on_duty() {
    let mut house = duty_house("speech_within = \"30 s\"\n", 13);
    sign_in(&mut house, 0, "7001");
    behaves(&mut house, 0, Manner::Ring);
    behaves(&mut house, 2, Manner::Ring);
    behaves(&mut house, 3, Manner::Ring);
    reports(&mut house, SMOKE);
    house.world.run(Duration::from_secs(25));
    assert_eq!((calls(&house, 2), calls(&house, 3)), (0, 0), "the agent's phone rings");
    house.until_state(house.phones[3], State::Ringing);
    let unit = house.phones[1];
    house.world.with(unit, |phone, now| phone.call(now, "900"));
    house.until_state(unit, State::Talking);
    house.world.run(Duration::from_secs(1));
    assert!(matches!(house.state(house.phones[3]), State::Ended(_)), "its call is in the queue");
    house.hang_up(unit);
    closes(&mut house);
    house.ends_clean();
}

/// A night of homes whose check-ins are missed: one phone is rung for one at a time, and for all of them.
#[test]
fn phones_on_duty_are_rung_for_one_case_at_a_time() {
    let mut house = duty_house("any_account = true\n", 14);
    behaves(&mut house, 2, Manner::Refuse(486));
    behaves(&mut house, 3, Manner::RefuseAfter(Duration::from_secs(2), 486));
    let unit = house.phones[1];
    for n in 0..8 {
        let text = format!("<mrq><ref>b{n}</ref><cid>5{n}</cid>{SMOKE}</mrq>");
        house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, &text));
        house.world.run(Duration::from_millis(200));
    }
    house.world.run(Duration::from_secs(120));
    let of: std::collections::BTreeSet<String> = field(&house, "case").into_iter().collect();
    assert_eq!(of.len(), 8, "each has its turn");
    let rung = calls(&house, 3);
    assert!((30..70).contains(&rung), "one at a time: {rung}");
    while !cases(&mut house).is_empty() {
        closes(&mut house);
    }
    house.ends_clean();
}

/// Who has taken the first case on goes to its home; the phone that rang beside rings for the next case as soon as it is free.
#[test]
fn a_phone_that_is_called_off_rings_for_the_next_case() {
    let mut house = duty_house("any_account = true\n", 15);
    behaves(&mut house, 2, Manner::Ring);
    let (other, carer, unit) = (house.phones[2], house.phones[3], house.phones[1]);
    reports_as(&mut house, "c1", "51", SMOKE);
    reports_as(&mut house, "c2", "52", SMOKE);
    house.until_state(carer, State::Talking);
    house.world.run(Duration::from_millis(600));
    assert_eq!(calls(&house, 2), 1);
    house.press(carer, '1');
    house.until_state(unit, State::Talking);
    house.world.run(Duration::from_secs(2));
    assert_eq!((house.state(other), calls(&house, 2)), (State::Ringing, 2), "not after a pause");
    house.hang_up(carer);
    while !cases(&mut house).is_empty() {
        closes(&mut house);
    }
    house.world.run(SOON);
    house.ends_clean();
}

/// A contact whom the plan of an alarm calls, phone 1003, comes while the agent's call rings the home: it rings on, and is with
/// both when it answers. Where it does not, that is told, and the home is called again, for him.
#[test]
fn a_contact_who_comes_while_the_home_is_rung_waits_for_it() {
    for answers in [true, false] {
        let plan = format!(
            "{PLAN}[[route]]\nname = \"plan\"\ncontext = \"care-plan\"\n\
             steps = [{{ collect = {{ into = \"key\", max = 1, tries = 1, timeout = 20 }} }}, {{ accept = {{}} }}, \
             {{ conference = \"${{case_room}}\" }}]\n"
        );
        let sections = format!(
            "[care]\nnumber = \"900\"\ncall_out = 3\n{}\
             [[plan]]\nname = \"bell\"\nstart = \"alarm\"\n\
             [[plan_step]]\nplan = \"bell\"\nname = \"contacts\"\ncall = [\"contacts\"]\nsay = \"care/plan\"\n",
            centre("join = \"nobody\"\nstay = \"nobody\"\nafter_call = \"0 s\"\nring = \"8 s\"\n")
        );
        let mut house = House::with_sections(&plan, &sections, 16);
        (1..3).for_each(|n| house.register(n));
        let mut subscriber = Subscriber::default();
        for (name, text) in [("number", "1002"), ("name", "Wang"), ("contacts", "Li/1003")] {
            subscriber.set(name, text).expect("it is right");
        }
        house.world.ask(Request::Status);
        let put = vec![Kept { subscriber, since: Wall(0) }];
        let update = Update { all: true, put, ..Update::default() };
        house.world.input(Input::Subscribers(Box::new(update)));
        sign_in(&mut house, 0, "7001");
        let (agent, unit, contact) = (house.phones[0], house.phones[1], house.phones[2]);
        let manner = match answers {
            true => Manner::AnswerAfter(Duration::from_secs(12)),
            false => Manner::Ring,
        };
        behaves(&mut house, 1, manner);
        reports(&mut house, SMOKE);
        house.until_state(unit, State::Ringing);
        assert_eq!(house.state(contact), State::Talking);
        house.press(contact, '1');
        house.world.run(Duration::from_secs(3));
        assert_eq!(house.state(unit), State::Ringing, "it is still called");
        assert_eq!(count(&house, |what| matches!(what, CareFact::Talked { .. })), 0);
        if !answers {
            house.world.run(Duration::from_secs(50));
            assert_eq!(no_calls(&house), 1, "{:?}", house.state(unit));
            behaves(&mut house, 1, Manner::AnswerAfter(Duration::from_secs(1)));
        }
        let up = |world: &mut belfry::sim::world::World| world.phone(unit).state == State::Talking;
        assert!(house.world.until(Duration::from_secs(120), up), "{:#?}", house.world.warnings);
        house.world.run(Duration::from_secs(1));
        let case = cases(&mut house)[0].case;
        let room = match house.world.ask(Request::Room(format!("case-{case}"))) {
            Some(Reply::Room(view)) => view.members.len(),
            _ => 0,
        };
        // In vain, the agent has been asked again meanwhile.
        assert_eq!((room, house.state(agent)), (3, State::Talking), "home, agent, contact");
        [contact, unit].into_iter().for_each(|phone| house.hang_up(phone));
        house.world.run(SOON);
        closes(&mut house);
        house.world.run(SOON);
        house.ends_clean();
    }
}

/// An agent has called the home and sends it on to a colleague: the unit is the home still. A single key of the colleague's
/// opens no door, and what is ordered goes to the unit.
#[test]
fn a_home_that_an_agent_called_keeps_its_door_shut_after_a_transfer() {
    let plan = format!(
        "{PLAN}[[route]]\nname = \"phones\"\ncontext = \"agents\"\nwhen = {{ to = \"1xxx\" }}\n\
                        steps = [{{ dial = {{ phones = \"${{to}}\" }} }}]\n"
    );
    let sections =
        format!("[care]\nnumber = \"900\"\ncall_out = 0\n{}", centre("after_call = \"0 s\"\n"));
    let mut house = House::with_sections(&plan, &sections, 17);
    (1..3).for_each(|n| house.register(n));
    sign_in(&mut house, 0, "7001");
    let (agent, unit, colleague) = (house.phones[0], house.phones[1], house.phones[2]);
    reports(&mut house, SMOKE);
    house.until_state(unit, State::Talking);
    house.world.run(Duration::from_millis(500));
    house.world.with(agent, |phone, now| phone.refer(now, "1003"));
    house.until_state(colleague, State::Talking);
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(unit, colleague);
    for key in ['9', '9', '7'] {
        house.press(colleague, key);
        house.world.run(Duration::from_secs(1));
    }
    assert_eq!(house.world.phone(unit).ear.digits, "7", "the door stays shut");
    let told = |what: &CareFact| matches!(what, CareFact::UnitTold { order: Order::Listen, by, .. } if by == "1003");
    assert_eq!(count(&house, told), 1, "what a phone tells the unit is noted");
    let case = cases(&mut house)[0].case;
    let talk = Request::Unit { case, order: Order::Talk, confirmed: false, by: String::new() };
    assert!(matches!(house.world.ask(talk), Some(Reply::Done(_))));
    house.world.run(Duration::from_secs(1));
    assert_eq!(house.world.phone(unit).ear.digits, "78");
    assert_eq!(house.world.phone(colleague).ear.digits, "");
    house.hang_up(colleague);
    house.world.run(SOON);
    closes(&mut house);
    house.ends_clean();
}

/// A house has no queue, and so no agent is offered anything: that nobody has talked is told all the same.
#[test]
fn an_alarm_without_speech_is_told_where_there_is_no_queue() {
    let plan = "[[route]]\nname = \"bells\"\ncontext = \"agents\"\nwhen = { to = \"900\" }\n\
                steps = [{ dial = { phones = \"1001\" } }]\n";
    let sections = "[care]\nnumber = \"900\"\ncall_out = 0\nspeech_within = \"20 s\"\n";
    let mut house = House::with_sections(plan, sections, 18);
    house.register(1);
    reports(&mut house, SMOKE);
    house.world.run(Duration::from_secs(10));
    assert_eq!(no_calls(&house), 0);
    house.world.run(Duration::from_secs(400));
    assert_eq!(no_calls(&house), 1, "once");
    closes(&mut house);
    house.world.run(Duration::from_secs(100));
    house.ends_clean();
}

/// Its smoke alarm comes while an agent talks with the home: nobody is told that nobody does, nor asked to call it once more.
/// Where the talk is soon over, the smoke is a new need: an agent has it.
#[test]
fn an_alarm_without_speech_in_a_talk_is_of_that_talk() {
    for stays in [true, false] {
        let mut house = house("call_out = 0\n", 19);
        sign_in(&mut house, 0, "7001");
        let (agent, unit) = (house.phones[0], house.phones[1]);
        reports_as(&mut house, "a0", "1002", "<dty>3</dty>");
        house.world.with(unit, |phone, now| phone.call(now, "900"));
        house.until_state(agent, State::Talking);
        house.world.run(Duration::from_secs(1));
        reports(&mut house, SMOKE);
        let before = calls(&house, 0);
        house.world.run(Duration::from_secs(if stays { 70 } else { 10 }));
        assert_eq!((no_calls(&house), house.state(unit)), (0, State::Talking));
        house.hang_up(unit);
        house.world.run(Duration::from_secs(200));
        match stays {
            true => assert_eq!((no_calls(&house), calls(&house, 0)), (0, before)),
            false => assert_eq!(calls(&house, 0), before + 1, "{:#?}", house.world.warnings),
        }
        house.hang_up(unit);
        house.world.run(SOON);
        closes(&mut house);
        house.ends_clean();
    }
}

/// After a restart an alarm with which nobody had talked is a person's at once: it does not wait for a home that is called
/// and does not answer.
#[test]
fn after_a_restart_the_phones_on_duty_have_it_at_once() {
    let mut house = duty_house("speech_within = \"20 s\"\n", 20);
    [1, 2, 3].into_iter().for_each(|n| behaves(&mut house, n, Manner::Ring));
    let mut case = Case::kept(0, "1002".into());
    case.need = Need::Fire;
    house
        .world
        .input(Input::Cases(KeptCases { cases: vec![(case, false)], ..KeptCases::default() }));
    house.world.run(Duration::from_secs(5));
    assert_eq!([2, 3].map(|n| house.state(house.phones[n])), [State::Ringing; 2]);
    closes(&mut house);
    house.world.run(SOON);
    house.ends_clean();
}

/// Who takes it on and does not reach the home hears so before his call is over.
#[test]
fn who_takes_it_on_hears_that_the_home_is_busy() {
    const BUSY_HZ: f64 = 2_150.0;
    let mut house = duty_house("", 21);
    house.world.clip("zh-CN/error/busy", sine(BUSY_HZ));
    behaves(&mut house, 1, Manner::Refuse(486));
    behaves(&mut house, 2, Manner::Ring);
    let carer = house.phones[3];
    reports(&mut house, SMOKE);
    house.until_state(carer, State::Talking);
    house.world.with(carer, |phone, _| phone.ear.forget());
    house.press(carer, '1');
    let hears = |world: &mut belfry::sim::world::World| {
        let samples = world.phone(carer).ear.samples();
        samples.chunks_exact(2_000).any(|part| tone_dbm0(part, BUSY_HZ) > -30.0)
    };
    assert!(house.world.until(Duration::from_secs(4), hears), "{:#?}", house.world.warnings);
    house.world.run(Duration::from_secs(8));
    assert!(matches!(house.state(carer), State::Ended(_)));
    closes(&mut house);
    house.world.run(SOON);
    house.ends_clean();
}

/// The home calls by itself while a phone on duty hears of it: what rings beside is called off, who listens hears on, and has
/// the home by his key.
#[test]
fn who_hears_of_a_home_that_calls_has_it_by_his_key() {
    let mut house = duty_house("", 22);
    behaves(&mut house, 2, Manner::Ring);
    let (other, carer, unit) = (house.phones[2], house.phones[3], house.phones[1]);
    reports(&mut house, SMOKE);
    house.until_state(carer, State::Talking);
    house.world.with(unit, |phone, now| phone.call(now, "900"));
    house.until_state(unit, State::Talking);
    house.world.run(Duration::from_secs(1));
    assert!(matches!(house.state(other), State::Ended(_)));
    assert_eq!(house.state(carer), State::Talking);
    house.press(carer, '1');
    house.world.run(Duration::from_secs(1));
    house.hear_each_other(carer, unit);
    house.hang_up(carer);
    house.world.run(Duration::from_secs(2));
    assert_eq!(house.state(unit), State::Talking, "it waits for an agent");
    house.hang_up(unit);
    closes(&mut house);
    house.world.run(SOON);
    house.ends_clean();
}

/// Two on duty listen, and one takes it on: the other hears a long tone, and his key comes too late.
#[test]
fn who_comes_second_hears_a_tone() {
    let mut house = duty_house("", 23);
    let (second, carer, unit) = (house.phones[2], house.phones[3], house.phones[1]);
    reports(&mut house, SMOKE);
    [second, carer].into_iter().for_each(|phone| house.until_state(phone, State::Talking));
    house.world.run(Duration::from_millis(600));
    house.world.with(second, |phone, _| phone.ear.forget());
    [carer, second].into_iter().for_each(|phone| house.press(phone, '1'));
    let hears = |world: &mut belfry::sim::world::World| {
        let samples = world.phone(second).ear.samples();
        samples.chunks_exact(2_000).any(|part| tone_dbm0(part, 450.0) > -30.0)
    };
    assert!(house.world.until(Duration::from_secs(2), hears), "{:#?}", house.world.warnings);
    house.world.run(Duration::from_secs(2));
    assert!(matches!(house.state(second), State::Ended(_)));
    house.until_state(unit, State::Talking);
    house.hear_each_other(carer, unit);
    house.hang_up(carer);
    house.world.run(SOON);
    closes(&mut house);
    house.ends_clean();
}
