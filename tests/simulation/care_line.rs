//! The main job: in from the gateway, through the menu, to an agent, recorded, survey, record
//! (R1 to R5, R21).

use belfry::base::Duration;
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
