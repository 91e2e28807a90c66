//! The sections of a TOML plan (`[[route]]`, `[menu.NAME]`, …) and the keys of a condition, as
//! tables of parameters like those of the applications.

use super::param::{Kind, Param};
use crate::dialplan::draft::Mentioned;

/// One kind of section.
pub struct Section {
    /// The section as it is written.
    pub header: &'static str,
    /// Its name alone.
    pub name: &'static str,
    /// What it is, in one line.
    pub line: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
}

/// `[[route]]`.
pub static ROUTE: Section = Section {
    header: "[[route]]",
    name: "route",
    line: "A way for calls through a context. The first route of the context whose condition holds takes the call.",
    params: &[
        Param::required("name", Kind::Text, "name, for `goto`, logs and `dialplan explain`"),
        Param::required(
            "context",
            Kind::Text,
            "the context it belongs to: a gateway's or a phone's",
        ),
        Param::optional(
            "when",
            Kind::When,
            "the condition; without one the route takes every call",
        ),
        Param::required("steps", Kind::Steps, "what is done"),
        Param::optional("on-hangup", Kind::Steps, "what is done when the caller is gone"),
        Param::with(
            "continue",
            Kind::Flag,
            "false",
            "go on to the following routes after collecting these steps",
        ),
    ],
};

/// `[menu.NAME]`.
pub static MENU: Section = Section {
    header: "[menu.NAME]",
    name: "menu",
    line: "A prompt and what the keys do. After a key's steps the call goes on behind the `menu` step.",
    params: &[
        Param::required("prompt", Kind::Prompts, "what is played; a key stops it"),
        Param::optional("prompt-again", Kind::Prompts, "what is played from the second time on"),
        Param::required(
            "keys",
            Kind::Entries,
            "keys (`1`, `12`, `1x`, `\"*\"`), each with a step or a list of steps",
        ),
        Param::optional(
            "direct-dial",
            Kind::Pattern,
            "numbers that may be dialled here; the call is sent to the context below",
        ),
        Param::optional(
            "direct-dial-context",
            Kind::Name(Mentioned::Context),
            "where direct-dial numbers are sent",
        ),
        Param::with("invalid", Kind::Prompts, "menu/invalid", "played after a wrong key"),
        Param::with("no-input", Kind::Prompts, "menu/timeout", "played when no key was pressed"),
        Param::optional("exit", Kind::Prompts, "played when the tries are used up"),
        Param::with("tries", Kind::Count(1, 20), "3", "how often the menu is played at most"),
        Param::with("timeout", Kind::Time, "5 s", "time for the first key after the prompt"),
        Param::with("digit-timeout", Kind::Time, "2 s", "time between keys"),
        Param::optional(
            "on",
            Kind::Branches(&["timeout", "invalid", "else"]),
            "steps when the tries are used up, by the last try's fault",
        ),
    ],
};

/// A question of a survey.
pub static QUESTION: &[Param] = &[
    Param::required("name", Kind::Text, "name, under which the answer is kept"),
    Param::required("prompt", Kind::Prompts, "the question"),
    Param::optional("title", Kind::Text, "what reports call it"),
    Param::optional("keys", Kind::Labels, "keys, each with what it means"),
    Param::optional(
        "voice",
        Kind::Time,
        "instead of keys: the caller speaks behind a tone, for so long at most; any key ends it. The answer is the recording",
    ),
    Param::optional(
        "next",
        Kind::Values,
        "where a key leads: a later question's name, or `end`; `else` for any other and for no answer. Without it: the next question",
    ),
    Param::with("tries", Kind::Count(1, 10), "2", "how often it is asked at most"),
    Param::with("timeout", Kind::Time, "8 s", "time for the key after the prompt"),
];

/// `[survey.NAME]`.
pub static SURVEY: Section = Section {
    header: "[survey.NAME]",
    name: "survey",
    line: "Questions after a call; each answer is kept with the call.",
    params: &[
        Param::optional("intro", Kind::Prompts, "played first"),
        Param::required("questions", Kind::Tables(QUESTION), "the questions in their order"),
        Param::with("invalid", Kind::Prompts, "menu/invalid", "played after a wrong key"),
        Param::optional("thanks", Kind::Prompts, "played last"),
        Param::optional("title", Kind::Text, "what reports call it"),
        Param::with(
            "complete",
            Kind::Flag,
            "false",
            "answers are valid only if every question that was asked is answered, to the end",
        ),
        Param::optional("shortest", Kind::Time, "and only if it lasted so long"),
        Param::with(
            "once-a-day",
            Kind::Flag,
            "false",
            "and only a caller's first valid ones of a day",
        ),
        Param::with(
            "by-code",
            Kind::Flag,
            "false",
            "the feature code `survey` (`*4`) sends callers to this one; if none says so, to the first by name",
        ),
    ],
};

/// `[sub.NAME]`.
pub static SUB: Section = Section {
    header: "[sub.NAME]",
    name: "sub",
    line: "Steps that `call` runs and then comes back from.",
    params: &[Param::required("steps", Kind::Steps, "what is done")],
};

/// `[service.NAME]`.
pub static SERVICE: Section = Section {
    header: "[service.NAME]",
    name: "service",
    line: "A program of the business that `http` steps ask.",
    params: &[
        Param::required(
            "url",
            Kind::Text,
            "where it is, such as `\"https://crm.example/api\"`; what a step asks is put behind. TLS believes whom the system believes",
        ),
        Param::optional("headers", Kind::Values, "headers of each request, each with its value"),
        Param::optional(
            "secret-file",
            Kind::Text,
            "a file whose first line is the value of `secret-header`; read anew for each request",
        ),
        Param::optional("secret-env", Kind::Text, "an environment variable that holds it instead"),
        Param::with(
            "secret-header",
            Kind::Text,
            "Authorization",
            "the header that the secret is: the line is its whole value, such as `Bearer abc`",
        ),
        Param::with(
            "retries",
            Kind::Count(0, 5),
            "1",
            "how often a request that came to nothing is sent again within the step's time: GET, PUT and DELETE whenever they got no answer, the others only where no connection was made",
        ),
    ],
};

/// `[query.NAME]`.
pub static QUERY: Section = Section {
    header: "[query.NAME]",
    name: "query",
    line: "A query to the store (SQLite) for `sql` steps. Values are handed in by name, never by text.",
    params: &[
        Param::required(
            "sql",
            Kind::Text,
            "the statement, its values as `:name`; variables of the call cannot stand in it",
        ),
        Param::with(
            "write",
            Kind::Flag,
            "false",
            "it changes records: of tables whose names begin with `own_`, and of no others; without it the store is opened to read only",
        ),
        Param::with("rows", Kind::Count(1, 20), "1", "the most rows that are taken"),
    ],
};

/// The sections that are tables of parameters.
pub static SECTIONS: &[&Section] = &[&ROUTE, &MENU, &SURVEY, &SUB, &SERVICE, &QUERY];

/// The names of all sections, with those that are tables of names and values.
pub const SECTION_NAMES: [&str; 8] =
    ["route", "menu", "survey", "sub", "service", "query", "holidays", "variables"];

/// The keys of a condition (`when`), each with its line.
pub static WHEN: &[Param] = &[
    Param::optional("to", Kind::Pattern, "the number called: a pattern or a list of patterns"),
    Param::optional("from", Kind::Pattern, "the caller's number: a pattern or a list"),
    Param::optional(
        "caller-name",
        Kind::Text,
        "the caller's name as a whole, or `/…/i`; one or a list",
    ),
    Param::optional(
        "via",
        Kind::Text,
        "the gateway or phone the call came by: its name, a pattern of phones' numbers, `/…/`, or a list",
    ),
    Param::optional("days", Kind::Text, "week days: `\"mon-fri\"`, `\"sat,sun\"`"),
    Param::optional(
        "hours",
        Kind::Text,
        "times of day: `\"08:00-18:00\"`, one or a list; may run over midnight",
    ),
    Param::optional(
        "dates",
        Kind::Days,
        "days: `2026-10-01`, `\"2026-10-01..2026-10-07\"`, `\"12-24..12-26\"`, one or a list",
    ),
    Param::optional("months", Kind::Text, "months: `\"1-3,12\"`"),
    Param::optional("month-days", Kind::Text, "days of the month: `\"1,15\"`"),
    Param::optional(
        "holiday",
        Kind::Names(Mentioned::Holidays),
        "a holiday list or several; `true` is any list, `false` is none",
    ),
    Param::optional("vip", Kind::Flag, "whether the variable `vip` is true"),
    Param::optional(
        "var",
        Kind::Pairs,
        "variables, each with its text, `/…/`, a list of these, or `true` / `false`",
    ),
    Param::optional("not", Kind::When, "a condition that must not hold"),
    Param::optional("any", Kind::When, "a list of conditions of which one must hold"),
    Param::optional("all", Kind::When, "a list of conditions that must all hold"),
];
