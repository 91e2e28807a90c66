//! CSTA phase III in XML over TCP (ECMA-323): frames, and the elements in them.
//!
//! ```text
//!  00 00 │ length, header included │ invoke id: four digits │ XML
//! ```
//!
//! What is asked and answered by them is the API's (`api::xml`).

pub mod element;
pub mod frame;

pub use element::Element;
pub use frame::Frame;
