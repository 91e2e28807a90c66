//! `belfry check`: every fault of configuration, dialplan and prompts, with its place and remedy.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::process::ExitCode;

use super::cli::Check;
use super::files::{self, Fault, Loaded, Source};
use crate::config::{At, Config};
use crate::console::out::outln;

pub(super) fn main(args: Check) -> ExitCode {
    let (faults, counts) = match files::load(&Source::from(&args.file)) {
        Ok(loaded) => around(loaded),
        Err(faults) => (faults, String::new()),
    };
    let errors = faults.iter().filter(|fault| fault.error).count();
    let warnings = faults.len() - errors;
    if args.json {
        let document = serde_json::json!({ "ok": errors == 0, "errors": errors, "warnings": warnings, "faults": faults });
        outln!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
    } else {
        for fault in &faults {
            eprintln!("{fault}");
        }
        match errors {
            0 => outln!("ok: {counts}, {}", files::counted(warnings, "warning")),
            _ => eprintln!(
                "{}, {}",
                files::counted(errors, "error"),
                files::counted(warnings, "warning")
            ),
        }
    }
    if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is wrong around files that hold: prompts that cannot be played, addresses of some other
/// machine. With it what there is, in words.
fn around(loaded: Loaded) -> (Vec<Fault>, String) {
    let without = loaded.without_sounds();
    let mut faults = loaded.warnings;
    faults.extend(addresses(&loaded.config, &loaded.name, is_ours));
    let mut prompts = 0;
    if let Some(fault) = without {
        faults.push(fault);
    } else {
        let (clips, bad) = loaded.sounds.clips();
        prompts = clips.len();
        faults.extend(bad.into_iter().map(|fault| Fault {
            file: fault.path.display().to_string(),
            line: 0,
            column: 0,
            error: true,
            what: fault.why,
            remedy: "make it a WAV of 8 to 48 kHz, A-law, µ-law or 16 bit, or take it away".into(),
        }));
    }
    (faults, format!("{} routes, {prompts} prompts", loaded.plan.route_count()))
}

/// The addresses that this machine does not have. Only a warning: a configuration may be checked
/// on another machine than the one it is for.
fn addresses(config: &Config, name: &str, is_ours: impl Fn(IpAddr) -> bool) -> Vec<Fault> {
    let listen = config.sip.listen.iter().map(|listener| ("sip", "listen", listener.addr.ip()));
    let media = config.media.address.iter().flatten().map(|ip| ("media", "address", *ip));
    let named: BTreeSet<_> = listen.chain(media).collect();
    let foreign = named.into_iter().filter(|(.., ip)| !is_ours(*ip));
    let fault = |(section, key, ip): (&'static str, &'static str, IpAddr)| {
        not_ours(name, config.place(section, key), format!("[{section}] {key}: {ip}"))
    };
    let mut faults: Vec<_> = foreign.map(fault).collect();
    let networks = config.networks.iter().filter(|network| !is_ours(network.address));
    faults.extend(networks.map(|network| {
        let whose = format!("network \"{}\": {}", network.name, network.address);
        not_ours(name, network.at, whose)
    }));
    faults
}

fn not_ours(file: &str, at: At, what: String) -> Fault {
    Fault {
        file: file.into(),
        line: at.line,
        column: at.column,
        error: false,
        what: format!(
            "{what} is not an address of this machine: Belfry does not start on it with that"
        ),
        remedy: "write one that `ip address` shows, or check on the machine it is for".into(),
    }
}

/// Whether a socket can be opened on it; what else may hinder that is told at the start.
fn is_ours(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).map_or_else(|e| e.kind() != ErrorKind::AddrNotAvailable, |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_another_machine_is_told_where_it_is_written() {
        let text = "[sip]\nlisten = [\"udp:0.0.0.0:5060\", \"udp:192.0.2.7:5062\", \
                    \"tcp:192.0.2.7:5062\"]\n[media]\naddress = [\"127.0.0.1\", \"192.0.2.9\"]\n";
        // Two listeners on other ports, so that the text itself holds.
        let (config, _) = Config::parse(text).unwrap_or_else(|f| panic!("{f:?}"));
        let known = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
        let found = addresses(&config, "belfry.toml", known);
        let places: Vec<_> = found.iter().map(|f| (f.line, f.column, f.error)).collect();
        assert_eq!(places, [(4, 11, false), (2, 10, false)], "{found:?}");
        assert!(found[0].what.contains("192.0.2.9") && found[1].what.contains("192.0.2.7"));
        let text =
            "[[network]]\nname = \"lan\"\naddress = \"192.0.2.7\"\ninside = \"10.0.0.0/8\"\n";
        let (config, _) = Config::parse(text).unwrap_or_else(|f| panic!("{f:?}"));
        let found = addresses(&config, "belfry.toml", known);
        let [fault] = &found[..] else { panic!("{found:?}") };
        assert!(fault.line == 1 && fault.what.starts_with("network \"lan\": 192.0.2.7 is not"));
    }

    #[test]
    fn loopback_is_ours_and_a_documentation_address_is_not() {
        assert!(is_ours("127.0.0.1".parse().expect("an address")));
        assert!(is_ours("0.0.0.0".parse().expect("an address")));
        assert!(!is_ours("192.0.2.1".parse().expect("an address")), "RFC 5737");
    }
}
