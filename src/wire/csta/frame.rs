//! The framing of XML over TCP without SOAP (ECMA-323 Annex J): two zero bytes, two bytes of length, four digits
//! that name the request, the XML.

/// Bytes before the XML; the length counts them.
pub const HEADER: usize = 8;
/// The longest frame: what two bytes can say.
pub const MAX_FRAME: usize = 0xffff;
/// The invoke id of events, which answer nothing.
pub const EVENT: u16 = 9_999;

/// A frame as it stands in the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'b> {
    /// 0 to 9999: a request's, which its answer repeats.
    pub invoke: u16,
    /// The XML.
    pub xml: &'b [u8],
}

/// The bytes are no frame: the connection is of no use any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoFrame(pub &'static str);

impl<'b> Frame<'b> {
    /// The first frame of the bytes, and how long it is; `None`: it has not come wholly.
    pub fn read(bytes: &'b [u8]) -> Result<Option<(Frame<'b>, usize)>, NoFrame> {
        if bytes.iter().take(2).any(|byte| *byte != 0) {
            return Err(NoFrame("it does not begin with two zero bytes"));
        }
        let Some(header) = bytes.get(..HEADER) else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if length <= HEADER {
            return Err(NoFrame("its length leaves no room for XML"));
        }
        let digits = &header[4..];
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(NoFrame("its invoke id is not four digits"));
        }
        let invoke = digits.iter().fold(0, |all, digit| all * 10 + u16::from(digit - b'0'));
        let whole = bytes.get(HEADER..length);
        Ok(whole.map(|xml| (Frame { invoke, xml }, length)))
    }

    /// The frame's bytes; `None`: the XML is too long for one.
    pub fn bytes(invoke: u16, xml: &str) -> Option<Vec<u8>> {
        let length = u16::try_from(HEADER + xml.len()).ok()?;
        let mut bytes = vec![0, 0];
        bytes.extend(length.to_be_bytes());
        bytes.extend(format!("{:04}", invoke % 10_000).bytes());
        bytes.extend(xml.bytes());
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_as_annex_j_has_it() {
        let bytes = Frame::bytes(7, "<a/>").unwrap();
        assert_eq!(bytes, b"\x00\x00\x00\x0c0007<a/>");
        let (frame, length) = Frame::read(&bytes).unwrap().unwrap();
        assert_eq!((frame.invoke, frame.xml, length), (7, &b"<a/>"[..], 12));
        assert_eq!(Frame::bytes(0, &"x".repeat(MAX_FRAME)), None);
    }

    #[test]
    fn what_is_no_frame() {
        for bad in [&b"GET / "[..], b"\x00\x00\x00\x080001", b"\x00\x00\x00\x0900x1<", b"\x00\x01"]
        {
            assert!(Frame::read(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn it_reads_back_however_it_is_cut(invoke in 0u16..10_000, xml in "[ -~]{1,200}", rest in prop::collection::vec(any::<u8>(), 0..20)) {
            let mut bytes = Frame::bytes(invoke, &xml).unwrap();
            let length = bytes.len();
            for cut in 0..length {
                prop_assert_eq!(Frame::read(&bytes[..cut]), Ok(None));
            }
            bytes.extend(rest);
            let (frame, taken) = Frame::read(&bytes).unwrap().unwrap();
            prop_assert_eq!((frame.invoke, frame.xml, taken), (invoke, xml.as_bytes(), length));
        }

        #[test]
        fn any_bytes_are_frames_or_not(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some((frame, length))) = Frame::read(&bytes) {
                prop_assert!(length <= bytes.len() && frame.invoke < 10_000 && !frame.xml.is_empty());
            }
        }
    }
}
