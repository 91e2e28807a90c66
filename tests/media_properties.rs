//! Properties of the media plane over random operation lists and random telephone-events. The checks
//! themselves are in `tests/checks`, shared with the fuzzers.

#[path = "checks/media_plane.rs"]
mod media_plane;
#[path = "checks/telephone_event.rs"]
mod telephone_event;

use proptest::collection::vec;
use proptest::prelude::*;

/// Operations that tend to bring calls up, so that what follows finds something to meet.
fn operation() -> impl Strategy<Value = Vec<u8>> {
    let leg = 0u8..6;
    prop_oneof![
        (Just(0u8), leg.clone()).prop_map(|(op, leg)| vec![op, leg]),
        (Just(2u8), leg.clone(), any::<u8>(), 0u8..12, 10u8..70)
            .prop_map(|(op, leg, bits, peer, ptime)| vec![op, leg, bits & 0x9b, peer, ptime]),
        (Just(4u8), leg.clone(), leg).prop_map(|(op, a, b)| vec![op, a, b]),
        (Just(15u8), any::<u8>()).prop_map(|(op, ms)| vec![op, ms]),
        (Just(20u8), 0u8..5, 0u8..12, 0u8..4, any::<[u8; 4]>()).prop_map(
            |(op, port, from, kind, rest)| { [&[op, port, from, kind][..], &rest[..]].concat() }
        ),
        vec(any::<u8>(), 1..6),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_operations_leave_nothing_over(list in vec(operation(), 0..60)) {
        media_plane::check(&list.concat());
    }

    #[test]
    fn any_telephone_events_tell_digits_in_order(data in vec(any::<u8>(), 0..200)) {
        telephone_event::check(&data);
    }
}
