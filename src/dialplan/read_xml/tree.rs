//! An XML file as a tree of elements that know where they stand.
//!
//! Place: first step of reading a FreeSWITCH file. quick-xml splits the text; here it becomes
//! elements with their attributes, each with its byte offset. Entities are the five of XML and
//! numeric ones; a DOCTYPE is passed over, so that nothing can be expanded.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::dialplan::fault::{Faults, Source};

/// How deep elements may be nested.
const MAX_DEPTH: usize = 64;
/// The most attributes of an element.
const MAX_ATTRIBUTES: usize = 100;
/// The most elements of a file.
const MAX_ELEMENTS: usize = 200_000;

/// One element.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub name: String,
    /// Offset of its `<`.
    pub at: usize,
    pub attributes: Vec<Attribute>,
    pub children: Vec<Element>,
    /// Text and CDATA directly inside, run together.
    pub text: String,
    /// Offset of the text's first character that is not blank.
    pub text_at: usize,
}

/// One attribute, unescaped.
#[derive(Debug)]
pub(super) struct Attribute {
    pub name: String,
    pub value: String,
    /// Offset of its name.
    pub at: usize,
    /// Offset of its value's first character.
    pub value_at: usize,
}

impl Element {
    /// The attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }
    /// An attribute's value; empty when it is not there.
    pub fn value(&self, name: &str) -> &str {
        self.attribute(name).map_or("", |a| &a.value)
    }
    /// The offset of an attribute's value, or of the element.
    pub fn value_at(&self, name: &str) -> usize {
        self.attribute(name).map_or(self.at, |a| a.value_at)
    }
}

/// The element opened last is whole; the reader has checked that it is the one that is closed.
fn close(open: &mut Vec<Element>) {
    if let Some(done) = open.pop() {
        match open.last_mut() {
            Some(parent) => parent.children.push(done),
            None => open.push(done),
        }
    }
}

/// The elements at the top of a file. Broken markup is reported and leaves none, for what was read
/// before it would give faults that are none.
pub(super) fn parse(source: &Source<'_>, faults: &mut Faults) -> Vec<Element> {
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let shift = source.text.len() - text.len();
    let mut reader = Reader::from_str(text);
    reader.config_mut().allow_dangling_amp = true;
    let mut open = vec![Element::default()];
    let mut count = 0usize;
    loop {
        let at = shift + reader.buffer_position() as usize;
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => {
                let at = shift + reader.error_position() as usize;
                faults.error(source.place(at), format!("not XML: {error}"), "correct the markup");
                return Vec::new();
            }
        };
        let full = open.len() > MAX_DEPTH || count >= MAX_ELEMENTS;
        let here = open.last_mut().expect("the root stays open");
        match event {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) if full => {
                let name = tag.name().as_ref().to_owned();
                let what = format!("<{name}> is one element too many");
                faults.error(source.place(at), what, "split the file");
                return Vec::new();
            }
            Event::Start(tag) => {
                count += 1;
                open.push(element(&tag, at, source, faults));
            }
            Event::Empty(tag) => {
                count += 1;
                here.children.push(element(&tag, at, source, faults));
            }
            Event::End(_) => close(&mut open),
            Event::Text(text) => add_text(here, &text.xml10_content(), at),
            Event::CData(text) => add_text(here, &text.xml10_content(), at + "<![CDATA[".len()),
            Event::GeneralRef(reference) => {
                let raw = format!("&{};", reference.xml10_content());
                add_text(here, &quick_xml::escape::unescape(&raw).unwrap_or_default(), at);
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    match open.as_slice() {
        [.., _, unclosed] => {
            let what = format!("<{}> is not closed", unclosed.name);
            faults.error(source.place(unclosed.at), what, format!("add </{}>", unclosed.name));
            Vec::new()
        }
        _ => open.pop().map(|root| root.children).unwrap_or_default(),
    }
}

/// Blank text before the first other is dropped: there is some around each child.
fn add_text(element: &mut Element, text: &str, at: usize) {
    if element.text.is_empty() {
        let blank = text.len() - text.trim_start().len();
        if blank == text.len() {
            return;
        }
        element.text_at = at + blank;
    }
    element.text.push_str(text);
}

fn element(tag: &BytesStart<'_>, at: usize, source: &Source<'_>, faults: &mut Faults) -> Element {
    let mut out = Element { name: tag.name().as_ref().to_owned(), at, ..Element::default() };
    // Offsets come from where the pieces lie in the text: the tag borrows from it.
    let offset = |part: &str| (part.as_ptr() as usize).wrapping_sub(source.text.as_ptr() as usize);
    for attribute in tag.attributes() {
        if out.attributes.len() >= MAX_ATTRIBUTES {
            let what = format!("<{}> has more than {MAX_ATTRIBUTES} attributes", out.name);
            faults.error(source.place(at), what, "take some out");
            break;
        }
        match attribute {
            Ok(attribute) => {
                let value_at = offset(&attribute.value);
                let value = match attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0) {
                    Ok(value) => value.into_owned(),
                    Err(error) => {
                        let what = format!(
                            "the value of '{}' has a wrong '&…;': {error}",
                            attribute.key.as_ref()
                        );
                        faults.error(source.place(value_at), what, "write &amp; for &");
                        attribute.value.clone().into_owned()
                    }
                };
                let name = attribute.key.as_ref();
                out.attributes.push(Attribute {
                    name: name.to_owned(),
                    value,
                    at: offset(name),
                    value_at,
                });
            }
            Err(error) => {
                let what = format!("<{}> has a wrong attribute: {error}", out.name);
                faults.error(source.place(at), what, "write name=\"value\", each once");
                break;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> (Vec<Element>, Vec<crate::dialplan::fault::Fault>) {
        let mut faults = Faults::new(vec!["a.xml".into()]);
        let tree = parse(&Source::new(0, text), &mut faults);
        (tree, faults.into_sorted())
    }

    #[test]
    fn elements_know_where_they_stand() {
        let text = "<include>\n  <a x=\"1 &amp; 2\"  y='z'>t<![CDATA[<&>]]>&lt;</a>\n</include>";
        let (tree, faults) = parse_text(text);
        assert!(faults.is_empty(), "{faults:?}");
        let a = &tree[0].children[0];
        assert_eq!((a.value("x"), a.value("y"), a.text.as_str()), ("1 & 2", "z", "t<&><"));
        assert_eq!(&text[a.at..a.at + 2], "<a");
        assert_eq!(&text[a.value_at("y")..a.value_at("y") + 1], "z");
        assert_eq!(&text[a.attributes[1].at..][..3], "y='");
        assert_eq!(&text[a.text_at..a.text_at + 1], "t");
    }

    #[test]
    fn broken_markup_is_placed() {
        let (_, faults) = parse_text("<a>\n  <b>\n</a>");
        assert_eq!((faults[0].line, faults.len()), (3, 1), "{faults:?}");
        let (tree, faults) = parse_text("<a><b x=\"1\"/>");
        assert!(faults[0].what.contains("<a> is not closed") && tree.is_empty());
        let (_, faults) = parse_text("<a x=\"&nope;\" y=\"1\" y=\"2\"/>");
        assert_eq!(faults.len(), 2, "{faults:?}");
        let (_, faults) = parse_text(&"<a>".repeat(100));
        assert!(faults[0].what.contains("too many"));
    }

    #[test]
    fn a_bomb_of_entities_does_not_go_off() {
        let (tree, _) = parse_text("<!DOCTYPE a [<!ENTITY b \"bbbb\">]><a>&b;</a>");
        assert_eq!(tree[0].text, "");
    }
}
