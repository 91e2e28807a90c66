//! What holds for `wire::sip::Framer` whatever the bytes: how the stream is cut into reads makes
//! no difference, and what is held stays within the limits. Shared by the property tests and the
//! fuzz target `sip_framer`.

use belfry::wire::sip::{Frame, Framer, Limits};

/// Small, so that random input reaches them.
const LIMITS: Limits =
    Limits { message_bytes: 4096, head_bytes: 2048, line_bytes: 512, headers: 40 };

/// The first byte says how the rest is cut.
pub fn check(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else {
        return;
    };
    let whole = frames(stream.chunks(stream.len().max(1)));
    assert_eq!(frames(stream.chunks(usize::from(*cut % 61) + 1)), whole);
    // Uneven pieces.
    let mut rest = stream;
    let mut size = usize::from(*cut);
    let pieces = core::iter::from_fn(|| {
        size = (size * 31 + 17) % 97 + 1;
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(frames(pieces), whole);
}

fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut framer = Framer::new(LIMITS);
    let mut seen = Vec::new();
    for piece in pieces {
        framer.push(piece);
        for frame in &mut framer {
            seen.push(match frame {
                Ok(Frame::Ping) => "ping".to_string(),
                Ok(Frame::Message(m)) => format!("{}", m.bytes().escape_ascii()),
                Err(e) => {
                    let kept = e.salvage().map(|m| m.bytes().escape_ascii().to_string());
                    format!("{:?} at {}: {kept:?}", e.what, e.offset)
                }
            });
        }
        assert!(framer.pending() <= LIMITS.message_bytes);
    }
    seen
}
