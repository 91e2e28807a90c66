//! Who may do what, and how much of it.
//!
//! [`admission`]: whether a new call may come in now; [`rate`]: so many a second; [`sources`]: what a
//! source outside may do; [`bans`]: who is not heard; [`tolls`]: whom an account may call, and how often;
//! [`rights`]: what a program may that uses the API; [`mask`]: outside numbers, for who only looks on.

pub mod admission;
pub mod bans;
pub mod mask;
pub mod rate;
pub mod rights;
pub mod sources;
pub mod tolls;

pub use admission::{Admission, Load, Refusal};
pub use bans::Bans;
pub use sources::{Deed, Judgement, Sources};
pub use tolls::Tolls;
