//! Floor 0: time, ids, sequence arithmetic, seeded random numbers. Imports nothing of ours.

pub mod id;
pub mod rng;
pub mod seq;
pub mod time;

pub use id::{CallId, LegId, PlayId, RecordingId, RoomId};
pub use rng::Rng;
pub use time::{Duration, Now, Time, Wall};
