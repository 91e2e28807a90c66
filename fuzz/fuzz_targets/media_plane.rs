//! Fuzzes what `tests/checks/media_plane.rs` describes; `tests/fuzz_seeds.rs` calls the same check.
#![no_main]

#[path = "../../tests/checks/media_plane.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
