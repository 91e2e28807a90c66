//! What holds for `wire::opus_packet` whatever the bytes: frames lie within the packet, and written in
//! either form they read back the same. Shared by `tests/fuzz_seeds.rs` and the fuzz target
//! `opus_packet`.

use belfry::wire::ogg_opus::Head;
use belfry::wire::opus_packet::Frames;

/// Reads the bytes as a packet in both forms, and as a file's head.
pub fn check(bytes: &[u8]) {
    if let Ok(frames) = Frames::parse(bytes) {
        reads_back(&frames, bytes.len());
    }
    if let Ok((frames, rest)) = Frames::parse_delimited(bytes) {
        assert!(rest.len() < bytes.len());
        reads_back(&frames, bytes.len());
    }
    if let Some(head) = Head::parse(bytes) {
        assert_eq!(Head::parse(&head.write()), Some(head));
    }
}

fn reads_back(frames: &Frames<'_>, length: usize) {
    let held: usize = frames.frames().iter().map(|frame| frame.len()).sum();
    assert!(held < length);
    let (mut usual, mut delimited) = (Vec::new(), Vec::new());
    frames.write(&mut usual);
    frames.write_delimited(&mut delimited);
    let again = Frames::parse(&usual).expect("what was written reads back");
    assert_eq!((again.toc >> 2, again.frames()), (frames.toc >> 2, frames.frames()));
    let (again, rest) = Frames::parse_delimited(&delimited).expect("what was written reads back");
    assert_eq!((again.frames(), rest), (frames.frames(), &[][..]));
}
