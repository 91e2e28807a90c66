//! Applications that let the caller hear something: play, say, tone, music, wait, echo,
//! language.

use super::param::{Args, Kind, Param};
use super::{App, Build, Xml, XmlCall};
use crate::dialplan::draft::{Draft, Mentioned};
use crate::dialplan::effect::{Keys, Tone};
use crate::dialplan::fault::did_you_mean;
use crate::dialplan::model::{Media, Op, StopOn};
use crate::dialplan::read_xml::path;
use crate::dialplan::say;

/// `play`.
pub static PLAY: App = App {
    name: "play",
    line: "Play one prompt or several, in the call's language.",
    params: &[
        Param::required("prompts", Kind::Prompts, "what to play"),
        Param::with("stop-on", Kind::Keys, "none", "keys that stop it"),
        Param::with("times", Kind::Count(1, 100), "1", "how often"),
        Param::with(
            "wait",
            Kind::Flag,
            "true",
            "whether the next step waits for the end; `false`: the queue or the dial that follows begins at once, and the prompts are heard over its music or ringing tone",
        ),
    ],
    shorthand: Some("prompts"),
    after_hangup: false,
    xml: &[
        Xml {
            name: "playback",
            data: "FILE[!FILE…], tone_stream://…, silence_stream://MS, local_stream://CLASS",
            read: xml_playback,
        },
        Xml { name: "loop_playback", data: "+TIMES FILE", read: xml_loop_playback },
        Xml {
            name: "endless_playback",
            data: "FILE",
            read: |call| xml_play(call, call.data, 10_000),
        },
    ],
    example: "{ play = [\"welcome\", \"care/recorded\"] }",
    build: Build::Step(play),
};

fn play(args: &mut Args, draft: &mut Draft<'_>) -> Option<Op> {
    let items = args.media("prompts");
    let (stop_on, times) = (args.keys("stop-on")?, args.count("times")?);
    if args.flag("wait") {
        return Some(Op::Play { items, stop_on: StopOn::Keys(stop_on), times });
    }
    if stop_on != Keys::NONE {
        let place = args.place_of("stop-on");
        let what = "no key stops a play for which no step waits";
        draft.faults.error(place, what, "leave out 'stop-on', or 'wait'");
        return None;
    }
    let all = (0..times).flat_map(|_| items.iter().cloned()).collect();
    Some(Op::PlayOver { items: all })
}

fn xml_playback(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    xml_play(call, call.data, 1)
}

fn xml_loop_playback(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    match call.data.trim().strip_prefix('+').and_then(|d| d.split_once(' ')) {
        Some((times, file)) => {
            let times = call.number(times, "the count")?;
            xml_play(call, file, times.clamp(1, 10_000))
        }
        None => xml_play(call, call.data, 10_000),
    }
}

fn xml_play(call: &mut XmlCall<'_, '_>, data: &str, times: u32) -> Option<Op> {
    if data.trim().is_empty() {
        return call.wrong(format!("'{}' names no file", call.app), "write data=\"FILE\"");
    }
    let items = path::read(call.draft, data, call.place);
    Some(Op::Play { items, stop_on: StopOn::Variable, times })
}

/// `say`.
pub static SAY: App = App {
    name: "say",
    line: "Speak a value in the call's language; exactly one of the kinds.",
    params: &[
        Param::optional("digits", Kind::Text, "digit by digit, as telephone numbers are read"),
        Param::optional("number", Kind::Text, "a number: `12`, `-3.5`"),
        Param::optional("money", Kind::Text, "an amount of yuan: `12.50`"),
        Param::optional("date", Kind::Text, "a day: `now`, `2026-11-22`, seconds since 1970"),
        Param::optional("time", Kind::Text, "a time of day: `now`, `09:05`, seconds since 1970"),
        Param::optional(
            "datetime",
            Kind::Text,
            "day and time: `now`, `2026-11-22 09:05`, seconds since 1970",
        ),
        Param::optional("duration", Kind::Text, "a length of time in seconds"),
        Param::with("stop-on", Kind::Keys, "none", "keys that stop it"),
    ],
    shorthand: None,
    after_hangup: false,
    xml: &[Xml { name: "say", data: "LANGUAGE TYPE METHOD [GENDER] VALUE", read: xml_say }],
    example: "{ say = { number = \"${waiting}\" } }",
    build: Build::Step(say),
};

fn say(args: &mut Args, draft: &mut Draft<'_>) -> Option<Op> {
    let given: Vec<_> = say::Kind::ALL
        .iter()
        .filter_map(|(name, kind)| args.text(name).map(|value| (*kind, value)))
        .collect();
    let stop_on = args.keys("stop-on")?;
    match <[_; 1]>::try_from(given) {
        Ok([(kind, value)]) => {
            if let Some(fixed) = value.fixed() {
                check_value(draft, args.place, kind, &fixed);
            }
            Some(Op::Say { kind, value, language: None, stop_on })
        }
        Err(given) => {
            let what = if given.is_empty() {
                "'say' has nothing to say"
            } else {
                "'say' has more than one value"
            };
            draft.faults.error(
                args.place,
                what,
                "write one of digits, number, money, date, time, datetime, duration",
            );
            None
        }
    }
}

/// A value that stands in the file is tried at once.
fn check_value(
    draft: &mut Draft<'_>,
    place: crate::dialplan::fault::Place,
    kind: say::Kind,
    value: &str,
) {
    let now = crate::dialplan::calendar::Civil::at(crate::base::Wall(0), &draft.plan.zone);
    if say::say(kind, value, &draft.plan.language, now, &|_| now).is_err() {
        draft.faults.error(
            place,
            format!("'{value}' is not a {}", kind.name()),
            "see `belfry help app say`",
        );
    }
}

/// FreeSWITCH's say types, with the kind they are here.
const SAY_TYPES: [(&str, say::Kind); 12] = [
    ("NUMBER", say::Kind::Number),
    ("ITEMS", say::Kind::Number),
    ("PERSONS", say::Kind::Number),
    ("MESSAGES", say::Kind::Number),
    ("CURRENCY", say::Kind::Money),
    ("TIME_MEASUREMENT", say::Kind::Duration),
    ("CURRENT_DATE", say::Kind::Date),
    ("CURRENT_TIME", say::Kind::Time),
    ("CURRENT_DATE_TIME", say::Kind::DateTime),
    ("SHORT_DATE_TIME", say::Kind::DateTime),
    ("TELEPHONE_NUMBER", say::Kind::Digits),
    ("TELEPHONE_EXTENSION", say::Kind::Digits),
];

fn xml_say(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let words = call.words();
    let [language, kind, method, rest @ ..] = words.as_slice() else {
        return call.wrong(
            "'say' wants LANGUAGE TYPE METHOD VALUE",
            "write e.g. data=\"en NUMBER pronounced 12\"",
        );
    };
    let Some((_, kind)) = SAY_TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind)) else {
        let known = did_you_mean(kind, SAY_TYPES.iter().map(|(name, _)| *name));
        call.lacks(format!("the say type '{kind}' is not in Belfry; nothing is said"), known);
        return Some(Op::Lacking { app: format!("say {kind}"), ends_call: false });
    };
    let iterated = method.eq_ignore_ascii_case("iterated") && *kind == say::Kind::Number;
    let kind = if iterated { say::Kind::Digits } else { *kind };
    let gender = ["FEMININE", "MASCULINE", "NEUTER"];
    let rest = match rest {
        [first, rest @ ..] if gender.iter().any(|g| g.eq_ignore_ascii_case(first)) => rest,
        rest => rest,
    };
    let value = call.template(&rest.join(" "));
    // A module's two letters stand for the language that has prompts here.
    let language = if language == "zh" { "zh-CN" } else { language };
    if !say::knows(language) && !language.contains('$') {
        call.lacks(
            format!("there are no rules to speak '{language}'; English ones are used"),
            "write zh or en",
        );
    }
    let language = Some(call.template(language));
    Some(Op::Say { kind, value, language, stop_on: crate::dialplan::effect::Keys::NONE })
}

/// `tone`.
pub static TONE: App = App {
    name: "tone",
    line: "Play a tone of the country.",
    params: &[
        Param::required(
            "name",
            Kind::Choice(&["ringback", "dial", "busy", "congestion", "unobtainable"]),
            "which tone",
        ),
        Param::with("time", Kind::Time, "5 s", "how long"),
        Param::with("stop-on", Kind::Keys, "none", "keys that stop it"),
    ],
    shorthand: Some("name"),
    after_hangup: false,
    xml: &[Xml { name: "gentones", data: "%(ON,OFF,HZ[,HZ])[…][|TIMES]", read: xml_gentones }],
    example: "{ tone = { name = \"ringback\", time = 10 } }",
    build: Build::Step(|args, _| {
        let name = args.choice("name")?;
        let tone = Tone::NAMED.into_iter().find(|(known, _)| *known == name)?.1;
        let items = vec![Media::Tone { tone, ms: args.time("time") }];
        Some(Op::Play { items, stop_on: StopOn::Keys(args.keys("stop-on")?), times: 1 })
    }),
};

fn xml_gentones(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let (tones, times) = call.data.rsplit_once('|').unwrap_or((call.data, "1"));
    let times = call.number(times, "the count")?.clamp(1, 10_000);
    match path::tone(tones) {
        Some(tone) => Some(Op::Play { items: vec![tone], stop_on: StopOn::Variable, times }),
        None => call
            .wrong(format!("'{tones}' is not a tone"), "write %(ON,OFF,HZ), e.g. %(1000,4000,450)"),
    }
}

/// `music`.
pub static MUSIC: App = App {
    name: "music",
    line: "Play music to the caller while the following steps run, until something else is played.",
    params: &[Param::with(
        "class",
        Kind::Name(Mentioned::Music),
        "default",
        "the class of the music",
    )],
    shorthand: Some("class"),
    after_hangup: false,
    xml: &[],
    example: "{ music = \"default\" }",
    build: Build::Step(|args, draft| {
        let place = args.place_of("class");
        let class = args.text("class")?;
        draft.mention(Mentioned::Music, &class, place);
        Some(Op::Music { class })
    }),
};

/// `stop-music`.
pub static STOP_MUSIC: App = App {
    name: "stop-music",
    line: "Stop the music.",
    params: &[],
    shorthand: None,
    after_hangup: false,
    xml: &[],
    example: "{ stop-music = {} }",
    build: Build::Step(|_, _| Some(Op::StopMusic)),
};

/// `wait`.
pub static WAIT: App = App {
    name: "wait",
    line: "Wait.",
    params: &[Param::required("time", Kind::Time, "how long")],
    shorthand: Some("time"),
    after_hangup: false,
    xml: &[
        Xml { name: "sleep", data: "MILLISECONDS", read: xml_sleep },
        Xml {
            name: "park",
            data: "none: waits until the caller goes or is fetched",
            read: |_| Some(Op::Wait { ms: None }),
        },
    ],
    example: "{ wait = \"500 ms\" }",
    build: Build::Step(|args, _| Some(Op::Wait { ms: args.time("time") })),
};

fn xml_sleep(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let ms = call.number(call.data, "the milliseconds")?;
    Some(Op::Wait { ms: Some(ms) })
}

/// `echo`.
pub static ECHO: App = App {
    name: "echo",
    line: "Let the caller hear itself: what it sends comes back packet by packet, keys too. To try a line, \
           and to measure its delay and losses.",
    params: &[
        Param::optional("time", Kind::Time, "how long; until the caller hangs up if not given"),
        Param::with("stop-on", Kind::Keys, "none", "keys that end it"),
    ],
    shorthand: Some("time"),
    after_hangup: false,
    xml: &[Xml {
        name: "echo",
        data: "none: until the caller goes",
        read: |_| Some(Op::Echo { ms: None, stop_on: Keys::NONE }),
    }],
    example: "{ echo = { time = \"1 min\", stop-on = \"#\" } }",
    build: Build::Step(|args, _| {
        Some(Op::Echo { ms: args.time("time"), stop_on: args.keys("stop-on")? })
    }),
};

/// `language`.
pub static LANGUAGE: App = App {
    name: "language",
    line: "Set the call's language: that of its prompts and of spoken values.",
    params: &[Param::required("to", Kind::Name(Mentioned::Language), "`zh-CN`, `en`, …")],
    shorthand: Some("to"),
    after_hangup: false,
    xml: &[],
    example: "{ language = \"en\" }",
    build: Build::Step(|args, draft| {
        let place = args.place_of("to");
        let language = args.text("to")?;
        draft.mention(Mentioned::Language, &language, place);
        Some(Op::Language { language })
    }),
};
