//! Runs rows against a service of their own: each row in a vault of its own, all failures told at the end.

use std::collections::HashMap;

use serde_json::{Map, Value};
use strongroom_vault::{RoleAssignment, StoreLocation, VaultConfig, VaultSettings};

use super::row::{Ask, Body, Caller, Expected, Row, Step};
use crate::harness::{Answer, NOBODY, OFFICER, OFFICER_SECRET, TestVault, USER, USER_SECRET, config, read};

/// How old a token may be before the next is asked for, in seconds.
const TOKEN_AGE: i64 = 3000;

/// Runs every row and fails with all that did not hold.
pub(super) async fn all(rows: Vec<Row>, store: StoreLocation, change: impl FnOnce(&mut VaultConfig)) {
    let mut config = config();
    let name = |index: usize| format!("row{index}");
    for (index, row) in rows.iter().enumerate() {
        config.vaults.push(VaultSettings {
            soft_delete_retention_in_days: row.kind.days,
            enable_purge_protection: row.kind.purge_protection,
            ..VaultSettings::named(name(index))
        });
        for (principal, role) in [(OFFICER, "Key Vault Secrets Officer"), (USER, "Key Vault Secrets User")] {
            let principal = config.principals.iter_mut().find(|known| known.client_id == principal).unwrap();
            principal.roles.push(RoleAssignment { vault: name(index), role: role.into(), secret: None });
        }
    }
    change(&mut config);
    let vault = TestVault::start_as(config, |options| options.store = store).await;
    let mut tokens = HashMap::new();
    let mut failures = Vec::new();
    let count = rows.len();
    for (index, row) in rows.into_iter().enumerate() {
        let mut run = Run {
            vault: &vault,
            tokens: &mut tokens,
            base: vault.running.url(&name(index)),
            seen: Seen::default(),
        };
        if let Err(failure) = run.row(&row).await {
            failures.push(format!("{}\n{failure}", row.fact));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {count} rows do not hold:\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

/// What earlier answers of a row said.
#[derive(Default)]
struct Seen {
    versions: Vec<String>,
    next: String,
    blob: String,
}

struct Run<'a> {
    vault: &'a TestVault,
    /// By caller, with the time of their issue.
    tokens: &'a mut HashMap<Caller, (String, i64)>,
    base: String,
    seen: Seen,
}

impl Run<'_> {
    async fn row(&mut self, row: &Row) -> Result<(), String> {
        for (index, step) in row.steps.iter().enumerate() {
            match step {
                Step::Wait(seconds) => self.vault.clock.advance_millis(seconds * 1000),
                Step::Call(ask, expected) => {
                    let answer = self.send(ask).await;
                    self.compare(expected, &answer).map_err(|difference| {
                        let Ask { method, path, caller, .. } = ask;
                        let Answer { status, body, .. } = &answer;
                        format!(
                            "  step {}: {method} {path} by {caller:?}\n  {difference}\n  answer: {status} {body}",
                            index + 1
                        )
                    })?;
                    self.remember(&answer);
                }
            }
        }
        Ok(())
    }

    async fn send(&mut self, ask: &Ask) -> Answer {
        let mut url = self.fill(&ask.path);
        if !url.starts_with("https://") {
            url = format!("{}{url}", self.base);
        }
        if ask.add_version && !url.contains("api-version=") {
            url.push_str(if url.contains('?') { "&" } else { "?" });
            url.push_str("api-version=7.6");
        }
        let mut request = self.vault.client.request(ask.method.clone(), url);
        if let Some(token) = self.token(ask.caller).await {
            request = request.bearer_auth(token);
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = &ask.body {
            if ask.headers.iter().all(|(name, _)| *name != "content-type") {
                request = request.header("content-type", "application/json");
            }
            request = request.body(self.fill(body));
        }
        read(request.send().await.unwrap()).await
    }

    async fn token(&mut self, caller: Caller) -> Option<String> {
        let (client, secret) = match caller {
            Caller::Officer => (OFFICER, OFFICER_SECRET),
            Caller::User => (USER, USER_SECRET),
            Caller::Nobody => (NOBODY, "n0body"),
            Caller::Stranger => return None,
        };
        let now = self.vault.now();
        if let Some((token, issued)) = self.tokens.get(&caller)
            && now - issued < TOKEN_AGE
        {
            return Some(token.clone());
        }
        let token = self.vault.token(client, secret).await;
        self.tokens.insert(caller, (token.clone(), now));
        Some(token)
    }

    /// Puts what is known in the place of the braces.
    fn fill(&self, text: &str) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        let mut text = text
            .replace("{base}", &self.base)
            .replace("{port}", &self.vault.running.address().port().to_string())
            .replace("{other}", &self.vault.running.url("protected"))
            .replace("{token}", token_of(&self.seen.next))
            .replace("{next}", &self.seen.next)
            .replace("{blob}", &self.seen.blob);
        for (index, version) in self.seen.versions.iter().enumerate() {
            text = text.replace(&format!("{{{}}}", index + 1), version);
        }
        text
    }

    fn remember(&mut self, answer: &Answer) {
        let body = &answer.body;
        if let Some(version) = body["id"].as_str().and_then(|id| id.split('/').nth(5)) {
            let version = version.to_owned();
            if !self.seen.versions.contains(&version) {
                self.seen.versions.push(version);
            }
        }
        if let Some(next) = body["nextLink"].as_str() {
            self.seen.next = next.to_owned();
        }
        if let (Some(blob), true) = (body["value"].as_str(), body.get("id").is_none()) {
            self.seen.blob = blob.to_owned();
        }
    }

    fn compare(&self, expected: &Expected, answer: &Answer) -> Result<(), String> {
        if answer.status != expected.status {
            return Err(format!("expected status {}", expected.status));
        }
        let body = &answer.body;
        match &expected.body {
            Body::Whatever => {}
            Body::Empty if body.is_null() => {}
            Body::Empty => return Err("expected no body".to_owned()),
            Body::Exactly(wanted) => self.same(wanted, body, true)?,
            Body::With(wanted) => self.same(wanted, body, false)?,
            Body::Error { code, inner, says } => {
                let fields: Vec<_> = body.as_object().into_iter().flat_map(Map::keys).collect();
                let error = &body["error"];
                if fields != ["error"]
                    || error["code"] != *code
                    || error["innererror"]["code"].as_str() != *inner
                {
                    return Err(format!("expected an error {code} with inner code {inner:?}"));
                }
                let message = error["message"].as_str().unwrap_or_default();
                if message.is_empty() || says.iter().any(|part| !message.contains(part)) {
                    return Err(format!("expected a message with {says:?}"));
                }
            }
            Body::Page { ids, next } => {
                let fields: Vec<_> = body.as_object().into_iter().flat_map(Map::keys).collect();
                if fields != ["value", "nextLink"] {
                    return Err("expected a value and a nextLink".to_owned());
                }
                let found: Vec<_> = body["value"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|entry| entry["id"].as_str())
                    .collect();
                let wanted: Vec<_> = ids.iter().map(|id| self.fill(id)).collect();
                if found != wanted.iter().map(|id| Some(id.as_str())).collect::<Vec<_>>() {
                    return Err(format!("expected entries {wanted:#?}"));
                }
                if *next != body["nextLink"].is_string() {
                    return Err(format!("expected {} next page", if *next { "a" } else { "no" }));
                }
            }
        }
        for (name, wanted) in &expected.headers {
            let found = answer.headers.get(*name).map(|value| value.to_str().unwrap());
            let wanted = self.fill(wanted);
            let holds = match wanted.as_str() {
                "" => found.is_none(),
                "{any}" => found.is_some(),
                wanted => found == Some(wanted),
            };
            if !holds {
                return Err(format!("expected header {name}: {wanted:?}, found {found:?}"));
            }
        }
        Ok(())
    }

    /// Whether a value is the expected one. Unless `exactly`, objects may have more fields.
    fn same(&self, wanted: &Value, found: &Value, exactly: bool) -> Result<(), String> {
        match (wanted, found) {
            (Value::Object(wanted), Value::Object(found)) => {
                for (name, wanted) in wanted {
                    match found.get(name) {
                        None if wanted.is_null() && !exactly => {}
                        None => return Err(format!("expected a field {name}")),
                        Some(_) if wanted.is_null() && !exactly => {
                            return Err(format!("expected no field {name}"));
                        }
                        Some(found) => self.same(wanted, found, exactly)?,
                    }
                }
                match found.keys().find(|name| !wanted.contains_key(*name)) {
                    Some(name) if exactly => Err(format!("expected no field {name}")),
                    _ => Ok(()),
                }
            }
            (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
                wanted.iter().zip(found).try_for_each(|(wanted, found)| self.same(wanted, found, exactly))
            }
            (Value::String(wanted), found) => match (self.time(wanted), found) {
                (Some(time), found) if *found == time => Ok(()),
                (None, Value::String(found)) if fits(&self.fill(wanted), found) => Ok(()),
                (time, _) => Err(format!(
                    "expected {}, found {found}",
                    time.map_or_else(|| self.fill(wanted), |time| time.to_string())
                )),
            },
            _ if wanted == found => Ok(()),
            _ => Err(format!("expected {wanted}, found {found}")),
        }
    }

    /// What `{now}`, `{now+5}` or `{now-5}` means.
    fn time(&self, text: &str) -> Option<i64> {
        let offset = text.strip_prefix("{now")?.strip_suffix('}')?;
        Some(self.vault.now() + if offset.is_empty() { 0 } else { offset.parse::<i64>().ok()? })
    }
}

/// The continuation token of a link.
fn token_of(link: &str) -> &str {
    link.split_once("$skiptoken=").map_or("", |(_, rest)| rest.split('&').next().unwrap_or_default())
}

/// Whether a text is the one that a pattern means.
fn fits(pattern: &str, text: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match pattern {
        "{any}" => return true,
        "{base64url}" => return !text.is_empty() && text.bytes().all(base64url),
        _ => {}
    }
    if let Some(start) = pattern.strip_suffix("{any}") {
        return text.starts_with(start);
    }
    match pattern.split_once("{hex}") {
        None => pattern == text,
        Some((before, after)) => {
            text.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(|hex| {
                hex.len() == 32 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            })
        }
    }
}
