//! Source descriptions (RFC 3550 §6.5): a chunk for each source, in it items of type, length and
//! text, ended by zeros up to a whole word.

use super::packet::count;
use super::{HEADER_LEN, be32};

/// Item type of the canonical name, which every compound must carry.
pub const CNAME: u8 = 1;

/// A source description.
#[derive(Debug, Clone, Copy)]
pub struct SourceDescription<'a> {
    bytes: &'a [u8],
}

/// What is said about one source.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Of whom.
    pub ssrc: u32,
    items: &'a [u8],
}

/// One item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// [`CNAME`], or another of RFC 3550 §6.5.
    pub kind: u8,
    /// Its text, UTF-8 by the standard.
    pub text: &'a [u8],
}

impl<'a> SourceDescription<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<SourceDescription<'a>> {
        let mut rest = &bytes[HEADER_LEN..];
        for _ in 0..count(bytes) {
            rest = take_chunk(rest)?.1;
        }
        Some(SourceDescription { bytes })
    }

    /// The chunks in order.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> + 'a {
        let mut rest = &self.bytes[HEADER_LEN..];
        let one = move |_| {
            let (chunk, after) = take_chunk(rest)?;
            rest = after;
            Some(chunk)
        };
        (0..count(self.bytes)).map_while(one)
    }
}

impl<'a> Chunk<'a> {
    /// The items in order.
    pub fn items(&self) -> impl Iterator<Item = Item<'a>> + 'a {
        let mut rest = self.items;
        core::iter::from_fn(move || {
            let (item, after) = take_item(rest)??;
            rest = after;
            Some(item)
        })
    }

    /// The canonical name.
    pub fn cname(&self) -> Option<&'a [u8]> {
        self.items().find(|item| item.kind == CNAME).map(|item| item.text)
    }
}

/// The next item: `None` when it does not fit, `Some(None)` at the end of the list.
#[allow(clippy::type_complexity)]
fn take_item(text: &[u8]) -> Option<Option<(Item<'_>, &[u8])>> {
    match text {
        [] | [0, ..] => Some(None),
        [kind, len, rest @ ..] => {
            let (text, rest) = rest.split_at_checked(usize::from(*len))?;
            Some(Some((Item { kind: *kind, text }, rest)))
        }
        [_] => None,
    }
}

/// The next chunk and what follows its last word.
fn take_chunk(text: &[u8]) -> Option<(Chunk<'_>, &[u8])> {
    let items = text.get(4..)?;
    let mut rest = items;
    while let Some((_, after)) = take_item(rest)? {
        rest = after;
    }
    // At least one zero ends the list, then zeros up to the word; the packet itself is a number of
    // whole words, and so is what stands before this chunk.
    let used = items.len() - rest.len();
    let end = (used + 1).next_multiple_of(4);
    let (whole, after) = items.split_at_checked(end)?;
    Some((Chunk { ssrc: be32(text, 0), items: &whole[..used] }, after))
}

#[cfg(test)]
mod tests {
    use super::super::{Compound, Packet};
    use super::*;

    fn packet(count: u8, body: &[u8]) -> Vec<u8> {
        assert_eq!(body.len() % 4, 0);
        [&[0x80 | count, 202, 0, (body.len() / 4) as u8], body].concat()
    }

    #[test]
    fn chunks_and_items() {
        let body = [
            &[0, 0, 0, 1, CNAME, 3, b'a', b'@', b'b', 2, 1, b'N', 0, 0, 0, 0][..],
            &[0, 0, 0, 2, CNAME, 1, b'c', 0],
            &[0, 0, 0, 3, 0, 0, 0, 0],
        ]
        .concat();
        let bytes = packet(3, &body);
        let compound = Compound::parse_reduced(&bytes).unwrap();
        let Some(Packet::SourceDescription(sdes)) = compound.packets().next() else {
            panic!("an SDES")
        };
        let chunks: Vec<_> = sdes.chunks().collect();
        assert_eq!(chunks.len(), 3);
        assert_eq!((chunks[0].ssrc, chunks[0].cname()), (1, Some(&b"a@b"[..])));
        assert!(
            chunks[0]
                .items()
                .eq([Item { kind: CNAME, text: b"a@b" }, Item { kind: 2, text: b"N" }])
        );
        assert_eq!((chunks[1].cname(), chunks[2].cname()), (Some(&b"c"[..]), None));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (count, body) in [
            (1, &[][..]),
            (1, &[0, 0, 0, 1]),
            (1, &[0, 0, 0, 1, CNAME, 9, b'a', 0]),
            (1, &[0, 0, 0, 1, CNAME, 2, b'a', b'b']),
            (2, &[0, 0, 0, 1, 0, 0, 0, 0]),
        ] {
            assert!(Compound::parse_reduced(&packet(count, body)).is_err(), "{body:?}");
        }
    }
}
