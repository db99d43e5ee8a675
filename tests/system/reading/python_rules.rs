//! The rules that Airflow and the ingestion have from Python, beside Python itself: random texts, read by both.

use std::path::Path;

use serde_json::{Value, json};
use strongroom_config::expandvars;
use strongroom_ingestion::airflow::{expansion, ini::Ini};
use strongroom_secrets::SecretValue;
use strongroom_tests::clients::PYTHON;
use strongroom_tests::program::provided;
use strongroom_tests::{Program, scratch};

const CASES: usize = 3000;

/// Reads `{"environment": …, "texts": […]}` and answers what Python makes of each text in each of the ways.
const SCRIPT: &str = r#"
import configparser, io, json, os, sys

task = json.load(sys.stdin)
os.environ.clear()
os.environ.update(task["environment"])

def expand(text):
    # Airflow's way, which has no end where variables hold one another.
    for _ in range(64):
        expanded = os.path.expanduser(os.path.expandvars(text))
        if expanded == text:
            return text
        if len(expanded.encode()) > 65536:
            return None
        text = expanded
    return None

class Parser(configparser.ConfigParser):
    def optionxform(self, option):
        return option

def options(text):
    parser = Parser()
    try:
        # As a file opened for text does it.
        parser.read_file(io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
    except configparser.Error:
        return None
    found = {}
    for section in parser.sections():
        for option in parser.options(section):
            try:
                found[section + "\n" + option] = parser.get(section, option)
            except configparser.Error:
                found[section + "\n" + option] = None
    return found

json.dump([{"variables": os.path.expandvars(text), "setting": expand(text)} for text in task["texts"]]
          if task["what"] == "texts" else [options(text) for text in task["texts"]], sys.stdout)
"#;

async fn python(task: &Value) -> Vec<Value> {
    let folder = scratch();
    let interpreter = provided(PYTHON);
    let program =
        Program::with_binary(Path::new(&interpreter), folder.path()).args(["-B", "-X", "utf8", "-c", SCRIPT]);
    program.stdin(task.to_string()).run().await.ended_with(0).json().as_array().unwrap().clone()
}

/// Texts made of pieces, the same each time.
fn texts(pieces: &[&str], longest: usize) -> Vec<String> {
    // SplitMix64 from a fixed seed.
    let mut state = 5_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    };
    let mut text = || {
        let length = below(longest + 1);
        (0..length).map(|_| pieces[below(pieces.len())]).collect()
    };
    (0..CASES).map(|_| text()).collect()
}

#[tokio::test]
async fn variables_are_put_in_as_python_puts_them_in() {
    let environment = [
        ("A", "1"),
        ("EMPTY", ""),
        ("N", "$A~"),
        ("M", "${N}x"),
        ("A_1", "_"),
        ("HOME", "/home/x/"),
        ("T", "~/t"),
        ("L", "$K"),
        ("K", "${L}"),
        ("A:-d", "odd"),
        ("ü", "no"),
        ("A\nB", "two"),
    ];
    let pieces = [
        "$",
        "{",
        "}",
        "~root",
        "~daemon/",
        "~nobody-knows",
        "$A",
        "${A}",
        "$EMPTY",
        "${N}",
        "$M",
        "$T",
        "~",
        "/",
        "~/",
        "${A:-d}",
        "${UNSET}",
        "$UNSET",
        "\\",
        "\n",
        "A",
        "_",
        "1",
        " ",
        "ü",
        "$ü",
        "${ü}",
        "😀",
        "$L",
        ":-",
        "B",
        "'",
        "\"",
    ];
    let texts = texts(&pieces, 8);
    let task = json!({"what": "texts", "environment": environment.iter().copied().collect::<std::collections::BTreeMap<_, _>>(), "texts": texts});
    let answers = python(&task).await;
    assert_eq!(answers.len(), CASES);
    let variable = |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    for (text, theirs) in texts.iter().zip(&answers) {
        assert_eq!(json!(expandvars(text, &variable).unwrap()), theirs["variables"], "{text:?}");
        let setting = expansion::expand(text, &variable).ok();
        assert_eq!(json!(setting.as_ref().map(SecretValue::expose)), theirs["setting"], "{text:?}");
    }
}

#[tokio::test]
async fn airflow_cfg_is_read_as_configparser_reads_it() {
    let pieces = [
        "[s]\n",
        "[s]",
        "[t]\n",
        "[DEFAULT]\n",
        "[",
        "]",
        "a",
        "b",
        "A",
        " = ",
        "=",
        ":",
        "\n",
        "\r\n",
        "\r",
        "  ",
        "\t",
        "# c\n",
        ";",
        "a = 1\n",
        "b: %(a)s\n",
        "c=%(b)s%%\n",
        "%",
        "%%",
        "%(a)s",
        "%(",
        ")s",
        " x\n",
        "\n\n",
        "ü",
        "\u{a0}",
        "\u{1f}",
        "\u{b}",
        "\u{2028}",
        "d\n",
    ];
    let texts = texts(&pieces, 14);
    // Most random texts have no section: half of them get one.
    let texts: Vec<_> = texts
        .into_iter()
        .enumerate()
        .map(|(index, text)| if index % 2 == 0 { text } else { format!("[DEFAULT]\na = 0\n[u]\n{text}") })
        .collect();
    let answers = python(&json!({"what": "files", "environment": {}, "texts": texts})).await;
    assert_eq!(answers.len(), CASES);
    let mut read = 0;
    for (text, theirs) in texts.iter().zip(&answers) {
        let ini = Ini::parse(text);
        assert_eq!(ini.is_err(), theirs.is_null(), "{text:?}: {:?}", ini.err());
        let (Ok(ini), Some(theirs)) = (ini, theirs.as_object()) else { continue };
        read += 1;
        for (name, value) in theirs {
            let (section, option) = name.split_once('\n').unwrap();
            assert!(ini.has(section, option), "{text:?}: {name:?}");
            let ours = ini.get(section, option).ok().flatten();
            assert_eq!(json!(ours.as_ref().map(SecretValue::expose)), *value, "{text:?}: {name:?}");
        }
        for (section, option) in ini.options() {
            assert!(theirs.contains_key(&format!("{section}\n{option}")), "{text:?}: {section:?} {option:?}");
        }
    }
    assert!(read > CASES / 20, "only {read} texts were files at all");
}
