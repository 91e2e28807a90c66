//! Who may do what, and how much of it.
//!
//! [`admission`]: whether a new call may come in now; [`rate`]: so many a second.

pub mod admission;
pub mod rate;

pub use admission::{Admission, Load, Refusal};
