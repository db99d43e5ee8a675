//! The fields of a workflow file in which secrets stand, and what stands in them.

use std::collections::BTreeSet;
use std::fmt;

use strongroom_config::{Entry, PathStep, Place, WorkflowFile};
use strongroom_entities::catalogue::FREE_MAPS;
use strongroom_entities::reference::{FieldText, PREFIX, Reference, classify};
use strongroom_entities::{FieldPath, Step, walk_workflow_file};
use strongroom_secrets::name::InvalidName;

/// A field of a workflow file that is secret, or looks as if it were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowField {
    /// The way to it from the file's root.
    pub path: FieldPath,
    /// Where its value stands.
    pub place: Place,
    /// What stands there.
    pub holds: Holds,
}

/// What stands in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// A reference to a secret, where references are resolved.
    Reference(Reference),
    /// A value in the file itself.
    Value {
        /// Whether a `$VARIABLE` in it is not set, so that it stands there as text.
        unset_variable: bool,
    },
    /// Something that cannot be what is meant.
    Fault(Fault),
}

/// Why what stands in a field cannot be meant. No text of the file is in it but the name of a variable, if it looks like one:
/// the rest may be a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It begins as a reference does, but names no secret.
    Malformed(InvalidName),
    /// A reference where none is resolved: its text would be used as it stands.
    Misplaced,
    /// A reference with a variable in it that is not set: its name, if it is in capitals as such names are.
    Unset(Option<String>),
    /// The mask that the metadata server shows in the place of a password.
    Mask,
    /// A value that is encrypted with the metadata server's key.
    Encrypted,
    /// A list or a mapping.
    NoText,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(invalid) => write!(
                f,
                "it begins with {PREFIX} but names no secret: {invalid} (a password that begins so must lie in the vault itself)"
            ),
            Self::Misplaced => write!(
                f,
                "a reference stands where none is resolved, so its text would be used as it is (move it to a secret field or to {})",
                FREE_MAPS.join(", ")
            ),
            Self::Unset(name) => write!(
                f,
                "it begins with {PREFIX} but {} in it is not set, so that it names no secret (there are no defaults here)",
                name.as_deref().unwrap_or("a $VARIABLE")
            ),
            Self::Mask => f.write_str("the mask ********* is no password (write a reference, or the password)"),
            Self::Encrypted => f.write_str(
                "it is encrypted with the metadata server's Fernet key, which is not known here (write a reference)",
            ),
            Self::NoText => f.write_str("a text is expected here, not a list or a mapping"),
        }
    }
}

/// The secret fields of a file that hold something, and all other values that look like references, in the file's order.
///
/// References are resolved in the fields that the catalogue calls secret, and in the entries of a connection's free maps
/// (`connectionOptions`, `connectionArguments`).
pub fn workflow_fields(file: &WorkflowFile) -> Vec<WorkflowField> {
    let secret: BTreeSet<FieldPath> = walk_workflow_file(&file.outline()).fields.into_iter().collect();
    let entries = file.entries();
    entries
        .iter()
        .filter_map(|entry| {
            let path = path_of(entry);
            let is_secret = secret.contains(&path);
            let holds = holds(entry, is_secret, is_secret || is_option(&path))?;
            Some(WorkflowField { path, place: entry.place.clone(), holds })
        })
        .collect()
}

fn holds(entry: &Entry<'_>, is_secret: bool, resolved: bool) -> Option<Holds> {
    let Some(text) = entry.text else { return is_secret.then_some(Holds::Fault(Fault::NoText)) };
    match classify(text.expose()) {
        FieldText::Reference(reference) if resolved => Some(Holds::Reference(reference)),
        FieldText::Reference(_) => Some(Holds::Fault(Fault::Misplaced)),
        FieldText::MalformedReference(invalid) if resolved => Some(Holds::Fault(match entry.left {
            Some(written) => Fault::Unset(looks_like_a_name(written).then(|| written.to_owned())),
            None => Fault::Malformed(invalid),
        })),
        _ if !is_secret => None,
        FieldText::Empty => None,
        FieldText::Mask => Some(Holds::Fault(Fault::Mask)),
        FieldText::Fernet(_) => Some(Holds::Fault(Fault::Encrypted)),
        FieldText::Plain(_) | FieldText::MalformedReference(_) => {
            Some(Holds::Value { unset_variable: entry.left.is_some() })
        }
    }
}

/// Whether a `$NAME` or `${NAME}` is in capitals. Else it may be part of a password that has a `$` in it.
fn looks_like_a_name(written: &str) -> bool {
    let name = written.trim_start_matches(['$', '{']).trim_end_matches('}');
    name.len() > 1
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn path_of(entry: &Entry<'_>) -> FieldPath {
    let steps = entry.path.iter().map(|step| match step {
        PathStep::Key(key) => Step::Key((*key).to_owned()),
        PathStep::Index(index) => Step::Index(*index),
    });
    FieldPath::new(steps.collect())
}

/// Whether this is an entry of a free map of a connection.
fn is_option(path: &FieldPath) -> bool {
    let keys: Vec<_> = path
        .steps()
        .iter()
        .map(|step| match step {
            Step::Key(key) => key.as_str(),
            Step::Index(_) => "",
        })
        .collect();
    let in_connection = keys.windows(2).position(|pair| pair == ["serviceConnection", "config"]);
    let (Some(connection), [.., map, _]) = (in_connection, keys.as_slice()) else { return false };
    keys.first() == Some(&"source") && FREE_MAPS.contains(map) && keys.len() >= connection + 4
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use strongroom_config::Environment;

    use super::*;

    const FILE: &str = "
source:
  type: postgres
  serviceName: secret:not-resolved-here
  serviceConnection:
    config:
      type: Postgres
      username: reader
      authType: {password: secret:Sales-Password}
      sslConfig: {caCertificate: secret:a_b, sslKey: '*********', sslCertificate: fernet:gAAA}
      connectionOptions: {sslpassword: secret:option, sslmode: require, deep: {x: secret:deep}}
      connectionArguments: {key: 'secret: x'}
  sourceConfig:
    config:
      type: DatabaseMetadata
sink: {type: metadata-rest, config: {}}
workflowConfig:
  openMetadataServerConfig:
    hostPort: http://localhost:8585/api
    securityConfig: {jwtToken: eyJ}
    sslConfig: {sslKey: '', caCertificate: '$CA'}
";

    fn fields(text: &str) -> Vec<WorkflowField> {
        let file = WorkflowFile::parse(Path::new("w.yaml"), text, &Environment::default()).unwrap();
        workflow_fields(&file)
    }

    #[test]
    fn each_secret_field_is_told_with_what_stands_in_it() {
        let found = fields(FILE);
        let told: Vec<_> = found
            .iter()
            .map(|field| {
                let holds = match &field.holds {
                    Holds::Reference(reference) => reference.to_string(),
                    Holds::Value { unset_variable } => format!("value {unset_variable}"),
                    Holds::Fault(fault) => format!("{fault:?}"),
                };
                (field.path.to_string(), field.place.to_string(), holds)
            })
            .collect();
        let line = |line: usize, column: usize| format!("w.yaml, line {line}, column {column}");
        let connection = "source.serviceConnection.config";
        let server = "workflowConfig.openMetadataServerConfig";
        let expected = [
            ("source.serviceName".to_owned(), line(4, 16), "Misplaced"),
            (format!("{connection}.authType.password"), line(9, 28), "secret:Sales-Password"),
            (format!("{connection}.sslConfig.caCertificate"), line(10, 34), "Malformed(Character('_'))"),
            (format!("{connection}.sslConfig.sslKey"), line(10, 54), "Mask"),
            (format!("{connection}.sslConfig.sslCertificate"), line(10, 83), "Encrypted"),
            (format!("{connection}.connectionOptions.sslpassword"), line(11, 40), "secret:option"),
            (format!("{connection}.connectionOptions.deep.x"), line(11, 83), "Misplaced"),
            (format!("{connection}.connectionArguments.key"), line(12, 34), "Malformed(Character(' '))"),
            (format!("{server}.securityConfig.jwtToken"), line(20, 32), "value false"),
            (format!("{server}.sslConfig.caCertificate"), line(21, 44), "value true"),
        ];
        let expected: Vec<_> =
            expected.into_iter().map(|(path, place, holds)| (path, place, holds.to_owned())).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_no_text_where_a_secret_belongs_is_a_fault() {
        let text = FILE.replace("{jwtToken: eyJ}", "{jwtToken: [a]}");
        assert!(fields(&text).iter().any(|field| field.holds == Holds::Fault(Fault::NoText)));
    }

    #[test]
    fn a_reference_with_a_variable_that_is_not_set_names_it_if_it_looks_like_one() {
        for (written, named) in
            [("${SM_PREFIX}", Some("${SM_PREFIX}")), ("$hunter2", None), ("${X:-d}", None)]
        {
            let text = FILE.replace("secret:Sales-Password", &format!("'secret:{written}-password'"));
            let field =
                fields(&text).into_iter().find(|field| field.path.to_string().ends_with("authType.password"));
            let holds = field.unwrap().holds;
            assert_eq!(holds, Holds::Fault(Fault::Unset(named.map(str::to_owned))), "{written}");
        }
    }

    #[test]
    fn a_file_that_holds_no_secret_has_no_fields() {
        let text = "source: {type: postgres-lineage, serviceName: s, sourceConfig: {config: {type: DatabaseLineage}}}\n\
                    sink: {type: metadata-rest}\nworkflowConfig: {openMetadataServerConfig: {hostPort: h}}";
        assert_eq!(fields(text), []);
    }

    proptest! {
        /// Whatever stands in the password's place, it is a reference only if it is exactly one, and no other text of the file is.
        #[test]
        fn only_exact_references_are_resolved(password in "(secret:|[a-c_ -]|Secret:){1,5}") {
            let text = FILE.replace("secret:Sales-Password", &format!("'{password}'"));
            let found = fields(&text);
            let field = found.iter().find(|field| field.path.to_string().ends_with("authType.password")).unwrap();
            let is_reference = matches!(classify(&password), FieldText::Reference(_));
            prop_assert_eq!(matches!(field.holds, Holds::Reference(_)), is_reference);
        }
    }
}
