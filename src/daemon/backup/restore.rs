//! Putting a back-up back: looked at as a whole first, then all files beside their places, then all into them.
//! Plans, surveys and forms that were made since are moved aside: they would be in force with those put back.
//! What was there stays, with `.before-restore` behind its name (or `.before-restore-2` and so on), and is asked for
//! first. Or everything below another directory, to look at it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown, lchown};
use std::os::unix::net::UnixStream;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sha2::{Digest, Sha256};

use super::{Entry, FORMAT, MANIFEST, Manifest, What, told};
use crate::console::out::outln;
use crate::console::users::Users;
use crate::daemon::cli::{ConfigFile, fail};
use crate::daemon::files;
use crate::store::{database::Database, segment};

/// The longest list, bytes.
const LONGEST_LIST: u64 = 16 << 20;
/// Files of a folder that are looked at for what is not in the back-up.
const MOST_BESIDE: usize = 5_000;
/// Bytes of a file that are looked at to know whether it is a configuration.
const MOST_TOML: u64 = crate::config::MAX_TEXT as u64;
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

#[derive(Args)]
pub(in crate::daemon) struct Restore {
    #[command(flatten)]
    file: ConfigFile,
    /// The back-up
    #[arg(value_name = "FILE.tar")]
    from: PathBuf,
    /// Only say what is in it, and whether it is whole
    #[arg(long)]
    check: bool,
    /// Only the records, or only the accounts, the configuration or the kept reports
    #[arg(long, value_parser = ["store", "accounts", "configuration", "reports"])]
    only: Option<String>,
    /// Put everything below this directory, to look at it; an appliance may run meanwhile
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    to: Option<PathBuf>,
    /// Do not ask before files are replaced
    #[arg(long, conflicts_with = "check")]
    yes: bool,
    /// Print one JSON document, and ask nothing: with --check, --to or --yes
    #[arg(long)]
    json: bool,
}

pub(in crate::daemon) fn main(args: Restore) -> ExitCode {
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&why),
    }
}

fn run(args: &Restore) -> Result<(), String> {
    let manifest = look(&args.from).map_err(|why| format!("{}: {why}", args.from.display()))?;
    let wanted = |entry: &&Entry| match args.only.as_deref() {
        // Which events a hook has had is said by numbers of this store.
        Some("store") => matches!(entry.what, What::Store | What::Places),
        Some("accounts") => entry.what == What::Accounts,
        Some("reports") => entry.what == What::Reports,
        Some(_) => entry.what == What::Configuration,
        None => true,
    };
    let chosen: Vec<&Entry> = manifest.files.iter().filter(wanted).collect();
    if !args.json {
        show(&manifest, &chosen);
    }
    if args.check {
        say(args, &manifest, &chosen, None);
        return Ok(());
    }
    if args.json && args.to.is_none() && !args.yes {
        return Err(
            "nothing was put back: --json asks nothing, so add --yes, or --to DIR, or --check"
                .into(),
        );
    }
    if chosen.is_empty() {
        return Err("there is nothing of that in it".into());
    }
    let places = Places { below: args.to.as_deref() };
    match &args.to {
        Some(dir) => {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.map_err(told(dir))?;
        }
        None => nobody_runs(&args.file, &manifest)?,
    }
    let newer = match &args.to {
        Some(_) => Vec::new(),
        None => beyond(&chosen, &manifest, &configured_in(&args.from, &manifest, &args.file)?),
    };
    asked((&chosen, &newer), &places, &args.file, args.yes)?;
    let parts = put_beside(&args.from, &manifest, &places, wanted)?;
    let held = parts.iter().try_for_each(|(entry, part)| holds(entry, part));
    let moved = held.and_then(|()| put_all(&parts, &newer, &places));
    parts.iter().for_each(|(_, part)| drop(fs::remove_file(part)));
    moved?;
    say(args, &manifest, &chosen, Some(&newer));
    tell_aside(&newer);
    let count = files::counted(chosen.len(), "file");
    match &args.to {
        _ if args.json => {}
        None => outln!("{count} put back; what was there has .before-restore behind its name"),
        Some(dir) => outln!(
            "{count} put below {}. The configuration there names its places as before: correct them \
             before anything is started with it",
            dir.display()
        ),
    }
    Ok(())
}

/// Says what was moved aside.
fn tell_aside(newer: &[PathBuf]) {
    if newer.is_empty() {
        return;
    }
    let count = files::counted(newer.len(), "file");
    eprintln!(
        "belfry: {count} of plans, surveys and forms that the back-up does not have would be in force with those put \
         back, and have .before-restore behind their names now:"
    );
    newer.iter().for_each(|path| eprintln!("  {}", path.display()));
}

/// Whether a file is read as a plan, a survey or a form where it lies in a folder of such.
fn is_plan(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension().is_some_and(|end| end == "toml" || end == "xml")
}

/// What lies in folders that are read as wholes and is not in the back-up: made later, or by somebody else. Not in the
/// folders of configurations themselves, where nothing is read that is not named.
fn beyond(
    chosen: &[&Entry],
    manifest: &Manifest,
    configured_in: &BTreeSet<PathBuf>,
) -> Vec<PathBuf> {
    let plans = chosen.iter().filter(|e| e.what == What::Configuration && is_plan(&e.path));
    let folders: BTreeSet<&Path> = plans
        .filter_map(|entry| entry.path.parent())
        .filter(|folder| !configured_in.contains(*folder))
        .collect();
    let known: BTreeSet<&Path> = manifest.files.iter().map(|entry| entry.path.as_path()).collect();
    let within = |dir: &&Path| fs::read_dir(dir).into_iter().flatten().flatten().take(MOST_BESIDE);
    let all = folders.iter().flat_map(within).map(|file| file.path());
    let mut newer: Vec<PathBuf> = all
        .filter(|path| is_plan(path) && path.is_file() && !known.contains(path.as_path()))
        .collect();
    newer.sort();
    newer
}

/// The folders in which configurations lie: that of this machine, and those in the back-up, which are known by what
/// only they have.
fn configured_in(
    from: &Path,
    manifest: &Manifest,
    file: &ConfigFile,
) -> Result<BTreeSet<PathBuf>, String> {
    let own = files::path_of(file);
    let own = own.as_deref().and_then(|path| std::path::absolute(path).ok());
    let mut found: BTreeSet<PathBuf> =
        own.as_deref().and_then(Path::parent).map(Path::to_owned).into_iter().collect();
    each(from, |name, content| {
        let entry = name.parse().ok().and_then(|nth: usize| manifest.files.get(nth));
        let is_toml = |e: &&Entry| {
            e.what == What::Configuration && e.path.extension().is_some_and(|e| e == "toml")
        };
        let Some(entry) = entry.filter(is_toml) else { return Ok(()) };
        let mut text = String::new();
        let read = content.take(MOST_TOML).read_to_string(&mut text).is_ok();
        let table = read.then(|| text.parse::<toml::Table>().ok()).flatten();
        if table.is_some_and(|table| table.contains_key("sip") || table.contains_key("node")) {
            found.extend(entry.path.parent().map(Path::to_owned));
        }
        Ok(())
    })?;
    Ok(found)
}

/// What the back-up holds, for a person.
fn show(manifest: &Manifest, chosen: &[&Entry]) {
    let time = jiff::Timestamp::from_second(i64::try_from(manifest.made).unwrap_or(0));
    let time =
        time.map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string());
    outln!("of {}, Belfry {}, {time}; whole", plain(&manifest.node), plain(&manifest.version));
    if let Some(line) = super::missing(manifest.waiting) {
        outln!("{line}");
    }
    chosen.iter().for_each(|entry| outln!("{:>12}  {}", entry.bytes, entry.path.display()));
}

/// What the back-up holds, and whether it was put back, for programs; `aside`: it was, and these were moved aside for it.
fn say(args: &Restore, manifest: &Manifest, chosen: &[&Entry], aside: Option<&[PathBuf]>) {
    if !args.json {
        return;
    }
    let document = serde_json::json!({
        "node": manifest.node, "version": manifest.version, "made": manifest.made,
        "waiting_facts": manifest.waiting, "files": chosen, "put_back": aside.is_some(), "below": args.to,
        "moved_aside": aside.unwrap_or_default(),
    });
    outln!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
}

/// Where files go: to their own places, or below a directory.
struct Places<'a> {
    below: Option<&'a Path>,
}

impl Places<'_> {
    /// The list's paths are absolute and plain.
    fn of(&self, entry: &Entry) -> PathBuf {
        match self.below {
            Some(dir) => dir.join(entry.path.strip_prefix("/").unwrap_or(&entry.path)),
            None => entry.path.clone(),
        }
    }

    /// Makes the directory of a place, as the entry's owner's; below a directory none may be a link that leads out of it.
    fn make_dir(&self, place: &Path, entry: &Entry) -> Result<(), String> {
        let Some(dir) = place.parent() else { return Ok(()) };
        if let Some(below) = self.below {
            let there = dir.ancestors().find(|above| above.symlink_metadata().is_ok());
            let there = there.unwrap_or(below);
            let real = |path: &Path| path.canonicalize().map_err(told(path));
            if !real(there)?.starts_with(real(below)?) {
                let (there, below) = (there.display(), below.display());
                return Err(format!("{there} leads out of {below}: take another directory"));
            }
        }
        let mut maker = fs::DirBuilder::new();
        // What shielded files in their own place is not there to look at them: nobody else comes in here.
        let mode = if self.below.is_some() { 0o700 } else { 0o750 };
        let missing = |at: &&Path| at.symlink_metadata().is_err();
        let made: Vec<&Path> = dir.ancestors().take_while(missing).collect();
        maker.recursive(true).mode(mode).create(dir).map_err(told(dir))?;
        // Whose file it is may have to write others beside it. Who is not root makes what is its own.
        let (owner, group) = if self.below.is_some() { (None, None) } else { owners(entry) };
        made.iter().for_each(|at| drop(lchown(at, owner, group)));
        Ok(())
    }
}

/// No appliance runs on what would be replaced: on the data of this configuration, or on that of the back-up.
fn nobody_runs(file: &ConfigFile, manifest: &Manifest) -> Result<(), String> {
    // A configuration that does not hold may be what is to be put back: then the usual place is asked.
    let socket = files::socket_of(file);
    let socket = socket.unwrap_or_else(|_| PathBuf::from(crate::config::USUAL_SOCKET));
    let own = files::config_of_file(file).ok().map(|config| config.journal_dir());
    let kept =
        manifest.files.iter().filter(|entry| matches!(entry.what, What::Store | What::Accounts));
    let beside = kept.filter_map(|entry| Some(entry.path.parent()?.join("journal")));
    let busy = own.into_iter().chain(beside).find(|dir| segment::is_held(dir));
    match (UnixStream::connect(&socket).is_ok(), busy) {
        (_, Some(dir)) => {
            let dir = dir.display();
            Err(format!("an appliance writes {dir}: stop it first (systemctl stop belfry)"))
        }
        (true, None) => Err("the appliance runs: stop it first (systemctl stop belfry)".into()),
        (false, None) => Ok(()),
    }
}

/// Names what is there and would be replaced or moved aside (`newer`), and what lies where a back-up of this house has nothing to put, and goes
/// on only if that is wanted: an archive by another hand could name any file of the machine.
fn asked(
    (chosen, newer): (&[&Entry], &[PathBuf]),
    places: &Places<'_>,
    file: &ConfigFile,
    yes: bool,
) -> Result<(), String> {
    let (there, new): (Vec<PathBuf>, Vec<PathBuf>) =
        chosen.iter().map(|entry| places.of(entry)).partition(|to| to.exists());
    let own = own_places(file);
    let outside =
        |path: &&PathBuf| places.below.is_none() && !own.iter().any(|dir| path.starts_with(dir));
    let outside: Vec<&PathBuf> = new.iter().filter(outside).collect();
    if yes || (there.is_empty() && outside.is_empty() && newer.is_empty()) {
        return Ok(());
    }
    if !there.is_empty() {
        let count = files::counted(there.len(), "file");
        outln!("{count} would be replaced, and kept as FILE.before-restore:");
        there.iter().for_each(|path| outln!("  {}", path.display()));
    }
    if !newer.is_empty() {
        let count = files::counted(newer.len(), "file");
        outln!(
            "{count} would be moved to FILE.before-restore, for the back-up does not have them:"
        );
        newer.iter().for_each(|path| outln!("  {}", path.display()));
    }
    if !outside.is_empty() {
        let count = files::counted(outside.len(), "file");
        outln!("{count} would be made outside the folders of the configuration and the data:");
        outside.iter().for_each(|path| outln!("  {}", path.display()));
    }
    if !std::io::stdin().is_terminal() {
        return Err(
            "nothing was put back: say --yes to put them there, or --to DIR to look first".into()
        );
    }
    outln!("Put the back-up in their places? Write yes:");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    match read.is_ok() && answer.trim().eq_ignore_ascii_case("yes") {
        true => Ok(()),
        false => Err("nothing was put back".into()),
    }
}

/// Where a back-up of this house puts files: beside the configuration, among the data.
fn own_places(file: &ConfigFile) -> Vec<PathBuf> {
    let config = files::config_of_file(file).ok();
    let usual = [Some("/etc/belfry"), Some("/var/lib/belfry")].map(|dir| dir.map(PathBuf::from));
    let beside = file.config.as_deref().and_then(Path::parent).map(Path::to_owned);
    let data = config.as_ref().map(|config| config.node.data_dir.clone());
    let database = config.as_ref().and_then(|c| c.database().parent().map(Path::to_owned));
    let named = config.iter().flat_map(|config| config.files()).filter_map(|file| {
        let dir = file.path.parent()?;
        dir.is_absolute().then(|| dir.to_owned())
    });
    let all = usual.into_iter().chain([beside, data, database]).flatten().chain(named);
    // The root of the file system holds everything.
    all.filter(|dir| dir.is_absolute() && dir.parent().is_some()).collect()
}

/// Reads the whole archive and compares each file with the list.
pub(super) fn look(path: &Path) -> Result<Manifest, String> {
    let mut manifest = None;
    let mut seen = 0;
    each(path, |name, file| {
        let Some(list) = &manifest else {
            let mut text = String::new();
            let read = file.take(LONGEST_LIST).read_to_string(&mut text);
            let read = read.ok().filter(|_| name == MANIFEST);
            let list: Manifest = read
                .and_then(|_| serde_json::from_str(&text).ok())
                .ok_or("this is no back-up of Belfry's")?;
            check(&list)?;
            manifest = Some(list);
            return Ok(());
        };
        let entry = list.files.get(seen).filter(|_| name == seen.to_string());
        let entry = entry.ok_or_else(|| format!("'{name}' is not in its list"))?;
        let mut sum = Sum::default();
        std::io::copy(file, &mut sum).map_err(|error| error.to_string())?;
        seen += 1;
        match sum.digits() == entry.sha256 {
            true => Ok(()),
            false => {
                Err(format!("{} is not what it was: the back-up is damaged", entry.path.display()))
            }
        }
    })?;
    let manifest = manifest.ok_or("it is empty")?;
    match seen == manifest.files.len() {
        true => Ok(manifest),
        false => Err(format!("it ends after {seen} of {} files", manifest.files.len())),
    }
}

/// Whether the list is of this version's form, and names no file that it may not.
fn check(list: &Manifest) -> Result<(), String> {
    if !(1..=FORMAT).contains(&list.belfry_backup) {
        return Err(format!("it is of form {}, this version knows {FORMAT}", list.belfry_backup));
    }
    let is_plain = |path: &Path| {
        path.is_absolute()
            && path.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)))
            && !path.to_string_lossy().contains(char::is_control)
    };
    match list.files.iter().find(|entry| !is_plain(&entry.path)) {
        Some(entry) => {
            Err(format!("{} is no path to restore to", plain(&entry.path.to_string_lossy())))
        }
        None => Ok(()),
    }
}

/// A checksum of what is written to it.
#[derive(Default)]
struct Sum(Sha256);

impl Sum {
    fn digits(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The SHA-256 of some bytes.
pub(super) fn digits_of(bytes: &[u8]) -> String {
    let mut sum = Sum::default();
    sum.0.update(bytes);
    sum.digits()
}

/// Does something with each file of an archive.
fn each(
    path: &Path,
    mut with: impl FnMut(&str, &mut dyn Read) -> Result<(), String>,
) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut archive = tar::Archive::new(std::io::BufReader::with_capacity(PIECE, file));
    let entries = archive.entries().map_err(|error| error.to_string())?;
    for (nth, entry) in entries.enumerate() {
        // What the library says of a file of another kind has that file's bytes in it.
        let mut entry = entry.map_err(|error| match nth {
            0 => "this is no back-up of Belfry's: it is no tar archive".to_owned(),
            _ => format!("it is damaged: {}", plain(&error.to_string())),
        })?;
        let name = entry.path().map_err(|error| error.to_string())?.display().to_string();
        with(&name, &mut entry)?;
    }
    Ok(())
}

/// One line of what is said, without bytes that a terminal would take for orders.
fn plain(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Writes each wanted file beside its place.
fn put_beside<'m>(
    from: &Path,
    manifest: &'m Manifest,
    places: &Places<'_>,
    wanted: impl Fn(&&Entry) -> bool,
) -> Result<Vec<(&'m Entry, PathBuf)>, String> {
    let (mut parts, mut nth) = (Vec::new(), 0);
    let done = each(from, |name, file| {
        if name == MANIFEST {
            return Ok(());
        }
        let entry = &manifest.files[nth];
        nth += 1;
        if !wanted(&entry) {
            return Ok(());
        }
        let part = with_ending(&places.of(entry), ".restore-part");
        places.make_dir(&part, entry)?;
        let _ = fs::remove_file(&part);
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
        parts.push((entry, part.clone()));
        let mut made = made.map_err(told(&part))?;
        std::io::copy(file, &mut made).map_err(told(&part))?;
        made.sync_all().map_err(told(&part))
    });
    done.inspect_err(|_| {
        parts.iter().for_each(|(_, part): &(_, PathBuf)| drop(fs::remove_file(part)));
    })?;
    Ok(parts)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Whether this version can read it: a database is looked through.
fn holds(entry: &Entry, part: &Path) -> Result<(), String> {
    if entry.what != What::Store {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let looked = runtime.block_on(async { Database::look(part).await?.check().await });
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(with_ending(part, ending));
    }
    looked.map_err(|trouble| trouble.to_string())
}

/// Moves all files into their places and what was made since aside, or none.
fn put_all(
    parts: &[(&Entry, PathBuf)],
    newer: &[PathBuf],
    places: &Places<'_>,
) -> Result<(), String> {
    let mut moved = Vec::new();
    let all = &mut moved;
    let done = parts.iter().try_for_each(|(entry, part)| put(entry, &places.of(entry), part, all));
    let done = done.and_then(|()| {
        newer.iter().try_for_each(|path| {
            let kept = with_ending(path, &kept_ending(path));
            fs::rename(path, &kept).map_err(told(path))?;
            all.push((path.clone(), kept));
            Ok(())
        })
    });
    done.inspect_err(|_| {
        for (from, to) in moved.iter().rev() {
            let _ = fs::rename(to, from);
        }
    })
}

/// What stands behind the names of files that are kept: what a former restore kept stays, too.
fn kept_ending(path: &Path) -> String {
    let endings = (1..).map(|n| match n {
        1 => ".before-restore".to_owned(),
        n => format!(".before-restore-{n}"),
    });
    let is_free = |ending: &String| {
        let names = ["", "-wal", "-shm"].map(|more| with_ending(path, &format!("{ending}{more}")));
        names.iter().all(|name| name.symlink_metadata().is_err())
    };
    let mut endings = endings.filter(is_free);
    endings.next().expect("there are more numbers than files")
}

/// Of whom and which group a file was, as far as this machine knows them.
fn owners(entry: &Entry) -> (Option<u32>, Option<u32>) {
    let users = Users::of_system();
    let owner = users.uid(&entry.owner).or_else(|| entry.owner.parse().ok());
    (owner, users.gid(&entry.group).or_else(|| entry.group.parse().ok()))
}

/// Moves a file into its place; what is there is kept beside it. What it moved, from where to where, is told.
fn put(
    entry: &Entry,
    to: &Path,
    part: &Path,
    moved: &mut Vec<(PathBuf, PathBuf)>,
) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let rights = fs::Permissions::from_mode(entry.mode & entry.what.most());
    let (owner, group) = owners(entry);
    // By the handle: the directory may be the service's, which could have put a link there meanwhile.
    let file = fs::OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(part);
    let file = file.map_err(told(part))?;
    // Who is not root puts back what is its own.
    let _ = fchown(&file, owner, group);
    file.set_permissions(rights).map_err(told(part))?;
    let kept = kept_ending(to);
    for ending in ["", "-wal", "-shm"] {
        let there = with_ending(to, ending);
        if there.exists() && (ending.is_empty() || entry.what == What::Store) {
            let kept = with_ending(to, &format!("{kept}{ending}"));
            fs::rename(&there, &kept).map_err(told(&there))?;
            moved.push((there, kept));
        }
    }
    fs::rename(part, to).map_err(told(to))?;
    moved.push((part.to_owned(), to.to_owned()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::backup::{Backup, make};

    /// A configuration with a store, and its back-up.
    fn backed_up() -> (tempfile::TempDir, ConfigFile, PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("data")).expect("made");
        fs::create_dir_all(at("plan")).expect("made");
        fs::write(at("plan/a.toml"), "# a plan").expect("written");
        fs::write(at("secret"), "geheim").expect("written");
        let text = format!(
            "[node]\ndata_dir = \"{0}/data\"\n[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n\
             [[phone]]\nnumber = \"1001\"\npassword_file = \"{0}/secret\"\n\
             [dialplan]\ndir = \"{0}/plan\"\n[console]\nsocket = \"{0}/sock\"\n",
            dir.path().display()
        );
        fs::write(at("belfry.toml"), text).expect("written");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let made = runtime.expect("a runtime").block_on(Database::open(&at("data/belfry.db")));
        drop(made.expect("a store"));
        let file = ConfigFile { config: Some(at("belfry.toml")) };
        let to = at("backup.tar");
        let told =
            make(&Backup { file: file.clone(), to: to.clone(), json: false }).expect("a back-up");
        assert!(told.contains("4 files"), "{told}");
        assert!(!told.contains("not in it:"), "{told}");
        (dir, file, to)
    }

    /// What programs have written, and how far they have read, belong to it as the rest does.
    #[test]
    fn designs_of_surveys_and_the_places_of_hooks_come_back() {
        let (dir, file, _) = backed_up();
        let at = |name: &str| dir.path().join(name);
        for folder in ["data/surveys", "data/forms", "data/webhooks"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("data/surveys/quick.toml"), "# a design").unwrap();
        fs::write(at("data/surveys/quick.new"), "# half of one").unwrap();
        fs::write(at("data/forms/service.toml"), "# a form").unwrap();
        fs::write(at("data/webhooks/crm.place"), "17\n").unwrap();
        let tar = at("second.tar");
        let told = make(&Backup { file: file.clone(), to: tar.clone(), json: false }).unwrap();
        assert!(told.contains("7 files"), "{told}");
        fs::remove_dir_all(at("data")).unwrap();
        again(&file, &tar, Some("store")).unwrap();
        assert_eq!(fs::read_to_string(at("data/webhooks/crm.place")).unwrap(), "17\n");
        assert!(!at("data/surveys").exists());
        again(&file, &tar, Some("configuration")).unwrap();
        assert_eq!(fs::read_to_string(at("data/surveys/quick.toml")).unwrap(), "# a design");
        assert_eq!(fs::read_to_string(at("data/forms/service.toml")).unwrap(), "# a form");
    }

    /// R25: what was made at its hour cannot be made again once the records have gone.
    #[test]
    fn kept_reports_come_back() {
        let (dir, file, _) = backed_up();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("data/reports/daily")).unwrap();
        fs::write(at("data/reports/note.csv"), "no report's folder").unwrap();
        for (name, text) in [("2026-11-22.csv", "a,b"), ("2026-11-22.xlsx", "PK")] {
            fs::write(at("data/reports/daily").join(name), text).unwrap();
        }
        fs::write(at("data/reports/daily/2026-11-23.part"), "half").unwrap();
        fs::write(at("data/reports/daily/2026-11-22.letter"), "{}").unwrap();
        let tar = at("second.tar");
        let told = make(&Backup { file: file.clone(), to: tar.clone(), json: false }).unwrap();
        assert!(told.contains("6 files"), "{told}");
        fs::remove_dir_all(at("data/reports")).unwrap();
        again(&file, &tar, Some("store")).unwrap();
        assert!(!at("data/reports").exists());
        again(&file, &tar, Some("reports")).unwrap();
        assert_eq!(fs::read_to_string(at("data/reports/daily/2026-11-22.csv")).unwrap(), "a,b");
        assert_eq!(fs::read_dir(at("data/reports/daily")).unwrap().count(), 2);
    }

    /// A back-up that lacks what waits in the journal says so when it is made and when it is put back.
    #[test]
    fn facts_that_wait_for_the_database_are_told() {
        use crate::base::{CallId, Wall};
        use crate::store::{Settings, Store};
        use crate::switch::fact::{Fact, FactKind};
        let (dir, file, _) = backed_up();
        let at = |name: &str| dir.path().join(name);
        let own = Settings::new(at("data/journal"), at("data/away/belfry.db"));
        let store = Store::open(own).unwrap();
        for seq in 1..=3 {
            let call = CallId::new(Wall(1_790_000_000_000), seq);
            let kind = FactKind::CallField { call, name: "n".into(), value: "v".into() };
            store.journal().submit(Fact { seq, wall: Wall(1), kind }).unwrap();
        }
        store.close();
        let tar = at("second.tar");
        let told = make(&Backup { file, to: tar.clone(), json: false }).unwrap();
        assert!(told.contains("3 facts not in it"), "{told}");
        assert_eq!(look(&tar).unwrap().waiting, 3);
    }

    /// By an earlier version: without facts that wait, and places.
    #[test]
    fn a_list_of_an_earlier_version_is_read() {
        let text =
            r#"{ "belfry_backup": 1, "version": "0.1", "node": "n", "made": 0, "files": [] }"#;
        let list: Manifest = serde_json::from_str(text).unwrap();
        assert_eq!((check(&list), list.waiting), (Ok(()), 0));
        let later = Manifest { belfry_backup: FORMAT + 1, ..list };
        assert!(check(&later).unwrap_err().contains(&format!("this version knows {FORMAT}")));
    }

    fn order(file: &ConfigFile, from: &Path, yes: bool) -> Restore {
        let (file, from) = (file.clone(), from.to_owned());
        Restore { file, from, check: false, only: None, to: None, yes, json: false }
    }

    fn again(file: &ConfigFile, from: &Path, only: Option<&str>) -> Result<(), String> {
        run(&Restore { only: only.map(str::to_owned), ..order(file, from, true) })
    }

    /// R29: rights are kept; what is secret is nobody else's, though it lay open within a directory that was not.
    #[test]
    fn files_keep_their_rights_and_secrets_are_nobody_else_s() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, file, _) = backed_up();
        let at = |name: &str| dir.path().join(name);
        let set = |name: &str, mode| {
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).expect("it is ours");
        };
        [("belfry.toml", 0o640), ("plan/a.toml", 0o644), ("secret", 0o644)]
            .into_iter()
            .chain([("data/belfry.db", 0o644)])
            .for_each(|(name, mode)| set(name, mode));
        let tar = at("again.tar");
        make(&Backup { file: file.clone(), to: tar.clone(), json: false }).expect("a back-up");
        let mode =
            |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        let wanted = [0o640, 0o644, 0o640, 0o640];
        let names = ["belfry.toml", "plan/a.toml", "secret", "data/belfry.db"];
        again(&file, &tar, None).expect("put back");
        assert_eq!(names.map(|name| mode(&at(name))), wanted);
        let to = at("look");
        run(&Restore { to: Some(to.clone()), ..order(&file, &tar, false) }).expect("put there");
        let below = to.join(dir.path().strip_prefix("/").expect("absolute"));
        assert_eq!(names.map(|name| mode(&below.join(name))), wanted);
        assert_eq!([mode(&to), mode(&below.join("data"))], [0o700; 2]);
    }

    /// A test has no terminal: what nobody was asked for is not replaced.
    #[test]
    fn what_is_there_is_not_replaced_unasked() {
        let (dir, file, tar) = backed_up();
        let plan = dir.path().join("plan/a.toml");
        fs::write(&plan, "# another plan").unwrap();
        if !std::io::stdin().is_terminal() {
            let why = run(&order(&file, &tar, false)).unwrap_err();
            assert!(why.contains("--yes"), "{why}");
        }
        assert_eq!(fs::read_to_string(&plan).unwrap(), "# another plan");
        // What is not there any more needs no question.
        fs::remove_dir_all(dir.path().join("plan")).unwrap();
        for gone in ["belfry.toml", "secret", "data/belfry.db"] {
            fs::remove_file(dir.path().join(gone)).unwrap();
        }
        run(&order(&file, &tar, false)).unwrap();
        assert_eq!(fs::read_to_string(&plan).unwrap(), "# a plan");
    }

    #[test]
    fn while_an_appliance_writes_that_data_nothing_is_put_back_but_elsewhere() {
        let (dir, file, tar) = backed_up();
        let running = segment::open(&dir.path().join("data/journal")).unwrap();
        fs::write(dir.path().join("plan/a.toml"), "# another plan").unwrap();
        let why = again(&file, &tar, None).unwrap_err();
        assert!(why.contains("data/journal") && why.contains("stop it first"), "{why}");
        // By another configuration, too: the back-up says whose data it is.
        let why = again(&ConfigFile { config: Some("/nowhere.toml".into()) }, &tar, None);
        assert!(why.unwrap_err().contains("data/journal"));
        let to = dir.path().join("look");
        run(&Restore { to: Some(to.clone()), ..order(&file, &tar, false) }).unwrap();
        let below = to.join(dir.path().strip_prefix("/").unwrap());
        assert_eq!(fs::read_to_string(below.join("plan/a.toml")).unwrap(), "# a plan");
        assert!(below.join("data/belfry.db").exists());
        let live = fs::read_to_string(dir.path().join("plan/a.toml")).unwrap();
        assert_eq!(live, "# another plan");
        drop(running);
        again(&file, &tar, None).unwrap();
    }

    /// An archive by another hand: what it names beyond the house's folders is not put there unasked, and nothing that a
    /// terminal would obey is a path.
    #[test]
    fn a_file_elsewhere_is_not_made_unasked() {
        let (dir, file, tar) = backed_up();
        let elsewhere = tempfile::tempdir().unwrap();
        let entry = |path: PathBuf| Entry {
            path,
            what: What::Configuration,
            owner: "root".into(),
            group: "root".into(),
            mode: 0o644,
            bytes: 0,
            sha256: String::new(),
        };
        let (cron, own) = (entry(elsewhere.path().join("job")), entry(dir.path().join("new.toml")));
        let places = Places { below: None };
        if !std::io::stdin().is_terminal() {
            let why = asked((&[&own, &cron], &[]), &places, &file, false).unwrap_err();
            assert!(why.contains("--yes"), "{why}");
        }
        assert_eq!(asked((&[&cron], &[]), &places, &file, true), Ok(()));
        assert_eq!(asked((&[&own], &[]), &places, &file, false), Ok(()));
        let below = Places { below: Some(elsewhere.path()) };
        assert_eq!(asked((&[&cron], &[]), &below, &file, false), Ok(()));
        let mut list = look(&tar).unwrap();
        list.files.push(entry("/etc/x\u{1b}[2K".into()));
        let why = check(&list).unwrap_err();
        assert!(why.contains("no path") && !why.contains('\u{1b}'), "{why}");
    }

    #[test]
    fn a_link_does_not_lead_out_of_the_directory() {
        let (dir, file, tar) = backed_up();
        let (to, victim) = (dir.path().join("look"), dir.path().join("victim"));
        let root = dir.path().components().nth(1).unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::create_dir_all(&victim).unwrap();
        std::os::unix::fs::symlink(&victim, to.join(root)).unwrap();
        let why = run(&Restore { to: Some(to), ..order(&file, &tar, true) }).unwrap_err();
        assert!(why.contains("leads out of"), "{why}");
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    }

    #[test]
    fn what_was_backed_up_comes_back_and_what_was_there_stays_beside_it() {
        let (dir, file, tar) = backed_up();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("plan/a.toml"), "# another plan").unwrap();
        fs::write(at("data/belfry.db"), "no database").unwrap();
        // A configuration that does not hold any more is no obstacle: it may be what is to be put back.
        fs::remove_file(at("secret")).unwrap();
        again(&file, &tar, Some("store")).unwrap();
        assert_eq!(fs::read_to_string(at("plan/a.toml")).unwrap(), "# another plan");
        assert!(fs::read(at("data/belfry.db")).unwrap().starts_with(b"SQLite format 3"));
        assert_eq!(fs::read(at("data/belfry.db.before-restore")).unwrap(), b"no database");
        again(&file, &tar, None).unwrap();
        assert_eq!(fs::read_to_string(at("plan/a.toml")).unwrap(), "# a plan");
        assert_eq!(fs::read_to_string(at("secret")).unwrap(), "geheim");
        assert_eq!(fs::read_to_string(at("plan/a.toml.before-restore")).unwrap(), "# another plan");
        let parts = fs::read_dir(at("plan")).unwrap().flatten();
        assert_eq!(parts.filter(|e| e.path().to_string_lossy().contains("part")).count(), 0);
    }

    /// What was made since would be in force with what is put back: a mixture that nobody has tried.
    #[test]
    fn plans_that_were_made_since_are_moved_aside_and_nothing_else_is() {
        let (dir, file, tar) = backed_up();
        let at = |name: &str| dir.path().join(name);
        let others = ["plan/notes.txt", "plan/.later.toml", "other.toml"];
        for name in others.iter().chain(&["plan/later.toml", "plan/later.xml"]) {
            fs::write(at(name), "# since").unwrap();
        }
        // By nothing that puts no plans back, and not without being asked for.
        again(&file, &tar, Some("store")).unwrap();
        run(&Restore { to: Some(at("look")), ..order(&file, &tar, true) }).unwrap();
        assert!(at("plan/later.toml").exists());
        fs::remove_file(at("plan/a.toml")).unwrap();
        if !std::io::stdin().is_terminal() {
            assert!(run(&order(&file, &tar, false)).unwrap_err().contains("--yes"));
            assert!(at("plan/later.toml").exists());
        }
        again(&file, &tar, Some("configuration")).unwrap();
        for name in ["plan/later.toml", "plan/later.xml"] {
            assert!(!at(name).exists() && at(&format!("{name}.before-restore")).exists(), "{name}");
        }
        // Another configuration beside the own is read by nobody who does not name it.
        assert!(others.iter().all(|name| at(name).exists()));
        assert_eq!(fs::read_to_string(at("plan/a.toml")).unwrap(), "# a plan");
        // A second time: what was kept by the first stays.
        fs::write(at("plan/later.toml"), "# again").unwrap();
        again(&file, &tar, None).unwrap();
        let kept = fs::read_to_string(at("plan/later.toml.before-restore-2")).unwrap();
        assert_eq!(kept, "# again");
    }

    #[test]
    fn a_back_up_that_is_there_is_not_replaced_and_a_damaged_one_not_put_back() {
        let (dir, file, tar) = backed_up();
        let why = make(&Backup { file: file.clone(), to: tar.clone(), json: false }).unwrap_err();
        assert!(why.contains("backup.tar") && why.contains("exists"), "{why}");
        let mut bytes = fs::read(&tar).unwrap();
        let at = bytes.windows(8).position(|w| w == b"# a plan").expect("the plan");
        bytes[at] = b'!';
        let damaged = dir.path().join("damaged.tar");
        fs::write(&damaged, &bytes).unwrap();
        let why = again(&file, &damaged, None).unwrap_err();
        assert!(why.contains("a.toml is not what it was"), "{why}");
        fs::write(&damaged, &bytes[..at - 200]).unwrap();
        assert!(again(&file, &damaged, None).is_err());
        fs::write(&damaged, "something else").unwrap();
        assert!(again(&file, &damaged, None).unwrap_err().contains("damaged.tar"));
        assert_eq!(fs::read_to_string(dir.path().join("plan/a.toml")).unwrap(), "# a plan");
    }
}
