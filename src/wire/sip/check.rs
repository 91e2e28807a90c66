//! May we act on this message? The mandatory headers of RFC 3261 §8.1.1, each once and readable,
//! and the request line against them. A request that fails is answered 400 with the defect as its
//! reason phrase; a response that fails is dropped.
//!
//! Not here, because the answer depends on who we are: unknown schemes (416), methods (405, 501),
//! Require (420), body types (415), Max-Forwards 0 (483). A missing tag in From and a missing
//! Max-Forwards pass: RFC 2543 clients send neither.

use super::error::{Defect, HeaderError};
use super::message::Message;
use super::method::Method;
use super::uri::Uri;

impl Message {
    /// Checks what every user agent needs before it looks closer.
    pub fn check(&self) -> Result<(), Defect> {
        if self.is_request() {
            match self.uri() {
                Ok(Uri::Sip(sip)) if sip.headers.is_some() => {
                    return Err(Defect::RequestUri(super::error::UriFault::Headers));
                }
                Ok(_) => {}
                Err(fault) => return Err(Defect::RequestUri(fault)),
            }
        }
        self.top_via()?;
        self.from()?;
        self.to()?;
        self.call_id()?;
        if self.cseq()?.method != *self.method() {
            return Err(Defect::MethodMismatch);
        }
        if self.is_request() {
            self.max_forwards()?;
        }
        if self.uses_contact() {
            self.contacts()?;
        }
        Ok(())
    }

    /// Methods whose Contact somebody will act on. Elsewhere a malformed one does no harm.
    fn uses_contact(&self) -> bool {
        use Method::{Invite, Notify, Refer, Register, Subscribe, Update};
        matches!(self.method(), Invite | Register | Subscribe | Notify | Refer | Update)
    }
}

impl From<HeaderError> for Defect {
    fn from(error: HeaderError) -> Defect {
        Defect::Header(error)
    }
}
