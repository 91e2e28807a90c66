//! What a leg's DTLS handshake has to keep to (RFC 5763), and what a handshake comes to: plain values. The
//! handshake itself is the engine's, since it needs the system's random numbers and a millisecond or two of
//! a processor; on its way stands [`plane::handshake`](super::plane).

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::sdp::Fingerprint;

/// What was agreed on. Other terms than before call for another handshake (RFC 8842 §3.1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// Of the certificate that the peer will show.
    pub fingerprint: Fingerprint,
    /// Whether we begin (`a=setup`).
    pub active: bool,
    /// The peer's name of this association (`a=tls-id`), if it has one.
    pub id: Option<Box<[u8]>>,
}

/// Why there are no keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The peer showed another certificate than its description names; holds the one it showed.
    Fingerprint(Fingerprint),
    /// The two have no SRTP profile in common (RFC 5764 §4.1.2), or the peer wants none.
    Profile,
    /// It has not begun: nothing came of the peer, or no check of ICE that showed a way to it.
    NotBegun,
    /// It did not come to an end in time.
    TimedOut,
    /// It broke off; holds the library's reason.
    Broken(Box<str>),
    /// There are more handshakes than can be.
    Overloaded,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Fingerprint(shown) => write!(
                f,
                "its certificate is not the one that its description names (it showed {shown})"
            ),
            Fault::Profile => f.write_str("its DTLS offers no SRTP profile that is known here"),
            Fault::NotBegun => {
                f.write_str("its DTLS handshake does not begin: nothing of it comes to our port")
            }
            Fault::TimedOut => f.write_str("its DTLS handshake did not end in time"),
            Fault::Broken(why) => write!(f, "its DTLS handshake broke off: {why}"),
            Fault::Overloaded => f.write_str("there are too many DTLS handshakes at once"),
        }
    }
}
impl std::error::Error for Fault {}

/// Whether a datagram begins with (a part of) a ClientHello: a record of a handshake, and in it that message
/// (RFC 6347 §4.1, §4.2.2).
pub fn is_client_hello(datagram: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    const RECORD: usize = 13;
    const MESSAGE: usize = 12;
    datagram.len() > RECORD + MESSAGE
        && datagram[0] == HANDSHAKE
        && datagram[1] == 0xfe
        && datagram[RECORD] == CLIENT_HELLO
}
