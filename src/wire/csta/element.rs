//! The elements of a message: names without their prefixes, text, children. Attributes and comments are left
//! out, since no service has any that matter; what is too deep, too many or too long is refused.

use core::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::super::xml::Text;

/// How deep elements may stand in each other.
const MOST_DEPTH: usize = 16;
/// How many there may be.
const MOST_ELEMENTS: usize = 512;
/// The longest text of one, in bytes.
const LONGEST_TEXT: usize = 4_096;

/// An element.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Element {
    /// Its name, without a prefix.
    pub name: String,
    /// The text directly in it, trimmed.
    pub text: String,
    /// What stands in it.
    pub children: Vec<Element>,
}

/// Why there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoElement(pub String);

impl Element {
    /// One with a name.
    pub fn new(name: &str) -> Element {
        Element { name: name.into(), ..Element::default() }
    }
    /// The same with a child more.
    pub fn with(mut self, child: Element) -> Element {
        self.children.push(child);
        self
    }
    /// The same with a child more that has a text.
    pub fn text(self, name: &str, text: &str) -> Element {
        self.with(Element { text: text.into(), ..Element::new(name) })
    }

    /// Reads a message: one element with what is in it.
    pub fn read(bytes: &[u8]) -> Result<Element, NoElement> {
        let no = |why: &str| NoElement(why.to_owned());
        let text = core::str::from_utf8(bytes).map_err(|_| no("it is not UTF-8"))?;
        let mut reader = Reader::from_str(text);
        let (mut open, mut count): (Vec<Element>, usize) = (Vec::new(), 0);
        let mut whole = None;
        loop {
            let event = reader.read_event().map_err(|e| NoElement(e.to_string()))?;
            let closes = matches!(event, Event::Empty(_) | Event::End(_));
            match event {
                Event::Eof => break,
                Event::Start(tag) | Event::Empty(tag) => {
                    count += 1;
                    if open.len() >= MOST_DEPTH || count > MOST_ELEMENTS || whole.is_some() {
                        return Err(no("too deep, too many, or more than one"));
                    }
                    let name = tag.local_name().as_ref().to_owned();
                    open.push(Element { name, ..Element::default() });
                }
                Event::Text(text) => {
                    let text = text.xml10_content();
                    add(&mut open, &text)?;
                }
                Event::CData(text) => {
                    let text = text.xml10_content();
                    add(&mut open, &text)?;
                }
                Event::GeneralRef(reference) => {
                    let raw = format!("&{};", reference.xml10_content());
                    let text =
                        quick_xml::escape::unescape(&raw).map_err(|_| no("an unknown entity"))?;
                    add(&mut open, &text)?;
                }
                Event::DocType(_) => return Err(no("a DOCTYPE is not taken")),
                Event::End(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
            if closes && let Some(mut closed) = open.pop() {
                closed.text = closed.text.trim().to_owned();
                match open.last_mut() {
                    Some(parent) => parent.children.push(closed),
                    None => whole = Some(closed),
                }
            }
        }
        match (whole, open.is_empty()) {
            (Some(whole), true) => Ok(whole),
            _ => Err(no("there is no whole element")),
        }
    }

    /// The first element of that name in it, however deep.
    pub fn find(&self, name: &str) -> Option<&Element> {
        self.children
            .iter()
            .find_map(|child| if child.name == name { Some(child) } else { child.find(name) })
    }

    /// The text of the first element of that name, where there is any.
    pub fn said(&self, name: &str) -> Option<&str> {
        self.find(name).map(|found| found.text.as_str()).filter(|text| !text.is_empty())
    }

    /// As a document, in a namespace.
    pub fn document(&self, namespace: &str) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out, Some(namespace));
        out
    }

    fn write(&self, out: &mut String, namespace: Option<&str>) {
        let _ = write!(out, "<{}", self.name);
        if let Some(namespace) = namespace {
            let _ = write!(out, " xmlns=\"{}\"", Text(namespace));
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>");
            return;
        }
        let _ = write!(out, ">{}", Text(&self.text));
        self.children.iter().for_each(|child| child.write(out, None));
        let _ = write!(out, "</{}>", self.name);
    }
}

/// Puts text to the innermost element; text outside of all is of no account.
fn add(open: &mut [Element], text: &str) -> Result<(), NoElement> {
    let Some(here) = open.last_mut() else { return Ok(()) };
    if here.text.len() + text.len() > LONGEST_TEXT {
        return Err(NoElement("a text is too long".into()));
    }
    here.text.push_str(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_read_whatever_its_prefixes() {
        let text = "<?xml version='1.0'?><c:MakeCall xmlns:c=\"x\"><c:callingDevice>1001</c:callingDevice>\
                    <!-- no --><calledDirectoryNumber> 10&amp;02 </calledDirectoryNumber></c:MakeCall>";
        let read = Element::read(text.as_bytes()).unwrap();
        assert_eq!(read.name, "MakeCall");
        assert_eq!(read.said("callingDevice"), Some("1001"));
        assert_eq!(read.said("calledDirectoryNumber"), Some("10&02"));
        assert_eq!(read.said("nothing"), None);
    }

    #[test]
    fn what_is_refused() {
        let deep = "<a>".repeat(17) + &"</a>".repeat(17);
        let many = format!("<a>{}</a>", "<b/>".repeat(512));
        let long = format!("<a>{}</a>", "x".repeat(5_000));
        let bad = ["", "text", "<a>", "<a></b>", "<a/><b/>", "<!DOCTYPE a []><a/>", "<a>&x;</a>"];
        for text in bad.into_iter().chain([&*deep, &*many, &*long]) {
            assert!(Element::read(text.as_bytes()).is_err(), "{text:.40}");
        }
        assert!(Element::read(b"<a>\xff</a>").is_err());
    }

    fn element() -> impl Strategy<Value = Element> {
        let leaf = ("[a-zA-Z][a-zA-Z0-9]{0,8}", "[!-~\u{4e00}-\u{4e10}]{0,12}")
            .prop_map(|(name, text)| Element { name, text, children: Vec::new() });
        leaf.prop_recursive(4, 32, 4, |inner| {
            ("[a-zA-Z][a-zA-Z0-9]{0,8}", prop::collection::vec(inner, 0..4))
                .prop_map(|(name, children)| Element { name, text: String::new(), children })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(element in element()) {
            let text = element.document("http://www.ecma-international.org/standards/ecma-323/csta/ed3");
            prop_assert_eq!(Element::read(text.as_bytes()), Ok(element));
        }

        #[test]
        fn any_bytes_are_an_element_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            _ = Element::read(&bytes);
        }
    }
}
