//! The program dies between any two effects of a write or of a migration and is started again: every field resolves to its
//! old or its new value, nothing is left half-way, no secret is orphaned, and what was acknowledged is there.
//!
//! Where it dies is [`Step::ALL`](strongroom_manager::crash::Step::ALL). Each test states the steps that it does *not* pass
//! and has to pass all others, so that a new step is met by every test until somebody says where it cannot be.
//!
//! [`requests`] kills a server that answers a request, [`settling`] one that puts right what an earlier crash left,
//! [`migration`] a migration, [`changing`] one from vault to vault and back, [`actions`] a renaming, a rollback and a cleaning; [`moments`] kills a migration at any moment, not at a step; in [`leases`] one process finds what
//! another has left. [`installation`] is what outlives them, and looks at it from outside.

mod actions;
mod changing;
mod installation;
mod leases;
mod migration;
mod moments;
mod requests;
mod settling;
mod upkeep;

use strongroom_manager::crash::Step;

#[test]
fn every_step_is_passed_by_a_test() {
    for step in Step::ALL {
        let by_request = requests::Request::ALL.iter().any(|request| !request.spared().contains(step));
        let by_settling = settling::Left::ALL.iter().any(|left| !left.spared().contains(step));
        let by_migration = migration::Start::ALL.iter().any(|start| !start.spared().contains(step));
        let by_action = actions::ALL.iter().any(|(_, steps)| steps.contains(step));
        let by_upkeep = upkeep::ROTATING.contains(step) || upkeep::DELETING.contains(step);
        assert!(
            by_request || by_settling || by_migration || by_action || by_upkeep,
            "nothing is killed at {}",
            step.name()
        );
    }
}
