//! The main job: in from the gateway, through the menu, to an agent, recorded, survey, record
//! (R1 to R5, R21).

use belfry::base::Duration;
use belfry::dsp::level::tone_dbm0;
use belfry::sim::network::Faults;
use belfry::sim::phone::State;
use belfry::switch::fact::FactKind;

use super::house::{CALLER_HZ, House, channels, hz, tone_of};

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
