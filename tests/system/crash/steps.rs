//! Which steps belong together, and how a program is told to die at one.

use strongroom_manager::crash::Step;

/// The variable that says at which steps the program dies.
pub(super) const FAIL_POINTS: &str = "FAILPOINTS";

/// What one transaction passes that stores documents, or deletes one.
pub(super) const STORING: &[Step] = &[Step::RowsUpdated, Step::DocumentStored, Step::Committed];

/// What comes before it where secrets are written.
pub(super) const PLACING: &[Step] = &[Step::IntentsOpened, Step::BeforeRecorded, Step::VersionWritten];

/// What a run of `migrate-secrets` passes once, whatever it finds.
pub(super) const RUN: &[Step] = &[Step::RunBegun, Step::RunEnded];

/// What one passes that takes passwords out of rows: it owes the room that they leave, and gives it back.
pub(super) const RECLAIMING: &[Step] = &[Step::ReclaimOwed, Step::RoomReclaimed, Step::ReclaimNoted];

/// All but these. A scenario names the steps that it passes: it is killed at each of them, and once it has to come to its end though
/// it would die at any other. So a new step is met by every test that passes it, until somebody says so.
pub(super) fn others(passed: &[Step]) -> Vec<Step> {
    Step::ALL.iter().copied().filter(|step| !passed.contains(step)).collect()
}

/// The variable's value with which the program dies at each of `steps` when it passes it for the `passing`th time.
pub(super) fn fail_points(steps: &[Step], passing: u32) -> String {
    let action = match passing {
        0 | 1 => "return".to_owned(),
        _ => format!("{}*off->return", passing - 1),
    };
    steps.iter().map(|step| format!("{}={action}", step.name())).collect::<Vec<_>>().join(";")
}
