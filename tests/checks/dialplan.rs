//! What holds for `dialplan` whatever the files say: they load, or are refused with faults that
//! name places within the text; and what loads explains itself, and runs a call to its end
//! whatever the caller does. Shared by `tests/fuzz_seeds.rs` and the fuzz targets `dialplan_toml`
//! and `dialplan_xml`.

use belfry::base::{Duration, Now, Rng, Time, Wall};
use belfry::dialplan::effect::{
    ConferenceEnd, DialEnd, DialFailure, Ended, EndedBy, Redirect, Target,
};
use belfry::dialplan::fault::MAX_FAULTS;
use belfry::dialplan::{
    Cause, Effect, Entry, Fault, File, Happening, Interp, LoadEnv, Plan, Severity, explain,
};

/// Effects before the caller loses patience.
const PATIENCE: usize = 200;
/// Effects after that: more than the interpreter's own bound on steps that take no time.
const REST: usize = 3_000;
/// Contexts in which a call is placed.
const CONTEXTS: usize = 4;
/// Numbers that are called: a phone, a service, an emergency number, a feature code, none.
const NUMBERS: [&str; 5] = ["1001", "4008001234", "110", "*11", ""];

/// Loads the bytes as the one file of a plan and, if it is one, places calls through it. The end
/// of `path` says which spelling it is.
pub fn check(path: &str, bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    match Plan::load(&[File { path, text }], &env()) {
        Ok(loaded) => {
            assert!(loaded.warnings.iter().all(|fault| fault.severity == Severity::Warning));
            places(path, text, &loaded.warnings);
            let mut rng =
                Rng::from_seed(bytes.iter().fold(0, |sum, b| sum * 31 % 65_521 + u64::from(*b)));
            for context in loaded.plan.contexts().take(CONTEXTS) {
                for to in NUMBERS {
                    calls(&loaded.plan, context, to, &mut rng);
                }
            }
        }
        Err(faults) => {
            assert!(faults.iter().any(|fault| fault.severity == Severity::Error));
            places(path, text, &faults);
        }
    }
}

/// Names that the seeds use.
fn env() -> LoadEnv {
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    LoadEnv {
        phones: names(&["1000", "1001", "1002"]),
        gateways: names(&["e1-a"]),
        music: names(&["default"]),
        ..LoadEnv::default()
    }
}

/// The faults' places are in the text.
fn places(path: &str, text: &str, faults: &[Fault]) {
    assert!(faults.len() <= MAX_FAULTS + 1);
    let lines: Vec<&str> = text.split('\n').collect();
    for fault in faults {
        assert_eq!(fault.file, path);
        let line = (fault.line as usize).checked_sub(1).and_then(|line| lines.get(line));
        let line = line.unwrap_or_else(|| panic!("no such line: {fault:?}"));
        let columns = line.chars().count() + 1;
        assert!((1..=columns).contains(&(fault.column as usize)), "{fault:?}");
        assert!(!fault.what.is_empty(), "{fault:?}");
        assert!(!fault.to_string().contains(['\n', '\r']), "one line: {fault:?}");
    }
}

/// Explains one call, then runs it.
fn calls(plan: &Plan, context: &str, to: &str, rng: &mut Rng) {
    // 2026-10-01 09:00 UTC, a holiday, and up to a year of minutes from there.
    let wall = 1_790_845_200_000 + rng.below(525_600) as i64 * 60_000;
    let start = Now { at: Time::from_millis(1_000), wall: Wall(wall) };
    let entry = Entry {
        context: context.to_owned(),
        to: to.to_owned(),
        from: "13800138000".to_owned(),
        via: "e1-a".to_owned(),
        ..Entry::default()
    };
    let _ = explain(plan, &entry, start).to_string();
    let Ok(mut interp) = Interp::start(plan, start, entry) else { return };
    let mut ms = 0;
    let mut gone = false;
    let mut happening = Happening::Started;
    for told in 0..PATIENCE + REST {
        let now = Now { at: start.at + Duration::from_millis(ms), wall: Wall(wall + ms as i64) };
        gone |= happening == Happening::Hangup;
        let effect = interp.resume(plan, now, happening);
        let _ = (interp.position(plan), interp.language(plan));
        if effect == Effect::End {
            assert!(interp.is_ended());
            assert_eq!(interp.resume(plan, now, Happening::Done), Effect::End, "the end stays");
            return;
        }
        if told % 16 == 0 {
            let state = serde_json::to_string(&interp).expect("plain data");
            assert_eq!(serde_json::from_str::<Interp>(&state).expect("plain data"), interp);
        }
        happening = if told == PATIENCE && !gone {
            Happening::Hangup
        } else {
            let (next, took) = outcome(&effect, &interp, plan, rng);
            ms += took;
            next
        };
    }
    panic!("the plan goes on after the caller is gone: {:?}", interp.position(plan));
}

/// What comes of an effect, and after how many milliseconds. What is done at once takes no time.
fn outcome(effect: &Effect, interp: &Interp, plan: &Plan, rng: &mut Rng) -> (Happening, u64) {
    let key = |rng: &mut Rng| b"0123456789*#ABCD"[rng.below(16) as usize] as char;
    let took = 10 + rng.below(30_000);
    let waits = matches!(
        effect,
        Effect::Play { .. }
            | Effect::Collect(_)
            | Effect::Wait { .. }
            | Effect::Dial(_)
            | Effect::Conference(_)
    );
    match (waits, rng.below(32)) {
        (true, 0) => return (Happening::Hangup, took),
        (true, 1) => {
            return (
                Happening::Redirect(Redirect::Number { to: "1001".into(), context: None }),
                took,
            );
        }
        _ => {}
    }
    let next = match effect {
        Effect::Play { .. } => match rng.below(4) {
            0 => Happening::Missing("welcome".into()),
            1 => Happening::Key(key(rng)),
            _ => Happening::Done,
        },
        Effect::Collect(collect) => {
            assert!(collect.min <= collect.max, "{collect:?}");
            let mut digits = String::new();
            let pressed = rng.below(u64::from(collect.max) + 2);
            while (digits.len() as u64) < pressed && !interp.complete(plan, &digits) {
                digits.push(key(rng));
            }
            let ended = match rng.below(3) {
                0 => Ended::Terminator('#'),
                1 => Ended::Enough,
                _ => Ended::Timeout,
            };
            Happening::Digits { digits, ended }
        }
        Effect::Dial(dial) => {
            let by = dial.groups.iter().flatten().next().cloned();
            match (rng.below(3), by) {
                (0, Some(by)) if !matches!(by, Target::Fail { .. }) => {
                    let ended_by = if rng.chance(0.3) { EndedBy::Caller } else { EndedBy::Callee };
                    Happening::Dialed(DialEnd::Answered { by, talk_ms: took, ended_by })
                }
                _ => {
                    let cause = Cause([16, 17, 19, 21, 1, 34, 102][rng.below(7) as usize]);
                    Happening::Dialed(DialEnd::Failed { why: DialFailure::of(cause), cause })
                }
            }
        }
        Effect::Conference(_) => {
            use ConferenceEnd::*;
            Happening::Conferred([Left, Kicked, Locked, Full][rng.below(4) as usize])
        }
        _ => Happening::Done,
    };
    (next, if waits { took } else { 0 })
}
