//! `belfry doctor`: looks at the machine that Belfry shall run on, and says of each finding what to do.
//!
//! ```text
//!  files ─▶ configuration ─┬─ machine   clock, cores, who waits for them, real time, how RTP is had, file limit
//!                          ├─ network   addresses, ports, gateways
//!                          ├─ running   the appliance, where it runs: asked over its console
//!                          ├─ certificates  for whom, until when
//!                          ├─ rights    whether Belfry's user may read and write them
//!                          └─ storage   directories, room for recordings, records, prompts
//! ```
//!
//! It changes nothing, and it may run beside the appliance. Not here: what is wrong in the files
//! themselves (`belfry check`), how the appliance is doing (`show status` on the console).

mod certificates;
mod machine;
mod names;
mod network;
mod rights;
mod running;
mod storage;

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use self::running::Said;
use super::cli::Doctor;
use super::files::{self, Fault, Source};
use crate::console::out::outln;

/// How long the appliance that runs may take for each answer, and for all of them.
const PATIENCE: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_secs(15);

/// How a finding is to be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// Belfry runs, worse than it could.
    Warning,
    /// Belfry does not start, or calls fail.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Finding {
    /// What was looked at, in a word or two.
    about: &'static str,
    state: State,
    /// What was found.
    found: String,
    /// What to do; empty where all is well.
    remedy: String,
}

impl Finding {
    fn ok(about: &'static str, found: impl Into<String>) -> Finding {
        Finding { about, state: State::Ok, found: found.into(), remedy: String::new() }
    }
    fn warning(
        about: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding { about, state: State::Warning, found: found.into(), remedy: remedy.into() }
    }
    fn error(about: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { about, state: State::Error, found: found.into(), remedy: remedy.into() }
    }
}

pub(super) fn main(args: Doctor) -> ExitCode {
    let loaded = match files::load(&Source::from(&args.file)) {
        Ok(loaded) => loaded,
        Err(faults) => {
            return report(&beside_faults(&args, &faults), args.json);
        }
    };
    let config = &loaded.config;
    // Who may not open the console knows only that it runs.
    let runs = runs(&config.console.socket);
    let mut findings = vec![match runs {
        true => Finding::ok("appliance", "runs; its own ports are taken by itself"),
        false => Finding::ok("appliance", "does not run"),
    }];
    let said = match runs {
        true => asked(config.console.socket.clone(), config.record.enabled),
        false => Said::default(),
    };
    findings.extend(said.findings);
    findings.extend(machine::look(&loaded, &said.workers));
    let asked = network::look(config, &loaded.tls, runs);
    let asked = beyond(&findings, asked);
    findings.extend(asked);
    findings.extend(certificates::look(&loaded.tls));
    findings.extend(storage::look(&loaded, args.records));
    let own = files::path_of(&args.file);
    findings.extend(storage::rights(config, own.as_deref()));
    findings.extend(rights::look(config, own.as_deref(), runs));
    if let Some(fault) = super::check::group(config, &loaded.name) {
        findings.push(Finding::error("console", fault.what, fault.remedy));
    }
    report(&findings, args.json)
}

/// What is wrong with files that cannot be used, and what the appliance that runs beside them says of itself.
fn beside_faults(args: &Doctor, faults: &[Fault]) -> Vec<Finding> {
    let remedy = "mend it, then: belfry check && belfry console -e reload";
    let errors = faults.iter().filter(|fault| fault.error);
    let mut findings: Vec<_> =
        errors.map(|fault| Finding::error("files", fault.to_string(), remedy)).collect();
    match files::socket_of(&args.file) {
        Ok(socket) if runs(&socket) => {
            let found = "runs; what else there is to look at is known when the files are right";
            findings.push(Finding::ok("appliance", found));
            findings.extend(asked(socket, true).findings);
        }
        _ => findings.push(Finding::ok("appliance", "does not run")),
    }
    findings
}

/// Prints what was found; the exit code tells of errors.
fn report(findings: &[Finding], json: bool) -> ExitCode {
    let count = |state| findings.iter().filter(|f| f.state == state).count();
    let (errors, warnings) = (count(State::Error), count(State::Warning));
    if json {
        let document = serde_json::json!({
            "ok": errors == 0, "errors": errors, "warnings": warnings, "findings": findings,
        });
        outln!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
    } else {
        findings.iter().for_each(print);
        outln!("{}, {}", files::counted(errors, "error"), files::counted(warnings, "warning"));
    }
    if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the appliance says of itself, as far as it says so in time (R28): one that stands still answers nothing.
/// `records`: whether calls are to be recorded at all.
fn asked(socket: std::path::PathBuf, records: bool) -> Said {
    let (tell, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || running::look(&socket, records, &tell));
    Said::gather(&heard, PATIENCE, LONGEST)
}

/// What was found without what was said before: a gateway that is down for the appliance itself need not be told of
/// once more because it does not answer us either.
fn beyond(said: &[Finding], mut found: Vec<Finding>) -> Vec<Finding> {
    let bad = |one: &Finding| one.about == "gateway" && one.state != State::Ok;
    let name = |one: &Finding| one.found.split(' ').next().map(str::to_owned);
    let known: Vec<_> = said.iter().filter(|one| bad(one)).filter_map(name).collect();
    found.retain(|one| !bad(one) || name(one).is_none_or(|name| !known.contains(&name)));
    found
}

/// Whether the appliance runs: somebody listens on its console's socket.
fn runs(socket: &std::path::Path) -> bool {
    match UnixStream::connect(socket) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    }
}

fn print(finding: &Finding) {
    let Finding { about, state, found, remedy } = finding;
    let state = match state {
        State::Ok => "ok",
        State::Warning => "warning",
        State::Error => "error",
    };
    outln!("{state:<8} {about:<12} {found}");
    if !remedy.is_empty() {
        outln!("{:<21} {remedy}", "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_is_down_is_told_of_once() {
        let said = [Finding::error("gateway", "e1-a at 10.0.0.9:5060 is down", "cable")];
        let asked = vec![
            Finding::warning("gateway", "e1-a does not answer OPTIONS: refused", "cable"),
            Finding::warning("gateway", "e1-b does not answer OPTIONS: refused", "cable"),
            Finding::ok("address", "e1-a"),
        ];
        let left: Vec<String> = beyond(&said, asked).into_iter().map(|one| one.found).collect();
        assert_eq!(left, ["e1-b does not answer OPTIONS: refused", "e1-a"]);
    }
}
