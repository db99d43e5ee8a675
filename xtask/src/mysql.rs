//! A throw-away MySQL and MariaDB for one run, each on a loopback port that the system chooses.
//!
//! Debian has no MySQL in its stable releases: unstable's `mysql-server-core`, and the libraries that it needs, are unpacked into
//! the cache folder and run from there by `chroot`; nothing of the system's is replaced. MariaDB comes from the system's own packages.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    cache,
    certificates::Certificates,
    debian,
    postgres::password,
    process::{heading, output, run, succeeds},
};

/// Tell the tests where the servers are and with which password `root` signs in. They make a database each.
pub(crate) const MYSQL_URL: &str = "STRONGROOM_TEST_MYSQL";
pub(crate) const MARIADB_URL: &str = "STRONGROOM_TEST_MARIADB";

/// How often it is asked whether it is ready, and how long we wait in between: 60 seconds in all.
const GLANCES: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(50);

/// Somebody else can take the port between our look and the start.
const TRIES: u32 = 5;

/// The data are thrown away: nothing needs to survive the machine.
const IN_A_HURRY: [&str; 3] =
    ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync"];
const SETTINGS: [&str; 4] = [
    "--bind-address=127.0.0.1",
    "--innodb-buffer-pool-size=64M",
    "--performance-schema=OFF",
    "--max-connections=300",
];

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    Mysql,
    MariaDb,
}

/// A running server; stopped and deleted when dropped.
pub(crate) struct Server {
    flavour: Flavour,
    /// Where the data lie, as we see it.
    folder: tempfile::TempDir,
    /// The root of its file system.
    root: PathBuf,
    password: String,
    port: u16,
    /// Whether what was committed survives the machine, as in earnest.
    durable: bool,
    /// Whether it offers TLS, with certificates of ours.
    tls: bool,
    child: Option<Child>,
}

impl Server {
    /// Starts a server and waits until it answers. What it needs is fetched if it is not there.
    pub(crate) fn start(flavour: Flavour) -> Result<Self> {
        Self::start_as(flavour, false, None)
    }

    /// The same, one that offers TLS, and believes the authority's clients.
    pub(crate) fn start_with_tls(flavour: Flavour, certificates: &Certificates) -> Result<Self> {
        Self::start_as(flavour, false, Some(certificates))
    }

    /// The same, as it would be in earnest: for measurements.
    pub(crate) fn start_durable(flavour: Flavour) -> Result<Self> {
        Self::start_as(flavour, true, None)
    }

    fn start_as(flavour: Flavour, durable: bool, certificates: Option<&Certificates>) -> Result<Self> {
        let (name, root, parent) = match flavour {
            Flavour::Mysql => {
                let root = unpacked()?;
                ("MySQL", root.clone(), root.join("tmp"))
            }
            Flavour::MariaDb => {
                // What makes its data is a script of the server's that calls a program of the client's.
                if ![MARIADB, "/usr/bin/my_print_defaults"].iter().all(|file| Path::new(file).is_file()) {
                    let packages = ["mariadb-server-core", "mariadb-client-core"];
                    debian::install(&packages, "the tests of the metastore on MariaDB")?;
                }
                ("MariaDB", PathBuf::from("/"), std::env::temp_dir())
            }
        };
        heading(&format!("Starting a {name} for the tests"));
        let folder = tempfile::Builder::new()
            .prefix("strongroom-mysql-")
            .tempdir_in(parent)
            .with_context(|| format!("cannot make a temporary folder for {name}"))?;
        if let Some(certificates) = certificates {
            certificates.copy_to(folder.path())?;
        }
        let (password, tls) = (password()?, certificates.is_some());
        let mut server = Self { flavour, folder, root, password, port: 0, durable, tls, child: None };
        server.make()?;
        for _ in 0..TRIES {
            if server.serve()? {
                return Ok(server);
            }
        }
        bail!("{name} did not start:\n{}", fs::read_to_string(server.log()).unwrap_or_default())
    }

    /// The id of the server's process.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// With the password of `root`. The database is one that every server has.
    pub(crate) fn url(&self) -> String {
        format!("mysql://root:{}@127.0.0.1:{}/mysql", self.password, self.port)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// A path of our folder as the server sees it.
    fn inside(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        let path = path.strip_prefix(&self.root).context("the folder lies in the server's root")?;
        Ok(Path::new("/").join(path))
    }

    fn make(&self) -> Result<()> {
        let log = || File::create(self.log()).context("cannot make the server's log");
        let mut command = match self.flavour {
            Flavour::Mysql => {
                let mut command = self.program(MYSQL)?;
                command
                    .arg("--no-defaults")
                    .arg("--initialize-insecure")
                    .arg("--innodb-redo-log-capacity=16M");
                command
            }
            Flavour::MariaDb => {
                let mut command = Command::new("mariadb-install-db");
                command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
                command
            }
        };
        command.arg(user_option()?).arg(format!("--datadir={}", self.inside("data")?.display()));
        let made = command.stdin(Stdio::null()).stdout(log()?).stderr(log()?).status();
        if !made.context("cannot make the server's data")?.success() {
            bail!("the server's data were not made:\n{}", fs::read_to_string(self.log()).unwrap_or_default());
        }
        let init = format!("ALTER USER 'root'@'localhost' IDENTIFIED BY '{}';\n", self.password);
        fs::write(self.folder.path().join("init.sql"), init).context("cannot write the first statements")
    }

    /// Starts the server on a free port; false if it ended at once.
    fn serve(&mut self) -> Result<bool> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        self.port = free.context("no free port")?.port();
        let log = File::create(self.log()).context("cannot make the server's log")?;
        let mut command = self.program(if self.flavour == Flavour::Mysql { MYSQL } else { MARIADB })?;
        command.arg("--no-defaults").arg(user_option()?).args(SETTINGS);
        if !self.durable {
            command.args(IN_A_HURRY);
        }
        if self.flavour == Flavour::Mysql {
            command.args([
                "--mysqlx=OFF",
                "--skip-log-bin",
                "--secure-file-priv=NULL",
                "--innodb-redo-log-capacity=16M",
            ]);
        }
        if self.tls {
            for (option, file) in [("ca", "ca.pem"), ("cert", "server.pem"), ("key", "server.key")] {
                command.arg(format!("--ssl-{option}={}", self.inside(file)?.display()));
            }
        } else if self.flavour == Flavour::MariaDb {
            command.arg("--skip-ssl");
        }
        for (option, file) in
            [("datadir", "data"), ("socket", "socket"), ("pid-file", "pid"), ("init-file", "init.sql")]
        {
            command.arg(format!("--{option}={}", self.inside(file)?.display()));
        }
        command.arg(format!("--port={}", self.port));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = self.child.insert(child.context("cannot start the server")?);
        for _ in 0..GLANCES {
            if child.try_wait().context("cannot watch the server")?.is_some() {
                self.child = None;
                return Ok(false);
            }
            // It listens once the first statements are done.
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(true);
            }
            sleep(PAUSE);
        }
        bail!("the server does not answer after {:?}", PAUSE * GLANCES)
    }

    /// A program in the server's root. It ends when this process does.
    fn program(&self, name: &str) -> Result<Command> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if self.flavour == Flavour::Mysql {
            // Who is not root is root in a namespace of his own.
            if !is_root()? {
                command.args(["unshare", "--user", "--map-root-user"]);
            }
            command.arg("chroot").arg(&self.root);
        }
        command.arg(name);
        Ok(command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Within its root.
const MYSQL: &str = "/usr/sbin/mysqld";
const MARIADB: &str = "/usr/sbin/mariadbd";

/// The root of a file system with MySQL in it, in the cache folder.
fn unpacked() -> Result<PathBuf> {
    let folder = cache::folder("mysql")?;
    let _lock = cache::lock(&folder)?;
    let root = folder.join("root");
    if root.join("complete").exists() {
        return Ok(root);
    }
    for program in ["apt-get", "dpkg-deb", "chroot"] {
        if !succeeds(Command::new(program).arg("--version")) {
            bail!("the tests on MySQL need Debian's {program}");
        }
    }
    heading("Fetching Debian's mysql-server-core into the cache folder");
    let apt = tempfile::Builder::new().prefix("strongroom-apt-").tempdir().context("no temporary folder")?;
    let at = |name: &str| apt.path().join(name);
    for name in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(at(name)).context("cannot make a folder for apt-get")?;
    }
    fs::write(at("status"), "").context("cannot write an empty list of packages")?;
    let source = format!(
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {} sid main\n",
        mirror().unwrap_or_else(|| "http://deb.debian.org/debian".to_owned())
    );
    fs::write(at("sources.list"), source).context("cannot write a list of sources")?;
    let get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        for (option, value) in [
            ("Dir::Etc::SourceList", at("sources.list")),
            ("Dir::Etc::SourceParts", PathBuf::from("-")),
            ("Dir::State::Lists", at("lists")),
            ("Dir::Cache", at("cache")),
            ("Dir::State::status", at("status")),
        ] {
            command.arg("-o").arg(format!("{option}={}", value.display()));
        }
        command.args(["-o", "APT::Install-Recommends=false", "-o", "APT::Sandbox::User=root"]);
        command.args(["-o", "Debug::NoLocking=1", "-qq", "-y"]).args(arguments).stdout(Stdio::null());
        run(&mut command)
    };
    get(&["update"])?;
    get(&["--download-only", "install", "mysql-server-core"])?;
    if root.exists() {
        fs::remove_dir_all(&root).context("cannot remove what was left half-way")?;
    }
    for name in ["bin", "lib", "lib64", "sbin"] {
        fs::create_dir_all(root.join("usr").join(name)).context("cannot make the root")?;
        std::os::unix::fs::symlink(format!("usr/{name}"), root.join(name)).context("cannot make a link")?;
    }
    let packages = fs::read_dir(at("cache/archives")).context("no packages")?;
    for package in packages.filter_map(|entry| Some(entry.ok()?.path())) {
        if package.extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&root))?;
        }
    }
    for name in ["tmp", "dev", "etc"] {
        fs::create_dir_all(root.join(name)).context("cannot make a folder of the root")?;
    }
    if is_root()? {
        for (name, major, minor) in [("null", "1", "3"), ("urandom", "1", "9")] {
            run(Command::new("mknod")
                .args(["-m", "666"])
                .arg(root.join("dev").join(name))
                .args(["c", major, minor]))?;
        }
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n").context("cannot write its users")?;
    fs::write(root.join("complete"), "").context("cannot write that it is complete")?;
    Ok(root)
}

/// The mirror of Debian that this system uses.
fn mirror() -> Option<String> {
    let parts =
        fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    parts.chain([PathBuf::from("/etc/apt/sources.list")]).find_map(|file| {
        let text = fs::read_to_string(file).ok()?;
        let mut words = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
        let found =
            words.find(|word| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian"));
        found.map(str::to_owned)
    })
}

fn is_root() -> Result<bool> {
    Ok(output(Command::new("id").arg("--user"))?.trim() == "0")
}

/// Both servers refuse to be root unless they are told to. In its namespace MySQL is.
fn user_option() -> Result<String> {
    let user = output(Command::new("id").args(["--user", "--name"]))?;
    Ok(format!("--user={}", user.trim()))
}
