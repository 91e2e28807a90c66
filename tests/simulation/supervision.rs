//! Supervision: who hears whom while a supervisor listens, whispers and joins, what the recording has of
//! it, and who may. Each party is a tone of its own.

use belfry::base::Duration;
use belfry::dsp::level::tone_dbm0;
use belfry::sim::phone::{Manner, State};
use belfry::sim::recorder::Recorder;
use belfry::switch::console::{AgentOrder, SuperviseOrder};
use belfry::switch::fact::{AgentFact, EndedBy, FactKind};
use belfry::switch::{Reply, Request};

use super::house::{CALLER_HZ, House, channels, hz};

const PLAN: &str = "
[[route]]
name = \"line\"
context = \"gateway\"
when = { to = \"800\" }
steps = [{ queue = { name = \"care\" } }]
[[route]]
name = \"recorded\"
context = \"agents\"
when = { to = \"9(1xxx)\" }
steps = [{ dial = { phones = \"$1\", record = true } }]
[[route]]
name = \"phones\"
context = \"agents\"
when = { to = \"1xxx\" }
steps = [{ dial = { phones = \"${to}\" } }]
";

const CENTRE: &str = "
[[agent]]
number = \"7001\"
pin = \"4711\"
[[agent]]
number = \"7002\"
pin = \"4711\"
[[agent]]
number = \"7900\"
pin = \"4711\"
role = \"supervisor\"
[[agent]]
number = \"7901\"
pin = \"4711\"
role = \"supervisor\"
[[queue]]
name = \"care\"
agents = [\"7001\"]
";

/// The customer, the agent at 1001, the supervisors at 1003 and 1004; 1002 is an agent, too.
const CUSTOMER: usize = 9;
const AGENT: usize = 0;
const SUPERVISOR: usize = 2;

/// A tone that comes through one codec and mixing is louder than this.
const HEARD_DBM0: f64 = -30.0;

fn house(seed: u64) -> House {
    let mut house = House::with_sections(PLAN, CENTRE, seed);
    for (n, agent) in [(0, "7001"), (1, "7002"), (2, "7900"), (3, "7901")] {
        sign_in(&mut house, n, agent);
    }
    house
}

fn sign_in(house: &mut House, n: usize, agent: &str) {
    house.register(n);
    call(house, n, &format!("*11{agent}"));
    let phone = house.phones[n];
    house.until_state(phone, State::Talking);
    house.world.run(Duration::from_millis(600));
    "4711#".chars().for_each(|key| house.press(phone, key));
    house.until_state(phone, State::Ended(0));
}

fn call(house: &mut House, n: usize, number: &str) {
    let phone = house.phones[n];
    house.world.with(phone, |phone, now| phone.call(now, number));
}

/// The customer is in the queue and the agent has it.
fn talk(house: &mut House) {
    let (caller, agent) = (house.caller, house.phones[AGENT]);
    house.talk(caller, "800", agent);
    // The agent's answer is on its way.
    house.world.run(Duration::from_millis(200));
}

/// The supervisor dials and is answered.
fn dial(house: &mut House, number: &str) {
    call(house, SUPERVISOR, number);
    house.until_state(house.phones[SUPERVISOR], State::Talking);
}

fn index(house: &House, who: usize) -> usize {
    if who == CUSTOMER { house.caller } else { house.phones[who] }
}

fn loud(samples: &[i16]) -> Vec<usize> {
    let tones = (0..4).map(|n| (n, hz(n))).chain([(CUSTOMER, CALLER_HZ)]);
    tones.filter(|(_, hz)| tone_dbm0(samples, *hz) > HEARD_DBM0).map(|(n, _)| n).collect()
}

/// Whom `who` hears.
fn hears(house: &mut House, who: usize) -> Vec<usize> {
    let phone = index(house, who);
    house.world.run(Duration::from_millis(700));
    house.world.with(phone, |phone, _| phone.ear.forget());
    house.world.run(Duration::from_secs(1));
    let samples = house.world.phone(phone).ear.samples().to_vec();
    loud(samples.get(800..samples.len().saturating_sub(800)).unwrap_or(&[]))
}

/// Who hears whom: the customer, the agent, the supervisor.
fn heard(house: &mut House) -> [Vec<usize>; 3] {
    [CUSTOMER, AGENT, SUPERVISOR].map(|who| hears(house, who))
}

/// Uses of supervision as the journal has them: what, and why it was refused.
fn uses(house: &House) -> Vec<(String, String)> {
    let used = |kind: &&FactKind| match kind {
        FactKind::Agent { what: AgentFact::Supervised { act, refused, .. }, .. } => {
            Some((act.clone(), refused.clone()))
        }
        _ => None,
    };
    house.facts("agent").iter().filter_map(used).collect()
}

fn acts(house: &House) -> Vec<String> {
    uses(house).into_iter().filter(|(_, refused)| refused.is_empty()).map(|(act, _)| act).collect()
}

const LISTENS: [&[usize]; 3] = [&[AGENT], &[CUSTOMER], &[AGENT, CUSTOMER]];
const WHISPERS: [&[usize]; 3] = [&[AGENT], &[SUPERVISOR, CUSTOMER], &[AGENT, CUSTOMER]];
const JOINS: [&[usize]; 3] = [&[AGENT, SUPERVISOR], &[SUPERVISOR, CUSTOMER], &[AGENT, CUSTOMER]];

#[test]
fn listening_whispering_and_joining_are_heard_by_whom_they_should_and_recorded_so() {
    let mut house = house(1);
    talk(&mut house);
    let began = house.world.now();
    dial(&mut house, "*707001");
    assert_eq!(heard(&mut house), LISTENS);
    let supervisor = house.phones[SUPERVISOR];
    house.press(supervisor, '1');
    let whispers_from = house.world.now().since(began);
    assert_eq!(heard(&mut house), WHISPERS);
    let whispers_to = house.world.now().since(began);
    house.press(supervisor, '2');
    let joined_from = house.world.now().since(began);
    assert_eq!(heard(&mut house), JOINS);
    let joined_to = house.world.now().since(began);
    house.press(supervisor, '0');
    assert_eq!(heard(&mut house), LISTENS);
    house.hang_up(supervisor);
    house.world.run(Duration::from_secs(1));
    house.hear_each_other(house.caller, house.phones[AGENT]);
    house.hang_up(house.caller);
    house.ends_clean();
    assert_eq!(acts(&house), ["listen", "whisper", "barge", "listen", "end"]);

    let recording = house.world.recordings.values().next().expect("of the talk");
    let [left, right] = channels(recording);
    let part = |channel: &[i16], from: Duration, to: Duration| {
        let at = |time: Duration| (time.as_millis() as usize * 8).min(channel.len());
        loud(&channel[at(from + Duration::from_millis(700))..at(to)])
    };
    assert_eq!(part(&left, whispers_from, whispers_to), [CUSTOMER]);
    assert_eq!(part(&right, whispers_from, whispers_to), [AGENT], "no whisper is recorded");
    assert_eq!(part(&left, joined_from, joined_to), [CUSTOMER]);
    assert_eq!(
        part(&right, joined_from, joined_to),
        [AGENT, SUPERVISOR],
        "what the customer hears"
    );
}

/// An agent who calls another phone is the caller, on the left; while a supervisor has joined the other one is,
/// with what it hears on the right.
#[test]
fn a_talk_that_the_agent_began_is_recorded_with_who_joins_and_without_whispers() {
    let mut house = house(7);
    let (agent, other, supervisor) =
        (house.phones[AGENT], house.phones[1], house.phones[SUPERVISOR]);
    house.talk(agent, "91002", other);
    let began = house.world.now();
    dial(&mut house, "*707001");
    let mut parts = Vec::new();
    for key in ['1', '2', '0'] {
        house.press(supervisor, key);
        let from = house.world.now().since(began);
        house.world.run(Duration::from_secs(2));
        parts.push((from, house.world.now().since(began)));
    }
    house.hang_up(agent);
    house.ends_clean();
    let recording = house.world.recordings.values().next().expect("of the talk");
    let channels = channels(recording);
    let at = |time: Duration| time.as_millis() as usize * 8;
    let of = |(from, to): (Duration, Duration)| {
        let part = at(from + Duration::from_millis(700))..at(to);
        channels.each_ref().map(|channel| loud(&channel[part.clone()]))
    };
    let two = [vec![AGENT], vec![1]];
    let joined = [vec![1], vec![AGENT, SUPERVISOR]];
    assert_eq!(parts.into_iter().map(of).collect::<Vec<_>>(), [two.clone(), joined, two]);
}

/// The agent and the one it talks with came together by a transfer, each on a worker of its own; the agent is
/// on the left.
#[test]
fn a_talk_over_two_workers_is_recorded_without_whispers_and_taken_over() {
    let mut house = House::of_two_workers_with(PLAN, CENTRE, 8);
    sign_in(&mut house, 3, "7001");
    sign_in(&mut house, SUPERVISOR, "7900");
    let (agent, other, supervisor) = (house.phones[3], house.phones[1], house.phones[SUPERVISOR]);
    [0, 1].into_iter().for_each(|n| house.register(n));
    let first = house.phones[0];
    house.talk(agent, "91001", first);
    let second = house.second_line(0);
    let nth = house.phones.len() - 1;
    house.register(nth);
    house.talk(other, "1001", second);
    let line = house.world.phone(second).line().expect("a dialog");
    house.world.with(first, |phone, now| phone.refer_to_line(now, "1002", &line));
    for line in [first, second] {
        house.until_state(line, State::Ended(0));
    }
    house.hear_each_other(agent, other);
    dial(&mut house, "*717001");
    assert_eq!(hears(&mut house, 3), [1, SUPERVISOR]);
    assert_eq!(hears(&mut house, 1), [3]);
    house.press(supervisor, '4');
    house.until_state(agent, State::Ended(0));
    house.hear_each_other(other, supervisor);
    let taken_over = house.world.recordings.len();
    house.hang_up(other);
    house.ends_clean();
    assert_eq!(acts(&house), ["whisper", "end", "take_over"]);
    // While it whispered the agent and the other one were heard, and it was not; but for the moment in which it
    // took the agent's place.
    let (mut with_agent, mut with_both) = (0, 0);
    for recording in house.world.recordings.values() {
        let [left, right] = channels(recording);
        for (left, right) in left.chunks_exact(2_000).zip(right.chunks_exact(2_000)) {
            let voices = [loud(left), loud(right)].concat();
            with_both += usize::from(voices.contains(&3) && voices.contains(&SUPERVISOR));
            with_agent += usize::from(voices.contains(&3) && voices.contains(&1));
        }
    }
    assert!(with_agent > 8 && taken_over >= 2, "{with_agent} quarters of a second");
    assert!(with_both <= 1, "{with_both} quarters of a second");
}

#[test]
fn a_recorder_outside_gets_who_joins_and_no_whisper() {
    let at: std::net::SocketAddr = "10.9.0.1:5060".parse().expect("an address");
    let recorder = format!("[[recorder]]\nname = \"far\"\naddress = \"udp:{at}\"\n");
    let sections = format!("{CENTRE}{recorder}[record]\nrecorders = [\"far\"]\n");
    let mut house = House::with_sections(PLAN, &sections, 9);
    house.world.recorders.insert(at.ip(), Recorder::new(at, 6_000));
    sign_in(&mut house, AGENT, "7001");
    sign_in(&mut house, SUPERVISOR, "7900");
    talk(&mut house);
    dial(&mut house, "*717001");
    let supervisor = house.phones[SUPERVISOR];
    for (key, right) in
        [('1', &[AGENT][..]), ('2', &[AGENT, SUPERVISOR, CUSTOMER]), ('1', &[AGENT])]
    {
        house.press(supervisor, key);
        house.world.run(Duration::from_secs(2));
        let session = house.world.recorders[&at.ip()].only();
        let streams = [0, 1].map(|stream| {
            let heard = house.world.recorders[&at.ip()].stream(session, stream).expect("packets");
            let end = heard.samples.len() - 800;
            loud(&heard.samples[end - 4_000..end])
        });
        assert_eq!(streams, [vec![CUSTOMER], right.to_vec()], "{key}");
    }
    let session = house.world.recorders[&at.ip()].only();
    let told = session.told.iter().flat_map(|told| &told.participants);
    let of_supervisor: Vec<bool> =
        told.filter(|who| who.aor.contains("1003")).map(|who| who.until.is_some()).collect();
    assert_eq!(of_supervisor, [false, true], "it came and went");
    house.hang_up(house.caller);
    house.ends_clean();
}

#[test]
fn two_supervisors_whisper_apart_and_a_talk_outlives_them() {
    let mut house = house(2);
    talk(&mut house);
    dial(&mut house, "*717001");
    call(&mut house, 3, "*717001");
    house.until_state(house.phones[3], State::Talking);
    assert_eq!(hears(&mut house, CUSTOMER), [AGENT]);
    assert_eq!(hears(&mut house, AGENT), [SUPERVISOR, 3, CUSTOMER]);
    assert_eq!(hears(&mut house, 3), [AGENT, CUSTOMER], "not the other supervisor");
    house.hang_up(house.phones[SUPERVISOR]);
    assert_eq!(hears(&mut house, AGENT), [3, CUSTOMER]);
    // The talk is over: whoever was with it is released.
    house.hang_up(house.phones[AGENT]);
    house.until_state(house.phones[3], State::Ended(0));
    house.ends_clean();
    assert_eq!(acts(&house), ["whisper", "whisper", "end", "end"]);
}

#[test]
fn the_customer_waits_with_music_and_the_supervisor_stays() {
    let mut house = house(3);
    talk(&mut house);
    dial(&mut house, "*707001");
    let agent = house.phones[AGENT];
    house.world.with(agent, |phone, now| phone.hold(now, true));
    let waits = hears(&mut house, CUSTOMER);
    assert!(waits.is_empty(), "the agent is not heard: {waits:?}");
    house.world.with(agent, |phone, now| phone.hold(now, false));
    assert_eq!(heard(&mut house), LISTENS);
    house.hang_up(house.caller);
    house.ends_clean();
}

#[test]
fn a_supervisor_ends_a_call_and_takes_one_over() {
    let mut house = house(4);
    talk(&mut house);
    dial(&mut house, "*737001");
    house.until_state(house.caller, State::Ended(0));
    house.world.run(Duration::from_secs(40));
    let ended =
        |kind: &&FactKind| matches!(kind, FactKind::CallEnded { by: EndedBy::Supervisor, .. });
    assert_eq!(house.facts("call_ended").iter().filter(|kind| ended(kind)).count(), 1);

    for (code, keys) in [("*707001", "4"), ("*747001", "")] {
        talk(&mut house);
        dial(&mut house, code);
        let supervisor = house.phones[SUPERVISOR];
        keys.chars().for_each(|key| house.press(supervisor, key));
        house.until_state(house.phones[AGENT], State::Ended(0));
        house.hear_each_other(house.caller, supervisor);
        house.hang_up(house.caller);
        house.until_state(supervisor, State::Ended(0));
        house.world.run(Duration::from_secs(40));
    }
    house.ends_clean();
    assert_eq!(acts(&house), ["disconnect", "listen", "end", "take_over", "take_over"]);
}

#[test]
fn only_supervisors_may_and_each_refusal_is_written_down() {
    let mut house = house(5);
    talk(&mut house);
    let refused = |house: &mut House, n: usize, number: &str| {
        call(house, n, number);
        let phone = house.phones[n];
        house.until_state(phone, State::Talking);
        house.until_state(phone, State::Ended(0));
        uses(house).last().expect("it is written down").1.clone()
    };
    assert_eq!(refused(&mut house, 1, "*707001"), "no supervisor");
    assert_eq!(refused(&mut house, SUPERVISOR, "*707900"), "its own talk");
    assert_eq!(refused(&mut house, SUPERVISOR, "*707002"), "it talks with nobody");
    assert_eq!(refused(&mut house, SUPERVISOR, "*7099"), "no such agent");
    house.hear_each_other(house.caller, house.phones[AGENT]);
    house.hang_up(house.caller);
    house.ends_clean();
}

#[test]
fn an_operator_has_a_supervisors_phone_called() {
    let mut house = house(6);
    talk(&mut house);
    let order = |house: &mut House, word: &str, whom: &str, by: &str| {
        let line = format!("supervise {word} {whom} {by}");
        let Ok(belfry::console::commands::Order::Ask(request)) =
            belfry::console::commands::parse(&line)
        else {
            panic!("{line}")
        };
        house.world.ask(request)
    };
    let call = house.world.facts.iter().rev().find_map(|fact| match &fact.kind {
        FactKind::Queue { call, .. } => Some(call.to_string()),
        _ => None,
    });
    let call = call.expect("the queue's");
    let supervisor = house.phones[SUPERVISOR];
    house.world.with(supervisor, |phone, _| {
        phone.behave(Manner::AnswerAfter(Duration::from_millis(300)));
    });
    let reply = order(&mut house, "listen", &call, "7900");
    assert!(matches!(reply, Some(Reply::Done(_))), "{reply:?}");
    house.until_state(supervisor, State::Talking);
    assert_eq!(heard(&mut house), LISTENS);
    assert!(matches!(order(&mut house, "whisper", "7001", "7900"), Some(Reply::Done(_))));
    assert_eq!(heard(&mut house), WHISPERS);
    assert!(matches!(order(&mut house, "listen", "7001", "7002"), Some(Reply::Refused(_))));
    let state = SuperviseOrder::State(AgentOrder::Break(0));
    let (whom, by) = ("7001".to_owned(), "7900".to_owned());
    let forced = house.world.ask(Request::Supervise { order: state, whom, by });
    assert!(matches!(forced, Some(Reply::Done(_))));
    assert!(matches!(order(&mut house, "disconnect", "7001", "7900"), Some(Reply::Done(_))));
    house.until_state(house.caller, State::Ended(0));
    house.ends_clean();
    let all = ["listen", "whisper", "break", "disconnect", "end"];
    assert_eq!(acts(&house), all);
}
