//! SRTP and SRTCP packets (RFC 3711; AES-256 in counter mode by RFC 6188, AES-GCM by RFC 7714):
//! encrypted and authenticated in place, with a tail that the sender's buffer has to have room for.
//!
//! ```text
//!            │◀─────────────── authenticated ───────────────▶│
//!   SRTP     │ header, CSRCs, extension │ payload, encrypted │ [MKI] │ tag │       counter mode
//!            │                          │                    │ tag │ [MKI] │       GCM
//!   SRTCP    │ first 8 bytes │ the rest, encrypted │ E, index │ [MKI] │ tag │     counter mode
//!            │               │                     │ tag │ E, index │ [MKI] │     GCM
//! ```
//!
//! A packet's index (48 bits of RTP: rollover counter and sequence number; 31 bits of RTCP, which
//! carries it) makes its key stream. Two packets of one SSRC under one index would give both away.
//!
//! | File | Holds |
//! |---|---|
//! | [`suite`] | the crypto suites and their lengths |
//! | [`master`] | master key and salt, which are never printed |
//! | [`derive`] | session keys from them (RFC 3711 §4.3) |
//! | [`transform`] | the primitives of one direction, by AWS-LC |
//! | [`source`] | new master keys |
//!
//! Not here: which index a packet has, and whether it came before (`media::srtp`); how keys are
//! agreed on (`wire::sdp`, `media::negotiate`). Not supported: key derivation rates other than 0,
//! packets that are not encrypted or not authenticated.

mod derive;
pub mod master;
pub mod source;
pub mod suite;
#[cfg(test)]
mod tests;
mod transform;

pub use master::{MasterKey, Mki};
pub use source::KeySource;
pub use suite::Suite;

use derive::Kind;
use transform::Transform;

/// Bytes of an MKI at most: phones write 1 to 4, RFC 4568 §6.1 would allow 128.
pub const MOST_MKI: usize = 8;
/// Bytes by which a packet grows at most: SRTCP's index, tag and MKI.
pub const MOST_TAIL: usize = INDEX_LEN + 16 + MOST_MKI;
/// The first index that no RTP packet can have under one key (RFC 3711 §9.2).
pub const RTP_LIFETIME: u64 = 1 << 48;
/// The same of RTCP.
pub const RTCP_LIFETIME: u64 = 1 << 31;

/// The E flag and the index of an SRTCP packet.
const INDEX_LEN: usize = 4;
/// The part of an SRTCP packet that is never encrypted.
const RTCP_CLEAR: usize = 8;
/// Set where an SRTCP packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// Why a packet is not taken or cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Shorter than its own header and tail; holds its length.
    Short(usize),
    /// No SRTP: the version is not 2.
    Version(u8),
    /// Its tag is not what key, index and content make it: forged, damaged, or another key's.
    Tag,
    /// Its MKI is not the key's.
    Mki,
    /// SRTCP that says it is not encrypted, which was not agreed on.
    Clear,
    /// There is no room for the tail; holds the room that it takes.
    Room(usize),
    /// The key has protected as many packets as it may (RFC 3711 §9.2).
    Exhausted,
}

/// What a packet's header says before it is authenticated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Synchronisation source.
    pub ssrc: u32,
    /// Sequence number.
    pub sequence: u16,
    /// Bytes before the payload: fixed header, CSRCs and extension.
    header: usize,
}

impl Claim {
    /// Reads the header of an RTP packet that may be encrypted: padding is, so nothing is said of it.
    pub fn of_rtp(bytes: &[u8]) -> Result<Claim, Refused> {
        let short = Refused::Short(bytes.len());
        let fixed: &[u8; 12] = bytes.first_chunk().ok_or(short)?;
        if fixed[0] >> 6 != 2 {
            return Err(Refused::Version(fixed[0] >> 6));
        }
        let mut header = fixed.len() + 4 * usize::from(fixed[0] & 0x0f);
        if fixed[0] & 0x10 != 0 {
            let words = bytes.get(header + 2..header + 4).ok_or(short)?;
            header += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
        }
        if header > bytes.len() {
            return Err(short);
        }
        let sequence = u16::from_be_bytes([fixed[2], fixed[3]]);
        Ok(Claim { ssrc: ssrc(fixed, 8), sequence, header })
    }
}

/// The keys of one direction of one session.
pub struct SessionKeys {
    rtp: Transform,
    rtcp: Transform,
    mki: Option<Mki>,
}

impl SessionKeys {
    /// Derives them from the master key (RFC 3711 §4.3).
    pub fn new(master: &MasterKey) -> SessionKeys {
        SessionKeys {
            rtp: derive::transform(master, Kind::Rtp),
            rtcp: derive::transform(master, Kind::Rtcp),
            mki: master.mki(),
        }
    }

    /// Protects the RTP packet in `buf[..len]`, whose rollover counter and sequence number make
    /// `index`; says how long it is now.
    pub fn protect_rtp(&self, buf: &mut [u8], len: usize, index: u64) -> Result<usize, Refused> {
        if index >= RTP_LIFETIME {
            return Err(Refused::Exhausted);
        }
        let whole = len + self.rtp.tag_len() + self.mki_len();
        let packet = self.room(buf, len, whole)?;
        let claim = Claim::of_rtp(&packet[..len])?;
        match &self.rtp {
            Transform::Counter(keys) => {
                let (body, tail) = packet.split_at_mut(len);
                keys.crypt(&keys.rtp_iv(claim.ssrc, index), &mut body[claim.header..])?;
                let (mki, tag) = tail.split_at_mut(self.mki_len());
                self.write_mki(mki);
                tag.copy_from_slice(&keys.tag(body, &roc(index))[..tag.len()]);
            }
            Transform::Gcm(keys) => {
                let (head, rest) = packet.split_at_mut(claim.header);
                let (body, tail) = rest.split_at_mut(len - claim.header);
                let (tag, mki) = tail.split_at_mut(self.rtp.tag_len());
                tag.copy_from_slice(&keys.seal(keys.rtp_iv(claim.ssrc, index), head, body)?);
                self.write_mki(mki);
            }
        }
        Ok(whole)
    }

    /// Authenticates and decrypts the RTP packet in `packet`, which claims `claim` and whose index is
    /// `index`; says how long it is now. What is refused is left as it came, but for what GCM does to
    /// the payload of a forged packet.
    pub fn unprotect_rtp(
        &self,
        packet: &mut [u8],
        claim: Claim,
        index: u64,
    ) -> Result<usize, Refused> {
        let whole = packet.len();
        let len = self.without_tail(whole, claim.header, self.rtp.tag_len())?;
        match &self.rtp {
            Transform::Counter(keys) => {
                let (body, tail) = packet.split_at_mut(len);
                let (mki, tag) = tail.split_at(self.mki_len());
                self.check_mki(mki)?;
                keys.check(body, &roc(index), tag)?;
                keys.crypt(&keys.rtp_iv(claim.ssrc, index), &mut body[claim.header..])?;
            }
            Transform::Gcm(keys) => {
                let (sealed, mki) = packet.split_at_mut(whole - self.mki_len());
                self.check_mki(mki)?;
                let (head, rest) = sealed.split_at_mut(claim.header);
                let (body, tag) = rest.split_at_mut(len - claim.header);
                keys.open(keys.rtp_iv(claim.ssrc, index), head, body, tag)?;
            }
        }
        Ok(len)
    }

    /// Protects the RTCP packets in `buf[..len]` as the `index`-th of their sender; says how long
    /// they are now.
    pub fn protect_rtcp(&self, buf: &mut [u8], len: usize, index: u64) -> Result<usize, Refused> {
        if index >= RTCP_LIFETIME {
            return Err(Refused::Exhausted);
        }
        let tag_len = self.rtcp.tag_len();
        let whole = len + INDEX_LEN + tag_len + self.mki_len();
        let packet = self.room(buf, len, whole)?;
        let ssrc = rtcp_ssrc(&packet[..len])?;
        let index = index as u32;
        let word = (ENCRYPTED | index).to_be_bytes();
        match &self.rtcp {
            Transform::Counter(keys) => {
                let iv = keys.rtp_iv(ssrc, u64::from(index));
                keys.crypt(&iv, &mut packet[RTCP_CLEAR..len])?;
                let (body, tail) = packet.split_at_mut(len + INDEX_LEN);
                body[len..].copy_from_slice(&word);
                let (mki, tag) = tail.split_at_mut(self.mki_len());
                self.write_mki(mki);
                tag.copy_from_slice(&keys.tag(body, &[])[..tag.len()]);
            }
            Transform::Gcm(keys) => {
                let (head, rest) = packet.split_at_mut(RTCP_CLEAR);
                let (body, tail) = rest.split_at_mut(len - RTCP_CLEAR);
                let aad = rtcp_aad(head, word);
                let (tag, tail) = tail.split_at_mut(tag_len);
                tag.copy_from_slice(&keys.seal(keys.rtcp_iv(ssrc, index), &aad, body)?);
                let (trailer, mki) = tail.split_at_mut(INDEX_LEN);
                trailer.copy_from_slice(&word);
                self.write_mki(mki);
            }
        }
        Ok(whole)
    }

    /// The sender and the index that an SRTCP packet claims.
    pub fn claim_rtcp(&self, packet: &[u8]) -> Result<(u32, u64), Refused> {
        let tag_len = self.rtcp.tag_len();
        let len = self.without_tail(packet.len(), RTCP_CLEAR, INDEX_LEN + tag_len)?;
        let ssrc = rtcp_ssrc(packet)?;
        let at = match self.rtcp {
            Transform::Counter(_) => len,
            Transform::Gcm(_) => len + tag_len,
        };
        let word = packet.get(at..).and_then(|rest| rest.first_chunk()).copied();
        let word = u32::from_be_bytes(word.ok_or(Refused::Short(packet.len()))?);
        match word & ENCRYPTED {
            0 => Err(Refused::Clear),
            _ => Ok((ssrc, u64::from(word & !ENCRYPTED))),
        }
    }

    /// Authenticates and decrypts SRTCP; says how long it is now.
    pub fn unprotect_rtcp(&self, packet: &mut [u8]) -> Result<usize, Refused> {
        let (ssrc, index) = self.claim_rtcp(packet)?;
        let tag_len = self.rtcp.tag_len();
        let whole = packet.len();
        let len = self.without_tail(whole, RTCP_CLEAR, INDEX_LEN + tag_len)?;
        match &self.rtcp {
            Transform::Counter(keys) => {
                let (body, tail) = packet.split_at_mut(len + INDEX_LEN);
                let (mki, tag) = tail.split_at(self.mki_len());
                self.check_mki(mki)?;
                keys.check(body, &[], tag)?;
                keys.crypt(&keys.rtp_iv(ssrc, index), &mut body[RTCP_CLEAR..len])?;
            }
            Transform::Gcm(keys) => {
                let word = (ENCRYPTED | index as u32).to_be_bytes();
                let (sealed, mki) = packet.split_at_mut(whole - self.mki_len());
                self.check_mki(mki)?;
                let (head, rest) = sealed.split_at_mut(RTCP_CLEAR);
                let (body, rest) = rest.split_at_mut(len - RTCP_CLEAR);
                let aad = rtcp_aad(head, word);
                keys.open(keys.rtcp_iv(ssrc, index as u32), &aad, body, &rest[..tag_len])?;
            }
        }
        Ok(len)
    }

    fn mki_len(&self) -> usize {
        self.mki.map_or(0, |mki| mki.len())
    }

    fn write_mki(&self, place: &mut [u8]) {
        if let Some(mki) = self.mki {
            place.copy_from_slice(mki.bytes());
        }
    }

    fn check_mki(&self, place: &[u8]) -> Result<(), Refused> {
        let expected = self.mki.as_ref().map_or(&[][..], |mki| mki.bytes());
        if place == expected { Ok(()) } else { Err(Refused::Mki) }
    }

    /// The first `whole` bytes of `buf`, if it has them and the packet in front is no longer.
    fn room<'b>(
        &self,
        buf: &'b mut [u8],
        len: usize,
        whole: usize,
    ) -> Result<&'b mut [u8], Refused> {
        buf.get_mut(..whole).filter(|packet| len <= packet.len()).ok_or(Refused::Room(whole))
    }

    /// How long a packet of `whole` bytes is without its tail, if that leaves its header.
    fn without_tail(&self, whole: usize, header: usize, tail: usize) -> Result<usize, Refused> {
        let len = whole.checked_sub(tail + self.mki_len());
        len.filter(|len| *len >= header).ok_or(Refused::Short(whole))
    }
}

impl core::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SessionKeys(…)")
    }
}

fn ssrc(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The sender of a compound RTCP packet: that of its first one.
fn rtcp_ssrc(packet: &[u8]) -> Result<u32, Refused> {
    let head: &[u8; RTCP_CLEAR] = packet.first_chunk().ok_or(Refused::Short(packet.len()))?;
    match head[0] >> 6 {
        2 => Ok(ssrc(head, 4)),
        version => Err(Refused::Version(version)),
    }
}

/// What GCM authenticates of an SRTCP packet besides what it encrypts (RFC 7714 §9.2).
fn rtcp_aad(head: &[u8], word: [u8; INDEX_LEN]) -> [u8; RTCP_CLEAR + INDEX_LEN] {
    let mut aad = [0; RTCP_CLEAR + INDEX_LEN];
    aad[..RTCP_CLEAR].copy_from_slice(head);
    aad[RTCP_CLEAR..].copy_from_slice(&word);
    aad
}

/// The rollover counter of an index, as it is authenticated (RFC 3711 §4.2).
fn roc(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}
