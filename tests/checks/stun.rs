//! What holds for `wire::stun::Request` whatever the bytes: the answer belongs to the request and is
//! no larger than thrice it, so that nobody is flooded by forged addresses. The same of
//! `wire::stun::check`.

use belfry::wire::stun::check::{Check, Key, MOST_ANSWER};
use belfry::wire::stun::{Request, is_stun};

/// Reads one datagram and answers it.
pub fn check(bytes: &[u8]) {
    ice(bytes);
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

/// The same as a check of ICE's.
fn ice(bytes: &[u8]) {
    let Some(check) = Check::parse(bytes) else { return };
    let key = Key::new("a password");
    let from = "[2001:db8::1]:1".parse().expect("an address");
    let answer = match check.verify(&key) {
        Ok(()) => check.success(&key, from),
        Err(wrong) => check.error(wrong, &key),
    };
    assert!(is_stun(answer.bytes()) && answer.bytes().len() <= MOST_ANSWER);
    assert_eq!(answer.bytes()[8..20], bytes[8..20]);
    assert!(Check::parse(answer.bytes()).is_none(), "an answer is not answered");
}
