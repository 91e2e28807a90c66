//! Floor 3: what is recorded, how its file is laid out, where it lies and how long it is kept
//! (R5). Opens no file: floor 5's disk thread carries out what is decided here.
//!
//! ```text
//! switch ── path: under which name?
//! engine ── layout: blocks of two channels become pieces of one file
//! engine ── pack: of a call that is over, the same at a tenth of the size
//! daemon ── retention: which files are too old, has the disk room for another call?
//! ```

pub mod layout;
pub mod pack;
pub mod path;
pub mod retention;
pub mod stretch;

pub use layout::{Layout, Pieces};
