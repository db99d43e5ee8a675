//! The words that rows are written in.
//!
//! Texts may hold `{base}` (the vault's URL), `{port}`, `{1}`, `{2}`, … (the versions that earlier calls of the row made, in
//! their order), `{next}` (the last `nextLink`), `{token}` (its continuation token), `{other}` (another vault's URL) and
//! `{blob}` (the last backup). In an expected body `{hex}` stands for any
//! 32 lower-case hexadecimal digits, `{base64url}` for a text of that, `{any}` for any rest of a text, and `{now}`, `{now+5}`, `{now-5}` for the vault's time.

use reqwest::Method;
use serde_json::{Value, json};

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// Key Vault Secrets Officer of the row's vault.
    Officer,
    /// Key Vault Secrets User of the row's vault.
    User,
    /// Signed in, without any role.
    Nobody,
    /// No token at all.
    Stranger,
}

/// The vault that a row is about. Each row has one of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct VaultKind {
    pub(super) days: u32,
    pub(super) purge_protection: bool,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) caller: Caller,
    pub(super) method: Method,
    /// With its query; `api-version` is added unless [`bare`](Self::bare).
    pub(super) path: String,
    pub(super) add_version: bool,
    pub(super) body: Option<String>,
    pub(super) headers: Vec<(&'static str, &'static str)>,
}

/// What must come back.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) status: u16,
    pub(super) body: Body,
    pub(super) headers: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Nothing is expected of it.
    Whatever,
    /// None at all.
    Empty,
    /// Exactly this.
    Exactly(Value),
    /// At least these fields; a `null` says that the field is not there.
    With(Value),
    /// An error with these codes, whose message has these parts.
    Error { code: &'static str, inner: Option<&'static str>, says: Vec<&'static str> },
    /// A page with entries of these ids, and a further one or not.
    Page { ids: Vec<String>, next: bool },
}

#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "a few hundred of them, for a moment")]
pub(super) enum Step {
    Call(Ask, Expected),
    /// The vault's clock moves on by so many seconds.
    Wait(i64),
}

/// One fact of the sheet.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) fact: &'static str,
    pub(super) kind: VaultKind,
    pub(super) steps: Vec<Step>,
    asked: Option<Ask>,
}

pub(super) fn row(fact: &'static str) -> Row {
    Row { fact, kind: VaultKind { days: 90, purge_protection: false }, steps: Vec::new(), asked: None }
}

impl Row {
    /// In a vault that keeps deleted secrets so long.
    pub(super) fn in_vault(mut self, days: u32, purge_protection: bool) -> Self {
        self.kind = VaultKind { days, purge_protection };
        self
    }

    /// What was done before, with success.
    pub(super) fn given(mut self, ask: Ask) -> Self {
        let status = if ask.method == Method::DELETE && ask.path.starts_with("/deleted") { 204 } else { 200 };
        self.steps.push(Step::Call(ask, Expected { status, body: Body::Whatever, headers: vec![] }));
        self
    }

    /// The same, many times.
    pub(super) fn given_each(mut self, asks: impl IntoIterator<Item = Ask>) -> Self {
        for ask in asks {
            self = self.given(ask);
        }
        self
    }

    pub(super) fn wait(mut self, seconds: i64) -> Self {
        self.steps.push(Step::Wait(seconds));
        self
    }

    /// What is asked; the next words say what must come of it.
    pub(super) fn ask(mut self, ask: Ask) -> Self {
        assert!(self.asked.is_none(), "{}: two questions without an answer", self.fact);
        self.asked = Some(ask);
        self
    }

    fn then(mut self, status: u16, body: Body) -> Self {
        let ask = self.asked.take().unwrap_or_else(|| panic!("{}: an answer to nothing", self.fact));
        self.steps.push(Step::Call(ask, Expected { status, body, headers: vec![] }));
        self
    }

    /// 200 and exactly this body.
    pub(super) fn answers(self, body: Value) -> Self {
        self.then(200, Body::Exactly(body))
    }

    /// 200 and a body with these fields; `null` says that a field is not there.
    pub(super) fn answers_with(self, fields: Value) -> Self {
        self.then(200, Body::With(fields))
    }

    /// 200 and a page with these ids and a `nextLink`, or null in its place.
    pub(super) fn lists<I: Into<String>>(self, ids: impl IntoIterator<Item = I>, next: bool) -> Self {
        self.then(200, Body::Page { ids: ids.into_iter().map(Into::into).collect(), next })
    }

    /// The rest of the pages, each behind the one before.
    pub(super) fn ask_pages(mut self, pages: impl ExactSizeIterator<Item = Vec<String>>) -> Self {
        let last = pages.len();
        for (index, ids) in pages.enumerate() {
            self = self.ask(get("{next}")).lists(ids, index + 1 < last);
        }
        self
    }

    /// 204.
    pub(super) fn answers_nothing(self) -> Self {
        self.then(204, Body::Empty)
    }

    /// An error.
    pub(super) fn refused(
        self,
        status: u16,
        code: &'static str,
        inner: impl Into<Option<&'static str>>,
    ) -> Self {
        self.then(status, Body::Error { code, inner: inner.into(), says: vec![] })
    }

    /// An error of which only the status is told.
    pub(super) fn refused_without_body(self, status: u16) -> Self {
        self.then(status, Body::Empty)
    }

    /// Part of the error's message.
    pub(super) fn saying(mut self, part: &'static str) -> Self {
        match self.steps.last_mut() {
            Some(Step::Call(_, Expected { body: Body::Error { says, .. }, .. })) => says.push(part),
            _ => panic!("{}: only an error says something", self.fact),
        }
        self
    }

    /// A header of the answer; `{any}` stands for any value, and an empty text for no such header.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        match self.steps.last_mut() {
            Some(Step::Call(_, expected)) => expected.headers.push((name, value.into())),
            _ => panic!("{}: only an answer has headers", self.fact),
        }
        self
    }
}

fn ask(method: Method, path: impl Into<String>, body: Option<Value>) -> Ask {
    Ask {
        caller: Caller::Officer,
        method,
        path: path.into(),
        add_version: true,
        body: body.map(|body| body.to_string()),
        headers: vec![],
    }
}

pub(super) fn get(path: impl Into<String>) -> Ask {
    ask(Method::GET, path, None)
}

pub(super) fn put(path: impl Into<String>, body: Value) -> Ask {
    ask(Method::PUT, path, Some(body))
}

pub(super) fn patch(path: impl Into<String>, body: Value) -> Ask {
    ask(Method::PATCH, path, Some(body))
}

pub(super) fn delete(path: impl Into<String>) -> Ask {
    ask(Method::DELETE, path, None)
}

pub(super) fn post(path: impl Into<String>) -> Ask {
    ask(Method::POST, path, None)
}

/// Sets a value and says no more about it.
pub(super) fn set(name: &str, value: &str) -> Ask {
    put(format!("/secrets/{name}"), json!({ "value": value }))
}

impl Ask {
    pub(super) fn by(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// Adds no `api-version`.
    pub(super) fn bare(mut self) -> Self {
        self.add_version = false;
        self
    }

    /// A body that need not be JSON.
    pub(super) fn body(mut self, text: impl Into<String>) -> Self {
        self.body = Some(text.into());
        self
    }

    /// The same by POST.
    pub(super) fn posted(self) -> Self {
        self.by_method("POST")
    }

    /// The same by another method.
    pub(super) fn by_method(mut self, method: &str) -> Self {
        self.method = method.parse().unwrap();
        self
    }

    pub(super) fn without_body(mut self) -> Self {
        self.body = None;
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The attributes of a version in a vault with Azure's defaults.
pub(super) fn attributes(created: &str, updated: &str) -> Value {
    json!({
        "enabled": true, "created": created, "updated": updated,
        "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
    })
}
