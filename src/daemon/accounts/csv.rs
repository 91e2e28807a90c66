//! Comma-separated values (RFC 4180): what a spreadsheet writes and reads. A mark of UTF-8 at the beginning,
//! either line end, and quotes around what has a comma, a quote or a line break.

/// The most bytes of a file, and the most rows: as many phones as a configuration may have.
pub(super) const MAX_BYTES: usize = 4 << 20;
const MAX_ROWS: usize = 20_001;

/// Reads a text: rows of cells. The error names the line.
pub(super) fn read(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("it has {} bytes; at most {MAX_BYTES} are read", text.len()));
    }
    let mut chars = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begun, mut quoted, mut was_quoted) = (1, 1, false, false);
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            _ if quoted => cell.push(c),
            '"' if cell.is_empty() && !was_quoted => (quoted, was_quoted) = (true, true),
            '"' => {
                return Err(format!(
                    "line {line}: a quote within a cell: write it twice, and quotes around the cell"
                ));
            }
            ',' => {
                row.push(std::mem::take(&mut cell));
                was_quoted = false;
            }
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                row.push(std::mem::take(&mut cell));
                end_row(&mut rows, &mut row, begun)?;
                (begun, was_quoted) = (line, false);
            }
            _ if was_quoted => {
                return Err(format!(
                    "line {line}: '{c}' behind the end of a quoted cell: write a comma between"
                ));
            }
            _ => cell.push(c),
        }
    }
    if quoted {
        return Err(format!("line {begun}: a quote is not closed"));
    }
    row.push(cell);
    end_row(&mut rows, &mut row, begun)?;
    Ok(rows)
}

/// Takes a row; an empty line is none.
fn end_row(
    rows: &mut Vec<(usize, Vec<String>)>,
    row: &mut Vec<String>,
    line: usize,
) -> Result<(), String> {
    let row = std::mem::take(row);
    if row.iter().any(|cell| !cell.trim().is_empty()) {
        rows.push((line, row));
    }
    match rows.len() > MAX_ROWS {
        true => Err(format!("line {line}: more than {} rows are not read", MAX_ROWS - 1)),
        false => Ok(()),
    }
}

/// Writes a row, with its line end.
pub(super) fn row<'c>(cells: impl IntoIterator<Item = &'c str>) -> String {
    let quoted = |cell: &str| match cell.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    };
    let cells: Vec<String> = cells.into_iter().map(quoted).collect();
    format!("{}\r\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_spreadsheets_write_is_read() {
        let text = "\u{feff}number,name\r\n1005,\"Desk, front\"\r\n\r\n1006,\"say \"\"hi\"\"\"\n";
        let rows = read(text).unwrap();
        let cells: Vec<&[String]> = rows.iter().map(|(_, cells)| &cells[..]).collect();
        assert_eq!(cells[1], ["1005", "Desk, front"]);
        assert_eq!((rows[2].0, cells[2]), (4, &["1006".to_owned(), "say \"hi\"".to_owned()][..]));
        assert!(read("a\n\"b").unwrap_err().contains("line 2"));
        assert!(read("a,b\"c").unwrap_err().contains("line 1"));
        assert!(read("\"a\"b").unwrap_err().contains("quoted cell"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(cells in prop::collection::vec("[ -~\n\rä好\"]{0,12}", 1..6)) {
            prop_assume!(cells.iter().any(|cell| !cell.trim().is_empty()));
            let rows = read(&row(cells.iter().map(String::as_str))).unwrap();
            prop_assert_eq!(&rows[0].1, &cells);
        }

        #[test]
        fn nothing_panics(text in "[a,\"\n\r好]{0,40}") {
            let _ = read(&text);
        }
    }
}
