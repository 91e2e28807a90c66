//! RFC 3711 appendix B, RFC 7714 §16 and §17, and what holds for every suite.

use super::*;
use crate::wire::srtp::transform::{Counter, Gcm};
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn ascending(n: u8) -> Vec<u8> {
    (0..n).collect()
}

/// RFC 3711 B.2: the key stream from counter 0 on, and around the carry into its second byte.
#[test]
fn rfc3711_counter_mode() {
    let key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
    let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
    let keys = Counter::new(&key, &[0; 20], &salt, 10);
    let mut stream = vec![0; 0xff02 * 16];
    keys.crypt(&keys.rtp_iv(0, 0), &mut stream).unwrap();
    let begin = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB \
                 41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(stream[..48], hex(begin));
    let end = "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE \
               6A2CC3787889374FBEB4C81B17BA6C44";
    assert_eq!(stream[0xfeff * 16..], hex(end));
}

/// RFC 3711 B.3: cipher key, salt and authentication key, the last as long as printed.
#[test]
fn rfc3711_key_derivation() {
    let master = [hex("E1F97A0D3E018BE0D64FA32C06DE4139"), hex("0EC675AD498AFEEBB6960B3AABE6")];
    let master = MasterKey::new(Suite::AesCm128Sha1Tag80, &master.concat()).unwrap();
    let key = |label, len| derive::session_key(&master, label, len)[..len].to_vec();
    assert_eq!(key(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(key(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(key(1, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

/// RFC 6188 §7.2: key derivation with AES-256.
#[test]
fn rfc6188_key_derivation() {
    let master = hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6
         3b04803de51ee7c96423ab5b78d2");
    let master = MasterKey::new(Suite::AesCm256Sha1Tag80, &master).unwrap();
    let key = |label, len| derive::session_key(&master, label, len)[..len].to_vec();
    let cipher = "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4";
    assert_eq!(key(0, 32), hex(cipher));
    assert_eq!(key(2, 14), hex("fa31791685ca444a9e07c6c64e93"));
    assert_eq!(key(1, 20), hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
}

/// Session keys as the examples of RFC 7714 give them, without derivation.
fn gcm(key: u8) -> SessionKeys {
    let salt = hex("517569642070726f2071756f");
    let keys = || Transform::Gcm(Gcm::new(&ascending(key), &salt));
    SessionKeys { rtp: keys(), rtcp: keys(), mki: None }
}

const GALLIA: &str = "8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e697320646976
                      69736120696e207061727465732074726573";

/// RFC 7714 §16.1 and §16.2.
#[test]
fn rfc7714_srtp() {
    let sealed = [
        (
            16,
            "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd5
              0d294e6f42a5f47a51c7d19b36de3adf8833 899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            32,
            "8040f17b8041f8d35501a0b2 32b1de78a822fe12ef9f78fa332e33aab1801238
              9a58e2f3b50b2a0276ffae0f1ba63799b87b 7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ];
    for (key, sealed) in sealed {
        let (keys, plain, sealed) = (gcm(key), hex(GALLIA), hex(sealed));
        let mut buf = plain.clone();
        buf.resize(plain.len() + MOST_TAIL, 0);
        let len = keys.protect_rtp(&mut buf, plain.len(), 0xf17b).unwrap();
        assert_eq!(buf[..len], sealed);
        let claim = Claim::of_rtp(&sealed).unwrap();
        let len = keys.unprotect_rtp(&mut buf[..len], claim, 0xf17b).unwrap();
        assert_eq!(buf[..len], plain);
    }
}

/// RFC 7714 §17.1 and §17.2; the packet is the one of its computation, not of its introduction.
#[test]
fn rfc7714_srtcp() {
    let plain = hex("81c8000d4d617273 4e5450314e545032525450200000042a
                     0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef");
    let sealed = [
        (
            16,
            "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32d
              c676a5f1730d6fda4ce09b4686303ded0bb9275b c84aa45896cf4d2fc5abf87245d9eade
              800005d4",
        ),
        (
            32,
            "81c8000d4d617273 d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50
              a2eaa5c1110555be8415f658c61de0476f1b6fad 1d1eb30c4446839f57ff6f6cb26ac3be
              800005d4",
        ),
    ];
    for (key, sealed) in sealed {
        let (keys, sealed) = (gcm(key), hex(sealed));
        let mut buf = plain.clone();
        buf.resize(plain.len() + MOST_TAIL, 0);
        let len = keys.protect_rtcp(&mut buf, plain.len(), 0x5d4).unwrap();
        assert_eq!(buf[..len], sealed);
        assert_eq!(keys.claim_rtcp(&sealed), Ok((0x4d61_7273, 0x5d4)));
        let len = keys.unprotect_rtcp(&mut buf[..len]).unwrap();
        assert_eq!(buf[..len], plain);
    }
}

fn master(suite: Suite, seed: u8) -> MasterKey {
    source::KeySource::from_seed([seed; 32]).next(suite)
}

fn rtp(payload: &[u8]) -> Vec<u8> {
    [&hex("8008123400000001deadbeef"), payload].concat()
}

const SR: &str = "80c80006deadbeef000102030405060708090a0b0c0d0e0f10111213";

#[test]
fn every_suite_opens_what_it_sealed_and_nothing_else() {
    for suite in Suite::ALL {
        for mki in [None, Mki::new(7, 4)] {
            let keys = SessionKeys::new(&master(suite, 1).with_mki(mki));
            let other = SessionKeys::new(&master(suite, 2).with_mki(mki));
            let plain = rtp(&[0x55; 160]);
            let mut buf = [0; 300];
            buf[..172].copy_from_slice(&plain);
            let len = keys.protect_rtp(&mut buf, 172, 0x1_1234).unwrap();
            assert_eq!(len, 172 + suite.rtp_tag_len() + mki.map_or(0, Mki::len));
            assert_eq!(buf[..12], plain[..12]);
            assert_ne!(buf[12..172], plain[12..]);
            let claim = Claim::of_rtp(&buf[..len]).unwrap();
            let sealed = buf;
            for at in 0..len {
                let mut bent = sealed;
                bent[at] ^= 1;
                let opened = keys.unprotect_rtp(&mut bent[..len], claim, 0x1_1234);
                assert!(opened.is_err(), "{suite:?}, byte {at}: {opened:?}");
            }
            for (keys, index) in [(&keys, 0x1234), (&other, 0x1_1234)] {
                let refused = keys.unprotect_rtp(&mut { sealed }[..len], claim, index);
                assert_eq!(refused, Err(Refused::Tag), "{suite:?}");
            }
            assert_eq!(keys.unprotect_rtp(&mut buf[..len], claim, 0x1_1234), Ok(172));
            assert_eq!(buf[..172], plain);
        }
    }
}

#[test]
fn every_suite_opens_the_rtcp_that_it_sealed() {
    for suite in Suite::ALL {
        let keys = SessionKeys::new(&master(suite, 1).with_mki(Mki::new(1, 1)));
        let plain = hex(SR);
        let mut buf = [0; 100];
        buf[..plain.len()].copy_from_slice(&plain);
        let len = keys.protect_rtcp(&mut buf, plain.len(), 77).unwrap();
        assert_eq!(len, plain.len() + 4 + suite.rtcp_tag_len() + 1);
        assert_eq!(keys.claim_rtcp(&buf[..len]), Ok((0xdead_beef, 77)));
        for at in 0..len {
            let mut bent = buf;
            bent[at] ^= 1;
            assert!(keys.unprotect_rtcp(&mut bent[..len]).is_err(), "{suite:?}, byte {at}");
        }
        assert_eq!(keys.unprotect_rtcp(&mut buf[..len]), Ok(plain.len()));
        assert_eq!(buf[..plain.len()], plain);
    }
}

#[test]
fn what_has_no_room_or_no_index_left_is_refused() {
    let keys = SessionKeys::new(&master(Suite::AesCm128Sha1Tag80, 1));
    let mut buf = rtp(&[0; 20]);
    assert_eq!(keys.protect_rtp(&mut buf, 32, 1), Err(Refused::Room(42)));
    assert_eq!(buf, rtp(&[0; 20]), "as it was");
    buf.resize(64, 0);
    assert_eq!(keys.protect_rtp(&mut buf, 32, RTP_LIFETIME), Err(Refused::Exhausted));
    assert_eq!(keys.protect_rtcp(&mut buf, 32, RTCP_LIFETIME), Err(Refused::Exhausted));
    assert_eq!(keys.protect_rtp(&mut buf, 11, 1), Err(Refused::Short(11)));
}

#[test]
fn csrcs_and_extensions_stay_in_the_clear() {
    let keys = SessionKeys::new(&master(Suite::AeadAes128Gcm, 1));
    let mut plain = hex("9108123400000001deadbeef 01020304 bede0001 aabbccdd");
    plain.extend([9; 30]);
    let mut buf = plain.clone();
    buf.resize(100, 0);
    let len = keys.protect_rtp(&mut buf, plain.len(), 5).unwrap();
    assert_eq!((&buf[..24], len), (&plain[..24], plain.len() + 16));
    assert_ne!(buf[24..28], plain[24..28]);
}

#[test]
fn rtcp_in_the_clear_is_refused() {
    let keys = SessionKeys::new(&master(Suite::AesCm128Sha1Tag80, 1));
    let mut packet = hex(SR);
    packet.extend([0, 0, 0, 1]);
    packet.extend([0; 10]);
    assert_eq!(keys.unprotect_rtcp(&mut packet), Err(Refused::Clear));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_and_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        suite in prop::sample::select(Suite::ALL.to_vec()),
        index in 0u64..1 << 50,
    ) {
        let keys = SessionKeys::new(&master(suite, 3));
        let mut packet = bytes.clone();
        prop_assert!(keys.unprotect_rtcp(&mut packet).is_err());
        let mut packet = bytes.clone();
        if let Ok(claim) = Claim::of_rtp(&packet) {
            prop_assert!(keys.unprotect_rtp(&mut packet, claim, index).is_err());
        }
        let mut buf = bytes.clone();
        buf.resize(bytes.len() + MOST_TAIL, 0);
        let _ = keys.protect_rtcp(&mut buf, bytes.len(), index);
        if let Ok(len) = keys.protect_rtp(&mut buf, bytes.len(), index) {
            let claim = Claim::of_rtp(&buf[..len]).unwrap();
            let opened = keys.unprotect_rtp(&mut buf[..len], claim, index);
            prop_assert_eq!(opened, Ok(bytes.len()));
        }
    }
}
