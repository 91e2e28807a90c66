//! Rules by which numbers are rewritten on their way to and from a gateway.
//!
//! ```toml
//! out_called = [
//!   { match = "9(\\d+)", to = "$1" },        # the 9 that phones dial for a line
//!   { match = "1[3-9]\\d{9}", add = "0" },   # mobiles of other areas want a 0 before them
//!   { strip = 1 },                            # anything else loses its first digit
//! ]
//! ```
//!
//! The first rule whose `match` fits the whole number is applied, and no other; a rule without `match`
//! fits every number. `to` may name the groups of `match`; `strip` takes so many characters off the
//! front, and `add` puts these before what is left.

use regex::{Regex, RegexBuilder};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::quoted;
use super::setting::{Reader, Setting, list, nearest};

/// Most rules of one list.
const MAX_RULES: usize = 100;
/// Most bytes of memory of one compiled pattern.
const PATTERN_SIZE: usize = 1 << 20;
/// Longest number that comes out, in bytes; what is longer is cut off.
const MAX_NUMBER: usize = 64;
/// The keys of a rule.
const KEYS: [&str; 4] = ["match", "strip", "add", "to"];

/// One rule.
#[derive(Clone, Debug)]
struct Rule {
    /// The whole number fits this; `None`: any does.
    pattern: Option<Regex>,
    /// As written, to compare by.
    text: String,
    change: Change,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Change {
    To(String),
    Front { strip: usize, add: String },
}

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.text == other.text && self.change == other.change
    }
}

/// A list of rules.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// The number as the first rule that fits makes it; as it is where none does.
    pub fn apply(&self, number: &str) -> String {
        let rewritten = self.0.iter().find_map(|rule| rule.apply(number));
        let mut number = rewritten.unwrap_or_else(|| number.to_owned());
        let end = number.char_indices().map(|(at, c)| at + c.len_utf8());
        let end = end.take_while(|end| *end <= MAX_NUMBER).last().unwrap_or(0);
        number.truncate(end);
        number
    }
}

impl Rule {
    fn apply(&self, number: &str) -> Option<String> {
        let groups = match &self.pattern {
            Some(pattern) => Some(pattern.captures(number)?),
            None => None,
        };
        Some(match &self.change {
            Change::To(to) => {
                let mut out = String::new();
                match groups {
                    Some(groups) => groups.expand(to, &mut out),
                    None => out.push_str(to),
                }
                out
            }
            Change::Front { strip, add } => {
                let rest: String = number.chars().skip(*strip).collect();
                format!("{add}{rest}")
            }
        })
    }

    /// Reads one rule, or says why not.
    fn read(table: &DeTable<'_>) -> Result<Rule, String> {
        for key in table.keys() {
            let key = key.get_ref().as_ref();
            if !KEYS.contains(&key) {
                let near = nearest(key, KEYS.into_iter());
                let remedy = near.map(|near| format!(": write `{near}`")).unwrap_or_default();
                return Err(format!("a rule has no key {}{remedy}", quoted(key)));
            }
        }
        let text = |key: &str| match table.get(key).map(Spanned::get_ref) {
            None => Ok(None),
            Some(DeValue::String(text)) => Ok(Some(text.as_ref().to_owned())),
            Some(_) => Err(format!("`{key}` is not text")),
        };
        let strip = match table.get("strip").map(Spanned::get_ref) {
            None => 0,
            Some(DeValue::Integer(n)) => {
                let count = usize::from_str_radix(n.as_str(), n.radix()).ok();
                count.filter(|n| (1..=20).contains(n)).ok_or("`strip` is not from 1 to 20")?
            }
            Some(_) => return Err("`strip` is not a number".into()),
        };
        let (matched, to, add) = (text("match")?, text("to")?, text("add")?);
        let number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || "+*#".contains(c));
        let change = match (to, add, strip) {
            (Some(to), None, 0)
                if to.chars().all(|c| c == '$' || number(&c.to_string()) || "{}".contains(c)) =>
            {
                Change::To(braced(&to))
            }
            (Some(_), None, 0) => return Err("`to` is digits and groups such as $1".into()),
            (Some(_), ..) => return Err("`to` excludes `strip` and `add`".into()),
            (None, None, 0) => return Err("a rule has `to`, `strip` or `add`".into()),
            (None, add, strip) => {
                let add = add.unwrap_or_default();
                if !number(&add) {
                    return Err("`add` is digits, +, * or #".into());
                }
                Change::Front { strip, add }
            }
        };
        let pattern = matched.as_deref().map(compile).transpose()?;
        let groups = pattern.as_ref().map_or(0, |p| p.captures_len() - 1);
        if let Change::To(to) = &change
            && let Some(missing) = groups_of(to).find(|group| *group > groups)
        {
            return Err(format!("`match` has no group ${missing}"));
        }
        Ok(Rule { pattern, text: matched.unwrap_or_default(), change })
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let whole = format!("^(?:{pattern})$");
    RegexBuilder::new(&whole)
        .size_limit(PATTERN_SIZE)
        .build()
        .map_err(|_| format!("{} is no regular expression", quoted(pattern)))
}

/// `$1` as `${1}`: the digit behind a group is the number's own. Groups go to nine.
fn braced(to: &str) -> String {
    let mut out = String::new();
    let mut rest = to.chars().peekable();
    while let Some(c) = rest.next() {
        out.push(c);
        if let ('$', Some(group)) = (c, rest.next_if(char::is_ascii_digit)) {
            out.extend(['{', group, '}']);
        }
    }
    out
}

/// The groups that a braced text names.
fn groups_of(to: &str) -> impl Iterator<Item = usize> {
    to.split("${").skip(1).filter_map(|rest| rest.split('}').next()?.parse().ok())
}

impl Setting for Rules {
    const WRITE: &'static str =
        "rules, such as [{ match = \"9(\\\\d+)\", to = \"$1\" }, { strip = 1, add = \"0\" }]";
    const NONE_IS_FINE: bool = true;

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Rules> {
        let one = std::slice::from_ref(value);
        let entries = match value.get_ref() {
            DeValue::Array(entries) => entries.iter().collect::<Vec<_>>(),
            DeValue::Table(_) => one.iter().collect(),
            _ => {
                reader.wrong_type(value, Self::WRITE);
                return None;
            }
        };
        if entries.len() > MAX_RULES {
            let what = format!("{} rules are too many", entries.len());
            reader.faults.error(&value.span(), what, format!("write at most {MAX_RULES}"));
            return None;
        }
        let mut rules = Vec::new();
        let mut complete = true;
        for entry in entries {
            let read = match entry.get_ref().as_table() {
                Some(table) => Rule::read(table),
                None => Err(format!("a rule is a table of {}", list(KEYS.into_iter()))),
            };
            match read {
                Ok(rule) => rules.push(rule),
                Err(what) => {
                    reader.faults.error(&entry.span(), what, format!("write {}", Self::WRITE));
                    complete = false;
                }
            }
        }
        complete.then_some(Rules(rules))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(toml: &str) -> Result<Rules, String> {
        let mut reader = Reader::new(toml);
        let value = DeValue::parse(toml).expect("TOML");
        Rules::read(&value, &mut reader)
            .ok_or_else(|| reader.faults.finish().into_iter().map(|fault| fault.what).collect())
    }

    #[test]
    fn the_first_rule_that_fits_the_whole_number_is_applied() {
        let rules = rules(
            r#"[{ match = "9(1[3-9]\\d{9})", to = "0$1" }, { match = "9\\d+", strip = 1 },
                { match = "\\d{8}", add = "020" }]"#,
        )
        .unwrap();
        assert_eq!(rules.apply("913800138000"), "013800138000");
        assert_eq!(rules.apply("9110"), "110");
        assert_eq!(rules.apply("88886666"), "02088886666");
        assert_eq!(rules.apply("188886666"), "188886666", "no part of it is enough");
        assert_eq!(Rules::default().apply("1001"), "1001");
    }

    #[test]
    fn a_rule_without_a_pattern_fits_all_and_a_digit_may_follow_a_group() {
        assert_eq!(rules("{ strip = 2, add = \"+86\" }").unwrap().apply("0020"), "+8620");
        assert_eq!(rules(r#"{ match = "(\\d)\\d", to = "$10" }"#).unwrap().apply("57"), "50");
        assert_eq!(rules("{ strip = 9 }").unwrap().apply("57"), "");
        assert_eq!(rules("{ add = \"+\" }").unwrap().apply(&"1".repeat(80)).len(), MAX_NUMBER);
    }

    proptest! {
        #[test]
        fn whatever_comes_in_what_goes_out_is_short(number in "\\PC{0,100}", strip in 1..=20u8) {
            let cut = rules(&format!("{{ strip = {strip}, add = \"+86\" }}")).unwrap();
            let turned = rules(r#"{ match = "(.?)(.*)", to = "$2$1$2" }"#).unwrap();
            for rules in [cut, turned] {
                prop_assert!(rules.apply(&number).len() <= MAX_NUMBER);
            }
        }
    }

    #[test]
    fn wrong_rules_say_why() {
        for (toml, why) in [
            ("[{}]", "has `to`, `strip` or `add`"),
            ("[{ strp = 1 }]", "write `strip`"),
            ("[{ strip = 0 }]", "from 1 to 20"),
            ("[{ match = \"(\", strip = 1 }]", "no regular expression"),
            ("[{ match = \"1\", to = \"$1\" }]", "no group $1"),
            ("[{ to = \"1\", add = \"2\" }]", "excludes"),
            ("[{ add = \"a\" }]", "digits"),
            ("[{ to = \"a\" }]", "digits and groups"),
            ("[1]", "a rule is a table"),
            ("1", "an integer cannot stand here"),
        ] {
            let found = rules(toml).unwrap_err();
            assert!(found.contains(why), "{toml}: {found}");
        }
    }
}
