//! The catalogue: which fields of a document are secrets.
//!
//! It is data, not code: `data/secret-fields.json` lists the paths for every connection type and for the other stored
//! documents. They are read once into trees that [`walk`](crate::walk()) descends together with a document.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::kind::EntityKind;
use crate::path::{FieldPath, Step};

/// The members of a connection that are free maps. Their keys are the user's, and are no part of the catalogue.
pub const FREE_MAPS: [&str; 2] = ["connectionOptions", "connectionArguments"];

/// What stands in a path of the catalogue where a whole connection is embedded.
const EMBEDDED: &str = "<the paths of that connection>";

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::read);

/// What a path is to the catalogue. See [`place`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A secret field of the catalogue.
    SecretField,
    /// An entry of one of the [`FREE_MAPS`] of a connection, or of an object in it.
    FreeMapEntry,
    /// Anything else.
    Elsewhere,
}

/// What `path` is in documents of `kind`, whatever their connection type. Case counts.
pub fn place(kind: EntityKind, path: &FieldPath) -> Place {
    let Some((last, parents)) = path.steps().split_last() else { return Place::Elsewhere };
    let root = CATALOGUE.root(kind);
    let follow = |steps: &[Step]| steps.iter().try_fold(root, |node, step| CATALOGUE.enter(node).child(step));
    if follow(path.steps()).is_some_and(|node| node.secret) {
        return Place::SecretField;
    }
    match (last, parents.split_last()) {
        (Step::Key(_), Some((Step::Key(map), above)))
            if FREE_MAPS.contains(&map.as_str())
                && above.len() >= kind.secret_root().len()
                && follow(above).is_some() =>
        {
            Place::FreeMapEntry
        }
        _ => Place::Elsewhere,
    }
}

/// The connection types of a kind of service, in alphabetical order; none for other kinds.
pub fn connection_types(kind: EntityKind) -> impl Iterator<Item = &'static str> {
    let category = kind.is_service().then(|| kind.name_segment());
    CATALOGUE
        .by_category
        .iter()
        .filter(move |(name, _)| Some(name.as_str()) == category)
        .flat_map(|(_, category)| category.types.keys().map(String::as_str))
}

/// A tree of the paths below one point of a document.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// Here stands a secret.
    pub(crate) secret: bool,
    /// Here stands a connection, whose `type` member tells which paths it has.
    pub(crate) connection: bool,
    /// The members of an object.
    pub(crate) members: BTreeMap<String, Node>,
    /// The elements of a list.
    pub(crate) elements: Option<Box<Node>>,
}

impl Node {
    fn of_paths<'a>(paths: impl IntoIterator<Item = &'a String>) -> Self {
        let mut root = Self::default();
        for path in paths {
            let mut node = &mut root;
            for segment in path.split('.') {
                if segment == EMBEDDED {
                    node.connection = true;
                    break;
                }
                let key = segment.trim_end_matches("[]");
                node = node.members.entry(key.to_owned()).or_default();
                for _ in 0..(segment.len() - key.len()) / 2 {
                    node = node.elements.get_or_insert_default();
                }
            }
            node.secret = !node.connection;
        }
        root
    }

    /// This tree below `keys`.
    fn below(self, keys: &[&str]) -> Self {
        keys.iter().rev().fold(self, |node, key| Self {
            members: BTreeMap::from([((*key).to_owned(), node)]),
            ..Self::default()
        })
    }

    fn merge(&mut self, other: &Self) {
        self.secret |= other.secret;
        self.connection |= other.connection;
        for (key, node) in &other.members {
            self.members.entry(key.clone()).or_default().merge(node);
        }
        if let Some(elements) = &other.elements {
            self.elements.get_or_insert_default().merge(elements);
        }
    }

    fn child(&self, step: &Step) -> Option<&Self> {
        match step {
            Step::Key(key) => self.members.get(key),
            Step::Index(_) => self.elements.as_deref(),
        }
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.members.is_empty() && self.elements.is_none()
    }
}

/// The connections of one category of services.
#[derive(Debug, Default)]
struct Category {
    types: BTreeMap<String, Node>,
    /// The paths of all types together.
    any: Node,
}

impl Category {
    fn add(&mut self, connection_type: &str, node: &Node) {
        self.types.entry(connection_type.to_owned()).or_default().merge(node);
        self.any.merge(node);
    }
}

/// The file's form.
#[derive(Deserialize)]
struct File {
    entities: BTreeMap<String, Vec<String>>,
    services: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// The whole catalogue.
#[derive(Debug)]
pub(crate) struct Catalogue {
    by_category: BTreeMap<String, Category>,
    all: Category,
    roots: BTreeMap<EntityKind, Node>,
    /// A file that describes a run of the ingestion.
    run: Node,
}

impl Catalogue {
    fn read() -> Self {
        let file: File = serde_json::from_str(include_str!("../data/secret-fields.json"))
            .expect("the catalogue is part of the program and of the known form");
        let mut by_category = BTreeMap::<String, Category>::new();
        let mut all = Category::default();
        for (name, types) in &file.services {
            let category = by_category.entry(name.clone()).or_default();
            for (connection_type, paths) in types {
                let node = Node::of_paths(paths);
                category.add(connection_type, &node);
                all.add(connection_type, &node);
            }
        }
        let root = |kind: EntityKind| {
            let entity = |name: &str| Node::of_paths(file.entities.get(name).into_iter().flatten());
            match kind {
                EntityKind::User => entity("AuthenticationMechanism").below(kind.secret_root()),
                EntityKind::IngestionPipeline => entity("IngestionPipeline"),
                EntityKind::Workflow => {
                    let mut workflow = entity("AutomationWorkflow");
                    let connection = Node { connection: true, ..Node::default() };
                    workflow.merge(&connection.below(&["request", "connection", "config"]));
                    workflow
                }
                EntityKind::App | EntityKind::AppDefinition => entity("App"),
                EntityKind::Bot | EntityKind::Setting | EntityKind::EventSubscription => Node::default(),
                service => by_category
                    .get(service.name_segment())
                    .map(|category| category.any.clone().below(service.secret_root()))
                    .unwrap_or_default(),
            }
        };
        let kinds = EntityKind::ALL.iter().chain(EntityKind::SETTINGS);
        let roots: BTreeMap<_, _> = kinds.map(|kind| (*kind, root(*kind))).collect();
        let run = run(&roots[&EntityKind::IngestionPipeline], file.entities.get("OpenMetadataConnection"));
        Self { by_category, all, roots, run }
    }

    /// The catalogue of this program.
    pub(crate) fn get() -> &'static Self {
        &CATALOGUE
    }

    /// The tree of all secret fields of a kind, from the document's root.
    pub(crate) fn root(&self, kind: EntityKind) -> &Node {
        &self.roots[&kind]
    }

    /// The tree of all secret fields of a workflow file of the ingestion, from its root.
    pub(crate) fn run(&self) -> &Node {
        &self.run
    }

    /// The paths of a connection type: in its category, or in all of them if that is not known. A type that the catalogue
    /// does not have gives those of every type there.
    pub(crate) fn connection(&self, category: Option<&str>, connection_type: &str) -> Result<&Node, &Node> {
        let category = category.and_then(|name| self.by_category.get(name)).unwrap_or(&self.all);
        category.types.get(connection_type).ok_or(&category.any)
    }

    /// The node itself, or the paths of all connections where one is embedded.
    fn enter<'a>(&'a self, node: &'a Node) -> &'a Node {
        if node.connection { &self.all.any } else { node }
    }
}

/// A workflow file has what a pipeline has, in other places.
fn run(pipeline: &Node, server: Option<&Vec<String>>) -> Node {
    let source_config = Node {
        members: pipeline
            .members
            .get_key_value("sourceConfig")
            .map(|(key, node)| (key.clone(), node.clone()))
            .into_iter()
            .collect(),
        ..Node::default()
    };
    let connection = Node { connection: true, ..Node::default() };
    let mut run = source_config.below(&["source"]);
    run.merge(&connection.below(&["source", "serviceConnection", "config"]));
    run.merge(
        &Node::of_paths(server.into_iter().flatten()).below(&["workflowConfig", "openMetadataServerConfig"]),
    );
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every path of a tree with every container on its way, `[]` for the elements of a list.
    fn paths(node: &Node, at: &str, found: &mut Vec<String>) {
        if !at.is_empty() {
            found.push(at.to_owned());
        }
        let node = CATALOGUE.enter(node);
        for (key, child) in &node.members {
            paths(child, &format!("{at}.{key}"), found);
        }
        if let Some(elements) = &node.elements {
            paths(elements, &format!("{at}[]"), found);
        }
    }

    #[test]
    fn all_144_connection_types_are_there() {
        let types: usize = EntityKind::ALL.iter().map(|kind| connection_types(*kind).count()).sum();
        assert_eq!(types, 144);
        for kind in EntityKind::ALL.iter().filter(|kind| kind.is_service()) {
            assert!(connection_types(*kind).count() > 0, "{kind}");
        }
    }

    #[test]
    fn no_kind_has_two_paths_that_differ_only_in_case() {
        for kind in EntityKind::ALL {
            let mut found = Vec::new();
            paths(CATALOGUE.root(*kind), "", &mut found);
            let mut lower: Vec<_> = found.iter().map(|path| path.to_lowercase()).collect();
            lower.sort();
            lower.dedup();
            assert_eq!(lower.len(), found.len(), "{kind}");
        }
    }

    #[test]
    fn field_names_are_letters_and_digits_and_no_free_map_is_listed() {
        for kind in EntityKind::ALL {
            let mut found = Vec::new();
            paths(CATALOGUE.root(*kind), "", &mut found);
            for name in found.iter().flat_map(|path| path.split('.').skip(1)) {
                let name = name.trim_end_matches("[]");
                assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}");
                assert!(name.starts_with(|first: char| first.is_ascii_alphabetic()), "{name}");
                assert!(!FREE_MAPS.iter().any(|map| map.eq_ignore_ascii_case(name)), "{name}");
            }
        }
    }

    #[test]
    fn a_path_is_a_secret_field_an_entry_of_a_free_map_or_elsewhere() {
        let at = |kind, path: &str| place(kind, &path.parse().unwrap());
        let service = EntityKind::DatabaseService;
        assert_eq!(at(service, "connection.config.authType.password"), Place::SecretField);
        assert_eq!(at(service, "connection.config.authtype.password"), Place::Elsewhere);
        assert_eq!(at(service, "connection.config.authType"), Place::Elsewhere);
        assert_eq!(at(service, "connection.config.connectionOptions.sslmode"), Place::FreeMapEntry);
        assert_eq!(at(service, "connection.connectionOptions.sslmode"), Place::Elsewhere);
        assert_eq!(at(service, "connection.config.connectionOptions[0]"), Place::Elsewhere);
        assert_eq!(at(service, ""), Place::Elsewhere);
        assert_eq!(at(EntityKind::McpService, "connection.config.servers[3].apiKey"), Place::SecretField);
        assert_eq!(at(EntityKind::McpService, "connection.config.servers.apiKey"), Place::Elsewhere);
        assert_eq!(at(EntityKind::User, "authenticationMechanism.config.JWTToken"), Place::SecretField);
        assert_eq!(
            at(
                EntityKind::IngestionPipeline,
                "sourceConfig.config.serviceConnections[0].serviceConnection.config.authType.password"
            ),
            Place::SecretField
        );
        assert_eq!(
            at(EntityKind::Workflow, "request.connection.config.authType.password"),
            Place::SecretField
        );
        assert_eq!(at(EntityKind::Bot, "botUser"), Place::Elsewhere);
    }
}
