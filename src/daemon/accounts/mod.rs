//! `belfry phone` and `belfry user`: phones and agents that are kept beside those of the configuration, one
//! by one or as CSV.
//!
//! ```text
//! command ─▶ book (accounts.toml, held) ─▶ checked with the configuration ─▶ written ─▶ reload ─▶ in force
//!                                            │ a fault                                   │ refused
//!                                            └─▶ nothing is changed ◀────────────────────┘
//! ```
//!
//! All or nothing: what the command says is what is in force, in the running appliance too, without a restart.
//! Not here: subscribers of bells, and how an account is used.

pub(super) mod book;
mod sheet;

use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use toml::{Table, Value};

use super::check;
use super::cli::{ConfigFile, fail};
use super::files::{self, Source, lines};
use crate::config::{Config, SECTIONS, setting::Section};
use crate::console::client;
use crate::console::out::{out, outln};
use crate::console::render;
use book::{Book, Held, number_of, value};

/// The letters of passwords that are made: none that is taken for another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const PASSWORD_LETTERS: usize = 20;
const PIN_DIGITS: usize = 6;
/// The longest secret from standard input, bytes.
const LONGEST: u64 = 256;

/// What is done with accounts.
#[derive(Subcommand)]
pub(super) enum Verb {
    /// Print all, those of the configuration too
    #[command(after_help = "Examples:\n  belfry phone list\n  belfry user list --json")]
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Add one; its password or PIN is made, and printed once, unless it is given
    #[command(
        after_help = "Examples:\n  belfry phone add 1005 name='Front desk' groups=front,sales\n  belfry phone add 1006 --secret-stdin < password.txt\n  belfry user add 7001 name=Anna team=care skills=care:5,english --json"
    )]
    Add {
        #[command(flatten)]
        file: ConfigFile,
        /// Its number
        number: String,
        /// Keys of the configuration's section, such as name="Front desk"
        #[arg(value_name = "KEY=VALUE", value_parser = setting)]
        settings: Vec<(String, String)>,
        /// Read the password or PIN from standard input, where no other user of the machine sees it
        #[arg(long)]
        secret_stdin: bool,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Change one; KEY= takes a key out, so that its default holds
    #[command(
        after_help = "Examples:\n  belfry phone set 1005 symmetric=false\n  belfry user set 7001 team=night --new-secret"
    )]
    Set {
        #[command(flatten)]
        file: ConfigFile,
        /// Its number
        number: String,
        /// Keys of the configuration's section
        #[arg(value_name = "KEY=VALUE", value_parser = setting)]
        settings: Vec<(String, String)>,
        /// Make another password or PIN, and print it
        #[arg(long, conflicts_with = "secret_stdin")]
        new_secret: bool,
        /// Read another password or PIN from standard input
        #[arg(long)]
        secret_stdin: bool,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Remove some; calls in being go on
    #[command(after_help = "Examples:\n  belfry phone remove 1005 1006\n  belfry user remove 7001")]
    Remove {
        #[command(flatten)]
        file: ConfigFile,
        /// Their numbers
        #[arg(required = true, value_name = "NUMBER")]
        numbers: Vec<String>,
    },
    /// Add or change all of a CSV file, or nothing; its first row names the keys
    #[command(
        after_help = "Examples:\n  belfry phone import phones.csv\n  belfry user import agents.csv"
    )]
    Import {
        #[command(flatten)]
        file: ConfigFile,
        /// The file
        #[arg(value_name = "FILE.csv")]
        from: PathBuf,
    },
    /// Print those that are kept here as CSV
    #[command(
        after_help = "Examples:\n  belfry phone export --out phones.csv\n  belfry user export --secrets --out agents.csv"
    )]
    Export {
        #[command(flatten)]
        file: ConfigFile,
        /// With passwords and PINs
        #[arg(long)]
        secrets: bool,
        /// Into this file instead of standard output
        #[arg(long, value_name = "FILE.csv")]
        out: Option<PathBuf>,
    },
}

#[cfg(test)]
impl Verb {
    /// The configuration that it is for.
    pub(super) fn file(&self) -> &ConfigFile {
        match self {
            Verb::List { file, .. }
            | Verb::Add { file, .. }
            | Verb::Set { file, .. }
            | Verb::Remove { file, .. }
            | Verb::Import { file, .. }
            | Verb::Export { file, .. } => file,
        }
    }
}

/// `KEY=VALUE`.
fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// Whether settings are such as a command line may hold: every user of the machine can read it, and the shell
/// keeps it.
fn no_secret(kind: Kind, number: &str, settings: &[(String, String)]) -> Result<(), String> {
    let (word, secret) = (kind.word, kind.secret);
    for (key, _) in settings {
        if key == secret {
            return Err(format!(
                "a {secret} does not belong on the command line: belfry {word} add {number} --secret-stdin reads \
                 it from standard input (set: --secret-stdin, or --new-secret makes one)"
            ));
        }
        if key == "number" {
            return Err(format!(
                "the number is {number} and stays: to give another one remove this {word}, and add that one"
            ));
        }
    }
    Ok(())
}

/// What the accounts are of.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// For people.
    word: &'static str,
    section: &'static str,
    /// The key of its password.
    secret: &'static str,
}

/// Phones.
pub(super) const PHONES: Kind = Kind { word: "phone", section: "phone", secret: "password" };
/// Agents and supervisors.
pub(super) const USERS: Kind = Kind { word: "user", section: "agent", secret: "pin" };

impl Kind {
    fn section(self) -> &'static Section {
        let found = SECTIONS.iter().find(|section| section.name == self.section);
        found.expect("both are sections of the configuration")
    }

    fn new_secret(self) -> Result<String, String> {
        let mut random = [0; PASSWORD_LETTERS];
        getrandom::fill(&mut random).map_err(|e| format!("no random numbers: {e}"))?;
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
        // 250 is a multiple of ten: below it each digit is as likely.
        let digit = |byte: &u8| (*byte < 250).then(|| char::from(b'0' + byte % 10));
        match self.secret {
            "pin" => {
                let pin: String = random.iter().filter_map(digit).take(PIN_DIGITS).collect();
                if pin.len() == PIN_DIGITS { Ok(pin) } else { self.new_secret() }
            }
            _ => Ok(random.iter().map(letter).collect()),
        }
    }

    /// Puts settings into an account. The error names the key.
    fn put(self, account: &mut Table, settings: &[(String, String)]) -> Result<(), String> {
        let section = self.section();
        for (name, text) in settings {
            let Some(key) = section.keys.iter().find(|key| key.name == name) else {
                let near = section.keys.iter().map(|key| key.name);
                let near = near.min_by_key(|known| strsim::damerau_levenshtein(known, name));
                return Err(format!(
                    "{} has no key '{name}'; did you mean '{}'? docs/admin.md lists them",
                    section.header(),
                    near.unwrap_or_default()
                ));
            };
            match text.is_empty() {
                true if name == "number" || name == self.secret => {
                    return Err(format!("{name} cannot be taken out"));
                }
                true => drop(account.remove(name)),
                false => drop(account.insert(name.clone(), value(key, text))),
            }
        }
        Ok(())
    }
}

pub(super) fn main(kind: Kind, verb: Verb) -> ExitCode {
    let done = match verb {
        Verb::List { file, json } => list(kind, &file, json),
        Verb::Export { file, secrets, out } => sheet::export(kind, &file, secrets, out.as_deref()),
        Verb::Import { file, from } => sheet::import(kind, &file, &from),
        Verb::Add { file, number, settings, secret_stdin, json } => {
            add(kind, &file, &number, &settings, secret_stdin, json)
        }
        Verb::Set { file, number, settings, new_secret, secret_stdin, json } => {
            let secret = match (new_secret, secret_stdin) {
                (true, _) => kind.new_secret().map(Some),
                (_, true) => given().map(Some),
                _ => Ok(None),
            };
            secret
                .and_then(|secret| set(kind, &file, &number, &settings, (secret, new_secret), json))
        }
        Verb::Remove { file, numbers } => remove(kind, &file, &numbers),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&why),
    }
}

fn add(
    kind: Kind,
    file: &ConfigFile,
    number: &str,
    settings: &[(String, String)],
    secret_stdin: bool,
    json: bool,
) -> Result<(), String> {
    no_secret(kind, number, settings)?;
    // `password_file = …`: there it is then.
    let elsewhere = |(key, _): &(String, String)| {
        key.strip_prefix(kind.secret).is_some_and(|rest| rest.starts_with('_'))
    };
    let secret = match (secret_stdin, settings.iter().any(elsewhere)) {
        (true, _) => Some(given()?),
        (false, true) => None,
        (false, false) => Some(kind.new_secret()?),
    };
    let effect = change(file, &format!("{} {number} added", kind.word), |book| {
        if book.find(kind.section(), number).is_some() {
            let word = kind.word;
            return Err(format!("{word} {number} is there: belfry {word} set {number} …"));
        }
        let mut account = Table::new();
        account.insert("number".into(), Value::String(number.into()));
        if let Some(secret) = &secret {
            account.insert(kind.secret.into(), Value::String(secret.clone()));
        }
        kind.put(&mut account, settings)?;
        book.add(kind.section(), account);
        Ok(())
    })?;
    say(kind, number, ("added", &effect), secret.filter(|_| !secret_stdin), json);
    Ok(())
}

/// Says what was done, and the secret that was made for it.
fn say(kind: Kind, number: &str, (done, effect): (&str, &str), secret: Option<String>, json: bool) {
    if !json {
        outln!("{} {number} {done}; {effect}", kind.word);
        if let Some(secret) = secret {
            outln!("{}: {secret}", kind.secret);
        }
        return;
    }
    let mut document = serde_json::json!({
        "kind": kind.word, "number": number, "done": done, "effect": effect,
    });
    if let Some(secret) = secret {
        document[kind.secret] = secret.into();
    }
    outln!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
}

fn set(
    kind: Kind,
    file: &ConfigFile,
    number: &str,
    settings: &[(String, String)],
    (secret, show): (Option<String>, bool),
    json: bool,
) -> Result<(), String> {
    no_secret(kind, number, settings)?;
    let effect = change(file, &format!("{} {number} changed", kind.word), |book| {
        let account =
            book.find(kind.section(), number).ok_or_else(|| missing(kind, file, number))?;
        if let Some(secret) = &secret {
            account.insert(kind.secret.into(), Value::String(secret.clone()));
        }
        kind.put(account, settings)
    })?;
    say(kind, number, ("changed", &effect), secret.filter(|_| show), json);
    Ok(())
}

fn remove(kind: Kind, file: &ConfigFile, numbers: &[String]) -> Result<(), String> {
    let note = format!("{} {} removed", kind.word, numbers.join(" "));
    let effect = change(file, &note, |book| {
        let absent = numbers.iter().find(|number| !book.remove(kind.section(), number));
        absent.map_or(Ok(()), |number| Err(missing(kind, file, number)))
    })?;
    outln!("{} removed; {effect}", files::counted(numbers.len(), kind.word));
    Ok(())
}

/// Why an account is not to be changed here; one of the configuration is changed where it is written.
fn missing(kind: Kind, file: &ConfigFile, number: &str) -> String {
    let config = files::config_of_file(file).unwrap_or_else(|_| Config::embedded());
    let phone = config.phones.iter().find(|phone| phone.number.as_str() == number);
    let agent = config.agents.iter().any(|agent| agent.number.as_str() == number);
    let word = kind.word;
    match phone.filter(|_| kind.section == PHONES.section) {
        Some(phone) => {
            let secret = match &phone.password_file {
                Some(path) => format!("its password is in {}", path.display()),
                None => "its password too".into(),
            };
            return format!(
                "phone {number} stands in belfry.toml, {secret}: change it there, then: belfry console -e reload \
                 ('belfry {word} list' says where each stands)"
            );
        }
        None if agent && kind.section == USERS.section => {
            return format!(
                "user {number} stands in belfry.toml: change it there, then: belfry console -e reload \
                 ('belfry {word} list' says where each stands)"
            );
        }
        None => {}
    }
    format!(
        "there is no {0} {number} here; 'belfry {0} list' says which there are, and which stand in belfry.toml",
        word
    )
}

/// The first line of standard input.
fn given() -> Result<String, String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(LONGEST).read_to_string(&mut text);
    read.map_err(|error| format!("standard input: {error}"))?;
    match text.lines().next().map(str::trim_end) {
        Some(secret) if !secret.is_empty() => Ok(secret.to_owned()),
        _ => Err("nothing came on standard input".into()),
    }
}

/// Changes the book, all or nothing, and puts it in force. Says what came of it; `note` is for the log.
fn change(
    file: &ConfigFile,
    note: &str,
    edit: impl FnOnce(&mut Book) -> Result<(), String>,
) -> Result<String, String> {
    let config = files::config_of_file(file)?;
    let held = Held::take(&config)?;
    let mut book = held.book()?;
    edit(&mut book)?;
    let source = Source::from(file);
    let text = book.text();
    files::with_accounts(&source, &text).map_err(|faults| refused(&config, &text, faults))?;
    held.write(&text)?;
    in_force(&config, &source, note).map_err(|why| {
        let why = without_places(&config, &why);
        match held.undo() {
            Ok(()) => format!("{why}nothing was changed"),
            Err(undo) => format!("{why}and it could not be undone: {undo}"),
        }
    })
}

/// What was said against accounts that are not there any more: without their lines, and without what is said here.
fn without_places(config: &Config, why: &str) -> String {
    let place = format!("{}:", book::path(config).display());
    let lines = why.lines().filter(|line| *line != "nothing was changed");
    let told = |line: &str| match line.strip_prefix(&place).and_then(|l| l.split_once("error: ")) {
        Some((_, what)) => format!("{what}\n"),
        None => format!("{line}\n"),
    };
    lines.map(told).collect()
}

/// Why accounts that are not written do not hold: there are no lines of a file yet, but accounts.
fn refused(config: &Config, text: &str, faults: Vec<files::Fault>) -> String {
    let kept = book::path(config).display().to_string();
    let told = |fault: &files::Fault| match book::account_at(text, fault.line) {
        Some(account) if fault.file == kept => {
            let what = fault.what.trim_end();
            match fault.remedy.as_str() {
                "" => format!("{account}: {what}\n"),
                remedy => format!("{account}: {what}; {remedy}\n"),
            }
        }
        _ => format!("{fault}\n"),
    };
    faults.iter().map(told).collect()
}

/// Has the running appliance read everything anew; where none runs, looks whether one would start.
fn in_force(config: &Config, source: &Source, note: &str) -> Result<String, String> {
    // What a line of the console may be long.
    let note: String = note.chars().take(500).collect();
    match client::ask(&config.console.socket, &format!("reload {note}")) {
        Ok(answer) if answer.ok => Ok("in force".into()),
        Ok(answer) => Err(answer.text),
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
        {
            match files::load(source) {
                // What is wrong elsewhere is nothing of this command's.
                Ok(loaded) => {
                    let own = loaded.kept.path().display().to_string();
                    let mut faults = check::losses(&loaded);
                    faults.retain(|fault| fault.file == own);
                    match faults.is_empty() {
                        true => Ok("no appliance runs: it holds from the next start on".into()),
                        false => Err(lines(&faults)),
                    }
                }
                Err(faults) => Err(lines(&faults)),
            }
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error.to_string()),
        // One runs, and nobody knows what it has taken: the files are put back as they were, and it is said how the
        // two come together.
        Err(error) => Err(format!(
            "the appliance does not say whether it has taken it: {error}\n\
             the accounts are put back as they were; once it answers, 'belfry console -e reload' has it read them"
        )),
    }
}

/// The accounts of the book and those of the configuration, for people.
fn list(kind: Kind, file: &ConfigFile, json: bool) -> Result<(), String> {
    let config = files::config_of_file(file)?;
    let book = Held::take(&config)?.book()?;
    let kept: Vec<&str> = book.of(kind.section()).into_iter().map(number_of).collect();
    let of = |number: &str| if kept.contains(&number) { "here" } else { "belfry.toml" };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let rows: Vec<[String; 4]> = match kind.section {
        "agent" => {
            let row = |a: &crate::config::Agent| {
                let name = a.name.as_ref().map(ToString::to_string);
                let role = format!("{:?}", a.role).to_lowercase();
                [a.number.to_string(), text(&name), role, of(a.number.as_str()).into()]
            };
            config.agents.iter().map(row).collect()
        }
        _ => {
            let row = |p: &crate::config::Phone| {
                let name = p.name.as_ref().map(ToString::to_string);
                [
                    p.number.to_string(),
                    text(&name),
                    p.context.to_string(),
                    of(p.number.as_str()).into(),
                ]
            };
            config.phones.iter().map(row).collect()
        }
    };
    let third = if kind.section == "agent" { "role" } else { "context" };
    if json {
        let row = |[number, name, word, from]: &[String; 4]| serde_json::json!({ "number": number, "name": name, third: word, "from": from });
        let document: Vec<_> = rows.iter().map(row).collect();
        outln!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
        return Ok(());
    }
    let head = ["NUMBER", "NAME", &third.to_uppercase(), "FROM"];
    let none = format!("there is no {0} yet: 'belfry {0} add NUMBER' makes one", kind.word);
    out!("{}", render::table(&head, rows.into_iter().map(Vec::from), &none));
    Ok(())
}

#[cfg(test)]
mod tests;
