//! `dial`: phones and gateways, at once or in turn.

use super::param::{Args, Kind, Param};
use super::{App, Build, Xml};
use crate::dialplan::draft::{Draft, Mentioned};
use crate::dialplan::model::{DialOp, Groups, MeanwhileOp, Op, TargetOp};
use crate::dialplan::read_xml::dialstring;
use crate::dialplan::template::Template;

const OUTCOMES: &[&str] =
    &["answered", "busy", "no-answer", "rejected", "unavailable", "failed", "else"];

/// `dial`.
pub static DIAL: App = App {
    name: "dial",
    line: "Call phones or a number behind a gateway and connect the first that answers. When the called party hangs up the plan goes on; a failure without a branch clears the call with its cause.",
    params: &[
        Param::optional("phones", Kind::Names(Mentioned::Phone), "phones of this exchange"),
        Param::with(
            "order",
            Kind::Choice(&["together", "turn"]),
            "together",
            "ring the phones at once or one after the other",
        ),
        Param::optional(
            "gateway",
            Kind::Names(Mentioned::Gateway),
            "the gateway or trunk for `number`; several are tried in turn, whatever the failure, after the phones",
        ),
        Param::optional("number", Kind::Text, "the number to dial through the gateway"),
        Param::with("timeout", Kind::Time, "30 s", "how long each of them rings"),
        Param::with(
            "ring",
            Kind::Choice(&["ringback", "music", "early-media"]),
            "ringback",
            "what the caller hears meanwhile",
        ),
        Param::with("music", Kind::Name(Mentioned::Music), "default", "the class of the music"),
        Param::with("record", Kind::Flag, "false", "record the talk, from the answer on"),
        Param::optional("caller-id", Kind::Text, "the number to show; the caller's own otherwise"),
        Param::optional("caller-name", Kind::Text, "the name to show; the caller's own otherwise"),
        Param::with(
            "emergency",
            Kind::Flag,
            "false",
            "an emergency call: marked, and never held back",
        ),
        Param::with(
            "auto-answer",
            Kind::Flag,
            "false",
            "tell desk phones to answer by themselves, in the way of each make",
        ),
        Param::optional(
            "headers",
            Kind::Headers,
            "headers for who is called, `X-…` and `User-to-User`; an empty value writes none",
        ),
        Param::optional(
            "on",
            Kind::Branches(OUTCOMES),
            "steps for an outcome; `else` takes any failure not named. Behind them the plan goes on",
        ),
    ],
    shorthand: Some("phones"),
    after_hangup: false,
    xml: &[Xml {
        name: "bridge",
        data: "[{a=b}]user/NUMBER[@domain] or sofia/gateway/NAME/NUMBER; `,` at once, `|` in turn",
        read: dialstring::bridge,
    }],
    example: "{ dial = { phones = [\"1001\", \"1002\"], timeout = 20, ring = \"music\", record = true, on = { else = [{ play = \"care/busy\" }, { hangup = {} }] } } }",
    build: Build::Step(dial),
};

/// Who is called: all phones at once or in turn, then each gateway.
fn groups(args: &mut Args, draft: &mut Draft<'_>) -> Option<Vec<Vec<TargetOp>>> {
    let place = args.place;
    let phones = args.texts("phones").unwrap_or_default();
    let gateways = args.texts("gateway").unwrap_or_default();
    let number = args.text("number");
    let mut groups: Vec<Vec<TargetOp>> = Vec::new();
    if args.choice("order")? == "turn" {
        groups.extend(phones.into_iter().map(|phone| vec![TargetOp::Phone(phone)]));
    } else if !phones.is_empty() {
        groups.push(phones.into_iter().map(TargetOp::Phone).collect());
    }
    match (&number, gateways.is_empty()) {
        (None, false) => {
            draft.faults.error(place, "'dial' has a gateway and no number", "add number = \"…\"")
        }
        (Some(_), true) => draft.faults.error(
            place,
            "'dial' has a number and no gateway",
            "add gateway = \"…\", or name phones",
        ),
        _ => {}
    }
    let number = number.unwrap_or_else(|| Template::plain(""));
    groups.extend(
        gateways.into_iter().map(|name| vec![TargetOp::Gateway { name, number: number.clone() }]),
    );
    Some(groups)
}

fn dial(args: &mut Args, draft: &mut Draft<'_>) -> Option<Op> {
    let place = args.place;
    let groups = groups(args, draft)?;
    if groups.is_empty() {
        draft.faults.error(place, "'dial' calls nobody", "name phones, or a gateway and a number");
        return None;
    }
    let ring_ms = rings(args, draft);
    let music_place = args.place_of("music");
    let music = args.text("music")?;
    let meanwhile = match args.choice("ring")? {
        "music" => {
            draft.mention(Mentioned::Music, &music, music_place);
            MeanwhileOp::Music(music)
        }
        "early-media" => MeanwhileOp::EarlyMedia,
        _ => MeanwhileOp::Ringback,
    };
    Some(Op::Dial(Box::new(DialOp {
        brief: Vec::new(),
        groups: Groups::Fixed(groups),
        ring_ms,
        meanwhile,
        caller_number: args.text("caller-id"),
        caller_name: args.text("caller-name"),
        record: args.flag("record"),
        emergency: args.flag("emergency"),
        auto_answer: args.flag("auto-answer"),
        headers: args.headers("headers").unwrap_or_default(),
        on: args.branches("on"),
        variables: Vec::new(),
    })))
}

/// How long each of them rings.
fn rings(args: &mut Args, draft: &mut Draft<'_>) -> Option<u32> {
    let place = args.place_of("timeout");
    let ring_ms = args.time("timeout");
    if ring_ms == Some(0) {
        draft.faults.error(
            place,
            "'dial' gives up at once: its 'timeout' is 0",
            "write how long each of them rings, such as \"30 s\"",
        );
    }
    ring_ms
}
