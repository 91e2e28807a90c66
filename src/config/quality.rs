//! Keys about quality checks (R23): the forms on which supervisors score talks.

use super::fault::At;
use super::name::{Label, Line, Name};
use super::setting::{Reader, section};

/// The most forms, and questions of all of them together.
const MOST_FORMS: usize = 50;
const MOST_QUESTIONS: usize = 1_000;

section! {
    /// A form on which supervisors score recorded talks. Its questions are the `[[score_question]]` that name it.
    [[score_form]] struct ScoreForm {
        /// Its name.
        name: Name = required, live;
        /// Its title.
        title: Option<Label> = derived, live;
        /// Its version: count it up when its questions change. Scores keep the version and the questions that they were made with.
        version: u32 = "1" in ["1", "9999"], live;
        /// The least score of a talk that has passed, percent.
        pass: u32 = "80" in ["0", "100"], live;
    }
}

section! {
    /// A question of a form, in the order of the file.
    [[score_question]] struct ScoreQuestion {
        /// The form that it belongs to.
        form: Name = required, live;
        /// Its name.
        name: Name = required, live;
        /// The section of the form under which it stands.
        section: Option<Label> = derived, live;
        /// What is asked.
        text: Line = required, live;
        /// The most points.
        most: u32 = "10" in ["1", "100"], live;
        /// What it counts for beside others.
        weight: u32 = "1" in ["1", "100"], live;
        /// Whether a talk without a point here has failed, whatever its other answers.
        fatal: bool = "false", live;
    }
}

/// Forms are there once and ask something; a question belongs to a form and is there once.
pub(super) fn check(
    forms: &[(usize, ScoreForm)],
    questions: &[(usize, ScoreQuestion)],
    reader: &mut Reader<'_>,
) {
    let first = |at: At, what: &str| format!("{what} stands in line {} already", at.line);
    for (n, (nth, form)) in forms.iter().enumerate() {
        let place = reader.place("score_form", *nth, "name");
        if let Some((_, other)) = forms[..n].iter().find(|(_, other)| other.name == form.name) {
            let what = first(other.at, &format!("a form \"{}\"", form.name));
            reader.faults.error(&place, what, "give it another name");
        }
        if !questions.iter().any(|(_, question)| question.form == form.name) {
            let what = format!("form \"{}\" asks nothing", form.name);
            let remedy = format!("add a [[score_question]] with `form = \"{}\"`", form.name);
            reader.faults.error(&place, what, remedy);
        }
        if n == MOST_FORMS {
            let what = format!("there are more than {MOST_FORMS} forms");
            reader.faults.error(&place, what, "put some together");
        }
    }
    for (n, (nth, question)) in questions.iter().enumerate() {
        let twin = |(_, other): &&(usize, ScoreQuestion)| {
            other.form == question.form && other.name == question.name
        };
        if let Some((_, other)) = questions[..n].iter().find(twin) {
            let what = first(other.at, &format!("question \"{}\" of this form", question.name));
            let place = reader.place("score_question", *nth, "name");
            reader.faults.error(&place, what, "give it another name");
        }
        let place = reader.place("score_question", *nth, "form");
        if !forms.iter().any(|(_, form)| form.name == question.form) {
            let what = format!("there is no form \"{}\"", question.form);
            let remedy = format!("add a [[score_form]] with `name = \"{}\"`", question.form);
            reader.faults.error(&place, what, remedy);
        }
        if n == MOST_QUESTIONS {
            let what = format!("there are more than {MOST_QUESTIONS} questions");
            reader.faults.error(&place, what, "leave some out");
        }
    }
}
