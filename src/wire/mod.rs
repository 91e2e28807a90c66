//! Floor 1: bytes to values and back. No meaning, no state: what a message asks for is decided
//! above.

pub mod auth;
pub mod csta;
pub mod csv;
pub mod dialog_info;
pub mod dns;
pub mod dtmf_info;
pub mod hep;
pub mod ipp;
pub mod message_summary;
pub mod ogg_opus;
pub mod opus_packet;
pub mod pcap;
pub mod pidf;
pub mod q850;
pub mod reginfo;
pub mod rs_metadata;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod srtp;
pub mod stun;
pub mod telecare;
pub mod telephone_event;
pub mod udp;
pub mod wav;
mod xml;
