//! Four networks at once: agents here, the gateway there, the Internet behind a NAT, and IPv6. Each peer
//! is told the address that it reaches Belfry by, and none of the others, whatever the message.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use belfry::base::{Duration, Rng};
use belfry::config::Config;
use belfry::dialplan::Plan;
use belfry::media::control::Codec;
use belfry::media::negotiate::Protection;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, Setup, State};
use belfry::sim::world::World;
use belfry::wire::sdp::Sdp;
use belfry::wire::sip::{Message, Method, Name, Uri};

use super::house::{House, plan};

/// Our addresses as peers see them: in the local network, the gateway's, the Internet, in IPv6.
const SEEN: [&str; 4] = ["10.1.255.1", "172.16.0.5", "203.0.113.7", "2001:db8::5"];
/// Our address behind the NAT, which nobody is told.
const BEHIND: &str = "10.0.0.5";
/// The peers: 1001, the gateway, 1002 at home, 1003 in IPv6.
const PEERS: [&str; 4] = ["10.1.0.9", "172.16.0.10", "198.51.100.9", "2001:db8:1::9"];

const PLAN: &str = r#"
[[route]]
name    = "in"
context = "gateway"
steps   = [{ dial = { phones = "${to}" } }]

[[route]]
name    = "out"
context = "agents"
when    = { to = "9xxx" }
steps   = [{ dial = { gateway = "e1", number = "${to}" } }]

[[route]]
name    = "inside"
context = "agents"
when    = { to = "1xxx" }
steps   = [{ dial = { phones = "${to}" } }]
"#;

fn config() -> Config {
    let [lan, vlan, public, six] = SEEN;
    let networks = [
        (lan, lan, "10.1.0.0/16"),
        (vlan, vlan, "172.16.0.0/12"),
        (BEHIND, public, "0.0.0.0/0"),
        (six, six, "::/0"),
    ];
    let networks: String = networks
        .iter()
        .enumerate()
        .map(|(n, (address, public, inside))| {
            format!(
                "[[network]]\nname = \"n{n}\"\naddress = \"{address}\"\npublic = \"{public}\"\n\
                 inside = \"{inside}\"\n"
            )
        })
        .collect();
    let phones: String = ["1001", "1002", "1003"]
        .map(|number| format!("[[phone]]\nnumber = \"{number}\"\npassword = \"secret\"\n"))
        .concat();
    let text = format!(
        "[sip]\nlisten = [\"udp:0.0.0.0:5060\", \"udp:[::]:5060\"]\ndomain = \"care.example\"\n\
         [[gateway]]\nname = \"e1\"\naddress = \"udp:{}:5060\"\n{networks}{phones}",
        PEERS[1]
    );
    Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:?}")).0
}

/// Belfry on four networks with a peer on each, in the order of [`PEERS`].
fn world(seed: u64) -> (World, [usize; 4]) {
    let plan: Arc<Plan> = plan(&[("plan.toml".into(), PLAN.into())]);
    let mut world = World::new(config(), plan, 16, Faults::NONE, seed);
    let peer = |n: usize| {
        let at = |port| SocketAddr::new(PEERS[n].parse().expect("an address"), port);
        let number = ["1001", "9000", "1002", "1003"][n];
        Setup {
            sip: at(5060),
            rtp: at(4000),
            server: SocketAddr::new(SEEN[n].parse().expect("an address"), 5060),
            number: number.into(),
            password: (n != 1).then(|| "secret".into()),
            hz: 440.0 + 200.0 * n as f64,
            codecs: vec![Codec::Pcma],
            srtp: Protection::Off,
            manner: Manner::AnswerAfter(Duration::from_millis(500)),
        }
    };
    let peers = core::array::from_fn(|n| world.add(peer(n), Rng::from_seed(seed + n as u64)));
    world.sent = Some(Vec::new());
    (world, peers)
}

/// Which of the peers that is.
fn network_of(peer: SocketAddr) -> usize {
    let found = PEERS.iter().position(|own| own.parse() == Ok(peer.ip()));
    found.unwrap_or_else(|| panic!("{peer} is nobody"))
}

fn host(uri: &Uri) -> IpAddr {
    uri.as_sip().and_then(|sip| sip.host.ip()).unwrap_or_else(|| panic!("{uri}"))
}

/// What was counted of the messages that were looked at.
#[derive(Default, Debug)]
struct Seen {
    vias: usize,
    contacts: usize,
    descriptions: usize,
}

/// Looks at all that Belfry has sent: each peer sees its own network's address of ours and no other.
fn each_peer_sees_its_own(world: &mut World) -> Seen {
    let mut seen = Seen::default();
    for (from, to, message) in world.sent.replace(Vec::new()).expect("kept") {
        let n = network_of(to);
        let own: IpAddr = SEEN[n].parse().expect("an address");
        let text = String::from_utf8_lossy(message.bytes()).into_owned();
        assert_eq!(from, SocketAddr::new(own, 5060), "{text}");
        if message.is_request() {
            let via = message.top_via().expect("a Via");
            assert_eq!((via.host.ip(), via.sent_by_port()), (Some(own), 5060), "{text}");
            seen.vias += 1;
        }
        let is_register = message.cseq().is_ok_and(|cseq| cseq.method == Method::Register);
        if let Some(contact) = message.header(Name::Contact).filter(|_| !is_register) {
            let uri = contact.strip_prefix(b"<").and_then(|c| c.strip_suffix(b">"));
            let uri = Uri::parse(uri.unwrap_or_else(|| panic!("{text}"))).expect("a URI");
            assert_eq!(host(&uri), own, "{text}");
            seen.contacts += 1;
        }
        if let Some(sdp) = described(&message) {
            let audio = &sdp.media[0];
            let at = audio.connection.as_ref().or(sdp.connection.as_ref()).expect("c=");
            assert_eq!(at.address.ip(), Some(own), "{text}");
            let origin = sdp.origin.as_ref().expect("o=");
            assert_eq!(origin.address.ip(), Some(own), "{text}");
            seen.descriptions += 1;
        }
        let others = SEEN.iter().chain([&BEHIND]).filter(|other| **other != SEEN[n]);
        for other in others {
            assert!(!text.contains(other), "{other} is none of its business:\n{text}");
        }
    }
    seen
}

fn described(message: &Message) -> Option<Sdp> {
    (!message.body().is_empty() && message.header(Name::ContentType)? == b"application/sdp")
        .then(|| Sdp::parse(message.body()).expect("a description"))
}

fn until(world: &mut World, peer: usize, state: State) {
    let came = world.until(Duration::from_secs(10), |world| world.phone(peer).state == state);
    assert!(came, "{state:?} did not come: {:?}", world.phone(peer).state);
}

fn register(world: &mut World, peers: [usize; 4]) {
    for n in [0, 2, 3] {
        world.with(peers[n], |phone, now| phone.register(now));
        let came = world.until(Duration::from_secs(10), |w| w.phone(peers[n]).registered.is_some());
        assert!(came && world.phone(peers[n]).registered == Some(200), "{}", PEERS[n]);
    }
}

/// What `peer` hears in the next second.
fn hears(world: &mut World, peer: usize, hz: f64) {
    world.run(Duration::from_millis(500));
    world.with(peer, |phone, _| phone.ear.forget());
    world.run(Duration::from_secs(1));
    let samples = world.phone(peer).ear.samples().to_vec();
    let tone = super::house::tone_of(&samples[800..samples.len() - 800], &[hz, 440.0, 640.0]);
    assert_eq!(tone, Some(hz));
}

#[test]
fn each_peer_is_told_the_address_of_its_own_network() {
    let (mut world, peers) = world(1);
    register(&mut world, peers);
    let numbers = ["1001", "9000", "1002", "1003"];
    // Each network calls each other one; the gateway's callers come by its context.
    for (from, to) in [(1, 0), (0, 2), (2, 1), (2, 3), (3, 0), (1, 3)] {
        let (caller, callee) = (peers[from], peers[to]);
        world.with(caller, |phone, now| phone.call(now, numbers[to]));
        until(&mut world, callee, State::Talking);
        until(&mut world, caller, State::Talking);
        let tones = [from, to].map(|n| 440.0 + 200.0 * n as f64);
        hears(&mut world, caller, tones[1]);
        hears(&mut world, callee, tones[0]);
        for (peer, n) in [(caller, from), (callee, to)] {
            let rtp = world.rtp_of(peer).expect("a description came");
            assert_eq!(rtp.ip().to_string(), SEEN[n], "audio of {}", PEERS[n]);
        }
        // Answers to a re-INVITE, and re-INVITEs of ours.
        for hold in [true, false] {
            world.with(callee, |phone, now| phone.hold(now, hold));
            world.run(Duration::from_millis(400));
            assert_eq!(world.phone(callee).offer_status, 200);
        }
        world.with(callee, |phone, now| phone.hang_up(now));
        until(&mut world, caller, State::Ended(0));
        let seen = each_peer_sees_its_own(&mut world);
        assert!(seen.vias >= 3 && seen.contacts >= 5 && seen.descriptions >= 4, "{seen:?}");
    }
    world.run(Duration::from_secs(120));
    assert_eq!(world.switch.in_being(), (0, 0, 0));
    assert!(world.plane_is_empty() && world.warnings.is_empty(), "{:?}", world.warnings);
}

#[test]
fn a_transfer_from_one_network_to_another_shows_each_its_own() {
    let (mut world, peers) = world(2);
    register(&mut world, peers);
    let [agent, caller, home, _] = peers;
    world.with(caller, |phone, now| phone.call(now, "1001"));
    until(&mut world, agent, State::Talking);
    world.run(Duration::from_millis(500));
    world.with(agent, |phone, now| phone.refer(now, "1002"));
    until(&mut world, home, State::Talking);
    hears(&mut world, home, 640.0);
    world.with(caller, |phone, now| phone.hang_up(now));
    until(&mut world, home, State::Ended(0));
    let notified = |(_, _, message): &(_, _, Message)| *message.method() == Method::Notify;
    assert!(world.sent.as_ref().expect("kept").iter().any(notified));
    each_peer_sees_its_own(&mut world);
}

#[test]
fn the_address_behind_the_nat_is_reached_by_nobody_outside() {
    let (mut world, peers) = world(3);
    let mut setup = world.phone(peers[2]).setup().clone();
    setup.sip.set_port(5070);
    setup.rtp.set_port(4070);
    setup.server.set_ip(BEHIND.parse().expect("an address"));
    let lost = world.add(setup, Rng::from_seed(9));
    world.with(lost, |phone, now| phone.register(now));
    world.run(Duration::from_secs(40));
    assert_ne!(world.phone(lost).registered, Some(200));
    let answered = |(_, to, _): &(SocketAddr, SocketAddr, Message)| network_of(*to) == 2;
    assert!(!world.sent.as_ref().expect("kept").iter().any(answered));
}

#[test]
fn a_call_in_one_network_needs_no_other() {
    // The sample house has no networks: all is as its one listener says.
    let mut house = House::new(Faults::NONE, 4);
    house.world.sent = Some(Vec::new());
    house.register(0);
    house.caller_to_agent();
    let sent = house.world.sent.take().expect("kept");
    let own = |(from, _, message): &(SocketAddr, SocketAddr, Message)| {
        let via = message.top_via().ok().filter(|_| message.is_request());
        from.to_string() == "10.0.0.1:5060"
            && via.is_none_or(|via| via.host.ip() == Some(from.ip()))
    };
    assert!(sent.iter().all(own));
}
