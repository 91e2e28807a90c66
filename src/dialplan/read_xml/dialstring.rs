//! FreeSWITCH's dial strings, the `data` of `bridge`.
//!
//! Place: read at load, so that what is lacking is named; a string that stands in a variable as a
//! whole is read when it is dialled. The structure (who, at once or in turn) is taken from the file,
//! never from a variable's value inside of it: a dialled number with a comma in it stays a number.
//!
//! ```text
//! {call_timeout=20}user/1001@${domain_name},user/1002|[leg_timeout=30]sofia/gateway/e1-a/$1
//! └ for the call   └ phone     at once ┘   └ in turn                └ gateway └ name └ number
//! ```

use crate::dialplan::apps::XmlCall;
use crate::dialplan::apps::lacking;
use crate::dialplan::cause::Cause;
use crate::dialplan::draft::Mentioned;
use crate::dialplan::model::{DialOp, Groups, MeanwhileOp, Op, TargetOp};

/// The most targets of one dial.
pub(in crate::dialplan) const MAX_TARGETS: usize = 64;

/// What a dial string lacks: what, and what to do instead.
type Lack = (String, String);

/// A dial string, split.
#[derive(Debug, Default, PartialEq)]
pub(in crate::dialplan) struct DialString {
    /// Variables of the whole, from `{…}` and `[…]`.
    pub variables: Vec<(String, String)>,
    /// Groups in turn, of targets at once.
    pub groups: Vec<Vec<Leg>>,
    /// Group, place in it, and the `leg_timeout` of one leg.
    pub brief: Vec<(usize, usize, String)>,
    pub lacks: Vec<Lack>,
}

/// One target, its texts as they stand.
#[derive(Debug, PartialEq)]
pub(in crate::dialplan) enum Leg {
    Phone(String),
    Gateway(String, String),
    Fail(Cause),
}

/// `bridge`.
pub(in crate::dialplan) fn bridge(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let data = call.data.trim();
    if data.is_empty() {
        return call.wrong("'bridge' calls nobody", "write user/1001 or sofia/gateway/NAME/NUMBER");
    }
    let (variables, rest) = braces(data, '{', '}');
    let mut texts = pairs(variables);
    let mut brief = Vec::new();
    let groups = if is_one_variable(rest) {
        Groups::Text(call.template(rest))
    } else {
        let read = parse(rest, &call.draft.env.domain.clone());
        for (what, remedy) in read.lacks {
            call.lacks(what, remedy);
        }
        texts.extend(read.variables);
        let seconds = read.brief.into_iter();
        brief.extend(seconds.map(|(group, at, text)| (group, at, call.template(&text))));
        Groups::Fixed(targets(call, read.groups))
    };
    for (name, _) in &texts {
        if let Some(remedy) = lacking::variable(name) {
            call.lacks(format!("the variable '{name}' has no effect in Belfry"), remedy);
        }
    }
    let variables = texts.into_iter().map(|(name, value)| (name, call.template(&value))).collect();
    Some(Op::Dial(Box::new(DialOp {
        groups,
        ring_ms: None,
        brief,
        meanwhile: MeanwhileOp::Variables,
        caller_number: None,
        caller_name: None,
        record: false,
        emergency: false,
        auto_answer: false,
        headers: Vec::new(),
        on: Vec::new(),
        variables,
    })))
}

fn targets(call: &mut XmlCall<'_, '_>, groups: Vec<Vec<Leg>>) -> Vec<Vec<TargetOp>> {
    let mut target = |leg: Leg| match leg {
        Leg::Phone(number) => {
            let number = call.template(&number);
            call.mention(Mentioned::Phone, &number);
            TargetOp::Phone(number)
        }
        Leg::Gateway(name, number) => {
            let (name, number) = (call.template(&name), call.template(&number));
            call.mention(Mentioned::Gateway, &name);
            TargetOp::Gateway { name, number }
        }
        Leg::Fail(cause) => TargetOp::Fail(cause),
    };
    groups.into_iter().map(|group| group.into_iter().map(&mut target).collect()).collect()
}

/// `${anything}` and nothing else: the whole dial string is in a variable.
fn is_one_variable(text: &str) -> bool {
    text.starts_with("${")
        && text.ends_with('}')
        && !outside(text).any(|(_, c)| c == '/' || c == ',' || c == '|')
}

/// Reads a dial string without its leading `{…}`; what is lacking becomes a target that fails.
pub(in crate::dialplan) fn parse(text: &str, domain: &str) -> DialString {
    let mut out = DialString::default();
    let (variables, text) = braces(text.trim(), '{', '}');
    out.variables = pairs(variables);
    if text.starts_with('<') || text.contains(":_:") {
        out.lacks.push((
            "enterprise dialling (<…>, :_:) is not in Belfry".into(),
            "separate the targets with , or |".into(),
        ));
    }
    let mut room = MAX_TARGETS;
    for (nth, group) in split(text, '|').into_iter().enumerate() {
        let mut legs = Vec::new();
        for leg in split(group, ',') {
            let (variables, leg) = braces(leg.trim(), '[', ']');
            let (own, others): (Vec<_>, Vec<_>) =
                pairs(variables).into_iter().partition(|(name, _)| name == "leg_timeout");
            out.variables.extend(others);
            if room == 0 {
                out.lacks.push((format!("more than {MAX_TARGETS} targets"), "name fewer".into()));
                break;
            }
            room -= 1;
            out.brief.extend(own.into_iter().map(|(_, seconds)| (nth, legs.len(), seconds)));
            legs.push(endpoint(leg, domain, &mut out.lacks));
        }
        out.groups.push(legs);
    }
    out
}

/// One endpoint.
fn endpoint(text: &str, domain: &str, lacks: &mut Vec<Lack>) -> Leg {
    let (kind, rest) = text.split_once('/').unwrap_or((text, ""));
    let mut lack = |what: String, remedy: &str| {
        lacks.push((what, remedy.into()));
        Leg::Fail(Cause(3))
    };
    match kind {
        "user" | "sip_user" if !rest.is_empty() => Leg::Phone(before_at(rest).into()),
        "sofia" => match rest.split_once('/') {
            Some(("gateway", target)) => match target.split_once('/') {
                Some((name, number)) if !name.is_empty() && !number.is_empty() => {
                    // A profile may stand before the name: profile::name.
                    let name = name.rsplit("::").next().unwrap_or(name);
                    Leg::Gateway(name.into(), number.into())
                }
                _ => lack(format!("'{text}' names no number"), "write sofia/gateway/NAME/NUMBER"),
            },
            Some((_, target)) => match target.split_once(['@', '%']) {
                Some((number, host)) if is_own(host, domain) => Leg::Phone(number.into()),
                Some((_, host)) => lack(
                    format!(
                        "'{text}' calls the host '{host}' straight, which Belfry does not do; it fails with cause 3"
                    ),
                    "make the host a [[gateway]] and write sofia/gateway/NAME/NUMBER",
                ),
                None => Leg::Phone(target.into()),
            },
            None => lack(format!("'{text}' is not a target"), "write sofia/gateway/NAME/NUMBER"),
        },
        "error" => match Cause::parse(rest) {
            Some(cause) => Leg::Fail(cause),
            None => lack(format!("'{rest}' is not a cause"), "write error/USER_BUSY or the like"),
        },
        "loopback" => lack(
            format!("'{text}': Belfry has no loopback calls; it fails with cause 3"),
            "use transfer or execute_extension",
        ),
        "group" | "pickup" | "verto" | "skinny" | "portaudio" | "freetdm" | "dahdi" | "rtmp"
        | "null" => lack(
            format!("the endpoint '{kind}' is not in Belfry; it fails with cause 3"),
            "list phones as user/NUMBER",
        ),
        _ => lack(
            format!("'{text}' is not a target; it fails with cause 3"),
            "write user/1001, sofia/gateway/NAME/NUMBER or error/CAUSE",
        ),
    }
}

/// Whether a host is this exchange itself.
fn is_own(host: &str, domain: &str) -> bool {
    let host = host.split([':', ';']).next().unwrap_or(host);
    host == domain
        || matches!(host, "${domain_name}" | "${domain}" | "${sip_from_host}" | "${sip_to_host}")
}

/// `1001` of `1001@domain`, the `@` not being inside of `${…}`.
fn before_at(text: &str) -> &str {
    outside(text).find(|(_, c)| *c == '@').map_or(text, |(at, _)| &text[..at])
}

/// The inside of a leading pair of brackets, and what stands behind.
fn braces(text: &str, open: char, close: char) -> (&str, &str) {
    let Some(inner) = text.strip_prefix(open) else {
        return ("", text);
    };
    let mut depth = 0usize;
    for (at, c) in inner.char_indices() {
        if c == close && depth == 0 {
            return (&inner[..at], inner[at + c.len_utf8()..].trim_start());
        }
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    ("", text)
}

/// `a=b,c='d,e'`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim();
        let value = value.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')).unwrap_or(value);
        Some((name.trim().to_owned(), value.to_owned()))
    };
    split(text, ',').into_iter().filter_map(pair).collect()
}

/// The characters of `text` that are outside of `${…}`, `{…}`, `[…]` and quotes.
fn outside(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut depth, mut quoted) = (0usize, false);
    text.char_indices().filter(move |(_, c)| {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            '\'' => quoted = !quoted,
            _ => {}
        }
        depth == 0 && !quoted
    })
}

fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in outside(text).filter(|(_, c)| *c == separator) {
        parts.push(&text[start..at]);
        start = at + separator.len_utf8();
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_targets_and_variables() {
        let read = parse(
            "{a=1,b='x,y'}user/1001@${domain_name},[leg_timeout=9]user/${n,x}|sofia/gateway/e1-a/0${n}|error/USER_BUSY",
            "care.example",
        );
        let gateway = Leg::Gateway("e1-a".into(), "0${n}".into());
        assert_eq!(
            read.groups,
            [
                vec![Leg::Phone("1001".into()), Leg::Phone("${n,x}".into())],
                vec![gateway],
                vec![Leg::Fail(Cause::BUSY)],
            ]
        );
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(read.variables, [pair("a", "1"), pair("b", "x,y")]);
        assert_eq!(read.brief, [(0, 1, "9".to_owned())]);
        assert!(read.lacks.is_empty(), "{:?}", read.lacks);
    }

    #[test]
    fn own_phones_are_told_from_strange_hosts() {
        let leg = |text| parse(text, "care.example").groups.remove(0).remove(0);
        assert_eq!(leg("sofia/internal/1001%care.example"), Leg::Phone("1001".into()));
        assert_eq!(leg("sofia/internal/1001@${domain_name}"), Leg::Phone("1001".into()));
        assert_eq!(leg("sofia/gateway/internal::e1/9"), Leg::Gateway("e1".into(), "9".into()));
        for lacking in [
            "sofia/external/888@conference.freeswitch.org",
            "loopback/wait",
            "group/x@y",
            "nonsense",
            "sofia/gateway/x",
        ] {
            assert_eq!(leg(lacking), Leg::Fail(Cause(3)), "{lacking}");
            assert_eq!(parse(lacking, "care.example").lacks.len(), 1, "{lacking}");
        }
    }

    #[test]
    fn a_whole_string_in_a_variable_waits_for_the_call() {
        assert!(
            is_one_variable("${dialstring}")
                && is_one_variable("${group_call(sales@${domain_name})}")
        );
        assert!(!is_one_variable("${a},${b}") && !is_one_variable("user/${n}"));
    }

    proptest::proptest! {
        #[test]
        fn any_dial_string_is_split_within_bounds(text in "[a-z0-9/@,|{}\\[\\]'$<>:_ ]{0,60}") {
            let read = parse(&text, "d");
            assert!(read.groups.iter().map(Vec::len).sum::<usize>() <= MAX_TARGETS);
        }
    }
}
