//! What of a call's facts stands in its trace beside the messages: how a leg ended and what it heard, and
//! where its sound was lost.
//!
//! Not here: the facts themselves (`switch::fact`), when they are written (the driver).

use crate::switch::fact::FactKind;

/// What of a fact stands beside the messages of its call: how a leg ended, and what it heard.
pub fn note(kind: &FactKind) -> Option<String> {
    match kind {
        FactKind::LegEnded { leg, cause, status, talk_ms, sound, .. } => {
            let mut text = format!("{leg} ended: cause {cause}");
            if *status > 0 {
                text.push_str(&format!(", status {status}"));
            }
            text.push_str(&format!(", {}.{} s answered", talk_ms / 1_000, talk_ms / 100 % 10));
            if let Some(sound) = sound {
                let mos = |mos: Option<u16>| {
                    mos.map_or("–".into(), |mos| format!("{}.{:02}", mos / 100, mos % 100))
                };
                text.push_str(&format!(
                    "; RTP received {}, sent {}, lost {}, late {}, foreign {}, jitter at most {} ms, MOS {} here, {} there",
                    sound.packets_received,
                    sound.packets_sent,
                    sound.packets_lost,
                    sound.packets_late,
                    sound.packets_foreign,
                    sound.jitter_max_us / 1_000,
                    mos(sound.mos),
                    mos(sound.peer_mos),
                ));
            }
            Some(text)
        }
        FactKind::NoRtp { leg, .. } => Some(format!("{leg} sends no RTP")),
        FactKind::RtpLost { leg, .. } => Some(format!("{leg} has sent no RTP for too long")),
        FactKind::Bridged { a, b, .. } => Some(format!("{a} and {b} hear each other")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, LegId};

    #[test]
    fn who_hears_whom_stands_beside_the_messages_and_the_rest_does_not() {
        let call = CallId::new(crate::base::Wall(1), 1);
        let bridged = FactKind::Bridged { call, a: LegId(1), b: LegId(2) };
        let text = note(&bridged).expect("a line");
        assert!(text.contains("hear each other"), "{text}");
        let reloaded = FactKind::Reloaded { by: "console".into() };
        assert_eq!(note(&reloaded), None);
    }
}
