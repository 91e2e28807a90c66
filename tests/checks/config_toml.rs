//! What holds for `config` whatever the text: it is read, or refused with faults that name places
//! within it, each printed as one line. Shared by `tests/fuzz_seeds.rs` and the fuzz target
//! `config_toml`.

use belfry::config::Config;
use belfry::config::fault::{Fault, MAX_FAULTS, Severity};

/// Reads the bytes as a configuration.
pub fn check(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    match Config::parse(text) {
        Ok((config, warnings)) => {
            assert!(warnings.iter().all(|fault| fault.severity == Severity::Warning));
            places(text, &warnings);
            uses(&config);
            let (again, _) = Config::parse(text).expect("accepted once");
            assert!(config.needs_restart(&again).is_empty(), "equal texts are equal");
        }
        Err(faults) => {
            assert!(faults.iter().any(|fault| fault.severity == Severity::Error));
            places(text, &faults);
        }
    }
}

/// The faults' places are in the text.
fn places(text: &str, faults: &[Fault]) {
    assert!(faults.len() <= MAX_FAULTS + 1);
    let lines: Vec<&str> = text.split('\n').collect();
    for fault in faults {
        let line = lines.get(fault.line as usize - 1);
        let columns = line.expect("a line of the text").chars().count() + 1;
        assert!((1..=columns).contains(&(fault.column as usize)), "{fault}");
        assert!(!fault.to_string().contains(['\n', '\r']), "one line: {fault:?}");
        assert!(!fault.what.is_empty() && !fault.remedy.is_empty(), "{fault}");
    }
}

/// What is asked of every configuration at start.
fn uses(config: &Config) {
    let _ = (config.domain(), config.media_addresses(), config.max_calls());
    let _ = (config.recordings_dir(), config.database(), config.journal_dir());
    for phone in &config.phones {
        assert_eq!(config.phone(phone.number.as_str()), Some(phone));
    }
    for gateway in &config.gateways {
        assert_eq!(config.gateway(gateway.name.as_str()), Some(gateway));
    }
}
