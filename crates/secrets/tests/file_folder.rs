//! The folder of encrypted files: its key, its secrecy, several processes, and a process that is killed while it writes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use strongroom_secrets::clock::{ManualClock, SystemClock};
use strongroom_secrets::file::{FileConfig, FileProvider, KeySource};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{ErrorKind, ListScope, NewSecret, Provider, Result, SecretName};

/// Tells this test program, started once more, that it is a process that writes: the folder.
const WRITER: &str = "STRONGROOM_TEST_FOLDER_WRITER";

fn open(folder: &Path) -> Result<FileProvider> {
    open_with(&FileConfig::new(folder))
}

fn open_with(config: &FileConfig) -> Result<FileProvider> {
    FileProvider::open(config, Arc::new(SystemClock), Arc::new(SystemRandom))
}

fn name(text: &str) -> SecretName {
    SecretName::new(text).unwrap()
}

fn value(text: &str) -> NewSecret {
    NewSecret { value: text.into(), ..NewSecret::default() }
}

/// Every file and folder below `folder`.
fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(path) = found.get(next).cloned() {
        next += 1;
        if path.is_dir() {
            found.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

#[tokio::test]
async fn nothing_is_made_before_the_first_write() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("secrets");
    let provider = open(&folder).unwrap();
    assert_eq!(provider.get(&name("a"), None).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(provider.delete(&name("a")).await.unwrap_err().kind(), ErrorKind::NotFound);
    let listed: Vec<_> = provider.list(ListScope::Secrets).try_collect().await.unwrap();
    assert!(listed.is_empty() && all_below(scratch.path()).len() == 1);

    // One that was opened before another made the folder finds what is written there.
    let other = open(&folder).unwrap();
    other.set(&name("a"), value("1")).await.unwrap();
    assert_eq!(provider.get(&name("a"), None).await.unwrap().value, "1".into());
}

#[tokio::test]
async fn a_value_is_there_after_a_restart_with_its_key_and_no_other() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("secrets");
    open(&folder).unwrap().set(&name("a"), value("1")).await.unwrap();
    assert_eq!(open(&folder).unwrap().get(&name("a"), None).await.unwrap().value, "1".into());

    let key = fs::read_to_string(scratch.path().join("secrets.key")).unwrap();
    let given = FileConfig { key: KeySource::Given(key.into()), ..FileConfig::new(&folder) };
    assert!(open_with(&given).unwrap().get(&name("a"), None).await.is_ok());

    let other = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let wrong = FileConfig { key: KeySource::Given(other.into()), ..FileConfig::new(&folder) };
    let error = open_with(&wrong).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("is not the key of"), "{error}");

    fs::remove_file(scratch.path().join("secrets.key")).unwrap();
    let error = open(&folder).unwrap_err();
    assert!(error.to_string().contains("secrets.key is missing"), "{error}");
}

#[tokio::test]
async fn files_are_the_owners_only_and_show_neither_values_nor_tags() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("secrets");
    let provider = open(&folder).unwrap();
    let new = NewSecret {
        content_type: Some("canary-type".to_owned()),
        tags: [("canary-tag".to_owned(), "canary-owner".to_owned())].into(),
        ..value("canary-value")
    };
    provider.set(&name("a"), new).await.unwrap();
    provider.delete(&name("a")).await.unwrap();
    for path in all_below(scratch.path()).into_iter().skip(1) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"canary"), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn a_file_that_was_altered_or_moved_is_refused_by_name() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("secrets");
    let provider = open(&folder).unwrap();
    for secret in ["a", "b"] {
        provider.set(&name(secret), value("hunter2")).await.unwrap();
    }
    let file_of = |secret: &str| {
        let below = all_below(&folder.join("secrets").join(secret));
        below.into_iter().find(|path| path.is_file()).unwrap()
    };
    // The value of one secret in the place of another.
    fs::copy(file_of("a"), file_of("b")).unwrap();
    let error = provider.get(&name("b"), None).await.unwrap_err();
    assert!(error.to_string().contains("secrets/b/000001-") && error.hint().is_some(), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));

    let mut bytes = fs::read(file_of("a")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(file_of("a"), bytes).unwrap();
    assert_eq!(provider.get(&name("a"), None).await.unwrap_err().kind(), ErrorKind::Other);
    // The way out that the message names.
    provider.delete(&name("a")).await.unwrap();
}

#[tokio::test]
async fn a_folder_of_other_things_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("documents");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("letter.txt"), "dear").unwrap();
    let error = open(&folder).unwrap().set(&name("a"), value("1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("holds other things than secrets"), "{error}");
    assert!(!folder.join("secrets").exists());
}

#[tokio::test]
async fn what_a_killed_write_left_behind_is_cleared_away() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("secrets");
    let provider = open(&folder).unwrap();
    provider.set(&name("a"), value("1")).await.unwrap();
    fs::write(folder.join("new/left"), "half").unwrap();
    // A secret whose first version was never moved to its place is none.
    fs::create_dir(folder.join("secrets/b")).unwrap();
    let listed: Vec<_> = provider.list(ListScope::Secrets).try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(provider.get(&name("b"), None).await.unwrap_err().kind(), ErrorKind::NotFound);
    provider.set(&name("b"), value("2")).await.unwrap();
    assert!(!folder.join("new/left").exists());
}

#[tokio::test]
async fn whoever_holds_the_folder_too_long_is_told_of() {
    let scratch = tempfile::tempdir().unwrap();
    let config =
        FileConfig { call_timeout: Duration::from_millis(100), ..FileConfig::new(scratch.path().join("s")) };
    let provider = open_with(&config).unwrap();
    provider.set(&name("a"), value("1")).await.unwrap();
    let lock = fs::File::options().write(true).open(config.folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let error = provider.set(&name("a"), value("2")).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(provider.get(&name("a"), None).await.unwrap().value, "1".into(), "readers need no lock");
    lock.unlock().unwrap();
    provider.set(&name("a"), value("2")).await.unwrap();
}

#[tokio::test]
async fn dates_come_from_the_clock_that_was_handed_in() {
    let scratch = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at_millis(5_000));
    let config = FileConfig::new(scratch.path().join("s"));
    let provider = FileProvider::open(&config, clock.clone(), Arc::new(SystemRandom)).unwrap();
    provider.set(&name("a"), value("1")).await.unwrap();
    clock.advance_millis(2_000);
    provider.delete(&name("a")).await.unwrap();
    let deleted = provider.get_deleted(&name("a")).await.unwrap();
    assert_eq!((deleted.properties.created, deleted.deleted), (Some(5), Some(7)));
}

/// Starts this test program once more, as a process that writes to `folder` and says what was acknowledged.
fn writer(folder: &Path, secret: &str, count: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_that_writes", "--nocapture", "--test-threads=1"])
        .env(WRITER, format!("{}|{secret}|{count}", folder.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test of its own: what [`writer`] runs. Anywhere else it does nothing.
#[tokio::test]
async fn a_process_that_writes() {
    let Ok(order) = std::env::var(WRITER) else { return };
    let order: Vec<&str> = order.split('|').collect();
    let provider = open(Path::new(order[0])).unwrap();
    for number in 1..=order[2].parse::<usize>().unwrap() {
        let written = provider.set(&name(order[1]), value(&number.to_string())).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {number} {}", written.version.unwrap()).unwrap();
        out.flush().unwrap();
    }
}

/// The versions that a writer acknowledged, with their values, as far as it has come.
fn acknowledged(line: &str) -> Option<(String, String)> {
    // The first of them stands behind what the test runner says.
    let mut words = line.split_once("acknowledged ")?.1.split(' ');
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}

#[tokio::test]
async fn several_processes_write_one_secret_and_no_version_is_lost() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("secrets");
    let writers: Vec<Child> = (0..4).map(|_| writer(&folder, "shared", 25)).collect();
    let mut versions = BTreeSet::new();
    for writer in writers {
        let output = writer.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        versions.extend(text.lines().filter_map(acknowledged).map(|(_, version)| version));
    }
    assert_eq!(versions.len(), 100);
    let provider = open(&folder).unwrap();
    let shared = name("shared");
    let listed: Vec<_> = provider.list(ListScope::Versions(&shared)).try_collect().await.unwrap();
    let listed: BTreeSet<_> = listed.into_iter().map(|found| found.version.unwrap().to_string()).collect();
    assert_eq!(listed, versions);
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_writes_loses_nothing_that_it_acknowledged() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("secrets");
    for round in 1..=8_usize {
        let mut child = writer(&folder, "a", 1_000);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut last = None;
        while last
            .as_ref()
            .is_none_or(|(number, _): &(String, String)| number.parse::<usize>().unwrap() < round * 3)
        {
            last = acknowledged(&lines.next().unwrap().unwrap()).or(last);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What was said before the kill, but not read yet.
        for line in lines {
            last = line.ok().as_deref().and_then(acknowledged).or(last);
        }
        let (number, version) = last.unwrap();
        let provider = open(&folder).unwrap();
        let version = strongroom_secrets::SecretVersion::new(version);
        assert_eq!(provider.get(&name("a"), Some(&version)).await.unwrap().value, number.as_str().into());
        // The latest is that one, or one that was written and not said.
        let a = name("a");
        let all: Vec<_> = provider.list(ListScope::Versions(&a)).try_collect().await.unwrap();
        let latest = provider.get(&a, None).await.unwrap();
        assert_eq!(all.last().unwrap().version, latest.properties.version);
        assert!(latest.value.expose().parse::<usize>().unwrap() - number.parse::<usize>().unwrap() <= 1);
        provider.set(&a, value("still writable")).await.unwrap();
    }
}
