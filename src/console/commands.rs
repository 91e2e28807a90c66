//! The table of commands, from which parsing, help and completion follow.

mod agent;
mod alarm;
mod ban;
mod campaign;
mod care_call;
mod case;
mod complete;
mod desk;
mod filter;
mod gateway;
mod guard;
mod line;
mod named;
mod plan;
mod records;
mod room;
pub mod subscriber;
mod supervise;
pub mod survey;
mod tracing;

pub use complete::complete;
pub use filter::Filter;
pub use line::{audited, help, help_listed, parse};
use tracing::{trace, trace_on};

use crate::base::CallId;
use crate::call::conference::Change;
use crate::switch::Request;
use crate::switch::console::{
    CampaignOrder, CareCallOrder, DeskOrder, GuardOrder, PlanOrder, RoomOrder,
};

/// What a line asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum Order {
    /// A question to the switch.
    Ask(Request),
    /// Read configuration, dialplan and prompts anew.
    Reload,
    /// Change what is logged.
    LogLevel(String),
    /// Figures for Prometheus.
    Metrics,
    /// Which version runs.
    Version,
    /// Since when.
    Uptime,
    /// The RTP workers' figures.
    Workers,
    /// The SIP sockets' figures.
    Sip,
    /// The messages of a call: shown, or as a capture file.
    Trace(CallId, Option<String>),
    /// The alarms that stand, and the last that are over.
    Alarms,
    /// Somebody sees to an alarm: its number, and who.
    Ack(u32, String),
    /// A letter, to try whether letters arrive.
    Mail(String),
    /// So many of the last calls, from the records.
    Records(u32),
    /// All that is recorded of one call.
    Record(CallId),
    /// What happens, as it happens.
    Events(Filter),
    /// What the attaching side does itself.
    Attached(&'static str),
    /// How wide tables may be for this console; none: as wide as they are.
    Columns(Option<u16>),
    /// Help, on one command or all.
    Help(String),
    /// About subscribers; who. Empty: the console.
    Subscriber(subscriber::SubscriberOrder, String),
    /// Read campaigns' lists anew, and whom nobody may call.
    CampaignReload,
    /// The reports that are made by themselves.
    Reports,
    /// Take a campaign's list away.
    CampaignClear(String),
    /// About surveys.
    Survey(survey::SurveyOrder),
    /// Leave.
    Quit,
}

/// What follows the words of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument {
    /// Nothing.
    None,
    /// The id of a call in being.
    Call,
    /// The id of a call in the records.
    Record,
    /// One of these words.
    Word(&'static [&'static str]),
    /// These words, named as the help names them.
    Words(&'static str),
    /// Words, or none, named as the help names them.
    Rest(&'static str),
}

/// One command.
pub struct Command {
    /// Its words.
    pub words: &'static str,
    /// What follows them.
    pub argument: Argument,
    /// What it does, in one line.
    pub what: &'static str,
    /// An example.
    pub example: &'static str,
    make: fn(&str) -> Result<Order, String>,
}

impl Order {
    /// Whether it changes something: such are written down with who gave them.
    pub fn has_effect(&self) -> bool {
        match self {
            Order::Ask(request) => changes(request),
            Order::Reload | Order::LogLevel(_) | Order::Ack(..) | Order::Mail(_) => true,
            // What was said in a call is in the file.
            Order::Trace(_, file) => file.is_some(),
            Order::Subscriber(order, _) => order.has_effect(),
            Order::CampaignReload | Order::CampaignClear(_) => true,
            Order::Reports => false,
            Order::Survey(order) => order.has_effect(),
            Order::Metrics
            | Order::Version
            | Order::Uptime
            | Order::Workers
            | Order::Alarms
            | Order::Sip
            | Order::Records(_)
            | Order::Record(_)
            | Order::Events(_)
            | Order::Attached(_)
            | Order::Columns(_)
            | Order::Help(_)
            | Order::Quit => false,
        }
    }
}

/// Whether what is asked of the exchange changes something.
fn changes(request: &Request) -> bool {
    use Request::{
        AgentOrder, Agents, Ban, Bans, Call, CallBacks, Calls, Campaign, CareCall, Case, Cases,
        CloseCase, Correct, Cti, Desk, Dial, Forms, GatewayOrder, Gateways, Guard, Hangup, Phones,
        Plan, Queues, Room, RoomOrder, Rooms, Score, Status, Supervise, Supervised, Supervises,
        SupervisesAll, TraceOff, TraceOn, TroubleOver, TrustClock, Unban, Unit,
    };
    // No "all others": whoever adds an order says whether it is written down.
    match request {
        Status
        | Calls
        | Call(_)
        | Phones
        | Gateways
        | Bans
        | Agents
        | Queues
        | CallBacks
        | Forms
        | Supervises(..)
        | Supervised(_)
        | SupervisesAll(_)
        | Cases
        | Case(_)
        | Rooms
        | Room(_)
        | Guard(GuardOrder::List, _)
        | Plan(PlanOrder::List, _)
        | CareCall(CareCallOrder::List, _)
        | Campaign(CampaignOrder::List | CampaignOrder::Offer(_), _) => false,
        GatewayOrder(..)
        | Ban(..)
        | Unban(_)
        | TrustClock
        | TraceOn(..)
        | TraceOff
        | Hangup(_)
        | AgentOrder(..)
        | Supervise { .. }
        | Desk(..)
        | Dial { .. }
        | CloseCase(..)
        | TroubleOver(..)
        | Unit { .. }
        | Correct(_)
        | RoomOrder(..)
        | Guard(..)
        | Plan(..)
        | CareCall(..)
        | Campaign(..)
        | Score(..)
        | Cti(..) => true,
    }
}

/// The levels of the log.
pub const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

/// All commands.
pub const COMMANDS: &[Command] = &[
    Command {
        words: "show status",
        argument: Argument::None,
        what: "How it goes as a whole: calls, registrations, what is refused",
        example: "show status",
        make: |_| Ok(Order::Ask(Request::Status)),
    },
    Command {
        words: "show alarms",
        argument: Argument::None,
        what: "The alarms that stand and the last that are over: since when, who sees to it, where to look",
        example: "show alarms",
        make: |_| Ok(Order::Alarms),
    },
    Command {
        words: "alarm ack",
        argument: Argument::Words("ALARM [NAME]"),
        what: "Say that somebody sees to an alarm, by its number in 'show alarms'",
        example: "alarm ack 3 li",
        make: alarm::ack,
    },
    Command {
        words: "mail",
        argument: Argument::Words("ADDRESS"),
        what: "Send a letter, to try whether letters arrive: see [mail]",
        example: "mail night@care.example",
        make: alarm::mail,
    },
    Command {
        words: "show calls",
        argument: Argument::None,
        what: "The calls in being",
        example: "show calls",
        make: |_| Ok(Order::Ask(Request::Calls)),
    },
    Command {
        words: "show call",
        argument: Argument::Call,
        what: "One call with its channels: parties, states, RTP addresses, codecs",
        example: "show call 01KAF3Q8ZK004",
        make: |id| Ok(Order::Ask(Request::Call(call(id)?))),
    },
    Command {
        words: "show records",
        argument: Argument::Rest("[N]"),
        what: "The last calls, 20 or so many, the newest first: when, who, how long, why they ended",
        example: "show records 50",
        make: records::list,
    },
    Command {
        words: "show record",
        argument: Argument::Record,
        what: "All that is recorded of one call: legs with their figures, fields, recordings, answers, events",
        example: "show record 01KAF3Q8ZK004",
        make: records::one,
    },
    Command {
        words: "show phones",
        argument: Argument::None,
        what: "The phones and where they are registered",
        example: "show phones",
        make: |_| Ok(Order::Ask(Request::Phones)),
    },
    Command {
        words: "show gateways",
        argument: Argument::None,
        what: "The gateways: whether they answer, are in service, channels in use, their trunks",
        example: "show gateways",
        make: |_| Ok(Order::Ask(Request::Gateways)),
    },
    Command {
        words: "show agents",
        argument: Argument::None,
        what: "The agents: where they are signed in, what they do, since when",
        example: "show agents",
        make: |_| Ok(Order::Ask(Request::Agents)),
    },
    Command {
        words: "show queues",
        argument: Argument::None,
        what: "The queues: who waits, how long, how many agents are there",
        example: "show queues",
        make: |_| Ok(Order::Ask(Request::Queues)),
    },
    Command {
        words: "show callbacks",
        argument: Argument::None,
        what: "Who is to be called back: number, place, attempts, the agent who is asked",
        example: "show callbacks",
        make: |_| Ok(Order::Ask(Request::CallBacks)),
    },
    Command {
        words: "show cases",
        argument: Argument::None,
        what: "The open cases of alarms, and what is wrong with units",
        example: "show cases",
        make: |_| Ok(Order::Ask(Request::Cases)),
    },
    Command {
        words: "close",
        argument: Argument::Words("CASE OUTCOME"),
        what: "Close a case, and write down how it ended",
        example: "close 4711 pressed by mistake",
        make: case::close,
    },
    Command {
        words: "trouble over",
        argument: Argument::Words("UNIT TROUBLE [DEVICE]"),
        what: "Take off the technical list what its device will not end: it was replaced, or has gone",
        example: "trouble over 26317 battery 0002",
        make: case::trouble_over,
    },
    Command {
        words: "show case",
        argument: Argument::Words("CASE"),
        what: "One open case: whose it is, with all that is known of the subscriber",
        example: "show case 4711",
        make: case::show,
    },
    Command {
        words: "unit",
        argument: Argument::Words("CASE duplex|listen|talk|louder|softer|door|clear [confirm]"),
        what: "Tell the unit of a case something in its call, by the keys of its protocol; a door wants 'confirm'",
        example: "unit 4711 listen",
        make: case::unit,
    },
    Command {
        words: "show plans",
        argument: Argument::None,
        what: "The response plans: what begins them, their steps, the cases for which they run",
        example: "show plans",
        make: |_| Ok(Order::Ask(Request::Plan(PlanOrder::List, String::new()))),
    },
    Command {
        words: "plan",
        argument: Argument::Words(
            "start CASE PLAN | stop CASE | skip CASE | step CASE NUMBER | send CASE RESOURCE",
        ),
        what: "Take a case's response plan over: begin one, end it, go on with the next step or with another, send \
               the subscriber's sheet to a resource. 'show case' says what has happened",
        example: "plan start 4711 fall",
        make: plan::order,
    },
    Command {
        words: "show campaigns",
        argument: Argument::None,
        what: "the outbound campaigns: whether each calls, whom it has reached, who is left",
        example: "show campaigns",
        make: |_| Ok(Order::Ask(Request::Campaign(CampaignOrder::List, String::new()))),
    },
    Command {
        words: "show reports",
        argument: Argument::None,
        what: "the reports that are made by themselves: the last one and the next",
        example: "show reports",
        make: |_| Ok(Order::Reports),
    },
    Command {
        words: "campaign",
        argument: Argument::Words(
            "start|pause|stop|clear CAMPAIGN | offer|take|skip AGENT | reload",
        ),
        what: "begin, hold or end an outbound campaign, take its list away; whom an agent is shown, and take or skip him",
        example: "campaign start spring",
        make: campaign::order,
    },
    Command {
        words: "show care-calls",
        argument: Argument::None,
        what: "Calls on a schedule: when each list begins, how far its round is",
        example: "show care-calls",
        make: |_| Ok(Order::Ask(Request::CareCall(CareCallOrder::List, String::new()))),
    },
    Command {
        words: "care-call",
        argument: Argument::Words("start LIST REGION|all [TEXT] | stop LIST"),
        what: "Begin a list of calls now, for a region or all, with a text (such as a warning's prompt); or call nobody of it any more",
        example: "care-call start storm south care/storm-tonight",
        make: care_call::order,
    },
    Command {
        words: "guard",
        argument: Argument::Words("list | lock NUMBER [DAYS] | lift LOCKED | white NUMBER on|off"),
        what: "Who is locked out for calling again and again; lock, let in, white list. Alarms come in all the same",
        example: "guard lock 013800138000 3",
        make: guard::order,
    },
    Command {
        words: "subscriber list",
        argument: Argument::Rest("[TEXT]"),
        what: "The subscribers, or those whose number, name, address or region holds a text",
        example: "subscriber list south",
        make: subscriber::list,
    },
    Command {
        words: "subscriber show",
        argument: Argument::Words("SUBSCRIBER"),
        what: "One subscriber: all fields, its unit, who changed what",
        example: "subscriber show 076088881234",
        make: subscriber::show,
    },
    Command {
        words: "subscriber add",
        argument: Argument::Words("NUMBER [NAME]"),
        what: "A new subscriber, with a number and a name",
        example: "subscriber add 076088881234 Wang Xiuying",
        make: subscriber::add,
    },
    Command {
        words: "subscriber set",
        argument: Argument::Words("SUBSCRIBER FIELD TEXT"),
        what: "Set a field of a subscriber, or empty it",
        example: "subscriber set 076088881234 check_in 08:00 20:00",
        make: subscriber::set,
    },
    Command {
        words: "subscriber remove",
        argument: Argument::Words("SUBSCRIBER"),
        what: "Take a subscriber out; open cases stay",
        example: "subscriber remove 076088881234",
        make: subscriber::remove,
    },
    Command {
        words: "subscriber reload",
        argument: Argument::Rest("[SUBSCRIBER...]"),
        what: "Read all subscribers anew, or those of these numbers, after another program has changed them",
        example: "subscriber reload",
        make: subscriber::reload,
    },
    Command {
        words: "agent",
        argument: Argument::Words("AGENT ready|break|signout|unlock"),
        what: "Force an agent's state, or let it sign in again after wrong PINs",
        example: "agent 7001 break",
        make: agent::order,
    },
    Command {
        words: "supervise",
        argument: Argument::Words(
            "listen|whisper|barge|disconnect|takeover|ready|break|signout|unlock AGENT|CALL SUPERVISOR",
        ),
        what: "Have a supervisor be with an agent's talk (its phone is called), end it, take it over, or force a state",
        example: "supervise listen 7001 7900",
        make: supervise::order,
    },
    Command {
        words: "survey",
        argument: Argument::Words(
            "list | answers SURVEY [CALL] | correct CALL SURVEY QUESTION KEY [WHY]",
        ),
        what: "Surveys: which were asked, who answered what in the last thirty days and whether it counts; put an answer right, with what it was kept",
        example: "survey correct 01KAF3Q8ZK004 service satisfaction 2 heard in the recording",
        make: survey::order,
    },
    Command {
        words: "show workers",
        argument: Argument::None,
        what: "The RTP workers: legs, packets, late ticks, drops",
        example: "show workers",
        make: |_| Ok(Order::Workers),
    },
    Command {
        words: "show sip",
        argument: Argument::None,
        what: "The SIP sockets: connections, messages, what was refused",
        example: "show sip",
        make: |_| Ok(Order::Sip),
    },
    Command {
        words: "trace",
        argument: Argument::Words("CALL [FILE.pcap]"),
        what: "The SIP messages of a call and its legs' figures, while it is up or a day later; or as a file for Wireshark, with the audio of its recordings",
        example: "trace 01KAF3Q8ZK004",
        make: trace,
    },
    Command {
        words: "trace on",
        argument: Argument::Words("NUMBER|CALL [MINUTES | --for TIME]"),
        what: "Show the calls of a number, or one call, as they go, for 10 or so many minutes, until Ctrl-C: routes asked and why not, each step, variables, SIP",
        example: "trace on 013800138000 --for 30 s",
        make: trace_on,
    },
    Command {
        words: "trace off",
        argument: Argument::None,
        what: "Show no calls any more: ends what 'trace on' shows, on all consoles",
        example: "trace off",
        make: |_| Ok(Order::Ask(Request::TraceOff)),
    },
    Command {
        words: "show bans",
        argument: Argument::None,
        what: "Who is not heard, why, and for how long still",
        example: "show bans",
        make: |_| Ok(Order::Ask(Request::Bans)),
    },
    Command {
        words: "ban",
        argument: Argument::Words("ADDRESS [MINUTES]"),
        what: "Hear nothing of an address (of IPv6: its /64) for a day, or so many minutes",
        example: "ban 203.0.113.9 60",
        make: ban::ban,
    },
    Command {
        words: "unban",
        argument: Argument::Words("BANNED|all"),
        what: "Hear an address again, or all",
        example: "unban 203.0.113.9",
        make: ban::unban,
    },
    Command {
        words: "trust clock",
        argument: Argument::None,
        what: "The clock is right though it leapt: remove recordings that are past their time by it",
        example: "trust clock",
        make: |_| Ok(Order::Ask(Request::TrustClock)),
    },
    Command {
        words: "hangup",
        argument: Argument::Call,
        what: "End a call",
        example: "hangup 01KAF3Q8ZK004",
        make: |id| Ok(Order::Ask(Request::Hangup(call(id)?))),
    },
    Command {
        words: "call",
        argument: Argument::Words("PHONE NUMBER"),
        what: "Have a phone call a number: it rings, or answers by itself, and then the number is dialled",
        example: "call 1001 013800138000",
        make: desk::call,
    },
    Command {
        words: "answer",
        argument: Argument::Words("PHONE"),
        what: "Have a phone answer what rings there",
        example: "answer 1001",
        make: |phone| desk::order(phone, DeskOrder::Answer),
    },
    Command {
        words: "hold",
        argument: Argument::Words("PHONE"),
        what: "Have a phone put its call on hold",
        example: "hold 1001",
        make: |phone| desk::order(phone, DeskOrder::Hold),
    },
    Command {
        words: "resume",
        argument: Argument::Words("PHONE"),
        what: "Have a phone take its call back from hold",
        example: "resume 1001",
        make: |phone| desk::order(phone, DeskOrder::Resume),
    },
    Command {
        words: "gateway",
        argument: Argument::Words("GATEWAY drain|busy|up"),
        what: "Send no new call out by a gateway, nor take one from it (busy), or again; calls in being go on",
        example: "gateway e1-a drain",
        make: gateway::order,
    },
    Command {
        words: "room list",
        argument: Argument::None,
        what: "The conferences",
        example: "room list",
        make: |_| Ok(Order::Ask(Request::Rooms)),
    },
    Command {
        words: "room show",
        argument: Argument::Words("ROOM"),
        what: "One conference with its members: who is muted, deaf, speaking",
        example: "room show sales",
        make: |room| Ok(Order::Ask(Request::Room(room.into()))),
    },
    Command {
        words: "room kick",
        argument: Argument::Words("ROOM MEMBER|all"),
        what: "Send a member out of a conference, by number or leg, or all",
        example: "room kick sales 1001",
        make: |rest| room::order(rest, |who, _| Ok(RoomOrder::Kick(who)), 0),
    },
    Command {
        words: "room mute",
        argument: Argument::Words("ROOM MEMBER|all"),
        what: "Let nobody hear a member",
        example: "room mute sales all",
        make: |rest| room::change(rest, Change::Muted(true)),
    },
    Command {
        words: "room unmute",
        argument: Argument::Words("ROOM MEMBER|all"),
        what: "Let a member be heard again",
        example: "room unmute sales leg-12",
        make: |rest| room::change(rest, Change::Muted(false)),
    },
    Command {
        words: "room deaf",
        argument: Argument::Words("ROOM MEMBER|all"),
        what: "Let a member hear nobody",
        example: "room deaf sales 1001",
        make: |rest| room::change(rest, Change::Deaf(true)),
    },
    Command {
        words: "room undeaf",
        argument: Argument::Words("ROOM MEMBER|all"),
        what: "Let a member hear again",
        example: "room undeaf sales 1001",
        make: |rest| room::change(rest, Change::Deaf(false)),
    },
    Command {
        words: "room gain",
        argument: Argument::Words("ROOM MEMBER|all DB"),
        what: "Make a member louder or quieter to the others, -24 to 24 dB",
        example: "room gain sales 1001 -6",
        make: |rest| room::order(rest, room::gain, 1),
    },
    Command {
        words: "room lock",
        argument: Argument::Words("ROOM"),
        what: "Let nobody into a conference any more",
        example: "room lock sales",
        make: |room| room::lock(room, true),
    },
    Command {
        words: "room unlock",
        argument: Argument::Words("ROOM"),
        what: "Let members in again",
        example: "room unlock sales",
        make: |room| room::lock(room, false),
    },
    Command {
        words: "room announce",
        argument: Argument::Words("ROOM MEMBER|all PROMPT"),
        what: "Play a prompt to a member, instead of the conference, or to all, with it",
        example: "room announce sales all please-wait",
        make: |rest| {
            room::order(rest, |who, prompt| Ok(RoomOrder::Announce(who, prompt.into())), 1)
        },
    },
    Command {
        words: "reload",
        argument: Argument::Rest("[NOTE]"),
        what: "Read configuration, dialplan and prompts anew: all or nothing; a note of why stands in the log",
        example: "reload",
        make: |_| Ok(Order::Reload),
    },
    Command {
        words: "log level",
        argument: Argument::Word(LEVELS),
        what: "The least important lines that are logged",
        example: "log level debug",
        make: |level| Ok(Order::LogLevel(level.into())),
    },
    Command {
        words: "events",
        argument: Argument::Rest("[KIND...] [FIELD=VALUE...]"),
        what: "What happens, as it happens: everything, or of these kinds and with these fields; ends with the connection",
        example: "events call_began gateway=e1-a",
        make: filter::events,
    },
    Command {
        words: "top",
        argument: Argument::None,
        what: "Calls, agents, queues, gateways and workers on the whole screen, once a second; q leaves",
        example: "top",
        make: |_| Ok(Order::Attached("top")),
    },
    Command {
        words: "watch",
        argument: Argument::Words("[SECONDS] COMMAND"),
        what: "Show a command's answer again and again, every two or so many seconds; Ctrl-C ends it",
        example: "watch 5 show queues",
        make: |_| Ok(Order::Attached("watch")),
    },
    Command {
        words: "columns",
        argument: Argument::Words("COLUMNS"),
        what: "Fit the tables of this console into so many columns, as a session does by itself; 0: as wide as they are",
        example: "columns 120",
        make: columns,
    },
    Command {
        words: "metrics",
        argument: Argument::None,
        what: "All figures, as Prometheus reads them",
        example: "metrics",
        make: |_| Ok(Order::Metrics),
    },
    Command {
        words: "version",
        argument: Argument::None,
        what: "Which version runs",
        example: "version",
        make: |_| Ok(Order::Version),
    },
    Command {
        words: "uptime",
        argument: Argument::None,
        what: "Since when it runs",
        example: "uptime",
        make: |_| Ok(Order::Uptime),
    },
    Command {
        words: "help",
        argument: Argument::Rest("[COMMAND]"),
        what: "This list, or help on one command",
        example: "help show calls",
        make: |topic| Ok(Order::Help(topic.into())),
    },
    Command {
        words: "quit",
        argument: Argument::None,
        what: "Leave the console; the appliance goes on",
        example: "quit",
        make: |_| Ok(Order::Quit),
    },
];

/// The narrowest terminal that tables are fitted to, in columns: below it each letter would stand on a line of its own.
const NARROWEST: u16 = 40;

/// `COLUMNS`.
fn columns(rest: &str) -> Result<Order, String> {
    match rest.parse::<u16>() {
        Ok(0) => Ok(Order::Columns(None)),
        Ok(columns) if columns >= NARROWEST => Ok(Order::Columns(Some(columns))),
        _ => Err(format!("write {NARROWEST} to {} columns, or 0: columns 120", u16::MAX)),
    }
}

fn call(id: &str) -> Result<CallId, String> {
    id.parse().map_err(|error| format!("{error}; 'show calls' lists those in being"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_parses() {
        for command in COMMANDS {
            assert!(parse(command.example).is_ok(), "{}", command.example);
            assert!(help(command.words).unwrap().contains(command.what));
        }
        assert_eq!(help("").unwrap().lines().count(), COMMANDS.len());
        assert!(help("room").unwrap().contains("room list"));
        assert!(help("roo").is_err());
        for (line, logged) in [
            ("subscriber add 0760 Wang Xiuying", "subscriber add 0760 …"),
            ("subscriber set 0760 address East Street 5", "subscriber set 0760 address …"),
            ("Subscriber SET 0760 medical diabetes", "Subscriber SET 0760 medical …"),
            ("subscriber remove 0760", "subscriber remove 0760"),
            ("close 4711 fell, broke her hip", "close 4711 …"),
            ("CLOSE 4711 well", "CLOSE 4711 …"),
            ("close 4711", "close 4711"),
            ("hangup 01KAF3Q8ZK004", "hangup 01KAF3Q8ZK004"),
        ] {
            assert_eq!(audited(line), logged);
        }
        let listed = help_listed("");
        assert_eq!(listed.as_array().unwrap().len(), COMMANDS.len());
        assert_eq!(help_listed("reload")[0]["command"], "reload");
    }

    #[test]
    fn mistakes_get_a_remedy() {
        assert!(parse("show cals").unwrap_err().contains("did you mean 'show calls'"));
        let show = parse("show").unwrap_err();
        assert!(show.contains("one of:") && show.contains(" calls,"), "{show}");
        assert!(parse("hangup").unwrap_err().contains("needs a call's id"));
        assert!(parse("hangup xyz").unwrap_err().contains("show calls"));
        assert!(parse("show records none").unwrap_err().contains("1 to 1000"));
        assert!(parse("show record 5").unwrap_err().contains("show records"));
        assert!(parse("log level loud").unwrap_err().contains("error, warn"));
        assert!(parse("version 2").unwrap_err().contains("leave out '2'"));
        assert!(parse("").unwrap_err().contains("help"));
        assert!(parse("room kick").unwrap_err().contains("room kick sales 1001"));
        assert!(parse("room kick sales").unwrap_err().contains("MEMBER"));
        assert!(parse("room gain sales 1001 loud").unwrap_err().contains("-24 to 24"));
        assert!(parse("gateway e1-a").unwrap_err().contains("drain, busy or up"));
        assert!(parse("gateway e1-a down").unwrap_err().contains("drain, busy or up"));
        assert!(parse("ban 203.0.113").unwrap_err().contains("ban 203.0.113.9 60"));
        assert!(parse("ban 203.0.113.9 0").unwrap_err().contains("minutes"));
        assert!(parse("trace on 138 500").unwrap_err().contains("1 to 120"));
        for wrong in ["--for", "--for x", "--for 0 s", "--for 3 h", "--for 30 s more", "for 30 s"] {
            let why = parse(&format!("trace on 138 {wrong}")).unwrap_err();
            assert!(why.contains("--for 30 s"), "{wrong}: {why}");
        }
        assert!(parse("columns 12").unwrap_err().contains("40 to"));
        assert_eq!(parse("columns 0"), Ok(Order::Columns(None)));
        assert!(parse("unban everybody").unwrap_err().contains("all"));
        assert!(parse("room gain sales 1001 30").unwrap_err().contains("-24 to 24"));
    }

    #[test]
    fn calls_are_watched_for_ten_minutes_or_as_long_as_is_said() {
        let time = |line: &str| match parse(&format!("trace on 138{line}")) {
            Ok(Order::Ask(Request::TraceOn(_, time))) => time.as_secs(),
            other => panic!("{line}: {other:?}"),
        };
        let times = ["", " 5", " --for 30 s", " --for 30s", " --for 2 min", " --for 2min"];
        assert_eq!(times.map(time), [600, 300, 30, 30, 120, 120]);
    }
}
