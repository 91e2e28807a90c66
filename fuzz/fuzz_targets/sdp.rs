//! Fuzzes what `tests/checks/sdp.rs` describes; the property tests call the same check.
#![no_main]

#[path = "../../tests/checks/sdp.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
