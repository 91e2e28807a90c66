//! The certificate that Belfry shows in DTLS handshakes: made when it starts, of a key that never leaves
//! memory. Descriptions name it by its hash; nobody has to trust it otherwise.

use dimpl::DtlsCertificate;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

use crate::wire::sdp::{Fingerprint, Hash};

/// A certificate and its key. `Debug` prints neither.
#[derive(Clone)]
pub struct Identity {
    pub(super) certificate: DtlsCertificate,
    fingerprint: Fingerprint,
}

impl Identity {
    /// A new one, of ECDSA on P-256: what browsers make for themselves.
    pub fn generate() -> Result<Identity, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "belfry");
        let certificate = params.self_signed(&key)?.der().to_vec();
        let fingerprint = Fingerprint::of(Hash::Sha256, &certificate);
        let certificate = DtlsCertificate { certificate, private_key: key.serialize_der() };
        Ok(Identity { certificate, fingerprint })
    }

    /// What descriptions say of it.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.fingerprint)
    }
}
