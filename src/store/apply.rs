//! One fact into the tables. Every statement can be repeated without harm, and none fails because
//! an earlier fact is missing.

use super::reader::Record;
use super::statement::{Hot, Refusal, Statement, query};
use crate::base::{CallId, LegId, Wall};
use crate::switch::fact::{EndedBy, Fact, FactKind, Party, Role, Sound};
use crate::switch::recovery::SURE;

/// Keeps the fact as it was written, with the reason when no other table has it.
pub(super) fn event(
    connection: &Hot<'_>,
    record: &Record,
    refused: Option<&str>,
) -> Result<(), Refusal> {
    let insert = "INSERT INTO events (journal, run, seq, wall, kind, call, body, refused) \
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let call = record.fact.kind.call().map(|call| call.to_string());
    let statement = query(insert)
        .bind(record.at.journal as i64)
        .bind(i64::from(record.at.run))
        .bind(record.at.seq as i64)
        .bind(record.fact.wall.as_millis())
        .bind(record.fact.kind.name())
        .bind(call)
        .bind(&record.json)
        .bind(refused);
    connection.run(statement)
}

/// Brings the tables up to the fact.
pub(super) fn derive(connection: &Hot<'_>, fact: &Fact) -> Result<(), Refusal> {
    statements(fact).into_iter().try_for_each(|statement| connection.run(statement))
}

/// The statements that follow from a fact; none for one that is only an event.
fn statements(fact: &Fact) -> Vec<Statement<'_>> {
    use FactKind::*;
    let wall = fact.wall;
    match &fact.kind {
        Started { lived_ms, .. } => started(wall, *lived_ms),
        CallBegan { .. }
        | RouteTaken { .. }
        | CallField { .. }
        | RoomJoined { .. }
        | CallEnded { .. } => of_call(wall, &fact.kind).into_iter().collect(),
        LegBegan { .. } | LegRinging { .. } | LegAnswered { .. } | LegMoved { .. } => {
            of_leg(wall, &fact.kind)
        }
        LegEnded { .. } => leg_ended(wall, &fact.kind).into_iter().collect(),
        RecordingMended { call, path, samples, ms } => mended(*call, path, *samples, *ms),
        RecordingBegan { .. }
        | RecordingEnded { .. }
        | RecordingPacked { .. }
        | RecordingSealed { .. }
        | RecordingRemoved { .. } => kept(wall, &fact.kind).into_iter().collect(),
        SurveyAnswer { call, survey, question, key, meaning, voice, agent } => {
            let answer = [survey, question, key, meaning].map(String::as_str);
            super::surveys::answer(wall, *call, answer, agent.as_deref(), voice.as_deref())
        }
        Survey { call, survey, what } => super::surveys::statements(fact, *call, survey, what),
        PhoneRegistered { .. }
        | PhoneUnregistered { .. }
        | GatewayUp { .. }
        | GatewayDown { .. } => reachable(wall, &fact.kind).into_iter().collect(),
        MessageTaken { .. } | MessageEnded { .. } => message(fact).into_iter().collect(),
        Scored(scored) => super::scores::statements(wall, scored),
        Agent { agent, what } => super::agents::statements(fact, agent, what),
        Queue { queue, call, what } => super::queues::statements(fact, queue, *call, what),
        Campaign { campaign, what } => super::campaigns::statements(fact, campaign, what),
        Care { account, what } => super::care::statements(fact, account, what),
        PhoneWish { number, wish, value } => vec![phone_wish(wall, number, wish, value)],
        Stopped { .. } => vec![stopped()],
        Reloaded { .. }
        | ReloadRefused { .. }
        | Alarm { .. }
        | PhoneRefused { .. }
        | SourceBanned { .. }
        | SourceFreed { .. }
        | DialBarred { .. }
        | CallRefused { .. }
        | GatewayService { .. }
        | GatewayRegistration { .. }
        | LegAsked { .. }
        | ToneHeard { .. }
        | Bridged { .. }
        | Unbridged { .. }
        | Held { .. }
        | Retrieved { .. }
        | Transferred { .. }
        | Consulted { .. }
        | Conferenced { .. }
        | Replaced { .. }
        | Diverted { .. }
        | Parked { .. }
        | Unparked { .. }
        | Digit { .. }
        | SourceMoved { .. }
        | NoRtp { .. }
        | RtpLost { .. }
        | RoomRefused { .. }
        | RoomLeft { .. }
        | RecordingPaused { .. }
        | RecordingResumed { .. }
        | RecorderBegan { .. }
        | RecorderEnded { .. }
        | Other(_) => Vec::new(),
    }
}

/// A call begins, takes its way and ends.
fn of_call<'q>(wall: Wall, kind: &'q FactKind) -> Option<Statement<'q>> {
    Some(match kind {
        FactKind::CallBegan { call, caller, dialled, caller_name, context } => {
            call_began(wall, *call, caller, dialled, caller_name, context)
        }
        FactKind::RouteTaken { call, route } => {
            let update = "UPDATE calls SET route = ? WHERE call = ?";
            query(update).bind(route).bind(text(*call))
        }
        FactKind::CallField { call, name, value } => call_field(*call, name, value),
        FactKind::RoomJoined { call, .. } => {
            let update = "UPDATE calls SET answered = coalesce(answered, ?) WHERE call = ?";
            query(update).bind(wall.0).bind(text(*call))
        }
        FactKind::CallEnded { call, cause, by, total_ms, talk_ms } => {
            call_ended(wall, *call, *cause, *by, *total_ms, *talk_ms)
        }
        _ => return None,
    })
}

/// A leg begins, rings, answers, goes over to another call.
fn of_leg<'q>(wall: Wall, kind: &'q FactKind) -> Vec<Statement<'q>> {
    match kind {
        FactKind::LegBegan { call, leg, party, role, .. } => {
            vec![leg_began(wall, *call, *leg, party, *role)]
        }
        FactKind::LegRinging { call, leg } => {
            let update = "UPDATE legs SET rang = coalesce(rang, ?) WHERE call = ? AND leg = ?";
            vec![query(update).bind(wall.0).bind(text(*call)).bind(leg.0 as i64)]
        }
        FactKind::LegAnswered { call, leg } => leg_answered(wall, *call, *leg),
        FactKind::LegMoved { call, leg, from } => {
            let update = "UPDATE OR IGNORE legs SET call = ? WHERE call = ? AND leg = ?";
            vec![query(update).bind(text(*call)).bind(text(*from)).bind(leg.0 as i64)]
        }
        _ => Vec::new(),
    }
}

fn text(call: CallId) -> String {
    call.to_string()
}

/// For how long a registration may have been renewed beyond what is written of it, in milliseconds: the
/// registrar's `RENEWALS`.
const RENEWED_MS: i64 = 600_000;

/// When the former process is known to have lived last: so long (`?1`) after what it told last of anything. The record of a
/// call and the figures ([`crate::report::Ledger`]) end by the same.
macro_rules! lived {
    () => {
        "coalesce((SELECT wall FROM events ORDER BY id DESC LIMIT 1) + ?1, begun)"
    };
}

/// What the former process left open ended when it did.
fn started(wall: Wall, lived_ms: u64) -> Vec<Statement<'static>> {
    let lived = i64::try_from(lived_ms).unwrap_or(i64::MAX);
    vec![
        query(concat!(
            "UPDATE legs SET cause = 41, ended_by = 'restart', ended = max(",
            lived!(),
            ", begun), talk_ms = max(",
            lived!(),
            " - answered, 0) WHERE ended IS NULL"
        ))
        .bind(lived),
        query(concat!(
            "UPDATE recordings SET fault = 'Belfry went away in mid-call', ended = max(",
            lived!(),
            ", begun) WHERE ended IS NULL"
        ))
        .bind(lived),
        query(concat!(
            "UPDATE calls SET cause = 41, ended_by = 'restart', ended = max(",
            lived!(),
            ", begun), total_ms = max(",
            lived!(),
            " - begun, 0), talk_ms = max(",
            lived!(),
            " - answered, 0) WHERE ended IS NULL"
        ))
        .bind(lived),
        // Those over connections ended with the process; others may have been renewed for ten minutes
        // without its being written.
        query("DELETE FROM registrations WHERE record = '' OR expires < ?")
            .bind(wall.0.saturating_sub(RENEWED_MS)),
    ]
}

/// The process stopped in good order: what is written of registrations is the last word on them, and they end
/// when they say (`holds` in the registrar).
fn stopped() -> Statement<'static> {
    query(
        "UPDATE registrations SET record = json_set(record, '$.' || ?, json('true')) \
         WHERE json_valid(record)",
    )
    .bind(SURE)
}

/// A recording that outlived its exchange tells how long its call lived at least: longer than the
/// call's last fact says.
fn mended(call: CallId, path: &str, samples: u64, ms: u64) -> Vec<Statement<'_>> {
    let recording = "UPDATE recordings SET samples = ?1, ms = ?2, ended = max(ended, begun + ?2) \
                     WHERE call = ?3 AND path = ?4";
    let lived = "UPDATE calls SET (ended, total_ms, talk_ms) = (SELECT max(calls.ended, max(r.ended)), \
                 max(calls.ended, max(r.ended)) - calls.begun, \
                 max(calls.ended, max(r.ended)) - calls.answered FROM recordings r \
                 WHERE r.call = calls.call) WHERE call = ? AND ended_by = 'restart'";
    vec![
        query(recording).bind(samples as i64).bind(ms as i64).bind(text(call)).bind(path),
        query(lived).bind(text(call)),
    ]
}

fn call_began<'q>(
    wall: Wall,
    call: CallId,
    caller: &'q Party,
    dialled: &'q str,
    caller_name: &'q str,
    context: &'q str,
) -> Statement<'q> {
    let insert = "INSERT INTO calls (call, begun, caller, caller_name, gateway, dialled, context) \
                  VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    query(insert)
        .bind(text(call))
        .bind(wall.0)
        .bind(caller.number())
        .bind(caller_name)
        .bind(caller.gateway())
        .bind(dialled)
        .bind(context)
}

fn call_field<'q>(call: CallId, name: &'q str, value: &'q str) -> Statement<'q> {
    if value.is_empty() {
        let delete = "DELETE FROM call_fields WHERE call = ? AND name = ?";
        return query(delete).bind(text(call)).bind(name);
    }
    let insert = "INSERT INTO call_fields (call, name, value) VALUES (?, ?, ?) \
                  ON CONFLICT DO UPDATE SET value = excluded.value";
    query(insert).bind(text(call)).bind(name).bind(value)
}

/// A message stays, with how it ended, until its fact is forgotten with all others.
fn message(fact: &Fact) -> Option<Statement<'_>> {
    Some(match &fact.kind {
        FactKind::MessageTaken { from, to, content_type, body, expires } => {
            let insert = "INSERT INTO messages (id, sender, recipient, content_type, body, taken, \
                          expires) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
            query(insert)
                .bind(fact.seq as i64)
                .bind(from)
                .bind(to)
                .bind(content_type)
                .bind(body)
                .bind(fact.wall.0)
                .bind(expires.0)
        }
        FactKind::MessageEnded { id, why, .. } => {
            let update = "UPDATE messages SET ended = ?, why = ? WHERE id = ?";
            query(update).bind(fact.wall.0).bind(why).bind(*id as i64)
        }
        _ => return None,
    })
}

/// What is not wished any more has no row.
fn phone_wish<'q>(wall: Wall, number: &'q str, wish: &'q str, value: &'q str) -> Statement<'q> {
    if value.is_empty() {
        let delete = "DELETE FROM phone_wishes WHERE number = ? AND wish = ?";
        return query(delete).bind(number).bind(wish);
    }
    let insert = "INSERT INTO phone_wishes (number, wish, value, since) VALUES (?, ?, ?, ?) \
                  ON CONFLICT DO UPDATE SET value = excluded.value, since = excluded.since";
    query(insert).bind(number).bind(wish).bind(value).bind(wall.0)
}

fn call_ended<'q>(
    wall: Wall,
    call: CallId,
    cause: u8,
    by: EndedBy,
    total_ms: u64,
    talk_ms: u64,
) -> Statement<'q> {
    let update = "UPDATE calls SET ended = ?, cause = ?, ended_by = ?, total_ms = ?, talk_ms = ? \
                  WHERE call = ?";
    query(update)
        .bind(wall.0)
        .bind(i64::from(cause))
        .bind(by.as_str())
        .bind(total_ms as i64)
        .bind(talk_ms as i64)
        .bind(text(call))
}

fn leg_began<'q>(
    wall: Wall,
    call: CallId,
    leg: LegId,
    party: &'q Party,
    role: Role,
) -> Statement<'q> {
    let insert = "INSERT INTO legs (call, leg, role, number, gateway, begun) \
                  VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    query(insert)
        .bind(text(call))
        .bind(leg.0 as i64)
        .bind(role.as_str())
        .bind(party.number())
        .bind(party.gateway())
        .bind(wall.0)
}

/// The leg; and when it is one that Belfry called, the call, with its agent.
fn leg_answered<'q>(wall: Wall, call: CallId, leg: LegId) -> Vec<Statement<'q>> {
    let of_leg = "UPDATE legs SET answered = coalesce(answered, ?) WHERE call = ? AND leg = ?";
    let of_call = "UPDATE calls SET answered = coalesce(calls.answered, ?), agent = coalesce(agent, \
                   CASE WHEN legs.gateway IS NULL THEN legs.number END) FROM legs \
                   WHERE calls.call = ? AND legs.call = calls.call AND legs.leg = ? \
                   AND legs.role = 'callee'";
    let bound = |sql| query(sql).bind(wall.0).bind(text(call)).bind(leg.0 as i64);
    vec![bound(of_leg), bound(of_call)]
}

fn leg_ended<'q>(wall: Wall, kind: &FactKind) -> Option<Statement<'q>> {
    let FactKind::LegEnded { call, leg, cause, status, by, ring_ms, talk_ms, sound, .. } = kind
    else {
        return None;
    };
    let update = "UPDATE legs SET ended = ?, cause = ?, status = ?, ended_by = ?, ring_ms = ?, \
                  talk_ms = ?, packets_received = ?, packets_sent = ?, packets_lost = ?, \
                  packets_late = ?, packets_foreign = ?, jitter_max_us = ?, rtt_us = ?, \
                  samples_concealed = ?, mos = ?, peer_mos = ?, packets_duplicate = ?, \
                  packets_malformed = ?, packets_unagreed = ?, packets_dropped = ?, \
                  packets_forged = ? WHERE call = ? AND leg = ?";
    let of = |number: fn(&Sound) -> u64| sound.as_ref().map(|sound| number(sound) as i64);
    let statement = query(update)
        .bind(wall.0)
        .bind(i64::from(*cause))
        .bind((*status != 0).then_some(i64::from(*status)))
        .bind(by.as_str())
        .bind(*ring_ms as i64)
        .bind(*talk_ms as i64)
        .bind(of(|sound| sound.packets_received))
        .bind(of(|sound| sound.packets_sent))
        .bind(of(|sound| sound.packets_lost))
        .bind(of(|sound| sound.packets_late))
        .bind(of(|sound| sound.packets_foreign))
        .bind(of(|sound| sound.jitter_max_us.into()))
        .bind(sound.as_ref().and_then(|sound| sound.rtt_us).map(i64::from))
        .bind(of(|sound| sound.samples_concealed))
        .bind(sound.as_ref().and_then(|sound| sound.mos).map(i64::from))
        .bind(sound.as_ref().and_then(|sound| sound.peer_mos).map(i64::from))
        .bind(of(|sound| sound.packets_duplicate))
        .bind(of(|sound| sound.packets_malformed))
        .bind(of(|sound| sound.packets_unagreed))
        .bind(of(|sound| sound.packets_dropped))
        .bind(of(|sound| sound.packets_forged))
        .bind(text(*call))
        .bind(leg.0 as i64);
    Some(statement)
}

/// Recordings and answers.
fn kept(wall: Wall, kind: &FactKind) -> Option<Statement<'_>> {
    Some(match kind {
        FactKind::RecordingBegan { call, recording, path, left, right } => {
            let insert = "INSERT INTO recordings (call, recording, path, left_leg, right_leg, begun) \
                          VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
            query(insert)
                .bind(text(*call))
                .bind(recording.0 as i64)
                .bind(path)
                .bind(left.0 as i64)
                .bind(right.map(|leg| leg.0 as i64))
                .bind(wall.0)
        }
        FactKind::RecordingEnded { call, recording, samples, ms, fault } => {
            let update = "UPDATE recordings SET ended = ?, samples = ?, ms = ?, \
                          fault = nullif(?, '') WHERE call = ? AND recording = ?";
            query(update)
                .bind(wall.0)
                .bind(*samples as i64)
                .bind(*ms as i64)
                .bind(fault)
                .bind(text(*call))
                .bind(recording.0 as i64)
        }
        FactKind::RecordingPacked { call, path, packed, .. } => {
            let update = "UPDATE recordings SET path = ?, sha256 = NULL, bytes = NULL \
                          WHERE call = ? AND path = ?";
            query(update).bind(packed).bind(text(*call)).bind(path)
        }
        FactKind::RecordingSealed { call, path, sha256, bytes } => {
            let update = "UPDATE recordings SET sha256 = ?, bytes = ? WHERE call = ? AND path = ?";
            query(update).bind(sha256).bind(*bytes as i64).bind(text(*call)).bind(path)
        }
        FactKind::RecordingRemoved { call, path } => {
            let update = "UPDATE recordings SET removed = coalesce(removed, ?) \
                          WHERE call = ? AND path = ?";
            query(update).bind(wall.0).bind(text(*call)).bind(path)
        }
        _ => return None,
    })
}

/// Phones and gateways.
fn reachable(wall: Wall, kind: &FactKind) -> Option<Statement<'_>> {
    const GATEWAY: &str = "INSERT INTO gateways (gateway, up, since, why) VALUES (?, ?, ?, ?) \
                           ON CONFLICT DO UPDATE SET up = excluded.up, since = excluded.since, \
                           why = excluded.why";
    Some(match kind {
        FactKind::PhoneRegistered { number, contact, from, expires_s, user_agent, record } => {
            let insert = "INSERT INTO registrations (number, contact, source, user_agent, since, \
                          expires, record) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                          source = excluded.source, user_agent = excluded.user_agent, \
                          expires = excluded.expires, record = excluded.record";
            query(insert)
                .bind(number)
                .bind(contact)
                .bind(from)
                .bind(user_agent)
                .bind(wall.0)
                .bind(wall.0.saturating_add(i64::from(*expires_s) * 1_000))
                .bind(record)
        }
        FactKind::PhoneUnregistered { number, contact, .. } => {
            let delete = "DELETE FROM registrations WHERE number = ? AND contact = ?";
            query(delete).bind(number).bind(contact)
        }
        FactKind::GatewayUp { gateway } => {
            query(GATEWAY).bind(gateway).bind(true).bind(wall.0).bind("")
        }
        FactKind::GatewayDown { gateway, why } => {
            query(GATEWAY).bind(gateway).bind(false).bind(wall.0).bind(why)
        }
        _ => return None,
    })
}
