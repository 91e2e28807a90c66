//! `belfry certificate`: makes a self-signed certificate, to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::cli::{self, fail};
use super::files;
use crate::config::{Config, Fingerprint};
use crate::console::out::{out, outln};
use crate::net::tls::certificate::day;
use crate::net::tls::self_signed::self_signed;

/// Who may read the key: Belfry's user alone. Who may read the certificate: all.
pub(super) const KEY_MODE: u32 = 0o600;
pub(super) const CERTIFICATE_MODE: u32 = 0o644;

pub(super) fn main(args: cli::Certificate) -> ExitCode {
    let names = match args.name.is_empty() {
        false => args.name.clone(),
        true => match files::names_of_file(&args.file) {
            Ok(config) => usual_names(&config),
            Err(lines) => return fail(&lines),
        },
    };
    match make(&names, &args) {
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
}

fn make(names: &[String], args: &cli::Certificate) -> Result<Made, String> {
    let made = self_signed(names, args.days)
        .map_err(|e| format!("{}: {e}; write hosts and addresses as --name", names.join(", ")))?;
    let dir = &args.out;
    std::fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let (chain, key) = (dir.join("belfry.pem"), dir.join("belfry.key"));
    // The key first: a certificate without its key must not be taken for a good pair.
    put(&key, &made.key, KEY_MODE, args.force)?;
    put(&chain, &made.certificate, CERTIFICATE_MODE, args.force)?;
    let full = |path: PathBuf| path.canonicalize().unwrap_or(path);
    let days = std::time::Duration::from_secs(u64::from(args.days) * 86_400);
    Ok(Made {
        chain: full(chain),
        key: full(key),
        names: names.to_vec(),
        until: day(std::time::SystemTime::now() + days),
        fingerprint: Fingerprint(made.fingerprint),
    })
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
        writeln!(f, "\nFor the configuration:\n\n[[certificate]]")?;
        writeln!(f, "chain = \"{}\"", self.chain.display())?;
        writeln!(f, "key   = \"{}\"", self.key.display())?;
        writeln!(f, "\nNobody has signed it: peers have to be given it, or told its fingerprint.")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

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
        let made = make(&names, &args(&dir.path().join("new"), false)).expect("made");
        let read = Identity::read(&made.chain, &made.key).expect("they fit");
        assert_eq!(read.facts.names, names);
        assert_eq!(Fingerprint(read.facts.fingerprint), made.fingerprint);
        let mode = std::fs::metadata(&made.key).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, KEY_MODE);
        assert!(made.to_string().contains(&format!("chain = \"{}\"", made.chain.display())));

        let again = make(&names, &args(&dir.path().join("new"), false)).err().expect("it is there");
        assert!(again.contains("--force"), "{again}");
        let forced = make(&names, &args(&dir.path().join("new"), true)).expect("made");
        assert_ne!(forced.fingerprint, made.fingerprint);
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
