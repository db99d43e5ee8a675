//! A PostgreSQL of one test's own, which can be restarted without harm to others. It is made of the programs of the shared one.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{Location, Server, ServerKind, Tls, TlsMode};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::running::free_port;

/// The longest that it may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(20);

/// A running cluster; killed and deleted when dropped.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    /// Whom to be in the place of root.
    owner: u32,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    /// Makes one and waits until it answers.
    ///
    /// # Panics
    /// If there is no shared server, or it cannot be made.
    pub async fn start() -> Self {
        let shared = TestDatabase::new(Kind::Postgres).await;
        let ask = async |query| shared.texts(query).await.pop().expect("an answer");
        let programs = ask("SELECT setting FROM pg_config WHERE name = 'BINDIR'").await.into();
        let data = ask("SELECT current_setting('data_directory')").await;
        let owner = std::fs::metadata(data).expect("the data of the shared server").uid();
        let folder = crate::scratch();
        std::os::unix::fs::chown(folder.path(), Some(owner), None).expect("a folder for the server");
        let mut cluster = Self { folder, programs, owner, port: free_port(), server: None };
        let mut make = cluster.program("initdb");
        make.args(["--username=strongroom", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"]);
        let made = make.arg("--pgdata").arg(cluster.data()).output().expect("initdb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.serve().await;
        cluster
    }

    /// A new database.
    ///
    /// # Panics
    /// If the server does not make it.
    pub async fn database(&self, name: &str) -> TestDatabase {
        let server = |database: &str| {
            Location::Server(Server {
                kind: ServerKind::Postgres,
                host: "127.0.0.1".to_owned(),
                port: self.port,
                database: database.to_owned(),
                schema: None,
                user: "strongroom".to_owned(),
                password: None,
                tls: Tls { mode: TlsMode::Off, ..Tls::default() },
                connections: 6,
            })
        };
        TestDatabase::at(&server("postgres")).run(&format!("CREATE DATABASE {name}")).await;
        TestDatabase::at(&server(name))
    }

    /// Stops the server as if its machine had failed, leaves it away for a while, and starts it again.
    ///
    /// # Panics
    /// If it does not stop or start.
    pub async fn restart(&mut self, away: Duration) {
        let mut server = self.server.take().expect("a running server");
        let id = i32::try_from(server.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, Signal::QUIT).expect("a process that runs");
        let end = Instant::now() + PATIENCE;
        while server.try_wait().expect("a child").is_none() {
            assert!(Instant::now() < end, "the server does not stop");
            sleep(GLANCE).await;
        }
        sleep(away).await;
        self.serve().await;
    }

    async fn serve(&mut self) {
        let log =
            File::options().create(true).append(true).open(self.folder.path().join("log")).expect("a log");
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", "shared_buffers=16MB"]);
        self.server =
            Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("postgres"));
        let end = Instant::now() + PATIENCE;
        loop {
            let mut ready = Command::new(self.programs.join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-d", "postgres", "-p", &self.port.to_string()]);
            if ready.status().expect("pg_isready").success() {
                return;
            }
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "the server does not start:\n{}", log());
            sleep(GLANCE).await;
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL, which refuses to be root. It ends when this process does.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]).current_dir(Path::new("/"));
        if rustix::process::getuid().is_root() {
            let owner = self.owner.to_string();
            command.args(["--reuid", &owner, "--clear-groups"]);
        }
        command.arg(self.programs.join(name));
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let id = i32::try_from(server.id()).ok().and_then(Pid::from_raw);
            // Killed at once it would leave its own children behind for a moment.
            let _ = id.map(|id| kill_process(id, Signal::QUIT));
            let _ = server.wait();
        }
    }
}
