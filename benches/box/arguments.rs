//! What the command line asks for.

use std::time::Duration;

use crate::row::{ROWS, Row};

/// By what Belfry's workers can get their packets, as its configuration has it.
const BACKENDS: [&str; 4] = ["auto", "steered", "io-uring", "mio"];
/// By which rooms are chosen among the rows.
const ROOMS: &str = "rooms";

/// What is run.
pub struct Plan {
    pub rows: Vec<Row>,
    pub rounds: usize,
    pub span: Duration,
    /// Whether JSON is printed instead of tables.
    pub json: bool,
    /// Whether rooms are measured too.
    pub rooms: bool,
}

impl Plan {
    /// Reads the arguments; the error is what to print, help among it.
    pub fn of(mut arguments: impl Iterator<Item = String>) -> Result<Plan, String> {
        let mut plan = Plan {
            rows: ROWS.to_vec(),
            rounds: 5,
            span: Duration::from_secs(4),
            json: false,
            rooms: true,
        };
        let (mut calls, mut alone, mut backend) = (None, false, None);
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or(format!("{argument} needs a value\n{}", help()));
            match argument.as_str() {
                "--rows" => (plan.rows, plan.rooms) = rows(&value()?)?,
                "--backend" => backend = Some(self::backend(&value()?)?),
                "--json" => plan.json = true,
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
            row.backend = backend.unwrap_or(row.backend);
        }
        Ok(plan)
    }
}

/// Rows by their names, and whether rooms are among them.
fn rows(names: &str) -> Result<(Vec<Row>, bool), String> {
    let row = |name: &str| ROWS.iter().find(|row| row.name == name).copied();
    let find = |name| row(name).ok_or_else(|| format!("there is no row '{name}'\n{}", help()));
    let (rooms, rows): (Vec<_>, Vec<_>) = names.split(',').partition(|name| *name == ROOMS);
    Ok((rows.into_iter().map(find).collect::<Result<_, _>>()?, !rooms.is_empty()))
}

/// One of the backends' names.
fn backend(name: &str) -> Result<&'static str, String> {
    let known = BACKENDS.into_iter().find(|known| *known == name);
    known.ok_or_else(|| format!("--backend {name}: one of {}", BACKENDS.join(", ")))
}

fn number(argument: &str, text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{argument} {text}: a number from 1 on is needed"))
}

fn help() -> String {
    let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    format!(
        "cargo bench --bench box -- [--rows NAME,…] [--rounds N] [--seconds N] [--calls N] \
         [--backend NAME] [--alone] [--json]\n\
         --rows     some of: {}, {ROOMS}\n\
         --rounds   how often each is measured (5)\n\
         --seconds  how long each time (4)\n\
         --calls    as many calls in each row\n\
         --backend  by what Belfry gets its packets in each row: {}\n\
         --alone    Belfry without rtpengine\n\
         --json     figures and promises for programs instead of tables",
        names.join(", "),
        BACKENDS.join(", ")
    )
}
