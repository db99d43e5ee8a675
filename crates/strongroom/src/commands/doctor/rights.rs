//! What the identity may do, by trying it, and which role that takes.

use strongroom_secrets::Provider;
use strongroom_secrets::probe::{DataAction, Left, NAME, Outcome, Probed};
use strongroom_secrets::remote::{Remote, Role, SignedIn};

use super::finding::Finding;
use super::subject::Subject;

/// What to do about a single right, where rights come by roles.
const TAKEN_BY_ROLE: &str = "rights.role says how";

/// The ids of the checks, in the order of [`DataAction::ALL`].
const IDS: [&str; 7] = [
    "rights.get",
    "rights.list",
    "rights.set",
    "rights.update",
    "rights.delete",
    "rights.recover",
    "rights.purge",
];

/// The checks, if nothing can be tried.
pub(super) fn not_tried(why: &str) -> Vec<Finding> {
    IDS.iter().chain(&["rights.role"]).map(|id| Finding::not_tried(id, why)).collect()
}

/// The checks of what was tried.
pub(super) fn findings(
    probed: &Probed,
    vault: &dyn Provider,
    subject: &Subject,
    signed_in: Option<&SignedIn>,
) -> Vec<Finding> {
    let needed = subject.needed();
    let remote = vault.remote();
    let least = remote.and_then(|remote| least(remote, needed));
    let tried = probed.outcomes.iter().zip(IDS);
    let mut findings: Vec<_> =
        tried.map(|((action, outcome), id)| right(id, *action, outcome, needed, least)).collect();
    findings.push(match (remote, least) {
        (Some(remote), Some(least)) => role(probed, remote, least, subject, signed_in),
        _ => Finding::not_tried(
            "rights.role",
            format!("the {vault} knows no roles: rights are those of its files"),
        ),
    });
    findings.push(left(probed, vault));
    findings
}

/// The least role that allows all of these.
fn least<'a>(remote: &'a dyn Remote, needed: &[DataAction]) -> Option<&'a Role> {
    remote.roles().iter().find(|role| role.suffices(needed))
}

/// Whether an action is more than is needed, so that it should be denied.
fn is_beyond(action: DataAction, needed: &[DataAction], least: Option<&Role>) -> bool {
    !needed.contains(&action)
        && match least {
            Some(role) => !role.grants.contains(&action),
            None => action.writes() && !needed.iter().any(|needed| needed.writes()),
        }
}

fn right(
    id: &'static str,
    action: DataAction,
    outcome: &Outcome,
    needed: &[DataAction],
    least: Option<&Role>,
) -> Finding {
    let is_needed = needed.contains(&action);
    let is_beyond = is_beyond(action, needed, least);
    match outcome {
        Outcome::Allowed if is_beyond => Finding::warning(
            id,
            "allowed, and not needed: who gets hold of this identity can do it too",
            match least {
                Some(_) => TAKEN_BY_ROLE,
                None => "let this user read the vault's files only",
            },
        ),
        Outcome::Allowed if is_needed => Finding::passed(id, "allowed"),
        Outcome::Allowed => Finding::passed(id, "allowed, though not needed"),
        Outcome::Denied(error) if is_needed => match least {
            Some(_) => Finding::refused(id, "denied, and needed", error, TAKEN_BY_ROLE),
            None => Finding::of_error(id, error),
        },
        Outcome::Denied(_) if is_beyond => Finding::passed(id, "denied, as it should be"),
        Outcome::Denied(_) => Finding::passed(id, "denied, and not needed"),
        Outcome::Failed(error) => Finding::of_error(id, error),
        Outcome::NotTried(why) => Finding::not_tried(id, why.clone()),
    }
}

fn role(
    probed: &Probed,
    remote: &dyn Remote,
    least: &Role,
    subject: &Subject,
    signed_in: Option<&SignedIn>,
) -> Finding {
    const ID: &str = "rights.role";
    let needed = subject.needed();
    let lacking: Vec<_> = needed.iter().copied().filter(|action| !probed.allows(*action)).collect();
    let denied = lacking.iter().find_map(|action| match probed.outcome(*action) {
        Some(Outcome::Denied(error)) => Some(error),
        _ => None,
    });
    let whose = format!("as {}", subject.principal.name());
    if let Some(refusal) = denied {
        let what = format!(
            "{whose}, {} is needed; the identity has {}, so it cannot {}",
            least.name,
            held(probed, remote),
            words(&lacking)
        );
        let advice = remote.how_to_grant(least, signed_in, Some(refusal));
        return Finding::failed(ID, what, "").advised(advice);
    }
    if !lacking.is_empty() {
        return Finding::not_tried(ID, format!("whether the identity may {} is not known", words(&lacking)));
    }
    let beyond: Vec<_> = DataAction::ALL
        .into_iter()
        .filter(|action| probed.allows(*action) && is_beyond(*action, needed, Some(least)))
        .collect();
    if beyond.is_empty() {
        let what = format!("{whose}, {} is enough, and the identity may do no more with secrets", least.name);
        return Finding::passed(ID, what);
    }
    let what = format!(
        "wider than needed: {whose}, {} is enough, and the identity may also {}: it has {}",
        least.name,
        words(&beyond),
        held(probed, remote)
    );
    Finding::warning(ID, what, "").advised(remote.how_to_narrow(least, signed_in))
}

/// What the identity has, named by the widest role that is all allowed, and what it may besides.
fn held(probed: &Probed, remote: &dyn Remote) -> String {
    let allowed: Vec<_> = DataAction::ALL.into_iter().filter(|action| probed.allows(*action)).collect();
    // A right that could not be tried (to purge, where a vault is protected against it) does not tell one role from another.
    let fits = |role: &&Role| {
        role.grants.iter().all(|action| {
            probed.allows(*action) || matches!(probed.outcome(*action), Some(Outcome::NotTried(_)))
        })
    };
    let role = remote.roles().iter().rfind(fits);
    match role {
        None if allowed.is_empty() => "no right at all".to_owned(),
        None => format!("the rights to {}", words(&allowed)),
        Some(role) => {
            let besides: Vec<_> =
                allowed.into_iter().filter(|action| !role.grants.contains(action)).collect();
            match besides.is_empty() {
                true => role.name.to_owned(),
                false => format!("{}, and the rights to {}", role.name, words(&besides)),
            }
        }
    }
}

fn words(actions: &[DataAction]) -> String {
    actions.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ")
}

fn left(probed: &Probed, vault: &dyn Provider) -> Finding {
    const ID: &str = "rights.probe";
    match probed.left {
        Left::Nothing if !probed.allows(DataAction::Set) => {
            Finding::passed(ID, "nothing was written to the vault")
        }
        Left::Nothing => Finding::passed(ID, "nothing is left in the vault of what was tried"),
        Left::SoftDeleted => {
            Finding::passed(ID, format!("the name {NAME} stays soft-deleted; the next run recovers it"))
        }
        Left::Secret => Finding::warning(
            ID,
            format!("the secret {NAME} is left in the {vault}: it could not be deleted"),
            "delete it; it holds nothing",
        )
        .command(format!("strongroom vault delete {NAME}")),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::{Error, ErrorKind};

    use super::super::finding::State;
    use super::*;

    const USER: &Role = &Role { name: "User", id: "u", grants: &[DataAction::Get, DataAction::List] };

    fn denied() -> Outcome {
        Outcome::Denied(Error::new(ErrorKind::PermissionDenied, "no").with_hint("assign"))
    }

    #[test]
    fn what_is_needed_must_be_allowed_and_what_is_beyond_denied() {
        let needed = [DataAction::Get];
        let state = |action, outcome| right("x", action, &outcome, &needed, Some(USER)).state;
        assert_eq!(state(DataAction::Get, Outcome::Allowed), State::Passed);
        assert_eq!(state(DataAction::Get, denied()), State::Failed);
        // The role that is given for reading has it.
        assert_eq!(state(DataAction::List, Outcome::Allowed), State::Passed);
        assert_eq!(state(DataAction::List, denied()), State::Passed);
        assert_eq!(state(DataAction::Set, Outcome::Allowed), State::Warning);
        assert_eq!(state(DataAction::Set, denied()), State::Passed);
        assert_eq!(state(DataAction::Purge, Outcome::NotTried("protected".to_owned())), State::NotTried);
    }

    #[test]
    fn a_firewall_is_no_missing_role() {
        let shut = Error::new(ErrorKind::NetworkDenied, "the firewall").with_hint("allow this address");
        let finding = right("x", DataAction::List, &Outcome::Failed(shut), &[], Some(USER));
        assert_eq!((finding.state, finding.fix.as_deref()), (State::Failed, Some("allow this address")));
    }

    #[test]
    fn without_roles_writing_is_beyond_who_reads() {
        assert!(is_beyond(DataAction::Set, &[DataAction::Get], None));
        assert!(!is_beyond(DataAction::Purge, &[DataAction::Get, DataAction::Set], None));
    }
}
