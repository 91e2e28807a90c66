//! How a call sounds over a bad line: speech through the real plane and a seeded network, in virtual
//! time. `tests/sound/README.md` says how the PESQ table of docs/sound.md is made from the same runs.

#![allow(clippy::disallowed_methods, reason = "the table is a file, and so is what score.py reads")]

#[path = "sound/clicks.rs"]
mod clicks;
#[path = "sound/clips.rs"]
mod clips;
#[path = "sound/distance.rs"]
mod distance;
#[path = "sound/line.rs"]
mod line;
#[path = "sound/table.rs"]
mod table;
#[path = "sound/write.rs"]
mod write;
