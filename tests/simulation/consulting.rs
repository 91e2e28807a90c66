//! Attended transfer and three-way by keys (R2): who hears whom at each stage, what the recording has of it, and
//! who is left when one goes. Each party is a tone of its own.

use belfry::base::{Duration, Rng};
use belfry::config::Config;
use belfry::dsp::level::tone_dbm0;
use belfry::media::control::Codec;
use belfry::report::{Kind, Measure};
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, State};
use belfry::sim::world::World;
use belfry::switch::fact::FactKind;

use super::hold::shown;
use super::house::{CALLER_HZ, House, MUSIC_HZ, channels, config_with, hz};

/// The caller behind the gateway; 1001, who asks; 1003, who is asked.
pub const CALLER: usize = 9;
const ASKER: usize = 0;
const THIRD: usize = 2;
const MUSIC: usize = 7;

/// A tone that comes through one codec and mixing is louder than this.
const HEARD_DBM0: f64 = -30.0;

/// A caller in talk with 1001; 1003 and 1004 are there, too.
fn house(seed: u64) -> House {
    let mut house = House::new(Faults::NONE, seed);
    [0, 2, 3].into_iter().for_each(|n| house.register(n));
    house.caller_to_agent();
    house.hear_each_other(house.caller, house.phones[ASKER]);
    house
}

fn index(house: &House, who: usize) -> usize {
    if who == CALLER { house.caller } else { house.phones[who] }
}

fn loud(samples: &[i16]) -> Vec<usize> {
    let tones = (0..4).map(|n| (n, hz(n))).chain([(MUSIC, MUSIC_HZ), (CALLER, CALLER_HZ)]);
    tones.filter(|(_, hz)| tone_dbm0(samples, *hz) > HEARD_DBM0).map(|(n, _)| n).collect()
}

/// Whom `who` hears.
pub fn hears(house: &mut House, who: usize) -> Vec<usize> {
    let phone = index(house, who);
    house.world.run(Duration::from_millis(700));
    house.world.with(phone, |phone, _| phone.ear.forget());
    house.world.run(Duration::from_secs(1));
    let samples = house.world.phone(phone).ear.samples().to_vec();
    loud(samples.get(800..samples.len().saturating_sub(800)).unwrap_or(&[]))
}

/// What the caller, the asker and the third hear.
fn heard(house: &mut House) -> [Vec<usize>; 3] {
    [CALLER, ASKER, THIRD].map(|who| hears(house, who))
}

const WITH_THIRD: [&[usize]; 3] = [&[MUSIC], &[THIRD], &[ASKER]];
const WITH_FIRST: [&[usize]; 3] = [&[ASKER], &[CALLER], &[MUSIC]];
/// All three.
pub const ALL: [&[usize]; 3] = [&[ASKER, THIRD], &[THIRD, CALLER], &[ASKER, CALLER]];

fn press(house: &mut House, who: usize, keys: &str) {
    let phone = index(house, who);
    keys.chars().for_each(|key| house.press(phone, key));
}

/// 1001 asks 1003, who answers.
fn asks(house: &mut House, keys: &str) {
    press(house, ASKER, keys);
    house.until_state(house.phones[THIRD], State::Talking);
}

fn is_over(house: &mut House, who: usize) {
    let phone = index(house, who);
    house.until_state(phone, State::Ended(0));
}

#[test]
fn the_third_is_asked_and_takes_the_caller() {
    let mut house = house(1);
    asks(&mut house, "*21003#");
    assert_eq!(heard(&mut house), WITH_THIRD);
    assert_eq!(shown(&mut house).state, "talks with 1003, asked by 1001; 13800138000 waits");
    press(&mut house, ASKER, "*2");
    assert_eq!(heard(&mut house), WITH_FIRST);
    assert_eq!(shown(&mut house).state, "talks with 1001; 1003 waits");
    press(&mut house, ASKER, "*2");
    assert_eq!(heard(&mut house), WITH_THIRD);
    press(&mut house, ASKER, "*3");
    assert_eq!(shown(&mut house).state, "talks with 1001, three-way with 1003");
    press(&mut house, ASKER, "*1");
    is_over(&mut house, ASKER);
    house.hear_each_other(house.caller, house.phones[THIRD]);
    let caller = house.caller;
    house.hang_up(caller);
    house.ends_clean();
    assert_eq!(house.facts("consulted").len(), 1);
    assert_eq!(house.facts("transferred").len(), 1);
    assert_eq!(house.facts("call_ended").len(), 1, "one call has all of it");
    assert_eq!(house.facts("route_taken").len(), 1, "the asker's own way is none of the call's");
}

/// The recording has the talk with the caller, and nothing of what agent and colleague say of it.
#[test]
fn the_consultation_is_not_recorded_and_what_follows_is() {
    let mut house = house(2);
    let began = house.world.now();
    asks(&mut house, "*21003#");
    assert_eq!(heard(&mut house), WITH_THIRD);
    let aside = house.world.now().since(began);
    press(&mut house, ASKER, "*3");
    assert_eq!(heard(&mut house), ALL);
    let together = house.world.now().since(began);
    press(&mut house, ASKER, "*1");
    is_over(&mut house, ASKER);
    house.hear_each_other(house.caller, house.phones[THIRD]);
    let caller = house.caller;
    house.hang_up(caller);
    house.ends_clean();
    assert_eq!(house.world.recordings.len(), 1, "one file");
    let recording = house.world.recordings.values().next().expect("recorded");
    let [left, right] = channels(recording);
    // The file began somewhat before: the second before each of the times is well within its stage.
    let lead =
        left.len() - (house.world.now().since(began).as_millis() as usize * 8).min(left.len());
    let before = |channel: &[i16], end: Duration| {
        let end = (end.as_millis() as usize * 8 + lead.min(24_000)).min(channel.len());
        loud(&channel[end - 12_000..end - 8_000])
    };
    assert!(!before(&right, aside).contains(&THIRD), "of the consultation nothing");
    assert!(!before(&right, aside).contains(&ASKER));
    assert!(before(&left, aside).contains(&CALLER), "{:?}", before(&left, aside));
    assert_eq!(before(&right, together), [ASKER, THIRD], "what the caller hears");
    let end = left.len() - 2_400;
    assert_eq!(loud(&left[end - 4_000..end]), [CALLER]);
    assert_eq!(loud(&right[end - 4_000..end]), [THIRD]);
}

#[test]
fn three_talk_and_any_one_may_leave() {
    for (seed, leaves) in [(3, CALLER), (4, ASKER), (5, THIRD)] {
        let mut house = house(seed);
        asks(&mut house, "*31003#");
        assert_eq!(heard(&mut house), ALL);
        let stay: Vec<usize> =
            [CALLER, ASKER, THIRD].into_iter().filter(|who| *who != leaves).collect();
        let (gone, [a, b]) =
            (index(&house, leaves), [stay[0], stay[1]].map(|who| index(&house, who)));
        house.hang_up(gone);
        house.world.run(Duration::from_millis(500));
        house.hear_each_other(a, b);
        house.hang_up(b);
        house.world.run(Duration::from_millis(500));
        if leaves != CALLER {
            assert_eq!(house.state(house.caller), State::Talking, "on to the survey");
        }
        house.hang_up(a);
        house.ends_clean();
    }
}

#[test]
fn while_the_third_is_rung_the_caller_hears_music_and_may_be_taken_back() {
    let mut house = house(6);
    let third = house.phones[THIRD];
    house.world.with(third, |phone, _| phone.behave(Manner::Ring));
    press(&mut house, ASKER, "*31003#");
    house.until_state(third, State::Ringing);
    assert_eq!(hears(&mut house, CALLER), [MUSIC]);
    press(&mut house, ASKER, "*0");
    house.hear_each_other(house.caller, house.phones[ASKER]);
    assert!(matches!(house.state(third), State::Ended(_)), "{:?}", house.state(third));
    // And whom nobody answers comes back by itself.
    house.world.with(third, |phone, _| phone.behave(Manner::Refuse(486)));
    press(&mut house, ASKER, "*21003#");
    house.world.run(Duration::from_secs(3));
    house.hear_each_other(house.caller, house.phones[ASKER]);
    let caller = house.caller;
    house.hang_up(caller);
    house.ends_clean();
    assert!(house.facts("transferred").is_empty());
}

#[test]
fn who_hangs_up_while_the_third_rings_sends_the_caller_there() {
    for (seed, by_key) in [(7, false), (8, true)] {
        let mut house = house(seed);
        let third = house.phones[THIRD];
        house.world.with(third, |phone, _| {
            phone.behave(Manner::AnswerAfter(Duration::from_secs(4)));
        });
        press(&mut house, ASKER, "*21003#");
        house.until_state(third, State::Ringing);
        let asker = house.phones[ASKER];
        match by_key {
            true => press(&mut house, ASKER, "*1"),
            false => house.hang_up(asker),
        }
        is_over(&mut house, ASKER);
        house.until_state(third, State::Talking);
        house.hear_each_other(house.caller, third);
        let caller = house.caller;
        house.hang_up(caller);
        house.ends_clean();
        assert_eq!(house.facts("transferred").len(), 1);
        assert_eq!(house.facts("leg_began").len(), 3, "what rang has gone on ringing");
    }
}

/// An agent's and a second gateway's plan: abroad, and inside for a short while.
const ABROAD: &str = r#"
[[route]]
name    = "line"
context = "gateway"
when    = { to = "800" }
steps   = [{ dial = { phones = "1001" } }]
[[route]]
name    = "inside"
context = "agents"
when    = { to = "1xxx" }
steps   = [{ dial = { phones = "${to}", timeout = 3 } }]
[[route]]
name    = "abroad"
context = "agents"
when    = { to = "00x." }
steps   = [{ dial = { gateway = "far", number = "${to}", timeout = 3, on = {
  no-answer = [{ dial = { gateway = "far", number = "0044123456", timeout = 20 } }] } } }]
"#;

/// A caller in talk with 1001, who may call abroad; and who is there.
fn house_abroad(seed: u64) -> (House, usize) {
    let (gateway, rtp) = World::addresses(40);
    let sections = format!(
        "[[gateway]]\nname = \"far\"\naddress = \"udp:{gateway}\"\nchannels = 2\nping = \"0 s\"\n"
    );
    let plan = super::house::plan(&[("house.toml".into(), ABROAD.into())]);
    let (near, _) = World::addresses(100);
    let change = |config: &mut Config| {
        *config = config_with(4, &near.to_string(), &sections);
        (config.phones[0].international, config.phones[0].calls_out) = (true, 2);
    };
    let mut house = House::with_plan(plan, Faults::NONE, seed, [&[Codec::Pcma]; 4], change);
    let mut setup = house.world.phone(house.caller).setup().clone();
    (setup.sip, setup.rtp, setup.hz, setup.manner) = (gateway, rtp, 2_200.0, Manner::Ring);
    let far = house.world.add(setup, Rng::from_seed(seed));
    [0, 2].into_iter().for_each(|n| house.register(n));
    let (caller, asker) = (house.caller, house.phones[ASKER]);
    house.talk(caller, "800", asker);
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(caller, asker);
    (house, far)
}

/// The calls that follow are the asker's, too, who has gone: the gateway's caller may not call abroad.
#[test]
fn who_sends_the_caller_abroad_pays_after_hanging_up() {
    let (mut house, far) = house_abroad(20);
    let (caller, asker) = (house.caller, house.phones[ASKER]);
    press(&mut house, ASKER, "*20033123456#");
    house.until_state(far, State::Ringing);
    house.hang_up(asker);
    house.world.run(Duration::from_millis(500));
    assert_eq!(house.state(far), State::Ringing, "it is not dialled anew");
    house.world.with(far, |phone, _| {
        phone.behave(Manner::AnswerAfter(Duration::from_millis(500)));
    });
    house.until_state(far, State::Talking);
    house.hear_each_other(caller, far);
    assert!(house.facts("dial_barred").is_empty());
    house.hang_up(caller);
    house.ends_clean();
}

/// As by `*1` without a consultation: who sends the caller to somebody who does not answer has it again.
#[test]
fn a_key_that_sends_the_caller_to_nobody_loses_nobody() {
    let (mut house, _) = house_abroad(21);
    let (caller, asker, third) = (house.caller, house.phones[ASKER], house.phones[THIRD]);
    house.world.with(third, |phone, _| phone.behave(Manner::Ring));
    press(&mut house, ASKER, "*21003#");
    house.until_state(third, State::Ringing);
    press(&mut house, ASKER, "*1");
    assert_eq!(hears(&mut house, ASKER), [MUSIC]);
    house.world.run(Duration::from_secs(3));
    house.hear_each_other(caller, asker);
    // And may ask the next one.
    house.world.with(third, |phone, _| {
        phone.behave(Manner::AnswerAfter(Duration::from_millis(500)));
    });
    asks(&mut house, "*21003#");
    press(&mut house, ASKER, "*1");
    is_over(&mut house, ASKER);
    house.hear_each_other(caller, third);
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn a_caller_who_hangs_up_meanwhile_leaves_the_two_alone() {
    // While the third rings, while the asker talks with it, and while the asker is back with the caller.
    for (seed, swap, rings) in [(9, false, true), (10, false, false), (11, true, false)] {
        let mut house = house(seed);
        let (asker, third, caller) = (house.phones[ASKER], house.phones[THIRD], house.caller);
        let after = Duration::from_secs(if rings { 4 } else { 1 });
        house.world.with(third, |phone, _| phone.behave(Manner::AnswerAfter(after)));
        press(&mut house, ASKER, "*21003#");
        if !rings {
            house.until_state(third, State::Talking);
        }
        if swap {
            press(&mut house, ASKER, "*2");
        }
        house.hang_up(caller);
        house.until_state(third, State::Talking);
        house.world.run(Duration::from_millis(500));
        house.hear_each_other(asker, third);
        house.hang_up(asker);
        house.ends_clean();
        let FactKind::CallEnded { by, .. } = house.facts("call_ended")[0] else { unreachable!() };
        assert_eq!(format!("{by:?}"), "Caller", "the care line's caller ended it");
    }
}

#[test]
fn a_third_who_hangs_up_gives_the_asker_back() {
    // While they talk, and while it waits.
    for (seed, swap) in [(12, false), (13, true)] {
        let mut house = house(seed);
        asks(&mut house, "*21003#");
        if swap {
            press(&mut house, ASKER, "*2");
        }
        let third = house.phones[THIRD];
        house.hang_up(third);
        house.world.run(Duration::from_millis(500));
        house.hear_each_other(house.caller, house.phones[ASKER]);
        // The next one is asked as the first was.
        press(&mut house, ASKER, "*21004#");
        house.until_state(house.phones[3], State::Talking);
        press(&mut house, ASKER, "*0");
        house.hear_each_other(house.caller, house.phones[ASKER]);
        let caller = house.caller;
        house.hang_up(caller);
        house.ends_clean();
    }
}

/// Who holds among three is not heard, and is heard again.
#[test]
fn one_of_three_holds() {
    let mut house = house(14);
    asks(&mut house, "*31003#");
    let third = house.phones[THIRD];
    house.world.with(third, |phone, now| phone.hold(now, true));
    house.world.run(Duration::from_millis(500));
    assert_eq!(hears(&mut house, CALLER), [ASKER]);
    assert_eq!(hears(&mut house, ASKER), [CALLER]);
    house.world.with(third, |phone, now| phone.hold(now, false));
    house.world.run(Duration::from_millis(500));
    assert_eq!(heard(&mut house), ALL);
    let caller = house.caller;
    house.hang_up(caller);
    house.world.run(Duration::from_millis(500));
    house.hang_up(third);
    house.ends_clean();
}

const INSIDE: &str = r#"
[[route]]
name    = "inside"
context = "agents"
when    = { to = "1xxx" }
steps   = [{ dial = { phones = "${to}" } }]
"#;

/// The one who called asks: its own plan waits with the talk. Calls live on two workers.
#[test]
fn a_caller_asks_and_hands_over_whom_it_called() {
    let mut house = House::of_two_workers(INSIDE, 15);
    (0..3).for_each(|n| house.register(n));
    let [one, two, three] = [0, 1, 2].map(|n| house.phones[n]);
    house.talk(one, "1002", two);
    press(&mut house, ASKER, "*21003#");
    house.until_state(three, State::Talking);
    house.hear_each_other(one, three);
    assert_eq!(hears(&mut house, 1), [MUSIC]);
    press(&mut house, ASKER, "*2");
    house.hear_each_other(one, two);
    press(&mut house, ASKER, "*3");
    assert_eq!([0, 1, 2].map(|who| hears(&mut house, who)), [vec![1, 2], vec![0, 2], vec![0, 1]]);
    house.hang_up(one);
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(two, three);
    house.hang_up(three);
    house.until_state(two, State::Ended(0));
    house.ends_clean();
}

const LINE: &str = r#"
[[route]]
name    = "line"
context = "gateway"
when    = { to = "800" }
steps   = [{ queue = { name = "care" } }]
[[route]]
name    = "second line"
context = "agents"
when    = { to = "2000" }
steps   = [{ queue = { name = "care" } }]
[[route]]
name    = "inside"
context = "agents"
when    = { to = "1xxx" }
steps   = [{ dial = { phones = "${to}" } }]
"#;

const CENTRE: &str = r#"
[[agent]]
number = "7001"
pin = "4711"
[[agent]]
number = "7002"
pin = "4711"
[[queue]]
name = "care"
agents = ["7001"]
"#;

/// 1001 and 1003 have agents, 7001 of the queue.
fn centre(seed: u64) -> House {
    let mut house = House::with_sections(LINE, CENTRE, seed);
    for (n, agent) in [(0, "7001"), (2, "7002")] {
        house.register(n);
        let phone = house.phones[n];
        house.world.with(phone, |phone, now| phone.call(now, &format!("*11{agent}")));
        house.until_state(phone, State::Talking);
        house.world.run(Duration::from_millis(600));
        press(&mut house, n, "4711#");
        house.until_state(phone, State::Ended(0));
    }
    house
}

/// A queue's caller goes while its agent asks somebody: the agent is not free while that talk lasts.
#[test]
fn an_agent_whose_caller_has_gone_is_free_after_the_talk() {
    let mut house = centre(17);
    house.register(3);
    let (caller, agent, third) = (house.caller, house.phones[ASKER], house.phones[THIRD]);
    house.talk(caller, "800", agent);
    house.world.run(Duration::from_millis(500));
    asks(&mut house, "*21003#");
    house.hang_up(caller);
    house.world.run(Duration::from_secs(90));
    house.hear_each_other(agent, third);
    let (next, legs) = (house.phones[3], house.facts("leg_began").len());
    house.world.with(next, |phone, now| phone.call(now, "2000"));
    house.until_state(next, State::Talking);
    house.world.run(Duration::from_secs(5));
    assert_eq!(house.facts("leg_began").len(), legs + 1, "the next caller waits");
    house.hang_up(third);
    house.world.run(Duration::from_secs(5));
    house.hear_each_other(next, agent);
    house.hang_up(next);
    house.ends_clean();
}

/// An agent of a queue hands its caller over: its talk ends there, and it is for the next one after its work.
#[test]
fn an_agent_hands_a_queues_caller_over_and_asks_no_queue() {
    let mut house = centre(16);
    let (caller, agent) = (house.caller, house.phones[ASKER]);
    house.talk(caller, "800", agent);
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(caller, agent);
    // Sent on by key to a phone that is not there: the caller comes back, and nothing was transferred.
    press(&mut house, ASKER, "*11004#");
    house.world.run(Duration::from_secs(3));
    house.hear_each_other(caller, agent);
    // A queue is closed for who asks: the caller comes back.
    press(&mut house, ASKER, "*22000#");
    house.world.run(Duration::from_secs(1));
    house.hear_each_other(caller, agent);
    asks(&mut house, "*21003#");
    assert_eq!(heard(&mut house), WITH_THIRD);
    house.world.run(Duration::from_secs(20));
    house.hang_up(agent);
    let third = house.phones[THIRD];
    house.world.run(Duration::from_millis(500));
    house.hear_each_other(caller, third);
    house.world.run(Duration::from_secs(6));
    house.hang_up(caller);
    house.ends_clean();
    let talks =
        house.facts("queue").iter().filter(|fact| format!("{fact:?}").contains("TalkOver")).count();
    assert_eq!(talks, 1, "the agent's talk is told once");
    assert_eq!(house.facts("consulted").len(), 2);
    // While it asked, the caller was on hold; sent on it was twice, once in the end.
    assert_eq!([house.facts("held").len(), house.facts("retrieved").len()], [2, 2]);
    let care = house.figures(Kind::Queue, "care");
    let (talk, hold) = (care.get(Measure::TalkMs), care.get(Measure::HoldMs));
    assert!((20_000..35_000).contains(&hold) && talk > 5_000, "talked {talk}, held {hold}");
    assert_eq!([house.facts("transferred").len() as u64, care.get(Measure::Transferred)], [2, 1]);
}

/// What the plan of who has gone still writes down is written, and nobody gets a plan that was another's.
const LAST_STEPS: &str = r#"
[[route]]
name      = "line"
context   = "gateway"
when      = { to = "800" }
on-hangup = [{ note = { name = "left", value = "1" } }]
steps     = [{ dial = { phones = "1001" } }]
[[route]]
name    = "no agent there"
context = "agents"
when    = { to = "2000" }
steps   = [{ queue = { name = "care", on = { closed = [{ dial = "1003" }] } } }]
[[route]]
name      = "inside"
context   = "agents"
when      = { to = "1xxx" }
on-hangup = [{ note = { name = "asked", value = "1" } }]
steps     = [{ dial = { phones = "${to}" } }, { dial = { phones = "1004" } }]
"#;

fn fields(house: &House) -> Vec<String> {
    let name = |kind: &&FactKind| match kind {
        FactKind::CallField { name, .. } if name != "caller_e164" => Some(name.clone()),
        _ => None,
    };
    house.facts("call_field").iter().filter_map(name).collect()
}

#[test]
fn the_last_steps_of_who_goes_first_are_done_and_the_two_talk_on() {
    let mut house = House::of(LAST_STEPS, 30);
    [0, 2].into_iter().for_each(|n| house.register(n));
    let (caller, asker, third) = (house.caller, house.phones[ASKER], house.phones[THIRD]);
    house.talk(caller, "800", asker);
    asks(&mut house, "*21003#");
    house.hang_up(caller);
    house.world.run(Duration::from_millis(500));
    assert_eq!(fields(&house), ["left"]);
    house.hear_each_other(asker, third);
    house.hang_up(asker);
    house.ends_clean();
    assert_eq!(fields(&house), ["left", "asked"]);
}

#[test]
fn the_plan_of_who_hands_over_goes_with_him() {
    for (seed, by_key) in [(31, true), (32, false)] {
        let mut house = House::of(LAST_STEPS, seed);
        (0..4).for_each(|n| house.register(n));
        let [one, two, three, four] = [0, 1, 2, 3].map(|n| house.phones[n]);
        house.talk(one, "1002", two);
        asks(&mut house, "*21003#");
        match by_key {
            true => press(&mut house, ASKER, "*1"),
            false => house.hang_up(one),
        }
        is_over(&mut house, ASKER);
        house.world.run(Duration::from_millis(500));
        assert_eq!(fields(&house), ["asked"]);
        house.hear_each_other(two, three);
        house.hang_up(three);
        house.until_state(two, State::Ended(0));
        assert_eq!(house.state(four), State::Idle, "1002 has dialled nothing");
        house.ends_clean();
        assert_eq!(fields(&house).len(), 1);
    }
}

/// Neither is an asker asked whether a queue has room: it is closed for him as long as he asks.
#[test]
fn a_queue_is_closed_for_who_asks_before_it_is_looked_into() {
    let mut house = House::with_sections(LAST_STEPS, CENTRE, 33);
    [0, 2].into_iter().for_each(|n| house.register(n));
    let (caller, asker, third) = (house.caller, house.phones[ASKER], house.phones[THIRD]);
    house.talk(caller, "800", asker);
    asks(&mut house, "*22000#");
    house.hear_each_other(asker, third);
    house.hang_up(caller);
    house.hang_up(asker);
    house.ends_clean();
}

/// Who is back with his caller because the keys that he pressed have reached nobody hears that; the caller does not.
fn the_asker_alone_hears_the_busy_tone(keys: &str, seed: u64) -> House {
    let mut house = House::of(LAST_STEPS, seed);
    [0, 2].into_iter().for_each(|n| house.register(n));
    let (caller, asker, third) = (house.caller, house.phones[ASKER], house.phones[THIRD]);
    house.world.with(third, |phone, _| phone.behave(Manner::Refuse(486)));
    house.talk(caller, "800", asker);
    press(&mut house, ASKER, keys);
    let hears_busy =
        |house: &House, who| tone_dbm0(house.world.phone(who).ear.samples(), 450.0) > HEARD_DBM0;
    for who in [caller, asker] {
        house.world.with(who, |phone, _| phone.ear.forget());
    }
    house.world.run(Duration::from_millis(700));
    assert!(hears_busy(&house, asker) && !hears_busy(&house, caller));
    house.world.run(Duration::from_secs(2));
    house.hear_each_other(caller, asker);
    house.hang_up(caller);
    house.ends_clean();
    house
}

#[test]
fn who_asks_nobody_hears_it() {
    the_asker_alone_hears_the_busy_tone("*21003#", 34);
}

/// R2: who sends the caller on by `*1` to nobody has the caller back.
#[test]
fn who_transfers_to_nobody_hears_it() {
    let house = the_asker_alone_hears_the_busy_tone("*11003#", 35);
    assert_eq!(house.facts("transferred").len(), 1);
}
