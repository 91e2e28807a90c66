//! `belfry man DIR` and `belfry completions SHELL`: man pages and completions for packages, made from the
//! one table of the command line and that of the console.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use super::cli::fail;
use crate::console::commands;

/// The section of the manual for commands.
const SECTION: &str = "1";

/// The console's commands, as `belfry console --help` and its man page show them.
pub(super) fn console_commands() -> String {
    let list = commands::help("").unwrap_or_default();
    format!("Commands on the console:\n{}", indented(&list))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// Writes `belfry.1` and a page for each command into `dir`.
pub(super) fn man(command: Command, dir: &Path) -> ExitCode {
    match pages(command, dir) {
        Ok(count) => {
            crate::console::out::outln!("{count} man pages in {}", dir.display());
            ExitCode::SUCCESS
        }
        Err(error) => fail(&format!("{}: {error}", dir.display())),
    }
}

fn pages(command: Command, dir: &Path) -> io::Result<usize> {
    std::fs::create_dir_all(dir)?;
    let mut command = command.disable_help_flag(true);
    command.build();
    let mut left = vec![command];
    let mut count = 0;
    while let Some(command) = left.pop() {
        // By `build` each has the name of its page: belfry-dialplan-explain.
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        let further = command.get_subcommands().filter(|c| !c.is_hide_set());
        left.extend(further.filter(|c| c.get_name() != "help" || name == "belfry").cloned());
        let man = clap_mangen::Man::new(command)
            .title(name.to_uppercase())
            .section(SECTION)
            .manual("Belfry")
            .source(concat!("Belfry ", env!("CARGO_PKG_VERSION")))
            // The day of the build would make each build another.
            .date("");
        let mut text = Vec::new();
        man.render(&mut text)?;
        let path: PathBuf = dir.join(format!("{name}.{SECTION}"));
        std::fs::File::create(path)?.write_all(&text)?;
        count += 1;
    }
    Ok(count)
}

/// Prints the completions of a shell.
pub(super) fn completions(mut command: Command, shell: Shell) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "belfry", &mut text);
    crate::console::out::out!("{}", String::from_utf8_lossy(&text));
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_and_the_consoles_page_names_its_commands() {
        let dir = tempfile::tempdir().unwrap();
        let count = pages(super::super::cli::command(), dir.path()).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(count > 10, "{count}");
        assert!(read("belfry.1").contains("A voice appliance"));
        assert!(read("belfry-dialplan-explain.1").contains("which route a call would take"));
        let console = read("belfry-console.1");
        for command in commands::COMMANDS {
            // A man page says where a line is not to be broken.
            let first = command.words.split(' ').next().unwrap().replace('-', "\\-");
            assert!(console.contains(&first), "{}", command.words);
        }
        assert!(dir.path().join("belfry-completions.1").exists());
    }
}
