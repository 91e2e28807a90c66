//! Surveys: questions by key or by voice, where answers lead, and that one began and was over.
//!
//! ```text
//! Began ─▶ question ─ key ─▶ answer ─ next, or where the key leads ─▶ … ─▶ Over ─▶ thanks
//!             └ voice: tone ─▶ recording on ─▶ a key or the time ─▶ answer, recording off
//! ```

use super::sound::items;
use super::vars::View;
use super::{Asked, Frame, Interp};
use crate::dialplan::effect::{
    Beat, Collect, Effect, Item, Keys, Level, Recording, SurveyStep, Tone,
};
use crate::dialplan::model::{Media, Next, Plan, Question, Survey};

/// Who hangs up sooner after the tone has said nothing, milliseconds.
const LEAST_SPOKEN_MS: i64 = 1_000;

/// The key under which a spoken answer is kept.
const VOICE: &str = "voice";

impl Interp {
    pub(super) fn ask_survey(
        &mut self,
        plan: &Plan,
        name: &str,
        survey: &Survey,
        at: usize,
        wrong: bool,
    ) {
        let Some(question) = survey.questions.get(at) else {
            return self.survey_over(plan, name, survey);
        };
        let mut first = false;
        if let Some(Frame::Survey { tries, .. }) = self.stack.last_mut() {
            first = at == 0 && *tries == 0;
            *tries = tries.saturating_add(1);
        }
        if first {
            let step = SurveyStep::Began { version: survey.version.clone() };
            self.queue.push_back(Effect::Survey { survey: name.to_owned(), step });
        }
        let before = match wrong {
            true => &survey.invalid[..],
            false if first => &survey.intro[..],
            false => &[],
        };
        if let Some(longest_ms) = question.voice_ms {
            return self.ask_voice(plan, before, question, longest_ms);
        }
        let longest = question.keys.iter().map(|(key, _)| key.len()).max().unwrap_or(1);
        let collect = Collect {
            items: Vec::new(),
            barge_in: true,
            min: 1,
            max: longest.clamp(1, 16) as u8,
            terminators: Keys::NONE,
            first_ms: question.first_ms,
            next_ms: 2_000,
            secret: false,
        };
        self.collect(plan, before, &question.prompt, collect);
    }

    /// The question, a tone, and then the caller.
    fn ask_voice(&mut self, plan: &Plan, before: &[Media], question: &Question, longest_ms: u32) {
        let all: Vec<Media> = before.iter().chain(&question.prompt).cloned().collect();
        let (mut items, _, problems) = items(&all, &View::new(self, plan, None), None);
        for text in problems {
            self.log(Level::Warning, text);
        }
        let beat = Beat { on_ms: 300, off_ms: 0, hz: vec![1_000] };
        items.push(Item::Tone { tone: Tone::Beats(vec![beat]), ms: Some(300) });
        self.open_speech(false);
        self.queue.push_back(Effect::Play { items, stop_on: Keys::NONE });
        self.queue.push_back(Effect::Record(Recording::Start));
        self.asked = Asked::Keys;
        self.queue.push_back(Effect::Collect(Collect {
            items: Vec::new(),
            barge_in: false,
            min: 0,
            max: 1,
            terminators: Keys::NONE,
            first_ms: longest_ms,
            next_ms: 1_000,
            secret: false,
        }));
    }

    fn survey_over(&mut self, plan: &Plan, name: &str, survey: &Survey) {
        let complete = match self.stack.pop() {
            Some(Frame::Survey { skipped, .. }) => !skipped,
            _ => false,
        };
        let step = SurveyStep::Over { complete };
        self.queue.push_back(Effect::Survey { survey: name.to_owned(), step });
        let (items, _, _) = items(&survey.thanks, &View::new(self, plan, None), None);
        if !items.is_empty() {
            self.open_speech(false);
            self.queue.push_back(Effect::Play { items, stop_on: Keys::NONE });
        }
    }

    pub(super) fn survey_digits(
        &mut self,
        plan: &Plan,
        name: &str,
        survey: &Survey,
        at: usize,
        digits: &str,
    ) {
        let Some(question) = survey.questions.get(at) else {
            return;
        };
        let voice = question.voice_ms.is_some();
        let answer = match voice {
            true => Some((VOICE.to_owned(), String::new())),
            false => question.keys.iter().find(|(key, _)| key == digits).cloned(),
        };
        let Some(Frame::Survey { question: position, tries, skipped, .. }) = self.stack.last_mut()
        else {
            return;
        };
        if answer.is_none() && *tries < question.tries {
            return self.ask_survey(plan, name, survey, at, !digits.is_empty());
        }
        let led = |key: &str| question.next.iter().find(|(known, _)| known == key);
        let pressed = answer.as_ref().and_then(|(key, _)| led(key));
        *position = match pressed.or(led("else")) {
            Some((_, Next::Question(to))) => *to,
            Some((_, Next::End)) => u32::MAX,
            None => *position + 1,
        };
        *skipped |= answer.is_none();
        *tries = 0;
        if let Some((key, meaning)) = answer {
            self.set(&format!("survey_{}", question.name), key.clone());
            self.queue.push_back(Effect::SaveAnswer {
                survey: name.to_owned(),
                question: question.name.clone(),
                key,
                meaning,
                voice,
            });
        }
        if voice {
            self.queue.push_back(Effect::Record(Recording::Stop));
        }
    }

    /// The caller hangs up, and so ends what he says to the question: it is his answer, as at a key. What is written down of
    /// it; nothing, if it is no such question, or he has gone at once.
    pub(super) fn spoken_answer(&mut self, plan: &Plan, spoke_ms: i64) -> Vec<Effect> {
        let Some(Frame::Survey { name, question: at, .. }) = self.stack.last() else {
            return Vec::new();
        };
        let (name, at) = (name.clone(), *at as usize);
        let Some(survey) = plan.surveys.get(&name) else { return Vec::new() };
        let spoken = survey.questions.get(at).is_some_and(|question| question.voice_ms.is_some());
        if !spoken || spoke_ms < LEAST_SPOKEN_MS {
            return Vec::new();
        }
        self.survey_digits(plan, &name, survey, at, "");
        let mut said: Vec<Effect> = self.queue.drain(..).collect();
        said.retain(|effect| matches!(effect, Effect::SaveAnswer { .. }));
        if let Some(Frame::Survey { question, skipped, .. }) = self.stack.last()
            && survey.questions.get(*question as usize).is_none()
        {
            let step = SurveyStep::Over { complete: !skipped };
            said.push(Effect::Survey { survey: name, step });
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Now, Time, Wall};
    use crate::dialplan::effect::{Ended, Happening};
    use crate::dialplan::interp::Entry;
    use crate::dialplan::{Fault, File, LoadEnv};

    const NOW: Now = Now { at: Time::ZERO, wall: Wall(0) };

    fn load(questions: &str) -> Result<(Plan, Vec<Fault>), Vec<Fault>> {
        let text = format!(
            "[[route]]\nname='r'\ncontext='c'\nsteps=[{{survey='s'}}]\n\
             [survey.s]\nthanks='thanks'\nquestions=[{questions}]\n"
        );
        let env = LoadEnv { language: "en".into(), ..LoadEnv::default() };
        Plan::load(&[File { path: "a.toml", text: &text }], &env).map(|l| (l.plan, l.warnings))
    }

    /// What is asked and kept when these keys are pressed, a word each.
    fn course(questions: &str, keys: &[&str]) -> Vec<String> {
        let plan = load(questions).unwrap_or_else(|faults| panic!("{faults:#?}")).0;
        let entry = Entry { context: "c".into(), ..Entry::default() };
        let mut interp = Interp::start(&plan, NOW, entry).expect("a route");
        let (mut keys, mut told, mut happening) = (keys.iter(), Vec::new(), Happening::Started);
        while !interp.is_ended() {
            let effect = interp.resume(&plan, NOW, happening);
            happening = Happening::Done;
            told.extend(match &effect {
                Effect::Collect(asked) => {
                    let digits = keys.next().map_or(String::new(), |k| (*k).to_owned());
                    let ended = if digits.is_empty() { Ended::Timeout } else { Ended::Enough };
                    happening = Happening::Digits { digits, ended };
                    match asked.items.first() {
                        Some(Item::Prompt { name, .. }) => Some(name.clone()),
                        _ => None,
                    }
                }
                Effect::SaveAnswer { question, key, .. } => Some(format!("{question}={key}")),
                Effect::Survey { step: SurveyStep::Over { complete }, .. } => {
                    Some(format!("over {complete}"))
                }
                Effect::Record(change) => Some(format!("{change:?}")),
                _ => None,
            });
        }
        told
    }

    const THREE: &str = "{name='a', prompt='pa', keys={1='x',2='y',3='z'}, next={2='c',3='end'}},\
                         {name='b', prompt='pb', keys={1='x'}, tries=1},\
                         {name='c', prompt='pc', keys={1='x'}}";

    #[test]
    fn answers_lead_on_to_a_later_question_or_to_the_end() {
        let asked = course(THREE, &["1", "1", "1"]);
        assert_eq!(asked, ["pa", "a=1", "pb", "b=1", "pc", "c=1", "over true"]);
        assert_eq!(course(THREE, &["2", "1"]), ["pa", "a=2", "pc", "c=1", "over true"]);
        assert_eq!(course(THREE, &["3"]), ["pa", "a=3", "over true"]);
        let silent = course(THREE, &["1", "", "1"]);
        assert_eq!(silent, ["pa", "a=1", "pb", "pc", "c=1", "over false"]);
        let other = "{name='a', prompt='pa', keys={1='x'}, tries=1, next={else='end'}},\
                     {name='b', prompt='pb', keys={1='x'}}";
        assert_eq!(course(other, &["7"]), ["pa", "over false"]);
    }

    #[test]
    fn a_spoken_answer_is_recorded_until_a_key_or_its_time() {
        let spoken =
            "{name='why', prompt='pw', voice='20 s'}, {name='b', prompt='pb', keys={1='x'}}";
        for key in ["#", ""] {
            let told = course(spoken, &[key, "1"]);
            assert_eq!(told, ["Start", "why=voice", "Stop", "pb", "b=1", "over true"]);
        }
    }

    #[test]
    fn faults_of_questions_are_told() {
        let twice = "{name='a', prompt='p', keys={1='x'}}, {name='a', prompt='p', keys={1='x'}}";
        for (questions, told) in [
            ("{name='a', prompt='p'}", "wants keys, or else voice"),
            ("{name='a', prompt='p', voice=5, keys={1='x'}}", "wants keys, or else voice"),
            ("{name='a', prompt='p', keys={1='x'}, next={1='a'}}", "'a' is no later question"),
            ("{name='a', prompt='p', keys={1='x'}, next={2='end'}}", "'2' is no key"),
            ("{name='end', prompt='p', keys={1='x'}}", "no name of a question"),
            (twice, "two questions 'a'"),
        ] {
            let faults = load(questions).expect_err(questions);
            let found = faults.iter().any(|fault| fault.what.contains(told));
            assert!(found, "{questions}: {faults:#?}");
        }
        let skipped = "{name='a', prompt='p', keys={1='x'}, next={1='c', else='c'}},\
                       {name='b', prompt='p', keys={1='x'}}, {name='c', prompt='p', keys={1='x'}}";
        let warnings = load(skipped).expect("a plan").1;
        assert!(
            warnings.iter().any(|w| w.what.contains("leads to the question 'b'")),
            "{warnings:?}"
        );
        assert_eq!(load(THREE).expect("a plan").1, []);
    }

    #[test]
    fn another_design_is_another_version_and_the_same_is_the_same() {
        let version = |questions| {
            let plan = load(questions).expect("a plan").0;
            plan.survey_design("s").map(|(version, _)| version.to_owned())
        };
        assert_eq!(version(THREE), version(THREE));
        assert_ne!(version(THREE), version(&THREE.replace("'z'", "'other'")));
    }

    /// Who hangs up while he speaks has answered, and has come to the end where that was the last question; who goes at the
    /// tone has not.
    #[test]
    fn what_is_said_before_the_hangup_is_an_answer() {
        let last = "{name='a', prompt='pa', keys={1='x'}}, {name='v', prompt='pv', voice='10 s'}";
        let first = "{name='v', prompt='pv', voice='10 s'}, {name='a', prompt='pa', keys={1='x'}}";
        let course = |questions: &str, spoke_ms: i64| {
            let plan = load(questions).unwrap_or_else(|faults| panic!("{faults:#?}")).0;
            let entry = Entry { context: "c".into(), ..Entry::default() };
            let mut interp = Interp::start(&plan, NOW, entry).expect("a route");
            let (mut told, mut happening, mut now) = (Vec::new(), Happening::Started, NOW);
            while !interp.is_ended() {
                let effect = interp.resume(&plan, now, happening);
                happening = Happening::Done;
                match effect {
                    Effect::Collect(asked) if asked.min == 0 => {
                        now.wall.0 += spoke_ms;
                        happening = Happening::Hangup;
                    }
                    Effect::Collect(_) => {
                        let digits = "1".to_owned();
                        happening = Happening::Digits { digits, ended: Ended::Enough };
                    }
                    Effect::SaveAnswer { question, key, voice, .. } => {
                        told.push(format!("{question}={key} {voice}"));
                    }
                    Effect::Survey { step: SurveyStep::Over { complete }, .. } => {
                        told.push(format!("over {complete}"));
                    }
                    _ => {}
                }
            }
            told
        };
        assert_eq!(course(last, 4_000), ["a=1 false", "v=voice true", "over true"]);
        assert_eq!(course(last, 300), ["a=1 false"]);
        assert_eq!(course(first, 4_000), ["v=voice true"], "one question was left");
    }
}
