//! Fuzzes what `tests/checks/rtcp.rs` describes; `tests/fuzz_seeds.rs` calls the same check.
#![no_main]

#[path = "../../tests/checks/rtcp.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
