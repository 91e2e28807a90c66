//! What holds for `wire::stun::Request` whatever the bytes: the answer belongs to the request and is
//! no larger than thrice it, so that nobody is flooded by forged addresses.

use belfry::wire::stun::{Request, is_stun};

/// Reads one datagram and answers it.
pub fn check(bytes: &[u8]) {
    let Some(request) = Request::parse(bytes) else { return };
    assert!(is_stun(bytes));
    assert_eq!(request.transaction, bytes[8..20]);
    for peer in ["192.0.2.1:32853", "[2001:db8::1]:1"] {
        let answer = request.answer(peer.parse().expect("an address"));
        assert!(is_stun(&answer) && answer.len() <= 3 * bytes.len() && answer.len() % 4 == 0);
        assert_eq!(answer[8..20], request.transaction);
        assert_eq!(Request::parse(&answer), None, "an answer is not answered");
    }
}
