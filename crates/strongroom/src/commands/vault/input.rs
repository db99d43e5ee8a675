//! Secrets on their way in: from standard input or a file, never from an argument, which others on the machine can see.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use strongroom_secrets::SecretValue;
use zeroize::Zeroizing;

use crate::exit::Usage;

/// Where a secret is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    Stdin,
    File(&'a Path),
}

/// Reads a secret byte for byte.
///
/// # Errors
/// If it cannot be read, is longer than any secret, or is no UTF-8. What was read is not repeated.
pub(super) fn read(what: &str, source: Source<'_>) -> anyhow::Result<SecretValue> {
    let (mut reader, place): (Box<dyn Read>, String) = match source {
        Source::Stdin if io::stdin().is_terminal() => {
            return Err(Usage(format!(
                "a terminal would show the {what}; pipe it in, or name a file that holds it"
            ))
            .into());
        }
        Source::Stdin => (Box::new(io::stdin().lock()), "standard input".to_owned()),
        Source::File(path) => {
            let file = File::open(path)
                .map_err(|error| Usage(format!("cannot read the {what} from {}: {error}", path.display())))?;
            (Box::new(file), path.display().to_string())
        }
    };
    // One byte more tells what is too long. Of this size from the start, no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SecretValue::MAX_BYTES + 2));
    reader
        .by_ref()
        .take(SecretValue::MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| anyhow::anyhow!("cannot read the {what} from {place}: {error}"))?;
    if bytes.len() > SecretValue::MAX_BYTES {
        return Err(Usage(format!(
            "the {what} from {place} has more than {} bytes, and that is all that a vault takes",
            SecretValue::MAX_BYTES
        ))
        .into());
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(SecretValue::new(text)),
        Err(error) => Err(Usage(format!(
            "the {what} from {place} is not UTF-8 (byte {} on); a vault keeps text: encode it, as base64 does",
            error.valid_up_to()
        ))
        .into()),
    }
}

/// Reads a secret of one line, without the line break at its end.
///
/// # Errors
/// Those of [`read`].
pub(super) fn read_line(what: &str, source: Source<'_>) -> anyhow::Result<SecretValue> {
    let text = read(what, source)?;
    Ok(SecretValue::new(without_line_break(text.expose())))
}

/// A text without one line break at its end.
pub(super) fn without_line_break(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_file(content: &[u8]) -> anyhow::Result<SecretValue> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        std::fs::write(&path, content).unwrap();
        read("value", Source::File(&path))
    }

    #[test]
    fn a_value_is_read_byte_for_byte() {
        assert_eq!(read_file("ä\r\n\n".as_bytes()).unwrap().expose(), "ä\r\n\n");
        assert_eq!(read_file(b"").unwrap().expose(), "");
        assert_eq!(read_file(&[b'x'; SecretValue::MAX_BYTES]).unwrap().len(), SecretValue::MAX_BYTES);
    }

    #[test]
    fn what_is_too_long_no_text_or_not_there_is_refused_and_not_repeated() {
        for (content, part) in
            [(vec![b'x'; SecretValue::MAX_BYTES + 1], "more than"), (b"hunter2\xff".to_vec(), "not UTF-8")]
        {
            let error = read_file(&content).unwrap_err();
            assert!(error.is::<Usage>());
            let text = format!("{error:?}");
            assert!(text.contains(part) && !text.contains("hunter2") && !text.contains("xxxxxxxx"), "{text}");
        }
        assert!(read("value", Source::File(Path::new("/nowhere"))).unwrap_err().is::<Usage>());
    }

    #[test]
    fn one_line_break_is_no_part_of_a_line() {
        for (text, line) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("\n", ""), ("a\r", "a\r")]
        {
            assert_eq!(without_line_break(text), line);
        }
    }
}
