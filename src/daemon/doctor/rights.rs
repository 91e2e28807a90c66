//! Whether Belfry's user may read what the configuration names, and write what it keeps.
//!
//! Root may everything, and whoever looks as root would find all well that the service then fails on: so files are
//! judged by the rights of the user as whom Belfry runs (whose socket, whose data it is), and without root by one's own.
//! By owner, group and mode, as chmod(1) has them; access lists are not looked at. A command such as
//! `belfry subscriber import`, run by root before the first start, leaves files of root's behind.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::Config;
use crate::console::users::Users;

/// The most files of the journal that are looked at.
const MOST: usize = 1_000;
/// What a mode allows, of its three bits.
const READ: u32 = 4;
const WRITE: u32 = 2;
const ENTER: u32 = 1;

/// As whom Belfry runs.
#[derive(Clone, PartialEq, Eq, Debug)]
struct User {
    uid: u32,
    groups: Vec<u32>,
    /// User and group, as a remedy names them.
    named: (String, String),
}

/// `runs`: the appliance does. `own`: the configuration's file.
pub(super) fn look(config: &Config, own: Option<&Path>, runs: bool) -> Vec<Finding> {
    let Some(user) = belfry(config, own, runs) else { return Vec::new() };
    judge(&user, config, own)
}

/// As whom Belfry runs, as far as can be told; none: as root, or nobody knows.
fn belfry(config: &Config, own: Option<&Path>, runs: bool) -> Option<User> {
    let of = |path: &Path| fs::metadata(path).ok();
    let users = Users::of_system();
    let looks = looking()?;
    if looks.uid != 0 {
        return Some(looks);
    }
    // Who has opened the socket, whose the data are, and before there are any: whose group may read the configuration.
    let socket = runs.then(|| of(&config.console.socket)).flatten().map(|meta| meta.uid());
    let data = of(&config.node.data_dir).filter(|meta| meta.uid() != 0);
    let by_group = || users.of_group(of(own?)?.gid());
    let uid = socket.or(data.as_ref().map(MetadataExt::uid)).or_else(by_group)?;
    let mut groups = users.groups_of(uid);
    groups.extend(data.filter(|meta| meta.uid() == uid).map(|meta| meta.gid()));
    (uid != 0).then(|| User { uid, named: named(&users, uid, &groups), groups })
}

fn named(users: &Users, uid: u32, groups: &[u32]) -> (String, String) {
    let gid = groups.first().copied().unwrap_or(uid);
    let user = users.user(uid).map_or_else(|| uid.to_string(), str::to_owned);
    (user, users.group(gid).map_or_else(|| gid.to_string(), str::to_owned))
}

/// Who looks, by proc(5).
fn looking() -> Option<User> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let numbers = |key: &str| -> Option<Vec<u32>> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.split_whitespace().filter_map(|word| word.parse().ok()).collect())
    };
    // Real, effective, saved, for files.
    let (uid, gid) = (*numbers("Uid:")?.get(1)?, *numbers("Gid:")?.get(1)?);
    let groups: Vec<u32> = std::iter::once(gid).chain(numbers("Groups:")?).collect();
    Some(User { uid, named: named(&Users::of_system(), uid, &groups), groups })
}

impl User {
    fn may(&self, meta: &Metadata, want: u32) -> bool {
        let mode = meta.permissions().mode();
        let own = match (meta.uid() == self.uid, self.groups.contains(&meta.gid())) {
            (true, _) => mode >> 6,
            (_, true) => mode >> 3,
            _ => mode,
        };
        own & want == want
    }

    /// The file, or the folder above it, that keeps this user from `want`; none where it is not there.
    fn kept_from(&self, path: &Path, want: u32) -> Option<(PathBuf, u32)> {
        let path = path.canonicalize().ok()?;
        let folders = path.ancestors().skip(1).map(|folder| (folder, ENTER));
        let all = folders.chain([(path.as_path(), want)]);
        let barred =
            |(at, want): &(&Path, u32)| fs::metadata(at).is_ok_and(|meta| !self.may(&meta, *want));
        all.filter(barred).map(|(at, want)| (at.to_owned(), want)).next()
    }
}

fn judge(user: &User, config: &Config, own: Option<&Path>) -> Vec<Finding> {
    let (name, group) = (&user.named.0, &user.named.1);
    let named = config.files();
    let read = named.iter().map(|file| file.path.as_path()).chain(own);
    let unread: Vec<Finding> = read
        .filter_map(|path| {
            let (at, want) = user.kept_from(path, READ)?;
            let remedy = match want {
                ENTER => format!("chgrp {group} {0}; chmod g+x {0}", at.display()),
                _ => format!("chgrp {group} {0}; chmod 0640 {0}", at.display()),
            };
            let path = path.display();
            let found =
                format!("{path} cannot be read by {name}, as whom Belfry runs{}", whose(&at));
            Some(Finding::error("rights", found, remedy))
        })
        .collect();
    let mut given: Vec<PathBuf> = Vec::new();
    let unwritten = kept(config).into_iter().filter_map(|path| {
        let want = if path.is_dir() { READ | WRITE | ENTER } else { READ | WRITE };
        let (at, _) = user.kept_from(&path, want)?;
        // The remedy for the folder is that for all below it.
        if given.iter().any(|folder| at.starts_with(folder)) {
            return None;
        }
        let shown = path.display();
        let found =
            format!("{shown} cannot be written by {name}, as whom Belfry runs{}", whose(&at));
        let remedy = match at == path {
            true => {
                given.push(at.clone());
                format!("chown -R {name}:{group} {shown}")
            }
            // A folder above, which may be others' as well.
            false => format!("chmod o+x {}", at.display()),
        };
        Some(Finding::error("rights", found, remedy))
    });
    let mut found: Vec<Finding> = unread.into_iter().chain(unwritten).collect();
    // One folder bars all files below it.
    let mut told = BTreeSet::new();
    found.retain(|finding| told.insert(finding.remedy.clone()));
    found
}

/// What Belfry keeps, as far as it is there.
fn kept(config: &Config) -> Vec<PathBuf> {
    let (database, journal) = (config.database(), config.journal_dir());
    let beside = |ending: &str| {
        let mut name = database.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    let entries = fs::read_dir(&journal).into_iter().flatten().flatten().take(MOST);
    let files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let mut all = vec![config.node.data_dir.clone(), journal];
    all.extend(files);
    all.extend([beside(""), beside("-wal"), beside("-shm"), config.recordings_dir()]);
    all.push(crate::daemon::accounts::book::path(config));
    // Designs of surveys and forms, places of web hooks, reports, traces: a restore by root may have made their folders.
    let below = fs::read_dir(&config.node.data_dir).into_iter().flatten().flatten().take(MOST);
    all.extend(below.map(|entry| entry.path()).filter(|path| path.is_dir()));
    all
}

/// Whose it is, and with which mode.
fn whose(path: &Path) -> String {
    let Ok(meta) = fs::metadata(path) else { return String::new() };
    let mode = meta.permissions().mode() & 0o7777;
    let (user, group) = named(&Users::of_system(), meta.uid(), &[meta.gid()]);
    format!(": {} is of user {user}, group {group}, mode {mode:04o}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Some user who is not the one that made the files.
    fn stranger(path: &Path) -> User {
        let meta = fs::metadata(path).unwrap();
        let named = ("belfry".to_owned(), "bells".to_owned());
        User { uid: meta.uid() + 4_321, groups: vec![meta.gid() + 4_321], named }
    }

    #[test]
    fn what_belfrys_user_may_not_read_or_write_is_named_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        with_mode(dir.path(), 0o755);
        fs::create_dir(at("data")).unwrap();
        fs::create_dir(at("data/journal")).unwrap();
        fs::write(at("secret"), "long one").unwrap();
        let text = format!(
            "[node]\ndata_dir = \"{0}/data\"\n[media]\naddress = \"127.0.0.1\"\n[[phone]]\nnumber = \"1001\"\n\
             password_file = \"{0}/secret\"\n",
            dir.path().display()
        );
        let config = Config::parse(&text).unwrap().0;
        let stranger = stranger(dir.path());
        let told = |user: &User| {
            judge(user, &config, None)
                .iter()
                .map(|f| format!("{} | {}", f.found, f.remedy))
                .collect::<Vec<_>>()
        };
        for folder in ["data", "data/journal"] {
            with_mode(&at(folder), 0o777);
        }
        with_mode(&at("secret"), 0o600);
        let found = told(&stranger);
        let [secret] = &found[..] else { panic!("{found:?}") };
        assert!(
            secret.contains("secret cannot be read") && secret.contains("mode 0600"),
            "{secret}"
        );
        assert!(secret.contains("chmod 0640"), "{secret}");
        let mut member = stranger.clone();
        member.groups.push(fs::metadata(at("secret")).unwrap().gid());
        with_mode(&at("secret"), 0o640);
        assert_eq!(told(&member), Vec::<String>::new());
        with_mode(&at("data/journal"), 0o755);
        let found = told(&member);
        assert!(found.len() == 1 && found[0].contains("journal cannot be written"), "{found:?}");
        assert!(found[0].contains("chown -R belfry:bells"), "{found:?}");
        assert!(found[0].contains("by belfry, as whom"), "{found:?}");
        // A folder that is another's bars what is below it: one remedy, not one for each.
        fs::write(at("data/belfry.db"), "").unwrap();
        with_mode(&at("data"), 0o700);
        let found = told(&member);
        let folder = format!("chown -R belfry:bells {}", at("data").display());
        assert!(found.len() == 1 && found[0].ends_with(&folder), "{found:?}");
        // One that is nobody's here, above Belfry's own.
        for path in ["data", "data/journal", "data/belfry.db"] {
            with_mode(&at(path), 0o777);
        }
        with_mode(dir.path(), 0o700);
        let found = told(&member);
        let above = format!("{} cannot be written", at("data").display());
        assert!(found.iter().any(|line| line.starts_with(&above)), "{found:?}");
        assert!(found.iter().all(|line| !line.contains("chown")), "{found:?}");
    }

    #[test]
    fn who_looks_is_known_with_its_groups() {
        assert!(looking().is_some_and(|own| !own.groups.is_empty()));
    }
}
