//! A line that was typed, against the table of commands: read, helped with, and as the log has it.

use super::{Argument, COMMANDS, Command, Order};

/// Reads a line. The error says what to write instead.
pub fn parse(line: &str) -> Result<Order, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let fits = |command: &&Command| {
        let own: Vec<&str> = command.words.split(' ').collect();
        words.len() >= own.len() && own.iter().zip(&words).all(|(a, b)| a.eq_ignore_ascii_case(b))
    };
    let Some(command) = COMMANDS.iter().filter(fits).max_by_key(|command| command.words.len())
    else {
        return Err(unknown(&words.join(" ")));
    };
    let rest = words[command.words.split(' ').count()..].join(" ");
    match (command.argument, rest.as_str()) {
        (Argument::None, "") | (Argument::Rest(_), _) => {}
        (Argument::None, more) => {
            return Err(format!("'{}' takes nothing more: leave out '{more}'", command.words));
        }
        (Argument::Call | Argument::Record, "") => {
            return Err(format!("'{}' needs a call's id: {}", command.words, command.example));
        }
        (Argument::Word(known), word) if !known.contains(&word) => {
            return Err(format!("'{}' needs one of: {}", command.words, known.join(", ")));
        }
        (Argument::Words(_), "") => {
            return Err(format!(
                "'{}' is missing what follows: {}",
                form(command),
                command.example
            ));
        }
        (Argument::Call | Argument::Record | Argument::Word(_) | Argument::Words(_), _) => {}
    }
    (command.make)(&rest)
}

/// Why there is no such command; where it begins some, which ones.
fn unknown(line: &str) -> String {
    let begun = |command: &&Command| {
        command.words.strip_prefix(line).is_some_and(|rest| rest.starts_with(' '))
    };
    let longer: Vec<&str> =
        COMMANDS.iter().filter(begun).filter_map(|c| c.words.strip_prefix(line)).collect();
    if !longer.is_empty() && !line.is_empty() {
        return format!(
            "'{line}' is missing what follows, one of:{}; 'help {line}' tells about each",
            longer.join(",")
        );
    }
    let near = |command: &&Command| strsim::damerau_levenshtein(command.words, line);
    match COMMANDS.iter().min_by_key(near).filter(|c| near(c) <= 4) {
        _ if line.is_empty() => "write a command; 'help' lists them".into(),
        Some(command) => format!(
            "there is no command '{line}'; did you mean '{}'? 'help' lists all",
            command.words
        ),
        None => format!("there is no command '{line}'; 'help' lists them"),
    }
}

/// A command as the log has it: what it says of a person stays in the records, with who has changed it.
pub fn audited(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    // In any letters, as `parse` reads them.
    let is =
        |at: usize, own: &str| words.get(at).is_some_and(|word| word.eq_ignore_ascii_case(own));
    let kept = match words.len() {
        // How it ended is what became of somebody.
        3.. if is(0, "close") => 2,
        4.. if is(0, "subscriber") && is(1, "add") => 3,
        5.. if is(0, "subscriber") && is(1, "set") => 4,
        _ => return line.to_owned(),
    };
    format!("{} …", words[..kept].join(" "))
}

/// The list of commands, or the help on one, or on all that begin so.
pub fn help(topic: &str) -> Result<String, String> {
    if topic.is_empty() {
        let line = |c: &Command| format!("{:<38} {}\n", form(c), c.what);
        return Ok(COMMANDS.iter().map(line).collect());
    }
    let one = |c: &Command| format!("{}\n  {}\n  example: {}\n", form(c), c.what, c.example);
    let found: String = of_topic(topic).map(one).collect();
    if found.is_empty() { Err(unknown(topic)) } else { Ok(found) }
}

fn of_topic(topic: &str) -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().filter(move |command| {
        let rest = command.words.strip_prefix(topic);
        rest.is_some_and(|rest| topic.is_empty() || rest.is_empty() || rest.starts_with(' '))
    })
}

/// The same for machines.
pub fn help_listed(topic: &str) -> serde_json::Value {
    let one = |c: &Command| {
        let form = form(c);
        serde_json::json!({ "command": c.words, "form": form, "what": c.what, "example": c.example })
    };
    of_topic(topic).map(one).collect()
}

/// A command as it is written.
fn form(command: &Command) -> String {
    let argument = match command.argument {
        Argument::None => return command.words.into(),
        Argument::Call | Argument::Record => "CALL",
        Argument::Word(_) => "LEVEL",
        Argument::Words(words) | Argument::Rest(words) => words,
    };
    format!("{} {argument}", command.words)
}
