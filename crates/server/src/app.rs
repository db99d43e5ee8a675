//! What all handlers share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use strongroom_manager::Manager;
use strongroom_metastore::Metastore;
use strongroom_secrets::{Clock, Random};
use tokio::sync::Semaphore;

use crate::auth::bot_tokens::BotTokens;
use crate::auth::keys::TokenKeys;
use crate::auth::lockout::Lockouts;
use crate::server_connection::PipelineOptions;

/// What an installation says about itself.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The issuer of our tokens (`jwtTokenConfiguration.jwtissuer`). Tokens of another are refused.
    pub issuer: String,
    /// Where the API is found from outside, such as `https://metadata.example.com`, for the links in answers. `None`: where the
    /// request says that it found it.
    pub public_url: Option<String>,
    /// Which source this program was built from, as `GET system/version` tells.
    pub revision: String,
    /// What a server does not exceed.
    pub limits: Limits,
    /// What deployed pipelines are told.
    pub pipelines: PipelineOptions,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            issuer: "open-metadata.org".to_owned(),
            public_url: None,
            revision: "unknown".to_owned(),
            limits: Limits::default(),
            pipelines: PipelineOptions::default(),
        }
    }
}

/// What a server does not exceed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest body of a request, in bytes; beyond it 413 is answered.
    pub body_bytes: usize,
    /// The longest that a request is worked on; beyond it 503 is answered, and a write that has begun is still finished.
    pub request_timeout: Duration,
    /// How many connections are open at a time. Further ones wait.
    pub connections: usize,
    /// After how long without a byte in either direction a connection is closed. A request that is worked on moves nothing.
    pub idle_timeout: Duration,
    /// The longest that a client may take to send the head of a request.
    pub header_read_timeout: Duration,
    /// The longest that a client may take to send a body; beyond it 408 is answered.
    pub body_read_timeout: Duration,
    /// How many requests are worked on at a time. Further ones wait.
    pub concurrent_requests: usize,
    /// How many writes are worked on at a time. Further ones wait.
    pub concurrent_writes: usize,
    /// How many passwords are hashed at a time. Each hash keeps a processor busy for about a quarter of a second.
    pub concurrent_hashes: usize,
    /// How long a server that is told to stop waits for the requests under way.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            request_timeout: Duration::from_secs(60),
            // Many systems give a process 1,024 descriptors, and the database wants some.
            connections: 900,
            idle_timeout: Duration::from_secs(120),
            header_read_timeout: Duration::from_secs(10),
            body_read_timeout: Duration::from_secs(15),
            concurrent_requests: 256,
            concurrent_writes: 64,
            concurrent_hashes: 2,
            grace: Duration::from_secs(10),
        }
    }
}

/// What an [`App`] is made of.
#[derive(Debug)]
pub struct AppParts {
    /// The metadata database.
    pub store: Metastore,
    /// The secrets manager, which does every write.
    pub manager: Arc<Manager>,
    /// The keys that tokens are signed with.
    pub keys: TokenKeys,
    /// What the installation says about itself.
    pub options: ServerOptions,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub random: Arc<dyn Random>,
}

/// What all handlers share.
pub struct App {
    pub(crate) store: Metastore,
    pub(crate) manager: Arc<Manager>,
    pub(crate) keys: TokenKeys,
    pub(crate) options: ServerOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) bot_tokens: BotTokens,
    pub(crate) lockouts: Lockouts,
    pub(crate) hashing: Arc<Semaphore>,
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) writes: Arc<Semaphore>,
    /// When this server started, in milliseconds since the Unix epoch.
    pub(crate) started_at: i64,
}

impl App {
    /// Puts an app together.
    pub fn new(parts: AppParts) -> Arc<Self> {
        let limits = parts.options.limits;
        Arc::new(Self {
            started_at: parts.clock.now_millis(),
            store: parts.store,
            manager: parts.manager,
            keys: parts.keys,
            options: parts.options,
            clock: parts.clock,
            random: parts.random,
            bot_tokens: BotTokens::default(),
            lockouts: Lockouts::default(),
            hashing: Arc::new(Semaphore::new(limits.concurrent_hashes)),
            requests: Arc::new(Semaphore::new(limits.concurrent_requests)),
            writes: Arc::new(Semaphore::new(limits.concurrent_writes)),
        })
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("options", &self.options).finish_non_exhaustive()
    }
}
