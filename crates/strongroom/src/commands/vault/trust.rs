//! `strongroom vault trust`: how clients come to trust the vault's certificate authority.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use strongroom_vault::Trust;

use super::VaultArgs;

#[derive(Debug, Args)]
pub(super) struct TrustArgs {
    /// Print the paths of the files as JSON instead
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &VaultArgs, trust: &TrustArgs) -> anyhow::Result<ExitCode> {
    let found = Trust::find(&args.data_dir(), args.config.as_deref())?;
    let text = match (trust.json, found.files()) {
        (true, files) => {
            let bundle = (!files.is_empty()).then(|| found.bundle());
            format!("{}\n", json!({"authorities": files, "bundle": bundle}))
        }
        (false, []) => "The vault's certificate was given, and tls names no caFile: the system's roots are taken to vouch for \
                        it. There is nothing to trust.\n"
            .to_owned(),
        (false, files) => files.iter().map(|file| instructions(file, found.bundle())).collect(),
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What to do with the certificate of one authority.
fn instructions(authority: &Path, bundle: &Path) -> String {
    let (ca, bundle) = (quoted(authority), quoted(bundle));
    let name = authority.file_stem().map_or("ca".into(), |stem| stem.to_string_lossy());
    let alias = format!("strongroom-{name}");
    let mut text = format!("# The authority of the vault: {}\n", authority.display());
    let ways = [
        ("curl", format!("curl --cacert {ca} URL")),
        ("Python", format!("export SSL_CERT_FILE={bundle} REQUESTS_CA_BUNDLE={bundle}")),
        ("Node", format!("export NODE_EXTRA_CA_CERTS={ca}")),
        ("Go (on Linux)", format!("export SSL_CERT_FILE={bundle}")),
        (
            "Java: a copy of its own roots with this one, for this shell",
            format!(
                "keytool -importkeystore -noprompt -srckeystore \"$JAVA_HOME/lib/security/cacerts\" -srcstorepass changeit -destkeystore {alias}.p12 -deststoretype PKCS12 -deststorepass changeit\n\
                 keytool -importcert -noprompt -alias {alias} -file {ca} -keystore {alias}.p12 -storepass changeit\n\
                 export JAVA_TOOL_OPTIONS=\"-Djavax.net.ssl.trustStore=$PWD/{alias}.p12 -Djavax.net.ssl.trustStorePassword=changeit\""
            ),
        ),
        (
            "The system, Debian and Ubuntu",
            format!(
                "sudo cp {ca} /usr/local/share/ca-certificates/{alias}.crt && sudo update-ca-certificates"
            ),
        ),
        ("The system, Fedora and Red Hat", format!("sudo trust anchor {ca}")),
        (
            "The system, macOS",
            format!(
                "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca}"
            ),
        ),
    ];
    for (who, command) in ways {
        let _ = writeln!(text, "\n# {who}\n{command}");
    }
    text.push('\n');
    text
}

/// A path as one word of a POSIX shell.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if text.bytes().all(plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_is_told_the_file_that_it_takes() {
        let text =
            instructions(Path::new("/data/my vault/ca.pem"), Path::new("/data/my vault/ca-bundle.pem"));
        for line in [
            "curl --cacert '/data/my vault/ca.pem' URL",
            "export NODE_EXTRA_CA_CERTS='/data/my vault/ca.pem'",
            "export SSL_CERT_FILE='/data/my vault/ca-bundle.pem'",
            "sudo trust anchor '/data/my vault/ca.pem'",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
        }
        assert!(
            text.contains("keytool -importcert -noprompt -alias strongroom-ca -file '/data/my vault/ca.pem'"),
            "{text}"
        );
        assert_eq!(quoted(Path::new("/it's")), r"'/it'\''s'");
    }
}
