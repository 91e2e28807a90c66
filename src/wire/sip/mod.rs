//! SIP messages on the wire (RFC 3261 §7, §18.3, §19, §20, §25).
//!
//! ```text
//! datagram ── Message::parse ──┐
//!                              ├─► Message ── header(), from(), top_via() … ─► values
//! stream ──── Framer ──────────┘      ▲
//! values ──── Builder ────────────────┘── bytes() ─► the wire
//! ```
//!
//! The parser takes what real peers send (Latin-1, lone LF, odd white space, unknown anything) as
//! long as it can be understood in one way only; the builder writes only what the grammar allows.
//! Nothing here knows transactions, dialogs or what a method means.

mod builder;
mod check;
mod contact;
mod cseq;
mod error;
mod escape;
mod frame;
mod host;
pub(in crate::wire) mod lex;
mod limits;
mod list;
mod message;
mod method;
mod multipart;
mod name;
mod name_addr;
mod params;
mod parse;
mod received;
mod replaces;
mod session_expires;
pub mod status;
mod tel_uri;
mod typed;
mod uri;
mod uri_equal;
mod via;
mod write;

pub use builder::{BuildError, Builder, HeaderName};
pub use contact::{Contact, Contacts};
pub use cseq::{CSeq, RAck};
pub use error::{Defect, Fault, HeaderError, ParseError, UriFault, What};
pub use escape::unescape;
pub use frame::{Frame, Framer};
pub use host::Host;
pub use limits::Limits;
pub use message::Message;
pub use method::{BadMethod, Method};
pub use multipart::{Part, mixed};
pub use name::Name;
pub use name_addr::NameAddr;
pub use params::Params;
pub use replaces::Replaces;
pub use session_expires::{Refresher, SessionExpires};
pub use tel_uri::TelUri;
pub use uri::{OtherUri, SipUri, Uri};
pub use via::{MAGIC_COOKIE, Rport, Transport, Via};
pub use write::ToWire;
