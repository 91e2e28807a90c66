//! Causes to SIP status codes and back (RFC 3398 §7.2.4.1 and §8.2.6.1), with a trunk's own
//! exceptions before them.
//!
//! Where RFC 3398 is silent:
//! - a cause that its table lacks is taken as the "unspecified" one of its class (Q.850 §2.2.5);
//!   16, which has no response because it is a BYE or CANCEL, then answers 480 before the answer;
//! - the classes "service not available" (63) and "invalid message" (95), of which the table has
//!   none, are 503 and 500;
//! - 52, a call out that is barred, is 403 as 55 is;
//! - a status that its table lacks is taken as x00 of its class (RFC 3261 §8.1.3.2);
//! - 487, which it maps to nothing, is 16: the caller gave up;
//! - 488 and 606, which it maps by a Warning header that nobody sends, are 88;
//! - 1xx to 3xx, which are not failures, are 31.
//!
//! A `Reason` header, in either direction, comes before this table (`reason`).

use super::Cause;

/// RFC 3398 §7.2.4.1 with the additions above, a cause and its status.
const TO_SIP: &[(u8, u16)] = &[
    (1, 404),
    (2, 404),
    (3, 404),
    (17, 486),
    (18, 408),
    (19, 480),
    (20, 480),
    (21, 403),
    (22, 410),
    (23, 410),
    (26, 404),
    (27, 502),
    (28, 484),
    (29, 501),
    (31, 480),
    (34, 503),
    (38, 503),
    (41, 503),
    (42, 503),
    (47, 503),
    (52, 403),
    (55, 403),
    (57, 403),
    (58, 503),
    (63, 503),
    (65, 488),
    (70, 488),
    (79, 501),
    (87, 403),
    (88, 503),
    (95, 500),
    (102, 504),
    (111, 500),
    (127, 500),
];

/// RFC 3398 §8.2.6.1 with the additions above, a status and its cause.
const FROM_SIP: &[(u16, u8)] = &[
    (400, 41),
    (401, 21),
    (402, 21),
    (403, 21),
    (404, 1),
    (405, 63),
    (406, 79),
    (407, 21),
    (408, 102),
    (410, 22),
    (413, 127),
    (414, 127),
    (415, 79),
    (416, 127),
    (420, 127),
    (421, 127),
    (423, 127),
    (480, 18),
    (481, 41),
    (482, 25),
    (483, 25),
    (484, 28),
    (485, 1),
    (486, 17),
    (487, 16),
    (488, 88),
    (500, 41),
    (501, 79),
    (502, 38),
    (503, 41),
    (504, 102),
    (505, 127),
    (513, 127),
    (600, 17),
    (603, 21),
    (604, 1),
    (606, 88),
];

/// How one trunk translates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    to_sip: Vec<(Cause, u16)>,
    from_sip: Vec<(u16, Cause)>,
}

impl Mapping {
    /// RFC 3398 alone.
    pub const RFC_3398: Mapping = Mapping { to_sip: Vec::new(), from_sip: Vec::new() };

    /// From now on this cause is answered with this status. False, and nothing done, when the
    /// status is no final failure (300 to 699).
    pub fn set_status(&mut self, cause: Cause, status: u16) -> bool {
        if !(300..700).contains(&status) {
            return false;
        }
        self.to_sip.retain(|(c, _)| *c != cause);
        self.to_sip.push((cause, status));
        true
    }

    /// From now on this status means this cause.
    pub fn set_cause(&mut self, status: u16, cause: Cause) {
        self.from_sip.retain(|(s, _)| *s != status);
        self.from_sip.push((status, cause));
    }

    /// The status that refuses a call for this cause, 300 to 699.
    pub fn status_of(&self, cause: Cause) -> u16 {
        if let Some((_, status)) = self.to_sip.iter().find(|(c, _)| *c == cause) {
            return *status;
        }
        let find = |cause: Cause| TO_SIP.iter().find(|(c, _)| *c == cause.value());
        let found = find(cause).or_else(|| find(cause.class_default()));
        found.map_or(500, |(_, status)| *status)
    }

    /// The cause that this status means.
    pub fn cause_of(&self, status: u16) -> Cause {
        if let Some((_, cause)) = self.from_sip.iter().find(|(s, _)| *s == status) {
            return *cause;
        }
        let find = |status: u16| FROM_SIP.iter().find(|(s, _)| *s == status);
        let found = find(status).or_else(|| find(status / 100 * 100));
        found.and_then(|(_, cause)| Cause::new(*cause)).unwrap_or(Cause::NORMAL_UNSPECIFIED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(cause: u8) -> u16 {
        Mapping::RFC_3398.status_of(Cause::new(cause).unwrap())
    }
    fn cause(status: u16) -> u8 {
        Mapping::RFC_3398.cause_of(status).value()
    }

    #[test]
    fn rfc_3398_and_where_it_is_silent() {
        assert_eq!((status(17), status(18), status(19), status(34)), (486, 408, 480, 503));
        assert_eq!((status(29), status(102), status(127)), (501, 504, 500));
        assert_eq!((status(16), status(24)), (480, 480), "normal class");
        assert_eq!(
            (status(44), status(50), status(66), status(81), status(101)),
            (503, 503, 501, 500, 500)
        );
        assert_eq!((cause(486), cause(404), cause(408), cause(480)), (17, 1, 102, 18));
        assert_eq!(
            (cause(487), cause(488), cause(491), cause(599), cause(699)),
            (16, 88, 41, 41, 17)
        );
        assert_eq!((cause(302), cause(0), cause(9999)), (31, 31, 31));
        for value in 1..=127 {
            assert!((400..600).contains(&status(value)), "{value}");
        }
    }

    #[test]
    fn a_trunks_own_table_comes_first() {
        let mut own = Mapping::default();
        assert!(own.set_status(Cause::USER_BUSY, 600) && own.set_status(Cause::USER_BUSY, 603));
        assert!(!own.set_status(Cause::USER_BUSY, 200) && !own.set_status(Cause::USER_BUSY, 700));
        own.set_cause(480, Cause::NO_ANSWER);
        assert_eq!(own.status_of(Cause::USER_BUSY), 603);
        assert_eq!(own.cause_of(480), Cause::NO_ANSWER);
        assert_eq!(own.cause_of(486), Cause::USER_BUSY);
        assert_eq!(Mapping::RFC_3398.cause_of(480), Cause::NO_USER_RESPONSE);
    }
}
