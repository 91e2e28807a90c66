//! Applications that act on the call itself: answer, ring, hang up, transfer, record.

use super::param::{Kind, Param};
use super::{App, Build, Xml, XmlCall};
use crate::dialplan::cause::Cause;
use crate::dialplan::draft::Mentioned;
use crate::dialplan::effect::{AlarmKeys, Recording};
use crate::dialplan::fault::did_you_mean;
use crate::dialplan::model::{Op, Reason};
use crate::dialplan::template::Template;

/// `answer`.
pub static ANSWER: App = App {
    name: "answer",
    line: "Answer the call. Steps that play or ask answer it by themselves if it is not answered.",
    params: &[],
    shorthand: None,
    after_hangup: false,
    xml: &[Xml { name: "answer", data: "none", read: |_| Some(Op::Answer) }],
    example: "{ answer = {} }",
    build: Build::Step(|_, _| Some(Op::Answer)),
};

/// `early-media`.
pub static EARLY_MEDIA: App = App {
    name: "early-media",
    line: "Open the speech path without answering, so that the caller hears what follows free of charge.",
    params: &[],
    shorthand: None,
    after_hangup: false,
    xml: &[Xml { name: "pre_answer", data: "none", read: |_| Some(Op::EarlyMedia) }],
    example: "{ early-media = {} }",
    build: Build::Step(|_, _| Some(Op::EarlyMedia)),
};

/// `ring`.
pub static RING: App = App {
    name: "ring",
    line: "Tell the caller's side that it rings; its own exchange gives the ringing tone.",
    params: &[],
    shorthand: None,
    after_hangup: false,
    xml: &[Xml { name: "ring_ready", data: "none", read: |_| Some(Op::Ring) }],
    example: "{ ring = {} }",
    build: Build::Step(|_, _| Some(Op::Ring)),
};

/// `hangup`.
pub static HANGUP: App = App {
    name: "hangup",
    line: "Clear the call with a cause.",
    params: &[Param::with(
        "cause",
        Kind::Cause,
        "normal",
        "a Q.850 number (`17`), name (`USER_BUSY`) or word (`busy`)",
    )],
    shorthand: Some("cause"),
    after_hangup: false,
    xml: &[
        Xml { name: "hangup", data: "[cause]: name or number", read: xml_hangup },
        Xml {
            name: "respond",
            data: "SIP status [reason]: that status, in Belfry's words; behind an answer the cause it stands for (RFC 3398)",
            read: xml_respond,
        },
    ],
    example: "{ hangup = \"busy\" }",
    build: Build::Step(|args, _| Some(Op::Hangup { cause: args.cause("cause")? })),
};

fn xml_hangup(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let data = call.data.trim();
    if data.is_empty() {
        return Some(Op::Hangup { cause: Reason::Fixed(Cause::NORMAL) });
    }
    let template = call.template(data);
    match template.fixed().map(|text| (Cause::parse(&text), text)) {
        Some((Some(cause), _)) => Some(Op::Hangup { cause: Reason::Fixed(cause) }),
        Some((None, text)) => call.wrong(
            format!("'{text}' is not a clearing cause"),
            did_you_mean(&text, Cause::names()),
        ),
        None => Some(Op::Hangup { cause: Reason::Text(template) }),
    }
}

fn xml_respond(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let status = call.data.split_whitespace().next().unwrap_or("").to_owned();
    match status.parse::<u16>() {
        Ok(status @ (401 | 407)) => {
            call.lacks(
                format!("'respond {status}' challenges the caller, which Belfry does not do in the plan; it clears the call with cause 21"),
                "phones are challenged by Belfry itself; take this out",
            );
            Some(Op::Hangup { cause: Reason::Fixed(Cause::REJECTED) })
        }
        Ok(status @ 300..=699) => Some(Op::Respond { status }),
        _ => call
            .wrong(format!("'{status}' is not a final SIP status"), "write a status such as 486"),
    }
}

/// `transfer`.
pub static TRANSFER: App = App {
    name: "transfer",
    line: "Send the caller to a number, as if it had been dialled, in this or another context. The steps behind are dropped.",
    params: &[
        Param::with("to", Kind::Text, "${to}", "the number; the one called by default"),
        Param::optional(
            "context",
            Kind::Name(Mentioned::Context),
            "the context; this one by default",
        ),
    ],
    shorthand: Some("to"),
    after_hangup: false,
    xml: &[Xml { name: "transfer", data: "NUMBER [XML [CONTEXT]]", read: xml_transfer }],
    example: "{ transfer = { to = \"1001\", context = \"agents\" } }",
    build: Build::Step(|args, draft| {
        let (place, context_place) = (args.place_of("to"), args.place_of("context"));
        let number = args.text("to")?;
        let number = if number.source() == "${to}" { Template::variable("to") } else { number };
        let context = args.text("context");
        if let Some(context) = &context {
            draft.mention(Mentioned::Context, context, context_place);
        }
        draft.send(&number, context.as_ref(), place);
        Some(Op::Transfer { number, context })
    }),
};

fn xml_transfer(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let mut words = call.words();
    if let Some(leg) = words.first().filter(|w| w.starts_with('-')).cloned() {
        words.remove(0);
        call.lacks(
            format!("'transfer {leg}' moves the other party, which Belfry's plan does not do; the call ends here"),
            "agents transfer with *1 or with REFER",
        );
        return Some(Op::Lacking { app: format!("transfer {leg}"), ends_call: true });
    }
    match destination(call, &words)? {
        Ok((number, context)) => {
            call.draft.send(&number, context.as_ref(), call.place);
            Some(Op::Transfer { number, context })
        }
        Err(lacking) => Some(lacking),
    }
}

/// `NUMBER [DIALPLAN [CONTEXT]]`, for transfer and execute_extension.
/// Another dialplan than XML gives the step that stands in for it.
pub(super) fn destination(
    call: &mut XmlCall<'_, '_>,
    words: &[String],
) -> Option<Result<(Template, Option<Template>), Op>> {
    let Some(number) = words.first() else {
        let what = format!("'{}' has no number", call.app);
        return call.wrong(what, "write NUMBER XML CONTEXT");
    };
    if let Some(dialplan) = words.get(1).filter(|w| !w.eq_ignore_ascii_case("xml")) {
        let what = format!("the dialplan '{dialplan}' is not in Belfry; the call ends here");
        call.lacks(what, "write NUMBER XML CONTEXT");
        return Some(Err(Op::Lacking { app: format!("{} {dialplan}", call.app), ends_call: true }));
    }
    let number = call.template(number);
    let context = words.get(2).map(|w| call.template(w));
    if let Some(context) = &context {
        call.mention(Mentioned::Context, context);
    }
    Some(Ok((number, context)))
}

/// `record`.
pub static RECORD: App = App {
    name: "record",
    line: "Begin, stop, pause or resume recording the call, on two channels.",
    params: &[Param::with(
        "do",
        Kind::Choice(&["on", "off", "pause", "resume"]),
        "on",
        "what to do",
    )],
    shorthand: Some("do"),
    after_hangup: false,
    xml: &[
        Xml {
            name: "record_session",
            data: "FILE: not used, Belfry names its recordings by the call",
            read: xml_record,
        },
        Xml {
            name: "stop_record_session",
            data: "FILE: not used",
            read: |_| Some(Op::Record(Recording::Stop)),
        },
        Xml {
            name: "record_session_mask",
            data: "FILE: not used",
            read: |_| Some(Op::Record(Recording::Pause)),
        },
        Xml {
            name: "record_session_unmask",
            data: "FILE: not used",
            read: |_| Some(Op::Record(Recording::Resume)),
        },
    ],
    example: "{ record = \"pause\" }",
    build: Build::Step(|args, _| {
        Some(Op::Record(match args.choice("do")? {
            "off" => Recording::Stop,
            "pause" => Recording::Pause,
            "resume" => Recording::Resume,
            _ => Recording::Start,
        }))
    }),
};

fn xml_record(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    call.lacks(
        "the file name of 'record_session' is not used",
        "Belfry keeps recordings under [record] dir, by day and call",
    );
    Some(Op::Record(Recording::Start))
}

/// `send-dtmf`.
pub static SEND_DTMF: App = App {
    name: "send-dtmf",
    line: "Send digits to the caller's side.",
    params: &[
        Param::required("digits", Kind::Text, "the digits"),
        Param::with("on", Kind::Time, "100 ms", "length of a digit"),
        Param::with("off", Kind::Time, "100 ms", "pause between digits"),
    ],
    shorthand: Some("digits"),
    after_hangup: false,
    xml: &[Xml { name: "send_dtmf", data: "DIGITS[@MILLISECONDS]", read: xml_send_dtmf }],
    example: "{ send-dtmf = \"1234#\" }",
    build: Build::Step(|args, _| {
        Some(Op::SendDigits {
            digits: args.text("digits")?,
            on_ms: args.time("on")?,
            off_ms: args.time("off")?,
        })
    }),
};

fn xml_send_dtmf(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let (digits, ms) = call.data.rsplit_once('@').unwrap_or((call.data, "100"));
    let digits = call.template(digits.trim());
    let on_ms = call.number(ms, "the length")?;
    Some(Op::SendDigits { digits, on_ms, off_ms: 100 })
}

/// `check-in`.
pub static CHECK_IN: App = App {
    name: "check-in",
    line: "Take the caller's report that all is well: who has to report by some time (`belfry subscriber`) has done so. `${subscriber}` is empty for one whose number is no subscriber's: nothing is taken then but a line for the log.",
    params: &[],
    shorthand: None,
    after_hangup: false,
    xml: &[],
    example: "{ check-in = {} }",
    build: Build::Step(|_, _| Some(Op::CheckIn)),
};

/// `accept`.
pub static ACCEPT: App = App {
    name: "accept",
    line: "Whom the care line has called takes on what it was called for: the contact of a missed check-in (`care-contact`: no further contact is called), somebody whom a response plan calls (`care-plan`), who is on duty (`care-duty`: no other phone rings on, and the home is called without another step; where it is on the line, the steps go on), who is called on a schedule (`care-call`). Ask for a key before, so that an answering machine takes nothing on. In other calls: nothing but a line for the log.",
    params: &[],
    shorthand: None,
    after_hangup: false,
    xml: &[],
    example: "{ accept = {} }",
    build: Build::Step(|_, _| Some(Op::Accept)),
};

/// `alarm-receiver`.
pub static ALARM_RECEIVER: App = App {
    name: "alarm-receiver",
    line: "Receive the alarms that a unit says by keys (DTMF): Contact ID (ANSI/SIA DC-05) and BS 8521-1. Each is confirmed when it is on the disk, and opens or joins a case. Afterwards `${alarm_result}` is `speech` (the unit is to be spoken to), `silent` (all was taken, and nobody is to be spoken to), `garbled` (keys came that nobody understands) or `nothing`; the last two are alarms, with a person.",
    params: &[
        Param::with(
            "protocol",
            Kind::Choice(&["auto", "contact-id", "bs8521"]),
            "auto",
            "in which protocol the unit is asked; `auto` asks by turns in each",
        ),
        Param::with(
            "silent",
            Kind::Choice(&["hangup", "go-on"]),
            "hangup",
            "what follows where nobody is to be spoken to",
        ),
    ],
    shorthand: Some("protocol"),
    after_hangup: false,
    xml: &[],
    example: "{ alarm-receiver = { protocol = \"contact-id\" } }",
    build: Build::Step(|args, _| {
        let word = args.choice("protocol")?;
        let (protocol, _) = AlarmKeys::ALL.into_iter().find(|(_, own)| *own == word)?;
        Some(Op::ReceiveAlarm { protocol, hang_up: args.choice("silent")? == "hangup" })
    }),
};
