//! A conference of two baresips and a phone of ours, over two RTP workers (R4).

use std::time::Duration;

use belfry::sim::live::Live;

use super::appliance::{Appliance, Setup};
use super::audio::{AUDIBLE_DBM0, assert_unheard, trace};
use super::baresip::{Baresip, Phone};
use super::process::{PATIENCE, wait_for};
use super::scripted;
use super::tones::{ALICE, BOB, CAROL, MUSIC};

/// Long enough to be sure of a tone.
const SURE: Duration = Duration::from_secs(1);

fn assert_audible(samples: &[i16], hz: f64, whom: &str) {
    let level = trace(samples, hz);
    assert!(level > AUDIBLE_DBM0 + 15.0, "{hz} Hz is heard at {level:.0} dBm0 by {whom}");
}

#[test]
fn three_parties_hear_the_others_and_not_themselves() {
    let belfry = Appliance::start(Setup { workers: Some(2), ..Setup::new() });
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB));
    let live = Live::new();
    let carol = scripted::phone(&live, &belfry, "1003", CAROL);

    alice.dial("3000");
    alice.hears(MUSIC, SURE, 0);
    bob.dial("3000");
    let at = alice.hears(BOB, SURE, 0);
    bob.hears(ALICE, SURE, 0);
    live.with(carol, |phone, now| phone.call(now, "3000"));
    let three =
        || (belfry.console("room show 3000")["members"].as_array()?.len() == 3).then_some(());
    assert!(wait_for(PATIENCE, three).is_some(), "{}", belfry.console("room show 3000"));

    // All three have been heard for a while: from here on it is steady.
    let mixed = || (trace(alice.heard().get(at..)?, CAROL) > AUDIBLE_DBM0 + 15.0).then_some(());
    assert!(wait_for(PATIENCE, mixed).is_some(), "Alice hears Carol");
    std::thread::sleep(SURE);
    let (alices, bobs) = (alice.heard().len(), bob.heard().len());
    scripted::listen(&live, &[carol], 2 * SURE);
    let heard = [
        ("Alice", alice.heard()[alices..].to_vec(), ALICE, [BOB, CAROL]),
        ("Bob", bob.heard()[bobs..].to_vec(), BOB, [ALICE, CAROL]),
        ("Carol", scripted::heard(&live, carol), CAROL, [ALICE, BOB]),
    ];
    for (name, samples, own, others) in heard {
        others.iter().for_each(|hz| assert_audible(&samples, *hz, name));
        assert_unheard(&samples, own, &format!("by {name}"));
        assert_unheard(&samples, MUSIC, &format!("by {name}"));
    }

    // A muted member is heard by nobody, and a member that is sent out is out.
    belfry.console("room mute 3000 1002");
    alice.hears(CAROL, SURE, alices);
    belfry.console("room kick 3000 1002");
    bob.expect("CALL_CLOSED");
    live.with(carol, |phone, now| phone.hang_up(now));
    alice.hears(MUSIC, SURE, alices);
    alice.hang_up();
    belfry.await_empty();
    assert_eq!(belfry.console("room list").as_array().map(Vec::len), Some(0));
}
