//! Any list of operations on the four SIP transactions; the invariants are the library's own.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| belfry::sip::transaction::exercise::operations(data));
