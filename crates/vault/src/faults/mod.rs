//! Faults on demand: what a client has to bear at times, at a test's wish.
//!
//! A file of rules ([`rules`]) says which calls fail and how: with a status, late, by a connection that is dropped before or
//! after the change was made ([`cut`]), or with half an answer. It is read again when it changes. A vault takes such a file
//! in development only.

mod cut;
mod rules;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures::stream;
use serde_json::json;

use cut::Cut;
pub(crate) use cut::Cuttable;
use rules::{Call, Effect, Fate, Rules, Subject};

use crate::error::Result;
use crate::operations;

/// The longest answer that is sent by halves: longer ones are sent whole. A backup is the longest.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// How long the first half has to reach the network before the connection is given up.
const HALFWAY: Duration = Duration::from_millis(50);

/// The rules of now, and where they come from.
#[derive(Debug)]
pub(crate) struct Faults {
    path: PathBuf,
    state: Mutex<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    version: FileVersion,
    rules: Rules,
}

/// What tells one state of the file from another.
type FileVersion = Option<(SystemTime, u64)>;

impl Faults {
    /// Reads the file.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) names the line.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let version = version_of(path);
        Ok(Self { path: path.to_owned(), state: Mutex::new(Loaded { version, rules: Rules::read(path)? }) })
    }

    /// What is to happen to a call, by the file as it is now.
    fn fate(&self, call: &Call<'_>) -> Option<Fate> {
        // A poisoned lock only says that another thread panicked; the counters behind it are whole.
        let mut loaded = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let version = version_of(&self.path);
        if version != loaded.version {
            loaded.version = version;
            match Rules::read(&self.path) {
                Ok(rules) => {
                    tracing::info!("the faults on demand were read again");
                    loaded.rules = rules;
                }
                Err(error) => tracing::error!(%error, "the faults on demand stay as they were"),
            }
        }
        loaded.rules.fate(call)
    }
}

fn version_of(path: &Path) -> FileVersion {
    let metadata = path.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Lets a request through, or has its fault happen. The first request of a client, which carries no token, is left alone.
pub(crate) async fn inject(
    State(faults): State<Arc<Faults>>,
    cut: Option<Extension<Cut>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let is_token = parts.method == Method::POST
        && (parts.uri.path().ends_with("/oauth2/token") || parts.uri.path().ends_with("/oauth2/v2.0/token"));
    let fate = if is_token {
        faults.fate(&Call { subject: Subject::Token, name: None })
    } else if parts.headers.contains_key(header::AUTHORIZATION) {
        operations::named(&parts.method, parts.uri.path()).and_then(|(operation, name)| {
            faults.fate(&Call { subject: operation.into(), name: name.as_deref() })
        })
    } else {
        None
    };
    let request = Request::from_parts(parts, body);
    let Some(Fate { delay, effect }) = fate else { return next.run(request).await };
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    match effect {
        Effect::None => next.run(request).await,
        Effect::Status { status, code, retry_after } => refuse(status, &code, retry_after, is_token),
        Effect::DropBefore => {
            drop_connection(cut);
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Effect::DropAfter => {
            let answer = next.run(request).await;
            drop_connection(cut);
            answer
        }
        Effect::HalfAnswer => halved(next.run(request).await).await,
    }
}

/// Nothing more is read from the connection or written to it, the answer included.
fn drop_connection(cut: Option<Extension<Cut>>) {
    if let Some(Extension(cut)) = cut {
        cut.now();
    }
}

fn refuse(status: StatusCode, code: &str, retry_after: Option<u32>, is_token: bool) -> Response {
    let message = "A fault on demand: the vault was started with a file of faults.";
    let body = if is_token {
        json!({"error": code, "error_description": message})
    } else {
        json!({"error": {"code": code, "message": message}})
    };
    let mut response = (status, Json(body)).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// The same answer, which ends after half of what it says its length is.
async fn halved(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let Ok(bytes) = to_bytes(body, LONGEST_ANSWER).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let half = bytes.slice(..bytes.len() / 2);
    let body = stream::unfold(Some(half), |half: Option<Bytes>| async move {
        match half {
            Some(half) => Some((Ok(half), None)),
            None => {
                tokio::time::sleep(HALFWAY).await;
                Some((Err(std::io::Error::other("half an answer, on demand")), None))
            }
        }
    });
    Response::from_parts(parts, Body::from_stream(body))
}
