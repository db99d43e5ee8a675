//! The audit trail: one JSON line for each call of the data plane, never a value.
//!
//! A line has been handed to the operating system before its answer leaves; for a write, before the commit. If that fails or
//! takes over [`DEADLINE`], nothing is stored or shown: who cannot be watched is not served.
//!
//! [`line`](mod@line) is what a line says, [`entry`] what is known of a call while it runs, [`witness`] what goes with a change
//! to the store's writer, [`queue`] the way to the one thread that writes, many lines with one call, and [`output`] the file
//! with its rotation.
//!
//! What a line said can turn out to be wrong: the commit behind it fails, or the line itself gets out after its caller gave up.
//! Then a second line with the same request id states the true result; the last line of a request counts.

mod entry;
mod line;
mod output;
mod queue;
mod witness;

use std::time::Duration;

pub(crate) use entry::{CallId, Entry};
pub(crate) use line::{Line, Outcome, Subject};
pub(crate) use output::Destination;
pub(crate) use queue::{Audit, Unrecorded};
pub(crate) use witness::Witness;

/// How long a caller waits for its lines. Longer ones mean a full disk or a reader that has stopped.
const DEADLINE: Duration = Duration::from_secs(1);
