//! Replaces (RFC 3891 §6.1): the dialog that a new INVITE takes over.

use super::error::Fault;
use super::lex;
use super::params::Params;
use super::write::ToWire;

/// A dialog as its other end sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// Call-ID.
    pub call_id: Box<[u8]>,
    /// The tag that is local to whoever receives the INVITE.
    pub to_tag: Box<[u8]>,
    /// The tag that is remote to it; `0` where an RFC 2543 peer has none.
    pub from_tag: Box<[u8]>,
    /// Only an early dialog is to be replaced.
    pub early_only: bool,
}

impl Replaces {
    /// Parses `call-id;to-tag=…;from-tag=…[;early-only]`.
    pub fn parse(text: &[u8]) -> Result<Replaces, Fault> {
        let end = text.iter().position(|b| *b == b';').unwrap_or(text.len());
        let (call_id, params) = text.split_at(end);
        let call_id = lex::trim(call_id);
        if call_id.is_empty() {
            return Err(Fault::Empty);
        }
        let params = Params::parse(params)?;
        let tag = |name| params.get(name).filter(|t| !t.is_empty()).ok_or(Fault::Missing);
        Ok(Replaces {
            call_id: call_id.into(),
            to_tag: tag("to-tag")?.into(),
            from_tag: tag("from-tag")?.into(),
            early_only: params.has("early-only"),
        })
    }
}

impl ToWire for Replaces {
    fn to_wire(&self, out: &mut Vec<u8>) {
        self.call_id.to_wire(out);
        let mut params = Params::new();
        params.set("to-tag", Some(&self.to_tag));
        params.set("from-tag", Some(&self.from_tag));
        if self.early_only {
            params.set("early-only", None);
        }
        out.extend_from_slice(params.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        let text = b"425928@bobster.example.org;to-tag=7743;from-tag=6472;early-only";
        let r = Replaces::parse(text).unwrap();
        assert_eq!((&*r.to_tag, &*r.from_tag, r.early_only), (&b"7743"[..], &b"6472"[..], true));
        assert_eq!(r.to_bytes(), text);
        assert_eq!(Replaces::parse(b"x;to-tag=1"), Err(Fault::Missing));
        assert_eq!(Replaces::parse(b";to-tag=1;from-tag=2"), Err(Fault::Empty));
    }
}
