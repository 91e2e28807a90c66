//! What makes two requests one transaction (RFC 3261 §17.2.3), and two transactions one request
//! (§8.2.2.2), as bytes to look up.

use crate::wire::sip::{Host, Message, Method, NameAddr, ToWire, Via};

/// Writes a field with its length, so that no two lists of fields give the same bytes.
fn field(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
}

/// The key of the server transaction that `message` belongs to. `method` is the request's own, but
/// INVITE for the ACK of an INVITE and where a CANCEL looks for its INVITE.
///
/// With a branch of RFC 3261: branch, sent-by, method, and the CSeq number, which is the same in all
/// requests of a transaction: clients there are that answer a challenge under the branch of the request
/// that was challenged. From an RFC 2543 client (no magic cookie): these and Call-ID, From tag,
/// Request-URI. The To tag is left out: an INVITE has none
/// and its ACK has ours, and nothing else is told apart by it.
pub(super) fn server(message: &Message, via: &Via, method: &Method, out: &mut Vec<u8>) {
    out.clear();
    method.to_wire(out);
    out.push(0);
    if via.unique_branch().is_none() {
        origin(message, out);
        field(out, message.request_uri().unwrap_or_default());
    } else {
        out.extend_from_slice(&number(message).to_le_bytes());
    }
    // Without `received` and `rport`, which we add ourselves.
    field(out, via.branch().unwrap_or_default());
    match &via.host {
        Host::Name(name) => out.extend(name.bytes().map(|b| b.to_ascii_lowercase())),
        address => address.to_wire(out),
    }
    out.extend_from_slice(&via.sent_by_port().to_le_bytes());
}

/// Appends what stays the same when a request reaches us over two paths: Call-ID, From tag, CSeq.
pub(super) fn origin(message: &Message, out: &mut Vec<u8>) {
    use crate::wire::sip::Name;
    field(out, message.header(Name::CallId).unwrap_or_default());
    let from = message.header(Name::From).and_then(NameAddr::params_of);
    field(out, from.as_ref().and_then(|from| from.get("tag")).unwrap_or_default());
    out.extend_from_slice(&number(message).to_le_bytes());
}

fn number(message: &Message) -> u32 {
    message.cseq().map_or(0, |cseq| cseq.number)
}

/// The key under which a request without To tag is found again when it comes over another path.
pub(super) fn merged(message: &Message, out: &mut Vec<u8>) {
    out.clear();
    message.method().to_wire(out);
    out.push(0);
    origin(message, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(method: &str, via: &str, cseq: &str, as_method: Method) -> Vec<u8> {
        let text = format!(
            "{method} sip:b@h SIP/2.0\r\nVia: {via}\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
             Call-ID: c\r\nCSeq: {cseq}\r\n\r\n"
        );
        let message = Message::parse(text.as_bytes()).expect("a message");
        let via = message.top_via().expect("a Via");
        let mut out = Vec::new();
        server(&message, &via, &as_method, &mut out);
        out
    }

    #[test]
    fn branch_sent_by_and_method_decide() {
        let via = "SIP/2.0/UDP Host:5060;branch=z9hG4bK1";
        let invite = key("INVITE", via, "1 INVITE", Method::Invite);
        let same = "SIP/2.0/UDP host;branch=z9hG4bK1;rport";
        assert_eq!(key("ACK", same, "1 ACK", Method::Invite), invite);
        assert_eq!(key("CANCEL", via, "1 CANCEL", Method::Invite), invite);
        assert_ne!(key("CANCEL", via, "1 CANCEL", Method::Cancel), invite);
        let other = "SIP/2.0/UDP host:5061;branch=z9hG4bK1";
        assert_ne!(key("INVITE", other, "1 INVITE", Method::Invite), invite);
    }

    #[test]
    fn without_the_cookie_the_whole_request_decides() {
        for via in ["SIP/2.0/UDP h", "SIP/2.0/UDP h;branch=z9hG4bK", "SIP/2.0/UDP h;branch=7"] {
            let invite = key("INVITE", via, "1 INVITE", Method::Invite);
            assert_eq!(key("ACK", via, "1 ACK", Method::Invite), invite);
            assert_ne!(key("INVITE", via, "2 INVITE", Method::Invite), invite);
        }
    }
}
