//! The binary against real clients on real sockets: baresip as phones, SIPp as the gateway, and
//! peers of our own where a scripted RTP stream or a hostile datagram is wanted (R1, R2, R5, R8).
//!
//! Every test judges the audio that came out, not the signalling alone: each party speaks a tone of
//! its own, each prompt is a tone of its own, so whoever is heard is known. Each test has loopback
//! addresses of its own and its own appliance; they run side by side. What is missing on the
//! machine (baresip, SIPp, sipvicious) is a failure that names the Debian package, never a skip; only
//! what needs network namespaces is left out where there are no rights for them.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests run processes, sockets, files and the real clock"
)]

mod real;
