//! Audio whose keys come by DTLS: by account, with ICE and without, over a bad network, and with a
//! certificate that is not the one that was named.

use belfry::base::Duration;
use belfry::config::{Config, Srtp};
use belfry::media::negotiate::Protection;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Blunder, State};
use belfry::switch::fact::{AlarmWhat, FactKind};

use super::house::{CALLER_HZ, CARE_LINE, House, MUSIC_HZ, channels, hz, tone_of};

use Protection::{Dtls, Off, Required};

/// A house whose phones have `srtp` as their account, and whose parties can do `own`.
fn house(phones: Srtp, own: [Protection; 2], faults: Faults, seed: u64) -> House {
    let accounts = move |config: &mut Config| {
        config.gateways.iter_mut().for_each(|g| g.srtp = Srtp::Required);
        config.phones.iter_mut().for_each(|p| p.srtp = phones);
    };
    let mut house = House::protected(own, faults, seed, accounts);
    house.register(0);
    house.register(1);
    house
}

/// The care line's caller and the agent hear each other, and are recorded.
fn care_line(house: &mut House) {
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    let keyed = house.world.until(Duration::from_secs(1), |w| w.phone(agent).is_protected());
    assert!(keyed, "the agent has its keys: {:?}", house.world.phone(agent).handshake_fault());
    house.hear_each_other(caller, agent);
    house.hang_up(caller);
    house.ends_clean();
    let recording = house.world.recordings.values().next().expect("the care line is recorded");
    for (side, tone) in channels(recording).iter().zip([CALLER_HZ, hz(0)]) {
        let end = &side[side.len() - 8_000..side.len() - 1_600];
        assert_eq!(tone_of(end, &[CALLER_HZ, hz(0), MUSIC_HZ]), Some(tone));
    }
}

#[test]
fn an_agent_with_dtls_is_called_and_heard() {
    for ice in [false, true] {
        let mut house = house(Srtp::Dtls, [Required, Dtls], Faults::NONE, 1);
        if ice {
            let agent = house.phones[0];
            house.world.with(agent, |phone, _| phone.use_ice());
        }
        care_line(&mut house);
    }
}

#[test]
fn two_phones_with_dtls_call_each_other() {
    for ice in [false, true] {
        let mut house = house(Srtp::Dtls, [Required, Dtls], Faults::NONE, 2);
        let [alice, bob] = [house.phones[0], house.phones[1]];
        if ice {
            for phone in [alice, bob] {
                house.world.with(phone, |phone, _| phone.use_ice());
            }
        }
        house.talk(alice, "1002", bob);
        house.hear_each_other(alice, bob);
        assert!([alice, bob].iter().all(|phone| house.world.phone(*phone).is_protected()));
        house.hang_up(alice);
        house.ends_clean();
    }
}

#[test]
fn a_handshake_over_a_bad_network_comes_to_its_end() {
    for seed in 0..5 {
        let faults = Faults { loss: 0.1, ..Faults::NONE };
        let mut house = house(Srtp::Dtls, [Required, Dtls], faults, seed);
        let agent = house.phones[0];
        house.world.with(agent, |phone, _| phone.use_ice());
        house.caller_to_agent();
        let keyed = house.world.until(Duration::from_secs(20), |w| w.phone(agent).is_protected());
        assert!(keyed, "seed {seed}: {:?}", house.world.phone(agent).handshake_fault());
    }
}

#[test]
fn hold_and_back_keep_the_keys() {
    let mut house = house(Srtp::Dtls, [Required, Dtls], Faults::NONE, 3);
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.with(agent, |phone, _| phone.use_ice());
    house.caller_to_agent();
    for hold in [true, false] {
        house.world.with(agent, |phone, now| phone.hold(now, hold));
        house.world.run(Duration::from_secs(2));
        assert_eq!(house.world.phone(agent).offer_status, 200);
    }
    house.hear_each_other(caller, agent);
    assert_eq!(house.world.phone(agent).unheard, 0, "all was under the same keys");
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn a_leg_with_another_certificate_is_ended_and_said_why() {
    for (blunder, why) in [
        (Blunder::Masquerade, "its certificate is not the one"),
        (Blunder::NoHandshake, "its DTLS handshake does not begin"),
    ] {
        a_leg_without_keys_is_ended(blunder, why);
    }
}

fn a_leg_without_keys_is_ended(blunder: Blunder, why: &str) {
    let mut house = house(Srtp::Dtls, [Required, Dtls], Faults::NONE, 4);
    let agent = house.phones[0];
    house.world.with(agent, |phone, _| phone.blunder = Some(blunder));
    if blunder == Blunder::NoHandshake {
        // No check comes either: there is no way to it.
        house.world.with(agent, |phone, _| phone.use_ice());
    }
    let caller = house.caller;
    house.world.with(caller, |phone, now| phone.call(now, CARE_LINE));
    house.until_state(caller, State::Talking);
    house.world.run(Duration::from_millis(500));
    house.press(caller, '1');
    let ended = house.world.until(Duration::from_secs(60), |world| {
        matches!(world.phone(agent).state, State::Ended(_))
    });
    assert!(ended, "the agent's leg is ended: {:?}", house.world.phone(agent).state);
    let line = house.world.warnings.iter().find(|line| line.contains("is ended"));
    let line = line.unwrap_or_else(|| panic!("{:?}", house.world.warnings));
    assert!(line.contains("(1001)") && line.contains(why), "{line}");
    let alarm =
        |kind: &&FactKind| matches!(kind, FactKind::Alarm { what: AlarmWhat::HandshakeFailed, .. });
    assert_eq!(house.world.facts.iter().map(|fact| &fact.kind).filter(alarm).count(), 1);
    assert_eq!(house.world.phone(agent).ear.packets, 0, "nothing was sent to it");
}

#[test]
fn an_account_of_dtls_takes_no_plain_call() {
    let mut house = house(Srtp::Dtls, [Required, Off], Faults::NONE, 5);
    let phone = house.phones[0];
    house.world.with(phone, |phone, now| phone.call(now, "1002"));
    house.until_state(phone, State::Ended(488));
    assert!(house.world.warnings.iter().any(|w| w.contains("only DTLS-SRTP is taken here")));
    house.ends_clean();
}
