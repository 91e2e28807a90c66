//! `application/simple-message-summary` (RFC 3842): what waits for a phone, for its message lamp.
//! Written, not read.

use core::fmt;

/// Its Content-Type.
pub const TYPE: &str = "application/simple-message-summary";

/// What waits for a phone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Its URI.
    pub account: String,
    /// Text messages that are held for it.
    pub texts: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = if self.texts > 0 { "yes" } else { "no" };
        write!(f, "Messages-Waiting: {waiting}\r\nMessage-Account: {}\r\n", self.account)?;
        // Phones look for this line; there are no mailboxes.
        f.write_str("Voice-Message: 0/0 (0/0)\r\n")?;
        match self.texts {
            0 => Ok(()),
            texts => write!(f, "Text-Message: {texts}/0 (0/0)\r\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lamp_reads() {
        let text = |texts| Summary { account: "sip:1@h".into(), texts }.to_string();
        assert!(text(0).starts_with("Messages-Waiting: no\r\nMessage-Account: sip:1@h\r\n"));
        assert!(text(2).ends_with("Text-Message: 2/0 (0/0)\r\n"));
        assert!(text(2).starts_with("Messages-Waiting: yes\r\n"));
    }
}
