//! The messages of RFC 5118 through the real binary. Each comes over UDP from an address of its own and has a
//! transaction and a Call-ID of its own (most share them in the RFC), and is answered as a stranger's: at the
//! port that its Via names, whatever address stands there (RFC 3261 §18.2.2).

#[path = "../checks/rfc5118.rs"]
mod rfc5118;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::address;
use super::appliance::{Appliance, Setup};
use super::datagrams::{Rough, header, status};
use super::process::PATIENCE;

/// What is answered. A REGISTER and an INVITE of somebody unknown are asked for a password, a BYE without a
/// dialog gets 481; §4.2's Request-URI has no brackets; §4.10's third colon is taken.
const EXPECTED: [(&str, u16); 12] = [
    ("ipv6-good", 401),
    ("ipv6-bad", 400),
    ("port-ambiguous", 401),
    ("port-unambiguous", 401),
    ("via-received-param-with-delim", 481),
    ("via-received-param-no-delim", 200),
    ("ipv6-in-sdp", 401),
    ("mult-ip-in-header", 481),
    ("mult-ip-in-sdp", 401),
    ("ipv4-mapped-ipv6", 401),
    ("ipv6-bug-abnf-3-colons", 200),
    ("ipv6-correct-abnf-2-colons", 200),
];

/// The ports that the messages' Vias name; without one it is 5060.
const PORTS: [u16; 3] = [5060, 6050, 19823];

#[test]
fn each_message_of_rfc_5118_is_answered() {
    let belfry = Appliance::start(Setup::new());
    for (n, (name, expected)) in EXPECTED.into_iter().enumerate() {
        let path = format!("{}/tests/data/rfc5118/{name}.dat", env!("CARGO_MANIFEST_DIR"));
        let bytes = rfc5118::mended(&std::fs::read(path).expect("the message"), "\r\n");
        let text = String::from_utf8(bytes).expect("ASCII");
        let text = text.replacen("branch=z9hG4bK", &format!("branch=z9hG4bK5118{n}x"), 1).replacen(
            "Call-ID: ",
            &format!("Call-ID: {n}"),
            1,
        );
        let answer = answer(address::fresh(), belfry.sip, &text);
        assert_eq!(status(&answer), expected, "{name}: {answer}");
        for kept in ["Call-ID", "CSeq", "From"] {
            assert_eq!(header(&answer, kept), header(&text, kept), "{name}: {kept}");
        }
    }
    assert!(Rough::new(address::fresh(), belfry.sip).alive());
    belfry.await_empty();
    belfry.stop();
}

/// The final answer to a message that comes from `own`.
fn answer(own: Ipv4Addr, server: SocketAddr, text: &str) -> String {
    let sockets =
        PORTS.map(|port| UdpSocket::bind((own, port)).expect("a port of our own address"));
    for socket in &sockets {
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out");
    }
    sockets[0].send_to(text.as_bytes(), server).expect("a datagram goes out");
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        for socket in &sockets {
            let mut buffer = [0; 8_192];
            let Ok((len, _)) = socket.recv_from(&mut buffer) else { continue };
            let answer = String::from_utf8_lossy(&buffer[..len]).into_owned();
            if answer.starts_with("SIP/2.0 ") && status(&answer) >= 200 {
                return answer;
            }
        }
    }
    panic!("no answer to {text}")
}
