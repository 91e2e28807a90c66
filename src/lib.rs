//! Belfry, a voice appliance for care lines and contact centres.
//!
//! The whole exchange is one pure state machine ([`switch`]); sockets, clocks, threads, disks and
//! databases stand around it. The folders are floors, and `use` lines only go down:
//!
//! ```text
//! 6  daemon  main.rs            arguments, wiring, start and stop order
//! 5  net engine store ha api console
//! 4  switch                     THE state machine: handle(now, Input) / poll_output()
//! 3  call  trunk acd care record report access
//! 2  sip  media  dialplan
//! 1  wire  dsp  config
//! 0  base
//! ```
//!
//! On floors 0 to 4 there is no socket, file, thread, lock, wall clock, unseeded random number or
//! static state. `tests/architecture.rs` reads the `use` lines and fails when one goes up or
//! sideways; clippy's `disallowed-methods` (clippy.toml) guards the rest.

pub mod access;
pub mod acd;
pub mod api;
pub mod base;
pub mod call;
pub mod care;
pub mod config;
pub mod console;
pub mod daemon;
pub mod dialplan;
pub mod dsp;
pub mod engine;
pub mod media;
pub mod net;
pub mod record;
pub mod report;
pub mod sim;
pub mod sip;
pub mod store;
pub mod switch;
pub mod trace;
pub mod trunk;
pub mod wire;
