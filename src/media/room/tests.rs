//! A room by itself: frames in, mixes out.

use super::*;
use crate::media::control::{Codec, Line, OpusTerms};
use proptest::prelude::*;

fn params(codec: Codec) -> StreamParams {
    StreamParams {
        remote: None,
        remote_rtcp: None,
        codec,
        send_pt: 8,
        recv_pt: 8,
        others: Default::default(),
        carriage: Default::default(),
        noise: false,
        max_ptime_ms: None,
        dtmf_send_pt: None,
        key_tones: false,
        dtmf_recv_pt: None,
        event_clock_hz: 8_000,
        opus: OpusTerms::default(),
        ptime_ms: 20,
        send: true,
        receive: true,
        xr: false,
        inband_dtmf: false,
        inband_until_event: false,
        srtp: None,
    }
}

/// A room of A-law phones with these memberships.
fn room(members: &[Membership]) -> Room {
    let mut room = Room::new(RoomId(1), 0);
    for (n, membership) in members.iter().enumerate() {
        room.join(n as u32, LegId(n as u64), *membership);
    }
    arrange(&mut room);
    room
}

fn ears(params: &StreamParams, ptime_ms: u32) -> Ears<'_> {
    Ears { params, ptime_ms, beeps: false }
}

fn arrange(room: &mut Room) {
    let params = params(Codec::Pcma);
    room.arrange(0, |_| Some(ears(&params, 20)));
}

/// A frame whose samples are irregular, as a voice's are: no detector takes it for a tone.
fn voice(seed: u32, peak: i32) -> [i16; FRAME] {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    core::array::from_fn(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) as i32 % (2 * peak.max(1)) - peak) as i16
    })
}

/// One tick in which the members say these frames; what each hears.
fn tick(room: &mut Room, index: u64, frames: &[[i16; FRAME]]) -> Vec<[i16; FRAME]> {
    for (n, frame) in frames.iter().enumerate() {
        let Some(member) = room.member_mut(n) else { continue };
        member.frame_mut().copy_from_slice(frame);
        member.judge();
    }
    room.mix(index, &mut |_| {});
    (0..frames.len())
        .map(|n| {
            let mut heard = [0; WIDE_FRAME];
            room.heard_by_member(n, &mut heard)[..].try_into().unwrap()
        })
        .collect()
}

fn sum(frames: &[[i16; FRAME]], of: &[usize]) -> [i16; FRAME] {
    core::array::from_fn(|k| {
        let sum: i32 = of.iter().map(|n| i32::from(frames[*n][k])).sum();
        sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    })
}

proptest! {
    /// Everybody hears the sum of all others, to the bit, as long as that fits.
    #[test]
    fn everybody_hears_exactly_the_others(
        seeds in prop::collection::vec((any::<u32>(), 300i32..9_000), 2..=SEATS),
    ) {
        let mut room = room(&vec![Membership::PARTY; seeds.len()]);
        let frames: Vec<_> = seeds.iter().map(|(seed, peak)| voice(*seed, *peak)).collect();
        tick(&mut room, 1, &frames); // the voices fade in
        let heard = tick(&mut room, 2, &frames);
        for (n, heard) in heard.iter().enumerate() {
            let others: Vec<usize> = (0..frames.len()).filter(|m| *m != n).collect();
            prop_assert_eq!(heard, &sum(&frames, &others));
        }
    }
}

#[test]
fn a_supervisor_listens_whispers_and_barges_in() {
    let line = Line::coach(0).unwrap();
    let frames = [voice(1, 3_000), voice(2, 4_000), voice(3, 5_000)];
    let (customer, agent, supervisor) = (0, 1, 2);
    let hears = |agent: Membership, supervisor: Membership| {
        let mut room = room(&[Membership::PARTY, agent, supervisor]);
        tick(&mut room, 1, &frames);
        tick(&mut room, 2, &frames)
    };
    let heard = hears(Membership::PARTY, Membership::LISTENER);
    assert_eq!(heard[customer], frames[agent]);
    assert_eq!(heard[agent], frames[customer]);
    assert_eq!(heard[supervisor], sum(&frames, &[customer, agent]));

    let heard = hears(Membership::coached(line), Membership::coach(line));
    assert_eq!(heard[customer], frames[agent], "the customer hears nothing of the whisper");
    assert_eq!(heard[agent], sum(&frames, &[customer, supervisor]));
    assert_eq!(heard[supervisor], sum(&frames, &[customer, agent]));

    let heard = hears(Membership::PARTY, Membership::PARTY);
    assert_eq!(heard[customer], sum(&frames, &[agent, supervisor]));
}

#[test]
fn mute_deaf_and_gain() {
    let frames = [voice(1, 3_000), voice(2, 4_000), voice(3, 5_000)];
    let mut room = room(&[
        Membership { muted: true, ..Membership::PARTY },
        Membership { deaf: true, ..Membership::PARTY },
        Membership { gain_out_db: -6, ..Membership::PARTY },
    ]);
    tick(&mut room, 1, &frames);
    let heard = tick(&mut room, 2, &frames);
    assert_eq!(heard[0], sum(&frames, &[1, 2]));
    assert_eq!(heard[1], [0; FRAME]);
    for (quiet, loud) in heard[2].iter().zip(&frames[1]) {
        assert!((f64::from(*quiet) - f64::from(*loud) * 0.501_187).abs() <= 1.5);
    }
    room.join(2, LegId(2), Membership { gain_in_db: 6, ..Membership::PARTY });
    arrange(&mut room);
    tick(&mut room, 3, &frames);
    let heard = tick(&mut room, 4, &frames);
    let louder = heard[0].iter().zip(frames[1].iter().zip(&frames[2]));
    for (heard, (a, b)) in louder {
        assert!((f64::from(*heard) - f64::from(*a) - f64::from(*b) * 1.995_262).abs() <= 3.0);
    }
}

/// The greatest step between neighbouring samples.
fn steepest(samples: &[i16]) -> i32 {
    let steps = samples.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs());
    steps.max().unwrap_or(0)
}

#[test]
fn joining_muting_and_leaving_do_not_click() {
    let frame = |index: u64| -> [i16; FRAME] {
        core::array::from_fn(|k| {
            let at = (index * FRAME as u64 + k as u64) as f64;
            (10_000.0 * (at * 0.1).sin()) as i16
        })
    };
    let mut room = room(&[Membership::PARTY; 2]);
    let mut all = Vec::new();
    for index in 0..40 {
        match index {
            10 => room.join(0, LegId(0), Membership { muted: true, ..Membership::PARTY }),
            20 => room.join(0, LegId(0), Membership::PARTY),
            30 => _ = room.leave(0),
            _ => {}
        }
        arrange(&mut room);
        let listener = room.members().iter().position(|m| m.slot() == 1).unwrap();
        let mut frames = vec![[0; FRAME]; room.members().len()];
        if let Some(speaker) = room.members().iter().position(|m| m.slot() == 0) {
            frames[speaker] = frame(index);
        }
        all.extend(tick(&mut room, index, &frames)[listener]);
    }
    assert!(steepest(&all) <= 1_300, "{}", steepest(&all));
    let sounds = |ticks: core::ops::Range<usize>| {
        all[ticks.start * FRAME..ticks.end * FRAME].iter().any(|s| *s != 0)
    };
    assert!(sounds(5..10) && !sounds(12..20) && sounds(25..30) && !sounds(31..40));
}

#[test]
fn of_a_crowd_the_loudest_are_heard_and_the_others_hear_them_all() {
    let mut room = room(&[Membership::PARTY; 100]);
    let mut frames = vec![[0; FRAME]; 100];
    for (n, peak) in [(3, 8_000), (50, 6_000), (97, 4_000), (12, 3_000), (13, 2_000)] {
        frames[n] = voice(n as u32, peak);
    }
    (0..20).for_each(|index| _ = tick(&mut room, index, &frames));
    let heard = tick(&mut room, 20, &frames);
    assert!(room.is_crowded());
    assert_eq!(heard[0], sum(&frames, &[3, 50, 97, 12]));
    assert_eq!(heard[13], heard[0], "who is not heard hears the same as who only listens");
    assert_eq!(heard[97], sum(&frames, &[3, 50, 12]));
}

#[test]
fn who_hears_the_same_shares_a_coding() {
    let (alaw, opus) = (params(Codec::Pcma), params(Codec::Opus));
    let mut room = room(&[Membership::PARTY; 6]);
    room.join(5, LegId(5), Membership { gain_out_db: 3, ..Membership::PARTY });
    room.arrange(0, |slot| Some(ears(if slot < 3 { &alaw } else { &opus }, 20)));
    let outlets: Vec<_> = room.members().iter().map(Member::outlet).collect();
    assert_eq!(outlets[0..3], [Some(0); 3]);
    assert_eq!(outlets[3..5], [Some(1); 2]);
    assert_eq!(outlets[5], Some(2));
    room.leave(5);
    room.arrange(0, |_| Some(ears(&alaw, 20)));
    assert!(room.outlet_mut(0).is_some() && room.outlet_mut(1).is_none());
}

#[test]
fn who_begins_to_speak_goes_over_to_a_coding_of_its_own_and_back() {
    let wide = params(Codec::Pcma);
    let mut room = room(&[Membership::PARTY; 2]);
    room.arrange(0, |_| Some(ears(&wide, 40)));
    let speak = |room: &mut Room, muted| {
        room.join(0, LegId(0), Membership { muted, ..Membership::PARTY });
        room.arrange(0, |_| Some(ears(&wide, 40)));
    };
    let turn = |room: &mut Room, index| {
        tick(room, index, &[voice(1, 4_000), [0; FRAME]]);
        let company = room.part_company(0);
        let frames = room.member_mut(0).unwrap().packetizer_mut();
        frames.push(&[0; FRAME]);
        frames.sent(40);
        company
    };
    speak(&mut room, true);
    assert_eq!(turn(&mut room, 0), Company::Shared);
    speak(&mut room, false);
    // Its own packet goes on where the shared one was: the middle of 40 ms.
    let outlet = room.members()[0].outlet().unwrap();
    room.outlet_mut(outlet).unwrap().packetizer = Packetizer::new(1, 40, Rate::Khz8);
    assert_eq!(turn(&mut room, 1), Company::Alone { anew: true });
    assert_eq!(turn(&mut room, 2), Company::Alone { anew: false });
    speak(&mut room, true);
    turn(&mut room, 3); // fades out
    assert_eq!(turn(&mut room, 4), Company::Shared);
}

/// Two parts of one room, and what each has told the other by the end of the tick before.
#[test]
fn two_parts_of_a_room_are_one_room_a_tick_later() {
    let mut parts = [0u8, 1].map(|here| {
        let mut part = Room::new(RoomId(1), here);
        part.set_parts(0b11);
        for n in 0..2 {
            part.join(n, LegId(u64::from(here) * 2 + u64::from(n)), Membership::PARTY);
        }
        arrange(&mut part);
        part
    });
    let frame = |leg: u32, index: u64| voice(leg + 100 * index as u32, 2_000);
    let mut post: Vec<Partial> = Vec::new();
    for index in 0..12u64 {
        let arrived = core::mem::take(&mut post);
        for part in &mut parts {
            let here = part.here;
            arrived.iter().filter(|p| p.from != here).for_each(|p| part.take(p));
        }
        for (here, part) in parts.iter_mut().enumerate() {
            for n in 0..2 {
                let member = part.member_mut(n).unwrap();
                member.frame_mut().copy_from_slice(&frame((here * 2 + n) as u32, index));
                member.judge();
            }
            part.mix(index, &mut |partial| post.push(partial.clone()));
            if index < 5 {
                continue;
            }
            let mut heard = [0; WIDE_FRAME];
            let heard = part.heard_by_member(0, &mut heard);
            let own = here as u32 * 2;
            let others = [own ^ 2, (own ^ 2) + 1].map(|leg| frame(leg, index - 1));
            let all = [frame(own + 1, index), others[0], others[1]];
            assert_eq!(*heard, sum(&all, &[0, 1, 2]), "part {here}, tick {index}");
        }
    }
    assert!(parts.iter().all(|part| part.missed() <= 1 && !part.is_crowded()));
}

#[test]
fn ticks_lie_on_one_grid_on_all_workers() {
    for id in 0..8 {
        let room = Room::new(RoomId(id), 0);
        let at = room.next_tick(Time::from_millis(1_003));
        assert!(at >= Time::from_millis(1_003) && at < Time::from_millis(1_023));
        assert_eq!(room.next_tick(at), at);
        assert_eq!(room.index(Room::tick_after(at)), room.index(at) + 1);
    }
}

/// A room whose members have these codecs.
fn room_of(codecs: &[Codec]) -> Room {
    let mut room = Room::new(RoomId(1), 0);
    codecs.iter().enumerate().for_each(|(n, _)| enter(&mut room, n, codecs));
    room
}

/// The `n`-th of `codecs` comes in.
fn enter(room: &mut Room, n: usize, codecs: &[Codec]) {
    room.join(n as u32, LegId(n as u64), Membership::PARTY);
    let params: Vec<StreamParams> = codecs.iter().map(|codec| params(*codec)).collect();
    room.arrange(0, |slot| Some(ears(&params[slot as usize], 20)));
}

/// One tick in which the members in `slots` say these samples; what slot 0 hears, at its rate.
fn listen(room: &mut Room, index: u64, say: &mut dyn FnMut(u32, Rate) -> Vec<i16>) -> Vec<i16> {
    for n in 0..room.members().len() {
        let member = room.member_mut(n).unwrap();
        let said = say(member.slot(), member.rate());
        member.frame_mut().copy_from_slice(&said);
        member.judge();
    }
    room.mix(index, &mut |_| {});
    let first = room.members().iter().position(|m| m.slot() == 0).unwrap();
    room.heard_by_member(first, &mut [0; WIDE_FRAME]).to_vec()
}

/// A tick of a sine of so many hertz.
fn sine(hz: f64, index: u64, rate: Rate) -> Vec<i16> {
    let turn = core::f64::consts::TAU * hz / f64::from(rate.hz());
    let length = rate.samples(FRAME_MS) as u64;
    (0..length).map(|k| (9_000.0 * (turn * (index * length + k) as f64).sin()) as i16).collect()
}

#[test]
fn between_phones_of_one_band_nothing_changes_when_one_of_the_other_comes_and_goes() {
    let codecs = [Codec::Pcma, Codec::Pcma, Codec::Opus];
    let hears = |comes: bool| -> Vec<i16> {
        let mut room = room_of(&codecs[..2]);
        let mut heard = Vec::new();
        for index in 0..30 {
            match index {
                10 if comes => enter(&mut room, 2, &codecs),
                20 if comes => _ = room.leave(2),
                _ => {}
            }
            heard.extend(listen(&mut room, index, &mut |slot, rate| match slot {
                1 => sine(400.0, index, rate),
                _ => vec![0; rate.samples(FRAME_MS)],
            }));
        }
        heard
    };
    assert_eq!(hears(true), hears(false), "to the sample");
}

#[test]
fn a_wide_voice_is_heard_by_both_and_breaks_off_without_a_click() {
    let codecs = [Codec::Pcma, Codec::G722];
    for (listener, rate) in [(Codec::Pcma, Rate::Khz8), (Codec::Opus, Rate::Khz16)] {
        let codecs = [listener, codecs[1]];
        let mut room = room_of(&codecs);
        let mut heard = Vec::new();
        for index in 0..30 {
            if index == 20 {
                room.leave(1);
            }
            let frame = listen(&mut room, index, &mut |slot, rate| match slot {
                1 => sine(400.0, index, rate),
                _ => vec![0; rate.samples(FRAME_MS)],
            });
            assert_eq!(frame.len(), rate.samples(FRAME_MS));
            heard.extend(frame);
        }
        let steep = 9_000.0 * core::f64::consts::TAU * 400.0 / f64::from(rate.hz());
        assert!(steepest(&heard) < (steep * 1.1) as i32, "{listener:?}: {}", steepest(&heard));
        let loudest = |ticks: core::ops::Range<usize>| {
            let frame = rate.samples(FRAME_MS);
            heard[ticks.start * frame..ticks.end * frame].iter().map(|s| s.abs()).max()
        };
        assert!(loudest(5..19) > Some(8_800) && loudest(22..30) == Some(0), "{listener:?}");
    }
}

#[test]
fn four_who_shout_are_not_cut() {
    let mut room = room(&[Membership::PARTY; 5]);
    room.join(4, LegId(4), Membership::LISTENER);
    arrange(&mut room);
    let mut heard = Vec::new();
    for index in 0..50 {
        let shout: [i16; FRAME] = core::array::from_fn(|k| {
            let at = (index * FRAME as u64 + k as u64) as f64;
            (30_000.0 * (at * 0.3).sin()) as i16
        });
        heard = tick(&mut room, index, &[shout, shout, shout, shout, [0; FRAME]])[4].to_vec();
        assert!(heard.iter().all(|s| s.abs() < i16::MAX), "tick {index}");
    }
    let flat = heard.windows(3).filter(|w| w[0] == w[1] && w[1] == w[2]).count();
    assert_eq!(flat, 0, "cut waves have flat tops");
    assert!(heard.iter().any(|s| *s > 28_000));
}

#[test]
fn a_soft_voice_is_lifted_where_that_is_wanted() {
    let level = |agc: bool| {
        let mut room = room(&[Membership { agc, ..Membership::PARTY }, Membership::PARTY]);
        let mut heard = Vec::new();
        for index in 0..800u64 {
            // Syllables of 120 ms, soft.
            let peak = if index % 10 < 6 { 700 } else { 10 };
            let said = voice(index as u32, peak);
            heard = tick(&mut room, index, &[said, [0; FRAME]])[1].to_vec();
            if index >= 790 && peak == 700 {
                break;
            }
        }
        crate::dsp::level::dbm0(&heard)
    };
    let (without, with) = (level(false), level(true));
    assert!(with - without > 6.0, "{without} {with}");
}

/// A member that goes over to a wide codec keeps its gain control.
#[test]
fn a_soft_voice_is_lifted_at_another_rate_too() {
    let level = |agc: bool| {
        let mut room = room(&[Membership { agc, ..Membership::PARTY }, Membership::PARTY]);
        assert_eq!(room.members()[0].rate(), Rate::Khz8);
        let wide = params(Codec::Opus);
        room.arrange(0, |_| Some(ears(&wide, 20)));
        assert_eq!(room.members()[0].rate(), Rate::Khz16);
        let mut heard = Vec::new();
        for index in 0..790u64 {
            let peak = if index % 10 < 6 { 700 } else { 10 };
            let narrow = voice(index as u32, peak);
            for (n, wide) in [(0, true), (1, false)] {
                let frame = room.member_mut(n).unwrap().frame_mut();
                let said = |k: usize| if wide { narrow[k / 2] } else { 0 };
                (0..).zip(frame.iter_mut()).for_each(|(k, sample)| *sample = said(k));
                room.member_mut(n).unwrap().judge();
            }
            room.mix(index, &mut |_| {});
            if peak == 700 {
                heard = room.heard_by_member(1, &mut [0; WIDE_FRAME]).to_vec();
            }
        }
        crate::dsp::level::dbm0(&heard)
    };
    let (without, with) = (level(false), level(true));
    assert!(with - without > 6.0, "{without} {with}");
}

/// What a wide phone hears of a wide one on another worker is wide.
#[test]
fn parts_of_a_room_tell_each_other_what_is_wide() {
    let mut parts = [0u8, 1].map(|here| {
        let mut part = Room::new(RoomId(1), here);
        part.set_parts(0b11);
        enter(&mut part, 0, &[Codec::Opus]);
        part
    });
    let mut post: Vec<Partial> = Vec::new();
    let mut heard = Vec::new();
    for index in 0..40u64 {
        let arrived = core::mem::take(&mut post);
        for (here, part) in parts.iter_mut().enumerate() {
            let others = arrived.iter().filter(|p| usize::from(p.from) != here);
            others.for_each(|partial| part.take(partial));
            let member = part.member_mut(0).unwrap();
            let said = if here == 0 { sine(6_000.0, index, Rate::Khz16) } else { vec![0; 320] };
            member.frame_mut().copy_from_slice(&said);
            member.judge();
            part.mix(index, &mut |partial| post.push(partial.clone()));
        }
        heard.extend_from_slice(parts[1].heard_by_member(0, &mut [0; WIDE_FRAME]));
    }
    // Exactly what was said a tick earlier.
    let said: Vec<i16> = (5..39).flat_map(|index| sine(6_000.0, index, Rate::Khz16)).collect();
    assert_eq!(heard[6 * WIDE_FRAME..], said);
}
