//! CSV (RFC 4180) as spreadsheets write it: bytes to rows of cells, and back.
//!
//! Read: UTF-8 with or without the mark that Excel puts in front, and GB 18030, which Excel writes under a
//! Chinese Windows (GB 2312 and GBK are parts of it). Lines end with LF, CRLF or CR. A cell in quotation marks
//! may hold commas, line breaks and, doubled, quotation marks. Between cells stands a comma, or the semicolon
//! that Excel writes where a comma is in numbers: the first row says which. Not read: UTF-16, which says so.

use core::fmt;

use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};

/// Bytes of a file: a hundred thousand subscribers with all that is known of them.
pub const MOST_BYTES: usize = 64 << 20;
/// Bytes of one cell.
pub const MOST_CELL: usize = 64 << 10;
/// Cells of one row.
pub const MOST_CELLS: usize = 1_000;

/// How a file's characters are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// UTF-8, with its mark or without.
    Utf8,
    /// GB 18030.
    Gb18030,
}

/// Why a file is no CSV. Rows count from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoCsv {
    /// It has so many bytes.
    TooLong(usize),
    /// It is UTF-16.
    Utf16,
    /// Neither UTF-8 nor GB 18030 has what stands at this byte, from 0, in this line, from 1.
    NotText {
        /// The byte.
        at: usize,
        /// The line.
        line: usize,
    },
    /// A quotation mark that opens a cell in this row is never closed.
    Open(usize),
    /// Something stands behind a closing quotation mark in this row.
    BehindQuote(usize),
    /// A cell of this row is too long, or the row has too many.
    TooMuch(usize),
}

impl fmt::Display for NoCsv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoCsv::TooLong(bytes) => {
                write!(f, "the file has {bytes} bytes and may have {MOST_BYTES}: split it")
            }
            NoCsv::Utf16 => {
                f.write_str("the file is UTF-16: save it as 'CSV UTF-8', or as CSV in GB 18030")
            }
            NoCsv::NotText { at, line } => write!(
                f,
                "line {line}: byte {at} of the file is neither UTF-8 nor GB 18030: save it as 'CSV UTF-8'"
            ),
            NoCsv::Open(row) => write!(
                f,
                "row {row}: a quotation mark opens a cell and none closes it: close it, or double it"
            ),
            NoCsv::BehindQuote(row) => write!(
                f,
                "row {row}: something stands behind a cell's closing quotation mark: double the mark"
            ),
            NoCsv::TooMuch(row) => write!(
                f,
                "row {row}: a cell has more than {MOST_CELL} bytes, or the row more than {MOST_CELLS} cells"
            ),
        }
    }
}
impl std::error::Error for NoCsv {}

/// The characters of a file, and how they were written.
pub fn decode(bytes: &[u8]) -> Result<(String, Encoding), NoCsv> {
    if bytes.len() > MOST_BYTES {
        return Err(NoCsv::TooLong(bytes.len()));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(NoCsv::Utf16);
    }
    if let Some(marked) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return match core::str::from_utf8(marked) {
            Ok(text) => Ok((text.to_owned(), Encoding::Utf8)),
            Err(error) => Err(not_text(bytes, error.valid_up_to() + 3)),
        };
    }
    let error = match core::str::from_utf8(bytes) {
        Ok(text) => return Ok((text.to_owned(), Encoding::Utf8)),
        Err(error) => error,
    };
    match GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok((text.into_owned(), Encoding::Gb18030)),
        None => {
            let pair = |encoding: &'static encoding_rs::Encoding| {
                let zeros = bytes.iter().filter(|b| **b == 0).count();
                zeros > bytes.len() / 8
                    && encoding.decode_without_bom_handling_and_without_replacement(bytes).is_some()
            };
            match pair(UTF_16LE) || pair(UTF_16BE) {
                true => Err(NoCsv::Utf16),
                false => Err(not_text(bytes, error.valid_up_to())),
            }
        }
    }
}

fn not_text(bytes: &[u8], at: usize) -> NoCsv {
    let before = bytes.get(..at).unwrap_or(bytes);
    NoCsv::NotText { at, line: 1 + before.iter().filter(|b| **b == b'\n').count() }
}

/// What stands between the cells of a text: a semicolon where its first row that is not empty has one, and no
/// comma, outside of quotation marks.
fn separator(text: &str) -> char {
    let (mut quoted, mut semicolon, mut begun) = (false, false, false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            ',' => return ',',
            ';' => semicolon = true,
            '\r' | '\n' if begun => break,
            _ => {}
        }
        begun |= !c.is_whitespace();
    }
    if semicolon { ';' } else { ',' }
}

/// The rows of a text; rows without anything are left out, but counted: each comes with its number, from 1.
pub fn rows(text: &str) -> Result<Vec<(usize, Vec<String>)>, NoCsv> {
    let between = separator(text);
    let mut all = Vec::new();
    let mut reader = Reader { row: 1, cells: Vec::new(), cell: String::new(), quoted: false };
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if reader.cell.is_empty() && !reader.quoted => {
                reader.quoted = true;
                reader.quoted_cell(&mut chars)?;
            }
            c if c == between => reader.end_cell()?,
            '\r' | '\n' => {
                if c == '\r' && chars.peek() == Some(&'\n') {
                    chars.next();
                }
                reader.end_row(&mut all)?;
            }
            _ if reader.quoted && !c.is_whitespace() => return Err(NoCsv::BehindQuote(reader.row)),
            _ if reader.quoted => {}
            c => reader.push(c)?,
        }
    }
    if !reader.cell.is_empty() || !reader.cells.is_empty() || reader.quoted {
        reader.end_row(&mut all)?;
    }
    Ok(all)
}

struct Reader {
    row: usize,
    cells: Vec<String>,
    cell: String,
    /// The present cell was in quotation marks.
    quoted: bool,
}

impl Reader {
    fn push(&mut self, c: char) -> Result<(), NoCsv> {
        if self.cell.len() + c.len_utf8() > MOST_CELL {
            return Err(NoCsv::TooMuch(self.row));
        }
        self.cell.push(c);
        Ok(())
    }

    /// To the closing mark.
    fn quoted_cell(
        &mut self,
        chars: &mut core::iter::Peekable<core::str::Chars<'_>>,
    ) -> Result<(), NoCsv> {
        while let Some(c) = chars.next() {
            match c {
                '"' if chars.peek() == Some(&'"') => {
                    chars.next();
                    self.push('"')?;
                }
                '"' => return Ok(()),
                c => self.push(c)?,
            }
        }
        Err(NoCsv::Open(self.row))
    }

    fn end_cell(&mut self) -> Result<(), NoCsv> {
        if self.cells.len() >= MOST_CELLS {
            return Err(NoCsv::TooMuch(self.row));
        }
        self.quoted = false;
        self.cells.push(core::mem::take(&mut self.cell));
        Ok(())
    }

    fn end_row(&mut self, all: &mut Vec<(usize, Vec<String>)>) -> Result<(), NoCsv> {
        self.end_cell()?;
        let cells = core::mem::take(&mut self.cells);
        if cells.iter().any(|cell| !cell.trim().is_empty()) {
            all.push((self.row, cells));
        }
        self.row += 1;
        Ok(())
    }
}

/// One row as it is written, with its line end.
pub fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for (n, cell) in cells.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        let blank = cell.starts_with(char::is_whitespace) || cell.ends_with(char::is_whitespace);
        if blank || cell.contains([',', ';', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(cell);
        }
    }
    out.push_str("\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        rows(text).unwrap().into_iter().map(|(_, cells)| cells).collect()
    }

    #[test]
    fn cells_and_rows() {
        assert_eq!(cells("a,b\r\nc,\"d,\"\"e\"\"\nf\"\n"), [["a", "b"], ["c", "d,\"e\"\nf"]]);
        assert_eq!(cells("a,\n,b"), [["a", ""], ["", "b"]]);
        let numbered = rows("a\n\n,\nb").unwrap();
        assert_eq!(numbered, [(1, vec!["a".to_owned()]), (4, vec!["b".to_owned()])]);
        assert_eq!(cells("a;b\n\"c;d\";\"e,f\"\n"), [["a", "b"], ["c;d", "e,f"]]);
        assert_eq!(cells("\n\"a;b\",c\nd;e,f\n"), [["a;b", "c"], ["d;e", "f"]]);
        assert_eq!(rows("a\n\"b"), Err(NoCsv::Open(2)));
        assert_eq!(rows("\"a\"b"), Err(NoCsv::BehindQuote(1)));
    }

    #[test]
    fn encodings() {
        let text = "号码,姓名\n1001,王秀英\n";
        assert_eq!(decode(text.as_bytes()), Ok((text.into(), Encoding::Utf8)));
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        assert_eq!(decode(&marked), Ok((text.into(), Encoding::Utf8)));
        let gb = GB18030.encode(text).0;
        assert_eq!(decode(&gb), Ok((text.into(), Encoding::Gb18030)));
        // A character that GBK lacks takes four bytes.
        let rare = "姓,𠮷\n";
        assert_eq!(decode(&GB18030.encode(rare).0), Ok((rare.into(), Encoding::Gb18030)));
        assert_eq!(decode(b"a,b\nc,\xff\xff\n"), Err(NoCsv::NotText { at: 6, line: 2 }));
        assert_eq!(decode(b"\xff\xfea\0"), Err(NoCsv::Utf16));
        let wrong = decode(b"\xef\xbb\xbfa\xff").unwrap_err();
        assert_eq!(wrong, NoCsv::NotText { at: 4, line: 1 });
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(table in proptest::collection::vec(
            proptest::collection::vec("[a-z,;\"\\n\\r 王]{0,6}", 1..5), 1..6)) {
            let table: Vec<Vec<String>> = table.into_iter()
                .filter(|row| row.iter().any(|cell| !cell.trim().is_empty())).collect();
            let text: String = table.iter().map(|row| line(row.iter().map(String::as_str))).collect();
            prop_assert_eq!(cells(&text), table);
        }

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok((text, _)) = decode(&bytes) { let _ = rows(&text); }
        }
    }
}
