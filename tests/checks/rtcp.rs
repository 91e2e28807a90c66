//! What holds for `wire::rtcp::Compound` whatever the bytes: a checked datagram can be walked to
//! its last item, and what a report says can be written and read again. Shared by the property
//! tests and the fuzz target `rtcp`.

use belfry::wire::rtcp::{Compound, Packet, ReportBlock, Writer};

/// Parses one datagram and walks all of it.
pub fn check(bytes: &[u8]) {
    let Ok(compound) = Compound::parse_reduced(bytes) else {
        assert!(Compound::parse(bytes).is_err());
        return;
    };
    let mut out = [0u8; 4096];
    let mut packets = 0;
    for packet in compound.packets() {
        packets += 1;
        let mut writer = Writer::new(&mut out);
        match packet {
            Packet::SenderReport(sr) => {
                let blocks: Vec<ReportBlock> = sr.blocks().collect();
                writer.sender_report(sr.ssrc(), &sr.info(), &blocks).expect("31 blocks fit");
                let len = writer.finish();
                let Some(Packet::SenderReport(again)) = first(&out[..len]) else { panic!("an SR") };
                assert_eq!((again.ssrc(), again.info()), (sr.ssrc(), sr.info()));
                assert!(again.blocks().eq(blocks));
            }
            Packet::ReceiverReport(rr) => {
                let blocks: Vec<ReportBlock> = rr.blocks().collect();
                writer.receiver_report(rr.ssrc(), &blocks).expect("31 blocks fit");
                let len = writer.finish();
                let Some(Packet::ReceiverReport(again)) = first(&out[..len]) else {
                    panic!("an RR")
                };
                assert!(again.blocks().eq(blocks));
            }
            Packet::SourceDescription(sdes) => {
                for chunk in sdes.chunks() {
                    let items = chunk.items().map(|item| item.text.len()).sum::<usize>();
                    assert!(items <= bytes.len());
                    let _ = chunk.cname();
                }
            }
            Packet::Bye(bye) => {
                assert!(bye.sources().count() <= 31 && bye.reason().len() <= 255);
            }
            Packet::App(app) => {
                let _ = (app.subtype(), app.ssrc(), app.name(), app.data().len());
            }
            Packet::ExtendedReport(xr) => {
                let ssrc = xr.ssrc();
                assert!(xr.voip_metrics().count() * 36 <= bytes.len());
                for metrics in xr.voip_metrics() {
                    let mut out = [0; 64];
                    let mut writer = Writer::new(&mut out);
                    writer.receiver_report(ssrc, &[]).expect("room");
                    writer.voip_metrics(ssrc, &metrics).expect("room");
                    let len = writer.finish();
                    let again = Compound::parse(&out[..len]).expect("what was written reads back");
                    let Some(Packet::ExtendedReport(again)) = again.packets().nth(1) else {
                        panic!("an XR")
                    };
                    assert!(again.voip_metrics().eq([metrics]));
                }
            }
            Packet::Other(other) => {
                let _ = (other.packet_type(), other.count(), other.body().len());
            }
        }
    }
    assert!(packets > 0 && packets * 4 <= bytes.len());
}

fn first(bytes: &[u8]) -> Option<Packet<'_>> {
    Compound::parse(bytes).ok()?.packets().next()
}
