//! Trials of a small plan: what is met, what is not, and what is told of it.

use super::*;
use crate::dialplan::{File, LoadEnv, Plan};

const PLAN: &str = "
[[route]]
name = 'main'
context = 'in'
when = { to = '100' }
steps = ['answer', { play = ['hello', 'menu/hint'] }, { menu = 'm' }, { play = 'after' }]
[[route]]
name = 'office'
context = 'in'
when = { to = '200', hours = '09:00-17:00' }
steps = [{ dial = { phones = ['1001', '1002'], record = true, on = { busy = [{ play = 'busy' }, { hangup = 'busy' }] } } }, { survey = 's' }]
[[route]]
name = 'closed'
context = 'in'
when = { to = '200' }
steps = ['early-media', { play = 'closed' }, { hangup = 'unallocated' }]
[[route]]
name = 'for ever'
context = 'in'
when = { to = '300' }
steps = ['answer', { collect = { into = 'n', prompt = 'number', min = 1, max = 4, terminators = '#' } }, { note = { name = 'n', value = '${n}' } }, { goto = 'parked' }]
[[route]]
name = 'asks'
context = 'in'
when = { to = '500' }
steps = [{ http = { service = 'crm', path = '/${from}', take = { name = 'n' }, on = { ok = [{ note = { name = 'name', value = '${name}' } }] } } }, { sql = { query = 'q', apology = 'sorry' } }]
[service.crm]
url = 'http://127.0.0.1:1'
[query.q]
sql = 'SELECT 1'
[menu.m]
prompt = 'menu'
tries = 2
keys = { 1 = { play = 'one' }, 22 = { play = 'two' } }
exit = 'bye'
[survey.s]
questions = [{ name = 'good', prompt = 'q', keys = { 1 = 'yes', 2 = 'no' } }]
";

/// Only FreeSWITCH's `park` waits without end.
const PARKED: &str = "<include><context name='in'><extension name='parked'><condition field='destination_number' \
    expression='^400$'><action application='park'/></condition></extension></context></include>";

fn plan() -> Plan {
    let env = LoadEnv { language: "en".into(), ..LoadEnv::default() };
    match Plan::load(
        &[File { path: "p.toml", text: PLAN }, File { path: "q.xml", text: PARKED }],
        &env,
    ) {
        Ok(loaded) => loaded.plan,
        Err(faults) => panic!("{faults:#?}"),
    }
}

fn trial(to: &str, more: &str, path: &str) -> Vec<Trial> {
    let text =
        format!("[[test]]\nname = 't'\ncontext = 'in'\nto = '{to}'\n{more}\npath = [{path}]\n");
    match read(File { path: "t.toml", text: &text }, plan().zone()) {
        Ok(trials) => trials,
        Err(faults) => panic!("{faults:#?}"),
    }
}

fn went(to: &str, more: &str, path: &str) -> Report {
    run(&plan(), "t.toml", &trial(to, more, path)[0])
}

#[track_caller]
fn holds(to: &str, more: &str, path: &str) {
    let report = went(to, more, path);
    assert_eq!(report.failure, None, "{:#?}", report.happened);
}

#[track_caller]
fn fails(to: &str, path: &str) -> Failure {
    went(to, "", path).failure.expect("it cannot hold")
}

#[test]
fn a_path_is_met_in_order_and_what_it_leaves_out_may_happen() {
    holds(
        "100",
        "",
        "'answer', {hear='hello'}, {hear='menu/hint'}, {hear='menu'}, {press='1'}, {hear='one', language='en'}, {hear='after'}, 'hangup'",
    );
    holds("100", "", "{route='main'}, {press='22'}, {hear='two'}, {hangup='normal'}");
    holds("100", "", "'silent', 'silent', {hear='bye'}");
    holds("100", "", "{press='9'}, {hear='bye'}");
    holds("100", "", "{hear='hello'}, 'caller-hangs-up'");
}

#[test]
fn who_is_called_and_what_comes_of_it() {
    holds("200", "", "{dial='1002'}, {hear='q'}, {press='2'}, {survey='good', key='2'}");
    holds("200", "", "{dial='1001', outcome='busy'}, {hear='busy'}, {hangup='17'}");
    holds("200", "", "{dial='1001', outcome='caller-hangs-up'}");
    let failure = fails("200", "{hear='q'}");
    assert!(failure.why.contains("does not say what comes of it"), "{failure:?}");
    assert!(fails("200", "{dial='1003'}").why.contains("'1003' is not among"), "{failure:?}");
}

#[test]
fn the_hour_decides_the_route() {
    holds(
        "200",
        "at = '2026-11-22 20:00'",
        "'early-media', {route='closed'}, {hangup='unallocated'}",
    );
    holds("200", "at = '2026-11-22 16:59'", "{route='office'}, {dial='1001'}");
}

#[test]
fn keys_beyond_those_taken_wait_for_the_next_asking() {
    holds("300", "", "{press='12#'}, {field='n', value='12'}");
    holds("300", "", "{press='12345'}, {field='n', value='1234'}, 'caller-hangs-up'");
    holds("100", "", "{press='9 1'}, {hear='one'}");
}

#[test]
fn what_is_not_met_is_told_with_what_happened_instead() {
    let failure = fails("100", "'answer', {press='1'}, {hear='two'}");
    assert_eq!(failure.expected, "hear two");
    assert_eq!(failure.place, "t.toml:6");
    assert_eq!(failure.instead[0], "hear one (en)");
    assert_eq!(failure.why, "the call is over");
    assert!(fails("300", "{press='1#'}, {hear='x'}").why.contains("waits for the caller"));
    assert!(fails("900", "'answer'").why.contains("no route of context 'in' takes 900"));
    // Each playing meets a line once, and in order.
    assert_eq!(fails("100", "{hear='menu/hint'}, {hear='hello'}").expected, "hear hello");
    assert_eq!(fails("100", "'answer', 'answer'").expected, "answer");
}

#[test]
fn routes_that_no_call_took_are_named() {
    let reports = [went("100", "", "'answer'"), went("200", "", "{dial='1001'}")];
    let covered = coverage(&plan(), &reports);
    assert_eq!((covered.routes.reached, covered.routes.all), (2, 6));
    assert_eq!(covered.routes.missed[0], ("closed".into(), "p.toml:12".into()));
}

#[test]
fn programs_and_the_store_answer_as_the_path_says() {
    holds(
        "500",
        "",
        "{http='crm', values={name='Li'}}, {field='name', value='Li'}, {sql='q', outcome='failed'}, {hear='sorry'}",
    );
    let failure = fails("500", "{http='crn'}");
    assert!(failure.why.contains("asked is http crm"), "{failure:?}");
    assert!(fails("500", "'hangup'").why.contains("does not say what comes of it"));
}

#[test]
fn faults_name_the_place_and_the_remedy() {
    let text = "[[test]]\nname = 't'\ncontext = 'in'\nto = '1'\nat = 'noon'\nform = '2'\npath = [\n 'anwser',\n {haer = 'x'},\n {press = 'x'},\n {dial = '1', outcome = 'bussy'},\n {hear = 1},\n {record = 'of'},\n 7]\n[[tset]]\n";
    let faults = read(File { path: "t.toml", text }, plan().zone()).expect_err("all wrong");
    let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
    for wanted in [
        "t.toml:5:6: error: at = 'noon' is no time; write it as",
        "t.toml:6:1: error: a test has no key 'form'; write 'from'",
        "t.toml:8:2: error: 'anwser' is no word of a path; write 'answer'",
        "t.toml:9:2: error: 'haer' is no line of a path; write 'hear'",
        "t.toml:10:11: error: 'x' are no keys",
        "'bussy' is no cause; write 'busy'",
        "t.toml:12:10: error: 'hear' is a text",
        "'of' is no change of a recording; write 'off'",
        "t.toml:14:2: error: a path is of words and tables",
        "t.toml:15:3: error: a file of tests has no key 'tset'; write 'test'",
    ] {
        assert!(told.iter().any(|line| line.contains(wanted)), "{wanted}\n{told:#?}");
    }
    let broken = read(File { path: "t.toml", text: "[[test]" }, plan().zone());
    assert!(broken.expect_err("no TOML")[0].what.contains("not TOML"));
}

#[test]
fn a_plan_in_circles_ends() {
    let text = "[[route]]\nname='r'\ncontext='in'\nsteps=['answer',{wait='1 s'},{goto='r'}]";
    let env = LoadEnv { language: "en".into(), ..LoadEnv::default() };
    let circles = Plan::load(&[File { path: "p.toml", text }], &env).expect("it loads").plan;
    let report = run(&circles, "t.toml", &trial("1", "", "{hear='x'}")[0]);
    assert!(report.failure.expect("no end").why.contains("on and on"));
}

#[test]
fn keys_branches_and_steps_that_no_call_came_by_are_named() {
    let reports = [
        went("100", "", "{press='1'}, {hear='one'}, {hear='after'}, 'hangup'"),
        went("200", "", "{dial='1001'}, {press='2'}, {survey='good', key='2'}, 'hangup'"),
    ];
    let covered = coverage(&plan(), &reports);
    let missed = |part: &Part| part.missed.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(
        missed(&covered.keys),
        ["key 22 of the menu 'm'", "answer 1 to 'good' of the survey 's'"]
    );
    assert_eq!((covered.keys.reached, covered.keys.all), (2, 4));
    assert_eq!(missed(&covered.branches), ["'busy' of a dial", "'ok' of a lookup"]);
    assert!(!covered.is_whole());
    // Of a route that no call took the first step stands for all; of a branch the branch.
    let places: Vec<&str> = covered.steps.missed.iter().map(|(_, at)| at.as_str()).collect();
    assert_eq!(places, ["p.toml:16", "p.toml:21", "p.toml:26", "q.xml:1"]);
}
