//! The calls that are under way, one a secret at most.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::{BoxFuture, Shared};

use crate::{Error, Secret, SecretName};

/// A call that any number of callers wait for. Whoever of them is left drives it on.
pub(super) type Flight = Shared<BoxFuture<'static, Result<Secret, Arc<Error>>>>;

/// The calls that are under way. A call is dropped from here when it ends, or when a write makes it old.
#[derive(Default)]
pub(super) struct Flights {
    by_name: HashMap<SecretName, (u64, Flight)>,
    count: u64,
}

impl Flights {
    /// The call for a secret that is under way, or a new one that gets the number by which it will [land](Self::land).
    pub(super) fn join_or(&mut self, name: &SecretName, take_off: impl FnOnce(u64) -> Flight) -> Flight {
        // A call that everybody gave up waiting for stands still: who joined it now would get its old age.
        self.by_name.retain(|_, (_, flight)| flight.strong_count().is_some_and(|holders| holders > 1));
        if let Some((_, flight)) = self.by_name.get(name) {
            return flight.clone();
        }
        self.count += 1;
        let flight = take_off(self.count);
        self.by_name.insert(name.clone(), (self.count, flight.clone()));
        flight
    }

    /// A call has ended; answers whether what it brought is still current.
    pub(super) fn land(&mut self, name: &SecretName, number: u64) -> bool {
        let is_current = self.by_name.get(name).is_some_and(|(current, _)| *current == number);
        if is_current {
            self.by_name.remove(name);
        }
        is_current
    }

    /// What a call under way will bring is old. Who waits for it gets it all the same: he asked before the write.
    pub(super) fn abandon(&mut self, name: &SecretName) {
        self.by_name.remove(name);
    }
}
