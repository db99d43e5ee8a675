//! The environment variables, handed in as a value so that a test can choose them.

use std::collections::BTreeMap;
use std::fmt;

use strongroom_secrets::SecretValue;

/// A set of environment variables.
///
/// Some hold passwords, so `Debug` shows the names only. A variable whose value is not Unicode counts as not set.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, SecretValue>);

impl Environment {
    /// The variables of this process. Nothing else in this crate looks at them.
    pub fn process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value exactly as it is set; an empty one counts as set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(SecretValue::expose)
    }

    /// Whether the variable is set to something that is not empty.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_empty())
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), SecretValue::new(value.into())))
                .collect(),
        )
    }
}

impl<N: Into<String>, V: Into<String>, const COUNT: usize> From<[(N, V); COUNT]> for Environment {
    fn from(variables: [(N, V); COUNT]) -> Self {
        variables.into_iter().collect()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
