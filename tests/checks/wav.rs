//! What holds for `wire::wav` whatever the bytes: the samples lie where the header says, and a
//! repaired file is whole: repairing it again changes nothing. Shared by `tests/fuzz_seeds.rs` and
//! the fuzz target `wav`.

use belfry::wire::wav::{PROBE_LEN, Wav, repair};

/// Reads the bytes as a file, and as the beginning of files of other lengths.
pub fn check(bytes: &[u8]) {
    let first = &bytes[..bytes.len().min(PROBE_LEN)];
    let parsed = Wav::parse(first);
    let len = bytes.len() as u64;
    // As it is; cut after the probe, with a byte more, beyond what 32 bits can say.
    for file_len in [len, first.len() as u64, len + 1, len + (1 << 32)] {
        let Ok(wav) = parsed else {
            assert_eq!(repair(first, file_len), Err(parsed.unwrap_err()));
            continue;
        };
        assert!(wav.data_offset <= first.len());
        let frame = u64::from(wav.spec.frame_bytes());
        assert!(matches!(frame, 1 | 2 | 4));
        let data = wav.data_len(file_len);
        assert!(data % frame == 0 && wav.data_offset as u64 + data <= file_len);
        let Ok(Some(fixed)) = repair(first, file_len) else { continue };
        assert_eq!(fixed.header.len(), wav.data_offset);
        assert!(fixed.file_len <= file_len + 1, "at most a byte of padding is added");
        assert!(fixed.file_len + frame > file_len, "at most half a frame is cut");
        let again = Wav::parse(&fixed.header).expect("the chunks are where they were");
        assert_eq!((again.spec, again.data_offset), (wav.spec, wav.data_offset));
        let extra = again.data_len(fixed.file_len) - fixed.frames * frame;
        if file_len < u64::from(u32::MAX) {
            assert_eq!(extra, 0);
            assert_eq!(repair(&fixed.header, fixed.file_len), Ok(None), "once is enough");
        } else {
            assert!(extra <= 1, "only the byte of padding, which no header can tell from samples");
        }
    }
}
