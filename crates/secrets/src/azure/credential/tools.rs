//! Tokens of whoever is signed in to the Azure CLI (`az`) or the Azure Developer CLI (`azd`).

use std::error::Error as StdError;
use std::ffi::OsStr;
use std::io;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error as AzureError, ErrorKind as AzureErrorKind};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions, Executor,
};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::refusal::NoToken;
use super::{AzureCli, AzureDeveloperCli, no_tenant};
use crate::azure::meaning::presentable;
use crate::{ErrorKind, Result};

/// How long a tool may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The most that is read of what a tool prints; a token has a few KiB.
const MAX_OUTPUT: u64 = 256 * 1024;

pub(super) fn az(known: &AzureCli) -> Result<Arc<dyn TokenCredential>> {
    let options = AzureCliCredentialOptions {
        tenant_id: known.tenant.clone(),
        executor: Some(Arc::new(Bounded)),
        ..AzureCliCredentialOptions::default()
    };
    let credential = AzureCliCredential::new(Some(options)).map_err(|_| refused(known.tenant.as_deref()))?;
    Ok(Arc::new(Tool { name: "the Azure CLI", command: "az", login: "az login", credential }))
}

pub(super) fn azd(known: &AzureDeveloperCli) -> Result<Arc<dyn TokenCredential>> {
    let options = AzureDeveloperCliCredentialOptions {
        tenant_id: known.tenant.clone(),
        executor: Some(Arc::new(Bounded)),
    };
    let credential =
        AzureDeveloperCliCredential::new(Some(options)).map_err(|_| refused(known.tenant.as_deref()))?;
    Ok(Arc::new(Tool {
        name: "the Azure Developer CLI",
        command: "azd",
        login: "azd auth login",
        credential,
    }))
}

fn refused(tenant: Option<&str>) -> crate::Error {
    no_tenant(tenant.unwrap_or_default())
}

/// The SDK's credential, with what the tool said kept apart from the SDK's words around it.
#[derive(Debug)]
struct Tool {
    name: &'static str,
    command: &'static str,
    login: &'static str,
    credential: Arc<dyn TokenCredential>,
}

impl Tool {
    fn explain(&self, error: &AzureError) -> NoToken {
        let mut innermost: &(dyn StdError + 'static) = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        if innermost.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
        {
            let why = format!("{} gave no token within {} s", self.name, LIMIT.as_secs());
            return NoToken::new(ErrorKind::Unauthenticated, why)
                .with_hint(format!("does `{} version` end?", self.command));
        }
        // What the tool printed where errors go. Of what it printed where a token goes nothing is repeated.
        let is_its_own = innermost
            .downcast_ref::<AzureError>()
            .is_some_and(|error| matches!(error.kind(), AzureErrorKind::Credential));
        let said = if is_its_own { innermost.to_string() } else { "what it printed is no token".to_owned() };
        if said == format!("{} not found on PATH", self.command) {
            return NoToken::new(ErrorKind::Unauthenticated, format!("{} is not on the PATH", self.command))
                .with_hint(format!("install it and sign in with `{}`", self.login));
        }
        let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
        let why = format!("{} gave no token ({})", self.name, presentable(line, []));
        NoToken::new(ErrorKind::Unauthenticated, why).with_hint(format!("sign in with `{}`", self.login))
    }
}

#[async_trait]
impl TokenCredential for Tool {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.credential.get_token(scopes, options).await.map_err(|error| self.explain(&error).into_azure())
    }
}

/// Runs a tool for a bounded time, and leaves nothing of it behind.
#[derive(Debug)]
struct Bounded;

#[async_trait]
impl Executor for Bounded {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The SDK starts a shell that starts the tool: all of them are ended together.
        let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
        let group = Group::of(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let finished = async {
            let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
            Ok(Output { status: child.wait().await?, stdout, stderr })
        };
        let output = tokio::time::timeout(LIMIT, finished)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it takes too long")))?;
        group.has_ended();
        Ok(output)
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(MAX_OUTPUT).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// The processes that a tool started. Dropped while it runs, they are ended.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// The tool has ended by itself, and its number may be somebody else's now.
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended meanwhile, and that is well.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(script: &str) -> io::Result<Output> {
        Bounded.run(OsStr::new("/bin/sh"), &[OsStr::new("-c"), OsStr::new(script)]).await
    }

    #[tokio::test]
    async fn what_a_tool_prints_is_read_up_to_a_bound() {
        let output = run("echo out; echo err >&2; exit 3").await.unwrap();
        assert_eq!(
            (output.stdout, output.stderr, output.status.code()),
            (b"out\n".into(), b"err\n".into(), Some(3))
        );
        let endless = run("yes 2>/dev/null").await.unwrap();
        assert_eq!(endless.stdout.len() as u64, MAX_OUTPUT);
    }

    #[tokio::test]
    async fn a_tool_that_hangs_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
        let hanging = tokio::time::timeout(Duration::from_millis(500), run(&script)).await;
        assert!(hanging.is_err());
        let id = std::fs::read_to_string(&file).unwrap();
        let status = format!("/proc/{}/status", id.trim());
        let gone = || {
            let status = std::fs::read_to_string(&status).unwrap_or_default();
            status.is_empty() || status.contains("State:\tZ")
        };
        for _ in 0..100 {
            if gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("process {id} is still there");
    }
}
