//! Quality checks over HTTP (R23): forms, talks to be scored, their audio, scores, figures. Supervisors alone; each
//! score and each playback is written down (`belfry::audit`, R26).

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{Asked, Given, Params};
use super::events::Later;
use super::guard::Caller;
use super::routes::{Gives, Param, Route};
use super::{App, Problem, audit};
use crate::access::rights::Role;
use crate::base::CallId;
use crate::switch::quality::Scoring;
use crate::switch::{Reply, Request, cti};

/// Rows of one answer, at most and unless asked.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;
/// Audio is read in pieces of so many bytes.
const PIECE: usize = 64 * 1_024;

const SUPERVISES: &[Role] = &[Role::Supervisor];

/// What is kept of talks, as the API sees it.
pub trait Library: Send + Sync {
    /// Recorded talks; with `unscored` drawn by chance of those that nobody has scored.
    fn talks(&self, sought: Sought) -> Later<Vec<Value>>;
    /// Scores, the newest first.
    fn scores(&self, sought: Sought) -> Later<Vec<Value>>;
    /// The score of an id.
    fn score(&self, id: String) -> Later<Option<Value>>;
    /// Waits until the records have all that is on the disk now; `false`: not within a second.
    fn settled(&self) -> Later<bool>;
    /// What the scores that stand come to, by agent or by team.
    fn figures(&self, by_team: bool, sought: Sought) -> Later<Vec<Value>>;
    /// A call's recording, as it is played; the first is 1.
    fn sound(&self, call: CallId, nth: usize) -> Later<Option<io::Result<Sound>>>;
}

/// What can be read from any byte on.
pub trait Audio: Read + Seek + Send {}
impl<T: Read + Seek + Send> Audio for T {}

/// A recording that is open.
pub struct Sound {
    /// Its media type.
    pub kind: &'static str,
    /// Its bytes.
    pub length: u64,
    /// What they are read from; a read may wait for the disk.
    pub audio: Box<dyn Audio>,
}

/// What is sought.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sought {
    /// Of this call.
    pub call: Option<String>,
    /// Of this agent.
    pub agent: Option<String>,
    /// Of this team's agents.
    pub team: Option<String>,
    /// From this time on, milliseconds since 1970.
    pub from: Option<i64>,
    /// Until before this time.
    pub until: Option<i64>,
    /// Of these agents alone: those of a supervisor's teams; none: of all.
    pub only: Option<Vec<String>>,
    /// Only talks that nobody has scored.
    pub unscored: bool,
    /// At most so many.
    pub most: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    call: Option<String>,
    agent: Option<String>,
    team: Option<String>,
    from: Option<i64>,
    until: Option<i64>,
    most: Option<u32>,
    by: Option<String>,
}

impl Which {
    fn sought(self, unscored: bool) -> Result<Sought, Problem> {
        let Which { call, agent, team, from, until, most, by: _ } = self;
        let most = most.unwrap_or(USUAL);
        if !(1..=MOST).contains(&most) {
            return Err(Problem::unprocessable(format!("`most` is 1 to {MOST}")));
        }
        Ok(Sought { call, agent, team, from, until, only: None, unscored, most })
    }

    /// The same, as far as who asks may see it: a token that acts for a supervising agent sees the agents whom that one
    /// supervises.
    async fn seen_by(self, app: &App, who: &Caller, unscored: bool) -> Result<Sought, Problem> {
        let sought = self.sought(unscored)?;
        let Some(by) = &who.rights.agent else { return Ok(sought) };
        match app.ask(Request::Supervised(by.clone())).await? {
            Reply::Supervised(agents) => Ok(Sought { only: Some(agents), ..sought }),
            _ => Err(Problem::unavailable("the exchange answers something else")),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Score {
    call: String,
    agent: Option<String>,
    form: String,
    answers: BTreeMap<String, Option<u32>>,
    #[serde(default)]
    comment: String,
    corrects: Option<String>,
    id: Option<String>,
}

fn text() -> Value {
    json!({ "type": "string", "maxLength": 64 })
}
fn moment() -> Value {
    json!({ "type": "integer", "format": "int64" })
}
fn some() -> Value {
    json!({ "type": "array", "items": { "type": "object" } })
}

const fn query(name: &'static str, about: &'static str, schema: fn() -> Value) -> Param {
    Param { name, in_path: false, about, schema }
}

const SOUGHT: &[Param] = &[
    query("call", "Of this call.", text),
    query("agent", "Of this agent.", text),
    query("team", "Of the agents of this team.", text),
    query("from", "From this time on, milliseconds since 1970.", moment),
    query("until", "Until before this time.", moment),
    query(
        "most",
        "At most so many; 100 unless given.",
        || json!({ "type": "integer", "minimum": 1, "maximum": MOST }),
    ),
];

const FIGURES: &[Param] = &[
    query("by", "Of what a row is.", || json!({ "enum": ["agent", "team"] })),
    query("agent", "Of this agent.", text),
    query("team", "Of the agents of this team.", text),
    query("from", "From this time on, milliseconds since 1970.", moment),
    query("until", "Until before this time.", moment),
];

const AUDIO: &[Param] = &[
    Param { name: "call", in_path: true, about: "The call.", schema: text },
    Param {
        name: "nth",
        in_path: true,
        about: "Which of its recordings; the first is 1.",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 1_000 }),
    },
];

/// The routes of this file.
pub(super) fn routes() -> Vec<Route> {
    [score_routes(), recording_routes()].into_iter().flatten().collect()
}

fn of(route: Route) -> Route {
    Route { tag: "quality", roles: SUPERVISES, ..route }
}

fn lists(route: Route) -> Route {
    let (gives, refuses) = (Gives::json(200, some), &[400, 422, 503]);
    of(Route { params: SOUGHT, gives, refuses, ..route })
}

fn score_routes() -> Vec<Route> {
    vec![
        of(Route {
            summary: "The forms on which talks are scored",
            gives: Gives::json(200, some),
            refuses: &[503],
            ..Route::get("/v1/quality/forms", "ListForms", || get(forms))
        }),
        lists(Route {
            summary: "Scores, the newest first, with those that were corrected",
            ..Route::get("/v1/quality/scores", "ListScores", || get(scores))
        }),
        of(Route {
            summary: "Score a recorded talk of an agent, or correct a score",
            about: "`answers` has the points of each question of the form, or null where it does not apply. `agent` may be left out \
                    where one agent of a queue had the call. With `corrects`, the id of a score that stands, this one stands for it; \
                    both are kept. A program that gives the score's `id`, unlike any other's, may ask again when no answer came: \
                    the same is not scored twice.",
            asks: Some(scoring),
            gives: Gives::json(201, || json!({ "type": "object" })),
            refuses: &[400, 404, 408, 409, 413, 415, 422, 503],
            ..Route::post("/v1/quality/scores", "ScoreTalk", || post(score))
        }),
        of(Route {
            summary: "What scores come to, by agent or team",
            about: "Shares are of 10,000; scores that were corrected do not count.",
            params: FIGURES,
            gives: Gives::json(200, some),
            refuses: &[400, 422, 503],
            ..Route::get("/v1/quality/figures", "QualityFigures", || get(figures))
        }),
    ]
}

fn recording_routes() -> Vec<Route> {
    vec![
        lists(Route {
            summary: "Talks that nobody has scored, drawn by chance",
            about: "`most` says how many, `agent`, `team`, `from` and `until` of which.",
            ..Route::get("/v1/quality/sample", "SampleTalks", || get(sample))
        }),
        lists(Route {
            summary: "Recorded talks, the newest first",
            ..Route::get("/v1/recordings", "ListRecordings", || get(talks))
        }),
        of(Route {
            summary: "The audio of a recording: WAV, or Ogg/Opus once packed",
            about: "With `Range: bytes=…` a part of it (RFC 9110). A token that acts for a supervising agent hears the \
                    talks of agents whom that one may supervise.",
            params: AUDIO,
            gives: Gives {
                status: 200,
                kind: "audio/*",
                schema: || json!({ "type": "string", "format": "binary" }),
            },
            refuses: &[404, 416, 503],
            ..Route::get("/v1/recordings/{call}/{nth}", "PlayRecording", || get(audio))
        }),
    ]
}

fn scoring() -> Value {
    json!({
        "type": "object",
        "required": ["call", "form", "answers"],
        "additionalProperties": false,
        "properties": {
            "call": text(),
            "agent": text(),
            "form": text(),
            "answers": { "type": "object", "additionalProperties": { "type": ["integer", "null"], "minimum": 0, "maximum": 100 } },
            "comment": { "type": "string", "maxLength": 1_000 },
            "corrects": text(),
            "id": { "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[0-9A-Za-z._-]+$" },
        },
    })
}

type Who = Extension<Caller>;
type Shared = State<Arc<App>>;
type Outcome = Result<Response, Problem>;

fn library(app: &App) -> Result<Arc<dyn Library>, Problem> {
    app.exchange.library().ok_or_else(|| Problem::unavailable("the records cannot be had here"))
}

fn away(why: String) -> Problem {
    Problem::unavailable(format!("the records cannot be read: {why}"))
}

fn listed(rows: Vec<Value>) -> Response {
    Given(StatusCode::OK, rows).into_response()
}

async fn forms(State(app): Shared) -> Outcome {
    match app.ask(Request::Forms).await? {
        Reply::Forms(forms) => Ok(Given(StatusCode::OK, forms).into_response()),
        _ => Err(Problem::unavailable("the exchange answers something else")),
    }
}

async fn sample(State(app): Shared, Extension(who): Who, Params(which): Params<Which>) -> Outcome {
    let sought = which.seen_by(&app, &who, true).await?;
    let found = library(&app)?.talks(sought).await;
    Ok(listed(found.map_err(away)?))
}

async fn talks(State(app): Shared, Extension(who): Who, Params(which): Params<Which>) -> Outcome {
    let sought = which.seen_by(&app, &who, false).await?;
    let found = library(&app)?.talks(sought).await;
    Ok(listed(found.map_err(away)?))
}

async fn scores(State(app): Shared, Extension(who): Who, Params(which): Params<Which>) -> Outcome {
    let sought = which.seen_by(&app, &who, false).await?;
    let found = library(&app)?.scores(sought).await;
    Ok(listed(found.map_err(away)?))
}

async fn figures(State(app): Shared, Extension(who): Who, Params(which): Params<Which>) -> Outcome {
    let by_team = match which.by.as_deref() {
        None | Some("agent") => false,
        Some("team") => true,
        Some(_) => return Err(Problem::unprocessable("`by` is agent or team")),
    };
    let sought = which.seen_by(&app, &who, false).await?;
    let found = library(&app)?.figures(by_team, sought).await;
    Ok(listed(found.map_err(away)?))
}

async fn score(State(app): Shared, Extension(who): Who, Asked(asked): Asked<Score>) -> Outcome {
    let Score { call, agent, form, answers, comment, corrects, id: own } = asked;
    let id: CallId = call.parse().map_err(|e| Problem::not_found(format!("{e}")))?;
    let library = library(&app)?;
    let sought = Sought { call: Some(id.to_string()), most: MOST, ..Sought::default() };
    let talks = library.talks(sought).await.map_err(away)?;
    let (agent, queue) = whose(&talks, id, agent)?;
    let scoring = Scoring { call: id, agent, queue, form, answers, comment, corrects, id: own };
    if let Some(own) = &scoring.id {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if !(1..=64).contains(&own.len()) || !own.bytes().all(fits) {
            return Err(Problem::unprocessable(
                "`id` has 1 to 64 letters, digits, '.', '_' and '-'",
            ));
        }
        if let Some(there) = library.score(own.clone()).await.map_err(away)? {
            return again(&app, &who, &there, &scoring).await;
        }
    }
    if let Some(corrected) = &scoring.corrects {
        stands(former(&*library, corrected).await?, id, &scoring.agent)?;
    }
    let said = format!(
        "talk of agent {} in call {id} is scored on form {}{}",
        scoring.agent,
        scoring.form.escape_debug(),
        if scoring.corrects.is_some() { ", a correction" } else { "" }
    );
    let reply = app.ask(Request::Score(who.rights.clone(), Box::new(scoring))).await;
    audit::write(&who.rights.name, who.peer, Some(&said), reply.as_ref().ok());
    match reply? {
        Reply::Scored { score, share, passed, fatal } => {
            let score = json!({ "score": score, "share": share, "passed": passed, "fatal": fatal });
            Ok(Given(StatusCode::CREATED, score).into_response())
        }
        Reply::Cti(answer) => match *answer {
            cti::Answer::Refused(cti::Why::Forbidden, why) => Err(Problem::forbidden(why)),
            cti::Answer::Refused(cti::Why::Invalid, why) => Err(Problem::unprocessable(why)),
            cti::Answer::Refused(_, why) => Err(Problem::conflict(why)),
            _ => Err(Problem::unavailable("the exchange answers something else")),
        },
        Reply::Refused(why) => Err(Problem::unavailable(why)),
        _ => Err(Problem::unavailable("the exchange answers something else")),
    }
}

/// A score that is there: who asks again gets its answer again, if it is the same.
async fn again(app: &App, who: &Caller, there: &Value, asked: &Scoring) -> Outcome {
    let text = |name: &str| there[name].as_str().unwrap_or_default();
    let points = |name: &str| {
        let all = there["answers"].as_array().into_iter().flatten();
        all.clone().find(|own| own["name"] == name).map(|own| own["points"].as_u64())
    };
    let answers = asked.answers.iter();
    let same = text("call") == asked.call.to_string()
        && text("agent") == asked.agent
        && text("form") == asked.form
        && text("comment") == asked.comment
        && there["corrects"].as_str() == asked.corrects.as_deref()
        && answers.into_iter().all(|(name, own)| points(name) == Some(own.map(u64::from)));
    if !same {
        return Err(Problem::conflict("another score has this `id`"));
    }
    if let Some(by) = &who.rights.agent {
        let supervises = Request::Supervises(by.clone(), vec![asked.agent.clone()]);
        if let Reply::Refused(why) = app.ask(supervises).await? {
            return Err(Problem::forbidden(why));
        }
    }
    let (share, passed, fatal) = (&there["share"], &there["passed"], &there["fatal"]);
    let score =
        json!({ "score": there["score"], "share": share, "passed": passed, "fatal": fatal });
    Ok(Given(StatusCode::CREATED, score).into_response())
}

/// The agent and queue of a recorded talk: the one that is named, or the only one.
fn whose(
    talks: &[Value],
    call: CallId,
    named: Option<String>,
) -> Result<(String, String), Problem> {
    if talks.is_empty() {
        return Err(Problem::not_found(format!("there is no recording of call {call}")));
    }
    let of = |talk: &Value| {
        Some((talk["agent"].as_str()?.to_owned(), talk["queue"].as_str()?.to_owned()))
    };
    let all: Vec<(String, String)> = talks.iter().filter_map(of).collect();
    match named {
        Some(agent) => all
            .into_iter()
            .find(|(own, _)| *own == agent)
            .ok_or_else(|| Problem::unprocessable("that agent had no part in the call by a queue")),
        None => match <[_; 1]>::try_from(all) {
            Ok([only]) => Ok(only),
            Err(all) if all.is_empty() => {
                Err(Problem::unprocessable("no agent of a queue had this call"))
            }
            Err(_) => Err(Problem::unprocessable("several agents had this call: say which")),
        },
    }
}

/// A score that is to be corrected. One that was just confirmed is on the disk, and the records have it a moment later.
async fn former(library: &dyn Library, id: &str) -> Result<Option<Value>, Problem> {
    if let Some(found) = library.score(id.to_owned()).await.map_err(away)? {
        return Ok(Some(found));
    }
    if !library.settled().await.map_err(away)? {
        let why = "the records lag behind: they do not know yet whether there is a score of the id in `corrects`";
        return Err(Problem::unavailable(why));
    }
    library.score(id.to_owned()).await.map_err(away)
}

/// A score that is to be corrected is of this talk, and stands.
fn stands(former: Option<Value>, call: CallId, agent: &str) -> Result<(), Problem> {
    let Some(former) = former else {
        return Err(Problem::unprocessable("there is no score of the id in `corrects`"));
    };
    if former["call"] != call.to_string().as_str() || former["agent"] != agent {
        return Err(Problem::unprocessable("the score in `corrects` is of another talk"));
    }
    match former["corrected_by"].as_str() {
        Some(by) => Err(Problem::conflict(format!("that score was corrected already: by {by}"))),
        None => Ok(()),
    }
}

/// What a `Range` asks of so many bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// All: none was asked, or not in a way that is understood (RFC 9110 §14.2).
    Whole,
    /// From (included) to (not included).
    Bytes(u64, u64),
    /// None of them is there.
    Beyond,
}

fn part(range: Option<&str>, length: u64) -> Part {
    let spec = range.and_then(|range| range.trim().strip_prefix("bytes="));
    let Some((first, last)) = spec.and_then(|spec| spec.trim().split_once('-')) else {
        return Part::Whole;
    };
    let number = |text: &str| match text.is_empty() {
        true => Some(None),
        false if text.bytes().all(|b| b.is_ascii_digit()) => {
            Some(Some(text.parse().unwrap_or(u64::MAX)))
        }
        false => None,
    };
    match (number(first.trim()), number(last.trim())) {
        (Some(Some(first)), Some(last)) => match last {
            Some(last) if last < first => Part::Whole,
            _ if first >= length => Part::Beyond,
            last => {
                Part::Bytes(first, last.map_or(length, |last| last.saturating_add(1).min(length)))
            }
        },
        (Some(None), Some(Some(0))) => Part::Beyond,
        (Some(None), Some(Some(_))) if length == 0 => Part::Beyond,
        (Some(None), Some(Some(last))) => Part::Bytes(length.saturating_sub(last), length),
        _ => Part::Whole,
    }
}

async fn audio(
    State(app): Shared,
    Extension(who): Who,
    Path((call, nth)): Path<(String, String)>,
    headers: HeaderMap,
) -> Outcome {
    let none = || Problem::not_found("there is no such recording, or its file is gone");
    let call: CallId = call.parse().map_err(|e| Problem::not_found(format!("{e}")))?;
    let nth: usize = nth.parse().map_err(|_| none())?;
    let library = library(&app)?;
    hears(&app, &*library, &who, call).await?;
    let sound = library.sound(call, nth).await.map_err(away)?.ok_or_else(none)?;
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let opened = sound.and_then(|sound| serve(sound, range));
    let said = format!("recording {nth} of call {call} is played");
    let done = Reply::Done(String::new());
    audit::write(&who.rights.name, who.peer, Some(&said), opened.is_ok().then_some(&done));
    opened.map_err(|error| match error.kind() {
        ErrorKind::NotFound => none(),
        _ => Problem::unavailable(format!("the recording cannot be read: {error}")),
    })
}

/// A supervisor of teams hears the talks of those, as in a call that goes on.
async fn hears(
    app: &App,
    library: &dyn Library,
    who: &Caller,
    call: CallId,
) -> Result<(), Problem> {
    let Some(by) = &who.rights.agent else { return Ok(()) };
    let sought = Sought { call: Some(call.to_string()), most: MOST, ..Sought::default() };
    let talks = library.talks(sought).await.map_err(away)?;
    let agents = talks.iter().filter_map(|talk| Some(talk["agent"].as_str()?.to_owned()));
    match app.ask(Request::Supervises(by.clone(), agents.collect())).await? {
        Reply::Done(_) => Ok(()),
        Reply::Refused(why) => Err(Problem::forbidden(why)),
        _ => Err(Problem::unavailable("the exchange answers something else")),
    }
}

/// A recording, or the part of it that is asked for, a piece at a time.
fn serve(sound: Sound, range: Option<&str>) -> io::Result<Response> {
    let Sound { kind, length, audio } = sound;
    let (status, from, to) = match part(range, length) {
        Part::Whole => (StatusCode::OK, 0, length),
        Part::Bytes(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Part::Beyond => {
            let detail = format!("the recording has {length} bytes");
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let mut response = Problem::new(status, "no-such-range", detail).into_response();
            if let Ok(value) = format!("bytes */{length}").parse() {
                response.headers_mut().insert(CONTENT_RANGE, value);
            }
            return Ok(response);
        }
    };
    let pieces = stream::try_unfold((audio, from), move |(audio, at)| async move {
        if at == to {
            return Ok::<_, io::Error>(None);
        }
        let read = tokio::task::spawn_blocking(move || piece(audio, at, to)).await;
        let (audio, piece) = read.map_err(io::Error::other)??;
        let next = at + piece.len() as u64;
        Ok(Some((Bytes::from(piece), (audio, next))))
    });
    let mut response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .header(ACCEPT_RANGES, "bytes")
        .header(CONTENT_LENGTH, to - from);
    if status == StatusCode::PARTIAL_CONTENT {
        response = response.header(CONTENT_RANGE, format!("bytes {from}-{}/{length}", to - 1));
    }
    response.body(Body::from_stream(pieces)).map_err(std::io::Error::other)
}

/// The bytes from one place to another, as many as are read at once.
fn piece(mut audio: Box<dyn Audio>, at: u64, to: u64) -> io::Result<(Box<dyn Audio>, Vec<u8>)> {
    let most = (to - at).min(PIECE as u64);
    let mut piece = Vec::with_capacity(PIECE);
    audio.seek(SeekFrom::Start(at))?;
    audio.by_ref().take(most).read_to_end(&mut piece)?;
    if piece.is_empty() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok((audio, piece)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_those_of_rfc_9110() {
        let of = |range| part(Some(range), 10_000);
        assert_eq!(part(None, 10), Part::Whole);
        assert_eq!(of("bytes=0-499"), Part::Bytes(0, 500));
        assert_eq!(of("bytes=9500-"), Part::Bytes(9_500, 10_000));
        assert_eq!(of("bytes=-500"), Part::Bytes(9_500, 10_000));
        assert_eq!(of("bytes=-99999"), Part::Bytes(0, 10_000));
        assert_eq!(of("bytes=9999-99999999999999999999"), Part::Bytes(9_999, 10_000));
        for beyond in ["bytes=10000-", "bytes=-0", "bytes=20000-30000"] {
            assert_eq!(of(beyond), Part::Beyond, "{beyond}");
        }
        for whole in ["bytes=5-4", "bytes=0-1,5-6", "items=0-1", "bytes=", "bytes=a-b", "bytes=-"] {
            assert_eq!(of(whole), Part::Whole, "{whole}");
        }
        assert_eq!(part(Some("bytes=0-"), 0), Part::Beyond);
    }

    proptest! {
        #[test]
        fn a_part_is_within_the_file_and_never_empty(range in "bytes=[0-9]{0,6}-[0-9]{0,6}", length in 0u64..100_000) {
            if let Part::Bytes(from, to) = part(Some(&range), length) {
                prop_assert!(from < to && to <= length);
            }
        }
    }

    #[tokio::test]
    async fn a_recording_is_served_whole_and_in_parts() {
        let bytes: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
        let serve = |range| {
            let audio = Box::new(io::Cursor::new(bytes.clone()));
            serve(Sound { kind: "audio/wav", length: 200_000, audio }, range).unwrap()
        };
        let whole = serve(None);
        assert_eq!(
            (whole.status().as_u16(), whole.headers()[CONTENT_TYPE] == "audio/wav"),
            (200, true)
        );
        assert_eq!(to_bytes(whole.into_body(), 1 << 20).await.unwrap(), bytes);
        let some = serve(Some("bytes=70000-140000"));
        assert_eq!(some.status(), 206);
        assert_eq!(some.headers()[CONTENT_RANGE], "bytes 70000-140000/200000");
        assert_eq!(to_bytes(some.into_body(), 1 << 20).await.unwrap(), bytes[70_000..=140_000]);
        assert_eq!(serve(Some("bytes=200000-")).status(), 416);
        let audio = Box::new(io::Cursor::new(Vec::new()));
        let cut = Sound { kind: "audio/wav", length: 10, audio };
        let cut = super::serve(cut, None).unwrap();
        assert!(to_bytes(cut.into_body(), 1 << 20).await.is_err(), "what is missing is no silence");
    }

    #[test]
    fn whose_talk_it_is_is_known_or_asked() {
        let call: CallId = CallId::new(crate::base::Wall(1), 1);
        let talk = |agent: &str| json!({ "agent": agent, "queue": "care" });
        let status =
            |result: Result<(String, String), Problem>| result.map_err(|p| p.status.as_u16());
        let own = ("7001".to_owned(), "care".to_owned());
        assert_eq!(status(whose(&[], call, None)), Err(404));
        assert_eq!(status(whose(&[json!({ "agent": null })], call, None)), Err(422));
        assert_eq!(status(whose(&[talk("7001")], call, None)), Ok(own.clone()));
        let two = [talk("7001"), talk("7002")];
        assert_eq!(status(whose(&two, call, None)), Err(422));
        assert_eq!(status(whose(&two, call, Some("7001".into()))), Ok(own));
        assert_eq!(status(whose(&two, call, Some("7003".into()))), Err(422));
    }
}
