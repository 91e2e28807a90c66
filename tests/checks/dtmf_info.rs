//! What holds for the two texts that name keys, whatever the bytes: the body of an INFO gives a
//! key or none, and reads back as written; the `fmtp` of telephone-event always gives some events.
//! Shared by `tests/fuzz_seeds.rs` and the fuzz target `dtmf_info`.

use belfry::wire::dtmf_info;
use belfry::wire::telephone_event::{EventSet, code_of};

/// Reads the bytes as an INFO body of both kinds, and as an `fmtp`.
pub fn check(bytes: &[u8]) {
    for kind in ["application/dtmf-relay", "application/dtmf; x=y"] {
        let Some(key) = dtmf_info::parse(kind.as_bytes(), bytes) else { continue };
        assert!(code_of(key).is_some_and(|code| code < 16), "{key}");
        let (kind, body) = dtmf_info::relay(key, u32::from(bytes[0]));
        assert_eq!(dtmf_info::parse(kind.as_bytes(), &body), Some(key));
    }
    let set = EventSet::parse(bytes);
    assert!((0..=255).any(|code| set.contains(code)), "never empty");
}
