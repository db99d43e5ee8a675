//! A plan in a file: made with `--plan-out`, carried out with `--apply`. It holds names and decisions, and no values.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use strongroom_manager::migrate::{MigrateOptions, Plan};

use super::places::PlaceArgs;
use super::plan_output::Output;
use crate::exit::Usage;

/// The form of such files. Another one is for another program.
const FORMAT: u32 = 1;

/// What stands at the beginning of a plan's file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    strongroom_plan: u32,
    /// What was decided.
    pub(super) options: MigrateOptions,
    /// What `--from` and `--to` said.
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

/// A plan that was read: what is compared with the plan that is made anew.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanFile {
    #[serde(flatten)]
    pub(super) head: Head,
    target: String,
    fingerprint: String,
    #[serde(skip)]
    path: PathBuf,
}

/// A plan's file that is being written: it gets its name when it is whole.
pub(super) struct Writing {
    path: PathBuf,
    temporary: PathBuf,
}

impl Writing {
    /// Begins a file that only its owner can read.
    pub(super) fn begin(
        path: &Path,
        options: &MigrateOptions,
        places: &PlaceArgs,
    ) -> Result<(Self, Output<'static>)> {
        let context = || format!("the plan {} cannot be written", path.display());
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(context),
            Ok(()) | Err(_) => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
        let file = file.with_context(context)?;
        let PlaceArgs { from, to } = places.clone();
        let head = Head { strongroom_plan: FORMAT, options: options.clone(), from, to };
        let output = Output::json(BufWriter::new(file), &head)?;
        Ok((Self { path: path.to_owned(), temporary }, output))
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> Result<()> {
        fs::rename(&self.temporary, &self.path)
            .with_context(|| format!("the plan {} cannot be written", self.path.display()))
    }
}

impl PlanFile {
    /// Reads a plan's file. What it would do to each field is passed over: that is planned anew.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file =
            File::open(path).map_err(|error| Usage(format!("the plan {}: {error}", path.display())))?;
        let plan: Self = serde_json::from_reader(BufReader::new(file)).map_err(|error| {
            // The parser's message quotes what it read: the place is enough.
            let (line, column) = (error.line(), error.column());
            let place = path.display();
            Usage(format!("{place} is no plan of migrate-secrets --plan-out (line {line}, column {column})"))
        })?;
        if plan.head.strongroom_plan != FORMAT {
            let message = format!(
                "the plan {} was made by another version of Strongroom: make it anew",
                path.display()
            );
            return Err(Usage(message).into());
        }
        Ok(Self { path: path.to_owned(), ..plan })
    }

    /// Whether the plan would be made in the same way now; if not, why.
    pub(super) fn differs(&self, now: &Plan) -> Option<String> {
        let path = self.path.display();
        if self.target != now.target {
            return Some(format!(
                "the plan {path} goes to {}, and the configuration to {}: make the plan anew",
                self.target, now.target
            ));
        }
        (self.fingerprint != now.fingerprint).then(|| {
            format!("the database has changed since the plan {path} was made: look at a new one, nothing was written")
        })
    }
}
