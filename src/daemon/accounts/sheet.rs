//! Accounts as CSV: the first row names keys of the configuration's section.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::book::{Book, Held, cell, number_of};
use super::{Kind, change};
use crate::console::out::{out, outln};
use crate::daemon::cli::ConfigFile;
use crate::daemon::files;
use crate::wire::csv;

/// What an import came to: added, changed, and the secrets that were made.
#[derive(Default, PartialEq, Debug)]
pub(super) struct Taken {
    pub(super) added: usize,
    pub(super) changed: usize,
    pub(super) made: Vec<(String, String)>,
}

pub(super) fn import(kind: Kind, file: &ConfigFile, from: &Path) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", from.display());
    let bytes = std::fs::read(from).map_err(|error| told(&error))?;
    let (text, _) = csv::decode(&bytes).map_err(|why| told(&why))?;
    let mut taken = Taken::default();
    let note = format!("{}s imported from {}", kind.word, from.display());
    let effect = change(file, &note, |book| {
        taken = take(kind, book, &text).map_err(|why| told(&why))?;
        Ok(())
    })?;
    outln!("{} added, {} changed; {effect}", taken.added, taken.changed);
    if !taken.made.is_empty() {
        out!("{}", csv::line(["number", kind.secret]));
        for (number, secret) in &taken.made {
            out!("{}", csv::line([number.as_str(), secret]));
        }
    }
    Ok(())
}

/// Takes all rows into the book. An empty cell takes its key out; an empty secret stays as it is, or is made.
pub(super) fn take(kind: Kind, book: &mut Book, text: &str) -> Result<Taken, String> {
    let mut rows = csv::rows(text).map_err(|why| why.to_string())?.into_iter();
    let Some((_, head)) = rows.next() else { return Err("there is no row in it".into()) };
    let head: Vec<String> = head.iter().map(|name| name.trim().to_owned()).collect();
    let at = head.iter().position(|name| name == "number");
    let at = at.ok_or_else(|| no_number(&head))?;
    let mut taken = Taken::default();
    let mut seen = BTreeMap::new();
    for (row, cells) in rows {
        let told = |why: String| format!("row {row}: {why}");
        if cells.len() > head.len() {
            return Err(told(format!("{} cells, and {} keys", cells.len(), head.len())));
        }
        let number = cells.get(at).map_or("", |number| number.trim()).to_owned();
        if number.is_empty() {
            return Err(told("it has no number".into()));
        }
        if let Some(before) = seen.insert(number.clone(), row) {
            return Err(told(format!("{number} stands in row {before} already")));
        }
        let settings: Vec<(String, String)> = head
            .iter()
            .cloned()
            .zip(cells.iter().map(|cell| cell.trim().to_owned()))
            .filter(|(name, value)| name != "number" && (name != kind.secret || !value.is_empty()))
            .collect();
        match book.find(kind.section(), &number) {
            Some(account) => {
                kind.put(account, &settings).map_err(told)?;
                taken.changed += 1;
            }
            None => {
                let mut account = Table::new();
                account.insert("number".into(), Value::String(number.clone()));
                kind.put(&mut account, &settings).map_err(told)?;
                if !account.contains_key(kind.secret) {
                    let secret = kind.new_secret()?;
                    account.insert(kind.secret.into(), Value::String(secret.clone()));
                    taken.made.push((number, secret));
                }
                book.add(kind.section(), account);
                taken.added += 1;
            }
        }
    }
    Ok(taken)
}

/// Why the first row is none of keys.
fn no_number(head: &[String]) -> String {
    // What no name of a key has: a tab of a spreadsheet, a bar.
    match head {
        [one] if one.contains(['\t', '|', ':']) => {
            "its first row is one cell: write commas or semicolons between the cells".into()
        }
        _ => format!(
            "its first row names the keys, and 'number' is not among them; it has: {}",
            head.join(", ")
        ),
    }
}

pub(super) fn export(
    kind: Kind,
    file: &ConfigFile,
    secrets: bool,
    to: Option<&Path>,
) -> Result<(), String> {
    let config = files::config_of_file(file)?;
    let text = table(kind, &Held::take(&config)?.book()?, secrets);
    match to {
        None => out!("{text}"),
        Some(path) => put(path, &text).map_err(|error| format!("{}: {error}", path.display()))?,
    }
    Ok(())
}

/// What may hold passwords is for who asked for it alone.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// All accounts of the book, with the keys that any of them has.
pub(super) fn table(kind: Kind, book: &Book, secrets: bool) -> String {
    let accounts = book.of(kind.section());
    let has = |name: &str| accounts.iter().any(|account| account.contains_key(name));
    let shown = |name: &&str| *name == "number" || has(name) && (secrets || *name != kind.secret);
    let keys: Vec<&str> = kind.section().keys.iter().map(|key| key.name).filter(shown).collect();
    let mut text = csv::line(keys.iter().copied());
    let mut sorted = accounts;
    sorted.sort_by_key(|account| number_of(account));
    for account in sorted {
        let cells = keys.iter().map(|key| account.get(*key).map(cell).unwrap_or_default());
        let cells: Vec<String> = cells.collect();
        text.push_str(&csv::line(cells.iter().map(String::as_str)));
    }
    text
}
