//! How much one SIP message may hold. Everything that arrives is checked against these before
//! anything is kept of it.

/// Parameters of one URI, Via or address, and header fields after a URI's `?`. Comparing URIs costs
/// the square of it.
pub(super) const MAX_PARAMS: usize = 64;

/// Upper bounds on one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The whole message, head and body, in bytes. A UDP datagram cannot hold more than the
    /// default.
    pub message_bytes: usize,
    /// The start line and all header lines together, in bytes.
    pub head_bytes: usize,
    /// One header line with its folds, or the start line, in bytes.
    pub line_bytes: usize,
    /// Header lines, folds not counted.
    pub headers: usize,
}

impl Limits {
    /// What [`super::Message::parse`] and the builder use.
    pub const DEFAULT: Limits =
        Limits { message_bytes: 65_535, head_bytes: 32_768, line_bytes: 8_192, headers: 256 };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}
