//! One address to listen on, as `[sip] listen` spells it: `udp:0.0.0.0:5060`.

use std::fmt;
use std::net::SocketAddr;

use crate::sip::flow::Transport;

/// A transport and an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listen {
    /// By what.
    pub transport: Transport,
    /// Where; port 0 takes a free one.
    pub address: SocketAddr,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{:?}", self.transport).to_lowercase();
        write!(f, "{name}:{}", self.address)
    }
}
