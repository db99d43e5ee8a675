//! Programs in other languages with Azure's own packages, which `cargo xtask test` installs.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::program::provided;
use crate::vault::{Principal, VAULT};
use crate::{Program, VaultServer};

/// Says which Python interpreter has the packages; `cargo xtask test` sets it, and the others here too.
pub const PYTHON: &str = "STRONGROOM_TEST_PYTHON";
/// Says where the source of the package azure-keyvault-secrets for Python lies, which brings the package's own tests.
pub const PYTHON_SOURCE: &str = "STRONGROOM_TEST_PYTHON_SOURCE";
/// Says which Node.js runs the scripts in JavaScript.
pub const NODE: &str = "STRONGROOM_TEST_NODE";
/// Says which folder holds their packages.
pub const NODE_MODULES: &str = "STRONGROOM_TEST_NODE_MODULES";
/// Says where the program made from `tests/go` lies.
pub const GO: &str = "STRONGROOM_TEST_GO";

/// Says which class path has the program made from `tests/java`; `cargo xtask test --all` sets it.
pub const JAVA_CLASS_PATH: &str = "STRONGROOM_TEST_JAVA_CLASS_PATH";

/// Says which Python interpreter has the Azure CLI; `cargo xtask test --all` sets it.
pub const AZ: &str = "STRONGROOM_TEST_AZ";

/// Puts a file in the place of the hosts file, for this process and what it starts, and then becomes another program.
const WITH_HOSTS: &str = r#"mount --bind "$1" /etc/hosts && shift && exec "$@""#;

/// A client in another language, about to sign in as a principal in an environment as `strongroom vault env` prints it.
///
/// Debian resolves no `*.localhost`, and the machine's hosts file is not ours to change. So each client runs in a mount
/// namespace of its own, in which another file lies in its place.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// The vault that it calls.
    pub vault: &'a VaultServer,
    /// Who it is.
    pub principal: &'a Principal,
    /// The folder that it runs in.
    pub folder: &'a Path,
}

impl Client<'_> {
    /// A script of `tests/python`.
    ///
    /// # Panics
    /// If `cargo xtask test` did not say where Python is.
    pub async fn python(&self, script: &str) -> Program {
        let arguments = ["-B", "-W", "error::ResourceWarning"];
        self.program(&provided(PYTHON)).await.args(arguments).arg(source("python").join(script))
    }

    /// The package's own tests, with the stand-in of `tests/python/own_tests` for what they import: those in files named so.
    ///
    /// # Panics
    /// If `cargo xtask test` did not say where Python and the package's source are, or there is no such test.
    pub async fn pythons_own_tests(&self, chosen: impl Fn(&str) -> bool) -> Program {
        let tests = Path::new(&provided(PYTHON_SOURCE)).join("tests");
        let mut files: Vec<_> = fs::read_dir(&tests)
            .expect("the folder of the package's own tests")
            .map(|entry| entry.expect("a file among the tests").path())
            .filter(|path| {
                let name = path.file_name().expect("a file has a name").to_string_lossy();
                name.starts_with("test_") && name.ends_with(".py") && chosen(&name)
            })
            .collect();
        assert!(!files.is_empty(), "no tests in {}", tests.display());
        files.sort();
        // They want the identity under names of their own.
        let own_names = [
            ("AZURE_KEYVAULT_URL", "AZURE_KEY_VAULT_URL"),
            ("KEYVAULT_TENANT_ID", "AZURE_TENANT_ID"),
            ("KEYVAULT_CLIENT_ID", "AZURE_CLIENT_ID"),
            ("KEYVAULT_CLIENT_SECRET", "AZURE_CLIENT_SECRET"),
        ];
        let environment = self.vault.environment(self.principal).await;
        self.program(&provided(PYTHON))
            .await
            .args([
                "-B",
                "-m",
                "pytest",
                "--quiet",
                "-p",
                "no:cacheprovider",
                "-p",
                "devtools_testutils.live",
            ])
            .args(["-o", "asyncio_default_fixture_loop_scope=function", "--rootdir"])
            .arg(&tests)
            .args(files)
            .env("PYTHONPATH", source("python").join("own_tests"))
            .envs(own_names.map(|(own, name)| (own, environment[name].clone())))
    }

    /// A script of `tests/javascript`.
    ///
    /// # Panics
    /// If `cargo xtask test` did not say where Node.js is.
    pub async fn javascript(&self, script: &str) -> Program {
        // Node.js looks for packages beside the script and in the folders above it, and there only.
        let scripts = self.folder.join("javascript");
        if !scripts.exists() {
            fs::create_dir(&scripts).expect("a folder for the scripts");
            std::os::unix::fs::symlink(provided(NODE_MODULES), scripts.join("node_modules"))
                .expect("a link to the packages");
            for entry in fs::read_dir(source("javascript")).expect("the folder of the scripts") {
                let path = entry.expect("a file among the scripts").path();
                if path.extension() == Some(OsStr::new("mjs")) {
                    let name = path.file_name().expect("a file has a name");
                    fs::copy(&path, scripts.join(name)).expect("a copy of the script");
                }
            }
        }
        self.program(&provided(NODE)).await.arg(scripts.join(script))
    }

    /// The program in `tests/go`, to which the first argument names a part.
    ///
    /// # Panics
    /// If `cargo xtask test` did not say where the program is.
    pub async fn go(&self) -> Program {
        self.program(&provided(GO)).await
    }

    /// The program in `tests/java`, to which the first argument names a part.
    ///
    /// # Panics
    /// If `cargo xtask test --all` did not say where the program is, or Java makes no store of the vault's authority.
    pub async fn java(&self) -> Program {
        // Java knows no variable for whom to trust, and reads no PEM.
        let store = self.folder.join("trusted.p12");
        if !store.exists() {
            let keytool = Program::with_binary(Path::new("keytool"), self.folder);
            let options = ["-importcert", "-noprompt", "-alias", "vault", "-storetype", "PKCS12"];
            let made = keytool.args(options).args(["-storepass", "trusted", "-keystore"]).arg(&store);
            let _ = made.arg("-file").arg(self.vault.ca()).run().await.ended_with(0);
        }
        self.program(OsStr::new("java"))
            .await
            // It is over before a better compiler or collector would be worth its start.
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
            .arg(format!("-Djavax.net.ssl.trustStore={}", store.display()))
            .args(["-Djavax.net.ssl.trustStorePassword=trusted", "-cp"])
            .arg(provided(JAVA_CLASS_PATH))
            .arg("Client")
    }

    /// The Azure CLI, with a configuration of its own in the client's folder.
    ///
    /// # Panics
    /// If `cargo xtask test --all` did not say where it is.
    pub async fn az(&self) -> Program {
        self.program(&provided(AZ))
            .await
            .args(["-B", "-m", "azure.cli"])
            .env("AZURE_CONFIG_DIR", self.folder.join("az"))
            // It would ask Microsoft about tenants that it does not know.
            .env("AZURE_CORE_INSTANCE_DISCOVERY", "false")
            .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
            .env("AZURE_CORE_ONLY_SHOW_ERRORS", "true")
    }

    /// The program under test, which finds the Azure CLI of [`Client::az`] on its path and knows of no other identity.
    ///
    /// # Panics
    /// If `cargo xtask test --all` did not say where the CLI is, or it cannot be put there.
    pub async fn strongroom_beside_az(&self) -> Program {
        let tools = self.folder.join("tools");
        let script =
            format!("#!/bin/sh\nexec {} -B -m azure.cli \"$@\"\n", Path::new(&provided(AZ)).display());
        fs::create_dir_all(&tools).expect("a folder for the CLI");
        fs::write(tools.join("az"), script).expect("a script");
        fs::set_permissions(tools.join("az"), fs::Permissions::from_mode(0o755)).expect("a script that runs");
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
        self.program(crate::program::binary().as_os_str())
            .await
            .env("PATH", path)
            .env("AZURE_CONFIG_DIR", self.folder.join("az"))
            .env("AZURE_CORE_INSTANCE_DISCOVERY", "false")
            .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
            .without("AZURE_CLIENT_ID")
            .without("AZURE_CLIENT_SECRET")
    }

    /// Any program, which finds the vault's names on this machine.
    pub async fn program(&self, program: &OsStr) -> Program {
        let hosts = self.folder.join("hosts");
        let names = format!(
            "127.0.0.1 localhost {VAULT}.vault.localhost login.vault.localhost management.vault.localhost\n"
        );
        fs::write(&hosts, names).expect("a hosts file");
        let mut unshare = Program::with_binary(Path::new("unshare"), self.folder).arg("--mount");
        if !rustix::process::getuid().is_root() {
            // Whoever is not root may mount things in a user namespace of their own.
            unshare = unshare.arg("--map-root-user");
        }
        unshare
            .args(["sh", "-c", WITH_HOSTS, "with-hosts"])
            .arg(hosts)
            .arg(program)
            .envs(self.vault.environment(self.principal).await)
    }
}

/// Insists that a client ends well and says `passed` at its end: one that stops early without an error has not passed.
///
/// # Panics
/// If it did not.
pub async fn passes(client: Program) {
    let printed = client.run().await.ended_with(0).stdout;
    assert_eq!(printed.lines().last(), Some("passed"));
}

/// The folder of this package that holds the sources in a language.
fn source(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(language)
}
