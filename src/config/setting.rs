//! From a TOML value to a setting's type, and the table of keys that drives it.
//!
//! Each section is written once, by [`section!`](super::setting::section): its struct, its keys
//! with default, limits and documentation, and the code that reads it come from that one text.
//! `belfry check`, the reference page and the reload rule all read the same [`Key`] table.

use core::ops::Range;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{At, Faults, Places, quoted};

/// One key of one section.
#[derive(Debug)]
pub struct Key {
    /// As written before the `=`.
    pub name: &'static str,
    /// What to write after it, such as `a duration, such as "20 s"`.
    pub write: &'static str,
    /// Whether a list of such values may be written.
    pub list: bool,
    /// What holds when the key is absent.
    pub default: Default,
    /// Lowest and highest value, as TOML.
    pub limits: Option<(&'static str, &'static str)>,
    /// When a changed value takes effect.
    pub change: Change,
    /// Whether this version acts on the key. An inactive one is read and checked, with a warning.
    pub active: bool,
    /// What the key does, one or more sentences; lines end in a line break.
    pub doc: &'static str,
}

/// What holds when a key is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// Nothing: the key must be written.
    Required,
    /// This, as TOML.
    Toml(&'static str),
    /// What the documentation of the key says.
    Derived,
}

/// When a changed value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// On `reload`.
    Live,
    /// When Belfry is started again.
    Restart,
}

/// One section: `[name]`, or `[[name]]` when it repeats.
#[derive(Debug)]
pub struct Section {
    /// The name between the brackets.
    pub name: &'static str,
    /// Whether it is written with double brackets, once for each thing.
    pub repeats: bool,
    /// What the section is about.
    pub doc: &'static str,
    /// Its keys in the order of the reference.
    pub keys: &'static [Key],
}

impl Section {
    /// The header as one writes it.
    pub fn header(&self) -> String {
        if self.repeats { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }
}

/// A type that a key's value can have.
pub(super) trait Setting: Sized {
    /// What to write, after "write": `a duration, such as "20 s"`.
    const WRITE: &'static str;
    /// Whether several may be written as a list.
    const LIST: bool = false;
    /// Whether a list of them may be empty.
    const NONE_IS_FINE: bool = false;

    /// Reads it, or says why not.
    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self>;

    /// The value of a key that is absent and has no written default.
    fn absent() -> Option<Self> {
        None
    }

    /// Whether it lies between the two; always for types without an order.
    fn within(&self, _low: &Self, _high: &Self) -> bool {
        true
    }
}

/// Reads a text setting through a checking function: the shape of most [`Setting`]s.
pub(super) fn read_text<T>(
    value: &Spanned<DeValue<'_>>,
    reader: &mut Reader<'_>,
    write: &str,
    check: impl FnOnce(&str) -> Result<T, Wrong>,
) -> Option<T> {
    let Some(text) = value.get_ref().as_str() else {
        reader.wrong_type(value, write);
        return None;
    };
    match check(text) {
        Ok(checked) => Some(checked),
        Err(Wrong { what, remedy }) => {
            let remedy = remedy.unwrap_or_else(|| format!("write {write}"));
            reader.faults.error(&value.span(), what, remedy);
            None
        }
    }
}

/// Why a value is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) what: String,
    /// `None`: what the type always says.
    pub(super) remedy: Option<String>,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>) -> Wrong {
        Wrong { what: what.into(), remedy: None }
    }
    pub(super) fn write(what: impl Into<String>, remedy: impl Into<String>) -> Wrong {
        Wrong { what: what.into(), remedy: Some(remedy.into()) }
    }
    /// `"…" is not <expected>`.
    pub(super) fn not(text: &str, expected: &str) -> Wrong {
        Wrong::new(format!("{} is not {expected}", quoted(text)))
    }
}

impl<T: Setting> Setting for Option<T> {
    const WRITE: &'static str = T::WRITE;
    const LIST: bool = T::LIST;
    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Self> {
        T::read(value, reader).map(Some)
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
    fn within(&self, low: &Self, high: &Self) -> bool {
        match (self, low, high) {
            (Some(value), Some(low), Some(high)) => value.within(low, high),
            _ => true,
        }
    }
}

/// Reads a section's table against its keys and remembers where each value stands, for the checks
/// across sections.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    pub(super) faults: Faults<'t>,
    /// Between which values the key that is read lies, where it has such limits.
    pub(super) limits: Option<(&'static str, &'static str)>,
    places: BTreeMap<(&'static str, usize, &'static str), Range<usize>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Reader<'t> {
        Reader { faults: Faults::new(text), limits: None, places: BTreeMap::new() }
    }

    /// Where `key` of the `nth` such section is written: its value, else the section's header,
    /// else the start of the text.
    pub(super) fn place(
        &self,
        section: &'static str,
        nth: usize,
        key: &'static str,
    ) -> Range<usize> {
        let of = |key| self.places.get(&(section, nth, key));
        of(key).or_else(|| of("")).cloned().unwrap_or(0..0)
    }

    /// The places of what stands once, for faults that only the machine shows.
    pub(super) fn places(&self) -> Places {
        let once = self.places.iter().filter(|((_, nth, _), _)| *nth == 0);
        Places::new(
            once.map(|((section, _, key), span)| ((*section, *key), self.faults.at(span.start))),
        )
    }

    /// Whether the text itself gives `key`.
    pub(super) fn given(&self, section: &'static str, nth: usize, key: &'static str) -> bool {
        self.places.contains_key(&(section, nth, key))
    }

    /// The value has another TOML type than the setting.
    pub(super) fn wrong_type(&mut self, value: &Spanned<DeValue<'_>>, write: &str) {
        let found = match value.get_ref() {
            DeValue::Datetime(_) => "a date",
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.faults.error(
            &value.span(),
            format!("{found} cannot stand here"),
            format!("write {write}"),
        );
    }
}

/// One section being read.
pub(super) struct SectionReader<'r, 't, 'v> {
    pub(super) reader: &'r mut Reader<'t>,
    table: &'v DeTable<'v>,
    section: &'static Section,
    /// Which of several `[[section]]`s, from 0.
    nth: usize,
    header: Range<usize>,
}

impl<'r, 't, 'v> SectionReader<'r, 't, 'v> {
    /// Begins a section; `header` is its place, `all` the whole table of sections (an unknown key
    /// may belong to another).
    pub(super) fn begin(
        reader: &'r mut Reader<'t>,
        table: &'v DeTable<'v>,
        section: &'static Section,
        nth: usize,
        header: Range<usize>,
        all: &[&'static Section],
    ) -> SectionReader<'r, 't, 'v> {
        reader.places.insert((section.name, nth, ""), header.clone());
        let mut this = SectionReader { reader, table, section, nth, header };
        for key in table.keys() {
            this.check_known(key, all);
        }
        this
    }

    fn check_known(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, all: &[&'static Section]) {
        let name = key.get_ref().as_ref();
        if self.section.keys.iter().any(|known| known.name == name) {
            return;
        }
        let header = self.section.header();
        let names = self.section.keys.iter().map(|key| key.name);
        let remedy = match nearest(name, names.clone()) {
            Some(near) => format!("write `{near}`"),
            None => match all.iter().find(|s| s.keys.iter().any(|key| key.name == name)) {
                Some(other) => format!("`{name}` belongs under {}", other.header()),
                None => format!("{header} knows {}", list(names)),
            },
        };
        let what = format!("{header} has no key {}", quoted(name));
        self.reader.faults.error(&key.span(), what, remedy);
    }

    /// Where the section stands.
    pub(super) fn at(&self) -> At {
        self.reader.faults.at(self.header.start)
    }

    /// The value of one key: written, or its default. `None` when it is refused or missing, which
    /// is then among the faults.
    pub(super) fn field<T: Setting>(&mut self, name: &'static str) -> Option<T> {
        let key = self.section.keys.iter().find(|key| key.name == name);
        let key = key.expect("section! makes the key with the field");
        let Some(value) = self.table.get(name) else {
            return self.absent(key);
        };
        self.reader.places.insert((self.section.name, self.nth, name), value.span());
        if !key.active {
            let header = self.section.header();
            let what = format!("{header} `{name}` is read, but this version does not act on it");
            self.reader.faults.warn(&value.span(), what, "leave it out, or keep it for later");
        }
        self.reader.limits = key.limits;
        let read = T::read(value, self.reader)?;
        if let Some((low, high)) = key.limits
            && !read.within(&from_table(low), &from_table(high))
        {
            let what = format!("`{name}` is out of range");
            let remedy = format!("write a value from {low} to {high}");
            self.reader.faults.error(&value.span(), what, remedy);
            return None;
        }
        Some(read)
    }

    fn absent<T: Setting>(&mut self, key: &'static Key) -> Option<T> {
        match key.default {
            Default::Toml(text) => Some(from_table(text)),
            Default::Derived => T::absent(),
            Default::Required => {
                let what = format!("{} has no `{}`", self.section.header(), key.name);
                let remedy = format!("add `{} = …`: {}", key.name, key.write);
                self.reader.faults.error(&self.header, what, remedy);
                None
            }
        }
    }
}

/// Reads a default or a limit of the key table.
fn from_table<T: Setting>(toml: &'static str) -> T {
    let mut reader = Reader::new(toml);
    let value = DeValue::parse(toml).ok().and_then(|value| T::read(&value, &mut reader));
    value.expect("a test reads every default and limit of the table")
}

/// The known name that was most likely meant.
pub(super) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    // Longer than any key by far: not a slip of the fingers, and not worth the comparison.
    if name.len() > 64 {
        return None;
    }
    let folded = name.to_lowercase().replace('-', "_");
    let distance = |k: &&str| strsim::damerau_levenshtein(&folded, k);
    let best = known.min_by_key(|k| distance(k))?;
    (distance(&best) <= 1.max(best.len() / 3)).then_some(best)
}

/// `a`, `b` and `c`.
pub(super) fn list<'k>(names: impl Iterator<Item = &'k str>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// One section, written once:
///
/// ```text
/// section! {
///     /// What the section is about.
///     [[phone]] struct Phone {          // or [node]
///         /// What the key does.
///         number: Number = required, live;
///         t1: Duration = "\"500 ms\"" in ["\"100 ms\"", "\"5 s\""], live;
///         name: Option<Text> = derived, restart, inactive;
///     }
/// }
/// ```
macro_rules! section {
    (@default required) => { $crate::config::setting::Default::Required };
    (@default derived) => { $crate::config::setting::Default::Derived };
    (@default $toml:literal) => { $crate::config::setting::Default::Toml($toml) };
    (@change live) => { $crate::config::setting::Change::Live };
    (@change restart) => { $crate::config::setting::Change::Restart };
    (@limits) => { None };
    (@limits $low:literal $high:literal) => { Some(($low, $high)) };
    (@active) => { true };
    (@active inactive) => { false };
    ($(#[doc = $doc:literal])+ [[$name:ident]] $($rest:tt)*) => {
        section! { @body $(#[doc = $doc])+ ($name, true) $($rest)* }
    };
    ($(#[doc = $doc:literal])+ [$name:ident] $($rest:tt)*) => {
        section! { @body $(#[doc = $doc])+ ($name, false) $($rest)* }
    };
    (@body $(#[doc = $doc:literal])+ ($name:ident, $repeats:literal) struct $Type:ident {
        $(
            $(#[doc = $kdoc:literal])+
            $field:ident : $ty:ty = $default:tt $(in [$low:literal, $high:literal])?, $change:ident
            $(, $active:ident)?;
        )+
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Debug)]
        pub struct $Type {
            /// Where the section stands in the text.
            pub at: $crate::config::fault::At,
            $( $(#[doc = $kdoc])+ pub $field: $ty, )+
        }

        impl $Type {
            /// The section's part of the key table.
            pub const SECTION: $crate::config::setting::Section = $crate::config::setting::Section {
                name: stringify!($name),
                repeats: $repeats,
                doc: concat!($($doc, "\n"),+),
                keys: &[$( $crate::config::setting::Key {
                    name: stringify!($field),
                    write: <$ty as $crate::config::setting::Setting>::WRITE,
                    list: <$ty as $crate::config::setting::Setting>::LIST,
                    default: section!(@default $default),
                    limits: section!(@limits $($low $high)?),
                    change: section!(@change $change),
                    active: section!(@active $($active)?),
                    doc: concat!($($kdoc, "\n"),+),
                } ),+],
            };

            pub(super) fn read(
                section: &mut $crate::config::setting::SectionReader<'_, '_, '_>,
            ) -> Option<$Type> {
                // Every field is read before the first refusal ends it: all faults are wanted.
                $( let $field = section.field(stringify!($field)); )+
                Some($Type { at: section.at(), $( $field: $field? ),+ })
            }

            /// The keys (`section.key`) that differ and take effect only at the next start.
            pub(super) fn changed_for_restart(&self, new: &$Type) -> Vec<&'static str> {
                let mut changed = Vec::new();
                $( if section!(@change $change) == $crate::config::setting::Change::Restart
                    && self.$field != new.$field
                {
                    changed.push(concat!(stringify!($name), ".", stringify!($field)));
                } )+
                changed
            }
        }
    };
}
pub(super) use section;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["data_dir", "name", "timezone"];
        assert_eq!(nearest("datadir", known.into_iter()), Some("data_dir"));
        assert_eq!(nearest("data-dir", known.into_iter()), Some("data_dir"));
        assert_eq!(nearest("Name", known.into_iter()), Some("name"));
        assert_eq!(nearest("nmae", known.into_iter()), Some("name"));
        assert_eq!(nearest("colour", known.into_iter()), None);
        assert_eq!(nearest(&"n".repeat(1_000_000), known.into_iter()), None);
        assert_eq!(nearest("x", [].into_iter()), None);
    }
}
