//! Questions to programs of the business and to the store: what is asked, and what came of it.
//!
//! Place: a step `http` or `sql` makes a [`Lookup`], which the interpreter gives out as an effect; whoever drives
//! the call has it carried out elsewhere and hands [`Told`] back. Plain data; a secret is named by where it is
//! kept and never stands here itself.
//!
//! ```text
//! step ─▶ Effect::Lookup ─▶ driver ─▶ HTTP, SQLite ─▶ taken() ─▶ Happening::Told ─▶ variables, branch
//! ```
//!
//! Not here: sockets, time-outs, retries.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect::Item;

/// The most values of a question, and the most that are taken from an answer.
pub const MAX_VALUES: usize = 32;
/// The longest address with its values filled in, in bytes.
pub const MAX_ADDRESS: usize = crate::base::url::MAX_URL;
/// The longest time of a question, in milliseconds.
pub const LONGEST_MS: u32 = 60_000;
/// The longest answer that is read, in bytes.
pub const MAX_ANSWER: usize = 256 * 1_024;
/// How deep a path into an answer may go.
const MAX_PATH: usize = 16;
/// The beginning of the names of tables that a query may change.
pub const OWN_TABLES: &str = "own_";

/// A question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lookup {
    /// Who is asked, for the call's record: `http crm`, `sql balance`.
    pub name: String,
    /// What is asked.
    pub ask: Ask,
    /// Its longest time with all tries, in milliseconds.
    pub longest_ms: u32,
    /// What is played once when the answer takes its time.
    pub say: Vec<Item>,
    /// The music behind that; the ringing tone when there is none.
    pub music: Option<String>,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Ask {
    /// A program.
    Http(Box<Http>),
    /// The store.
    Sql(Box<Sql>),
}

/// A request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Http {
    /// Its method.
    pub method: Method,
    /// Its address.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// One more, kept elsewhere.
    pub secret: Option<Secret>,
    /// Its body: JSON.
    pub body: Option<String>,
    /// Variable and path of what is taken from the answer's JSON.
    pub take: Vec<(String, String)>,
    /// The variable that takes the answer as it is.
    pub whole: Option<String>,
    /// How often it is sent again.
    pub retries: u8,
}

/// A query to the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sql {
    /// The statement.
    pub sql: String,
    /// It may change the business's own tables.
    pub write: bool,
    /// Its values by name.
    pub values: Vec<(String, String)>,
    /// Variable and column of what is taken from a row.
    pub take: Vec<(String, String)>,
    /// The most rows that are taken.
    pub rows: u8,
}

/// Where the value of a header is kept that nobody may read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Secret {
    /// The header.
    pub header: String,
    /// Where its value is.
    pub kept: Kept,
}

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Kept {
    /// In the first line of this file.
    File(String),
    /// In this environment variable.
    Env(String),
}

/// A method of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs)] // RFC 9110's words
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// Their names.
    pub const NAMES: &'static [&'static str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];
    const ALL: [Method; 5] =
        [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];

    /// The method of a name, in any case.
    pub fn parse(name: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.name().eq_ignore_ascii_case(name))
    }
    /// Its name.
    pub fn name(self) -> &'static str {
        Method::NAMES[self as usize]
    }
    /// Sent twice it does the same as sent once (RFC 9110 §9.2.2).
    pub fn is_idempotent(self) -> bool {
        !matches!(self, Method::Post | Method::Patch)
    }
}

/// How a question ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// It was answered, and all that was to be taken was there.
    Ok,
    /// There is no such thing: status 404 or 410; no row; nothing was changed.
    NotFound,
    /// It was answered, but something that was to be taken is not in the answer.
    Missing,
    /// It was refused: any other status that is no success. A redirection is not followed.
    Refused,
    /// There was no answer in time.
    Timeout,
    /// It could not be asked, or the answer could not be read.
    Failed,
    /// Too many questions are under way.
    Busy,
}

/// The words of outcomes for `on`.
pub const OUTCOMES: &[&str] =
    &["ok", "not-found", "missing", "refused", "timeout", "failed", "busy", "else"];

impl Outcome {
    const ALL: [Outcome; 7] = [
        Outcome::Ok,
        Outcome::NotFound,
        Outcome::Missing,
        Outcome::Refused,
        Outcome::Timeout,
        Outcome::Failed,
        Outcome::Busy,
    ];
    /// The word in a plan.
    pub fn name(self) -> &'static str {
        OUTCOMES[self as usize]
    }
    /// The outcome of a word.
    pub fn parse(word: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.name() == word)
    }
    /// What a status means (RFC 9110 §15).
    pub fn of_status(status: u16) -> Outcome {
        match status {
            200..=299 => Outcome::Ok,
            404 | 410 => Outcome::NotFound,
            _ => Outcome::Refused,
        }
    }
}

/// What came of a question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Told {
    /// How it ended.
    pub outcome: Outcome,
    /// The status of an answer by HTTP.
    pub status: Option<u16>,
    /// Rows found or changed.
    pub rows: u32,
    /// Variables and their values; those of further rows end in `_2`, `_3` and so on.
    pub values: Vec<(String, String)>,
    /// Why it came to nothing, for the log.
    pub why: String,
    /// How long it took, in milliseconds.
    pub ms: u32,
}

impl Told {
    /// Nothing but how it ended.
    pub fn of(outcome: Outcome, why: impl Into<String>) -> Told {
        Told { outcome, status: None, rows: 0, values: Vec::new(), why: why.into(), ms: 0 }
    }
    /// It could not be asked.
    pub fn failed(why: impl Into<String>) -> Told {
        Told::of(Outcome::Failed, why)
    }
    /// For the call's record: `ok 200, 35 ms`.
    pub fn line(&self) -> String {
        let status = self.status.map_or(String::new(), |status| format!(" {status}"));
        format!("{}{status}, {} ms", self.outcome.name(), self.ms)
    }
}

/// Variables and their values.
pub type Values = Vec<(String, String)>;

/// What an answer's body holds of what was to be taken, and the paths at which nothing stands.
///
/// # Errors
/// The body is no JSON.
pub fn taken(body: &[u8], take: &[(String, String)]) -> Result<(Values, Vec<String>), String> {
    if take.is_empty() {
        return Ok(Default::default());
    }
    let json: Value =
        serde_json::from_slice(body).map_err(|error| format!("its answer is no JSON: {error}"))?;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (variable, path) in take {
        match at(&json, path) {
            Some(value) => found.push((variable.clone(), value)),
            None => missing.push(path.clone()),
        }
    }
    Ok((found, missing))
}

/// The text at a path: names and places in lists, with dots between; `#` is how many a list holds.
pub fn at(json: &Value, path: &str) -> Option<String> {
    let mut here = json;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        here = match here {
            Value::Object(object) => object.get(part)?,
            Value::Array(list) if part == "#" => return Some(list.len().to_string()),
            Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    match here {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a path can be one.
pub fn is_path(path: &str) -> bool {
    let parts = path.split('.').count();
    !path.is_empty() && parts <= MAX_PATH && path.split('.').all(|part| !part.is_empty())
}

/// A value within an address: all but unreserved characters percent-encoded (RFC 3986 §2). One that would lead
/// to another place of a path is nothing.
pub fn encode(value: &str, out: &mut String) {
    if matches!(value, "." | "..") {
        return;
    }
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// What was written in an address as no address may have it: blanks, characters of other scripts.
pub fn presentable(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for byte in url.bytes() {
        match byte {
            0x21..=0x7e => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The names of the values of a statement: `:name` outside of quotes and comments.
///
/// # Errors
/// What no statement may have: `?` or another unnamed value, several statements.
pub fn named_values(sql: &str) -> Result<std::collections::BTreeSet<String>, &'static str> {
    let mut names = std::collections::BTreeSet::new();
    let bytes = sql.as_bytes();
    let mut at = 0;
    let mut ended = false;
    while at < bytes.len() {
        let rest = &sql[at..];
        let skip = match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => {
                let close = rest[1..].find(char::from(quote)).ok_or("a quotation has no end")?;
                close + 2
            }
            b'[' => rest.find(']').ok_or("a '[' has no ']'")? + 1,
            b'-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => rest.find("*/").ok_or("a comment has no end")? + 2,
            b'?' | b'@' | b'$' => return Err("values are handed in as :name"),
            b';' => {
                ended = true;
                1
            }
            b':' => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let name: String = rest[1..].chars().take_while(|c| is_part(*c)).collect();
                if name.is_empty() {
                    return Err("a ':' has no name behind it");
                }
                let length = name.len() + 1;
                names.insert(name);
                length
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        let passed = &sql[at..at + skip];
        let is_blank = |text: &str| text.trim_matches([';', ' ', '\n', '\t', '\r']).is_empty();
        if ended && !is_blank(passed) && !passed.starts_with("--") && !passed.starts_with("/*") {
            return Err("there is more than one statement");
        }
        at += skip;
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_taken_by_their_paths() {
        let json = serde_json::json!({
            "member": { "name": "王", "points": 1250, "active": true, "gone": null },
            "orders": [{ "id": "a" }, { "id": "b" }],
        });
        let told = |path| at(&json, path);
        assert_eq!(told("member.name").as_deref(), Some("王"));
        assert_eq!(told("member.points").as_deref(), Some("1250"));
        assert_eq!(told("member.active").as_deref(), Some("true"));
        assert_eq!(told("orders.1.id").as_deref(), Some("b"));
        assert_eq!(told("orders.#").as_deref(), Some("2"));
        for nothing in ["member", "member.gone", "orders", "orders.2.id", "orders.x", "a.b"] {
            assert_eq!(told(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_answer_says_what_it_lacks() {
        let take = [("name".to_owned(), "name".to_owned()), ("age".into(), "age".into())];
        let (found, missing) = taken(br#"{"name":"Li"}"#, &take).expect("JSON");
        assert_eq!(found, [("name".to_owned(), "Li".to_owned())]);
        assert_eq!(missing, ["age"]);
        for wrong in ["", "<html>", "{\"name\":", &"[".repeat(100_000)] {
            assert!(taken(wrong.as_bytes(), &take).is_err(), "{}", wrong.len());
        }
        assert_eq!(taken(b"<html>", &[]), Ok((vec![], vec![])), "nothing is to be taken");
    }

    #[test]
    fn values_cannot_leave_their_place_in_an_address() {
        let encoded = |value| {
            let mut out = String::new();
            encode(value, &mut out);
            out
        };
        assert_eq!(encoded("a/b?c=d&e#f %"), "a%2Fb%3Fc%3Dd%26e%23f%20%25");
        assert_eq!(encoded("王"), "%E7%8E%8B");
        assert_eq!(encoded("+86138"), "%2B86138");
        assert_eq!(
            (encoded(".."), encoded("."), encoded("...")),
            ("".into(), "".into(), "...".into())
        );
        assert_eq!(presentable("http://a/b c/王"), "http://a/b%20c/%E7%8E%8B");
    }

    #[test]
    fn statements_name_their_values() {
        let names = |sql| named_values(sql).map(|names| names.into_iter().collect::<Vec<_>>());
        let sql = "SELECT ':no', \"x:no\" FROM a -- :no\n WHERE b = :b AND c = :a_1 /* :no */;";
        assert_eq!(names(sql), Ok(vec!["a_1".to_owned(), "b".to_owned()]));
        for wrong in [
            "SELECT ?",
            "SELECT ?1",
            "SELECT @a",
            "SELECT 1; DELETE FROM a",
            "SELECT 'a",
            "SELECT :",
        ] {
            assert!(named_values(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_of_an_answer_or_a_statement_harms(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            path in "\\PC{0,40}",
        ) {
            let _ = taken(&body, &[("a".into(), path.clone())]);
            let _ = named_values(&path);
            let mut out = String::new();
            encode(&path, &mut out);
            prop_assert!(out.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
        }
    }
}
