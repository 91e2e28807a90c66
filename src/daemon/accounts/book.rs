//! The file of accounts: `accounts.toml` in `[node] data_dir`, phones and agents in the configuration's own
//! words, kept by `belfry phone` and `belfry user` (decision 28).
//!
//! It holds passwords as digest authentication needs them, and is for Belfry's user alone.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::config::Config;
use crate::config::setting::{Default, Key, Section};

/// Its name, and that of the file by which writers wait for each other.
pub(in crate::daemon) const NAME: &str = "accounts.toml";
const LOCK: &str = "accounts.lock";

const HEAD: &str =
    "# Phones and agents kept by `belfry phone` and `belfry user`: change them by those.\n";

/// Where a configuration's accounts are.
pub(in crate::daemon) fn path(config: &Config) -> PathBuf {
    config.node.data_dir.join(NAME)
}

/// What is kept.
#[derive(Clone, PartialEq, Debug, std::default::Default)]
pub(super) struct Book(Table);

impl Book {
    pub(super) fn parse(text: &str) -> Result<Book, String> {
        text.parse::<Table>().map(Book).map_err(|error| error.to_string())
    }

    /// As a file has it.
    pub(super) fn text(&self) -> String {
        format!("{HEAD}\n{}", self.0)
    }

    /// The accounts of a section, in their order.
    pub(super) fn of(&self, section: &Section) -> Vec<&Table> {
        let list = self.0.get(section.name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_table).collect()
    }

    pub(super) fn find(&mut self, section: &Section, number: &str) -> Option<&mut Table> {
        let list = self.0.get_mut(section.name)?.as_array_mut()?;
        list.iter_mut().filter_map(Value::as_table_mut).find(|account| number_of(account) == number)
    }

    pub(super) fn add(&mut self, section: &Section, account: Table) {
        let list = self.0.entry(section.name).or_insert_with(|| Value::Array(Vec::new()));
        if let Some(list) = list.as_array_mut() {
            list.push(Value::Table(account));
        }
    }

    /// Takes one out; whether it was there.
    pub(super) fn remove(&mut self, section: &Section, number: &str) -> bool {
        let Some(list) = self.0.get_mut(section.name).and_then(Value::as_array_mut) else {
            return false;
        };
        let before = list.len();
        list.retain(|account| account.as_table().is_none_or(|a| number_of(a) != number));
        let removed = list.len() < before;
        if list.is_empty() {
            // `phone = []` would belong to the last table of the configuration before it.
            self.0.remove(section.name);
        }
        removed
    }
}

/// The number of an account.
pub(super) fn number_of(account: &Table) -> &str {
    account.get("number").and_then(Value::as_str).unwrap_or_default()
}

/// The account, `phone 1005`, in whose table this line, from 1, of a book's text stands.
pub(super) fn account_at(text: &str, line: u32) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let at = usize::try_from(line).ok()?.checked_sub(1).filter(|at| *at < lines.len())?;
    let head = lines[..=at].iter().rposition(|line| line.starts_with("[["))?;
    let section = lines[head].trim_matches(['[', ']']);
    let end = lines[head + 1..].iter().position(|line| line.starts_with('['));
    let own = &lines[head + 1..end.map_or(lines.len(), |end| head + 1 + end)];
    let table: Table = own.join("\n").parse().ok()?;
    let word = if section == "agent" { "user" } else { section };
    Some(format!("{word} {}", number_of(&table)))
}

/// A value as a command or a cell writes it: the key says whether it is a number, a list, a word.
pub(super) fn value(key: &Key, text: &str) -> Value {
    let text = text.trim();
    if key.list {
        let items = text.split([',', ';']).map(str::trim).filter(|item| !item.is_empty());
        return Value::Array(items.map(|item| Value::String(item.into())).collect());
    }
    let sample = match key.default {
        Default::Toml(toml) => toml,
        Default::Required | Default::Derived => "",
    };
    let given = || text.to_owned();
    if sample == "true" || sample == "false" {
        text.parse().map_or_else(|_| Value::String(given()), Value::Boolean)
    } else if sample.parse::<i64>().is_ok() {
        text.parse().map_or_else(|_| Value::String(given()), Value::Integer)
    } else {
        Value::String(given())
    }
}

/// A value as [`value`] reads it.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    }
}

/// The file, held so that no other command writes it meanwhile.
pub(super) struct Held {
    path: PathBuf,
    former: Option<String>,
    _lock: File,
}

impl Held {
    /// Takes the file of `config`, which need not be there yet.
    pub(super) fn take(config: &Config) -> Result<Held, String> {
        let dir = &config.node.data_dir;
        let told = |path: &Path, error: std::io::Error| {
            let remedy = match error.kind() {
                ErrorKind::PermissionDenied => {
                    "; run this as Belfry's user: sudo -u belfry belfry …"
                }
                _ => "",
            };
            format!("{}: {error}{remedy}", path.display())
        };
        fs::create_dir_all(dir).map_err(|e| told(dir, e))?;
        let at = dir.join(LOCK);
        let mut options = OpenOptions::new();
        let open = own(options.create(true).truncate(false).write(true).mode(0o600), &at);
        let lock = open.map_err(|e| told(&at, e))?;
        let _ = as_its_directory(&lock, dir);
        lock.lock().map_err(|e| told(&at, e))?;
        let path = dir.join(NAME);
        let former = match read(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(told(&path, error)),
        };
        Ok(Held { path, former, _lock: lock })
    }

    pub(super) fn book(&self) -> Result<Book, String> {
        let text = self.former.as_deref().unwrap_or_default();
        Book::parse(text).map_err(|why| format!("{}: {why}", self.path.display()))
    }

    /// Puts a text in its place: all of it or nothing, also when the power fails.
    pub(super) fn write(&self, text: &str) -> Result<(), String> {
        let part = self.path.with_extension("toml.part");
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let put = || {
            let _ = fs::remove_file(&part);
            let mut file =
                OpenOptions::new().create_new(true).write(true).mode(0o600).open(&part)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            as_its_directory(&file, dir)?;
            fs::rename(&part, &self.path)?;
            File::open(dir)?.sync_all()
        };
        put().map_err(|error: std::io::Error| format!("{}: {error}", self.path.display()))
    }

    /// As it was before.
    pub(super) fn undo(&self) -> Result<(), String> {
        match &self.former {
            Some(text) => self.write(text),
            None => {
                fs::remove_file(&self.path).map_err(|e| format!("{}: {e}", self.path.display()))
            }
        }
    }
}

/// Opens a file of the accounts. The directory is the service's and root writes in it too: what is no plain file of
/// one name is refused, lest root change some other file that the service has put a link to.
fn own(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    let link = || {
        std::io::Error::other(
            "it is a link, or no plain file: see who put it there, then take it away",
        )
    };
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file =
        options.custom_flags(flags).open(path).map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP | libc::ENXIO) => link(),
            _ => error,
        })?;
    let meta = file.metadata()?;
    if meta.is_file() && meta.nlink() == 1 { Ok(file) } else { Err(link()) }
}

/// The accounts' text; a link is refused.
pub(in crate::daemon) fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    own(OpenOptions::new().read(true), path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// What root writes belongs to whom its directory belongs to. By the handle: what lies at the path by now may be
/// another file.
fn as_its_directory(file: &File, dir: &Path) -> std::io::Result<()> {
    let (own, above) = (file.metadata()?, fs::metadata(dir)?);
    match (own.uid(), own.gid()) == (above.uid(), above.gid()) {
        true => Ok(()),
        false => fchown(file, Some(above.uid()), Some(above.gid())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{acd, keys};

    #[test]
    fn a_value_is_what_its_key_takes() {
        let of = |name: &str, text: &str| {
            let key = keys::Phone::SECTION.keys.iter().find(|key| key.name == name);
            value(key.expect("a key"), text)
        };
        assert_eq!(of("number", "1005"), Value::String("1005".into()));
        assert_eq!(of("international", "true"), Value::Boolean(true));
        assert_eq!(of("calls_out", "3"), Value::Integer(3));
        assert_eq!(of("calls_out", "many"), Value::String("many".into()), "the check names it");
        let groups = of("groups", "sales; front");
        assert_eq!(cell(&groups), "sales;front");
        assert_eq!(groups.as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn accounts_are_found_changed_and_removed() {
        let mut book = Book::default();
        let account =
            |number: &str| Table::from_iter([("number".to_owned(), Value::String(number.into()))]);
        let (phones, agents) = (&keys::Phone::SECTION, &acd::Agent::SECTION);
        book.add(phones, account("1005"));
        book.add(phones, account("1006"));
        book.add(agents, account("7001"));
        book.find(phones, "1006").unwrap().insert("name".into(), "Desk".into());
        assert!(book.find(agents, "1006").is_none());
        assert!(book.remove(phones, "1005") && !book.remove(phones, "1005"));
        let again = Book::parse(&book.text()).unwrap();
        assert_eq!(again, book);
        assert_eq!(again.of(phones).len(), 1);
        assert!(book.remove(phones, "1006") && book.remove(agents, "7001"));
        assert_eq!(book.text(), Book::default().text(), "nothing of an empty list is left");
    }
}
