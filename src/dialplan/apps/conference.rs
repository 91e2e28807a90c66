//! The application that brings a caller together with others: `conference`.

use super::param::{Args, Kind, Param};
use super::{App, Build, Xml, XmlCall};
use crate::dialplan::draft::{Draft, Mentioned};
use crate::dialplan::effect::Keys;
use crate::dialplan::fault::did_you_mean;
use crate::dialplan::model::{ConferenceOp, Media, Op};
use crate::dialplan::read_xml::path;
use crate::dialplan::template::Template;

/// Members that a conference has at most where the plan does not say.
const MOST: &str = "100";
/// Members that it can be given.
const MAX: u32 = 500;
/// How often a PIN is asked for in a FreeSWITCH plan.
const TRIES: u8 = 3;

/// `conference`.
pub static CONFERENCE: App = App {
    name: "conference",
    line: "Bring the caller into a conference, which begins with its first member and ends with its last. Afterwards `${conference_result}` is `left`, `kicked`, `locked`, `full` or `pin`, and the plan goes on.",
    params: &[
        Param::required("name", Kind::Text, "its name"),
        Param::with("pin", Kind::Text, "", "digits that are asked for; none if empty"),
        Param::with("prompt", Kind::Prompts, "collect/number", "what asks for them"),
        Param::with("invalid", Kind::Prompts, "collect/invalid", "played after wrong ones"),
        Param::with("tries", Kind::Count(1, 20), "3", "how often they are asked for at most"),
        Param::with("mute", Kind::Flag, "false", "the caller is not heard"),
        Param::with("deaf", Kind::Flag, "false", "the caller hears nothing"),
        Param::with(
            "agc",
            Kind::Flag,
            "false",
            "a soft or loud caller is brought to the level of the others by itself, by up to 15 dB",
        ),
        Param::with(
            "locked",
            Kind::Prompts,
            "conference/locked",
            "played when the conference is locked, unless `on` has steps for that",
        ),
        Param::with("full", Kind::Prompts, "conference/full", "likewise when it is full"),
        Param::with(
            "kicked",
            Kind::Prompts,
            "conference/kicked",
            "likewise to a caller whom an operator sends out",
        ),
        Param::optional(
            "music",
            Kind::Name(Mentioned::Music),
            "the class of music for the one who is alone",
        ),
        Param::with("tones", Kind::Flag, "false", "a tone tells who comes and who goes"),
        Param::with(
            "most",
            Kind::Count(1, MAX),
            MOST,
            "the most members; as `music` and `tones` it is the first caller's that holds",
        ),
        Param::with(
            "record",
            Kind::Flag,
            "false",
            "record the caller's call until it leaves: the caller on one channel, what it hears of the others on the other. The \
             home of a case that comes into it is recorded with it",
        ),
        Param::with("leave", Kind::Keys, "none", "keys with which the caller leaves"),
        Param::optional(
            "on",
            Kind::Branches(&["left", "kicked", "locked", "full", "pin", "else"]),
            "steps by what came of it; behind them the plan goes on",
        ),
    ],
    shorthand: Some("name"),
    after_hangup: false,
    xml: &[Xml {
        name: "conference",
        data: "NAME[@PROFILE][+[PIN][+flags{mute|deaf}]]",
        read: xml_conference,
    }],
    example: "{ conference = { name = \"sales\", pin = \"4711\", music = \"default\" } }",
    build: Build::Step(conference),
};

fn conference(args: &mut Args, draft: &mut Draft<'_>) -> Option<Op> {
    let place = args.place_of("music");
    let music = args.text("music");
    if let Some(music) = &music {
        draft.mention(Mentioned::Music, music, place);
    }
    Some(Op::Conference(Box::new(ConferenceOp {
        name: args.text("name")?,
        pin: args.text("pin")?,
        prompt: args.media("prompt"),
        invalid: args.media("invalid"),
        tries: args.count("tries")? as u8,
        muted: args.flag("mute"),
        deaf: args.flag("deaf"),
        agc: args.flag("agc"),
        locked: args.media("locked"),
        full: args.media("full"),
        kicked: args.media("kicked"),
        most: args.count("most")?,
        music,
        tones: args.flag("tones"),
        record: args.flag("record"),
        leave: args.keys("leave")?,
        on: args.branches("on"),
    })))
}

/// A member's flags in FreeSWITCH's form: `mute|deaf`.
fn member_flags(call: &mut XmlCall<'_, '_>, flags: &str, muted: &mut bool, deaf: &mut bool) {
    for flag in flags.split(['|', ',']).map(str::trim).filter(|f| !f.is_empty()) {
        match flag {
            "mute" => *muted = true,
            "deaf" => *deaf = true,
            other => call.lacks(
                format!("the conference flag '{other}' has no effect in Belfry"),
                did_you_mean(other, ["mute", "deaf"]),
            ),
        }
    }
}

/// FreeSWITCH's form. Its default profile plays music to who is alone and tones to the others, and
/// lets a member leave by the hash key.
fn xml_conference(call: &mut XmlCall<'_, '_>) -> Option<Op> {
    let data = call.data.trim();
    if let Some(rest) = data.strip_prefix("bridge:") {
        call.lacks(
            format!("'bridge:{rest}' calls others into the conference, which Belfry does not do"),
            "let them dial in, or use bridge",
        );
        return Some(Op::Lacking { app: "conference bridge:".into(), ends_call: true });
    }
    let mut parts = data.split('+');
    let (name, profile) = match parts.next().unwrap_or("").split_once('@') {
        Some((name, profile)) => (name, profile),
        None => (data.split('+').next().unwrap_or(""), "default"),
    };
    if name.is_empty() {
        return call.wrong("'conference' has no name", "write NAME@PROFILE+PIN");
    }
    if profile != "default" {
        call.lacks(
            format!("the conference profile '{profile}' is not read; Belfry's own holds"),
            "say what differs in a TOML step: conference = { name = …, music = …, most = … }",
        );
    }
    let (mut pin, mut muted, mut deaf) = ("", false, false);
    for part in parts {
        match part.strip_prefix("flags{").and_then(|flags| flags.strip_suffix('}')) {
            None => pin = part,
            Some(flags) => member_flags(call, flags, &mut muted, &mut deaf),
        }
    }
    let (prompt, invalid) = (sound(call, "collect/number"), sound(call, "collect/invalid"));
    let refusals = ["conference/locked", "conference/full", "conference/kicked"];
    let [locked, full, kicked] = refusals.map(|name| sound(call, name));
    Some(Op::Conference(Box::new(ConferenceOp {
        name: call.template(name),
        pin: call.template(pin),
        prompt,
        invalid,
        tries: TRIES,
        locked,
        full,
        kicked,
        muted,
        deaf,
        agc: false,
        most: MAX,
        music: Some(Template::plain("default")),
        tones: true,
        record: false,
        leave: Keys::parse("#").unwrap_or_default(),
        on: Vec::new(),
    })))
}

fn sound(call: &mut XmlCall<'_, '_>, name: &str) -> Vec<Media> {
    path::read(call.draft, name, call.place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::LoadEnv;
    use crate::dialplan::fault::Place;

    /// What FreeSWITCH's `data` becomes, and what is said about it.
    fn read(data: &str) -> (Option<Op>, Vec<String>) {
        let env = LoadEnv::default();
        let mut draft = Draft::new(vec!["a.xml".into()], &env);
        let place = Place::default();
        let mut call = XmlCall { draft: &mut draft, app: "conference", data, place };
        let op = xml_conference(&mut call);
        (op, draft.faults.into_sorted().into_iter().map(|fault| fault.what).collect())
    }

    #[test]
    fn freeswitchs_forms() {
        let (op, faults) = read("sales@default+4711+flags{mute|deaf}");
        let Some(Op::Conference(op)) = op else { panic!("a conference") };
        assert_eq!((op.name.source(), op.pin.source()), ("sales", "4711"));
        assert!(op.muted && op.deaf && op.tones && op.leave.has('#') && faults.is_empty());

        let (op, faults) = read("sales@wideband+flags{moderator}");
        let Some(Op::Conference(op)) = op else { panic!("a conference") };
        assert_eq!((op.name.source(), op.pin.source(), op.muted), ("sales", "", false));
        assert!(
            faults[0].contains("'wideband'") && faults[1].contains("'moderator'"),
            "{faults:?}"
        );

        let (op, faults) = read("3000");
        assert!(matches!(op, Some(Op::Conference(op)) if op.name.source() == "3000"));
        assert!(faults.is_empty());
        assert!(read("").0.is_none());
        assert!(matches!(read("bridge:x:user/1").0, Some(Op::Lacking { ends_call: true, .. })));
    }
}
