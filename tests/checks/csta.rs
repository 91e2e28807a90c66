//! What holds for CSTA in XML over TCP, whatever the bytes: each is a frame or none, its XML is read or refused,
//! and what is read is written so that it reads back. Shared by `tests/fuzz_seeds.rs` and the fuzz target `csta`.

use belfry::wire::csta::{Element, Frame};

/// Reads the bytes as frames, and by themselves as XML.
pub fn check(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some((frame, length))) = Frame::read(rest) {
        assert!(length > 8 && length <= rest.len() && frame.invoke < 10_000);
        read(frame.xml);
        rest = &rest[length..];
    }
    read(bytes);
}

fn read(xml: &[u8]) {
    let Ok(element) = Element::read(xml) else { return };
    let written = element.document("x");
    let again = Element::read(written.as_bytes());
    // What may not stand in XML at all is left out when it is written.
    if xml.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        assert_eq!(again.as_ref(), Ok(&element), "{written}");
    }
    if let Some(frame) = Frame::bytes(7, &written) {
        let (read, length) = Frame::read(&frame).expect("ours").expect("whole");
        assert_eq!((read.invoke, read.xml, length), (7, written.as_bytes(), frame.len()));
    }
}
