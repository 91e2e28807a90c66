//! What holds for `wire::srtp` and a leg's SRTP whatever comes: nothing that the peer did not seal is
//! taken, what it sealed is taken once, and nothing is sealed twice. Shared by `tests/fuzz_seeds.rs` and
//! the fuzz target `srtp`.

use belfry::base::Time;
use belfry::media::srtp::{Keys, Srtp};
use belfry::wire::srtp::{KeySource, MOST_TAIL, Suite};

/// The first byte chooses the suite; then packets, each after its length, of which those with an even one
/// are sealed by the peer and those with an odd one come as they are.
pub fn check(bytes: &[u8]) {
    let Some((&how, mut rest)) = bytes.split_first() else { return };
    let suite = Suite::ALL[usize::from(how) % Suite::ALL.len()];
    let mut source = KeySource::from_seed([how; 32]);
    let (one, other) = (source.next(suite), source.next(suite));
    let mut peer = Srtp::new(Keys { send: one.clone(), receive: other.clone() });
    let mut leg = Srtp::new(Keys { send: other, receive: one });
    while let Some((&len, after)) = rest.split_first() {
        let (packet, next) = after.split_at(usize::from(len).min(after.len()));
        rest = next;
        let now = Time::from_millis(1);
        let mut buf = packet.to_vec();
        if len % 2 == 1 {
            assert!(leg.receive(now, &mut buf.clone()).is_err());
            assert!(leg.receive_rtcp(now, &mut buf).is_err());
            continue;
        }
        buf.resize(packet.len() + MOST_TAIL, 0);
        let mut report = buf.clone();
        if let Some(len) = peer.send(&mut buf, packet.len()) {
            let again = peer.send(&mut [packet, &[0; MOST_TAIL]].concat(), packet.len());
            assert_eq!(again, None, "one packet for each number");
            let mut came = buf[..len].to_vec();
            if let Ok(opened) = leg.receive(now, &mut came) {
                assert_eq!(&came[..opened], packet);
            }
            assert!(leg.receive(now, &mut buf[..len]).is_err(), "a replay");
        }
        if let Some(len) = peer.send_rtcp(&mut report, packet.len()) {
            let mut came = report[..len].to_vec();
            assert_eq!(leg.receive_rtcp(now, &mut came), Ok(packet.len()));
            assert_eq!(&came[..packet.len()], packet);
            assert!(leg.receive_rtcp(now, &mut report[..len]).is_err(), "a replay");
        }
    }
}
