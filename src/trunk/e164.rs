//! The one form of a number (E.164) of the many in which networks write a caller.
//!
//! ```text
//!  China, area 20:   +8613800138000, 008613800138000, 8613800138000  ─┐
//!                    13800138000, 013800138000                        ├─▶ +8613800138000
//!                    02088886666, 2088886666, 88886666                ──▶ +862088886666
//!                    10086, 95588, 110                                ──▶ none: no number of E.164's
//! ```
//!
//! A number that may be read in two ways is read as a subscriber's of one's own country, and one that
//! cannot be told is none: whoever looks callers up must not meet a wrong one. The raw form stays
//! with the call. Not here: rewriting by the admin's rules (the configuration's).

/// Fewest and most digits of an international number without its `+` (ITU-T E.164 §6).
const FEWEST: usize = 7;
const MOST: usize = 15;

/// How the numbers of a place are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Numbering {
    /// The country's code, `86`.
    pub country: String,
    /// The area's code without the leading zero, `20`; numbers without an area are of this one.
    pub area: Option<String>,
}

impl Numbering {
    /// The number with `+` and the country's code; `None` when it is none, or cannot be told.
    pub fn e164(&self, raw: &str) -> Option<String> {
        // What people write between the digits.
        let plain: String =
            raw.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        let (plus, digits) = match plain.strip_prefix('+') {
            Some(digits) => (true, digits),
            None => (false, plain.as_str()),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        match digits.strip_prefix("00") {
            _ if plus => self.international(digits),
            Some(digits) => self.international(digits),
            None => self.national(digits),
        }
    }

    /// Behind `+` or `00`.
    fn international(&self, digits: &str) -> Option<String> {
        // +86 (0) 20 8888 6666, which people write and some exchanges send.
        let own = digits.strip_prefix(self.country.as_str());
        let digits = match own.and_then(|national| national.strip_prefix('0')) {
            Some(national) => format!("{}{national}", self.country),
            None => digits.to_owned(),
        };
        let fits = (FEWEST..=MOST).contains(&digits.len()) && !digits.starts_with('0');
        fits.then(|| format!("+{digits}"))
    }

    fn national(&self, digits: &str) -> Option<String> {
        let with_zero = digits.strip_prefix('0');
        let significant = with_zero.unwrap_or(digits);
        if self.is_significant(significant, with_zero.is_some()) {
            return self.international(&format!("{}{significant}", self.country));
        }
        // The country's code, with neither + nor 00.
        let bare = digits.strip_prefix(self.country.as_str());
        let national = bare.map(|national| national.strip_prefix('0').unwrap_or(national));
        if let Some(national) = national.filter(|n| self.is_significant(n, true)) {
            return self.international(&format!("{}{national}", self.country));
        }
        // A neighbour's: seven or eight digits everywhere in China and in much of the world.
        let area = self.area.as_ref().filter(|_| with_zero.is_none())?;
        let local = matches!(digits.len(), 7 | 8) && !digits.starts_with('1');
        let whole = format!("{}{area}{digits}", self.country);
        local.then(|| self.international(&whole)).flatten()
    }

    /// Whether these are a whole number of the country, area and all. `marked`: a leading zero or the
    /// country's code said so.
    fn is_significant(&self, digits: &str, marked: bool) -> bool {
        match self.country.as_str() {
            // Area of two or three digits and seven or eight more; mobile 1x with eleven; 400 and 800.
            "86" => {
                let mobile = digits.starts_with('1') && !digits.starts_with("10");
                let count = if mobile { 11..=11 } else { 9..=11 };
                let count = if marked { count } else { 10..=11 };
                count.contains(&digits.len()) && !digits.starts_with('0')
            }
            _ => marked && (5..=12).contains(&digits.len()) && !digits.starts_with('0'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn china() -> Numbering {
        Numbering { country: "86".into(), area: Some("20".into()) }
    }

    #[test]
    fn the_forms_of_one_chinese_number_are_one() {
        let all = china();
        for raw in [
            "13800138000",
            "013800138000",
            "8613800138000",
            "+8613800138000",
            "008613800138000",
            "+86 138-0013-8000",
        ] {
            assert_eq!(all.e164(raw).as_deref(), Some("+8613800138000"), "{raw}");
        }
        for raw in [
            "02088886666",
            "2088886666",
            "88886666",
            "+862088886666",
            "00862088886666",
            "862088886666",
            "+8602088886666",
            "8602088886666",
            "+86(0)20-8888-6666",
        ] {
            assert_eq!(all.e164(raw).as_deref(), Some("+862088886666"), "{raw}");
        }
        let e164 = |raw| all.e164(raw).unwrap_or_default();
        assert_eq!(e164("01088886666"), "+861088886666", "Beijing");
        assert_eq!(e164("075588886666"), "+8675588886666", "eleven digits");
        assert_eq!(e164("4008001234"), "+864008001234");
        assert_eq!(e164("0085223456789"), "+85223456789", "Hong Kong");
        assert_eq!(e164("+12125551234"), "+12125551234");
    }

    #[test]
    fn what_is_no_number_or_may_be_any_is_none() {
        let all = china();
        for raw in [
            "",
            "+",
            "anonymous",
            "110",
            "10086",
            "95588",
            "1001",
            "+0123456789",
            "00",
            "138001380",
            "+1234567890123456",
        ] {
            assert_eq!(all.e164(raw), None, "{raw}");
        }
        let nowhere = Numbering { area: None, ..china() };
        assert_eq!(nowhere.e164("88886666"), None, "of which area?");
    }

    #[test]
    fn elsewhere_a_zero_or_a_plus_says_what_it_is() {
        let germany = Numbering { country: "49".into(), area: None };
        assert_eq!(germany.e164("030123456").as_deref(), Some("+4930123456"));
        assert_eq!(germany.e164("+49 (0)30 123456").as_deref(), Some("+4930123456"));
        assert_eq!(germany.e164("4930123456").as_deref(), Some("+4930123456"));
        assert_eq!(germany.e164("123456"), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_out_is_a_number_and_stays_itself(raw in "[+0-9 ()a-z-]{0,20}") {
            if let Some(number) = china().e164(&raw) {
                prop_assert!(number.starts_with('+') && number.len() <= MOST + 1);
                prop_assert!(number[1..].bytes().all(|b| b.is_ascii_digit()));
                prop_assert_eq!(china().e164(&number), Some(number.clone()));
            }
        }
    }
}
