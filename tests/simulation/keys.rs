//! Keys in every form: as telephone-event, as tones, by INFO, by two of them at once.

use std::sync::Arc;

use belfry::base::Duration;
use belfry::config::Config;
use belfry::dialplan::Plan;
use belfry::dsp::dtmf_detect::{Detected, Detector};
use belfry::sim::network::Faults;
use belfry::sim::phone::State;
use belfry::sim::world::World;
use belfry::switch::Input;
use belfry::switch::fact::FactKind;

use super::house::{CARE_LINE, House, plan, sample_plan};

/// A house whose caller's gateway and phone 1001 take keys in these forms.
fn house(gateway: &str, phone: &str, plan: Arc<Plan>) -> House {
    let mut house = House::new(Faults::NONE, 5);
    let address = World::addresses(100).0;
    let text = format!(
        "[node]\nname = \"sim\"\n[sip]\nlisten = [\"udp:10.0.0.1:5060\"]\ndomain = \"10.0.0.1\"\n\
         [media]\naddress = \"10.0.0.1\"\n[limits]\ncalls = 1000\ncalls_per_second = 1000\n\
         [[gateway]]\nname = \"e1-a\"\naddress = \"udp:{address}\"\nchannels = 10\nping = \"0 s\"\n\
         dtmf = \"{gateway}\"\n\
         [[phone]]\nnumber = \"1001\"\npassword = \"secret-1\"\ndtmf = \"{phone}\"\n"
    );
    let config = Config::parse(&text).expect("the configuration is right").0;
    house.world.input(Input::Reload(Box::new(config), plan));
    house.register(0);
    house
}

/// One route for every call from the gateway.
fn route(steps: &str) -> Arc<Plan> {
    let text = format!(
        "[[route]]\nname = \"all\"\ncontext = \"gateway\"\nwhen = {{ to = \"xxx.\" }}\nsteps = [{steps}]\n"
    );
    plan(&[("test.toml".into(), text)])
}

fn dials(house: &mut House) {
    house.world.with(house.caller, |phone, now| phone.call(now, CARE_LINE));
    house.until_state(house.caller, State::Talking);
    house.world.run(Duration::from_millis(500));
}

/// `phone` presses each key as a telephone-event and by INFO.
fn press_twice_told(house: &mut House, phone: usize, keys: &str, info_first: bool) {
    for key in keys.chars() {
        if info_first {
            house.world.with(phone, |phone, now| phone.press_by_info(now, key));
            house.world.run(Duration::from_millis(5));
        }
        house.world.with(phone, |phone, now| phone.press_at(now, key));
        house.world.run(Duration::from_millis(60));
        if !info_first {
            house.world.with(phone, |phone, now| phone.press_by_info(now, key));
        }
        house.world.run(Duration::from_millis(240));
    }
}

/// The tones that `phone` heard.
fn tones(house: &House, phone: usize) -> String {
    let (mut detector, mut heard) = (Detector::new(), String::new());
    detector.feed(house.world.phone(phone).ear.samples(), &mut |detected| {
        if let Detected::Begin { digit, .. } = detected {
            heard.push(digit);
        }
    });
    heard
}

fn info(house: &House, phone: usize) -> String {
    house.world.phone(phone).info_keys.iter().map(|(_, key)| *key).collect()
}

#[test]
fn a_key_told_in_two_forms_counts_once() {
    for info_first in [false, true] {
        let steps = "{ answer = {} }, { collect = { into = \"n\", prompt = \"p\", min = 4, max = 4 } }, \
                     { dial = { phones = \"${n}\" } }";
        let mut house = house("rfc4733", "rfc4733", route(steps));
        dials(&mut house);
        let caller = house.caller;
        press_twice_told(&mut house, caller, "1001", info_first);
        house.until_state(house.phones[0], State::Talking);
        assert_eq!(house.facts("digit").len(), 4);
        // In the talk too: each goes on once.
        house.world.run(Duration::from_secs(1));
        press_twice_told(&mut house, caller, "11", info_first);
        house.world.run(Duration::from_secs(1));
        assert_eq!(house.world.phone(house.phones[0]).ear.digits, "11", "{info_first}");
        house.world.with(caller, |phone, now| phone.hang_up(now));
        house.ends_clean();
    }
}

#[test]
fn a_party_gets_keys_in_its_own_form_alone() {
    for (form, by_event, by_tone, by_info) in
        [("rfc4733", "57", "", ""), ("inband", "", "57", ""), ("info", "", "", "57")]
    {
        let mut house = house("rfc4733", form, sample_plan());
        house.caller_to_agent();
        let (caller, agent) = (house.caller, house.phones[0]);
        house.world.with(agent, |phone, _| phone.ear.forget());
        house.press(caller, '5');
        house.press(caller, '7');
        let heard = house.world.phone(agent).ear.digits.clone();
        let heard = (heard.as_str(), tones(&house, agent), info(&house, agent));
        assert_eq!(heard, (by_event, by_tone.to_owned(), by_info.to_owned()), "{form}");
    }
}

#[test]
fn the_plans_digits_are_tones_where_tones_are_the_way() {
    let steps = "{ answer = {} }, { send-dtmf = \"159\" }, { wait = \"10 s\" }";
    let mut house = house("inband", "rfc4733", route(steps));
    dials(&mut house);
    house.world.run(Duration::from_secs(3));
    assert_eq!(tones(&house, house.caller), "159");
    assert_eq!(house.world.phone(house.caller).ear.digits, "");
}

#[test]
fn digits_by_info_are_paced_and_the_plan_waits_for_them() {
    let steps = "{ answer = {} }, { send-dtmf = { digits = \"12345678\", on = \"150 ms\", off = \"100 ms\" } }";
    let mut house = house("info", "rfc4733", route(steps));
    dials(&mut house);
    house.until_state(house.caller, State::Ended(0));
    assert_eq!(info(&house, house.caller), "12345678");
    let keys = &house.world.phone(house.caller).info_keys;
    let gaps = keys.windows(2).map(|w| w[1].0.since(w[0].0));
    assert!(
        gaps.clone().all(|gap| gap == Duration::from_millis(250)),
        "{:?}",
        gaps.collect::<Vec<_>>()
    );
    house.ends_clean();
}

#[test]
fn a_loop_that_sends_digits_by_info_is_no_recursion() {
    let steps = "{ answer = {} }, { send-dtmf = { digits = \"1\", on = \"40 ms\", off = \"40 ms\" } }, \
                 { goto = \"all\" }";
    let mut house = house("info", "rfc4733", route(steps));
    dials(&mut house);
    house.world.run(Duration::from_secs(4));
    let keys = &house.world.phone(house.caller).info_keys;
    assert!((40..=60).contains(&keys.len()), "one each 80 ms: {}", keys.len());
    house.world.with(house.caller, |phone, now| phone.hang_up(now));
    house.ends_clean();
}

#[test]
fn the_key_that_stops_a_prompt_is_no_answer_to_the_next_question() {
    let steps = "{ answer = {} }, { play = { prompts = \"long\", stop-on = \"any\" } }, \
                 { collect = { into = \"n\", prompt = \"p\", min = 4, max = 4 } }, \
                 { dial = { phones = \"${n}\" } }";
    for by_info in [false, true] {
        let mut house = house("rfc4733", "rfc4733", route(steps));
        for (_, language) in belfry::config::Language::ALL {
            house.world.clip(&format!("{language}/long"), vec![1_000; 480_000]);
        }
        dials(&mut house);
        let caller = house.caller;
        match by_info {
            true => house.world.with(caller, |phone, now| phone.press_by_info(now, '7')),
            false => house.world.with(caller, |phone, now| phone.press_at(now, '7')),
        }
        house.world.run(Duration::from_millis(1_500));
        for key in "1001".chars() {
            house.press(caller, key);
        }
        house.until_state(house.phones[0], State::Talking);
    }
}

#[test]
fn a_phone_rings_as_long_as_the_plan_says() {
    // Answered: an unanswered caller gives up by itself.
    let steps = "{ answer = {} }, { dial = { phones = \"1001\", timeout = \"400 s\" } }";
    let mut house = house("rfc4733", "rfc4733", route(steps));
    let phone = house.phones[0];
    house.world.with(phone, |phone, _| phone.behave(belfry::sim::phone::Manner::Ring));
    house.world.with(house.caller, |phone, now| phone.call(now, CARE_LINE));
    house.until_state(phone, State::Ringing);
    house.world.run(Duration::from_secs(390));
    assert_eq!(house.state(phone), State::Ringing);
    house.world.run(Duration::from_secs(20));
    assert!(matches!(house.state(phone), State::Ended(_)), "{:?}", house.state(phone));
    house.ends_clean();
}

#[test]
fn a_malicious_caller_is_marked_and_nobody_notices() {
    let mut house = House::new(Faults::NONE, 77);
    house.register(0);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    house.press(caller, '*');
    house.press(caller, '5');
    let marks = |house: &House| {
        let fields = house.facts("call_field");
        let marked = fields.iter().filter_map(|fact| match fact {
            FactKind::CallField { name, value, .. } if name == "malicious" => Some(value.clone()),
            _ => None,
        });
        marked.collect::<Vec<_>>()
    };
    assert!(marks(&house).is_empty(), "a caller marks nobody");
    house.press(agent, '*');
    house.press(agent, '5');
    assert_eq!(marks(&house), ["1001"]);
    house.hear_each_other(caller, agent);
    house.hang_up(caller);
    house.ends_clean();
}

/// Presses `keys`, a third of a second apart, in whichever form.
fn press_all(house: &mut House, phone: usize, keys: &str, by_info: bool) {
    for key in keys.chars() {
        match by_info {
            true => {
                house.world.with(phone, |phone, now| phone.press_by_info(now, key));
                house.world.run(Duration::from_millis(400));
            }
            false => house.press(phone, key),
        }
    }
}

/// What the other party has heard since it was asked last, in its own form.
fn heard(house: &mut House, phone: usize, form: &str) -> String {
    let heard = match form {
        "info" => info(house, phone),
        "inband" => tones(house, phone),
        _ => house.world.phone(phone).ear.digits.clone(),
    };
    house.world.with(phone, |phone, _| {
        phone.ear.forget();
        phone.ear.digits.clear();
        phone.info_keys.clear();
    });
    heard
}

#[test]
fn an_agents_codes_are_heard_by_nobody_and_other_keys_by_the_other_party() {
    for (form, by_info) in
        [("rfc4733", false), ("inband", false), ("info", false), ("rfc4733", true)]
    {
        let mut house = house(form, "rfc4733", sample_plan());
        house.caller_to_agent();
        let (caller, agent) = (house.caller, house.phones[0]);
        heard(&mut house, caller, form);
        press_all(&mut house, agent, "*5", by_info);
        house.world.run(Duration::from_secs(3));
        assert_eq!(heard(&mut house, caller, form), "", "{form} {by_info}: a code");
        let marked = |fact: &&FactKind| matches!(fact, FactKind::CallField { name, .. } if name == "malicious");
        assert!(house.facts("call_field").iter().any(marked), "it was one");

        press_all(&mut house, agent, "12", by_info);
        house.world.run(Duration::from_millis(500));
        assert_eq!(heard(&mut house, caller, form), "12", "{form} {by_info}: at once");
        press_all(&mut house, agent, "*#8", by_info);
        house.world.run(Duration::from_secs(1));
        assert_eq!(heard(&mut house, caller, form), "*#8", "{form} {by_info}: no code");
        press_all(&mut house, agent, "*", by_info);
        house.world.run(Duration::from_secs(1));
        assert_eq!(heard(&mut house, caller, form), "", "{form} {by_info}: it may become one");
        house.world.run(Duration::from_secs(2));
        assert_eq!(heard(&mut house, caller, form), "*", "{form} {by_info}: it has not");
        press_all(&mut house, agent, "34", by_info);
        house.world.run(Duration::from_millis(500));
        assert_eq!(heard(&mut house, caller, form), "34", "{form} {by_info}: as ever");
        // The customer has no codes.
        heard(&mut house, agent, "rfc4733");
        house.press(caller, '*');
        assert_eq!(heard(&mut house, agent, "rfc4733"), "*", "{form} {by_info}");
        house.world.with(caller, |phone, now| phone.hang_up(now));
        house.ends_clean();
    }
}

/// `phone` presses these keys as tones in the audio, 80 ms each, whatever was agreed on.
fn sound(house: &mut House, phone: usize, keys: &str) {
    for key in keys.chars() {
        let plan = belfry::dsp::dtmf::plan(key, 80, 80, Default::default()).expect("it is a key");
        let mut pcm = [0; 1_280];
        belfry::dsp::tone::Generator::new(&plan).fill(&mut pcm);
        house.world.with(phone, |phone, _| phone.say(&pcm));
        house.world.run(Duration::from_millis(160));
    }
    house.world.run(Duration::from_millis(300));
}

/// R1: a gateway agrees on telephone-events and passes the tones of its line all the same.
#[test]
fn tones_of_a_gateway_that_agreed_on_events_are_keys_where_the_plan_takes_them() {
    let steps = "{ answer = {} }, { collect = { into = \"n\", prompt = \"p\", min = 4, max = 4 } }, \
                 { dial = { phones = \"${n}\" } }";
    let mut house = house("rfc4733", "rfc4733", route(steps));
    dials(&mut house);
    let (caller, agent) = (house.caller, house.phones[0]);
    sound(&mut house, caller, "1001");
    house.until_state(agent, State::Talking);
    let by_tone = |fact: &FactKind| {
        matches!(fact, FactKind::Digit { by: belfry::switch::fact::KeyBy::InBand, .. })
    };
    assert_eq!(house.facts("digit").iter().filter(|fact| by_tone(fact)).count(), 4);
    // In the talk neither side's voice is taken for keys, on hold neither; the agent's codes are events.
    sound(&mut house, caller, "5");
    sound(&mut house, agent, "*5");
    house.world.with(agent, |phone, now| phone.hold(now, true));
    house.world.run(Duration::from_secs(1));
    sound(&mut house, caller, "7");
    assert_eq!(house.facts("digit").len(), 4);
    house.world.with(caller, |phone, now| phone.hang_up(now));
    house.ends_clean();
}

#[test]
fn after_its_first_telephone_event_tones_are_no_keys() {
    let steps = "{ answer = {} }, { collect = { into = \"n\", prompt = \"p\", min = 4, max = 4 } }, \
                 { dial = { phones = \"${n}\" } }";
    let mut house = house("rfc4733", "rfc4733", route(steps));
    dials(&mut house);
    let caller = house.caller;
    sound(&mut house, caller, "1");
    house.press(caller, '0');
    sound(&mut house, caller, "9");
    house.press(caller, '0');
    house.press(caller, '1');
    house.until_state(house.phones[0], State::Talking);
    house.world.with(caller, |phone, now| phone.hang_up(now));
    house.ends_clean();
}
