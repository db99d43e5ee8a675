//! Three wrong passwords lock an account for ten minutes.
//!
//! The account is the user that the address leads to, so that no other spelling of it opens a new account. An address that leads
//! to nobody is counted and locked in the same way: nothing tells the two apart. An attempt counts as failed from its beginning
//! until it turns out right, so that many at a time gain nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// How many wrong passwords lock an account.
const MAX_FAILURES: u32 = 3;
/// How long, in milliseconds. Failures older than that are forgotten.
const LOCK_MILLIS: i64 = 600_000;
/// How many addresses that lead to nobody are remembered.
const MAX_STRANGERS: usize = 10_000;

/// Whose password is tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Account {
    /// That of a user.
    User(Uuid),
    /// That of an address, trimmed and in lower case, which leads to nobody.
    Stranger(String),
}

/// The failures of all accounts.
#[derive(Default)]
pub(crate) struct Lockouts {
    /// As many as there are users, at most.
    users: Mutex<HashMap<Account, Failures>>,
    /// Apart from the users', so that inventing addresses does not displace a user's failures.
    strangers: Mutex<HashMap<Account, Failures>>,
}

#[derive(Debug, Default)]
struct Failures {
    under_way: u32,
    failed: u32,
    latest: i64,
}

/// The account is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Locked {
    /// For how many more seconds.
    pub(crate) seconds: i64,
}

/// A try at an account. Dropped without [`Attempt::succeed`], it has failed.
pub(crate) struct Attempt<'a> {
    lockouts: &'a Lockouts,
    account: Account,
    succeeded: bool,
}

impl Lockouts {
    /// Begins a try at an account, if it is not locked at `now` (milliseconds).
    pub(crate) fn begin(&self, account: Account, now: i64) -> Result<Attempt<'_>, Locked> {
        let mut accounts = self.shelf(&account);
        if matches!(account, Account::Stranger(_)) {
            make_room(&mut accounts, now);
        }
        let failures = accounts.entry(account.clone()).or_default();
        if failures.is_over(now) {
            failures.failed = 0;
        }
        if failures.failed + failures.under_way >= MAX_FAILURES {
            let seconds = (failures.latest + LOCK_MILLIS - now + 999) / 1000;
            return Err(Locked { seconds: seconds.max(1) });
        }
        failures.under_way += 1;
        failures.latest = now;
        drop(accounts);
        Ok(Attempt { lockouts: self, account, succeeded: false })
    }

    fn shelf(&self, account: &Account) -> MutexGuard<'_, HashMap<Account, Failures>> {
        let shelf = match account {
            Account::User(_) => &self.users,
            Account::Stranger(_) => &self.strangers,
        };
        shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn is_over(&self, now: i64) -> bool {
        now - self.latest >= LOCK_MILLIS
    }
}

impl Attempt<'_> {
    /// The password was right: earlier failures are forgotten.
    pub(crate) fn succeed(mut self) {
        self.succeeded = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut accounts = self.lockouts.shelf(&self.account);
        let Some(failures) = accounts.get_mut(&self.account) else { return };
        failures.under_way = failures.under_way.saturating_sub(1);
        if self.succeeded {
            failures.failed = 0;
        } else {
            failures.failed += 1;
        }
        if failures.failed == 0 && failures.under_way == 0 {
            accounts.remove(&self.account);
        }
    }
}

impl fmt::Debug for Lockouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lockouts").finish_non_exhaustive()
    }
}

/// Forgets what is over, and the oldest if that does not suffice.
fn make_room(accounts: &mut HashMap<Account, Failures>, now: i64) {
    if accounts.len() < MAX_STRANGERS {
        return;
    }
    accounts.retain(|_, failures| failures.under_way > 0 || !failures.is_over(now));
    while accounts.len() >= MAX_STRANGERS {
        let oldest =
            accounts.iter().min_by_key(|(_, failures)| failures.latest).map(|(account, _)| account.clone());
        let Some(oldest) = oldest else { return };
        accounts.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Account = Account::User(Uuid::nil());

    fn fail(lockouts: &Lockouts, account: &Account, now: i64) -> Result<(), Locked> {
        lockouts.begin(account.clone(), now).map(drop)
    }

    #[test]
    fn the_fourth_try_after_three_failures_is_locked_for_ten_minutes() {
        let lockouts = Lockouts::default();
        for now in 0..3 {
            assert_eq!(fail(&lockouts, &USER, now), Ok(()));
        }
        assert_eq!(fail(&lockouts, &USER, 3), Err(Locked { seconds: 600 }));
        assert!(fail(&lockouts, &USER, LOCK_MILLIS + 1).is_err());
        assert_eq!(fail(&lockouts, &USER, LOCK_MILLIS + 2), Ok(()));
    }

    #[test]
    fn tries_while_locked_do_not_prolong_the_lock() {
        let lockouts = Lockouts::default();
        (0..3).for_each(|_| fail(&lockouts, &USER, 0).unwrap());
        assert!(fail(&lockouts, &USER, LOCK_MILLIS - 1).is_err());
        assert_eq!(fail(&lockouts, &USER, LOCK_MILLIS), Ok(()));
    }

    #[test]
    fn a_right_password_forgets_the_failures_before_it() {
        let lockouts = Lockouts::default();
        (0..2).for_each(|_| fail(&lockouts, &USER, 0).unwrap());
        lockouts.begin(USER, 0).unwrap().succeed();
        (0..3).for_each(|_| fail(&lockouts, &USER, 0).unwrap());
        assert!(fail(&lockouts, &USER, 0).is_err());
    }

    #[test]
    fn tries_at_the_same_time_count_from_their_beginning() {
        let lockouts = Lockouts::default();
        let under_way: Vec<_> = (0..3).map(|_| lockouts.begin(USER, 0).unwrap()).collect();
        assert!(fail(&lockouts, &USER, 0).is_err());
        drop(under_way);
        assert!(fail(&lockouts, &USER, 0).is_err());
    }

    #[test]
    fn inventing_addresses_neither_fills_the_memory_nor_unlocks_a_user() {
        let lockouts = Lockouts::default();
        (0..3).for_each(|_| fail(&lockouts, &USER, 0).unwrap());
        for index in 0..MAX_STRANGERS + 10 {
            fail(&lockouts, &Account::Stranger(index.to_string()), 1).unwrap();
        }
        assert!(lockouts.strangers.lock().unwrap().len() <= MAX_STRANGERS);
        assert!(fail(&lockouts, &USER, 2).is_err());
    }
}
