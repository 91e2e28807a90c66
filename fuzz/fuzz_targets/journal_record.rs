//! Any bytes as a line of the journal, and any text as a fact: read or not, never a panic.
#![no_main]

use belfry::switch::fact::Fact;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = belfry::store::record::unframe(data);
    if let Ok(fact) = serde_json::from_slice::<Fact>(data) {
        let again = serde_json::to_string(&fact).expect("a fact is JSON");
        let read: Fact = serde_json::from_str(&again).expect("what was written is read");
        assert_eq!(read, fact);
    }
});
