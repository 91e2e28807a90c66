//! The certificates of the configuration: read, checked, and read again when their files change.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

use super::copies::Reads;
use super::files::Fault;
use crate::config::{At, Certificate, Config, Gateway, Transport};
use crate::net::tls::certificate::{Identity, Standing, Unusable, certificates, day};
use crate::net::tls::{Material, Peer, Refused, Tls};
use crate::switch::known_as;

/// Reads every file that TLS needs. What cannot be used is an error at its place in the
/// configuration, which faults call `name`; what is over or near its end is a warning.
pub(super) fn read(config: &Config, name: &str, reads: &Reads) -> (Material, Vec<Fault>) {
    let (material, faults) = gather(config, name, reads);
    (material, faults.into_iter().map(|(_, fault)| fault).collect())
}

/// What is wrong with them, each with the file of the certificate that it concerns.
pub(super) fn faults(config: &Config) -> Vec<(PathBuf, Fault)> {
    gather(config, "", &Reads::of_disk()).1
}

fn gather(config: &Config, name: &str, reads: &Reads) -> (Material, Vec<(PathBuf, Fault)>) {
    let mut faults = Vec::new();
    let unusable = |at: At, error: &Unusable| fault(name, at, true, error, error.remedy());
    let mut identities = Vec::new();
    for certificate in &config.certificates {
        let of = |fault| (certificate.chain.clone(), fault);
        reads.note_file(&certificate.chain);
        reads.note_file(&certificate.key);
        match Identity::read(&reads.at(&certificate.chain), &reads.at(&certificate.key)) {
            Ok(mut identity) => {
                identity.chain = certificate.chain.clone();
                faults.extend(standing(name, certificate, &identity).map(of));
                identities.push(identity);
            }
            Err(error) => faults.push(of(unusable(certificate.at, &error))),
        }
    }
    let mut authorities = |path: &Option<PathBuf>, key| {
        let path = path.as_ref()?;
        let told = |error| {
            faults.push((path.clone(), unusable(config.place("tls", key), &error)));
        };
        reads.note_file(path);
        certificates(&reads.at(path)).map_err(told).ok()
    };
    let ca = authorities(&config.tls.ca, "ca");
    let client_ca = authorities(&config.tls.client_ca, "client_ca");
    (Material { identities, ca, client_ca, peers: peers(config) }, faults)
}

/// A certificate that holds no longer, not yet, or not for long.
fn standing(name: &str, certificate: &Certificate, identity: &Identity) -> Option<Fault> {
    let facts = &identity.facts;
    let (what, remedy) = match facts.standing(SystemTime::now()) {
        Standing::Good => return None,
        Standing::Ending(left) => {
            let days = left.as_secs() / 86_400;
            (format!("holds until {}: {days} days", day(facts.until)), "renew it")
        }
        Standing::Over => {
            (format!("is over since {}: peers refuse it", day(facts.until)), "renew it")
        }
        Standing::NotYet => {
            (format!("holds only from {}", day(facts.from)), "see that the clock is right")
        }
    };
    let what = format!("the certificate {} {what}", identity.chain.display());
    Some(fault(name, certificate.at, false, &what, remedy))
}

fn fault(
    name: &str,
    at: At,
    error: bool,
    what: &dyn std::fmt::Display,
    remedy: &'static str,
) -> Fault {
    let (file, what, remedy) = (name.to_owned(), what.to_string(), remedy.to_owned());
    Fault { file, line: at.line, column: at.column, error, what, remedy }
}

/// The gateways that are called over TLS, or may be when the DNS says so: what is connected with is the
/// first hop.
fn peers(config: &Config) -> Vec<Peer> {
    let may = |g: &&Gateway| g.first_hop().transport().is_none_or(|t| t == Transport::Tls);
    let secure = config.gateways.iter().filter(may);
    let recorders = config
        .recorders
        .iter()
        .filter(|r| r.address.transport().is_none_or(|transport| transport == Transport::Tls));
    let recorders = recorders.map(|recorder| {
        let own = recorder.tls_name.as_ref().map(ToString::to_string);
        let address = recorder.address.fixed().map(|at| at.addr);
        Peer {
            address,
            gateway: known_as(recorder.name.as_str()),
            who: format!("recorder {}", recorder.name),
            name: own.or_else(|| address.is_none().then(|| recorder.address.host())),
            pin: recorder.tls_pin.map(|pin| pin.0),
        }
    });
    secure
        .map(|gateway| {
            let own = gateway.tls_name.as_ref().map(ToString::to_string);
            let hop = gateway.first_hop();
            let address = hop.fixed().map(|at| at.addr);
            Peer {
                address,
                gateway: gateway.name.to_string(),
                who: format!("gateway {}", gateway.name),
                name: own.or_else(|| address.is_none().then(|| hop.host())),
                pin: gateway.tls_pin.map(|pin| pin.0),
            }
        })
        .chain(recorders)
        .collect()
}

/// The files of certificates.
pub(super) fn files(config: &Config) -> impl Iterator<Item = &PathBuf> {
    let own = config.certificates.iter().flat_map(|c| [&c.chain, &c.key]);
    own.chain(&config.tls.ca).chain(&config.tls.client_ca)
}

/// When each file of certificates was written last, and its size.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Written(Vec<(PathBuf, Option<(SystemTime, u64)>)>);

impl Written {
    /// How they stand on the disk now.
    pub(super) fn now(config: &Config) -> Written {
        let about = |path: &PathBuf| {
            let about = std::fs::metadata(path).ok()?;
            Some((about.modified().ok()?, about.len()))
        };
        Written(files(config).map(|path| (path.clone(), about(path))).collect())
    }
}

/// The certificates that are in force.
pub(super) struct InForce {
    tls: Tls,
    read: Mutex<Read>,
}

/// What was read last.
#[derive(Default)]
struct Read {
    /// The files of what is in force, as they were when they were read.
    written: Written,
    /// What was last told of files that cannot be used.
    told: Vec<String>,
}

impl InForce {
    pub(super) fn new(tls: Tls, written: Written) -> InForce {
        InForce { tls, read: Mutex::new(Read { written, told: Vec::new() }) }
    }

    /// Puts others in force, or nothing of them.
    pub(super) fn put(&self, material: &Material, written: Written) -> Result<(), Refused> {
        self.tls.renew(material)?;
        *self.read.lock().expect("no holder panics") = Read { written, told: Vec::new() };
        Ok(())
    }

    /// Reads those anew whose files have changed. Files that cannot be used (half-written, not ours to read) are tried
    /// again with each look, for what mends them may leave no mark on them: what is wrong is told once. Whether others
    /// are in force now.
    pub(super) fn renew(&self, config: &Config) -> bool {
        let now = Written::now(config);
        let mut last = self.read.lock().expect("no holder panics");
        if last.written == now {
            return false;
        }
        let (material, faults) = read(config, "certificates", &Reads::of_disk());
        let mut told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let mut trouble = faults
            .iter()
            .any(|fault| fault.error)
            .then(|| "the changed certificates cannot be used".to_owned());
        if trouble.is_none() {
            trouble = self.tls.renew(&material).err().map(|why| format!("certificates: {why}"));
        }
        told.extend(trouble.clone());
        let is_news = told != last.told;
        if is_news {
            faults.iter().for_each(|fault| tracing::warn!("{fault}"));
        }
        let renewed = trouble.is_none();
        match trouble {
            None => {
                tracing::info!("certificates: read anew, their files have changed");
                last.written = now;
            }
            Some(why) if is_news => tracing::error!("{why}; the earlier ones stay"),
            Some(_) => {}
        }
        last.told = told;
        renewed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::self_signed::self_signed;

    fn config(dir: &std::path::Path, more: &str) -> Config {
        let text = format!(
            "[sip]\nlisten = \"tls:127.0.0.1\"\n[[certificate]]\nchain = \"{0}/c.pem\"\n\
             key = \"{0}/c.key\"\n{more}",
            dir.display()
        );
        Config::parse(&text).expect("a configuration").0
    }

    fn write(dir: &std::path::Path, days: u32) {
        let made = self_signed(&["care.example".into()], days).expect("made");
        std::fs::write(dir.join("c.pem"), made.certificate).expect("written");
        std::fs::write(dir.join("c.key"), made.key).expect("written");
    }

    #[test]
    fn a_certificate_near_its_end_is_a_warning_and_one_that_is_missing_an_error() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = config(dir.path(), "[tls]\nclient_ca = \"/nowhere.pem\"\n");
        let told = || {
            let (material, faults) = read(&config, "belfry.toml", &Reads::of_disk());
            (material.identities.len(), faults.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let (count, faults) = told();
        assert_eq!((count, faults.len()), (0, 2), "{faults:?}");
        assert!(faults[0].starts_with("belfry.toml:3:1: error: "), "{faults:?}");
        assert!(faults[0].contains("c.pem: No such file"), "{faults:?}");
        assert!(faults[1].starts_with("belfry.toml:7:13: error: /nowhere.pem"), "{faults:?}");
        write(dir.path(), 20);
        let (count, faults) = told();
        assert_eq!((count, faults.len()), (1, 2), "{faults:?}");
        assert!(faults[0].contains("warning") && faults[0].contains("19 days"), "{faults:?}");
        write(dir.path(), 0);
        assert!(told().1[0].contains("is over since"));
        write(dir.path(), 90);
        assert_eq!(told().1.len(), 1);
    }

    #[test]
    fn a_file_that_changed_is_seen() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = config(dir.path(), "");
        let before = Written::now(&config);
        assert_eq!(Written::now(&config), before);
        write(dir.path(), 90);
        assert_ne!(Written::now(&config), before);
    }

    /// chgrp and chmod change neither the time nor the length of a file that could not be read.
    #[test]
    fn files_that_could_not_be_used_are_tried_again_though_they_look_the_same() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = config(dir.path(), "");
        let in_force = InForce::new(Tls::default(), Written::now(&config));
        write(dir.path(), 90);
        let at = dir.path().join("c.key");
        let key = std::fs::read(&at).expect("a key");
        let time = std::fs::metadata(&at).expect("it is there").modified().expect("a time");
        for (content, holds) in [(vec![b'#'; key.len()], false), (key, true)] {
            std::fs::write(&at, content).expect("written");
            let file = std::fs::File::options().write(true).open(&at).expect("it is there");
            file.set_modified(time).expect("it is ours");
            in_force.renew(&config);
            let last = in_force.read.lock().expect("nobody panicked");
            assert_eq!(last.written == Written::now(&config), holds);
            assert_eq!(last.told.is_empty(), holds, "{:?}", last.told);
        }
    }

    #[test]
    fn gateways_over_tls_are_peers() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = config(
            dir.path(),
            "[[gateway]]\nname = \"a\"\naddress = \"tls:10.0.0.9\"\ntls_name = \"gw.example\"\n\
             [[gateway]]\nname = \"b\"\naddress = \"tcp:10.0.0.10\"\n\
             [[gateway]]\nname = \"c\"\naddress = \"udp:10.0.0.11\"\noutbound_proxy = \"tls:10.0.0.12\"\n\
             [[gateway]]\nname = \"d\"\naddress = \"tls:10.0.0.13\"\noutbound_proxy = \"udp:10.0.0.14\"\n",
        );
        let [peer, proxy] = &peers(&config)[..] else { panic!("two are over TLS") };
        assert_eq!(proxy.address, Some("10.0.0.12:5061".parse().unwrap()));
        assert_eq!(peer.address, Some("10.0.0.9:5061".parse().unwrap()));
        assert_eq!((peer.who.as_str(), peer.name.as_deref()), ("gateway a", Some("gw.example")));
    }
}
