//! The API's wiring: its tokens from the configuration, its questions to the switch.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::metrics;
use super::orders::Operator;
use crate::access::rights::{Rights, Role};
use crate::api::{Answer, Exchange, Figures, Server, Settings, Tokens};
use crate::config::{Config, TokenRole};
use crate::net::tls::Tls;
use crate::switch::Request;

impl Exchange for Operator {
    fn ask(&self, request: Request) -> Answer {
        self.ask_later(request)
    }

    fn metrics(self: Arc<Self>) -> Figures {
        // It asks the switch several things, one after the other.
        let made = tokio::task::spawn_blocking(move || metrics::text(&self));
        Box::pin(async { made.await.ok() })
    }
}

/// Puts the configured tokens in force.
pub(super) fn put_tokens(tokens: &Tokens, config: &Config) {
    let role = |role: &TokenRole| match role {
        TokenRole::Read => Role::Read,
        TokenRole::Agent => Role::Agent,
        TokenRole::Supervisor => Role::Supervisor,
        TokenRole::Admin => Role::Admin,
    };
    tokens.put(config.tokens.iter().filter_map(|token| {
        let rights = Rights {
            name: token.name.to_string(),
            roles: token.roles.iter().map(role).collect(),
            agent: token.agent.as_ref().map(ToString::to_string),
        };
        Some((token.token.as_ref()?.expose(), rights))
    }));
}

/// Opens the API where the configuration has one.
pub(super) fn start(
    config: &Config,
    runtime: &Runtime,
    operator: Arc<Operator>,
    tls: Tls,
) -> Result<Option<Server>, String> {
    let Some(listen) = config.http.listen else { return Ok(None) };
    let web: crate::api::Tls = Arc::new(move || tls.web());
    let settings = Settings {
        listen,
        connections: config.http.connections as usize,
        tls: config.http.tls.then_some(web),
    };
    let _runtime = runtime.enter();
    let tokens = operator.tokens();
    let server = Server::start(settings, operator, tokens);
    server.map(Some).map_err(|e| format!("API: {listen}: {e}; correct [http] listen"))
}
