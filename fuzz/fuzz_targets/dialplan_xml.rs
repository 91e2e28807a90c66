//! Any bytes as a dialplan file in XML: it loads or is refused with faults, and what loads explains itself.
#![no_main]

use belfry::base::{Now, Time, Wall};
use belfry::dialplan::{Entry, File, LoadEnv, Plan, explain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let file = File { path: "fuzz.xml", text: &text };
    if let Ok(loaded) = Plan::load(&[file], &LoadEnv::default()) {
        let now = Now { at: Time::ZERO, wall: Wall(1_763_775_000_000) };
        for context in loaded.plan.contexts() {
            let entry = Entry { context: context.into(), to: "1001".into(), ..Entry::default() };
            let _ = explain(&loaded.plan, &entry, now).to_string();
        }
    }
});
