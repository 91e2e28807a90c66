//! Who of a room is heard: the loudest few, with some patience.
//!
//! On the path: once a tick, after each member's frame was judged by
//! [`vad`](crate::dsp::vad). Where there are seats for all voices nobody is chosen and everybody is
//! heard, pauses and all. Where there are not:
//!
//! ```text
//!   sounds, a seat is free ───────────────────────────▶ seated, from this frame on
//!   sounds, none free, CHALLENGE_DB louder than the
//!     quietest seated for CHALLENGE_TICKS ────────────▶ takes its seat
//!   seated ── silent for HOLD_TICKS ──────────────────▶ the seat is free
//! ```
//!
//! So word ends are not cut, two who talk at once do not take the seat from each other in turn, and
//! an interruption comes through. A room on several workers shares the seats: each part tells the
//! others how loud those are that it seats (`far`), and who is over the number goes.

use crate::dsp::vad::{Activity, Heard};

/// Seats of a room.
pub const SEATS: usize = 4;
/// Ticks of 20 ms (600 ms) after which a silent speaker's seat is free. The detector has added
/// 200 ms of its own.
const HOLD_TICKS: u16 = 30;
/// How much louder than a seated one another has to be to take its place.
const CHALLENGE_DB: f32 = 6.0;
/// For how many ticks.
const CHALLENGE_TICKS: u8 = 3;
/// Ticks of sound (100 ms) after which a member is said to speak ...
const SPEAKS_TICKS: u16 = 5;
/// ... and of silence (1 s) after which it is said to have stopped.
const STOPS_TICKS: u16 = 50;
/// How much of the way to a louder and to a quieter frame the level goes.
const RISE: f32 = 0.5;
const FALL: f32 = 0.1;
/// Before anything was heard.
const NOTHING_DBM0: f32 = -100.0;

/// One member's claim to a seat.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Claim {
    /// Whether it may be heard at all.
    voice: bool,
    seated: bool,
    /// Its level while it sounds, dBm0.
    dbm0: f32,
    /// Ticks for which it has sounded, and has been silent.
    sounded: u16,
    silent: u16,
    /// Ticks for which it was louder than the quietest of the seated.
    louder: u8,
    /// Whether it was told to speak.
    speaks: bool,
}

impl Default for Claim {
    fn default() -> Claim {
        Claim {
            voice: true,
            seated: false,
            dbm0: NOTHING_DBM0,
            sounded: 0,
            silent: STOPS_TICKS,
            louder: 0,
            speaks: false,
        }
    }
}

impl AsRef<Claim> for Claim {
    fn as_ref(&self) -> &Claim {
        self
    }
}
impl AsMut<Claim> for Claim {
    fn as_mut(&mut self) -> &mut Claim {
        self
    }
}

impl Claim {
    /// Notes one frame. Gives whether the member speaks, when that has changed. Tones count: music
    /// and beeps are heard too.
    pub fn note(&mut self, heard: Heard) -> Option<bool> {
        if heard.activity == Activity::Silence {
            return self.pause();
        }
        let pace = if heard.dbm0 > self.dbm0 { RISE } else { FALL };
        self.dbm0 += (heard.dbm0 - self.dbm0) * pace;
        (self.sounded, self.silent) = (self.sounded.saturating_add(1), 0);
        let begins = self.sounded >= SPEAKS_TICKS && !self.speaks;
        self.speaks |= begins;
        begins.then_some(true)
    }

    /// Notes one frame of silence.
    pub fn pause(&mut self) -> Option<bool> {
        (self.sounded, self.silent) = (0, self.silent.saturating_add(1));
        if self.silent < STOPS_TICKS {
            return None;
        }
        self.dbm0 = NOTHING_DBM0;
        core::mem::take(&mut self.speaks).then_some(false)
    }

    /// Whether it may be heard from now on. One that may not has no seat.
    pub fn set_voice(&mut self, voice: bool) {
        if self.voice != voice {
            *self = Claim { voice, speaks: self.speaks, ..Claim::default() };
        }
    }

    /// Whether it is heard.
    pub fn is_seated(&self) -> bool {
        self.seated
    }
    /// Whether it was told to speak.
    pub fn speaks(&self) -> bool {
        self.speaks
    }
    /// Its level, dBm0.
    pub fn dbm0(&self) -> f32 {
        self.dbm0
    }
    /// Whether it may have a seat.
    pub fn has_voice(&self) -> bool {
        self.voice
    }
}

/// Gives every voice a seat.
pub fn seat_all<M: AsMut<Claim>>(members: &mut [M]) {
    for claim in members.iter_mut().map(AsMut::as_mut).filter(|c| c.voice) {
        (claim.seated, claim.louder) = (true, 0);
    }
}

/// Chooses who is heard. `far`: levels of those whom the room's other parts seat.
pub fn choose<M: AsRef<Claim> + AsMut<Claim>>(most: usize, far: &[f32], members: &mut [M]) {
    let mut seated = 0;
    for claim in members.iter_mut().map(AsMut::as_mut).filter(|c| c.seated) {
        claim.seated = claim.silent < HOLD_TICKS;
        seated += usize::from(claim.seated);
    }
    // Two parts may have given away the last seat in one tick: the quieter goes.
    if seated + far.len() > most
        && let Some((last, dbm0)) = quietest(members)
        && far.iter().filter(|level| **level >= dbm0).count() + seated > most
    {
        members[last].as_mut().seated = false;
        seated -= 1;
    }
    while seated + far.len() < most {
        let Some((next, _)) = loudest(members) else { break };
        members[next].as_mut().seated = true;
        seated += 1;
    }
    challenge(far, members);
}

/// Lets the loudest without a seat take one that is held by a much quieter one.
fn challenge<M: AsRef<Claim> + AsMut<Claim>>(far: &[f32], members: &mut [M]) {
    let (here, away) = (quietest(members), far.iter().copied().fold(f32::INFINITY, f32::min));
    let least = here.map_or(f32::INFINITY, |(_, dbm0)| dbm0).min(away);
    let challenger = loudest(members).filter(|(_, dbm0)| *dbm0 >= least + CHALLENGE_DB);
    for (n, member) in members.iter_mut().enumerate() {
        let claim = member.as_mut();
        claim.louder = match challenger {
            Some((loudest, _)) if loudest == n => claim.louder + 1,
            _ => 0,
        };
    }
    let Some((next, _)) = challenger else { return };
    let claim = members[next].as_mut();
    if claim.louder < CHALLENGE_TICKS {
        return;
    }
    (claim.seated, claim.louder) = (true, 0);
    // Where the quietest sits in another part, that part sees to it in its next tick.
    if let Some((last, _)) = here.filter(|(_, dbm0)| *dbm0 <= away) {
        members[last].as_mut().seated = false;
    }
}

/// The quietest of the seated: its place and level.
fn quietest<M: AsRef<Claim>>(members: &[M]) -> Option<(usize, f32)> {
    let claims = members.iter().map(AsRef::as_ref).enumerate().filter(|(_, c)| c.seated);
    claims.map(|(n, c)| (n, c.dbm0)).min_by(|a, b| a.1.total_cmp(&b.1))
}

/// The loudest that sounds and has no seat.
fn loudest<M: AsRef<Claim>>(members: &[M]) -> Option<(usize, f32)> {
    let claims = members.iter().map(AsRef::as_ref).enumerate();
    let claims = claims.filter(|(_, c)| c.voice && !c.seated && c.silent == 0);
    claims.map(|(n, c)| (n, c.dbm0)).max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: f32 = -70.0;

    fn tick(claims: &mut [Claim], levels: &[f32], far: &[f32]) -> Vec<usize> {
        for (claim, dbm0) in claims.iter_mut().zip(levels) {
            let activity = if *dbm0 <= SILENCE { Activity::Silence } else { Activity::Voice };
            claim.note(Heard { activity, dbm0: *dbm0, floor_dbm0: -60.0 });
        }
        choose(2, far, claims);
        (0..claims.len()).filter(|n| claims[*n].seated).collect()
    }

    fn run(claims: &mut [Claim], levels: &[f32], ticks: usize) -> Vec<usize> {
        let mut seated = Vec::new();
        for _ in 0..ticks {
            seated = tick(claims, levels, &[]);
        }
        seated
    }

    #[test]
    fn whoever_sounds_is_heard_at_once_while_there_are_seats() {
        let mut claims = [Claim::default(); 5];
        assert_eq!(tick(&mut claims, &[SILENCE, -20.0, SILENCE, -40.0, SILENCE], &[]), [1, 3]);
        assert_eq!(tick(&mut claims, &[-30.0; 5], &[]).len(), 2);
    }

    #[test]
    fn a_pause_keeps_the_seat_and_a_longer_one_gives_it_up() {
        let mut claims = [Claim::default(); 3];
        run(&mut claims, &[-20.0, -20.0, SILENCE], 10);
        assert_eq!(run(&mut claims, &[SILENCE, -20.0, -25.0], 25), [0, 1]);
        assert_eq!(run(&mut claims, &[SILENCE, -20.0, -25.0], 10), [1, 2]);
    }

    #[test]
    fn only_one_who_is_much_louder_for_a_while_takes_a_seat() {
        let mut claims = [Claim::default(); 3];
        run(&mut claims, &[-20.0, -30.0, SILENCE], 10);
        assert_eq!(run(&mut claims, &[-20.0, -30.0, -26.0], 50), [0, 1], "4 dB are not enough");
        run(&mut claims, &[-20.0, -30.0, SILENCE], 2);
        assert_eq!(run(&mut claims, &[-20.0, -30.0, -15.0], 2), [0, 1], "not for two frames");
        assert_eq!(run(&mut claims, &[-20.0, -30.0, -15.0], 3), [0, 2]);
    }

    #[test]
    fn the_parts_of_a_room_share_its_seats() {
        let mut claims = [Claim::default(); 3];
        assert_eq!(tick(&mut claims, &[-20.0, -25.0, SILENCE], &[-30.0]), [0]);
        // Both parts took the last seat: the quieter of all goes.
        let mut claims = [Claim::default(); 2];
        assert_eq!(run(&mut claims, &[-20.0, -25.0], 2), [0, 1]);
        assert_eq!(tick(&mut claims, &[-20.0, -25.0], &[-10.0]), [0]);
        let mut claims = [Claim::default(); 2];
        run(&mut claims, &[-20.0, -25.0], 2);
        assert_eq!(tick(&mut claims, &[-20.0, -25.0], &[-60.0]), [0, 1], "the other part's goes");
    }

    #[test]
    fn speaking_is_told_once_and_its_end_after_a_second() {
        let mut claim = Claim::default();
        let heard = |activity, dbm0| Heard { activity, dbm0, floor_dbm0: -60.0 };
        let told: Vec<_> =
            (0..20).filter_map(|_| claim.note(heard(Activity::Tone, -10.0))).collect();
        assert_eq!(told, [true]);
        let told: Vec<_> = (0..49).filter_map(|_| claim.pause()).collect();
        assert!(told.is_empty() && claim.speaks());
        assert_eq!((claim.pause(), claim.pause()), (Some(false), None));
    }
}
