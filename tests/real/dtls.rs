//! Phones of our own with DTLS-SRTP on real sockets, with ICE as a browser has it and without: with a phone
//! that has neither, and with a certificate that is not the one that was named.

use belfry::base::{Duration, Rng};
use belfry::media::negotiate::Protection;
use belfry::sim::live::{Live, Which};
use belfry::sim::phone::{Blunder, Setup as Own, State};

use super::address;
use super::appliance::{Appliance, Setup};
use super::audio::assert_heard;
use super::process::wait_for;
use super::scripted::{self, PATIENCE, await_state, await_talk, hang_up, heard, listen, phone};
use super::tones::{ALICE, BOB};

/// Long enough to be sure of a tone.
const SURE: std::time::Duration = std::time::Duration::from_secs(1);

/// Registers a phone with DTLS, and ICE if it shall.
fn secure(live: &Live, belfry: &Appliance, number: &str, hz: f64, ice: bool) -> Which {
    let ip = address::fresh().into();
    let own = scripted::setup(belfry, ip, number, Some(belfry.setup.password(number)), hz);
    let setup = Own { srtp: Protection::Dtls, ..own };
    let which = live.add(setup, Rng::from_seed(hz.to_bits())).expect("sockets of our own address");
    live.with(which, |phone, now| {
        if ice {
            phone.use_ice();
        }
        phone.register(now);
    });
    assert!(
        live.wait(which, PATIENCE, |phone| phone.registered == Some(200)),
        "{number} registers"
    );
    which
}

/// The first calls; both are heard.
fn talk(live: &Live, both: [Which; 2], number: &str, tones: [f64; 2]) {
    live.with(both[0], |phone, now| phone.call(now, number));
    await_talk(live, both);
    listen(live, &both, Duration::from_millis(1_500));
    for (which, tone) in both.into_iter().zip([tones[1], tones[0]]) {
        assert_heard(&heard(live, which), tone, SURE, "by the other");
    }
    hang_up(live, both);
}

#[test]
fn who_has_dtls_talks_with_one_who_has_not() {
    for ice in [false, true] {
        let belfry = Appliance::start(Setup { srtp: &["dtls", "off"], ..Setup::new() });
        let live = Live::new();
        let alice = secure(&live, &belfry, "1001", ALICE, ice);
        let bob = phone(&live, &belfry, "1002", BOB);
        talk(&live, [alice, bob], "1002", [ALICE, BOB]);
        assert!(live.with(alice, |phone, _| phone.is_protected()));
        talk(&live, [bob, alice], "1001", [BOB, ALICE]);
        assert_eq!(live.with(alice, |phone, _| phone.unheard), 0, "nothing came under other keys");
        belfry.await_empty();
        belfry.stop();
    }
}

#[test]
fn another_certificate_than_was_named_ends_the_leg() {
    let belfry = Appliance::start(Setup { srtp: &["dtls", "off"], ..Setup::new() });
    let live = Live::new();
    let alice = secure(&live, &belfry, "1001", ALICE, true);
    live.with(alice, |phone, _| phone.blunder = Some(Blunder::Masquerade));
    let bob = phone(&live, &belfry, "1002", BOB);
    live.with(bob, |phone, now| phone.call(now, "1001"));
    await_state(&live, alice, "end", |state| matches!(state, State::Ended(_)));
    let told = wait_for(super::process::PATIENCE, || {
        belfry
            .log()
            .contains("its certificate is not the one that its description names")
            .then_some(())
    });
    assert!(told.is_some(), "the log says why");
    assert_eq!(live.with(alice, |phone, _| phone.ear.packets), 0, "nothing was sent to it");
    belfry.await_empty();
    belfry.stop();
}
