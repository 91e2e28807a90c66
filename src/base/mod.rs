//! Floor 0: time, ids, sequence arithmetic, random numbers. Imports nothing of ours.

pub mod hash;
pub mod id;
pub mod networks;
pub mod noise;
pub mod rng;
pub mod seq;
pub mod source;
pub mod time;
pub mod url;
pub mod week;

pub use id::{CallId, LegId, PlayId, RecordingId, RoomId};
pub use networks::Networks;
pub use noise::Noise;
pub use rng::Rng;
pub use source::{Network, Source};
pub use time::{Duration, Now, Time, Wall};
pub use url::Url;
