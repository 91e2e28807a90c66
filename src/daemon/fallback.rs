//! A start whose files cannot be used: it begins with the copies of those that were in force last, and says so
//! (decision 60). What is wrong is told line by line, and an alarm stands until a reload finds files that hold.
//!
//! Not here: how copies are kept (`copies`), and other errors in files that hold, with which a start goes on (decision 47).

use std::path::Path;
use std::time::SystemTime;

use super::bells;
use super::copies;
use super::files::{self, Fault, Loaded, Source};

/// Why a start takes copies.
pub(super) struct Instead {
    /// What is wrong with the files themselves.
    pub(super) faults: Vec<Fault>,
    /// When they were kept.
    since: SystemTime,
}

/// Files that hold, and with which an alarm would ring nobody on duty, such as a dialplan of which a half was written: what was
/// in force last takes their place, where it does better.
pub(super) fn unless_deaf(source: &Source, loaded: Loaded) -> (Loaded, Option<Instead>) {
    let deaf = |loaded: &Loaded| {
        let mut faults = bells::faults(&loaded.config, &loaded.plan, &loaded.name);
        faults.retain(|fault| fault.error);
        faults
    };
    let faults = deaf(&loaded);
    if faults.is_empty() {
        return (loaded, None);
    }
    match load(source, faults) {
        Ok((copies, instead)) if deaf(&copies).is_empty() => (copies, Some(instead)),
        _ => (loaded, None),
    }
}

/// What can be started with although the files have these faults; with it how that came. Else why there is nothing,
/// where there are copies.
pub(super) fn load(
    source: &Source,
    faults: Vec<Fault>,
) -> Result<(Loaded, Instead), (Vec<Fault>, Option<String>)> {
    let Some(path) = source.path() else { return Err((faults, None)) };
    let mut why = None;
    for data_dir in copies::data_dirs(path) {
        match of(source, path, &data_dir) {
            Some(Ok((loaded, since))) => return Ok((loaded, Instead { faults, since })),
            Some(Err(refused)) => why = why.or(Some(refused)),
            None => {}
        }
    }
    Err((faults, why))
}

/// The copies below one `data_dir`, if they are of this configuration.
fn of(
    source: &Source,
    path: &Path,
    data_dir: &Path,
) -> Option<Result<(Loaded, SystemTime), String>> {
    let (folder, since) = copies::there(data_dir)?;
    if !copies::Reads::of_copies(folder.clone()).at(path).is_file() {
        return None;
    }
    let loaded = match files::load_copies(source, &folder) {
        Ok(loaded) => loaded,
        Err(faults) => {
            let first = faults.iter().find(|fault| fault.error).map(ToString::to_string);
            let first = first.unwrap_or_default();
            let folder = folder.display();
            return Some(Err(format!(
                "the files that were in force before ({folder}) cannot be used either: {first}"
            )));
        }
    };
    let real = |dir: &Path| dir.canonicalize().ok();
    let own = &loaded.config.node.data_dir;
    if real(own) != real(data_dir) {
        return Some(Err(format!(
            "{}: kept are files of another [node] data_dir, {}",
            folder.display(),
            own.display()
        )));
    }
    Some(Ok((loaded, since)))
}

impl Instead {
    /// Says it to the log: each error at its place, then what was done about them.
    pub(super) fn tell(&self, loaded: &Loaded) {
        for fault in self.faults.iter().filter(|fault| fault.error) {
            tracing::error!("{fault}");
        }
        let since = jiff::Timestamp::try_from(self.since).unwrap_or_default();
        let since = since.to_zoned(loaded.zone.clone()).strftime("%Y-%m-%d %H:%M:%S");
        tracing::error!(
            "started with the files that were in force last (as they were kept at {since}), not with these; \
             mend them, then: belfry check && belfry console -e reload"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const ROUTE: &str = "[[route]]\nname = \"a\"\ncontext = \"c\"\nsteps = [{ hangup = {} }]\n";

    /// A folder with files of every kind that a configuration is read from, and what it holds.
    fn house() -> (tempfile::TempDir, Source) {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        for folder in ["plan/more", "data/surveys", "secrets"] {
            fs::create_dir_all(at(folder)).expect("a folder");
        }
        let made = crate::net::tls::self_signed::self_signed(&["a.example".into()], 90);
        let made = made.expect("a certificate");
        let text = format!(
            "[node]\ndata_dir = \"{0}/data\"\n[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n\
             [dialplan]\ndir = \"{0}/plan\"\nsounds = \"{1}/sounds\"\n\
             [[phone]]\nnumber = \"1001\"\ncontext = \"c\"\npassword_file = \"{0}/secrets/1001\"\n\
             [[certificate]]\nchain = \"{0}/c.pem\"\nkey = \"{0}/c.key\"\n\
             [tls]\nca = \"{0}/c.pem\"\nclient_ca = \"{0}/client.pem\"\n\
             [mail]\nserver = \"mail.example\"\nfrom = \"b@mail.example\"\nca = \"{0}/mail.pem\"\n",
            dir.path().display(),
            env!("CARGO_MANIFEST_DIR"),
        );
        let included = "<include><context name=\"x\"><X-PRE-PROCESS cmd=\"include\" data=\"more/*.xml\"/></context></include>";
        let extension = "<include><extension name=\"e\"><condition field=\"destination_number\" \
                         expression=\"^1$\"><action application=\"hangup\"/></condition></extension></include>";
        let survey = "[survey.quick]\nquestions = [{ name = \"a\", prompt = \"survey/solved\", keys = { 1 = \"yes\" } }]\n";
        for (name, text) in [
            ("belfry.toml", text.as_str()),
            ("plan/a.toml", ROUTE),
            ("plan/b.xml", included),
            ("plan/more/c.xml", extension),
            ("data/surveys/quick.toml", survey),
            ("data/accounts.toml", "[[agent]]\nnumber = \"7001\"\npin = \"482913\"\n"),
            ("secrets/1001", "a-password\n"),
            ("c.pem", &made.certificate),
            ("c.key", &made.key),
            ("client.pem", &made.certificate),
            ("mail.pem", &made.certificate),
        ] {
            fs::write(at(name), text).expect("written");
        }
        let source = Source::File(at("belfry.toml"));
        (dir, source)
    }

    fn good(source: &Source) -> Loaded {
        files::load(source).unwrap_or_else(|faults| panic!("{}", files::lines(&faults)))
    }

    fn shape(loaded: &Loaded) -> (usize, usize, usize, usize, bool) {
        let surveys = loaded.plan.surveys().count();
        let phones = loaded.config.phones.iter().filter(|phone| phone.password.is_some()).count();
        let agents = loaded.config.agents.len();
        (loaded.plan.route_count(), surveys, phones, agents, loaded.mail.is_some())
    }

    /// Whichever file is gone or cut, what was in force is to be had: none is read past the copies.
    #[test]
    fn whatever_file_is_at_fault_a_start_has_all_that_was_in_force() {
        let (dir, source) = house();
        let loaded = good(&source);
        let whole = shape(&loaded);
        assert_eq!(whole, (2, 1, 1, 1, true));
        let named = loaded.config.files().len();
        let noted = loaded.noted.expect("they are read from the disk");
        copies::keep(&dir.path().join("data"), &noted).expect("kept");
        let files = [
            "belfry.toml",
            "plan/a.toml",
            "plan/b.xml",
            "data/surveys/quick.toml",
            "data/accounts.toml",
            "secrets/1001",
            "c.pem",
            "c.key",
            "client.pem",
            "mail.pem",
        ];
        assert_eq!(named, 6, "each file that a configuration names is tried here");
        for name in files {
            let path = dir.path().join(name);
            let before = fs::read_to_string(&path).expect("it is there");
            let line =
                if name == "belfry.toml" { &before[..before.len() - 40] } else { "[[half <" };
            fs::write(&path, format!("{line}\n[[half <")).expect("written");
            let tried = match files::load(&source) {
                Ok(_) if name == "secrets/1001" => {
                    fs::remove_file(&path).expect("removed");
                    files::load(&source)
                }
                tried => tried,
            };
            let faults = tried.err().unwrap_or_else(|| panic!("{name} holds"));
            let count = faults.len();
            let Ok((loaded, instead)) = load(&source, faults) else { panic!("{name}: no start") };
            assert_eq!(shape(&loaded), whole, "{name}");
            assert_eq!((loaded.tls.identities.len(), instead.faults.len()), (1, count), "{name}");
            assert!(loaded.noted.is_none(), "copies are not copied");
            fs::write(&path, before).expect("written");
        }
        // All of it gone but the copies.
        for folder in ["plan", "secrets"] {
            fs::remove_dir_all(dir.path().join(folder)).expect("removed");
        }
        let faults = files::load(&source).err().expect("nothing is there");
        let Ok((loaded, _)) = load(&source, faults) else { panic!("no start") };
        assert_eq!(shape(&loaded), whole);
    }

    /// A dialplan that was written half can hold: a start takes what was in force where nobody on duty would be rung.
    #[test]
    fn files_that_ring_nobody_on_duty_give_way_to_those_that_did() {
        let (dir, source) = house();
        let at = |name: &str| dir.path().join(name);
        let config = fs::read_to_string(at("belfry.toml")).expect("it is there");
        let care = "[care]\nbells = [\"900\"]\nphones = [\"1001\"]\n";
        fs::write(at("belfry.toml"), format!("{care}{config}")).expect("written");
        let duty = "[[route]]\nname = \"d\"\ncontext = \"care-duty\"\nsteps = [{ accept = {} }]\n";
        fs::write(at("plan/a.toml"), format!("{ROUTE}{duty}")).expect("written");
        let noted = good(&source).noted.expect("they are read from the disk");
        let (loaded, instead) = unless_deaf(&source, good(&source));
        assert!(instead.is_none() && loaded.plan.has_context("care-duty"));
        fs::write(at("plan/a.toml"), ROUTE).expect("written");
        let (loaded, instead) = unless_deaf(&source, good(&source));
        assert!(instead.is_none() && !loaded.plan.has_context("care-duty"), "none are kept");
        copies::keep(&at("data"), &noted).expect("kept");
        let (loaded, instead) = unless_deaf(&source, good(&source));
        let faults = instead.expect("copies").faults;
        assert!(loaded.plan.has_context("care-duty") && faults.len() == 1, "{faults:?}");
    }

    #[test]
    fn without_copies_or_with_ones_that_hold_as_little_it_is_as_it_was() {
        let (dir, source) = house();
        let data = dir.path().join("data");
        let noted = good(&source).noted.expect("read from the disk");
        fs::write(dir.path().join("plan/a.toml"), "[[half").expect("written");
        let faults = || files::load(&source).err().expect("it is half");
        let (told, why) = load(&source, faults()).err().expect("nothing is kept");
        assert!(why.is_none() && told == faults());
        copies::keep(&data, &noted).expect("kept");
        assert!(load(&source, faults()).is_ok());
        let (folder, _) = copies::there(&data).expect("kept");
        let reads = copies::Reads::of_copies(folder);
        fs::write(reads.at(&dir.path().join("secrets/1001")), "").expect("written");
        let (_, why) = load(&source, faults()).err().expect("the copies are at fault");
        assert!(why.expect("it is told").contains("cannot be used either"));
        // Another configuration has no copies there.
        let other = dir.path().join("other.toml");
        let text = fs::read_to_string(dir.path().join("belfry.toml")).expect("it is there");
        fs::write(&other, text).expect("written");
        let why = load(&Source::File(other), faults()).err().expect("none of it").1;
        assert_eq!(why, None);
    }
}
