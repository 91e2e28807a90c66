//! `belfry dialplan explain`: which way a call would take, without a call.

use std::process::ExitCode;

use super::cli::{Explain, fail};
use super::clock::Clock;
use super::files::{self, Source};
use crate::base::Now;
use crate::console::out::{out, outln};
use crate::dialplan::calendar::wall_of;
use crate::dialplan::{Entry, explain};

pub(super) fn main(args: Explain) -> ExitCode {
    let loaded = match files::load(&Source::from(&args.file)) {
        Ok(loaded) => loaded,
        Err(faults) => return fail(&files::lines(&faults)),
    };
    let mut now = Clock::start().now();
    if let Some(at) = &args.at {
        match wall_of(at, &loaded.zone) {
            Some(wall) => now = Now { wall, ..now },
            None => {
                return fail(&format!("--at '{at}' is no time: write it as '2026-12-24 18:30'"));
            }
        }
    }
    let entry = Entry {
        context: args.context,
        to: args.to,
        from: args.from,
        call_id: "explain".into(),
        network_addr: args.network_addr,
        variables: args.variables.into_iter().collect(),
        ..Entry::default()
    }
    .made_up();
    let explanation = explain(&loaded.plan, &entry, now);
    match args.json {
        true => outln!("{}", serde_json::to_string_pretty(&explanation).unwrap_or_default()),
        false => out!("{explanation}"),
    }
    let found = explanation.tried.iter().any(|route| route.why_not.is_none())
        || !explanation.steps.is_empty();
    if found { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
