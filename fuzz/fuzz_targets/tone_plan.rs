//! Tone plans from any text: read, written and read again, and their first second made.
#![no_main]

use belfry::dsp::tone::{Generator, Plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(plan) = Plan::parse(text, 0) {
        assert_eq!(Plan::parse(&plan.to_string(), 0), Ok(plan));
        let mut out = [0; 8000];
        Generator::new(&plan).fill(&mut out);
    }
});
