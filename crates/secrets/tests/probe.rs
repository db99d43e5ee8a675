//! What an identity may do, found out by trying: on a vault that allows everything, or denies what a test says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use strongroom_secrets::memory::{Fault, MemoryProvider, Operation};
use strongroom_secrets::probe::{self, DataAction, Left, NAME, Outcome, Probed};
use strongroom_secrets::{ErrorKind, NewSecret, Provider, SecretName};

const PATIENCE: Duration = Duration::from_millis(100);

fn denying(operations: &'static [Operation]) -> MemoryProvider {
    let vault = MemoryProvider::new();
    vault.inject(move |call| {
        operations.contains(&call.operation).then_some(Fault::Before(ErrorKind::PermissionDenied))
    });
    vault
}

/// The actions whose outcome is of some sort.
fn those(probed: &Probed, is: impl Fn(&Outcome) -> bool) -> Vec<DataAction> {
    probed.outcomes.iter().filter(|(_, outcome)| is(outcome)).map(|(action, _)| *action).collect()
}

fn allowed(probed: &Probed) -> Vec<DataAction> {
    those(probed, |outcome| matches!(outcome, Outcome::Allowed))
}

fn denied(probed: &Probed) -> Vec<DataAction> {
    those(probed, |outcome| matches!(outcome, Outcome::Denied(_)))
}

#[tokio::test]
async fn who_may_do_everything_leaves_nothing_behind() {
    let vault = MemoryProvider::new();
    let before = vault.snapshot();
    let probed = probe::run(&vault, PATIENCE).await;
    assert_eq!((allowed(&probed), probed.left), (DataAction::ALL.to_vec(), Left::Nothing));
    assert_eq!(vault.snapshot(), before);
}

#[tokio::test]
async fn a_vault_that_is_protected_against_purging_keeps_one_name_and_the_next_run_recovers_it() {
    let vault = MemoryProvider::new();
    vault
        .inject(|call| (call.operation == Operation::Purge).then_some(Fault::Before(ErrorKind::Unsupported)));
    for _ in 0..3 {
        let probed = probe::run(&vault, PATIENCE).await;
        assert_eq!(allowed(&probed), DataAction::ALL[..6].to_vec());
        assert!(
            matches!(probed.outcome(DataAction::Purge), Some(Outcome::NotTried(why)) if why.contains("protected"))
        );
        assert_eq!(probed.left, Left::SoftDeleted);
    }
    assert_eq!(vault.names(), []);
}

#[tokio::test]
async fn who_may_only_read_is_denied_the_rest_and_nothing_is_written() {
    let vault = denying(&[
        Operation::Set,
        Operation::Update,
        Operation::Delete,
        Operation::Recover,
        Operation::Purge,
    ]);
    let probed = probe::run(&vault, PATIENCE).await;
    assert_eq!(allowed(&probed), [DataAction::Get, DataAction::List]);
    assert_eq!(denied(&probed), DataAction::ALL[2..].to_vec());
    assert_eq!((probed.left, vault.names().len()), (Left::Nothing, 0));
}

#[tokio::test]
async fn what_cannot_be_written_is_still_asked_whether_it_may_be_deleted() {
    let probed = probe::run(&denying(&[Operation::Set]), PATIENCE).await;
    assert_eq!(denied(&probed), [DataAction::Set]);
    assert_eq!(allowed(&probed).len(), DataAction::ALL.len() - 1);
}

#[tokio::test]
async fn what_cannot_be_deleted_is_told_and_taken_away_by_who_may() {
    let vault = denying(&[Operation::Delete]);
    let probed = probe::run(&vault, PATIENCE).await;
    assert_eq!((denied(&probed), probed.left), (vec![DataAction::Delete], Left::Secret));
    vault.heal();
    assert_eq!(probe::run(&vault, PATIENCE).await.left, Left::Nothing);
    assert_eq!(vault.names(), []);
}

#[tokio::test]
async fn a_secret_of_somebody_else_under_that_name_is_left_alone() {
    let vault = MemoryProvider::new();
    let name = SecretName::new(NAME).unwrap();
    vault.set(&name, NewSecret { value: "hunter2".into(), ..NewSecret::default() }).await.unwrap();
    let before = vault.snapshot();
    let probed = probe::run(&vault, PATIENCE).await;
    assert_eq!(allowed(&probed), [DataAction::Get, DataAction::List]);
    assert!(
        matches!(probed.outcome(DataAction::Set), Some(Outcome::NotTried(why)) if why.contains("somebody else's"))
    );
    assert_eq!(vault.snapshot(), before);
    assert!(!format!("{probed:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_vault_that_fails_as_a_whole_is_asked_once() {
    for kind in [ErrorKind::NetworkDenied, ErrorKind::Unavailable, ErrorKind::Unauthenticated] {
        let vault = MemoryProvider::new();
        vault.inject(move |_| Some(Fault::Before(kind)));
        let probed = probe::run(&vault, PATIENCE).await;
        let failed =
            those(&probed, |outcome| matches!(outcome, Outcome::Failed(error) if error.kind() == kind));
        assert_eq!(failed, [DataAction::List], "{kind:?}");
        assert_eq!(those(&probed, |outcome| matches!(outcome, Outcome::NotTried(_))).len(), 6);
        assert_eq!((vault.count(Operation::Get), vault.count(Operation::Set)), (0, 0));
    }
}
