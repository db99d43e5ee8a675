//! The file that a backup of the whole store is: a header, then chunks, each sealed.
//!
//! The header has the file's own key, which the master key has sealed. Each chunk is bound to its place and to whether it is the last:
//! a file that was altered, cut, put together anew or made elsewhere does not open. A chunk holds one JSON document a line. Values
//! in it are still sealed with their data keys, which the first chunk holds, wrapped by the master key.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strongroom_secrets::Random;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::keys::{Binding, FileKey, MasterKey, NotAuthentic};

/// The first line, with the version of the format.
const MAGIC: &[u8] = b"strongroom vault backup 1\n";

/// From how many bytes on a chunk is closed, and how long one can be.
const CHUNK: usize = 256 * 1024;
const LONGEST_CHUNK: usize = 4 * 1024 * 1024;

/// How long the other end of the file may keep us waiting.
const STALL: Duration = Duration::from_secs(60);

/// What stands in the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Item {
    Key(Key),
    Vault(String),
    Version(Box<Version>),
    Entry(Entry),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) id: i64,
    #[serde(with = "Bytes")]
    pub(super) wrapped: Vec<u8>,
    pub(super) retired: bool,
    pub(super) formerly: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) vault: String,
    pub(super) name: String,
    pub(super) deleted_at: Option<i64>,
    pub(super) purge_at: Option<i64>,
    pub(super) settles_at: Option<i64>,
    pub(super) version: String,
    pub(super) content_type: Option<String>,
    pub(super) tags: Option<String>,
    pub(super) enabled: i64,
    pub(super) not_before: Option<i64>,
    pub(super) expires: Option<i64>,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) key: i64,
    #[serde(with = "Bytes")]
    pub(super) sealed: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) key: i64,
    #[serde(with = "Bytes")]
    pub(super) sealed: Vec<u8>,
}

/// Bytes as base64.
struct Bytes;

impl Bytes {
    fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map_err(|_| serde::de::Error::custom("not base64"))
    }
}

/// Writes a file. Without [`end`](Self::end) it is worth nothing.
pub(super) struct ArchiveWriter<'a> {
    out: &'a mut (dyn AsyncWrite + Send + Unpin),
    key: FileKey,
    index: u64,
    pending: Vec<u8>,
}

impl<'a> ArchiveWriter<'a> {
    pub(super) async fn begin(
        out: &'a mut (dyn AsyncWrite + Send + Unpin),
        master: &MasterKey,
        random: &dyn Random,
    ) -> Result<Self> {
        let (key, sealed) = master.file_key(random);
        let mut writer = Self { out, key, index: 0, pending: Vec::with_capacity(CHUNK + CHUNK / 4) };
        writer.write(MAGIC).await?;
        writer.write(&sealed).await?;
        Ok(writer)
    }

    pub(super) async fn put(&mut self, item: &Item) -> Result<()> {
        serde_json::to_writer(&mut self.pending, item)
            .map_err(|error| failed("write", io::Error::other(error)))?;
        self.pending.push(b'\n');
        if self.pending.len() >= CHUNK { self.close_chunk(false).await } else { Ok(()) }
    }

    pub(super) async fn end(mut self) -> Result<()> {
        self.close_chunk(true).await?;
        within(self.out.flush()).await.map_err(|error| failed("write", error))
    }

    async fn close_chunk(&mut self, last: bool) -> Result<()> {
        let sealed = self.key.seal(&binding(self.index, last), &self.pending);
        self.pending.clear();
        self.index += 1;
        let length = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
        self.write(&[u8::from(last)]).await?;
        self.write(&length.to_be_bytes()).await?;
        self.write(&sealed).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        within(self.out.write_all(bytes)).await.map_err(|error| failed("write", error))
    }
}

/// Reads a file.
pub(super) struct ArchiveReader<'a> {
    input: &'a mut (dyn AsyncRead + Send + Unpin),
    key: FileKey,
    index: u64,
    ended: bool,
}

impl<'a> ArchiveReader<'a> {
    pub(super) async fn begin(
        input: &'a mut (dyn AsyncRead + Send + Unpin),
        master: &MasterKey,
    ) -> Result<Self> {
        let mut magic = [0; MAGIC.len()];
        let mut sealed = [0; FileKey::SEALED];
        let header = async {
            input.read_exact(&mut magic).await?;
            input.read_exact(&mut sealed).await
        };
        let read = within(header).await;
        if magic != MAGIC {
            let error = match read {
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => failed("read", error),
                _ => Error::new(ErrorKind::Backup, "this is no backup of a vault, or one of a later version"),
            };
            return Err(error);
        }
        read.map_err(cut)?;
        let key = master.open_file_key(&sealed).map_err(|NotAuthentic| {
            Error::new(
                ErrorKind::Backup,
                "the backup was made with another master key, or its beginning was altered",
            )
            .with_hint("give the master key that the vault had then")
        })?;
        Ok(Self { input, key, index: 0, ended: false })
    }

    /// The next items; `None` behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Item>>> {
        if self.ended {
            return Ok(None);
        }
        let mut head = [0; 5];
        within(self.input.read_exact(&mut head)).await.map_err(cut)?;
        let [last, length @ ..] = head;
        let length = u32::from_be_bytes(length) as usize;
        if last > 1 || length > LONGEST_CHUNK {
            return Err(altered());
        }
        let mut sealed = vec![0; length];
        within(self.input.read_exact(&mut sealed)).await.map_err(cut)?;
        let text: Zeroizing<Vec<u8>> =
            self.key.open(&binding(self.index, last == 1), &sealed).map_err(|NotAuthentic| altered())?;
        self.index += 1;
        if last == 1 {
            self.ended = true;
            match within(self.input.read(&mut [0])).await {
                Ok(0) => {}
                Ok(_) => return Err(altered()),
                Err(error) => return Err(failed("read", error)),
            }
        }
        text.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>()
            .map(Some)
            .map_err(|_| {
                Error::new(ErrorKind::Backup, "the backup was made by a later version of this program")
            })
    }
}

fn binding(index: u64, last: bool) -> Binding {
    Binding::new("backup chunk", &[&index.to_string(), if last { "last" } else { "" }])
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(STALL, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn altered() -> Error {
    Error::new(ErrorKind::Backup, "the backup was altered or damaged; nothing was restored")
}

fn cut(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            Error::new(ErrorKind::Backup, "the backup ends too early; nothing was restored")
        }
        _ => failed("read", error),
    }
}

fn failed(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::File, format!("cannot {what} the backup: {error}")).with_source(error)
}
