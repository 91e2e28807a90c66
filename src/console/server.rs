//! The running side: a Unix socket on which operators ask, a line each.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, broadcast};

use super::Answer;
use super::commands::{self, Filter, Order};
use super::{render, users};
use crate::switch::Request;
use crate::switch::tracing::TRACE_OVER;

/// Operators at once; a further one is told so, and sent away.
const MAX_CONNECTIONS: usize = 32;
/// The longest line, in bytes.
const MAX_LINE: usize = 4_096;

/// Who carries out the orders.
pub trait Orders: Send + Sync + 'static {
    /// Carries one out; may take a moment, is called on a thread that may block.
    fn carry_out(&self, order: Order) -> Answer;
    /// Everything that happens from now on, a line of JSON each.
    fn events(&self) -> broadcast::Receiver<Arc<str>>;
    /// The lines about calls that are watched, from now on.
    fn traced(&self) -> broadcast::Receiver<Arc<str>>;
}

/// Who may open the socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operators {
    /// Belfry's own user, and its group.
    Own,
    /// Belfry's own user, and this group.
    Group(u32),
    /// Belfry's own user, and root: whose else it is to be, cannot be told.
    Nobody,
}

/// The console's socket; taken away when dropped.
pub struct Server {
    path: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Opens the socket, for its owner and for `operators`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Another appliance runs there, or the socket cannot be made. A group that Belfry's user may not give it to is
    /// none: it is for the owner alone then, and the log says so.
    pub fn start(path: &Path, operators: Operators, orders: Arc<dyn Orders>) -> io::Result<Server> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        // What an earlier run left behind; a running one is not pushed aside.
        if std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket()) {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                let running = format!("{}: another appliance runs here", path.display());
                return Err(io::Error::new(io::ErrorKind::AddrInUse, running));
            }
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        let mode = match operators {
            Operators::Own => 0o660,
            Operators::Nobody => 0o600,
            Operators::Group(gid) => match give(path, gid) {
                Ok(_) => 0o660,
                Err(why) => {
                    tracing::error!("{why}");
                    0o600
                }
            },
        };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        let task = tokio::spawn(accept(listener, orders));
        Ok(Server { path: path.to_owned(), task })
    }
}

/// Gives the socket at `path` to a group; whether it had not been that group's.
///
/// # Errors
/// Belfry's user may not, or there is no socket: what is to be done about it. It is then as it was.
pub fn give(path: &Path, gid: u32) -> Result<bool, String> {
    let shut = |error: io::Error| {
        format!(
            "{} cannot be given to the group {gid}: {error}: the console is for Belfry's user and root alone; \
             put Belfry's user into the group, and restart Belfry",
            path.display()
        )
    };
    let now = std::fs::symlink_metadata(path).map_err(shut)?;
    if now.gid() == gid && now.permissions().mode() & 0o777 == 0o660 {
        return Ok(false);
    }
    std::os::unix::fs::chown(path, None, Some(gid)).map_err(shut)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(shut)?;
    Ok(true)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, orders: Arc<dyn Orders>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        // Who waits in vain takes the exchange for dead.
        let Ok(place) = places.clone().try_acquire_owned() else {
            send_away(&stream);
            continue;
        };
        let orders = orders.clone();
        tokio::spawn(async move {
            let _ = serve(stream, orders).await;
            drop(place);
        });
    }
}

/// Says that all places are taken. A line fits into the buffer of a new connection: nothing is waited for.
fn send_away(stream: &UnixStream) {
    let why = format!(
        "all {MAX_CONNECTIONS} places of the console are taken: end sessions that are not needed \
         (pgrep -af 'belfry console'); calls are not concerned"
    );
    let _ = stream.try_write(&line_of(&Answer::full(why)));
}

async fn serve(stream: UnixStream, orders: Arc<dyn Orders>) -> io::Result<()> {
    let who = stream.peer_cred().map_or_else(|_| "unknown".to_owned(), |peer| user_of(&peer));
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut columns = None;
    loop {
        let line = match read_line(&mut reader).await? {
            Read::End => return Ok(()),
            Read::Line(line) => line,
            Read::Unfit(why) => {
                write(&mut writer, &Answer::refused(why)).await?;
                continue;
            }
        };
        let answer = match commands::parse(&line) {
            Ok(Order::Quit) => return Ok(()),
            Ok(Order::Events(filter)) => {
                let events = orders.events();
                return until_gone(&mut reader, show(&mut writer, events, &filter)).await;
            }
            Ok(Order::Columns(wanted)) => {
                columns = wanted;
                Answer::done("", serde_json::json!({ "columns": wanted }))
            }
            Ok(Order::Help(topic)) => match commands::help(&topic) {
                Ok(text) => Answer::done(text, commands::help_listed(&topic)),
                Err(why) => Answer::refused(why),
            },
            Ok(order) => {
                let order = order.named(&who);
                // Before the order: nothing is missed.
                let live = matches!(order, Order::Ask(Request::TraceOn(..)));
                let live = live.then(|| orders.traced());
                let (orders, effect) = (orders.clone(), order.has_effect());
                let carried = tokio::task::spawn_blocking(move || {
                    render::within(columns, || orders.carry_out(order))
                });
                let carried = carried.await;
                let answer =
                    carried.unwrap_or_else(|_| Answer::refused("the order failed; see the log"));
                if effect {
                    let outcome = if answer.ok { "done" } else { "refused" };
                    let said = commands::audited(&line);
                    tracing::info!(target: "belfry::audit", "console: {who}: {said}: {outcome}");
                }
                if let Some(lines) = live.filter(|_| answer.ok) {
                    return until_gone(&mut reader, traced(&mut writer, answer, lines)).await;
                }
                answer
            }
            Err(why) => Answer::refused(why),
        };
        write(&mut writer, &answer).await?;
    }
}

/// Who is at the other end.
fn user_of(peer: &tokio::net::unix::UCred) -> String {
    let process = peer.pid().map(|pid| pid.to_string());
    users::who(peer.uid(), process.as_deref())
}

/// What came.
enum Read {
    Line(String),
    /// A line that is no command, and why; it was read to its end.
    Unfit(String),
    /// Nobody is there any more.
    End,
}

/// One line, bounded.
async fn read_line(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Read> {
    let (mut line, mut long) = (Vec::new(), false);
    loop {
        let there = reader.fill_buf().await?;
        if there.is_empty() {
            return Ok(Read::End);
        }
        let end = there.iter().position(|byte| *byte == b'\n');
        let part = &there[..end.unwrap_or(there.len())];
        long |= line.len() + part.len() > MAX_LINE;
        if !long {
            line.extend_from_slice(part);
        }
        let taken = end.map_or(there.len(), |end| end + 1);
        reader.consume(taken);
        if end.is_some() {
            break;
        }
    }
    if long {
        return Ok(Read::Unfit(format!(
            "the line is too long: a command has at most {MAX_LINE} bytes; nothing was done"
        )));
    }
    Ok(match String::from_utf8(line) {
        Ok(line) => Read::Line(line.trim().to_owned()),
        Err(_) => Read::Unfit("the line is no UTF-8; nothing was done".into()),
    })
}

fn line_of(answer: &Answer) -> Vec<u8> {
    let mut line = serde_json::to_vec(answer).unwrap_or_default();
    line.push(b'\n');
    line
}

async fn write(writer: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    writer.write_all(&line_of(answer)).await
}

/// Shows what comes until it ends, or until who looks has gone: on a quiet night no line would tell of it, and the
/// place would stay taken. What is typed meanwhile is nobody's.
async fn until_gone(
    reader: &mut BufReader<OwnedReadHalf>,
    shown: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    let gone = async {
        loop {
            let typed = match reader.fill_buf().await {
                Ok(typed) if !typed.is_empty() => typed.len(),
                _ => return,
            };
            reader.consume(typed);
        }
    };
    tokio::select! {
        done = shown => done,
        () = gone => Ok(()),
    }
}

/// Shows lines about calls until the trace is over.
async fn traced(
    writer: &mut OwnedWriteHalf,
    answer: Answer,
    mut lines: broadcast::Receiver<Arc<str>>,
) -> io::Result<()> {
    let first = format!("{}\n", answer.text.trim_end());
    write(writer, &Answer { live: true, ..answer }).await?;
    writer.write_all(first.as_bytes()).await?;
    loop {
        let line = match lines.recv().await {
            Ok(line) => line,
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                format!("… {missed} lines are not shown").into()
            }
            Err(broadcast::error::RecvError::Closed) => return Ok(()),
        };
        writer.write_all(line.as_bytes()).await?;
        writer.write_all(b"\n").await?;
        if &*line == TRACE_OVER {
            return Ok(());
        }
    }
}

/// Shows what happens.
async fn show(
    writer: &mut OwnedWriteHalf,
    mut events: broadcast::Receiver<Arc<str>>,
    filter: &Filter,
) -> io::Result<()> {
    write(writer, &Answer { live: true, ..Answer::done("", serde_json::Value::Null) }).await?;
    loop {
        let line = match events.recv().await {
            Ok(line) if filter.wants(&line) => line,
            Ok(_) => continue,
            // A reader that is too slow misses some; it is told how many.
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                format!("{{\"missed\":{missed}}}").into()
            }
            Err(broadcast::error::RecvError::Closed) => return Ok(()),
        };
        writer.write_all(line.as_bytes()).await?;
        writer.write_all(b"\n").await?;
    }
}

#[cfg(test)]
mod tests;
