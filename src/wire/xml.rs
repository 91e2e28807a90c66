//! Text inside the small XML documents that we write (XML 1.0 §2.2, §2.4): what means something there
//! is escaped, what may not stand there at all is left out. Those that we read: `telecare`, `rs_metadata`.

use core::fmt;

/// Text for an element or an attribute in double quotes.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&apos;")?,
                '\t' | '\n' | '\r' => f.write_str(" ")?,
                '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_its_place() {
        let text = Text("a<b>&\"c'\n\u{1}\u{ffff}王").to_string();
        assert_eq!(text, "a&lt;b&gt;&amp;&quot;c&apos; 王");
    }
}
