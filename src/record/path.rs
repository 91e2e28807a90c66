//! Where a recording lies below the directory of recordings: `YYYY/MM/DD/<call id>.wav`, by the
//! local date on which it began. The second recording of one call is `<call id>-2.wav`. Once packed a
//! recording ends in `.opus`; one that is encrypted has `.enc` behind that.

use jiff::civil::Date;

use crate::base::CallId;

/// The path of the `nth` recording (from 1) of `call`, begun on `date`.
pub fn path(call: CallId, nth: u32, date: Date) -> String {
    let (year, month, day) = (date.year(), date.month(), date.day());
    match nth {
        0 | 1 => format!("{year:04}/{month:02}/{day:02}/{call}.wav"),
        _ => format!("{year:04}/{month:02}/{day:02}/{call}-{nth}.wav"),
    }
}

/// Stands behind the name of a recording that is encrypted ([`envelope`](super::envelope)).
const ENCRYPTED: &str = ".enc";

/// The same recording, encrypted.
pub fn encrypted(path: &str) -> String {
    format!("{path}{ENCRYPTED}")
}

/// Whether the recording at `path` is encrypted.
pub fn is_encrypted(path: &str) -> bool {
    path.ends_with(ENCRYPTED)
}

/// The name that the recording at `path` has when it is not encrypted.
pub fn plain(path: &str) -> &str {
    path.strip_suffix(ENCRYPTED).unwrap_or(path)
}

/// Whether the recording at `path` is a WAV: not packed yet.
pub fn is_wav(path: &str) -> bool {
    plain(path).ends_with(".wav")
}

/// The path of the recording at `path` once it is packed: encrypted if it was.
pub fn packed(path: &str) -> String {
    let name = plain(path);
    let packed = format!("{}.opus", name.strip_suffix(".wav").unwrap_or(name));
    if is_encrypted(path) { encrypted(&packed) } else { packed }
}

/// The date and call of a path that the functions above made. `None`: the file is not one of ours.
pub fn read(path: &str) -> Option<(Date, CallId)> {
    let mut parts = path.split('/');
    let mut number = |len: usize| {
        let part = parts.next().filter(|p| p.len() == len && p.bytes().all(|b| b.is_ascii_digit()));
        part?.parse::<i16>().ok()
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    let file = plain(parts.next()?);
    let name = file.strip_suffix(".wav").or_else(|| file.strip_suffix(".opus"))?;
    let (call, nth) = name.split_once('-').unwrap_or((name, "2"));
    nth.parse::<u32>().ok().filter(|n| *n >= 2)?;
    let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let call = call.parse().ok()?;
    parts.next().is_none().then_some((date, call))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;
    use jiff::civil::date;
    use proptest::prelude::*;

    #[test]
    fn a_path_reads_back_and_foreign_files_do_not() {
        let call = CallId::new(Wall(1_700_000_000_000), 1);
        let first = path(call, 1, date(2026, 3, 9));
        assert_eq!(first, format!("2026/03/09/{call}.wav"));
        assert_eq!(read(&first), Some((date(2026, 3, 9), call)));
        assert_eq!(read(&path(call, 2, date(2026, 3, 9))), Some((date(2026, 3, 9), call)));
        assert_eq!(packed(&first), format!("2026/03/09/{call}.opus"));
        assert_eq!(read(&packed(&first)), Some((date(2026, 3, 9), call)));
        let hidden = encrypted(&first);
        assert_eq!(hidden, format!("2026/03/09/{call}.wav.enc"));
        assert_eq!(packed(&hidden), format!("2026/03/09/{call}.opus.enc"));
        assert_eq!((plain(&hidden), plain(&first)), (first.as_str(), first.as_str()));
        for own in [&hidden, &packed(&hidden)] {
            assert_eq!(read(own), Some((date(2026, 3, 9), call)));
            assert!(is_encrypted(own) && is_wav(own) == (own == &hidden), "{own}");
        }
        for foreign in [
            "",
            "2026/03/09",
            "2026/03/09/notes.wav",
            "2026/13/09/0000000000000.wav",
            "2026/3/9/0000000000000.wav",
            "2026/03/09/0000000000000.ogg",
            "2026/03/09/0000000000000.enc",
            "2026/03/09/0000000000000.wav.enc.enc",
            "2026/03/09/0000000000000-1.wav",
            "2026/03/09/0000000000000.wav/x",
            "../2026/03/09/0000000000000.wav",
            ".open/rec-1",
        ] {
            assert_eq!(read(foreign), None, "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,60}") {
            let _ = read(&text);
        }
    }
}
