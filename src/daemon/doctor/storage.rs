//! Directories, room for recordings, the records' file, prompts.

use std::fs;
use std::path::Path;

use super::Finding;
use crate::config::Config;
use crate::daemon::files::{self, Loaded};
use crate::daemon::recording_keys;
use crate::engine::disk::space::space;
use crate::store::database::{Database, Trouble};

/// Bytes of a call's recording in an hour: two channels of A-law.
const HOUR: u64 = 2 * 8_000 * 3_600;
/// Hours of recording that there should be room for, one call: four weeks of days of ten hours.
const HOURS_WANTED: u64 = 280;
/// Folders that are named in one line.
const MOST_NAMED: usize = 8;
const GIGABYTE: u64 = 1_000_000_000;

pub(super) fn look(loaded: &Loaded, records: bool) -> Vec<Finding> {
    let config = &loaded.config;
    let recordings = config.recordings_dir();
    let mut findings = vec![
        directory("data", "[node] data_dir", &config.node.data_dir),
        directory("recordings", "[record] dir", &recordings),
        room(config, &recordings),
    ];
    findings.push(database(&config.database(), records));
    findings.push(prompts(loaded));
    findings.extend(keys(config));
    findings.extend(reports_left(config));
    findings
}

/// Whether files can be written below `dir`, or below what there is of it.
fn directory(about: &'static str, key: &str, dir: &Path) -> Finding {
    let there = dir.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("/"));
    match write_and_remove(there) {
        Ok(()) if there == dir => Finding::ok(about, format!("{} can be written", dir.display())),
        Ok(()) => Finding::ok(about, format!("{} will be made", dir.display())),
        Err(error) => Finding::error(
            about,
            format!("{} cannot be written: {error}", there.display()),
            format!("correct {key}, or make the directory Belfry's"),
        ),
    }
}

/// Writes a file and takes it away.
fn write_and_remove(dir: &Path) -> std::io::Result<()> {
    let path = dir.join(format!(".belfry-doctor-{}", std::process::id()));
    fs::File::create_new(&path)?;
    fs::remove_file(&path)
}

/// Folders of kept reports whose `[[report]]` is no more: what removes reports past their time knows those of the
/// configuration alone.
fn reports_left(config: &Config) -> Option<Finding> {
    let dir = config.reports_dir();
    let known = |name: &str| config.reports.iter().any(|own| own.name.as_str() == name);
    let folders = fs::read_dir(&dir).ok()?.flatten().filter(|entry| entry.path().is_dir());
    let mut left: Vec<String> =
        folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    left.retain(|name| !known(name));
    left.sort();
    (!left.is_empty()).then(|| {
        let first: Vec<&str> = left.iter().take(MOST_NAMED).map(String::as_str).collect();
        let more = left.len() - first.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Finding::warning(
            "reports",
            format!(
                "{} in {}, of which no [[report]] is any more: {}{more}. They are kept, and never removed by age",
                files::counted(left.len(), "folder"),
                dir.display(),
                first.join(", ")
            ),
            "move away or remove what is not to be kept, or write the [[report]] again",
        )
    })
}

/// Bytes as a person reads them.
fn size(bytes: u64) -> String {
    match bytes {
        ..GIGABYTE => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / GIGABYTE),
    }
}

fn room(config: &Config, dir: &Path) -> Finding {
    let there = dir.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("/"));
    let space = match space(there) {
        Ok(space) => space,
        Err(error) => {
            let found = format!("{}: its size cannot be known: {error}", there.display());
            return Finding::warning("disk", found, "look at it with `df`");
        }
    };
    let most = space.total / 100 * u64::from(config.record.max_disk.get());
    let left = most.saturating_sub(space.used);
    let hours = left / HOUR;
    let found = format!(
        "{} of {} are left for recordings (up to {} %): {hours} hours of calls, five times as many packed, or more",
        size(left),
        size(space.total),
        config.record.max_disk.get(),
    );
    match hours {
        0 => {
            Finding::error("disk", found, "make room: no call is recorded above [record] max_disk")
        }
        1..HOURS_WANTED => {
            Finding::warning("disk", found, "make room, or keep less ([record] keep)")
        }
        _ => Finding::ok("disk", found),
    }
}

/// Files that hold passwords, and that others than Belfry and its group may read.
pub(super) fn rights(config: &Config, own: Option<&Path>) -> Vec<Finding> {
    use std::os::unix::fs::PermissionsExt;
    let kept = crate::daemon::accounts::book::path(config);
    let named = config.files();
    let secrets = named.iter().filter(|file| file.secret).map(|file| file.path.as_path());
    // One that holds no password itself may be read by all.
    let own = own.filter(|path| fs::read_to_string(path).is_ok_and(|text| has_password(&text)));
    let all = secrets.chain(own).chain([kept.as_path()]);
    let open =
        |path: &&Path| fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0);
    let told = |path: &Path| {
        Finding::warning(
            "rights",
            format!("{} holds a password or a key, and every user may read it", path.display()),
            format!("chgrp belfry {0}; chmod 0640 {0}", path.display()),
        )
    };
    all.filter(open).map(told).collect()
}

/// Keys whose texts are for nobody else.
const SECRET: [&str; 5] = ["password", "pin", "token", "secret", "hook_secret"];

/// Whether a configuration holds one itself, however deep in its tables; of one that is no TOML its lines are looked at.
fn has_password(text: &str) -> bool {
    fn within(value: &toml::Value) -> bool {
        match value {
            toml::Value::Array(all) => all.iter().any(within),
            toml::Value::Table(table) => table.iter().any(|(key, value)| {
                value.is_str() && SECRET.contains(&key.as_str()) || within(value)
            }),
            _ => false,
        }
    }
    match text.parse::<toml::Table>() {
        Ok(table) => within(&toml::Value::Table(table)),
        Err(_) => text.lines().any(|line| {
            let key = line.split_once('=').map_or("", |(key, _)| key.trim());
            SECRET.contains(&key)
        }),
    }
}

/// How the records' file is; `whole`: it is read from end to end.
fn database(path: &Path, whole: bool) -> Finding {
    if !path.exists() {
        return Finding::ok("records", format!("{} will be made", path.display()));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Finding::warning("records", error.to_string(), "try again"),
    };
    let looked = runtime.block_on(async {
        let mut database = Database::look(path).await?;
        if whole { database.check().await } else { Ok(()) }
    });
    match looked {
        Ok(()) if whole => Finding::ok("records", format!("{} is whole", path.display())),
        Ok(()) => Finding::ok(
            "records",
            format!("{} opens; --records reads all of it for damage", path.display()),
        ),
        Err(trouble) => {
            let remedy = remedy(&trouble, path);
            Finding::error("records", trouble.to_string(), remedy)
        }
    }
}

/// A sound file is never to be put aside for what another remedy mends.
fn remedy(trouble: &Trouble, path: &Path) -> String {
    let path = path.display();
    match trouble {
        Trouble::Damaged(..) => {
            "stop Belfry and put a sound copy in its place (belfry restore --only store FILE): records written since that copy \
             was made are not in it, but for those that the journal still holds. Only where there is no copy, move it away with \
             its -wal and -shm: of what was in it the new one has the subscribers alone, by subscribers.copy"
                .to_owned()
        }
        Trouble::Away(..) => format!(
            "the file may be sound: leave it where it is. 'lsof {path}' names who holds it; 'ls -l {path}*' says whose it and its \
             -wal and -shm are: Belfry's user has to own them (chown)"
        ),
        Trouble::NewerSchema { .. } => {
            "the file is sound: install the later version that wrote it (apt install ./belfry.deb)".to_owned()
        }
        Trouble::NoCopy(..) => "make room; the file is sound".to_owned(),
        Trouble::OlderSchema { .. } => "systemctl restart belfry".to_owned(),
        Trouble::Foreign(..) => "set another [store] url, or move what does not belong there".to_owned(),
        Trouble::Refused(..) => "look at the log (journalctl -u belfry); the file is sound".to_owned(),
    }
}

/// Whether the keys of recordings can be had, where there are to be any.
fn keys(config: &Config) -> Option<Finding> {
    let record = &config.record;
    let named = record.key_file.is_some() || record.key_env.is_some();
    let found = match recording_keys::ring(config) {
        Ok(ring) => {
            let keys = files::counted(ring.ids().count(), "key");
            let first = ring.ids().next()?;
            let does = if record.encrypt { "encrypts" } else { "would encrypt" };
            Finding::ok("recordings", format!("{keys}, of which {first} {does}"))
        }
        Err(why) => {
            let what =
                if record.encrypt { "no call is recorded" } else { "none is needed to record" };
            let remedy = "put the file of keys back, readable by Belfry's user, and reload; `belfry recording key FILE` \
                          makes a new one, with which older recordings cannot be read";
            let finding = if record.encrypt { Finding::error } else { Finding::warning };
            finding("recordings", format!("{why}: {what}"), remedy)
        }
    };
    named.then_some(found)
}

fn prompts(loaded: &Loaded) -> Finding {
    if let Some(fault) = loaded.without_sounds() {
        return Finding::error("prompts", fault.what, fault.remedy);
    }
    let (clips, bad) = loaded.sounds.clips();
    match bad.first() {
        None => Finding::ok("prompts", format!("{} can be played", clips.len())),
        Some(first) => Finding::error(
            "prompts",
            format!(
                "{} cannot be played, first {}: {}",
                bad.len(),
                first.path.display(),
                first.why
            ),
            "make it a WAV of 8 to 48 kHz, A-law, µ-law or 16 bit, or take it away",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::doctor::State;

    #[test]
    fn folders_of_reports_that_are_no_more_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "[node]\ndata_dir = \"{}\"\n[sip]\nlisten = \"udp:127.0.0.1:5060\"\n[[report]]\nname = \"daily\"\nof = \"queue\"\n",
            dir.path().display()
        );
        let config = Config::parse(&text).unwrap().0;
        assert_eq!(reports_left(&config), None);
        let reports = config.reports_dir();
        fs::create_dir_all(reports.join("daily")).unwrap();
        fs::write(reports.join("a-file"), "").unwrap();
        assert_eq!(reports_left(&config), None);
        for name in ["weekly", "old"] {
            fs::create_dir_all(reports.join(name)).unwrap();
        }
        let found = reports_left(&config).expect("two are left");
        assert!(
            found.found.contains("2 folders") && found.found.contains(": old, weekly."),
            "{found:?}"
        );
        assert_eq!(found.state, State::Warning);
    }

    #[test]
    fn a_directory_is_looked_at_where_it_will_be() {
        let dir = tempfile::tempdir().unwrap();
        let found = directory("data", "[node] data_dir", &dir.path().join("deep/er"));
        assert_eq!(found.state, State::Ok, "{found:?}");
        assert!(found.found.ends_with("will be made"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
        let found = directory("data", "[node] data_dir", Path::new("/proc/belfry"));
        assert_eq!(found.state, State::Error, "{found:?}");
    }

    #[test]
    fn a_file_that_is_no_database_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        assert_eq!(database(&path, true).state, State::Ok);
        fs::write(&path, [7; 5_000]).unwrap();
        assert_eq!(database(&path, false).state, State::Error);
        assert_eq!(database(&path, true).state, State::Error);
        assert!(database(&path, true).remedy.contains("belfry restore --only store"));
    }

    /// At three in the morning nobody is to put last night's copy over a sound store.
    #[test]
    fn a_store_that_is_only_away_or_newer_is_not_to_be_replaced() {
        let path = Path::new("/var/lib/belfry/belfry.db");
        let own = || path.to_owned();
        let damaged = remedy(&Trouble::Damaged(own(), "x".into()), path);
        assert!(damaged.contains("belfry restore --only store"), "{damaged}");
        for trouble in [
            Trouble::Away(own(), "database is locked".into()),
            Trouble::NewerSchema { path: own(), found: 26, known: 25 },
            Trouble::OlderSchema { path: own(), found: 24, known: 25 },
            Trouble::Foreign(own()),
            Trouble::NoCopy(own(), "no room".into()),
            Trouble::Refused("x".into()),
        ] {
            let remedy = remedy(&trouble, path);
            assert!(!remedy.contains("restore") && !remedy.is_empty(), "{trouble:?}: {remedy}");
        }
        // One whose file may not be opened.
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("belfry.db");
        fs::create_dir(&at).unwrap();
        let found = database(&at, false);
        assert!(found.state == State::Error && !found.remedy.contains("restore"), "{found:?}");
    }

    #[test]
    fn keys_of_recordings_that_are_missing_or_that_everybody_may_read_are_told() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let config = |encrypt: bool| {
            let text = format!(
                "{}[record]\nencrypt = {encrypt}\nkey_file = \"{}\"\n",
                crate::config::EMBEDDED,
                path.display()
            );
            Config::parse(&text).unwrap().0
        };
        assert_eq!(keys(&Config::embedded()), None);
        assert_eq!(keys(&config(true)).unwrap().state, State::Error);
        assert_eq!(keys(&config(false)).unwrap().state, State::Warning);
        let id = recording_keys::make(&path, false).unwrap().to_string();
        let found = keys(&config(true)).unwrap();
        assert!(found.state == State::Ok && found.found.contains(&id), "{found:?}");
        assert_eq!(rights(&config(true), None), []);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let [open] = &rights(&config(true), None)[..] else { panic!("not one finding") };
        assert!(open.found.contains("every user may read it"), "{open:?}");
    }

    #[test]
    fn passwords_are_seen_wherever_they_stand() {
        for text in [
            "[[webhook]]\nname = \"a\"\nsecret = \"tea\"\n",
            "phone = [{ number = \"1\", password = \"x\" }]\n",
            "[mail]\npassword=\"x\"\n",
            "[[agent]\nbroken\npin = \"1234\"\n",
        ] {
            assert!(has_password(text), "{text}");
        }
        for text in ["[[phone]]\npassword_file = \"/x\"\n", "[a.secret]\nb = 1\n", ""] {
            assert!(!has_password(text), "{text}");
        }
    }

    #[test]
    fn a_password_that_everybody_may_read_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.toml");
        let text = format!(
            "[node]\ndata_dir = \"{}\"\n[media]\naddress = \"127.0.0.1\"\n[[phone]]\nnumber = \"1001\"\n\
             password = \"x\"\n",
            dir.path().display()
        );
        fs::write(&path, &text).unwrap();
        let config = Config::parse(&text).unwrap().0;
        let found = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            rights(&config, Some(&path))
        };
        assert_eq!(found(0o640), []);
        assert!(found(0o644)[0].remedy.contains("chmod 0640"));
        fs::write(&path, text.replace("password = \"x\"", "password_env = \"X\"")).unwrap();
        assert_eq!(found(0o644), []);
    }
}
