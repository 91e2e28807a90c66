//! Loading: the interface's own example, the sample plan, FreeSWITCH-like files, any text at all.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::base::{Now, Time, Wall};

fn file<'a>(path: &'a str, text: &'a str) -> File<'a> {
    File { path, text }
}

/// What stands around the sample plan: its prompts, two phones and more, one gateway.
fn sample_env() -> LoadEnv {
    let names: BTreeSet<String> =
        say::tests::prompts().keys().map(|name| (*name).to_owned()).collect();
    let set = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>());
    LoadEnv {
        prompts: Some([("zh-CN".to_owned(), names.clone()), ("en".to_owned(), names)].into()),
        phones: set(&["1001", "1002", "1004"]),
        gateways: set(&["e1-a"]),
        music: set(&["default"]),
        ..LoadEnv::default()
    }
}

fn sample() -> Loaded {
    let files = [
        file("agents.toml", include_str!("../../dialplan/agents.toml")),
        file("call-queue.toml", include_str!("../../dialplan/call-queue.toml")),
        file("care-line.toml", include_str!("../../dialplan/care-line.toml")),
    ];
    Plan::load(&files, &sample_env()).unwrap_or_else(|faults| panic!("{}", lines(&faults)))
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

fn now(text: &str) -> Now {
    let at: jiff::civil::DateTime = text.parse().expect("a date and time");
    let stamp = jiff::tz::TimeZone::UTC.to_timestamp(at).expect("a time that is");
    Now { at: Time::ZERO, wall: Wall(stamp.as_millisecond()) }
}

fn told(plan: &Plan, context: &str, to: &str, at: &str) -> String {
    let entry =
        Entry { context: context.into(), to: to.into(), from: "1002".into(), ..Entry::default() };
    explain(plan, &entry, now(at)).to_string()
}

#[test]
fn a_queue_and_music_that_are_not_there_are_warned_of() {
    let set = |name: &str| Some(BTreeSet::from([name.to_owned()]));
    let env = LoadEnv { queues: set("care"), music: set("default"), ..LoadEnv::default() };
    let warned = |path, text: &str| -> Vec<String> {
        let loaded = Plan::load(&[file(path, text)], &env).unwrap_or_else(|f| panic!("{f:?}"));
        loaded.warnings.into_iter().map(|fault| fault.what).collect()
    };
    let toml = "[[route]]\nname = 'r'\ncontext = 'c'\nsteps = [{ queue = 'care' }, \
                { queue = { name = 'gone' } }, { music = 'moh' }]";
    let both = ["there is no queue 'gone'", "there is no music class 'moh': 'default' is played"];
    assert_eq!(warned("a.toml", toml), both);
    let xml = "<include><context name='c'><extension name='r'><condition>\
               <action application='callcenter' data='gone@default'/>\
               <action application='playback' data='local_stream://moh'/>\
               </condition></extension></context></include>";
    assert_eq!(warned("a.xml", xml), both);
}

#[test]
fn the_interfaces_example_loads() {
    let text = r#"
[[route]]
name    = "care line"
context = "gateway"
when    = { to = "4008001234" }          # numbers, regex, caller, time, holiday, VIP …
steps   = [
  { answer = {} },
  { play = "welcome" },
  { menu = "care" },
]

[menu.care]
prompt = "care/menu"
tries  = 3
keys   = { 1 = { check-in = {} }, 2 = { check-in = {} }, 0 = { queue = { name = "care", priority = 5 } } }
"#;
    assert!(Plan::load(&[file("a.toml", text)], &sample_env()).is_ok());
}

#[test]
fn the_sample_plan_has_no_fault() {
    let loaded = sample();
    assert!(loaded.warnings.is_empty(), "{}", lines(&loaded.warnings));
    assert!(loaded.plan.has_context("gateway") && loaded.plan.has_context("agents"));
    let surveys: Vec<_> = loaded.plan.surveys().collect();
    assert_eq!(surveys, [("service", vec!["satisfaction", "solved"])]);
}

#[test]
fn the_sample_plan_explains_itself() {
    let plan = sample().plan;
    let care = told(&plan, "gateway", "4008001234", "2026-10-01T09:00:00");
    for wanted in [
        "yes  care line (care-line.toml:3)",
        "play welcome",
        "if (holds now)",
        "menu 'care'",
        "key 1:",
        "key 0:",
        "dial phone 1001 and phone 1002, ringing 30 s, caller hears music 'default', recorded",
        "on answered:",
        "ask satisfaction (survey/satisfaction): 1 very satisfied",
    ] {
        assert!(care.contains(wanted), "{wanted} in\n{care}");
    }
    let emergency = told(&plan, "agents", "9110", "2026-11-22T09:00:00");
    assert!(emergency.contains("dial 110 through gateway e1-a"), "{emergency}");
    let out = told(&plan, "agents", "013800138000", "2026-11-22T09:00:00");
    assert!(
        out.contains(
            "no   emergency (agents.toml:4): to is '013800138000', not /^[09]?(110|119|120|122)$/"
        ),
        "{out}"
    );
    assert!(out.contains("dial 13800138000 through gateway e1-a"), "{out}");
    let wrong = told(&plan, "agents", "7", "2026-11-22T09:00:00");
    assert!(
        wrong.contains("yes  no such number inside")
            && wrong.contains("hang up (1 UNALLOCATED_NUMBER)"),
        "{wrong}"
    );
    assert!(told(&plan, "nowhere", "7", "2026-11-22T09:00:00").contains("no such context"));
}

#[test]
fn every_example_of_the_table_loads() {
    let sections = "
[menu.care]
prompt = 'a'
keys = { 1 = { play = 'b' } }
[survey.service]
questions = [{ name = 'q', prompt = 'a', keys = { 1 = 'yes' } }]
[sub.greet]
steps = []
[service.crm]
url = 'https://crm.example'
[query.balance]
sql = 'SELECT yuan FROM own_accounts WHERE number = :number'
[[route]]
name = 'care line'
context = 'agents'
steps = [{ wait = 1 }]
[[route]]
name = 'announce'
context = 'features'
steps = [{ wait = 1 }]
";
    for app in apps::APPS.iter().filter(|app| apps::names().any(|n| n == app.name)) {
        let text = format!(
            "{sections}\n[[route]]\nname = 'x'\ncontext = 'x'\nsteps = [\n{}\n]",
            app.example
        );
        if let Err(faults) = Plan::load(&[file("a.toml", &text)], &LoadEnv::default()) {
            panic!("{}: {}", app.name, lines(&faults));
        }
    }
}

/// FreeSWITCH-like files: a default and a public dialplan with what they include, features, a menu.
fn freeswitch() -> Vec<File<'static>> {
    macro_rules! data {
        ($name:literal) => {
            file(
                concat!("fs/", $name),
                include_str!(concat!("../../tests/data/dialplan/freeswitch/", $name)),
            )
        };
    }
    vec![
        data!("default.xml"),
        data!("default/10_more.xml"),
        data!("features.xml"),
        data!("ivr.xml"),
        data!("public.xml"),
        data!("public/10_did.xml"),
        data!("vars.xml"),
    ]
}

#[test]
fn freeswitch_files_load_and_name_what_is_lacking() {
    let loaded = Plan::load(&freeswitch(), &LoadEnv::default())
        .unwrap_or_else(|faults| panic!("{}", lines(&faults)));
    let found = lines(&loaded.warnings);
    for wanted in [
        "application 'voicemail' is not in Belfry; the call ends there",
        "application 'hash' is not in Belfry; it is passed over",
        "'bind_meta_app'",
        "look-around",
        "the function '${group_call(…)}'",
        "dialplan 'enum'",
        "'transfer -bleg'",
        "calls the host 'conference.example.org' straight",
        "no loopback calls",
        "the file name of 'record_session'",
    ] {
        assert!(found.contains(wanted), "{wanted} in\n{found}");
    }
    assert!(
        loaded.warnings.iter().all(|w| w.line > 0 && w.column > 0 && !w.remedy.is_empty()),
        "{found}"
    );
    let outside = told(&loaded.plan, "public", "5551212", "2026-11-23T10:00:00");
    assert!(outside.contains("yes  public_did (fs/public/10_did.xml:2)"), "{outside}");
    let inside = told(&loaded.plan, "default", "1007", "2026-11-23T10:00:00");
    assert!(inside.contains("yes  tod_example") && inside.contains("dial phone 1007"), "{inside}");
    let menu = told(&loaded.plan, "default", "5000", "2026-11-23T10:00:00");
    assert!(menu.contains("menu 'demo_ivr'") && menu.contains("key /^(10[01][0-9])$/:"), "{menu}");
}

#[test]
fn toml_and_xml_are_one_plan() {
    let mut files = freeswitch();
    files.push(file(
        "fs/own.toml",
        "[[route]]\nname='n'\ncontext='own'\nsteps=[{transfer={to='1007',context='default'}},\n]",
    ));
    assert!(Plan::load(&files, &LoadEnv::default()).is_ok());
    files.pop();
    files.push(file("fs/own.toml", "[[route]]\nname='n'\ncontext='own'\nsteps=[{menu='demo_iv'}]"));
    let faults = Plan::load(&files, &LoadEnv::default()).expect_err("no such menu");
    assert!(lines(&faults).contains("there is no menu 'demo_iv'; write 'demo_ivr'"));
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let big = " ".repeat(MAX_FILE + 1);
    let files = [file("a.txt", ""), file("b.toml", &big), file("c.toml", "")];
    let faults = Plan::load(&files, &LoadEnv::default()).expect_err("two of three");
    assert_eq!(faults.iter().map(|f| f.file.as_str()).collect::<Vec<_>>(), ["a.txt", "b.toml"]);
}

#[test]
fn an_empty_plan_is_a_plan() {
    let loaded = Plan::load(&[], &LoadEnv::default()).expect("nothing is wrong with nothing");
    assert_eq!(loaded.plan.route_count(), 0);
}

mod any {
    //! Any text, any plan, any happenings.

    use super::*;
    use crate::dialplan::effect::{DialEnd, DialFailure, Ended, EndedBy, Redirect, Target};
    use proptest::prelude::*;

    /// Text of the letters that TOML plans are made of.
    fn tomlish() -> impl Strategy<Value = String> {
        let words = prop::sample::select(vec![
            "[[route]]\n",
            "[menu.m]\n",
            "[sub.s]\n",
            "[survey.v]\n",
            "name=",
            "context=",
            "steps=",
            "when=",
            "keys=",
            "'c'",
            "{",
            "}",
            "[",
            "]",
            ",",
            "\n",
            "play=",
            "menu=",
            "dial=",
            "goto=",
            "'m'",
            "'1xxx'",
            "to=",
            "1=",
            "\"${a",
            "'",
            "hours=",
            "\"25:00-1\"",
            "prompt=",
            "=",
            "on=",
            "if=",
            "then=",
            "[holidays]\n",
        ]);
        prop::collection::vec(words, 0..40).prop_map(|words| words.concat())
    }

    fn xmlish() -> impl Strategy<Value = String> {
        let words = prop::sample::select(vec![
            "<include>",
            "</include>",
            "<context name='c'>",
            "</context>",
            "<extension name='e' continue='true'>",
            "</extension>",
            "<condition field='destination_number' expression='^(.*)$' break='never'>",
            "<condition hour='9-30'>",
            "</condition>",
            "<action application='",
            "bridge' data='user/${x",
            "set' data='a=$1'/>",
            "'/>",
            "<anti-action",
            "<menu name='m'>",
            "<entry action='menu-sub' digits='1' param='m'/>",
            "</menu>",
            "$${x}",
            "<X-PRE-PROCESS cmd='set' data='x=y'/>",
            "<X-PRE-PROCESS cmd='include' data='*.xml'/>",
            "&amp;",
            "&",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<regex field='${a}' expression='('/>",
        ]);
        prop::collection::vec(words, 0..40).prop_map(|words| words.concat())
    }

    /// A plan of routes, menus and sub-routines that name each other at random.
    fn plans() -> impl Strategy<Value = String> {
        let step = prop::sample::select(vec![
            "{answer={}}",
            "{play='p'}",
            "{play={prompts='p',times=3}}",
            "{menu='m0'}",
            "{menu='m1'}",
            "{menu-again={}}",
            "{menu-back={}}",
            "{menu-top={}}",
            "{menu-exit={}}",
            "{goto='r0'}",
            "{goto='r1'}",
            "{transfer={to='1',context='c'}}",
            "{transfer='${x}'}",
            "{call='s0'}",
            "{call='s1'}",
            "{extension='2'}",
            "{return={}}",
            "{stop={}}",
            "{set={x='${x}1'}}",
            "{unset='x'}",
            "{log='l'}",
            "{hangup='busy'}",
            "{dial={phones='1',on={busy=[{goto='r0'}],else=[{menu='m0'}]}}}",
            "{dial='${x}'}",
            "{if={when={var={x='1'}},then=[{goto='r1'}],else=[{call='s0'}]}}",
            "{collect={into='x',tries=2,on={else=[{goto='r0'}]}}}",
            "{survey='v'}",
            "{wait=1}",
            "{music='x'}",
            "{say={number='${x}'}}",
        ]);
        let block =
            prop::collection::vec(step, 0..5).prop_map(|steps| format!("[{}]", steps.join(",")));
        prop::collection::vec(block, 8).prop_map(|b| {
            format!(
                "[[route]]\nname='r0'\ncontext='c'\nwhen={{to='1'}}\nsteps={}\non-hangup=[{{log='gone'}},{{call='s1'}}]\n[[route]]\nname='r1'\ncontext='c'\nsteps={}\n\
                 [menu.m0]\nprompt='p'\nkeys={{1={},2={}}}\n[menu.m1]\nprompt='p'\nkeys={{'1x'={}}}\non={{else={}}}\n[sub.s0]\nsteps={}\n[sub.s1]\nsteps={}\n\
                 [survey.v]\nquestions=[{{name='q',prompt='p',keys={{1='y'}}}}]",
                b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]
            )
        })
    }

    fn happenings() -> impl Strategy<Value = Vec<(u16, Happening)>> {
        let digits =
            |digits: &str| Happening::Digits { digits: digits.into(), ended: Ended::Enough };
        let failed = |cause| {
            Happening::Dialed(DialEnd::Failed {
                why: DialFailure::of(Cause(cause)),
                cause: Cause(cause),
            })
        };
        let answered = |ended_by| {
            Happening::Dialed(DialEnd::Answered {
                by: Target::Phone { number: "1".into() },
                talk_ms: 1,
                ended_by,
            })
        };
        let one = prop::sample::select(vec![
            Happening::Done,
            Happening::Done,
            Happening::Done,
            Happening::Started,
            digits(""),
            digits("1"),
            digits("12"),
            digits("9"),
            failed(17),
            failed(20),
            answered(EndedBy::Callee),
            answered(EndedBy::Caller),
            Happening::Missing("p".into()),
            Happening::Key('1'),
            Happening::Redirect(Redirect::Number { to: "1".into(), context: None }),
            Happening::Redirect(Redirect::Survey { name: "v".into() }),
            Happening::Hangup,
        ]);
        prop::collection::vec((0u16..500, one), 0..60)
    }

    proptest! {
        #[test]
        fn text_never_breaks_the_loader(toml in tomlish(), xml in xmlish(), other in ".{0,100}") {
            for (path, text) in [("a.toml", &toml), ("a.xml", &xml), ("b.toml", &other), ("b.xml", &other)] {
                let _ = Plan::load(&[file(path, text)], &LoadEnv::default());
            }
            let _ = Plan::load(&[file("a.toml", &toml), file("a.xml", &xml), file("b.xml", &xml)], &LoadEnv::default());
        }

        #[test]
        fn a_plan_always_comes_to_an_effect_and_to_an_end(text in plans(), happenings in happenings()) {
            // Plans that would spin are refused; the others run, whatever happens.
            if let Ok(Loaded { plan, .. }) = Plan::load(&[file("a.toml", &text)], &LoadEnv::default()) {
                let entry = Entry { context: "c".into(), to: "1".into(), variables: BTreeMap::new(), ..Entry::default() };
                let mut ms = 0;
                let mut at = |step: u16| { ms += u64::from(step); Now { at: Time::from_millis(ms), wall: Wall(ms as i64) } };
                let mut interp = Interp::start(&plan, at(0), entry.clone()).expect("a route");
                for (step, happening) in happenings {
                    let effect = interp.resume(&plan, at(step), happening);
                    assert!(interp.complete(&plan, "12345678901234567890") || effect == Effect::End);
                    // What is kept can be read again.
                    let kept = serde_json::to_string(&interp).expect("it can be written");
                    assert!(serde_json::from_str::<Interp>(&kept).expect("it can be read") == interp);
                }
                // The caller goes: the end comes within bounds.
                let mut effect = interp.resume(&plan, at(1), Happening::Hangup);
                for _ in 0..3_000 {
                    if effect == Effect::End { break; }
                    effect = interp.resume(&plan, at(0), Happening::Done);
                }
                assert_eq!(effect, Effect::End);
                let _ = explain(&plan, &entry, at(0)).to_string();
            }
        }
    }
}

#[test]
fn a_variable_that_nobody_sets_is_named_once_where_it_is_read() {
    let text = "[[route]]\nname = 'r'\ncontext = 'c'\nsteps = [\n\
                { set = { own = 'x' } }, { log = '${own} ${to} ${uuid} ${queue_result} ${sip_h_X-Case}' },\n\
                { log = '${toll_allow}' },\n{ log = '${toll_allow} ${hangup_causes}' },\n]\n";
    let warnings =
        Plan::load(&[file("a.toml", text)], &LoadEnv::default()).expect("a plan").warnings;
    let found: Vec<_> = warnings.iter().map(|w| (w.line, w.what.as_str(), &*w.remedy)).collect();
    let empty = |name| {
        format!("the variable '{name}' is set by no step and comes with no call: it is empty")
    };
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((found[0].0, found[0].1), (6, &*empty("toll_allow")));
    assert_eq!((found[1].0, found[1].1), (7, &*empty("hangup_causes")));
    assert!(found[1].2.contains("'hangup_cause'"), "{found:?}");
    // A name that depends on the call may be any.
    let text = "<include><context name='c'><extension name='e'><condition>\
                <action application='set' data='${destination_number}=x'/>\
                <action application='log' data='INFO ${toll_allow}'/>\
                </condition></extension></context></include>";
    let loaded = Plan::load(&[file("a.xml", text)], &LoadEnv::default()).expect("a plan");
    assert_eq!(loaded.warnings, []);
}

/// A route whose condition can never hold is as good as none, and nobody would notice.
#[test]
fn a_condition_on_a_variable_that_nobody_sets_is_named_with_its_line() {
    let text = "[[route]]\nname = 'r'\ncontext = 'c'\n\
                when = { var = { vipp = true } }\nsteps = [{ hangup = {} }]\n\
                [[route]]\nname = 's'\ncontext = 'c'\n\
                when = { any = [{ var = { stage = 'two' } }, { var = { own = 'x' } }] }\n\
                steps = [{ set = { own = 'x' } }, { hangup = {} }]\n";
    let warnings =
        Plan::load(&[file("a.toml", text)], &LoadEnv::default()).expect("a plan").warnings;
    let found: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let told = |line: u32, name: &str| {
        let start = format!("a.toml:{line}:");
        let what = format!("warning: the variable '{name}' is set by no step and comes with no");
        found.iter().any(|fault| fault.starts_with(&start) && fault.contains(&what))
    };
    assert!(found.len() == 2 && told(4, "vipp") && told(9, "stage"), "{found:?}");
    let set = text.replace("own = 'x' } }, {", "own = 'x', vipp = 'yes', stage = 'two' } }, {");
    let loaded = Plan::load(&[file("a.toml", &set)], &LoadEnv::default()).expect("a plan");
    assert_eq!(loaded.warnings, []);
}

/// Who asks for a context that is not there sees which are.
#[test]
fn an_explanation_names_the_contexts_where_the_one_asked_for_is_none() {
    let mut text = String::new();
    for n in 0..45 {
        text += &format!(
            "[[route]]\nname = 'r{n}'\ncontext = 'c{n:02}'\nsteps = [{{ hangup = {{}} }}]\n"
        );
    }
    let loaded = Plan::load(&[file("a.toml", &text)], &LoadEnv::default()).expect("a plan");
    let asked = |context: &str| {
        let entry = Entry { context: context.into(), to: "1".into(), ..Entry::default() };
        explain(&loaded.plan, &entry, now("2026-11-24T12:00:00"))
    };
    let told = asked("c0").to_string();
    assert!(told.contains("no such context. Did you mean 'c0"), "{told}");
    assert!(told.contains("The plan has c00, c01, ") && told.contains("c39 and 5 more."), "{told}");
    let machine = serde_json::to_value(asked("nowhere")).expect("JSON");
    assert_eq!(machine["contexts"].as_array().map(Vec::len), Some(45), "{machine}");
    let there = serde_json::to_value(asked("c00")).expect("JSON");
    assert!(there.get("contexts").is_none(), "{there}");
}

#[test]
fn what_loses_calls_is_an_error_for_who_checks_and_keeps_no_plan_from_its_other_calls() {
    let text = "[[route]]\nname = 'r'\ncontext = 'c'\nsteps = [{ queue = 'cara' }]\n";
    let env = LoadEnv { queues: Some(["care".to_owned()].into()), ..LoadEnv::default() };
    let loaded = Plan::load(&[file("a.toml", text)], &env).expect("a plan all the same");
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["a.toml:4:20: error: there is no queue 'cara'; write 'care'"]);
    assert_eq!(loaded.warnings[0].severity, Severity::Loss);
}
