//! What holds for `media::negotiate` whatever a peer describes, in any order: an answer has an `m=`
//! line for each of the offer's (RFC 3264 §6), what we print reads back, a stream that comes of it
//! is within its bounds, and a refused description leaves the session as it was. Shared by
//! `tests/fuzz_seeds.rs` and the fuzz target `offer_answer`.

use belfry::media::control::{Codec, StreamParams};
use belfry::media::negotiate::{LocalMedia, accept_answer, answer, offer};
use belfry::wire::sdp::{Fingerprint, Hash, Sdp};

/// Descriptions in one run.
const MOST: usize = 8;

/// The first byte chooses our codecs and who offers first; the rest are the peer's descriptions,
/// with a zero byte between them.
pub fn check(bytes: &[u8]) {
    let Some((&how, rest)) = bytes.split_first() else { return };
    let codecs = match how % 4 {
        0 => vec![Codec::Pcma, Codec::Pcmu],
        1 => vec![Codec::Pcmu, Codec::Pcma],
        2 => vec![Codec::Opus, Codec::Pcma, Codec::G722],
        _ => vec![Codec::Pcmu],
    };
    let rtp = "192.0.2.9:20000".parse().expect("an address");
    let own = Fingerprint::of(Hash::Sha256, b"a certificate");
    let mut local = LocalMedia::new(rtp, codecs, 4711).certified(Some(own));
    for (turn, text) in rest.split(|byte| *byte == 0).take(MOST).enumerate() {
        let turns = usize::from(how >> 2);
        local.hold(turns >> (turn + 1) & 1 == 1);
        let Ok(theirs) = Sdp::parse(text) else { continue };
        if turns >> turn & 1 == 1 {
            we_offer(&mut local, &theirs);
        } else {
            they_offer(&mut local, &theirs);
        }
    }
}

fn they_offer(local: &mut LocalMedia, theirs: &Sdp) {
    let before = local.clone();
    match answer(local, theirs) {
        Ok((ours, params)) => {
            assert_eq!(ours.media.len(), theirs.media.len(), "one m= line for each");
            for (a, o) in ours.media.iter().zip(&theirs.media) {
                assert_eq!((&a.kind, &a.proto), (&o.kind, &o.proto));
                assert!(o.port != 0 || a.port == 0, "what is refused stays refused");
            }
            assert!(ours.media.iter().filter(|m| m.port != 0).count() <= 1);
            printed(&ours);
            stream(&params);
        }
        Err(_) => assert_eq!(*local, before, "a refused offer changes nothing"),
    }
}

fn we_offer(local: &mut LocalMedia, theirs: &Sdp) {
    let ours = offer(local);
    printed(&ours);
    assert_eq!(offer(local).to_bytes(), ours.to_bytes(), "the same again has the same version");
    let before = local.clone();
    match accept_answer(local, theirs) {
        Ok(params) => stream(&params),
        Err(_) => assert_eq!(*local, before, "a refused answer changes nothing"),
    }
}

fn printed(sdp: &Sdp) {
    let bytes = sdp.to_bytes();
    let again = Sdp::parse(&bytes).expect("what we print can be read");
    assert_eq!(again.to_bytes(), bytes);
}

fn stream(params: &StreamParams) {
    assert!((10..=60).contains(&params.ptime_ms), "{params:?}");
    assert!(params.send_pt < 128 && params.recv_pt < 128, "{params:?}");
    for event in [params.dtmf_send_pt, params.dtmf_recv_pt].into_iter().flatten() {
        assert!(event < 128, "{params:?}");
    }
    assert_ne!(Some(params.recv_pt), params.dtmf_recv_pt, "{params:?}");
    assert_ne!(Some(params.send_pt), params.dtmf_send_pt, "{params:?}");
    for to in [params.remote, params.remote_rtcp].into_iter().flatten() {
        assert!(to.port() != 0 && !to.ip().is_unspecified(), "{params:?}");
    }
}
