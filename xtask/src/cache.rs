//! The folder for what is costly to make and safe to delete, outside of every clone.

use std::{
    env,
    fs::{self, File},
    path::PathBuf,
};

use anyhow::{Context, Result, bail};

/// `strongroom/<name>` in the user's cache folder (`$XDG_CACHE_HOME`, else `~/.cache`). Its parent is made if absent.
pub(crate) fn folder(name: &str) -> Result<PathBuf> {
    let root = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
        (Some(cache), _) if !cache.is_empty() => PathBuf::from(cache),
        (_, Some(home)) if !home.is_empty() => PathBuf::from(home).join(".cache"),
        _ => bail!("neither XDG_CACHE_HOME nor HOME is set, so there is no place for a cache"),
    };
    let folder = root.join("strongroom").join(name);
    let parent = folder.parent().context("a cache folder has a parent")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    Ok(folder)
}

/// Waits until no other chore works on the cached folder, and keeps it for ours until the answer is dropped.
pub(crate) fn lock(folder: &std::path::Path) -> Result<File> {
    let path = folder.with_extension("lock");
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
