//! R8: the caller's port is re-mapped in mid-call while another's stream hits the old one.

use belfry::base::{Duration, Time};
use belfry::media::control::Codec;
use belfry::sim::network::Faults;
use belfry::sim::voice::Mouth;

use super::house::{CALLER_HZ, House, channels, hz};

const STRANGER_HZ: f64 = 1_700.0;

#[test]
fn nobody_hears_the_stranger_at_the_old_port() {
    let mut house = House::new(Faults::NONE, 1);
    house.register(0);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    house.hear_each_other(caller, agent);
    let old = house.world.phone(caller).setup().rtp;
    let belfry = house.world.rtp_of(caller).expect("it talks");
    let mut new = old;
    new.set_port(old.port() + 1_000);
    house.world.remap(caller, new);
    house.world.with(agent, |phone, _| phone.ear.forget());
    let mut stranger = Mouth::new(house.world.now(), 0xbad, STRANGER_HZ, Codec::Pcma, 8);
    let end: Time = house.world.now() + Duration::from_secs(10);
    while house.world.now() < end {
        let packet = stranger.speak();
        house.world.stranger(old, belfry, &packet);
        house.world.run(Duration::from_millis(20));
    }
    let heard = house.world.phone(agent).ear.samples().to_vec();
    assert!(heard.len() > 8_000 * 9, "the caller is heard on, from its new port");
    let level = |hz| belfry::dsp::level::tone_dbm0(&heard, hz);
    assert!(level(CALLER_HZ) > -20.0 && level(STRANGER_HZ) < -60.0, "{}", level(STRANGER_HZ));
    assert_eq!(house.hears(caller, &[CALLER_HZ, hz(0)]), Some(hz(0)), "and hears on");
    assert_eq!(house.facts("source_moved").len(), 1);
    house.hang_up(caller);
    house.ends_clean();
    let [left, _] = channels(house.world.recordings.values().next().expect("recorded"));
    assert!(belfry::dsp::level::tone_dbm0(&left, STRANGER_HZ) < -60.0, "nor is it recorded");
}
