//! Fuzzes what `tests/checks/opus_packet.rs` describes; `tests/fuzz_seeds.rs` calls the same check.
#![no_main]

#[path = "../../tests/checks/opus_packet.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
