//! Fuzzes what `sip::transaction::exercise` describes; `tests/fuzz_seeds.rs` calls the same check.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| belfry::sip::transaction::exercise::operations(data));
