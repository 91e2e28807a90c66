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
/// Tries of a batch.
const TRIES: u32 = 3;

/// How long what may take.
#[derive(Clone, Copy)]
struct Pace {
    /// Spans gather.
    gather: Duration,
    /// An answer.
    answer: Duration,
    /// The pause between two tries.
    pause: Duration,
}

const PACE: Pace = Pace {
    gather: Duration::from_secs(2),
    answer: Duration::from_secs(10),
    pause: Duration::from_secs(2),
};

/// Exports for as long as facts come. While the collector is away the facts wait in their channel, which is bounded:
/// who fills it leaves out what finds no room.
pub async fn run(peer: Peer, node: String, facts: Receiver<Fact>) {
    run_at(PACE, peer, node, facts).await;
}

async fn run_at(pace: Pace, peer: Peer, node: String, mut facts: Receiver<Fact>) {
    let (mut spans, mut connection, mut away) = (Spans::new(&node), None, false);
    while let Some(first) = facts.recv().await {
        let mut batch: Vec<Value> = spans.take(&first).into_iter().collect();
        let gathered = async {
            while batch.len() < BATCH {
                let Some(fact) = facts.recv().await else { return };
                batch.extend(spans.take(&fact));
            }
        };
        let _ = timeout(pace.gather, gathered).await;
        if batch.is_empty() {
            continue;
        }
        let body = spans.body(&batch).to_string();
        let mut why = String::new();
        for nth in 0..TRIES {
            let Ok(request) = peer.post().body(Body::from(body.clone())) else { return };
            why = match timeout(pace.answer, peer.send(request, &mut connection)).await {
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
                sleep(pace.pause).await;
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

    /// What is written down of a call, the nth.
    fn facts_of(nth: u32) -> [Fact; 2] {
        let call = CallId::new(Wall(i64::from(nth)), u64::from(nth));
        let caller = Party::Phone { number: "1001".into() };
        let (dialled, caller_name, context) = ("1002".into(), String::new(), "agents".into());
        let began = FactKind::CallBegan { call, caller, dialled, caller_name, context };
        let (by, cause) = (EndedBy::Caller, 16);
        let ended = FactKind::CallEnded { call, cause, by, total_ms: 1, talk_ms: 1 };
        [began, ended].map(|kind| Fact { seq: 1, wall: Wall(5), kind })
    }

    /// A collector that is away holds up nobody, and gets spans again once it is back.
    #[tokio::test]
    async fn a_collector_that_was_away_gets_spans_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        drop(listener);
        let path = "/v1/traces".into();
        let peer = Peer { tls: None, host: "127.0.0.1".into(), port: at.port(), path };
        let (sender, facts) = mpsc::channel(8);
        let ms = Duration::from_millis;
        let pace = Pace { gather: ms(5), answer: ms(500), pause: ms(20) };
        let exporter = tokio::spawn(run_at(pace, peer, "care-1".into(), facts));
        let mut full = 0;
        for nth in 0..2_000 {
            for fact in facts_of(nth) {
                match sender.try_send(fact) {
                    Err(mpsc::error::TrySendError::Full(_)) => full += 1,
                    sent => sent.expect("the exporter lives"),
                }
            }
            tokio::task::yield_now().await;
        }
        assert!(full > 0, "what nobody takes is left out, and kept nowhere");
        let listener = TcpListener::bind(at).await.unwrap();
        let collector = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = [0; 4_096];
                let count = stream.read(&mut bytes).await.unwrap_or(0);
                if count > 0 {
                    return String::from_utf8_lossy(&bytes[..count]).into_owned();
                }
            }
        });
        let heard = async {
            for nth in 2_000.. {
                if collector.is_finished() {
                    break;
                }
                for fact in facts_of(nth) {
                    let _ = sender.try_send(fact);
                }
                sleep(ms(10)).await;
            }
            collector.await.unwrap()
        };
        let heard = timeout(Duration::from_secs(60), heard).await.expect("it is back");
        assert!(heard.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{heard}");
        assert!(!exporter.is_finished());
    }

    #[tokio::test]
    async fn a_call_comes_to_the_collector() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let peer = Peer { tls: None, host: "127.0.0.1".into(), port, path: "/v1/traces".into() };
        let (sender, facts) = mpsc::channel(16);
        tokio::spawn(run(peer, "care-1".into(), facts));
        for fact in facts_of(1) {
            sender.send(fact).await.unwrap();
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
