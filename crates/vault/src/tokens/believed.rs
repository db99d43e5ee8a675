//! Tokens that were checked lately.
//!
//! A client presents the same token for an hour, and to check its signature costs more than all else that a read does. What a
//! token says cannot change, so who has been believed once is believed until the token's time is over. Roles are not kept here:
//! they are looked up on each call.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;

use super::claims::Verified;

/// How many tokens are remembered, each with some hundred bytes; more are checked anew.
const CAPACITY: usize = 4096;

/// What was found out about tokens, by their SHA-256: a token itself is never kept.
#[derive(Debug)]
pub(crate) struct Believed(Cache<[u8; 32], Arc<Verified>>);

impl Default for Believed {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl Believed {
    /// What `check` finds out about a token, or found out before. Refusals are not remembered.
    pub(crate) fn or_check<E>(
        &self,
        token: &str,
        now: i64,
        check: impl FnOnce() -> Result<Verified, E>,
    ) -> Result<Arc<Verified>, E> {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(known) = self.0.get(&key).filter(|known| known.holds_at(now)) {
            return Ok(known);
        }
        let verified = Arc::new(check()?);
        self.0.insert(key, Arc::clone(&verified));
        Ok(verified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified() -> Result<Verified, &'static str> {
        Ok(Verified {
            client_id: "c".into(),
            object_id: "o".into(),
            issuer: "i".into(),
            not_before: 1000,
            expires: 2000,
        })
    }

    #[test]
    fn a_token_is_checked_once_while_it_holds_and_again_when_its_time_is_over() {
        let believed = Believed::default();
        let check =
            |now, answer| believed.or_check("a.b.c", now, || answer).map(|token| token.client_id.clone());
        assert_eq!(check(1500, Err("refused")), Err("refused"));
        assert_eq!(check(1500, verified()), Ok("c".into()));
        assert_eq!(check(1600, Err("not asked")), Ok("c".into()));
        assert_eq!(check(3000, Err("expired")), Err("expired"));
        assert_eq!(check(0, Err("not valid yet")), Err("not valid yet"));
        assert!(believed.or_check("a.b.d", 1500, || Err("another")).is_err());
    }
}
