//! What a leg is made to say of its own: digits, a playback, the tones of a key that the other party
//! holds down. Asked once for each packet time by the leg's clock.
//!
//! ```text
//!   digits to send ──┐ 1st, while any wait
//!   partner's key ───┤ 2nd, while it is down (only for peers without telephone-event)
//!   playback ────────┤ 3rd; waits while one of those sounds
//!   (nothing) ───────┘ the partner is heard
//! ```
//!
//! Not here: the partner's audio ([`bridge`](super::bridge)), headers ([`rtp_tx`](super::rtp_tx)).

use super::bridge::Busy;
use super::dtmf_tx::{DtmfTx, Press, Step};
use super::player::Player;
use crate::base::PlayId;
use crate::dsp::SAMPLES_PER_MS;
use crate::dsp::dtmf::{self, Levels};
use crate::dsp::tone::Generator;
use crate::wire::telephone_event::{code_of, digit_of};

/// Shortest tone made of a partner's key press, samples (60 ms).
const SHORTEST_TONE: u32 = 60 * SAMPLES_PER_MS;
/// Longest, when nobody says that the key is up: 20 s.
const LONGEST_TONE: u32 = 20_000 * SAMPLES_PER_MS;

/// What is to be sent in one packet time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// Nothing of its own: whatever the partner says.
    Nothing,
    /// The samples that were filled in.
    Samples,
    /// Nothing, and nothing of the partner either: between two digits.
    Pause,
    /// A telephone-event, or its pause.
    Event(Step),
}

/// What ended in that packet time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Over {
    /// A playback came to its end.
    pub play: Option<PlayId>,
    /// The last digit was sent.
    pub digits: bool,
}

/// One leg's mouth.
#[derive(Debug, Default)]
pub struct Mouth {
    /// Clips and tones for the party.
    pub player: Player,
    digits: DtmfTx,
    /// Whether the end of the digits is still to be told.
    sending: bool,
    tone: Option<Tone>,
    key: Option<Tone>,
}

/// A digit as a tone.
#[derive(Debug)]
struct Tone {
    generator: Generator,
    /// Samples until it has to stop.
    left: u32,
    /// Samples made.
    made: u32,
}

impl Tone {
    fn new(code: u8, on: u32, off: u32) -> Option<Tone> {
        let ms = |samples: u32| samples / SAMPLES_PER_MS;
        let plan = dtmf::plan(digit_of(code)?, ms(on), ms(off), Levels::default())?;
        Some(Tone { generator: Generator::new(&plan), left: on.saturating_add(off), made: 0 })
    }

    /// Fills `out`, silence behind its end; whether it is over.
    fn fill(&mut self, out: &mut [i16]) -> bool {
        let made = self.generator.fill(out);
        out[made..].fill(0);
        self.made += out.len() as u32;
        self.left = self.left.saturating_sub(out.len() as u32);
        if self.left == 0 {
            self.generator.stop();
        }
        made < out.len() || self.generator.is_done()
    }
}

impl Mouth {
    /// A mouth that says nothing. Room for digits is made when first needed.
    pub fn new() -> Mouth {
        Mouth::default()
    }

    /// Lets `digits` be sent after those that wait.
    pub fn send_digits(&mut self, digits: &str, on_ms: u16, off_ms: u16) {
        self.digits.push(digits, on_ms, off_ms);
        self.sending = true;
    }

    /// The partner pressed a key, which the peer is to hear as a tone.
    pub fn key_down(&mut self, digit: char) {
        let code = code_of(digit);
        self.key = code.and_then(|code| Tone::new(code, LONGEST_TONE, 0));
    }

    /// The partner's key, held for `samples`, is up.
    pub fn key_up(&mut self, samples: u32) {
        if let Some(key) = &mut self.key {
            key.left = samples.max(SHORTEST_TONE).saturating_sub(key.made).max(1);
        }
    }

    /// What it is busy with.
    pub fn busy(&self) -> Busy {
        match (self.sending || self.player.sounds(), self.key.is_some()) {
            (true, _) => Busy::Yes,
            (false, true) => Busy::Key,
            (false, false) => Busy::No,
        }
    }

    /// Whether there is anything to say.
    pub fn is_busy(&self) -> bool {
        self.busy() != Busy::No
    }

    /// What to say in the next packet time, which is `pcm` long. `events`: the peer takes
    /// telephone-events, of a clock of so many ticks a sample.
    pub fn say(&mut self, pcm: &mut [i16], events: Option<u32>) -> (Said, Over) {
        let mut over = Over::default();
        if self.sending {
            match self.say_digits(pcm, events) {
                Some(said) => return (said, over),
                None => (self.sending, over.digits) = (false, true),
            }
        }
        if let Some(key) = &mut self.key {
            if key.fill(pcm) {
                self.key = None;
            }
            return (Said::Samples, over);
        }
        if !self.player.sounds() {
            return (Said::Nothing, over);
        }
        over.play = self.player.fill(pcm);
        (Said::Samples, over)
    }

    /// `None` when the last digit and its pause are over.
    fn say_digits(&mut self, pcm: &mut [i16], events: Option<u32>) -> Option<Said> {
        if let (Some(ticks), None) = (events, &self.tone) {
            return match self.digits.step(pcm.len() as u32, ticks) {
                Step::Idle => None,
                Step::Pause => Some(Said::Pause),
                step => Some(Said::Event(step)),
            };
        }
        if self.tone.is_none() {
            let Press { code, on, off } = self.digits.take()?;
            self.tone = Tone::new(code, on, off);
        }
        let over = self.tone.as_mut().is_none_or(|tone| tone.fill(pcm));
        if over {
            self.tone = None;
        }
        Some(Said::Samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::tone_dbm0;
    use crate::media::control::{DigitSet, Item};

    fn say(mouth: &mut Mouth, events: bool) -> (Said, Over, [i16; 160]) {
        let mut pcm = [0; 160];
        let (said, over) = mouth.say(&mut pcm, events.then_some(1));
        (said, over, pcm)
    }

    #[test]
    fn digits_go_before_a_playback_which_waits() {
        let mut mouth = Mouth::new();
        mouth.player.start(PlayId(1), vec![Item::Silence(20)], false, DigitSet::NONE);
        mouth.send_digits("5", 40, 40);
        let said: Vec<_> = (0..7).map(|_| say(&mut mouth, true)).map(|(s, o, _)| (s, o)).collect();
        assert!(matches!(said[0].0, Said::Event(Step::Event { code: 5, end: false, .. })));
        let digits_over = said.iter().position(|(_, over)| over.digits);
        let play_over = said.iter().position(|(_, over)| over.play == Some(PlayId(1)));
        assert_eq!((digits_over, play_over), (Some(4), Some(5)));
        assert_eq!(said[6], (Said::Nothing, Over::default()));
        assert!(!mouth.is_busy());
    }

    #[test]
    fn a_peer_without_telephone_event_gets_tones() {
        let mut mouth = Mouth::new();
        mouth.send_digits("5", 100, 100);
        let mut all = Vec::new();
        while mouth.is_busy() {
            let (said, _, pcm) = say(&mut mouth, false);
            if said == Said::Samples {
                all.extend(pcm);
            }
        }
        assert!(tone_dbm0(&all[80..720], 770.0) > -10.0 && tone_dbm0(&all[80..720], 1336.0) > -8.0);
        assert!(tone_dbm0(&all[960..], 770.0) < -50.0);
        assert!((1_600..=1_760).contains(&all.len()), "{}", all.len());
    }

    #[test]
    fn a_partners_key_sounds_as_long_as_it_is_held_and_long_enough() {
        let sounding = |held: u32| {
            let mut mouth = Mouth::new();
            mouth.key_down('1');
            let mut packets = 0;
            while mouth.is_busy() {
                packets += 1;
                let (said, _, _) = say(&mut mouth, false);
                assert_eq!(said, Said::Samples);
                if packets * 160 >= held {
                    mouth.key_up(held);
                }
            }
            packets * 20
        };
        assert!((80..=100).contains(&sounding(1)), "{}", sounding(1));
        assert!((1_000..=1_040).contains(&sounding(8_000)), "{}", sounding(8_000));
    }
}
