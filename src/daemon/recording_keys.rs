//! The keys of encrypted recordings, as the daemon has them: read from their file or the environment, made by `belfry
//! recording key`.
//!
//! A key that cannot be had stops nothing: calls go on, and what can neither be kept nor read says so. Not here: what a
//! key is ([`envelope`](crate::record::envelope)), who uses it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::Config;
use crate::engine::disk::keys::Keys;
use crate::record::envelope::{KEY, KeyId, Keyring, id_of, written};

/// Bytes of a file of keys at most.
const MOST_BYTES: u64 = 64 << 10;
/// What a file of keys says of itself.
const HEAD: &str = "# Keys of Belfry's recordings: the first encrypts, all decrypt. Without a key nothing that it has\n\
                    # encrypted can be read by anybody, so keep a copy elsewhere; whoever has it hears the recordings.\n";

/// The keys that the configuration names; none if it names none.
pub(super) fn ring(config: &Config) -> Result<Keyring, String> {
    let record = &config.record;
    let (place, text) = match (&record.key_file, &record.key_env) {
        (Some(path), _) => (path.display().to_string(), read(path).map_err(|e| e.to_string())),
        (None, Some(name)) => {
            let text = std::env::var(name.as_str()).map(Zeroizing::new);
            (format!("the environment variable {}", name.as_str()), text.map_err(|e| e.to_string()))
        }
        (None, None) => return Ok(Keyring::default()),
    };
    let ring = text.and_then(|text| Keyring::parse(&text).map_err(|fault| fault.to_string()));
    ring.map_err(|why| format!("the keys of recordings cannot be had from {place}: {why}"))
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    super::files::plain(path)?;
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// What is to be done when there are none.
const REMEDY: &str = "put it right ('belfry doctor' tells when it is) and reload";

/// The keys at the start. That there are none is told in one line.
pub(super) fn at_start(config: &Config) -> Keys {
    match ring(config) {
        Ok(ring) => {
            if let (true, Some(id)) = (config.record.encrypt, ring.ids().next()) {
                tracing::info!("recordings are encrypted, with key {id}");
            }
            Keys::new(ring)
        }
        Err(why) if config.record.encrypt => {
            tracing::error!("{why}: no call is recorded until then, calls go on; {REMEDY}");
            Keys::default()
        }
        Err(why) => {
            tracing::warn!("{why}: encrypted recordings cannot be read until then; {REMEDY}");
            Keys::default()
        }
    }
}

/// The keys after a reload; a warning: they cannot be had, and those that were known stay.
pub(super) fn renew(keys: &Keys, config: &Config) -> Option<String> {
    match ring(config) {
        Ok(ring) => {
            keys.put(ring);
            None
        }
        Err(why) if keys.ring().ids().next().is_none() => {
            Some(format!("{why}: encrypted recordings cannot be read"))
        }
        Err(why) => Some(format!("{why}; those that were known before stay in use")),
    }
}

/// Makes a file of one key; with `add` puts a new key before those in it. Gives the new key's name.
pub(super) fn make(path: &Path, add: bool) -> Result<KeyId, String> {
    let told = |error: io::Error| match error.kind() {
        ErrorKind::AlreadyExists => format!(
            "{}: it is there already; --add puts a new key before those in it",
            path.display()
        ),
        ErrorKind::NotFound if add => {
            format!("{}: {error}; without --add it is made", path.display())
        }
        _ => format!("{}: {error}", path.display()),
    };
    let mut key = Zeroizing::new([0; KEY]);
    getrandom::fill(&mut *key).map_err(|e| format!("the system gives no random numbers: {e}"))?;
    let own = Zeroizing::new(format!("# {} of {}\n{}\n", id_of(&key), today(), *written(&key)));
    if !add {
        write(path, &[HEAD, &own]).map_err(told)?;
        return Ok(id_of(&key));
    }
    let before = read(path).map_err(told)?;
    // What is no file of keys is not written over.
    Keyring::parse(&before).map_err(|fault| format!("{}: {fault}", path.display()))?;
    let (head, rest) = match before.strip_prefix(HEAD) {
        Some(rest) => (HEAD, rest),
        None => ("", before.as_str()),
    };
    let both = Zeroizing::new([head, own.as_str(), rest].concat());
    Keyring::parse(&both).map_err(|fault| format!("{}: with one more {fault}", path.display()))?;
    let new = path.with_extension("new");
    let put = write(&new, &[&both]).and_then(|file| {
        let meta = fs::metadata(path)?;
        // Belfry must be able to read it as before.
        fchown(&file, Some(meta.uid()), Some(meta.gid()))?;
        file.set_permissions(meta.permissions())?;
        fs::rename(&new, path)
    });
    if let Err(error) = put {
        if error.kind() != ErrorKind::AlreadyExists {
            let _ = fs::remove_file(&new);
        }
        return Err(format!("{}: {error}", new.display()));
    }
    Ok(id_of(&key))
}

/// Writes a file that was not there, for who writes it alone; it is on the disk.
fn write(path: &Path, parts: &[&str]) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let all = parts.iter().try_for_each(|part| file.write_all(part.as_bytes()));
    if let Err(error) = all.and_then(|()| file.sync_all()) {
        // Half a file of keys is none.
        let _ = fs::remove_file(path);
        return Err(error);
    }
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()?;
    Ok(file)
}

fn today() -> String {
    jiff::Zoned::now().date().to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(more: &str) -> Config {
        Config::parse(&format!("{}[record]\n{more}", crate::config::EMBEDDED)).unwrap().0
    }

    #[test]
    fn a_key_is_made_for_its_owner_and_a_new_one_comes_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let named = config(&format!("encrypt = true\nkey_file = \"{}\"\n", path.display()));
        let why = ring(&named).unwrap_err();
        assert!(why.contains("keys: No such file"), "{why}");
        assert!(at_start(&named).ring().is_empty(), "the start goes on");
        assert!(make(&path, true).unwrap_err().contains("without --add it is made"));
        let first = make(&path, false).unwrap();
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        let keys = at_start(&named);
        assert_eq!(keys.ring().ids().collect::<Vec<_>>(), [first]);
        assert!(make(&path, false).unwrap_err().contains("--add"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let second = make(&path, true).unwrap();
        assert_eq!(renew(&keys, &named), None);
        assert_eq!(keys.ring().ids().collect::<Vec<_>>(), [second, first]);
        assert_eq!(mode(), 0o640, "whoever could read it still can");
        assert!(fs::read_to_string(&path).unwrap().starts_with(HEAD));
        // What is no key is told, never shown, and takes nothing away.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 3]).unwrap();
        let why = renew(&keys, &named).unwrap();
        assert!(
            why.contains("its key 2 is none") && !why.contains(&text[text.len() - 40..]),
            "{why}"
        );
        assert_eq!(keys.ring().ids().count(), 2);
        assert!(make(&path, true).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_configuration_without_keys_has_none() {
        assert!(ring(&config("")).unwrap().is_empty());
        let why = ring(&config("key_env = \"BELFRY_NO_SUCH_KEY\"\n")).unwrap_err();
        assert!(why.contains("BELFRY_NO_SUCH_KEY"), "{why}");
    }
}
