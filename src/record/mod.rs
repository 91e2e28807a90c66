//! Floor 3: under which name a recording lies, how long it is kept, and what becomes of it when its call
//! is over (R5). Opens no file: floor 5's threads carry out what is decided here.
//!
//! ```text
//! switch ── path: under which name?
//! engine ── envelope: how it lies on the disk where it is to be encrypted
//! engine ── pack: of a call that is over, the same at a tenth of the size
//! engine ── clock: is the day believed by which they are too old?
//! daemon ── retention: which files are too old, has the disk room for another call?
//! ```
//!
//! Not here: which sample lies where in the file (media's tap).

pub mod clock;
pub mod envelope;
pub mod pack;
pub mod path;
pub mod retention;
pub mod turns;
