//! The way to the one thread that writes.
//!
//! Callers put their lines into a bounded queue and wait. The thread takes all that wait, hands them over with one call of the
//! operating system, and tells each caller. It is a thread of its own since such a call can hang (a pipe that nobody reads), and
//! must not take the server with it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::output::Output;
use super::{DEADLINE, Destination, Line, Outcome};
use crate::error::{Error, ErrorKind, Result};

/// How many callers may wait. More than that means that the thread has stopped.
const QUEUE: usize = 16 * 1024;

/// The lines were not handed over in time, or cannot be: what they tell of must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unrecorded;

/// The audit trail.
#[derive(Debug)]
pub(crate) struct Audit {
    /// `None` if it is off.
    shared: Option<Arc<Shared>>,
    /// How many lines were not taken.
    unrecorded: Counter,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to do for the thread.
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Request>,
    closing: bool,
    /// Since when the thread is inside a call of the operating system.
    writing_since: Option<Instant>,
    /// Why the last call failed.
    failure: Option<String>,
}

#[derive(Debug)]
struct Request {
    lines: Vec<Line>,
    answer: oneshot::Sender<Result<(), Unrecorded>>,
}

impl Audit {
    /// Opens the destination and starts the thread.
    ///
    /// # Errors
    /// [`File`](ErrorKind::File) if the destination cannot be opened.
    pub(crate) fn open(destination: &Destination) -> Result<Self> {
        let Some(output) = Output::open(destination)? else {
            return Ok(Self { shared: None, unrecorded: Counter::default(), thread: Mutex::default() });
        };
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || run(&own, output))
            .map_err(|error| {
                Error::new(ErrorKind::File, "cannot start the thread of the audit trail").with_source(error)
            })?;
        Ok(Self { shared: Some(shared), unrecorded: Counter::default(), thread: Mutex::new(Some(thread)) })
    }

    /// A trail that records nothing.
    #[cfg(test)]
    pub(crate) fn off() -> Arc<Self> {
        Arc::new(Self { shared: None, unrecorded: Counter::default(), thread: Mutex::default() })
    }

    /// Hands lines to the operating system, and waits for that, for [`DEADLINE`] at most.
    ///
    /// Lines whose caller gives up are not written; if that comes too late, a second line follows each.
    ///
    /// # Errors
    /// [`Unrecorded`]. [`problem`](Self::problem) tells why.
    pub(crate) async fn record(&self, lines: Vec<Line>) -> Result<(), Unrecorded> {
        let Some(shared) = &self.shared else { return Ok(()) };
        let count = lines.len() as u64;
        let recorded = hand_over(shared, lines).await;
        if recorded.is_err() {
            self.unrecorded.inc_by(count);
        }
        recorded
    }

    /// How many lines were not taken, since the beginning.
    pub(crate) fn unrecorded(&self) -> &Counter {
        &self.unrecorded
    }

    /// Why nothing can be recorded at the moment, for people.
    pub(crate) fn problem(&self) -> Option<String> {
        let state = self.shared.as_ref()?.lock();
        match (state.stuck(), &state.failure) {
            (true, _) => Some("the audit trail has not taken a line for over a second".to_owned()),
            (false, Some(failure)) => Some(format!("the audit trail cannot be written: {failure}")),
            (false, None) => None,
        }
    }

    /// Writes what waits and ends the thread. One that hangs is left behind.
    pub(crate) async fn close(&self) {
        let Some(shared) = &self.shared else { return };
        shared.lock().closing = true;
        shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let ended = timeout(DEADLINE, tokio::task::spawn_blocking(move || thread.join())).await;
            if !matches!(ended, Ok(Ok(Ok(())))) {
                tracing::error!("the audit trail did not end in order");
            }
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.lock().closing = true;
            shared.wake.notify_one();
        }
    }
}

impl Shared {
    /// A poisoned lock only says that another thread panicked; the queue behind it is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, request: Request) -> Result<(), Unrecorded> {
        let mut state = self.lock();
        // Who comes while the thread hangs is refused at once: waiting would only pile up.
        if state.closing || state.waiting.len() >= QUEUE || state.stuck() {
            return Err(Unrecorded);
        }
        state.waiting.push(request);
        let idle = state.writing_since.is_none() && state.waiting.len() == 1;
        drop(state);
        if idle {
            self.wake.notify_one();
        }
        Ok(())
    }
}

impl State {
    fn stuck(&self) -> bool {
        self.writing_since.is_some_and(|since| since.elapsed() > DEADLINE)
    }
}

/// Gives lines to the thread, and waits until they are with the operating system, or too late.
async fn hand_over(shared: &Shared, lines: Vec<Line>) -> Result<(), Unrecorded> {
    let (sender, mut receiver) = oneshot::channel();
    shared.submit(Request { lines, answer: sender })?;
    match timeout(DEADLINE, &mut receiver).await {
        Ok(answer) => answer.unwrap_or(Err(Unrecorded)),
        Err(_) => {
            // From here on the thread sees that nobody waits; what it had said before counts.
            receiver.close();
            receiver.try_recv().unwrap_or(Err(Unrecorded))
        }
    }
}

fn run(shared: &Shared, mut output: Output) {
    let mut requests = Vec::new();
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        {
            let mut state = shared.lock();
            state.writing_since = None;
            while state.waiting.is_empty() {
                if state.closing {
                    return;
                }
                state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut requests, &mut state.waiting);
            state.writing_since = Some(Instant::now());
        }
        requests.retain(|request| !request.answer.is_closed());
        buffer.clear();
        requests.iter().flat_map(|request| &request.lines).for_each(|line| line.write_to(&mut buffer));
        let written = output.write(&buffer);
        note(shared, written.as_ref().err());
        let answer = written.map_err(|_| Unrecorded);
        buffer.clear();
        for Request { lines, answer: caller } in requests.drain(..) {
            // The caller is gone, but its lines are out.
            if caller.send(answer).is_err() && answer.is_ok() {
                let corrected = |line| Line { outcome: Outcome::UNANSWERED, ..line };
                lines.into_iter().map(corrected).for_each(|line| line.write_to(&mut buffer));
            }
        }
        if !buffer.is_empty() {
            // Callers that came meanwhile wait for this call, not for the one that hung.
            shared.lock().writing_since = Some(Instant::now());
            note(shared, output.write(&buffer).err().as_ref());
        }
    }
}

/// Remembers how the last call ended; the first failure of a row is logged.
fn note(shared: &Shared, error: Option<&std::io::Error>) {
    let failure = error.map(ToString::to_string);
    let mut state = shared.lock();
    let changed = state.failure.is_some() != failure.is_some();
    state.failure.clone_from(&failure);
    drop(state);
    match failure {
        Some(error) if changed => {
            tracing::error!(error, "the audit trail cannot be written: calls are refused");
        }
        None if changed => tracing::info!("the audit trail can be written again"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;
    use std::process::Command;

    use super::super::line::tests::about;
    use super::*;

    fn open(path: &Path) -> Audit {
        Audit::open(&Destination::File { path: path.to_owned(), max_bytes: u64::MAX, keep: 1 }).unwrap()
    }

    #[tokio::test]
    async fn a_line_is_in_the_file_when_its_caller_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = open(&path);
        for number in 1..=3 {
            audit.record(vec![about("a"), about("b")]).await.unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2 * number);
        }
        assert_eq!(audit.problem(), None);
        audit.close().await;
        assert_eq!(audit.record(vec![about("a")]).await, Err(Unrecorded), "nothing is taken after the end");
    }

    #[tokio::test]
    async fn a_full_disk_refuses_and_says_so() {
        let audit = open(Path::new("/dev/full"));
        assert_eq!(audit.record(vec![about("a")]).await, Err(Unrecorded));
        assert!(audit.problem().unwrap().contains("No space left"), "{:?}", audit.problem());
        audit.close().await;
    }

    #[tokio::test]
    async fn what_is_off_takes_everything() {
        let audit = Audit::open(&Destination::Off).unwrap();
        assert_eq!(audit.record(vec![about("a")]).await, Ok(()));
        assert_eq!(audit.problem(), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_sink_that_hangs_stops_nobody_and_late_lines_are_corrected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        // Somebody has to have the pipe open for reading, or opening it for writing waits.
        let reader = {
            let path = path.clone();
            std::thread::spawn(move || std::fs::File::open(path).unwrap())
        };
        let audit = open(&path);
        let mut reader = reader.join().unwrap();
        let mut recorded = 0;
        let long = "x".repeat(2000);
        while audit.record(vec![about(&long)]).await.is_ok() {
            recorded += 1;
            assert!(recorded < 1000, "a pipe that nobody reads gets full");
        }
        assert!(audit.problem().unwrap().contains("over a second"), "{:?}", audit.problem());
        let before = Instant::now();
        assert_eq!(audit.record(vec![about("refused")]).await, Err(Unrecorded));
        assert!(before.elapsed() < DEADLINE, "who comes later does not wait");

        // Once it is read again, the line that was under way gets out, and its correction behind it.
        let (text, _reader) = tokio::task::spawn_blocking(move || {
            let (mut text, mut part) = (String::new(), [0; 64 * 1024]);
            while !text.contains("Unanswered") {
                let length = reader.read(&mut part).unwrap();
                text.push_str(std::str::from_utf8(&part[..length]).unwrap());
            }
            (text, reader)
        })
        .await
        .unwrap();
        assert_eq!(text.lines().count(), recorded + 2);
        assert!(!text.contains("refused"));
        audit.record(vec![about("again")]).await.unwrap();
        assert_eq!(audit.problem(), None);
    }
}
