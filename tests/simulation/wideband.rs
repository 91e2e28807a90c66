//! Phones that speak Opus or G.722, beside a gateway that speaks A-law only.

use belfry::base::Duration;
use belfry::media::control::Codec;
use belfry::sim::phone::State;
use belfry::switch::fact::FactKind;

use super::house::{CALLER_HZ, House, channels, hz, tone_of};

const WIDE: [Codec; 2] = [Codec::Opus, Codec::G722];

#[test]
fn a_caller_from_the_gateway_and_a_wide_phone_hear_each_other_and_are_recorded() {
    for codec in WIDE {
        let mut house = House::speaking(&[codec], 1);
        house.register(0);
        house.caller_to_agent();
        let (caller, agent) = (house.caller, house.phones[0]);
        house.hear_each_other(caller, agent);

        // The phone's keys are telephone-events in its codec's clock.
        house.press(agent, '*');
        house.press(agent, '4');
        house.until_state(agent, State::Ended(0));
        assert_eq!(house.state(caller), State::Talking, "in the survey");
        house.world.run(Duration::from_secs(1));
        house.press(caller, '2');
        house.press(caller, '1');
        house.until_state(caller, State::Ended(0));
        house.ends_clean();
        let answer =
            |fact: &&FactKind| matches!(fact, FactKind::SurveyAnswer { key, .. } if key == "2");
        assert!(house.facts("survey_answer").iter().any(answer), "{codec:?}");

        let recording = house.world.recordings.values().next().expect("the talk was recorded");
        let [left, right] = channels(recording);
        let tone = |side: &[i16]| tone_of(&side[1_600..12_000], &[CALLER_HZ, hz(0)]);
        let tones = (tone(&left), tone(&right));
        assert_eq!(tones, (Some(CALLER_HZ), Some(hz(0))), "{codec:?}");
    }
}

#[test]
fn two_phones_of_one_codec_are_relayed_with_music_between() {
    for codec in WIDE {
        let mut house = House::speaking(&[codec, Codec::Pcma], 2);
        house.register(0);
        house.register(1);
        let (a, b) = (house.phones[0], house.phones[1]);
        house.talk(a, "1002", b);
        house.hear_each_other(a, b);
        house.world.with(a, |phone, now| phone.hold(now, true));
        house.world.run(Duration::from_secs(2));
        house.world.with(a, |phone, now| phone.hold(now, false));
        house.world.run(Duration::from_secs(1));
        house.hear_each_other(a, b);
        house.hang_up(a);
        house.ends_clean();
    }
}
