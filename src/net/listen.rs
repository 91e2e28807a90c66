//! One address to listen on, as `[sip] listen` spells it: `udp:0.0.0.0:5060`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::sip::flow::Transport;

/// A transport and an address.
///
/// The rest of the house knows a listener by the address that peers see: `0.0.0.0` and an address
/// behind a router must not get into Via, Contact or a flow. So what is bound and what is shown are
/// told apart here and nowhere else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listen {
    /// By what.
    pub transport: Transport,
    /// What is bound; port 0 takes a free one.
    pub address: SocketAddr,
    /// What peers see.
    pub shown: IpAddr,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.transport.via_name().to_lowercase();
        write!(f, "{name}:{}", self.address)
    }
}
