//! Applications that steer the plan: variables, conditions, jumps, sub-routines, log.

use super::call::destination;
use super::lacking;
use super::param::{Kind, Param};
use super::{App, Build, Xml, XmlCall};
use crate::dialplan::draft::Mentioned;
use crate::dialplan::effect::Level;
use crate::dialplan::model::Op;
use crate::dialplan::template::Template;

/// `set`.
pub static SET: App = App {
    name: "set",
    line: "Set variables. `language`, `vip` and the like are variables too.",
    params: &[Param::optional("NAME", Kind::Pairs, "the variable's value; any name")],
    shorthand: None,
    after_hangup: true,
    xml: &[
        Xml { name: "set", data: "NAME=VALUE", read: xml_set },
        Xml { name: "export", data: "[nolocal:]NAME=VALUE", read: xml_set },
        Xml {
            name: "multiset",
            data: "NAME=VALUE NAME=VALUE …, or ^^:NAME=VALUE:NAME=VALUE",
            read: xml_multiset,
        },
    ],
    example: "{ set = { vip = \"yes\", region = \"${to:0:4}\" } }",
    build: Build::Pairs(Op::Set),
};

fn xml_set(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let data = call.data.trim().trim_start_matches("nolocal:");
    pair(call, data).map(|pair| Op::Set(vec![pair]))
}

fn xml_multiset(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let (rest, separator) = match call.data.strip_prefix("^^") {
        Some(rest) => (
            &rest[rest.chars().next().map_or(0, char::len_utf8)..],
            rest.chars().next().unwrap_or(' '),
        ),
        None => (call.data, ' '),
    };
    let parts: Vec<&str> = rest.split(separator).filter(|part| !part.trim().is_empty()).collect();
    let pairs: Option<Vec<_>> = parts.into_iter().map(|part| pair(call, part)).collect();
    pairs.map(Op::Set)
}

fn pair(call: &mut XmlCall<'_, '_>, text: &str) -> Option<(Template, Template)> {
    let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.trim().is_empty())
    else {
        let what = format!("'{}' sets nothing: '{text}'", call.app);
        return call.wrong(what, "write NAME=VALUE");
    };
    let name = name.trim();
    if let Some(remedy) = lacking::variable(name) {
        call.lacks(format!("the variable '{name}' has no effect in Belfry"), remedy);
    }
    Some((call.template(name), call.template(value)))
}

/// `unset`.
pub static UNSET: App = App {
    name: "unset",
    line: "Remove a variable.",
    params: &[Param::required("name", Kind::Text, "the variable")],
    shorthand: Some("name"),
    after_hangup: true,
    xml: &[
        Xml {
            name: "unset",
            data: "NAME",
            read: |call| Some(Op::Unset(vec![call.template(call.data.trim())])),
        },
        Xml { name: "multiunset", data: "NAME NAME …", read: xml_multiunset },
    ],
    example: "{ unset = \"region\" }",
    build: Build::Step(|args, _| Some(Op::Unset(vec![args.text("name")?]))),
};

fn xml_multiunset(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let names = call.words();
    Some(Op::Unset(names.iter().map(|name| call.template(name)).collect()))
}

/// `if`.
pub static IF: App = App {
    name: "if",
    line: "Run steps when a condition holds, others when not.",
    params: &[
        Param::required("when", Kind::When, "the condition, as in a route"),
        Param::required("then", Kind::Steps, "steps when it holds"),
        Param::optional("else", Kind::Steps, "steps when it does not"),
    ],
    shorthand: None,
    after_hangup: true,
    xml: &[],
    example: "{ if = { when = { hours = \"08:00-22:00\" }, then = [{ menu = \"care\" }], else = [{ play = \"care/closed\" }] } }",
    build: Build::Step(|args, draft| {
        let test = args.when("when")?;
        let then = args.steps("then")?;
        let otherwise = args.steps("else").unwrap_or_else(|| draft.block(Vec::new()));
        Some(Op::If { test, then, otherwise })
    }),
};

/// `goto`.
pub static GOTO: App = App {
    name: "goto",
    line: "Go to a route by its name, or look for a route in another context. The steps behind are dropped.",
    params: &[
        Param::optional(
            "route",
            Kind::Name(Mentioned::Route),
            "the route; its condition is not asked",
        ),
        Param::optional(
            "context",
            Kind::Name(Mentioned::Context),
            "the context in which a route for the same number is looked for",
        ),
    ],
    shorthand: Some("route"),
    after_hangup: false,
    xml: &[],
    example: "{ goto = \"care line\" }",
    build: Build::Step(|args, draft| {
        let (route_at, context_at) = (args.place_of("route"), args.place_of("context"));
        match (args.text("route"), args.text("context")) {
            (Some(route), None) => {
                draft.mention(Mentioned::Route, &route, route_at);
                Some(Op::Goto { route })
            }
            (None, Some(context)) => {
                draft.mention(Mentioned::Context, &context, context_at);
                Some(Op::Transfer { number: Template::variable("to"), context: Some(context) })
            }
            _ => {
                draft.faults.error(
                    args.place,
                    "'goto' wants a route or a context",
                    "write goto = \"ROUTE\" or goto = { context = \"…\" }",
                );
                None
            }
        }
    }),
};

/// `call`.
pub static CALL: App = App {
    name: "call",
    line: "Run a sub-routine and come back. At most 16 deep.",
    params: &[Param::required("sub", Kind::Name(Mentioned::Sub), "the `[sub.NAME]`")],
    shorthand: Some("sub"),
    after_hangup: true,
    xml: &[],
    example: "{ call = \"greet\" }",
    build: Build::Step(|args, draft| {
        let place = args.place_of("sub");
        let sub = args.text("sub")?;
        draft.mention(Mentioned::Sub, &sub, place);
        Some(Op::Call { sub })
    }),
};

/// `extension`.
pub static EXTENSION: App = App {
    name: "extension",
    line: "Run the route that takes a number, and come back.",
    params: &[
        Param::required("to", Kind::Text, "the number"),
        Param::optional(
            "context",
            Kind::Name(Mentioned::Context),
            "the context; this one by default",
        ),
    ],
    shorthand: Some("to"),
    after_hangup: false,
    xml: &[Xml {
        name: "execute_extension",
        data: "NUMBER [XML [CONTEXT]]",
        read: xml_execute_extension,
    }],
    example: "{ extension = { to = \"announce\", context = \"features\" } }",
    build: Build::Step(|args, draft| {
        let (place, context_place) = (args.place_of("to"), args.place_of("context"));
        let (number, context) = (args.text("to")?, args.text("context"));
        if let Some(context) = &context {
            draft.mention(Mentioned::Context, context, context_place);
        }
        draft.send(&number, context.as_ref(), place);
        Some(Op::Extension { number, context })
    }),
};

fn xml_execute_extension(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let words = call.words();
    match destination(call, &words)? {
        Ok((number, context)) => {
            call.draft.send(&number, context.as_ref(), call.place);
            Some(Op::Extension { number, context })
        }
        Err(lacking) => Some(lacking),
    }
}

/// `return`.
pub static RETURN: App = App {
    name: "return",
    line: "Leave a sub-routine at once; outside of one, end the plan.",
    params: &[],
    shorthand: None,
    after_hangup: true,
    xml: &[],
    example: "{ return = {} }",
    build: Build::Step(|_, _| Some(Op::Return)),
};

/// `stop`.
pub static STOP: App = App {
    name: "stop",
    line: "End the plan; the call is cleared as at the plan's end.",
    params: &[],
    shorthand: None,
    after_hangup: true,
    xml: &[],
    example: "{ stop = {} }",
    build: Build::Step(|_, _| Some(Op::Stop)),
};

/// `note`.
pub static NOTE: App = App {
    name: "note",
    line: "Put a field onto the call's record.",
    params: &[
        Param::required("name", Kind::Text, "the field"),
        Param::required("value", Kind::Text, "its value"),
    ],
    shorthand: None,
    after_hangup: true,
    xml: &[],
    example: "{ note = { name = \"check-in\", value = \"${from}\" } }",
    build: Build::Step(|args, _| {
        Some(Op::Note { name: args.text("name")?, value: args.text("value")? })
    }),
};

/// `log`.
pub static LOG: App = App {
    name: "log",
    line: "Write a line to the log.",
    params: &[
        Param::required("text", Kind::Text, "the line"),
        Param::with(
            "level",
            Kind::Choice(&["error", "warning", "info", "debug"]),
            "info",
            "how grave it is",
        ),
    ],
    shorthand: Some("text"),
    after_hangup: true,
    xml: &[Xml { name: "log", data: "LEVEL TEXT", read: xml_log }],
    example: "{ log = \"call from ${from}\" }",
    build: Build::Step(|args, _| {
        let level = level(args.choice("level")?);
        Some(Op::Log { level, text: args.text("text")? })
    }),
};

fn level(word: &str) -> Level {
    match word.to_ascii_lowercase().as_str() {
        "error" | "err" | "crit" | "alert" | "emerg" | "0" | "1" | "2" | "3" => Level::Error,
        "warning" | "warn" | "4" => Level::Warning,
        "debug" | "7" => Level::Debug,
        _ => Level::Info,
    }
}

fn xml_log(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let data = call.data.trim();
    let (word, rest) = data.split_once(' ').unwrap_or((data, ""));
    const LEVELS: [&str; 9] =
        ["CONSOLE", "ALERT", "CRIT", "ERR", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];
    let named = LEVELS.iter().any(|l| l.eq_ignore_ascii_case(word)) || word.parse::<u8>().is_ok();
    let text = call.template(if named { rest } else { data });
    Some(Op::Log { level: level(if named { word } else { "info" }), text })
}

/// `log-variables`.
pub static INFO: App = App {
    name: "log-variables",
    line: "Write the call's variables to the log.",
    params: &[],
    shorthand: None,
    after_hangup: true,
    xml: &[
        Xml { name: "info", data: "not used", read: |_| Some(Op::Info) },
        Xml {
            name: "eval",
            data: "expanded, and that is all",
            read: |call| {
                call.template(call.data);
                Some(Op::Nothing)
            },
        },
        Xml {
            name: "flush_dtmf",
            data: "none: keys pressed before a question are never counted",
            read: |_| Some(Op::Nothing),
        },
        Xml {
            name: "start_dtmf",
            data: "none: in-band keys are taken wherever a line needs it",
            read: |_| Some(Op::Nothing),
        },
        Xml { name: "stop_dtmf", data: "none", read: |_| Some(Op::Nothing) },
    ],
    example: "{ log-variables = {} }",
    build: Build::Step(|_, _| Some(Op::Info)),
};
