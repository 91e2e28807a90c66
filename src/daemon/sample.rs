//! The sample dialplan and prompts, and where the embedded default takes either from:
//!
//! ```text
//! ./dialplan, ./sounds ─▶ beside the binary ─▶ ../share/belfry ─▶ where packages put them ─▶ compiled in
//! ```
//!
//! The first that is there is taken, so that the bare binary alone plays the whole sample, and who
//! copies the sample beside it may change it. What is compiled in is read from memory, the prompts packed
//! (packaging/prompts.rs); nothing is unpacked onto the disk. A configuration file names its directories itself and never gets these instead.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::plan_files;
use crate::engine::Clips;
use crate::engine::clips::ClipFault;

static DIALPLAN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/dialplan");
/// The prompts: how they are packed says packaging/prompts.rs.
static PROMPTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/prompts"));
/// Their bytes unpacked.
const PROMPTS_BYTES: &str = env!("PROMPTS_BYTES");

/// What faults call the dialplan that is compiled in.
const COMPILED_IN: &str = "(compiled in)";

/// Where a dialplan or prompts are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// In this directory.
    Disk(PathBuf),
    /// In the binary.
    CompiledIn,
}

impl Place {
    /// Where the embedded default, which writes `dir`, takes it from.
    pub(super) fn of_sample(dir: &Path) -> Place {
        let exe = std::env::current_exe().ok();
        let beside = exe.as_deref().and_then(Path::parent);
        Place::first(dir, beside, &["/etc/belfry", "/usr/share/belfry"])
    }

    fn first(dir: &Path, beside: Option<&Path>, packaged: &[&str]) -> Place {
        let Some(name) = dir.file_name() else { return Place::CompiledIn };
        let beside = beside.into_iter().flat_map(|b| [b.to_owned(), b.join("../share/belfry")]);
        let others = beside.chain(packaged.iter().map(PathBuf::from)).map(|above| above.join(name));
        let mut all = std::iter::once(dir.to_owned()).chain(others);
        all.find(|dir| dir.is_dir()).map_or(Place::CompiledIn, Place::Disk)
    }

    /// The names of the prompts of each language, without ending: `care/menu`.
    pub(super) fn prompts(&self) -> BTreeMap<String, BTreeSet<String>> {
        let Place::Disk(dir) = self else {
            let mut all = BTreeMap::<String, BTreeSet<String>>::new();
            for (name, _) in prompts(&unpacked()) {
                if let Some((language, prompt)) = name.split_once('/') {
                    all.entry(language.into()).or_default().insert(prompt.into());
                }
            }
            return all;
        };
        plan_files::prompts_in(dir)
    }

    /// The prompts themselves, with what cannot be played.
    pub(super) fn clips(&self) -> (Clips, Vec<ClipFault>) {
        match self {
            Place::Disk(dir) => Clips::load(dir),
            Place::CompiledIn => {
                Clips::of(prompts(&unpacked()).map(|(name, file)| (name.to_owned(), file)))
            }
        }
    }
}

/// The dialplan's texts that are compiled in, by path.
pub(super) fn dialplan() -> Vec<(String, String)> {
    let text = |file: &include_dir::File<'_>| {
        let path = file.path();
        let known = path.extension().is_some_and(|e| e == "toml" || e == "xml");
        let text = file.contents_utf8().filter(|_| known)?;
        Some((format!("{COMPILED_IN}/{}", path.display()), text.to_owned()))
    };
    DIALPLAN.files().filter_map(text).collect()
}

/// The prompts that are compiled in, all in one.
fn unpacked() -> Vec<u8> {
    let most = PROMPTS_BYTES.parse().expect("the build script counts them");
    let all = miniz_oxide::inflate::decompress_to_vec_with_limit(PROMPTS, most);
    let mut all = all.expect("what the build script packed can be unpacked");
    let mut level = 0u8;
    for byte in &mut all {
        level = level.wrapping_add(*byte);
        *byte = if level & 0x80 != 0 { level } else { 0x7f - level } ^ 0x55;
    }
    all
}

/// Each of them by name, with its file's bytes.
fn prompts(mut all: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    fn line<'a>(all: &mut &'a [u8]) -> Option<&'a str> {
        let end = all.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = all.split_at(end);
        *all = &rest[1..];
        std::str::from_utf8(line).ok()
    }
    std::iter::from_fn(move || {
        let (name, len) = (line(&mut all)?, line(&mut all)?.parse().ok()?);
        let (file, rest) = all.split_at_checked(len)?;
        all = rest;
        Some((name, file))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_in_is_the_sample() {
        let sounds = Path::new(env!("CARGO_MANIFEST_DIR")).join("sounds");
        let on_disk = Place::Disk(sounds);
        assert_eq!(Place::CompiledIn.prompts(), on_disk.prompts());
        let ((clips, faults), (same, _)) = (Place::CompiledIn.clips(), on_disk.clips());
        assert_eq!(faults, []);
        assert!(clips.len() > 400 && clips.len() == same.len(), "{}", clips.len());
        let heard = |clips: &Clips| clips.get("zh-CN/welcome").map(|c| c.samples().to_vec());
        assert!(heard(&clips).is_some());
        assert_eq!(heard(&clips), heard(&same));
        assert!(!dialplan().is_empty());
    }

    #[test]
    fn the_nearest_is_taken_and_in_the_end_what_is_compiled_in() {
        let root = tempfile::tempdir().expect("a directory");
        let at = |path: &str| root.path().join(path);
        let (bin, own, packaged) = (at("bin"), at("work/sounds"), at("etc"));
        let packaged = [packaged.to_str().expect("a path of ours")];
        let first = || Place::first(&own, Some(&bin), &packaged);
        std::fs::create_dir_all(&bin).expect("a directory");
        assert_eq!(first(), Place::CompiledIn);
        for dir in ["etc/sounds", "share/belfry/sounds", "bin/sounds", "work/sounds"] {
            std::fs::create_dir_all(at(dir)).expect("a directory");
            let Place::Disk(found) = first() else { panic!("{dir}") };
            let real = |path: &Path| path.canonicalize().expect("it is there");
            assert_eq!(real(&found), real(&at(dir)));
        }
    }
}
