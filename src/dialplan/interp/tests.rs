//! The interpreter, driven by hand.

use super::*;
use crate::dialplan::effect::{
    ConferenceEnd, DialEnd, DialFailure, Ended, EndedBy, SurveyStep, Target,
};
use crate::dialplan::{File, LoadEnv};

fn load(path: &str, text: &str) -> Plan {
    let env = LoadEnv { language: "en".into(), ..LoadEnv::default() };
    match Plan::load(&[File { path, text }], &env) {
        Ok(loaded) => loaded.plan,
        Err(faults) => panic!("{}", faults.iter().map(|f| format!("{f}\n")).collect::<String>()),
    }
}
fn toml(text: &str) -> Plan {
    load("a.toml", text)
}
/// A plan of one route with these steps.
fn steps(steps: &str) -> Plan {
    toml(&format!("[[route]]\nname = 'r'\ncontext = 'c'\nsteps = [{steps}]"))
}
fn xml(inner: &str) -> Plan {
    load("a.xml", &format!("<include><context name='c'>{inner}</context></include>"))
}
fn now(ms: u64) -> Now {
    // 2026-11-22 (a Sunday) 09:05 UTC.
    Now { at: Time::from_millis(ms), wall: Wall(1_795_338_300_000 + ms as i64) }
}
fn entry(to: &str) -> Entry {
    Entry { context: "c".into(), to: to.into(), from: "13800138000".into(), ..Entry::default() }
}

/// A call under way: each effect as one short line.
struct Call {
    plan: Plan,
    interp: Interp,
    ms: u64,
}

impl Call {
    fn new(plan: Plan, to: &str) -> Call {
        let interp = Interp::start(&plan, now(0), entry(to)).expect("a route");
        Call { plan, interp, ms: 0 }
    }
    fn tell(&mut self, happening: Happening) -> String {
        self.ms += 10;
        short(&self.interp.resume(&self.plan, now(self.ms), happening))
    }
    fn done(&mut self) -> String {
        self.tell(Happening::Done)
    }
    fn keys(&mut self, digits: &str) -> String {
        let ended = if digits.is_empty() { Ended::Timeout } else { Ended::Enough };
        self.tell(Happening::Digits { digits: digits.into(), ended })
    }
    fn failed(&mut self, cause: u8) -> String {
        let cause = Cause(cause);
        self.tell(Happening::Dialed(DialEnd::Failed { why: DialFailure::of(cause), cause }))
    }
    fn talked(&mut self, ended_by: EndedBy) -> String {
        let by = Target::Phone { number: "1001".into() };
        self.tell(Happening::Dialed(DialEnd::Answered { by, talk_ms: 65_000, ended_by }))
    }
    /// All that follows when nothing but "done" happens.
    fn rest(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        for _ in 0..50 {
            let effect = self.done();
            if effect == "end" {
                return out;
            }
            out.push(effect);
        }
        panic!("no end: {out:?}")
    }
    fn var(&self, name: &str) -> String {
        self.interp.variable(&self.plan, name).unwrap_or_default()
    }
}

fn short(effect: &Effect) -> String {
    let item = |item: &Item| match item {
        Item::Prompt { name, language } if language == "en" => name.clone(),
        Item::Prompt { name, language } => format!("{language}:{name}"),
        Item::Tone { ms, .. } => format!("tone {ms:?}"),
        Item::Silence { ms } => format!("silence {ms}"),
    };
    let items = |list: &[Item]| list.iter().map(item).collect::<Vec<_>>().join("+");
    match effect {
        Effect::Answer => "answer".into(),
        Effect::EarlyMedia => "early".into(),
        Effect::Ring => "ring".into(),
        Effect::Refuse { status } => format!("refuse {status}"),
        Effect::Hangup { cause } => format!("hangup {}", cause.0),
        Effect::Play { items: list, .. } => format!("play {}", items(list)),
        Effect::PlayOver { items: list } => format!("over {}", items(list)),
        Effect::Collect(c) => {
            format!("collect {}-{} {}", c.min, c.max, items(&c.items)).trim_end().into()
        }
        Effect::Music { class } => format!("music {class}"),
        Effect::Wait { ms } => format!("wait {}", ms.map_or("ever".into(), |ms| ms.to_string())),
        Effect::Dial(dial) => {
            let group =
                |g: &Vec<Target>| g.iter().map(ToString::to_string).collect::<Vec<_>>().join("&");
            format!("dial {}", dial.groups.iter().map(group).collect::<Vec<_>>().join("|"))
        }
        Effect::Conference(c) => format!("conference {} most {}", c.name, c.most),
        Effect::SaveAnswer { question, key, meaning, .. } => {
            format!("answer {question}={key} {meaning}")
        }
        Effect::Survey { step: SurveyStep::Began { .. }, .. } => "survey begins".into(),
        Effect::Survey { step: SurveyStep::Over { complete }, .. } => {
            format!("survey over, complete: {complete}")
        }
        Effect::SetField { name, value } => format!("field {name}={value}"),
        Effect::Log { text, .. } => format!("log {text}"),
        Effect::End => "end".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

#[test]
fn a_plain_route_runs_to_its_end() {
    let mut call =
        Call::new(steps("{answer={}}, {play='welcome'}, {wait='2 s'}, 'ring', {record='on'}"), "1");
    assert_eq!(call.tell(Happening::Started), "answer");
    assert_eq!(call.rest(), ["play welcome", "wait 2000", "ring", "record(start)", "hangup 16"]);
    assert_eq!(call.done(), "end", "the end stays the end");
}

#[test]
fn what_plays_answers_first_unless_early_media_was_opened() {
    let mut call = Call::new(steps("{play='a'}, {play='b'}"), "1");
    assert_eq!(call.tell(Happening::Started), "answer");
    assert_eq!(call.rest(), ["play a", "play b", "hangup 16"]);
    let plan = toml(
        "[[route]]\nname='r'\ncontext='c'\nsteps=[{early-media={}},{play='a'},{menu='m'}]\n\
         [menu.m]\nprompt='p'\nkeys={1={hangup={}}}",
    );
    let mut call = Call::new(plan, "1");
    assert_eq!(call.tell(Happening::Started), "early");
    assert_eq!(call.done(), "play a");
    assert_eq!(call.done(), "collect 1-1 p", "early media is kept for keys too");
}

const MENU: &str = "
[[route]]
name = 'r'
context = 'c'
steps = [{ answer = {} }, { menu = 'main' }, { play = 'after' }]
[[route]]
name = 'phones'
context = 'phones'
when = { to = '10xx' }
steps = [{ dial = '${to}' }]
[menu.main]
prompt = 'main'
prompt-again = 'short'
tries = 3
digit-timeout = 1
direct-dial = '10xx'
direct-dial-context = 'phones'
keys = { 1 = { play = 'one' }, 12 = { play = 'twelve' }, '2(x)' = { play = 'two-$1' }, 3 = { menu = 'sub' }, 4 = [{ play = 'four' }, { menu-again = {} }] }
on = { timeout = [{ play = 'nobody' }] }
[menu.sub]
prompt = 'sub'
keys = { 1 = { menu-back = {} }, 9 = { menu-exit = {} } }
";

fn menu() -> Call {
    let mut call = Call::new(toml(MENU), "1");
    assert_eq!(call.tell(Happening::Started), "answer");
    assert_eq!(call.done(), "collect 1-4 main");
    call
}

#[test]
fn a_menu_runs_the_keys_steps_and_goes_on_behind() {
    let mut call = menu();
    assert_eq!(call.keys("1"), "play one");
    assert_eq!(call.rest(), ["play after", "hangup 16"]);
    assert_eq!(menu().keys("12"), "play twelve");
    assert_eq!(menu().keys("27"), "play two-7");
    let mut call = menu();
    assert_eq!(call.keys("1001"), "dial phone 1001");
    let route = call.interp.route(&call.plan);
    assert_eq!((call.var("context"), route), ("phones".into(), Some("phones")));
}

#[test]
fn taking_ends_as_soon_as_no_longer_key_can_match() {
    let call = menu();
    let complete = |digits| call.interp.complete(&call.plan, digits);
    assert!(!complete("1"), "1, 12 or 1001 may come");
    assert!(complete("12") && complete("27") && complete("3") && complete("8"));
    assert!(!complete("2") && !complete("100") && complete("1001"));
}

#[test]
fn wrong_keys_and_silence_use_up_the_tries() {
    let mut call = menu();
    assert_eq!(call.keys("8"), "collect 1-4 menu/invalid+short");
    assert_eq!(call.keys(""), "collect 1-4 menu/timeout+short");
    assert_eq!(call.keys(""), "play menu/timeout");
    assert_eq!(call.rest(), ["play nobody", "play after", "hangup 16"]);
    assert_eq!(call.var("menu_status"), "timeout");
}

#[test]
fn menus_lead_to_menus_and_back() {
    let mut call = menu();
    assert_eq!(call.keys("3"), "collect 1-1 sub");
    assert_eq!(call.keys("1"), "collect 1-4 main", "back plays the first prompt");
    assert_eq!(call.keys("4"), "play four");
    assert_eq!(call.done(), "collect 1-4 main");
    call.keys("3");
    assert_eq!(call.keys("9"), "play after", "exit leaves all menus");
}

#[test]
fn collect_checks_what_was_entered() {
    let plan = steps(
        "{collect={into='card',prompt='p',min=4,max=6,valid='8.',tries=2,on={else=[{play='sorry'}]}}}, {say={digits='${card}'}}",
    );
    let mut call = Call::new(plan, "1");
    assert_eq!(call.tell(Happening::Started), "answer");
    assert_eq!(call.done(), "collect 4-6 p");
    assert!(
        !call.interp.complete(&call.plan, "81234") && call.interp.complete(&call.plan, "812345")
    );
    assert_eq!(call.keys("7123"), "collect 4-6 menu/invalid+p");
    assert_eq!(call.keys("8123"), "play digits/8+digits/1+digits/2+digits/3");
    assert_eq!(call.var("collect_status"), "ok");
    let plan =
        steps("{collect={into='card',min=4,tries=2,on={timeout=[{play='slow'}]}}}, {play='after'}");
    let mut call = Call::new(plan, "1");
    call.tell(Happening::Started);
    assert_eq!(call.done(), "collect 4-20");
    assert_eq!(call.keys(""), "collect 4-20", "silence is not scolded");
    assert_eq!(call.keys(""), "play slow");
    assert_eq!(
        (call.done(), call.var("card"), call.var("collect_status")),
        ("play after".into(), "".into(), "timeout".into())
    );
}

const DIAL: &str = "{dial={phones=['1001','1002'],gateway=['e1','e2'],number='0${from:1}',on={busy=[{play='busy'}],answered=[{survey='s'},{hangup={}}]}}},{play='after'}";
const SURVEY: &str = "\n[survey.s]\nintro='i'\nthanks='t'\nquestions=[{name='q1',prompt='p1',keys={1='good',2='bad'}},{name='q2',prompt='p2',keys={1='yes'}}]";

fn dial() -> Call {
    let plan = toml(&format!(
        "[[route]]\nname='r'\ncontext='c'\nsteps=[{DIAL}]\non-hangup=[{{note={{name='gone',value='${{dial_result}}'}}}}]{SURVEY}"
    ));
    let mut call = Call::new(plan, "1");
    let whom =
        "dial phone 1001&phone 1002|03800138000 through gateway e1|03800138000 through gateway e2";
    assert_eq!(call.tell(Happening::Started), whom);
    call
}

#[test]
fn a_failed_dial_takes_its_branch_or_clears_with_its_cause() {
    let mut call = dial();
    assert_eq!(call.failed(17), "answer", "the message is heard over an answered call");
    assert_eq!(call.rest(), ["play busy", "play after", "hangup 16", "field gone=busy"]);
    let mut call = dial();
    assert_eq!(call.failed(20), "hangup 20");
    assert_eq!(call.var("dial_result"), "unavailable");
}

#[test]
fn the_survey_follows_when_the_agent_hangs_up() {
    let mut call = dial();
    assert_eq!(call.talked(EndedBy::Callee), "survey begins");
    assert_eq!(call.done(), "collect 1-1 i+p1");
    assert_eq!(call.keys("7"), "collect 1-1 menu/invalid+p1");
    assert_eq!(call.keys("2"), "answer q1=2 bad");
    assert_eq!(call.done(), "collect 1-1 p2");
    assert_eq!(call.keys(""), "collect 1-1 p2", "asked twice");
    let over = "survey over, complete: false";
    assert_eq!(call.keys(""), over, "an answer that is not given is not kept");
    assert_eq!(call.done(), "play t");
    assert_eq!(call.rest(), ["hangup 16", "field gone=answered"]);
    assert_eq!((call.var("survey_q1"), call.var("talk_seconds")), ("2".into(), "65".into()));
}

#[test]
fn a_caller_who_hangs_up_leaves_only_the_on_hangup_steps() {
    let mut call = dial();
    assert_eq!(call.talked(EndedBy::Caller), "field gone=answered");
    assert_eq!(call.done(), "end");
    let mut call = dial();
    assert_eq!(call.tell(Happening::Hangup), "field gone=");
    assert_eq!(call.done(), "end");
    assert!(call.interp.is_ended());
}

#[test]
fn a_redirect_goes_to_a_number_or_to_a_survey() {
    let plan = toml(&format!(
        "[[route]]\nname='r'\ncontext='c'\nsteps=[{{wait=60}}]\n[[route]]\nname='p'\ncontext='d'\nwhen={{to='2x'}}\nsteps=[{{play='two'}}]{SURVEY}"
    ));
    let mut call = Call::new(plan, "1");
    call.tell(Happening::Started);
    let to = Redirect::Number { to: "22".into(), context: Some("d".into()) };
    assert_eq!(call.tell(Happening::Redirect(to)), "play two");
    assert_eq!(
        call.tell(Happening::Redirect(Redirect::Survey { name: "s".into() })),
        "survey begins"
    );
    assert_eq!(call.done(), "collect 1-1 i+p1");
    let to = Redirect::Number { to: "3".into(), context: None };
    assert_eq!(call.tell(Happening::Redirect(to)), "log '3' in context 'd': no route takes it");
    assert_eq!(call.done(), "hangup 1");
}

#[test]
fn sub_routines_return_and_are_bounded() {
    let plan = toml(
        "[[route]]\nname='r'\ncontext='c'\nsteps=[{call='a'},{play='z'}]\n\
         [sub.a]\nsteps=[{play='a1'},{if={when={to='1'},then=[{return={}}]}},{play='a2'}]",
    );
    let mut call = Call::new(plan, "1");
    call.tell(Happening::Started);
    assert_eq!(call.rest(), ["play a1", "play z", "hangup 16"]);
    let plan = toml(
        "[[route]]\nname='r'\ncontext='c'\nsteps=[{call='a'}]\n[sub.a]\nsteps=[{play='x'},{call='a'}]",
    );
    let mut call = Call::new(plan, "1");
    call.tell(Happening::Started);
    let rest = call.rest();
    assert_eq!(rest.iter().filter(|e| *e == "play x").count(), MAX_DEPTH);
    assert!(
        rest[MAX_DEPTH].starts_with("log a.toml:6: sub-routines are more than 16 deep"),
        "{rest:?}"
    );
    assert_eq!(rest[MAX_DEPTH + 1], "hangup 41");
}

#[test]
fn a_loop_that_waits_for_nothing_is_stopped() {
    // Whether it ends depends on a variable, so the check lets it pass.
    let plan = steps("{log='round'},{if={when={var={go='no'}},then=[{hangup={}}]}},{goto='r'}");
    let mut interp = Interp::start(&plan, now(0), entry("1")).unwrap();
    let mut effects = Vec::new();
    let mut happening = Happening::Started;
    while effects.last().is_none_or(|e: &String| e != "end") {
        effects.push(short(&interp.resume(&plan, now(0), happening)));
        happening = Happening::Done;
        assert!(effects.len() < 2_000, "no end");
    }
    let tail = &effects[effects.len() - 3..];
    assert!(
        tail[0].contains("1000 steps within a second") && tail[1..] == ["hangup 41", "end"],
        "{tail:?}"
    );
}

/// R10: phones that refuse at once, over and over, are no reason to hang up on who pressed a bell.
#[test]
fn an_alarms_call_in_circles_waits_and_goes_on() {
    let plan = steps("{set={case='4711'}},{dial={phones=['1001'],on={else=[{goto='r'}]}}}");
    let mut call = Call::new(plan, "1");
    let (mut dials, mut waits) = (0, 0);
    let mut effect = call.tell(Happening::Started);
    for _ in 0..1_000 {
        call.ms -= 10;
        effect = match effect.as_str() {
            dial if dial.starts_with("dial") => {
                dials += 1;
                call.failed(18)
            }
            wait if wait.starts_with("wait") => {
                waits += 1;
                call.ms += 1_000;
                call.done()
            }
            end if end.starts_with("hangup") || end == "end" => panic!("the call is over"),
            _ => call.done(),
        };
    }
    assert!(waits > 3 && dials > 100, "{waits} {dials}");
}

#[test]
fn a_round_of_prompts_that_are_not_there_is_stopped_soon() {
    for step in ["{play='gone'}", "{play='${nobody_sets}'}"] {
        let plan = steps(&format!("{step},{{goto='r'}}"));
        let mut interp = Interp::start(&plan, now(0), entry("1")).unwrap();
        let mut effects = Vec::new();
        while effects.last() != Some(&Effect::End) {
            let happening = match effects.last() {
                None => Happening::Started,
                Some(Effect::Play { .. }) => Happening::Missing("gone".into()),
                Some(_) => Happening::Done,
            };
            effects.push(interp.resume(&plan, now(0), happening));
            assert!(effects.len() < 100, "{step}: each round is a line of the log");
        }
    }
}

#[test]
fn steps_are_counted_anew_as_time_passes() {
    let plan = steps("{log='round'},{if={when={var={go='no'}},then=[{hangup={}}]}},{goto='r'}");
    let mut interp = Interp::start(&plan, now(0), entry("1")).unwrap();
    for n in 0..10_000 {
        let effect = interp.resume(&plan, now(n * 10), Happening::Done);
        assert!(
            matches!(effect, Effect::Log { ref text, .. } if text == "round"),
            "{n}: {effect:?}"
        );
    }
}

#[test]
fn freeswitchs_respond_and_rejected_name_the_status() {
    let first = |step: &str| {
        let step =
            format!("<extension name='r'><condition><action {step}/></condition></extension>");
        let mut call = Call::new(xml(&step), "1");
        let first = call.tell(Happening::Started);
        (first, call.rest())
    };
    let refused = |status: &str, cause: &str| (format!("refuse {status}"), vec![cause.to_owned()]);
    for (data, status, cause) in [
        ("480 Go Away", "480", "hangup 18"),
        ("603", "603", "hangup 21"),
        ("500", "500", "hangup 41"),
    ] {
        let step = format!("application='respond' data='{data}'");
        assert_eq!(first(&step), refused(status, cause));
    }
    assert_eq!(first("application='hangup' data='CALL_REJECTED'"), refused("603", "hangup 21"));
    assert_eq!(first("application='hangup' data='USER_BUSY'").0, "hangup 17");
    let mut own = Call::new(steps("{ hangup = 'rejected' }"), "1");
    assert_eq!(own.tell(Happening::Started), "hangup 21", "Belfry's own goes by RFC 3398");
}

#[test]
fn who_sent_the_call_on_is_freeswitchs_rdnis() {
    let plan = xml(r#"<extension name="r"><condition field="rdnis" expression="^(1001)$">
           <action application="hangup" data="CALL_REJECTED"/></condition></extension>
           <extension name="v"><condition field="${rdnis}" expression="^1002$">
           <action application="hangup" data="USER_BUSY"/></condition></extension>"#);
    let first = |from: &str| {
        let variables = [("diverted_from".to_owned(), from.to_owned())].into();
        let mut interp = Interp::start(&plan, now(0), Entry { variables, ..entry("1") }).ok()?;
        Some(interp.resume(&plan, now(1), Happening::Started))
    };
    assert_eq!(first("1001"), Some(Effect::Refuse { status: 603 }));
    assert_eq!(first("1002"), Some(Effect::Hangup { cause: Cause(17) }));
    assert_eq!(first("1003"), None);
}

#[test]
fn variables_are_bounded_and_prompts_stay_in_their_folder() {
    let plan = steps(
        "{set={x='${x}${x}ab'}},{if={when={var={go='no'}},then=[{hangup={}}]}},{play='${evil}'},{goto='r'}",
    );
    let evil: BTreeMap<String, String> =
        [("evil".to_owned(), "../../etc/passwd".to_owned())].into();
    let entry = Entry { variables: evil, ..entry("1") };
    let mut interp = Interp::start(&plan, now(0), entry).unwrap();
    for n in 0..100u64 {
        let effect = interp.resume(&plan, now(n * 2_000), Happening::Done);
        assert!(
            matches!(effect, Effect::Log { ref text, .. } if text.contains("not the name of a prompt")),
            "{effect:?}"
        );
    }
    assert_eq!(interp.variable(&plan, "x").unwrap().len(), MAX_VALUE);
}

#[test]
fn a_number_that_a_variable_spoilt_is_not_dialled() {
    let plan = steps("{dial={gateway='e1',number='${from}',on={else=[{play='sorry'}]}}}");
    let entry = Entry { from: "1001,sofia/gateway/x/00".into(), ..entry("1") };
    let mut interp = Interp::start(&plan, now(0), entry).unwrap();
    let first = short(&interp.resume(&plan, now(0), Happening::Started));
    assert_eq!(first, "log '1001,sofia/gateway/x/00' cannot be dialled");
    let second = short(&interp.resume(&plan, now(0), Happening::Done));
    assert_eq!(second, "dial nobody (28 INVALID_NUMBER_FORMAT)");
}

#[test]
fn the_language_changes_prompts_and_speech() {
    let mut call = Call::new(
        steps("{play='a'},{language='zh-CN'},{play='a'},{say={number='102'}},{say={time='now'}}"),
        "1",
    );
    call.tell(Happening::Started);
    assert_eq!(
        call.rest(),
        [
            "play a",
            "field language=zh-CN",
            "play zh-CN:a",
            "play zh-CN:digits/1+zh-CN:number/hundred+zh-CN:digits/0+zh-CN:digits/2",
            "play zh-CN:time/am+zh-CN:digits/9+zh-CN:time/hour+zh-CN:digits/0+zh-CN:digits/5+zh-CN:time/minute",
            "hangup 16",
        ]
    );
}

#[test]
fn a_missing_prompt_is_logged_and_the_call_goes_on() {
    let mut call = Call::new(steps("{play={prompts='a',times=3}},{play='b'}"), "1");
    call.tell(Happening::Started);
    assert_eq!(call.done(), "play a");
    assert_eq!(call.tell(Happening::Missing("a".into())), "log the prompt 'a' cannot be played");
    assert_eq!(call.done(), "play b", "it is not tried again");
    let mut call = Call::new(steps("{play={prompts='a',times=3,stop-on='#'}},{play='b'}"), "1");
    call.tell(Happening::Started);
    assert_eq!((call.done(), call.done()), ("play a".into(), "play a".into()));
    assert_eq!(call.tell(Happening::Key('#')), "play b");
}

/// A list says what is known: an alarm without a room has no words for it.
#[test]
fn of_several_prompts_one_that_is_empty_is_left_out() {
    let mut call = Call::new(steps("{play=['a','${x}','b']},{play='${x}'},{play='c'}"), "1");
    call.tell(Happening::Started);
    assert_eq!(call.done(), "play a+b");
    let told: Vec<String> = (0..2).map(|_| call.done()).collect();
    assert!(told[0].contains("'' is not the name of a prompt") && told[1] == "play c", "{told:?}");
}

#[test]
fn the_state_is_plain_data() {
    let mut call = menu();
    call.keys("3");
    let kept = serde_json::to_string(&call.interp).expect("it can be written");
    let back: Interp = serde_json::from_str(&kept).expect("it can be read");
    assert_eq!(back, call.interp);
    call.interp = back;
    assert_eq!(call.keys("1"), "collect 1-4 main");
    assert!(call.interp.position(&call.plan).is_some());
}

#[test]
fn no_route_says_why() {
    let plan = toml("[[route]]\nname='r'\ncontext='c'\nwhen={to='2'}\nsteps=['answer']");
    let no = |context: &str| {
        let entry = Entry { context: context.into(), ..entry("1") };
        Interp::start(&plan, now(0), entry).expect_err("no route").context_exists
    };
    assert!(no("c") && !no("d"));
}

// FreeSWITCH's rules.

fn xml_calls(inner: &str, to: &str) -> Vec<String> {
    let mut call = Call::new(xml(inner), to);
    let first = call.tell(Happening::Started);
    let mut all = vec![first];
    if all[0] != "end" {
        all.extend(call.rest());
    }
    all
}

#[test]
fn all_conditions_are_asked_before_anything_runs() {
    let inner = "<extension name='a' continue='true'><condition><action application='set' data='v=late'/>\
        <action application='set' data='w=now' inline='true'/></condition></extension>\
        <extension name='b' continue='true'><condition field='${v}' expression='late'><action application='log' data='INFO wrong'/></condition></extension>\
        <extension name='c'><condition field='${w}' expression='now'><action application='log' data='INFO ${v}'/></condition></extension>";
    assert_eq!(xml_calls(inner, "1"), ["log late", "hangup 16"]);
}

#[test]
fn break_and_anti_actions_follow_freeswitch() {
    let log = |text: &str| {
        format!(
            "<action application='log' data='INFO {text}'/><anti-action application='log' data='INFO not-{text}'/>"
        )
    };
    let conditions = |how: &str| {
        format!(
            "<extension name='x'><condition field='destination_number' expression='^1$' break='{how}'>{}</condition>\
             <condition field='destination_number' expression='^2$'>{}</condition></extension>",
            log("one"),
            log("two")
        )
    };
    let run = |how: &str, to: &str| {
        xml_calls(&conditions(how), to)
            .into_iter()
            .filter(|e| e.starts_with("log"))
            .collect::<Vec<_>>()
    };
    assert_eq!(run("on-false", "1"), ["log one", "log not-two"]);
    assert_eq!(run("on-false", "2"), ["log not-one"]);
    assert_eq!(run("on-true", "1"), ["log one"]);
    assert_eq!(run("on-true", "2"), ["log not-one", "log two"]);
    assert_eq!(run("always", "2"), ["log not-one"]);
    assert_eq!(run("never", "2"), ["log not-one", "log two"]);
}

#[test]
fn captures_belong_to_their_condition() {
    let inner = "<extension name='a'><condition field='destination_number' expression='^(1)(\\d+)$'>\
        <action application='log' data='INFO $2-$1-$3'/></condition>\
        <condition field='caller_id_number' expression='^138'><action application='log' data='INFO $1'/></condition></extension>";
    assert_eq!(xml_calls(inner, "1234"), ["log 234-1-", "log $1", "hangup 16"]);
}

#[test]
fn regex_rules_combine() {
    let run = |rule: &str, to: &str| {
        let inner = format!(
            "<extension name='a'><condition regex='{rule}'><regex field='destination_number' expression='^1'/>\
             <regex field='destination_number' expression='2$'/><action application='log' data='INFO yes'/>\
             <anti-action application='log' data='INFO no'/></condition></extension>"
        );
        xml_calls(&inner, to)[0].clone()
    };
    assert_eq!([run("all", "12"), run("all", "13")], ["log yes", "log no"]);
    assert_eq!([run("any", "13"), run("any", "33")], ["log yes", "log no"]);
    assert_eq!([run("xor", "13"), run("xor", "12")], ["log yes", "log no"]);
}

#[test]
fn nested_conditions_and_time_fields() {
    let inner = "<extension name='a'><condition field='destination_number' expression='^1$'>\
        <action application='log' data='INFO outer'/>\
        <condition wday='1' hour='9'><action application='log' data='INFO sunday at nine'/></condition></condition></extension>\
        <extension name='b'><condition><action application='log' data='INFO fallback'/></condition></extension>";
    assert_eq!(xml_calls(inner, "1"), ["log outer", "log sunday at nine", "hangup 16"]);
    let inner = inner.replace("hour='9'", "hour='10'");
    // What was collected stays; the extension did not match, so the next one is asked.
    assert_eq!(xml_calls(&inner, "1"), ["log outer", "log fallback", "hangup 16"]);
}

#[test]
fn bridge_goes_on_or_clears_by_its_variables() {
    let plan = |sets: &str| {
        xml(&format!(
            "<extension name='a'><condition field='destination_number' expression='^(10\\d\\d)$'>{sets}\
             <action application='bridge' data='{{call_timeout=20}}user/$1@localhost|sofia/gateway/e1/0$1'/>\
             <action application='playback' data='ivr/sorry.wav'/></condition></extension>"
        ))
    };
    let call = |sets: &str| {
        let mut call = Call::new(plan(sets), "1001");
        assert_eq!(call.tell(Happening::Started), "dial phone 1001|01001 through gateway e1");
        call
    };
    let set = |pair: &str| format!("<action application='set' data='{pair}'/>");
    assert_eq!(call("").failed(17), "hangup 17");
    assert_eq!(call("").failed(19), "early", "no answer goes on always");
    assert_eq!(call(&set("continue_on_fail=true")).failed(17), "early");
    assert_eq!(call(&set("continue_on_fail=USER_BUSY,34")).failed(17), "early");
    assert_eq!(call(&set("continue_on_fail=USER_BUSY,34")).failed(41), "hangup 41");
    assert_eq!(call("").talked(EndedBy::Callee), "play ivr/sorry");
    assert_eq!(call(&set("hangup_after_bridge=true")).talked(EndedBy::Callee), "hangup 16");
}

#[test]
fn a_freeswitch_menu_plays_again_until_it_is_left() {
    let plan = load(
        "a.xml",
        "<include><context name='c'><extension name='i'><condition>\
        <action application='answer'/><action application='ivr' data='top'/><action application='log' data='INFO ${ivr_menu_status}'/>\
        </condition></extension><extension name='t'><condition/></extension></context>\
        <menu name='top' greet-long='long.wav' greet-short='short.wav' invalid-sound='bad.wav' exit-sound='bye.wav' timeout='5000' max-failures='2' digit-len='4'>\
        <entry action='menu-play-sound' digits='1' param='one.wav'/><entry action='menu-sub' digits='2' param='sub'/>\
        <entry action='menu-exec-app' digits='/^(10\\d\\d)$/' param='log INFO got $1'/><entry action='menu-exit' digits='9'/></menu>\
        <menu name='sub' greet-long='sub.wav' timeout='5000' max-failures='3'><entry action='menu-top' digits='*'/><entry action='menu-back' digits='0'/></menu></include>",
    );
    let mut call = Call::new(plan, "1");
    call.tell(Happening::Started);
    assert_eq!(call.done(), "collect 1-4 long");
    assert_eq!(call.keys("1"), "play one");
    assert_eq!(call.done(), "collect 1-4 short");
    assert_eq!(call.keys("1002"), "log got 1002");
    call.done();
    assert_eq!(call.keys("2"), "collect 1-1 sub");
    assert_eq!(call.keys("*"), "collect 1-4 long");
    assert_eq!(call.keys("7"), "collect 1-4 bad+short");
    assert_eq!(call.keys("7"), "play bye");
    assert_eq!(call.done(), "log failure");
    let mut again = call;
    assert_eq!(again.rest(), ["hangup 16"]);
}

#[test]
fn execute_extension_comes_back_and_transfer_does_not() {
    let inner = "<extension name='a'><condition field='destination_number' expression='^1$'>\
        <action application='execute_extension' data='2 XML c'/><action application='log' data='INFO back to ${destination_number}'/>\
        <action application='transfer' data='3'/><action application='log' data='INFO never'/></condition></extension>\
        <extension name='b'><condition field='destination_number' expression='^(2|3)$'><action application='log' data='INFO at $1'/></condition></extension>";
    assert_eq!(xml_calls(inner, "1"), ["log at 2", "log back to 1", "log at 3", "hangup 16"]);
}

#[test]
fn a_lacking_application_is_logged_when_it_is_reached() {
    let inner = "<extension name='a'><condition><action application='presence' data='in|x'/><action application='eavesdrop' data='3000'/></condition></extension>";
    let effects = xml_calls(inner, "1");
    assert!(
        effects[0].contains("lacks 'presence'; it is passed over")
            && effects[1].contains("'eavesdrop'; the call ends")
    );
    assert_eq!(effects[2], "hangup 79");
}

#[test]
fn the_ringback_variable_takes_tones_and_music() {
    let dial = |sets: &str| {
        let plan = xml(&format!(
            "<extension name='a'><condition>{sets}<action application='bridge' data='user/1'/></condition></extension>"
        ));
        let mut interp = Interp::start(&plan, now(0), entry("1")).unwrap();
        loop {
            match interp.resume(&plan, now(0), Happening::Done) {
                Effect::Dial(dial) => return dial,
                Effect::End => panic!("no dial"),
                _ => {}
            }
        }
    };
    use crate::dialplan::effect::{Meanwhile, Tone};
    assert_eq!(dial("").meanwhile, Meanwhile::EarlyMedia);
    let tone = dial(
        "<action application='set' data='ringback=%(1000,4000,450)'/><action application='set' data='call_timeout=15'/>",
    );
    assert!(matches!(tone.meanwhile, Meanwhile::Tone(Tone::Beats(_))));
    assert_eq!(tone.ring_ms, 15_000);
    let music = dial(
        "<action application='answer'/><action application='set' data='transfer_ringback=local_stream://moh'/>",
    );
    assert_eq!(music.meanwhile, Meanwhile::Music("moh".into()));
    let id = dial("<action application='set' data='effective_caller_id_number=4008'/>");
    assert_eq!(id.caller_number.as_deref(), Some("4008"));
}

#[test]
fn a_conference_asks_for_its_pin_and_goes_on_afterwards() {
    let step = "{conference={name='r-${from}', pin='4711', most=5, on={kicked=[{play='k'}], pin=[{play='w'}]}}}, {play='after'}";
    let mut call = Call::new(steps(step), "1");
    assert_eq!(call.tell(Happening::Started), "answer");
    assert_eq!(call.done(), "collect 1-16 collect/number");
    assert!(!call.interp.complete(&call.plan, "471") && call.interp.complete(&call.plan, "4711"));
    assert_eq!(call.keys("4712"), "collect 1-16 collect/invalid+collect/number");
    let entered = call.keys("4711");
    assert!(entered.starts_with("conference r-") && entered.ends_with("most 5"), "{entered}");
    assert_eq!(call.tell(Happening::Conferred(ConferenceEnd::Kicked)), "play k");
    assert_eq!(call.var("conference_result"), "kicked");
    assert_eq!(call.rest(), ["play after", "hangup 16"]);

    let mut call = Call::new(steps(step), "1");
    call.tell(Happening::Started);
    call.done();
    call.keys("1");
    call.keys("");
    assert_eq!(call.keys("2"), "play w");
    assert_eq!(call.var("conference_result"), "pin");

    let mut call = Call::new(steps("{conference='open'}, {play='after'}"), "1");
    assert_eq!(call.tell(Happening::Started), "answer");
    assert_eq!(call.done(), "conference open most 100");
    assert_eq!(call.tell(Happening::Conferred(ConferenceEnd::Left)), "play after");
}

#[test]
fn who_may_not_join_a_conference_is_told_why() {
    let ends = [
        (ConferenceEnd::Locked, "play conference/locked"),
        (ConferenceEnd::Full, "play busy"),
        (ConferenceEnd::Kicked, "play conference/kicked"),
    ];
    for (end, told) in ends {
        let step = "{conference={name='r', full='busy', on={left=[{play='l'}]}}}, {play='after'}";
        let mut call = Call::new(steps(step), "1");
        call.tell(Happening::Started);
        assert!(call.done().starts_with("conference r"));
        assert_eq!(call.tell(Happening::Conferred(end)), told);
        assert_eq!(call.rest(), ["play after", "hangup 16"], "and the plan goes on");
    }
}

#[test]
fn an_echo_is_heard_in_an_answered_call_and_ends_by_time_by_key_or_never() {
    let mut call = Call::new(steps("{echo={time='5 s', stop-on='#'}}, {echo={}}, {play='a'}"), "1");
    assert_eq!(call.tell(Happening::Started), "answer");
    assert_eq!(call.done(), "echo { ms: some(5000), stop_on: # }");
    assert_eq!(call.tell(Happening::Key('#')), "echo { ms: none, stop_on: none }");
    assert_eq!(call.tell(Happening::Hangup), "end");
}

#[test]
fn a_bridge_that_fails_gives_its_cause_by_freeswitchs_names() {
    let bridge = "<action application='set' data='continue_on_fail=true'/>\
                  <action application='bridge' data='user/1001'/>\
                  <action application='playback' data='${hangup_cause}'/>\
                  <action application='playback' data='$0'/>";
    let extension = format!(
        "<extension name='e'><condition field='destination_number' expression='^(.)2'>{bridge}\
         </condition></extension>"
    );
    let mut call = Call::new(xml(&extension), "12");
    assert_eq!(call.tell(Happening::Started), "dial phone 1001");
    let end = DialEnd::Failed { why: DialFailure::Busy, cause: Cause(17) };
    call.tell(Happening::Dialed(end));
    for name in ["hangup_cause", "bridge_hangup_cause", "last_bridge_hangup_cause"] {
        assert_eq!(call.var(name), "USER_BUSY", "{name}");
    }
    assert!(call.rest().iter().any(|effect| effect == "play 12"), "$0 is the whole match");
}

#[test]
fn headers_that_the_plan_sets_go_out_and_those_that_came_do_not() {
    let plan = xml(r#"<extension name="r"><condition field="destination_number" expression="^1$">
           <action application="set" data="sip_h_X-One=set"/>
           <action application="export" data="nolocal:sip_h_User-to-User=uui"/>
           <action application="set" data="sip_h_X-Gone=1"/>
           <action application="unset" data="sip_h_X-Gone"/>
           <action application="bridge" data="{sip_h_X-Two=own,sip_h_Via=v}user/1001"/>
           </condition></extension>"#);
    let mut entry = entry("1");
    entry.variables.insert("sip_h_X-Came".into(), "7".into());
    let mut interp = Interp::start(&plan, now(0), entry).expect("a route");
    let effect = interp.resume(&plan, now(1), Happening::Started);
    let Effect::Dial(dial) = effect else { panic!("{effect:?}") };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let wanted = [pair("X-Two", "own"), pair("User-to-User", "uui"), pair("X-One", "set")];
    assert_eq!(dial.headers, wanted);
}

#[test]
fn headers_are_read_whatever_the_case_of_their_names() {
    let mut entry = entry("1");
    entry.variables.insert("sip_h_X-CASE".into(), "7".into());
    let plan = steps("{play='a'}");
    let interp = Interp::start(&plan, now(0), entry).expect("a route");
    assert_eq!(interp.variable(&plan, "sip_h_X-Case").as_deref(), Some("7"));
    assert_eq!(interp.variable(&plan, "sip_h_X-Other"), None);
}
