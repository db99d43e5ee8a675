//! `bootstrap/openmetadata-ops.sh`: the options before and behind the subcommand, what is passed on, and exit codes, in each shell
//! that it may be called with. A script that prints its arguments stands in for the program.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use strongroom_tests::{Finished, Program, scratch};

/// A copy of the script in a folder like an installation's, with a configuration and a program that ends with `code`.
struct Installation {
    folder: tempfile::TempDir,
}

impl Installation {
    fn new(code: i32) -> Self {
        let folder = scratch();
        let this = Self { folder };
        for name in ["bootstrap", "conf", "bin"] {
            fs::create_dir(this.path(name)).unwrap();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bootstrap/openmetadata-ops.sh");
        fs::copy(script, this.path("bootstrap/openmetadata-ops.sh")).unwrap();
        fs::write(this.path("conf/openmetadata.yaml"), "").unwrap();
        let program = this.path("bin/strongroom");
        let lines = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" \"log ${{STRONGROOM_LOG:-}}\"\nexit {code}\n");
        fs::write(&program, lines).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn script(&self) -> Program {
        Program::with_binary(&self.path("bootstrap/openmetadata-ops.sh"), self.folder.path())
    }

    /// The script, called as `SHELL bootstrap/openmetadata-ops.sh`.
    fn by(&self, shell: &str) -> Program {
        let program = Program::with_binary(Path::new(shell), self.folder.path());
        program.arg("bootstrap/openmetadata-ops.sh").env("STRONGROOM_BIN", self.path("bin/strongroom"))
    }

    /// Runs the script in every way and insists that they do not differ.
    async fn run(&self, arguments: &[&str]) -> Finished {
        let direct = self.script().env("STRONGROOM_BIN", self.path("bin/strongroom"));
        let direct = direct.args(arguments).run().await;
        for shell in SHELLS {
            let other = self.by(shell).args(arguments).run().await;
            let same = (other.code, &other.stdout, &other.stderr);
            assert_eq!(same, (direct.code, &direct.stdout, &direct.stderr), "{shell} {arguments:?}");
        }
        direct
    }
}

/// The shells that the script is called with: `cargo xtask test` installs them.
const SHELLS: &[&str] = &["dash", "bash", "sh"];

fn lines(finished: &Finished) -> Vec<&str> {
    finished.stdout.lines().collect()
}

#[tokio::test]
async fn migrate_secrets_reads_the_configuration_beside_the_scripts_folder() {
    let installation = Installation::new(0);
    let finished = installation.run(&["migrate-secrets"]).await.ended_with(0);
    let config = installation.path("bootstrap/../conf/openmetadata.yaml");
    assert_eq!(lines(&finished), ["migrate-secrets", "-c", config.to_str().unwrap(), "log "]);
}

#[tokio::test]
async fn options_before_the_subcommand_are_the_scripts_and_those_after_it_are_passed_on() {
    let installation = Installation::new(0);
    fs::write(installation.path("my conf.yaml"), "").unwrap();
    let before = ["-d", "--config", "my conf.yaml"];
    let finished = installation.run(&[&before[..], &["migrate-secrets", "--plan", "--json"]].concat()).await;
    let passed_on = ["migrate-secrets", "-c", "my conf.yaml", "--plan", "--json", "log debug"];
    assert_eq!(lines(&finished.ended_with(0)), passed_on);
    let finished = installation.run(&["--config=my conf.yaml", "migrate-secrets"]).await;
    assert_eq!(lines(&finished.ended_with(0)), ["migrate-secrets", "-c", "my conf.yaml", "log "]);
}

#[tokio::test]
async fn the_exit_code_is_the_programs() {
    for code in [0, 1, 2, 3] {
        let _ = Installation::new(code).run(&["migrate-secrets"]).await.ended_with(code);
    }
}

#[tokio::test]
async fn wrong_usage_is_named_and_ends_with_2() {
    let installation = Installation::new(0);
    for (arguments, named) in [
        (&["reindex"][..], "reindex"),
        (&["--force", "migrate-secrets"], "--force"),
        (&["-c"], "-c"),
        (&["-c", "no-such.yaml", "migrate-secrets"], "no-such.yaml"),
        (&["migrate-secrets", "-c"], "-c"),
        (&["migrate-secrets", "--config=no-such.yaml"], "no-such.yaml"),
        (&["migrate-secrets", "--force"], "force"),
        (&["migrate", "--force"], "OpenMetadata's own tables"),
        (&["deploy-pipelines"], "OpenMetadata's alone"),
        (&["-dx", "migrate-secrets"], "-x"),
    ] {
        let finished = installation.run(arguments).await.ended_with(2);
        assert!(finished.stderr.contains(named), "{}", finished.stderr);
        assert_eq!(finished.stdout, "");
    }
    let without = installation.script().env("PATH", "/usr/bin:/bin").arg("migrate-secrets").run().await;
    assert!(without.ended_with(2).stderr.contains("STRONGROOM_BIN"));
}

#[tokio::test]
async fn without_a_subcommand_it_lists_them() {
    let installation = Installation::new(0);
    for arguments in [&[][..], &["-h"], &["--help"]] {
        assert!(installation.run(arguments).await.ended_with(0).stdout.contains("migrate-secrets"));
    }
}

#[tokio::test]
async fn the_program_is_found_on_the_path() {
    let installation = Installation::new(0);
    let path = format!("{}:/usr/bin:/bin", installation.path("bin").display());
    let finished = installation.script().env("PATH", path).arg("migrate-secrets").run().await.ended_with(0);
    assert_eq!(lines(&finished)[0], "migrate-secrets");
}

#[tokio::test]
async fn the_scripts_options_may_stand_behind_the_subcommand_too_and_be_run_together() {
    let installation = Installation::new(0);
    fs::write(installation.path("my conf.yaml"), "").unwrap();
    for arguments in [
        &["migrate-secrets", "--plan", "-c", "my conf.yaml", "--only", "a b", "-d"][..],
        &["-d", "migrate-secrets", "--config=my conf.yaml", "--plan", "--only", "a b"],
        &["-dc", "my conf.yaml", "migrate-secrets", "--plan", "--only", "a b"],
        &["--debug", "-cmy conf.yaml", "migrate-secrets", "--plan", "--only", "a b"],
        &["-d", "-c=my conf.yaml", "migrate-secrets", "--plan", "--only", "a b"],
    ] {
        let finished = installation.run(arguments).await.ended_with(0);
        let passed_on = ["migrate-secrets", "-c", "my conf.yaml", "--plan", "--only", "a b", "log debug"];
        assert_eq!(lines(&finished), passed_on, "{arguments:?}");
    }
}

#[tokio::test]
async fn help_of_the_subcommand_needs_no_configuration() {
    let installation = Installation::new(0);
    fs::remove_file(installation.path("conf/openmetadata.yaml")).unwrap();
    let finished = installation.run(&["migrate-secrets", "--help"]).await.ended_with(0);
    assert_eq!(lines(&finished)[..2], ["migrate-secrets", "--help"]);
    assert_eq!(lines(&installation.run(&["-V"]).await.ended_with(0))[0], "--version");
}

#[tokio::test]
async fn the_configuration_is_found_through_links_to_the_script() {
    let installation = Installation::new(0);
    symlink("../bootstrap/openmetadata-ops.sh", installation.path("bin/inner")).unwrap();
    symlink(installation.path("bin/inner"), installation.path("ops")).unwrap();
    let config = installation.path("bootstrap/../conf/openmetadata.yaml");
    let linked = Program::with_binary(&installation.path("ops"), installation.folder.path());
    let linked = linked.env("STRONGROOM_BIN", installation.path("bin/strongroom")).arg("migrate-secrets");
    let finished = linked.run().await.ended_with(0);
    assert_eq!(lines(&finished), ["migrate-secrets", "-c", config.to_str().unwrap(), "log "]);
}

#[tokio::test]
async fn the_variable_debug_asks_for_a_detailed_log_unless_the_log_is_set() {
    let installation = Installation::new(0);
    let debug = installation.by("sh").env("debug", "true").arg("migrate-secrets");
    assert_eq!(lines(&debug.run().await.ended_with(0)).last(), Some(&"log debug"));
    let trace = installation.by("sh").env("STRONGROOM_LOG", "trace").args(["-d", "migrate-secrets"]);
    assert_eq!(lines(&trace.run().await.ended_with(0)).last(), Some(&"log trace"));
}

#[tokio::test]
async fn shellcheck_finds_nothing_in_it() {
    let installation = Installation::new(0);
    let checked = Program::with_binary(Path::new("shellcheck"), installation.folder.path());
    let checked = checked.args(["--severity=style", "bootstrap/openmetadata-ops.sh"]).run().await;
    assert_eq!(checked.ended_with(0).stdout, "");
}
