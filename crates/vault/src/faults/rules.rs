//! The file: which calls fail, and how.

use std::path::Path;
use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;

use crate::config;
use crate::error::{Error, Result};
use crate::folder;
use crate::operations::Operation;

/// The longest delay, in milliseconds.
const LONGEST_DELAY: u64 = 600_000;

/// What a call is about, as the file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Subject {
    Set,
    Get,
    Update,
    Delete,
    List,
    ListVersions,
    ListDeleted,
    GetDeleted,
    Purge,
    Recover,
    Backup,
    Restore,
    /// A request for a token.
    Token,
}

impl From<Operation> for Subject {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::SetSecret => Self::Set,
            Operation::GetSecret => Self::Get,
            Operation::UpdateSecret => Self::Update,
            Operation::DeleteSecret => Self::Delete,
            Operation::ListSecrets => Self::List,
            Operation::ListVersions => Self::ListVersions,
            Operation::ListDeleted => Self::ListDeleted,
            Operation::GetDeleted => Self::GetDeleted,
            Operation::PurgeDeleted => Self::Purge,
            Operation::RecoverDeleted => Self::Recover,
            Operation::BackupSecret => Self::Backup,
            Operation::RestoreSecret => Self::Restore,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    #[serde(default)]
    faults: Vec<Rule>,
}

/// A rule, as the file says it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    /// All, if there is none.
    #[serde(default)]
    operations: Vec<Subject>,
    /// The secret's name, or how it begins with an asterisk behind it; any, if there is none.
    #[serde(default)]
    name: Option<String>,
    /// How many of the calls it is for are let through before it holds.
    #[serde(default)]
    after: u64,
    /// Of those behind them, how many are hit; all, if there is none.
    #[serde(default)]
    first: Option<u64>,
    /// Of those, each which one is hit.
    #[serde(default)]
    every: Option<u64>,
    #[serde(default)]
    delay_milliseconds: Option<u64>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    code: Option<String>,
    /// In seconds.
    #[serde(default)]
    retry_after: Option<u32>,
    #[serde(default)]
    drop: Option<Dropped>,
    #[serde(default)]
    half_answer: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Dropped {
    BeforeCommit,
    AfterCommit,
}

/// A call that may be hit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) subject: Subject,
    pub(super) name: Option<&'a str>,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) delay: Option<Duration>,
    pub(super) effect: Effect,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing but the delay.
    None,
    Status {
        status: StatusCode,
        code: String,
        retry_after: Option<u32>,
    },
    DropBefore,
    DropAfter,
    HalfAnswer,
}

/// The rules, each with the number of calls it has seen.
#[derive(Debug)]
pub(super) struct Rules(Vec<(Rule, Fate, u64)>);

impl Rules {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = folder::read_if_present(path)?.ok_or_else(|| {
            Error::configuration(format!("there is no file of faults {}", path.display()))
                .with_hint("correct --faults, or leave it out")
        })?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        let file: File = config::parse(text, path)?;
        let rules = file.faults.into_iter().enumerate().map(|(index, rule)| match rule.fate() {
            Ok(fate) => Ok((rule, fate, 0)),
            Err(fault) => {
                Err(Error::configuration(format!("{}, fault {}: {fault}", path.display(), index + 1)))
            }
        });
        rules.collect::<Result<_>>().map(Self)
    }

    /// Counts a call with every rule that it falls under; the first of them whose turn it is says what happens.
    pub(super) fn fate(&mut self, call: &Call<'_>) -> Option<Fate> {
        let mut hit = None;
        for (rule, fate, seen) in &mut self.0 {
            if rule.is_for(call) {
                *seen += 1;
                if hit.is_none() && rule.hits(*seen) {
                    hit = Some(fate.clone());
                }
            }
        }
        hit
    }
}

impl Rule {
    /// What it makes happen, or what is wrong with it.
    fn fate(&self) -> Result<Fate, &'static str> {
        if self.first == Some(0) || self.every == Some(0) {
            return Err("first and every are counts from 1 on");
        }
        if self.delay_milliseconds.is_some_and(|delay| delay > LONGEST_DELAY) {
            return Err("delayMilliseconds is at most 600000");
        }
        if self.status.is_none() && (self.code.is_some() || self.retry_after.is_some()) {
            return Err("code and retryAfter go with a status");
        }
        let effect = match (self.status, self.drop, self.half_answer) {
            (Some(status), None, false) => Effect::Status {
                status: StatusCode::from_u16(status)
                    .ok()
                    .filter(|status| status.is_client_error() || status.is_server_error())
                    .ok_or("a status is from 400 to 599")?,
                code: self.code.clone().unwrap_or_else(|| usual_code(status).to_owned()),
                retry_after: self.retry_after,
            },
            (None, Some(Dropped::BeforeCommit), false) => Effect::DropBefore,
            (None, Some(Dropped::AfterCommit), false) => Effect::DropAfter,
            (None, None, true) => Effect::HalfAnswer,
            (None, None, false) if self.delay_milliseconds.is_some() => Effect::None,
            (None, None, false) => {
                return Err("it says nothing of status, drop, halfAnswer or delayMilliseconds");
            }
            _ => return Err("status, drop and halfAnswer exclude each other"),
        };
        Ok(Fate { delay: self.delay_milliseconds.map(Duration::from_millis), effect })
    }

    fn is_for(&self, call: &Call<'_>) -> bool {
        let named = match (&self.name, call.name) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wanted), Some(name)) => match wanted.strip_suffix('*') {
                Some(start) => name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start)),
                None => name.eq_ignore_ascii_case(wanted),
            },
        };
        named && (self.operations.is_empty() || self.operations.contains(&call.subject))
    }

    /// Whether the call is hit that is this one in the order of those it is for.
    fn hits(&self, number: u64) -> bool {
        let Some(number) = number.checked_sub(self.after).filter(|number| *number > 0) else { return false };
        self.first.is_none_or(|first| number <= first)
            && self.every.is_none_or(|every| number.is_multiple_of(every))
    }
}

/// What Azure calls it.
fn usual_code(status: u16) -> &'static str {
    match status {
        400 => "BadParameter",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "SecretNotFound",
        409 => "Conflict",
        429 => "Throttled",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        _ => "InternalServerError",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Rules {
        Rules::parse(text, Path::new("faults.yaml")).unwrap()
    }

    fn fails(text: &str) -> String {
        let error = Rules::parse(text, Path::new("faults.yaml")).unwrap_err();
        assert!(error.is_usage());
        error.to_string()
    }

    /// Which of the first ten calls are hit.
    fn hit(rule: &str) -> Vec<u64> {
        let mut rules = rules(&format!("faults:\n  - {{drop: beforeCommit, {rule}}}\n"));
        let call = Call { subject: Subject::Set, name: Some("a") };
        (1..=10).filter(|_| rules.fate(&call).is_some()).collect()
    }

    #[test]
    fn counts_say_which_calls_are_hit() {
        assert_eq!(hit("after: 0"), (1..=10).collect::<Vec<_>>());
        assert_eq!(hit("first: 2"), [1, 2]);
        assert_eq!(hit("every: 3"), [3, 6, 9]);
        assert_eq!(hit("after: 8"), [9, 10]);
        assert_eq!(hit("after: 2, first: 3"), [3, 4, 5]);
        assert_eq!(hit("after: 1, every: 4, first: 4"), [5]);
    }

    #[test]
    fn operations_and_names_say_which_calls_count() {
        let mut rules = rules(
            "faults:\n  - {operations: [set, restore], name: Sales-*, status: 503}\n  - {name: a, halfAnswer: true}\n",
        );
        let mut effect = |subject, name| rules.fate(&Call { subject, name }).map(|fate| fate.effect);
        let status = Effect::Status {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "ServiceUnavailable".into(),
            retry_after: None,
        };
        assert_eq!(effect(Subject::Set, Some("sales-password")), Some(status));
        assert_eq!(effect(Subject::Get, Some("sales-password")), None);
        assert_eq!(effect(Subject::Set, Some("sales")), None);
        assert_eq!(effect(Subject::Set, Some("äää")), None);
        assert_eq!(effect(Subject::Restore, None), None);
        assert_eq!(effect(Subject::Get, Some("A")), Some(Effect::HalfAnswer));
        assert_eq!(effect(Subject::Token, None), None);
    }

    #[test]
    fn json_is_read_too_and_nothing_means_no_fault() {
        let mut rules =
            rules(r#"{"faults": [{"operations": ["token"], "status": 429, "code": "x", "retryAfter": 7}]}"#);
        let fate = rules.fate(&Call { subject: Subject::Token, name: None }).unwrap();
        let status = StatusCode::TOO_MANY_REQUESTS;
        assert_eq!(fate.effect, Effect::Status { status, code: "x".into(), retry_after: Some(7) });
        assert!(self::rules("").0.is_empty());
    }

    #[test]
    fn each_broken_rule_is_told_with_its_place() {
        for (rule, part) in [
            ("{first: 1}", "fault 1: it says nothing of status"),
            ("{status: 500, drop: afterCommit}", "exclude each other"),
            ("{status: 200}", "from 400 to 599"),
            ("{drop: afterCommit, first: 0}", "from 1 on"),
            ("{drop: afterCommit, code: x}", "go with a status"),
            ("{delayMilliseconds: 600001}", "at most 600000"),
            ("{drop: never}", "line 2"),
            (
                "{operation: set, status: 500}",
                "there is no key \"operation\" here (did you mean \"operations\"?)",
            ),
        ] {
            let message = fails(&format!("faults:\n  - {rule}\n"));
            assert!(message.starts_with("faults.yaml, ") && message.contains(part), "{message}");
        }
    }
}
