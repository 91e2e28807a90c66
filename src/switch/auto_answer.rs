//! How a desk phone is told to answer by itself: by what its make takes for that.
//!
//! RFC 5373's Answer-Mode is the standard and hardly known to desk phones; Call-Info with `answer-after`
//! and Alert-Info with `alert-autoanswer` are what they know. Most ignore what they do not, but each is told
//! in its own way first. Whether a phone does so is its own setting too.

use crate::config::Make;
use crate::sip::Headers;
use crate::wire::sip::Name;

/// How a make is told.
#[derive(Clone, Copy)]
struct Way {
    /// Call-Info: `answer-after=0`.
    call_info: bool,
    /// Alert-Info: `info=alert-autoanswer`, or Polycom's words.
    alert: Option<Alert>,
    /// RFC 5373.
    answer_mode: bool,
}

#[derive(Clone, Copy)]
enum Alert {
    AutoAnswer,
    RingAnswer,
}

fn way(make: Make) -> Way {
    let auto = Some(Alert::AutoAnswer);
    let (call_info, alert, answer_mode) = match make {
        Make::Yealink | Make::Grandstream | Make::Snom | Make::Fanvil | Make::Zoiper => {
            (true, auto, false)
        }
        Make::Polycom => (false, Some(Alert::RingAnswer), false),
        Make::Cisco => (true, None, false),
        Make::Auto | Make::Other => (true, auto, true),
    };
    Way { call_info, alert, answer_mode }
}

/// The make that a phone's User-Agent names.
fn called(user_agent: &[u8]) -> Make {
    const NAMES: [(&[u8], Make); 9] = [
        (b"yealink", Make::Yealink),
        (b"grandstream", Make::Grandstream),
        (b"poly", Make::Polycom),
        (b"snom", Make::Snom),
        (b"cisco", Make::Cisco),
        (b"linksys", Make::Cisco),
        (b"fanvil", Make::Fanvil),
        (b"zoiper", Make::Zoiper),
        (b"z 5", Make::Zoiper),
    ];
    let begins = |name: &[u8]| {
        user_agent.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
    };
    NAMES.iter().find(|(name, _)| begins(name)).map_or(Make::Other, |(_, make)| *make)
}

/// The headers that have a phone of this make, or by its registration's User-Agent, answer by itself.
pub(super) fn headers(make: Make, user_agent: &[u8], domain: &str) -> Headers {
    let Way { call_info, alert, answer_mode } = way(match make {
        Make::Auto => called(user_agent),
        make => make,
    });
    let mut headers = Headers::new();
    if call_info {
        headers.push((Name::CallInfo, format!("<sip:{domain}>;answer-after=0").into_bytes()));
    }
    match alert {
        Some(Alert::AutoAnswer) => {
            let value = format!("<http://{domain}>;info=alert-autoanswer;delay=0");
            headers.push((Name::AlertInfo, value.into_bytes()));
        }
        Some(Alert::RingAnswer) => headers.push((Name::AlertInfo, b"Ring Answer".to_vec())),
        None => {}
    }
    if answer_mode {
        headers.push((Name::AnswerMode, b"Auto".to_vec()));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(make: Make, user_agent: &str) -> Vec<String> {
        let text = |(name, value): (Name, Vec<u8>)| {
            format!("{}: {}", name.as_str(), String::from_utf8_lossy(&value))
        };
        headers(make, user_agent.as_bytes(), "care.example").into_iter().map(text).collect()
    }

    #[test]
    fn each_make_is_told_in_its_own_way() {
        const CALL_INFO: &str = "Call-Info: <sip:care.example>;answer-after=0";
        const ALERT: &str = "Alert-Info: <http://care.example>;info=alert-autoanswer;delay=0";
        assert_eq!(told(Make::Yealink, ""), [CALL_INFO, ALERT]);
        assert_eq!(told(Make::Auto, "snomD785/10.1"), [CALL_INFO, ALERT]);
        assert_eq!(told(Make::Auto, "PolycomVVX-VVX_410"), ["Alert-Info: Ring Answer"]);
        assert_eq!(told(Make::Auto, "Cisco/SPA525"), [CALL_INFO]);
        for unknown in ["", "baresip v1.0", "Zo"] {
            assert_eq!(told(Make::Auto, unknown), [CALL_INFO, ALERT, "Answer-Mode: Auto"]);
        }
        // What the configuration says comes before what the phone calls itself.
        assert_eq!(told(Make::Cisco, "Yealink SIP-T54W"), [CALL_INFO]);
    }
}
