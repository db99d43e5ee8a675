//! The program dies between any two effects of a write or of a migration and is started again: every field resolves to its
//! old or its new value, nothing is left half-way, no secret is orphaned, and what was acknowledged is there.
//!
//! Where it dies is [`Step::ALL`](strongroom_manager::crash::Step::ALL). Each test states the steps that it passes, is killed at each of
//! them, and may pass no other, so that a new step is met by every test until somebody says where it is passed ([`steps`]).
//!
//! [`first_start`] kills a server that is started for the first time, [`requests`] one that answers a request, [`settling`] one that puts right what an earlier crash left,
//! [`migration`] a migration, [`actions`] a change of the secrets manager, a renaming, a rollback and a cleaning, [`upkeep`] what
//! `strongroom secrets` changes; [`moments`] kills a migration at any moment, not at a step; in [`leases`] one process finds what
//! another has left. [`installation`] is what outlives them; [`ledger`] looks from outside whether every value is there once.
//!
//! All of it is done on SQLite, PostgreSQL and MySQL; on MariaDB a first start, a migration and two requests.

mod actions;
mod first_start;
mod installation;
mod leases;
mod ledger;
mod migration;
mod moments;
mod requests;
mod settling;
mod steps;
mod upkeep;

use strongroom_manager::crash::Step;

#[test]
fn every_step_is_passed_by_a_test() {
    let mut passed = migration::passed();
    passed.extend(first_start::passed());
    passed.extend(requests::Request::ALL.iter().flat_map(|request| request.passed()));
    passed.extend(settling::Left::ALL.iter().flat_map(|left| left.passed()));
    passed.extend(actions::Action::ALL.iter().flat_map(|action| action.passed()));
    let lists =
        [migration::SETTLING, leases::RECHECKING, upkeep::ROTATING, upkeep::DELETING, upkeep::ACCEPTING];
    passed.extend(lists.concat());
    for step in Step::ALL {
        assert!(passed.contains(step), "nothing is killed at {}", step.name());
    }
}
