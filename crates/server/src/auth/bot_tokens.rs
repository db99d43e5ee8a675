//! A bot's token is valid only while it is the one that is stored, so that a token that leaked can be replaced.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use strongroom_entities::FieldPath;
use strongroom_manager::WriteError;
use strongroom_metastore::Row;
use uuid::Uuid;

use crate::app::App;
use crate::errors::ApiError;

/// How long a stored token is believed to be unchanged in the vault, in milliseconds. A change in the database counts at once.
const BELIEVED_MILLIS: i64 = 120_000;
/// How soon the vault is asked again because a token does not match, in milliseconds.
const ASK_AGAIN_MILLIS: i64 = 5_000;
/// How many bots are remembered; beyond that all are forgotten and read again.
const MAX_BOTS: usize = 10_000;

type Hash = [u8; 32];

/// The hashes of the stored tokens that were read lately.
#[derive(Default)]
pub(crate) struct BotTokens(Mutex<HashMap<Uuid, Known>>);

#[derive(Clone, Copy)]
struct Known {
    /// The row that the token was read for.
    row: Hash,
    token: Hash,
    read_at: i64,
}

/// Where a bot's user keeps its token.
pub(crate) fn token_field() -> FieldPath {
    FieldPath::of_keys(["authenticationMechanism", "config", "JWTToken"])
}

impl BotTokens {
    /// Whether `presented` is the token that is stored for the bot's `user`.
    pub(crate) async fn is_current(&self, app: &App, user: &Row, presented: &str) -> Result<bool, ApiError> {
        let (row, now) = (row_hash(user), app.clock.now_millis());
        let presented = hash(presented.as_bytes());
        if let Some(known) = self.known(user.id).filter(|known| known.row == row) {
            let age = now - known.read_at;
            let equal = verify_slices_are_equal(&known.token, &presented).is_ok();
            if (equal && age < BELIEVED_MILLIS) || age < ASK_AGAIN_MILLIS {
                return Ok(equal);
            }
        }
        let stored = match app.manager.reveal(user, &token_field()).await {
            Ok(stored) => stored,
            Err(WriteError::NotFound) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let token = hash(stored.expose().as_bytes());
        self.remember(user.id, Known { row, token, read_at: now });
        Ok(verify_slices_are_equal(&token, &presented).is_ok())
    }

    fn known(&self, bot: Uuid) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&bot).copied()
    }

    fn remember(&self, bot: Uuid, known: Known) {
        let mut bots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bots.len() >= MAX_BOTS {
            bots.clear();
        }
        bots.insert(bot, known);
    }
}

impl fmt::Debug for BotTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BotTokens").finish_non_exhaustive()
    }
}

fn hash(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// What changes in the row when somebody gives the bot another token.
fn row_hash(user: &Row) -> Hash {
    let field = token_field().get(&user.json).map(Value::to_string).unwrap_or_default();
    let updated = user.json.get("updatedAt").map(Value::to_string).unwrap_or_default();
    hash(format!("{updated} {field}").as_bytes())
}
