//! Prompts and music in memory, by name: `zh-CN/care/menu` is `sounds/zh-CN/care/menu.wav`.
//!
//! ```text
//! sounds/**/*.wav ─ read, decode, to 8 kHz ─▶ name → Arc<Clip>  ◀─ Command::Play, before the worker
//! ```
//!
//! All are loaded at start and at a reload, so that no worker ever waits for a disk; a file that is
//! not audio is told by name and reason and leaves the others alone. Bounded in files, in the length
//! of one and of all.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::dsp::{g711, resample};
use crate::media::Clip;
use crate::wire::wav::{Format, Wav};

/// The most files.
const MAX_FILES: usize = 50_000;
/// The largest file, in bytes: half an hour at 48 kHz in stereo.
const MAX_FILE_BYTES: u64 = 400 << 20;
/// The most samples of all clips together: 18 hours.
const MAX_SAMPLES: usize = 512 << 20;
/// How deep folders may be nested.
const MAX_DEPTH: usize = 8;

/// A file that gives no clip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClipFault {
    /// Which.
    pub path: PathBuf,
    /// Why not.
    pub why: String,
}

/// All clips, by name.
#[derive(Clone, Default, Debug)]
pub struct Clips(Arc<HashMap<String, Arc<Clip>>>);

impl Clips {
    /// Loads all below `dir`. What cannot be loaded is told beside what can.
    pub fn load(dir: &Path) -> (Clips, Vec<ClipFault>) {
        let (mut files, mut faults) = (Vec::new(), Vec::new());
        list(dir, "", 0, &mut files, &mut faults);
        let (clips, more) = Clips::gather(files.into_iter().map(|(name, path)| {
            let samples = read(&path);
            (name, path, samples)
        }));
        faults.extend(more);
        (clips, faults)
    }

    /// Decodes files that are in memory already, each by its name (`en/care/menu`) and its bytes.
    pub fn of<'f>(files: impl Iterator<Item = (String, &'f [u8])>) -> (Clips, Vec<ClipFault>) {
        Clips::gather(files.take(MAX_FILES).map(|(name, bytes)| {
            let path = PathBuf::from(format!("{name}.wav"));
            (name, path, samples(bytes))
        }))
    }

    /// Bytes of all their samples and names.
    pub fn bytes(&self) -> u64 {
        let of = |(name, clip): (&String, &Arc<Clip>)| name.len() + size_of_val(clip.samples());
        self.0.iter().map(of).sum::<usize>() as u64
    }

    fn gather(
        files: impl Iterator<Item = (String, PathBuf, Result<Vec<i16>, String>)>,
    ) -> (Clips, Vec<ClipFault>) {
        let (mut all, mut faults, mut total) = (HashMap::new(), Vec::new(), 0);
        for (name, path, samples) in files {
            match samples {
                Ok(samples) if total + samples.len() <= MAX_SAMPLES => {
                    total += samples.len();
                    all.insert(name, Arc::new(Clip::new(samples)));
                }
                Ok(_) => faults.push(ClipFault {
                    path,
                    why: "all clips together are too long for the memory".into(),
                }),
                Err(why) => faults.push(ClipFault { path, why }),
            }
        }
        (Clips(Arc::new(all)), faults)
    }

    /// The clip of that name; `music/default` for a class of music that is not there: whoever waits hears
    /// something.
    pub fn get(&self, name: &str) -> Option<Arc<Clip>> {
        let default = || self.0.get("music/default").filter(|_| name.starts_with("music/"));
        self.0.get(name).or_else(default).cloned()
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The WAV files below `dir` with their names, in the order of their names.
fn list(
    dir: &Path,
    prefix: &str,
    depth: usize,
    files: &mut Vec<(String, PathBuf)>,
    faults: &mut Vec<ClipFault>,
) {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return faults.push(ClipFault { path: dir.into(), why: error.to_string() }),
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let Some(stem) = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else {
            continue;
        };
        if path.is_dir() {
            if depth < MAX_DEPTH {
                let folder =
                    path.file_name().map_or(stem, |name| name.to_string_lossy().into_owned());
                list(&path, &format!("{prefix}{folder}/"), depth + 1, files, faults);
            }
        } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("wav")) {
            if files.len() >= MAX_FILES {
                return faults
                    .push(ClipFault { path, why: format!("more than {MAX_FILES} files") });
            }
            files.push((format!("{prefix}{stem}"), path));
        }
    }
}

/// One file as samples of 8 kHz.
fn read(path: &Path) -> Result<Vec<i16>, String> {
    let meta = std::fs::metadata(path).map_err(|e| e.to_string())?;
    // Who opens a pipe waits for its writer, for ever.
    if !meta.is_file() {
        return Err("it is no plain file, but a pipe, a device or a socket".into());
    }
    let len = meta.len();
    if len > MAX_FILE_BYTES {
        return Err(format!("{len} bytes are too many; a prompt has at most {MAX_FILE_BYTES}"));
    }
    samples(&std::fs::read(path).map_err(|e| e.to_string())?)
}

/// A WAV file's samples at 8 kHz; of two channels the mean.
fn samples(bytes: &[u8]) -> Result<Vec<i16>, String> {
    let (samples, rate) = decode(bytes)?;
    if samples.is_empty() {
        return Err("there is no sample in it".into());
    }
    resample::to_8k(&samples, rate).map_err(|e| format!("its rate is {} Hz", e.0))
}

/// The samples of a WAV file, one channel, at the file's own rate.
pub fn decode(bytes: &[u8]) -> Result<(Vec<i16>, u32), String> {
    let wav = Wav::parse(bytes).map_err(|e| e.to_string())?;
    let data = bytes.get(wav.data_offset..).unwrap_or_default();
    let data = &data
        [..data.len().min(usize::try_from(wav.data_len(bytes.len() as u64)).unwrap_or(usize::MAX))];
    let samples = linear(wav.spec.format, data);
    let samples = match wav.spec.channels {
        2 => samples
            .chunks_exact(2)
            .map(|f| ((i32::from(f[0]) + i32::from(f[1])) / 2) as i16)
            .collect(),
        _ => samples,
    };
    Ok((samples, wav.spec.rate_hz))
}

/// Sample data as linear samples, channels interleaved as they were.
pub fn linear(format: Format, data: &[u8]) -> Vec<i16> {
    match format {
        Format::Alaw | Format::Mulaw => {
            let mut samples = vec![0; data.len()];
            match format {
                Format::Alaw => g711::alaw_decode(data, &mut samples),
                _ => g711::ulaw_decode(data, &mut samples),
            }
            samples
        }
        Format::Pcm16 => data.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::wav::Spec;

    fn wav(format: Format, channels: u16, rate_hz: u32, data: &[u8]) -> Vec<u8> {
        let spec = Spec { format, channels, rate_hz };
        [spec.header(data.len() as u64), data.to_vec()].concat()
    }

    #[test]
    fn clips_are_named_by_their_path_and_bad_files_told() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("en/care")).unwrap();
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        write("en/care/menu.wav", &wav(Format::Alaw, 1, 8_000, &[0xd5; 800]));
        write("en/wide.wav", &wav(Format::Pcm16, 2, 16_000, &[0; 6_400]));
        write("en/notes.txt", b"not a clip");
        write("en/broken.wav", b"RIFFxxxx");
        write("en/empty.wav", &wav(Format::Alaw, 1, 8_000, &[]));
        let (clips, faults) = Clips::load(dir.path());
        assert!(clips.get("music/moh").is_none(), "there is no music at all");
        assert_eq!(clips.get("en/care/menu").unwrap().samples().len(), 800);
        assert_eq!(clips.get("en/wide").unwrap().samples().len(), 800, "1,600 frames of 16 kHz");
        assert_eq!(clips.len(), 2);
        let names = "en/care/menu".len() + "en/wide".len();
        assert_eq!(clips.bytes() as usize, 2 * 1_600 + names);
        std::fs::create_dir_all(dir.path().join("music")).unwrap();
        write("music/default.wav", &wav(Format::Alaw, 1, 8_000, &[0xd5; 160]));
        let music = Clips::load(dir.path()).0.get("music/moh").expect("default stands in");
        assert_eq!(music.samples().len(), 160);
        assert!(Clips::load(dir.path()).0.get("en/moh").is_none());
        let names: Vec<_> =
            faults.iter().map(|f| f.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["broken.wav", "empty.wav"]);
        assert!(Clips::load(&dir.path().join("nowhere")).1.len() == 1);
    }
}
