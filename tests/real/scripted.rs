//! Phones of our own on real sockets (`belfry::sim::live`), where a script of a peer's RTP is
//! wanted: other clocks, moved ports, thirty at once. Their ears lay what comes by RTP timestamp.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use belfry::base::{Duration, Rng};
use belfry::media::control::Codec;
use belfry::media::negotiate::Protection;
use belfry::sim::live::{Live, Which};
use belfry::sim::phone::{Manner, Phone, Setup, State};

use super::address;
use super::appliance::Appliance;

/// The longest wait for any one step.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// A caller behind the gateway.
pub fn caller(live: &Live, belfry: &Appliance, hz: f64) -> Which {
    let setup = setup(belfry, belfry.setup.gateway.ip(), "13800138000", None, hz);
    live.add(setup, fresh_rng(hz)).expect("sockets of our own address")
}

/// A source of Call-IDs and tags that no other phone of this process has: two requests that share them are
/// one request over two paths (RFC 3261 §8.2.2.2).
fn fresh_rng(hz: f64) -> Rng {
    static PHONES: AtomicU64 = AtomicU64::new(0);
    Rng::from_seed(hz.to_bits() ^ PHONES.fetch_add(1, Ordering::Relaxed))
}

/// A phone that answers after a moment, registered.
pub fn phone(live: &Live, belfry: &Appliance, number: &str, hz: f64) -> Which {
    phone_at(live, belfry, number, hz, belfry.sip, address::fresh().into())
}

/// The same, at an address of another network; `server` is the appliance there.
pub fn phone_at(
    live: &Live,
    belfry: &Appliance,
    number: &str,
    hz: f64,
    server: SocketAddr,
    ip: IpAddr,
) -> Which {
    let own = setup(belfry, ip, number, Some(belfry.setup.password(number)), hz);
    let setup = Setup { server, ..own };
    let which = live.add(setup, fresh_rng(hz)).expect("sockets of our own address");
    live.with(which, |phone, now| phone.register(now));
    let answered = live.wait(which, PATIENCE, |phone| phone.registered.is_some());
    let status = live.with(which, |phone, _| phone.registered);
    assert!(answered && status == Some(200), "{number} registers: {status:?}");
    which
}

/// How such a phone is set up.
pub fn setup(
    belfry: &Appliance,
    ip: IpAddr,
    number: &str,
    password: Option<String>,
    hz: f64,
) -> Setup {
    Setup {
        sip: SocketAddr::new(ip, 0),
        rtp: SocketAddr::new(ip, 0),
        server: belfry.sip,
        number: number.into(),
        password,
        hz,
        codecs: vec![Codec::Pcma],
        srtp: Protection::Off,
        manner: Manner::AnswerAfter(Duration::from_millis(200)),
    }
}

/// Waits until the phone's call is so far.
pub fn await_state(live: &Live, which: Which, what: &str, so_far: impl Fn(State) -> bool) {
    let reached = live.wait(which, PATIENCE, |phone| so_far(phone.state));
    let state = live.with(which, |phone, _| phone.state);
    assert!(reached, "a phone that is to {what} is {state:?}");
}

/// Waits until both talk.
pub fn await_talk(live: &Live, both: [Which; 2]) {
    both.iter()
        .for_each(|which| await_state(live, *which, "talk", |state| state == State::Talking));
    // And until both have been heard: the latch needs a few packets.
    for which in both {
        assert!(live.wait(which, PATIENCE, |phone| phone.ear.packets > 10), "nothing is heard");
    }
}

/// Ends a call and waits until both know.
pub fn hang_up(live: &Live, both: [Which; 2]) {
    live.with(both[0], |phone, now| phone.hang_up(now));
    let ended = |state| matches!(state, State::Ended(_));
    both.iter().for_each(|which| await_state(live, *which, "end", ended));
}

/// All that the phone heard since it last forgot.
pub fn heard(live: &Live, which: Which) -> Vec<i16> {
    live.with(which, |phone: &mut Phone, _| phone.ear.samples().to_vec())
}

/// Lets the phones listen anew for `time`.
pub fn listen(live: &Live, phones: &[Which], time: Duration) {
    phones.iter().for_each(|which| live.with(*which, |phone, _| phone.ear.forget()));
    std::thread::sleep(time);
}
