//! `belfry certificate`: makes a self-signed certificate, to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::cli::{self, fail};
use super::files;
use crate::config::{Config, Fingerprint};
use crate::console::out::{out, outln};
use crate::console::users::Users;
use crate::net::tls::certificate::day;
use crate::net::tls::self_signed::self_signed;

/// Who may read the key: Belfry's user alone. Who may read the certificate: all.
pub(super) const KEY_MODE: u32 = 0o600;
pub(super) const CERTIFICATE_MODE: u32 = 0o644;
/// Where root has made it for Belfry: who may read the key, and enter its folder.
const GROUP_KEY_MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;

pub(super) fn main(args: cli::Certificate) -> ExitCode {
    let names = match args.name.is_empty() {
        false => args.name.clone(),
        true => match files::names_of_file(&args.file) {
            Ok(config) => usual_names(&config),
            Err(lines) => return fail(&lines),
        },
    };
    // Whose data it is, his key it is.
    let data = files::names_of_file(&args.file).ok().map(|config| config.node.data_dir);
    match make(&names, &args, data.as_deref()) {
        Ok(made) => {
            match args.json {
                true => outln!("{:#}", made.document()),
                false => out!("{made}"),
            }
            ExitCode::SUCCESS
        }
        Err(why) => fail(&why),
    }
}

/// The names that peers call this appliance by.
pub(super) fn usual_names(config: &Config) -> Vec<String> {
    let listeners = config.listeners().into_iter().map(|(_, shown)| shown);
    let networks = config.networks.iter().map(|network| network.shown());
    let shown = listeners.chain(networks).map(|ip| ip.to_string());
    let mut names = vec![config.domain().trim_matches(['[', ']']).to_owned()];
    for name in shown {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What was made, and where it lies.
struct Made {
    chain: PathBuf,
    key: PathBuf,
    names: Vec<String>,
    until: String,
    fingerprint: Fingerprint,
    /// The number of the group that may read the key, where it is another than its maker's.
    group: Option<u32>,
}

fn make(names: &[String], args: &cli::Certificate, data: Option<&Path>) -> Result<Made, String> {
    let made = self_signed(names, args.days)
        .map_err(|e| format!("{}: {e}; write hosts and addresses as --name", names.join(", ")))?;
    let dir = &args.out;
    let new = !dir.exists();
    std::fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let (chain, key) = (dir.join("belfry.pem"), dir.join("belfry.key"));
    // The key first: a certificate without its key must not be taken for a good pair.
    put(&key, &made.key, KEY_MODE, args.force)?;
    put(&chain, &made.certificate, CERTIFICATE_MODE, args.force)?;
    let group = data.and_then(|data| belfrys(data, &key));
    if let Some(group) = group {
        readable(&key, group, GROUP_KEY_MODE)?;
        if new {
            readable(dir, group, FOLDER_MODE)?;
        }
    }
    let full = |path: PathBuf| path.canonicalize().unwrap_or(path);
    let days = std::time::Duration::from_secs(u64::from(args.days) * 86_400);
    Ok(Made {
        chain: full(chain),
        key: full(key),
        names: names.to_vec(),
        until: day(std::time::SystemTime::now() + days),
        fingerprint: Fingerprint(made.fingerprint),
        group,
    })
}

/// The group of whom the data belong to, where he is another than the one who has made `key`: root makes a certificate,
/// and the service that is to show it is not root.
fn belfrys(data: &Path, key: &Path) -> Option<u32> {
    let (data, key) = (std::fs::metadata(data).ok()?, std::fs::metadata(key).ok()?);
    (key.uid() == 0 && data.uid() != 0).then(|| data.gid())
}

/// Has a group read a file, or a folder, that is root's.
fn readable(path: &Path, group: u32, mode: u32) -> Result<(), String> {
    let given = std::os::unix::fs::chown(path, None, Some(group))
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)));
    given.map_err(|error| format!("{}: {error}: Belfry's user cannot read it", path.display()))
}

/// Writes a file that was not there; `force`: in place of the one that was.
pub(super) fn put(path: &Path, text: &str, mode: u32, force: bool) -> Result<(), String> {
    let told = |error: std::io::Error| {
        let remedy = match error.kind() {
            ErrorKind::AlreadyExists => "; write --force to replace it",
            _ => "",
        };
        format!("{}: {error}{remedy}", path.display())
    };
    if force && path.exists() {
        std::fs::remove_file(path).map_err(told)?;
    }
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(told)
}

impl Made {
    fn document(&self) -> serde_json::Value {
        serde_json::json!({
            "chain": self.chain, "key": self.key, "names": self.names, "until": self.until,
            "fingerprint": self.fingerprint.to_string(),
        })
    }
}

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "for {}, until {}", self.names.join(", "), self.until)?;
        writeln!(f, "fingerprint {}", self.fingerprint)?;
        if let Some(group) = self.group {
            let users = Users::of_system();
            let group = users.group(group).map_or_else(|| group.to_string(), str::to_owned);
            writeln!(f, "the key may be read by root and by group {group}, Belfry's")?;
        }
        writeln!(f, "\nFor the configuration:\n\n[[certificate]]")?;
        writeln!(f, "chain = \"{}\"", self.chain.display())?;
        writeln!(f, "key   = \"{}\"", self.key.display())?;
        writeln!(f, "\nNobody has signed it: peers have to be given it, or told its fingerprint.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::certificate::Identity;

    fn args(out: &Path, force: bool) -> cli::Certificate {
        let file = cli::ConfigFile { config: None };
        let out = out.to_owned();
        cli::Certificate { file, name: Vec::new(), days: 90, out, force, json: false }
    }

    #[test]
    fn what_is_made_fits_and_is_not_overwritten() {
        let dir = tempfile::tempdir().expect("a folder");
        let names = ["care.example".to_owned(), "10.0.0.5".to_owned(), "2001:db8::5".to_owned()];
        let made = make(&names, &args(&dir.path().join("new"), false), None).expect("made");
        let read = Identity::read(&made.chain, &made.key).expect("they fit");
        assert_eq!(read.facts.names, names);
        assert_eq!(Fingerprint(read.facts.fingerprint), made.fingerprint);
        let mode = std::fs::metadata(&made.key).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, KEY_MODE);
        assert!(made.to_string().contains(&format!("chain = \"{}\"", made.chain.display())));

        let again =
            make(&names, &args(&dir.path().join("new"), false), None).err().expect("it is there");
        assert!(again.contains("--force"), "{again}");
        let forced = make(&names, &args(&dir.path().join("new"), true), None).expect("made");
        assert_ne!(forced.fingerprint, made.fingerprint);
    }

    /// Root makes it as the manual says; the service that shows it is another user.
    #[test]
    fn a_key_that_root_makes_can_be_read_by_whom_the_data_belong_to() {
        let dir = tempfile::tempdir().expect("a folder");
        let (data, out) = (dir.path().join("data"), dir.path().join("tls"));
        std::fs::create_dir(&data).expect("a folder");
        let own = std::fs::metadata(&data).expect("there");
        let given = std::os::unix::fs::chown(&data, Some(4_321), Some(4_322));
        let made =
            make(&["care.example".to_owned()], &args(&out, false), Some(&data)).expect("made");
        let key = std::fs::metadata(&made.key).expect("there");
        if own.uid() != 0 || given.is_err() {
            // Who is not root makes it for himself.
            assert!(made.group.is_none() && key.mode() & 0o777 == KEY_MODE);
            return;
        }
        assert_eq!((key.uid(), key.gid(), key.mode() & 0o777), (0, 4_322, GROUP_KEY_MODE));
        let folder = std::fs::metadata(&out).expect("there");
        assert_eq!((folder.gid(), folder.mode() & 0o777), (4_322, FOLDER_MODE));
        assert!(made.to_string().contains("group 4322"), "{made}");
    }

    #[test]
    fn the_usual_names_are_the_domain_and_the_addresses() {
        assert_eq!(usual_names(&Config::embedded()), ["127.0.0.1"]);
        let text = "[sip]\nlisten = [\"udp:0.0.0.0:5060\", \"udp:[::1]:5060\"]\n\
                    domain = \"care.example\"\n[media]\naddress = [\"10.0.0.5\", \"2001:db8::5\"]\n";
        let config = Config::parse(text).expect("a configuration").0;
        assert_eq!(usual_names(&config), ["care.example", "10.0.0.5", "::1"]);
    }
}
