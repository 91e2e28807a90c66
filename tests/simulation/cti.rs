//! What programs ask by the API: CSTA's services as orders, and who may (R9, R2, R20).

use belfry::access::rights::{Rights, Role};
use belfry::base::{CallId, Duration};
use belfry::sim::phone::{Manner, State};
use belfry::switch::console::DeskOrder;
use belfry::switch::cti::{Agent, Answer, How, Order, Why, Wish};
use belfry::switch::fact::{AgentFact, EndedBy, FactKind};
use belfry::switch::{Reply, Request};

use super::consulting::{ALL, CALLER, hears};
use super::house::{House, MUSIC_HZ, hz};

const PLAN: &str = "
[[route]]
name = \"line\"
context = \"gateway\"
when = { to = \"800\" }
steps = [{ queue = { name = \"care\" } }]
[[route]]
name = \"inside\"
context = \"agents\"
when = { to = \"801\" }
steps = [{ queue = { name = \"care\" } }]
[[route]]
name = \"phones\"
context = \"agents\"
when = { to = \"1xxx\" }
steps = [{ dial = { phones = \"${to}\", timeout = 20 } }]
";

const CENTRE: &str = "
[[agent]]
number = \"7001\"
pin = \"4711\"
[[agent]]
number = \"7002\"
pin = \"4712\"
[[agent]]
number = \"7900\"
pin = \"4711\"
role = \"supervisor\"
[[queue]]
name = \"care\"
agents = [\"7001\", \"7002\"]
";

/// Phones 1001 to 1004, registered, that do what they are told.
fn house(seed: u64) -> House {
    house_with("", seed)
}

/// With more sections in the configuration.
fn house_with(more: &str, seed: u64) -> House {
    let mut house = House::with_sections(PLAN, &format!("{CENTRE}{more}"), seed);
    for n in 0..4 {
        house.register(n);
        let phone = house.phones[n];
        house.world.with(phone, |phone, _| phone.obeys = true);
    }
    house
}

fn rights(roles: &[Role], agent: Option<&str>) -> Rights {
    let phones = agent.iter().map(|_| "1001".to_owned()).collect();
    Rights {
        name: "test".into(),
        roles: roles.to_vec(),
        agent: agent.map(str::to_owned),
        phones,
        masked: false,
    }
}

fn admin() -> Rights {
    rights(&[Role::Admin], None)
}

fn ask(house: &mut House, rights: &Rights, order: Order) -> Answer {
    let reply = house.world.ask(Request::Cti(rights.clone(), order));
    let reply = reply.or_else(|| {
        house.world.run(Duration::from_millis(500));
        house.world.late_reply()
    });
    match reply {
        Some(Reply::Cti(answer)) => *answer,
        Some(Reply::Done(text)) => Answer::Done(text),
        Some(Reply::Refused(text)) => Answer::Refused(Why::Conflict, text),
        other => panic!("{other:?}"),
    }
}

fn why(answer: Answer) -> Why {
    let Answer::Refused(why, _) = answer else { panic!("{answer:?}") };
    why
}

fn log_on(house: &mut House, who: &Rights, agent: &str, device: &str, pin: &str) -> Answer {
    let to = Wish::LogOn { device: device.into(), pin: pin.into() };
    ask(house, who, Order::SetAgent { agent: agent.into(), to })
}

fn agent(answer: Answer) -> Agent {
    let Answer::Agent(agent) = answer else { panic!("{answer:?}") };
    agent
}

fn make(device: &str, to: &str) -> Order {
    Order::Make { device: device.into(), to: to.into() }
}

fn made(answer: Answer) -> CallId {
    let Answer::Made(call) = answer else { panic!("{answer:?}") };
    call
}

fn desk(device: &str, call: Option<CallId>, order: DeskOrder) -> Order {
    Order::Desk { device: device.into(), call, order }
}

fn states(answer: Answer) -> Vec<(String, String)> {
    let Answer::Call(call) = answer else { panic!("{answer:?}") };
    call.connections.into_iter().map(|party| (party.device, party.state)).collect()
}

#[test]
fn a_call_is_made_answered_held_taken_back_and_cleared() {
    let mut house = house(1);
    let (alice, bob) = (house.phones[0], house.phones[1]);
    house.world.with(bob, |phone, _| phone.behave(Manner::Ring));
    let call = made(ask(&mut house, &admin(), make("1001", "1002")));
    house.until_state(bob, State::Ringing);
    house.world.run(Duration::from_millis(200));
    let Answer::Device(device) = ask(&mut house, &admin(), Order::Device("1002".into())) else {
        panic!("a device")
    };
    assert_eq!((device.registered, device.calls.len()), (true, 1));
    assert_eq!(device.calls[0].call, call);
    assert!(matches!(
        ask(&mut house, &admin(), desk("1002", Some(call), DeskOrder::Answer)),
        Answer::Done(_)
    ));
    house.until_state(alice, State::Talking);
    house.hear_each_other(alice, bob);
    assert!(matches!(
        ask(&mut house, &admin(), desk("1001", None, DeskOrder::Hold)),
        Answer::Done(_)
    ));
    let shown = states(ask(&mut house, &admin(), Order::Call(call)));
    assert_eq!(shown, [("1001".into(), "hold".into()), ("1002".into(), "connected".into())]);
    assert!(matches!(
        ask(&mut house, &admin(), desk("1001", None, DeskOrder::Resume)),
        Answer::Done(_)
    ));
    house.hear_each_other(alice, bob);
    let clear = Order::Clear { device: "1002".into(), call: Some(call) };
    assert!(matches!(ask(&mut house, &admin(), clear), Answer::Done(_)));
    house.until_state(alice, State::Ended(0));
    house.ends_clean();
    let ended = house.facts("leg_ended");
    let by = |fact: &&&FactKind| matches!(fact, FactKind::LegEnded { by: EndedBy::Program, .. });
    assert!(ended.iter().any(|fact| by(&fact)), "the program did it, not the phone: {ended:?}");
}

#[test]
fn a_call_is_sent_on_deflected_and_two_lines_are_joined() {
    let mut house = house(2);
    let [alice, bob, carol] = [0, 1, 2].map(|n| house.phones[n]);
    // Blind: Alice sends Bob to Carol.
    made(ask(&mut house, &admin(), make("1001", "1002")));
    house.until_state(bob, State::Talking);
    house.hear_each_other(alice, bob);
    let to = |to: &str| Order::Transfer { device: "1001".into(), call: None, to: to.into() };
    assert_eq!(why(ask(&mut house, &admin(), to("no number"))), Why::Invalid);
    assert!(matches!(ask(&mut house, &admin(), to("1003")), Answer::Done(_)));
    house.until_state(carol, State::Talking);
    house.hear_each_other(bob, carol);
    house.hang_up(bob);
    house.ends_clean();
    // Deflected: what rings at Bob goes to Carol.
    house.world.with(bob, |phone, _| phone.behave(Manner::Ring));
    made(ask(&mut house, &admin(), make("1001", "1002")));
    house.until_state(bob, State::Ringing);
    house.world.run(Duration::from_millis(200));
    let deflect = |to: &str| Order::Deflect { device: "1002".into(), call: None, to: to.into() };
    assert_eq!(why(ask(&mut house, &admin(), deflect("5555"))), Why::Conflict);
    assert!(matches!(ask(&mut house, &admin(), deflect("1003")), Answer::Done(_)));
    house.until_state(carol, State::Talking);
    house.hear_each_other(alice, carol);
    assert_ne!(house.state(bob), State::Ringing);
    house.hang_up(carol);
    house.ends_clean();
    assert!(house.facts("diverted").len() == 1);
}

#[test]
fn two_lines_are_joined_without_refer() {
    let mut house = house(3);
    let [alice, bob, carol] = [0, 1, 2].map(|n| house.phones[n]);
    house.world.with(bob, |phone, now| phone.call(now, "1001"));
    house.until_state(bob, State::Talking);
    let order = Order::Join("1001".into());
    assert_eq!(why(ask(&mut house, &admin(), order.clone())), Why::Conflict, "one call");
    house.world.with(alice, |phone, now| phone.hold(now, true));
    house.world.run(Duration::from_millis(500));
    let second = house.second_line(0);
    house.world.with(second, |phone, now| phone.call(now, "1003"));
    house.until_state(carol, State::Talking);
    // Her answer is on its way.
    house.world.run(Duration::from_millis(500));
    assert!(matches!(ask(&mut house, &admin(), order), Answer::Done(_)));
    house.until_state(alice, State::Ended(0));
    house.hear_each_other(bob, carol);
    house.hang_up(bob);
    house.ends_clean();
}

fn confer(device: &str, held: Option<CallId>, active: Option<CallId>) -> Order {
    Order::Confer { device: device.into(), held, active }
}

/// A caller of the queue waits on hold at 1001, which asks 1003 on its second line: the queue's call, the other,
/// and the second line.
fn held_and_asked(seed: u64) -> (House, CallId, CallId, usize) {
    let mut house = house(seed);
    agent(log_on(&mut house, &admin(), "7001", "1001", "4711"));
    let (caller, alice) = (house.caller, house.phones[0]);
    house.talk(caller, "800", alice);
    house.world.run(Duration::from_millis(200));
    let calls = |house: &mut House| match ask(house, &admin(), Order::Calls) {
        Answer::Calls(calls) => calls.into_iter().map(|call| call.call).collect::<Vec<CallId>>(),
        other => panic!("{other:?}"),
    };
    let first = calls(&mut house)[0];
    assert_eq!(why(ask(&mut house, &admin(), confer("1001", None, None))), Why::Conflict, "one");
    assert!(matches!(
        ask(&mut house, &admin(), desk("1001", None, DeskOrder::Hold)),
        Answer::Done(_)
    ));
    let second = house.second_line(0);
    house.world.with(second, |phone, now| phone.call(now, "1003"));
    house.until_state(house.phones[2], State::Talking);
    house.world.run(Duration::from_millis(500));
    let other = calls(&mut house).into_iter().find(|call| *call != first).expect("two calls");
    (house, first, other, second)
}

fn all_hear(house: &mut House) -> [Vec<usize>; 3] {
    let line = house.phones.len() - 1;
    [CALLER, line, 2].map(|who| hears(house, who))
}

/// R9, R2: ConferenceCall. The queue's call goes on, its agent talks in it, and whoever goes leaves the two others.
#[test]
fn two_calls_become_a_conference_and_any_one_may_leave() {
    for leaves in 0..3 {
        let (mut house, first, other, line) = held_and_asked(20 + leaves);
        let own = rights(&[Role::Agent], Some("7001"));
        let order = match leaves {
            0 => confer("1001", Some(first), Some(other)),
            _ => confer("1001", None, None),
        };
        assert_eq!(why(ask(&mut house, &own, confer("1003", None, None))), Why::Forbidden);
        assert_eq!(made(ask(&mut house, &own, order)), first, "the call of who was held");
        let alice = house.phones[0];
        house.until_state(alice, State::Ended(0));
        assert_eq!(all_hear(&mut house), ALL);
        assert_eq!(why(ask(&mut house, &own, Order::Call(other))), Why::Forbidden, "it is over");
        let shown = states(ask(&mut house, &admin(), Order::Call(first)));
        assert_eq!(shown.len(), 3, "{shown:?}");
        let seen = agent(ask(&mut house, &admin(), Order::Agent("7001".into())));
        assert_eq!((seen.reason.as_str(), seen.call), ("talking", Some(first)));
        assert_eq!(house.facts("conferenced").len(), 1);
        let (caller, third) = (house.caller, house.phones[2]);
        let (gone, stay) = match leaves {
            0 => (line, [caller, third]),
            1 => (caller, [line, third]),
            _ => (third, [caller, line]),
        };
        house.hang_up(gone);
        house.world.run(Duration::from_millis(500));
        house.hear_each_other(stay[0], stay[1]);
        let seen = agent(ask(&mut house, &admin(), Order::Agent("7001".into())));
        let state = ["working_after_call", "working_after_call", "busy"][leaves as usize];
        assert_eq!(seen.state, state, "{leaves}");
        house.hang_up(stay[0]);
        house.ends_clean();
        assert_eq!(house.facts("call_ended").len(), 2);
    }
}

/// R2, R9: after-call work by order follows the talk, and lasts on while more is asked for.
#[test]
fn after_call_work_is_ordered() {
    let mut house = house(40);
    let own = rights(&[Role::Agent], Some("7001"));
    let boss = rights(&[Role::Supervisor], Some("7900"));
    let set = || Order::SetAgent { agent: "7001".into(), to: Wish::AfterCall };
    assert_eq!(why(ask(&mut house, &own, set())), Why::Conflict, "signed out");
    agent(log_on(&mut house, &own, "7001", "1001", "4711"));
    assert_eq!(why(ask(&mut house, &own, set())), Why::Conflict, "it has written of nobody");
    let (caller, alice) = (house.caller, house.phones[0]);
    house.talk(caller, "800", alice);
    house.world.run(Duration::from_millis(200));
    let seen = agent(ask(&mut house, &boss, set()));
    assert_eq!(
        (seen.state.as_str(), seen.pending.as_deref()),
        ("busy", Some("working_after_call"))
    );
    house.hang_up(caller);
    house.world.run(Duration::from_secs(25));
    let seen = agent(ask(&mut house, &own, set()));
    assert_eq!((seen.state.as_str(), seen.pending), ("working_after_call", None));
    assert!(seen.ms > 24_000, "it is the same work: {} ms", seen.ms);
    house.world.run(Duration::from_secs(25));
    let seen = |house: &mut House| agent(ask(house, &own, Order::Agent("7001".into()))).state;
    assert_eq!(seen(&mut house), "working_after_call", "it was given 30 s anew");
    house.world.run(Duration::from_secs(6));
    assert_eq!(seen(&mut house), "ready");
    let states = house.facts("agent").into_iter().filter(|fact| {
        matches!(fact, FactKind::Agent { what: AgentFact::State { state, .. }, .. } if state == "after_call")
    });
    assert_eq!(states.count(), 1, "figures have it once");
    house.ends_clean();
}

/// Whom a phone asks by keys comes in by the same order.
#[test]
fn a_consultation_by_keys_becomes_a_conference_by_order() {
    let mut house = house(30);
    agent(log_on(&mut house, &admin(), "7001", "1001", "4711"));
    let (caller, alice) = (house.caller, house.phones[0]);
    house.talk(caller, "800", alice);
    house.world.run(Duration::from_millis(200));
    let order = confer("1001", None, None);
    "*21003#".chars().for_each(|key| house.press(alice, key));
    house.until_state(house.phones[2], State::Talking);
    house.world.run(Duration::from_millis(500));
    made(ask(&mut house, &admin(), order.clone()));
    assert_eq!([CALLER, 0, 2].map(|who| hears(&mut house, who)), ALL);
    assert_eq!(why(ask(&mut house, &admin(), order)), Why::Conflict, "they are together");
    house.hang_up(alice);
    house.hear_each_other(caller, house.phones[2]);
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn agents_sign_in_by_their_pin_and_each_token_acts_for_whom_it_may() {
    let mut house = house(4);
    let own = rights(&[Role::Agent], Some("7001"));
    let boss = rights(&[Role::Supervisor], Some("7900"));
    let wall = rights(&[Role::Read], None);
    assert_eq!(why(log_on(&mut house, &own, "7001", "1001", "0000")), Why::Forbidden);
    assert_eq!(why(log_on(&mut house, &own, "7001", "1999", "4711")), Why::NotFound);
    assert_eq!(why(log_on(&mut house, &own, "7002", "1001", "4712")), Why::Forbidden, "another's");
    // A phone that the token does not name, with the right PIN: with it would come what that phone may dial.
    assert_eq!(why(log_on(&mut house, &own, "7001", "1004", "4711")), Why::Forbidden);
    assert_eq!(why(ask(&mut house, &own, make("1004", "1003"))), Why::Forbidden);
    let signed = agent(log_on(&mut house, &own, "7001", "1001", "4711"));
    assert_eq!((signed.device.as_deref(), signed.state.as_str()), (Some("1001"), "ready"));
    let set = |to| Order::SetAgent { agent: "7001".into(), to };
    let lunch = agent(ask(&mut house, &own, set(Wish::NotReady(3))));
    assert_eq!(
        (lunch.state.as_str(), lunch.reason.as_str(), lunch.code),
        ("not_ready", "break", 3)
    );
    assert_eq!(agent(ask(&mut house, &own, set(Wish::Ready))).state, "ready");
    assert_eq!(why(ask(&mut house, &wall, set(Wish::NotReady(0)))), Why::Forbidden);
    // Its own phone, and no other.
    assert_eq!(why(ask(&mut house, &own, make("1002", "1003"))), Why::Forbidden);
    assert_eq!(why(ask(&mut house, &own, Order::Device("1002".into()))), Why::Forbidden);
    assert!(matches!(ask(&mut house, &own, Order::Device("1001".into())), Answer::Device(_)));
    let Answer::Agents(seen) = ask(&mut house, &own, Order::Agents) else { panic!("agents") };
    assert_eq!(seen.len(), 1, "itself alone");
    let Answer::Agents(seen) = ask(&mut house, &wall, Order::Agents) else { panic!("agents") };
    assert_eq!(seen.len(), 3);
    assert_eq!(why(ask(&mut house, &own, Order::Agent("9".into()))), Why::Forbidden);
    assert_eq!(why(ask(&mut house, &wall, Order::Agent("9".into()))), Why::NotFound);
    // A supervisor forces, and that is written down with who did.
    assert_eq!(agent(ask(&mut house, &boss, set(Wish::NotReady(0)))).reason, "forced");
    assert_eq!(agent(ask(&mut house, &boss, set(Wish::LogOff))).state, "null");
    assert_eq!(why(ask(&mut house, &boss, set(Wish::Ready))), Why::Conflict);
    let acts: Vec<(String, String)> = house
        .facts("agent")
        .into_iter()
        .filter_map(|fact| match fact {
            FactKind::Agent { what: AgentFact::Supervised { by, act, refused, .. }, .. } => {
                Some((format!("{by} {act}"), refused.clone()))
            }
            _ => None,
        })
        .collect();
    let done = |act: &str| (format!("7900 {act}"), String::new());
    assert_eq!(acts[..2], [done("break"), done("sign_out")]);
    assert_eq!(acts[2].0, "7900 ready");
    assert!(!acts[2].1.is_empty(), "what was refused is written down too");
    house.ends_clean();
}

#[test]
fn data_is_put_to_a_call_and_a_supervisor_listens_for_itself_alone() {
    let mut house = house(5);
    let own = rights(&[Role::Agent], Some("7001"));
    let boss = rights(&[Role::Supervisor], Some("7900"));
    agent(log_on(&mut house, &own, "7001", "1001", "4711"));
    agent(log_on(&mut house, &admin(), "7900", "1003", "4711"));
    agent(ask(&mut house, &own, Order::SetAgent { agent: "7001".into(), to: Wish::Ready }));
    let (caller, alice) = (house.caller, house.phones[0]);
    house.talk(caller, "800", alice);
    house.world.run(Duration::from_millis(200));
    let Answer::Calls(calls) = ask(&mut house, &own, Order::Calls) else { panic!("calls") };
    let call = calls[0].call;
    let data = |name: &str, value: &str| Order::Data(call, vec![(name.into(), value.into())]);
    assert!(matches!(ask(&mut house, &own, data("case", "4711")), Answer::Done(_)));
    for (name, value) in [("", "x"), ("a b", "x"), ("a", "x\ny"), (&*"n".repeat(65), "x")] {
        assert_eq!(why(ask(&mut house, &own, data(name, value))), Why::Invalid, "{name}");
    }
    let case =
        |fact: &&FactKind| matches!(fact, FactKind::CallField { name, .. } if name == "case");
    assert_eq!(house.facts("call_field").into_iter().filter(|fact| case(fact)).count(), 1);
    let watch = |by: &str| Order::Watch { agent: "7001".into(), by: by.into(), how: How::Listen };
    assert_eq!(why(ask(&mut house, &own, watch("7001"))), Why::Forbidden);
    assert_eq!(why(ask(&mut house, &boss, watch("7002"))), Why::Forbidden, "in nobody else's name");
    assert!(matches!(ask(&mut house, &boss, watch("7900")), Answer::Done(_)));
    house.until_state(house.phones[2], State::Talking);
    house.world.run(Duration::from_millis(500));
    let listens = |fact: &&FactKind| matches!(fact, FactKind::Agent { what: AgentFact::Supervised { act, .. }, .. } if act == "listen");
    assert_eq!(house.facts("agent").into_iter().filter(|fact| listens(fact)).count(), 1);
    assert_eq!(why(ask(&mut house, &own, Order::ClearCall(call))), Why::Forbidden);
    assert!(matches!(ask(&mut house, &boss, Order::ClearCall(call)), Answer::Done(_)));
    house.until_state(caller, State::Ended(0));
    house.ends_clean();
    assert_eq!(why(ask(&mut house, &boss, Order::Call(call))), Why::NotFound);
}

/// R24: a program gives what a call was about, by the code or its name, with a note; after-call work ends with it or goes
/// on, and what came is answered when it is on the disk.
#[test]
fn a_form_is_filled_in_after_a_call() {
    const CODES: &str = "[[wrap_up]]\ncode = \"17\"\nname = \"complaint\"\n";
    let mut house = house_with(CODES, 50);
    let own = rights(&[Role::Agent], Some("7001"));
    let other = rights(&[Role::Agent], Some("7002"));
    let form = |code: &str, text: &str, call, done| Order::WrapUp {
        agent: "7001".into(),
        code: code.into(),
        text: text.into(),
        call,
        done,
    };
    assert_eq!(why(ask(&mut house, &own, form("17", "", None, true))), Why::Conflict, "signed out");
    agent(log_on(&mut house, &own, "7001", "1001", "4711"));
    let (caller, alice) = (house.caller, house.phones[0]);
    house.talk(caller, "800", alice);
    house.world.run(Duration::from_millis(200));
    let Answer::Calls(calls) = ask(&mut house, &own, Order::Calls) else { panic!("calls") };
    let call = Some(calls[0].call);
    house.hang_up(caller);
    house.world.run(Duration::from_secs(1));
    let Answer::WrapUpCodes(codes) = ask(&mut house, &own, Order::WrapUpCodes) else { panic!() };
    assert_eq!((codes[0].code.as_str(), codes[0].name.as_str()), ("17", "complaint"));
    assert_eq!(why(ask(&mut house, &other, form("17", "", call, true))), Why::Forbidden);
    let Answer::Refused(Why::Invalid, said) = ask(&mut house, &own, form("18", "", call, true))
    else {
        panic!("no such code")
    };
    assert!(said.contains("17 (complaint)"), "what there is is named: {said}");
    for text in ["x".repeat(2_001), "\u{7}".into()] {
        assert_eq!(why(ask(&mut house, &own, form("17", &text, call, true))), Why::Invalid);
    }
    // The disk is slow: nothing is said to be noted before it is.
    house.world.disk_is_well = false;
    let order = Request::Cti(own.clone(), form("complaint", "the bell\nis silent", call, false));
    assert!(house.world.ask(order).is_none() && house.world.late_reply().is_none());
    house.world.disk_is_well = true;
    let wraps = |house: &House| -> Vec<(u64, String, String)> {
        let of = |fact: &belfry::switch::fact::Fact| match &fact.kind {
            FactKind::Agent { what: AgentFact::WrapUp { code, text, .. }, .. } => {
                Some((fact.seq, code.clone(), text.clone()))
            }
            _ => None,
        };
        house.world.facts.iter().filter_map(of).collect()
    };
    let (seq, code, text) = wraps(&house)[0].clone();
    assert_eq!((code.as_str(), text.as_str()), ("17", "the bell\nis silent"));
    house.world.input(belfry::switch::Input::Durable(seq));
    let Some(Reply::Cti(answer)) = house.world.late_reply() else { panic!("it is on the disk") };
    assert_eq!(agent(*answer).state, "working_after_call", "it goes on");
    assert_eq!(why(ask(&mut house, &own, form("17", "", call, false))), Why::Conflict, "once");
    assert_eq!(agent(ask(&mut house, &own, form("", "", None, true))).state, "ready");
    assert_eq!(wraps(&house).len(), 1);
    house.ends_clean();
}

/// R20: a token that acts for a supervising agent commands the agents of that one's teams, and no others.
#[test]
fn a_supervisor_of_a_team_commands_its_agents_alone() {
    const TEAMS: &str = "[[team]]\nname = \"day\"\nmembers = [\"7001\"]\nsupervisors = [\"7900\"]\n\
                         [[team]]\nname = \"night\"\nmembers = [\"7002\"]\n";
    let mut house = house_with(TEAMS, 51);
    let boss = rights(&[Role::Supervisor], Some("7900"));
    let free = rights(&[Role::Supervisor], None);
    for (number, device, pin) in [("7001", "1001", "4711"), ("7002", "1002", "4712")] {
        agent(log_on(&mut house, &admin(), number, device, pin));
    }
    let set = |agent: &str, to| Order::SetAgent { agent: agent.into(), to };
    assert_eq!(agent(ask(&mut house, &boss, set("7001", Wish::NotReady(0)))).reason, "forced");
    let lunch = agent(ask(&mut house, &boss, set("7001", Wish::NotReady(4))));
    assert_eq!((lunch.reason.as_str(), lunch.code), ("forced", 4), "the break keeps its kind");
    for to in [Wish::NotReady(0), Wish::LogOff, Wish::AfterCall, Wish::Ready] {
        assert_eq!(why(ask(&mut house, &boss, set("7002", to))), Why::Forbidden);
    }
    let seen = agent(ask(&mut house, &boss, Order::Agent("7002".into())));
    assert_eq!(seen.state, "ready", "nothing was done, and it is seen");
    let refused = |fact: &&FactKind| matches!(fact, FactKind::Agent { agent, what: AgentFact::Supervised { refused, .. } } if agent == "7002" && !refused.is_empty());
    assert_eq!(house.facts("agent").into_iter().filter(|fact| refused(fact)).count(), 4);
    // A talk of the night's agent with nobody of the day.
    let (caller, bob) = (house.caller, house.phones[1]);
    house.talk(caller, "800", bob);
    house.world.run(Duration::from_millis(200));
    let Answer::Calls(calls) = ask(&mut house, &boss, Order::Calls) else { panic!("calls") };
    let call = calls[0].call;
    let clear = || Order::Clear { device: "1002".into(), call: None };
    let transfer = || Order::Transfer { device: "1002".into(), call: None, to: "1003".into() };
    for order in [clear(), transfer(), Order::ClearCall(call), make("1002", "1003")] {
        assert_eq!(why(ask(&mut house, &boss, order)), Why::Forbidden);
    }
    house.hear_each_other(caller, bob);
    let watch = |agent: &str| {
        let how = How::Listen;
        Order::Watch { agent: agent.into(), by: "7900".into(), how }
    };
    assert_eq!(why(ask(&mut house, &boss, watch("7002"))), Why::Forbidden, "not of its team");
    assert_eq!(why(ask(&mut house, &boss, watch("7001"))), Why::Conflict, "who talks with nobody");
    // Who acts for no agent has all; and so has a supervisor whom no team lists.
    assert!(matches!(ask(&mut house, &free, clear()), Answer::Done(_)));
    house.until_state(bob, State::Ended(0));
    house.world.run(Duration::from_secs(1));
    house.ends_clean();
}

/// R2, R9: a phone that takes no second call takes back whom it held for it.
#[test]
fn a_consultation_that_the_phone_refuses_gives_the_customer_back() {
    let mut house = house(52);
    agent(log_on(&mut house, &admin(), "7001", "1001", "4711"));
    let (caller, alice) = (house.caller, house.phones[0]);
    house.talk(caller, "800", alice);
    house.world.run(Duration::from_millis(200));
    let hold = ask(&mut house, &admin(), desk("1001", None, DeskOrder::Hold));
    assert!(matches!(hold, Answer::Done(_)));
    house.world.run(Duration::from_millis(500));
    assert_eq!(house.hears(caller, &[MUSIC_HZ, hz(0)]), Some(MUSIC_HZ));
    let consult = Order::Consult { device: "1001".into(), to: "1003".into() };
    made(ask(&mut house, &admin(), consult));
    house.world.run(Duration::from_secs(2));
    house.hear_each_other(caller, alice);
    house.hang_up(caller);
    house.ends_clean();
}

/// R20: a program has a supervisor end a talk, or take it over.
#[test]
fn a_supervisor_takes_a_talk_over_and_ends_it_by_order() {
    let mut house = house(53);
    agent(log_on(&mut house, &admin(), "7001", "1001", "4711"));
    agent(log_on(&mut house, &admin(), "7900", "1003", "4711"));
    let boss = rights(&[Role::Supervisor], Some("7900"));
    let (caller, alice, carol) = (house.caller, house.phones[0], house.phones[2]);
    house.talk(caller, "800", alice);
    house.world.run(Duration::from_millis(200));
    let watch = |how| Order::Watch { agent: "7001".into(), by: "7900".into(), how };
    assert!(matches!(ask(&mut house, &boss, watch(How::TakeOver)), Answer::Done(_)));
    house.until_state(alice, State::Ended(0));
    house.hear_each_other(caller, carol);
    house.hang_up(caller);
    house.ends_clean();
    house.talk(caller, "800", alice);
    house.world.run(Duration::from_millis(200));
    assert!(matches!(ask(&mut house, &boss, watch(How::Disconnect)), Answer::Done(_)));
    house.until_state(alice, State::Ended(0));
    house.ends_clean();
}

/// R9, R16: who signs in by a program at a phone that talks is offered nobody until that talk is over.
#[test]
fn nobody_is_offered_at_a_phone_that_talks() {
    let mut house = house(61);
    agent(log_on(&mut house, &admin(), "7002", "1002", "4712"));
    let not_ready = Order::SetAgent { agent: "7002".into(), to: Wish::NotReady(0) };
    agent(ask(&mut house, &admin(), not_ready));
    let (caller, alice) = (house.caller, house.phones[0]);
    house.talk(house.phones[2], "1001", alice);
    house.world.with(caller, |phone, now| phone.call(now, "800"));
    house.until_state(caller, State::Talking);
    assert_eq!(agent(log_on(&mut house, &admin(), "7001", "1001", "4711")).state, "busy");
    house.world.run(Duration::from_secs(2));
    assert!(!super::queue::words(&house).contains(&"offered"), "nobody");
    house.hang_up(house.phones[2]);
    house
        .world
        .with(alice, |phone, _| phone.behave(Manner::AnswerAfter(Duration::from_millis(50))));
    super::queue::until_word(&mut house, "answered", 1);
    assert!(!super::queue::words(&house).contains(&"not_taken"));
    // A wrong PIN holds nobody back for ever.
    house.hang_up(caller);
    house.world.run(Duration::from_secs(2));
    assert_eq!(why(log_on(&mut house, &admin(), "7002", "1001", "0000")), Why::Forbidden);
    house.world.run(Duration::from_secs(40));
    house.world.with(caller, |phone, now| phone.call(now, "800"));
    super::queue::until_word(&mut house, "answered", 2);
    house.hang_up(caller);
    house.ends_clean();
}

/// R18: a caller inside who sends the agent on has transferred; the agent, whose figures say whom it has sent on, has not.
#[test]
fn a_transfer_says_whether_the_caller_made_it() {
    for (device, by_caller) in [("1003", true), ("1001", false)] {
        let mut house = house(62);
        agent(log_on(&mut house, &admin(), "7001", "1001", "4711"));
        let [alice, carol, last] = [0, 2, 3].map(|n| house.phones[n]);
        house.talk(carol, "801", alice);
        house.world.run(Duration::from_millis(300));
        let to = Order::Transfer { device: device.into(), call: None, to: "1004".into() };
        assert!(matches!(ask(&mut house, &admin(), to), Answer::Done(_)));
        house.until_state(last, State::Talking);
        house.hang_up(last);
        house.ends_clean();
        let facts = house.facts("transferred");
        let [FactKind::Transferred { by_caller: told, .. }] = &facts[..] else {
            panic!("{facts:?}")
        };
        assert_eq!(*told, by_caller, "{device}");
    }
}
