//! `http` and `sql`: the caller's menu looks up and changes what the business keeps (R3).

use super::param::{Args, Kind, Param};
use super::{App, Build, Xml, XmlCall};
use crate::base::Url;
use crate::dialplan::draft::{Draft, Mentioned};
use crate::dialplan::lookup::{LONGEST_MS, Method, OUTCOMES, is_path};
use crate::dialplan::model::{LookupOp, LookupWhat, NamedValue, Op};
use crate::dialplan::template::Template;

/// What FreeSWITCH's `curl` waits at most, in milliseconds.
const CURL_MS: u32 = 10_000;

const SAY: Param = Param::optional(
    "say",
    Kind::Prompts,
    "what is played once when the answer is not there after a second",
);
const MUSIC: Param = Param::optional(
    "music",
    Kind::Name(Mentioned::Music),
    "what is heard behind that until the answer is there; the ringing tone if not given",
);
const APOLOGY: Param = Param::optional(
    "apology",
    Kind::Prompts,
    "what is played when it came to nothing and `on` has no steps for that",
);

/// `http`.
pub static HTTP: App = App {
    name: "http",
    line: "Ask a program of the business by HTTP, and take values of its answer (JSON) into variables. Afterwards `${http_result}` is `ok`, `not-found`, `missing`, `refused`, `timeout`, `failed` or `busy`, `${http_status}` the status, and the call's record says so. The caller is not left in silence meanwhile, and redirections are not followed.",
    params: &[
        Param::optional(
            "service",
            Kind::Name(Mentioned::Service),
            "the `[service.NAME]` that is asked",
        ),
        Param::optional(
            "path",
            Kind::Text,
            "what is put behind the service's address; variables are percent-encoded",
        ),
        Param::optional(
            "url",
            Kind::Text,
            "instead of both: a whole address; scheme and host cannot depend on the call",
        ),
        Param::with("method", Kind::Choice(Method::NAMES), "GET", "the method"),
        Param::optional("headers", Kind::Values, "headers of this request"),
        Param::optional(
            "body",
            Kind::Values,
            "the request's JSON: names with values; numbers and true or false without quotes stay what they are, variables become texts",
        ),
        Param::optional(
            "take",
            Kind::Values,
            "variables, each with the path of its value in the answer: `\"data.items.0.name\"`, `\"items.#\"` for how many",
        ),
        Param::with("timeout", Kind::Time, "5 s", "the longest time with all tries, at most 60 s"),
        Param::optional("retries", Kind::Count(0, 5), "as for the service, for this request"),
        SAY,
        MUSIC,
        APOLOGY,
        Param::optional(
            "on",
            Kind::Branches(OUTCOMES),
            "steps by what came of it; `else` takes what is not named. Behind them the plan goes on",
        ),
    ],
    shorthand: None,
    after_hangup: false,
    xml: &[Xml {
        name: "curl",
        data: "URL [headers|json|content-type …] [get|post]",
        read: xml_curl,
    }],
    example: "{ http = { service = \"crm\", path = \"/members/${from}\", take = { points = \"points\" }, say = \"please-wait\", on = { ok = [{ say = { number = \"${points}\" } }], not-found = [{ play = \"care/no-answer\" }] } } }",
    build: Build::Step(http),
};

/// `sql`.
pub static SQL: App = App {
    name: "sql",
    line: "Run a named query on the store, and take columns of its rows into variables. Afterwards `${sql_result}` is `ok`, `not-found` (no row, nothing changed), `missing`, `timeout` (nothing was changed), `failed` or `busy`, `${sql_rows}` how many rows, and the call's record says so.",
    params: &[
        Param::required("query", Kind::Name(Mentioned::Query), "the `[query.NAME]`"),
        Param::optional("with", Kind::Values, "the query's values by name"),
        Param::optional(
            "take",
            Kind::Values,
            "variables, each with the column that it takes; those of a second row end in `_2`, and so on",
        ),
        Param::with("timeout", Kind::Time, "2 s", "the longest time, at most 60 s"),
        SAY,
        MUSIC,
        APOLOGY,
        Param::optional(
            "on",
            Kind::Branches(OUTCOMES),
            "steps by what came of it; `else` takes what is not named. Behind them the plan goes on",
        ),
    ],
    shorthand: Some("query"),
    after_hangup: false,
    xml: &[],
    example: "{ sql = { query = \"balance\", with = { number = \"${from}\" }, take = { balance = \"yuan\" }, on = { not-found = [{ play = \"care/no-answer\" }] } } }",
    build: Build::Step(sql),
};

fn http(args: &mut Args, draft: &mut Draft<'_>) -> Option<Op> {
    let (service_place, url_place) = (args.place_of("service"), args.place_of("url"));
    let (service, path, url) = (args.text("service"), args.text("path"), args.text("url"));
    let (service, url) = match (service, path, url) {
        (Some(service), path, None) => {
            let Some(name) = service.fixed().map(|name| name.into_owned()) else {
                let what = "the name of a service cannot depend on the call";
                draft.faults.error(service_place, what, "write plain text; choose by `if`");
                return None;
            };
            draft.mention(Mentioned::Service, &service, service_place);
            (Some(name), path.unwrap_or_else(|| Template::plain("")))
        }
        (None, None, Some(url)) => {
            if !has_fixed_host(&url) {
                let what = format!("'{}' is no address with a fixed host", url.source());
                draft.faults.error(
                    url_place,
                    what,
                    "write such as \"https://crm.example/${from}\"",
                );
            }
            (None, url)
        }
        _ => {
            let what = "'http' wants a service with a path, or else a url";
            let remedy = "write service = \"NAME\", path = \"/…\", or url = \"https://…\"";
            draft.faults.error(args.place, what, remedy);
            return None;
        }
    };
    let take_place = args.place_of("take");
    let take = taken(args, draft);
    if let Some((_, path)) = take.iter().find(|(_, path)| !is_path(path)) {
        let what = format!("'{path}' is no path into an answer");
        draft.faults.error(take_place, what, "write such as \"data.items.0.name\"");
    }
    let what = LookupWhat::Http {
        service,
        method: Method::parse(args.choice("method")?)?,
        url,
        headers: args.values("headers").unwrap_or_default(),
        body: args.values("body"),
        whole: None,
        retries: args.count("retries").map(|count| count as u8),
    };
    finish(what, take, args, draft)
}

fn sql(args: &mut Args, draft: &mut Draft<'_>) -> Option<Op> {
    let place = args.place_of("query");
    let query = args.text("query")?;
    let Some(name) = query.fixed().map(|name| name.into_owned()) else {
        let what = "the name of a query cannot depend on the call";
        draft.faults.error(place, what, "write plain text; choose by `if`");
        return None;
    };
    draft.mention(Mentioned::Query, &query, place);
    let take = taken(args, draft);
    let what = LookupWhat::Sql { query: name, with: args.values("with").unwrap_or_default() };
    finish(what, take, args, draft)
}

/// Variables with where their values stand; neither depends on the call.
fn taken(args: &mut Args, draft: &mut Draft<'_>) -> Vec<(String, String)> {
    let mut take = Vec::new();
    for NamedValue { name, text, place, .. } in args.values("take").unwrap_or_default() {
        match text.fixed().filter(|path| !path.is_empty()) {
            Some(path) => take.push((name, path.into_owned())),
            None => {
                let what = format!("where '{name}' stands in the answer cannot depend on the call");
                draft.faults.error(place, what, "write plain text");
            }
        }
    }
    take
}

fn finish(
    what: LookupWhat,
    take: Vec<(String, String)>,
    args: &mut Args,
    draft: &mut Draft<'_>,
) -> Option<Op> {
    let (place, music_place) = (args.place_of("timeout"), args.place_of("music"));
    let longest_ms = args.time("timeout")?;
    if !(100..=LONGEST_MS).contains(&longest_ms) {
        draft.faults.error(place, "'timeout' is out of range", "write from \"100 ms\" to \"60 s\"");
    }
    let music = args.text("music");
    if let Some(music) = &music {
        draft.mention(Mentioned::Music, music, music_place);
    }
    Some(Op::Lookup(Box::new(LookupOp {
        what,
        take,
        longest_ms,
        say: args.media("say"),
        music,
        apology: args.media("apology"),
        on: args.branches("on"),
    })))
}

/// Whether nothing of scheme, host and port depends on the call.
fn has_fixed_host(url: &Template) -> bool {
    let source = url.source();
    let Some((scheme, rest)) = source.split_once("://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    !host.contains('$') && Url::new(&format!("{scheme}://{host}/")).is_some()
}

/// FreeSWITCH's `curl`: the answer's text is in `curl_response_data`, its status in `curl_response_code`.
fn xml_curl(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let words = call.words();
    let Some((url, rest)) = words.split_first() else {
        return call.wrong("'curl' has no address", "write a URL");
    };
    let url = call.template(url);
    if !has_fixed_host(&url) {
        let what = format!("'{}' is no address with a fixed host", url.source());
        return call.wrong(what, "write such as https://crm.example/${caller_id_number}");
    }
    let mut method = Method::Get;
    for word in rest {
        match word.to_ascii_lowercase().as_str() {
            "get" | "json" => {}
            "post" => method = Method::Post,
            other => call.lacks(
                format!("'curl' with '{other}' does no more than without it"),
                "use `http` in a TOML file for headers, bodies and values of the answer",
            ),
        }
    }
    let what = LookupWhat::Http {
        service: None,
        method,
        url,
        headers: Vec::new(),
        body: None,
        whole: Some("curl_response_data".into()),
        retries: Some(0),
    };
    Some(Op::Lookup(Box::new(LookupOp {
        what,
        take: Vec::new(),
        longest_ms: CURL_MS,
        say: Vec::new(),
        music: None,
        apology: Vec::new(),
        on: Vec::new(),
    })))
}
