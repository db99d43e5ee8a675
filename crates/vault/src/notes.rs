//! What is wrong without keeping anybody from being served.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What went wrong without keeping anybody from being served, by the part that has to say it: a file that was changed and
/// cannot be used, so that what it said before still holds.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<BTreeMap<&'static str, String>>);

impl Notes {
    /// Says what is wrong with a part, in the place of what was said before. The text is shown to whoever asks.
    pub(crate) fn set(&self, part: &'static str, text: impl Into<String>) {
        self.lock().insert(part, text.into());
    }

    /// Says that a part is as it should be.
    pub(crate) fn clear(&self, part: &'static str) {
        self.lock().remove(part);
    }

    /// One line for each part that has a note.
    pub(crate) fn lines(&self) -> String {
        self.lock().iter().map(|(part, text)| format!("note: {part}: {text}\n")).collect()
    }

    /// A poisoned lock only says that another thread panicked; the map behind it is whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_one_note_at_a_time_until_it_is_right_again() {
        let notes = Notes::default();
        notes.set("vault.yaml", "line 3 is odd");
        notes.set("vault.yaml", "line 4 is odd");
        notes.set("tls", "the key is another certificate's");
        assert_eq!(
            notes.lines(),
            "note: tls: the key is another certificate's\nnote: vault.yaml: line 4 is odd\n"
        );
        notes.clear("tls");
        notes.clear("vault.yaml");
        notes.clear("vault.yaml");
        assert_eq!(notes.lines(), "");
    }
}
