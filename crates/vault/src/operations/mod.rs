//! What can be done with secrets, and the table of the paths that mean it.
//!
//! The table ([`routes`]) is what authorization, audit, quota and the tests go by. What an operation does is in
//! [`data_plane`](crate::data_plane).

mod route;

use serde::Serialize;

pub(crate) use route::{NoRoute, Target, find, named};
pub use route::{RouteInfo, routes};

use crate::access::Action;

/// What can be done with secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[allow(missing_docs, reason = "named as in Azure's reference")]
pub enum Operation {
    SetSecret,
    GetSecret,
    UpdateSecret,
    DeleteSecret,
    ListSecrets,
    ListVersions,
    ListDeleted,
    GetDeleted,
    PurgeDeleted,
    RecoverDeleted,
    BackupSecret,
    RestoreSecret,
}

impl Operation {
    /// The action that the caller's roles must grant.
    pub(crate) fn action(self) -> Action {
        match self {
            Self::SetSecret => Action::Set,
            Self::GetSecret => Action::Get,
            Self::UpdateSecret => Action::Update,
            Self::DeleteSecret => Action::Delete,
            Self::ListSecrets | Self::ListVersions | Self::ListDeleted | Self::GetDeleted => {
                Action::ReadMetadata
            }
            Self::PurgeDeleted => Action::Purge,
            Self::RecoverDeleted => Action::Recover,
            Self::BackupSecret => Action::Backup,
            Self::RestoreSecret => Action::Restore,
        }
    }

    /// Whether it makes a version. Azure counts these apart.
    pub(crate) fn creates(self) -> bool {
        matches!(self, Self::SetSecret | Self::RestoreSecret)
    }

    /// Whether it takes so much memory that it has to wait for its turn.
    pub(crate) fn is_heavy(self) -> bool {
        matches!(self, Self::BackupSecret | Self::RestoreSecret)
    }
}
