//! `belfry backup` and `belfry restore`: the store, the accounts and the configuration with all files that it
//! names, in one tar file with a list of checksums. Taken while the appliance runs; put back while it does not.
//!
//! ```text
//!  manifest.json   who, when, of which version; of each file: path, rights, SHA-256
//!  0, 1, 2 …       the files, in the list's order
//! ```
//!
//! Recordings and prompts are not in it: they are large, whole files that do not change, which any tool
//! copies. Nor is the journal: what it holds is in the store within moments. While the database is away it is
//! not; then the list says how many facts are missing. Numbers go on all the same (store/floor.rs).

mod restore;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::accounts::book as accounts;
use super::cli::{ConfigFile, fail};
use super::files;
use crate::config::{Config, ReportFormat};
use crate::console::out::outln;
use crate::console::users::Users;
use crate::engine::disk::seal::checksum;
use crate::store::database::Database;
use crate::store::{copy, floor, segment};

pub(super) use restore::{Restore, main as restore};

/// The list's name in the archive.
const MANIFEST: &str = "manifest.json";
/// The archive's own form; earlier ones are read. 2: with the places of web hooks. 3: with kept reports.
const FORMAT: u32 = 3;
/// How long facts that were written down just now may take into the database, and how often that is looked at.
const FACTS_MAY_COME: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(100);
/// The most files of a dialplan that are taken, and how deep they may lie.
const MOST_FILES: usize = 5_000;
const MOST_DEEP: usize = 8;
/// The most kept reports that are taken: thirty of them, daily, in two forms, for a year.
const MOST_REPORTS: usize = 22_000;

/// What an archive holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Manifest {
    belfry_backup: u32,
    version: String,
    node: String,
    /// Seconds since 1970.
    made: u64,
    /// Facts that waited in the journal for the database, and are not in it.
    #[serde(default)]
    waiting: u64,
    files: Vec<Entry>,
}

/// One of its files.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry {
    /// Where it lies on the machine.
    path: PathBuf,
    what: What,
    mode: u32,
    owner: String,
    group: String,
    sha256: String,
    bytes: u64,
}

/// Of which part a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    /// Records of calls.
    Store,
    /// Phones and agents kept by commands.
    Accounts,
    /// The configuration and what it names, and the designs of surveys and score forms that programs have written.
    Configuration,
    /// Up to where each web hook has had the store's events.
    Places,
    /// Reports that were made at their hour and are kept.
    Reports,
}

impl What {
    /// The rights that such a file may have at most: records and accounts are nothing for everybody, though only
    /// their directory may have kept others out.
    fn most(self) -> u32 {
        match self {
            What::Store | What::Accounts | What::Places | What::Reports => SHIELDED,
            What::Configuration => 0o777,
        }
    }
}

/// Of a file that not everybody may read.
const SHIELDED: u32 = 0o660;

#[derive(Args)]
pub(super) struct Backup {
    #[command(flatten)]
    file: ConfigFile,
    /// The file to write; it must not be there yet
    #[arg(value_name = "FILE.tar")]
    to: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: Backup) -> std::process::ExitCode {
    match make(&args) {
        Ok(told) => {
            match args.json {
                true => {
                    let bytes = fs::metadata(&args.to).map_or(0, |meta| meta.len());
                    let document =
                        serde_json::json!({ "file": args.to, "bytes": bytes, "told": told });
                    outln!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
                }
                false => outln!("{told}"),
            }
            std::process::ExitCode::SUCCESS
        }
        Err(why) => fail(&why),
    }
}

fn told(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

fn make(args: &Backup) -> Result<String, String> {
    let config = files::config_of_file(&args.file)?;
    let dir = args.to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !dir.is_dir() {
        let (shown, to) = (dir.display(), args.to.display());
        return Err(format!("{to}: there is no folder {shown}: make it, or name another place"));
    }
    let part = dir.join(format!(".belfry-backup-{}", std::process::id()));
    let copy = dir.join(format!(".belfry-backup-{}.db", std::process::id()));
    let _ = fs::remove_file(&copy);
    let done = write(args, &config, &part, &copy);
    let _ = fs::remove_file(&copy);
    let done = done.and_then(|told_of| {
        // `hard_link` and not `rename`: what is there is not replaced.
        fs::hard_link(&part, &args.to).map_err(told(&args.to))?;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(told(dir))?;
        Ok(told_of)
    });
    let _ = fs::remove_file(&part);
    done
}

/// A file of the archive: what it is called, of which part it is, and what is in it.
struct Source {
    path: PathBuf,
    what: What,
    content: Content,
}

enum Content {
    /// A file.
    File(PathBuf),
    /// What was read of one that changes while it is looked at.
    Text(Vec<u8>),
}

impl Source {
    fn same(path: PathBuf, what: What) -> Source {
        Source { content: Content::File(path.clone()), path, what }
    }

    /// Its checksum and its size.
    fn sum(&self) -> Result<(String, u64), String> {
        match &self.content {
            Content::File(from) => checksum(from).map_err(told(from)),
            Content::Text(text) => Ok((restore::digits_of(text), text.len() as u64)),
        }
    }

    fn open(&self) -> Result<Box<dyn Read + '_>, String> {
        match &self.content {
            Content::File(from) => Ok(Box::new(File::open(from).map_err(told(from))?)),
            Content::Text(text) => Ok(Box::new(&text[..])),
        }
    }
}

fn write(args: &Backup, config: &Config, part: &Path, copy: &Path) -> Result<String, String> {
    let (mut sources, waiting) = (Vec::new(), store(config, copy)?);
    if copy.exists() {
        let (path, content) = (config.database(), Content::File(copy.to_owned()));
        sources.push(Source { path, what: What::Store, content });
    }
    let kept = accounts::path(config);
    if kept.exists() {
        sources.push(Source::same(kept, What::Accounts));
    }
    let named = named_files(&args.file, config)?;
    sources.extend(named.into_iter().map(|path| Source::same(path, What::Configuration)));
    sources.extend(places(config)?);
    sources.extend(reports(config)?);
    let secrets: BTreeSet<PathBuf> =
        config.files().into_iter().filter(|file| file.secret).map(|file| file.path).collect();
    let shielded = |source: &Source, entry: Entry| match secrets.contains(&source.path) {
        true => Entry { mode: entry.mode & SHIELDED, ..entry },
        false => entry,
    };
    let entries: Result<Vec<Entry>, String> =
        sources.iter().map(|own| entry(own).map(|entry| shielded(own, entry))).collect();
    let made = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let manifest = Manifest {
        belfry_backup: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        node: config.node.name.to_string(),
        made: made.map_or(0, |time| time.as_secs()),
        waiting,
        files: entries?,
    };
    let bytes: u64 = manifest.files.iter().map(|entry| entry.bytes).sum();
    let dir = part.parent().unwrap_or(Path::new("."));
    copy::fits(bytes, copy::free(dir)).map_err(|why| format!("{}: {why}", dir.display()))?;
    pack(part, &manifest, &sources)?;
    restore::look(part).map_err(|why| format!("what was written does not hold: {why}"))?;
    Ok(format!(
        "{}: {}, {bytes} bytes, read back; recordings and prompts are not in it{}",
        args.to.display(),
        files::counted(manifest.files.len(), "file"),
        missing(waiting)
            .map_or_else(String::new, |line| format!("\n{line}; take another one then")),
    ))
}

/// Writes the archive: the list, then the files under their numbers in it.
fn pack(part: &Path, manifest: &Manifest, sources: &[Source]) -> Result<(), String> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(part);
    let mut archive = tar::Builder::new(file.map_err(told(part))?);
    let list = serde_json::to_vec_pretty(manifest).map_err(|error| error.to_string())?;
    let mut append = |name: &str, bytes: u64, from: &mut dyn Read| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(manifest.made);
        archive.append_data(&mut header, name, from).map_err(told(part))
    };
    append(MANIFEST, list.len() as u64, &mut &list[..])?;
    for (nth, (entry, source)) in manifest.files.iter().zip(sources).enumerate() {
        // A file that has grown since is cut, and its checksum shows it.
        let mut bytes = source.open()?.take(entry.bytes);
        append(&nth.to_string(), entry.bytes, &mut bytes)?;
    }
    let mut file = archive.into_inner().map_err(told(part))?;
    file.flush().and_then(|()| file.sync_all()).map_err(told(part))
}

/// What is not in an archive because the database was away.
fn missing(waiting: u64) -> Option<String> {
    let facts = files::counted(usize::try_from(waiting).unwrap_or(usize::MAX), "fact");
    (waiting > 0).then(|| {
        format!("{facts} not in it: they waited in the journal for the database (show alarms: database_away)")
    })
}

/// Copies the store, if there is one, and says how many of the facts that were written down before are not in it.
fn store(config: &Config, copy: &Path) -> Result<u64, String> {
    let (database, journal) = (config.database(), config.journal_dir());
    let newest = segment::newest(&journal).map_err(told(&journal))?;
    let waiting = |database: &Path| match newest {
        None => Ok(0),
        Some(newest) => floor::waiting(&journal, newest, database).map_err(|why| why.to_string()),
    };
    if !database.exists() {
        return waiting(&database);
    }
    let until = std::time::Instant::now() + FACTS_MAY_COME;
    while waiting(&database).is_ok_and(|facts| facts > 0) && std::time::Instant::now() < until {
        std::thread::sleep(LOOK);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let copied = runtime.block_on(Database::copy(&database, copy));
    copied?;
    waiting(copy)
}

/// Up to where each web hook has had events: read at once, since they change with each event.
fn places(config: &Config) -> Result<Vec<Source>, String> {
    let dir = super::api::places(config);
    let entries = match fs::read_dir(&dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(told(&dir))?,
    };
    let mut found = Vec::new();
    for entry in entries.take(MOST_FILES) {
        let path = entry.map_err(told(&dir))?.path();
        if path.extension().is_some_and(|e| e == "place") {
            let text = fs::read(&path).map_err(told(&path))?;
            found.push(Source { path, what: What::Places, content: Content::Text(text) });
        }
    }
    Ok(found)
}

/// Reports that were made and are kept, of those in force and of earlier ones; no letter that waits, which would go out
/// twice, and no report that is being made.
fn reports(config: &Config) -> Result<Vec<Source>, String> {
    let dir = config.reports_dir();
    let inside = |dir: &Path| match fs::read_dir(dir) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        entries => {
            let entries = entries.map_err(told(dir))?;
            let all =
                entries.take(MOST_REPORTS + 1).map(|entry| Ok(entry.map_err(told(dir))?.path()));
            all.collect::<Result<Vec<PathBuf>, String>>()
        }
    };
    let made = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        path.is_file() && ReportFormat::ALL.iter().any(|(_, name)| ending == Some(name))
    };
    let mut found = BTreeSet::new();
    for folder in inside(&dir)? {
        found.extend(inside(&folder)?.into_iter().filter(made));
        if found.len() > MOST_REPORTS {
            return Err(format!(
                "{}: more than {MOST_REPORTS} reports are kept: set `keep` of [[report]], or move old ones away",
                dir.display()
            ));
        }
    }
    Ok(found.into_iter().map(|path| Source::same(path, What::Reports)).collect())
}

fn entry(source: &Source) -> Result<Entry, String> {
    let (path, what) = (&source.path, source.what);
    let (sha256, bytes) = source.sum()?;
    // Whose it is, is said by the file itself and not by our copy of it.
    let meta = fs::metadata(path).map_err(told(path))?;
    let full = lasting(path).map_err(told(path))?;
    let users = Users::of_system();
    let or_number =
        |name: Option<&str>, number: u32| name.map_or_else(|| number.to_string(), str::to_owned);
    let owner = or_number(users.user(meta.uid()), meta.uid());
    let group = or_number(users.group(meta.gid()), meta.gid());
    let mode = meta.permissions().mode() & 0o777;
    Ok(Entry { path: full, what, mode, owner, group, sha256, bytes })
}

/// A path by which the file is found from anywhere, and as it was named: of a link (such as a certificate's that is
/// renewed) the place that the configuration names gets the file back, and not the one that it led to.
fn lasting(path: &Path) -> std::io::Result<PathBuf> {
    let full = std::path::absolute(path)?;
    if !full.components().any(|part| part == Component::ParentDir) {
        return Ok(full);
    }
    let above = full.parent().unwrap_or(Path::new("/")).canonicalize()?;
    full.file_name().map(|name| above.join(name)).ok_or_else(|| ErrorKind::InvalidInput.into())
}

/// The configuration's file and all that it names, but for recordings and prompts; and the designs of surveys and
/// score forms that programs have written.
fn named_files(file: &ConfigFile, config: &Config) -> Result<BTreeSet<PathBuf>, String> {
    let mut named = BTreeSet::new();
    let of_programs = [super::surveys::directory, super::forms::directory];
    for designs in of_programs.map(|directory| directory(&config.node.data_dir)) {
        if designs.is_dir() {
            below(&designs, MOST_DEEP, &mut named)?;
        }
    }
    named.retain(|path| path.extension().is_none_or(|e| e != "new"));
    let Some(own) = files::path_of(file) else { return Ok(named) };
    named.insert(own);
    named.extend(config.files().into_iter().map(|file| file.path));
    below(&config.dialplan.dir, 0, &mut named)?;
    Ok(named)
}

fn below(dir: &Path, deep: usize, found: &mut BTreeSet<PathBuf>) -> Result<(), String> {
    for entry in fs::read_dir(dir).map_err(told(dir))? {
        let entry = entry.map_err(told(dir))?;
        // What a link leads to is read as the dialplan, too; one that leads nowhere holds nothing.
        let kind = match fs::metadata(entry.path()) {
            Ok(meta) => meta.file_type(),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(told(&entry.path())(error)),
        };
        if kind.is_dir() && deep < MOST_DEEP {
            below(&entry.path(), deep + 1, found)?;
        } else if kind.is_file() {
            found.insert(entry.path());
        }
        if found.len() > MOST_FILES {
            return Err(format!("{}: more than {MOST_FILES} files", dir.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As certbot and who keeps a dialplan elsewhere have it.
    #[test]
    fn links_are_taken_under_the_names_that_the_configuration_has() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["archive", "live", "plan", "elsewhere"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("archive/token7"), "a-token-of-some-length").unwrap();
        symlink("../archive/token7", at("live/token")).unwrap();
        fs::write(at("elsewhere/b.toml"), "# b").unwrap();
        fs::create_dir(at("elsewhere/more")).unwrap();
        fs::write(at("elsewhere/more/c.toml"), "# c").unwrap();
        symlink(at("elsewhere/b.toml"), at("plan/b.toml")).unwrap();
        symlink(at("elsewhere/more"), at("plan/more")).unwrap();
        symlink(at("nowhere"), at("plan/.#lock")).unwrap();
        let text = format!(
            "[node]\ndata_dir = \"{0}\"\n[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n\
             [[token]]\nname = \"t\"\nroles = [\"read\"]\ntoken_file = \"{0}/live/token\"\n\
             [dialplan]\ndir = \"{0}/elsewhere/../plan\"\n",
            dir.path().display()
        );
        fs::write(at("belfry.toml"), text).unwrap();
        let file = ConfigFile { config: Some(at("belfry.toml")) };
        let config = files::config_of_file(&file).unwrap();
        let named = named_files(&file, &config).unwrap();
        let same = |path: &PathBuf| Source::same(path.clone(), What::Configuration);
        let entries = named.iter().map(|path| entry(&same(path)).unwrap());
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path).collect();
        paths.sort();
        // Above a `..` links are followed: such a path could not be put back.
        let plan = at("plan").canonicalize().unwrap();
        let mut wanted = vec![at("belfry.toml"), at("live/token"), plan.join("b.toml")];
        wanted.push(at("plan/more").canonicalize().unwrap().join("c.toml"));
        wanted.sort();
        assert_eq!(paths, wanted);
    }
}
