//! Any list of operations on two agents and the wire between them; the invariants are the
//! library's own.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| belfry::sip::exercise::operations(data));
