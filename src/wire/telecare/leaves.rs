//! A small XML document as its leaves: the name and the text of each element that has no element inside.
//!
//! Enough for documents that are a list of values. Attributes, comments and namespaces' prefixes are
//! passed over; a DOCTYPE is refused, so that nothing can be expanded.

use quick_xml::Reader;
use quick_xml::events::Event;

/// Elements that are read of one document.
const MOST: usize = 64;
/// How deep they may be nested.
const DEEPEST: usize = 4;
/// Bytes of one text. The longest value of the standards has 256.
const LONGEST: usize = 1_024;

/// The leaves of a document in their order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Leaves {
    /// Name of the outermost element.
    pub root: String,
    leaves: Vec<(String, String)>,
}

/// It is not a document of this kind: broken markup, too deep, too many elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotLeaves;

impl Leaves {
    /// Reads a document; texts without the blanks around them.
    pub(super) fn read(body: &[u8]) -> Result<Leaves, NotLeaves> {
        // A name in Latin-1 or GB 18030 must not cost an alarm: the codes are ASCII whatever the texts are.
        let text = String::from_utf8_lossy(body);
        let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
        let mut found = Leaves { root: String::new(), leaves: Vec::new() };
        let mut open: Vec<(String, String, bool)> = Vec::new();
        let mut rooted = false;
        loop {
            match reader.read_event().map_err(|_| NotLeaves)? {
                Event::Start(tag) => {
                    if open.len() >= DEEPEST || (open.is_empty() && rooted) {
                        return Err(NotLeaves);
                    }
                    rooted = true;
                    if let Some(parent) = open.last_mut() {
                        parent.2 = true;
                    }
                    open.push((name(tag.local_name().as_ref()), String::new(), false));
                }
                Event::Empty(tag) => {
                    if open.is_empty() {
                        return Err(NotLeaves);
                    }
                    found.keep(name(tag.local_name().as_ref()), String::new())?;
                }
                Event::Text(text) => add(&mut open, &text.xml10_content())?,
                Event::CData(text) => add(&mut open, &text.xml10_content())?,
                Event::GeneralRef(entity) => {
                    let name = entity.xml10_content();
                    let whole = format!("&{name};");
                    let text = quick_xml::escape::unescape(&whole).map_err(|_| NotLeaves)?;
                    add(&mut open, &text)?;
                }
                Event::End(_) => {
                    let (name, text, inner) = open.pop().ok_or(NotLeaves)?;
                    match (open.is_empty(), inner) {
                        (true, _) => found.root = name,
                        (false, true) => {}
                        (false, false) => found.keep(name, text.trim().to_owned())?,
                    }
                }
                Event::DocType(_) => return Err(NotLeaves),
                Event::Eof if open.is_empty() && rooted => return Ok(found),
                Event::Eof => return Err(NotLeaves),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            }
        }
    }

    fn keep(&mut self, name: String, text: String) -> Result<(), NotLeaves> {
        if self.leaves.len() >= MOST {
            return Err(NotLeaves);
        }
        self.leaves.push((name, text));
        Ok(())
    }

    /// The text of the first element of this name; empty ones count as not there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.leaves.iter().find(|(own, _)| own == name);
        found.map(|(_, text)| text.as_str()).filter(|text| !text.is_empty())
    }
}

/// An element's name: units write them in either case.
fn name(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// More text of the innermost element.
fn add(open: &mut [(String, String, bool)], text: &str) -> Result<(), NotLeaves> {
    let Some(own) = open.last_mut() else {
        // Blanks outside the document.
        return if text.trim().is_empty() { Ok(()) } else { Err(NotLeaves) };
    };
    if own.1.len() + text.len() > LONGEST {
        return Err(NotLeaves);
    }
    own.1.push_str(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_in_any_order_and_depth() {
        let text =
            b"<?xml version=\"1.0\"?>\n<mrq><cid> 8031372</cid><lge><geo>59,18</geo></lge><ame/>\
                     <ite>a &lt;b&gt;<![CDATA[&c]]></ite></mrq>\n";
        let read = Leaves::read(text).unwrap();
        assert_eq!(read.root, "mrq");
        assert_eq!(read.get("cid"), Some("8031372"));
        assert_eq!(read.get("geo"), Some("59,18"));
        assert_eq!(read.get("ite"), Some("a <b>&c"));
        assert_eq!(read.get("ame"), None);
    }

    #[test]
    fn what_is_no_such_document() {
        for text in [
            "",
            "hello",
            "<mrq>",
            "<mrq></mrs>",
            "<a/>",
            "<a></a><b></b>",
            "<a><b><c><d><e></e></d></c></b></a>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<a>&x;</a>",
        ] {
            assert_eq!(Leaves::read(text.as_bytes()), Err(NotLeaves), "{text}");
        }
        let many = format!("<a>{}</a>", "<b>1</b>".repeat(MOST + 1));
        assert_eq!(Leaves::read(many.as_bytes()), Err(NotLeaves));
        let latin = Leaves::read(b"<a><b>M\xfcller</b><c>1</c></a>").unwrap();
        assert_eq!((latin.get("b"), latin.get("c")), (Some("M\u{fffd}ller"), Some("1")));
    }
}
