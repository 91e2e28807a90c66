//! A table as a workbook of one sheet (ECMA-376 part 1, SpreadsheetML): what Excel, WPS and LibreOffice open.
//!
//! ```text
//!   ZIP, stored: [Content_Types].xml · _rels/.rels · xl/workbook.xml · xl/_rels/workbook.xml.rels
//!                xl/styles.xml: times, shares, numbers · xl/worksheets/sheet1.xml: the cells
//! ```
//!
//! One sheet of a few thousand cells needs neither compression nor a library of sixty thousand lines. Text
//! stands in the cells themselves; times are fractions of a day, as spreadsheets have them.

use crate::report::layout::{Cell, Table};
use crate::store::record::crc32;

const TYPES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/><Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/><Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/></Types>";
const RELS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
const WORKBOOK: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"Report\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";
const WORKBOOK_RELS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/></Relationships>";
/// Formats by place: 0 general, 1 a time, 2 a share, 3 two decimals, 4 bold.
const STYLES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><numFmts count=\"2\"><numFmt numFmtId=\"164\" formatCode=\"[h]:mm:ss\"/><numFmt numFmtId=\"165\" formatCode=\"0.0%\"/></numFmts><fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts><fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills><borders count=\"1\"><border/></borders><cellStyleXfs count=\"1\"><xf/></cellStyleXfs><cellXfs count=\"5\"><xf/><xf numFmtId=\"164\" applyNumberFormat=\"1\"/><xf numFmtId=\"165\" applyNumberFormat=\"1\"/><xf numFmtId=\"2\" applyNumberFormat=\"1\"/><xf fontId=\"1\" applyFont=\"1\"/></cellXfs></styleSheet>";

/// Milliseconds of a day.
const DAY_MS: f64 = 86_400_000.0;

/// The file.
pub(super) fn workbook(table: &Table) -> Vec<u8> {
    let sheet = sheet(table);
    zip(&[
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", RELS),
        ("xl/workbook.xml", WORKBOOK),
        ("xl/_rels/workbook.xml.rels", WORKBOOK_RELS),
        ("xl/styles.xml", STYLES),
        ("xl/worksheets/sheet1.xml", &sheet),
    ])
}

fn sheet(table: &Table) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><sheetData>",
    );
    let head: String = table.headings.iter().map(|heading| text(heading, 4)).collect();
    xml.push_str(&format!("<row>{head}</row>"));
    for (period, name, cells) in &table.lines {
        let cells: String = cells.iter().map(cell).collect();
        xml.push_str(&format!("<row>{}{}{cells}</row>", text(period, 0), text(name, 0)));
    }
    xml.push_str("</sheetData></worksheet>");
    xml
}

fn text(text: &str, style: u8) -> String {
    // XML 1.0 has no place for control characters.
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<c s=\"{style}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>")
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Count(count) => format!("<c><v>{count}</v></c>"),
        Cell::Time(Some(ms)) => format!("<c s=\"1\"><v>{}</v></c>", *ms as f64 / DAY_MS),
        Cell::Share(Some(share)) => format!("<c s=\"2\"><v>{share}</v></c>"),
        Cell::Number(Some(number)) => format!("<c s=\"3\"><v>{number}</v></c>"),
        Cell::Time(None) | Cell::Share(None) | Cell::Number(None) => "<c/>".into(),
    }
}

/// Files one after the other, stored as they are, and their directory (PKWARE's APPNOTE 4.3).
fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let at = zip.len() as u32;
        let (sum, len) = (crc32(content.as_bytes()), content.len() as u32);
        // Version 2.0; names in UTF-8; stored; 1980-01-01.
        let mut common = Vec::new();
        for half in [20u16, 0x0800, 0, 0, 0x0021] {
            common.extend(half.to_le_bytes());
        }
        for word in [sum, len, len] {
            common.extend(word.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend(0u16.to_le_bytes());
        zip.extend(b"PK\x03\x04");
        zip.extend(&common);
        zip.extend(name.as_bytes());
        zip.extend(content.as_bytes());
        directory.extend(b"PK\x01\x02");
        directory.extend(20u16.to_le_bytes());
        directory.extend(&common);
        directory.extend([0; 10]); // no comment, first disk, no attributes
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, len, count) = (zip.len() as u32, directory.len() as u32, files.len() as u16);
    zip.extend(directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend(count.to_le_bytes());
    zip.extend(count.to_le_bytes());
    zip.extend(len.to_le_bytes());
    zip.extend(at.to_le_bytes());
    zip.extend(0u16.to_le_bytes());
    zip
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_stand_where_the_directory_says_and_are_xml() {
        let cells = vec![Cell::Count(3), Cell::Time(Some(43_200_000)), Cell::Share(None)];
        let table = Table {
            keys: ["period", "name", "calls", "talk", "level"].map(str::to_owned).into(),
            headings: ["时段", "名称", "a<b", "c&d", "e"].map(str::to_owned).into(),
            lines: vec![("2026-01-05".into(), "7001\u{7}".into(), cells)],
        };
        let bytes = workbook(&table);
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let half = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()) as usize;
        let end = bytes.len() - 22;
        assert_eq!((half(end + 10), word(end + 16) + word(end + 12)), (6, end));
        let mut at = word(end + 16);
        let mut last = String::new();
        for _ in 0..6 {
            assert_eq!(&bytes[at..at + 4], b"PK\x01\x02");
            let (sum, len, name, file) =
                (word(at + 16), word(at + 20), half(at + 28), word(at + 42));
            let begins = file + 30 + name;
            assert_eq!(bytes[file + 30..begins], bytes[at + 46..at + 46 + name]);
            let content = &bytes[begins..begins + len];
            assert_eq!(crc32(content) as usize, sum);
            last = String::from_utf8(content.to_vec()).expect("UTF-8");
            let mut reader = quick_xml::Reader::from_str(&last);
            while !matches!(reader.read_event().expect("XML"), quick_xml::events::Event::Eof) {}
            at += 46 + name;
        }
        for part in ["a&lt;b", "c&amp;d", "<v>0.5</v>", "<c/>", ">7001<", "时段"] {
            assert!(last.contains(part), "{part}");
        }
    }
}
