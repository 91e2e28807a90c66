//! Floor 6: arguments, wiring, signals, start and stop order. Imports everything; nobody imports it.
//!
//! ```text
//!  main ─▶ cli ─┬─ serve ─▶ files (configuration, plan, prompts) ─▶ exchange: the switch's thread
//!               │                                                      ├─ net     SIP sockets
//!               │                                                      ├─ engine  RTP workers, disk
//!               │                                                      ├─ store   journal, database
//!               │                                                      └─ console operators
//!               ├─ demo      an appliance of its own, called by phones of the simulator
//!               ├─ check, explain, help, certificate
//!               ├─ accounts  phones and agents that are kept
//!               ├─ trial     tries calls on the dialplan
//!               ├─ doctor    looks at the machine
//!               ├─ console   attaches to a running one
//!               └─ pages     man pages and completions, for packages
//! ```
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the daemon owns the clock, the environment, the files and the threads"
)]

mod accounts;
mod alarms;
mod api;
mod backup;
mod bells;
mod campaigns;
mod certificate;
mod certificates;
mod check;
pub mod cli;
mod clock;
mod copies;
mod day;
mod demo;
mod dns;
mod doctor;
mod exchange;
mod explain;
mod fallback;
pub mod files;
mod first;
mod forms;
mod homes;
mod keeping;
mod known_names;
mod library;
mod live;
mod log;
mod lookups;
mod mail;
mod mentions;
mod metrics;
mod notify;
mod orders;
mod pages;
mod plan_files;
mod playback;
mod recording_keys;
mod recordings;
mod records;
mod report;
mod restoring;
pub mod sample;
mod serve;
mod sheets;
mod subscribers;
mod surveys;
mod system_log;
mod trial;
mod watch;

pub use cli::main;
