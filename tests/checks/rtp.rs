//! What holds for `wire::rtp` whatever the bytes: the view lies within the datagram, and a header
//! rewritten for the relay path reads back as written, with payload and padding as they came.
//! Shared by `tests/fuzz_seeds.rs` and the fuzz target `rtp`.

use belfry::wire::rtp::{HEADER_LEN, Header, Packet, looks_like_rtcp, rewrite, write_header};

/// Parses one datagram, relays it and reads it again.
pub fn check(bytes: &[u8]) {
    let _ = looks_like_rtcp(bytes);
    let Ok(packet) = Packet::parse(bytes) else { return };
    let (before, payload) = (packet.header_len(), packet.payload());
    assert!(before >= HEADER_LEN && before + payload.len() <= bytes.len());
    assert_eq!(&bytes[before..before + payload.len()], payload);
    assert_eq!(packet.bytes(), bytes);

    let header = Header {
        marker: !packet.marker(),
        payload_type: 127 - packet.payload_type(),
        sequence: packet.sequence().wrapping_add(1),
        timestamp: !packet.timestamp(),
        ssrc: packet.ssrc().rotate_left(1),
    };
    let mut relayed = bytes.to_vec();
    let len = rewrite(&mut relayed, header);
    let again = Packet::parse(&relayed[..len]).expect("a bare header and the payload");
    assert_eq!(fields(&again), header);
    assert_eq!((again.header_len(), again.payload()), (HEADER_LEN, payload));

    let mut fresh = [0; HEADER_LEN];
    write_header(&mut fresh, header);
    assert_eq!(fields(&Packet::parse(&fresh).expect("a packet without payload")), header);
}

fn fields(packet: &Packet<'_>) -> Header {
    Header {
        marker: packet.marker(),
        payload_type: packet.payload_type(),
        sequence: packet.sequence(),
        timestamp: packet.timestamp(),
        ssrc: packet.ssrc(),
    }
}
