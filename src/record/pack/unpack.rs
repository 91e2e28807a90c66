//! A packed recording's packets as samples of its two channels.

use super::check::Fault;
use super::{PACKET, RATE, TICKS};
use crate::dsp::opus::Decoder;
use crate::wire::ogg_opus::Head;
use crate::wire::opus_packet::Frames;

/// Reads the packets of a file, one after the other.
pub struct Unpacker {
    head: Head,
    decoders: [Decoder; 2],
    /// Samples still to leave out at the beginning.
    skip: usize,
    pcm: [[i16; PACKET]; 2],
    packets: u64,
}

impl Unpacker {
    /// Of a file whose first packet is `head`.
    pub fn new(head: &[u8]) -> Result<Unpacker, Fault> {
        let head = Head::parse(head).ok_or(Fault::Head)?;
        Ok(Unpacker {
            head,
            decoders: [Decoder::new(RATE)?, Decoder::new(RATE)?],
            skip: (u64::from(head.pre_skip) / TICKS) as usize,
            pcm: [[0; PACKET]; 2],
            packets: 0,
        })
    }

    /// What the file's first packet says.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Reads the next packet of sound; gives its samples, left and right, without those at the beginning
    /// of the file that are none of the recording's. The last packet may have some more at its end.
    pub fn packet(&mut self, packet: &[u8]) -> Result<[&[i16]; 2], Fault> {
        let fault = Fault::Packet(self.packets);
        self.packets += 1;
        let (left, right) = Frames::parse_delimited(packet).map_err(|_| fault)?;
        let mut usual = Vec::with_capacity(packet.len());
        left.write(&mut usual);
        for ((decoder, pcm), bytes) in
            self.decoders.iter_mut().zip(&mut self.pcm).zip([&usual[..], right])
        {
            if decoder.decode(bytes, pcm) != Ok(PACKET) {
                return Err(fault);
            }
        }
        let from = self.skip.min(PACKET);
        self.skip -= from;
        Ok([&self.pcm[0][from..], &self.pcm[1][from..]])
    }
}
