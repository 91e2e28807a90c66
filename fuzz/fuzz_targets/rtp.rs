#![no_main]
use belfry::wire::rtp::{HEADER_LEN, Packet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(packet) = Packet::parse(data) {
        assert!(packet.header_len() >= HEADER_LEN);
        assert!(packet.header_len() + packet.payload().len() <= data.len());
    }
});
