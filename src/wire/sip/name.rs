//! Header field names: one table gives the enum, the spelling we send, the compact form
//! (RFC 3261 §7.3.3) and whether several values may share a line, separated by commas (§7.3.1).

/// Makes [`Name`] and its tables from one list: variant, spelling, `list` or `one`, and the
/// lower-case spellings under which it is recognised.
macro_rules! names {
    ($($variant:ident $text:literal $kind:ident $($lower:literal)|+;)*) => {
        /// The header fields that Belfry knows by name. Others are [`Name::Other`] and found by
        /// their spelling ([`super::Message::header_named`]).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// Any other name.
            Other,
        }

        impl Name {
            /// Each known name once.
            pub const ALL: &[Name] = &[$(Name::$variant),*];

            /// As we write it; `"?"` for [`Name::Other`], whose spelling is in the message.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Name::$variant => $text,)*
                    Name::Other => "?",
                }
            }

            /// May one line hold several values, separated by commas?
            pub const fn is_list(self) -> bool {
                match self {
                    $(Name::$variant => names!(@$kind),)*
                    Name::Other => false,
                }
            }

            /// Recognises a name, in full or compact, in any mixture of cases.
            pub fn parse(text: &[u8]) -> Name {
                let mut lower = [0u8; LONGEST];
                let Some(lower) = lower.get_mut(..text.len()) else { return Name::Other };
                lower.copy_from_slice(text);
                lower.make_ascii_lowercase();
                match &*lower {
                    $($($lower)|+ => Name::$variant,)*
                    _ => Name::Other,
                }
            }
        }
    };
    (@list) => { true };
    (@one) => { false };
}

/// Bytes of the longest name in the table.
const LONGEST: usize = 20;

names! {
    Accept "Accept" list b"accept";
    AcceptContact "Accept-Contact" list b"accept-contact" | b"a";
    AcceptEncoding "Accept-Encoding" list b"accept-encoding";
    AlertInfo "Alert-Info" list b"alert-info";
    Allow "Allow" list b"allow";
    AllowEvents "Allow-Events" list b"allow-events" | b"u";
    AnswerMode "Answer-Mode" one b"answer-mode";
    AuthenticationInfo "Authentication-Info" one b"authentication-info";
    Authorization "Authorization" one b"authorization";
    CallId "Call-ID" one b"call-id" | b"i";
    CallInfo "Call-Info" list b"call-info";
    Contact "Contact" list b"contact" | b"m";
    ContentDisposition "Content-Disposition" one b"content-disposition";
    ContentEncoding "Content-Encoding" list b"content-encoding" | b"e";
    ContentLength "Content-Length" one b"content-length" | b"l";
    ContentType "Content-Type" one b"content-type" | b"c";
    CSeq "CSeq" one b"cseq";
    Date "Date" one b"date";
    Diversion "Diversion" list b"diversion";
    Event "Event" one b"event" | b"o";
    Expires "Expires" one b"expires";
    FlowTimer "Flow-Timer" one b"flow-timer";
    From "From" one b"from" | b"f";
    HistoryInfo "History-Info" list b"history-info";
    Identity "Identity" one b"identity" | b"y";
    MaxForwards "Max-Forwards" one b"max-forwards";
    MinExpires "Min-Expires" one b"min-expires";
    MinSe "Min-SE" one b"min-se";
    PAssertedIdentity "P-Asserted-Identity" list b"p-asserted-identity";
    PPreferredIdentity "P-Preferred-Identity" list b"p-preferred-identity";
    Path "Path" list b"path";
    Priority "Priority" one b"priority";
    Privacy "Privacy" one b"privacy";
    ProxyAuthenticate "Proxy-Authenticate" one b"proxy-authenticate";
    ProxyAuthorization "Proxy-Authorization" one b"proxy-authorization";
    ProxyRequire "Proxy-Require" list b"proxy-require";
    RAck "RAck" one b"rack";
    Reason "Reason" list b"reason";
    RecordRoute "Record-Route" list b"record-route";
    ReferTo "Refer-To" one b"refer-to" | b"r";
    ReferredBy "Referred-By" one b"referred-by" | b"b";
    RejectContact "Reject-Contact" list b"reject-contact" | b"j";
    RemotePartyId "Remote-Party-ID" list b"remote-party-id";
    Replaces "Replaces" one b"replaces";
    RequestDisposition "Request-Disposition" list b"request-disposition" | b"d";
    Require "Require" list b"require";
    RetryAfter "Retry-After" one b"retry-after";
    Route "Route" list b"route";
    RSeq "RSeq" one b"rseq";
    Server "Server" one b"server";
    ServiceRoute "Service-Route" list b"service-route";
    SessionExpires "Session-Expires" one b"session-expires" | b"x";
    Subject "Subject" one b"subject" | b"s";
    SubscriptionState "Subscription-State" one b"subscription-state";
    Supported "Supported" list b"supported" | b"k";
    TargetDialog "Target-Dialog" one b"target-dialog";
    Timestamp "Timestamp" one b"timestamp";
    To "To" one b"to" | b"t";
    Unsupported "Unsupported" list b"unsupported";
    UserAgent "User-Agent" one b"user-agent";
    UserToUser "User-to-User" one b"user-to-user";
    Via "Via" list b"via" | b"v";
    Warning "Warning" list b"warning";
    WwwAuthenticate "WWW-Authenticate" one b"www-authenticate";
}

impl core::fmt::Display for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_recognised_by_its_own_spelling() {
        for name in Name::ALL {
            assert_eq!(Name::parse(name.as_str().as_bytes()), *name);
            assert!(name.as_str().len() <= LONGEST);
        }
        assert!(Name::ALL.iter().any(|n| n.as_str().len() + 1 > LONGEST - 1), "LONGEST is tight");
    }

    #[test]
    fn compact_forms_and_any_case() {
        for (compact, name) in [
            (b"v", Name::Via),
            (b"F", Name::From),
            (b"t", Name::To),
            (b"I", Name::CallId),
            (b"m", Name::Contact),
            (b"l", Name::ContentLength),
            (b"c", Name::ContentType),
            (b"k", Name::Supported),
            (b"s", Name::Subject),
            (b"x", Name::SessionExpires),
        ] {
            assert_eq!(Name::parse(compact), name);
        }
        assert_eq!(Name::parse(b"MaX-fOrWaRdS"), Name::MaxForwards);
        assert_eq!(Name::parse(b"C%6Fntact"), Name::Other);
        assert_eq!(Name::parse(&[b'a'; 300]), Name::Other);
        assert_eq!(Name::parse(b""), Name::Other);
    }
}
