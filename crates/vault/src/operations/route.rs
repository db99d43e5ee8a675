//! The table of operations: method, path, and the action that a role must grant.

use axum::http::Method;
use percent_encoding::percent_decode_str;
use strongroom_secrets::SecretName;
use strongroom_secrets::name::InvalidName;

use super::Operation;
use crate::access::{Action, Scope};
use crate::audit::Subject;

/// One part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Fixed(&'static str),
    Name,
    Version,
}

struct Route {
    method: Method,
    path: &'static [Part],
    operation: Operation,
}

const fn route(method: Method, path: &'static [Part], operation: Operation) -> Route {
    Route { method, path, operation }
}

const SECRETS: Part = Part::Fixed("secrets");
const DELETED: Part = Part::Fixed("deletedsecrets");

/// Tried in order: fixed parts come before names and versions.
static ROUTES: &[Route] = &[
    route(Method::GET, &[SECRETS], Operation::ListSecrets),
    route(Method::POST, &[SECRETS, Part::Fixed("restore")], Operation::RestoreSecret),
    route(Method::PUT, &[SECRETS, Part::Name], Operation::SetSecret),
    route(Method::GET, &[SECRETS, Part::Name], Operation::GetSecret),
    route(Method::PATCH, &[SECRETS, Part::Name], Operation::UpdateSecret),
    route(Method::DELETE, &[SECRETS, Part::Name], Operation::DeleteSecret),
    route(Method::GET, &[SECRETS, Part::Name, Part::Fixed("versions")], Operation::ListVersions),
    route(Method::POST, &[SECRETS, Part::Name, Part::Fixed("backup")], Operation::BackupSecret),
    route(Method::GET, &[SECRETS, Part::Name, Part::Version], Operation::GetSecret),
    route(Method::PATCH, &[SECRETS, Part::Name, Part::Version], Operation::UpdateSecret),
    route(Method::GET, &[DELETED], Operation::ListDeleted),
    route(Method::GET, &[DELETED, Part::Name], Operation::GetDeleted),
    route(Method::DELETE, &[DELETED, Part::Name], Operation::PurgeDeleted),
    route(Method::POST, &[DELETED, Part::Name, Part::Fixed("recover")], Operation::RecoverDeleted),
];

/// A route, for tests that go through all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with `{name}` and `{version}` in it.
    pub path: String,
    /// What it does.
    pub operation: Operation,
}

/// Every route of the data plane.
pub fn routes() -> Vec<RouteInfo> {
    ROUTES
        .iter()
        .map(|route| RouteInfo {
            method: route.method.as_str(),
            path: route.path.iter().fold(String::new(), |path, part| match part {
                Part::Fixed(text) => path + "/" + text,
                Part::Name => path + "/{name}",
                Part::Version => path + "/{version}",
            }),
            operation: route.operation,
        })
        .collect()
}

/// The operation that a request means, and the name in its path.
pub(crate) fn named(method: &Method, path: &str) -> Option<(Operation, Option<String>)> {
    find(method, path).ok().map(|target| (target.operation, target.name))
}

/// Why a request means no operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// Nothing is served at such a path.
    Path,
    /// These methods are known there, with commas between them.
    Method(String),
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) operation: Operation,
    /// Not checked yet: whether it is legal is nobody's business before the caller's roles are known.
    name: Option<String>,
    pub(crate) version: Option<String>,
}

impl Target {
    /// The secret's name.
    ///
    /// # Errors
    /// If no secret can have such a name.
    pub(crate) fn name(&self) -> Result<&str, InvalidName> {
        let name = self.name.as_deref().unwrap_or_default();
        SecretName::new(name).map(|_| name)
    }

    /// Says what it is about.
    pub(crate) fn introduce(&self, subject: &mut Subject) {
        subject.operation = Some(self.operation);
        subject.action = Some(self.operation.action().name());
        if let Ok(name) = self.name() {
            subject.name = Some(name.to_owned());
            subject.version.clone_from(&self.version);
        }
    }

    /// What the caller's roles must reach. The name of a secret to restore stands in the body.
    pub(crate) fn scope(&self) -> Scope<'_> {
        match &self.name {
            Some(name) => Scope::Secret(name),
            None if self.operation.action() == Action::Restore => Scope::SomeSecret,
            None => Scope::Vault,
        }
    }
}

/// Finds the operation for a method and a path. Empty parts do not count: clients send double and trailing slashes.
pub(crate) fn find(method: &Method, path: &str) -> Result<Target, NoRoute> {
    let parts: Vec<_> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let mut allowed: Vec<&str> = Vec::new();
    for route in ROUTES {
        let Some((name, version)) = matches(route.path, &parts) else { continue };
        if route.method == *method {
            return Ok(Target { operation: route.operation, name, version });
        }
        if !allowed.contains(&route.method.as_str()) {
            allowed.push(route.method.as_str());
        }
    }
    Err(if allowed.is_empty() { NoRoute::Path } else { NoRoute::Method(allowed.join(", ")) })
}

fn matches(pattern: &[Part], parts: &[String]) -> Option<(Option<String>, Option<String>)> {
    if pattern.len() != parts.len() {
        return None;
    }
    let (mut name, mut version) = (None, None);
    for (expected, part) in pattern.iter().zip(parts) {
        match expected {
            Part::Fixed(text) if part.eq_ignore_ascii_case(text) => {}
            Part::Fixed(_) => return None,
            Part::Name => name = Some(part.clone()),
            Part::Version => version = Some(part.to_ascii_lowercase()),
        }
    }
    Some((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(method: &str, path: &str) -> Option<Operation> {
        find(&method.parse().unwrap(), path).ok().map(|target| target.operation)
    }

    #[test]
    fn double_and_trailing_slashes_do_not_count() {
        for path in ["/secrets/a", "/secrets/a/", "//secrets//a", "/Secrets/a", "/secrets/%61"] {
            let target = find(&Method::GET, path).unwrap();
            assert_eq!(target.operation, Operation::GetSecret, "{path}");
            assert_eq!(target.name().unwrap(), "a");
            assert_eq!(target.version, None);
        }
        assert_eq!(operation("GET", "/secrets//"), Some(Operation::ListSecrets));
    }

    #[test]
    fn versions_is_a_listing_and_anything_else_a_version() {
        assert_eq!(operation("GET", "/secrets/a/versions"), Some(Operation::ListVersions));
        assert_eq!(find(&Method::GET, "/secrets/a/ABC").unwrap().version.as_deref(), Some("abc"));
    }

    #[test]
    fn an_illegal_name_is_found_out() {
        for path in
            ["/secrets/a%2Fb", "/secrets/hunter_2", "/secrets/%ff", &format!("/secrets/{}", "a".repeat(128))]
        {
            let target = find(&Method::PUT, path).unwrap();
            assert!(target.name().is_err(), "{path}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_not_served() {
        for (method, path) in
            [("GET", "/"), ("GET", "/keys"), ("POST", "/secrets/a"), ("GET", "/secrets/a/b/c")]
        {
            assert_eq!(operation(method, path), None, "{method} {path}");
        }
    }
}
