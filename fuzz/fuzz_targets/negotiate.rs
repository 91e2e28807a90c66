//! Any description, as an offer and as an answer: agreed or refused, and an answer has the offer's
//! sections.
#![no_main]

use belfry::media::control::Codec;
use belfry::media::negotiate::{LocalMedia, accept_answer, answer, offer};
use belfry::wire::sdp::Sdp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(theirs) = Sdp::parse(data) else { return };
    let rtp = "192.0.2.1:20000".parse().expect("an address");
    let mut local = LocalMedia::new(rtp, vec![Codec::Pcma, Codec::Pcmu], 1);
    if let Ok((ours, _)) = answer(&mut local, &theirs) {
        assert_eq!(ours.media.len(), theirs.media.len());
    }
    offer(&mut local);
    let _ = accept_answer(&mut local, &theirs);
});
