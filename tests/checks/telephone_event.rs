//! What holds for telephone-events whatever the packets: the payload's reader takes any bytes, the
//! receiver tells no more digits than its flood limit lets through, and each end follows a
//! beginning. Shared by the property test and the fuzz target `telephone_event`.

use belfry::base::Time;
use belfry::media::dtmf_rx::{DtmfRx, EventPacket};
use belfry::wire::telephone_event::{EVENT_LEN, Event, digit_of};

/// Reads packets of nine bytes: milliseconds since the last, marker and timestamp, payload.
pub fn check(data: &[u8]) {
    let (mut rx, mut ms, mut timestamp) = (DtmfRx::default(), 0u64, 0u32);
    let (mut began, mut ended) = (0u64, 0u64);
    if let Err(short) = Event::parse(data) {
        assert!(short.0 == data.len() && short.0 < EVENT_LEN);
    }
    for packet in data.chunks_exact(9) {
        let event = Event::parse(&packet[5..]).expect("four bytes are an event");
        assert_eq!(Event::parse(&event.to_bytes()), Ok(event));
        ms += u64::from(packet[0]);
        let step = [packet[1], packet[2], packet[3], packet[4]];
        timestamp = timestamp.wrapping_add(u32::from_be_bytes(step) >> 12);
        let marker = packet[4] & 1 == 1;
        let now = Time::from_millis(ms);
        ended += u64::from(rx.wake(now).is_some());
        let told = rx.packet(now, EventPacket { timestamp, marker, event });
        assert!(told.began.is_none() || told.began == digit_of(event.code));
        ended += u64::from(told.ended.is_some());
        began += u64::from(told.began.is_some());
        assert!(ended <= began && began <= 32 + ms / 40 + 1);
    }
}
