//! `application/reginfo+xml` (RFC 3680): under which addresses a phone is registered. Written, not read;
//! always the full state.

use core::fmt;

use super::xml::Text;

/// Its Content-Type.
pub const TYPE: &str = "application/reginfo+xml";

/// The registration of one phone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegInfo {
    /// One higher in each document of a subscription (§5.1).
    pub version: u32,
    /// The phone's address-of-record.
    pub aor: String,
    /// Contact URIs, and for how many seconds each still holds.
    pub contacts: Vec<(String, u64)>,
}

impl fmt::Display for RegInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.contacts.is_empty() { "terminated" } else { "active" };
        writeln!(f, "<?xml version=\"1.0\"?>")?;
        writeln!(
            f,
            "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{}\" state=\"full\">",
            self.version
        )?;
        writeln!(f, "<registration aor=\"{}\" id=\"a\" state=\"{state}\">", Text(&self.aor))?;
        for (n, (uri, seconds)) in self.contacts.iter().enumerate() {
            writeln!(
                f,
                "<contact id=\"c{n}\" state=\"active\" event=\"registered\" expires=\"{seconds}\">\
                 <uri>{}</uri></contact>",
                Text(uri)
            )?;
        }
        writeln!(f, "</registration>")?;
        writeln!(f, "</reginfo>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_and_none() {
        let text = |contacts| RegInfo { version: 1, aor: "sip:1@h".into(), contacts }.to_string();
        assert!(text(vec![]).contains("state=\"terminated\">\n</registration>"));
        let one = text(vec![("sip:1@10.0.0.9;a=\"&\"".into(), 60)]);
        assert!(one.contains("expires=\"60\"><uri>sip:1@10.0.0.9;a=&quot;&amp;&quot;</uri>"));
        assert!(one.contains("aor=\"sip:1@h\" id=\"a\" state=\"active\""));
    }
}
