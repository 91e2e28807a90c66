//! Questionnaires (R21, R22) from keys to figures: facts of whole calls go through the real store, and what the
//! report says is what an independent count of the pressed keys says.

use std::collections::BTreeMap;

use belfry::base::{CallId, Duration, Rng};
use belfry::media::control::Codec;
use belfry::report::layout::{Cell, Language, Table};
use belfry::report::period::By;
use belfry::report::survey::{Across, Session, Verdict, View, judge, table};
use belfry::sim::network::Faults;
use belfry::sim::phone::State;
use belfry::store::{Records, Settings, Store};
use belfry::switch::console::Correction;
use belfry::switch::fact::{FactKind, SurveyFact};
use belfry::switch::{Reply, Request};
use jiff::tz::TimeZone;

use super::house::{House, plan};
use super::queue;

/// Ten questions; some answers lead past others.
fn questionnaire() -> String {
    let branches = [(2, "2", "q5"), (6, "1", "q9"), (9, "3", "end")];
    let question = |n: u32| {
        let next = branches.iter().find(|(at, ..)| *at == n);
        let next =
            next.map_or(String::new(), |(_, key, to)| format!(", next = {{ {key} = \"{to}\" }}"));
        format!(
            "{{ name = \"q{n}\", prompt = \"p\", keys = {{ 1 = \"one\", 2 = \"two\", 3 = \"three\" }}, timeout = \"3 s\"{next} }},\n"
        )
    };
    let questions: String = (1..=10).map(question).collect();
    format!(
        "[[route]]\nname = \"all\"\ncontext = \"gateway\"\nwhen = {{ to = \"1\" }}\n\
         steps = [\"answer\", {{ survey = \"ten\" }}]\n\
         [survey.ten]\ncomplete = true\nquestions = [\n{questions}]\n"
    )
}

/// Where a key leads, written down a second time.
fn after(question: u32, key: u32) -> u32 {
    match (question, key) {
        (2, 2) => 5,
        (6, 1) => 9,
        (9, 3) => 11,
        _ => question + 1,
    }
}

/// What the store has of the facts: sessions with verdicts, and a table.
fn read(house: &House, survey: &str, across: Across) -> (Vec<Session>, Vec<Verdict>, Table) {
    let dir = tempfile::tempdir().expect("a directory");
    let database = dir.path().join("belfry.db");
    let store = Store::open(Settings::new(dir.path().join("journal"), &database)).expect("a store");
    let journal = store.journal();
    for fact in &house.world.facts {
        journal.submit(fact.clone()).expect("room");
    }
    assert!(store.drain(core::time::Duration::from_secs(20)), "the database has all");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (sessions, designs) = runtime.expect("a runtime").block_on(async {
        let records = Records::open(&database).await.expect("records");
        let sessions = records.survey_sessions(survey, 0, i64::MAX).await.expect("sessions");
        (sessions, records.survey_designs(survey).await.expect("designs"))
    });
    store.close();
    let verdicts = judge(&sessions, &designs, &TimeZone::UTC);
    let view = View { from: 0, until: i64::MAX, by: By::Total, across, zone: TimeZone::UTC };
    let table = table(&sessions, &verdicts, &designs, &view, Language::English);
    (sessions, verdicts, table)
}

fn cell(table: &Table, line: usize, key: &str) -> Cell {
    let at = table.keys.iter().position(|known| known == key).expect(key);
    table.lines[line].2[at - 2]
}

#[test]
fn figures_equal_an_independent_count() {
    let plan = plan(&[("ten.toml".into(), questionnaire())]);
    let mut house = House::with_plan(plan, Faults::NONE, 22, [&[Codec::Pcma]; 4], |_| ());
    let mut rng = Rng::from_seed(22);
    let (mut counted, mut valid) = (BTreeMap::<(u32, u32), u64>::new(), 0);
    const CALLS: u64 = 12;
    for call in 0..CALLS {
        house.world.with(house.caller, |phone, now| phone.call(now, "1"));
        house.until_state(house.caller, State::Talking);
        house.world.run(Duration::from_millis(400));
        let (mut question, mut pressed) = (1, Vec::new());
        // Every fourth caller has had enough after two questions.
        let enough = if call % 4 == 3 { 2 } else { 10 };
        while question <= 10 && pressed.len() < enough {
            let key = rng.below(3) as u32 + 1;
            let digit = char::from_digit(key, 10).expect("a digit");
            house.press(house.caller, digit);
            pressed.push((question, key));
            question = after(question, key);
        }
        if question <= 10 {
            house.world.with(house.caller, |phone, now| phone.hang_up(now));
        } else {
            valid += 1;
            pressed.into_iter().for_each(|at| *counted.entry(at).or_default() += 1);
        }
        house.until_state(house.caller, State::Ended(0));
    }
    assert!(valid > 2 && valid < CALLS, "both kinds: {valid}");
    let (sessions, verdicts, table) = read(&house, "ten", Across::Nothing);
    assert_eq!(sessions.len() as u64, CALLS);
    assert_eq!(verdicts.iter().filter(|v| **v == Verdict::Valid).count() as u64, valid);
    assert_eq!(
        (cell(&table, 0, "asked"), cell(&table, 0, "valid")),
        (Cell::Count(CALLS), Cell::Count(valid))
    );
    for question in 1..=10 {
        for key in 1..=3 {
            let own = counted.get(&(question, key)).copied().unwrap_or(0);
            let told = cell(&table, 0, &format!("key:q{question}={key}"));
            assert_eq!(told, Cell::Count(own), "q{question}={key}");
        }
    }

    // An answer that is put right counts as what it is now, and what it was stays.
    let first = sessions.iter().zip(&verdicts).find(|(_, v)| **v == Verdict::Valid).expect("one").0;
    let (old, call) = (first.answers[0].key.clone(), first.call.parse::<CallId>().expect("an id"));
    let key = if old == "1" { "2" } else { "1" };
    let correction = Correction {
        call,
        survey: "ten".into(),
        question: "q1".into(),
        key: key.into(),
        meaning: "put right".into(),
        by: "supervisor".into(),
        why: "heard".into(),
    };
    let said = house.world.ask(Request::Correct(correction));
    assert!(matches!(said, Some(Reply::Done(_))), "{said:?}");
    let (sessions, _, table) = read(&house, "ten", Across::Nothing);
    let now = sessions.iter().find(|s| s.call == call.to_string()).expect("it is there");
    let answer = now.answers.iter().find(|a| a.question == "q1").expect("an answer");
    assert_eq!((answer.key.as_str(), answer.corrected), (key, true));
    assert_eq!(cell(&table, 0, &format!("key:q1={key}:put right")), Cell::Count(1));
    let old: u32 = old.parse().expect("a digit");
    let left = counted[&(1, old)] - 1;
    assert_eq!(cell(&table, 0, &format!("key:q1={old}")), Cell::Count(left));
    house.ends_clean();
}

#[test]
fn a_survey_after_a_queue_is_about_its_agent_team_and_queue() {
    let plan = format!(
        "{}\n[survey.a]\nquestions = [{{ name = \"q\", prompt = \"p\", keys = {{ 1 = \"yes\" }} }}]\n\
         [survey.coded]\nby-code = true\nquestions = [{{ name = \"q\", prompt = \"p\", keys = {{ 1 = \"yes\" }} }}]\n",
        queue::PLAN
    );
    let more = "[[team]]\nname = \"day\"\nmembers = [\"7001\"]\n";
    let mut house = House::with_sections(&plan, &format!("{}{more}", queue::centre("")), 23);
    queue::sign_in(&mut house, 0, "7001");
    queue::dials(&mut house, 0, "*13");
    house.until_state(house.phones[0], State::Ended(0));
    queue::caller_calls(&mut house);
    house.until_state(house.phones[0], State::Talking);
    house.world.run(Duration::from_secs(1));
    // *4 sends the caller to the survey that says so.
    "*4".chars().for_each(|key| house.press(house.phones[0], key));
    house.until_state(house.phones[0], State::Ended(0));
    house.world.run(Duration::from_secs(1));
    house.press(house.caller, '1');
    house.until_state(house.caller, State::Ended(0));
    let began = house.facts("survey").into_iter().find_map(|kind| match kind {
        FactKind::Survey {
            survey,
            what: SurveyFact::Began { agent, team, queue, caller, .. },
            ..
        } => Some((survey.clone(), agent.clone(), team.clone(), queue.clone(), caller.clone())),
        _ => None,
    });
    let text = |text: &str| Some(text.to_owned());
    let wanted =
        ("coded".to_owned(), text("7001"), text("day"), text("care"), "13800138000".to_owned());
    assert_eq!(began, Some(wanted));
    let (_, _, table) = read(&house, "coded", Across::Team);
    assert_eq!((table.lines[0].1.as_str(), cell(&table, 0, "key:q=1")), ("day", Cell::Count(1)));
}

#[test]
fn a_spoken_answer_is_a_recording_of_its_own() {
    let text = "[[route]]\nname = \"all\"\ncontext = \"gateway\"\nsteps = [\"answer\", { survey = \"said\" }]\n\
                [survey.said]\nquestions = [{ name = \"why\", prompt = \"p\", voice = \"10 s\" },\n\
                { name = \"b\", prompt = \"p\", keys = { 1 = \"yes\" } }]\n";
    let plan = plan(&[("said.toml".into(), text.into())]);
    let mut house = House::with_plan(plan, Faults::NONE, 24, [&[Codec::Pcma]; 4], |_| ());
    house.world.with(house.caller, |phone, now| phone.call(now, "1"));
    house.until_state(house.caller, State::Talking);
    house.world.run(Duration::from_secs(6));
    house.press(house.caller, '#');
    house.press(house.caller, '1');
    house.until_state(house.caller, State::Ended(0));
    let (sessions, verdicts, _) = read(&house, "said", Across::Nothing);
    assert_eq!(verdicts, [Verdict::Valid]);
    let path = sessions[0].answers[0].voice.clone().expect("a recording");
    let recording = house.world.recordings.get(&path).expect("it is whole");
    let seconds = recording.samples.unwrap_or(0) / 8_000;
    assert!((2..=7).contains(&seconds), "{seconds} s, without what follows");
    house.ends_clean();
}

/// The dissatisfied say it and hang up: that is an answer, and a whole vote where it was the last question.
#[test]
fn a_spoken_answer_that_ends_with_the_call_counts() {
    let text = "[[route]]\nname = \"all\"\ncontext = \"gateway\"\nsteps = [\"answer\", { survey = \"said\" }]\n\
                [survey.said]\ncomplete = true\nquestions = [{ name = \"b\", prompt = \"p\", keys = { 1 = \"yes\" } },\n\
                { name = \"why\", prompt = \"p\", voice = \"10 s\" }]\n";
    let plan = plan(&[("said.toml".into(), text.into())]);
    let mut house = House::with_plan(plan, Faults::NONE, 25, [&[Codec::Pcma]; 4], |_| ());
    house.world.with(house.caller, |phone, now| phone.call(now, "1"));
    house.until_state(house.caller, State::Talking);
    house.world.run(Duration::from_secs(1));
    house.press(house.caller, '1');
    house.world.run(Duration::from_secs(6));
    house.hang_up(house.caller);
    house.world.run(Duration::from_secs(2));
    let (sessions, verdicts, _) = read(&house, "said", Across::Nothing);
    assert_eq!(verdicts, [Verdict::Valid]);
    let [first, said] = &sessions[0].answers[..] else { panic!("{:?}", sessions[0].answers) };
    assert_eq!((first.voice.as_ref(), said.question.as_str()), (None, "why"));
    let path = said.voice.clone().expect("a recording");
    let recording = house.world.recordings.get(&path).expect("it is whole");
    assert!(recording.samples.unwrap_or(0) > 8_000, "{recording:?}");
    house.ends_clean();
}
