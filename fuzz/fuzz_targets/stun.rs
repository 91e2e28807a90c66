//! Fuzzes what `tests/checks/stun.rs` describes; `tests/fuzz_seeds.rs` calls the same check.
#![no_main]

#[path = "../../tests/checks/stun.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
