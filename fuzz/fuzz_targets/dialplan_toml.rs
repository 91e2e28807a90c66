//! Fuzzes what `tests/checks/dialplan.rs` describes; `tests/fuzz_seeds.rs` calls the same check.
#![no_main]

#[path = "../../tests/checks/dialplan.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check("fuzz.toml", data));
