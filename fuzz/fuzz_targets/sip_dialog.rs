//! Fuzzes what `sip::exercise` describes; `tests/fuzz_seeds.rs` calls the same check.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| belfry::sip::exercise::operations(data));
