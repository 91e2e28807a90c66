//! TOML's own syntax: the library's messages with a remedy added.

use toml::Spanned;
use toml::de::DeTable;

use super::fault::{Fault, Faults};

/// The table of a text, or its syntax faults. Keys are not looked at before the syntax is right:
/// after a missing bracket most of what could be said of them would be wrong.
pub(super) fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, Vec<Fault>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(table);
    }
    let mut faults = Faults::new(text);
    for error in errors {
        // Without a place the library means the whole text.
        let span = error.span().unwrap_or(0..0);
        let (what, remedy) = explain(error.message());
        faults.error(&span, what, remedy);
    }
    Err(faults.finish())
}

/// What TOML's parser says (`unclosed table, expected ‘]’`), and what to do about it.
fn explain(message: &str) -> (String, String) {
    let (what, expected) = match message.split_once(", expected ") {
        Some((what, expected)) => (what, Some(expected)),
        None => (message, None),
    };
    let known = [
        ("string values must be quoted", "put the text in double quotes: key = \"text\""),
        ("duplicate key", "it stands above already: keep one of the two"),
        ("key with no value", "write key = value"),
        ("invalid basic string", "close the text with a double quote on the same line"),
        ("unexpected leading zero", "write the number without it, or in quotes if it is a text"),
        ("recursion limit", "nest fewer brackets"),
    ];
    let remedy = known.iter().find(|(start, _)| what.starts_with(start)).map(|(_, remedy)| *remedy);
    let remedy = match (remedy, expected) {
        (Some(remedy), _) => remedy.to_owned(),
        (None, Some(expected)) => format!("write {expected} here"),
        (None, None) => {
            "write it as TOML: [section], then key = value on lines of their own".into()
        }
    };
    (what.to_owned(), remedy)
}
