//! Texts with `${variable}` and `$1` in them, in FreeSWITCH's spelling.
//!
//! Place: every text parameter of a step is a [`Template`], read once at load and expanded when the
//! step runs. The value of a variable is never read as a template again, so what a caller sends
//! (a name, a number) cannot smuggle an expansion in.
//!
//! ```text
//! ${name}          the variable; empty when it is not set
//! ${name:2}        from the third character on; a negative offset counts from the end
//! ${name:0:3}      three characters from the first
//! ${${kind}_menu}  the name itself may be a template
//! ${strftime(%H)}  a function ([`function`](super::function)); FreeSWITCH's others are reported by the reader
//! $1 … $9          what a group of the condition's expression caught; $0 the whole match
//! \$               a dollar sign
//! ```
//!
//! Not here: `$${global}`, which the XML reader replaces while it reads.

use std::borrow::Cow;

use super::calendar::Civil;
use super::function::call;
use crate::base::Wall;

/// The longest template and the longest text it expands to, in bytes; the rest is cut off.
pub const MAX_TEXT: usize = 4_096;
/// How deep `${a${b}}` may go.
const MAX_DEPTH: usize = 8;

/// A text with variables, as read.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    source: Box<str>,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(Box<str>),
    Capture(u8),
    Variable { name: Template, offset: i32, length: Option<u32> },
    Function { name: Box<str>, argument: Template },
}

/// A template that cannot be read; `at` is the byte offset in its text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TemplateError {
    /// `${` without its `}`.
    Unclosed {
        /// Where the `${` stands.
        at: usize,
    },
    /// `${}` or `${:1}`.
    NoName {
        /// Where the `${` stands.
        at: usize,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep {
        /// Where the innermost `${` stands.
        at: usize,
    },
    /// Longer than [`MAX_TEXT`].
    TooLong,
}

impl TemplateError {
    /// Byte offset of the fault in the template's text.
    pub fn at(self) -> usize {
        match self {
            TemplateError::Unclosed { at }
            | TemplateError::NoName { at }
            | TemplateError::TooDeep { at } => at,
            TemplateError::TooLong => 0,
        }
    }
    /// What is wrong and what to write instead.
    pub fn explain(self) -> (&'static str, &'static str) {
        match self {
            TemplateError::Unclosed { .. } => {
                ("'${' has no '}'", "write ${name}, or \\$ for a dollar sign")
            }
            TemplateError::NoName { .. } => ("'${}' names no variable", "write ${name}"),
            TemplateError::TooDeep { .. } => {
                ("variables are nested more than 8 deep", "set a variable to the inner part first")
            }
            TemplateError::TooLong => ("the text is longer than 4,096 bytes", "shorten it"),
        }
    }
}

/// What a template is expanded against.
pub trait Scope {
    /// A variable's value; `None` when it is not set.
    fn variable(&self, name: &str) -> Option<Cow<'_, str>>;
    /// What group `n` (1 to 9, 0 for the whole match) caught; `None` when no expression with groups stands behind.
    fn capture(&self, n: u8) -> Option<Cow<'_, str>>;
    /// The civil time of the call's now.
    fn civil(&self) -> Civil;
    /// The civil time of an instant where the call is.
    fn civil_at(&self, wall: Wall) -> Civil;
}

impl Template {
    /// Reads `text`.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        if text.len() > MAX_TEXT {
            return Err(TemplateError::TooLong);
        }
        parse(text, 0, 0)
    }

    /// A template of plain text, in which nothing is special.
    pub fn plain(text: &str) -> Template {
        Template { source: text.into(), pieces: vec![Piece::Text(text.into())] }
    }

    /// A template that is one variable.
    pub fn variable(name: &str) -> Template {
        let piece = Piece::Variable { name: Template::plain(name), offset: 0, length: None };
        Template { source: format!("${{{name}}}").into(), pieces: vec![piece] }
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The whole text, when nothing in it depends on the call.
    pub fn fixed(&self) -> Option<Cow<'_, str>> {
        match self.pieces.as_slice() {
            [] => Some(Cow::Borrowed("")),
            [Piece::Text(text)] => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    /// The text with its variables filled in, cut off at [`MAX_TEXT`] bytes.
    pub fn expand(&self, scope: &dyn Scope) -> String {
        self.fill(scope, &|value, out| out.push_str(value))
    }

    /// The same, each value written by `write`: into an address, say, where it has to be encoded.
    pub fn fill(&self, scope: &dyn Scope, write: &dyn Fn(&str, &mut String)) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Capture(n) => match scope.capture(*n) {
                    Some(text) => write(&text, &mut out),
                    None => out.extend(['$', char::from(b'0' + n)]),
                },
                Piece::Variable { name, offset, length } => {
                    let value = scope.variable(&name.expand(scope)).unwrap_or_default();
                    write(substring(&value, *offset, *length), &mut out);
                }
                Piece::Function { name, argument } => {
                    write(&call(name, &argument.expand(scope), scope), &mut out);
                }
            }
            if out.len() > MAX_TEXT {
                truncate(&mut out, MAX_TEXT);
                break;
            }
        }
        out
    }

    /// The text with what an expression caught in its place, cut off at [`MAX_TEXT`] bytes as [`Template::fill`] does;
    /// `None` where more stands in it than that.
    pub fn with_captures(&self, caught: &[String]) -> Option<String> {
        let (mut out, mut full) = (String::new(), false);
        for piece in &self.pieces {
            let text: &str = match piece {
                Piece::Text(text) => text,
                Piece::Capture(n) => caught.get(usize::from(*n)).map_or("", String::as_str),
                Piece::Variable { .. } | Piece::Function { .. } => return None,
            };
            // What stands behind the cut is looked at all the same: it may be more than captures.
            if !full {
                out.push_str(text);
                full = out.len() > MAX_TEXT;
                truncate(&mut out, MAX_TEXT);
            }
        }
        Some(out)
    }

    /// The text with all variables empty; `None` where something else stands in it.
    pub fn without_values(&self) -> Option<String> {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.to_string()),
            Piece::Variable { .. } => Some(String::new()),
            Piece::Capture(_) | Piece::Function { .. } => None,
        };
        self.pieces.iter().map(piece).collect()
    }

    /// The functions that the text calls.
    pub fn functions(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Function { name, argument } => {
                    found.push(&**name);
                    found.extend(argument.functions());
                }
                Piece::Variable { name, .. } => found.extend(name.functions()),
                Piece::Text(_) | Piece::Capture(_) => {}
            }
        }
        found
    }

    /// The variables that the text reads, but for those whose names depend on the call.
    pub fn reads(&self) -> Vec<Cow<'_, str>> {
        let mut found = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Variable { name, .. } => match name.fixed() {
                    Some(name) => found.push(name),
                    None => found.extend(name.reads()),
                },
                Piece::Function { argument, .. } => found.extend(argument.reads()),
                Piece::Text(_) | Piece::Capture(_) => {}
            }
        }
        found
    }

    /// Whether `$0` to `$9` stands in the text.
    pub fn has_captures(&self) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Capture(_) => true,
            Piece::Variable { name, .. } => name.has_captures(),
            Piece::Function { argument, .. } => argument.has_captures(),
            Piece::Text(_) => false,
        })
    }
}

/// Cuts `text` to at most `max` bytes at a character's border.
pub fn truncate(text: &mut String, max: usize) {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

fn parse(text: &str, base: usize, depth: usize) -> Result<Template, TemplateError> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let at = text.len() - rest.len();
        let capture =
            rest.strip_prefix('$').and_then(|r| r.bytes().next()).filter(u8::is_ascii_digit);
        if rest.starts_with("\\$") {
            plain.push('$');
            rest = &rest[2..];
        } else if rest.starts_with("${") {
            if depth >= MAX_DEPTH {
                return Err(TemplateError::TooDeep { at: base + at });
            }
            let close =
                closing_brace(&rest[2..]).ok_or(TemplateError::Unclosed { at: base + at })?;
            flush(&mut plain, &mut pieces);
            pieces.push(reference(&rest[2..2 + close], base + at, depth + 1)?);
            rest = &rest[2 + close + 1..];
        } else if let Some(digit) = capture {
            flush(&mut plain, &mut pieces);
            pieces.push(Piece::Capture(digit - b'0'));
            rest = &rest[2..];
        } else {
            plain.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    flush(&mut plain, &mut pieces);
    Ok(Template { source: text.into(), pieces })
}

fn flush(plain: &mut String, pieces: &mut Vec<Piece>) {
    if !plain.is_empty() {
        pieces.push(Piece::Text(std::mem::take(plain).into()));
    }
}

/// Offset of the `}` that closes what stands before `text`.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' if open == 0 => return Some(at),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// What stands between `${` and `}`: a name with an optional substring, or a function.
fn reference(inner: &str, base: usize, depth: usize) -> Result<Piece, TemplateError> {
    let inside = base + 2;
    let word = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let function = inner.strip_suffix(')').and_then(|i| i.split_once('('));
    if let Some((name, argument)) = function.filter(|(name, _)| word(name)) {
        let argument = parse(argument, inside + name.len() + 1, depth)?;
        return Ok(Piece::Function { name: name.into(), argument });
    }
    let mut depth_here = 0usize;
    let colon = inner.bytes().position(|b| {
        match b {
            b'{' => depth_here += 1,
            b'}' => depth_here = depth_here.saturating_sub(1),
            _ => {}
        }
        b == b':' && depth_here == 0
    });
    let (name, cut) = inner.split_at(colon.unwrap_or(inner.len()));
    let (offset, length) = match cut.strip_prefix(':').map(|c| c.split_once(':').unwrap_or((c, "")))
    {
        None => (0, None),
        Some((offset, length)) => {
            (offset.trim().parse().unwrap_or(0), length.trim().parse::<u32>().ok())
        }
    };
    if name.is_empty() {
        return Err(TemplateError::NoName { at: base });
    }
    Ok(Piece::Variable { name: parse(name, inside, depth)?, offset, length })
}

/// FreeSWITCH's `${var:offset:length}`, counted in characters. An offset past the end leaves nothing.
fn substring(value: &str, offset: i32, length: Option<u32>) -> &str {
    let count = value.chars().count();
    let skip = if offset < 0 {
        match count.checked_sub(offset.unsigned_abs() as usize) {
            Some(skip) => skip,
            None => return "",
        }
    } else {
        offset as usize
    };
    let byte_at = |n: usize| value.char_indices().nth(n).map_or(value.len(), |(at, _)| at);
    let start = byte_at(skip);
    match length {
        None => &value[start..],
        Some(length) => &value[start..byte_at(skip.saturating_add(length as usize)).max(start)],
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Variables and groups for tests.
    pub(crate) struct Fixed(
        pub BTreeMap<&'static str, &'static str>,
        pub Option<Vec<&'static str>>,
    );

    impl Scope for Fixed {
        fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
            self.0.get(name).map(|v| Cow::Borrowed(*v))
        }
        fn capture(&self, n: u8) -> Option<Cow<'_, str>> {
            let groups = self.1.as_ref()?;
            Some(Cow::Borrowed(groups.get(usize::from(n)).copied().unwrap_or("")))
        }
        fn civil(&self) -> Civil {
            self.civil_at(Wall(1_763_775_000_000))
        }
        fn civil_at(&self, wall: Wall) -> Civil {
            Civil::at(wall, &jiff::tz::TimeZone::fixed(jiff::tz::offset(8)))
        }
    }

    fn expand(text: &str) -> String {
        let vars =
            [("to", "4008001234"), ("kind", "care"), ("care_menu", "main"), ("evil", "${to}")];
        let scope = Fixed(vars.into(), Some(vec!["all", "one", "二"]));
        Template::parse(text).expect("a good template").expand(&scope)
    }

    #[test]
    fn variables_substrings_and_groups_are_filled_in() {
        assert_eq!(expand("a ${to} b ${none} c"), "a 4008001234 b  c");
        assert_eq!(expand("${to:0:3}-${to:3}-${to:-4}-${to:-4:2}"), "400-8001234-1234-12");
        assert_eq!(expand("${to:99}|${to:-99}|${to:x}|${to:2:0}"), "||4008001234|");
        assert_eq!(expand("$1$2$9 $0 $ $$ \\$1 \\${to}"), "one二 all $ $$ $1 ${to}");
        assert_eq!(expand("${${kind}_menu}"), "main");
        assert_eq!(expand("${evil}"), "${to}", "a value is not expanded again");
        assert_eq!(expand("${strftime(%Y-%m-%d %H:%M)}"), "2025-11-22 09:30");
        assert_eq!(expand("${strepoch()}"), "1763775000");
        assert_eq!(expand("${user_data(1 var x)}"), "");
    }

    /// The formats that FreeSWITCH's own files use, and those near them.
    #[test]
    fn strftime_knows_the_usual_formats() {
        for (format, wanted) in [
            ("%a, %d %b %Y %T %z", "Sat, 22 Nov 2025 09:30:00 +0800"),
            ("%Y-%m-%d-%H-%M-%S", "2025-11-22-09-30-00"),
            ("%A %B %e %j %I:%M %p", "Saturday November 22 326 09:30 AM"),
            ("%F %R %D %y%m%d %u %w", "2025-11-22 09:30 11/22/25 251122 6 6"),
            ("%s", "1763775000"),
            ("100%% %Z", "100% +08"),
            ("%Y %! %", "2025 %! %"),
            ("", "2025-11-22 09:30:00"),
            ("1700000000|%F %T", "2023-11-15 06:13:20"),
            ("1700000000|", "2023-11-15 06:13:20"),
            ("a|%Y", "a|2025"),
        ] {
            assert_eq!(expand(&format!("${{strftime({format})}}")), wanted, "{format}");
        }
    }

    #[test]
    fn without_groups_a_dollar_digit_stays() {
        let scope = Fixed(BTreeMap::new(), None);
        assert_eq!(Template::parse("hash $1").unwrap().expand(&scope), "hash $1");
    }

    /// Filled over and over it stays as long as a call's number could be.
    #[test]
    fn what_was_caught_is_bounded_as_all_text_is() {
        let template = Template::parse("7$1$1").expect("a good template");
        let mut number = "71".to_owned();
        for _ in 0..64 {
            let caught = [number.clone(), number.clone()];
            number = template.with_captures(&caught).expect("nothing but captures");
            assert!(number.len() <= MAX_TEXT, "{} bytes", number.len());
        }
        assert_eq!(number.len(), MAX_TEXT);
        let long = [String::new(), "二".repeat(MAX_TEXT)];
        let cut = template.with_captures(&long).expect("nothing but captures");
        assert!(cut.len() <= MAX_TEXT && cut.ends_with('二'), "at a character's border");
        let more = Template::parse("$1${to}").expect("a good template");
        assert_eq!(more.with_captures(&long), None);
    }

    #[test]
    fn faults_say_where() {
        assert_eq!(Template::parse("ab ${to"), Err(TemplateError::Unclosed { at: 3 }));
        assert_eq!(Template::parse("ab ${x${}}"), Err(TemplateError::NoName { at: 6 }));
        let deep = format!("{}x{}", "${".repeat(20), "}".repeat(20));
        assert!(matches!(Template::parse(&deep), Err(TemplateError::TooDeep { .. })));
        assert_eq!(Template::parse(&"x".repeat(5000)), Err(TemplateError::TooLong));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_expands_within_bounds(text in ".{0,80}|[$:{}()\\\\a1-]{0,40}") {
            if let Ok(template) = Template::parse(&text) {
                let scope = Fixed([("a", "${a}aaaaaa"), ("1", "x")].into(), None);
                assert!(template.expand(&scope).len() <= MAX_TEXT);
            }
        }
    }
}
