//! CSeq (RFC 3261 §20.16) and RAck (RFC 3262 §7.2).

use super::error::Fault;
use super::lex::{self, NumberError};
use super::method::Method;
use super::write::ToWire;

/// A request's place in its dialog.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct CSeq {
    /// 32 bits; we ourselves start below 2^31 (§8.1.1.5).
    pub number: u32,
    /// The request's method.
    pub method: Method,
}

/// Which reliable provisional response a PRACK acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// The response's RSeq.
    pub rseq: u32,
    /// The response's CSeq.
    pub cseq: CSeq,
}

impl CSeq {
    /// Parses `number method`.
    pub fn parse(text: &[u8]) -> Result<CSeq, Fault> {
        let (number, method) = take_number(lex::trim(text))?;
        Ok(CSeq { number, method: Method::parse(method).ok_or(Fault::Method)? })
    }
}

impl RAck {
    /// Parses `rseq number method`.
    pub fn parse(text: &[u8]) -> Result<RAck, Fault> {
        let (rseq, cseq) = take_number(lex::trim(text))?;
        Ok(RAck { rseq, cseq: CSeq::parse(cseq)? })
    }
}

/// A number and, after white space, the rest.
fn take_number(text: &[u8]) -> Result<(u32, &[u8]), Fault> {
    let end = text.iter().position(|b| lex::is_space(*b)).unwrap_or(text.len());
    let number = lex::number(&text[..end], u32::MAX)?;
    Ok((number, lex::trim_start(&text[end..])))
}

impl From<NumberError> for Fault {
    fn from(error: NumberError) -> Fault {
        match error {
            NumberError::NotDigits => Fault::NotNumber,
            NumberError::TooLarge => Fault::TooLarge,
        }
    }
}

impl ToWire for CSeq {
    fn to_wire(&self, out: &mut Vec<u8>) {
        self.number.to_wire(out);
        out.push(b' ');
        self.method.to_wire(out);
    }
}

impl ToWire for RAck {
    fn to_wire(&self, out: &mut Vec<u8>) {
        self.rseq.to_wire(out);
        out.push(b' ');
        self.cseq.to_wire(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        let c = CSeq::parse(b"0009   INVITE").unwrap();
        assert_eq!(c, CSeq { number: 9, method: Method::Invite });
        assert_eq!(c.to_bytes(), b"9 INVITE");
        assert_eq!(CSeq::parse(b"36893488147419103232 REGISTER"), Err(Fault::TooLarge));
        assert_eq!(CSeq::parse(b"x INVITE"), Err(Fault::NotNumber));
        assert_eq!(CSeq::parse(b"5"), Err(Fault::Method));
        assert_eq!(CSeq::parse(b"5 INVITE x"), Err(Fault::Method));
        assert_eq!(CSeq::parse(b""), Err(Fault::NotNumber));
        let r = RAck::parse(b"776656 1 INVITE").unwrap();
        assert_eq!((r.rseq, r.cseq.number), (776_656, 1));
        assert_eq!(r.to_bytes(), b"776656 1 INVITE");
    }
}
