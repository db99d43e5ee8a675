//! What a kind of vault can do.

use crate::SecretValue;
use crate::provider::MAX_TAGS;

/// What a vault can do. A call for what it cannot do fails with [`Unsupported`](crate::ErrorKind::Unsupported), never with
/// success: who asks first is spared the call, who does not learns the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Secrets can be written, tagged and deleted.
    pub write: bool,
    /// A write keeps the versions before it; they can be listed and read.
    pub versions: bool,
    /// Versions carry tags, and these can be replaced.
    pub tags: bool,
    /// A deleted secret keeps its name, can be looked up, and comes back on demand.
    pub soft_delete: bool,
    /// A soft-deleted secret can be forgotten for good, before its time. A single vault may be protected against it.
    pub purge: bool,
    /// What was written is there when the process has ended.
    pub durable: bool,
    /// The longest value, in bytes of UTF-8.
    pub max_value_bytes: usize,
    /// How many tags a version takes.
    pub max_tags: usize,
}

impl Capabilities {
    /// What Azure Key Vault can do.
    pub const KEY_VAULT: Self = Self {
        write: true,
        versions: true,
        tags: true,
        soft_delete: true,
        purge: true,
        durable: true,
        max_value_bytes: SecretValue::MAX_BYTES,
        max_tags: MAX_TAGS,
    };

    /// What is missing for Strongroom to keep its own secrets in such a vault, in words; nothing if it will do. A write that
    /// was cut short is taken back by way of versions, and whose a secret is stands in its tags.
    pub fn missing_to_manage(&self) -> Vec<&'static str> {
        [
            (self.write, "be written to"),
            (self.versions, "keep older versions"),
            (self.tags && self.max_tags >= MAX_TAGS, "keep 15 tags"),
        ]
        .into_iter()
        .filter_map(|(there, what)| (!there).then_some(what))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_vault_will_do_and_a_reader_is_told_what_it_lacks() {
        assert_eq!(Capabilities::KEY_VAULT.missing_to_manage(), Vec::<&str>::new());
        let reader = Capabilities { write: false, max_tags: 3, ..Capabilities::KEY_VAULT };
        assert_eq!(reader.missing_to_manage(), ["be written to", "keep 15 tags"]);
    }
}
