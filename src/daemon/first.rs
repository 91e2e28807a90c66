//! What the first start makes: a certificate of its own where the configuration names one that is not there
//! yet. And whose the console's socket is.
//!
//! A certificate is made only below `[node] data_dir`, where nobody but Belfry writes, and only where neither
//! its file nor its key is there: what an administrator has put anywhere is never replaced.

use std::path::Path;

use super::certificate::{self, CERTIFICATE_MODE, KEY_MODE};
use super::cli::ConfigFile;
use super::files;
use crate::config::{Certificate, Config};
use crate::console::users::Users;
use crate::net::tls::self_signed::self_signed;

/// How long a certificate of our own holds, days.
const DAYS: u32 = 825;

/// Makes the certificates that are wanted and not there yet. Gives a line for each, made or not; what then
/// is still missing is told when the files are read.
pub(super) fn certificates(file: &ConfigFile) -> Vec<String> {
    // What is wrong in the files is told by who reads them next.
    let Ok(config) = files::names_of_file(file) else { return Vec::new() };
    let wanted = config.certificates.iter().filter(|one| is_wanted(&config, one));
    wanted.map(|one| made(&config, one)).collect()
}

fn is_wanted(config: &Config, one: &Certificate) -> bool {
    let ours = |path: &Path| path.starts_with(&config.node.data_dir) && !path.exists();
    ours(&one.chain) && ours(&one.key)
}

fn made(config: &Config, one: &Certificate) -> String {
    let names = certificate::usual_names(config);
    let put = || {
        let made = self_signed(&names, DAYS).map_err(|error| error.to_string())?;
        for dir in [&one.key, &one.chain].into_iter().filter_map(|path| path.parent()) {
            std::fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        }
        // The key first: a certificate without its key must not be taken for a good pair.
        certificate::put(&one.key, &made.key, KEY_MODE, false)?;
        certificate::put(&one.chain, &made.certificate, CERTIFICATE_MODE, false)
    };
    let (chain, names) = (one.chain.display(), names.join(", "));
    match put() {
        Ok(()) => format!(
            "{chain}: made for {names}, signed by nobody: put one there that phones trust when you have it"
        ),
        Err(why) => format!("{chain}: no certificate could be made for {names}: {why}"),
    }
}

/// The number of a group of this system; else what is wrong, and the remedy behind a semicolon.
pub(super) fn group(name: &str) -> Result<u32, String> {
    match Users::of_system().gid_of(name) {
        Ok(Some(gid)) => Ok(gid),
        Ok(None) => Err(format!(
            "[console] group: this system has no group {name}; make it: groupadd --system {name}"
        )),
        Err(why) => Err(format!(
            "[console] group: whether this system has a group {name} cannot be seen: {why}; \
             let Belfry's user read it: chmod 644 /etc/group"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_not_there_is_told_with_how_to_make_it() {
        assert_eq!(group("root"), Ok(0));
        assert!(group("no-such-group-here").unwrap_err().contains("groupadd"));
    }

    #[test]
    fn a_certificate_is_made_where_it_is_ours_to_make_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let text = |chain: &str| {
            format!(
                "[node]\ndata_dir = \"{0}/data\"\n[sip]\nlisten = \"tls:127.0.0.1\"\n\
                 [[certificate]]\nchain = \"{0}/{chain}\"\nkey = \"{0}/data/tls/belfry.key\"\n",
                dir.path().display()
            )
        };
        let path = dir.path().join("belfry.toml");
        let start = |chain: &str| {
            std::fs::write(&path, text(chain)).unwrap();
            certificates(&ConfigFile { config: Some(path.clone()) })
        };
        assert_eq!(start("elsewhere.pem"), Vec::<String>::new(), "not below our directory");
        let told = start("data/tls/belfry.pem");
        assert!(told[0].contains("made for 127.0.0.1"), "{told:?}");
        let key = dir.path().join("data/tls/belfry.key");
        let first = std::fs::read_to_string(&key).unwrap();
        assert!(first.contains("PRIVATE KEY"));
        assert_eq!(start("data/tls/belfry.pem"), Vec::<String>::new());
        std::fs::remove_file(dir.path().join("data/tls/belfry.pem")).unwrap();
        assert_eq!(start("data/tls/belfry.pem"), Vec::<String>::new(), "its key is there");
        assert_eq!(std::fs::read_to_string(&key).unwrap(), first);
    }
}
