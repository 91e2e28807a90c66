//! Call-backs with audio: asked for by key, made by an agent when their turn comes, never twice.

use belfry::base::{Duration, Wall};
use belfry::dsp::level::tone_dbm0;
use belfry::sim::phone::{Manner, State};
use belfry::switch::calling_back::KeptBack;
use belfry::switch::console::BackRow;
use belfry::switch::fact::{FactKind, QueueFact};
use belfry::switch::{Input, Reply, Request};

use super::house::{House, MUSIC_HZ, sine};
use super::queue::{behaves, caller_calls, centre, code, dials, sign_in, until_word, words};

const PLAN: &str = "
[[route]]
name = \"line\"
context = \"gateway\"
when = { to = \"800\" }
steps = [{ queue = { name = \"care\", call-back = \"9\", on = { call-back = [{ hangup = {} }] } } }]
[[route]]
name = \"out\"
context = \"agents\"
when = { to = \"9(xxx.)\" }
steps = [{ dial = { gateway = \"e1-a\", number = \"$1\", timeout = 10, on = { else = [{ hangup = \"no-answer\" }] } } }]
";
const QUEUE: &str = "call_back = true\ncall_back_prefix = \"9\"\ncall_back_pause = \"1 min\"\n\
                     call_back_attempts = 2\nafter_call = \"0 s\"\nring = \"8 s\"\n";
const NUMBER: &str = "13800138000";
/// What prompts sound like here.
const NOTED_HZ: f64 = 1_500.0;
const AGENT_HZ: f64 = 1_700.0;
const ASKS_HZ: f64 = 1_900.0;

fn house(seed: u64) -> House {
    let mut house = House::with_sections(PLAN, &centre(QUEUE), seed);
    house.world.clip("zh-CN/queue/call-back-confirm", sine(ASKS_HZ));
    house.world.clip("zh-CN/queue/call-back-noted", sine(NOTED_HZ));
    house.world.clip("zh-CN/queue/call-back-agent", sine(AGENT_HZ));
    house
}

fn backs(house: &mut House) -> Vec<BackRow> {
    match house.world.ask(Request::CallBacks) {
        Some(Reply::CallBacks(rows)) => rows,
        other => panic!("{other:?}"),
    }
}

/// The caller waits, since the agent has a break, and asks for a call-back with these keys.
fn asks(house: &mut House, keys: &str) {
    caller_calls(house);
    house.world.run(Duration::from_millis(800));
    keys.chars().for_each(|key| house.press(house.caller, key));
}

fn hears(house: &mut House, who: usize, hz: f64, within: Duration) -> bool {
    house.world.until(within, |world| {
        let samples = world.phone(who).ear.samples();
        samples.chunks_exact(2_000).any(|part| tone_dbm0(part, hz) > -30.0)
    })
}

/// One agent, at phone 1001, with a break.
fn with_a_break(seed: u64) -> House {
    let mut house = house(seed);
    sign_in(&mut house, 0, "7001");
    code(&mut house, 0, "*14");
    house
}

/// Signs in where something waits: its phone rings as soon as it has hung up.
fn signs_in(house: &mut House, n: usize, agent: &str) {
    house.register(n);
    dials(house, n, &format!("*11{agent}"));
    house.world.run(Duration::from_millis(600));
    let phone = house.phones[n];
    "4711#".chars().for_each(|key| house.press(phone, key));
}

#[test]
fn a_caller_keeps_its_place_and_is_called_back() {
    let mut house = with_a_break(1);
    let (caller, agent) = (house.caller, house.phones[0]);
    asks(&mut house, "9");
    assert!(
        hears(&mut house, caller, ASKS_HZ, Duration::from_secs(5)),
        "its number, to be confirmed"
    );
    // While he thinks there is music, not silence.
    house.world.run(Duration::from_secs(2));
    assert_eq!(house.hears(caller, &[MUSIC_HZ, ASKS_HZ]), Some(MUSIC_HZ));
    house.press(caller, '1');
    assert!(hears(&mut house, caller, NOTED_HZ, Duration::from_secs(5)));
    house.until_state(caller, State::Ended(0));
    let row = backs(&mut house).pop().expect("one");
    assert_eq!((row.number.as_str(), row.position, row.failed), (NUMBER, 1, 0));
    assert_eq!(
        house.world.ask(Request::Queues).map(|reply| match reply {
            Reply::Queues(rows) => (rows[0].waiting, rows[0].backs),
            _ => (9, 9),
        }),
        Some((0, 1))
    );
    // The agent is ready: it is rung, hears what it is about, and then the caller is.
    house.world.with(agent, |phone, _| phone.ear.forget());
    dials(&mut house, 0, "*13");
    until_word(&mut house, "back_tried", 1);
    assert!(hears(&mut house, agent, AGENT_HZ, Duration::from_secs(5)));
    house.until_state(caller, State::Talking);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(caller, agent);
    assert!(backs(&mut house).is_empty());
    house.hang_up(caller);
    house.until_state(agent, State::Ended(0));
    house.ends_clean();
    let words = words(&house);
    assert_eq!(words, ["entered", "back_wanted", "offered", "back_tried", "answered", "talk_over"]);
    let made = house.facts("queue").into_iter().find_map(|kind| match kind {
        FactKind::Queue { what: QueueFact::BackTried { by, .. }, .. } => Some(*by),
        _ => None,
    });
    let bridged =
        |kind: &&FactKind| matches!(kind, FactKind::Bridged { call, .. } if Some(*call) == made);
    assert_eq!(house.facts("bridged").iter().filter(|kind| bridged(kind)).count(), 1);
}

#[test]
fn another_number_is_typed_and_confirmed() {
    let mut house = with_a_break(2);
    asks(&mut house, "92");
    "02087#".chars().for_each(|key| house.press(house.caller, key));
    house.press(house.caller, '1');
    house.until_state(house.caller, State::Ended(0));
    let numbers: Vec<String> = backs(&mut house).into_iter().map(|row| row.number).collect();
    assert_eq!(numbers, ["02087"]);
    // The caller comes again: the place is its own, and nobody is called back; until it gives that call up.
    caller_calls(&mut house);
    assert!(backs(&mut house).is_empty());
    house.hang_up(house.caller);
    house.until_state(house.caller, State::Ended(0));
    house.world.run(Duration::from_secs(1));
    assert_eq!(backs(&mut house).len(), 1);
    house.ends_clean();
    assert_eq!(words(&house), ["entered", "back_wanted", "entered", "left"]);
}

#[test]
fn who_does_not_confirm_waits_on_with_music() {
    let mut house = with_a_break(3);
    asks(&mut house, "90");
    assert_eq!(house.hears(house.caller, &[MUSIC_HZ]), Some(MUSIC_HZ));
    // Nor does silence confirm anything.
    house.press(house.caller, '9');
    house.world.run(Duration::from_secs(50));
    assert_eq!(house.hears(house.caller, &[MUSIC_HZ]), Some(MUSIC_HZ));
    assert!(backs(&mut house).is_empty());
    // In the middle of it, it is its turn.
    house.press(house.caller, '9');
    dials(&mut house, 0, "*13");
    until_word(&mut house, "answered", 1);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(house.caller, house.phones[0]);
    house.hang_up(house.caller);
    house.ends_clean();
    assert_eq!(words(&house), ["entered", "offered", "answered", "talk_over"]);
}

#[test]
fn attempts_rest_and_are_given_up() {
    let mut house = with_a_break(4);
    asks(&mut house, "91");
    house.until_state(house.caller, State::Ended(0));
    house.world.with(house.caller, |phone, _| phone.behave(Manner::Refuse(486)));
    dials(&mut house, 0, "*13");
    let failed = |world: &mut belfry::sim::world::World| {
        let is = |kind: &FactKind| {
            matches!(kind, FactKind::Queue { what: QueueFact::BackFailed { .. }, .. })
        };
        world.facts.iter().filter(|fact| is(&fact.kind)).count()
    };
    assert!(house.world.until(Duration::from_secs(20), |world| failed(world) == 1));
    let row = backs(&mut house).pop().expect("it rests");
    assert!(row.failed == 1 && row.rests_ms.is_some(), "{row:?}");
    assert!(house.world.until(Duration::from_secs(90), |world| failed(world) == 2));
    assert!(backs(&mut house).is_empty(), "given up");
    house.ends_clean();
    assert_eq!(words(&house).last(), Some(&"left"));
}

#[test]
fn an_agent_who_does_not_answer_misses_it_and_the_next_is_asked() {
    let mut house = with_a_break(5);
    asks(&mut house, "91");
    house.until_state(house.caller, State::Ended(0));
    signs_in(&mut house, 1, "7002");
    house.until_state(house.caller, State::Talking);
    house.hang_up(house.phones[1]);
    house.ends_clean();
    assert_eq!(words(&house).last(), Some(&"talk_over"));

    let mut house = with_a_break(6);
    asks(&mut house, "91");
    house.until_state(house.caller, State::Ended(0));
    behaves(&mut house, 0, Manner::Ring);
    dials(&mut house, 0, "*13");
    let not_taken = |kind: &FactKind| matches!(kind, FactKind::Queue { what: QueueFact::NotTaken { why, .. }, .. } if why == "no_answer");
    let missed = |world: &mut belfry::sim::world::World| {
        world.facts.iter().any(|fact| not_taken(&fact.kind))
    };
    assert!(house.world.until(Duration::from_secs(20), missed));
    assert_eq!(backs(&mut house).pop().map(|row| row.failed), Some(0), "no fault of the caller's");
    signs_in(&mut house, 1, "7002");
    house.until_state(house.caller, State::Talking);
    house.hang_up(house.caller);
    house.world.run(Duration::from_secs(60));
}

#[test]
fn a_call_back_is_made_after_a_restart() {
    let mut house = house(7);
    let wall = 1_800_000_000_000;
    let kept = KeptBack {
        call: belfry::base::CallId::new(Wall(1), 1),
        queue: "care".into(),
        from: NUMBER.into(),
        number: NUMBER.into(),
        priority: 0,
        entered: Wall(wall - 60_000),
        until: Wall(i64::MAX),
        failed: 1,
        tried: None,
    };
    house.world.input(Input::CallBacks(vec![kept]));
    assert_eq!(backs(&mut house).len(), 1);
    signs_in(&mut house, 0, "7001");
    house.until_state(house.caller, State::Talking);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(house.caller, house.phones[0]);
    house.hang_up(house.phones[0]);
    house.ends_clean();
}

/// The key is pressed while an agent's phone rings: it rings on, and its answer wins.
#[test]
fn who_asks_while_a_phone_rings_is_answered() {
    let mut house = house(8);
    sign_in(&mut house, 0, "7001");
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.with(agent, |phone, _| phone.behave(Manner::AnswerAfter(Duration::from_secs(5))));
    caller_calls(&mut house);
    until_word(&mut house, "offered", 1);
    house.world.run(Duration::from_secs(1));
    house.press(caller, '9');
    house.until_state(agent, State::Talking);
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(caller, agent);
    house.hang_up(caller);
    house.ends_clean();
    assert_eq!(words(&house), ["entered", "offered", "answered", "talk_over"]);
}

/// And where it is confirmed before that, the phone stops ringing, and its agent has missed nothing.
#[test]
fn who_confirms_while_a_phone_rings_is_called_back() {
    let mut house = house(9);
    sign_in(&mut house, 0, "7001");
    let (caller, agent) = (house.caller, house.phones[0]);
    behaves(&mut house, 0, Manner::Ring);
    caller_calls(&mut house);
    until_word(&mut house, "offered", 1);
    house.world.run(Duration::from_secs(1));
    house.press(caller, '9');
    house.press(caller, '1');
    until_word(&mut house, "not_taken", 1);
    behaves(&mut house, 0, Manner::AnswerAfter(Duration::from_secs(1)));
    house.until_state(caller, State::Ended(0));
    house.until_state(caller, State::Talking);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(caller, agent);
    house.hang_up(caller);
    house.ends_clean();
    let why = |kind: &FactKind| match kind {
        FactKind::Queue { what: QueueFact::NotTaken { why, .. }, .. } => Some(why.clone()),
        _ => None,
    };
    let whys: Vec<String> = house.facts("queue").into_iter().filter_map(why).collect();
    assert_eq!(whys, ["withdrawn"]);
}

/// The agent hangs up before anything rings: that is no attempt, and no talk.
#[test]
fn a_number_that_never_rang_was_not_tried() {
    let mut house = with_a_break(10);
    asks(&mut house, "91");
    house.until_state(house.caller, State::Ended(0));
    let agent = house.phones[0];
    house.world.with(agent, |phone, _| phone.ear.forget());
    dials(&mut house, 0, "*13");
    until_word(&mut house, "back_tried", 1);
    assert!(hears(&mut house, agent, AGENT_HZ, Duration::from_secs(5)));
    house.hang_up(agent);
    house.world.run(Duration::from_secs(2));
    let row = backs(&mut house).pop().expect("it rests");
    assert!(row.failed == 0 && row.rests_ms.is_some(), "{row:?}");
    let words = words(&house);
    assert!(!words.contains(&"back_failed") && !words.contains(&"talk_over"), "{words:?}");
    assert!(house.world.warnings.iter().any(|line| line.contains("never rang")));
}

/// The journal takes the fact and says nothing: the caller waits on, with its place, and is answered.
#[test]
fn who_is_not_noted_in_time_waits_on() {
    let mut house = with_a_break(11);
    house.world.disk_is_well = false;
    asks(&mut house, "91");
    house.world.run(Duration::from_secs(3));
    assert_eq!(backs(&mut house).len(), 1);
    house.world.run(Duration::from_secs(7));
    assert!(backs(&mut house).is_empty());
    assert_eq!(house.hears(house.caller, &[MUSIC_HZ]), Some(MUSIC_HZ));
    dials(&mut house, 0, "*13");
    until_word(&mut house, "answered", 1);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(house.caller, house.phones[0]);
    house.hang_up(house.caller);
    house.ends_clean();
    let told = ["entered", "back_wanted", "left", "entered", "offered", "answered", "talk_over"];
    assert_eq!(words(&house), told);
}

/// Who asks cannot make agents dial for help, the queue itself, or what its own account may not dial.
#[test]
fn strangers_do_not_choose_what_agents_dial() {
    let mut house = with_a_break(12);
    caller_calls(&mut house);
    house.world.run(Duration::from_millis(800));
    for typed in ["120#", "800#", "00442079460000#"] {
        "92".chars().chain(typed.chars()).for_each(|key| house.press(house.caller, key));
        house.press(house.caller, '1');
        house.world.run(Duration::from_secs(4));
        assert!(backs(&mut house).is_empty(), "{typed}");
        let line = format!("no call-back at {}", typed.trim_end_matches('#'));
        assert!(house.world.warnings.iter().any(|warning| warning.contains(&line)), "{typed}");
    }
    // He waits still, and may have another number.
    "9202087#1".chars().for_each(|key| house.press(house.caller, key));
    house.until_state(house.caller, State::Ended(0));
    assert_eq!(backs(&mut house).len(), 1);
    house.ends_clean();
}

fn kept(call: belfry::base::CallId, number: &str) -> KeptBack {
    KeptBack {
        call,
        queue: "care".into(),
        from: number.into(),
        number: number.into(),
        priority: 0,
        entered: Wall(1_800_000_000_000 - 60_000),
        until: Wall(i64::MAX),
        failed: 0,
        tried: None,
    }
}

/// Asked for and made while the database was away: what it still tells of it is over.
#[test]
fn a_call_back_since_the_start_is_not_restored() {
    let mut house = with_a_break(13);
    asks(&mut house, "91");
    house.until_state(house.caller, State::Ended(0));
    let row = backs(&mut house).pop().expect("one");
    dials(&mut house, 0, "*13");
    house.until_state(house.caller, State::Talking);
    house.hang_up(house.caller);
    house.until_state(house.phones[0], State::Ended(0));
    house.world.input(Input::CallBacks(vec![kept(row.call, NUMBER)]));
    assert!(backs(&mut house).is_empty());
    house.ends_clean();
}

#[test]
fn a_plus_is_dialled_as_it_came() {
    let mut house = house(14);
    let call = belfry::base::CallId::new(Wall(1), 1);
    house.world.input(Input::CallBacks(vec![kept(call, "+442079460000")]));
    signs_in(&mut house, 0, "7001");
    until_word(&mut house, "back_tried", 1);
    let dialled = |kind: &&FactKind| matches!(kind, FactKind::CallBegan { dialled, .. } if dialled == "9+442079460000");
    assert_eq!(house.facts("call_began").iter().filter(|kind| dialled(kind)).count(), 1);
    house.world.run(Duration::from_secs(20));
    // No route leads there: that is no attempt.
    let row = backs(&mut house).pop().expect("it rests");
    assert!(row.failed == 0 && row.rests_ms.is_some(), "{row:?}");
}

/// What a number sounds like here.
const DIGIT_HZ: f64 = 2_100.0;

/// The agent's time is dear: a few words, and the number is dialled; which one it is, he hears while it rings.
#[test]
fn an_agent_hears_the_number_while_it_rings() {
    let mut house = with_a_break(15);
    for digit in ["0", "yao", "2", "3", "4", "5", "6", "7", "8", "9"] {
        house.world.clip(&format!("zh-CN/digits/{digit}"), sine(DIGIT_HZ));
    }
    let (caller, agent) = (house.caller, house.phones[0]);
    asks(&mut house, "91");
    house.until_state(caller, State::Ended(0));
    let answers = Manner::AnswerAfter(Duration::from_secs(6));
    house.world.with(caller, |phone, _| phone.behave(answers));
    house.world.with(agent, |phone, _| phone.ear.forget());
    dials(&mut house, 0, "*13");
    until_word(&mut house, "back_tried", 1);
    assert!(hears(&mut house, agent, AGENT_HZ, Duration::from_secs(5)));
    let rings = |w: &mut belfry::sim::world::World| w.phone(caller).state == State::Ringing;
    assert!(house.world.until(Duration::from_secs(2), rings), "not after eleven digits");
    assert!(hears(&mut house, agent, DIGIT_HZ, Duration::from_secs(2)));
    assert_eq!(house.state(caller), State::Ringing);
    // Who answers is heard, and nothing over him.
    house.until_state(caller, State::Talking);
    house.world.run(Duration::from_millis(300));
    let heard = house.hears(agent, &[DIGIT_HZ, AGENT_HZ, super::house::CALLER_HZ]);
    assert_eq!(heard, Some(super::house::CALLER_HZ));
    house.hang_up(caller);
    house.ends_clean();
}

/// Who knows what it is presses a key.
#[test]
fn a_key_of_the_agents_dials_at_once() {
    let mut house = with_a_break(16);
    let long: Vec<i16> = (0..20).flat_map(|_| sine(AGENT_HZ)).collect();
    house.world.clip("zh-CN/queue/call-back-agent", long);
    let (caller, agent) = (house.caller, house.phones[0]);
    asks(&mut house, "91");
    house.until_state(caller, State::Ended(0));
    house.world.with(agent, |phone, _| phone.ear.forget());
    dials(&mut house, 0, "*13");
    until_word(&mut house, "back_tried", 1);
    assert!(hears(&mut house, agent, AGENT_HZ, Duration::from_secs(5)));
    let before = house.world.phone(caller).calls;
    house.world.run(Duration::from_secs(1));
    assert_eq!(house.world.phone(caller).calls, before, "it is said");
    house.press(agent, '#');
    house.world.run(Duration::from_millis(200));
    assert_eq!(house.world.phone(caller).calls, before + 1);
    house.until_state(caller, State::Talking);
    house.world.run(Duration::from_millis(300));
    house.hear_each_other(caller, agent);
    house.hang_up(agent);
    house.ends_clean();
    assert_eq!(words(&house).last(), Some(&"talk_over"));
}
