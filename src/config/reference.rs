//! The reference page of all keys, made from the key table (`docs/admin.md`).

use core::fmt::Write;

use super::keys::SECTIONS;
use super::setting::{Change, Default, Key};

/// All sections and keys in Markdown: a heading and a table for each section.
pub fn reference_markdown() -> String {
    let mut page = String::new();
    for section in SECTIONS {
        let _ = writeln!(page, "### `{}`\n\n{}\n", section.header(), one_line(section.doc));
        page.push_str("| Key | Write | Default | |\n|---|---|---|---|\n");
        for key in section.keys {
            let list = if key.list { ", or a list of such" } else { "" };
            let default = match key.default {
                Default::Required => "must be given".into(),
                Default::Derived => "–".into(),
                Default::Toml(text) => format!("`{text}`"),
            };
            let write = format!("{}{list}", key.write);
            let _ = writeln!(page, "| `{}` | {write} | {default} | {} |", key.name, remarks(key));
        }
        page.push('\n');
    }
    page
}

/// What the key does, its limits, and when a change takes effect.
fn remarks(key: &Key) -> String {
    let mut text = one_line(key.doc);
    if let Some((low, high)) = key.limits {
        let _ = write!(text, " From `{low}` to `{high}`.");
    }
    if key.change == Change::Restart {
        text.push_str(" A change takes effect at the next start.");
    }
    if !key.active {
        text.push_str(" *Not acted on in this version.*");
    }
    text
}

/// Documentation lines as one line of a table.
fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_key_and_breaks_no_table() {
        let page = reference_markdown();
        for section in SECTIONS {
            assert!(page.contains(&section.header()), "{}", section.name);
            for key in section.keys {
                assert!(page.contains(&format!("| `{}` |", key.name)), "{}", key.name);
            }
        }
        let rows = page.lines().filter(|line| line.starts_with('|'));
        assert!(rows.clone().all(|line| line.replace("\\|", "").matches('|').count() == 5));
        assert!(page.contains("From `\"100 ms\"` to `\"2 s\"`"));
    }
}
