//! How good a leg sounded: the score of its figures, and what the two sides tell each other of it.

use super::*;
use crate::wire::rtcp::{
    CONCEALS_AND_ADAPTS, Compound, NOT_SAID, Packet, ReportBlock, VoipMetrics, Writer,
};

/// Talks for so many packets of which every `lost`th does not come.
fn talk(world: &mut World, phone: &mut Phone, packets: u32, lost: Option<u32>) {
    let mut tone = Tone::new(450);
    for n in 1..=packets {
        match lost.is_some_and(|lost| n.is_multiple_of(lost)) {
            true => {
                phone.sequence = phone.sequence.wrapping_add(1);
                phone.timestamp = phone.timestamp.wrapping_add(160);
            }
            false => _ = phone.say(world, &tone.next()),
        }
        world.pass(20);
    }
}

fn metrics_sent(world: &World) -> Vec<VoipMetrics> {
    let reports = world.out.sent.iter().filter(|s| s.kind == Kind::Rtcp);
    let metrics = |sent: &Sent| {
        let compound = Compound::parse(&sent.bytes).expect("a report of ours");
        let all = compound.packets().filter_map(|packet| match packet {
            Packet::ExtendedReport(xr) => Some(xr.voip_metrics().collect::<Vec<_>>()),
            _ => None,
        });
        all.flatten().collect::<Vec<_>>()
    };
    reports.flat_map(metrics).collect()
}

#[test]
fn loss_costs_what_the_e_model_says() {
    let mut world = world();
    let mut clean = world.phone(1, Codec::Pcma);
    let mut lossy = world.phone(2, Codec::Pcma);
    let silent = world.phone(3, Codec::Pcma);
    talk(&mut world, &mut clean, 400, None);
    talk(&mut world, &mut lossy, 400, Some(20));
    assert_eq!(world.close(&clean).mos, Some(441));
    let mos = world.close(&lossy).mos.unwrap();
    assert!((385..=400).contains(&mos), "5 % at random is R = 77: {mos}");
    assert_eq!(world.close(&silent).mos, None);
}

#[test]
fn a_peer_that_asks_is_told_and_what_it_tells_is_kept() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    talk(&mut world, &mut a, 500, Some(10));
    assert!(metrics_sent(&world).is_empty(), "it did not ask");
    world.set(&a, |params| params.xr = true);
    talk(&mut world, &mut a, 500, Some(10));
    let told = metrics_sent(&world);
    let last = told.last().expect("a report in ten seconds");
    assert_eq!(last.ssrc, a.ssrc);
    assert!((23..=27).contains(&last.loss), "a tenth of 256: {last:?}");
    assert!(
        (60..=70).contains(&last.rating) && (30..=37).contains(&last.mos_tenths[0]),
        "{last:?}"
    );

    let ours = world.out.sent.iter().find(|s| s.kind == Kind::Rtcp).unwrap();
    let ours = u32::from_be_bytes(ours.bytes[4..8].try_into().unwrap());
    let mut bytes = [0; 200];
    let mut writer = Writer::new(&mut bytes);
    writer.receiver_report(a.ssrc, &[]).unwrap();
    writer
        .voip_metrics(a.ssrc, &VoipMetrics { ssrc: ours, mos_tenths: [38, 37], ..*last })
        .unwrap();
    let len = writer.finish();
    let from = SocketAddr::new(a.addr.ip(), a.addr.port() + 1);
    let out = &mut world.out;
    world.plane.receive(world.now, a.port, Kind::Rtcp, from, &mut bytes, len, out);
    assert_eq!(world.close(&a).peer_mos, Some(380));
}

/// RFC 3611 §4.7.5: only the opinion in conversation knows of delay; §4.7.6: what is played elsewhere is not
/// concealed here.
#[test]
fn metrics_say_what_is_so() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    world.set(&a, |params| params.xr = true);
    talk(&mut world, &mut a, 500, Some(50));
    let relayed = *metrics_sent(&world).last().expect("a report in ten seconds");
    assert_eq!((relayed.configuration, relayed.buffer_ms), (NOT_SAID, [0; 3]));
    assert_eq!((relayed.mos_tenths[0], relayed.end_system_ms), (relayed.mos_tenths[1], 0));

    let ours = world.out.sent.iter().find(|s| s.kind == Kind::Rtcp).unwrap();
    let ssrc = u32::from_be_bytes(ours.bytes[4..8].try_into().unwrap());
    let last_sr = ((world.now.as_nanos() - 800_000_000) * 65_536 / 1_000_000_000) as u32;
    let mut bytes = [0; 100];
    let mut writer = Writer::new(&mut bytes);
    writer.receiver_report(a.ssrc, &[ReportBlock { ssrc, last_sr, ..Default::default() }]).unwrap();
    let len = writer.finish();
    let from = SocketAddr::new(a.addr.ip(), a.addr.port() + 1);
    world.plane.receive(world.now, a.port, Kind::Rtcp, from, &mut bytes, len, &mut world.out);
    world.set(&a, |params| (params.xr, params.inband_dtmf) = (true, true));
    talk(&mut world, &mut a, 500, Some(50));
    let played = *metrics_sent(&world).last().unwrap();
    assert!((790..=810).contains(&played.round_trip_ms), "{played:?}");
    assert_eq!(played.configuration, CONCEALS_AND_ADAPTS);
    assert!(played.end_system_ms >= 20 && played.buffer_ms[2] > 0, "{played:?}");
    let [listening, conversation] = played.mos_tenths;
    assert_eq!(listening, relayed.mos_tenths[0], "delay is not listened to");
    assert!(conversation + 5 < listening, "{played:?}");
}

#[test]
fn opus_gives_way_to_the_losses_that_its_peer_reports() {
    let mut world = world();
    let (mut a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Opus));
    world.set(&b, |params| params.opus.fec = true);
    world.bridge(&a, &b);
    let slot = world.plane.legs.slot(b.leg).expect("open");
    let mut after = |fraction_lost: u8, reports: u32| -> (u32, u8) {
        for _ in 0..reports {
            let ssrc = world.plane.legs.get(slot).expect("open").tx.ssrc();
            let block = ReportBlock {
                ssrc,
                fraction_lost,
                total_lost: 0,
                highest_sequence: 0,
                jitter: 0,
                last_sr: 0,
                delay_since_last_sr: 0,
            };
            let mut bytes = [0; 100];
            let mut writer = Writer::new(&mut bytes);
            writer.receiver_report(b.ssrc, &[block]).unwrap();
            let len = writer.finish();
            let from = SocketAddr::new(b.addr.ip(), b.addr.port() + 1);
            let out = &mut world.out;
            world.plane.receive(world.now, b.port, Kind::Rtcp, from, &mut bytes, len, out);
            // A report of ours is due at least once meanwhile; the peer's counts once.
            talk(&mut world, &mut a, 400, None);
        }
        let leg = world.plane.legs.get_mut(slot).expect("open");
        let settings = leg.encoder.as_mut().and_then(|e| e.opus()).expect("Opus").settings();
        (settings.bit_rate, settings.loss_percent)
    };
    assert_eq!(after(0, 1), (24_000, 0));
    assert_eq!(after(13, 1), (24_000, 5));
    assert_eq!(after(64, 1), (21_000, 25));
    assert_eq!(after(64, 9), (16_000, 25));
    assert_eq!(after(0, 1), (17_000, 0));
    assert_eq!(after(0, 7), (24_000, 0));
}
