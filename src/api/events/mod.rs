//! Events: what they are, how facts become them, who reads them and how.

pub mod event;
pub mod feed;
mod stream;
pub mod tell;

pub use event::{Event, Filter};
pub use feed::{Feed, History, Later};
pub(super) use stream::routes;
