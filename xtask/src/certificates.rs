//! Certificates for the database servers of one run: an authority that nobody else knows, and what it has signed for the servers,
//! under the name `localhost` only, and for a client.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{debian, process::exists};

/// Tells the tests where the authority's certificate (`ca.pem`) and the client's (`client.pem`, `client.key`) lie.
pub(crate) const VARIABLE: &str = "STRONGROOM_TEST_DATABASE_TLS";

/// What is in each certificate.
const CONTENTS: &str = "\
[req]
distinguished_name = subject
[subject]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
subjectAltName = DNS:localhost
extendedKeyUsage = serverAuth
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
";

/// The certificates and their keys, deleted when dropped.
pub(crate) struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    /// Makes them. Debian's `openssl` is installed if there is none: a library would be compiled before the first chore.
    pub(crate) fn make() -> Result<Self> {
        if !exists(Command::new("openssl").arg("version")) {
            debian::install(&["openssl"], "the tests with TLS to the database servers")?;
        }
        let folder = tempfile::Builder::new()
            .prefix("strongroom-certificates-")
            .tempdir()
            .context("cannot make a temporary folder for certificates")?;
        let made = Self { folder };
        fs::write(made.path("contents"), CONTENTS).context("cannot write what certificates hold")?;
        made.openssl(
            &["req", "-x509", "-extensions", "ca", "-out", "ca.pem"],
            "ca",
            "The databases of a test",
        )?;
        // PostgreSQL takes the client's name for the user's.
        made.leaf("server", "localhost")?;
        made.leaf("client", "with_certificate")?;
        Ok(made)
    }

    /// The folder with all of them.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Copies to `folder` what a server presents and whom it trusts: `server.pem`, `server.key`, `ca.pem`.
    pub(crate) fn copy_to(&self, folder: &Path) -> Result<()> {
        for name in ["server.pem", "server.key", "ca.pem"] {
            fs::copy(self.path(name), folder.join(name)).with_context(|| format!("cannot copy {name}"))?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    fn leaf(&self, name: &str, subject: &str) -> Result<()> {
        let (request, certificate) = (format!("{name}.csr"), format!("{name}.pem"));
        self.openssl(&["req", "-out", &request], name, subject)?;
        self.run(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "7",
            "-extfile",
            "contents",
            "-extensions",
            name,
            "-out",
            &certificate,
        ])
    }

    /// Has a new key made, and what is asked for with it.
    fn openssl(&self, arguments: &[&str], key: &str, subject: &str) -> Result<()> {
        let (key, subject) = (format!("{key}.key"), format!("/CN={subject}"));
        let new_key =
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", &key];
        let rest = ["-new", "-config", "contents", "-days", "7", "-subj", &subject];
        self.run(&[arguments, &new_key, &rest].concat())
    }

    fn run(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(self.folder()).stdin(Stdio::null());
        let output = command.output().context("cannot start openssl")?;
        if !output.status.success() {
            bail!("openssl {} failed:\n{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}
