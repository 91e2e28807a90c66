//! One recording's WAV becomes an Ogg/Opus file, which is then read back beside it.
//!
//! ```text
//!   WAV ─ 64 kB at a time ─▶ Packer ─▶ file, on the disk ─▶ Checker ◀─ WAV once more
//!             ▲                                               │ sounds otherwise
//!             └────────── again, its pauses kept ◀────────────┘ (once)
//! ```
//!
//! What is packed and what is the same is [`record::pack`](crate::record::pack)'s to say; here are the files.

#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]

use std::fmt;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use ogg::PacketReader;

use super::super::envelope::Writing;
use super::super::reading::Reading;
use crate::media::control::RecordFormat;
use crate::record::envelope::Keyring;
use crate::record::pack::{self, Checker, Packer, Pauses};
use crate::wire::wav::{self, Wav};

/// Bytes of a WAV that are read at once.
const PIECE: usize = 64 * 1024;

/// A WAV at its first frame.
struct OpenWav {
    file: io::Take<Reading>,
    format: RecordFormat,
    /// In all.
    frames: u64,
}

impl OpenWav {
    fn open(path: &Path, ring: &Keyring) -> Result<OpenWav, Fault> {
        let fault = |e: io::Error| e.to_string();
        let mut file = Reading::open(path, ring).map_err(fault)?;
        if let Err(cut) = file.whole() {
            return Err(Fault::Wav(cut.to_string()));
        }
        let mut first = Vec::with_capacity(wav::PROBE_LEN);
        (&mut file).take(wav::PROBE_LEN as u64).read_to_end(&mut first).map_err(fault)?;
        let wav = Wav::parse(&first).map_err(|e| Fault::Wav(e.to_string()))?;
        let format = match (wav.spec.format, wav.spec.channels, wav.spec.rate_hz) {
            (wav::Format::Alaw, 2, 8_000) => RecordFormat::Alaw,
            (wav::Format::Pcm16, 2, 8_000) => RecordFormat::Pcm16,
            _ => return Err(Fault::Wav("not two channels of A-law or 16 bits at 8 kHz".into())),
        };
        let len = file.len();
        let frames = wav.data_len(len) / format.frame_bytes() as u64;
        file.seek(io::SeekFrom::Start(wav.data_offset as u64)).map_err(fault)?;
        Ok(OpenWav { file: file.take(frames * format.frame_bytes() as u64), format, frames })
    }
}

/// Why a recording stays as it is.
pub(super) enum Fault {
    /// What was packed is not what the WAV holds.
    Check(pack::Fault),
    /// The WAV is none that can be packed, in words.
    Wav(String),
    /// A file could not be read or written, in words.
    File(String),
}

impl Fault {
    /// Whether it would be the same another day.
    pub(super) fn lasts(&self) -> bool {
        !matches!(self, Fault::File(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Check(fault) => fault.fmt(f),
            Fault::Wav(why) | Fault::File(why) => f.write_str(why),
        }
    }
}

impl From<pack::Fault> for Fault {
    fn from(fault: pack::Fault) -> Fault {
        Fault::Check(fault)
    }
}

impl From<String> for Fault {
    fn from(why: String) -> Fault {
        Fault::File(why)
    }
}

/// Packs the first, a WAV of that `name`, into the second and reads that back; `false` when told to stop in between.
/// Either is encrypted if its name says so.
pub(super) fn convert(
    files: (&Path, &Path),
    name: &str,
    ring: &Keyring,
    stop: &dyn Fn() -> bool,
) -> Result<bool, Fault> {
    if !make(files, (name, Pauses::LeftOut), ring, stop)? {
        return Ok(false);
    }
    match check(files, ring) {
        // Opus' silence detector takes a steady tone for noise.
        Err(Fault::Check(pack::Fault::Sound { .. })) => {}
        checked => return checked.map(|()| true),
    }
    Ok(make(files, (name, Pauses::Kept), ring, stop)? && check(files, ring).map(|()| true)?)
}

/// Packs `from` into `to`, on the disk; `false` when told to stop in between.
fn make(
    (from, to): (&Path, &Path),
    (name, pauses): (&str, Pauses),
    ring: &Keyring,
    stop: &dyn Fn() -> bool,
) -> Result<bool, Fault> {
    let fault = |e: io::Error| e.to_string();
    let mut wav = OpenWav::open(from, ring)?;
    let mut out = Writing::create(to, ring).map_err(fault)?;
    let mut packer =
        Packer::new(wav.format, pauses, &[("SOURCE", name)]).map_err(|e| e.to_string())?;
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        if stop() {
            return Ok(false);
        }
        piece.clear();
        (&mut wav.file).take(PIECE as u64).read_to_end(&mut piece).map_err(fault)?;
        if piece.is_empty() {
            break;
        }
        packer.frames(&piece);
        out.write(&packer.take()).map_err(fault)?;
    }
    let (rest, samples) = packer.finish();
    if samples != wav.frames {
        let why = format!("the WAV ends after {samples} of {} samples", wav.frames);
        return Err(Fault::Wav(why));
    }
    out.write(&rest).and_then(|()| out.finish()).map_err(fault)?;
    Ok(true)
}

/// Reads the packed file beside its WAV.
fn check((wav, packed): (&Path, &Path), ring: &Keyring) -> Result<(), Fault> {
    let fault = |e: io::Error| e.to_string();
    let unread = |e: ogg::OggReadError| format!("the packed file: {e}");
    let mut wav = OpenWav::open(wav, ring)?;
    let file = BufReader::new(Reading::open(packed, ring).map_err(fault)?);
    let mut packets = PacketReader::new(file);
    let head = packets.read_packet_expected().map_err(unread)?;
    let mut checker = Checker::new(wav.format, &head.data)?;
    packets.read_packet_expected().map_err(unread)?;
    let mut frames = Vec::new();
    let mut end = 0;
    while let Some(packet) = packets.read_packet().map_err(unread)? {
        let wanted = checker.packet(&packet.data)?;
        frames.clear();
        let bytes = (wanted * wav.format.frame_bytes()) as u64;
        (&mut wav.file).take(bytes).read_to_end(&mut frames).map_err(fault)?;
        checker.frames(&frames);
        end = packet.absgp_page();
    }
    Ok(checker.finish(end, wav.frames)?)
}
