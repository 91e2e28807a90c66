//! Applications that take keys: menus, collect, surveys.

use super::param::{Args, Kind, Param};
use super::{App, Build, Xml, XmlCall};
use crate::dialplan::condition::spelling;
use crate::dialplan::draft::{Draft, Mentioned};
use crate::dialplan::effect::Keys;
use crate::dialplan::model::{CollectOp, MenuMove, Op};
use crate::dialplan::number::Pattern;
use crate::dialplan::read_xml::path;

/// `menu`.
pub static MENU: App = App {
    name: "menu",
    line: "Run a menu: play its prompt and do what the key says.",
    params: &[Param::required("name", Kind::Name(Mentioned::Menu), "the `[menu.NAME]`")],
    shorthand: Some("name"),
    after_hangup: false,
    xml: &[Xml { name: "ivr", data: "MENU", read: xml_ivr }],
    example: "{ menu = \"care\" }",
    build: Build::Step(|args, draft| {
        let place = args.place_of("name");
        let name = args.text("name")?;
        draft.mention(Mentioned::Menu, &name, place);
        Some(Op::Menu { name })
    }),
};

fn xml_ivr(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let name = call.template(call.data.trim());
    call.mention(Mentioned::Menu, &name);
    Some(Op::Menu { name })
}

macro_rules! menu_move {
    ($(#[$doc:meta])* $item:ident, $name:literal, $line:literal, $move:expr) => {
        $(#[$doc])*
        pub static $item: App = App {
            name: $name,
            line: $line,
            params: &[],
            shorthand: None,
            after_hangup: false,
            xml: &[],
            example: concat!("{ ", $name, " = {} }"),
            build: Build::Step(|_, _| Some(Op::MenuMove($move))),
        };
    };
}

menu_move! {
    /// `menu-again`.
    MENU_AGAIN, "menu-again", "In a menu's steps: play the menu again.", MenuMove::Again
}
menu_move! {
    /// `menu-back`.
    MENU_BACK, "menu-back", "In a menu's steps: go back to the menu that led here.", MenuMove::Back
}
menu_move! {
    /// `menu-top`.
    MENU_TOP, "menu-top", "In a menu's steps: go back to the first menu.", MenuMove::Top
}
menu_move! {
    /// `menu-exit`.
    MENU_EXIT, "menu-exit", "In a menu's steps: leave all menus and go on behind the first.", MenuMove::Exit
}

/// `collect`.
pub static COLLECT: App = App {
    name: "collect",
    line: "Take digits from the caller into a variable. Afterwards `${collect_status}` is `ok`, `timeout` or `invalid`.",
    params: &[
        Param::required("into", Kind::Text, "the variable"),
        Param::optional("prompt", Kind::Prompts, "what is played first; a key stops it"),
        Param::with("min", Kind::Count(0, 128), "1", "the least digits"),
        Param::with("max", Kind::Count(1, 128), "20", "the most digits"),
        Param::with("terminators", Kind::Keys, "#", "keys that end the entry"),
        Param::with("timeout", Kind::Time, "5 s", "time for the first key after the prompt"),
        Param::with("digit-timeout", Kind::Time, "3 s", "time between keys"),
        Param::optional("valid", Kind::Pattern, "what the digits have to look like"),
        Param::with("invalid", Kind::Prompts, "menu/invalid", "played after a wrong entry"),
        Param::with("tries", Kind::Count(1, 20), "3", "how often it is asked at most"),
        Param::optional(
            "on",
            Kind::Branches(&["timeout", "invalid", "else"]),
            "steps when the tries are used up; behind them the plan goes on",
        ),
    ],
    shorthand: None,
    after_hangup: false,
    xml: &[
        Xml {
            name: "play_and_get_digits",
            data: "MIN MAX TRIES TIMEOUT TERMINATORS FILE INVALID_FILE [VARIABLE [REGEX [DIGIT_TIMEOUT ['NUMBER XML CONTEXT']]]]",
            read: xml_play_and_get_digits,
        },
        Xml {
            name: "read",
            data: "MIN MAX FILE VARIABLE TIMEOUT TERMINATORS [DIGIT_TIMEOUT]",
            read: xml_read,
        },
    ],
    example: "{ collect = { into = \"card\", prompt = \"collect/card\", min = 4, max = 8 } }",
    build: Build::Step(collect),
};

fn collect(args: &mut Args, draft: &mut Draft<'_>) -> Option<Op> {
    let (min, max) = (args.count("min")?, args.count("max")?);
    if min > max {
        draft.faults.error(
            args.place,
            format!("'collect' wants at least {min} and at most {max} digits"),
            "make min the smaller",
        );
        return None;
    }
    Some(Op::Collect(Box::new(CollectOp {
        into: args.text("into")?,
        prompt: args.media("prompt"),
        invalid: args.media("invalid"),
        min: min as u8,
        max: max as u8,
        terminators: args.keys("terminators")?,
        first_ms: args.time("timeout")?,
        next_ms: args.time("digit-timeout")?,
        tries: args.count("tries")? as u8,
        valid: args.pattern("valid"),
        on: args.branches("on"),
        on_failure: None,
    })))
}

fn xml_play_and_get_digits(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let words = call.words();
    let [min, max, tries, timeout, terminators, file, invalid, rest @ ..] = words.as_slice() else {
        return call.wrong(
            "'play_and_get_digits' has too few values",
            "write MIN MAX TRIES TIMEOUT TERMINATORS FILE INVALID_FILE VARIABLE REGEX",
        );
    };
    let word = |n: usize| rest.get(n).map(String::as_str).unwrap_or("");
    let valid = match word(1) {
        "" => None,
        regex => {
            let (expression, ignore_case) = spelling(regex);
            let flags = if ignore_case { "i" } else { "" };
            match Pattern::parse(&format!("/{expression}/{flags}")) {
                Ok(pattern) => Some(pattern),
                Err(error) => return call.wrong(error.to_string(), error.remedy()),
            }
        }
    };
    let (min, max) = bounds(call, min, max)?;
    let first_ms = call.number(timeout, "the time-out")?;
    let on_failure = match super::words(word(3)).as_slice() {
        [] => None,
        target => match super::call::destination(call, target)? {
            Ok((number, context)) => {
                call.draft.send(&number, context.as_ref(), call.place);
                Some((number, context))
            }
            Err(lacking) => return Some(lacking),
        },
    };
    Some(Op::Collect(Box::new(CollectOp {
        into: call.template(word(0)),
        prompt: sound(call, file),
        invalid: sound(call, invalid),
        min,
        max,
        terminators: keys(call, terminators)?,
        first_ms,
        next_ms: if word(2).is_empty() {
            first_ms
        } else {
            call.number(word(2), "the time between digits")?
        },
        tries: count(call, tries, "the tries")?.max(1),
        valid,
        on: Vec::new(),
        on_failure,
    })))
}

fn xml_read(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let words = call.words();
    let [min, max, file, into, timeout, terminators, rest @ ..] = words.as_slice() else {
        return call
            .wrong("'read' has too few values", "write MIN MAX FILE VARIABLE TIMEOUT TERMINATORS");
    };
    let (min, max) = bounds(call, min, max)?;
    let first_ms = call.number(timeout, "the time-out")?;
    Some(Op::Collect(Box::new(CollectOp {
        into: call.template(into),
        prompt: sound(call, file),
        invalid: Vec::new(),
        min,
        max,
        terminators: keys(call, terminators)?,
        first_ms,
        next_ms: match rest.first() {
            Some(text) => call.number(text, "the time between digits")?,
            None => first_ms,
        },
        tries: 1,
        valid: None,
        on: Vec::new(),
        on_failure: None,
    })))
}

fn sound(call: &mut XmlCall<'_, '_>, file: &str) -> Vec<crate::dialplan::model::Media> {
    if file.is_empty() || file == "silence" {
        return Vec::new();
    }
    path::read(call.draft, file, call.place)
}

/// The least and the most digits. FreeSWITCH raises a lesser most to the least.
fn bounds(call: &mut XmlCall<'_, '_>, min: &str, max: &str) -> Option<(u8, u8)> {
    let min = count(call, min, "the least digits")?;
    let max = count(call, max, "the most digits")?.max(1);
    if max < min {
        let what = format!("at least {min} and at most {max} digits: {min} are taken");
        call.lacks(what, "write the least first");
    }
    Some((min, max.max(min)))
}

fn count(call: &mut XmlCall<'_, '_>, text: &str, what: &str) -> Option<u8> {
    call.number(text, what).map(|n| n.min(128) as u8)
}

fn keys(call: &mut XmlCall<'_, '_>, text: &str) -> Option<Keys> {
    // A leading '=' or '+' asks FreeSWITCH for refinements of the terminator.
    let plain = text.trim_start_matches(['=', '+']);
    if plain.len() != text.len() {
        call.lacks(
            format!("'{text}': the sign before the terminator has no effect"),
            "write the key alone",
        );
    }
    match Keys::parse(plain) {
        Ok(keys) => Some(keys),
        Err(c) => call.wrong(format!("'{c}' is not a telephone key"), "write keys such as #"),
    }
}

/// `survey`.
pub static SURVEY: App = App {
    name: "survey",
    line: "Ask a survey's questions and keep the answers with the call.",
    params: &[Param::required("name", Kind::Name(Mentioned::Survey), "the `[survey.NAME]`")],
    shorthand: Some("name"),
    after_hangup: false,
    xml: &[],
    example: "{ survey = \"service\" }",
    build: Build::Step(|args, draft| {
        let place = args.place_of("name");
        let name = args.text("name")?;
        draft.mention(Mentioned::Survey, &name, place);
        Some(Op::Survey { name })
    }),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::draft::LoadEnv;
    use crate::dialplan::fault::Place;

    #[test]
    fn freeswitch_collects_are_read() {
        let env = LoadEnv::default();
        let mut draft = Draft::new(vec!["a.xml".into()], &env);
        let data = "2 5 3 7000 # ivr/pin.wav 'silence' pin ^\\d+$ 1500 '9 XML public'";
        let mut call = XmlCall {
            draft: &mut draft,
            app: "play_and_get_digits",
            data,
            place: Place::default(),
        };
        let Some(Op::Collect(op)) = xml_play_and_get_digits(&mut call) else { panic!("a collect") };
        assert_eq!((op.min, op.max, op.tries, op.first_ms, op.next_ms), (2, 5, 3, 7_000, 1_500));
        assert!(op.valid.as_ref().is_some_and(|v| v.matches("123").is_some()));
        assert_eq!(op.on_failure.as_ref().map(|(n, _)| n.source()), Some("9"));
    }

    #[test]
    fn the_most_digits_are_not_fewer_than_the_least() {
        let env = LoadEnv::default();
        let mut draft = Draft::new(vec!["a.xml".into()], &env);
        let (data, place) = ("4 0 a.wav card 5000 #", Place::default());
        let mut call = XmlCall { draft: &mut draft, app: "read", data, place };
        let Some(Op::Collect(op)) = xml_read(&mut call) else { panic!("a collect") };
        assert_eq!((op.min, op.max), (4, 4));
        assert!(!draft.faults.has_errors());
        assert!(draft.faults.into_sorted()[0].what.contains("at least 4 and at most 1"));
    }
}
