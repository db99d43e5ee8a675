//! Where lines go: a file that is rotated, or standard output.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::folder::file_error;

/// What the configuration says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Nothing is recorded.
    Off,
    Stdout,
    /// A file; when it would grow beyond `max_bytes` it becomes `<path>.1`, and so on up to `<path>.<keep>`.
    File {
        path: PathBuf,
        max_bytes: u64,
        keep: u32,
    },
}

/// An open destination.
pub(super) enum Output {
    /// Whatever it is, it has no size that we could look after: a pipe, a terminal, a device.
    Stream(File),
    File(Rotating),
}

/// A regular file, and how much stands in it.
pub(super) struct Rotating {
    file: File,
    size: u64,
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
}

impl Output {
    /// Opens the destination; `None` if there is none.
    ///
    /// # Errors
    /// [`File`](crate::ErrorKind::File) if the file cannot be opened for appending.
    pub(super) fn open(destination: &Destination) -> Result<Option<Self>> {
        match destination {
            Destination::Off => Ok(None),
            Destination::Stdout => {
                let file = io::stdout().as_fd().try_clone_to_owned().map(File::from);
                file.map(|file| Some(Self::Stream(file))).map_err(|error| {
                    file_error("use for the audit trail", Path::new("standard output"), error)
                })
            }
            Destination::File { path, max_bytes, keep } => {
                let failed = |error| file_error("open the audit trail", path, error);
                let file = append(path).map_err(failed)?;
                let about = file.metadata().map_err(failed)?;
                Ok(Some(if about.is_file() {
                    let (size, path) = (about.len(), path.clone());
                    Self::File(Rotating { file, size, path, max_bytes: *max_bytes, keep: *keep })
                } else {
                    Self::Stream(file)
                }))
            }
        }
    }

    /// Hands whole lines to the operating system: all of them, or (in a file) none.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stream(file) => file.write_all(lines),
            Self::File(rotating) => rotating.write(lines),
        }
    }
}

impl Rotating {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let more = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if self.size > 0 && self.size.saturating_add(more) > self.max_bytes {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(lines) {
            // Half a line would spoil the next one too. If even this fails, the disk is beyond our help.
            let _ = self.file.set_len(self.size);
            return Err(error);
        }
        self.size += more;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: u32| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..self.keep).rev() {
            rename_if_present(&numbered(number), &numbered(number + 1))?;
        }
        if self.keep == 0 {
            fs::remove_file(&self.path)?;
        } else {
            rename_if_present(&self.path, &numbered(1))?;
        }
        self.file = append(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

/// Opens for appending; only the owner may read who used which secret.
fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn rename_if_present(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path, max_bytes: u64, keep: u32) -> Output {
        Output::open(&Destination::File { path: path.to_owned(), max_bytes, keep }).unwrap().unwrap()
    }

    #[test]
    fn a_file_that_is_full_moves_aside_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut output = open(&path, 10, 2);
        for line in ["one\n", "two\n", "three\n", "four\n", "five\n", "six six six six\n", "seven\n"] {
            output.write(line.as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("audit.jsonl"), "seven\n");
        assert_eq!(read("audit.jsonl.1"), "six six six six\n");
        assert_eq!(read("audit.jsonl.2"), "four\nfive\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_later_start_goes_on_in_the_same_file_and_knows_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        open(&path, 10, 1).write(b"12345\n").unwrap();
        let mut again = open(&path, 10, 1);
        again.write(b"678\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "12345\n678\n");
        again.write(b"9\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "9\n");
    }

    #[test]
    fn a_device_is_written_to_and_its_failure_is_told() {
        let mut full = open(Path::new("/dev/full"), 1, 1);
        assert!(full.write(b"line\n").is_err());
        open(Path::new("/dev/null"), 1, 1).write(b"line\n").unwrap();
        assert!(Path::new("/dev/null").exists(), "nobody rotates a device");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let destination = Destination::File { path: "/nowhere/audit.jsonl".into(), max_bytes: 1, keep: 1 };
        let error = Output::open(&destination).err().unwrap().to_string();
        assert!(error.contains("cannot open the audit trail /nowhere/audit.jsonl"), "{error}");
    }
}
