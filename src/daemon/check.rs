//! `belfry check`: every fault of configuration, dialplan and prompts, with its place and remedy.

use std::process::ExitCode;

use super::cli::Check;
use super::files::{self, Fault, Source};
use crate::engine::clips;

pub(super) fn main(args: Check) -> ExitCode {
    let (faults, counts) = match files::load(&Source::from(&args.file)) {
        Ok(loaded) => {
            let mut faults = loaded.warnings;
            let (count, bad) = clips::check(&loaded.sounds);
            faults.extend(bad.into_iter().map(|fault| Fault {
                file: fault.path.display().to_string(),
                line: 0,
                column: 0,
                error: true,
                what: fault.why,
                remedy:
                    "make it a WAV of 8 to 48 kHz, A-law, µ-law or 16 bit, or take it away".into(),
            }));
            let routes = loaded.plan.route_count();
            (faults, format!("{routes} routes, {count} prompts"))
        }
        Err(faults) => (faults, String::new()),
    };
    let errors = faults.iter().filter(|fault| fault.error).count();
    let warnings = faults.len() - errors;
    if args.json {
        let document = serde_json::json!({ "ok": errors == 0, "errors": errors, "warnings": warnings, "faults": faults });
        println!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
    } else {
        for fault in &faults {
            eprintln!("{fault}");
        }
        match errors {
            0 => println!("ok: {counts}, {warnings} warnings"),
            _ => eprintln!("{errors} errors, {warnings} warnings"),
        }
    }
    if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
