//! Secrets that are easy to know again, and the search for them where they must not be.
//!
//! A secret that gets out seldom looks as it did: it stands in base64 in a header, percent-encoded in a form, escaped in JSON
//! or in the text of an error. A search goes through all of these forms.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// How often the arguments of all processes are looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// A secret, and what it is called in a test's complaint.
#[derive(Debug, Clone)]
pub struct Canary {
    /// What it is.
    pub what: &'static str,
    /// The secret itself.
    pub value: String,
}

/// One way to write a secret down.
#[derive(Debug, Clone)]
struct Form {
    name: &'static str,
    bytes: Vec<u8>,
}

/// Where a secret was found, and as what. Its text does not hold the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding(String);

impl Canary {
    /// A secret.
    pub fn new(what: &'static str, value: impl Into<String>) -> Self {
        Self { what, value: value.into() }
    }

    /// All the ways in which the secret could stand somewhere.
    fn forms(&self) -> Vec<Form> {
        let form = |name, text: String| Form { name, bytes: text.into_bytes() };
        let json = escaped(&self.value);
        let mut forms = vec![
            form("plain text", self.value.clone()),
            form("escaped as in JSON", json.clone()),
            form("escaped as in JSON twice", escaped(&json)),
            form("escaped for ASCII as in JSON", ascii_escaped(&self.value)),
            form("escaped as by Rust's Debug", trimmed(&format!("{:?}", self.value))),
            form("URL-encoded", url_encoded(&self.value, "%20", false)),
            form("URL-encoded in lower case", url_encoded(&self.value, "%20", true)),
            form("form-encoded", url_encoded(&self.value, "+", false)),
            form("hexadecimal", self.value.bytes().map(|byte| format!("{byte:02x}")).collect()),
            form("a list of bytes", trimmed(&format!("{:?}", self.value.as_bytes()))),
        ];
        // Inside a longer text that is encoded as a whole, the secret begins at any of three places in a group.
        for before in 0..3 {
            forms.push(form("base64", in_base64(&STANDARD_NO_PAD, &self.value, before)));
            forms.push(form("base64url", in_base64(&URL_SAFE_NO_PAD, &self.value, before)));
        }
        forms
    }

    /// How the secret stands in `content`, if it does.
    pub fn in_bytes(&self, content: &[u8]) -> Option<&'static str> {
        self.forms().into_iter().find(|form| contains(content, &form.bytes)).map(|form| form.name)
    }
}

/// Looks for all of `canaries` in `content`, which came from `place`.
pub fn look_into(place: &str, content: &[u8], canaries: &[Canary]) -> Vec<Finding> {
    let found = |canary: &Canary| {
        let form = canary.in_bytes(content)?;
        Some(Finding(format!("{} is in {place}, as {form}", canary.what)))
    };
    canaries.iter().filter_map(found).collect()
}

/// Looks for all of `canaries` in every file below `folder`, and in the files' names, except in `meant`: files that are there to
/// hold a secret.
///
/// # Panics
/// If the folder cannot be read.
pub fn look_below(folder: &Path, meant: &[&str], canaries: &[Canary]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in files(folder) {
        let name = path.strip_prefix(folder).expect("a file of the folder").to_string_lossy().into_owned();
        findings.extend(look_into("the name of a file", name.as_bytes(), canaries));
        if meant.contains(&name.as_str()) {
            continue;
        }
        // A journal can be gone since the folder was listed.
        let content = fs::read(&path).unwrap_or_default();
        findings.extend(look_into(&name, &content, canaries));
    }
    findings
}

/// All files below a folder.
///
/// # Panics
/// If the folder cannot be read.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry of a folder").path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Watches the arguments of all processes on this machine, as anybody else on it could. (Linux only.)
#[derive(Debug)]
pub struct ProcessWatch {
    ended: Arc<AtomicBool>,
    watching: Option<JoinHandle<BTreeSet<Vec<u8>>>>,
}

impl ProcessWatch {
    /// Begins to watch.
    pub fn start() -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&ended);
        let watching = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !until.load(Ordering::Relaxed) {
                seen.extend(command_lines());
                std::thread::sleep(GLANCE);
            }
            seen
        });
        Self { ended, watching: Some(watching) }
    }

    /// Ends the watch and answers all the command lines that were seen.
    ///
    /// # Panics
    /// If the watch failed.
    pub fn end(mut self) -> BTreeSet<Vec<u8>> {
        self.ended.store(true, Ordering::Relaxed);
        let watching = self.watching.take().expect("a watch ends once");
        watching.join().expect("a watch that went well")
    }
}

impl Drop for ProcessWatch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn command_lines() -> Vec<Vec<u8>> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = processes.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit());
    numbered.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok()).collect()
}

/// The text as it stands between the quotes of JSON.
fn escaped(text: &str) -> String {
    trimmed(&serde_json::Value::from(text).to_string())
}

/// Like [`escaped`], with `\uXXXX` for all that is not ASCII, and `\/`, as some writers do.
fn ascii_escaped(text: &str) -> String {
    let unit = |c: char| {
        let mut units = [0; 2];
        c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>()
    };
    escaped(text).chars().map(|c| if c.is_ascii() { c.to_string() } else { unit(c) }).collect()
}

/// Without the first and the last character.
fn trimmed(quoted: &str) -> String {
    quoted[1..quoted.len() - 1].to_owned()
}

fn url_encoded(text: &str, space: &str, lower: bool) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        b' ' => space.to_owned(),
        _ if lower => format!("%{byte:02x}"),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

/// The characters of an encoded text that depend on `text` alone, if so many bytes of a group stand before it.
fn in_base64(engine: &impl base64::Engine, text: &str, before: usize) -> String {
    let whole = engine.encode([&vec![0; before][..], text.as_bytes()].concat());
    let bits = (before * 8, (before + text.len()) * 8);
    whole[bits.0.div_ceil(6)..bits.1 / 6].to_owned()
}

fn contains(content: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(content, wanted).is_some()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;

    use base64::Engine as _;

    use super::*;

    const VALUE: &str = "Zq7~?>\"\\/ é+k&=%9x";

    fn canary() -> Canary {
        Canary::new("the canary", VALUE)
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        let in_json = serde_json::json!({ "password": VALUE }).to_string();
        let twice = serde_json::json!({ "body": in_json }).to_string();
        let standard = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
        let url_safe = |text: String| base64::engine::general_purpose::URL_SAFE.encode(text);
        let mut planted = vec![
            VALUE.to_owned(),
            in_json,
            twice,
            r#"Zq7~?>\"\\/ \u00e9+k&=%9x"#.to_owned(),
            format!("{:?}", Some(VALUE)),
            format!("{:?}", VALUE.as_bytes()),
            "Zq7~%3F%3E%22%5C%2F%20%C3%A9%2Bk%26%3D%259x".to_owned(),
            "Zq7~%3f%3e%22%5c%2f%20%c3%a9%2bk%26%3d%259x".to_owned(),
            "Zq7~%3F%3E%22%5C%2F+%C3%A9%2Bk%26%3D%259x".to_owned(),
            "5a71377e3f3e225c2f20c3a92b6b263d253978".to_owned(),
        ];
        for before in ["", "x", "xy", "xyz"] {
            for after in ["", "x", "xy"] {
                planted.push(standard(format!("{before}{VALUE}{after}")));
                planted.push(url_safe(format!("{before}{VALUE}{after}")));
            }
        }
        for planted in planted {
            let content = [b"\x00\xffbefore ", planted.as_bytes(), b" after\xff"].concat();
            assert_eq!(look_into("a place", &content, &[canary()]).len(), 1, "{planted}");
        }
    }

    #[test]
    fn what_only_looks_like_a_secret_is_not_one() {
        let like = [VALUE[..VALUE.len() - 1].to_owned(), VALUE.to_lowercase(), String::new()];
        for text in like {
            assert_eq!(look_into("a place", text.as_bytes(), &[canary()]), []);
        }
    }

    #[test]
    fn files_are_searched_wherever_they_lie_but_for_those_that_are_meant_to_hold_a_secret() {
        let folder = crate::scratch();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/file.db-wal"), format!("\0\0{VALUE}\0")).unwrap();
        fs::write(folder.path().join("clean"), "nothing").unwrap();
        assert_eq!(look_below(folder.path(), &[], &[canary()]).len(), 1);
        assert_eq!(look_below(folder.path(), &["a/b/file.db-wal"], &[canary()]), []);
    }

    #[test]
    fn a_finding_does_not_repeat_the_secret() {
        let findings = look_into("a place", VALUE.as_bytes(), &[canary()]);
        assert!(format!("{findings:?}").contains("plain text") && !format!("{findings:?}").contains("Zq7"));
    }

    #[test]
    fn the_arguments_of_other_processes_are_seen() {
        let watch = ProcessWatch::start();
        let value = format!("canary-{}", std::process::id());
        let mut child = std::process::Command::new("sleep").arg0(&value).arg("0.2").spawn().unwrap();
        child.wait().unwrap();
        let seen = watch.end();
        assert!(seen.iter().any(|line| Canary::new("an argument", value.clone()).in_bytes(line).is_some()));
    }
}
