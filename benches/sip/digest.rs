//! The phone's half of digest authentication (RFC 7616 §3.4), MD5 with qop `auth`.

use md5::{Digest, Md5};

/// The Authorization line (with its end) to a challenge of `realm` and `nonce`.
pub fn authorization(number: u32, realm: &str, nonce: &str, uri: &str, count: u32) -> String {
    let own = hash(&format!("{number}:{realm}:secret-{number}"));
    let asked = hash(&format!("REGISTER:{uri}"));
    let response = hash(&format!("{own}:{nonce}:{count:08x}:00c0ffee:auth:{asked}"));
    format!(
        "Authorization: Digest username=\"{number}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5, qop=auth, nc={count:08x}, cnonce=\"00c0ffee\"\r\n"
    )
}

fn hash(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
