//! One value or several.

use toml::Spanned;
use toml::de::DeValue;

use super::setting::{Reader, Setting};

/// Most entries of one list.
pub const MAX_LIST: usize = 1_000;

/// A list, or one value that stands for a list of one. No entry stands twice.
impl<T: Setting + PartialEq> Setting for Vec<T> {
    const WRITE: &'static str = T::WRITE;
    const LIST: bool = true;

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Vec<T>> {
        let Some(entries) = value.get_ref().as_array() else {
            return T::read(value, reader).map(|one| vec![one]);
        };
        let span = value.span();
        if entries.is_empty() && !T::NONE_IS_FINE {
            reader.faults.error(&span, "the list is empty", format!("write {}", T::WRITE));
            return None;
        }
        if entries.len() > MAX_LIST {
            let what = format!("{} entries are too many", entries.len());
            reader.faults.error(&span, what, format!("write at most {MAX_LIST}"));
            return None;
        }
        let mut list = Vec::with_capacity(entries.len());
        let mut complete = true;
        for entry in entries.iter() {
            match T::read(entry, reader) {
                Some(read) if list.contains(&read) => {
                    let what = "the same stands in this list already";
                    reader.faults.error(&entry.span(), what, "leave this one out");
                    complete = false;
                }
                Some(read) => list.push(read),
                None => complete = false,
            }
        }
        complete.then_some(list)
    }
}

/// How many RTP workers run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Workers {
    /// One for each core left to media.
    Auto,
    /// So many.
    Count(u16),
}

impl Setting for Workers {
    const WRITE: &'static str = "\"auto\" or a number from 1 to 256";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Workers> {
        let read = match value.get_ref() {
            DeValue::String(text) if text == "auto" => Some(Workers::Auto),
            DeValue::Integer(number) => {
                let count = u16::from_str_radix(number.as_str(), number.radix()).ok();
                count.filter(|n| (1..=256).contains(n)).map(Workers::Count)
            }
            _ => None,
        };
        if read.is_none() {
            let remedy = format!("write {}", Self::WRITE);
            reader.faults.error(&value.span(), "not a number of workers", remedy);
        }
        read
    }
}
