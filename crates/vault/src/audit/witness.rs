//! What a change says of itself before it is committed.

use super::{Entry, Line, Outcome};
use crate::store::{Record, Refusal};

/// Goes with a change to the writer, and makes the line about what came of it.
#[derive(Debug)]
pub(crate) struct Witness {
    entry: Entry,
    done: Outcome,
    refused: fn(Refusal) -> Outcome,
}

impl Witness {
    /// `done` is what a change that is made leads to, `refused` what a refusal does.
    pub(crate) fn new(entry: &Entry, done: Outcome, refused: fn(Refusal) -> Outcome) -> Self {
        Self { entry: entry.clone(), done, refused }
    }

    /// The line about a change that is going to be committed, or was refused.
    pub(crate) fn line(&self, result: &Result<Record, Refusal>) -> Line {
        let version = result.as_ref().ok().map(|record| record.version.as_str());
        self.entry.line(self.outcome(result), version)
    }

    /// The line got out.
    pub(crate) fn has_said(&self, result: &Result<Record, Refusal>) {
        self.entry.has_said(self.outcome(result));
    }

    fn outcome(&self, result: &Result<Record, Refusal>) -> Outcome {
        match result {
            Ok(_) => self.done,
            Err(refusal) => (self.refused)(*refusal),
        }
    }
}
