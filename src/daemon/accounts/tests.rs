//! Accounts from the command to the configuration that an appliance would take.

use std::path::Path;

use super::*;

/// A configuration with phone 1001, in a folder of its own.
fn folder() -> (tempfile::TempDir, ConfigFile) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("belfry.toml");
    let repo = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = format!(
        "[node]\ndata_dir = \"{0}/data\"\n[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n\
         [[gateway]]\nname = \"e1-a\"\naddress = \"udp:127.0.0.1:5080\"\n\
         [[phone]]\nnumber = \"1001\"\npassword = \"one\"\n\
         [[phone]]\nnumber = \"1002\"\npassword = \"two\"\n\
         [dialplan]\ndir = \"{1}/dialplan\"\nsounds = \"{1}/sounds\"\n\
         [console]\nsocket = \"{0}/console.sock\"\n",
        dir.path().display(),
        repo.display(),
    );
    std::fs::write(&path, text).expect("written");
    (dir, ConfigFile { config: Some(path) })
}

fn words(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

#[test]
fn a_phone_that_is_added_is_one_of_the_configuration() {
    let (dir, file) = folder();
    let named = words(&[("name", "Front desk"), ("groups", "sales,front"), ("calls_out", "3")]);
    add(PHONES, &file, "1005", &named, false, false).unwrap();
    let config = files::config_of_file(&file).unwrap();
    let phone = config.phone("1005").expect("it is there");
    assert_eq!(phone.calls_out, 3);
    assert_eq!(phone.groups.as_ref().map(Vec::len), Some(2));
    assert_eq!(phone.password.as_ref().map(|p| p.expose().len()), Some(PASSWORD_LETTERS));
    let kept = std::fs::metadata(dir.path().join("data/accounts.toml")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&kept.permissions()) & 0o777, 0o600);
    set(PHONES, &file, "1005", &words(&[("name", "")]), (Some("secret".into()), false), false)
        .unwrap();
    let config = files::config_of_file(&file).unwrap();
    let phone = config.phone("1005").expect("it is there");
    assert!(
        phone.name.is_none() && phone.password.as_ref().is_some_and(|p| p.expose() == "secret")
    );
    remove(PHONES, &file, &["1005".into()]).unwrap();
    assert!(files::config_of_file(&file).unwrap().phone("1005").is_none());
}

#[test]
fn what_does_not_hold_changes_nothing() {
    let (dir, file) = folder();
    let kept = dir.path().join("data/accounts.toml");
    let refused = [
        (add(PHONES, &file, "1001", &[], false, false), "1001"),
        (add(PHONES, &file, "1005", &words(&[("nmae", "x")]), false, false), "did you mean 'name'"),
        (
            add(PHONES, &file, "1005", &words(&[("calls_out", "many")]), false, false),
            "phone 1005: ",
        ),
        (add(PHONES, &file, "10 05", &[], false, false), "phone 10 05: "),
        (remove(PHONES, &file, &["1001".into()]), "belfry phone list"),
        (set(USERS, &file, "7001", &[], (None, false), false), "no user 7001"),
    ];
    for (done, word) in refused {
        let why = done.expect_err(word);
        assert!(why.contains(word), "'{word}' in: {why}");
        assert!(!why.contains("accounts.toml:"), "nothing is written, so there is no line: {why}");
    }
    assert!(!kept.exists(), "nothing was written");
    // What somebody broke by hand is named with its own line, and not lost.
    std::fs::create_dir_all(dir.path().join("data")).unwrap();
    std::fs::write(&kept, "[[phone]]\nnumber = \"1009\"\npasword = \"x\"\n").unwrap();
    let why = files::config_of_file(&file).map(drop).unwrap_err();
    assert!(why.contains("accounts.toml:3:1") && why.contains("password"), "{why}");
    assert!(add(PHONES, &file, "1005", &[], false, false).is_err());
    assert!(std::fs::read_to_string(&kept).unwrap().contains("1009"));
}

#[test]
fn users_sign_in_by_a_pin() {
    let (_dir, file) = folder();
    add(
        USERS,
        &file,
        "7001",
        &words(&[("name", "Anna"), ("skills", "care:5;english")]),
        false,
        false,
    )
    .unwrap();
    let config = files::config_of_file(&file).unwrap();
    let [agent] = &config.agents[..] else { panic!("one agent") };
    assert_eq!(agent.pin.expose().len(), PIN_DIGITS);
    assert_eq!(agent.skills.as_ref().map(Vec::len), Some(2));
}

#[test]
fn a_sheet_is_taken_whole_and_given_back_the_same() {
    let mut book = Book::default();
    let text = "number,name,password,groups\r\n1005,\"Desk, front\",geheim,a;b\r\n1006,,,\r\n";
    let taken = sheet::take(PHONES, &mut book, text).unwrap();
    assert_eq!((taken.added, taken.changed, taken.made.len()), (2, 0, 1));
    assert_eq!(taken.made[0].0, "1006");
    let shown = sheet::table(PHONES, &book, false);
    assert!(!shown.contains("geheim") && shown.contains("\"Desk, front\""), "{shown}");
    let whole = sheet::table(PHONES, &book, true);
    let mut again = Book::default();
    sheet::take(PHONES, &mut again, &whole).unwrap();
    assert_eq!(sheet::table(PHONES, &again, true), whole);
    // Without the column, and with an empty cell, a password stays.
    let taken = sheet::take(PHONES, &mut again, "number,password,name\n1005,,Desk\n").unwrap();
    assert_eq!((taken.added, taken.changed), (0, 1));
    assert!(sheet::table(PHONES, &again, true).contains("geheim"));
    for (text, word) in [
        ("name\nDesk\n", "'number' is not among them"),
        ("number\n1005\n1005\n", "row 3: 1005 stands in row 2"),
        ("number,color\n1005,red\n", "row 2"),
        ("number\n1005,red\n", "2 cells"),
        ("number\tname\n1005\tDesk\n", "write commas or semicolons"),
        ("", "no row"),
    ] {
        let why = sheet::take(PHONES, &mut Book::default(), text).unwrap_err();
        assert!(why.contains(word), "'{word}' in: {why}");
    }
}

#[test]
fn secrets_and_the_number_do_not_stand_on_the_command_line() {
    let (dir, file) = folder();
    for (done, word) in [
        (add(PHONES, &file, "1005", &words(&[("password", "x")]), false, false), "--secret-stdin"),
        (add(PHONES, &file, "1005", &words(&[("number", "1006")]), false, false), "stays"),
        (add(USERS, &file, "7001", &words(&[("pin", "4711")]), false, false), "user add 7001"),
        (
            set(PHONES, &file, "1005", &words(&[("password", "x")]), (None, false), false),
            "--new-secret",
        ),
    ] {
        let why = done.expect_err(word);
        assert!(why.contains(word), "'{word}' in: {why}");
    }
    // Where a file holds it none is made.
    let secret = dir.path().join("1005");
    std::fs::write(&secret, "of-the-file").unwrap();
    let there = words(&[("password_file", secret.to_str().unwrap())]);
    add(PHONES, &file, "1005", &there, false, false).unwrap();
    let config = files::config_of_file(&file).unwrap();
    let phone = config.phone("1005").expect("it is there");
    assert!(phone.password.as_ref().is_some_and(|p| p.expose() == "of-the-file"));
}

/// One that runs and breaks off is not one that does not run.
#[test]
fn an_appliance_that_does_not_answer_has_the_change_undone() {
    let (dir, file) = folder();
    let socket = dir.path().join("console.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let hung_up = std::thread::spawn(move || drop(listener.accept()));
    let why = add(PHONES, &file, "1005", &[], false, false).unwrap_err();
    assert!(why.contains("does not say") && why.contains("reload"), "{why}");
    hung_up.join().unwrap();
    assert!(!dir.path().join("data/accounts.toml").exists());
    // Nobody listens any more: the socket is left over.
    add(PHONES, &file, "1005", &[], false, false).unwrap();
}

#[test]
fn links_among_the_accounts_are_refused() {
    let (dir, file) = folder();
    let (data, victim) = (dir.path().join("data"), dir.path().join("victim"));
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(&victim, "# root's").unwrap();
    for name in ["accounts.lock", book::NAME] {
        std::os::unix::fs::symlink(&victim, data.join(name)).unwrap();
        let why = add(PHONES, &file, "1005", &[], false, false).unwrap_err();
        assert!(why.contains(name) && why.contains("link"), "{why}");
        std::fs::remove_file(data.join(name)).unwrap();
        std::fs::hard_link(&victim, data.join(name)).unwrap();
        let why = add(PHONES, &file, "1005", &[], false, false).unwrap_err();
        assert!(why.contains(name) && why.contains("link"), "{why}");
        std::fs::remove_file(data.join(name)).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "# root's");
    add(PHONES, &file, "1005", &[], false, false).unwrap();
}

#[test]
fn what_a_spreadsheet_writes_elsewhere_is_taken_too() {
    let (dir, file) = folder();
    let sheet = dir.path().join("phones.csv");
    let text = "number;name;groups\r\n1005;王秀英;\"a;b\"\r\n";
    std::fs::write(&sheet, encoding_rs::GB18030.encode(text).0).unwrap();
    sheet::import(PHONES, &file, &sheet).unwrap();
    let config = files::config_of_file(&file).unwrap();
    let phone = config.phone("1005").expect("it is there");
    assert_eq!(phone.name.as_ref().map(ToString::to_string).as_deref(), Some("王秀英"));
    assert_eq!(phone.groups.as_ref().map(Vec::len), Some(2));
}

#[test]
fn a_context_that_is_not_there_is_refused_without_a_line_of_a_file_that_is_not_there() {
    let (_dir, file) = folder();
    let wrong = words(&[("context", "agnets")]);
    let why = add(PHONES, &file, "1005", &wrong, false, false).unwrap_err();
    assert!(why.starts_with("phone 1005: the dialplan has no context 'agnets'"), "{why}");
    assert_eq!(why.matches("nothing was changed").count(), 1, "{why}");
    let both = "elsewhere.toml:1:1: error: x\nnothing was changed\n";
    assert_eq!(without_places(&Config::embedded(), both), "elsewhere.toml:1:1: error: x\n");
}
