//! Which of our certificates a peer is shown.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Identity;

/// Our certificates, the usual one first.
#[derive(Debug)]
pub(super) struct Identities(Vec<Arc<CertifiedKey>>);

impl Identities {
    pub(super) fn new(identities: &[Identity]) -> Identities {
        Identities(identities.iter().map(|identity| identity.key.clone()).collect())
    }

    /// The first that bears the name asked for, of those whose key the peer can check; else the first
    /// of these. Without a name asked for (an address is none, RFC 6066 §3) that is the usual one.
    fn choose(
        &self,
        asked: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        let asked = asked.and_then(|name| ServerName::try_from(name).ok());
        let named =
            asked.and_then(|asked| self.0.iter().filter(fits).find(|key| bears(key, &asked)));
        named.or_else(|| self.0.iter().find(fits)).cloned()
    }
}

fn bears(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed = key.end_entity_cert().and_then(ParsedCertificate::try_from);
    parsed.is_ok_and(|cert| rustls::client::verify_server_name(&cert, name).is_ok())
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // One whose key the peer cannot check leads to rustls' own words on what is not in common.
        let chosen = self.choose(hello.server_name(), hello.signature_schemes());
        chosen.or_else(|| self.0.first().cloned())
    }
}

/// Towards a gateway that asks who calls it (mutual TLS) we are the usual one.
impl ResolvesClientCert for Identities {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.choose(None, schemes)
    }
    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
