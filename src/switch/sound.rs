//! What a leg is played: prompts, tones of the country, music; and that it has ended.

use crate::base::{CallId, LegId, Now, PlayId};
use crate::config::Country;
use crate::dialplan::effect::{Beat, Happening, Item, Tone};
use crate::dsp::tone::{self, Segment};
use crate::media::control::{self, Command, DigitSet, PlayEnd};

use super::active::{Doing, Over};
use super::{Output, Switch};

/// Level of each frequency of a tone given beat by beat.
const TONE_DBM0: i8 = -13;

impl Switch {
    /// Plays to a leg; an unanswered one hears it as early media. `None`: there is nothing to play
    /// and no leg to play it to.
    pub(super) fn play(
        &mut self,
        now: Now,
        leg_id: LegId,
        items: Vec<Item>,
        repeat: bool,
        stop_on: DigitSet,
    ) -> Option<PlayId> {
        let country = self.config.node.country;
        let items = items.into_iter().map(|item| sound(item, country)).collect();
        self.play_items(now, leg_id, items, repeat, stop_on)
    }

    pub(super) fn play_items(
        &mut self,
        now: Now,
        leg_id: LegId,
        items: Vec<control::Item<String>>,
        repeat: bool,
        stop_on: DigitSet,
    ) -> Option<PlayId> {
        self.early_media(now, leg_id);
        let play = self.new_play_id();
        let leg = self.legs.get_mut(&leg_id)?;
        leg.play = Some(play);
        leg.stop_on = stop_on;
        // A key that came by INFO may come as an event too, which must not stop what follows it.
        let stop_on = if leg.keys_by_info { DigitSet::NONE } else { stop_on };
        self.out.push_back(Output::Media(Command::Play {
            leg: leg_id,
            play,
            items,
            repeat,
            stop_on,
        }));
        Some(play)
    }

    /// A clip over and over, until something else is played.
    pub(super) fn hear_clip(&mut self, now: Now, leg: LegId, clip: String) {
        self.play_items(now, leg, vec![control::Item::Clip(clip)], true, DigitSet::NONE);
    }

    /// Plays over what is being played, which goes on where it was.
    pub(super) fn play_aside(
        &mut self,
        now: Now,
        leg_id: LegId,
        items: Vec<Item>,
    ) -> Option<PlayId> {
        let country = self.config.node.country;
        let items = items.into_iter().map(|item| sound(item, country)).collect();
        self.early_media(now, leg_id);
        let play = self.new_play_id();
        self.legs.get_mut(&leg_id)?.play.get_or_insert(play);
        self.out.push_back(Output::Media(Command::Aside { leg: leg_id, play, items }));
        Some(play)
    }

    /// Words for which no step waits: over what is heard now, and over what the next steps let the caller hear.
    pub(super) fn play_over(&mut self, now: Now, id: CallId, leg: LegId, items: Vec<Item>) {
        let Some(play) = self.play_aside(now, leg, items.clone()) else { return };
        if let Some(active) = self.calls.get_mut(&id) {
            active.over = Some(Over { items, play });
        }
    }

    /// Something else has begun to sound under such words: they are said over it, from their beginning.
    pub(super) fn says_on(&mut self, now: Now, id: CallId, leg: LegId) {
        let Some(over) = self.calls.get_mut(&id).and_then(|active| active.over.take()) else {
            return;
        };
        if self.legs.get(&leg).and_then(|leg| leg.play) == Some(over.play) {
            // Nothing has: they are heard as they were.
            if let Some(active) = self.calls.get_mut(&id) {
                active.over = Some(over);
            }
            return;
        }
        self.play_over(now, id, leg, over.items);
    }

    /// A tone until something else is played.
    pub(super) fn hear_tone(&mut self, now: Now, leg: LegId, kind: tone::Kind) {
        let plan = country_tone(self.config.node.country, kind);
        self.play_items(now, leg, vec![control::Item::Tone(plan)], true, DigitSet::NONE);
    }

    pub(super) fn stop_play(&mut self, leg_id: LegId) {
        if let Some(leg) = self.legs.get_mut(&leg_id)
            && leg.play.take().is_some()
        {
            self.out.push_back(Output::Media(Command::StopPlay { leg: leg_id }));
        }
    }

    /// A prompt of a list is not there: told once, until the next reload.
    pub(super) fn clip_missing(&mut self, name: String) {
        if self.missing_clips.len() < MOST_MISSING && !self.missing_clips.contains(&name) {
            let line = format!(
                "prompt '{name}' is missing or not audio: what is played with it is heard without it"
            );
            self.log(super::Level::Error, line);
            self.missing_clips.insert(name);
        }
    }

    /// A playback has ended.
    pub(super) fn played(&mut self, now: Now, leg_id: LegId, play: PlayId, end: PlayEnd) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.play == Some(play) {
            leg.play = None;
        }
        let id = leg.call;
        if let PlayEnd::Missing(name) = &end {
            self.log(
                super::Level::Error,
                format!("call {id}: prompt '{name}' is missing or not audio"),
            );
        }
        if self.farewell_said(now, leg_id) {
            return;
        }
        let Some(active) = self.calls.get_mut(&id) else { return };
        if active.over.take_if(|over| over.play == play).is_some() {
            return;
        }
        match &mut active.doing {
            Doing::Playing(own) if *own == play => {
                let happening = match end {
                    PlayEnd::Finished | PlayEnd::Stopped => Happening::Done,
                    PlayEnd::Digit(digit) => Happening::Key(digit),
                    PlayEnd::Missing(name) => Happening::Missing(name),
                };
                self.run(now, id, happening);
            }
            Doing::SigningIn(signing) if signing.prompt == Some(play) => {
                signing.prompt = None;
                signing.collect.prompt_over(now.at);
                self.rearm(id);
            }
            Doing::Receiving(_) => self.reception_sounded(now, id, Some(play)),
            Doing::BackNoted(own) if *own == play => self.back_noted(now, id),
            Doing::BackSaid { play: Some(own), .. } if *own == play => self.back_said(now, id),
            Doing::Asking(asking) if asking.saying == Some(play) => {
                self.asking_said(now, id, leg_id)
            }
            _ if active.queued.is_some() => self.queue_played(now, id, leg_id, play, &end),
            // Music that is missing must not leave who waits in silence.
            Doing::Asking(_) | Doing::Dialling(_) | Doing::BackNoting { .. } if matches!(&end, PlayEnd::Missing(name) if name.starts_with(MUSIC)) =>
            {
                self.hear_tone(now, leg_id, tone::Kind::Ringback);
            }
            Doing::Collecting { collect, prompt, .. } if *prompt == Some(play) => {
                *prompt = None;
                collect.prompt_over(now.at);
                self.rearm(id);
            }
            _ => {}
        }
    }
}

/// Prompts that are not there and of which it was told.
const MOST_MISSING: usize = 1_000;
/// Where the clips of music are.
const MUSIC: &str = "music/";

/// The clip of a class of music.
pub(super) fn music(class: &str) -> String {
    format!("{MUSIC}{class}")
}

/// A plan's item as the media plane plays it: a prompt's clip is `<language>/<name>`.
fn sound(item: Item, country: Country) -> control::Item<String> {
    match item {
        Item::Prompt { name, language } => control::Item::Clip(format!("{language}/{name}")),
        Item::Silence { ms } => control::Item::Silence(ms),
        Item::Tone { tone, ms } => control::Item::Tone(lasting(tone_plan(&tone, country), ms)),
    }
}

/// A tone's frequencies and cadence in this country.
pub(super) fn tone_plan(tone: &Tone, country: Country) -> tone::Plan {
    let kind = match tone {
        Tone::Ringback => tone::Kind::Ringback,
        Tone::Dial => tone::Kind::Dial,
        Tone::Busy => tone::Kind::Busy,
        Tone::Congestion => tone::Kind::Congestion,
        Tone::Unobtainable => tone::Kind::Unobtainable,
        Tone::Beats(beats) => {
            return beaten(beats);
        }
    };
    country_tone(country, kind)
}

/// What parties hear who are recorded, in this country.
pub(super) fn recording_tone(country: Country) -> tone::Plan {
    country_tone(country, tone::Kind::Record)
}

/// A tone of a country; the configuration knows no country without a plan.
fn country_tone(country: Country, kind: tone::Kind) -> tone::Plan {
    tone::plan(country.as_str(), kind)
        .unwrap_or_else(|| tone::Plan::once(Segment::silence(1_000), 0))
}

/// A tone given beat by beat; what no tone can be made of is silent.
fn beaten(beats: &[Beat]) -> tone::Plan {
    let beat = |b: &Beat| {
        let hz: Vec<String> = b.hz.iter().map(u16::to_string).collect();
        let pause = if b.off_ms == 0 { String::new() } else { format!(",0/{}", b.off_ms) };
        format!("{}/{}{pause}", hz.join("+"), b.on_ms)
    };
    let text: Vec<String> = beats.iter().map(beat).collect();
    tone::Plan::parse(&text.join(","), TONE_DBM0)
        .unwrap_or_else(|_| tone::Plan::once(Segment::silence(1_000), 0))
}

/// A tone for about so long: whole rounds of its cadence, a steady tone exactly.
fn lasting(plan: tone::Plan, ms: Option<u32>) -> tone::Plan {
    let Some(ms) = ms else { return plan };
    let looped = &plan.segments()[plan.looped_from()..];
    match looped {
        [] => plan,
        [steady] if steady.ms == 0 => tone::Plan::once(Segment { ms, ..*steady }, 0),
        looped => {
            let round: u32 = looped.iter().map(|s| s.ms).sum();
            let rounds = u16::try_from(ms.div_ceil(round.max(1))).unwrap_or(u16::MAX);
            plan.repeated(tone::Repeat::Times(rounds))
        }
    }
}
