//! Alarms by keys (R10): Contact ID and BS 8521-1 through the whole exchange, in tones and as telephone-events; and
//! what is said by no key at all.

use belfry::base::{Duration, Wall};
use belfry::care::LineEnd;
use belfry::care::unit::Order;
use belfry::care::{Kept, Protocol, Subscriber, Update};
use belfry::config::{Config, Dtmf};
use belfry::dsp::level::dominant_tone;
use belfry::media::control::Codec;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, State};
use belfry::sim::unit::{keys, soundings};
use belfry::sim::world::World;
use belfry::switch::console::CaseRow;
use belfry::switch::fact::{CareFact, FactKind, Meaning, QueueFact};
use belfry::switch::{Input, Reply, Request};
use belfry::wire::telecare::contact_id::checksum;
use belfry::wire::telecare::scaip;

use super::house::{self, House, SOON};

const PLAN: &str = "[[route]]\nname = \"bells\"\ncontext = \"gateway\"\nwhen = { to = \"95081\" }\n\
    steps = [{ queue = { name = \"care\" } }]\n\
    [[route]]\nname = \"by step\"\ncontext = \"gateway\"\nwhen = { to = \"95082\" }\n\
    steps = [{ alarm-receiver = { protocol = \"contact-id\" } }, { note = { name = \"result\", value = \"${alarm_result} ${case_need}\" } }, \
    { queue = { name = \"care\" } }]\n";
const B: [f64; 2] = [770.0, 1_633.0];
/// What the prompt of a low battery sounds like here.
const NOTICE_HZ: f64 = 2_050.0;
const SPEECH: &str = "A02010000471500010190740042#";
const BATTERY: &str = "A00010000471500010530000042#";

/// Calls to 95081 are received in this way.
fn house(calls: &str, seed: u64) -> House {
    let sections = format!(
        "[care]\nbells = [\"95081\"]\ncall_out = 0\n[receiver]\ncalls = \"{calls}\"\n\
         [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n\
         [[queue]]\nname = \"care\"\njoin = \"nobody\"\nstay = \"nobody\"\n"
    );
    let plan = house::plan(&[("house.toml".into(), PLAN.into())]);
    let (gateway, _) = World::addresses(100);
    let change = |config: &mut Config| {
        *config = house::config_with(4, &gateway.to_string(), &sections);
        // Units of BS 8521-1 are behind a gateway that passes their tones; the others' is one of events.
        let tones = calls != "voice";
        config.gateways[0].dtmf = tones.then_some(Dtmf::InBand);
    };
    let mut house = House::with_plan(plan, Faults::NONE, seed, [&[Codec::Pcma]; 4], change);
    house.world.clip("zh-CN/care/notice-battery", house::sine(NOTICE_HZ));
    // The unit's line is silent when it says nothing; its account is a subscriber's, its number is not.
    let fields = [("number", "076088881234"), ("name", "Wang Xiuying"), ("account", "4715")];
    subscriber(&mut house, &fields);
    house
}

fn subscriber(house: &mut House, fields: &[(&str, &str)]) {
    house.world.ask(Request::Status);
    let since = Wall(house.world.facts[0].wall.0 + house.world.now().as_millis() as i64);
    let mut subscriber = Subscriber::default();
    for (name, text) in fields {
        subscriber.set(name, text).expect("it is right");
    }
    let put = vec![Kept { subscriber, since }];
    house.world.input(Input::Subscribers(Box::new(Update { all: true, put, ..Update::default() })));
}

fn call(house: &mut House, number: &str) {
    let unit = house.caller;
    house.world.with(unit, |phone, now| phone.call(now, number));
    house.until_state(unit, State::Talking);
}

/// Waits until the unit has heard a sounding of these frequencies that is so long, after `from` of them.
fn hears(house: &mut House, hz: &[f64], ms: std::ops::Range<u32>, from: usize) {
    let unit = house.caller;
    let came = (0..200).any(|_| {
        house.world.run(Duration::from_millis(100));
        let heard = soundings(house.world.phone(unit).ear.samples(), hz);
        heard.iter().filter(|(long, _)| ms.contains(long)).count() > from
    });
    let heard = soundings(house.world.phone(unit).ear.samples(), hz);
    assert!(came, "{hz:?} of {ms:?} ms did not come: {heard:?}");
}

fn says(house: &mut House, text: &str) {
    let samples = keys(text, 50, 50);
    house.world.with(house.caller, |phone, _| phone.say(&samples));
}

fn contact_id(body: &str) -> String {
    format!("{body}{}", checksum(body).expect("keys"))
}

fn reports(house: &House) -> Vec<(Protocol, Meaning, String)> {
    let all = house.facts("care").into_iter().filter_map(|fact| match fact {
        FactKind::Care { account, what: CareFact::Reported { protocol, meaning, .. } } => {
            Some((*protocol, *meaning, account.clone()))
        }
        _ => None,
    });
    all.collect()
}

fn cases(house: &mut House) -> Vec<CaseRow> {
    match house.world.ask(Request::Cases) {
        Some(Reply::Cases { cases, .. }) => cases,
        other => panic!("{other:?}"),
    }
}

fn priority(house: &House) -> Option<i32> {
    house.facts("queue").into_iter().find_map(|fact| match fact {
        FactKind::Queue { what: QueueFact::Entered { priority, .. }, .. } => Some(*priority),
        _ => None,
    })
}

fn ends(mut house: House) {
    let unit = house.caller;
    house.world.with(unit, |phone, now| phone.hang_up(now));
    house.ends_clean();
}

/// BS 8521-1 in tones: asked, written down, acknowledged, and the unit waits in the queue as its home's alarm.
#[test]
fn a_bs_8521_unit_is_heard_and_waits_ahead_of_others() {
    let mut house = house("bs8521", 1);
    call(&mut house, "95081");
    hears(&mut house, &B, 500..700, 0);
    says(&mut house, SPEECH);
    hears(&mut house, &B, 50..130, 0);
    house.world.run(Duration::from_secs(3));
    assert_eq!(reports(&house).len(), 1);
    let (protocol, meaning, account) = reports(&house).remove(0);
    assert_eq!((protocol, account.as_str()), (Protocol::Bs8521, "076088881234"));
    assert_eq!(meaning.words(), ("alarm", "personal"));
    let rows = cases(&mut house);
    assert_eq!((rows[0].name.as_str(), rows[0].place.as_str()), ("Wang Xiuying", "bedroom"));
    assert!(rows[0].call.is_some() && !rows[0].awaited);
    assert_eq!(priority(&house), Some(84));
    ends(house);
}

/// A disk that does not take it: no acknowledgement, by which the unit says it again; somebody is in need all the same.
#[test]
fn nothing_is_acknowledged_that_is_not_on_the_disk() {
    let mut house = house("bs8521", 2);
    call(&mut house, "95081");
    hears(&mut house, &B, 500..700, 0);
    house.world.disk_is_well = false;
    says(&mut house, SPEECH);
    house.world.run(Duration::from_secs(4));
    let heard = soundings(house.world.phone(house.caller).ear.samples(), &B);
    assert!(heard.iter().all(|(ms, _)| *ms > 500), "{heard:?}");
    house.world.disk_is_well = true;
    assert_eq!(cases(&mut house).len(), 1);
    ends(house);
}

/// A battery that is low: written down, acknowledged, and the line is given back; no case.
#[test]
fn a_notice_is_written_down_and_the_line_is_given_back() {
    let mut house = house("auto", 3);
    call(&mut house, "95081");
    hears(&mut house, &B, 500..700, 0);
    says(&mut house, BATTERY);
    hears(&mut house, &B, 50..130, 0);
    let unit = house.caller;
    // It hears what it has reported, and then the line is given back.
    house.world.run(Duration::from_millis(2_000));
    let heard = house.world.phone(unit).ear.samples();
    let heard = dominant_tone(&heard[heard.len() - 4_000..], &[NOTICE_HZ, house::CALLER_HZ]);
    assert_eq!(heard.map(|tone| tone.hz), Some(NOTICE_HZ));
    let over = |state| matches!(state, State::Ended(_));
    assert!(house.world.until(SOON, |w| over(w.phone(unit).state)), "the line is given back");
    assert_eq!(reports(&house)[0].1.words(), ("began", "battery"));
    assert_eq!(cases(&mut house).len(), 0);
    house.ends_clean();
}

/// Contact ID by the plan's step, as telephone-events: two events in one call, and then the plan goes on and knows
/// the case.
#[test]
fn contact_id_by_the_plans_step() {
    let mut house = house("voice", 4);
    call(&mut house, "95082");
    hears(&mut house, &[2_300.0], 80..130, 0);
    let unit = house.caller;
    for (n, event) in ["471518110101015", "471518130201000"].into_iter().enumerate() {
        for (k, key) in contact_id(event).chars().enumerate() {
            let later = Duration::from_millis(300 + 200 * k as u64);
            house.world.with(unit, |phone, now| phone.press_at(now + later, key));
        }
        hears(&mut house, &[1_400.0], 700..1_000, n);
    }
    house.world.run(Duration::from_secs(4));
    let words: Vec<_> =
        reports(&house).into_iter().map(|(_, meaning, _)| meaning.words()).collect();
    assert_eq!(words, [("alarm", "personal"), ("began", "battery")]);
    let noted = house.facts("call_field").into_iter().any(|fact| {
        matches!(fact, FactKind::CallField { name, value, .. } if name == "result" && value == "speech personal")
    });
    assert!(noted, "{:#?}", house.facts("call_field"));
    assert_eq!(priority(&house), Some(80));
    ends(house);
}

/// Wrong each time: no kiss-off, and a person has the call, with the keys as they came.
#[test]
fn a_checksum_that_is_wrong_each_time_ends_at_a_person() {
    let mut house = house("contact_id", 5);
    call(&mut house, "95081");
    hears(&mut house, &[2_300.0], 80..130, 0);
    for _ in 0..4 {
        says(&mut house, "4715181101010152");
        house.world.run(Duration::from_millis(2_900));
    }
    house.world.run(Duration::from_secs(1));
    let heard = soundings(house.world.phone(house.caller).ear.samples(), &[1_400.0]);
    assert!(heard.iter().all(|(ms, _)| *ms < 200), "no kiss-off: {heard:?}");
    assert_eq!(reports(&house)[0].1.words(), ("alarm", "other"));
    let raw = house.facts("care").into_iter().any(|fact| {
        matches!(fact, FactKind::Care { what: CareFact::Reported { raw, .. }, .. } if raw == "4715181101010152")
    });
    assert!(raw);
    assert!(cases(&mut house)[0].call.is_some(), "it is in the queue");
    ends(house);
}

/// Whoever says no key is an alarm by his number, as before; who hangs up while he is asked is one that nobody has
/// heard.
#[test]
fn who_presses_no_key_is_an_alarm_all_the_same() {
    let mut house = house("auto", 6);
    call(&mut house, "95081");
    house.world.run(Duration::from_secs(25));
    assert_eq!(reports(&house)[0].0, Protocol::Voice);
    assert!(cases(&mut house)[0].call.is_some());
    assert_eq!(priority(&house), Some(80));
    ends(house);

    let mut house = self::house("auto", 7);
    call(&mut house, "95081");
    house.world.run(Duration::from_secs(2));
    let unit = house.caller;
    house.world.with(unit, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(1));
    assert!(cases(&mut house)[0].awaited);
    house.world.run(Duration::from_secs(70));
    let told = house.facts("care").into_iter();
    assert_eq!(
        told.filter(|f| matches!(f, FactKind::Care { what: CareFact::NoCall { .. }, .. })).count(),
        1
    );
    house.ends_clean();
}

/// What the unit heard as keys.
fn told(house: &House) -> String {
    house.world.phone(house.caller).ear.digits.clone()
}

fn case_facts(house: &House) -> Vec<&CareFact> {
    let all = house.facts("care").into_iter();
    all.filter_map(|fact| if let FactKind::Care { what, .. } = fact { Some(what) } else { None })
        .collect()
}

/// A unit that waits in a call, as an alarm by BS 8521-1 over events; phone 1001 talks with it.
fn talking(seed: u64) -> (House, u64) {
    let plan = "[[route]]\nname = \"bells\"\ncontext = \"gateway\"\nwhen = { to = \"95083\" }\n\
        steps = [{ alarm-receiver = { protocol = \"bs8521\" } }, { dial = { phones = \"1001\" } }]\n";
    let plan = house::plan(&[("house.toml".into(), plan.into())]);
    let mut house = House::with_plan(plan, Faults::NONE, seed, [&[Codec::Pcma]; 4], |_| ());
    house.register(0);
    call(&mut house, "95083");
    house.world.run(Duration::from_millis(2_200));
    assert_eq!(told(&house), "B", "it is asked");
    for (k, key) in SPEECH.chars().enumerate() {
        let later = Duration::from_millis(200 * k as u64);
        house.world.with(house.caller, |phone, now| phone.press_at(now + later, key));
    }
    let agent = house.phones[0];
    house.until_state(agent, State::Talking);
    assert_eq!(told(&house), "BB", "and acknowledged");
    let case = cases(&mut house)[0].case;
    (house, case)
}

fn order(house: &mut House, case: u64, order: Order, confirmed: bool) -> Result<String, String> {
    match house.world.ask(Request::Unit { case, order, confirmed, by: String::new() }) {
        Some(Reply::Done(done)) => Ok(done),
        Some(Reply::Refused(why)) => Err(why),
        other => panic!("{other:?}"),
    }
}

/// In a call the unit is told what is ordered in its protocol's keys, hears something within each minute, and is
/// released where it does not clear.
#[test]
fn a_unit_is_steered_in_its_call() {
    let (mut house, case) = talking(8);
    order(&mut house, case, Order::Listen, false).expect("it is told");
    house.world.run(Duration::from_secs(2));
    assert_eq!(told(&house), "BB8", "8 is listen in BS 8521-1");
    assert!(order(&mut house, case, Order::Door, false).unwrap_err().contains("confirm"));
    order(&mut house, case, Order::Door, true).expect("it was confirmed");
    house.world.run(Duration::from_secs(3));
    assert_eq!(told(&house), "BB8A20001#");
    house.world.run(Duration::from_secs(50));
    assert_eq!(told(&house), "BB8A20001##", "the null command keeps the line");
    // The agent's own key reaches the unit by itself, and is noted.
    let agent = house.phones[0];
    house.press(agent, '7');
    house.world.run(Duration::from_secs(1));
    let orders: Vec<_> = case_facts(&house)
        .into_iter()
        .filter_map(|fact| match fact {
            CareFact::UnitTold { order, by, .. } => Some((*order, by.clone())),
            _ => None,
        })
        .collect();
    let console = |order| (order, "console".to_owned());
    let all = [console(Order::Listen), console(Order::Door), (Order::Talk, "1001".into())];
    assert_eq!(orders, all);
    order(&mut house, case, Order::Clear, false).expect("it is told");
    house.world.run(Duration::from_secs(9));
    assert_eq!(house.state(house.caller), State::Talking);
    house.world.run(Duration::from_secs(2));
    assert!(matches!(house.state(house.caller), State::Ended(_)), "released after ten seconds");
    assert_eq!(cases(&mut house)[0].line, "normal");
    assert!(order(&mut house, case, Order::Talk, false).is_err(), "it is in no call");
    house.ends_clean();
}

/// A door wants the same from a phone as from a program: an agent who supervises, and a second word. Nobody else's key
/// reaches the unit.
#[test]
fn a_phones_key_opens_a_door_for_a_supervisor_who_presses_it_twice() {
    let sections = "[care]\nnumber = \"900\"\ncall_out = 0\n\
        [[agent]]\nnumber = \"7001\"\npin = \"4711\"\nrole = \"supervisor\"\n\
        [[agent]]\nnumber = \"7002\"\npin = \"4711\"\n\
        [[queue]]\nname = \"care\"\n";
    let plan = "[[route]]\nname = \"bells\"\ncontext = \"agents\"\nwhen = { to = \"900\" }\n\
                steps = [{ dial = { phones = \"1002\" } }]\n";
    for (agent, opens) in [("7001", true), ("7002", false)] {
        let mut house = House::with_sections(plan, sections, 12);
        house.register(0);
        super::queue::sign_in(&mut house, 1, agent);
        let (unit, phone) = (house.phones[0], house.phones[1]);
        let text = "<mrq><ref>b1</ref><cid>1001</cid><dty>3</dty></mrq>";
        house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, text));
        house.world.run(Duration::from_secs(1));
        house.world.with(unit, |phone, now| phone.call(now, "900"));
        house.until_state(phone, State::Talking);
        house.world.run(Duration::from_millis(500));
        let heard = |house: &House| house.world.phone(unit).ear.digits.clone();
        house.press(phone, '7');
        house.world.run(Duration::from_secs(1));
        house.press(phone, '9');
        house.world.run(Duration::from_secs(2));
        assert_eq!(heard(&house), "7", "once is not meant");
        house.press(phone, '9');
        house.world.run(Duration::from_secs(2));
        assert_eq!(heard(&house), if opens { "79" } else { "7" });
        let told = |what: &&CareFact| matches!(what, CareFact::UnitTold { order: Order::Door, by, .. } if by == "1002");
        assert_eq!(case_facts(&house).iter().filter(|what| told(what)).count(), usize::from(opens));
        // What is pressed then reaches it as before.
        house.press(phone, '4');
        house.world.run(Duration::from_secs(1));
        assert!(heard(&house).ends_with('4'));
        house.hang_up(unit);
        house.world.run(SOON);
        house.ends_clean();
    }
}

/// A unit whose alarm was lost, so that it only calls, is spoken to as it was heard last; where nothing was ever heard of it it may
/// be any. By no phone's single key a door opens.
#[test]
fn a_unit_that_only_calls_keeps_its_door_shut() {
    let sections = "[care]\nnumber = \"900\"\ncall_out = 0\n\
        [[agent]]\nnumber = \"7002\"\npin = \"4711\"\n[[queue]]\nname = \"care\"\n";
    let plan = "[[route]]\nname = \"bells\"\ncontext = \"agents\"\nwhen = { to = \"900\" }\n\
                steps = [{ dial = { phones = \"1002\" } }]\n";
    for pings in [true, false] {
        let mut house = House::with_sections(plan, sections, 13);
        subscriber(&mut house, &[("number", "1001")]);
        house.register(0);
        super::queue::sign_in(&mut house, 1, "7002");
        let (unit, phone) = (house.phones[0], house.phones[1]);
        let text = "<mrq><ref>p1</ref><cid>1001</cid><mty>PI</mty></mrq>";
        if pings {
            house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, text));
            house.world.run(Duration::from_secs(60));
        }
        house.world.with(unit, |phone, now| phone.call(now, "900"));
        house.until_state(phone, State::Talking);
        house.world.run(Duration::from_millis(500));
        for key in ['9', '9', '7'] {
            house.press(phone, key);
            house.world.run(Duration::from_secs(1));
        }
        assert_eq!(house.world.phone(unit).ear.digits, "7", "it was heard before: {pings}");
        let case = cases(&mut house)[0].case;
        assert_eq!(order(&mut house, case, Order::Talk, false).is_ok(), pings);
        house.world.run(Duration::from_secs(1));
        assert_eq!(house.world.phone(unit).ear.digits, if pings { "78" } else { "7" });
        house.hang_up(unit);
        house.world.run(SOON);
        house.ends_clean();
    }
}

/// R13: two minutes without a hand of ours and the line is released, as a fault; the case stays.
#[test]
fn a_line_that_nobody_sees_to_is_released_as_faulty() {
    let mut house = house("voice", 9);
    call(&mut house, "95081");
    house.world.run(Duration::from_secs(119));
    assert_eq!(house.state(house.caller), State::Talking);
    house.world.run(Duration::from_secs(3));
    assert!(matches!(house.state(house.caller), State::Ended(_)));
    let rows = cases(&mut house);
    assert_eq!((rows.len(), rows[0].line.as_str()), (1, "fault"));
    let released = CareFact::LineEnded {
        case: rows[0].case,
        call: case_facts(&house).into_iter().find_map(CareFact::call).expect("its call"),
        end: LineEnd::Fault,
        released: true,
    };
    assert!(case_facts(&house).contains(&&released), "{:#?}", case_facts(&house));
    let noted = house.facts("call_field").into_iter().any(|fact| {
        matches!(fact, FactKind::CallField { name, value, .. } if name == "line" && value == "fault")
    });
    assert!(noted, "on the call's record");
    house.ends_clean();
}

/// Whoever is still there when a notice does not come to its end is an alarm all the same, and not left with it.
#[test]
fn a_notice_without_end_keeps_nobody_from_being_heard() {
    let sections = "[care]\nnumber = \"900\"\ncall_out = 0\n";
    let plan = "[[route]]\nname = \"bells\"\ncontext = \"agents\"\nwhen = { to = \"900\" }\n\
                steps = [{ dial = { phones = \"1002\" } }]\n";
    let mut house = House::with_sections(plan, sections, 11);
    house.world.clip("zh-CN/care/notice-battery", house::sine(NOTICE_HZ).repeat(90));
    (0..2).for_each(|n| house.register(n));
    let unit = house.phones[0];
    subscriber(&mut house, &[("number", "1001")]);
    let text = "<mrq><ref>b1</ref><cid>1001</cid><dty>3</dty><stc>16</stc></mrq>";
    house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, text));
    house.world.run(Duration::from_secs(1));
    house.world.with(unit, |phone, now| phone.call(now, "900"));
    house.until_state(unit, State::Talking);
    house.world.run(Duration::from_secs(25));
    assert_eq!(cases(&mut house).len(), 0, "it still sounds");
    house.world.run(Duration::from_secs(10));
    assert_eq!(cases(&mut house).len(), 1);
    assert_eq!(house.world.phone(house.phones[1]).state, State::Talking);
    house.world.with(unit, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(2));
    house.ends_clean();
}

/// A terminal reports a low battery by MESSAGE and calls: it hears so, and whoever stays on the line is an alarm.
#[test]
fn a_terminal_that_calls_after_its_notice_hears_it() {
    let sections = "[care]\nnumber = \"900\"\ncall_out = 0\n";
    let plan = "[[route]]\nname = \"bells\"\ncontext = \"agents\"\nwhen = { to = \"900\" }\n\
                steps = [{ dial = { phones = \"1002\" } }]\n";
    let mut house = House::with_sections(plan, sections, 10);
    house.world.clip("zh-CN/care/notice-battery", house::sine(NOTICE_HZ).repeat(4));
    (0..2).for_each(|n| house.register(n));
    let unit = house.phones[0];
    subscriber(&mut house, &[("number", "1001")]);
    let low = |house: &mut House, reference: &str| {
        let text =
            format!("<mrq><ref>{reference}</ref><cid>1001</cid><dty>3</dty><stc>16</stc></mrq>");
        house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, &text));
        house.world.run(Duration::from_secs(1));
    };
    low(&mut house, "b1");
    house.world.with(unit, |phone, now| phone.call(now, "900"));
    house.until_state(unit, State::Talking);
    assert_eq!(house.hears(unit, &[NOTICE_HZ, house::hz(0)]), Some(NOTICE_HZ));
    assert_eq!(cases(&mut house).len(), 0, "a notice is no alarm");
    house.until_state(house.phones[1], State::Talking);
    assert_eq!(cases(&mut house).len(), 1, "whoever stays wants somebody");
    house.world.with(unit, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(2));
    // One that goes when it has heard it.
    let case = cases(&mut house)[0].case;
    house.world.ask(Request::CloseCase(case, "it asked".into(), String::new()));
    low(&mut house, "b2");
    house.world.with(unit, |phone, now| phone.call(now, "900"));
    house.until_state(unit, State::Talking);
    house.world.run(Duration::from_millis(500));
    house.world.with(unit, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(2));
    assert_eq!(cases(&mut house).len(), 0);
    // It is well again: off the list.
    let troubles = |house: &mut House| match house.world.ask(Request::Cases) {
        Some(Reply::Cases { troubles, .. }) => troubles.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(troubles(&mut house), 1);
    let well = "<mrq><ref>b3</ref><cid>1001</cid><dty>3</dty><stc>15</stc></mrq>";
    house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, well));
    house.world.run(Duration::from_secs(1));
    assert_eq!(troubles(&mut house), 0);
    house.ends_clean();
}

/// A phone that rings for it, by no queue, may be answered yet: its line is kept on meanwhile.
#[test]
fn a_line_for_which_a_phone_rings_is_kept_on() {
    let plan = "[[route]]\nname = \"bells\"\ncontext = \"gateway\"\nwhen = { to = \"95081\" }\n\
                steps = [{ dial = { phones = \"1002\", timeout = 140 } }]\n";
    let sections = "[care]\nbells = [\"95081\"]\ncall_out = 0\n[receiver]\ncalls = \"voice\"\n";
    let mut house = House::with_sections(plan, sections, 14);
    house.register(1);
    let (unit, phone) = (house.caller, house.phones[1]);
    let late = Manner::AnswerAfter(Duration::from_secs(126));
    house.world.with(phone, |phone, _| phone.behave(late));
    house.world.with(unit, |phone, now| phone.call(now, "95081"));
    house.world.run(Duration::from_secs(124));
    assert_eq!(house.state(phone), State::Ringing, "{:#?}", house.world.warnings);
    house.until_state(phone, State::Talking);
    house.hear_each_other(unit, phone);
    house.hang_up(unit);
    house.world.run(SOON);
    assert_eq!(cases(&mut house)[0].line, "normal");
    house.ends_clean();
}

/// An agent who asks a colleague on a second line sends the home there from that line: its case and its door go with it.
#[test]
fn a_home_that_is_moved_into_another_call_is_its_case_there() {
    let sections = "[care]\nnumber = \"900\"\ncall_out = 0\n[[queue]]\nname = \"care\"\n";
    let plan = "[[route]]\nname = \"bells\"\ncontext = \"agents\"\nwhen = { to = \"900\" }\n\
                steps = [{ dial = { phones = \"1001\" } }]\n\
                [[route]]\nname = \"phones\"\ncontext = \"agents\"\nwhen = { to = \"1xxx\" }\n\
                steps = [{ dial = { phones = \"${to}\" } }]\n";
    let mut house = House::with_sections(plan, sections, 15);
    (0..3).for_each(|n| house.register(n));
    let [agent, unit, colleague] = [0, 1, 2].map(|n| house.phones[n]);
    let text = "<mrq><ref>b1</ref><cid>1002</cid><dty>3</dty></mrq>";
    house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, text));
    house.world.run(Duration::from_secs(1));
    house.talk(unit, "900", agent);
    house.world.with(agent, |phone, now| phone.hold(now, true));
    let second = house.second_line(0);
    house.talk(second, "1003", colleague);
    let line = house.world.phone(agent).line().expect("a dialog");
    house.world.with(second, |phone, now| phone.refer_to_line(now, "1002", &line));
    house.until_state(second, State::Ended(0));
    house.hear_each_other(unit, colleague);
    house.world.run(Duration::from_secs(1));
    for key in ['9', '9', '7'] {
        house.press(colleague, key);
        house.world.run(Duration::from_secs(1));
    }
    assert_eq!(house.world.phone(unit).ear.digits, "7", "the door stays shut");
    let case = cases(&mut house)[0].case;
    order(&mut house, case, Order::Talk, false).expect("it is in a call");
    house.world.run(Duration::from_secs(130));
    assert!(house.world.phone(unit).ear.digits.starts_with("78"));
    assert_eq!(house.state(unit), State::Talking, "its line is one in which somebody talks");
    house.hang_up(unit);
    house.world.run(SOON);
    let untold = |what: &&CareFact| matches!(what, CareFact::NoCall { .. });
    assert!(!case_facts(&house).iter().any(untold));
    assert_eq!(cases(&mut house)[0].line, "normal");
    house.ends_clean();
}
