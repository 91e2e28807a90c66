//! Spans to a collector: batches by POST (OTLP/HTTP, JSON). A collector that is away costs spans, never calls.

use std::time::Duration;

use axum::body::Body;
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};

use super::Spans;
use crate::api::client::Peer;
use crate::switch::fact::Fact;

/// Spans of one request at most.
const BATCH: usize = 256;
/// How long they gather, and how long an answer may take.
const GATHER: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);
/// Tries of a batch, and the pause between them.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// Exports for as long as facts come.
pub async fn run(peer: Peer, node: String, mut facts: Receiver<Fact>) {
    let (mut spans, mut connection, mut away) = (Spans::new(&node), None, false);
    while let Some(first) = facts.recv().await {
        let mut batch: Vec<Value> = spans.take(&first).into_iter().collect();
        let gathered = async {
            while batch.len() < BATCH {
                let Some(fact) = facts.recv().await else { return };
                batch.extend(spans.take(&fact));
            }
        };
        let _ = timeout(GATHER, gathered).await;
        if batch.is_empty() {
            continue;
        }
        let body = spans.body(&batch).to_string();
        let mut why = String::new();
        for nth in 0..TRIES {
            let Ok(request) = peer.post().body(Body::from(body.clone())) else { return };
            why = match timeout(ANSWER, peer.send(request, &mut connection)).await {
                Ok(Ok(status)) if (200..300).contains(&status) => {
                    why.clear();
                    break;
                }
                Ok(Ok(status)) => format!("it answers {status}"),
                Ok(Err(why)) => why,
                Err(_) => "it does not answer".to_owned(),
            };
            connection = None;
            if nth + 1 < TRIES {
                sleep(PAUSE).await;
            }
        }
        match (why.is_empty(), away) {
            (false, false) => tracing::warn!("telemetry: {why}; spans are left out meanwhile"),
            (true, true) => tracing::info!("telemetry: the collector takes spans again"),
            _ => {}
        }
        away = !why.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;
    use crate::base::{CallId, Wall};
    use crate::switch::fact::{EndedBy, FactKind, Party};

    #[tokio::test]
    async fn a_call_comes_to_the_collector() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let peer = Peer { tls: None, host: "127.0.0.1".into(), port, path: "/v1/traces".into() };
        let (sender, facts) = mpsc::channel(16);
        tokio::spawn(run(peer, "care-1".into(), facts));
        let call = CallId::new(Wall(1), 1);
        let caller = Party::Phone { number: "1001".into() };
        let (dialled, caller_name, context) = ("1002".into(), String::new(), "agents".into());
        let (by, cause) = (EndedBy::Caller, 16);
        for kind in [
            FactKind::CallBegan { call, caller, dialled, caller_name, context },
            FactKind::CallEnded { call, cause, by, total_ms: 1, talk_ms: 1 },
        ] {
            sender.send(Fact { seq: 1, wall: Wall(5), kind }).await.unwrap();
        }
        drop(sender);
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = String::new();
        while !heard.contains("\"traceId\"") {
            let mut bytes = [0; 4_096];
            let count = stream.read(&mut bytes).await.unwrap();
            assert!(count > 0, "{heard}");
            heard += &String::from_utf8_lossy(&bytes[..count]);
        }
        assert!(heard.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{heard}");
        assert!(heard.contains("\"name\":\"call\"") && heard.contains("care-1"), "{heard}");
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    }
}
