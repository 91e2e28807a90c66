//! `belfry dialplan test`: files of trials, run on the dialplan that would be served.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use super::cli::{Test, fail};
use super::files::{self, Source};
use crate::console::out::outln;
use crate::dialplan::trial::{self, Coverage, Report};
use crate::dialplan::{File, Plan};

pub(super) fn main(args: Test) -> ExitCode {
    let loaded = match files::load(&Source::from(&args.file)) {
        Ok(loaded) => loaded,
        Err(faults) => return fail(&files::lines(&faults)),
    };
    let mut reports = Vec::new();
    let mut faults = Vec::new();
    for path in &args.files {
        match of_file(&loaded.plan, path) {
            Ok(more) => reports.extend(more),
            Err(more) => faults.push(more),
        }
    }
    if !faults.is_empty() {
        return fail(faults.join("\n").trim_end());
    }
    let failed = reports.iter().filter(|report| report.failure.is_some()).count();
    let coverage = trial::coverage(&loaded.plan, &reports);
    if args.json {
        let document = serde_json::json!({
            "ok": failed == 0, "tests": reports.len(), "failed": failed, "reports": reports,
            "routes": coverage,
        });
        outln!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
    } else {
        reports.iter().for_each(tell);
        sum(reports.len(), failed, &coverage, args.coverage);
    }
    if failed == 0 && (coverage.is_whole() || !args.coverage) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the trials of one file; an error is its faults, a line each.
fn of_file(plan: &Plan, path: &Path) -> Result<Vec<Report>, String> {
    let name = path.display().to_string();
    let text =
        fs::read_to_string(path).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    let trials = trial::read(File { path: &name, text: &text }, plan.zone())
        .map_err(|faults| faults.iter().map(|fault| format!("{fault}\n")).collect::<String>())?;
    if trials.is_empty() {
        return Err(format!("{name}: there is no [[test]] in it"));
    }
    Ok(trials.iter().map(|trial| trial::run(plan, &name, trial)).collect())
}

fn tell(report: &Report) {
    match &report.failure {
        None => outln!("ok      {}", report.name),
        Some(failure) => {
            outln!("FAILED  {} ({})", report.name, report.place);
            outln!("        expected: {} ({})", failure.expected, failure.place);
            for happened in &failure.instead {
                outln!("        instead:  {happened}");
            }
            outln!("        and then: {}", failure.why);
        }
    }
}

/// The sum; with `whole` each part of the plan that no test came by.
fn sum(tests: usize, failed: usize, coverage: &Coverage, whole: bool) {
    let parts = coverage.parts();
    let shown = if whole { &parts[..] } else { &parts[..1] };
    let words: Vec<String> = shown
        .iter()
        .map(|(name, part)| format!("{name} {} of {}", part.reached, part.all))
        .collect();
    outln!("{tests} tests, {failed} failed; tried: {}", words.join(", "));
    for (name, place) in shown.iter().flat_map(|(_, part)| &part.missed) {
        outln!("  not tried: {name} ({place})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_own_trials_hold() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        // In whichever language the appliance speaks first.
        let english = crate::config::EMBEDDED.replace("language = \"zh-CN\"", "language = \"en\"");
        assert_ne!(english, crate::config::EMBEDDED);
        hold(root, english);
        hold(root, crate::config::EMBEDDED.to_owned());
    }

    fn hold(root: &Path, text: String) {
        let source = Source::Text { text, name: "(embedded default)" };
        let loaded = files::load(&source).unwrap_or_else(|f| panic!("{}", files::lines(&f)));
        let files = ["agents.toml", "care-full.toml", "care-line.toml", "call-queue.toml"];
        let tried =
            files.map(|file| of_file(&loaded.plan, &root.join("dialplan/tests").join(file)));
        let reports: Vec<_> =
            tried.into_iter().flat_map(|reports| reports.expect("the file holds")).collect();
        let failed: Vec<_> = reports.iter().filter(|report| report.failure.is_some()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
        let covered = trial::coverage(&loaded.plan, &reports);
        let missed: Vec<_> = covered.parts().iter().flat_map(|(_, p)| p.missed.clone()).collect();
        assert_eq!(missed, [], "each route, key, branch and step of the sample is tried");
    }
}
