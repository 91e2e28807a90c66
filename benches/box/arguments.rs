//! What the command line asks for.

use std::time::Duration;

use crate::row::{ROWS, Row};

/// What is run.
pub struct Plan {
    pub rows: Vec<Row>,
    pub rounds: usize,
    pub span: Duration,
}

impl Plan {
    /// Reads the arguments; the error is what to print, help among it.
    pub fn of(mut arguments: impl Iterator<Item = String>) -> Result<Plan, String> {
        let mut plan = Plan { rows: ROWS.to_vec(), rounds: 5, span: Duration::from_secs(4) };
        let (mut calls, mut alone) = (None, false);
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or(format!("{argument} needs a value\n{}", help()));
            match argument.as_str() {
                "--rows" => plan.rows = rows(&value()?)?,
                "--rounds" => plan.rounds = number(&argument, &value()?)?,
                "--seconds" => {
                    plan.span = Duration::from_secs(number(&argument, &value()?)? as u64)
                }
                "--calls" => calls = Some(number(&argument, &value()?)?),
                "--alone" => alone = true,
                // Cargo's own.
                "--bench" => {}
                "--help" | "-h" => return Err(help()),
                other => return Err(format!("there is no {other}\n{}", help())),
            }
        }
        for row in &mut plan.rows {
            row.calls = calls.unwrap_or(row.calls);
            row.compared &= !alone;
        }
        Ok(plan)
    }
}

fn rows(names: &str) -> Result<Vec<Row>, String> {
    let row = |name: &str| ROWS.iter().find(|row| row.name == name).copied();
    let find = |name| row(name).ok_or_else(|| format!("there is no row '{name}'\n{}", help()));
    names.split(',').map(find).collect()
}

fn number(argument: &str, text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{argument} {text}: a number from 1 on is needed"))
}

fn help() -> String {
    let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    format!(
        "cargo bench --bench box -- [--rows NAME,…] [--rounds N] [--seconds N] [--calls N] [--alone]\n\
         --rows     some of: {}\n\
         --rounds   how often each is measured (5)\n\
         --seconds  how long each time (4)\n\
         --calls    as many calls in each row\n\
         --alone    Belfry without rtpengine",
        names.join(", ")
    )
}
