//! WAV headers (RIFF/WAVE): A-law, µ-law and 16-bit PCM, one or two channels.
//!
//! ```text
//! PCM 16    RIFF size WAVE | fmt  16 … | data size | samples …                    44 bytes
//! G.711     RIFF size WAVE | fmt  18 … | fact 4 frames | data size | samples …    58 bytes
//! ```
//!
//! A recording's sizes are known when it ends; until then they are those of the last update, and
//! after a crash they are wrong. [`repair`] computes the right ones from the file's length: only
//! the header changes, and at most half a frame is cut off the end. Bytes in, bytes out: files are
//! read and written elsewhere.

use core::fmt;

/// How a sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// G.711 A-law, one byte.
    Alaw,
    /// G.711 µ-law, one byte.
    Mulaw,
    /// Linear, 16 bits, little-endian.
    Pcm16,
}

impl Format {
    /// Bytes of one sample.
    pub const fn sample_bytes(self) -> u16 {
        match self {
            Format::Alaw | Format::Mulaw => 1,
            Format::Pcm16 => 2,
        }
    }

    /// The tag in a `fmt ` chunk.
    const fn tag(self) -> u16 {
        match self {
            Format::Pcm16 => 1,
            Format::Alaw => 6,
            Format::Mulaw => 7,
        }
    }
}

/// What a WAV file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// How a sample is stored.
    pub format: Format,
    /// 1 or 2.
    pub channels: u16,
    /// Frames a second.
    pub rate_hz: u32,
}

/// The longest header that [`Spec::header`] writes, in bytes.
pub const MAX_HEADER_LEN: usize = 58;

/// How much of a file's beginning is enough for [`Wav::parse`] and [`repair`], in bytes: chunks
/// before the samples that are longer than this are not looked behind.
pub const PROBE_LEN: usize = 4096;

impl Spec {
    /// Bytes of one sample of every channel.
    pub const fn frame_bytes(&self) -> u16 {
        self.format.sample_bytes().saturating_mul(self.channels)
    }

    /// Bytes of this file's header.
    pub const fn header_len(&self) -> usize {
        match self.format {
            Format::Pcm16 => 44,
            Format::Alaw | Format::Mulaw => 58,
        }
    }

    /// The header of a file with `data_bytes` of samples. Sizes above 32 bits, which the format
    /// cannot say, are written as the largest.
    pub fn header(&self, data_bytes: u64) -> Vec<u8> {
        let size = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
        let padded = data_bytes.saturating_add(data_bytes % 2);
        let frame = self.frame_bytes();
        let mut out = Vec::with_capacity(MAX_HEADER_LEN);
        out.extend_from_slice(b"RIFF");
        out.extend_from_slice(&size(padded.saturating_add(self.header_len() as u64 - 8)));
        out.extend_from_slice(b"WAVEfmt ");
        let g711 = self.format != Format::Pcm16;
        out.extend_from_slice(&if g711 { 18u32 } else { 16 }.to_le_bytes());
        out.extend_from_slice(&self.format.tag().to_le_bytes());
        out.extend_from_slice(&self.channels.to_le_bytes());
        out.extend_from_slice(&self.rate_hz.to_le_bytes());
        out.extend_from_slice(&self.rate_hz.saturating_mul(u32::from(frame)).to_le_bytes());
        out.extend_from_slice(&frame.to_le_bytes());
        out.extend_from_slice(&(8 * self.format.sample_bytes()).to_le_bytes());
        if g711 {
            // Formats other than PCM carry an extension, here empty, and the number of frames.
            out.extend_from_slice(&0u16.to_le_bytes());
            out.extend_from_slice(b"fact");
            out.extend_from_slice(&4u32.to_le_bytes());
            out.extend_from_slice(&size(data_bytes / u64::from(frame.max(1))));
        }
        out.extend_from_slice(b"data");
        out.extend_from_slice(&size(data_bytes));
        debug_assert_eq!(out.len(), self.header_len());
        out
    }
}

/// Why a file is no WAV for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WavError {
    /// It does not begin with `RIFF`, size, `WAVE`.
    NotWave,
    /// No `fmt ` chunk before the samples, or one that is too short.
    NoFormat,
    /// The samples do not begin within the bytes given.
    NoData,
    /// A format tag or sample size that is neither A-law, µ-law nor PCM 16.
    Format {
        /// The tag.
        tag: u16,
        /// Bits of a sample.
        bits: u16,
    },
    /// Neither one nor two channels; holds how many.
    Channels(u16),
    /// A rate of 0.
    Rate,
}

impl fmt::Display for WavError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WavError::NotWave => f.write_str("not a RIFF/WAVE file"),
            WavError::NoFormat => f.write_str("no usable 'fmt ' chunk before the samples"),
            WavError::NoData => write!(f, "no 'data' chunk within the first {PROBE_LEN} bytes"),
            WavError::Format { tag, bits } => {
                write!(f, "format {tag} of {bits} bits: only A-law, µ-law and 16-bit PCM are read")
            }
            WavError::Channels(n) => write!(f, "{n} channels: only one or two are read"),
            WavError::Rate => f.write_str("sample rate 0"),
        }
    }
}
impl std::error::Error for WavError {}

/// Where the samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wav {
    /// What they are.
    pub spec: Spec,
    /// Where they begin, in bytes from the file's start.
    pub data_offset: usize,
    /// What the `data` chunk's header says; it may be 0, too much or too little.
    pub announced: u32,
    /// What the RIFF header says.
    riff: u32,
    /// Where the frame count of a `fact` chunk stands.
    fact: Option<usize>,
}

impl Wav {
    /// Reads the header at the start of `bytes`, which may be the whole file or its first
    /// [`PROBE_LEN`]. Chunks that are not known (`LIST`, `bext`) are passed over.
    pub fn parse(bytes: &[u8]) -> Result<Wav, WavError> {
        let riff = bytes.get(..12).ok_or(WavError::NotWave)?;
        if &riff[..4] != b"RIFF" || &riff[8..] != b"WAVE" {
            return Err(WavError::NotWave);
        }
        let mut spec = None;
        let mut fact = None;
        let mut at = 12usize;
        loop {
            let chunk =
                bytes.get(at..).and_then(<[u8]>::first_chunk::<8>).ok_or(WavError::NoData)?;
            let size = le32(chunk, 4);
            let body = at + 8;
            let end = body.saturating_add(size as usize);
            match &chunk[..4] {
                b"fmt " => {
                    let fields = bytes.get(body..end).ok_or(WavError::NoFormat)?;
                    spec = Some(parse_format(fields)?);
                }
                b"fact" if size >= 4 => fact = Some(body),
                b"data" => {
                    let spec = spec.ok_or(WavError::NoFormat)?;
                    let riff = le32(bytes, 4);
                    return Ok(Wav { spec, data_offset: body, announced: size, riff, fact });
                }
                _ => {}
            }
            // Chunks begin at even offsets.
            at = end.saturating_add(size as usize % 2);
        }
    }

    /// Bytes of samples in a file of `file_len` bytes: what is announced, unless that is nothing,
    /// more than there is, or the most that 32 bits can say (4 GiB are 74 hours of two channels of
    /// A-law; a call may last a week); whole frames only.
    pub fn data_len(&self, file_len: u64) -> u64 {
        let there = file_len.saturating_sub(self.data_offset as u64);
        let announced = u64::from(self.announced);
        let unsaid = matches!(self.announced, 0 | u32::MAX);
        let len = if unsaid || announced > there { there } else { announced };
        len - len % u64::from(self.spec.frame_bytes())
    }
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("a slice of four"))
}

fn parse_format(fields: &[u8]) -> Result<Spec, WavError> {
    if fields.len() < 16 {
        return Err(WavError::NoFormat);
    }
    let le16 = |at: usize| u16::from_le_bytes([fields[at], fields[at + 1]]);
    let (mut tag, channels, rate_hz, bits) = (le16(0), le16(2), le32(fields, 4), le16(14));
    if tag == 0xfffe && fields.len() >= 26 {
        // WAVE_FORMAT_EXTENSIBLE: the real tag begins the sub-format's identifier.
        tag = le16(24);
    }
    let format = match (tag, bits) {
        (1, 16) => Format::Pcm16,
        (6, 8) => Format::Alaw,
        (7, 8) => Format::Mulaw,
        _ => return Err(WavError::Format { tag, bits }),
    };
    match (channels, rate_hz) {
        (1 | 2, 0) => Err(WavError::Rate),
        (1 | 2, _) => Ok(Spec { format, channels, rate_hz }),
        _ => Err(WavError::Channels(channels)),
    }
}

/// What to write to make a file whole again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The corrected beginning of the file, up to the samples; as long as it was.
    pub header: Vec<u8>,
    /// The length that the file should have: it ends with a whole frame (and with a byte of padding
    /// when the samples are an odd number of bytes).
    pub file_len: u64,
    /// Frames in the file.
    pub frames: u64,
}

/// Computes what a file whose writer died should look like, from its first [`PROBE_LEN`] bytes and
/// its true length. `None` when it is whole already: the sizes agree with the length, chunks behind
/// the samples included.
pub fn repair(first: &[u8], file_len: u64) -> Result<Option<Repair>, WavError> {
    let wav = Wav::parse(first)?;
    let offset = wav.data_offset as u64;
    let frame = u64::from(wav.spec.frame_bytes());
    let announced = u64::from(wav.announced);
    let announced_end = offset + announced + announced % 2;
    let riff_end = u64::from(wav.riff) + 8;
    let consistent = riff_end == file_len && announced_end <= riff_end && announced % frame == 0;
    if consistent {
        return Ok(None);
    }
    let there = file_len.saturating_sub(offset);
    let data = there - there % frame;
    let mut header = first[..wav.data_offset].to_vec();
    let size = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    header[4..8].copy_from_slice(&size(offset - 8 + data + data % 2));
    if let Some(at) = wav.fact {
        header[at..at + 4].copy_from_slice(&size(data / frame));
    }
    let data_size = wav.data_offset - 4;
    header[data_size..].copy_from_slice(&size(data));
    let file_len = offset + data + data % 2;
    Ok(Some(Repair { header, file_len, frames: data / frame }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALAW_2: Spec = Spec { format: Format::Alaw, channels: 2, rate_hz: 8000 };

    fn specs() -> impl Iterator<Item = Spec> {
        let formats = [Format::Alaw, Format::Mulaw, Format::Pcm16];
        let each = |format| [1, 2].map(|channels| Spec { format, channels, rate_hz: 8000 });
        formats.into_iter().flat_map(each)
    }

    #[test]
    fn another_reader_agrees_on_pcm() {
        for channels in [1, 2] {
            let spec = Spec { format: Format::Pcm16, channels, rate_hz: 8000 };
            let samples: Vec<i16> = (0..200).map(|n| n * 100).collect();
            let mut file = spec.header(400);
            file.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
            let mut reader = hound::WavReader::new(file.as_slice()).unwrap();
            assert_eq!(reader.spec().channels, channels);
            assert_eq!(reader.spec().sample_rate, 8000);
            let read: Vec<i16> = reader.samples().map(Result::unwrap).collect();
            assert_eq!(read, samples);
        }
    }

    #[test]
    fn headers_read_back() {
        for spec in specs() {
            let header = spec.header(160);
            assert_eq!(header.len(), spec.header_len());
            let wav = Wav::parse(&header).unwrap();
            assert_eq!((wav.spec, wav.data_offset, wav.announced), (spec, header.len(), 160));
            assert_eq!(wav.data_len(header.len() as u64 + 160), 160);
            assert_eq!(repair(&header, header.len() as u64 + 160), Ok(None));
        }
        assert!(Wav::parse(&ALAW_2.header(u64::MAX / 2)).is_ok(), "saturates");
    }

    #[test]
    fn more_samples_than_the_header_can_say_are_all_there() {
        for spec in specs() {
            let data = (1u64 << 32) + 8;
            let header = spec.header(data);
            let file_len = header.len() as u64 + data;
            assert_eq!(Wav::parse(&header).unwrap().data_len(file_len), data);
            let fixed = repair(&spec.header(0), file_len).unwrap().unwrap();
            assert_eq!(fixed.header, header);
            assert_eq!(fixed.frames * u64::from(spec.frame_bytes()), data);
        }
    }

    /// `fmt `, then chunks that we do not know, one of odd length, then the samples.
    fn with_strangers(tail: &[u8]) -> Vec<u8> {
        let mut file = ALAW_2.header(4)[..50].to_vec();
        file.extend_from_slice(b"LIST\x03\0\0\0abc\0fact\x08\0\0\0________data\x04\0\0\0");
        file.extend_from_slice(&[1, 2, 3, 4]);
        file.extend_from_slice(tail);
        let riff = (file.len() - 8) as u32;
        file[4..8].copy_from_slice(&riff.to_le_bytes());
        file
    }

    #[test]
    fn strange_chunks_are_passed_over() {
        let file = with_strangers(b"LIST\x02\0\0\0ab");
        let wav = Wav::parse(&file).unwrap();
        assert_eq!((wav.spec, wav.data_len(file.len() as u64)), (ALAW_2, 4));
        assert_eq!(&file[wav.data_offset..][..4], [1, 2, 3, 4]);
        assert_eq!(repair(&file, file.len() as u64), Ok(None), "a chunk behind is no damage");
    }

    #[test]
    fn extensible_headers() {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x28\0\0\0".to_vec();
        let mut fields = [0u8; 40];
        fields[..2].copy_from_slice(&0xfffeu16.to_le_bytes());
        fields[2] = 1;
        fields[4..8].copy_from_slice(&16_000u32.to_le_bytes());
        fields[14] = 16;
        fields[24] = 1;
        file.extend_from_slice(&fields);
        file.extend_from_slice(b"data\0\0\0\0");
        let spec = Spec { format: Format::Pcm16, channels: 1, rate_hz: 16_000 };
        assert_eq!(Wav::parse(&file).unwrap().spec, spec);
    }

    #[test]
    fn a_crash_at_any_byte_is_repaired() {
        for spec in specs() {
            let frame = u64::from(spec.frame_bytes());
            // The header was last written when there were 2 frames, or never.
            for stale in [0, 2 * frame] {
                let first = spec.header(stale);
                for there in 0..=9u64 {
                    let file_len = first.len() as u64 + there;
                    let whole = there - there % frame;
                    let Some(fixed) = repair(&first, file_len).unwrap() else {
                        assert_eq!(there, stale + stale % 2, "only what is whole is left alone");
                        continue;
                    };
                    assert_eq!(fixed.header, spec.header(whole), "{spec:?} {stale} {there}");
                    assert_eq!(fixed.frames, whole / frame);
                    assert_eq!(fixed.file_len, first.len() as u64 + whole + whole % 2);
                    assert_eq!(repair(&fixed.header, fixed.file_len), Ok(None), "once is enough");
                }
            }
        }
    }

    #[test]
    fn repair_keeps_chunks_before_the_samples() {
        let mut file = with_strangers(b"");
        file.extend_from_slice(&[5, 6, 7]);
        let fixed = repair(&file, file.len() as u64).unwrap().unwrap();
        let wav = Wav::parse(&fixed.header).unwrap();
        assert_eq!((wav.announced, fixed.frames), (6, 3));
        assert_eq!(fixed.file_len, file.len() as u64 - 1);
        assert_eq!(wav.data_offset, fixed.header.len());
        let fact = wav.fact.unwrap();
        assert_eq!(fixed.header[fact..fact + 4], 3u32.to_le_bytes());
    }

    #[test]
    fn what_is_no_wav_says_why() {
        let header = ALAW_2.header(0);
        let with = |at: usize, value: u8| {
            let mut bytes = header.clone();
            bytes[at] = value;
            Wav::parse(&bytes).unwrap_err()
        };
        assert_eq!(Wav::parse(b""), Err(WavError::NotWave));
        assert_eq!(with(0, b'X'), WavError::NotWave);
        assert_eq!(with(12, b'X'), WavError::NoFormat);
        assert_eq!(with(20, 3), WavError::Format { tag: 3, bits: 8 });
        assert_eq!(with(34, 16), WavError::Format { tag: 6, bits: 16 });
        assert_eq!(with(22, 3), WavError::Channels(3));
        assert_eq!(with(16, 200), WavError::NoFormat);
        for len in 0..header.len() {
            assert!(Wav::parse(&header[..len]).is_err(), "{len}");
        }
        let huge = b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff".to_vec();
        assert_eq!(Wav::parse(&huge), Err(WavError::NoData));
    }
}
