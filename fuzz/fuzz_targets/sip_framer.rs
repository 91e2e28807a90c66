//! Fuzzes what `tests/checks/sip_framer.rs` describes; `tests/fuzz_seeds.rs` calls the same check.
#![no_main]

#[path = "../../tests/checks/sip_framer.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
