//! What is logged, and where: on stderr, at the level that `STRONGROOM_LOG` or `LOG_LEVEL` names.

use std::io::{IsTerminal, stderr};

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging. `default` is the level if the environment names none.
///
/// Only Strongroom's own modules are ever more talkative than warnings: at their lowest levels HTTP and database libraries
/// log what passes through them, passwords and tokens among it.
pub(crate) fn start(default: Level) {
    let named =
        |name| std::env::var(name).ok().and_then(|level| level.trim_matches('"').parse::<LevelFilter>().ok());
    let level =
        named("STRONGROOM_LOG").or_else(|| named("LOG_LEVEL")).unwrap_or(LevelFilter::from_level(default));
    let ours = [
        "strongroom",
        "strongroom_config",
        "strongroom_entities",
        "strongroom_ingestion",
        "strongroom_manager",
        "strongroom_metastore",
        "strongroom_secrets",
        "strongroom_server",
        "strongroom_vault",
    ];
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(ours.map(|target| (target, level)));
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal());
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
}
