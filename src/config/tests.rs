//! Broken texts with the line, the column and the remedy that each must get; and sound ones.

use super::*;
use proptest::prelude::*;

/// A sound text whose lines the broken ones replace.
const SOUND: &str = r#"
[sip]
listen = ["udp:10.0.0.5:5060"]
"#;

fn faults(text: &str) -> Vec<Fault> {
    match Config::parse(text) {
        Ok((config, _)) => panic!("accepted: {config:?}"),
        Err(faults) => faults,
    }
}

fn warnings(text: &str) -> Vec<Fault> {
    Config::parse(text).map(|(_, warnings)| warnings).expect("accepted")
}

/// One broken text: the place and parts of the message and of the remedy of its only fault.
#[track_caller]
fn refuses(text: &str, line: u32, column: u32, what: &str, remedy: &str) {
    let all = faults(text);
    let errors: Vec<&Fault> = all.iter().filter(|f| f.severity == Severity::Error).collect();
    let [fault] = errors[..] else { panic!("not one fault: {all:#?}") };
    assert_eq!((fault.line, fault.column), (line, column), "{fault}");
    assert!(fault.what.contains(what), "{fault}\nlacks {what}");
    assert!(fault.remedy.contains(remedy), "{fault}\nlacks {remedy}");
}

#[test]
#[rustfmt::skip] // one case a line
fn syntax_faults_say_what_to_write() {
    refuses("[node\nname = \"a\"\n", 1, 6, "unclosed table", "]");
    refuses("[node]\nname = care\n", 2, 8, "must be quoted", "double quotes");
    refuses("[node]\nname = \"a\"\nname = \"b\"\n", 3, 1, "duplicate key", "keep one");
    refuses("[node]\nname\n", 2, 5, "key with no value", "key = value");
    refuses("[node]\nname = \"care\n", 2, 13, "invalid basic string", "double quote");
    refuses("[media]\nports = [\"16384-32767\"\n", 2, 23, "unclosed array", "]");
    let two = faults("[node]\nname = care\nlanguage = en\n");
    assert_eq!(
        two.iter().map(|f| f.line).collect::<Vec<_>>(),
        [2, 3],
        "{two:#?}"
    );
}

#[test]
#[rustfmt::skip] // one case a line
fn trunks_and_gateways_fit_each_other() {
    let gateway = |more: &str| format!("{SOUND}[[gateway]]\nname = \"e1-a\"\naddress = \"udp:10.0.0.9\"\n{more}");
    let trunk = |name: &str, of: &str| gateway(&format!("[[trunk]]\nname = \"{name}\"\ngateways = [\"{of}\"]\n"));
    refuses(&trunk("pstn", "e1-b"), 9, 12, "no gateway \"e1-b\"", "write \"e1-a\"");
    refuses(&trunk("pstn", "provider"), 9, 12, "no gateway \"provider\"", "add a [[gateway]]");
    refuses(&trunk("e1-a", "e1-a"), 8, 8, "a gateway \"e1-a\" stands in line 4", "another name");
    refuses(&gateway("keep_in = 30\n"), 7, 11, "leaves no channel", "at most 29");
    refuses(&gateway("register = true\n"), 7, 12, "no `username`", "add `username`");
    refuses(&gateway("status_to_cause = { 200 = 16 }\n"), 7, 21, "300 to 699", "480 = 19");
    refuses(&gateway("in_called = [{ strip = 1, to = \"1\" }]\n"), 7, 14, "excludes", "rules");
    refuses(&format!("{SOUND}[numbers]\ncountry_code = \"086\"\n"), 5, 16, "country's code", "\"86\"");
    let (config, _) = Config::parse(&trunk("pstn", "e1-a")).expect("accepted");
    assert_eq!(config.trunk_names().collect::<Vec<_>>(), ["pstn", "e1-a"]);
    assert!(config.is_emergency("110") && !config.is_emergency("1100"));
}

#[test]
#[rustfmt::skip] // one case a line
fn unknown_keys_name_the_nearest() {
    refuses(&format!("{SOUND}lisen = \"udp:10.0.0.6\"\n"), 4, 1, "[sip] has no key \"lisen\"", "`listen`");
    refuses(&format!("{SOUND}[nodes]\nname = \"a\"\n"), 4, 2, "no section \"nodes\"", "write [node]");
    refuses(&format!("{SOUND}[phones]\n"), 4, 2, "no section \"phones\"", "write [[phone]]");
    refuses(&format!("{SOUND}ports = \"2000-2999\"\n"), 4, 1, "no key \"ports\"", "belongs under [media]");
    refuses(&format!("data_dir = \"/x\"\n{SOUND}"), 1, 1, "before any section", "under [node]");
    refuses(&format!("{SOUND}[log]\ncolour = 1\n"), 5, 1, "no key \"colour\"", "`level`, `format`");
}

#[test]
#[rustfmt::skip] // one case a line
fn values_of_the_wrong_shape() {
    let after = |rest: &str| format!("{SOUND}{rest}");
    refuses(&after("t1 = 500\n"), 4, 6, "an integer cannot stand here", "\"500 ms\"");
    refuses(&after("t1 = \"500\"\n"), 4, 6, "not a duration", "\"20 s\"");
    refuses(&after("t1 = \"20 s\"\n"), 4, 6, "out of range", "from \"100 ms\" to \"2 s\"");
    refuses(&after("domain = \"sip:care\"\n"), 4, 10, "is not a domain", "care.example");
    refuses(&after("[node]\nlanguage = \"zh\"\n"), 5, 12, "\"zh\" is not known", "zh-CN");
    refuses(&after("[node]\ntimezone = \"Shanghai\"\n"), 5, 12, "no time zone", "Asia/Shanghai");
    refuses(&after("[media]\nports = \"16384\"\n"), 5, 9, "not a range", "16384-32767");
    refuses(&after("[media]\nports = \"16385-32767\"\n"), 5, 9, "even port", "\"16386-32767\"");
    refuses(&after("[media]\nports = \"16384-32766\"\n"), 5, 9, "RTCP", "\"16384-32767\"");
    refuses(&after("[media]\nports = \"16384-16387\"\n"), 5, 9, "holds 2 streams", "8 ports");
    refuses(&after("[media]\nports = \"500-599\"\n"), 5, 9, "below 1024", "such as");
    refuses(&after("[media]\nports = \"3000-2000\"\n"), 5, 9, "ends before", "such as");
    refuses(&after("[media]\naddress = \"0.0.0.0\"\n"), 5, 11, "names no machine", "10.0.0.5");
    refuses(&after("[media]\naddress = [\"10.0.0.5\", \"x\"]\n"), 5, 24, "not an IP", "10.0.0.5");
    refuses(&after("[media]\nworkers = 0\n"), 5, 11, "not a number of workers", "\"auto\"");
    refuses(&after("[media]\nbackend = \"epoll\"\n"), 5, 11, "not known", "\"io-uring\"");
    refuses(&after("[media]\ncodecs = [\"G729\"]\n"), 5, 11, "not in this version", "\"PCMA\"");
    refuses(&after("[media]\ncodecs = []\n"), 5, 10, "empty", "\"PCMA\"");
    refuses(&after("[record]\nmax_disk = 90\n"), 5, 12, "an integer", "\"90 %\"");
    refuses(&after("[record]\nenabled = \"yes\"\n"), 5, 11, "text cannot", "true or false");
    refuses(&after("[limits]\ncalls = 0\n"), 5, 9, "out of range", "from 1 to 15000");
    refuses(&after("[limits]\ncalls = -1\n"), 5, 9, "out of range", "from 1 to 15000");
    refuses(&after("[store]\nurl = \"postgres://u:pw@h/b\"\n"), 5, 7, "PostgreSQL is not in", "sqlite:///");
    refuses(&after("[store]\nurl = \"/var/x.db\"\n"), 5, 7, "not the URL", "sqlite:///");
    refuses(&after("[dialplan]\nholidays = [\"2026-10-32\"]\n"), 5, 13, "not a day", "2026-10-01");
    refuses(&after("[feature_codes]\nsurvey = \"44\"\n"), 5, 10, "\"44\" is not a code", "\"*11\"");
}

#[test]
#[rustfmt::skip] // one case a line
fn listeners() {
    let sip = |listen: &str| format!("[sip]\nlisten = {listen}\n[media]\naddress = \"10.0.0.5\"\n");
    refuses(&sip("[\"udp:10.0.0.5:5060\", \"udp:10.0.0.5:5060\"]"), 2, 32, "already", "leave this one");
    refuses(&sip("[\"udp:10.0.0.5:5060\", \"udp:0.0.0.0:5060\"]"), 2, 10, "twice", "all addresses");
    refuses(&sip("[\"udp:10.0.0.5:5060\", \"tls:10.0.0.5:5061\"]"), 2, 10, "no certificate to show", "[[certificate]]");
    refuses(&sip("[\"tcp:10.0.0.5:5060\", \"ws:10.0.0.5:5060\"]"), 2, 10, "twice", "a port of its own");
    refuses(&sip("[\"udp:10.0.0.5:5060\", \"sctp:10.0.0.5:5061\"]"), 2, 32, "is no transport", "udp:10.0.0.10:5060");
    let own = "\n[[certificate]]\nchain = \"/x.pem\"\nkey = \"/x.key\"\n";
    let secure = Config::parse(&format!("{}{own}", sip("\"tls:10.0.0.5\""))).expect("accepted").0;
    assert_eq!(secure.sip.listen[0].to_string(), "tls:10.0.0.5:5061");
    assert_eq!(secure.certificates.len(), 1);
    refuses(&format!("{}\n[[certificate]]\nchain = \"/x.pem\"\n", sip("\"tls:10.0.0.5\"")), 6, 1, "no `key`", "add `key");
    refuses(&sip("\"10.0.0.5:5060\""), 2, 10, "is no transport", "udp:10.0.0.10:5060");
    refuses(&sip("[]"), 2, 10, "empty", "udp:0.0.0.0:5060");
    let any = "[sip]\nlisten = \"udp:0.0.0.0:5060\"\n";
    refuses(any, 1, 1, "[media] has no `address`", "address = \"10.0.0.5\"");
    refuses("", 1, 1, "[media] has no `address`", "address = \"10.0.0.5\"");
    let text = format!("{SOUND}[media]\nports = \"5000-5999\"\n");
    refuses(&text, 5, 9, "SIP port of udp:10.0.0.5:5060", "without it");
    let text = format!("{SOUND}min_expires = \"5 min\"\ndefault_expires = \"1 min\"\n");
    refuses(&text, 5, 19, "does not lie between", "from \"300 s\" to \"3600 s\"");
    let text = format!("{SOUND}min_expires = \"1 h\"\nmax_expires = \"60 s\"\n");
    refuses(&text, 4, 15, "longer than max_expires", "\"60 s\"");
}

#[test]
#[rustfmt::skip] // one case a line
fn gateways() {
    let a = "[[gateway]]\nname = \"a\"\naddress = \"udp:10.0.0.10:5060\"\n";
    let with = |rest: &str| format!("{SOUND}{a}{rest}");
    refuses(&with("[[gateway]]\nname = \"a\"\naddress = \"udp:10.0.0.11\"\n"), 8, 8, "line 4 already", "another name");
    refuses(&with("[[gateway]]\nname = \"b\"\naddress = \"udp:10.0.0.10:5070\"\n"), 9, 11, "\"a\" has the address", "another address");
    refuses(&with("[[gateway]]\nname = \"b\"\n"), 7, 1, "has no `address`", "add `address");
    refuses(&with("channels = 0\n"), 7, 12, "out of range", "from 1 to 2000");
    refuses(&with("username = \"u\"\n"), 7, 12, "no password", "password_file");
    refuses(&with("password = \"secret\"\n"), 7, 12, "no `username`", "add `username");
    refuses(&with("dtmf = \"rfc2833\"\n"), 7, 8, "not known", "\"rfc4733\"");
    refuses(&with("[media]\nports = \"20000-20099\"\n"), 8, 9, "carries 25 calls", "\"20000-20119\"");
    refuses(&format!("{SOUND}[gateway]\nname = \"a\"\n"), 4, 1, "not written like this", "[[gateway]]");
    refuses(&format!("{SOUND}[[node]]\nname = \"a\"\n"), 4, 1, "not written like this", "[node] once");
    refuses(&format!("{SOUND}[[gateway]]\nname = \"a\"\naddress = \"udp:gw_1.local\"\n"), 6, 11, "is no IP address", "10.0.0.10");
    refuses(&format!("{SOUND}[[gateway]]\nname = \"a\"\naddress = \"wss:gw.local\"\n"), 6, 11, "over WebSocket", "tls:");
    refuses(&with("[[gateway]]\nname = \"b\"\naddress = \"10.0.0.300\"\n"), 9, 11, "names no transport", "udp:10.0.0.10");
    refuses(&format!("{SOUND}[[gateway]]\nname = \"a\"\naddress = \"udp:0.0.0.0\"\n"), 6, 11, "names no machine", "10.0.0.5");
}

#[test]
#[rustfmt::skip] // one case a line
fn what_is_to_be_encrypted_has_a_key_from_one_place() {
    let with = |rest: &str| format!("{SOUND}[record]\n{rest}");
    refuses(&with("encrypt = true\n"), 5, 11, "no key is named", "belfry recording key");
    refuses(&with("key_file = \"/f/k\"\nkey_env = \"K\"\n"), 6, 11, "exclude each other", "keep one");
    for good in ["encrypt = true\nkey_file = \"/f/k\"\n", "encrypt = true\nkey_env = \"K\"\n", "key_file = \"/f/k\"\n"] {
        assert!(warnings(&with(good)).is_empty(), "{good}");
    }
}

#[test]
#[rustfmt::skip] // one case a line
fn phones() {
    let a = "[[phone]]\nnumber = \"1001\"\npassword = \"tea-leaf\"\n";
    let with = |rest: &str| format!("{SOUND}{a}{rest}");
    refuses(&with(a), 8, 10, "phone 1001 stands in line 4 already", "another number");
    refuses(&with("[[phone]]\nnumber = \"1002\"\n"), 7, 1, "has no password", "password_env");
    refuses(&with("password_file = \"/x\"\n"), 7, 17, "exclude each other", "keep one");
    refuses(&with("[[phone]]\nnumber = 1002\npassword = \"x1\"\n"), 8, 10, "an integer", "\"1001\"");
    refuses(&with("[[phone]]\nnumber = \"+86\"\npassword = \"x1\"\n"), 8, 10, "\"+86\" is not", "1 to 20 digits");
    refuses(&with("[[phone]]\nnumber = \"1\"\npassword = \"\"\n"), 9, 12, "password is empty", "1 to 128");
    refuses(&with("max_contacts = 99\n"), 7, 16, "out of range", "from 1 to 20");
    let same = warnings(&format!(
        "{SOUND}[[phone]]\nnumber = \"1001\"\npassword = \"1001\"\n"
    ));
    assert!(
        same[0].what.contains("is its number") && same[0].line == 6,
        "{same:?}"
    );
}

#[test]
#[rustfmt::skip] // one case a line
fn feature_codes_are_told_apart() {
    let with = |rest: &str| format!("{SOUND}[feature_codes]\n{rest}");
    refuses(&with("survey = \"*1\"\n"), 5, 10, "`blind_transfer`", "`survey`");
    refuses(&with("survey = \"*11\"\n"), 5, 10, "cannot be told apart", "no other begins with");
    assert_eq!(warnings(&with("survey = \"#1\"\n")), []);
    refuses(&with("consult_return = \"*2\"\n"), 5, 18, "`attended_transfer`", "`consult_return`");
    assert_eq!(warnings(&with("three_way = \"#3\"\n")), []);
}

#[test]
fn records_that_go_before_their_recordings_are_told() {
    let keeps = |store: &str, record: &str| {
        let text = format!("{SOUND}[store]\nkeep = \"{store}\"\n[record]\nkeep = \"{record}\"\n");
        warnings(&text).iter().map(|fault| fault.remedy.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        keeps("6 months", "12 months"),
        ["write at least \"12 months\", as [record] keep has it"]
    );
    assert!(
        keeps("12 months", "12 months").is_empty() && keeps("366 days", "12 months").is_empty()
    );
}

#[test]
fn all_faults_are_told_in_the_order_of_the_text_and_none_shows_a_password() {
    let all = faults(
        "[sip]\nlisten = \"udp:0.0.0.0:5060\"\nt1 = 1\n[[phone]]\nnumber = \"x\"\npassword = \"hush\\n\"\n\
         [media]\nadress = \"10.0.0.5\"\n[store]\nurl = \"postgres://u:hush@h\"\n",
    );
    let places: Vec<(u32, u32)> = all.iter().map(|f| (f.line, f.column)).collect();
    assert_eq!(places, [(3, 6), (5, 10), (6, 12), (8, 1), (10, 7)], "{all:#?}");
    assert!(!format!("{all:?}").contains("hush"));
    assert_eq!(
        all[0].to_string(),
        "3:6: error: an integer cannot stand here; write a duration, such as \"500 ms\", \"20 s\", \"5 min\", \"2 h\" or \"3 days\""
    );
}

#[test]
fn the_contracts_sample_loads() {
    // interface.md's, with tls left out: it is not in this version.
    let text = r#"
[node]
name     = "care-1"
data_dir = "/var/lib/belfry"
[sip]
listen   = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]
domain   = "care.example"
[media]
address  = "10.0.0.5"
ports    = "16384-32767"
workers  = "auto"
backend  = "auto"
[[gateway]]
name     = "e1-a"
address  = "udp:10.0.0.10:5060"
channels = 30
context  = "gateway"
[[phone]]
number   = "1001"
password = "…"
context  = "agents"
[dialplan]
dir      = "/etc/belfry/dialplan"
[record]
dir      = "/var/lib/belfry/recordings"
keep     = "12 months"
max_disk = "90 %"
[store]
url      = "sqlite:///var/lib/belfry/belfry.db"
[http]
listen   = "127.0.0.1:8080"
"#;
    let (config, warnings) = Config::parse(text).unwrap();
    assert_eq!(warnings, [], "nothing in it is of a later version");
    assert_eq!(config.domain(), "care.example");
    assert_eq!(config.advertised("0.0.0.0:5060".parse().unwrap()).to_string(), "10.0.0.5:5060");
    assert_eq!(config.gateways[0].name.as_str(), "e1-a");
    assert_eq!(config.codecs(&config.gateways[0].codecs), [Codec::Pcma, Codec::Pcmu]);
    assert_eq!(config.database(), PathBuf::from("/var/lib/belfry/belfry.db"));
    assert_eq!(config.record.keep, Period::Months(12));
    assert_eq!(config.max_calls(), 1_000);
    assert!(
        !format!("{config:?}").contains('…')
            || !format!("{config:?}").contains("password: Some(\"")
    );
}

#[test]
fn a_mail_server_has_a_sender_and_a_name_its_password() {
    let said = |text: &str| {
        let read = Config::parse(&format!("{EMBEDDED}\n[mail]\n{text}"));
        let faults = read.map_or_else(|faults| faults, |(_, warnings)| warnings);
        faults.into_iter().map(|f| f.what).collect::<Vec<String>>()
    };
    let server = "server = \"mail.care.example\"\nfrom = \"belfry@care.example\"\n";
    assert_eq!(said(server), [""; 0]);
    assert_eq!(said("server = \"mail.care.example\"\n"), ["letters have no sender"]);
    assert_eq!(said("from = \"a@b.example\"\n"), ["no letter is sent: there is no server"]);
    assert_eq!(said(&format!("{server}user = \"b\"\n")), ["`user` has no password"]);
    assert_eq!(said(&format!("{server}password = \"b\"\n")), ["`password` has no `user`"]);
    let both = format!("{server}user = \"b\"\npassword = \"x\"\npassword_env = \"X\"\n");
    assert_eq!(said(&both), ["`password` and `password_env` exclude each other"]);
    let clear = "letters go to another machine in the clear";
    assert_eq!(said(&format!("{server}tls = \"off\"\n")), [clear]);
    assert_eq!(
        said(&format!("{}tls = \"off\"\n", server.replace("mail.care.example\"", "[::1]\""))),
        [""; 0]
    );
    let (config, _) =
        Config::parse(&format!("{EMBEDDED}\n[mail]\n{server}tls = \"tls\"\n")).unwrap();
    assert_eq!(config.mail.port(), 465);
}

#[test]
fn the_embedded_default_is_on_loopback_alone() {
    let config = Config::embedded();
    assert!(config.sip.listen.iter().all(|l| l.addr.ip().is_loopback()));
    assert!(config.media_addresses().iter().all(IpAddr::is_loopback));
    assert_eq!(config.phones.len(), 4);
    assert_eq!(config.phone("1003").unwrap().password.as_ref().unwrap().expose(), "belfry-1003");
    assert_eq!(config.recordings_dir(), PathBuf::from("./belfry-data/recordings"));
    assert_eq!(config.needs_restart(&config), Vec::<&str>::new());
    let told = "[telemetry]\nurl = \"http://127.0.0.1:4318/v1/traces\"\n";
    let (told, _) = Config::parse(&format!("{EMBEDDED}{told}")).unwrap();
    assert_eq!(Config::embedded().needs_restart(&told), ["telemetry.url"]);
}

#[test]
fn every_default_and_limit_of_the_table_can_be_read() {
    // Reading an empty text reads each default; a value for each limited key reads its limits.
    let (config, _) = Config::parse("[media]\naddress = \"10.0.0.5\"\n").unwrap();
    assert_eq!(config.media_addresses(), ["10.0.0.5".parse::<IpAddr>().unwrap()]);
    for section in SECTIONS {
        for key in section.keys {
            let Some((low, high)) = key.limits else {
                continue;
            };
            for value in [low, high] {
                let text = format!("{}\n{} = {value}\n", section.header(), key.name);
                let result = Config::parse(&text);
                let at_key = |f: &Fault| f.line == 2 && f.what.contains("out of range");
                assert!(!result.err().unwrap_or_default().iter().any(at_key), "{text}");
            }
        }
    }
}

#[test]
fn addresses_follow_from_the_listeners() {
    let text = "[sip]\nlisten = [\"udp:10.0.0.5:5060\", \"tcp:10.0.0.5:5060\", \"udp:[2001:db8::5]:5060\"]\n";
    let (config, _) = Config::parse(text).unwrap();
    let found: Vec<String> = config.media_addresses().iter().map(IpAddr::to_string).collect();
    assert_eq!(found, ["10.0.0.5", "2001:db8::5"]);
    assert_eq!(config.domain(), "10.0.0.5");
    assert_eq!(config.advertised("[::]:5060".parse().unwrap()).to_string(), "[2001:db8::5]:5060");
    let (config, _) = Config::parse(&format!("{text}advertise = \"198.51.100.7\"\n")).unwrap();
    assert_eq!(config.advertised(config.sip.listen[0].addr).to_string(), "198.51.100.7:5060");
    let small = format!("{text}[media]\nports = \"20000-20019\"\n");
    assert_eq!(Config::parse(&small).unwrap().0.max_calls(), 5);
}

#[test]
fn what_a_reload_can_change() {
    let parse = |text: &str| Config::parse(&format!("{SOUND}{text}")).unwrap().0;
    let old = parse("");
    assert_eq!(old.needs_restart(&parse("t1 = \"1 s\"\n[log]\nlevel = \"debug\"\n")), ["sip.t1"]);
    let new = parse(
        "[media]\nports = \"20000-29999\"\nworkers = 2\n[[phone]]\nnumber = \"1\"\npassword = \"abc\"\n",
    );
    assert_eq!(old.needs_restart(&new), ["media.ports", "media.workers"]);
    assert_ne!(old, new);
    assert_eq!(old, parse("\n\n# moved down, nothing changed\n[log]\n"));
}

#[test]
fn passwords_from_elsewhere() {
    let text = format!(
        "{SOUND}[[phone]]\nnumber = \"1\"\npassword_file = \"/run/p1\"\n[[phone]]\nnumber = \"2\"\n\
         password_env = \"P2\"\n[[phone]]\nnumber = \"3\"\npassword = \"given\"\n"
    );
    let (mut config, _) = Config::parse(&text).unwrap();
    let both = config.resolve_secrets(|source| match source {
        SecretSource::File(path) => Ok(format!("from {}\r\nsecond line\n", path.display())),
        SecretSource::Env(name) => Ok(format!("from {name}")),
        SecretSource::Given(_) => unreachable!("given ones are not fetched"),
    });
    assert_eq!(both, Ok(()));
    let found: Vec<&str> =
        config.phones.iter().map(|p| p.password.as_ref().unwrap().expose()).collect();
    assert_eq!(found, ["from /run/p1", "from P2", "given"]);

    let (mut config, _) = Config::parse(&text).unwrap();
    let faults = config.resolve_secrets(|source| match source {
        SecretSource::File(_) => Err("no such file".into()),
        _ => Ok("\n".into()),
    });
    let faults = faults.unwrap_err();
    assert_eq!(faults.iter().map(|f| f.line).collect::<Vec<_>>(), [4, 7]);
    assert!(faults[0].what.contains("phone 1 cannot be had from the file /run/p1: no such file"));
    assert!(faults[1].what.contains("environment variable P2"));
}

#[test]
fn a_text_too_long_is_not_read() {
    refuses(&"#".repeat(MAX_TEXT + 1), 1, 1, "bytes", "at most");
}

/// Pieces that meet in odd ways more often than random characters do.
fn fragment() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "[sip]",
        "[[phone]]",
        "[[gateway]]",
        "[media]",
        "[feature_codes]",
        "listen",
        "number",
        "name",
        "address",
        "ports",
        "= ",
        "\"udp:0.0.0.0:5060\"",
        "\"1001\"",
        "\"16384-32767\"",
        "[",
        "]",
        "{",
        "}",
        "\n",
        ".",
        ",",
        "\"",
        "'''",
        "1979-05-27",
        "0x",
        "-1",
        "1e999",
        "true",
        "#",
        "\u{feff}",
        "名",
        "\0",
        "\r",
    ]);
    prop_oneof![words.prop_map(str::to_owned), ".{0,6}"]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(fragment(), 0..60)) {
        let text = pieces.concat();
        if let Err(faults) = Config::parse(&text) {
            let lines = text.lines().count() as u32 + 1;
            prop_assert!(!faults.is_empty());
            prop_assert!(faults.iter().all(|f| f.line >= 1 && f.line <= lines && f.column >= 1));
            prop_assert!(faults.iter().all(|f| !f.remedy.is_empty() && !f.what.is_empty()));
        }
    }

    #[test]
    fn no_value_of_any_key_makes_it_panic(
        (header, key) in prop::sample::select(
            SECTIONS.iter().flat_map(|s| s.keys.iter().map(|k| (s.header(), k.name))).collect::<Vec<_>>()
        ),
        value in prop_oneof![
            "\"[^\"\\\\\n]{0,20}\"",
            "\"[0-9*#.: %-]{0,20}\"",
            "-?[0-9]{1,25}",
            "\\[(\"[0-9a-z.:]{0,9}\",){0,4}\\]",
            "\\{ a = 1 \\}",
            "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        ],
    ) {
        let _ = Config::parse(&format!("{header}\n{key} = {value}\n"));
    }
}

#[test]
fn tokens_are_checked() {
    let agent = "[[agent]]\nnumber = \"101\"\npin = \"4321\"\n";
    let fault = |text: &str| match Config::parse(&format!("{EMBEDDED}\n{agent}{text}")) {
        Ok((_, warnings)) => warnings.into_iter().map(|f| f.what).collect::<Vec<_>>(),
        Err(faults) => faults.into_iter().map(|f| f.what).collect(),
    };
    let good = "[[token]]\nname = \"crm\"\ntoken = \"0123456789abcdef\"\nroles = [\"read\"]\n";
    assert_eq!(fault(good), [""; 0]);
    assert_eq!(fault(&good.replace("cdef", "")), ["the token is short"]);
    assert_eq!(
        fault(&good.replace("token = \"0123456789abcdef\"\n", "")),
        ["the token \"crm\" shows nothing"]
    );
    let twice = format!("{good}{good}");
    assert_eq!(fault(&twice).len(), 2, "name and value: {:?}", fault(&twice));
    let agents = good.replace("\"read\"", "\"agent\"");
    assert_eq!(fault(&agents), ["it acts for an agent and says not for which"]);
    assert_eq!(fault(&format!("{agents}agent = \"999\"\n")), ["there is no agent 999"]);
    assert_eq!(fault(&format!("{agents}agent = \"101\"\n")), [""; 0]);
    let at = |number: &str| format!("{agents}agent = \"101\"\nphones = [\"{number}\"]\n");
    assert_eq!(fault(&at("999")), ["there is no phone 999"]);
    let phones = format!("{good}phones = [\"999\"]\n");
    assert_eq!(fault(&phones)[0], "`phones` is for the role \"agent\"");
    assert_eq!(fault(&format!("{good}agent = \"101\"\n")), ["`agent` is for the role \"agent\""]);
    let open = EMBEDDED.replace("\"127.0.0.1:8080\"", "\"0.0.0.0:8080\"");
    let (_, warnings) = Config::parse(&format!("{open}\n{good}")).unwrap();
    assert_eq!(warnings[0].what, "tokens are sent in the clear over the network");
}

/// R: a back-up has every file that the configuration needs. A section that gets a `…_file` later is named here.
#[test]
fn every_file_that_a_key_names_is_among_its_files() {
    let mut text = String::from(
        "[sip]\nlisten = [\"udp:10.0.0.5:5060\"]\n[tls]\nca = \"/f/ca\"\nclient_ca = \"/f/client\"\n\
         [[certificate]]\nchain = \"/f/chain\"\nkey = \"/f/key\"\n",
    );
    let mut wanted = vec![];
    for section in SECTIONS {
        let files = section.keys.iter().map(|key| key.name).filter(|name| name.ends_with("_file"));
        let files: Vec<&str> = files.collect();
        if files.is_empty() {
            continue;
        }
        text += match section.name {
            "phone" => "[[phone]]\nnumber = \"1001\"\n",
            "gateway" => {
                "[[gateway]]\nname = \"e1\"\naddress = \"udp:10.0.0.9\"\nusername = \"b\"\n"
            }
            "recorder" => {
                "[[recorder]]\nname = \"r\"\naddress = \"udp:10.0.0.8\"\nusername = \"b\"\n"
            }
            "token" => "[[token]]\nname = \"t\"\nroles = [\"read\"]\n",
            "mail" => {
                "[mail]\nserver = \"10.0.0.6\"\nfrom = \"a@b.example\"\nuser = \"b\"\nca = \"/f/mail\"\n"
            }
            "record" => "[record]\n",
            "webhook" => "[[webhook]]\nname = \"w\"\nurl = \"http://10.0.0.7/\"\n",
            "resource" => {
                "[[resource]]\nname = \"r\"\nkind = \"hospital\"\nhook = \"https://10.0.0.4/\"\n"
            }
            other => panic!("[{other}] {files:?}: add it to Config::files and write it here"),
        };
        for file in files {
            let path = format!("/f/{}.{file}", section.name);
            text += &format!("{file} = \"{path}\"\n");
            wanted.push((path, true));
        }
    }
    wanted.extend(
        [
            ("/f/key", true),
            ("/f/chain", false),
            ("/f/ca", false),
            ("/f/client", false),
            ("/f/mail", false),
        ]
        .map(|(path, secret)| (path.to_owned(), secret)),
    );
    let (config, _) = Config::parse(&text).unwrap_or_else(|faults| panic!("{text}{faults:#?}"));
    let named = config.files().into_iter();
    let mut named: Vec<_> = named.map(|f| (f.path.display().to_string(), f.secret)).collect();
    named.sort();
    wanted.sort();
    assert_eq!(named, wanted);
}

#[test]
fn web_hooks_in_the_clear_or_without_a_secret_are_warned_of() {
    let warned = |url: &str, more: &str| {
        let text = format!("{EMBEDDED}\n[[webhook]]\nname = \"crm\"\nurl = \"{url}\"\n{more}");
        let (_, warnings) = Config::parse(&text).unwrap();
        let what = |f: &Fault| f.what.split(':').next().unwrap_or("").to_owned();
        warnings.iter().map(what).collect::<Vec<String>>()
    };
    let secret = "secret = \"0123456789abcdef\"\n";
    let none: [String; 0] = [];
    assert_eq!(warned("https://crm.example/", secret), none);
    assert_eq!(warned("http://127.0.0.1:9000/", secret), none);
    assert_eq!(warned("http://[::1]/", secret), none);
    let clear = "events go to another machine in the clear";
    assert_eq!(warned("http://crm.example/", secret), [clear]);
    assert_eq!(warned("https://crm.example/", ""), ["requests are not signed"]);
}

/// R18: a queue names agents, teams and skills that somebody has.
#[test]
fn a_skill_nobody_has_and_an_agent_who_is_not_there_are_named() {
    let agent = "[[agent]]\nnumber = \"7001\"\npin = \"4711\"\nskills = [\"care:3\"]\n";
    let queue = |more: &str| format!("{SOUND}{agent}[[queue]]\nname = \"q\"\n{more}\n");
    assert!(warnings(&queue("skills = [\"care:3\"]")).is_empty());
    for (more, what) in [
        ("skills = [\"care:4\"]", "no agent has the skill \"care\" at level 4"),
        ("skills = [\"english\"]", "no agent has the skill \"english\" at level 1"),
        ("agents = [\"7009\"]", "7009"),
        ("teams = [\"night\"]", "night"),
    ] {
        let all = faults(&queue(more));
        let errors: Vec<&Fault> = all.iter().filter(|f| f.severity == Severity::Error).collect();
        let [fault] = errors[..] else { panic!("{more}: {all:?}") };
        assert!(fault.what.contains(what) && !fault.remedy.is_empty(), "{fault:?}");
    }
}

/// R16: callers overflow into queues that are there, and come back to none.
#[test]
fn queues_overflow_into_others_and_in_no_circle() {
    let queue = |name: &str, to: &str| {
        let to = if to.is_empty() { String::new() } else { format!("overflow = \"{to}\"\n") };
        format!("[[queue]]\nname = \"{name}\"\n{to}")
    };
    let line = |queues: &[(&str, &str)]| {
        SOUND.to_owned() + &queues.iter().map(|(name, to)| queue(name, to)).collect::<String>()
    };
    let sound = line(&[("care", "night"), ("sales", "night"), ("night", "")]);
    assert!(warnings(&sound).iter().all(|fault| fault.what.ends_with("has no agents")));
    let nobody = "there is no queue \"nihgt\"";
    refuses(&line(&[("care", "nihgt")]), 6, 12, nobody, "`name = \"nihgt\"`, or leave it out");
    refuses(&line(&[("care", "care")]), 6, 12, "comes back to it", "overflow nowhere");
    let circle = line(&[("care", "day"), ("day", "night"), ("night", "care"), ("in", "care")]);
    let errors = faults(&circle).into_iter().filter(|fault| fault.severity == Severity::Error);
    let said: Vec<String> = errors.map(|fault| fault.what).collect();
    assert_eq!(said.len(), 3, "each of the circle, and none that leads to it: {said:#?}");
    assert_eq!(said[0], "who leaves \"care\" for \"day\" comes back to it");
}

/// R23: a form asks something, and a question is a form's.
#[test]
fn score_forms_ask_something() {
    let form = format!("{SOUND}[[score_form]]\nname = \"calls\"\n");
    let question = |form: &str| {
        format!("[[score_question]]\nform = \"{form}\"\nname = \"greeting\"\ntext = \"Greets?\"\n")
    };
    let asks = "form \"calls\" asks nothing";
    refuses(&form, 5, 8, asks, "[[score_question]] with `form = \"calls\"`");
    assert!(warnings(&format!("{form}{}", question("calls"))).is_empty());
    let other = format!("{form}{}{}", question("calls"), question("letters"));
    refuses(
        &other,
        11,
        8,
        "there is no form \"letters\"",
        "[[score_form]] with `name = \"letters\"`",
    );
    let twice = format!("{form}{0}{0}", question("calls"));
    refuses(&twice, 12, 8, "question \"greeting\" of this form stands", "another name");
}

#[test]
fn audio_to_where_sdp_says_goes_with_keys_in_sdp_alone() {
    let gateway = |more: &str| {
        format!(
            "[sip]\nlisten = [\"udp:10.0.0.1:5060\"]\n[media]\naddress = \"10.0.0.1\"\n\
             [[gateway]]\nname = \"e1-a\"\naddress = \"udp:10.0.0.9:5060\"\n{more}"
        )
    };
    let (config, _) = Config::parse(&gateway("symmetric = false\n")).expect("accepted");
    assert!(!config.gateways[0].symmetric);
    assert!(Config::parse(&gateway("")).expect("accepted").0.gateways[0].symmetric);
    let phone = "[[phone]]\nnumber = \"1001\"\npassword = \"a long one\"\n";
    for both in [
        gateway("symmetric = false\nsrtp = \"dtls\"\n"),
        gateway(&format!("{phone}symmetric = false\nsrtp = \"dtls\"\n")),
    ] {
        let faults = Config::parse(&both).expect_err("refused");
        assert!(faults[0].what.contains("DTLS"), "{faults:?}");
        assert!(faults[0].remedy.contains("`symmetric`"), "{faults:?}");
    }
}
