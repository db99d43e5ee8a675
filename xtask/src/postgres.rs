//! A throw-away PostgreSQL for one run: a cluster of its own in a temporary folder, on a loopback port that the system chooses.

use std::{
    env,
    fs::{self, File},
    io::Read,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    certificates::Certificates,
    debian,
    process::{heading, output, run, succeeds},
};

/// Tells the tests where the cluster is and with which password its superuser signs in. They make a database each.
pub(crate) const URL: &str = "STRONGROOM_TEST_POSTGRES";

/// How often it is asked whether it is ready, and how long we wait in between: 30 seconds in all.
const GLANCES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// Somebody else can take the port between our look and the start.
const TRIES: u32 = 5;

/// Who may sign in, from where, and how, where there is TLS.
const WHO_COMES_HOW: &str = "\
hostssl all with_certificate 127.0.0.1/32 cert
hostnossl all only_encrypted 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
";

/// A running cluster; stopped and deleted when dropped.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: tempfile::TempDir,
    password: String,
    port: u16,
    /// Whether what was committed survives the machine, as in earnest.
    durable: bool,
    /// Whether it offers TLS.
    tls: bool,
    server: Option<Child>,
}

impl Cluster {
    /// Makes a cluster and waits until it answers. Debian's package is installed if there is no PostgreSQL.
    pub(crate) fn start() -> Result<Self> {
        Self::start_as(false, None)
    }

    /// The same, one that offers TLS, and believes the authority's clients: the user `with_certificate` signs in with nothing else, and
    /// `only_encrypted` with a password, but never without TLS.
    pub(crate) fn start_with_tls(certificates: &Certificates) -> Result<Self> {
        Self::start_as(false, Some(certificates))
    }

    /// The same, as it would be in earnest: for measurements.
    pub(crate) fn start_durable() -> Result<Self> {
        Self::start_as(true, None)
    }

    fn start_as(durable: bool, certificates: Option<&Certificates>) -> Result<Self> {
        let programs = match programs() {
            Some(programs) => programs,
            None => {
                debian::install(&["postgresql"], "the tests of the vault on PostgreSQL")?;
                programs().context("the package postgresql is installed, but its programs were not found")?
            }
        };
        heading("Starting a PostgreSQL for the tests");
        let folder = tempfile::Builder::new()
            .prefix("strongroom-postgres-")
            .tempdir()
            .context("cannot make a temporary folder for PostgreSQL")?;
        if let Some(certificates) = certificates {
            certificates.copy_to(folder.path())?;
        }
        let (password, tls) = (password()?, certificates.is_some());
        let mut cluster = Self { programs, folder, password, port: 0, durable, tls, server: None };
        cluster.make()?;
        for _ in 0..TRIES {
            if cluster.serve()? {
                return Ok(cluster);
            }
        }
        let log = fs::read_to_string(cluster.log()).unwrap_or_default();
        bail!("PostgreSQL did not start:\n{log}")
    }

    /// The id of the server's process.
    pub(crate) fn id(&self) -> u32 {
        self.server.as_ref().map_or(0, Child::id)
    }

    /// With the superuser's password. The database is the one that every cluster has.
    pub(crate) fn url(&self) -> String {
        format!("postgres://strongroom:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn make(&self) -> Result<()> {
        let secret = self.folder.path().join("password");
        fs::write(&secret, &self.password).context("cannot write the password file")?;
        if let Some(user) = unprivileged()? {
            run(Command::new("chown").args(["--recursive", user]).arg(self.folder.path()))?;
        }
        let made = self
            .program("initdb")?
            .args(["--username=strongroom", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
            .arg("--no-sync")
            .arg("--pwfile")
            .arg(&secret)
            .arg("--pgdata")
            .arg(self.data())
            .output()
            .context("cannot start initdb")?;
        if !made.status.success() {
            bail!("initdb failed:\n{}", String::from_utf8_lossy(&made.stderr));
        }
        if self.tls {
            fs::write(self.data().join("pg_hba.conf"), WHO_COMES_HOW)
                .context("cannot write who may sign in")?;
        }
        Ok(())
    }

    /// Starts the server on a free port; false if it ended at once.
    fn serve(&mut self) -> Result<bool> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        self.port = free.context("no free port")?.port();
        let log = File::create(self.log()).context("cannot make the server's log")?;
        let mut command = self.program("postgres")?;
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        // The data are thrown away: nothing needs to survive the machine.
        let hurry: &[&str] = if self.durable { &[] } else { &["fsync=off", "full_page_writes=off"] };
        for setting in hurry.iter().chain(&["max_connections=200", "shared_buffers=32MB"]) {
            command.args(["-c", setting]);
        }
        if self.tls {
            command.args(["-c", "ssl=on"]);
            for (setting, file) in [("cert", "server.pem"), ("key", "server.key"), ("ca", "ca.pem")] {
                let path = self.folder.path().join(file);
                command.arg("-c").arg(format!("ssl_{setting}_file={}", path.display()));
            }
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start postgres")?;
        let child = self.server.insert(child);
        for _ in 0..GLANCES {
            if child.try_wait().context("cannot watch postgres")?.is_some() {
                self.server = None;
                return Ok(false);
            }
            let mut ready = Command::new(self.programs.join("pg_isready"));
            ready.args(["-h", "127.0.0.1", "-d", "postgres", "-p", &self.port.to_string()]);
            if succeeds(&mut ready) {
                return Ok(true);
            }
            sleep(PAUSE);
        }
        bail!("PostgreSQL does not answer after {:?}", PAUSE * GLANCES)
    }

    /// A program of PostgreSQL, run as somebody whom it accepts. It ends when this process does.
    fn program(&self, name: &str) -> Result<Command> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]).current_dir(self.folder.path());
        if let Some(user) = unprivileged()? {
            command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
        }
        command.arg(self.programs.join(name));
        Ok(command)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let stopped = self.program("pg_ctl").is_ok_and(|mut command| {
            succeeds(command.args(["stop", "--mode=immediate", "--pgdata"]).arg(self.data()))
        });
        if !stopped {
            let _ = server.kill();
        }
        let _ = server.wait();
    }
}

/// The folder with the programs of a server: on the path, else the newest of Debian's.
fn programs() -> Option<PathBuf> {
    let whole = |folder: &Path| {
        ["initdb", "postgres", "pg_ctl", "pg_isready"].iter().all(|name| folder.join(name).is_file())
    };
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(folder) = env::split_paths(&path).find(|folder| whole(folder)) {
        return Some(folder);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| version(path).is_some() && whole(&path.join("bin")))
        .max_by_key(version)
        .map(|path| path.join("bin"))
}

/// Whom to be in the place of root, as which PostgreSQL refuses to run; `None` for who is somebody else already.
fn unprivileged() -> Result<Option<&'static str>> {
    let root = output(Command::new("id").arg("--user"))?.trim() == "0";
    let postgres = root && succeeds(Command::new("id").args(["--user", "postgres"]));
    Ok(match (root, postgres) {
        (false, _) => None,
        (true, true) => Some("postgres"),
        (true, false) => Some("nobody"),
    })
}

/// 128 bits, so that no other user of the machine becomes the cluster's superuser.
pub(crate) fn password() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
