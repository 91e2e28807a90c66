//! What holds for `wire::sdp::Sdp::parse` whatever the bytes: it ends, it does not panic, and what
//! it accepts prints to a text that reads back to the same. Shared by the property tests and the
//! fuzz target `sdp`.

use belfry::wire::sdp::Sdp;
use belfry::wire::telephone_event::EventSet;

/// Parses one body and checks everything about the outcome.
pub fn check(bytes: &[u8]) {
    let Ok(sdp) = Sdp::parse(bytes) else { return };
    let printed = sdp.to_bytes();
    let again = Sdp::parse(&printed);
    // Printing fills in up to five lines, which may go over the limits of reading.
    let Ok(again) = again else {
        assert!(printed.len() > bytes.len(), "{}", printed.escape_ascii());
        return;
    };
    assert_eq!(again.to_bytes(), printed, "printing once is enough");
    assert_eq!(again.connection, sdp.connection);
    assert_eq!(again.attributes, sdp.attributes);
    assert_eq!(again.media.len(), sdp.media.len());
    for (a, b) in again.media.iter().zip(&sdp.media) {
        assert_eq!((a.port, &a.formats, &a.connection), (b.port, &b.formats, &b.connection));
        assert_eq!(a.attributes, b.attributes);
    }
    for media in &sdp.media {
        let _ = (media.ptime_ms(), media.maxptime_ms(), media.rtcp(), media.refusal());
        let _ = (sdp.direction_of(media), sdp.connection_of(media).map(|c| c.is_hold()));
        for codec in media.codecs() {
            let _ = EventSet::parse(media.fmtp(codec.payload_type).unwrap_or_default());
        }
    }
    let _ = sdp.audio();
}
