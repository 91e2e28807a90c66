//! A certificate that nobody else has signed: enough to begin, for peers that know its fingerprint.

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;

use super::certificate::fingerprint;

/// The longest life, days: ten years.
pub const MOST_DAYS: u32 = 3_650;

/// What was made, as PEM.
#[derive(Debug)]
pub struct SelfSigned {
    /// The certificate.
    pub certificate: String,
    /// Its private key (ECDSA on P-256).
    pub key: String,
    /// The certificate's SHA-256.
    pub fingerprint: [u8; 32],
}

/// Makes one for `names` (hosts and addresses), good from yesterday, for a peer's clock may be slow,
/// until `days` from now.
pub fn self_signed(names: &[String], days: u32) -> Result<SelfSigned, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    let now = std::time::SystemTime::now();
    let day = std::time::Duration::from_secs(86_400);
    params.not_before = (now - day).into();
    params.not_after = (now + day * days.min(MOST_DAYS)).into();
    params.distinguished_name = DistinguishedName::new();
    let common = names.first().map_or("belfry", String::as_str);
    params.distinguished_name.push(DnType::CommonName, common);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // Belfry shows it as server, and as client where a gateway asks for one.
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let fingerprint = fingerprint(&CertificateDer::from(certificate.der().to_vec()));
    Ok(SelfSigned { certificate: certificate.pem(), key: key.serialize_pem(), fingerprint })
}
