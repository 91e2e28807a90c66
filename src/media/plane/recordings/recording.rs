//! One running recording: places what is heard on its two channels, lays it, or lets it wait for a decoder.

use core::ops::Range;

use crate::base::{RecordingId, Time};
use crate::dsp::rate::Rate;
use crate::dsp::resample::stream::Resampler;
use crate::dsp::tone::Plan;
use crate::media::Transmit;
use crate::media::control::{Codec, RecordFormat};
use crate::media::tap::batch::{Batch, Waiting};
use crate::media::tap::{
    Channel, Layout, Pieces, Placement, Placer, Recorded, Scratch, TwoChannels, Unpacker,
    is_recoded, recoded,
};

/// One running recording. In memory as it stands here: what every payload that was not known before it came
/// meets comes first, and of that what those meet that were known.
#[derive(Debug)]
#[repr(C)]
pub(in crate::media::plane) struct Recording {
    pub(super) layout: Layout,
    /// Whether something waits of that side: what comes after it has to wait too.
    pub(super) waits: [bool; 2],
    pub(super) id: RecordingId,
    placers: [Placer; 2],
    /// From here on it is not every payload's.
    pub(in crate::media::plane) paused: bool,
    /// Nothing comes any more.
    pub(super) over: bool,
    unpacker: Unpacker,
    /// Slots of the legs on the left and on the right.
    legs: [Option<u32>; 2],
    /// What tells its parties of it.
    beep: Option<Plan>,
    /// Brings what the party on the left hears of a room to the file's rate.
    narrow: Option<Box<Resampler>>,
}

impl Recording {
    /// One that begins at `now`.
    pub(in crate::media::plane) fn new(
        now: Time,
        id: RecordingId,
        format: RecordFormat,
        beep: Option<Plan>,
    ) -> Recording {
        Recording {
            layout: Layout::new(format),
            waits: [false; 2],
            id,
            paused: false,
            over: false,
            unpacker: Unpacker::new(id, format),
            placers: [Placer::new(now), Placer::new(now)],
            legs: [None; 2],
            beep,
            narrow: None,
        }
    }

    /// Lays a payload where it belongs, unless that is nowhere or it is not to be kept. One that calls for
    /// a decoder is only placed: its place is given, and [`Recording::decode`] comes later.
    #[inline]
    pub(super) fn take(
        &mut self,
        waiting: &Waiting<'_>,
        scratch: &mut Scratch,
        out: &mut dyn Transmit,
    ) -> Option<Placement> {
        if waiting.placed.is_some() {
            return waiting.placed;
        }
        let Waiting { arrival, channel, anew, heard, codec, payload, .. } = *waiting;
        let placer = &mut self.placers[channel.side()];
        if let Some(came) = self.layout.end_run(channel) {
            placer.went_on(came);
        }
        if anew {
            placer.reset();
        }
        let placement = placer.place(arrival, heard)?;
        let Some(codes) = recoded(self.layout.format(), codec, payload, scratch) else {
            return Some(placement);
        };
        if !codes.is_empty() {
            let Placement { position, adjust, .. } = placement;
            self.layout.lay(channel, position, adjust, codes, &mut Out { recording: self.id, out });
            if let Some(run) = placer.run(arrival, heard, codec) {
                self.layout.begin_run(channel, placer.end(), run);
            }
        }
        None
    }

    /// Lays a payload that was known before it came; says whether it was.
    #[inline]
    pub(super) fn follow(&mut self, waiting: &Waiting<'_>) -> bool {
        let Waiting { arrival, channel, anew, heard, codec, payload, .. } = *waiting;
        !anew && self.layout.follow(channel, arrival, heard, codec, payload)
    }

    /// Whether a payload has to wait: it calls for a decoder, one before it waits, or pieces that were held back
    /// for late packets may leave with it, and those of many calls that begin or go on together are more than the
    /// way to the disk holds at once.
    pub(super) fn has_to_wait(&self, waiting: &Waiting<'_>) -> bool {
        let side = waiting.channel.side();
        self.waits[side]
            || !is_recoded(self.layout.format(), waiting.codec)
            || self.placers[side].begins(waiting.arrival)
    }

    /// Decodes what calls for that: packets of `batch` at `places`, in the order of speech. Those before
    /// which one may still come at `now` wait on; without a time none does.
    #[cold]
    pub(super) fn decode(
        &mut self,
        now: Option<Time>,
        batch: &mut Batch,
        places: Range<usize>,
        scratch: &mut Scratch,
        out: &mut dyn Transmit,
    ) {
        batch.sort_by_speech(places.clone());
        for place in places {
            let Some((_, waiting)) = batch.get(place) else { return };
            let Some(placed) = waiting.placed else { return };
            let (channel, patient) = (waiting.channel, now.filter(|_| !self.over));
            let behind = &mut self.waits[channel.side()];
            *behind |= patient.is_some_and(|now| self.unpacker.waits(now, &waiting, placed));
            if *behind {
                batch.keep(place);
                continue;
            }
            let Recording { unpacker, layout, .. } = self;
            let mut out = Out { recording: self.id, out: &mut *out };
            let missed = unpacker.decode(&waiting, placed, scratch, |block| {
                layout.lay(channel, block.position, block.adjust, block.samples, &mut out);
            });
            layout.miss(missed);
        }
    }

    /// What every payload meets of it.
    pub(super) fn place(&self) -> Range<*const u8> {
        let start = core::ptr::from_ref(self).cast::<u8>();
        start..start.wrapping_add(core::mem::offset_of!(Recording, paused))
    }

    /// What a payload on `channel` meets of it behind that side's line, where it was not known before it came.
    pub(super) fn places(&self, channel: Channel) -> [Range<*const u8>; 2] {
        let head = self.layout.place(Channel::Right).end;
        let placer = core::ptr::from_ref(&self.placers[channel.side()]);
        [
            head..core::ptr::from_ref(&self.placers).cast(),
            placer.cast()..placer.wrapping_add(1).cast(),
        ]
    }

    /// The slot of the leg that speaks on `channel`.
    pub(in crate::media::plane) fn leg(&self, channel: Channel) -> Option<u32> {
        self.legs[channel.side()]
    }

    /// Another leg speaks on `channel`.
    pub(in crate::media::plane) fn change(&mut self, channel: Channel, leg: Option<u32>) {
        self.legs[channel.side()] = leg;
    }

    /// Payloads of `codec` will come on `channel`.
    pub(in crate::media::plane) fn expect(&mut self, channel: Channel, codec: Codec) {
        self.unpacker.expect(channel, codec);
    }

    /// What its parties hear of it, but for its pauses.
    pub(in crate::media::plane) fn beep(&self) -> Option<Plan> {
        self.beep
    }

    /// What the party on the left hears of a room will come in samples of `rate`. Allocates, if that is news.
    pub(in crate::media::plane) fn expect_room(&mut self, rate: Rate) {
        let rates = (rate, Rate::Khz8);
        match &self.narrow {
            _ if rate == Rate::Khz8 => self.narrow = None,
            Some(narrow) if narrow.rates() == rates => {}
            _ => self.narrow = Some(Box::new(Resampler::new(rate, Rate::Khz8))),
        }
    }

    /// Lays what the party on the left heard of its room at `at` on the right, where nobody else is.
    pub(super) fn hear_room(
        &mut self,
        at: Time,
        pcm: &[i16],
        scratch: &mut Scratch,
        out: &mut dyn Transmit,
    ) {
        if self.paused || self.over || self.legs[Channel::Right.side()].is_some() {
            return;
        }
        let heard = scratch.heard(self.layout.format(), self.narrow.as_deref_mut(), pcm);
        let position = self.placers[Channel::Right.side()].clock(at);
        let mut out = Out { recording: self.id, out };
        if !heard.is_empty() {
            self.layout.lay(Channel::Right, position, 0, heard, &mut out);
        }
    }

    /// Samples a channel so far.
    pub(super) fn length(&self, now: Time) -> u64 {
        self.placers[0].clock(now)
    }
}

/// Where a recording's pieces go.
pub(super) struct Out<'a> {
    pub(super) recording: RecordingId,
    pub(super) out: &'a mut dyn Transmit,
}

impl Pieces for Out<'_> {
    fn piece(&mut self, position: u64, samples: TwoChannels<'_>) {
        self.out.record(Recorded::Piece { recording: self.recording, position, samples });
    }
}
