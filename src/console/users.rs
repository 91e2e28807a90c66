//! The system's users and groups, by name and by number: who gives an order, whose the socket is, whose files are.
//!
//! passwd(5) and group(5) as they stand in `/etc`; users of a directory service are known by their numbers alone.

use std::fs;
use std::path::Path;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// Both lists, as they were when they were read. What cannot be read is empty, and [`Users::gid_of`] says why.
#[derive(Clone, Debug, Default)]
pub struct Users {
    users: String,
    groups: String,
    /// Why there are no groups.
    unread: Option<String>,
}

impl Users {
    /// Those of this system.
    pub fn of_system() -> Users {
        Users::read(Path::new(USERS), Path::new(GROUPS))
    }

    fn read(users: &Path, groups: &Path) -> Users {
        let told = |error: std::io::Error| format!("{}: {error}", groups.display());
        let (groups, unread) = match fs::read_to_string(groups).map_err(told) {
            Ok(groups) => (groups, None),
            Err(why) => (String::new(), Some(why)),
        };
        Users { users: fs::read_to_string(users).unwrap_or_default(), groups, unread }
    }

    /// The number of a group, for whoever must not take a list that could not be read for one without it.
    ///
    /// # Errors
    /// Why the list could not be read.
    pub fn gid_of(&self, name: &str) -> Result<Option<u32>, &str> {
        match &self.unread {
            Some(why) => Err(why),
            None => Ok(self.gid(name)),
        }
    }

    /// A user's name.
    pub fn user(&self, uid: u32) -> Option<&str> {
        named(&self.users, uid)
    }

    /// A group's name.
    pub fn group(&self, gid: u32) -> Option<&str> {
        named(&self.groups, gid)
    }

    /// The number of a user.
    pub fn uid(&self, name: &str) -> Option<u32> {
        numbered(&self.users, name)
    }

    /// The number of a group.
    pub fn gid(&self, name: &str) -> Option<u32> {
        numbered(&self.groups, name)
    }

    /// The first user, but root, whose own group that is; nobody's is root's, in which systems have users of their own.
    pub fn of_group(&self, gid: u32) -> Option<u32> {
        let mut all = self.users.lines().filter_map(fields).filter(|_| gid != 0);
        all.find(|(_, uid, more)| *uid != 0 && first_group(more) == Some(gid))
            .map(|(_, uid, _)| uid)
    }

    /// The groups of a user: its own, and those that name it.
    pub fn groups_of(&self, uid: u32) -> Vec<u32> {
        let found = self.users.lines().filter_map(fields).find(|(_, own, _)| *own == uid);
        let Some((name, _, more)) = found else { return Vec::new() };
        let names_it = |(_, gid, more): (&str, u32, &str)| {
            let members = more.split(':').next().unwrap_or_default();
            members.split(',').any(|member| member == name).then_some(gid)
        };
        let further = self.groups.lines().filter_map(fields).filter_map(names_it);
        first_group(more).into_iter().chain(further).collect()
    }
}

/// Who a process of `uid` is: one that became root after he had logged in is the one who did (proc(5), loginuid). What its
/// environment says is whatever it was told to say. `process`: its number, or `self`.
pub fn who(uid: u32, process: Option<&str>) -> String {
    let login = process.filter(|_| uid == 0).and_then(|process| {
        let uid = fs::read_to_string(format!("/proc/{process}/loginuid")).ok()?;
        uid.trim().parse::<u32>().ok()
    });
    let users = Users::of_system();
    let name = |uid| users.user(uid).map_or_else(|| format!("uid {uid}"), str::to_owned);
    // 0 and the highest number: root himself, or nobody has logged in.
    match login.filter(|uid| !matches!(*uid, 0 | u32::MAX)) {
        Some(uid) => format!("{} (root)", name(uid)),
        None => name(uid),
    }
}

/// Name, number, and what stands behind them.
fn fields(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.splitn(4, ':');
    let (name, _password, number) = (fields.next()?, fields.next()?, fields.next()?);
    Some((name, number.parse().ok()?, fields.next().unwrap_or_default()))
}

fn first_group(more: &str) -> Option<u32> {
    more.split(':').next()?.parse().ok()
}

fn named(list: &str, number: u32) -> Option<&str> {
    let found = list.lines().filter_map(fields).find(|(_, own, _)| *own == number);
    found.map(|(name, ..)| name)
}

fn numbered(list: &str, name: &str) -> Option<u32> {
    let found = list.lines().filter_map(fields).find(|(own, ..)| *own == name);
    found.map(|(_, number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> Users {
        Users {
            users: "root:x:0:0::/root:/bin/sh\nodd\nsync:x:5:0:sync:/sbin:/bin/sync\n\
                    belfry:x:990:991::/var/lib/belfry:/bin/false\n"
                .into(),
            groups: "root:x:0:\nodd\nbelfry:x:991:\naudio:x:29:anna,belfry\nshort:x:7\n".into(),
            unread: None,
        }
    }

    #[test]
    fn users_and_groups_have_names_and_numbers() {
        let all = both();
        assert_eq!((all.user(990), all.user(6)), (Some("belfry"), None));
        assert_eq!((all.group(991), all.group(7)), (Some("belfry"), Some("short")));
        assert_eq!((all.uid("belfry"), all.uid("odd"), all.uid("anna")), (Some(990), None, None));
        assert_eq!((all.gid("audio"), all.gid("odd")), (Some(29), None));
        assert_eq!((all.of_group(991), all.of_group(0)), (Some(990), None));
    }

    /// A disk that fails for a moment has taken no group away.
    #[test]
    fn groups_that_cannot_be_read_are_not_taken_for_none() {
        let dir = tempfile::tempdir().expect("a folder");
        let (users, groups) = (dir.path().join("passwd"), dir.path().join("group"));
        std::fs::write(&groups, "audio:x:29:\n").expect("written");
        let all = Users::read(&users, &groups);
        assert_eq!((all.gid_of("audio"), all.gid_of("gone")), (Ok(Some(29)), Ok(None)));
        std::fs::remove_file(&groups).expect("it was there");
        let none = Users::read(&users, &groups);
        let why = none.gid_of("audio").expect_err("it cannot be read");
        assert!(why.contains(&groups.display().to_string()), "{why}");
    }

    #[test]
    fn a_users_groups_are_its_own_and_those_that_name_it() {
        assert_eq!(both().groups_of(990), [991, 29]);
        assert_eq!(both().groups_of(6), Vec::<u32>::new());
        assert_eq!(Users::of_system().groups_of(0)[0], 0, "root is on each system");
    }
}
