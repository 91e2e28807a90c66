//! `events [KIND…] [FIELD=VALUE…]`: of everything that happens, what is asked for.

use serde_json::Value;

use super::Order;
use crate::switch::fact::FactKind;

/// The most words of a filter.
const MOST: usize = 32;

/// Which events are wanted: of one of the kinds, if any is named, with each of the fields.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    kinds: Vec<String>,
    fields: Vec<(String, String)>,
}

/// `events [KIND…] [FIELD=VALUE…]`.
pub(super) fn events(rest: &str) -> Result<Order, String> {
    let mut filter = Filter::default();
    for (nth, word) in rest.split_whitespace().enumerate() {
        if nth == MOST {
            return Err(format!("at most {MOST} words"));
        }
        match word.split_once('=') {
            Some(("", _)) | Some((_, "")) => {
                return Err(format!("'{word}': write a field and its value: call=01KAF3Q8ZK004"));
            }
            Some((field, _)) if mistyped(field).is_some() => {
                let near = mistyped(field).unwrap_or_default();
                return Err(format!("no event has a field '{field}'; did you mean '{near}'?"));
            }
            Some((field, value)) => filter.fields.push((field.into(), value.into())),
            None if FactKind::NAMES.contains(&word) => filter.kinds.push(word.into()),
            None => return Err(unknown(word)),
        }
    }
    Ok(Order::Events(filter))
}

/// The field that is nearly called so; an unknown one that is like none may be of a later version.
fn mistyped(field: &str) -> Option<&'static str> {
    let far = |known: &&str| strsim::damerau_levenshtein(known, field);
    let near = FactKind::FIELDS.iter().copied().min_by_key(far)?;
    (1..=field.len() / 3).contains(&far(&near)).then_some(near)
}

/// What was meant by a kind that is none.
fn unknown(word: &str) -> String {
    let far = |known: &&&str| strsim::damerau_levenshtein(known, word);
    let near = FactKind::NAMES.iter().min_by_key(far).filter(|near| far(near) <= 4);
    match near {
        Some(near) => format!("there is no kind of event '{word}'; did you mean '{near}'?"),
        None => format!("there is no kind of event '{word}': {}", FactKind::NAMES.join(", ")),
    }
}

impl Filter {
    /// Whether an event, a line of JSON, is wanted. What cannot be read is shown.
    pub fn wants(&self, line: &str) -> bool {
        if *self == Filter::default() {
            return true;
        }
        let Ok(event) = serde_json::from_str::<Value>(line) else { return true };
        let is = |field: &str, wanted: &str| match find(&event, field) {
            Some(Value::String(text)) => text == wanted,
            Some(Value::Number(number)) => number.to_string() == wanted,
            Some(Value::Bool(yes)) => wanted == if *yes { "true" } else { "false" },
            Some(_) | None => false,
        };
        let kind = self.kinds.is_empty() || self.kinds.iter().any(|kind| is("kind", kind));
        kind && self.fields.iter().all(|(field, value)| is(field, value))
    }
}

/// A field of an event, or of a part of it.
fn find<'v>(event: &'v Value, field: &str) -> Option<&'v Value> {
    let map = event.as_object()?;
    map.get(field).or_else(|| map.values().find_map(|part| find(part, field)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(rest: &str) -> Filter {
        match events(rest) {
            Ok(Order::Events(filter)) => filter,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn events_are_chosen_by_kind_and_field() {
        let line =
            r#"{"seq":7,"kind":"leg_began","call":"A","party":{"by":"phone","number":"1001"}}"#;
        for (rest, wants) in [
            ("", true),
            ("leg_began", true),
            ("call_began leg_began", true),
            ("call_began", false),
            ("call=A", true),
            ("call=B", false),
            ("leg_began number=1001", true),
            ("leg_ended number=1001", false),
            ("seq=7 by=phone", true),
        ] {
            assert_eq!(filter(rest).wants(line), wants, "{rest}");
        }
        assert!(filter("call=A").wants("no JSON"));
        assert!(events("call=").unwrap_err().contains("call=01KAF3Q8ZK004"));
        assert!(events("alarm ".repeat(40).as_str()).is_err());
        assert!(events("call_begn").unwrap_err().contains("did you mean 'call_began'"));
        assert!(events("gatway=e1-a").unwrap_err().contains("did you mean 'gateway'"));
        assert!(events("span=3").is_ok(), "it may be of a later version");
        assert!(events("everything").unwrap_err().contains("call_ended, "));
    }
}
