//! What one leg is made to hear: clips, tones and silence in a row, begun and ended without a click.
//!
//! ```text
//!   items    ┌─ clip ──────┐┌ silence ┐┌─ tone ──────┐┌─ clip ─ ─ ─
//!   sound   ╱───────────────╲           ╱─────────────╲╱──────────╲
//!            └ EDGE                                     stopped ──┘└ FADE, laid over what
//!                                                                    follows
//! ```
//!
//! An aside, an announcement over music, is a playback on top of another one, which waits and goes on where it
//! was.
//!
//! The player is asked for samples by the leg's clock ([`plane`](super::plane)), in pieces of any
//! length, and decides nothing: which digit stops it is the leg's affair.

use std::sync::Arc;

use super::control::{DigitSet, Item};
use crate::base::PlayId;
use crate::dsp::SAMPLES_PER_MS;
use crate::dsp::tone::Generator;

/// Samples (2 ms) over which a clip comes up and goes down at its ends.
const EDGE: usize = 16;
/// Samples (5 ms) over which a stopped playback fades out.
const FADE: usize = 40;

/// A prompt or a piece of music in memory, shared by all who play it.
#[derive(Clone, PartialEq, Debug)]
pub struct Clip {
    samples: Arc<[i16]>,
}

impl Clip {
    /// A clip of 8 kHz samples.
    pub fn new(samples: impl Into<Arc<[i16]>>) -> Clip {
        Clip { samples: samples.into() }
    }
    /// Its samples, 8 kHz.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }
}

/// One leg's player.
#[derive(Debug)]
pub struct Player {
    playback: Option<Box<Playback>>,
    /// What goes on when the playback, an aside, is over.
    under: Option<Box<Playback>>,
    /// Kept after their end, so that nothing is freed on the tick: the next command does that.
    spent: [Option<Box<Playback>>; 2],
    /// Samples over which what goes on still comes up.
    rise: usize,
    /// The rest of what was stopped.
    tail: [i16; FADE],
    has_tail: bool,
}

#[derive(Debug)]
struct Playback {
    play: PlayId,
    items: Vec<Item<Arc<Clip>>>,
    repeat: bool,
    stop_on: DigitSet,
    /// It is on top of another one, or was to be.
    aside: bool,
    /// Index of the item that sounds, and how far it is.
    item: usize,
    at: At,
    /// Whether this round made any sample: a round of nothing is not repeated.
    sounded: bool,
}

/// How far the current item is.
#[derive(Debug)]
enum At {
    /// Not begun.
    Start,
    /// Samples of a clip or of silence that were played.
    Sample(usize),
    /// A tone sounds.
    Tone(Generator),
}

impl Default for Player {
    fn default() -> Player {
        let (tail, has_tail) = ([0; FADE], false);
        Player { playback: None, under: None, spent: [None, None], rise: 0, tail, has_tail }
    }
}

impl Player {
    /// Plays `items` from now on; says which playback that stops.
    pub fn start(
        &mut self,
        play: PlayId,
        items: Vec<Item<Arc<Clip>>>,
        repeat: bool,
        stop_on: DigitSet,
    ) -> Option<PlayId> {
        let stopped = self.stop();
        self.spent = [None, None];
        self.playback = Some(Playback::new(play, items, repeat, stop_on));
        stopped
    }

    /// Plays `items` now; what is being played waits, and goes on where it was when they are over. A second
    /// aside takes the first one's place: says which that stops.
    pub fn aside(&mut self, play: PlayId, items: Vec<Item<Arc<Clip>>>) -> Option<PlayId> {
        let mut before = self.playback.take();
        if let Some(before) = &mut before {
            self.fade(before);
        }
        self.spent = [None, None];
        let mut aside = Playback::new(play, items, false, DigitSet::NONE);
        aside.aside = true;
        self.playback = Some(aside);
        match before {
            Some(before) if before.aside => Some(before.play),
            before => {
                self.under = before;
                None
            }
        }
    }

    /// Ends the playback, and what waits under it; what would have been played next fades out. Says which
    /// playback that was, the one on top.
    pub fn stop(&mut self) -> Option<PlayId> {
        let mut playback = self.playback.take()?;
        self.fade(&mut playback);
        let play = playback.play;
        self.keep(playback);
        if let Some(under) = self.under.take() {
            self.keep(under);
        }
        Some(play)
    }

    /// What is over is freed with the next command: at most an aside and what was under it.
    fn keep(&mut self, over: Box<Playback>) {
        let slot = usize::from(self.spent[0].is_some());
        self.spent[slot] = Some(over);
    }

    /// What it would have played next is laid over what follows, and fades out.
    fn fade(&mut self, playback: &mut Playback) {
        let mut next = [0; FADE];
        playback.fill(&mut next);
        for (n, (tail, next)) in self.tail.iter_mut().zip(next).enumerate() {
            let faded = i32::from(next) * (FADE - n) as i32 / FADE as i32;
            *tail = tail.saturating_add(faded as i16);
        }
        (self.has_tail, self.rise) = (true, 0);
    }

    /// What waits under an aside. It ends with the aside when that is stopped.
    pub fn under(&self) -> Option<PlayId> {
        self.under.as_ref().map(|p| p.play)
    }

    /// Whether something is being played.
    pub fn is_playing(&self) -> bool {
        self.playback.is_some()
    }

    /// Whether there is anything to be heard: a playback, or what fades of one.
    pub fn sounds(&self) -> bool {
        self.playback.is_some() || self.has_tail
    }

    /// Whether `digit` stops the playback.
    pub fn stops_on(&self, digit: char) -> bool {
        self.playback.as_ref().is_some_and(|p| p.stop_on.contains(digit))
    }

    /// Writes the next samples to the whole of `out`, silence when there is nothing more. Says which
    /// playback came to its end with them.
    pub fn fill(&mut self, out: &mut [i16]) -> Option<PlayId> {
        let mut filled = self.sound(out);
        let mut ended = None;
        if filled < out.len() {
            ended = self.playback.take();
            if let Some(under) = self.under.take() {
                (self.playback, self.rise) = (Some(under), EDGE);
                filled += self.sound(&mut out[filled..]);
            }
        }
        out[filled..].fill(0);
        if self.has_tail {
            let n = out.len().min(FADE);
            for (sample, tail) in out.iter_mut().zip(&self.tail) {
                *sample = sample.saturating_add(*tail);
            }
            self.tail.copy_within(n.., 0);
            self.tail[FADE - n..].fill(0);
            self.has_tail = self.tail.iter().any(|s| *s != 0);
        }
        let play = ended.as_ref().map(|p| p.play);
        if let Some(ended) = ended {
            self.keep(ended);
        }
        play
    }

    /// The next samples of the playback; fewer than asked for at its end. What goes on after an aside comes up.
    fn sound(&mut self, out: &mut [i16]) -> usize {
        let Some(playback) = &mut self.playback else { return 0 };
        let made = playback.fill(out);
        for sample in out[..made].iter_mut().take(self.rise) {
            let step = (EDGE + 1 - self.rise) as i32;
            *sample = (i32::from(*sample) * step / (EDGE + 1) as i32) as i16;
            self.rise -= 1;
        }
        made
    }
}

impl Playback {
    fn new(
        play: PlayId,
        items: Vec<Item<Arc<Clip>>>,
        repeat: bool,
        stop_on: DigitSet,
    ) -> Box<Playback> {
        let (aside, item, at, sounded) = (false, 0, At::Start, false);
        Box::new(Playback { play, items, repeat, stop_on, aside, item, at, sounded })
    }

    /// Writes samples until `out` is full or all was played; says how many.
    fn fill(&mut self, out: &mut [i16]) -> usize {
        let mut filled = 0;
        while filled < out.len() {
            let Some(item) = self.items.get(self.item) else {
                if !self.repeat || !self.sounded {
                    break;
                }
                (self.item, self.sounded) = (0, false);
                continue;
            };
            let made = sound(item, &mut self.at, &mut out[filled..]);
            self.sounded |= made > 0;
            filled += made;
            if filled < out.len() {
                self.item += 1;
                self.at = At::Start;
            }
        }
        filled
    }
}

/// The next samples of one item; fewer than asked for at its end.
fn sound(item: &Item<Arc<Clip>>, at: &mut At, out: &mut [i16]) -> usize {
    if let At::Start = at {
        *at = match item {
            Item::Tone(plan) => At::Tone(Generator::new(plan)),
            _ => At::Sample(0),
        };
    }
    match (item, at) {
        (_, At::Tone(generator)) => generator.fill(out),
        (Item::Clip(clip), At::Sample(at)) => {
            let made = edged(clip.samples(), *at, out);
            *at += made;
            made
        }
        (Item::Silence(ms), At::Sample(at)) => {
            let left = (*ms as usize * SAMPLES_PER_MS as usize).saturating_sub(*at);
            let made = left.min(out.len());
            out[..made].fill(0);
            *at += made;
            made
        }
        (_, At::Start | At::Sample(_)) => 0,
    }
}

/// Copies `clip` from `from` on, its first and last samples brought down to nothing.
fn edged(clip: &[i16], from: usize, out: &mut [i16]) -> usize {
    let made = (clip.len() - from).min(out.len());
    let out = &mut out[..made];
    out.copy_from_slice(&clip[from..from + made]);
    let scale = |sample: &mut i16, step: usize| {
        *sample = (i32::from(*sample) * step as i32 / (EDGE + 1) as i32) as i16;
    };
    for (sample, n) in out.iter_mut().zip(from..EDGE) {
        scale(sample, n + 1);
    }
    let fall = clip.len().saturating_sub(EDGE).max(from);
    for (sample, n) in out.iter_mut().skip(fall - from).zip(fall..) {
        scale(sample, clip.len() - n);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::tone_dbm0;
    use crate::dsp::tone::Plan;
    use proptest::prelude::*;

    fn clip(length: usize, value: i16) -> Item<Arc<Clip>> {
        Item::Clip(Arc::new(Clip::new(vec![value; length])))
    }

    /// Plays all in pieces of `piece`; the samples, and after how many the end was told.
    fn play(player: &mut Player, piece: usize, most: usize) -> (Vec<i16>, Option<usize>) {
        let mut all = Vec::new();
        while all.len() < most {
            let mut out = vec![77; piece];
            let end = player.fill(&mut out);
            all.extend(out);
            if end.is_some() {
                let length = all.len();
                return (all, Some(length));
            }
        }
        (all, None)
    }

    fn start(items: Vec<Item<Arc<Clip>>>, repeat: bool) -> Player {
        let mut player = Player::default();
        assert_eq!(player.start(PlayId(1), items, repeat, DigitSet::of("#")), None);
        player
    }

    #[test]
    fn items_follow_each_other_and_the_end_is_told_once() {
        let mut player = start(vec![clip(200, 1_000), Item::Silence(10), clip(100, 2_000)], false);
        assert!(player.is_playing() && player.stops_on('#') && !player.stops_on('1'));
        let (samples, end) = play(&mut player, 160, 1_000);
        assert_eq!(end, Some(480));
        assert_eq!((samples[100], samples[240], samples[330], samples[381]), (1_000, 0, 2_000, 0));
        assert_eq!(player.fill(&mut [0; 160]), None);
        assert!(!player.sounds());
    }

    #[test]
    fn an_exact_end_is_told_with_the_next_packet() {
        let mut player = start(vec![clip(160, 5)], false);
        assert_eq!(player.fill(&mut [0; 160]), None);
        assert_eq!(player.fill(&mut [0; 160]), Some(PlayId(1)));
    }

    #[test]
    fn repetition_goes_on_until_stopped_and_nothing_is_not_repeated() {
        let mut player = start(vec![clip(50, 500)], true);
        assert_eq!(play(&mut player, 160, 8_000).1, None);
        assert_eq!(player.stop(), Some(PlayId(1)));
        assert_eq!(player.stop(), None);
        let mut player = start(vec![clip(0, 0), Item::Silence(0)], true);
        assert_eq!(play(&mut player, 160, 8_000).1, Some(160));
    }

    #[test]
    fn a_tone_is_heard() {
        let plan = Plan::parse("450/1000,0/4000", -10).unwrap();
        let mut player = start(vec![Item::Tone(plan)], false);
        let (samples, _) = play(&mut player, 160, 8_000);
        let level = tone_dbm0(&samples[800..4_800], 450.0);
        assert!((-10.5..=-9.5).contains(&level), "{level}");
    }

    #[test]
    fn a_playback_that_replaces_another_takes_over_its_fading_rest() {
        let mut player = start(vec![clip(800, 8_000)], false);
        player.fill(&mut [0; 160]);
        let next = vec![Item::Silence(1_000)];
        assert_eq!(player.start(PlayId(2), next, false, DigitSet::NONE), Some(PlayId(1)));
        let mut out = [0; 160];
        player.fill(&mut out);
        assert_eq!((out[0], out[40]), (8_000, 0));
        assert!(out.windows(2).all(|w| w[0] >= w[1]));
    }

    /// Music whose samples say where in it they are.
    fn ramp(length: i16) -> Item<Arc<Clip>> {
        Item::Clip(Arc::new(Clip::new((0..length).map(|n| n * 4).collect::<Vec<i16>>())))
    }

    #[test]
    fn after_an_aside_the_music_goes_on_where_it_was() {
        let mut player = start(vec![ramp(8_000)], true);
        player.fill(&mut [0; 1_600]);
        assert_eq!(player.aside(PlayId(2), vec![clip(480, 9_000)]), None);
        let mut out = [0; 160];
        assert_eq!(player.fill(&mut out), None);
        assert_eq!(out[100], 9_000, "the aside alone");
        assert_eq!(player.aside(PlayId(3), vec![clip(200, 5_000)]), Some(PlayId(2)));
        let (heard, end) = play(&mut player, 160, 320);
        assert_eq!((heard[100], end), (5_000, Some(320)), "its end is told, the music's is not");
        // The 40 samples that faded out have been heard.
        let at = |n: usize| (1_600 + FADE + n - 200) as i16 * 4;
        assert_eq!(heard[300], at(300));
        assert!(heard[200..200 + EDGE].iter().zip(200..).all(|(s, n)| *s < at(n)), "it comes up");
        assert_eq!((player.under(), player.stop()), (None, Some(PlayId(1))));
        assert_eq!(player.fill(&mut [0; 160]), None);
        assert!(!player.sounds());
    }

    #[test]
    fn what_waits_under_an_aside_ends_with_it_when_both_are_stopped() {
        let mut player = start(vec![ramp(8_000)], true);
        player.aside(PlayId(2), vec![clip(800, 5_000)]);
        player.fill(&mut [0; 160]);
        assert_eq!(player.under(), Some(PlayId(1)));
        assert_eq!((player.stop(), player.under()), (Some(PlayId(2)), None));
        let (heard, _) = play(&mut player, 160, 160);
        assert_eq!((heard[60], player.sounds()), (0, false));
        // Without anything under it an aside is a playback like others.
        assert_eq!(player.aside(PlayId(3), vec![clip(100, 5)]), None);
        assert_eq!(player.fill(&mut [0; 160]), Some(PlayId(3)));
        assert!(!player.is_playing());
    }

    #[test]
    fn an_aside_over_nothing_gives_way_to_the_next_one() {
        let mut player = Player::default();
        assert_eq!(player.aside(PlayId(1), vec![clip(8_000, 9_000)]), None);
        player.fill(&mut [0; 160]);
        assert_eq!(player.aside(PlayId(2), Vec::new()), Some(PlayId(1)));
        assert_eq!((player.under(), player.fill(&mut [0; 160])), (None, Some(PlayId(2))));
        assert!(!player.sounds(), "the first is over, too");
    }

    #[test]
    fn what_ends_after_an_aside_frees_nothing_by_itself() {
        let mut player = start(vec![clip(320, 5)], false);
        player.fill(&mut [0; 160]);
        player.aside(PlayId(2), vec![clip(100, 5)]);
        let ends: Vec<_> = (0..4).filter_map(|_| player.fill(&mut [0; 160])).collect();
        assert_eq!(ends, [PlayId(2), PlayId(1)]);
        let kept = player.spent.iter().flatten().map(|over| over.play);
        assert_eq!(kept.collect::<Vec<_>>(), [PlayId(2), PlayId(1)]);
        player.start(PlayId(3), vec![clip(100, 5)], false, DigitSet::NONE);
        assert!(player.spent.iter().all(Option::is_none));
    }

    /// The greatest step from one sample to the next.
    fn steepest(samples: &[i16]) -> i32 {
        let steps = samples.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs());
        steps.max().unwrap_or(0)
    }

    proptest! {
        /// Clips of any lengths, played in any pieces and stopped anywhere: no click, and the pieces
        /// make no difference.
        #[test]
        fn nothing_clicks(
            lengths in prop::collection::vec(0usize..600, 1..6),
            piece in 1usize..480,
            stop_after in 0usize..12,
            repeat in any::<bool>(),
        ) {
            let items: Vec<_> = lengths.iter().map(|l| clip(*l, 10_000)).collect();
            let heard = |piece: usize| {
                let mut player = start(items.clone(), repeat);
                let mut all = vec![0];
                while all.len() <= stop_after * piece {
                    let mut out = vec![77; piece];
                    player.fill(&mut out);
                    all.extend(out);
                }
                player.stop();
                let mut out = vec![77; 480];
                player.fill(&mut out);
                all.extend(out);
                all
            };
            let samples = heard(piece);
            // An edge may fall together with the fading of a stop.
            prop_assert!(steepest(&samples) <= 10_000 / 16 + 10_000 / 40, "{}", steepest(&samples));
            prop_assert_eq!(&samples[samples.len() - 440..], &[0; 440][..]);
            let sum = lengths.iter().sum::<usize>();
            let at_once = {
                let mut player = start(items.clone(), false);
                let mut out = vec![77; sum];
                player.fill(&mut out);
                out
            };
            let mut player = start(items, false);
            let (pieces, _) = play(&mut player, piece, sum);
            let n = sum.min(pieces.len());
            prop_assert_eq!(&pieces[..n], &at_once[..n]);
        }
    }
}
