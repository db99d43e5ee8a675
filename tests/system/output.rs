//! Where the answers of commands go.

use std::process::{Command, Stdio};

use strongroom_tests::program::binary;

#[test]
fn whoever_reads_no_further_is_told_of_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let finished = Command::new(binary())
        .args(["doctor", "-c", "not-there.yaml"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(finished.stderr).unwrap(), "");
    assert_eq!(finished.status.code(), Some(1));
}
