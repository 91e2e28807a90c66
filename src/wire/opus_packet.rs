//! Opus packets as bytes: their frames (RFC 6716 §3), and the self-delimiting form in which several
//! streams share one packet (appendix B), as in an Ogg file of several channels.
//!
//! ```text
//!   usual            TOC │ lengths but the last │ frames          its end is the packet's
//!   self-delimiting  TOC │ lengths, all         │ frames          its end is known
//!   of two streams   self-delimiting (left) │ usual (right)
//! ```
//!
//! No samples here: `dsp::opus` codes and decodes.

use core::fmt;

/// Most frames in a packet: 120 ms of 2.5 ms (§3.2.5).
pub const MOST_FRAMES: usize = 48;
/// Longest frame, bytes (§3.2.1).
pub const LONGEST_FRAME: usize = 1_275;

/// Why bytes are no Opus packet; one packet's fault, the stream goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketError {
    /// There is no table-of-contents byte.
    Empty,
    /// It ends within a length or a frame.
    Short,
    /// A frame longer than [`LONGEST_FRAME`]; holds its length.
    Long(usize),
    /// Two equal frames in an odd number of bytes, or so (§3.2.3, §3.2.5).
    Uneven,
    /// No frame, or more than [`MOST_FRAMES`]; holds how many.
    Frames(usize),
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PacketError::Empty => f.write_str("an Opus packet without a byte"),
            PacketError::Short => f.write_str("an Opus packet that ends too early"),
            PacketError::Long(bytes) => {
                write!(f, "an Opus frame of {bytes} bytes, more than {LONGEST_FRAME}")
            }
            PacketError::Uneven => f.write_str("an Opus packet whose equal frames do not fit it"),
            PacketError::Frames(n) => {
                write!(f, "an Opus packet of {n} frames, not 1 to {MOST_FRAMES}")
            }
        }
    }
}

/// The frames of one packet, in the buffer that holds them.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    /// The table of contents: configuration and channels. Its two lowest bits, how frames are laid
    /// out, are not looked at here.
    pub toc: u8,
    frames: [&'a [u8]; MOST_FRAMES],
    count: usize,
}

impl<'a> Frames<'a> {
    /// Of a packet in the usual form.
    pub fn parse(packet: &'a [u8]) -> Result<Frames<'a>, PacketError> {
        Reader { rest: packet, delimited: false }.frames()
    }

    /// Of a self-delimiting packet at the beginning of `bytes`; gives what lies behind it too.
    pub fn parse_delimited(bytes: &'a [u8]) -> Result<(Frames<'a>, &'a [u8]), PacketError> {
        let mut reader = Reader { rest: bytes, delimited: true };
        let frames = reader.frames()?;
        Ok((frames, reader.rest))
    }

    /// The frames.
    pub fn frames(&self) -> &[&'a [u8]] {
        &self.frames[..self.count]
    }

    /// Writes them in the usual form.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.put(out, false);
    }

    /// Writes them in the self-delimiting form.
    pub fn write_delimited(&self, out: &mut Vec<u8>) {
        self.put(out, true);
    }

    /// Code 0 for one frame, code 3 with lengths of their own for several.
    fn put(&self, out: &mut Vec<u8>, delimited: bool) {
        let (last, before) = self.frames().split_last().expect("a packet has a frame");
        match before.is_empty() {
            true => out.push(self.toc & !3),
            false => out.extend([self.toc | 3, VBR | self.count as u8]),
        }
        for frame in before {
            put_length(frame.len(), out);
        }
        if delimited {
            put_length(last.len(), out);
        }
        for frame in self.frames() {
            out.extend_from_slice(frame);
        }
    }
}

/// Of code 3's count byte: frames have lengths of their own; padding follows (§3.2.5).
const VBR: u8 = 0x80;
const PADDED: u8 = 0x40;

/// Lengths of 252 and more take two bytes (§3.2.1).
fn put_length(length: usize, out: &mut Vec<u8>) {
    debug_assert!(length <= LONGEST_FRAME);
    match length {
        0..=251 => out.push(length as u8),
        _ => {
            let low = 252 + (length & 3);
            out.extend([low as u8, ((length - low) / 4) as u8]);
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    delimited: bool,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, PacketError> {
        let (first, rest) = self.rest.split_first().ok_or(PacketError::Short)?;
        self.rest = rest;
        Ok(*first)
    }

    fn length(&mut self) -> Result<usize, PacketError> {
        let first = usize::from(self.byte()?);
        let length = if first < 252 { first } else { usize::from(self.byte()?) * 4 + first };
        if length > LONGEST_FRAME { Err(PacketError::Long(length)) } else { Ok(length) }
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], PacketError> {
        if bytes > LONGEST_FRAME {
            return Err(PacketError::Long(bytes));
        }
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(PacketError::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn frames(&mut self) -> Result<Frames<'a>, PacketError> {
        let toc = self.byte().map_err(|_| PacketError::Empty)?;
        let (count, vbr, padding) = match toc & 3 {
            0 => (1, false, 0),
            1 => (2, false, 0),
            2 => (2, true, 0),
            _ => self.counted()?,
        };
        let mut lengths = [0; MOST_FRAMES];
        let lengths = &mut lengths[..count];
        self.lengths(lengths, vbr, padding)?;
        let mut frames = Frames { toc, frames: [&[]; MOST_FRAMES], count };
        for (frame, length) in frames.frames.iter_mut().zip(lengths) {
            *frame = self.take(*length)?;
        }
        self.rest = self.rest.get(padding..).ok_or(PacketError::Short)?;
        Ok(frames)
    }

    /// Of code 3: how many frames, whether each has its length, and bytes of padding (§3.2.5).
    fn counted(&mut self) -> Result<(usize, bool, usize), PacketError> {
        let byte = self.byte()?;
        let count = usize::from(byte & 0x3f);
        if !(1..=MOST_FRAMES).contains(&count) {
            return Err(PacketError::Frames(count));
        }
        let mut padding = 0;
        let mut more = byte & PADDED != 0;
        while more {
            let part = self.byte()?;
            more = part == 255;
            padding += if more { 254 } else { usize::from(part) };
        }
        Ok((count, byte & VBR != 0, padding))
    }

    /// Reads the lengths that are written, and works out those that are not.
    fn lengths(
        &mut self,
        lengths: &mut [usize],
        vbr: bool,
        padding: usize,
    ) -> Result<(), PacketError> {
        let count = lengths.len();
        if vbr {
            for length in &mut lengths[..count - 1] {
                *length = self.length()?;
            }
        }
        if self.delimited {
            let last = self.length()?;
            match vbr {
                true => lengths[count - 1] = last,
                false => lengths.fill(last),
            }
            return Ok(());
        }
        let left = self.rest.len().checked_sub(padding).ok_or(PacketError::Short)?;
        match vbr {
            true => {
                let before: usize = lengths[..count - 1].iter().sum();
                lengths[count - 1] = left.checked_sub(before).ok_or(PacketError::Short)?;
            }
            false if left.is_multiple_of(count) => lengths.fill(left / count),
            false => return Err(PacketError::Uneven),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames<'a>(packet: &Frames<'a>) -> Vec<&'a [u8]> {
        packet.frames().to_vec()
    }

    #[test]
    fn the_four_codes() {
        let two: [&[u8]; 2] = [&[1, 2], &[3, 4]];
        assert_eq!(frames(&Frames::parse(&[0x18, 9, 8]).unwrap()), [&[9, 8]]);
        assert_eq!(frames(&Frames::parse(&[0x19, 1, 2, 3, 4]).unwrap()), two);
        assert_eq!(frames(&Frames::parse(&[0x1a, 2, 1, 2, 3, 4]).unwrap()), two);
        assert_eq!(frames(&Frames::parse(&[0x1b, 2, 1, 2, 3, 4]).unwrap()), two);
        let padded = [0x1b, 2 | VBR | PADDED, 1, 1, 7, 8, 0];
        assert_eq!(frames(&Frames::parse(&padded).unwrap()), [&[7u8][..], &[8]]);
        assert_eq!(frames(&Frames::parse(&[0x18]).unwrap()), [&[] as &[u8]], "silence");
    }

    #[test]
    fn faults_are_named() {
        use PacketError::*;
        let long = [&[0x18u8][..], &[0; 1_276]].concat();
        for (bytes, error) in [
            (&[][..], Empty),
            (&[0x19, 1, 2, 3], Uneven),
            (&[0x1a, 5, 1], Short),
            (&[0x1a, 255, 255], Long(1_275)),
            (&[0x1b, 0], Frames(0)),
            (&[0x1b, 49], Frames(49)),
            (&[0x1b, 0x41, 3], Short),
            (&long, Long(1_276)),
        ] {
            let found = super::Frames::parse(bytes).map(|f| f.count);
            match error {
                // 255 + 4 × 255 is just the longest: its frame is what is missing.
                Long(1_275) => assert_eq!(found, Err(Short)),
                error => assert_eq!(found, Err(error), "{bytes:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn both_forms_give_the_frames_back(
            toc in any::<u8>(),
            of in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..8),
            behind in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let mut whole = Frames { toc, frames: [&[]; MOST_FRAMES], count: of.len() };
            for (place, frame) in whole.frames.iter_mut().zip(&of) {
                *place = frame;
            }
            let (mut usual, mut delimited) = (Vec::new(), Vec::new());
            whole.write(&mut usual);
            whole.write_delimited(&mut delimited);
            let read = Frames::parse(&usual).unwrap();
            prop_assert_eq!((read.toc >> 2, frames(&read)), (toc >> 2, frames(&whole)));
            delimited.extend(&behind);
            let (read, rest) = Frames::parse_delimited(&delimited).unwrap();
            prop_assert_eq!((frames(&read), rest), (frames(&whole), &behind[..]));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(read) = Frames::parse(&bytes) {
                let held: usize = read.frames().iter().map(|f| f.len()).sum();
                prop_assert!(held < bytes.len());
            }
            if let Ok((_, rest)) = Frames::parse_delimited(&bytes) {
                prop_assert!(rest.len() < bytes.len());
            }
        }
    }
}
