//! What a migration can do besides moving everything. One at a time.

use std::path::PathBuf;

use clap::Args;

/// The arguments that make a plan or decide about one: with `--apply` the plan's own count.
const OF_A_PLAN: [&str; 12] = [
    "plan",
    "plan_out",
    "from",
    "to",
    "literal",
    "adopt",
    "skip_conflicts",
    "include_options",
    "include_settings",
    "own_references",
    "only",
    "except",
];

/// What to do, if not to move everything to the configured place.
#[derive(Debug, Clone, Default, Args)]
#[group(id = "action", multiple = false)]
pub(super) struct Actions {
    /// Give each secret the name that it would get now: after a change of prefix, clusterName or strongroom.naming
    #[arg(long)]
    pub(super) rename: bool,
    /// Bring back to the database what a run moved, as its vault holds it now; --status lists the runs
    #[arg(long, value_name = "RUN", conflicts_with = "to")]
    pub(super) rollback: Option<String>,
    /// Delete in the old place what the new one is verified to hold
    #[arg(long, conflicts_with_all = ["to", "adopt", "own_references", "skip_conflicts"])]
    pub(super) clean: bool,
    /// Carry out a plan that --plan-out wrote, if the database has not changed since
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_A_PLAN)]
    pub(super) apply: Option<PathBuf>,
    /// Say whether a migration runs, who runs it and how far it is, and list the last runs
    #[arg(long, conflicts_with_all = OF_A_PLAN, conflicts_with = "no_wait")]
    pub(super) status: bool,
}

impl Actions {
    /// The action in a word, as the list of runs has it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self { rename: true, .. } => "rename",
            Self { rollback: Some(_), .. } => "rollback",
            Self { clean: true, .. } => "clean",
            _ => "move",
        }
    }
}
