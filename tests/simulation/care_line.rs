//! The main job: in from the gateway, through the menu, to an agent, recorded, survey, record
//! (R1 to R5, R21).

use belfry::base::Duration;
use belfry::config::Config;
use belfry::dsp::level::tone_dbm0;
use belfry::media::control::Codec;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, State};
use belfry::sim::world::World;
use belfry::switch::fact::FactKind;

use super::house::{
    CALLER_HZ, House, MUSIC_HZ, channels, config_with, hz, sample_plan, sine, tone_of,
};
use super::queue::{behaves, sign_in};

#[test]
fn a_caller_goes_through_the_menu_to_an_agent_and_on_to_the_survey() {
    let mut house = House::new(Faults::NONE, 1);
    house.register(0);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    assert_eq!(house.hears(agent, &[CALLER_HZ, hz(0)]), Some(CALLER_HZ));
    assert_eq!(house.hears(caller, &[CALLER_HZ, hz(0)]), Some(hz(0)));

    house.world.with(agent, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(1));
    assert_eq!(house.state(caller), State::Talking, "the caller goes on to the survey");
    house.press(caller, '2');
    house.press(caller, '1');
    house.until_state(caller, State::Ended(0));
    house.ends_clean();

    let answers: Vec<_> = house.facts("survey_answer").into_iter().cloned().collect();
    assert!(
        matches!(&answers[..], [
            FactKind::SurveyAnswer { question: q1, key: k1, agent: Some(agent), .. },
            FactKind::SurveyAnswer { question: q2, key: k2, .. },
        ] if q1 == "satisfaction" && k1 == "2" && agent == "1001" && q2 == "solved" && k2 == "1"),
        "{answers:?}"
    );
    assert_eq!(house.facts("call_ended").len(), 1);
    assert_eq!(house.facts("leg_ended").len(), 2);

    let recording = house.world.recordings.values().next().expect("the talk was recorded");
    let [left, right] = channels(recording);
    let tone = |side: &[i16]| tone_of(&side[800..side.len() - 4000], &[CALLER_HZ, hz(0)]);
    assert_eq!(
        (tone(&left), tone(&right)),
        (Some(CALLER_HZ), Some(hz(0))),
        "customer left, agent right"
    );
}

/// What the words for who is in need sound like here.
const WORDS_HZ: f64 = 1_300.0;

/// The whole care line of the sample (R10): phones ring as soon as the alarm is there, by the queue or, where nobody is signed in,
/// by who is on duty, in the second round as in the first. The home hears the words meanwhile, and music after them.
#[test]
fn an_alarm_rings_before_its_words_are_over() {
    let sections = "[care]\nnumber = \"900\"\nbells = [\"8009000\"]\ncall_out = 0\n\
        [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n[[queue]]\nname = \"hotline\"\n";
    for signed_in in [true, false] {
        let change = |config: &mut Config| {
            *config = config_with(4, &World::addresses(100).0.to_string(), sections);
        };
        let codecs: [&[Codec]; 4] = [&[Codec::Pcma]; 4];
        let mut house = House::with_plan(sample_plan(), Faults::NONE, 14, codecs, change);
        house.world.clip("zh-CN/care/alarm", sine(WORDS_HZ).repeat(5));
        match signed_in {
            true => sign_in(&mut house, 0, "7001"),
            false => house.register(0),
        }
        behaves(&mut house, 0, Manner::Ring);
        let (caller, agent) = (house.caller, house.phones[0]);
        house.world.with(caller, |phone, now| phone.call(now, "8009000"));
        let rings = |house: &mut House| {
            let soon = Duration::from_millis(500);
            house.world.until(soon, |world| world.phone(agent).state == State::Ringing)
        };
        assert!(rings(&mut house), "it rings at once; signed in: {signed_in}");
        house.until_state(caller, State::Talking);
        assert_eq!(house.hears(caller, &[WORDS_HZ, MUSIC_HZ]), Some(WORDS_HZ));
        house.world.run(Duration::from_secs(5));
        assert_eq!(house.hears(caller, &[WORDS_HZ, MUSIC_HZ]), Some(MUSIC_HZ));
        if !signed_in {
            // Eight of the thirty seconds are over.
            let next = Duration::from_secs(24);
            let again = house.world.until(next, |world| world.phone(agent).calls > 1);
            assert!(again, "and again, before the words are over");
        }
        house.hang_up(caller);
        house.ends_clean();
    }
}

/// `[record] beep`: both are told again and again that they are recorded, by their country's tone.
#[test]
fn both_hear_a_beep_while_they_are_recorded() {
    let mut house = House::set(|config| config.record.beep = true, 2);
    house.register(0);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    let parties = [(caller, hz(0)), (agent, CALLER_HZ)];
    for (phone, _) in parties {
        house.world.with(phone, |phone, _| phone.ear.forget());
    }
    house.world.run(Duration::from_secs(25));
    for (phone, voice) in parties {
        let samples = house.world.phone(phone).ear.samples().to_vec();
        let beeps = |tenth: &[i16]| tone_dbm0(tenth, 1_400.0) > -24.0;
        let tenths: Vec<bool> = samples.chunks_exact(800).map(beeps).collect();
        let begins: Vec<usize> =
            (1..tenths.len()).filter(|at| tenths[*at] && !tenths[at - 1]).collect();
        // In China every 10.4 s; the first began with the talk.
        assert!((2..=3).contains(&begins.len()), "{begins:?}");
        assert!(begins.windows(2).all(|w| (103..=105).contains(&(w[1] - w[0]))), "{begins:?}");
        let between = &samples[(begins[0] + 20) * 800..][..8_000];
        assert_eq!(tone_of(between, &[CALLER_HZ, hz(0), 1_400.0]), Some(voice));
    }
    house.hang_up(agent);
    house.hang_up(caller);
    house.ends_clean();
    let recording = house.world.recordings.values().next().expect("the talk was recorded");
    for side in channels(recording) {
        assert!(tone_dbm0(&side, 1_400.0) < -50.0, "it is not on the recording");
    }
}
