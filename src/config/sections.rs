//! Floor 1, `config`: the sections of the text, each read by its own file's table, and put together.
//!
//! ```text
//! DeTable ─► headers: is there such a section, in such brackets? ─► read: a Draft ─► finish: Config
//! ```
//!
//! A new section has one line in [`read`] and one in [`finish`]. What holds between sections is
//! `cross.rs`'s.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::cross::Draft;
use super::fault::{Places, quoted};
use super::setting::{Reader, Section, SectionReader, list, nearest};
use super::{
    Acd, Agent, Alarm, Campaign, Care, CareCall, Certificate, CheckIn, Config, Console, Csta,
    Dialplan, FeatureCodes, Fort, Gateway, Guard, Heartbeat, Http, Limits, Log, Mail, Media,
    Network, Node, Numbers, Phone, Plan, PlanStep, Queue, Receiver, Record, Recorder, Report,
    Resource, SECTIONS, ScoreForm, ScoreQuestion, Sip, Store, Team, Telemetry, Tls, Token, Trace,
    Trunk, Webhook, WrapUp,
};

/// Reads each section of the table, and names the sections that do not exist.
pub(super) fn read(root: &Spanned<DeTable<'_>>, reader: &mut Reader<'_>) -> Draft {
    let table = root.get_ref();
    headers(table, reader);
    Draft {
        node: single(table, &Node::SECTION, reader, Node::read),
        sip: single(table, &Sip::SECTION, reader, Sip::read),
        tls: single(table, &Tls::SECTION, reader, Tls::read),
        certificates: repeated(table, &Certificate::SECTION, reader, Certificate::read),
        networks: repeated(table, &Network::SECTION, reader, Network::read),
        media: single(table, &Media::SECTION, reader, Media::read),
        gateways: repeated(table, &Gateway::SECTION, reader, Gateway::read),
        trunks: repeated(table, &Trunk::SECTION, reader, Trunk::read),
        numbers: single(table, &Numbers::SECTION, reader, Numbers::read),
        phones: repeated(table, &Phone::SECTION, reader, Phone::read),
        acd: single(table, &Acd::SECTION, reader, Acd::read),
        care: single(table, &Care::SECTION, reader, Care::read),
        receiver: single(table, &Receiver::SECTION, reader, Receiver::read),
        check_in: single(table, &CheckIn::SECTION, reader, CheckIn::read),
        guard: single(table, &Guard::SECTION, reader, Guard::read),
        campaigns: repeated(table, &Campaign::SECTION, reader, Campaign::read),
        reports: repeated(table, &Report::SECTION, reader, Report::read),
        heartbeats: repeated(table, &Heartbeat::SECTION, reader, Heartbeat::read),
        care_calls: repeated(table, &CareCall::SECTION, reader, CareCall::read),
        resources: repeated(table, &Resource::SECTION, reader, Resource::read),
        plans: repeated(table, &Plan::SECTION, reader, Plan::read),
        plan_steps: repeated(table, &PlanStep::SECTION, reader, PlanStep::read),
        agents: repeated(table, &Agent::SECTION, reader, Agent::read),
        teams: repeated(table, &Team::SECTION, reader, Team::read),
        queues: repeated(table, &Queue::SECTION, reader, Queue::read),
        wrap_ups: repeated(table, &WrapUp::SECTION, reader, WrapUp::read),
        score_forms: repeated(table, &ScoreForm::SECTION, reader, ScoreForm::read),
        score_questions: repeated(table, &ScoreQuestion::SECTION, reader, ScoreQuestion::read),
        dialplan: single(table, &Dialplan::SECTION, reader, Dialplan::read),
        record: single(table, &Record::SECTION, reader, Record::read),
        recorders: repeated(table, &Recorder::SECTION, reader, Recorder::read),
        store: single(table, &Store::SECTION, reader, Store::read),
        http: single(table, &Http::SECTION, reader, Http::read),
        csta: single(table, &Csta::SECTION, reader, Csta::read),
        tokens: repeated(table, &Token::SECTION, reader, Token::read),
        webhooks: repeated(table, &Webhook::SECTION, reader, Webhook::read),
        alarm: single(table, &Alarm::SECTION, reader, Alarm::read),
        mail: single(table, &Mail::SECTION, reader, Mail::read),
        console: single(table, &Console::SECTION, reader, Console::read),
        log: single(table, &Log::SECTION, reader, Log::read),
        trace: single(table, &Trace::SECTION, reader, Trace::read),
        telemetry: single(table, &Telemetry::SECTION, reader, Telemetry::read),
        limits: single(table, &Limits::SECTION, reader, Limits::read),
        fort: single(table, &Fort::SECTION, reader, Fort::read),
        feature_codes: single(table, &FeatureCodes::SECTION, reader, FeatureCodes::read),
    }
}

/// Says what is wrong with the sections' names and brackets.
fn headers(table: &DeTable<'_>, reader: &mut Reader<'_>) {
    for (name, value) in table {
        let known = SECTIONS.iter().find(|section| section.name == name.get_ref().as_ref());
        match known {
            None => unknown_section(name, value.get_ref(), reader),
            Some(section) => brackets(section, value, reader),
        }
    }
}

fn unknown_section(
    name: &Spanned<std::borrow::Cow<'_, str>>,
    value: &DeValue<'_>,
    reader: &mut Reader<'_>,
) {
    let text = name.get_ref().as_ref();
    let is_section = value.is_table() || value.is_array();
    let holder = SECTIONS.iter().find(|s| s.keys.iter().any(|key| key.name == text));
    let (what, remedy) = match (nearest(text, SECTIONS.iter().map(|s| s.name)), holder) {
        (_, Some(holder)) if !is_section => (
            format!("the key {} stands before any section", quoted(text)),
            format!("`{text}` belongs under {}", holder.header()),
        ),
        (Some(near), _) => {
            let near =
                SECTIONS.iter().find(|s| s.name == near).map_or(String::new(), |s| s.header());
            (format!("there is no section {}", quoted(text)), format!("write {near}"))
        }
        (None, _) => {
            let known = list(SECTIONS.iter().map(|s| s.name));
            (format!("there is no section {}", quoted(text)), format!("the sections are {known}"))
        }
    };
    reader.faults.error(&name.span(), what, remedy);
}

/// A section with the wrong kind of brackets.
fn brackets(section: &Section, value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) {
    let wrong = match value.get_ref() {
        DeValue::Table(_) => section.repeats,
        DeValue::Array(entries) => {
            !section.repeats || !entries.iter().all(|entry| entry.get_ref().is_table())
        }
        _ => true,
    };
    if wrong {
        let what = format!("`{}` is not written like this", section.name);
        let remedy = if section.repeats {
            format!("write {}, once for each", section.header())
        } else {
            format!("write {} once", section.header())
        };
        reader.faults.error(&value.span(), what, remedy);
    }
}

/// A section that stands once or not at all.
fn single<T>(
    table: &DeTable<'_>,
    section: &'static Section,
    reader: &mut Reader<'_>,
    read: impl FnOnce(&mut SectionReader<'_, '_, '_>) -> Option<T>,
) -> Option<T> {
    let nothing = DeTable::new();
    let (keys, header) = match table.get(section.name) {
        None => (&nothing, 0..0),
        Some(value) => (value.get_ref().as_table()?, value.span()),
    };
    read(&mut SectionReader::begin(reader, keys, section, 0, header, &SECTIONS))
}

/// A section that stands once for each thing.
fn repeated<T>(
    table: &DeTable<'_>,
    section: &'static Section,
    reader: &mut Reader<'_>,
    read: impl Fn(&mut SectionReader<'_, '_, '_>) -> Option<T>,
) -> Vec<(usize, T)> {
    let entries = table.get(section.name).and_then(|value| value.get_ref().as_array());
    let mut things = Vec::new();
    for (nth, entry) in entries.into_iter().flat_map(|list| list.iter()).enumerate() {
        if let Some(keys) = entry.get_ref().as_table() {
            let header = entry.span();
            let thing =
                read(&mut SectionReader::begin(reader, keys, section, nth, header, &SECTIONS));
            things.extend(thing.map(|thing| (nth, thing)));
        }
    }
    things
}

/// The configuration, when every section could be read.
pub(super) fn finish(draft: Draft, places: Places) -> Option<Config> {
    let phones: Vec<Phone> = draft.phones.into_iter().map(|(_, phone)| phone).collect();
    let by_number = phones.iter().enumerate().map(|(at, phone)| (phone.number.to_string(), at));
    Some(Config {
        by_number: by_number.collect(),
        places,
        phones,
        node: draft.node?,
        sip: draft.sip?,
        tls: draft.tls?,
        certificates: draft.certificates.into_iter().map(|(_, certificate)| certificate).collect(),
        media: draft.media?,
        gateways: draft.gateways.into_iter().map(|(_, gateway)| gateway).collect(),
        networks: draft.networks.into_iter().map(|(_, network)| network).collect(),
        trunks: draft.trunks.into_iter().map(|(_, trunk)| trunk).collect(),
        numbers: draft.numbers?,
        acd: draft.acd?,
        care: draft.care?,
        check_in: draft.check_in?,
        receiver: draft.receiver?,
        guard: draft.guard?,
        campaigns: draft.campaigns.into_iter().map(|(_, own)| own).collect(),
        reports: draft.reports.into_iter().map(|(_, own)| own).collect(),
        heartbeats: draft.heartbeats.into_iter().map(|(_, own)| own).collect(),
        care_calls: draft.care_calls.into_iter().map(|(_, own)| own).collect(),
        resources: draft.resources.into_iter().map(|(_, own)| own).collect(),
        plans: draft.plans.into_iter().map(|(_, plan)| plan).collect(),
        plan_steps: draft.plan_steps.into_iter().map(|(_, step)| step).collect(),
        agents: draft.agents.into_iter().map(|(_, agent)| agent).collect(),
        teams: draft.teams.into_iter().map(|(_, team)| team).collect(),
        wrap_ups: draft.wrap_ups.into_iter().map(|(_, code)| code).collect(),
        score_forms: draft.score_forms.into_iter().map(|(_, form)| form).collect(),
        score_questions: draft.score_questions.into_iter().map(|(_, q)| q).collect(),
        queues: draft.queues.into_iter().map(|(_, queue)| queue).collect(),
        dialplan: draft.dialplan?,
        record: draft.record?,
        recorders: draft.recorders.into_iter().map(|(_, recorder)| recorder).collect(),
        store: draft.store?,
        http: draft.http?,
        csta: draft.csta?,
        tokens: draft.tokens.into_iter().map(|(_, token)| token).collect(),
        webhooks: draft.webhooks.into_iter().map(|(_, hook)| hook).collect(),
        alarm: draft.alarm?,
        mail: draft.mail?,
        console: draft.console?,
        log: draft.log?,
        trace: draft.trace?,
        telemetry: draft.telemetry?,
        limits: draft.limits?,
        fort: draft.fort?,
        feature_codes: draft.feature_codes?,
    })
}
