//! Header fields as types, parsed when somebody asks.

use super::contact::{Contact, Contacts};
use super::cseq::{CSeq, RAck};
use super::error::{Fault, HeaderError};
use super::lex;
use super::message::Message;
use super::name::Name;
use super::name_addr::NameAddr;
use super::params::Params;
use super::replaces::Replaces;
use super::session_expires::SessionExpires;
use super::via::Via;

impl Message {
    /// The value of a header that may occur once: `Repeated` when it occurs more often.
    pub fn optional(&self, name: Name) -> Result<Option<&[u8]>, HeaderError> {
        match self.line_count(name) {
            0 => Ok(None),
            1 => Ok(self.header(name)),
            _ => Err(HeaderError { name, fault: Fault::Repeated }),
        }
    }

    /// The value of a header that must occur once.
    pub fn single(&self, name: Name) -> Result<&[u8], HeaderError> {
        self.optional(name)?.ok_or(HeaderError { name, fault: Fault::Missing })
    }

    fn parse_single<'a, T>(
        &'a self,
        name: Name,
        parse: impl Fn(&'a [u8]) -> Result<T, Fault>,
    ) -> Result<T, HeaderError> {
        parse(self.single(name)?).map_err(|fault| HeaderError { name, fault })
    }

    fn parse_optional<'a, T>(
        &'a self,
        name: Name,
        parse: impl Fn(&'a [u8]) -> Result<T, Fault>,
    ) -> Result<Option<T>, HeaderError> {
        let value = self.optional(name)?.map(parse).transpose();
        value.map_err(|fault| HeaderError { name, fault })
    }

    fn parse_all(&self, name: Name) -> Result<Vec<NameAddr>, HeaderError> {
        let all = self.headers(name).map(NameAddr::parse).collect::<Result<_, _>>();
        all.map_err(|fault| HeaderError { name, fault })
    }

    /// The topmost Via: where the message came from, where its response goes.
    pub fn top_via(&self) -> Result<Via, HeaderError> {
        let name = Name::Via;
        let top = self.header(name).ok_or(HeaderError { name, fault: Fault::Missing })?;
        Via::parse(top).map_err(|fault| HeaderError { name, fault })
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.parse_single(Name::From, NameAddr::parse)
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.parse_single(Name::To, NameAddr::parse)
    }

    /// Call-ID, not empty; compares byte for byte (§20.8).
    pub fn call_id(&self) -> Result<&[u8], HeaderError> {
        let parse = |id: &'_ [u8]| {
            if id.is_empty() { Err(Fault::Empty) } else { Ok(()) }
        };
        self.parse_single(Name::CallId, parse)?;
        self.single(Name::CallId)
    }

    /// CSeq.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.parse_single(Name::CSeq, CSeq::parse)
    }

    /// Max-Forwards, 0 to 255; `None` when an RFC 2543 client left it out.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        let parse = |text: &'_ [u8]| Ok(lex::number(text, u32::from(u8::MAX))? as u8);
        self.parse_optional(Name::MaxForwards, parse)
    }

    /// Every Contact; an empty list when there is none.
    pub fn contacts(&self) -> Result<Contacts, HeaderError> {
        let name = Name::Contact;
        let mut list = Vec::new();
        let mut values = self.headers(name);
        if let (Some(b"*"), None) = (values.next(), values.next()) {
            return Ok(Contacts::Star);
        }
        for value in self.headers(name) {
            list.push(Contact::parse(value).map_err(|fault| HeaderError { name, fault })?);
        }
        Ok(Contacts::List(list))
    }

    /// The one Contact that a dialog needs: missing, `*` and several are errors.
    pub fn contact(&self) -> Result<Contact, HeaderError> {
        let error = |fault| HeaderError { name: Name::Contact, fault };
        match self.contacts()? {
            Contacts::Star => Err(error(Fault::Uri(super::error::UriFault::Scheme))),
            Contacts::List(mut list) => match list.len() {
                0 => Err(error(Fault::Missing)),
                1 => Ok(list.remove(0)),
                _ => Err(error(Fault::Repeated)),
            },
        }
    }

    /// Expires in seconds.
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        self.parse_optional(Name::Expires, seconds)
    }

    /// Min-Expires in seconds (423 responses).
    pub fn min_expires(&self) -> Result<Option<u32>, HeaderError> {
        self.parse_optional(Name::MinExpires, seconds)
    }

    /// Retry-After in seconds; comment and parameters are passed over.
    pub fn retry_after(&self) -> Result<Option<u32>, HeaderError> {
        self.parse_optional(Name::RetryAfter, |text| {
            let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
            seconds(&text[..end])
        })
    }

    /// Session-Expires (RFC 4028).
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, HeaderError> {
        self.parse_optional(Name::SessionExpires, SessionExpires::parse)
    }

    /// Min-SE in seconds (RFC 4028 §5); parameters are passed over.
    pub fn min_se(&self) -> Result<Option<u32>, HeaderError> {
        self.parse_optional(Name::MinSe, |text| {
            let end = text.iter().position(|b| *b == b';').unwrap_or(text.len());
            seconds(lex::trim(&text[..end]))
        })
    }

    /// RSeq (RFC 3262), at least 1.
    pub fn rseq(&self) -> Result<Option<u32>, HeaderError> {
        self.parse_optional(Name::RSeq, |text| match lex::number(text, u32::MAX)? {
            0 => Err(Fault::NotNumber),
            number => Ok(number),
        })
    }

    /// RAck (RFC 3262), which every PRACK has.
    pub fn rack(&self) -> Result<RAck, HeaderError> {
        self.parse_single(Name::RAck, RAck::parse)
    }

    /// Route in order.
    pub fn routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.parse_all(Name::Route)
    }

    /// Record-Route in order.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.parse_all(Name::RecordRoute)
    }

    /// P-Asserted-Identity (RFC 3325): at most a SIP and a tel URI.
    pub fn asserted_identities(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.parse_all(Name::PAssertedIdentity)
    }

    /// Refer-To (RFC 3515).
    pub fn refer_to(&self) -> Result<NameAddr, HeaderError> {
        self.parse_single(Name::ReferTo, NameAddr::parse)
    }

    /// Referred-By (RFC 3892).
    pub fn referred_by(&self) -> Result<Option<NameAddr>, HeaderError> {
        self.parse_optional(Name::ReferredBy, NameAddr::parse)
    }

    /// Replaces (RFC 3891).
    pub fn replaces(&self) -> Result<Option<Replaces>, HeaderError> {
        self.parse_optional(Name::Replaces, Replaces::parse)
    }

    /// A value of the shape `token;parameters`: Event, Subscription-State, Content-Disposition.
    /// The first value when there are several.
    pub fn token_with_params(&self, name: Name) -> Result<Option<(&[u8], Params)>, HeaderError> {
        let Some(value) = self.header(name) else {
            return Ok(None);
        };
        let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
        let (token, params) = value.split_at(end);
        let params = Params::parse(params).map_err(|fault| HeaderError { name, fault })?;
        Ok(Some((lex::trim(token), params)))
    }

    /// Does one of the values of a list header (Supported, Require, Allow …) equal this token?
    /// Without regard to case.
    pub fn lists(&self, name: Name, token: &str) -> bool {
        self.headers(name).any(|value| value.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Is the body of this type (`application/sdp`), parameters and case aside?
    pub fn content_is(&self, media_type: &str) -> bool {
        self.header(Name::ContentType).is_some_and(|value| is_media_type(value, media_type))
    }
}

/// Is the Content-Type `value` of this `type/subtype`?
pub(super) fn is_media_type(value: &[u8], media_type: &str) -> bool {
    let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
    let squeezed = value[..end].iter().filter(|b| !lex::is_space(**b));
    let wanted = media_type.bytes().map(|b| b.to_ascii_lowercase());
    squeezed.map(|b| b.to_ascii_lowercase()).eq(wanted)
}

fn seconds(text: &[u8]) -> Result<u32, Fault> {
    Ok(lex::number(text, u32::MAX)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(headers: &str) -> Message {
        let text = format!("OPTIONS sip:a@h SIP/2.0\r\n{headers}\r\n");
        Message::parse(text.as_bytes()).expect(headers)
    }

    #[test]
    fn once_means_once() {
        let m = message("From: <sip:a@h>;tag=1\r\nf: <sip:b@h>;tag=2\r\n");
        assert_eq!(m.from().unwrap_err().fault, Fault::Repeated);
        assert_eq!(m.to().unwrap_err(), HeaderError { name: Name::To, fault: Fault::Missing });
        assert_eq!(m.max_forwards(), Ok(None));
        let m = message("Max-Forwards: 0068\r\n");
        assert_eq!(m.max_forwards(), Ok(Some(68)));
        let m = message("Max-Forwards: 300\r\nCall-ID:\r\n");
        assert_eq!(m.max_forwards().unwrap_err().fault, Fault::TooLarge);
        assert_eq!(m.call_id().unwrap_err().fault, Fault::Empty);
    }

    #[test]
    fn contacts_and_the_star() {
        assert_eq!(message("m: *\r\n").contacts(), Ok(Contacts::Star));
        assert!(message("m: *, <sip:a@h>\r\n").contacts().is_err());
        assert!(message("m: <sip:a@h>\r\nm: *\r\n").contacts().is_err());
        assert_eq!(message("").contacts(), Ok(Contacts::List(vec![])));
        let m = message("m: <sip:a@h>, \"x, y\" <sip:b@h>\r\nContact: sip:c@h\r\n");
        let Ok(Contacts::List(list)) = m.contacts() else { panic!("a list") };
        assert_eq!(list.len(), 3);
        assert_eq!(m.contact().unwrap_err().fault, Fault::Repeated);
        assert!(message("m: <sip:a@h>\r\n").contact().is_ok());
    }

    #[test]
    fn tokens_numbers_and_types() {
        let m = message(
            "k: 100rel , timer\r\nRetry-After: 18000;duration=3600 (busy)\r\n\
             c: Application / SDP ;x=1\r\nRSeq: 0\r\nEvent: refer;id=93\r\n",
        );
        assert!(m.lists(Name::Supported, "TIMER") && !m.lists(Name::Supported, "path"));
        assert_eq!(m.retry_after(), Ok(Some(18_000)));
        assert!(m.content_is("application/sdp") && !m.content_is("application/sdpx"));
        assert!(m.rseq().is_err());
        let (event, params) = m.token_with_params(Name::Event).unwrap().unwrap();
        assert_eq!((event, params.get("id")), (&b"refer"[..], Some(&b"93"[..])));
    }
}
