//! The appliance that runs, as it says itself: what is refused, which gateways and phones are away, whether
//! audio is in time, what stands still behind it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::Finding;
use crate::console::figures::read;
use crate::console::{Answer, client};
use crate::daemon::files::counted;
use crate::switch::console::{AgentRow, GatewayRow, PhoneRow, Status};

/// From when on late turns are heard, seconds: a phone's jitter buffer evens out a tick of 20 ms.
const LATE: f64 = 0.02;
/// So many silent legs among a hundred are no chance.
const SILENT_PERCENT: f64 = 2.0;
/// The most names in one line.
const MOST_NAMED: usize = 8;

/// What the appliance that runs says, or a part of it.
#[derive(Default)]
pub(super) struct Said {
    pub(super) findings: Vec<Finding>,
    /// Its RTP workers; none where it does not say.
    pub(super) workers: Vec<Worker>,
}

impl Said {
    /// Only this.
    pub(super) fn of(finding: Finding) -> Said {
        Said { findings: vec![finding], workers: Vec::new() }
    }

    /// All that it says, if each answer comes within `patience`, and all within `longest`; else what came, and that it
    /// says no more.
    pub(super) fn gather(said: &Receiver<Said>, patience: Duration, longest: Duration) -> Said {
        let (begun, mut all) = (Instant::now(), Said::default());
        loop {
            match said.recv_timeout(patience.min(longest.saturating_sub(begun.elapsed()))) {
                Ok(more) => {
                    all.findings.extend(more.findings);
                    all.workers.extend(more.workers);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    all.findings.push(Finding::error(
                        "appliance",
                        format!("it runs, and does not answer within {} s", patience.as_secs()),
                        "top -H: where something else takes the processor, end that; journalctl -u belfry says what came before; \
                         systemctl restart belfry ends all calls",
                    ));
                    return all;
                }
            }
        }
        if all.findings.is_empty() {
            let well = "takes calls, records, and writes down what happens";
            all.findings.push(Finding::ok("appliance", well));
        }
        all
    }
}

/// An RTP worker, as `show workers --json` has it: what the service itself may, and uses.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Worker {
    pub(super) name: String,
    pub(super) backend: String,
    pub(super) pinned: bool,
    pub(super) real_time: bool,
}

/// Asks it one question after the other and tells what comes of each at once: a machine on which something takes the
/// processor answers slowly. `records`: whether calls are to be recorded at all.
pub(super) fn look(socket: &Path, records: bool, tell: &Sender<Said>) {
    // Who asked waits no more.
    let tell = |said: Said| drop(tell.send(said));
    let all = |findings: Vec<Finding>| tell(Said { findings, workers: Vec::new() });
    let ask = |command: &str| client::ask(socket, command).ok().filter(|answer| answer.ok);
    let status = match answered(client::ask(socket, "show status")) {
        Ok(status) => status,
        Err(finding) => return tell(Said::of(finding)),
    };
    if let Ok(status) = serde_json::from_value::<Status>(status.data) {
        all(exchange(&status, records));
    }
    if let Some(metrics) = ask("metrics") {
        all(figures(&read(&metrics.text)));
    }
    let rows = |command: &str| ask(command).map(|answer| answer.data);
    if let Some(Ok(gateways)) = rows("show gateways").map(serde_json::from_value::<Vec<GatewayRow>>)
    {
        all(gateways.iter().filter_map(gateway).collect());
    }
    if let (Some(Ok(agents)), Some(Ok(phones))) = (
        rows("show agents").map(serde_json::from_value::<Vec<AgentRow>>),
        rows("show phones").map(serde_json::from_value::<Vec<PhoneRow>>),
    ) {
        all(log_ins(&agents, &phones));
    }
    let workers = rows("show workers").and_then(|data| serde_json::from_value(data).ok());
    tell(Said { findings: Vec::new(), workers: workers.unwrap_or_default() });
}

/// The answer, if there is one; else what to do. A restart ends all calls: it is for an exchange that says nothing.
fn answered(asked: std::io::Result<Answer>) -> Result<Answer, Finding> {
    match asked {
        Ok(answer) if answer.ok => Ok(answer),
        Ok(answer) if answer.is_full() => Err(Finding::warning(
            "console",
            answer.text,
            "calls go on, and no restart is needed; then ask again",
        )),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Finding::warning(
            "console",
            "it runs, and may not be asked by this user",
            "run this as root, or as one of the group of [console]",
        )),
        _ => Err(Finding::error(
            "appliance",
            "its exchange does not answer",
            "systemctl restart belfry; journalctl -u belfry says what came before",
        )),
    }
}

fn exchange(status: &Status, records: bool) -> Vec<Finding> {
    let refusing = status.refusing.as_ref().map(|why| {
        Finding::error(
            "calls",
            format!("new calls are refused: {why}"),
            "see [limits] in belfry.toml; for a full journal make room below [node] data_dir (df)",
        )
    });
    let mute = status.not_recording.as_ref().filter(|_| records).map(|why| {
        Finding::error(
            "recordings",
            format!("no recording begins: {why}"),
            "make room in [record] dir, shorten [record] keep, or write when_full = \"remove-oldest\"",
        )
    });
    refusing.into_iter().chain(mute).collect()
}

fn gateway(row: &GatewayRow) -> Option<Finding> {
    let GatewayRow { name, address, health, service, registered, registration_fails, .. } = row;
    if health == "down" {
        return Some(Finding::error(
            "gateway",
            format!("{name} at {address} is down: it does not answer"),
            format!(
                "look at cable, address and firewall: ping it; belfry console -e 'show gateways' shows {name} up again"
            ),
        ));
    }
    if *registration_fails {
        return Some(Finding::error(
            "gateway",
            format!("{name} does not let us register: {registered}"),
            "correct username and password of its [[gateway]], then: belfry console -e reload",
        ));
    }
    (service != "in service").then(|| {
        Finding::warning(
            "gateway",
            format!("{name} is not in service: {service}"),
            format!("where that is not wanted: belfry console -e 'gateway {name} up'"),
        )
    })
}

/// Agents whose phone is gone, and whether any phone is there at all.
fn log_ins(agents: &[AgentRow], phones: &[PhoneRow]) -> Vec<Finding> {
    let registered = |number: &str| {
        phones.iter().any(|phone| phone.number == number && !phone.contacts.is_empty())
    };
    let gone: Vec<String> = agents
        .iter()
        .filter_map(|agent| {
            let phone = agent.phone.as_deref().filter(|phone| !registered(phone))?;
            Some(format!("{} at {phone}", agent.number))
        })
        .collect();
    let mut findings = Vec::new();
    if !gone.is_empty() {
        findings.push(Finding::error(
            "phones",
            format!(
                "{} signed in where no phone is registered: {}",
                counted(gone.len(), "agent"),
                named(&gone)
            ),
            "look at the phone: power, network, password; belfry console -e 'show phones'",
        ));
    }
    if !phones.is_empty() && phones.iter().all(|phone| phone.contacts.is_empty()) {
        findings.push(Finding::warning(
            "phones",
            format!("none of {} is registered", phones.len()),
            "they need this machine's address as proxy, their number and password; a firewall lets 5060 in",
        ));
    }
    findings
}

fn named(all: &[String]) -> String {
    let more = all.len().saturating_sub(MOST_NAMED);
    let first = all.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

fn figures(all: &BTreeMap<&str, f64>) -> Vec<Finding> {
    let of = |name: &str| all.get(name).copied().unwrap_or(0.0);
    let mut findings = Vec::new();
    if of("belfry_database_away") > 0.0 {
        let waiting = of("belfry_journal_backlog_bytes");
        findings.push(Finding::error(
            "records",
            format!("the database cannot be had; {waiting} bytes of facts wait in the journal"),
            "journalctl -u belfry says why: locked by another program (lsof belfry.db), disk full, \
             damaged (belfry doctor --records)",
        ));
    }
    findings.extend(audio(all));
    findings.extend(raised(all));
    if of("belfry_log_ins_refused_total") > 0.0 {
        findings.push(Finding::warning(
            "phones",
            format!(
                "{} with a wrong password since the start",
                counted(of("belfry_log_ins_refused_total") as usize, "log-in")
            ),
            "journalctl -u belfry names number and address; belfry phone set NUMBER --new-secret, which tells of a \
             phone in belfry.toml where its password is; belfry console -e 'show bans'",
        ));
    }
    let alarms: Vec<String> = each(all, "belfry_alarm{").map(|(name, _)| name.to_owned()).collect();
    if !alarms.is_empty() {
        findings.push(Finding::warning(
            "alarms",
            format!("raised now: {}", alarms.join(", ")),
            "belfry console -e 'show alarms' says since when, of what, and where to look",
        ));
    }
    findings
}

/// Alarms that have a remedy of their own.
fn raised(all: &BTreeMap<&str, f64>) -> Vec<Finding> {
    let known = [
        Finding::error(
            "records",
            "the file of the records is damaged",
            "belfry console -e 'show alarms' says what was met; systemctl stop belfry, then a sound copy in its place \
             (belfry restore --only store FILE), or sqlite3's .recover; calls go on meanwhile",
        ),
        Finding::warning(
            "audio",
            "it is late second after second: something else takes the processor",
            "top -H names it; without real time (belfry console -e 'show workers'): LimitRTPRIO=40 in the unit",
        ),
        Finding::warning(
            "API port",
            "the API, or CSTA, is served to no program: its address cannot be opened",
            "end the program that has it (`ss -lntp` names it), or change [http] listen, [csta] listen; it is tried every \
             five seconds, and calls go on",
        ),
    ];
    let stands: Vec<&str> = each(all, "belfry_alarm{").map(|(name, _)| name).collect();
    let of = ["database_damaged", "workers_late", "api_shut"];
    known.into_iter().zip(of).filter(|(_, of)| stands.contains(of)).map(|(one, _)| one).collect()
}

/// The figures of that name above zero, each with its first label.
fn each<'a>(all: &'a BTreeMap<&str, f64>, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    let found = all.iter().filter(move |(key, value)| key.starts_with(name) && **value > 0.0);
    found.map(|(key, value)| (key.split('"').nth(1).unwrap_or_default(), *value))
}

/// Whether audio is in time, is read, and goes both ways.
fn audio(all: &BTreeMap<&str, f64>) -> Vec<Finding> {
    let late = each(all, "belfry_worker_late_p99_seconds{").filter(|(_, late)| *late > LATE);
    let mut findings: Vec<Finding> = late
        .map(|(worker, late)| {
            Finding::warning(
                "audio",
                format!("{worker} is up to {:.0} ms late", late * 1e3),
                "something else takes the processor: top -H; without real time: LimitRTPRIO=40 in the unit",
            )
        })
        .collect();
    let drops: f64 = each(all, "belfry_worker_kernel_drops_total{").map(|(_, drops)| drops).sum();
    if drops > 0.0 {
        findings.push(Finding::warning(
            "audio",
            format!("the kernel dropped {drops} datagrams before they were read"),
            "sysctl -w net.core.rmem_max=8388608, then systemctl restart belfry; see what else takes \
             the processor: top -H",
        ));
    }
    let of = |name: &str| all.get(name).copied().unwrap_or(0.0);
    let (silent, one_way) = (of("belfry_legs_silent_total"), of("belfry_legs_one_way_total"));
    let ended = of("belfry_leg_jitter_seconds_count");
    if silent > 0.0 && silent * 100.0 > ended * SILENT_PERCENT {
        findings.push(Finding::warning(
            "audio",
            format!(
                "of {silent} legs no audio came for seconds, {one_way} of them heard the other side; {ended} legs with audio have ended"
            ),
            "see [media] address, the firewall for [media] ports, and belfry console -e 'events no_rtp' \
             for whom",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::doctor::State;

    fn row(health: &str, service: &str, registered: &str) -> GatewayRow {
        GatewayRow {
            name: "e1-a".into(),
            address: "udp:10.0.0.10:5060".into(),
            health: health.into(),
            service: service.into(),
            registered: registered.into(),
            registration_fails: registered.contains("times"),
            trunks: Vec::new(),
            busy: 0,
            channels: 30,
        }
    }

    #[test]
    fn each_fault_of_a_gateway_has_its_remedy() {
        assert_eq!(gateway(&row("up", "in service", "")), None);
        assert_eq!(gateway(&row("up", "in service", "for 480 s")), None);
        // The time that it holds is no status that refused it.
        for seconds in [3_401, 3_403, 3_404, 403] {
            assert_eq!(gateway(&row("up", "in service", &format!("for {seconds} s"))), None);
        }
        for (row, state, word) in [
            (row("down", "in service", ""), State::Error, "does not answer"),
            (
                row("up", "in service", "no (403, 4 times)"),
                State::Error,
                "does not let us register",
            ),
            (row("up", "in service", "no (no answer, 4 times)"), State::Error, "let us register"),
            (row("up", "busy", ""), State::Warning, "'gateway e1-a up'"),
        ] {
            let found = gateway(&row).expect(word);
            assert_eq!(found.state, state);
            assert!(format!("{} {}", found.found, found.remedy).contains(word), "{found:?}");
        }
    }

    #[test]
    fn a_restart_is_advised_for_an_exchange_that_says_nothing_alone() {
        let said = |asked| answered(asked).map(|_| ()).unwrap_err();
        let silent = [
            said(Err(ErrorKind::WouldBlock.into())),
            said(Err(ErrorKind::UnexpectedEof.into())),
            said(Ok(Answer::refused("the exchange does not answer"))),
        ];
        for one in silent {
            assert!(one.state == State::Error && one.remedy.contains("restart belfry"), "{one:?}");
        }
        for one in [
            said(Ok(Answer::full("all 32 places of the console are taken"))),
            said(Err(ErrorKind::PermissionDenied.into())),
        ] {
            assert!(one.state == State::Warning, "{one:?}");
            assert!(!one.remedy.contains("systemctl"), "{one:?}");
        }
        assert!(answered(Ok(Answer::done("", ()))).is_ok());
    }

    #[test]
    fn figures_that_are_wrong_are_findings_and_others_are_not() {
        let healthy = "# TYPE belfry_database_away gauge\nbelfry_database_away 0\n\
            belfry_worker_late_p99_seconds{worker=\"rtp-0\"} 0.0001\nbelfry_legs_silent_total 1\n\
            belfry_leg_jitter_seconds_count 1000\nbelfry_alarm{alarm=\"tolls\"} 0\n";
        assert_eq!(figures(&read(healthy)), []);
        for (line, word) in [
            ("belfry_database_away 1", "cannot be had"),
            ("belfry_worker_late_p99_seconds{worker=\"rtp-0\"} 0.05", "rtp-0 is up to 50 ms late"),
            ("belfry_worker_kernel_drops_total{worker=\"rtp-0\"} 7", "dropped 7"),
            ("belfry_legs_silent_total 40", "of 40 legs no audio came"),
            ("belfry_log_ins_refused_total 3", "wrong password"),
            ("belfry_alarm{alarm=\"tolls\"} 1", "tolls"),
        ] {
            let text = format!("{healthy}{line}\n");
            let found = figures(&read(&text));
            assert_eq!(found.len(), 1, "{line}: {found:?}");
            assert!(found[0].found.contains(word) && !found[0].remedy.is_empty(), "{found:?}");
        }
    }

    /// What an alarm says is a finding with a remedy of its own, beside the one that lists all that stand.
    #[test]
    fn alarms_that_have_a_remedy_of_their_own_say_it() {
        for (alarm, state, word) in [
            ("database_damaged", State::Error, "restore --only store"),
            ("workers_late", State::Warning, "top -H"),
            ("api_shut", State::Warning, "[csta] listen"),
        ] {
            let text = format!("belfry_alarm{{alarm=\"{alarm}\"}} 1\n");
            let found = figures(&read(&text));
            assert_eq!(found.len(), 2, "{found:?}");
            assert!(found[0].state == state && found[0].remedy.contains(word), "{found:?}");
        }
    }

    /// One that answers slowly, or stops in the middle, has said what it has said.
    #[test]
    fn what_came_before_the_silence_is_told() {
        let gather = |said: &Receiver<Said>| {
            Said::gather(said, Duration::from_millis(10), Duration::from_secs(30))
        };
        let (tell, said) = std::sync::mpsc::channel();
        let late = || Said::of(Finding::warning("audio", "it is late", "top -H"));
        tell.send(late()).unwrap();
        let cut = gather(&said);
        assert_eq!(cut.findings.len(), 2);
        assert!(cut.findings[1].state == State::Error, "{:?}", cut.findings);
        tell.send(late()).unwrap();
        drop(tell);
        assert_eq!(gather(&said).findings, late().findings);
        let (tell, said) = std::sync::mpsc::channel();
        drop(tell);
        assert!(gather(&said).findings[0].state == State::Ok);
    }

    /// Where nothing is to be recorded, that nothing is recorded is no fault.
    #[test]
    fn recordings_that_are_switched_off_are_no_fault() {
        let status = |not_recording: Option<&str>| -> Status {
            serde_json::from_value(serde_json::json!({
                "node": "n", "uptime_s": 1, "calls": 0, "legs": 0, "calls_total": 0, "calls_refused": 0,
                "recordings": 0, "registered": 0, "transactions": 0, "records_away": false, "recorders": [],
                "outside_failed": 0, "not_recording": not_recording,
            }))
            .unwrap()
        };
        assert_eq!(exchange(&status(Some("[record] enabled is off")), false), []);
        assert_eq!(exchange(&status(None), true), []);
        let found = exchange(&status(Some("the disk is full")), true);
        assert!(found[0].state == State::Error && found[0].found.contains("disk"), "{found:?}");
    }

    #[test]
    fn an_agent_whose_phone_is_gone_is_named() {
        let agent = |phone: Option<&str>| AgentRow {
            number: "7001".into(),
            name: "Anna".into(),
            team: None,
            supervisor: false,
            phone: phone.map(str::to_owned),
            state: "ready".into(),
            pending: None,
            ms: 0,
            call: None,
            calls: 0,
            talked_ms: 0,
            queues: Vec::new(),
        };
        let phone = |there: bool| PhoneRow {
            number: "1001".into(),
            name: None,
            contacts: if there { vec![("10.0.0.20:5060".into(), 300)] } else { Vec::new() },
        };
        assert_eq!(log_ins(&[agent(Some("1001"))], &[phone(true)]), []);
        assert_eq!(log_ins(&[agent(None)], &[phone(true)]), []);
        let found = log_ins(&[agent(Some("1001"))], &[phone(false)]);
        assert!(found[0].found.contains("7001 at 1001"), "{found:?}");
        assert_eq!(found.len(), 2, "and none is registered at all");
    }
}
