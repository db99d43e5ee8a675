//! What was found: one finding for each check, and the report of all of them.

use std::process::ExitCode;

use serde_json::{Map, Value, json};
use strongroom_manager::examine::Tally;
use strongroom_secrets::Error;
use strongroom_secrets::remote::Advice;

use crate::checklist::{Sign, kebab};
use crate::exit::{FAILED, USAGE};

/// How a check turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is as it should be.
    Passed,
    /// It should be otherwise, but it works.
    Warning,
    /// It is wrong.
    Failed,
    /// It was not tried, since something else is missing or not wanted.
    NotTried,
}

impl State {
    /// In a word, for machines.
    fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::NotTried => "not-tried",
        }
    }

    pub(super) fn sign(self) -> Sign {
        match self {
            Self::Passed => Sign::Good,
            Self::Warning => Sign::Mind,
            Self::Failed => Sign::Bad,
            Self::NotTried => Sign::Untried,
        }
    }
}

/// What a check found. No value of a secret is ever in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Which check it was: the same in each release.
    pub(super) id: &'static str,
    pub(super) state: State,
    /// What is there.
    pub(super) what: String,
    /// The meaning of the failure behind it, if one is.
    kind: Option<String>,
    /// The failure's own words, where `what` is shorter.
    reason: Option<String>,
    /// What it is about, by name; not all of it, if that is much.
    pub(super) items: Vec<String>,
    /// What to do, in words.
    pub(super) fix: Option<String>,
    /// The command that does it.
    pub(super) command: Option<String>,
}

impl Finding {
    fn new(id: &'static str, state: State, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { id, state, what, kind: None, reason: None, items: Vec::new(), fix: None, command: None }
    }

    pub(super) fn passed(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(id, State::Passed, what)
    }

    /// It works, and should be otherwise: `fix` says what to do.
    pub(super) fn warning(id: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..Self::new(id, State::Warning, what) }
    }

    /// It is wrong: `fix` says what to do.
    pub(super) fn failed(id: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..Self::new(id, State::Failed, what) }
    }

    /// It was not tried; why.
    pub(super) fn not_tried(id: &'static str, why: impl Into<String>) -> Self {
        Self::new(id, State::NotTried, why)
    }

    /// A vault's failure.
    pub(super) fn of_error(id: &'static str, error: &Error) -> Self {
        let fix = error.hint().unwrap_or("see above").to_owned();
        Self { kind: Some(kebab(error.kind())), ..Self::failed(id, error.message(), fix) }
    }

    /// A vault's refusal for want of a right, in short; its own words are for machines.
    pub(super) fn refused(id: &'static str, what: &str, error: &Error, fix: &str) -> Self {
        let kind = Some(kebab(error.kind()));
        Self { kind, reason: Some(error.to_string()), ..Self::failed(id, what, fix) }
    }

    /// The same, as a warning.
    #[must_use]
    pub(super) fn softened(self) -> Self {
        let state = if self.state == State::Failed { State::Warning } else { self.state };
        Self { state, ..self }
    }

    /// Adds what it is about.
    #[must_use]
    pub(super) fn about(mut self, tally: &Tally) -> Self {
        self.items.extend(tally.first.iter().cloned());
        let more = tally.count.saturating_sub(tally.first.len() as u64);
        if more > 0 {
            self.items.push(format!("and {more} more"));
        }
        self
    }

    /// Says more of what to do.
    #[must_use]
    pub(super) fn and_fix(mut self, more: &str) -> Self {
        if !more.is_empty() {
            self.fix = Some(match self.fix.take() {
                Some(fix) => format!("{fix} ({more})"),
                None => more.to_owned(),
            });
        }
        self
    }

    /// Takes somebody's advice.
    #[must_use]
    pub(super) fn advised(self, advice: Advice) -> Self {
        Self { fix: Some(advice.text), command: advice.command, ..self }
    }

    /// Adds the command that does it.
    #[must_use]
    pub(super) fn command(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }

    fn json(&self, group: &str) -> Value {
        let mut check = Map::new();
        check.insert("id".to_owned(), self.id.into());
        check.insert("group".to_owned(), group.into());
        check.insert("state".to_owned(), self.state.name().into());
        check.insert("what".to_owned(), self.what.clone().into());
        for (key, text) in
            [("kind", &self.kind), ("reason", &self.reason), ("fix", &self.fix), ("command", &self.command)]
        {
            if let Some(text) = text {
                check.insert(key.to_owned(), text.clone().into());
            }
        }
        if !self.items.is_empty() {
            check.insert("items".to_owned(), self.items.clone().into());
        }
        check.into()
    }
}

/// Checks about one subject.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) findings: Vec<Finding>,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) groups: Vec<Group>,
}

impl Report {
    pub(super) fn count(&self, state: State) -> usize {
        self.findings().filter(|finding| finding.state == state).count()
    }

    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.groups.iter().flat_map(|group| &group.findings)
    }

    /// How the program ends: 0 if nothing failed, 2 if the configuration cannot be used, else 1.
    pub(super) fn code(&self) -> ExitCode {
        let failed: Vec<_> = self
            .findings()
            .filter(|finding| finding.state == State::Failed)
            .map(|finding| finding.id)
            .collect();
        match failed.iter().any(|id| id.starts_with("configuration.")) {
            _ if failed.is_empty() => ExitCode::SUCCESS,
            true => ExitCode::from(USAGE),
            false => ExitCode::from(FAILED),
        }
    }

    /// The report for machines; `about` says what was examined.
    pub(super) fn json(&self, about: Map<String, Value>) -> Value {
        let checks: Vec<_> = self
            .groups
            .iter()
            .flat_map(|group| group.findings.iter().map(|finding| finding.json(group.title)))
            .collect();
        let mut report = about;
        report.insert("ok".to_owned(), (self.count(State::Failed) == 0).into());
        let counts = [State::Passed, State::Warning, State::Failed, State::NotTried]
            .map(|state| (state.name().to_owned(), json!(self.count(state))));
        report.insert("counts".to_owned(), Value::Object(counts.into_iter().collect()));
        report.insert("checks".to_owned(), checks.into());
        report.into()
    }

    /// What it comes to, in a line.
    pub(super) fn summary(&self) -> String {
        let parts = [
            (State::Passed, "in order"),
            (State::Warning, "to mind"),
            (State::Failed, "wrong"),
            (State::NotTried, "not tried"),
        ];
        let told: Vec<_> = parts
            .into_iter()
            .map(|(state, words)| (self.count(state), words))
            .filter(|(count, _)| *count > 0)
            .map(|(count, words)| format!("{count} {words}"))
            .collect();
        match self.findings().count() {
            1 => format!("1 check: {}", told.join(", ")),
            several => format!("{several} checks: {}", told.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(findings: &[Finding]) -> Report {
        Report { groups: vec![Group { title: "Group", findings: findings.to_vec() }] }
    }

    #[test]
    fn only_what_is_wrong_makes_the_program_fail() {
        let (good, mind) = (Finding::passed("a.a", "x"), Finding::warning("a.b", "x", "y"));
        let untried = Finding::not_tried("a.c", "x");
        assert_eq!(report(&[good.clone(), mind, untried]).code(), ExitCode::SUCCESS);
        let failed = Finding::failed("a.d", "x", "y");
        assert_eq!(report(&[good, failed.clone()]).code(), ExitCode::from(FAILED));
        let unusable = Finding::failed("configuration.file", "x", "y");
        assert_eq!(report(&[failed, unusable]).code(), ExitCode::from(USAGE));
    }

    #[test]
    fn a_tally_is_named_as_far_as_it_goes_and_the_rest_counted() {
        let tally = Tally { count: 12, first: vec!["one".to_owned(), "two".to_owned()] };
        assert_eq!(Finding::failed("a.a", "x", "y").about(&tally).items, ["one", "two", "and 10 more"]);
    }

    #[test]
    fn machines_get_every_check_with_its_id_and_state() {
        let printed = report(&[Finding::failed("a.a", "x", "y").command("z")]).json(Map::new());
        let expected = json!({
            "ok": false,
            "counts": {"passed": 0, "warning": 0, "failed": 1, "not-tried": 0},
            "checks": [
                {"id": "a.a", "group": "Group", "state": "failed", "what": "x", "fix": "y", "command": "z"}
            ],
        });
        assert_eq!(printed, expected);
    }
}
