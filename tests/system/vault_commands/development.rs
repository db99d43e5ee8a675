//! `strongroom vault --dev`.

use std::collections::BTreeMap;

use strongroom_tests::scratch;

use super::vault;

/// The blocks of export lines, by the principal's name.
fn blocks(printed: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut blocks = BTreeMap::new();
    for block in printed.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let (heading, exports) = block.split_once('\n').unwrap();
        let name = heading.strip_prefix("# as ").unwrap().split(':').next().unwrap();
        let variables = exports.lines().map(|line| {
            let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('\'').to_owned())
        });
        blocks.insert(name.to_owned(), variables.collect());
    }
    blocks
}

#[tokio::test]
async fn it_prints_the_variables_of_a_principal_for_each_role_and_is_gone_at_the_end() {
    let folder = scratch();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut running = vault(folder.path(), &["--dev", "--listen", "127.0.0.1:0"])
        .env("TMPDIR", &temporary)
        .start(folder.path(), "dev");
    running.says("listening on").await;
    let mut found = blocks(&running.stdout());
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while found.len() < 4 && tokio::time::Instant::now() < end {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        found = blocks(&running.stdout());
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), ["administrator", "officer", "reader", "user"]);
    assert!(found.values().all(|variables| variables["AZURE_KEY_VAULT_NAME"] == "dev"));
    let as_whom = |name: &str, arguments: &[&str]| vault(folder.path(), arguments).envs(&found[name]);
    let _ = as_whom("officer", &["put", "a"]).stdin("hello").run().await.ended_with(0);
    assert_eq!(as_whom("user", &["get", "a"]).run().await.ended_with(0).stdout, "hello");
    assert_eq!(as_whom("reader", &["list"]).run().await.ended_with(0).stdout, "a\n");
    let _ = as_whom("reader", &["get", "a"]).run().await.ended_with(1);
    let _ = as_whom("user", &["put", "a"]).stdin("x").run().await.ended_with(1);
    let _ = as_whom("administrator", &["delete", "a"]).run().await.ended_with(0);
    assert!(running.stop().await.success());
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[tokio::test]
async fn a_named_folder_stays_and_faults_need_dev() {
    let folder = scratch();
    let mut running = vault(folder.path(), &["--dev", "--listen", "127.0.0.1:0", "--data-dir", "kept"])
        .start(folder.path(), "dev");
    running.says("listening on").await;
    assert!(running.stop().await.success());
    assert!(folder.path().join("kept/vault.yaml").is_file());
    std::fs::write(folder.path().join("faults.yaml"), "faults: []\n").unwrap();
    let refused =
        vault(folder.path(), &["--faults", "faults.yaml", "--data-dir", "kept"]).run().await.ended_with(2);
    assert!(refused.stderr.contains("--dev"), "{}", refused.stderr);
}
