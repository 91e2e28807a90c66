//! `belfry check` on broken dialplans: each fault named with its line, its column and a remedy.
//!
//! The files are in tests/data/dialplan/broken; EXPECT.tsv lists for each of their faults the file,
//! line, column, severity, a part of what is said and a part of the remedy. Every fault that is found
//! has to be in the list, and the other way round.

#![allow(clippy::disallowed_methods)] // a test may read its data

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use belfry::dialplan::fault::nearest;
use belfry::dialplan::{Fault, File, LoadEnv, Plan, Severity};

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What stands around the plans: few prompts, phones and gateways, so that a wrong name shows.
fn env() -> LoadEnv {
    let prompts = [
        "welcome",
        "goodbye",
        "care/menu",
        "care/busy",
        "error/busy",
        "survey/intro",
        "survey/solved",
        "collect/card",
        "sub",
    ];
    let mut english = set(&prompts);
    english.insert("only/english".into());
    LoadEnv {
        prompts: Some([("zh-CN".to_owned(), set(&prompts)), ("en".to_owned(), english)].into()),
        phones: Some(set(&["1000", "1001", "1002"])),
        gateways: Some(set(&["e1-a"])),
        music: Some(set(&["default"])),
        ..LoadEnv::default()
    }
}

fn faults(path: &Path) -> Vec<Fault> {
    let text = fs::read_to_string(path).expect("a test file");
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    match Plan::load(&[File { path: &name, text: &text }], &env()) {
        Ok(loaded) => loaded.warnings,
        Err(faults) => faults,
    }
}

#[test]
fn every_fault_is_named_with_its_place_and_remedy() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialplan/broken");
    let expected = fs::read_to_string(folder.join("EXPECT.tsv")).expect("EXPECT.tsv");
    let mut wanted: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    for line in expected.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        assert_eq!(columns.len(), 6, "{line}");
        wanted.entry(columns[0]).or_default().push(columns);
    }
    let mut wrong = Vec::new();
    let mut files = 0;
    let mut entries: Vec<_> =
        fs::read_dir(&folder).expect("the folder").map(|e| e.expect("an entry").path()).collect();
    entries.sort();
    for path in entries.iter().filter(|p| p.extension().is_some_and(|e| e == "toml" || e == "xml"))
    {
        files += 1;
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let found = faults(path);
        let wanted = wanted.remove(name.as_str()).unwrap_or_default();
        if found.is_empty() {
            wrong.push(format!("{name}: no fault found"));
        }
        for (n, fault) in found.iter().enumerate() {
            let fits = wanted.get(n).is_some_and(|w| {
                let warns = fault.severity == Severity::Warning;
                let severity = if warns { "warning" } else { "error" };
                (w[1].parse(), w[2].parse()) == (Ok(fault.line), Ok(fault.column))
                    && w[3] == severity
                    && fault.what.contains(w[4])
                    && fault.remedy.contains(w[5])
            });
            if !fits {
                wrong.push(format!("found    {fault}\n  wanted {:?}", wanted.get(n)));
            }
            assert!(!fault.remedy.is_empty(), "no remedy: {fault}");
        }
        if wanted.len() > found.len() {
            wrong.push(format!("{name}: not found: {:?}", &wanted[found.len()..]));
        }
    }
    wrong.extend(wanted.keys().map(|name| format!("{name}: no such file")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files >= 20, "{files} files");
}

#[test]
fn a_far_name_is_not_proposed() {
    assert_eq!(nearest("conference", ["play"]), None);
}
