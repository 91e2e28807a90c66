//! Help and the reference page, made from the table of applications.
//!
//! `belfry help app NAME` prints [`help`]; docs/dialplan.md is [`reference_markdown`], and a test
//! compares the two, so that the page cannot fall behind the table.

use core::fmt::Write;

use super::param::{Default, Kind, Param};
use super::sections::{QUESTION, SECTIONS, WHEN};
use super::{APPS, App, lacking};
use crate::dialplan::cause::Cause;
use crate::dialplan::{say, trial};

/// The help of one application, by its TOML or FreeSWITCH name; `None` when there is none.
pub fn help(name: &str) -> Option<String> {
    if let Some(app) = super::find(name).or_else(|| super::find_xml(name).map(|(app, _)| app)) {
        return Some(one(app));
    }
    let lack = lacking::find(name)?;
    Some(format!("{name}: FreeSWITCH's; Belfry lacks it.\nInstead: {}.\n", lack.remedy))
}

/// The applications, one a line with what it does.
pub fn list() -> String {
    let line = |app: &&App| format!("{:14} {}\n", app.name, app.line);
    APPS.iter().map(line).collect()
}

fn one(app: &App) -> String {
    let mut out = format!("{}\n    {}\n", app.name, app.line);
    for param in app.params {
        let short = if app.shorthand == Some(param.name) { ", the bare value" } else { "" };
        let _ = writeln!(
            out,
            "\n  {} ({}; {}{short})",
            param.name,
            param.kind.describe(),
            default(param)
        );
        let _ = writeln!(out, "      {}", param.line);
    }
    let _ = writeln!(out, "\nExample: {}", app.example);
    for xml in app.xml {
        let _ = writeln!(out, "FreeSWITCH: {} – data: {}", xml.name, xml.data);
    }
    out
}

fn default(param: &Param) -> String {
    match param.default {
        Default::Required => "required".into(),
        Default::Nothing => "optional".into(),
        Default::Is(text) => format!("default `{text}`"),
    }
}

const INTRODUCTION: &str = "\
# The dialplan

This page is made from the table in `src/dialplan/apps`; a test fails when the two differ. To make it
anew: `BELFRY_WRITE_DOCS=1 cargo test --lib reference_page`.

A dialplan is a directory of files, `*.toml` in Belfry's spelling and `*.xml` in FreeSWITCH's, read in
the order of their names; `*.xml` in its folders where another file includes them. A call enters a **context** (its gateway's or phone's); the first **route** of
that context whose condition holds takes it and runs its **steps**. When the steps run out the call is
cleared. `belfry check` names every fault with line and column; `belfry dialplan explain --context C
--to N` says what a call would do.

```toml
[[route]]
name    = \"care line\"
context = \"gateway\"
when    = { to = \"4008001234\" }
steps   = [
  { answer = {} },
  { play = \"welcome\" },
  { menu = \"care\" },
]

[menu.care]
prompt = \"care/menu\"
keys   = { 1 = { dial = [\"1001\", \"1002\"] }, 0 = { dial = \"1000\" } }
```

A step is a table with one application: `{ play = \"welcome\" }`. A bare value is the application's
main parameter; a table gives several: `{ play = { prompts = \"welcome\", stop-on = \"any\" } }`.

## Values
- **Texts** may hold variables: `${name}`, a part `${name:2}`, `${name:0:3}`, `${name:-4}`, nested
  `${${kind}_menu}`, functions `${strftime(%H:%M)}`, `${strepoch()}`, `${cond(${a} == 5 ? yes : no)}`,
  `${regex(${from}|^0(.*)$|+86%1)}`, `${expr(${a} + 1)}`; `$1` to `$9` are what the groups of the condition caught, `$0` is the whole match; `\\$` is a dollar sign. A variable that is not set is empty;
  `belfry check` names those that nobody sets.
- **Number patterns**: digits, `*`, `#`, `+`; `x` any digit, `n` 2–9, `z` 1–9, `[15-7]` one of these, `.`
  one or more of anything at the end, `!` none or more, `( )` a group for `$1`. Between slashes stands a
  regular expression: `/^0(\\d+)$/`, `/…/i` without regard to case; it has no look-around and no
  back-references.
- **Prompts**: a name, or several in a list; of a list, one whose variable is empty is left out.
- **Times**: seconds (`5`) or `\"500 ms\"`, `\"20 s\"`, `\"1 min\"`.
- **Keys**: `\"*#\"`, `\"any\"`, `\"none\"`.
- **Causes**: a Q.850 number or name, or one of the words ";

const VARIABLES: &str = "\
## Variables that a call brings

| Variable | FreeSWITCH's name | Value |
|---|---|---|
| `to` | `destination_number` | the number called |
| `from` | `caller_id_number`, `ani` | the caller's number |
| `caller_raw` | | from a gateway: the caller's number as it came, before the gateway's rules |
| `caller_e164` | | the caller's number in E.164 (`+862088886666`), where it can be told: `[numbers]` |
| `caller_private` | | `true` when the caller does not want to be shown; `from` may be known all the same |
| `called_raw` | | the number called as it came, before the gateway's rules |
| `diverted_from`, `diversion_reason` | `rdnis` | who was called before and sent the call on; `unconditional`, `user-busy`, `no-answer` … |
| `caller_name` | `caller_id_name` | the caller's name |
| `context` | `context` | the context |
| `via` | `sip_gateway_name` | the gateway or phone it came by |
| `call_id` | `uuid` | the call's id |
| `network_addr` | `network_addr` | the address it came from |
| `domain` | `domain_name` | the SIP domain |
| `language` | `default_language` | the language, when set |
| `date`, `time`, `weekday` | | `2026-11-22`, `09:05`, `1` (Monday) to `7` |
| `dial_result` | `originate_disposition` | after a dial: `answered`, `busy`, `no-answer`, `rejected`, `unavailable`, `failed` (FreeSWITCH's: the Q.850 name) |
| `user_name` | `username`, `sip_auth_username` | from a phone: its number |
| `sip_from_host`, `sip_to_user`, `sip_to_host`, `sip_req_user`, `sip_req_host`, `sip_call_id`, `sip_user_agent` | the same | what the caller's INVITE says; its word alone |
| `sip_h_X-Case` and the like | the same | the caller's header of this name, in any case: `X-…`, `User-to-User`, `Subject`, `Priority`, `Call-Info`, `Alert-Info`; the first 20, 512 bytes each |
| `bridge_hangup_cause` | `last_bridge_hangup_cause` | after a dial: the Q.850 name of its end |
| `hangup_cause` | | after a dial that failed: the same |
| `dial_cause`, `dialed_by` | | the Q.850 number; who answered |
| `menu_status` | `ivr_menu_status` | after a menu: `success`, `timeout`, `failure` |
| `alarm_result` | | after an alarm-receiver: `speech`, `silent`, `garbled`, `nothing` |
| `collect_status` | `read_result` | after a collect: `ok` (`success`), `timeout`, `invalid` (`failure`) |
";

/// The reference page as Markdown.
pub fn reference_markdown() -> String {
    let mut out = String::from(INTRODUCTION);
    let words: Vec<_> =
        Cause::names().filter(|n| n.starts_with(|c: char| c.is_lowercase())).collect();
    let _ = writeln!(out, "`{}`.\n", words.join("`, `"));
    let _ = writeln!(out, "## Sections\n");
    for section in SECTIONS {
        let _ = writeln!(out, "### `{}`\n{}\n", section.header, section.line);
        table(&mut out, section.params);
        if section.name == "survey" {
            let _ = writeln!(out, "Each question:\n");
            table(&mut out, QUESTION);
        }
    }
    out.push_str(
        "### `[holidays]`\nNamed lists of days: `national = [\"2026-10-01..2026-10-07\", \"01-01\"]`. A day without a \
         year is of every year. Make-up working days are a list too.\n\n### `[variables]`\nVariables that every call \
         begins with: `region = \"Guangdong\"`.\n\n",
    );
    let _ = writeln!(out, "## Conditions\nThe keys of `when`; all that are given must hold.\n");
    table(&mut out, WHEN);
    let _ = writeln!(out, "## Applications\n");
    for app in APPS {
        application(&mut out, app);
    }
    out.push_str(VARIABLES);
    say_table(&mut out);
    trials(&mut out);
    freeswitch(&mut out);
    out
}

fn trials(out: &mut String) {
    let _ = writeln!(
        out,
        "## Tests\n\
         `belfry dialplan test FILE…` tries calls on the dialplan without a phone: files of `[[test]]` tables, each \
         a call and its path. What a path leaves out may happen; what it names must, in that order. Prompts are \
         taken for two seconds each. The command tells what happened instead, which routes no call took, and \
         exits with 1 when a path was not met; with `--coverage` it names each key, answer, branch and step too that \
         no call came by, and fails if there is one. The sample's stand in `dialplan/tests/`.\n\n\
         ```toml\n[[test]]\nname    = \"key 2 checks in\"\ncontext = \"gateway\"\nto      = \"4008001234\"\n\
         at      = \"2026-11-23 10:00\"\n\
         path    = [\"answer\", {{ hear = \"care/menu\" }}, {{ press = \"2\" }}, {{ hear = \"care/checked-in\" }}]\n```\n\n\
         | Key | |\n|---|---|"
    );
    for (key, line) in trial::KEYS {
        let _ = writeln!(out, "| `{key}` | {line} |");
    }
    let _ = writeln!(out, "\n| Line of a path | |\n|---|---|");
    for kind in trial::LINES {
        let spelt = match (kind.is_word, kind.with) {
            (true, _) => format!("\"{}\"", kind.key),
            (false, "") => format!("{{ {} = \"…\" }}", kind.key),
            (false, with) => format!("{{ {} = \"…\", {with} = \"…\" }}", kind.key),
        };
        let _ = writeln!(out, "| `{spelt}` | {} |", kind.line);
    }
    out.push('\n');
}

fn table(out: &mut String, params: &[Param]) {
    let _ = writeln!(out, "| Parameter | Value | | |\n|---|---|---|---|");
    for param in params {
        // A condition's `any` and `all` are lists of conditions, `to` and its like take lists.
        let kind = match param.kind {
            Kind::When if matches!(param.name, "any" | "all") => "conditions".into(),
            kind => kind.describe(),
        };
        let _ =
            writeln!(out, "| `{}` | {kind} | {} | {} |", param.name, default(param), param.line);
    }
    out.push('\n');
}

fn application(out: &mut String, app: &App) {
    let _ = writeln!(out, "### `{}`\n{}\n", app.name, app.line);
    let _ = writeln!(out, "```toml\n{}\n```\n", app.example);
    if !app.params.is_empty() {
        table(out, app.params);
    }
    if let Some(short) = app.shorthand {
        let _ = writeln!(out, "A bare value is `{short}`.\n");
    }
    for xml in app.xml {
        let _ = writeln!(out, "FreeSWITCH: `{}` – {}.\n", xml.name, xml.data);
    }
}

fn say_table(out: &mut String) {
    let kinds: Vec<_> = say::Kind::ALL.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(
        out,
        "\nValues are spoken (`say`: {}) by rules for `zh-CN` and `en`; other languages use the English rules.\n",
        kinds.join(", ")
    );
}

fn freeswitch(out: &mut String) {
    let _ = writeln!(
        out,
        "## FreeSWITCH files\n\
         Contexts, extensions (`continue`), conditions (`field`, `expression`, `break`, nested conditions, \
         `<regex>` with `any`, `all`, `xor`, time fields), actions and anti-actions (`inline`, `loop`), `$${{…}}` with \
         `X-PRE-PROCESS` `set` and `include` (folders of the dialplan's directory are read for it alone), and IVR menus are read with FreeSWITCH's meaning: all conditions \
         are asked first, then the actions run. These applications are known and lacking; `belfry check` names \
         each use:\n\n| Application | When it is reached | Instead |\n|---|---|---|"
    );
    for lack in lacking::APPS {
        let then = if lack.ends_call { "the call ends" } else { "passed over" };
        let remedy = lack.remedy.replace('|', "\\|");
        let _ = writeln!(out, "| `{}` | {then} | {remedy} |", lack.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)] // a test may read and write the page
    fn the_reference_page_is_what_the_table_says() {
        let made = reference_markdown();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/dialplan.md");
        if std::env::var_os("BELFRY_WRITE_DOCS").is_some() {
            std::fs::write(path, &made).expect("docs is writable");
        }
        let kept = std::fs::read_to_string(path).expect("docs/dialplan.md");
        assert!(
            kept == made,
            "docs/dialplan.md: BELFRY_WRITE_DOCS=1 cargo test --lib reference_page"
        );
    }

    #[test]
    fn help_is_found_by_either_name() {
        assert!(help("play").unwrap().contains("stop-on"));
        assert!(help("playback").unwrap().starts_with("play\n"));
        assert!(help("eavesdrop").unwrap().contains("*70"));
        assert_eq!(help("nonsense"), None);
    }
}
