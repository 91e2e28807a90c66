//! Bencode, in which rtpengine's control protocol speaks: as much of it as this bench needs.

use std::collections::BTreeMap;

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A number.
    Number(i64),
    /// Bytes, here always text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A dictionary, its keys in order as the format asks.
    Map(BTreeMap<String, Value>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<&[&str]> for Value {
    fn from(texts: &[&str]) -> Value {
        Value::List(texts.iter().map(|text| Value::from(*text)).collect())
    }
}

/// A dictionary of these.
pub fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl Value {
    /// The text under `key` of a dictionary.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self {
            Value::Map(map) => match map.get(key)? {
                Value::Text(text) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// Adds an entry to a dictionary.
    pub fn with(mut self, key: &str, value: Value) -> Value {
        if let Value::Map(map) = &mut self {
            map.insert(key.to_owned(), value);
        }
        self
    }

    /// As it is written.
    pub fn write(&self) -> String {
        match self {
            Value::Number(n) => format!("i{n}e"),
            Value::Text(text) => format!("{}:{text}", text.len()),
            Value::List(list) => format!("l{}e", list.iter().map(Value::write).collect::<String>()),
            Value::Map(map) => {
                let entry = |(key, value): (&String, &Value)| {
                    format!("{}:{key}{}", key.len(), value.write())
                };
                format!("d{}e", map.iter().map(entry).collect::<String>())
            }
        }
    }

    /// Reads one value; gives it with what follows it.
    pub fn read(text: &str) -> Option<(Value, &str)> {
        let (kind, mut rest) = text.split_at_checked(1)?;
        match kind {
            "i" => {
                let (number, rest) = rest.split_once('e')?;
                Some((Value::Number(number.parse().ok()?), rest))
            }
            "l" => {
                let mut list = Vec::new();
                while !rest.starts_with('e') {
                    let (value, behind) = Value::read(rest)?;
                    (rest, _) = (behind, list.push(value));
                }
                Some((Value::List(list), &rest[1..]))
            }
            "d" => {
                let mut map = BTreeMap::new();
                while !rest.starts_with('e') {
                    let (Value::Text(key), behind) = Value::read(rest)? else { return None };
                    let (value, behind) = Value::read(behind)?;
                    (rest, _) = (behind, map.insert(key, value));
                }
                Some((Value::Map(map), &rest[1..]))
            }
            _ => {
                let (len, rest) = text.split_once(':')?;
                let (text, rest) = rest.split_at_checked(len.parse().ok()?)?;
                Some((Value::from(text), rest))
            }
        }
    }
}
