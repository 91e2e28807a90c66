//! `belfry check`: every fault of configuration, dialplan and prompts, with its place and remedy.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::process::ExitCode;

use super::bells;
use super::cli::Check;
use super::clock::Clock;
use super::files::{self, Fault, Loaded, Source};
use super::{first, lookups, recording_keys};
use crate::config::{At, Config, Queue};
use crate::console::out::outln;
use crate::dialplan::fault::Place;
use crate::dialplan::lookup::OWN_TABLES;
use crate::dialplan::{Entry, Plan, may_go_out};
use crate::store::asked::Unfit;
use crate::store::database::Database;
use crate::store::{self, Trouble};

pub(super) fn main(args: Check) -> ExitCode {
    let source = Source::from(&args.file);
    let (faults, counts, starts) = match files::load(&source) {
        Ok(loaded) => {
            let starts = newer_store(&loaded.config.database()).is_none();
            let (faults, counts) = around(loaded);
            (faults, counts, starts)
        }
        Err(mut faults) => {
            faults.extend(files::faults_beyond(&source));
            (faults, String::new(), false)
        }
    };
    let errors = faults.iter().filter(|fault| fault.error).count();
    let warnings = faults.len() - errors;
    if args.json {
        let document = serde_json::json!({ "ok": errors == 0, "starts": starts, "errors": errors, "warnings": warnings, "faults": faults });
        outln!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
    } else {
        for fault in &faults {
            eprintln!("{fault}");
        }
        match errors {
            0 => outln!("ok: {counts}, {}", files::counted(warnings, "warning")),
            _ => eprintln!(
                "{}, {}",
                files::counted(errors, "error"),
                files::counted(warnings, "warning")
            ),
        }
    }
    let good = if args.starts { starts } else { errors == 0 };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is wrong around files that hold: prompts that cannot be played, addresses of some other
/// machine. With it what there is, in words.
fn around(loaded: Loaded) -> (Vec<Fault>, String) {
    let mut faults = beside(&loaded);
    faults.extend(without_key(&loaded.config, &loaded.name));
    faults.extend(addresses(&loaded.config, &loaded.name, is_ours));
    faults.extend(newer_store(&loaded.config.database()));
    faults.extend(call_backs(&loaded.config, &loaded.plan, &loaded.name));
    let placed = |fault| loaded.kept.placed(fault, &loaded.name);
    let mut faults: Vec<Fault> = faults.into_iter().map(placed).collect();
    let (prompts, bad) = files::bad_prompts(&loaded.config, &loaded.name, &loaded.sounds);
    faults.extend(bad);
    (faults, format!("{} routes, {prompts} prompts", loaded.plan.route_count()))
}

/// What files that hold say of each other: contexts, names, queries, secrets. And the console's group.
fn beside(loaded: &Loaded) -> Vec<Fault> {
    let Loaded { config, plan, name, .. } = loaded;
    let mut faults = loaded.warnings.clone();
    faults.extend(contexts(config, plan, name));
    faults.extend(asked(plan, &config.database()));
    faults.extend(group(config, name));
    faults.extend(bells::faults(config, plan, name));
    faults.into_iter().map(|fault| loaded.kept.placed(fault, name)).collect()
}

/// The errors in files that hold: what they are about does not work. A reload is refused for them, so that
/// all of it comes into force or nothing; a start goes on without, since a machine has to come up.
pub(super) fn losses(loaded: &Loaded) -> Vec<Fault> {
    let mut faults = beside(loaded);
    faults.retain(|fault| fault.error);
    faults
}

/// Recordings are to be encrypted, and there is no key that could do it: no call would be recorded.
pub(super) fn without_key(config: &Config, name: &str) -> Option<Fault> {
    let why = recording_keys::ring(config).err().filter(|_| config.record.encrypt)?;
    let at = config.place("record", "encrypt");
    let what = format!("[record] encrypt: {why}: no call would be recorded");
    let remedy = "let Belfry read the file (chgrp belfry FILE; chmod 0640 FILE), or make one with 'belfry recording key FILE'";
    let (file, remedy) = (name.to_owned(), remedy.to_owned());
    Some(Fault { file, line: at.line, column: at.column, error: true, what, remedy })
}

/// A group for the console that this system does not have: its members cannot operate Belfry, which starts without.
pub(super) fn group(config: &Config, name: &str) -> Option<Fault> {
    let why = first::group(config.console.group.as_ref()?.as_str()).err()?;
    let (what, remedy) = why.split_once("; ").unwrap_or((why.as_str(), ""));
    let at = config.place("console", "group");
    let (file, what, remedy) = (name.to_owned(), what.to_owned(), remedy.to_owned());
    Some(Fault { file, line: at.line, column: at.column, error: true, what, remedy })
}

/// Queries that the store refuses, where there is one, and secrets of services that cannot be read. A database that is
/// away is no fault of the files.
fn asked(plan: &Plan, database: &Path) -> Vec<Fault> {
    let fault = |place: Place, error, what, remedy: &str| Fault {
        file: plan.file_of(place).to_owned(),
        line: place.line,
        column: place.column,
        error,
        what,
        remedy: remedy.to_owned(),
    };
    let mut faults = Vec::new();
    for (name, query) in plan.queries().filter(|_| database.exists()) {
        let own = query.write.then_some(OWN_TABLES);
        match store::asked::check(database, &query.sql, own) {
            Ok(()) => {}
            Err(Unfit::Query(why)) => {
                let what = format!("the query '{name}': {why}");
                let remedy =
                    "correct it, or make the table; only tables own_… are changed, by write = true";
                faults.push(fault(query.place, true, what, remedy));
            }
            // The files may be good, and are put in force when the database is in trouble, too. The others would
            // fare the same, each after its wait.
            Err(Unfit::Away(why)) => {
                let what = format!(
                    "the query '{name}', and those behind it, cannot be tried: {}: {why}",
                    database.display()
                );
                let remedy = "'belfry doctor' looks at the database; then check again";
                faults.push(fault(query.place, false, what, remedy));
                break;
            }
        }
    }
    for (name, service) in plan.services() {
        if let Some(why) = service.secret.as_ref().and_then(lookups::unreadable) {
            let what = format!("the secret of the service '{name}': {why}");
            let remedy = "write it there, where the user that runs Belfry can read it";
            faults.push(fault(service.place, false, what, remedy));
        }
    }
    faults
}

/// Records of a later version: this one does not start on them.
pub(super) fn newer_store(database: &Path) -> Option<Fault> {
    if !database.exists() {
        return None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let looked = runtime.block_on(async { Database::look(database).await.map(drop) });
    let Err(trouble @ Trouble::NewerSchema { .. }) = looked else { return None };
    Some(Fault {
        file: database.display().to_string(),
        line: 0,
        column: 0,
        error: true,
        what: trouble.to_string(),
        remedy: String::new(),
    })
}

/// The addresses that this machine does not have. Only a warning: a configuration may be checked
/// on another machine than the one it is for.
fn addresses(config: &Config, name: &str, is_ours: impl Fn(IpAddr) -> bool) -> Vec<Fault> {
    let listen = config.sip.listen.iter().map(|listener| ("sip", "listen", listener.addr.ip()));
    let media = config.media.address.iter().flatten().map(|ip| ("media", "address", *ip));
    let named: BTreeSet<_> = listen.chain(media).collect();
    let foreign = named.into_iter().filter(|(.., ip)| !is_ours(*ip));
    let fault = |(section, key, ip): (&'static str, &'static str, IpAddr)| {
        not_ours(name, config.place(section, key), format!("[{section}] {key}: {ip}"))
    };
    let mut faults: Vec<_> = foreign.map(fault).collect();
    let networks = config.networks.iter().filter(|network| !is_ours(network.address));
    faults.extend(networks.map(|network| {
        let whose = format!("network \"{}\": {}", network.name, network.address);
        not_ours(name, network.at, whose)
    }));
    faults
}

/// Contexts of calls that the care line makes by itself: to units, to who has not reported, to contacts, to who is on duty, on a schedule,
/// by response plans.
const CARE: [&str; 6] =
    ["care-unit", "care-reminder", "care-contact", "care-duty", "care-call", "care-plan"];

/// Contexts that the configuration sends calls to and the dialplan has no route in, and those that have routes
/// and that no call comes to.
fn contexts(config: &Config, plan: &Plan, name: &str) -> Vec<Fault> {
    let gateways =
        config.gateways.iter().map(|g| (format!("gateway \"{}\"", g.name), g.at, &g.context));
    let phones = config.phones.iter().map(|p| (format!("phone {}", p.number), p.at, &p.context));
    let (mut faults, mut led_to) = (Vec::new(), BTreeSet::new());
    for (whose, at, context) in gateways.chain(phones) {
        // Each once: a hundred phones may have the same.
        if !led_to.insert(context.as_str()) || plan.has_context(context.as_str()) {
            continue;
        }
        let known: Vec<&str> = plan.contexts().collect();
        faults.push(Fault {
            file: name.into(),
            line: at.line,
            column: at.column,
            error: true,
            what: format!(
                "{whose}: the dialplan has no context '{context}': its calls are refused"
            ),
            remedy: format!("write one of: {}; or add a route to it", known.join(", ")),
        });
    }
    let lists = config.care_calls.first().filter(|_| !plan.has_context("care-call"));
    faults.extend(lists.map(|list| Fault {
        file: name.into(),
        line: list.at.line,
        column: list.at.column,
        error: true,
        what: format!(
            "care call \"{}\": the dialplan has no context 'care-call': nobody is called",
            list.name
        ),
        remedy:
            "add a route with `context = \"care-call\"`, which plays what is to be heard".into(),
    }));
    // Calls that Belfry makes by itself.
    led_to.extend(CARE);
    let Some(entered) = plan.contexts_entered() else { return faults };
    let alone = |context: &&str| !led_to.contains(context) && !entered.contains(*context);
    faults.extend(plan.contexts().filter(alone).map(|context| Fault {
        file: name.into(),
        line: 0,
        column: 0,
        error: false,
        what: format!("the routes of the context '{context}' are never reached: no gateway, phone or step leads there"),
        remedy: "write it as the context of a [[gateway]] or [[phone]], transfer calls to it, or take it out".into(),
    }));
    faults
}

/// Numbers of callers, as most networks show them: a mobile, a city's, one of abroad.
const CALLERS: [&str; 4] = ["13800138000", "02168888888", "4930123456", "5550123"];

/// Queues that promise call-backs which no agent's phone can make: nothing that it dials comes to a gateway.
fn call_backs(config: &Config, plan: &Plan, name: &str) -> Vec<Fault> {
    let now = Clock::start().now();
    let contexts: BTreeSet<&str> = config.phones.iter().map(|p| p.context.as_str()).collect();
    let goes_out = |prefix: &str| {
        contexts.iter().any(|context| {
            CALLERS.iter().any(|number| {
                let entry = Entry {
                    context: (*context).into(),
                    to: format!("{prefix}{number}"),
                    call_id: "check".into(),
                    ..Entry::default()
                };
                may_go_out(plan, &entry, now)
            })
        })
    };
    let in_vain = |queue: &&Queue| {
        let prefix = queue.call_back_prefix.as_ref().map_or("", |prefix| prefix.as_str());
        queue.call_back && !contexts.is_empty() && !goes_out(prefix)
    };
    let fault = |queue: &Queue| {
        let dials = match &queue.call_back_prefix {
            Some(prefix) => format!("call_back_prefix = \"{}\"", prefix.as_str()),
            None => "no call_back_prefix".into(),
        };
        Fault {
            file: name.into(),
            line: queue.at.line,
            column: queue.at.column,
            error: false,
            what: format!(
                "queue \"{}\": call_back = true, and with {dials} no phone's context leads a \
                 caller's number to a gateway: callers are promised what cannot be done",
                queue.name
            ),
            remedy: "write the prefix that phones dial for an outside line, such as \
                     call_back_prefix = \"9\", or take call_back out"
                .into(),
        }
    };
    config.queues.iter().filter(in_vain).map(fault).collect()
}

fn not_ours(file: &str, at: At, what: String) -> Fault {
    Fault {
        file: file.into(),
        line: at.line,
        column: at.column,
        error: false,
        what: format!(
            "{what} is not an address of this machine: Belfry does not start on it with that"
        ),
        remedy: "write one that `ip address` shows, or check on the machine it is for".into(),
    }
}

/// Whether a socket can be opened on it; what else may hinder that is told at the start.
fn is_ours(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).map_or_else(|e| e.kind() != ErrorKind::AddrNotAvailable, |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::accounts::book as accounts;
    use crate::dialplan::{File, LoadEnv};

    /// The administrator's first `belfry check`, on files as the packages lay them down.
    #[test]
    fn what_the_packages_bring_has_no_fault() {
        let (repo, dir) = (env!("CARGO_MANIFEST_DIR"), tempfile::tempdir().expect("a folder"));
        let made = dir.path().display().to_string();
        for number in 1001..=1004 {
            std::fs::write(dir.path().join(number.to_string()), "a-password").expect("written");
        }
        let shipped = include_str!("../../packaging/etc/belfry.toml");
        let text = shipped
            .replace("/etc/belfry/secrets", &made)
            // One that each system has.
            .replace("\"belfry-console\"", "\"root\"")
            .replace("/etc/belfry/dialplan", &format!("{repo}/dialplan"))
            .replace("/usr/share/belfry/sounds", &format!("{repo}/sounds"))
            .replace("/var/lib/belfry", &made);
        let path = dir.path().join("belfry.toml");
        std::fs::write(&path, text).expect("written");
        // As packaging/setup makes it.
        let agent = "[[agent]]\nnumber = \"7001\"\npin = \"482913\"\n";
        std::fs::write(dir.path().join(accounts::NAME), agent).expect("written");
        let loaded = files::load(&Source::File(path)).unwrap_or_else(|f| panic!("{f:?}"));
        let (faults, _) = around(loaded);
        assert_eq!(faults, []);
        // Debian asks before it replaces these, and no others.
        let manifest = include_str!("../../Cargo.toml");
        for folder in ["dialplan", "dialplan/tests"] {
            for entry in std::fs::read_dir(format!("{repo}/{folder}")).expect("a folder").flatten()
            {
                let name = entry.file_name().into_string().expect("a name of ours");
                let line = format!("\"/etc/belfry/{folder}/{name}\"");
                let known = !name.ends_with(".toml") || manifest.matches(&line).count() == 1;
                assert!(known, "{line} is not among conf-files");
            }
        }
    }

    #[test]
    fn a_context_that_is_not_there_and_one_that_nothing_leads_to_are_told() {
        let text = "[media]\naddress = \"127.0.0.1\"\n[[gateway]]\nname = \"e1\"\n\
                    address = \"udp:10.0.0.1\"\ncontext = \"gatway\"\n\
                    [[phone]]\nnumber = \"1001\"\npassword = \"x\"\n";
        let (config, _) = Config::parse(text).unwrap_or_else(|f| panic!("{f:?}"));
        let told = |plan: &str| {
            let file = File { path: "plan.toml", text: plan };
            let plan = Plan::load(&[file], &LoadEnv::default()).unwrap_or_else(|f| panic!("{f:?}"));
            contexts(&config, &plan.plan, "belfry.toml")
        };
        let route = |context: &str, step: &str| {
            format!("[[route]]\nname = \"{context}\"\ncontext = \"{context}\"\nsteps = [{step}]\n")
        };
        let plan =
            format!("{}{}", route("agents", "{ answer = {} }"), route("night", "{ answer = {} }"));
        let [wrong, alone] = &told(&plan)[..] else { panic!("{:?}", told(&plan)) };
        assert!(
            wrong.what.contains("gateway \"e1\"") && wrong.what.contains("'gatway'"),
            "{wrong}"
        );
        assert!(wrong.remedy.contains("agents, night") && wrong.line == 3, "{wrong}");
        assert!(alone.what.contains("'night'"), "{alone}");
        let into = "{ transfer = { to = \"1\", context = \"night\" } }";
        let plan = format!("{}{}", route("agents", into), route("night", "{ answer = {} }"));
        assert_eq!(told(&plan).len(), 1);
        let any = "{ transfer = { context = \"${x}\" } }";
        let plan = format!("{}{}", route("agents", any), route("night", "{ answer = {} }"));
        assert_eq!(told(&plan).len(), 1, "it may be any");
    }

    /// Encryption without its key would mean that no call is recorded, and nobody had said so.
    #[test]
    fn encryption_without_a_key_that_can_be_read_is_an_error() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = dir.path().join("keys");
        let config = |encrypt: bool| {
            let own = key.display();
            let text = format!(
                "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n[record]\nencrypt = {encrypt}\nkey_file = \"{own}\"\n"
            );
            Config::parse(&text).expect("it holds").0
        };
        let fault = without_key(&config(true), "belfry.toml").expect("a fault");
        assert!(fault.error && fault.line == 4, "{fault}");
        assert!(fault.to_string().contains("no call would be recorded"), "{fault}");
        assert_eq!(without_key(&config(false), "belfry.toml"), None);
        recording_keys::make(&key, false).expect("made");
        assert_eq!(without_key(&config(true), "belfry.toml"), None);
    }

    /// What `belfry check` calls an error, in files that hold, and where an editor finds it.
    #[test]
    fn what_is_lost_is_told_at_the_place_where_it_is_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let own = dir.path().display();
        let text = format!(
            "[node]\ndata_dir = \"{own}\"\n[media]\naddress = \"127.0.0.1\"\n[dialplan]\ndir = \"{own}/plan\"\n\
             [[phone]]\nnumber = \"1001\"\npassword = \"long one\"\n"
        );
        let path = dir.path().join("belfry.toml");
        let account =
            "[[phone]]\nnumber = \"1005\"\npassword = \"long one\"\ncontext = \"agnets\"\n";
        let losses = |config: &str, account: &str, step: &str| -> Vec<String> {
            std::fs::create_dir_all(dir.path().join("plan")).expect("a folder");
            let plan = format!("[[route]]\nname = \"a\"\ncontext = \"agents\"\nsteps = [{step}]\n");
            std::fs::write(dir.path().join("plan/plan.toml"), plan).expect("written");
            std::fs::write(&path, config).expect("written");
            std::fs::write(dir.path().join(accounts::NAME), account).expect("written");
            let loaded =
                files::load(&Source::File(path.clone())).unwrap_or_else(|f| panic!("{f:?}"));
            super::losses(&loaded).iter().map(ToString::to_string).collect()
        };
        assert_eq!(losses(&text, "", "{ answer = {} }"), Vec::<String>::new());
        let wrong = losses(&text, account, "{ answer = {} }");
        assert!(wrong.len() == 1 && wrong[0].contains("accounts.toml:1:"), "{wrong:?}");
        assert!(wrong[0].contains("phone 1005: the dialplan has no context 'agnets'"), "{wrong:?}");
        let group = format!("{text}[console]\ngroup = \"no-such-group-here\"\n");
        let wrong = losses(&group, "", "{ answer = {} }");
        assert!(wrong.len() == 1 && wrong[0].contains("groupadd --system"), "{wrong:?}");
        let wrong = losses(&text, "", "{ queue = \"gone\" }");
        assert!(wrong.len() == 1 && wrong[0].contains("there is no queue 'gone'"), "{wrong:?}");
    }

    /// While the database is away the way that alarms take may have to be changed.
    #[test]
    fn a_database_that_is_away_is_no_error_of_the_files() {
        let dir = tempfile::tempdir().expect("a folder");
        let text = "[query.balance]\nsql = \"SELECT yuan FROM own_orders\"\n[query.more]\nsql = \"SELECT 1\"\n\
                    [[route]]\nname = \"a\"\ncontext = \"agents\"\nsteps = [\
                    { sql = { query = \"balance\" } }, { sql = { query = \"more\" } }]\n";
        let files = [File { path: "plan.toml", text }];
        let plan = Plan::load(&files, &LoadEnv::default()).unwrap_or_else(|f| panic!("{f:?}"));
        let path = dir.path().join("belfry.db");
        let told = || asked(&plan.plan, &path);
        assert_eq!(told(), [], "none is there yet");
        std::fs::write(&path, "this is no database".repeat(200)).expect("written");
        let away = told();
        assert!(away.len() == 1 && !away[0].error, "once, and a warning: {away:?}");
        assert!(
            away[0].what.contains("'balance'") && away[0].what.contains("belfry.db"),
            "{away:?}"
        );
        std::fs::remove_file(&path).expect("it was there");
        let made = rusqlite::Connection::open(&path).expect("a database");
        made.execute_batch("CREATE TABLE own_other (a)").expect("a table");
        let wrong = told();
        assert!(wrong.len() == 1 && wrong[0].error, "{wrong:?}");
        assert!(wrong[0].what.contains("no such table: own_orders"), "{wrong:?}");
        made.execute_batch("CREATE TABLE own_orders (yuan)").expect("a table");
        assert_eq!(told(), []);
    }

    #[test]
    fn a_group_that_this_system_has_not_is_told() {
        let text = "[media]\naddress = \"127.0.0.1\"\n[console]\ngroup = \"no-such-group-here\"\n";
        let (config, _) = Config::parse(text).unwrap_or_else(|f| panic!("{f:?}"));
        let fault = group(&config, "b.toml").expect("a fault").to_string();
        assert!(fault.starts_with("b.toml:4:") && fault.contains("no-such-group-here"), "{fault}");
        assert!(fault.ends_with("groupadd --system no-such-group-here"), "{fault}");
        assert_eq!(group(&Config::embedded(), "b.toml"), None);
    }

    #[test]
    fn a_call_back_that_no_phone_can_make_is_told() {
        let told = |prefix: &str, steps: &str| {
            let text = format!(
                "[media]\naddress = \"127.0.0.1\"\n[[gateway]]\nname = \"e1\"\n\
                 address = \"udp:10.0.0.1\"\n[[phone]]\nnumber = \"1001\"\npassword = \"x\"\n\
                 [[queue]]\nname = \"care\"\ncall_back = true\n{prefix}"
            );
            let (config, _) = Config::parse(&text).unwrap_or_else(|f| panic!("{f:?}"));
            let plan = format!(
                "[[route]]\nname = \"out\"\ncontext = \"agents\"\nwhen = {{ to = \"/^9/\" }}\nsteps = [{steps}]\n\
                 [[route]]\nname = \"else\"\ncontext = \"agents\"\nsteps = [{{ hangup = {{ cause = 1 }} }}]\n\
                 [[route]]\nname = \"far\"\ncontext = \"far\"\nsteps = [{OUT}]\n"
            );
            let file = File { path: "plan.toml", text: &plan };
            let plan = Plan::load(&[file], &LoadEnv::default()).unwrap_or_else(|f| panic!("{f:?}"));
            call_backs(&config, &plan.plan, "belfry.toml")
        };
        const OUT: &str = "{ dial = { gateway = \"e1\", number = \"1\" } }";
        let [fault] = &told("", OUT)[..] else { panic!("{:?}", told("", OUT)) };
        assert!(fault.what.contains("queue \"care\"") && fault.line == 9, "{fault}");
        assert_eq!(told("call_back_prefix = \"9\"\n", OUT), []);
        let sent = "{ transfer = { to = \"1\", context = \"far\" } }";
        assert_eq!(told("call_back_prefix = \"9\"\n", sent), [], "by another context");
        assert_eq!(told("call_back_prefix = \"9\"\n", "{ answer = {} }").len(), 1);
    }

    #[test]
    fn an_address_of_another_machine_is_told_where_it_is_written() {
        let text = "[sip]\nlisten = [\"udp:0.0.0.0:5060\", \"udp:192.0.2.7:5062\", \
                    \"tcp:192.0.2.7:5062\"]\n[media]\naddress = [\"127.0.0.1\", \"192.0.2.9\"]\n";
        // Two listeners on other ports, so that the text itself holds.
        let (config, _) = Config::parse(text).unwrap_or_else(|f| panic!("{f:?}"));
        let known = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
        let found = addresses(&config, "belfry.toml", known);
        let places: Vec<_> = found.iter().map(|f| (f.line, f.column, f.error)).collect();
        assert_eq!(places, [(4, 11, false), (2, 10, false)], "{found:?}");
        assert!(found[0].what.contains("192.0.2.9") && found[1].what.contains("192.0.2.7"));
        let text =
            "[[network]]\nname = \"lan\"\naddress = \"192.0.2.7\"\ninside = \"10.0.0.0/8\"\n";
        let (config, _) = Config::parse(text).unwrap_or_else(|f| panic!("{f:?}"));
        let found = addresses(&config, "belfry.toml", known);
        let [fault] = &found[..] else { panic!("{found:?}") };
        assert!(fault.line == 1 && fault.what.starts_with("network \"lan\": 192.0.2.7 is not"));
    }

    #[test]
    fn loopback_is_ours_and_a_documentation_address_is_not() {
        assert!(is_ours("127.0.0.1".parse().expect("an address")));
        assert!(is_ours("0.0.0.0".parse().expect("an address")));
        assert!(!is_ours("192.0.2.1".parse().expect("an address")), "RFC 5737");
    }
}
