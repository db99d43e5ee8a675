//! What is to be resolved, and where the vault is found.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use strongroom_config::{Environment, Place, Run, SecretsManager, WorkflowFile};
use strongroom_ingestion::{Fault, Holds, Loader, Wanted, open_vault, requested, workflow_fields};
use strongroom_secrets::Provider;
use strongroom_secrets::clock::SystemClock;
use strongroom_secrets::random::SystemRandom;

use super::{Refusal, ResolveArgs};

/// In the place of a REF: they come from standard input.
const STDIN: &str = "-";

/// The most that is read from standard input, in bytes and in references.
const MAX_STDIN_BYTES: u64 = 4 << 20;
const MAX_REFERENCES: usize = 20_000;

/// What is to be resolved.
#[derive(Debug)]
pub(super) struct Asked {
    /// The workflow file, if that is what was named.
    pub(super) file: Option<AskedFile>,
    /// The fields, or what was typed.
    pub(super) items: Vec<Item>,
    pub(super) loader: Loader,
    pub(super) provider: SecretsManager,
}

/// A workflow file.
#[derive(Debug)]
pub(super) struct AskedFile {
    pub(super) name: String,
    pub(super) run: Run,
    place_of_provider: Place,
}

/// A field of a file, or a reference that was typed.
#[derive(Debug)]
pub(super) struct Item {
    /// The field's path, or the text that was typed (empty if it is no reference: it may be a password).
    pub(super) field: String,
    /// Where it stands: in the file, or on the command line.
    pub(super) place: ItemPlace,
    pub(super) holds: Holds,
}

/// Where an item stands.
#[derive(Debug)]
pub(super) enum ItemPlace {
    File(Place),
    /// Counted from 1.
    Argument(usize),
    /// Counted from 1.
    StdinLine(usize),
}

impl Item {
    /// What is wrong with it by itself, if something is.
    pub(super) fn fault(&self) -> Option<String> {
        let Holds::Fault(fault) = &self.holds else { return None };
        Some(match (&self.place, fault) {
            (ItemPlace::File(place), _) => format!("{place}: {}: {fault}", self.field),
            // Not repeated: it may be a password in the wrong place.
            (ItemPlace::Argument(number), Fault::Malformed(invalid)) => {
                format!("REF {number} is no reference to a secret: {invalid}")
            }
            (ItemPlace::StdinLine(number), Fault::Malformed(invalid)) => {
                format!("line {number} of standard input is no reference to a secret: {invalid}")
            }
            (ItemPlace::Argument(number) | ItemPlace::StdinLine(number), _) => {
                format!("reference {number}: {fault}")
            }
        })
    }
}

impl Asked {
    /// The references among the items.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let wanted = self.items.iter().filter_map(|item| match &item.holds {
            Holds::Reference(reference) => {
                Some(Wanted { field: item.field.clone(), reference: reference.clone() })
            }
            Holds::Value { .. } | Holds::Fault(_) => None,
        });
        wanted.collect()
    }

    /// The vault that the references lead to. Nothing is sent yet.
    pub(super) fn open(&self, environment: &Environment) -> Result<Arc<dyn Provider>, Refusal> {
        if let (None, Some(file)) = (self.provider.vault(), &self.file) {
            return Err(Refusal::usage(format!(
                "{}: there are references to secrets, but the secrets manager {} has no vault for them (set \
                 secretsManagerProvider: azure-kv and secretsManagerLoader: env or airflow)",
                file.place_of_provider,
                self.provider.as_str()
            )));
        }
        let variable = |name: &str| environment.get(name).map(str::to_owned);
        open_vault(self.provider, self.loader, &variable, Arc::new(SystemClock), Arc::new(SystemRandom))
            .map_err(Refusal::usage)
    }
}

/// Gathers what `args` ask for.
pub(super) fn gather(
    args: &ResolveArgs,
    stdin: impl Read,
    environment: &Environment,
) -> Result<Asked, Refusal> {
    match &args.config {
        Some(path) => from_file(args, path, environment),
        None => Ok(Asked {
            file: None,
            items: from_texts(args, stdin)?,
            loader: args.loader.unwrap_or(Loader::Env),
            provider: args.provider.unwrap_or(SecretsManager::AzureKv),
        }),
    }
}

fn from_file(args: &ResolveArgs, path: &Path, environment: &Environment) -> Result<Asked, Refusal> {
    let file = WorkflowFile::load(path, environment).map_err(Refusal::usage)?;
    let items = workflow_fields(&file).into_iter().map(|field| Item {
        field: field.path.to_string(),
        place: ItemPlace::File(field.place),
        holds: field.holds,
    });
    Ok(Asked {
        items: items.collect(),
        loader: args.loader.unwrap_or_else(|| file.loader().into()),
        provider: args.provider.unwrap_or_else(|| file.provider()),
        file: Some(AskedFile {
            name: path.display().to_string(),
            run: file.run(),
            place_of_provider: file.place_of_provider().clone(),
        }),
    })
}

fn from_texts(args: &ResolveArgs, mut stdin: impl Read) -> Result<Vec<Item>, Refusal> {
    let mut items = Vec::new();
    let mut known = HashSet::new();
    let mut read = false;
    let mut add = |text: &str, place| {
        let (holds, field) = match requested(text) {
            Ok(reference) => (Holds::Reference(reference), text),
            Err(invalid) => (Holds::Fault(Fault::Malformed(invalid)), ""),
        };
        // What is asked for twice is answered once.
        if field.is_empty() || known.insert(field.to_owned()) {
            items.push(Item { field: field.to_owned(), place, holds });
        }
    };
    for (index, text) in args.references.iter().enumerate() {
        if text != STDIN {
            add(text, ItemPlace::Argument(index + 1));
            continue;
        }
        if std::mem::replace(&mut read, true) {
            return Err(Refusal::usage("standard input can be read only once: write - once"));
        }
        for (index, line) in lines(&mut stdin)?.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
            add(line, ItemPlace::StdinLine(index + 1));
        }
    }
    match items.len() {
        0 => Err(Refusal::usage("standard input holds no reference")),
        count if count > MAX_REFERENCES => {
            Err(Refusal::usage(format!("at most {MAX_REFERENCES} references are resolved at a time")))
        }
        _ => Ok(items),
    }
}

/// The lines of standard input.
fn lines(stdin: &mut impl Read) -> Result<Vec<String>, Refusal> {
    let mut text = String::new();
    let read = stdin.take(MAX_STDIN_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| Refusal::usage(format!("standard input cannot be read: {}", error.kind())))?;
    if text.len() as u64 > MAX_STDIN_BYTES {
        return Err(Refusal::usage("standard input holds more than 4 MiB"));
    }
    Ok(text.lines().map(str::to_owned).collect())
}
