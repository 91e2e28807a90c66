//! Where agents are signed in: a row for each who is. What they say calls were about.

use crate::switch::fact::{AgentFact, Fact};
use crate::switch::signing::SignedIn;

use super::database::Trouble;
use super::query::Records;
use super::statement::{Statement, query};

/// An agent's state; one who is signed out has none.
pub(super) fn statements<'q>(
    fact: &'q Fact,
    agent: &'q str,
    what: &'q AgentFact,
) -> Vec<Statement<'q>> {
    if let AgentFact::WrapUp { call, queue, code, name, text } = what {
        let insert = "INSERT INTO wrap_ups (call, agent, queue, code, name, wall, text) \
                      VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        let insert = query(insert).bind(call.to_string()).bind(agent).bind(queue);
        return vec![insert.bind(code).bind(name).bind(fact.wall.0).bind(text)];
    }
    if let AgentFact::Pending { state, reason, code, .. } = what {
        let update = "UPDATE agent_states SET pending = ?, pending_reason = ?, pending_code = ? \
                      WHERE agent = ?";
        let update = query(update).bind(state).bind(reason).bind(i64::from(*code));
        return vec![update.bind(agent)];
    }
    let AgentFact::State { phone, state, reason, code, .. } = what else { return Vec::new() };
    let Some(phone) = phone.as_ref().filter(|_| state != "null") else {
        return vec![query("DELETE FROM agent_states WHERE agent = ?").bind(agent)];
    };
    let insert = "INSERT INTO agent_states (agent, phone, state, reason, code, since) \
                  VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET phone = excluded.phone, \
                  state = excluded.state, reason = excluded.reason, code = excluded.code, \
                  since = excluded.since, \
                  pending = CASE excluded.state WHEN 'after_call' THEN pending ELSE '' END";
    vec![
        query(insert)
            .bind(agent)
            .bind(phone)
            .bind(state)
            .bind(reason)
            .bind(i64::from(*code))
            .bind(fact.wall.0),
    ]
}

impl Records {
    /// Who is signed in, and where: in the state in which each would be had its call not ended with the exchange.
    pub async fn signed_in(&self) -> Result<Vec<SignedIn>, Trouble> {
        // A wish for work after a call, or to be ready, is what comes of a restart anyway.
        let select = "SELECT agent, phone, \
                      CASE WHEN w THEN pending ELSE state END, \
                      CASE WHEN w THEN pending_reason ELSE reason END, \
                      CASE WHEN w THEN pending_code ELSE code END \
                      FROM (SELECT *, pending IN ('null', 'not_ready') AS w FROM agent_states) \
                      ORDER BY agent";
        let rows = sqlx::query_as::<_, (String, String, String, String, i64)>(select);
        let rows = rows.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let row = |(agent, phone, state, reason, code)| SignedIn {
            agent,
            phone,
            state,
            reason,
            code: u16::try_from(code).unwrap_or(0),
        };
        Ok(rows.into_iter().map(row).collect())
    }
}
