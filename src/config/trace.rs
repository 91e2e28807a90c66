//! Keys about the SIP messages that are kept for who looks for a fault.

use core::time::Duration;

use super::address::Collector;
use super::quantity::Size;
use super::setting::section;

section! {
    /// The SIP messages of all calls with their legs' figures, kept for a while: `belfry console -e 'trace CALL'`.
    /// What belongs to no call is left out, keys of SRTP are masked.
    [trace] struct Trace {
        /// Whether they are kept.
        enabled: bool = "true", restart;
        /// For how long.
        keep: Duration = "\"24 h\"" in ["\"1 min\"", "\"31 days\""], restart;
        /// How much room they take at most, in `trace` below `[node] data_dir`; the oldest go first.
        max_size: Size = "\"256 MiB\"" in ["\"8 MiB\"", "\"64 GiB\""], restart;
        /// A collector (Homer, heplify) that gets a copy of each by UDP (HEP version 3).
        hep: Option<Collector> = derived, restart;
        /// Under which number the collector knows this node.
        hep_node: u32 = "2001" in ["1", "4294967295"], restart;
    }
}
