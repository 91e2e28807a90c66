//! A gateway by name: a DNS server of the test's own says where it is (RFC 3263), and the host that is
//! tried first has nobody behind its port.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::address::fresh;
use super::appliance::{Appliance, NAMED, Setup};
use super::baresip::{Baresip, Phone};
use super::process::{PATIENCE, wait_for};
use super::sipp::{Scenario, Sipp};
use super::speech::Line;
use super::tones::{ALICE, CALLER};

const ANSWERS: &str = include_str!("../data/clients/sipp/gateway_answers.xml");
const A: u16 = 1;
const SRV: u16 = 33;

/// Labels as they travel (RFC 1035 §3.1).
fn labels(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[label.len() as u8], label.as_bytes()].concat();
    let mut bytes: Vec<u8> = name.split('.').flat_map(label).collect();
    bytes.push(0);
    bytes
}

/// Answers A and SRV for ever; whatever else is asked is not there.
fn serve(gateway: SocketAddr) -> SocketAddr {
    let socket = UdpSocket::bind((IpAddr::V4(fresh()), 0)).expect("a port for the DNS");
    let at = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut query) {
            let answer = answer(&query[..len], gateway);
            let _ = socket.send_to(&answer, from);
        }
    });
    at
}

fn answer(query: &[u8], gateway: SocketAddr) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|b| *b == 0).expect("a name") + 1;
    let (name, kind) = (&query[12..end], u16::from_be_bytes([query[end], query[end + 1]]));
    let IpAddr::V4(ip) = gateway.ip() else { panic!("IPv4") };
    let srv = |priority: u16, port: u16, host: &str| {
        let numbers = [priority, 0, port].map(u16::to_be_bytes).concat();
        [numbers, labels(host)].concat()
    };
    let service = labels(&format!("_sip._udp.{NAMED}"));
    let host = |host: &str| labels(&format!("{host}.belfry.test"));
    let data: Vec<Vec<u8>> = match kind {
        SRV if name == service => {
            let dead = UdpSocket::bind((ip, 0)).and_then(|s| s.local_addr()).expect("a port");
            vec![
                srv(20, gateway.port(), "live.belfry.test"),
                srv(10, dead.port(), "dead.belfry.test"),
            ]
        }
        A if name == host("live") || name == host("dead") => vec![ip.octets().to_vec()],
        _ => vec![],
    };
    let mut bytes = [&query[..2], &[0x81, 0x80, 0, 1, 0, data.len() as u8, 0, 0, 0, 0]].concat();
    bytes.extend(&query[12..end + 4]);
    for data in data {
        bytes.extend([0xc0, 12]);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 60]);
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(data);
    }
    bytes
}

#[test]
fn a_gateway_by_name_is_found_and_a_dead_host_passed_over() {
    let mut setup = Setup::new();
    setup.named = Some(serve(setup.gateway));
    let belfry = Appliance::start(setup);
    let shown = wait_for(PATIENCE, || {
        let rows = belfry.console("show gateways").to_string();
        Some(rows).filter(|rows| rows.contains("(UDP"))
    });
    let shown = shown.expect("the name is found");
    assert!(shown.contains(&format!("udp:{NAMED} (UDP")), "{shown}");
    let mut alice = Baresip::register(&belfry, Phone::new("1001", ALICE));
    let line = Line::of_gateway(&belfry);
    let words = [("port", line.at.port().to_string()), ("ring", "100".into())];
    let own = belfry.setup.gateway;
    let sipp = Sipp::start(Scenario {
        xml: ANSWERS,
        own,
        peer: None,
        number: "x",
        words: &words,
        sounds: &[],
    });
    sipp.await_listening();
    alice.dial("013900139000");
    let invite = wait_for(PATIENCE, || Some(sipp.messages()).filter(|m| m.contains("m=audio")));
    let invite = invite.expect("the live host gets the call");
    assert!(invite.contains(&format!("INVITE sip:13900139000@{NAMED}")), "{invite}");
    let port = invite.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next());
    let port = port.and_then(|port| port.parse().ok()).expect("a port in the offer");
    line.speak_to((belfry.sip.ip(), port).into());
    alice.expect("CALL_ESTABLISHED");
    alice.hears(CALLER, Duration::from_secs(1), 0);
    line.hears(ALICE, Duration::from_secs(1), 0);
    alice.hang_up();
    sipp.finish();
    let record = belfry.record_of("013900139000");
    let gateways: Vec<_> = record.legs.iter().filter_map(|leg| leg.gateway.as_deref()).collect();
    assert_eq!(gateways, ["e1", "e1"], "both hops stand in the record: {:#?}", record.legs);
    belfry.await_empty();
}
