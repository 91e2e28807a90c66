//! FreeSWITCH's sound paths: files, tone and silence streams, music, phrases.
//!
//! Place: `playback`, `read` and menus name sounds by these paths; they become prompts, tones,
//! silence and music here, at load or, when a variable stands in the path, when it is played.
//!
//! ```text
//! ivr/ivr-hold.wav                 prompt ivr/ivr-hold
//! silence_stream://2000            2 s of nothing
//! tone_stream://%(1000,4000,450)   1 s of 450 Hz, 4 s of nothing
//! local_stream://moh               music
//! phrase:greeting                  prompt phrase/greeting
//! file_string://a.wav!b.wav        one after the other
//! ```

use crate::dialplan::draft::{Draft, Mentioned};
use crate::dialplan::effect::{Beat, Tone};
use crate::dialplan::fault::Place;
use crate::dialplan::model::Media;
use crate::dialplan::template::Template;

/// The most beats of a tone.
const MAX_BEATS: usize = 64;

/// A thing in a path that Belfry lacks: what, and what to do instead.
pub(in crate::dialplan) type Lack = (String, &'static str);

/// Reads a path at load: what it lacks is reported, prompts are noted.
pub(in crate::dialplan) fn read(draft: &mut Draft<'_>, text: &str, place: Place) -> Vec<Media> {
    if text.contains('$') {
        let template = draft.template(text.trim(), place);
        if template.fixed().is_none() {
            return vec![Media::Path(template)];
        }
    }
    let mut lacks = Vec::new();
    let media = parse(text, &mut lacks);
    for (what, remedy) in lacks {
        draft.faults.warn(place, what, remedy);
    }
    for item in &media {
        match item {
            Media::Prompt(name) => draft.mention(Mentioned::Prompt, name, place),
            Media::Music(class) => draft.mention(Mentioned::Music, class, place),
            Media::Tone { .. } | Media::Silence { .. } | Media::Path(_) => {}
        }
    }
    media
}

/// Reads a path whose variables are filled in.
pub(in crate::dialplan) fn parse(text: &str, lacks: &mut Vec<Lack>) -> Vec<Media> {
    let text = text.trim();
    match text.strip_prefix("file_string://") {
        Some(files) => files.split('!').filter_map(|file| one(file.trim(), lacks)).collect(),
        None => one(text, lacks).into_iter().collect(),
    }
}

fn one(text: &str, lacks: &mut Vec<Lack>) -> Option<Media> {
    let (loops, text) = parameters(text);
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    match scheme {
        "tone_stream" => tone_stream(rest, loops, lacks),
        "silence_stream" => {
            let ms = rest.split(',').next().unwrap_or("");
            Some(Media::Silence { ms: ms.trim().parse().unwrap_or(u32::MAX).min(86_400_000) })
        }
        "local_stream" => Some(Media::Music(Template::plain(rest.trim_start_matches('/')))),
        "" => file(text, lacks),
        _ => {
            lacks.push((
                format!("sounds from '{scheme}://' are not in Belfry; nothing is played"),
                "make it a prompt",
            ));
            None
        }
    }
}

/// `{loops=10}` before a path; −1 is without end.
fn parameters(text: &str) -> (Option<i64>, &str) {
    let Some((inside, rest)) = text.strip_prefix('{').and_then(|t| t.split_once('}')) else {
        return (None, text);
    };
    let loops = inside.split(',').find_map(|p| p.trim().strip_prefix("loops="));
    (loops.and_then(|n| n.trim().parse().ok()), rest.trim_start())
}

fn file(text: &str, lacks: &mut Vec<Lack>) -> Option<Media> {
    if let Some(phrase) = text.strip_prefix("phrase:") {
        let name = phrase.split(':').next().unwrap_or("");
        return Some(Media::Prompt(Template::plain(&format!("phrase/{name}"))));
    }
    if let Some(sentence) = text.strip_prefix("say:") {
        let what = format!("Belfry does not read text aloud: '{sentence}' is not spoken");
        lacks.push((what, "record the sentence as a prompt"));
        return None;
    }
    if matches!(text, "" | "silence" | "blank") {
        return None;
    }
    let stem = match text.rsplit_once('.') {
        Some((stem, extension)) if is_extension(extension) => stem,
        _ => text,
    };
    Some(Media::Prompt(Template::plain(stem.trim_start_matches('/'))))
}

fn is_extension(text: &str) -> bool {
    (2..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn tone_stream(spec: &str, loops: Option<i64>, lacks: &mut Vec<Lack>) -> Option<Media> {
    let (spec, inner) = match spec.split_once(";loops=") {
        Some((spec, n)) => (spec, n.trim().parse().ok()),
        None => (spec, None),
    };
    let Some(Media::Tone { tone, ms }) = tone(spec) else {
        lacks.push((
            format!("'{spec}' is not a tone that Belfry plays"),
            "write %(ON,OFF,HZ), e.g. %(1000,4000,450)",
        ));
        return None;
    };
    let ms = match inner.or(loops).unwrap_or(1) {
        n if n < 0 => None,
        n => ms.map(|ms| (i64::from(ms) * n.max(1)).min(86_400_000) as u32),
    };
    Some(Media::Tone { tone, ms })
}

/// FreeSWITCH's tone language: `%(on,off,hz[,hz…])` one after the other, with `v=` (level) passed
/// over and `L=n` (loops) heeded. The time is that of all beats once.
pub(in crate::dialplan) fn tone(text: &str) -> Option<Media> {
    let mut beats = Vec::new();
    let mut loops = 1u32;
    for part in text
        .split(';')
        .flat_map(|p| p.split_inclusive(')'))
        .map(str::trim)
        .filter(|p| !p.is_empty())
    {
        if let Some(inside) = part.strip_prefix("%(").and_then(|p| p.strip_suffix(')')) {
            beats.push(beat(inside)?);
        } else if let Some(n) = part.strip_prefix("L=") {
            loops = n.trim().parse().ok()?;
        } else if !(part.starts_with("v=") || part.starts_with("d=") || part.starts_with("w=")) {
            return None;
        }
    }
    if beats.is_empty() || beats.len() > MAX_BEATS {
        return None;
    }
    let once: u64 = beats.iter().map(|b| u64::from(b.on_ms) + u64::from(b.off_ms)).sum();
    let ms = (once * u64::from(loops.max(1))).min(86_400_000) as u32;
    Some(Media::Tone { tone: Tone::Beats(beats), ms: Some(ms) })
}

fn beat(inside: &str) -> Option<Beat> {
    let numbers: Option<Vec<f64>> = inside.split(',').map(|n| n.trim().parse().ok()).collect();
    let numbers = numbers?;
    let [on, off, hz @ ..] = numbers.as_slice() else {
        return None;
    };
    let time = |ms: f64| (0.0..=3_600_000.0).contains(&ms).then_some(ms as u32);
    let audible = hz.iter().all(|hz| (1.0..4_000.0).contains(hz));
    if !audible || !(1..=4).contains(&hz.len()) {
        return None;
    }
    Some(Beat {
        on_ms: time(*on)?,
        off_ms: time(*off)?,
        hz: hz.iter().map(|hz| *hz as u16).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(text: &str) -> Vec<Media> {
        parse(text, &mut Vec::new())
    }
    fn prompt(name: &str) -> Media {
        Media::Prompt(Template::plain(name))
    }

    #[test]
    fn paths_become_prompts_tones_and_music() {
        assert_eq!(media("ivr/ivr-hold_connect_call.wav"), [prompt("ivr/ivr-hold_connect_call")]);
        assert_eq!(media("/custom/a.b.mp3"), [prompt("custom/a.b")]);
        assert_eq!(media("file_string://a.wav!b.wav"), [prompt("a"), prompt("b")]);
        assert_eq!(media("silence_stream://2000,1400"), [Media::Silence { ms: 2_000 }]);
        assert_eq!(media("local_stream://moh"), [Media::Music(Template::plain("moh"))]);
        assert_eq!(media("phrase:demo_ivr_main_menu:x"), [prompt("phrase/demo_ivr_main_menu")]);
        assert_eq!(media("silence"), []);
    }

    #[test]
    fn tones_take_loops() {
        let beat = |on_ms, off_ms, hz: &[u16]| Beat { on_ms, off_ms, hz: hz.to_vec() };
        let uk = "tone_stream://%(400,200,400,450);%(400,2000,400,450)";
        let beats = vec![beat(400, 200, &[400, 450]), beat(400, 2000, &[400, 450])];
        assert_eq!(media(uk), [Media::Tone { tone: Tone::Beats(beats), ms: Some(3_000) }]);
        let milliwatt = Media::Tone { tone: Tone::Beats(vec![beat(251, 0, &[1004])]), ms: None };
        assert_eq!(media("{loops=-1}tone_stream://%(251,0,1004)"), [milliwatt]);
        assert_eq!(tone("%(10,0)"), None, "no frequency");
        assert_eq!(tone("%(10,0,9000)"), None, "not heard at 8 kHz");
        let mut lacks = Vec::new();
        assert_eq!(parse("tone_stream://path=/tmp/tetris.ttml", &mut lacks), []);
        assert_eq!(parse("say:hello", &mut lacks), []);
        assert_eq!(parse("http://x/y.wav", &mut lacks), []);
        assert_eq!(lacks.len(), 3);
    }
}
