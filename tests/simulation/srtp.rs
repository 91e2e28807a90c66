//! Encrypted audio (SDES): by account, relayed and mixed, with other keys, and what is told where it
//! cannot be heard.

use belfry::base::Duration;
use belfry::config::{Config, Srtp};
use belfry::media::negotiate::Protection;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Blunder, State};

use super::house::{CALLER_HZ, CARE_LINE, House, MUSIC_HZ, channels, hz, tone_of};

use Protection::{Off, Preferred, Required};

/// SRTP of the gateway's account and of the phones'.
fn accounts(gateway: Srtp, phones: Srtp) -> impl FnOnce(&mut Config) {
    move |config| {
        config.gateways.iter_mut().for_each(|g| g.srtp = gateway);
        config.phones.iter_mut().for_each(|p| p.srtp = phones);
    }
}

/// A house whose parties do as their accounts have it.
fn house(gateway: Srtp, phones: Srtp, own: [Protection; 2], seed: u64) -> House {
    let mut house = House::protected(own, Faults::NONE, seed, accounts(gateway, phones));
    house.register(0);
    house
}

fn protected(house: &House, phone: usize) -> bool {
    house.world.phone(phone).is_protected()
}

/// What the leg of the caller (0) or the agent (1) counted.
fn counted(house: &House, leg: usize) -> (u64, u64) {
    let legs = house.facts("leg_ended");
    let Some(belfry::switch::fact::FactKind::LegEnded { sound: Some(sound), .. }) = legs.get(leg)
    else {
        panic!("{legs:?}")
    };
    (sound.packets_forged, sound.packets_duplicate)
}

#[test]
fn each_pair_of_accounts_talks_as_it_should() {
    let table = [
        // gateway's account, phones' account, what the caller and the phone can, what they get
        (Srtp::Off, Srtp::Required, [Off, Required], [false, true]),
        (Srtp::Required, Srtp::Off, [Required, Off], [true, false]),
        (Srtp::Required, Srtp::Required, [Required, Required], [true, true]),
        (Srtp::Preferred, Srtp::Preferred, [Preferred, Preferred], [true, true]),
        (Srtp::Preferred, Srtp::Preferred, [Off, Required], [false, true]),
        (Srtp::Preferred, Srtp::Preferred, [Required, Off], [true, false]),
        (Srtp::Off, Srtp::Off, [Preferred, Preferred], [false, false]),
        (Srtp::Offered, Srtp::Offered, [Required, Preferred], [true, false]),
        (Srtp::Offered, Srtp::Offered, [Preferred, Off], [true, false]),
    ];
    for (n, (gateway, phones, own, expected)) in table.into_iter().enumerate() {
        let mut house = house(gateway, phones, own, n as u64);
        house.caller_to_agent();
        let (caller, agent) = (house.caller, house.phones[0]);
        assert_eq!([caller, agent].map(|p| protected(&house, p)), expected, "row {n}");
        house.hear_each_other(caller, agent);
        house.hang_up(caller);
        house.ends_clean();
        assert_eq!([0, 1].map(|leg| counted(&house, leg)), [(0, 0); 2], "row {n}");
        let recording = house.world.recordings.values().next().expect("the care line is recorded");
        for (side, tone) in channels(recording).iter().zip([CALLER_HZ, hz(0)]) {
            let end = &side[side.len() - 8_000..side.len() - 1_600];
            assert_eq!(tone_of(end, &[CALLER_HZ, hz(0), MUSIC_HZ]), Some(tone), "row {n}");
        }
    }
}

#[test]
fn who_cannot_encrypt_is_refused_where_it_is_required() {
    let mut house = house(Srtp::Required, Srtp::Off, [Off, Off], 1);
    let caller = house.caller;
    house.world.with(caller, |phone, now| phone.call(now, CARE_LINE));
    house.until_state(caller, State::Ended(488));
    let told: Vec<_> = house.world.warnings.iter().filter(|w| w.contains("488")).collect();
    assert!(told.len() == 1 && told[0].contains("SRTP is required"), "{told:?}");
    house.ends_clean();
}

#[test]
fn an_account_without_srtp_refuses_it() {
    let mut house = house(Srtp::Off, Srtp::Off, [Required, Off], 1);
    let caller = house.caller;
    house.world.with(caller, |phone, now| phone.call(now, CARE_LINE));
    house.until_state(caller, State::Ended(488));
    assert!(house.world.warnings.iter().any(|w| w.contains("RTP/SAVP is not taken here")));
    house.ends_clean();
}

/// `RTP/SAVP` or nothing: it is called once in vain, and from then on as it wants. The other way round the same.
#[test]
fn a_phone_that_insists_is_called_as_it_wants_and_remembered() {
    for (n, other) in [(0, "RTP/SAVP"), (1, "RTP/AVP")] {
        let mut house = house(Srtp::Off, Srtp::Preferred, [Off, Required], 20 + n);
        let (caller, agent) = (house.caller, house.phones[0]);
        for (only, refused) in [("RTP/SAVP", 1), ("RTP/SAVP", 1), (other, n + 1), (other, n + 1)] {
            house.world.with(agent, |phone, _| phone.only = Some(only));
            house.caller_to_agent();
            assert!(protected(&house, agent));
            house.hear_each_other(caller, agent);
            // It offers anew as it was answered.
            for hold in [true, false] {
                house.world.with(agent, |phone, now| phone.hold(now, hold));
                house.world.run(Duration::from_millis(300));
            }
            house.hear_each_other(caller, agent);
            house.hang_up(caller);
            house.ends_clean();
            assert_eq!(house.world.phone(agent).refusals, refused, "{only}");
            if only == other {
                house.register(0); // a refresh forgets nothing
            }
        }
    }
}

#[test]
fn a_phone_that_calls_with_savp_is_called_so_at_once() {
    let mut house = house(Srtp::Off, Srtp::Preferred, [Off, Required], 22);
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.with(agent, |phone, _| phone.only = Some("RTP/SAVP"));
    house.world.with(agent, |phone, now| phone.call(now, "1002"));
    house.world.run(Duration::from_secs(2));
    house.hang_up(agent);
    house.world.run(Duration::from_secs(2));
    house.caller_to_agent();
    house.hear_each_other(caller, agent);
    house.hang_up(caller);
    house.ends_clean();
    assert_eq!(house.world.phone(agent).refusals, 0);
}

/// Who refuses both ways is not asked a third time.
#[test]
fn a_phone_that_refuses_either_way_is_left_alone() {
    let mut house = house(Srtp::Off, Srtp::Preferred, [Off, Required], 23);
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.with(agent, |phone, _| phone.only = Some("RTP/SAVPF"));
    house.world.with(caller, |phone, now| phone.call(now, CARE_LINE));
    house.until_state(caller, State::Talking);
    house.world.run(Duration::from_millis(500));
    house.press(caller, '1');
    house.world.run(Duration::from_secs(5));
    assert_eq!(house.world.phone(agent).refusals, 2);
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn a_late_offer_and_keys_of_a_menu() {
    let mut house = house(Srtp::Required, Srtp::Required, [Required, Required], 3);
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.with(caller, |phone, now| phone.call_without_offer(now, CARE_LINE));
    house.until_state(caller, State::Talking);
    house.world.run(Duration::from_millis(500));
    house.press(caller, '1');
    house.until_state(agent, State::Talking);
    house.hear_each_other(caller, agent);
    house.hang_up(agent);
    house.world.run(Duration::from_secs(5));
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn hold_keeps_the_keys_and_another_offer_may_change_them() {
    for own in [[Required, Required], [Off, Required]] {
        let gateway = if own[0] == Off { Srtp::Off } else { Srtp::Required };
        let mut house = house(gateway, Srtp::Required, own, 4);
        house.caller_to_agent();
        let (caller, agent) = (house.caller, house.phones[0]);
        for hold in [true, false] {
            house.world.with(agent, |phone, now| phone.hold(now, hold));
            house.world.run(Duration::from_millis(300));
        }
        house.hear_each_other(caller, agent);
        let before = house.world.phone(agent).keys();
        for _ in 0..3 {
            house.world.with(agent, |phone, now| phone.change_keys(now));
            house.world.run(Duration::from_millis(300));
            assert_eq!(house.world.phone(agent).offer_status, 200);
            house.hear_each_other(caller, agent);
        }
        let after = house.world.phone(agent).keys();
        assert!(before != after && after.is_some());
        assert_eq!(house.world.phone(agent).unheard, 0);
        house.hang_up(caller);
        house.ends_clean();
        assert_eq!([0, 1].map(|leg| counted(&house, leg)), [(0, 0); 2]);
        assert!(house.facts("alarm").is_empty(), "{:?}", house.facts("alarm"));
    }
}

#[test]
fn a_wrong_key_and_plain_rtp_are_told_once_with_the_leg() {
    for (blunder, why) in [
        (Blunder::WrongKey, "of another key than was agreed on"),
        (Blunder::Plain, "it sends plain RTP where SRTP was agreed on"),
    ] {
        let mut house = house(Srtp::Required, Srtp::Required, [Required, Required], 5);
        let (caller, agent) = (house.caller, house.phones[0]);
        house.world.with(agent, |phone, _| phone.blunder = Some(blunder));
        house.caller_to_agent();
        assert_eq!(house.hears(caller, &[hz(0), CALLER_HZ]), None, "nothing of it is heard");
        assert_eq!(house.hears(agent, &[hz(0), CALLER_HZ]), Some(CALLER_HZ), "the other way goes");
        house.hang_up(caller);
        house.ends_clean();
        let told: Vec<_> = house.world.warnings.iter().filter(|w| w.starts_with("leg-")).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("1001") && told[0].contains(why));
        assert_eq!(house.facts("alarm").len(), 2, "raised, and over");
        assert!((0..2).any(|leg| counted(&house, leg).0 > 50));
    }
}

/// Bad lines, and streams whose numbers wrap: each party is heard all the time, nothing is refused but
/// what the line repeats.
#[test]
fn wraps_on_a_bad_line() {
    for seed in 0..4 {
        let accounts = accounts(Srtp::Required, Srtp::Required);
        let mut house = House::protected([Required; 2], Faults::BAD, seed, accounts);
        house.register(0);
        let (caller, agent) = (house.caller, house.phones[0]);
        for phone in [caller, agent] {
            // 30 s before the wrap.
            house.world.with(phone, |phone, _| phone.first_sequence = Some(u16::MAX - 1_500));
        }
        house.caller_to_agent();
        for _ in 0..20 {
            house.world.run(Duration::from_secs(1));
            let heard = [caller, agent].map(|p| house.world.phone(p).ear.packets);
            house.world.run(Duration::from_secs(2));
            for (phone, before) in [caller, agent].into_iter().zip(heard) {
                let packets = house.world.phone(phone).ear.packets - before;
                assert!(packets > 70, "seed {seed}: {packets} of 100 at {:?}", house.world.now());
            }
        }
        house.hang_up(caller);
        house.ends_clean();
        for leg in 0..2 {
            assert_eq!(counted(&house, leg).0, 0, "seed {seed}: none is taken for forged");
        }
    }
}
