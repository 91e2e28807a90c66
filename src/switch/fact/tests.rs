//! Facts written down and read back.

use super::*;

fn read(json: &str) -> Fact {
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

/// Facts of most kinds.
fn one_of_each() -> Vec<FactKind> {
    use FactKind::*;
    let call = CallId::new(Wall(1_790_000_000_000), 7);
    let (a, b) = (LegId(1), LegId(2));
    let recording = RecordingId(4);
    let s = |text: &str| text.to_owned();
    let trunk = Party::Trunk { gateway: s("e1-a"), number: s("13800000000") };
    vec![
        Started { version: s("0.1.0"), node: s("care-1"), lived_ms: 700 },
        Stopped { why: s("SIGTERM") },
        Reloaded { by: s("console") },
        ReloadRefused { by: s("console"), faults: 2 },
        Alarm { what: AlarmWhat::DiskFull, raised: true, detail: s("/var"), call: None },
        PhoneRegistered {
            number: s("1001"),
            contact: s("sip:1001@10.0.0.9"),
            from: s("udp:10.0.0.9:5060"),
            expires_s: 600,
            user_agent: s("phone/1"),
            record: s("{}"),
        },
        PhoneUnregistered {
            number: s("1001"),
            contact: s("sip:1001@10.0.0.9"),
            why: Unregistered::Expired,
        },
        PhoneRefused { number: s("1001"), from: s("10.0.0.9"), why: s("wrong password") },
        SourceBanned { source: s("203.0.113.9"), why: s("wrong passwords"), seconds: 600 },
        SourceFreed { source: s("203.0.113.9") },
        DialBarred { call, account: s("phone 1001"), number: s("0037"), why: s("abroad") },
        GatewayUp { gateway: s("e1-a") },
        GatewayDown { gateway: s("e1-a"), why: s("no answer") },
        GatewayService { gateway: s("e1-a"), service: super::GatewayService::Draining },
        GatewayRegistration { gateway: s("e1-a"), registered: false, why: s("403") },
        CallRefused { from: s("10.0.0.9"), to: s("9"), status: 404, why: s("no route") },
        CallBegan {
            call,
            caller: trunk.clone(),
            dialled: s("4008001234"),
            caller_name: s("王"),
            context: s("gateway"),
        },
        Agent {
            agent: s("7001"),
            what: AgentFact::WrapUp {
                call,
                queue: s("care"),
                code: s("12"),
                name: s("lost"),
                text: s("a key"),
            },
        },
        Agent {
            agent: s("7001"),
            what: AgentFact::Previewed { call, queue: s("care"), before_ms: 9_000 },
        },
        Queue { queue: s("care"), call, what: QueueFact::Entered { position: 2, priority: 5 } },
        Campaign {
            campaign: s("spring"),
            what: CampaignFact::Called { number: s("1380"), nth: 1, agent: s("7001") },
        },
        RouteTaken { call, route: s("care line") },
        CallField { call, name: s("case"), value: s("17") },
        CallEnded { call, cause: 16, by: EndedBy::Callee, total_ms: 61_000, talk_ms: 40_000 },
        LegBegan { call, leg: a, party: trunk, role: Role::Caller, outgoing: Some(true) },
        LegRinging { call, leg: b },
        LegAnswered { call, leg: b },
        LegEnded {
            call,
            leg: b,
            cause: 16,
            status: 0,
            by: EndedBy::Callee,
            ring_ms: 3_000,
            talk_ms: 40_000,
            busy_ms: None,
            sound: Some(Sound::default()),
        },
        Bridged { call, a, b },
        Unbridged { call, a, b },
        Held { call, leg: b, up_ms: Some(70_000) },
        Retrieved { call, leg: b, up_ms: Some(80_000) },
        Transferred { call, by: b, who: a, to: s("1002"), by_caller: false },
        Consulted { call, by: b, who: a, to: s("1003"), three_way: true },
        Conferenced { call, by: b, who: a, third: LegId(9) },
        LegMoved { call, leg: b, from: CallId::new(Wall(1), 2) },
        Digit { call, leg: a, digit: None, by: KeyBy::Info },
        SourceMoved { call, leg: a, from: s("10.0.0.9:4000"), to: s("10.0.0.9:4002") },
        NoRtp { call, leg: a, silent_ms: 3_000, one_way: true, unagreed: Some(111) },
        RtpLost { call, leg: a, silent_ms: 61_000 },
        RecordingBegan { call, recording, path: s("2026/09/21/x.wav"), left: a, right: Some(b) },
        RecordingPaused { call, recording, paused: true },
        RecordingResumed { call, recording },
        RecordingEnded { call, recording, samples: 320_000, ms: 40_000, fault: s("") },
        RecordingMended { call, path: s("2026/09/21/x.wav"), samples: 16_000, ms: 2_000 },
        RecordingPacked {
            call,
            path: s("2026/09/21/x.wav"),
            packed: s("2026/09/21/x.opus"),
            bytes: 1_500,
        },
        RecordingSealed { call, path: s("2026/09/21/x.opus"), sha256: s("ba78"), bytes: 1_500 },
        RecordingRemoved { call, path: s("2026/09/21/x.wav") },
        RecorderBegan { call, recorder: s("second"), session: s("a@b") },
        RecorderEnded { call, recorder: s("second"), ms: 40_000, why: s("it does not answer") },
        SurveyAnswer {
            call,
            survey: s("care"),
            question: s("satisfied"),
            key: s("1"),
            meaning: s("yes"),
            voice: None,
            agent: Some(s("1001")),
        },
        Survey {
            call,
            survey: s("care"),
            what: SurveyFact::Began {
                version: s("0123"),
                caller: s("1380"),
                agent: Some(s("7001")),
                team: None,
                queue: Some(s("care")),
            },
        },
        Scored(Box::new(crate::switch::fact::Scored {
            score: s("1-2"),
            call,
            agent: s("7001"),
            team: Some(s("day")),
            queue: s("care"),
            form: s("service"),
            version: 2,
            by: s("7900"),
            share: 8_800,
            passed: true,
            fatal: false,
            answers: Vec::new(),
            comment: s("well done"),
            corrects: None,
        })),
    ]
}

#[test]
fn every_kind_is_written_and_read_back_under_its_name() {
    let kinds = one_of_each();
    let mut names: Vec<&str> = kinds.iter().map(FactKind::name).collect();
    names.sort_unstable();
    names.dedup();
    for name in &names {
        assert!(FactKind::NAMES.contains(name), "{name} is not among the names");
    }
    for (seq, kind) in kinds.into_iter().enumerate() {
        let fact = Fact { seq: seq as u64, wall: Wall(1_790_000_000_000), kind };
        let json = serde_json::to_string(&fact).unwrap();
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["kind"], fact.kind.name(), "{json}");
        assert_eq!(value.get("call").is_some(), fact.kind.call().is_some(), "{json}");
        assert_eq!(read(&json), fact);
    }
}

/// Where facts, and what stands within them, are written down as types: all of a file's, or these.
const WRITTEN: &[(&str, &[&str])] = &[
    (include_str!("../fact.rs"), &[]),
    (include_str!("campaign.rs"), &[]),
    (include_str!("care.rs"), &[]),
    (include_str!("centre.rs"), &[]),
    (include_str!("party.rs"), &[]),
    (include_str!("scored.rs"), &[]),
    (include_str!("survey.rs"), &[]),
    (include_str!("../../care/plan.rs"), &["Event"]),
    (include_str!("../../care/report.rs"), &["Meaning"]),
];

/// The structures and enumerations of [`WRITTEN`]: name, attributes, and the lines between the braces.
fn written() -> Vec<(&'static str, String, Vec<&'static str>)> {
    let mut types = Vec::new();
    for (source, only) in WRITTEN {
        let (mut attributes, mut lines) = (String::new(), source.lines());
        while let Some(line) = lines.next() {
            let name = line.strip_prefix("pub struct ").or(line.strip_prefix("pub enum "));
            match name.and_then(|name| name.strip_suffix(" {")) {
                Some(name) => {
                    let body = lines.by_ref().take_while(|line| *line != "}").collect();
                    if only.is_empty() || only.contains(&name) {
                        types.push((name, attributes.clone(), body));
                    }
                }
                None if line.starts_with("#[") => attributes.push_str(line),
                None => attributes.clear(),
            }
        }
    }
    types
}

/// What stands before `:` in a line that is a field.
fn field(line: &str) -> Option<&str> {
    let (name, _) = line.trim().trim_start_matches("pub ").split_once(": ")?;
    name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_').then_some(name)
}

/// `CallBegan` as serde writes it: `call_began`.
fn in_snake_case(name: &str) -> String {
    let word = |(at, c): (usize, char)| match c.is_ascii_uppercase() {
        true if at > 0 => format!("_{}", c.to_ascii_lowercase()),
        _ => c.to_ascii_lowercase().to_string(),
    };
    name.chars().enumerate().map(word).collect()
}

/// `events` on the console takes no kind that is not among the names, and offers no other.
#[test]
fn the_names_are_those_of_all_kinds_and_no_others() {
    let types = written();
    let (.., body) = types.iter().find(|(name, ..)| *name == "FactKind").expect("it is there");
    let words = body.iter().filter_map(|line| line.strip_prefix("    ")?.split([' ', '(']).next());
    let all: Vec<String> = words
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(in_snake_case)
        .collect();
    let mut kinds: Vec<&str> = all.iter().map(String::as_str).collect();
    kinds.retain(|kind| *kind != "other");
    kinds.sort_unstable();
    let mut names = FactKind::NAMES.to_vec();
    names.sort_unstable();
    assert_eq!(names, kinds);
}

/// `events` takes a field that is nearly called as another one for mistyped, and refuses it.
#[test]
fn the_fields_are_those_of_all_facts_and_no_others() {
    let types = written();
    let mut known = std::collections::BTreeSet::new();
    for (_, attributes, body) in &types {
        for key in ["tag = \"", "content = \""] {
            let named = attributes.split_once(key).and_then(|(_, rest)| rest.split('"').next());
            known.extend(named);
        }
        let before = std::iter::once(&"").chain(body);
        let own = body.iter().zip(before).filter(|(_, before)| !before.contains("flatten"));
        known.extend(own.filter_map(|(line, _)| field(line)));
    }
    let known: Vec<&str> = known.into_iter().collect();
    assert_eq!(FactKind::FIELDS, known);
    // Each is found in what is really written.
    for kind in one_of_each() {
        let json = serde_json::to_value(Fact { seq: 1, wall: Wall(1), kind }).unwrap();
        let keys = json.as_object().into_iter().flat_map(|map| map.keys());
        for key in keys {
            assert!(FactKind::FIELDS.contains(&key.as_str()), "{key} of {json}");
        }
    }
    // A file of facts that is not read here would have fields that nobody looks for.
    let module = |line: &'static str| line.strip_prefix("mod ")?.strip_suffix(';');
    let modules: Vec<&str> = include_str!("../fact.rs").lines().filter_map(module).collect();
    let others = ["counted", "kinds", "words", "tests"];
    assert_eq!(modules.len(), WRITTEN.len() - 3 + others.len(), "{modules:?}");
}

#[test]
fn what_a_later_version_wrote_is_kept() {
    let newer = r#"{"seq":9,"wall":5,"kind":"queue_joined","call":"01J0000000007","queue":"care"}"#;
    let fact = read(newer);
    assert_eq!((fact.seq, fact.kind.name()), (9, "queue_joined"));
    assert!(fact.kind.call().is_some());
    let again: Value = serde_json::from_str(&serde_json::to_string(&fact).unwrap()).unwrap();
    assert_eq!(again, serde_json::from_str::<Value>(newer).unwrap());

    let other_shape = r#"{"seq":9,"wall":5,"kind":"gateway_up","gateway":{"name":"e1-a"}}"#;
    assert!(matches!(read(other_shape).kind, FactKind::Other(_)));
    let more_fields = r#"{"seq":9,"wall":5,"kind":"gateway_up","gateway":"e1-a","span":3}"#;
    assert_eq!(read(more_fields).kind, FactKind::GatewayUp { gateway: "e1-a".into() });
    let new_word = r#"{"seq":9,"wall":5,"kind":"alarm","what":"flood","raised":true,"detail":""}"#;
    assert!(matches!(read(new_word).kind, FactKind::Alarm { what: AlarmWhat::Unknown, .. }));
    assert!(serde_json::from_str::<Fact>(r#"{"wall":5,"kind":"gateway_up"}"#).is_err());
}

/// Facts of before the way was written: a caller came in, unless it is a mobile, which only Belfry calls.
#[test]
fn a_line_is_counted_by_the_side_that_seized_it() {
    use crate::report::Happened;
    let line = |party: &str, role: &str, more: &str| {
        let party =
            format!(r#"{{"by":"{party}","gateway":"e1-a","number":"138","outside":"138"}}"#);
        let leg = r#""kind":"leg_began","call":"01J0000000007","leg":3"#;
        let fact =
            read(&format!(r#"{{"seq":9,"wall":5,{leg},"party":{party},"role":"{role}"{more}}}"#));
        match fact.happened() {
            Happened::LegBegan { came_in, .. } => Some(came_in),
            _ => None,
        }
    };
    let (out, came) = (r#","outgoing":true"#, r#","outgoing":false"#);
    assert_eq!(line("trunk", "caller", ""), Some(true));
    assert_eq!(line("trunk", "callee", ""), Some(false));
    assert_eq!(line("mobile", "caller", ""), Some(false));
    assert_eq!(line("trunk", "caller", out), Some(false));
    assert_eq!(line("trunk", "callee", came), Some(true));
    assert_eq!(line("phone", "caller", came), None);
}

#[test]
fn words_are_those_of_the_record() {
    let written = |word: Value| word.as_str().map(str::to_owned);
    for word in EndedBy::ALL {
        assert_eq!(written(serde_json::to_value(word).unwrap()).as_deref(), Some(word.as_str()));
    }
    for word in AlarmWhat::ALL {
        assert_eq!(written(serde_json::to_value(word).unwrap()).as_deref(), Some(word.as_str()));
    }
    for word in KeyBy::ALL {
        assert_eq!(written(serde_json::to_value(word).unwrap()).as_deref(), Some(word.as_str()));
    }
    for word in Unregistered::ALL {
        assert_eq!(written(serde_json::to_value(word).unwrap()).as_deref(), Some(word.as_str()));
    }
    for word in RoomLeft::ALL {
        assert_eq!(written(serde_json::to_value(word).unwrap()).as_deref(), Some(word.as_str()));
    }
    for word in RoomRefusal::ALL {
        assert_eq!(written(serde_json::to_value(word).unwrap()).as_deref(), Some(word.as_str()));
    }
    for word in GatewayService::ALL {
        assert_eq!(written(serde_json::to_value(word).unwrap()).as_deref(), Some(word.as_str()));
    }
    for word in Role::ALL {
        assert_eq!(written(serde_json::to_value(word).unwrap()).as_deref(), Some(word.as_str()));
    }
}
