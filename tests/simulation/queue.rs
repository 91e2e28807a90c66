//! A caller in a queue, with audio: what is heard while it waits, and when an agent is offered it.

use belfry::base::Duration;
use belfry::dsp::level::tone_dbm0;
use belfry::sim::phone::{Manner, State};
use belfry::switch::fact::FactKind;

use super::house::{CALLER_HZ, House, MUSIC_HZ, hz, sine};

pub const PLAN: &str = "
[[route]]
name = \"line\"
context = \"gateway\"
when = { to = \"800\" }
steps = [{ queue = { name = \"care\" } }]
[[route]]
name = \"phones\"
context = \"agents\"
when = { to = \"1xxx\" }
steps = [{ dial = { phones = \"${to}\" } }]
";

/// Two agents and a queue of these settings.
pub fn centre(queue: &str) -> String {
    format!(
        "[[agent]]\nnumber = \"7001\"\npin = \"4711\"\n[[agent]]\nnumber = \"7002\"\npin = \"4711\"\n\
         [[queue]]\nname = \"care\"\nstrategy = \"in-order\"\nagents = [\"7001\", \"7002\"]\n{queue}"
    )
}

/// What prompts sound like here.
pub const NEXT_HZ: f64 = 1_500.0;
pub const WAIT_HZ: f64 = 1_700.0;

pub fn house(queue: &str, seed: u64) -> House {
    let mut house = House::with_sections(PLAN, &centre(queue), seed);
    house.world.clip("zh-CN/queue/you-are-next", sine(NEXT_HZ));
    house.world.clip("zh-CN/please-wait", sine(WAIT_HZ));
    house
}

/// Dials `number` at phone `n` and waits until its call is over.
pub fn code(house: &mut House, n: usize, number: &str) {
    let phone = house.phones[n];
    house.world.with(phone, |phone, now| phone.call(now, number));
    house.until_state(phone, State::Talking);
    house.until_state(phone, State::Ended(0));
}

pub fn sign_in(house: &mut House, n: usize, agent: &str) {
    house.register(n);
    let phone = house.phones[n];
    house.world.with(phone, |phone, now| phone.call(now, &format!("*11{agent}")));
    house.until_state(phone, State::Talking);
    house.world.run(Duration::from_millis(600));
    "4711#".chars().for_each(|key| house.press(phone, key));
    house.until_state(phone, State::Ended(0));
}

pub fn behaves(house: &mut House, n: usize, manner: Manner) {
    let phone = house.phones[n];
    house.world.with(phone, |phone, _| phone.behave(manner));
}

pub fn caller_calls(house: &mut House) {
    house.world.with(house.caller, |phone, now| phone.call(now, "800"));
    house.until_state(house.caller, State::Talking);
}

/// Dials `number` at phone `n`; a caller may come as soon as that call is over.
pub fn dials(house: &mut House, n: usize, number: &str) {
    let phone = house.phones[n];
    house.world.with(phone, |phone, now| phone.call(now, number));
    house.until_state(phone, State::Talking);
}

/// Until the queue has told this word so often.
pub fn until_word(house: &mut House, word: &str, times: usize) {
    let is = |kind: &FactKind| matches!(kind, FactKind::Queue { what, .. } if what.word() == word);
    let came = house.world.until(Duration::from_secs(30), |world| {
        world.facts.iter().filter(|fact| is(&fact.kind)).count() >= times
    });
    assert!(came, "{word} did not come: {:?}", words(house));
}

/// The queue's facts, by word.
pub fn words(house: &House) -> Vec<&'static str> {
    let word = |kind: &&FactKind| match kind {
        FactKind::Queue { what, .. } => Some(what.word()),
        _ => None,
    };
    house.facts("queue").iter().filter_map(word).collect()
}

/// The tones that the caller has heard, by quarters of a second; 0: none that stands out.
fn heard(house: &House, candidates: &[f64]) -> Vec<f64> {
    let samples = house.world.phone(house.caller).ear.samples();
    let loudest = |part: &[i16]| {
        let level = |hz: &&f64| tone_dbm0(part, **hz);
        let loudest = candidates.iter().max_by(|a, b| level(a).total_cmp(&level(b)));
        loudest.copied().filter(|hz| tone_dbm0(part, *hz) > -25.0).unwrap_or(0.0)
    };
    samples.chunks_exact(2_000).map(loudest).collect()
}

/// A phone with one line would be busy with the call of the code: the caller comes when that is over.
#[test]
fn a_caller_is_offered_when_the_call_of_the_code_is_over() {
    let mut house = house("", 1);
    sign_in(&mut house, 0, "7001");
    code(&mut house, 0, "*14");
    let agent = house.phones[0];
    for (nth, ready) in ["*13", "*15"].into_iter().enumerate() {
        // The second one comes while the agent writes.
        caller_calls(&mut house);
        dials(&mut house, 0, ready);
        until_word(&mut house, "answered", nth + 1);
        house.hear_each_other(house.caller, agent);
        house.hang_up(house.caller);
        house.until_state(agent, State::Ended(0));
    }
    let words = words(&house);
    assert!(!words.contains(&"not_taken"), "{words:?}");
    house.ends_clean();
}

#[test]
fn one_who_signs_in_gets_the_caller_who_waits_when_its_line_is_free() {
    let mut house = house("join = \"nobody\"\nstay = \"nobody\"\n", 2);
    caller_calls(&mut house);
    house.register(0);
    dials(&mut house, 0, "*117001");
    house.world.run(Duration::from_millis(600));
    let agent = house.phones[0];
    "4711#".chars().for_each(|key| house.press(agent, key));
    until_word(&mut house, "answered", 1);
    assert_eq!(words(&house), ["entered", "offered", "answered"]);
    house.hang_up(house.caller);
    house.ends_clean();
}

/// Music of a tone each second, so that it says how far it is.
#[test]
fn the_music_goes_on_where_it_was_after_an_announcement() {
    let mut house =
        house("announce_first = \"4 s\"\nannounce = \"6 s\"\nannounce_wait = false\n", 3);
    let tone = |second: usize| 300.0 + 40.0 * second as f64;
    house.world.clip("music/default", (0..20).flat_map(|n| sine(tone(n))).collect());
    sign_in(&mut house, 0, "7001");
    code(&mut house, 0, "*14");
    caller_calls(&mut house);
    house.world.run(Duration::from_secs(15));
    let mut candidates: Vec<f64> = (0..20).map(tone).collect();
    candidates.extend([NEXT_HZ, WAIT_HZ]);
    let heard = heard(&house, &candidates);
    let music: Vec<f64> = heard.iter().copied().filter(|hz| (1.0..NEXT_HZ).contains(hz)).collect();
    assert!(music.windows(2).all(|w| w[0] <= w[1]), "it never begins anew: {heard:?}");
    // 15 s less two announcements of two seconds each.
    let reached = tone(10);
    assert!((reached..=reached + 41.0).contains(music.last().expect("music")), "{heard:?}");
    let times = |hz: f64| heard.iter().filter(|heard| **heard == hz).count();
    assert!((6..=9).contains(&times(NEXT_HZ)) && (6..=9).contains(&times(WAIT_HZ)), "{heard:?}");
    let longest = heard.split(|hz| *hz != 0.0).map(<[f64]>::len).max();
    assert!(longest <= Some(4), "never silent for more than a second: {heard:?}");
    house.hang_up(house.caller);
    house.ends_clean();
}

#[test]
fn a_caller_is_told_its_place_while_phones_ring_in_turn() {
    let mut house = house("announce_first = \"5 s\"\nring = \"4 s\"\nannounce_wait = false\n", 4);
    for n in [0, 1] {
        sign_in(&mut house, n, ["7001", "7002"][n]);
        behaves(&mut house, n, Manner::Ring);
    }
    caller_calls(&mut house);
    house.world.run(Duration::from_millis(8_500));
    let heard = heard(&house, &[MUSIC_HZ, NEXT_HZ, WAIT_HZ]);
    assert!(heard.contains(&NEXT_HZ), "{heard:?}");
    assert!(heard.ends_with(&[MUSIC_HZ]), "and the music goes on: {heard:?}");
    behaves(&mut house, 0, Manner::AnswerAfter(Duration::from_millis(100)));
    behaves(&mut house, 1, Manner::AnswerAfter(Duration::from_millis(100)));
    let agents = [house.phones[0], house.phones[1]];
    let talks = |w: &mut belfry::sim::world::World| {
        agents.iter().any(|agent| w.phone(*agent).state == State::Talking)
    };
    assert!(house.world.until(Duration::from_secs(30), talks));
    let agent = usize::from(house.state(agents[1]) == State::Talking);
    house.world.run(Duration::from_millis(300));
    let said = house.hears(house.caller, &[MUSIC_HZ, NEXT_HZ, WAIT_HZ, hz(agent), CALLER_HZ]);
    assert_eq!(said, Some(hz(agent)), "the agent alone, music and voice are over");
    house.hang_up(house.caller);
    house.ends_clean();
}

/// R18: whom a stop in good order puts out has not hung up: his wait is lost, and not abandoned.
#[test]
fn a_stop_abandons_nobody() {
    let mut house = house("stay = \"nobody\"\njoin = \"nobody\"\n", 31);
    caller_calls(&mut house);
    house.world.run(Duration::from_secs(2));
    house.world.input(belfry::switch::Input::EndCalls);
    house.until_state(house.caller, State::Ended(0));
    let whys: Vec<String> = house
        .facts("queue")
        .into_iter()
        .filter_map(|kind| match kind {
            FactKind::Queue { what: belfry::switch::fact::QueueFact::Left { why, .. }, .. } => {
                Some(why.clone())
            }
            _ => None,
        })
        .collect();
    assert_eq!(whys, ["restart"]);
}
