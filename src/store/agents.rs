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
    if let AgentFact::WrapUp { call, queue, code, name } = what {
        let insert = "INSERT INTO wrap_ups (call, agent, queue, code, name, wall) \
                      VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        let insert = query(insert).bind(call.to_string()).bind(agent).bind(queue);
        return vec![insert.bind(code).bind(name).bind(fact.wall.0)];
    }
    let AgentFact::State { phone, state, reason, code, .. } = what else { return Vec::new() };
    let Some(phone) = phone.as_ref().filter(|_| state != "null") else {
        return vec![query("DELETE FROM agent_states WHERE agent = ?").bind(agent)];
    };
    let insert = "INSERT INTO agent_states (agent, phone, state, reason, code, since) \
                  VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET phone = excluded.phone, \
                  state = excluded.state, reason = excluded.reason, code = excluded.code, \
                  since = excluded.since";
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
    /// Who is signed in, and where.
    pub async fn signed_in(&self) -> Result<Vec<SignedIn>, Trouble> {
        let select = "SELECT agent, phone, state, reason, code FROM agent_states ORDER BY agent";
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
