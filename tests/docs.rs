//! The documentation is kept true: generated parts are compared, commands in it are parsed.
//!
//! `BELFRY_WRITE_DOCS=1 cargo test --test docs` writes the generated parts anew.
#![allow(clippy::disallowed_methods, reason = "the test reads the documentation")]

use std::fs;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- generated: the keys; see tests/docs.rs -->\n";
const END: &str = "<!-- end of the generated part -->\n";

fn doc(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

#[test]
fn the_reference_of_configuration_keys_is_in_admin_md() {
    let path = doc("admin.md");
    let text = fs::read_to_string(&path).expect("docs/admin.md is there");
    let (before, rest) = text.split_once(BEGIN).expect("the marker of its beginning");
    let (found, after) = rest.split_once(END).expect("the marker of its end");
    let wanted = format!("{}\n", belfry::config::reference_markdown().trim_end());
    if std::env::var_os("BELFRY_WRITE_DOCS").is_some() {
        let whole = format!("{before}{BEGIN}{wanted}{END}{after}");
        fs::write(&path, whole).expect("docs/admin.md can be written");
    } else {
        assert!(
            found == wanted,
            "docs/admin.md is behind the table of keys: BELFRY_WRITE_DOCS=1 cargo test --test docs"
        );
    }
}

/// Every console command that stands in the documentation is one.
#[test]
fn console_commands_in_the_documentation_parse() {
    let mut seen = 0;
    for name in ["admin.md", "operating.md", "migration.md", "../README.md"] {
        let text = fs::read_to_string(doc(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        for (at, _) in text.match_indices("console -e ") {
            let rest = &text[at + "console -e ".len()..];
            let command = match rest.chars().next() {
                Some(quote @ ('\'' | '"')) => rest[1..].split(quote).next().unwrap_or_default(),
                _ => rest.split([' ', '\n', '`']).next().unwrap_or_default(),
            };
            let command = command.replace("CALL", "0000000000000");
            belfry::console::commands::parse(&command)
                .unwrap_or_else(|e| panic!("{name}: '{command}': {e}"));
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} commands were found");
}

/// Every dialplan that stands in the documentation is one: it is read and checked.
#[test]
fn dialplans_in_the_documentation_are_read() {
    use belfry::dialplan::{File, LoadEnv, Plan};
    let mut seen = 0;
    for name in ["admin.md", "migration.md"] {
        let text = fs::read_to_string(doc(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        for block in blocks.filter(|block| block.contains("[[route]]")) {
            let path = format!("{name}.toml");
            let loaded = Plan::load(&[File { path: &path, text: block }], &LoadEnv::default());
            let loaded = loaded.unwrap_or_else(|faults| panic!("{name}: {faults:?}\n{block}"));
            assert_eq!(loaded.warnings, [], "{name}: {block}");
            seen += 1;
        }
    }
    assert!(seen > 0, "no dialplan was found");
}

/// The API's document, made from the table of its routes.
#[test]
fn the_openapi_document_is_what_the_routes_say() {
    let path = doc("openapi.json");
    let document = belfry::api::openapi::document();
    let wanted = format!("{}\n", serde_json::to_string_pretty(&document).expect("JSON"));
    if std::env::var_os("BELFRY_WRITE_DOCS").is_some() {
        fs::write(&path, wanted).expect("docs/openapi.json can be written");
    } else {
        let found = fs::read_to_string(&path).expect("docs/openapi.json is there");
        assert!(
            found == wanted,
            "docs/openapi.json is behind the routes: BELFRY_WRITE_DOCS=1 cargo test --test docs"
        );
    }
}

/// Every path that docs/api.md asks by curl is one of the API's, with that method.
#[test]
fn what_the_documentation_asks_by_curl_is_there() {
    let text = fs::read_to_string(doc("api.md")).expect("docs/api.md is there");
    let document = belfry::api::openapi::document();
    let mut seen = 0;
    for line in text.lines().filter(|line| line.starts_with("curl ")) {
        let at = line.find("$BELFRY").unwrap_or_else(|| panic!("no $BELFRY: {line}"));
        let rest = &line[at + "$BELFRY".len()..];
        let path = rest.split(['\'', '"', ' ', '?']).next().unwrap_or_default();
        let words: Vec<&str> = line.split(' ').collect();
        let given = words.iter().position(|word| *word == "-X").map(|at| words[at + 1]);
        let usual = if line.contains(" -d ") { "post" } else { "get" };
        let method = given.map_or(usual.to_owned(), str::to_lowercase);
        let fits = |pattern: &str| {
            let (own, other) = (pattern.split('/'), path.split('/'));
            pattern.split('/').count() == path.split('/').count()
                && own.zip(other).all(|(own, other)| own.starts_with('{') || own == other)
        };
        let paths = document["paths"].as_object().expect("paths");
        let known = paths.iter().any(|(pattern, has)| fits(pattern) && has[&method].is_object());
        assert!(known, "{method} {path}: {line}");
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} were found");
}
