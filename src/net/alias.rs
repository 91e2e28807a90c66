//! Connections that requests go back over (RFC 5923): who has called us and says `alias` in its Via is sent
//! requests over that connection, and no second one is opened to where it listens.
//!
//! ```text
//!  gateway:40112 ──▶ INVITE, Via: SIP/2.0/TLS gw.example:5061;alias
//!                     └─▶ for gateway:5061 there is a way now: this connection, while it stands
//! ```
//!
//! The address is the connection's own with the Via's port, so nobody can take another's; it must be one of a
//! gateway's, so the table is bounded by their number. Over TLS the certificate that was shown must be one that
//! we would believe of that gateway, had we called it (§8.2): who is asked for none (`[tls] client_ca`)
//! shows none, and is called.
//!
//! The other way round nothing is to be kept: our own Via says `alias`, and what comes over a connection of
//! ours is read like anything else. Not here: the table (`connections`).

use std::net::SocketAddr;

use rustls::pki_types::CertificateDer;

use super::connections::Shared;
use crate::sip::flow::{Flow, Transport};
use crate::wire::sip::{Message, Name};

/// One connection's claim to be the way back.
pub(super) struct Claim {
    flow: Flow,
    number: u64,
    /// The peer has opened it.
    called_us: bool,
    /// The certificates that it has shown, its own first.
    shown: Vec<CertificateDer<'static>>,
    /// For which it was looked at last, taken or not.
    tried: Option<Flow>,
}

impl Claim {
    /// Of connection `number` on `flow`.
    pub(super) fn new(
        flow: Flow,
        number: u64,
        called_us: bool,
        shown: Vec<CertificateDer<'static>>,
    ) -> Claim {
        Claim { flow, number, called_us, shown, tried: None }
    }

    /// The peer sent this over the connection.
    pub(super) fn heard(&mut self, message: &Message, shared: &Shared) {
        let Some(to) = self.wants(message) else { return };
        if self.tried == Some(to) || !shared.gate.is_peer(to.remote) {
            return;
        }
        self.tried = Some(to);
        let secure = to.transport == Transport::Tls;
        if secure && !shared.tls.would_believe(to.remote, &self.shown) {
            return tracing::debug!(
                "SIP from {}: alias without a certificate of {}'s: requests to it go their own way",
                self.flow.remote,
                to.remote
            );
        }
        shared.alias(to, self.flow, self.number);
    }

    /// For whose requests a message wants the connection used, other than the peer's own port.
    fn wants(&self, message: &Message) -> Option<Flow> {
        let streams = matches!(self.flow.transport, Transport::Tcp | Transport::Tls);
        if !self.called_us || !streams || !message.is_request() {
            return None;
        }
        // Most say nothing of it: their Via is not read twice.
        memchr::memmem::find(message.header(Name::Via)?, b"alias")?;
        let via = message.top_via().ok().filter(|via| via.params.has("alias"))?;
        let remote = SocketAddr::new(self.flow.remote.ip(), via.sent_by_port());
        (remote != self.flow.remote).then_some(Flow { remote, ..self.flow })
    }
}
