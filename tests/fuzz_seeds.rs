//! Every fuzz target's check, on a stable compiler and in seconds: its seeds as they are, then
//! thousands of damaged ones, the same in each run. What a fuzzer finds becomes a seed and stays
//! found.
//!
//! ```text
//!   tests/data/fuzz/<target>/*  ──┬─────────────▶ check
//!   other folders of the target ──┘─ mutated ──▶ check
//! ```
//!
//! The checks are in `tests/checks` or, for those that need a machine's inside, in the library;
//! `fuzz/fuzz_targets` calls the same ones. How to fuzz in earnest: `fuzz/README.md`.

#![allow(clippy::disallowed_methods, reason = "seeds are read from files")]

#[path = "checks/codec.rs"]
mod codec;
#[path = "checks/config_toml.rs"]
mod config_toml;
#[path = "checks/csta.rs"]
mod csta;
#[path = "checks/dialplan.rs"]
mod dialplan;
#[path = "checks/dtmf_detect.rs"]
mod dtmf_detect;
#[path = "checks/dtmf_info.rs"]
mod dtmf_info;
#[path = "checks/envelope.rs"]
mod envelope;
#[path = "checks/journal_record.rs"]
mod journal_record;
#[path = "checks/media_plane.rs"]
mod media_plane;
#[path = "checks/offer_answer.rs"]
mod offer_answer;
#[path = "checks/opus_packet.rs"]
mod opus_packet;
#[path = "checks/rtcp.rs"]
mod rtcp;
#[path = "checks/rtp.rs"]
mod rtp;
#[path = "checks/sdp.rs"]
mod sdp;
#[path = "checks/sip_framer.rs"]
mod sip_framer;
#[path = "checks/sip_message.rs"]
mod sip_message;
#[path = "checks/srtp.rs"]
mod srtp;
#[path = "checks/stun.rs"]
mod stun;
#[path = "checks/telecare.rs"]
mod telecare;
#[path = "checks/telephone_event.rs"]
mod telephone_event;
#[path = "checks/tone_plan.rs"]
mod tone_plan;
#[path = "checks/wav.rs"]
mod wav;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use belfry::base::Rng;
use belfry::sip;

/// One table makes the tests and the list that is compared with `fuzz/`: the target, its check,
/// how many damaged inputs it gets, and folders under tests/data that hold more seeds for it.
macro_rules! targets {
    ($($target:ident: $check:expr, $runs:literal $(, $folder:literal)*;)*) => {
        const TARGETS: &[&str] = &[$(stringify!($target)),*];
        mod seeds {
            $(#[test]
            fn $target() {
                super::exercise(stringify!($target), $check, $runs, &[$($folder),*]);
            })*
        }
    };
}

targets! {
    rtp: super::rtp::check, 60_000;
    rtcp: super::rtcp::check, 60_000;
    srtp: super::srtp::check, 4_000;
    stun: super::stun::check, 60_000;
    telephone_event: super::telephone_event::check, 60_000;
    dtmf_info: super::dtmf_info::check, 40_000;
    telecare: super::telecare::check, 40_000;
    csta: super::csta::check, 20_000;
    sdp: super::sdp::check, 12_000;
    offer_answer: super::offer_answer::check, 6_000;
    sip_message: super::sip_message::check, 12_000, "rfc4475", "rfc5118";
    sip_framer: super::sip_framer::check, 6_000;
    sip_transaction: super::sip::transaction::exercise::operations, 40_000;
    sip_dialog: super::sip::exercise::operations, 2_000;
    media_plane: super::media_plane::check, 500;
    dtmf_detect: super::dtmf_detect::check, 1_000;
    codec: super::codec::check, 300;
    tone_plan: super::tone_plan::check, 6_000;
    opus_packet: super::opus_packet::check, 60_000;
    wav: super::wav::check, 60_000;
    envelope: super::envelope::check, 4_000;
    config_toml: super::config_toml::check, 6_000;
    dialplan_toml: |bytes| super::dialplan::check("seed.toml", bytes), 6_000;
    dialplan_xml: |bytes| super::dialplan::check("seed.xml", bytes), 6_000;
    journal_record: super::journal_record::check, 40_000;
}

/// The longest damaged input, in bytes: a UDP datagram is not longer on an Ethernet.
const MOST_BYTES: usize = 4_096;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The names in a folder, without their extensions.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(repository(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            path.file_stem().expect("a name").to_str().expect("in ASCII").to_owned()
        })
        .collect()
}

/// All files of a folder, in the order of their names.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(repository(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let read = |path: PathBuf| (path.display().to_string(), fs::read(path).expect("a file"));
    paths.into_iter().filter(|path| path.is_file()).map(read).collect()
}

/// Prints the input that a check panicked on, so that it can become a seed.
struct Culprit<'a> {
    name: &'a str,
    bytes: &'a [u8],
}

impl Drop for Culprit<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: {} bytes\n{}", self.name, self.bytes.len(), self.bytes.escape_ascii());
        }
    }
}

fn exercise(target: &str, check: fn(&[u8]), runs: u32, folders: &[&str]) {
    let own = format!("fuzz/{target}");
    let folders = [own.as_str()].into_iter().chain(folders.iter().copied());
    let seeds: Vec<_> = folders.flat_map(|name| files(&format!("tests/data/{name}"))).collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for (name, bytes) in &seeds {
        let _culprit = Culprit { name, bytes };
        check(bytes);
    }
    let seeds: Vec<Vec<u8>> = seeds.into_iter().map(|(_, bytes)| bytes).collect();
    let mut rng =
        Rng::from_seed(target.bytes().fold(0, |sum, b| sum * 256 % 1_000_003 + u64::from(b)));
    check(b"");
    for run in 0..runs {
        let bytes = damaged(&mut rng, &seeds);
        let _culprit = Culprit { name: &format!("{target}, damaged input {run}"), bytes: &bytes };
        check(&bytes);
    }
}

/// What breaks parsers: separators, quotes, signs, bounds of numbers, other texts' beginnings.
const TELLING: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xe4\xb8\xad",
    b",",
    b";",
    b":",
    b"=",
    b"\"",
    b"'",
    b"\\",
    b"%",
    b"%00",
    b"<",
    b">",
    b"<>",
    b"[",
    b"]",
    b"{",
    b"}",
    b"${",
    b"$1",
    b"(",
    b")",
    b"/",
    b"*",
    b"#",
    b".",
    b"..",
    b"-",
    b"-1",
    b"+",
    b"0",
    b"00",
    b"255",
    b"256",
    b"65535",
    b"65536",
    b"2147483648",
    b"4294967295",
    b"4294967296",
    b"18446744073709551616",
    b"1e999",
    b"0.0.0.0",
    b"[::]",
    b"<!--",
    b"]]>",
    b"&#0;",
    b"'''",
    b"#",
    b"true",
];

/// A seed with one to six changes.
fn damaged(rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = pick(rng, seeds).clone();
    for _ in 0..=rng.below(6) {
        let at = rng.below(bytes.len() as u64 + 1) as usize;
        let end = (at + rng.below(40) as usize).min(bytes.len());
        match rng.below(9) {
            0 if at < bytes.len() => bytes[at] = rng.next_u32() as u8,
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            2 => drop(bytes.splice(at..end, [])),
            3 => drop(bytes.splice(at..at, pick(rng, TELLING).iter().copied())),
            4 => drop(bytes.splice(at..end, pick(rng, TELLING).iter().copied())),
            5 => {
                let part = bytes[at..end].to_vec();
                let again = part.repeat(1 + rng.below(8) as usize);
                drop(bytes.splice(at..at, again));
            }
            6 => bytes.truncate(at),
            // The rest of another seed, or of the same one from another place.
            7 => {
                let other = pick(rng, seeds);
                let from = rng.below(other.len() as u64 + 1) as usize;
                drop(bytes.splice(at.., other[from..].iter().copied()));
            }
            _ => {
                let noise: Vec<u8> = (at..end).map(|_| rng.next_u32() as u8).collect();
                drop(bytes.splice(at..end, noise));
            }
        }
        bytes.truncate(MOST_BYTES);
    }
    bytes
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.below(from.len() as u64) as usize]
}

/// A target that is not in each list would not be built, not be run, or not be here.
#[test]
fn the_lists_of_targets_agree() {
    let here: BTreeSet<String> = TARGETS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names("fuzz/fuzz_targets"), here);
    assert_eq!(names("tests/data/fuzz"), here);
    let manifest = fs::read_to_string(repository("fuzz/Cargo.toml")).expect("the manifest");
    let binaries = manifest.lines().filter_map(|line| {
        line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\"").map(str::to_owned)
    });
    assert_eq!(binaries.collect::<BTreeSet<_>>(), here);
    let readme = fs::read_to_string(repository("fuzz/README.md")).expect("the README");
    for target in TARGETS {
        assert!(readme.contains(&format!("| `{target}` |")), "fuzz/README.md lacks {target}");
    }
}
