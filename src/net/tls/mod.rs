//! TLS under SIP (RFC 3261 §26.2, RFC 5922): who we are, whom we believe, the handshake.
//!
//! ```text
//!  files ─▶ Material ─▶ Tls::renew ─▶ State ──┬─▶ accept   who connects sees our certificate (SNI)
//!          certificates, CAs, peers           └─▶ connect  a gateway shows its own: trust
//! ```
//!
//! A handshake takes the state that holds when it begins; what is renewed later does not touch the
//! connections that stand. Not here: sockets and their limits (`connections`), when files are read
//! (the daemon).

pub mod certificate;
mod fault;
mod identity;
pub mod self_signed;
mod trust;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use certificate::Identity;
pub use fault::Fault;
use identity::Identities;
use trust::Trust;

/// How long a handshake may take, both ways.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Everything that TLS works with, as it was read from files and configuration.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// What we show, the usual one first.
    pub identities: Vec<Identity>,
    /// Whom we believe about the gateways that we call; `None`: whom the system believes.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// Who connects must have been signed by one of these; `None`: nobody is asked.
    pub client_ca: Option<Vec<CertificateDer<'static>>>,
    /// Whom we call over TLS.
    pub peers: Vec<Peer>,
}

/// A peer that we call over TLS.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where; `None`: where [`Tls::located`] says.
    pub address: Option<SocketAddr>,
    /// Its name in the configuration.
    pub gateway: String,
    /// What log lines call it, such as `gateway e1-a`.
    pub who: String,
    /// The name that its certificate must bear; `None`: its address, where it has one.
    pub name: Option<String>,
    /// The SHA-256 of the one certificate that it may show; its name and age then do not matter.
    pub pin: Option<[u8; 32]>,
}

/// Why material cannot be put in force.
#[derive(Debug)]
pub struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Refused {}

/// TLS as it is now; clones share it.
#[derive(Clone, Default)]
#[allow(clippy::disallowed_types, reason = "tasks of tokio read what a reload writes")]
pub struct Tls {
    state: Arc<RwLock<Arc<State>>>,
    /// Which gateway is where, of those that are called by name.
    located: Arc<RwLock<HashMap<SocketAddr, String>>>,
}

#[derive(Default)]
struct State {
    /// For `tls:` listeners; `None`: nothing to show.
    server: Option<Arc<ServerConfig>>,
    /// For `wss:` listeners: browsers are not asked for certificates.
    web: Option<Arc<ServerConfig>>,
    /// How each peer is called that is at an address.
    peers: HashMap<SocketAddr, Call>,
    /// How those are called that the DNS finds, by their names in the configuration.
    named: HashMap<String, Call>,
    /// How anybody else is.
    other: Option<Arc<ClientConfig>>,
}

/// How one peer is called.
#[derive(Clone)]
struct Call {
    config: Arc<ClientConfig>,
    trust: Arc<Trust>,
    name: ServerName<'static>,
    who: String,
}

/// The cryptography of all TLS: AWS-LC.
pub(super) fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

impl Tls {
    /// Puts `material` in force for handshakes from here on, or nothing of it.
    pub fn renew(&self, material: &Material) -> Result<(), Refused> {
        let state = Arc::new(State::new(material)?);
        *self.state.write().expect("no holder panics") = state;
        Ok(())
    }

    /// What web servers show now: our certificates, and nobody is asked for one. `None`: there is nothing to
    /// show.
    pub fn web(&self) -> Option<Arc<ServerConfig>> {
        self.state().web.clone()
    }

    fn state(&self) -> Arc<State> {
        self.state.read().expect("no holder panics").clone()
    }

    /// A gateway is at these addresses from now on: what connects to them wants its certificate.
    pub fn located(&self, gateway: &str, addresses: &[SocketAddr]) {
        let mut located = self.located.write().expect("no holder panics");
        located.retain(|_, known| known != gateway);
        located.extend(addresses.iter().map(|at| (*at, gateway.to_owned())));
    }

    fn named(&self, state: &State, to: SocketAddr) -> Option<Call> {
        let located = self.located.read().expect("no holder panics");
        state.named.get(located.get(&to)?).cloned()
    }

    /// Whether who has connected to us and shown these certificates, his own first, is the peer at `at`: as if
    /// we had called there. Of anybody who is no peer that is not known.
    pub(super) fn would_believe(&self, at: SocketAddr, shown: &[CertificateDer<'static>]) -> bool {
        let state = self.state();
        let call = state.peers.get(&at).cloned().or_else(|| self.named(&state, at));
        let (Some(call), [own, between @ ..]) = (call, shown) else { return false };
        call.trust.verify_server_cert(own, between, &call.name, &[], UnixTime::now()).is_ok()
    }

    /// Shakes hands with who has connected; `web`: over `wss:`.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        web: bool,
    ) -> Result<server::TlsStream<TcpStream>, Fault> {
        let state = self.state();
        let config = if web { &state.web } else { &state.server };
        let Some(config) = config.clone() else { return Err(Fault::nothing_to_show()) };
        match timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(Fault::of_who_connects(&error)),
            Err(_) => Err(Fault::slow(HANDSHAKE)),
        }
    }

    /// Shakes hands with whom we have connected to.
    pub async fn connect(
        &self,
        stream: TcpStream,
        to: SocketAddr,
    ) -> Result<client::TlsStream<TcpStream>, Fault> {
        let state = self.state();
        let unknown = || {
            let config = state.other.clone()?;
            Some((config, ServerName::from(to.ip()), "peer".to_owned()))
        };
        let known = state.peers.get(&to).cloned().or_else(|| self.named(&state, to));
        let known = known.map(|call| (call.config, call.name, call.who));
        let Some((config, name, who)) = known.or_else(unknown) else {
            return Err(Fault::nobody_believed());
        };
        let connector = TlsConnector::from(config);
        match timeout(HANDSHAKE, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(Fault::of_whom_we_call(&error, &who)),
            Err(_) => Err(Fault::slow(HANDSHAKE).with(&who)),
        }
    }
}

impl State {
    fn new(material: &Material) -> Result<State, Refused> {
        // The system's list of CAs is not read where nothing needs it.
        if material.identities.is_empty() && material.peers.is_empty() {
            return Ok(State::default());
        }
        let identities = Arc::new(Identities::new(&material.identities));
        let (mut server, mut web) = (None, None);
        if !material.identities.is_empty() {
            let client_ca = material.client_ca.as_deref();
            server = Some(Arc::new(server_config(&identities, client_ca)?));
            web = Some(Arc::new(server_config(&identities, None)?));
        }
        let roots = Arc::new(match &material.ca {
            Some(ca) => roots(ca)?,
            None => system_roots(),
        });
        let (mut peers, mut found) = (HashMap::new(), HashMap::new());
        for peer in &material.peers {
            let host = || peer.address.map(|at| at.ip().to_string());
            let named = peer.name.clone().or_else(host).unwrap_or_default();
            let name = ServerName::try_from(named.clone())
                .map_err(|_| Refused(format!("{}: {named} is no name of a host", peer.who)))?;
            let trust = Arc::new(Trust::new(roots.clone(), named, peer.pin));
            let config = Arc::new(client_config(trust.clone(), &identities)?);
            let call = Call { config, trust, name, who: peer.who.clone() };
            match peer.address {
                Some(at) => drop(peers.insert(at, call)),
                None => drop(found.insert(peer.gateway.clone(), call)),
            }
        }
        let other = client_config(Arc::new(Trust::of_anybody(roots)), &identities)?;
        Ok(State { server, web, peers, named: found, other: Some(Arc::new(other)) })
    }
}

fn server_config(
    identities: &Arc<Identities>,
    client_ca: Option<&[CertificateDer<'static>]>,
) -> Result<ServerConfig, Refused> {
    let provider = Arc::new(provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(refused)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let roots = Arc::new(roots(ca)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|e| Refused(e.to_string()))?)
        }
    };
    Ok(builder.with_cert_resolver(identities.clone()))
}

fn client_config(trust: Arc<Trust>, identities: &Arc<Identities>) -> Result<ClientConfig, Refused> {
    Ok(ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .dangerous()
        .with_custom_certificate_verifier(trust)
        .with_client_cert_resolver(identities.clone()))
}

fn refused(error: rustls::Error) -> Refused {
    Refused(error.to_string())
}

fn roots(ca: &[CertificateDer<'static>]) -> Result<RootCertStore, Refused> {
    let mut store = RootCertStore::empty();
    for certificate in ca {
        store.add(certificate.clone()).map_err(|e| Refused(format!("a CA's certificate: {e}")))?;
    }
    Ok(store)
}

/// Whom the system believes; nobody when it has no list.
fn system_roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    store
}

#[cfg(test)]
mod tests;
