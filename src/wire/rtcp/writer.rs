//! Reports into a buffer: packets one after the other, each whole or not at all.

use super::report::{BLOCK_LEN, ReportBlock, SenderInfo};
use super::xr::{VOIP_LEN, VoipMetrics};
use super::{CNAME, HEADER_LEN, packet_type};

/// The packet does not fit into the buffer, or has more than its 31 blocks or 255 bytes of text.
/// Nothing of it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Writes a compound packet.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    /// Begins at the front of `out`.
    pub fn new(out: &'a mut [u8]) -> Writer<'a> {
        Writer { out, len: 0 }
    }

    /// Bytes written.
    pub fn finish(self) -> usize {
        self.len
    }

    /// A sender report; first in a compound of who sent since the last one.
    pub fn sender_report(
        &mut self,
        ssrc: u32,
        info: &SenderInfo,
        blocks: &[ReportBlock],
    ) -> Result<(), Full> {
        let body = self.begin(packet_type::SR, blocks.len(), 24 + BLOCK_LEN * blocks.len())?;
        let (own, rest) = body.split_at_mut(24);
        own[..4].copy_from_slice(&ssrc.to_be_bytes());
        own[4..12].copy_from_slice(&info.ntp.0.to_be_bytes());
        own[12..16].copy_from_slice(&info.rtp_timestamp.to_be_bytes());
        own[16..20].copy_from_slice(&info.packets.to_be_bytes());
        own[20..24].copy_from_slice(&info.bytes.to_be_bytes());
        write_blocks(rest, blocks);
        Ok(())
    }

    /// A receiver report; first in a compound of who sent nothing.
    pub fn receiver_report(&mut self, ssrc: u32, blocks: &[ReportBlock]) -> Result<(), Full> {
        let body = self.begin(packet_type::RR, blocks.len(), 4 + BLOCK_LEN * blocks.len())?;
        let (own, rest) = body.split_at_mut(4);
        own.copy_from_slice(&ssrc.to_be_bytes());
        write_blocks(rest, blocks);
        Ok(())
    }

    /// A source description with the canonical name.
    pub fn cname(&mut self, ssrc: u32, cname: &[u8]) -> Result<(), Full> {
        let len = u8::try_from(cname.len()).map_err(|_| Full)?;
        // Type, length, text, and at least one zero.
        let items = (2 + cname.len() + 1).next_multiple_of(4);
        let body = self.begin(packet_type::SDES, 1, 4 + items)?;
        body[..4].copy_from_slice(&ssrc.to_be_bytes());
        body[4] = CNAME;
        body[5] = len;
        body[6..6 + cname.len()].copy_from_slice(cname);
        Ok(())
    }

    /// A goodbye of one source; last in a compound.
    pub fn bye(&mut self, ssrc: u32, reason: &[u8]) -> Result<(), Full> {
        let len = u8::try_from(reason.len()).map_err(|_| Full)?;
        let text = if reason.is_empty() { 0 } else { (1 + reason.len()).next_multiple_of(4) };
        let body = self.begin(packet_type::BYE, 1, 4 + text)?;
        body[..4].copy_from_slice(&ssrc.to_be_bytes());
        if !reason.is_empty() {
            body[4] = len;
            body[5..5 + reason.len()].copy_from_slice(reason);
        }
        Ok(())
    }

    /// An application-defined packet; `data` is a number of whole words.
    pub fn app(&mut self, subtype: u8, ssrc: u32, name: [u8; 4], data: &[u8]) -> Result<(), Full> {
        if !data.len().is_multiple_of(4) {
            return Err(Full);
        }
        let body = self.begin(packet_type::APP, usize::from(subtype), 8 + data.len())?;
        body[..4].copy_from_slice(&ssrc.to_be_bytes());
        body[4..8].copy_from_slice(&name);
        body[8..].copy_from_slice(data);
        Ok(())
    }

    /// An extended report of what is heard of one stream (RFC 3611 §4.7).
    pub fn voip_metrics(&mut self, ssrc: u32, metrics: &VoipMetrics) -> Result<(), Full> {
        let body = self.begin(packet_type::XR, 0, 4 + VOIP_LEN)?;
        body[..4].copy_from_slice(&ssrc.to_be_bytes());
        body[4..].copy_from_slice(&metrics.to_bytes());
        Ok(())
    }

    /// Writes a header and gives the body, all zeros.
    fn begin(&mut self, packet_type: u8, count: usize, body: usize) -> Result<&mut [u8], Full> {
        debug_assert_eq!(body % 4, 0, "a packet is a number of whole words");
        if count > 31 {
            return Err(Full);
        }
        let words = u16::try_from(body / 4).map_err(|_| Full)?;
        let packet = self.out.get_mut(self.len..self.len + HEADER_LEN + body).ok_or(Full)?;
        let (header, rest) = packet.split_at_mut(HEADER_LEN);
        header[0] = 2 << 6 | count as u8;
        header[1] = packet_type;
        header[2..].copy_from_slice(&words.to_be_bytes());
        rest.fill(0);
        self.len += HEADER_LEN + body;
        Ok(rest)
    }
}

fn write_blocks(out: &mut [u8], blocks: &[ReportBlock]) {
    for (place, block) in out.chunks_exact_mut(BLOCK_LEN).zip(blocks) {
        place.copy_from_slice(&block.to_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Compound, NtpTime, Packet};
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let info = SenderInfo {
            ntp: NtpTime(0x0102_0304_0506_0708),
            rtp_timestamp: 9,
            packets: 10,
            bytes: 11,
        };
        let block = ReportBlock {
            ssrc: 5,
            fraction_lost: 12,
            total_lost: -3,
            highest_sequence: 0x1_0005,
            jitter: 7,
            last_sr: 8,
            delay_since_last_sr: 9,
        };
        let mut buffer = [0xaa; 300];
        let mut w = Writer::new(&mut buffer);
        w.sender_report(1, &info, &[block, block]).unwrap();
        w.receiver_report(2, &[block]).unwrap();
        w.cname(1, b"1001@belfry").unwrap();
        w.app(3, 4, *b"Belf", &[1, 2, 3, 4]).unwrap();
        w.bye(1, b"done").unwrap();
        let len = w.finish();
        let compound = Compound::parse(&buffer[..len]).unwrap();
        let packets: Vec<_> = compound.packets().collect();
        let [
            Packet::SenderReport(sr),
            Packet::ReceiverReport(rr),
            Packet::SourceDescription(sdes),
            Packet::App(app),
            Packet::Bye(bye),
        ] = packets[..]
        else {
            panic!("{packets:?}")
        };
        assert_eq!((sr.ssrc(), sr.info()), (1, info));
        assert!(sr.blocks().eq([block, block]));
        assert!(rr.ssrc() == 2 && rr.blocks().eq([block]));
        let chunk = sdes.chunks().next().unwrap();
        assert_eq!((chunk.ssrc, chunk.cname()), (1, Some(&b"1001@belfry"[..])));
        assert_eq!((app.subtype(), app.data()), (3, &[1, 2, 3, 4][..]));
        assert_eq!((bye.sources().next(), bye.reason()), (Some(1), &b"done"[..]));
    }

    #[test]
    fn whole_or_not_at_all() {
        let mut buffer = [0; 20];
        let mut w = Writer::new(&mut buffer);
        w.receiver_report(1, &[]).unwrap();
        assert_eq!(w.cname(1, b"abcdef"), Err(Full));
        assert_eq!(w.cname(1, &[b'x'; 300]), Err(Full));
        assert_eq!(w.receiver_report(1, &[ReportBlock::default(); 32]), Err(Full));
        assert_eq!(w.app(32, 1, *b"abcd", &[]), Err(Full));
        assert_eq!(w.app(1, 1, *b"abcd", &[1]), Err(Full));
        w.cname(1, b"a").unwrap();
        assert_eq!(w.bye(1, b""), Err(Full));
        assert_eq!(w.finish(), 20);
        assert_eq!(Compound::parse(&buffer).unwrap().packets().count(), 2);
    }

    #[test]
    fn names_of_every_length_end_with_a_zero() {
        for len in 0..=255 {
            let name = vec![b'n'; len];
            let mut buffer = [0xff; 300];
            let mut w = Writer::new(&mut buffer);
            w.receiver_report(1, &[]).unwrap();
            w.cname(7, &name).unwrap();
            let end = w.finish();
            let compound = Compound::parse(&buffer[..end]).unwrap();
            let Some(Packet::SourceDescription(sdes)) = compound.packets().nth(1) else {
                panic!("an SDES")
            };
            assert_eq!(sdes.chunks().next().unwrap().cname(), Some(&name[..]));
        }
    }
}
