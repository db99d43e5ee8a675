//! Where settings were found, for who tells what to change.

use std::collections::BTreeMap;

use crate::error::Place;

/// Where settings were found. It says nothing of what they are: two settings that differ in this only are equal.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    pub(crate) places: BTreeMap<String, Place>,
    pub(crate) secrets_in_file: Vec<String>,
}

impl Origins {
    /// Where a setting was found, by the path of its key (`fernetConfiguration.fernetKey`); `None` if it was left out.
    pub fn place(&self, key: &str) -> Option<&Place> {
        self.places.get(key)
    }

    /// The keys of the secrets that stand in the file themselves, rather than in a variable or another file, sorted.
    pub fn secrets_in_file(&self) -> &[String] {
        &self.secrets_in_file
    }
}

impl PartialEq for Origins {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origins {}
