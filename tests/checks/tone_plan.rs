//! What holds for `dsp::tone` whatever the text: a plan is read, written and read again to the
//! same, and its first second can be made. Shared by `tests/fuzz_seeds.rs` and the fuzz target
//! `tone_plan`.

use belfry::dsp::tone::{Generator, Plan};

/// Reads the bytes as a plan.
pub fn check(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    match Plan::parse(text, 0) {
        Ok(plan) => {
            assert_eq!(Plan::parse(&plan.to_string(), 0), Ok(plan));
            let mut out = [0; 8_000];
            Generator::new(&plan).fill(&mut out);
        }
        Err(error) => assert!(error.offset <= text.len(), "{error}"),
    }
}
