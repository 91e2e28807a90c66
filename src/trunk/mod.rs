//! Floor 3: gateways: whose address is this, is it up, has it a channel left (R1).

pub mod gateway;

pub use gateway::{Gateway, Gateways, Health, NoChannel, Turn};
