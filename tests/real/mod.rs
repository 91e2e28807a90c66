//! Tools first (what starts, drives and judges), then one module for each topic.

mod address;
mod appliance;
mod audio;
mod baresip;
mod datagrams;
mod namespaces;
mod process;
mod scripted;
mod sipp;
mod speech;
mod tones;

mod bad_input;
mod chromium;
mod conference;
mod crash;
mod cross_talk;
mod dns;
mod drift;
mod dtls;
mod encrypted;
mod gateway_in;
mod gateway_out;
mod home_agent;
mod mobile;
mod networks;
mod phones;
mod sample;
mod scanners;
mod start_faults;
mod tcp;
mod thirty;
mod tls;
mod trace;
mod web_socket;
mod wideband;
