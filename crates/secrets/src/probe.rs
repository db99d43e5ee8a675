//! What an identity may do with a vault's secrets, found out by doing it to one secret that nobody needs.
//!
//! [`run`] works on any [`Provider`]. It touches a single name, [`NAME`], and takes it away again. That a call answers "no such
//! secret" shows as well as a success that it is allowed: a vault looks at the right first. So what may not be written can
//! still be asked whether it may be deleted.

use std::fmt;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::{Instant, sleep};

use crate::{
    Capabilities, Error, ErrorKind, ListScope, NewSecret, Provider, Result, SecretName, SecretProperties,
    SecretUpdate, SecretVersion, Tags,
};

/// The name of the one secret that is written.
pub const NAME: &str = "strongroom-doctor-probe";

/// Its value. It is no secret, and tells that the name is ours.
const VALUE: &str = "written by strongroom doctor to see whether it may; it can be deleted";

/// How long to wait between two looks for what a vault needs time for.
const PAUSE: Duration = Duration::from_millis(250);

/// Something that can be done with secrets, as far as rights tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DataAction {
    /// Read a value.
    Get,
    /// List secrets and versions, and read everything but values.
    List,
    /// Write a value.
    Set,
    /// Change tags and attributes.
    Update,
    /// Delete, so that it can be recovered.
    Delete,
    /// Recover what was deleted.
    Recover,
    /// Delete for good.
    Purge,
}

impl DataAction {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::Get, Self::List, Self::Set, Self::Update, Self::Delete, Self::Recover, Self::Purge];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Set => "set",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Recover => "recover",
            Self::Purge => "purge",
        }
    }

    /// Whether it changes anything.
    pub fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::List)
    }
}

impl fmt::Display for DataAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What came of trying something.
#[derive(Debug)]
pub enum Outcome {
    /// The identity may do it.
    Allowed,
    /// The identity may not do it, says the vault.
    Denied(Error),
    /// It cannot be told: something else went wrong.
    Failed(Error),
    /// It was not tried; why, in words.
    NotTried(String),
}

/// What is left of the probe in the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing.
    Nothing,
    /// The name, soft-deleted: the next run recovers it.
    SoftDeleted,
    /// The secret, since it could not be deleted.
    Secret,
}

/// What was found out.
#[derive(Debug)]
pub struct Probed {
    /// Everything that was tried or not, in the order of [`DataAction::ALL`].
    pub outcomes: Vec<(DataAction, Outcome)>,
    /// What is left in the vault.
    pub left: Left,
}

impl Probed {
    /// What came of one action.
    pub fn outcome(&self, action: DataAction) -> Option<&Outcome> {
        self.outcomes.iter().find(|(tried, _)| *tried == action).map(|(_, outcome)| outcome)
    }

    /// Whether an action is allowed, as far as that is known.
    pub fn allows(&self, action: DataAction) -> bool {
        matches!(self.outcome(action), Some(Outcome::Allowed))
    }
}

/// Tries everything that can be done with secrets. `patience` is how long a vault may take to finish a deletion.
pub async fn run(provider: &dyn Provider, patience: Duration) -> Probed {
    match SecretName::new(NAME) {
        Ok(name) => Prober::new(provider, &name, patience).run().await,
        Err(_) => Probed { outcomes: Vec::new(), left: Left::Nothing },
    }
}

struct Prober<'a> {
    provider: &'a dyn Provider,
    can: Capabilities,
    name: &'a SecretName,
    patience: Duration,
    found: Vec<(DataAction, Outcome)>,
    /// Why nothing more is tried.
    over: Option<String>,
    left: Left,
}

impl<'a> Prober<'a> {
    fn new(provider: &'a dyn Provider, name: &'a SecretName, patience: Duration) -> Self {
        let (can, found) = (provider.capabilities(), Vec::new());
        Self { provider, can, name, patience, found, over: None, left: Left::Nothing }
    }

    async fn run(mut self) -> Probed {
        let listed = self.provider.list(ListScope::Secrets).next().await.transpose().map(drop);
        self.note(DataAction::List, listed);
        self.look().await;
        if self.can.write {
            let version = self.write().await;
            self.change(version).await;
            self.take_away().await;
        } else {
            self.over.get_or_insert_with(|| format!("the {} cannot be written to", self.provider));
        }
        let over = self.over.unwrap_or_else(|| "it did not come to it".to_owned());
        let mut found = self.found;
        let outcomes = DataAction::ALL.into_iter().map(|action| {
            let index = found.iter().position(|(tried, _)| *tried == action);
            index.map_or_else(|| (action, Outcome::NotTried(over.clone())), |index| found.swap_remove(index))
        });
        Probed { outcomes: outcomes.collect(), left: self.left }
    }

    /// Reads the probe, which is not there unless an earlier run was cut short.
    async fn look(&mut self) {
        if self.over.is_some() {
            return;
        }
        let found = self.provider.get(self.name, None).await;
        if let Ok(secret) = &found {
            if secret.value.expose() != VALUE {
                let name = self.name;
                self.over =
                    Some(format!("the vault holds a secret {name} that is somebody else's: rename that one"));
            } else {
                self.left = Left::Secret;
            }
        }
        self.note(DataAction::Get, found.map(drop));
    }

    /// Writes the probe, recovered first if an earlier run left it soft-deleted.
    async fn write(&mut self) -> Option<SecretVersion> {
        let mut written = self.set().await;
        if matches!(&written, Err(error) if error.kind() == ErrorKind::Deleted) && self.over.is_none() {
            self.left = Left::SoftDeleted;
            self.note(DataAction::Set, written.map(drop));
            let recovered = self.provider.recover(self.name).await;
            if !self.note(DataAction::Recover, recovered.map(drop)) {
                return None;
            }
            self.left = Left::Secret;
            written = self.set().await;
        }
        let version = written.as_ref().ok().and_then(|properties| properties.version.clone());
        if self.note(DataAction::Set, written.map(drop)) {
            self.left = Left::Secret;
            let read = self.provider.get(self.name, None).await;
            self.note(DataAction::Get, read.map(drop));
        }
        version
    }

    async fn set(&self) -> Result<SecretProperties> {
        if let Some(over) = &self.over {
            return Err(Error::new(ErrorKind::Unsupported, over));
        }
        let new = NewSecret {
            value: VALUE.into(),
            content_type: Some("text/plain".to_owned()),
            tags: self.tags("written"),
            ..NewSecret::default()
        };
        self.provider.set(self.name, new).await
    }

    fn tags(&self, state: &str) -> Tags {
        let tag = || ("strongroom-doctor".to_owned(), state.to_owned());
        if self.can.tags { Tags::from([tag()]) } else { Tags::new() }
    }

    /// Changes a version; without one, one that there is not.
    async fn change(&mut self, version: Option<SecretVersion>) {
        if self.over.is_some() {
            return;
        }
        let version = version.unwrap_or_else(|| SecretVersion::new("0".repeat(32)));
        let update = SecretUpdate {
            tags: self.can.tags.then(|| self.tags("changed")),
            content_type: Some("text/plain".to_owned()),
            ..SecretUpdate::default()
        };
        let changed = self.provider.update(self.name, &version, update).await;
        self.note(DataAction::Update, changed.map(drop));
    }

    /// Deletes the probe, recovers it, deletes it again, and purges it, as far as all that is allowed.
    async fn take_away(&mut self) {
        let deleted = self.delete().await;
        if !self.can.soft_delete {
            self.skip(DataAction::Recover, "what is deleted here is gone at once");
        } else if self.over.is_none() && !self.is_known(DataAction::Recover) {
            let recovered = self.until_there(deleted, || self.provider.recover(self.name)).await;
            if self.note(DataAction::Recover, recovered.map(drop)) {
                self.left = Left::Secret;
                self.delete().await;
            }
        }
        if !self.can.purge {
            self.skip(DataAction::Purge, "this kind of vault cannot do it");
        } else if self.over.is_none() {
            let expected = self.left == Left::SoftDeleted;
            let purged = self.until_there(expected, || self.provider.purge(self.name)).await;
            // With purge protection nobody may.
            match purged {
                Err(error) if error.kind() == ErrorKind::Unsupported => self.skip(
                    DataAction::Purge,
                    "the vault is protected against it: what is deleted stays until its retention is over",
                ),
                purged => {
                    if self.note(DataAction::Purge, purged) && expected {
                        self.left = Left::Nothing;
                    }
                }
            }
        }
    }

    /// Whether something was deleted.
    async fn delete(&mut self) -> bool {
        if self.over.is_some() {
            return false;
        }
        let deleted = self.provider.delete(self.name).await;
        let done = self.note(DataAction::Delete, deleted);
        if done {
            self.left = if self.can.soft_delete { Left::SoftDeleted } else { Left::Nothing };
        }
        done
    }

    /// Does something to the deleted probe, and again while a deletion that was just asked for is not finished.
    async fn until_there<T, F>(&self, expected: bool, mut call: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let deadline = Instant::now() + self.patience;
        loop {
            match call().await {
                Err(error)
                    if expected && error.kind() == ErrorKind::NotFound && Instant::now() < deadline =>
                {
                    sleep(PAUSE).await;
                }
                answer => return answer,
            }
        }
    }

    /// Notes what came of an action, and answers whether it took effect.
    fn note(&mut self, action: DataAction, result: Result<()>) -> bool {
        let done = result.is_ok();
        let outcome = match result {
            Ok(()) => Outcome::Allowed,
            Err(error) => match error.kind() {
                ErrorKind::NotFound
                | ErrorKind::AlreadyExists
                | ErrorKind::Deleted
                | ErrorKind::Busy
                | ErrorKind::Disabled => Outcome::Allowed,
                ErrorKind::PermissionDenied => Outcome::Denied(error),
                ErrorKind::Unsupported => Outcome::NotTried(error.message().to_owned()),
                // Any other call would meet the same.
                ErrorKind::NetworkDenied
                | ErrorKind::Unauthenticated
                | ErrorKind::Throttled
                | ErrorKind::Unavailable
                | ErrorKind::TimedOut
                | ErrorKind::Untrusted
                | ErrorKind::Configuration => {
                    self.over.get_or_insert_with(|| "the vault has failed before".to_owned());
                    Outcome::Failed(error)
                }
                _ => Outcome::Failed(error),
            },
        };
        match self.found.iter_mut().find(|(tried, _)| *tried == action) {
            None => self.found.push((action, outcome)),
            // What went wrong once is not made good by what went well at another time.
            Some((_, known)) if matches!(known, Outcome::Allowed) => *known = outcome,
            Some(_) => {}
        }
        done
    }

    fn skip(&mut self, action: DataAction, why: &str) {
        if !self.is_known(action) {
            self.found.push((action, Outcome::NotTried(why.to_owned())));
        }
    }

    fn is_known(&self, action: DataAction) -> bool {
        self.found.iter().any(|(tried, _)| *tried == action)
    }
}
