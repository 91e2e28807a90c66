//! `queue`: the caller waits for an agent.

use super::param::{Args, Kind, Param};
use super::{App, Build, Xml, XmlCall};
use crate::dialplan::draft::{Draft, Mentioned};
use crate::dialplan::model::{Op, QueueOp};
use crate::dialplan::template::Template;

/// The most priority.
const MOST: u32 = 100;
const OUTCOMES: &[&str] = &[
    "answered",
    "timeout",
    "full",
    "no-agents",
    "closed",
    "unknown",
    "call-back",
    "key",
    "key-0",
    "key-1",
    "key-2",
    "key-3",
    "key-4",
    "key-5",
    "key-6",
    "key-7",
    "key-8",
    "key-9",
    "key-*",
    "key-#",
    "else",
];

/// `queue`.
pub static QUEUE: App = App {
    name: "queue",
    line: "Let the caller wait in a queue (`[[queue]]`) until an agent has it. When the agent hangs up, or the wait ends otherwise, `${queue_result}` is `answered`, `timeout`, `full`, `no-agents`, `closed`, `unknown`, `call-back` or `key` (which one is in `${queue_key}`), and the plan goes on.",
    params: &[
        Param::required("name", Kind::Name(Mentioned::Queue), "the queue"),
        Param::with("priority", Kind::Count(0, MOST), "0", "the higher, the earlier its turn"),
        Param::with("vip", Kind::Flag, "false", "50 points of priority more"),
        Param::optional("region", Kind::Text, "the caller's region, as agents name theirs"),
        Param::optional(
            "timeout",
            Kind::Time,
            "how long it waits at most; the queue's `longest` holds as well",
        ),
        Param::with("exit", Kind::Keys, "none", "keys with which the caller leaves"),
        Param::with(
            "call-back",
            Kind::Keys,
            "none",
            "keys with which the caller asks to be called back, where the queue does that",
        ),
        Param::optional(
            "on",
            Kind::Branches(OUTCOMES),
            "steps by what came of it, `key-1` before `key`; `else` takes what is not named. Behind them the plan goes on",
        ),
    ],
    shorthand: Some("name"),
    after_hangup: false,
    xml: &[Xml { name: "callcenter", data: "QUEUE[@DOMAIN]", read: xml_callcenter }],
    example: "{ queue = { name = \"care\", priority = 5, exit = \"0\", on = { answered = [{ hangup = {} }], else = [{ play = \"care/busy\" }] } } }",
    build: Build::Step(queue),
};

fn queue(args: &mut Args, draft: &mut Draft<'_>) -> Option<Op> {
    let place = args.place_of("name");
    let name = args.text("name")?;
    draft.mention(Mentioned::Queue, &name, place);
    Some(Op::Queue(Box::new(QueueOp {
        name,
        priority: args.count("priority")?,
        vip: args.flag("vip"),
        region: args.text("region"),
        longest_ms: args.time("timeout"),
        exit: args.keys("exit")?,
        call_back: args.keys("call-back")?,
        on: args.branches("on"),
    })))
}

/// FreeSWITCH's form: the queue's name, the domain left out.
fn xml_callcenter(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let name = call.data.trim();
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    if name.is_empty() {
        return call.wrong("'callcenter' has no queue", "write QUEUE@DOMAIN");
    }
    let name: Template = call.template(name);
    call.mention(Mentioned::Queue, &name);
    Some(Op::Queue(Box::new(QueueOp {
        name,
        priority: 0,
        vip: false,
        region: None,
        longest_ms: None,
        exit: crate::dialplan::effect::Keys::NONE,
        call_back: crate::dialplan::effect::Keys::NONE,
        on: Vec::new(),
    })))
}
