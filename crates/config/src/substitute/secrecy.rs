//! Which variables and keys hold secrets, judged by their names.

/// Whether a variable or a key of this name holds a secret, judged by the last word of the name.
pub(crate) fn holds_secret(name: &str) -> bool {
    const LAST_WORDS: [&str; 9] =
        ["password", "passwd", "pwd", "pass", "passphrase", "secret", "token", "key", "credentials"];
    // Their entries may be `name:password`.
    const WHOLE_NAMES: [&str; 2] = ["AUTHORIZER_ADMIN_PRINCIPALS", "adminPrincipals"];
    let start = name
        .rfind(['_', '-', '.'])
        .map(|at| at + 1)
        .or_else(|| if name.contains(char::is_lowercase) { name.rfind(char::is_uppercase) } else { None })
        .unwrap_or(0);
    WHOLE_NAMES.contains(&name) || LAST_WORDS.contains(&name[start..].to_ascii_lowercase().as_str())
}

/// Whether what follows is the value of a key that holds a secret: `  clientSecret: `.
pub(crate) fn secret_key_before(text: &str) -> bool {
    let is_secret = |text: &str| {
        let text = text.trim_start_matches([' ', '-', '"', '\'']);
        text.split_once(':')
            .is_some_and(|(key, _)| holds_secret(key.trim_end().trim_end_matches(['"', '\''])))
    };
    let line = text.rfind('\n').map_or(text, |at| &text[at + 1..]);
    is_secret(line) || line.rfind(['{', ',']).is_some_and(|at| is_secret(&line[at + 1..]))
}
