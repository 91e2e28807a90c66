//! The command line.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::{
    accounts, backup, campaigns, certificate, check, demo, doctor, explain, pages, recordings,
    report, serve, subscribers, trial,
};
use crate::config::LogFormat;
use crate::console::out::out;

/// A voice appliance for care lines and contact centres.
#[derive(Parser)]
#[command(name = "belfry", version, disable_help_subcommand = true, max_term_width = 100)]
#[command(
    after_help = "Examples:\n  belfry demo\n  belfry serve -c /etc/belfry/belfry.toml\n  belfry check\n  belfry console -e 'show calls'"
)]
struct Cli {
    #[command(flatten)]
    file: ConfigFile,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the appliance in the foreground
    #[command(
        after_help = "Without -c, /etc/belfry/belfry.toml is read where it exists; else the embedded default \
        serves on loopback: phones 1001 to 1004, a gateway on 127.0.0.1, the sample dialplan.\n\n\
        Examples:\n  belfry serve\n  belfry serve -c ./belfry.toml --log-format json"
    )]
    Serve(Serve),
    /// Start an appliance on free loopback ports and call through it, checking each step
    #[command(
        after_help = "Examples:\n  belfry demo\n  belfry demo --json\n  belfry demo --keep ./demo-data"
    )]
    Demo(Demo),
    /// Check configuration, dialplan and prompts; exit code 1 if there is a fault
    #[command(after_help = "Examples:\n  belfry check\n  belfry check -c ./belfry.toml --json")]
    Check(Check),
    /// Look at this machine: clock, cores, rights, ports, gateways, disk, prompts; exit code 1 if Belfry
    /// cannot run on it
    #[command(
        after_help = "Examples:\n  belfry doctor\n  belfry doctor -c ./belfry.toml --records --json"
    )]
    Doctor(Doctor),
    /// Make a self-signed certificate and its key, for tls: and wss: to begin with
    #[command(
        after_help = "Without --name it is for the domain and the addresses of the configuration.\n\n\
        Examples:\n  belfry certificate --out /etc/belfry/tls\n  \
        belfry certificate --out . --name care.example --name 10.0.0.5 --days 365"
    )]
    Certificate(Certificate),
    /// Questions about the dialplan
    #[command(
        subcommand,
        after_help = "Examples:\n  belfry dialplan explain --context gateway --to 4008001234\n  \
        belfry dialplan test tests/*.toml"
    )]
    Dialplan(Dialplan),
    /// Print figures of queues, agents, teams or trunks, by any span of the calendar; or compute all of them anew
    #[command(
        after_help = "A call counts where it ends. `belfry report recompute` computes all figures anew from \
        the facts that are kept: the result is the same.\n\n\
        Examples:\n  belfry report queue\n  \
        belfry report agent --from 2026-11-01 --to 2026-12-01 --by day --format csv --bom --out november.csv\n  \
        belfry report queue --by month --formula SL-1 --threshold 15 --format xlsx --out year.xlsx\n  \
        belfry report recompute"
    )]
    Report(Report),
    /// The care line's subscribers: list, show, add, set, remove, import and export as CSV
    #[command(
        after_help = "Changes are noted with who and when, and a running appliance knows of them at once.\n\n\
        Examples:\n  belfry subscriber list south\n  \
        belfry subscriber add 076088881234 name='Wang Xiuying' region=south check_in='08:00 20:00'\n  \
        belfry subscriber import subscribers.csv --dry-run\n  belfry subscriber export subscribers.csv"
    )]
    Subscriber(Subscribers),
    /// Outbound campaigns: lists as CSV, whom nobody may call, start and stop, figures
    #[command(
        after_help = "Examples:\n  belfry campaign import spring customers.csv --dry-run\n  \
        belfry campaign start spring\n  belfry campaign dnc add 13800138000\n  \
        belfry campaign report spring --days 30 --agents\n  belfry campaign export spring results.csv"
    )]
    Campaign(Campaigns),
    /// Attach to the running appliance
    #[command(
        after_help = "Examples:\n  belfry console\n  belfry console -e 'show calls' --json\n  belfry console -e reload"
    )]
    Console(Console),
    /// Help on a command, or on a step of the dialplan
    #[command(
        after_help = "Examples:\n  belfry help serve\n  belfry help app dial\n  belfry help app"
    )]
    Help {
        /// A command, or `app` and the name of a dialplan step
        topic: Vec<String>,
    },
    /// Phones that register here: list, add, change, remove, import and export
    #[command(
        subcommand,
        after_help = "In force at once, without a restart. A phone's keys are those of [[phone]] in docs/admin.md.\n\n\
        Examples:\n  belfry phone list\n  belfry phone add 1005 name='Front desk' groups=front,sales\n  \
        belfry phone set 1005 international=true\n  belfry phone import phones.csv\n  belfry phone remove 1005"
    )]
    Phone(accounts::Verb),
    /// Agents and supervisors: list, add, change, remove, import and export
    #[command(
        subcommand,
        after_help = "In force at once, without a restart. A user's keys are those of [[agent]] in docs/admin.md.\n\n\
        Examples:\n  belfry user list\n  belfry user add 7001 name=Anna team=care skills=care:5,english\n  \
        belfry user set 7001 role=supervisor\n  belfry user set 7001 --new-secret\n  belfry user export"
    )]
    User(accounts::Verb),
    /// Recordings: list them, see that their files are what they were, copy them, make their key
    #[command(
        subcommand,
        after_help = "A file's SHA-256 is written down when it is whole, and again when it is packed; of an encrypted one \
        it is that of the file as it lies there.\n\n\
        Examples:\n  belfry recording list --from 2026-11-01 --number 1001\n  belfry recording verify\n  \
        belfry recording export 01KAF3Q8ZK004 --out /tmp/case-4711\n  belfry recording key /etc/belfry/recording.keys"
    )]
    Recording(recordings::Verb),
    /// Write store, accounts and configuration into one file, while the appliance runs
    #[command(
        after_help = "Recordings and prompts are not in it: copy [record] dir and [dialplan] sounds beside it.\n\n\
        Examples:\n  belfry backup /srv/backup/belfry-$(date +%F).tar"
    )]
    Backup(backup::Backup),
    /// Put a back-up back, all or nothing; what was there is kept beside it
    #[command(
        after_help = "The appliance must not run, but with --to. What is there is named and asked for, and gets \
        .before-restore behind its name.\n\n\
        Examples:\n  belfry restore --check belfry-2026-11-23.tar\n  belfry restore --to /tmp/look belfry-2026-11-23.tar\n  \
        belfry restore belfry-2026-11-23.tar\n  belfry restore --only store --yes belfry-2026-11-23.tar"
    )]
    Restore(backup::Restore),
    /// Write the man pages into a directory, for packages
    Man {
        /// The directory
        dir: PathBuf,
    },
    /// Print the completions of a shell, for packages
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Commands that interface.md names and this version does not have yet.
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// The command line's table, from which parsing, help, man pages and completions follow.
pub(super) fn command() -> clap::Command {
    let table = pages::console_commands();
    Cli::command().mut_subcommand("console", |console| {
        let examples = console.get_after_help().map(ToString::to_string).unwrap_or_default();
        console.after_long_help(format!("{examples}\n\n{table}"))
    })
}

#[derive(Args, Clone)]
pub(super) struct ConfigFile {
    /// The configuration file
    #[arg(short = 'c', long = "config", value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// The log's shape, instead of the configuration's
    #[arg(long, value_name = "text|json", value_parser = parse_log_format)]
    pub(super) log_format: Option<LogFormat>,
    /// The least important lines that are logged, instead of the configuration's
    #[arg(long, value_name = "error|warn|info|debug")]
    pub(super) log_level: Option<String>,
}

#[derive(Args)]
pub(super) struct Demo {
    /// Print one JSON document at the end instead of the steps
    #[arg(long)]
    pub(super) json: bool,
    /// Keep the recording and the records in this directory; else they lie below the system's
    /// directory for temporary files
    #[arg(long, value_name = "DIR")]
    pub(super) keep: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Print the faults as one JSON document
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with 0 whenever Belfry starts with it, though calls may be lost: what an upgrade asks
    #[arg(long)]
    pub(super) starts: bool,
}

#[derive(Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Read the whole file of the records for damage too: minutes for those of a year
    #[arg(long)]
    pub(super) records: bool,
    /// Print the findings as one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct Certificate {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// A host or an address that it is for; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(super) name: Vec<String>,
    /// How many days it holds
    #[arg(long, default_value_t = 825,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::net::tls::self_signed::MOST_DAYS)))]
    pub(super) days: u32,
    /// The directory for belfry.pem and belfry.key
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Replace files that are there
    #[arg(long)]
    pub(super) force: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Subcommand)]
pub(super) enum Dialplan {
    /// Say which route a call would take and each step that it would run, without a call
    #[command(
        after_help = "Examples:\n  belfry dialplan explain --context gateway --to 4008001234\n  \
        belfry dialplan explain --context agents --to 0138 --from 1001 --at '2026-12-24 18:30'"
    )]
    Explain(Explain),
    /// Try calls on the dialplan: the keys pressed, the path expected; exit code 1 if one goes another
    /// way
    #[command(
        after_help = "Examples:\n  belfry dialplan test /etc/belfry/dialplan/tests/*.toml\n  \
        belfry dialplan test -c new.toml tests/night.toml --json"
    )]
    Test(Test),
    /// What interface.md names and this version does not have yet.
    #[command(external_subcommand)]
    Other(Vec<String>),
}

#[derive(Args)]
pub(super) struct Explain {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// The context in which the call arrives
    #[arg(long)]
    pub(super) context: String,
    /// The number dialled
    #[arg(long)]
    pub(super) to: String,
    /// The caller's number
    #[arg(long, default_value = "")]
    pub(super) from: String,
    /// When, in the node's time zone: `2026-12-24 18:30`; now if not given
    #[arg(long)]
    pub(super) at: Option<String>,
    /// The address that the call comes from
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    pub(super) network_addr: String,
    /// A variable that the call brings; may be given several times
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub(super) variables: Vec<(String, String)>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

/// `NAME=VALUE`.
fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=').filter(|(name, _)| !name.is_empty()) {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("write NAME=VALUE".to_owned()),
    }
}

#[derive(Args)]
pub(super) struct Test {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Files of [[test]] tables
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Name each key, branch and step too that no test came by, and fail if there is one
    #[arg(long)]
    pub(super) coverage: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct Report {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// What the report is on
    #[arg(value_parser = [
        "queue", "agent", "team", "trunk", "survey", "quality", "quality-team", "cases", "case", "campaign",
        "campaign-agent", "contacts", "kept", "recompute",
    ])]
    pub(super) kind: String,
    /// From when, in the node's time zone: `2026-11-01`, `2026-11-01 08:00`; this day's midnight if not given
    #[arg(long)]
    pub(super) from: Option<String>,
    /// Until when; now if not given
    #[arg(long)]
    pub(super) to: Option<String>,
    /// What one row is of
    #[arg(long, default_value = "total",
        value_parser = ["interval", "hour", "day", "week", "month", "quarter", "year", "total"])]
    pub(super) by: String,
    /// Only these; may be given several times. Of surveys: which one; of cases: whose; of a case: its number
    #[arg(long)]
    pub(super) name: Vec<String>,
    /// Of surveys: a row for each of these too: agent, team, queue, or question:NAME
    #[arg(long)]
    pub(super) across: Option<String>,
    /// How the service level is computed: SL-1 to SL-5 or BCMS, instead of the configuration's
    #[arg(long)]
    pub(super) formula: Option<String>,
    /// For which threshold in seconds, instead of the configuration's
    #[arg(long, value_name = "SECONDS")]
    pub(super) threshold: Option<u32>,
    /// Within how many seconds who hangs up is short, instead of the configuration's
    #[arg(long, value_name = "SECONDS")]
    pub(super) short: Option<u32>,
    /// In which form
    #[arg(long, default_value = "table", value_parser = ["table", "csv", "json", "xlsx"])]
    pub(super) format: String,
    /// Print one JSON document: --format json
    #[arg(long, conflicts_with = "format")]
    pub(super) json: bool,
    /// Into this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Begin CSV with the mark by which Excel knows UTF-8
    #[arg(long)]
    pub(super) bom: bool,
    /// The language of the headings, instead of the configuration's
    #[arg(long, value_parser = ["zh-CN", "en"])]
    pub(super) language: Option<String>,
}

#[derive(Args)]
pub(super) struct Subscribers {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(subcommand)]
    pub(super) deed: subscribers::Deed,
}

#[derive(Args)]
pub(super) struct Campaigns {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(subcommand)]
    pub(super) deed: campaigns::Deed,
}

#[derive(Args)]
pub(super) struct Console {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// The running appliance's socket, instead of the configuration's
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    /// Run one command, print its answer and leave
    #[arg(short = 'e', long = "execute", value_name = "COMMAND")]
    pub(super) execute: Option<String>,
    /// Print the answer as one JSON document
    #[arg(long, requires = "execute")]
    pub(super) json: bool,
}

fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    let known = LogFormat::ALL.iter().find(|(_, word)| *word == text);
    known.map(|(format, _)| *format).ok_or_else(|| "write text or json".into())
}

/// Reads the arguments and does what they say.
pub fn main() -> ExitCode {
    let read = Cli::from_arg_matches(&command().get_matches());
    let cli = read.unwrap_or_else(|error| error.exit());
    if let (Some(name), Some(_)) = (without_configuration(&cli.command), &cli.file.config) {
        eprintln!("belfry: '{name}' reads no configuration: leave -c out");
        return ExitCode::from(2);
    }
    match cli.command {
        Command::Serve(args) => serve::main(args),
        Command::Demo(args) => demo::main(args),
        Command::Check(args) => check::main(args),
        Command::Doctor(args) => doctor::main(args),
        Command::Certificate(args) => certificate::main(args),
        Command::Dialplan(Dialplan::Explain(args)) => explain::main(args),
        Command::Dialplan(Dialplan::Test(args)) => trial::main(args),
        Command::Dialplan(Dialplan::Other(words)) => other(&["dialplan".into()], &words),
        Command::Report(args) => report::main(args),
        Command::Campaign(args) => campaigns::main(&args.file, args.deed),
        Command::Subscriber(args) => subscribers::main(&args.file, args.deed),
        Command::Console(args) => console(args),
        Command::Help { topic } => help(&topic),
        Command::Phone(verb) => accounts::main(accounts::PHONES, verb),
        Command::User(verb) => accounts::main(accounts::USERS, verb),
        Command::Recording(verb) => recordings::main(verb),
        Command::Backup(args) => backup::main(args),
        Command::Restore(args) => backup::restore(args),
        Command::Man { dir } => pages::man(command(), &dir),
        Command::Completions { shell } => pages::completions(command(), shell),
        Command::Other(words) => other(&[], &words),
    }
}

/// The commands for which -c means nothing.
fn without_configuration(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::Demo(_) => "demo",
        Command::Help { .. } => "help",
        Command::Man { .. } => "man",
        Command::Completions { .. } => "completions",
        _ => return None,
    })
}

/// A command that is not there; `words` begin with its name, `above` is what it stands under.
fn other(above: &[String], words: &[String]) -> ExitCode {
    let command: Vec<&str> = above.iter().chain(words.first()).map(String::as_str).collect();
    eprintln!("{}", not_there(&command.join(" ")));
    ExitCode::from(2)
}

/// Why there is no such command.
fn not_there(command: &str) -> String {
    let all = self::command();
    let names = all.get_subcommands().map(|known| known.get_name().to_owned());
    let far = |known: &String| strsim::damerau_levenshtein(known, command);
    match names.min_by_key(far).filter(|near| far(near) <= 2) {
        Some(near) => format!("belfry: there is no command '{command}'; did you mean '{near}'?"),
        None => format!("belfry: there is no command '{command}'; 'belfry --help' lists them"),
    }
}

fn console(args: Console) -> ExitCode {
    let socket = match args.socket {
        Some(socket) => socket,
        // Who may operate need not be one who may read passwords.
        None if args.file.config.is_none() && super::files::is_withheld() => {
            PathBuf::from(crate::config::USUAL_SOCKET)
        }
        None => match super::files::socket_of(&args.file) {
            Ok(socket) => socket,
            Err(lines) => return fail(&lines),
        },
    };
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    match crate::console::client::run(&socket, args.execute.as_deref(), args.json, colour) {
        Ok(code) => code,
        Err(error) => fail(&crate::console::client::said(&error)),
    }
}

fn help(topic: &[String]) -> ExitCode {
    let words: Vec<&str> = topic.iter().map(String::as_str).collect();
    let text = match words[..] {
        ["app"] => Some(crate::dialplan::apps::list()),
        ["app", name] => match crate::dialplan::help(name) {
            Some(text) => Some(text),
            None => {
                return fail(&format!("there is no step '{name}'; 'belfry help app' lists them"));
            }
        },
        [] => Some(command().render_long_help().to_string()),
        ref path => {
            let mut command = command();
            // Each then knows what it stands under, for its line of usage.
            command.build();
            let found = path.iter().try_fold(&mut command, |c, name| c.find_subcommand_mut(name));
            found.map(|command| command.render_long_help().to_string())
        }
    };
    match text {
        Some(text) => {
            out!("{text}");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("{}", not_there(&words.join(" ")));
            ExitCode::from(2)
        }
    }
}

/// One cause a line, to standard error.
pub(super) fn fail(lines: &str) -> ExitCode {
    for line in lines.lines() {
        eprintln!("belfry: {line}");
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which configuration a command line names, for the command itself.
    fn named(line: &str) -> Option<PathBuf> {
        let words = line.split(' ');
        let cli = Cli::from_arg_matches(&command().get_matches_from(words)).expect("it is right");
        let own = match &cli.command {
            Command::Serve(args) => &args.file,
            Command::Subscriber(args) => &args.file,
            Command::Report(args) => &args.file,
            Command::Console(args) => &args.file,
            Command::Dialplan(Dialplan::Explain(args)) => &args.file,
            Command::Phone(verb) => verb.file(),
            Command::Demo(_) => return cli.file.config.clone(),
            _ => panic!("{line}: none of these"),
        };
        own.config.clone()
    }

    /// A reload that is refused is to fail for systemd, too: a signal could not say so.
    #[test]
    fn systemd_reloads_by_a_command_that_can_fail() {
        let unit = include_str!("../../packaging/systemd/belfry.service");
        let reload = unit.lines().find_map(|line| line.strip_prefix("ExecReload=/usr/bin/"));
        let words = reload.expect("the unit's reload").split(' ');
        let cli = Cli::from_arg_matches(&command().get_matches_from(words)).expect("it is right");
        let Command::Console(console) = cli.command else { panic!("it asks the console") };
        assert_eq!(console.execute.as_deref(), Some("reload"));
        assert_eq!(console.file.config, Some("/etc/belfry/belfry.toml".into()));
    }

    #[test]
    fn the_configuration_is_named_before_or_behind_any_command() {
        for line in [
            "belfry serve -c x.toml",
            "belfry -c x.toml serve",
            "belfry -c x.toml subscriber list",
            "belfry subscriber -c x.toml list",
            "belfry subscriber list -c x.toml",
            "belfry subscriber add -c x.toml 0760 name=Wang",
            "belfry subscriber add 0760 name=Wang --config x.toml",
            "belfry phone -c x.toml list",
            "belfry phone list -c x.toml",
            "belfry -c x.toml phone list",
            "belfry dialplan -c x.toml explain --context gateway --to 400",
            "belfry dialplan explain --context gateway --to 400 -c x.toml",
            "belfry report queue -c x.toml",
            "belfry console -e status -c x.toml",
            "belfry demo -c x.toml",
        ] {
            assert_eq!(named(line), Some("x.toml".into()), "{line}");
        }
        assert_eq!(named("belfry phone list"), None);
    }

    #[test]
    fn the_table_of_commands_holds() {
        command().debug_assert();
    }

    /// interface.md: all take `--help` with examples, those below another command too.
    #[test]
    fn every_command_has_examples_in_its_long_help() {
        fn look(command: &mut clap::Command, path: &str, without: &mut Vec<String>) {
            let inner: Vec<String> =
                command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
            if !command.render_long_help().to_string().contains("Examples:\n  belfry ") {
                without.push(path.to_owned());
            }
            for name in inner.iter().filter(|name| *name != "help") {
                let inner = command.find_subcommand_mut(name).expect("it is there");
                look(inner, &format!("{path} {name}"), without);
            }
        }
        let mut without = Vec::new();
        let mut all = command();
        for name in all.get_subcommands().map(|one| one.get_name().to_owned()).collect::<Vec<_>>() {
            look(all.find_subcommand_mut(&name).expect("it is there"), &name, &mut without);
        }
        // What packages alone need.
        without.retain(|path| !["man", "completions"].contains(&path.as_str()));
        assert_eq!(without, Vec::<String>::new());
        let console = all.find_subcommand_mut("console").expect("it is there");
        let long = console.render_long_help().to_string();
        assert!(long.contains("show calls") && long.contains("gateway"), "with its table too");
    }

    /// interface.md: `--json` wherever a script would want it.
    #[test]
    fn what_scripts_call_prints_json_where_it_is_asked_for() {
        for line in [
            "backup --json /tmp/x.tar",
            "restore --json --check /tmp/x.tar",
            "report queue --json",
            "phone add 1005 --json",
            "phone set 1005 name=x --json",
            "user add 7001 --json",
            "recording key /tmp/keys --json",
        ] {
            let words = ["belfry"].into_iter().chain(line.split(' '));
            assert!(command().try_get_matches_from(words).is_ok(), "{line}");
        }
        let both = "belfry report queue --json --format csv".split(' ');
        assert!(command().try_get_matches_from(both).is_err(), "one of the two");
    }

    /// Every command of the interface is here, and what is not there says so.
    #[test]
    fn the_interface_s_commands_are_there() {
        let all = command();
        let known: Vec<&str> = all.get_subcommands().map(|command| command.get_name()).collect();
        let wanted =
            "serve demo check dialplan console user phone subscriber recording report doctor";
        for name in wanted.split(' ') {
            assert!(known.contains(&name), "{name}");
        }
        let mut all = all;
        assert!(all.render_long_help().to_string().contains("completions"));
        all.build();
        let serve = all.find_subcommand_mut("serve").expect("it is there");
        assert!(serve.render_long_help().to_string().contains("Usage: belfry serve"));
        assert!(not_there("fly").contains("there is no command 'fly'; 'belfry --help'"));
        assert!(not_there("chek").contains("did you mean 'check'"));
    }
}
