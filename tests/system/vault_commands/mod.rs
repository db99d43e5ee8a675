//! The commands of `strongroom vault`, as its owner and its users type them.

mod development;
mod owner;
mod secrecy;
mod secrets;
mod signing_in;
mod trust;
mod upkeep;

use strongroom_tests::Program;

/// Runs `strongroom vault` with arguments.
fn vault(folder: &std::path::Path, arguments: &[&str]) -> Program {
    Program::new(folder).arg("vault").args(arguments)
}

#[tokio::test]
async fn each_command_has_help_and_says_what_a_typo_was_meant_to_be() {
    let folder = strongroom_tests::scratch();
    let help = |words: &'static [&'static str]| {
        let program = vault(folder.path(), words).arg("--help");
        async { program.run().await.ended_with(0).stdout }
    };
    let all = help(&[]).await;
    for command in [
        "create",
        "vaults",
        "principal",
        "role",
        "reload",
        "rekey",
        "backup",
        "restore",
        "check",
        "keys",
        "put",
        "get",
        "list",
        "delete",
        "recover",
        "env",
        "trust",
    ] {
        assert!(
            all.lines().any(|line| line.trim_start().starts_with(&format!("{command} "))),
            "{command}: {all}"
        );
    }
    assert!(help(&["principal"]).await.contains("add-secret"));
    assert!(help(&["principal", "add"]).await.contains("--secret-stdin"));
    assert!(help(&["role", "assign"]).await.contains("--vault <VAULT>"));
    assert!(help(&["put"]).await.contains("standard input"));
    for (words, meant) in [
        (&["principle"][..], "principal"),
        (&["principal", "ad"], "add"),
        (&["role", "asign"], "assign"),
        (&["gett"], "get"),
    ] {
        let refused = vault(folder.path(), words).run().await.ended_with(2);
        assert!(
            refused.stdout.is_empty() && refused.stderr.contains(&format!("'{meant}'")),
            "{}",
            refused.stderr
        );
    }
}
