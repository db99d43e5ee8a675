//! The cases that every provider passes, against the real client of the real protocol.
//!
//! A provider's own tests make an instance and call [`run`]. The suite goes by the provider's [`Capabilities`]: what it can do
//! it must do right, what it cannot it must refuse. It uses names that no other run has, leaves foreign secrets alone, and
//! deletes what it made.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};

use crate::random::SystemRandom;
use crate::{
    Capabilities, Error, ErrorKind, ListScope, NewSecret, Provider, Random, Secret, SecretName,
    SecretProperties, SecretUpdate, SecretVersion, Tags,
};

/// How often the suite looks again where a service may take its time, with [`PAUSE`] in between: a minute in all.
const LOOKS: usize = 240;
const PAUSE: Duration = Duration::from_millis(250);

/// More secrets than fit on one page of a Key Vault listing (25).
const MORE_THAN_A_PAGE: usize = 30;

/// Runs every case against `provider`, which may hold other secrets and must be allowed to do everything.
///
/// # Panics
/// With a message that names the case, if the provider does not do what the trait promises.
pub async fn run(provider: &dyn Provider) {
    let suite = Suite::new(provider);
    if !suite.can.write {
        suite.a_reader_refuses_to_write().await;
        return;
    }
    suite.what_is_not_there_is_not_found().await;
    suite.what_was_written_is_read().await;
    suite.every_legal_value_survives().await;
    suite.what_is_too_long_is_refused().await;
    suite.the_latest_version_is_read_and_the_others_stay().await;
    suite.names_compare_without_case().await;
    if suite.can.tags {
        suite.tags_are_replaced_on_one_version().await;
    } else {
        suite.without_tags_none_are_taken().await;
    }
    suite.an_update_leaves_what_it_does_not_name().await;
    suite.a_disabled_secret_is_not_read().await;
    suite.dates_are_kept_and_do_not_block().await;
    if suite.can.soft_delete {
        suite.a_deleted_secret_keeps_its_name_and_comes_back().await;
    } else {
        suite.a_deleted_secret_is_gone().await;
    }
    if suite.can.soft_delete && suite.can.purge {
        suite.a_purged_secret_is_gone_and_its_name_free().await;
    } else {
        suite.a_purge_is_refused().await;
    }
    suite.a_listing_has_every_secret_once().await;
    suite.writes_at_the_same_time_are_all_kept().await;
    suite.clean_up().await;
}

struct Suite<'a> {
    provider: &'a dyn Provider,
    can: Capabilities,
    prefix: String,
}

impl<'a> Suite<'a> {
    fn new(provider: &'a dyn Provider) -> Self {
        let random: &dyn Random = &SystemRandom;
        let prefix = format!("conformance-{}", &random.uuid().simple().to_string()[..12]);
        Self { provider, can: provider.capabilities(), prefix }
    }

    fn name(&self, case: &str) -> SecretName {
        must("make a name", SecretName::new(format!("{}-{case}", self.prefix)))
    }

    async fn set(&self, name: &SecretName, new: NewSecret) -> SecretProperties {
        must(&format!("write {name}"), self.provider.set(name, new).await)
    }

    async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Secret {
        must(&format!("read {name}"), self.provider.get(name, version).await)
    }

    /// Tags, for a vault that keeps some.
    fn if_kept(&self, tags: Tags) -> Tags {
        if self.can.tags { tags } else { Tags::new() }
    }

    /// The suite's own secrets in `scope`.
    async fn list(&self, scope: ListScope<'_>) -> Vec<SecretProperties> {
        let all: Vec<_> = must(&format!("list {scope:?}"), self.provider.list(scope).try_collect().await);
        all.into_iter().filter(|secret| secret.name.key().starts_with(&self.prefix)).collect()
    }

    async fn what_is_not_there_is_not_found(&self) {
        let name = self.name("absent");
        let version = SecretVersion::new("0".repeat(32));
        let missing = |what: &str, result: Result<(), Error>| expect_kind(what, result, ErrorKind::NotFound);
        missing("read an absent secret", self.provider.get(&name, None).await.map(drop));
        missing("read an absent version", self.provider.get(&name, Some(&version)).await.map(drop));
        let update = SecretUpdate { content_type: Some("a/b".to_owned()), ..SecretUpdate::default() };
        missing("update an absent version", self.provider.update(&name, &version, update).await.map(drop));
        missing("delete an absent secret", self.provider.delete(&name).await);
        if self.can.soft_delete {
            missing("look up what is not deleted", self.provider.get_deleted(&name).await.map(drop));
            missing("recover what is not deleted", self.provider.recover(&name).await.map(drop));
        }
        assert_eq!(self.list(ListScope::Versions(&name)).await, [], "an absent secret has no versions");

        self.set(&name, value("there now")).await;
        missing("read another version", self.provider.get(&name, Some(&version)).await.map(drop));
        if self.can.soft_delete {
            missing("look up what is alive", self.provider.get_deleted(&name).await.map(drop));
        }
    }

    async fn a_reader_refuses_to_write(&self) {
        let name = self.name("read-only");
        let absent = self.provider.get(&name, None).await.map(drop);
        expect_kind("read an absent secret", absent, ErrorKind::NotFound);
        let unsupported = |what: &str, result| expect_kind(what, result, ErrorKind::Unsupported);
        unsupported("write", self.provider.set(&name, value("a")).await.map(drop));
        let update = self.provider.update(&name, &SecretVersion::new("1"), SecretUpdate::default()).await;
        unsupported("update", update.map(drop));
        unsupported("delete", self.provider.delete(&name).await);
        unsupported("recover", self.provider.recover(&name).await.map(drop));
        unsupported("purge", self.provider.purge(&name).await);
    }

    async fn what_was_written_is_read(&self) {
        let name = self.name("written");
        let new = NewSecret {
            value: "a value".into(),
            content_type: Some("text/plain".to_owned()),
            tags: self.if_kept(tags(&[("owner", "me"), ("a:b", "c d/ü")])),
            ..NewSecret::default()
        };
        let answered = self.set(&name, new.clone()).await;
        let read = self.get(&name, None).await;
        assert_eq!(read.value, new.value, "the value is what was written");
        assert_eq!(read.properties.content_type, new.content_type, "the content type is what was written");
        assert_eq!(read.properties.tags, new.tags, "the tags are what was written");
        assert!(read.properties.enabled, "a new secret is enabled");
        assert!(answered.version.is_some(), "a write answers with the version it made");
        assert_eq!(read.properties.version, answered.version, "the version read is the one that was written");
        assert!(
            read.properties.created.is_some() && read.properties.updated.is_some(),
            "a version has its dates"
        );
    }

    async fn every_legal_value_survives(&self) {
        let name = self.name("values");
        let longest = "x".repeat(self.can.max_value_bytes);
        // Two bytes each in UTF-8: the limit is in bytes.
        let longest_in_bytes = "ü".repeat(self.can.max_value_bytes / 2);
        let key = "-----BEGIN KEY-----\nAAAA\r\n-----END KEY-----\n";
        for text in
            ["", " ", "secret:a", "*********", "\"\\\u{0}\u{7f}\u{2028}😀", key, &longest, &longest_in_bytes]
        {
            self.set(&name, value(text)).await;
            assert!(
                self.get(&name, None).await.value.expose() == text,
                "a value of {} bytes survives",
                text.len()
            );
        }
    }

    async fn what_is_too_long_is_refused(&self) {
        let name = self.name("too-long");
        let refused = |what: &str, result: Result<SecretProperties, Error>| {
            expect_kind(what, result.map(drop), ErrorKind::InvalidInput);
        };
        let too_long = value(&"x".repeat(self.can.max_value_bytes + 1));
        refused("write a value that is too long", self.provider.set(&name, too_long).await);
        if self.can.tags {
            let too_many: Tags =
                (0..=self.can.max_tags).map(|n| (format!("tag{n}"), String::new())).collect();
            let tagged = NewSecret { tags: too_many, ..value("a") };
            refused("write too many tags", self.provider.set(&name, tagged).await);
        }
        let absent = self.provider.get(&name, None).await.map(drop);
        expect_kind("a refused write leaves nothing behind", absent, ErrorKind::NotFound);
    }

    async fn the_latest_version_is_read_and_the_others_stay(&self) {
        let name = self.name("versions");
        let first = self.set(&name, value("1")).await.version;
        let second = self.set(&name, value("2")).await.version;
        assert_ne!(first, second, "each write makes a version of its own");
        assert_eq!(self.get(&name, None).await.value, "2".into(), "the latest version is read");
        if !self.can.versions {
            let older = self.provider.get(&name, first.as_ref()).await.map(drop);
            return expect_kind("read a version that was not kept", older, ErrorKind::NotFound);
        }
        assert_eq!(
            self.get(&name, first.as_ref()).await.value,
            "1".into(),
            "an older version stays as it was"
        );
        let listed: BTreeSet<_> =
            self.list(ListScope::Versions(&name)).await.into_iter().map(|v| v.version).collect();
        assert_eq!(
            listed,
            BTreeSet::from([first, second]),
            "both versions are listed, with their identifiers"
        );
    }

    async fn names_compare_without_case(&self) {
        let mixed = self.name("Mixed-Case");
        let lower = must("make a name", SecretName::new(mixed.key()));
        let upper = must("make a name", SecretName::new(mixed.as_str().to_ascii_uppercase()));
        self.set(&mixed, value("1")).await;
        self.set(&upper, value("2")).await;
        assert_eq!(self.get(&lower, None).await.value, "2".into(), "the case of a name does not matter");
        let expected = if self.can.versions { 2 } else { 1 };
        assert_eq!(
            self.list(ListScope::Versions(&lower)).await.len(),
            expected,
            "both writes are versions of one secret"
        );
    }

    async fn tags_are_replaced_on_one_version(&self) {
        let name = self.name("tags");
        let old = tags(&[("a", "1"), ("b", "2")]);
        let first = self.set(&name, NewSecret { tags: old.clone(), ..value("1") }).await.version;
        let second = self.set(&name, NewSecret { tags: old.clone(), ..value("2") }).await.version;
        let (Some(first), Some(second)) = (first, second) else {
            panic!("a write answers with the version it made")
        };

        let new = tags(&[("b", "3")]);
        let update = SecretUpdate::tags(new.clone());
        let answered = must("replace tags", self.provider.update(&name, &second, update).await);
        assert_eq!(answered.tags, new, "replacing tags answers with the new ones");
        assert_eq!(answered.version.as_ref(), Some(&second), "replacing tags makes no version");
        let latest = self.get(&name, None).await;
        assert_eq!(
            (latest.properties.tags, latest.value),
            (new, "2".into()),
            "the tags are new, the value is not"
        );
        if self.can.versions {
            assert_eq!(
                self.get(&name, Some(&first)).await.properties.tags,
                old,
                "another version keeps its tags"
            );
        }

        let update = SecretUpdate::tags(Tags::new());
        must("take all tags away", self.provider.update(&name, &second, update).await);
        assert_eq!(self.get(&name, None).await.properties.tags, Tags::new(), "all tags can be taken away");
    }

    async fn without_tags_none_are_taken(&self) {
        let name = self.name("tags");
        let tagged = NewSecret { tags: tags(&[("a", "1")]), ..value("1") };
        let refused = self.provider.set(&name, tagged).await.map(drop);
        expect_kind("write with tags where there are none", refused, ErrorKind::Unsupported);
        let Some(version) = self.set(&name, value("1")).await.version else {
            panic!("a write answers with the version it made")
        };
        let update = SecretUpdate::tags(tags(&[("a", "1")]));
        let refused = self.provider.update(&name, &version, update).await.map(drop);
        expect_kind("tag where there are no tags", refused, ErrorKind::Unsupported);
    }

    async fn an_update_leaves_what_it_does_not_name(&self) {
        let name = self.name("updated");
        let new = NewSecret {
            content_type: Some("text/plain".to_owned()),
            tags: self.if_kept(tags(&[("a", "1")])),
            not_before: Some(1_000_000_000),
            expires: Some(4_000_000_000),
            ..value("1")
        };
        let written = self.set(&name, new).await;
        let Some(version) = &written.version else { panic!("a write answers with the version it made") };
        let without_times = |properties: SecretProperties| SecretProperties { updated: None, ..properties };

        let new_tags = self.if_kept(tags(&[("b", "2")]));
        let update =
            SecretUpdate { tags: self.can.tags.then(|| new_tags.clone()), ..SecretUpdate::default() };
        let answered = must("update", self.provider.update(&name, version, update).await);
        let read = self.get(&name, None).await;
        let expected = SecretProperties { tags: new_tags, ..written.clone() };
        assert_eq!(read.value, "1".into(), "an update leaves the value");
        assert_eq!(answered, read.properties, "an update answers with what is read afterwards");
        assert_eq!(without_times(answered), without_times(expected.clone()), "new tags leave all else");

        let update = SecretUpdate {
            content_type: Some("application/json".to_owned()),
            expires: Some(4_100_000_000),
            ..SecretUpdate::default()
        };
        must("update", self.provider.update(&name, version, update).await);
        let expected = SecretProperties {
            content_type: Some("application/json".to_owned()),
            expires: Some(4_100_000_000),
            ..expected
        };
        let read = self.get(&name, None).await.properties;
        assert_eq!(without_times(read), without_times(expected), "the tags and the other date stay");
        assert_eq!(self.list(ListScope::Versions(&name)).await.len(), 1, "an update makes no version");
    }

    async fn a_disabled_secret_is_not_read(&self) {
        let name = self.name("disabled");
        let disabled = NewSecret { enabled: Some(false), ..value("1") };
        let properties = self.set(&name, disabled).await;
        assert!(!properties.enabled, "a write can disable");
        expect_kind(
            "read a disabled secret",
            self.provider.get(&name, None).await.map(drop),
            ErrorKind::Disabled,
        );
        let Some(version) = properties.version else { panic!("a write answers with the version it made") };
        let update = SecretUpdate { content_type: Some("a/b".to_owned()), ..SecretUpdate::default() };
        must("update a disabled version", self.provider.update(&name, &version, update).await);
        self.set(&name, value("2")).await;
        assert_eq!(self.get(&name, None).await.value, "2".into(), "a new version can be read again");
    }

    async fn dates_are_kept_and_do_not_block(&self) {
        let name = self.name("dates");
        // 2001 and 2096: expired, and not yet valid.
        let new = NewSecret { not_before: Some(4_000_000_000), expires: Some(1_000_000_000), ..value("1") };
        self.set(&name, new).await;
        let read = self.get(&name, None).await.properties;
        assert_eq!(
            (read.not_before, read.expires),
            (Some(4_000_000_000), Some(1_000_000_000)),
            "dates are kept"
        );
    }

    async fn a_deleted_secret_keeps_its_name_and_comes_back(&self) {
        let name = self.name("deleted");
        let first = self.set(&name, value("1")).await.version;
        let marked = self.if_kept(tags(&[("owner", "me")]));
        self.set(&name, NewSecret { tags: marked.clone(), ..value("2") }).await;
        must("delete", self.provider.delete(&name).await);

        let deleted = self.until_deleted(&name).await;
        assert_eq!(deleted.properties.name, name, "a deleted secret has its name");
        assert_eq!(deleted.properties.tags, marked, "a deleted secret has the tags of its latest version");
        assert!(deleted.deleted.is_some(), "a deleted secret says since when");
        expect_kind(
            "read a deleted secret",
            self.provider.get(&name, None).await.map(drop),
            ErrorKind::NotFound,
        );
        expect_kind("delete it again", self.provider.delete(&name).await, ErrorKind::NotFound);
        let written = self.provider.set(&name, value("3")).await.map(drop);
        expect_kind("write to a deleted name", written, ErrorKind::Deleted);
        let names =
            |listed: Vec<SecretProperties>| listed.into_iter().filter(|secret| secret.name == name).count();
        assert_eq!(names(self.list(ListScope::Deleted).await), 1, "it is among the deleted secrets");
        assert_eq!(names(self.list(ListScope::Secrets).await), 0, "it is not among the others");

        must("recover", self.provider.recover(&name).await);
        let latest = self.get(&name, None).await;
        assert_eq!(
            (latest.value, latest.properties.tags),
            ("2".into(), marked),
            "it is back at once, as it was"
        );
        if self.can.versions {
            assert_eq!(self.get(&name, first.as_ref()).await.value, "1".into(), "with its older versions");
        }
        expect_kind("recover it again", self.provider.recover(&name).await.map(drop), ErrorKind::NotFound);
        self.set(&name, value("3")).await;
        assert_eq!(self.get(&name, None).await.value, "3".into(), "a recovered secret can be written");
    }

    async fn a_deleted_secret_is_gone(&self) {
        let name = self.name("deleted");
        self.set(&name, value("1")).await;
        must("delete", self.provider.delete(&name).await);
        let gone = self.provider.get(&name, None).await.map(drop);
        expect_kind("read a deleted secret", gone, ErrorKind::NotFound);
        let unsupported = |what: &str, result| expect_kind(what, result, ErrorKind::Unsupported);
        unsupported("look up a deleted secret", self.provider.get_deleted(&name).await.map(drop));
        unsupported("recover", self.provider.recover(&name).await.map(drop));
        let listed: Result<Vec<_>, _> = self.provider.list(ListScope::Deleted).try_collect().await;
        unsupported("list what is deleted", listed.map(drop));
        self.set(&name, value("2")).await;
        assert_eq!(self.get(&name, None).await.value, "2".into(), "the name is free again");
    }

    async fn a_purged_secret_is_gone_and_its_name_free(&self) {
        let name = self.name("purged");
        let old = self.set(&name, value("1")).await.version;
        expect_kind("purge what is alive", self.provider.purge(&name).await, ErrorKind::NotFound);
        must("delete", self.provider.delete(&name).await);
        self.until_deleted(&name).await;
        must("purge", self.provider.purge(&name).await);
        let gone = self.provider.get_deleted(&name).await.map(drop);
        expect_kind("look up a purged secret", gone, ErrorKind::NotFound);
        self.set(&name, value("2")).await;
        assert_eq!(self.get(&name, None).await.value, "2".into(), "a purged name can be used again");
        let old = self.provider.get(&name, old.as_ref()).await.map(drop);
        expect_kind("read a version from before the purge", old, ErrorKind::NotFound);
    }

    async fn a_purge_is_refused(&self) {
        let name = self.name("not-purged");
        self.set(&name, value("1")).await;
        must("delete", self.provider.delete(&name).await);
        expect_kind("purge", self.provider.purge(&name).await, ErrorKind::Unsupported);
    }

    async fn a_listing_has_every_secret_once(&self) {
        let names: BTreeSet<_> = (0..MORE_THAN_A_PAGE).map(|n| self.name(&format!("listed-{n}"))).collect();
        let new = NewSecret { tags: self.if_kept(tags(&[("a", "b")])), ..value("1") };
        for name in &names {
            self.set(name, new.clone()).await;
        }
        let listed = self.list(ListScope::Secrets).await;
        let ours: Vec<_> = listed.into_iter().filter(|secret| names.contains(&secret.name)).collect();
        assert_eq!(ours.len(), names.len(), "every secret is listed once, on whatever page");
        assert!(ours.iter().all(|secret| secret.version.is_none()), "a listing of secrets names no versions");
        assert!(ours.iter().all(|secret| secret.tags == new.tags), "a listing has the tags");
    }

    async fn writes_at_the_same_time_are_all_kept(&self) {
        let name = self.name("concurrent");
        self.set(&name, value("0")).await;
        let writes = (1..=8).map(|n| self.set_owned(name.clone(), value(&n.to_string())));
        let versions: BTreeSet<_> =
            futures::stream::iter(writes).buffer_unordered(8).map(|written| written.version).collect().await;
        assert_eq!(versions.len(), 8, "each write at the same time makes a version of its own");
        if self.can.versions {
            assert_eq!(self.list(ListScope::Versions(&name)).await.len(), 9, "all of them are kept");
        }
        let latest = self.get(&name, None).await.properties.version;
        assert!(versions.contains(&latest), "the latest is one of them");
    }

    async fn set_owned(&self, name: SecretName, new: NewSecret) -> SecretProperties {
        self.set(&name, new).await
    }

    /// Looks until the deletion is done, which takes a real service some seconds.
    async fn until_deleted(&self, name: &SecretName) -> crate::DeletedSecret {
        for _ in 0..LOOKS {
            match self.provider.get_deleted(name).await {
                Err(error) if error.kind() == ErrorKind::NotFound => tokio::time::sleep(PAUSE).await,
                found => return must(&format!("look up deleted {name}"), found),
            }
        }
        panic!("a deleted secret can be looked up: {name} cannot after a minute");
    }

    async fn clean_up(&self) {
        for secret in self.list(ListScope::Secrets).await {
            must(&format!("delete {}", secret.name), self.provider.delete(&secret.name).await);
        }
    }
}

fn value(text: &str) -> NewSecret {
    NewSecret { value: text.into(), ..NewSecret::default() }
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn must<T, E: Debug>(what: &str, result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("must {what}: {error:?}"))
}

fn expect_kind(what: &str, result: Result<(), Error>, kind: ErrorKind) {
    match result {
        Ok(()) => panic!("{what}: must fail with {kind:?}, but it worked"),
        Err(error) => assert_eq!(error.kind(), kind, "{what}: {error:?}"),
    }
}
