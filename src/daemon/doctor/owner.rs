//! Whether the files below `[node] data_dir` are those of the user that Belfry runs as: looked at by root, who may write
//! everything and would not notice.
//!
//! A command such as `belfry subscriber import`, run by root before the first start, leaves files of root's behind.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::Config;

/// The system's users and groups (passwd(5), group(5)).
const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";
const ROOT: u32 = 0;

/// A user.
#[derive(Clone, PartialEq, Eq, Debug)]
struct User {
    name: String,
    uid: u32,
    /// All groups that it is in.
    gids: Vec<u32>,
}

/// `runs`: the appliance does. `own`: the configuration's file.
pub(super) fn look(config: &Config, own: Option<&Path>, runs: bool) -> Vec<Finding> {
    let of = |path: &Path| fs::metadata(path).ok();
    // Others see for themselves what they may write.
    if of(Path::new("/proc/self")).is_none_or(|own| own.uid() != ROOT) {
        return Vec::new();
    }
    let [users, groups] = [USERS, GROUPS].map(|file| fs::read_to_string(file).unwrap_or_default());
    let socket = runs.then(|| of(&config.console.socket)).flatten().map(|meta| meta.uid());
    let data = of(&config.node.data_dir).map(|meta| meta.uid()).filter(|uid| *uid != ROOT);
    let by_group = || {
        let gid = of(own?)?.gid();
        let mut all = users.lines().filter_map(passwd);
        all.find(|(_, uid, own)| *uid != ROOT && *own == gid).map(|(_, uid, _)| uid)
    };
    let Some(uid) = socket.or(data).or_else(by_group).filter(|uid| *uid != ROOT) else {
        return Vec::new();
    };
    let user = user(&users, &groups, uid);
    wrong(&files(config), &user)
}

/// What Belfry writes below its directory.
fn files(config: &Config) -> Vec<PathBuf> {
    let database = config.database();
    let beside = |end: &str| {
        let mut name = database.clone().into_os_string();
        name.push(end);
        PathBuf::from(name)
    };
    let (wal, shm) = (beside("-wal"), beside("-shm"));
    let data = config.node.data_dir.clone();
    vec![data, config.recordings_dir(), config.journal_dir(), database, wal, shm]
}

fn wrong(files: &[PathBuf], user: &User) -> Vec<Finding> {
    let told = |path: &PathBuf| {
        let meta = fs::metadata(path).ok()?;
        let may = may_write(user, (meta.uid(), meta.gid(), meta.mode()));
        (!may).then(|| {
            let (path, name) = (path.display(), &user.name);
            Finding::error(
                "owner",
                format!("{path} cannot be written by {name}, as whom Belfry runs"),
                format!("chown -R {name}: {path}"),
            )
        })
    };
    files.iter().filter_map(told).collect()
}

/// As the system decides it: the first of owner, group, others that fits says it.
fn may_write(user: &User, (uid, gid, mode): (u32, u32, u32)) -> bool {
    let bit = match () {
        () if uid == user.uid => 0o200,
        () if user.gids.contains(&gid) => 0o020,
        () => 0o002,
    };
    mode & bit != 0
}

/// Name, number, and the number of its first group.
fn passwd(line: &str) -> Option<(&str, u32, u32)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let uid = fields.nth(1)?.parse().ok()?;
    Some((name, uid, fields.next()?.parse().ok()?))
}

fn user(users: &str, groups: &str, uid: u32) -> User {
    let found = users.lines().filter_map(passwd).find(|(_, own, _)| *own == uid);
    let Some((name, uid, first)) = found else {
        return User { name: uid.to_string(), uid, gids: Vec::new() };
    };
    let further = groups.lines().filter_map(|line| {
        let mut fields = line.split(':').skip(2);
        let gid: u32 = fields.next()?.parse().ok()?;
        fields.next()?.split(',').any(|member| member == name).then_some(gid)
    });
    let gids = std::iter::once(first).chain(further).collect();
    User { name: name.to_owned(), uid, gids }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::doctor::State;

    const PASSWD: &str =
        "root:x:0:0::/root:/bin/sh\nodd\nbelfry:x:990:991::/var/lib/belfry:/bin/false\n";
    const GROUP: &str = "root:x:0:\nodd\nbelfry:x:991:\naudio:x:29:anna,belfry\n";

    #[test]
    fn a_user_is_read_with_all_its_groups() {
        let belfry = user(PASSWD, GROUP, 990);
        assert_eq!(belfry, User { name: "belfry".into(), uid: 990, gids: vec![991, 29] });
        assert_eq!(user(PASSWD, GROUP, 7).name, "7");
    }

    #[test]
    fn who_may_write_is_decided_as_the_system_does() {
        let belfry = user(PASSWD, GROUP, 990);
        for (file, may) in [
            ((990, 991, 0o100_640), true),
            ((990, 0, 0o100_440), false),
            ((0, 0, 0o100_644), false),
            ((0, 991, 0o100_660), true),
            ((0, 29, 0o100_640), false),
            ((0, 0, 0o100_666), true),
            ((0, 991, 0o100_646), false),
        ] {
            assert_eq!(may_write(&belfry, file), may, "{file:?}");
        }
    }

    #[test]
    fn a_file_of_another_s_is_an_error_with_its_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        fs::write(&path, "").unwrap();
        let files = [path.clone(), dir.path().join("belfry.db-wal")];
        let mine = fs::metadata(&path).unwrap().uid();
        let of = |uid| User { name: "belfry".into(), uid, gids: Vec::new() };
        assert_eq!(wrong(&files, &of(mine)), []);
        let [found] = &wrong(&files, &of(mine + 1))[..] else { panic!("one is there") };
        assert_eq!(found.state, State::Error);
        assert!(
            found.remedy.starts_with("chown -R belfry: ") && found.remedy.ends_with("belfry.db")
        );
    }
}
