//! The files that are in force, kept: a copy of all that a configuration was read from, for a start that finds
//! files which cannot be used (decision 60).
//!
//! ```text
//!  start, reload ─▶ Reads::of_disk ─▶ each file as it was read ─▶ keep ─▶ in-force.new ─▶ data_dir/in-force
//!                                          those that are kept already: a further name of the same copy ┘
//!  start with faults ─▶ data_dirs ─▶ Reads::of_copies ─▶ the same reading, /etc/a.toml from in-force/etc/a.toml
//! ```
//!
//! Copied are the configuration, the accounts, the dialplan, designs, secrets, certificates, keys and authorities. Not
//! here: prompts and recordings' keys, without which a start goes on; what is in the environment; what is written.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::config::Config;

/// Below `[node] data_dir`: the copies, those that are being written, and those of before while both are there.
const NAME: &str = "in-force";
const NEW: &str = "in-force.new";
const BEFORE: &str = "in-force.before";

/// The most files that are kept: a secret for each of 20,000 phones, and the rest.
const MOST_FILES: usize = 25_000;
/// Their bytes in all at most.
const MOST_BYTES: usize = 64 << 20;
/// How deep a file may lie: folders from the root.
const MOST_DEEP: usize = 64;
/// What is read at most of a configuration that does not hold, in search of its `data_dir`, bytes.
const MOST_SCANNED: usize = crate::config::MAX_TEXT;
/// What stands for `..` of a path: which folder that is, is not asked.
const ABOVE: &str = "__above__";

/// Files by their place below [`NAME`], as they were read.
#[derive(Default)]
pub(super) struct Noted {
    files: BTreeMap<PathBuf, Vec<u8>>,
    bytes: usize,
    /// Whether more were read than are kept.
    too_many: bool,
}

impl Noted {
    fn add(&mut self, place: PathBuf, content: Vec<u8>) {
        if self.too_many || self.files.contains_key(&place) {
            return;
        }
        let bytes = self.bytes.saturating_add(content.len());
        if self.files.len() >= MOST_FILES || bytes > MOST_BYTES {
            *self = Noted { too_many: true, ..Noted::default() };
            return;
        }
        self.bytes = bytes;
        self.files.insert(place, content);
    }
}

/// How files are read: as they lie, or their copies. What is read is noted.
pub(super) struct Reads {
    /// The folder of copies; none: the files themselves.
    copies: Option<PathBuf>,
    noted: RefCell<Noted>,
}

impl Reads {
    /// Reads the files themselves.
    pub(super) fn of_disk() -> Reads {
        Reads { copies: None, noted: RefCell::default() }
    }

    /// Reads the copies in a folder.
    pub(super) fn of_copies(folder: PathBuf) -> Reads {
        Reads { copies: Some(folder), noted: RefCell::default() }
    }

    /// Whether it reads copies.
    pub(super) fn are_copies(&self) -> bool {
        self.copies.is_some()
    }

    /// Where a file, or a folder of files, is read: the one mapping.
    pub(super) fn at(&self, path: &Path) -> PathBuf {
        match &self.copies {
            Some(folder) => folder.join(place_of(path)),
            None => path.to_owned(),
        }
    }

    /// A file's bytes.
    pub(super) fn bytes(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let content = fs::read(self.at(path))?;
        self.note(path, &content);
        Ok(content)
    }

    /// What was read of a file, by whoever read it.
    pub(super) fn note(&self, path: &Path, content: &[u8]) {
        if self.copies.is_none() {
            self.noted.borrow_mut().add(place_of(path), content.to_vec());
        }
    }

    /// The same of a file that somebody else reads by its path, and of which a copy is to be had.
    pub(super) fn note_file(&self, path: &Path) {
        let plain = || fs::metadata(path).is_ok_and(|about| about.is_file());
        if self.copies.is_none()
            && plain()
            && let Ok(content) = fs::read(path)
        {
            self.note(path, &content);
        }
    }

    /// All that was read.
    pub(super) fn noted(self) -> Noted {
        self.noted.into_inner()
    }
}

/// Where the copy of a file lies below the folder of copies: its absolute path. Never outside of that folder.
fn place_of(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let part = |part: Component<'_>| match part {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from(ABOVE)),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    };
    whole.components().filter_map(part).collect()
}

/// The copies below a `data_dir`, and since when they are; none: there are none.
pub(super) fn there(data_dir: &Path) -> Option<(PathBuf, SystemTime)> {
    // Cut off between two renamings only those of before are there.
    let folder = [NAME, BEFORE].map(|name| data_dir.join(name)).into_iter().find(|f| f.is_dir())?;
    let since = fs::metadata(&folder).and_then(|about| about.modified()).ok()?;
    Some((folder, since))
}

/// Keeps copies of what was read, below `data_dir`. Whether there was something to write: not where the same is kept.
///
/// # Errors
/// What hinders it, in words; what was kept before is kept on.
pub(super) fn keep(data_dir: &Path, noted: &Noted) -> Result<bool, String> {
    if noted.too_many {
        let most = MOST_BYTES >> 20;
        return Err(format!("they are more than {MOST_FILES} files or {most} MiB"));
    }
    written_anew(data_dir, noted).map(|written| written.is_some())
}

/// What was done to keep copies.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Written {
    /// Files that were written and synced, and their bytes.
    files: usize,
    bytes: usize,
    /// Files that were there: the same copy got a further name.
    linked: usize,
}

/// Keeps them; none: the same is kept.
fn written_anew(data_dir: &Path, noted: &Noted) -> Result<Option<Written>, String> {
    let folder = data_dir.join(NAME);
    let same = kept_already(&folder, noted);
    if same.len() == noted.files.len() && held(&folder).len() == same.len() {
        return Ok(None);
    }
    let new = data_dir.join(NEW);
    let put = || {
        gone(&new)?;
        let owner = fs::metadata(data_dir)?;
        let written = write(&new, noted, (owner.uid(), owner.gid()), (&folder, &same))?;
        let before = data_dir.join(BEFORE);
        if folder.exists() {
            gone(&before)?;
            fs::rename(&folder, &before)?;
        }
        fs::rename(&new, &folder)?;
        File::open(data_dir)?.sync_all()?;
        gone(&before).map(|()| written)
    };
    put().map(Some).map_err(|error: std::io::Error| format!("{}: {error}", folder.display()))
}

/// Keeps these files as they are now beside what else is kept: they came into force alone.
///
/// # Errors
/// What hinders it, in words.
pub(super) fn keep_too<'p>(
    data_dir: &Path,
    paths: impl Iterator<Item = &'p PathBuf>,
) -> Result<bool, String> {
    let Some((folder, _)) = there(data_dir) else { return Ok(false) };
    let reads = Reads::of_disk();
    paths.for_each(|path| reads.note_file(path));
    let mut noted = reads.noted();
    for place in held(&folder) {
        let content = fs::read(folder.join(&place));
        noted.add(place, content.map_err(|e| format!("{}: {e}", folder.display()))?);
    }
    keep(data_dir, &noted)
}

/// The places of which a folder holds the same content.
fn kept_already<'n>(folder: &Path, noted: &'n Noted) -> BTreeSet<&'n Path> {
    let is_kept = |(place, content): &(&PathBuf, &Vec<u8>)| {
        let path = folder.join(place);
        let length =
            fs::symlink_metadata(&path).map(|about| about.is_file().then_some(about.len()));
        length.is_ok_and(|length| length == Some(content.len() as u64))
            && fs::read(path).is_ok_and(|there| there == **content)
    };
    noted.files.iter().filter(is_kept).map(|(place, _)| place.as_path()).collect()
}

/// The places of all files in a folder of copies; at most one more than are kept.
fn held(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![(PathBuf::new(), 0)]);
    while let Some((place, deep)) = open.pop() {
        let Ok(entries) = fs::read_dir(folder.join(&place)) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let inner = place.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && deep < MOST_DEEP => open.push((inner, deep + 1)),
                Ok(kind) if kind.is_file() => found.push(inner),
                _ => {}
            }
            if found.len() > MOST_FILES {
                return found;
            }
        }
    }
    found
}

fn gone(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes all of it to a new folder, for Belfry's user alone, and syncs it: first all is written, since the first sync
/// then takes most of the rest along. What `before` has the same (`same`) gets a further name and is not written: with some
/// thousands of secrets a change of one would else cost some thousands of syncs.
fn write(
    new: &Path,
    noted: &Noted,
    owner: (u32, u32),
    (before, same): (&Path, &BTreeSet<&Path>),
) -> std::io::Result<Written> {
    let mut folders = vec![new.to_owned()];
    DirBuilder::new().mode(0o700).create(new)?;
    let mut files = Vec::with_capacity(noted.files.len().min(64));
    let mut written = Written::default();
    for (place, content) in &noted.files {
        if place.components().count() > MOST_DEEP {
            return Err(std::io::Error::other(format!("{} lies too deep", place.display())));
        }
        let path = new.join(place);
        let above = path.parent().unwrap_or(new);
        if !above.is_dir() {
            DirBuilder::new().mode(0o700).recursive(true).create(above)?;
            let made = above.ancestors().take_while(|folder| *folder != new);
            folders.extend(made.map(Path::to_owned));
        }
        // A file system without such names, or a copy that is somebody else's: written anew.
        if same.contains(place.as_path()) && linked(&before.join(place), &path, owner) {
            written.linked += 1;
            continue;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(content)?;
        (written.files, written.bytes) = (written.files + 1, written.bytes + content.len());
        files.push(path);
    }
    for path in files.iter().chain(&folders) {
        let handle = File::open(path)?;
        let about = handle.metadata()?;
        // What root writes belongs to whom the directory belongs to.
        if (about.uid(), about.gid()) != owner && about.uid() == 0 {
            chown(path, Some(owner.0), Some(owner.1))?;
        }
        handle.sync_all()?;
    }
    Ok(written)
}

/// Whether the copy `from`, which is synced, got a further name; only of one that is its owner's alone.
fn linked(from: &Path, to: &Path, owner: (u32, u32)) -> bool {
    let own = fs::symlink_metadata(from)
        .is_ok_and(|about| (about.uid(), about.gid()) == owner && about.mode() & 0o7777 == 0o600);
    own && fs::hard_link(from, to).is_ok()
}

/// Where the `data_dir` of a configuration may be that cannot be used: as it says itself, as systemd has it, the usual
/// one.
pub(super) fn data_dirs(configuration: &Path) -> Vec<PathBuf> {
    let text = fs::read(configuration).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[..text.len().min(MOST_SCANNED)]).into_owned();
    let states = std::env::var("STATE_DIRECTORY").unwrap_or_default();
    let states = states.split(':').filter(|dir| dir.starts_with('/')).map(PathBuf::from);
    let usual = Config::parse("[sip]\nlisten = \"udp:127.0.0.1:5060\"\n");
    let usual = usual.ok().map(|(config, _)| config.node.data_dir);
    written(&text, "node", "data_dir").into_iter().chain(states).chain(usual).collect()
}

/// A path that a text names at a key of a section, though it be no TOML.
pub(super) fn written(text: &str, section: &str, key: &str) -> Option<PathBuf> {
    if let Ok(table) = text.parse::<toml::Table>() {
        return table.get(section)?.get(key)?.as_str().map(PathBuf::from);
    }
    let (head, mut within) = (format!("[{section}]"), false);
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            within = line.starts_with(&head);
        } else if within && line.starts_with(key) {
            // This line alone is TOML, or is passed over.
            let table: Option<toml::Table> = line.parse().ok();
            let found = table.as_ref().and_then(|table| table.get(key)?.as_str());
            if let Some(found) = found {
                return Some(PathBuf::from(found));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn noted(files: &[(&str, &str)]) -> Noted {
        let reads = Reads::of_disk();
        files.iter().for_each(|(path, text)| reads.note(Path::new(path), text.as_bytes()));
        reads.noted()
    }

    #[test]
    fn a_path_is_mapped_to_one_place_below_the_copies_and_never_out_of_them() {
        let reads = Reads::of_copies("/var/in-force".into());
        for (path, place) in [
            ("/etc/belfry/belfry.toml", "/var/in-force/etc/belfry/belfry.toml"),
            ("/etc/./belfry//a.toml", "/var/in-force/etc/belfry/a.toml"),
            ("/../../root/x", "/var/in-force/__above__/__above__/root/x"),
        ] {
            assert_eq!(reads.at(Path::new(path)), Path::new(place));
        }
        let here = std::env::current_dir().expect("a folder");
        assert_eq!(reads.at(Path::new("plan/a.toml")), reads.at(&here.join("plan/a.toml")));
        assert_eq!(Reads::of_disk().at(Path::new("plan/a.toml")), Path::new("plan/a.toml"));
    }

    #[test]
    fn copies_are_for_belfry_alone_whole_and_written_only_when_something_changed() {
        let dir = tempfile::tempdir().expect("a folder");
        let first = noted(&[("/etc/b/b.toml", "one"), ("/etc/b/plan/a.xml", "two")]);
        assert!(there(dir.path()).is_none());
        assert_eq!(keep(dir.path(), &first), Ok(true));
        assert_eq!(keep(dir.path(), &first), Ok(false), "the same");
        let (folder, _) = there(dir.path()).expect("they are kept");
        let mode = |place: &str| {
            let about = fs::metadata(folder.join(place)).expect("it is there");
            about.permissions().mode() & 0o777
        };
        assert_eq!([mode(""), mode("etc/b"), mode("etc/b/b.toml")], [0o700, 0o700, 0o600]);
        let read = |path: &str| {
            let bytes = Reads::of_copies(folder.clone()).bytes(Path::new(path));
            bytes.map(|bytes| String::from_utf8(bytes).expect("text")).map_err(|e| e.kind())
        };
        assert_eq!(read("/etc/b/plan/a.xml"), Ok("two".to_owned()));
        // A file that is gone is gone from the copies; a change of the same length is one.
        assert_eq!(keep(dir.path(), &noted(&[("/etc/b/b.toml", "ONE")])), Ok(true));
        assert_eq!(read("/etc/b/b.toml"), Ok("ONE".to_owned()));
        assert_eq!(read("/etc/b/plan/a.xml"), Err(ErrorKind::NotFound));
        assert!(!dir.path().join(NEW).exists() && !dir.path().join(BEFORE).exists());
    }

    /// What the kernel has counted of this thread's writing: bytes, and calls.
    fn counted() -> Option<[u64; 2]> {
        let text = fs::read_to_string("/proc/thread-self/io").ok()?;
        let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.parse().ok());
        Some([of("wchar: ")?, of("syscw: ")?])
    }

    /// With two thousand secrets a start writes nothing, and a change of one writes that one.
    #[test]
    fn of_thousands_of_files_only_those_that_changed_are_written() {
        const FILES: usize = 2_000;
        let dir = tempfile::tempdir().expect("a folder");
        let all = |changed: &str| {
            let mut all = Noted::default();
            for nth in 0..FILES {
                let text = if nth == 7 { changed.to_owned() } else { format!("secret {nth}") };
                all.add(format!("etc/b/secrets/{nth}").into(), text.into_bytes());
            }
            all
        };
        let keep = |noted: &Noted| {
            let before = counted();
            let written = written_anew(dir.path(), noted).expect("kept");
            let after = counted();
            (written, before.zip(after).map(|(b, a)| [a[0] - b[0], a[1] - b[1]]))
        };
        let (first, _) = keep(&all("one"));
        assert_eq!(first.map(|written| (written.files, written.linked)), Some((FILES, 0)));
        let (second, calls) = keep(&all("one"));
        assert_eq!(second, None);
        assert!(calls.is_none_or(|calls| calls == [0, 0]), "{calls:?}");
        let (third, calls) = keep(&all("another"));
        assert_eq!(third, Some(Written { files: 1, bytes: 7, linked: FILES - 1 }));
        assert!(calls.is_none_or(|calls| calls == [7, 1]), "{calls:?}");
        let (folder, _) = there(dir.path()).expect("kept");
        let reads = Reads::of_copies(folder.clone());
        assert_eq!(reads.bytes(Path::new("/etc/b/secrets/7")).expect("read"), b"another");
        assert_eq!(reads.bytes(Path::new("/etc/b/secrets/8")).expect("read"), b"secret 8");
        // A copy that others may read gets no further name.
        let open = fs::Permissions::from_mode(0o644);
        fs::set_permissions(folder.join("etc/b/secrets/9"), open).expect("ours");
        let (fourth, _) = keep(&all("one"));
        assert_eq!(fourth.map(|written| (written.files, written.linked)), Some((2, FILES - 2)));
        let about = fs::metadata(folder.join("etc/b/secrets/9")).expect("there");
        assert_eq!(about.permissions().mode() & 0o777, 0o600);
    }

    /// Ended at any moment, the next start finds those of before or the new ones, whole.
    #[test]
    fn a_keeping_that_was_cut_off_leaves_what_was_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        keep(dir.path(), &noted(&[("/a", "one")])).expect("kept");
        fs::create_dir_all(dir.path().join(NEW).join("half")).expect("a folder");
        fs::rename(dir.path().join(NAME), dir.path().join(BEFORE)).expect("renamed");
        let (folder, _) = there(dir.path()).expect("those of before");
        assert_eq!(Reads::of_copies(folder).bytes(Path::new("/a")).expect("read"), b"one");
        assert_eq!(keep(dir.path(), &noted(&[("/a", "two")])), Ok(true));
        let (folder, _) = there(dir.path()).expect("the new ones");
        assert_eq!(folder, dir.path().join(NAME));
        assert!(!folder.join("half").exists());
    }

    #[test]
    fn a_file_that_came_into_force_alone_is_kept_beside_the_others() {
        let dir = tempfile::tempdir().expect("a folder");
        let own = dir.path().join("c.pem");
        fs::write(&own, "renewed").expect("written");
        assert_eq!(keep_too(dir.path(), [&own].into_iter()), Ok(false), "nothing is kept yet");
        let name = own.display().to_string();
        keep(dir.path(), &noted(&[("/a", "one"), (&name, "old")])).expect("kept");
        assert_eq!(keep_too(dir.path(), [&own].into_iter()), Ok(true));
        let (folder, _) = there(dir.path()).expect("kept");
        let reads = Reads::of_copies(folder);
        assert_eq!(reads.bytes(&own).expect("read"), b"renewed");
        assert_eq!(reads.bytes(Path::new("/a")).expect("read"), b"one");
    }

    #[test]
    fn too_many_are_not_kept_and_what_was_kept_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        keep(dir.path(), &noted(&[("/a", "one")])).expect("kept");
        let mut many = Noted::default();
        many.add("big".into(), vec![0; MOST_BYTES]);
        assert!(!many.too_many);
        many.add("more".into(), vec![0]);
        assert!(keep(dir.path(), &many).unwrap_err().contains("64 MiB"));
        let mut many = Noted::default();
        (0..=MOST_FILES).for_each(|n| many.add(n.to_string().into(), Vec::new()));
        assert!(many.too_many && many.files.is_empty(), "they are held no longer");
        assert!(there(dir.path()).is_some_and(|(folder, _)| folder.join("a").exists()));
    }

    #[test]
    fn where_copies_may_be_is_found_in_what_is_no_toml() {
        let found =
            |text: &str| written(text, "node", "data_dir").map(|dir| dir.display().to_string());
        let some = |dir: &str| Some(dir.to_owned());
        assert_eq!(found("[node]\ndata_dir = \"/d\"\nnme = 1\n"), some("/d"));
        assert_eq!(found("[node]\n data_dir = '/d' # here\n[[route\n"), some("/d"));
        assert_eq!(found("[store]\ndata_dir = \"/no\"\n[node]\n[x\n"), None);
        assert_eq!(found("[node]\ndata_dir = \"/half\n"), None);
        let dir = tempfile::tempdir().expect("a folder");
        assert!(data_dirs(&dir.path().join("none.toml")).contains(&"/var/lib/belfry".into()));
    }
}
